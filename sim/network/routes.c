#include "sim/network/routes.h"

#include "platforms/input/pair_hash.h"
#include "sim/network/simgrid_start.h"

#include <simgrid/host.h>
#include <simgrid/link.h>
#include <xbt/dynar.h>

#include <math.h>

struct tw_routes {
  const tw_link_table *links;
  sg_host_t *hosts;  /* by endpoint */
  GHashTable *found; /* tw_link_route by their ends, from << 32 | to */
};

static void free_route(gpointer pointer)
{
  tw_link_route *route = pointer;
  g_free(route->links);
  g_free(route);
}

tw_routes *tw_routes_new(const tw_ports *ports, const tw_link_table *links)
{
  int n = tw_ports_count(ports);
  g_autoptr(GHashTable) hosts = tw_simgrid_hosts();
  tw_routes *routes = g_new(tw_routes, 1);
  *routes = (tw_routes){links, g_new0(sg_host_t, (gsize)n),
                        g_hash_table_new_full(tw_pair_hash, g_int64_equal, g_free, free_route)};
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
  g_free(routes->hosts);
  g_free(routes);
}

sg_host_t tw_routes_host(const tw_routes *routes, int endpoint)
{
  return routes->hosts[endpoint];
}

const tw_link_route *tw_routes_find(tw_routes *routes, int from, int to)
{
  gint64 key = (gint64)from << 32 | to;
  tw_link_route *found = g_hash_table_lookup(routes->found, &key);
  if (found != NULL)
    return found;
  xbt_dynar_t links = xbt_dynar_new(sizeof(sg_link_t), NULL);
  sg_host_get_route(routes->hosts[from], routes->hosts[to], links);
  found = g_new(tw_link_route, 1);
  *found =
      (tw_link_route){{0, INFINITY, 0}, (int)xbt_dynar_length(links), g_new(int, xbt_dynar_length(links))};
  for (int i = 0; i < found->n_links; i++) {
    sg_link_t link = xbt_dynar_get_as(links, (unsigned)i, sg_link_t);
    int number = found->links[i] = tw_link_table_find(routes->links, link);
    found->route.latency_s += sg_link_get_latency(link);
    found->route.joules_per_byte += routes->links->joules_per_byte[number];
    found->route.bytes_per_s = fmin(found->route.bytes_per_s, routes->links->rates[number]);
  }
  xbt_dynar_free(&links);
  g_hash_table_insert(routes->found, g_memdup2(&key, sizeof key), found);
  return found;
}
