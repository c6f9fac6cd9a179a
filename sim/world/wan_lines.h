/* Lines: what is on its way between regions, in each direction of a <wan> of limited bandwidth.
 *
 * All that is on a line shares its bandwidth in equal parts, as long flows over one link do. V is what each of the n
 * parcels of a line has got since the line was last empty:
 *
 *     dV/dt = bandwidth / n;   a parcel of b bytes that sets out at V0 has left the line when V = V0 + b
 *
 * So a parcel costs O(log n) when it sets out and when it leaves, however many share the line with it. */
#ifndef TW_SIM_WAN_LINES_H
#define TW_SIM_WAN_LINES_H

#include "sim/base/heap.h"

typedef struct tw_wan_lines tw_wan_lines;

/* What is on its way; whoever sends it embeds it, and keeps it until it is taken out. */
typedef struct tw_parcel {
  int line;
  tw_heap_node node; /* Set place to TW_HEAP_OUT before the parcel is sent first. */
} tw_parcel;

tw_wan_lines *tw_wan_lines_new(int n_lines);
void tw_wan_lines_free(tw_wan_lines *lines);

/* Sends a parcel of so many bytes over a line of that bandwidth, which is finite and always the same for a line. `now_s`
 * is not before any time that the lines were told of. Parcels that leave at the same time do so in the order in which
 * they set out. */
void tw_wan_lines_send(tw_wan_lines *lines, tw_parcel *parcel, int line, double bytes, double bytes_per_s,
                       double now_s);
/* How long such a parcel would take if nothing else set out or left, but shared the line as it does now. */
double tw_wan_lines_estimate_s(const tw_wan_lines *lines, int line, double bytes, double bytes_per_s);
/* When the next parcel has left its line; INFINITY: none is on its way. */
double tw_wan_lines_due(const tw_wan_lines *lines);
/* Takes it out. */
tw_parcel *tw_wan_lines_take(tw_wan_lines *lines);

#endif
