#include "sim/launchers/launcher.h"

#include "platforms/input/fault.h"

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

const tw_launcher *const tw_launchers[] = {&tw_launcher_local, &tw_launcher_slurm, NULL};

const tw_launcher *tw_launcher_find(const char *name, GError **error)
{
  const char *names[G_N_ELEMENTS(tw_launchers)] = {NULL};
  for (guint i = 0; tw_launchers[i] != NULL; i++) {
    if (name == NULL || g_str_equal(tw_launchers[i]->name, name))
      return tw_launchers[i];
    names[i] = tw_launchers[i]->name;
  }
  g_autofree char *right = tw_suggestion(name, names);
  tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0, "there is no launcher \"%s\"; %s", name, right);
  return NULL;
}

/* ---- Interrupts ---- */

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal_number)
{
  interrupted = signal_number;
}

int tw_jobs_interrupted(void)
{
  return interrupted;
}

/* Without SA_RESTART, so that it wakes who waits. */
static void catch_interrupts(void)
{
  struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND};
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
}

/* The parent may have died before this was said. */
void tw_jobs_die_with_parent(gpointer parent)
{
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != GPOINTER_TO_INT(parent))
    _exit(128 + SIGKILL);
}

/* ---- Work lists ---- */

/* Finds the jobs that are done already; FALSE where a directory holds something else. */
static gboolean keep_what_is_done(const GPtrArray *jobs, const tw_jobs_options *options, guint *n_ended,
                                  GError **error)
{
  g_autoptr(GHashTable) sums = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  for (guint i = 0; i < jobs->len; i++) {
    tw_job *job = jobs->pdata[i];
    tw_job_holding holding = tw_job_look(job, sums);
    if (holding == TW_JOB_DIFFERENT && !options->again && !job->overwrite)
      return tw_input_error_set(
          error, TW_INPUT_ERROR_FILE, job->directory, 0,
          "holds the run of something else, or of files that have changed since; name another "
          "directory, or overwrite it with --force");
    job->overwrite = holding != TW_JOB_NOTHING;
    if (holding != TW_JOB_SAME || options->again)
      continue;
    job->state = TW_JOB_KEPT;
    ++*n_ended;
    if (options->ended != NULL)
      options->ended(options->user, job, *n_ended, jobs->len);
  }
  return TRUE;
}

/* A process that ended well and left no complete summary has failed all the same. */
static void settle(tw_job *job)
{
  double wall_s;
  if (job->code == 0 && tw_job_is_complete(job, &wall_s))
    job->state = TW_JOB_DONE;
  else
    job->state = interrupted != 0 ? TW_JOB_WAITING : TW_JOB_FAILED;
}

int tw_jobs_run(const GPtrArray *jobs, const tw_jobs_options *options, GError **error)
{
  const tw_launcher *launcher = options->launcher != NULL ? options->launcher : &tw_launcher_local;
  guint n_ended = 0;
  int failed = 0;
  g_autoptr(GError) problem = NULL;
  if (!keep_what_is_done(jobs, options, &n_ended, error))
    return -1;
  if (n_ended == jobs->len)
    return 0;
  catch_interrupts();
  void *batch = launcher->submit(jobs, options, error);
  if (batch == NULL)
    return -1;
  for (tw_job *job; (job = launcher->collect(batch, &problem)) != NULL;) {
    settle(job);
    n_ended++;
    failed += job->state == TW_JOB_FAILED ? 1 : 0;
    if (options->ended != NULL)
      options->ended(options->user, job, n_ended, jobs->len);
  }
  launcher->free(batch);
  if (problem == NULL)
    return failed;
  g_propagate_error(error, g_steal_pointer(&problem));
  return -1;
}
