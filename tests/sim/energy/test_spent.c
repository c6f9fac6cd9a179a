/* What a run's seconds, joules and dollars were spent on: sums by hand. */
#include "sim/energy/spent.h"
#include "tests/check.h"

/* Of four seconds, one went to weights and three were idle; of the half joule of the site, 0.25 and 0.05 J. */
static tw_metric_values measured(double capital_usd, double electricity_usd)
{
  tw_spent spent = {.seconds = {[TW_TIME_WEIGHTS] = 1, [TW_TIME_IDLE] = 3},
                    .joules = {[TW_TIME_WEIGHTS] = 0.25, [TW_TIME_IDLE] = 0.05}};
  tw_metric_values values;
  tw_metric_values_clear(&values);
  values.of[TW_METRIC_ENERGY_SITE_J] = 0.5;
  values.of[TW_METRIC_COST_CAPITAL_USD] = capital_usd;
  values.of[TW_METRIC_COST_ELECTRICITY_USD] = electricity_usd;
  values.of[TW_METRIC_COST_USD] =
      (isnan(capital_usd) ? 0 : capital_usd) + (isnan(electricity_usd) ? 0 : electricity_usd);
  tw_spent_measure(&spent, &values);
  return values;
}

static double of_class(const tw_metric_values *values, tw_time_class class)
{
  return values->of[TW_METRIC_SPENT_USD_WEIGHTS + (int)class];
}

static void dollars_follow_seconds_and_joules_and_sum_to_the_cost(void **state)
{
  (void)state;
  /* Capital is 2.5 USD a second, electricity 12 USD a joule: 2.5 + 3, 7.5 + 0.6, and 0.2 J beside. */
  tw_metric_values v = measured(10, 6);
  assert_near(of_class(&v, TW_TIME_WEIGHTS), 5.5, 1e-12);
  assert_near(of_class(&v, TW_TIME_IDLE), 8.1, 1e-12);
  assert_near(v.of[TW_METRIC_SPENT_J_BESIDE], 0.2, 1e-12);
  assert_near(v.of[TW_METRIC_SPENT_USD_BESIDE], 2.4, 1e-12);
  assert_near(of_class(&v, TW_TIME_WEIGHTS) + of_class(&v, TW_TIME_IDLE) + v.of[TW_METRIC_SPENT_USD_BESIDE],
              v.of[TW_METRIC_COST_USD], 1e-12);
}

static void what_has_no_price_costs_nothing(void **state)
{
  (void)state;
  tw_metric_values capital = measured(10, NAN), electricity = measured(NAN, 6);
  assert_near(of_class(&capital, TW_TIME_WEIGHTS), 2.5, 1e-12);
  assert_near(capital.of[TW_METRIC_SPENT_USD_BESIDE], 0, 0);
  assert_near(of_class(&electricity, TW_TIME_WEIGHTS), 3, 1e-12);
  assert_near(electricity.of[TW_METRIC_SPENT_USD_BESIDE], 2.4, 1e-12);
}

static void electricity_that_is_paid_for_taking_it_counts_too(void **state)
{
  (void)state;
  tw_metric_values v = measured(10, -6);
  assert_near(of_class(&v, TW_TIME_WEIGHTS), 2.5 - 3, 1e-12);
  assert_near(v.of[TW_METRIC_SPENT_USD_BESIDE], -2.4, 1e-12);
}

/* Of 8 J of accelerators, 6 are a job's, and half of the accelerators' time; 4 J beside are borne alike. Of 12 USD of
 * electricity 9 are the job's so, and 5 of 10 USD of capital: tokens bear a quarter of the joules, 8 of 22 USD. */
static void tokens_do_not_bear_what_jobs_take(void **state)
{
  (void)state;
  tw_spent spent = {.seconds = {[TW_TIME_WEIGHTS] = 2}, .joules = {[TW_TIME_WEIGHTS] = 2}, .jobs_s = 2};
  tw_metric_values v;
  tw_metric_values_clear(&v);
  v.of[TW_METRIC_TRAINING_J] = 6;
  v.of[TW_METRIC_ENERGY_SITE_J] = 12;
  v.of[TW_METRIC_COST_CAPITAL_USD] = 10;
  v.of[TW_METRIC_COST_ELECTRICITY_USD] = 12;
  v.of[TW_METRIC_COST_USD] = 22;
  v.of[TW_METRIC_ENERGY_J_PER_OUTPUT_TOKEN] = 12;
  v.of[TW_METRIC_COST_USD_PER_MILLION_OUTPUT_TOKENS] = 22;
  v.of[TW_METRIC_ENERGY_OUTPUT_TOKENS_PER_S_PER_MW] = 100;
  tw_spent_measure(&spent, &v);
  tw_spent_leave_out_jobs(&v);
  assert_near(v.of[TW_METRIC_ENERGY_J_PER_OUTPUT_TOKEN], 3, 1e-12);
  assert_near(v.of[TW_METRIC_COST_USD_PER_MILLION_OUTPUT_TOKENS], 8, 1e-12);
  assert_near(v.of[TW_METRIC_ENERGY_OUTPUT_TOKENS_PER_S_PER_MW], 400, 1e-9);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(tokens_do_not_bear_what_jobs_take),
      cmocka_unit_test(dollars_follow_seconds_and_joules_and_sum_to_the_cost),
      cmocka_unit_test(what_has_no_price_costs_nothing),
      cmocka_unit_test(electricity_that_is_paid_for_taking_it_counts_too),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
