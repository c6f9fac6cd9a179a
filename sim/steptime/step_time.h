/* Step time: how long one iteration of an engine takes, and how that grows while its batch decodes on.
 *
 * A pure function of (model, device, parallelism, batch). While the batch stays as it is, each decoding
 * sequence gains one token of context an iteration, and every cost is linear in the context: a cost is a
 * line, `first + j · growth` for the j-th iteration from 0. Where the line would bend (a roofline's branch, a
 * sequence that fills its attention window, a cell of a table) it ends: `valid` iterations are right.
 * Macro-steps rest on this. */
#ifndef TW_SIM_STEP_TIME_H
#define TW_SIM_STEP_TIME_H

#include "sim/base/time_class.h"
#include "sim/collectives/collective_time.h"
#include "sim/steptime/checkpoint.h"
#include "sim/steptime/software.h"
#include "workloads/models/model.h"

/* Sums like those of the window in tw_batch, for another bound on the context. */
typedef struct tw_capped {
  gint64 decode, growing;
  double prefill;
} tw_capped;

/* The work of one data-parallel rank of an engine in an iteration. */
typedef struct tw_batch {
  gint64 decode_seqs;     /* sequences that decode one token */
  gint64 decode_context;  /* tokens that they attend to, their own new ones included: sum over sequences */
  gint64 decode_windowed; /* decode_context, each sequence capped at the model's window */
  gint64 decode_growing;  /* the sequences among them whose context is still below the window */
  gint64 drafted;         /* tokens that each of them has verified beside (speculation.h) */
  gint64 next_full;       /* iterations until the first of those fills the window; G_MAXINT64: none */
  gint64 prefill_seqs;    /* sequences with a prompt chunk */
  gint64 prefill_tokens;
  double prefill_context;  /* sum over prompt tokens of the tokens that each attends to, itself included */
  double prefill_windowed; /* prefill_context, each token capped at the window */
  double prefill_read;     /* KV tokens that the chunks read: earlier chunks and their own */
  gint64 sampled;          /* sequences that emit a token: those that decode, and last chunks */
  tw_capped further[TW_CONTEXT_CAPS - 1]; /* Sums under the model's further caps; its first is the window. */
} tw_batch;

typedef struct tw_line {
  double first, growth; /* the value in iteration j is first + j · growth */
} tw_line;

typedef struct tw_work {
  double flops, bytes;
} tw_work;

/* The bytes that an iteration's collectives put on the fabric where their groups leave their NVLink domain; 0
 * where none does. The network says how long they take there: time_s holds what collectives take beside. */
typedef struct tw_fabric_bytes {
  double tensor;  /* bytes that the NIC of each accelerator sends for tensor parallelism, over all layers */
  double experts; /* Bytes that the NIC sends to the experts and back. */
  double stages;  /* bytes that a rank passes from one stage to the next */
  double steps;   /* latencies of the fabric, one after the other */
} tw_fabric_bytes;

typedef struct tw_step_cost {
  tw_line time_s;
  /* The part of time_s in which kernels work on an accelerator, in the mean and with collectives; not their launches, nor
   * what it waits for. The time that a sequence adds to an iteration is its sampling. */
  tw_line kernels_s;
  tw_line flops, bytes;      /* model FLOPs, and bytes of HBM traffic, over all accelerators of the engine */
  tw_work prefill;           /* the part of both that prompt chunks cause; 0 where the batch holds none */
  tw_work prefill_attention; /* The part of `prefill` that goes with the context of the tokens. */
  double bubble; /* share of an iteration's time in which an accelerator waits for other pipeline stages, in
                    the mean over the stages; 0 without pipeline parallelism */
  /* The part of time_s that collectives inside of NVLink domains take: the same in all iterations. */
  double collective_s;
  tw_line classes[TW_ITERATION_CLASSES]; /* the parts of time_s, in the mean over the accelerators */
  tw_fabric_bytes wire;
  gint64 valid;          /* iterations for which the lines hold, >= 1; 1 if the batch holds prompt chunks */
  gboolean extrapolated; /* outside of what the step model was measured on */
} tw_step_cost;

/* How a replica is laid over its accelerators. */
typedef struct tw_parallelism {
  int tp, pp, dp;
  int ep; /* groups that the experts are divided among: each holds experts / ep; divides tp · dp */
} tw_parallelism;

/* The number of NVLink domains that the groups of an engine lie in. */
typedef struct tw_reach {
  /* Domains of a tensor-parallel group, and of all ranks of a stage; 1 (or 0): inside one. */
  int tensor, experts;
  gboolean stages; /* stages follow each other in different domains */
  gboolean meshed; /* links join accelerators of a domain pair by pair: it has no switch that adds */
} tw_reach;

