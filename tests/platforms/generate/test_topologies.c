/* Fat trees, dragonflies and tori as SimGrid carries them: hops, routes, times and bisections. A domain has
 * eight NICs of 50 GB/s, so a link of its fabric 400 GB/s; a NIC takes 0.5 us, each link of the fabric 1 us.
 */
#include "platforms/reader/platform.h"
#include "tests/platforms/generated.h"
#include "tests/platforms/simgrid_support.h"

#define UNKNOWN 0, 0, ""

static void one_transfer_takes_its_links_and_hops(void **state)
{
  (void)state;
  static const struct {
    const char *command;
    simgrid_flow flow;
    double seconds;
    int hops; /* links of the fabric */
  } rows[] = {
      /* Up and down under one leaf, over a spine, and over the core. */
      {"fat-tree", {"node-0", "node-7", 400e9, UNKNOWN}, 1, 2},
      {"fat-tree", {"node-0", "node-8", 400e9, UNKNOWN}, 1, 4},
      {"fat-tree levels=3 domains=64", {"node-0", "node-31", 400e9, UNKNOWN}, 1, 4},
      {"fat-tree levels=3 domains=64", {"node-0", "node-32", 400e9, UNKNOWN}, 1, 6},
      /* A GPU's own NIC is the narrowest, a tray's four likewise. */
      {"fat-tree hosts=gpu", {"domain-0-gpu-3", "domain-9-gpu-0", 50e9, UNKNOWN}, 1, 4},
      {"fat-tree hosts=tray", {"domain-0-tray-1", "domain-9-tray-0", 200e9, UNKNOWN}, 1, 4},
      {"fat-tree link-bandwidth=100GB/s", {"node-0", "node-8", 400e9, UNKNOWN}, 4, 4},
      /* Router; its neighbour; another chassis; another group at its own end of the link, and one that is a
       * router and a chassis further on either side. */
      {"dragonfly domains-per-router=2", {"node-0", "node-1", 400e9, UNKNOWN}, 1, 2},
      {"dragonfly", {"node-0", "node-1", 400e9, UNKNOWN}, 1, 3},
      {"dragonfly", {"node-0", "node-5", 400e9, UNKNOWN}, 1, 4},
      {"dragonfly", {"node-1", "node-8", 400e9, UNKNOWN}, 1, 3},
      {"dragonfly", {"node-4", "node-31", 400e9, UNKNOWN}, 1, 7},
      {"dragonfly hosts=gpu", {"domain-1-gpu-7", "domain-8-gpu-7", 50e9, UNKNOWN}, 1, 3},
      /* A quarter of the NICs for each of four directions; a ring of four is two across. */
      {"torus", {"node-0", "node-1", 100e9, UNKNOWN}, 1, 1},
      {"torus", {"node-0", "node-3", 100e9, UNKNOWN}, 1, 1},
      {"torus", {"node-0", "node-10", 100e9, UNKNOWN}, 1, 4},
      {"torus dimensions=4x4x4 nics=6", {"node-0", "node-42", 50e9, UNKNOWN}, 1, 6},
      {"torus hosts=gpu", {"domain-0-gpu-0", "domain-15-gpu-0", 50e9, UNKNOWN}, 1, 2},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
    g_auto(scratch) files = scratch_new();
    simgrid_flow flow = rows[i].flow;
    assert_true(simgrid_run_flows(generated(&files, rows[i].command), &flow, 1));
    assert_near(flow.seconds, rows[i].seconds, 1e-9);
    assert_near(flow.latency_s, (1 + rows[i].hops) * 1e-6, 1e-12);
  }
}

static void inside_a_domain_transfers_take_nvlink(void **state)
{
  (void)state;
  static const struct {
    const char *command;
    simgrid_flow flow;
  } rows[] = {
      {"fat-tree", {"node-3", "node-3", 8 * 450e9, UNKNOWN}},
      {"fat-tree hosts=tray", {"domain-3-tray-0", "domain-3-tray-1", 4 * 450e9, UNKNOWN}},
      {"dragonfly hosts=gpu", {"domain-3-gpu-0", "domain-3-gpu-7", 450e9, UNKNOWN}},
      {"torus hosts=gpu", {"domain-3-gpu-0", "domain-3-gpu-7", 450e9, UNKNOWN}},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
    g_auto(scratch) files = scratch_new();
    simgrid_flow flow = rows[i].flow;
    assert_true(simgrid_run_flows(generated(&files, rows[i].command), &flow, 1));
    assert_near(flow.seconds, 1, 1e-9);
    assert_near(flow.latency_s, 0.802e-6, 1e-12); /* latency of the H100's NVLink */
  }
}

static void routes_are_those_of_the_topology(void **state)
{
  (void)state;
  static const struct {
    const char *command;
    simgrid_flow flow;
    const char *route;
  } rows[] = {
      {"dragonfly",
       {"node-4", "node-31", 1, UNKNOWN},
       "node-4-nic_UP local_link_from_router_4_to_node_0_4_UP "
       /* along its chassis to the place of group 3, to the first chassis, over to group 3, ... */
       "green_link_in_chassis_1_between_routers_0_and_3_40_UP "
       "black_link_in_group_0_between_chassis_0_and_1_blade_3_83_DOWN "
       "blue_link_between_group_0_and_3_routers_3_and_24_98_UP "
       /* ... to its router there */
       "green_link_in_chassis_0_between_routers_0_and_3_70_UP "
       "black_link_in_group_3_between_chassis_0_and_1_blade_3_95_UP "
       "local_link_from_router_31_to_node_0_31_DOWN node-31-nic_DOWN"},
      {"torus", /* one step along x, then one along y */
       {"node-0", "node-5", 1, UNKNOWN},
       "node-0-nic_UP fabric_link_from_0_to_1_UP fabric_link_from_1_to_5_UP node-5-nic_DOWN"},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
    g_auto(scratch) files = scratch_new();
    simgrid_flow flow = rows[i].flow;
    assert_true(simgrid_run_flows(generated(&files, rows[i].command), &flow, 1));
    assert_string_equal(flow.route, rows[i].route);
  }
}

