/* Seeded streams of chance, one per named source: no draw of one source moves another's. */
#ifndef TW_WORKLOADS_CHANCE_H
#define TW_WORKLOADS_CHANCE_H

#include <glib.h>

/* SplitMix64's step and finaliser (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, OOPSLA
 * 2014): a bijection whose every output bit depends on every input bit. */
#define TW_MIX_STEP G_GUINT64_CONSTANT(0x9e3779b97f4a7c15)
static inline guint64 tw_mix(guint64 z)
{
  z = (z ^ (z >> 30)) * G_GUINT64_CONSTANT(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * G_GUINT64_CONSTANT(0x94d049bb133111eb);
  return z ^ (z >> 31);
}

/* SplitMix64 over a counter. */
typedef struct tw_chance {
  guint64 state;
} tw_chance;

tw_chance tw_chance_new(guint64 seed, const char *name);
guint64 tw_chance_next(tw_chance *chance);
double tw_chance_uniform(tw_chance *chance);     /* a number in [0, 1), of 53 bits */
double tw_chance_exponential(tw_chance *chance); /* mean 1 */
double tw_chance_normal(tw_chance *chance);      /* mean 0, deviation 1 */
/* Uniform integer in [0, n), n >= 1, without bias. */
guint64 tw_chance_below(tw_chance *chance, guint64 n);

#endif
