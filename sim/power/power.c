#include "sim/power/power.h"

#include <math.h>

tw_power_law tw_power_law_of(const tw_device *device, tw_precision precision, int accelerators, double clock)
{
  double per_flop = device->joules_per_flop[precision];
  if (!isfinite(per_flop))
    per_flop = device->joules_per_flop[TW_BF16];
  /* Energy of switching goes with the square of the voltage, which falls with the clock down to a floor. */
  double voltage = device->voltage_floor + (1 - device->voltage_floor) * clock;
  gboolean known = isfinite(device->idle_w) && isfinite(per_flop) && isfinite(device->joules_per_byte);
  return (tw_power_law){
      .accelerators = accelerators,
      .idle_w = known ? device->idle_w : NAN,
      .active_w = device->active_w * clock * voltage * voltage,
      .max_w = device->max_w,
      .sleep_w = known ? device->sleep_w : NAN,
      .joules_per_flop = per_flop * voltage * voltage,
      .joules_per_byte = device->joules_per_byte,
      .saturation_w = device->arithmetic_half > 0
                          ? device->arithmetic_half * device->flops[TW_BF16] *
                                device->joules_per_flop[TW_BF16] * clock * voltage * voltage
                          : 0,
  };
}

static tw_line negative(tw_line line)
{
  return tw_line_scale(line, -1);
}

tw_line tw_power_dynamic(const tw_power_law *law, tw_step_cost *cost)
{
  double per_flop = law->joules_per_flop, works = 1 - cost->bubble;
  if (law->saturation_w > 0)
    per_flop /= 1 + per_flop * cost->flops.first /
                        (works * cost->time_s.first * law->accelerators * law->saturation_w);
  tw_line work =
      tw_line_add(tw_line_scale(cost->flops, per_flop), tw_line_scale(cost->bytes, law->joules_per_byte));
  tw_line alone_s = {fmax(0, cost->kernels_s.first - cost->collective_s), cost->kernels_s.growth};
  work = tw_line_add(work, tw_line_scale(alone_s, law->active_w * law->accelerators));
  tw_line most = tw_line_scale(cost->time_s, works * (law->max_w - law->idle_w) * law->accelerators);
  return negative(tw_line_max(negative(work), negative(most), &cost->valid));
}
