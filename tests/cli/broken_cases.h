/* Sound files, and what breaks when one thing in them is replaced: the message, word for word. */
#ifndef TW_TESTS_CLI_BROKEN_CASES_H
#define TW_TESTS_CLI_BROKEN_CASES_H

#include <stddef.h>

typedef enum { NOTHING, SCENARIO, PLATFORM, TRACE } broken_file;

typedef struct broken {
  const char *name;
  broken_file file;
  const char *find, *replace; /* in that file; a NULL `find` replaces it all */
  const char *arguments;      /* behind `run s.xml -o out -q` */
  const char *message;        /* standard error, without its last line break */
} broken;

static const char scenario[] = "<scenario name=\"s\" xmlns:xi=\"http://www.w3.org/2001/XInclude\">\n"
                               "  <platform file=\"platform.xml\"/>\n"
                               "  <workload><trace file=\"trace.csv\"/></workload>\n"
                               "  <pool id=\"serve\" model=\"llama-3.1-8b\" replicas=\"1\"/>\n"
                               "  <output interval=\"1s\"/>\n"
                               "</scenario>\n";

static const char platform[] = "<?xml version=\"1.0\"?>\n"
                               "<!DOCTYPE platform SYSTEM \"https://simgrid.org/simgrid.dtd\">\n"
                               "<platform version=\"4.1\">\n"
                               "  <zone id=\"site\" routing=\"Full\">\n"
                               "    <prop id=\"tw:role\" value=\"site\"/>\n"
                               "    <host id=\"node-0\" speed=\"1Gf\">\n"
                               "      <prop id=\"tw:device\" value=\"h100-sxm\"/>\n"
                               "      <prop id=\"tw:accelerators\" value=\"8\"/>\n"
                               "    </host>\n"
                               "    <host id=\"node-1\" speed=\"1Gf\"/>\n"
                               "    <link id=\"wire\" bandwidth=\"50GBps\" latency=\"2us\"/>\n"
                               "    <route src=\"node-0\" dst=\"node-1\"><link_ctn id=\"wire\"/></route>\n"
                               "  </zone>\n"
                               "</platform>\n";

/* Two zones of one node each, between which only what `more` adds leads; `open` and `close` stand around the
 * first node. */
#define NODE(id)                                                                                             \
  "<host id=\"" id                                                                                           \
  "\" speed=\"1Gf\"><prop id=\"tw:device\" value=\"h100-sxm\"/><prop id=\"tw:accelerators\" "                \
  "value=\"8\"/></host>"
#define TWO_ZONES(routing, open, close, more)                                                                \
  "<?xml version=\"1.0\"?>\n<!DOCTYPE platform SYSTEM \"https://simgrid.org/simgrid.dtd\">\n"                \
  "<platform version=\"4.1\">\n<zone id=\"site\" routing=\"" routing "\">\n"                                 \
  "<zone id=\"one\" routing=\"" routing "\">" open NODE("a") close                                           \
      "</zone>\n"                                                                                            \
      "<zone id=\"two\" routing=\"" routing                                                                  \
      "\">" NODE("b") "</zone>\n"                                                                            \
                      "<link id=\"l\" bandwidth=\"1GBps\" latency=\"1us\"/>\n" more "</zone></platform>\n"

static const char trace[] = "arrival_s,prompt_tokens,answer_tokens\n0,100,10\n0.5,200,20\n1,50,5\n";

