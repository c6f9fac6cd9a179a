#include "sim/collectives.h"

#include "workloads/chance.h"

#include <math.h>

enum { MOST_PAIRS = 1024 }; /* an all-to-all of more is planned by aggregate flows */

const char *const tw_algorithm_names[] = {"auto", "ring", "tree", "in-switch", "two-level", NULL};

/* ---- Plans ---- */

static void clear_phase(gpointer pointer)
{
  tw_phase *phase = pointer;
  g_array_unref(phase->transfers);
}

static tw_plan new_plan(void)
{
  tw_plan plan = {g_array_new(FALSE, FALSE, sizeof(tw_phase))};
  g_array_set_clear_func(plan.phases, clear_phase);
  return plan;
}

void tw_plan_clear(tw_plan *plan)
{
  g_clear_pointer(&plan->phases, g_array_unref);
}

static tw_phase *add_phase(tw_plan *plan, int steps)
{
  tw_phase phase = {g_array_new(FALSE, FALSE, sizeof(tw_transfer)), steps};
  g_array_append_val(plan->phases, phase);
  return &g_array_index(plan->phases, tw_phase, plan->phases->len - 1);
}

static void send(tw_phase *phase, int from, int to, double bytes)
{
  tw_transfer transfer = {from, to, bytes};
  if (bytes > 0 && from != to)
    g_array_append_val(phase->transfers, transfer);
}

int tw_group_domain_size(const tw_group *group)
{
  int size = 0, run = 1;
  for (int i = 1; i <= group->n; i++, run++) {
    if (i < group->n && group->domains[i] == group->domains[i - 1])
      continue;
    if (size != 0 && run != size)
      return 0;
    size = run;
    run = 0;
  }
  return size;
}

/* ---- Rings ---- */

/* Rings among ranks first, first + stride, ... (`n` of them): each sends its neighbour `bytes`. */
static void ring(tw_phase *phase, int first, int stride, int n, double bytes)
{
  for (int i = 0; i < n; i++)
    send(phase, first + i * stride, first + (i + 1) % n * stride, bytes);
}

/* A ring in which each of n ranks passes on (n − 1)/n of `bytes`, `passes` times: in every domain
 * (across = FALSE), or by rails across the domains. */
static void add_rings(tw_plan *plan, const tw_group *group, int size, gboolean across, int passes,
                      double bytes)
{
  int domains = group->n / size, n = across ? domains : size, rings = across ? size : domains;
  if (n < 2)
    return;
  tw_phase *phase = add_phase(plan, passes * (n - 1));
  for (int i = 0; i < rings; i++)
    ring(phase, across ? i : i * size, across ? size : 1, n, passes * bytes * (n - 1) / n);
}

/* ---- All-reduce ---- */

static double all_reduce_factor(int n)
{
  return 2.0 * (n - 1) / n;
}

/* Two binary trees over half of the data each, so that no rank is a leaf twice: reduce to the root, and
 * broadcast from it (Sanders et al., Parallel Computing 35(12), 2009; NCCL's tree). */
static void plan_trees(tw_plan *plan, const tw_group *group, double bytes)
{
  int n = group->n;
  tw_phase *phase = add_phase(plan, 2 * (int)ceil(log2(n)));
  for (int tree = 0; tree < 2; tree++) {
    for (int i = 1; i < n; i++) {
      /* The second tree is the first, mirrored. */
      int child = tree == 0 ? i : n - 1 - i, parent = tree == 0 ? (i - 1) / 2 : n - 1 - (i - 1) / 2;
      send(phase, child, parent, bytes / 2);
      send(phase, parent, child, bytes / 2);
    }
  }
}

static void plan_all_reduce(tw_plan *plan, const tw_group *group, tw_algorithm algorithm, double bytes)
{
  int n = group->n, size = tw_group_domain_size(group);
  switch (algorithm) {
  case TW_ALGORITHM_TREE:
    plan_trees(plan, group, bytes);
    return;
  case TW_ALGORITHM_IN_SWITCH:
    /* NVLS: the switch adds what all ranks send, and each rank sends all of the data once and 1/n of the sum
     * again, for the switch to multicast. */
    ring(add_phase(plan, 2), 0, 1, n, bytes * (n + 1) / n);
    return;
  case TW_ALGORITHM_TWO_LEVEL:
    add_rings(plan, group, size, FALSE, 1, bytes);       /* reduce-scatter in each domain */
    add_rings(plan, group, size, TRUE, 2, bytes / size); /* all-reduce of each rank's part */
    add_rings(plan, group, size, FALSE, 1, bytes);       /* all-gather */
    return;
  default:
    add_rings(plan, group, n, FALSE, 2, bytes);
  }
}

/* ---- All-gather and reduce-scatter ---- */

static double gather_factor(int n)
{
  return (double)(n - 1) / n;
}

static void plan_all_gather(tw_plan *plan, const tw_group *group, tw_algorithm algorithm, double bytes)
{
  int size = tw_group_domain_size(group);
  if (algorithm == TW_ALGORITHM_TWO_LEVEL) {
    add_rings(plan, group, size, TRUE, 1, bytes / size);
    add_rings(plan, group, size, FALSE, 1, bytes);
  } else {
    add_rings(plan, group, group->n, FALSE, 1, bytes);
  }
}

static void plan_reduce_scatter(tw_plan *plan, const tw_group *group, tw_algorithm algorithm, double bytes)
{
  int size = tw_group_domain_size(group);
  if (algorithm == TW_ALGORITHM_TWO_LEVEL) {
    add_rings(plan, group, size, FALSE, 1, bytes);
    add_rings(plan, group, size, TRUE, 1, bytes / size);
  } else {
    add_rings(plan, group, group->n, FALSE, 1, bytes);
  }
}

