/* Rails, and flows that are dealt out to spines: small systems whose times are derived by hand. H100: a NIC moves 50 GB/s,
 * of which kernels that send from rank to rank get 0.94. */
#include "platforms/generate/generator.h"
#include "sim/network/flows/flows.h"
#include "sim/network/simgrid_start.h"
#include "tests/check.h"
#include "tests/sim/net_support.h"

#include <glib/gstdio.h>
#include <simgrid/actor.h>
#include <simgrid/engine.h>
#include <simgrid/host.h>

#include <math.h>

/* Writes a platform of `tokenworks platform`, whose words have blanks between. The caller removes and frees it. */
static char *platform_new(const char *words)
{
  char *path = NULL;
  int fd = g_file_open_tmp("tokenworks-planes-XXXXXX.xml", &path, NULL);
  FILE *out = fdopen(fd, "w");
  g_auto(GStrv) settings = g_strsplit(words, " ", -1);
  GError *error = NULL;
  if (!tw_platform_generate(tw_platform_generator_find(settings[0], NULL), (const char *const *)settings + 1,
                            out, &error))
    g_error("%s", error->message);
  fclose(out);
  return path;
}

/* Milliseconds of a pattern between the GPUs of a platform. */
static double time_ms(const char *platform, const char *net)
{
  g_autofree char *path = platform_new(platform);
  g_autofree char *measure = g_strconcat("net ", path, " --csv ", net, NULL);
  g_auto(GStrv) words = g_strsplit(measure, " ", -1);
  g_autofree char *out = test_program((const char *const *)words, 0, NULL);
  g_unlink(path);
  return g_ascii_strtod(strchr(strchr(out, '\n'), ',') + 1, NULL) / 1000;
}

/* Ends of flows between the hosts of a platform. */
static void run(const char *platform, const test_flow *flows, int n, double *ends_s)
{
  g_autofree char *path = platform_new(platform);
  test_flows(path, flows, n, ends_s);
  g_unlink(path);
}

#define assert_within(a, b, part) assert_near(a, b, (part) * (b))

static void destinations_that_are_alike_modulo_the_spines_collide_on_static_routes(void **state)
{
  (void)state;
  /* Eight nodes of two GPUs, four on a leaf, of whose 400 GB/s half goes on to four spines: 50 GB/s each. One GPU of each
   * node sends 1 GB, to NICs 8, 10, 12 and 14: spines 0, 2, 0 and 2, two flows on each, where four would do. */
  static const char net[] = "-p permutation -s 1GB -n 8 --spread";
  double alone = 1e3 / (50 * 0.94);
#define EVEN "hgx nodes=8 gpus-per-node=2 nodes-per-leaf=4 oversubscription=2 spines=4 routing="
  assert_within(time_ms(EVEN "ideal", net), alone, 0.005);
  assert_within(time_ms(EVEN "static", net), 2 * alone, 0.005);
  assert_within(time_ms(EVEN "adaptive", net), alone, 0.005);
  /* GPUs that follow one another have all spines. */
  assert_within(
      time_ms("hgx nodes=8 gpus-per-node=1 nodes-per-leaf=4 routing=static", "-p permutation -s 1GB"), alone,
      0.005);
}

static void an_incast_takes_the_one_link_that_static_routes_lead_over(void **state)
{
  (void)state;
  /* Four GPUs of the other leaf send 1 GB / 8 each to one NIC, with three of its own leaf: seven parts on that NIC, of 50
   * GB/s, whatever the routing. With up-links of 12.5 GB/s the four have one of them, 4 parts; ideally all four. */
  static const char net[] = "-p incast -s 1GB";
#define ONE_EACH "hgx nodes=8 gpus-per-node=1 nodes-per-leaf=4 spines=4 oversubscription=4 routing="
  assert_within(time_ms(ONE_EACH "ideal", net), 7 * 125 / (50 * 0.94), 0.01);
  assert_within(time_ms(ONE_EACH "static", net), 4 * 125 / (12.5 * 0.94), 0.01);
  assert_within(time_ms(ONE_EACH "adaptive", net), 7 * 125 / (50 * 0.94), 0.01);
}

