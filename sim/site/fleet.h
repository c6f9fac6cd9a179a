/* The fleet: which engines serve, and how the others get to.
 *
 *            wake                            loaded, started
 *    parked ─────► loading: weights as flows ───────────────► serving ──drain──► draining ──empty──► parked
 *                     ▲                                           ▲───────wake──────┘
 *                     └── cold, as the run begins
 *
 * Weights come from the hosts of the platform's `storage` zones, or from an engine of the same pool that
 * serves: accelerator by accelerator, what goes between the same two hosts as one flow, so that loads feel
 * each other and whatever else is on the links. Then the serving software starts, which takes a fixed time.
 * An engine that drains gets no new requests; it parks when those that it was given have ended, and nobody
 * copies its weights. */
#ifndef TW_SIM_FLEET_H
#define TW_SIM_FLEET_H

#include "sim/network/network.h"
#include "sim/scenario/scenario.h"

typedef struct tw_fleet tw_fleet;

typedef struct tw_fleet_listener {
  /* Requests may, or may not, be sent to an engine from now_s on. */
  void (*serves)(void *user, int engine, gboolean serves, double now_s);
  /* An engine has loaded its weights, and started. */
  void (*loaded)(void *user, int engine, double start_s, double end_s, double bytes);
  /* tw_fleet_due is known, or earlier than it was. Called between events. */
  void (*scheduled)(void *user);
  void *user;
} tw_fleet_listener;

typedef struct tw_fleet_totals {
  guint64 wakes; /* of parked engines */
  guint64 loads; /* that have ended */
  double load_s; /* that they took, the start of the software included */
} tw_fleet_totals;

/* NULL where all engines serve all the time. All are borrowed, `engines` by the indices of the scenario. */
tw_fleet *tw_fleet_new(const tw_scenario *scenario, tw_engine *const *engines, const tw_network *network,
                       const tw_fleet_listener *listener);
void tw_fleet_free(tw_fleet *fleet);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tw_fleet, tw_fleet_free)

/* When the next engine serves, or cold ones begin to load; INFINITY while that is not known. */
double tw_fleet_due(const tw_fleet *fleet);
/* Handles all that is due then. */
void tw_fleet_step(tw_fleet *fleet);
/* Starts the flows that events have asked for. It may let other actors run, so it is called between events.
 */
void tw_fleet_start_flows(tw_fleet *fleet);
int tw_fleet_flows(const tw_fleet *fleet); /* engines whose flows are under way */

/* An engine that drains goes on serving; one that is parked loads. */
void tw_fleet_wake(tw_fleet *fleet, int engine, double now_s);
/* An engine that serves drains. */
void tw_fleet_drain(tw_fleet *fleet, int engine, double now_s);
/* Parks the engines that drain and have nothing left to do: call it after every event while there are any. */
void tw_fleet_park(tw_fleet *fleet, const tw_load *loads, double now_s);
int tw_fleet_draining(const tw_fleet *fleet);

/* Asserts that the router sends requests to those that serve alone, and that the others but those that drain
 * have none. */
void tw_fleet_audit(const tw_fleet *fleet, const tw_router *router);

tw_fleet_totals tw_fleet_record(const tw_fleet *fleet);

#endif
