/* Attention of a model whose layers are all alike but for their windows. */
#ifndef TW_SIM_STEP_ATTENTION_H
#define TW_SIM_STEP_ATTENTION_H

#include "sim/steptime/step_kernels.h"

typedef struct tw_even_attention {
  tw_kernels decode, prompts;
  int tp;
  double layers, full_layers, window_layers;
  double prefill_flops, decode_flops; /* per layer, token and token of context */
  double prefill_work;                /* prefill_flops, and the FLOPs that the exponentials are worth */
  double attended_bytes;              /* per layer and token: what attention takes and leaves, beside KV */
  double kv_bytes;                    /* per layer and token of context */
  double kv_shards;                   /* accelerators of a rank that share its KV */
} tw_even_attention;

tw_even_attention tw_even_attention_of(const tw_step_setting *setting);

/* Returns the seconds of one micro-batch of a rank, and adds what the whole batch costs its rank in FLOPs and bytes. */
tw_line tw_even_attention_s(const tw_even_attention *attention, const tw_batch *batch, double micro,
                            tw_step_cost *cost);

#endif
