/* The roofline step model: per op class the larger of compute time and memory time, plus launches and
 * collectives.
 *
 *     t = pp · t_fixed + Σ roof( flops / (F · e), bytes / (B · m) ) + t_comm
 *
 * with the roofs of platforms/reader/device.h, one for each kernel of a layer. The bookkeeping of the host,
 * t_per_seq · n, comes on top; where it overlaps with the accelerators' work, the longer of the two counts.
 *
 * With pp stages the sequences are split into as many micro-batches as there are stages to fill (at most one
 * a sequence). A token of each then takes the sum of the stages, and the engine cannot go faster than its
 * slowest stage passes the micro-batches one after the other: t = max(sum of stages, micro-batches · slowest
 * stage).
 *
 * Two halves of a batch that take turns, so that one computes while the other's tokens are under way (two-batch
 * overlap), are micro-batches as well: each reads the weights, and launches its kernels.
 *
 * FLOPs and bytes on one accelerator, summed over the layers of all stages:
 *
 *     class              FLOPs                                        bytes
 *     linear             2 · params · T / tp                          weights / tp + rows of the products
 *     experts            2 · expert params · k · T' / (ep · etp)      weights of the experts touched / (ep · etp)
 *     attention, GQA     4 · heads · head_dim · Σ context / tp        KV bytes · Σ context / min(tp, KV heads)
 *     attention, MLA     2 · heads · (latent + rope + latent) · Σ context / tp in decode, where the latent is
 *                        attended to, and 2 · heads · (nope + rope + value) · Σ context / tp in prefill;
 *                        bytes of the latent · Σ context, which tensor parallelism does not divide
 *     head               2 · hidden · vocabulary · sampled / tp       weights / tp, and logits that are drawn from
 *     activations        none that count                              norms and activations between products
 *
 * Second copies of experts are read as well. T: new tokens of the rank's batch, drafts included; T': of all
 * ranks; etp: tp · dp / ep accelerators that share an expert. Σ context: of each new token, what it attends
 * to; in layers with a window at most that.
 * Of E experts, a batch touches less than E · (1 − (1 − k/E)^T'): routing.h. Kaplan et al., arXiv 2001.08361, section 2.1, count
 * FLOPs of transformers so; for attention of DeepSeek's MLA see arXiv 2405.04434, appendix C. */
#include "sim/steptime/routing.h"
#include "sim/steptime/step_attention.h"
#include "sim/steptime/step_classes.h"
#include "sim/steptime/step_collectives.h"
#include "sim/steptime/step_counts.h"
#include "sim/steptime/step_layers.h"

#include <math.h>

enum { ACTIVATION_BYTES = 2 }; /* between layers: bf16 */

typedef struct roofline {
  tw_kernels ops[TW_OP_CLASSES]; /* linear: of the MLPs and shared experts */
  tw_kernels other_experts;      /* if there is an alternative */
  gboolean alternative;
  tw_kernels projections;      /* linear: of attention */
  tw_even_attention attention; /* of a model without groups of layers */
  int tp, pp, dp, ep, experts_tp;
  double imbalance;

  double layers, window_layers, moe_layers;
  double hidden, slowest_share; /* share of the layers on the slowest stage */
  /* Projections of attention, in all layers. */
  double projection_params, projection_bytes, projection_kernels, projection_depth;
  /* MLPs of all layers, shared experts included. */
  double mlp_params, mlp_bytes, mlp_kernels, mlp_depth;
  double expert_params, expert_bytes; /* one expert in one layer */
  double hosted;                      /* experts with their second copies, over the experts */
  double expert_row;                  /* numbers of a copy's rows on one accelerator */
  double experts, experts_per_token;
  double head_params, head_bytes;
  double draw_bytes, draw_s; /* cost of a token that is drawn from the logits, on each accelerator */
  double row_bytes;          /* per token, of all layers: rows of the products with weights */
  double activation_bytes;   /* per token, of all layers: norms and activations in between */

  tw_step_layers *groups; /* attention of a model with groups of layers; NULL: all layers have the same */
  tw_sums sums;           /* all-reduces of tensor parallelism */

  double fixed_s, per_seq_s, layer_s, eager_s; /* layer_s, eager_s: of all layers together */
  gboolean exchange;                           /* tokens go to the ranks of their experts only */
  gboolean alike;                              /* ranks are padded to the largest one's graph */
  gint64 idle_tokens;                          /* tokens in the dummy batch of a rank without work */
  gint64 graph_tokens, graph_step;             /* largest batch in a CUDA graph; 0: none is padded */
  gboolean graph_prompts;
  gboolean two_batches;         /* halves of a batch in turn, where no stages have micro-batches */
  gboolean overlap;             /* TRUE: per_seq_s overlaps with the accelerators' work. */
  gboolean foreign;             /* a device that the overheads were not fitted on */
  gint64 max_seqs, max_context; /* Largest batch and context that the corrections were fitted on; 0: any. */
  tw_interconnect links;
  tw_reach reach;
  tw_collective_costs reduce;          /* all-reduce of a tensor-parallel group */
  tw_collective_costs gather, scatter; /* tokens to and from experts that all accelerators share */
  tw_collective_costs prompts_traffic,
      decodes_traffic;      /* to other ranks' experts and back, in tokens of one */
  tw_collective_costs send; /* activations from stage to stage */
} roofline;

