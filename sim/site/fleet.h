/* The fleet: which engines serve, and how the others get to.
 *
 *            wake                            loaded, started
 *    parked ─────► loading: weights as flows ───────────────► serving ──drain──► draining ──empty──► parked
 *                     ▲                                           ▲───────wake──────┘
 *                     └── cold, as the run begins
 *
 * Weights come once from another site (weights-from="site") into the memory of the hosts, from which each load then
 * takes bytes / host link; or from the hosts of the platform's `storage` zones, or from an engine of the same pool that
 * serves: accelerator by accelerator, what goes between the same two hosts as one flow, so that loads feel
 * each other and whatever else is on the links. Then the serving software starts, which takes a fixed time.
 * An engine that drains gets no new requests; it parks when those that it was given have ended, and nobody
 * copies its weights. */
#ifndef TW_SIM_FLEET_H
#define TW_SIM_FLEET_H

#include "sim/site/part.h"

typedef struct tw_fleet tw_fleet;

typedef struct tw_fleet_totals {
  guint64 wakes; /* number of times that a parked engine was woken */
  guint64 loads; /* number of loads that have ended */
  double load_s; /* seconds that these took, the start of the software included */
} tw_fleet_totals;

/* An engine that drains goes on serving; one that is parked loads. */
void tw_fleet_wake(tw_fleet *fleet, int engine, double now_s);
/* An engine that serves drains. */
void tw_fleet_drain(tw_fleet *fleet, int engine, double now_s);
/* An engine that has lost everything is in a state in which it does nothing: down or dark. Whoever copies its
 * weights begins anew, from elsewhere. */
void tw_fleet_fail(tw_fleet *fleet, int engine, tw_engine_state state, double now_s);
/* An engine that is down loads and starts; it then serves, or stands by, as site->failures says. */
void tw_fleet_restart(tw_fleet *fleet, int engine, double now_s);
/* An engine that loses nothing serves, or stands by. */
void tw_fleet_set_serves(tw_fleet *fleet, int engine, gboolean serves, double now_s);
/* The weights of a pool have come from another site: whoever waits for them goes on. */
void tw_fleet_weights_came(tw_fleet *fleet, int pool, double now_s);
tw_fleet_totals tw_fleet_record(const tw_fleet *fleet);

#endif
