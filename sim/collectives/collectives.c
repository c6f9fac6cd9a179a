#include "sim/collectives/collectives.h"

#include "workloads/draw/chance.h"

#include <math.h>

enum { LAUNCHED_RANKS = 8 }; /* Ranks of the switch on which launches were fitted. */
enum { MOST_PAIRS = 1024 };  /* an all-to-all of more transfers is planned with fewer */

const char *const tw_algorithm_names[] = {"auto",  "ring",     "tree",     "in-switch", "two-level",
                                          "pairs", "one-shot", "two-shot", NULL};

/* ---- Plans ---- */

static void clear_phase(gpointer pointer)
{
  tw_phase *phase = pointer;
  g_array_unref(phase->transfers);
}

void tw_plan_clear(tw_plan *plan)
{
  g_clear_pointer(&plan->phases, g_array_unref);
}

static tw_phase *add_phase(tw_plan *plan, int hops, int fabric_hops)
{
  tw_phase phase = {g_array_new(FALSE, FALSE, sizeof(tw_send)), 0, hops, fabric_hops,
                    MAX(hops + fabric_hops, 1)};
  g_array_append_val(plan->phases, phase);
  return &g_array_index(plan->phases, tw_phase, plan->phases->len - 1);
}

static void send(tw_phase *phase, int from, int to, double bytes)
{
  tw_send transfer = {from, to, bytes};
  if (bytes > 0 && from != to)
    g_array_append_val(phase->transfers, transfer);
}

tw_wire_load tw_phase_load(const tw_phase *phase, const tw_group *group)
{
  tw_wire_load most = {0, 0};
  g_autofree double *bytes = g_new0(double, (gsize)group->n * 4); /* bytes in and out, inside and outside */
  for (guint i = 0; i < phase->transfers->len; i++) {
    const tw_send *t = &g_array_index(phase->transfers, tw_send, i);
    gboolean across = group->domains[t->from] != group->domains[t->to];
    bytes[4 * t->from + 2 * across] += t->bytes;
    bytes[4 * t->to + 2 * across + 1] += t->bytes;
  }
  for (int i = 0; i < group->n; i++) {
    most.inside = fmax(most.inside, fmax(bytes[4 * i], bytes[4 * i + 1]));
    most.outside = fmax(most.outside, fmax(bytes[4 * i + 2], bytes[4 * i + 3]));
  }
  return most;
}

static int depth_of(int n) /* depth of a binary tree of n ranks */
{
  return (int)ceil(log2(n));
}

/* ---- Parts of plans ---- */

/* Every rank sends its neighbour in its domain what all links there carry alike: `bytes` times the ranks that
 * are not the last. */
static void to_neighbours(tw_phase *phase, const tw_group *group, double bytes)
{
  for (int first = 0, end; first < group->n; first = end) {
    end = tw_group_domain_end(group, first);
    int size = end - first;
    for (int i = 0; i < size; i++)
      send(phase, first + i, first + (i + 1) % size, bytes * (size - 1) / size);
  }
}

/* Domain `from` sends `bytes` to domain `to`, each of its ranks an equal part; or, of more than `heads`, as
 * many as these, which stand evenly apart. */
static void to_domain(tw_phase *phase, const GArray *starts, int from, int to, int heads, double bytes)
{
  const int *start = (const int *)(const void *)starts->data;
  int size = start[from + 1] - start[from], other = start[to + 1] - start[to];
  int n = heads > 0 ? MIN(size, heads) : size;
  for (int i = 0; i < n; i++) {
    int rank = i * size / n;
    send(phase, start[from] + rank, start[to] + rank % other, bytes / n);
  }
}

/* A ring through all ranks: each domain passes on to the next what each rank passes on to its neighbour. */
static void add_ring(tw_plan *plan, const tw_group *group, int passes, double bytes)
{
  g_autoptr(GArray) starts = tw_group_starts(group);
  int n = group->n, domains = (int)starts->len - 1, across = domains > 1 ? passes * (domains - 1) : 0;
  double passed = passes * bytes * (n - 1) / n;
  tw_phase *phase = add_phase(plan, passes * (n - 1) - across, across);
  phase->own = bytes / n;
  if (domains == 1)
    for (int i = 0; i < n; i++)
      send(phase, i, (i + 1) % n, passed);
  else
    to_neighbours(phase, group, passed);
  for (int d = 0; d < domains && domains > 1; d++)
    to_domain(phase, starts, d, (d + 1) % domains, group->heads, passed);
}

/* A ring in every domain alone, or by rails through domains of `size` ranks: each of n ranks passes on
 * (n − 1)/n of `bytes`. */
