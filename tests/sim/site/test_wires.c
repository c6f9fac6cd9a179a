/* What failures leave of links, and whom they cut off, on a site of two leaves under four spines. */
#include "sim/site/failures/wires.h"
#include "tests/check.h"

#include <glib/gstdio.h>

/* Hosts 0 to 3, of eight accelerators and NICs each; two to a leaf. The up-links stand for four links, one to each of four
 * spines. Host 4 stores things, on the second leaf. */
static const char text[] =
    "<?xml version=\"1.0\"?><!DOCTYPE platform SYSTEM \"https://simgrid.org/simgrid.dtd\"><platform "
    "version=\"4.1\">"
    "<zone id=\"site\" routing=\"Floyd\">"
    "%s"
    "<router id=\"leaf-0\"/><router id=\"leaf-1\"/><router id=\"spine\"/>"
    "%s"
    "<link id=\"leaf-0-up\" bandwidth=\"400GBps\" latency=\"1us\" sharing_policy=\"SPLITDUPLEX\"><prop "
    "id=\"tw:kind\" "
    "value=\"spine\"/><prop id=\"tw:parts\" value=\"4\"/></link>"
    "<link id=\"leaf-1-up\" bandwidth=\"400GBps\" latency=\"1us\" sharing_policy=\"SPLITDUPLEX\"><prop "
    "id=\"tw:kind\" "
    "value=\"spine\"/><prop id=\"tw:parts\" value=\"4\"/></link>"
    "%s"
    "<route src=\"leaf-0\" dst=\"spine\"><link_ctn id=\"leaf-0-up\" direction=\"UP\"/></route>"
    "<route src=\"leaf-1\" dst=\"spine\"><link_ctn id=\"leaf-1-up\" direction=\"UP\"/></route>"
    "</zone></platform>";

static tw_platform *load(void)
{
  g_autoptr(GString) hosts = g_string_new(NULL), links = g_string_new(NULL), routes = g_string_new(NULL);
  for (int i = 0; i < 5; i++) {
    g_string_append_printf(
        hosts, "<host id=\"h%d\" speed=\"1Gf\">%s</host>", i,
        i < 4 ? "<prop id=\"tw:device\" value=\"h100-sxm\"/><prop id=\"tw:accelerators\" value=\"8\"/>" : "");
    g_string_append_printf(
        links,
        "<link id=\"h%d-nic\" bandwidth=\"400GBps\" latency=\"1us\" sharing_policy=\"SPLITDUPLEX\">"
        "<prop id=\"tw:kind\" value=\"nic\"/></link>",
        i);
    g_string_append_printf(
        routes, "<route src=\"h%d\" dst=\"leaf-%d\"><link_ctn id=\"h%d-nic\" direction=\"UP\"/></route>", i,
        i < 2 ? 0 : 1, i);
  }
  g_autofree char *whole = g_strdup_printf(text, hosts->str, links->str, routes->str);
  g_autofree char *path = NULL;
  close(g_file_open_tmp("tokenworks-wires-XXXXXX.xml", &path, NULL));
  assert_true(g_file_set_contents(path, whole, -1, NULL));
  g_autoptr(tw_faults) faults = tw_faults_new();
  tw_platform *platform = tw_platform_load(path, faults);
  for (guint i = 0; i < tw_faults_count(faults); i++)
    print_error("%s\n", tw_faults_get(faults, i));
  g_unlink(path);
  assert_non_null(platform);
  return platform;
}

/* The speeds that the network was told last, by link. */
static void set_speed(void *state, const char *link, double speed, double now_s)
{
  (void)now_s;
  double *kept = g_new(double, 1);
  *kept = speed;
  g_hash_table_insert(state, g_strdup(link), kept);
}

typedef struct site {
  tw_platform *platform;
  GHashTable *speeds;
  tw_wires *wires;
} site;

static site new_site(void)
{
  site s = {load(), g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free), NULL};
  s.wires = tw_wires_new(s.platform, &(tw_network){.set_speed = set_speed, .state = s.speeds});
  return s;
}

static void free_site(site *s)
{
  tw_wires_free(s->wires);
  g_hash_table_unref(s->speeds);
  tw_platform_free(s->platform);
}

static double speed(const site *s, const char *link)
{
  const double *found = g_hash_table_lookup(s->speeds, link);
  return found != NULL ? *found : 1;
}

static tw_breakage breakage(const site *s, tw_failing_part part, const char *name, double left)
{
  g_autoptr(GPtrArray) names = tw_failing_network_names(s->platform, part);
  guint i = 0;
  while (i < names->len && !g_str_equal(names->pdata[i], name))
    i++;
  assert_true(i < names->len);
  g_autofree char *back = tw_failing_network_name(s->platform, part, (int)i);
  assert_string_equal(back, name);
  assert_int_equal(tw_failing_network_components(s->platform, part), names->len);
  return (tw_breakage){part, (int)i, left > 0 ? TW_EFFECT_LIMP : TW_EFFECT_STOP, left, 0, 0, 1, -1};
}

