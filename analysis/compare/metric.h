/* Metrics: the unit of each number of a summary, which direction is better, and whether a short table has it.
 * */
#ifndef TW_ANALYSIS_METRIC_H
#define TW_ANALYSIS_METRIC_H

#include <glib.h>

typedef enum { TW_BETTER_NEITHER, TW_BETTER_LOWER, TW_BETTER_HIGHER } tw_better;

typedef struct tw_metric {
  const char *name; /* "ttft_s.p99", as tw_run_summary_number takes it */
  const char *unit; /* "s", "tokens/s", "" */
  tw_better better;
  gboolean headline;
} tw_metric;

/* All metrics, in the order in which a person reads them; ends with a row without a name. */
extern const tw_metric tw_metrics[];

/* The metric of that name, or NULL. */
const tw_metric *tw_metric_find(const char *name);

#endif
