/* Plans of collectives: what every rank sends and receives, and how many latencies follow each other. S is what a rank
 * holds, 840 bytes here, which 2 to 8 ranks divide; n ranks lie in D domains of s. */
#include "sim/collectives/collectives.h"
#include "tests/check.h"

#include <math.h>

enum { MOST = 160 };
static const double S = 840;

typedef struct grouping {
  int domain[MOST];
  tw_group group;
} grouping;

/* n ranks in domains of `size`; all in one if it is n. */
static grouping *group_of(grouping *g, int n, int size)
{
  for (int i = 0; i < n; i++)
    g->domain[i] = i / size;
  g->group = (tw_group){n, g->domain, 8, 0, FALSE, 0, 0};
  return g;
}

static tw_plan plan_of(const char *pattern, tw_algorithm algorithm, const grouping *g)
{
  const tw_method *method = tw_pattern_method(tw_pattern_find(pattern), algorithm);
  assert_non_null(method);
  assert_true(tw_method_works(method, &g->group));
  return tw_method_plan(method, &g->group, S);
}

static const tw_phase *phase_at(const tw_plan *plan, guint i)
{
  assert_true(i < plan->phases->len);
  return &g_array_index(plan->phases, tw_phase, i);
}

static void assert_phase(const tw_phase *phase, const grouping *g, int hops, int fabric_hops, double inside,
                         double outside, double own)
{
  tw_wire_load load = tw_phase_load(phase, &g->group);
  assert_int_equal(phase->hops, hops);
  assert_int_equal(phase->fabric_hops, fabric_hops);
  assert_near(load.inside, inside, 1e-9);
  assert_near(load.outside, outside, 1e-9);
  assert_near(phase->own, own, 1e-9);
}

/* Ring: 2(n−1)/n · S and 2(n−1) steps for all-reduce, half for the others. One shot: all to all others at once; two
 * shots: the parts of a reduce-scatter and an all-gather. The switch: S up and S/n down. A tree whose ranks are all on
 * one board is a chain there and back. */
static void in_one_domain_every_algorithm_sends_what_its_formula_says(void **state)
{
  (void)state;
  for (int n = 2; n <= 8; n++) {
    grouping g;
    group_of(&g, n, n);
    double parts = S * (n - 1) / n;
    const struct {
      const char *pattern;
      tw_algorithm algorithm;
      int hops, messages;
      double inside, own;
    } rows[] = {
        {"all-reduce", TW_ALGORITHM_RING, 2 * (n - 1), 2 * (n - 1), 2 * parts, S / n},
        {"all-reduce", TW_ALGORITHM_TREE, 2 * (n - 1), 2 * (n - 1), 2 * parts, S / n},
        /* A message of each rank fills the pipeline; those of eight are in the launch. */
        {"all-reduce", TW_ALGORITHM_IN_SWITCH, 2, MAX(n - 8, 0), S * (n + 1) / n, 0},
        {"all-reduce", TW_ALGORITHM_ONE_SHOT, 1, n - 1, S * (n - 1), 0},
        {"all-reduce", TW_ALGORITHM_TWO_SHOT, 2, 2 * (n - 1), 2 * parts, 0},
        {"all-gather", TW_ALGORITHM_RING, n - 1, n - 1, parts, S / n},
        {"reduce-scatter", TW_ALGORITHM_RING, n - 1, n - 1, parts, S / n},
        {"all-to-all", TW_ALGORITHM_PAIRS, 1, n - 1, parts, S / n},
        {"broadcast", TW_ALGORITHM_RING, n - 1, n - 1, S, 0},
        {"permutation", TW_ALGORITHM_PAIRS, 1, 1, S, 0},
        {"incast", TW_ALGORITHM_PAIRS, 1, n - 1, parts, 0},
    };
    for (guint r = 0; r < G_N_ELEMENTS(rows); r++) {
      g_auto(tw_plan) plan = plan_of(rows[r].pattern, rows[r].algorithm, &g);
      assert_int_equal(plan.phases->len, 1);
      assert_phase(phase_at(&plan, 0), &g, rows[r].hops, 0, rows[r].inside, 0, rows[r].own);
      assert_int_equal(phase_at(&plan, 0)->messages, rows[r].messages);
    }
  }
}

