/* Speculative decoding: the time of a token, against the closed form. */
#include "sim/steptime/speculation.h"
#include "tests/check.h"
#include "tests/sim/support.h"

/* 1 + 1/2 + 1/4 + 1/8; none accepted; all accepted. */
static void an_iteration_emits_a_geometric_sum_of_tokens(void **state)
{
  (void)state;
  assert_near(tw_speculation_tokens(&(tw_speculation){3, 0.5, 0, NULL}), 1.875, 0);
  assert_near(tw_speculation_tokens(&(tw_speculation){3, 0, 0, NULL}), 1, 0);
  assert_near(tw_speculation_tokens(&(tw_speculation){3, 1, 0, NULL}), 4, 0);
  assert_near(tw_speculation_tokens(&(tw_speculation){5, 0.8, 0, NULL}), (1 - pow(0.8, 6)) / 0.2, 1e-12);
}

/* Of eight iterations six accept the first of three draft tokens, four the second too, one all: 8 + 6 + 4 + 1 tokens. */
static void measured_shares_tell_the_tokens_of_an_iteration(void **state)
{
  (void)state;
  static const double accepted[] = {0.75, 0.5, 0.125};
  assert_near(tw_speculation_tokens(&(tw_speculation){3, NAN, 0, accepted}), 19.0 / 8, 1e-15);
  assert_near(tw_speculation_tokens(&(tw_speculation){2, NAN, 0, accepted}), 18.0 / 8, 1e-15);
}

/* 10 ms an iteration, 1 ms a token that is computed beside the first of each sequence, 0.1 ms a token of
 * context. A prompt of 100 tokens, and 101 more of output. Without drafts, iteration i of 100 attends to 101
 * + i tokens: 10 + 0.1 · 101 + 0.1 · 49.5 = 25.05 ms on average. With three drafts of a tenth of that each, a
 * token takes (25.05 + 3 · 1 + 3 · 0.1 · 25.05) / m. The first token comes with the prompt, 110 ms, as ever.
 */
static void a_token_takes_its_part_of_verification_and_drafts(void **state)
{
  (void)state;
  static const test_costs costs = {0.01, 0, 1e-4, 1e-3, FALSE};
  static const struct {
    tw_speculation speculation;
    double tpot_s;
  } cases[] = {
      {{0}, 0.02505},
      {{3, 0.5, 0.1, NULL}, (0.02505 + 0.003 + 0.3 * 0.02505) / 1.875},
      {{3, 1, 0, NULL}, (0.02505 + 0.003) / 4},
      {{1, 0, 0, NULL}, 0.02505 + 0.001}, /* drafts that are never accepted only cost */
  };
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++)
    for (int exact = 0; exact < 2; exact++) {
      tw_scenario *scenario = test_scenario(1, &costs, 1000);
      scenario->pools[0].speculation = cases[i].speculation;
      scenario->exact_steps = exact;
      g_autofree char *directory = test_directory();
      g_autoptr(tw_recorder) recorder =
          test_run(scenario, "arrival_s,prompt_tokens,answer_tokens\n0,100,101\n", directory);
      g_autoptr(GArray) first = test_column(directory, "requests", "first_token_s"),
                        last = test_column(directory, "requests", "completion_s");
      assert_near(g_array_index(first, double, 0), 0.11, 1e-9);
      assert_near((g_array_index(last, double, 0) - g_array_index(first, double, 0)) / 100, cases[i].tpot_s,
                  1e-9);
      test_remove(directory);
      test_scenario_free(scenario);
    }
}

/* While B's prompt of 500 tokens is computed in five chunks beside it, A decodes without drafts: five tokens
 * in five iterations of 110 ms; before and after, a token takes 5 ms. */
static void iterations_with_prompt_chunks_go_without_drafts(void **state)
{
  (void)state;
  static const test_costs costs = {0.01, 0, 0, 1e-3, FALSE};
  tw_scenario *scenario = test_scenario(1, &costs, 1000);
  scenario->pools[0].speculation = (tw_speculation){1, 1, 0, NULL}; /* 11 ms for two tokens */
  scenario->pools[0].max_batched_tokens = 101;
  g_autofree char *directory = test_directory();
  g_autoptr(tw_recorder) recorder =
      test_run(scenario, "arrival_s,prompt_tokens,answer_tokens\n0,100,31\n0.1625,500,1\n", directory);
  g_autoptr(GArray) ends = test_column(directory, "requests", "completion_s");
  /* The prompt ends at 110 ms, ten tokens at 165 ms; five more at 715 ms, and B ends; 15 more in 82.5 ms. */
  assert_near(g_array_index(ends, double, 0), 0.715, 1e-9);
  assert_near(g_array_index(ends, double, 1), 0.7975, 1e-9);
  test_remove(directory);
  test_scenario_free(scenario);
}

