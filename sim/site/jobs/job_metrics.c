/* The summary's numbers of jobs. */
#include "sim/site/jobs/jobs.h"

#include <math.h>

static double per(double amount, double of)
{
  return of > 0 ? amount / of : NAN;
}

/* Sums over all jobs. */
typedef struct job_sums {
  tw_site_job_totals totals;
  double peak_flops_s;
} job_sums;

static void add(job_sums *sums, const tw_site_job *job, const tw_site_job_totals *t)
{
  tw_site_job_totals *to = &sums->totals;
  to->steps += t->steps;
  to->tokens += t->tokens;
  to->model_flops += t->model_flops;
  to->checkpoints += t->checkpoints;
  to->stops += t->stops;
  to->lost_steps += t->lost_steps;
  to->span_s += t->span_s;
  to->kept_s += t->kept_s;
  to->energy.joules += t->energy.joules;
  to->energy.burnt_j += t->energy.burnt_j;
  for (int i = 0; i < TW_JOB_TIME_COUNT; i++)
    to->time_s[i] += t->time_s[i];
  sums->peak_flops_s += job->plan.cost.peak_flops * t->span_s;
}

static void measure_rl(const tw_site_job_rl_totals *t, tw_metric_values *v)
{
  double steps = (double)t->steps;
  v->of[TW_METRIC_RL_STEPS] = steps;
  v->of[TW_METRIC_RL_STEPS_PER_HOUR] = per(3600 * steps, t->span_s);
  v->of[TW_METRIC_RL_STEP_S] = per(t->span_s, steps);
  v->of[TW_METRIC_RL_SYNC_S] = per(t->sync_s, steps);
  v->of[TW_METRIC_RL_TRAINER_IDLE] = per(t->wait_s, t->span_s);
  v->of[TW_METRIC_RL_ROLLOUT_IDLE] = 1 - per(t->busy_s, t->engine_s);
  v->of[TW_METRIC_RL_ROLLOUTS_PER_STEP] = per((double)t->rollouts, steps);
  v->of[TW_METRIC_RL_TOKENS_PER_STEP] = per((double)t->tokens, steps);
  v->of[TW_METRIC_RL_TOKENS_PER_S] = per((double)t->tokens, t->span_s);
  v->of[TW_METRIC_RL_UNUSED] = 1 - per((double)t->output_tokens, (double)t->emitted);
  v->of[TW_METRIC_RL_INTERRUPTED_PER_STEP] = per((double)t->interrupted, steps);
  v->of[TW_METRIC_RL_J_PER_STEP] = per(t->joules, steps);
  v->of[TW_METRIC_RL_J_PER_TOKEN] = per(t->joules, (double)t->tokens);
}

void tw_site_jobs_measure(const tw_site_jobs *jobs, double end_s, tw_metric_values *v)
{
  static const tw_metric_id shares[TW_JOB_TIME_COUNT] = {[TW_JOB_COMPUTE] = TW_METRIC_TRAINING_COMPUTE,
                                                         [TW_JOB_BUBBLE] = TW_METRIC_TRAINING_BUBBLE,
                                                         [TW_JOB_EXPOSED] = TW_METRIC_TRAINING_EXPOSED,
                                                         [TW_JOB_OPTIMIZER] = TW_METRIC_TRAINING_OPTIMIZER,
                                                         [TW_JOB_CHECKPOINT] = TW_METRIC_TRAINING_CHECKPOINT,
                                                         [TW_JOB_STRAGGLING] = TW_METRIC_TRAINING_STRAGGLING,
                                                         [TW_JOB_THROTTLED] = TW_METRIC_TRAINING_THROTTLED,
                                                         [TW_JOB_DOWN] = TW_METRIC_TRAINING_DOWN,
                                                         [TW_JOB_ROLLOUTS] = TW_METRIC_TRAINING_ROLLOUTS,
                                                         [TW_JOB_SWAP] = TW_METRIC_TRAINING_SWAP,
                                                         [TW_JOB_SYNC] = TW_METRIC_TRAINING_SYNC};
  const tw_scenario *scenario = tw_site_jobs_scenario(jobs);
  job_sums sums = {0};
  for (int i = 0; i < scenario->n_jobs; i++) {
    tw_site_job_totals t = tw_site_jobs_totals(jobs, i, end_s);
    add(&sums, &scenario->jobs[i], &t);
    if (scenario->jobs[i].kind == TW_SITE_JOB_RL)
      measure_rl(&t.rl, v);
  }
  const tw_site_job_totals *t = &sums.totals;
  v->of[TW_METRIC_TRAINING_STEPS] = (double)t->steps;
  v->of[TW_METRIC_TRAINING_TOKENS] = t->tokens;
  v->of[TW_METRIC_TRAINING_STEP_S] = per(t->kept_s, (double)t->steps);
  v->of[TW_METRIC_TRAINING_TOKENS_PER_S] = per(t->tokens, t->span_s) * scenario->n_jobs;
  v->of[TW_METRIC_TRAINING_MFU] = per(t->model_flops, sums.peak_flops_s);
  v->of[TW_METRIC_TRAINING_GOODPUT] = per(t->kept_s, t->span_s);
  gboolean rl = tw_scenario_rollouts(scenario) != NULL;
  for (int i = 0; i < (rl ? TW_JOB_TIME_COUNT : TW_JOB_ROLLOUTS); i++)
    v->of[shares[i]] = per(t->time_s[i], t->span_s);
  if (scenario->grid == NULL || !scenario->grid->smoothing)
    v->of[TW_METRIC_TRAINING_THROTTLED] = NAN;
  else
    v->of[TW_METRIC_GRID_BURNT_J] = t->energy.burnt_j;
  v->of[TW_METRIC_TRAINING_CHECKPOINTS] = (double)t->checkpoints;
  v->of[TW_METRIC_TRAINING_STOPS] = (double)t->stops;
  v->of[TW_METRIC_TRAINING_LOST_STEPS] = (double)t->lost_steps;
  v->of[TW_METRIC_TRAINING_J] = t->energy.joules;
  v->of[TW_METRIC_TRAINING_J_PER_TOKEN] = per(t->energy.joules, t->tokens);
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
    set(object, "tokens", t.tokens);
    set(object, "step_s", per(t.kept_s, steps));
    set(object, "tokens_per_s", per(t.tokens, t.span_s));
    set(object, "mfu", per(t.model_flops, job->plan.cost.peak_flops * t.span_s));
    set(object, "goodput", per(t.kept_s, t.span_s));
    set(object, "j", t.energy.joules);
    json_array_append_new(list, object);
  }
  return list;
}
