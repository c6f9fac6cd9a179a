#include "analysis/explain/explain.h"

#include "analysis/explain/headroom.h"
#include "analysis/explain/sections.h"
#include "analysis/explain/words.h"
#include "analysis/log/run_directory.h"
#include "analysis/log/run_summary.h"
#include "platforms/input/fault.h"

#include <math.h>

enum { SPANS = 200, LEAST_INTERVALS = 10 /* of the load, for a judgement */ };
#define MUCH_DRAIN 0.1 /* share of the run; from it on, what binds is that while the load was on */

const tw_explain_options tw_explain_all = {-INFINITY, INFINITY, -1, -1, NULL, NULL};

json_t *tw_section_add(tw_explained *explained, const char *title)
{
  json_t *section = json_pack("{s:s, s:[]}", "title", title, "lines");
  json_array_append_new(json_object_get(explained->json, "sections"), section);
  return section;
}

void tw_section_say(json_t *section, const char *format, ...)
{
  va_list arguments;
  va_start(arguments, format);
  g_autofree char *line = g_strdup_vprintf(format, arguments);
  va_end(arguments);
  g_autofree char *valid = g_utf8_make_valid(line, -1);
  json_array_append_new(json_object_get(section, "lines"), json_string(valid));
}

typedef struct of_class {
  const char *class;
  gboolean (*each)(void *user, const tw_told *told);
  void *user;
} of_class;

static gboolean tell_of_class(void *user, const tw_told *told)
{
  const of_class *o = user;
  return !g_str_equal(told->class, o->class) || o->each(o->user, told);
}

gboolean tw_section_each_told(const tw_explained *e, gboolean (*each)(void *user, const tw_told *told),
                              void *user, GError **error)
{
  const tw_explain_options *options = e->options;
  of_class some = {options->class, each, user};
  double drain_s = tw_section_number(e->run, "drain_s"),
         from_s = isfinite(options->from_s) ? options->from_s
                                            : fmax(options->from_s, tw_section_number(e->run, "warmup_s")),
         to_s = isinf(options->to_s) && drain_s > 0 ? e->end_s - drain_s : options->to_s;
  return options->class != NULL ? tw_told_each(e->directory, from_s, to_s, tell_of_class, &some, error)
                                : tw_told_each(e->directory, from_s, to_s, each, user, error);
}

static gboolean is_whole_run(const tw_explain_options *options)
{
  return options->engine < 0 && options->class == NULL && isinf(options->from_s) && isinf(options->to_s);
}

static gboolean check_engine(const tw_explained *e, GError **error)
{
  size_t n = json_array_size(json_object_get(e->run, "engines"));
  if (e->options->engine < (int)n || json_object_get(e->run, "sites") != NULL) /* whose folders have them */
    return TRUE;
  if (n == 0)
    return tw_input_error_set(error, TW_INPUT_ERROR_VALUE, NULL, 0, "%s has no engines", e->directory);
  return tw_input_error_set(error, TW_INPUT_ERROR_VALUE, NULL, 0,
                            "%s has no engine %d; its engines are 0 to %zu", e->directory, e->options->engine,
                            n - 1);
}

/* A run whose requests are of one class at most tells of no classes. */
static gboolean check_class(const tw_explained *e, GError **error)
{
  const json_t *classes = json_object_get(e->summary, "classes");
  g_autoptr(GString) names = g_string_new(NULL);
  const char *name;
  json_t *numbers;
  if (e->options->class == NULL || json_object_get(classes, e->options->class) != NULL)
    return TRUE;
  json_object_foreach((json_t *)classes, name, numbers)
      g_string_append_printf(names, "%s\"%s\"", names->len > 0 ? ", " : "", name);
  return tw_input_error_set(
      error, TW_INPUT_ERROR_VALUE, NULL, 0, "%s has no class \"%s\"; %s%s", e->directory, e->options->class,
      names->len > 0 ? "its classes are " : "it does not tell classes apart", names->str);
}

/* Whether the run serves requests, and has not jobs alone. */
static gboolean serves(const tw_explained *e)
{
  return e->pools->len > 0 || json_array_size(json_object_get(e->summary, "jobs")) == 0;
}

