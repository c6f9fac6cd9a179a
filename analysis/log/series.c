#include "analysis/log/series.h"

#include <math.h>

typedef struct cell {
  double weight, sum, min, max; /* sum of weight times value */
} cell;

struct tw_series {
  guint n_columns, max_buckets;
  double interval_s;
  guint shift;   /* a bucket is 2^shift intervals */
  GArray *cells; /* n_columns cells (cell) for each bucket */
};

static const cell no_value = {0, 0, INFINITY, -INFINITY};

tw_series *tw_series_new(guint n_columns, double interval_s, guint max_buckets)
{
  g_assert(interval_s > 0 && n_columns > 0 && max_buckets > 0);
  tw_series *series = g_new0(tw_series, 1);
  series->n_columns = n_columns;
  series->max_buckets = max_buckets;
  series->interval_s = interval_s;
  series->cells = g_array_new(FALSE, FALSE, sizeof(cell));
  return series;
}

void tw_series_free(tw_series *series)
{
  if (series == NULL)
    return;
  g_array_unref(series->cells);
  g_free(series);
}

static cell *get_cell(const tw_series *series, guint bucket, guint column)
{
  return &g_array_index(series->cells, cell, bucket * series->n_columns + column);
}

guint tw_series_length(const tw_series *series)
{
  return series->cells->len / series->n_columns;
}

static void merge(cell *into, const cell *from)
{
  into->weight += from->weight;
  into->sum += from->sum;
  into->min = fmin(into->min, from->min);
  into->max = fmax(into->max, from->max);
}

static void double_width(tw_series *series)
{
  guint n = tw_series_length(series);
  for (guint b = 0; b < n; b++)
    for (guint c = 0; c < series->n_columns; c++) {
      cell from = *get_cell(series, b, c);
      cell *into = get_cell(series, b / 2, c);
      if (b % 2 == 0)
        *into = no_value;
      merge(into, &from);
    }
  g_array_set_size(series->cells, (n + 1) / 2 * series->n_columns);
  series->shift++;
}

void tw_series_add(tw_series *series, double start_s, double length_s, const double *values)
{
  g_assert(isfinite(start_s) && start_s >= 0);
  double interval = round(start_s / series->interval_s);
  while (ldexp(interval, -(int)series->shift) >= series->max_buckets)
    double_width(series);
  guint bucket = (guint)ldexp(interval, -(int)series->shift);
  for (guint n = series->cells->len; n < (bucket + 1) * series->n_columns; n++)
    g_array_append_val(series->cells, no_value);
  for (guint c = 0; c < series->n_columns; c++) {
    if (isnan(values[c]))
      continue;
    cell value = {length_s, length_s * values[c], values[c], values[c]};
    merge(get_cell(series, bucket, c), &value);
  }
}

double tw_series_width_s(const tw_series *series)
{
  return ldexp(series->interval_s, (int)series->shift);
}

gboolean tw_series_has(const tw_series *series, guint column)
{
  for (guint b = 0; b < tw_series_length(series); b++)
    if (get_cell(series, b, column)->weight > 0)
      return TRUE;
  return FALSE;
}

gboolean tw_series_spreads(const tw_series *series, guint column)
{
  for (guint b = 0; b < tw_series_length(series); b++)
    if (get_cell(series, b, column)->min < get_cell(series, b, column)->max)
      return TRUE;
  return FALSE;
}

tw_bucket tw_series_get(const tw_series *series, guint column, guint bucket)
{
  const cell *c = get_cell(series, bucket, column);
  if (!(c->weight > 0))
    return (tw_bucket){NAN, NAN, NAN, 0};
  return (tw_bucket){c->sum / c->weight, c->min, c->max, c->weight};
}
