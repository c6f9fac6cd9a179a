/* The power law of an engine's accelerators: what the work of an iteration costs in joules.
 *
 *     joules of an iteration = idle_w · t  +  min( active_w · t + a · flops + b · bytes , (max_w − idle_w) ·
 * t ) idle           dynamic
 *
 * per accelerator, from the FLOPs, bytes and time of the step model; a, b and active_w are the device's. All
 * are lines in the number of the iteration, so is the result, and it ends where the branch changes. */
#ifndef TW_SIM_POWER_H
#define TW_SIM_POWER_H

#include "sim/step_time.h"

typedef struct tw_power_law {
  double accelerators; /* of the engine */
  double idle_w, active_w, max_w,
      sleep_w; /* of one accelerator; NAN: no power data, and nothing is metered */
  double joules_per_flop, joules_per_byte;
} tw_power_law;

/* The law of `accelerators` accelerators that multiply in `precision` (or in bf16, where the device lacks it)
 * at a clock of `clock` times the nominal one. */
tw_power_law tw_power_law_of(const tw_device *device, tw_precision precision, int accelerators, double clock);

/* Dynamic joules of the iterations of `cost`, over all accelerators; shortens cost->valid to the iterations
 * for which the line holds. */
tw_line tw_power_dynamic(const tw_power_law *law, tw_step_cost *cost);

/* Joules that some work asks for, before any limit. */
static inline double tw_power_of_work(const tw_power_law *law, double flops, double bytes)
{
  return law->joules_per_flop * flops + law->joules_per_byte * bytes;
}

/* Whether the device's data suffices. */
static inline gboolean tw_power_known(const tw_power_law *law)
{
  return law->idle_w >= 0;
}

#endif
