#include "sim/scenario/failures.h"
#include "sim/scenario/scenario.h"

#include <math.h>

const char *const tw_failing_part_names[] = {"accelerator", "host", "rack", "feed",   "cooling",
                                             "process",     "nic",  "link", "switch", NULL};
const char *const tw_failure_effect_names[] = {"stop", "limp", NULL};
const char *const tw_fault_law_names[] = {"exponential", "weibull", NULL};
const char *const tw_recovery_names[] = {"restart", "spares", "shrink", "standby", NULL};
const char *const tw_partial_answers_names[] = {"resumed", "lost", NULL};
const char *const tw_limping_names[] = {"kept", "replaced", NULL};

#define CENTURY_S         (100 * 365.25 * 86400)
#define FAULT(name)       .offset = offsetof(tw_fault, name)
#define FAULT_TRACE(name) .offset = offsetof(tw_fault_trace, name)
#define PLAN(name)        .offset = offsetof(tw_failure_plan, name)

static const tw_attribute fault_attributes[] = {
    {"part", TW_ATTR_CHOICE, .choices = tw_failing_part_names, FAULT(part),
     .help = "what breaks; feed and cooling are those of a row (tw:row), process is the software of an "
             "engine alone; nic is one of the NICs that a link stands for, link all of a link, switch a "
             "<router> with all "
             "its links"},
    {"names", TW_ATTR_STRING, .fallback = "*", FAULT(names),
     .help = "which ones: a pattern with * and ?. Hosts, racks and rows have the names of the platform, "
             "accelerators "
             "HOST/0 and on, processes POOL/0 and on, NICs LINK/0 and on, as links and switches that stand "
             "for several (tw:parts)"},
    {"effect", TW_ATTR_CHOICE, .fallback = "stop", .choices = tw_failure_effect_names, FAULT(effect),
     .help = "stop: engines on it, or cut off by it, lose everything; limp: engines on it go on at a part of "
             "their speed. "
             "Links that limp, or lose some of their NICs, carry less; flows whose link stops are sent again "
             "once it is "
             "back"},
    {"speed", TW_ATTR_NUMBER, .fallback = "0.5", .positive = TRUE, .max = 1, FAULT(speed),
     .help = "limp: that part; an engine waits for its slowest accelerator"},
    {"at", TW_ATTR_QUANTITY, TW_TIME, TW_ABSENT, .max = CENTURY_S, FAULT(at_s),
     .help = "when each of them breaks, once; or mtbf"},
    {"mtbf", TW_ATTR_QUANTITY, TW_TIME, TW_ABSENT, .max = 1e6 * CENTURY_S, .positive = TRUE, FAULT(mtbf_s),
     .help = "mean time of one component from its repair to its next failure"},
    {"law", TW_ATTR_CHOICE, .fallback = "exponential", .choices = tw_fault_law_names, FAULT(law),
     .help = "how that time is drawn"},
    {"shape", TW_ATTR_NUMBER, .fallback = "1", .min = 0.1, .max = 10, FAULT(shape),
     .help = "weibull: below 1 failures come early, above 1 they come with age"},
    {"repair", TW_ATTR_QUANTITY, TW_TIME, "2h", .max = CENTURY_S, .positive = TRUE, FAULT(repair_s),
     .help = "mean time of a repair; the default is an assumption"},
    {"repair-sigma", TW_ATTR_NUMBER, .fallback = "0", .max = 5, FAULT(repair_sigma),
     .help = "repairs are lognormal: standard deviation of the logarithm; 0: all take the mean"},
    {"detection", TW_ATTR_QUANTITY, TW_TIME, "10s", .max = 86400, FAULT(detection_s),
     .help = "from the failure to where the router knows of it (missed heartbeats, NCCL's timeout); until "
             "then it "
             "sends requests there, which hang. The default is an assumption"},
    {0}};