static void rails_have_leaves_of_their_own(void **state)
{
  (void)state;
  /* As above, but both GPUs of a node have leaves of their own: the flows of the first GPUs share 100 GB/s of their rail's
   * up-link, while the other rail's is idle. */
  static const char net[] = "-p permutation -s 1GB -n 8 --spread";
  assert_within(time_ms("hgx nodes=8 gpus-per-node=2 nodes-per-leaf=4 oversubscription=2 rails=2", net),
                2e3 / (50 * 0.94), 0.005);
}

static void traffic_between_rails_goes_over_the_spine_or_over_nvlink(void **state)
{
  (void)state;
  /* Two nodes on one leaf. Every GPU sends half of 256 MiB to the other node, over its NIC: 2.86 ms. Over the spine 7/8 of
   * that leave their rail, for whose two NICs there are 2 · 50 / 4 = 25 GB/s. */
  static const char net[] = "-p all-to-all -s 256MiB";
  double bytes = 268435456, nic = bytes / 2 / (50e6 * 0.94), spine = 2 * bytes / 2 * 7 / 8 / (25e6 * 0.94);
#define RAILS "hgx nodes=2 rails=8 oversubscription=4 "
  assert_within(time_ms(RAILS "cross-rail=nvlink", net), nic, 0.01);
  assert_within(time_ms(RAILS "cross-rail=nvlink hosts=gpu", net), nic, 0.01);
  assert_within(time_ms(RAILS "cross-rail=spine", net), spine, 0.005);
  assert_within(time_ms(RAILS "cross-rail=spine hosts=gpu", net), spine, 0.005);
  /* 20 nodes, planned with a flow for each rail and one that stands for all other rails: a leaf's up-link carries 7/8 of
   * what 3/20 of a rank's bytes are inside of a pod of four, and the 16/20 that go to other pods. */
  double inside = 3.0 / 20 * 7 / 8, beyond = 16.0 / 20;
  assert_within(time_ms("hgx nodes=20 nodes-per-leaf=4 rails=8 cross-rail=spine oversubscription=4", net),
                4 * bytes * (inside + beyond) / (50e6 * 0.94), 0.005);
}

static void a_flow_of_a_whole_node_takes_all_of_its_nics(void **state)
{
  (void)state;
  /* Nodes of 400 GB/s, two on a leaf at 2:1, eight spines of 50 GB/s for it. Lanes of one node have a spine each: 400 GB in
   * a second. Two nodes share these until one calls off: 100 GB by half a second, and 300 more in 0.75 s. */
  test_flow one[] = {{0, 2, 400e9, 0, 0, 0}}, two[] = {{0, 2, 400e9, 0, 0, 0}, {1, 3, 400e9, 0, 0.5, 0}};
  double ends_s[2];
#define HALVED "hgx nodes=4 nodes-per-leaf=2 oversubscription=2 routing=static"
  run(HALVED, one, 1, ends_s);
  assert_near(ends_s[0], 1, 1e-9);
  run(HALVED, two, 2, ends_s);
  assert_near(ends_s[0], 1.25, 1e-9);
}

static void parts_of_a_link_fail_with_it(void **state)
{
  (void)state;
  /* Sixteen spines of 50 GB/s: 200 GB by half a second, then eight lanes of 12.5 GB/s for the other 200. */
  g_autofree char *path = platform_new("hgx nodes=4 nodes-per-leaf=2 routing=adaptive");
  test_flow flow = {0, 2, 400e9, 0, 0, 0};
  test_change change = {0.5, "leaf-0-up", 0.25};
  double end_s = 0;
  test_flows_over_changing_links(path, &flow, 1, &change, 1, &end_s);
  g_unlink(path);
  assert_near(end_s, 2.5, 1e-9);
}

static void flows_of_a_volley_take_the_lanes_of_single_ones(void **state)
{
  (void)state;
  static const char *const routings[] = {"static", "hashed", "adaptive"};
  for (guint i = 0; i < G_N_ELEMENTS(routings); i++) {
    g_autofree char *words = g_strconcat(
        "hgx nodes=8 nodes-per-leaf=4 oversubscription=3 spines=7 rails=2 routing=", routings[i], NULL);
    test_flow flows[] = {
        {0, 4, 40e9, 0, 0, 0}, {1, 5, 50e9, 0, 0, 0}, {2, 6, 20e9, 0, 0, 0}, {3, 4, 30e9, 0, 0, 0}};
    double ends_s[4], whole_s[4], last_s = 0;
    run(words, flows, 4, ends_s);
    for (int k = 0; k < 4; k++) {
      flows[k].volley = 1;
      last_s = fmax(last_s, ends_s[k]);
    }
    run(words, flows, 4, whole_s);
    if (i < 2) /* a volley whose flows choose does so lane by lane */
      assert_near(whole_s[0], last_s, 1e-6);
    assert_true(last_s > 0.15 && whole_s[0] > 0.15); /* 50 GB over 400 GB/s, and 40 on two thirds of it */
  }
}

