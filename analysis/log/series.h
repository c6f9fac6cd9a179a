/* Time series in bounded memory that hide no peak. The intervals of a table are gathered in buckets of equal
 * width; a bucket keeps the mean over its time, and the least and the greatest value of its intervals. When
 * the buckets run out, their width doubles:
 *
 *     | a | b | c | d | e        five intervals, at most four buckets
 *     | a  b  | c  d  | e
 *
 * A series has several columns, which share its buckets. */
#ifndef TW_ANALYSIS_SERIES_H
#define TW_ANALYSIS_SERIES_H

#include <glib.h>

typedef struct tw_series tw_series;

typedef struct tw_bucket {
  double mean, min, max; /* NAN where the column had no value */
  double time_s;         /* lengths of the intervals that had one */
} tw_bucket;

/* Intervals begin at whole multiples of interval_s > 0. */
tw_series *tw_series_new(guint n_columns, double interval_s, guint max_buckets);
void tw_series_free(tw_series *series);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tw_series, tw_series_free)

/* Adds a value per column for the interval at start_s (finite, not negative), of which length_s count: the
 * weight in the mean. NAN is no value. An interval may be added to several times, say once per engine: the
 * mean is then over time and engines, the extremes are those of single engines. */
void tw_series_add(tw_series *series, double start_s, double length_s, const double *values);

/* Buckets up to the last interval that was added, and the width of each, a multiple of the interval. */
guint tw_series_length(const tw_series *series);
double tw_series_width_s(const tw_series *series);
/* Whether the column has any value. */
gboolean tw_series_has(const tw_series *series, guint column);
/* Whether least, mean and greatest value differ in any bucket of the column. */
gboolean tw_series_spreads(const tw_series *series, guint column);
tw_bucket tw_series_get(const tw_series *series, guint column, guint bucket);

#endif
