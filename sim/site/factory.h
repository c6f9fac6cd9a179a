/* The factory: everything that runs between the source of requests and their records, without a clock of its
 * own.
 *
 *     stream ─► front end ─► router ─► engines ─► recorder
 *                    agenda: who is next?    └─► rows of every interval
 *
 * Actors keep the clock (actors.h); the factory keeps the order. tw_factory_advance handles all that is due
 * up to an instant, in the order of the factory's own times: at equal times dispatches come first, then
 * deliveries, then
 * engines by their index. So results do not depend on how a clock rounds, or on which of several actors wakes
 * first. */
#ifndef TW_SIM_FACTORY_H
#define TW_SIM_FACTORY_H

#include "sim/energy/breakdown.h"
#include "sim/energy/governor.h"
#include "sim/energy/meter.h"
#include "sim/engine/engine.h"
#include "sim/network/network.h"
#include "sim/scenario/scenario.h"
#include "sim/site/fleet.h"
#include "sim/site/recorder.h"

typedef struct tw_factory tw_factory;

/* All are borrowed. `moved` (or NULL) is called with the index of an engine whose next event is due at
 * another time than before, or with TW_FACTORY_SOURCE where the next dispatch is: clients that wait for an
 * answer ask again when it ends; or with TW_FACTORY_TRANSFERS where the next delivery of a KV cache is. It
 * may let other actors run, so it is called between events only, and so is the network. `network` may be NULL
 * where no pool hands over. */
enum { TW_FACTORY_SOURCE = -1, TW_FACTORY_TRANSFERS = -2, TW_FACTORY_CONTROL = -3 };
tw_factory *tw_factory_new(const tw_scenario *scenario, tw_stream *stream, tw_recorder *recorder,
                           const tw_network *network, void (*moved)(void *user, int engine), void *user);
void tw_factory_free(tw_factory *factory);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tw_factory, tw_factory_free)

/* Looks for the first request. FALSE with `error` set where the stream has none to give. */
gboolean tw_factory_start(tw_factory *factory, GError **error);

/* When the source is due: the earliest instant at which the next request may leave the front end; INFINITY
 * while there is none. */
double tw_factory_next_dispatch(const tw_factory *factory);
/* When the governor of power caps or the autoscaler acts next, or the next engine has started; INFINITY
 * where none will. They act as long as anything else is due, or requests wait for an engine that serves. */
double tw_factory_next_control(const tw_factory *factory);
/* When the next KV cache is delivered, INFINITY while that is not known. */
double tw_factory_next_delivery(const tw_factory *factory);
/* When the engine's next event is due, INFINITY while it idles. */
double tw_factory_engine_due(const tw_factory *factory, int engine);
/* The earliest of all these: INFINITY when the run is over, or goes on when a flow ends. */
double tw_factory_next(const tw_factory *factory);
gboolean tw_factory_waits_for_flows(const tw_factory *factory);

/* Handles everything that is due at or before `until_s`. FALSE with `error` set where the stream is broken.
 */
gboolean tw_factory_advance(tw_factory *factory, double until_s, GError **error);

/* Ends the run at `end_s`, or, if that is infinite, with its last event: requests still inside are recorded
 * as unfinished, the last interval is written. Returns when it ended. */
double tw_factory_finish(tw_factory *factory, double end_s);

/* Of a factory that is finished. */
tw_energy tw_factory_energy(const tw_factory *factory);
const tw_breakdown *tw_factory_breakdown(const tw_factory *factory);
const tw_governor *tw_factory_governor(const tw_factory *factory); /* NULL: power is not capped */
const tw_fleet *tw_factory_fleet(const tw_factory *factory);       /* NULL: all serve all the time */
const tw_site_power *tw_factory_site_power(const tw_factory *factory);

int tw_factory_engines(const tw_factory *factory);
const tw_engine *tw_factory_engine(const tw_factory *factory, int engine);
double tw_factory_now(const tw_factory *factory); /* of the last event */

#endif
