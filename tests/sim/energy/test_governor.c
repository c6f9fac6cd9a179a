/* Caps on power: how limits are shared out, and how engines hold them. */
#include "sim/energy/governor.h"
#include "tests/check.h"
#include "tests/sim/support.h"
#include "workloads/draw/chance.h"

enum { CLOCKS = 12 };

static void the_level_leaves_to_others_what_an_engine_does_not_ask_for(void **state)
{
  (void)state;
  const double one_asks_for_less[] = {100, INFINITY, INFINITY}, weights[] = {1, 1, 2};
  /* 100 + 1 · L + 2 · L = 700 */
  assert_near(tw_governor_level(one_asks_for_less, weights, 3, 700), 200, 1e-9);
  const double all[] = {INFINITY, INFINITY};
  assert_near(tw_governor_level(all, weights, 2, 400), 200, 1e-9);
  const double modest[] = {100, 150};
  assert_true(isinf(tw_governor_level(modest, weights, 2, 400)));
}

static void the_equipment_of_a_cap_draws_the_cap(void **state)
{
  (void)state;
  tw_supply supply = {.pue = {1, {0}, {1.3}}, .psu_w = 1000, .efficiency = {2, {0.1, 1}, {0.8, 0.95}}};
  double it_w = tw_governor_equipment_w(&supply, 900, NAN);
  assert_near(tw_supply_site_w(&supply, it_w, NAN), 900, 1e-6);
}

/* A scenario whose clocks stretch time by 1 / clock and cost clock² of the joules of arithmetic. */
typedef struct capped {
  test_costs costs[CLOCKS + 1];
  tw_scenario *scenario;
} capped;

static void set_up(capped *c, double site_w)
{
  for (int i = 0; i <= CLOCKS; i++) {
    double clock = 1 - i / 20.0;
    c->costs[i] = (test_costs){0.02 / clock, 1e-3 / clock, 1e-6, 1e-5 / clock, FALSE};
  }
  c->scenario = test_scenario(3, &c->costs[0], 4000);
  test_scenario_power(c->scenario);
  tw_pool *pool = &c->scenario->pools[0];
  pool->plan.power.joules_per_flop = 0.5;
  pool->plan.power.joules_per_byte = 1e-5;
  pool->max_batched_tokens = 256;
  pool->plan.clocks = g_new0(tw_clock, CLOCKS);
  pool->plan.n_clocks = CLOCKS;
  for (int i = 0; i < CLOCKS; i++) {
    tw_clock *clock = &pool->plan.clocks[i];
    *clock = (tw_clock){1 - (i + 1) / 20.0, test_step_model(&c->costs[i + 1]), pool->plan.power};
    clock->power.joules_per_flop *= clock->clock * clock->clock;
  }
  c->scenario->caps.period_s = 1;
  c->scenario->plan.site_cap = isfinite(site_w) ? tw_stairs_constant(site_w) : NULL;
}

static void tear_down(capped *c)
{
  for (int i = 0; i < CLOCKS; i++)
    tw_step_model_free(c->scenario->pools[0].plan.clocks[i].model);
  g_free(c->scenario->pools[0].plan.clocks);
  tw_stairs_free(c->scenario->plan.site_cap);
  test_scenario_free(c->scenario);
}

/* Waves of requests, with nothing in between. */
static char *bursts(void)
{
  GString *text = g_string_new("arrival_s,prompt_tokens,reasoning_tokens,answer_tokens\n");
  tw_chance chance = tw_chance_new(3, "bursts");
  for (int wave = 0; wave < 6; wave++)
    for (int i = 0; i < 60; i++)
      g_string_append_printf(text, "%.3f,%d,0,%d\n", wave * 11.37 + i * 0.01,
                             1 + (int)tw_chance_below(&chance, 400), 20 + (int)tw_chance_below(&chance, 100));
  return g_string_free(text, FALSE);
}

typedef struct seen {
  tw_energy energy;
  tw_cap_record record;
} seen;

static void see(void *user, const tw_factory *factory)
{
  seen *s = user;
  s->energy = tw_factory_energy(factory);
  if (tw_factory_governor(factory) != NULL)
    s->record = tw_governor_record(tw_factory_governor(factory));
}

static double mean_tpot(const tw_recorder *recorder)
{
  return tw_histogram_mean(tw_recorder_latency(recorder, TW_LATENCY_TPOT));
}

