/* What a user of `tokenworks sweep` sees. */
#include "tests/program.h"

/* A request every second, of which the engine serves one at a time. */
#define SCENARIO                                                                                             \
  "<scenario name=\"s\">\n"                                                                                  \
  "  <platform file=\"" TW_SOURCE_DIR "/platforms/hgx-h100-1.xml\"/>\n"                                      \
  "  <workload><poisson rate=\"2/s\" requests=\"50\"><prompt law=\"fixed\" mean=\"100\"/>"                   \
  "<answer law=\"fixed\" mean=\"10\"/></poisson></workload>\n"                                               \
  "  <pool id=\"p\" model=\"llama-3.1-8b\"/>\n"                                                              \
  "</scenario>\n"
#define SWEEP(attributes, axes) "<sweep name=\"s\" scenario=\"s.xml\" " attributes ">\n" axes "\n</sweep>\n"
#define RATES                   "<axis name=\"rate\" path=\"//poisson/@rate\" values=\"1/s 4/s\"/>"
#define SHAPES                                                                                               \
  "<axis name=\"shape\"><point name=\"asis\"/><point name=\"wide\"><set path=\"//pool/@tp\" value=\"2\"/>"   \
  "<set path=\"//pool/@replicas\" value=\"2\"/></point></axis>"

static int given_files(void **state)
{
  if (make_scratch(state) != 0)
    return 1;
  given_file(state, "s.xml", SCENARIO);
  given_file(state, "grid.xml", SWEEP("metrics=\"requests.completed\"", RATES SHAPES));
  given_file(state, "seeds.xml", SWEEP("seeds=\"3 1\" metrics=\"ttft_s.mean, nothing\"", RATES));
  return 0;
}

static char *results(void **state, const char *directory)
{
  g_autofree char *path = g_build_filename(*state, directory, "sweep.csv", NULL);
  char *text = NULL;
  assert_true(g_file_get_contents(path, &text, NULL, NULL));
  return text;
}

static void every_point_of_the_grid_is_run(void **state)
{
  expect(state, "sweep $/grid.xml -o $/grid -j 2", 0,
         "rate  shape  runs  requests.completed\n"
         "1/s   asis      1                  50\n"
         "1/s   wide      1                  50\n"
         "4/s   asis      1                  50\n"
         "4/s   wide      1                  50\n",
         "4/4");
  g_autofree char *csv = results(state, "grid");
  assert_true(g_str_has_prefix(csv, "rate,shape,runs,"));
  assert_non_null(strstr(csv, "\n4/s,wide,1,"));
}

static void a_point_is_the_run_that_its_command_gives(void **state)
{
  expect(state, "sweep $/grid.xml -o $/listed --list", 0,
         "--quiet --set //poisson/@rate=4/s --set //pool/@tp=2 --set //pool/@replicas=2\n", "");
  expect(state,
         "run $/s.xml -o $/alone -q --set //poisson/@rate=4/s --set //pool/@tp=2 --set //pool/@replicas=2", 0,
         "", "");
  g_autofree char *swept = g_strdup_printf("%s/grid/rate=4_s,shape=wide/requests.csv.gz", (char *)*state);
  g_autofree char *alone = g_strdup_printf("%s/alone/requests.csv.gz", (char *)*state);
  g_autofree char *a = NULL, *b = NULL;
  gsize a_bytes = 0, b_bytes = 0;
  assert_true(g_file_get_contents(swept, &a, &a_bytes, NULL));
  assert_true(g_file_get_contents(alone, &b, &b_bytes, NULL));
  assert_int_equal(a_bytes, b_bytes);
  assert_memory_equal(a, b, a_bytes);
}

static void seeds_are_averaged_and_compare_as_groups(void **state)
{
  expect(state, "sweep $/seeds.xml -o $/seeds", 0, "1/s      2  ", "no run has a metric 'nothing'");
  expect(state, "compare $/seeds/rate=1_s $/seeds/rate=4_s", 0, "means of 2 runs", "");
}

static void a_sweep_is_not_overwritten_unless_asked_to(void **state)
{
  expect(state, "sweep $/grid.xml -o $/again -q", 0, "", "");
  expect(state, "sweep $/grid.xml -o $/again -q", 2, "", "/again: holds a sweep already; name another");
  expect(state, "sweep $/grid.xml -o $/again -q --force", 0, "", "");
}

static void a_run_that_fails_fails_the_sweep_and_not_the_others(void **state)
{
  given_file(state, "taken/rate=1_s,shape=asis/run.json", "{}");
  expect(state, "sweep $/grid.xml -o $/taken", 1, "\n1/s   wide      1                  50\n",
         "rate=1_s,shape=asis ended with exit code 2");
}

static void faults_of_every_point_come_before_the_first_run(void **state)
{
  static const struct {
    const char *text, *message;
  } examples[] = {
      {SWEEP("", "<axis name=\"a\" path=\"//pool/@tp\" values=\"1 x\"/>"), "--set //pool/@tp=x: "},
      {SWEEP("", "<axis name=\"a\" path=\"//pool/@tpp\" values=\"1\"/>"), "did you mean \"tp\"?"},
      {SWEEP("", "<axis name=\"a\" path=\"//pool/@tp\" values=\"3\"/>"), "s.xml:4: "},
      {SWEEP("", "<axis name=\"a\" path=\"//pool/@tp\"/>"), ":2: an <axis> has either path and values"},
      {SWEEP("", "<axis name=\"a\"/>"), ":2: an <axis> has either path and values"},
      {SWEEP("", "<axis name=\"a\" path=\"//pool/@tp\" values=\" \"/>"), "the axis \"a\" has no values"},
      {SWEEP("", "<axis name=\"a\" path=\"//pool/@tp\" values=\"1 2 1\"/>"), "\"1\" is on this axis twice"},
      {SWEEP("", RATES RATES), "two axes are called \"rate\""},
      {SWEEP("", ""), "axis"},
      {SWEEP("seeds=\"1 1\"", RATES), "seeds: 1 is there twice"},
      {SWEEP("seeds=\"1 b\"", RATES), "seeds: \"b\" is no whole number"},
      {SWEEP("", "<axis name=\"a\" path=\"//pool/@model\" values=\"x/y x_y\"/>"),
       "two points would be called \"a=x_y\""},
      {"<sweep name=\"s\" scenario=\"none.xml\">" RATES "</sweep>", "none.xml"},
  };
  for (guint i = 0; i < G_N_ELEMENTS(examples); i++) {
    given_file(state, "bad.xml", examples[i].text);
    expect(state, "sweep $/bad.xml -o $/bad", 2, "", examples[i].message);
    expect(state, "check $/bad.xml", 2, "", examples[i].message);
  }
  expect(state, "check $/seeds.xml", 0, "a sweep of 2 points and 4 runs", "");
  expect(state, "sweep $/grid.xml", 2, "", "name a directory for the runs with -o DIR");
  expect(state, "sweep $/grid.xml -o $/x -j 0", 2, "", "--jobs must be 1 or more");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_point_of_the_grid_is_run),
      cmocka_unit_test(a_point_is_the_run_that_its_command_gives),
      cmocka_unit_test(seeds_are_averaged_and_compare_as_groups),
      cmocka_unit_test(a_sweep_is_not_overwritten_unless_asked_to),
      cmocka_unit_test(a_run_that_fails_fails_the_sweep_and_not_the_others),
      cmocka_unit_test(faults_of_every_point_come_before_the_first_run),
  };
  return cmocka_run_group_tests(tests, given_files, remove_scratch);
}
