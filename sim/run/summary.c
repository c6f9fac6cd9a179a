#include "sim/run/summary.h"

#include "sim/energy/capital.h"
#include "sim/forecast/expected_error.h"
#include "sim/log/metric.h"
#include "sim/run/summary_parts.h"
#include "sim/site/failures/failures.h"
#include "sim/site/jobs/jobs.h"

#include <math.h>

static double per(double amount, double of)
{
  return of > 0 ? amount / of : NAN;
}

/* The statistics of a latency stand one behind the other in the table, from its mean on. */
static void set_latency(tw_metric_values *v, tw_metric_id mean, const tw_histogram *histogram)
{
  static const double quantiles[] = {0.5, 0.9, 0.95, 0.99};
  v->of[mean] = tw_histogram_mean(histogram);
  for (guint i = 0; i < G_N_ELEMENTS(quantiles); i++)
    v->of[mean + 1 + i] = tw_histogram_quantile(histogram, quantiles[i]);
  v->of[mean + 1 + G_N_ELEMENTS(quantiles)] = tw_histogram_max(histogram);
}

static const tw_metric_id latency_means[TW_LATENCY_KINDS] = {
#define X(name, ...) [TW_LATENCY_##name] = TW_METRIC_##name##_MEAN,
    TW_LATENCIES(X)
#undef X
};

/* Means of the parts of a request's life, in the order of the table. */
static void set_life(tw_metric_values *v, const tw_window *window)
{
  for (int i = 0; i < TW_LIFE_PART_COUNT; i++)
    v->of[TW_METRIC_LIFE_FRONT_END + i] = per(window->life_s[i], (double)window->lives);
}

static void set_requests(tw_metric_values *v, const tw_request_totals *totals)
{
  v->of[TW_METRIC_REQUESTS_ARRIVED] = (double)totals->arrived;
  for (int i = 0; i < TW_ENDING_KINDS; i++)
    v->of[TW_METRIC_REQUESTS_COMPLETED + i] = (double)totals->endings[i];
}

void tw_summary_add_rejections(json_t *summary, const tw_recorder *recorder)
{
  const GArray *found = tw_recorder_rejections(recorder);
  if (found->len == 0)
    return;
  json_t *array = json_array();
  for (guint i = 0; i < found->len; i++) {
    const tw_rejections *row = &g_array_index(found, tw_rejections, i);
    json_t *object = json_object();
    json_object_set_new(object, "reason", json_string(row->reason));
    json_object_set_new(object, "requests", json_integer((json_int_t)row->requests));
    json_array_append_new(array, object);
  }
  json_object_set_new(summary, "rejections", array);
}

static void set_tokens(tw_metric_values *v, const tw_scenario *scenario, const tw_request_totals *totals)
{
  v->of[TW_METRIC_TOKENS_PROMPT] = (double)totals->prompt_tokens;
  v->of[TW_METRIC_TOKENS_PROMPT_CACHED] = (double)totals->cached_tokens;
  if (tw_scenario_offloads(scenario)) {
    v->of[TW_METRIC_TOKENS_PROMPT_CACHED_HOST] = (double)totals->host_tokens;
    v->of[TW_METRIC_TOKENS_PROMPT_CACHED_STORE] = (double)totals->store_tokens;
  }
  v->of[TW_METRIC_TOKENS_RECOMPUTED] = (double)totals->recomputed_tokens;
  v->of[TW_METRIC_TOKENS_REASONING] = (double)totals->reasoning_tokens;
  v->of[TW_METRIC_TOKENS_ANSWER] = (double)totals->answer_tokens;
  v->of[TW_METRIC_TOKENS_OUTPUT] = (double)(totals->reasoning_tokens + totals->answer_tokens);
}

/* Sums over engines, weighted with their accelerators. */
typedef struct usage_sums {
  double accelerators, busy_s, prefill_s, flops, bytes, peak_flops, peak_bytes, kv_block_s, kv_blocks;
  guint64 preemptions, iterations;
  gint64 adapter_loads, adapter_fetches;
  double extrapolated;                   /* iterations */
  double clock_s;                        /* weighted like busy_s */
  double state_s[TW_ENGINE_STATE_COUNT]; /* engine seconds in each state */
} usage_sums;