static void add_rings(tw_plan *plan, const tw_group *group, int size, gboolean across, int passes,
                      double bytes)
{
  int n = across ? group->n / size : size, hops = passes * (n - 1);
  if (n < 2)
    return;
  tw_phase *phase = add_phase(plan, across ? 0 : hops, across ? hops : 0);
  phase->own = bytes / n;
  for (int i = 0; i < group->n; i++) {
    int next = across ? (i + size) % group->n : i / size * size + (i + 1) % size;
    send(phase, i, next, passes * bytes * (n - 1) / n);
  }
}

/* Two binary trees over the domains, half of the data each, so that none is a leaf twice: up to the root, and
 * down from it (Sanders et al., Parallel Computing 35(12), 2009; NCCL's tree). */
static void trees_of_domains(tw_phase *phase, const tw_group *group, int heads, double bytes)
{
  g_autoptr(GArray) starts = tw_group_starts(group);
  int domains = (int)starts->len - 1;
  for (int tree = 0; tree < 2; tree++) {
    for (int i = 1; i < domains; i++) {
      /* The second tree is the first, mirrored. */
      int child = tree == 0 ? i : domains - 1 - i,
          parent = tree == 0 ? (i - 1) / 2 : domains - 1 - (i - 1) / 2;
      to_domain(phase, starts, child, parent, heads, bytes / 2);
      to_domain(phase, starts, parent, child, heads, bytes / 2);
    }
  }
}

/* ---- All-reduce ---- */

static double all_reduce_factor(int n)
{
  return 2.0 * (n - 1) / n;
}

static void all_reduce_ring(tw_plan *plan, const tw_group *group, double bytes)
{
  add_ring(plan, group, 2, bytes);
}

/* Chains on boards, trees between them: all n − 1 edges of a tree, in both directions. */
static void all_reduce_tree(tw_plan *plan, const tw_group *group, double bytes)
{
  int domains = tw_group_domains(group), size = tw_group_domain_size(group);
  int in_domain = size > 0 ? size : (group->n + domains - 1) / domains;
  int board = CLAMP(group->board, 1, in_domain), boards = (in_domain + board - 1) / board;
  int levels = depth_of(domains), inside = 2 * (board - 1 + depth_of(boards));
  tw_phase *phase = add_phase(plan, inside, 2 * levels);
  phase->messages =
      inside * (1 + levels) + 2 * levels; /* each level fills its domain's part of the pipeline */
  phase->own = bytes / group->n;
  to_neighbours(phase, group, 2 * bytes);
  trees_of_domains(phase, group, group->heads, bytes);
}

/* The switch adds what all ranks send, and each rank sends all of the data once and its part of the sum
 * again, for the switch to multicast; trees connect domains (NVLS and NVLS tree of NCCL). A level of the tree
 * waits for a chunk from every rank of a domain before it passes anything on: filling the pipeline takes a
 * message of each, level by level. What eight of them take is in the launch. */
static void all_reduce_in_switch(tw_plan *plan, const tw_group *group, double bytes)
{
  int depth = depth_of(tw_group_domains(group));
  tw_phase *phase = add_phase(plan, 2, 2 * depth);
  int largest = tw_group_largest_domain(group);
  phase->messages = MAX(largest - LAUNCHED_RANKS, 0) + largest * depth;
  for (int first = 0, end; first < group->n; first = end) {
    end = tw_group_domain_end(group, first);
    int size = end - first;
    for (int i = 0; i < size; i++)
      send(phase, first + i, first + (i + 1) % size, bytes * (size + 1) / size);
  }
  trees_of_domains(phase, group, group->heads, bytes);
}

static void all_reduce_two_level(tw_plan *plan, const tw_group *group, double bytes)
{
  int size = tw_group_domain_size(group);
  add_rings(plan, group, size, FALSE, 1, bytes);       /* reduce-scatter in each domain */
  add_rings(plan, group, size, TRUE, 2, bytes / size); /* all-reduce of each rank's part */
  add_rings(plan, group, size, FALSE, 1, bytes);       /* all-gather */
}

static void all_reduce_one_shot(tw_plan *plan, const tw_group *group, double bytes)
{
  tw_phase *phase = add_phase(plan, 1, 0);
  phase->messages = group->n - 1;
  for (int i = 0; i < group->n; i++)
    send(phase, i, (i + 1) % group->n, bytes * (group->n - 1));
}

