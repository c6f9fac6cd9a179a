/* The output of `tokenworks sweep`, as a user sees it. */
#include "tests/program.h"

#include <math.h>

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
         "rate  shape  runs  requests.completed [requests]\n"
         "1/s   asis      1                             50\n"
         "1/s   wide      1                             50\n"
         "4/s   asis      1                             50\n"
         "4/s   wide      1                             50\n",
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
  g_autofree char *csv = results(state, "seeds");
  assert_non_null(strstr(csv, ",requests.completed,requests.completed.ci95,"));
  expect(state, "compare $/seeds/rate=1_s $/seeds/rate=4_s", 0, "means of 2 runs", "");
}

/* Forgets a point of the sweep in `directory` as a kill would have left it: begun, without a summary. */
static void cut_off(void **state, const char *directory, const char *point)
{
  g_autofree char *path = g_build_filename(*state, directory, point, "summary.json", NULL);
  assert_int_equal(g_unlink(path), 0);
}

static void a_sweep_that_was_killed_goes_on(void **state)
{
  expect(state, "sweep $/grid.xml -o $/again", 0, "", "4/4");
  g_autofree char *first = results(state, "again");
  cut_off(state, "again", "rate=4_s,shape=asis");
  expect(state, "sweep $/grid.xml -o $/again -j 1", 0, "", "3/4");
  expect(state, "sweep $/grid.xml -o $/again -q", 0, "", "");
  g_autofree char *last = results(state, "again");
  assert_string_equal(strrchr(first, '/'), strrchr(last, '/')); /* its last row, which was kept */
  expect(state, "sweep $/grid.xml -o $/again", 0, "", "rate=4_s,shape=asis was done before");
  expect(state, "sweep $/grid.xml -o $/again --force", 0, "", "rate=4_s,shape=asis in ");
}

static void the_runs_of_something_else_are_not_taken_nor_overwritten(void **state)
{
  given_file(state, "moving.xml", SCENARIO);
  given_file(state, "moving-grid.xml", "<sweep name=\"s\" scenario=\"moving.xml\">" RATES "</sweep>");
  expect(state, "sweep $/moving-grid.xml -o $/moved -q", 0, "", "");
  given_file(state, "moving.xml", "<!-- another day -->" SCENARIO);
  expect(state, "sweep $/moving-grid.xml -o $/moved -q", 2, "",
         "holds the run of something else, or of files that have changed since; name another directory");
  given_file(state, "mine/rate=1_s/run.json", "{}");
  expect(state, "sweep $/moving-grid.xml -o $/mine -q", 2, "",
         "mine/rate=1_s: holds the run of something else");
  expect(state, "sweep $/moving-grid.xml -o $/moved -q --force", 0, "", "");
}

static void a_run_that_fails_fails_the_sweep_and_not_the_others(void **state)
{
  given_file(state, "taken/rate=1_s,shape=asis/requests.csv.gz/file", "in the way of a table");
  expect(state, "sweep $/grid.xml -o $/taken", 1, "\n1/s   wide      1                             50\n",
         "rate=1_s,shape=asis ended with exit code 1");
}

/* The first child of a process, from /proc; 0 while there is none. */
static GPid first_child(GPid parent)
{
  g_autofree char *path = g_strdup_printf("/proc/%d/task/%d/children", parent, parent);
  g_autofree char *text = NULL;
  return g_file_get_contents(path, &text, NULL, NULL) ? (GPid)g_ascii_strtoll(text, NULL, 10) : 0;
}

static gboolean is_alive(GPid pid)
{
  g_autofree char *path = g_strdup_printf("/proc/%d/stat", pid);
  g_autofree char *text = NULL;
  return g_file_get_contents(path, &text, NULL, NULL) && strstr(text, ") Z ") == NULL;
}

static void a_killed_sweep_leaves_nobody_behind(void **state)
{
  given_file(state, "long.xml",
             "<scenario name=\"l\"><platform file=\"" TW_SOURCE_DIR "/platforms/hgx-h100-1.xml\"/>"
             "<workload><poisson rate=\"2/s\" requests=\"90000000\"><prompt mean=\"100\"/>"
             "<answer mean=\"10\"/></poisson></workload><pool id=\"p\" model=\"llama-3.1-8b\"/></scenario>");
  given_file(state, "long-grid.xml", "<sweep name=\"s\" scenario=\"long.xml\">" RATES "</sweep>");
  g_autofree char *sweep = g_build_filename(*state, "long-grid.xml", NULL);
  g_autofree char *directory = g_build_filename(*state, "long", NULL);
  char *argv[] = {TW_PROGRAM, "sweep", sweep, "-o", directory, "-q", "-j", "1", NULL};
  GPid pid;
  assert_true(g_spawn_async(NULL, argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, &pid, NULL));
  GPid child = 0;
  for (int waited = 0; child == 0; waited++, g_usleep(1000)) {
    assert_true(waited < 30000);
    child = first_child(pid);
  }
  g_usleep(100000); /* the child has said by then that it goes with its parent */
  kill(pid, SIGKILL);
  assert_int_equal(waitpid(pid, NULL, 0), pid);
  for (int waited = 0; is_alive(child); waited++, g_usleep(1000))
    assert_true(waited < 5000);
}

