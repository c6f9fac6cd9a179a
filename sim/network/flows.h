/* Flows on SimGrid: the network of a run, and of `tokenworks net`.
 *
 * Workers, actors that are made as they are needed and kept, carry one flow each. SimGrid shares the links
 * max-min fairly among all flows under way. */
#ifndef TW_SIM_FLOWS_H
#define TW_SIM_FLOWS_H

#include "platforms/reader/platform_ports.h"
#include "sim/network/network.h"

/* Starts SimGrid with our network model and loads a platform and its ports, or, for NULL, where nothing
 * crosses a wire, a platform of one host on which actors may live: once in a process. FALSE with `error` set
 * where a file for it cannot be written. */
gboolean tw_simgrid_start(const tw_ports *ports, GError **error);

typedef struct tw_flows tw_flows;

/* Called for every flow that has ended, before its starter is told. `links` are indices for
 * tw_flows_link_name. */
typedef void tw_flow_watcher(void *user, const tw_flow *flow, const int *links, int n_links, double end_s);

/* SimGrid must have been started with these ports, which are borrowed. */
tw_flows *tw_flows_new(const tw_ports *ports);
void tw_flows_free(tw_flows *flows); /* after SimGrid's last event */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tw_flows, tw_flows_free)

void tw_flows_watch(tw_flows *flows, tw_flow_watcher *watcher, void *user); /* NULL: nobody */

/* `ended` is called after every flow that has ended, once its starter was told. */
void tw_flows_tell(tw_flows *flows, void (*ended)(void *user), void *user);

/* Flows that have started and not ended. While there are any, SimGrid's clock counts. */
int tw_flows_under_way(const tw_flows *flows);
/* SimGrid's clock, as the time of whoever starts flows: the two are set equal as the first of several starts.
 */
double tw_flows_now(const tw_flows *flows);

/* The network, to be used from inside actors only. */
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