static void all_reduce_two_shot(tw_plan *plan, const tw_group *group, double bytes)
{
  tw_phase *phase = add_phase(plan, 2, 0);
  phase->messages = 2 * (group->n - 1);
  for (int i = 0; i < group->n; i++)
    send(phase, i, (i + 1) % group->n, 2 * bytes * (group->n - 1) / group->n);
}

/* ---- All-gather and reduce-scatter ---- */

static double gather_factor(int n)
{
  return (double)(n - 1) / n;
}

static void gather_ring(tw_plan *plan, const tw_group *group, double bytes)
{
  add_ring(plan, group, 1, bytes);
}

static void all_gather_two_level(tw_plan *plan, const tw_group *group, double bytes)
{
  int size = tw_group_domain_size(group);
  add_rings(plan, group, size, TRUE, 1, bytes / size);
  add_rings(plan, group, size, FALSE, 1, bytes);
}

static void reduce_scatter_two_level(tw_plan *plan, const tw_group *group, double bytes)
{
  int size = tw_group_domain_size(group);
  add_rings(plan, group, size, FALSE, 1, bytes);
  add_rings(plan, group, size, TRUE, 1, bytes / size);
}

/* ---- All-to-all and other patterns ---- */

static double one(int n)
{
  (void)n;
  return 1;
}

/* One step, in which each rank sends to `messages` others. */
static tw_phase *add_pairs(tw_plan *plan, const tw_group *group, int messages)
{
  gboolean across = tw_group_domains(group) > 1;
  tw_phase *phase = add_phase(plan, across ? 0 : 1, across ? 1 : 0);
  phase->messages = messages;
  return phase;
}

/* A rank sends to the domain that begins with rank `first`, all but what goes to other rails to the one at place `k`; where
 * rails send directly to each other, the next one stands for all others. */
static void send_over_rails(tw_phase *phase, const tw_group *group, int from, int first, int size, int k,
                            double bytes)
{
  double same = group->on_rail > 0 ? bytes / group->rails : bytes;
  send(phase, from, first + k, same);
  send(phase, from, first + (k + group->on_rail) % size, bytes - same);
}

/* Domain `from` sends `bytes` to domain `to`. All that a domain sends lies end to end on a line, of which
 * each of its ranks has an equal part, and so does all that it receives: this comes at `sent_at` of the one
 * line and `got_at` of the other, where the parts of ranks are `send_width` and `get_width` long. */
static void lay_between(tw_phase *phase, const tw_group *group, const GArray *starts, int from, int to,
                        double bytes, double sent_at, double send_width, double got_at, double get_width)
{
  const int *start = (const int *)(const void *)starts->data;
  int senders = start[from + 1] - start[from], receivers = start[to + 1] - start[to];
  for (double done = 0; done < bytes * (1 - 1e-9);) {
    int i = MIN((int)((sent_at + done) / send_width + 1e-9), senders - 1);
    int k = MIN((int)((got_at + done) / get_width + 1e-9), receivers - 1);
    double next = fmin((i + 1) * send_width - sent_at, (k + 1) * get_width - got_at);
    next = next > done ? fmin(next, bytes) : bytes;
    send_over_rails(phase, group, start[from] + i, start[to], receivers, k, next - done);
    done = next;
  }
}

/* Each pair of ranks of a domain exchanges `bytes`, by neighbours. */
static void pairs_inside(tw_phase *phase, const GArray *starts, double bytes)
{
  const int *start = (const int *)(const void *)starts->data;
  for (guint d = 0; d + 1 < starts->len; d++)
    for (int i = start[d]; i < start[d + 1]; i++)
      send(phase, i, i + 1 < start[d + 1] ? i + 1 : start[d], bytes * (start[d + 1] - start[d] - 1));
}

/* Each pair of ranks exchanges `bytes`, domains being equal: rank i of a domain sends to rank i of every other what its
 * domain has for that one, divided by their size. All NICs and links above them carry what they would carry pair by
 * pair, and equal flows everywhere end together. */
static void pairs_by_rails(tw_phase *phase, const tw_group *group, double bytes)
{
  g_autoptr(GArray) starts = tw_group_starts(group);
  int size = tw_group_domain_size(group);
  pairs_inside(phase, starts, bytes);
  for (int i = 0; i < group->n; i++)
    for (int k = size; k < group->n; k += size)
      send_over_rails(phase, group, i, (i / size * size + k) % group->n, size, i % size, bytes * size);
}

/* Each pair of ranks exchanges `bytes`: inside domains by neighbours, and between two domains by as few of
 * their ranks as share the domains' load out equally. All NICs and links above them carry what they would
 * carry pair by pair, with about domains² flows. */
