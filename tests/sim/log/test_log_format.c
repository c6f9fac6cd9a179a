#include "sim/log/log_format.h"
#include "tests/check.h"

static void every_table_says_what_it_is(void **state)
{
  (void)state;
  for (int i = 0; i < TW_LOG_TABLES; i++) {
    const tw_log_table *table = &tw_log_tables[i];
    assert_ptr_equal(tw_log_table_find(table->name), table);
    assert_true(strlen(table->help) > 0);
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    for (int c = 0; c < table->n_columns; c++) {
      assert_true(g_hash_table_add(seen, (char *)table->columns[c].name));
      assert_true(strlen(table->columns[c].help) > 0);
      assert_in_range(table->columns[c].decimals, 0, 9);
    }
  }
  assert_null(tw_log_table_find("wires"));
}

static void time_runs_by_the_instant_at_which_a_row_is_final(void **state)
{
  (void)state;
  static const char *const times[TW_LOG_TABLES] = {"completion_s", "start_s", "start_s", "start_s",
                                                   "end_s",        "start_s", "end_s",   "end_s",
                                                   "end_s",        "start_s", "start_s"};
  for (int i = 0; i < TW_LOG_TABLES; i++) {
    const tw_column *column = &tw_log_tables[i].columns[tw_log_tables[i].time_column];
    assert_string_equal(column->name, times[i]);
    assert_int_equal(column->type, TW_COLUMN_INSTANT);
  }
}

static void numbers_carry_their_unit_in_the_name(void **state)
{
  (void)state;
  static const struct {
    const char *unit, *suffix;
  } rules[] = {
      {"s", "_s"}, {"tokens/s", "_tokens_per_s"}, {"USD/kWh", "_usd_per_kwh"}, {"g/kWh", "_g_per_kwh"}};
  for (int i = 0; i < TW_LOG_TABLES; i++)
    for (int c = 0; c < tw_log_tables[i].n_columns; c++)
      for (gsize r = 0; r < G_N_ELEMENTS(rules); r++) {
        const tw_column *column = &tw_log_tables[i].columns[c];
        if (g_str_equal(column->unit, rules[r].unit))
          assert_true(g_str_has_suffix(column->name, rules[r].suffix));
      }
}

static void an_empty_row_holds_no_value(void **state)
{
  (void)state;
  assert_true(tw_request_row_empty.id == TW_LOG_NONE);
  assert_true(isnan(tw_request_row_empty.joules));
  assert_null(tw_request_row_empty.state);
  assert_true(isnan(tw_engine_row_empty.watts));
  assert_null(tw_rack_row_empty.rack);
  assert_true(tw_site_row_empty.arrived == TW_LOG_NONE);
  assert_true(isnan(tw_segment_row_empty.end_s));
}

static void the_header_names_the_columns_in_order(void **state)
{
  (void)state;
  g_autofree char *header = tw_log_table_header(&tw_log_tables[TW_LOG_SEGMENTS], 0);
  assert_string_equal(header, "engine,kind,start_s,end_s,requests,tokens,bytes\n");
}

static void a_run_describes_the_tables_it_writes(void **state)
{
  (void)state;
  json_t *logs = tw_log_describe(1U << TW_LOG_SITE);
  assert_int_equal(json_integer_value(json_object_get(logs, "version")), TW_LOG_VERSION);
  json_t *tables = json_object_get(logs, "tables");
  assert_int_equal(json_object_size(tables), 1);
  json_t *site = json_object_get(tables, "site");
  assert_string_equal(json_string_value(json_object_get(site, "time")), "start_s");
  json_t *columns = json_object_get(site, "columns");
  assert_int_equal(json_array_size(columns),
                   tw_log_tables[TW_LOG_SITE].n_columns - tw_log_tables[TW_LOG_SITE].grid_columns);
  json_t *first = json_array_get(columns, 0);
  assert_string_equal(json_string_value(json_object_get(first, "name")), "start_s");
  assert_string_equal(json_string_value(json_object_get(first, "type")), "instant");
  assert_string_equal(json_string_value(json_object_get(first, "unit")), "s");
  json_decref(logs);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_table_says_what_it_is),
      cmocka_unit_test(time_runs_by_the_instant_at_which_a_row_is_final),
      cmocka_unit_test(numbers_carry_their_unit_in_the_name),
      cmocka_unit_test(an_empty_row_holds_no_value),
      cmocka_unit_test(the_header_names_the_columns_in_order),
      cmocka_unit_test(a_run_describes_the_tables_it_writes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