/* ---- All-to-all and other patterns ---- */

static double one(int n)
{
  (void)n;
  return 1;
}

static void all_pairs(tw_phase *phase, int n, double bytes)
{
  for (int i = 0; i < n; i++)
    for (int k = 1; k < n; k++)
      send(phase, i, (i + k) % n, bytes);
}

/* A rank's part for its own domain goes to its neighbour there, and the rest to one rank of another domain,
 * a different one for each rank of a domain: the NICs and up-links carry what they would carry pair by pair.
 */
static void aggregate_pairs(tw_phase *phase, const tw_group *group, int size, double bytes)
{
  int domains = group->n / size;
  for (int i = 0; i < group->n; i++) {
    int domain = i / size, local = i % size;
    int other = (domain + 1 + local % (domains - 1)) % domains;
    send(phase, i, domain * size + (local + 1) % size, bytes * (size - 1));
    send(phase, i, other * size + local, bytes * (group->n - size));
  }
}

static void plan_all_to_all(tw_plan *plan, const tw_group *group, tw_algorithm algorithm, double bytes)
{
  int n = group->n, size = tw_group_domain_size(group);
  tw_phase *phase = add_phase(plan, 1);
  (void)algorithm;
  if (n * (n - 1) <= MOST_PAIRS || size == 0)
    all_pairs(phase, n, bytes / n);
  else if (size == n)
    ring(phase, 0, 1, n, bytes * (n - 1) / n);
  else
    aggregate_pairs(phase, group, size, bytes / n);
}

/* The chain pipelines: every link carries all of it. */
static void plan_broadcast(tw_plan *plan, const tw_group *group, tw_algorithm algorithm, double bytes)
{
  gboolean tree = algorithm == TW_ALGORITHM_TREE;
  tw_phase *phase = add_phase(plan, tree ? (int)ceil(log2(group->n)) : group->n - 1);
  for (int i = 1; i < group->n; i++)
    send(phase, tree ? (i - 1) / 2 : i - 1, i, bytes);
}

static void plan_permutation(tw_plan *plan, const tw_group *group, tw_algorithm algorithm, double bytes)
{
  tw_phase *phase = add_phase(plan, 1);
  (void)algorithm;
  for (int i = 0; i < group->n; i++)
    send(phase, i, (i + group->n / 2) % group->n, bytes);
}

static void plan_random(tw_plan *plan, const tw_group *group, tw_algorithm algorithm, double bytes)
{
  tw_phase *phase = add_phase(plan, 1);
  tw_chance chance = tw_chance_new(1, "pairs");
  g_autofree int *to = g_new(int, (gsize)group->n);
  (void)algorithm;
  for (int i = 0; i < group->n; i++) {
    int k = (int)tw_chance_below(&chance, (guint64)i + 1);
    to[i] = to[k];
    to[k] = i;
  }
  for (int i = 0; i < group->n; i++)
    send(phase, i, to[i], bytes);
}

static void plan_incast(tw_plan *plan, const tw_group *group, tw_algorithm algorithm, double bytes)
{
  tw_phase *phase = add_phase(plan, 1);
  (void)algorithm;
  for (int i = 1; i < group->n; i++)
    send(phase, i, 0, bytes / group->n);
}

#define BIT(name) (1U << TW_ALGORITHM_##name)

const tw_pattern tw_patterns[] = {
    {"all-reduce", "every rank ends with the sum of all",
     BIT(RING) | BIT(TREE) | BIT(IN_SWITCH) | BIT(TWO_LEVEL), all_reduce_factor, plan_all_reduce},
    {"all-gather", "every rank ends with the parts of all", BIT(RING) | BIT(TWO_LEVEL), gather_factor,
     plan_all_gather},
    {"reduce-scatter", "every rank ends with its part of the sum", BIT(RING) | BIT(TWO_LEVEL), gather_factor,
     plan_reduce_scatter},
    {"all-to-all", "every rank sends every other a part", 0, gather_factor, plan_all_to_all},
    {"broadcast", "rank 0 sends to all, along a chain or a tree", BIT(RING) | BIT(TREE), one, plan_broadcast},
    {"permutation", "rank i sends to rank i + n/2: the bisection", 0, one, plan_permutation},
    {"random", "each rank sends to one other, drawn by chance", 0, one, plan_random},
    {"incast", "all ranks send their part to rank 0", 0, gather_factor, plan_incast},
    {NULL, NULL, 0, NULL, NULL},
};

const tw_pattern *tw_pattern_find(const char *name)
{
  for (const tw_pattern *pattern = tw_patterns; pattern->name != NULL; pattern++)
    if (g_str_equal(pattern->name, name))
      return pattern;
  return NULL;
}

tw_algorithm tw_pattern_algorithm(const tw_pattern *pattern, const tw_group *group, tw_algorithm asked)
{
  if (asked != TW_ALGORITHM_AUTO)
    return asked;
  int size = tw_group_domain_size(group);
  gboolean levels = (pattern->algorithms & BIT(TWO_LEVEL)) && size > 1 && size < group->n;
  return levels ? TW_ALGORITHM_TWO_LEVEL : TW_ALGORITHM_RING;
}

tw_plan tw_pattern_plan(const tw_pattern *pattern, const tw_group *group, tw_algorithm algorithm,
                        double bytes)
{
  tw_plan plan = new_plan();
  pattern->plan(&plan, group, tw_pattern_algorithm(pattern, group, algorithm), bytes);
  return plan;
}
