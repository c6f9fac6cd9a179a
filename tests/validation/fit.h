/* Fits the overheads of an engine to cases, by nonlinear least squares (GSL) on the logarithms of predicted
 * over measured TPOT, and TTFT where it tells of the engine.
 *
 * Predicted times are nearly lines in the overheads, and in the reciprocals of shares. Their slopes are simulated once
 * for each case, at what is known before any row is seen; least squares run on these lines, through a point that is
 * simulated anew for each of a few rounds (chord method), so that what is fitted is what users will get:
 *
 *     slopes (once) ──► lines through the last simulation ──least squares──► overheads ──simulate──► ... */
#ifndef TW_TESTS_VALIDATION_FIT_H
#define TW_TESTS_VALIDATION_FIT_H

#include "tests/validation/case.h"

/* The overheads that are fitted, in the order of fit_parameter_names: attributes of <step-time>. */
enum { FIT_EAGER = 4, FIT_PARAMETERS = 7 }; /* FIT_EAGER: the first of two of eager execution */
extern const char *const fit_parameter_names[FIT_PARAMETERS];
extern const double fit_parameter_neutral[FIT_PARAMETERS]; /* the values that have no effect */

gboolean fit_parameter_is_share(int parameter); /* else seconds */

typedef struct fit_result {
  double value[FIT_PARAMETERS]; /* seconds; experts and compute: shares */
  double median_error;          /* over TPOT of the cases */
  guint cases;
} fit_result;

/* Simulates the slopes of cases that have none yet: fits of many variants, in processes of their own, share them. */
void fit_prepare(GPtrArray *cases, const char *scratch);

/* `fixed` parameters (a bit each) stay at the value given in `result`, the others start there.
 * `prior`: weight of what is known before any row is seen; 1, or 0 for none. */
void fit_engine(GPtrArray *cases, const char *scratch, guint fixed, double prior, fit_result *result);

/* The --set assignments that put `result` in the place of the engine's file; free with g_strfreev. */
char **fit_assignments(const fit_result *result);

#endif
