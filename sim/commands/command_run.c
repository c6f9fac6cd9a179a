#include "analysis/log/run_summary.h"
#include "platforms/input/fault.h"
#include "sim/commands/command.h"
#include "sim/run/run.h"
#include "sim/run/summary.h"

#include <signal.h>
#include <unistd.h>

enum { DEFAULT_WIDTH = 80 };

/* The signal that asks for an end, or 0. */
static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal_number)
{
  interrupted = signal_number;
}

/* The first one ends the run cleanly, the second one at once. */
static void catch_interrupts(void)
{
  static const int signals[] = {SIGINT, SIGTERM};
  struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = SA_RESTART | (int)SA_RESETHAND};
  for (guint i = 0; i < G_N_ELEMENTS(signals); i++)
    sigaction(signals[i], &action, NULL);
}

typedef struct {
  tw_progress_view view;
  gboolean begun;
} display;

/* Until the simulation begins, an interrupt ends the program: there is nothing to write. */
static gboolean show_progress(void *user, const tw_progress *progress)
{
  display *d = user;
  if (!d->begun)
    catch_interrupts();
  d->begun = TRUE;
  tw_progress_view_update(&d->view, progress, g_get_monotonic_time());
  return interrupted == 0;
}

/* A bar needs a terminal; without one it is silent. */
static gboolean choose_progress(const char *name, gboolean quiet, tw_progress_view *view, GError **error)
{
  int style = 0;
  if (name == NULL)
    name = tw_progress_style_names[quiet ? TW_PROGRESS_NONE : TW_PROGRESS_BAR];
  while (style < TW_PROGRESS_STYLES && !g_str_equal(tw_progress_style_names[style], name))
    style++;
  if (style == TW_PROGRESS_STYLES) {
    g_autofree char *right = tw_suggestion(name, tw_progress_style_names);
    return tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0,
                              "--progress=%s: there is no such style; %s", name, right);
  }
  if (style == TW_PROGRESS_BAR && !isatty(STDERR_FILENO))
    style = TW_PROGRESS_NONE;
  *view = (tw_progress_view){.style = (tw_progress_style)style,
                             .out = stderr,
                             .start_us = g_get_monotonic_time(),
                             .width = tw_terminal_width(STDERR_FILENO, DEFAULT_WIDTH)};
  return TRUE;
}

static void print_notes(const tw_world *world)
{
  for (int s = 0; s < world->n_sites; s++) {
    const tw_world_site *site = &world->sites[s];
    for (guint i = 0; i < site->scenario->notes->len; i++)
      fprintf(stderr, "note: %s%s%s\n", world->plain ? "" : site->name, world->plain ? "" : ": ",
              (char *)site->scenario->notes->pdata[i]);
  }
}

static void print_faults(const tw_faults *faults)
{
  for (guint i = 0; i < tw_faults_count(faults); i++)
    fprintf(stderr, "%s\n", tw_faults_get(faults, i));
}

typedef struct {
  char *directory, *until, *warmup, *drain, *progress;
  char **sets;
  gint64 seed;
  gboolean segments, force, quiet;
} run_values;

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
    {"segments", 0, 0, G_OPTION_ARG_NONE, VALUE(segments),
     "Write segments.csv.gz too, of which `tokenworks trace` draws timelines", NULL},
    {"force", 'f', 0, G_OPTION_ARG_NONE, VALUE(force), "Overwrite a run that the directory holds", NULL},
    {"progress", 0, 0, G_OPTION_ARG_STRING, VALUE(progress),
     "A bar on a terminal (default), a line per 10 %, or neither", "bar|plain|none"},
    {"quiet", 'q', 0, G_OPTION_ARG_NONE, VALUE(quiet), "Print neither progress nor summary", NULL},
    G_OPTION_ENTRY_NULL};
TW_COMMAND_VALUES(run_values, run_options)
#undef VALUE

#define NO_SEED G_MININT64

