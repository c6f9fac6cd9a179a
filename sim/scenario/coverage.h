/* Coverage: what of a pool lies outside of that which its engine's overheads were fitted on
 * (sim/steptime/overhead.h).
 *
 * Device, precision and parallelism are known before the run; how many sequences an iteration had, and how
 * much context, is only known of each iteration: see tw_engine_extrapolated. */
#ifndef TW_SIM_COVERAGE_H
#define TW_SIM_COVERAGE_H

#include "sim/scenario/scenario.h"

/* One text for each, such as "device rtx-4090 (fitted on h100-sxm h200-sxm)", NULL-terminated; empty where
 * step times are interpolated from a table. Free with g_strfreev. */
char **tw_coverage_outside(const tw_pool *pool);

#endif
