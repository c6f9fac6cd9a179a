/* SimGrid and our reader agree on platforms: on shipped ones in every number, on damaged ones in whether they
 * are any good. */
#include "platforms/input/data.h"
#include "platforms/reader/platform.h"
#include "tests/platforms/generated.h"
#include "tests/platforms/simgrid_support.h"

static void shipped_platforms_load_with_the_same_hosts_and_links(void **state)
{
  (void)state;
  g_auto(GStrv) names = tw_data_list("platforms", ".xml");
  for (char **name = names; *name != NULL; name++) {
    g_autofree char *relative = g_strdup_printf("platforms/%s.xml", *name);
    g_autofree char *path = tw_data_path(relative);
    g_autoptr(tw_faults) faults = tw_faults_new();
    g_autoptr(tw_platform) platform = tw_platform_load(path, faults);
    assert_no_faults(faults);
    simgrid_counts counts = {0, 0};
    assert_true(simgrid_accepts(path, 200, &counts));
    assert_int_equal(counts.hosts, platform->n_hosts);
    long links = 1;           /* SimGrid's own loopback */
    gboolean cluster = FALSE; /* its links are SimGrid's own */
    for (int i = 0; i < platform->n_links; i++)
      links += platform->links[i].duplex ? 2 : 1;
    for (int i = 0; i < platform->n_zones; i++)
      cluster |= platform->zones[i].link_kind != TW_LINK_NONE;
    if (cluster)
      assert_true(counts.links > links);
    else
      assert_int_equal(counts.links, links);
  }
}

/* One flow alone on a generated platform takes its bytes over the narrowest link, and its route's latency. */
static void one_transfer_takes_what_its_links_say(void **state)
{
  (void)state;
  static const struct {
    const char *command;
    simgrid_flow flow;
    double seconds, latency_us;
  } rows[] = {
      /* 8 NICs of 50 GB/s; one leaf: NIC and leaf, twice 1.5 us. */
      {"hgx nodes=4", {"node-0", "node-3", 400e9, 0, 0, ""}, 1, 3},
      /* Beyond the leaf, the spine's 2 us. */
      {"hgx nodes=40", {"node-0", "node-39", 400e9, 0, 0, ""}, 1, 5},
      /* Between accelerators of one node: its eight NVLinks of 450 GB/s, a hop of 1.5 us. */
      {"hgx nodes=4", {"node-2", "node-2", 3600e9, 0, 0, ""}, 1, 0.802},
      /* GPU by GPU: NVLink inside, its NIC outside. */
      {"hgx nodes=2 hosts=gpu", {"hgx-0-gpu-0", "hgx-0-gpu-7", 450e9, 0, 0, ""}, 1, 0.802},
      {"hgx nodes=2 hosts=gpu", {"hgx-0-gpu-0", "hgx-1-gpu-7", 50e9, 0, 0, ""}, 1, 3},
      {"hgx nodes=40 hosts=gpu", {"hgx-0-gpu-0", "hgx-39-gpu-7", 50e9, 0, 0, ""}, 1, 5},
      /* Trays of four: 3600 GB/s on NVLink, 200 GB/s of NICs. */
      {"nvl72", {"rack-0-tray-0", "rack-0-tray-17", 3600e9, 0, 0, ""}, 1, 1.27},
      {"nvl72 racks=2", {"rack-0-tray-0", "rack-0-tray-17", 3600e9, 0, 0, ""}, 1, 1.27},
      {"nvl72 racks=8", {"rack-0-tray-0", "rack-7-tray-17", 200e9, 0, 0, ""}, 1, 5},
      {"nvl72 racks=2 hosts=gpu", {"rack-0-gpu-3", "rack-1-gpu-3", 50e9, 0, 0, ""}, 1, 5},
      /* An up-link narrower than a tray's NICs: 72 NICs of 50 GB/s over 36. */
      {"nvl72 racks=2 oversubscription=36", {"rack-0-tray-0", "rack-1-tray-0", 100e9, 0, 0, ""}, 1, 5},
      {"single hosts=gpu device=b200-sxm", {"domain-0-gpu-1", "domain-0-gpu-6", 900e9, 0, 0, ""}, 1, 0.735},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
    g_auto(scratch) files = scratch_new();
    simgrid_flow flow = rows[i].flow;
    assert_true(simgrid_run_flows(generated(&files, rows[i].command), &flow, 1));
    assert_near(flow.seconds, rows[i].seconds, 1e-9);
    assert_near(flow.latency_s, rows[i].latency_us * 1e-6, 1e-12);
  }
}

