/* Jobs: runs of this program, each in a process and a run directory of its own.
 *
 *     work list ──► tw_jobs_run ──► `tokenworks run SCENARIO -o DIRECTORY ...`, some at once
 *                       │
 *                       └─ a job whose directory holds the complete run of the same inputs is kept
 *
 * A job is done when its directory holds a complete summary, whatever a process said as it ended. So a work
 * list that was killed at any instant can be run again: finished jobs are kept, half-done ones are run anew.
 * Children are killed by the kernel when their parent dies, so that nobody writes into a directory behind a
 * second attempt. */
#ifndef TW_SIM_JOB_H
#define TW_SIM_JOB_H

#include <glib.h>

typedef enum {
  TW_JOB_WAITING, /* not started, or cut off by an interrupt */
  TW_JOB_KEPT,    /* its directory held the run already */
  TW_JOB_DONE,
  TW_JOB_FAILED
} tw_job_state;

typedef struct tw_job {
  char *scenario, *directory; /* paths */
  char **assignments;         /* "XPATH=VALUE", NULL-terminated, the seed among them */
  tw_job_state state;
  int code; /* exit code of its process, 128 + N where signal N ended it */
  double wall_s;
  gboolean overwrite; /* its directory holds a run that is to be replaced */
  GPid pid;           /* 0: not running */
  gint64 start_us;
} tw_job;

/* `assignments` is NULL-terminated, or NULL; a `seed` that is not NULL replaces the scenario's. All are
 * copied. */
tw_job *tw_job_new(const char *scenario, const char *directory, const char *const *assignments,
                   const gint64 *seed);
void tw_job_free(tw_job *job);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tw_job, tw_job_free)

/* The state of a job's directory. */
typedef enum {
  TW_JOB_NOTHING, /* no run */
  TW_JOB_HALF,    /* a run that was cut off, or still goes */
  TW_JOB_SAME, /* the complete run of this job: scenario, assignments, version and every input file agree */
  TW_JOB_DIFFERENT, /* a complete run of something else */
  TW_JOB_HOLDINGS
} tw_job_holding;
tw_job_holding tw_job_look(const tw_job *job);

/* The command line of a job, as a shell reads it. The caller frees it. */
char *tw_job_command(const tw_job *job);

typedef struct tw_jobs_options {
  gint64 at_once; /* processes, >= 1 */
  gboolean again; /* run also what was done, and overwrite what else the directories hold */
  /* Called after each job that has ended or was kept, with the number of those so far and of all; or NULL. */
  void (*ended)(void *user, const tw_job *job, guint n_ended, guint n_jobs);
  void *user;
} tw_jobs_options;

/* Runs `jobs` (of tw_job *) in their order and returns how many failed, or -1 with `error` set where a
 * process cannot be started, or a directory holds another run. SIGINT and SIGTERM let what runs come to its
 * end and start nothing more: see tw_jobs_interrupted. */
int tw_jobs_run(const GPtrArray *jobs, const tw_jobs_options *options, GError **error);

/* The signal that asked for an end since the program started, or 0. */
int tw_jobs_interrupted(void);

#endif
