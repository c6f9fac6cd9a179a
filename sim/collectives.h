/* Collectives: which bytes go from which rank to which, and in how many steps one after the other.
 *
 * A plan is a list of phases. In a phase all transfers run at once; it ends when the slowest has, and then
 * spends the latency of its `steps`. So on links of bandwidth B and latency α each, and n ranks in a ring:
 *
 *     all-reduce                    2(n−1)/n · S/B + 2(n−1)·α
 *     all-gather, reduce-scatter     (n−1)/n · S/B +  (n−1)·α
 *     all-to-all                     (n−1)/n · S/B +        α      (S: what a rank sends, its own part
 * included)
 *
 * Where ranks span NVLink domains of the same number of ranks, two-level algorithms send over the fabric only
 * what must cross it, by rails: rank i of each domain talks to rank i of the others. */
#ifndef TW_SIM_COLLECTIVES_H
#define TW_SIM_COLLECTIVES_H

#include <glib.h>

/* Ranks of a collective and where they stand. Ranks of a domain follow one another. */
typedef struct tw_group {
  int n;
  const int *domains; /* of each rank; any numbers */
} tw_group;

typedef struct tw_transfer {
  int from, to; /* ranks */
  double bytes;
} tw_transfer;

typedef struct tw_phase {
  GArray *transfers; /* of tw_transfer */
  int steps;         /* latencies of the slowest transfer, one after the other */
} tw_phase;

typedef struct tw_plan {
  GArray *phases; /* of tw_phase */
} tw_plan;
void tw_plan_clear(tw_plan *plan);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(tw_plan, tw_plan_clear)

typedef enum {
  TW_ALGORITHM_AUTO,
  TW_ALGORITHM_RING,
  TW_ALGORITHM_TREE,
  TW_ALGORITHM_IN_SWITCH,
  TW_ALGORITHM_TWO_LEVEL
} tw_algorithm;
extern const char *const tw_algorithm_names[];

/* A pattern of communication: a row of the table. */
typedef struct tw_pattern {
  const char *name, *help;
  guint algorithms; /* bits 1 << tw_algorithm that it has beside auto */
  /* Bus bandwidth over algorithm bandwidth, as nccl-tests defines it (PERFORMANCE.md): what makes it
   * comparable with the links. */
  double (*bus_factor)(int n);
  void (*plan)(tw_plan *plan, const tw_group *group, tw_algorithm algorithm, double bytes);
} tw_pattern;
extern const tw_pattern tw_patterns[];               /* ends with a NULL name */
const tw_pattern *tw_pattern_find(const char *name); /* or NULL */

/* What `auto` stands for: two levels where ranks span domains of equally many ranks (and it has them), else a
 * ring. */
tw_algorithm tw_pattern_algorithm(const tw_pattern *pattern, const tw_group *group, tw_algorithm asked);

/* The plan of a pattern over n >= 2 ranks that hold `bytes` each (all-gather: in the end). An algorithm that
 * the pattern lacks must not be asked for; tree, in-switch and two-level need one of tw_pattern_algorithm's
 * conditions. */
tw_plan tw_pattern_plan(const tw_pattern *pattern, const tw_group *group, tw_algorithm algorithm,
                        double bytes);

/* How many ranks every domain of the group has, 0 if they differ. */
int tw_group_domain_size(const tw_group *group);

#endif
