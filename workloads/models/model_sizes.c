#include "workloads/models/model.h"

#include <math.h>

double tw_model_attention_params(const tw_model *model)
{
  double hidden = (double)model->hidden, heads = (double)model->heads;
  if (model->attention == TW_ATTENTION_GQA)
    return 2 * hidden * (double)(model->head_dim * (model->heads + model->kv_heads));
  /* MLA: queries down and up; latent and rotary key down; keys and values up; output. */
  double rope = (double)model->qk_rope_head_dim, nope = (double)model->qk_nope_head_dim,
         value = (double)model->v_head_dim, latent = (double)model->kv_lora_rank,
         rank = (double)model->q_lora_rank;
  double queries = heads * (nope + rope);
  queries *= rank > 0 ? rank : hidden;
  return hidden * rank + queries + hidden * (latent + rope) + latent * heads * (nope + value) +
         heads * value * hidden;
}

double tw_model_dense_mlp_params(const tw_model *model)
{
  return 3 * (double)model->hidden * (double)model->intermediate;
}

double tw_model_expert_params(const tw_model *model)
{
  for (int i = 0; i < model->n_groups; i++)
    if (model->groups[i].experts > 0)
      return tw_layers_expert_params(&model->groups[i], (double)model->hidden);
  return 3 * (double)model->hidden * (double)model->expert_intermediate;
}

double tw_model_shared_params(const tw_model *model)
{
  return (double)model->shared_experts * tw_model_expert_params(model) +
         (double)model->hidden * (double)model->experts;
}

double tw_model_head_params(const tw_model *model)
{
  return (double)model->hidden * (double)model->vocab;
}

/* All groups of layers, with the part of them that a function takes. */
static double over_groups(const tw_model *model, double (*part)(const tw_layers *layers, double hidden))
{
  double sum = 0;
  for (int i = 0; i < model->n_groups; i++)
    sum += (double)model->groups[i].count * part(&model->groups[i], (double)model->hidden);
  return sum;
}

static double projections_of(const tw_layers *layers, double hidden)
{
  return tw_layers_attention(layers, hidden, 2).params;
}

static double mlps_of(const tw_layers *layers, double hidden)
{
  return tw_layers_dense_params(layers, hidden) + tw_layers_shared_params(layers, hidden);
}

double tw_model_moe_layers(const tw_model *model)
{
  return model->experts > 0 ? (double)(model->layers - model->dense_layers) : 0;
}

double tw_model_projection_params(const tw_model *model)
{
  return model->n_groups > 0 ? over_groups(model, projections_of)
                             : (double)model->layers * tw_model_attention_params(model);
}

double tw_model_mlp_params(const tw_model *model)
{
  if (model->n_groups > 0)
    return over_groups(model, mlps_of);
  double moe_layers = tw_model_moe_layers(model);
  return ((double)model->layers - moe_layers) * tw_model_dense_mlp_params(model) +
         moe_layers * tw_model_shared_params(model);
}

double tw_model_draft_params(const tw_model *model)
{
  const tw_layers *draft = &model->draft;
  double hidden = (double)model->hidden;
  /* Each takes the hidden state and the embedding of the last token, and projects both to one. */
  return (double)draft->count *
         (projections_of(draft, hidden) + mlps_of(draft, hidden) +
          (double)draft->experts * tw_layers_expert_params(draft, hidden) + 2 * hidden * hidden);
}

double tw_model_table_params(const tw_model *model)
{
  return model->table_rows * model->table_width;
}

/* All layers, with so many routed experts in each layer that has any. */
static double layer_params(const tw_model *model, double experts)
{
  if (model->n_groups > 0)
    return tw_model_projection_params(model) + tw_model_mlp_params(model) +
           tw_model_moe_layers(model) * experts * tw_model_expert_params(model);
  double moe_layers = (double)(model->layers - model->dense_layers);
  return (double)model->layers * tw_model_attention_params(model) +
         (double)model->dense_layers * tw_model_dense_mlp_params(model) +
         moe_layers * (experts * tw_model_expert_params(model) + tw_model_shared_params(model));
}

double tw_model_params(const tw_model *model)
{
  return layer_params(model, (double)model->experts) +
         (model->tied_embeddings ? 1 : 2) * tw_model_head_params(model);
}

double tw_model_active_params(const tw_model *model)
{
  return layer_params(model, (double)model->experts_per_token) + tw_model_head_params(model);
}

double tw_model_kv_numbers_per_layer(const tw_model *model)
{
  if (model->attention == TW_ATTENTION_MLA)
    return (double)(model->kv_lora_rank + model->qk_rope_head_dim);
  return 2 * (double)(model->kv_heads * model->head_dim);
}

tw_sequence_bytes tw_model_sequence_bytes(const tw_model *model, double number_bytes, gint64 tp)
{
  tw_sequence_bytes sum = {0};
  for (int i = 0; i < model->n_groups; i++) {
    const tw_layers *layers = &model->groups[i];
    tw_attention_work work = tw_layers_attention(layers, (double)model->hidden, number_bytes);
    double count = (double)layers->count, shards = fmin((double)tp, work.kv_shards);
    sum.per_token += count * work.kv_bytes / shards;
    sum.window += count * work.window_bytes / shards;
    sum.state += count * work.state_bytes / (double)tp; /* its heads are divided */
  }
  if (model->n_groups == 0) {
    double layer_bytes =
        tw_model_kv_numbers_per_layer(model) * number_bytes / (double)tw_model_kv_shards(model, tp);
    sum.per_token = layer_bytes * (double)(model->layers - model->window_layers);
    sum.window = layer_bytes * (double)(model->window_layers * model->window);
  }
  return sum;
}

double tw_model_cache_bytes(const tw_model *model, double number_bytes, gint64 tokens, gint64 tp)
{
  if (model->n_groups == 0) {
    double windowed = (double)(model->window_layers * MIN(tokens, model->window));
    double full = (double)((model->layers - model->window_layers) * tokens);
    return (full + windowed) * tw_model_kv_numbers_per_layer(model) * number_bytes;
  }
  double sum = 0, of_state = (double)tw_model_kv_shards(model, tp) / (double)tp;
  for (int i = 0; i < model->n_groups; i++) {
    const tw_layers *layers = &model->groups[i];
    tw_attention_work work = tw_layers_attention(layers, (double)model->hidden, number_bytes);
    gint64 window = layers->shape.window > 0 ? layers->shape.window : layers->shape.chunk;
    double filled = window > 0 ? fmin(1, (double)tokens / (double)window) : 1;
    sum += (double)layers->count *
           (work.kv_bytes * (double)tokens + work.window_bytes * filled + work.state_bytes * of_state);
  }
  return sum;
}

gint64 tw_model_kv_shards(const tw_model *model, gint64 tp)
{
  if (model->n_groups == 0)
    return model->attention == TW_ATTENTION_MLA ? 1 : MIN(tp, model->kv_heads);
  gint64 shards = tp;
  for (int i = 0; i < model->n_groups; i++) {
    tw_attention_work work = tw_layers_attention(&model->groups[i], (double)model->hidden, 2);
    if (work.kv_bytes + work.window_bytes > 0)
      shards = MIN(shards, (gint64)work.kv_shards);
  }
  return MAX(shards, 1);
}
