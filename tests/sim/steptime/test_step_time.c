/* Step times: lines, the roofline by hand on a transformer that fits on a page, and tables of measured times.
 */
#include "platforms/input/data.h"
#include "sim/steptime/step_time.h"
#include "tests/check.h"
#include "workloads/draw/chance.h"

#include <glib/gstdio.h>

/* Arithmetic, norms and activations take no time, a byte of HBM 1 ns, a byte between accelerators 1 ns: times
 * in ns are bytes. */
static tw_device unit_device(void)
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
static double dense_rows(double tokens, double tp)
{
  return tokens * 2 * 2 * (16 + 24 / tp + 16 + 48 / tp);
}

/* Three sequences decode, over 30 tokens of context. */
static const tw_batch decode3 = {
    .decode_seqs = 3, .decode_context = 30, .decode_windowed = 30, .next_full = G_MAXINT64, .sampled = 3};

static tw_step_setting setting_of(const tw_model *model, const tw_device *device, int tp, int pp, int dp,
                                  int ep)
{
  return (tw_step_setting){.model = model,
                           .device = device,
                           .parallelism = {tp, pp, dp, ep},
                           .weights = TW_BF16,
                           .kv = TW_BF16,
                           .attention = TW_BF16,
                           .overhead = {.launch = 1, .compute = 1, .all_to_all = TRUE},
                           .interconnect = {1e9, 0},
                           .expert_imbalance = 1};
}

static tw_step_cost cost_of(const tw_step_setting *setting, const tw_batch *ranks)
{
  g_autoptr(tw_step_model) model = tw_step_model_new(&tw_step_roofline, setting, NULL, NULL);
  tw_step_cost cost;
  tw_step_model_cost(model, ranks, setting->parallelism.dp, &cost);
  return cost;
}

static tw_step_cost unit_cost(const tw_model *model, int tp, int pp, int dp, int ep, const tw_batch *ranks)
{
  tw_device device = unit_device();
  tw_step_setting setting = setting_of(model, &device, tp, pp, dp, ep);
  return cost_of(&setting, ranks);
}

/* ---- Lines ---- */

static void the_larger_of_two_lines_holds_until_they_cross(void **state)
{
  (void)state;
  /* 10 + j and 4 + 3j meet at j = 3: up to there the first is the larger, for j = 0 to 3. */
  gint64 valid = G_MAXINT64;
  tw_line larger = tw_line_max((tw_line){4, 3}, (tw_line){10, 1}, &valid);
  assert_near(larger.first, 10, 0);
  assert_int_equal(valid, 4);

  tw_chance chance = tw_chance_new(1, "lines");
  for (int i = 0; i < 20000; i++) {
    tw_line a = {(double)tw_chance_below(&chance, 50), (double)tw_chance_below(&chance, 9)};
    tw_line b = {(double)tw_chance_below(&chance, 50), (double)tw_chance_below(&chance, 9)};
    valid = 60;
    larger = tw_line_max(a, b, &valid);
    assert_true(valid >= 1);
    for (gint64 j = 0; j < valid; j++)
      assert_near(larger.first + (double)j * larger.growth,
                  fmax(a.first + (double)j * a.growth, b.first + (double)j * b.growth), 1e-12);
    if (valid < 60)
      assert_true(larger.first + (double)valid * larger.growth <
                  fmax(a.first + (double)valid * a.growth, b.first + (double)valid * b.growth));
  }
}

static void the_boundary_that_a_time_reaches_is_the_first_not_before_it(void **state)
{
  (void)state;
  tw_chance chance = tw_chance_new(2, "lines");
  for (int i = 0; i < 20000; i++) {
    tw_line line = {1e-3 * (1 + tw_chance_uniform(&chance)), 0};
    gint64 n = 1 + (gint64)tw_chance_below(&chance, 500);
    switch (tw_chance_below(&chance, 4)) {
    case 0:
      break;
    case 1:
      line.growth = 1e-12 * tw_chance_uniform(&chance);
      break;
    case 2:
      line.growth = 1e-2 * tw_chance_uniform(&chance);
      break;
    default:
      line.growth = -line.first / 600; /* positive over the iterations in question */
    }
    gboolean on_boundary = tw_chance_below(&chance, 2) == 0;
    double elapsed = tw_line_sum(line, n) * (on_boundary ? 1 : tw_chance_uniform(&chance));
    gint64 j = tw_line_reach(line, elapsed);
    assert_true(tw_line_sum(line, j) >= elapsed);
    assert_true(j == 0 || tw_line_sum(line, j - 1) < elapsed);
    assert_true(!on_boundary || j == n);
  }
  assert_int_equal(tw_line_reach((tw_line){1, 0}, 0), 0);
  assert_int_equal(tw_line_reach((tw_line){1, 0}, -1), 0);
}

/* ---- The roofline ---- */

/* Weights 2304, KV 32 · 30, head 160 bytes; the next token of each of the three reads 32 bytes more. FLOPs: 2
 * · 1152 · 3, attention 4 · 2 layers · 4 heads · 2 · 30, head 2 · 80 · 3. */
static void a_decode_reads_the_weights_and_the_context(void **state)
{
  (void)state;
  tw_step_cost cost = unit_cost(&dense, 1, 1, 1, 1, &decode3);
  assert_near(cost.time_s.first, (3424 + dense_rows(3, 1)) * 1e-9, 1e-18);
  assert_near(cost.time_s.growth, 96e-9, 1e-18);
  assert_near(cost.bytes.first, 3424, 1e-9);
  assert_near(cost.bytes.growth, 96, 1e-9);
  assert_near(cost.flops.first, 6912 + 1920 + 480, 1e-9);
  assert_near(cost.flops.growth, 4 * 2 * 4 * 2 * 3, 1e-9);
  assert_true(cost.valid == G_MAXINT64);
}

/* TP 2 halves it all, and adds 4 all-reduces of 3 · 8 · 2 = 48 bytes: 2 · 1/2 · 48 each. TP 4 quarters the
 * weights; the 2 KV heads are replicated, so that the KV is only halved; its all-reduces take 2 · 3/4 · 48.
 */
