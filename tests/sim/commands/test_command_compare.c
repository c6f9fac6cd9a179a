/* The output of `tokenworks compare`, as a user sees it. */
#include "tests/program.h"

#define SCENARIO(seed) "<scenario name=\"s\" seed=\"" seed "\"><pool id=\"p\"></pool></scenario>"
#define OTHER          "<scenario name=\"s\" seed=\"1\"><pool id=\"q\"></pool></scenario>"
#define SUMMARY(ttft, tokens_per_s)                                                                          \
  "{\"partial\": false, \"requests\": {\"arrived\": 100, \"rejected\": 0}, \"ttft_s\": {\"p50\": 0.5, "      \
  "\"p99\": " ttft "}, \"throughput\": {\"output_tokens_per_s\": " tokens_per_s "}, \"mystery\": 7}"

#define EACH(accelerators, tokens_per_s)                                                                     \
  "{\"partial\": false, \"accelerators\": " accelerators                                                     \
  ", \"throughput\": {\"output_tokens_per_s_per_accelerator\": " tokens_per_s "}}"

static int given_runs(void **state)
{
  if (make_scratch(state) != 0)
    return 1;
  given_run(state, "a", SCENARIO("1"), 1, SUMMARY("1.0", "1000"));
  given_run(state, "b", OTHER, 1, SUMMARY("1.2", "1100"));
  given_run(state, "zero", OTHER, 1, "{\"partial\": true, \"ttft_s\": {\"p99\": 0}}");
  /* The differences of these means: 3 - 1, with the variances of test_welch's pair of threes. */
  given_run(state, "old/1", SCENARIO("1"), 1, SUMMARY("0", "1000"));
  given_run(state, "old/2", SCENARIO("2"), 2, SUMMARY("1", "2000"));
  given_run(state, "old/3", SCENARIO("3"), 3, SUMMARY("2", "3000"));
  given_run(state, "new/1", SCENARIO("1"), 1, SUMMARY("2", "1010"));
  given_run(state, "new/2", SCENARIO("2"), 2, SUMMARY("3", "2010"));
  given_run(state, "new/3", SCENARIO("3"), 3, SUMMARY("4", "3010"));
  given_run(state, "steady/1", SCENARIO("1"), 1, SUMMARY("9", "3010"));
  given_run(state, "steady/2", SCENARIO("2"), 2, SUMMARY("9", "3010"));
  given_run(state, "mixed/1", SCENARIO("1"), 1, SUMMARY("2", "3010"));
  given_run(state, "mixed/2", OTHER, 2, SUMMARY("2", "3010"));
  given_run(state, "same/1", SCENARIO("1"), 1, SUMMARY("2", "3010"));
  given_run(state, "same/2", SCENARIO("1"), 1, SUMMARY("2", "3010"));
  given_run(state, "four", OTHER, 1, EACH("4", "1000"));
  given_run(state, "two", OTHER, 1, EACH("2", "1500"));
  given_run(state, "faster", OTHER, 1, EACH("2", "1800"));
  given_run(state, "broken", OTHER, 1, "{\"ttft_s\": ");
  given_file(state, "empty/file", "");
  return 0;
}

static void two_runs_show_differences_with_signs_and_verdicts(void **state)
{
  g_autofree char *legend = g_strdup_printf("A  %s/a\nB  %s/b\n\n", (char *)*state, (char *)*state);
  expect(state, "compare $/a/ $/b", 0, legend, "");
  expect(state, "compare $/a $/b", 0,
         "metric                          unit         A     B   B-A      %\n"
         "requests.arrived                requests   100   100     0    0.0  same\n"
         "ttft_s.p50                      s          0.5   0.5     0    0.0  same\n"
         "ttft_s.p99                      s            1   1.2  +0.2  +20.0  worse\n"
         "throughput.output_tokens_per_s  tokens/s  1000  1100  +100  +10.0  better\n",
         "");
}

/* Two accelerators that give 3,000 in all are not better than four that give 4,000. */
static void what_each_accelerator_gives_is_judged_between_as_many_alone(void **state)
{
  expect(state, "compare $/four $/two -m throughput.*", 0, "  1000  1500  +500  +50.0  differs\n", "");
  expect(state, "compare $/two $/faster -m throughput.*", 0, "  1500  1800  +300  +20.0  better\n", "");
}

