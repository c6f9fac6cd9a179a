#include "sim/site/fleet.h"

#include <math.h>

typedef struct member member;

typedef struct weight_flow {
  tw_flow flow;
  double latency_s;
  member *member;
} weight_flow;

/* An engine. */
struct member {
  tw_fleet *fleet;
  int engine;
  gboolean begins; /* what is due is the begin of its load, not the end */
  int from;        /* engine whose weights it copies, -1: none */
  int copies;      /* engines that copy its weights */
  double bytes, start_s, ready_s;
  GArray *flows; /* of weight_flow */
  int flows_left;
  tw_heap_node node; /* by when it is due */
};

struct tw_fleet {
  const tw_scenario *scenario;
  tw_engine *const *engines;
  tw_network network;
  tw_fleet_listener listener;
  member *members;
  int *stores; /* hosts */
  int n_stores;
  int draining, flows;
  GQueue starting; /* members whose flows are to be started between events */
  tw_heap due;
  tw_fleet_totals totals;
};

static const tw_pool *pool_of(const tw_fleet *fleet, int engine)
{
  return &fleet->scenario->pools[fleet->scenario->engines[engine].pool];
}

/* The run begins. Of cold engines the least number begins to load; an autoscaler wakes the others. */
static void start(member *m, gint64 of_pool)
{
  tw_fleet *fleet = m->fleet;
  const tw_pool *pool = pool_of(fleet, m->engine);
  if (pool->start != TW_START_COLD)
    return;
  m->begins = pool->scaling.policy < 0 || of_pool < pool->scaling.min;
  fleet->listener.serves(fleet->listener.user, m->engine, FALSE, 0);
  tw_engine_set_state(fleet->engines[m->engine], m->begins ? TW_ENGINE_LOADS : TW_ENGINE_PARKED, 0);
  if (m->begins)
    tw_heap_push(&fleet->due, &m->node, 0, (guint64)m->engine);
}

tw_fleet *tw_fleet_new(const tw_scenario *scenario, tw_engine *const *engines, const tw_network *network,
                       const tw_fleet_listener *listener)
{
  if (!tw_scenario_has_fleet(scenario))
    return NULL;
  const tw_platform *platform = scenario->platform;
  tw_fleet *fleet = g_new0(tw_fleet, 1);
  *fleet = (tw_fleet){.scenario = scenario,
                      .engines = engines,
                      .network = network != NULL ? *network : (tw_network){0},
                      .listener = *listener,
                      .members = g_new0(member, (gsize)scenario->n_engines),
                      .stores = g_new(int, (gsize)platform->n_hosts)};
  g_queue_init(&fleet->starting);
  int of_pool = 0; /* number of the engine in its pool */
  for (int i = 0; i < platform->n_hosts; i++)
    if (platform->zones[platform->hosts[i].zone].role == TW_ROLE_STORAGE)
      fleet->stores[fleet->n_stores++] = i;
  for (int i = 0; i < scenario->n_engines; i++) {
    member *m = &fleet->members[i];
    *m = (member){.fleet = fleet,
                  .engine = i,
                  .from = -1,
                  .flows = g_array_new(FALSE, FALSE, sizeof(weight_flow)),
                  .node = {.place = TW_HEAP_OUT}};
    if (i > 0 && scenario->engines[i].pool == scenario->engines[i - 1].pool)
      of_pool++;
    else
      of_pool = 0;
    start(m, of_pool);
  }
  return fleet;
}

void tw_fleet_free(tw_fleet *fleet)
{
  if (fleet == NULL)
    return;
  for (int i = 0; i < fleet->scenario->n_engines; i++)
    g_array_unref(fleet->members[i].flows);
  g_queue_clear(&fleet->starting);
  tw_heap_clear(&fleet->due);
  g_free(fleet->members);
  g_free(fleet->stores);
  g_free(fleet);
}

/* ---- Loading ---- */

static void schedule(member *m)
{
  tw_fleet *fleet = m->fleet;
  tw_heap_push(&fleet->due, &m->node, m->ready_s + pool_of(fleet, m->engine)->startup_s, (guint64)m->engine);
  fleet->listener.scheduled(fleet->listener.user);
}

