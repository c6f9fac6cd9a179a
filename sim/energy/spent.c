#include "sim/energy/spent.h"

#include <math.h>

static gboolean agrees(double sum, double whole)
{
  return isnan(whole) || fabs(sum - whole) <= 1e-9 * fmax(1, fabs(whole));
}

static void audit(const tw_usage *usage, double end_s)
{
  double sum_s = 0, sum_j = 0;
  for (int c = 0; c < TW_TIME_CLASS_COUNT; c++) {
    g_assert(usage->class_s[c] >= -1e-9 * fmax(1, end_s));
    sum_s += usage->class_s[c];
    sum_j += usage->class_j[c];
  }
  g_assert(agrees(sum_s, end_s));
  g_assert(agrees(sum_j, usage->prefill_j + usage->decode_j + usage->collective_j + usage->idle_j));
}

tw_spent tw_spent_of(const tw_scenario *scenario, tw_engine *const *engines, const tw_site_power *power,
                     double end_s)
{
  tw_spent spent = {0};
  double spare = (double)tw_platform_accelerators(scenario->platform);
  for (int i = 0; i < scenario->n_jobs;
       i++) { /* those that share the accelerators of engines have none besides */
    double accelerators =
        tw_site_job_shares(&scenario->jobs[i]) ? 0 : scenario->jobs[i].plan.power.accelerators;
    spare -= accelerators;
    spent.jobs_s += accelerators * end_s;
  }
  for (int i = 0; i < scenario->plan.n_engines; i++) {
    const tw_pool *pool = &scenario->pools[scenario->plan.engines[i].pool];
    double accelerators = (double)(pool->tp * pool->pp * pool->dp);
    tw_usage usage = tw_engine_total(engines[i], end_s);
    if (scenario->audit)
      audit(&usage, end_s);
    spare -= accelerators;
    for (int c = 0; c < TW_TIME_CLASS_COUNT; c++) {
      spent.seconds[c] += accelerators * usage.class_s[c];
      spent.joules[c] += usage.class_j[c];
    }
  }
  spent.seconds[TW_TIME_IDLE] += spare * end_s;
  spent.joules[TW_TIME_IDLE] += power->site.spare_w * end_s;
  return spent;
}

void tw_spent_measure(const tw_spent *spent, tw_metric_values *v)
{
  const double *of = v->of;
  double jobs_j = of[TW_METRIC_TRAINING_J] > 0 ? of[TW_METRIC_TRAINING_J] : 0;
  double all_s = spent->jobs_s, all_j = jobs_j, site_j = of[TW_METRIC_ENERGY_SITE_J];
  double capital = of[TW_METRIC_COST_CAPITAL_USD], electricity = of[TW_METRIC_COST_ELECTRICITY_USD];
  for (int c = 0; c < TW_TIME_CLASS_COUNT; c++) {
    all_s += spent->seconds[c];
    all_j += spent->joules[c];
  }
  double by_time = !isnan(capital) && all_s > 0 ? capital / all_s : 0;
  double by_joule = !isnan(electricity) && site_j > 0 ? electricity / site_j : 0;
  for (int c = 0; c < TW_TIME_CLASS_COUNT; c++) {
    v->of[TW_METRIC_SPENT_S_WEIGHTS + c] = spent->seconds[c];
    v->of[TW_METRIC_SPENT_J_WEIGHTS + c] = spent->joules[c];
    if (!isnan(of[TW_METRIC_COST_USD]))
      v->of[TW_METRIC_SPENT_USD_WEIGHTS + c] =
          by_time * spent->seconds[c] + (by_joule != 0 ? by_joule * spent->joules[c] : 0);
  }
  if (spent->jobs_s > 0 || jobs_j > 0) {
    v->of[TW_METRIC_SPENT_S_JOBS] = spent->jobs_s;
    v->of[TW_METRIC_SPENT_J_JOBS] = jobs_j;
    if (!isnan(of[TW_METRIC_COST_USD]))
      v->of[TW_METRIC_SPENT_USD_JOBS] = by_time * spent->jobs_s + (by_joule != 0 ? by_joule * jobs_j : 0);
  }
  v->of[TW_METRIC_SPENT_J_BESIDE] = site_j - all_j;
  if (!isnan(of[TW_METRIC_COST_USD]))
    v->of[TW_METRIC_SPENT_USD_BESIDE] = by_joule != 0 ? by_joule * (site_j - all_j) : 0;
}

/* The metrics of what tokens cost, by what of it jobs may bear a share. */
static const tw_metric_id per_joule[] = {TW_METRIC_ENERGY_J_PER_OUTPUT_TOKEN,
                                         TW_METRIC_LOAD_J_PER_OUTPUT_TOKEN,
                                         TW_METRIC_CARBON_G_PER_MILLION_OUTPUT_TOKENS,
                                         TW_METRIC_CARBON_G_PER_MILLION_TOKENS_INPUT,
                                         TW_METRIC_CARBON_G_PER_MILLION_TOKENS_REASONING,
                                         TW_METRIC_CARBON_G_PER_MILLION_TOKENS_ANSWER};
static const tw_metric_id per_usd[] = {
    TW_METRIC_COST_USD_PER_MILLION_OUTPUT_TOKENS, TW_METRIC_LOAD_USD_PER_MILLION_OUTPUT_TOKENS,
    TW_METRIC_COST_USD_PER_MILLION_TOKENS_INPUT, TW_METRIC_COST_USD_PER_MILLION_TOKENS_REASONING,
    TW_METRIC_COST_USD_PER_MILLION_TOKENS_ANSWER};

void tw_spent_leave_out_jobs(tw_metric_values *v)
{
  const double *of = v->of;
  if (isnan(of[TW_METRIC_SPENT_S_JOBS]))
    return;
  double accelerators_j = of[TW_METRIC_ENERGY_SITE_J] - of[TW_METRIC_SPENT_J_BESIDE];
  double of_joules = accelerators_j > 0 ? of[TW_METRIC_SPENT_J_JOBS] / accelerators_j : 0;
  double jobs_usd = of[TW_METRIC_SPENT_USD_JOBS] + of_joules * of[TW_METRIC_SPENT_USD_BESIDE];
  double of_usd = of[TW_METRIC_COST_USD] > 0 ? jobs_usd / of[TW_METRIC_COST_USD] : 0;
  for (guint i = 0; i < G_N_ELEMENTS(per_joule); i++)
    v->of[per_joule[i]] *= 1 - of_joules;
  for (guint i = 0; i < G_N_ELEMENTS(per_usd); i++)
    v->of[per_usd[i]] *= 1 - of_usd;
  if (of_joules < 1)
    v->of[TW_METRIC_ENERGY_OUTPUT_TOKENS_PER_S_PER_MW] /= 1 - of_joules;
}
