/* The closed forms of collectives: what theory says of rings, trees, switches and all-to-alls. */
#include "sim/collectives/collective_time.h"
#include "tests/check.h"

#include <math.h>

static const tw_interconnect links = {
    .bytes_per_s = 100e9, .latency_s = 1e-6, .fabric_bytes_per_s = 10e9, .fabric_latency_s = 5e-6};

/* The ways to run a pattern among n ranks that lie in some domains in equal parts, on a device or none. */
static tw_collective_costs costs_of(const char *pattern, int n, int domains, const tw_device *device)
{
  g_autofree int *domain = g_new(int, (gsize)n);
  for (int i = 0; i < n; i++)
    domain[i] = i * domains / n;
  tw_group group = {n, domain, 8, 0, FALSE, 0, 0};
  return tw_collective_costs_of(tw_pattern_find(pattern), &group, TRUE, device, &links);
}

static const tw_collective_cost *way(const tw_collective_costs *costs, tw_algorithm algorithm)
{
  for (int i = 0; i < costs->n; i++)
    if (costs->rows[i].algorithm == algorithm)
      return &costs->rows[i];
  fail();
  return NULL;
}

static void a_ring_of_n_passes_on_all_but_one_part_twice(void **state)
{
  (void)state;
  for (int n = 2; n <= 64; n *= 2) {
    tw_collective_costs reduce = costs_of("all-reduce", n, 1, NULL),
                        gather = costs_of("all-gather", n, 1, NULL);
    /* 2(n−1)/n · S/B + 2(n−1) · α, and half of it. */
    double bytes = 1e9, expected = 2.0 * (n - 1) / n * bytes / 100e9 + 2 * (n - 1) * 1e-6;
    assert_near(tw_collective_time_s(way(&reduce, TW_ALGORITHM_RING), &links, bytes), expected, 1e-12);
    assert_near(tw_collective_time_s(way(&gather, TW_ALGORITHM_RING), &links, bytes), expected / 2, 1e-12);
  }
}

/* Eight domains of one rank: 2 · 7 steps and 2 · 7/8 S by a ring; by two binary trees 2 · 3 steps, in which
 * the busiest rank is inner in one tree (up, and down to two) and leaf in the other, S/2 each: 2 S. They meet
 * where (14 − 6) · α' = (2 − 7/4) · S/B'. */
static void trees_are_faster_below_their_crossing_with_rings(void **state)
{
  (void)state;
  tw_collective_costs costs = costs_of("all-reduce", 8, 8, NULL);
  double crossing = 8 * 5e-6 * 10e9 * 4;
  assert_int_equal(tw_collective_fastest(&costs, &links, 0.99 * crossing)->algorithm, TW_ALGORITHM_TREE);
  assert_int_equal(tw_collective_fastest(&costs, &links, 1.01 * crossing)->algorithm, TW_ALGORITHM_RING);
  assert_near(tw_collective_time_s(way(&costs, TW_ALGORITHM_TREE), &links, crossing),
              tw_collective_time_s(way(&costs, TW_ALGORITHM_RING), &links, crossing), 1e-12);
}

/* Each rank sends S + S/n instead of 2(n−1)/n · S. */
static void the_switch_saves_nearly_half_of_the_bytes(void **state)
{
  (void)state;
  tw_device device = {.scale_up_efficiency = 1};
  device.kernels[TW_KERNEL_SIMPLE] = device.kernels[TW_KERNEL_IN_SWITCH] =
      (tw_kernel_cost){.scale_up = 1, .scale_out = 1};
  for (int n = 4; n <= 64; n *= 2) {
    tw_collective_costs costs = costs_of("all-reduce", n, 1, &device);
    double ring_s = way(&costs, TW_ALGORITHM_RING)->inside_s,
           switch_s = way(&costs, TW_ALGORITHM_IN_SWITCH)->inside_s;
    assert_near(ring_s / switch_s, 2.0 * (n - 1) / (n + 1), 1e-12);
  }
}

/* Two domains of four: half of what each of eight sends leaves its domain. At a tenth of the bandwidth the
 * NICs decide, and what stays inside goes at the same time. */
