/* Stairs: a value that changes at given times, such as the price of electricity by the hour.
 *
 * From CSV with a header and two columns, the first the time in whole seconds from the start of the run:
 *
 *     time_s,usd_per_kwh
 *     0,0.06
 *     3600,0.08
 *
 * A value holds until the next. Even stairs (hourly prices) have one step between all their rows, so that a
 * missing row is a fault, and begin again after the last; any others keep their last value. */
#ifndef TW_PLATFORMS_STAIRS_H
#define TW_PLATFORMS_STAIRS_H

#include "platforms/input/document.h"
#include "platforms/input/units.h"

typedef struct tw_stairs tw_stairs;

/* Reads a file; values must lie between `low` and `high`. NULL with every fault that was found. */
tw_stairs *tw_stairs_load(const char *path, gboolean even, double low, double high, tw_faults *faults);
tw_stairs *tw_stairs_constant(double value);
void tw_stairs_free(tw_stairs *stairs);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tw_stairs, tw_stairs_free)

double tw_stairs_at(const tw_stairs *stairs, double time_s);
/* From now on the value at an instant is the one that was so many seconds later: the stairs are those of a clock that is
 * ahead by them. */
void tw_stairs_shift(tw_stairs *stairs, double seconds);
/* The first instant after `time_s` at which the value may change, INFINITY: none. */
double tw_stairs_next(const tw_stairs *stairs, double time_s);
double tw_stairs_min(const tw_stairs *stairs);
double tw_stairs_max(const tw_stairs *stairs);

#endif
