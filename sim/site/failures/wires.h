/* Wires: what failures leave of the links of the network, and which hosts they cut off. It knows nothing of engines.
 * What flows do meanwhile, which wait or begin again: sim/network/flows/flows_links.c. */
#ifndef TW_SIM_WIRES_H
#define TW_SIM_WIRES_H

#include "sim/network/network.h"
#include "sim/site/failures/fault_source.h"

typedef struct tw_wires tw_wires;

/* Both are borrowed. The network may carry nothing: then hosts are cut off all the same. */
tw_wires *tw_wires_new(const tw_platform *platform, const tw_network *network);
void tw_wires_free(tw_wires *wires);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tw_wires, tw_wires_free)

/* A NIC, a link or a switch breaks: links carry less from now on. Returns the hosts that this cuts off (of int); the
 * caller frees it. */
GArray *tw_wires_break(tw_wires *wires, const tw_breakage *what, double now_s);
/* It is repaired. Returns the hosts that are cut off no longer. */
GArray *tw_wires_mend(tw_wires *wires, const tw_breakage *what, double now_s);

#endif
