/* Slices of a load. */
#include "sim/planner/demand.h"
#include "tests/check.h"

static void expect_slice(const tw_demand *demand, double factor, double length_s, const char *expected)
{
  g_auto(GStrv) slice = tw_demand_slice(demand, factor, length_s);
  g_autofree char *joined = slice != NULL ? g_strjoinv(" ", slice) : g_strdup("all");
  assert_string_equal(joined, expected);
}

static tw_demand demand_of(const char *name)
{
  g_autofree char *path = g_strdup_printf(TW_SOURCE_DIR "/sim/scenarios/%s.xml", name);
  g_autoptr(tw_faults) faults = tw_faults_new();
  g_autoptr(tw_scenario) scenario = tw_scenario_load(path, NULL, faults);
  tw_demand demand;
  assert_non_null(scenario);
  assert_true(tw_demand_read(scenario, &demand, NULL));
  return demand;
}

/* A day whose busiest minute begins an hour in, of a week's trace from its sixth day on. */
static tw_demand a_day(void)
{
  tw_demand day = demand_of("azure-conv-hgx-h100");
  assert_int_equal(day.repeat, 1);
  day.start_s = 518400;
  day.span_s = 86400;
  day.peak_s = 3600;
  return day;
}

/* Two thirds of a slice lie before the middle of that minute, at 3,630 s: from 3,430 s on. */
static void a_slice_lies_around_the_busiest_minute(void **state)
{
  (void)state;
  tw_demand day = a_day();
  expect_slice(
      &day, 1, 300,
      "//workload/trace/@duration=300s //workload/trace/@start=521830s /scenario/output/@warmup=100s");
  /* Ten times as fast, it is 3,000 s of the trace, and the minute's middle lies at 363 s of the run. */
  expect_slice(
      &day, 10, 300,
      "//workload/trace/@duration=3000s //workload/trace/@start=520030s /scenario/output/@warmup=100s");
  expect_slice(&day, 1, 86400, "all");
}

/* The day 512 times over in the time of one: each replay takes 168.75 s. */
static void a_slice_of_a_replayed_trace_is_of_one_replay_or_of_whole_ones(void **state)
{
  (void)state;
  tw_demand replayed = a_day();
  replayed.repeat = 512;
  replayed.span_s *= 512;
  replayed.peak_s += 86400;
  expect_slice(&replayed, 512, 30,
               "//workload/trace/@repeat=1 //workload/trace/@duration=15360s //workload/trace/@start=518400s "
               "/scenario/output/@warmup=10s");
  expect_slice(&replayed, 512, 300, "//workload/trace/@repeat=2 /scenario/output/@warmup=112.5s");
  expect_slice(&replayed, 512, 86300, "all");
}

static void a_slice_of_drawn_traffic_is_its_begin(void **state)
{
  (void)state;
  tw_demand drawn = demand_of("server-llama-2-70b-hgx-h100");
  drawn.span_s = 1000;
  expect_slice(&drawn, 2, 60, "/scenario/output/@warmup=20s //workload/poisson/@duration=60s");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_slice_lies_around_the_busiest_minute),
      cmocka_unit_test(a_slice_of_a_replayed_trace_is_of_one_replay_or_of_whole_ones),
      cmocka_unit_test(a_slice_of_drawn_traffic_is_its_begin),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
