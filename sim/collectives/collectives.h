/* Collectives: which bytes go from which rank to which, and in how many steps one after the other.
 *
 * A plan is a list of phases. In a phase all transfers run at once (chunks are pipelined); it ends when the
 * slowest has, and then spends the latencies of its hops. So on links of bandwidth B and latency α each, and
 * n ranks in a ring:
 *
 *     all-reduce                    2(n−1)/n · S/B + 2(n−1)·α
 *     all-gather, reduce-scatter     (n−1)/n · S/B +  (n−1)·α
 *     all-to-all                     (n−1)/n · S/B +        α
 *
 * where S is what a rank sends, its own part included.
 *
 * Ranks that span NVLink domains use all NICs at once, as NCCL's channels do: rank i of a domain talks to
 * rank i of others, and each carries its part. What is pipelined inside domains flows to neighbours there:
 * rotated over channels, every link carries the same. Kernels take more than this: collective_time.h. */
#ifndef TW_SIM_COLLECTIVES_H
#define TW_SIM_COLLECTIVES_H

#include "platforms/reader/device.h"
#include "sim/collectives/group.h"

/* A message of one rank to another in a phase. */
typedef struct tw_send {
  int from, to; /* ranks */
  double bytes;
} tw_send;

typedef struct tw_phase {
  GArray *transfers;     /* the sends (tw_send) */
  double own;            /* bytes that stay on each rank, and are copied there */
  int hops, fabric_hops; /* latencies one after the other, inside domains and between them */
  int messages;          /* messages that a rank sends one after the other */
} tw_phase;

typedef struct tw_plan {
  GArray *phases; /* the phases (tw_phase) */
} tw_plan;
void tw_plan_clear(tw_plan *plan);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(tw_plan, tw_plan_clear)

typedef enum {
  TW_ALGORITHM_AUTO, /* the fastest that the library has */
  TW_ALGORITHM_RING,
  TW_ALGORITHM_TREE,
  TW_ALGORITHM_IN_SWITCH,
  TW_ALGORITHM_TWO_LEVEL,
  TW_ALGORITHM_PAIRS,
  TW_ALGORITHM_ONE_SHOT,
  TW_ALGORITHM_TWO_SHOT
} tw_algorithm;
extern const char *const tw_algorithm_names[];

typedef enum { TW_SCOPE_ANY, TW_SCOPE_ONE_DOMAIN, TW_SCOPE_EQUAL_DOMAINS } tw_scope;

/* How a pattern is run: a row of its table. */
typedef struct tw_method {
  tw_algorithm algorithm; /* AUTO ends the table */
  guint kernels;          /* bits 1 << tw_kernel that run it */
  /* The groups that it works for: those that lie in one domain, or in several of as many ranks each. */
  tw_scope scope;
  gboolean custom; /* inference engines have it, collective libraries do not */
  void (*plan)(tw_plan *plan, const tw_group *group, double bytes);
} tw_method;

/* A pattern of communication: a row of the table. */
typedef struct tw_pattern {
  const char *name, *help;
  /* Bus bandwidth over algorithm bandwidth, as nccl-tests defines it (PERFORMANCE.md): what makes it
   * comparable with the links. */
  double (*bus_factor)(int n);
  const tw_method *methods;
} tw_pattern;
extern const tw_pattern tw_patterns[];               /* ends with a NULL name */
const tw_pattern *tw_pattern_find(const char *name); /* or NULL */

/* The row of an algorithm, NULL if the pattern lacks it. */
const tw_method *tw_pattern_method(const tw_pattern *pattern, tw_algorithm algorithm);
gboolean tw_method_works(const tw_method *method, const tw_group *group);

/* The plan over n >= 2 ranks that hold `bytes` each (all-gather: in the end), for which the method works. */
tw_plan tw_method_plan(const tw_method *method, const tw_group *group, double bytes);

/* The bytes that the busiest rank of a phase sends or receives: inside its domain, and over its NIC. */
typedef struct tw_wire_load {
  double inside, outside;
} tw_wire_load;
tw_wire_load tw_phase_load(const tw_phase *phase, const tw_group *group);

#endif
