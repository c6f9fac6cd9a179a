/* Welch's test: do two samples come from distributions of different mean? Their variances may differ.
 *
 * B. L. Welch, "The generalization of Student's problem when several different population variances are
 * involved", Biometrika 34 (1947). */
#ifndef TW_ANALYSIS_WELCH_H
#define TW_ANALYSIS_WELCH_H

#include <glib.h>

typedef struct tw_sample {
  guint n;
  double mean, variance; /* unbiased; NAN below two values */
} tw_sample;

/* Number, mean and variance of the values that are not NAN. */
tw_sample tw_sample_of(const double *values, guint n);

/* Half the width of the 95 % confidence interval of the mean, by Student's t: NAN below two values. */
double tw_sample_interval(const tw_sample *sample);

/* The two-sided p-value: how likely a difference at least as large is by chance alone. NAN where a sample has
 * fewer than two values; 0 where neither varies and they differ, 1 where they do not. */
double tw_welch_p(const tw_sample *a, const tw_sample *b);

#endif
