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

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(flows_across_leaves_take_the_up_links_and_others_do_not),
      cmocka_unit_test(racks_with_several_hosts_reach_each_other_over_their_leaves),
      cmocka_unit_test(a_torus_of_more_than_five_hundred_domains_has_routes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