static void tensor_parallelism_beyond_the_kv_heads_replicates_them(void **state)
{
  (void)state;
  tw_step_cost two = unit_cost(&dense, 2, 1, 1, 1, &decode3), four = unit_cost(&dense, 4, 1, 1, 1, &decode3);
  assert_near(two.time_s.first, (3424 / 2 + 4 * 48 + dense_rows(3, 2)) * 1e-9, 1e-18);
  assert_near(two.bytes.first, 3424, 1e-9);
  assert_near(four.time_s.first, (2304 / 4 + 960 / 2 + 160 / 4 + 4 * 72 + dense_rows(3, 4)) * 1e-9, 1e-18);
  assert_near(four.bytes.first, 2304 + 2 * 960 + 160, 1e-9);
}

/* Where memory costs nothing, a prompt of 100 tokens is all computation: linear 2 · 1152 · 100; each token
 * attends to those before it and to itself, 5050 in all, and behind 50 earlier ones to 100 · 50 more. The
 * head samples one token, and only of a last chunk. */
static void a_prompt_attends_to_all_that_comes_before(void **state)
{
  (void)state;
  tw_device device = unit_device();
  for (int i = 0; i < TW_PRECISIONS; i++)
    device.flops[i] = 1e10;
  device.hbm_bytes_per_s = INFINITY;
  tw_step_setting setting = setting_of(&dense, &device, 1, 1, 1, 1);
  tw_batch first = {.next_full = G_MAXINT64}, second = first;
  tw_batch_add_chunk(&first, 0, 100, 0, TRUE);
  tw_batch_add_chunk(&second, 50, 100, 0, FALSE);
  double linear = 230400, per_context = 4 * 2 * 4 * 2;
  tw_step_cost cost = cost_of(&setting, &first);
  assert_near(cost.time_s.first, (linear + per_context * 5050 + 160) * 1e-10, 1e-15);
  assert_int_equal(cost.valid, 1);
  cost = cost_of(&setting, &second);
  assert_near(cost.time_s.first, (linear + per_context * (5050 + 5000)) * 1e-10, 1e-15);
}

/* One of the two layers sees 8 tokens. Contexts of 5, 10 and 15: the full layer reads 30, the other 5 + 8 +
 * 8; one sequence grows there still, for 3 iterations. */
static void a_sliding_window_caps_the_context_of_its_layers(void **state)
{
  (void)state;
  tw_model model = dense;
  model.window = 8;
  model.window_layers = 1;
  tw_batch batch = decode3;
  batch.decode_windowed = 21;
  batch.decode_growing = 1;
  batch.next_full = 3;
  tw_step_cost cost = unit_cost(&model, 1, 1, 1, 1, &batch);
  assert_near(cost.time_s.first, (2304 + 16 * 30 + 16 * 21 + 160 + dense_rows(3, 1)) * 1e-9, 1e-18);
  assert_near(cost.time_s.growth, (16 * 3 + 16 * 1) * 1e-9, 1e-18);
  assert_int_equal(cost.valid, 3);

  /* A prompt of 10 tokens: in the window 1 + ... + 8 + 8 + 8. */
  tw_batch prompt = {.next_full = G_MAXINT64};
  tw_batch_add_chunk(&prompt, 0, 10, 8, TRUE);
  assert_near(prompt.prefill_context, 55, 0);
  assert_near(prompt.prefill_windowed, 52, 0);
  tw_batch_add_chunk(&prompt, 6, 4, 8, TRUE); /* 7 + 8 + 8 + 8 */
  assert_near(prompt.prefill_windowed, 52 + 31, 0);
}

/* Rank of the latent 4, rotary 2: 12 bytes a layer and token, on every accelerator of TP. Linear, per layer:
 * queries 8 · 4 · 5, latent 8 · 6, up 4 · 4 · 6, output 4 · 3 · 8 = 400; MLP 384. Absorbed decode: 2 · 4 · (4
 * + 2 + 4) FLOPs per token of context and layer; prefill: 2 · 4 · (3 + 2 + 3). */