/* How many of the flows between two leaves the most loaded spine has. */
static int most_on_a_spine(tw_flows *flows, int leaf, int other, int size)
{
  int on[64] = {0}, most = 0;
  for (int i = 0; i < size; i++) {
    int n = 0;
    const int *links = tw_flows_route_links(flows, leaf * size + i, other * size + i, &n);
    for (int k = 0; k < n; k++) {
      const char *name = tw_flows_link_name(flows, links[k]), *spine = strstr(name, "/spine-");
      if (spine == NULL || !g_str_has_suffix(name, "_UP"))
        continue;
      int now = ++on[g_ascii_strtoll(spine + strlen("/spine-"), NULL, 10)];
      most = MAX(most, now);
    }
  }
  return most;
}

/* Twenty-four leaves make 552 pairs. */
enum { LEAVES = 24, SIZE = 4, PAIRS = LEAVES * (LEAVES - 1) };

typedef struct survey {
  const tw_ports *ports;
  int seen[SIZE + 1]; /* pairs of leaves by the number of flows on the most loaded spine */
} survey;

/* Routes are known while SimGrid runs. */
static void take_survey(int argc, char **argv)
{
  (void)argc, (void)argv;
  survey *s = sg_actor_get_data(sg_actor_self());
  g_autoptr(tw_flows) flows = tw_flows_new(s->ports);
  for (int a = 0; a < LEAVES; a++)
    for (int b = 0; b < LEAVES; b++)
      if (a != b)
        s->seen[most_on_a_spine(flows, a, b, SIZE)]++;
}

static void hashes_put_flows_on_spines_as_chance_does(void **state)
{
  (void)state;
  /* Four flows on four spines: of 4^4 = 256 ways 24 give each its own, 180 put two on the fullest one, 48 three and 4
   * all. */
  static const double ways[] = {0, 24, 180, 48, 4};
  g_autofree char *path =
      platform_new("hgx nodes=96 gpus-per-node=1 nodes-per-leaf=4 spines=4 routing=hashed");
  g_autoptr(tw_faults) faults = tw_faults_new();
  g_autoptr(tw_platform) platform = tw_platform_load(path, faults);
  assert_non_null(platform);
  g_autoptr(tw_ports) ports = tw_ports_new(platform);
  survey s = {.ports = ports};
  const tw_ports *const loaded = ports;
  assert_true(tw_simgrid_start(&loaded, 1, NULL));
  sg_actor_t actor = sg_actor_init("survey", sg_host_by_name(platform->hosts[0].id));
  sg_actor_set_data(actor, &s);
  sg_actor_start_(actor, take_survey, 0, NULL);
  simgrid_run();
  assert_int_equal(s.seen[0], 0);
  for (int most = 1; most <= SIZE; most++) {
    double p = ways[most] / 256, deviation = sqrt(PAIRS * p * (1 - p));
    assert_near(s.seen[most], PAIRS * p, 3.5 * deviation);
  }
  g_unlink(path);
}

int main(void)
{
  g_setenv("TW_PROGRAM", TW_PROGRAM, TRUE);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(destinations_that_are_alike_modulo_the_spines_collide_on_static_routes),
      cmocka_unit_test(an_incast_takes_the_one_link_that_static_routes_lead_over),
      cmocka_unit_test(rails_have_leaves_of_their_own),
      cmocka_unit_test(traffic_between_rails_goes_over_the_spine_or_over_nvlink),
      cmocka_unit_test(a_flow_of_a_whole_node_takes_all_of_its_nics),
      cmocka_unit_test(parts_of_a_link_fail_with_it),
      cmocka_unit_test(flows_of_a_volley_take_the_lanes_of_single_ones),
      cmocka_unit_test(hashes_put_flows_on_spines_as_chance_does),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
