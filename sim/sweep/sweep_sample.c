/* Samples of a space: random points, and Latin hypercubes. */
#include "sim/sweep/sweep.h"
#include "workloads/draw/chance.h"

double *tw_sweep_shares(const tw_sweep *sweep, const char *axis)
{
  guint n = (guint)sweep->n_samples;
  double *shares = g_new(double, n);
  g_autofree char *name = g_strconcat("sample ", axis, NULL);
  tw_chance chance = tw_chance_new((guint64)sweep->sample_seed, name);
  if (sweep->sample == TW_SWEEP_RANDOM) {
    for (guint i = 0; i < n; i++)
      shares[i] = tw_chance_uniform(&chance);
    return shares;
  }
  /* A random order of the n parts, and a random place within each. */
  for (guint i = 0; i < n; i++)
    shares[i] = i;
  for (guint i = n; i > 1; i--) {
    guint other = (guint)tw_chance_below(&chance, i);
    double swapped = shares[other];
    shares[other] = shares[i - 1];
    shares[i - 1] = swapped;
  }
  for (guint i = 0; i < n; i++)
    shares[i] = (shares[i] + tw_chance_uniform(&chance)) / n;
  return shares;
}
