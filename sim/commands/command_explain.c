/* `tokenworks explain`: where the time went, what binds. */
#include "analysis/explain/explain.h"
#include "platforms/input/fault.h"
#include "sim/commands/command.h"
#include "sim/what_if/what_if.h"

#include <math.h>
#include <stdio.h>

typedef struct {
  char *percentile, *class, *from, *to, *output;
  gint64 request, jobs, seeds;
  gint engine;
  gboolean json, what_if, headroom;
} explain_values;

#define VALUE(member) TW_OPTION(explain_values, member)
static const GOptionEntry explain_options[] = {
    {"request", 0, 0, G_OPTION_ARG_INT64, VALUE(request), "This request alone, by its id", "ID"},
    {"percentile", 'p', 0, G_OPTION_ARG_STRING, VALUE(percentile),
     "A percentile of a latency: ttft.p99, tpot.p50, e2e.p99, queue.p90", "LATENCY.pN"},
    {"class", 'c', 0, G_OPTION_ARG_STRING, VALUE(class), "The requests of this class alone, by its name",
     "NAME"},
    {"engine", 'e', 0, G_OPTION_ARG_INT, VALUE(engine), "This engine alone, by its number", "N"},
    {"from", 0, 0, G_OPTION_ARG_STRING, VALUE(from), "From this time on (seconds, or 90min, 2h)", "TIME"},
    {"to", 0, 0, G_OPTION_ARG_STRING, VALUE(to), "Up to this time", "TIME"},
    {"what-if", 0, 0, G_OPTION_ARG_NONE, VALUE(what_if),
     "Run it again with one thing changed at a time, and say what would help most", NULL},
    {"headroom", 0, 0, G_OPTION_ARG_NONE, VALUE(headroom),
     "Search for the largest load that keeps the SLO for 99 % of the requests", NULL},
    {"output", 'o', 0, G_OPTION_ARG_FILENAME, VALUE(output),
     "Keep the runs of --what-if and --headroom below this directory (default: the run's, with -what-if "
     "behind)",
     "DIR"},
    {"jobs", 'j', 0, G_OPTION_ARG_INT64, VALUE(jobs), "Runs at a time (default: processors)", "N"},
    {"seeds", 0, 0, G_OPTION_ARG_INT64, VALUE(seeds), "Seeds of each run of --what-if (3)", "N"},
    {"json", 0, 0, G_OPTION_ARG_NONE, VALUE(json), "Print JSON, with the numbers behind the sentences", NULL},
    G_OPTION_ENTRY_NULL};
TW_COMMAND_VALUES(explain_values, explain_options)
#undef VALUE

static void say(void *user, const char *line)
{
  (void)user;
  fprintf(stderr, "%s\n", line);
}

/* "+2.1 ± 0.3" in the unit of the metric. */
static void print_change(const json_t *knob, const char *metric, double scale, int decimals)
{
  const json_t *change = json_object_get(knob, metric);
  if (change == NULL) {
    printf(" %16s", "");
    return;
  }
  double gain = scale * json_number_value(json_object_get(change, "gain"));
  double noise = scale * json_number_value(json_object_get(change, "noise"));
  double last = pow(10, -decimals) / 2; /* what is less is rounded to nothing, which has no sign */
  g_autofree char *text = noise >= last ? g_strdup_printf("%+.*f ± %.*f", decimals, gain, decimals, noise)
                                        : g_strdup_printf(fabs(gain) >= last ? "%+.*f" : "%.*f", decimals,
                                                          fabs(gain) >= last ? gain : 0);
  printf("%*s%s", (int)(17 - g_utf8_strlen(text, -1)), "", text);
}

static const struct {
  const char *metric, *label;
  double scale;
  int decimals;
} shown[] = {{"slo.attainment", "SLO met, %", 100, 2},
             {"ttft_s.p99", "TTFT p99, ms", 1000, 0},
             {"tpot_s.p99", "TPOT p99, ms", 1000, 2},
             {"load.output_tokens_per_s", "tokens/s", 1, 0},
             {"energy.j_per_output_token", "J per token", 1, 2},
             {"cost.usd_per_million_output_tokens", "USD per million", 1, 2}};

static double change_of(const json_t *knob, const char *metric, const char *member)
{
  const json_t *value = json_object_get(json_object_get(knob, metric), member);
  return value != NULL ? json_number_value(value) : 0;
}

