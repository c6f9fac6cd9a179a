/* The estimate of what a design needs, in closed form from the step times that it would run with.
 *
 * An engine that holds n sequences per rank emits n · dp tokens an iteration, in which it also computes the
 * prompts that come with them. The most sequences that keep the limit of TPOT and fit into the KV cache give
 * its rate, and the load's busiest minute over that rate the engines. Queues, bursts, routing and the network
 * are left out: the estimate orders designs, and says where to begin. */
#ifndef TW_SIM_ESTIMATE_H
#define TW_SIM_ESTIMATE_H

#include "sim/planner/demand.h"
#include "sim/planner/design.h"

/* Sets the design's estimate, or drops it with the reason where not even one sequence alone keeps the
 * limits. Its scenario has been read as `scenario`; `factor` multiplies the load. The score is the accelerators that
 * it needs or, by_power, the watts that its smallest site draws. */
void tw_estimate(tw_design *design, const tw_scenario *scenario, const tw_demand *demand, double factor,
                 gboolean by_power);

#endif
