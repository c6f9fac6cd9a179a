/* The power law of an engine's accelerators: what the work of an iteration costs in joules.
 *
 *     joules  = idle_w · t + dynamic
 *     dynamic = min( active_w · (t_kernels − t_collective) + a · flops + b · bytes,  (max_w − idle_w) · t )
 *     a       = a0 / (1 + a0 · F / saturation_w)      F: FLOP/s of the segment's first iteration
 *
 * per accelerator, from the FLOPs, bytes and times of the step model; a0, b and active_w are the device's.
 * Dense arithmetic costs less per FLOP than sparse: operands are used more often, and clock and voltage fall
 * (saturation_w is a0 times a share of the peak FLOP rate: at that rate a FLOP costs half). While accelerators launch
 * kernels, or wait for each other or for their host, they draw little more than idle, and those that wait for
 * other pipeline stages (the bubble of the step model) are idle: for them t, but for idle_w, is the time that
 * they work. All are lines in the number of the iteration, so is the result, and it ends where the branch
 * changes. Fit and errors: tests/validation/power.
 */
#ifndef TW_SIM_POWER_H
#define TW_SIM_POWER_H

#include "sim/steptime/step_time.h"

typedef struct tw_power_law {
  double accelerators; /* the number of the engine's accelerators */
  double idle_w, active_w, max_w,
      sleep_w; /* watts of one accelerator; NAN: no power data, and nothing is metered */
  double joules_per_flop, joules_per_byte;
  double saturation_w; /* watts of arithmetic of one accelerator; 0: a FLOP costs the same at any rate */
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

/* Watts of an accelerator in the first iteration of `cost`, whose `valid` tw_power_dynamic shortens. */
static inline double tw_power_watts(const tw_power_law *law, tw_step_cost *cost)
{
  return law->idle_w + tw_power_dynamic(law, cost).first / cost->time_s.first / law->accelerators;
}

/* Whether the device's data suffices. */
static inline gboolean tw_power_known(const tw_power_law *law)
{
  return law->idle_w >= 0;
}

#endif
