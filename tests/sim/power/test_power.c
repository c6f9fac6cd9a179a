/* Joules: the law of an engine, who pays, and what the site adds up to. */
#include "tests/check.h"
#include "tests/sim/support.h"
#include "workloads/draw/chance.h"

static const char one_request[] = "arrival_s,prompt_tokens,reasoning_tokens,answer_tokens\n0,4,0,3\n";

/* ---- The law ---- */

static void joules_follow_the_work_until_the_limit(void **state)
{
  (void)state;
  tw_power_law law = {
      .accelerators = 2, .idle_w = 100, .max_w = 700, .joules_per_flop = 2, .joules_per_byte = 3};
  /* 2 J · 10 + 3 J · (20 + 5 j) = 80 + 15 j, below 2 · 600 W · 0.1 s = 120 J: for j = 0, 1 and 2. */
  tw_step_cost cost = {
      .time_s = {0.1, 0}, .kernels_s = {0.1, 0}, .flops = {10, 0}, .bytes = {20, 5}, .valid = 100};
  tw_line joules = tw_power_dynamic(&law, &cost);
  assert_near(joules.first, 80, 1e-12);
  assert_near(joules.growth, 15, 1e-12);
  assert_int_equal(cost.valid, 3);
  cost = (tw_step_cost){
      .time_s = {0.1, 0}, .kernels_s = {0.1, 0}, .flops = {10, 0}, .bytes = {40, 5}, .valid = 100};
  joules = tw_power_dynamic(&law, &cost);
  assert_near(joules.first, 120, 1e-12);
  assert_near(joules.growth, 0, 0);
  assert_int_equal(cost.valid, 100);
}

/* Two stages that take turns, each working half of 0.1 s: 3 J · 20 of memory, and 5 W on each of two
 * accelerators for 0.05 s; where that is more than they may draw, 2 · 600 W · 0.05 s. Twice the time at the
 * same work is no reason to draw more. */
static void a_stage_that_waits_for_others_is_idle(void **state)
{
  (void)state;
  tw_power_law law = {.accelerators = 2, .idle_w = 100, .max_w = 700, .active_w = 5, .joules_per_byte = 3};
  tw_step_cost cost = {
      .time_s = {0.1, 0}, .kernels_s = {0.05, 0}, .bytes = {19, 0}, .bubble = 0.5, .valid = 100};
  assert_near(tw_power_dynamic(&law, &cost).first, 57.5, 1e-12);
  cost.bytes.first = 200;
  assert_near(tw_power_dynamic(&law, &cost).first, 60, 1e-12);
}

/* 2 J · 10 / (1 + 2 J · 10 / (0.1 s · 2 accelerators · 100 W)) = 10 J of arithmetic at half the price, 3 J ·
 * 20 of memory, and 5 W on each of two for the 0.06 s that are not collectives. */
static void dense_arithmetic_costs_less_and_collectives_nothing(void **state)
{
  (void)state;
  tw_power_law law = {.accelerators = 2,
                      .idle_w = 100,
                      .max_w = 7000,
                      .active_w = 5,
                      .joules_per_flop = 2,
                      .joules_per_byte = 3,
                      .saturation_w = 100};
  tw_step_cost cost = {.time_s = {0.1, 0},
                       .kernels_s = {0.1, 0},
                       .collective_s = 0.04,
                       .flops = {10, 0},
                       .bytes = {20, 0},
                       .valid = 100};
  tw_line joules = tw_power_dynamic(&law, &cost);
  assert_near(joules.first, 10 + 60 + 0.6, 1e-12);
  assert_near(joules.growth, 0, 1e-12);
  /* The same work while the host keeps the accelerators waiting for half of the time: 0.01 s of kernels of
   * their own are left to pay 5 W of each for. */
  cost.kernels_s.first = 0.05;
  assert_near(tw_power_dynamic(&law, &cost).first, 10 + 60 + 0.1, 1e-12);
}

static void a_slower_clock_spends_less_on_arithmetic_but_not_on_memory(void **state)
{
  (void)state;
  tw_device device = {.idle_w = 100, .max_w = 700, .joules_per_byte = 5, .voltage_floor = 0.5};
  device.joules_per_flop[TW_BF16] = 4;
  tw_power_law full = tw_power_law_of(&device, TW_BF16, 1, 1),
               half = tw_power_law_of(&device, TW_BF16, 1, 0.5);
  assert_near(full.joules_per_flop, 4, 1e-12);
  /* The voltage is 0.5 + 0.5 · 0.5 = 0.75 of the nominal one. */
  assert_near(half.joules_per_flop, 4 * 0.75 * 0.75, 1e-12);
  assert_near(half.joules_per_byte, 5, 0);
}

