/* The launcher for clusters: job arrays of Slurm.
 *
 *     waiting jobs ──► tasks of some minutes ──► sbatch --array ──► `tokenworks work LIST --task K` on a node
 *          ▲                                                              │
 *          └─ lost: its task has left the queue,  ◄── squeue ─────────────┤
 *             and there is neither                                        ▼
 *                                                     summary.json, or a note that the run has failed
 *
 * Slurm's exit codes are never asked: a task that was requeued may go on behind a killed child and end well.
 * A job is done when its summary is complete. It has failed when its task noted the exit code of a run that
 * ended by itself; whoever left neither was killed, and is submitted again.
 *
 * Starting a task takes longer than many runs, so that tasks hold many jobs. Where nobody knows how long a job
 * takes, some are submitted alone first. */
#include "platforms/input/fault.h"
#include "sim/launchers/launcher.h"

#include <glib/gstdio.h>

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define PILOTS        8    /* jobs that are run first where nothing is known of their time */
#define SHORT_S       60   /* a task holds jobs of at least so long, if there are enough */
#define LONG_S        300  /* A task holds jobs of no more than this in all, unless one alone takes longer. */
#define FEW_S         5    /* the least of a task where the user wants many at once */
#define ATTEMPTS      3    /* a job is submitted so often before it is given up */
#define UNSEEN        3    /* looks at the queue without a task before it has ended: files may come late */
#define DEFAULT_TASKS 1001 /* in an array, as Slurm is shipped */
#define FIRST_POLL_US 500000 /* doubles up to the last one */
#define LAST_POLL_US  4000000
#define LOST_CODE     (128 + SIGKILL)

typedef enum { WAITING, SUBMITTED, ENDED, REPORTED } entry_state;

/* A job on its way. */
typedef struct entry {
  tw_job *job;
  entry_state state;
  guint attempts, unseen;
  char *task; /* "ARRAY_INDEX"; NULL: never submitted */
  char *note; /* path at which its task notes that it has failed */
} entry;

typedef struct batch {
  const tw_jobs_options *options;
  char *folder, *name;       /* Folder of lists, and the name of all arrays of this directory. */
  GArray *entries;           /* Array of entry: those that were to be run. */
  guint waves;               /* arrays that were submitted */
  guint most_tasks;          /* Most tasks of an array. */
  gint64 poll_us, pilots_us; /* pilots_us: when the first of the pilots ran; 0: not yet */
  gboolean knows, cancelled; /* knows: how long jobs take */
  GHashTable *told;          /* reasons that were told */
} batch;

/* ---- Slurm's commands ---- */

/* Output of a command of Slurm; NULL with `error` where it fails. */
static char *ask(const char *const *argv, GError **error)
{
  g_autofree char *out = NULL, *err = NULL;
  int status;
  if (!g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, tw_jobs_die_with_parent,
                    GINT_TO_POINTER(getpid()), &out, &err, &status, error))
    return NULL;
  if (g_spawn_check_wait_status(status, NULL))
    return g_steal_pointer(&out);
  g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "%s: %s", argv[0], g_strstrip(err));
  return NULL;
}

static guint array_size(void)
{
  const char *argv[] = {"scontrol", "show", "config", NULL};
  g_autofree char *text = ask(argv, NULL);
  const char *line = text != NULL ? strstr(text, "MaxArraySize") : NULL;
  const char *equals = line != NULL ? strchr(line, '=') : NULL;
  guint64 size = equals != NULL ? g_ascii_strtoull(equals + 1, NULL, 10) : 0;
  return size > 0 && size < G_MAXINT ? (guint)size : DEFAULT_TASKS;
}

/* The tasks of this directory that Slurm still knows, with their states. NULL where it does not answer. */
static GHashTable *tasks_left(const batch *b)
{
  const char *argv[] = {"squeue", "--noheader",           "--me", "--array", "--name",
                        b->name,  "--format=%F_%K %T %r", NULL};
  g_autofree char *text = ask(argv, NULL);
  if (text == NULL)
    return NULL;
  GHashTable *left = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
  for (char **line = lines; *line != NULL; line++) {
    char *blank = strchr(*line, ' ');
    if (blank != NULL)
      g_hash_table_insert(left, g_strndup(*line, (gsize)(blank - *line)), g_strdup(blank + 1));
  }
  return left;
}

static void cancel(const batch *b)
{
  const char *argv[] = {"scancel", "--me", "--name", b->name, NULL};
  g_free(ask(argv, NULL));
}

