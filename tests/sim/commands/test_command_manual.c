/* The manual page, and what bash completes. */
#include "tests/program.h"

static void the_manual_names_every_command_and_option(void **state)
{
  g_auto(result) manual = run_program(state, "manual");
  g_auto(result) help = run_program(state, "--help");
  g_auto(GStrv) lines = g_strsplit(strstr(help.out, "Commands:\n") + strlen("Commands:\n"), "\n", -1);
  assert_true(g_str_has_prefix(manual.out, ".TH TOKENWORKS 1 "));
  for (char **line = lines; g_str_has_prefix(*line, "  "); line++) {
    g_autofree char *name = g_strndup(*line + 2, strcspn(*line + 2, " "));
    g_autofree char *title = g_strdup_printf(".SS \"tokenworks %s", name);
    assert_non_null(strstr(manual.out, title));
  }
  assert_non_null(strstr(manual.out, ".SS \"tokenworks log cat DIR [TABLE]\"\n"));
  assert_non_null(strstr(manual.out, "\\fB\\-o\\fR, \\fB\\-\\-output\\fR=\\fIDIR\\fR\n"));
}

/* A line that begins with a point or a quote would be a command of roff. */
static void every_command_of_the_manual_is_one_of_roff(void **state)
{
  static const char *const commands[] = {".TH", ".SH", ".SS", ".PP", ".TP", ".nf", ".fi", ".RS", ".RE", NULL};
  g_auto(result) manual = run_program(state, "manual");
  g_auto(GStrv) lines = g_strsplit(manual.out, "\n", -1);
  for (char **line = lines; *line != NULL; line++) {
    g_autofree char *word = g_strndup(*line, strcspn(*line, " "));
    assert_true(**line != '\'');
    assert_true(**line != '.' || g_strv_contains(commands, word));
  }
}

/* The words with which bash completes a line, joined by blanks. */
static char *complete(void **state, const char *words)
{
  g_autofree char *script =
      g_strdup_printf("cd '%s' && source <('%s' manual --completion=bash) && COMP_WORDS=(tokenworks %s) && "
                      "COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) && _tokenworks && echo \"${COMPREPLY[*]}\"",
                      (char *)*state, TW_PROGRAM, words);
  char *argv[] = {(char *)"bash", (char *)"-c", script, NULL};
  char *out = NULL;
  g_autofree char *err = NULL;
  assert_true(g_spawn_sync(NULL, argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &out, &err, NULL, NULL));
  assert_string_equal(err, "");
  return g_strchomp(out);
}

static void bash_completes_commands_options_and_values(void **state)
{
  static const struct {
    const char *words, *completions;
  } examples[] = {
      {"com", "compare"},
      {"log ''", "cat head verify repair schema --help"},
      {"log v", "verify"},
      {"run --pro", "--progress"},
      {"run --progress p", "plain"},
      {"run --progress = ''", "bar plain none"},
      {"run --progress =", "bar plain none"},
      {"log cat --format j", "jsonl"},
      {"log cat -f t", "table"},
      {"run sc", "scenario.xml"},
      {"run -o ''", "runs"},
      {"report ''", "runs"},
      {"run --seed ''", ""},
  };
  given_file(state, "scenario.xml", "");
  given_file(state, "runs/azure", "");
  for (guint i = 0; i < G_N_ELEMENTS(examples); i++) {
    g_autofree char *completions = complete(state, examples[i].words);
    assert_string_equal(completions, examples[i].completions);
  }
}

static void bad_usage_ends_with_two_and_says_what_is_right(void **state)
{
  expect(state, "manual --completion=tcsh", 2, "", "there is one for bash");
  expect(state, "manual run", 2, "", "takes options alone");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_manual_names_every_command_and_option),
      cmocka_unit_test(every_command_of_the_manual_is_one_of_roff),
      cmocka_unit_test(bash_completes_commands_options_and_values),
      cmocka_unit_test(bad_usage_ends_with_two_and_says_what_is_right),
  };
  return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
