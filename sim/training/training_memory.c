/* HBM of an accelerator of the first stage, which holds most micro-batches.
 *
 *     weights     2 bytes a parameter, gradients 2 or 4, optimizer 12 (fp32 weight and two moments), each divided
 *                 among the replicas from its stage of ZeRO on: optimizer 1, gradients 2, weights 3
 *     activations of a token in a layer, in 16 bits, for the backward pass: what norms and products take in, q, k, v
 *                 and the output of attention (flash attention keeps no scores); recomputed whole, its input alone
 *
 * Layers' parts after Korthikanti et al., arXiv 2205.05198, section 4, for gated MLPs and attention without scores.
 * 1F1B holds as many micro-batches as there are stages, interleaved 1 + (p − 1) / (p · v) times that. */
#include "sim/steptime/step_layers.h"
#include "sim/training/training_shape.h"

#include <math.h>

enum { NUMBER_BYTES = 2, OPTIMIZER_BYTES = 12 };

tw_training_params tw_training_params_of(const tw_training_setting *s)
{
  const tw_model *model = s->model;
  const tw_training_layout *l = &s->layout;
  double share = tw_training_stage_layers(s) / (double)model->layers, stage = (double)(l->tp * l->cp * l->dp);
  double tables = tw_model_head_params(model) * (l->pp == 1 && !model->tied_embeddings ? 2 : 1);
  double dense = share * (tw_model_projection_params(model) + tw_model_mlp_params(model)) + tables;
  double experts =
      share * tw_model_moe_layers(model) * (double)model->experts * tw_model_expert_params(model);
  double holders = (double)MAX(l->ep, l->tp); /* accelerators that hold all experts of a layer once */
  return (tw_training_params){dense / (double)l->tp, experts / holders, (double)(l->cp * l->dp),
                              stage / holders};
}

/* Numbers of a token that are kept in all layers: whole on each accelerator of a tensor-parallel group but for
 * sequence parallelism, which divides them as well. */
static double kept_numbers(const tw_model *model)
{
  double hidden = (double)model->hidden, moe = tw_model_moe_layers(model);
  double routed = moe * (double)model->experts_per_token * (hidden + 3 * (double)model->expert_intermediate);
  if (model->n_groups > 0) {
    tw_layers_sums sums = tw_step_layers_sums(model);
    return sums.blocks * 2 * hidden + sums.rows_by_tp + sums.between + routed;
  }
  double heads = (double)model->heads, layers = (double)model->layers,
         attended = model->attention == TW_ATTENTION_MLA
                        ? heads * (double)(2 * (model->qk_nope_head_dim + model->qk_rope_head_dim) +
                                           2 * model->v_head_dim)
                        : 2 * heads * (double)model->head_dim + tw_model_kv_numbers_per_layer(model);
  double mlps = (layers - moe) * 3 * (double)model->intermediate +
                moe * 3 * (double)(model->shared_experts * model->expert_intermediate);
  return layers * (4 * hidden + attended) + mlps + routed;
}

static double activation_bytes(const tw_training_setting *s)
{
  const tw_training_layout *l = &s->layout;
  double micro_batches = (double)tw_training_micro_batches(s), stages = (double)l->pp,
         warm = l->chunks > 1 ? 1 + (stages - 1) / (stages * (double)l->chunks) : 1,
         held = fmin(micro_batches, stages * warm);
  double tokens = (double)(s->micro_batch * s->sequence) / (double)(l->cp * l->tp),
         layer = kept_numbers(s->model) / (double)s->model->layers, on_stage = tw_training_stage_layers(s);
  double numbers =
      s->recompute ? held * on_stage * (double)s->model->hidden + layer : held * on_stage * layer;
  double logits = l->pp == 1 ? 4 * tokens * (double)s->model->vocab : 0; /* in fp32 */
  return tokens * NUMBER_BYTES * numbers + logits;
}

tw_training_memory tw_training_memory_of(const tw_training_setting *s)
{
  tw_training_params p = tw_training_params_of(s);
  double whole = p.dense + p.experts, part = p.dense / p.dense_replicas + p.experts / p.expert_replicas;
  return (tw_training_memory){
      .hbm_bytes = s->device->hbm_bytes,
      .reserved_bytes = s->device->reserved_bytes,
      .weight_bytes = NUMBER_BYTES * (s->zero >= 3 ? part : whole),
      .gradient_bytes = tw_precision_bytes(s->gradients) * (s->zero >= 2 ? part : whole),
      .optimizer_bytes = OPTIMIZER_BYTES * (s->zero >= 1 ? part : whole),
      .activation_bytes = activation_bytes(s),
      .gathered_bytes = s->zero >= 3 ? 2 * NUMBER_BYTES * whole / tw_training_stage_layers(s) : 0,
  };
}
