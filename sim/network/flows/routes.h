/* Routes between endpoints, as SimGrid finds them: each is asked for once. On fabrics with planes flows take several, one
 * for each lane (lanes.h). */
#ifndef TW_SIM_ROUTES_H
#define TW_SIM_ROUTES_H

#include "platforms/reader/platform_ports.h"
#include "sim/network/flows/link_table.h"
#include "sim/network/network.h"

typedef struct tw_routes tw_routes;

typedef struct tw_link_route {
  tw_route route;
  int n_links;
  int *links; /* by their numbers in the table of links */
} tw_link_route;

/* SimGrid must have been started with these ports, whose names have the prefix there. The links are borrowed. */
tw_routes *tw_routes_new(const tw_ports *ports, const char *prefix, tw_link_table *links);
void tw_routes_free(tw_routes *routes);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tw_routes, tw_routes_free)

/* Between endpoints of two different hosts, all lanes seen as one. Lent. */
const tw_link_route *tw_routes_find(tw_routes *routes, int from, int to);

/* How many lanes a flow between two endpoints takes, in equal parts; 1 without planes. */
int tw_routes_lanes(const tw_routes *routes, int from, int to);
/* How many routes each of these chooses from as it starts: 1 but where routing is adaptive. */
int tw_routes_choices(const tw_routes *routes, int from, int to);
/* The route of the lane that a flow takes. Lent. */
const tw_link_route *tw_routes_lane(tw_routes *routes, const tw_flow *flow, int choice);

#endif
