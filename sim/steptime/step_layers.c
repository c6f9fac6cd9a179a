#include "sim/steptime/step_layers.h"

#include "sim/steptime/step_kernels.h"

#include <math.h>

typedef struct part {
  int cap;        /* index in the model's caps, -1: the whole context */
  gboolean index; /* it chooses what others attend to */
  double layers, decode_flops, prefill_flops, exponentials, kv_bytes, shards;
  double keys; /* for each token of context */
  tw_kernels decode, prefill;
} part;

/* One group of layers. */
typedef struct group {
  double layers, state_bytes, token_flops, attended_bytes, heads;
  double projections; /* share of all projections' time that is one layer's */
  double products, index_products, whole_flops;
  gint64 chosen;                       /* tokens that attention chooses; 0: none */
  const tw_operator *decode, *prefill; /* the device's rows for it; NULL: by the roof of its parts */
  part parts[TW_ATTENTION_PARTS];
  int n_parts;
} group;

struct tw_step_layers {
  int tp, n_groups;
  const tw_device *device;
  double streamed_bytes; /* Bytes that hyper-connections move for a token in all layers. */
  double stream_layers;
  const tw_operator *streams;
  double launch, speed;             /* shares of launches that remain, and of the FLOP rate that is reached */
  gboolean blocks;                  /* weights of attention in fp8 blocks */
  tw_kernels state, prompts, dense; /* dense: over KV that was expanded to 16 bits */
  group *groups;
};

