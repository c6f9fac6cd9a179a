/* `tokenworks net` on generated platforms: small systems whose times are derived by hand. H100: a NIC moves
 * 50 GB/s, of which kernels that send from rank to rank get 0.94; 450 GB/s of NVLink, of which they get 0.67.
 */
#include "tests/check.h"
#include "tests/sim/net_support.h"

#include <glib/gstdio.h>

/* Microseconds of a pattern on a platform; `platform` and `net` are words with blanks between. */
static double time_us(const char *platform, const char *net)
{
  g_autofree char *path = NULL;
  g_assert(g_file_open_tmp("tokenworks-case-XXXXXX.xml", &path, NULL) >= 0);
  g_autofree char *make = g_strconcat("platform ", platform, " -o ", path, NULL);
  g_autofree char *measure = g_strconcat("net ", path, " --csv ", net, NULL);
  g_auto(GStrv) making = g_strsplit(make, " ", -1), measuring = g_strsplit(measure, " ", -1);
  g_free(test_program((const char *const *)making, 0, NULL));
  g_autofree char *out = test_program((const char *const *)measuring, 0, NULL);
  g_unlink(path);
  const char *row = strchr(out, '\n') + 1;
  return g_ascii_strtod(strchr(row, ',') + 1, NULL);
}

#define assert_within(a, b, part) assert_near(a, b, (part) * (b))

static void an_incast_is_bound_by_the_receivers_nic_whatever_a_host_stands_for(void **state)
{
  (void)state;
  /* 24 of 32 ranks stand on other nodes: 24 · 2 MiB / (50 · 0.94 GB/s) = 1,071 us, and 22 us of launch and
   * steps. */
  double right = 24 * 2097152.0 / (50e3 * 0.94) + 22;
  double node = time_us("hgx --nodes=4", "-p incast -s 64MiB -n 32");
  assert_within(node, right, 0.01);
  assert_within(time_us("hgx --nodes=4 --hosts=gpu", "-p incast -s 64MiB -n 32"), node, 1e-6);
}

static void an_incast_in_a_domain_counts_what_the_receiver_takes_in(void **state)
{
  (void)state;
  /* 7 · 8 MiB into one accelerator at 0.67 of 450 GB/s: 194.8 us, and 15.6 us of launch and steps. */
  double node = time_us("hgx --nodes=4", "-p incast -s 64MiB -n 8");
  assert_within(node, 210.4, 0.005);
  assert_within(time_us("hgx --nodes=4 --hosts=gpu", "-p incast -s 64MiB -n 8"), node, 1e-6);
  /* In a rack of trays some senders are on the receiver's tray, and all meet at its port. */
  assert_within(time_us("nvl72", "-p incast -s 64MiB -n 8"),
                time_us("nvl72 --hosts=gpu", "-p incast -s 64MiB -n 8"), 1e-6);
}

static void patterns_take_the_same_whatever_a_host_stands_for(void **state)
{
  (void)state;
  static const char *const patterns[] = {"-p permutation -s 64MiB", "-p random -s 64MiB",
                                         "-p all-to-all -s 64MiB", "-p all-reduce -s 64MiB"};
  for (guint i = 0; i < G_N_ELEMENTS(patterns); i++) {
    assert_within(time_us("hgx --nodes=4", patterns[i]), time_us("hgx --nodes=4 --hosts=gpu", patterns[i]),
                  0.01);
    assert_within(time_us("fat-tree --domains=8", patterns[i]),
                  time_us("fat-tree --domains=8 --hosts=gpu", patterns[i]), 0.01);
  }
}

static void a_node_with_two_nics_gives_a_flow_one_of_them(void **state)
{
  (void)state;
  /* 1 GB over one NIC of 50 · 0.94 GB/s is 21.3 ms, on nodes as with a NIC that four GPUs share. */
  double node = time_us("hgx --nodes=2 --nics=2", "-p permutation -s 1GB -n 2 --spread");
  assert_within(node, 1e9 / (50e3 * 0.94), 0.002);
  assert_within(time_us("hgx --nodes=2 --nics=2 --hosts=gpu", "-p permutation -s 1GB -n 2 --spread"), node,
                1e-6);
}