static void add_collectives(roofline *r, const tw_step_setting *setting)
{
  r->links = setting->interconnect;
  r->reach = setting->reach;
  r->reach.tensor = MAX(r->reach.tensor, 1);
  r->reach.experts = MAX(r->reach.experts, 1);
  int group = r->tp * r->dp;
  r->reduce = tw_group_costs(setting, "all-reduce", r->tp, r->reach.tensor);
  r->gather = tw_group_costs(setting, "all-gather", group, r->reach.experts);
  r->scatter = tw_group_costs(setting, "reduce-scatter", group, r->reach.experts);
  r->send = tw_group_costs(setting, "permutation", 2, r->reach.stages ? 2 : 1);
  tw_expert_traffic traffic = {.ranks = r->ep,
                               .domains = r->reach.experts,
                               .experts_per_token = r->experts_per_token,
                               .dispatch_bytes = r->hidden, /* fp8 */
                               .combine_bytes = r->hidden * ACTIVATION_BYTES};
  tw_interconnect links = tw_links_among(r->links, setting->device, r->ep / r->reach.experts);
  r->prompts_traffic = tw_expert_costs_of(&traffic, setting->device, &links, FALSE);
  r->decodes_traffic = tw_expert_costs_of(&traffic, setting->device, &links, TRUE);
}

/* If the all-reduce of a tensor-parallel group computes the norm behind it, the kernels of the layer's two norms
 * are spared, and the rows that they would read and write. */
static gboolean fused_norms(const tw_step_setting *setting)
{
  return setting->parallelism.tp > 1 && tw_software_fuses_norms(&setting->software, setting->model->name);
}

/* What products sum over: those of attention the rows of the model, and the output, about half of what attention takes and
 * leaves; those of an MLP the rows of the model, and of the numbers between its products the third that goes into the
 * last. */
static void set_depths(roofline *r, double attention, double attended, double mlps, double between)
{
  r->projection_depth = attention + attended / 2 / r->tp;
  r->mlp_depth = mlps + between / 3 / r->tp;
}

/* In a model with groups of layers their sums stand where others have a number of layers times one layer. */
static void set_groups(roofline *r, const tw_step_setting *setting)
{
  tw_layers_sums sums = tw_step_layers_sums(setting->model);
  r->groups = tw_step_layers_new(setting);
  r->projection_kernels = sums.products;
  set_depths(r, sums.attention_rows / 2, sums.rows_by_tp, (sums.rows - sums.attention_rows) / 2,
             sums.between);
  r->mlp_kernels = sums.mlps;
  r->row_bytes = ACTIVATION_BYTES * (sums.rows + (sums.rows_by_tp + sums.between) / r->tp);
  /* Hyper-connections read and write all streams in front of each block, and behind it. */
  double streams = (double)setting->model->streams;
  double mixed = streams > 1 && !tw_step_layers_measured_streams(r->groups)
                     ? sums.blocks * (3 * streams + 2) * r->hidden
                     : 0;
  r->activation_bytes = ACTIVATION_BYTES * ((fused_norms(setting) ? 0 : sums.blocks * 4 * r->hidden) +
                                            sums.between / r->tp + mixed);
  r->layer_s = sums.blocks / 2 * r->ops[TW_OP_ACTIVATIONS].launch_s * (fused_norms(setting) ? 1 : 3) / 3;
  r->sums.n = sums.blocks;
  r->window_layers = setting->model->caps.n; /* a validity ends where a cap is reached */
}

