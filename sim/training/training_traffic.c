/* The bytes that a step sends, kind by kind. b: sequences of a micro-batch, s: tokens of each, h: width of the model.
 *
 *     tp   an all-reduce behind each block, forward and backward, of 2 · b · s · h / c bytes
 *     cp   K and V of all other ranks, all-gathered forward, and backward again with their gradients
 *     ep   tokens to the ranks of their experts and back, forward and backward
 *     pp   2 · b · s · h / (t · c) bytes to the next stage and back, for each chunk (of two stages, one way)
 *     dp   ZeRO 0: an all-reduce of gradients. 1: reduce-scatter of gradients, all-gather of weights. 2: the
 *          reduce-scatter for each micro-batch. 3: that, and all-gathers of weights forward and backward */
#include "sim/steptime/step_collectives.h"
#include "sim/steptime/step_layers.h"
#include "sim/training/training_shape.h"

#include <math.h>

enum { ACTIVATION_BYTES = 2, WEIGHT_BYTES = 2 };

/* All ways that a collective library has to run a pattern among n accelerators in some domains. */
static tw_collective_costs library_costs(const tw_training_setting *s, const char *pattern, int n,
                                         int domains, const tw_interconnect *links)
{
  g_autofree int *domain = g_new(int, (gsize)n);
  for (int i = 0; i < n; i++)
    domain[i] = (int)((gint64)i * domains / n);
  tw_group group = {n,
                    domain,
                    (int)s->device->board_accelerators,
                    (int)s->device->kernels[TW_KERNEL_IN_SWITCH].nics,
                    s->reach.meshed,
                    0,
                    0};
  return tw_collective_costs_of(tw_pattern_find(pattern), &group, FALSE, s->device, links);
}

/* One collective of so many bytes: adds what it takes inside, its bytes and its latencies. */
static void add_collective(const tw_training_setting *s, const char *pattern, double ranks, int domains,
                           double bytes, double times, double *inside_s, double *crossing, double *hops)
{
  int n = (int)ranks;
  if (n < 2 || bytes <= 0 || times <= 0)
    return;
  tw_interconnect wires = tw_device_links(s->device),
                  links = tw_links_among(wires, s->device, n / MAX(domains, 1));
  tw_collective_costs costs = library_costs(s, pattern, n, MAX(domains, 1), &links);
  *inside_s += times * tw_crossing_s(&wires, &costs, bytes, times, crossing, hops);
}

static void add_micro(const tw_training_setting *s, tw_training_traffic kind, const char *pattern,
                      double ranks, double bytes, double times, tw_training_sends *sends)
{
  tw_training_sends *to = &sends[kind];
  add_collective(s, pattern, ranks, s->reach.groups[kind], bytes, times, &to->micro_inside_s,
                 &to->micro_bytes, &to->micro_hops);
}

/* One at the end of a step. */
static void add_step(const tw_training_setting *s, tw_training_traffic kind, const char *pattern,
                     double ranks, double bytes, tw_training_sends *sends)
{
  tw_training_sends *to = &sends[kind];
  add_collective(s, pattern, ranks, s->reach.groups[kind], bytes, 1, &to->step_inside_s, &to->step_bytes,
                 &to->step_hops);
}

/* The part of all layers that is on the fullest stage. */
static double stage_share(const tw_training_setting *s)
{
  return tw_training_stage_layers(s) / (double)s->model->layers;
}

static void add_tensor(const tw_training_setting *s, double tokens, tw_training_sends *sends)
{
  const tw_model *model = s->model;
  double blocks = model->n_groups > 0 ? tw_step_layers_sums(model).blocks : 2 * (double)model->layers;
  /* Experts that are not divided return their sums themselves. */
  if (s->layout.ep >= s->layout.tp)
    blocks -= tw_model_moe_layers(model);
  add_micro(s, TW_TRAINING_TENSOR, "all-reduce", (double)s->layout.tp,
            tokens * (double)model->hidden * ACTIVATION_BYTES,
            (tw_training_passes(s) - 1) * blocks * stage_share(s), sends);
}

