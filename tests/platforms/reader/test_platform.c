/* Reading platforms: what the structs hold, and which files are accepted. */
#include "platforms/reader/platform.h"
#include "tests/platforms/scratch.h"

#define HEAD                                                                                                 \
  "<?xml version=\"1.0\"?>\n<!DOCTYPE platform SYSTEM \"https://simgrid.org/simgrid.dtd\">\n"                \
  "<platform version=\"4.1\">\n"
#define PROP(id, value) "<prop id=\"" id "\" value=\"" value "\"/>"
#define GPU(id)         "<host id=\"" id "\" speed=\"1Gf\">" PROP("tw:device", "h100-sxm") "</host>"
#define LINK(id)        "<link id=\"" id "\" bandwidth=\"50GBps\" latency=\"2us\"/>"

static tw_platform *load(scratch *files, const char *body)
{
  g_autofree char *text = g_strconcat(HEAD, body, "\n</platform>\n", NULL);
  g_autoptr(tw_faults) faults = tw_faults_new();
  tw_platform *platform = tw_platform_load(scratch_write(files, "p.xml", text, -1), faults);
  assert_no_faults(faults);
  assert_non_null(platform);
  return platform;
}

/* Two GPUs on one NVLink domain, a node that stands for eight, a link between. */
static const char small_site[] = "<zone id=\"site\" routing=\"Full\">" PROP("tw:role", "site")
    PROP("tw:pue", "1.25") PROP("tw:row", "north") "<zone id=\"d\" routing=\"Full\">" PROP(
        "tw:role", "nvlink-domain") PROP("tw:overhead_w", "250.5") GPU("g0") GPU("g1")
        LINK("l") "<route src=\"g0\" dst=\"g1\"><link_ctn id=\"l\"/></route></zone>\n"
                  "<zone id=\"n\" routing=\"Full\">" PROP("tw:role", "node")
                      PROP("tw:rack", "r9") "<host id=\"n0\" speed=\"2.5Tf,5Tf,0f\" pstate=\"1\">" PROP(
                          "tw:device", "gb200") PROP("tw:accelerators", "8")
                          PROP("wattage_per_state",
                               "90:300,90:400") "</host></zone>\n"
                                                "<link id=\"wan\" bandwidth=\"400Gbps\" latency=\"1.5us\" "
                                                "sharing_policy=\"SPLITDUPLEX\">" PROP("tw:kind", "spine")
                                                    PROP("tw:watts",
                                                         "12") "</link>"
                                                               "<zoneRoute src=\"d\" dst=\"n\" gw_src=\"g0\" "
                                                               "gw_dst=\"n0\"><link_ctn id=\"wan\" "
                                                               "direction=\"UP\"/></zoneRoute>"
                                                               "</zone>";

static void zones_hosts_and_links_are_read(void **state)
{
  (void)state;
  g_auto(scratch) files = scratch_new();
  g_autoptr(tw_platform) p = load(&files, small_site);
  assert_string_equal(p->name, "p");
  assert_near(tw_curve_at(&p->supply.pue, 1), 1.25, 0);

  assert_int_equal(p->n_zones, 3);
  assert_string_equal(p->zones[0].id, "site");
  assert_int_equal(p->zones[0].parent, -1);
  assert_int_equal(p->zones[0].role, TW_ROLE_SITE);
  assert_int_equal(p->zones[1].role, TW_ROLE_NVLINK_DOMAIN);
  assert_int_equal(p->zones[1].parent, 0);
  assert_near(p->zones[1].overhead_w, 250.5, 0);
  assert_int_equal(p->zones[2].role, TW_ROLE_NODE);

  assert_int_equal(p->n_hosts, 3);
  assert_string_equal(p->hosts[2].id, "n0");
  assert_int_equal(p->hosts[2].zone, 2);
  assert_int_equal(p->hosts[2].accelerators, 8);
  assert_near(p->hosts[2].speed_flops, 5e12, 0); /* its p-state */
  assert_int_equal(p->hosts[2].n_clocks, 1);
  assert_near(p->hosts[2].clocks[0], 0.5, 1e-12);
  assert_int_equal(p->hosts[0].n_clocks, 0);
  assert_int_equal(p->hosts[2].line, 5);
  assert_int_equal(p->hosts[0].accelerators, 1); /* the default of a host with a device */
  assert_int_equal(tw_platform_accelerators(p), 10);

  assert_int_equal(p->n_devices, 2); /* each once */
  assert_ptr_equal(p->hosts[0].device, p->hosts[1].device);
  assert_string_equal(p->hosts[2].device->name, "gb200");

  assert_int_equal(p->n_links, 2);
  const tw_link *wan = &p->links[1];
  assert_string_equal(wan->id, "wan");
  assert_near(wan->bytes_per_s, 50e9, 0); /* 400 Gbit/s of 8 bits a byte */
  assert_near(wan->latency_s, 1.5e-6, 1e-18);
  assert_int_equal(wan->kind, TW_LINK_SPINE);
  assert_near(wan->watts, 12, 0);
  assert_true(wan->duplex);
  assert_false(p->links[0].duplex);
  assert_true(isnan(p->links[0].watts));
}

