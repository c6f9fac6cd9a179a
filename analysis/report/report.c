#include "analysis/report/report.h"

#include "analysis/explain/explain.h"
#include "analysis/log/run_directory.h"
#include "analysis/report/report_events.h"
#include "analysis/report/report_jobs.h"
#include "analysis/report/report_json.h"
#include "analysis/report/report_requests.h"
#include "analysis/report/report_tables.h"
#include "platforms/input/fault.h"
#include "report_resources.h"
#include "sim/log/metric.h"

#include <math.h>
#include <string.h>

/* ---- Data ---- */

/* summary.json; JSON null where the run left none, NULL with TW_INPUT_ERROR where it cannot be read. */
static json_t *read_summary(const char *directory, GError **error)
{
  g_autofree char *path = g_build_filename(directory, "summary.json", NULL);
  json_error_t fault;
  if (!g_file_test(path, G_FILE_TEST_EXISTS))
    return json_null();
  json_t *summary = json_load_file(path, 0, &fault);
  if (summary == NULL)
    tw_input_error_set(error, TW_INPUT_ERROR_SYNTAX, path, fault.line, "%s", fault.text);
  return summary;
}

/* Sets data[name] and returns TRUE, or FALSE if there is no value. */
static gboolean set(json_t *data, const char *name, json_t *value)
{
  return value != NULL && json_object_set_new(data, name, value) == 0;
}

static gboolean set_requests(json_t *data, const char *directory, const json_t *run, double end_s,
                             GError **error)
{
  g_autoptr(tw_report_requests) requests = tw_report_requests_read(directory, run, end_s, error);
  if (requests == NULL)
    return FALSE;
  set(data, "end_s", json_real(isfinite(end_s) ? end_s : tw_report_requests_end(requests)));
  set(data, "latency", tw_report_latency(requests));
  set(data, "distributions", tw_report_distributions(requests));
  set(data, "slowest", tw_report_slowest(requests));
  set(data, "endings", tw_report_endings(requests));
  if (json_is_null(json_object_get(data, "summary"))) {
    set(data, "summary", tw_report_totals(requests));
    set(data, "recomputed", json_true());
  }
  return TRUE;
}

/* Sets the words of `tokenworks explain` on the run, and its findings by runs; null for a run that was killed, or is
 * of a program that did not tell lives. */
static void set_reasons(json_t *data, const char *directory)
{
  g_autofree char *path = g_build_filename(directory, "what-if.json", NULL);
  json_t *explained = tw_explain(directory, &tw_explain_all, NULL), *found = json_load_file(path, 0, NULL);
  set(data, "explained", explained != NULL ? explained : json_null());
  set(data, "what_if", found != NULL ? found : json_null());
}

/* {path: [unit, help]} of the summary's numbers. */
static json_t *describe_metrics(void)
{
  json_t *metrics = json_object();
  for (const tw_metric *metric = tw_metrics; metric->name != NULL; metric++)
    json_object_set_new(metrics, metric->name, json_pack("[s, s]", metric->unit, metric->help));
  return metrics;
}

json_t *tw_report_data(const char *directory, GError **error)
{
  json_t *run = tw_run_json_read(directory, error);
  if (run == NULL)
    return NULL;
  g_autofree char *full = g_canonicalize_filename(directory, NULL);
  g_autofree char *name = g_path_get_basename(full);
  json_t *data = json_pack("{s:o, s:b}", "directory", tw_report_text(name), "recomputed", FALSE);
  gboolean sound = set(data, "summary", read_summary(directory, error));
  double end_s = tw_report_number(json_object_get(data, "summary"), "simulated_s");
  if (isnan(end_s))
    end_s = INFINITY;
  sound = sound && set_requests(data, directory, run, end_s, error) &&
          set(data, "site", tw_report_site(directory, run, end_s, error)) &&
          set(data, "pools", tw_report_pools(directory, run, end_s, error)) &&
          set(data, "racks", tw_report_racks(directory, run, end_s, error)) &&
          set(data, "sites", tw_report_sites(directory, run, end_s, error)) &&
          set(data, "ways", tw_report_ways(directory, run, end_s, error)) &&
          set(data, "links", tw_report_links(directory, run, end_s, error)) &&
          set(data, "failures", tw_report_failures(directory, run, error)) &&
          set(data, "jobs", tw_report_jobs(directory, run, end_s, error));
  if (sound)
    set_reasons(data, directory);
  json_object_del(run, TW_LOG_RUN_KEY);
  set(data, "run", run);
  set(data, "metrics", describe_metrics());
  if (sound)
    return data;
  json_decref(data);
  return NULL;
}

/* ---- Page ---- */

/* Appends JSON that may stand in <script>: '<' could end the script, and ASCII needs no charset. */
static void append_data(GString *page, const json_t *data)
{
  char *text = json_dumps(data, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(15));
  for (const char *at = text; *at != '\0';) {
    gsize plain = strcspn(at, "<");
    g_string_append_len(page, at, (gssize)plain);
    at += plain;
    if (*at == '<') {
      g_string_append(page, "\\u003c");
      at++;
    }
  }
  free(text); /* jansson's own */
}

static void append_file(GString *page, const char *name)
{
  g_autofree char *path = g_strconcat("/tokenworks/report/", name, NULL);
  g_autoptr(GBytes) bytes =
      g_resource_lookup_data(report_get_resource(), path, G_RESOURCE_LOOKUP_FLAGS_NONE, NULL);
  g_assert(bytes != NULL);
  gsize length;
  const char *text = g_bytes_get_data(bytes, &length);
  g_string_append_len(page, text, (gssize)length);
}

/* Appends the value of a name between braces in page.html: "{{title}}", "{{data}}", or the name of a file. */
static void append_part(GString *page, const char *part, const json_t *data)
{
  if (g_str_equal(part, "data")) {
    append_data(page, data);
  } else if (g_str_equal(part, "title")) {
    const char *name = json_string_value(json_object_get(json_object_get(data, "run"), "name"));
    g_autofree char *title = g_markup_escape_text(name != NULL ? name : "", -1);
    g_string_append(page, title);
  } else {
    append_file(page, part);
  }
}

char *tw_report_page_of(const json_t *data)
{
  g_autoptr(GString) template = g_string_new(NULL);
  append_file(template, "page.html");
  GString *page = g_string_new(NULL);
  const char *at = template->str;
  for (const char *open; (open = strstr(at, "{{")) != NULL;) {
    const char *close = strstr(open, "}}");
    g_autofree char *part = g_strndup(open + 2, (gsize)(close - open - 2));
    g_string_append_len(page, at, open - at);
    append_part(page, part, data);
    at = close + 2;
  }
  g_string_append(page, at);
  return g_string_free(page, FALSE);
}

char *tw_report_page(const char *directory, GError **error)
{
  json_t *data = tw_report_data(directory, error);
  if (data == NULL)
    return NULL;
  char *page = tw_report_page_of(data);
  json_decref(data);
  return page;
}
