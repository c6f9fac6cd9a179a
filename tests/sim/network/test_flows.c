/* Flows on SimGrid share links max-min fairly: small systems with answers by hand. */
#include "tests/check.h"
#include "tests/sim/net_support.h"
#include "workloads/draw/chance.h"

#include <glib/gstdio.h>

#include <math.h>

/* a0 a1 ... are hosts 0 to gpus − 1, b0 b1 ... the next. */
enum { GPUS = 4 };
#define B(i) (GPUS + (i))
#define C(i) (2 * GPUS + (i))

static void run(const test_site *site, const test_flow *flows, int n, double *ends_s)
{
  g_autofree char *path = test_site_write(site);
  test_flows(path, flows, n, ends_s);
  g_unlink(path);
}

static void a_flow_alone_takes_the_slowest_link(void **state)
{
  (void)state;
  test_site site = {2, GPUS, 200, NULL};
  /* 9 GB over NVLink: 9 / 900 s; over the NIC: 9 / 50 s. */
  test_flow flows[] = {{0, 1, 9e9, 0, 0, 0}, {2, B(0), 9e9, 0, 0, 0}};
  double ends_s[2];
  run(&site, flows, 2, ends_s);
  assert_near(ends_s[0], 0.010, 1e-9);
  assert_near(ends_s[1], 0.180, 1e-9);
}

static void two_flows_on_one_nic_take_twice_as_long(void **state)
{
  (void)state;
  test_site site = {3, GPUS, 200, NULL};
  test_flow flows[] = {{0, B(0), 5e9, 0, 0, 0}, {0, C(0), 5e9, 0, 0, 0}};
  double ends_s[2];
  run(&site, flows, 2, ends_s);
  assert_near(ends_s[0], 0.2, 1e-9); /* 2 · 5 / 50 */
  assert_near(ends_s[1], 0.2, 1e-9);
}

static void latencies_of_routes_do_not_change_shares(void **state)
{
  (void)state;
  /* Routes of 1 us and 40 us share a link. */
  const char *text =
      "<?xml version=\"1.0\"?>\n<!DOCTYPE platform SYSTEM \"https://simgrid.org/simgrid.dtd\">\n"
      "<platform version=\"4.1\"><zone id=\"site\" routing=\"Full\">"
      "<host id=\"a\" speed=\"1Gf\"/><host id=\"b\" speed=\"1Gf\"/><host id=\"c\" speed=\"1Gf\"/>"
      "<link id=\"near\" bandwidth=\"100GBps\" latency=\"1us\"/>"
      "<link id=\"far\" bandwidth=\"100GBps\" latency=\"40us\"/>"
      "<link id=\"shared\" bandwidth=\"10GBps\" latency=\"0us\"/>"
      "<route src=\"a\" dst=\"c\"><link_ctn id=\"near\"/><link_ctn id=\"shared\"/></route>"
      "<route src=\"b\" dst=\"c\"><link_ctn id=\"far\"/><link_ctn id=\"shared\"/></route>"
      "<route src=\"a\" dst=\"b\"><link_ctn id=\"near\"/></route>"
      "</zone></platform>\n";
  g_autofree char *path = g_build_filename(g_get_tmp_dir(), "tokenworks-unequal.xml", NULL);
  assert_true(g_file_set_contents(path, text, -1, NULL));
  test_flow flows[] = {{0, 2, 10e9, 0, 0, 0}, {1, 2, 10e9, 0, 0, 0}};
  double ends_s[2];
  test_flows(path, flows, 2, ends_s);
  g_unlink(path);
  assert_near(ends_s[0], 2.0, 1e-9); /* both: 2 · 10 GB / 10 GB/s */
  assert_near(ends_s[1], 2.0, 1e-9);
}

