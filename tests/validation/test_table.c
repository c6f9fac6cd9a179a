/* The tables of measurements: what an empty cell of a number is. */
#include "tests/program.h"
#include "tests/validation/table.h"

#include <math.h>

static const tw_csv_column columns[] = {{"a", FALSE}, {"b", FALSE}, {NULL, FALSE}};

static void an_empty_cell_is_a_fault_unless_cells_may_be_empty(void **state)
{
  g_autofree char *path = g_build_filename(*state, "t.csv", NULL);
  assert_true(g_file_set_contents(path, "a,b\n1,\n", -1, NULL));
  for (int may_be_empty = 0; may_be_empty < 2; may_be_empty++) {
    g_autoptr(GError) error = NULL;
    table t;
    assert_true(table_open(&t, path, columns, may_be_empty, &error));
    assert_true(table_next(&t));
    assert_true(table_number(&t, 0) == 1);
    assert_true(isnan(table_number(&t, 1)));
    assert_int_equal(table_close(&t), may_be_empty);
    assert_int_equal(error == NULL, may_be_empty);
    assert_true(may_be_empty || strstr(error->message, "b is \"\"; expected a number") != NULL);
  }
}

static void a_time_of_nothing_is_a_fault_with_its_line(void **state)
{
  static const char *const rows[] = {"1,0\n", "1,-2\n"};
  g_autofree char *path = g_build_filename(*state, "t.csv", NULL);
  for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
    g_autofree char *text = g_strconcat("a,b\n", rows[i], NULL);
    assert_true(g_file_set_contents(path, text, -1, NULL));
    g_autoptr(GError) error = NULL;
    table t;
    assert_true(table_open(&t, path, columns, TRUE, &error));
    assert_true(table_next(&t));
    assert_true(table_above_zero(&t, 0) == 1);
    table_above_zero(&t, 1);
    assert_false(table_close(&t));
    assert_non_null(strstr(error->message, "t.csv:2: b is"));
    assert_non_null(strstr(error->message, "expected a number above 0"));
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_empty_cell_is_a_fault_unless_cells_may_be_empty),
      cmocka_unit_test(a_time_of_nothing_is_a_fault_with_its_line),
  };
  return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
