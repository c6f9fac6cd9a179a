/* The part of a report that comes from the table of requests: latencies over time and as distributions, the
 * slowest requests, and why others were not completed. */
#ifndef TW_ANALYSIS_REPORT_REQUESTS_H
#define TW_ANALYSIS_REPORT_REQUESTS_H

#include <glib.h>
#include <jansson.h>

typedef struct tw_report_requests tw_report_requests;

/* Reads the table; `run` is run.json, which says the measurement window and the SLO, and end_s when the run
 * ended (INFINITY: with its last request). NULL with TW_INPUT_ERROR on damage. */
tw_report_requests *tw_report_requests_read(const char *directory, const json_t *run, double end_s,
                                            GError **error);
void tw_report_requests_free(tw_report_requests *requests);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tw_report_requests, tw_report_requests_free)

/* When the last request ended. */
double tw_report_requests_end(const tw_report_requests *requests);

/* Latencies of completed requests by their arrival: {"width_s", "n", "columns": {"ttft_s": {"count", "p50",
 * "p90", "p99", "max"}}}, n numbers each, packed as tw_report_floats does. Quantiles are exact, of definition
 * 7 of Hyndman and Fan. */
json_t *tw_report_latency(const tw_report_requests *requests);

/* Over the measurement window: {"ttft_s": {"n", "per_decade", "first", "counts", "slo": {"limit_s",
 * "within"}}}. Bin i holds the values in [b^(first+i), b^(first+i+1)), b = 10^(1/per_decade); "zeros" counts
 * those below a microsecond. */
json_t *tw_report_distributions(const tw_report_requests *requests);

/* {"e2e_s": [rows of the table as objects, the slowest first], "ttft_s": ...}, over the whole run. */
json_t *tw_report_slowest(const tw_report_requests *requests);

/* [{"state", "reason", "count"}] of those that were not completed, the most frequent first. */
json_t *tw_report_endings(const tw_report_requests *requests);

/* requests, tokens and latencies under the names of summary.json, for a run that left none. */
json_t *tw_report_totals(const tw_report_requests *requests);

#endif
