/* Progress and interrupts of `tokenworks run`, and its timelines. */
#include "tests/program.h"

#include <jansson.h>

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#define AZURE TW_SOURCE_DIR "/sim/scenarios/azure-conv-hgx-h100.xml"

static void a_run_is_silent_where_there_is_no_terminal(void **state)
{
  g_auto(result) r = run_program(state, "run " AZURE " -o $/silent --until 60s");
  assert_int_equal(r.code, 0);
  assert_null(strstr(r.err, "simulated")); /* sanitizers may have said something */
  g_auto(result) bar = run_program(state, "run " AZURE " -o $/silent --until 60s --force --progress=bar");
  assert_null(strstr(bar.err, "simulated"));
}

static double spent_s(void **state, const char *directory, const char *what)
{
  g_autofree char *path = g_build_filename(*state, directory, "summary.json", NULL);
  json_t *summary = json_load_file(path, 0, NULL);
  assert_non_null(summary);
  json_t *seconds = json_object_get(json_object_get(summary, "spent"), "seconds");
  double value = json_number_value(json_object_get(seconds, what));
  json_decref(summary);
  return value;
}

/* Attention over long prompts is arithmetic alone: at half the clock it takes twice the time. KV is written, and the
 * host works, as fast as before. */
static void half_the_clock_takes_twice_the_time_for_arithmetic_alone(void **state)
{
  given_file(state, "prompts.xml",
             "<scenario name=\"prompts\"><platform file=\"" TW_SOURCE_DIR "/platforms/hgx-h100-1.xml\"/>"
             "<workload><poisson rate=\"1/s\" requests=\"20\"><prompt mean=\"8192\"/><answer mean=\"1\"/>"
             "</poisson></workload><pool id=\"p\" model=\"llama-3.1-8b\"/></scenario>");
  expect(state, "run $/prompts.xml -o $/whole -q", 0, "", "");
  expect(state, "run $/prompts.xml -o $/half -q --set /scenario/power-cap/@clock=0.5", 0, "", "");
  double attention_s = spent_s(state, "whole", "attention");
  assert_true(attention_s > 0.1);
  assert_true(fabs(spent_s(state, "half", "attention") / attention_s - 2) < 1e-6);
  assert_true(fabs(spent_s(state, "half", "kv") / spent_s(state, "whole", "kv") - 1) < 1e-6);
  assert_true(fabs(spent_s(state, "half", "host") / spent_s(state, "whole", "host") - 1) < 1e-6);
}

static void plain_progress_needs_no_terminal(void **state)
{
  expect(state, "run " AZURE " -o $/plain --until 300s --progress=plain", 0, "cut short", "\n 90 %  2");
  expect(state, "run " AZURE " -o $/plain --force --progress=plan", 2, "",
         "there is no such style; did you mean \"plain\"?");
}

/* Starts a run that would be long, and interrupts it once it has told of its first tenth. */
static int interrupt_run(const char *directory, int signal_number)
{
  char *argv[] = {(char *)TW_PROGRAM,
                  (char *)"run",
                  (char *)AZURE,
                  (char *)"-o",
                  (char *)directory,
                  (char *)"--progress=plain",
                  (char *)"--set",
                  (char *)"//trace/@repeat=8",
                  NULL};
  GPid pid;
  int err, status;
  char byte = 0;
  assert_true(g_spawn_async_with_pipes(NULL, argv, NULL,
                                       G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDOUT_TO_DEV_NULL, NULL, NULL,
                                       &pid, NULL, NULL, &err, NULL));
  while (byte != '\n' && read(err, &byte, 1) == 1)
    ;
  assert_int_equal(byte, '\n');
  kill(pid, signal_number);
  while (read(err, &byte, 1) == 1)
    ;
  close(err);
  assert_int_equal(waitpid(pid, &status, 0), pid);
  assert_true(WIFEXITED(status));
  return WEXITSTATUS(status);
}

