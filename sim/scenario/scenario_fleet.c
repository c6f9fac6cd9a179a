#include "sim/scenario/scenario.h"

#include <math.h>

const char *const tw_start_names[] = {"warm", "cold", NULL};
const char *const tw_weights_source_names[] = {"resident", "storage", "peer", "site", NULL};

#define FIELD(name) .offset = offsetof(tw_pool, scaling.name)
static const tw_attribute autoscaler_attributes[] = {
    {"policy", TW_ATTR_CHOICE, .fallback = "utilization", .choices = tw_scaling_policy_names, FIELD(policy),
     .help = "how many engines are wanted"},
    {"min", TW_ATTR_INT, .fallback = "1", .min = 0, .max = 1e6, FIELD(min), .help = "least number of them"},
    {"max", TW_ATTR_INT, .fallback = TW_ABSENT, .min = 1, .max = 1e6, FIELD(max),
     .help = "most of them; all of the pool if absent"},
    {"utilization", TW_ATTR_NUMBER, .fallback = "0.7", .positive = TRUE, .max = 1, FIELD(utilization),
     .help = "target: the pool's requests over max-seqs, or its KV caches in use, whichever is more"},
    {"queue", TW_ATTR_NUMBER, .fallback = "1", .max = 1e6, FIELD(queue),
     .help = "target of the policy queue: requests that wait, per engine"},
    {"file", TW_ATTR_PATH, .fallback = TW_ABSENT, FIELD(file),
     .help =
         "of the policy schedule: CSV of a time in seconds and a number of engines, evenly spaced; begins "
         "again after its end"},
    {"period", TW_ATTR_QUANTITY, TW_TIME, "15s", .min = 1e-3, .max = 86400, FIELD(period_s),
     .help = "how often it looks; the default is that of Kubernetes' horizontal pod autoscaler, as are the "
             "delays'"},
    {"up-delay", TW_ATTR_QUANTITY, TW_TIME, "0s", .max = 86400, FIELD(up_delay_s),
     .help = "more engines are woken when more have been wanted for so long"},
    {"down-delay", TW_ATTR_QUANTITY, TW_TIME, "5min", .max = 86400, FIELD(down_delay_s),
     .help = "engines are parked when fewer have been wanted for so long"},
    {0}};
const tw_element tw_autoscaler_element = {"autoscaler", "parks the engines of a pool, and wakes them",
                                          autoscaler_attributes, NULL, NULL};

/* Whether the engines of a pool may have to start. */
static gboolean starts(const tw_scenario *scenario, const tw_pool *pool)
{
  return scenario->failures != NULL || pool->start == TW_START_COLD || pool->scaling.policy >= 0;
}

gboolean tw_scenario_has_fleet(const tw_scenario *scenario)
{
  if (scenario->failures != NULL)
    return TRUE;
  for (int i = 0; i < scenario->n_pools; i++)
    if (starts(scenario, &scenario->pools[i]))
      return TRUE;
  return FALSE;
}

gboolean tw_pool_loads_weights(const tw_scenario *scenario, const tw_pool *pool)
{
  return starts(scenario, pool) && pool->weights_from != TW_WEIGHTS_RESIDENT &&
         pool->weights_from != TW_WEIGHTS_SITE;
}

double tw_pool_copy_bytes(const tw_pool *pool)
{
  gint64 different = pool->ep > pool->tp ? pool->dp : 1; /* Ranks that share experts hold others each. */
  return pool->plan.memory.weight_bytes * (double)(pool->tp * pool->pp * different);
}

static gboolean has_storage(const tw_platform *platform)
{
  for (int i = 0; i < platform->n_hosts; i++)
    if (platform->zones[platform->hosts[i].zone].role == TW_ROLE_STORAGE)
      return TRUE;
  return FALSE;
}

