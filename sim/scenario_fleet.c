#include "sim/scenario.h"

const char *const tw_start_names[] = {"warm", "cold", NULL};
const char *const tw_weights_source_names[] = {"resident", "storage", "peer", NULL};

/* Whether its engines may have to start. */
static gboolean starts(const tw_pool *pool)
{
  return pool->start == TW_START_COLD;
}

gboolean tw_scenario_has_fleet(const tw_scenario *scenario)
{
  for (int i = 0; i < scenario->n_pools; i++)
    if (starts(&scenario->pools[i]))
      return TRUE;
  return FALSE;
}

gboolean tw_pool_loads_weights(const tw_pool *pool)
{
  return starts(pool) && pool->weights_from != TW_WEIGHTS_RESIDENT;
}

static gboolean has_storage(const tw_platform *platform)
{
  for (int i = 0; i < platform->n_hosts; i++)
    if (platform->zones[platform->hosts[i].zone].role == TW_ROLE_STORAGE)
      return TRUE;
  return FALSE;
}

void tw_scenario_check_fleet(const tw_scenario *scenario, const xmlNode *root, tw_faults *faults)
{
  const xmlNode *node = tw_node_child(root, "pool");
  for (int i = 0; i < scenario->n_pools; i++, node = tw_node_next(node, "pool")) {
    const tw_pool *pool = &scenario->pools[i];
    if (!tw_pool_loads_weights(pool) || has_storage(scenario->platform))
      continue;
    gboolean storage = pool->weights_from == TW_WEIGHTS_STORAGE;
    if (storage || pool->start == TW_START_COLD)
      tw_node_fault(
          node, faults,
          "weights-from=\"%s\"%s, but the platform has no host in a zone of role storage; add one, or "
          "use weights-from=\"resident\"",
          tw_weights_source_names[pool->weights_from],
          storage ? "" : " leaves engines that start together to load from storage");
  }
}
