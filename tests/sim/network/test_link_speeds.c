/* Links that carry less, or nothing, for a while: answers by hand, and a naive twin. */
#include "tests/check.h"
#include "tests/sim/net_support.h"
#include "workloads/draw/chance.h"

#include <glib/gstdio.h>

/* Hosts a, b and c; a link of 10 GB/s from a to c and one from b to c, over a third of 10 GB/s. */
static const char text[] =
    "<?xml version=\"1.0\"?><!DOCTYPE platform SYSTEM \"https://simgrid.org/simgrid.dtd\"><platform "
    "version=\"4.1\">"
    "<zone id=\"site\" routing=\"Full\"><host id=\"a\" speed=\"1Gf\"/><host id=\"b\" speed=\"1Gf\"/>"
    "<host id=\"c\" speed=\"1Gf\"/><link id=\"a-nic\" bandwidth=\"10GBps\" latency=\"0us\"/>"
    "<link id=\"b-nic\" bandwidth=\"10GBps\" latency=\"0us\"/><link id=\"up\" bandwidth=\"10GBps\" "
    "latency=\"0us\"/>"
    "<route src=\"a\" dst=\"c\"><link_ctn id=\"a-nic\"/><link_ctn id=\"up\"/></route>"
    "<route src=\"b\" dst=\"c\"><link_ctn id=\"b-nic\"/><link_ctn id=\"up\"/></route>"
    "<route src=\"a\" dst=\"b\"><link_ctn id=\"a-nic\"/><link_ctn id=\"b-nic\"/></route></zone></platform>";

static void run(const test_flow *flows, int n, const test_change *changes, int n_changes, double *ends_s)
{
  g_autofree char *directory = g_dir_make_tmp("tokenworks-links-XXXXXX", NULL);
  g_autofree char *path = g_build_filename(directory, "platform.xml", NULL);
  assert_true(g_file_set_contents(path, text, -1, NULL));
  test_flows_over_changing_links(path, flows, n, changes, n_changes, ends_s);
  g_unlink(path);
  g_rmdir(directory);
}

/* 10 GB over 10 GB/s. At 0.5 s, 5 GB have gone, and the link halves: 5 GB at 5 GB/s take 1 s more. */
static void a_link_that_halves_at_half_time_moves_the_bytes_that_it_should(void **state)
{
  (void)state;
  double end_s;
  run((test_flow[]){{0, 2, 10e9, 0, 0, 0}}, 1, (test_change[]){{0.5, "up", 0.5}}, 1, &end_s);
  assert_near(end_s, 1.5, 1e-9);
}

/* The same, and at 1 s, when 7.5 GB have gone, a second flow of 10 GB joins: both have 2.5 GB/s. The first one's 2.5 GB
 * take until 2 s. The second has 7.5 GB left, sends 2.5 of them until 2.5 s, when the link is repaired, and 5 at
 * 10 GB/s by 3 s. */
static void flows_share_what_is_left_of_a_link(void **state)
{
  (void)state;
  double ends_s[2];
  run((test_flow[]){{0, 2, 10e9, 0, 0, 0}, {1, 2, 10e9, 1, 0, 0}}, 2,
      (test_change[]){{0.5, "up", 0.5}, {2.5, "up", 1}}, 2, ends_s);
  assert_near(ends_s[0], 2, 1e-9);
  assert_near(ends_s[1], 3, 1e-9);
}

/* A flow of 10 GB has sent 5 GB when its link stops at 0.5 s. Another one from there, which starts at 1 s, waits as well.
 * Once the link is back, at 2 s, both are sent from their first byte on: 20 GB at 10 GB/s, until 4 s. A flow that is
 * called off while it waits does not end. One over other links goes on all the time. */
static void what_loses_its_link_is_sent_again(void **state)
{
  (void)state;
  double ends_s[3];
  run((test_flow[]){{0, 2, 10e9, 0, 0, 0}, {0, 2, 10e9, 1, 0, 0}, {0, 1, 3e9, 0.75, 1.5, 0}}, 3,
      (test_change[]){{0.5, "a-nic", 0}, {2, "a-nic", 1}}, 2, ends_s);
  assert_near(ends_s[0], 4, 1e-9);
  assert_near(ends_s[1], 4, 1e-9);
  assert_true(isnan(ends_s[2]));
  run((test_flow[]){{0, 2, 10e9, 0, 0, 0}, {1, 2, 30e9, 0, 0, 0}}, 2,
      (test_change[]){{0.5, "a-nic", 0}, {2, "a-nic", 1}}, 2, ends_s);
  /* They share the third link: by 0.5 s each has sent 2.5 GB; alone the other one sends 15 GB by 2 s, has 12.5 GB left,
   * and 5 GB/s again while the first sends 10 GB, until 4 s; its last 2.5 GB take 0.25 s. */
  assert_near(ends_s[0], 4, 1e-9);
  assert_near(ends_s[1], 4.25, 1e-9);
}

/* ---- A naive twin ---- */

enum { LINKS = 3, FLOWS = 6, CHANGES = 6 };
static const char *const links[LINKS] = {"a-nic", "b-nic", "up"};

/* Whether a flow crosses a link: a to c and b to c over their NICs and the up-link, a to b over both NICs. */
static gboolean crosses(const test_flow *flow, int link)
{
  return link == 2 ? flow->to == 2 : flow->from == link || flow->to == link;
}

/* Max-min fair rates of the flows that have bytes left: again and again, the link that gives each of its flows the least
 * fixes their rates. */