/* Platforms, traces and arguments that are broken. */
static const broken cases[] = {
    {.name = "power supplies whose loads do not rise",
     .file = PLATFORM,
     .find = "<prop id=\"tw:role\" value=\"site\"/>",
     .replace =
         "<prop id=\"tw:psu_w\" value=\"-5\"/><prop id=\"tw:psu_efficiency\" value=\"0.5:0.9 0.2:0.8\"/>",
     .message = "platform.xml:5: tw:psu_w: \"-5\" is no power; write a number of watts greater than 0\n"
                "platform.xml:5: tw:psu_efficiency: load 0.2 does not rise over the point before; sort the "
                "points by load"},
    {.name = "a store of no size",
     .file = PLATFORM,
     .find = "<host id=\"node-1\" speed=\"1Gf\"/>",
     .replace = "<host id=\"node-1\" speed=\"1Gf\"><prop id=\"tw:kv_bytes\" value=\"1TB\"/></host>",
     .message =
         "platform.xml:10: tw:kv_bytes of <host>: \"1TB\" is not a number of bytes; write a plain number, "
         "such as 1e12"},
    {.name = "a medium of nothing",
     .file = PLATFORM,
     .find = "<host id=\"node-1\" speed=\"1Gf\"/>",
     .replace = "<host id=\"node-1\" speed=\"1Gf\"><prop id=\"tw:kv_latency\" value=\"1e-4\"/></host>",
     .message = "platform.xml:10: <host> has tw:kv_latency but stores nothing; add the property tw:kv_bytes"},
    {.name = "an unknown device",
     .file = PLATFORM,
     .find = "h100-sxm",
     .replace = "h100-smx",
     .message = "platform.xml:7: the device \"h100-smx\" is unknown; did you mean \"h100-sxm\"?"},
    {.name = "a negative count",
     .file = PLATFORM,
     .find = "value=\"8\"",
     .replace = "value=\"-8\"",
     .message = "platform.xml:8: tw:accelerators of <host>: \"-8\" is not a count; write a whole number of "
                "at least 1"},
    {.name = "a bandwidth in a unit of others",
     .file = PLATFORM,
     .find = "50GBps",
     .replace = "50gbit",
     .message = "platform.xml:11: bandwidth of <link>: SimGrid does not know the unit of \"50gbit\"; write a "
                "bandwidth, such as 50GBps or 400Gbps"},
    {.name = "a bandwidth of zero",
     .file = PLATFORM,
     .find = "50GBps",
     .replace = "0GBps",
     .message =
         "platform.xml:11: bandwidth of <link>: \"0GBps\" is out of range; write a bandwidth above zero"},
    {.name = "a bandwidth below zero",
     .file = PLATFORM,
     .find = "50GBps",
     .replace = "-50GBps",
     .message =
         "platform.xml:11: bandwidth of <link>: \"-50GBps\" is out of range; write a bandwidth above zero"},
    {.name = "hosts without a route",
     .file = PLATFORM,
     .find = "    <route src=\"node-0\" dst=\"node-1\"><link_ctn id=\"wire\"/></route>\n",
     .replace = "",
     .message =
         "platform.xml:4: zone \"site\" has no route from \"node-0\" to \"node-1\"; routing=\"Full\" needs "
         "one for every pair, routing=\"Floyd\" finds ways over several"},
    {.name = "a pool on hosts that cannot reach each other",
     .file = PLATFORM,
     .replace = TWO_ZONES("None", "", "", ""),
     .arguments = "--set //pool/@tp=16",
     .message = "platform.xml:4: zone \"site\" has no route from \"one\" to \"two\"; routing=\"None\" leads "
                "nowhere; write routing=\"Full\" and <route>s"},
    {.name = "zones that no route connects",
     .file = PLATFORM,
     .replace = TWO_ZONES("Full", "", "", ""),
     .message =
         "platform.xml:4: zone \"site\" has no route from \"one\" to \"two\"; routing=\"Full\" needs one "
         "for every pair, routing=\"Floyd\" finds ways over several"},
    {.name = "a zone without a gateway",
     .file = PLATFORM,
     .replace = TWO_ZONES("Full", "", "",
                          "<zoneRoute src=\"one\" dst=\"two\" gw_src=\"a\"><link_ctn id=\"l\"/></zoneRoute>"),
     .message =
         "platform.xml:8: <zoneRoute> lacks the attribute \"gw_dst\"; write gw_dst=\"...\", host or router "
         "of dst"},
    {.name = "a gateway in another zone",
     .file = PLATFORM,
     .replace = TWO_ZONES("Full", "", "",
                          "<zoneRoute src=\"one\" dst=\"two\" gw_src=\"a\" gw_dst=\"a\"><link_ctn "
                          "id=\"l\"/></zoneRoute>"),
     .message =
         "platform.xml:8: gw_dst of <zoneRoute>: \"a\" lies in \"one\", not in \"two\"; name a host or "
         "router of \"two\""},
    {.name = "a route over an unknown host",
     .file = PLATFORM,
     .find = "dst=\"node-1\"",
     .replace = "dst=\"node-2\"",
     .message = "platform.xml:12: dst of <route>: no host or router \"node-2\"; did you mean \"node-1\"?"},
    {.name = "a route over an unknown link",
     .file = PLATFORM,
     .find = "link_ctn id=\"wire\"",
     .replace = "link_ctn id=\"wir\"",
     .message = "platform.xml:12: id of <link_ctn>: no link \"wir\"; did you mean \"wire\"?"},
    {.name = "an unknown role",
     .file = PLATFORM,
     .find = "value=\"site\"",
     .replace = "value=\"sight\"",
     .message = "platform.xml:5: tw:role of <zone>: \"sight\" is unknown; write one of site, nvlink-domain, "
                "node, fabric, storage"},
    {.name = "a name used twice",
     .file = PLATFORM,
     .find = "id=\"node-1\"",
     .replace = "id=\"node-0\"",
     .message =
         "platform.xml:10: the name \"node-0\" is taken by the <host> of line 6; choose "
         "another\nplatform.xml:12: dst of <route>: no host or router \"node-1\"; did you mean \"node-0\"?"},
    {.name = "an unknown element of a platform",
     .file = PLATFORM,
     .find = "<host id=\"node-1\" speed=\"1Gf\"/>",
     .replace = "<hots id=\"node-1\" speed=\"1Gf\"/>",
     .message = "platform.xml:10: <hots> cannot stand in <zone>; did you mean \"host\"?"},
    {.name = "a trace out of order",
     .file = TRACE,
     .find = "1,50,5",
     .replace = "0.1,50,5",
     .message = "tokenworks run: trace.csv:4: arrives at 0.1 s, before the request above it at 0.5 s; a "
                "trace is in the order of arrival (--order=sort, or order=\"sort\", sorts it)"},
    {.name = "a negative number of tokens",
     .file = TRACE,
     .find = "0.5,200",
     .replace = "0.5,-200",
     .message =
         "tokenworks run: trace.csv:3: prompt_tokens is '-200'; a whole number from 1 to 16777216 is needed"},
    {.name = "an enormous number of tokens",
     .file = TRACE,
     .find = "200,20",
     .replace = "99999999999999999999,20",
     .message = "tokenworks run: trace.csv:3: prompt_tokens is '99999999999999999999'; a whole number from 1 "
                "to 16777216 is needed"},
    {.name = "an enormous time",
     .file = TRACE,
     .find = "0.5,",
     .replace = "1e300,",
     .message = "tokenworks run: trace.csv:3: arrival_s is '1e300'; seconds since the start of the trace, "
                "from 0 to 1e9, are needed"},
    {.name = "a time before the start",
     .file = TRACE,
     .find = "0.5,",
     .replace = "-1,",
     .message = "tokenworks run: trace.csv:3: arrival_s is '-1'; seconds since the start of the trace, from "
                "0 to 1e9, are needed"},
    {.name = "a time that is no number",
     .file = TRACE,
     .find = "0.5,",
     .replace = "nan,",
     .message = "tokenworks run: trace.csv:3: arrival_s is 'nan'; seconds since the start of the trace, from "
                "0 to 1e9, are needed"},
    {.name = "words for numbers",
     .file = TRACE,
     .find = "200",
     .replace = "two hundred",
     .message = "tokenworks run: trace.csv:3: prompt_tokens is 'two hundred'; a whole number from 1 to "
                "16777216 is needed"},
    {.name = "a missing column",
     .file = TRACE,
     .find = ",answer_tokens\n0,100,10",
     .replace = "\n0,100",
     .message = "tokenworks run: trace.csv:1: column 'answer_tokens' is missing; the header line must name "
                "arrival_s, prompt_tokens, answer_tokens"},
    {.name = "a short row",
     .file = TRACE,
     .find = "200,20",
     .replace = "200",
     .message = "tokenworks run: trace.csv:3: the row ends after 2 of the header's 3 columns"},
    {.name = "a long row",
     .file = TRACE,
     .find = "200,20",
     .replace = "200,20,2",
     .message = "tokenworks run: trace.csv:3: the row has more fields than the header's 3 columns"},
    {.name = "no request",
     .file = TRACE,
     .find = "0,100,10\n0.5,200,20\n1,50,5\n",
     .replace = "",
     .message = "tokenworks run: trace.csv: the trace has no requests; at least one is needed"},
    {.name = "an empty trace",
     .file = TRACE,
     .replace = "",
     .message = "tokenworks run: trace.csv: the file is empty; a trace of requests is needed"},
    {.name = "no trace at all",
     .file = TRACE,
     .replace = "hello\nworld\n",
     .message =
         "tokenworks run: trace.csv:1: the first line is that of no trace format "
         "(`tokenworks workload convert --help` lists them); as a log of your own: which column holds the "
         "arrival, the prompt tokens, the output tokens? say it with --map "
         "arrival=COLUMN,prompt=COLUMN,output=COLUMN (of `tokenworks workload convert`); there are hello"},
    {.name = "copies of sessions that wait for answers",
     .file = SCENARIO,
     .find = "<trace file",
     .replace = "<trace copies=\"2\" mode=\"sessions\" file",
     .message =
         "s.xml:3: copies and spread are of requests that arrive as recorded; write mode=\"recorded\""},
    {.name = "an assignment to nothing",
     .arguments = "--set \"//pol/@replicas=2\"",
     .message = "--set //pol/@replicas=2: no element matches \"//pol\"; `tokenworks check --dump` shows what "
                "there is"},
    {.name = "an assignment of an unknown attribute",
     .arguments = "--set \"//pool/@replica=2\"",
     .message = "--set //pool/@replica=2: <pool> has no attribute \"replica\"; did you mean \"replicas\"?"},
    {.name = "an assignment without =",
     .arguments = "--set \"//pool/@replicas\"",
     .message = "--set //pool/@replicas: holds no '='; write XPATH=VALUE, such as //router/@policy=random"},
    {.name = "an assignment to an element",
     .arguments = "--set \"//pool=2\"",
     .message = "--set //pool=2: \"//pool\" does not end in an attribute; write it as //router/@policy"},
    {.name = "an assignment to an attribute alone",
     .arguments = "--set \"rate-scale=2\"",
     .message =
         "--set rate-scale=2: \"rate-scale\" does not end in an attribute; write it as //trace/@rate-scale"},
    {.name = "an assignment to a path that begins nowhere",
     .arguments = "--set \"pool/@replicas=2\"",
     .message = "--set pool/@replicas=2: no element matches \"pool\"; paths begin at the root: write "
                "\"//pool/@replicas=2\""},
    {.name = "an assignment of a bad value",
     .arguments = "--set \"//pool/@replicas=two\"",
     .message = "--set //pool/@replicas=two: replicas of <pool>: \"two\" is not a whole number; write a "
                "whole number from 1 to 1000000"},
    {.name = "an assignment that breaks a rule",
     .arguments = "--set \"//pool/@tp=3\"",
     .message = "s.xml:4: tp=\"3\" does not divide the 32 heads of Llama-3.1-8B; use 2 or 4"},
    {.name = "an unknown option",
     .arguments = "--quite",
     .message =
         "tokenworks run: unknown option --quite; did you mean --quiet? (see `tokenworks run --help`)"},
    {.name = "--until without a unit",
     .arguments = "--until 60",
     .message = "tokenworks run: --until: \"60\" has no unit; write a time, such as 50ms"},
    {.name = "--until before the start",
     .arguments = "--until -5s",
     .message = "tokenworks run: --until: must not be negative; write a time, such as 50ms"},
    {.name = "--warmup without a unit",
     .arguments = "--warmup 5",
     .message = "tokenworks run: --warmup: \"5\" has no unit; write a time, such as 50ms"},
    {.name = "a negative seed",
     .arguments = "--seed -5",
     .message = "--set /scenario/@seed=-5: seed of <scenario>: \"-5\" is out of range; write a whole number "
                "from 0 to 9e+15"},
    {.name = "logits and graphs of less than nothing, and sums without a size that may be fused",
     .file = SCENARIO,
     .find = "replicas=\"1\"/>",
     .replace = "replicas=\"1\"><step-time logit-bytes=\"-1\" graph-step=\"-1\" sum-bytes=\"0\" "
                "fused-sums=\"maybe\"/></pool>",
     .message =
         "s.xml:4: logit-bytes of <step-time>: \"-1\" is out of range; write a number from 0 to 10000\n"
         "s.xml:4: graph-step of <step-time>: \"-1\" is out of range; write a whole number from 0 to 65536\n"
         "s.xml:4: sum-bytes of <step-time>: \"0\" is out of range; write a number above zero and up to 4\n"
         "s.xml:4: fused-sums of <step-time>: \"maybe\" is not a truth value; write true or false"},
    {.name = "two scenarios",
     .arguments = "s.xml",
     .message = "tokenworks run: name one scenario file; usage: tokenworks run SCENARIO.xml -o DIR"},
};

#endif
