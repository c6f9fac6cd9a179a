/* The program loses nothing: devices, links, full disks and other runs are left as they should be. */
#include "tests/program.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define AZURE TW_SOURCE_DIR "/sim/scenarios/azure-conv-hgx-h100.xml"

static char *in_scratch(void **state, const char *name)
{
  return g_build_filename(*state, name, NULL);
}

/* The run under way is this test: it holds the lock that a run takes. */
static void a_run_does_not_touch_the_directory_of_another_that_is_under_way(void **state)
{
  given_file(state, "busy/summary.json", "{}");
  given_file(state, "busy/run.json", "{}");
  g_autofree char *directory = in_scratch(state, "busy"), *summary = in_scratch(state, "busy/summary.json");
  int lock = open(directory, O_RDONLY | O_DIRECTORY);
  assert_int_equal(flock(lock, LOCK_EX), 0);
  expect(state, "run " AZURE " -q --until 1s -o $/busy --force", 2, "", "another run is writing it");
  g_autofree char *text = NULL;
  assert_true(g_file_get_contents(summary, &text, NULL, NULL));
  assert_string_equal(text, "{}");
  close(lock);
  expect(state, "run " AZURE " -q --until 1s -o $/busy --force", 0, "", "");
}

static void a_symbolic_link_is_written_through(void **state)
{
  g_autofree char *link = in_scratch(state, "link.xml"), *target = in_scratch(state, "target.xml");
  given_file(state, "target.xml", "old");
  assert_int_equal(symlink("target.xml", link), 0);
  expect(state, "platform single --accelerators=1 -o $/link.xml", 0, "", "");
  assert_true(g_file_test(link, G_FILE_TEST_IS_SYMLINK));
  g_autofree char *text = NULL;
  assert_true(g_file_get_contents(target, &text, NULL, NULL));
  assert_non_null(strstr(text, "<platform"));
}

static void a_device_stays_a_device(void **state)
{
  struct stat status;
  g_autofree char *fifo = in_scratch(state, "pipe");
  assert_int_equal(mkfifo(fifo, 0600), 0);
  int reader = open(fifo, O_RDONLY | O_NONBLOCK);
  expect(state, "platform single --accelerators=1 -o $/pipe", 0, "", "");
  char text[16] = "";
  assert_true(read(reader, text, sizeof text - 1) > 0);
  assert_string_equal(text, "<?xml version=\"");
  close(reader);
  assert_int_equal(stat(fifo, &status), 0);
  assert_true(S_ISFIFO(status.st_mode));
}

/* /dev/full is a disk without room. */
static void a_full_disk_behind_standard_output_is_told(void **state)
{
  static const char *const commands[] = {"--help",
                                         "check --describe",
                                         "check " AZURE,
                                         "run --help",
                                         "manual",
                                         "platform single --accelerators=1",
                                         "compare --describe"};
  for (guint i = 0; i < G_N_ELEMENTS(commands); i++) {
    g_autofree char *line = g_strdup_printf("%s %s > /dev/full", TW_PROGRAM, commands[i]);
    char *argv[] = {(char *)"sh", (char *)"-c", line, NULL};
    g_autofree char *err = NULL;
    int status = -1;
    assert_true(g_spawn_sync(NULL, argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, &err, &status, NULL));
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 1 ||
        strstr(err, "standard output cannot be written") == NULL)
      fail_msg("%s: exit %d, %s", commands[i], status, err);
  }
  (void)state;
}

static void names_that_no_row_can_hold_are_refused_by_check(void **state)
{
  g_autofree char *name = g_strnfill(65000, 'x'), *fits = g_strnfill(64000, 'x');
  g_autofree char *text =
      g_strdup_printf("arrival_s,prompt_tokens,answer_tokens,session\n0,1,1,%s\n1,1,1,%s\n", fits, name);
  given_file(state, "long.csv", text);
  expect(state, "check $/long.csv", 2, "", "long.csv:3: the names of session and class take 65000 bytes");
}

/* An accelerator with known watts, alone on its site: PLATFORM of `platform single`. */
#define SCENARIO(workload, more)                                                                             \
  "<scenario name='s'><platform file='single.xml'/><workload>" workload "</workload>"                        \
  "<pool id='p' model='llama-3.1-8b'/>" more "</scenario>"
#define POISSON "<poisson rate='1/s' requests='3'><prompt mean='10'/><answer mean='5'/></poisson>"

static json_t *summary_of(void **state, const char *run)
{
  g_autofree char *path = g_build_filename(*state, run, "summary.json", NULL);
  json_t *summary = json_load_file(path, 0, NULL);
  assert_non_null(summary);
  return summary;
}

static double number_of(const json_t *summary, const char *group, const char *name)
{
  return json_number_value(json_object_get(json_object_get(summary, group), name));
}

/* Electricity costs joules / 3.6e6 times its price, whatever the sign. */
static void electricity_may_cost_less_than_nothing(void **state)
{
  expect(state, "platform single --accelerators=1 -o $/single.xml", 0, "", "");
  given_file(state, "negative.xml", SCENARIO(POISSON, "<price usd-per-kwh='-0.05'/>"));
  given_file(state, "prices.csv", "time_s,usd_per_kwh\n0,-0.05\n3600,0.1\n");
  given_file(state, "series.xml", SCENARIO(POISSON, "<price file='prices.csv'/>"));
  static const char *const runs[] = {"negative", "series"};
  for (guint i = 0; i < G_N_ELEMENTS(runs); i++) {
    g_autofree char *words = g_strdup_printf("run $/%s.xml -q -o $/%s", runs[i], runs[i]);
    expect(state, words, 0, "", "");
    json_t *summary = summary_of(state, runs[i]);
    double expected = -0.05 * number_of(summary, "energy", "site_j") / 3.6e6;
    assert_true(expected < 0);
    assert_near(number_of(summary, "cost", "electricity_usd"), expected, 1e-9);
    json_decref(summary);
  }
}

/* Both ways out: the table of classes on the terminal, and the cells of a run's tables. */
static void names_of_a_trace_are_data_everywhere(void **state)
{
  expect(state, "platform single --accelerators=1 -o $/single.xml", 0, "", "");
  given_file(state, "names.csv",
             "arrival_s,prompt_tokens,answer_tokens,session,class\n0,9,9,=1+1,a\033[2Jb\n1,9,9,-7,@x\n");
  given_file(state, "names.xml", SCENARIO("<trace file='names.csv'/>", ""));
  g_auto(result) r = run_program(state, "run $/names.xml -o $/names");
  assert_int_equal(r.code, 0);
  assert_null(strchr(r.out, '\033'));
  assert_non_null(strstr(r.out, "a?[2Jb"));
  g_auto(result) cat = run_program(state, "log cat $/names requests -f csv");
  assert_non_null(strstr(cat.out, ",'=1+1,"));
  assert_non_null(strstr(cat.out, ",-7,"));
  assert_non_null(strstr(cat.out, "'@x"));
  g_auto(result) json = run_program(state, "log cat $/names requests -f jsonl");
  assert_non_null(strstr(json.out, "\"=1+1\""));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_run_does_not_touch_the_directory_of_another_that_is_under_way),
      cmocka_unit_test(a_symbolic_link_is_written_through),
      cmocka_unit_test(a_device_stays_a_device),
      cmocka_unit_test(a_full_disk_behind_standard_output_is_told),
      cmocka_unit_test(names_that_no_row_can_hold_are_refused_by_check),
      cmocka_unit_test(electricity_may_cost_less_than_nothing),
      cmocka_unit_test(names_of_a_trace_are_data_everywhere),
  };
  return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