static usage_sums sum_usage(const tw_scenario *scenario, const tw_factory *factory)
{
  usage_sums sums = {0};
  for (int i = 0; i < scenario->plan.n_engines; i++) {
    const tw_pool *pool = &scenario->pools[scenario->plan.engines[i].pool];
    const tw_engine *engine = tw_factory_engine(factory, i);
    tw_usage usage = tw_engine_total(engine, tw_factory_now(factory));
    double accelerators = (double)(pool->tp * pool->pp * pool->dp),
           peak = pool->plan.device->flops[pool->weights];
    sums.accelerators += accelerators;
    sums.busy_s += usage.busy_s * accelerators;
    sums.prefill_s += usage.prefill_s * accelerators;
    sums.flops += usage.flops;
    sums.bytes += usage.bytes;
    sums.peak_flops += accelerators * (isfinite(peak) ? peak : pool->plan.device->flops[TW_BF16]);
    sums.peak_bytes += accelerators * pool->plan.device->hbm_bytes_per_s;
    sums.clock_s += usage.clock_s * accelerators;
    sums.kv_block_s += usage.kv_block_s;
    sums.adapter_loads += usage.adapter_loads;
    sums.adapter_fetches += usage.adapter_fetches;
    for (int s = 0; s < TW_ENGINE_STATE_COUNT; s++)
      sums.state_s[s] += usage.state_s[s];
    sums.kv_blocks += (double)tw_engine_kv_blocks(engine);
    sums.preemptions += tw_engine_preemptions(engine);
    sums.iterations += tw_engine_iterations(engine);
    sums.extrapolated += tw_engine_extrapolated(engine) * (double)tw_engine_iterations(engine);
  }
  return sums;
}

/* For each pool and metric, what predictions like its own erred by. */
static json_t *expected_errors(const tw_scenario *scenario)
{
  json_t *list = json_array();
  for (int p = 0; p < scenario->n_pools; p++) {
    g_autoptr(GArray) errors = tw_expected_errors(&scenario->pools[p]);
    for (guint i = 0; i < errors->len; i++) {
      const tw_expected_error *e = &g_array_index(errors, tw_expected_error, i);
      g_autofree char *id = g_utf8_make_valid(scenario->pools[p].id, -1);
      json_array_append_new(list,
                            json_pack("{s:s, s:s, s:f, s:f, s:s, s:I, s:s}", "pool", id, "metric", e->metric,
                                      "median", e->median, "p90", e->p90, "grade", tw_grade_names[e->grade],
                                      "rows", (json_int_t)e->rows, "nearest", e->nearest));
    }
  }
  return list;
}

static void set_throughput(tw_metric_values *v, const tw_window *window, double accelerators)
{
  double output_per_s = per((double)window->output_tokens, window->length_s);
  v->of[TW_METRIC_THROUGHPUT_REQUESTS_PER_S] = per((double)window->completed, window->length_s);
  v->of[TW_METRIC_THROUGHPUT_OUTPUT_TOKENS_PER_S] = output_per_s;
  v->of[TW_METRIC_THROUGHPUT_TOTAL_TOKENS_PER_S] =
      per((double)(window->prompt_tokens + window->output_tokens), window->length_s);
  v->of[TW_METRIC_THROUGHPUT_OUTPUT_TOKENS_PER_S_PER_ACCELERATOR] = per(output_per_s, accelerators);
}

static void set_utilization(tw_metric_values *v, const usage_sums *sums, double span_s)
{
  v->of[TW_METRIC_UTILIZATION_ACCELERATOR_BUSY] = per(sums->busy_s, sums->accelerators * span_s);
  v->of[TW_METRIC_UTILIZATION_MFU] = per(sums->flops, sums->peak_flops * span_s);
  v->of[TW_METRIC_UTILIZATION_MBU] = per(sums->bytes, sums->peak_bytes * span_s);
  v->of[TW_METRIC_UTILIZATION_KV_USED] = per(sums->kv_block_s, sums->kv_blocks * span_s);
}

