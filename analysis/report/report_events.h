/* The failures of a run, as its page draws them. */
#ifndef TW_ANALYSIS_REPORT_EVENTS_H
#define TW_ANALYSIS_REPORT_EVENTS_H

#include <glib.h>
#include <jansson.h>

/* {"count", "rows": [{"part", "component", "effect", "start_s", "detected_s", "recovered_s", "repaired_s", "end_s",
 * "accelerators", "engines"}]} in the order of their start: all, or of very many those that cost the most time of
 * accelerators; times that never came are absent. JSON null for a run that has no table of failures, NULL with
 * TW_INPUT_ERROR on damage. The caller owns the reference. */
json_t *tw_report_failures(const char *directory, const json_t *run, GError **error);

#endif
