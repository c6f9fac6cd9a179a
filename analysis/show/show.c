#include "analysis/show/show.h"

#include "analysis/log/log_reader.h"
#include "analysis/log/run_directory.h"
#include "platforms/input/fault.h"

#include <math.h>

/* Tables in the order in which a column is looked for, and whose rows they hold. */
static const struct {
  const char *table, *owner; /* the column that says whose row it is */
} sources[] = {{"site", NULL},  {"engines", "engine"}, {"racks", "rack"}, {"links", "link"},
               {"jobs", "job"}, {"rl", "job"},         {"requests", NULL}};

/* Latencies of requests are differences of two columns. */
static const struct {
  const char *name, *end, *help;
} latencies[] = {
    {"queue_s", "first_scheduled_s", "queueing time, by when the request ended"},
    {"ttft_s", "first_token_s", "time to the first token, by when the request ended"},
    {"ttfat_s", "first_answer_s", "time to the first answer token, by when the request ended"},
    {"e2e_s", "completion_s", "time to the last token, by when the request ended"},
};
static const char latency_start[] = "arrival_s";

/* The source of the values of a metric. */
typedef struct origin {
  tw_shown_metric metric;
  const char *column, *minus; /* minus: NULL, or the column to subtract */
} origin;

void tw_shown_free(tw_shown *shown)
{
  if (shown == NULL)
    return;
  g_array_unref(shown->metrics);
  tw_series_free(shown->series);
  g_free(shown);
}

const char *tw_show_table_of(const char *owner)
{
  for (guint i = 0; i < G_N_ELEMENTS(sources); i++)
    if (sources[i].owner != NULL && g_str_equal(sources[i].owner, owner))
      return sources[i].table;
  return NULL;
}

static const char *owner_of(const char *table)
{
  for (guint i = 0; i < G_N_ELEMENTS(sources); i++)
    if (g_str_equal(sources[i].table, table))
      return sources[i].owner;
  return NULL;
}

static gboolean is_requests(const char *table)
{
  return g_str_equal(table, "requests");
}

/* Whether rows are of steps, each as long as they took, and not of intervals. */
static gboolean is_steps(const char *table)
{
  return g_strcmp0(owner_of(table), "job") == 0;
}

/* Every metric of a table. */
static GArray *list_origins(const char *name)
{
  GArray *origins = g_array_new(FALSE, FALSE, sizeof(origin));
  const tw_log_table *table = tw_log_table_find(name);
  const char *owner = owner_of(name);
  for (guint i = 0; is_requests(name) && i < G_N_ELEMENTS(latencies); i++) {
    origin o = {{latencies[i].name, "s", latencies[i].help, FALSE}, latencies[i].end, latency_start};
    g_array_append_val(origins, o);
  }
  for (int i = 0; table != NULL && i < table->n_columns; i++) {
    const tw_column *column = &table->columns[i];
    gboolean number = column->type == TW_COLUMN_REAL || column->type == TW_COLUMN_INTEGER;
    gboolean names = *column->unit == '\0' && column->type == TW_COLUMN_INTEGER && is_requests(name) &&
                     !g_str_equal(column->name, "preemptions"); /* ids of requests and engines */
    if (!number || names || (owner != NULL && g_str_equal(column->name, owner)))
      continue;
    gboolean counts = column->type == TW_COLUMN_INTEGER && !is_requests(name) && !is_steps(name);
    origin o = {{column->name, column->unit, column->help, counts}, column->name, NULL};
    g_array_append_val(origins, o);
  }
  return origins;
}

GPtrArray *tw_show_metrics(void)
{
  GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
  for (guint i = 0; i < G_N_ELEMENTS(sources); i++) {
    g_autoptr(GArray) origins = list_origins(sources[i].table);
    for (guint o = 0; o < origins->len; o++)
      g_ptr_array_add(
          names, g_strdup_printf("%s.%s", sources[i].table, g_array_index(origins, origin, o).metric.name));
  }
  return names;
}

static gboolean set_unknown(const char *metric, GError **error)
{
  g_autoptr(GPtrArray) full = tw_show_metrics();
  g_autoptr(GPtrArray) names = g_ptr_array_new();
  for (guint i = 0; i < full->len; i++) {
    char *name = full->pdata[i];
    g_ptr_array_add(names, strchr(metric, '.') != NULL ? name : strchr(name, '.') + 1);
  }
  g_ptr_array_add(names, NULL);
  const char *near = tw_nearest(metric, (const char *const *)names->pdata);
  return tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0, "no metric is called '%s'; %s%s%s", metric,
                            near != NULL ? "did you mean '" : "`tokenworks show --list` names them",
                            near != NULL ? near : "", near != NULL ? "'?" : "");
}

