/* Tables of errors: |predicted / measured − 1| of what was fitted and what was predicted, apart. */
#ifndef TW_TESTS_VALIDATION_REPORT_H
#define TW_TESTS_VALIDATION_REPORT_H

#include "tests/validation/explain.h"

/* Markdown: per data set, device, model and engine the median, 90th percentile and worst error of each
 * metric, and how many rows were extrapolated; then the rows that are off by more than half with their
 * explanations, and the explanations that no row needs any more. */
GString *report_tables(GPtrArray *cases, const char *skipped, const GPtrArray *explanations);

/* Quantile of |predicted / measured - 1| over the cases for which `some` is TRUE (NULL: all); NAN where there
 * are none. `n` (may be NULL) gets how many. */
typedef gboolean (*report_filter)(const validation_case *item, const void *user);
double report_error(GPtrArray *cases, int metric, double quantile, report_filter some, const void *user,
                    guint *n);

/* Puts a short table of the predicted rows, by data set, between the lines "<!-- accuracy -->" and
 * "<!-- /accuracy -->" of a text file. FALSE with an error where it cannot, or lacks them. */
gboolean report_into(GPtrArray *cases, const char *path, GError **error);

/* Writes sim/validated/rows.xml (sim/forecast/expected_error.h): what the groups of cases that differ in load
 * alone err by, predicted and, where their fit had seen them, `seen` (CASE_METRICS numbers of each case). */
gboolean report_errors(GPtrArray *cases, const double *seen, const char *path, GError **error);

/* Every row, as CSV. FALSE, with a message on standard error, where the file cannot be written. */
gboolean report_rows(GPtrArray *cases, const char *path);

#endif
