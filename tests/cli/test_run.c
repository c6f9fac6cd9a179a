/* The shipped scenarios through the program and SimGrid. */
#include "tests/cli/program.h"
#include "tests/sim/support.h"

#include <jansson.h>

#define MAIN_JOB TW_SOURCE_DIR "/sim/scenarios/azure-conv-hgx-h100.xml"
enum { AZURE_REQUESTS = 19366 };

/* Runs a scenario into DIRECTORY/NAME, which it returns; a failure ends the test. */
static char *run(const char *directory, const char *name, const char *scenario, const char *arguments)
{
  g_autofree char *line = g_strdup_printf("run %s -o %s %s", scenario, name, arguments);
  program_output output = program_run(directory, line);
  assert_string_equal(output.err, "");
  assert_int_equal(output.code, 0);
  program_output_clear(&output);
  return g_build_filename(directory, name, NULL);
}

static json_int_t summary_count(const char *run_directory, const char *group, const char *name)
{
  g_autofree char *path = g_build_filename(run_directory, "summary.json", NULL);
  json_t *summary = json_load_file(path, 0, NULL);
  assert_non_null(summary);
  json_int_t value = json_integer_value(json_object_get(json_object_get(summary, group), name));
  json_decref(summary);
  return value;
}

static void assert_same_file(const char *a, const char *b, const char *name)
{
  g_autofree char *path_a = g_build_filename(a, name, NULL), *path_b = g_build_filename(b, name, NULL),
                  *text_a = NULL, *text_b = NULL;
  gsize length_a = 0, length_b = 0;
  assert_true(g_file_get_contents(path_a, &text_a, &length_a, NULL));
  assert_true(g_file_get_contents(path_b, &text_b, &length_b, NULL));
  assert_int_equal(length_a, length_b);
  assert_memory_equal(text_a, text_b, length_a);
}

static double total(const char *run_directory, const char *table, const char *column)
{
  g_autoptr(GArray) values = test_column(run_directory, table, column);
  double sum = 0;
  for (guint i = 0; i < values->len; i++)
    sum += isnan(g_array_index(values, double, i)) ? 0 : g_array_index(values, double, i);
  return sum;
}

/* The hour of Azure's conversations: every request once, in one of the states, with the tokens of the trace
 * (22,361,870 of prompts and 4,088,665 of output, as `zcat | awk` sums them). */
static void the_main_job_serves_every_request_once(void **state)
{
  const char *directory = *state;
  g_autofree char *out = run(directory, "main", MAIN_JOB, "-q");
  g_autoptr(GArray) ids = test_column(out, "requests", "id");
  g_autofree gboolean *seen = g_new0(gboolean, AZURE_REQUESTS);
  assert_int_equal(ids->len, AZURE_REQUESTS);
  for (guint i = 0; i < ids->len; i++) {
    int id = (int)g_array_index(ids, double, i);
    assert_in_range(id, 0, AZURE_REQUESTS - 1);
    assert_false(seen[id]);
    seen[id] = TRUE;
  }
  assert_int_equal(summary_count(out, "requests", "completed"), AZURE_REQUESTS);
  assert_int_equal(summary_count(out, "tokens", "prompt"), 22361870);
  assert_int_equal(summary_count(out, "tokens", "output"), 4088665);
  assert_near(total(out, "engines", "prompt_tokens"), 22361870, 0);
  assert_near(total(out, "engines", "output_tokens"), 4088665, 0);
  assert_near(total(out, "site", "completed"), AZURE_REQUESTS, 0);
}

static void exact_steps_write_the_same_requests_to_the_byte(void **state)
{
  const char *directory = *state;
  g_autofree char *macro = run(directory, "macro", MAIN_JOB, "-q --until 15min");
  g_autofree char *exact =
      run(directory, "exact", MAIN_JOB,
          "-q --until 15min --set //output/@exact-steps=true --set //output/@audit=true");
  assert_same_file(macro, exact, "requests.csv.gz");
}

/* Neither the directory, nor what is printed, nor the interval of the other tables; segments neither. */
static void results_depend_on_the_scenario_alone(void **state)
{
  const char *directory = *state;
  g_autofree char *one = run(directory, "one", MAIN_JOB, "-q --until 10min");
  g_autofree char *two = run(directory, "two", MAIN_JOB, "--until 10min");
  g_autofree char *three = run(directory, "three", MAIN_JOB,
                               "--until 10min --set //output/@interval=7s --set //output/@segments=true");
  static const char *const names[] = {"requests", "engines", "racks", "site"};
  for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
    g_autofree char *name = g_strdup_printf("%s.csv.gz", names[i]);
    assert_same_file(one, two, name);
  }
  assert_same_file(one, three, "requests.csv.gz");
  assert_near(total(three, "engines", "output_tokens"), total(one, "engines", "output_tokens"), 0);
}