static void *create(const tw_step_setting *setting, const xmlNode *node, tw_faults *faults)
{
  const tw_model *model = setting->model;
  const tw_device *device = setting->device;
  const tw_parallelism *parallel = &setting->parallelism;
  gboolean mla = model->attention == TW_ATTENTION_MLA;
  (void)node, (void)faults;

  roofline *r = g_new0(roofline, 1);
  /* Attention is computed in fp8 over a KV cache in fp8, the head and what lies between always in bf16. */
  r->ops[TW_OP_LINEAR] = tw_kernels_of(setting, TW_OP_LINEAR, tw_shared_precision(setting));
  r->projections = tw_kernels_of(setting, TW_OP_LINEAR, setting->attention);
  r->ops[TW_OP_EXPERTS] = tw_kernels_of(setting, TW_OP_EXPERTS, setting->weights);
  r->alternative = tw_kernels_alternative(setting, setting->weights, &r->other_experts);
  r->ops[TW_OP_HEAD] = tw_kernels_of(setting, TW_OP_HEAD, tw_head_precision(setting));
  r->ops[TW_OP_ACTIVATIONS] = tw_kernels_of(setting, TW_OP_ACTIVATIONS, TW_BF16);
  r->tp = parallel->tp;
  r->pp = parallel->pp;
  r->dp = parallel->dp;
  r->ep = parallel->ep;
  r->experts_tp = parallel->tp * parallel->dp / parallel->ep;
  r->imbalance = setting->expert_imbalance;
  r->layers = (double)model->layers;
  r->window_layers = (double)model->window_layers;
  r->moe_layers = tw_model_moe_layers(model);
  r->hidden = (double)model->hidden;
  r->slowest_share = ceil(r->layers / r->pp) / r->layers;
  r->projection_params = tw_model_projection_params(model);
  r->projection_bytes = r->projection_params * tw_precision_bytes(setting->attention);
  /* GQA: q, k and v in one, and the output; MLA: down to both latents in one, up from each, the output. */
  r->projection_kernels = r->layers * (mla ? 4 : 2);
  double dense_layers = r->layers - r->moe_layers;
  r->mlp_params = tw_model_mlp_params(model);
  r->mlp_bytes = r->mlp_params * tw_precision_bytes(tw_shared_precision(setting));
  r->mlp_kernels =
      2 * (dense_layers + (model->shared_experts > 0 ? r->moe_layers : 0)); /* gate and up, down */
  r->experts = (double)model->experts;
  r->hosted = r->experts > 0 ? (r->experts + (double)setting->redundant_experts) / r->experts : 1;
  r->experts_per_token = (double)model->experts_per_token;
  r->expert_params = tw_model_expert_params(model);
  r->expert_bytes = r->expert_params * tw_precision_bytes(setting->weights);
  r->expert_row = r->hidden + (double)model->expert_intermediate / r->experts_tp;
  r->head_params = tw_model_head_params(model);
  r->head_bytes = r->head_params * tw_precision_bytes(tw_head_precision(setting));
  r->draw_bytes = setting->software.logit_bytes * (double)model->vocab;
  r->draw_s = r->draw_bytes / r->ops[TW_OP_ACTIVATIONS].bytes_per_s;
  r->attention = tw_even_attention_of(setting);
  double attended = r->attention.attended_bytes / ACTIVATION_BYTES;
  /* Products read their rows and write them. Two norms with the residual read two rows and write two each;
   * the MLP's activation reads two and writes one. What experts pass around is theirs. */
  double between = dense_layers * 3 * (double)model->intermediate / r->tp +
                   r->moe_layers * (double)(model->shared_experts * 3 * model->expert_intermediate) / r->tp;
  double mlp_rows = 2 * r->hidden * r->mlp_kernels / 2;
  r->row_bytes = ACTIVATION_BYTES *
                 (r->layers * (2 * r->hidden + (attended + tw_model_kv_numbers_per_layer(model)) / r->tp) +
                  mlp_rows + between);
  r->activation_bytes = ACTIVATION_BYTES * ((fused_norms(setting) ? 0 : r->layers * 8 * r->hidden) + between);
  set_depths(r, r->layers * r->hidden, r->layers * attended, mlp_rows / 2, between * r->tp);

  double host = device->host_factor > 0 ? device->host_factor : 1;
  r->fixed_s = setting->software.iteration_s * host;
  r->per_seq_s = setting->software.per_seq_s * host;
  r->eager_s =
      (setting->software.eager_layer_s * r->layers + setting->software.eager_experts_s * r->moe_layers) *
      host;
  r->graph_tokens = setting->software.graph_tokens;
  r->graph_step = setting->software.graph_step;
  r->graph_prompts = setting->software.graph_prompts;
  r->exchange = r->ep > 1 && setting->software.all_to_all;
  /* Engines that gather all tokens pad: vllm/v1/worker/dp_utils.py, all_rank_num_tokens in TensorRT-LLM. */
  r->alike = r->dp > 1 && r->moe_layers > 0 && !r->exchange;
  r->idle_tokens = r->dp > 1 && r->moe_layers > 0 ? setting->software.idle_tokens : 0;
  r->overlap = setting->software.overlap;
  r->two_batches = setting->two_batches && r->pp == 1;
  g_auto(GStrv) fitted =
      g_strsplit(setting->software.devices != NULL ? setting->software.devices : "", " ", -1);
  r->foreign = device->name != NULL && !g_strv_contains((const char *const *)fitted, device->name);
  r->max_seqs = setting->software.max_seqs;
  r->max_context = setting->software.max_context;
  /* A launch of activations is that of two norms and an activation; heads' norms are two more. */
  double norms = (model->qk_norm || mla ? 2 : 0) - (fused_norms(setting) ? 2 : 0);
  r->layer_s = r->layers * r->ops[TW_OP_ACTIVATIONS].launch_s * (3 + norms) / 3;
  r->sums.n = 2 * r->layers;
  if (model->n_groups > 0)
    set_groups(r, setting);
  if (r->groups != NULL)
    r->eager_s = fmax(r->eager_s, tw_step_layers_host_s(r->groups));
  if (r->ops[TW_OP_LINEAR].token_bytes > 0)
    r->row_bytes *= r->ops[TW_OP_LINEAR].token_bytes / ACTIVATION_BYTES;
  add_collectives(r, setting);
  double returned = r->exchange || r->dp > 1 ? r->moe_layers : 0; /* sums that experts return themselves */
  r->sums = tw_sums_of(setting, r->layers, r->sums.n - returned, r->reach.tensor);
  return r;
}

