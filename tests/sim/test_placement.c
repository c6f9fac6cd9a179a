/* Placement on small platforms: which accelerators an engine gets. */
#include "sim/placement.h"
#include "tests/check.h"
#include "tests/sim/support.h"

/* Nodes of 8 GPUs, one host each GPU ("n0-g0" ... ); the last host has no accelerator. */
typedef struct site {
  tw_platform platform;
  tw_device device, other;
  tw_free_accelerators *free;
  GArray *places; /* of tw_engine_place */
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
    p->hosts[i] = (tw_host){g_strdup_printf("n%d-g%d", i / 8, i % 8), 1 + i / 8, &s->device, 1, 1, 0};
  }
  p->hosts[nodes * 8] = (tw_host){g_strdup("login"), 0, NULL, 0, 1, 0};
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
    g_free(g_array_index(s->places, tw_engine_place, i).shares);
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
      cmocka_unit_test(a_pool_that_is_too_large_is_told_what_there_is),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
