/* Placement on small platforms: which accelerators an engine gets. */
#include "sim/placement/placement.h"
#include "tests/check.h"
#include "tests/sim/support.h"

/* Nodes of 8 GPUs, one host each GPU ("n0-g0" ... ); the last host has no accelerator. */
typedef struct site {
  tw_platform platform;
  tw_device device, other;
  tw_free_accelerators *free;
  GArray *places; /* elements are tw_engine_place */
  tw_faults *faults;
  char *directory, *file;
  tw_document *document;
} site;

static site *site_new(int nodes)
{
  site *s = g_new0(site, 1);
  tw_platform *p = &s->platform;
  p->n_hosts = nodes * 8 + 1;
  p->n_zones = nodes + 1;
  p->hosts = g_new0(tw_host, (gsize)p->n_hosts);
  p->zones = g_new0(tw_zone, (gsize)p->n_zones);
  p->zones[0] = (tw_zone){.id = (char *)"site", .parent = -1, .role = TW_ROLE_SITE, .rack_index = -1};
  for (int i = 0; i < nodes * 8; i++) {
    p->zones[1 + i / 8] = (tw_zone){.id = (char *)"node", .role = TW_ROLE_NVLINK_DOMAIN};
    p->hosts[i] = (tw_host){.id = g_strdup_printf("n%d-g%d", i / 8, i % 8),
                            .zone = 1 + i / 8,
                            .device = &s->device,
                            .accelerators = 1,
                            .speed_flops = 1};
  }
  p->hosts[nodes * 8] = (tw_host){.id = g_strdup("login"), .speed_flops = 1};
  s->free = tw_free_accelerators_new(p);
  s->places = g_array_new(FALSE, FALSE, sizeof(tw_engine_place));
  s->faults = tw_faults_new();
  s->directory = test_directory();
  s->file = g_build_filename(s->directory, "s.xml", NULL);
  assert_true(g_file_set_contents(s->file, "<scenario>\n<pool/></scenario>", -1, NULL));
  s->document = tw_document_load(s->file, s->faults);
  return s;
}

static void site_free(site *s)
{
  for (guint i = 0; i < s->places->len; i++)
    tw_engine_place_clear(&g_array_index(s->places, tw_engine_place, i));
  for (int i = 0; i < s->platform.n_hosts; i++)
    g_free(s->platform.hosts[i].id);
  tw_free_accelerators_free(s->free);
  g_free(s->platform.hosts);
  g_free(s->platform.zones);
  g_array_unref(s->places);
  tw_faults_free(s->faults);
  tw_document_free(s->document);
  test_remove(s->directory);
  g_free(s->directory);
  g_free(s->file);
  g_free(s);
}

/* One engine of some groups of two. */
static gboolean place_groups(site *s, const char *hosts, tw_placement_kind kind, gint64 engines,
                             gint64 groups)
{
  tw_placement_request request = {"serve", hosts, kind, engines, 2 * groups, 2};
  const xmlNode *pool = tw_node_child(tw_document_root(s->document), "pool");
  return tw_place(s->free, &request, 0, s->places, pool, s->faults);
}

/* The hosts of an engine, with blanks between. */
static char *hosts_of(const site *s, guint engine)
{
  const tw_engine_place *e = &g_array_index(s->places, tw_engine_place, engine);
  GString *text = g_string_new(NULL);
  for (int i = 0; i < e->n_shares; i++)
    for (int k = 0; k < e->shares[i].accelerators; k++)
      g_string_append_printf(text, text->len > 0 ? " %s" : "%s", s->platform.hosts[e->shares[i].host].id);
  return g_string_free(text, FALSE);
}

static void assert_hosts(const site *s, guint engine, const char *expected)
{
  g_autofree char *hosts = hosts_of(s, engine);
  assert_string_equal(hosts, expected);
}