static void a_device_without_data_is_not_metered(void **state)
{
  (void)state;
  tw_device device = {.idle_w = NAN, .max_w = 700, .joules_per_byte = 5, .voltage_floor = 1};
  tw_power_law law = tw_power_law_of(&device, TW_BF16, 1, 1);
  assert_false(tw_power_known(&law));
}

/* ---- Charges ---- */

static void shares_are_positive_and_sum_to_the_joules_of_every_iteration(void **state)
{
  (void)state;
  tw_chance chance = tw_chance_new(1, "split");
  for (int round = 0; round < 2000; round++) {
    tw_power_law law = {.accelerators = 1,
                        .idle_w = 100,
                        .max_w = 200 + 1000 * tw_chance_uniform(&chance),
                        .active_w = 50 * tw_chance_uniform(&chance),
                        .joules_per_flop = tw_chance_uniform(&chance),
                        .joules_per_byte = tw_chance_uniform(&chance)};
    tw_batch ranks[2] = {{0}, {0}};
    tw_step_cost cost = {.time_s = {tw_chance_uniform(&chance), 1e-4}, .valid = 50};
    cost.kernels_s = cost.time_s;
    double contexts[2][3];
    int seqs[2] = {(int)tw_chance_below(&chance, 4), 1 + (int)tw_chance_below(&chance, 3)};
    for (int r = 0; r < 2; r++)
      for (int i = 0; i < seqs[r]; i++) {
        contexts[r][i] = 1 + (double)tw_chance_below(&chance, 500);
        ranks[r].decode_seqs++;
        ranks[r].decode_context += (gint64)contexts[r][i];
      }
    gboolean prompts = tw_chance_below(&chance, 2) == 0;
    if (prompts)
      tw_batch_add_chunk(&ranks[0], 10, 30, 0, FALSE);
    double n = seqs[0] + seqs[1], c = (double)(ranks[0].decode_context + ranks[1].decode_context);
    cost.flops = (tw_line){n, 0};
    cost.bytes = (tw_line){20 + c, n};
    if (prompts) {
      cost.prefill = (tw_work){30, 7 + ranks[0].prefill_context};
      cost.prefill_attention = (tw_work){0, ranks[0].prefill_context};
      cost.flops.first += cost.prefill.flops;
      cost.bytes.first += cost.prefill.bytes;
      cost.valid = 1;
    }
    tw_line joules = tw_power_dynamic(&law, &cost);
    tw_charge_rates rates = tw_charge_split(&law, &cost, joules, ranks, 2, &(tw_context_caps){0}, 1);
    for (gint64 j = 0; j < MIN(cost.valid, 50); j++) {
      double sum =
          rates.per_prompt * (double)ranks[0].prefill_tokens + rates.per_attended * ranks[0].prefill_context;
      assert_true(rates.per_prompt >= 0 && rates.per_attended >= 0);
      for (int r = 0; r < 2; r++)
        for (int i = 0; i < seqs[r]; i++) {
          double share = rates.per_seq.first + rates.per_seq.growth * (double)j +
                         rates.per_context * (contexts[r][i] + (double)j);
          assert_true(share >= 0);
          sum += share;
        }
      double whole = joules.first + joules.growth * (double)j;
      assert_near(sum, whole, 1e-9 * whole);
    }
  }
}

static void a_request_alone_pays_for_all_of_its_work(void **state)
{
  (void)state;
  test_costs costs = {0.1, 0, 0, 0, FALSE};
  tw_scenario *scenario = test_scenario(1, &costs, 100);
  test_scenario_power(scenario);
  g_autoptr(tw_recorder) recorder = test_run(scenario, one_request, NULL);
  /* Prompt of 4: 4 FLOPs, 1 + (1 + 2 + 3 + 4) bytes. Two more tokens, with contexts of 5 and 6: 1 FLOP and
   * 1 + context bytes each. 15 + 7 + 8 = 30 J. */
  assert_near(tw_recorder_totals(recorder)->joules, 30, 1e-12);
  test_scenario_free(scenario);
}

/* ---- The site ---- */

typedef struct totals {
  tw_energy energy;
  double engines_j, dynamic_j;
} totals;