/* A ring of n ranks crosses from domain to domain D times a pass: (D−1) of its (n−1) steps are over the fabric. Domains
 * of s ranks share over their s NICs what each passes on. */
static void a_ring_over_domains_uses_all_of_their_nics(void **state)
{
  (void)state;
  for (int size = 2; size <= 4; size++)
    for (int domains = 2; domains <= 4; domains++) {
      grouping g;
      int n = size * domains;
      group_of(&g, n, size);
      double parts = S * (n - 1) / n;
      g_auto(tw_plan) reduce = plan_of("all-reduce", TW_ALGORITHM_RING, &g);
      assert_phase(phase_at(&reduce, 0), &g, 2 * (n - domains), 2 * (domains - 1),
                   2 * parts * (size - 1) / size, 2 * parts / size, S / n);
      g_auto(tw_plan) gather = plan_of("all-gather", TW_ALGORITHM_RING, &g);
      assert_phase(phase_at(&gather, 0), &g, n - domains, domains - 1, parts * (size - 1) / size,
                   parts / size, S / n);
    }
}

/* Two levels: S/s a rank is reduced in its domain, all-reduced over its rail of D ranks, and gathered again. */
static void two_levels_work_in_domains_and_along_rails(void **state)
{
  (void)state;
  for (int size = 2; size <= 4; size++)
    for (int domains = 2; domains <= 4; domains++) {
      grouping g;
      group_of(&g, size * domains, size);
      double inner = S * (size - 1) / size, rail = S / size * (domains - 1) / domains;
      double own = S / size, part = S / size / domains;
      g_auto(tw_plan) reduce = plan_of("all-reduce", TW_ALGORITHM_TWO_LEVEL, &g);
      assert_int_equal(reduce.phases->len, 3);
      assert_phase(phase_at(&reduce, 0), &g, size - 1, 0, inner, 0, own);
      assert_phase(phase_at(&reduce, 1), &g, 0, 2 * (domains - 1), 0, 2 * rail, part);
      assert_phase(phase_at(&reduce, 2), &g, size - 1, 0, inner, 0, own);
      g_auto(tw_plan) gather = plan_of("all-gather", TW_ALGORITHM_TWO_LEVEL, &g);
      assert_int_equal(gather.phases->len, 2);
      assert_phase(phase_at(&gather, 0), &g, 0, domains - 1, 0, rail, part);
      assert_phase(phase_at(&gather, 1), &g, size - 1, 0, inner, 0, own);
      g_auto(tw_plan) scatter = plan_of("reduce-scatter", TW_ALGORITHM_TWO_LEVEL, &g);
      assert_int_equal(scatter.phases->len, 2);
      assert_phase(phase_at(&scatter, 0), &g, size - 1, 0, inner, 0, own);
      assert_phase(phase_at(&scatter, 1), &g, 0, domains - 1, 0, rail, part);
    }
}

/* Pairs in several domains take one step over the fabric, and none inside. Of an all-to-all (n−s)/n leave the domain;
 * of a permutation by n/2, all do. */
static void pairs_over_domains_take_one_step_of_the_fabric(void **state)
{
  (void)state;
  for (int domains = 2; domains <= 6; domains += 2) {
    grouping g;
    int size = 4, n = size * domains;
    group_of(&g, n, size);
    g_auto(tw_plan) all = plan_of("all-to-all", TW_ALGORITHM_PAIRS, &g);
    assert_phase(phase_at(&all, 0), &g, 0, 1, S * (size - 1) / n, S * (n - size) / n, S / n);
    g_auto(tw_plan) moved = plan_of("permutation", TW_ALGORITHM_PAIRS, &g);
    assert_phase(phase_at(&moved, 0), &g, 0, 1, 0, S, 0);
    g_auto(tw_plan) in = plan_of("incast", TW_ALGORITHM_PAIRS, &g);
    assert_phase(phase_at(&in, 0), &g, 0, 1, S * (size - 1) / n, S * (n - size) / n, 0);
  }
}

/* Two trees over domains of one rank, half of S each, and the second is the first mirrored. A root sends S/2 to each of
 * its children, and is a leaf of the other tree; an inner node sends S/2 up besides, and has two children from five
 * domains on. Depth: ceil(log2 D), up and down. */
