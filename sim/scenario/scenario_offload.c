/* <kv-offload> and <adapters>: what lies below the accelerators, read and planned. */
#include "sim/scenario/scenario.h"

#include <math.h>

#define FIELD(name) .offset = offsetof(tw_pool, name)

static const tw_attribute offload_attributes[] = {
    {"host-memory", TW_ATTR_QUANTITY, TW_BYTES, .max = 1e18, .positive = TRUE, FIELD(host_bytes),
     .help = "of the hosts of each engine, for blocks that the accelerators evict from their prefix cache"},
    {"bandwidth", TW_ATTR_QUANTITY, TW_BANDWIDTH, TW_ABSENT, .max = 1e15, .positive = TRUE,
     FIELD(host_bytes_per_s), .help = "from there to each accelerator; the device's host link if absent"},
    {"write", TW_ATTR_CHOICE, .fallback = "back", .choices = tw_offload_write_names,
     .choice_helps = tw_offload_write_helps, FIELD(offload_rules.write),
     .help = "when KV goes down to the hosts, and to the store"},
    {"write-bandwidth", TW_ATTR_QUANTITY, TW_BANDWIDTH, TW_ABSENT, .max = 1e15, .positive = TRUE,
     FIELD(host_write_bytes_per_s),
     .help = "write=\"through\": from each accelerator; bandwidth=\"...\" if absent"},
    {"policy", TW_ATTR_CHOICE, .fallback = "lru", .choices = tw_kv_policy_names,
     .choice_helps = tw_kv_policy_helps, FIELD(offload_rules.policy),
     .help = "which pieces of prompts go where the hosts, or the store, have no room"},
    {"admit", TW_ATTR_CHOICE, .fallback = "all", .choices = tw_kv_admission_names,
     FIELD(offload_rules.admission),
     .help = "which pieces the hosts, and the store, take in: all, or those that have come before, as far as "
             "names of "
             "as many bytes as there is room for are remembered"},
    {"min-tokens", TW_ATTR_INT, .fallback = "0", .max = 1e9, FIELD(offload_rules.least_tokens),
     .help = "write=\"through\": requests of fewer tokens of prompt and output leave nothing below"},
    {"ttl", TW_ATTR_QUANTITY, TW_TIME, "0s", .max = 109500 * 86400.0, FIELD(offload_rules.ttl_s),
     .help = "pieces that were used longer ago are gone; 0: none are"},
    {"store", TW_ATTR_BOOL, .fallback = "false", FIELD(store),
     .help =
         "what they have no room for goes to the platform's storage hosts (tw:kv_bytes), and is fetched over "
         "the network"},
    {0}};

static gboolean check_offload(const xmlNode *node, const void *target, tw_faults *faults)
{
  const xmlNode *scheduler = tw_node_child(node->parent, "scheduler");
  g_autofree char *role = (char *)xmlGetProp((xmlNode *)node->parent, BAD_CAST "role");
  g_autofree char *cache =
      scheduler != NULL ? (char *)xmlGetProp((xmlNode *)scheduler, BAD_CAST "prefix-cache") : NULL;
  const tw_pool *pool = target;
  const tw_offload_config *offload = &pool->offload_rules;
  if (g_strcmp0(role, "decode") == 0)
    tw_node_fault(node, faults, "a pool of role=\"decode\" computes no prompts; leave <kv-offload> out");
  else if (g_strcmp0(cache, "false") == 0)
    tw_node_fault(
        node, faults,
        "there is no prefix cache to evict from; leave out <kv-offload>, or prefix-cache=\"false\"");
  else if (offload->write == TW_OFFLOAD_BACK &&
           (offload->policy != 0 || offload->admission != TW_KV_ADMIT_ALL || offload->least_tokens > 0 ||
            !isnan(pool->host_write_bytes_per_s)))
    tw_node_fault(
        node, faults,
        "policy, admit, min-tokens and write-bandwidth are for copies that requests leave as they end; add "
        "write=\"through\", or leave them out");
  else
    return TRUE;
  return FALSE;
}
const tw_element tw_offload_element = {"kv-offload", "keeps evicted prefixes in the memory of hosts",
                                       offload_attributes, NULL, check_offload};