static void a_run_that_is_cut_short_adds_up(void **state)
{
  const char *directory = *state;
  g_autofree char *out = run(directory, "short", MAIN_JOB, "-q --until 123.4s");
  json_int_t arrived = summary_count(out, "requests", "arrived");
  assert_true(summary_count(out, "requests", "unfinished") > 0);
  assert_int_equal(summary_count(out, "requests", "completed") + summary_count(out, "requests", "unfinished"),
                   arrived);
  assert_near(total(out, "site", "arrived"), (double)arrived, 0);
  assert_near(total(out, "engines", "output_tokens"),
              total(out, "requests", "reasoning_tokens") + total(out, "requests", "answer_tokens"), 0);
}

/* Seeds: the same twice, and another one. */
static void equal_seeds_give_equal_tables(void **state)
{
  const char *directory = *state;
  const char *scenario = TW_SOURCE_DIR "/sim/scenarios/reasoning-deepseek-nvl72.xml";
  g_autofree char *one = run(directory, "seed1", scenario, "-q --seed 5 --until 60s");
  g_autofree char *two = run(directory, "seed2", scenario, "-q --seed 5 --until 60s");
  g_autofree char *other = run(directory, "seed3", scenario, "-q --seed 6 --until 60s");
  static const char *const names[] = {"requests.csv.gz", "engines.csv.gz", "racks.csv.gz", "site.csv.gz"};
  for (guint i = 0; i < G_N_ELEMENTS(names); i++)
    assert_same_file(one, two, names[i]);
  g_autofree char *a = test_table(one, "requests"), *b = test_table(other, "requests");
  assert_string_not_equal(a, b);
}

static void every_shipped_scenario_is_sound(void **state)
{
  const char *directory = *state;
  g_autoptr(GDir) dir = g_dir_open(TW_SOURCE_DIR "/sim/scenarios", 0, NULL);
  int n = 0;
  for (const char *name; (name = g_dir_read_name(dir)) != NULL;) {
    if (!g_str_has_suffix(name, ".xml"))
      continue;
    g_autofree char *line = g_strdup_printf("check " TW_SOURCE_DIR "/sim/scenarios/%s", name);
    program_output output = program_run(directory, line);
    assert_string_equal(output.err, "");
    assert_int_equal(output.code, 0);
    program_output_clear(&output);
    n++;
  }
  assert_true(n >= 4);
}

static void every_command_explains_itself_with_an_example(void **state)
{
  const char *directory = *state;
  program_output all = program_run(directory, "--help");
  assert_int_equal(all.code, 0);
  const char *at = strstr(all.out, "Commands:\n");
  assert_non_null(at);
  int n = 0;
  for (at = strchr(at, '\n') + 1; g_str_has_prefix(at, "  "); at = strchr(at, '\n') + 1, n++) {
    g_autofree char *name = g_strndup(at + 2, strcspn(at + 2, " ")),
                    *line = g_strdup_printf("%s --help", name);
    program_output help = program_run(directory, line);
    assert_int_equal(help.code, 0);
    assert_non_null(strstr(help.out, "Example"));
    g_autofree char *usage = g_strdup_printf("tokenworks %s", name);
    assert_non_null(strstr(help.out, usage));
    program_output_clear(&help);
  }
  assert_true(n >= 4);
  program_output_clear(&all);
}

static int set_up(void **state)
{
  *state = g_dir_make_tmp("tokenworks-test-XXXXXX", NULL);
  return *state != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
  program_remove(*state);
  g_free(*state);
  return 0;
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_main_job_serves_every_request_once),
      cmocka_unit_test(exact_steps_write_the_same_requests_to_the_byte),
      cmocka_unit_test(results_depend_on_the_scenario_alone),
      cmocka_unit_test(a_run_that_is_cut_short_adds_up),
      cmocka_unit_test(equal_seeds_give_equal_tables),
      cmocka_unit_test(every_shipped_scenario_is_sound),
      cmocka_unit_test(every_command_explains_itself_with_an_example),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