static gboolean place(site *s, const char *hosts, tw_placement_kind kind, gint64 engines, gint64 accelerators)
{
  tw_placement_request request = {"serve", hosts, kind, engines, accelerators, 1};
  const xmlNode *pool = tw_node_child(tw_document_root(s->document), "pool");
  return tw_place(s->free, &request, 0, s->places, pool, s->faults);
}

/* The node of an engine, all of whose hosts must stand in it, and the number of its accelerators. */
static int node_of(const site *s, guint engine, int *accelerators)
{
  const tw_engine_place *e = &g_array_index(s->places, tw_engine_place, engine);
  *accelerators = 0;
  for (int i = 0; i < e->n_shares; i++) {
    assert_int_equal(e->shares[i].host / 8, e->shares[0].host / 8);
    *accelerators += e->shares[i].accelerators;
  }
  return e->shares[0].host / 8;
}

static void assert_nodes(const site *s, const int *nodes, guint n, int accelerators)
{
  assert_int_equal(s->places->len, n);
  for (guint i = 0; i < n; i++) {
    int got;
    assert_int_equal(node_of(s, i, &got), nodes[i]);
    assert_int_equal(got, accelerators);
  }
}

static void pack_fills_one_domain_after_the_other(void **state)
{
  (void)state;
  static const int nodes[] = {0, 0, 1, 1, 2};
  site *s = site_new(3);
  assert_true(place(s, "*", TW_PLACEMENT_PACK, 5, 4));
  assert_nodes(s, nodes, 5, 4);
  site_free(s);
}

static void spread_takes_the_emptiest_domain(void **state)
{
  (void)state;
  static const int nodes[] = {0, 1, 2, 0, 1};
  site *s = site_new(3);
  assert_true(place(s, "*", TW_PLACEMENT_SPREAD, 5, 4));
  assert_nodes(s, nodes, 5, 4);
  site_free(s);
}

/* Three accelerators a domain are left over by engines of five; they serve a second pool. */
static void an_engine_never_leaves_its_domain(void **state)
{
  (void)state;
  site *s = site_new(2);
  assert_true(place(s, "*", TW_PLACEMENT_PACK, 2, 5));
  assert_true(place(s, "*", TW_PLACEMENT_PACK, 2, 3));
  static const int fives[] = {0, 1};
  for (guint i = 0; i < 4; i++) {
    int got;
    assert_int_equal(node_of(s, i, &got), fives[i % 2]);
    assert_int_equal(got, i < 2 ? 5 : 3);
  }
  assert_false(place(s, "*", TW_PLACEMENT_PACK, 1, 1));
  site_free(s);
}

static void no_accelerator_is_given_twice(void **state)
{
  (void)state;
  site *s = site_new(4);
  gboolean taken[33] = {FALSE};
  assert_true(place(s, "n2-*", TW_PLACEMENT_PACK, 1, 8));
  assert_true(place(s, "*", TW_PLACEMENT_SPREAD, 12, 2));
  for (guint i = 0; i < s->places->len; i++) {
    const tw_engine_place *e = &g_array_index(s->places, tw_engine_place, i);
    for (int k = 0; k < e->n_shares; k++) {
      assert_false(taken[e->shares[k].host]);
      taken[e->shares[k].host] = TRUE;
    }
  }
  site_free(s);
}

/* A tray that stands for four accelerators is shared by two engines of two; an engine of six takes two trays.
 */
static void a_host_may_hold_several_accelerators(void **state)
{
  (void)state;
  site *s = site_new(1);
  tw_free_accelerators_free(s->free);
  for (int i = 0; i < 8; i++)
    s->platform.hosts[i].accelerators = 4;
  s->free = tw_free_accelerators_new(&s->platform);
  assert_true(place(s, "*", TW_PLACEMENT_PACK, 2, 2));
  assert_true(place(s, "*", TW_PLACEMENT_PACK, 1, 6));
  const tw_engine_place *e = &g_array_index(s->places, tw_engine_place, 0);
  assert_int_equal(e[0].shares[0].host, 0);
  assert_int_equal(e[1].shares[0].host, 0);
  assert_int_equal(e[2].n_shares, 2);
  assert_int_equal(e[2].shares[0].host, 1);
  assert_int_equal(e[2].shares[0].accelerators, 4);
  assert_int_equal(e[2].shares[1].accelerators, 2);
  site_free(s);
}