/* Half of the nodes send to the other half, across the spine. */
static void assert_bisection(const char *command, const char *name, int n, double bytes, double seconds)
{
  g_auto(scratch) files = scratch_new();
  const char *path = generated(&files, command);
  g_autofree simgrid_flow *flows = g_new0(simgrid_flow, (gsize)n);
  for (int i = 0; i < n / 2; i++)
    flows[i] = (simgrid_flow){g_strdup_printf(name, i), g_strdup_printf(name, i + n / 2), bytes, 0, 0, ""};
  assert_true(simgrid_run_flows(path, flows, n / 2));
  for (int i = 0; i < n / 2; i++) {
    assert_near(flows[i].seconds, seconds, 1e-9 * seconds);
    g_free((char *)flows[i].src);
    g_free((char *)flows[i].dst);
  }
}

static void the_bisection_is_what_the_oversubscription_leaves(void **state)
{
  (void)state;
  /* 32 nodes on a leaf: every flow has its node's 400 GB/s where the spine is as wide, a quarter at 4:1. */
  assert_bisection("hgx nodes=64", "node-%d", 64, 400e9, 1);
  assert_bisection("hgx nodes=64 oversubscription=4", "node-%d", 64, 400e9, 4);
  /* Under one leaf there is nothing to oversubscribe. */
  assert_bisection("hgx nodes=32 oversubscription=4", "node-%d", 32, 400e9, 1);
}

static void flows_of_one_rack_share_its_up_link(void **state)
{
  (void)state;
  g_auto(scratch) files = scratch_new();
  const char *path = generated(&files, "nvl72 racks=2 oversubscription=2");
  /* 18 trays of 200 GB/s over 1800 GB/s: 100 GB/s each; the other direction is free and full. */
  simgrid_flow flows[18 + 1] = {{0}};
  for (int i = 0; i < 18; i++)
    flows[i] = (simgrid_flow){
        g_strdup_printf("rack-0-tray-%d", i), g_strdup_printf("rack-1-tray-%d", i), 100e9, 0, 0, ""};
  flows[18] = (simgrid_flow){"rack-1-tray-0", "rack-0-tray-0", 200e9, 0, 0, ""};
  assert_true(simgrid_run_flows(path, flows, 19));
  for (int i = 0; i < 18; i++) {
    assert_near(flows[i].seconds, 1, 1e-9);
    g_free((char *)flows[i].src);
    g_free((char *)flows[i].dst);
  }
  assert_near(flows[18].seconds, 1, 1e-9);
}

/* Seeds of the damage: every element and routing that we read. */
#define HEAD                                                                                                 \
  "<?xml version=\"1.0\"?>\n<!DOCTYPE platform SYSTEM \"https://simgrid.org/simgrid.dtd\">\n"                \
  "<platform version=\"4.1\">\n"
#define HOST(id)              "<host id=\"" id "\" speed=\"1Gf\"/>\n"
#define LINK(id)              "<link id=\"" id "\" bandwidth=\"1GBps\" latency=\"1us\"/>\n"
#define SPLIT(id)             "<link id=\"" id "\" bandwidth=\"1GBps\" latency=\"1us\" sharing_policy=\"SPLITDUPLEX\"/>\n"
#define ROUTE(src, dst, link) "<route src=\"" src "\" dst=\"" dst "\"><link_ctn id=\"" link "\"/></route>\n"
#define DOMAIN(routing, id, a, b, r, l)                                                                      \
  "<zone id=\"" id "\" routing=\"" routing "\">" HOST(a) HOST(b) "<router id=\"" r "\"/>\n" LINK(l)          \
      ROUTE(a, r, l) ROUTE(b, r, l) "</zone>\n"
