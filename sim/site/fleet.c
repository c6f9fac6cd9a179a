#include "sim/site/fleet.h"

#include "sim/network/shipment.h"
#include "sim/site/dispatcher.h"
#include "sim/site/failures/failures.h"
#include "sim/site/kv_transfers.h"

#include <math.h>

/* An engine. */
typedef struct member {
  tw_shipment shipment; /* its weights, while it loads */
  tw_fleet *fleet;
  int engine;
  gboolean begins; /* cold, it loads as the run begins */
  gboolean awaits; /* the weights of its pool have yet to come from another site */
  int from;        /* engine whose weights it copies, -1: none */
  int copies;      /* engines that copy its weights */
  double bytes, start_s;
} member;

struct tw_fleet {
  tw_site *site;
  member *members; /* every engine */
  int *stores;     /* hosts */
  int n_stores;
  int draining;
  gboolean begins; /* some engines begin to load as the run does, which is still to come */
  enum { ELSEWHERE, ASKED_FOR, HERE } * weights; /* of every pool, where they come from another site */
  tw_shipments shipments;
  tw_fleet_totals totals;
};

static const tw_pool *pool_of(const tw_fleet *fleet, int engine)
{
  return fleet->site->seats[engine].pool;
}

static tw_engine_state state_of(const tw_fleet *fleet, int engine)
{
  return tw_engine_get_state(fleet->site->engines[engine]);
}

/* The run begins. Of cold engines the least number begins to load; an autoscaler wakes the others. */
static void start(member *m, gint64 of_pool)
{
  tw_fleet *fleet = m->fleet;
  const tw_pool *pool = pool_of(fleet, m->engine);
  if (pool->start != TW_START_COLD)
    return;
  m->begins = pool->scaling.policy < 0 || of_pool < pool->scaling.min;
  fleet->begins |= m->begins;
  tw_dispatcher_set_serves(fleet->site->dispatcher, m->engine, FALSE);
  tw_engine_set_state(fleet->site->engines[m->engine], m->begins ? TW_ENGINE_LOADS : TW_ENGINE_PARKED, 0);
}

static void all_has_come(tw_shipment *shipment);

static void *new_fleet(tw_site *site)
{
  if (!tw_scenario_has_fleet(site->scenario))
    return NULL;
  const tw_platform *platform = site->scenario->platform;
  tw_fleet *fleet = site->fleet = g_new0(tw_fleet, 1);
  *fleet = (tw_fleet){.site = site,
                      .members = g_new0(member, (gsize)site->n_engines),
                      .weights = g_malloc0_n((gsize)site->scenario->n_pools, sizeof *fleet->weights),
                      .stores = g_new(int, (gsize)platform->n_hosts)};
  tw_shipments_init(&fleet->shipments, &site->network, all_has_come);
  int of_pool = 0; /* number of the engine in its pool */
  for (int i = 0; i < platform->n_hosts; i++)
    if (platform->zones[platform->hosts[i].zone].role == TW_ROLE_STORAGE)
      fleet->stores[fleet->n_stores++] = i;
  for (int i = 0; i < site->n_engines; i++) {
    member *m = &fleet->members[i];
    *m = (member){.fleet = fleet, .engine = i, .from = -1};
    of_pool = i > 0 && site->seats[i].pool == site->seats[i - 1].pool ? of_pool + 1 : 0;
    start(m, of_pool);
  }
  return fleet;
}

static void free_fleet(void *part)
{
  tw_fleet *fleet = part;
  while (tw_shipments_pop(&fleet->shipments) != NULL)
    continue;
  tw_shipments_clear(&fleet->shipments);
  for (int i = 0; i < fleet->site->n_engines; i++)
    tw_shipment_clear(&fleet->members[i].shipment);
  g_free(fleet->members);
  g_free(fleet->weights);
  g_free(fleet->stores);
  g_free(fleet);
}

/* ---- Loading ---- */

/* An engine has its weights: its software starts. */
static void all_has_come(tw_shipment *shipment)
{
  member *m = tw_container(shipment, member, shipment);
  if (m->from >= 0)
    m->fleet->members[m->from].copies--;
  shipment->ready_s += pool_of(m->fleet, m->engine)->startup_s;
  tw_shipment_schedule(shipment);
}

