#include "sim/network/medium.h"

#include <math.h>

static double bytes_per_s(const tw_medium *medium, tw_medium_direction direction)
{
  return direction == TW_MEDIUM_READ ? medium->read_bytes_per_s : medium->write_bytes_per_s;
}

double tw_medium_alone_s(const tw_medium *medium, tw_medium_direction direction, double bytes)
{
  double at_depth = medium->queue_depth * medium->io_bytes / medium->latency_s;
  return medium->latency_s + bytes / fmin(bytes_per_s(medium, direction), at_depth);
}

double tw_medium_serve(tw_medium_use *use, tw_medium_direction direction, double bytes, double now_s)
{
  double *free_s = &use->free_s[direction];
  *free_s = fmax(*free_s, now_s) + bytes / bytes_per_s(use->medium, direction);
  return fmax(*free_s + use->medium->latency_s, now_s + tw_medium_alone_s(use->medium, direction, bytes));
}
