/* The page of a sweep: how its metrics answer to the axes, and which points no other beats in two of them.
 *
 *     DIR/sweep.html        {"sweep": {"scenario", "seeds", "axes": [{"name", "places": [...], "sampled"}],
 *     DIR/reports/NAME.html   "metrics": [{"name", "unit", "better", "help"}], "shown": [names of metrics],
 *                             "points": [{"name", "at": [places], "runs", "values": [...], "spread": [...],
 *                             "report": path}]}}, which analysis/report/sweep.js draws
 *
 * `values` and `spread`, half of a 95 % confidence interval where there are several seeds, stand in the order of
 * `metrics`; null: no run has a value. */
#ifndef TW_SIM_SWEEP_PAGE_H
#define TW_SIM_SWEEP_PAGE_H

#include "analysis/compare/run_group.h"
#include "sim/sweep/sweep.h"

/* No point of a sweep with more of them than these gets a report of its own: reports would take longer than the
 * runs. */
enum { TW_SWEEP_MOST_REPORTS = 32 };

/* Writes the page, and the reports of the first run of each of few points, below `directory`. `groups` (of tw_run_group,
 * NULL: a point without a run) are in the order of the points; `shown` are the names of the metrics that it shows first.
 * FALSE with `error` where a table is damaged or nothing can be written. */
gboolean tw_sweep_write_page(const tw_sweep *sweep, const GPtrArray *groups, const GPtrArray *shown,
                             const char *directory, GError **error);

#endif
