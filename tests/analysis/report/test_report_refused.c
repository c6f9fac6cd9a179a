/* Runs that no report can be made of: each is refused with the file and what is wrong with it. */
#include "analysis/log/log_check.h"
#include "tests/analysis/report/small_run.h"

/* The report is refused with a message that holds `word`. */
static void assert_refused(const char *directory, const char *word)
{
  GError *error = NULL;
  g_autofree char *page = tw_report_page(directory, &error);
  assert_null(page);
  assert_true(error != NULL && error->domain == TW_INPUT_ERROR);
  if (strstr(error->message, word) == NULL)
    fail_msg("\"%s\" does not say \"%s\"", error->message, word);
  g_error_free(error);
}

static void a_directory_without_a_run_is_refused(void **state)
{
  (void)state;
  char *directory = new_directory();
  assert_refused(directory, "run.json");
  remove_directory(directory);
  assert_refused("/nowhere", "/nowhere");
}

static void tables_of_another_version_are_refused(void **state)
{
  (void)state;
  char *directory = new_small_run();
  const char *run = "{\"" TW_LOG_RUN_KEY "\": {\"version\": 99, \"tables\": {}}}";
  write_file(directory, "run.json", run, strlen(run));
  assert_refused(directory, "version 99");
  remove_directory(directory);
}

static void a_missing_table_is_named(void **state)
{
  (void)state;
  for (int i = 0; i < TW_LOG_SEGMENTS; i++) {
    char *directory = new_small_run();
    g_autofree char *name = g_strdup_printf("%s.csv.gz", tw_log_tables[i].name);
    remove_file(directory, name);
    assert_refused(directory, name);
    remove_directory(directory);
  }
}

static void a_table_that_ends_early_is_named_wherever_it_ends(void **state)
{
  (void)state;
  for (int i = 0; i < TW_LOG_SEGMENTS; i++) {
    char *directory = new_small_run();
    g_autofree char *name = g_strdup_printf("%s.csv.gz", tw_log_tables[i].name);
    gsize n;
    g_autofree char *bytes = read_file(directory, name, &n);
    for (gsize keep = n - 1; keep > 0; keep -= MIN(keep, 13)) {
      write_file(directory, name, bytes, keep);
      assert_refused(directory, name);
    }
    remove_directory(directory);
  }
}

/* SIGKILL leaves no summary, and each table cut somewhere. */
static void after_a_repair_a_killed_run_has_a_report(void **state)
{
  (void)state;
  for (int cut = 1; cut < 60; cut += 7) {
    char *directory = new_small_run();
    remove_file(directory, "summary.json");
    for (int i = 0; i < TW_LOG_SEGMENTS; i++) {
      GError *error = NULL;
      tw_log_tally tally;
      gsize n;
      g_autofree char *name = g_strdup_printf("%s.csv.gz", tw_log_tables[i].name);
      g_autofree char *bytes = read_file(directory, name, &n);
      write_file(directory, name, bytes, n - (gsize)cut);
      assert_true(tw_log_repair(directory, &tw_log_tables[i], &tally, &error));
      assert_null(error);
    }
    json_t *data = new_data(directory);
    assert_true(json_is_true(find(data, "recomputed")));
    json_decref(data);
    remove_directory(directory);
  }
}

/* Any single byte of a table that is changed either leaves its text alone or is noticed; nothing crashes. */
static void a_damaged_block_is_noticed(void **state)
{
  (void)state;
  char *directory = new_small_run();
  gsize n;
  g_autofree char *bytes = read_file(directory, "requests.csv.gz", &n);
  guint noticed = 0;
  for (gsize i = 0; i < n; i++) {
    bytes[i] = (char)(bytes[i] ^ 0x10);
    write_file(directory, "requests.csv.gz", bytes, n);
    bytes[i] = (char)(bytes[i] ^ 0x10);
    GError *error = NULL;
    g_autofree char *page = tw_report_page(directory, &error);
    assert_true((page != NULL) != (error != NULL));
    noticed += error != NULL ? 1 : 0;
    g_clear_error(&error);
  }
  assert_true(noticed > n / 2);
  remove_directory(directory);
}

static void a_summary_that_is_no_json_is_named_with_its_line(void **state)
{
  (void)state;
  char *directory = new_small_run();
  write_summary(directory, "{\n\"simulated_s\": oops}");
  assert_refused(directory, "summary.json:2");
  remove_directory(directory);
}

static void an_engine_that_run_json_does_not_know_is_refused(void **state)
{
  (void)state;
  char *directory = new_directory();
  describe_run(directory, all_tables, "third", "rack");
  tw_log *log = open_log(directory, all_tables);
  tw_engine_row row = tw_engine_row_empty;
  row.start_s = 0;
  row.engine = 2;
  row.busy = 1;
  tw_log_engine(log, &row);
  close_log(log);
  assert_refused(directory, "engines.csv.gz");
  remove_directory(directory);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_directory_without_a_run_is_refused),
      cmocka_unit_test(tables_of_another_version_are_refused),
      cmocka_unit_test(a_missing_table_is_named),
      cmocka_unit_test(a_table_that_ends_early_is_named_wherever_it_ends),
      cmocka_unit_test(after_a_repair_a_killed_run_has_a_report),
      cmocka_unit_test(a_damaged_block_is_noticed),
      cmocka_unit_test(a_summary_that_is_no_json_is_named_with_its_line),
      cmocka_unit_test(an_engine_that_run_json_does_not_know_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
