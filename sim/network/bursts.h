/* Bursts: when links carried something, when they were full, and what waited for them.
 *
 *     flows   ├──────┤   ├───┤            a burst: flows on a link that overlap, one behind the other
 *                ├──────┤         ├──┤
 *     bursts  ├────────────────┤  ├──┤
 *
 * A link is full in a burst whose bytes come to 95 % of what it carries in that time: the mean over an interval
 * says little of collectives, which come in bursts. A flow that takes T seconds and would take A alone keeps
 * bytes waiting: their integral over its time is bytes · (T − A) / 2. */
#ifndef TW_SIM_BURSTS_H
#define TW_SIM_BURSTS_H

#include <glib.h>

typedef struct tw_bursts tw_bursts;

/* `rates`: bytes/s of each link, INFINITY where nothing limits its flows together; copied. */
tw_bursts *tw_bursts_new(int n_links, const double *rates);
void tw_bursts_free(tw_bursts *bursts);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tw_bursts, tw_bursts_free)

/* A flow has crossed a link from start_s to end_s, and would have taken alone_s alone. Flows come in the order of
 * their ends. */
void tw_bursts_add(tw_bursts *bursts, int link, double bytes, double start_s, double end_s, double alone_s);

/* Adds flows that keep bytes waiting, whose integral over time is given. */
void tw_bursts_join(tw_bursts *bursts, int link, double bytes, double start_s, double end_s,
                    double waiting_byte_s);

typedef struct tw_burst_sums {
  double active_s, full_s; /* time with a flow on it, and in full bursts */
  double waiting_byte_s;   /* bytes that waited in full bursts, integrated */
} tw_burst_sums;

/* Returns the sums of a link before edge_s, since they were asked for last; no flow that began before is under way. */
tw_burst_sums tw_bursts_take(tw_bursts *bursts, int link, double edge_s);

#endif