static void keep_totals(void *user, const tw_factory *factory)
{
  totals *t = user;
  t->energy = tw_factory_energy(factory);
  t->engines_j = t->dynamic_j = 0;
  for (int i = 0; i < tw_factory_engines(factory); i++) {
    tw_usage usage = tw_engine_total(tw_factory_engine(factory, i), tw_factory_now(factory));
    t->engines_j += usage.prefill_j + usage.decode_j + usage.collective_j + usage.idle_j;
    t->dynamic_j += usage.prefill_j + usage.decode_j;
  }
}

/* The factory's goes with it. */
static void keep_breakdown(void *user, const tw_factory *factory)
{
  const tw_breakdown *from = tw_factory_breakdown(factory);
  tw_breakdown *kept = g_memdup2(from, sizeof *from);
  kept->pools = g_memdup2(from->pools, sizeof *kept->pools);
  kept->racks = g_memdup2(from->racks, 2 * sizeof *kept->racks);
  kept->rows = g_memdup2(from->rows, 2 * sizeof *kept->rows);
  g_ptr_array_add(user, kept);
}

static void the_parts_of_one_request_by_hand(void **state)
{
  (void)state;
  test_costs costs = {0.1, 0, 0, 0, FALSE};
  tw_scenario *scenario = test_scenario(1, &costs, 100);
  test_scenario_power(scenario);
  totals t;
  g_autoptr(tw_recorder) recorder = test_run_watched(scenario, one_request, NULL, 2, keep_totals, &t);
  /* 30 J of work, and two seconds of 100 W, 50 W and 30 W; a quarter of it all on top. */
  assert_near(t.energy.accelerator_j, 230, 1e-9);
  assert_near(t.energy.host_j, 100, 1e-9);
  assert_near(t.energy.network_j, 60, 1e-9);
  assert_near(t.energy.overhead_j, 0.25 * 390, 1e-9);
  /* All of the work falls into the first second. */
  assert_near(t.energy.peak_w, 1.25 * (180 + 30), 1e-9);
  test_scenario_free(scenario);
}

/* Of the host's 50 W, 20 W follow an accelerator that draws 100 to 700 W: a thirtieth joule for each dynamic
 * one. */
static void hosts_follow_the_power_of_their_accelerators(void **state)
{
  (void)state;
  test_costs costs = {0.1, 0, 0, 0, FALSE};
  tw_scenario *scenario = test_scenario(1, &costs, 100);
  test_scenario_power(scenario);
  tw_device device = {.idle_w = 100, .max_w = 700};
  scenario->platform->zones[0].following_w = 20;
  scenario->platform->hosts[0].device = &device;
  scenario->platform->hosts[0].accelerators = 1;
  totals t;
  g_autoptr(tw_recorder) recorder = test_run_watched(scenario, one_request, NULL, 2, keep_totals, &t);
  assert_near(t.energy.accelerator_j, 230, 1e-9);
  assert_near(t.energy.host_j, 2 * 30 + 30 / 30.0, 1e-9);
  assert_near(t.energy.overhead_j, 0.25 * (230 + 61 + 60), 1e-9);
  /* A device without idle power: nobody knows what follows. */
  device.idle_w = NAN;
  g_autoptr(tw_site_power) power = tw_site_power_new(scenario);
  assert_string_equal(power->missing, "idle power of the accelerators that the hosts' power follows");
  test_scenario_free(scenario);
}

