/* A training step: how long one iteration of a job takes, and what it sends.
 *
 *     step = (1 + (p − 1) / (v · m)) · (m − 1) · micro + last micro + exchange + optimizer
 *
 *     micro    = (forward + backward) of one micro-batch on the slowest stage, with the collectives that it waits for
 *     backward = 2 · forward; with full recomputation a forward more
 *     exchange = gradients and weights between replicas, as far as the last micro-batch does not hide them
 *
 * p: stages, v: chunks of layers on each (interleaved schedule, 1: 1F1B), m: micro-batches of a replica, so that the
 * pipeline idles for (p − 1) / (v · m) of its work: Narayanan et al., arXiv 2104.04473, sections 2.2 and 2.3. (The
 * bubble is counted with the last micro-batch too.)
 *
 * The forward pass is that of sim/steptime on the kernels as measured, so that training has no efficiency of its own.
 * Model FLOPs are three times those of the forward pass; what is computed again does not count (Chowdhery et al.,
 * arXiv 2204.02311, appendix B).
 *
 * Each kind of traffic says what it sends for a micro-batch or for a step: inside its domain, which takes closed-form
 * time, and over the NICs of an accelerator, for which flows are simulated. `overlap` of it goes on beside computation;
 * the rest is waited for. */
#ifndef TW_SIM_TRAINING_H
#define TW_SIM_TRAINING_H

#include "sim/steptime/step_time.h"

/* Kinds of traffic of a training job. */
#define TW_TRAINING_TRAFFIC(X)                                                                               \
  X(TENSOR, "tp", 0, "all-reduces of a layer's sums (or reduce-scatter and all-gather, which send as much)") \
  X(CONTEXT, "cp", 1, "keys and values in a ring")                                                           \
  X(EXPERTS, "ep", 0, "tokens to their experts and back")                                                    \
  X(STAGES, "pp", 1, "activations to the next stage, and gradients of them back")                            \
  X(DATA, "dp", 1, "gradients and weights between replicas")                                                 \
  X(EXPERT_DATA, "edp", 1, "those of experts, which have replicas of their own")
typedef enum {
#define X(name, text, overlap, help) TW_TRAINING_##name,
  TW_TRAINING_TRAFFIC(X)
#undef X
      TW_TRAINING_TRAFFICS
} tw_training_traffic;
extern const char *const tw_training_traffic_names[TW_TRAINING_TRAFFICS + 1];

/* A layout over accelerators, of which tp follow each other, then cp, then dp, then pp. Groups of experts lie within
 * the tp · cp · dp accelerators of a stage. */
typedef struct tw_training_layout {
  gint64 tp, cp, dp, pp, ep;
  gint64 chunks; /* Chunks of layers on each stage. */
} tw_training_layout;

/* The number of NVLink domains that the groups of a job lie in, in equal parts; 1: inside one. */
typedef struct tw_training_reach {
  int groups[TW_TRAINING_TRAFFICS]; /* STAGES: 2 where any stages follow each other in different domains */
  gboolean meshed;
} tw_training_reach;

typedef struct tw_training_setting {
  const tw_model *model;
  const tw_device *device;
  tw_training_layout layout;
  tw_training_reach reach;
  gint64 batch, micro_batch, sequence; /* sequences of a step, and of a micro-batch; tokens of each */
  int zero;                            /* stage of ZeRO, 0 to 3: what replicas share of the state */
  gboolean recompute;                  /* all of a layer, in the backward pass */
  tw_precision precision;              /* Precision in which products with weights are computed. */
  tw_precision gradients;              /* Precision in which gradients are kept and sent. */
  double overlap[TW_TRAINING_TRAFFICS];
  double expert_imbalance; /* load of the busiest rank over the mean, >= 1 */
} tw_training_setting;

/* The bytes that a kind of traffic sends. */
typedef struct tw_training_sends {
  /* For a micro-batch on the slowest stage, and at the end of a step: seconds inside the domain, bytes over the NIC
   * of an accelerator (of the busiest), and latencies of the fabric one after the other. */
  double micro_inside_s, micro_bytes, micro_hops;
  double step_inside_s, step_bytes, step_hops;
} tw_training_sends;

typedef struct tw_training_cost {
  gint64 micro_batches;
  double forward_s;       /* computation of a micro-batch on the slowest stage */
  double micro_s;         /* forward and backward of it, without any collective */
  double bubble;          /* time that the pipeline idles, over that in which it works */
  double optimizer_bytes; /* Bytes of HBM that each accelerator moves for the optimizer. */
  double optimizer_s;     /* each accelerator updates its part of the weights */
  double tokens;          /* Tokens of a step, of all replicas. */
  double model_flops;     /* FLOPs of a step, over all accelerators. */
  double peak_flops;      /* dense peak of all accelerators in the precision */
  double flops, bytes;    /* done and moved in one micro-batch by all accelerators of all stages: for power */
  double state_bytes;     /* Bytes of a checkpoint: weights, master weights and moments. */
  double weight_bytes;    /* Bytes of all weights in 16 bits, as engines load them. */
  tw_training_sends sends[TW_TRAINING_TRAFFICS];
} tw_training_cost;

/* Adds faults at `node` where the setting cannot work, or does not fit into the memory of the accelerators. */
void tw_training_check(const tw_training_setting *setting, const xmlNode *node, tw_faults *faults);

/* The cost of a setting without faults. */
tw_training_cost tw_training_cost_of(const tw_training_setting *setting);

/* The cost of a step of another number of micro-batches, given that of the setting. */
tw_training_cost tw_training_cost_with(const tw_training_setting *setting, const tw_training_cost *cost,
                                       gint64 micro_batches);
/* Forward passes that a micro-batch is worth: forward, backward, and what is computed again. */
double tw_training_passes(const tw_training_setting *setting);

/* The parts of a step where nobody else is on the network: seconds. */
typedef struct tw_training_step {
  double compute_s; /* Computing of the slowest stage. */
  double bubble_s;
  double exposed_s; /* collectives that nothing hides, bubble not included */
  double optimizer_s;
  double step_s;
} tw_training_step;
/* On NICs and routes as `links` say. */
tw_training_step tw_training_step_of(const tw_training_setting *setting, const tw_training_cost *cost,
                                     const tw_interconnect *links);

/* Seconds of work beside which `beside_s` of collectives go on, and `alone_s` do not. */
static inline double tw_training_work_s(double compute_s, double beside_s, double alone_s)
{
  return MAX(compute_s, beside_s) + alone_s;
}

/* Bytes of HBM of the fullest accelerator, which is of the first stage. */
typedef struct tw_training_memory {
  double hbm_bytes, reserved_bytes;
  double weight_bytes, gradient_bytes, optimizer_bytes, activation_bytes;
  double gathered_bytes; /* with ZeRO 3: two layers that are gathered at a time */
} tw_training_memory;
tw_training_memory tw_training_memory_of(const tw_training_setting *setting);
static inline double tw_training_memory_sum(const tw_training_memory *m)
{
  return m->reserved_bytes + m->weight_bytes + m->gradient_bytes + m->optimizer_bytes + m->activation_bytes +
         m->gathered_bytes;
}

#endif
