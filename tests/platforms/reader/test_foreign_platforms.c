/* Platforms that others wrote: what SimGrid loads is read, or refused with the reason. */
#include "platforms/reader/platform.h"
#include "tests/check.h"
#include "tests/platforms/scratch.h"
#include "tests/platforms/simgrid_support.h"

#define DTD  "\"https://simgrid.org/simgrid.dtd\""
#define HEAD "<?xml version='1.0'?><!DOCTYPE platform SYSTEM " DTD "><platform version=\"4.1\">"
#define TWO                                                                                                  \
  "<host id=\"a\" speed=\"1Gf\"/><host id=\"b\" speed=\"1Gf\"/><link id=\"l\" bandwidth=\"1GBps\" "          \
  "latency=\"0\"/>"
#define WAY                   "<route src=\"a\" dst=\"b\"><link_ctn id=\"l\"/></route>"
#define SITE(routing, inside) "<zone id=\"z\" routing=\"" routing "\">" inside "</zone></platform>"

static const struct row {
  const char *what, *text;
  int hosts;
  const char *says; /* in a note; or, with hosts == 0, in the fault; NULL: nothing */
} rows[] = {
    {"an old address, single quotes and an encoding",
     "<?xml version='1.0' encoding=\"ISO-8859-1\"?><!DOCTYPE platform SYSTEM "
     "'http://simgrid.gforge.inria.fr/simgrid/simgrid.dtd'><platform version=\"4\">" SITE("Full", TWO WAY),
     2, NULL},
    {"spaces around equals signs, and a line break",
     "<?xml version = '1.0'?>\n<!DOCTYPE platform\n  SYSTEM \"https://simgrid.org/simgrid.dtd\">"
     "<platform version = \"4.1\">" SITE("Full", TWO WAY),
     2, NULL},
    {"a space before the end of the XML declaration, which SimGrid does not know",
     "<?xml version='1.0' ?><!DOCTYPE platform SYSTEM " DTD
     "><platform version=\"4.1\">" SITE("Full", TWO WAY),
     0, "SimGrid refuses the beginning of this file"},
    {"a latency of weeks",
     HEAD SITE("Full",
               "<host id=\"a\" speed=\"1f\"/><host id=\"b\" speed=\"1f\"/><link id=\"l\" bandwidth=\"1MBps\" "
               "latency=\"2097152s\"/>" WAY),
     2, NULL},
    {"autonomous systems",
     HEAD "<AS id=\"z\" routing=\"Full\"><AS id=\"y\" routing=\"Full\">" TWO WAY
          "</AS><AS id=\"x\" routing=\"Full\"><host id=\"c\" speed=\"1f\"/></AS><link id=\"m\" "
          "bandwidth=\"1MBps\" "
          "latency=\"0\"/><ASroute src=\"y\" dst=\"x\" gw_src=\"a\" gw_dst=\"c\"><link_ctn "
          "id=\"m\"/></ASroute></AS></platform>",
     3, NULL},
    {"numbers without units",
     HEAD SITE(
         "Full",
         "<host id=\"a\" speed=\"1e9\"/><host id=\"b\" speed=\"1e9\"/><link id=\"l\" bandwidth=\"125000\" "
         "latency=\"0.1\"/>" WAY),
     2, "bandwidth of <link> without a unit is read as Bps"},
    {"disks, settings and ways around",
     HEAD "<config id=\"General\"><prop id=\"maxmin/precision\" value=\"1e-5\"/></config>" SITE(
         "Full", "<host id=\"a\" speed=\"1Gf\"><disk id=\"d\" read_bw=\"1MBps\" "
                 "write_bw=\"1MBps\"/></host><host id=\"b\" "
                 "speed=\"1Gf\"/><link id=\"l\" bandwidth=\"1GBps\" latency=\"0\"/>" WAY
                 "<bypassRoute src=\"a\" dst=\"b\"><link_ctn id=\"l\"/></bypassRoute>"),
     2, "<disk>: disks do not count here"},
    {"cabinets",
     HEAD SITE("Cluster",
               "<cabinet id=\"c\" prefix=\"h\" suffix=\".x\" radical=\"1-4\" speed=\"1Gf\" bw=\"1GBps\" "
               "lat=\"1us\"/><cabinet id=\"d\" prefix=\"h\" suffix=\".x\" radical=\"5-6\" speed=\"1Gf\" "
               "bw=\"1GBps\" lat=\"1us\"/><backbone id=\"bb\" bandwidth=\"1GBps\" latency=\"1us\"/>"),
     6, NULL},
    {"deep zones",
     HEAD SITE("Full",
               "<zone id=\"y\" routing=\"Full\"><zone id=\"x\" routing=\"Full\">" TWO WAY "</zone></zone>"),
     2, "more than two deep"},
    {"two cables to a switch",
     HEAD "<cluster id=\"c\" prefix=\"n\" suffix=\"\" radical=\"0-3\" speed=\"1Gf\" bw=\"1GBps\" lat=\"1us\" "
          "topology=\"FAT_TREE\" topo_parameters=\"2;2,2;1,1;1,2\"/></platform>",
     4, "the first of them down"},
    {"watts and p-states of SimGrid",
     HEAD SITE(
         "Full",
         "<host id=\"a\" speed=\"2Gf,1Gf\" pstate=\"1\"><prop id=\"tw:device\" value=\"h100-sxm\"/><prop "
         "id=\"wattage_per_state\" value=\"95:120:190,90:100:120\"/></host>"),
     1, "wattage_per_state does not count"},
    {"watts of a link of SimGrid",
     HEAD SITE("Full", TWO "<link id=\"w\" bandwidth=\"1Bps\" latency=\"0s\"><prop id=\"wattage_range\" "
                           "value=\"10:20\"/></link>"),
     2, "are told by tw:watts"},
    {"a link that is worth nothing",
     HEAD SITE("Full", "<host id=\"a\" speed=\"1f\"/><link id=\"l\" bandwidth=\"1Bps\" latency=\"0\"><prop "
                       "id=\"tw:degraded\" value=\"1.5\"/></link>"),
     0, "more than the link has"},
    {"no routing", HEAD SITE("None", TWO), 0, "routing=\"None\" leads nowhere"},
    {"stars", HEAD SITE("Star", TWO), 0, "write routing=\"Cluster\""},
    {"coordinates", HEAD SITE("Vivaldi", "<host id=\"a\" coordinates=\"1 2 3\" speed=\"1f\"/>"), 0,
     "without links"},
    {"profiles that are not there",
     HEAD SITE(
         "Full",
         "<host id=\"a\" speed=\"1f\"/><link id=\"l\" bandwidth=\"1Bps\" latency=\"0\" state_file=\"x\"/>"),
     0, "state_file of <link>: "},
    {"a route less", HEAD SITE("Full", TWO), 2, "nothing that uses the network runs on it"},
    {"a route less between accelerators",
     HEAD SITE("Full", "<host id=\"a\" speed=\"1f\"><prop id=\"tw:device\" value=\"h100-sxm\"/></host>"
                       "<host id=\"b\" speed=\"1f\"/>"),
     0, "has no route"},
    {"storages", HEAD "<storage_type id=\"s\" size=\"1GiB\"/>" SITE("Full", TWO WAY), 0, "since 3.27"},
};

