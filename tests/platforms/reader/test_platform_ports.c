/* Ports: accelerators of one host send and receive as if each were a host of its own. */
#include "platforms/reader/platform_ports.h"
#include "tests/check.h"
#include "tests/platforms/scratch.h"
#include "tests/platforms/simgrid_support.h"

#include <glib/gstdio.h>

#define HEAD                                                                                                 \
  "<?xml version=\"1.0\"?><!DOCTYPE platform SYSTEM \"https://simgrid.org/simgrid.dtd\">"                    \
  "<platform version=\"4.1\">"
/* A host of `id` with eight accelerators. */
#define NODE(id)                                                                                             \
  "<host id=\"" id "\" speed=\"1Tf\"><prop id=\"tw:device\" value=\"h100-sxm\"/>"                            \
  "<prop id=\"tw:accelerators\" value=\"8\"/></host>"
#define NIC(id, policy)                                                                                      \
  "<link id=\"" id "\" bandwidth=\"400GBps\" latency=\"1us\" sharing_policy=\"" policy "\">"                 \
  "<prop id=\"tw:kind\" value=\"nic\"/></link>"
#define HOP(id, way) "<link_ctn id=\"" id "\" direction=\"" way "\"/>"

/* Two nodes under one switch, in every way that SimGrid has to say so. */
static const struct form {
  const char *name, *text;
} forms[] = {
    {"full", HEAD "<zone id=\"z\" routing=\"Full\">" NODE("a") NODE("b") NIC("a-nic", "SPLITDUPLEX")
                 NIC("b-nic", "SPLITDUPLEX") "<route src=\"a\" dst=\"b\">" HOP("a-nic", "UP")
                     HOP("b-nic", "DOWN") "</route></zone></platform>"},
    {"floyd", HEAD "<zone id=\"z\" routing=\"Floyd\">" NODE("a")
                  NODE("b") "<router id=\"r\"/>" NIC("a-nic", "SPLITDUPLEX")
                      NIC("b-nic", "SPLITDUPLEX") "<route src=\"a\" dst=\"r\">" HOP(
                          "a-nic", "UP") "</route><route src=\"r\" "
                                         "dst=\"b\">" HOP("b-nic", "DOWN") "</route></zone></platform>"},
    {"gateways",
     HEAD "<zone id=\"z\" routing=\"Full\"><zone id=\"za\" routing=\"Full\">" NODE(
         "a") "</zone><zone id=\"zb\" routing=\"Full\">" NODE("b") "</zone>" NIC("a-nic", "SPLITDUPLEX")
         NIC("b-nic", "SPLITDUPLEX") "<zoneRoute src=\"za\" dst=\"zb\" gw_src=\"a\" gw_dst=\"b\">" HOP(
             "a-nic", "UP") HOP("b-nic", "DOWN") "</zoneRoute></zone></platform>"},
    {"star",
     HEAD "<zone id=\"z\" routing=\"Cluster\">" NODE("a") NODE("b") NIC("a-nic", "SPLITDUPLEX")
         NIC("b-nic",
             "SPLITDUPLEX") "<host_link id=\"a\" up=\"a-nic_UP\" down=\"a-nic_DOWN\"/>"
                            "<host_link id=\"b\" up=\"b-nic_UP\" down=\"b-nic_DOWN\"/></zone></platform>"},
};

/* Seconds of flows of 50 GB from ports of a to ports of b, each of `accelerators`. */
static void run(const char *text, const char *parts, simgrid_flow *flows, int n, int accelerators)
{
  g_autofree char *path = NULL;
  int fd = g_file_open_tmp("tokenworks-ports-XXXXXX.xml", &path, NULL);
  assert_true(fd >= 0);
  g_auto(GStrv) pieces = g_strsplit(text, "<prop id=\"tw:kind\" value=\"nic\"/>", -1);
  g_autofree char *written = g_strjoinv(parts != NULL ? parts : "", pieces);
  assert_true(g_file_set_contents(path, written, -1, NULL));
  g_autoptr(tw_faults) faults = tw_faults_new();
  g_autoptr(tw_platform) platform = tw_platform_load(path, faults);
  assert_non_null(platform);
  g_autoptr(tw_ports) ports = tw_ports_new(platform);
  int host_a = g_str_equal(platform->hosts[0].id, "a") ? 0 : 1;
  for (int i = 0; i < 8 / accelerators; i++) {
    tw_ports_add(ports, host_a, accelerators);
    tw_ports_add(ports, 1 - host_a, accelerators);
  }
  g_autofree char *copy = tw_ports_write(ports, NULL);
  assert_non_null(copy);
  assert_true(simgrid_run_flows(copy, flows, n));
  g_unlink(copy);
  g_unlink(path);
}

