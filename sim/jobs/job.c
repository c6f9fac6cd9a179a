#include "sim/jobs/job.h"

#include "analysis/log/run_directory.h"
#include "analysis/log/run_summary.h"
#include "platforms/input/fault.h"
#include "sim/scenario/scenario.h"

#include <glib/gstdio.h>
#include <jansson.h>

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define THIS_PROGRAM "/proc/self/exe"

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal_number)
{
  interrupted = signal_number;
}

int tw_jobs_interrupted(void)
{
  return interrupted;
}

tw_job *tw_job_new(const char *scenario, const char *directory, const char *const *assignments,
                   const gint64 *seed)
{
  tw_job *job = g_new0(tw_job, 1);
  job->scenario = g_strdup(scenario);
  job->directory = g_strdup(directory);
  g_autoptr(GStrvBuilder) all = g_strv_builder_new();
  for (guint i = 0; assignments != NULL && assignments[i] != NULL; i++)
    g_strv_builder_add(all, assignments[i]);
  if (seed != NULL) {
    g_autofree char *text = g_strdup_printf("/scenario/@seed=%" G_GINT64_FORMAT, *seed);
    g_strv_builder_add(all, text);
  }
  job->assignments = g_strv_builder_end(all);
  return job;
}

void tw_job_free(tw_job *job)
{
  if (job == NULL)
    return;
  g_free(job->scenario);
  g_free(job->directory);
  g_strfreev(job->assignments);
  g_free(job);
}

/* ---- What a directory holds ---- */

/* Whether every file that a run read is still what it was. */
static gboolean inputs_agree(const json_t *inputs)
{
  gsize i;
  json_t *input;
  json_array_foreach(inputs, i, input)
  {
    const char *file = json_string_value(json_object_get(input, "file"));
    const char *sha256 = json_string_value(json_object_get(input, "sha256"));
    g_autofree char *bytes = NULL, *sum = NULL;
    gsize length = 0;
    if (file == NULL || sha256 == NULL || !g_file_get_contents(file, &bytes, &length, NULL))
      return FALSE;
    sum = g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *)bytes, length);
    if (!g_str_equal(sum, sha256))
      return FALSE;
  }
  return json_array_size(inputs) > 0;
}

/* Whether the run that began in the directory is of the job's scenario with its assignments. */
static gboolean is_of(const tw_job *job, const json_t *run)
{
  const char *canonical = json_string_value(json_object_get(run, "scenario"));
  g_autoptr(tw_faults) faults = tw_faults_new();
  g_autoptr(tw_scenario) scenario =
      tw_scenario_load(job->scenario, (const char *const *)job->assignments, faults);
  return scenario != NULL && canonical != NULL && g_str_equal(scenario->canonical, canonical);
}

static gboolean is_current(const json_t *run)
{
  const char *version = json_string_value(json_object_get(run, "tokenworks"));
  return version != NULL && g_str_equal(version, TW_VERSION) && inputs_agree(json_object_get(run, "inputs"));
}

tw_job_holding tw_job_look(const tw_job *job)
{
  g_autofree char *path = g_build_filename(job->directory, "run.json", NULL);
  if (!g_file_test(path, G_FILE_TEST_EXISTS))
    return TW_JOB_NOTHING;
  json_t *run = json_load_file(path, 0, NULL);
  json_t *summary = tw_run_summary_read(job->directory, NULL);
  gboolean complete = summary != NULL && !json_is_true(json_object_get(summary, "partial"));
  tw_job_holding holding = TW_JOB_DIFFERENT;
  if (run != NULL && is_of(job, run))
    holding = !complete ? TW_JOB_HALF : is_current(run) ? TW_JOB_SAME : TW_JOB_DIFFERENT;
  if (summary != NULL)
    json_decref(summary);
  if (run != NULL)
    json_decref(run);
  return holding;
}

/* ---- Processes ---- */

static GPtrArray *new_argv(const tw_job *job)
{
  GPtrArray *argv = g_ptr_array_new_with_free_func(g_free);
  const char *words[] = {"tokenworks", "run", job->scenario, "-o", job->directory, "--quiet"};
  for (guint i = 0; i < G_N_ELEMENTS(words); i++)
    g_ptr_array_add(argv, g_strdup(words[i]));
  for (char **assignment = job->assignments; *assignment != NULL; assignment++) {
    g_ptr_array_add(argv, g_strdup("--set"));
    g_ptr_array_add(argv, g_strdup(*assignment));
  }
  return argv;
}

char *tw_job_command(const tw_job *job)
{
  g_autoptr(GPtrArray) argv = new_argv(job);
  GString *line = g_string_new(NULL);
  for (guint i = 0; i < argv->len; i++) {
    const char *word = argv->pdata[i];
    gboolean plain = strpbrk(word, " \t\n'\"$&|;<>()*?[]#~`\\{}!") == NULL && *word != '\0';
    g_autofree char *quoted = plain ? g_strdup(word) : g_shell_quote(word);
    g_string_append_printf(line, "%s%s", i > 0 ? " " : "", quoted);
  }
  return g_string_free(line, FALSE);
}

