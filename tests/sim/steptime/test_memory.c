/* The use of HBM: by hand, and for a model and device of the catalogue. */
#include "sim/steptime/memory.h"
#include "tests/check.h"

/* Per layer 576 parameters (see test_step_time.c), head and embedding 80 each; 16 bytes of KV in bf16. */
static const tw_model tiny = {.label = "tiny",
                              .layers = 4,
                              .dense_layers = 4,
                              .hidden = 8,
                              .vocab = 10,
                              .heads = 4,
                              .kv_heads = 2,
                              .head_dim = 2,
                              .intermediate = 16};

static tw_memory plan(const tw_model *model, int tp, int pp, int dp, int ep)
{
  tw_device device = {.hbm_bytes = 1e6, .reserved_bytes = 1000};
  tw_step_setting setting = {.model = model,
                             .device = &device,
                             .parallelism = {tp, pp, dp, ep},
                             .weights = TW_BF16,
                             .kv = TW_BF16,
                             .attention = TW_BF16};
  return tw_memory_plan(&setting, 0.9, 100, 10, 16);
}

/* Weights 2 · (4 · 576 + 2 · 80). Activations: of 100 tokens 2 · (2 · 8 + 3 · 16), and logits 4 · 10 · 10.
 * KV: 4 layers of 16 bytes a token. */
static void what_weights_and_activations_leave_holds_the_cache(void **state)
{
  (void)state;
  tw_memory m = plan(&tiny, 1, 1, 1, 1);
  assert_near(m.weight_bytes, 4928, 1e-9);
  assert_near(m.activation_bytes, 2 * 100 * 64 + 400, 1e-9);
  assert_near(m.kv_bytes, 9e5 - 4928 - 13200 - 1000, 1e-9);
  assert_near(m.kv_bytes_per_token, 64, 0);
  assert_int_equal(m.kv_blocks, 860); /* 880872 / (64 · 16) = 860.2 */
}

/* TP 4 over 2 KV heads: a quarter of the weights, but half of the KV; the tied embedding is stored once. */
static void parallelism_divides_weights_and_kv_heads(void **state)
{
  (void)state;
  tw_model tied = tiny;
  tied.tied_embeddings = TRUE;
  assert_near(plan(&tiny, 4, 1, 1, 1).weight_bytes, 4928.0 / 4, 1e-9);
  assert_near(plan(&tiny, 4, 1, 1, 1).kv_bytes_per_token, 32, 0);
  assert_near(plan(&tiny, 2, 2, 1, 1).weight_bytes, 4928.0 / 4, 1e-9);
  assert_near(plan(&tiny, 2, 2, 1, 1).kv_bytes_per_token, 16, 0);
  assert_near(plan(&tied, 1, 1, 1, 1).weight_bytes, 4928 - 160, 1e-9);
}

/* Attention is replicated over data-parallel ranks, experts are divided over all accelerators. 4 layers:
 * attention 192 and gate 32 parameters, 4 experts of 96. */
static void experts_are_divided_over_all_ranks(void **state)
{
  (void)state;
  tw_model moe = tiny;
  moe.intermediate = moe.dense_layers = 0;
  moe.experts = 4;
  moe.experts_per_token = 2;
  moe.expert_intermediate = 4;
  assert_near(plan(&moe, 1, 1, 1, 1).weight_bytes, 2 * 4 * (224 + 4 * 96) + 320, 1e-9);
  assert_near(plan(&moe, 1, 1, 4, 4).weight_bytes, 2 * 4 * (224 + 96) + 320, 1e-9);
}

/* A drafter of one layer on the last of two stages: its 576 parameters whole, beside half of the model's, and its 16
 * bytes of KV beside those of two layers. Of its tables of 26 rows it borrows 10: 16 rows of 8 are its own. */
static void a_drafter_takes_its_part_of_the_last_stage(void **state)
{
  (void)state;
  tw_model drafter = tiny;
  drafter.layers = drafter.dense_layers = 1;
  drafter.vocab = 26;
  drafter.borrowed_vocab = 10;
  drafter.tied_embeddings = TRUE;
  tw_device device = {.hbm_bytes = 1e6, .reserved_bytes = 1000};
  tw_step_setting setting = {.model = &tiny,
                             .drafter = &drafter,
                             .device = &device,
                             .parallelism = {1, 2, 1, 1},
                             .weights = TW_BF16,
                             .kv = TW_BF16,
                             .attention = TW_BF16};
  tw_memory m = tw_memory_plan(&setting, 0.9, 100, 10, 16);
  assert_near(m.weight_bytes, 4928.0 / 2 + 2 * (576 + 16 * 8), 1e-9);
  assert_near(m.kv_bytes_per_token, 32 + 16, 0);
}

/* Two of the four layers keep a window of 5 tokens for each of the 10 sequences, reserved at once. */
static void windowed_layers_take_a_fixed_share(void **state)
{
  (void)state;
  tw_model windowed = tiny;
  windowed.window = 5;
  windowed.window_layers = 2;
  tw_memory m = plan(&windowed, 1, 1, 1, 1);
  assert_near(m.kv_bytes_per_token, 32, 0);
  assert_near(m.window_bytes, 2 * 16 * 5 * 10, 1e-9);

  windowed.window_layers = 4; /* nothing is left that grows: the cache never runs out */
  assert_true(plan(&windowed, 1, 1, 1, 1).kv_blocks > 1000000000);
}

static void a_model_that_is_too_large_leaves_no_block(void **state)
{
  (void)state;
  tw_model large = tiny;
  large.layers = large.dense_layers = 4000;
  tw_memory m = plan(&large, 1, 1, 1, 1);
  assert_true(m.kv_bytes < 0);
  assert_int_equal(m.kv_blocks, 0);
}

/* Llama-3.1-70B in FP8 on 8 H100: 70.6 G parameters, of which 2.1 G stay in bf16: 72.7 GB, 9.1 GB each. KV in
 * FP8: 80 layers · 2 · 128 bytes = 20,480 a token and accelerator (one KV head each). Of 0.9 · 80 GiB about
 * 66 GB are left: 3.2 M tokens. */
static void llama_70b_on_8_h100_keeps_3_million_tokens(void **state)
{
  (void)state;
  g_autoptr(tw_faults) faults = tw_faults_new();
  g_autoptr(tw_model) model = tw_model_load("llama-3.1-70b", NULL, faults);
  g_autoptr(tw_device) h100 = tw_device_load("h100-sxm", NULL, faults);
  assert_non_null(model);
  assert_non_null(h100);
  tw_step_setting setting = {.model = model,
                             .device = h100,
                             .parallelism = {8, 1, 1, 1},
                             .weights = TW_FP8,
                             .kv = TW_FP8,
                             .attention = TW_FP8};
  tw_memory m = tw_memory_plan(&setting, 0.9, 8192, 256, 16);
  assert_near(m.weight_bytes, 9.09e9, 0.02e9);
  assert_near(m.kv_bytes_per_token, 20480, 0);
  assert_near((double)m.kv_blocks * 16, 3.2e6, 0.15e6);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_weights_and_activations_leave_holds_the_cache),
      cmocka_unit_test(parallelism_divides_weights_and_kv_heads),
      cmocka_unit_test(experts_are_divided_over_all_ranks),
      cmocka_unit_test(a_drafter_takes_its_part_of_the_last_stage),
      cmocka_unit_test(windowed_layers_take_a_fixed_share),
      cmocka_unit_test(a_model_that_is_too_large_leaves_no_block),
      cmocka_unit_test(llama_70b_on_8_h100_keeps_3_million_tokens),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