static void trees_over_domains_are_as_deep_as_their_logarithm(void **state)
{
  (void)state;
  static const int depths[] = {[2] = 1, [3] = 2, [4] = 2, [5] = 3, [8] = 3, [9] = 4, [16] = 4};
  for (guint domains = 2; domains < G_N_ELEMENTS(depths); domains++) {
    if (depths[domains] == 0)
      continue;
    grouping g;
    group_of(&g, (int)domains, 1);
    g_auto(tw_plan) tree = plan_of("all-reduce", TW_ALGORITHM_TREE, &g);
    double load = domains == 2 ? S : domains <= 4 ? 1.5 * S : 2 * S;
    assert_phase(phase_at(&tree, 0), &g, 0, 2 * depths[domains], 0, load, S / domains);
    g_auto(tw_plan) down = plan_of("broadcast", TW_ALGORITHM_TREE, &g);
    assert_phase(phase_at(&down, 0), &g, 0, depths[domains], 0, domains == 2 ? S : 2 * S, 0);
  }
}

/* In one domain of n the pipeline of the switch is filled by the ranks behind the eighth, and over D domains by all n of
 * one, level by level. The switch takes S(n+1)/n of each rank, and the two trees of domains load its NIC with an n-th of
 * what they load domains of one rank with. */
static void a_switch_is_filled_by_the_ranks_of_a_domain_level_by_level(void **state)
{
  (void)state;
  static const struct {
    int domains, depth;
    double outside;
  } rows[] = {{1, 0, 0}, {2, 1, 1}, {4, 2, 1.5}, {5, 3, 2}};
  for (int size = 2; size <= 24; size += 11)
    for (guint r = 0; r < G_N_ELEMENTS(rows); r++) {
      grouping g;
      group_of(&g, rows[r].domains * size, size);
      g_auto(tw_plan) plan = plan_of("all-reduce", TW_ALGORITHM_IN_SWITCH, &g);
      assert_phase(phase_at(&plan, 0), &g, 2, 2 * rows[r].depth, S * (size + 1) / size,
                   rows[r].outside * S / size, 0);
      assert_int_equal(phase_at(&plan, 0)->messages, (size > 8 ? size - 8 : 0) + size * rows[r].depth);
    }
}

/* A tree over domains of 16 ranks on boards of b: chains of b - 1 steps, and trees over the ceil(16 / b) boards, up and
 * down; each of the two levels between four domains waits for all of these once more. */
static void a_tree_is_a_chain_on_each_board(void **state)
{
  (void)state;
  static const struct {
    int board, inside;
  } rows[] = {{1, 2 * (0 + 4)}, {6, 2 * (5 + 2)}, {8, 2 * (7 + 1)}, {16, 2 * 15}, {99, 2 * 15}};
  for (guint r = 0; r < G_N_ELEMENTS(rows); r++) {
    grouping g;
    group_of(&g, 64, 16)->group.board = rows[r].board;
    g_auto(tw_plan) plan = plan_of("all-reduce", TW_ALGORITHM_TREE, &g);
    assert_phase(phase_at(&plan, 0), &g, rows[r].inside, 4, 2 * S * 15 / 16, 1.5 * S / 16, S / 64);
    assert_int_equal(phase_at(&plan, 0)->messages, rows[r].inside * 3 + 4);
  }
  /* Domains of 16 and 8 ranks count as of 12 each: two boards of 8. */
  grouping g;
  group_of(&g, 24, 16)->group.board = 8;
  g_auto(tw_plan) plan = plan_of("all-reduce", TW_ALGORITHM_TREE, &g);
  assert_int_equal(phase_at(&plan, 0)->hops, 2 * (7 + 1));
}

/* Bytes that rank `rank` sends to other domains, or (`sent` FALSE) gets from them. */
static double crossing(const tw_phase *phase, const grouping *g, int rank, gboolean sent)
{
  double bytes = 0;
  for (guint i = 0; i < phase->transfers->len; i++) {
    const tw_send *t = &g_array_index(phase->transfers, tw_send, i);
    if ((sent ? t->from : t->to) == rank && g->domain[t->from] != g->domain[t->to])
      bytes += t->bytes;
  }
  return bytes;
}

