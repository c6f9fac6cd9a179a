/* Quantiles of errors, as every table of the validation has them. */
#ifndef TW_TESTS_VALIDATION_QUANTILE_H
#define TW_TESTS_VALIDATION_QUANTILE_H

#include <glib.h>

#include <math.h>

static inline int quantile_by_value(gconstpointer a, gconstpointer b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Sorts the errors (double) and returns the least of them that a share q of the others is below; the worst for
 * q = 1. NAN without any. */
static inline double quantile_of(GArray *errors, double q)
{
  g_array_sort(errors, quantile_by_value);
  if (errors->len == 0)
    return NAN;
  return g_array_index(errors, double, MIN((guint)(q * errors->len), errors->len - 1));
}

#endif
