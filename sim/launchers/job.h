/* Jobs: runs of this program, each in a process and a run directory of its own.
 *
 *     work list ──► tw_jobs_run (launcher.h) ──► `tokenworks run SCENARIO -o DIRECTORY ...`, some at once
 *                       │
 *                       └─ a job whose directory holds the complete run of the same inputs is kept
 *
 * A job is done when its directory holds a complete summary, whatever a process said as it ended. So a work
 * list that was killed at any instant can be run again: finished jobs are kept, half-done ones are run
 * anew. */
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
  gboolean overwrite; /* its directory holds a run that is to be replaced; may be set beforehand */
  GPid pid;           /* 0: not running here */
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
/* `sums` (NULL: none) keeps the checksums of input files, by path, so that those which many jobs share are
 * read once: a table of owned strings. */
tw_job_holding tw_job_look(const tw_job *job, GHashTable *sums);

/* Whether the directory of a job holds a complete summary, of whatever run, and the seconds that it took. */
gboolean tw_job_is_complete(const tw_job *job, double *wall_s);

/* The words of a job's command line, the first being "tokenworks"; ends without NULL. The caller frees it. */
GPtrArray *tw_job_words(const tw_job *job);
/* The command line of a job, as a shell reads it. The caller frees it. */
char *tw_job_command(const tw_job *job);

/* Work lists as files: the jobs of numbered tasks, for other processes to work them off. `tasks` is an array
 * of arrays of tw_job *. */
gboolean tw_jobs_write(const GPtrArray *tasks, const char *path, GError **error);
/* The jobs of one task. NULL with `error` where the file cannot be read or has no such task. The caller frees
 * them. */
GPtrArray *tw_jobs_read(const char *path, guint task, GError **error);
/* Path at which a task notes the exit code of one of its jobs that has failed by itself. The caller frees
 * it. */
char *tw_jobs_note(const char *path, guint task, guint job);

#endif