/* All-to-all of S bytes over n ranks: each pair of ranks exchanges S/n. */
static void an_all_to_all_spreads_over_all_domains_whatever_their_number(void **state)
{
  (void)state;
  /* Nodes of one GPU on two leaves at 8:1. 32 nodes: 16 of a leaf send half of 1 GB each over an up-link of
   * 16 · 50 / 8 = 100 GB/s, of which 0.94: 85.1 ms. 40 nodes: 20 · 0.5 GB over 125 GB/s, the same. */
  double half = 16 * 0.5e9 / (100e3 * 0.94);
  assert_within(time_us("hgx --nodes=32 --gpus-per-node=1 --nodes-per-leaf=16 --oversubscription=8",
                        "-p all-to-all -s 1GB"),
                half, 0.01);
  assert_within(time_us("hgx --nodes=40 --gpus-per-node=1 --nodes-per-leaf=20 --oversubscription=8",
                        "-p all-to-all -s 1GB"),
                half, 0.01);
  /* 64 nodes of 8, 32 a leaf at 4:1: 256 GPUs send half of 256 MiB each over 32 · 400 / 4 GB/s. */
  double bytes = 268435456;
  assert_within(time_us("hgx --nodes=64 --nodes-per-leaf=32 --oversubscription=4", "-p all-to-all -s 256MiB"),
                256 * bytes / 2 / (3200e3 * 0.94), 0.01);
  /* 4 nodes a leaf: 32 GPUs send 60/64 of it over 4 · 400 / 4 GB/s. */
  assert_within(time_us("hgx --nodes=64 --nodes-per-leaf=4 --oversubscription=4", "-p all-to-all -s 256MiB"),
                32 * bytes * 60 / 64 / (400e3 * 0.94), 0.01);
  /* A fat tree of 16 nodes, 4 on a leaf with 2 up-links of 400 GB/s, of which static routing gives each half
   * of the destinations: 32 GPUs send 12/16 over both. */
  assert_within(
      time_us("fat-tree --domains=16 --domains-per-leaf=4 --oversubscription=2", "-p all-to-all -s 256MiB"),
      32 * bytes * 12 / 16 / (800e3 * 0.94), 0.012);
}

static void an_all_to_all_of_too_many_flows_takes_what_its_busiest_link_takes(void **state)
{
  (void)state;
  /* 400 nodes of one GPU, 100 a leaf at 2:1: 100 GPUs send 300/400 of 64 MiB over 100 · 50 / 2 GB/s. 159,600 flows. */
  double bytes = 64 << 20;
  assert_within(time_us("hgx --nodes=400 --gpus-per-node=1 --nodes-per-leaf=100 --oversubscription=2",
                        "-p all-to-all -s 64MiB"),
                100 * bytes * 300 / 400 / (2500e3 * 0.94), 0.02);
}

static void filling_the_pipeline_between_racks_costs_half_a_millisecond_a_level(void **state)
{
  (void)state;
  /* A rack: 84.2 us of launch for eight ranks and 7.1 us for each of 64 more, and 73/72 of 1 GiB over 0.533
   * of 900 GB/s. Two racks: 72 · 7.1 us of a level, two messages over the fabric of 9 us and the route, and 1
   * GiB over nine NICs of 0.94 · 50 GB/s, which is more than the links inside take. */
  double bytes = 1073741824, rack = 84.2 + 64 * 7.1 + bytes * 73 / 72 / (0.533 * 900e3);
  assert_within(time_us("nvl72", "-p all-reduce -s 1GiB -a in-switch"), rack, 0.005);
  double racks = 84.2 + (64 + 72) * 7.1 + 2 * (9 + 5) + bytes / (9 * 0.94 * 50e3);
  assert_within(time_us("nvl72 --racks=2", "-p all-reduce -s 1GiB -a in-switch"), racks, 0.005);
}