static void shares_are_max_min_on_three_flows_over_two_links(void **state)
{
  (void)state;
  /* One flow over both links of 10 and 16 GB/s, and one more on each. Max-min: link 1 gives 5 + 5, so link 2
   * gives 5 + 11. With 55 GB each, the last one ends at 5 s; until then the others have 25 GB each. From then
   * on still 5 + 5 on link 1: they end at 11 s. */
  const char *text =
      "<?xml version=\"1.0\"?>\n<!DOCTYPE platform SYSTEM \"https://simgrid.org/simgrid.dtd\">\n"
      "<platform version=\"4.1\"><zone id=\"site\" routing=\"Full\">"
      "<host id=\"a\" speed=\"1Gf\"/><host id=\"b\" speed=\"1Gf\"/><host id=\"c\" speed=\"1Gf\"/>"
      "<link id=\"one\" bandwidth=\"10GBps\" latency=\"0us\"/>"
      "<link id=\"two\" bandwidth=\"16GBps\" latency=\"0us\"/>"
      "<route src=\"a\" dst=\"b\"><link_ctn id=\"one\"/></route>"
      "<route src=\"b\" dst=\"c\"><link_ctn id=\"two\"/></route>"
      "<route src=\"a\" dst=\"c\"><link_ctn id=\"one\"/><link_ctn id=\"two\"/></route>"
      "</zone></platform>\n";
  g_autofree char *path = g_build_filename(g_get_tmp_dir(), "tokenworks-maxmin.xml", NULL);
  assert_true(g_file_set_contents(path, text, -1, NULL));
  test_flow flows[] = {{0, 2, 55e9, 0, 0, 0}, {0, 1, 55e9, 0, 0, 0}, {1, 2, 55e9, 0, 0, 0}};
  double ends_s[3];
  test_flows(path, flows, 3, ends_s);
  g_unlink(path);
  assert_near(ends_s[0], 11, 1e-9);
  assert_near(ends_s[1], 11, 1e-9);
  assert_near(ends_s[2], 5, 1e-9);
}

static void an_oversubscribed_leaf_slows_its_flows_by_the_factor(void **state)
{
  (void)state;
  /* Four NICs of 50 GB/s behind an up-link: 200 GB/s is non-blocking, 100 is 2:1, 50 is 4:1. */
  for (int ratio = 1; ratio <= 4; ratio *= 2) {
    test_site site = {2, GPUS, 200.0 / ratio, NULL};
    test_flow flows[GPUS];
    double ends_s[GPUS];
    for (int i = 0; i < GPUS; i++)
      flows[i] = (test_flow){i, B(i), 5e9, 0, 0, 0};
    run(&site, flows, GPUS, ends_s);
    for (int i = 0; i < GPUS; i++)
      assert_near(ends_s[i], 0.1 * ratio, 1e-9);
  }
}

static void a_flow_that_joins_takes_its_share_from_then_on(void **state)
{
  (void)state;
  /* 5 GB alone need 0.1 s. Halfway a second flow joins: 2.5 GB are left for each share of 25 GB/s, 0.1 s
   * more. The second has then sent 2.5 of its 5 GB and is alone: 0.05 s more. */
  test_site site = {3, GPUS, 200, NULL};
  test_flow flows[] = {{0, B(0), 5e9, 0, 0, 0}, {0, C(0), 5e9, 0.05, 0, 0}};
  double ends_s[2];
  run(&site, flows, 2, ends_s);
  assert_near(ends_s[0], 0.15, 1e-9);
  assert_near(ends_s[1], 0.20, 1e-9);
}

/* Two hosts over one link of 10 GB/s, whose element goes on as `link`; a profile of it stands beside. */
static void over_one_link(const char *link, const char *profile, const test_flow *flows, int n,
                          double *ends_s)
{
  g_autofree char *directory = g_dir_make_tmp("tokenworks-profile-XXXXXX", NULL),
                  *path = g_build_filename(directory, "platform.xml", NULL),
                  *beside = g_build_filename(directory, "half.profile", NULL);
  g_autofree char *text =
      g_strconcat("<?xml version=\"1.0\"?><!DOCTYPE platform SYSTEM "
                  "\"https://simgrid.org/simgrid.dtd\"><platform version=\"4.1\">"
                  "<zone id=\"site\" routing=\"Full\"><host id=\"a\" speed=\"1Gf\"/><host id=\"b\" "
                  "speed=\"1Gf\"/><link id=\"l\" "
                  "bandwidth=\"10GBps\" latency=\"0us\" ",
                  link, "<route src=\"a\" dst=\"b\"><link_ctn id=\"l\"/></route></zone></platform>\n", NULL);
  assert_true(g_file_set_contents(path, text, -1, NULL));
  assert_true(g_file_set_contents(beside, profile, -1, NULL));
  test_flows(path, flows, n, ends_s);
  g_unlink(path);
  g_unlink(beside);
  g_rmdir(directory);
}

