/* Step times that can be computed by hand: a device of units, and a transformer that fits on a page. */
#ifndef TW_TESTS_SIM_STEPTIME_UNIT_H
#define TW_TESTS_SIM_STEPTIME_UNIT_H

#include "sim/steptime/step_time.h"
#include "tests/check.h"
#include "workloads/draw/chance.h"

/* Arithmetic, norms and activations take no time, a byte of HBM 1 ns, a byte between accelerators 1 ns: times
 * in ns are bytes. */
static inline tw_device unit_device(void)
{
  tw_device device = {.hbm_bytes = 1e12, .hbm_bytes_per_s = 1e9};
  for (int i = 0; i < TW_PRECISIONS; i++)
    device.flops[i] = 1e30;
  for (int i = 0; i < TW_OP_CLASSES; i++)
    for (int p = 0; p < TW_PRECISIONS; p++)
      device.efficiency[i][p] = (tw_efficiency){.compute_peak = 1, .memory = 1};
  device.efficiency[TW_OP_ACTIVATIONS][TW_BF16].memory = INFINITY;
  return device;
}

/* Per layer: attention 2 · 8 · 2 · (4 + 2) = 192 parameters, MLP 3 · 8 · 16 = 384; both layers 1152, in bf16
 * 2304 bytes. Head 80 parameters, 160 bytes. KV: 2 · 2 · 2 numbers, 16 bytes a layer, 32 a token. */
static const tw_model dense = {.label = "dense",
                               .layers = 2,
                               .dense_layers = 2,
                               .hidden = 8,
                               .vocab = 10,
                               .heads = 4,
                               .kv_heads = 2,
                               .head_dim = 2,
                               .intermediate = 16};

/* Rows of the products with its weights, in bf16: in each of the two layers a token brings 8 numbers to the
 * projections and takes 8 back, with 8 of q, 8 of the output and 8 of k and v in between, shared by TP; 8 and
 * 8 for the MLP, and 3 · 16 in between. */
static inline double dense_rows(double tokens, double tp)
{
  return tokens * 2 * 2 * (16 + 24 / tp + 16 + 48 / tp);
}

/* Three sequences decode, over 30 tokens of context. */
static const tw_batch decode3 = {
    .decode_seqs = 3, .decode_context = 30, .decode_windowed = 30, .next_full = G_MAXINT64, .sampled = 3};

static inline tw_step_setting setting_of(const tw_model *model, const tw_device *device, int tp, int pp,
                                         int dp, int ep)
{
  return (tw_step_setting){.model = model,
                           .device = device,
                           .parallelism = {tp, pp, dp, ep},
                           .weights = TW_BF16,
                           .kv = TW_BF16,
                           .attention = TW_BF16,
                           .software = {.launch = 1, .compute = 1, .sum_bytes = 2, .all_to_all = TRUE},
                           .interconnect = {1e9, 0},
                           .expert_imbalance = 1};
}

static inline tw_step_cost cost_of(const tw_step_setting *setting, const tw_batch *ranks)
{
  g_autoptr(tw_step_model) model = tw_step_model_new(&tw_step_roofline, setting, NULL, NULL);
  tw_step_cost cost;
  tw_step_model_cost(model, ranks, setting->parallelism.dp, &cost);
  return cost;
}

static inline tw_step_cost unit_cost(const tw_model *model, int tp, int pp, int dp, int ep,
                                     const tw_batch *ranks)
{
  tw_device device = unit_device();
  tw_step_setting setting = setting_of(model, &device, tp, pp, dp, ep);
  return cost_of(&setting, ranks);
}

/* Two layers of 4 experts, 2 a token, of 3 · 8 · 4 = 96 parameters, 192 bytes; the gate has 32. Two tokens
 * make one copy an expert, and touch 4 · (1 − (1 + 1/2)^−2) = 20/9 experts a layer. */
#define TOUCHED (20 / 9.0)
static const tw_model moe = {.label = "experts",
                             .layers = 2,
                             .hidden = 8,
                             .vocab = 10,
                             .heads = 4,
                             .kv_heads = 2,
                             .head_dim = 2,
                             .experts = 4,
                             .experts_per_token = 2,
                             .expert_intermediate = 4};
/* Rows of the projections alone. */
static inline double moe_rows(double tokens, double tp)
{
  return tokens * 2 * 2 * (16 + 24 / tp);
}

static const tw_batch decode2 = {
    .decode_seqs = 2, .decode_context = 10, .decode_windowed = 10, .next_full = G_MAXINT64, .sampled = 2};

/* The batch after j further iterations. */
static inline tw_batch advanced(const tw_batch *b, gint64 j)
{
  tw_batch later = *b;
  later.decode_context += j * b->decode_seqs;
  later.decode_windowed += j * b->decode_growing;
  later.next_full -= b->next_full == G_MAXINT64 ? 0 : j;
  return later;
}

/* Seconds of an iteration in a class of its time. */
static inline double class_s(const tw_step_cost *cost, tw_time_class class)
{
  return cost->classes[class].first;
}

/* The classes are the whole iteration, now and later. */
static inline void assert_classes_sum(const tw_step_cost *cost)
{
  tw_line sum = {0, 0};
  for (int c = 0; c < TW_ITERATION_CLASSES; c++) {
    assert_true(class_s(cost, (tw_time_class)c) >= -1e-12);
    sum = tw_line_add(sum, cost->classes[c]);
  }
  assert_near(sum.first, cost->time_s.first, 1e-12);
  assert_near(sum.growth, cost->time_s.growth, 1e-12);
}

/* Macro-steps rest on this: the line gives, for every iteration that is valid, what the model says of the
 * batch as it is then. */
static inline void assert_line_holds(const tw_step_model *model, const tw_batch *ranks, int n)
{
  tw_step_cost cost;
  tw_step_model_cost(model, ranks, n, &cost);
  gint64 last = MIN(cost.valid - 1, 3000);
  for (gint64 j = 0; j <= last; j += 1 + j / 4) {
    tw_batch later[4];
    tw_step_cost then;
    for (int i = 0; i < n; i++)
      later[i] = advanced(&ranks[i], j);
    tw_step_model_cost(model, later, n, &then);
    assert_near(then.time_s.first / (cost.time_s.first + (double)j * cost.time_s.growth), 1, 1e-9);
    assert_int_equal(then.extrapolated, cost.extrapolated);
    assert_classes_sum(&then);
    for (int c = 0; c < TW_ITERATION_CLASSES; c++)
      assert_near(then.classes[c].first, cost.classes[c].first + (double)j * cost.classes[c].growth,
                  1e-9 * then.time_s.first);
    if (!isnan(cost.flops.first)) {
      assert_near(then.flops.first / (cost.flops.first + (double)j * cost.flops.growth), 1, 1e-9);
      assert_near(then.bytes.first / (cost.bytes.first + (double)j * cost.bytes.growth), 1, 1e-9);
    }
  }
}

static inline tw_batch random_decodes(tw_chance *chance, gint64 window)
{
  tw_batch b = {.decode_seqs = 1 + (gint64)tw_chance_below(chance, 64), .next_full = G_MAXINT64};
  gint64 longest = 1 + (gint64)tw_chance_below(chance, 4000);
  for (gint64 i = 0; i < b.decode_seqs; i++) {
    gint64 context = 1 + (gint64)tw_chance_below(chance, (guint64)longest);
    b.decode_context += context;
    b.decode_windowed += MIN(context, window);
    b.decode_growing += context < window;
    if (context < window)
      b.next_full = MIN(b.next_full, window - context);
  }
  b.sampled = b.decode_seqs;
  return b;
}

#endif
