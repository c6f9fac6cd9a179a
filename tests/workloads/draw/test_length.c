/* Laws of lengths, by their moments and shares. */
#include "tests/workloads/given.h"
#include "workloads/draw/length.h"
#include "workloads/request.h"

enum { N = 200000 };

static double mean_of(const tw_length *length, double *above, gint32 limit)
{
  tw_chance chance = tw_chance_new(5, "lengths");
  double sum = 0, n = 0;
  for (int i = 0; i < N; i++) {
    gint32 tokens = tw_length_draw(length, &chance);
    assert_in_range(tokens, length->min, length->max);
    sum += tokens;
    n += tokens > limit;
  }
  *above = n / N;
  return sum / N;
}

/* 10 to 19: mean 14.5, variance (10² - 1) / 12; half of them are above 14. */
static void uniform_lengths_take_each_value_alike(void **state)
{
  (void)state;
  double above;
  tw_length length = {.kind = TW_LENGTH_UNIFORM, .min = 10, .max = 19};
  assert_near(mean_of(&length, &above, 14), 14.5, 5 * sqrt(99.0 / 12 / N));
  assert_near(above, 0.5, 5 * sqrt(0.25 / N));
}

/* Mean 1500 and tail 3: from x0 = 1000 on, standard deviation x0 sqrt(3) / (2 · 1) = 866; P(X > 2000.5) =
 * (1000 / 2000.5)³. */
static void pareto_lengths_have_a_heavy_tail(void **state)
{
  (void)state;
  double above;
  tw_length length = {.kind = TW_LENGTH_PARETO, .mean = 1500, .tail = 3, .min = 1, .max = 1 << 24};
  assert_near(mean_of(&length, &above, 2000), 1500, 5 * 866 / sqrt(N));
  assert_near(above, pow(1000 / 2000.5, 3), 5 * sqrt(0.125 / N));
}

/* Three quarters of 10 tokens, a quarter of 1000 or 2000 alike: a mean of 7.5 + 375. */
static void mixtures_draw_their_parts_by_their_shares(void **state)
{
  (void)state;
  static const gint32 values[] = {1000, 2000};
  static const double weights[] = {7, 7};
  g_autoptr(tw_length_table) table = tw_length_table_new(values, weights, 2);
  const tw_length_part parts[] = {
      {0.75, {.kind = TW_LENGTH_FIXED, .mean = 10, .min = 1, .max = 100}},
      {0.25, {.kind = TW_LENGTH_EMPIRICAL, .table = table, .min = 1, .max = 5000}},
  };
  double above;
  tw_length length = {.kind = TW_LENGTH_MIXTURE, .parts = parts, .n_parts = 2, .min = 1, .max = 5000};
  assert_near(mean_of(&length, &above, 1500), 382.5, 5 * 700 / sqrt(N));
  assert_near(above, 0.125, 5 * sqrt(0.11 / N));
  assert_near(tw_length_table_mean(table), 1500, 1e-9);
}

/* Weights need no sum; a weight of 0 is never drawn. */
static void empirical_lengths_follow_the_weights_of_a_file(void **state)
{
  g_autoptr(tw_faults) faults = tw_faults_new();
  g_autofree char *path = given_text(state, "lengths.csv", "weight,tokens\n3,5\n0,7\n1,9\n");
  g_autoptr(tw_length_table) table = tw_length_table_load(path, faults);
  assert_non_null(table);
  tw_length length = {.kind = TW_LENGTH_EMPIRICAL, .table = table, .min = 1, .max = 100};
  double above;
  assert_near(mean_of(&length, &above, 5), 6, 5 * 1.8 / sqrt(N));
  assert_near(above, 0.25, 5 * sqrt(0.2 / N));
  assert_near(mean_of(&length, &above, 7), 6, 5 * 1.8 / sqrt(N));
  assert_near(above, 0.25, 5 * sqrt(0.2 / N));
}

/* A client whose lengths are twice the class's: bounds hold for what comes out. */
static void a_factor_comes_before_the_bounds(void **state)
{
  (void)state;
  tw_chance chance = tw_chance_new(1, "factor");
  tw_length length = {.kind = TW_LENGTH_FIXED, .mean = 60, .min = 1, .max = 100};
  assert_int_equal(tw_length_draw_scaled(&length, &chance, 1.5), 90);
  assert_int_equal(tw_length_draw_scaled(&length, &chance, 2), 100);
}

