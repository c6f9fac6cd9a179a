#include "analysis/log/log_print.h"
#include "tests/check.h"

static const tw_column test_columns[] = {
    {"id", TW_COLUMN_INTEGER, 0, "", ""},
    {"name", TW_COLUMN_TEXT, 0, "", ""},
    {"end_s", TW_COLUMN_INSTANT, 9, "s", ""},
};

static char *print(const char *format, const char *const (*rows)[3], guint n)
{
  char *text = NULL;
  size_t bytes;
  FILE *out = open_memstream(&text, &bytes);
  g_autoptr(GArray) columns = g_array_new(FALSE, FALSE, sizeof(tw_column));
  g_array_append_vals(columns, test_columns, G_N_ELEMENTS(test_columns));
  tw_log_printer *printer = tw_log_printer_new(format, columns, out);
  for (guint i = 0; i < n; i++)
    tw_log_printer_row(printer, rows[i]);
  tw_log_printer_free(printer);
  fclose(out);
  return text;
}

static const char *const given[][3] = {
    {"7", "a,b \"c\"", "1.500000000"}, {"", "", ""}, {"-12", "<script>\n", "inf"}};

static void csv_quotes_what_it_must(void **state)
{
  (void)state;
  g_autofree char *text = print("csv", given, 3);
  assert_string_equal(text, "id,name,end_s\n"
                            "7,\"a,b \"\"c\"\"\",1.500000000\n"
                            ",,\n"
                            "-12,\"<script>\n\",inf\n");
}

static void json_tells_numbers_from_texts_and_null(void **state)
{
  (void)state;
  g_autofree char *text = print("jsonl", given, 3);
  assert_string_equal(text, "{\"id\": 7, \"name\": \"a,b \\\"c\\\"\", \"end_s\": 1.500000000}\n"
                            "{\"id\": null, \"name\": null, \"end_s\": null}\n"
                            "{\"id\": -12, \"name\": \"<script>\\n\", \"end_s\": \"inf\"}\n");
  g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
  for (int i = 0; i < 3; i++) {
    json_t *object = json_loads(lines[i], 0, NULL);
    assert_non_null(object);
    json_decref(object);
  }
}

static void json_is_valid_whatever_bytes_a_trace_has(void **state)
{
  (void)state;
  static const char *const rows[][3] = {{"1", "\xff\x01", ""}};
  g_autofree char *text = print("jsonl", rows, 1);
  json_t *object = json_loads(text, 0, NULL);
  assert_non_null(object);
  json_decref(object);
}

static void a_table_aligns_texts_left_and_numbers_right(void **state)
{
  (void)state;
  g_autofree char *text = print("table", given, 3);
  assert_string_equal(text, " id  name             end_s\n"
                            "  7  a,b \"c\"    1.500000000\n"
                            "                           \n"
                            "-12  <script>?          inf\n");
}

static void a_long_table_streams_with_the_widths_of_its_beginning(void **state)
{
  (void)state;
  enum { ROWS = 1000 };
  const char *rows[ROWS][3];
  for (int i = 0; i < ROWS; i++) {
    rows[i][0] = i < ROWS - 1 ? "1" : "123456";
    rows[i][1] = "x";
    rows[i][2] = "0.0";
  }
  g_autofree char *text = print("table", (const char *const(*)[3])rows, ROWS);
  g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
  assert_int_equal(g_strv_length(lines), ROWS + 2);
  assert_string_equal(lines[0], "id  name  end_s");
  assert_string_equal(lines[ROWS - 1], " 1  x       0.0");
  assert_string_equal(lines[ROWS], "123456  x       0.0");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(csv_quotes_what_it_must),
      cmocka_unit_test(json_tells_numbers_from_texts_and_null),
      cmocka_unit_test(json_is_valid_whatever_bytes_a_trace_has),
      cmocka_unit_test(a_table_aligns_texts_left_and_numbers_right),
      cmocka_unit_test(a_long_table_streams_with_the_widths_of_its_beginning),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