static void metrics_that_no_table_knows_show_with_all(void **state)
{
  expect(state, "compare $/a $/b --all", 0, "mystery ", "");
  g_auto(result) r = run_program(state, "compare $/a $/b");
  assert_null(strstr(r.out, "mystery"));
}

static void a_value_that_is_missing_is_a_dash(void **state)
{
  expect(state, "compare $/zero $/a -m ttft_s.*", 0, "ttft_s.p50  s     -  0.5    -  -\n", "");
  expect(state, "compare $/zero $/a -m ttft_s.*", 0, "ttft_s.p99  s     0    1   +1  -  worse\n", "");
  expect(state, "compare $/zero $/a", 0, "/zero (was cut short)\n", "");
}

/* 1,000 requests of 150 tokens arrive in 100 s. With whole NICs 90 % of their tokens are out by then, with halved ones
 * 84 %, 6.7 % fewer; the last answer ends at 300 s with both, so that rates of the whole run are the same. */
static void a_long_drain_is_told_with_what_the_load_got(void **state)
{
#define DRAINED(tokens_per_s)                                                                                \
  "{\"partial\": false, \"throughput\": {\"output_tokens_per_s\": 500}, \"load\": {\"drain_share\": 0.667, " \
  "\"output_tokens_per_s\": " tokens_per_s "}}"
  given_run(state, "whole-nics", OTHER, 1, DRAINED("1350"));
  given_run(state, "half-nics", OTHER, 1, DRAINED("1260"));
  expect(state, "compare $/whole-nics $/half-nics", 0,
         "Up to 67 % of a run came after its last arrival, when the longest answers ended. Rates of the "
         "whole run "
         "(throughput.*) count that; while the load was on (load.*), B gave 6.7 % fewer output tokens per "
         "second "
         "than A.\n",
         "");
  expect(state, "compare $/whole-nics $/half-nics --json", 0, "\"notes\": [\n    \"Up to 67 %", "");
  g_auto(result) r = run_program(state, "compare $/a $/b");
  assert_null(strstr(r.out, "Up to"));
}

/* DeepSeek-R1 over NVLink domains of eight, whose all-to-alls cross the NICs, on a part of the study's requests: with
 * halved NICs rates of the whole run fall by 1.5 %, as most of it is the drain; what came out under load falls by 6 %. */
static void halved_nics_are_told_by_what_the_load_got(void **state)
{
#define STUDY                                                                                                \
  "run " TW_SOURCE_DIR "/sim/scenarios/study-deepseek-domains-of-8.xml -q --set //trace/@duration=26s -o $/"
  expect(state,
         "platform nvl72 --racks=9 --domain-size=8 --racks-per-leaf=1 --nic-bandwidth=25GBps -o $/halved.xml",
         0, "", "");
  g_autofree char *halved = g_strdup_printf("--set //platform/@file=%s/halved.xml", (char *)*state);
  g_autofree char *words = g_strconcat(STUDY "halved ", halved, NULL);
  expect(state, STUDY "whole", 0, "", "");
  expect(state, words, 0, "", "");
  g_auto(result) r = run_program(state, "compare $/whole $/halved");
  const char *said = strstr(r.out, "while the load was on (load.*), B gave ");
  assert_non_null(said);
  double fewer = g_ascii_strtod(said + strlen("while the load was on (load.*), B gave "), NULL);
  assert_true(fewer > 4 && fewer < 9);
  assert_non_null(strstr(said, " % fewer output tokens per second than A."));
  expect(state, "explain $/halved", 0, "Pool serve, until the last arrival at 2", "");
  expect(state, "explain $/halved", 0, "of their time for collectives between domains", "");
}

/* As in test_welch: 0, 1, 2 and 2, 3, 4 have p = 0.0705, which is chance; a group that does not vary has the
 * freedom of the other alone, 2: t = 8 / sqrt(1/3), p = 1 - t / sqrt(2 + t^2) = 0.00516. */
