#include "analysis/log/series.h"
#include "tests/check.h"

static void add(tw_series *series, double start_s, double length_s, double value)
{
  tw_series_add(series, start_s, length_s, &value);
}

static void as_long_as_they_fit_intervals_are_kept_as_they_are(void **state)
{
  (void)state;
  g_autoptr(tw_series) series = tw_series_new(1, 0.5, 4);
  for (int i = 0; i < 4; i++)
    add(series, i * 0.5, 0.5, i * i);
  assert_int_equal(tw_series_length(series), 4);
  assert_near(tw_series_width_s(series), 0.5, 0);
  assert_near(tw_series_get(series, 0, 3).mean, 9, 0);
  assert_false(tw_series_spreads(series, 0));
}

/* Intervals 0..4 in at most 4 buckets: pairs (0, 1), (2, 3) and 4 alone. */
static void buckets_that_run_out_double_in_width(void **state)
{
  (void)state;
  g_autoptr(tw_series) series = tw_series_new(1, 1, 4);
  for (int i = 0; i < 5; i++)
    add(series, i, 1, 10 * i);
  assert_int_equal(tw_series_length(series), 3);
  assert_near(tw_series_width_s(series), 2, 0);
  assert_near(tw_series_get(series, 0, 0).mean, 5, 1e-12);
  assert_near(tw_series_get(series, 0, 1).mean, 25, 1e-12);
  assert_near(tw_series_get(series, 0, 2).mean, 40, 1e-12);
}

/* One interval of 86,400 is at 1,000, all others at 1. */
static void a_peak_of_one_interval_in_a_day_stays_visible(void **state)
{
  (void)state;
  g_autoptr(tw_series) series = tw_series_new(1, 1, 1000);
  for (int i = 0; i < 86400; i++)
    add(series, i, 1, i == 54321 ? 1000 : 1);
  double width_s = tw_series_width_s(series); /* 128: 86400 / 128 = 675 buckets */
  assert_near(width_s, 128, 0);
  assert_int_equal(tw_series_length(series), 675);
  tw_bucket bucket = tw_series_get(series, 0, 54321 / 128);
  assert_near(bucket.max, 1000, 0);
  assert_near(bucket.min, 1, 0);
  assert_near(bucket.mean, (127.0 + 1000) / 128, 1e-9);
}

/* The last interval of a run is a quarter as long, and counts for a quarter: (1·8 + 0.25·3) / 1.25. */
static void a_short_interval_weighs_less_in_the_mean(void **state)
{
  (void)state;
  g_autoptr(tw_series) series = tw_series_new(1, 1, 1);
  add(series, 0, 1, 8);
  add(series, 1, 0.25, 3);
  assert_int_equal(tw_series_length(series), 1);
  assert_near(tw_series_get(series, 0, 0).mean, 7, 1e-12);
}

static void what_has_no_value_is_left_out_not_zero(void **state)
{
  (void)state;
  g_autoptr(tw_series) series = tw_series_new(2, 1, 8);
  const double rows[3][2] = {{4, NAN}, {NAN, NAN}, {6, NAN}};
  for (int i = 0; i < 3; i++)
    tw_series_add(series, i, 1, rows[i]);
  assert_true(tw_series_has(series, 0));
  assert_false(tw_series_has(series, 1));
  assert_true(isnan(tw_series_get(series, 0, 1).mean));
  assert_true(isnan(tw_series_get(series, 0, 1).max));
}

/* Two engines in one interval: the mean of both, the extremes of either. */
static void engines_of_one_interval_share_its_bucket(void **state)
{
  (void)state;
  g_autoptr(tw_series) series = tw_series_new(1, 1, 8);
  add(series, 0, 1, 0.2);
  add(series, 0, 1, 0.8);
  tw_bucket bucket = tw_series_get(series, 0, 0);
  assert_near(bucket.mean, 0.5, 1e-12);
  assert_near(bucket.min, 0.2, 0);
  assert_near(bucket.max, 0.8, 0);
  assert_true(tw_series_spreads(series, 0));
}

/* Starts are printed with 9 decimals: 3 · (1/3) s reads 0.999999999. */
static void a_rounded_start_falls_into_its_own_interval(void **state)
{
  (void)state;
  g_autoptr(tw_series) series = tw_series_new(1, 1.0 / 3, 8);
  add(series, 0.999999999, 1.0 / 3, 5);
  assert_int_equal(tw_series_length(series), 4);
  assert_near(tw_series_get(series, 0, 3).mean, 5, 0);
}

/* The random walk is reduced to 100 buckets; a naive twin looks at each bucket's intervals again. */
static void reduction_equals_a_naive_one(void **state)
{
  (void)state;
  enum { N = 12345 };
  g_autofree double *values = g_new(double, N);
  g_autoptr(GRand) chance = g_rand_new_with_seed(7);
  g_autoptr(tw_series) series = tw_series_new(1, 1, 100);
  for (int i = 0; i < N; i++) {
    values[i] = g_rand_double_range(chance, -5, 5) + (i > 0 ? values[i - 1] : 0);
    add(series, i, 1, values[i]);
  }
  int width = (int)tw_series_width_s(series);
  for (guint b = 0; b < tw_series_length(series); b++) {
    double sum = 0, min = INFINITY, max = -INFINITY;
    int n = 0;
    for (int i = (int)b * width; i < MIN(N, ((int)b + 1) * width); i++, n++) {
      sum += values[i];
      min = fmin(min, values[i]);
      max = fmax(max, values[i]);
    }
    tw_bucket bucket = tw_series_get(series, 0, b);
    assert_near(bucket.mean, sum / n, 1e-9);
    assert_near(bucket.min, min, 0);
    assert_near(bucket.max, max, 0);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(as_long_as_they_fit_intervals_are_kept_as_they_are),
      cmocka_unit_test(buckets_that_run_out_double_in_width),
      cmocka_unit_test(a_peak_of_one_interval_in_a_day_stays_visible),
      cmocka_unit_test(a_short_interval_weighs_less_in_the_mean),
      cmocka_unit_test(what_has_no_value_is_left_out_not_zero),
      cmocka_unit_test(engines_of_one_interval_share_its_bucket),
      cmocka_unit_test(a_rounded_start_falls_into_its_own_interval),
      cmocka_unit_test(reduction_equals_a_naive_one),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