/* Engines whose KV is the same share chains: of one model, number format and block size. */
static guint64 seed_of(const tw_pool *pool)
{
  tw_chance chance =
      tw_chance_new((guint64)(pool->block_tokens * TW_PRECISIONS + pool->kv), pool->model_name);
  return tw_chance_next(&chance);
}

static gboolean has_store(const tw_platform *platform)
{
  for (int i = 0; i < platform->n_hosts; i++)
    if (platform->hosts[i].kv_bytes > 0)
      return TRUE;
  return FALSE;
}

static gboolean keeps_alike(const tw_offload_config *a, const tw_offload_config *b)
{
  return a->write == b->write && a->policy == b->policy && a->admission == b->admission &&
         a->ttl_s == b->ttl_s;
}

/* Pieces in the store must not depend on the pool that brought them. */
static void check_store(const tw_scenario *scenario, const tw_pool *pool, const xmlNode *node,
                        tw_faults *faults)
{
  if (!has_store(scenario->platform))
    tw_node_fault(node, faults,
                  "store=\"true\", but no host of the platform has room for KV; give hosts in a zone of role "
                  "storage the property tw:kv_bytes");
  for (const tw_pool *other = scenario->pools; other < pool; other++)
    if (other->store && !keeps_alike(&other->offload_rules, &pool->offload_rules))
      tw_node_fault(
          node, faults,
          "pools \"%s\" and \"%s\" share the store and must keep it alike; give both the same write, policy, "
          "admit and ttl",
          other->id, pool->id);
}

void tw_scenario_plan_offload(const tw_scenario *scenario, tw_pool *pool, const xmlNode *pool_node,
                              tw_faults *faults)
{
  const xmlNode *node = tw_node_child(pool_node, tw_offload_element.name);
  const tw_model *model = pool->model;
  if (node == NULL)
    return;
  double read_bytes_per_s =
      isnan(pool->host_bytes_per_s) ? pool->plan.device->host_bytes_per_s : pool->host_bytes_per_s;
  double write_bytes_per_s =
      isnan(pool->host_write_bytes_per_s) ? read_bytes_per_s : pool->host_write_bytes_per_s;
  if (isnan(read_bytes_per_s))
    tw_node_fault(node, faults, "the bandwidth between %s and its host is not known; write bandwidth=\"...\"",
                  pool->plan.device->label);
  if (pool->store)
    check_store(scenario, pool, node, faults);
  tw_offload_config *offload = &pool->plan.offload;
  *offload = pool->offload_rules;
  double tokens = (double)pool->block_tokens;
  double block_bytes = tokens * pool->plan.memory.kv_bytes_per_token;
  offload->host_bytes = (gint64)pool->host_bytes;
  offload->block_bytes =
      tokens * tw_model_sequence_bytes(model, tw_precision_bytes((tw_precision)pool->kv), 1).per_token;
  offload->block_s = block_bytes / read_bytes_per_s;
  offload->write_block_s = block_bytes / write_bytes_per_s;
  offload->seed = seed_of(pool);
}

gboolean tw_scenario_offloads(const tw_scenario *scenario)
{
  for (int i = 0; i < scenario->n_pools; i++)
    if (scenario->pools[i].plan.offload.host_bytes > 0)
      return TRUE;
  return FALSE;
}

/* ---- Adapters ---- */

static const tw_attribute adapters_attributes[] = {
    {"slots", TW_ATTR_INT, .fallback = "1", .min = 1, .max = 1e6, FIELD(adapter_slots),
     .help = "adapters that the accelerators of each rank hold, and that an iteration may use (vLLM's "
             "max_loras)"},
    {"size", TW_ATTR_QUANTITY, TW_BYTES, .max = 1e15, .positive = TRUE, FIELD(adapter_bytes),
     .help = "of an adapter of the largest rank that is served, over the accelerators of a replica"},
    {"host-slots", TW_ATTR_INT, .fallback = TW_ABSENT, .min = 1, .max = 1e9, FIELD(adapter_host_slots),
     .help = "adapters that the memory of hosts holds (vLLM's max_cpu_loras); as many as slots if absent"},
    {"bandwidth", TW_ATTR_QUANTITY, TW_BANDWIDTH, TW_ABSENT, .max = 1e15, .positive = TRUE,
     FIELD(adapter_bytes_per_s),
     .help = "from there to each accelerator, which takes its part; the device's host link if absent"},
    {"storage-bandwidth", TW_ATTR_QUANTITY, TW_BANDWIDTH, .max = 1e15, .positive = TRUE,
     FIELD(adapter_storage_bytes_per_s),
     .help = "from storage into the memory of hosts, by each engine alone"},
    {"base", TW_ATTR_STRING, .fallback = "", FIELD(adapter_base),
     .help = "the class that uses the model as it is, as requests without a class do; each other class "
             "uses the "
             "adapter of its name"},
    {0},
};