/* Of domains of eight, three heads that stand evenly apart, ranks 0, 2 and 5, carry what a domain passes on: a third
 * each. More heads than ranks are all ranks. */
static void heads_stand_evenly_apart_and_share_what_crosses(void **state)
{
  (void)state;
  grouping g;
  for (int heads = 3; heads <= 9; heads += 6) {
    group_of(&g, 16, 8)->group.heads = heads;
    g_auto(tw_plan) plan = plan_of("all-gather", TW_ALGORITHM_RING, &g);
    for (int i = 0; i < 16; i++) {
      gboolean is_head = heads > 8 || i % 8 == 0 || i % 8 == 2 || i % 8 == 5;
      double part = S * 15 / 16 / MIN(heads, 8);
      assert_near(crossing(phase_at(&plan, 0), &g, i, TRUE), is_head ? part : 0, 1e-9);
      assert_near(crossing(phase_at(&plan, 0), &g, i, FALSE), is_head ? part : 0, 1e-9);
    }
  }
  /* A domain of eight sends to one of three: its ranks 0 to 2 get from three, three and two of them. */
  group_of(&g, 11, 8);
  g_auto(tw_plan) plan = plan_of("all-gather", TW_ALGORITHM_RING, &g);
  for (int i = 0; i < 3; i++)
    assert_near(crossing(phase_at(&plan, 0), &g, 8 + i, FALSE), S * 10 / 11 * (i < 2 ? 3 : 2) / 8, 1e-9);
}

/* However an all-to-all is planned (pair by pair, by rails, or domain by domain), every rank sends and gets S/n for each
 * rank of other domains, and each domain sends each other one S/n for every pair of their ranks. */
static void large_exchanges_load_every_nic_as_pairs_do(void **state)
{
  (void)state;
  static const struct {
    int n, size, most; /* number of ranks, of ranks in a domain but the last, and of flows between domains */
  } rows[] = {{32, 8, 32 * 24},            /* 992 pairs: each by itself */
              {33, 11, 33 * 2},            /* 1,056 pairs in equal domains: rails */
              {48, 8, 48 * 5},             /* 240 rails */
              {128, 8, 128 * 15},          /* 1,920 rails are too many */
              {45, 8, 45 * 6},             /* unequal domains, the last one of five */
              {147, 72, 3 * 2 * (72 + 3)}, /* ... of three beside two of 72 */
              {160, 1, 160 * 159}};
  for (guint r = 0; r < G_N_ELEMENTS(rows); r++) {
    grouping g;
    int n = rows[r].n;
    group_of(&g, n, rows[r].size);
    g_auto(tw_plan) plan = plan_of("all-to-all", TW_ALGORITHM_PAIRS, &g);
    const tw_phase *phase = phase_at(&plan, 0);
    g_autofree double *between = g_new0(double, (gsize)(n * n));
    int flows = 0;
    for (guint i = 0; i < phase->transfers->len; i++) {
      const tw_send *t = &g_array_index(phase->transfers, tw_send, i);
      between[g.domain[t->from] * n + g.domain[t->to]] += t->bytes;
      flows += g.domain[t->from] != g.domain[t->to];
    }
    int domains = g.domain[n - 1] + 1, last = n - (domains - 1) * rows[r].size;
    for (int d = 0; d < domains; d++)
      for (int e = 0; e < domains; e++) {
        int n_d = d < domains - 1 ? rows[r].size : last, n_e = e < domains - 1 ? rows[r].size : last;
        assert_near(between[d * n + e], S / n * n_d * (d == e ? n_e - 1 : n_e), 1e-6);
      }
    for (int i = 0; i < n; i++) {
      int own = g.domain[i] < domains - 1 ? rows[r].size : last;
      assert_near(crossing(phase, &g, i, TRUE), S / n * (n - own), 1e-6);
      assert_near(crossing(phase, &g, i, FALSE), S / n * (n - own), 1e-6);
    }
    assert_int_equal(phase->messages, n - 1);
    assert_true(flows <= rows[r].most);
  }
}

