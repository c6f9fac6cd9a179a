/* Broken platforms and devices, and every message that a user sees. */
#include "platforms/reader/platform.h"
#include "tests/platforms/scratch.h"

/* A file of tests/platforms/broken and its faults, a line each, without the folder. */
typedef struct broken {
  const char *file, *faults;
} broken;

static const broken platforms[] = {
    {"beside-zones.xml",
     "beside-zones.xml:6: <router> cannot stand beside nested zones; put it into a zone of its own\n"},
    {"bomb.xml", "bomb.xml:2: declares the entity \"a\" in its DOCTYPE; remove the declaration and write the "
                 "text itself\n"},
    {"cluster.xml", "cluster.xml:5: radical of <cluster>: \"0-3,x\" is not a list of numbers of at most "
                    "1000000 hosts; write such as 0-7,9\n"
                    "cluster.xml:6: topo_parameters of <cluster>: \"2,3\" has 6 hosts, radical=\"0-3\" has "
                    "4; make them equal\n"
                    "cluster.xml:6: the name \"n0\" is taken by the <cluster> of line 5; choose another\n"
                    "cluster.xml:7: topo_parameters of <cluster>: \"2;2,2;1\" does not describe the "
                    "topology; write 2;4,4;1,2;1,2 for levels;children;parents;links\n"
                    "cluster.xml:8: bw of <cluster>: \"none\" is not a number with a unit; write a "
                    "bandwidth, such as 50GBps or 400Gbps\n"
                    "cluster.xml:8: radical of <cluster>: \"0-9999999\" is not a list of numbers of at most "
                    "1000000 hosts; write such as 0-7,9\n"},
    {"dragonfly.xml",
     "dragonfly.xml:5: topo_parameters of <cluster>: \"4,1;2,1;3,1;1\" does not describe the "
     "topology; write 3,4;4,3;5,1;2 for groups,links;chassis,links;routers,links;hosts, no "
     "more groups than routers of a chassis\n"},
    {"gateway-missing.xml", "gateway-missing.xml:8: <zoneRoute> lacks the attribute \"gw_dst\"; write "
                            "gw_dst=\"...\", host or router of dst\n"},
    {"gateways.xml",
     "gateways.xml:8: gw_src of <zoneRoute>: \"b\" lies in \"two\", not in \"one\"; name a host or router of "
     "\"one\"\n"
     "gateways.xml:8: gw_dst of <zoneRoute>: \"two\" is no host or router; name a host or router\n"
     "gateways.xml:9: dst of <zoneRoute>: no zone \"three\"; declare it above\n"},
    {"include.xml", "include.xml: SimGrid cannot include files; write the platform into one\n"},
    {"names-twice.xml",
     "names-twice.xml:6: the name \"a\" is taken by the <host> of line 5; choose another\n"
     "names-twice.xml:7: the name \"site\" is taken by the <zone> of line 4; choose another\n"
     "names-twice.xml:9: the link name \"l\" is taken in line 8; choose another\n"},
    {"not-read.xml",
     "not-read.xml:5: <peer>: routes between <peer>s are latencies of coordinates; use <host> and <link>\n"},
    {"order.xml", "order.xml:6: <prop> stands too late; properties come first in a zone\n"
                  "order.xml:8: <link> stands too late; routes come last in a zone\n"
                  "order.xml:9: <zone> cannot follow <host>; nested zones come first and hold the hosts\n"},
    {"planes.xml",
     "planes.xml:5: tw:routing, tw:rails and tw:cross-rail belong to a zone with tw:role=\"fabric\"; move "
     "them "
     "there\n"
     "planes.xml:9: the fabric of line 5 has tw:routing, tw:rails or tw:cross-rail already, which count for "
     "the "
     "whole platform; keep those of one zone\n"
     "planes.xml:9: tw:rails of <zone>: 1.5 is not a whole number up to 1024; write such as 8\n"
     "planes.xml:9: tw:routing of <zone>: \"hash\" is unknown; did you mean \"hashed\"?\n"
     "planes.xml:10: tw:cross-rail of <zone>: \"pxn\" is unknown; write one of nvlink, spine\n"},
    {"planes-links.xml",
     "planes-links.xml:8: tw:rails: the 3 NICs of zone \"a\" are not a multiple of 2 rails; write a divisor\n"
     "planes-links.xml:20: tw:parts of <link>: 3 links to the spine; write a multiple of the 2 rails, the "
     "same for "
     "all links to the spine\n"},
    {"planes-nothing.xml", "planes-nothing.xml:6: tw:routing and tw:rails need hosts in domains whose links "
                           "have tw:kind=\"nic\"; there "
                           "are none\n"
                           "planes-nothing.xml:6: tw:routing needs links of tw:kind=\"spine\", whose "
                           "tw:parts says of how many they "
                           "consist; there are none\n"
                           "planes-nothing.xml:6: tw:routing and tw:rails part links, which cannot have a "
                           "bandwidth_file then; remove one "
                           "of both\n"},
    {"power.xml",
     "power.xml:5: tw:overhead_idle_w is above tw:overhead_w, the power at full load; write less\n"},
    {"profile-missing.xml", "profile-missing.xml:6: bandwidth_file of <link>: there is no "
                            "\"missing.profile\" beside the platform, and SimGrid "
                            "ends without it\n"},
    {"profile-twice.xml",
     "profile-twice.xml:6: latency_file of <link>: SimGrid reads a profile once, and the <host> of "
     "line 5 names \"half.profile\"; name a copy of it\n"},
    {"prolog.xml", "prolog.xml:1: SimGrid refuses the beginning of this file; write <?xml version=\"1.0\"?> "
                   "and <!DOCTYPE platform SYSTEM \"https://simgrid.org/simgrid.dtd\">\n"
                   "prolog.xml:3: version of <platform>: \"3\" is not 4.1; write version=\"4.1\"\n"},
    {"properties.xml",
     "properties.xml:7: <zone> has no property \"tw:overhead\"; did you mean \"tw:overhead_w\"?\n"
     "properties.xml:5: tw:role of <zone>: \"sight\" is unknown; write one of site, nvlink-domain, node, "
     "fabric, storage\n"
     "properties.xml:6: tw:pue: \"0.9\" is no PUE; write a number of 1 or more\n"
     "properties.xml:8: the device \"h100-smx\" is unknown; did you mean \"h100-sxm\"?\n"
     "properties.xml:9: <host> has accelerators but no device; add the property tw:device\n"
     "properties.xml:10: tw:accelerators of <host>: \"0\" is not a count; write a whole number of at least "
     "1\n"
     "properties.xml:11: tw:kind of <link>: \"nik\" is unknown; did you mean \"nic\"?\n"
     "properties.xml:11: tw:watts of <link>: \"5W\" is not a number of watts; write a plain number, such as "
     "100\n"},
    {"route-twice.xml", "route-twice.xml:9: there is a route from \"b\" to \"a\" already; a route counts "
                        "both ways unless it says symmetrical=\"NO\"\n"
                        "route-twice.xml:10: a route from \"a\" to itself needs symmetrical=\"NO\"\n"},
    {"route-unknown-host.xml",
     "route-unknown-host.xml:8: dst of <route>: no host or router \"noed-1\"; did you mean \"node-1\"?\n"},
    {"route-unknown-link.xml",
     "route-unknown-link.xml:8: id of <link_ctn>: no link \"nvlnk\"; did you mean \"nvlink\"?\n"},
    {"splitduplex.xml",
     "splitduplex.xml:9: \"s\" is SPLITDUPLEX; write direction=\"UP\" or direction=\"DOWN\"\n"
     "splitduplex.xml:9: \"l\" is not SPLITDUPLEX; remove its direction\n"},
    {"two-rows.xml", "two-rows.xml:10: zone \"b\" of rack \"rack-0\" is in row \"row-1\", but zone \"a\" of "
                     "the same rack in row "
                     "\"row-0\"; a rack stands in one row, so give both the same tw:row\n"
                     "two-rows.xml:15: zone \"c\" of rack \"rack-0\" is in no row, but zone \"a\" of the "
                     "same rack in row \"row-0\"; a "
                     "rack stands in one row, so give both the same tw:row\n"},
    {"units.xml",
     "units.xml:5: speed of <host>: SimGrid does not know the unit of \"1GFLOPS\"; write a speed, such as "
     "1Gf\n"
     "units.xml:6: speed of <host>: \"-1Gf\" is out of range; write a speed above zero\n"
     "units.xml:7: bandwidth of <link>: \"50GB/s\" is not a number with a unit; write a bandwidth, such as "
     "50GBps or 400Gbps\n"
     "units.xml:8: bandwidth of <link>: \"0GBps\" is out of range; write a bandwidth above zero\n"
     "units.xml:8: latency of <link>: \"-1us\" is out of range; write a latency from zero to 1e9s\n"
     "units.xml:9: bandwidth of <link>: \"fast\" is not a number with a unit; write a bandwidth, such as "
     "50GBps or 400Gbps\n"
     "units.xml:9: latency of <link>: SimGrid does not know the unit of \"1min\"; write a latency, such as "
     "1us\n"
     "units.xml:10: speed of <host>: \"0f\" is out of range; write a speed above zero\n"},
    {"unreachable.xml",
     "unreachable.xml:4: zone \"site\" has no route from \"one\" to \"two\"; add <zoneRoute>s\n"
     "unreachable.xml:5: zone \"one\" has no route from \"a\" to \"b\"; routing=\"Full\" needs one for every "
     "pair, routing=\"Floyd\" finds ways over several\n"},
    {"words.xml", "words.xml:4: routing of <zone>: \"Fulll\" is unknown; did you mean \"Full\"?\n"
                  "words.xml:5: <hots> cannot stand in <zone>; did you mean \"host\"?\n"
                  "words.xml:6: <host> has no attribute \"sped\"; did you mean \"speed\"?\n"
                  "words.xml:6: <host> lacks the attribute \"speed\"; write speed=\"...\", such as 1Gf; more "
                  "than one for p-states\n"
                  "words.xml:7: sharing_policy of <link>: \"FULLDUPLEX\" is unknown; write one of "
                  "SPLITDUPLEX, SHARED, FATPIPE\n"},
};