/* Breaks something, or mends it, and checks the hosts that this cuts off or brings back: "01" are hosts 0 and 1. */
static void turn(const site *s, gboolean breaks, tw_failing_part part, const char *name, double left,
                 const char *hosts)
{
  tw_breakage what = breakage(s, part, name, left);
  g_autoptr(GArray) changed = (breaks ? tw_wires_break : tw_wires_mend)(s->wires, &what, 0);
  g_autoptr(GString) said = g_string_new(NULL);
  for (guint i = 0; i < changed->len; i++)
    g_string_append_printf(said, "%d", g_array_index(changed, int, i));
  assert_string_equal(said->str, hosts);
}

static void a_nic_takes_its_part_of_the_link(void **state)
{
  (void)state;
  site s = new_site();
  turn(&s, TRUE, TW_PART_NIC, "h0-nic/3", 0, "");
  assert_near(speed(&s, "h0-nic"), 7.0 / 8, 1e-12);
  turn(&s, TRUE, TW_PART_NIC, "h0-nic/3", 0.5, ""); /* a part that has stopped cannot limp */
  assert_near(speed(&s, "h0-nic"), 7.0 / 8, 1e-12);
  turn(&s, TRUE, TW_PART_NIC, "h0-nic/5", 0.5, ""); /* 1 − 1/8 − 1/16 */
  assert_near(speed(&s, "h0-nic"), 13.0 / 16, 1e-12);
  turn(&s, TRUE, TW_PART_LINK, "h0-nic", 0.5, "");
  assert_near(speed(&s, "h0-nic"), 13.0 / 32, 1e-12);
  turn(&s, FALSE, TW_PART_NIC, "h0-nic/3", 0, ""); /* it limps on */
  assert_near(speed(&s, "h0-nic"), 7.0 / 16, 1e-12);
  turn(&s, FALSE, TW_PART_NIC, "h0-nic/3", 0.5, "");
  turn(&s, FALSE, TW_PART_NIC, "h0-nic/5", 0.5, "");
  turn(&s, FALSE, TW_PART_LINK, "h0-nic", 0.5, "");
  assert_near(speed(&s, "h0-nic"), 1, 1e-12);
  assert_near(speed(&s, "h1-nic"), 1, 0);
  free_site(&s);
}

static void the_last_nic_cuts_its_host_off(void **state)
{
  (void)state;
  site s = new_site();
  for (int i = 0; i < 8; i++) {
    g_autofree char *name = g_strdup_printf("h1-nic/%d", i);
    turn(&s, TRUE, TW_PART_NIC, name, 0, i == 7 ? "1" : "");
  }
  assert_near(speed(&s, "h1-nic"), 0, 0);
  turn(&s, TRUE, TW_PART_SWITCH, "leaf-0", 0,
       "0"); /* the other one of the leaf; this one is cut off already */
  turn(&s, FALSE, TW_PART_NIC, "h1-nic/2", 0, "");
  turn(&s, FALSE, TW_PART_SWITCH, "leaf-0", 0, "01");
  assert_near(speed(&s, "h1-nic"), 1.0 / 8, 1e-12);
  free_site(&s);
}

static void a_spine_of_four_takes_a_quarter_of_every_up_link(void **state)
{
  (void)state;
  site s = new_site();
  turn(&s, TRUE, TW_PART_SWITCH, "spine/1", 0, "");
  assert_near(speed(&s, "leaf-0-up"), 0.75, 1e-12);
  assert_near(speed(&s, "leaf-1-up"), 0.75, 1e-12);
  turn(&s, TRUE, TW_PART_LINK, "leaf-0-up/1", 0, ""); /* the link to that spine */
  turn(&s, TRUE, TW_PART_LINK, "leaf-0-up/2", 0, "");
  assert_near(speed(&s, "leaf-0-up"), 0.5, 1e-12);
  turn(&s, TRUE, TW_PART_SWITCH, "leaf-1", 0.5, ""); /* all that ends there */
  assert_near(speed(&s, "leaf-1-up"), 0.375, 1e-12);
  assert_near(speed(&s, "h3-nic"), 0.5, 1e-12);
  free_site(&s);
}

/* Requests come in at the spine. Each of its four links to the first leaf is lost, then the last way of host 2; without a
 * spine nobody is reached. */
static void what_the_spine_does_not_reach_is_cut_off(void **state)
{
  (void)state;
  site s = new_site();
  for (int i = 0; i < 4; i++) {
    g_autofree char *name = g_strdup_printf("leaf-0-up/%d", i);
    turn(&s, TRUE, TW_PART_LINK, name, 0, i == 3 ? "01" : "");
  }
  turn(&s, TRUE, TW_PART_LINK, "h2-nic", 0, "2");
  for (int i = 0; i < 4; i++) {
    g_autofree char *name = g_strdup_printf("spine/%d", i);
    turn(&s, TRUE, TW_PART_SWITCH, name, 0, i == 3 ? "34" : "");
  }
  turn(&s, FALSE, TW_PART_LINK, "leaf-0-up/2", 0, ""); /* the spine at its end has stopped */
  turn(&s, FALSE, TW_PART_SWITCH, "spine/2", 0, "0134");
  assert_near(speed(&s, "leaf-0-up"), 0.25, 1e-12);
  free_site(&s);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_nic_takes_its_part_of_the_link),
      cmocka_unit_test(the_last_nic_cuts_its_host_off),
      cmocka_unit_test(a_spine_of_four_takes_a_quarter_of_every_up_link),
      cmocka_unit_test(what_the_spine_does_not_reach_is_cut_off),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
