#include "sim/energy/governor.h"

#include <math.h>

#define REMEMBERED 0.9 /* share of an engine's peak demand that is remembered from period to period */
enum { WAKING_CONTEXT = 4096 }; /* Tokens of context of a sequence that an engine wakes for. */

/* Engines under one cap. */
typedef struct group {
  int rack; /* -1: the site */
  GArray *engines;
  double start_j, over_s; /* over_s: how long the cap has been exceeded */
} group;

struct tw_governor {
  const tw_scenario *scenario;
  const tw_site_power *power;
  tw_engine *const *engines;
  GArray *groups;
  double *demand_w, *limit_w; /* Watts of an accelerator of each engine; limit_w: as decided last. */
  double *held_w;             /* the limits that the engines hold */
  double *start_j;            /* Joules of each engine as the period began. */
  double *waking_w;           /* Watts of an accelerator of each pool, at the slowest clock. */
  gint64 period;              /* The period that ends next. */
  double lower_s, raise_s;    /* when limits that were decided fall, and rise; INFINITY: none is to */
  tw_cap_record record;
};

static void add_group(tw_governor *governor, int rack)
{
  const tw_scenario *scenario = governor->scenario;
  group g = {.rack = rack, .engines = g_array_new(FALSE, FALSE, sizeof(int))};
  for (int i = 0; i < scenario->plan.n_engines; i++) {
    const tw_host *host = &scenario->platform->hosts[scenario->plan.engines[i].shares[0].host];
    if (rack < 0 || scenario->platform->zones[host->zone].rack_index == rack)
      g_array_append_val(g.engines, i);
  }
  g_array_append_val(governor->groups, g);
}

/* Watts of an accelerator for a batch on each rank. */
static double watts_of(const tw_step_model *model, const tw_power_law *power, const tw_batch *batch,
                       int ranks)
{
  g_autofree tw_batch *batches = g_new(tw_batch, (gsize)ranks);
  tw_step_cost cost;
  for (int i = 0; i < ranks; i++)
    batches[i] = *batch;
  tw_step_model_cost(model, batches, ranks, &cost);
  return tw_power_watts(power, &cost);
}

/* Watts of an accelerator whose engine wakes, at its slowest clock: the larger of a sequence that decodes and a batch full
 * of prompts. */
static double waking_w(const tw_pool *pool)
{
  const tw_pool_plan *plan = &pool->plan;
  const tw_clock *slowest = plan->n_clocks > 0 ? &plan->clocks[plan->n_clocks - 1] : NULL;
  const tw_step_model *model = slowest != NULL ? slowest->model : plan->step_model;
  const tw_power_law *power = slowest != NULL ? &slowest->power : &plan->power;
  int ranks = MAX((int)pool->dp, 1);
  tw_batch decode = tw_batch_of_decodes(&pool->model->caps, 1, WAKING_CONTEXT),
           prompt = {.next_full = G_MAXINT64};
  tw_batch_add_prompt(&prompt, &pool->model->caps, 0, pool->max_batched_tokens, TRUE);
  return fmax(watts_of(model, power, &decode, ranks), watts_of(model, power, &prompt, ranks));
}

tw_governor *tw_governor_new(const tw_scenario *scenario, const tw_site_power *power,
                             tw_engine *const *engines)
{
  const tw_caps *caps = &scenario->caps;
  gsize n = (gsize)scenario->plan.n_engines;
  if (isnan(caps->accelerator_w) && isnan(caps->rack_w) && scenario->plan.site_cap == NULL)
    return NULL;
  tw_governor *governor = g_new0(tw_governor, 1);
  *governor = (tw_governor){.scenario = scenario,
                            .power = power,
                            .engines = engines,
                            .groups = g_array_new(FALSE, FALSE, sizeof(group)),
                            .demand_w = g_new0(double, n),
                            .limit_w = g_new0(double, n),
                            .held_w = g_new0(double, n),
                            .lower_s = INFINITY,
                            .raise_s = INFINITY,
                            .start_j = g_new0(double, n),
                            .waking_w = g_new0(double, (gsize)scenario->n_pools)};
  for (int p = 0; p < scenario->n_pools; p++)
    governor->waking_w[p] = waking_w(&scenario->pools[p]);
  for (gsize i = 0; i < n; i++) /* nothing is known yet: everybody may ask for everything */
    governor->demand_w[i] = governor->held_w[i] = INFINITY;
  if (!isnan(caps->rack_w))
    for (int i = 0; i < scenario->platform->n_racks; i++)
      add_group(governor, i);
  if (scenario->plan.site_cap != NULL)
    add_group(governor, -1);
  return governor;
}

void tw_governor_free(tw_governor *governor)
{
  if (governor == NULL)
    return;
  for (guint i = 0; i < governor->groups->len; i++)
    g_array_unref(g_array_index(governor->groups, group, i).engines);
  g_array_unref(governor->groups);
  g_free(governor->demand_w);
  g_free(governor->limit_w);
  g_free(governor->held_w);
  g_free(governor->start_j);
  g_free(governor->waking_w);
  g_free(governor);
}