/* Rates over the time in which the load was on. */
static void set_load(tw_metric_values *v, const tw_scenario *scenario, const tw_factory *factory,
                     double accelerators)
{
  tw_load_time load = tw_factory_load(factory);
  double length_s = load.to.time_s - load.from.time_s, whole_s = load.to.whole_s - load.from.whole_s;
  double output_per_s = per(load.to.output_tokens - load.from.output_tokens, length_s);
  double prompt_per_s = per(load.to.prompt_tokens - load.from.prompt_tokens, length_s);
  double average_w = per(load.to.site_j - load.from.site_j, whole_s);
  double hour_usd = tw_capital_usd(scenario, 3600);
  if (scenario->plan.price != NULL)
    hour_usd = (isnan(hour_usd) ? 0 : hour_usd) + 3600 * per(load.to.usd - load.from.usd, whole_s);
  v->of[TW_METRIC_LOAD_START_S] = load.from.time_s;
  v->of[TW_METRIC_LOAD_END_S] = load.to.time_s;
  v->of[TW_METRIC_LOAD_DRAIN_SHARE] = 1 - per(load.to.time_s, tw_factory_now(factory));
  v->of[TW_METRIC_LOAD_REQUESTS_PER_S] = per(load.to.arrived - load.from.arrived, length_s);
  v->of[TW_METRIC_LOAD_OUTPUT_TOKENS_PER_S] = output_per_s;
  v->of[TW_METRIC_LOAD_TOTAL_TOKENS_PER_S] = prompt_per_s + output_per_s;
  v->of[TW_METRIC_LOAD_OUTPUT_TOKENS_PER_S_PER_ACCELERATOR] = per(output_per_s, accelerators);
  v->of[TW_METRIC_LOAD_ACCELERATOR_BUSY] = per(load.to.busy_s - load.from.busy_s, accelerators * length_s);
  v->of[TW_METRIC_LOAD_AVERAGE_W] = average_w;
  v->of[TW_METRIC_LOAD_J_PER_OUTPUT_TOKEN] = per(average_w, output_per_s);
  v->of[TW_METRIC_LOAD_USD_PER_HOUR] = hour_usd;
  v->of[TW_METRIC_LOAD_USD_PER_MILLION_OUTPUT_TOKENS] = per(1e6 * hour_usd / 3600, output_per_s);
}

/* The fleet's metrics are set where engines may park, or have yet to start. */
static void set_fleet(tw_metric_values *v, const tw_fleet *fleet, const usage_sums *sums)
{
  if (fleet == NULL)
    return;
  tw_fleet_totals totals = tw_fleet_record(fleet);
  for (int s = 0; s <= TW_ENGINE_LOADS; s++) /* the states behind it are those of failures */
    v->of[TW_METRIC_FLEET_SERVING_ENGINE_HOURS + s] = sums->state_s[s] / 3600;
  v->of[TW_METRIC_FLEET_WAKES] = (double)totals.wakes;
  v->of[TW_METRIC_FLEET_LOADS] = (double)totals.loads;
  v->of[TW_METRIC_FLEET_MEAN_LOAD_S] = per(totals.load_s, (double)totals.loads);
}

