/* Broken scenarios, platforms, traces and arguments: the message that a user sees, word for word, and exit
 * code 2.
 */
#include "tests/cli/broken_cases.h"
#include "tests/cli/broken_power.h"
#include "tests/cli/broken_scenarios.h"
#include "tests/cli/program.h"

static void write_file(const char *directory, const char *name, const char *text, gssize length)
{
  g_autofree char *path = g_build_filename(directory, name, NULL);
  assert_true(g_file_set_contents(path, text, length, NULL));
}

/* The sound text, or the broken one where the case breaks this file. */
static void write_text(const char *directory, const char *name, const char *sound, broken_file which,
                       const broken *b)
{
  const char *at = b->file == which && b->find != NULL ? strstr(sound, b->find) : NULL;
  if (b->file != which) {
    write_file(directory, name, sound, -1);
  } else if (b->find == NULL) {
    write_file(directory, name, b->replace, -1);
  } else {
    assert_non_null(at);
    g_autofree char *text =
        g_strdup_printf("%.*s%s%s", (int)(at - sound), sound, b->replace, at + strlen(b->find));
    write_file(directory, name, text, -1);
  }
}

static char *set_up(const broken *b)
{
  char *directory = g_dir_make_tmp("tokenworks-test-XXXXXX", NULL);
  write_text(directory, "s.xml", scenario, SCENARIO, b);
  write_text(directory, "platform.xml", platform, PLATFORM, b);
  write_text(directory, "trace.csv", trace, TRACE, b);
  return directory;
}

static program_output run(const char *directory, const char *arguments)
{
  g_autofree char *line = g_strdup_printf("run s.xml -o out -q %s", arguments != NULL ? arguments : "");
  return program_run(directory, line);
}

static void the_sound_files_run(void **state)
{
  (void)state;
  g_autofree char *directory = set_up(&(broken){0});
  program_output output = run(directory, NULL);
  assert_string_equal(output.err, "");
  assert_int_equal(output.code, 0);
  program_output_clear(&output);
  program_remove(directory);
}

/* Runs the cases, and fails where a message is another than expected. */
static void assert_told(const broken *list, gsize n)
{
  int failed = 0;
  for (gsize i = 0; i < n; i++) {
    const broken *b = &list[i];
    g_autofree char *directory = set_up(b);
    program_output output = run(directory, b->arguments);
    g_autofree char *expected = g_strconcat(b->message, "\n", NULL);
    if (output.code != 2 || !g_str_equal(output.err, expected)) {
      print_error("%s: exit code %d\n%s", b->name, output.code, output.err);
      failed++;
    }
    program_output_clear(&output);
    program_remove(directory);
  }
  print_message("%zu broken inputs\n", n);
  assert_int_equal(failed, 0);
}

static void every_fault_of_a_scenario_is_told_with_its_place_and_what_would_be_right(void **state)
{
  (void)state;
  assert_told(scenario_cases, G_N_ELEMENTS(scenario_cases));
  assert_told(power_cases, G_N_ELEMENTS(power_cases));
}

static void every_fault_of_other_input_is_told_with_its_place_and_what_would_be_right(void **state)
{
  (void)state;
  assert_told(cases, G_N_ELEMENTS(cases));
}

/* ---- What a replaced text cannot say ---- */

static void assert_fault(const char *directory, const char *message)
{
  program_output output = run(directory, NULL);
  assert_string_equal(output.err, message);
  assert_int_equal(output.code, 2);
  program_output_clear(&output);
}

static void a_nul_byte_is_refused(void **state)
{
  (void)state;
  static const char text[] = "arrival_s,prompt_tokens,answer_tokens\n0,1\0000,10\n";
  g_autofree char *directory = set_up(&(broken){0});
  write_file(directory, "trace.csv", text, sizeof text - 1);
  assert_fault(directory, "tokenworks run: trace.csv:2: NUL byte in column 4; a text file is needed\n");
  program_remove(directory);
}

/* The tables hold what came before the end of the file: every request is there, and closed by an end marker.
 */