static void add_prefill(tw_work *prefill, double flops, double bytes)
{
  prefill->flops += flops;
  prefill->bytes += bytes;
}

/* One rank's part of the layers: dense matrices, attention, all-reduces of tensor parallelism. */
static tw_line rank_layers(const roofline *r, const tw_batch *b, double padded, double micro,
                           tw_step_cost *cost)
{
  double tokens = (double)tw_batch_tokens(b), tokens_micro = tokens / micro;
  double flops = 2 * (tokens + padded) / micro / r->tp; /* FLOPs of each parameter. */
  double projections_s = tw_dense_s(&r->projections, r->projection_kernels, flops * r->projection_params,
                                    r->projection_bytes / r->tp, r->projection_depth, cost);
  tw_line time = r->groups != NULL ? tw_step_layers_attention(r->groups, b, micro, projections_s, cost)
                                   : tw_even_attention_s(&r->attention, b, micro, cost);
  time.first += projections_s;
  double mlps_s = tw_dense_s(&r->ops[TW_OP_LINEAR], r->mlp_kernels, flops * r->mlp_params,
                             r->mlp_bytes / r->tp, r->mlp_depth, cost);
  double rows_s = tokens_micro * (r->row_bytes / r->ops[TW_OP_LINEAR].bytes_per_s +
                                  r->activation_bytes / r->ops[TW_OP_ACTIVATIONS].bytes_per_s);
  time.first += mlps_s;
  time.first += rows_s;
  cost->classes[TW_TIME_LINEAR].first += rows_s;
  double crossing = 0, steps = 0;
  double reduce_s =
      tw_sums_s(&r->sums, &r->links, &r->reduce, tokens_micro, projections_s, mlps_s, &crossing, &steps);
  time.first += reduce_s;
  cost->classes[TW_TIME_SCALE_UP].first += reduce_s;
  cost->collective_s = fmax(cost->collective_s, reduce_s);
  if (crossing * micro > cost->wire.tensor) {
    cost->wire.tensor = crossing * micro;
    cost->wire.steps = steps;
  }
  double params = r->projection_params + r->mlp_params, bytes = micro * (r->projection_bytes + r->mlp_bytes);
  cost->flops.first += 2 * params * tokens;
  cost->bytes.first += bytes;
  double share = tokens > 0 ? (double)b->prefill_tokens / tokens : 0;
  add_prefill(&cost->prefill, share * 2 * params * tokens, share * bytes);
  return time;
}