static const broken devices[] = {
    {"device-twice.xml",
     "device-twice.xml:4: <compute> says \"bf16\" twice; keep one\n"
     "device-twice.xml:8: <efficiency> says \"linear\" twice; each op class stands once per "
     "precision\n"
     "device-twice.xml:13: only experts in one precision have an alternative; write op=\"experts\" and a "
     "precision\n"
     "device-twice.xml:15: <efficiency> says \"experts\" twice; each op class stands once per precision\n"
     "device-twice.xml:16: only experts in one precision have an alternative; write op=\"experts\" and a "
     "precision\n"
     "device-twice.xml:2: there is no <efficiency op=\"attention-prefill\"> without a precision; "
     "add one\n"
     "device-twice.xml:5: all of the memory is reserved; write reserved < capacity\n"},
    {"device-without-bf16.xml",
     "device-without-bf16.xml:2: <device> lacks <compute precision=\"bf16\" rate=\"...\"/>, in which "
     "everything is computed whose own format it lacks\n"},
    {"device-values.xml",
     "device-values.xml:3: rate of <compute>: \"-1TFLOP/s\" is out of range; write a computing rate above "
     "zero, such "
     "as 989TFLOP/s\n"
     "device-values.xml:4: precision of <compute>: \"bf17\" is unknown; write one of fp32, bf16, fp8, fp4, "
     "int8, fp8-block, int4, fp6\n"
     "device-values.xml:5: bandwidth of <memory>: \"3.35TB\" has the unknown unit \"TB\"; did you mean "
     "\"TB/s\"?\n"
     "device-values.xml:6: efficiency of <scale-up>: \"1.5\" is out of range; write a number above zero and "
     "up to 1\n"
     "device-values.xml:7: idle power is above the maximum; write idle <= max\n"
     "device-values.xml:8: idle power is above the overhead at full load; write idle <= overhead\n"
     "device-values.xml:9: <efficiency> lacks the attribute \"source\"; write source=\"...\", where the "
     "numbers come from\n"
     "device-values.xml:10: mixed-peak of <efficiency>: \"1.5\" is out of range; write a number from 0 to 1\n"
     "device-values.xml:11: near-memory of <efficiency>: \"2\" is out of range; write a number from 0 to 1\n"
     "device-values.xml:11: ramp of <efficiency>: \"-1us\" is out of range; write a time from 0s to 1s, such "
     "as "
     "50ms\n"
     "device-values.xml:11: chain of <efficiency>: \"1\" has no unit; write a time, such as 50ms\n"
     "device-values.xml:11: per-expert of <efficiency>: \"2s\" is out of range; write a time from 0s to 1s, "
     "such as "
     "50ms\n"
     "device-values.xml:11: routing of <efficiency>: \"-1us\" is out of range; write a time from 0s to 1s, "
     "such "
     "as 50ms\n"
     "device-values.xml:11: routing-tokens of <efficiency>: \"-2\" is out of range; write a number from 0 to "
     "1000000\n"
     "device-values.xml:11: alternative of <efficiency>: \"perhaps\" is not a truth value; write true or "
     "false\n"
     "device-values.xml:11: unfused of <efficiency>: \"yes\" is not a truth value; write true or false\n"
     "device-values.xml:2: <device> has 3 <efficiency> and needs 6: fitted shares of the peaks\n"},
};

