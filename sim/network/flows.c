#include "sim/network/flows.h"

#include "sim/base/heap.h"
#include "sim/network/carrier.h"
#include "sim/network/convoys.h"
#include "sim/network/routes.h"

#include <simgrid/actor.h>
#include <simgrid/engine.h>
#include <simgrid/link.h>

#include <math.h>

/* Flows whose rates are known: all end at once. */
typedef struct convoy {
  double start_s, end_s;
  GQueue trips; /* queue of trip */
  tw_heap_node node;
} convoy;

/* A flow under way: it waits to set out, goes in a convoy, or is carried by SimGrid. */
typedef struct trip {
  tw_flow *flow;
  const tw_link_route *route;
  convoy *convoy;      /* NULL: none */
  tw_carried *carried; /* NULL: not by SimGrid */
  double begin_s;      /* SimGrid's clock as it took over */
  double gone_s;       /* seconds for which the flow was in a convoy before */
  gboolean stalled;    /* it waits for a link */
  GList link;          /* its place in flows->under_way or stalled */
  GList in_convoy;     /* its place in convoy->trips */
} trip;

/* Who is on a link. */
typedef struct occupants {
  convoy *convoy;
  int carried; /* number of flows that SimGrid carries over it */
} occupants;

struct tw_flows {
  tw_flow_watcher *watcher;
  void *user;
  double now_s;      /* the time that has come */
  double offset_s;   /* now_s less SimGrid's clock, while SimGrid carries flows */
  gboolean profiled; /* links change with SimGrid's time, which is ours then */
  tw_link_table *links;
  double joules[TW_FLOW_KIND_COUNT];
  tw_routes *routes;
  GQueue under_way;    /* queue of trip, in the order of their starts */
  GQueue stalled;      /* queue of trip: those that wait for a link that carries nothing */
  GPtrArray *starting; /* array of trip, those that set out before time passes */
  GArray *loads;       /* of tw_convoy_flow: scratch */
  tw_convoys *convoys;
  occupants *on_link;
  tw_heap ends;      /* the convoys by when they end */
  guint64 n_convoys; /* number of convoys so far */
  tw_carrier *carrier;
};

tw_flows *tw_flows_new(const tw_ports *ports)
{
  const tw_platform *platform = ports->platform;
  tw_flows *flows = g_new0(tw_flows, 1);
  *flows = (tw_flows){.profiled = platform->profiled,
                      .links = tw_link_table_new(platform),
                      .starting = g_ptr_array_new(),
                      .loads = g_array_new(FALSE, FALSE, sizeof(tw_convoy_flow)),
                      .carrier = tw_carrier_new()};
  g_queue_init(&flows->under_way);
  g_queue_init(&flows->stalled);
  flows->routes = tw_routes_new(ports, flows->links);
  flows->convoys = tw_convoys_new(flows->links->n, flows->links->rates, flows->links->shared);
  flows->on_link = g_new0(occupants, (gsize)flows->links->n);
  return flows;
}

void tw_flows_free(tw_flows *flows)
{
  if (flows == NULL)
    return;
  for (tw_heap_node *top; (top = tw_heap_top(&flows->ends)) != NULL;) {
    tw_heap_remove(&flows->ends, top);
    g_free(tw_container(top, convoy, node));
  }
  for (GList *link; (link = g_queue_pop_head_link(&flows->under_way)) != NULL;)
    g_free(link->data);
  for (GList *link; (link = g_queue_pop_head_link(&flows->stalled)) != NULL;)
    g_free(link->data);
  tw_heap_clear(&flows->ends);
  tw_carrier_free(flows->carrier);
  tw_convoys_free(flows->convoys);
  g_ptr_array_unref(flows->starting);
  g_array_unref(flows->loads);
  g_free(flows->on_link);
  tw_routes_free(flows->routes);
  tw_link_table_free(flows->links);
  g_free(flows);
}

void tw_flows_watch(tw_flows *flows, tw_flow_watcher *watcher, void *user)
{
  flows->watcher = watcher;
  flows->user = user;
}

/* ---- Flows under way ---- */

static void put_under_way(tw_flows *flows, trip *t, double now_s)
{
  t->flow->start_s = now_s;
  g_queue_push_tail_link(&flows->under_way, &t->link);
  g_ptr_array_add(flows->starting, t);
}

