/* Volleys: flows that set out together and are waited for together, again and again in the same proportions, as those
 * of an iteration's collectives.
 *
 *     flows at size 1 ──once──► loads of links, seconds      size 3: three times the loads, three times the seconds
 *
 * Shares of links do not depend on how large all flows are together. So a volley that meets nobody is one thing for the
 * network, however many flows it has: as a convoy (convoys.h), or on its course (course.h), where its flows end one after
 * the other. */
#ifndef TW_SIM_VOLLEY_H
#define TW_SIM_VOLLEY_H

#include "sim/network/flows/convoys.h"
#include "sim/network/flows/routes.h"

/* Flows that end at the same time, on one link. */
typedef struct tw_volley_load {
  int link;
  double seconds;        /* when they end, at size 1 */
  double bytes;          /* Bytes of all of them at size 1. */
  double waiting_byte_s; /* integral of the bytes that others keep waiting (bursts.h), at size 1 */
} tw_volley_load;

typedef struct tw_volley_delay {
  double slowdown; /* the time of a flow over what it would have taken alone */
  guint64 flows;
} tw_volley_delay;

/* A flow of a volley that goes by itself, because another was met. */
typedef struct tw_volley_part {
  tw_flow flow;
  tw_volley *volley;
} tw_volley_part;

struct tw_volley {
  GArray *flows; /* Array of tw_flow, with their bytes at size 1; the network lays them on lanes. */
  double bytes;  /* Bytes of all flows. */
  /* The network's own: */
  guint known;    /* the state of the network that it knows; 0: none */
  double seconds; /* Seconds that all flows take at size 1; NAN: that is not known before they have gone. */
  GArray *ends;   /* Array of double: by flow, its own at size 1; empty: they are a convoy. */
  double joules;  /* at size 1 */
  GArray *loads;  /* Array of tw_volley_load, by when they end; once or more for each link. */
  GArray *delays; /* Array of tw_volley_delay. */
  GArray *parts;  /* Array of tw_volley_part. */
  tw_flow *whole; /* the flow that goes as the volley, once it was split */
  guint left;     /* number of parts that have not ended */
  gboolean laid;  /* each flow takes one lane */
};

void tw_volley_init(tw_volley *volley);
void tw_volley_clear(tw_volley *volley);
/* Takes out all flows; the network will look at those that are added anew. */
void tw_volley_reset(tw_volley *volley);
void tw_volley_add(tw_volley *volley, int from, int to, int shift, double bytes);

/* For networks, with what they know of flows. Lays each flow on the lanes that it has. */
void tw_volley_lay(tw_volley *volley, tw_routes *routes);
/* Finds what the volley puts on links at size 1. `slots`: a number for each
 * link, 0 before and behind. */
void tw_volley_know(tw_volley *volley, tw_routes *routes, const tw_link_table *links, tw_convoys *convoys,
                    int *slots);
/* The bytes of each flow at size 1 that are left of a volley without a convoy after so many seconds at size 1. The caller frees
 * the array. */
double *tw_volley_left(const tw_volley *volley, tw_routes *routes, const tw_convoys *convoys, double after_s);
/* Splits the volley, which goes as `whole`, into its parts. Once all of them have ended `whole` ends. */
void tw_volley_split(tw_volley *volley, tw_flow *whole);

#endif
