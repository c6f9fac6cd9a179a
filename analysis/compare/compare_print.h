/* A comparison as a table for people, as CSV, as JSON. `metrics` names the rows. */
#ifndef TW_ANALYSIS_COMPARE_PRINT_H
#define TW_ANALYSIS_COMPARE_PRINT_H

#include "analysis/compare/compare.h"

#include <stdio.h>

/* A line per metric; each group after the first with its difference, in per cent too, and whether that is
 * better or worse. */
void tw_compare_print_table(const tw_comparison *comparison, const GPtrArray *metrics, FILE *out);

/* A line per metric and group: metric, unit, better, group, runs, mean, sd, difference, relative, p, verdict.
 */
void tw_compare_print_csv(const tw_comparison *comparison, const GPtrArray *metrics, FILE *out);

/* {"groups": [{"label", "runs", "partial"}], "notes": [sentence], "metrics": [{"name", "unit", "better", "groups": [{"runs",
 * "mean", "sd", "difference", "relative", "p", "verdict"}]}]}; what has no finite value is absent. The caller
 * owns the reference. */
json_t *tw_compare_json(const tw_comparison *comparison, const GPtrArray *metrics);

#endif