/* The first knob that helps beyond its noise in a sentence, by what knobs are sorted by: attainment where the SLO is missed,
 * else energy. */
static void print_most_helpful(const json_t *found)
{
  const json_t *met = json_object_get(json_object_get(found, "now"), "slo.attainment"), *knob;
  gboolean missed = met != NULL && json_number_value(met) < 0.99;
  const char *metric = missed ? "slo.attainment" : "energy.j_per_output_token", *name = NULL;
  double gain = 0;
  size_t i;
  json_array_foreach(json_object_get(found, "knobs"), i, knob)
  {
    double more = change_of(knob, metric, "gain") * (missed ? 1 : -1);
    if (name != NULL || !(more > change_of(knob, metric, "noise")))
      continue;
    name = json_string_value(json_object_get(knob, "name"));
    gain = more;
  }
  if (name == NULL)
    printf("\n  Nothing that was tried helps%s.\n",
           missed ? " to keep the SLO" : "; the SLO is kept as it is");
  else if (missed)
    printf("\n  Most helps: %s. With it %.2f %% of the requests keep the SLO, instead of %.2f %%.\n", name,
           100 * (json_number_value(met) + gain), 100 * json_number_value(met));
  else
    printf("\n  %s energy saves: %s, %.3g J for each output token.\n",
           met != NULL ? "The SLO is kept. Most" : "Most", name, gain);
}

static void print_what_if(const json_t *found)
{
  const json_t *now = json_object_get(found, "now");
  size_t i;
  json_t *knob;
  int widest = 0;
  json_array_foreach(json_object_get(found, "knobs"), i, knob)
  {
    widest = MAX(widest, (int)strlen(json_string_value(json_object_get(knob, "name"))));
  }
  printf("\nWhat would help, the most helpful first\n  %-*s", widest, "");
  for (guint c = 0; c < G_N_ELEMENTS(shown); c++)
    printf(" %16s", shown[c].label);
  printf("\n  %-*s", widest, "as it is");
  for (guint c = 0; c < G_N_ELEMENTS(shown); c++) {
    const json_t *value = json_object_get(now, shown[c].metric);
    if (value != NULL)
      printf(" %16.*f", shown[c].decimals, shown[c].scale * json_number_value(value));
    else
      printf(" %16s", "");
  }
  json_array_foreach(json_object_get(found, "knobs"), i, knob)
  {
    printf("\n  %-*s", widest, json_string_value(json_object_get(knob, "name")));
    if (json_object_get(knob, "failed") != NULL)
      printf(" cannot be run: see %s", json_string_value(json_object_get(knob, "failed")));
    for (guint c = 0; json_object_get(knob, "failed") == NULL && c < G_N_ELEMENTS(shown); c++)
      print_change(knob, shown[c].metric, shown[c].scale, shown[c].decimals);
  }
  print_most_helpful(found);
  int seeds = (int)json_integer_value(json_object_get(found, "seeds"));
  if (!json_is_true(json_object_get(found, "by_chance")))
    printf("  Changes of the share that meets the SLO are percentage points. No seed changes this run: "
           "each change was run once.\n");
  else if (seeds == 1)
    printf("  Changes of the share that meets the SLO are percentage points. Of one seed: --seeds 3 tells "
           "gains from chance, if a seed changes this run at all.\n");
  else
    printf("  Changes are means over %d seeds (of the share that meets the SLO in percentage points), ± half "
           "of their "
           "95 %% interval; without ± the seed changes less than the last digit.\n",
           seeds);
  if (json_object_get(now, "cost.usd_per_million_output_tokens") == NULL)
    printf("  What it costs is not known: the scenario has no <cost> and no <price>.\n");
}

static void print_headroom(const json_t *found)
{
  size_t i;
  json_t *name;
  const json_t *factor = json_object_get(found, "factor"), *breaks = json_object_get(found, "breaks");
  double now = json_number_value(json_object_get(found, "now"));
  if (factor == NULL)
    printf("\nHeadroom: none; no load down to %.3g of it keeps the SLO.\n", 1.0 / 1024);
  else {
    printf("\nHeadroom: %.2f × this load is served within the SLO (%s = %.4g; ", json_number_value(factor),
           json_string_value(json_object_get(found, "path")), json_number_value(factor) * now);
    if (breaks != NULL)
      printf("%.4g is too much; ", json_number_value(breaks));
    printf("found by %d runs).\n", (int)json_integer_value(json_object_get(found, "runs")));
  }
  json_array_foreach(json_object_get(found, "constant_classes"), i, name)
      printf("  The clients of class %s wait for each answer, and were as many in each run.\n",
             json_string_value(name));
}

