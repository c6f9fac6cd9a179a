/* The output of `tokenworks log`, as a user sees it. */
#include "sim/log/log_member.h"
#include "tests/log_fixture.h"

#include <sys/wait.h>

typedef struct {
  int code;
  char *out, *err;
} result;

static void clear_result(result *r)
{
  g_free(r->out);
  g_free(r->err);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(result, clear_result)

/* Runs `tokenworks log` with these arguments, "DIR" among them standing for the directory. */
static result run_log(const char *directory, const char *arguments)
{
  g_autoptr(GError) error = NULL;
  result r = {-1, NULL, NULL};
  int status;
  g_auto(GStrv) words = g_strsplit(arguments, " ", -1);
  g_autoptr(GPtrArray) argv = g_ptr_array_new();
  g_ptr_array_add(argv, (char *)TW_PROGRAM);
  g_ptr_array_add(argv, (char *)"log");
  for (char **word = words; *word != NULL; word++)
    g_ptr_array_add(argv, g_str_equal(*word, "DIR") ? (char *)directory : *word);
  g_ptr_array_add(argv, NULL);
  assert_true(g_spawn_sync(NULL, (char **)argv->pdata, NULL, G_SPAWN_DEFAULT, NULL, NULL, &r.out, &r.err,
                           &status, &error));
  if (WIFEXITED(status))
    r.code = WEXITSTATUS(status);
  return r;
}

static void assert_run(const char *directory, const char *arguments, int code, const char *out,
                       const char *err)
{
  g_auto(result) r = run_log(directory, arguments);
  assert_string_equal(r.err, err);
  if (out != NULL)
    assert_string_equal(r.out, out);
  assert_int_equal(r.code, code);
}

static void assert_refused(const char *directory, const char *arguments, const char *part)
{
  g_auto(result) r = run_log(directory, arguments);
  if (strstr(r.err, part) == NULL || r.code != 2 || *r.out != '\0') {
    print_error("%s: exit %d, '%s'\n", arguments, r.code, r.err);
    fail();
  }
}

static int set_up(void **state)
{
  *state = new_run(5000);
  return 0;
}

static int tear_down(void **state)
{
  remove_directory(*state);
  return 0;
}

static void cat_prints_the_table_as_it_was_written(void **state)
{
  GString *expected = expected_segments(5000);
  assert_run(*state, "cat DIR segments", 0, expected->str, "");
  g_string_free(expected, TRUE);
}

/* Rows with end_s in [1000, 1001.5): those that end at 1000, 1000.5 and 1001, of segments 1999 to 2001. */
static void cat_prints_a_window_and_chosen_columns(void **state)
{
  assert_run(*state, "cat DIR segments --from 1000 --to 1001.5 --columns end_s,engine", 0,
             "end_s,engine\n1000.000000000,3\n1000.500000000,0\n1001.000000000,1\n", "");
  assert_run(*state, "cat DIR segments --from 2499.5s --format jsonl --columns=kind,end_s,bytes", 0,
             "{\"kind\": \"decode\", \"end_s\": 2499.500000000, \"bytes\": null}\n"
             "{\"kind\": \"decode\", \"end_s\": 2500.000000000, \"bytes\": null}\n",
             "");
  assert_run(*state, "cat DIR segments --from 1h", 0, "engine,kind,start_s,end_s,requests,tokens,bytes\n",
             "");
}

static void head_prints_the_first_rows_as_a_table(void **state)
{
  assert_run(*state, "head DIR segments -n 2 --columns engine,kind,end_s", 0,
             "engine  kind          end_s\n"
             "     0  decode  0.500000000\n"
             "     1  decode  1.000000000\n",
             "");
}

static void schema_explains_the_columns(void **state)
{
  g_auto(result) all = run_log(*state, "schema");
  assert_int_equal(all.code, 0);
  for (int i = 0; i < TW_LOG_TABLES; i++)
    for (int c = 0; c < tw_log_tables[i].n_columns; c++) {
      assert_non_null(strstr(all.out, tw_log_tables[i].columns[c].name));
      assert_non_null(strstr(all.out, tw_log_tables[i].columns[c].help));
    }
  g_auto(result) run = run_log(*state, "schema DIR --format csv");
  assert_int_equal(run.code, 0);
  assert_true(g_str_has_prefix(run.out, "table,column,type,unit,help\nsegments,engine,integer,,"));
  assert_null(strstr(run.out, "requests,id"));
}

static void verify_passes_a_whole_run(void **state)
{
  g_auto(result) r = run_log(*state, "verify DIR");
  assert_int_equal(r.code, 0);
  assert_non_null(strstr(r.out, "segments  whole: 5000 rows in 4 blocks"));
}

static void verify_exits_1_on_damage_and_repair_mends_it(void **state)
{
  gsize n;
  g_autofree char *bytes = read_file(*state, "segments.csv.gz", &n);
  write_file(*state, "segments.csv.gz", bytes, n - 100);
  g_auto(result) damaged = run_log(*state, "verify DIR");
  assert_int_equal(damaged.code, 1);
  assert_non_null(strstr(damaged.out, "is cut off"));
  assert_non_null(strstr(damaged.out, "segments  damaged: "));
  g_auto(result) cat = run_log(*state, "cat DIR segments");
  assert_int_equal(cat.code, 2);
  assert_non_null(strstr(cat.err, "is cut off; `tokenworks log verify` tells how much is damaged"));

  g_auto(result) repaired = run_log(*state, "repair DIR");
  assert_int_equal(repaired.code, 0);
  assert_non_null(strstr(repaired.out, "segments  whole: "));
  g_auto(result) again = run_log(*state, "verify DIR segments");
  assert_int_equal(again.code, 0);
}

static void a_table_that_was_lost_is_damage(void **state)
{
  remove_file(*state, "segments.csv.gz");
  g_auto(result) r = run_log(*state, "verify DIR");
  assert_int_equal(r.code, 1);
  assert_non_null(strstr(r.out, "segments.csv.gz: cannot open the table: No such file or directory"));
}

static void what_cannot_be_is_refused_with_advice(void **state)
{
  assert_refused(*state, "", "see `tokenworks log --help`");
  assert_refused(*state, "cta DIR", "no action is called 'cta'; did you mean \"cat\"?");
  assert_refused(*state, "cat", "which run?");
  assert_refused(*state, "cat DIR segments more", "too many operands");
  assert_refused(*state, "cat DIR segmnts", "did you mean \"segments\"?");
  assert_refused(*state, "cat DIR", "this run has no table 'requests'; it has segments");
  assert_refused(*state, "cat DIR segments --columns end_s,knd",
                 "no column is called 'knd'; did you mean \"kind\"?");
  assert_refused(*state, "cat DIR segments --from noon", "--from noon: ");
  assert_refused(*state, "cat DIR segments --from 5kg", "--from 5kg: ");
  assert_refused(*state, "cat DIR segments --format xml",
                 "--format xml: no format is called that; write one of csv, jsonl, table");
  assert_refused(*state, "cat DIR segments --formt csv", "did you mean --format?");
  assert_refused(*state, "head DIR segments -n -3", "--rows must not be negative");
  assert_refused(*state, "verify /nonexistent", "/nonexistent: no run directory: it holds no run.json");
}

static void every_verb_has_help_with_an_example(void **state)
{
  static const char *const verbs[] = {"cat", "head", "verify", "repair", "schema"};
  for (gsize i = 0; i < G_N_ELEMENTS(verbs); i++) {
    g_autofree char *arguments = g_strdup_printf("%s --help", verbs[i]);
    g_auto(result) r = run_log(*state, arguments);
    assert_int_equal(r.code, 0);
    assert_non_null(strstr(r.out, "Example:\n  tokenworks log "));
  }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(cat_prints_the_table_as_it_was_written),
      TEST(cat_prints_a_window_and_chosen_columns),
      TEST(head_prints_the_first_rows_as_a_table),
      TEST(schema_explains_the_columns),
      TEST(verify_passes_a_whole_run),
      TEST(verify_exits_1_on_damage_and_repair_mends_it),
      TEST(a_table_that_was_lost_is_damage),
      TEST(what_cannot_be_is_refused_with_advice),
      TEST(every_verb_has_help_with_an_example),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