static void a_truncated_gzip_ends_the_run_with_complete_tables(void **state)
{
  (void)state;
  g_autofree char *directory = set_up(&(broken){0}), *text = NULL, *source = NULL;
  gsize length = 0;
  source = g_strdup_printf("%s/workloads/traces/azure-conv-2023.csv.gz", TW_SOURCE_DIR);
  assert_true(g_file_get_contents(source, &text, &length, NULL));
  write_file(directory, "trace.csv", text, 20000);
  program_output output = run(directory, NULL);
  assert_int_equal(output.code, 2);
  assert_true(g_str_has_prefix(output.err, "tokenworks run: trace.csv:"));
  assert_true(g_str_has_suffix(output.err,
                               ": the gzip data ends too early: the file is truncated; fetch it again\n"));
  guint64 line = g_ascii_strtoull(output.err + strlen("tokenworks run: trace.csv:"), NULL, 10);
  program_output_clear(&output);

  program_output check = program_run(directory, "log verify out");
  assert_int_equal(check.code, 0);
  program_output_clear(&check);
  program_output rows = program_run(directory, "log cat out requests");
  guint64 n = 0;
  for (const char *at = rows.out; (at = strchr(at, '\n')) != NULL; at++)
    n++;
  assert_int_equal(n, line - 1); /* a header and the rows before the bad line, as in the trace */
  program_output_clear(&rows);
  program_remove(directory);
}

static void a_directory_that_holds_a_run_is_kept(void **state)
{
  (void)state;
  g_autofree char *directory = set_up(&(broken){0});
  program_output output = run(directory, NULL);
  program_output_clear(&output);
  assert_fault(
      directory,
      "tokenworks run: out: holds a run already; name another directory, or overwrite it with --force\n");
  output = run(directory, "--force");
  assert_int_equal(output.code, 0);
  program_output_clear(&output);
  program_remove(directory);
}

static void an_unknown_command_suggests_the_nearest(void **state)
{
  (void)state;
  static const char *const lines[][2] = {
      {"rnu s.xml",
       "tokenworks: unknown command 'rnu'; did you mean 'run'? `tokenworks --help` lists the commands\n"},
      {"frobnicate", "tokenworks: unknown command 'frobnicate'; `tokenworks --help` lists the commands\n"},
      {"run s.xml",
       "tokenworks run: name a directory for the run with -o DIR; usage: tokenworks run SCENARIO.xml -o "
       "DIR\n"},
      {"run -o out", "tokenworks run: name one scenario file; usage: tokenworks run SCENARIO.xml -o DIR\n"},
      {"check", "tokenworks check: name a file; usage: tokenworks check FILE...\n"}};
  for (guint i = 0; i < G_N_ELEMENTS(lines); i++) {
    program_output output = program_run(".", lines[i][0]);
    assert_string_equal(output.err, lines[i][1]);
    assert_int_equal(output.code, 2);
    program_output_clear(&output);
  }
}

static void check_tells_every_fault_at_once(void **state)
{
  (void)state;
  static const broken many = {.file = SCENARIO,
                              .find = "interval=\"1s\"",
                              .replace = "interval=\"1\" segment=\"true\"/><slo ttft=\"5kg\""};
  g_autofree char *directory = set_up(&many);
  write_file(directory, "bad.csv", "arrival_s,prompt_tokens,answer_tokens\n0,0,1\n", -1);
  program_output output = program_run(directory, "check s.xml bad.csv");
  assert_string_equal(output.err,
                      "s.xml:5: interval of <output>: \"1\" has no unit; write a time, such as 50ms\n"
                      "s.xml:5: <output> has no attribute \"segment\"; did you mean \"segments\"?\n"
                      "s.xml:5: ttft of <slo>: \"5kg\" has the unknown unit \"kg\"; write a time, such as "
                      "50ms\n"
                      "bad.csv:2: prompt_tokens is '0'; a whole number from 1 to 16777216 is needed\n");
  assert_int_equal(output.code, 2);
  program_output_clear(&output);
  program_remove(directory);
}

static void check_reads_the_trace_that_a_scenario_names(void **state)
{
  (void)state;
  static const broken late = {.file = TRACE, .find = "1,50,5", .replace = "0.1,50,5"};
  g_autofree char *directory = set_up(&late);
  program_output output = program_run(directory, "check s.xml");
  assert_string_equal(output.err,
                      "trace.csv:4: arrives at 0.1 s, before the request above it at 0.5 s; a trace is in "
                      "the order of arrival (--order=sort, or order=\"sort\", sorts it)\n");
  assert_int_equal(output.code, 2);
  program_output_clear(&output);
  program_remove(directory);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_sound_files_run),
      cmocka_unit_test(every_fault_of_a_scenario_is_told_with_its_place_and_what_would_be_right),
      cmocka_unit_test(every_fault_of_other_input_is_told_with_its_place_and_what_would_be_right),
      cmocka_unit_test(a_nul_byte_is_refused),
      cmocka_unit_test(a_truncated_gzip_ends_the_run_with_complete_tables),
      cmocka_unit_test(a_directory_that_holds_a_run_is_kept),
      cmocka_unit_test(an_unknown_command_suggests_the_nearest),
      cmocka_unit_test(check_tells_every_fault_at_once),
      cmocka_unit_test(check_reads_the_trace_that_a_scenario_names),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
