/* The closed forms: what a collective takes on links that nobody else uses. `tokenworks net`, the step time
 * of engines and the harness that compares them with measurements all ask here.
 *
 * A kernel (a protocol of a library, or a kernel of its own: a row of the device file) runs a phase of a plan
 * (collectives.h) in
 *
 *     t = launch + messages · step + hops · α + fabric hops · (α' + fabric step)
 *         + max( (bytes inside + own · bytes that stay) / (scale-up · B),  bytes outside / (scale-out · B') )
 *
 * where B, α are of the links inside the domain and B', α' of the NICs and the routes of the fabric, and
 * bytes those of the busiest rank: inside and outside go at the same time. Everything is linear in the bytes,
 * so a cost is a line, and the fastest of some lines is chosen size by size.
 *
 * Latency and bandwidth per protocol: the model by which NCCL itself chooses (its src/graph/tuning.cc). */
#ifndef TW_SIM_COLLECTIVE_TIME_H
#define TW_SIM_COLLECTIVE_TIME_H

#include "sim/collectives/collectives.h"

/* The links of the accelerators: bytes/s of the wire, per accelerator and direction. */
typedef struct tw_interconnect {
  double bytes_per_s, latency_s; /* inside a domain; latency of one hop */
  double fabric_bytes_per_s;     /* bandwidth of a NIC; 0 or NAN: bytes that go outside are not counted */
  double fabric_latency_s;       /* latency of a route between domains */
} tw_interconnect;
/* The links of a device, as its file has them. */
tw_interconnect tw_device_links(const tw_device *device);
/* Returns the links as n accelerators of one domain can use them: if each has a link of its own to each peer, n - 1
 * of these. */
tw_interconnect tw_links_among(tw_interconnect links, const tw_device *device, int n);

/* The cost of a collective as a line in its bytes, or tokens. */
typedef struct tw_collective_cost {
  tw_algorithm algorithm;
  tw_kernel kernel;   /* the kernel; of experts: the one that dispatches */
  double fixed_s;     /* without the latency of the fabric */
  double fabric_hops; /* latencies of the fabric, one after the other */
  double inside_s;    /* seconds of a byte, or of a token */
  double outside;     /* bytes of the NIC for one of it, with what the kernel adds */
  gboolean serial;    /* inside and outside one after the other */
} tw_collective_cost;

enum { TW_MOST_COSTS = 12 };
typedef struct tw_collective_costs {
  tw_collective_cost rows[TW_MOST_COSTS];
  int n;
} tw_collective_costs;

/* The row of a kernel. A device without (or NULL) moves data at scale_up_efficiency of its links, and
 * launches in no time. */
tw_kernel_cost tw_kernel_cost_of(const tw_device *device, tw_kernel kernel);
/* Whether to choose it: the device has its row, or none for what the pattern is and this is the simplest. */
gboolean tw_kernel_known(const tw_device *device, tw_kernel kernel);

/* The cost of a plan that was made for `bytes`, run by one kernel. */
tw_collective_cost tw_plan_cost(const tw_plan *plan, double bytes, const tw_group *group,
                                const tw_kernel_cost *kernel, const tw_interconnect *links);

/* All ways to run a pattern among a group. `custom`: with the kernels of inference engines. */
tw_collective_costs tw_collective_costs_of(const tw_pattern *pattern, const tw_group *group, gboolean custom,
                                           const tw_device *device, const tw_interconnect *links);

/* For `amount` bytes or tokens these give the time on idle links, the part of it beside the time of the NICs
 * (without the latencies of the fabric), and the fastest row. */
double tw_collective_time_s(const tw_collective_cost *cost, const tw_interconnect *links, double amount);
double tw_collective_inside_s(const tw_collective_cost *cost, const tw_interconnect *links, double amount);
const tw_collective_cost *tw_collective_fastest(const tw_collective_costs *costs,
                                                const tw_interconnect *links, double amount);

/* The traffic between accelerators that share experts, for each token of one of them. */
typedef struct tw_expert_traffic {
  double ranks, domains;    /* the experts lie on, in equal parts */
  double experts_per_token; /* experts that a token goes to */
  /* Domains that these may lie in (group-limited routing); 0: any number. */
  double most_domains;
  gboolean balanced;                    /* they lie on as many ranks as they can, instead of by chance */
  double dispatch_bytes, combine_bytes; /* bytes of a copy of a token, there and back */
} tw_expert_traffic;

/* Different places out of `places`, that `picks` independent picks hit: n · (1 − (1 − 1/n)^k). */
double tw_distinct(double places, double picks);

/* The cost of one of the kernels for experts, in tokens of a rank. */
tw_collective_cost tw_expert_cost(const tw_expert_traffic *traffic, tw_kernel kernel, const tw_device *device,
                                  const tw_interconnect *links);
/* All ways to dispatch and combine; by sends from rank to rank where the device has no kernels for it. `decodes`: of a
 * batch without prompts, for which engines take the low-latency kernels where the device has them: others tell the host
 * how many tokens come, which no CUDA graph waits for (SGLang's --deepep-mode auto: low_latency for decode, normal for
 * prefill). */
tw_collective_costs tw_expert_costs_of(const tw_expert_traffic *traffic, const tw_device *device,
                                       const tw_interconnect *links, gboolean decodes);

#endif
