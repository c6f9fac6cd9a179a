/* The timeline of one recorded run: every request's instants, and how many ran and waited at every second, as
 * predicted against as recorded by the server. */
#ifndef TW_TESTS_VALIDATION_TIMELINE_H
#define TW_TESTS_VALIDATION_TIMELINE_H

#include "tests/validation/case.h"

/* `record`: CSV with the columns arrival_s, answer_tokens, scheduled_s, first_token_s and last_token_s, a row
 * per request in the order of the trace. `gauges`: the server's own count each second (t, running, waiting),
 * or NULL where it is not at hand. `run`: the run directory of the prediction.
 *
 * Markdown: median, 90th percentile and worst of the requests' errors, and the mean absolute error of the
 * counts. NULL with an error where a file cannot be read or the runs differ in their requests. */
GString *timeline_compare(const char *record, const char *gauges, const char *run, GError **error);

#endif