static void aggregate_pairs(tw_phase *phase, const tw_group *group, double bytes)
{
  g_autoptr(GArray) starts = tw_group_starts(group);
  const int *start = (const int *)(const void *)starts->data;
  int domains = (int)starts->len - 1;
  g_autofree double *sent = g_new0(double, (gsize)domains), *got = g_new0(double, (gsize)domains);
  pairs_inside(phase, starts, bytes);
  /* In rounds, so that equal domains lay what they send and what they receive in the same order. */
  for (int round = 1; round < domains; round++) {
    for (int d = 0; d < domains; d++) {
      int e = (d + round) % domains, n_d = start[d + 1] - start[d], n_e = start[e + 1] - start[e];
      double all = bytes * n_d * n_e;
      lay_between(phase, group, starts, d, e, all, sent[d], bytes * (group->n - n_d), got[e],
                  bytes * (group->n - n_e));
      sent[d] += all;
      got[e] += all;
    }
  }
}

/* Flows that take one NIC and one way stand for many badly. */
static gint64 most_pairs(const tw_group *group)
{
  return group->rails > 0 ? 4 * MOST_PAIRS : MOST_PAIRS;
}

static void all_to_all(tw_plan *plan, const tw_group *group, double bytes)
{
  int n = group->n, size = tw_group_domain_size(group);
  tw_phase *phase = add_pairs(plan, group, n - 1);
  phase->own = bytes / n;
  if (size == n) {
    for (int i = 0; i < n; i++)
      send(phase, i, (i + 1) % n, bytes * (n - 1) / n);
  } else if (n * (n - 1) <= most_pairs(group)) {
    for (int i = 0; i < n; i++)
      for (int k = 1; k < n; k++)
        send(phase, i, (i + k) % n, bytes / n);
  } else if (size > 0 && n * (n / size - 1) <= most_pairs(group)) {
    pairs_by_rails(phase, group, bytes / n);
  } else {
    aggregate_pairs(phase, group, bytes / n);
  }
}

/* The chain pipelines: every link carries all of it. */
static void broadcast_chain(tw_plan *plan, const tw_group *group, double bytes)
{
  int domains = tw_group_domains(group);
  tw_phase *phase = add_phase(plan, group->n - domains, domains - 1);
  for (int i = 1; i < group->n; i++)
    send(phase, i - 1, i, bytes);
}

static void broadcast_tree(tw_plan *plan, const tw_group *group, double bytes)
{
  int across = MIN(depth_of(tw_group_domains(group)), depth_of(group->n));
  tw_phase *phase = add_phase(plan, depth_of(group->n) - across, across);
  for (int i = 1; i < group->n; i++)
    send(phase, (i - 1) / 2, i, bytes);
}

static void permutation(tw_plan *plan, const tw_group *group, double bytes)
{
  tw_phase *phase = add_pairs(plan, group, 1);
  for (int i = 0; i < group->n; i++)
    send(phase, i, (i + group->n / 2) % group->n, bytes);
}

static void random_pairs(tw_plan *plan, const tw_group *group, double bytes)
{
  tw_phase *phase = add_pairs(plan, group, 1);
  tw_chance chance = tw_chance_new(1, "pairs");
  g_autofree int *to = g_new(int, (gsize)group->n);
  for (int i = 0; i < group->n; i++) {
    int k = (int)tw_chance_below(&chance, (guint64)i + 1);
    to[i] = to[k];
    to[k] = i;
  }
  for (int i = 0; i < group->n; i++)
    send(phase, i, to[i], bytes);
}

static void incast(tw_plan *plan, const tw_group *group, double bytes)
{
  tw_phase *phase = add_pairs(plan, group, group->n - 1);
  for (int i = 1; i < group->n; i++)
    send(phase, i, 0, bytes / group->n);
}

/* ---- The tables ---- */

#define BIT(name) (1U << TW_KERNEL_##name)
#define PROTOCOLS (BIT(LL) | BIT(LL128) | BIT(SIMPLE))
#define PAIRS     (BIT(PAIRS_LL) | BIT(PAIRS))
#define END                                                                                                  \
  {                                                                                                          \
    TW_ALGORITHM_AUTO, 0, TW_SCOPE_ANY, FALSE, NULL                                                          \
  }