static void a_cap_is_held_within_a_period_and_costs_time(void **state)
{
  (void)state;
  g_autofree char *trace = bursts();
  capped c;
  seen free_run, capped_run;
  set_up(&c, INFINITY);
  g_autoptr(tw_recorder) before = test_run_watched(c.scenario, trace, NULL, INFINITY, see, &free_run);
  tear_down(&c);
  set_up(&c, 0.8 * free_run.energy.peak_w);
  g_autoptr(tw_recorder) after = test_run_watched(c.scenario, trace, NULL, INFINITY, see, &capped_run);
  tear_down(&c);
  assert_true(capped_run.record.longest_over_s <= 1);
  /* An overshoot is at most what was drawn without the cap. */
  assert_true(capped_run.record.max_overshoot_w <= 0.2 * free_run.energy.peak_w);
  assert_true(mean_tpot(after) > 1.01 * mean_tpot(before));
  assert_int_equal(tw_recorder_totals(after)->endings[TW_COMPLETED],
                   tw_recorder_totals(before)->endings[TW_COMPLETED]);
}

/* Bursts on three engines, and a cap that falls in the middle: limits stand from the start, fall before others
 * rise, and fall a period before the cap does, however late they act and however shares are made. */
static void no_second_exceeds_the_cap(void **state)
{
  (void)state;
  g_autofree char *trace = bursts();
  capped c;
  seen free_run, capped_run;
  set_up(&c, INFINITY);
  g_autoptr(tw_recorder) before = test_run_watched(c.scenario, trace, NULL, INFINITY, see, &free_run);
  tear_down(&c);
  g_autofree char *directory = test_directory(), *path = g_build_filename(directory, "cap.csv", NULL);
  g_autofree char *rows = g_strdup_printf("time_s,watts\n0,%.3f\n30,%.3f\n", 0.85 * free_run.energy.peak_w,
                                          0.7 * free_run.energy.peak_w);
  assert_true(g_file_set_contents(path, rows, -1, NULL));
  static const double delays_s[] = {0, 0.25, 1};
  for (guint i = 0; i < 2 * G_N_ELEMENTS(delays_s); i++) {
    g_autoptr(tw_faults) faults = tw_faults_new();
    set_up(&c, INFINITY);
    c.scenario->plan.site_cap = tw_stairs_load(path, FALSE, 1, 1e9, faults);
    c.scenario->caps.delay_s = delays_s[i / 2];
    c.scenario->caps.even = i % 2 == 1;
    g_autofree char *run = test_directory();
    g_autoptr(tw_recorder) after = test_run_watched(c.scenario, trace, run, INFINITY, see, &capped_run);
    static const char *const parts[] = {"accelerator_w", "host_w", "network_w", "overhead_w"};
    double site_w[60] = {0};
    guint n = 0;
    for (guint p = 0; p < G_N_ELEMENTS(parts); p++) {
      g_autoptr(GArray) watts = test_column(run, "site", parts[p]);
      for (n = 0; n < MIN(watts->len, 60); n++)
        site_w[n] += g_array_index(watts, double, n);
    }
    assert_true(n > 40);
    for (guint k = 0; k < n; k++)
      assert_true(site_w[k] <= (k < 30 ? 0.85 : 0.7) * free_run.energy.peak_w + 0.01);
    assert_near(capped_run.record.max_overshoot_w, 0, 0);
    test_remove(run);
    tear_down(&c);
  }
  test_remove(directory);
}

/* Two engines decode under a cap that leaves them little, and the third, idle for seconds, gets a sequence in the middle of a
 * period. It draws more than an idle one at the slowest clock, and this has been left to it. */
static void an_engine_that_wakes_between_decisions_keeps_the_cap(void **state)
{
  (void)state;
  static const char waking[] = "arrival_s,prompt_tokens,reasoning_tokens,answer_tokens\n"
                               "0,1,0,700\n0,1,0,700\n0,1,0,2\n8.37,1,0,2\n8.37,1,0,2\n8.37,200,0,200\n";
  seen s[2];
  for (int is_capped = 0; is_capped < 2; is_capped++) {
    capped c;
    set_up(&c, is_capped ? 0.7 * s[0].energy.peak_w : INFINITY);
    c.scenario->pools[0].plan.power.joules_per_flop *= 10;
    for (int i = 0; i < CLOCKS; i++)
      c.scenario->pools[0].plan.clocks[i].power.joules_per_flop *= 10;
    test_route_by(c.scenario, "round-robin");
    g_autoptr(tw_recorder) recorder =
        test_run_watched(c.scenario, waking, NULL, INFINITY, see, &s[is_capped]);
    assert_int_equal(tw_recorder_totals(recorder)->endings[TW_COMPLETED], 6);
    tear_down(&c);
  }
  assert_near(s[1].record.max_overshoot_w, 0, 0);
  assert_true(s[1].energy.peak_w <= 0.7 * s[0].energy.peak_w + 1e-6);
}

