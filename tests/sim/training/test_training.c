/* Steps of training by hand, on a device of units. */
#include "sim/training/training.h"
#include "tests/sim/steptime/unit.h"

#define SECONDS 1e-12

/* A FLOP takes 0.1 ns, a byte between accelerators 1 ns, a byte over the NIC 2 ns, a byte of HBM nothing. */
static tw_device arithmetic_device(void)
{
  tw_device device = unit_device();
  for (int i = 0; i < TW_PRECISIONS; i++)
    device.flops[i] = 1e10;
  device.label = "unit";
  device.hbm_bytes_per_s = INFINITY;
  device.efficiency[TW_OP_ACTIVATIONS][TW_BF16].memory = 1;
  device.scale_up_bytes_per_s = 1e9;
  device.scale_out_bytes_per_s = 0.5e9;
  return device;
}

/* Of each sequence of 100 tokens: 2 · 1152 FLOPs a token, 4 · 2 layers · 4 heads · 2 for each of the 5050 pairs of tokens,
 * and a head of 160 a token. */
#define LAYERS_S (1e-10 * (2 * 1152 * 100 + 64 * 5050))
#define HEAD_S   (1e-10 * 160 * 100)
#define MICRO_S  (3 * (LAYERS_S + HEAD_S))
/* Parameters: 1152 in the layers, and two tables of 80. */
#define PARAMS 1312

static tw_training_setting setting_for(const tw_model *model, const tw_device *device)
{
  return (tw_training_setting){.model = model,
                               .device = device,
                               .layout = {1, 1, 1, 1, 1, 1},
                               .batch = 4,
                               .micro_batch = 1,
                               .sequence = 100,
                               .precision = TW_BF16,
                               .gradients = TW_FP32,
                               .expert_imbalance = 1};
}

static tw_training_step step_of(const tw_training_setting *s)
{
  tw_training_cost cost = tw_training_cost_of(s);
  tw_interconnect links = tw_device_links(s->device);
  return tw_training_step_of(s, &cost, &links);
}

static void one_accelerator_does_three_forward_passes_of_each_micro_batch(void **state)
{
  (void)state;
  tw_device device = arithmetic_device();
  tw_training_setting s = setting_for(&dense, &device);
  tw_training_cost cost = tw_training_cost_of(&s);
  assert_near(step_of(&s).step_s, 4 * MICRO_S, SECONDS);
  /* Nothing is waited for: the FLOPs are all that the device can do. */
  assert_near(cost.model_flops / cost.peak_flops, 4 * MICRO_S, SECONDS);
  assert_near(cost.tokens, 400, 0);
  s.recompute = TRUE;
  cost = tw_training_cost_of(&s);
  assert_near(step_of(&s).step_s, 4 * MICRO_S * 4 / 3, SECONDS);
  assert_near(cost.model_flops / cost.peak_flops, 4 * MICRO_S, SECONDS); /* recomputed work does not count */
}

/* Two replicas do two micro-batches each, and sum 4 · 1312 bytes: 2 · 1/2 of them go over each link. */
static void replicas_sum_their_gradients_at_the_end(void **state)
{
  (void)state;
  tw_device device = arithmetic_device();
  tw_training_setting s = setting_for(&dense, &device);
  s.layout.dp = 2;
  assert_near(step_of(&s).step_s, 2 * MICRO_S + PARAMS * 4e-9, SECONDS);
  s.zero = 1; /* half of the gradients in fp32, and half of the weights in 16 bits */
  assert_near(step_of(&s).step_s, 2 * MICRO_S + PARAMS * (2e-9 + 1e-9), SECONDS);
  s.overlap[TW_TRAINING_DATA] = 1; /* shorter than the last micro-batch, which hides it */
  assert_near(step_of(&s).step_s, 2 * MICRO_S, SECONDS);
  s.overlap[TW_TRAINING_DATA] = 0;
  s.reach.groups[TW_TRAINING_DATA] = 2; /* over the NICs, a byte of which takes two */
  assert_near(step_of(&s).step_s, 2 * MICRO_S + 2 * PARAMS * (2e-9 + 1e-9), SECONDS);
}

