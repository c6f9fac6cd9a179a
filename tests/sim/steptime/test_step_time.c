/* Step times: lines, and the costs that are lines while they are valid. */
#include "tests/sim/steptime/unit.h"

/* ---- Classes of time ---- */

static void the_time_of_a_decode_is_reading_weights_and_kv(void **state)
{
  (void)state;
  /* A byte takes 1 ns and arithmetic none: 2304 bytes of layers, 160 of the head, 32 of each token of context;
   * rows of the products are of their class. */
  tw_step_cost cost = unit_cost(&dense, 1, 1, 1, 1, &decode3);
  assert_classes_sum(&cost);
  assert_near(class_s(&cost, TW_TIME_WEIGHTS), 2464e-9, 1e-9);
  assert_near(class_s(&cost, TW_TIME_KV), 30 * 32e-9, 1e-9);
  assert_near(cost.classes[TW_TIME_KV].growth, 3 * 32e-9, 1e-9);
  assert_near(class_s(&cost, TW_TIME_LINEAR), dense_rows(3, 1) * 1e-9, 1e-9);
  assert_near(class_s(&cost, TW_TIME_HOST), 0, 1e-18);
}

static void a_rank_without_work_waits_for_the_other(void **state)
{
  (void)state;
  /* Of two ranks one works all the time and the other never: in the mean each class takes half. */
  tw_batch ranks[] = {decode3, {.next_full = G_MAXINT64}};
  tw_step_cost alone = unit_cost(&dense, 1, 1, 1, 1, &decode3), both = unit_cost(&dense, 1, 1, 2, 1, ranks);
  assert_classes_sum(&both);
  assert_near(class_s(&both, TW_TIME_KV), class_s(&alone, TW_TIME_KV) / 2, 1e-12);
  assert_near(class_s(&both, TW_TIME_SLOWEST), both.time_s.first / 2, 1e-12);
}

static void a_stage_waits_while_the_others_work(void **state)
{
  (void)state;
  /* One sequence in two stages: each works half of the time, but for what is sent from one to the other. */
  tw_batch one = {
      .decode_seqs = 1, .decode_context = 10, .decode_windowed = 10, .next_full = G_MAXINT64, .sampled = 1};
  tw_step_cost cost = unit_cost(&dense, 1, 2, 1, 1, &one);
  assert_classes_sum(&cost);
  assert_near(class_s(&cost, TW_TIME_BUBBLE), cost.time_s.first * cost.bubble, 1e-12);
  assert_near(cost.bubble, 0.5, 0.01);
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

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_time_of_a_decode_is_reading_weights_and_kv),
      cmocka_unit_test(a_rank_without_work_waits_for_the_other),
      cmocka_unit_test(a_stage_waits_while_the_others_work),
      cmocka_unit_test(the_larger_of_two_lines_holds_until_they_cross),
      cmocka_unit_test(the_boundary_that_a_time_reaches_is_the_first_not_before_it),
      cmocka_unit_test(roofline_costs_are_lines_while_they_are_valid),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