/* A call that was killed left its arrays behind: they end before others write into the same directories. */
static gboolean cancel_earlier(const batch *b, GError **error)
{
  for (;;) {
    g_autoptr(GHashTable) left = tasks_left(b);
    if (left == NULL || g_hash_table_size(left) == 0)
      return TRUE;
    if (tw_jobs_interrupted() != 0) {
      g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INTR, "interrupted before anything was submitted");
      return FALSE;
    }
    cancel(b);
    g_usleep(FIRST_POLL_US);
  }
}

/* ---- Tasks ---- */

/* Seconds that an entry has taken; NAN: it is not known. Who still runs where pilots were to tell takes long. */
static double measured_s(const batch *b, const entry *e)
{
  g_assert(e->job != NULL);
  if (e->state == SUBMITTED && b->options->expected_s <= 0)
    return LONG_S;
  return e->state >= ENDED && e->job->code == 0 ? e->job->wall_s : NAN;
}

/* Seconds that each entry takes: between the jobs that were measured nearest before and after it in the list,
 * which changes along its axes. The caller frees them. */
static double *estimate(const batch *b)
{
  guint n = b->entries->len, next = 0; /* next: the first entry that has no seconds yet */
  double *seconds = g_new(double, n), last_s = NAN;
  for (guint i = 0; i < n; i++) {
    double own_s = measured_s(b, &g_array_index(b->entries, entry, i));
    if (isnan(own_s))
      continue;
    double from_s = isnan(last_s) ? own_s : last_s;
    for (guint k = next; k <= i; k++)
      seconds[k] = from_s + (own_s - from_s) * (k + 1 - next) / (i + 1 - next);
    next = i + 1;
    last_s = own_s;
  }
  double rest_s = !isnan(last_s) ? last_s : b->options->expected_s > 0 ? b->options->expected_s : FEW_S;
  for (guint k = next; k < n; k++)
    seconds[k] = rest_s;
  return seconds;
}

static GPtrArray *new_task(GPtrArray *tasks)
{
  GPtrArray *task = g_ptr_array_new();
  g_ptr_array_add(tasks, task);
  return task;
}

/* Some jobs alone in a task each, evenly from the whole list. */
static void add_pilots(const batch *b, const GArray *waiting, GPtrArray *tasks)
{
  guint n = MIN(PILOTS, waiting->len);
  for (guint p = 0; p < n; p++)
    g_ptr_array_add(new_task(tasks),
                    &g_array_index(b->entries, entry, g_array_index(waiting, guint, (p * waiting->len) / n)));
}

/* All that wait, in their order, a task being full where its jobs take long enough. */
static void add_tasks(const batch *b, const GArray *waiting, GPtrArray *tasks)
{
  g_autofree double *seconds = estimate(b);
  double all_s = 0;
  for (guint i = 0; i < waiting->len; i++)
    all_s += seconds[g_array_index(waiting, guint, i)];
  gint64 at_once = b->options->at_once;
  double least_s = at_once > 0 ? FEW_S : SHORT_S;
  double full_s = CLAMP(all_s / (double)(at_once > 0 ? at_once : b->most_tasks), least_s, LONG_S),
         task_s = INFINITY;
  GPtrArray *task = NULL;
  for (guint i = 0; i < waiting->len; i++) {
    guint k = g_array_index(waiting, guint, i);
    if (task == NULL || task_s + seconds[k] / 2 > full_s) {
      task = new_task(tasks);
      task_s = 0;
    }
    task_s += seconds[k];
    g_ptr_array_add(task, &g_array_index(b->entries, entry, k));
  }
}

/* ---- Submitting ---- */

/* Writes the work list and the script of an array. `tasks` is an array of arrays of entry *. */
static gboolean write_wave(const GPtrArray *tasks, const char *list, const char *script, GError **error)
{
  g_autoptr(GPtrArray) lists = g_ptr_array_new_with_free_func((GDestroyNotify)g_ptr_array_unref);
  g_autofree char *program = g_file_read_link("/proc/self/exe", error);
  if (program == NULL)
    return FALSE;
  for (guint t = 0; t < tasks->len; t++) {
    const GPtrArray *entries = tasks->pdata[t];
    GPtrArray *jobs = g_ptr_array_new();
    g_ptr_array_add(lists, jobs);
    for (guint i = 0; i < entries->len; i++)
      g_ptr_array_add(jobs, ((const entry *)entries->pdata[i])->job);
  }
  g_autofree char *quoted = g_shell_quote(program), *where = g_shell_quote(list);
  g_autofree char *text =
      g_strdup_printf("#!/bin/sh\nexec %s work %s --task \"$SLURM_ARRAY_TASK_ID\"\n", quoted, where);
  return tw_jobs_write(lists, list, error) && g_file_set_contents(script, text, -1, error);
}

