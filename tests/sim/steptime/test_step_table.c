/* Step times from tables of measured ones. */
#include "tests/sim/steptime/unit.h"

#include <glib/gstdio.h>

typedef struct measured {
  char *path;
  tw_device device;
  tw_faults *faults;
  tw_step_model *model;
} measured;

static measured measured_new(const char *csv)
{
  measured m = {.device = unit_device(), .faults = tw_faults_new()};
  int file = g_file_open_tmp("tokenworks-test-XXXXXX.csv", &m.path, NULL);
  assert_true(file >= 0 && g_close(file, NULL) && g_file_set_contents(m.path, csv, -1, NULL));
  tw_step_setting setting = setting_of(&dense, &m.device, 1, 1, 1, 1);
  setting.table_file = m.path;
  m.model = tw_step_model_new(&tw_step_table, &setting, NULL, m.faults);
  return m;
}

static void measured_clear(measured *m)
{
  tw_step_model_free(m->model);
  tw_faults_free(m->faults);
  g_unlink(m->path);
  g_free(m->path);
}

static tw_step_cost table_cost(const measured *m, gint64 prefill, gint64 seqs, gint64 context)
{
  tw_batch b = {.decode_seqs = seqs,
                .decode_context = context * seqs,
                .prefill_seqs = prefill > 0,
                .prefill_tokens = prefill,
                .next_full = G_MAXINT64};
  tw_step_cost cost;
  tw_step_model_cost(m->model, &b, 1, &cost);
  return cost;
}

/* A prompt alone attends to half of itself, and behind 100 tokens to these as well: the time grows by 1 ms for each 50
 * tokens that are attended to, whatever the chunk is. */
static void the_context_of_prompt_chunks_is_an_axis_where_it_is_given(void **state)
{
  (void)state;
  measured m = measured_new("prefill_tokens,decode_seqs,context_tokens,attended_tokens,time_s\n"
                            "0,1,100,0,0.010\n100,0,0,50,0.050\n100,0,0,150,0.052\n"
                            "100,1,100,50,0.060\n100,1,100,150,0.062\n0,0,0,0,0.001\n");
  assert_non_null(m.model);
  static const struct {
    gint64 done;
    double expected_s;
  } chunks[] = {{0, 0.05001}, {50, 0.05101}, {99, 0.05199}};
  for (guint i = 0; i < G_N_ELEMENTS(chunks); i++) {
    tw_batch b = {.next_full = G_MAXINT64};
    tw_batch_add_chunk(&b, chunks[i].done, 100, 0, TRUE);
    tw_step_cost cost;
    tw_step_model_cost(m.model, &b, 1, &cost);
    assert_near(cost.time_s.first, chunks[i].expected_s, 1e-12);
    assert_false(cost.extrapolated);
    b.decode_seqs = 1;
    b.decode_context = 100;
    tw_step_model_cost(m.model, &b, 1, &cost);
    assert_near(cost.time_s.first, chunks[i].expected_s + 0.010, 1e-12);
  }
  assert_near(table_cost(&m, 0, 1, 100).time_s.first, 0.010, 1e-12);
  measured_clear(&m);
}

#define HEADER "prefill_tokens,decode_seqs,context_tokens,time_s\n"

static const char grid[] = HEADER "0,1,100,0.010\n0,1,200,0.012\n0,1,400,0.020\n"
                                  "0,5,100,0.014\n0,5,200,0.020\n0,5,400,0.030\n"
                                  "100,1,100,0.050\n100,1,200,0.052\n100,1,400,0.060\n"
                                  "100,5,100,0.054\n100,5,200,0.060\n100,5,400,0.070\n";

static void a_table_is_linear_between_its_rows(void **state)
{
  (void)state;
  measured m = measured_new(grid);
  assert_non_null(m.model);
  assert_near(table_cost(&m, 0, 1, 100).time_s.first, 0.010, 1e-15);
  assert_near(table_cost(&m, 0, 1, 150).time_s.first, 0.011, 1e-15);
  assert_near(table_cost(&m, 0, 3, 150).time_s.first, (0.011 + 0.017) / 2, 1e-15);
  assert_near(table_cost(&m, 50, 3, 150).time_s.first, 0.014 + 0.020, 1e-15);
  assert_false(table_cost(&m, 50, 3, 150).extrapolated);
  measured_clear(&m);
}

