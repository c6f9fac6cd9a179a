/* Quantiles of a stream of values in bounded memory.
 *
 * Positive values fall into buckets that are cut from the bits of the double: its exponent picks an octave
 * [2^e, 2^(e+1)), the top 9 bits of its mantissa one of the octave's 512 buckets of equal width.
 *
 *     value = 1.mmmmmmmmm… · 2^e      octaves[e] ─► 512 counters, there once a value fell into the octave
 *               └ bucket ┘
 *
 * A bucket [l, u) has u/l <= 1 + 2^-9 and stands for 2lu/(l+u), so that
 *
 *     |reported − true| <= TW_HISTOGRAM_ERROR · true,      TW_HISTOGRAM_ERROR = 1 / 1025 < 0.1 %
 *
 * holds for every order statistic, hence for quantiles that interpolate between two of them. Octaves take
 * 4 KiB each: 100 KiB for all latencies from a microsecond to a year.
 *
 * The q-quantile of n sorted values x[0..n-1] is x[h] at h = q·(n − 1), interpolated linearly between its two
 * neighbours where h is not whole: Hyndman and Fan's definition 7, the default of numpy, pandas and R. */
#ifndef TW_SIM_HISTOGRAM_H
#define TW_SIM_HISTOGRAM_H

#include <glib.h>

#define TW_HISTOGRAM_ERROR (1.0 / 1025)

typedef struct tw_histogram tw_histogram;

tw_histogram *tw_histogram_new(void);
void tw_histogram_free(tw_histogram *histogram);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tw_histogram, tw_histogram_free)

/* Adds a finite value. What is not above 0 (or not above DBL_MIN) ranks as 0 in quantiles: latencies that
 * rounding made slightly negative. NAN, a value that is not defined, is left out. */
void tw_histogram_add(tw_histogram *histogram, double value);
void tw_histogram_add_times(tw_histogram *histogram, double value, guint64 times);

/* Adds all that `from` holds. */
void tw_histogram_merge(tw_histogram *histogram, const tw_histogram *from);

/* Exact; the sum to within two units in its last place. min, max and mean are NAN of no values. */
guint64 tw_histogram_count(const tw_histogram *histogram);
double tw_histogram_sum(const tw_histogram *histogram);
double tw_histogram_mean(const tw_histogram *histogram);
double tw_histogram_min(const tw_histogram *histogram);
double tw_histogram_max(const tw_histogram *histogram);

/* The q-quantile, 0 <= q <= 1; exact for 0 and 1, within TW_HISTOGRAM_ERROR between; NAN of no values. */
double tw_histogram_quantile(const tw_histogram *histogram, double q);

#endif
