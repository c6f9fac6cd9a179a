/* Arrival processes: the rate decides how many arrive, the law how the gaps between them spread. */
#include "tests/workloads/given.h"
#include "workloads/draw/arrival.h"

typedef struct counts {
  double mean, variance;
} counts;

/* How many arrive in [from_s, to_s), over `n` processes of other seeds. */
static counts count(const tw_arrival_options *options, double from_s, double to_s, guint64 n)
{
  double sum = 0, squares = 0;
  for (guint64 seed = 0; seed < n; seed++) {
    tw_arrivals a = tw_arrivals_new(options, 1, seed, "test");
    double k = 0, before_s = 0;
    for (double s; (s = tw_arrivals_next(&a, to_s)) < to_s; before_s = s) {
      assert_true(s >= before_s);
      k += s >= from_s;
    }
    sum += k;
    squares += k * k;
  }
  double mean = sum / (double)n;
  return (counts){mean, squares / (double)n - mean * mean};
}

static void assert_counts(const tw_arrival_options *options, double from_s, double to_s, double expected)
{
  enum { N = 3000 };
  counts c = count(options, from_s, to_s, N);
  assert_near(c.mean, expected, 5 * sqrt(c.variance / N) + 1e-9);
}

/* A process in equilibrium: rate times time arrive from the first second on, whatever the law. A renewal
 * process that began with a whole gap would have (cv² - 1) / 2 more of them: 4 more than 5 at cv 3. */
static void the_rate_decides_how_many_arrive(void **state)
{
  (void)state;
  for (tw_arrival_law law = TW_ARRIVAL_POISSON; law <= TW_ARRIVAL_FIXED; law++)
    for (double cv = 0.5; cv < 4; cv += 2.5) {
      tw_arrival_options options = {.law = law, .rate_per_s = 0.5, .cv = cv};
      assert_counts(&options, 0, 10, 5);
      assert_counts(&options, 10, 30, 10);
    }
}

/* 100,000 gaps of mean 1/4; the relative error of a standard deviation is below sqrt(kurtosis / N), and the
 * kurtosis of these laws below 80. */
static void gaps_have_the_coefficient_of_variation_that_is_asked_for(void **state)
{
  (void)state;
  static const double wanted[] = {0.3, 1, 2.5};
  for (tw_arrival_law law = TW_ARRIVAL_GAMMA; law <= TW_ARRIVAL_WEIBULL; law++)
    for (guint i = 0; i < G_N_ELEMENTS(wanted); i++) {
      enum { N = 100000 };
      tw_arrival_options options = {.law = law, .rate_per_s = 4, .cv = wanted[i]};
      tw_arrivals a = tw_arrivals_new(&options, 1, 3, "gaps");
      double before_s = tw_arrivals_next(&a, INFINITY), sum = 0, squares = 0;
      for (int k = 0; k < N; k++) {
        double s = tw_arrivals_next(&a, INFINITY), gap = s - before_s;
        before_s = s;
        sum += gap;
        squares += gap * gap;
      }
      double mean = sum / N;
      assert_near(mean, 0.25, 5 * 0.25 * wanted[i] / sqrt(N));
      assert_near(sqrt(squares / N - mean * mean) / mean, wanted[i], 5 * wanted[i] * sqrt(80.0 / N));
    }
}

/* Weibull laws with shapes 1 and 2 have the coefficients 1 and sqrt(4/π - 1). */
static void the_shape_of_a_weibull_law_follows_from_its_cv(void **state)
{
  (void)state;
  assert_near(tw_weibull_shape(1), 1, 1e-9);
  assert_near(tw_weibull_shape(sqrt(4 / G_PI - 1)), 2, 1e-9);
}

/* Steps of a file: none for 10 s, 3/s for 10 s, then 1/s for ever; over and over if the rows are even. */
static void rates_of_a_file_hold_until_the_next(void **state)
{
  g_autoptr(tw_faults) faults = tw_faults_new();
  g_autofree char *path = given_text(state, "rates.csv", "time_s,rate\n0,0\n10,3\n20,1\n");
  for (int repeats = 0; repeats < 2; repeats++) {
    g_autoptr(tw_stairs) rates = tw_stairs_load(path, repeats, 0, 10, faults);
    tw_arrival_options options = {.law = TW_ARRIVAL_GAMMA, .cv = 2, .rates = rates};
    assert_counts(&options, 0, 10, 0);
    assert_counts(&options, 10, 20, 30);
    assert_counts(&options, 20, 30, 10);
    assert_counts(&options, 30, 40, repeats ? 0 : 10);
  }
}

/* 1 + 0.8 cos over the day, from 11:00 to 13:00 with the peak at noon: the mean of the cosine over [-a, a] is
 * sin(a)/a with a = π/12. Steps of a minute are exact to (π/1440)²/6, far below the error of the counts. */
static void the_day_has_a_peak_and_its_mean_stays(void **state)
{
  (void)state;
  tw_arrival_options options = {.rate_per_s = 0.005, .swing = 0.8, .peak_s = 12 * 3600};
  double a = G_PI / 12;
  assert_counts(&options, 11 * 3600, 13 * 3600, 0.005 * 7200 * (1 + 0.8 * sin(a) / a));
  assert_counts(&options, 0, 86400, 0.005 * 86400);
}

