#include "sim/network/flows/routes.h"

#include "platforms/input/pair_hash.h"
#include "sim/network/flows/branches.h"
#include "sim/network/flows/lanes.h"
#include "sim/network/simgrid_start.h"

#include <simgrid/host.h>
#include <simgrid/link.h>
#include <xbt/dynar.h>

#include <math.h>

/* The key of a route; lane -1: all lanes of the pair. */
typedef struct key {
  gint64 ends; /* from << 32 | to */
  gint32 shift, lane, choice;
} key;

struct tw_routes {
  const tw_ports *ports;
  const tw_link_table *links;
  tw_lanes *lanes;       /* NULL: each pair has one route */
  tw_branches *branches; /* NULL: none are known */
  sg_host_t *hosts;      /* by endpoint */
  GHashTable *found;     /* key -> tw_link_route */
};

static void free_route(gpointer pointer)
{
  tw_link_route *route = pointer;
  g_free(route->links);
  g_free(route);
}

static guint hash_key(gconstpointer pointer)
{
  const key *k = pointer;
  guint64 rest = ((guint64)k->shift << 40) ^ ((guint64)k->lane << 20) ^ (guint64)k->choice;
  return tw_pair_hash(&k->ends) ^ tw_pair_hash(&rest);
}

static gboolean equal_keys(gconstpointer a, gconstpointer b)
{
  const key *one = a, *other = b;
  return one->ends == other->ends && one->shift == other->shift && one->lane == other->lane &&
         one->choice == other->choice;
}

tw_routes *tw_routes_new(const tw_ports *ports, const char *prefix, tw_link_table *links)
{
  int n = tw_ports_count(ports);
  g_autoptr(GHashTable) hosts = tw_simgrid_hosts(prefix);
  tw_routes *routes = g_new(tw_routes, 1);
  *routes = (tw_routes){ports,
                        links,
                        tw_lanes_new(ports, links),
                        tw_branches_new(ports->platform, links),
                        g_new0(sg_host_t, (gsize)n),
                        g_hash_table_new_full(hash_key, equal_keys, g_free, free_route)};
  for (int i = 0; i < n; i++) {
    routes->hosts[i] = g_hash_table_lookup(hosts, tw_ports_name(ports, i));
    if (routes->hosts[i] == NULL) /* a port of a host in a <cluster> */
      routes->hosts[i] = routes->hosts[tw_ports_host(ports, i)];
  }
  return routes;
}

void tw_routes_free(tw_routes *routes)
{
  if (routes == NULL)
    return;
  g_hash_table_unref(routes->found);
  tw_lanes_free(routes->lanes);
  tw_branches_free(routes->branches);
  g_free(routes->hosts);
  g_free(routes);
}

static gboolean has_branch(const tw_routes *routes, int from, int to)
{
  int n_hosts = routes->ports->platform->n_hosts;
  return routes->branches != NULL && from < n_hosts && to < n_hosts;
}

/* Adds SimGrid's links between two endpoints. */
static void add_links(const tw_routes *routes, int from, int to, GArray *links)
{
  if (has_branch(routes, from, to) && tw_branches_route(routes->branches, from, to, links))
    return;
  xbt_dynar_t theirs = xbt_dynar_new(sizeof(sg_link_t), NULL);
  sg_host_get_route(routes->hosts[from], routes->hosts[to], theirs);
  for (unsigned i = 0; i < xbt_dynar_length(theirs); i++) {
    int link = tw_link_table_find(routes->links, xbt_dynar_get_as(theirs, i, sg_link_t));
    g_array_append_val(links, link);
  }
  xbt_dynar_free(&theirs);
}

/* Keeps the route over some links, which are taken. */
static const tw_link_route *keep(tw_routes *routes, const key *k, GArray *links)
{
  tw_link_route *found = g_new(tw_link_route, 1);
  int n = (int)links->len;
  *found = (tw_link_route){{0, INFINITY, 0}, n, (int *)(void *)g_array_free(links, FALSE)};
  for (int i = 0; i < n; i++) {
    int number = found->links[i];
    found->route.latency_s += sg_link_get_latency(routes->links->all[number]);
    found->route.joules_per_byte += routes->links->joules_per_byte[number];
    found->route.bytes_per_s = fmin(found->route.bytes_per_s, routes->links->rates[number]);
  }
  g_hash_table_insert(routes->found, g_memdup2(k, sizeof *k), found);
  return found;
}

static key key_of(int from, int to, int shift, int lane, int choice)
{
  return (key){(gint64)from << 32 | to, shift, lane, choice};
}

const tw_link_route *tw_routes_find(tw_routes *routes, int from, int to)
{
  key k = key_of(from, to, 0, -1, 0);
  const tw_link_route *found = g_hash_table_lookup(routes->found, &k);
  if (found != NULL)
    return found;
  GArray *links = g_array_new(FALSE, FALSE, sizeof(int));
  add_links(routes, from, to, links);
  return keep(routes, &k, links);
}

/* Inside of a domain a lane has the ways of NVLink, and takes these as they are. */
static gboolean has_lanes(const tw_routes *routes, int from, int to)
{
  return routes->lanes != NULL && tw_lanes_are_between(routes->lanes, from, to);
}

int tw_routes_lanes(const tw_routes *routes, int from, int to)
{
  return has_lanes(routes, from, to) ? tw_lanes_count(routes->lanes, from, to) : 1;
}

int tw_routes_choices(const tw_routes *routes, int from, int to)
{
  return has_lanes(routes, from, to) ? tw_lanes_choices(routes->lanes) : 1;
}

/* The links of a lane, those over NVLink to another's NIC in front. */
static GArray *lane_links(const tw_routes *routes, const tw_lane *lane, int sender)
{
  GArray *links = g_array_new(FALSE, FALSE, sizeof(int));
  g_autoptr(GArray) whole = g_array_new(FALSE, FALSE, sizeof(int));
  if (lane->relayed)
    add_links(routes, sender, lane->from_host, links);
  add_links(routes, lane->from_host, lane->to_host, whole);
  tw_lanes_take(routes->lanes, lane, (const int *)(const void *)whole->data, (int)whole->len, links);
  return links;
}

const tw_link_route *tw_routes_lane(tw_routes *routes, const tw_flow *flow, int choice)
{
  if (!has_lanes(routes, flow->from, flow->to))
    return tw_routes_find(routes, flow->from, flow->to);
  key k = key_of(flow->from, flow->to, flow->shift, flow->lane, choice);
  const tw_link_route *found = g_hash_table_lookup(routes->found, &k);
  if (found != NULL)
    return found;
  tw_lane lane = tw_lanes_find(routes->lanes, flow, choice);
  return keep(routes, &k, lane_links(routes, &lane, tw_ports_host(routes->ports, flow->from)));
}