static void the_latent_of_mla_is_not_sharded(void **state)
{
  (void)state;
  tw_model model = {.label = "latent",
                    .layers = 2,
                    .dense_layers = 2,
                    .hidden = 8,
                    .vocab = 10,
                    .attention = TW_ATTENTION_MLA,
                    .heads = 4,
                    .kv_lora_rank = 4,
                    .qk_nope_head_dim = 3,
                    .qk_rope_head_dim = 2,
                    .v_head_dim = 3,
                    .intermediate = 16};
  double weights = 2 * 2 * (400 + 384);
  /* Rows: 4 · (3 + 2 + 3) of q and output and 6 of the latent in the place of 24. */
  double rows = dense_rows(3, 1) + 3 * 2 * 2 * (38 - 24),
         rows_of_2 = dense_rows(3, 2) + 3 * 2 * 2 * (38 - 24) / 2;
  tw_step_cost one = unit_cost(&model, 1, 1, 1, 1, &decode3), two = unit_cost(&model, 2, 1, 1, 1, &decode3);
  assert_near(one.time_s.first, (weights + 2 * 12 * 30 + 160 + rows) * 1e-9, 1e-18);
  assert_near(two.time_s.first, (weights / 2 + 2 * 12 * 30 + 80 + 4 * 48 + rows_of_2) * 1e-9, 1e-18);
  assert_near(two.bytes.first, weights + 2 * (2 * 12 * 30) + 160, 1e-9);
  assert_near(one.flops.growth, 2 * 80 * 3, 1e-9);
  tw_batch prompt = {.next_full = G_MAXINT64};
  tw_batch_add_chunk(&prompt, 0, 10, 0, FALSE);
  assert_near(unit_cost(&model, 1, 1, 1, 1, &prompt).flops.first, 2 * 784 * 2 * 10 + 2 * 64 * 55, 1e-9);
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
/* Rows of its projections alone. */
static double moe_rows(double tokens, double tp)
{
  return tokens * 2 * 2 * (16 + 24 / tp);
}

/* Three drafts beside each token: four times the arithmetic, and not a byte more: weights and KV are read
 * once. */
static void verifying_drafts_multiplies_arithmetic_alone(void **state)
{
  (void)state;
  tw_batch drafted = decode3;
  drafted.drafted = 3;
  tw_step_cost plain = unit_cost(&dense, 2, 1, 1, 1, &decode3),
               verify = unit_cost(&dense, 2, 1, 1, 1, &drafted);
  assert_near(verify.flops.first, 4 * plain.flops.first, 1e-9);
  assert_near(verify.flops.growth, 4 * plain.flops.growth, 1e-9);
  assert_near(verify.bytes.first, plain.bytes.first, 1e-9);
  assert_near(verify.bytes.growth, plain.bytes.growth, 1e-9);
}

static const tw_batch decode2 = {
    .decode_seqs = 2, .decode_context = 10, .decode_windowed = 10, .next_full = G_MAXINT64, .sampled = 2};

static void experts_are_read_if_a_token_picks_them(void **state)
{
  (void)state;
  double linear = 2 * 2 * (192 + 32), kv = 32 * 10;
  tw_step_cost cost = unit_cost(&moe, 1, 1, 1, 1, &decode2);
  assert_near(cost.time_s.first, (linear + kv + 160 + 2 * TOUCHED * 192 + moe_rows(2, 1)) * 1e-9, 1e-18);
  assert_near(cost.flops.first, 2 * (linear / 2) * 2 + 4 * 2 * 4 * 2 * 10 + 2 * 80 * 2 + 2 * 2 * 96 * 2 * 2,
              1e-9);
}

/* Two ranks of TP 1 with a sequence each, experts over both: each reads half of the experts that the two
 * tokens touch. A token goes to both groups, 8 numbers each, of which half leave the rank: 8 bytes in fp8,
 * and 16 come back in bf16. Attention is replicated: each rank reads the dense weights for its own sequence.
 */
static void expert_parallelism_shares_the_experts_and_sends_the_tokens(void **state)
{
  (void)state;
  static const tw_batch one = {
      .decode_seqs = 1, .decode_context = 5, .decode_windowed = 5, .next_full = G_MAXINT64, .sampled = 1};
  const tw_batch ranks[] = {one, one};
  double linear = 2 * 2 * (192 + 32);
  tw_step_cost cost = unit_cost(&moe, 1, 1, 2, 2, ranks);
  assert_near(cost.time_s.first,
              (linear + 32 * 5 + 160 + 2 * (TOUCHED * 192 / 2 + 8 + 16) + moe_rows(1, 1)) * 1e-9, 1e-18);
  assert_near(cost.bytes.first, 2 * (linear + 32 * 5 + 160) + 2 * TOUCHED * 192, 1e-9);

  /* The busiest rank computes and sends half as much again as the mean. */
  tw_device device = unit_device();
  tw_step_setting setting = setting_of(&moe, &device, 1, 1, 2, 2);
  setting.expert_imbalance = 1.5;
  assert_near(cost_of(&setting, ranks).time_s.first - cost.time_s.first, 2 * (8 + 16) / 2 * 1e-9, 1e-18);
  /* Two more copies of the four experts: half as many bytes again, which the two ranks share. */
  setting.expert_imbalance = 1;
  setting.redundant_experts = 2;
  assert_near(cost_of(&setting, ranks).time_s.first - cost.time_s.first, 2 * TOUCHED * 192 / 2 / 2 * 1e-9,
              1e-15);
}

/* One rank of TP 2, and the experts over the same two: behind the experts there is no all-reduce, so that two
 * of 2 · 1/2 · 32 bytes are left. Each of the two sends the 8 numbers of one token to both groups. */
static void experts_of_their_own_group_need_no_all_reduce(void **state)
{
  (void)state;
  double linear = 2 * 2 * (192 + 32), all_reduces = 2 * 32, sent = 2 * (8 + 16);
  tw_step_cost cost = unit_cost(&moe, 2, 1, 1, 2, &decode2);
  assert_near(cost.time_s.first,
              ((linear + 32 * 10 + 160 + 2 * TOUCHED * 192) / 2 + all_reduces + sent + moe_rows(2, 2)) * 1e-9,
              1e-18);
}

/* Two stages of one layer, two micro-batches of 1.5 sequences, each of which reads all weights of its stage:
 * in steady state the iteration takes two passes of the last stage, with half of the layers' time (2304 bytes
 * of weights and 480 of KV), the head, and 1.5 · 8 · 2 bytes sent. */
static void the_slowest_stage_sets_the_pace_of_a_pipeline(void **state)
{
  (void)state;
  tw_step_cost cost = unit_cost(&dense, 1, 2, 1, 1, &decode3);
  assert_near(cost.time_s.first, 2 * ((2304 + 480 + dense_rows(1.5, 1)) / 2 + 160 + 24) * 1e-9, 1e-18);
  assert_near(cost.bytes.first, 2 * 2304 + 960 + 2 * 160, 1e-9);

  /* One sequence alone has nothing to overlap: the sum of both stages, the head, and one send of 16 bytes. */
  tw_batch one = {
      .decode_seqs = 1, .decode_context = 10, .decode_windowed = 10, .next_full = G_MAXINT64, .sampled = 1};
  cost = unit_cost(&dense, 1, 2, 1, 1, &one);
  assert_near(cost.time_s.first, (2304 + 320 + 160 + 16 + dense_rows(1, 1)) * 1e-9, 1e-18);
}

/* The bubbles of a pipeline: one sequence goes through both stages while the other one idles; a second one
 * fills its place. Each stage reads 1152 bytes of weights, 160 of KV and 208 of rows for a sequence, the last
 * one 160 more for the head, and 16 are sent. Alone: 2 · 1520 + 160 + 16, of which the last stage works 1680,
 * little more than half. Two: two passes of the last stage and its sends, in which it works 2 · 1680 of 2 ·
 * 1696. The mean of the stages works 1520 + 160 / 2 for each micro-batch, and waits for the rest. */
static void a_second_micro_batch_fills_the_bubbles_of_two_stages(void **state)
{
  (void)state;
  tw_batch batch = {.next_full = G_MAXINT64};
  double busy[2];
  for (int n = 1; n <= 2; n++) {
    batch.decode_seqs = batch.sampled = n;
    batch.decode_context = batch.decode_windowed = 10 * n;
    tw_step_cost cost = unit_cost(&dense, 1, 2, 1, 1, &batch);
    assert_near(cost.time_s.first, (n == 1 ? 3216 : 2 * 1696) * 1e-9, 1e-18);
    busy[n - 1] = n * 1680e-9 / cost.time_s.first;
    assert_near(cost.bubble, 1 - n * 1600e-9 / cost.time_s.first, 1e-12);
  }
  assert_near(busy[0], 1680.0 / 3216, 1e-12);
  assert_near(busy[1], 1680.0 / 1696, 1e-12);
}

/* Rank 0 reads 9600 bytes of KV and 416 of rows, and 32 more an iteration, rank 1 1600, 4160 and 320: it is
 * the slower one from the iteration 4256 / 288 = 14.8 on. */
static void the_cost_ends_where_another_rank_becomes_the_slowest(void **state)
{
  (void)state;
  const tw_batch ranks[] = {
      {.decode_seqs = 1, .decode_context = 300, .next_full = G_MAXINT64, .sampled = 1},
      {.decode_seqs = 10, .decode_context = 50, .next_full = G_MAXINT64, .sampled = 10}};
  tw_step_cost cost = unit_cost(&dense, 1, 1, 2, 1, ranks);
  assert_near(cost.time_s.first, (2304 + 9600 + 160 + dense_rows(1, 1)) * 1e-9, 1e-18);
  assert_near(cost.time_s.growth, 32e-9, 1e-18);
  assert_int_equal(cost.valid, 15);
}

/* Two products a layer for attention, two for the MLP, one kernel of attention, and the head. */
static void every_kernel_is_launched(void **state)
{
  (void)state;
  tw_device device = unit_device();
  device.hbm_bytes_per_s = INFINITY;
  for (int i = 0; i < TW_OP_CLASSES; i++)
    device.efficiency[i][TW_BF16].launch_s = i == TW_OP_EXPERTS ? 1 : 1e-6 * pow(10, i);
  tw_step_setting setting = setting_of(&dense, &device, 1, 1, 1, 1);
  double each[TW_OP_CLASSES];
  for (int i = 0; i < TW_OP_CLASSES; i++)
    each[i] = device.efficiency[i][TW_BF16].launch_s;
  assert_near(cost_of(&setting, &decode3).time_s.first,
              2 * (4 * each[TW_OP_LINEAR] + each[TW_OP_ATTENTION_DECODE] + each[TW_OP_ACTIVATIONS]) +
                  each[TW_OP_HEAD],
              1e-12);
  /* Experts in the place of the MLP: one launch, and 5 ns for each of the two copies of two tokens. */
  device.efficiency[TW_OP_EXPERTS][TW_BF16] =
      (tw_efficiency){.compute_peak = 1, .memory = 1, .launch_s = 1e-3, .per_token_s = 5e-9};
  setting.model = &moe;
  assert_near(
      cost_of(&setting, &decode2).time_s.first,
      2 * (2 * each[TW_OP_LINEAR] + each[TW_OP_ATTENTION_DECODE] + each[TW_OP_ACTIVATIONS] + 1e-3 + 20e-9) +
          each[TW_OP_HEAD],
      1e-12);
}

/* Where arithmetic takes as long as memory, the round edge of the roof is the fourth root of 2 times as high:
 * the head, of 80 parameters, with 160 bytes and for three sequences 480 FLOPs. */
static void the_roof_has_a_round_edge(void **state)
{
  (void)state;
  tw_device device = unit_device();
  tw_step_setting setting = setting_of(&dense, &device, 1, 1, 1, 1);
  double straight = cost_of(&setting, &decode3).time_s.first;
  device.efficiency[TW_OP_HEAD][TW_BF16].compute_peak = 3e9 / 1e30;
  assert_near(cost_of(&setting, &decode3).time_s.first - straight, 160e-9 * (pow(2, 0.25) - 1), 1e-18);
}

/* A CUDA graph captured for 4 runs 3 sequences as 4: the experts see 4 tokens, and an iteration of 3 takes as
 * long for them as one of 4. Batches that no graph holds are not padded, but wait for the host: 2 layers at 1
 * s each and half a second more for their experts. */
static void graphs_pad_the_batch_and_what_is_larger_waits_for_the_host(void **state)
{
  (void)state;
  tw_device device = unit_device();
  tw_step_setting setting = setting_of(&moe, &device, 1, 1, 1, 1);
  device.hbm_bytes_per_s = INFINITY;
  device.efficiency[TW_OP_EXPERTS][TW_BF16].per_token_s = 1e-3;
  tw_batch four = decode3;
  four.decode_seqs = four.sampled = 4;
  double alone = cost_of(&setting, &decode3).time_s.first;
  assert_near(alone, 2 * 3 * 2 * 1e-3, 1e-9);
  setting.overhead.graph_tokens = 4;
  tw_step_cost padded = cost_of(&setting, &decode3);
  assert_near(padded.time_s.first, 2 * 4 * 2 * 1e-3, 1e-9);
  assert_near(padded.time_s.first, cost_of(&setting, &four).time_s.first, 1e-9);
  setting.overhead.graph_tokens = 2;
  setting.overhead.eager_layer_s = 1;
  setting.overhead.eager_experts_s = 0.5;
  tw_step_cost eager = cost_of(&setting, &decode3);
  assert_near(eager.time_s.first, 2 * 1.5, 1e-9);
  assert_near(eager.kernels_s.first, alone, 1e-9);
}

/* Without an exchange, two ranks gather the tokens of both and scatter the sums: each receives the other's
 * row of 16 numbers in bf16, and sends as much. */
static void engines_without_an_exchange_gather_all_tokens(void **state)
{
  (void)state;
  static const tw_batch one = {
      .decode_seqs = 1, .decode_context = 5, .decode_windowed = 5, .next_full = G_MAXINT64, .sampled = 1};
  const tw_batch ranks[] = {one, one};
  tw_device device = unit_device();
  tw_step_setting setting = setting_of(&moe, &device, 1, 1, 2, 2);
  double exchanged = cost_of(&setting, ranks).collective_s;
  setting.overhead.all_to_all = FALSE;
  double gathered = cost_of(&setting, ranks).collective_s;
  assert_near(exchanged, 2 * (8 + 16) * 1e-9, 1e-18);
  assert_near(gathered, 2 * 2 * ((double)moe.hidden * 2) * 1e-9, 1e-18);
}

/* Rows of copies have 8 numbers of the residual stream and 4 of the expert; rows of tokens 8. Two ranks with a
 * token each, two copies a token. A rank that gathers all routes both tokens; with an exchange, a token comes to
 * a rank with chance 1 − (1 − 1/2)², if it has experts there. */
static void experts_move_the_rows_of_copies_and_of_all_tokens(void **state)
{
  (void)state;
  static const tw_batch one = {
      .decode_seqs = 1, .decode_context = 5, .decode_windowed = 5, .next_full = G_MAXINT64, .sampled = 1};
  const tw_batch ranks[] = {one, one};
  tw_device device = unit_device();
  tw_step_setting setting = setting_of(&moe, &device, 1, 1, 2, 2);
  double exchanged = cost_of(&setting, ranks).time_s.first;
  tw_efficiency *e = &device.efficiency[TW_OP_EXPERTS][TW_BF16];
  e->copy_bytes = 10;
  assert_near(cost_of(&setting, ranks).time_s.first - exchanged, 2 * 10 * (8 + 4) * 2 * 2 / 2.0 * 1e-9,
              1e-15);
  e->copy_bytes = 0;
  e->token_bytes = 10;
  assert_near(cost_of(&setting, ranks).time_s.first - exchanged, 2 * 10 * 8 * 2 * 0.75 * 1e-9, 1e-15);
  setting.overhead.all_to_all = FALSE;
  double with = cost_of(&setting, ranks).time_s.first;
  e->token_bytes = 0;
  assert_near(with - cost_of(&setting, ranks).time_s.first, 2 * 10 * 8 * 2 * 1e-9, 1e-15);
}

/* A layer launches two norms and an activation: 3 s of launches in two layers are 6. Norms of queries and keys
 * are two kernels more; all-reduces that compute the norms behind them spare two, and alone have none. */
static void norms_of_heads_are_launched_and_fused_ones_are_not(void **state)
{
  (void)state;
  tw_device device = unit_device();
  device.efficiency[TW_OP_ACTIVATIONS][TW_BF16].launch_s = 3;
  tw_model normed = dense;
  tw_step_setting setting = setting_of(&normed, &device, 2, 1, 1, 1);
  assert_near(cost_of(&setting, &decode3).time_s.first, 2 * 3, 1e-4);
  normed.qk_norm = TRUE;
  assert_near(cost_of(&setting, &decode3).time_s.first, 2 * 5, 1e-4);
  setting.overhead.fused_norms = TRUE;
  assert_near(cost_of(&setting, &decode3).time_s.first, 2 * 3, 1e-4);
  setting.parallelism.tp = 1;
  assert_near(cost_of(&setting, &decode3).time_s.first, 2 * 5, 1e-4);
}

/* DeepSeek-R1 in fp8 on GB200s of one NVLink domain, 256 sequences on each, tokens exchanged: experts over more
 * ranks are fewer on each, so that an iteration takes no longer, at every width. */
static void wider_expert_parallelism_is_no_slower_at_equal_work(void **state)
{
  (void)state;
  g_autoptr(tw_faults) faults = tw_faults_new();
  g_autoptr(tw_model) model = tw_model_load("deepseek-r1", NULL, faults);
  static const char *const devices[] = {"gb200", "gb300"};
  static const gint64 seqs[] = {32, 128, 256};
  for (guint d = 0; d < G_N_ELEMENTS(devices); d++)
    for (guint s = 0; s < G_N_ELEMENTS(seqs); s++) {
      g_autoptr(tw_device) device = tw_device_load(devices[d], NULL, faults);
      double narrower_s = INFINITY;
      for (int ep = 8; ep <= 64; ep *= 2) {
        g_autofree tw_batch *ranks = g_new(tw_batch, ep);
        for (int i = 0; i < ep; i++)
          ranks[i] = (tw_batch){.decode_seqs = seqs[s],
                                .decode_context = seqs[s] * 1500,
                                .next_full = G_MAXINT64,
                                .sampled = seqs[s]};
        tw_step_setting setting = setting_of(model, device, 1, 1, ep, ep);
        setting.weights = setting.attention = TW_FP8_BLOCK;
        setting.interconnect = tw_device_links(device);
        tw_step_cost cost;
        g_autoptr(tw_step_model) step = tw_step_model_new(&tw_step_roofline, &setting, NULL, faults);
        tw_step_model_cost(step, ranks, ep, &cost);
        if (cost.time_s.first > 1.02 * narrower_s)
          print_error("%s, %" G_GINT64_FORMAT " sequences: EP%d takes %g s, half of it %g s\n", devices[d],
                      seqs[s], ep, cost.time_s.first, narrower_s);
        assert_true(cost.time_s.first <= 1.02 * narrower_s);
        narrower_s = cost.time_s.first;
      }
    }
}

/* The same layers in a narrower format, over all devices and models, for decodes of 1 to 512 sequences and a
 * prompt of 4,096 tokens; what a device expands runs on the kernels of bf16, and is compared with that. */
static void narrower_formats_are_never_slower(void **state)
{
  (void)state;
  static const tw_precision from_wide[] = {TW_BF16, TW_FP8, TW_FP4};
  static const gint64 seqs[] = {1, 8, 64, 512};
  g_autoptr(tw_faults) faults = tw_faults_new();
  g_auto(GStrv) devices = tw_data_list("platforms/devices", ".xml");
  g_auto(GStrv) models = tw_data_list("workloads/models", ".xml");
  for (char **d = devices; *d != NULL; d++)
    for (char **m = models; *m != NULL; m++) {
      g_autoptr(tw_device) device = tw_device_load(*d, NULL, faults);
      g_autoptr(tw_model) model = tw_model_load(*m, NULL, faults);
      for (guint b = 0; b <= G_N_ELEMENTS(seqs); b++) {
        tw_batch batch = {.next_full = G_MAXINT64};
        if (b < G_N_ELEMENTS(seqs))
          batch = (tw_batch){.decode_seqs = seqs[b],
                             .decode_context = seqs[b] * 1000,
                             .decode_windowed = seqs[b] * MIN(model->window, 1000),
                             .next_full = G_MAXINT64,
                             .sampled = seqs[b]};
        else
          tw_batch_add_chunk(&batch, 0, 4096, model->window, TRUE);
        double wider_s = INFINITY, bf16_s = INFINITY;
        for (guint p = 0; p < G_N_ELEMENTS(from_wide); p++) {
          gboolean expanded = !isfinite(device->flops[from_wide[p]]);
          tw_step_setting setting = setting_of(model, device, 8, 1, 1, 1);
          setting.weights = setting.attention = from_wide[p];
          setting.interconnect = tw_device_links(device);
          double time_s = cost_of(&setting, &batch).time_s.first, limit_s = expanded ? bf16_s : wider_s;
          if (time_s > 1.02 * limit_s)
            print_error("%s on %s, batch %u: %s takes %g s, the wider format %g s\n", *m, *d, b,
                        tw_precision_names[from_wide[p]], time_s, limit_s);
          assert_true(time_s <= 1.02 * limit_s);
          bf16_s = from_wide[p] == TW_BF16 ? time_s : bf16_s;
          wider_s = time_s;
        }
      }
    }
}

/* Exponentials worth 2 dimensions of a head of 2 double the arithmetic of a prompt's attention. */
static void exponentials_cost_like_dimensions(void **state)
{
  (void)state;
  tw_device device = unit_device();
  device.hbm_bytes_per_s = INFINITY;
  device.flops[TW_BF16] = 1e10;
  tw_step_setting setting = setting_of(&dense, &device, 1, 1, 1, 1);
  tw_batch prompt = {.next_full = G_MAXINT64};
  tw_batch_add_chunk(&prompt, 0, 100, 0, FALSE);
  double before = cost_of(&setting, &prompt).time_s.first;
  device.efficiency[TW_OP_ATTENTION_PREFILL][TW_BF16].softmax = 2;
  assert_near(cost_of(&setting, &prompt).time_s.first - before, 64 * 5050 * 1e-10, 1e-15);
}

static void launches_and_sequences_take_their_time(void **state)
{
  (void)state;
  tw_device device = unit_device();
  device.efficiency[TW_OP_ACTIVATIONS][TW_BF16].launch_s = 1e-4;
  tw_step_setting setting = setting_of(&dense, &device, 1, 1, 1, 1);
  setting.overhead = (tw_overhead){.iteration_s = 1e-3, .per_seq_s = 1e-5, .launch = 3, .compute = 1};
  double work = (3424 + dense_rows(3, 1)) * 1e-9;
  assert_near(cost_of(&setting, &decode3).time_s.first, 1e-3 + 2 * 3e-4 + 3 * 1e-5 + work, 1e-15);
  /* Beside the accelerators, the three sequences cost nothing while their work takes less. */
  setting.overhead.overlap = TRUE;
  assert_near(cost_of(&setting, &decode3).time_s.first, 1e-3 + 2 * 3e-4 + work, 1e-15);
  setting.overhead.per_seq_s = 1;
  assert_near(cost_of(&setting, &decode3).time_s.first, 3, 0);
}

/* Weights in a format that the device cannot multiply in take half of the bytes, and bf16's time. */
static void weights_without_arithmetic_of_their_own_are_multiplied_in_bf16(void **state)
{
  (void)state;
  tw_device device = unit_device();
  device.flops[TW_FP8] = NAN;
  device.flops[TW_BF16] = 1e10;
  device.hbm_bytes_per_s = INFINITY;
  tw_step_setting setting = setting_of(&dense, &device, 1, 1, 1, 1);
  setting.weights = setting.attention = TW_FP8;
  assert_near(cost_of(&setting, &decode3).bytes.first, 2304 / 2 + 960 + 160, 1e-9);
  tw_batch prompt = {.next_full = G_MAXINT64};
  tw_batch_add_chunk(&prompt, 0, 100, 0, FALSE);
  assert_near(cost_of(&setting, &prompt).time_s.first, (230400 + 64 * 5050) * 1e-10, 1e-15);
}

/* FP8 weights double the rate of the matrices; attention and the head stay in bf16. */
static void attention_and_head_are_computed_in_bf16(void **state)
{
  (void)state;
  tw_device device = unit_device();
  device.flops[TW_BF16] = 1e10;
  device.flops[TW_FP8] = 2e10;
  device.hbm_bytes_per_s = INFINITY;
  tw_step_setting setting = setting_of(&dense, &device, 1, 1, 1, 1);
  setting.weights = setting.attention = TW_FP8;
  tw_batch prompt = {.next_full = G_MAXINT64};
  tw_batch_add_chunk(&prompt, 0, 100, 0, FALSE);
  assert_near(cost_of(&setting, &prompt).time_s.first, 230400 * 0.5e-10 + 64 * 5050 * 1e-10, 1e-15);
}

/* Llama-3.1-70B in FP8 over 8 H100: 68.5 GB of layers and 2.1 GB of head over 8 · 3.35 TB/s · 0.88 take 3.0
 * ms; 64 sequences of 2,000 tokens have 21 GB of KV, 1.0 ms at 0.81; half of the launches of 80 layers, of 4
 * products of 4.4 us, attention of 9 us and 8 us between them, 1.4 ms; the iteration 1 ms, its sequences 64 ·
 * 43 us = 2.8 ms; 160 all-reduces of 1 MB 27 us each (TensorRT-LLM's were measured to take 26 us) = 4.3 ms.
 * Together about 13.5 ms: TPOTs that vLLM and TensorRT-LLM measure there lie between 10 and 20 ms. */
static void llama_70b_on_8_h100_decodes_64_sequences_in_14_ms(void **state)
{
  (void)state;
  g_autoptr(tw_faults) faults = tw_faults_new();
  g_autoptr(tw_model) model = tw_model_load("llama-3.1-70b", NULL, faults);
  g_autoptr(tw_device) h100 = tw_device_load("h100-sxm", NULL, faults);
  assert_non_null(model);
  assert_non_null(h100);
  tw_step_setting setting = setting_of(model, h100, 8, 1, 1, 1);
  setting.weights = setting.attention = setting.kv = TW_FP8;
  setting.overhead = (tw_overhead){.iteration_s = 1e-3, .per_seq_s = 43e-6, .launch = 0.5, .compute = 1};
  setting.interconnect = tw_device_links(h100);
  tw_batch batch = {.decode_seqs = 64, .decode_context = 64 * 2000, .next_full = G_MAXINT64, .sampled = 64};
  tw_step_cost cost = cost_of(&setting, &batch);
  assert_near(cost.time_s.first, 13.5e-3, 1e-3);
  /* The bytes are exact: parameters of the shape, one byte each, head in bf16, 163,840 bytes of KV a token.
   */
  double layers = 80 * (2.0 * 8192 * 128 * (64 + 8) + 3.0 * 8192 * 28672), head = 8192.0 * 128256 * 2;
  assert_near(cost.bytes.first, layers + head + 163840.0 * 128000, 1);
}

/* ---- Lines of costs ---- */

/* The batch after j further iterations. */
static tw_batch advanced(const tw_batch *b, gint64 j)
{
  tw_batch later = *b;
  later.decode_context += j * b->decode_seqs;
  later.decode_windowed += j * b->decode_growing;
  later.next_full -= b->next_full == G_MAXINT64 ? 0 : j;
  return later;
}

/* What macro-steps rest on: the line gives, for every iteration that is valid, what the model says of the
 * batch as it is then. */
static void assert_line_holds(const tw_step_model *model, const tw_batch *ranks, int n)
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
    if (!isnan(cost.flops.first)) {
      assert_near(then.flops.first / (cost.flops.first + (double)j * cost.flops.growth), 1, 1e-9);
      assert_near(then.bytes.first / (cost.bytes.first + (double)j * cost.bytes.growth), 1, 1e-9);
    }
  }
}