/* Submits one array. */
static gboolean submit_array(batch *b, const GPtrArray *tasks, GError **error)
{
  g_autofree char *stem = g_strdup_printf("%s/%s-%u", b->folder, b->name, ++b->waves);
  g_autofree char *list = g_strconcat(stem, ".json", NULL), *script = g_strconcat(stem, ".sh", NULL);
  if (!write_wave(tasks, list, script, error))
    return FALSE;
  g_autoptr(GString) throttle = g_string_new(NULL);
  if (b->options->at_once > 0)
    g_string_printf(throttle, "%%%" G_GINT64_FORMAT, b->options->at_once);
  g_autofree char *array = g_strdup_printf("--array=0-%u%s", tasks->len - 1, throttle->str);
  /* A % in a path begins a pattern of Slurm. */
  g_auto(GStrv) parts = g_strsplit(stem, "%", -1);
  g_autofree char *escaped = g_strjoinv("%%", parts),
                  *output = g_strconcat("--output=", escaped, ".%a.txt", NULL);
  const char *argv[] = {"sbatch",    "--parsable",         "--job-name", b->name, array, "--ntasks=1",
                        "--requeue", "--open-mode=append", output,       script,  NULL};
  g_autofree char *id = ask(argv, error);
  if (id == NULL)
    return FALSE;
  id[strcspn(id, ";\n")] = '\0';
  for (guint t = 0; t < tasks->len; t++) {
    const GPtrArray *entries = tasks->pdata[t];
    for (guint i = 0; i < entries->len; i++) {
      entry *e = entries->pdata[i];
      g_free(e->task);
      g_free(e->note);
      e->task = g_strdup_printf("%s_%u", id, t);
      e->note = tw_jobs_note(list, t, i);
      e->state = SUBMITTED;
      e->attempts++;
      e->unseen = 0;
    }
  }
  return TRUE;
}

/* Submits what waits, or some of it to learn how long it takes. */
static gboolean submit_waiting(batch *b, GError **error)
{
  g_autoptr(GArray) waiting = g_array_new(FALSE, FALSE, sizeof(guint));
  for (guint i = 0; i < b->entries->len; i++)
    if (g_array_index(b->entries, entry, i).state == WAITING)
      g_array_append_val(waiting, i);
  g_autoptr(GPtrArray) tasks = g_ptr_array_new_with_free_func((GDestroyNotify)g_ptr_array_unref);
  if (b->knows)
    add_tasks(b, waiting, tasks);
  else
    add_pilots(b, waiting, tasks);
  for (guint first = 0; first < tasks->len; first += b->most_tasks) {
    g_autoptr(GPtrArray) some = g_ptr_array_new();
    for (guint t = first; t < MIN(tasks->len, first + b->most_tasks); t++)
      g_ptr_array_add(some, tasks->pdata[t]);
    if (!submit_array(b, some, error))
      return FALSE;
  }
  b->poll_us = FIRST_POLL_US;
  return TRUE;
}

static void clear_entry(gpointer data)
{
  g_free(((entry *)data)->task);
  g_free(((entry *)data)->note);
}

static void free_batch(void *data)
{
  batch *b = data;
  g_array_unref(b->entries);
  g_hash_table_unref(b->told);
  g_free(b->folder);
  g_free(b->name);
  g_free(b);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(batch, free_batch)

static void *submit(const GPtrArray *jobs, const tw_jobs_options *options, GError **error)
{
  g_autoptr(batch) b = g_new0(batch, 1);
  g_autofree char *full = g_canonicalize_filename(options->directory, NULL);
  g_autofree char *sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, full, -1);
  *b = (batch){.options = options,
               .folder = g_build_filename(full, ".slurm", NULL),
               .name = g_strdup_printf("tokenworks-%.12s", sum),
               .entries = g_array_new(FALSE, FALSE, sizeof(entry)),
               .knows = options->expected_s > 0,
               .told = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL)};
  g_array_set_clear_func(b->entries, clear_entry);
  g_autofree char *sbatch = g_find_program_in_path("sbatch");
  if (sbatch == NULL) {
    tw_input_error_set(
        error, TW_INPUT_ERROR_USAGE, NULL, 0,
        "--launcher slurm needs Slurm's commands, and there is no sbatch; run without it on this machine");
    return NULL;
  }
  if (g_mkdir_with_parents(b->folder, 0777) != 0) {
    tw_input_error_set(error, TW_INPUT_ERROR_FILE, b->folder, 0, "cannot be made: %s", g_strerror(errno));
    return NULL;
  }
  if (!cancel_earlier(b, error))
    return NULL;
  b->most_tasks = array_size();
  for (guint i = 0; i < jobs->len; i++) {
    tw_job *job = jobs->pdata[i];
    if (job->state != TW_JOB_WAITING)
      continue;
    /* A summary that lies there is not this job's, and must not be taken for it. */
    g_autofree char *stale = g_build_filename(job->directory, "summary.json", NULL);
    if (job->overwrite)
      g_unlink(stale);
    g_array_append_val(b->entries, ((entry){.job = job}));
  }
  return submit_waiting(b, error) ? g_steal_pointer(&b) : NULL;
}

