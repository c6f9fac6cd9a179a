/* Tables of errors: |predicted / measured − 1| of what was fitted and what was predicted, apart. */
#ifndef TW_TESTS_VALIDATION_REPORT_H
#define TW_TESTS_VALIDATION_REPORT_H

#include "tests/validation/case.h"

/* Markdown: per data set, device, model and engine the median, 90th percentile and worst error of each
 * metric; then the rows that are off by more than half. */
GString *report_tables(GPtrArray *cases, const char *skipped);

/* Every row, as CSV. FALSE, with a message on standard error, where the file cannot be written. */
gboolean report_rows(GPtrArray *cases, const char *path);

#endif
