#include "sim/network/flows.h"

#include "platforms/input/pair_hash.h"
#include "sim/base/heap.h"
#include "sim/network/carrier.h"
#include "sim/network/convoys.h"
#include "sim/network/simgrid_start.h"

#include <simgrid/actor.h>
#include <simgrid/engine.h>
#include <simgrid/host.h>
#include <simgrid/link.h>
#include <xbt/dynar.h>

#include <math.h>

typedef struct route {
  tw_route route;
  int n_links;
  int *links;
} route;

/* Flows whose rates are known: all end at once. */
typedef struct convoy {
  double start_s, end_s;
  GQueue trips; /* queue of trip */
  tw_heap_node node;
} convoy;

/* A flow under way: it waits to set out, goes in a convoy, or is carried by SimGrid. */
typedef struct trip {
  tw_flow *flow;
  const route *route;
  convoy *convoy;      /* NULL: none */
  tw_carried *carried; /* NULL: not by SimGrid */
  double begin_s;      /* SimGrid's clock as it took over */
  double gone_s;       /* seconds for which the flow was in a convoy before */
  GList link;          /* its place in flows->under_way */
  GList in_convoy;     /* its place in convoy->trips */
} trip;

/* Who is on a link. */
typedef struct occupants {
  convoy *convoy;
  int carried; /* number of flows that SimGrid carries over it */
} occupants;

static const char *const directions[] = {"_UP", "_DOWN"};

struct tw_flows {
  tw_flow_watcher *watcher;
  void *user;
  double now_s;      /* the time that has come */
  double offset_s;   /* now_s less SimGrid's clock, while SimGrid carries flows */
  sg_host_t *hosts;  /* the host of each endpoint */
  gboolean profiled; /* links change with SimGrid's time, which is ours then */
  sg_link_t *links;  /* all links, by name */
  gboolean *shared;  /* whether each link is, or limits each flow by itself */
  int n_links;
  GHashTable *link_index;  /* sg_link_t -> index + 1 */
  double *joules_per_byte; /* dynamic joules of each link */
  double joules[TW_FLOW_KIND_COUNT];
  GHashTable *routes;  /* routes by their ends, from << 32 | to */
  GQueue under_way;    /* queue of trip, in the order of their starts */
  GPtrArray *starting; /* array of trip, those that set out before time passes */
  GArray *loads;       /* of tw_convoy_flow: scratch */
  tw_convoys *convoys;
  occupants *on_link;
  tw_heap ends;      /* the convoys by when they end */
  guint64 n_convoys; /* number of convoys so far */
  tw_carrier *carrier;
};

static void free_route(gpointer pointer)
{
  route *r = pointer;
  g_free(r->links);
  g_free(r);
}

static int by_name(gconstpointer a, gconstpointer b)
{
  return strcmp(sg_link_get_name(*(const sg_link_t *)a), sg_link_get_name(*(const sg_link_t *)b));
}

/* Joules of a byte on each of SimGrid's links, which has two-way links twice. */
static void find_joules(tw_flows *flows, const tw_platform *platform)
{
  g_autoptr(GHashTable) by_name = g_hash_table_new(g_str_hash, g_str_equal);
  flows->joules_per_byte = g_new0(double, (gsize)flows->n_links);
  for (int i = 0; i < platform->n_links; i++)
    g_hash_table_insert(by_name, platform->links[i].id, &platform->links[i]);
  for (int i = 0; i < flows->n_links; i++) {
    g_autofree char *name = g_strdup(sg_link_get_name(flows->links[i]));
    const tw_link *link = g_hash_table_lookup(by_name, name);
    for (guint k = 0; link == NULL && k < G_N_ELEMENTS(directions); k++)
      if (g_str_has_suffix(name, directions[k])) {
        name[strlen(name) - strlen(directions[k])] = '\0';
        link = g_hash_table_lookup(by_name, name);
        break;
      }
    if (link != NULL)
      flows->joules_per_byte[i] = link->joules_per_byte;
  }
}

/* SimGrid's hosts of all endpoints. */
static void find_hosts(tw_flows *flows, const tw_ports *ports)
{
  g_autoptr(GHashTable) hosts = tw_simgrid_hosts();
  for (int i = 0; i < tw_ports_count(ports); i++) {
    flows->hosts[i] = g_hash_table_lookup(hosts, tw_ports_name(ports, i));
    if (flows->hosts[i] == NULL) /* a port of a host in a <cluster> */
      flows->hosts[i] = flows->hosts[tw_ports_host(ports, i)];
  }
}