static tw_batch random_decodes(tw_chance *chance, gint64 window)
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

static void roofline_costs_are_lines_while_they_are_valid(void **state)
{
  (void)state;
  static const char *const names[] = {"llama-3.1-8b", "gpt-oss-120b", "deepseek-v3", "qwen3-30b-a3b"};
  g_autoptr(tw_faults) faults = tw_faults_new();
  g_autoptr(tw_device) device = tw_device_load("h100-sxm", NULL, faults);
  tw_chance chance = tw_chance_new(3, "batches");
  for (guint m = 0; m < G_N_ELEMENTS(names); m++) {
    g_autoptr(tw_model) model = tw_model_load(names[m], NULL, faults);
    for (int k = 0; k < 100; k++) {
      int dp = 1 + (int)tw_chance_below(&chance, 4), pp = 1 + (int)tw_chance_below(&chance, 2);
      tw_step_setting setting = setting_of(model, device, 2, pp, dp, 1);
      g_autoptr(tw_step_model) step = tw_step_model_new(&tw_step_roofline, &setting, NULL, NULL);
      tw_batch ranks[4];
      for (int i = 0; i < dp; i++)
        ranks[i] = random_decodes(&chance, model->window);
      assert_line_holds(step, ranks, dp);
    }
  }
}

/* ---- The table ---- */

