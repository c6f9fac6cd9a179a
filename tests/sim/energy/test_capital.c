/* Dollars by the hour: sums by hand. */
#include "sim/energy/capital.h"
#include "tests/check.h"

/* Half an hour of two hosts of eight accelerators in two racks, and a storage host with room for 3 TB of KV. */
static double half_hour_usd(double accelerator_usd, double rack_usd, double tb_usd)
{
  tw_host hosts[] = {{.accelerators = 8}, {.accelerators = 8}, {.kv_bytes = 3e12}};
  tw_platform platform = {.hosts = hosts, .n_hosts = G_N_ELEMENTS(hosts), .n_racks = 2};
  tw_scenario scenario = {.platform = &platform,
                          .accelerator_hour_usd = accelerator_usd,
                          .rack_hour_usd = rack_usd,
                          .kv_tb_hour_usd = tb_usd};
  return tw_capital_usd(&scenario, 1800);
}

static void each_price_counts_what_it_is_of(void **state)
{
  (void)state;
  assert_near(half_hour_usd(2, NAN, NAN), 16, 1e-12);
  assert_near(half_hour_usd(NAN, 10, NAN), 10, 1e-12);
  assert_near(half_hour_usd(NAN, NAN, 0.5), 0.75, 1e-12);
  assert_near(half_hour_usd(2, 10, 0.5), 26.75, 1e-12);
}

static void a_site_without_prices_has_no_cost(void **state)
{
  (void)state;
  assert_true(isnan(half_hour_usd(NAN, NAN, NAN)));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_price_counts_what_it_is_of),
      cmocka_unit_test(a_site_without_prices_has_no_cost),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
