/* `tokenworks sweep`: one scenario at every point of a grid, a process each. */
#include "analysis/compare/run_group.h"
#include "analysis/log/log_print.h"
#include "analysis/log/run_summary.h"
#include "platforms/input/fault.h"
#include "sim/commands/command.h"
#include "sim/commands/output.h"
#include "sim/launchers/launcher.h"
#include "sim/log/metric.h"
#include "sim/sweep/sweep_page.h"

#include <glib/gstdio.h>

#include <errno.h>
#include <math.h>

#define RESULTS "sweep.csv"

typedef struct {
  char *directory, *launcher;
  gint64 jobs;
  gboolean force, quiet, list;
} sweep_values;

#define VALUE(member) TW_OPTION(sweep_values, member)
static const GOptionEntry sweep_options[] = {
    {"output", 'o', 0, G_OPTION_ARG_FILENAME, VALUE(directory),
     "Write a run directory per point below this one", "DIR"},
    TW_OPTION_JOBS(VALUE(jobs)),
    TW_OPTION_LAUNCHER(VALUE(launcher)),
    {"force", 'f', 0, G_OPTION_ARG_NONE, VALUE(force), "Run again what the directory holds already", NULL},
    {"list", 0, 0, G_OPTION_ARG_NONE, VALUE(list),
     "Print the commands of all runs, for other machines to run them, and run none", NULL},
    {"quiet", 'q', 0, G_OPTION_ARG_NONE, VALUE(quiet), "Print neither progress nor results", NULL},
    G_OPTION_ENTRY_NULL};
TW_COMMAND_VALUES(sweep_values, sweep_options)
#undef VALUE

static GPtrArray *make_jobs(const tw_sweep *sweep, const sweep_values *values)
{
  GPtrArray *jobs = g_ptr_array_new_with_free_func((GDestroyNotify)tw_job_free);
  for (guint i = 0; i < sweep->points->len; i++)
    for (guint s = 0; s < MAX(sweep->n_seeds, 1); s++) {
      const tw_sweep_point *point = sweep->points->pdata[i];
      g_autofree char *seed =
          sweep->n_seeds > 1 ? g_strdup_printf("%" G_GINT64_FORMAT, sweep->seeds[s]) : NULL;
      g_autofree char *directory = g_build_filename(values->directory, point->name, seed, NULL);
      g_ptr_array_add(jobs,
                      tw_job_new(sweep->scenario, directory, (const char *const *)point->assignments->pdata,
                                 sweep->n_seeds > 0 ? &sweep->seeds[s] : NULL));
    }
  return jobs;
}

static void print_commands(const GPtrArray *jobs)
{
  for (guint i = 0; i < jobs->len; i++) {
    g_autofree char *command = tw_job_command(jobs->pdata[i]);
    puts(command);
  }
}

static void report_end(void *user, const tw_job *job, guint n_ended, guint n_jobs)
{
  const sweep_values *values = user;
  if (job->state == TW_JOB_FAILED)
    fprintf(stderr, "tokenworks sweep: %s ended with exit code %d\n", job->directory, job->code);
  else if (!values->quiet && job->state == TW_JOB_KEPT)
    fprintf(stderr, "%u/%u %s was done before\n", n_ended, n_jobs, job->directory);
  else if (!values->quiet && job->state == TW_JOB_DONE)
    fprintf(stderr, "%u/%u %s in %.1f s\n", n_ended, n_jobs, job->directory, job->wall_s);
}

/* ---- Results ---- */

/* The summaries of each point; NULL where a run has none. */
static GPtrArray *read_groups(const tw_sweep *sweep, const char *directory)
{
  GPtrArray *groups = g_ptr_array_new_with_free_func((GDestroyNotify)tw_run_group_free);
  for (guint i = 0; i < sweep->points->len; i++) {
    g_autofree char *path =
        g_build_filename(directory, ((tw_sweep_point *)sweep->points->pdata[i])->name, NULL);
    g_ptr_array_add(groups, tw_run_group_read(path, NULL));
  }
  return groups;
}

