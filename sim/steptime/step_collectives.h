/* Collectives of an iteration: which of an engine's groups run them, and what they take beside the fabric. */
#ifndef TW_SIM_STEP_COLLECTIVES_H
#define TW_SIM_STEP_COLLECTIVES_H

#include "sim/steptime/step_time.h"

/* All ways to run a pattern among n accelerators that lie in some domains in equal parts. */
tw_collective_costs tw_group_costs(const tw_step_setting *setting, const char *pattern, int n, int domains);

/* Seconds that the fastest way takes beside its bytes on the fabric. Adds those bytes, and the latencies
 * there, `times` times to `crossing` and `steps`. `amount`: bytes, or tokens. */
double tw_crossing_s(const tw_interconnect *links, const tw_collective_costs *costs, double amount,
                     double times, double *crossing, double *steps);

/* The all-reduces of a rank's layers: one behind attention's output projection, and one behind the MLP, where experts
 * do not return their sums themselves. An engine may send them while that product computes (fused sums): then they
 * cost what they take longer. */
typedef struct tw_sums {
  double n, behind_attention;
  double bytes; /* of a token, that each accelerator of the group adds to one of them */
  double output_share,
      down_share; /* what that product is of the time of all projections, and of all MLPs; 0: none */
} tw_sums;

/* `layers` have attention with a sum behind it, `n` sums stand in all layers; `domains`: NVLink domains that a
 * group lies in, between which nothing is fused. */
tw_sums tw_sums_of(const tw_step_setting *setting, double layers, double n, int domains);

/* Seconds that they add for so many tokens, beside products of so many seconds; the rest as tw_crossing_s. */
double tw_sums_s(const tw_sums *sums, const tw_interconnect *links, const tw_collective_costs *costs,
                 double tokens, double projections_s, double mlps_s, double *crossing, double *steps);

#endif
