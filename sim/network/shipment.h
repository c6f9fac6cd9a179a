/* Shipments: flows that are under way until the last of them has come.
 *
 *     begun ──► flows start between events,     ──► each ends, + latency of its route ─┐
 *               some later or one after another                                        │
 *               ┌────────────────── `come`: the last one has come ◄────────────────────┘
 *               └─► scheduled ──► due when all that it brings is there ──► taken
 *
 * Whoever ships embeds a tw_shipment, decides what it consists of, and what to do when it has come. */
#ifndef TW_SIM_SHIPMENT_H
#define TW_SIM_SHIPMENT_H

#include "sim/base/heap.h"
#include "sim/network/network.h"

typedef struct tw_shipment tw_shipment;
typedef struct tw_shipments tw_shipments;

typedef struct tw_shipment_flow {
  tw_flow flow;
  tw_shipment *shipment;
  double latency_s;
  int next;         /* the flow of the shipment that follows on this one, -1: none */
  gboolean follows; /* it starts when another flow has ended */
  enum { TW_FLOW_WAITS, TW_FLOW_STARTS, TW_FLOW_UNDER_WAY, TW_FLOW_ENDED } state;
  tw_heap_node node; /* its place by flow.start_s, while that is to come */
} tw_shipment_flow;

struct tw_shipment {
  tw_shipments *all;
  GArray *flows; /* array of tw_shipment_flow; NULL: none yet */
  int flows_left;
  double ready_s; /* when all that has come so far is there */
  guint64 tie;    /* its place among those that are due at the same instant */
  GList link;     /* its place in all->under_way */
  tw_heap_node node;
};

struct tw_shipments {
  tw_network network;
  /* The last flow has ended, at ready_s or before it. Called between events, or by the network. NULL: a
   * shipment is scheduled then. */
  void (*come)(tw_shipment *shipment);
  GQueue starting;  /* queue of tw_shipment_flow, to be started between events */
  GQueue empty;     /* queue of tw_shipment without flows, which come between events */
  GQueue under_way; /* queue of tw_shipment, those begun and not scheduled, in that order */
  tw_heap starts, due;
  int flows; /* number of flows that have started, or are about to */
};

void tw_shipments_init(tw_shipments *all, const tw_network *network, void (*come)(tw_shipment *shipment));
void tw_shipments_clear(tw_shipments *all); /* all of them are out by now */

/* A shipment of no flows, of which a part without any (inside a host) is there at ready_s. */
void tw_shipment_init(tw_shipment *shipment, tw_shipments *all, double ready_s, guint64 tie);
void tw_shipment_clear(tw_shipment *shipment);
/* Adds a flow before the shipment begins; what it brings is there latency_s after its end. It starts at its
 * start_s, or, where `after` is not -1, at the later of that and the end of the flow of that number. Returns
 * its number. */
int tw_shipment_add(tw_shipment *shipment, const tw_flow *flow, double latency_s, int after);
/* The shipment's flow between two hosts, the first of several; NULL: there is none. */
tw_flow *tw_shipment_find(const tw_shipment *shipment, int from, int to);
/* The bytes of the shipment over all flows. */
double tw_shipment_bytes(const tw_shipment *shipment);

/* Begins the shipment: flows whose start is not after now_s start between events. */
void tw_shipment_begin(tw_shipment *shipment, double now_s);
/* One that has come is due at ready_s. */
void tw_shipment_schedule(tw_shipment *shipment);
/* Takes out one that has come, and is not scheduled. */
void tw_shipment_take(tw_shipment *shipment);
/* Takes out one that has begun, wherever it is; its flows leave the links. */
void tw_shipment_cancel(tw_shipment *shipment);

/* Starts the flows that events have asked for: between events. */
void tw_shipments_start_flows(tw_shipments *all);
/* When the next shipment is due, or a flow is to start; INFINITY while that is not known. */
double tw_shipments_due(const tw_shipments *all);
/* Handles that: the shipment that is there, which is taken out, or NULL where a flow was to start. */
tw_shipment *tw_shipments_step(tw_shipments *all);
/* Takes out any shipment, for a run that has ended, network and all: first those under way in the order in
 * which they began, then those that are due. NULL: there is none. */
tw_shipment *tw_shipments_pop(tw_shipments *all);

#endif
