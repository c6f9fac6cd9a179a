#include "sim/planner/search.h"

void tw_search_say(const tw_search *s, const char *format, ...)
{
  if (s->options->said == NULL)
    return;
  va_list arguments;
  va_start(arguments, format);
  g_autofree char *line = g_strdup_vprintf(format, arguments);
  va_end(arguments);
  s->options->said(s->options->user, line);
}

static void report_end(void *user, const tw_job *job, guint n_ended, guint n_jobs)
{
  const tw_search *s = user;
  (void)n_ended, (void)n_jobs;
  if (job->state == TW_JOB_FAILED)
    tw_search_say(s, "%s ended with exit code %d", job->directory, job->code);
}

/* How long a run takes of those that were run now; what it was before if none was. */
static double mean_run_s(const GPtrArray *jobs, double before_s)
{
  double sum_s = 0;
  guint n = 0;
  for (guint i = 0; i < jobs->len; i++) {
    const tw_job *job = jobs->pdata[i];
    if (job->state == TW_JOB_DONE && job->wall_s > 0) {
      sum_s += job->wall_s;
      n++;
    }
  }
  return n > 0 ? sum_s / n : before_s;
}

gboolean tw_search_run(tw_search *s, const GPtrArray *jobs, GError **error)
{
  tw_jobs_options options = {.launcher = s->options->launcher,
                             .at_once = s->options->at_once,
                             .again = s->options->again,
                             .directory = s->answer->designs->directory,
                             .expected_s = s->run_s,
                             .ended = report_end,
                             .user = s};
  int failed = tw_jobs_run(jobs, &options, error);
  s->answer->runs += jobs->len;
  s->run_s = mean_run_s(jobs, s->run_s);
  if (failed < 0)
    return FALSE;
  if (tw_jobs_interrupted() != 0) {
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INTR, "interrupted; the same command goes on from here");
    return FALSE;
  }
  for (guint i = 0; failed > 0 && i < jobs->len; i++) {
    const tw_job *job = jobs->pdata[i];
    if (job->state != TW_JOB_FAILED)
      continue;
    g_autofree char *command = tw_job_command(job);
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "a run ended with exit code %d: %s", job->code,
                command);
    return FALSE;
  }
  return TRUE;
}

/* The job of a design in a size under the load times `factor`, all of it or a slice. `scenario`: its file. */
tw_job *tw_search_job(const tw_search *s, const tw_design *design, const char *scenario, double size,
                      double factor, double slice_s, const char *const *more, const char *directory,
                      const gint64 *seed, GError **error)
{
  g_auto(GStrv) whole =
      tw_design_assignments(s->answer->designs, design, size, &s->answer->demand, factor, error);
  if (whole == NULL)
    return NULL;
  g_auto(GStrv) slice = isfinite(slice_s) ? tw_demand_slice(&s->answer->demand, factor, slice_s) : NULL;
  g_autoptr(GStrvBuilder) all = g_strv_builder_new();
  g_strv_builder_addv(all, (const char **)whole);
  if (slice != NULL)
    g_strv_builder_addv(all, (const char **)slice);
  if (more != NULL)
    g_strv_builder_addv(all, (const char **)more);
  g_auto(GStrv) assignments = g_strv_builder_end(all);
  return tw_job_new(scenario, directory, (const char *const *)assignments, seed);
}

double tw_search_size(const tw_search *s, const tw_design *design, double level)
{
  return tw_question_objective(s->question)->finds_load ? design->estimate_size : level;
}

double tw_search_factor(const tw_search *s, double level)
{
  return tw_question_objective(s->question)->finds_load ? s->question->growth * level : s->question->growth;
}
