/* Fits the overheads of an engine to cases, by nonlinear least squares (GSL) on the logarithms of predicted
 * over measured TPOT, and TTFT where it tells of the engine. Each evaluation simulates every case, so that what is fitted is what users
 * will get. */
#ifndef TW_TESTS_VALIDATION_FIT_H
#define TW_TESTS_VALIDATION_FIT_H

#include "tests/validation/case.h"

/* The overheads that are fitted, in the order of fit_parameter_names: attributes of <step-time>. */
enum { FIT_EAGER = 5, FIT_PARAMETERS = 8 }; /* FIT_EAGER: the first of two of eager execution */
extern const char *const fit_parameter_names[FIT_PARAMETERS];
extern const double fit_parameter_neutral[FIT_PARAMETERS]; /* the values that have no effect */

gboolean fit_parameter_is_share(int parameter); /* else seconds */

typedef struct fit_result {
  double value[FIT_PARAMETERS]; /* seconds; launch, experts and compute: shares */
  double median_error;          /* over TPOT of the cases */
  guint cases;
} fit_result;

/* `fixed` parameters (a bit each) stay at the value given in `result`, the others start there.
 * `prior`: weight of what is known before any row is seen; 1, or 0 for none. */
void fit_engine(GPtrArray *cases, const char *scratch, guint fixed, double prior, fit_result *result);

/* The --set assignments that put `result` in the place of the engine's file; free with g_strfreev. */
char **fit_assignments(const fit_result *result);

#endif
