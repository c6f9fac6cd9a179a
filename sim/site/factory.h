/* The factory: everything that runs between the source of requests and their records, without a clock of its
 * own.
 *
 *     stream ─► dispatcher ─► engines ─► recorder          parts (part.h), each of which knows when it is due
 *                    who is due first? ─► its step ─► what follows from it ─► flows
 *
 * The driver keeps the clock (driver.h); the factory keeps the order, in its own times: at equal times the
 * parts act in the order of their table. So results do not depend on how a clock rounds. */
#ifndef TW_SIM_FACTORY_H
#define TW_SIM_FACTORY_H

#include "sim/energy/breakdown.h"
#include "sim/energy/governor.h"
#include "sim/energy/meter.h"
#include "sim/energy/spent.h"
#include "sim/engine/engine.h"
#include "sim/network/network.h"
#include "sim/scenario/scenario.h"
#include "sim/site/fleet.h"
#include "sim/site/load.h"
#include "sim/site/recorder.h"

typedef struct tw_factory tw_factory;

/* All are borrowed; `network` may be NULL where nothing leaves an NVLink domain or a host. */
tw_factory *tw_factory_new(const tw_scenario *scenario, tw_stream *stream, tw_recorder *recorder,
                           const tw_network *network);
void tw_factory_free(tw_factory *factory);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tw_factory, tw_factory_free)

/* Looks for the first request. FALSE with `error` set where the stream has none to give. */
gboolean tw_factory_start(tw_factory *factory, GError **error);

/* The stream has a request now, which it had not before. */
void tw_factory_look_ahead(tw_factory *factory);
/* Engines to which new requests may be sent; 0 also where none is left to decode what they compute. */
int tw_factory_serving(const tw_factory *factory);
/* Whether engines are sound there: they serve, or will once they have been woken or have loaded. */
gboolean tw_factory_is_sound(const tw_factory *factory);
/* Has requests that would wait for an engine that serves sent back: `takes` says whether somebody else takes one, which
 * then fails here. */
typedef gboolean tw_outlet(void *user, const tw_sequence *sequence, double now_s);
void tw_factory_set_outlet(tw_factory *factory, tw_outlet *takes, void *user);

/* Rollouts begin in another stream than the one that requests come by; `changed` is called as what is due of it may have
 * changed. Borrowed. */
void tw_factory_set_rollouts(tw_factory *factory, tw_stream *source, void (*changed)(void *user), void *user);

/* The most leading tokens of a prompt whose KV an engine has that serves or drains; `bytes` gets those of one copy of
 * it. 0: none has any. */
gint64 tw_factory_prefix(const tw_factory *factory, const tw_request *request, double now_s, double *bytes);
/* About how long the first engine takes to compute the first `tokens` tokens of a prompt. */
double tw_factory_prefill_s(const tw_factory *factory, gint64 tokens);
/* Has `supplier` told when the site is to get the weights of a pool (its number) from another one: once for each pool
 * that gets its weights so. It answers with tw_factory_weights_came, later or at once. */
typedef void tw_supplier(void *user, int pool, double now_s);
void tw_factory_set_supplier(tw_factory *factory, tw_supplier *supplier, void *user);
void tw_factory_weights_came(tw_factory *factory, int pool, double now_s);

/* When the next event is due, INFINITY if none is. `drives_s` (or NULL) gets when the next is due for whose
 * sake the run goes on: caps, and autoscalers while no request waits for an engine, only act beside others.
 * Where that is infinite the run is over, unless it waits for flows, after which something may be due. */
double tw_factory_next(const tw_factory *factory, double *drives_s);
gboolean tw_factory_waits_for_flows(const tw_factory *factory);

/* Ends one interval of the logs that ends by then, where nothing is due before; FALSE: none does. The next
 * event does the same for as many as end by it, which may take long. */
gboolean tw_factory_look(tw_factory *factory, double until_s);
/* Handles the next event. FALSE with `error` set where the stream is broken. */
gboolean tw_factory_step(tw_factory *factory, GError **error);
/* Handles every event that is due at or before `until_s`. */
gboolean tw_factory_advance(tw_factory *factory, double until_s, GError **error);

/* The time of the last event or look, at which tw_factory_finish ends the run by itself. */
double tw_factory_ended(const tw_factory *factory);

/* Why requests are still inside although nothing is due any more: who has how many, and what they wait for.
 * NULL where none is. The caller frees it. */
char *tw_factory_explain(const tw_factory *factory);

/* Ends the run at `end_s`, or, if that is infinite, with its last event or look: requests still inside are
 * recorded as unfinished, the last interval is written. Returns when it ended. */
double tw_factory_finish(tw_factory *factory, double end_s);

/* Has `watcher` see the power of every whole second, as tw_meter_watch says. */
void tw_factory_watch_power(tw_factory *factory, tw_meter_watcher *watcher, void *user);

/* Results of a factory that is finished. */
tw_energy tw_factory_energy(const tw_factory *factory);
/* NULL without a <grid>. */
const tw_grid_totals *tw_factory_grid(const tw_factory *factory);
tw_load_time tw_factory_load(const tw_factory *factory);
const tw_breakdown *tw_factory_breakdown(const tw_factory *factory);
const tw_spent *tw_factory_spent(const tw_factory *factory);
const tw_governor *tw_factory_governor(const tw_factory *factory);        /* NULL: power is not capped */
const tw_fleet *tw_factory_fleet(const tw_factory *factory);              /* NULL: all serve all the time */
const struct tw_failures *tw_factory_failures(const tw_factory *factory); /* NULL: nothing breaks */
const struct tw_site_jobs *tw_factory_jobs(const tw_factory *factory);    /* NULL: there is none */
const tw_site_power *tw_factory_site_power(const tw_factory *factory);

int tw_factory_engines(const tw_factory *factory);
const tw_engine *tw_factory_engine(const tw_factory *factory, int engine);
double tw_factory_now(const tw_factory *factory); /* the time of the last event */

#endif