#define SITE(top, routing)                                                                                   \
  HEAD "<zone id=\"s\" routing=\"" top "\">" DOMAIN(routing, "A", "a1", "a2", "ra", "la")                    \
      DOMAIN(routing, "B", "b1", "b2", "rb", "lb")                                                           \
          LINK("x") "<zoneRoute src=\"A\" dst=\"B\" gw_src=\"ra\" gw_dst=\"rb\"><link_ctn "                  \
                    "id=\"x\"/></zoneRoute></zone>\n"                                                        \
                    "</platform>\n"
#define CLUSTER(id, prefix, more)                                                                            \
  "<cluster id=\"" id "\" prefix=\"" prefix                                                                  \
  "\" suffix=\"s\" radical=\"0-3\" speed=\"1Gf\" bw=\"1GBps\" lat=\"1us\"" more "/>\n"
static const char *const seeds[] = {
    SITE("Full", "Floyd"),
    SITE("Floyd", "Dijkstra"),
    SITE("Dijkstra", "DijkstraCache"),
    HEAD "<zone id=\"z\" routing=\"Full\">" CLUSTER(
        "c", "n", " bb_bw=\"1GBps\" bb_lat=\"1us\" sharing_policy=\"SHARED\"")
        CLUSTER("d", "m", " loopback_bw=\"1GBps\" loopback_lat=\"1us\" limiter_link=\"1GBps\"")
            LINK("x") "<zoneRoute src=\"c\" dst=\"d\" gw_src=\"nc_routers\" gw_dst=\"md_routers\"><link_ctn "
                      "id=\"x\"/></zoneRoute>"
                      "</zone>\n</platform>\n",
    HEAD CLUSTER("c", "n", " topology=\"TORUS\" topo_parameters=\"2,2\"") "</platform>\n",
    HEAD CLUSTER("c", "n", " topology=\"FAT_TREE\" topo_parameters=\"2;2,2;1,2;1,1\"") "</platform>\n",
    HEAD CLUSTER("c", "n", " topology=\"DRAGONFLY\" topo_parameters=\"2,1;1,1;2,1;1\"") "</platform>\n",
    HEAD "<zone id=\"z\" routing=\"Cluster\"><prop id=\"tw:role\" value=\"site\"/>\n" HOST("a") HOST(
        "b") "<router id=\"r\"/>\n" SPLIT("s") "<backbone id=\"bb\" bandwidth=\"1GBps\" latency=\"1us\"/>\n"
                                               "<host_link id=\"a\" up=\"s_UP\" down=\"s_DOWN\"/><host_link "
                                               "id=\"b\" up=\"s_UP\" down=\"s_DOWN\"/></zone>\n"
                                               "</platform>\n",
    HEAD "<zone id=\"z\" routing=\"Full\">" HOST("a") HOST("b") SPLIT("s")
        SPLIT("t") "<route src=\"a\" dst=\"b\"><link_ctn id=\"s\" direction=\"UP\"/><link_ctn id=\"t\" "
                   "direction=\"DOWN\"/></route>\n"
                   "<route src=\"a\" dst=\"a\" symmetrical=\"NO\"><link_ctn "
                   "id=\"s_UP\"/></route></zone>\n</platform>\n",
};

static const char *const words[] = {
    "",    "0",       "-1",    "1",     "x",        "NO",     "1GBps", "0Bps", "-1us", "1Gf",     "nan",
    "inf", "Full",    "Floyd", "None",  "Dijkstra", "UP",     "0-3",   "DOWN", "0-7",  "FATPIPE", "2,2",
    "1e3", "Cluster", "a b",   "&amp;", "99999999", "&#233;", "4",     "4.1",  "5;5",  "1Gf,2Gf"};

/* The start and end of a random match of a pattern's first group. */
static gboolean pick(GRand *chance, const char *text, const char *pattern, int group, int *from, int *to)
{
  g_autoptr(GRegex) regex = g_regex_new(pattern, 0, 0, NULL);
  g_autoptr(GMatchInfo) match = NULL;
  int count = 0;
  for (g_regex_match(regex, text, 0, &match); g_match_info_matches(match); g_match_info_next(match, NULL))
    if (g_rand_int_range(chance, 0, ++count) == 0) /* each with the same chance */
      g_match_info_fetch_pos(match, group, from, to);
  return count > 0;
}

static void replace(GString *text, int from, int to, const char *with)
{
  g_string_erase(text, from, to - from);
  g_string_insert(text, from, with);
}