/* The faults as one text, a line each, without the folder in front of the file names. */
static char *joined(const char *folder, const tw_faults *faults)
{
  g_autofree char *prefix = g_strconcat(folder, "/", NULL);
  GString *text = g_string_new(NULL);
  for (guint i = 0; i < tw_faults_count(faults); i++)
    g_string_append_printf(text, "%s\n", tw_faults_get(faults, i));
  g_string_replace(text, prefix, "", 0);
  return g_string_free(text, FALSE);
}

static void broken_platforms_report_every_fault(void **state)
{
  (void)state;
  g_autofree char *folder = g_build_filename(TW_SOURCE_DIR, "tests/platforms/broken", NULL);
  for (gsize i = 0; i < G_N_ELEMENTS(platforms); i++) {
    g_autoptr(tw_faults) faults = tw_faults_new();
    g_autofree char *path = g_build_filename(folder, platforms[i].file, NULL);
    assert_null(tw_platform_load(path, faults));
    g_autofree char *text = joined(folder, faults);
    assert_string_equal(text, platforms[i].faults);
  }
}

static void broken_devices_report_every_fault(void **state)
{
  (void)state;
  g_autofree char *folder = g_build_filename(TW_SOURCE_DIR, "tests/platforms/broken", NULL);
  for (gsize i = 0; i < G_N_ELEMENTS(devices); i++) {
    g_autoptr(tw_faults) faults = tw_faults_new();
    g_autofree char *path = g_build_filename(folder, devices[i].file, NULL);
    assert_null(tw_device_load(path, NULL, faults));
    g_autofree char *text = joined(folder, faults);
    assert_string_equal(text, devices[i].faults);
  }
}

static void the_check_command_shows_them_and_exits_with_2(void **state)
{
  (void)state;
  g_autofree char *path = g_build_filename(TW_SOURCE_DIR, "tests/platforms/broken", platforms[0].file, NULL);
  g_autofree char *errors = NULL;
  const char *const argv[] = {TW_PROGRAM, "check", path, NULL};
  int status = 0;
  assert_true(g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_STDOUT_TO_DEV_NULL, NULL, NULL, NULL, &errors,
                           &status, NULL));
  g_autoptr(GError) error = NULL;
  assert_false(g_spawn_check_wait_status(status, &error));
  assert_int_equal(error->code, 2);
  assert_non_null(strstr(errors, platforms[0].faults));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(broken_platforms_report_every_fault),
      cmocka_unit_test(broken_devices_report_every_fault),
      cmocka_unit_test(the_check_command_shows_them_and_exits_with_2),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
