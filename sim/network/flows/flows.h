/* Flows on SimGrid: the network of a run, and of `tokenworks net`.
 *
 * Links are shared max-min fairly among all flows under way. Flows that meet nobody on their links go as convoys
 * (convoys.h), without SimGrid; once another flow joins them on a link, SimGrid carries what is left of them, and shares
 * the links. Where links change with time (profiles), SimGrid carries everything. */
#ifndef TW_SIM_FLOWS_H
#define TW_SIM_FLOWS_H

#include "platforms/reader/platform_ports.h"
#include "sim/network/network.h"

typedef struct tw_flows tw_flows;

/* Called for every flow that has ended, before its starter is told. `links` are indices for
 * tw_flows_link_name; a volley that went as one thing has them in its loads. */
typedef void tw_flow_watcher(void *user, const tw_flow *flow, const int *links, int n_links, double end_s);

/* SimGrid must have been started with these ports, which are borrowed. */
tw_flows *tw_flows_new(const tw_ports *ports);
/* Those of a platform beside others in one run, whose names have a prefix there (platform_union.h): they share SimGrid's time
 * with `beside`, NULL: these are the first. */
tw_flows *tw_flows_new_beside(const tw_ports *ports, const char *prefix, const tw_flows *beside);
void tw_flows_free(tw_flows *flows); /* after SimGrid's last event */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tw_flows, tw_flows_free)

void tw_flows_watch(tw_flows *flows, tw_flow_watcher *watcher, void *user); /* NULL: nobody */

/* Flows that have started and not ended, those left out that wait for a link that carries nothing; and those. */
int tw_flows_under_way(const tw_flows *flows);
int tw_flows_stalled(const tw_flows *flows);

/* Lets time pass on all networks of a run until `until_s`, INFINITY: without end, or, where flows end before or at it, until
 * the first of them have and their starters are told: then FALSE. Some flow must be under way on one of them. */
gboolean tw_flows_wait(tw_flows *const *all, int n, double until_s);

/* The network. It and tw_flows_wait are for use inside one actor. */
tw_network tw_flows_network(tw_flows *flows);

/* When the oldest flow under way began, INFINITY if there is none. */
double tw_flows_oldest_s(tw_flows *flows);

/* All links of SimGrid, those inside clusters included, in the order of their names. */
int tw_flows_links(const tw_flows *flows);
const char *tw_flows_link_name(const tw_flows *flows, int link);
double tw_flows_link_bytes_per_s(const tw_flows *flows, int link);
gboolean tw_flows_link_is_shared(const tw_flows *flows, int link); /* FALSE: it limits each flow by itself */
/* The links between endpoints of two different hosts. Lent. */
const int *tw_flows_route_links(tw_flows *flows, int from, int to, int *n_links);

#endif