static void add_flow(member *m, int from, int to, double bytes)
{
  tw_flow *known = tw_shipment_find(&m->shipment, from, to);
  if (known != NULL) {
    known->bytes += bytes;
    return;
  }
  const tw_network *network = &m->fleet->site->network;
  tw_flow flow = {.from = from, .to = to, .bytes = bytes, .kind = TW_FLOW_WEIGHTS, .start_s = m->start_s};
  tw_shipment_add(&m->shipment, &flow, network->route(network->state, from, to).latency_s, -1);
}

/* Whether an engine still copies the weights of its peer. */
static gboolean copies(const member *m)
{
  return m->shipment.flows_left > 0;
}

/* The peer to copy weights from: of the engines of the pool that have their weights and take or finish
 * requests, the one that the fewest copy from; -1 if there is none. */
static int find_peer(const tw_fleet *fleet, int engine)
{
  int best = -1;
  for (int i = 0; i < fleet->site->n_engines; i++) {
    tw_engine_state state = state_of(fleet, i);
    if (i == engine || pool_of(fleet, i) != pool_of(fleet, engine) ||
        (state != TW_ENGINE_SERVES && state != TW_ENGINE_DRAINS))
      continue;
    if (best < 0 || fleet->members[i].copies < fleet->members[best].copies)
      best = i;
  }
  return best;
}

/* Sends an engine's accelerators the weights that those of the peer have: over links from other hosts, at the
 * device's scale-up rate from the own one. */
static void copy_peer(member *m, double now_s)
{
  const tw_fleet *fleet = m->fleet;
  const tw_engine_place *source = fleet->site->seats[m->from].place,
                        *place = fleet->site->seats[m->engine].place;
  const tw_pool *pool = pool_of(fleet, m->engine);
  double bytes = pool->plan.memory.weight_bytes;
  for (gint64 k = 0; k < pool->tp * pool->pp * pool->dp; k++) {
    if (tw_place_host(source, k) != tw_place_host(place, k))
      add_flow(m, tw_place_endpoint(source, k), tw_place_endpoint(place, k), bytes);
    else
      m->shipment.ready_s = now_s + pool->plan.device->scale_up_latency_s +
                            bytes / tw_device_pair_bytes_per_s(pool->plan.device);
  }
}

/* Sends an engine's accelerators their weights from storage: a host reads from one store, the next host from
 * the next. */
static void read_storage(member *m)
{
  const tw_fleet *fleet = m->fleet;
  const tw_engine_place *place = fleet->site->seats[m->engine].place;
  double bytes = pool_of(fleet, m->engine)->plan.memory.weight_bytes;
  for (int i = 0; i < place->n_shares; i++)
    add_flow(m, fleet->stores[(m->engine * place->n_shares + i) % fleet->n_stores],
             tw_share_endpoint(&place->shares[i]), bytes * place->shares[i].accelerators);
}

/* The hosts have the weights: each accelerator gets its own over its link. */
static void read_hosts(member *m, double now_s)
{
  const tw_pool_plan *plan = &pool_of(m->fleet, m->engine)->plan;
  tw_shipment_init(&m->shipment, &m->fleet->shipments,
                   now_s + plan->memory.weight_bytes / plan->device->host_bytes_per_s, (guint64)m->engine);
  tw_shipment_begin(&m->shipment, now_s);
}

/* Has the weights of its pool sent here, if nobody did so before. */
static void load_from_site(member *m, double now_s)
{
  tw_fleet *fleet = m->fleet;
  int pool = (int)(pool_of(fleet, m->engine) - fleet->site->scenario->pools);
  if (fleet->weights[pool] == HERE) {
    read_hosts(m, now_s);
    return;
  }
  m->awaits = TRUE;
  if (fleet->weights[pool] == ELSEWHERE) {
    fleet->weights[pool] = ASKED_FOR;
    fleet->site->supplier(fleet->site->supplier_user, pool, now_s);
  }
}

void tw_fleet_weights_came(tw_fleet *fleet, int pool, double now_s)
{
  fleet->weights[pool] = HERE;
  for (int i = 0; i < fleet->site->n_engines; i++) {
    member *m = &fleet->members[i];
    if (!m->awaits || pool_of(fleet, i) != &fleet->site->scenario->pools[pool])
      continue;
    m->awaits = FALSE;
    read_hosts(m, now_s);
  }
  tw_shipments_start_flows(&fleet->shipments);
}