/* Eight points on a range, a list and a range of whole numbers: each eighth of the ranges holds one, and each value
 * of the list of four is met twice. Another seed makes other points, the same seed the same. */
static void a_latin_hypercube_meets_every_part_of_every_axis_once(void **state)
{
#define SAMPLE(kind, seed)                                                                                   \
  SWEEP("sample=\"" kind "\" points=\"8\" sample-seed=\"" seed "\" metrics=\"requests.completed\"",          \
        "<axis name=\"rate\" path=\"//poisson/@rate\" from=\"1\" to=\"256\" scale=\"log\" unit=\"/s\"/>"     \
        "<axis name=\"mean\" path=\"//answer/@mean\" values=\"10 20 30 40\"/>"                               \
        "<axis name=\"seqs\" path=\"//scheduler/@max-seqs\" from=\"1\" to=\"801\" whole=\"true\"/>")
  given_file(state, "s.xml",
             "<scenario name=\"s\"><platform file=\"" TW_SOURCE_DIR "/platforms/hgx-h100-1.xml\"/>"
             "<workload><poisson rate=\"2/s\" requests=\"50\"><prompt law=\"fixed\" mean=\"100\"/>"
             "<answer law=\"fixed\" mean=\"10\"/></poisson></workload>"
             "<pool id=\"p\" model=\"llama-3.1-8b\"><scheduler/></pool></scenario>");
  given_file(state, "latin.xml", SAMPLE("latin-hypercube", "1"));
  given_file(state, "other.xml", SAMPLE("latin-hypercube", "2"));
  given_file(state, "random.xml", SAMPLE("random", "1"));
  expect(state, "sweep $/latin.xml -o $/latin -q", 0, "", "");
  g_autofree char *csv = results(state, "latin");
  g_auto(GStrv) rows = g_strsplit(csv, "\n", -1);
  int rates[8] = {0}, means[4] = {0}, seqs[8] = {0};
  for (guint i = 1; i <= 8; i++) {
    double rate = g_ascii_strtod(rows[i], NULL);
    g_auto(GStrv) cells = g_strsplit(rows[i], ",", 4);
    rates[(int)log2(rate)]++;
    means[strtol(cells[1], NULL, 10) / 10 - 1]++;
    seqs[(strtol(cells[2], NULL, 10) - 1) / 100]++;
    assert_null(strchr(cells[2], '.'));
  }
  for (guint i = 0; i < 8; i++)
    assert_true(rates[i] == 1 && seqs[i] == 1 && means[i / 2] == 2);
  g_auto(result) one = run_program(state, "sweep $/latin.xml -o $/x --list"),
                 two = run_program(state, "sweep $/latin.xml -o $/x --list"),
                 three = run_program(state, "sweep $/other.xml -o $/x --list"),
                 four = run_program(state, "sweep $/random.xml -o $/x --list");
  assert_string_equal(one.out, two.out);
  assert_string_not_equal(one.out, three.out);
  assert_string_not_equal(one.out, four.out);
  given_file(state, "s.xml", SCENARIO);
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
      {SWEEP("", "<axis name=\"a\" path=\"//pool/@tp\" from=\"1\" to=\"8\"/>"),
       "a grid has no values between"},
      {SWEEP("sample=\"random\"", "<axis name=\"a\" path=\"//pool/@tp\" from=\"8\" to=\"1\"/>"),
       "from is not below to"},
      {SWEEP("sample=\"random\"", "<axis name=\"a\" path=\"//pool/@tp\" from=\"0\" to=\"1\" scale=\"log\"/>"),
       "a logarithmic axis begins above zero"},
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
      cmocka_unit_test(a_sweep_that_was_killed_goes_on),
      cmocka_unit_test(the_runs_of_something_else_are_not_taken_nor_overwritten),
      cmocka_unit_test(a_killed_sweep_leaves_nobody_behind),
      cmocka_unit_test(a_run_that_fails_fails_the_sweep_and_not_the_others),
      cmocka_unit_test(a_latin_hypercube_meets_every_part_of_every_axis_once),
      cmocka_unit_test(faults_of_every_point_come_before_the_first_run),
  };
  return cmocka_run_group_tests(tests, given_files, remove_scratch);
}