static void racks_and_rows_are_inherited_or_the_zones_own(void **state)
{
  (void)state;
  g_auto(scratch) files = scratch_new();
  g_autoptr(tw_platform) p = load(&files, small_site);
  assert_null(p->zones[0].rack);
  assert_int_equal(p->zones[0].rack_index, -1);
  assert_string_equal(p->zones[1].rack, "d"); /* a domain that names none is its own rack */
  assert_string_equal(p->zones[2].rack, "r9");
  assert_string_equal(p->zones[2].row, "north");
  assert_int_equal(p->n_racks, 2);
  assert_string_equal(p->racks[0], "d");
  assert_int_equal(p->zones[2].rack_index, 1);
}

static void the_domain_of_a_host_is_its_innermost_nvlink_zone(void **state)
{
  (void)state;
  g_auto(scratch) files = scratch_new();
  g_autoptr(tw_platform) p = load(&files, small_site);
  assert_int_equal(tw_platform_domain(p, 0), 1);
  assert_int_equal(tw_platform_domain(p, 2), 2);
  g_autoptr(tw_platform) flat = load(&files, "<zone id=\"z\" routing=\"None\">" GPU("a") "</zone>");
  assert_int_equal(tw_platform_domain(flat, 0), -1);
}

static void a_cluster_expands_to_its_hosts(void **state)
{
  (void)state;
  g_auto(scratch) files = scratch_new();
  g_autoptr(tw_platform) p = load(
      &files, "<cluster id=\"c\" prefix=\"gpu-\" suffix=\".x\" radical=\"0-2,7\" speed=\"1Tf\" bw=\"50GBps\" "
              "lat=\"1us\">" PROP("tw:role", "nvlink-domain") PROP("tw:device", "b200-sxm")
                  PROP("tw:overhead_w", "100") PROP("tw:link-kind", "nvlink")
                      PROP("tw:link-watts", "3") "</cluster>");
  assert_int_equal(p->n_hosts, 4);
  assert_string_equal(p->hosts[0].id, "gpu-0.x");
  assert_string_equal(p->hosts[3].id, "gpu-7.x");
  assert_int_equal(tw_platform_accelerators(p), 4);
  assert_int_equal(tw_platform_domain(p, 3), 0);
  assert_int_equal(p->n_links, 0);
  /* SimGrid puts the properties on every host too; they are read once. */
  assert_near(p->zones[0].overhead_w, 100, 0);
  assert_int_equal(p->zones[0].link_kind, TW_LINK_NVLINK);
  assert_near(p->zones[0].link_watts, 3, 0);
}

static void topologies_count_their_hosts(void **state)
{
  (void)state;
  static const char *const shapes[][3] = {{"TORUS", "2,3,4", "0-23"},
                                          {"FAT_TREE", "2;4,4;1,2;1,2", "0-15"},
                                          {"DRAGONFLY", "2,1;2,1;2,1;2", "0-15"}};
  for (gsize i = 0; i < G_N_ELEMENTS(shapes); i++) {
    g_auto(scratch) files = scratch_new();
    g_autofree char *body =
        g_strdup_printf("<cluster id=\"c\" prefix=\"h\" suffix=\"\" radical=\"%s\" speed=\"1f\" "
                        "bw=\"1GBps\" lat=\"1us\" topology=\"%s\" topo_parameters=\"%s\"/>",
                        shapes[i][2], shapes[i][0], shapes[i][1]);
    g_autoptr(tw_platform) p = load(&files, body);
    assert_int_equal(p->n_hosts, i == 0 ? 24 : 16);
    assert_null(p->hosts[0].device);
    assert_int_equal(p->hosts[0].accelerators, 0);
  }
}

static void hosts_may_hang_on_the_arms_of_a_star(void **state)
{
  (void)state;
  g_auto(scratch) files = scratch_new();
  g_autoptr(tw_platform) p =
      load(&files,
           "<zone id=\"z\" routing=\"Cluster\">" GPU("a")
               GPU("b") "<router id=\"r\"/>"
                        "<link id=\"l\" bandwidth=\"1GBps\" latency=\"1us\" sharing_policy=\"SPLITDUPLEX\"/>"
                        "<host_link id=\"a\" up=\"l_UP\" down=\"l_DOWN\"/><host_link id=\"b\" up=\"l_UP\" "
                        "down=\"l_DOWN\"/>"
                        "<backbone id=\"bb\" bandwidth=\"1GBps\" latency=\"1us\"/></zone>");
  assert_int_equal(p->n_links, 2);
}

static void a_hundred_thousand_hosts_are_read(void **state)
{
  (void)state;
  g_auto(scratch) files = scratch_new();
  g_autoptr(tw_platform) p =
      load(&files, "<cluster id=\"c\" prefix=\"h\" suffix=\"\" radical=\"0-99999\" speed=\"1f\" bw=\"1GBps\" "
                   "lat=\"1us\">" PROP("tw:device", "gb200") "</cluster>");
  assert_int_equal(tw_platform_accelerators(p), 100000);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(zones_hosts_and_links_are_read),
      cmocka_unit_test(racks_and_rows_are_inherited_or_the_zones_own),
      cmocka_unit_test(the_domain_of_a_host_is_its_innermost_nvlink_zone),
      cmocka_unit_test(a_cluster_expands_to_its_hosts),
      cmocka_unit_test(topologies_count_their_hosts),
      cmocka_unit_test(hosts_may_hang_on_the_arms_of_a_star),
      cmocka_unit_test(a_hundred_thousand_hosts_are_read),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