static void an_interrupted_run_leaves_whole_logs_and_a_partial_summary(void **state)
{
  static const struct {
    int signal_number, code;
  } examples[] = {{SIGINT, 130}, {SIGTERM, 143}};
  for (guint i = 0; i < G_N_ELEMENTS(examples); i++) {
    g_autofree char *directory = g_strdup_printf("%s/%d", (char *)*state, examples[i].code);
    g_autofree char *summary_path = g_build_filename(directory, "summary.json", NULL);
    assert_int_equal(interrupt_run(directory, examples[i].signal_number), examples[i].code);
    g_autofree char *verify = g_strdup_printf("log verify $/%d", examples[i].code);
    expect(state, verify, 0, "requests  whole", "");
    json_t *summary = json_load_file(summary_path, 0, NULL);
    assert_true(json_is_true(json_object_get(summary, "partial")));
    json_decref(summary);
  }
}

static void what_is_easily_confused_is_told_apart(void **state)
{
  expect(state, "platform hgx --racks=4", 2, "", "unknown option --racks; its size is counted in --nodes");
  /* Up-links that are not there cannot be oversubscribed; with fewer nodes to a leaf there are some. */
  expect(state, "platform hgx --nodes=32 --oversubscription=4", 0, "",
         "note: oversubscription=4 has no effect: one leaf switch takes all 32");
  g_auto(result) fewer =
      run_program(state, "platform hgx --nodes=32 --oversubscription=4 --nodes-per-leaf=8");
  assert_string_equal(fewer.err, "");
  expect(state, "platform nvl72 --nodes=4", 2, "", "unknown option --nodes; its size is counted in --racks");
  given_file(state, "mine.csv", "time,prompt,answer\n0,100,20\n1,50,10\n");
  expect(state, "workload describe $/mine.csv", 0, "2 in 1.0 s", "prompt=prompt,output=answer");
  expect(state,
         "run " TW_SOURCE_DIR
         "/sim/scenarios/azure-conv-hgx-h100.xml -o $/mine --set //trace/@file=$/mine.csv",
         2, "",
         "it was read as format=\"azure\", but looks like \"log\": write that, or --set //trace/@format=log");
  expect(state, "run azure-conv-hgx-h100 -o $/shipped", 2, "",
         "did you mean " TW_SOURCE_DIR "/sim/scenarios/azure-conv-hgx-h100.xml?");
  expect(state, "run " TW_SOURCE_DIR "/sim/scenarios/plan-largest-rate.xml -o $/question", 2, "",
         "<question> cannot stand here; write <scenario>, or: `tokenworks plan` takes a question");
}

/* Nothing happens for 28 years of simulated time, of which each second is metered: minutes of the machine. */
static void an_interrupt_is_heeded_while_nothing_happens(void **state)
{
  static const int signals[] = {SIGINT, SIGTERM};
  expect(state, "platform single --accelerators=1 -o $/single.xml", 0, "", "");
  given_file(state, "late.csv", "arrival_s,prompt_tokens,answer_tokens\n900000000,10,10\n");
  given_file(
      state, "late.xml",
      "<scenario name='late'><platform file='single.xml'/><workload><trace file='late.csv'/></workload>"
      "<pool id='p' model='llama-3.1-8b'/><output interval='1h'/></scenario>");
  g_autofree char *scenario = g_build_filename(*state, "late.xml", NULL);
  for (guint i = 0; i < G_N_ELEMENTS(signals); i++) {
    g_autofree char *name = g_strdup_printf("late-%u", i), *table = g_strdup_printf("log verify $/%s", name);
    g_autofree char *directory = g_build_filename(*state, name, NULL);
    g_autofree char *running = g_build_filename(directory, "site.csv.gz", NULL);
    char *argv[] = {(char *)TW_PROGRAM, (char *)"run", scenario, (char *)"-q", (char *)"-o", directory, NULL};
    GPid pid;
    int status;
    assert_true(g_spawn_async(NULL, argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, &pid, NULL));
    GStatBuf found = {.st_size = 0};
    while (g_stat(running, &found) != 0 || found.st_size < 4096) /* until rows are written */
      g_usleep(1000);
    gint64 start_us = g_get_monotonic_time();
    kill(pid, signals[i]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(g_get_monotonic_time() - start_us < 10 * G_USEC_PER_SEC); /* the machine may be busy */
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 128 + signals[i]);
    expect(state, table, 0, "site      whole", "");
  }
}

