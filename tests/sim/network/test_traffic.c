#include "sim/network/traffic.h"
#include "tests/check.h"

typedef struct row {
  double start_s, length_s;
  int link;
  double bytes;
} row;

static const double open_rates[] = {INFINITY, INFINITY, INFINITY};

static void keep(void *user, double start_s, double length_s, int link, double bytes)
{
  row r = {start_s, length_s, link, bytes};
  g_array_append_val((GArray *)user, r);
}

static void check_row(const GArray *rows, guint i, double start_s, double length_s, int link, double bytes)
{
  assert_true(i < rows->len);
  const row *r = &g_array_index(rows, row, i);
  assert_near(r->start_s, start_s, 1e-12);
  assert_near(r->length_s, length_s, 1e-12);
  assert_int_equal(r->link, link);
  assert_near(r->bytes, bytes, 1e-9);
}

static void bytes_are_spread_evenly_over_the_time_of_a_flow(void **state)
{
  (void)state;
  g_autoptr(GArray) rows = g_array_new(FALSE, FALSE, sizeof(row));
  g_autoptr(tw_traffic) traffic = tw_traffic_new(3, open_rates, 1, keep, rows);
  int links[] = {2, 0};
  /* 20 bytes from 0.5 s to 2.5 s: 5, 10, 5. The run ends in the middle of the third interval. */
  tw_traffic_add(traffic, links, 2, 20, 0.5, 2.5);
  tw_traffic_settle(traffic, 1.9);
  assert_int_equal(rows->len, 2); /* the first interval alone is complete */
  tw_traffic_close(traffic, 2.5);
  assert_int_equal(rows->len, 6);
  check_row(rows, 0, 0, 1, 0, 5);
  check_row(rows, 1, 0, 1, 2, 5);
  check_row(rows, 2, 1, 1, 0, 10);
  check_row(rows, 3, 1, 1, 2, 10);
  check_row(rows, 4, 2, 0.5, 0, 5);
  check_row(rows, 5, 2, 0.5, 2, 5);
  assert_near(tw_traffic_link_bytes(traffic, 2), 20, 1e-12);
  assert_near(tw_traffic_link_bytes(traffic, 1), 0, 0);
  assert_near(tw_traffic_link_peak(traffic, 0), 10, 1e-12); /* 10 a second in the second and third */
}

static void rows_sum_to_the_bytes_of_the_flows(void **state)
{
  (void)state;
  g_autoptr(GArray) rows = g_array_new(FALSE, FALSE, sizeof(row));
  g_autoptr(tw_traffic) traffic = tw_traffic_new(1, open_rates, 0.1, keep, rows);
  int link = 0;
  double sent = 0, logged = 0;
  for (int i = 0; i < 1000; i++) {
    double bytes = 1e9 / (i + 1);
    tw_traffic_add(traffic, &link, 1, bytes, i * 0.037, i * 0.037 + 0.01 * (i % 50));
    sent += bytes;
    tw_traffic_settle(traffic, i * 0.037 - 0.5);
  }
  tw_traffic_close(traffic, 40);
  for (guint i = 0; i < rows->len; i++)
    logged += g_array_index(rows, row, i).bytes;
  assert_near(logged, sent, 1e-9 * sent);
  assert_near(tw_traffic_link_bytes(traffic, 0), sent, 1e-9 * sent);
}

static void no_interval_holds_more_than_its_link_carries(void **state)
{
  (void)state;
  g_autoptr(GArray) rows = g_array_new(FALSE, FALSE, sizeof(row));
  double rate = 100;
  g_autoptr(tw_traffic) traffic = tw_traffic_new(1, &rate, 1, keep, rows);
  int link = 0;
  /* One flow has the link to itself from 0 to 2 s, and shares it then until both end at 4 s: it carried 300
   * bytes, the other 100. Spread evenly, the last two seconds would hold 75 + 50 bytes each. */
  tw_traffic_add(traffic, &link, 1, 100, 2, 4);
  tw_traffic_add(traffic, &link, 1, 300, 0, 4);
  tw_traffic_close(traffic, 4);
  assert_int_equal(rows->len, 4);
  for (guint i = 0; i < 4; i++)
    check_row(rows, i, i, 1, 0, 100);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(bytes_are_spread_evenly_over_the_time_of_a_flow),
      cmocka_unit_test(rows_sum_to_the_bytes_of_the_flows),
      cmocka_unit_test(no_interval_holds_more_than_its_link_carries),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
