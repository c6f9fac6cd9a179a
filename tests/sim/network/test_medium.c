/* Storage media: bandwidth, latency and queue depth, by Little's law. */
#include "sim/network/medium.h"
#include "tests/check.h"

static void a_shallow_queue_limits_what_a_medium_reads(void **state)
{
  (void)state;
  /* Eight operations of 4 KiB a millisecond are 32.768 MB/s, whatever the bandwidth of 1 GB/s: 0.1 s and the latency. */
  tw_medium medium = {1e9, 1e9, .latency_s = 1e-3, .io_bytes = 4096, .queue_depth = 8};
  tw_medium_use use = {.medium = &medium};
  assert_near(tw_medium_alone_s(&medium, TW_MEDIUM_READ, 3276800), 0.101, 1e-12);
  assert_near(tw_medium_serve(&use, TW_MEDIUM_READ, 3276800, 5), 5.101, 1e-12);
}

static void reads_that_come_together_share_the_bandwidth(void **state)
{
  (void)state;
  /* 0.1 s each at 1 GB/s, one behind the other: 5.1 and 5.2, and the latency. Writes have a bandwidth of their own. */
  tw_medium medium = {1e9, 2e9, .latency_s = 1e-3, .io_bytes = 1 << 20, .queue_depth = 64};
  tw_medium_use use = {.medium = &medium};
  assert_near(tw_medium_serve(&use, TW_MEDIUM_READ, 1e8, 5), 5.101, 1e-12);
  assert_near(tw_medium_serve(&use, TW_MEDIUM_READ, 1e8, 5), 5.201, 1e-12);
  assert_near(tw_medium_serve(&use, TW_MEDIUM_WRITE, 1e8, 5), 5.051, 1e-12);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_shallow_queue_limits_what_a_medium_reads),
      cmocka_unit_test(reads_that_come_together_share_the_bandwidth),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
