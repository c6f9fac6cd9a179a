/* The autoscaler: parks and wakes the engines of pools.
 *
 *     every period   a policy (scaling.h) says how many engines a pool wants
 *     up delay       more are woken when it wanted more all that time: the least of what it wanted counts
 *     down delay     fewer are left when it wanted fewer all that time: the most of what it wanted counts
 *
 * (Kubernetes' horizontal pod autoscaler calls these stabilization windows; the defaults are its own.)
 * Engines that drain are woken before those that are parked, which have to load and to start; the engine with
 * the fewest requests drains. */
#ifndef TW_SIM_AUTOSCALER_H
#define TW_SIM_AUTOSCALER_H

#include "sim/site/fleet.h"

typedef struct tw_autoscaler tw_autoscaler;

/* NULL where no pool is scaled. All are borrowed. */
tw_autoscaler *tw_autoscaler_new(const tw_scenario *scenario, tw_engine *const *engines, tw_fleet *fleet,
                                 const tw_router *router);
void tw_autoscaler_free(tw_autoscaler *autoscaler);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tw_autoscaler, tw_autoscaler_free)

/* When it acts next. */
double tw_autoscaler_due(const tw_autoscaler *autoscaler);
/* Acts. So many requests wait for an engine that serves. */
void tw_autoscaler_step(tw_autoscaler *autoscaler, gint64 held);

#endif