double tw_governor_equipment_w(const tw_supply *supply, double site_w, double outside_c)
{
  double low = 0, high = site_w; /* conversion and cooling only add */
  for (int i = 0; i < 60; i++) {
    double middle = (low + high) / 2;
    if (tw_supply_site_w(supply, middle, outside_c) <= site_w)
      low = middle;
    else
      high = middle;
  }
  return low;
}

static double needed(const double *demands, const double *weights, int n, double level)
{
  double sum = 0;
  for (int i = 0; i < n; i++)
    sum += weights[i] * fmin(level, demands[i]);
  return sum;
}

double tw_governor_level(const double *demands, const double *weights, int n, double budget)
{
  double weight = 0;
  if (needed(demands, weights, n, INFINITY) <= budget)
    return INFINITY;
  for (int i = 0; i < n; i++)
    weight += weights[i];
  /* Raised until nobody is left who asks for less: at most n times. */
  double level = budget / weight;
  for (int round = 0; round < n; round++) {
    double left = budget, rest = 0;
    for (int i = 0; i < n; i++)
      if (demands[i] <= level)
        left -= weights[i] * demands[i];
      else
        rest += weights[i];
    if (rest <= 0 || left / rest <= level)
      break;
    level = left / rest;
  }
  return level;
}

/* The cap of a group, as watts of its equipment: the least of the time from from_s to to_s. */
static double cap_w(const tw_governor *governor, const group *g, double from_s, double to_s)
{
  const tw_scenario *scenario = governor->scenario;
  if (g->rack >= 0)
    return scenario->caps.rack_w;
  double least_w = INFINITY;
  for (double at_s = from_s; at_s <= to_s;) {
    double outside_c = scenario->plan.weather != NULL ? tw_stairs_at(scenario->plan.weather, at_s) : NAN;
    least_w = fmin(least_w, tw_governor_equipment_w(&scenario->platform->supply,
                                                    tw_stairs_at(scenario->plan.site_cap, at_s), outside_c));
    double weather_s =
        scenario->plan.weather != NULL ? tw_stairs_next(scenario->plan.weather, at_s) : INFINITY;
    at_s = fmin(tw_stairs_next(scenario->plan.site_cap, at_s), weather_s);
  }
  return least_w;
}

static double accelerators_of(const tw_governor *governor, int engine)
{
  const tw_scenario *scenario = governor->scenario;
  return scenario->pools[scenario->plan.engines[engine].pool].plan.power.accelerators;
}

/* An engine's accelerator draws `watts`: that, and the watts by which hosts follow it. without_hosts goes
 * back. */
static double with_hosts(const tw_governor *governor, int engine, double watts)
{
  const tw_scenario *scenario = governor->scenario;
  double idle_w = scenario->pools[scenario->plan.engines[engine].pool].plan.power.idle_w;
  return idle_w + (1 + governor->power->engine_follows[engine]) * (watts - idle_w);
}

static double without_hosts(const tw_governor *governor, int engine, double watts)
{
  const tw_scenario *scenario = governor->scenario;
  double idle_w = scenario->pools[scenario->plan.engines[engine].pool].plan.power.idle_w;
  return idle_w + (watts - idle_w) / (1 + governor->power->engine_follows[engine]);
}

/* Watts that a group's equipment draws beside its engines, and beside what follows these; jobs have the most that they
 * draw, as nothing slows them. */
static double fixed_w(const tw_governor *governor, const group *g)
{
  const tw_power_parts *parts = g->rack >= 0 ? &governor->power->racks[g->rack] : &governor->power->site;
  return parts->spare_w + parts->host_w + parts->network_w + parts->jobs_w;
}

/* Notes how the group held its cap in the period that ends. */
static void note(tw_governor *governor, group *g, const double *joules, double now_s)
{
  double period_s = governor->scenario->caps.period_s, drawn_w = fixed_w(governor, g);
  for (guint i = 0; i < g->engines->len; i++) {
    int engine = g_array_index(g->engines, int, i);
    double accelerators = accelerators_of(governor, engine);
    double each_w = (joules[engine] - governor->start_j[engine]) / period_s / accelerators;
    drawn_w += accelerators * with_hosts(governor, engine, each_w);
  }
  double over_w = drawn_w - cap_w(governor, g, now_s - period_s, now_s - period_s);
  g->over_s = over_w > 1e-6 * drawn_w ? g->over_s + period_s : 0;
  if (g->over_s > 0)
    governor->record.max_overshoot_w = fmax(governor->record.max_overshoot_w, over_w);
  governor->record.longest_over_s = fmax(governor->record.longest_over_s, g->over_s);
}

static void measure(tw_governor *governor, double now_s)
{
  const tw_scenario *scenario = governor->scenario;
  g_autofree double *joules = g_new(double, (gsize)scenario->plan.n_engines);
  for (int i = 0; i < scenario->plan.n_engines; i++) {
    joules[i] = tw_engine_joules(governor->engines[i], now_s);
    double drawn_w =
        (joules[i] - governor->start_j[i]) / scenario->caps.period_s / accelerators_of(governor, i);
    double *demand_w = &governor->demand_w[i];
    if (tw_engine_was_slowed(governor->engines[i]))
      *demand_w = INFINITY;
    else
      *demand_w = isfinite(*demand_w) ? fmax(drawn_w, REMEMBERED * *demand_w) : drawn_w;
  }
  for (guint i = 0; i < governor->groups->len; i++)
    note(governor, &g_array_index(governor->groups, group, i), joules, now_s);
  memcpy(governor->start_j, joules, (gsize)scenario->plan.n_engines * sizeof *joules);
}

