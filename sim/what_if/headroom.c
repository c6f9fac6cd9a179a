/* The search for the largest load. */
#include "analysis/log/run_summary.h"
#include "platforms/input/fault.h"
#include "sim/launchers/launcher.h"
#include "sim/planner/bracket.h"
#include "sim/what_if/what_if.h"

#include <libxml/parser.h>
#include <libxml/xpath.h>

#include <math.h>

#define KEPT      0.99
#define TOLERANCE 1.05
#define MOST      1024 /* times the load */

/* Elements of a workload, and the attribute that scales their load. */
static const struct {
  const char *element, *attribute, *fallback;
  gboolean whole;
} loads[] = {{"trace", "rate-scale", "1", FALSE},     {"generate", "rate-scale", "1", FALSE},
             {"generator", "rate-scale", "1", FALSE}, {"poisson", "rate", NULL, FALSE},
             {"sessions", "rate", NULL, FALSE},       {"closed-loop", "concurrency", NULL, TRUE}};

/* The attribute of the scenario that scales its load, its number and unit; NULL: it has none. The caller frees both
 * texts. */
static char *load_path(const tw_scenario *scenario, double *value, char **unit, gboolean *whole)
{
  xmlDoc *document =
      xmlReadMemory(scenario->canonical, (int)strlen(scenario->canonical), NULL, NULL, XML_PARSE_NONET);
  xmlXPathContext *context = xmlXPathNewContext(document);
  char *path = NULL;
  for (guint i = 0; path == NULL && i < G_N_ELEMENTS(loads); i++) {
    g_autofree char *element = g_strdup_printf("//workload/%s", loads[i].element);
    xmlXPathObject *found = xmlXPathEvalExpression(BAD_CAST element, context);
    if (found != NULL && !xmlXPathNodeSetIsEmpty(found->nodesetval)) {
      xmlChar *text = xmlGetProp(found->nodesetval->nodeTab[0], BAD_CAST loads[i].attribute);
      const char *number = text != NULL ? (const char *)text : loads[i].fallback;
      char *end = NULL;
      *value = number != NULL ? g_ascii_strtod(number, &end) : NAN;
      *unit = g_strdup(end != NULL ? end : "");
      *whole = loads[i].whole;
      path = g_strdup_printf("//workload/%s/@%s", loads[i].element, loads[i].attribute);
      xmlFree(text);
    }
    xmlXPathFreeObject(found);
  }
  xmlXPathFreeContext(context);
  xmlFreeDoc(document);
  return path;
}

/* Names of the classes whose load no scale of rates changes, as their clients wait for each answer. Where that is all of
 * them, `grows` becomes FALSE. */
static json_t *constant_classes(const tw_scenario *scenario, gboolean *grows)
{
  json_t *names = json_array();
  int n = scenario->generator != NULL ? tw_generator_classes(scenario->generator) : 0;
  for (int i = 0; i < n; i++) {
    tw_generator_class class = tw_generator_class_at(scenario->generator, i);
    if (!class.has_rate && class.name != NULL)
      json_array_append_new(names, json_string(class.name));
  }
  *grows = n == 0 || (int)json_array_size(names) < n;
  return names;
}

static gboolean try_level(const tw_rerun *rerun, const tw_what_if_options *options, const char *path,
                          double level, const char *unit, gboolean *good, GError **error)
{
  char digits[G_ASCII_DTOSTR_BUF_SIZE];
  g_ascii_formatd(digits, sizeof digits, "%.12g", level);
  g_autofree char *assignment = g_strconcat(path, "=", digits, unit, NULL);
  g_autofree char *folder = g_strconcat("load-", digits, NULL);
  g_autofree char *directory = g_build_filename(options->output, folder, NULL);
  const char *const assignments[] = {assignment, NULL};
  g_autoptr(GPtrArray) jobs = g_ptr_array_new_with_free_func((GDestroyNotify)tw_job_free);
  g_ptr_array_add(jobs, tw_job_new(rerun->path, directory, assignments, NULL));
  int failed = tw_jobs_run(jobs, &(tw_jobs_options){.at_once = 1}, error);
  if (failed < 0)
    return FALSE;
  if (failed > 0 || tw_jobs_interrupted() != 0) {
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "the run in %s %s", directory,
                failed > 0 ? "failed" : "was interrupted; the same command goes on from here");
    return FALSE;
  }
  json_t *summary = tw_run_summary_read(directory, error);
  if (summary == NULL)
    return FALSE;
  *good = tw_run_summary_number(summary, tw_attainment_metric(rerun)) >= KEPT;
  json_decref(summary);
  g_autofree char *line = g_strdup_printf("%s: the SLO is %s", assignment, *good ? "kept" : "missed");
  if (options->said != NULL)
    options->said(options->user, line);
  return TRUE;
}

json_t *tw_headroom(const tw_rerun *rerun, const tw_what_if_options *options, GError **error)
{
  double now = NAN;
  gboolean whole = FALSE;
  g_autofree char *unit = NULL, *path = load_path(rerun->scenario, &now, &unit, &whole);
  gboolean grows = FALSE;
  json_t *constant = constant_classes(rerun->scenario, &grows);
  json_t *object = json_pack("{s:o, s:s*, s:f}", "constant_classes", constant, "path", path, "now", now);
  if (json_object_size(json_object_get(rerun->run, "slo")) == 0 || !grows || path == NULL || !(now > 0)) {
    json_decref(object);
    tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0, "%s, so that no search can say its headroom",
                       grows && path != NULL && now > 0 ? "the scenario has no <slo>"
                                                        : "the workload has no rate that could grow");
    return NULL;
  }
  tw_bracket bracket = {.whole = whole,
                        .least = whole ? 1 : now / MOST,
                        .most = now * MOST,
                        .tolerance = TOLERANCE,
                        .start = now,
                        .holds = NAN,
                        .breaks = NAN};
  int runs = 0;
  for (double level; !isnan(level = tw_bracket_next(&bracket)); runs++) {
    gboolean good = FALSE;
    if (!try_level(rerun, options, path, level, unit, &good, error)) {
      json_decref(object);
      return NULL;
    }
    tw_bracket_tell(&bracket, level, good);
  }
  json_object_set_new(object, "runs", json_integer(runs));
  if (isfinite(bracket.holds)) {
    json_object_set_new(object, "holds", json_real(bracket.holds));
    json_object_set_new(object, "factor", json_real(bracket.holds / now));
  }
  if (isfinite(bracket.breaks))
    json_object_set_new(object, "breaks", json_real(bracket.breaks));
  return object;
}