/* Adds "PATH=VALUE" for an option that gives a time; nothing where it is absent. */
static gboolean assign_time(GPtrArray *assignments, const char *option, const char *text, GError **error)
{
  g_autofree char *why = NULL;
  double value;
  if (text == NULL)
    return TRUE;
  if (!tw_quantity_parse(text, TW_TIME, &value, &why) || value < 0)
    return tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0, "--%s: %s", option,
                              why != NULL ? why : "must not be negative; write a time, such as 50ms");
  g_ptr_array_add(assignments, g_strdup_printf("/scenario/output/@%s=%s", option, text));
  return TRUE;
}

/* The assignments of --set and of the options that stand for attributes. They become part of the canonical
 * scenario in run.json, so that runs that differ in them are told apart. NULL with `error` set. */
static GPtrArray *list_assignments(const run_values *values, GError **error)
{
  g_autoptr(GPtrArray) assignments = g_ptr_array_new_with_free_func(g_free);
  for (char **set = values->sets; set != NULL && *set != NULL; set++)
    g_ptr_array_add(assignments, g_strdup(*set));
  if (values->seed != NO_SEED)
    g_ptr_array_add(assignments, g_strdup_printf("/scenario/@seed=%" G_GINT64_FORMAT, values->seed));
  if (values->segments)
    g_ptr_array_add(assignments, g_strdup("/scenario/output/@segments=true"));
  if (!assign_time(assignments, "until", values->until, error) ||
      !assign_time(assignments, "warmup", values->warmup, error) ||
      !assign_time(assignments, "drain", values->drain, error))
    return NULL;
  g_ptr_array_add(assignments, NULL);
  return g_steal_pointer(&assignments);
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
  display progress = {.begun = FALSE};
  if (!choose_progress(values.progress, values.quiet, &progress.view, error))
    return TW_EXIT_USAGE;
  g_autoptr(GPtrArray) assignments = list_assignments(&values, error);
  if (assignments == NULL)
    return TW_EXIT_USAGE;

  g_autoptr(tw_faults) faults = tw_faults_new();
  g_autoptr(tw_world) world = tw_world_load(argv[1], (const char *const *)assignments->pdata, faults);
  if (world == NULL) {
    print_faults(faults);
    return TW_EXIT_USAGE;
  }
  if (!values.quiet)
    print_notes(world);
  tw_run_options options = {values.directory, values.force, show_progress, &progress};
  json_t *summary = tw_run_world(world, &options, error);
  tw_progress_view_end(&progress.view);
  if (summary == NULL)
    return TW_EXIT_FAILED;
  gboolean cut_short = interrupted != 0 && json_is_true(json_object_get(summary, "partial"));
  if (!values.quiet)
    tw_summary_print(summary, values.directory, stdout);
  const tw_scenario *scenario = world->sites[0].scenario; /* the only one, where this is a number */
  double of_limit = tw_run_summary_number(summary, "energy.peak_of_site_power");
  if (!values.quiet && of_limit > 1)
    fprintf(stderr,
            "note: the site drew %.4g kW at its peak, %.4g %% of the %.4g kW that its platform allows; fewer "
            "engines "
            "or a <power-cap site=\"%.6gW\"/> keep to it\n",
            scenario->platform->supply.site_w * of_limit / 1e3, 100 * of_limit,
            scenario->platform->supply.site_w / 1e3, scenario->platform->supply.site_w);
  json_decref(summary);
  return cut_short ? 128 + interrupted : TW_EXIT_OK;
}

const tw_command tw_run_command = {
    .name = "run",
    .summary = "replay a scenario's requests and write a run directory",
    .usage = "SCENARIO.xml -o DIR",
    .description =
        "Replays the requests of a scenario on its platform and writes a run directory: a row per request,\n"
        "rows over time for engines, racks and the site, and a summary. Press Ctrl-C to end a run early:\n"
        "what was simulated until then is written, the summary says so, and the exit code is 130.",
    .example = "tokenworks run sim/scenarios/azure-conv-hgx-h100.xml -o runs/azure",
    .run = run,
    .options = run_options,
};