/* Eight sequences decode: at a clock of c an iteration takes 0.028 s / c, computes 8 FLOPs of 0.5 J · c², and
 * draws 100 W + 142.86 W · c³. With 50 W of host and 30 W of network the rack draws most in the first second:
 * 0.02 s of prompts, 4 J, and 35 iterations of 4 J make 324 W. 80 % of that leave 179.2 W to the engine: c³
 * <= 0.554, so that of the steps of a twentieth 0.8 is the fastest. It takes effect before the first token,
 * and TPOT is 0.028 s / 0.8. */
static void a_rack_cap_costs_in_tpot_what_the_clock_model_says(void **state)
{
  (void)state;
  static const char batch[] =
      "arrival_s,prompt_tokens,reasoning_tokens,answer_tokens\n0,1,0,200\n0,1,0,200\n0,1,0,200\n0,1,0,200\n"
      "0,1,0,200\n0,1,0,200\n0,1,0,200\n0,1,0,200\n";
  char name[] = "a", *racks[] = {name};
  double tpot_s[2];
  seen s[2];
  for (int is_capped = 0; is_capped < 2; is_capped++) {
    capped c;
    set_up(&c, INFINITY);
    for (int i = 0; i <= CLOCKS; i++) {
      double clock = 1 - i / 20.0;
      c.costs[i] = (test_costs){0.02 / clock, 1e-3 / clock, 0, 0, FALSE};
    }
    c.scenario->plan.n_engines = 1;
    c.scenario->platform->racks = racks;
    c.scenario->platform->n_racks = 1;
    c.scenario->platform->zones[0].rack_index = 0;
    c.scenario->pools[0].plan.power.joules_per_byte = 0;
    for (int i = 0; i < CLOCKS; i++)
      c.scenario->pools[0].plan.clocks[i].power.joules_per_byte = 0;
    if (is_capped)
      c.scenario->caps.rack_w = 0.8 * s[0].energy.peak_it_w;
    g_autoptr(tw_recorder) recorder = test_run_watched(c.scenario, batch, NULL, INFINITY, see, &s[is_capped]);
    tpot_s[is_capped] = mean_tpot(recorder);
    c.scenario->plan.n_engines = 3;
    tear_down(&c);
  }
  assert_near(s[0].energy.peak_it_w, 324, 1e-6);
  assert_near(tpot_s[0], 0.028, 1e-4 * 0.028); /* the histogram is no more exact */
  assert_near(tpot_s[1], 0.028 / 0.8, 1e-4 * 0.035);
  assert_near(s[1].energy.peak_it_w, 50 + 30 + 100 + 4 / 0.028 * 0.512, 1e-6);
  assert_near(s[1].record.max_overshoot_w, 0, 0);
}

/* The same bursts under a cap of 80 % of the rack's peak. */
static void a_rack_cap_is_held_within_a_period_under_bursts(void **state)
{
  (void)state;
  g_autofree char *trace = bursts();
  char name[] = "a", *racks[] = {name};
  seen s[2];
  for (int is_capped = 0; is_capped < 2; is_capped++) {
    capped c;
    set_up(&c, INFINITY);
    c.scenario->platform->racks = racks;
    c.scenario->platform->n_racks = 1;
    c.scenario->platform->zones[0].rack_index = 0;
    if (is_capped)
      c.scenario->caps.rack_w = 0.8 * s[0].energy.peak_it_w;
    g_autoptr(tw_recorder) recorder = test_run_watched(c.scenario, trace, NULL, INFINITY, see, &s[is_capped]);
    tear_down(&c);
  }
  assert_true(s[1].record.longest_over_s <= 1);
  assert_true(s[1].record.max_overshoot_w <= 0.2 * s[0].energy.peak_it_w);
  assert_true(s[1].energy.peak_it_w < s[0].energy.peak_it_w);
}

/* A rack that draws more than its cap at the slowest clock from the start: the record tells the largest excess, which the
 * site's own meter saw too, and the seconds to the end of the last period. A token takes 0.0525 s at that clock. */
static void a_cap_that_no_clock_holds_is_told(void **state)
{
  (void)state;
  static const struct {
    const char *trace;
    double periods;
  } runs[] = {{"arrival_s,prompt_tokens,reasoning_tokens,answer_tokens\n0,1,0,30\n", 1},
              {"arrival_s,prompt_tokens,reasoning_tokens,answer_tokens\n0,1,0,70\n", 3}};
  char name[] = "a", *racks[] = {name};
  for (guint i = 0; i < G_N_ELEMENTS(runs); i++) {
    seen s;
    capped c;
    set_up(&c, INFINITY);
    c.scenario->platform->racks = racks;
    c.scenario->platform->n_racks = 1;
    c.scenario->platform->zones[0].rack_index = 0;
    c.scenario->caps.rack_w = 50;
    g_autoptr(tw_recorder) recorder = test_run_watched(c.scenario, runs[i].trace, NULL, INFINITY, see, &s);
    tear_down(&c);
    assert_near(s.record.longest_over_s, runs[i].periods, 1e-9);
    assert_near(s.record.max_overshoot_w, s.energy.peak_it_w - 50, 1e-6);
  }
}

