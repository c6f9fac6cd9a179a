#include "sim/site/factory.h"

#include "sim/site/dispatcher.h"
#include "sim/site/jobs/jobs.h"
#include "sim/site/part.h"

#include <math.h>

/* Every part that a site may have. At equal times the upper rows act first; and each is made after those
 * below it, which it may turn to. */
static const tw_part_kind *const kinds[] = {
    &tw_load_part,         &tw_caps_part,
    &tw_failures_part,     &tw_fleet_part,
    &tw_autoscaler_part,   &tw_dispatcher_part,
    &tw_kv_transfers_part, &tw_fetches_part,
    &tw_agenda_part,       &tw_collective_windows_part,
    &tw_site_jobs_part,
};

typedef struct part {
  const tw_part_kind *kind;
  void *state;
} part;

struct tw_factory {
  tw_site site;
  part parts[G_N_ELEMENTS(kinds)]; /* the parts that this site has, in their order */
  int n_parts;
  part settles[G_N_ELEMENTS(kinds)]; /* those of them that settle, and those that start flows */
  part starts[G_N_ELEMENTS(kinds)];
  int n_settles, n_starts;
  double event_s;          /* time of the last event, those of parts that follow left out */
  tw_breakdown *breakdown; /* once it is finished */
  tw_spent spent;
};

static void make_seats(tw_site *site)
{
  const tw_scenario *scenario = site->scenario;
  site->seats = g_new(tw_seat, (gsize)site->n_engines);
  for (int i = 0; i < site->n_engines; i++)
    site->seats[i] = (tw_seat){&scenario->pools[scenario->plan.engines[i].pool], &scenario->plan.engines[i]};
}

static void add_part(tw_factory *factory, part p)
{
  factory->parts[factory->n_parts++] = p;
  if (p.kind->settle != NULL)
    factory->settles[factory->n_settles++] = p;
  if (p.kind->start_flows != NULL)
    factory->starts[factory->n_starts++] = p;
}

tw_factory *tw_factory_new(const tw_scenario *scenario, tw_stream *stream, tw_recorder *recorder,
                           const tw_network *network)
{
  tw_factory *factory = g_new0(tw_factory, 1);
  tw_site *site = &factory->site;
  *site = (tw_site){.scenario = scenario,
                    .stream = stream,
                    .rollouts = stream,
                    .recorder = recorder,
                    .network = network != NULL ? *network : (tw_network){0},
                    .power = tw_site_power_new(scenario),
                    .engines = g_new0(tw_engine *, (gsize)scenario->plan.n_engines),
                    .n_engines = scenario->plan.n_engines};
  make_seats(site);
  site->telemetry =
      tw_telemetry_new(scenario, site->engines, site->power, &site->network, tw_recorder_log(recorder));
  void *states[G_N_ELEMENTS(kinds)];
  for (int i = (int)G_N_ELEMENTS(kinds) - 1; i >= 0; i--)
    states[i] = kinds[i]->new (site);
  for (guint i = 0; i < G_N_ELEMENTS(kinds); i++)
    if (states[i] != NULL)
      add_part(factory, (part){kinds[i], states[i]});
  return factory;
}

void tw_factory_free(tw_factory *factory)
{
  if (factory == NULL)
    return;
  tw_site *site = &factory->site;
  for (int i = 0; i < factory->n_parts; i++)
    factory->parts[i].kind->free(factory->parts[i].state);
  tw_telemetry_free(site->telemetry);
  tw_breakdown_free(factory->breakdown);
  tw_site_power_free(site->power);
  g_free(site->engines);
  g_free(site->seats);
  g_free(factory);
}

gboolean tw_factory_start(tw_factory *factory, GError **error)
{
  return tw_dispatcher_start(factory->site.dispatcher, error);
}

void tw_factory_look_ahead(tw_factory *factory)
{
  tw_dispatcher_start(factory->site.dispatcher, NULL);
}

int tw_factory_serving(const tw_factory *factory)
{
  const tw_router *router = tw_dispatcher_router(factory->site.dispatcher);
  return tw_router_ready(router) ? router->prompts.n : 0;
}

gboolean tw_factory_is_sound(const tw_factory *factory)
{
  for (int i = 0; i < factory->site.n_engines; i++) {
    tw_engine_state state = tw_engine_get_state(factory->site.engines[i]);
    if (state != TW_ENGINE_DOWN && state != TW_ENGINE_DARK)
      return TRUE;
  }
  return FALSE;
}

void tw_factory_set_rollouts(tw_factory *factory, tw_stream *source, void (*changed)(void *user), void *user)
{
  factory->site.rollouts = source;
  factory->site.rollouts_changed = changed;
  factory->site.rollouts_user = user;
}

void tw_factory_set_outlet(tw_factory *factory, tw_outlet *takes, void *user)
{
  factory->site.outlet = takes;
  factory->site.outlet_user = user;
}