/* Finds a metric among the tables that the run wrote; `only`, if not NULL, is the table to look in. */
static gboolean find_metric(const json_t *run, const char *metric, const char *only, const char **table,
                            GArray *found, GError **error)
{
  const char *dot = strchr(metric, '.'), *missing = NULL;
  const char *column = dot != NULL ? dot + 1 : metric;
  g_autofree char *named = dot != NULL ? g_strndup(metric, (gsize)(dot - metric)) : g_strdup(only);
  for (guint i = 0; i < G_N_ELEMENTS(sources); i++) {
    const tw_log_table *source = tw_log_table_find(sources[i].table);
    if (source == NULL || (named != NULL && !g_str_equal(named, source->name)) ||
        (only != NULL && !g_str_equal(only, source->name)))
      continue;
    g_autoptr(GArray) origins = list_origins(source->name);
    for (guint o = 0; o < origins->len; o++) {
      if (!g_str_equal(g_array_index(origins, origin, o).metric.name, column))
        continue;
      if (tw_run_json_has_table(run, source)) {
        *table = source->name;
        g_array_append_val(found, g_array_index(origins, origin, o));
        return TRUE;
      }
      missing = source->name;
    }
  }
  if (missing != NULL)
    return tw_input_error_set(error, TW_INPUT_ERROR_FILE, NULL, 0,
                              "%s is a column of the table '%s', which this run did not write", metric,
                              missing);
  return set_unknown(metric, error);
}

/* ---- Reading ---- */

typedef struct reading {
  tw_log_reader *reader;
  const GArray *origins;
  int time, owner; /* columns; owner -1: none */
  GArray *columns; /* two ints per origin; the second -1 if nothing is subtracted */
  double interval_s;
  GHashTable *owners; /* the engines, racks or links (texts) whose rows were seen */
} reading;

