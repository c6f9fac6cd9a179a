/* Traffic: the bytes that each link carried, by interval.
 *
 * A flow's bytes are spread over its time, evenly as far as its links have room: what an interval cannot hold
 * beside what others carried in it, the flow carried in others. An interval is complete, and handed out, when
 * no flow can add to it any more; so memory is bounded by the age of the oldest flow under way. */
#ifndef TW_SIM_TRAFFIC_H
#define TW_SIM_TRAFFIC_H

#include "sim/network/flows/volley.h"

typedef struct tw_traffic tw_traffic;

/* Called for every link that carried anything in a complete interval, by interval and then by link. */
typedef void tw_traffic_sink(void *user, double start_s, double length_s, int link, double bytes);

/* `rates`: bytes/s that each link carries at most, INFINITY where nothing limits them together; copied.
 * `sink` may be NULL: totals and peaks alone. */
tw_traffic *tw_traffic_new(int n_links, const double *rates, double interval_s, tw_traffic_sink *sink,
                           void *user);
void tw_traffic_free(tw_traffic *traffic);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tw_traffic, tw_traffic_free)

/* `bytes` have crossed each of the links from start_s to end_s. */
void tw_traffic_add(tw_traffic *traffic, const int *links, int n_links, double bytes, double start_s,
                    double end_s);
/* The loads of a volley of that size have, from start_s on. */
void tw_traffic_add_loads(tw_traffic *traffic, const GArray *loads, double size, double start_s);
/* No flow that began before `time_s` is under way any more: intervals that end by then are complete. */
void tw_traffic_settle(tw_traffic *traffic, double time_s);
/* The run ends at `end_s`: hands out the rest; the last interval may be short. */
void tw_traffic_close(tw_traffic *traffic, double end_s);

double tw_traffic_link_bytes(const tw_traffic *traffic, int link); /* over the whole run */
/* The most bytes that a link carried per second of an interval. */
double tw_traffic_link_peak(const tw_traffic *traffic, int link);

#endif