gint64 tw_factory_prefix(const tw_factory *factory, const tw_request *request, double now_s, double *bytes)
{
  const tw_site *site = &factory->site;
  gint64 most = 0;
  for (int i = 0; i < site->n_engines; i++) {
    tw_engine_state state = tw_engine_get_state(site->engines[i]);
    const tw_pool *pool = site->seats[i].pool;
    if (state != TW_ENGINE_SERVES && state != TW_ENGINE_DRAINS)
      continue;
    for (int rank = 0; rank < pool->dp; rank++) {
      gint64 tokens = tw_engine_cached_tokens(site->engines[i], rank, request, now_s);
      if (tokens <= most)
        continue;
      most = tokens;
      *bytes = tw_model_cache_bytes(pool->model, tw_precision_bytes((tw_precision)pool->kv), tokens, 1);
    }
  }
  return most;
}

double tw_factory_prefill_s(const tw_factory *factory, gint64 tokens)
{
  const tw_rates *rates = tw_dispatcher_router(factory->site.dispatcher)->rates;
  double n = (double)tokens;
  return n * rates->prompt_s + n * n / 2 * rates->pair_s;
}

void tw_factory_set_supplier(tw_factory *factory, tw_supplier *supplier, void *user)
{
  factory->site.supplier = supplier;
  factory->site.supplier_user = user;
}

void tw_factory_weights_came(tw_factory *factory, int pool, double now_s)
{
  tw_fleet_weights_came(factory->site.fleet, pool, now_s);
}

/* ---- Events ---- */

/* Whether a part that drives the run waits for flows, which may wait for a link in turn. */
static gboolean flows_drive(const tw_factory *factory)
{
  for (int i = 0; i < factory->n_parts; i++) {
    const part *p = &factory->parts[i];
    if (p->kind->life == TW_PART_DRIVES && p->kind->under_way != NULL && p->kind->under_way(p->state) > 0)
      return TRUE;
  }
  return FALSE;
}

/* Whether the run goes on for what a part has to do. */
static gboolean drives(const tw_factory *factory, const part *p)
{
  return p->kind->life == TW_PART_DRIVES ||
         (p->kind->life == TW_PART_FREES &&
          (tw_dispatcher_waits(factory->site.dispatcher) > 0 || flows_drive(factory) ||
           (factory->site.jobs != NULL && tw_site_jobs_wait(factory->site.jobs))));
}

double tw_factory_next(const tw_factory *factory, double *drives_s)
{
  double first_s = INFINITY, driven_s = INFINITY;
  for (int i = 0; i < factory->n_parts; i++) {
    double due_s = factory->parts[i].kind->due(factory->parts[i].state);
    first_s = MIN(due_s, first_s); /* fmin would be a call, for each part at each event */
    if (due_s < driven_s && drives(factory, &factory->parts[i]))
      driven_s = due_s;
  }
  if (drives_s != NULL)
    *drives_s = driven_s;
  return first_s;
}

gboolean tw_factory_waits_for_flows(const tw_factory *factory)
{
  for (int i = 0; i < factory->n_parts; i++) {
    const part *p = &factory->parts[i];
    if (p->kind->under_way != NULL && drives(factory, p) && p->kind->under_way(p->state) > 0)
      return TRUE;
  }
  return FALSE;
}

gboolean tw_factory_look(tw_factory *factory, double until_s)
{
  return tw_telemetry_step(factory->site.telemetry, until_s);
}

gboolean tw_factory_step(tw_factory *factory, GError **error)
{
  const part *first = NULL;
  double now_s = INFINITY;
  for (int i = 0; i < factory->n_parts; i++) {
    double due_s = factory->parts[i].kind->due(factory->parts[i].state);
    if (due_s >= now_s)
      continue;
    first = &factory->parts[i];
    now_s = due_s;
  }
  g_assert(first != NULL); /* the caller has asked tw_factory_next */
  tw_telemetry_until(factory->site.telemetry, now_s);
  if (first->kind->life != TW_PART_FOLLOWS)
    factory->site.now_s = factory->event_s = now_s;
  if (!first->kind->step(first->state, now_s, error))
    return FALSE;
  for (int i = 0; i < factory->n_settles; i++)
    factory->settles[i].kind->settle(factory->settles[i].state, factory->site.now_s);
  for (int i = 0; i < factory->n_starts; i++)
    factory->starts[i].kind->start_flows(factory->starts[i].state);
  return TRUE;
}

gboolean tw_factory_advance(tw_factory *factory, double until_s, GError **error)
{
  while (tw_factory_next(factory, NULL) <= until_s)
    if (!tw_factory_step(factory, error))
      return FALSE;
  return TRUE;
}

/* ---- The end ---- */