static void a_flow_of_one_accelerator_takes_one_nic_whatever_the_routing(void **state)
{
  (void)state;
  for (guint i = 0; i < G_N_ELEMENTS(forms); i++) {
    /* 50 GB over 50 GB/s: 1 s. Two at once from different ports: 1 s each. Into one port: 2 s. */
    simgrid_flow apart[] = {{.src = "a/0", .dst = "b/0", .bytes = 50e9},
                            {.src = "a/1", .dst = "b/1", .bytes = 50e9}};
    run(forms[i].text, NULL, apart, 2, 1);
    assert_near(apart[0].seconds, 1, 1e-9);
    assert_near(apart[1].seconds, 1, 1e-9);
    simgrid_flow together[] = {{.src = "a/0", .dst = "b/0", .bytes = 50e9},
                               {.src = "a/1", .dst = "b/0", .bytes = 50e9}};
    run(forms[i].text, NULL, together, 2, 1);
    assert_near(together[0].seconds, 2, 1e-9);
    /* There and back do not meet. */
    simgrid_flow back[] = {{.src = "a/0", .dst = "b/0", .bytes = 50e9},
                           {.src = "b/0", .dst = "a/0", .bytes = 50e9}};
    run(forms[i].text, NULL, back, 2, 1);
    assert_near(back[0].seconds, 1, 1e-9);
    /* Four accelerators have four NICs; the whole host has eight. */
    simgrid_flow four[] = {{.src = "a/0", .dst = "b/1", .bytes = 50e9}};
    run(forms[i].text, NULL, four, 1, 4);
    assert_near(four[0].seconds, 0.25, 1e-9);
    simgrid_flow whole[] = {{.src = "a", .dst = "b", .bytes = 50e9}};
    run(forms[i].text, NULL, whole, 1, 4);
    assert_near(whole[0].seconds, 0.125, 1e-9);
  }
}

static void fewer_nics_than_accelerators_are_each_for_one_flow(void **state)
{
  (void)state;
  /* Two NICs of 200 GB/s: an accelerator alone has one of them. */
  simgrid_flow flow[] = {{.src = "a/0", .dst = "b/0", .bytes = 50e9}};
  run(forms[0].text, "<prop id=\"tw:parts\" value=\"2\"/>", flow, 1, 1);
  assert_near(flow[0].seconds, 0.25, 1e-9);
}

static void all_accelerators_of_a_host_are_the_host(void **state)
{
  (void)state;
  tw_host hosts[] = {{.id = "a", .accelerators = 8}, {.id = "b", .accelerators = 0}};
  tw_platform platform = {.hosts = hosts, .n_hosts = 2};
  g_autoptr(tw_ports) ports = tw_ports_new(&platform);
  assert_int_equal(tw_ports_add(ports, 0, 8), 0);
  assert_int_equal(tw_ports_add(ports, 1, 0), 1);
  assert_null(tw_ports_write(ports, NULL));
  int port = tw_ports_add(ports, 0, 4);
  assert_int_equal(port, 2);
  assert_int_equal(tw_ports_host(ports, port), 0);
  assert_string_equal(tw_ports_name(ports, port), "a/0");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_flow_of_one_accelerator_takes_one_nic_whatever_the_routing),
      cmocka_unit_test(fewer_nics_than_accelerators_are_each_for_one_flow),
      cmocka_unit_test(all_accelerators_of_a_host_are_the_host),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