static void flow_ended(tw_flow *flow, double end_s)
{
  weight_flow *f = (weight_flow *)(void *)flow;
  member *m = f->member;
  m->ready_s = fmax(m->ready_s, end_s + f->latency_s);
  if (--m->flows_left > 0)
    return;
  m->fleet->flows--;
  if (m->from >= 0)
    m->fleet->members[m->from].copies--;
  schedule(m);
}

static void add_flow(member *m, int from, int to, double bytes)
{
  for (guint i = 0; i < m->flows->len; i++) {
    tw_flow *flow = &g_array_index(m->flows, weight_flow, i).flow;
    if (flow->from == from && flow->to == to) {
      flow->bytes += bytes;
      return;
    }
  }
  const tw_network *network = &m->fleet->network;
  weight_flow flow = {{.from = from, .to = to, .bytes = bytes, .kind = TW_FLOW_WEIGHTS, .ended = flow_ended},
                      network->route(network->state, from, to).latency_s,
                      m};
  g_array_append_val(m->flows, flow);
}

/* Of the engines of the pool that have their weights and take or finish requests, the one that the fewest
 * copy from; -1 if there is none. */
static int find_peer(const tw_fleet *fleet, int engine)
{
  const tw_engine_place *places = fleet->scenario->engines;
  int best = -1;
  for (int i = 0; i < fleet->scenario->n_engines; i++) {
    tw_engine_state state = tw_engine_get_state(fleet->engines[i]);
    if (i == engine || places[i].pool != places[engine].pool ||
        (state != TW_ENGINE_SERVES && state != TW_ENGINE_DRAINS))
      continue;
    if (best < 0 || fleet->members[i].copies < fleet->members[best].copies)
      best = i;
  }
  return best;
}

/* What its accelerators get from those of the peer: over links from other hosts, at the device's scale-up
 * rate from the own one. */
static void copy_peer(member *m, double now_s)
{
  const tw_fleet *fleet = m->fleet;
  const tw_engine_place *places = fleet->scenario->engines;
  const tw_pool *pool = pool_of(fleet, m->engine);
  double bytes = pool->memory.weight_bytes;
  for (gint64 k = 0; k < pool->tp * pool->pp * pool->dp; k++) {
    const tw_engine_place *theirs = &places[m->from], *ours = &places[m->engine];
    if (tw_place_host(theirs, k) != tw_place_host(ours, k))
      add_flow(m, tw_place_endpoint(theirs, k), tw_place_endpoint(ours, k), bytes);
    else
      m->ready_s = now_s + pool->device->scale_up_latency_s + bytes / pool->device->scale_up_bytes_per_s;
  }
}

/* What they get from storage: a host from one store, the next host from the next. */
static void read_storage(member *m)
{
  const tw_fleet *fleet = m->fleet;
  const tw_engine_place *place = &fleet->scenario->engines[m->engine];
  double bytes = pool_of(fleet, m->engine)->memory.weight_bytes;
  for (int i = 0; i < place->n_shares; i++)
    add_flow(m, fleet->stores[(m->engine * place->n_shares + i) % fleet->n_stores],
             tw_share_endpoint(&place->shares[i]), bytes * place->shares[i].accelerators);
}

static void begin_load(member *m, double now_s)
{
  tw_fleet *fleet = m->fleet;
  const tw_pool *pool = pool_of(fleet, m->engine);
  m->begins = FALSE;
  m->start_s = m->ready_s = now_s;
  m->bytes = 0;
  m->from = -1;
  g_array_set_size(m->flows, 0);
  if (pool->weights_from != TW_WEIGHTS_RESIDENT) {
    m->bytes = pool->memory.weight_bytes * (double)(pool->tp * pool->pp * pool->dp);
    if (pool->weights_from == TW_WEIGHTS_PEER)
      m->from = find_peer(fleet, m->engine);
    if (m->from >= 0) {
      fleet->members[m->from].copies++;
      copy_peer(m, now_s);
    } else {
      read_storage(m);
    }
  }
  m->flows_left = (int)m->flows->len;
  fleet->flows += m->flows_left > 0;
  g_queue_push_tail(&fleet->starting, m);
}

