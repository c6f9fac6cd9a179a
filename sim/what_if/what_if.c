#include "sim/what_if/what_if.h"

#include "analysis/log/run_summary.h"
#include "sim/launchers/launcher.h"
#include "sim/what_if/knob.h"

#include <math.h>

#define KEPT 0.99 /* attainment at which the SLO counts as kept */

static const char *const metrics[] = {"slo.attainment",
                                      "ttft_s.p99",
                                      "tpot_s.p99",
                                      "load.output_tokens_per_s",
                                      "energy.j_per_output_token",
                                      "cost.usd_per_million_output_tokens"};
enum { METRICS = G_N_ELEMENTS(metrics), ATTAINMENT = 0, JOULES = 4 };

/* A knob, or the scenario as it is, over all seeds. */
typedef struct trial {
  const char *name; /* NULL: as it is */
  char **assignments;
  GPtrArray *jobs; /* borrowed, of tw_job */
  double *values;  /* [seed][metric] */
  double gain[METRICS], noise[METRICS];
  gboolean failed;
} trial;

static void clear_trial(void *data)
{
  trial *t = data;
  g_ptr_array_unref(t->jobs);
  g_free(t->values);
}

static void add_trial(GArray *trials, GPtrArray *jobs, const tw_rerun *rerun,
                      const tw_what_if_options *options, gint64 seeds, const char *name, char **assignments)
{
  trial t = {name, assignments, g_ptr_array_new(), g_new(double, (gsize)seeds *METRICS), {0}, {0}, FALSE};
  for (gint64 s = 0; s < seeds; s++) {
    gint64 seed = rerun->scenario->seed + s;
    g_autofree char *folder = g_strdup_printf("%u-seed-%" G_GINT64_FORMAT, trials->len, seed);
    g_autofree char *directory = g_build_filename(options->output, folder, NULL);
    tw_job *job = tw_job_new(rerun->path, directory, (const char *const *)assignments, &seed);
    g_ptr_array_add(jobs, job);
    g_ptr_array_add(t.jobs, job);
  }
  g_array_append_val(trials, t);
}

static void tell(void *user, const tw_job *job, guint n_ended, guint n_jobs)
{
  const tw_what_if_options *options = user;
  g_autofree char *line = g_strdup_printf("%u of %u runs: %s", n_ended, n_jobs, job->directory);
  if (options->said != NULL)
    options->said(options->user, line);
}

static double *value_of(const trial *t, guint seed, int metric)
{
  return &t->values[(gsize)seed * METRICS + (gsize)metric];
}

const char *tw_attainment_metric(const tw_rerun *rerun)
{
  return isnan(rerun->scenario->until_s) ? metrics[ATTAINMENT] : "slo.attainment_judged";
}

static void read_values(trial *t, const tw_rerun *rerun)
{
  for (guint s = 0; s < t->jobs->len; s++) {
    const tw_job *job = t->jobs->pdata[s];
    json_t *summary = job->state == TW_JOB_DONE || job->state == TW_JOB_KEPT
                          ? tw_run_summary_read(job->directory, NULL)
                          : NULL;
    t->failed |= summary == NULL;
    for (int m = 0; m < METRICS; m++)
      *value_of(t, s, m) =
          summary != NULL
              ? tw_run_summary_number(summary, m == ATTAINMENT ? tw_attainment_metric(rerun) : metrics[m])
              : NAN;
    json_decref(summary);
  }
}

/* Half of the 95 % interval of a mean is this times the standard error; by degrees of freedom from 1. */
static double student(guint freedom)
{
  static const double t[] = {12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262};
  return freedom == 0 ? NAN : freedom <= G_N_ELEMENTS(t) ? t[freedom - 1] : 2;
}

static void compare(trial *t, const trial *now)
{
  guint n = t->jobs->len;
  for (int m = 0; m < METRICS; m++) {
    double sum = 0, squares = 0;
    for (guint s = 0; s < n; s++)
      sum += *value_of(t, s, m) - *value_of(now, s, m);
    t->gain[m] = sum / n;
    for (guint s = 0; s < n; s++) {
      double off = *value_of(t, s, m) - *value_of(now, s, m) - t->gain[m];
      squares += off * off;
    }
    t->noise[m] = n > 1 ? student(n - 1) * sqrt(squares / (n - 1) / n) : NAN;
  }
}

static double mean_of(const trial *t, int metric)
{
  double sum = 0;
  for (guint s = 0; s < t->jobs->len; s++)
    sum += *value_of(t, s, metric);
  return sum / t->jobs->len;
}

/* Larger is better: see the header. */
static double merit(const trial *t, const trial *now)
{
  double before = mean_of(now, ATTAINMENT), after = before + t->gain[ATTAINMENT];
  if (t->failed)
    return -INFINITY;
  if (before < KEPT)
    return t->gain[ATTAINMENT];
  return isnan(before) || after >= KEPT ? -t->gain[JOULES] : -1e30 + after;
}

static gint by_merit(gconstpointer a, gconstpointer b, gpointer user)
{
  double x = merit(a, user), y = merit(b, user);
  return (x < y) - (x > y);
}

static void set_number(json_t *object, const char *key, double value)
{
  if (isfinite(value))
    json_object_set_new(object, key, json_real(value));
}

