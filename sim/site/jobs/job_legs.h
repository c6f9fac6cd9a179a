/* Legs: the parts of a step of training, one after the other. For the files of the jobs. */
#ifndef TW_SIM_JOB_LEGS_H
#define TW_SIM_JOB_LEGS_H

#include "sim/network/flows/volley.h"
#include "sim/placement/span.h"
#include "sim/scenario/jobs.h"

typedef enum { TW_LEG_WORK, TW_LEG_WAIT, TW_LEG_BUBBLE, TW_LEG_OPTIMIZER } tw_leg_kind;

/* A leg takes as long as its computation, or as its collectives do: flows, then latencies, then what stays inside
 * domains. */
typedef struct tw_leg {
  tw_leg_kind kind;
  double work_s; /* Seconds of computation; a bubble's length in micro-batches. */
  /* Seconds of collectives inside domains, and latencies of the fabric, one after the other. */
  double inside_s, hops;
  double bytes[TW_TRAINING_TRAFFICS]; /* Bytes of the NIC of the busiest accelerator, by kind. */
  double paces;     /* micro-batches by which the bubble is paced; 0: it is not by this leg */
  double dynamic_j; /* joules of its computation, over all accelerators */
} tw_leg;

/* The legs of a step (tw_leg). The caller frees the array. */
GArray *tw_site_job_legs(const tw_site_job *job);
/* Those of a step of reinforcement learning whose updates have so many micro-batches each: log-probabilities first, each
 * pass over the tokens of all updates for the share of a forward pass in a micro-batch, of work and traffic. */
GArray *tw_site_job_rl_legs(const tw_site_job *job, gint64 micro_batches);

/* The flows of legs: volleys, which legs share whose kinds of traffic stand in the same proportions. */
typedef struct tw_leg_flows {
  const tw_span *span; /* borrowed */
  GPtrArray *volleys;  /* array of what job_legs.c keeps */
} tw_leg_flows;
void tw_leg_flows_init(tw_leg_flows *flows, const tw_span *span);
void tw_leg_flows_clear(tw_leg_flows *flows);
/* The volley of a leg, lent, and how large it is; NULL: it sends nothing over the fabric. */
tw_volley *tw_leg_flows_find(tw_leg_flows *flows, const tw_leg *leg, double *size);

#endif