/* ---- Collecting ---- */

/* Whether the job has ended by itself, and how. */
static gboolean has_ended(const entry *e)
{
  g_autofree char *code = NULL, *summary = g_build_filename(e->job->directory, "summary.json", NULL);
  if (g_file_test(summary, G_FILE_TEST_EXISTS) && tw_job_is_complete(e->job, &e->job->wall_s)) {
    e->job->code = 0;
    return TRUE;
  }
  if (!g_file_get_contents(e->note, &code, NULL, NULL))
    return FALSE;
  e->job->code = (int)g_ascii_strtoll(code, NULL, 10);
  return TRUE;
}

/* A task that Slurm holds back waits for a person. */
static void tell_if_held(batch *b, const char *task, const char *state)
{
  if ((strstr(state, "Held") == NULL && strstr(state, "held") == NULL) ||
      !g_hash_table_add(b->told, g_strdup(task)))
    return;
  fprintf(stderr, "note: Slurm holds task %s back (%s); `scontrol release %s` lets it go on\n", task, state,
          task);
}

/* One that was submitted: has it ended, or been lost? */
static void look_at(batch *b, entry *e, GHashTable *left)
{
  const char *state = g_hash_table_lookup(left, e->task);
  if (has_ended(e)) {
    e->state = ENDED;
    return;
  }
  if (state != NULL) {
    e->unseen = 0;
    tell_if_held(b, e->task, state);
    if (b->pilots_us == 0 && g_str_has_prefix(state, "RUNNING"))
      b->pilots_us = g_get_monotonic_time();
    return;
  }
  if (++e->unseen < UNSEEN)
    return;
  e->job->code = LOST_CODE;
  e->state = e->attempts < ATTEMPTS && !b->cancelled ? WAITING : ENDED;
}

/* Looks at the queue and at the directories. */
static void look(batch *b)
{
  g_autoptr(GHashTable) left = tasks_left(b);
  for (guint i = 0; left != NULL && i < b->entries->len; i++) {
    entry *e = &g_array_index(b->entries, entry, i);
    if (e->state == SUBMITTED)
      look_at(b, e, left);
  }
}

static guint count(const batch *b, entry_state state)
{
  guint n = 0;
  for (guint i = 0; i < b->entries->len; i++)
    n += g_array_index(b->entries, entry, i).state == state ? 1 : 0;
  return n;
}

/* An entry that has ended and was not told of. */
static tw_job *report_one(batch *b)
{
  for (guint i = 0; i < b->entries->len; i++) {
    entry *e = &g_array_index(b->entries, entry, i);
    if (e->state != ENDED)
      continue;
    e->state = REPORTED;
    return e->job;
  }
  return NULL;
}

/* Whether what waits may be submitted: pilots have told how long jobs take, if only that it is long. */
static gboolean may_submit(batch *b)
{
  gboolean long_enough =
      b->pilots_us > 0 && g_get_monotonic_time() - b->pilots_us > (gint64)SHORT_S * G_USEC_PER_SEC;
  return b->knows || count(b, SUBMITTED) == 0 || long_enough;
}

static tw_job *collect(void *data, GError **error)
{
  batch *b = data;
  for (;;) {
    tw_job *ended = report_one(b);
    if (ended != NULL)
      return ended;
    if (tw_jobs_interrupted() != 0 && !b->cancelled) {
      cancel(b);
      b->cancelled = TRUE;
    }
    guint submitted = count(b, SUBMITTED), waiting = count(b, WAITING);
    if (submitted == 0 && (waiting == 0 || b->cancelled || *error != NULL))
      return NULL;
    if (waiting > 0 && !b->cancelled && *error == NULL && may_submit(b)) {
      b->knows = TRUE;
      submit_waiting(b, error);
      continue;
    }
    g_usleep((gulong)b->poll_us);
    b->poll_us = MIN(2 * b->poll_us, LAST_POLL_US);
    look(b);
  }
}

const tw_launcher tw_launcher_slurm = {"slurm", "tasks of job arrays, for which sbatch must be there", submit,
                                       collect, free_batch};