static double head_s(const roofline *r, const tw_batch *b, double micro, tw_step_cost *cost)
{
  if (b->sampled == 0)
    return 0;
  double all = (double)(b->sampled + b->decode_seqs * b->drafted), sampled = all / micro;
  double time = tw_dense_s(&r->ops[TW_OP_HEAD], 1, 2 * r->head_params * sampled / r->tp,
                           r->head_bytes / r->tp, r->hidden, cost);
  cost->classes[TW_TIME_LINEAR].first += sampled * r->draw_s;
  cost->flops.first += 2 * r->head_params * all;
  cost->bytes.first += micro * r->head_bytes + all * r->draw_bytes * r->tp;
  double share = (double)(b->sampled - b->decode_seqs) / all;
  add_prefill(&cost->prefill, share * 2 * r->head_params * all, share * micro * r->head_bytes);
  return time + sampled * r->draw_s;
}

/* Tells what the experts of all layers take at a rank with a mean load, and what it waits for the busiest one,
 * which takes `time_s` a layer, `rows_s` of it beside the products. */
static void classify_experts(const roofline *r, const tw_kernels *k, double flops, double bytes,
                             double rows_s, double time_s, tw_step_cost *cost)
{
  double even = 1 / r->imbalance, tokens_s = even * rows_s;
  double roof_s = tw_product_s(k, 0, even * flops, bytes, r->expert_row);
  tw_classes_product(cost, TW_TIME_EXPERTS, even * flops / k->flops_per_s, bytes / k->bytes_per_s,
                     r->moe_layers * roof_s);
  cost->classes[TW_TIME_EXPERTS].first += r->moe_layers * tokens_s;
  cost->classes[TW_TIME_SLOWEST].first += r->moe_layers * (time_s - k->launch_s - roof_s - tokens_s);
}

/* What a layer's experts take beside their products. */
static double beside_products_s(const roofline *r, const tw_kernels *k, double copies, double reached)
{
  double rows = k->copy_bytes * copies * r->expert_row + k->token_bytes * reached * r->hidden;
  double sorted = k->routing_tokens > 0 ? fmin(1, reached / k->routing_tokens) : 0;
  return copies * k->per_token_s + rows / k->bytes_per_s + k->per_expert_s * r->experts * r->hosted / r->ep +
         sorted * k->routing_s;
}

/* The experts of all MoE layers, at the busiest rank of the expert-parallel group: over the tokens of the
 * whole group, those of dummy batches, and what pads their graphs (which counts dummy batches, too). */