void tw_fleet_start_flows(tw_fleet *fleet)
{
  for (member *m; (m = g_queue_pop_head(&fleet->starting)) != NULL;) {
    int n = m->flows_left;
    for (int i = 0; i < n; i++)
      fleet->network.start(fleet->network.state, &g_array_index(m->flows, weight_flow, i).flow, m->start_s);
    if (n == 0) {
      if (m->from >= 0)
        fleet->members[m->from].copies--;
      schedule(m);
    }
  }
}

int tw_fleet_flows(const tw_fleet *fleet)
{
  return fleet->flows;
}

double tw_fleet_due(const tw_fleet *fleet)
{
  tw_heap_node *top = tw_heap_top(&fleet->due);
  return top != NULL ? top->key : INFINITY;
}

/* ---- States ---- */

static void set_state(tw_fleet *fleet, int engine, tw_engine_state state, double now_s)
{
  tw_engine_set_state(fleet->engines[engine], state, now_s);
  if (state == TW_ENGINE_SERVES || state == TW_ENGINE_DRAINS)
    fleet->listener.serves(fleet->listener.user, engine, state == TW_ENGINE_SERVES, now_s);
}

void tw_fleet_step(tw_fleet *fleet)
{
  double now_s = tw_fleet_due(fleet);
  for (tw_heap_node *top; (top = tw_heap_top(&fleet->due)) != NULL && top->key == now_s;) {
    member *m = tw_container(top, member, node);
    tw_heap_remove(&fleet->due, top);
    if (m->begins) {
      begin_load(m, now_s);
      continue;
    }
    fleet->totals.loads++;
    fleet->totals.load_s += now_s - m->start_s;
    set_state(fleet, m->engine, TW_ENGINE_SERVES, now_s);
    fleet->listener.loaded(fleet->listener.user, m->engine, m->start_s, now_s, m->bytes);
  }
}

void tw_fleet_wake(tw_fleet *fleet, int engine, double now_s)
{
  if (tw_engine_get_state(fleet->engines[engine]) == TW_ENGINE_DRAINS) {
    fleet->draining--;
    set_state(fleet, engine, TW_ENGINE_SERVES, now_s);
    return;
  }
  g_assert(tw_engine_get_state(fleet->engines[engine]) == TW_ENGINE_PARKED);
  fleet->totals.wakes++;
  set_state(fleet, engine, TW_ENGINE_LOADS, now_s);
  begin_load(&fleet->members[engine], now_s);
}

void tw_fleet_drain(tw_fleet *fleet, int engine, double now_s)
{
  g_assert(tw_engine_get_state(fleet->engines[engine]) == TW_ENGINE_SERVES);
  fleet->draining++;
  set_state(fleet, engine, TW_ENGINE_DRAINS, now_s);
}

void tw_fleet_park(tw_fleet *fleet, const tw_load *loads, double now_s)
{
  for (int i = 0; fleet->draining > 0 && i < fleet->scenario->n_engines; i++) {
    if (tw_engine_get_state(fleet->engines[i]) != TW_ENGINE_DRAINS || loads[i].requests > 0 ||
        fleet->members[i].copies > 0)
      continue;
    fleet->draining--;
    set_state(fleet, i, TW_ENGINE_PARKED, now_s);
  }
}

int tw_fleet_draining(const tw_fleet *fleet)
{
  return fleet->draining;
}

void tw_fleet_audit(const tw_fleet *fleet, const tw_router *router)
{
  int draining = 0;
  for (int i = 0; i < fleet->scenario->n_engines; i++) {
    tw_engine_state state = tw_engine_get_state(fleet->engines[i]);
    g_assert(router->serves[i] == (state == TW_ENGINE_SERVES));
    if (state == TW_ENGINE_PARKED || state == TW_ENGINE_LOADS)
      g_assert(router->loads[i].requests == 0 && tw_engine_running(fleet->engines[i]) == 0 &&
               tw_engine_waiting(fleet->engines[i]) == 0);
    draining += state == TW_ENGINE_DRAINS;
  }
  g_assert(draining == fleet->draining);
}

tw_fleet_totals tw_fleet_record(const tw_fleet *fleet)
{
  return fleet->totals;
}