/* The flow of a trip has ended, and its starter is told. */
static void end_trip(tw_flows *flows, trip *t, double end_s)
{
  tw_flow *flow = t->flow;
  const tw_link_route *r = t->route;
  g_queue_unlink(&flows->under_way, &t->link);
  g_free(t);
  flows->joules[flow->kind] += r->route.joules_per_byte * flow->bytes;
  if (flows->watcher != NULL)
    flows->watcher(flows->user, flow, r->links, r->n_links, end_s);
  flow->ended(flow, end_s);
}

/* Has SimGrid carry a part of a flow, from now_s on. */
static void carry(tw_flows *flows, trip *t, double part)
{
  if (tw_carrier_count(flows->carrier) == 0) {
    if (flows->profiled && flows->now_s > simgrid_get_clock())
      sg_actor_sleep_for(flows->now_s - simgrid_get_clock()); /* profiles count from the start of the run */
    flows->offset_s = flows->now_s - simgrid_get_clock();
  }
  t->begin_s = simgrid_get_clock();
  t->carried = tw_carrier_start(flows->carrier, tw_routes_host(flows->routes, t->flow->from),
                                tw_routes_host(flows->routes, t->flow->to), t->flow->bytes * part, t);
  for (int k = 0; k < t->route->n_links; k++)
    flows->on_link[t->route->links[k]].carried++;
}

static void leave_simgrid(tw_flows *flows, trip *t)
{
  for (int k = 0; k < t->route->n_links; k++)
    flows->on_link[t->route->links[k]].carried--;
  t->carried = NULL;
}

static void set_convoy(tw_flows *flows, trip *t, convoy *c)
{
  t->convoy = c;
  for (int k = 0; k < t->route->n_links; k++)
    flows->on_link[t->route->links[k]].convoy = c;
}

static trip *leave_convoy(tw_flows *flows, convoy *c)
{
  GList *link = g_queue_pop_head_link(&c->trips);
  if (link != NULL)
    set_convoy(flows, link->data, NULL);
  return link != NULL ? link->data : NULL;
}

static void end_convoy(tw_flows *flows, convoy *c)
{
  tw_heap_remove(&flows->ends, &c->node);
  for (trip *t; (t = leave_convoy(flows, c)) != NULL;)
    end_trip(flows, t, c->end_s);
  g_free(c);
}

/* SimGrid carries from now_s on what is left of a convoy. */
static void break_up(tw_flows *flows, convoy *c)
{
  double gone_s = CLAMP(flows->now_s, c->start_s, c->end_s) - c->start_s;
  tw_heap_remove(&flows->ends, &c->node);
  for (trip *t; (t = leave_convoy(flows, c)) != NULL;) {
    t->gone_s = gone_s;
    carry(flows, t, 1 - gone_s / (c->end_s - c->start_s));
  }
  g_free(c);
}

/* Whether flows that set out meet others on their way; SimGrid carries those from now on. */
static gboolean meets_others(tw_flows *flows, const trip *t)
{
  gboolean meets = FALSE;
  for (int k = 0; k < t->route->n_links; k++) {
    int link = t->route->links[k];
    if (!flows->links->shared[link])
      continue;
    if (flows->on_link[link].convoy != NULL)
      break_up(flows, flows->on_link[link].convoy);
    meets |= flows->on_link[link].carried > 0;
  }
  return meets;
}

/* What becomes of a set of flows that set out together. */
typedef struct set {
  gboolean carried;
  convoy *convoy;
} set;

