/* Attention of models whose layers are not alike: what each group of layers costs in an iteration, from what its kind
 * of attention says that it does (workloads/models/layers.h).
 *
 *     part of the context   t = launch + max(FLOPs · Σ context / tp / F', bytes · Σ context / shards / B')   decode
 *                           t = launch + FLOPs · Σ context / tp / F' + bytes read / shards / B'              prefill
 *     state                 t = launch + (2 · state · sequences / tp / B') + token FLOPs · T / tp / F'
 *
 * Σ context is capped where a part has a cap; so each is a line in the context with a validity, as all costs are. The
 * state of linear attention is read and written by each sequence in each iteration, whatever its context is. */
#ifndef TW_SIM_STEP_LAYERS_H
#define TW_SIM_STEP_LAYERS_H

#include "sim/steptime/step_time.h"

typedef struct tw_step_layers tw_step_layers;

tw_step_layers *tw_step_layers_new(const tw_step_setting *setting);
void tw_step_layers_free(tw_step_layers *layers);

/* Seconds of the attention of one micro-batch of a rank in all layers, beside projections that take `projections_s` in
 * all layers, and which the host's work hides behind, too; adds the FLOPs and bytes of the whole batch to `cost`, and
 * ends its validity where a line bends. */
tw_line tw_step_layers_attention(const tw_step_layers *layers, const tw_batch *batch, double micro,
                                 double projections_s, tw_step_cost *cost);

/* Sums over all layers, of a model with groups. */
typedef struct tw_layers_sums {
  double products; /* matrix products of attention */
  double mlps;     /* products of dense MLPs and shared experts */
  /* Blocks of attention, of MLP or of experts: each is summed over tensor parallelism, and normalised. */
  double blocks;
  double attention_rows; /* the part of attention in `rows` */
  double rows;           /* Numbers per token that the products read and write whole, */
  double rows_by_tp;     /* Numbers of which tensor parallelism leaves each accelerator a part. */
  double between;        /* numbers per token between the products of MLPs, in parts */
} tw_layers_sums;
/* Seconds that hyper-connections take in all layers for so many tokens, where the device has a row for them; else 0, and
 * what they read and write counts with the norms. */
double tw_step_layers_streams_s(const tw_step_layers *layers, double tokens);
gboolean tw_step_layers_measured_streams(const tw_step_layers *layers);

/* Least seconds of all layers whose kernels the host launches one by one, as far as the device's rows tell. */
double tw_step_layers_host_s(const tw_step_layers *layers);

tw_layers_sums tw_step_layers_sums(const tw_model *model);

#endif
