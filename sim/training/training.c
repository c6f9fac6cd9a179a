#include "sim/training/training.h"

#include "sim/steptime/step_layers.h"
#include "sim/training/training_shape.h"

#include <math.h>

#define NAME(name, text, overlap, help) text,
const char *const tw_training_traffic_names[] = {TW_TRAINING_TRAFFIC(NAME) NULL};
#undef NAME

enum { BACKWARD = 2 }; /* forward passes that a backward pass is worth */

double tw_training_passes(const tw_training_setting *setting)
{
  return 1 + BACKWARD + (setting->recompute ? 1 : 0);
}

/* ---- What does not fit together ---- */

static void check_divides(const char *what, gint64 part, const char *of, gint64 whole, const xmlNode *node,
                          tw_faults *faults)
{
  if (whole % part != 0)
    tw_node_fault(node, faults,
                  "%s (%" G_GINT64_FORMAT ") does not divide %s (%" G_GINT64_FORMAT "); use a divisor of it",
                  what, part, of, whole);
}

static void check_experts(const tw_training_setting *s, const xmlNode *node, tw_faults *faults)
{
  const tw_training_layout *l = &s->layout;
  if (l->ep > 1 && s->model->experts == 0) {
    tw_node_fault(node, faults, "ep=\"%" G_GINT64_FORMAT "\", but %s has no experts; leave ep out", l->ep,
                  s->model->label);
    return;
  }
  if (l->ep == 1)
    return;
  check_divides("ep", l->ep, "the experts", s->model->experts, node, faults);
  check_divides("ep", l->ep, "the accelerators of a stage, tp * cp * dp", l->tp * l->cp * l->dp, node,
                faults);
  if (l->ep % l->tp != 0 && l->tp % l->ep != 0)
    tw_node_fault(node, faults,
                  "of ep=\"%" G_GINT64_FORMAT "\" and tp=\"%" G_GINT64_FORMAT
                  "\" neither divides the other; use one that does",
                  l->ep, l->tp);
}

static void check_pipeline(const tw_training_setting *s, const xmlNode *node, tw_faults *faults)
{
  const tw_training_layout *l = &s->layout;
  gint64 replica = s->micro_batch * l->dp;
  if (l->pp * l->chunks > s->model->layers)
    tw_node_fault(node, faults,
                  "pp=\"%" G_GINT64_FORMAT "\" stages of %" G_GINT64_FORMAT
                  " chunks are more than the %" G_GINT64_FORMAT " layers of %s; lower pp or chunks",
                  l->pp, l->chunks, s->model->layers, s->model->label);
  if (s->batch % replica != 0) {
    check_divides("micro-batch * dp", replica, "batch", s->batch, node, faults);
    return;
  }
  if (l->chunks > 1 && l->pp == 1)
    tw_node_fault(node, faults, "chunks=\"%" G_GINT64_FORMAT "\" without stages; leave it out or raise pp",
                  l->chunks);
  else if (l->chunks > 1)
    check_divides("with chunks, pp", l->pp, "the micro-batches of a replica", s->batch / replica, node,
                  faults);
}

static void check_precision(const tw_training_setting *s, const xmlNode *node, tw_faults *faults)
{
  if (!isnan(s->device->flops[s->precision]))
    return;
  g_autoptr(GString) known = g_string_new(NULL);
  for (int k = 0; k < TW_PRECISIONS; k++)
    if (!isnan(s->device->flops[k]))
      g_string_append_printf(known, "%s%s", known->len > 0 ? ", " : "", tw_precision_names[k]);
  tw_node_fault(node, faults, "precision=\"%s\": %s multiplies in %s; choose one of these",
                tw_precision_names[s->precision], s->device->label, known->str);
}

static void check_memory(const tw_training_setting *s, const xmlNode *node, tw_faults *faults)
{
  tw_training_memory m = tw_training_memory_of(s);
  double sum = tw_training_memory_sum(&m);
  if (sum <= m.hbm_bytes)
    return;
  tw_node_fault(
      node, faults,
      "training %s does not fit: of %.4g GB per %s, weights take %.4g GB, gradients %.4g GB, optimizer "
      "%.4g GB, activations %.4g GB%s, which is %.4g GB; raise tp, pp, cp or zero, lower micro-batch, or "
      "write recompute=\"full\"",
      s->model->label, m.hbm_bytes * 1e-9, s->device->label, m.weight_bytes * 1e-9, m.gradient_bytes * 1e-9,
      m.optimizer_bytes * 1e-9, m.activation_bytes * 1e-9,
      m.gathered_bytes > 0 ? " with gathered layers and reserves" : " with reserves", sum * 1e-9);
}