/* Watts of an accelerator that an engine may come to draw before the next limits act: one without work may get some. */
static double demand_of(const tw_governor *governor, int engine)
{
  tw_engine_state state = tw_engine_get_state(governor->engines[engine]);
  gboolean may_wake = state == TW_ENGINE_SERVES || state == TW_ENGINE_DRAINS || state == TW_ENGINE_LOADS;
  double waking = may_wake ? governor->waking_w[governor->scenario->plan.engines[engine].pool] : 0;
  return fmax(governor->demand_w[engine], waking);
}

static void share_out(tw_governor *governor, const group *g, double now_s)
{
  const tw_caps *caps = &governor->scenario->caps;
  int n = (int)g->engines->len;
  g_autofree double *demands = g_new(double, (gsize)n), *weights = g_new(double, (gsize)n);
  for (int i = 0; i < n; i++) {
    int engine = g_array_index(g->engines, int, (guint)i);
    demands[i] = caps->even ? INFINITY : with_hosts(governor, engine, demand_of(governor, engine));
    weights[i] = accelerators_of(governor, engine);
  }
  /* The limits hold until those of the next period act. */
  double budget_w = cap_w(governor, g, now_s, now_s + caps->period_s + caps->delay_s) - fixed_w(governor, g);
  double level_w = tw_governor_level(demands, weights, n, budget_w);
  double weight = 0, spare_w = budget_w - needed(demands, weights, n, level_w);
  for (int i = 0; i < n; i++)
    weight += weights[i];
  /* Budget that nobody asks for is shared evenly, so that the limits never add up to more than the budget. */
  for (int i = 0; i < n; i++) {
    int engine = g_array_index(g->engines, int, (guint)i);
    double limit_w = fmin(level_w, demands[i]) + fmax(0, spare_w) / weight;
    governor->limit_w[engine] = fmin(governor->limit_w[engine], without_hosts(governor, engine, limit_w));
  }
}

static void decide(tw_governor *governor, double now_s)
{
  double most_w = governor->scenario->caps.accelerator_w;
  for (int i = 0; i < governor->scenario->plan.n_engines; i++)
    governor->limit_w[i] = isnan(most_w) ? INFINITY : most_w;
  for (guint i = 0; i < governor->groups->len; i++)
    share_out(governor, &g_array_index(governor->groups, group, i), now_s);
}

double tw_governor_due(const tw_governor *governor)
{
  double decide_s = (double)governor->period * governor->scenario->caps.period_s;
  return fmin(decide_s, fmin(governor->lower_s, governor->raise_s));
}

static void hold(tw_governor *governor, int engine, double now_s)
{
  governor->held_w[engine] = governor->limit_w[engine];
  tw_engine_limit(governor->engines[engine], governor->held_w[engine], now_s);
}

/* Limits that fall act first; the others rise when the iterations are over that still draw what they used to,
 * so that at no time may all together draw more than the cap. */
static void lower_limits(tw_governor *governor, double now_s)
{
  gboolean any_rises = FALSE;
  double next_s = (double)governor->period * governor->scenario->caps.period_s, over_s = now_s;
  for (int i = 0; i < governor->scenario->plan.n_engines; i++) {
    any_rises |= governor->limit_w[i] > governor->held_w[i];
    if (governor->limit_w[i] >= governor->held_w[i])
      continue;
    hold(governor, i, now_s);
    /* One that waits for its window does not know its time. */
    if (tw_engine_is_busy(governor->engines[i]))
      over_s = fmax(over_s, fmin(tw_engine_due(governor->engines[i]), fmax(next_s, now_s)));
  }
  governor->lower_s = INFINITY;
  governor->raise_s = any_rises ? over_s : INFINITY;
}

static void raise_limits(tw_governor *governor, double now_s)
{
  for (int i = 0; i < governor->scenario->plan.n_engines; i++)
    if (governor->limit_w[i] > governor->held_w[i])
      hold(governor, i, now_s);
  governor->raise_s = INFINITY;
}

void tw_governor_step(tw_governor *governor)
{
  double now_s = tw_governor_due(governor);
  if (now_s == governor->raise_s) {
    raise_limits(governor, now_s);
  } else if (now_s == governor->lower_s) {
    lower_limits(governor, now_s);
  } else {
    if (governor->period > 0)
      measure(governor, now_s);
    decide(governor, now_s);
    /* The first limits stand as the run begins. */
    governor->lower_s = governor->period == 0 ? now_s : now_s + governor->scenario->caps.delay_s;
    governor->raise_s = INFINITY;
    governor->period++;
  }
}

tw_cap_record tw_governor_record(const tw_governor *governor)
{
  return governor->record;
}