/* The spine is the receiver's number modulo their count: two receivers 8 apart meet on the leaf's way up,
 * neighbours do not. */
static void the_receiver_chooses_the_spine_of_a_fat_tree(void **state)
{
  (void)state;
  g_auto(scratch) files = scratch_new();
  const char *path = generated(&files, "fat-tree domains=24");
  simgrid_flow same[2] = {{"node-0", "node-8", 400e9, UNKNOWN}, {"node-1", "node-16", 400e9, UNKNOWN}};
  simgrid_flow other[2] = {{"node-0", "node-8", 400e9, UNKNOWN}, {"node-1", "node-17", 400e9, UNKNOWN}};
  assert_true(simgrid_run_flows(path, same, 2));
  assert_true(simgrid_run_flows(path, other, 2));
  for (int i = 0; i < 2; i++) {
    assert_near(same[i].seconds, 2, 1e-9);
    assert_near(other[i].seconds, 1, 1e-9);
  }
}

/* Every domain of one half sends 400 GB to its peer in the other half. */
static void assert_bisection(const char *command, int n, double seconds)
{
  g_auto(scratch) files = scratch_new();
  const char *path = generated(&files, command);
  g_autofree simgrid_flow *flows = g_new0(simgrid_flow, (gsize)n);
  g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
  for (int i = 0; i < n; i++)
    g_ptr_array_add(names, g_strdup_printf("node-%d", i));
  for (int i = 0; i < n / 2; i++)
    flows[i] = (simgrid_flow){names->pdata[i], names->pdata[i + n / 2], 400e9, UNKNOWN};
  assert_true(simgrid_run_flows(path, flows, n / 2));
  double last_s = 0;
  for (int i = 0; i < n / 2; i++)
    last_s = MAX(last_s, flows[i].seconds);
  assert_near(last_s, seconds, 1e-9 * seconds);
}

static void bisections_follow_from_the_links_between_the_halves(void **state)
{
  (void)state;
  /* A full tree has a link for every domain; at r:1, r of them share one, at the leaf or above. */
  assert_bisection("fat-tree domains=16", 16, 1);
  assert_bisection("fat-tree domains=16 oversubscription=2", 16, 2);
  assert_bisection("fat-tree levels=3 domains=64", 64, 1);
  assert_bisection("fat-tree levels=3 domains=64 oversubscription=4", 64, 4);
  /* Eight domains of a group share its two links to the other one. */
  assert_bisection("dragonfly", 32, 4);
  assert_bisection("dragonfly global-links=8 chassis-links=4 router-links=2", 32, 1);
  /* Where they arrive, the two domains at one place of both chassis come over the same routers. */
  assert_bisection("dragonfly global-links=8 chassis-links=4", 32, 2);
  /* Rings of four along y: two steps the same way round, over one link of 100 GB/s that both senders of the
   * ring need. */
  assert_bisection("torus", 16, 8);
}

static void domains_of_a_fabric_are_placed_and_powered_as_elsewhere(void **state)
{
  (void)state;
  static const char *const commands[] = {"fat-tree domains=10", "fat-tree domains=10 hosts=tray",
                                         "fat-tree levels=3 domains=10 hosts=gpu",
                                         "torus dimensions=5x2 hosts=gpu"};
  for (gsize i = 0; i < G_N_ELEMENTS(commands); i++) {
    g_auto(scratch) files = scratch_new();
    g_autoptr(tw_faults) faults = tw_faults_new();
    g_autoptr(tw_platform) p = tw_platform_load(generated(&files, commands[i]), faults);
    assert_no_faults(faults);
    assert_int_equal(tw_platform_accelerators(p), 80);
    assert_int_equal(p->n_racks, 3); /* four domains in each */
    int domains = 0;
    double network_w = 0, overhead_w = 0;
    for (int z = 0; z < p->n_zones; z++) {
      domains += p->zones[z].role == TW_ROLE_NVLINK_DOMAIN;
      overhead_w += p->zones[z].overhead_w;
    }
    for (int l = 0; l < p->n_links; l++)
      network_w += isnan(p->links[l].watts) ? 0 : p->links[l].watts;
    assert_int_equal(domains, 10);
    assert_near(overhead_w, 10 * 4230, 1e-6); /* a DGX H100 behind its power supplies, less its GPUs */
    assert_near(network_w, 10 * 405, 1e-6);
    for (int h = 0; h < p->n_hosts; h++)
      if (p->hosts[h].device == NULL)
        assert_int_equal(p->zones[p->hosts[h].zone].role, TW_ROLE_FABRIC);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(one_transfer_takes_its_links_and_hops),
      cmocka_unit_test(inside_a_domain_transfers_take_nvlink),
      cmocka_unit_test(routes_are_those_of_the_topology),
      cmocka_unit_test(the_receiver_chooses_the_spine_of_a_fat_tree),
      cmocka_unit_test(bisections_follow_from_the_links_between_the_halves),
      cmocka_unit_test(domains_of_a_fabric_are_placed_and_powered_as_elsewhere),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
