/* Open loop: requests that arrive whatever becomes of the others, with independent lengths. */
#ifndef TW_WORKLOADS_OPEN_H
#define TW_WORKLOADS_OPEN_H

#include "workloads/draw/population.h"
#include "workloads/stream/stream.h"

/* Each named quantity draws from a stream of chance of its own, seeded from `seed` and its name, so that
 * changing one leaves the others as they were. */
typedef struct tw_open_options {
  const char *name; /* begins the names of its streams of chance */
  tw_arrival_options arrivals;
  tw_population_options population;
  double scale;                        /* scale of the rate */
  gint64 limit;                        /* requests, G_MAXINT64: no limit */
  double duration_s;                   /* arrivals before it; INFINITY: no limit */
  tw_length prompt, reasoning, answer; /* borrowed tables */
  guint64 seed;
} tw_open_options;

/* The options must be in range (tw_arrival_check, tw_length_check). */
tw_stream *tw_stream_open_loop(const tw_open_options *options);

#endif
