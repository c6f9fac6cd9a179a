/* `tokenworks sweep`: one scenario at every point of a grid, a process each. */
#include "analysis/compare/run_group.h"
#include "analysis/log/log_print.h"
#include "analysis/log/run_summary.h"
#include "platforms/input/fault.h"
#include "sim/commands/command.h"
#include "sim/commands/sweep.h"

#include <glib/gstdio.h>

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <sys/wait.h>

#define RESULTS      "sweep.csv"
#define THIS_PROGRAM "/proc/self/exe"

typedef struct {
  char *directory;
  gint64 jobs;
  gboolean force, quiet, list;
} sweep_values;

static void clear_values(sweep_values *values)
{
  g_free(values->directory);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(sweep_values, clear_values)

#define VALUE(member) TW_OPTION(sweep_values, member)
static const GOptionEntry sweep_options[] = {
    {"output", 'o', 0, G_OPTION_ARG_FILENAME, VALUE(directory),
     "Write a run directory per point below this one", "DIR"},
    {"jobs", 'j', 0, G_OPTION_ARG_INT64, VALUE(jobs),
     "Run so many at once; default: as many as there are cores", "N"},
    {"force", 'f', 0, G_OPTION_ARG_NONE, VALUE(force), "Overwrite a sweep that the directory holds", NULL},
    {"list", 0, 0, G_OPTION_ARG_NONE, VALUE(list),
     "Print the commands of all runs, for other machines to run them, and run none", NULL},
    {"quiet", 'q', 0, G_OPTION_ARG_NONE, VALUE(quiet), "Print neither progress nor results", NULL},
    G_OPTION_ENTRY_NULL};
#undef VALUE

/* The signal that asks for an end, or 0. */
static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal_number)
{
  interrupted = signal_number;
}

/* A run of a point: one of its seeds, or the scenario's own. */
typedef struct job {
  const tw_sweep_point *point;
  char *directory;
  GPtrArray *argv;
  GPid pid; /* 0: not started, or over */
  gint64 start_us;
} job;

static void free_job(gpointer j)
{
  g_free(((job *)j)->directory);
  g_ptr_array_unref(((job *)j)->argv);
  g_free(j);
}

static GPtrArray *new_argv(const tw_sweep *sweep, const tw_sweep_point *point, const char *directory,
                           const gint64 *seed, gboolean force)
{
  GPtrArray *argv = g_ptr_array_new_with_free_func(g_free);
  const char *words[] = {"tokenworks", "run", sweep->scenario, "-o", directory, "--quiet"};
  for (guint i = 0; i < G_N_ELEMENTS(words); i++)
    g_ptr_array_add(argv, g_strdup(words[i]));
  if (force)
    g_ptr_array_add(argv, g_strdup("--force"));
  if (seed != NULL)
    g_ptr_array_add(argv, g_strdup_printf("--seed=%" G_GINT64_FORMAT, *seed));
  for (guint i = 0; point->assignments->pdata[i] != NULL; i++) {
    g_ptr_array_add(argv, g_strdup("--set"));
    g_ptr_array_add(argv, g_strdup(point->assignments->pdata[i]));
  }
  g_ptr_array_add(argv, NULL);
  return argv;
}

static GPtrArray *make_jobs(const tw_sweep *sweep, const sweep_values *values)
{
  GPtrArray *jobs = g_ptr_array_new_with_free_func(free_job);
  for (guint i = 0; i < sweep->points->len; i++)
    for (guint s = 0; s < MAX(sweep->n_seeds, 1); s++) {
      job *one = g_new0(job, 1);
      one->point = sweep->points->pdata[i];
      g_autofree char *seed =
          sweep->n_seeds > 1 ? g_strdup_printf("%" G_GINT64_FORMAT, sweep->seeds[s]) : NULL;
      one->directory = g_build_filename(values->directory, one->point->name, seed, NULL);
      one->argv = new_argv(sweep, one->point, one->directory, sweep->n_seeds > 0 ? &sweep->seeds[s] : NULL,
                           values->force);
      g_ptr_array_add(jobs, one);
    }
  return jobs;
}