static void p_states_of_the_platform_are_the_clocks(void **state)
{
  (void)state;
  g_autofree char *directory = test_directory(), *text = NULL;
  g_autofree char *path = g_build_filename(directory, "platform.xml", NULL),
                  *set = g_strconcat("//platform/@file=", path, NULL);
  assert_true(g_file_get_contents(TW_SOURCE_DIR "/platforms/hgx-h100-1.xml", &text, NULL, NULL));
  g_auto(GStrv) parts = g_strsplit(text, "speed=\"7915.2Tf\"", -1);
  g_autofree char *joined = g_strjoinv("speed=\"7915.2Tf,3957.6Tf,5936.4Tf,1979Tf\"", parts);
  assert_int_equal(g_strv_length(parts), 2);
  assert_true(g_file_set_contents(path, joined, -1, NULL));
  const char *assignments[] = {set, NULL};
  g_autoptr(tw_faults) faults = tw_faults_new();
  g_autoptr(tw_scenario) scenario =
      tw_scenario_load(TW_SOURCE_DIR "/sim/scenarios/reasoning-day-capped.xml", assignments, faults);
  assert_non_null(scenario);
  /* The last, a quarter, is below slowest-clock. */
  assert_int_equal(scenario->pools[0].plan.n_clocks, 2);
  assert_near(scenario->pools[0].plan.clocks[0].clock, 0.75, 1e-12);
  assert_near(scenario->pools[0].plan.clocks[1].clock, 0.5, 1e-12);
  test_remove(directory);
}

static void a_device_cap_is_held_by_every_batch(void **state)
{
  (void)state;
  g_autofree char *trace = bursts();
  g_autofree char *directory = test_directory();
  capped c;
  set_up(&c, INFINITY);
  c.scenario->caps.accelerator_w = 450;
  g_autoptr(tw_recorder) recorder = test_run(c.scenario, trace, directory);
  g_autoptr(GArray) watts = test_column(directory, "engines", "watts"),
                    clocks = test_column(directory, "engines", "clock");
  double slowest = 1;
  for (guint i = 0; i < watts->len; i++) {
    assert_true(!(g_array_index(watts, double, i) > 450 + 1e-3));
    slowest = fmin(slowest, g_array_index(clocks, double, i));
  }
  assert_true(slowest < 0.95);
  test_remove(directory);
  tear_down(&c);
}

static void capped_macro_steps_equal_exact_steps(void **state)
{
  (void)state;
  g_autofree char *trace = bursts();
  char *tables[2];
  for (int exact = 0; exact < 2; exact++) {
    g_autofree char *directory = test_directory();
    capped c;
    set_up(&c, 900);
    c.scenario->exact_steps = exact;
    c.scenario->caps.delay_s = 0.25;
    g_autoptr(tw_recorder) recorder = test_run(c.scenario, trace, directory);
    tables[exact] = test_table(directory, "requests");
    test_remove(directory);
    tear_down(&c);
  }
  assert_string_equal(tables[0], tables[1]);
  g_free(tables[0]);
  g_free(tables[1]);
}

/* Far below what even the slowest clock needs: batches drain instead of growing, and everybody is served. */
static void a_cap_that_no_clock_holds_pauses_admission(void **state)
{
  (void)state;
  g_autofree char *trace = bursts();
  capped c;
  set_up(&c, INFINITY);
  c.scenario->caps.accelerator_w = 130;
  g_autoptr(tw_recorder) recorder = test_run(c.scenario, trace, NULL);
  assert_int_equal(tw_recorder_totals(recorder)->endings[TW_COMPLETED], 360);
  tear_down(&c);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_level_leaves_to_others_what_an_engine_does_not_ask_for),
      cmocka_unit_test(the_equipment_of_a_cap_draws_the_cap),
      cmocka_unit_test(a_cap_is_held_within_a_period_and_costs_time),
      cmocka_unit_test(no_second_exceeds_the_cap),
      cmocka_unit_test(an_engine_that_wakes_between_decisions_keeps_the_cap),
      cmocka_unit_test(a_rack_cap_costs_in_tpot_what_the_clock_model_says),
      cmocka_unit_test(a_rack_cap_is_held_within_a_period_under_bursts),
      cmocka_unit_test(a_cap_that_no_clock_holds_is_told),
      cmocka_unit_test(p_states_of_the_platform_are_the_clocks),
      cmocka_unit_test(a_device_cap_is_held_by_every_batch),
      cmocka_unit_test(capped_macro_steps_equal_exact_steps),
      cmocka_unit_test(a_cap_that_no_clock_holds_pauses_admission),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
