#include "sim/base/histogram.h"

#include <float.h>
#include <math.h>

enum {
  BUCKET_BITS = 9,
  BUCKETS = 1 << BUCKET_BITS,
  MANTISSA_BITS = 52,
  EXPONENT_BIAS = 1023,
  OCTAVES = 2047
};

typedef struct {
  guint64 counts[BUCKETS];
} octave;

struct tw_histogram {
  guint64 count, zeros;
  double min, max;
  double sum, lost; /* Neumaier's compensated sum */
  octave *octaves[OCTAVES];
};

tw_histogram *tw_histogram_new(void)
{
  tw_histogram *histogram = g_new0(tw_histogram, 1);
  histogram->min = INFINITY;
  histogram->max = -INFINITY;
  return histogram;
}

void tw_histogram_free(tw_histogram *histogram)
{
  if (histogram == NULL)
    return;
  for (int i = 0; i < OCTAVES; i++)
    g_free(histogram->octaves[i]);
  g_free(histogram);
}

static void add_to_sum(tw_histogram *histogram, double value)
{
  double sum = histogram->sum + value;
  if (fabs(histogram->sum) >= fabs(value))
    histogram->lost += (histogram->sum - sum) + value;
  else
    histogram->lost += (value - sum) + histogram->sum;
  histogram->sum = sum;
}

static octave *get_octave(tw_histogram *histogram, int i)
{
  if (G_UNLIKELY(histogram->octaves[i] == NULL))
    histogram->octaves[i] = g_new0(octave, 1);
  return histogram->octaves[i];
}

void tw_histogram_add(tw_histogram *histogram, double value)
{
  tw_histogram_add_times(histogram, value, 1);
}

void tw_histogram_add_times(tw_histogram *histogram, double value, guint64 times)
{
  if (isnan(value))
    return;
  g_assert(isfinite(value));
  histogram->count += times;
  add_to_sum(histogram, value * (double)times);
  histogram->min = value < histogram->min ? value : histogram->min;
  histogram->max = value > histogram->max ? value : histogram->max;
  if (value < DBL_MIN) {
    histogram->zeros += times;
    return;
  }
  guint64 bits;
  memcpy(&bits, &value, sizeof bits);
  guint64 bucket = bits >> (MANTISSA_BITS - BUCKET_BITS) & (BUCKETS - 1);
  get_octave(histogram, (int)(bits >> MANTISSA_BITS))->counts[bucket] += times;
}

void tw_histogram_merge(tw_histogram *histogram, const tw_histogram *from)
{
  histogram->count += from->count;
  histogram->zeros += from->zeros;
  histogram->min = fmin(histogram->min, from->min);
  histogram->max = fmax(histogram->max, from->max);
  add_to_sum(histogram, from->sum);
  add_to_sum(histogram, from->lost);
  for (int i = 0; i < OCTAVES; i++)
    for (int b = 0; from->octaves[i] != NULL && b < BUCKETS; b++)
      get_octave(histogram, i)->counts[b] += from->octaves[i]->counts[b];
}

guint64 tw_histogram_count(const tw_histogram *histogram)
{
  return histogram->count;
}

double tw_histogram_sum(const tw_histogram *histogram)
{
  return histogram->sum + histogram->lost;
}

double tw_histogram_mean(const tw_histogram *histogram)
{
  return tw_histogram_sum(histogram) / (double)histogram->count; /* 0/0 is NAN */
}

double tw_histogram_min(const tw_histogram *histogram)
{
  return histogram->count > 0 ? histogram->min : NAN;
}

double tw_histogram_max(const tw_histogram *histogram)
{
  return histogram->count > 0 ? histogram->max : NAN;
}

/* 2lu / (l + u) of a bucket: l = k · 2^e / 512 and u = (k + 1) · 2^e / 512 with k = 512 + bucket. */
static double bucket_value(int exponent, int bucket)
{
  double k = BUCKETS + bucket;
  return ldexp(2 * k * (k + 1) / (2 * k + 1), exponent - EXPONENT_BIAS - BUCKET_BITS);
}

/* The values of ranks `rank` and rank + 1, as far as there are so many. */
static void find_ranks(const tw_histogram *histogram, guint64 rank, double found[2])
{
  guint64 seen = histogram->zeros;
  int wanted = 0;
  found[0] = found[1] = 0;
  while (wanted < 2 && seen > rank + (guint64)wanted)
    wanted++;
  for (int i = 0; i < OCTAVES && wanted < 2; i++) {
    if (histogram->octaves[i] == NULL)
      continue;
    for (int b = 0; b < BUCKETS; b++) {
      seen += histogram->octaves[i]->counts[b];
      while (wanted < 2 && seen > rank + (guint64)wanted)
        found[wanted++] = bucket_value(i, b);
    }
  }
}

double tw_histogram_quantile(const tw_histogram *histogram, double q)
{
  g_assert(q >= 0 && q <= 1);
  if (histogram->count == 0)
    return NAN;
  if (q == 0 || q == 1)
    return q == 0 ? histogram->min : histogram->max;
  double h = q * (double)(histogram->count - 1);
  double whole = floor(h), found[2];
  find_ranks(histogram, (guint64)whole, found);
  double value = h == whole ? found[0] : found[0] + (h - whole) * (found[1] - found[0]);
  return CLAMP(value, histogram->min, histogram->max);
}