/* What does not fit beside the last micro-batch sticks out of it. */
static void a_long_exchange_is_hidden_as_far_as_the_last_micro_batch_goes(void **state)
{
  (void)state;
  tw_device device = arithmetic_device();
  device.scale_up_bytes_per_s = 1e6; /* 1312 · 4 us: more than the 170.7 us of a micro-batch */
  tw_training_setting s = setting_for(&dense, &device);
  s.layout.dp = 2;
  s.overlap[TW_TRAINING_DATA] = 1;
  assert_near(step_of(&s).step_s, MICRO_S + PARAMS * 4e-6, SECONDS);
  s.overlap[TW_TRAINING_DATA] = 0.5;
  assert_near(step_of(&s).step_s, MICRO_S + PARAMS * 2e-6 + PARAMS * 2e-6, SECONDS);
}

/* ZeRO 3 in each micro-batch: all-gathers forward and backward of 2 · 1312, a reduce-scatter of 4 · 1312, half of each. */
static void sharded_weights_are_gathered_in_each_micro_batch(void **state)
{
  (void)state;
  tw_device device = arithmetic_device();
  tw_training_setting s = setting_for(&dense, &device);
  s.layout.dp = 2;
  s.zero = 3;
  assert_near(step_of(&s).step_s, 2 * (MICRO_S + PARAMS * (2e-9 + 2e-9)), SECONDS);
  s.zero = 2; /* gradients in each, weights once */
  assert_near(step_of(&s).step_s, 2 * (MICRO_S + PARAMS * 2e-9) + PARAMS * 1e-9, SECONDS);
}

/* Half of the FLOPs; 4 blocks sum 100 · 8 · 2 bytes forward and backward: 8 all-reduces of 2 · 1/2 · 1600. */
static void tensor_parallelism_halves_the_work_and_sums_behind_each_block(void **state)
{
  (void)state;
  tw_device device = arithmetic_device();
  tw_training_setting s = setting_for(&dense, &device);
  s.layout.tp = 2;
  assert_near(step_of(&s).step_s, 4 * (MICRO_S / 2 + 8 * 1600e-9), SECONDS);
  assert_near(step_of(&s).exposed_s, 4 * 8 * 1600e-9, SECONDS);
  s.recompute = TRUE; /* a third sum behind each */
  assert_near(step_of(&s).step_s, 4 * (MICRO_S * 4 / 3 / 2 + 12 * 1600e-9), SECONDS);
}

/* Two stages of a layer; the second has the head, and sets the pace. The bubble is (p − 1) / m of the work. A stage
 * passes 1600 bytes, forward or back. */
static void a_pipeline_idles_for_its_stages_but_one_over_its_micro_batches(void **state)
{
  (void)state;
  tw_device device = arithmetic_device();
  tw_training_setting s = setting_for(&dense, &device);
  s.layout.pp = 2;
  double slowest_s = 3 * (LAYERS_S / 2 + HEAD_S) + 1600e-9;
  tw_training_step step = step_of(&s);
  assert_near(step.bubble_s, slowest_s * 4 * (2 - 1) / 4, SECONDS);
  assert_near(step.step_s, slowest_s * (4 + 1), SECONDS);
  s.overlap[TW_TRAINING_STAGES] = 1; /* sends go beside the next micro-batch */
  assert_near(step_of(&s).step_s, (slowest_s - 1600e-9) * (4 + 1), SECONDS);
}

/* Four layers on two stages in two chunks each: the bubble is half as long, and each stage passes three chunks' activations forward or back. */
static void chunks_shorten_the_bubble(void **state)
{
  (void)state;
  tw_device device = arithmetic_device();
  tw_model model = dense;
  model.layers = model.dense_layers = 4;
  tw_training_setting s = setting_for(&model, &device);
  s.layout.pp = 2;
  s.layout.chunks = 2;
  double slowest_s = 3 * (LAYERS_S + HEAD_S) + 3 * 1600e-9;
  assert_near(step_of(&s).step_s, slowest_s * (4 + 0.5), SECONDS);
}

