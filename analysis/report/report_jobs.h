/* The jobs of a run, as its page draws them: tables with a row for some of a job's steps. */
#ifndef TW_ANALYSIS_REPORT_JOBS_H
#define TW_ANALYSIS_REPORT_JOBS_H

#include <glib.h>
#include <jansson.h>

/* [{"id", "table", "rows", "series", "stops": [{"start_s", "end_s", "steps"}]}], in the order in which jobs have their
 * first row; series as those of report_tables.h, of every column of real numbers but joules. Rows hold from where they
 * start to where they end; stops, from failures to where the job went on, have none in the series. The run ended at end_s,
 * INFINITY if that is not known. NULL with TW_INPUT_ERROR on damage. The caller owns the reference. */
json_t *tw_report_jobs(const char *directory, const json_t *run, double end_s, GError **error);

#endif