static double experts_s(const roofline *r, const tw_step_counts *n, double padded, double micro,
                        tw_step_cost *cost)
{
  double tokens = (double)n->tokens;
  if (r->moe_layers == 0 || tokens + padded == 0)
    return 0;
  double prefill_share = (double)n->prefill_tokens / fmax(1, tokens);
  double tokens_micro = (tokens + (double)n->idle) / micro, computed = (tokens + padded) / micro,
         touched = tw_experts_touched(r->experts, r->experts_per_token, tokens_micro);
  /* A token that goes to a rank's experts comes once for each of them. */
  double copies = computed * r->experts_per_token / r->ep * r->imbalance;
  double flops = 2 * r->expert_params * copies / r->experts_tp;
  double read = tw_experts_touched(r->experts, r->experts_per_token, computed);
  double bytes = r->expert_bytes * r->hosted * read / (r->ep * r->experts_tp);
  /* Tokens that reach the rank: those with an expert there, or all, where all ranks gather all. */
  double reached =
      r->exchange ? computed * -expm1(r->experts_per_token * log1p(-1.0 / r->ep)) * r->imbalance : computed;
  double beside = 0, time = INFINITY;
  const tw_kernels *families[] = {&r->ops[TW_OP_EXPERTS], &r->other_experts}, *faster = families[0];
  for (int i = 0; i < (r->alternative ? 2 : 1); i++) {
    double rows = beside_products_s(r, families[i], copies, reached),
           with = tw_product_s(families[i], 1, flops, bytes, r->expert_row) + rows;
    if (with < time) {
      time = with;
      beside = rows;
      faster = families[i];
    }
  }
  classify_experts(r, faster, flops, bytes, beside, time, cost);

  cost->flops.first += r->moe_layers * 2 * r->expert_params * tokens * r->experts_per_token;
  cost->bytes.first += r->moe_layers * micro * r->expert_bytes * r->hosted * touched;
  add_prefill(&cost->prefill,
              prefill_share * r->moe_layers * 2 * r->expert_params * tokens * r->experts_per_token,
              prefill_share * r->moe_layers * micro * r->expert_bytes * r->hosted * touched);

  /* Each token goes to the ranks of its experts and back, or to all ranks, from which the sums are scattered.
   * Without ranks of attention all have it already, and the all-reduce behind the layer sums. */
  int group = r->tp * r->dp;
  double comm = 0, crossing = 0, layers = r->moe_layers;
  if (r->exchange) {
    const tw_collective_costs *costs = n->prefill_tokens > 0 ? &r->prompts_traffic : &r->decodes_traffic;
    comm = tw_crossing_s(&r->links, costs, tokens_micro / group * r->imbalance, layers, &crossing,
                         &cost->wire.steps);
  } else if (r->dp > 1) {
    double payload = computed * r->hidden * ACTIVATION_BYTES;
    comm = tw_crossing_s(&r->links, &r->gather, payload, layers, &crossing, &cost->wire.steps) +
           tw_crossing_s(&r->links, &r->scatter, payload, layers, &crossing, &cost->wire.steps);
  }
  cost->collective_s += r->moe_layers * comm;
  cost->wire.experts = crossing * micro;
  cost->classes[TW_TIME_SCALE_UP].first += r->moe_layers * comm;
  return r->moe_layers * (time + comm);
}

/* Whether an iteration lies outside of what the overheads were fitted on. */
static gboolean outside(const roofline *r, const tw_batch *ranks, int n_ranks)
{
  gboolean any = r->foreign;
  for (int i = 0; i < n_ranks; i++) {
    gint64 seqs = ranks[i].decode_seqs + ranks[i].prefill_seqs;
    any |= r->max_seqs > 0 && seqs > r->max_seqs;
    any |= r->max_context > 0 && ranks[i].decode_context > r->max_context * ranks[i].decode_seqs;
  }
  return any;
}