static void an_all_to_all_over_domains_takes_what_its_nics_take(void **state)
{
  (void)state;
  tw_collective_costs costs = costs_of("all-to-all", 8, 2, NULL);
  const tw_collective_cost *pairs = way(&costs, TW_ALGORITHM_PAIRS);
  assert_near(tw_collective_time_s(pairs, &links, 8e9), 4e9 / 10e9 + 5e-6, 1e-12);
  assert_near(tw_collective_inside_s(pairs, &links, 8e9), 0, 1e-12);
}

/* Aggregated flows of large groups carry what pairs would: (n − s)/n outside, (s − 1)/n inside. */
static void large_groups_load_their_nics_as_small_ones(void **state)
{
  (void)state;
  for (int domains = 2; domains <= 16; domains *= 2) {
    int n = domains * 72;
    tw_collective_costs costs = costs_of("all-to-all", n, domains, NULL);
    assert_near(costs.rows[0].outside, (n - 72.0) / n, 1e-9);
    assert_near(costs.rows[0].inside_s * 100e9, 71.0 / n, 1e-9);
  }
}

static void what_a_kernel_adds_is_in_its_line(void **state)
{
  (void)state;
  tw_device device = {.scale_up_efficiency = 1};
  device.kernels[TW_KERNEL_LL] = (tw_kernel_cost){
      .launch_s = 3e-6, .step_s = 1e-6, .fabric_step_s = 2e-6, .scale_up = 0.5, .scale_out = 0.25, .own = 2};
  tw_collective_costs costs = costs_of("all-gather", 4, 1, &device);
  /* 3 hops: (3/4 + 2 · 1/4) S at half of the rate, 3 + 3 · (1 + 1) us. */
  assert_near(tw_collective_time_s(&costs.rows[0], &links, 4e9), 5e9 / 50e9 + 9e-6, 1e-12);
  /* Two ranks in two domains: one hop of 5 + 2 us, S/2 at a quarter of the NIC's rate; a message of 1 us. */
  tw_collective_costs apart = costs_of("all-gather", 2, 2, &device);
  assert_near(tw_collective_time_s(&apart.rows[0], &links, 2e9), 1e9 / 2.5e9 + 3e-6 + 1e-6 + 7e-6, 1e-12);
}

/* 16 ranks in two domains, 8 experts a token. A copy for each expert: 8 · 8/16 leave. A copy for each domain:
 * nearly one, as 8 picks of 2 domains miss one with 2^−7, and half of what they hit is another. */
static void tokens_leave_once_for_each_expert_or_for_each_domain(void **state)
{
  (void)state;
  tw_expert_traffic traffic = {
      .ranks = 16, .domains = 2, .experts_per_token = 8, .dispatch_bytes = 1000, .combine_bytes = 2000};
  tw_device device = {0};
  device.kernels[TW_KERNEL_LL_DISPATCH] = device.kernels[TW_KERNEL_INTERNODE_COMBINE] =
      (tw_kernel_cost){.scale_up = 1, .scale_out = 1};
  assert_near(tw_expert_cost(&traffic, TW_KERNEL_LL_DISPATCH, &device, &links).outside, 4000, 1e-9);
  assert_near(tw_expert_cost(&traffic, TW_KERNEL_INTERNODE_COMBINE, &device, &links).outside,
              2000 * (2 - pow(2, -7)) / 2, 1e-9);
}

/* Decodes go by the low-latency kernels, even if those for prompts were faster; without such, by what there is. */
static void decodes_go_by_the_low_latency_kernels(void **state)
{
  (void)state;
  tw_expert_traffic traffic = {
      .ranks = 16, .domains = 2, .experts_per_token = 8, .dispatch_bytes = 1000, .combine_bytes = 2000};
  tw_device device = {.scale_up_efficiency = 1};
  tw_kernel_cost row = {.launch_s = 1e-6, .scale_up = 1, .scale_out = 1};
  device.kernels[TW_KERNEL_INTERNODE_DISPATCH] = device.kernels[TW_KERNEL_INTERNODE_COMBINE] = row;
  tw_collective_costs normal = tw_expert_costs_of(&traffic, &device, &links, TRUE);
  assert_int_equal(normal.n, 1);
  assert_int_equal(normal.rows[0].kernel, TW_KERNEL_INTERNODE_DISPATCH);
  device.kernels[TW_KERNEL_LL_DISPATCH] = device.kernels[TW_KERNEL_LL_COMBINE] = row;
  assert_int_equal(tw_expert_costs_of(&traffic, &device, &links, FALSE).n, 2);
  tw_collective_costs decodes = tw_expert_costs_of(&traffic, &device, &links, TRUE);
  assert_int_equal(decodes.n, 1);
  assert_int_equal(decodes.rows[0].kernel, TW_KERNEL_LL_DISPATCH);
  assert_near(decodes.rows[0].outside, 4 * (1000 + 2000), 1e-9);
}

