/* The launcher for one machine: a process per job, some at once. */
#include "platforms/input/fault.h"
#include "sim/launchers/launcher.h"

#include <glib/gstdio.h>

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define THIS_PROGRAM "/proc/self/exe"

typedef struct batch {
  const GPtrArray *jobs;
  guint next; /* index of the job that is looked at next */
  gint64 running, at_once;
} batch;

static gboolean start(tw_job *job, GError **error)
{
  if (g_mkdir_with_parents(job->directory, 0777) != 0)
    return tw_input_error_set(error, TW_INPUT_ERROR_FILE, job->directory, 0, "cannot be made: %s",
                              g_strerror(errno));
  g_autoptr(GPtrArray) argv = tw_job_words(job);
  g_ptr_array_insert(argv, 0, g_strdup(THIS_PROGRAM));
  if (job->overwrite)
    g_ptr_array_add(argv, g_strdup("--force"));
  g_ptr_array_add(argv, NULL);
  job->start_us = g_get_monotonic_time();
  return g_spawn_async(NULL, (char **)argv->pdata, NULL,
                       G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_FILE_AND_ARGV_ZERO | G_SPAWN_CHILD_INHERITS_STDIN,
                       tw_jobs_die_with_parent, GINT_TO_POINTER(getpid()), &job->pid, error);
}

/* Starts the next job that waits. FALSE where there is none, or with `error` set. */
static gboolean start_next(batch *b, GError **error)
{
  while (b->next < b->jobs->len && tw_jobs_interrupted() == 0) {
    tw_job *job = b->jobs->pdata[b->next++];
    if (job->state == TW_JOB_WAITING)
      return start(job, error);
  }
  return FALSE;
}

/* Waits for the end of one of the jobs, which it returns. SIGTERM is passed on to all that run; Ctrl-C
 * reaches them by itself, and a second one would end them at once. */
static tw_job *wait_for_one(const GPtrArray *jobs)
{
  gboolean told = FALSE;
  for (;;) {
    int status;
    pid_t pid = waitpid(-1, &status, 0);
    if (tw_jobs_interrupted() == SIGTERM && !told) {
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

static void *submit(const GPtrArray *jobs, const tw_jobs_options *options, GError **error)
{
  (void)error;
  batch *b = g_new0(batch, 1);
  *b = (batch){.jobs = jobs,
               .at_once = options->at_once > 0 ? options->at_once : (gint64)g_get_num_processors()};
  return b;
}

/* If a job cannot be started, those that run are waited for first. */
static tw_job *collect(void *data, GError **error)
{
  batch *b = data;
  while (*error == NULL && b->running < b->at_once && start_next(b, error))
    b->running++;
  if (b->running == 0)
    return NULL;
  b->running--;
  return wait_for_one(b->jobs);
}

const tw_launcher tw_launcher_local = {"local", "processes of this machine", submit, collect, g_free};
