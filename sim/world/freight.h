/* Freight: what crosses the ways between regions, and the table that says how much set out.
 *
 *     send ──► line of the way (wan_lines.h), where its bandwidth is limited ──► take ──► + latency: there */
#ifndef TW_SIM_FREIGHT_H
#define TW_SIM_FREIGHT_H

#include "sim/log/log_writer.h"
#include "sim/scenario/world.h"
#include "sim/world/wan_lines.h"

typedef enum { TW_CARGO_PROMPT, TW_CARGO_KV, TW_CARGO_WEIGHTS, TW_CARGO_KINDS } tw_cargo_kind;

typedef struct tw_cargo {
  tw_parcel parcel;
  tw_cargo_kind kind;
  double latency_s; /* Seconds from where it leaves its line to where it is there. */
  void *user;       /* The sender's. */
} tw_cargo;

typedef struct tw_freight tw_freight;

/* The world and the log are borrowed. */
tw_freight *tw_freight_new(const tw_world *world, tw_log *log);
void tw_freight_free(tw_freight *freight);

/* Sends a cargo, whose kind and user are set, from a region to another. Returns TRUE where it need not wait for a line:
 * then it is not under way. */
gboolean tw_freight_send(tw_freight *freight, tw_cargo *cargo, int from, int to, double bytes, double now_s);
/* How long as many bytes would take, latency included, if the way stayed as busy as it is. */
double tw_freight_estimate_s(const tw_freight *freight, int from, int to, double bytes);
/* When the next cargo has left its line; INFINITY: none is on one. */
double tw_freight_due(const tw_freight *freight);
/* Takes it out. */
tw_cargo *tw_freight_take(tw_freight *freight);
/* Bytes of a kind that have set out so far. */
double tw_freight_bytes(const tw_freight *freight, tw_cargo_kind kind);
/* Writes the rows of the last interval. */
void tw_freight_close(tw_freight *freight);

#endif