static void what_simgrid_loads_is_read_or_refused_with_the_reason(void **state)
{
  (void)state;
  g_auto(scratch) files = scratch_new();
  for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
    const char *path = scratch_write(&files, "platform.xml", rows[i].text, -1);
    g_autoptr(tw_faults) faults = tw_faults_new();
    g_autoptr(tw_platform) platform = tw_platform_load(path, faults);
    gboolean said = rows[i].says == NULL;
    if (rows[i].hosts == 0) {
      assert_null(platform);
      assert_non_null(strstr(tw_faults_get(faults, 0), rows[i].says));
      continue;
    }
    if (platform == NULL)
      fail_msg("%s: %s", rows[i].what, tw_faults_get(faults, 0));
    for (guint k = 0; k < platform->notes->len; k++)
      said |= rows[i].says != NULL && strstr(platform->notes->pdata[k], rows[i].says) != NULL;
    if (!said)
      fail_msg("%s: no note says \"%s\"", rows[i].what, rows[i].says);
    simgrid_counts counts;
    assert_true(simgrid_accepts(path, 0, &counts));
    assert_int_equal(counts.hosts, rows[i].hosts);
    assert_int_equal(platform->n_hosts, rows[i].hosts);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(what_simgrid_loads_is_read_or_refused_with_the_reason)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