tw_flows *tw_flows_new(const tw_ports *ports)
{
  const tw_platform *platform = ports->platform;
  int n_endpoints = tw_ports_count(ports);
  tw_flows *flows = g_new0(tw_flows, 1);
  *flows = (tw_flows){.profiled = platform->profiled,
                      .hosts = g_new0(sg_host_t, (gsize)n_endpoints),
                      .n_links = (int)sg_link_count(),
                      .link_index = g_hash_table_new(NULL, NULL),
                      .routes = g_hash_table_new_full(tw_pair_hash, g_int64_equal, g_free, free_route),
                      .starting = g_ptr_array_new(),
                      .loads = g_array_new(FALSE, FALSE, sizeof(tw_convoy_flow)),
                      .carrier = tw_carrier_new()};
  g_queue_init(&flows->under_way);
  find_hosts(flows, ports);
  sg_link_t *links = sg_link_list();
  flows->links = g_memdup2(links, (gsize)flows->n_links * sizeof *links);
  free(links); /* SimGrid allocates it with malloc */
  qsort(flows->links, (size_t)flows->n_links, sizeof *flows->links, by_name);
  for (int i = 0; i < flows->n_links; i++)
    g_hash_table_insert(flows->link_index, flows->links[i], GINT_TO_POINTER(i + 1));
  find_joules(flows, platform);
  g_autofree double *rates = g_new(double, (gsize)flows->n_links);
  flows->shared = g_new(gboolean, (gsize)flows->n_links);
  for (int i = 0; i < flows->n_links; i++) {
    rates[i] = tw_flows_link_bytes_per_s(flows, i);
    flows->shared[i] = sg_link_is_shared(flows->links[i]) != 0;
  }
  flows->convoys = tw_convoys_new(flows->n_links, rates, flows->shared);
  flows->on_link = g_new0(occupants, (gsize)flows->n_links);
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
  for (GList *link = flows->under_way.head, *next; link != NULL; link = next) {
    next = link->next;
    g_free(link->data);
  }
  tw_heap_clear(&flows->ends);
  tw_carrier_free(flows->carrier);
  tw_convoys_free(flows->convoys);
  g_ptr_array_unref(flows->starting);
  g_array_unref(flows->loads);
  g_free(flows->on_link);
  g_hash_table_unref(flows->routes);
  g_hash_table_unref(flows->link_index);
  g_free(flows->hosts);
  g_free(flows->links);
  g_free(flows->shared);
  g_free(flows->joules_per_byte);
  g_free(flows);
}

void tw_flows_watch(tw_flows *flows, tw_flow_watcher *watcher, void *user)
{
  flows->watcher = watcher;
  flows->user = user;
}

static const route *find_route(tw_flows *flows, int from, int to)
{
  gint64 key = (gint64)from << 32 | to;
  route *found = g_hash_table_lookup(flows->routes, &key);
  if (found != NULL)
    return found;
  xbt_dynar_t links = xbt_dynar_new(sizeof(sg_link_t), NULL);
  sg_host_get_route(flows->hosts[from], flows->hosts[to], links);
  found = g_new0(route, 1);
  found->n_links = (int)xbt_dynar_length(links);
  found->links = g_new(int, (gsize)found->n_links);
  found->route = (tw_route){0, INFINITY, 0};
  for (int i = 0; i < found->n_links; i++) {
    sg_link_t link = xbt_dynar_get_as(links, (unsigned)i, sg_link_t);
    found->links[i] = GPOINTER_TO_INT(g_hash_table_lookup(flows->link_index, link)) - 1;
    found->route.latency_s += sg_link_get_latency(link);
    found->route.joules_per_byte += flows->joules_per_byte[found->links[i]];
    found->route.bytes_per_s = fmin(found->route.bytes_per_s, sg_link_get_bandwidth(link));
  }
  xbt_dynar_free(&links);
  g_hash_table_insert(flows->routes, g_memdup2(&key, sizeof key), found);
  return found;
}

/* ---- Flows under way ---- */

/* The flow of a trip has ended, and its starter is told. */
static void end_trip(tw_flows *flows, trip *t, double end_s)
{
  tw_flow *flow = t->flow;
  const route *r = t->route;
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
  t->carried = tw_carrier_start(flows->carrier, flows->hosts[t->flow->from], flows->hosts[t->flow->to],
                                t->flow->bytes * part, t);
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
    if (!flows->shared[link])
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

static void set_all_out(tw_flows *flows)
{
  GPtrArray *starting = flows->starting;
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
  return find_route(state, from, to)->route;
}

static void start(void *state, tw_flow *flow, double now_s)
{
  tw_flows *flows = state;
  g_assert(flow->from != flow->to && flow->bytes > 0);
  trip *t = g_new(trip, 1);
  *t = (trip){.flow = flow,
              .route = find_route(flows, flow->from, flow->to),
              .link = {.data = t},
              .in_convoy = {.data = t}};
  flow->start_s = now_s;
  flow->trip = t;
  g_queue_push_tail_link(&flows->under_way, &t->link);
  g_ptr_array_add(flows->starting, t);
}

static void cancel(void *state, tw_flow *flow)
{
  tw_flows *flows = state;
  trip *t = flow->trip;
  if (t->convoy != NULL)
    break_up(flows, t->convoy); /* the others of it may have more from now on */
  if (t->carried != NULL) {
    tw_carrier_cancel(flows->carrier, t->carried);
    leave_simgrid(flows, t);
  } else {
    g_ptr_array_remove(flows->starting, t);
  }
  g_queue_unlink(&flows->under_way, &t->link);
  g_free(t);
}

tw_network tw_flows_network(tw_flows *flows)
{
  return (tw_network){route_of, start, cancel, flows, flows->joules};
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
  return flows->n_links;
}

const char *tw_flows_link_name(const tw_flows *flows, int link)
{
  return sg_link_get_name(flows->links[link]);
}

double tw_flows_link_bytes_per_s(const tw_flows *flows, int link)
{
  return sg_link_get_bandwidth(flows->links[link]);
}

gboolean tw_flows_link_is_shared(const tw_flows *flows, int link)
{
  return flows->shared[link];
}

const int *tw_flows_route_links(tw_flows *flows, int from, int to, int *n_links)
{
  const route *r = find_route(flows, from, to);
  *n_links = r->n_links;
  return r->links;
}
