#include "sim/steptime/step_layers.h"

#include "sim/steptime/step_kernels.h"

#include <math.h>

typedef struct part {
  int cap; /* index in the model's caps, -1: the whole context */
  double layers, decode_flops, prefill_flops, exponentials, kv_bytes, shards;
  tw_kernels decode, prefill;
} part;

/* One group of layers. */
typedef struct group {
  double layers, state_bytes, token_flops, attended_bytes;
  part parts[TW_ATTENTION_PARTS];
  int n_parts;
} group;

struct tw_step_layers {
  int tp, n_groups;
  tw_kernels state, prompts;
  group *groups;
};

static int cap_index(const tw_model *model, gint64 tokens)
{
  for (int i = 0; tokens > 0 && i < model->caps.n; i++)
    if (model->caps.tokens[i] == tokens)
      return i;
  return -1;
}

tw_step_layers *tw_step_layers_new(const tw_step_setting *setting)
{
  const tw_model *model = setting->model;
  tw_step_layers *all = g_new0(tw_step_layers, 1);
  *all = (tw_step_layers){.tp = setting->parallelism.tp,
                          .n_groups = model->n_groups,
                          .state = tw_kernels_of(setting, TW_OP_ATTENTION_DECODE, (tw_precision)setting->kv),
                          .prompts = tw_kernels_of(setting, TW_OP_ATTENTION_PREFILL, (tw_precision)setting->kv),
                          .groups = g_new0(group, (gsize)model->n_groups)};
  double softmax = setting->device->efficiency[TW_OP_ATTENTION_PREFILL][setting->kv].softmax;
  for (int i = 0; i < model->n_groups; i++) {
    const tw_layers *layers = &model->groups[i];
    tw_attention_work work =
        tw_layers_attention(layers, (double)model->hidden, tw_precision_bytes(setting->kv));
    group *g = &all->groups[i];
    *g = (group){.layers = layers->attention != NULL ? (double)layers->count : 0,
                 .state_bytes = work.state_bytes,
                 .token_flops = work.token_flops,
                 .attended_bytes = 2 * work.attended};
    for (int k = 0; k < work.n_parts; k++) {
      const tw_attention_part *from = &work.parts[k];
      g->parts[g->n_parts++] = (part){.cap = cap_index(model, from->cap),
                                      .layers = from->share * g->layers,
                                      .decode_flops = from->decode_flops,
                                      .prefill_flops = from->prefill_flops,
                                      .exponentials = 4 * from->heads * softmax,
                                      .kv_bytes = from->kv_bytes,
                                      .shards = fmin(all->tp, from->shards),
                                      .decode = tw_kernels_of(setting, TW_OP_ATTENTION_DECODE, (tw_precision)setting->kv),
                                      .prefill = tw_kernels_of(setting, TW_OP_ATTENTION_PREFILL, (tw_precision)setting->kv)};
    }
  }
  return all;
}

void tw_step_layers_free(tw_step_layers *all)
{
  if (all == NULL)
    return;
  g_free(all->groups);
  g_free(all);
}

/* Adds work that prompts cause. */
static void add_prompts(tw_step_cost *cost, double flops, double bytes)
{
  cost->flops.first += flops;
  cost->bytes.first += bytes;
  cost->prefill.flops += flops;
  cost->prefill.bytes += bytes;
}

static tw_line part_s(const tw_step_layers *all, const part *p, const tw_batch *b, double micro,
                      tw_step_cost *cost)
{
  tw_capped sums = p->cap < 0 ? (tw_capped){b->decode_context, b->decode_seqs, b->prefill_context}
                              : tw_batch_capped(b, p->cap);
  double flops_share = 1 / (micro * all->tp), bytes_share = 1 / (micro * p->shards),
         copies = all->tp / p->shards;
  tw_line time = {0, 0};
  if (b->decode_seqs > 0) {
    tw_line context = {p->layers * (double)sums.decode, p->layers * (double)sums.growing};
    tw_line flops = tw_line_scale(context, p->decode_flops * (double)(1 + b->drafted)),
            bytes = tw_line_scale(context, p->kv_bytes);
    tw_line compute = tw_line_scale(flops, flops_share / p->decode.flops_per_s);
    time = tw_line_max(compute, tw_line_scale(bytes, bytes_share / p->decode.bytes_per_s), &cost->valid);
    tw_line *class = &cost->classes[time.first == compute.first ? TW_TIME_ATTENTION : TW_TIME_KV];
    *class = tw_line_add(*class, time);
    time.first += p->layers * p->decode.launch_s;
    cost->flops = tw_line_add(cost->flops, flops);
    cost->bytes = tw_line_add(cost->bytes, tw_line_scale(bytes, copies));
  }
  if (b->prefill_tokens > 0) {
    double attended = p->layers * sums.prefill, flops = p->prefill_flops * attended,
           bytes = p->layers * p->kv_bytes * fmin(b->prefill_read, sums.prefill);
    double compute_s =
        (p->prefill_flops + p->exponentials) * attended * flops_share / p->prefill.flops_per_s;
    double read_s = bytes * bytes_share / p->prefill.bytes_per_s;
    time.first += p->layers * p->prefill.launch_s + compute_s + read_s;
    cost->classes[TW_TIME_ATTENTION].first += compute_s;
    cost->classes[TW_TIME_KV].first += read_s;
    add_prompts(cost, flops, bytes * copies);
    cost->prefill_attention.flops += flops;
    cost->prefill_attention.bytes += bytes * copies;
  }
  return time;
}