static gboolean check_adapters(const xmlNode *node, const void *target, tw_faults *faults)
{
  const xmlNode *scheduler = tw_node_child(node->parent, "scheduler");
  g_autofree char *role = (char *)xmlGetProp((xmlNode *)node->parent, BAD_CAST "role");
  g_autofree char *kind =
      scheduler != NULL ? (char *)xmlGetProp((xmlNode *)scheduler, BAD_CAST "kind") : NULL;
  g_autofree char *order =
      scheduler != NULL ? (char *)xmlGetProp((xmlNode *)scheduler, BAD_CAST "order") : NULL;
  const tw_pool *pool = target;
  if (role != NULL && !g_str_equal(role, "mixed"))
    tw_node_fault(node, faults,
                  "adapters are for pools that compute prompts and decode; leave out role=\"%s\", or "
                  "<adapters>",
                  role);
  else if (g_strcmp0(kind, "sglang") == 0)
    tw_node_fault(node, faults, "kind=\"sglang\" has no adapters here; leave them out, or use kind=\"vllm\"");
  else if (g_strcmp0(order, "fair") == 0)
    tw_node_fault(node, faults,
                  "order=\"fair\" lets nobody pass who waits for an adapter; use order=\"arrival\" or "
                  "\"priority\"");
  else if (pool->adapter_host_slots != G_MININT64 && pool->adapter_host_slots < pool->adapter_slots)
    tw_node_fault(node, faults,
                  "host-slots=\"%" G_GINT64_FORMAT "\" are fewer than slots=\"%" G_GINT64_FORMAT
                  "\": what the accelerators hold is held by the hosts, too",
                  pool->adapter_host_slots, pool->adapter_slots);
  else
    return TRUE;
  return FALSE;
}
const tw_element tw_adapters_element = {"adapters", "adapters (LoRA) that a pool serves beside the model",
                                        adapters_attributes, NULL, check_adapters};

double tw_scenario_adapter_bytes(const tw_pool *pool)
{
  return (double)pool->adapter_slots * pool->adapter_bytes / (double)(pool->tp * pool->pp);
}

void tw_scenario_plan_adapters(tw_scenario *scenario, tw_pool *pool, const xmlNode *pool_node,
                               tw_faults *faults)
{
  const xmlNode *node = tw_node_child(pool_node, tw_adapters_element.name);
  if (node == NULL)
    return;
  double bytes_per_s =
      isnan(pool->adapter_bytes_per_s) ? pool->plan.device->host_bytes_per_s : pool->adapter_bytes_per_s;
  if (isnan(bytes_per_s))
    tw_node_fault(node, faults, "the bandwidth between %s and its host is not known; write bandwidth=\"...\"",
                  pool->plan.device->label);
  pool->plan.adapters =
      (tw_adapters_config){.slots = pool->adapter_slots,
                           .host_slots = MAX(pool->adapter_host_slots, pool->adapter_slots),
                           .host_s = pool->adapter_bytes / (double)(pool->tp * pool->pp) / bytes_per_s,
                           .storage_s = pool->adapter_bytes / pool->adapter_storage_bytes_per_s,
                           .base = *pool->adapter_base != '\0' ? g_intern_string(pool->adapter_base) : NULL};
  if (scenario->trace.salt == TW_SALT_NONE && scenario->trace_file != NULL) {
    scenario->trace.salt = TW_SALT_CLASS; /* KV depends on the adapter */
    g_ptr_array_add(scenario->notes, g_strdup("adapters: requests share prefixes within their class alone"));
  }
}

gboolean tw_scenario_adapts(const tw_scenario *scenario)
{
  for (int i = 0; i < scenario->n_pools; i++)
    if (scenario->pools[i].plan.adapters.slots > 0)
      return TRUE;
  return FALSE;
}