typedef struct measured {
  char *path;
  tw_device device;
  tw_faults *faults;
  tw_step_model *model;
} measured;

static measured measured_new(const char *csv)
{
  measured m = {.device = unit_device(), .faults = tw_faults_new()};
  int file = g_file_open_tmp("tokenworks-test-XXXXXX.csv", &m.path, NULL);
  assert_true(file >= 0 && g_close(file, NULL) && g_file_set_contents(m.path, csv, -1, NULL));
  tw_step_setting setting = setting_of(&dense, &m.device, 1, 1, 1, 1);
  setting.table_file = m.path;
  m.model = tw_step_model_new(&tw_step_table, &setting, NULL, m.faults);
  return m;
}

static void measured_clear(measured *m)
{
  tw_step_model_free(m->model);
  tw_faults_free(m->faults);
  g_unlink(m->path);
  g_free(m->path);
}

static tw_step_cost table_cost(const measured *m, gint64 prefill, gint64 seqs, gint64 context)
{
  tw_batch b = {.decode_seqs = seqs,
                .decode_context = context * seqs,
                .prefill_seqs = prefill > 0,
                .prefill_tokens = prefill,
                .next_full = G_MAXINT64};
  tw_step_cost cost;
  tw_step_model_cost(m->model, &b, 1, &cost);
  return cost;
}