/* Half of the tokens, and of the pairs, on each. K and V of all 100 tokens, 16 bytes a layer, are gathered forward, and
 * backward twice: half of 1600 bytes comes from the other, 3 · 2 times. */
static void context_parallelism_gathers_keys_and_values(void **state)
{
  (void)state;
  tw_device device = arithmetic_device();
  tw_training_setting s = setting_for(&dense, &device);
  s.layout.cp = 2;
  /* Replicas of the weights are over cp, too: their gradients are summed. */
  assert_near(step_of(&s).step_s, 4 * (MICRO_S / 2 + 6 * 800e-9) + PARAMS * 4e-9, SECONDS);
}

/* Two layers of 4 experts, 2 a token, over two accelerators with a sequence each. Projections 192 parameters, the gate 32,
 * and two experts of 96 a token. A token has a copy for each of its two experts, of which half lie on the other
 * accelerator: there and back 16 bytes each, forward and backward, in each layer. */
static void experts_exchange_tokens_forward_and_backward(void **state)
{
  (void)state;
  tw_device device = arithmetic_device();
  tw_training_setting s = setting_for(&moe, &device);
  s.layout.dp = s.layout.ep = 2;
  double flops = 2 * 2 * (192 + 32 + 2 * 96) * 100 + 64 * 5050 + 160 * 100;
  tw_training_cost cost = tw_training_cost_of(&s);
  assert_near(cost.micro_s, 3e-10 * flops, SECONDS);
  tw_interconnect links = tw_device_links(&device);
  tw_expert_traffic traffic = {2, 1, 2, 0, FALSE, 16, 16};
  tw_collective_costs costs = tw_expert_costs_of(&traffic, &device, &links, FALSE);
  double once_s = tw_collective_time_s(tw_collective_fastest(&costs, &links, 100), &links, 100);
  assert_true(once_s > 0);
  assert_near(cost.sends[TW_TRAINING_EXPERTS].micro_inside_s, 2 * 2 * once_s, SECONDS);
  /* Dense: projections, gates, tables; each expert is on one accelerator, and has no replica. */
  double summed = 2 * (192 + 32) + 2 * 80;
  assert_near(step_of(&s).step_s, 2 * (3e-10 * flops + 4 * once_s) + summed * 4e-9, SECONDS);
}

/* 30 bytes of HBM for each parameter, whose gradients are in fp32. */
static void the_optimizer_reads_and_writes_its_part_of_the_state(void **state)
{
  (void)state;
  tw_device device = arithmetic_device();
  device.hbm_bytes_per_s = 1e15; /* so fast that products do not wait for it */
  tw_training_setting s = setting_for(&dense, &device);
  s.layout.dp = 2;
  assert_near(step_of(&s).optimizer_s, PARAMS * 30e-15, 1e-24);
  s.zero = 1;
  assert_near(step_of(&s).optimizer_s, PARAMS * 15e-15, 1e-24);
}

/* Per accelerator: weights 2 · 1312, gradients 4 · 1312, optimizer 12 · 1312 over two replicas. A token keeps 2 · (4 · 8 +
 * 16 + 8 + 3 · 16) = 208 numbers in two layers; and logits. */
static void state_is_divided_among_replicas_by_the_stage_of_zero(void **state)
{
  (void)state;
  tw_device device = arithmetic_device();
  tw_training_setting s = setting_for(&dense, &device);
  s.layout.dp = 2;
  tw_training_memory m = tw_training_memory_of(&s);
  assert_near(m.weight_bytes, 2 * PARAMS, 0);
  assert_near(m.gradient_bytes, 4 * PARAMS, 0);
  assert_near(m.optimizer_bytes, 12 * PARAMS, 0);
  assert_near(m.activation_bytes, 100 * (2 * 208 + 4 * 10), 1e-9);
  s.zero = 3;
  m = tw_training_memory_of(&s);
  assert_near(m.weight_bytes + m.gradient_bytes + m.optimizer_bytes, 18 * PARAMS / 2.0, 0);
  assert_near(m.gathered_bytes, 2 * 2 * PARAMS / 2.0, 0);
  s.recompute = TRUE; /* the inputs of the two layers, and one layer whole */
  m = tw_training_memory_of(&s);
  assert_near(m.activation_bytes, 100 * (2 * (2 * 8 + 104) + 4 * 10), 1e-9);
}