/* What comes by a NIC once for a domain goes on inside it: of the 16 · (1 − (15/16)^8) ranks that a token
 * goes to, all but its own get it over NVLink. A copy for each expert stays inside for (s − 1)/n of its 8. */
static void what_comes_by_a_nic_goes_on_inside_the_domain(void **state)
{
  (void)state;
  tw_expert_traffic traffic = {
      .ranks = 16, .domains = 2, .experts_per_token = 8, .dispatch_bytes = 1000, .combine_bytes = 2000};
  tw_device device = {.scale_up_efficiency = 1};
  device.kernels[TW_KERNEL_LL_DISPATCH] = device.kernels[TW_KERNEL_INTERNODE_DISPATCH] =
      (tw_kernel_cost){.scale_up = 0.5, .scale_out = 1, .own = 3};
  double ranks = 16 * (1 - pow(15.0 / 16, 8));
  assert_near(tw_expert_cost(&traffic, TW_KERNEL_INTERNODE_DISPATCH, &device, &links).inside_s,
              1000 * (ranks * 15 / 16 + 3) / (0.5 * 100e9), 1e-18);
  assert_near(tw_expert_cost(&traffic, TW_KERNEL_LL_DISPATCH, &device, &links).inside_s,
              1000 * (8 * 7.0 / 16 + 3) / (0.5 * 100e9), 1e-18);
}

/* On all shipped devices larger collectives take longer, and more ranks do not make small ones faster. */
static void shipped_devices_grow_with_bytes_and_ranks(void **state)
{
  (void)state;
  static const char *const names[] = {"h100-sxm", "h200-sxm", "b200-sxm", "gb200", "a100-sxm", "rtx-4090"};
  static const char *const patterns[] = {"all-reduce", "all-gather", "reduce-scatter", "all-to-all"};
  for (guint d = 0; d < G_N_ELEMENTS(names); d++) {
    g_autoptr(tw_faults) faults = tw_faults_new();
    g_autoptr(tw_device) device = tw_device_load(names[d], NULL, faults);
    assert_non_null(device);
    for (guint p = 0; p < G_N_ELEMENTS(patterns); p++) {
      double smaller_group_s = 0;
      for (int n = 2; n <= 64; n *= 2) {
        tw_collective_costs costs = costs_of(patterns[p], n, 1, device);
        double last_s = 0;
        for (double bytes = 1024; bytes <= 16e9; bytes *= 2) {
          double time_s = tw_collective_time_s(tw_collective_fastest(&costs, &links, bytes), &links, bytes);
          assert_true(time_s > last_s);
          if (bytes == 1024) {
            assert_true(time_s >= smaller_group_s);
            smaller_group_s = time_s;
          }
          last_s = time_s;
        }
      }
    }
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_ring_of_n_passes_on_all_but_one_part_twice),
      cmocka_unit_test(trees_are_faster_below_their_crossing_with_rings),
      cmocka_unit_test(the_switch_saves_nearly_half_of_the_bytes),
      cmocka_unit_test(an_all_to_all_over_domains_takes_what_its_nics_take),
      cmocka_unit_test(large_groups_load_their_nics_as_small_ones),
      cmocka_unit_test(what_a_kernel_adds_is_in_its_line),
      cmocka_unit_test(tokens_leave_once_for_each_expert_or_for_each_domain),
      cmocka_unit_test(decodes_go_by_the_low_latency_kernels),
      cmocka_unit_test(what_comes_by_a_nic_goes_on_inside_the_domain),
      cmocka_unit_test(shipped_devices_grow_with_bytes_and_ranks),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