/* Sends off `n` of the flows that start, those from `first` on, which start at the same time. */
static void set_out(tw_flows *flows, guint first, guint n)
{
  trip **trips = (trip **)(void *)flows->starting->pdata + first;
  g_array_set_size(flows->loads, n);
  tw_convoy_flow *loads = (tw_convoy_flow *)(void *)flows->loads->data;
  for (guint i = 0; i < n; i++)
    loads[i] = (tw_convoy_flow){trips[i]->flow->bytes, trips[i]->route->links, trips[i]->route->n_links, 0};
  int n_sets = tw_convoys_part(flows->convoys, loads, (int)n);
  g_autofree set *sets = g_new0(set, (gsize)n_sets);
  flows->now_s = trips[0]->flow->start_s;
  for (int k = 0; k < n_sets; k++)
    sets[k].carried = flows->profiled || isnan(tw_convoys_seconds(flows->convoys, k));
  for (guint i = 0; i < n; i++)
    sets[loads[i].set].carried |= meets_others(flows, trips[i]);
  for (guint i = 0; i < n; i++) {
    set *s = &sets[loads[i].set];
    if (s->carried) {
      carry(flows, trips[i], 1);
      continue;
    }
    if (s->convoy == NULL) {
      s->convoy = g_new(convoy, 1);
      *s->convoy = (convoy){.start_s = flows->now_s,
                            .end_s = flows->now_s + tw_convoys_seconds(flows->convoys, loads[i].set),
                            .node = {.place = TW_HEAP_OUT}};
      tw_heap_push(&flows->ends, &s->convoy->node, s->convoy->end_s, flows->n_convoys++);
    }
    set_convoy(flows, trips[i], s->convoy);
    g_queue_push_tail_link(&s->convoy->trips, &trips[i]->in_convoy);
  }
}

/* ---- Links that carry less, or nothing ---- */

static gboolean is_open(const tw_flows *flows, const tw_link_route *r)
{
  for (int k = 0; k < r->n_links; k++)
    if (flows->links->speeds[r->links[k]] == 0)
      return FALSE;
  return TRUE;
}

static void take_from_simgrid(tw_flows *flows, trip *t)
{
  tw_carrier_cancel(flows->carrier, t->carried);
  leave_simgrid(flows, t);
}

/* SimGrid never gives a flow more than its slowest link had as it began: what is left of it begins anew. */
static void begin_anew(tw_flows *flows, trip *t)
{
  double left = tw_carrier_left(t->carried);
  t->gone_s += simgrid_get_clock() - t->begin_s;
  take_from_simgrid(flows, t);
  carry(flows, t, left / t->flow->bytes);
}

/* A flow waits until all of its links carry something. */
static void stall(tw_flows *flows, trip *t)
{
  if (t->carried != NULL)
    take_from_simgrid(flows, t);
  g_queue_unlink(&flows->under_way, &t->link);
  g_queue_push_tail_link(&flows->stalled, &t->link);
  t->stalled = TRUE;
}

/* Flows that have waited are sent again, from their first byte on. */
static void resume(tw_flows *flows)
{
  for (GList *link = flows->stalled.head, *next; link != NULL; link = next) {
    trip *t = link->data;
    next = link->next;
    if (!is_open(flows, t->route))
      continue;
    g_queue_unlink(&flows->stalled, link);
    t->stalled = FALSE;
    t->gone_s = 0;
    put_under_way(flows, t, flows->now_s);
  }
}

static gboolean crosses(const tw_link_route *r, const GArray *links)
{
  for (guint i = 0; i < links->len; i++)
    for (int k = 0; k < r->n_links; k++)
      if (r->links[k] == g_array_index(links, int, i))
        return TRUE;
  return FALSE;
}

static void set_speed(void *state, const char *name, double speed, double now_s)
{
  tw_flows *flows = state;
  g_autoptr(GArray) links = tw_link_table_find_all(flows->links, name);
  flows->now_s = now_s;
  for (guint i = 0; i < links->len; i++) {
    int link = g_array_index(links, int, i);
    if (flows->on_link[link].convoy != NULL)
      break_up(flows, flows->on_link[link].convoy);
    tw_link_table_set_speed(flows->links, link, speed);
    tw_convoys_set_rate(flows->convoys, link, flows->links->rates[link] * speed);
  }
  for (GList *link = flows->under_way.head, *next; link != NULL; link = next) {
    trip *t = link->data;
    next = link->next;
    if (t->carried == NULL || !crosses(t->route, links))
      continue;
    if (speed == 0)
      stall(flows, t);
    else
      begin_anew(flows, t);
  }
  if (speed > 0 && flows->stalled.length > 0)
    resume(flows);
}

int tw_flows_stalled(const tw_flows *flows)
{
  return (int)flows->stalled.length;
}

/* ---- Time ---- */

