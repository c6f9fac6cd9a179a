/* The benchmark of `tokenworks net`: how long a plan takes on a platform that carries nothing else.
 *
 * Flows are fluid: on an idle platform the time of a phase's bytes is proportional to them, so one simulation
 * of a way to run a pattern tells its time at every size. The closed form does without: a phase ends when its
 * busiest link has carried its bytes. It chooses which ways are worth to simulate. */
#ifndef TW_SIM_NET_BENCHMARK_H
#define TW_SIM_NET_BENCHMARK_H

#include "sim/collectives/collective_time.h"
#include "sim/network/flows/flows.h"

/* The places of ranks: each stands on one accelerator of a host. */
typedef struct tw_ranks {
  tw_group group;
  int *hosts;     /* the host of each rank */
  int *domains;   /* the group's */
  int *endpoints; /* the endpoint at which the flows of each rank begin and end */
  tw_ports *ports;
} tw_ranks;
void tw_ranks_clear(tw_ranks *ranks);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(tw_ranks, tw_ranks_clear)

/* How many ranks a platform has room for: accelerators, or hosts where no host has any. */
int tw_ranks_most(const tw_platform *platform);
/* The first n accelerators of a platform, or n in equal parts from every domain (`spread`). 1 <= n <= most.
 */
tw_ranks tw_ranks_place(const tw_platform *platform, int n, gboolean spread);

/* A way to run a pattern, and what it takes at `bytes`. */
typedef struct tw_net_way {
  const tw_method *method;
  tw_kernel kernel;
  double bytes;
  double closed_s, bytes_s; /* seconds for the bytes of all phases: by the closed form, and simulated */
  double fixed_s;           /* launches and latencies */
  gboolean simulated;
  gboolean
      by_busiest_link; /* a phase has too many flows to simulate: it ends when its busiest link has carried all */
} tw_net_way;

/* All ways to run a pattern among the ranks: by one algorithm, or (AUTO) by all that collective libraries and
 * the ranks' device have. An array of tw_net_way, empty if the algorithm does not work among them. */
GArray *tw_net_ways(const tw_platform *platform, const tw_pattern *pattern, tw_algorithm algorithm,
                    const tw_ranks *ranks, double bytes);

/* Chooses the fastest of the ways for each of `sizes` (doubles) by the closed form, and simulates those that
 * were chosen. SimGrid must have been started with this platform: once in a process. Returns a const
 * tw_net_way, one of `ways`, for each size. NULL with `error` set where two ranks cannot reach each other. */
GPtrArray *tw_net_measure(const tw_platform *platform, const tw_ranks *ranks, GArray *ways,
                          const GArray *sizes, GError **error);

/* The time of a way that was simulated. */
double tw_net_time_s(const tw_net_way *way, double bytes);

#endif
