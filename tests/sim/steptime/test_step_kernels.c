/* The roofline by hand: what kernels, graphs, formats and engines add to arithmetic and bytes. */
#include "platforms/input/data.h"
#include "sim/steptime/step_kernels.h"
#include "tests/sim/steptime/unit.h"

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

/* Kernels work without what their launches take, and while the tokens of a sequence are sampled for half a second, unless
 * that passes beside them. */
static void launches_are_no_work_and_sampling_is(void **state)
{
  (void)state;
  tw_device device = unit_device();
  tw_step_setting setting = setting_of(&dense, &device, 1, 1, 1, 1);
  double work_s = cost_of(&setting, &decode3).kernels_s.first;
  assert_near(work_s, cost_of(&setting, &decode3).time_s.first, 1e-15);
  device.efficiency[TW_OP_HEAD][TW_BF16].launch_s = 1;
  assert_near(cost_of(&setting, &decode3).kernels_s.first, work_s, 1e-15);
  setting.software.per_seq_s = 0.5;
  assert_near(cost_of(&setting, &decode3).kernels_s.first, work_s + 3 * 0.5, 1e-12);
  setting.software.overlap = TRUE;
  assert_near(cost_of(&setting, &decode3).kernels_s.first, work_s, 1e-15);
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

/* A product takes a second for each number that it sums over, beside reading its weights: in each of two layers 8 for q, k and
 * v, 8 for the output of attention, 8 and 16 for the MLP; 8 for the head. With two accelerators half of the outputs and of
 * the MLP's inner numbers. */
static void a_product_goes_through_what_it_sums_over_one_by_one(void **state)
{
  (void)state;
  for (int tp = 1; tp <= 2; tp++) {
    tw_device device = unit_device();
    tw_step_setting setting = setting_of(&dense, &device, tp, 1, 1, 1);
    double before = cost_of(&setting, &decode3).time_s.first;
    device.efficiency[TW_OP_LINEAR][TW_BF16].chain_s = 1;
    double depth = 2 * (8 + 8.0 / tp + 8 + 16.0 / tp);
    assert_near(cost_of(&setting, &decode3).time_s.first - before, depth, 1e-9);
    device.efficiency[TW_OP_HEAD][TW_BF16].chain_s = 1;
    assert_near(cost_of(&setting, &decode3).time_s.first - before, depth + 8, 1e-9);
    /* Rows that move 6 bytes a number instead of 2 take three times as long. */
    device.efficiency[TW_OP_LINEAR][TW_BF16] =
        (tw_efficiency){.compute_peak = 1, .memory = 1, .token_bytes = 6};
    device.efficiency[TW_OP_HEAD][TW_BF16].chain_s = 0;
    assert_near(cost_of(&setting, &decode3).time_s.first - before, 2e-9 * dense_rows(3, tp), 1e-15);
  }
  /* Experts sum over 8 and 4 numbers in each of two layers, and each of four held takes a second. */
  tw_device device = unit_device();
  tw_step_setting setting = setting_of(&moe, &device, 1, 1, 1, 1);
  double before = cost_of(&setting, &decode2).time_s.first;
  device.efficiency[TW_OP_EXPERTS][TW_BF16].chain_s = 1;
  assert_near(cost_of(&setting, &decode2).time_s.first - before, 2 * 12, 1e-6);
  device.efficiency[TW_OP_EXPERTS][TW_BF16].per_expert_s = 1;
  assert_near(cost_of(&setting, &decode2).time_s.first - before, 2 * 12 + 2 * 4, 1e-6);
}

/* KV of 16 bytes a token and layer is read at half a byte a ns as long as that takes less than 1,216 ns more at the full rate:
 * up to 76 tokens. 30 tokens, 3 more in each iteration: the line holds for the iterations with 30, 33 ... 75. Past that a
 * token takes half as long. Each token of the mean context, 10, takes 1 s beside, in each layer. */
static void little_kv_is_read_more_slowly_than_much(void **state)
{
  (void)state;
  tw_device device = unit_device();
  tw_step_setting setting = setting_of(&dense, &device, 1, 1, 1, 1);
  tw_line even = cost_of(&setting, &decode3).time_s;
  tw_efficiency *e = &device.efficiency[TW_OP_ATTENTION_DECODE][TW_BF16];
  e->near_memory = 0.5;
  e->ramp_s = 16 * 76e-9;
  tw_step_cost near = cost_of(&setting, &decode3);
  assert_near(near.time_s.first - even.first, 2 * 16 * 30e-9, 1e-15);
  assert_near(near.time_s.growth, 2 * even.growth, 1e-15);
  assert_int_equal(near.valid, 16);
  tw_batch later = advanced(&decode3, 15);
  tw_step_cost past = cost_of(&setting, &(tw_batch){.decode_seqs = 3,
                                                    .decode_context = 90,
                                                    .decode_windowed = 90,
                                                    .next_full = G_MAXINT64,
                                                    .sampled = 3});
  assert_near(cost_of(&setting, &later).time_s.first - near.time_s.first, 15 * near.time_s.growth, 1e-15);
  assert_near(past.time_s.first - even.first, 2 * (16 * 60e-9 + 16 * 76e-9), 1e-15);
  assert_near(past.time_s.growth, even.growth, 1e-15);
  e->chain_s = 1;
  assert_near(cost_of(&setting, &decode3).time_s.first - near.time_s.first, 2 * 10, 1e-9);
  assert_near(cost_of(&setting, &decode3).time_s.growth - near.time_s.growth, 2, 1e-9);
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
  setting.software.graph_tokens = 4;
  tw_step_cost padded = cost_of(&setting, &decode3);
  assert_near(padded.time_s.first, 2 * 4 * 2 * 1e-3, 1e-9);
  assert_near(padded.time_s.first, cost_of(&setting, &four).time_s.first, 1e-9);
  setting.software.graph_tokens = 2;
  setting.software.eager_layer_s = 1;
  setting.software.eager_experts_s = 0.5;
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
  setting.software.all_to_all = FALSE;
  double gathered = cost_of(&setting, ranks).collective_s;
  assert_near(exchanged, 2 * (8 + 16) * 1e-9, 1e-18);
  assert_near(gathered, 2 * 2 * ((double)moe.hidden * 2) * 1e-9, 1e-18);
}

/* Two ranks that gather, captured for 4, of which one has 3 sequences and the other one 1 or none: both run as 4,
 * and the experts see 8 tokens. With an exchange each is padded to its own graph: 4 and 1. */
static void ranks_that_gather_are_padded_alike(void **state)
{
  (void)state;
  static const tw_batch one = {
      .decode_seqs = 1, .decode_context = 5, .decode_windowed = 5, .next_full = G_MAXINT64, .sampled = 1};
  const tw_batch ranks[] = {decode3, one}, idle[] = {decode3, {.next_full = G_MAXINT64}};
  tw_device device = unit_device();
  tw_step_setting setting = setting_of(&moe, &device, 1, 1, 2, 2);
  device.hbm_bytes_per_s = INFINITY;
  device.efficiency[TW_OP_EXPERTS][TW_BF16].per_token_s = 1;
  setting.software.graph_tokens = 4;
  double exchanged = cost_of(&setting, ranks).time_s.first;
  setting.software.all_to_all = FALSE;
  double copies_s = (double)moe.experts_per_token / 2 * tw_model_moe_layers(&moe);
  assert_near(exchanged, 5 * copies_s, 1e-3);
  assert_near(cost_of(&setting, ranks).time_s.first, 8 * copies_s, 1e-3);
  assert_near(cost_of(&setting, idle).time_s.first, 8 * copies_s, 1e-3);
}

/* Graphs are captured for 1, 2, 4, then in steps of 8 up to 512, and for powers of two above, or in steps of 32. */
static void graphs_are_captured_for_some_sizes(void **state)
{
  (void)state;
  static const gint64 sizes[][2] = {{1, 1},     {3, 4},      {5, 8},       {9, 16},     {505, 512},
                                    {512, 512}, {513, 1024}, {1024, 1024}, {1025, 2048}};
  for (guint i = 0; i < G_N_ELEMENTS(sizes); i++)
    assert_int_equal(tw_captured_tokens(sizes[i][0], 0), sizes[i][1]);
  assert_int_equal(tw_captured_tokens(505, 32), 512);
  assert_int_equal(tw_captured_tokens(513, 32), 544);
  assert_int_equal(tw_captured_tokens(544, 32), 544);
}

/* TP 2 of the dense model: 4 all-reduces of 3 · 8 numbers, in bf16 2 · 1/2 · 48 bytes = 48 ns each, or a quarter with
 * four bits. The products in front of them have 64 of 192 and 128 of 384 parameters in a layer, half of them on each: 64
 * and 128 ns hide what is not longer, so that of sums in fp32, 96 ns each, 32 remain behind each layer's attention. Sums
 * of experts are no product's, and between domains nothing is fused. */
static void sums_are_sent_in_fewer_bits_or_while_they_are_computed(void **state)
{
  (void)state;
  tw_device device = unit_device();
  tw_step_setting setting = setting_of(&dense, &device, 2, 1, 1, 1);
  double alone_s = cost_of(&setting, &decode3).time_s.first;
  assert_near(cost_of(&setting, &decode3).collective_s, 4 * 48e-9, 1e-18);
  setting.software.sum_bytes = 0.5;
  assert_near(cost_of(&setting, &decode3).collective_s, 48e-9, 1e-18);
  setting.software.sum_bytes = 2;
  setting.software.fused_sums = TRUE;
  assert_near(cost_of(&setting, &decode3).collective_s, 0, 1e-18);
  assert_near(cost_of(&setting, &decode3).time_s.first, alone_s - 4 * 48e-9, 1e-18);
  setting.software.sum_bytes = 4;
  assert_near(cost_of(&setting, &decode3).collective_s, 2 * 32e-9, 1e-18);
  setting.software.sum_bytes = 2;
  setting.reach.tensor = 2;
  double apart_s = cost_of(&setting, &decode3).time_s.first;
  setting.software.fused_sums = FALSE;
  assert_near(apart_s, cost_of(&setting, &decode3).time_s.first, 1e-18);
  setting = setting_of(&moe, &device, 2, 1, 1, 1);
  setting.software.fused_sums = TRUE;
  assert_near(cost_of(&setting, &decode3).collective_s, 2 * 48e-9, 1e-18);
}

/* Experts whose other kernels launch in half a second less are faster by that in each of two layers; where these take 0.5 s
 * for the routing of 6 tokens or more, 3 tokens take a quarter of a second, and where they launch in a second more, they
 * do not count. */
static void the_faster_family_of_experts_counts(void **state)
{
  (void)state;
  tw_device device = unit_device();
  tw_step_setting setting = setting_of(&moe, &device, 1, 1, 1, 1);
  tw_efficiency *e = &device.efficiency[TW_OP_EXPERTS][TW_BF16];
  e->launch_s = 1;
  double alone = cost_of(&setting, &decode3).time_s.first;
  tw_efficiency *other = &device.alternative[TW_BF16];
  *other = *e;
  other->launch_s = e->launch_s - 0.5;
  assert_near(alone - cost_of(&setting, &decode3).time_s.first, 2 * 0.5, 1e-9);
  other->routing_s = 0.5;
  other->routing_tokens = 6;
  assert_near(alone - cost_of(&setting, &decode3).time_s.first, 2 * 0.25, 1e-9);
  other->routing_tokens = 2;
  assert_near(alone - cost_of(&setting, &decode3).time_s.first, 0, 1e-9);
  other->routing_s = 0;
  other->launch_s = e->launch_s + 1;
  assert_near(cost_of(&setting, &decode3).time_s.first, alone, 0);
}

/* Experts bound by arithmetic at a quarter of their peak where rows stay wider than the weights: in mxfp4, and in
 * any fp4 that the device expands; in nvfp4 rows have 4 bits as well. */
static void wider_rows_keep_experts_from_their_peak(void **state)
{
  (void)state;
  tw_device device = unit_device();
  tw_step_setting setting = setting_of(&moe, &device, 1, 1, 1, 1);
  const tw_checkpoint nvfp4 = {.name = "nvfp4"}, mxfp4 = {.name = "mxfp4", .mixed = TRUE, .weights = TW_FP4};
  device.flops[TW_FP4] = 4e12;
  device.flops[TW_BF16] = 1e12;
  for (int p = 0; p < TW_PRECISIONS; p++)
    device.efficiency[TW_OP_EXPERTS][p] =
        (tw_efficiency){.compute_peak = 0.8, .mixed_peak = 0.2, .memory = 1};
  setting.software.compute = setting.software.experts = 1;
  setting.parts = &nvfp4;
  assert_near(tw_kernels_of(&setting, TW_OP_EXPERTS, TW_FP4).flops_per_s, 3.2e12, 1);
  assert_near(tw_kernels_of(&setting, TW_OP_EXPERTS, TW_BF16).flops_per_s, 0.8e12, 1);
  setting.parts = &mxfp4;
  assert_near(tw_kernels_of(&setting, TW_OP_EXPERTS, TW_FP4).flops_per_s, 0.8e12, 1);
  setting.parts = &nvfp4;
  device.flops[TW_FP4] = NAN;
  assert_near(tw_kernels_of(&setting, TW_OP_EXPERTS, TW_FP4).flops_per_s, 0.2e12, 1);
}

/* The same layers in a narrower format, over all devices and models, for decodes of 1 to 512 sequences and a
 * prompt of 4,096 tokens; what a device expands runs on the kernels of bf16, and is compared with that: kernels that
 * expand experts within themselves are another family. */
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
      for (int p = 0; p < TW_PRECISIONS; p++)
        device->efficiency[TW_OP_EXPERTS][p].mixed_peak = 0;
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

/* 7 bytes for each of the model's logits, at 1 ns a byte, whatever part of the head an accelerator holds. */
static void tokens_that_are_drawn_pass_over_the_logits(void **state)
{
  (void)state;
  tw_device device = unit_device();
  device.efficiency[TW_OP_ACTIVATIONS][TW_BF16].memory = 1;
  for (int tp = 1; tp <= 2; tp++) {
    tw_step_setting setting = setting_of(&dense, &device, tp, 1, 1, 1);
    tw_step_cost greedy = cost_of(&setting, &decode3);
    setting.software.logit_bytes = 7;
    tw_step_cost drawn = cost_of(&setting, &decode3);
    double bytes = 3 * 7 * (double)dense.vocab;
    assert_near(drawn.time_s.first - greedy.time_s.first, bytes * 1e-9, 1e-15);
    assert_near(drawn.bytes.first - greedy.bytes.first, tp * bytes, 1e-9);
  }
}

static void launches_and_sequences_take_their_time(void **state)
{
  (void)state;
  tw_device device = unit_device();
  device.efficiency[TW_OP_ACTIVATIONS][TW_BF16].launch_s = 1e-4;
  tw_step_setting setting = setting_of(&dense, &device, 1, 1, 1, 1);
  setting.software =
      (tw_software){.iteration_s = 1e-3, .per_seq_s = 1e-5, .launch = 3, .compute = 1, .sum_bytes = 2};
  double work = (3424 + dense_rows(3, 1)) * 1e-9;
  assert_near(cost_of(&setting, &decode3).time_s.first, 1e-3 + 2 * 3e-4 + 3 * 1e-5 + work, 1e-15);
  /* Beside the accelerators, the three sequences cost nothing while their work takes less. */
  setting.software.overlap = TRUE;
  assert_near(cost_of(&setting, &decode3).time_s.first, 1e-3 + 2 * 3e-4 + work, 1e-15);
  setting.software.per_seq_s = 1;
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

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(tokens_that_are_drawn_pass_over_the_logits),
      cmocka_unit_test(launches_and_sequences_take_their_time),
      cmocka_unit_test(weights_without_arithmetic_of_their_own_are_multiplied_in_bf16),
      cmocka_unit_test(attention_and_head_are_computed_in_bf16),
      cmocka_unit_test(launches_are_no_work_and_sampling_is),
      cmocka_unit_test(every_kernel_is_launched),
      cmocka_unit_test(the_roof_has_a_round_edge),
      cmocka_unit_test(a_product_goes_through_what_it_sums_over_one_by_one),
      cmocka_unit_test(little_kv_is_read_more_slowly_than_much),
      cmocka_unit_test(graphs_pad_the_batch_and_what_is_larger_waits_for_the_host),
      cmocka_unit_test(engines_without_an_exchange_gather_all_tokens),
      cmocka_unit_test(ranks_that_gather_are_padded_alike),
      cmocka_unit_test(graphs_are_captured_for_some_sizes),
      cmocka_unit_test(sums_are_sent_in_fewer_bits_or_while_they_are_computed),
      cmocka_unit_test(the_faster_family_of_experts_counts),
      cmocka_unit_test(wider_rows_keep_experts_from_their_peak),
      cmocka_unit_test(narrower_formats_are_never_slower),
      cmocka_unit_test(exponentials_cost_like_dimensions),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
