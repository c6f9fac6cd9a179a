/* summary.json of a run directory: its numbers, by dotted names such as "ttft_s.p99". */
#ifndef TW_ANALYSIS_RUN_SUMMARY_H
#define TW_ANALYSIS_RUN_SUMMARY_H

#include <glib.h>
#include <jansson.h>

/* Reads it. NULL with TW_INPUT_ERROR if the directory holds no run, or one that has no summary because it was
 * killed or still goes. The caller owns the reference. */
json_t *tw_run_summary_read(const char *directory, GError **error);

/* The number of that name; NAN if the run did not simulate it. */
double tw_run_summary_number(const json_t *summary, const char *name);

/* The names of all numbers, in the order of the file. The caller frees it. */
GPtrArray *tw_run_summary_names(const json_t *summary);

#endif