#define HEADER "prefill_tokens,decode_seqs,context_tokens,time_s\n"

static const char grid[] = HEADER "0,1,100,0.010\n0,1,200,0.012\n0,1,400,0.020\n"
                                  "0,5,100,0.014\n0,5,200,0.020\n0,5,400,0.030\n"
                                  "100,1,100,0.050\n100,1,200,0.052\n100,1,400,0.060\n"
                                  "100,5,100,0.054\n100,5,200,0.060\n100,5,400,0.070\n";

static void a_table_is_linear_between_its_rows(void **state)
{
  (void)state;
  measured m = measured_new(grid);
  assert_non_null(m.model);
  assert_near(table_cost(&m, 0, 1, 100).time_s.first, 0.010, 1e-15);
  assert_near(table_cost(&m, 0, 1, 150).time_s.first, 0.011, 1e-15);
  assert_near(table_cost(&m, 0, 3, 150).time_s.first, (0.011 + 0.017) / 2, 1e-15);
  assert_near(table_cost(&m, 50, 3, 150).time_s.first, 0.014 + 0.020, 1e-15);
  assert_false(table_cost(&m, 50, 3, 150).extrapolated);
  measured_clear(&m);
}

/* From a mean context of 150 it grows by 1 an iteration: the cell ends at 200, which is iteration 50. */
static void a_cell_of_a_table_ends_a_macro_step(void **state)
{
  (void)state;
  measured m = measured_new(grid);
  tw_step_cost cost = table_cost(&m, 0, 1, 150);
  assert_near(cost.time_s.growth, 0.002 / 100, 1e-15);
  assert_int_equal(cost.valid, 51);
  assert_int_equal(table_cost(&m, 0, 1, 390).valid, 11); /* beyond 400 it extrapolates, and has to say so */
  assert_int_equal(table_cost(&m, 0, 1, 90).valid, 11);
  assert_int_equal(table_cost(&m, 100, 1, 150).valid, 1);
  tw_chance chance = tw_chance_new(4, "table");
  for (int i = 0; i < 500; i++) {
    tw_batch b = random_decodes(&chance, 0);
    b.next_full = G_MAXINT64;
    assert_line_holds(m.model, &b, 1);
  }
  measured_clear(&m);
}