static const tw_method all_reduces[] = {
    {TW_ALGORITHM_RING, PROTOCOLS, TW_SCOPE_ANY, FALSE, all_reduce_ring},
    {TW_ALGORITHM_TREE, PROTOCOLS, TW_SCOPE_ANY, FALSE, all_reduce_tree},
    {TW_ALGORITHM_IN_SWITCH, BIT(IN_SWITCH), TW_SCOPE_ANY, FALSE, all_reduce_in_switch},
    {TW_ALGORITHM_TWO_LEVEL, PROTOCOLS, TW_SCOPE_EQUAL_DOMAINS, TRUE, all_reduce_two_level},
    {TW_ALGORITHM_ONE_SHOT, BIT(ONE_SHOT), TW_SCOPE_ONE_DOMAIN, TRUE, all_reduce_one_shot},
    {TW_ALGORITHM_TWO_SHOT, BIT(TWO_SHOT), TW_SCOPE_ONE_DOMAIN, TRUE, all_reduce_two_shot},
    END};
static const tw_method all_gathers[] = {
    {TW_ALGORITHM_RING, PROTOCOLS, TW_SCOPE_ANY, FALSE, gather_ring},
    {TW_ALGORITHM_TWO_LEVEL, PROTOCOLS, TW_SCOPE_EQUAL_DOMAINS, FALSE, all_gather_two_level},
    END};
static const tw_method reduce_scatters[] = {
    {TW_ALGORITHM_RING, PROTOCOLS, TW_SCOPE_ANY, FALSE, gather_ring},
    {TW_ALGORITHM_TWO_LEVEL, PROTOCOLS, TW_SCOPE_EQUAL_DOMAINS, FALSE, reduce_scatter_two_level},
    END};
static const tw_method broadcasts[] = {{TW_ALGORITHM_RING, PROTOCOLS, TW_SCOPE_ANY, FALSE, broadcast_chain},
                                       {TW_ALGORITHM_TREE, PROTOCOLS, TW_SCOPE_ANY, FALSE, broadcast_tree},
                                       END};
static const tw_method all_to_alls[] = {{TW_ALGORITHM_PAIRS, PAIRS, TW_SCOPE_ANY, FALSE, all_to_all}, END};
static const tw_method permutations[] = {{TW_ALGORITHM_PAIRS, PAIRS, TW_SCOPE_ANY, FALSE, permutation}, END};
static const tw_method randoms[] = {{TW_ALGORITHM_PAIRS, PAIRS, TW_SCOPE_ANY, FALSE, random_pairs}, END};
static const tw_method incasts[] = {{TW_ALGORITHM_PAIRS, PAIRS, TW_SCOPE_ANY, FALSE, incast}, END};

const tw_pattern tw_patterns[] = {
    {"all-reduce", "every rank ends with the sum of all", all_reduce_factor, all_reduces},
    {"all-gather", "every rank ends with the parts of all", gather_factor, all_gathers},
    {"reduce-scatter", "every rank ends with its part of the sum", gather_factor, reduce_scatters},
    {"all-to-all", "every rank sends every other a part", gather_factor, all_to_alls},
    {"broadcast", "rank 0 sends to all, along a chain or a tree", one, broadcasts},
    {"permutation", "rank i sends to rank i + n/2: the bisection", one, permutations},
    {"random", "each rank sends to one other, drawn by chance", one, randoms},
    {"incast", "all ranks send their part to rank 0", gather_factor, incasts},
    {NULL, NULL, NULL, NULL},
};

const tw_pattern *tw_pattern_find(const char *name)
{
  for (const tw_pattern *pattern = tw_patterns; pattern->name != NULL; pattern++)
    if (g_str_equal(pattern->name, name))
      return pattern;
  return NULL;
}

const tw_method *tw_pattern_method(const tw_pattern *pattern, tw_algorithm algorithm)
{
  for (const tw_method *method = pattern->methods; method->algorithm != TW_ALGORITHM_AUTO; method++)
    if (method->algorithm == algorithm)
      return method;
  return NULL;
}

gboolean tw_method_works(const tw_method *method, const tw_group *group)
{
  int size = tw_group_domain_size(group);
  if (method->algorithm == TW_ALGORITHM_IN_SWITCH && (group->meshed || tw_group_largest_domain(group) < 2))
    return FALSE;
  return method->scope == TW_SCOPE_ANY || (method->scope == TW_SCOPE_ONE_DOMAIN && size == group->n) ||
         (method->scope == TW_SCOPE_EQUAL_DOMAINS && size > 0 && size < group->n);
}

tw_plan tw_method_plan(const tw_method *method, const tw_group *group, double bytes)
{
  tw_plan plan = {g_array_new(FALSE, FALSE, sizeof(tw_phase))};
  g_array_set_clear_func(plan.phases, clear_phase);
  method->plan(&plan, group, bytes);
  return plan;
}