static gboolean check_fault(const xmlNode *node, const void *target, tw_faults *faults)
{
  const tw_fault *fault = target;
  gboolean at = xmlHasProp(node, BAD_CAST "at") != NULL, mtbf = xmlHasProp(node, BAD_CAST "mtbf") != NULL;
  if (at == mtbf)
    tw_node_fault(node, faults,
                  "<fault> needs either mtbf=\"50000h\", by which failures are drawn, or at=\"1h\"");
  if (fault->part == TW_PART_PROCESS && fault->effect == TW_EFFECT_LIMP)
    tw_node_fault(node, faults, "a process does not limp; use part=\"accelerator\", or effect=\"stop\"");
  if (fault->effect == TW_EFFECT_STOP && xmlHasProp(node, BAD_CAST "speed") != NULL)
    tw_node_fault(node, faults, "speed=\"...\" is of effect=\"limp\"; leave it out");
  return TRUE;
}
static const tw_element fault_element = {"fault", "failures of components of one kind, each by itself",
                                         fault_attributes, NULL, check_fault};

static const tw_attribute fault_trace_attributes[] = {
    {"file", TW_ATTR_PATH, FAULT_TRACE(file),
     .help = "CSV, plain or gzip: start_s, end_s and component; or time_days, server and event, as "
             "InfiniteHBD's trace, "
             "whose servers are the components in their order"},
    {"part", TW_ATTR_CHOICE, .fallback = "host", .choices = tw_failing_part_names, FAULT_TRACE(part),
     .help = "what breaks"},
    {"start", TW_ATTR_QUANTITY, TW_TIME, "0s", .max = CENTURY_S, FAULT_TRACE(start_s),
     .help = "of the trace, where the run begins; what broke before is left out"},
    {"rate-scale", TW_ATTR_NUMBER, .fallback = "1", .positive = TRUE, .max = 1e6, FAULT_TRACE(rate_scale),
     .help = "10 lets them break ten times as often; repairs take as long"},
    {"detection", TW_ATTR_QUANTITY, TW_TIME, "10s", .max = 86400, FAULT_TRACE(detection_s),
     .help = "as in <fault>"},
    {0}};
static const tw_element fault_trace_element = {"fault-trace", "failures as they were recorded",
                                               fault_trace_attributes, NULL, NULL};

static const tw_attribute failures_attributes[] = {
    {"recovery", TW_ATTR_CHOICE, .fallback = "restart", .choices = tw_recovery_names, PLAN(recovery),
     .help = "restart: an engine starts again once all of it is repaired; spares: at once, on accelerators "
             "of its NVLink "
             "domain that no engine has, where there are enough; shrink: it goes on without those that "
             "broke, slower by "
             "as much; standby: another engine of its pool takes its place, and it restarts"},
    {"retries", TW_ATTR_INT, .fallback = "3", .max = 1000, PLAN(retries),
     .help = "how often a request goes back to the router at most; then it fails"},
    {"backoff", TW_ATTR_QUANTITY, TW_TIME, "1s", .max = 86400, PLAN(backoff_s),
     .help = "before the first retry, once the failure is known; twice as long before each further one"},
    {"answers", TW_ATTR_CHOICE, .fallback = "resumed", .choices = tw_partial_answers_names, PLAN(answers),
     .help =
         "what was emitted before: the next engine computes it again as prompt and goes on, or it is lost"},
    {"host-memory-survives", TW_ATTR_BOOL, .fallback = "false", PLAN(keeps_host_memory),
     .help = "whether offloaded KV in the memory of hosts outlives an engine whose hosts are sound"},
    {"limping", TW_ATTR_CHOICE, .fallback = "kept", .choices = tw_limping_names, PLAN(limping),
     .help = "kept: engines bear it; replaced: once it is detected, it counts as broken"},
    {"pause", TW_ATTR_QUANTITY, TW_TIME, "15s", .max = 86400, PLAN(pause_s),
     .help =
         "shrink: from detection to where the engine goes on (communicators, experts anew); an assumption"},
    {"standby", TW_ATTR_INT, .fallback = "0", .max = 1e6, PLAN(standby),
     .help = "standby: engines of each pool that have their weights and wait"},
    {"promotion", TW_ATTR_QUANTITY, TW_TIME, "1s", .max = 86400, PLAN(promotion_s),
     .help = "standby: from detection to where one serves"},
    {"profile-detection", TW_ATTR_QUANTITY, TW_TIME, "10s", .max = 86400, PLAN(profile_detection_s),
     .help =
         "until the router knows of hosts and links that fail by a state_file or speed_file of the platform"},
    {0}};
