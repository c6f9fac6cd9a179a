/* The summary of a run of several sites. */
#include "sim/energy/spent.h"
#include "sim/run/summary.h"
#include "sim/run/summary_parts.h"

#include <math.h>

/* The metrics that are sums over sites; of energy and cost one that is not known leaves the sum unknown. */
static const tw_metric_id sums[] = {
    TW_METRIC_ITERATIONS,
    TW_METRIC_PREEMPTIONS,
    TW_METRIC_ENGINES,
    TW_METRIC_ACCELERATORS,
    TW_METRIC_ENERGY_SITE_J,
    TW_METRIC_ENERGY_IT_J,
    TW_METRIC_ENERGY_ACCELERATOR_J,
    TW_METRIC_ENERGY_HOST_J,
    TW_METRIC_ENERGY_NETWORK_J,
    TW_METRIC_ENERGY_OVERHEAD_J,
    TW_METRIC_ENERGY_PHASES_PREFILL_J,
    TW_METRIC_ENERGY_PHASES_DECODE_J,
    TW_METRIC_ENERGY_PHASES_COLLECTIVE_J,
    TW_METRIC_ENERGY_PHASES_TRANSFER_J,
    TW_METRIC_ENERGY_PHASES_IDLE_J,
    TW_METRIC_ENERGY_PHASES_BESIDE_ACCELERATORS_J,
    TW_METRIC_ENERGY_REQUESTS_J,
    TW_METRIC_COST_USD,
    TW_METRIC_COST_ELECTRICITY_USD,
    TW_METRIC_COST_CAPITAL_USD,
    TW_METRIC_CARBON_G,
};

/* Sums over the sites that have such a thing: failures, engines that park, jobs, a grid. */
static const tw_metric_id sums_where_known[] = {
    TW_METRIC_FLEET_SERVING_ENGINE_HOURS,
    TW_METRIC_FLEET_DRAINING_ENGINE_HOURS,
    TW_METRIC_FLEET_PARKED_ENGINE_HOURS,
    TW_METRIC_FLEET_LOADING_ENGINE_HOURS,
    TW_METRIC_FLEET_WAKES,
    TW_METRIC_FLEET_LOADS,
    TW_METRIC_FAILURES_COUNT,
    TW_METRIC_FAILURES_EXPECTED,
    TW_METRIC_FAILURES_LIMPS,
    TW_METRIC_FAILURES_ENGINE_STOPS,
    TW_METRIC_FAILURES_ACCELERATOR_HOURS_DOWN,
    TW_METRIC_FAILURES_REQUESTS_HIT,
    TW_METRIC_FAILURES_RETRIES,
    TW_METRIC_FAILURES_LOST_TOKENS,
    TW_METRIC_FAILURES_DISCARDED_TOKENS,
    TW_METRIC_TRAINING_STEPS,
    TW_METRIC_TRAINING_TOKENS,
    TW_METRIC_TRAINING_TOKENS_PER_S,
    TW_METRIC_TRAINING_CHECKPOINTS,
    TW_METRIC_TRAINING_STOPS,
    TW_METRIC_TRAINING_LOST_STEPS,
    TW_METRIC_TRAINING_J,
    TW_METRIC_ENERGY_PHASES_TRAINING_J,
    TW_METRIC_GRID_J,
    TW_METRIC_GRID_BATTERY_LOSS_J,
    TW_METRIC_GRID_BATTERY_CHANGE_J,
    TW_METRIC_GRID_BURNT_J,
    TW_METRIC_SPENT_S_JOBS,
    TW_METRIC_SPENT_J_JOBS,
    TW_METRIC_SPENT_USD_JOBS,
};

static double per(double amount, double of)
{
  return of > 0 ? amount / of : NAN;
}

static void add_one(tw_metric_values *all, const tw_metric_values *site, int metric, gboolean first)
{
  all->of[metric] = (first ? 0 : all->of[metric]) + site->of[metric];
}

static void add(tw_metric_values *all, const tw_metric_values *site, gboolean first)
{
  for (guint i = 0; i < G_N_ELEMENTS(sums); i++)
    add_one(all, site, (int)sums[i], first);
  /* The metrics of spending stand in three blocks, one behind the other: seconds, joules, dollars. */
  for (int i = TW_METRIC_SPENT_S_WEIGHTS; i <= TW_METRIC_SPENT_USD_BESIDE; i++)
    if (i != TW_METRIC_SPENT_S_JOBS && i != TW_METRIC_SPENT_J_JOBS && i != TW_METRIC_SPENT_USD_JOBS)
      add_one(all, site, i, first);
  for (guint i = 0; i < G_N_ELEMENTS(sums_where_known); i++)
    if (!isnan(site->of[sums_where_known[i]]))
      add_one(all, site, (int)sums_where_known[i], isnan(all->of[sums_where_known[i]]));
  all->of[TW_METRIC_FAILURES_BLAST_REQUESTS] =
      fmax(all->of[TW_METRIC_FAILURES_BLAST_REQUESTS], site->of[TW_METRIC_FAILURES_BLAST_REQUESTS]);
  all->of[TW_METRIC_FAILURES_BLAST_ENGINES] =
      fmax(all->of[TW_METRIC_FAILURES_BLAST_ENGINES], site->of[TW_METRIC_FAILURES_BLAST_ENGINES]);
}

