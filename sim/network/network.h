/* The network, as the factory sees it: flows between hosts, which end when the links they share have carried
 * them.
 *
 *     start(flow, now) ──►  links, shared max-min fairly  ──►  flow->ended(flow, end)
 *
 * A flow takes the time of its bytes alone; the latency of the route is for whoever started it to spend.
 * flows.h implements this on SimGrid, tw_network_ideal without contention. */
#ifndef TW_SIM_NETWORK_H
#define TW_SIM_NETWORK_H

#include <glib.h>

/* The purposes of flows, by which the summary has totals. */
#define TW_FLOW_KINDS(X)                                                                                     \
  X(KV, "kv")                                                                                                \
  X(COLLECTIVE, "collective")                                                                                \
  X(WEIGHTS, "weights")                                                                                      \
  X(CHECKPOINT, "checkpoint")
typedef enum {
#define X(name, text) TW_FLOW_##name,
  TW_FLOW_KINDS(X)
#undef X
      TW_FLOW_KIND_COUNT
} tw_flow_kind;
extern const char *const tw_flow_kind_names[TW_FLOW_KIND_COUNT];

typedef struct tw_volley tw_volley;
typedef struct tw_flow tw_flow;
struct tw_flow {
  int from, to;      /* endpoints (platform_ports.h), of different hosts */
  double bytes;      /* > 0 */
  tw_volley *volley; /* NULL; else it stands for all flows of a volley (volley.h), `bytes` times as large */
  tw_flow_kind kind;
  /* NIC k of the one end sends to NIC k + shift of the other, counted in a circle. */
  int shift;
  double start_s; /* set by the network */
  /* The network's own: which of its lanes it takes (lanes.h), and, where it takes several, these. */
  int lane;
  void *spread;
  void *trip; /* the network's own, while the flow is under way */
  /* Called once, when the last byte has left the slowest link: at end_s, or before it by a network that knows
   * it ahead. The flow is its starter's; the network does not touch it any more. */
  void (*ended)(tw_flow *flow, double end_s);
};

typedef struct tw_route {
  double latency_s, bytes_per_s; /* sum over its links, and the slowest of them */
  double joules_per_byte;        /* joules that its links draw beside their standing power */
} tw_route;

typedef struct tw_network {
  /* The route between endpoints of two different hosts. */
  tw_route (*route)(void *state, int from, int to);
  void (*start)(void *state, tw_flow *flow, double now_s);
  /* Takes a flow that is under way off its links; it does not end. NULL: flows end as they start. */
  void (*cancel)(void *state, tw_flow *flow);
  /* From now_s on, a link that the platform names carries `speed` of its bandwidth. At 0 the flows over it wait, and are
   * sent again from their first byte on, with a new start, once all of their links carry something. NULL: links do not
   * fail. */
  void (*set_speed)(void *state, const char *link, double speed, double now_s);
  void *state;
  /* Joules that links have drawn for the flows that have ended, by kind. NULL: none do. */
  const double *joules;
} tw_network;

/* Every pair of hosts has a route of its own, as `route` says: for tests and for estimates. Borrowed. */
tw_network tw_network_ideal(const tw_route *route);

#endif