static void tables_without_mass_are_refused(void **state)
{
  static const struct {
    const char *text, *fault;
  } cases[] = {
      {"tokens,weight\n5,0\n7,0\n",
       "its weights have no mass, so that no length can be drawn; give a row a weight above 0"},
      {"tokens\n", "its weights have no mass, so that no length can be drawn; give a row a weight above 0"},
      {"tokens,weight\n5,1\n7,-1\n", ":3: weight is '-1'; a number from 0 on is needed"},
      {"tokens,weight\n5.5,1\n", ":2: tokens is '5.5'; a whole number from 0 to 16777216 is needed"},
      {"token,weight\n5,1\n", ":1: column 'tokens' is missing; is 'token' meant to be it?"},
  };
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autoptr(tw_faults) faults = tw_faults_new();
    g_autofree char *path = given_text(state, "broken.csv", cases[i].text);
    assert_null(tw_length_table_load(path, faults));
    assert_int_equal(tw_faults_count(faults), 1);
    assert_true(g_str_has_prefix(tw_faults_get(faults, 0), path));
    assert_true(g_str_has_suffix(tw_faults_get(faults, 0), cases[i].fault));
  }
}

/* Each number at its bounds, and just beyond. */
static void what_cannot_be_drawn_is_refused(void **state)
{
  (void)state;
#define MOST TW_REQUEST_MAX_TOKENS
  static const struct {
    tw_length length;
    gboolean sound;
  } cases[] = {
      {{.kind = TW_LENGTH_FIXED, .mean = 2, .min = 2, .max = 2}, TRUE},
      {{.kind = TW_LENGTH_FIXED, .mean = 1.9, .min = 2, .max = 2}, FALSE},
      {{.kind = TW_LENGTH_FIXED, .mean = MOST, .min = 2, .max = MOST}, TRUE},
      {{.kind = TW_LENGTH_FIXED, .mean = MOST + 1.0, .min = 2, .max = MOST}, FALSE},
      {{.kind = TW_LENGTH_FIXED, .mean = 3, .min = 2, .max = MOST + 1}, FALSE},
      {{.kind = TW_LENGTH_FIXED, .mean = 3, .min = 1, .max = 5}, FALSE},
      {{.kind = TW_LENGTH_FIXED, .mean = 3, .min = 5, .max = 4}, FALSE},
      {{.kind = TW_LENGTH_LOGNORMAL, .mean = 3, .sigma = 0, .min = 2, .max = 5}, TRUE},
      {{.kind = TW_LENGTH_LOGNORMAL, .mean = 3, .sigma = 10, .min = 2, .max = 5}, TRUE},
      {{.kind = TW_LENGTH_LOGNORMAL, .mean = 3, .sigma = -0.1, .min = 2, .max = 5}, FALSE},
      {{.kind = TW_LENGTH_LOGNORMAL, .mean = 3, .sigma = 10.1, .min = 2, .max = 5}, FALSE},
      {{.kind = TW_LENGTH_EXPONENTIAL, .mean = 3, .sigma = -1, .min = 2, .max = 5}, TRUE},
      {{.kind = TW_LENGTH_PARETO, .mean = 3, .tail = 1.001, .min = 2, .max = 5}, TRUE},
      {{.kind = TW_LENGTH_PARETO, .mean = 3, .tail = 100, .min = 2, .max = 5}, TRUE},
      {{.kind = TW_LENGTH_PARETO, .mean = 3, .tail = 1, .min = 2, .max = 5}, FALSE},
      {{.kind = TW_LENGTH_PARETO, .mean = 3, .tail = 100.1, .min = 2, .max = 5}, FALSE},
  };
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++)
    if (tw_length_check("length", &cases[i].length, 2, NULL) != cases[i].sound)
      fail_msg("case %u", i);
}

/* Nothing is asked for where the mean of a law that needs no bounds is 0; the others have bounds. */
static void no_length_is_none(void **state)
{
  (void)state;
  assert_true(tw_length_is_none(&(tw_length){.kind = TW_LENGTH_LOGNORMAL}));
  assert_false(tw_length_is_none(&(tw_length){.kind = TW_LENGTH_LOGNORMAL, .mean = 0.5}));
  assert_false(tw_length_is_none(&(tw_length){.kind = TW_LENGTH_UNIFORM, .max = 3}));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(uniform_lengths_take_each_value_alike),
      cmocka_unit_test(pareto_lengths_have_a_heavy_tail),
      cmocka_unit_test(mixtures_draw_their_parts_by_their_shares),
      cmocka_unit_test(empirical_lengths_follow_the_weights_of_a_file),
      cmocka_unit_test(a_factor_comes_before_the_bounds),
      cmocka_unit_test(tables_without_mass_are_refused),
      cmocka_unit_test(what_cannot_be_drawn_is_refused),
      cmocka_unit_test(no_length_is_none),
  };
  return cmocka_run_group_tests(tests, given_directory, remove_directory);
}