/* Every number that any run has, in the order of the first that has it. */
static GPtrArray *all_metrics(const GPtrArray *groups)
{
  GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
  g_autoptr(GHashTable) known = g_hash_table_new(g_str_hash, g_str_equal);
  for (guint g = 0; g < groups->len; g++) {
    const tw_run_group *group = groups->pdata[g];
    for (guint s = 0; group != NULL && s < group->summaries->len; s++) {
      g_autoptr(GPtrArray) own = tw_run_summary_names(group->summaries->pdata[s]);
      for (guint i = 0; i < own->len; i++) {
        if (g_hash_table_contains(known, own->pdata[i]))
          continue;
        char *name = g_strdup(own->pdata[i]);
        g_ptr_array_add(names, name);
        g_hash_table_add(known, name);
      }
    }
  }
  return names;
}

static void add_number(GPtrArray *cells, const char *format, double value)
{
  char digits[G_ASCII_DTOSTR_BUF_SIZE];
  g_ptr_array_add(cells,
                  g_strdup(isfinite(value) ? g_ascii_formatd(digits, sizeof digits, format, value) : ""));
}

/* The title of a metric's column: with its unit where people read it. The caller frees it. */
static char *title_of(const char *metric, gboolean with_unit)
{
  const tw_metric *known = tw_metric_find(metric);
  return with_unit && known != NULL && *known->unit != '\0' ? g_strdup_printf("%s [%s]", metric, known->unit)
                                                            : g_strdup(metric);
}

/* A row per point: its places on the axes, how many runs it has, and the means of the metrics over them; of
 * several seeds, also half the width of the mean's 95 % confidence interval. */
static void print_results(const tw_sweep *sweep, const GPtrArray *groups, const GPtrArray *metrics,
                          const char *format, const char *number, FILE *out)
{
  gboolean table = g_str_equal(format, "table"), seeds = sweep->n_seeds > 1;
  g_autoptr(GPtrArray) titles = g_ptr_array_new_with_free_func(g_free);
  g_autoptr(GArray) columns = g_array_new(FALSE, FALSE, sizeof(tw_column));
  for (guint a = 0; a < sweep->axes->len; a++)
    g_array_append_val(columns, ((tw_column){sweep->axes->pdata[a], TW_COLUMN_TEXT, 0, "", ""}));
  g_array_append_val(columns, ((tw_column){"runs", TW_COLUMN_INTEGER, 0, "", ""}));
  for (guint m = 0; m < metrics->len; m++) {
    g_ptr_array_add(titles, title_of(metrics->pdata[m], table));
    g_array_append_val(columns, ((tw_column){titles->pdata[titles->len - 1], TW_COLUMN_REAL, 0, "", ""}));
    if (!seeds)
      continue;
    g_ptr_array_add(titles, table ? g_strdup("+-") : g_strconcat(metrics->pdata[m], ".ci95", NULL));
    g_array_append_val(columns, ((tw_column){titles->pdata[titles->len - 1], TW_COLUMN_REAL, 0, "", ""}));
  }

  g_autoptr(tw_log_printer) printer = tw_log_printer_new(format, columns, out);
  for (guint i = 0; i < sweep->points->len; i++) {
    const tw_run_group *group = groups->pdata[i];
    g_autoptr(GPtrArray) cells = g_ptr_array_new_with_free_func(g_free);
    for (char **value = ((tw_sweep_point *)sweep->points->pdata[i])->values; *value != NULL; value++)
      g_ptr_array_add(cells, g_strdup(*value));
    g_ptr_array_add(cells, g_strdup_printf("%u", group != NULL ? group->summaries->len : 0));
    for (guint m = 0; m < metrics->len; m++) {
      tw_sample sample = {0, NAN, NAN};
      if (group != NULL)
        sample = tw_run_group_sample(group, metrics->pdata[m]);
      add_number(cells, number, sample.mean);
      if (seeds)
        add_number(cells, table ? "%.2g" : number, tw_sample_interval(&sample));
    }
    tw_log_printer_row(printer, (const char *const *)cells->pdata);
  }
}

static gboolean write_results(const tw_sweep *sweep, const GPtrArray *groups, const char *directory,
                              GError **error)
{
  g_autofree char *path = g_build_filename(directory, RESULTS, NULL);
  g_autoptr(GPtrArray) metrics = all_metrics(groups);
  tw_output output;
  if (!tw_output_open(&output, path, error))
    return FALSE;
  print_results(sweep, groups, metrics, "csv", "%.15g", output.out);
  return tw_output_close(&output, TRUE, error);
}

