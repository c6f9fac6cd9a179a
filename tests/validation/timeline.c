#include "tests/validation/timeline.h"

#include "analysis/log/log_reader.h"
#include "platforms/input/fault.h"
#include "tests/validation/quantile.h"
#include "tests/validation/table.h"

#include <math.h>

typedef struct instants {
  double arrival_s, scheduled_s, first_s, last_s;
  double tokens; /* tokens of the answer */
} instants;

/* ---- Reading ---- */

static GArray *read_record(const char *path, GError **error)
{
  static const tw_csv_column columns[] = {{"arrival_s", FALSE},     {"scheduled_s", FALSE},
                                          {"first_token_s", FALSE}, {"last_token_s", FALSE},
                                          {"answer_tokens", FALSE}, {NULL, FALSE}};
  table t;
  if (!table_open(&t, path, columns, FALSE, error))
    return NULL;
  g_autoptr(GArray) list = g_array_new(FALSE, FALSE, sizeof(instants));
  while (table_next(&t)) {
    instants i;
    double *const values[] = {&i.arrival_s, &i.scheduled_s, &i.first_s, &i.last_s, &i.tokens};
    for (int c = 0; c < (int)G_N_ELEMENTS(values); c++)
      *values[c] = table_number(&t, c);
    g_array_append_val(list, i);
  }
  return table_close(&t) ? g_steal_pointer(&list) : NULL;
}

/* The `n` requests of a run, by their ids. */
static GArray *read_run(const char *directory, guint n, GError **error)
{
  static const char *const names[] = {"id",           "arrival_s",    "first_scheduled_s", "first_token_s",
                                      "completion_s", "answer_tokens"};
  enum { ID, ARRIVAL, SCHEDULED, FIRST, LAST, TOKENS, COLUMNS };
  g_autoptr(tw_log_reader) reader = tw_log_reader_open(directory, "requests", error);
  if (reader == NULL)
    return NULL;
  int column[COLUMNS];
  for (int c = 0; c < COLUMNS; c++)
    if ((column[c] = tw_log_reader_column(reader, names[c], error)) < 0)
      return NULL;
  g_autoptr(GArray) list = g_array_sized_new(FALSE, TRUE, sizeof(instants), n);
  g_array_set_size(list, n);
  guint rows = 0;
  GError *problem = NULL;
  for (; tw_log_reader_next(reader, &problem); rows++) {
    gint64 id = tw_log_reader_integer(reader, column[ID]);
    if (id >= 0 && id < (gint64)n)
      g_array_index(list, instants, id) = (instants){
          tw_log_reader_number(reader, column[ARRIVAL]), tw_log_reader_number(reader, column[SCHEDULED]),
          tw_log_reader_number(reader, column[FIRST]), tw_log_reader_number(reader, column[LAST]),
          tw_log_reader_number(reader, column[TOKENS])};
  }
  if (problem != NULL) {
    g_propagate_error(error, problem);
    return NULL;
  }
  if (rows != n) {
    g_set_error(error, TW_INPUT_ERROR, TW_INPUT_ERROR_VALUE, "%s: %u requests; the record has %u", directory,
                rows, n);
    return NULL;
  }
  return g_steal_pointer(&list);
}

/* ---- Requests ---- */

static double ttft(const instants *i)
{
  return i->first_s - i->arrival_s;
}
static double tpot(const instants *i)
{
  return (i->last_s - i->first_s) / (i->tokens - 1);
}
static double e2e(const instants *i)
{
  return i->last_s - i->arrival_s;
}
static double scheduled(const instants *i)
{
  return i->scheduled_s;
}
static double first(const instants *i)
{
  return i->first_s;
}
static double last(const instants *i)
{
  return i->last_s;
}

static const struct {
  const char *name;
  gboolean relative; /* else in seconds */
  double (*of)(const instants *i);
} quantities[] = {{"TTFT", TRUE, ttft},
                  {"TPOT", TRUE, tpot},
                  {"E2E", TRUE, e2e},
                  {"instant of scheduling", FALSE, scheduled},
                  {"instant of the first token", FALSE, first},
                  {"instant of the last token", FALSE, last}};

