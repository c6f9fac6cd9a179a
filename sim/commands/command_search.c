/* `tokenworks search`: the largest load, or the fewest engines, with which a scenario keeps its SLO. */
#include "analysis/log/run_summary.h"
#include "platforms/input/fault.h"
#include "sim/commands/command.h"
#include "sim/launchers/launcher.h"
#include "sim/planner/bracket.h"
#include "sim/scenario/world.h"

#include <libxml/parser.h>
#include <libxml/xpath.h>

#include <math.h>
#include <stdio.h>

typedef struct {
  char *directory, *find, *launcher;
  char **sets, **requirements;
  double attainment, tolerance, least, most;
  gboolean force, quiet;
} search_values;

static void clear_values(search_values *values)
{
  g_free(values->directory);
  g_free(values->find);
  g_free(values->launcher);
  g_strfreev(values->sets);
  g_strfreev(values->requirements);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(search_values, clear_values)

#define VALUE(member) TW_OPTION(search_values, member)
static const GOptionEntry search_options[] = {
    {"find", 0, 0, G_OPTION_ARG_STRING, VALUE(find),
     "What to find: \"max //trace/@rate-scale\", \"min //pool/@replicas\"", "max|min XPATH"},
    {"output", 'o', 0, G_OPTION_ARG_FILENAME, VALUE(directory),
     "Write a run directory per level below this one", "DIR"},
    {"attainment", 0, 0, G_OPTION_ARG_DOUBLE, VALUE(attainment),
     "Share of the requests that must meet the scenario's <slo> (default 0.99)", "SHARE"},
    {"require", 0, 0, G_OPTION_ARG_STRING_ARRAY, VALUE(requirements),
     "Instead, a number of the summary and its bound: \"ttft_s.p99<=2\"; may be repeated", "METRIC<=VALUE"},
    {"set", 0, 0, G_OPTION_ARG_STRING_ARRAY, VALUE(sets),
     "Change the scenario, as `run` does; may be repeated", "XPATH=VALUE"},
    {"tolerance", 0, 0, G_OPTION_ARG_DOUBLE, VALUE(tolerance),
     "End where what holds and what does not are so near, in parts (default 0.02)", "SHARE"},
    {"least", 0, 0, G_OPTION_ARG_DOUBLE, VALUE(least), "Try nothing below it", "NUMBER"},
    {"most", 0, 0, G_OPTION_ARG_DOUBLE, VALUE(most), "Try nothing above it", "NUMBER"},
    TW_OPTION_LAUNCHER(VALUE(launcher)),
    {"force", 'f', 0, G_OPTION_ARG_NONE, VALUE(force), "Run again what the directory holds already", NULL},
    {"quiet", 'q', 0, G_OPTION_ARG_NONE, VALUE(quiet), "Print the answer alone", NULL},
    G_OPTION_ENTRY_NULL};
#undef VALUE

/* METRIC<=VALUE, METRIC>=VALUE. */
typedef struct requirement {
  char *metric;
  gboolean at_most;
  double value;
} requirement;

static void clear_requirement(gpointer data)
{
  g_free(((requirement *)data)->metric);
}

/* The target of the search: an attribute, its number and the unit that follows it, "/s" say. */
typedef struct target {
  const char *path; /* borrowed */
  gboolean smallest, whole;
  double value;
  char *unit;
} target;

static void clear_target(target *at)
{
  g_free(at->unit);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(target, clear_target)

/* ---- What is asked ---- */

static gboolean read_requirements(const search_values *values, GArray *list, GError **error)
{
  for (char **text = values->requirements; text != NULL && *text != NULL; text++) {
    const char *sign = strpbrk(*text, "<>");
    char *end = NULL;
    double value = sign != NULL && sign[1] == '=' ? g_ascii_strtod(sign + 2, &end) : NAN;
    if (sign == NULL || sign == *text || end == NULL || end == sign + 2 || *end != '\0')
      return tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0,
                                "--require=%s is no bound; write \"ttft_s.p99<=2\"", *text);
    requirement one = {g_strstrip(g_strndup(*text, (gsize)(sign - *text))), *sign == '<', value};
    g_array_append_val(list, one);
  }
  if (list->len == 0)
    g_array_append_val(list, ((requirement){g_strdup("slo.attainment"), FALSE, values->attainment}));
  return TRUE;
}

/* The text of the attribute in the scenario as it was understood; NULL: no element has it. The caller frees
 * it. */
static char *attribute_text(const tw_scenario *scenario, const char *path)
{
  xmlDoc *document =
      xmlReadMemory(scenario->canonical, (int)strlen(scenario->canonical), NULL, NULL, XML_PARSE_NONET);
  xmlXPathContext *context = xmlXPathNewContext(document);
  xmlXPathObject *found = xmlXPathEvalExpression(BAD_CAST path, context);
  char *text = NULL;
  if (found != NULL && found->type == XPATH_NODESET && !xmlXPathNodeSetIsEmpty(found->nodesetval)) {
    xmlChar *content = xmlNodeGetContent(found->nodesetval->nodeTab[0]);
    text = g_strdup((const char *)content);
    xmlFree(content);
  }
  xmlXPathFreeObject(found);
  xmlXPathFreeContext(context);
  xmlFreeDoc(document);
  return text;
}

/* Whether the scenario takes a value; an attribute of whole numbers does not take one and a half. */
static gboolean takes(const char *path, const search_values *values, const target *at, double value)
{
  g_autoptr(tw_faults) faults = tw_faults_new();
  g_autoptr(GStrvBuilder) all = g_strv_builder_new();
  char digits[G_ASCII_DTOSTR_BUF_SIZE];
  g_autofree char *last =
      g_strconcat(at->path, "=", g_ascii_dtostr(digits, sizeof digits, value), at->unit, NULL);
  if (values->sets != NULL)
    g_strv_builder_addv(all, (const char **)values->sets);
  g_strv_builder_add(all, last);
  g_auto(GStrv) assignments = g_strv_builder_end(all);
  g_autoptr(tw_world) world = tw_world_load(path, (const char *const *)assignments, faults);
  return world != NULL;
}

static gboolean read_target(const char *path, const search_values *values, target *at, GError **error)
{
  gboolean max = g_str_has_prefix(values->find, "max "), min = g_str_has_prefix(values->find, "min ");
  if (!max && !min)
    return tw_input_error_set(
        error, TW_INPUT_ERROR_USAGE, NULL, 0,
        "--find=%s: write \"max XPATH\" or \"min XPATH\", such as \"max //trace/@rate-scale\"", values->find);
  at->path = values->find + 4;
  at->smallest = min;
  g_autoptr(tw_faults) faults = tw_faults_new();
  g_autoptr(tw_world) world = tw_world_load(path, (const char *const *)values->sets, faults);
  if (world == NULL) {
    for (guint i = 0; i + 1 < tw_faults_count(faults); i++)
      fprintf(stderr, "%s\n", tw_faults_get(faults, i));
    g_set_error_literal(error, TW_INPUT_ERROR, TW_INPUT_ERROR_VALUE,
                        tw_faults_get(faults, tw_faults_count(faults) - 1));
    return FALSE;
  }
  const tw_scenario *scenario = tw_world_first(world)->scenario; /* all sites share the SLOs */
  if (values->requirements == NULL && !tw_slo_asks(&scenario->slo) &&
      (scenario->class_slos == NULL || scenario->class_slos->len == 0))
    return tw_input_error_set(error, TW_INPUT_ERROR_USAGE, path, 0,
                              "has no <slo> to keep; add one, or write --require \"ttft_s.p99<=2\"");
  g_autofree char *text = attribute_text(scenario, at->path);
  char *end = NULL;
  at->value = text != NULL ? g_ascii_strtod(text, &end) : 1;
  if (text != NULL && (end == text || !(at->value > 0)))
    return tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0,
                              "%s is \"%s\", which is no number above zero", at->path, text);
  at->unit = g_strdup(end != NULL ? end : "");
  if (text == NULL && !takes(path, values, at, 1))
    return tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0,
                              "no attribute matches %s; `tokenworks check --dump` prints the scenario",
                              at->path);
  at->whole = !takes(path, values, at, at->value + 0.5);
  return TRUE;
}