/* Returns the metrics that the sweep asks to print; those that no run has are left out, with a message. */
static GPtrArray *shown_metrics(const tw_sweep *sweep, const GPtrArray *groups)
{
  GPtrArray *shown = g_ptr_array_new_with_free_func(g_free);
  g_autoptr(GPtrArray) known = all_metrics(groups);
  g_auto(GStrv) names = g_strsplit(sweep->metrics, ",", -1);
  g_ptr_array_add(known, NULL);
  for (char **name = names; *name != NULL; name++) {
    if (g_strv_contains((const char *const *)known->pdata, g_strstrip(*name)))
      g_ptr_array_add(shown, g_strdup(*name));
    else
      fprintf(stderr, "note: no run has a metric '%s'\n", *name);
  }
  return shown;
}

/* ---- The command ---- */

static gboolean check_usage(const tw_command *command, int argc, sweep_values *values, GError **error)
{
  const char *wrong = argc != 2                   ? "name one sweep file"
                      : values->directory == NULL ? "name a directory for the runs with -o DIR"
                      : values->jobs != G_MININT64 && values->jobs < 1 ? "--jobs must be 1 or more"
                                                                       : NULL;
  if (wrong != NULL)
    return tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0, "%s; usage: tokenworks sweep %s", wrong,
                              command->usage);
  return TRUE;
}

static int run(const tw_command *command, int argc, char **argv, GError **error)
{
  g_auto(sweep_values) values = {.jobs = G_MININT64};
  if (!tw_command_read(command, &values, &argc, &argv, error) || !check_usage(command, argc, &values, error))
    return TW_EXIT_USAGE;
  const tw_launcher *launcher = tw_launcher_find(values.launcher, error);
  if (launcher == NULL)
    return TW_EXIT_USAGE;
  g_autoptr(tw_faults) faults = tw_faults_new();
  g_autoptr(tw_sweep) sweep = tw_sweep_load(argv[1], faults);
  for (guint i = 0; i < tw_faults_count(faults); i++)
    fprintf(stderr, "%s\n", tw_faults_get(faults, i));
  if (sweep == NULL)
    return TW_EXIT_USAGE;
  g_autoptr(GPtrArray) jobs = make_jobs(sweep, &values);
  if (values.list) {
    print_commands(jobs);
    return TW_EXIT_OK;
  }

  int failed = tw_jobs_run(jobs,
                           &(tw_jobs_options){.launcher = launcher,
                                              .at_once = MAX(values.jobs, 0),
                                              .again = values.force,
                                              .directory = values.directory,
                                              .ended = report_end,
                                              .user = &values},
                           error);
  if (failed < 0)
    return TW_EXIT_FAILED;
  g_autoptr(GPtrArray) groups = read_groups(sweep, values.directory);
  g_autoptr(GPtrArray) shown = shown_metrics(sweep, groups);
  if (!write_results(sweep, groups, values.directory, error) ||
      !tw_sweep_write_page(sweep, groups, shown, values.directory, error))
    return TW_EXIT_FAILED;
  if (!values.quiet)
    print_results(sweep, groups, shown, "table", "%.5g", stdout);
  return tw_jobs_interrupted() != 0 ? 128 + tw_jobs_interrupted() : failed > 0 ? TW_EXIT_FAILED : TW_EXIT_OK;
}

const tw_command tw_sweep_command = {
    .name = "sweep",
    .summary = "run a scenario at every point of a grid or a sample, on all cores",
    .usage = "SWEEP.xml -o DIR",
    .description =
        "Runs the scenario of a sweep file at every point of its axes, or at a random sample or a Latin "
        "hypercube of "
        "them, each with all its seeds, in a "
        "process\n"
        "of its own; DIR/NAME=VALUE,... is the run directory of a point, or holds one per seed. "
        "DIR/sweep.csv\n"
        "has a row per point with every number of its summary: means over the seeds, and in .ci95 half the "
        "width of\n"
        "their 95 % confidence intervals. DIR/sweep.html shows how metrics answer to the axes, and leads to "
        "reports\n"
        "where there are no more than 32 points. Points compare with\n"
        "`tokenworks compare DIR/*/`. The whole grid is checked before the first run. Ctrl-C ends it; the "
        "same\n"
        "command goes on where a sweep was interrupted or killed: complete runs of the same inputs are kept.",
    .example = "tokenworks sweep sim/scenarios/sweep-azure-nodes.xml -o runs/nodes",
    .run = run,
    .options = sweep_options,
};
