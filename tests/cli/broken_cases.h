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

#define SESSIONS(end, turns) "<sessions rate=\"1/s\"" end ">" turns "</sessions>"
#define TURN(attributes)     "<turn " attributes "><prompt mean=\"5\"/><answer mean=\"5\"/></turn>"

static const broken cases[] = {
    {.name = "turns in a cycle",
     .file = SCENARIO,
     .find = "<trace file=\"trace.csv\"/>",
     .replace = SESSIONS(" sessions=\"5\"", TURN("id=\"a\" after=\"b\"") TURN("id=\"b\" after=\"a\"")),
     .message =
         "s.xml:3: turn \"a\" comes after \"b\", which is no turn above it; name turns that stand above it"},
    {.name = "a turn that depends on nothing known",
     .file = SCENARIO,
     .find = "<trace file=\"trace.csv\"/>",
     .replace = SESSIONS(" sessions=\"5\"", TURN("id=\"ask\"") TURN("id=\"b\" after=\"aks\"")),
     .message = "s.xml:3: turn \"b\" comes after \"aks\", which is no turn above it; is \"ask\" meant?"},
    {.name = "two turns of one name",
     .file = SCENARIO,
     .find = "<trace file=\"trace.csv\"/>",
     .replace = SESSIONS(" sessions=\"5\"", TURN("id=\"a\"") TURN("id=\"a\"")),
     .message = "s.xml:3: turn id \"a\" is used twice; give each turn its own"},
    {.name = "a session of too many requests",
     .file = SCENARIO,
     .find = "<trace file=\"trace.csv\"/>",
     .replace = SESSIONS(" sessions=\"5\"", TURN("id=\"a\" repeat=\"9000\" branches=\"9000\"")),
     .message = "s.xml:3: a session makes 81000000 requests; at most 10000 are possible"},
    {.name = "sessions without an end",
     .file = SCENARIO,
     .find = "<trace file=\"trace.csv\"/>",
     .replace = SESSIONS("", TURN("id=\"a\"")),
     .message = "s.xml:3: <sessions> never end; give them sessions=\"1000\" or duration=\"1h\""},
    {.name = "a negative wait",
     .file = SCENARIO,
     .find = "<trace file=\"trace.csv\"/>",
     .replace = SESSIONS(" sessions=\"5\"", TURN("id=\"a\" wait=\"-1s\"")),
     .message = "s.xml:3: wait of <turn>: \"-1s\" is out of range; write a time from 0s to "
                "115740.74074074074d, such as 50ms"},
    {.name = "two SLOs of one class, and two of all",
     .file = SCENARIO,
     .find = "  <output",
     .replace = "  <slo class=\"chat\" ttft=\"1s\"/>\n  <slo class=\"chat\" ttft=\"2s\"/>\n"
                "  <slo e2e=\"9s\"/>\n  <slo e2e=\"8s\"/>\n  <output",
     .message = "s.xml:6: class \"chat\" has an <slo> already; leave one of them out\n"
                "s.xml:8: a second <slo> for all requests; leave one out, or give it a class"},
    {.name = "an element that is not closed",
     .file = SCENARIO,
     .find = "</scenario>\n",
     .replace = "",
     .message = "s.xml:6: is not well-formed XML: Premature end of data in tag scenario line 1"},
    {.name = "an empty file",
     .file = SCENARIO,
     .replace = "",
     .message = "s.xml: it is empty; write an XML document"},
    {.name = "an include that does not exist",
     .file = SCENARIO,
     .find = "<output interval=\"1s\"/>",
     .replace = "<xi:include href=\"none.xml\"/>",
     .message = "s.xml:5: cannot include \"none.xml\": No such file or directory"},
    {.name = "a scenario that includes itself",
     .file = SCENARIO,
     .find = "<output interval=\"1s\"/>",
     .replace = "<xi:include href=\"s.xml\"/>",
     .message = "s.xml:5: cannot include \"s.xml\": the file includes itself; remove the loop"},
    {.name = "an entity bomb",
     .file = SCENARIO,
     .find = "<scenario name=\"s\"",
     .replace = "<!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\"><!ENTITY c "
                "\"&b;&b;&b;&b;&b;&b;&b;&b;\">]>\n<scenario name=\"&c;\"",
     .message = "s.xml:1: declares the entity \"a\" in its DOCTYPE; remove the declaration and write the "
                "text itself"},
    {.name = "no storage",
     .file = SCENARIO,
     .find = "replicas=\"1\"/>",
     .replace = "replicas=\"1\" start=\"cold\" weights-from=\"storage\"/>",
     .message = "s.xml:4: weights-from=\"storage\", but the platform has no host in a zone of role storage; "
                "add one, or use weights-from=\"resident\""},
    {.name = "no peer",
     .file = SCENARIO,
     .find = "replicas=\"1\"/>",
     .replace = "replicas=\"2\" weights-from=\"peer\"><autoscaler min=\"0\"/></pool>",
     .message =
         "s.xml:4: weights-from=\"peer\" leaves the first engine to wake to load from storage, but the "
         "platform has no host in a zone of role storage; add one, or use weights-from=\"resident\""},
    {.name = "more than the pool",
     .file = SCENARIO,
     .find = "replicas=\"1\"/>",
     .replace = "replicas=\"2\"><autoscaler max=\"3\"/></pool>",
     .message = "s.xml:4: max=\"3\" is more than the pool's replicas=\"2\"; raise these or lower max"},
    {.name = "more than the most",
     .file = SCENARIO,
     .find = "replicas=\"1\"/>",
     .replace = "replicas=\"2\"><autoscaler min=\"2\" max=\"1\"/></pool>",
     .message = "s.xml:4: min=\"2\" is more than the most engines, 1; lower min"},
    {.name = "no schedule",
     .file = SCENARIO,
     .find = "replicas=\"1\"/>",
     .replace = "replicas=\"2\"><autoscaler policy=\"schedule\"/></pool>",
     .message = "s.xml:4: policy=\"schedule\" needs file=\"...\", a CSV of a time in seconds and a number of "
                "engines"},
    {.name = "no use for a schedule",
     .file = SCENARIO,
     .find = "replicas=\"1\"/>",
     .replace = "replicas=\"2\"><autoscaler file=\"trace.csv\"/></pool>",
     .message = "s.xml:4: file=\"...\" is for policy=\"schedule\"; leave it out"},
    {.name = "a cap on power that nobody knows",
     .file = SCENARIO,
     .find = "<output ",
     .replace = "<power-cap site=\"20kW\"/>\n<output ",
     .message =
         "s.xml:5: power cannot be capped because it is not known: the platform lacks power of the hosts "
         "(tw:overhead_w of a zone), PUE (tw:pue of the site)"},
    {.name = "a cap that acts later than its period",
     .file = SCENARIO,
     .find = "<output ",
     .replace = "<power-cap delay=\"2s\"/>\n<output ",
     .message = "s.xml:5: delay must be less than period; write a longer period or a shorter delay"},
    {.name = "a price beyond belief, and carbon without a number",
     .file = SCENARIO,
     .find = "<output ",
     .replace = "<price usd-per-kwh=\"-1001\"/><carbon/>\n<output ",
     .message =
         "s.xml:5: usd-per-kwh of <price>: \"-1001\" is out of range; write a number from -1000 to 1000\n"
         "s.xml:5: give <carbon> either g-per-kwh=\"...\" or file=\"...\""},
    {.name = "power supplies whose loads do not rise",
     .file = PLATFORM,
     .find = "<prop id=\"tw:role\" value=\"site\"/>",
     .replace =
         "<prop id=\"tw:psu_w\" value=\"-5\"/><prop id=\"tw:psu_efficiency\" value=\"0.5:0.9 0.2:0.8\"/>",
     .message = "platform.xml:5: tw:psu_w: \"-5\" is no power; write a number of watts greater than 0\n"
                "platform.xml:5: tw:psu_efficiency: load 0.2 does not rise over the point before; sort the "
                "points by load"},
    {.name = "a token bucket without a size",
     .file = SCENARIO,
     .find = "<output ",
     .replace = "<admission rate=\"10/s\"/>\n<output ",
     .message = "s.xml:5: a token bucket needs both rate=\"...\" and burst=\"...\"; add burst"},
    {.name = "offloading without a prefix cache",
     .file = SCENARIO,
     .find = "replicas=\"1\"/>",
     .replace = "replicas=\"1\"><scheduler prefix-cache=\"false\"/>\n"
                "<kv-offload host-memory=\"1TB\"/></pool>",
     .message = "s.xml:5: there is no prefix cache to evict from; leave out <kv-offload>, or "
                "prefix-cache=\"false\""},
    {.name = "offloading where no prompt is computed",
     .file = SCENARIO,
     .find = "replicas=\"1\"/>",
     .replace = "role=\"decode\">\n<kv-offload host-memory=\"1TB\"/></pool>",
     .message = "s.xml:5: a pool of role=\"decode\" computes no prompts; leave <kv-offload> out"},
    {.name = "a store that no host has room for",
     .file = SCENARIO,
     .find = "replicas=\"1\"/>",
     .replace = "replicas=\"1\">\n<kv-offload host-memory=\"1TB\" store=\"true\"/></pool>",
     .message =
         "s.xml:5: store=\"true\", but no host of the platform has room for KV; give hosts in a zone of "
         "role storage the property tw:kv_bytes"},
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
    {.name = "a policy of copies where nothing is copied",
     .file = SCENARIO,
     .find = "replicas=\"1\"/>",
     .replace = "replicas=\"1\">\n<kv-offload host-memory=\"1TB\" policy=\"lfu\"/></pool>",
     .message = "s.xml:5: policy, admit, min-tokens and write-bandwidth are for copies that requests leave "
                "as they end; "
                "add write=\"through\", or leave them out"},
    {.name = "speculation where nothing decodes",
     .file = SCENARIO,
     .find = "replicas=\"1\"/>",
     .replace = "role=\"prefill\">\n<speculation draft-tokens=\"3\" acceptance=\"0.7\"/></pool>",
     .message = "s.xml:5: a pool of role=\"prefill\" does not decode; leave <speculation> out"},
    {.name = "an unknown element",
     .file = SCENARIO,
     .find = "<pool ",
     .replace = "<pol ",
     .message = "s.xml:4: <pol> cannot stand in <scenario>; did you mean \"pool\"?\ns.xml:1: <scenario> "
                "lacks a <pool>: engines of one kind"},
    {.name = "an unknown attribute",
     .file = SCENARIO,
     .find = "replicas=",
     .replace = "replica=",
     .message = "s.xml:4: <pool> has no attribute \"replica\"; did you mean \"replicas\"?"},
    {.name = "a missing attribute",
     .file = SCENARIO,
     .find = "id=\"serve\" ",
     .replace = "",
     .message = "s.xml:4: <pool> lacks the attribute \"id\"; write id=\"...\", name of the pool"},
    {.name = "an unknown model",
     .file = SCENARIO,
     .find = "llama-3.1-8b",
     .replace = "llama-3.1-8",
     .message = "s.xml:4: no model is called \"llama-3.1-8\"; did you mean \"llama-3.1-8b\"?"},
    {.name = "an unknown policy",
     .file = SCENARIO,
     .find = "<output",
     .replace = "<router policy=\"round-robbin\"/><output",
     .message = "s.xml:5: policy of <router>: \"round-robbin\" is unknown; did you mean \"round-robin\"?"},
    {.name = "an unknown scheduler",
     .file = SCENARIO,
     .find = "replicas=\"1\"/>",
     .replace = "><scheduler kind=\"vlm\"/></pool>",
     .message = "s.xml:4: kind of <scheduler>: \"vlm\" is unknown; did you mean \"vllm\"?"},
    {.name = "a missing unit",
     .file = SCENARIO,
     .find = "\"1s\"",
     .replace = "\"1\"",
     .message = "s.xml:5: interval of <output>: \"1\" has no unit; write a time, such as 50ms"},
    {.name = "the unit of something else",
     .file = SCENARIO,
     .find = "\"1s\"",
     .replace = "\"1kg\"",
     .message =
         "s.xml:5: interval of <output>: \"1kg\" has the unknown unit \"kg\"; write a time, such as 50ms"},
    {.name = "a time out of range",
     .file = SCENARIO,
     .find = "\"1s\"",
     .replace = "\"0s\"",
     .message = "s.xml:5: interval of <output>: \"0s\" is out of range; write a time from 1ms to 109500d, "
                "such as 50ms"},
    {.name = "no replicas",
     .file = SCENARIO,
     .find = "replicas=\"1\"",
     .replace = "replicas=\"0\"",
     .message = "s.xml:4: replicas of <pool>: \"0\" is out of range; write a whole number from 1 to 1000000"},
    {.name = "an enormous number",
     .file = SCENARIO,
     .find = "replicas=\"1\"",
     .replace = "replicas=\"99999999999999999999\"",
     .message = "s.xml:4: replicas of <pool>: \"99999999999999999999\" is not a whole number; write a whole "
                "number from 1 to 1000000"},
    {.name = "a share above one",
     .file = SCENARIO,
     .find = "replicas=\"1\"",
     .replace = "memory-fraction=\"2\"",
     .message =
         "s.xml:4: memory-fraction of <pool>: \"2\" is out of range; write a number above zero and up to 1"},
    {.name = "a pool larger than the platform",
     .file = SCENARIO,
     .find = "replicas=\"1\"",
     .replace = "replicas=\"9\"",
     .message = "s.xml:4: pool \"serve\" asks for 9 engines of 1 accelerators, but "
                "there is room for 8 on the 2 hosts that match hosts=\"*\"; lower replicas, tp, "
                "pp or dp, or use a larger platform"},
    {.name = "hosts that do not exist",
     .file = SCENARIO,
     .find = "replicas=\"1\"",
     .replace = "hosts=\"gpu-*\"",
     .message = "s.xml:4: no host of the platform matches hosts=\"gpu-*\"; its first host is \"node-0\""},
    {.name = "a model that does not fit in memory",
     .file = SCENARIO,
     .find = "llama-3.1-8b",
     .replace = "llama-3.1-405b",
     .message = "s.xml:4: Llama-3.1-405B does not fit: of 85.9 GB per NVIDIA H100 SXM 80 GB, 77.31 GB may be "
                "used, weights take 811.7 GB, and activations and reserves 4.247 GB, which leaves no block "
                "for the KV cache; raise tp or pp, or use smaller weights"},
    {.name = "tp that does not divide the heads",
     .file = SCENARIO,
     .find = "replicas=\"1\"",
     .replace = "tp=\"3\"",
     .message = "s.xml:4: tp=\"3\" does not divide the 32 heads of Llama-3.1-8B; use 2 or 4"},
    {.name = "experts where there are none",
     .file = SCENARIO,
     .find = "replicas=\"1\"",
     .replace = "tp=\"2\" ep=\"2\"",
     .message = "s.xml:4: ep=\"2\", but Llama-3.1-8B has no experts; leave ep out"},
    {.name = "ep that does not divide the experts",
     .file = SCENARIO,
     .find = "model=\"llama-3.1-8b\" replicas=\"1\"",
     .replace = "model=\"qwen3-30b-a3b\" tp=\"2\" dp=\"3\" ep=\"3\"",
     .message = "s.xml:4: ep=\"3\" does not divide the 128 experts of Qwen3-30B-A3B; use 2 or 4"},
    {.name = "more stages than layers",
     .file = SCENARIO,
     .find = "replicas=\"1\"",
     .replace = "pp=\"33\"",
     .message = "s.xml:4: pp=\"33\" has more stages than Llama-3.1-8B has layers; use at most 32"},
    {.name = "prompts that cannot be split, and a small budget",
     .file = SCENARIO,
     .find = "replicas=\"1\"/>",
     .replace = "><scheduler kind=\"prefill-first\" max-batched-tokens=\"4096\"/></pool>",
     .message = "s.xml:4: kind=\"prefill-first\" does not split prompts, so max-batched-tokens=\"4096\" must "
                "not be less than max-model-len=\"131072\"; raise the one or lower the other"},
    {.name = "a budget that not all can decode in",
     .file = SCENARIO,
     .find = "replicas=\"1\"/>",
     .replace = "><scheduler max-seqs=\"512\" max-batched-tokens=\"256\"/></pool>",
     .message = "s.xml:4: max-batched-tokens=\"256\" is less than max-seqs=\"512\", so that not all could "
                "decode; raise it"},
    {.name = "positions that the model does not have",
     .file = SCENARIO,
     .find = "replicas=\"1\"/>",
     .replace = "><scheduler max-model-len=\"1000000\"/></pool>",
     .message =
         "s.xml:4: max-model-len=\"1000000\" is more than the 131072 positions of Llama-3.1-8B; lower it"},
    {.name = "an id used twice",
     .file = SCENARIO,
     .find = "<output",
     .replace = "<pool id=\"serve\" model=\"llama-3.1-8b\"/><output",
     .message = "s.xml:5: pool id \"serve\" is used twice; give each pool its own"},
    {.name = "a platform that does not exist",
     .file = SCENARIO,
     .find = "platform.xml",
     .replace = "platfrom.xml",
     .message = "s.xml:2: there is no file \"platfrom.xml\"; paths are relative to the file that names them"},
    {.name = "a trace that does not exist",
     .file = SCENARIO,
     .find = "trace.csv",
     .replace = "none.csv",
     .message = "s.xml:3: there is no file \"none.csv\"; paths are relative to the file that names them"},
    {.name = "two sources of requests",
     .file = SCENARIO,
     .find = "<workload>",
     .replace =
         "<workload><poisson rate=\"1/s\" requests=\"5\"><prompt mean=\"5\"/><answer mean=\"5\"/></poisson>",
     .message =
         "s.xml:3: <workload> must hold one source of requests: <trace>, <generate>, <generator>, <poisson>, "
         "<closed-loop> or <sessions>"},
    {.name = "a generator with shares that do not sum to one",
     .file = SCENARIO,
     .find = "<trace file=\"trace.csv\"/>",
     .replace = "<generator duration=\"9s\">\n<class name=\"c\"><arrivals rate=\"1/s\"/>\n<prompt "
                "law=\"mixture\"><part share=\"0.5\" mean=\"5\"/></prompt><answer "
                "mean=\"5\"/></class></generator>",
     .message = "s.xml:5: the shares of its parts sum to 0.5; they must sum to 1"},
    {.name = "a generator that never ends",
     .file = SCENARIO,
     .find = "<trace file=\"trace.csv\"/>",
     .replace = "<generator><class name=\"c\"><arrivals rate=\"1/s\"/><prompt mean=\"5\"/><answer "
                "mean=\"5\"/></class></generator>",
     .message = "s.xml:3: class \"c\" never ends; give it requests, or all of them a duration, such as 1h"},
    {.name = "a preset that there is not",
     .file = SCENARIO,
     .find = "<trace file=\"trace.csv\"/>",
     .replace = "<generate from=\"agents\"/>",
     .message = "s.xml:3: the preset \"agents\" is unknown; write one of agentic-coding, best-of-n, chat, "
                "code-completion, deep-research, reasoning-r1 (a file's path holds a /)"},
    {.name = "arrivals that never end",
     .file = SCENARIO,
     .find = "<trace file=\"trace.csv\"/>",
     .replace = "<poisson rate=\"1/s\"><prompt mean=\"5\"/><answer mean=\"5\"/></poisson>",
     .message = "s.xml:3: <poisson> never ends; give it requests=\"10000\" or duration=\"1h\""},
    {.name = "lengths that cannot be drawn",
     .file = SCENARIO,
     .find = "<trace file=\"trace.csv\"/>",
     .replace = "<poisson rate=\"1/s\" requests=\"5\"><prompt mean=\"5\" min=\"10\" max=\"2\"/><answer "
                "mean=\"5\"/></poisson>",
     .message = "s.xml:3: <prompt> has max=\"2\" below min=\"10\"; swap them"},
    {.name = "a table of step times without its file",
     .file = SCENARIO,
     .find = "replicas=\"1\"/>",
     .replace = "><step-time model=\"table\"/></pool>",
     .message = "s.xml:4: <step-time model=\"table\"> needs file=\"...\", a CSV of measured step times"},
    {.name = "another root",
     .file = SCENARIO,
     .replace = "<secnario name=\"s\"/>\n",
     .message = "s.xml:1: <secnario> cannot stand here; write <scenario>"},
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
    {.name = "layers from a decode pool",
     .file = SCENARIO,
     .find = "replicas=\"1\"",
     .replace = "kv-transfer=\"layered\"",
     .message =
         "s.xml:4: pool \"serve\" has kv-transfer=\"layered\", which counts in pools of role=\"prefill\" "
         "alone; move it there"},
    {.name = "a host that is named and is not there",
     .file = SCENARIO,
     .find = "replicas=\"1\"",
     .replace = "placement=\"explicit\" hosts=\"node-7\"",
     .message = "s.xml:4: hosts: the platform has no host \"node-7\"; did you mean \"node-0\"?"},
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
     .message = "tokenworks run: trace.csv:1: the first line is that of no trace format; `tokenworks "
                "workload convert --help` lists them, and how --map reads a log of your own"},
    {.name = "an assignment to nothing",
     .arguments = "--set \"//pol/@replicas=2\"",
     .message = "--set //pol/@replicas=2: no element matches \"//pol\"; `tokenworks check --dump` shows what "
                "there is"},
    {.name = "an assignment to an element that the scenario does not have",
     .file = SCENARIO,
     .find = "  <output interval=\"1s\"/>\n",
     .replace = "",
     .arguments = "--set //output/@segments=true",
     .message = "--set //output/@segments=true: no element matches \"//output\"; write "
                "\"/scenario/output/@segments=true\", which adds <output>, or use the option run --segments"},
    {.name = "the same fault in two elements of one line",
     .file = SCENARIO,
     .find = "  <output interval=\"1s\"/>\n",
     .replace = "  <slo class=\"a\" ttft=\"2 sec\"/><slo class=\"b\" ttft=\"2 sec\"/>\n",
     .message = "s.xml:5: ttft of <slo>: \"2 sec\" has the unknown unit \"sec\"; write a time, such as 50ms\n"
                "s.xml:5: ttft of <slo>: \"2 sec\" has the unknown unit \"sec\"; write a time, such as 50ms"},
    {.name = "a law of arrivals misspelt twice in one line",
     .file = SCENARIO,
     .find = "<trace file=\"trace.csv\"/>",
     .replace = "<generator requests=\"5\">"
                "<class name=\"a\"><arrivals rate=\"1/s\" law=\"gama\"/><prompt mean=\"9\"/><answer "
                "mean=\"5\"/></class>"
                "<class name=\"b\"><arrivals rate=\"1/s\" law=\"gama\"/><prompt mean=\"9\"/><answer "
                "mean=\"5\"/></class></generator>",
     .message = "s.xml:3: law of <arrivals>: \"gama\" is unknown; did you mean \"gamma\"?\n"
                "s.xml:3: law of <arrivals>: \"gama\" is unknown; did you mean \"gamma\"?"},
    {.name = "an assignment of an unknown attribute",
     .arguments = "--set \"//pool/@replica=2\"",
     .message = "--set //pool/@replica=2: <pool> has no attribute \"replica\"; did you mean \"replicas\"?"},
    {.name = "an assignment without =",
     .arguments = "--set \"//pool/@replicas\"",
     .message = "--set //pool/@replicas: holds no '='; write XPATH=VALUE, such as //router/@policy=random"},
    {.name = "an assignment to an element",
     .arguments = "--set \"//pool=2\"",
     .message = "--set //pool=2: \"//pool\" does not end in an attribute; write it as //router/@policy"},
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
    {.name = "two scenarios",
     .arguments = "s.xml",
     .message = "tokenworks run: name one scenario file; usage: tokenworks run SCENARIO.xml -o DIR"},
};

#endif