/* A chain or a tree gives every rank but the first all of S once, from a rank that has it already. */
static void a_broadcast_reaches_every_rank_once(void **state)
{
  (void)state;
  for (int n = 2; n <= 12; n++)
    for (int way = 0; way < 2; way++) {
      grouping g;
      group_of(&g, n, 3);
      g_auto(tw_plan) plan = plan_of("broadcast", way == 0 ? TW_ALGORITHM_RING : TW_ALGORITHM_TREE, &g);
      const GArray *transfers = phase_at(&plan, 0)->transfers;
      assert_int_equal(transfers->len, n - 1);
      for (int i = 0; i < n - 1; i++) {
        const tw_send *t = &g_array_index(transfers, tw_send, i);
        assert_int_equal(t->to, i + 1);
        assert_true(t->from <= i);
        assert_near(t->bytes, S, 0);
      }
    }
}

static void random_pairs_are_a_permutation(void **state)
{
  (void)state;
  for (int n = 2; n <= 64; n++) {
    grouping g;
    group_of(&g, n, n);
    g_auto(tw_plan) plan = plan_of("random", TW_ALGORITHM_PAIRS, &g);
    const GArray *transfers = phase_at(&plan, 0)->transfers;
    int sends[MOST] = {0}, receives[MOST] = {0};
    for (guint i = 0; i < transfers->len; i++) {
      const tw_send *t = &g_array_index(transfers, tw_send, i);
      assert_true(t->from != t->to);
      assert_int_equal(++sends[t->from], 1);
      assert_int_equal(++receives[t->to], 1);
    }
    assert_true(n < 8 || (int)transfers->len >= n / 2); /* a rank that draws itself sends nothing */
  }
}

/* nccl-tests and engines differ in what they can run: only all-reduces in one or two shots and in two levels are an
 * engine's own. */
static void libraries_run_all_but_the_shots_of_engines(void **state)
{
  (void)state;
  for (const tw_pattern *pattern = tw_patterns; pattern->name != NULL; pattern++)
    for (const tw_method *method = pattern->methods; method->algorithm != TW_ALGORITHM_AUTO; method++)
      assert_int_equal(method->custom, (method->algorithm == TW_ALGORITHM_TWO_LEVEL &&
                                        g_str_equal(pattern->name, "all-reduce")) ||
                                           method->algorithm == TW_ALGORITHM_ONE_SHOT ||
                                           method->algorithm == TW_ALGORITHM_TWO_SHOT);
}

/* The factors of nccl-tests, PERFORMANCE.md. */
static void bus_factors_are_those_of_nccl_tests(void **state)
{
  (void)state;
  for (int n = 2; n <= 64; n++) {
    double gather = (n - 1.0) / n;
    assert_near(tw_pattern_find("all-reduce")->bus_factor(n), 2 * gather, 1e-15);
    assert_near(tw_pattern_find("all-gather")->bus_factor(n), gather, 1e-15);
    assert_near(tw_pattern_find("reduce-scatter")->bus_factor(n), gather, 1e-15);
    assert_near(tw_pattern_find("all-to-all")->bus_factor(n), gather, 1e-15);
    assert_near(tw_pattern_find("broadcast")->bus_factor(n), 1, 0);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(in_one_domain_every_algorithm_sends_what_its_formula_says),
      cmocka_unit_test(a_ring_over_domains_uses_all_of_their_nics),
      cmocka_unit_test(two_levels_work_in_domains_and_along_rails),
      cmocka_unit_test(pairs_over_domains_take_one_step_of_the_fabric),
      cmocka_unit_test(trees_over_domains_are_as_deep_as_their_logarithm),
      cmocka_unit_test(a_switch_is_filled_by_the_ranks_of_a_domain_level_by_level),
      cmocka_unit_test(a_tree_is_a_chain_on_each_board),
      cmocka_unit_test(heads_stand_evenly_apart_and_share_what_crosses),
      cmocka_unit_test(large_exchanges_load_every_nic_as_pairs_do),
      cmocka_unit_test(a_broadcast_reaches_every_rank_once),
      cmocka_unit_test(random_pairs_are_a_permutation),
      cmocka_unit_test(libraries_run_all_but_the_shots_of_engines),
      cmocka_unit_test(bus_factors_are_those_of_nccl_tests),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