static void groups_of_seeds_have_their_significance(void **state)
{
  expect(state, "compare $/old $/new", 0, "/old (means of 3 runs)\n", "");
  expect(state, "compare $/old $/new -m ttft_s.p99", 0,
         "ttft_s.p99  s     1  3   +2  +200.0  0.070  chance\n", "");
  expect(state, "compare $/old $/steady -m ttft_s.p99", 0,
         "ttft_s.p99  s     1  9   +8  +800.0  0.005  worse\n", "");
}

/* Runs of several seeds that all have the same value: there is no chance in it. */
static void what_no_seed_changes_differs_exactly(void **state)
{
  given_run(state, "calm/1", "<scenario>", 1, "{\"ttft_s\": {\"p99\": 8}}");
  given_run(state, "calm/2", "<scenario>", 2, "{\"ttft_s\": {\"p99\": 8}}");
  expect(state, "compare $/steady $/calm -m ttft_s.p99", 0, "  9  8   -1  -11.1  exact  better\n", "");
  expect(state, "compare $/steady $/calm -m ttft_s.p99", 0, "Exact: no seed changes the value", "");
}

static void rounding_is_no_difference(void **state)
{
  given_run(state, "third", "<scenario>", 1, "{\"ttft_s\": {\"p99\": 0.333333333333}}");
  given_run(state, "rounded", "<scenario>", 1, "{\"ttft_s\": {\"p99\": 0.333333333334}}");
  expect(state, "compare $/third $/rounded -m ttft_s.p99", 0, "same\n", "");
}

/* Short options take their value at once, as those of make and tar do. */
static void values_may_follow_short_options_at_once(void **state)
{
  expect(state, "compare $/a $/b -mttft_s.p99", 0, "ttft_s.p99  s     1  1.2", "");
  expect(state, "platform single --accelerators=1 -o$/attached.xml", 0, "", "");
  expect(state, "check $/attached.xml", 0, "a platform with 1 hosts", "");
  expect(state, "log head -n1 $/none", 2, "", "none");
}

static void csv_has_a_line_per_metric_and_run(void **state)
{
  g_autofree char *line = g_strdup_printf("ttft_s.p99,s,lower,%s/new,3,3,1,2,2,0.07048", (char *)*state);
  expect(state, "compare $/old $/new --csv -m ttft_s.p99", 0, line, "");
  expect(state, "compare $/old $/new --csv", 0,
         "metric,unit,better,group,runs,mean,sd,difference,relative,p,verdict\nrequests.arrived,requests,"
         "neither,",
         "");
}

static void json_says_the_same(void **state)
{
  g_auto(result) r = run_program(state, "compare $/a $/b --json");
  json_t *object = json_loads(r.out, 0, NULL);
  const json_t *rows = json_object_get(object, "metrics"), *found = NULL;
  for (gsize i = 0; i < json_array_size(rows); i++)
    if (g_str_equal(json_string_value(json_object_get(json_array_get(rows, i), "name")), "ttft_s.p99"))
      found = json_array_get(json_object_get(json_array_get(rows, i), "groups"), 1);
  assert_near(json_real_value(json_object_get(found, "relative")), 0.2, 1e-12);
  assert_string_equal(json_string_value(json_object_get(found, "verdict")), "worse");
  assert_null(json_object_get(found, "p"));
  json_decref(object);
}

static void a_condition_that_holds_exits_with_one(void **state)
{
  static const struct {
    const char *condition;
    int code;
    const char *message;
  } examples[] = {
      {"ttft_s.p99>+5%", 1, "failed: ttft_s.p99>+5%"},
      {"ttft_s.p99>+19%", 1, "has +20 %"},
      {"ttft_s.p99>+21%", 0, ""},
      {"ttft_s.p99<-3%", 0, ""},
      {"throughput.output_tokens_per_s>=+100", 1, "has +100"},
      {"throughput.output_tokens_per_s>+100", 0, ""},
      {"throughput.output_tokens_per_s<1050", 0, ""},
      {"throughput.output_tokens_per_s<=1100", 1, "has 1100"},
      {"ttft_s.p99>1.1s", 1, "has 1.2"},
      {"ttft_s.p99>1300ms", 0, ""},
      {"ttft_s.p99>+0.1s", 1, "has +0.2"},
  };
  for (guint i = 0; i < G_N_ELEMENTS(examples); i++) {
    g_autofree char *words = g_strdup_printf("compare $/a $/b --fail-if %s", examples[i].condition);
    expect(state, words, examples[i].code, "ttft_s.p99", examples[i].message);
  }
  expect(state, "compare $/a $/b --fail-if ttft_s.p99>9s --fail-if ttft_s.p99>+1%", 1, "", "p99>+1%");
}

