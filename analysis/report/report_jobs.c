#include "analysis/report/report_jobs.h"

#include "analysis/log/log_reader.h"
#include "analysis/log/run_directory.h"
#include "analysis/log/series.h"
#include "analysis/report/report_json.h"

#include <math.h>

enum { BUCKETS = 720, MOST_BUCKETS = 2 * BUCKETS };

/* The tables whose rows are those of jobs. */
static const char *const tables[] = {"jobs", "rl"};

typedef struct job {
  char *id;
  json_t *stops;
  tw_series *series;
  int rows;
} job;

typedef struct jobs_table {
  tw_log_reader *reader;
  int start, end, id, kind, steps; /* columns; kind, steps: -1 where the table has none */
  GArray *shown;                   /* int: columns of the series */
  double width_s;                  /* width of a bucket */
  GPtrArray *jobs;                 /* elements: job */
} jobs_table;

static void free_job(gpointer pointer)
{
  job *j = pointer;
  g_free(j->id);
  json_decref(j->stops);
  tw_series_free(j->series);
  g_free(j);
}

static void clear_table(jobs_table *table)
{
  tw_log_reader_close(table->reader);
  g_clear_pointer(&table->shown, g_array_unref);
  g_clear_pointer(&table->jobs, g_ptr_array_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(jobs_table, clear_table)

static const tw_column *column_at(const jobs_table *table, int column)
{
  return &g_array_index(tw_log_reader_columns(table->reader), tw_column, column);
}

static gboolean open_table(jobs_table *table, const char *directory, const char *name, GError **error)
{
  table->jobs = g_ptr_array_new_with_free_func(free_job);
  table->shown = g_array_new(FALSE, FALSE, sizeof(int));
  table->reader = tw_log_reader_open(directory, name, error);
  if (table->reader == NULL || (table->start = tw_log_reader_column(table->reader, "start_s", error)) < 0 ||
      (table->end = tw_log_reader_column(table->reader, "end_s", error)) < 0 ||
      (table->id = tw_log_reader_column(table->reader, "job", error)) < 0)
    return FALSE;
  table->kind = tw_log_reader_column(table->reader, "kind", NULL);
  table->steps = tw_log_reader_column(table->reader, "steps", NULL);
  for (int i = 0; i < (int)tw_log_reader_columns(table->reader)->len; i++)
    if (column_at(table, i)->type == TW_COLUMN_REAL && !g_str_equal(column_at(table, i)->unit, "J"))
      g_array_append_val(table->shown, i);
  return TRUE;
}

static job *find_job(const jobs_table *table, const char *id)
{
  for (guint i = 0; i < table->jobs->len; i++)
    if (g_str_equal(((job *)table->jobs->pdata[i])->id, id))
      return table->jobs->pdata[i];
  job *j = g_new(job, 1);
  *j = (job){g_strdup(id), json_array(), tw_series_new(table->shown->len, table->width_s, MOST_BUCKETS), 0};
  g_ptr_array_add(table->jobs, j);
  return j;
}

/* Adds the row to every bucket that it lies in. */
static void add_steps(const jobs_table *table, job *j, double start_s, double end_s)
{
  g_autofree double *values = g_new(double, table->shown->len);
  for (guint i = 0; i < table->shown->len; i++)
    values[i] = tw_log_reader_number(table->reader, g_array_index(table->shown, int, i));
  double width_s = fmax(table->width_s, tw_series_width_s(j->series));
  for (double at_s = floor(start_s / width_s) * width_s; at_s < end_s; at_s += width_s) {
    double length_s = fmin(end_s, at_s + width_s) - fmax(start_s, at_s);
    if (length_s > 1e-9 * width_s)
      tw_series_add(j->series, at_s, length_s, values);
  }
}

static void add_row(const jobs_table *table)
{
  double start_s = tw_log_reader_number(table->reader, table->start),
         end_s = tw_log_reader_number(table->reader, table->end);
  if (!(start_s >= 0) || !(end_s > start_s))
    return;
  job *j = find_job(table, tw_log_reader_text(table->reader, table->id));
  j->rows++;
  if (table->kind < 0 || !g_str_equal(tw_log_reader_text(table->reader, table->kind), "stop")) {
    add_steps(table, j, start_s, end_s);
    return;
  }
  json_int_t steps = table->steps >= 0 ? (json_int_t)tw_log_reader_integer(table->reader, table->steps) : 0;
  json_array_append_new(j->stops,
                        json_pack("{s:f, s:f, s:I}", "start_s", start_s, "end_s", end_s, "steps", steps));
}

static json_t *pack(const tw_series *series, guint column, size_t part)
{
  guint n = tw_series_length(series);
  g_autofree double *values = g_new(double, n);
  for (guint b = 0; b < n; b++) {
    tw_bucket bucket = tw_series_get(series, column, b);
    values[b] = *(const double *)((const char *)&bucket + part);
  }
  return tw_report_floats(values, n);
}

static json_t *describe_series(const jobs_table *table, const tw_series *series)
{
  json_t *columns = json_object();
  for (guint c = 0; c < table->shown->len; c++) {
    const tw_column *column = column_at(table, g_array_index(table->shown, int, c));
    if (!tw_series_has(series, c))
      continue;
    json_t *described = json_pack("{s:s, s:s, s:b, s:o}", "unit", column->unit, "help", column->help, "per_s",
                                  FALSE, "mean", pack(series, c, offsetof(tw_bucket, mean)));
    if (tw_series_spreads(series, c)) {
      json_object_set_new(described, "min", pack(series, c, offsetof(tw_bucket, min)));
      json_object_set_new(described, "max", pack(series, c, offsetof(tw_bucket, max)));
    }
    json_object_set_new(columns, column->name, described);
  }
  return json_pack("{s:f, s:i, s:o}", "width_s", tw_series_width_s(series), "n",
                   (int)tw_series_length(series), "columns", columns);
}

/* Appends the jobs of one of the tables. */
static gboolean read_table(json_t *list, const char *directory, const char *name, double width_s,
                           GError **error)
{
  g_auto(jobs_table) table = {.width_s = width_s};
  GError *problem = NULL;
  if (!open_table(&table, directory, name, error))
    return FALSE;
  while (tw_log_reader_next(table.reader, &problem))
    add_row(&table);
  if (problem != NULL) {
    g_propagate_error(error, problem);
    return FALSE;
  }
  for (guint i = 0; i < table.jobs->len; i++) {
    job *j = table.jobs->pdata[i];
    json_array_append_new(list, json_pack("{s:o, s:s, s:i, s:o, s:O}", "id", tw_report_text(j->id), "table",
                                          name, "rows", j->rows, "series", describe_series(&table, j->series),
                                          "stops", j->stops));
  }
  return TRUE;
}

json_t *tw_report_jobs(const char *directory, const json_t *run, double end_s, GError **error)
{
  json_t *list = json_array();
  double width_s = isfinite(end_s) && end_s > 0 ? end_s / BUCKETS : tw_report_number(run, "interval_s");
  for (guint i = 0; i < G_N_ELEMENTS(tables) && width_s > 0; i++) {
    const tw_log_table *table = tw_log_table_find(tables[i]);
    if (table == NULL || !tw_run_json_has_table(run, table))
      continue;
    if (!read_table(list, directory, tables[i], width_s, error)) {
      json_decref(list);
      return NULL;
    }
  }
  return list;
}