static json_t *describe_knob(const trial *t)
{
  json_t *knob = json_pack("{s:s, s:[]}", "name", t->name, "assignments");
  for (char **assignment = t->assignments; *assignment != NULL; assignment++)
    json_array_append_new(json_object_get(knob, "assignments"), json_string(*assignment));
  if (t->failed) {
    g_autofree char *command = tw_job_command(t->jobs->pdata[0]);
    json_object_set_new(knob, "failed", json_string(command));
    return knob;
  }
  for (int m = 0; m < METRICS; m++) {
    json_t *change = json_object();
    set_number(change, "gain", t->gain[m]);
    set_number(change, "noise", t->noise[m]);
    if (json_object_size(change) > 0)
      json_object_set(knob, metrics[m], change);
    json_decref(change);
  }
  return knob;
}

static json_t *describe(GArray *trials, gint64 seeds, gboolean by_chance)
{
  trial now = g_array_index(trials, trial, 0);
  json_t *object = json_pack("{s:I, s:b, s:[], s:{}, s:[]}", "seeds", (json_int_t)seeds, "by_chance",
                             by_chance, "metrics", "now", "knobs");
  for (int m = 0; m < METRICS; m++) {
    json_array_append_new(json_object_get(object, "metrics"), json_string(metrics[m]));
    set_number(json_object_get(object, "now"), metrics[m], mean_of(&now, m));
  }
  g_autoptr(GArray) sorted = g_array_new(FALSE, FALSE, sizeof(trial));
  g_array_append_vals(sorted, &g_array_index(trials, trial, 1), trials->len - 1);
  g_array_sort_with_data(sorted, by_merit, &now);
  for (guint i = 0; i < sorted->len; i++)
    json_array_append_new(json_object_get(object, "knobs"), describe_knob(&g_array_index(sorted, trial, i)));
  return object;
}

/* Runs the jobs from the first on. FALSE with `error`, also where the user ended it. */
static gboolean run_jobs(const GPtrArray *jobs, const tw_what_if_options *options, GError **error)
{
  tw_jobs_options how = {.at_once = options->at_once, .ended = tell, .user = (void *)options};
  if (tw_jobs_run(jobs, &how, error) < 0)
    return FALSE;
  if (tw_jobs_interrupted() != 0) {
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INTR, "interrupted; the same command goes on from here");
    return FALSE;
  }
  return TRUE;
}

/* Says how many runs are to come, and how long they will take if each takes as long as the run as it is. */
static void foretell(const tw_what_if_options *options, guint knobs, guint runs, double each_s)
{
  double s = each_s * ceil(runs / (double)options->at_once);
  g_autofree char *line =
      g_strdup_printf("%u changes in %u runs, %" G_GINT64_FORMAT " at a time: about %.*f %s", knobs, runs,
                      options->at_once, s < 9.95 ? 1 : 0, s < 120 ? s : s / 60, s < 120 ? "s" : "min");
  if (options->said != NULL)
    options->said(options->user, line);
}

/* Whether the seed changes anything: not where a trace is replayed and no router draws. */
static gboolean differs(const trial *t)
{
  for (guint s = 1; s < t->jobs->len; s++)
    for (int m = 0; m < METRICS; m++) {
      double first = *value_of(t, 0, m), value = *value_of(t, s, m);
      if (value != first && !(isnan(value) && isnan(first)))
        return TRUE;
    }
  return FALSE;
}

json_t *tw_what_if(const tw_rerun *rerun, const tw_what_if_options *options, GError **error)
{
  g_autoptr(GArray) knobs = tw_knobs_of(rerun->scenario, options->output, error);
  g_autoptr(GPtrArray) now = g_ptr_array_new_with_free_func((GDestroyNotify)tw_job_free),
                       changed = g_ptr_array_new_with_free_func((GDestroyNotify)tw_job_free);
  g_autoptr(GArray) trials = g_array_new(FALSE, FALSE, sizeof(trial));
  g_array_set_clear_func(trials, clear_trial);
  if (knobs == NULL)
    return NULL;
  add_trial(trials, now, rerun, options, options->seeds, NULL, NULL);
  gint64 began_us = g_get_monotonic_time();
  if (!run_jobs(now, options, error))
    return NULL;
  double each_s = 1e-6 * (double)(g_get_monotonic_time() - began_us) /
                  ceil((double)options->seeds / (double)options->at_once);
  read_values(&g_array_index(trials, trial, 0), rerun);
  if (g_array_index(trials, trial, 0).failed) {
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "the run as it is failed: see %s", options->output);
    return NULL;
  }
  gboolean by_chance = differs(&g_array_index(trials, trial, 0));
  gint64 seeds = by_chance ? options->seeds : 1;
  for (guint i = 0; i < knobs->len; i++) {
    const tw_knob *knob = &g_array_index(knobs, tw_knob, i);
    add_trial(trials, changed, rerun, options, seeds, knob->name, knob->assignments);
  }
  foretell(options, knobs->len, changed->len, each_s);
  if (!run_jobs(changed, options, error))
    return NULL;
  for (guint i = 1; i < trials->len; i++) {
    trial *t = &g_array_index(trials, trial, i);
    read_values(t, rerun);
    compare(t, &g_array_index(trials, trial, 0));
  }
  return describe(trials, seeds, by_chance || options->seeds == 1);
}