/* What a group does for each new token or sequence, whatever the context is. */
static double constant_s(const tw_step_layers *all, const group *g, const tw_batch *b, double micro,
                         tw_step_cost *cost)
{
  double share = 1 / (micro * all->tp), seqs = (double)b->decode_seqs, time_s = 0;
  if (b->decode_seqs > 0 && g->state_bytes > 0) {
    double bytes = 2 * g->layers * g->state_bytes * seqs, flops = g->layers * g->token_flops * seqs;
    flops *= (double)(1 + b->drafted);
    double read_s = bytes * share / all->state.bytes_per_s, compute_s = flops * share / all->state.flops_per_s;
    time_s += g->layers * all->state.launch_s + fmax(read_s, compute_s);
    cost->classes[compute_s > read_s ? TW_TIME_ATTENTION : TW_TIME_KV].first += fmax(read_s, compute_s);
    cost->flops.first += flops;
    cost->bytes.first += bytes;
  }
  if (b->prefill_tokens > 0) {
    double bytes = g->layers * 2 * g->state_bytes * (double)b->prefill_seqs,
           flops = g->layers * g->token_flops * (double)b->prefill_tokens,
           attended = g->layers * g->attended_bytes * (double)b->prefill_tokens;
    double compute_s = flops * share / all->prompts.flops_per_s,
           read_s = (bytes + attended) * share / all->prompts.bytes_per_s;
    time_s += (g->state_bytes > 0 ? g->layers * all->prompts.launch_s : 0) + compute_s + read_s;
    cost->classes[TW_TIME_ATTENTION].first += compute_s;
    cost->classes[TW_TIME_KV].first += read_s;
    add_prompts(cost, flops, bytes);
  }
  return time_s;
}

tw_line tw_step_layers_attention(const tw_step_layers *all, const tw_batch *b, double micro,
                                 tw_step_cost *cost)
{
  tw_line time = {0, 0};
  for (int i = 0; i < all->n_groups; i++) {
    const group *g = &all->groups[i];
    if (g->layers == 0)
      continue;
    for (int k = 0; k < g->n_parts; k++)
      time = tw_line_add(time, part_s(all, &g->parts[k], b, micro, cost));
    time.first += constant_s(all, g, b, micro, cost);
  }
  return time;
}

tw_layers_sums tw_step_layers_sums(const tw_model *model)
{
  tw_layers_sums sums = {0};
  double hidden = (double)model->hidden;
  for (int i = 0; i < model->n_groups; i++) {
    const tw_layers *layers = &model->groups[i];
    tw_attention_work work = tw_layers_attention(layers, hidden, 2);
    double count = (double)layers->count, mlps = layers->intermediate > 0,
           shared = layers->shared_experts > 0;
    double attention = layers->attention != NULL;
    double width =
        (double)(layers->shared_intermediate > 0 ? layers->shared_intermediate : layers->expert_intermediate);
    sums.products += count * work.products;
    sums.mlps += count * 2 * (mlps + shared); /* gate and up, down */
    sums.blocks += count * (attention + (layers->intermediate > 0 || layers->experts > 0));
    sums.rows += count * 2 * hidden * (attention + mlps + shared);
    sums.rows_by_tp += count * (work.attended + work.kv_numbers);
    sums.between += count * ((double)(layers->matrices * layers->intermediate) +
                             shared * (double)(layers->expert_matrices * layers->shared_experts) * width);
  }
  return sums;
}