/* Sets the numbers of failures, for scenarios in which something may break. */
static void set_failures(tw_metric_values *v, const tw_factory *factory, const tw_window *window)
{
  const tw_failures *failures = tw_factory_failures(factory);
  if (failures == NULL)
    return;
  tw_failure_totals t = tw_failures_record(failures, tw_factory_now(factory));
  double engine_s = tw_factory_now(factory) * tw_factory_engines(factory);
  v->of[TW_METRIC_FAILURES_AVAILABILITY] = 1 - per(t.accelerator_down_s, t.accelerator_s);
  v->of[TW_METRIC_FAILURES_COUNT] = (double)t.failures;
  v->of[TW_METRIC_FAILURES_EXPECTED] = t.expected;
  v->of[TW_METRIC_FAILURES_LIMPS] = (double)t.limps;
  v->of[TW_METRIC_FAILURES_ENGINE_STOPS] = (double)t.engine_failures;
  v->of[TW_METRIC_FAILURES_ACCELERATOR_HOURS_DOWN] = t.accelerator_down_s / 3600;
  v->of[TW_METRIC_FAILURES_ENGINE_MTBF_S] = per(engine_s - t.engine_down_s, (double)t.engine_failures);
  v->of[TW_METRIC_FAILURES_ENGINE_MTTR_S] = per(t.recovery_s, (double)t.recoveries);
  v->of[TW_METRIC_FAILURES_REQUESTS_HIT] = (double)t.hit;
  v->of[TW_METRIC_FAILURES_RETRIES] = (double)t.retried;
  v->of[TW_METRIC_FAILURES_LOST_TOKENS] = (double)t.lost_tokens;
  v->of[TW_METRIC_FAILURES_DISCARDED_TOKENS] = (double)t.discarded_tokens;
  v->of[TW_METRIC_FAILURES_GOODPUT_LOST] = per((double)window->hit, (double)window->arrived);
  v->of[TW_METRIC_FAILURES_BLAST_REQUESTS] = (double)t.most_requests;
  v->of[TW_METRIC_FAILURES_BLAST_ENGINES] = (double)t.most_engines;
}

static void set_energy(tw_metric_values *v, const tw_energy *e, const tw_factory *factory, double limit_w,
                       const tw_request_totals *totals, const usage_sums *sums, double span_s)
{
  const tw_governor *governor = tw_factory_governor(factory);
  double output = (double)(totals->reasoning_tokens + totals->answer_tokens);
  double it_j = e->accelerator_j + e->host_j + e->network_j, site_j = it_j + e->overhead_j;
  v->of[TW_METRIC_ENERGY_SITE_J] = site_j;
  v->of[TW_METRIC_ENERGY_IT_J] = it_j;
  v->of[TW_METRIC_ENERGY_ACCELERATOR_J] = e->accelerator_j;
  v->of[TW_METRIC_ENERGY_HOST_J] = e->host_j;
  v->of[TW_METRIC_ENERGY_NETWORK_J] = e->network_j;
  v->of[TW_METRIC_ENERGY_OVERHEAD_J] = e->overhead_j;
  tw_breakdown_measure(tw_factory_breakdown(factory), e, v);
  v->of[TW_METRIC_ENERGY_REQUESTS_J] = totals->joules; /* Joules of prefill and decode. */
  v->of[TW_METRIC_ENERGY_J_PER_OUTPUT_TOKEN] = per(site_j, output);
  v->of[TW_METRIC_ENERGY_AVERAGE_W] = per(site_j, span_s);
  v->of[TW_METRIC_ENERGY_PEAK_W] = e->peak_w;
  v->of[TW_METRIC_ENERGY_PEAK_IT_W] = e->peak_it_w;
  v->of[TW_METRIC_ENERGY_OUTPUT_TOKENS_PER_S_PER_MW] = per(output * 1e6, site_j);
  v->of[TW_METRIC_ENERGY_PEAK_OF_SITE_POWER] = limit_w > 0 ? e->peak_w / limit_w : NAN;
  if (governor != NULL) {
    tw_cap_record record = tw_governor_record(governor);
    v->of[TW_METRIC_ENERGY_CAP_OVERSHOOT_W] = record.max_overshoot_w;
    v->of[TW_METRIC_ENERGY_CAP_EXCEEDED_S] = record.longest_over_s;
    v->of[TW_METRIC_ENERGY_CLOCK] = per(sums->clock_s, sums->busy_s);
  }
}