void tw_training_check(const tw_training_setting *s, const xmlNode *node, tw_faults *faults)
{
  guint before = tw_faults_added(faults);
  check_divides("tp", s->layout.tp, "the heads of the model", s->model->heads, node, faults);
  check_divides("cp", s->layout.cp, "the tokens of a sequence", s->sequence, node, faults);
  if (s->sequence > s->model->max_positions)
    tw_node_fault(node, faults,
                  "sequence=\"%" G_GINT64_FORMAT "\" is more than the %" G_GINT64_FORMAT
                  " positions of %s; lower it",
                  s->sequence, s->model->max_positions, s->model->label);
  check_experts(s, node, faults);
  check_pipeline(s, node, faults);
  check_precision(s, node, faults);
  if (tw_faults_added(faults) == before)
    check_memory(s, node, faults);
}

/* ---- Computation ---- */

/* The forward pass of a micro-batch through all layers, on accelerators that share the experts of the model once. */
static tw_step_setting forward_setting(const tw_training_setting *s)
{
  int tp = (int)s->layout.tp, ep = (int)s->layout.ep;
  return (tw_step_setting){.model = s->model,
                           .device = s->device,
                           .parallelism = {tp, 1, MAX(1, ep / tp), ep},
                           .weights = s->precision,
                           .attention = s->precision,
                           .kv = TW_BF16,
                           .software = {.launch = 1, .compute = 1, .sum_bytes = 2, .all_to_all = TRUE},
                           .interconnect = tw_device_links(s->device),
                           .reach = {.tensor = 1, .experts = 1},
                           .expert_imbalance = s->expert_imbalance};
}

/* Returns a rank's part of a micro-batch: of all of its sequences an equal part of the tokens, first and last ones
 * paired, so that ranks attend to as much (striped or zigzag order). */
static tw_batch rank_batch(const tw_training_setting *s, gboolean head)
{
  tw_batch b = {.next_full = G_MAXINT64};
  double part = 1.0 / (double)s->layout.cp;
  for (gint64 i = 0; i < s->micro_batch; i++)
    tw_batch_add_prompt(&b, &s->model->caps, 0, s->sequence, FALSE);
  b.prefill_tokens /= s->layout.cp;
  b.prefill_context *= part;
  b.prefill_windowed *= part;
  for (int i = 0; i + 1 < TW_CONTEXT_CAPS; i++)
    b.further[i].prefill *= part;
  b.sampled = head ? b.prefill_tokens : 0;
  return b;
}

/* Nothing waits for a host. */
static double kernels_s(const tw_step_cost *cost)
{
  return cost->time_s.first - cost->collective_s;
}

typedef struct forward {
  double layers_s, head_s; /* Seconds of all layers, and of the head. */
  double flops, bytes;     /* over the ranks that share the experts */
  double ranks;
} forward;

static forward forward_of(const tw_training_setting *s)
{
  tw_step_setting setting = forward_setting(s);
  int n = setting.parallelism.dp;
  g_autoptr(tw_step_model) model = tw_step_model_new(&tw_step_roofline, &setting, NULL, NULL);
  g_autofree tw_batch *ranks = g_new(tw_batch, (gsize)n);
  tw_step_cost body, whole;
  for (int i = 0; i < n; i++)
    ranks[i] = rank_batch(s, FALSE);
  tw_step_model_cost(model, ranks, n, &body);
  for (int i = 0; i < n; i++)
    ranks[i] = rank_batch(s, TRUE);
  tw_step_model_cost(model, ranks, n, &whole);
  return (forward){kernels_s(&body), kernels_s(&whole) - kernels_s(&body), whole.flops.first,
                   whole.bytes.first, n};
}

/* Stages take as many layers as the fullest needs, one after the other; the last takes what is left, and the head. */
static double slowest_stage_s(const tw_training_setting *s, const forward *f)
{
  double layer_s = f->layers_s / (double)s->model->layers, fullest = tw_training_stage_layers(s);
  double last = (double)s->model->layers - fullest * (double)(s->layout.pp - 1);
  return fmax(s->layout.pp > 1 ? fullest * layer_s : 0, fmax(last, 0) * layer_s + f->head_s);
}