static void a_table_says_when_it_extrapolates(void **state)
{
  (void)state;
  measured m = measured_new(grid);
  assert_false(table_cost(&m, 0, 1, 400).extrapolated);
  assert_true(table_cost(&m, 0, 1, 401).extrapolated);
  assert_true(table_cost(&m, 0, 6, 200).extrapolated);
  assert_true(table_cost(&m, 101, 1, 200).extrapolated);
  assert_near(table_cost(&m, 0, 1, 600).time_s.first, 0.028, 1e-15); /* the last cell goes on */
  measured_clear(&m);
}

/* Times that fall with the context never fall below what was measured. */
static void extrapolation_stays_above_the_least_measured_time(void **state)
{
  (void)state;
  measured m = measured_new(HEADER "0,1,100,0.010\n0,1,200,0.005\n");
  assert_near(table_cost(&m, 0, 1, 1000).time_s.first, 0.005, 0);
  tw_step_cost cost = table_cost(&m, 0, 1, 150);
  assert_true(cost.time_s.first + (double)(cost.valid - 1) * cost.time_s.growth >= 0.005 - 1e-15);
  measured_clear(&m);
}

static void assert_table_fault(const char *csv, const char *expected)
{
  measured m = measured_new(csv);
  assert_null(m.model);
  assert_int_equal(tw_faults_count(m.faults), 1);
  g_autofree char *whole = g_strconcat(m.path, expected, NULL);
  assert_string_equal(tw_faults_get(m.faults, 0), whole);
  measured_clear(&m);
}