static const tw_child failures_children[] = {{&fault_element, 0, 0}, {&fault_trace_element, 0, 0}, {0}};
const tw_element tw_failures_element = {"failures", "what breaks, and what is done about it",
                                        failures_attributes, failures_children, NULL};

/* ---- Components ---- */

int *tw_failing_rows(const tw_platform *platform, int *n_rows)
{
  g_autoptr(GHashTable) known = g_hash_table_new(g_str_hash, g_str_equal);
  int *rows = g_new(int, (gsize)platform->n_hosts);
  for (int i = 0; i < platform->n_hosts; i++) {
    const char *name = platform->zones[platform->hosts[i].zone].row;
    name = name != NULL ? name : "";
    int row = GPOINTER_TO_INT(g_hash_table_lookup(known, name));
    if (row == 0)
      g_hash_table_insert(known, (gpointer)name, GINT_TO_POINTER(row = (int)g_hash_table_size(known) + 1));
    rows[i] = row - 1;
  }
  if (n_rows != NULL)
    *n_rows = (int)g_hash_table_size(known);
  return rows;
}

static int count_rows(const tw_platform *platform)
{
  int n;
  g_free(tw_failing_rows(platform, &n));
  return n;
}

/* The host that has an accelerator, counted over all hosts; its number there is left in `accelerator`. */
static int host_of(const tw_platform *platform, int *accelerator)
{
  int host = 0;
  while (*accelerator >= platform->hosts[host].accelerators)
    *accelerator -= platform->hosts[host++].accelerators;
  return host;
}

int tw_failing_components(const tw_scenario *scenario, tw_failing_part part)
{
  const tw_platform *platform = scenario->platform;
  if (tw_failing_is_network(part))
    return tw_failing_network_components(platform, part);
  switch (part) {
  case TW_PART_ACCELERATOR:
    return (int)tw_platform_accelerators(platform);
  case TW_PART_HOST:
    return platform->n_hosts;
  case TW_PART_RACK:
    return platform->n_racks;
  case TW_PART_FEED:
  case TW_PART_COOLING:
    return count_rows(platform);
  default:
    return scenario->plan.n_engines;
  }
}

static const char *row_name(const tw_platform *platform, int row)
{
  g_autofree int *rows = tw_failing_rows(platform, NULL);
  int host = 0;
  while (host + 1 < platform->n_hosts && rows[host] != row)
    host++;
  const char *name = platform->zones[platform->hosts[host].zone].row;
  return name != NULL ? name : "";
}

static char *process_name(const tw_scenario *scenario, int engine)
{
  int first = engine;
  while (first > 0 && scenario->plan.engines[first - 1].pool == scenario->plan.engines[engine].pool)
    first--;
  return g_strdup_printf("%s/%d", scenario->pools[scenario->plan.engines[engine].pool].id, engine - first);
}

char *tw_failing_component_name(const tw_scenario *scenario, tw_failing_part part, int component)
{
  const tw_platform *platform = scenario->platform;
  if (tw_failing_is_network(part))
    return tw_failing_network_name(platform, part, component);
  switch (part) {
  case TW_PART_ACCELERATOR: {
    int host = host_of(platform, &component);
    return g_strdup_printf("%s/%d", platform->hosts[host].id, component);
  }
  case TW_PART_HOST:
    return g_strdup(platform->hosts[component].id);
  case TW_PART_RACK:
    return g_strdup(platform->racks[component]);
  case TW_PART_FEED:
  case TW_PART_COOLING:
    return g_strdup(row_name(platform, component));
  default:
    return process_name(scenario, component);
  }
}