/* Devices do not mix in an engine: of a domain with 4 of each kind, one engine of 4 gets equal ones. */
static void an_engine_has_one_device(void **state)
{
  (void)state;
  site *s = site_new(1);
  for (int i = 1; i < 8; i += 2)
    s->platform.hosts[i].device = &s->other;
  assert_false(place(s, "*", TW_PLACEMENT_PACK, 1, 5));
  assert_true(place(s, "*", TW_PLACEMENT_PACK, 2, 4));
  for (guint e = 0; e < 2; e++)
    for (int i = 0; i < 4; i++)
      assert_int_equal(g_array_index(s->places, tw_engine_place, e).shares[i].host % 2, e);
  site_free(s);
}

/* Three nodes: the first engine has the first rails of all of them, the second the next ones. */
static void rail_gives_the_groups_of_an_engine_the_same_places(void **state)
{
  (void)state;
  site *s = site_new(3);
  assert_true(place_groups(s, "*", TW_PLACEMENT_RAIL, 2, 3));
  assert_hosts(s, 0, "n0-g0 n0-g1 n1-g0 n1-g1 n2-g0 n2-g1");
  assert_hosts(s, 1, "n0-g2 n0-g3 n1-g2 n1-g3 n2-g2 n2-g3");
  /* Four groups over three nodes: the last one goes where there is the lowest place again. */
  assert_true(place_groups(s, "*", TW_PLACEMENT_RAIL, 1, 4));
  assert_hosts(s, 2, "n0-g4 n0-g5 n1-g4 n1-g5 n2-g4 n2-g5 n0-g6 n0-g7");
  /* Two groups are left. A request for three is refused, and takes nothing. */
  assert_false(place_groups(s, "*", TW_PLACEMENT_RAIL, 1, 3));
  assert_true(place_groups(s, "*", TW_PLACEMENT_RAIL, 1, 2));
  assert_hosts(s, 3, "n1-g6 n1-g7 n2-g6 n2-g7");
  site_free(s);
}

/* Engines of one group fill the first rail of all domains before the second. */
static void rail_goes_over_the_domains_for_engines_of_one_group(void **state)
{
  (void)state;
  site *s = site_new(2);
  assert_true(place_groups(s, "*", TW_PLACEMENT_RAIL, 3, 1));
  assert_hosts(s, 0, "n0-g0 n0-g1");
  assert_hosts(s, 1, "n1-g0 n1-g1");
  assert_hosts(s, 2, "n0-g2 n0-g3");
  site_free(s);
}

static void explicit_goes_through_the_hosts_as_they_are_named(void **state)
{
  (void)state;
  site *s = site_new(3);
  for (int h = 0; h < 24; h++)
    s->platform.hosts[h].accelerators = 4;
  tw_free_accelerators_free(s->free);
  s->free = tw_free_accelerators_new(&s->platform);
  assert_true(place_groups(s, "n2-g1  n0-g7:2\n n0-g0:2", TW_PLACEMENT_EXPLICIT, 2, 2));
  assert_hosts(s, 0, "n2-g1 n2-g1 n2-g1 n2-g1");
  assert_hosts(s, 1, "n0-g7 n0-g7 n0-g0 n0-g0");
  /* Two of n0-g0 are left for others. */
  assert_true(place_groups(s, "n0-g0", TW_PLACEMENT_EXPLICIT, 1, 1));
  assert_hosts(s, 2, "n0-g0 n0-g0");
  site_free(s);
}

