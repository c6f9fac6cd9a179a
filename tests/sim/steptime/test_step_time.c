/* Step times: lines, and the costs that are lines while they are valid. */
#include "tests/sim/steptime/unit.h"

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
      cmocka_unit_test(the_larger_of_two_lines_holds_until_they_cross),
      cmocka_unit_test(the_boundary_that_a_time_reaches_is_the_first_not_before_it),
      cmocka_unit_test(roofline_costs_are_lines_while_they_are_valid),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