GPtrArray *tw_failing_names(const tw_scenario *scenario, tw_failing_part part)
{
  const tw_platform *platform = scenario->platform;
  if (tw_failing_is_network(part))
    return tw_failing_network_names(platform, part);
  GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
  if (part == TW_PART_ACCELERATOR) {
    for (int i = 0; i < platform->n_hosts; i++)
      for (int k = 0; k < platform->hosts[i].accelerators; k++)
        g_ptr_array_add(names, g_strdup_printf("%s/%d", platform->hosts[i].id, k));
    return names;
  }
  int n = tw_failing_components(scenario, part);
  for (int i = 0; i < n; i++)
    g_ptr_array_add(names, tw_failing_component_name(scenario, part, i));
  return names;
}

/* A fault where SimGrid changes the bandwidth of links, and failures are to do so as well. */
static void check_network(const tw_scenario *scenario, int part, const xmlNode *node, tw_faults *faults)
{
  if (tw_failing_is_network((tw_failing_part)part) && scenario->platform->profiled)
    tw_node_fault(
        node, faults,
        "part=\"%s\": links of this platform have a bandwidth_file, by which they change already; remove "
        "it, or write its changes as <fault part=\"link\" effect=\"limp\" at=\"...\">",
        tw_failing_part_names[part]);
}

/* A fault where a pattern matches no component of its part. */
static void check_names(const tw_scenario *scenario, const tw_fault *fault, const xmlNode *node,
                        tw_faults *faults)
{
  g_autoptr(GPtrArray) names = tw_failing_names(scenario, (tw_failing_part)fault->part);
  g_autoptr(GPatternSpec) pattern = g_pattern_spec_new(fault->names);
  for (guint i = 0; i < names->len; i++)
    if (g_pattern_spec_match_string(pattern, names->pdata[i]))
      return;
  const char *part = tw_failing_part_names[fault->part];
  if (names->len == 0) {
    tw_node_fault(node, faults, "the site has no %s that could fail; name another part", part);
    return;
  }
  const char *first = names->pdata[0];
  g_ptr_array_add(names, NULL);
  const char *near = tw_nearest(fault->names, (const char *const *)names->pdata);
  tw_node_fault(node, faults, "names=\"%s\" is no %s of the site; %s \"%s\"%s", fault->names, part,
                near != NULL ? "did you mean" : "there is for example", near != NULL ? near : first,
                near != NULL ? "?" : "");
}

/* ---- The plan ---- */

static void clear_trace(gpointer pointer)
{
  tw_fault_trace *trace = pointer;
  tw_schema_clear(&fault_trace_element, trace);
  g_clear_pointer(&trace->told, g_array_unref);
}

static void clear_fault(gpointer fault)
{
  tw_schema_clear(&fault_element, fault);
}

void tw_failure_plan_free(tw_failure_plan *plan)
{
  if (plan == NULL)
    return;
  g_array_unref(plan->faults);
  g_array_unref(plan->traces);
  g_free(plan);
}

void tw_failure_plan_files(const tw_failure_plan *plan, GPtrArray *files)
{
  for (guint i = 0; plan != NULL && i < plan->traces->len; i++)
    g_ptr_array_add(files, g_strdup(g_array_index(plan->traces, tw_fault_trace, i).file));
}

