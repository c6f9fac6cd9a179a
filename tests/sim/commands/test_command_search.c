/* The output of `tokenworks search`, as a user sees it. */
#include "tests/program.h"

#include <jansson.h>

#define SCENARIO(slo, workload)                                                                              \
  "<scenario name=\"s\">\n<platform file=\"" TW_SOURCE_DIR                                                   \
  "/platforms/hgx-h100-4.xml\"/>\n<workload>" workload                                                       \
  "</workload>\n<pool id=\"p\" model=\"llama-3.1-70b\" tp=\"8\" weights=\"fp8\" kv=\"fp8\" "                 \
  "replicas=\"4\"/>\n" slo "\n</scenario>\n"
#define LENGTHS "<prompt law=\"exponential\" mean=\"1000\"/><answer law=\"exponential\" mean=\"100\"/>"
#define POISSON "<poisson rate=\"2/s\" duration=\"40s\">" LENGTHS "</poisson>"
#define CLOSED  "<closed-loop concurrency=\"8\" requests=\"200\">" LENGTHS "</closed-loop>"
#define SLO     "<slo ttft=\"400ms\" tpot=\"12ms\"/>"

static int given_files(void **state)
{
  if (make_scratch(state) != 0)
    return 1;
  given_file(state, "s.xml", SCENARIO(SLO, POISSON));
  given_file(state, "closed.xml", SCENARIO(SLO, CLOSED));
  given_file(state, "no-slo.xml", SCENARIO("", POISSON));
  return 0;
}

/* The program splits its words at blanks, of which --find needs one. */
static result search(void **state, const char *scenario, const char *find, const char *directory,
                     const char *more)
{
  result r = {-1, NULL, NULL};
  g_autofree char *path = g_build_filename(*state, scenario, NULL),
                  *out = g_build_filename(*state, directory, NULL);
  const char *argv[] = {TW_PROGRAM, "search", path, "--find", find, "-o", out, "-q", more, NULL};
  int status = -1;
  assert_true(
      g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, &r.out, &r.err, &status, NULL));
  r.code = WEXITSTATUS(status);
  return r;
}

static double attained(void **state, const char *scenario, const char *assignment)
{
  g_autofree char *words = g_strdup_printf("run $/%s -o $/alone --force -q --set %s", scenario, assignment);
  expect(state, words, 0, "", "");
  g_autofree char *path = g_build_filename(*state, "alone", "summary.json", NULL);
  json_t *summary = json_load_file(path, 0, NULL);
  double value = json_number_value(json_object_get(json_object_get(summary, "slo"), "attainment"));
  json_decref(summary);
  return value;
}

static void the_largest_rate_holds_and_two_percent_more_does_not(void **state)
{
  g_auto(result) r = search(state, "s.xml", "max //poisson/@rate", "rate", NULL);
  double holds = 0, breaks = 0;
  assert_int_equal(r.code, 0);
  assert_int_equal(
      sscanf(r.out, "//poisson/@rate = %lf/s is the most that holds; %lf/s does not", &holds, &breaks), 2);
  assert_true(breaks > holds && breaks <= 1.02 * holds);
  g_autofree char *good = g_strdup_printf("//poisson/@rate=%.6g/s", holds);
  g_autofree char *bad = g_strdup_printf("//poisson/@rate=%.6g/s", breaks);
  assert_true(attained(state, "s.xml", good) >= 0.99);
  assert_true(attained(state, "s.xml", bad) < 0.99);
  /* Again: every run is there. */
  g_auto(result) again = search(state, "s.xml", "max //poisson/@rate", "rate", NULL);
  assert_string_equal(again.out, r.out);
}

static void whole_numbers_are_searched_as_such(void **state)
{
  g_auto(result) r = search(state, "closed.xml", "max //closed-loop/@concurrency", "clients", NULL);
  int holds = 0, breaks = 0;
  assert_int_equal(r.code, 0);
  assert_int_equal(
      sscanf(r.out, "//closed-loop/@concurrency = %d is the most that holds; %d does not", &holds, &breaks),
      2);
  assert_int_equal(breaks, holds + 1);
  g_auto(result) few = search(state, "s.xml", "min //pool/@replicas", "few", NULL);
  assert_true(attained(state, "s.xml", "//pool/@replicas=1") < 0.99);
  assert_string_equal(few.out, "//pool/@replicas = 2 is the least that holds; 1 does not\n");
}

static void bounds_of_ones_own_take_the_place_of_the_slo(void **state)
{
  g_auto(result) r = search(state, "no-slo.xml", "max //poisson/@rate", "own", "--require=ttft_s.p99<=0.4");
  assert_int_equal(r.code, 0);
  assert_non_null(strstr(r.out, " is the most that holds; "));
}

static void wrong_questions_are_told(void **state)
{
  static const struct {
    const char *scenario, *find, *more, *message;
    int code;
  } examples[] = {
      {"no-slo.xml", "max //poisson/@rate", NULL, "has no <slo> to keep; add one, or write --require", 2},
      {"s.xml", "most //poisson/@rate", NULL, "write \"max XPATH\" or \"min XPATH\"", 2},
      {"s.xml", "max //poisson/@rte", NULL, "no attribute matches //poisson/@rte", 2},
      {"s.xml", "max //pool/@model", NULL, "which is no number above zero", 2},
      {"s.xml", "max //poisson/@rate", "--require=ttft_s.p99", "is no bound; write \"ttft_s.p99<=2\"", 2},
      {"s.xml", "max //poisson/@rate", "--require=ttft.p99<=2", "has no number \"ttft.p99\"", 2},
      {"s.xml", "max //poisson/@rate", "--tolerance=0", "--tolerance must be above zero", 2},
      {"none.xml", "max //poisson/@rate", NULL, "none.xml", 2},
      {"s.xml", "max //poisson/@rate", "--require=ttft_s.p99<=1e-9", "nothing from ", 1},
  };
  for (guint i = 0; i < G_N_ELEMENTS(examples); i++) {
    g_autofree char *directory = g_strdup_printf("wrong-%u", i);
    g_auto(result) r = search(state, examples[i].scenario, examples[i].find, directory, examples[i].more);
    if (r.code != examples[i].code || strstr(r.err, examples[i].message) == NULL)
      fail_msg("%s: exit %d, %s", examples[i].find, r.code, r.err);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_largest_rate_holds_and_two_percent_more_does_not),
      cmocka_unit_test(whole_numbers_are_searched_as_such),
      cmocka_unit_test(bounds_of_ones_own_take_the_place_of_the_slo),
      cmocka_unit_test(wrong_questions_are_told),
  };
  return cmocka_run_group_tests(tests, given_files, remove_scratch);
}
