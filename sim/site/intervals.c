#include "sim/site/intervals.h"

#include <math.h>

typedef struct rack_usage {
  int accelerators; /* those that belong to engines */
  double busy_s, waiting_s, prompt_tokens, output_tokens;
  double joules, following_j; /* joules of engines, and of hosts beyond what they draw without load */
} rack_usage;

struct tw_intervals {
  const tw_scenario *scenario;
  tw_engine **engines;
  const tw_site_power *power;
  tw_log *log;
  tw_meter *meter;
  const double *link_joules; /* joules by kind of flow; NULL: none */
  double flows_j;            /* joules of flows that have been metered */
  gint64 interval;           /* the one under way */
  double ended_s;            /* end of the last interval or window of the meter */
  tw_interval_counts counts;
  guint held;             /* requests that wait at no engine */
  double held_s, since_s; /* integral of them over the interval, up to an instant */
  int *accelerators;      /* number of accelerators of each engine */
  rack_usage *racks;
};

tw_intervals *tw_intervals_new(const tw_scenario *scenario, tw_engine **engines, const tw_site_power *power,
                               const tw_network *network, tw_log *log)
{
  tw_intervals *intervals = g_new0(tw_intervals, 1);
  *intervals = (tw_intervals){.scenario = scenario,
                              .engines = engines,
                              .power = power,
                              .link_joules = network != NULL ? network->joules : NULL,
                              .log = log,
                              .meter = tw_meter_new(scenario, power, log),
                              .accelerators = g_new0(int, (gsize)scenario->n_engines),
                              .racks = g_new0(rack_usage, (gsize)scenario->platform->n_racks)};
  for (int i = 0; i < power->n_parts; i++) {
    const tw_engine_part *part = &power->parts[i];
    intervals->accelerators[part->engine] += part->accelerators;
    if (part->rack >= 0)
      intervals->racks[part->rack].accelerators += part->accelerators;
  }
  return intervals;
}

void tw_intervals_free(tw_intervals *intervals)
{
  if (intervals == NULL)
    return;
  tw_meter_free(intervals->meter);
  g_free(intervals->racks);
  g_free(intervals->accelerators);
  g_free(intervals);
}

tw_interval_counts *tw_intervals_counts(tw_intervals *intervals)
{
  return &intervals->counts;
}