static gboolean say_all(tw_explained *e, GError **error)
{
  const tw_explain_options *options = e->options;
  if (options->request >= 0)
    return tw_section_request(e, error);
  if (options->percentile != NULL)
    return tw_section_latencies(e, error);
  if (options->class != NULL)
    return tw_section_latencies(e, error) && tw_section_groups(e, error);
  if (options->engine < 0 && !tw_headroom_read(e, error))
    return FALSE;
  tw_section_pools(e);
  if (options->engine < 0 && serves(e) && (!tw_section_latencies(e, error) || !tw_section_groups(e, error)))
    return FALSE;
  if (options->engine < 0 && !tw_section_jobs(e, error))
    return FALSE;
  if (is_whole_run(options))
    tw_section_verdict(e);
  if (!tw_section_links(e, error))
    return FALSE;
  if (!is_whole_run(options))
    return TRUE;
  if (!tw_section_sessions(e, error) || !tw_section_failures(e, error))
    return FALSE;
  tw_section_caches(e);
  tw_section_costs(e);
  json_t *spans = tw_binding_spans(e->directory, e->run, e->end_s, SPANS, error);
  return spans != NULL && json_object_set_new(e->json, "binds", spans) == 0;
}

/* Leaves a long drain out of what pools and links are judged over, where the load lasted for long enough to judge. */
static void leave_out_drain(tw_explained *e)
{
  double from_s = tw_run_summary_number(e->summary, "load.start_s"),
         to_s = tw_run_summary_number(e->summary, "load.end_s");
  e->from_s = e->options->from_s;
  e->to_s = e->options->to_s;
  e->loaded = is_whole_run(e->options) && 1 - to_s / e->end_s > MUCH_DRAIN &&
              to_s - from_s >= LEAST_INTERVALS * tw_section_number(e->run, "interval_s");
  if (e->loaded) {
    e->from_s = from_s;
    e->to_s = to_s;
  }
}

/* Whether all of a run of several sites is asked for. */
static gboolean is_of_sites(const tw_explained *e)
{
  const tw_explain_options *options = e->options;
  return json_object_get(e->run, "sites") != NULL && is_whole_run(options) && options->request < 0 &&
         options->percentile == NULL;
}

static gboolean say_sites(tw_explained *e, GError **error)
{
  e->pools = g_array_new(FALSE, FALSE, sizeof(tw_engine_sums));
  tw_section_verdict(e);
  return tw_section_sites(e, error);
}

json_t *tw_explain(const char *directory, const tw_explain_options *options, GError **error)
{
  tw_explained e = {.directory = directory, .options = options};
  json_t *result = NULL;
  e.run = tw_run_json_read(directory, error);
  e.summary = e.run != NULL ? tw_run_summary_read(directory, error) : NULL;
  if (e.summary == NULL || !check_engine(&e, error) || !check_class(&e, error))
    goto out;
  e.end_s = tw_run_summary_number(e.summary, "simulated_s");
  e.json = json_pack("{s:O, s:[], s:[], s:[]}", "name", json_object_get(e.run, "name"), "sections", "pools",
                     "links");
  leave_out_drain(&e);
  gboolean sites = is_of_sites(&e);
  if (!sites && (e.pools = tw_binding_read(directory, e.run, e.from_s, e.to_s, options->engine, e.end_s,
                                           error)) == NULL)
    goto out;
  if (sites ? say_sites(&e, error) : say_all(&e, error))
    result = json_incref(e.json);
out:
  json_decref(e.run);
  json_decref(e.summary);
  json_decref(e.json);
  g_free(e.headrooms);
  if (e.pools != NULL)
    g_array_unref(e.pools);
  return result;
}

char *tw_explain_text(const json_t *explained)
{
  GString *text = g_string_new(NULL);
  size_t i, k;
  json_t *section, *line;
  json_array_foreach(json_object_get(explained, "verdict"), i, line)
  {
    if (*json_string_value(line) != '\0')
      g_string_append_printf(text, "%s\n", json_string_value(line));
  }
  json_array_foreach(json_object_get(explained, "sections"), i, section)
  {
    g_string_append_printf(text, "%s%s\n", text->len > 0 ? "\n" : "",
                           json_string_value(json_object_get(section, "title")));
    json_array_foreach(json_object_get(section, "lines"), k, line)
    {
      g_string_append_printf(text, "  %s\n", json_string_value(line));
    }
  }
  return g_string_free(text, FALSE);
}
