/* Copies on their way to the shared store and back, over a network and media whose times one can count by hand. */
#include "sim/network/medium.h"
#include "tests/check.h"
#include "tests/sim/support.h"

/* Reads at 100 B/s, writes at 10 B/s, 2 s an operation of 20 bytes, 4 at a time: one transfer alone gets 40 B/s. */
static const tw_medium slow = {100, 10, 2, 20, 4};

/* 80 bytes alone: 2 + 80/40 = 4 s. Two more are asked for at the same instant. The medium is through with the second
 * after 1.6 s, so that its own pace counts, and with the third after 2.4 s, and 2 s later it is there. 400 bytes have the
 * medium until 6.4 s, and take 2 + 10 s by their own pace; 10 bytes behind them are there at 6.5 + 2 s. Writes know
 * nothing of reads: 80 bytes take 8 s and the latency. */
static void a_medium_serves_one_after_the_other_and_none_faster_than_it_is_alone(void **state)
{
  (void)state;
  tw_medium_use use = {.medium = &slow};
  assert_near(tw_medium_alone_s(&slow, TW_MEDIUM_READ, 80), 4, 1e-12);
  const double there_s[] = {4, 4, 4.4};
  for (int i = 0; i < 3; i++)
    assert_near(tw_medium_serve(&use, TW_MEDIUM_READ, 80, 0), there_s[i], 1e-12);
  assert_near(tw_medium_serve(&use, TW_MEDIUM_READ, 400, 0), 12, 1e-12);
  assert_near(tw_medium_serve(&use, TW_MEDIUM_READ, 10, 0), 6.5 + 2, 1e-12);
  assert_near(tw_medium_serve(&use, TW_MEDIUM_WRITE, 80, 1), 1 + 8 + 2, 1e-12);
}

/* Two engines in turn, 10 ms an iteration and 1 ms a prompt token. Engine 0 computes a prompt of five blocks of 16 tokens
 * until 0.09 s, and copies them to its hosts, 0.1 s each, until 0.59 s. From there 5 MB go over 1 GB/s to a medium that
 * writes 10 MB/s and takes 10 ms: they can be found from 1.1 s on, and not by who asks before. Engine 1, asked after that,
 * waits for the four blocks that can be found: one alone reads 2 * 1 MB / 10 ms, so 10 + 20 ms (the network is done after
 * 4.01 ms), and computes the last 16 tokens in 26 ms. */
static void a_copy_can_be_fetched_once_the_medium_has_written_it(void **state)
{
  (void)state;
  static const test_costs ten_ms = {0.01, 0, 0, 1e-3, FALSE};
  static const struct {
    double asked_s, takes_s;
    int store_tokens;
  } cases[] = {{1.099, 0.09, 0}, {1.101, 0.03 + 0.026, 64}};
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    tw_scenario *scenario = test_scenario(2, &ten_ms, 20);
    scenario->pools[0].prefix_cache = TRUE;
    scenario->pools[0].plan.offload = (tw_offload_config){.host_bytes = 10000000,
                                                          .block_bytes = 1e6,
                                                          .block_s = 0.001,
                                                          .seed = 1,
                                                          .write = TW_OFFLOAD_THROUGH,
                                                          .write_block_s = 0.1};
    test_store(scenario, 1e8);
    scenario->platform->hosts[scenario->platform->n_hosts - 1].medium = (tw_medium){1e9, 1e7, 0.01, 1e6, 2};
    test_route_by(scenario, "round-robin");
    g_autofree char *directory = test_directory();
    g_autofree char *trace = g_strdup_printf("arrival_s,prompt_tokens,answer_tokens,hash_tokens,hashes\n"
                                             "0,80,1,16,1 2 3 4 5\n%.3f,80,1,16,1 2 3 4 5\n",
                                             cases[i].asked_s);
    g_autoptr(tw_recorder) recorder = test_run(scenario, trace, directory);
    g_autoptr(GArray) completion = test_column(directory, "requests", "completion_s");
    assert_near(g_array_index(completion, double, 1), cases[i].asked_s + cases[i].takes_s, 1e-9);
    assert_int_equal(tw_recorder_totals(recorder)->store_tokens, cases[i].store_tokens);
    test_remove(directory);
    test_scenario_free(scenario);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_medium_serves_one_after_the_other_and_none_faster_than_it_is_alone),
      cmocka_unit_test(a_copy_can_be_fetched_once_the_medium_has_written_it),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