void tw_intervals_hold(tw_intervals *intervals, guint requests, double now_s)
{
  intervals->held_s += intervals->held * (now_s - intervals->since_s);
  intervals->since_s = now_s;
  intervals->held = requests;
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
    return pool->offload.host_bytes > 0;
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

static void log_engine(tw_intervals *intervals, int engine, const tw_usage *usage, double start_s,
                       double length_s)
{
  const tw_pool *pool = &intervals->scenario->pools[intervals->scenario->engines[engine].pool];
  gint64 blocks = tw_engine_kv_blocks(intervals->engines[engine]);
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
  if (pool->offload.host_bytes > 0) {
    row.host_cached_tokens = usage->host_tokens;
    row.store_cached_tokens = usage->store_tokens;
  }
  row.output_tokens = usage->output_tokens;
  row.clock = mean(usage->clock_s + length_s - usage->busy_s, length_s);
  if (tw_scenario_has_fleet(intervals->scenario))
    row.serving = mean(usage->state_s[TW_ENGINE_SERVES], length_s);
  row.joules = usage->prefill_j + usage->decode_j + usage->collective_j + usage->idle_j;
  row.watts = mean(row.joules, length_s);
  row.waiting_budget = mean(usage->waiting_for_s[TW_WAIT_BUDGET], length_s);
  row.waiting_seats = mean(usage->waiting_for_s[TW_WAIT_SEATS], length_s);
  row.waiting_kv = mean(usage->waiting_for_s[TW_WAIT_KV], length_s);
  row.waiting_power = mean(usage->waiting_for_s[TW_WAIT_POWER], length_s);
  set_shares(&row, pool, &intervals->scenario->engines[engine], usage->class_s, length_s);
  tw_log_engine(intervals->log, &row);
}

static void log_racks(tw_intervals *intervals, double start_s, double length_s)
{
  const tw_platform *platform = intervals->scenario->platform;
  for (int i = 0; i < platform->n_racks; i++) {
    rack_usage *rack = &intervals->racks[i];
    const tw_power_parts *parts = &intervals->power->racks[i];
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
    tw_log_rack(intervals->log, &row);
    *rack = (rack_usage){.accelerators = rack->accelerators};
  }
}

static double start_of(const tw_intervals *intervals)
{
  return (double)intervals->interval * intervals->scenario->interval_s;
}

static void add_to_rack(tw_intervals *intervals, const tw_engine_part *part, const tw_usage *usage)
{
  if (part->rack < 0)
    return;
  rack_usage *rack = &intervals->racks[part->rack];
  double of = part->of_engine, dynamic_j = (usage->prefill_j + usage->decode_j) * of;
  rack->busy_s += usage->busy_s * part->accelerators;
  rack->waiting_s += usage->waiting_s * of;
  rack->prompt_tokens += (double)usage->prompt_tokens * of;
  rack->output_tokens += (double)usage->output_tokens * of;
  rack->joules += dynamic_j + (usage->collective_j + usage->idle_j) * of;
  rack->following_j += part->follows > 0 ? dynamic_j * part->follows : 0;
}

/* Writes the rows of the interval under way, which ends at `end_s`, and starts the next. */
static void end_interval(tw_intervals *intervals, double end_s)
{
  double start_s = start_of(intervals), length_s = end_s - start_s;
  double busy_s = 0;
  int accelerators = 0;
  tw_usage site = {0};
  int part = 0;
  intervals->interval++;
  tw_intervals_hold(intervals, intervals->held, end_s);
  double held_s = intervals->held_s;
  intervals->held_s = 0;
  if (intervals->log == NULL)
    return;
  for (int i = 0; i < intervals->scenario->n_engines; i++) {
    tw_usage usage = tw_engine_take_usage(intervals->engines[i], end_s);
    log_engine(intervals, i, &usage, start_s, length_s);
    for (; part < intervals->power->n_parts && intervals->power->parts[part].engine == i; part++)
      add_to_rack(intervals, &intervals->power->parts[part], &usage);
    busy_s += usage.busy_s * intervals->accelerators[i];
    accelerators += intervals->accelerators[i];
    site.running_s += usage.running_s;
    site.waiting_s += usage.waiting_s;
    site.state_s[TW_ENGINE_SERVES] += usage.state_s[TW_ENGINE_SERVES];
    site.prompt_tokens += usage.prompt_tokens;
    site.output_tokens += usage.output_tokens;
  }
  log_racks(intervals, start_s, length_s);
  tw_site_row row = tw_site_row_empty;
  row.start_s = start_s;
  row.running = mean(site.running_s, length_s);
  row.waiting = mean(site.waiting_s + held_s, length_s);
  row.arrived = (gint64)intervals->counts.arrived;
  row.completed = (gint64)intervals->counts.completed;
  row.rejected = (gint64)intervals->counts.rejected;
  row.busy = mean(busy_s, accelerators * length_s);
  if (tw_scenario_has_fleet(intervals->scenario))
    row.serving = mean(site.state_s[TW_ENGINE_SERVES], length_s);
  row.prompt_tokens_per_s = mean((double)site.prompt_tokens, length_s);
  row.output_tokens_per_s = mean((double)site.output_tokens, length_s);
  tw_meter_row(intervals->meter, &row, length_s);
  intervals->counts = (tw_interval_counts){0};
}

double tw_intervals_flow_joules(const tw_intervals *intervals, tw_flow_kind kind)
{
  return intervals->link_joules != NULL ? intervals->link_joules[kind] : 0;
}

static double sum_flows(const tw_intervals *intervals)
{
  double joules = 0;
  for (int i = 0; i < TW_FLOW_KIND_COUNT; i++)
    joules += tw_intervals_flow_joules(intervals, (tw_flow_kind)i);
  return joules;
}

static void cut_meter(tw_intervals *intervals, double now_s)
{
  tw_drawn drawn = {.flows_j = intervals->flows_j};
  for (int i = 0; i < intervals->scenario->n_engines; i++) {
    const double *follows = &intervals->power->engine_follows[i];
    drawn.engines_j += tw_engine_joules(intervals->engines[i], now_s);
    if (*follows != 0)
      drawn.following_j += *follows * tw_engine_dynamic_joules(intervals->engines[i], now_s);
  }
  tw_meter_cut(intervals->meter, now_s, &drawn);
}

gboolean tw_intervals_step(tw_intervals *intervals, double now_s)
{
  double interval_s = (double)(intervals->interval + 1) * intervals->scenario->interval_s;
  double end_s = fmin(interval_s, tw_meter_window_end(intervals->meter));
  if (end_s > now_s)
    return FALSE;
  cut_meter(intervals, end_s);
  if (end_s == interval_s)
    end_interval(intervals, end_s);
  intervals->ended_s = end_s;
  return TRUE;
}

double tw_intervals_ended(const tw_intervals *intervals)
{
  return intervals->ended_s;
}

void tw_intervals_until(tw_intervals *intervals, double now_s)
{
  while (tw_intervals_step(intervals, now_s))
    continue;
  if (intervals->link_joules != NULL)
    intervals->flows_j = sum_flows(intervals);
}

void tw_intervals_close(tw_intervals *intervals, double end_s, double event_s)
{
  tw_intervals_until(intervals, end_s);
  cut_meter(intervals, end_s);
  /* A run may end on the edge of an interval: what happened there is a row of no length. */
  double start_s = start_of(intervals);
  if (end_s > start_s || event_s >= start_s || intervals->counts.arrived > 0)
    end_interval(intervals, end_s);
  tw_meter_close(intervals->meter);
}

tw_energy tw_intervals_energy(const tw_intervals *intervals)
{
  return tw_meter_total(intervals->meter);
}

tw_energy tw_intervals_whole(const tw_intervals *intervals, double *whole_s)
{
  return tw_meter_whole(intervals->meter, whole_s);
}