static void a_profile_changes_a_link_at_its_time_though_nothing_was_sent_before(void **state)
{
  (void)state;
  /* 10 GB/s, from 5 s on 5 GB/s. A flow of 10 GB that begins at 0 s takes 1 s; one at 6 s takes 2 s; one
   * at 4.5 s has 5 GB left at 5 s, which take 1 s. */
  static const char profile[] = "0 10e9\n5 5e9\n";
  double ends_s[2], middle_s;
  over_one_link("bandwidth_file=\"half.profile\"/>", profile,
                (test_flow[]){{0, 1, 10e9, 0, 0, 0}, {0, 1, 10e9, 6, 0, 0}}, 2, ends_s);
  assert_near(ends_s[0], 1, 1e-9);
  assert_near(ends_s[1], 8, 1e-9);
  over_one_link("bandwidth_file=\"half.profile\"/>", profile, (test_flow[]){{0, 1, 10e9, 4.5, 0, 0}}, 1,
                &middle_s);
  assert_near(middle_s, 6, 1e-9);
}

static void a_degraded_link_carries_its_part(void **state)
{
  (void)state;
  double end_s;
  over_one_link("><prop id=\"tw:degraded\" value=\"0.25\"/></link>", "", (test_flow[]){{0, 1, 10e9, 0, 0, 0}},
                1, &end_s);
  assert_near(end_s, 4, 1e-9);
}

static void a_flow_that_is_called_off_leaves_its_share_to_the_others(void **state)
{
  (void)state;
  /* Two flows of 5 GB leave one NIC of 50 GB/s together, 25 GB/s each. At 0.1 s one is called off: the other has 2.5 GB
   * left, for 0.05 s. */
  test_site site = {3, GPUS, 200, NULL};
  test_flow flows[] = {{0, B(0), 5e9, 0, 0, 0}, {0, C(0), 5e9, 0, 0.1, 0}};
  double ends_s[2];
  run(&site, flows, 2, ends_s);
  assert_near(ends_s[0], 0.15, 1e-9);
  assert_true(isnan(ends_s[1]));
}

static void whoever_joins_flows_in_step_ends_them_as_simgrid_says(void **state)
{
  (void)state;
  /* All GPUs of a send to those of b behind an up-link of 100 GB/s, 5 GB each: 25 GB/s each, 0.2 s. A flow joins on the
   * up-link at 0.1 s, when 2.5 GB each are left, at 20 GB/s from then on: 0.125 s more, by when it has sent 2.5 GB.
   * The NIC of 50 GB/s takes the rest, 2.5 GB, in 0.05 s. */
  test_site site = {3, GPUS, 100, NULL};
  test_flow flows[GPUS + 1] = {[GPUS] = {0, C(0), 5e9, 0.1, 0}};
  double ends_s[GPUS + 1];
  for (int i = 0; i < GPUS; i++)
    flows[i] = (test_flow){i, B(i), 5e9, 0, 0, 0};
  run(&site, flows, GPUS + 1, ends_s);
  for (int i = 0; i < GPUS; i++)
    assert_near(ends_s[i], 0.225, 1e-9);
  assert_near(ends_s[GPUS], 0.275, 1e-9);
}

/* Flows between hosts drawn by chance, some together and in step, some alone. */
static int draw_flows(tw_chance *chance, test_flow *flows, int most)
{
  double start_s = 0;
  int n = 0;
  while (n < most) {
    gboolean in_step = tw_chance_below(chance, 2) == 0;
    int together = 1 + (int)tw_chance_below(chance, 6),
        shift = 1 + (int)tw_chance_below(chance, 3 * GPUS - 1);
    double bytes = 1e8 * (double)(1 + tw_chance_below(chance, 50));
    for (int i = 0; i < together && n < most; i++) {
      int from = (int)tw_chance_below(chance, 3 * GPUS);
      int to = in_step ? (from + shift) % (3 * GPUS) : (int)tw_chance_below(chance, 3 * GPUS);
      if (from != to)
        flows[n++] = (test_flow){from, to, in_step ? bytes : bytes * (1 + i), start_s, 0, 0};
    }
    start_s += 0.01 * (double)tw_chance_below(chance, 20);
  }
  return n;
}