/* The first host is called "n0:1" itself, and is not the first accelerator of a host "n0". */
static void a_host_whose_name_ends_like_a_number_of_accelerators_is_found(void **state)
{
  (void)state;
  site *s = site_new(1);
  g_free(s->platform.hosts[0].id);
  s->platform.hosts[0].id = g_strdup("n0:1");
  s->platform.hosts[0].accelerators = 4;
  tw_free_accelerators_free(s->free);
  s->free = tw_free_accelerators_new(&s->platform);
  assert_true(place(s, "n0:1:3", TW_PLACEMENT_EXPLICIT, 1, 3));
  assert_hosts(s, 0, "n0:1 n0:1 n0:1");
  assert_true(place(s, "n0:1", TW_PLACEMENT_EXPLICIT, 1, 1));
  assert_hosts(s, 1, "n0:1");
  site_free(s);
}

static void explicit_placement_says_which_name_is_wrong(void **state)
{
  (void)state;
  static const char *const rows[][2] = {
      {"n0-g0 n0-g9", "hosts: the platform has no host \"n0-g9\"; its first host is \"n0-g0\""},
      {"n0-g0 n0-g1:2",
       "hosts: \"n0-g1:2\" asks for accelerators of which \"n0-g1\" has 1 free; name another"},
      {"n0-g2 n0-g2", "hosts: \"n0-g2\" asks for accelerators of which \"n0-g2\" has 0 free; name another"},
      {"login", "hosts: \"login\" asks for accelerators of which \"login\" has 0 free; name another"},
      {"n0-g3", "hosts names 1 accelerators, but pool \"serve\" asks for 1 engines of 2; name more, or lower "
                "replicas, tp, pp or dp"},
      {"n0-g4 n0-g5", "engine 0 of pool \"serve\" would mix devices; name hosts of one"},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
    site *s = site_new(1);
    s->platform.hosts[5].device = &s->other;
    assert_false(place_groups(s, rows[i][0], TW_PLACEMENT_EXPLICIT, 1, 1));
    g_autofree char *expected = g_strdup_printf("%s:2: %s", s->file, rows[i][1]);
    assert_int_equal(tw_faults_count(s->faults), 1);
    assert_string_equal(tw_faults_get(s->faults, 0), expected);
    site_free(s);
  }
}

static void a_pool_that_is_too_large_is_told_what_there_is(void **state)
{
  (void)state;
  site *s = site_new(2);
  assert_false(place(s, "n*", TW_PLACEMENT_PACK, 3, 8));
  assert_false(place(s, "gpu-*", TW_PLACEMENT_PACK, 1, 1));
  assert_int_equal(tw_faults_count(s->faults), 2);
  g_autofree char *large = g_strdup_printf(
      "%s:2: pool \"serve\" asks for 3 engines of 8 accelerators, but "
      "there is room for 2 on the 16 hosts that match hosts=\"n*\"; lower replicas, tp, pp or dp, or "
      "use a larger platform",
      s->file);
  g_autofree char *absent = g_strdup_printf(
      "%s:2: no host of the platform matches hosts=\"gpu-*\"; its first host is \"n0-g0\"", s->file);
  assert_string_equal(tw_faults_get(s->faults, 0), large);
  assert_string_equal(tw_faults_get(s->faults, 1), absent);
  site_free(s);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(pack_fills_one_domain_after_the_other),
      cmocka_unit_test(spread_takes_the_emptiest_domain),
      cmocka_unit_test(an_engine_never_leaves_its_domain),
      cmocka_unit_test(no_accelerator_is_given_twice),
      cmocka_unit_test(a_host_may_hold_several_accelerators),
      cmocka_unit_test(an_engine_has_one_device),
      cmocka_unit_test(rail_gives_the_groups_of_an_engine_the_same_places),
      cmocka_unit_test(rail_goes_over_the_domains_for_engines_of_one_group),
      cmocka_unit_test(explicit_goes_through_the_hosts_as_they_are_named),
      cmocka_unit_test(a_host_whose_name_ends_like_a_number_of_accelerators_is_found),
      cmocka_unit_test(explicit_placement_says_which_name_is_wrong),
      cmocka_unit_test(a_pool_that_is_too_large_is_told_what_there_is),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