static void fill(const test_flow *flows, const double *left, const double *bandwidths, double *rates)
{
  double free[LINKS];
  gboolean fixed[FLOWS];
  memcpy(free, bandwidths, sizeof free);
  for (int i = 0; i < FLOWS; i++) {
    fixed[i] = left[i] <= 0;
    rates[i] = 0;
  }
  for (;;) {
    int tightest = -1;
    double least = INFINITY;
    for (int l = 0; l < LINKS; l++) {
      int n = 0;
      for (int i = 0; i < FLOWS; i++)
        n += !fixed[i] && crosses(&flows[i], l);
      if (n > 0 && free[l] / n < least) {
        least = free[l] / n;
        tightest = l;
      }
    }
    if (tightest < 0)
      return;
    for (int i = 0; i < FLOWS; i++) {
      if (fixed[i] || !crosses(&flows[i], tightest))
        continue;
      fixed[i] = TRUE;
      rates[i] = least;
      for (int l = 0; l < LINKS; l++)
        free[l] -= crosses(&flows[i], l) ? least : 0;
    }
  }
}

/* Goes from one start, change or end to the next. */
static void run_naively(const test_flow *flows, const test_change *changes, double *ends_s)
{
  double left[FLOWS] = {0}, bandwidths[LINKS] = {10e9, 10e9, 10e9}, rates[FLOWS], now_s = 0;
  gboolean started[FLOWS] = {FALSE};
  for (int next = 0, open = FLOWS; open > 0;) {
    for (; next < CHANGES && changes[next].at_s <= now_s; next++)
      for (int l = 0; l < LINKS; l++)
        if (g_str_equal(links[l], changes[next].link)) {
          bandwidths[l] = 10e9 * changes[next].speed;
          for (int i = 0; i < FLOWS; i++) /* sent again from the first byte */
            if (bandwidths[l] == 0 && left[i] > 0 && crosses(&flows[i], l))
              left[i] = flows[i].bytes;
        }
    double until_s = next < CHANGES ? changes[next].at_s : INFINITY;
    for (int i = 0; i < FLOWS; i++) {
      if (!started[i] && flows[i].start_s <= now_s) {
        started[i] = TRUE;
        left[i] = flows[i].bytes;
      }
      until_s = started[i] ? until_s : fmin(until_s, flows[i].start_s);
    }
    fill(flows, left, bandwidths, rates);
    for (int i = 0; i < FLOWS; i++)
      until_s = left[i] > 0 && rates[i] > 0 ? fmin(until_s, now_s + left[i] / rates[i]) : until_s;
    for (int i = 0; i < FLOWS; i++) {
      if (left[i] <= 0)
        continue;
      left[i] -= rates[i] * (until_s - now_s);
      if (left[i] > 1) /* byte */
        continue;
      left[i] = 0;
      ends_s[i] = until_s;
      open--;
    }
    now_s = until_s;
  }
}

/* Random flows over links that change, stop and come back at random times. */
static void random_flows_end_as_naive_filling_says(void **state)
{
  (void)state;
  tw_chance chance = tw_chance_new(1, "links that change");
  for (int round = 0; round < 60; round++) {
    test_flow flows[FLOWS];
    test_change changes[CHANGES];
    double right_s[FLOWS], ends_s[FLOWS], at_s = 0;
    for (int i = 0; i < FLOWS; i++) {
      int from = (int)tw_chance_below(&chance, 2), to = from == 1 || tw_chance_below(&chance, 2) == 0 ? 2 : 1;
      flows[i] = (test_flow){from,
                             to,
                             1e9 * (double)(1 + tw_chance_below(&chance, 40)),
                             0.25 * (double)tw_chance_below(&chance, 12),
                             0,
                             0};
    }
    for (int i = 0; i < CHANGES; i++) {
      at_s += 0.125 + 0.5 * (double)tw_chance_below(&chance, 4);
      gboolean last = i >= CHANGES - LINKS; /* in the end all links carry something */
      guint64 speed = tw_chance_below(&chance, 9);
      changes[i] = (test_change){at_s, links[last ? i % LINKS : (int)tw_chance_below(&chance, LINKS)],
                                 0.125 * (double)(last ? MAX(speed, 1) : speed)};
    }
    run_naively(flows, changes, right_s);
    run(flows, FLOWS, changes, CHANGES, ends_s);
    for (int i = 0; i < FLOWS; i++)
      assert_near(ends_s[i], right_s[i], 1e-8 * right_s[i]);
  }
}

/* Two flows of 10 GB go as a volley, from a and from b over `up`, 5 GB/s each. At 1 s, when 5 GB are left of each, a's
 * link falls to 2 GB/s: b has 8 GB/s and ends at 1.625 s, a has 2 GB/s and ends at 3.5 s. A volley that has not set
 * out as its link stops waits for it, and is sent once the link is back at 2 s: 2 s more. */
static void a_volley_follows_what_its_links_carry(void **state)
{
  (void)state;
  double ends_s[2];
  run((test_flow[]){{0, 2, 10e9, 0, 0, 1}, {1, 2, 10e9, 0, 0, 1}}, 2, (test_change[]){{1, "a-nic", 0.2}}, 1,
      ends_s);
  assert_near(ends_s[0], 3.5, 1e-9);
  run((test_flow[]){{0, 2, 10e9, 1, 0, 1}, {1, 2, 10e9, 1, 0, 1}}, 2,
      (test_change[]){{0.5, "up", 0}, {2, "up", 1}}, 2, ends_s);
  assert_near(ends_s[0], 4, 1e-9);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_volley_follows_what_its_links_carry),
      cmocka_unit_test(a_link_that_halves_at_half_time_moves_the_bytes_that_it_should),
      cmocka_unit_test(flows_share_what_is_left_of_a_link),
      cmocka_unit_test(what_loses_its_link_is_sent_again),
      cmocka_unit_test(random_flows_end_as_naive_filling_says),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
