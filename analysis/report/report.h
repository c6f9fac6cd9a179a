/* The report: a run as one HTML page that opens anywhere, without a server or a network.
 *
 *     run directory ─► tables reduced to JSON ─┐
 *     report/page.html, *.css, *.js, uPlot ────┴─► page
 *
 * The page draws itself from the JSON, in which nothing can end the script that holds it. What a run did not
 * simulate is absent from the JSON and from the page. */
#ifndef TW_ANALYSIS_REPORT_H
#define TW_ANALYSIS_REPORT_H

#include <glib.h>
#include <jansson.h>

/* The data that the page draws: {"directory", "run" (run.json without its tables), "summary", "recomputed"
 * (the run left no summary: its totals were taken from the tables), "end_s", "site", "pools", "racks",
 * "links", "failures", "latency", "distributions", "slowest", "endings"}, as report_tables.h, report_events.h and report_requests.h
 * describe them. NULL with TW_INPUT_ERROR if the directory is no run, or its tables are damaged or of another
 * version. The caller owns the reference. */
json_t *tw_report_data(const char *directory, GError **error);

/* The page of that run. NULL as above. The caller frees it. */
char *tw_report_page(const char *directory, GError **error);

/* The page of any data: that above, or what compare_page.h makes of several runs. The caller frees it. */
char *tw_report_page_of(const json_t *data);

#endif