static void the_timeline_of_a_real_run_is_valid(void **state)
{
  g_autofree char *path = g_build_filename(*state, "traced", "trace.json.gz", NULL);
  char *argv[] = {(char *)"python3", (char *)TW_SOURCE_DIR "/tests/sim/timeline_check.py", path, NULL};
  g_autofree char *out = NULL, *err = NULL;
  int status = -1;
  expect(state, "run " AZURE " -o $/traced --until 120s --segments", 0, "", "");
  expect(state, "trace $/traced", 0, "trace.json.gz: ", "");
  assert_true(g_spawn_sync(NULL, argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &out, &err, &status, NULL));
  assert_string_equal(err, "");
  assert_int_equal(status, 0);
}

/* A run's own description of what ran. The caller frees it. */
static char *canonical_scenario(void **state, const char *name)
{
  g_autofree char *path = g_build_filename(*state, name, "run.json", NULL);
  json_t *run = json_load_file(path, 0, NULL);
  char *scenario = g_strdup(json_string_value(json_object_get(run, "scenario")));
  json_decref(run);
  return scenario;
}

/* Otherwise `compare` would take runs of other windows for samples of one scenario. */
static void options_that_change_the_scenario_are_part_of_it(void **state)
{
  expect(state, "run " AZURE " -q -o $/group/1 --until 60s --seed 1", 0, "", "");
  expect(state, "run " AZURE " -q -o $/group/2 --until 60s --seed 2 --warmup 10s --drain 1s --segments", 0,
         "", "");
  g_autofree char *one = canonical_scenario(state, "group/1"), *two = canonical_scenario(state, "group/2");
  assert_non_null(strstr(one, "<output interval=\"1s\" until=\"60s\">"));
  assert_non_null(
      strstr(two, "<output drain=\"1s\" interval=\"1s\" segments=\"true\" until=\"60s\" warmup=\"10s\">"));
  expect(state, "compare $/group $/group/1", 2, "", "is of another scenario than");
}

/* Engines of two nodes wait for the fabric, 5 ms at a time, and reserve blocks elsewhere as that is over: engines' rows
 * of 1 ms that end meanwhile are of before. */
static void layers_that_leave_behind_a_window_do_not_outrun_the_tables(void **state)
{
  given_file(
      state, "layers.xml",
      "<scenario name=\"layers\">\n"
      "  <platform file=\"" TW_SOURCE_DIR "/platforms/fat-tree-h100-16.xml\"/>\n"
      "  <workload><closed-loop concurrency=\"1\" requests=\"2\"><prompt mean=\"4000\"/><answer mean=\"3\"/>"
      "</closed-loop></workload>\n"
      "  <pool id=\"pre\" model=\"llama-3.1-70b\" weights=\"fp8\" tp=\"16\" role=\"prefill\" "
      "kv-transfer=\"layered\"/>\n"
      "  <pool id=\"dec\" model=\"llama-3.1-70b\" weights=\"fp8\" tp=\"8\" role=\"decode\"/>\n"
      "  <output interval=\"1ms\"/>\n"
      "</scenario>\n");
  expect(state, "run $/layers.xml -o $/layers", 0, "2 arrived, 2 completed", "");
  expect(state, "log verify $/layers", 0, "", "");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_run_is_silent_where_there_is_no_terminal),
      cmocka_unit_test(half_the_clock_takes_twice_the_time_for_arithmetic_alone),
      cmocka_unit_test(plain_progress_needs_no_terminal),
      cmocka_unit_test(an_interrupted_run_leaves_whole_logs_and_a_partial_summary),
      cmocka_unit_test(what_is_easily_confused_is_told_apart),
      cmocka_unit_test(an_interrupt_is_heeded_while_nothing_happens),
      cmocka_unit_test(the_timeline_of_a_real_run_is_valid),
      cmocka_unit_test(layers_that_leave_behind_a_window_do_not_outrun_the_tables),
      cmocka_unit_test(options_that_change_the_scenario_are_part_of_it),
  };
  return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
