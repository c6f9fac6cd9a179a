/* Speculative decoding: the time of a token, against the closed form. */
#include "sim/steptime/speculation.h"
#include "tests/check.h"
#include "tests/sim/support.h"

/* 1 + 1/2 + 1/4 + 1/8; none accepted; all accepted. */
static void an_iteration_emits_a_geometric_sum_of_tokens(void **state)
{
  (void)state;
  assert_near(tw_speculation_tokens(&(tw_speculation){3, 0.5, 0}), 1.875, 0);
  assert_near(tw_speculation_tokens(&(tw_speculation){3, 0, 0}), 1, 0);
  assert_near(tw_speculation_tokens(&(tw_speculation){3, 1, 0}), 4, 0);
  assert_near(tw_speculation_tokens(&(tw_speculation){5, 0.8, 0}), (1 - pow(0.8, 6)) / 0.2, 1e-12);
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
      {{3, 0.5, 0.1}, (0.02505 + 0.003 + 0.3 * 0.02505) / 1.875},
      {{3, 1, 0}, (0.02505 + 0.003) / 4},
      {{1, 0, 0}, 0.02505 + 0.001}, /* drafts that are never accepted only cost */
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
  scenario->pools[0].speculation = (tw_speculation){1, 1, 0}; /* 11 ms for two tokens */
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

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_iteration_emits_a_geometric_sum_of_tokens),
      cmocka_unit_test(a_token_takes_its_part_of_verification_and_drafts),
      cmocka_unit_test(iterations_with_prompt_chunks_go_without_drafts),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
