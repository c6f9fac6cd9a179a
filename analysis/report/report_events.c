#include "analysis/report/report_events.h"

#include "analysis/log/log_reader.h"
#include "analysis/log/run_directory.h"

#include <math.h>

enum { MOST_ROWS = 500 };

static const char *const texts[] = {"part", "component", "effect"};
static const char *const numbers[] = {"start_s", "detected_s",   "recovered_s", "repaired_s",
                                      "end_s",   "accelerators", "engines"};

static gboolean is_written(const json_t *run)
{
  const tw_log_table *table = tw_log_table_find("failures");
  return table != NULL && tw_run_json_has_table(run, table);
}

static double number_of(const json_t *row, const char *name)
{
  return json_number_value(json_object_get(row, name));
}

/* Seconds of accelerators that a failure cost at most. */
static double cost(const json_t *row)
{
  return (number_of(row, "end_s") - number_of(row, "start_s")) * number_of(row, "accelerators");
}

static gint costliest_first(gconstpointer a, gconstpointer b)
{
  double x = cost(*(json_t *const *)a), y = cost(*(json_t *const *)b);
  return (x < y) - (x > y);
}

static gint earliest_first(gconstpointer a, gconstpointer b)
{
  double x = number_of(*(json_t *const *)a, "start_s"), y = number_of(*(json_t *const *)b, "start_s");
  return (x > y) - (x < y);
}

/* A row of the table; NULL with `error` where a column is missing. */
static json_t *read_row(const tw_log_reader *reader, GError **error)
{
  json_t *row = json_object();
  int column = 0;
  for (guint i = 0; column >= 0 && i < G_N_ELEMENTS(texts); i++) {
    column = tw_log_reader_column(reader, texts[i], error);
    if (column >= 0)
      json_object_set_new(row, texts[i], json_string(tw_log_reader_text(reader, column)));
  }
  for (guint i = 0; column >= 0 && i < G_N_ELEMENTS(numbers); i++) {
    column = tw_log_reader_column(reader, numbers[i], error);
    double value = column >= 0 ? tw_log_reader_number(reader, column) : NAN;
    if (isfinite(value))
      json_object_set_new(row, numbers[i], json_real(value));
  }
  if (column >= 0)
    return row;
  json_decref(row);
  return NULL;
}

static void free_row(gpointer row)
{
  json_decref(row);
}

json_t *tw_report_failures(const char *directory, const json_t *run, GError **error)
{
  if (!is_written(run))
    return json_null();
  g_autoptr(tw_log_reader) reader = tw_log_reader_open(directory, "failures", error);
  g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func(free_row);
  GError *problem = NULL;
  if (reader == NULL)
    return NULL;
  while (tw_log_reader_next(reader, &problem)) {
    json_t *row = read_row(reader, error);
    if (row == NULL)
      return NULL;
    g_ptr_array_add(rows, row);
  }
  if (problem != NULL) {
    g_propagate_error(error, problem);
    return NULL;
  }
  int count = (int)rows->len;
  g_ptr_array_sort(rows, costliest_first);
  if (rows->len > MOST_ROWS)
    g_ptr_array_set_size(rows, MOST_ROWS);
  g_ptr_array_sort(rows, earliest_first);
  json_t *list = json_array();
  for (guint i = 0; i < rows->len; i++)
    json_array_append(list, rows->pdata[i]);
  return json_pack("{s:i, s:o}", "count", count, "rows", list);
}
