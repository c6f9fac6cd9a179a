/* The summary's numbers of jobs. */
#include "sim/site/jobs.h"

#include <math.h>

static double per(double amount, double of)
{
  return of > 0 ? amount / of : NAN;
}

/* Sums over all jobs. */
typedef struct job_sums {
  tw_site_job_totals totals;
  double tokens, model_flops, peak_flops_s;
} job_sums;

static void add(job_sums *sums, const tw_site_job *job, const tw_site_job_totals *t)
{
  tw_site_job_totals *to = &sums->totals;
  double steps = (double)t->steps;
  to->steps += t->steps;
  to->checkpoints += t->checkpoints;
  to->stops += t->stops;
  to->lost_steps += t->lost_steps;
  to->span_s += t->span_s;
  to->kept_s += t->kept_s;
  to->energy.joules += t->energy.joules;
  for (int i = 0; i < TW_JOB_TIME_COUNT; i++)
    to->time_s[i] += t->time_s[i];
  sums->tokens += steps * job->plan.cost.tokens;
  sums->model_flops += steps * job->plan.cost.model_flops;
  sums->peak_flops_s += job->plan.cost.peak_flops * t->span_s;
}

void tw_site_jobs_measure(const tw_site_jobs *jobs, double end_s, tw_metric_values *v)
{
  static const tw_metric_id shares[TW_JOB_TIME_COUNT] = {[TW_JOB_COMPUTE] = TW_METRIC_TRAINING_COMPUTE,
                                                         [TW_JOB_BUBBLE] = TW_METRIC_TRAINING_BUBBLE,
                                                         [TW_JOB_EXPOSED] = TW_METRIC_TRAINING_EXPOSED,
                                                         [TW_JOB_OPTIMIZER] = TW_METRIC_TRAINING_OPTIMIZER,
                                                         [TW_JOB_CHECKPOINT] = TW_METRIC_TRAINING_CHECKPOINT,
                                                         [TW_JOB_STRAGGLING] = TW_METRIC_TRAINING_STRAGGLING,
                                                         [TW_JOB_DOWN] = TW_METRIC_TRAINING_DOWN};
  const tw_scenario *scenario = tw_site_jobs_scenario(jobs);
  job_sums sums = {0};
  for (int i = 0; i < scenario->n_jobs; i++) {
    tw_site_job_totals t = tw_site_jobs_totals(jobs, i, end_s);
    add(&sums, &scenario->jobs[i], &t);
  }
  const tw_site_job_totals *t = &sums.totals;
  v->of[TW_METRIC_TRAINING_STEPS] = (double)t->steps;
  v->of[TW_METRIC_TRAINING_TOKENS] = sums.tokens;
  v->of[TW_METRIC_TRAINING_STEP_S] = per(t->kept_s, (double)t->steps);
  v->of[TW_METRIC_TRAINING_TOKENS_PER_S] = per(sums.tokens, t->span_s) * scenario->n_jobs;
  v->of[TW_METRIC_TRAINING_MFU] = per(sums.model_flops, sums.peak_flops_s);
  v->of[TW_METRIC_TRAINING_GOODPUT] = per(t->kept_s, t->span_s);
  for (int i = 0; i < TW_JOB_TIME_COUNT; i++)
    v->of[shares[i]] = per(t->time_s[i], t->span_s);
  v->of[TW_METRIC_TRAINING_CHECKPOINTS] = (double)t->checkpoints;
  v->of[TW_METRIC_TRAINING_STOPS] = (double)t->stops;
  v->of[TW_METRIC_TRAINING_LOST_STEPS] = (double)t->lost_steps;
  v->of[TW_METRIC_TRAINING_J] = t->energy.joules;
  v->of[TW_METRIC_TRAINING_J_PER_TOKEN] = per(t->energy.joules, sums.tokens);
}

static void set(json_t *object, const char *name, double value)
{
  if (isfinite(value))
    json_object_set_new(object, name, json_real(value));
}

json_t *tw_site_jobs_describe(const tw_site_jobs *jobs, double end_s)
{
  const tw_scenario *scenario = tw_site_jobs_scenario(jobs);
  json_t *list = json_array();
  for (int i = 0; i < scenario->n_jobs; i++) {
    const tw_site_job *job = &scenario->jobs[i];
    tw_site_job_totals t = tw_site_jobs_totals(jobs, i, end_s);
    double steps = (double)t.steps;
    g_autofree char *id = g_utf8_make_valid(job->id, -1);
    json_t *object =
        json_pack("{s:s, s:s, s:I, s:I}", "id", id, "kind", tw_site_job_kind_names[job->kind], "accelerators",
                  (json_int_t)tw_site_job_accelerators(job), "steps", (json_int_t)t.steps);
    set(object, "tokens", steps * job->plan.cost.tokens);
    set(object, "step_s", per(t.kept_s, steps));
    set(object, "tokens_per_s", per(steps * job->plan.cost.tokens, t.span_s));
    set(object, "mfu", per(steps * job->plan.cost.model_flops, job->plan.cost.peak_flops * t.span_s));
    set(object, "goodput", per(t.kept_s, t.span_s));
    set(object, "j", t.energy.joules);
    json_array_append_new(list, object);
  }
  return list;
}
