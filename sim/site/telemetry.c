#include "sim/site/telemetry.h"

#include "sim/site/jobs/jobs.h"

#include <math.h>

typedef struct rack_usage {
  int accelerators; /* Accelerators that belong to engines. */
  double busy_s, waiting_s, prompt_tokens, output_tokens;
  double joules, following_j; /* joules of engines, and of hosts beyond what they draw without load */
} rack_usage;

struct tw_telemetry {
  const tw_scenario *scenario;
  tw_engine **engines;
  const tw_site_power *power;
  tw_log *log;
  tw_meter *meter;
  const double *link_joules; /* joules by kind of flow; NULL: none */
  double flows_j;            /* joules of flows that have been metered */
  gint64 interval;           /* the one under way */
  double ended_s;            /* end of the last interval or window of the meter */
  double due_s;              /* end of the one that ends next */
  tw_telemetry_tally counts;
  guint unrouted;             /* requests that wait at no engine */
  double unrouted_s, since_s; /* integral of them over the interval, up to an instant */
  int *accelerators;          /* number of accelerators of each engine, and of each job behind them */
  rack_usage *racks;
  const tw_site_jobs *jobs;  /* NULL: there is none */
  tw_site_job_energy *drawn; /* by jobs, up to the start of the interval */
};

static double interval_end(const tw_telemetry *telemetry)
{
  return (double)(telemetry->interval + 1) * telemetry->scenario->interval_s;
}

static void look_ahead(tw_telemetry *telemetry)
{
  telemetry->due_s = fmin(interval_end(telemetry), tw_meter_due(telemetry->meter));
}

tw_telemetry *tw_telemetry_new(const tw_scenario *scenario, tw_engine **engines, const tw_site_power *power,
                               const tw_network *network, tw_log *log)
{
  tw_telemetry *telemetry = g_new0(tw_telemetry, 1);
  *telemetry =
      (tw_telemetry){.scenario = scenario,
                     .engines = engines,
                     .power = power,
                     .link_joules = network != NULL ? network->joules : NULL,
                     .log = log,
                     .meter = tw_meter_new(scenario, power, log),
                     .accelerators = g_new0(int, (gsize)(scenario->plan.n_engines + scenario->n_jobs)),
                     .drawn = g_new0(tw_site_job_energy, (gsize)scenario->n_jobs),
                     .racks = g_new0(rack_usage, (gsize)scenario->platform->n_racks)};
  for (int i = 0; i < power->n_parts; i++) {
    const tw_engine_part *part = &power->parts[i];
    telemetry->accelerators[part->engine] += part->accelerators;
    if (part->rack >= 0 && part->engine < scenario->plan.n_engines)
      telemetry->racks[part->rack].accelerators += part->accelerators;
  }
  look_ahead(telemetry);
  return telemetry;
}

void tw_telemetry_jobs(tw_telemetry *telemetry, const tw_site_jobs *jobs)
{
  telemetry->jobs = jobs;
}

void tw_telemetry_free(tw_telemetry *telemetry)
{
  if (telemetry == NULL)
    return;
  tw_meter_free(telemetry->meter);
  g_free(telemetry->racks);
  g_free(telemetry->drawn);
  g_free(telemetry->accelerators);
  g_free(telemetry);
}

tw_telemetry_tally *tw_telemetry_counts(tw_telemetry *telemetry)
{
  return &telemetry->counts;
}

void tw_telemetry_unrouted(tw_telemetry *telemetry, guint requests, double now_s)
{
  telemetry->unrouted_s += telemetry->unrouted * (now_s - telemetry->since_s);
  telemetry->since_s = now_s;
  telemetry->unrouted = requests;
}

static double mean(double integral, double length_s)
{
  return length_s > 0 ? integral / length_s : NAN;
}

