#include "platforms/fault.h"
#include "sim/command.h"
#include "sim/run.h"
#include "sim/summary.h"

#include <math.h>
#include <signal.h>
#include <unistd.h>

enum { BAR_WIDTH = 28, REFRESH_US = 100000 };

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal_number)
{
  (void)signal_number;
  interrupted = 1;
}

/* A line on a terminal, refreshed at most ten times a second. */
typedef struct bar {
  gboolean shown;
  gint64 start_us, refreshed_us;
} bar;

static gboolean draw(void *user, const tw_progress *progress)
{
  bar *b = user;
  gint64 now_us = g_get_monotonic_time();
  if (!b->shown || now_us - b->refreshed_us < REFRESH_US)
    return !interrupted;
  b->refreshed_us = now_us;
  double wall_s = (double)(now_us - b->start_us) * 1e-6, fraction = CLAMP(progress->fraction, 0, 1);
  int filled = (int)(fraction * BAR_WIDTH);
  double left_s = fraction > 0.01 ? wall_s * (1 - fraction) / fraction : NAN;
  g_autofree char *left = isnan(left_s) ? g_strdup("") : g_strdup_printf(", %.0f s left", ceil(left_s));
  fprintf(stderr, "\r[%.*s%*s] %3.0f %%  %.0f s simulated, %" G_GUINT64_FORMAT " requests, %.0f/s%s\033[K",
          filled, "============================", BAR_WIDTH - filled, "", 100 * fraction,
          progress->simulated_s, progress->ended, (double)progress->ended / wall_s, left);
  return !interrupted;
}

static void print_faults(const tw_faults *faults)
{
  for (guint i = 0; i < tw_faults_count(faults); i++)
    fprintf(stderr, "%s\n", tw_faults_get(faults, i));
}

typedef struct {
  char *directory, *until, *warmup, *drain;
  char **sets;
  gint64 seed;
  gboolean force, quiet;
} run_values;

static void clear_values(run_values *values)
{
  g_free(values->directory);
  g_free(values->until);
  g_free(values->warmup);
  g_free(values->drain);
  g_strfreev(values->sets);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(run_values, clear_values)

#define VALUE(member) TW_OPTION(run_values, member)
static const GOptionEntry run_options[] = {
    {"output", 'o', 0, G_OPTION_ARG_FILENAME, VALUE(directory), "Write the run to this directory", "DIR"},
    {"set", 0, 0, G_OPTION_ARG_STRING_ARRAY, VALUE(sets),
     "Change the scenario: --set \"//pool[@id='serve']/@replicas=8\"; may be repeated", "XPATH=VALUE"},
    {"seed", 0, 0, G_OPTION_ARG_INT64, VALUE(seed),
     "Seed of every stream of chance, instead of the scenario's", "N"},
    {"until", 0, 0, G_OPTION_ARG_STRING, VALUE(until), "End the run at this simulated time, such as 10min",
     "TIME"},
    {"warmup", 0, 0, G_OPTION_ARG_STRING, VALUE(warmup),
     "Leave requests that arrive before it out of statistics", "TIME"},
    {"drain", 0, 0, G_OPTION_ARG_STRING, VALUE(drain), "Leave out those that arrive so long before the end",
     "TIME"},
    {"force", 'f', 0, G_OPTION_ARG_NONE, VALUE(force), "Overwrite a run that the directory holds", NULL},
    {"quiet", 'q', 0, G_OPTION_ARG_NONE, VALUE(quiet), "Print neither progress nor summary", NULL},
    G_OPTION_ENTRY_NULL};
#undef VALUE

#define NO_SEED G_MININT64

/* The time that an option gives; leaves `value` where it is absent. */
static gboolean read_time(const char *option, const char *text, double *value, GError **error)
{
  g_autofree char *why = NULL;
  if (text == NULL || (tw_quantity_parse(text, TW_TIME, value, &why) && *value >= 0))
    return TRUE;
  return tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0, "--%s: %s", option,
                            why != NULL ? why : "must not be negative; write a time, such as 50ms");
}

static int run(const tw_command *command, int argc, char **argv, GError **error)
{
  g_auto(run_values) values = {.seed = NO_SEED};
  if (!tw_command_read(command, &values, &argc, &argv, error))
    return TW_EXIT_USAGE;
  if (argc != 2 || values.directory == NULL) {
    tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0,
                       argc != 2 ? "name one scenario file; usage: tokenworks run %s"
                                 : "name a directory for the run with -o DIR; usage: tokenworks run %s",
                       command->usage);
    return TW_EXIT_USAGE;
  }
  double until_s = INFINITY, warmup_s = NAN, drain_s = NAN;
  if (!read_time("until", values.until, &until_s, error) ||
      !read_time("warmup", values.warmup, &warmup_s, error) ||
      !read_time("drain", values.drain, &drain_s, error))
    return TW_EXIT_USAGE;

  g_autoptr(GPtrArray) assignments = g_ptr_array_new_with_free_func(g_free);
  for (char **set = values.sets; set != NULL && *set != NULL; set++)
    g_ptr_array_add(assignments, g_strdup(*set));
  if (values.seed != NO_SEED)
    g_ptr_array_add(assignments, g_strdup_printf("/scenario/@seed=%" G_GINT64_FORMAT, values.seed));
  g_ptr_array_add(assignments, NULL);

  g_autoptr(tw_faults) faults = tw_faults_new();
  g_autoptr(tw_scenario) scenario =
      tw_scenario_load(argv[1], (const char *const *)assignments->pdata, faults);
  if (scenario == NULL) {
    print_faults(faults);
    return TW_EXIT_USAGE;
  }
  if (!isnan(warmup_s))
    scenario->warmup_s = warmup_s;
  if (!isnan(drain_s))
    scenario->drain_s = drain_s;
  bar progress = {.shown = !values.quiet && isatty(STDERR_FILENO), .start_us = g_get_monotonic_time()};
  tw_run_options options = {values.directory, values.force, until_s, draw, &progress};
  signal(SIGINT, on_interrupt);
  json_t *summary = tw_run(scenario, &options, error);
  if (progress.shown)
    fputs("\r\033[K", stderr);
  if (summary == NULL)
    return TW_EXIT_FAILED;
  if (!values.quiet)
    tw_summary_print(summary, values.directory, stdout);
  json_decref(summary);
  return interrupted ? 128 + SIGINT : TW_EXIT_OK;
}

const tw_command tw_run_command = {
    .name = "run",
    .summary = "replay a scenario's requests and write a run directory",
    .usage = "SCENARIO.xml -o DIR",
    .description =
        "Replays the requests of a scenario on its platform and writes a run directory: a row per request,\n"
        "rows over time for engines, racks and the site, and a summary. Press Ctrl-C to end a run early:\n"
        "what was simulated until then is written.",
    .example = "tokenworks run sim/scenarios/azure-conv-hgx-h100.xml -o runs/azure",
    .run = run,
    .options = run_options,
};
