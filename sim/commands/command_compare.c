/* `tokenworks compare`: runs side by side. */
#include "analysis/compare/compare_page.h"
#include "analysis/compare/compare_print.h"
#include "analysis/compare/threshold.h"
#include "platforms/input/fault.h"
#include "sim/commands/command.h"
#include "sim/commands/output.h"

typedef struct {
  gboolean all, csv, json, describe;
  char *metrics, *report;
  char **fail_if;
} compare_values;

#define VALUE(member) TW_OPTION(compare_values, member)
static const GOptionEntry compare_options[] = {
    {"fail-if", 0, 0, G_OPTION_ARG_STRING_ARRAY, VALUE(fail_if),
     "Exit 1 if this holds for a run after the first: \"ttft_s.p99>+5%\"; may be repeated", "CONDITION"},
    {"metrics", 'm', 0, G_OPTION_ARG_STRING, VALUE(metrics), "These metrics; * stands for anything: ttft_s.*",
     "A,B,..."},
    {"all", 'a', 0, G_OPTION_ARG_NONE, VALUE(all), "Every metric that a run has, not the main ones alone",
     NULL},
    {"csv", 0, 0, G_OPTION_ARG_NONE, VALUE(csv), "Print CSV, a line per metric and run", NULL},
    {"json", 0, 0, G_OPTION_ARG_NONE, VALUE(json), "Print one JSON object", NULL},
    {"describe", 0, 0, G_OPTION_ARG_NONE, VALUE(describe), "Print a page about every metric, in Markdown",
     NULL},
    {"report", 'o', 0, G_OPTION_ARG_FILENAME, VALUE(report), "Write a web page with the runs overlaid, too",
     "FILE"},
    G_OPTION_ENTRY_NULL};
TW_COMMAND_VALUES(compare_values, compare_options)
#undef VALUE

static gboolean matches_any(char **patterns, const char *name)
{
  for (char **pattern = patterns; *pattern != NULL; pattern++)
    if (g_pattern_match_simple(g_strstrip(*pattern), name))
      return TRUE;
  return FALSE;
}

/* The rows of the table: what --metrics names, all, or the main metrics that some run has something of. */
static GPtrArray *choose_metrics(const tw_comparison *comparison, const compare_values *values,
                                 GError **error)
{
  g_autoptr(GPtrArray) chosen = g_ptr_array_new();
  g_auto(GStrv) patterns = g_strsplit(values->metrics != NULL ? values->metrics : "", ",", -1);
  for (char **pattern = patterns; *pattern != NULL; pattern++)
    if (strpbrk(*pattern, "*?") == NULL && !tw_comparison_knows(comparison, g_strstrip(*pattern), error))
      return NULL;
  for (guint i = 0; i < comparison->metrics->len; i++) {
    char *name = comparison->metrics->pdata[i];
    const tw_metric *known = tw_metric_find(name);
    if (values->metrics != NULL
            ? matches_any(patterns, name)
            : values->all || (known != NULL && known->headline && tw_comparison_has_value(comparison, name)))
      g_ptr_array_add(chosen, name);
  }
  if (chosen->len == 0 && values->metrics != NULL) {
    tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0,
                       "--metrics %s: no metric of the runs is like that; --all lists them", values->metrics);
    return NULL;
  }
  return g_steal_pointer(&chosen);
}

static void free_threshold(gpointer threshold)
{
  tw_threshold_free(threshold);
}

static GPtrArray *parse_thresholds(char **texts, GError **error)
{
  g_autoptr(GPtrArray) thresholds = g_ptr_array_new_with_free_func(free_threshold);
  for (char **text = texts; text != NULL && *text != NULL; text++) {
    tw_threshold *threshold = tw_threshold_parse(*text, error);
    if (threshold == NULL)
      return NULL;
    g_ptr_array_add(thresholds, threshold);
  }
  return g_steal_pointer(&thresholds);
}