/* ---- The search ---- */

static void print_heading(const GArray *requirements, const target *at)
{
  g_assert(at->path != NULL);
  const char *name = strrchr(at->path, '@');
  fprintf(stderr, "%16s", name != NULL ? name + 1 : at->path);
  for (guint i = 0; i < requirements->len; i++)
    fprintf(stderr, " %20s", g_array_index(requirements, requirement, i).metric);
  fprintf(stderr, "  holds\n");
}

static gboolean meets(const json_t *summary, const GArray *requirements, const char *level, gboolean quiet)
{
  gboolean all = TRUE;
  if (!quiet)
    fprintf(stderr, "%16s", level);
  for (guint i = 0; i < requirements->len; i++) {
    const requirement *one = &g_array_index(requirements, requirement, i);
    double value = tw_run_summary_number(summary, one->metric);
    all = all && (one->at_most ? value <= one->value : value >= one->value);
    if (!quiet)
      fprintf(stderr, " %20.5g", value);
  }
  if (!quiet)
    fprintf(stderr, "  %s\n", all ? "yes" : "no");
  return all;
}

/* Runs the scenario at a level; FALSE with `error`. */
static gboolean try_level(const char *path, const search_values *values, const tw_launcher *launcher,
                          const GArray *requirements, const target *at, double level, gboolean *good,
                          GError **error)
{
  char digits[G_ASCII_DTOSTR_BUF_SIZE];
  g_ascii_formatd(digits, sizeof digits, "%.12g", level);
  g_autofree char *assignment = g_strconcat(at->path, "=", digits, at->unit, NULL);
  g_autofree char *shown = g_strconcat(digits, at->unit, NULL);
  g_autofree char *folder = g_strdelimit(g_strdup(shown), "/", '_');
  g_autofree char *directory = g_build_filename(values->directory, folder, NULL);
  g_autoptr(GStrvBuilder) all = g_strv_builder_new();
  if (values->sets != NULL)
    g_strv_builder_addv(all, (const char **)values->sets);
  g_strv_builder_add(all, assignment);
  g_auto(GStrv) assignments = g_strv_builder_end(all);
  g_autoptr(GPtrArray) jobs = g_ptr_array_new_with_free_func((GDestroyNotify)tw_job_free);
  g_ptr_array_add(jobs, tw_job_new(path, directory, (const char *const *)assignments, NULL));
  tw_jobs_options how = {
      .launcher = launcher, .at_once = 1, .again = values->force, .directory = values->directory};
  int failed = tw_jobs_run(jobs, &how, error);
  if (failed == 0 && tw_jobs_interrupted() == 0) {
    json_t *summary = tw_run_summary_read(directory, error);
    if (summary == NULL)
      return FALSE;
    for (guint i = 0; i < requirements->len; i++)
      if (tw_run_summary_number(summary, "requests.completed") > 0 &&
          isnan(tw_run_summary_number(summary, g_array_index(requirements, requirement, i).metric)))
        tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0, "%s: the run has no number \"%s\"",
                           directory, g_array_index(requirements, requirement, i).metric);
    *good = meets(summary, requirements, shown, values->quiet);
    json_decref(summary);
    return *error == NULL;
  }
  if (failed >= 0)
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED,
                failed > 0 ? "the run in %s failed" : "%s: interrupted; the same command goes on from here",
                directory);
  return FALSE;
}

