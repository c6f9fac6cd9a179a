/* Routes between endpoints, as SimGrid finds them: each is asked for once. */
#ifndef TW_SIM_ROUTES_H
#define TW_SIM_ROUTES_H

#include "platforms/reader/platform_ports.h"
#include "sim/network/link_table.h"
#include "sim/network/network.h"

typedef struct tw_routes tw_routes;

typedef struct tw_link_route {
  tw_route route;
  int n_links;
  int *links; /* by their numbers in the table of links */
} tw_link_route;

/* SimGrid must have been started with these ports. The links are borrowed. */
tw_routes *tw_routes_new(const tw_ports *ports, const tw_link_table *links);
void tw_routes_free(tw_routes *routes);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tw_routes, tw_routes_free)

/* Between endpoints of two different hosts. Lent. */
const tw_link_route *tw_routes_find(tw_routes *routes, int from, int to);
/* SimGrid's host of an endpoint. */
sg_host_t tw_routes_host(const tw_routes *routes, int endpoint);

#endif
