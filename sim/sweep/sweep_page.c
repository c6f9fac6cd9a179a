#include "sim/sweep/sweep_page.h"

#include "analysis/report/report.h"
#include "platforms/input/fault.h"
#include "sim/log/metric.h"

#include <glib/gstdio.h>

#include <errno.h>
#include <math.h>

/* ---- Data ---- */

/* A number of six digits, which is more than a page shows. */
static json_t *rounded(double value)
{
  char digits[G_ASCII_DTOSTR_BUF_SIZE];
  if (!isfinite(value))
    return json_null();
  return json_real(g_ascii_strtod(g_ascii_formatd(digits, sizeof digits, "%.6g", value), NULL));
}

static void add_metric(json_t *metrics, const char *name)
{
  const tw_metric *known = tw_metric_find(name);
  json_array_append_new(metrics, json_pack("{s:s, s:s, s:s, s:s}", "name", name, "unit",
                                           known != NULL ? known->unit : "", "better",
                                           tw_better_names[known != NULL ? known->better : TW_BETTER_NEITHER],
                                           "help", known != NULL ? known->help : ""));
}

/* Describes the metrics that are shown, and those that short tables show. */
static json_t *describe_metrics(const GPtrArray *shown)
{
  json_t *metrics = json_array();
  for (guint i = 0; i < shown->len; i++)
    add_metric(metrics, shown->pdata[i]);
  for (const tw_metric *metric = tw_metrics; metric->name != NULL; metric++)
    if (metric->headline &&
        !g_ptr_array_find_with_equal_func((GPtrArray *)shown, metric->name, g_str_equal, NULL))
      add_metric(metrics, metric->name);
  return metrics;
}

static json_t *describe_axis(const tw_sweep *sweep, guint axis)
{
  json_t *places = json_array();
  g_autoptr(GHashTable) known = g_hash_table_new(g_str_hash, g_str_equal);
  for (guint i = 0; i < sweep->points->len; i++) {
    char *place = ((const tw_sweep_point *)sweep->points->pdata[i])->values[axis];
    if (g_hash_table_add(known, place))
      json_array_append_new(places, json_string(place));
  }
  return json_pack("{s:s, s:o, s:b}", "name", (char *)sweep->axes->pdata[axis], "places", places, "sampled",
                   g_array_index(sweep->sampled, gboolean, axis));
}

static char *report_path(const tw_sweep_point *point)
{
  return g_strdup_printf("reports/%s.html", point->name);
}

static json_t *describe_point(const tw_sweep_point *point, const tw_run_group *group, const json_t *metrics,
                              gboolean has_report)
{
  json_t *at = json_array(), *values = json_array(), *spread = json_array(), *metric;
  size_t i;
  for (char **value = point->values; *value != NULL; value++)
    json_array_append_new(at, json_string(*value));
  json_array_foreach(metrics, i, metric)
  {
    tw_sample sample = {0, NAN, NAN};
    if (group != NULL)
      sample = tw_run_group_sample(group, json_string_value(json_object_get(metric, "name")));
    json_array_append_new(values, rounded(sample.mean));
    json_array_append_new(spread, rounded(tw_sample_interval(&sample)));
  }
  guint runs = group != NULL ? group->summaries->len : 0;
  json_t *object =
      json_pack("{s:s, s:o, s:i, s:o}", "name", point->name, "at", at, "runs", (int)runs, "values", values);
  if (runs > 1)
    json_object_set(object, "spread", spread);
  json_decref(spread);
  if (has_report) {
    g_autofree char *path = report_path(point);
    json_object_set_new(object, "report", json_string(path));
  }
  return object;
}

static gboolean gets_reports(const tw_sweep *sweep)
{
  return sweep->points->len <= TW_SWEEP_MOST_REPORTS;
}

static json_t *describe(const tw_sweep *sweep, const GPtrArray *groups, const GPtrArray *shown)
{
  json_t *metrics = describe_metrics(shown), *axes = json_array(), *points = json_array(),
         *names = json_array();
  for (guint a = 0; a < sweep->axes->len; a++)
    json_array_append_new(axes, describe_axis(sweep, a));
  for (guint i = 0; i < sweep->points->len; i++)
    json_array_append_new(points, describe_point(sweep->points->pdata[i], groups->pdata[i], metrics,
                                                 gets_reports(sweep) && groups->pdata[i] != NULL));
  for (guint i = 0; i < shown->len; i++)
    json_array_append_new(names, json_string(shown->pdata[i]));
  g_autofree char *scenario = g_path_get_basename(sweep->scenario);
  json_t *all =
      json_pack("{s:s, s:i, s:o, s:o, s:o, s:o}", "scenario", scenario, "seeds", (int)MAX(sweep->n_seeds, 1),
                "axes", axes, "metrics", metrics, "shown", names, "points", points);
  return json_pack("{s:{s:s}, s:{}, s:f, s:o}", "run", "name", sweep->name, "summary", "end_s", 1.0, "sweep",
                   all);
}

/* ---- Files ---- */

static gboolean write_text(const char *directory, const char *name, const char *text, GError **error)
{
  g_autofree char *path = g_build_filename(directory, name, NULL);
  return g_file_set_contents(path, text, -1, error);
}

static gboolean write_reports(const tw_sweep *sweep, const GPtrArray *groups, const char *directory,
                              GError **error)
{
  g_autofree char *folder = g_build_filename(directory, "reports", NULL);
  if (g_mkdir_with_parents(folder, 0777) != 0)
    return tw_input_error_set(error, TW_INPUT_ERROR_FILE, folder, 0, "cannot be made: %s", g_strerror(errno));
  for (guint i = 0; i < sweep->points->len; i++) {
    const tw_run_group *group = groups->pdata[i];
    g_autofree char *name = report_path(sweep->points->pdata[i]);
    g_autofree char *page = group != NULL ? tw_report_page(group->first, error) : NULL;
    if (group != NULL && (page == NULL || !write_text(directory, name, page, error)))
      return FALSE;
  }
  return TRUE;
}

gboolean tw_sweep_write_page(const tw_sweep *sweep, const GPtrArray *groups, const GPtrArray *shown,
                             const char *directory, GError **error)
{
  json_t *data = describe(sweep, groups, shown);
  g_autofree char *page = tw_report_page_of(data);
  json_decref(data);
  return write_text(directory, "sweep.html", page, error) &&
         (!gets_reports(sweep) || write_reports(sweep, groups, directory, error));
}