static void print_commands(const GPtrArray *jobs)
{
  for (guint i = 0; i < jobs->len; i++) {
    const GPtrArray *argv = ((const job *)jobs->pdata[i])->argv;
    for (guint w = 0; argv->pdata[w] != NULL; w++) {
      const char *word = argv->pdata[w];
      g_autofree char *quoted = strpbrk(word, " \t\n'\"$&|;<>()*?[]#~`\\{}!") != NULL || *word == '\0'
                                    ? g_shell_quote(word)
                                    : g_strdup(word);
      printf("%s%s", w > 0 ? " " : "", quoted);
    }
    putchar('\n');
  }
}

static gboolean start(job *one, GError **error)
{
  if (g_mkdir_with_parents(one->directory, 0777) != 0)
    return tw_input_error_set(error, TW_INPUT_ERROR_FILE, one->directory, 0, "cannot be made: %s",
                              g_strerror(errno));
  g_autoptr(GPtrArray) argv = g_ptr_array_new();
  g_ptr_array_add(argv, (char *)THIS_PROGRAM);
  g_ptr_array_extend(argv, one->argv, NULL, NULL);
  one->start_us = g_get_monotonic_time();
  return g_spawn_async(NULL, (char **)argv->pdata, NULL,
                       G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_FILE_AND_ARGV_ZERO | G_SPAWN_CHILD_INHERITS_STDIN,
                       NULL, NULL, &one->pid, error);
}

/* Waits for the end of one of the jobs, which it returns. SIGTERM is passed on to all that run; Ctrl-C
 * reaches them by itself, and a second one would end them at once. */
static job *wait_for_one(const GPtrArray *jobs, int *code)
{
  gboolean told = FALSE;
  for (;;) {
    int status;
    pid_t pid = waitpid(-1, &status, 0);
    if (interrupted == SIGTERM && !told) {
      for (guint i = 0; i < jobs->len; i++)
        if (((job *)jobs->pdata[i])->pid > 0)
          kill(((job *)jobs->pdata[i])->pid, SIGTERM);
      told = TRUE;
    }
    g_assert(pid > 0 || errno == EINTR);
    for (guint i = 0; pid > 0 && i < jobs->len; i++) {
      job *one = jobs->pdata[i];
      if (one->pid != pid)
        continue;
      one->pid = 0;
      *code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
      return one;
    }
  }
}