static void without_a_switch_nothing_adds_in_one(void **state)
{
  (void)state;
  static const char mesh[] =
      "<?xml version=\"1.0\"?><!DOCTYPE platform SYSTEM \"https://simgrid.org/simgrid.dtd\"><platform "
      "version=\"4.1\"><zone id=\"z\" routing=\"Full\"><prop id=\"tw:role\" value=\"nvlink-domain\"/>"
      "<host id=\"a\" speed=\"1Tf\"><prop id=\"tw:device\" value=\"h100-sxm\"/></host>"
      "<host id=\"b\" speed=\"1Tf\"><prop id=\"tw:device\" value=\"h100-sxm\"/></host>"
      "<link id=\"l\" bandwidth=\"25GBps\" latency=\"1us\" sharing_policy=\"SPLITDUPLEX\"/>"
      "<route src=\"a\" dst=\"b\"><link_ctn id=\"l\" direction=\"UP\"/></route></zone></platform>";
  g_autofree char *path = NULL, *automatic = NULL, *named = NULL;
  g_assert(g_file_open_tmp("tokenworks-case-XXXXXX.xml", &path, NULL) >= 0);
  g_assert(g_file_set_contents(path, mesh, -1, NULL));
  g_free(test_program((const char *const[]){"net", path, "-p", "all-reduce", NULL}, 2, &automatic));
  assert_non_null(strstr(automatic, "has no switch"));
  g_free(test_program((const char *const[]){"net", path, "-p", "all-reduce", "-a", "in-switch", NULL}, 2,
                      &named));
  assert_non_null(strstr(named, "needs a switch"));
  g_free(test_program((const char *const[]){"net", path, "-p", "all-reduce", "-a", "ring", NULL}, 0, NULL));
  g_unlink(path);
}

static void a_platform_without_some_routes_has_no_network(void **state)
{
  (void)state;
  static const char gap[] =
      "<?xml version=\"1.0\"?><!DOCTYPE platform SYSTEM \"https://simgrid.org/simgrid.dtd\"><platform "
      "version=\"4.1\"><zone id=\"z\" routing=\"Full\"><host id=\"a\" speed=\"1Tf\"/><host id=\"b\" "
      "speed=\"1Tf\"/>"
      "</zone></platform>";
  g_autofree char *path = NULL, *said = NULL;
  g_assert(g_file_open_tmp("tokenworks-case-XXXXXX.xml", &path, NULL) >= 0);
  g_assert(g_file_set_contents(path, gap, -1, NULL));
  g_free(test_program((const char *const[]){"check", path, NULL}, 0, NULL));
  g_free(test_program((const char *const[]){"net", path, "-p", "permutation", NULL}, 2, &said));
  assert_non_null(strstr(said, "has no route from \"a\" to \"b\""));
  g_unlink(path);
}

int main(void)
{
  g_setenv("TW_PROGRAM", TW_PROGRAM, TRUE);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_incast_is_bound_by_the_receivers_nic_whatever_a_host_stands_for),
      cmocka_unit_test(an_incast_in_a_domain_counts_what_the_receiver_takes_in),
      cmocka_unit_test(patterns_take_the_same_whatever_a_host_stands_for),
      cmocka_unit_test(a_node_with_two_nics_gives_a_flow_one_of_them),
      cmocka_unit_test(an_all_to_all_spreads_over_all_domains_whatever_their_number),
      cmocka_unit_test(an_all_to_all_of_too_many_flows_takes_what_its_busiest_link_takes),
      cmocka_unit_test(filling_the_pipeline_between_racks_costs_half_a_millisecond_a_level),
      cmocka_unit_test(without_a_switch_nothing_adds_in_one),
      cmocka_unit_test(a_platform_without_some_routes_has_no_network),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