static void stall_those_without_way(tw_flows *flows)
{
  guint left = 0;
  for (guint i = 0; i < flows->starting->len; i++) {
    trip *t = flows->starting->pdata[i];
    if (is_open(flows, t->route))
      flows->starting->pdata[left++] = t;
    else
      stall(flows, t);
  }
  g_ptr_array_set_size(flows->starting, (gint)left);
}

static void set_all_out(tw_flows *flows)
{
  GPtrArray *starting = flows->starting;
  if (flows->links->n_stopped > 0)
    stall_those_without_way(flows);
  for (guint first = 0, end; first < starting->len; first = end) {
    double start_s = ((const trip *)starting->pdata[first])->flow->start_s;
    for (end = first + 1; end < starting->len; end++)
      if (((const trip *)starting->pdata[end])->flow->start_s != start_s)
        break;
    set_out(flows, first, end - first);
  }
  g_ptr_array_set_size(starting, 0);
}

static void end_carried(tw_flows *flows)
{
  double clock_s = simgrid_get_clock();
  for (trip *t; (t = tw_carrier_take(flows->carrier)) != NULL;) {
    leave_simgrid(flows, t);
    end_trip(flows, t, t->flow->start_s + t->gone_s + (clock_s - t->begin_s));
  }
}

gboolean tw_flows_wait(tw_flows *flows, double until_s)
{
  set_all_out(flows);
  const tw_heap_node *first = tw_heap_top(&flows->ends);
  double next_s = first != NULL ? fmin(first->key, until_s) : until_s;
  if (tw_carrier_count(flows->carrier) > 0 &&
      tw_carrier_wait(flows->carrier, next_s - (simgrid_get_clock() + flows->offset_s))) {
    flows->now_s = simgrid_get_clock() + flows->offset_s;
    end_carried(flows);
    return FALSE;
  }
  flows->now_s = next_s;
  if (first == NULL || first->key > until_s)
    return TRUE;
  end_convoy(flows, tw_container(first, convoy, node));
  return FALSE;
}

/* ---- The interface ---- */

static tw_route route_of(void *state, int from, int to)
{
  return tw_routes_find(((const tw_flows *)state)->routes, from, to)->route;
}

static void start(void *state, tw_flow *flow, double now_s)
{
  tw_flows *flows = state;
  g_assert(flow->from != flow->to && flow->bytes > 0);
  trip *t = g_new(trip, 1);
  *t = (trip){.flow = flow,
              .route = tw_routes_find(flows->routes, flow->from, flow->to),
              .link = {.data = t},
              .in_convoy = {.data = t}};
  flow->trip = t;
  put_under_way(flows, t, now_s);
}

static void cancel(void *state, tw_flow *flow)
{
  tw_flows *flows = state;
  trip *t = flow->trip;
  if (t->convoy != NULL)
    break_up(flows, t->convoy); /* the others of it may have more from now on */
  if (t->carried != NULL) {
    take_from_simgrid(flows, t);
  } else if (!t->stalled) {
    g_ptr_array_remove(flows->starting, t);
  }
  g_queue_unlink(t->stalled ? &flows->stalled : &flows->under_way, &t->link);
  g_free(t);
}

tw_network tw_flows_network(tw_flows *flows)
{
  return (tw_network){route_of, start, cancel, set_speed, flows, flows->joules};
}

int tw_flows_under_way(const tw_flows *flows)
{
  return (int)flows->under_way.length;
}

double tw_flows_oldest_s(tw_flows *flows)
{
  const trip *oldest = g_queue_peek_head(&flows->under_way);
  return oldest != NULL ? oldest->flow->start_s : INFINITY;
}

int tw_flows_links(const tw_flows *flows)
{
  return flows->links->n;
}

const char *tw_flows_link_name(const tw_flows *flows, int link)
{
  return sg_link_get_name(flows->links->all[link]);
}

double tw_flows_link_bytes_per_s(const tw_flows *flows, int link)
{
  return flows->links->rates[link];
}

gboolean tw_flows_link_is_shared(const tw_flows *flows, int link)
{
  return flows->links->shared[link];
}

const int *tw_flows_route_links(tw_flows *flows, int from, int to, int *n_links)
{
  const tw_link_route *r = tw_routes_find(flows->routes, from, to);
  *n_links = r->n_links;
  return r->links;
}
