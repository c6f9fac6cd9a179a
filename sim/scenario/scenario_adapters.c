/* <adapters>: reads how a pool keeps adapters (LoRA), and plans what they take. */
#include "sim/scenario/scenario.h"

#include <math.h>

#define FIELD(name) .offset = offsetof(tw_pool, name)

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
