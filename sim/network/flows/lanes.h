/* Lanes: from which NIC to which a flow goes, and over which plane of the fabric (platform_planes.h).
 *
 *     node-0 ══ node-9, eight NICs each: eight lanes, of which lane k goes from NIC k to NIC k + shift
 *     engine on NIC 3 ══ node-9: eight lanes, all from NIC 3
 *
 * A lane's links are those of SimGrid's route, with the parts of them that it takes in place of the whole. */
#ifndef TW_SIM_LANES_H
#define TW_SIM_LANES_H

#include "platforms/reader/platform_ports.h"
#include "sim/network/flows/link_table.h"
#include "sim/network/network.h"

typedef struct tw_lanes tw_lanes;

typedef struct tw_lane {
  int from_host, to_host; /* from_host: whose NIC it takes, which may be another's than the sender's */
  gboolean relayed;       /* over NVLink, also where both NICs are the sender's own */
  int from_nic, to_nic;   /* by their numbers on the platform, -1: none that is told apart */
  int spine;
} tw_lane;

/* NULL where the platform has no planes. Both are borrowed; the parts of links get the joules of the whole. */
tw_lanes *tw_lanes_new(const tw_ports *ports, tw_link_table *links);
void tw_lanes_free(tw_lanes *lanes);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tw_lanes, tw_lanes_free)

/* Whether flows between two endpoints go over the fabric, and not inside of a domain; the others have no lanes. */
gboolean tw_lanes_are_between(const tw_lanes *lanes, int from, int to);
/* See tw_routes_lanes and tw_routes_choices. */
int tw_lanes_count(const tw_lanes *lanes, int from, int to);
int tw_lanes_choices(const tw_lanes *lanes);
/* The lane that a flow takes, with the spine that it chooses. */
tw_lane tw_lanes_find(const tw_lanes *lanes, const tw_flow *flow, int choice);
/* Adds the links of a lane to `links` (int), for those of SimGrid's route between its two hosts. */
void tw_lanes_take(const tw_lanes *lanes, const tw_lane *lane, const int *whole, int n, GArray *links);

#endif