static void add_requests(GString *text, const GArray *measured, const GArray *predicted)
{
  g_string_append(text,
                  "| of a request | requests | median error | 90th percentile | worst | mean, signed |\n"
                  "|---|---:|---:|---:|---:|---:|\n");
  for (guint q = 0; q < G_N_ELEMENTS(quantities); q++) {
    g_autoptr(GArray) errors = g_array_new(FALSE, FALSE, sizeof(double));
    double sum = 0;
    for (guint i = 0; i < measured->len; i++) {
      double m = quantities[q].of(&g_array_index(measured, instants, i)),
             p = quantities[q].of(&g_array_index(predicted, instants, i));
      double error = quantities[q].relative ? 100 * (p / m - 1) : p - m;
      if (!isfinite(error))
        continue; /* no TPOT of one token */
      sum += error;
      error = fabs(error);
      g_array_append_val(errors, error);
    }
    guint n = errors->len;
    const char *unit = quantities[q].relative ? "%" : "s";
    if (n > 0)
      g_string_append_printf(text, "| %s | %u | %.2f %s | %.2f %s | %.2f %s | %+.2f %s |\n",
                             quantities[q].name, n, quantile_of(errors, 0.5), unit, quantile_of(errors, 0.9),
                             unit, quantile_of(errors, 1), unit, sum / n, unit);
  }
}

/* ---- Counts over time ---- */

typedef struct counts {
  double running, waiting;
} counts;

static counts count_at(const GArray *list, double t)
{
  counts c = {0, 0};
  for (guint i = 0; i < list->len; i++) {
    const instants *r = &g_array_index(list, instants, i);
    c.running += r->scheduled_s <= t && t < r->last_s;
    c.waiting += r->arrival_s <= t && t < r->scheduled_s;
  }
  return c;
}

/* The counts of the server itself, an array of {t, running, waiting}. */
static GArray *read_gauges(const char *path, GError **error)
{
  static const tw_csv_column columns[] = {
      {"t", FALSE}, {"running", FALSE}, {"waiting", FALSE}, {NULL, FALSE}};
  table t;
  if (!table_open(&t, path, columns, FALSE, error))
    return NULL;
  g_autoptr(GArray) list = g_array_new(FALSE, FALSE, 3 * sizeof(double));
  while (table_next(&t)) {
    double row[3];
    for (int c = 0; c < 3; c++)
      row[c] = table_number(&t, c);
    g_array_append_vals(list, row, 1);
  }
  return table_close(&t) ? g_steal_pointer(&list) : NULL;
}

/* The counts of the record, every second to its end. */
static GArray *counts_of(const GArray *record)
{
  GArray *list = g_array_new(FALSE, FALSE, 3 * sizeof(double));
  double end_s = 0;
  for (guint i = 0; i < record->len; i++)
    end_s = fmax(end_s, g_array_index(record, instants, i).last_s);
  for (double t = 1; t <= end_s; t++) {
    counts c = count_at(record, t);
    const double row[] = {t, c.running, c.waiting};
    g_array_append_vals(list, row, 1);
  }
  return list;
}

static void add_counts(GString *text, const char *source, const GArray *measured, const GArray *predicted)
{
  double n = measured->len, mean[2] = {0, 0}, mae[2] = {0, 0}, worst[2] = {0, 0};
  const double *rows = (const double *)(const void *)measured->data;
  for (guint i = 0; i < measured->len; i++) {
    counts c = count_at(predicted, rows[3 * i]);
    for (int k = 0; k < 2; k++) {
      double m = rows[3 * i + 1 + (guint)k], error = fabs((k == 0 ? c.running : c.waiting) - m);
      mean[k] += m / n;
      mae[k] += error / n;
      worst[k] = fmax(worst[k], error);
    }
  }
  for (int k = 0; k < 2; k++)
    g_string_append_printf(text, "| %s, %s | %.0f | %.1f | %.2f | %.0f |\n", k == 0 ? "running" : "waiting",
                           source, n, mean[k], mae[k], worst[k]);
}

GString *timeline_compare(const char *record, const char *gauges, const char *run, GError **error)
{
  g_autoptr(GArray) measured = read_record(record, error);
  g_autoptr(GArray) predicted = measured != NULL ? read_run(run, measured->len, error) : NULL;
  if (predicted == NULL)
    return NULL;
  g_autoptr(GArray) own = gauges != NULL ? read_gauges(gauges, error) : NULL;
  if (gauges != NULL && own == NULL)
    return NULL;
  GString *text = g_string_new("\n### The recorded vLLM run, request by request\n\n");
  add_requests(text, measured, predicted);
  g_string_append(text, "\n| count, every second | seconds | mean | mean absolute error | worst |\n"
                        "|---|---:|---:|---:|---:|\n");
  g_autoptr(GArray) counted = counts_of(measured);
  add_counts(text, "from the record of the requests", counted, predicted);
  if (own != NULL)
    add_counts(text, "as the server reported", own, predicted);
  return text;
}