/* Runs what is asked for, adds it to what is explained, and leaves what-if.json beside the logs for reports. */
static gboolean run_again(const explain_values *values, const char *directory, json_t *explained,
                          GError **error)
{
  g_auto(tw_rerun) rerun = {0};
  g_autofree char *plain = g_canonicalize_filename(directory, NULL);
  g_autofree char *output =
      values->output != NULL ? g_strdup(values->output) : g_strconcat(plain, "-what-if", NULL);
  tw_what_if_options options = {output, values->jobs, values->seeds, say, NULL};
  if (!tw_rerun_open(directory, output, &rerun, error))
    return FALSE;
  g_autofree char *path = g_build_filename(directory, "what-if.json", NULL);
  json_t *found = json_load_file(path, 0, NULL);
  if (!json_is_object(found)) {
    json_decref(found);
    found = json_object();
  }
  if (values->headroom)
    json_object_set_new(found, "headroom", tw_headroom(&rerun, &options, error));
  if (*error == NULL && values->what_if)
    json_object_set_new(found, "what_if", tw_what_if(&rerun, &options, error));
  if (*error == NULL) {
    json_dump_file(found, path, JSON_INDENT(1));
    json_object_update(explained, found);
  }
  json_decref(found);
  return *error == NULL;
}

static int run(const tw_command *command, int argc, char **argv, GError **error)
{
  g_auto(explain_values) values = {.request = -1, .engine = -1, .jobs = g_get_num_processors(), .seeds = 3};
  tw_explain_options options = tw_explain_all;
  if (!tw_command_read(command, &values, &argc, &argv, error) ||
      !tw_option_read_time("from", values.from, &options.from_s, error) ||
      !tw_option_read_time("to", values.to, &options.to_s, error))
    return TW_EXIT_USAGE;
  const char *wrong = argc != 2                             ? "name one run directory"
                      : !(options.from_s < options.to_s)    ? "--to must be later than --from"
                      : values.jobs < 1 || values.seeds < 1 ? "--jobs and --seeds must be at least 1"
                      : values.output != NULL && !values.what_if && !values.headroom
                          ? "--output keeps runs; write --what-if or --headroom beside it"
                          : NULL;
  if (wrong != NULL) {
    tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0, "%s (see `tokenworks explain --help`)", wrong);
    return TW_EXIT_USAGE;
  }
  options.request = values.request;
  options.engine = values.engine;
  options.percentile = values.percentile;
  options.class = values.class;
  json_t *explained = tw_explain(argv[1], &options, error);
  if (explained == NULL)
    return TW_EXIT_USAGE;
  gboolean done = (!values.what_if && !values.headroom) || run_again(&values, argv[1], explained, error);
  if (done && values.json) {
    json_dumpf(explained, stdout, JSON_INDENT(1));
    printf("\n");
  } else if (done) {
    g_autofree char *text = tw_explain_text(explained);
    printf("%s", text);
    if (values.headroom)
      print_headroom(json_object_get(explained, "headroom"));
    if (values.what_if)
      print_what_if(json_object_get(explained, "what_if"));
  }
  json_decref(explained);
  return done ? TW_EXIT_OK : TW_EXIT_FAILED;
}

const tw_command tw_explain_command = {
    .name = "explain",
    .summary = "say where the time went, and what binds",
    .usage = "DIR",
    .description = "Says in sentences and numbers what a run's logs tell: whether it met its SLO, what its "
                   "pools wait for, what\n"
                   "requests spent their time on at the median and the 99th percentile, and what "
                   "accelerators, energy and money\n"
                   "went to. A pool is saturated in an interval if at least one request for each engine "
                   "waited for something that\n"
                   "the end of an iteration does not bring; that an engine is busy says little, since one "
                   "request makes it so.",
    .example = "tokenworks explain runs/azure --percentile ttft.p99",
    .run = run,
    .options = explain_options,
};