static gboolean check_usage(const tw_command *command, int argc, const search_values *values, GError **error)
{
  const char *wrong = argc != 2                   ? "name one scenario file"
                      : values->find == NULL      ? "say what to find with --find \"max //trace/@rate-scale\""
                      : values->directory == NULL ? "name a directory for the runs with -o DIR"
                      : !(values->tolerance > 0)  ? "--tolerance must be above zero"
                      : !(values->attainment > 0 && values->attainment <= 1)
                          ? "--attainment must lie above 0 and be at most 1"
                      : !(values->least > 0 && values->least <= values->most)
                          ? "--least must be above zero, and not above --most"
                          : NULL;
  return wrong == NULL || tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0,
                                             "%s; usage: tokenworks search %s", wrong, command->usage);
}

static int run(const tw_command *command, int argc, char **argv, GError **error)
{
  g_auto(search_values) values = {.attainment = 0.99, .tolerance = 0.02, .least = 1e-6, .most = 1e9};
  if (!tw_command_read(command, &values, &argc, &argv, error) || !check_usage(command, argc, &values, error))
    return TW_EXIT_USAGE;
  const tw_launcher *launcher = tw_launcher_find(values.launcher, error);
  if (launcher == NULL)
    return TW_EXIT_USAGE;
  g_autoptr(GArray) requirements = g_array_new(FALSE, FALSE, sizeof(requirement));
  g_array_set_clear_func(requirements, clear_requirement);
  g_auto(target) at = {0};
  if (!read_requirements(&values, requirements, error) || !read_target(argv[1], &values, &at, error))
    return TW_EXIT_USAGE;
  tw_bracket bracket = {.wants_small = at.smallest,
                        .whole = at.whole,
                        .least = at.whole ? MAX(ceil(values.least), 1) : values.least,
                        .most = at.whole ? floor(values.most) : values.most,
                        .tolerance = 1 + values.tolerance,
                        .start = at.value,
                        .holds = NAN,
                        .breaks = NAN};
  if (!values.quiet)
    print_heading(requirements, &at);
  for (double level; !isnan(level = tw_bracket_next(&bracket));) {
    gboolean good = FALSE;
    if (!try_level(argv[1], &values, launcher, requirements, &at, level, &good, error))
      return TW_EXIT_FAILED;
    tw_bracket_tell(&bracket, level, good);
  }
  if (isnan(bracket.holds)) {
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "nothing from %.6g%s to %.6g%s holds",
                bracket.least, at.unit, bracket.most, at.unit);
    return TW_EXIT_FAILED;
  }
  printf("%s = %.6g%s", at.path, bracket.holds, at.unit);
  if (isnan(bracket.breaks))
    printf(" holds, the %s that was to be tried\n", at.smallest ? "least" : "most");
  else
    printf(" is the %s that holds; %.6g%s does not\n", at.smallest ? "least" : "most", bracket.breaks,
           at.unit);
  return TW_EXIT_OK;
}

const tw_command tw_search_command = {
    .name = "search",
    .summary = "find the largest load or the fewest engines that keep the SLO",
    .usage = "SCENARIO.xml --find \"max XPATH\" -o DIR",
    .description = "Finds the largest value of an attribute of the scenario (\"max\") or the smallest "
                   "(\"min\") with which its\n"
                   "SLO is kept: the rate of a trace, a generator or sessions, the clients of a closed loop, "
                   "the engines of a\n"
                   "pool. From the value that is written it doubles or halves until one holds and one does "
                   "not, and then halves\n"
                   "the gap. It is right where more load, or fewer engines, never makes things better. DIR "
                   "keeps the run of\n"
                   "each value; the same command goes on where a search was interrupted or killed.",
    .example =
        "tokenworks search sim/scenarios/server-llama-2-70b-hgx-h100.xml --find \"max //poisson/@rate\" "
        "--require \"ttft_s.p99<=2\" --require \"tpot_s.p99<=0.2\" -o runs/server",
    .run = run,
    .options = search_options,
};