/* Sets the ratios that follow from the sums. */
static void set_ratios(tw_metric_values *v)
{
  double output = v->of[TW_METRIC_TOKENS_OUTPUT], site_j = v->of[TW_METRIC_ENERGY_SITE_J];
  v->of[TW_METRIC_ENERGY_J_PER_OUTPUT_TOKEN] = per(site_j, output);
  v->of[TW_METRIC_ENERGY_AVERAGE_W] = per(site_j, v->of[TW_METRIC_SIMULATED_S]);
  v->of[TW_METRIC_ENERGY_OUTPUT_TOKENS_PER_S_PER_MW] = per(output * 1e6, site_j);
  if (!isnan(v->of[TW_METRIC_FAILURES_COUNT]))
    v->of[TW_METRIC_FAILURES_AVAILABILITY] =
        1 - per(v->of[TW_METRIC_FAILURES_ACCELERATOR_HOURS_DOWN] * 3600,
                v->of[TW_METRIC_ACCELERATORS] * v->of[TW_METRIC_SIMULATED_S]);
  v->of[TW_METRIC_COST_USD_PER_MILLION_OUTPUT_TOKENS] = per(v->of[TW_METRIC_COST_USD] * 1e6, output);
  v->of[TW_METRIC_TRAINING_J_PER_TOKEN] = per(v->of[TW_METRIC_TRAINING_J], v->of[TW_METRIC_TRAINING_TOKENS]);
  v->of[TW_METRIC_CARBON_G_PER_MILLION_OUTPUT_TOKENS] = per(v->of[TW_METRIC_CARBON_G] * 1e6, output);
  tw_spent_leave_out_jobs(v);
}

static json_t *describe_site(const tw_world_site *site, const tw_metric_values *v)
{
  static const char *const sections[] = {
      "requests",         "tokens",        "utilization", "accelerators", "energy.site_j",
      "energy.average_w", "energy.peak_w", "cost",        "carbon",       "training.steps",
      "training.tokens",  "training.j",    NULL};
  json_t *object = json_object();
  json_object_set_new(object, "region", json_string(site->region));
  tw_summary_write(v, sections, object);
  return object;
}

json_t *tw_summary_of_sites(const tw_world *world, tw_factory *const *factories,
                            tw_recorder *const *recorders, const tw_exchange *exchange,
                            const tw_power_sum *power, const tw_recorder *recorder, gboolean partial)
{
  static const char *const before[] = {"simulated_s",  "iterations", "preemptions", "engines",
                                       "accelerators", "requests",   "world",       NULL};
  static const char *const after[] = {"tokens",  "ttft_s", "ttfat_s",    "tpot_s", "itl_s", "e2e_s",
                                      "queue_s", "life",   "throughput", "slo",    NULL};
  static const char *const last[] = {"utilization", "training", "fleet", "failures", "energy",
                                     "grid",        "cost",     "spent", "carbon",   NULL};
  const tw_scenario *common = tw_world_first(world)->scenario;
  tw_metric_values v;
  tw_metric_values_clear(&v);
  double racks = 0, busy = 0;
  json_t *sites = json_object();
  for (int i = 0; i < world->n_sites; i++) {
    const tw_scenario *scenario = world->sites[i].scenario;
    tw_metric_values site;
    tw_metric_values_clear(&site);
    tw_summary_measure(&site, scenario, factories[i], recorders[i]);
    add(&v, &site, i == 0);
    racks += scenario->platform->n_racks;
    busy += site.of[TW_METRIC_UTILIZATION_ACCELERATOR_BUSY] * site.of[TW_METRIC_ACCELERATORS];
    json_object_set_new(sites, world->sites[i].name, describe_site(&world->sites[i], &site));
  }
  v.of[TW_METRIC_SIMULATED_S] = tw_factory_now(factories[0]);
  v.of[TW_METRIC_UTILIZATION_ACCELERATOR_BUSY] = per(busy, v.of[TW_METRIC_ACCELERATORS]);
  v.of[TW_METRIC_WORLD_SITES] = world->n_sites;
  v.of[TW_METRIC_WORLD_RACKS] = racks;
  v.of[TW_METRIC_ENERGY_PEAK_W] = tw_power_sum_peak_w(power);
  v.of[TW_METRIC_ENERGY_PEAK_IT_W] = tw_power_sum_peak_it_w(power);
  tw_exchange_measure(exchange, &v);
  tw_summary_measure_requests(&v, common, recorder, v.of[TW_METRIC_ACCELERATORS]);
  set_ratios(&v);
  json_t *summary = tw_summary_begin(world->name, partial, &v, (const char *const *[]){before, after, last},
                                     common, recorder);
  json_object_set_new(summary, "sites", sites);
  return summary;
}
