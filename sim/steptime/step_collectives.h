/* Collectives of an iteration: which of an engine's groups run them, and what they take beside the fabric. */
#ifndef TW_SIM_STEP_COLLECTIVES_H
#define TW_SIM_STEP_COLLECTIVES_H

#include "sim/steptime/step_time.h"

/* All ways to run a pattern among n accelerators that lie in some domains in equal parts. */
tw_collective_costs tw_group_costs(const tw_step_setting *setting, const char *pattern, int n, int domains);

/* Seconds that the fastest way takes beside its bytes on the fabric. Adds those bytes, and the latencies
 * there, `times` times to `crossing` and `steps`. `amount`: bytes, or tokens. */
double tw_crossing_s(const tw_interconnect *links, const tw_collective_costs *costs, double amount,
                     double times, double *crossing, double *steps);

#endif
