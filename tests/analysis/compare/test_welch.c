#include "analysis/compare/welch.h"
#include "tests/check.h"
#include "workloads/draw/chance.h"

#include <gsl/gsl_cdf.h>

#define SAMPLE(...)                                                                                          \
  tw_sample_of((const double[]){__VA_ARGS__}, sizeof((const double[]){__VA_ARGS__}) / sizeof(double))

static void a_sample_leaves_out_what_is_no_number(void **state)
{
  (void)state;
  tw_sample s = SAMPLE(1, NAN, 2, 6);
  assert_int_equal(s.n, 3);
  assert_near(s.mean, 3, 1e-15);
  assert_near(s.variance, (4 + 1 + 9) / 2.0, 1e-15);
}

/* Equal variances v and n = 2: df = (2 v/2)^2 / (2 (v/2)^2) = 2, where P(|T| > t) = 1 - t / sqrt(2 + t^2).
 * Means 1 and 5, v = 2: t = 4 / sqrt(2), p = 1 - sqrt(8 / 10). */
static void two_pairs_have_students_p_of_two_degrees(void **state)
{
  (void)state;
  tw_sample a = SAMPLE(0, 2), b = SAMPLE(4, 6);
  assert_near(tw_welch_p(&a, &b), 1 - sqrt(0.8), 1e-14);
}

/* n = 3 and v = 1 each: df = 4, where P(|T| > t) = 1 - 3/4 u (1 - u^2 / 12) with u = t / sqrt(1 + t^2 / 4).
 * A difference of 2 gives t = sqrt(6), u^2 = 2.4; one of 0.2 gives t^2 = 0.06, u^2 = 0.06 / 1.015. */
static void three_each_have_students_p_of_four_degrees(void **state)
{
  (void)state;
  tw_sample a = SAMPLE(0, 1, 2), far = SAMPLE(2, 3, 4), near = SAMPLE(0.2, 1.2, 2.2);
  double u2 = 0.06 / 1.015;
  assert_near(tw_welch_p(&a, &far), 1 - 0.75 * sqrt(2.4) * (1 - 0.2), 1e-14);
  assert_near(tw_welch_p(&a, &near), 1 - 0.75 * sqrt(u2) * (1 - u2 / 12), 1e-13);
  assert_near(tw_welch_p(&far, &a), tw_welch_p(&a, &far), 0);
}

/* A constant sample adds no variance and no freedom: df = 1, where P(|T| > t) = 1 - 2/pi atan(t). Means 0 and
 * 2, v = 2, n = 2: t = 2. */
static void a_constant_sample_leaves_the_others_freedom(void **state)
{
  (void)state;
  tw_sample constant = SAMPLE(0, 0, 0, 0), varied = SAMPLE(1, 3);
  assert_near(tw_welch_p(&constant, &varied), 1 - 2 / G_PI * atan(2), 1e-14);
}

static void without_variance_any_difference_is_certain(void **state)
{
  (void)state;
  tw_sample a = SAMPLE(3, 3), b = SAMPLE(4, 4), c = SAMPLE(3, 3, 3);
  assert_near(tw_welch_p(&a, &b), 0, 0);
  assert_near(tw_welch_p(&a, &c), 1, 0);
}

/* p by the definition: t = difference / s, s² = Σ v/n, df = s⁴ / Σ (v/n)² / (n − 1), and P(|T| > t) of Student's law
 * with df degrees of freedom from GSL. */
static double p_by_gsl(const tw_sample *a, const tw_sample *b)
{
  double va = a->variance / a->n, vb = b->variance / b->n;
  double df = (va + vb) * (va + vb) / (va * va / (a->n - 1) + vb * vb / (b->n - 1));
  return 2 * gsl_cdf_tdist_Q(fabs(a->mean - b->mean) / sqrt(va + vb), df);
}

/* From p near 1 to p of 1e-60: samples of 2 to 33 values whose means are up to 30 standard deviations apart. */
static void p_is_what_gsl_says_for_samples_of_any_size(void **state)
{
  (void)state;
  tw_chance chance = tw_chance_new(1, "welch");
  double least = 1;
  for (int round = 0; round < 500; round++) {
    double values[2][33], apart = 30 * pow(tw_chance_uniform(&chance), 3);
    tw_sample samples[2];
    for (int s = 0; s < 2; s++) {
      guint n = 2 + (guint)tw_chance_below(&chance, 32);
      double deviation = tw_chance_exponential(&chance);
      for (guint i = 0; i < n; i++)
        values[s][i] = s * apart + deviation * tw_chance_normal(&chance);
      samples[s] = tw_sample_of(values[s], n);
    }
    double right = p_by_gsl(&samples[0], &samples[1]);
    least = fmin(least, right);
    assert_near(tw_welch_p(&samples[0], &samples[1]), right, 1e-6 * right);
  }
  assert_true(least < 1e-20);
}

static void one_run_says_nothing(void **state)
{
  (void)state;
  tw_sample a = SAMPLE(3), b = SAMPLE(4, 5);
  assert_true(isnan(tw_welch_p(&a, &b)));
}

/* The t of two degrees of freedom that 2.5 % exceed is 4.302653, of one 12.706205 (tables of Student's t): 0,
 * 1, 2 have the variance 1, and 0, 1 the variance 1/2. */
static void the_interval_of_a_mean_is_students(void **state)
{
  (void)state;
  tw_sample three = tw_sample_of((const double[]){0, 1, 2}, 3), two = tw_sample_of((const double[]){0, 1}, 2),
            one = tw_sample_of((const double[]){5}, 1);
  assert_near(tw_sample_interval(&three), 4.302653 / sqrt(3), 1e-6);
  assert_near(tw_sample_interval(&two), 12.706205 * sqrt(0.5 / 2), 1e-5);
  assert_true(isnan(tw_sample_interval(&one)));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_sample_leaves_out_what_is_no_number),
      cmocka_unit_test(two_pairs_have_students_p_of_two_degrees),
      cmocka_unit_test(three_each_have_students_p_of_four_degrees),
      cmocka_unit_test(a_constant_sample_leaves_the_others_freedom),
      cmocka_unit_test(without_variance_any_difference_is_certain),
      cmocka_unit_test(p_is_what_gsl_says_for_samples_of_any_size),
      cmocka_unit_test(one_run_says_nothing),
      cmocka_unit_test(the_interval_of_a_mean_is_students),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
