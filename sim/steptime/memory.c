#include "sim/steptime/memory.h"

#include <math.h>

enum { ACTIVATION_BYTES = 2, LOGIT_BYTES = 4 };

#define MOST_BLOCKS  1e15
#define STATE_BLOCKS 1e9

static double weight_bytes(const tw_step_setting *setting)
{
  const tw_model *model = setting->model;
  const tw_parallelism *parallel = &setting->parallelism;
  double projections = tw_model_projection_params(model), dense = tw_model_mlp_params(model);
  double experts = tw_model_moe_layers(model) * (double)(model->experts + setting->redundant_experts) *
                   tw_model_expert_params(model);
  double head = tw_model_head_params(model) - (double)(model->borrowed_vocab * model->hidden),
         group = parallel->tp * parallel->dp;
  double tables_bytes =
      model->tied_embeddings
          ? head * tw_precision_bytes(TW_BF16)
          : head * (tw_precision_bytes(TW_BF16) + tw_precision_bytes(tw_head_precision(setting)));
  return tw_precision_bytes(setting->attention) * projections / parallel->tp / parallel->pp +
         (tw_precision_bytes(tw_shared_precision(setting)) * dense / parallel->tp +
          tw_precision_bytes(setting->weights) * experts / group) /
             parallel->pp +
         tables_bytes / parallel->tp / parallel->pp;
}

static double activation_bytes(const tw_step_setting *setting, gint64 max_batched_tokens, gint64 max_seqs)
{
  const tw_model *model = setting->model;
  double tokens = (double)max_batched_tokens, tp = setting->parallelism.tp;
  double dense = (double)model->intermediate;
  double routed = (double)(model->experts_per_token * model->expert_intermediate);
  double widest = 3 * MAX(dense, routed) / tp;
  return ACTIVATION_BYTES * tokens * (2 * (double)model->hidden + widest) +
         LOGIT_BYTES * (double)MIN(max_seqs, max_batched_tokens) * (double)model->vocab / tp;
}

/* Adds what a drafter and the KV of its layers take. */
static void add_drafter(tw_memory *m, const tw_step_setting *setting, gint64 max_seqs)
{
  tw_step_setting drafter = tw_step_drafter_setting(setting);
  m->weight_bytes += weight_bytes(&drafter);
  tw_sequence_bytes held =
      tw_model_sequence_bytes(drafter.model, tw_precision_bytes(drafter.kv), drafter.parallelism.tp);
  m->kv_bytes_per_token += held.per_token;
  if (setting->model->n_groups > 0)
    m->sequence_bytes += held.window + held.state;
  else
    m->window_bytes += (held.window + held.state) * (double)max_seqs;
}

tw_memory tw_memory_plan(const tw_step_setting *setting, double memory_fraction, gint64 max_batched_tokens,
                         gint64 max_seqs, gint64 block_tokens)
{
  const tw_model *model = setting->model;
  const tw_parallelism *parallel = &setting->parallelism;
  tw_memory m = {.hbm_bytes = setting->device->hbm_bytes,
                 .usable_bytes = memory_fraction * setting->device->hbm_bytes,
                 .weight_bytes = weight_bytes(setting),
                 .activation_bytes = activation_bytes(setting, max_batched_tokens, max_seqs),
                 .reserved_bytes = setting->device->reserved_bytes + setting->adapter_bytes};
  if (model->n_groups > 0) {
    tw_sequence_bytes held = tw_model_sequence_bytes(model, tw_precision_bytes(setting->kv), parallel->tp);
    m.kv_bytes_per_token = held.per_token / parallel->pp;
    m.sequence_bytes = (held.window + held.state) / parallel->pp;
    if (setting->checkpoint_tokens > 0)
      m.kv_bytes_per_token += held.state / parallel->pp / (double)setting->checkpoint_tokens;
  } else {
    double shards = (double)tw_model_kv_shards(model, parallel->tp);
    double layer_bytes =
        tw_model_kv_numbers_per_layer(model) * tw_precision_bytes(setting->kv) / shards / parallel->pp;
    m.window_bytes = layer_bytes * (double)(model->window_layers * model->window * max_seqs);
    m.kv_bytes_per_token = layer_bytes * (double)(model->layers - model->window_layers);
  }
  if (setting->drafter != NULL)
    add_drafter(&m, setting, max_seqs);
  m.kv_bytes = m.usable_bytes - m.weight_bytes - m.activation_bytes - m.reserved_bytes - m.window_bytes;
  double block_bytes = m.kv_bytes_per_token * (double)block_tokens;
  /* Without KV that grows with the tokens, blocks are fractions of a sequence's state, too small to count. */
  if (block_bytes == 0 && m.sequence_bytes > 0)
    block_bytes = m.sequence_bytes / STATE_BLOCKS;
  /* If every layer has a window, nothing grows with the tokens. */
  m.kv_blocks = m.kv_bytes > 0 ? (gint64)fmin(floor(m.kv_bytes / block_bytes), MOST_BLOCKS) : 0;
  m.sequence_blocks = block_bytes > 0 ? (gint64)ceil(m.sequence_bytes / block_bytes) : 0;
  return m;
}
