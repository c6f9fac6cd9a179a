/* The meter of `tokenworks net`: how long a plan takes on a platform that carries nothing else.
 *
 * Flows are fluid: on an idle platform the time of a phase's bytes is proportional to them, so one simulation
 * of a plan tells its time at every size. */
#ifndef TW_SIM_NET_METER_H
#define TW_SIM_NET_METER_H

#include "sim/collectives.h"
#include "sim/flows.h"

/* Where a rank stands: one accelerator of a host. */
typedef struct tw_ranks {
  tw_group group;
  int *hosts;   /* of each rank */
  int *domains; /* the group's */
} tw_ranks;
void tw_ranks_clear(tw_ranks *ranks);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(tw_ranks, tw_ranks_clear)

/* How many ranks a platform has room for: accelerators, or hosts where no host has any. */
int tw_ranks_most(const tw_platform *platform);
/* The first n accelerators of a platform, or n in equal parts from every domain (`spread`). 1 <= n <= most.
 */
tw_ranks tw_ranks_place(const tw_platform *platform, int n, gboolean spread);

typedef struct tw_phase_time {
  double bytes_s;   /* of its transfers, at the plan's size */
  double latency_s; /* its steps, with the longest latency among its transfers */
} tw_phase_time;

/* Runs the plan on SimGrid, which must have been started with this platform: once in a process. Returns a
 * tw_phase_time for every phase. NULL with `error` set where two ranks cannot reach each other. */
GArray *tw_net_measure(const tw_platform *platform, const tw_plan *plan, const tw_ranks *ranks,
                       GError **error);

/* The time of a plan whose size is scaled by `scale`. */
double tw_net_time_s(const GArray *phases, double scale);

#endif
