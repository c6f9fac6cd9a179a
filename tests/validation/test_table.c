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

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_empty_cell_is_a_fault_unless_cells_may_be_empty),
  };
  return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
