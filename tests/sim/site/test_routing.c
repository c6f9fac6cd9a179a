/* The knowledge that a site's router has of its engines. */
#include "sim/site/routing.h"
#include "tests/check.h"
#include "tests/sim/support.h"

/* Step times that are straight lines are found again. */
static void rates_are_the_lines_of_the_step_times(void **state)
{
  (void)state;
  test_costs costs = {0.007, 2e-5, 4.9e-8, 2.7e-5, FALSE};
  for (int ranks = 1; ranks <= 2; ranks++) {
    tw_scenario *scenario = test_scenario(1, &costs, 1000);
    scenario->pools[0].dp = ranks;
    tw_rates rates = tw_pool_rates(&scenario->pools[0]);
    assert_near(rates.iteration_s, 0.007, 1e-12);
    assert_near(rates.sequence_s, 2e-5, 1e-12);
    assert_near(rates.context_s, 4.9e-8, 1e-15);
    assert_near(rates.prompt_s, 2.7e-5, 1e-12);
    assert_near(rates.pair_s, 0, 1e-15);
    assert_near(rates.budget_tokens, (double)scenario->pools[0].max_batched_tokens, 0);
    test_scenario_free(scenario);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rates_are_the_lines_of_the_step_times),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