/* Two states that last 2 s and 6 s: a quarter of the time at 5 times the rate. Rates r and 5r with a mean of
 * 4/s: r (3/4 + 5/4) = 4, r = 2. The variance of counts in time t over their mean tends to
 *
 *     1 + 2 (λ1 - λ2)² σ1 σ2 / ((σ1 + σ2)² (λ1 σ2 + λ2 σ1))
 *
 * with σ the rates of leaving (Fischer and Meier-Hellstern 1993, eq. 24): λ = 10, 2, σ = 1/2, 1/6:
 * 1 + 2 · 64 · (1/12) / ((4/9) · (10/6 + 2/2)) = 10. At a finite t, the rest is (1 - e^-ct)/(ct) of the 9,
 * c = σ1 + σ2 = 2/3: with t = 300 s, 0.045 less. The error of a variance is about sqrt(2/N) of it. */
static void bursts_are_a_markov_modulated_poisson_process(void **state)
{
  (void)state;
  enum { N = 4000 };
  tw_arrival_options options = {.rate_per_s = 4, .burst_factor = 5, .burst_s = 2, .calm_s = 6};
  counts c = count(&options, 0, 300, N);
  assert_near(c.mean, 1200, 5 * sqrt(12000.0 / N));
  assert_near(c.variance / c.mean, 10 - 0.045, 10 * 5 * sqrt(2.0 / N));
}

/* Windows with their own rates and laws: 10 s at 2/s with gamma gaps, 10 s of nothing, then 1/s. */
static void windows_have_rates_and_laws_of_their_own(void **state)
{
  (void)state;
  static const tw_arrival_window windows[] = {
      {0, 2, TW_ARRIVAL_GAMMA, 0.2}, {10, 0, TW_ARRIVAL_POISSON, 1}, {20, 1, TW_ARRIVAL_WEIBULL, 0.6}};
  tw_arrival_options options = {.windows = windows, .n_windows = 3};
  assert_counts(&options, 0, 10, 20);
  assert_counts(&options, 10, 20, 0);
  assert_counts(&options, 20, 40, 20);
}

static void what_is_out_of_range_is_told(void **state)
{
  (void)state;
  static const struct {
    tw_arrival_options options;
    const char *why;
  } cases[] = {
      {{.rate_per_s = 0}, "the rate is 0/s; one above 0 is needed"},
      {{.rate_per_s = INFINITY}, "the rate is inf/s; one above 0 is needed"},
      {{.rate_per_s = 1e-9}, NULL},
      {{.rate_per_s = 1, .law = TW_ARRIVAL_GAMMA, .cv = 50}, "the cv is 50; one from 0.05 to 20 is needed"},
      {{.rate_per_s = 1, .law = TW_ARRIVAL_WEIBULL, .cv = 0.04},
       "the cv is 0.04; one from 0.05 to 20 is needed"},
      {{.rate_per_s = 1, .law = TW_ARRIVAL_WEIBULL, .cv = 20}, NULL},
      {{.rate_per_s = 1, .law = TW_ARRIVAL_GAMMA, .cv = 0.05}, NULL},
      {{.rate_per_s = 1, .law = TW_ARRIVAL_FIXED, .cv = 50}, NULL},
      {{.rate_per_s = 1, .swing = 2}, "the swing of the day is a number from 0 to 1"},
      {{.rate_per_s = 1, .swing = -0.1}, "the swing of the day is a number from 0 to 1"},
      {{.rate_per_s = 1, .swing = 1, .peak_s = INFINITY}, "the swing of the day is a number from 0 to 1"},
      {{.rate_per_s = 1, .swing = 1}, NULL},
      {{.rate_per_s = 1, .burst_s = 1}, "bursts need a factor and mean times above 0"},
      {{.rate_per_s = 1, .burst_s = 1, .calm_s = 1}, "bursts need a factor and mean times above 0"},
      {{.rate_per_s = 1, .burst_s = 1, .burst_factor = 1}, "bursts need a factor and mean times above 0"},
      {{.rate_per_s = 1, .burst_s = -1, .calm_s = 1, .burst_factor = 1},
       "bursts need a factor and mean times above 0"},
      {{.rate_per_s = 1, .burst_s = 1, .calm_s = INFINITY, .burst_factor = 1},
       "bursts need a factor and mean times above 0"},
      {{.rate_per_s = 1, .burst_s = 0.5, .calm_s = 0.5, .burst_factor = 0.5}, NULL},
  };
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autofree char *why = tw_arrival_check(&cases[i].options);
    if (g_strcmp0(why, cases[i].why) != 0)
      fail_msg("case %u: %s", i, why);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_rate_decides_how_many_arrive),
      cmocka_unit_test(gaps_have_the_coefficient_of_variation_that_is_asked_for),
      cmocka_unit_test(the_shape_of_a_weibull_law_follows_from_its_cv),
      cmocka_unit_test(rates_of_a_file_hold_until_the_next),
      cmocka_unit_test(the_day_has_a_peak_and_its_mean_stays),
      cmocka_unit_test(bursts_are_a_markov_modulated_poisson_process),
      cmocka_unit_test(windows_have_rates_and_laws_of_their_own),
      cmocka_unit_test(what_is_out_of_range_is_told),
  };
  return cmocka_run_group_tests(tests, given_directory, remove_directory);
}