static void begin_load(member *m, double now_s)
{
  tw_fleet *fleet = m->fleet;
  const tw_pool *pool = pool_of(fleet, m->engine);
  m->start_s = now_s;
  m->bytes = 0;
  m->from = -1;
  tw_shipment_init(&m->shipment, &fleet->shipments, now_s, (guint64)m->engine);
  if (pool->weights_from != TW_WEIGHTS_RESIDENT) {
    m->bytes = pool->plan.memory.weight_bytes * (double)(pool->tp * pool->pp * pool->dp);
    if (pool->weights_from == TW_WEIGHTS_SITE) {
      load_from_site(m, now_s);
      return;
    }
    if (pool->weights_from == TW_WEIGHTS_PEER)
      m->from = find_peer(fleet, m->engine);
    if (m->from >= 0) {
      fleet->members[m->from].copies++;
      copy_peer(m, now_s);
    } else {
      read_storage(m);
    }
  }
  tw_shipment_begin(&m->shipment, now_s);
}

/* ---- States ---- */

static void set_state(tw_fleet *fleet, int engine, tw_engine_state state, double now_s)
{
  tw_engine_set_state(fleet->site->engines[engine], state, now_s);
  if (state == TW_ENGINE_SERVES || state == TW_ENGINE_DRAINS || state == TW_ENGINE_STANDS_BY)
    tw_dispatcher_set_serves(fleet->site->dispatcher, engine, state == TW_ENGINE_SERVES);
}

static double due(const void *part)
{
  const tw_fleet *fleet = part;
  return fleet->begins ? 0 : tw_shipments_due(&fleet->shipments);
}

static void log_load(const member *m, double now_s)
{
  tw_segment_row row = tw_segment_row_empty;
  row.engine = m->engine;
  row.kind = "load";
  row.start_s = m->start_s;
  row.end_s = now_s;
  row.bytes = (gint64)(m->bytes + 0.5);
  tw_recorder_segment(m->fleet->site->recorder, &row);
}

/* Handles all that is due now. */
static gboolean step(void *part, double now_s, GError **error)
{
  (void)error;
  tw_fleet *fleet = part;
  for (int i = 0; fleet->begins && i < fleet->site->n_engines; i++)
    if (fleet->members[i].begins)
      begin_load(&fleet->members[i], now_s);
  fleet->begins = FALSE;
  while (tw_shipments_due(&fleet->shipments) == now_s) {
    tw_shipment *shipment = tw_shipments_step(&fleet->shipments);
    if (shipment == NULL)
      continue;
    member *m = tw_container(shipment, member, shipment);
    fleet->totals.loads++;
    fleet->totals.load_s += now_s - m->start_s;
    gboolean serves =
        fleet->site->failures == NULL || tw_failures_restarted(fleet->site->failures, m->engine, now_s);
    tw_fleet_set_serves(fleet, m->engine, serves, now_s);
    log_load(m, now_s);
  }
  return TRUE;
}

void tw_fleet_wake(tw_fleet *fleet, int engine, double now_s)
{
  if (state_of(fleet, engine) == TW_ENGINE_DRAINS) {
    fleet->draining--;
    set_state(fleet, engine, TW_ENGINE_SERVES, now_s);
    return;
  }
  g_assert(state_of(fleet, engine) == TW_ENGINE_PARKED);
  fleet->totals.wakes++;
  set_state(fleet, engine, TW_ENGINE_LOADS, now_s);
  begin_load(&fleet->members[engine], now_s);
}

void tw_fleet_drain(tw_fleet *fleet, int engine, double now_s)
{
  g_assert(state_of(fleet, engine) == TW_ENGINE_SERVES);
  fleet->draining++;
  set_state(fleet, engine, TW_ENGINE_DRAINS, now_s);
}

/* Stops the load of an engine's weights. */
static void stop_load(member *m)
{
  if (m->begins && m->fleet->begins) {
    m->begins = FALSE; /* it is still to begin, and will not */
    return;
  }
  if (m->awaits) {
    m->awaits = FALSE; /* The weights come nevertheless. */
    return;
  }
  tw_shipment_cancel(&m->shipment);
  if (m->from >= 0 && copies(m))
    m->fleet->members[m->from].copies--;
}