static void check_weights(const tw_scenario *scenario, const tw_pool *pool, const xmlNode *node,
                          tw_faults *faults)
{
  if (pool->weights_from == TW_WEIGHTS_SITE && scenario->alone)
    tw_node_fault(
        node, faults,
        "weights-from=\"site\": there is no other <site> from which weights could come; add one, or use "
        "weights-from=\"storage\" or \"resident\"");
  if (pool->weights_from == TW_WEIGHTS_SITE && isnan(pool->plan.device->host_bytes_per_s))
    tw_node_fault(
        node, faults,
        "weights-from=\"site\": the bandwidth between %s and its host, over which weights that have "
        "come are loaded, is not known; write weights-from=\"resident\"",
        pool->plan.device->label);
  if (!tw_pool_loads_weights(scenario, pool) || has_storage(scenario->platform))
    return;
  const char *why = pool->weights_from == TW_WEIGHTS_STORAGE ? ""
                    : pool->start == TW_START_COLD
                        ? " leaves engines that start together to load from storage"
                    : pool->scaling.min == 0 ? " leaves the first engine to wake to load from storage"
                                             : NULL;
  if (why != NULL)
    tw_node_fault(
        node, faults,
        "weights-from=\"%s\"%s, but the platform has no host in a zone of role storage; add one, or "
        "use weights-from=\"resident\"",
        tw_weights_source_names[pool->weights_from], why);
}

/* Whether a schedule ever wants an engine. */
static gboolean wants_some(const tw_stairs *schedule)
{
  enum { STEPS = 100000 }; /* more than any day has */
  double time_s = 0;
  for (int i = 0; i < STEPS && isfinite(time_s) && tw_stairs_at(schedule, time_s) < 1; i++)
    time_s = tw_stairs_next(schedule, time_s);
  return isfinite(time_s) && tw_stairs_at(schedule, time_s) >= 1;
}

static void read_schedule(tw_scaling *scaling, const xmlNode *node, tw_faults *faults)
{
  gboolean wanted = g_str_equal(tw_scaling_policy_names[scaling->policy], "schedule");
  if (wanted != (scaling->file != NULL)) {
    tw_node_fault(node, faults,
                  wanted
                      ? "policy=\"schedule\" needs file=\"...\", a CSV of a time in seconds and a number of "
                        "engines"
                      : "file=\"...\" is for policy=\"schedule\"; leave it out");
    return;
  }
  if (!wanted)
    return;
  scaling->schedule = tw_stairs_load(scaling->file, TRUE, 0, 1e6, faults);
  if (scaling->schedule != NULL && scaling->min == 0 && !wants_some(scaling->schedule))
    tw_node_fault(node, faults,
                  "the schedule never wants an engine, so that requests would wait for ever; "
                  "write min=\"1\", or another schedule");
}

static void check_limits(const tw_scaling *scaling, gint64 replicas, const xmlNode *node, tw_faults *faults)
{
  if (scaling->max > replicas)
    tw_node_fault(node, faults,
                  "max=\"%" G_GINT64_FORMAT "\" is more than the pool's replicas=\"%" G_GINT64_FORMAT
                  "\"; raise these or lower max",
                  scaling->max, replicas);
  if (scaling->min > scaling->max)
    tw_node_fault(node, faults,
                  "min=\"%" G_GINT64_FORMAT "\" is more than the most engines, %" G_GINT64_FORMAT
                  "; lower min",
                  scaling->min, scaling->max);
}

/* A device without data on its sleep: what is assumed instead. */
static void note_sleep(tw_scenario *scenario, const tw_pool *pool)
{
  if (pool->weights_from != TW_WEIGHTS_RESIDENT && pool->plan.device->sleep_w >= pool->plan.device->idle_w)
    g_ptr_array_add(
        scenario->notes,
        g_strdup_printf("pool \"%s\": nothing is known of what a parked %s draws, so it is counted "
                        "like an idle one, %g W",
                        pool->id, pool->plan.device->label, pool->plan.device->idle_w));
}

void tw_scenario_read_fleet(tw_scenario *scenario, const xmlNode *root, tw_faults *faults)
{
  const xmlNode *node = tw_node_child(root, "pool");
  for (int i = 0; i < scenario->n_pools; i++, node = tw_node_next(node, "pool")) {
    tw_pool *pool = &scenario->pools[i];
    tw_scaling *scaling = &pool->scaling;
    const xmlNode *autoscaler = tw_node_child(node, tw_autoscaler_element.name);
    scaling->policy = -1;
    if (autoscaler != NULL) {
      tw_schema_read(autoscaler, &tw_autoscaler_element, pool);
      if (scaling->max == G_MININT64)
        scaling->max = pool->replicas;
      check_limits(scaling, pool->replicas, autoscaler, faults);
      read_schedule(scaling, autoscaler, faults);
      note_sleep(scenario, pool);
    }
    check_weights(scenario, pool, node, faults);
  }
}