/* Rules between the attributes and the site. */
static void check_plan(const tw_scenario *scenario, const tw_failure_plan *plan, const xmlNode *node,
                       tw_faults *faults)
{
  gboolean stands_by = plan->recovery == TW_RECOVERY_STANDBY;
  if (stands_by != (plan->standby > 0))
    tw_node_fault(node, faults,
                  stands_by ? "recovery=\"standby\" needs engines that stand by; write standby=\"1\""
                            : "standby=\"...\" is for recovery=\"standby\"; leave it out");
  for (int i = 0; i < scenario->n_pools; i++) {
    const tw_pool *pool = &scenario->pools[i];
    if (plan->standby >= pool->replicas)
      tw_node_fault(node, faults,
                    "standby=\"%" G_GINT64_FORMAT "\" leaves none of the %" G_GINT64_FORMAT
                    " engines of pool \"%s\" to serve; lower it or raise replicas",
                    plan->standby, pool->replicas, pool->id);
    if (stands_by && (pool->scaling.policy >= 0 || pool->start == TW_START_COLD))
      tw_node_fault(
          node, faults,
          "pool \"%s\" starts cold or has an <autoscaler>, which wakes engines instead of those that fail; "
          "leave recovery=\"standby\" out",
          pool->id);
  }
}

/* Reads the <fault>s and <fault-trace>s of a node. */
static void read_faults(tw_failure_plan *plan, const xmlNode *node)
{
  for (const xmlNode *n = tw_node_child(node, "fault"); n != NULL; n = tw_node_next(n, "fault")) {
    g_array_set_size(plan->faults, plan->faults->len + 1);
    tw_schema_read(n, &fault_element, &g_array_index(plan->faults, tw_fault, plan->faults->len - 1));
  }
  for (const xmlNode *n = tw_node_child(node, "fault-trace"); n != NULL; n = tw_node_next(n, "fault-trace")) {
    g_array_set_size(plan->traces, plan->traces->len + 1);
    tw_schema_read(n, &fault_trace_element,
                   &g_array_index(plan->traces, tw_fault_trace, plan->traces->len - 1));
  }
}

void tw_scenario_read_failures(tw_scenario *scenario, const xmlNode *root)
{
  const xmlNode *node = tw_node_child(root, tw_failures_element.name);
  gboolean profiles = scenario->platform != NULL && scenario->platform->profiles->len > 0;
  if (node == NULL && !profiles)
    return;
  tw_failure_plan *plan = scenario->failures = g_new0(tw_failure_plan, 1);
  plan->faults = g_array_new(FALSE, TRUE, sizeof(tw_fault));
  plan->traces = g_array_new(FALSE, TRUE, sizeof(tw_fault_trace));
  g_array_set_clear_func(plan->faults, clear_fault);
  g_array_set_clear_func(plan->traces, clear_trace);
  tw_schema_read_child(root, &tw_failures_element, plan);
  if (node != NULL)
    read_faults(plan, node);
}

/* Checks the <fault>s of a node, and reads the traces. */
static void check_faults(const tw_scenario *scenario, const xmlNode *node, tw_faults *faults)
{
  const tw_failure_plan *plan = scenario->failures;
  const xmlNode *n = tw_node_child(node, "fault");
  for (guint i = 0; i < plan->faults->len; i++, n = tw_node_next(n, "fault")) {
    const tw_fault *fault = &g_array_index(plan->faults, tw_fault, i);
    check_network(scenario, fault->part, n, faults);
    check_names(scenario, fault, n, faults);
  }
  n = tw_node_child(node, "fault-trace");
  for (guint i = 0; i < plan->traces->len; i++, n = tw_node_next(n, "fault-trace")) {
    tw_fault_trace *trace = &g_array_index(plan->traces, tw_fault_trace, i);
    check_network(scenario, trace->part, n, faults);
    tw_fault_trace_load(scenario, trace, faults);
  }
}

void tw_scenario_check_failures(tw_scenario *scenario, const xmlNode *root, tw_faults *faults)
{
  const xmlNode *node = tw_node_child(root, tw_failures_element.name);
  if (scenario->failures == NULL)
    return;
  if (node != NULL) {
    check_plan(scenario, scenario->failures, node, faults);
    check_faults(scenario, node, faults);
  }
  tw_fault_profiles_add(scenario, faults);
}