/* Runs all; returns how many of them failed, or -1 with `error` set. */
static int run_all(const GPtrArray *jobs, const sweep_values *values, GError **error)
{
  guint started = 0, ended = 0;
  gint64 running = 0;
  int failed = 0;
  gboolean more = TRUE;
  for (;;) {
    while (more && running < values->jobs) {
      more = started < jobs->len && interrupted == 0 && start(jobs->pdata[started], error);
      started += more ? 1 : 0;
      running += more ? 1 : 0;
    }
    if (running == 0)
      return *error == NULL ? failed : -1;
    int code;
    job *one = wait_for_one(jobs, &code);
    running--;
    ended++;
    if (code != TW_EXIT_OK) {
      failed++;
      fprintf(stderr, "tokenworks sweep: %s ended with exit code %d\n", one->directory, code);
    } else if (!values->quiet) {
      fprintf(stderr, "%u/%u %s in %.1f s\n", ended, jobs->len, one->directory,
              (double)(g_get_monotonic_time() - one->start_us) / 1e6);
    }
  }
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

/* A row per point: its places on the axes, how many runs it has, and the means of the metrics over them. */
static void print_results(const tw_sweep *sweep, const GPtrArray *groups, const GPtrArray *metrics,
                          const char *format, const char *number, FILE *out)
{
  g_autoptr(GArray) columns = g_array_new(FALSE, FALSE, sizeof(tw_column));
  for (guint a = 0; a < sweep->axes->len; a++)
    g_array_append_val(columns, ((tw_column){sweep->axes->pdata[a], TW_COLUMN_TEXT, 0, "", ""}));
  g_array_append_val(columns, ((tw_column){"runs", TW_COLUMN_INTEGER, 0, "", ""}));
  for (guint m = 0; m < metrics->len; m++)
    g_array_append_val(columns, ((tw_column){metrics->pdata[m], TW_COLUMN_REAL, 0, "", ""}));

  g_autoptr(tw_log_printer) printer = tw_log_printer_new(format, columns, out);
  for (guint i = 0; i < sweep->points->len; i++) {
    const tw_run_group *group = groups->pdata[i];
    g_autoptr(GPtrArray) cells = g_ptr_array_new_with_free_func(g_free);
    for (char **value = ((tw_sweep_point *)sweep->points->pdata[i])->values; *value != NULL; value++)
      g_ptr_array_add(cells, g_strdup(*value));
    g_ptr_array_add(cells, g_strdup_printf("%u", group != NULL ? group->summaries->len : 0));
    for (guint m = 0; m < metrics->len; m++) {
      double mean = group != NULL ? tw_run_group_sample(group, metrics->pdata[m]).mean : NAN;
      char digits[G_ASCII_DTOSTR_BUF_SIZE];
      g_ptr_array_add(cells,
                      g_strdup(isfinite(mean) ? g_ascii_formatd(digits, sizeof digits, number, mean) : ""));
    }
    tw_log_printer_row(printer, (const char *const *)cells->pdata);
  }
}

static gboolean write_results(const tw_sweep *sweep, const GPtrArray *groups, const char *directory,
                              GError **error)
{
  g_autofree char *path = g_build_filename(directory, RESULTS, NULL);
  g_autoptr(GPtrArray) metrics = all_metrics(groups);
  FILE *out = g_fopen(path, "we");
  if (out != NULL)
    print_results(sweep, groups, metrics, "csv", "%.15g", out);
  if (out != NULL && fclose(out) == 0)
    return TRUE;
  g_set_error(error, G_FILE_ERROR, (gint)g_file_error_from_errno(errno), "%s: %s", path, g_strerror(errno));
  return FALSE;
}

/* What the sweep asks to print; what no run has is left out, and said. */
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
                      : values->jobs < 1          ? "--jobs must be 1 or more"
                                                  : NULL;
  if (wrong != NULL)
    return tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0, "%s; usage: tokenworks sweep %s", wrong,
                              command->usage);
  g_autofree char *results = g_build_filename(values->directory, RESULTS, NULL);
  if (!values->force && !values->list && g_file_test(results, G_FILE_TEST_EXISTS))
    return tw_input_error_set(error, TW_INPUT_ERROR_FILE, values->directory, 0,
                              "holds a sweep already; name another directory, or overwrite it with --force");
  return TRUE;
}

static int run(const tw_command *command, int argc, char **argv, GError **error)
{
  g_auto(sweep_values) values = {.jobs = (gint64)g_get_num_processors()};
  if (!tw_command_read(command, &values, &argc, &argv, error) || !check_usage(command, argc, &values, error))
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

  /* Without SA_RESTART, so that it wakes who waits. */
  struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND};
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
  GError *problem = NULL;
  int failed = run_all(jobs, &values, &problem);
  if (failed < 0) {
    g_propagate_error(error, problem);
    return TW_EXIT_FAILED;
  }
  g_autoptr(GPtrArray) groups = read_groups(sweep, values.directory);
  if (!write_results(sweep, groups, values.directory, error))
    return TW_EXIT_FAILED;
  if (!values.quiet) {
    g_autoptr(GPtrArray) metrics = shown_metrics(sweep, groups);
    print_results(sweep, groups, metrics, "table", "%.5g", stdout);
  }
  return interrupted != 0 ? 128 + interrupted : failed > 0 ? TW_EXIT_FAILED : TW_EXIT_OK;
}

const tw_command tw_sweep_command = {
    .name = "sweep",
    .summary = "run a scenario at every point of a grid, on all cores",
    .usage = "SWEEP.xml -o DIR",
    .description =
        "Runs the scenario of a sweep file at every point of its axes, each with all its seeds, in a "
        "process\n"
        "of its own; DIR/NAME=VALUE,... is the run directory of a point, or holds one per seed. "
        "DIR/sweep.csv\n"
        "has a row per point with every number of its summary, means over the seeds. Points compare with\n"
        "`tokenworks compare DIR/*/`. The whole grid is checked before the first run. Ctrl-C ends it: what\n"
        "ran until then is kept.",
    .example = "tokenworks sweep sim/scenarios/sweep-azure-nodes.xml -o runs/nodes",
    .run = run,
    .options = sweep_options,
};
