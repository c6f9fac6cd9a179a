#include "sim/launchers/job.h"

#include "analysis/log/run_directory.h"
#include "analysis/log/run_summary.h"
#include "platforms/input/fault.h"
#include "sim/scenario/world.h"

#include <jansson.h>

#include <math.h>

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

/* The checksum of a file, from the table or taken now; NULL where it cannot be read. The caller frees it. */
static char *sum_of(const char *file, GHashTable *sums)
{
  const char *known = sums != NULL ? g_hash_table_lookup(sums, file) : NULL;
  g_autofree char *bytes = NULL;
  gsize length = 0;
  if (known != NULL)
    return g_strdup(known);
  if (!g_file_get_contents(file, &bytes, &length, NULL))
    return NULL;
  char *sum = g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *)bytes, length);
  if (sums != NULL)
    g_hash_table_insert(sums, g_strdup(file), g_strdup(sum));
  return sum;
}

/* Whether every file that a run read is still what it was. */
static gboolean inputs_agree(const json_t *inputs, GHashTable *sums)
{
  gsize i;
  json_t *input;
  json_array_foreach(inputs, i, input)
  {
    const char *file = json_string_value(json_object_get(input, "file"));
    const char *sha256 = json_string_value(json_object_get(input, "sha256"));
    g_autofree char *sum = file != NULL && sha256 != NULL ? sum_of(file, sums) : NULL;
    if (sum == NULL || !g_str_equal(sum, sha256))
      return FALSE;
  }
  return json_array_size(inputs) > 0;
}

/* Whether the run that began in the directory is of the job's scenario with its assignments. */
static gboolean is_of(const tw_job *job, const json_t *run)
{
  const char *canonical = json_string_value(json_object_get(run, "scenario"));
  g_autoptr(tw_faults) faults = tw_faults_new();
  g_autoptr(tw_world) world = tw_world_load(job->scenario, (const char *const *)job->assignments, faults);
  return world != NULL && canonical != NULL && g_str_equal(world->canonical, canonical);
}

static gboolean is_current(const json_t *run, GHashTable *sums)
{
  const char *version = json_string_value(json_object_get(run, "tokenworks"));
  return version != NULL && g_str_equal(version, TW_VERSION) &&
         inputs_agree(json_object_get(run, "inputs"), sums);
}

/* Whether a run came to its end, which may be that of its scenario (until). */
static gboolean is_complete(const json_t *run, const json_t *summary)
{
  if (run == NULL || summary == NULL)
    return FALSE;
  const json_t *until_s = json_object_get(run, "until_s");
  return !json_is_true(json_object_get(summary, "partial")) ||
         (until_s != NULL && tw_run_summary_number(summary, "simulated_s") >= json_number_value(until_s));
}

tw_job_holding tw_job_look(const tw_job *job, GHashTable *sums)
{
  g_autofree char *path = g_build_filename(job->directory, "run.json", NULL);
  if (!g_file_test(path, G_FILE_TEST_EXISTS))
    return TW_JOB_NOTHING;
  json_t *run = json_load_file(path, 0, NULL);
  json_t *summary = tw_run_summary_read(job->directory, NULL);
  gboolean complete = is_complete(run, summary);
  tw_job_holding holding = TW_JOB_DIFFERENT;
  if (run == NULL) /* cut off as it was written: a run that was killed as it began */
    holding = TW_JOB_HALF;
  else if (is_of(job, run))
    holding = !complete ? TW_JOB_HALF : is_current(run, sums) ? TW_JOB_SAME : TW_JOB_DIFFERENT;
  if (summary != NULL)
    json_decref(summary);
  if (run != NULL)
    json_decref(run);
  return holding;
}

gboolean tw_job_is_complete(const tw_job *job, double *wall_s)
{
  json_t *summary = tw_run_summary_read(job->directory, NULL);
  json_t *run = summary != NULL ? tw_run_json_read(job->directory, NULL) : NULL;
  gboolean complete = is_complete(run, summary);
  *wall_s = complete ? tw_run_summary_number(summary, "wall_s") : NAN;
  json_decref(run);
  if (summary != NULL)
    json_decref(summary);
  return complete;
}

