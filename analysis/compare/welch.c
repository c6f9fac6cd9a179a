#include "analysis/compare/welch.h"

#include <math.h>

tw_sample tw_sample_of(const double *values, guint n)
{
  tw_sample sample = {0, NAN, NAN};
  double sum = 0, squares = 0;
  for (guint i = 0; i < n; i++)
    if (!isnan(values[i])) {
      sum += values[i];
      sample.n++;
    }
  if (sample.n == 0)
    return sample;
  sample.mean = sum / sample.n;
  for (guint i = 0; i < n; i++)
    if (!isnan(values[i]))
      squares += (values[i] - sample.mean) * (values[i] - sample.mean);
  if (sample.n > 1)
    sample.variance = squares / (sample.n - 1);
  return sample;
}

/* The continued fraction of the incomplete beta function (DLMF 8.17.22), by Lentz's method as modified by
 * Thompson and Barnett; converges fast for x < (a + 1) / (a + b + 2). */
static double beta_fraction(double a, double b, double x)
{
  enum { TERMS = 500 };
  const double tiny = 1e-300;
  double c = 1, d = 1 - (a + b) * x / (a + 1);
  d = 1 / (fabs(d) < tiny ? tiny : d);
  double f = d;
  for (int m = 1; m <= TERMS; m++) {
    double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    double step = 1;
    for (int half = 0; half < 2; half++) {
      double term = half == 0 ? even : odd;
      d = 1 + term * d;
      d = 1 / (fabs(d) < tiny ? tiny : d);
      c = 1 + term / c;
      c = fabs(c) < tiny ? tiny : c;
      step = c * d;
      f *= step;
    }
    if (fabs(step - 1) < 1e-15)
      break;
  }
  return f;
}

/* The regularized incomplete beta function I_x(a, b). */
static double incomplete_beta(double a, double b, double x)
{
  if (x <= 0 || x >= 1)
    return x <= 0 ? 0 : 1;
  double front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x));
  if (x < (a + 1) / (a + b + 2))
    return front * beta_fraction(a, b, x) / a;
  return 1 - front * beta_fraction(b, a, 1 - x) / b;
}

/* How likely chance exceeds |t|, on either side, with so many degrees of freedom. */
static double student_p(double t, double freedom)
{
  return incomplete_beta(freedom / 2, 0.5, freedom / (freedom + t * t));
}

double tw_sample_interval(const tw_sample *sample)
{
  if (sample->n < 2)
    return NAN;
  double freedom = sample->n - 1, low = 0, high = 13; /* t of one degree of freedom is 12.7 */
  for (int i = 0; i < 60; i++) {
    double middle = (low + high) / 2;
    *(student_p(middle, freedom) > 0.05 ? &low : &high) = middle;
  }
  return low * sqrt(sample->variance / sample->n);
}

double tw_welch_p(const tw_sample *a, const tw_sample *b)
{
  if (a->n < 2 || b->n < 2)
    return NAN;
  double of_a = a->variance / a->n, of_b = b->variance / b->n, spread = of_a + of_b;
  double difference = a->mean - b->mean;
  if (spread == 0)
    return difference == 0 ? 1 : 0;
  double t = difference / sqrt(spread);
  double freedom = spread * spread / (of_a * of_a / (a->n - 1) + of_b * of_b / (b->n - 1));
  return student_p(t, freedom);
}
