/* Parts that the sources of flows share; flows.h is for others.
 *
 * flows.c takes flows from their start to their end, flows_time.c lets time pass, flows_links.c has flows follow what links
 * still carry. */
#ifndef TW_SIM_FLOWS_PRIVATE_H
#define TW_SIM_FLOWS_PRIVATE_H

#include "sim/base/heap.h"
#include "sim/network/flows/carrier.h"
#include "sim/network/flows/convoys.h"
#include "sim/network/flows/flows.h"
#include "sim/network/flows/routes.h"
#include "sim/network/flows/volley.h"

/* Flows whose rates are known: all end at once. */
typedef struct convoy {
  double start_s, end_s;
  GQueue trips; /* queue of trip */
  tw_heap_node node;
} convoy;

/* A flow under way: it waits to set out, goes in a convoy, or is carried by SimGrid. */
typedef struct trip {
  tw_flow *flow;
  tw_flows *of;
  const tw_link_route *route; /* NULL: it stands for a volley */
  convoy *convoy;             /* NULL: none */
  tw_carried *carried;        /* NULL: not by SimGrid */
  double begin_s;             /* SimGrid's clock as it took over */
  double gone_s;              /* seconds for which the flow was in a convoy before */
  gboolean stalled;           /* it waits for a link */
  gboolean chosen;            /* its route is one of several, and counted on its links */
  GList link;                 /* its place in flows->under_way or stalled */
  GList in_convoy;            /* its place in convoy->trips */
} trip;

/* The flows on a link. */
typedef struct occupants {
  convoy *convoy;
  int carried; /* number of flows that SimGrid carries over it */
  int chosen;  /* number of flows under way that have taken it, where they choose */
} occupants;

/* SimGrid, which carries the flows of all networks of a run by one clock. */
typedef struct tw_simgrid_time {
  tw_carrier *carrier;
  double offset_s;   /* our time less SimGrid's clock, while SimGrid carries flows */
  gboolean profiled; /* links of some network change with SimGrid's time, which is ours then */
  int users;         /* networks */
} tw_simgrid_time;

struct tw_flows {
  tw_flow_watcher *watcher;
  void *user;
  double now_s; /* the time that has come */
  tw_link_table *links;
  double joules[TW_FLOW_KIND_COUNT];
  tw_routes *routes;
  guint state;         /* counts the changes of links, after which volleys know too little, from 1 */
  int *slots;          /* Scratch of volleys, for each link. */
  GQueue under_way;    /* queue of trip, in the order of their starts */
  GQueue stalled;      /* queue of trip: those that wait for a link that carries nothing */
  GPtrArray *starting; /* array of trip, those that set out before time passes */
  GPtrArray *together; /* Those of `starting` that set out at the same time. */
  GArray *loads;       /* Scratch array of tw_convoy_flow. */
  tw_convoys *convoys;
  occupants *on_link;
  tw_heap ends;      /* the convoys by when they end */
  guint64 n_convoys; /* number of convoys so far */
  tw_simgrid_time *time;
};

/* Takes part in SimGrid's time, with the networks beside it; NULL: there are none. Leaves it. */
tw_simgrid_time *tw_simgrid_time_join(const tw_flows *beside, gboolean profiled);
void tw_simgrid_time_leave(tw_simgrid_time *time);

/* Sends off all flows that start. */
void tw_flows_set_out(tw_flows *flows);
/* The flow of a trip has ended, or those of a convoy, and their starters are told. */
void tw_flows_end_trip(tw_flows *flows, trip *t, double end_s);
void tw_flows_end_convoy(tw_flows *flows, convoy *c);

/* Puts a trip among those that set out before time passes; its flow starts at now_s. */
void tw_flows_put_under_way(tw_flows *flows, trip *t, double now_s);
/* Adds a trip to others, or, where it stands for a volley, whose flows go by themselves from now on, theirs. */
void tw_flows_add_single(tw_flows *flows, trip *t, GPtrArray *trips);
/* Has SimGrid carry a part of a flow, from now_s on. */
void tw_flows_carry(tw_flows *flows, trip *t, double part);
/* SimGrid does not carry it any more. */
void tw_flows_leave_simgrid(tw_flows *flows, trip *t);
/* SimGrid carries from now_s on what is left of a convoy. */
void tw_flows_break_up(tw_flows *flows, convoy *c);

void tw_flows_take_from_simgrid(tw_flows *flows, trip *t);
/* Takes out those of the trips about to set out that a link without bandwidth keeps. */
void tw_flows_stall_those_without_way(tw_flows *flows);
/* tw_network.set_speed. */
void tw_flows_set_speed(void *state, const char *name, double speed, double now_s);

#endif