static void add_context(const tw_training_setting *s, double tokens, tw_training_sends *sends)
{
  tw_sequence_bytes kv = tw_model_sequence_bytes(s->model, ACTIVATION_BYTES, s->layout.tp);
  double layers = (double)s->model->layers,
         of_layer =
             (kv.per_token * tokens * (double)s->layout.cp + kv.window * (double)s->micro_batch) / layers;
  add_micro(s, TW_TRAINING_CONTEXT, "all-gather", (double)s->layout.cp, of_layer,
            tw_training_passes(s) * layers * stage_share(s), sends);
}

static void add_experts(const tw_training_setting *s, double tokens, tw_training_sends *sends)
{
  const tw_model *model = s->model;
  double hidden = (double)model->hidden;
  tw_expert_traffic traffic = {.ranks = (double)s->layout.ep,
                               .domains = MAX(s->reach.groups[TW_TRAINING_EXPERTS], 1),
                               .experts_per_token = (double)model->experts_per_token,
                               .dispatch_bytes = hidden * (s->precision == TW_BF16 ? 2 : 1),
                               .combine_bytes = hidden * ACTIVATION_BYTES};
  if (s->layout.ep < 2)
    return;
  tw_interconnect wires = tw_device_links(s->device),
                  links = tw_links_among(wires, s->device,
                                         (int)s->layout.ep / MAX(s->reach.groups[TW_TRAINING_EXPERTS], 1));
  tw_collective_costs costs = tw_expert_costs_of(&traffic, s->device, &links, FALSE);
  double times = (tw_training_passes(s) - 1) * tw_model_moe_layers(model) * stage_share(s);
  tw_training_sends *to = &sends[TW_TRAINING_EXPERTS];
  double of_accelerator = tokens / (double)MIN(s->layout.tp, s->layout.ep) * s->expert_imbalance;
  to->micro_inside_s =
      times * tw_crossing_s(&wires, &costs, of_accelerator, times, &to->micro_bytes, &to->micro_hops);
}

static void add_stages(const tw_training_setting *s, double tokens, tw_training_sends *sends)
{
  if (s->layout.pp > 1)
    add_micro(s, TW_TRAINING_STAGES, "permutation", 2,
              tokens * (double)s->model->hidden * ACTIVATION_BYTES / (double)s->layout.tp,
              tw_training_stage_messages(&s->layout), sends);
}

/* Adds the exchange of replicas of some parameters. */
static void add_replicas(const tw_training_setting *s, tw_training_traffic kind, double params,
                         double replicas, tw_training_sends *sends)
{
  double gradients = params * tw_precision_bytes(s->gradients), weights = params * WEIGHT_BYTES;
  if (s->zero == 0)
    add_step(s, kind, "all-reduce", replicas, gradients, sends);
  if (s->zero == 1)
    add_step(s, kind, "reduce-scatter", replicas, gradients, sends);
  if (s->zero == 1 || s->zero == 2)
    add_step(s, kind, "all-gather", replicas, weights, sends);
  if (s->zero >= 2)
    add_micro(s, kind, "reduce-scatter", replicas, gradients, 1, sends);
  if (s->zero == 3)
    add_micro(s, kind, "all-gather", replicas, weights, 2, sends);
}

void tw_training_sends_of(const tw_training_setting *s, tw_training_sends *sends)
{
  double tokens = (double)(s->micro_batch * s->sequence) / (double)s->layout.cp;
  tw_training_params params = tw_training_params_of(s);
  memset(sends, 0, TW_TRAINING_TRAFFICS * sizeof *sends);
  add_tensor(s, tokens, sends);
  add_context(s, tokens, sends);
  add_experts(s, tokens, sends);
  add_stages(s, tokens, sends);
  add_replicas(s, TW_TRAINING_DATA, params.dense, params.dense_replicas, sends);
  add_replicas(s, TW_TRAINING_EXPERT_DATA, params.experts, params.expert_replicas, sends);
}