/* Two hosts in two racks of one row, one in none; 40 W of the site's own 50 W follow all three. */
static void energy_is_told_by_pool_row_and_phase(void **state)
{
  (void)state;
  test_costs costs = {0.1, 0, 0, 0, FALSE};
  tw_scenario *scenario = test_scenario(3, &costs, 100);
  tw_platform *platform = scenario->platform;
  test_scenario_power(scenario);
  tw_device device = {.idle_w = 100, .max_w = 700};
  char rack_a[] = "a", rack_b[] = "b", row[] = "north";
  char *racks[] = {rack_a, rack_b};
  platform->racks = racks;
  platform->n_racks = 2;
  platform->zones = g_renew(tw_zone, platform->zones, 3);
  platform->n_zones = 3;
  platform->zones[0].following_w = 40;
  for (int i = 1; i < 3; i++)
    platform->zones[i] = (tw_zone){
        .rack_index = i - 1, .row = row, .parent = 0, .overhead_w = 7, .following_w = 6, .link_watts = NAN};
  platform->hosts = g_renew(tw_host, platform->hosts, 3);
  platform->n_hosts = 3;
  for (int i = 0; i < 3; i++) {
    platform->hosts[i] = (tw_host){.zone = i, .device = &device, .accelerators = 1};
    scenario->plan.engines[i].shares[0].host = i;
  }
  /* One request at each engine: 30 J of work each. */
  static const char three[] =
      "arrival_s,prompt_tokens,reasoning_tokens,answer_tokens\n0,4,0,3\n0,4,0,3\n0,4,0,3\n";
  g_autoptr(GPtrArray) kept = g_ptr_array_new();
  g_autoptr(tw_recorder) recorder = test_run_watched(scenario, three, NULL, 2, keep_breakdown, kept);
  const tw_breakdown *b = kept->pdata[0];
  assert_near(tw_scope_accelerator_j(&b->pools[0]), 3 * 230, 1e-9);
  assert_int_equal(b->n_rows, 1);
  assert_string_equal(b->rows[0].name, "north");
  assert_near(tw_scope_accelerator_j(&b->rows[0]), 2 * 230, 1e-9);
  assert_near(b->rows[0].host_j, 2 * (2 * 1 + 30 * 6 / 600.0), 1e-9);
  assert_near(b->racks[1].host_j, 2 * 1 + 30 * 6 / 600.0, 1e-9);
  /* The site's own: 10 W always, and 90 J of 1800 W · 40 W. */
  assert_near(b->elsewhere.host_j, 2 * 10 + 90 * 40 / 1800.0, 1e-9);
  assert_near(tw_scope_accelerator_j(&b->elsewhere), 230, 1e-9);
  assert_near(b->site.prefill_j + b->site.decode_j, 90, 1e-9);
  assert_near(b->site.idle_j, 600, 1e-9);
  tw_breakdown_free(kept->pdata[0]);
  test_scenario_free(scenario);
}

static char *busy_trace(void)
{
  GString *text = g_string_new("arrival_s,prompt_tokens,reasoning_tokens,answer_tokens\n");
  tw_chance chance = tw_chance_new(7, "trace");
  double t = 0;
  for (int i = 0; i < 200; i++) {
    t += 0.05 * tw_chance_exponential(&chance);
    g_string_append_printf(text, "%.9f,%d,0,%d\n", t, 1 + (int)tw_chance_below(&chance, 300),
                           1 + (int)tw_chance_below(&chance, 100));
  }
  return g_string_free(text, FALSE);
}

static double sum_of(const char *directory, const char *table, const char *column, double length_s,
                     double end_s)
{
  g_autoptr(GArray) values = test_column(directory, table, column),
                    starts = test_column(directory, table, "start_s");
  double sum = 0;
  for (guint i = 0; i < values->len; i++) {
    double start_s = g_array_index(starts, double, i), value = g_array_index(values, double, i);
    if (!isnan(value))
      sum += value * fmin(length_s, end_s - start_s);
  }
  return sum;
}

/* Conversion that is not in proportion to the load, cuts that fall into iterations, windows that cut rows. */
static void energy_is_the_integral_of_the_logged_watts_whatever_the_interval(void **state)
{
  (void)state;
  static const double intervals_s[] = {0.3, 0.7, 1, 2.5, 1000};
  test_costs costs = {0.02, 1e-3, 1e-5, 1e-5, FALSE};
  g_autofree char *trace = busy_trace();
  totals first = {0};
  for (guint i = 0; i < G_N_ELEMENTS(intervals_s); i++)
    for (int exact = 0; exact < 2; exact++) {
      tw_scenario *scenario = test_scenario(3, &costs, 400);
      test_scenario_power(scenario);
      scenario->pools[0].plan.power.joules_per_byte = 0.01;
      tw_device device = {.idle_w = 100, .max_w = 700};
      scenario->platform->zones[0].following_w = 40;
      scenario->platform->hosts[0].device = &device;
      scenario->platform->hosts[0].accelerators = 3;
      scenario->platform->supply.psu_w = 2000;
      scenario->platform->supply.efficiency = (tw_curve){3, {0.1, 0.5, 1}, {0.8, 0.96, 0.93}};
      scenario->interval_s = intervals_s[i];
      scenario->exact_steps = exact;
      g_autofree char *directory = test_directory();
      double end_s = 17.25;
      totals t;
      g_autoptr(tw_recorder) recorder = test_run_watched(scenario, trace, directory, end_s, keep_totals, &t);
      double site_j = t.energy.accelerator_j + t.energy.host_j + t.energy.network_j + t.energy.overhead_j;
      assert_near(t.energy.accelerator_j, t.engines_j, 1e-9 * t.engines_j);
      assert_near(tw_recorder_totals(recorder)->joules, t.dynamic_j, 1e-9 * t.dynamic_j);
      if (i == 0 && !exact)
        first = t;
      assert_near(t.energy.overhead_j, first.energy.overhead_j, 1e-9 * site_j);
      assert_near(t.energy.accelerator_j, first.energy.accelerator_j, 1e-9 * site_j);
      assert_near(t.energy.peak_w, first.energy.peak_w, 1e-9 * first.energy.peak_w);
      static const char *const columns[] = {"accelerator_w", "host_w", "network_w", "overhead_w"};
      const double parts[] = {t.energy.accelerator_j, t.energy.host_j, t.energy.network_j,
                              t.energy.overhead_j};
      for (guint c = 0; c < G_N_ELEMENTS(columns); c++) /* watts are written to 3 decimals */
        assert_near(sum_of(directory, "site", columns[c], intervals_s[i], end_s), parts[c], 0.0005 * end_s);
      test_remove(directory);
      test_scenario_free(scenario);
    }
}

