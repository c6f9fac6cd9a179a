/* Other people's tools read the tables as they are. A tool that is not installed skips its test. */
#include "tests/log_fixture.h"

enum { REQUESTS = 5000 };

/* Runs a shell command in the directory; what it printed, without the last line break. */
static char *run_in(const char *directory, const char *command)
{
  g_autofree char *line = g_strdup_printf("cd '%s' && %s", directory, command);
  const char *argv[] = {"/bin/bash", "-o", "pipefail", "-c", line, NULL};
  g_autoptr(GError) error = NULL;
  g_autofree char *complaints = NULL;
  char *out = NULL;
  int status;
  assert_true(g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, &out, &complaints, &status,
                           &error));
  if (!g_spawn_check_wait_status(status, &error))
    print_error("%s\n%s\n", command, complaints);
  assert_null(error);
  return g_strchomp(out);
}

static void assert_prints(const char *directory, const char *command, const char *expected)
{
  g_autofree char *out = run_in(directory, command);
  assert_string_equal(out, expected);
}

static gboolean works(const char *directory, const char *probe)
{
  g_autofree char *line = g_strdup_printf("%s >/dev/null 2>&1 && echo yes || echo no", probe);
  g_autofree char *answer = run_in(directory, line);
  return g_str_equal(answer, "yes");
}

/* skip() jumps out of here: nothing may be left to free. */
static void skip_without(const char *directory, const char *probe)
{
  if (works(directory, probe))
    return;
  print_message("skipped: `%s` fails here\n", probe);
  skip();
}

/* 5,000 requests of 100 + id % 7 prompt tokens, one a quarter second, each taking 2 s. Every tenth was
 * rejected: it never started. Sessions are named so that CSV must quote them. */
static int set_up(void **state)
{
  char *directory = new_directory();
  tw_log *log = open_log(directory, 1U << TW_LOG_REQUESTS);
  for (int id = 0; id < REQUESTS; id++) {
    tw_request_row row = tw_request_row_empty;
    g_autofree char *session = g_strdup_printf("user \"%d\", Paris", id % 3);
    gboolean rejected = id % 10 == 9;
    row.id = id;
    row.session = session;
    row.arrival_s = id * 0.25;
    row.completion_s = id * 0.25 + 2;
    row.prompt_tokens = 100 + id % 7;
    if (!rejected)
      row.first_token_s = row.arrival_s + 0.5;
    row.state = rejected ? "rejected" : "completed";
    row.reason = rejected ? "too long" : NULL;
    tw_log_request(log, &row);
  }
  close_log(log);
  *state = directory;
  return 0;
}

static int tear_down(void **state)
{
  remove_directory(*state);
  return 0;
}

/* Sum of 100 + id % 7 over 0..4999: 5000 · 100 + 714 · 21 + (0 + 1), as 5000 = 714 · 7 + 2. */
#define PROMPT_TOKENS "514995"

static void zcat_and_wc_count_the_rows(void **state)
{
  assert_prints(*state, "zcat requests.csv.gz | wc -l", "5001");
  assert_prints(*state, "gzip -t requests.csv.gz && echo good", "good");
}

/* Cells from the right, since awk does not know quotes: prompt_tokens is the 23rd from the end. */
static void awk_sums_a_column(void **state)
{
  assert_prints(*state, "zcat requests.csv.gz | awk -F, 'NR > 1 { n += $(NF - 22) } END { print n }'",
                PROMPT_TOKENS);
}

static void pandas_reads_numbers_texts_and_what_is_missing(void **state)
{
  skip_without(*state, "/usr/bin/python3 -c 'import pandas'");
  static const char script[] =
      "import pandas\n"
      "t = pandas.read_csv('requests.csv.gz')\n"
      "print(len(t), t.prompt_tokens.sum(), t.first_token_s.isna().sum(), t.session.nunique())\n"
      "print(t.prompt_tokens.dtype, t.arrival_s.dtype, t.session[1], t.state.value_counts()['rejected'])\n"
      "print((t.first_token_s - t.arrival_s).mean(), t.joules.isna().all())\n";
  write_file(*state, "read.py", script, strlen(script));
  assert_prints(*state, "/usr/bin/python3 read.py",
                "5000 " PROMPT_TOKENS " 500 3\n"
                "int64 float64 user \"1\", Paris 500\n"
                "0.5 True");
}

/* DuckDB's reader follows RFC 4180, as Python's csv does in strict mode: every row has the header's cells. */
static void a_strict_csv_reader_finds_the_same_cells_in_each_row(void **state)
{
  skip_without(*state, "/usr/bin/python3 -c 'import csv, gzip'");
  assert_prints(
      *state,
      "/usr/bin/python3 -c \"import csv, gzip; "
      "print({len(r) for r in csv.reader(gzip.open('requests.csv.gz', 'rt', newline=''), strict=True)})\"",
      "{30}");
}

static void sqlite_imports_a_table(void **state)
{
  skip_without(*state, "sqlite3 --version");
  assert_prints(
      *state,
      "zcat requests.csv.gz > requests.csv && sqlite3 :memory: '.import --csv requests.csv requests' "
      "\"select count(*), sum(prompt_tokens), max(session) from requests where state != 'failed'\"",
      "5000|" PROMPT_TOKENS "|user \"2\", Paris");
}

static void r_reads_a_table(void **state)
{
  skip_without(*state, "Rscript --version");
  assert_prints(*state,
                "Rscript -e \"t <- read.csv('requests.csv.gz'); cat(nrow(t), sum(t\\$prompt_tokens))\"",
                "5000 " PROMPT_TOKENS);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(zcat_and_wc_count_the_rows),
      cmocka_unit_test(awk_sums_a_column),
      cmocka_unit_test(pandas_reads_numbers_texts_and_what_is_missing),
      cmocka_unit_test(a_strict_csv_reader_finds_the_same_cells_in_each_row),
      cmocka_unit_test(sqlite_imports_a_table),
      cmocka_unit_test(r_reads_a_table),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
