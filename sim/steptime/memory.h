/* The HBM of an accelerator: weights, activations, and the KV cache that is left. */
#ifndef TW_SIM_MEMORY_H
#define TW_SIM_MEMORY_H

#include "sim/steptime/step_time.h"

/* Bytes of one accelerator of the engine. */
typedef struct tw_memory {
  double hbm_bytes, usable_bytes; /* usable: memory-fraction · HBM */
  double weight_bytes;            /* a drafter's included, as its KV is below */
  double activation_bytes;        /* peak of an iteration of max-batched-tokens */
  double reserved_bytes;          /* driver and communication buffers, and places for adapters */
  double window_bytes;            /* KV of the windowed layers, reserved for max-seqs full windows */
  double kv_bytes;                /* bytes left for the other layers' KV; may be negative */
  double kv_bytes_per_token;
  double
      sequence_bytes; /* state and windows of one sequence, whatever its length is: of models with groups of layers */
  gint64 sequence_blocks; /* KV blocks that these are worth; each sequence takes them as it is admitted */
  gint64 kv_blocks;       /* KV blocks of a data-parallel rank; 0 if none fit */
} tw_memory;

/* Peak activations follow the widest tensors that are alive at once: the residual stream and its normalised
 * copy, the MLP's two halves and product (or the routed copies of a token), and the logits in fp32 of every
 * sampled token. */
tw_memory tw_memory_plan(const tw_step_setting *setting, double memory_fraction, gint64 max_batched_tokens,
                         gint64 max_seqs, gint64 block_tokens);

#endif
