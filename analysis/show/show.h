/* Series of a run's tables, by the names of their columns: what `tokenworks show` plots.
 *
 * A metric is TABLE.COLUMN, or COLUMN alone, which is looked for in site, engines, racks, links, jobs, rl and requests,
 * in this order. Steps of jobs count at their end. Whole numbers of tables by interval are counts, and become rates. Requests have their
 * latencies too: queue_s, ttft_s, ttfat_s and e2e_s, at the time when they ended. */
#ifndef TW_ANALYSIS_SHOW_H
#define TW_ANALYSIS_SHOW_H

#include "analysis/log/series.h"
#include "sim/log/log_format.h"

typedef struct tw_show_options {
  const char *table; /* the table whose rows are picked; NULL: all rows */
  const char *pick;  /* the rows of this engine, rack, link or job alone, as its column has it */
  double from_s, to_s;
  guint max_buckets;
} tw_show_options;

typedef struct tw_shown_metric {
  const char *name;
  const char *unit, *help;
  gboolean per_s; /* a count, shown per second */
} tw_shown_metric;

typedef struct tw_shown {
  const char *table; /* the table that the metrics are of */
  GArray *metrics;   /* the metrics (tw_shown_metric), whose texts are constants */
  tw_series *series; /* a column each */
  double from_s, to_s;
  guint owners; /* engines, racks or links of which rows were read, 1 for the site; 0 for requests */
} tw_shown;

/* Reads the metric, or, if that is NULL, all of the picked table or the site. NULL with TW_INPUT_ERROR, which
 * names the nearest metric, engine, rack or link. */
tw_shown *tw_show_read(const char *directory, const char *metric, const tw_show_options *options,
                       GError **error);
void tw_shown_free(tw_shown *shown);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tw_shown, tw_shown_free)

/* The table whose rows belong to engines, racks or links ("engine", ...), or NULL. */
const char *tw_show_table_of(const char *owner);

/* Every metric that the run's tables may hold, "TABLE.COLUMN" each. The caller frees it. */
GPtrArray *tw_show_metrics(void);

#endif