/* The optimizer reads master weight and two moments in fp32 and a gradient, and writes the three and a 16-bit weight. */
static double optimizer_bytes(const tw_training_setting *s)
{
  tw_training_params p = tw_training_params_of(s);
  double own =
      s->zero >= 1 ? p.dense / p.dense_replicas + p.experts / p.expert_replicas : p.dense + p.experts;
  return own * (3 * 4 + 3 * 4 + 2 + tw_precision_bytes(s->gradients));
}

static double bubble_of(const tw_training_layout *l, gint64 micro_batches)
{
  return (double)(l->pp - 1) / (double)(l->chunks * micro_batches);
}

tw_training_cost tw_training_cost_with(const tw_training_setting *s, const tw_training_cost *cost,
                                       gint64 micro_batches)
{
  tw_training_cost with = *cost;
  double times = (double)micro_batches / (double)cost->micro_batches;
  with.micro_batches = micro_batches;
  with.bubble = bubble_of(&s->layout, micro_batches);
  with.tokens *= times;
  with.model_flops *= times;
  return with;
}

tw_training_cost tw_training_cost_of(const tw_training_setting *s)
{
  const tw_training_layout *l = &s->layout;
  forward f = forward_of(s);
  double replicas = (double)(l->cp * l->dp), accelerators = (double)(l->tp * l->cp * l->dp * l->pp);
  double micro_tokens = (double)(s->micro_batch * s->sequence) / (double)l->cp;
  double passes = tw_training_passes(s), params = tw_model_params(s->model);
  tw_training_cost cost = {
      .micro_batches = tw_training_micro_batches(s),
      .forward_s = slowest_stage_s(s, &f),
      .optimizer_bytes = optimizer_bytes(s),
      .tokens = (double)(s->batch * s->sequence),
      .peak_flops = s->device->flops[s->precision] * accelerators,
      .flops = passes * f.flops / f.ranks * replicas,
      .bytes = passes * f.bytes / f.ranks * replicas,
      .state_bytes = params * (2 + 4 + 4 + 4),
      .weight_bytes = params * 2,
  };
  cost.micro_s = passes * cost.forward_s;
  cost.optimizer_s = cost.optimizer_bytes /
                     (s->device->hbm_bytes_per_s * s->device->efficiency[TW_OP_ACTIVATIONS][TW_BF16].memory);
  cost.bubble = bubble_of(l, cost.micro_batches);
  cost.model_flops = (1 + BACKWARD) * f.flops / f.ranks / micro_tokens * cost.tokens;
  tw_training_sends_of(s, cost.sends);
  return cost;
}

/* ---- A step alone on the network ---- */

/* Seconds of a kind of traffic, of a micro-batch or at the end of a step. */
static double traffic_s(double inside_s, double bytes, double hops, const tw_interconnect *links)
{
  return inside_s + (bytes > 0 ? bytes / links->fabric_bytes_per_s + hops * links->fabric_latency_s : 0);
}

tw_training_step tw_training_step_of(const tw_training_setting *s, const tw_training_cost *cost,
                                     const tw_interconnect *links)
{
  /* Seconds of a micro-batch, and those at the end of the step. */
  double beside_s = 0, alone_s = 0, last_beside_s = 0, last_alone_s = 0;
  for (int i = 0; i < TW_TRAINING_TRAFFICS; i++) {
    const tw_training_sends *sends = &cost->sends[i];
    double micro_s = traffic_s(sends->micro_inside_s, sends->micro_bytes, sends->micro_hops, links),
           end_s = traffic_s(sends->step_inside_s, sends->step_bytes, sends->step_hops, links);
    beside_s += s->overlap[i] * micro_s;
    alone_s += (1 - s->overlap[i]) * micro_s;
    last_beside_s += s->overlap[i] * end_s;
    last_alone_s += (1 - s->overlap[i]) * end_s;
  }
  double m = (double)cost->micro_batches, micro_s = tw_training_work_s(cost->micro_s, beside_s, alone_s),
         last_s = tw_training_work_s(cost->micro_s, beside_s + last_beside_s, alone_s);
  tw_training_step step = {.compute_s = m * cost->micro_s,
                           .bubble_s = cost->bubble * m * (m > 1 ? micro_s : last_s),
                           .optimizer_s = cost->optimizer_s};
  double worked_s = (m - 1) * micro_s + last_s + last_alone_s;
  double exposed_s = worked_s - step.compute_s;
  step.exposed_s = exposed_s > 1e-12 * worked_s ? exposed_s : 0; /* the rest is rounding */
  step.step_s = worked_s + step.bubble_s + step.optimizer_s;
  return step;
}