/* The draw that the grid has seen, and the battery's part where there is one. */
static void set_grid(tw_metric_values *v, const tw_grid *grid, const tw_grid_totals *t)
{
  v->of[TW_METRIC_GRID_J] = t->drawn_j;
  v->of[TW_METRIC_GRID_PEAK_W] = t->peak_w;
  v->of[TW_METRIC_GRID_RAMP_MW_PER_S] = 1e-6 * t->ramps.w_per_s;
  v->of[TW_METRIC_GRID_RAMP_MW_PER_MIN] = 1e-6 * t->ramps.w_per_min;
  v->of[TW_METRIC_GRID_LOAD_SWING_W] = t->load_swing_w;
  v->of[TW_METRIC_GRID_SWING_W] = t->swing_w;
  if (!isnan(grid->ramp_w_per_s))
    v->of[TW_METRIC_GRID_EXCEEDED_S] = t->exceeded_s;
  if (!grid->battery)
    return;
  v->of[TW_METRIC_GRID_BATTERY_LOSS_J] = t->loss_j;
  v->of[TW_METRIC_GRID_BATTERY_CHANGE_J] = t->stored_j - t->start_j;
  v->of[TW_METRIC_GRID_BATTERY_USED_J] = t->most_j - t->least_j;
}

/* Dollars (or grams) by kind of token: input, reasoning, answer, from the metric `input` on. Prompts bear the
 * share of electricity that prefill has in the dynamic joules, and of `capital` that it has in the
 * accelerators' time; output tokens the rest, all alike. */
static void set_per_million(tw_metric_values *v, tw_metric_id input, double electricity, double capital,
                            const tw_request_totals *totals, const usage_sums *sums,
                            const tw_scope_energy *site)
{
  double of_joules = per(site->prefill_j, site->prefill_j + site->decode_j);
  double of_time = per(sums->prefill_s, sums->busy_s);
  double output = (double)(totals->reasoning_tokens + totals->answer_tokens);
  double prompts = of_joules * electricity + (capital > 0 ? of_time * capital : 0);
  double each = per((electricity + capital - prompts) * 1e6, output);
  v->of[input] = per(prompts * 1e6, (double)totals->prompt_tokens);
  v->of[input + 1] = totals->reasoning_tokens > 0 ? each : NAN;
  v->of[input + 2] = each;
}

static void set_cost(tw_metric_values *v, const tw_energy *e, const tw_scenario *scenario,
                     const tw_factory *factory, const tw_request_totals *totals, const usage_sums *sums,
                     double span_s)
{
  const tw_scope_energy *site = &tw_factory_breakdown(factory)->site;
  double output = (double)(totals->reasoning_tokens + totals->answer_tokens);
  double capital = tw_capital_usd(scenario, span_s), hourly = isfinite(capital) ? capital : 0;
  /* A price that was asked for and cannot be computed leaves the sum unknown, too. */
  gboolean priced = scenario->plan.price != NULL || isfinite(capital);
  double usd = (scenario->plan.price != NULL ? e->usd : 0) + hourly;
  if (priced && isfinite(usd)) {
    v->of[TW_METRIC_COST_USD] = usd;
    v->of[TW_METRIC_COST_ELECTRICITY_USD] = scenario->plan.price != NULL ? e->usd : NAN;
    v->of[TW_METRIC_COST_CAPITAL_USD] = capital;
    v->of[TW_METRIC_COST_USD_PER_MILLION_OUTPUT_TOKENS] = per(usd * 1e6, output);
    set_per_million(v, TW_METRIC_COST_USD_PER_MILLION_TOKENS_INPUT, usd - hourly, hourly, totals, sums, site);
  }
  if (isfinite(e->grams)) {
    v->of[TW_METRIC_CARBON_G] = e->grams;
    v->of[TW_METRIC_CARBON_G_PER_MILLION_OUTPUT_TOKENS] = per(e->grams * 1e6, output);
    set_per_million(v, TW_METRIC_CARBON_G_PER_MILLION_TOKENS_INPUT, e->grams, 0, totals, sums, site);
  }
}

static void set_slo(tw_metric_values *v, const tw_window *window, double length_s)
{
  v->of[TW_METRIC_SLO_ATTAINMENT] = per((double)window->good, (double)window->arrived);
  v->of[TW_METRIC_SLO_ATTAINMENT_JUDGED] =
      per((double)window->good, (double)(window->arrived - window->unjudged));
  v->of[TW_METRIC_SLO_UNJUDGED] = (double)window->unjudged;
  v->of[TW_METRIC_SLO_GOODPUT_REQUESTS_PER_S] = per((double)window->good, length_s);
}