/* The device's row for an operator, or NULL. */
static const tw_operator *operator_of(const tw_step_setting *setting, const char *name, tw_phase_kind phase)
{
  gboolean narrow = tw_precision_bytes(setting->kv) <= 1;
  for (int i = 0; name != NULL && i < TW_OPERATOR_COUNT; i++)
    if (g_str_equal(tw_operator_names[i], name)) {
      const tw_operator *row = &setting->device->operators[i][phase][narrow];
      return row->memory > 0 ? row : NULL;
    }
  return NULL;
}

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
  *all =
      (tw_step_layers){.tp = setting->parallelism.tp,
                       .n_groups = model->n_groups,
                       .device = setting->device,
                       .launch = setting->software.launch,
                       .speed = setting->software.compute * (1 - setting->throttle),
                       .blocks = setting->attention == TW_FP8_BLOCK,
                       .state = tw_kernels_of(setting, TW_OP_ATTENTION_DECODE, (tw_precision)setting->kv),
                       .prompts = tw_kernels_of(setting, TW_OP_ATTENTION_PREFILL, (tw_precision)setting->kv),
                       .dense = tw_kernels_of(setting, TW_OP_ATTENTION_PREFILL, TW_BF16),
                       .groups = g_new0(group, (gsize)model->n_groups)};
  if (model->streams > 1) {
    /* A block reads and writes all streams in front of it and behind, and its own row. */
    all->stream_layers = tw_step_layers_sums(model).blocks / 2;
    all->streamed_bytes = all->stream_layers * 2 * (double)((3 * model->streams + 2) * model->hidden) * 2;
    all->streams = operator_of(setting, "streams", TW_PHASE_PREFILL);
  }
  double softmax = setting->device->efficiency[TW_OP_ATTENTION_PREFILL][setting->kv].softmax;
  double dense_softmax = setting->device->efficiency[TW_OP_ATTENTION_PREFILL][TW_BF16].softmax,
         params = tw_model_projection_params(model);
  for (int i = 0; i < model->n_groups; i++) {
    const tw_layers *layers = &model->groups[i];
    tw_attention_work work =
        tw_layers_attention(layers, (double)model->hidden, tw_precision_bytes(setting->kv));
    group *g = &all->groups[i];
    *g = (group){.layers = layers->attention != NULL ? (double)layers->count : 0,
                 .state_bytes = work.state_bytes,
                 .token_flops = work.token_flops,
                 .heads = work.heads / all->tp,
                 .projections = layers->attention != NULL ? work.params / params : 0,
                 .products = work.products,
                 .whole_flops = work.whole_flops > 0 ? work.whole_flops + 4 * work.heads * dense_softmax : 0,
                 .chosen = work.n_parts > 0 ? work.parts[0].cap : 0,
                 .decode = operator_of(setting, work.operator, TW_PHASE_DECODE),
                 .prefill = operator_of(setting, work.operator, TW_PHASE_PREFILL),
                 .attended_bytes = 2 * work.attended};
    for (int k = 0; k < work.n_parts; k++) {
      const tw_attention_part *from = &work.parts[k];
      g->index_products += from->scan == TW_SCAN_INDEXER ? 2 * from->share : 0;
      g->parts[g->n_parts++] =
          (part){.cap = cap_index(model, from->cap),
                 .index = from->scan == TW_SCAN_INDEXER,
                 .keys = 1 / from->tokens_per_key,
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

/* The work of a batch on a part of the context. */
typedef struct scanned {
  tw_line context; /* tokens that decodes attend to */
  double attended,
      read; /* tokens that new tokens of prompts attend to, summed over these; and that are read once */
} scanned;

static scanned scanned_of(const part *p, const tw_batch *b)
{
  tw_capped sums = p->cap < 0 ? (tw_capped){b->decode_context, b->decode_seqs, b->prefill_context}
                              : tw_batch_capped(b, p->cap);
  return (scanned){
      {(double)sums.decode, (double)sums.growing}, sums.prefill, fmin(b->prefill_read, sums.prefill)};
}

/* Adds the FLOPs and bytes of a part to what the whole batch costs its rank. */
static void count_part(const tw_step_layers *all, const part *p, const tw_batch *b, tw_step_cost *cost)
{
  scanned s = scanned_of(p, b);
  double copies = all->tp / p->shards;
  tw_line context = tw_line_scale(s.context, p->layers);
  cost->flops = tw_line_add(cost->flops, tw_line_scale(context, p->decode_flops * (double)(1 + b->drafted)));
  cost->bytes = tw_line_add(cost->bytes, tw_line_scale(context, p->kv_bytes * copies));
  double flops = p->prefill_flops * p->layers * s.attended, bytes = p->kv_bytes * p->layers * s.read * copies;
  add_prompts(cost, flops, bytes);
  cost->prefill_attention.flops += flops;
  cost->prefill_attention.bytes += bytes;
}

/* Seconds of a part by the roof of attention. */
static tw_line part_s(const tw_step_layers *all, const part *p, const tw_batch *b, double micro,
                      gboolean decode, tw_step_cost *cost)
{
  scanned s = scanned_of(p, b);
  double flops_share = 1 / (micro * all->tp), bytes_share = 1 / (micro * p->shards);
  tw_line time = {0, 0};
  if (decode) {
    tw_line context = tw_line_scale(s.context, p->layers);
    double flops = p->decode_flops * (double)(1 + b->drafted);
    tw_line compute = tw_line_scale(context, flops * flops_share / p->decode.flops_per_s);
    time = tw_line_max(
        compute,
        tw_kv_s(&p->decode, p->layers, tw_line_scale(context, p->kv_bytes * bytes_share), &cost->valid),
        &cost->valid);
    tw_line *class = &cost->classes[time.first == compute.first ? TW_TIME_ATTENTION : TW_TIME_KV];
    time = tw_line_add(time, tw_line_scale(context, p->decode.chain_s / (double)b->decode_seqs));
    *class = tw_line_add(*class, time);
    time.first += p->layers * p->decode.launch_s;
  } else {
    double compute_s =
        p->layers * (p->prefill_flops + p->exponentials) * s.attended * flops_share / p->prefill.flops_per_s;
    double read_s = p->layers * p->kv_bytes * s.read * bytes_share / p->prefill.bytes_per_s;
    time.first = p->layers * p->prefill.launch_s + compute_s + read_s;
    cost->classes[TW_TIME_ATTENTION].first += compute_s;
    cost->classes[TW_TIME_KV].first += read_s;
  }
  return time;
}

/* Seconds of what decodes do whatever their context is, by the roof. */
static double decode_state_s(const tw_step_layers *all, const group *g, const tw_batch *b, double micro,
                             tw_step_cost *cost)
{
  double share = g->layers / (micro * all->tp), seqs = (double)b->decode_seqs;
  if (g->state_bytes == 0)
    return 0;
  double read_s = 2 * g->state_bytes * seqs * share / all->state.bytes_per_s,
         compute_s = g->token_flops * seqs * (double)(1 + b->drafted) * share / all->state.flops_per_s;
  cost->classes[compute_s > read_s ? TW_TIME_ATTENTION : TW_TIME_KV].first += fmax(read_s, compute_s);
  return g->layers * all->state.launch_s + fmax(read_s, compute_s);
}

/* Returns the seconds of the state of new tokens of prompts. */
static double prefill_state_s(const tw_step_layers *all, const group *g, const tw_batch *b, double micro,
                              tw_step_cost *cost)
{
  double share = g->layers / (micro * all->tp), tokens = (double)b->prefill_tokens;
  double bytes = 2 * g->state_bytes * (double)b->prefill_seqs + g->attended_bytes * tokens;
  double compute_s = g->token_flops * tokens * share / all->prompts.flops_per_s,
         read_s = bytes * share / all->prompts.bytes_per_s;
  cost->classes[TW_TIME_ATTENTION].first += compute_s;
  cost->classes[TW_TIME_KV].first += read_s;
  return (g->state_bytes > 0 ? g->layers * all->prompts.launch_s : 0) + compute_s + read_s;
}

static void count_state(const group *g, const tw_batch *b, tw_step_cost *cost)
{
  double seqs = (double)b->decode_seqs;
  cost->flops.first += g->layers * g->token_flops * seqs * (double)(1 + b->drafted);
  cost->bytes.first += 2 * g->layers * g->state_bytes * seqs;
  add_prompts(cost, g->layers * g->token_flops * (double)b->prefill_tokens,
              2 * g->layers * g->state_bytes * (double)b->prefill_seqs);
}

/* Decodes by the device's row for the operator: a line, as every term is one. */
static tw_line measured_decode_s(const tw_step_layers *all, const group *g, const tw_batch *b, double micro,
                                 tw_step_cost *cost)
{
  const tw_operator *o = g->decode;
  double bytes_per_s = all->device->hbm_bytes_per_s, seqs = (double)b->decode_seqs / micro,
         items = seqs * (double)(1 + b->drafted), launches_s = g->layers * all->launch * o->launch_s;
  double computed_s =
      g->layers * (o->per_head_s * g->heads + o->per_item_s * items + o->per_item_head_s * items * g->heads);
  tw_line read = {g->layers * 2 * g->state_bytes * seqs / all->tp / (bytes_per_s * o->memory), 0};
  for (int k = 0; k < g->n_parts; k++) {
    const part *p = &g->parts[k];
    double of_mean = (p->index ? o->index_chain_s : o->chain_s) * p->keys,
           of_sum =
               p->kv_bytes / p->shards / micro / (bytes_per_s * (p->index ? o->index_memory : o->memory));
    read = tw_line_add(read, tw_line_scale(scanned_of(p, b).context,
                                           p->layers * (of_mean / (double)b->decode_seqs + of_sum)));
    if (p->index) { /* the part before it is what it chooses */
      gboolean chooses = scanned_of(p - 1, b).context.growth < (double)b->decode_seqs;
      launches_s += p->layers * all->launch * (o->index_launch_s + (chooses ? o->choose_launch_s : 0));
    }
  }
  cost->classes[TW_TIME_ATTENTION].first += computed_s;
  cost->classes[TW_TIME_KV] = tw_line_add(cost->classes[TW_TIME_KV], read);
  return (tw_line){launches_s + computed_s + read.first, read.growth};
}

/* What a batch of prompts is to one accelerator. */
typedef struct prompts {
  double tokens, seqs, read; /* new tokens, sequences, tokens of all their contexts */
  double context;            /* of a sequence, in the mean */
  double share;              /* of FLOPs of all heads, over the rate that is reached */
  double projections_s;      /* of one layer */
} prompts;

/* Dense attention to contexts that are chosen whole, whose latents are expanded. */
static double whole_prefill_s(const tw_step_layers *all, const group *g, const tw_batch *b, const prompts *p,
                              tw_step_cost *cost)
{
  const tw_operator *o = g->prefill;
  double host_s = o->whole_host_s + (all->blocks ? (g->products - g->index_products) * o->block_host_s : 0);
  double computed_s =
      g->heads * (o->whole_per_item_head_s * p->tokens + o->whole_expand_s * fmax(0, p->read - p->tokens)) +
      g->whole_flops * b->prefill_context * p->share * all->speed / all->dense.flops_per_s;
  cost->classes[TW_TIME_ATTENTION].first += g->layers * computed_s;
  return g->layers * fmax(host_s - p->projections_s, computed_s);
}

/* Seconds that an indexer adds to a layer of prompts. */
static double index_s(const tw_step_layers *all, const group *g, const tw_batch *b, const part *scan,
                      const prompts *p)
{
  const tw_operator *o = g->prefill;
  double peak = all->device->flops[isnan(all->device->flops[TW_FP8]) ? TW_BF16 : TW_FP8];
  /* Each accelerator scores all keys. */
  double flops = scan->prefill_flops * scanned_of(scan, b).attended * all->tp;
  return o->index_per_item_s * p->tokens + flops * p->share / (peak * o->index_compute) +
         scan->keys * (o->index_chain_s * p->context + o->index_per_key_s * p->read +
                       o->index_spread_s * p->tokens * fmax(0, p->read - p->context));
}

/* Prompts by the device's row for the operator. */
static double measured_prefill_s(const tw_step_layers *all, const group *g, const tw_batch *b, double micro,
                                 double projections_s, tw_step_cost *cost)
{
  const tw_operator *o = g->prefill;
  double seqs = (double)MAX(b->prefill_seqs, 1);
  prompts p = {.tokens = (double)b->prefill_tokens / micro,
               .seqs = seqs / micro,
               .read = b->prefill_read / micro,
               .context = b->prefill_read / seqs,
               .share = all->speed > 0 ? 1 / (all->speed * micro * all->tp) : 0,
               .projections_s = g->projections * projections_s};
  gboolean whole = o->index_skipped && p.context <= (double)g->chosen;
  if (whole && o->whole_host_s > 0 && g->whole_flops > 0 && p.read <= TW_WHOLE_TOKENS)
    return whole_prefill_s(all, g, b, &p, cost);
  double flops_per_s = all->device->flops[TW_BF16] * o->compute, host_s = o->host_s, launches_s = o->launch_s;
  double computed_s = o->per_item_s * p.tokens + o->per_item_head_s * p.tokens * g->heads +
                      o->chain_s * (double)b->prefill_tokens / seqs +
                      g->token_flops * (double)b->prefill_tokens * p.share / flops_per_s +
                      2 * g->state_bytes * p.seqs / all->tp / (all->device->hbm_bytes_per_s * o->memory);
  /* Latents are attended to without the product that would expand them. */
  double products = g->products - (g->whole_flops > 0) - (whole ? g->index_products : 0);
  for (int k = 0; k < g->n_parts; k++) {
    const part *scan = &g->parts[k];
    double attended = scanned_of(scan, b).attended, some = scan->layers / g->layers;
    if (!scan->index) {
      computed_s +=
          scan->prefill_flops * attended * p.share / flops_per_s + o->per_chosen_s * attended / micro;
    } else if (!whole) { /* Nothing is scored of a context that is chosen whole. */
      host_s += some * o->index_host_s;
      launches_s += some * o->index_launch_s;
      computed_s += some * index_s(all, g, b, scan, &p);
    }
  }
  host_s += (all->blocks ? products * o->block_host_s : 0) +
            (p.context > TW_LONG_CONTEXT ? o->long_host_s + p.seqs * o->long_per_seq_s : 0);
  cost->classes[TW_TIME_ATTENTION].first += g->layers * computed_s;
  return g->layers * fmax(host_s - p.projections_s, all->launch * launches_s + computed_s);
}

tw_line tw_step_layers_attention(const tw_step_layers *all, const tw_batch *b, double micro,
                                 double projections_s, tw_step_cost *cost)
{
  tw_line time = {0, 0};
  for (int i = 0; i < all->n_groups; i++) {
    const group *g = &all->groups[i];
    if (g->layers == 0)
      continue;
    count_state(g, b, cost);
    for (int k = 0; k < g->n_parts; k++)
      count_part(all, &g->parts[k], b, cost);
    if (b->decode_seqs > 0 && g->decode != NULL) {
      time = tw_line_add(time, measured_decode_s(all, g, b, micro, cost));
    } else if (b->decode_seqs > 0) {
      time.first += decode_state_s(all, g, b, micro, cost);
      for (int k = 0; k < g->n_parts; k++)
        time = tw_line_add(time, part_s(all, &g->parts[k], b, micro, TRUE, cost));
    }
    if (b->prefill_tokens > 0 && g->prefill != NULL) {
      time.first += measured_prefill_s(all, g, b, micro, projections_s, cost);
    } else if (b->prefill_tokens > 0) {
      time.first += prefill_state_s(all, g, b, micro, cost);
      for (int k = 0; k < g->n_parts; k++)
        time = tw_line_add(time, part_s(all, &g->parts[k], b, micro, FALSE, cost));
    }
  }
  return time;
}

double tw_step_layers_streams_s(const tw_step_layers *all, double tokens)
{
  const tw_operator *o = all->streams;
  return o == NULL ? 0
                   : all->stream_layers * all->launch * o->launch_s +
                         tokens * all->streamed_bytes / (all->device->hbm_bytes_per_s * o->memory);
}

gboolean tw_step_layers_measured_streams(const tw_step_layers *all)
{
  return all->streams != NULL;
}

double tw_step_layers_host_s(const tw_step_layers *all)
{
  double host_s = 0;
  for (const group *g = all->groups; g < all->groups + all->n_groups; g++)
    if (g->decode != NULL)
      host_s +=
          g->layers * (g->decode->host_s +
                       (all->blocks ? (g->products - (g->whole_flops > 0)) * g->decode->block_host_s : 0));
  return host_s;
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
    sums.attention_rows += count * 2 * hidden * attention;
    sums.rows += count * 2 * hidden * (attention + mlps + shared);
    sums.rows_by_tp += count * (work.attended + work.kv_numbers);
    sums.between += count * ((double)(layers->matrices * layers->intermediate) +
                             shared * (double)(layers->expert_matrices * layers->shared_experts) * width);
  }
  return sums;
}