static void a_table_with_faults_is_refused(void **state)
{
  (void)state;
  assert_table_fault(
      HEADER "0,1,100,0.01\n0,1,200,0.02\n0,2,100,0.02\n",
      ": lacks a row for prefill_tokens 0, decode_seqs 2, context_tokens 200; every combination of "
      "the values of these columns is needed");
  assert_table_fault(HEADER, ":2: has no rows; give it one for every batch that was measured");
  assert_table_fault(HEADER "0,1,100,0\n", ":2: time_s is \"0\"; expected a number above zero");
  assert_table_fault(HEADER "0,1,100,0.01\n-1,1,100,0.01\n",
                     ":3: prefill_tokens is \"-1\"; expected a number that is not below zero");
  assert_table_fault(HEADER "0,1,100,nan\n", ":2: time_s is \"nan\"; expected a number above zero");
  assert_table_fault(HEADER "0,1,100,0.01\n0,1,100,0.02\n",
                     ": has two rows for prefill_tokens 0, decode_seqs 1, context_tokens 100; keep one");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(verifying_drafts_multiplies_arithmetic_alone),
      cmocka_unit_test(the_larger_of_two_lines_holds_until_they_cross),
      cmocka_unit_test(the_boundary_that_a_time_reaches_is_the_first_not_before_it),
      cmocka_unit_test(a_decode_reads_the_weights_and_the_context),
      cmocka_unit_test(tensor_parallelism_beyond_the_kv_heads_replicates_them),
      cmocka_unit_test(a_prompt_attends_to_all_that_comes_before),
      cmocka_unit_test(a_sliding_window_caps_the_context_of_its_layers),
      cmocka_unit_test(the_latent_of_mla_is_not_sharded),
      cmocka_unit_test(experts_are_read_if_a_token_picks_them),
      cmocka_unit_test(experts_move_the_rows_of_copies_and_of_all_tokens),
      cmocka_unit_test(norms_of_heads_are_launched_and_fused_ones_are_not),
      cmocka_unit_test(wider_expert_parallelism_is_no_slower_at_equal_work),
      cmocka_unit_test(expert_parallelism_shares_the_experts_and_sends_the_tokens),
      cmocka_unit_test(experts_of_their_own_group_need_no_all_reduce),
      cmocka_unit_test(the_slowest_stage_sets_the_pace_of_a_pipeline),
      cmocka_unit_test(a_second_micro_batch_fills_the_bubbles_of_two_stages),
      cmocka_unit_test(the_cost_ends_where_another_rank_becomes_the_slowest),
      cmocka_unit_test(launches_and_sequences_take_their_time),
      cmocka_unit_test(weights_without_arithmetic_of_their_own_are_multiplied_in_bf16),
      cmocka_unit_test(attention_and_head_are_computed_in_bf16),
      cmocka_unit_test(llama_70b_on_8_h100_decodes_64_sequences_in_14_ms),
      cmocka_unit_test(every_kernel_is_launched),
      cmocka_unit_test(the_roof_has_a_round_edge),
      cmocka_unit_test(graphs_pad_the_batch_and_what_is_larger_waits_for_the_host),
      cmocka_unit_test(engines_without_an_exchange_gather_all_tokens),
      cmocka_unit_test(narrower_formats_are_never_slower),
      cmocka_unit_test(exponentials_cost_like_dimensions),
      cmocka_unit_test(roofline_costs_are_lines_while_they_are_valid),
      cmocka_unit_test(a_table_is_linear_between_its_rows),
      cmocka_unit_test(a_cell_of_a_table_ends_a_macro_step),
      cmocka_unit_test(a_table_says_when_it_extrapolates),
      cmocka_unit_test(extrapolation_stays_above_the_least_measured_time),
      cmocka_unit_test(a_table_with_faults_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
