#include "sim/network/flows/flows.h"

#include "sim/network/flows/flows_private.h"

#include <simgrid/actor.h>
#include <simgrid/engine.h>
#include <simgrid/link.h>

#include <math.h>

tw_flows *tw_flows_new(const tw_ports *ports)
{
  return tw_flows_new_beside(ports, "", NULL);
}

tw_flows *tw_flows_new_beside(const tw_ports *ports, const char *prefix, const tw_flows *beside)
{
  const tw_platform *platform = ports->platform;
  tw_flows *flows = g_new0(tw_flows, 1);
  *flows = (tw_flows){.time = tw_simgrid_time_join(beside, platform->profiled),
                      .links = tw_link_table_new(platform, prefix),
                      .state = 1,
                      .starting = g_ptr_array_new(),
                      .together = g_ptr_array_new(),
                      .loads = g_array_new(FALSE, FALSE, sizeof(tw_convoy_flow))};
  g_queue_init(&flows->under_way);
  g_queue_init(&flows->stalled);
  flows->routes = tw_routes_new(ports, prefix, flows->links);
  flows->convoys = tw_convoys_new(flows->links->n, flows->links->rates, flows->links->shared);
  flows->slots = g_new0(int, (gsize)flows->links->n);
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
  tw_simgrid_time_leave(flows->time);
  tw_convoys_free(flows->convoys);
  g_ptr_array_unref(flows->starting);
  g_ptr_array_unref(flows->together);
  g_free(flows->slots);
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

static int links_of(const trip *t)
{
  return t->route != NULL ? t->route->n_links : (int)t->flow->volley->loads->len;
}

static int link_of(const trip *t, int k)
{
  return t->route != NULL ? t->route->links[k]
                          : g_array_index(t->flow->volley->loads, tw_volley_load, k).link;
}

/* The flows on the links of a route, each as often as it is on one. */
static int flows_on(const tw_flows *flows, const tw_link_route *route)
{
  int sum = 0;
  for (int k = 0; k < route->n_links; k++)
    sum += flows->on_link[route->links[k]].chosen;
  return sum;
}

static void count_chosen(tw_flows *flows, const trip *t, int more)
{
  for (int k = 0; t->chosen && k < t->route->n_links; k++)
    flows->on_link[t->route->links[k]].chosen += more;
}

/* The first of the routes with the fewest flows on them, where flows choose; links that all routes share count alike. */
static const tw_link_route *choose(tw_flows *flows, const tw_flow *flow, int choices)
{
  const tw_link_route *best = NULL;
  for (int i = 0; i < choices; i++) {
    const tw_link_route *route = tw_routes_lane(flows->routes, flow, i);
    if (best == NULL || flows_on(flows, route) < flows_on(flows, best))
      best = route;
  }
  return best;
}

static trip *trip_new(tw_flows *flows, tw_flow *flow)
{
  trip *t = g_new(trip, 1);
  *t = (trip){.flow = flow, .of = flows, .link = {.data = t}, .in_convoy = {.data = t}};
  flow->trip = t;
  if (flow->volley != NULL)
    return t;
  int choices = tw_routes_choices(flows->routes, flow->from, flow->to);
  t->chosen = choices > 1;
  t->route = choose(flows, flow, choices);
  count_chosen(flows, t, 1);
  return t;
}

static void free_trip(tw_flows *flows, trip *t)
{
  count_chosen(flows, t, -1);
  g_queue_unlink(t->stalled ? &flows->stalled : &flows->under_way, &t->link);
  t->flow->trip = NULL;
  g_free(t);
}

void tw_flows_put_under_way(tw_flows *flows, trip *t, double now_s)
{
  t->flow->start_s = now_s;
  g_queue_push_tail_link(&flows->under_way, &t->link);
  g_ptr_array_add(flows->starting, t);
}

void tw_flows_end_trip(tw_flows *flows, trip *t, double end_s)
{
  tw_flow *flow = t->flow;
  const tw_link_route *r = t->route;
  free_trip(flows, t);
  flows->joules[flow->kind] += (r != NULL ? r->route.joules_per_byte : flow->volley->joules) * flow->bytes;
  if (flows->watcher != NULL)
    flows->watcher(flows->user, flow, r != NULL ? r->links : NULL, r != NULL ? r->n_links : 0, end_s);
  flow->ended(flow, end_s);
}

/* Adds a trip to others, or, where it stands for a volley, whose flows go by themselves from now on, theirs. */
void tw_flows_add_single(tw_flows *flows, trip *t, GPtrArray *trips)
{
  tw_volley *volley = t->flow->volley;
  if (volley == NULL) {
    g_ptr_array_add(trips, t);
    return;
  }
  tw_volley_split(volley, t->flow);
  for (guint i = 0; i < volley->parts->len; i++) {
    trip *part = trip_new(flows, &g_array_index(volley->parts, tw_volley_part, i).flow);
    g_queue_insert_before_link(&flows->under_way, &t->link, &part->link);
    g_ptr_array_add(trips, part);
  }
  free_trip(flows, t);
}

/* Has SimGrid carry a part of a flow, from now_s on. */
void tw_flows_carry(tw_flows *flows, trip *t, double part)
{
  tw_simgrid_time *time = flows->time;
  if (tw_carrier_count(time->carrier) == 0) {
    if (time->profiled && flows->now_s > simgrid_get_clock())
      sg_actor_sleep_for(flows->now_s - simgrid_get_clock()); /* profiles count from the start of the run */
    time->offset_s = flows->now_s - simgrid_get_clock();
  }
  t->begin_s = simgrid_get_clock();
  t->carried = tw_carrier_start(time->carrier, flows->links->all, t->route->links, t->route->n_links,
                                t->flow->bytes * part, t);
  for (int k = 0; k < t->route->n_links; k++)
    flows->on_link[t->route->links[k]].carried++;
}

void tw_flows_leave_simgrid(tw_flows *flows, trip *t)
{
  for (int k = 0; k < t->route->n_links; k++)
    flows->on_link[t->route->links[k]].carried--;
  t->carried = NULL;
}

static void set_convoy(tw_flows *flows, trip *t, convoy *c)
{
  t->convoy = c;
  for (int k = 0; k < links_of(t); k++)
    flows->on_link[link_of(t, k)].convoy = c;
}

static trip *leave_convoy(tw_flows *flows, convoy *c)
{
  GList *link = g_queue_pop_head_link(&c->trips);
  if (link != NULL)
    set_convoy(flows, link->data, NULL);
  return link != NULL ? link->data : NULL;
}

void tw_flows_end_convoy(tw_flows *flows, convoy *c)
{
  tw_heap_remove(&flows->ends, &c->node);
  for (trip *t; (t = leave_convoy(flows, c)) != NULL;)
    tw_flows_end_trip(flows, t, c->end_s);
  g_free(c);
}

/* The bytes that are left of each flow of a volley on its course, whose convoy breaks up now, after so many seconds. NULL:
 * all flows of the convoy have the same part left. */
static double *left_of(tw_flows *flows, convoy *c, double gone_s)
{
  const trip *first = g_queue_peek_head(&c->trips);
  const tw_volley *volley = first->flow->volley;
  if (volley == NULL || volley->ends->len == 0)
    return NULL;
  return tw_volley_left(volley, flows->routes, flows->convoys, gone_s / first->flow->bytes);
}

/* SimGrid carries from now_s on what is left of a convoy. */
void tw_flows_break_up(tw_flows *flows, convoy *c)
{
  double gone_s = CLAMP(flows->now_s, c->start_s, c->end_s) - c->start_s;
  g_autoptr(GPtrArray) trips = g_ptr_array_new();
  g_autofree double *left = left_of(flows, c, gone_s);
  const tw_flow *whole = ((const trip *)g_queue_peek_head(&c->trips))->flow;
  tw_heap_remove(&flows->ends, &c->node);
  for (trip *t; (t = leave_convoy(flows, c)) != NULL;)
    tw_flows_add_single(flows, t, trips);
  for (guint i = 0; i < trips->len; i++) {
    trip *t = trips->pdata[i];
    double part = 1 - gone_s / (c->end_s - c->start_s);
    t->gone_s = gone_s;
    if (left != NULL) { /* this one may have ended before */
      part = left[i] / g_array_index(whole->volley->flows, tw_flow, i).bytes;
      t->gone_s = fmin(gone_s, g_array_index(whole->volley->ends, double, i) * whole->bytes);
    }
    tw_flows_carry(flows, t, part);
  }
  g_free(c);
}

/* Whether flows that set out meet others on their way; SimGrid carries those from now on. */
static gboolean meets_others(tw_flows *flows, const trip *t)
{
  gboolean meets = FALSE;
  for (int k = 0; k < links_of(t); k++) {
    int link = link_of(t, k);
    if (!flows->links->shared[link])
      continue;
    if (flows->on_link[link].convoy != NULL)
      tw_flows_break_up(flows, flows->on_link[link].convoy);
    meets |= flows->on_link[link].carried > 0;
  }
  return meets;
}

/* The fate of a set of flows that set out together. */
typedef struct set {
  gboolean carried;
  convoy *convoy;
} set;

/* A convoy that sets out now and takes so long. */
static convoy *convoy_new(tw_flows *flows, double seconds)
{
  convoy *c = g_new(convoy, 1);
  *c = (convoy){.start_s = flows->now_s, .end_s = flows->now_s + seconds, .node = {.place = TW_HEAP_OUT}};
  tw_heap_push(&flows->ends, &c->node, c->end_s, flows->n_convoys++);
  return c;
}

static void join_convoy(tw_flows *flows, trip *t, convoy *c)
{
  set_convoy(flows, t, c);
  g_queue_push_tail_link(&c->trips, &t->in_convoy);
}

/* Sends off the flows that set out together. */
static void set_out(tw_flows *flows)
{
  trip **trips = (trip **)(void *)flows->together->pdata;
  guint n = flows->together->len;
  g_array_set_size(flows->loads, n);
  tw_convoy_flow *loads = (tw_convoy_flow *)(void *)flows->loads->data;
  for (guint i = 0; i < n; i++)
    loads[i] = (tw_convoy_flow){trips[i]->flow->bytes, trips[i]->route->links, trips[i]->route->n_links, 0};
  int n_sets = tw_convoys_part(flows->convoys, loads, (int)n);
  g_autofree set *sets = g_new0(set, (gsize)n_sets);
  for (int k = 0; k < n_sets; k++)
    sets[k].carried = flows->time->profiled || isnan(tw_convoys_seconds(flows->convoys, k));
  for (guint i = 0; i < n; i++)
    sets[loads[i].set].carried |= meets_others(flows, trips[i]);
  for (guint i = 0; i < n; i++) {
    set *s = &sets[loads[i].set];
    if (s->carried) {
      tw_flows_carry(flows, trips[i], 1);
      continue;
    }
    if (s->convoy == NULL)
      s->convoy = convoy_new(flows, tw_convoys_seconds(flows->convoys, loads[i].set));
    join_convoy(flows, trips[i], s->convoy);
  }
}

/* Sends off a volley as one thing. FALSE: it is no convoy, or meets others. */
static gboolean set_volley_out(tw_flows *flows, trip *t)
{
  tw_volley *volley = t->flow->volley;
  if (volley->known != flows->state)
    tw_volley_know(volley, flows->routes, flows->links, flows->convoys, flows->slots);
  volley->known = flows->state;
  if (flows->time->profiled || isnan(volley->seconds) || meets_others(flows, t))
    return FALSE;
  join_convoy(flows, t, convoy_new(flows, volley->seconds * t->flow->bytes));
  return TRUE;
}

/* Sends off `n` of the trips that start, those from `first` on, which start at the same time. */
static void set_some_out(tw_flows *flows, guint first, guint n)
{
  trip **trips = (trip **)(void *)flows->starting->pdata + first;
  flows->now_s = trips[0]->flow->start_s;
  if (n == 1 && trips[0]->route == NULL && set_volley_out(flows, trips[0]))
    return;
  g_ptr_array_set_size(flows->together, 0);
  for (guint i = 0; i < n; i++)
    tw_flows_add_single(flows, trips[i], flows->together);
  set_out(flows);
}

void tw_flows_set_out(tw_flows *flows)
{
  GPtrArray *starting = flows->starting;
  if (flows->links->n_stopped > 0)
    tw_flows_stall_those_without_way(flows);
  for (guint first = 0, end; first < starting->len; first = end) {
    double start_s = ((const trip *)starting->pdata[first])->flow->start_s;
    for (end = first + 1; end < starting->len; end++)
      if (((const trip *)starting->pdata[end])->flow->start_s != start_s)
        break;
    set_some_out(flows, first, end - first);
  }
  g_ptr_array_set_size(starting, 0);
}

/* ---- The interface ---- */

static tw_route route_of(void *state, int from, int to)
{
  return tw_routes_find(((const tw_flows *)state)->routes, from, to)->route;
}

/* A flow over several lanes, which goes as a volley of its own. */
typedef struct spread_flow {
  tw_flow whole;
  tw_volley volley;
  tw_flow *flow;
} spread_flow;

static void free_spread(spread_flow *s)
{
  s->flow->spread = NULL;
  tw_volley_clear(&s->volley);
  g_free(s);
}

static void spread_ended(tw_flow *whole, double end_s)
{
  tw_flow *flow = ((spread_flow *)(void *)whole)->flow;
  free_spread((spread_flow *)(void *)whole);
  flow->ended(flow, end_s);
}

static tw_flow *spread(tw_flow *flow, double now_s)
{
  spread_flow *s = g_new0(spread_flow, 1);
  tw_volley_init(&s->volley);
  tw_volley_add(&s->volley, flow->from, flow->to, flow->shift, flow->bytes);
  s->whole = (tw_flow){.bytes = 1, .volley = &s->volley, .kind = flow->kind, .ended = spread_ended};
  s->flow = flow;
  flow->spread = s;
  flow->start_s = now_s;
  return &s->whole;
}

static void start(void *state, tw_flow *flow, double now_s)
{
  tw_flows *flows = state;
  g_assert((flow->volley != NULL || flow->from != flow->to) && flow->bytes > 0);
  if (flow->volley == NULL && tw_routes_lanes(flows->routes, flow->from, flow->to) > 1)
    flow = spread(flow, now_s);
  if (flow->volley != NULL)
    tw_volley_lay(flow->volley, flows->routes);
  tw_flows_put_under_way(flows, trip_new(flows, flow), now_s);
}

static void cancel_trip(tw_flows *flows, trip *t)
{
  if (t->convoy != NULL)
    tw_flows_break_up(flows, t->convoy); /* the others of it may have more from now on */
  if (t->carried != NULL) {
    tw_flows_take_from_simgrid(flows, t);
  } else if (!t->stalled) {
    g_ptr_array_remove(flows->starting, t);
  }
  free_trip(flows, t);
}

static void cancel(void *state, tw_flow *flow)
{
  tw_flows *flows = state;
  if (flow->spread != NULL) {
    spread_flow *s = flow->spread;
    cancel(state, &s->whole);
    free_spread(s);
    return;
  }
  trip *t = flow->trip;
  if (flow->volley == NULL || (t != NULL && t->convoy == NULL)) {
    cancel_trip(flows, t);
    return;
  }
  if (t != NULL)
    tw_flows_break_up(flows, t->convoy);
  for (guint i = 0; i < flow->volley->parts->len; i++) {
    tw_flow *part = &g_array_index(flow->volley->parts, tw_volley_part, i).flow;
    if (part->trip != NULL)
      cancel_trip(flows, part->trip);
  }
}

tw_network tw_flows_network(tw_flows *flows)
{
  return (tw_network){route_of, start, cancel, tw_flows_set_speed, flows, flows->joules};
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
  return flows->links->names[link];
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
  const tw_link_route *r = tw_routes_lane(flows->routes, &(tw_flow){.from = from, .to = to}, 0);
  *n_links = r->n_links;
  return r->links;
}