/* The first of two stages holds two micro-batches of one layer. */
static void a_stage_holds_as_many_micro_batches_as_follow_it(void **state)
{
  (void)state;
  tw_device device = arithmetic_device();
  tw_training_setting s = setting_for(&dense, &device);
  s.layout.pp = 2;
  assert_near(tw_training_memory_of(&s).activation_bytes, 100 * 2 * 2 * 104, 1e-9);
  s.batch = 1;
  assert_near(tw_training_memory_of(&s).activation_bytes, 100 * 2 * 104, 1e-9);
}

/* The first fault of a setting holds a text. */
static void assert_fault(const tw_training_setting *s, const char *text)
{
  g_autoptr(tw_faults) faults = tw_faults_new();
  g_autoptr(tw_document) document =
      tw_document_load(TW_SOURCE_DIR "/workloads/models/llama-3.1-8b.xml", faults);
  tw_training_check(s, tw_document_root(document), faults); /* any element will do */
  const char *first = tw_faults_count(faults) > 0 ? tw_faults_get(faults, 0) : "nothing";
  if (strstr(first, text) == NULL)
    fail_msg("expected \"%s\" in \"%s\"", text, first);
}

static void what_does_not_fit_together_is_refused(void **state)
{
  (void)state;
  tw_device device = arithmetic_device();
  tw_model model = dense;
  model.max_positions = 1000;
  tw_training_setting right = setting_for(&model, &device), s = right;
  assert_fault(&s, "nothing");
  s.layout.tp = 3;
  assert_fault(&s, "tp (3) does not divide the heads of the model (4)");
  s = right, s.layout.pp = 3;
  assert_fault(&s, "more than the 2 layers of dense");
  s = right, s.batch = 5, s.layout.dp = 2;
  assert_fault(&s, "micro-batch * dp (2) does not divide batch (5)");
  s = right, s.layout.chunks = 2;
  assert_fault(&s, "chunks=\"2\" without stages");
  s = right, s.layout.ep = 2;
  assert_fault(&s, "dense has no experts; leave ep out");
  s = right, s.layout.cp = 3;
  assert_fault(&s, "cp (3) does not divide the tokens of a sequence (100)");
  s = right, s.sequence = 2000;
  assert_fault(&s, "more than the 1000 positions");
  s = right, device.flops[TW_FP4] = NAN, s.precision = TW_FP4;
  assert_fault(&s, "precision=\"fp4\": unit multiplies in fp32, bf16");
  s = right, device.hbm_bytes = 60000;
  assert_fault(&s, "training dense does not fit: of 6e-05 GB per unit, weights take");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(one_accelerator_does_three_forward_passes_of_each_micro_batch),
      cmocka_unit_test(replicas_sum_their_gradients_at_the_end),
      cmocka_unit_test(a_long_exchange_is_hidden_as_far_as_the_last_micro_batch_goes),
      cmocka_unit_test(sharded_weights_are_gathered_in_each_micro_batch),
      cmocka_unit_test(tensor_parallelism_halves_the_work_and_sums_behind_each_block),
      cmocka_unit_test(a_pipeline_idles_for_its_stages_but_one_over_its_micro_batches),
      cmocka_unit_test(chunks_shorten_the_bubble),
      cmocka_unit_test(context_parallelism_gathers_keys_and_values),
      cmocka_unit_test(experts_exchange_tokens_forward_and_backward),
      cmocka_unit_test(the_optimizer_reads_and_writes_its_part_of_the_state),
      cmocka_unit_test(state_is_divided_among_replicas_by_the_stage_of_zero),
      cmocka_unit_test(a_stage_holds_as_many_micro_batches_as_follow_it),
      cmocka_unit_test(what_does_not_fit_together_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