char *tw_factory_explain(const tw_factory *factory)
{
  g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
  for (int i = 0; i < factory->n_parts; i++)
    if (factory->parts[i].kind->explain != NULL)
      factory->parts[i].kind->explain(factory->parts[i].state, lines);
  if (lines->len == 0)
    return NULL;
  g_ptr_array_add(lines, NULL);
  return g_strjoinv("; ", (char **)lines->pdata);
}

static void record_unfinished(tw_factory *factory, GPtrArray *sequences, double end_s)
{
  for (guint i = 0; i < sequences->len; i++) {
    tw_recorder_ended(factory->site.recorder, sequences->pdata[i], TW_UNFINISHED, "the run ended first",
                      end_s);
    tw_sequence_free(sequences->pdata[i]);
  }
  g_ptr_array_set_size(sequences, 0);
}

static void break_down(tw_factory *factory, double end_s)
{
  const tw_site *site = &factory->site;
  tw_energy energy = tw_telemetry_energy(site->telemetry);
  g_autofree tw_site_job_energy *jobs = g_new0(tw_site_job_energy, (gsize)site->scenario->n_jobs);
  for (int i = 0; i < site->scenario->n_jobs; i++)
    jobs[i] = tw_site_jobs_energy(site->jobs, i, end_s);
  factory->breakdown = tw_breakdown_new(site->scenario, site->engines, jobs, site->power, end_s);
  factory->breakdown->transfer_j = tw_telemetry_flow_joules(site->telemetry, TW_FLOW_KV) +
                                   tw_telemetry_flow_joules(site->telemetry, TW_FLOW_WEIGHTS) +
                                   tw_telemetry_flow_joules(site->telemetry, TW_FLOW_CHECKPOINT);
  factory->breakdown->collective_j = tw_telemetry_flow_joules(site->telemetry, TW_FLOW_COLLECTIVE);
  factory->spent = tw_spent_of(site->scenario, site->engines, site->power, end_s);
  if (site->scenario->audit)
    tw_breakdown_audit(factory->breakdown, site->scenario, &energy);
}

double tw_factory_ended(const tw_factory *factory)
{
  return fmax(factory->site.now_s, tw_telemetry_ended(factory->site.telemetry));
}

double tw_factory_finish(tw_factory *factory, double end_s)
{
  tw_site *site = &factory->site;
  g_autoptr(GPtrArray) left = g_ptr_array_new();
  if (!isfinite(end_s))
    end_s = tw_factory_ended(factory);
  site->now_s = end_s;
  tw_telemetry_until(site->telemetry, end_s);
  tw_dispatcher_close(site->dispatcher, left, end_s);
  record_unfinished(factory, left, end_s);
  tw_telemetry_close(site->telemetry, end_s, factory->event_s);
  for (int i = factory->n_parts - 1; i >= 0; i--)
    if (factory->parts[i].kind->evict != NULL)
      factory->parts[i].kind->evict(factory->parts[i].state, left, end_s);
  record_unfinished(factory, left, end_s);
  tw_recorder_close(site->recorder, end_s);
  break_down(factory, end_s);
  return end_s;
}

tw_energy tw_factory_energy(const tw_factory *factory)
{
  return tw_telemetry_energy(factory->site.telemetry);
}

void tw_factory_watch_power(tw_factory *factory, tw_meter_watcher *watcher, void *user)
{
  tw_telemetry_watch(factory->site.telemetry, watcher, user);
}

const tw_grid_totals *tw_factory_grid(const tw_factory *factory)
{
  return tw_telemetry_grid(factory->site.telemetry);
}

tw_load_time tw_factory_load(const tw_factory *factory)
{
  return tw_load_time_read(&factory->site, factory->site.now_s);
}

const tw_breakdown *tw_factory_breakdown(const tw_factory *factory)
{
  return factory->breakdown;
}

const tw_spent *tw_factory_spent(const tw_factory *factory)
{
  return &factory->spent;
}

const tw_fleet *tw_factory_fleet(const tw_factory *factory)
{
  return factory->site.fleet;
}

const struct tw_failures *tw_factory_failures(const tw_factory *factory)
{
  return factory->site.failures;
}

const struct tw_site_jobs *tw_factory_jobs(const tw_factory *factory)
{
  return factory->site.jobs;
}

const tw_governor *tw_factory_governor(const tw_factory *factory)
{
  return factory->site.governor;
}

const tw_site_power *tw_factory_site_power(const tw_factory *factory)
{
  return factory->site.power;
}

int tw_factory_engines(const tw_factory *factory)
{
  return factory->site.n_engines;
}

const tw_engine *tw_factory_engine(const tw_factory *factory, int engine)
{
  return factory->site.engines[engine];
}

double tw_factory_now(const tw_factory *factory)
{
  return factory->site.now_s;
}
