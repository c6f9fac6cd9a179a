#include "tests/check.h"
#include "workloads/draw/chance.h"

enum { DRAWS = 1000000 };

/* The first outputs of the reference splitmix64.c (Vigna, https://prng.di.unimi.it/splitmix64.c). */
static void the_generator_gives_the_reference_outputs(void **state)
{
  (void)state;
  static const guint64 of_seed_0[] = {0xe220a8397b1dcdaf, 0x6e789e6aa1b965f4, 0x06c45d188009454f,
                                      0xf88bb8a8724c81ec, 0x1b39896a51a8749b};
  static const guint64 of_seed_1234567[] = {6457827717110365317u, 3203168211198807973u, 9817491932198370423u,
                                            4593380528125082431u, 16408922859458223821u};
  tw_chance zero = {0}, other = {1234567};
  for (guint i = 0; i < G_N_ELEMENTS(of_seed_0); i++) {
    assert_int_equal(tw_chance_next(&zero), of_seed_0[i]);
    assert_int_equal(tw_chance_next(&other), of_seed_1234567[i]);
  }
}

typedef struct {
  double mean, variance, third, min, max;
} moments;

/* Central moments about the expected mean, so that their sampling error is known. */
static moments sample(double (*draw)(tw_chance *), double expected_mean)
{
  tw_chance chance = tw_chance_new(7, "moments");
  moments m = {.min = INFINITY, .max = -INFINITY};
  for (int i = 0; i < DRAWS; i++) {
    double x = draw(&chance), d = x - expected_mean;
    m.mean += x / DRAWS;
    m.variance += d * d / DRAWS;
    m.third += d * d * d / DRAWS;
    m.min = fmin(m.min, x);
    m.max = fmax(m.max, x);
  }
  return m;
}

/* Bounds below are five standard errors: sqrt(variance of the statistic / DRAWS), DRAWS = 1e6. */

static void uniform_draws_have_the_moments_of_the_unit_interval(void **state)
{
  (void)state;
  moments m = sample(tw_chance_uniform, 0.5);
  assert_true(m.min >= 0 && m.max < 1);
  assert_near(m.mean, 0.5, 5 * sqrt(1 / 12.0 / DRAWS));
  /* Var of (x - 1/2)^2 is E(x-1/2)^4 - 1/144 = 1/80 - 1/144. */
  assert_near(m.variance, 1 / 12.0, 5 * sqrt((1 / 80.0 - 1 / 144.0) / DRAWS));
  /* E(x-1/2)^6 = 1/448. */
  assert_near(m.third, 0, 5 * sqrt(1 / 448.0 / DRAWS));
}

static void exponential_draws_have_mean_and_variance_one(void **state)
{
  (void)state;
  moments m = sample(tw_chance_exponential, 1);
  assert_true(m.min >= 0 && isfinite(m.max));
  assert_near(m.mean, 1, 5 * sqrt(1.0 / DRAWS));
  /* Central moments of Exp(1) are the subfactorials: 0, 1, 2, 9, 44, 265. */
  assert_near(m.variance, 1, 5 * sqrt((9.0 - 1) / DRAWS));
  assert_near(m.third, 2, 5 * sqrt((265.0 - 4) / DRAWS));
}

static void normal_draws_have_mean_zero_and_variance_one(void **state)
{
  (void)state;
  moments m = sample(tw_chance_normal, 0);
  assert_true(isfinite(m.min) && isfinite(m.max));
  assert_near(m.mean, 0, 5 * sqrt(1.0 / DRAWS));
  /* Even moments of N(0,1): 1, 3, 15. */
  assert_near(m.variance, 1, 5 * sqrt((3.0 - 1) / DRAWS));
  assert_near(m.third, 0, 5 * sqrt(15.0 / DRAWS));
}

static void integers_below_n_are_uniform_and_stay_below(void **state)
{
  (void)state;
  enum { CELLS = 7 };
  tw_chance chance = tw_chance_new(1, "below");
  double count[CELLS] = {0};
  for (int i = 0; i < DRAWS; i++) {
    guint64 x = tw_chance_below(&chance, CELLS);
    assert_true(x < CELLS);
    count[x]++;
  }
  double chi2 = 0, expected = DRAWS / (double)CELLS;
  for (int i = 0; i < CELLS; i++)
    chi2 += (count[i] - expected) * (count[i] - expected) / expected;
  assert_true(chi2 < 22.46); /* chi-squared, 6 degrees of freedom, 0.1 % */
}

/* n = 3 · 2^62: taking the remainder of a 64-bit draw would give the lowest third half of all draws. */
static void integers_below_a_huge_n_are_without_bias(void **state)
{
  (void)state;
  const guint64 quarter = G_GUINT64_CONSTANT(1) << 62;
  tw_chance chance = tw_chance_new(1, "huge");
  double low = 0;
  for (int i = 0; i < DRAWS; i++)
    low += tw_chance_below(&chance, 3 * quarter) < quarter ? 1.0 / DRAWS : 0;
  assert_near(low, 1 / 3.0, 5 * sqrt(2 / 9.0 / DRAWS));
  assert_int_equal(tw_chance_below(&chance, 1), 0);
}

static double correlation(tw_chance a, tw_chance b)
{
  double sum = 0;
  for (int i = 0; i < DRAWS; i++)
    sum += (tw_chance_uniform(&a) - 0.5) * (tw_chance_uniform(&b) - 0.5) / DRAWS;
  return 12 * sum;
}

/* The product of two centred uniforms has variance 1/144; times 12, a standard error of 1/sqrt(DRAWS). */
static void streams_of_other_names_or_seeds_are_uncorrelated(void **state)
{
  (void)state;
  const double bound = 5 / sqrt(DRAWS);
  assert_near(correlation(tw_chance_new(1, "arrival"), tw_chance_new(1, "prompt")), 0, bound);
  assert_near(correlation(tw_chance_new(1, "arrival"), tw_chance_new(2, "arrival")), 0, bound);
  assert_near(correlation(tw_chance_new(0, "a"), tw_chance_new(0, "b")), 0, bound);
  assert_near(correlation(tw_chance_new(0, ""), tw_chance_new(1, "")), 0, bound);
}

static void a_stream_is_decided_by_its_seed_and_name(void **state)
{
  (void)state;
  tw_chance a = tw_chance_new(42, "router"), b = tw_chance_new(42, "router");
  for (int i = 0; i < 100; i++)
    assert_int_equal(tw_chance_next(&a), tw_chance_next(&b));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_generator_gives_the_reference_outputs),
      cmocka_unit_test(uniform_draws_have_the_moments_of_the_unit_interval),
      cmocka_unit_test(exponential_draws_have_mean_and_variance_one),
      cmocka_unit_test(normal_draws_have_mean_zero_and_variance_one),
      cmocka_unit_test(integers_below_n_are_uniform_and_stay_below),
      cmocka_unit_test(integers_below_a_huge_n_are_without_bias),
      cmocka_unit_test(streams_of_other_names_or_seeds_are_uncorrelated),
      cmocka_unit_test(a_stream_is_decided_by_its_seed_and_name),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
