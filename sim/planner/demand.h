/* The load of a question: how much of it arrives, when it is heaviest, and how scenarios are given more, less
 * or a slice of it. */
#ifndef TW_SIM_DEMAND_H
#define TW_SIM_DEMAND_H

#include "sim/scenario/scenario.h"

/* The element that is the source of requests, and how scenarios are given more of it. */
typedef struct tw_demand_source tw_demand_source;

typedef struct tw_demand {
  const tw_demand_source *source;
  double amount; /* the rate, scale or number of clients that the workload has as it is written */
  guint64 requests;
  gint64 repeat;         /* times that a trace is replayed, one after the other; else 1 */
  double start_s;        /* instant of the trace, in its own time, before which rows are left out; else 0 */
  double span_s;         /* time from the first arrival to the last, of all replays */
  double rate_per_s;     /* rate of arrivals in the busiest minute */
  double peak_s;         /* when that minute begins */
  double prompt, output; /* mean tokens */
  double cached;         /* share of prompt tokens that an endless prefix cache would have */
  gint32 median_prompt;
  gint64 clients; /* number of clients of a closed loop; else 0 */
} tw_demand;

/* Reads the load of a scenario by drawing all of it once, each answer coming at once where clients wait.
 * Bounded memory. FALSE with `error` where the trace is broken or empty. */
gboolean tw_demand_read(const tw_scenario *scenario, tw_demand *demand, GError **error);

/* Whether the load can be multiplied; a <generator> that is written out cannot. */
gboolean tw_demand_scales(const tw_demand *demand);

/* Whether more of the load is a trace played faster, which makes its peaks as many times shorter. */
gboolean tw_demand_is_replayed(const tw_demand *demand);

/* Assignments that multiply the load, which must be possible unless the factor is 1, for `factor` > 0. Whole numbers of clients are rounded, to at least
 * one. The caller frees the list with g_strfreev. */
char **tw_demand_scaled(const tw_demand *demand, double factor);

/* Assignments that leave `length_s` seconds of the load times `factor`: those around its busiest minute where
 * it is a trace, else its first. The first third of the slice fills the site and is left out of statistics.
 * NULL: the load is no longer than that. */
char **tw_demand_slice(const tw_demand *demand, double factor, double length_s);

#endif
