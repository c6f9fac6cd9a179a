/* Generated sites of any size: SimGrid finds the routes across leaves, and those that stay under one. */
#include "platforms/generate/generator.h"
#include "tests/check.h"
#include "tests/sim/net_support.h"

#include <glib/gstdio.h>

static char *write_site(const char *command)
{
  g_auto(GStrv) words = g_strsplit(command, " ", -1);
  char *path = g_build_filename(g_get_tmp_dir(), "tokenworks-routes-XXXXXX", NULL);
  int file = g_mkstemp(path);
  FILE *out = fdopen(file, "w");
  assert_true(tw_platform_generate(tw_platform_generator_find(words[0], NULL), (const char *const *)words + 1,
                                   out, NULL));
  fclose(out);
  return path;
}

/* Nodes of 400 GB/s, 32 of them on a leaf whose up-link is oversubscribed 64 times: 32 · 400 / 64 = 200 GB/s.
 * The flows share nothing; a node's storage, if any, stands behind the first leaf. */
static void flows_across_leaves_take_the_up_links_and_others_do_not(void **state)
{
  (void)state;
  static const int sizes[] = {500, 501, 1024, 4096};
  for (guint i = 0; i < G_N_ELEMENTS(sizes); i++) {
    g_autofree char *command =
        g_strdup_printf("hgx nodes=%d nodes-per-leaf=32 oversubscription=64 nic-bandwidth=50GB/s", sizes[i]);
    g_autofree char *path = write_site(command);
    int last = (sizes[i] - 1) / 32 * 32; /* the first node of the last leaf, which may be smaller */
    double last_up = 400e9 * MIN(32, sizes[i] - last) / 64;
    test_flow flows[] = {{0, 32, 20e9, 0, 0, 0}, {64, 65, 20e9, 0, 0, 0}, {last, 96, 1e9, 0, 0, 0}};
    double ends_s[3];
    test_flows(path, flows, 3, ends_s);
    g_unlink(path);
    assert_near(ends_s[0], 20 / 200., 1e-9);
    assert_near(ends_s[1], 20 / 400., 1e-9);
    assert_near(ends_s[2], 1e9 / MIN(200e9, last_up), 1e-9);
  }
}

static void racks_with_several_hosts_reach_each_other_over_their_leaves(void **state)
{
  (void)state;
  g_autofree char *path =
      write_site("nvl72 racks=510 racks-per-leaf=2 oversubscription=144 nic-bandwidth=50GB/s");
  /* 18 trays a rack, of 200 GB/s; a leaf's up-link is 2 · 72 · 50 / 144 = 50 GB/s. */
  test_flow flows[] = {
      {0, 2 * 18, 5e9, 0, 0, 0}, {4 * 18, 5 * 18, 5e9, 0, 0, 0}, {509 * 18, 6 * 18, 5e9, 0, 0, 0}};
  double ends_s[3];
  test_flows(path, flows, 3, ends_s);
  g_unlink(path);
  assert_near(ends_s[0], 5 / 50., 1e-9);
  assert_near(ends_s[1], 5 / 200., 1e-9);
  assert_near(ends_s[2], 5 / 50., 1e-9);
}

/* A torus is a <cluster>, whose domains have a port each: 8 · 8 · 9 of them. Each link carries 400 / 6 GB/s.
 */
static void a_torus_of_more_than_five_hundred_domains_has_routes(void **state)
{
  (void)state;
  g_autofree char *path = write_site("torus dimensions=8x8x9 link-bandwidth=60GB/s");
  test_flow flows[] = {{0, 575, 6e9, 0, 0, 0}};
  double end_s;
  test_flows(path, flows, 1, &end_s);
  g_unlink(path);
  assert_near(end_s, 6 / 60., 1e-9);
}

/* Flows that follow one another, each alone, between the hosts of a site, some of whose routes are known from its branches: each
 * takes as long as SimGrid says, which finds routes by itself. */
static void routes_are_those_of_simgrid(void **state)
{
  (void)state;
  static const char *const sites[] = {
      "hgx nodes=9 nodes-per-leaf=2 oversubscription=32 nic-bandwidth=50GB/s storage=10GB/s",
      "hgx nodes=2 hosts=gpu nodes-per-leaf=1 oversubscription=4 nic-bandwidth=50GB/s",
      "nvl72 racks=2 racks-per-leaf=1 oversubscription=144 nic-bandwidth=50GB/s",
  };
  for (guint i = 0; i < G_N_ELEMENTS(sites); i++) {
    g_autofree char *path = write_site(sites[i]);
    enum { HOSTS = 9 };
    test_flow flows[HOSTS * (HOSTS - 1)];
    double ours_s[G_N_ELEMENTS(flows)], theirs_s[G_N_ELEMENTS(flows)];
    int n = 0;
    for (int from = 0; from < HOSTS; from++)
      for (int to = 0; to < HOSTS; to++)
        if (from != to) {
          flows[n] = (test_flow){from, to, 1e9 * (1 + n), 100. * n, 0, 0};
          n++;
        }
    test_flows(path, flows, n, ours_s);
    test_flows_of_simgrid(path, flows, n, theirs_s);
    g_unlink(path);
    for (int k = 0; k < n; k++)
      assert_near(ours_s[k], theirs_s[k], 1e-7);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(flows_across_leaves_take_the_up_links_and_others_do_not),
      cmocka_unit_test(racks_with_several_hosts_reach_each_other_over_their_leaves),
      cmocka_unit_test(routes_are_those_of_simgrid),
      cmocka_unit_test(a_torus_of_more_than_five_hundred_domains_has_routes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
