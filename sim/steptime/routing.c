#include "sim/steptime/routing.h"

#include <math.h>

double tw_experts_touched(double experts, double per_token, double tokens)
{
  const double shape = 2;
  double copies = tokens * per_token / experts;
  return fmax(experts * (1 - pow(1 + copies / shape, -shape)), fmin(experts, per_token));
}