static void what_the_platform_does_not_say_stays_unknown(void **state)
{
  (void)state;
  test_costs costs = {0.1, 0, 0, 0, FALSE};
  tw_scenario *scenario = test_scenario(1, &costs, 100);
  test_scenario_power(scenario);
  scenario->platform->supply.pue.n = 0;
  scenario->platform->zones[0].overhead_w = 0;
  g_autoptr(tw_site_power) power = tw_site_power_new(scenario);
  assert_string_equal(power->missing,
                      "power of the hosts (tw:overhead_w of a zone), PUE (tw:pue of the site)");
  totals t;
  g_autoptr(tw_recorder) recorder = test_run_watched(scenario, one_request, NULL, 2, keep_totals, &t);
  assert_near(t.energy.accelerator_j, 230, 1e-9);
  assert_true(isnan(t.energy.host_j));
  assert_true(isnan(t.energy.overhead_j));
  test_scenario_free(scenario);
}

static void electricity_costs_its_price_of_the_hour(void **state)
{
  (void)state;
  test_costs costs = {0.1, 0, 0, 0, FALSE};
  tw_scenario *scenario = test_scenario(1, &costs, 100);
  test_scenario_power(scenario);
  g_autofree char *directory = test_directory();
  g_autofree char *path = g_build_filename(directory, "price.csv", NULL);
  g_autoptr(tw_faults) faults = tw_faults_new();
  assert_true(g_file_set_contents(path, "time_s,usd_per_kwh\n0,0.1\n3600,0.3\n", -1, NULL));
  scenario->plan.price = tw_stairs_load(path, TRUE, 0, 1e3, faults);
  scenario->plan.carbon = tw_stairs_constant(400);
  assert_non_null(scenario->plan.price);
  totals t;
  g_autoptr(tw_recorder) recorder = test_run_watched(scenario, one_request, NULL, 7200, keep_totals, &t);
  /* 225 W of idle site, and 30 J · 1.25 of work in the first hour. */
  assert_near(t.energy.usd, (225 * 3600 + 37.5) / 3.6e6 * 0.1 + 225 * 3600 / 3.6e6 * 0.3, 1e-12);
  assert_near(t.energy.grams, (225 * 7200 + 37.5) / 3.6e6 * 400, 1e-9);
  tw_stairs_free(scenario->plan.price);
  tw_stairs_free(scenario->plan.carbon);
  test_remove(directory);
  test_scenario_free(scenario);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(joules_follow_the_work_until_the_limit),
      cmocka_unit_test(a_stage_that_waits_for_others_is_idle),
      cmocka_unit_test(dense_arithmetic_costs_less_and_collectives_nothing),
      cmocka_unit_test(a_slower_clock_spends_less_on_arithmetic_but_not_on_memory),
      cmocka_unit_test(a_device_without_data_is_not_metered),
      cmocka_unit_test(shares_are_positive_and_sum_to_the_joules_of_every_iteration),
      cmocka_unit_test(a_request_alone_pays_for_all_of_its_work),
      cmocka_unit_test(the_parts_of_one_request_by_hand),
      cmocka_unit_test(hosts_follow_the_power_of_their_accelerators),
      cmocka_unit_test(energy_is_told_by_pool_row_and_phase),
      cmocka_unit_test(energy_is_the_integral_of_the_logged_watts_whatever_the_interval),
      cmocka_unit_test(what_the_platform_does_not_say_stays_unknown),
      cmocka_unit_test(electricity_costs_its_price_of_the_hour),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