/* In the child: it does not outlive its parent, which may have died before this was said. */
static void die_with_parent(gpointer parent)
{
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != GPOINTER_TO_INT(parent))
    _exit(128 + SIGKILL);
}

static gboolean start(tw_job *job, GError **error)
{
  if (g_mkdir_with_parents(job->directory, 0777) != 0)
    return tw_input_error_set(error, TW_INPUT_ERROR_FILE, job->directory, 0, "cannot be made: %s",
                              g_strerror(errno));
  g_autoptr(GPtrArray) argv = new_argv(job);
  g_ptr_array_insert(argv, 0, g_strdup(THIS_PROGRAM));
  if (job->overwrite)
    g_ptr_array_add(argv, g_strdup("--force"));
  g_ptr_array_add(argv, NULL);
  job->start_us = g_get_monotonic_time();
  return g_spawn_async(NULL, (char **)argv->pdata, NULL,
                       G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_FILE_AND_ARGV_ZERO | G_SPAWN_CHILD_INHERITS_STDIN,
                       die_with_parent, GINT_TO_POINTER(getpid()), &job->pid, error);
}

/* Waits for the end of one of the jobs, which it returns. SIGTERM is passed on to all that run; Ctrl-C
 * reaches them by itself, and a second one would end them at once. */
static tw_job *wait_for_one(const GPtrArray *jobs)
{
  gboolean told = FALSE;
  for (;;) {
    int status;
    pid_t pid = waitpid(-1, &status, 0);
    if (interrupted == SIGTERM && !told) {
      for (guint i = 0; i < jobs->len; i++)
        if (((tw_job *)jobs->pdata[i])->pid > 0)
          kill(((tw_job *)jobs->pdata[i])->pid, SIGTERM);
      told = TRUE;
    }
    g_assert(pid > 0 || errno == EINTR);
    for (guint i = 0; pid > 0 && i < jobs->len; i++) {
      tw_job *job = jobs->pdata[i];
      if (job->pid != pid)
        continue;
      job->pid = 0;
      job->wall_s = (double)(g_get_monotonic_time() - job->start_us) / 1e6;
      job->code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
      return job;
    }
  }
}

/* A process that ended well and left no complete summary has failed all the same. */
static void settle(tw_job *job)
{
  json_t *summary = tw_run_summary_read(job->directory, NULL);
  gboolean complete = summary != NULL && !json_is_true(json_object_get(summary, "partial"));
  if (summary != NULL)
    json_decref(summary);
  if (job->code == 0 && complete)
    job->state = TW_JOB_DONE;
  else
    job->state = interrupted != 0 ? TW_JOB_WAITING : TW_JOB_FAILED;
}

/* Without SA_RESTART, so that it wakes who waits. */
static void catch_interrupts(void)
{
  struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND};
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
}

/* Finds the jobs that are done already; FALSE where a directory holds something else. */
static gboolean keep_what_is_done(const GPtrArray *jobs, const tw_jobs_options *options, guint *n_ended,
                                  GError **error)
{
  for (guint i = 0; i < jobs->len; i++) {
    tw_job *job = jobs->pdata[i];
    tw_job_holding holding = tw_job_look(job);
    job->overwrite = holding != TW_JOB_NOTHING;
    if (holding == TW_JOB_DIFFERENT && !options->again)
      return tw_input_error_set(
          error, TW_INPUT_ERROR_FILE, job->directory, 0,
          "holds the run of something else, or of files that have changed since; name another "
          "directory, or overwrite it with --force");
    if (holding != TW_JOB_SAME || options->again)
      continue;
    job->state = TW_JOB_KEPT;
    ++*n_ended;
    if (options->ended != NULL)
      options->ended(options->user, job, *n_ended, jobs->len);
  }
  return TRUE;
}

/* Starts the next job that is not done. FALSE where there is none, or with `error` set. */
static gboolean start_next(const GPtrArray *jobs, guint *next, GError **error)
{
  while (*next < jobs->len && interrupted == 0) {
    tw_job *job = jobs->pdata[(*next)++];
    if (job->state != TW_JOB_KEPT)
      return start(job, error);
  }
  return FALSE;
}

int tw_jobs_run(const GPtrArray *jobs, const tw_jobs_options *options, GError **error)
{
  guint next = 0, n_ended = 0;
  gint64 running = 0;
  int failed = 0;
  g_autoptr(GError) problem = NULL;
  if (!keep_what_is_done(jobs, options, &n_ended, error))
    return -1;
  catch_interrupts();
  for (;;) {
    while (problem == NULL && running < options->at_once && start_next(jobs, &next, &problem))
      running++;
    if (running == 0)
      break;
    tw_job *job = wait_for_one(jobs);
    running--;
    settle(job);
    n_ended++;
    failed += job->state == TW_JOB_FAILED ? 1 : 0;
    if (options->ended != NULL)
      options->ended(options->user, job, n_ended, jobs->len);
  }
  if (problem == NULL)
    return failed;
  g_propagate_error(error, g_steal_pointer(&problem));
  return -1;
}
