/* Bursts: when a link is full, and what waits for it. */
#include "sim/network/bursts.h"
#include "tests/check.h"

static void two_flows_that_share_a_link_fill_it_until_the_last_ends(void **state)
{
  (void)state;
  /* 100 bytes/s. A: 150 bytes from 0, B: 50 bytes from 0: B ends at 1 s with half of the link, A at 2 s. Alone A
   * would take 1.5 s and B 0.5: 150 · 0.5 / 2 + 50 · 0.5 / 2 bytes times seconds wait. */
  double rate = 100;
  g_autoptr(tw_bursts) bursts = tw_bursts_new(1, &rate);
  tw_bursts_add(bursts, 0, 50, 0, 1, 0.5);
  tw_bursts_add(bursts, 0, 150, 0, 2, 1.5);
  tw_burst_sums sums = tw_bursts_take(bursts, 0, 4);
  assert_near(sums.active_s, 2, 1e-12);
  assert_near(sums.full_s, 2, 1e-12);
  assert_near(sums.waiting_byte_s, 50, 1e-12);
}

static void a_flow_that_another_link_slows_down_leaves_room(void **state)
{
  (void)state;
  double rate = 100;
  g_autoptr(tw_bursts) bursts = tw_bursts_new(1, &rate);
  tw_bursts_add(bursts, 0, 50, 1, 2, 1);
  tw_burst_sums sums = tw_bursts_take(bursts, 0, 4);
  assert_near(sums.active_s, 1, 1e-12);
  assert_near(sums.full_s, 0, 0);
}

static void a_burst_is_cut_at_the_edge_of_an_interval(void **state)
{
  (void)state;
  double rate = 100;
  g_autoptr(tw_bursts) bursts = tw_bursts_new(1, &rate);
  tw_bursts_add(bursts, 0, 200, 0.5, 2.5, 2);
  assert_near(tw_bursts_take(bursts, 0, 1).full_s, 0.5, 1e-12);
  assert_near(tw_bursts_take(bursts, 0, 2).full_s, 1, 1e-12);
  assert_near(tw_bursts_take(bursts, 0, 3).full_s, 0.5, 1e-12);
  assert_near(tw_bursts_take(bursts, 0, 4).active_s, 0, 0);
}

static void short_full_bursts_in_a_long_interval_are_told(void **state)
{
  (void)state;
  /* Ten bursts of 10 ms at the full rate: 10 % of the mean, all of the time that anything was sent. */
  double rate = 100;
  g_autoptr(tw_bursts) bursts = tw_bursts_new(1, &rate);
  for (int i = 0; i < 10; i++)
    tw_bursts_add(bursts, 0, 1, i * 0.1, i * 0.1 + 0.01, 0.01);
  tw_burst_sums sums = tw_bursts_take(bursts, 0, 1);
  assert_near(sums.active_s, 0.1, 1e-12);
  assert_near(sums.full_s, 0.1, 1e-12);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(two_flows_that_share_a_link_fill_it_until_the_last_ends),
      cmocka_unit_test(a_flow_that_another_link_slows_down_leaves_room),
      cmocka_unit_test(a_burst_is_cut_at_the_edge_of_an_interval),
      cmocka_unit_test(short_full_bursts_in_a_long_interval_are_told),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
