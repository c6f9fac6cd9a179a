#include "analysis/log/log_row.h"
#include "tests/check.h"

static const char *fault_of(const char *row, guint n)
{
  g_autofree char *text = g_strdup(row);
  char *cells[8];
  const char *fault = NULL;
  assert_null(tw_row_split(text, cells, n, &fault));
  return fault;
}

static void a_row_is_cut_at_its_commas(void **state)
{
  (void)state;
  char text[] = "1,,three\nnext";
  char *cells[3];
  const char *fault;
  assert_string_equal(tw_row_split(text, cells, 3, &fault), "next");
  assert_string_equal(cells[0], "1");
  assert_string_equal(cells[1], "");
  assert_string_equal(cells[2], "three");
}

static void quotes_protect_commas_line_breaks_and_quotes(void **state)
{
  (void)state;
  char text[] = "\"a,b\",\"two\nlines\",\"say \"\"no\"\"\",\"\"\n";
  char *cells[4];
  const char *fault;
  assert_string_equal(tw_row_split(text, cells, 4, &fault), "");
  assert_string_equal(cells[0], "a,b");
  assert_string_equal(cells[1], "two\nlines");
  assert_string_equal(cells[2], "say \"no\"");
  assert_string_equal(cells[3], "");
}

static void texts_are_read_without_the_apostrophe_that_keeps_them_texts(void **state)
{
  (void)state;
  char text[] = "'=1+1,\"'=A1,B1\",''@x,'tis\n";
  char *cells[4];
  const char *fault;
  assert_string_equal(tw_row_split(text, cells, 4, &fault), "");
  assert_string_equal(cells[0], "=1+1");
  assert_string_equal(cells[1], "=A1,B1");
  assert_string_equal(cells[2], "'@x");
  assert_string_equal(cells[3], "'tis");
}

static void what_is_no_row_is_refused_with_the_reason(void **state)
{
  (void)state;
  assert_string_equal(fault_of("1,2\n", 3), "it has too few cells");
  assert_string_equal(fault_of("1,2,3\n", 2), "it has too many cells");
  assert_string_equal(fault_of("1,2", 2), "its line does not end");
  assert_string_equal(fault_of("1,\"2\"", 2), "its line does not end");
  assert_string_equal(fault_of("1,\"2\n", 2), "a quote is not closed");
  assert_string_equal(fault_of("\"1\"x,2\n", 2), "text follows a closing quote");
  assert_string_equal(fault_of("", 1), "its line does not end");
}

static void a_header_tells_the_columns_by_name(void **state)
{
  (void)state;
  g_autoptr(GArray) columns = tw_row_columns(&tw_log_tables[TW_LOG_SEGMENTS], "end_s,colour,engine");
  assert_int_equal(columns->len, 3);
  assert_int_equal(tw_row_column_find(columns, "engine"), 2);
  assert_int_equal(tw_row_column_find(columns, "kind"), -1);
  assert_int_equal(g_array_index(columns, tw_column, 0).type, TW_COLUMN_INSTANT);
  assert_string_equal(g_array_index(columns, tw_column, 0).unit, "s");
  assert_int_equal(g_array_index(columns, tw_column, 1).type, TW_COLUMN_TEXT);
}

static void numbers_are_read_as_strtod_reads_them(void **state)
{
  (void)state;
  static const char *const edges[] = {
      "0",    "-0",   "9007199254740993", "9007199254740992.5",     "1e300",
      "-1.5", "0.1",  "123456789.",       "123456789.123456789",    "18446744073709551616",
      "inf",  "-inf", "0.0000000001",     "999999999999999999999.5"};
  for (gsize i = 0; i < G_N_ELEMENTS(edges); i++)
    assert_true(tw_cell_number(edges[i]) == g_ascii_strtod(edges[i], NULL));
  g_autoptr(GRand) chance = g_rand_new_with_seed(2);
  for (int i = 0; i < 100000; i++) {
    char text[64];
    double value = ldexp(g_rand_double(chance) - 0.5, g_rand_int_range(chance, -20, 40));
    g_snprintf(text, sizeof text, "%.*f", g_rand_int_range(chance, 0, 13), value);
    assert_true(tw_cell_number(text) == g_ascii_strtod(text, NULL));
  }
}

static void a_cell_without_a_number_has_no_value(void **state)
{
  (void)state;
  static const char *const cells[] = {"", "x", "1x", "-", ".", "1.5.2", "1,5"};
  for (gsize i = 0; i < G_N_ELEMENTS(cells); i++) {
    assert_true(isnan(tw_cell_number(cells[i])));
    assert_true(tw_cell_whole_number(cells[i]) == TW_LOG_NONE);
  }
  assert_int_equal(tw_cell_whole_number("-42"), -42);
  assert_true(tw_cell_whole_number("1.5") == TW_LOG_NONE);
}

static void a_cell_fits_the_type_of_its_column(void **state)
{
  (void)state;
  assert_true(tw_cell_fits("", TW_COLUMN_INTEGER));
  assert_true(tw_cell_fits("12", TW_COLUMN_INTEGER));
  assert_false(tw_cell_fits("1.5", TW_COLUMN_INTEGER));
  assert_true(tw_cell_fits("1.5", TW_COLUMN_REAL));
  assert_false(tw_cell_fits("late", TW_COLUMN_INSTANT));
  assert_true(tw_cell_fits("late", TW_COLUMN_TEXT));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_row_is_cut_at_its_commas),
      cmocka_unit_test(quotes_protect_commas_line_breaks_and_quotes),
      cmocka_unit_test(texts_are_read_without_the_apostrophe_that_keeps_them_texts),
      cmocka_unit_test(what_is_no_row_is_refused_with_the_reason),
      cmocka_unit_test(a_header_tells_the_columns_by_name),
      cmocka_unit_test(numbers_are_read_as_strtod_reads_them),
      cmocka_unit_test(a_cell_without_a_number_has_no_value),
      cmocka_unit_test(a_cell_fits_the_type_of_its_column),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