/* ---- Command lines and lists ---- */

GPtrArray *tw_job_words(const tw_job *job)
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
  g_autoptr(GPtrArray) argv = tw_job_words(job);
  GString *line = g_string_new(NULL);
  for (guint i = 0; i < argv->len; i++) {
    const char *word = argv->pdata[i];
    gboolean plain = strpbrk(word, " \t\n'\"$&|;<>()*?[]#~`\\{}!") == NULL && *word != '\0';
    g_autofree char *quoted = plain ? g_strdup(word) : g_shell_quote(word);
    g_string_append_printf(line, "%s%s", i > 0 ? " " : "", quoted);
  }
  return g_string_free(line, FALSE);
}

static json_t *describe(const tw_job *job)
{
  json_t *assignments = json_array();
  for (char **assignment = job->assignments; *assignment != NULL; assignment++)
    json_array_append_new(assignments, json_string(*assignment));
  return json_pack("{s:s, s:s, s:o, s:b}", "scenario", job->scenario, "directory", job->directory,
                   "assignments", assignments, "overwrite", job->overwrite);
}

gboolean tw_jobs_write(const GPtrArray *tasks, const char *path, GError **error)
{
  json_t *all = json_array();
  for (guint t = 0; t < tasks->len; t++) {
    const GPtrArray *jobs = tasks->pdata[t];
    json_t *task = json_array();
    for (guint i = 0; i < jobs->len; i++)
      json_array_append_new(task, describe(jobs->pdata[i]));
    json_array_append_new(all, task);
  }
  char *text = json_dumps(all, JSON_INDENT(1));
  gboolean good = g_file_set_contents(path, text, -1, error);
  free(text);
  json_decref(all);
  return good;
}

static tw_job *read_job(json_t *object)
{
  const char *scenario, *directory;
  json_t *assignments, *assignment;
  gsize i;
  int overwrite;
  if (json_unpack(object, "{s:s, s:s, s:o, s:b}", "scenario", &scenario, "directory", &directory,
                  "assignments", &assignments, "overwrite", &overwrite) != 0)
    return NULL;
  g_autoptr(GPtrArray) all = g_ptr_array_new();
  json_array_foreach(assignments, i, assignment)
  {
    if (!json_is_string(assignment))
      return NULL;
    g_ptr_array_add(all, (gpointer)json_string_value(assignment));
  }
  g_ptr_array_add(all, NULL);
  tw_job *job = tw_job_new(scenario, directory, (const char *const *)all->pdata, NULL);
  job->overwrite = overwrite != 0;
  return job;
}

GPtrArray *tw_jobs_read(const char *path, guint task, GError **error)
{
  json_error_t problem;
  json_t *all = json_load_file(path, 0, &problem), *object;
  gsize i;
  if (all == NULL) {
    tw_input_error_set(error, TW_INPUT_ERROR_VALUE, path, problem.line > 0 ? problem.line : 0, "%s",
                       problem.text);
    return NULL;
  }
  GPtrArray *jobs = g_ptr_array_new_with_free_func((GDestroyNotify)tw_job_free);
  json_array_foreach(json_array_get(all, task), i, object)
  {
    tw_job *job = read_job(object);
    if (job == NULL) {
      tw_input_error_set(error, TW_INPUT_ERROR_VALUE, path, 0, "job %zu of task %u is not as sweeps write it",
                         i, task);
      g_clear_pointer(&jobs, g_ptr_array_unref);
      break;
    }
    g_ptr_array_add(jobs, job);
  }
  if (jobs != NULL && jobs->len == 0) {
    tw_input_error_set(error, TW_INPUT_ERROR_VALUE, path, 0, "has no jobs for task %u", task);
    g_clear_pointer(&jobs, g_ptr_array_unref);
  }
  json_decref(all);
  return jobs;
}

char *tw_jobs_note(const char *path, guint task, guint job)
{
  return g_strdup_printf("%s.failed.%u.%u", path, task, job);
}