void tw_fleet_fail(tw_fleet *fleet, int engine, tw_engine_state state, double now_s)
{
  tw_engine_state before = state_of(fleet, engine);
  fleet->draining -= before == TW_ENGINE_DRAINS;
  if (before == TW_ENGINE_LOADS)
    stop_load(&fleet->members[engine]);
  tw_engine_set_state(fleet->site->engines[engine], state, now_s);
  for (int i = 0; i < fleet->site->n_engines; i++) {
    member *m = &fleet->members[i];
    if (state_of(fleet, i) != TW_ENGINE_LOADS || m->from != engine || !copies(m))
      continue;
    stop_load(m);
    begin_load(m, now_s);
  }
}

void tw_fleet_restart(tw_fleet *fleet, int engine, double now_s)
{
  tw_engine_set_state(fleet->site->engines[engine], TW_ENGINE_LOADS, now_s);
  begin_load(&fleet->members[engine], now_s);
}

void tw_fleet_set_serves(tw_fleet *fleet, int engine, gboolean serves, double now_s)
{
  set_state(fleet, engine, serves ? TW_ENGINE_SERVES : TW_ENGINE_STANDS_BY, now_s);
  if (serves && fleet->site->transfers != NULL)
    tw_kv_transfers_retry(fleet->site->transfers, engine, now_s);
}

/* Parks the engines that drain and have nothing left to do. */
static void park(tw_fleet *fleet, const tw_load *loads, double now_s)
{
  for (int i = 0; fleet->draining > 0 && i < fleet->site->n_engines; i++) {
    if (state_of(fleet, i) != TW_ENGINE_DRAINS || loads[i].requests > 0 || fleet->members[i].copies > 0)
      continue;
    const tw_engine *engine = fleet->site->engines[i];
    if (tw_engine_is_busy(engine) || isfinite(tw_engine_due(engine))) /* a batch runs on that is for nobody */
      continue;
    fleet->draining--;
    set_state(fleet, i, TW_ENGINE_PARKED, now_s);
  }
}

/* The router sends requests to those that serve alone, and the others but those that drain have none. */
static void audit(const tw_fleet *fleet, const tw_router *router)
{
  int draining = 0;
  for (int i = 0; i < fleet->site->n_engines; i++) {
    tw_engine_state state = state_of(fleet, i);
    /* Complete prompts wait for an engine that is down where no other one decodes. */
    gboolean awaited = fleet->site->failures != NULL && fleet->site->transfers != NULL;
    gboolean unknown = fleet->site->failures != NULL && tw_failures_hides(fleet->site->failures, i);
    g_assert(router->serves[i] == (state == TW_ENGINE_SERVES) || unknown);
    if (state != TW_ENGINE_SERVES && state != TW_ENGINE_DRAINS && !unknown)
      g_assert((router->loads[i].requests == 0 || awaited) &&
               tw_engine_running(fleet->site->engines[i]) == 0 &&
               tw_engine_waiting(fleet->site->engines[i]) == 0);
    draining += state == TW_ENGINE_DRAINS;
  }
  g_assert(draining == fleet->draining);
}

tw_fleet_totals tw_fleet_record(const tw_fleet *fleet)
{
  return fleet->totals;
}

/* ---- The part ---- */

static void settle(void *part, double now_s)
{
  tw_fleet *fleet = part;
  const tw_router *router = tw_dispatcher_router(fleet->site->dispatcher);
  if (fleet->draining > 0)
    park(fleet, router->loads, now_s);
  if (fleet->site->scenario->audit)
    audit(fleet, router);
}

static void start_flows(void *part)
{
  tw_shipments_start_flows(&((tw_fleet *)part)->shipments);
}

static int under_way(const void *part)
{
  return ((const tw_fleet *)part)->shipments.flows;
}

const tw_part_kind tw_fleet_part = {.name = "fleet",
                                    .life = TW_PART_FREES,
                                    .new = new_fleet,
                                    .due = due,
                                    .step = step,
                                    .settle = settle,
                                    .start_flows = start_flows,
                                    .under_way = under_way,
                                    .free = free_fleet};