static void cost(const void *state, const tw_batch *ranks, int n_ranks, tw_step_cost *cost)
{
  const roofline *r = state;
  tw_step_counts n = tw_step_count(ranks, n_ranks, r->idle_tokens);
  double micro = (double)CLAMP(n.most_seqs, 1, r->two_batches ? 2 : r->pp);
  *cost = (tw_step_cost){.valid = n.prefill_tokens > 0 ? 1 : G_MAXINT64};
  cost->extrapolated = outside(r, ranks, n_ranks);
  gboolean graph = n.most_tokens <= r->graph_tokens && (n.prefill_tokens == 0 || r->graph_prompts);

  /* All ranks of an iteration go at the pace of the slowest. */
  tw_line layers = {0, 0}, sum = {0, 0};
  double head = 0, padded = 0;
  for (int i = 0; i < n_ranks; i++) {
    gint64 own_tokens = tw_batch_tokens(&ranks[i]),
           wanted = own_tokens + tw_batch_idle(&ranks[i], r->idle_tokens);
    gint64 computed = graph ? tw_captured_tokens(r->alike ? n.most_tokens : wanted, r->graph_step) : wanted;
    double added = (double)(computed - own_tokens);
    padded += added;
    if (wanted == 0)
      continue;
    tw_line own = rank_layers(r, &ranks[i], added, micro, cost);
    double own_head = head_s(r, &ranks[i], micro, cost);
    layers = tw_line_max(layers, own, &cost->valid);
    head = fmax(head, own_head);
    sum = tw_line_add(sum, (tw_line){own.first + own_head, own.growth});
    if (r->window_layers > 0)
      cost->valid = MIN(cost->valid, ranks[i].next_full);
  }
  tw_classes_average(cost, n_ranks, (tw_line){layers.first + head, layers.growth}, sum);
  layers.first += experts_s(r, &n, padded, micro, cost) + r->layer_s;
  cost->kernels_s = tw_line_scale(layers, micro / r->pp);
  cost->kernels_s.first += micro * head / r->pp;
  /* Kernels that are launched one by one wait for the host where they are small. */
  if (!graph && r->eager_s > 0)
    layers = tw_line_max(layers, (tw_line){r->eager_s, 0}, &cost->valid);

  /* Bookkeeping of the last iteration goes on beside the accelerators' work, or delays it. */
  double host_s = r->per_seq_s * (double)n.most_seqs / micro;
  double stage_s = r->fixed_s / (r->two_batches ? micro : 1) + (r->overlap ? 0 : host_s);
  double send_s = 0, passed = (double)n.most_tokens * r->hidden * ACTIVATION_BYTES;
  if (r->pp > 1) {
    double crossing = 0;
    send_s =
        tw_crossing_s(&r->links, &r->send, passed / micro / r->tp, r->pp - 1, &crossing, &cost->wire.steps);
    cost->wire.stages = crossing / (r->pp - 1) * micro * r->tp;
  }
  cost->collective_s += (r->pp - 1) * send_s;
  tw_line latency = layers, slowest = tw_line_scale(layers, r->slowest_share);
  latency.first += head + r->pp * stage_s + (r->pp - 1) * send_s;
  slowest.first += head + stage_s + send_s;
  cost->time_s = tw_line_max(latency, tw_line_scale(slowest, micro), &cost->valid);
  if (r->overlap)
    cost->time_s = tw_line_max(cost->time_s, (tw_line){micro * host_s, 0}, &cost->valid);
  cost->collective_s = fmin(cost->collective_s, cost->kernels_s.first);
  /* Each stage works on each micro-batch once. */
  double works_s = micro * (layers.first + head + r->pp * stage_s) / r->pp;
  cost->bubble = r->pp > 1 ? fmax(0, 1 - works_s / cost->time_s.first) : 0;
  tw_classes_rest(cost, r->pp, micro, (tw_line){works_s, layers.growth * micro / r->pp});
  cost->kernels_s = tw_classes_working(cost);
  cost->kernels_s.first += cost->collective_s + (r->overlap ? 0 : micro * host_s);
}

static void destroy(void *state)
{
  tw_step_layers_free(((roofline *)state)->groups);
  g_free(state);
}

const tw_step_kind tw_step_roofline = {.name = "roofline",
                                       .help = "larger of compute and memory time per class of operations",
                                       .classifies = TRUE,
                                       .create = create,
                                       .cost = cost,
                                       .destroy = destroy};