/* Sees that every condition is about something, before anything is printed. */
static gboolean check_thresholds(const tw_comparison *comparison, const GPtrArray *thresholds, GError **error)
{
  for (guint i = 0; i < thresholds->len; i++) {
    const tw_threshold *threshold = thresholds->pdata[i];
    if (!tw_comparison_knows(comparison, threshold->metric, error))
      return FALSE;
    if (threshold->against_baseline && comparison->groups->len == 1)
      return tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0,
                                "--fail-if '%s' is about a difference, and there is one run only; name two",
                                threshold->text);
  }
  return TRUE;
}

/* Conditions are about the groups after the baseline, or about a single one. */
static int count_violations(const tw_comparison *comparison, const GPtrArray *thresholds)
{
  int violations = 0;
  for (guint i = 0; i < thresholds->len; i++)
    for (guint g = comparison->groups->len > 1 ? 1 : 0; g < comparison->groups->len; g++) {
      g_autofree char *why = NULL;
      if (!tw_threshold_holds(thresholds->pdata[i], comparison, g, &why))
        continue;
      fprintf(stderr, "tokenworks compare: failed: %s\n", why);
      violations++;
    }
  return violations;
}

static void print_json(const tw_comparison *comparison, const GPtrArray *metrics)
{
  json_t *object = tw_compare_json(comparison, metrics);
  json_dumpf(object, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
  json_decref(object);
  putchar('\n');
}

static gboolean write_report(const tw_comparison *comparison, const GPtrArray *metrics, const char *path,
                             GError **error)
{
  g_autofree char *page = path != NULL ? tw_compare_page(comparison, metrics, error) : NULL;
  return path == NULL || (page != NULL && tw_output_write(path, page, error));
}

static int run(const tw_command *command, int argc, char **argv, GError **error)
{
  g_auto(compare_values) values = {0};
  if (!tw_command_read(command, &values, &argc, &argv, error))
    return TW_EXIT_USAGE;
  if (values.describe) {
    g_autofree char *page = tw_metrics_document();
    fputs(page, stdout);
    return TW_EXIT_OK;
  }
  if (argc < 2 || (values.csv && values.json)) {
    tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0, "%s (see `tokenworks compare --help`)",
                       argc < 2 ? "name two run directories or more" : "either --csv or --json");
    return TW_EXIT_USAGE;
  }
  g_autoptr(GPtrArray) thresholds = parse_thresholds(values.fail_if, error);
  if (thresholds == NULL)
    return TW_EXIT_USAGE;
  g_autoptr(tw_comparison) comparison = tw_comparison_read(argv + 1, (guint)(argc - 1), error);
  if (comparison == NULL || !check_thresholds(comparison, thresholds, error))
    return TW_EXIT_USAGE;
  g_autoptr(GPtrArray) metrics = choose_metrics(comparison, &values, error);
  if (metrics == NULL)
    return TW_EXIT_USAGE;

  if (!write_report(comparison, metrics, values.report, error))
    return TW_EXIT_FAILED;
  if (values.csv)
    tw_compare_print_csv(comparison, metrics, stdout);
  else if (values.json)
    print_json(comparison, metrics);
  else
    tw_compare_print_table(comparison, metrics, stdout);
  fflush(stdout);
  return count_violations(comparison, thresholds) > 0 ? TW_EXIT_FAILED : TW_EXIT_OK;
}

const tw_command tw_compare_command = {
    .name = "compare",
    .summary = "put runs side by side: differences, significance, thresholds",
    .usage = "DIR DIR...",
    .description =
        "Compares runs with the first one, metric by metric, and says which differences are better and "
        "worse.\n"
        "A directory that is no run but holds runs is a group: one scenario with several seeds. Groups are\n"
        "compared by their means, and Welch's t-test says whether chance explains a difference.\n\n"
        "With --fail-if it guards: \"ttft_s.p99>+5%\" and \"throughput.requests_per_s<-3%\" are against the "
        "first\n"
        "run, \"ttft_s.p99>+0.1\" likewise in the metric's unit, \"ttft_s.p99>2s\" is not.\n\n"
        "With --report it also writes a web page that opens anywhere: the table, and the runs overlaid.",
    .example = "tokenworks compare runs/azure runs/twice --fail-if \"ttft_s.p99>+5%\"",
    .run = run,
    .options = compare_options,
};
