#include "tests/workloads/given.h"
#include "workloads/input/csv.h"

enum { TIME, TOKENS, NOTE };
static const tw_csv_column columns[] = {{"time", FALSE}, {"tokens", FALSE}, {"note", TRUE}, {NULL, FALSE}};

/* The rows of a table as "time/tokens/note|", or the fault behind those that were good. */
static char *read_table(void **state, const char *text)
{
  g_autofree char *path = given_text(state, "t", text);
  g_autoptr(tw_input) input = tw_input_open(path, NULL);
  g_autoptr(GError) error = NULL;
  g_autoptr(tw_csv) csv = tw_csv_open(input, columns, &error);
  GString *rows = g_string_new(NULL);
  while (csv != NULL && tw_csv_next(csv, &error))
    g_string_append_printf(rows, "%s/%s/%s|", tw_csv_text(csv, TIME), tw_csv_text(csv, TOKENS),
                           tw_csv_text(csv, NOTE));
  if (error != NULL)
    g_string_append(rows, error->message + strlen(*state) + 1);
  return g_string_free(rows, FALSE);
}

typedef struct {
  const char *text, *expected;
} example;

static void check(void **state, const example *examples, guint n)
{
  for (guint i = 0; i < n; i++) {
    g_autofree char *rows = read_table(state, examples[i].text);
    assert_string_equal(rows, examples[i].expected);
  }
}

static void columns_are_found_by_name(void **state)
{
  static const example examples[] = {
      {"time,tokens,note\n1,2,x\n", "1/2/x|"},
      {"note,other,tokens,time\nx,?,2,1\ny,?,4,3\n", "1/2/x|3/4/y|"},
      {"tokens,time\n2,1\n", "1/2/|"},
      {"\xef\xbb\xbftime,tokens\r\n1,2\r\n", "1/2/|"},
      {" time ,\"tokens\"\n 1\t, 2 \n", "1/2/|"},
      {"time,tokens\n\n1,2\n\n", "1/2/|"},
      {"time,tokens,note\n,,\n", "//|"},
      {"# a comment, of an exporter\nsep=,\n\ntime,tokens\n1,2\n", "1/2/|"},
  };
  check(state, examples, G_N_ELEMENTS(examples));
}

static void quoted_fields_hold_commas_and_quotes(void **state)
{
  static const example examples[] = {
      {"time,tokens,note\n1,2,\"a, b\"\n", "1/2/a, b|"},
      {"time,tokens,note\n1,\"2\" ,\"say \"\"hi\"\"\"\n", "1/2/say \"hi\"|"},
      {"time,tokens,note\n1,2,\"\"\n", "1/2/|"},
      {"time,tokens,note\n1,2,\" x \"\n", "1/2/ x |"},
      {"time,tokens,note\n1,2,\"a, b\n\n\"\"c\"\"\"\n3,4,x\n", "1/2/a, b\n\n\"c\"|3/4/x|"},
      {"time,tokens,note\n1,2,5\" disk\n3,4,x\n", "1/2/5\" disk|3/4/x|"},
      {"time,tokens,note\n1,2,\"a\n3,4,5\n6,7,8\n",
       "t:2: the quotes of a field do not end it; write \"...\" with \"\" for a quote inside, then a comma"},
      {"time,tokens,note\n1,2,\"a\n",
       "t:2: the quotes of a field do not end it; write \"...\" with \"\" for a quote inside, then a comma"},
      {"time,tokens,note\n1,2,\"a\"b\n",
       "t:2: the quotes of a field do not end it; write \"...\" with \"\" for a quote inside, then a comma"},
  };
  check(state, examples, G_N_ELEMENTS(examples));
}

/* What psql prints: a rule below the names, and a count behind the rows. */
static void drawn_tables_are_read(void **state)
{
  g_autofree char *path = given_text(
      state, "t", " time | tokens \n------+--------\n    1 |      2 \n    3 |      4 \n(2 rows)\n\n");
  g_autoptr(tw_input) input = tw_input_open(path, NULL);
  g_autoptr(tw_csv) csv = tw_csv_open_delimited(input, columns, '\0', NULL);
  g_autoptr(GError) error = NULL;
  int rows = 0;
  for (; tw_csv_next(csv, &error); rows++)
    assert_string_equal(tw_csv_text(csv, TOKENS), rows == 0 ? "2" : "4");
  assert_null(error);
  assert_int_equal(rows, 2);
}

static void wrong_headers_and_rows_are_refused(void **state)
{
  static const example examples[] = {
      {"", "t: the file is empty; a header line that names the columns is needed"},
      {"\n\n", "t: the file is empty; a header line that names the columns is needed"},
      {"time,token,note\n", "t:1: column 'tokens' is missing; is 'token' meant to be it?"},
      {"time,note\n", "t:1: column 'tokens' is missing; the header line must name time, tokens"},
      {"time,tokens,time\n", "t:1: column 'time' appears twice; rename or remove one"},
      {"time,tokens\n1,2\n3\n", "1/2/|t:3: the row ends after 1 of the header's 2 columns"},
      {"time,tokens\n1,2,3\n", "t:2: the row has more fields than the header's 2 columns"},
  };
  check(state, examples, G_N_ELEMENTS(examples));
}

static void a_header_of_many_columns_is_refused(void **state)
{
  g_autoptr(GString) header = g_string_new("time,tokens");
  for (int i = 2; i < TW_CSV_MAX_COLUMNS; i++)
    g_string_append_printf(header, ",c%d", i);
  g_autofree char *most = read_table(state, header->str);
  assert_string_equal(most, "");
  g_string_append(header, ",one-more");
  g_autofree char *refused = read_table(state, header->str);
  assert_string_equal(refused, "t:1: more than 256 columns; at most so many are read");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(columns_are_found_by_name),
      cmocka_unit_test(quoted_fields_hold_commas_and_quotes),
      cmocka_unit_test(drawn_tables_are_read),
      cmocka_unit_test(wrong_headers_and_rows_are_refused),
      cmocka_unit_test(a_header_of_many_columns_is_refused),
  };
  return cmocka_run_group_tests(tests, given_directory, remove_directory);
}
