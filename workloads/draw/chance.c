#include "workloads/draw/chance.h"

#include <math.h>

tw_chance tw_chance_new(guint64 seed, const char *name)
{
  /* FNV-1a of the name; mixing seed and name apart keeps (seed, name) pairs that differ little far apart. */
  guint64 hash = G_GUINT64_CONSTANT(0xcbf29ce484222325);
  for (const char *c = name; *c != '\0'; c++)
    hash = (hash ^ (guint8)*c) * G_GUINT64_CONSTANT(0x100000001b3);
  return (tw_chance){tw_mix(tw_mix(seed) + hash)};
}

guint64 tw_chance_next(tw_chance *chance)
{
  chance->state += TW_MIX_STEP;
  return tw_mix(chance->state);
}

double tw_chance_uniform(tw_chance *chance)
{
  return (double)(tw_chance_next(chance) >> 11) * 0x1p-53;
}

double tw_chance_exponential(tw_chance *chance)
{
  return -log1p(-tw_chance_uniform(chance));
}

double tw_chance_normal(tw_chance *chance)
{
  /* Box-Muller. Its second value is thrown away, so that a stream is its counter alone. */
  double radius = sqrt(2 * tw_chance_exponential(chance));
  return radius * cos(2 * G_PI * tw_chance_uniform(chance));
}

guint64 tw_chance_below(tw_chance *chance, guint64 n)
{
  g_assert(n >= 1);
  /* Lemire: Fast Random Integer Generation in an Interval, ACM TOMACS 2019. The 2^64 mod n products with the
   * smallest low halves are drawn again. */
  guint64 rejected = -n % n;
  for (;;) {
    __extension__ unsigned __int128 product = (unsigned __int128)tw_chance_next(chance) * n;
    if ((guint64)product >= rejected)
      return (guint64)(product >> 64);
  }
}
