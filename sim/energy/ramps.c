#include "sim/energy/ramps.h"

#include <math.h>

tw_ramps tw_ramps_none(void)
{
  return (tw_ramps){NAN, NAN, NAN, NAN, 0};
}

void tw_ramps_follow(tw_ramps *ramps, gint64 second, double watts)
{
  enum { MINUTE = 60 };
  ramps->w_per_s = fmax(ramps->w_per_s, fabs(watts - ramps->before_w));
  ramps->before_w = watts;
  ramps->minute_j += watts;
  if ((second + 1) % MINUTE != 0)
    return;
  double minute_w = ramps->minute_j / MINUTE;
  ramps->w_per_min = fmax(ramps->w_per_min, fabs(minute_w - ramps->minute_w));
  ramps->minute_w = minute_w;
  ramps->minute_j = 0;
}