typedef struct tw_step_setting {
  const tw_model *model;
  /* The model that drafts tokens, with its own weights, on the accelerators of the model's last stage; its caps are
   * the model's (tw_model_follow_caps). NULL: nothing drafts, or nothing whose cost its shape tells. */
  const tw_model *drafter;
  const tw_device *device;
  tw_parallelism parallelism;
  tw_precision weights, kv;
  tw_precision attention; /* weights of the attention projections */
  /* Precisions of dense MLPs, shared experts and the head, if a checkpoint names them; NULL: dense MLPs are as the
   * other weights, and the head is in bf16. */
  const tw_checkpoint *parts;
  tw_software software; /* strings borrowed */
  tw_interconnect interconnect;
  tw_reach reach;
  double throttle;          /* share taken off the nominal clock, from 0: slows computation, not memory */
  gboolean two_batches;     /* each half of a batch computes while the other's collectives are under way */
  gint64 redundant_experts; /* second copies of experts on other ranks */
  double expert_imbalance;  /* load of the busiest rank over the mean, >= 1 */
  const char *table_file;   /* the CSV of the model `table` */
  /* The prefix cache keeps a state of linear attention for so many tokens of KV; 0: none. */
  gint64 checkpoint_tokens;
  double adapter_bytes; /* HBM of each accelerator that places for adapters take */
} tw_step_setting;

static inline tw_precision tw_shared_precision(const tw_step_setting *setting)
{
  return setting->parts != NULL ? setting->parts->shared : setting->weights;
}
static inline tw_precision tw_head_precision(const tw_step_setting *setting)
{
  return setting->parts != NULL ? setting->parts->head : TW_BF16;
}

/* The setting of a model's drafter, which must be there: without stages, and without what the host does for each
 * iteration of the model. */
tw_step_setting tw_step_drafter_setting(const tw_step_setting *setting);

typedef struct tw_step_model tw_step_model;

/* A way to compute step times: a row of the table behind tw_step_kind_get. */
typedef struct tw_step_kind {
  const char *name, *help;
  gboolean classifies; /* it tells the classes of time */
  /* Returns the model's own state; NULL with faults at `node` where the setting cannot work. */
  void *(*create)(const tw_step_setting *setting, const xmlNode *node, tw_faults *faults);
  void (*cost)(const void *state, const tw_batch *ranks, int n_ranks, tw_step_cost *cost);
  void (*destroy)(void *state);
} tw_step_kind;
extern const char *const tw_step_kind_names[]; /* the names in the order of tw_step_kind_get */
extern const tw_step_kind tw_step_roofline, tw_step_table;
const tw_step_kind *tw_step_kind_get(int index);

tw_step_model *tw_step_model_new(const tw_step_kind *kind, const tw_step_setting *setting,
                                 const xmlNode *node, tw_faults *faults);
void tw_step_model_free(tw_step_model *model);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tw_step_model, tw_step_model_free)

/* The cost of an iteration over the batches of an engine's data-parallel ranks. Where none holds work, that of dummy
 * batches alone. */
void tw_step_model_cost(const tw_step_model *model, const tw_batch *ranks, int n_ranks, tw_step_cost *cost);

/* The step model of the drafter; NULL without one. The model owns it. */
const tw_step_model *tw_step_model_drafter(const tw_step_model *model);

/* Adds a prompt chunk of `tokens` tokens, behind `done` tokens that the sequence has in KV, to a batch. */
void tw_batch_add_chunk(tw_batch *batch, gint64 done, gint64 tokens, gint64 window, gboolean last);

/* Adds to `batch` a chunk under all caps of a model. */
void tw_batch_add_prompt(tw_batch *batch, const tw_context_caps *caps, gint64 done, gint64 tokens,
                         gboolean last);
/* `seqs` sequences that each decode a token with so much context, under the caps of a model. */
tw_batch tw_batch_of_decodes(const tw_context_caps *caps, gint64 seqs, gint64 context);
/* Whether any of the ranks' batches holds a prompt chunk. */
static inline gboolean tw_batches_hold_prompts(const tw_batch *ranks, int n_ranks)
{
  for (int i = 0; i < n_ranks; i++)
    if (ranks[i].prefill_seqs > 0)
      return TRUE;
  return FALSE;
}
/* Returns the sums of a batch under cap `i`. */
static inline tw_capped tw_batch_capped(const tw_batch *batch, int i)
{
  return i == 0 ? (tw_capped){batch->decode_windowed, batch->decode_growing, batch->prefill_windowed}
                : batch->further[i - 1];
}

/* Lines: the sum, and the larger of two, which ends `valid` where the other one overtakes. */
static inline tw_line tw_line_add(tw_line a, tw_line b)
{
  return (tw_line){a.first + b.first, a.growth + b.growth};
}

static inline tw_line tw_line_scale(tw_line a, double factor)
{
  return (tw_line){a.first * factor, a.growth * factor};
}

tw_line tw_line_max(tw_line a, tw_line b, gint64 *valid);
tw_line tw_line_min(tw_line a, tw_line b, gint64 *valid);

/* Makes the cost of the iterations from 0 on that of those from 1 on, of which one fewer is valid. Its batch holds no
 * prompt chunks. */
void tw_step_cost_shift(tw_step_cost *cost);

/* Time of the first j iterations: j·first + growth·j(j−1)/2. */
static inline double tw_line_sum(tw_line line, gint64 j)
{
  double n = (double)j;
  return n * line.first + line.growth * (n * (n - 1) / 2);
}

/* The smallest j >= 0 with tw_line_sum(line, j) >= elapsed: the boundary at which something that happens
 * `elapsed` after the start of a segment takes part. `line` must be positive over the iterations in question.
 */
gint64 tw_line_reach(tw_line line, double elapsed);

#endif