static void clear_reading(reading *r)
{
  tw_log_reader_close(r->reader);
  g_clear_pointer(&r->columns, g_array_unref);
  g_clear_pointer(&r->owners, g_hash_table_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(reading, clear_reading)

static gboolean find_columns(reading *r, const char *table, GError **error)
{
  const tw_log_table *description = tw_log_table_find(table);
  r->time = tw_log_reader_column(r->reader, description->columns[description->time_column].name, error);
  r->owner = owner_of(table) != NULL ? tw_log_reader_column(r->reader, owner_of(table), error) : -1;
  if (r->time < 0 || (owner_of(table) != NULL && r->owner < 0))
    return FALSE;
  r->columns = g_array_new(FALSE, FALSE, sizeof(int));
  for (guint i = 0; i < r->origins->len; i++) {
    const origin *o = &g_array_index(r->origins, origin, i);
    int pair[2] = {tw_log_reader_column(r->reader, o->column, error), -1};
    if (pair[0] >= 0 && o->minus != NULL)
      pair[1] = tw_log_reader_column(r->reader, o->minus, error);
    if (pair[0] < 0 || (o->minus != NULL && pair[1] < 0))
      return FALSE;
    g_array_append_vals(r->columns, pair, 2);
  }
  return TRUE;
}

static double read_value(const reading *r, guint i)
{
  int column = g_array_index(r->columns, int, 2 * i), minus = g_array_index(r->columns, int, 2 * i + 1);
  double value = tw_log_reader_number(r->reader, column);
  if (minus >= 0)
    value -= tw_log_reader_number(r->reader, minus);
  return g_array_index(r->origins, origin, i).metric.per_s ? value / r->interval_s : value;
}

static gint compare_names(gconstpointer a, gconstpointer b)
{
  return strcmp(a, b);
}

/* Few names are listed; of many the nearest is told. */
static gboolean set_no_such_owner(const reading *r, const char *owner, const char *pick, GError **error)
{
  enum { FEW = 12 };
  g_autoptr(GPtrArray) names = g_ptr_array_new();
  g_autoptr(GList) seen = g_list_sort(g_hash_table_get_keys(r->owners), compare_names);
  for (const GList *item = seen; item != NULL; item = item->next)
    g_ptr_array_add(names, item->data);
  g_ptr_array_add(names, NULL);
  g_autofree char *list = g_strjoinv(", ", (char **)names->pdata);
  g_autofree char *suggestion = tw_suggestion(pick, (const char *const *)names->pdata);
  gboolean few = names->len > 1 && names->len <= FEW + 1;
  return tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0,
                            "the run has no rows of the %s '%s' then; %s%s", owner, pick,
                            few ? "it has " : "", few ? list : suggestion);
}

/* Adds every wanted row to the series. */
static gboolean read_rows(reading *r, const tw_show_options *options, tw_shown *shown, GError **error)
{
  g_autofree double *values = g_new(double, r->origins->len);
  GError *damage = NULL;
  gboolean any = FALSE;
  while (tw_log_reader_next(r->reader, &damage)) {
    const char *owner = r->owner >= 0 ? tw_log_reader_text(r->reader, r->owner) : "";
    if (r->owner >= 0 && !g_hash_table_contains(r->owners, owner))
      g_hash_table_add(r->owners, g_strdup(owner));
    double time_s = tw_log_reader_number(r->reader, r->time);
    if ((options->pick != NULL && !g_str_equal(owner, options->pick)) || !(time_s >= shown->from_s))
      continue;
    for (guint i = 0; i < r->origins->len; i++)
      values[i] = read_value(r, i);
    double since_s = floor((time_s - shown->from_s) / r->interval_s + 1e-6) * r->interval_s;
    tw_series_add(shown->series, since_s, r->interval_s, values);
    any = TRUE;
  }
  if (damage != NULL) {
    g_propagate_error(error, damage);
    return FALSE;
  }
  if (!any && options->pick != NULL)
    return set_no_such_owner(r, owner_of(shown->table), options->pick, error);
  if (!any)
    return tw_input_error_set(error, TW_INPUT_ERROR_VALUE, NULL, 0, "the table '%s' has no rows then",
                              shown->table);
  shown->to_s = shown->from_s + tw_series_length(shown->series) * tw_series_width_s(shown->series);
  return TRUE;
}

static tw_shown *read_shown(const char *directory, const json_t *run, const char *table,
                            const GArray *origins, const tw_show_options *options, GError **error)
{
  g_auto(reading)
      r = {.origins = origins, .interval_s = json_number_value(json_object_get(run, "interval_s"))};
  if (!(r.interval_s > 0)) {
    tw_input_error_set(error, TW_INPUT_ERROR_VALUE, directory, 0,
                       "run.json does not say the interval of its tables (interval_s); run it again");
    return NULL;
  }
  r.reader = tw_log_reader_open(directory, table, error);
  if (r.reader == NULL || !find_columns(&r, table, error))
    return NULL;
  tw_log_reader_window(r.reader, options->from_s, options->to_s);
  r.owners = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

  g_autoptr(tw_shown) shown = g_new0(tw_shown, 1);
  shown->table = tw_log_table_find(table)->name;
  shown->metrics = g_array_new(FALSE, FALSE, sizeof(tw_shown_metric));
  for (guint i = 0; i < origins->len; i++)
    g_array_append_val(shown->metrics, g_array_index(origins, origin, i).metric);
  shown->series = tw_series_new(origins->len, r.interval_s, options->max_buckets);
  shown->from_s = isfinite(options->from_s) ? floor(options->from_s / r.interval_s) * r.interval_s : 0;
  if (!read_rows(&r, options, shown, error))
    return NULL;
  shown->owners = is_requests(table)                     ? 0
                  : options->pick != NULL || r.owner < 0 ? 1
                                                         : g_hash_table_size(r.owners);
  return g_steal_pointer(&shown);
}

/* Every metric of a table that the run wrote. */
static GArray *list_written(const json_t *run, const char *name)
{
  const tw_log_table *table = tw_log_table_find(name);
  GArray *origins = list_origins(name);
  for (guint i = origins->len; i-- > 0;)
    if (!tw_run_json_has_column(run, table, g_array_index(origins, origin, i).column))
      g_array_remove_index(origins, i);
  return origins;
}

tw_shown *tw_show_read(const char *directory, const char *metric, const tw_show_options *options,
                       GError **error)
{
  json_t *run = tw_run_json_read(directory, error);
  if (run == NULL)
    return NULL;
  const char *table = options->table != NULL ? options->table : "site";
  g_autoptr(GArray) origins =
      metric == NULL ? list_written(run, table) : g_array_new(FALSE, FALSE, sizeof(origin));
  tw_shown *shown = NULL;
  if (metric == NULL || find_metric(run, metric, options->table, &table, origins, error))
    shown = read_shown(directory, run, table, origins, options, error);
  json_decref(run);
  return shown;
}