void tw_summary_write(const tw_metric_values *v, const char *const *sections, json_t *to)
{
  for (; *sections != NULL; sections++)
    tw_metrics_write(v, *sections, to);
}

void tw_summary_add_classes(json_t *summary, const tw_scenario *scenario, const tw_recorder *recorder)
{
  static const char *const sections[] = {"requests", "tokens",  "ttft_s", "ttfat_s", "tpot_s", "itl_s",
                                         "e2e_s",    "queue_s", "life",   "slo",     NULL};
  if (tw_recorder_classes(recorder) < 2)
    return;
  json_t *classes = json_object();
  for (guint c = 0; c < tw_recorder_classes(recorder); c++) {
    const tw_class_record *record = tw_recorder_class(recorder, c);
    json_t *class = json_object();
    g_autofree char *name = g_utf8_make_valid(record->name != NULL ? record->name : "", -1);
    tw_metric_values v;
    tw_metric_values_clear(&v);
    set_requests(&v, &record->totals);
    set_tokens(&v, scenario, &record->totals);
    for (int i = 0; i < TW_LATENCY_KINDS; i++)
      set_latency(&v, latency_means[i], record->latencies[i]);
    set_life(&v, &record->window);
    if (tw_slo_asks(&record->slo))
      set_slo(&v, &record->window, tw_recorder_window(recorder)->length_s);
    tw_summary_write(&v, sections, class);
    json_object_set_new(classes, name, class);
  }
  json_object_set_new(summary, "classes", classes);
}

static gboolean any_slo(const tw_scenario *scenario)
{
  tw_slo common = tw_scenario_slo(scenario, NULL);
  return tw_slo_asks(&common) || (scenario->class_slos != NULL && scenario->class_slos->len > 0);
}

void tw_summary_measure_requests(tw_metric_values *v, const tw_scenario *scenario,
                                 const tw_recorder *recorder, double accelerators)
{
  const tw_window *window = tw_recorder_window(recorder);
  const tw_request_totals *totals = tw_recorder_totals(recorder);
  set_requests(v, totals);
  set_tokens(v, scenario, totals);
  for (int i = 0; i < TW_LATENCY_KINDS; i++)
    set_latency(v, latency_means[i], tw_recorder_latency(recorder, (tw_latency)i));
  set_life(v, window);
  set_throughput(v, window, accelerators);
  if (any_slo(scenario))
    set_slo(v, window, window->length_s);
}

void tw_summary_measure(tw_metric_values *v, const tw_scenario *scenario, const tw_factory *factory,
                        const tw_recorder *recorder)
{
  const tw_window *window = tw_recorder_window(recorder);
  const tw_request_totals *totals = tw_recorder_totals(recorder);
  usage_sums sums = sum_usage(scenario, factory);
  tw_energy e = tw_factory_energy(factory);
  double span_s = tw_factory_now(factory);
  v->of[TW_METRIC_SIMULATED_S] = span_s;
  v->of[TW_METRIC_ITERATIONS] = (double)sums.iterations;
  v->of[TW_METRIC_PREEMPTIONS] = (double)sums.preemptions;
  if (tw_scenario_adapts(scenario)) {
    v->of[TW_METRIC_ADAPTERS_LOADS] = (double)sums.adapter_loads;
    v->of[TW_METRIC_ADAPTERS_FETCHES] = (double)sums.adapter_fetches;
  }
  v->of[TW_METRIC_ENGINES] = scenario->plan.n_engines;
  v->of[TW_METRIC_ACCELERATORS] = sums.accelerators;
  v->of[TW_METRIC_EXTRAPOLATED_ITERATIONS] = per(sums.extrapolated, (double)sums.iterations);
  tw_summary_measure_requests(v, scenario, recorder, sums.accelerators);
  set_load(v, scenario, factory, sums.accelerators);
  set_utilization(v, &sums, span_s);
  set_fleet(v, tw_factory_fleet(factory), &sums);
  set_failures(v, factory, window);
  if (tw_factory_jobs(factory) != NULL)
    tw_site_jobs_measure(tw_factory_jobs(factory), span_s, v);
  if (tw_factory_jobs(factory) != NULL || scenario->grid != NULL) {
    v->of[TW_METRIC_ENERGY_RAMP_MW_PER_S] = 1e-6 * e.ramps.w_per_s;
    v->of[TW_METRIC_ENERGY_RAMP_MW_PER_MIN] = 1e-6 * e.ramps.w_per_min;
  }
  if (scenario->grid != NULL)
    set_grid(v, scenario->grid, tw_factory_grid(factory));
  set_energy(v, &e, factory, scenario->platform->supply.site_w, totals, &sums, span_s);
  set_cost(v, &e, scenario, factory, totals, &sums, span_s);
  tw_spent_measure(tw_factory_spent(factory), v);
  tw_spent_leave_out_jobs(v);
}