#define ATTRIBUTE     "\\s([A-Za-z_]+)=\"([^\"]*)\""
#define EMPTY_ELEMENT "(<[a-zA-Z_]+[^<>]*/>)"

static void damage(GRand *chance, GString *text)
{
  int from = 0, to = 0, other_from = 0, other_to = 0;
  switch (g_rand_int_range(chance, 0, 7)) {
  case 0: /* a value becomes another */
    if (pick(chance, text->str, ATTRIBUTE, 2, &from, &to) &&
        pick(chance, text->str, ATTRIBUTE, 2, &other_from, &other_to)) {
      g_autofree char *value = g_strndup(text->str + other_from, (gsize)(other_to - other_from));
      replace(text, from, to, value);
    }
    break;
  case 1: /* or a word that means something somewhere */
    if (pick(chance, text->str, ATTRIBUTE, 2, &from, &to))
      replace(text, from, to, words[g_rand_int_range(chance, 0, G_N_ELEMENTS(words))]);
    break;
  case 2: /* an attribute goes */
    if (pick(chance, text->str, ATTRIBUTE, 0, &from, &to))
      replace(text, from, to, "");
    break;
  case 3: /* an element goes, or doubles */
    if (pick(chance, text->str, EMPTY_ELEMENT, 0, &from, &to)) {
      g_autofree char *element = g_strndup(text->str + from, (gsize)(to - from));
      g_autofree char *twice = g_strconcat(element, element, NULL);
      replace(text, from, to, g_rand_boolean(chance) ? "" : twice);
    }
    break;
  case 4: /* or moves */
    if (pick(chance, text->str, EMPTY_ELEMENT, 0, &from, &to)) {
      g_autofree char *element = g_strndup(text->str + from, (gsize)(to - from));
      replace(text, from, to, "");
      if (pick(chance, text->str, "(<[^<>]*>)", 0, &from, &to))
        replace(text, to, to, element);
    }
    break;
  case 5: /* an attribute gets another's name */
    if (pick(chance, text->str, ATTRIBUTE, 1, &from, &to) &&
        pick(chance, text->str, ATTRIBUTE, 1, &other_from, &other_to)) {
      g_autofree char *name = g_strndup(text->str + other_from, (gsize)(other_to - other_from));
      replace(text, from, to, name);
    }
    break;
  default: /* a character */
    from = g_rand_int_range(chance, 0, (gint32)text->len);
    g_string_erase(text, from, 1);
    if (g_rand_boolean(chance))
      g_string_insert_c(text, from, "<>\"/& x\n-="[g_rand_int_range(chance, 0, 10)]);
  }
}

static void what_we_accept_simgrid_accepts(void **state)
{
  (void)state;
  enum { ROUNDS = 800 };
  g_autoptr(GRand) chance = g_rand_new_with_seed(20);
  int accepted = 0;
  for (int round = 0; round < ROUNDS; round++) {
    g_auto(scratch) files = scratch_new();
    g_autoptr(GString) text = g_string_new(seeds[round % (int)G_N_ELEMENTS(seeds)]);
    gboolean whole = round < (int)G_N_ELEMENTS(seeds);
    for (int n = g_rand_int_range(chance, 1, 4); n > 0 && !whole; n--)
      damage(chance, text);
    const char *path = scratch_write(&files, "p.xml", text->str, (gssize)text->len);
    g_autoptr(tw_faults) faults = tw_faults_new();
    g_autoptr(tw_platform) platform = tw_platform_load(path, faults);
    assert_int_equal(platform == NULL, tw_faults_count(faults) > 0);
    if (whole)
      assert_no_faults(faults);
    if (platform == NULL)
      continue;
    accepted++;
    if (!simgrid_accepts(path, 16, NULL))
      fail_msg("SimGrid refuses what we accept:\n%s", text->str);
  }
  assert_in_range(accepted, ROUNDS / 20, ROUNDS / 2); /* the damage is worth its name */
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(shipped_platforms_load_with_the_same_hosts_and_links),
      cmocka_unit_test(one_transfer_takes_what_its_links_say),
      cmocka_unit_test(the_bisection_is_what_the_oversubscription_leaves),
      cmocka_unit_test(flows_of_one_rack_share_its_up_link),
      cmocka_unit_test(what_we_accept_simgrid_accepts),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
