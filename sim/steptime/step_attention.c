#include "sim/steptime/step_attention.h"

enum { ROW_BYTES = 2 }; /* of what attention takes and leaves: bf16 */

tw_even_attention tw_even_attention_of(const tw_step_setting *setting)
{
  const tw_model *model = setting->model;
  double heads = (double)model->heads, attended;
  tw_even_attention a = {.tp = setting->parallelism.tp,
                         .layers = (double)model->layers,
                         .window_layers = (double)model->window_layers,
                         .full_layers = (double)(model->layers - model->window_layers),
                         .decode = tw_kernels_of(setting, TW_OP_ATTENTION_DECODE, (tw_precision)setting->kv),
                         .prompts =
                             tw_kernels_of(setting, TW_OP_ATTENTION_PREFILL, (tw_precision)setting->kv)};
  double softmax = setting->device->efficiency[TW_OP_ATTENTION_PREFILL][setting->kv].softmax;
  if (model->attention == TW_ATTENTION_MLA) {
    double latent = (double)model->kv_lora_rank, rope = (double)model->qk_rope_head_dim;
    a.decode_flops = 2 * heads * (latent + rope + latent);
    a.prefill_flops = 2 * heads * ((double)model->qk_nope_head_dim + rope + (double)model->v_head_dim);
    a.kv_shards = 1;
    attended = heads * ((double)model->qk_nope_head_dim + rope + (double)model->v_head_dim);
  } else {
    a.decode_flops = a.prefill_flops = 4 * heads * (double)model->head_dim;
    a.kv_shards = MIN(a.tp, (double)model->kv_heads);
    attended = 2 * heads * (double)model->head_dim;
  }
  a.prefill_work = a.prefill_flops + 4 * heads * softmax;
  a.kv_bytes = tw_model_kv_numbers_per_layer(model) * tw_precision_bytes(setting->kv);
  a.attended_bytes = ROW_BYTES * attended;
  return a;
}

/* Context summed over layers: all of it in full layers, the windowed part in the others. */
static tw_line decode_context(const tw_even_attention *r, const tw_batch *b)
{
  return (tw_line){r->full_layers * (double)b->decode_context + r->window_layers * (double)b->decode_windowed,
                   r->full_layers * (double)b->decode_seqs + r->window_layers * (double)b->decode_growing};
}

static void add_prefill(tw_work *prefill, double flops, double bytes)
{
  prefill->flops += flops;
  prefill->bytes += bytes;
}

/* Seconds that decodes take to read what they attend to, in full layers and in those with a window. */
static tw_line decode_read_s(const tw_even_attention *r, const tw_batch *b, double share, tw_step_cost *cost)
{
  const tw_kernels *k = &r->decode;
  if (k->near_bytes_per_s == 0)
    return tw_line_scale(tw_line_scale(decode_context(r, b), r->kv_bytes), share / k->bytes_per_s);
  double bytes = r->kv_bytes * share;
  tw_line full = {(double)b->decode_context, (double)b->decode_seqs},
          windowed = {(double)b->decode_windowed, (double)b->decode_growing};
  tw_line read = tw_kv_s(k, r->full_layers, tw_line_scale(full, r->full_layers * bytes), &cost->valid);
  return r->window_layers == 0
             ? read
             : tw_line_add(read, tw_kv_s(k, r->window_layers,
                                         tw_line_scale(windowed, r->window_layers * bytes), &cost->valid));
}

tw_line tw_even_attention_s(const tw_even_attention *r, const tw_batch *b, double micro, tw_step_cost *cost)
{
  tw_line context = decode_context(r, b);
  /* Each drafted token attends to the context too, which is read once. */
  tw_line decode_flops = tw_line_scale(context, r->decode_flops * (double)(1 + b->drafted));
  tw_line decode_bytes = tw_line_scale(context, r->kv_bytes);
  double prefill_flops =
      r->prefill_flops * (r->full_layers * b->prefill_context + r->window_layers * b->prefill_windowed);
  double prefill_bytes = r->kv_bytes * r->layers * b->prefill_read;
  double attended = r->attended_bytes * r->layers * (double)b->prefill_tokens;
  double flops_share = 1 / (micro * r->tp), bytes_share = 1 / (micro * r->kv_shards);

  tw_line time = {0, 0};
  if (b->decode_seqs > 0) {
    const tw_kernels *k = &r->decode;
    tw_line compute = tw_line_scale(decode_flops, flops_share / k->flops_per_s);
    time = tw_line_max(compute, decode_read_s(r, b, bytes_share, cost), &cost->valid);
    tw_line *class = &cost->classes[time.first == compute.first ? TW_TIME_ATTENTION : TW_TIME_KV];
    time = tw_line_add(time, tw_line_scale(context, k->chain_s / (double)b->decode_seqs));
    *class = tw_line_add(*class, time);
    time.first += r->layers * k->launch_s;
  }
  if (b->prefill_tokens > 0) {
    const tw_kernels *k = &r->prompts;
    double compute_s = prefill_flops * (r->prefill_work / r->prefill_flops) * flops_share / k->flops_per_s;
    double read_s = (prefill_bytes * bytes_share + attended * flops_share) / k->bytes_per_s;
    time.first += r->layers * k->launch_s + compute_s + read_s;
    cost->classes[TW_TIME_ATTENTION].first += compute_s;
    cost->classes[TW_TIME_KV].first += read_s;
  }
  cost->flops = tw_line_add(cost->flops, (tw_line){decode_flops.first + prefill_flops, decode_flops.growth});
  double copies = r->tp / r->kv_shards;
  add_prefill(&cost->prefill_attention, prefill_flops, prefill_bytes * copies);
  add_prefill(&cost->prefill, prefill_flops, prefill_bytes * copies);
  cost->bytes = tw_line_add(
      cost->bytes, (tw_line){(decode_bytes.first + prefill_bytes) * copies, decode_bytes.growth * copies});
  return time;
}