/* From a mean context of 150 it grows by 1 an iteration: the cell ends at 200, which is iteration 50. */
static void a_cell_of_a_table_ends_a_macro_step(void **state)
{
  (void)state;
  measured m = measured_new(grid);
  tw_step_cost cost = table_cost(&m, 0, 1, 150);
  assert_near(cost.time_s.growth, 0.002 / 100, 1e-15);
  assert_int_equal(cost.valid, 51);
  assert_int_equal(table_cost(&m, 0, 1, 390).valid, 11); /* beyond 400 it extrapolates, and has to say so */
  assert_int_equal(table_cost(&m, 0, 1, 90).valid, 11);
  assert_int_equal(table_cost(&m, 100, 1, 150).valid, 1);
  tw_chance chance = tw_chance_new(4, "table");
  for (int i = 0; i < 500; i++) {
    tw_batch b = random_decodes(&chance, 0);
    b.next_full = G_MAXINT64;
    assert_line_holds(m.model, &b, 1);
  }
  measured_clear(&m);
}

static void a_table_says_when_it_extrapolates(void **state)
{
  (void)state;
  measured m = measured_new(grid);
  assert_false(table_cost(&m, 0, 1, 400).extrapolated);
  assert_true(table_cost(&m, 0, 1, 401).extrapolated);
  assert_true(table_cost(&m, 0, 6, 200).extrapolated);
  assert_true(table_cost(&m, 101, 1, 200).extrapolated);
  assert_near(table_cost(&m, 0, 1, 600).time_s.first, 0.028, 1e-15); /* the last cell goes on */
  measured_clear(&m);
}

/* Times that fall with the context never fall below what was measured. */
static void extrapolation_stays_above_the_least_measured_time(void **state)
{
  (void)state;
  measured m = measured_new(HEADER "0,1,100,0.010\n0,1,200,0.005\n");
  assert_near(table_cost(&m, 0, 1, 1000).time_s.first, 0.005, 0);
  tw_step_cost cost = table_cost(&m, 0, 1, 150);
  assert_true(cost.time_s.first + (double)(cost.valid - 1) * cost.time_s.growth >= 0.005 - 1e-15);
  measured_clear(&m);
}

static void assert_table_fault(const char *csv, const char *expected)
{
  measured m = measured_new(csv);
  assert_null(m.model);
  assert_int_equal(tw_faults_count(m.faults), 1);
  g_autofree char *whole = g_strconcat(m.path, expected, NULL);
  assert_string_equal(tw_faults_get(m.faults, 0), whole);
  measured_clear(&m);
}

static void a_table_with_faults_is_refused(void **state)
{
  (void)state;
  assert_table_fault(
      HEADER "0,1,100,0.01\n0,1,200,0.02\n0,2,100,0.02\n",
      ": lacks a row for prefill_tokens 0, decode_seqs 2, context_tokens 200; every combination of "
      "the values of these columns is needed");
  assert_table_fault(HEADER, ":2: has no rows; give it one for every batch that was measured");
  assert_table_fault(HEADER "0,1,100,0\n", ":2: time_s is \"0\"; expected a number above zero");
  assert_table_fault(HEADER "0,1,100,0.01\n-1,1,100,0.01\n",
                     ":3: prefill_tokens is \"-1\"; expected a number that is not below zero");
  assert_table_fault(HEADER "0,1,100,nan\n", ":2: time_s is \"nan\"; expected a number above zero");
  assert_table_fault(HEADER "0,1,100,0.01\n0,1,100,0.02\n",
                     ": has two rows for prefill_tokens 0, decode_seqs 1, context_tokens 100; keep one");
}

/* Each column has to be there but that of what is attended to. */
static void a_table_names_the_column_that_it_lacks(void **state)
{
  (void)state;
  static const char *const columns[] = {"prefill_tokens", "decode_seqs", "context_tokens", "time_s"};
  for (guint missing = 0; missing < G_N_ELEMENTS(columns); missing++) {
    g_autoptr(GString) csv = g_string_new(NULL);
    for (guint c = 0; c < G_N_ELEMENTS(columns); c++)
      if (c != missing)
        g_string_append_printf(csv, "%s%s", csv->len > 0 ? "," : "", columns[c]);
    g_string_append(csv, "\n1,1,1\n");
    measured m = measured_new(csv->str);
    assert_null(m.model);
    assert_int_equal(tw_faults_count(m.faults), 1);
    assert_non_null(strstr(tw_faults_get(m.faults, 0), columns[missing]));
    measured_clear(&m);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_table_is_linear_between_its_rows),
      cmocka_unit_test(the_context_of_prompt_chunks_is_an_axis_where_it_is_given),
      cmocka_unit_test(a_cell_of_a_table_ends_a_macro_step),
      cmocka_unit_test(a_table_says_when_it_extrapolates),
      cmocka_unit_test(extrapolation_stays_above_the_least_measured_time),
      cmocka_unit_test(a_table_with_faults_is_refused),
      cmocka_unit_test(a_table_names_the_column_that_it_lacks),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