void tw_summary_add_sessions(json_t *summary, const tw_stream *stream)
{
  tw_session_counts sessions;
  if (!tw_stream_session_counts(stream, &sessions))
    return;
  json_t *told = json_pack("{sI sI sI}", "started", (json_int_t)sessions.started, "completed",
                           (json_int_t)sessions.completed, "broken", (json_int_t)sessions.broken);
  double n = (double)sessions.measured;
  if (sessions.makespan_s > 0)
    json_object_update_new(told, json_pack("{sf sf sf sf}", "makespan_mean_s", sessions.makespan_s / n,
                                           "makespan_max_s", sessions.longest_s, "in_model_mean_s",
                                           sessions.model_s / n, "away_mean_s", sessions.away_s / n));
  json_object_set_new(summary, "sessions", told);
}

json_t *tw_summary_begin(const char *name, gboolean partial, const tw_metric_values *v,
                         const char *const *sections[3], const tw_scenario *scenario,
                         const tw_recorder *recorder)
{
  json_t *summary = json_object();
  json_object_set_new(summary, "scenario", json_string(name));
  json_object_set_new(summary, "partial", json_boolean(partial));
  tw_summary_write(v, sections[0], summary);
  tw_summary_add_rejections(summary, recorder);
  tw_summary_write(v, sections[1], summary);
  tw_summary_add_classes(summary, scenario, recorder);
  tw_summary_write(v, sections[2], summary);
  return summary;
}

json_t *tw_summary(const tw_scenario *scenario, const tw_factory *factory, const tw_recorder *recorder,
                   gboolean partial)
{
  static const char *const before[] = {"simulated_s",  "iterations", "preemptions", "engines",
                                       "accelerators", "requests",   NULL};
  static const char *const after[] = {"tokens",  "ttft_s", "ttfat_s",    "tpot_s", "itl_s", "e2e_s",
                                      "queue_s", "life",   "throughput", "slo",    "load",  NULL};
  static const char *const last[] = {"utilization", "training", "rl",     "adapters",
                                     "fleet",       "failures", "energy", "grid",
                                     "cost",        "spent",    "carbon", "extrapolated_iterations",
                                     NULL};
  tw_metric_values v;
  tw_metric_values_clear(&v);
  tw_summary_measure(&v, scenario, factory, recorder);
  json_t *summary = tw_summary_begin(scenario->name, partial, &v,
                                     (const char *const *[]){before, after, last}, scenario, recorder);
  if (tw_factory_jobs(factory) != NULL)
    json_object_set_new(summary, "jobs",
                        tw_site_jobs_describe(tw_factory_jobs(factory), tw_factory_now(factory)));
  json_t *energy = json_object_get(summary, "energy");
  tw_breakdown_describe(tw_factory_breakdown(factory), scenario, energy);
  const char *missing = tw_factory_site_power(factory)->missing;
  if (missing != NULL && energy != NULL)
    json_object_set_new(energy, "missing", json_string(missing));
  json_object_set_new(summary, "expected_error", expected_errors(scenario));
  return summary;
}