/* A device that computes 1e12 FLOPs and reads 1e12 bytes a second, in no time beside, so that times are bytes or FLOPs. */
static tw_step_setting setting_of(const tw_model *model, const tw_model *drafter, tw_device *device)
{
  device->hbm_bytes = 1e12;
  device->hbm_bytes_per_s = 1e12;
  for (int i = 0; i < TW_PRECISIONS; i++) {
    device->flops[i] = 1e12;
    for (int op = 0; op < TW_OP_CLASSES; op++)
      device->efficiency[op][i] = (tw_efficiency){.compute_peak = 1, .memory = 1};
  }
  return (tw_step_setting){
      .model = model,
      .drafter = drafter,
      .device = device,
      .parallelism = {1, 1, 1, 1},
      .weights = TW_BF16,
      .kv = TW_BF16,
      .attention = TW_BF16,
      .software = {.compute = 1, .fp8 = 1, .experts = 1, .launch = 1, .sum_bytes = 2, .iteration_s = 1}};
}

/* An iteration of the model and passes of its drafter follow each other: with three drafts, one pass over four tokens of
 * each sequence and two over one of each; none of them waits for the host, which takes a second of an iteration. */
static void a_drafter_passes_once_for_each_token(void **state)
{
  (void)state;
  static const double accepted[] = {0.75, 0.5, 0.25};
  static const tw_model model = {.layers = 4,
                                 .dense_layers = 4,
                                 .hidden = 8,
                                 .vocab = 10,
                                 .heads = 4,
                                 .kv_heads = 2,
                                 .head_dim = 2,
                                 .intermediate = 16,
                                 .uncapped_share = 1};
  tw_model drafter = model;
  drafter.layers = drafter.dense_layers = 1;
  tw_device device = {0};
  tw_step_setting with = setting_of(&model, &drafter, &device), without = setting_of(&model, NULL, &device),
                  alone = setting_of(&drafter, NULL, &device);
  alone.software.iteration_s = 0;
  g_autoptr(tw_step_model) both = tw_step_model_new(&tw_step_roofline, &with, NULL, NULL);
  g_autoptr(tw_step_model) plain = tw_step_model_new(&tw_step_roofline, &without, NULL, NULL);
  g_autoptr(tw_step_model) draft = tw_step_model_new(&tw_step_roofline, &alone, NULL, NULL);
  tw_speculation speculation = {3, NAN, 0, accepted};
  tw_batch batch = tw_batch_of_decodes(&model.caps, 5, 100), verified = batch;
  verified.drafted = 3;
  tw_step_cost cost, verify, first, next;
  tw_step_model_cost(both, &batch, 1, &cost);
  tw_speculation_cost(&speculation, both, &batch, 1, &cost);
  tw_step_model_cost(plain, &verified, 1, &verify);
  tw_step_model_cost(draft, &verified, 1, &first);
  tw_step_model_cost(draft, &batch, 1, &next);
  assert_near(cost.time_s.first, (verify.time_s.first + first.time_s.first + 2 * next.time_s.first) / 2.5,
              1e-15);
  assert_near(cost.bytes.growth, (verify.bytes.growth + 3 * next.bytes.growth) / 2.5, 1e-9);
  assert_true(verify.time_s.first > 1 && first.time_s.first < 1e-6);
  assert_int_equal(batch.drafted, 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_iteration_emits_a_geometric_sum_of_tokens),
      cmocka_unit_test(measured_shares_tell_the_tokens_of_an_iteration),
      cmocka_unit_test(a_drafter_passes_once_for_each_token),
      cmocka_unit_test(a_token_takes_its_part_of_verification_and_drafts),
      cmocka_unit_test(iterations_with_prompt_chunks_go_without_drafts),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