static void a_single_run_can_be_held_to_a_limit(void **state)
{
  expect(state, "compare $/b --fail-if ttft_s.p99>1.1s", 1, "ttft_s.p99", "failed: ttft_s.p99>1.1s");
  expect(state, "compare $/b --fail-if ttft_s.p99>1.3s", 0, "ttft_s.p99", "");
  expect(state, "compare $/b --fail-if ttft_s.p99>+1%", 2, "", "is about a difference");
}

static void a_condition_on_a_missing_value_is_not_silent(void **state)
{
  expect(state, "compare $/a $/zero --fail-if ttft_s.p50>+5%", 1, "", "has no such value");
}

static void bad_usage_ends_with_two_and_says_what_is_right(void **state)
{
  static const struct {
    const char *words, *message;
  } examples[] = {
      {"compare", "name two run directories or more"},
      {"compare $/a $/b --csv --json", "either --csv or --json"},
      {"compare $/a $/none", "/none: neither a run directory"},
      {"compare $/a $/empty", "/empty: neither a run directory"},
      {"compare $/a $/broken", "/broken/summary.json:1: "},
      {"compare $/a $/mixed", "/mixed/2: is of another scenario than"},
      {"compare $/a $/same", "/same/2: has the seed 1 as"},
      {"compare $/a $/b --fail-if ttft_s.p9>+5%",
       "no run has a metric 'ttft_s.p9'; did you mean 'ttft_s.p99'?"},
      {"compare $/a $/b --fail-if ttft_s.p99", "is no condition; write METRIC"},
      {"compare $/a $/b --fail-if ttft_s.p99>5%", "is no condition; write METRIC"},
      {"compare $/a $/b --fail-if >5", "is no condition; write METRIC"},
      {"compare $/a $/b --fail-if ttft_s.p99>+", "is no condition; write METRIC"},
      {"compare $/a $/b --fail-if ttft_s.p99>nan", "is no condition; write METRIC"},
      {"compare $/a $/b -m ttft_s.p98", "did you mean 'ttft_s.p99'?"},
      {"compare $/a $/b -m nothing.*", "no metric of the runs is like that"},
      {"compare $/a $/b --report $/page.html", "/a: this run has no table 'requests'"},
      {"compare $/a $/b --fail-iff x", "did you mean --fail-if?"},
  };
  for (guint i = 0; i < G_N_ELEMENTS(examples); i++)
    expect(state, examples[i].words, 2, "", examples[i].message);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(two_runs_show_differences_with_signs_and_verdicts),
      cmocka_unit_test(what_each_accelerator_gives_is_judged_between_as_many_alone),
      cmocka_unit_test(metrics_that_no_table_knows_show_with_all),
      cmocka_unit_test(a_value_that_is_missing_is_a_dash),
      cmocka_unit_test(a_long_drain_is_told_with_what_the_load_got),
      cmocka_unit_test(halved_nics_are_told_by_what_the_load_got),
      cmocka_unit_test(groups_of_seeds_have_their_significance),
      cmocka_unit_test(what_no_seed_changes_differs_exactly),
      cmocka_unit_test(rounding_is_no_difference),
      cmocka_unit_test(values_may_follow_short_options_at_once),
      cmocka_unit_test(csv_has_a_line_per_metric_and_run),
      cmocka_unit_test(json_says_the_same),
      cmocka_unit_test(a_condition_that_holds_exits_with_one),
      cmocka_unit_test(a_single_run_can_be_held_to_a_limit),
      cmocka_unit_test(a_condition_on_a_missing_value_is_not_silent),
      cmocka_unit_test(bad_usage_ends_with_two_and_says_what_is_right),
  };
  return cmocka_run_group_tests(tests, given_runs, remove_scratch);
}