/* The last end of the flows of the same volley. */
static double last_end_s(const test_flow *flows, int n, int of, const double *ends_s)
{
  double last_s = ends_s[of];
  for (int i = 0; i < n && flows[of].volley > 0; i++)
    if (flows[i].volley == flows[of].volley)
      last_s = fmax(last_s, ends_s[i]);
  return last_s;
}

/* 60 random sets of flows, of which volleys, if asked for, join about half of those that start together and have as many
 * bytes. */
static void expect_ends_of_simgrid(tw_chance chance, gboolean volleys)
{
  enum { MOST = 40, SITES = 60 };
  for (int k = 0; k < SITES; k++) {
    test_site site = {3, GPUS, 50.0 * (double)(1 + tw_chance_below(&chance, 4)), NULL};
    g_autofree char *path = test_site_write(&site);
    test_flow flows[MOST];
    double ours_s[MOST], simgrid_s[MOST];
    int n = draw_flows(&chance, flows, MOST);
    for (int i = 0; i < n && volleys; i++)
      if (i > 0 && flows[i].start_s == flows[i - 1].start_s && flows[i].bytes == flows[i - 1].bytes)
        flows[i].volley = flows[i - 1].volley;
      else
        flows[i].volley = tw_chance_below(&chance, 2) ? i + 1 : 0;
    test_flows(path, flows, n, ours_s);
    test_flows_of_simgrid(path, flows, n, simgrid_s);
    g_unlink(path);
    for (int i = 0; i < n; i++)
      assert_near(ours_s[i], last_end_s(flows, n, i, simgrid_s), 1e-8); /* SimGrid's bytes are whole */
  }
}

static void flows_end_as_if_simgrid_carried_all_of_them(void **state)
{
  (void)state;
  expect_ends_of_simgrid(tw_chance_new(7, "flows"), FALSE);
}

static void volleys_end_with_the_last_of_their_flows_as_simgrid_says(void **state)
{
  (void)state;
  expect_ends_of_simgrid(tw_chance_new(8, "volleys"), TRUE);
}

static void a_volley_that_is_called_off_leaves_its_links_to_whoever_joined(void **state)
{
  (void)state;
  /* A flow joins one of two at a0's NIC at 0.05 s, and gets 25 GB/s until both are called off at 0.1 s: 3.75 GB are left,
   * which take 0.075 s. */
  test_site site = {3, GPUS, 200, NULL};
  test_flow flows[] = {{0, B(0), 5e9, 0, 0.1, 1}, {1, B(1), 5e9, 0, 0.1, 1}, {0, C(0), 5e9, 0.05, 0, 0}};
  double ends_s[3];
  run(&site, flows, 3, ends_s);
  assert_true(isnan(ends_s[0]) && isnan(ends_s[1]));
  assert_near(ends_s[2], 0.175, 1e-9);
  flows[2].from = 2; /* it joins nobody */
  run(&site, flows, 3, ends_s);
  assert_true(isnan(ends_s[0]));
  assert_near(ends_s[2], 0.15, 1e-9);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_flow_alone_takes_the_slowest_link),
      cmocka_unit_test(a_profile_changes_a_link_at_its_time_though_nothing_was_sent_before),
      cmocka_unit_test(a_degraded_link_carries_its_part),
      cmocka_unit_test(two_flows_on_one_nic_take_twice_as_long),
      cmocka_unit_test(latencies_of_routes_do_not_change_shares),
      cmocka_unit_test(shares_are_max_min_on_three_flows_over_two_links),
      cmocka_unit_test(an_oversubscribed_leaf_slows_its_flows_by_the_factor),
      cmocka_unit_test(a_flow_that_joins_takes_its_share_from_then_on),
      cmocka_unit_test(a_flow_that_is_called_off_leaves_its_share_to_the_others),
      cmocka_unit_test(whoever_joins_flows_in_step_ends_them_as_simgrid_says),
      cmocka_unit_test(flows_end_as_if_simgrid_carried_all_of_them),
      cmocka_unit_test(a_volley_that_is_called_off_leaves_its_links_to_whoever_joined),
      cmocka_unit_test(volleys_end_with_the_last_of_their_flows_as_simgrid_says),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