/* Whether engines of a pool can spend time on a class. */
static gboolean can_spend(const tw_pool *pool, const tw_engine_place *place, tw_time_class class)
{
  gboolean experts = pool->model->experts > 0;
  switch (class) {
  case TW_TIME_EXPERTS:
    return experts;
  case TW_TIME_FABRIC:
    return place->n_shares > 1;
  case TW_TIME_LOADS:
    return pool->plan.offload.host_bytes > 0 || pool->plan.adapters.slots > 0;
  case TW_TIME_SLOWEST:
    return pool->dp > 1 || experts;
  case TW_TIME_BUBBLE:
    return pool->pp > 1;
  default:
    return TRUE;
  }
}

/* The share of the interval that an engine spent on each class. */
static void set_shares(tw_engine_row *row, const tw_pool *pool, const tw_engine_place *place,
                       const double *class_s, double length_s)
{
  gboolean measured = class_s[TW_TIME_MEASURED] > 0;
#define SHARE(to, NAME, word, help)                                                                          \
  if (can_spend(pool, place, TW_TIME_##NAME) && (TW_TIME_##NAME >= TW_TIME_MEASURED || !measured))           \
    (to)->time_##word = mean(class_s[TW_TIME_##NAME], length_s);
  TW_TIME_CLASSES(SHARE, row)
#undef SHARE
  if (!measured)
    row->time_measured = NAN;
}

static void log_engine(tw_telemetry *telemetry, int engine, const tw_usage *usage, double start_s,
                       double length_s)
{
  const tw_pool *pool = &telemetry->scenario->pools[telemetry->scenario->plan.engines[engine].pool];
  gint64 blocks = tw_engine_kv_blocks(telemetry->engines[engine]);
  tw_engine_row row = tw_engine_row_empty;
  row.start_s = start_s;
  row.engine = engine;
  row.busy = mean(usage->busy_s, length_s);
  row.running = mean(usage->running_s, length_s);
  row.waiting = mean(usage->waiting_s, length_s);
  row.kv_used = mean(usage->kv_block_s, (double)blocks * length_s);
  row.prompt_tokens = usage->prompt_tokens;
  if (pool->prefix_cache)
    row.cached_tokens = usage->cached_tokens;
  if (pool->plan.offload.host_bytes > 0) {
    row.host_cached_tokens = usage->host_tokens;
    row.store_cached_tokens = usage->store_tokens;
  }
  row.output_tokens = usage->output_tokens;
  row.clock = mean(usage->clock_s + length_s - usage->busy_s, length_s);
  if (tw_scenario_has_fleet(telemetry->scenario))
    row.serving = mean(usage->state_s[TW_ENGINE_SERVES], length_s);
  row.joules = usage->prefill_j + usage->decode_j + usage->collective_j + usage->idle_j;
  row.watts = mean(row.joules, length_s);
  row.waiting_budget = mean(usage->waiting_for_s[TW_WAIT_BUDGET], length_s);
  row.waiting_seats = mean(usage->waiting_for_s[TW_WAIT_SEATS], length_s);
  row.waiting_kv = mean(usage->waiting_for_s[TW_WAIT_KV], length_s);
  row.waiting_power = mean(usage->waiting_for_s[TW_WAIT_POWER], length_s);
  set_shares(&row, pool, &telemetry->scenario->plan.engines[engine], usage->class_s, length_s);
  tw_log_engine(telemetry->log, &row);
}

static void log_racks(tw_telemetry *telemetry, double start_s, double length_s)
{
  const tw_platform *platform = telemetry->scenario->platform;
  for (int i = 0; i < platform->n_racks; i++) {
    rack_usage *rack = &telemetry->racks[i];
    const tw_power_parts *parts = &telemetry->power->racks[i];
    tw_rack_row row = tw_rack_row_empty;
    row.start_s = start_s;
    row.rack = platform->racks[i];
    row.busy = rack->accelerators > 0 ? mean(rack->busy_s, rack->accelerators * length_s) : 0;
    row.waiting = mean(rack->waiting_s, length_s);
    row.prompt_tokens_per_s = mean(rack->prompt_tokens, length_s);
    row.output_tokens_per_s = mean(rack->output_tokens, length_s);
    row.accelerator_w = mean(rack->joules, length_s) + parts->spare_w;
    row.host_w = mean(rack->following_j, length_s) + parts->host_w;
    row.network_w = parts->network_w;
    tw_log_rack(telemetry->log, &row);
    *rack = (rack_usage){.accelerators = rack->accelerators};
  }
}

static double start_of(const tw_telemetry *telemetry)
{
  return (double)telemetry->interval * telemetry->scenario->interval_s;
}

static void add_to_rack(tw_telemetry *telemetry, const tw_engine_part *part, const tw_usage *usage)
{
  if (part->rack < 0)
    return;
  rack_usage *rack = &telemetry->racks[part->rack];
  double of = part->of_engine, dynamic_j = (usage->prefill_j + usage->decode_j) * of;
  rack->busy_s += usage->busy_s * part->accelerators;
  rack->waiting_s += usage->waiting_s * of;
  rack->prompt_tokens += (double)usage->prompt_tokens * of;
  rack->output_tokens += (double)usage->output_tokens * of;
  rack->joules += dynamic_j + (usage->collective_j + usage->idle_j) * of;
  rack->following_j += part->follows > 0 ? dynamic_j * part->follows : 0;
}

/* Adds what the parts of jobs drew in the interval to their racks; they stand behind those of the engines, from
 * number `part` on. */
static void add_jobs_to_racks(tw_telemetry *telemetry, int part, double end_s)
{
  for (int i = 0; i < telemetry->scenario->n_jobs; i++) {
    tw_site_job_energy now = tw_site_jobs_energy(telemetry->jobs, i, end_s), before = telemetry->drawn[i];
    double joules = now.joules - before.joules, dynamic_j = now.dynamic_j - before.dynamic_j;
    for (; part < telemetry->power->n_parts &&
           telemetry->power->parts[part].engine == telemetry->scenario->plan.n_engines + i;
         part++) {
      const tw_engine_part *p = &telemetry->power->parts[part];
      if (p->rack < 0)
        continue;
      telemetry->racks[p->rack].joules += joules * p->of_engine;
      telemetry->racks[p->rack].following_j += p->follows > 0 ? dynamic_j * p->of_engine * p->follows : 0;
    }
    telemetry->drawn[i] = now;
  }
}

/* Writes the rows of the interval under way, which ends at `end_s`, and starts the next. */
static void end_interval(tw_telemetry *telemetry, double end_s)
{
  double start_s = start_of(telemetry), length_s = end_s - start_s;
  double busy_s = 0;
  int accelerators = 0;
  tw_usage site = {0};
  int part = 0;
  telemetry->interval++;
  tw_telemetry_unrouted(telemetry, telemetry->unrouted, end_s);
  double unrouted_s = telemetry->unrouted_s;
  telemetry->unrouted_s = 0;
  if (telemetry->log == NULL)
    return;
  for (int i = 0; i < telemetry->scenario->plan.n_engines; i++) {
    tw_usage usage = tw_engine_take_usage(telemetry->engines[i], end_s);
    log_engine(telemetry, i, &usage, start_s, length_s);
    for (; part < telemetry->power->n_parts && telemetry->power->parts[part].engine == i; part++)
      add_to_rack(telemetry, &telemetry->power->parts[part], &usage);
    busy_s += usage.busy_s * telemetry->accelerators[i];
    accelerators += telemetry->accelerators[i];
    site.running_s += usage.running_s;
    site.waiting_s += usage.waiting_s;
    site.state_s[TW_ENGINE_SERVES] += usage.state_s[TW_ENGINE_SERVES];
    site.prompt_tokens += usage.prompt_tokens;
    site.output_tokens += usage.output_tokens;
  }
  add_jobs_to_racks(telemetry, part, end_s);
  log_racks(telemetry, start_s, length_s);
  tw_site_row row = tw_site_row_empty;
  row.start_s = start_s;
  row.running = mean(site.running_s, length_s);
  row.waiting = mean(site.waiting_s + unrouted_s, length_s);
  row.arrived = (gint64)telemetry->counts.arrived;
  row.completed = (gint64)telemetry->counts.completed;
  row.rejected = (gint64)telemetry->counts.rejected;
  row.busy = mean(busy_s, accelerators * length_s);
  if (tw_scenario_has_fleet(telemetry->scenario))
    row.serving = mean(site.state_s[TW_ENGINE_SERVES], length_s);
  row.prompt_tokens_per_s = mean((double)site.prompt_tokens, length_s);
  row.output_tokens_per_s = mean((double)site.output_tokens, length_s);
  tw_meter_row(telemetry->meter, &row, length_s);
  telemetry->counts = (tw_telemetry_tally){0};
}

double tw_telemetry_flow_joules(const tw_telemetry *telemetry, tw_flow_kind kind)
{
  return telemetry->link_joules != NULL ? telemetry->link_joules[kind] : 0;
}

static double sum_flows(const tw_telemetry *telemetry)
{
  double joules = 0;
  for (int i = 0; i < TW_FLOW_KIND_COUNT; i++)
    joules += tw_telemetry_flow_joules(telemetry, (tw_flow_kind)i);
  return joules;
}

static void cut_meter(tw_telemetry *telemetry, double now_s)
{
  tw_drawn drawn = {.flows_j = telemetry->flows_j};
  for (int i = 0; i < telemetry->scenario->plan.n_engines; i++) {
    const double *follows = &telemetry->power->engine_follows[i];
    drawn.engines_j += tw_engine_joules(telemetry->engines[i], now_s);
    if (*follows != 0)
      drawn.following_j += *follows * tw_engine_dynamic_joules(telemetry->engines[i], now_s);
  }
  for (int i = 0; i < telemetry->scenario->n_jobs; i++) {
    double follows = telemetry->power->engine_follows[telemetry->scenario->plan.n_engines + i];
    tw_site_job_energy job = tw_site_jobs_energy(telemetry->jobs, i, now_s);
    drawn.jobs_j += job.joules;
    drawn.following_j += follows != 0 ? follows * job.dynamic_j : 0;
  }
  tw_meter_cut(telemetry->meter, now_s, &drawn);
}

gboolean tw_telemetry_step(tw_telemetry *telemetry, double now_s)
{
  double end_s = telemetry->due_s;
  if (end_s > now_s)
    return FALSE;
  cut_meter(telemetry, end_s);
  if (end_s == interval_end(telemetry))
    end_interval(telemetry, end_s);
  telemetry->ended_s = end_s;
  look_ahead(telemetry);
  return TRUE;
}

double tw_telemetry_ended(const tw_telemetry *telemetry)
{
  return telemetry->ended_s;
}

void tw_telemetry_until(tw_telemetry *telemetry, double now_s)
{
  while (tw_telemetry_step(telemetry, now_s))
    continue;
  if (telemetry->link_joules != NULL)
    telemetry->flows_j = sum_flows(telemetry);
}

void tw_telemetry_close(tw_telemetry *telemetry, double end_s, double event_s)
{
  tw_telemetry_until(telemetry, end_s);
  cut_meter(telemetry, end_s);
  /* A run may end on the edge of an interval: what happened there is a row of no length. */
  double start_s = start_of(telemetry);
  if (end_s > start_s || event_s >= start_s || telemetry->counts.arrived > 0)
    end_interval(telemetry, end_s);
  tw_meter_close(telemetry->meter);
}

tw_energy tw_telemetry_energy(const tw_telemetry *telemetry)
{
  return tw_meter_total(telemetry->meter);
}

void tw_telemetry_watch(tw_telemetry *telemetry, tw_meter_watcher *watcher, void *user)
{
  tw_meter_watch(telemetry->meter, watcher, user);
}

const tw_grid_totals *tw_telemetry_grid(const tw_telemetry *telemetry)
{
  return tw_meter_grid(telemetry->meter);
}

tw_energy tw_telemetry_whole(const tw_telemetry *telemetry, double *whole_s)
{
  return tw_meter_whole(telemetry->meter, whole_s);
}
