#include "sim/base/histogram.h"
#include "tests/check.h"

#include <float.h>

static int compare(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Definition 7 of Hyndman and Fan on the sorted values: the naive twin. */
static double exact_quantile(const double *sorted, guint n, double q)
{
  double h = q * (n - 1);
  guint low = (guint)h, high = MIN(low + 1, n - 1);
  return sorted[low] + (h - low) * (sorted[high] - sorted[low]);
}

static double draw_uniform(GRand *chance)
{
  return g_rand_double(chance);
}

static double draw_exponential(GRand *chance)
{
  return -log(1 - g_rand_double(chance));
}

static double draw_lognormal(GRand *chance)
{
  double sum = 0;
  for (int i = 0; i < 12; i++)
    sum += g_rand_double(chance);
  return exp(3 * (sum - 6));
}

/* A tail so heavy that values span hundreds of octaves. */
static double draw_pareto(GRand *chance)
{
  return pow(1 - g_rand_double(chance), -20);
}

static double draw_two_modes(GRand *chance)
{
  return g_rand_boolean(chance) ? 0.02 + 1e-4 * g_rand_double(chance) : 900 * g_rand_double(chance);
}

static double draw_with_zeros(GRand *chance)
{
  return g_rand_boolean(chance) ? 0 : g_rand_double(chance);
}

static double draw_whole_numbers(GRand *chance)
{
  return g_rand_int_range(chance, 0, 50);
}

typedef double (*distribution)(GRand *chance);
static const distribution distributions[] = {
    draw_uniform,   draw_exponential, draw_lognormal,     draw_pareto,
    draw_two_modes, draw_with_zeros,  draw_whole_numbers,
};

static const double quantiles[] = {0, 1e-4, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 0.9999, 1};

static void quantiles_of_any_distribution_keep_the_stated_error(void **state)
{
  (void)state;
  static const guint sizes[] = {1, 2, 3, 10, 101, 20000};
  g_autoptr(GRand) chance = g_rand_new_with_seed(1);
  for (gsize d = 0; d < G_N_ELEMENTS(distributions); d++)
    for (gsize s = 0; s < G_N_ELEMENTS(sizes); s++) {
      guint n = sizes[s];
      g_autoptr(tw_histogram) histogram = tw_histogram_new();
      g_autofree double *values = g_new(double, n);
      for (guint i = 0; i < n; i++)
        tw_histogram_add(histogram, values[i] = distributions[d](chance));
      qsort(values, n, sizeof *values, compare);
      for (gsize q = 0; q < G_N_ELEMENTS(quantiles); q++) {
        double expected = exact_quantile(values, n, quantiles[q]);
        /* 1e-12 leaves room for the rounding of the interpolation itself. */
        assert_near(tw_histogram_quantile(histogram, quantiles[q]), expected,
                    expected * (TW_HISTOGRAM_ERROR + 1e-12));
      }
      assert_int_equal(tw_histogram_count(histogram), n);
      assert_near(tw_histogram_min(histogram), values[0], 0);
      assert_near(tw_histogram_max(histogram), values[n - 1], 0);
    }
}

/* The worst place is the lower edge of an octave, where buckets are widest for their value: 1/1025 off. */
static void the_stated_error_is_reached_and_below_a_thousandth(void **state)
{
  (void)state;
  assert_true(TW_HISTOGRAM_ERROR < 0.001);
  g_autoptr(tw_histogram) histogram = tw_histogram_new();
  tw_histogram_add(histogram, 0.5);
  tw_histogram_add(histogram, 1);
  tw_histogram_add(histogram, 2);
  assert_near(tw_histogram_quantile(histogram, 0.5), 1 + 1.0 / 1025, 1e-15);
}

static void the_edges_of_doubles_have_buckets(void **state)
{
  (void)state;
  static const double edges[] = {DBL_MIN, 1, DBL_MAX};
  for (gsize i = 0; i < G_N_ELEMENTS(edges); i++) {
    g_autoptr(tw_histogram) histogram = tw_histogram_new();
    for (int n = 0; n < 3; n++)
      tw_histogram_add(histogram, edges[i]);
    /* Between equal values the clamp to min and max makes the quantile exact. */
    assert_near(tw_histogram_quantile(histogram, 0.5), edges[i], 0);
  }
}

static void what_is_not_positive_ranks_as_zero(void **state)
{
  (void)state;
  g_autoptr(tw_histogram) histogram = tw_histogram_new();
  tw_histogram_add(histogram, -1e-17);
  tw_histogram_add(histogram, 0);
  tw_histogram_add(histogram, 4.9e-324);
  tw_histogram_add(histogram, 1);
  assert_near(tw_histogram_quantile(histogram, 0.5), 0, 0);
  assert_near(tw_histogram_min(histogram), -1e-17, 0);
  assert_near(tw_histogram_max(histogram), 1, 0);
}

static void an_undefined_value_is_left_out(void **state)
{
  (void)state;
  g_autoptr(tw_histogram) histogram = tw_histogram_new();
  tw_histogram_add(histogram, NAN);
  assert_int_equal(tw_histogram_count(histogram), 0);
  assert_true(isnan(tw_histogram_quantile(histogram, 0.5)));
  assert_true(isnan(tw_histogram_mean(histogram)));
  assert_true(isnan(tw_histogram_min(histogram)));
  assert_true(isnan(tw_histogram_max(histogram)));
  assert_near(tw_histogram_sum(histogram), 0, 0);
}

/* 10^6 times 0.1 makes 100000 + 10^6 · (0.1 as a double − 0.1) = 100000.00000000000555; a bare sum is 1e-6
 * off. */
static void the_sum_does_not_drift(void **state)
{
  (void)state;
  g_autoptr(tw_histogram) histogram = tw_histogram_new();
  for (int i = 0; i < 1000000; i++)
    tw_histogram_add(histogram, 0.1);
  assert_near(tw_histogram_sum(histogram), 100000, 3e-11);
  assert_near(tw_histogram_mean(histogram), 0.1, 3e-17);
}

static void a_merge_equals_adding_everything_to_one(void **state)
{
  (void)state;
  g_autoptr(GRand) chance = g_rand_new_with_seed(5);
  g_autoptr(tw_histogram) all = tw_histogram_new();
  g_autoptr(tw_histogram) merged = tw_histogram_new();
  for (gsize d = 0; d < G_N_ELEMENTS(distributions); d++) {
    g_autoptr(tw_histogram) part = tw_histogram_new();
    for (int i = 0; i < 1000; i++) {
      double value = fmin(distributions[d](chance), 1e9);
      tw_histogram_add(all, value);
      tw_histogram_add(part, value);
    }
    tw_histogram_merge(merged, part);
  }
  assert_int_equal(tw_histogram_count(merged), tw_histogram_count(all));
  assert_near(tw_histogram_sum(merged), tw_histogram_sum(all), 1e-15 * tw_histogram_sum(all));
  for (gsize q = 0; q < G_N_ELEMENTS(quantiles); q++)
    assert_near(tw_histogram_quantile(merged, quantiles[q]), tw_histogram_quantile(all, quantiles[q]), 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(quantiles_of_any_distribution_keep_the_stated_error),
      cmocka_unit_test(the_stated_error_is_reached_and_below_a_thousandth),
      cmocka_unit_test(the_edges_of_doubles_have_buckets),
      cmocka_unit_test(what_is_not_positive_ranks_as_zero),
      cmocka_unit_test(an_undefined_value_is_left_out),
      cmocka_unit_test(the_sum_does_not_drift),
      cmocka_unit_test(a_merge_equals_adding_everything_to_one),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
