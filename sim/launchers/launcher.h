/* Launchers: ways to work off a list of jobs, a row each of a table.
 *
 *                        ┌─ local: processes of this machine, some at once
 *     tw_jobs_run ──────►│
 *                        └─ slurm: tasks of job arrays, each a process that runs many jobs
 *
 * A launcher starts jobs and says which has ended. Whether that one is done is judged by its directory alone,
 * so that the result of a list does not depend on who worked it off, how often it was killed, or in which
 * order. */
#ifndef TW_SIM_LAUNCHER_H
#define TW_SIM_LAUNCHER_H

#include "sim/launchers/job.h"

typedef struct tw_launcher tw_launcher;

typedef struct tw_jobs_options {
  const tw_launcher *launcher; /* NULL: local */
  gint64 at_once;              /* jobs, or tasks of an array; 0: as many as there are processors */
  gboolean again;              /* run also what was done, and overwrite what else the directories hold */
  const char *directory;       /* Directory in which the launcher may keep files; needed by slurm alone. */
  double expected_s;           /* seconds that a job takes, from those before; 0: not known */
  /* Called after each job that has ended or was kept, with the number of those so far and of all; or NULL. */
  void (*ended)(void *user, const tw_job *job, guint n_ended, guint n_jobs);
  void *user;
} tw_jobs_options;

struct tw_launcher {
  const char *name, *help;
  /* Begins to work off the jobs that are TW_JOB_WAITING, in their order, which all outlive the batch. NULL
   * with `error`: nothing was started. */
  void *(*submit)(const GPtrArray *jobs, const tw_jobs_options *options, GError **error);
  /* Waits until a job has ended, with its code and seconds, or was given up after an interrupt, and returns
   * it; each once. NULL: none is left that goes, or, with `error`, no more can be started. */
  tw_job *(*collect)(void *batch, GError **error);
  void (*free)(void *batch);
};
extern const tw_launcher tw_launcher_local, tw_launcher_slurm;
extern const tw_launcher *const tw_launchers[]; /* ends with NULL */

/* Values of --launcher, and its help: for tables of options. */
#define TW_LAUNCHER_NAMES "local|slurm"

/* The launcher of that name; NULL text: local. NULL with TW_INPUT_ERROR. */
const tw_launcher *tw_launcher_find(const char *name, GError **error);

/* Runs `jobs` (of tw_job *) in their order and returns how many failed, or -1 with `error` set where a
 * process cannot be started, or a directory holds another run. SIGINT and SIGTERM start nothing more: what
 * runs on this machine comes to its end, what waits elsewhere is cancelled. See tw_jobs_interrupted. */
int tw_jobs_run(const GPtrArray *jobs, const tw_jobs_options *options, GError **error);

/* The signal that asked for an end since the program started, or 0. */
int tw_jobs_interrupted(void);

/* For launchers: a child's set-up that makes the kernel kill it when this process dies, so that nobody writes
 * into a directory behind a second attempt. `parent`: this process's id, as a pointer. */
void tw_jobs_die_with_parent(gpointer parent);

#endif
