/* What the pools of several sites have of each other: weights and KV caches. */
#include "sim/scenario/world.h"

#include <math.h>

const char *const tw_world_kv_names[] = {"recompute", "move", "quicker", NULL};

static gboolean same_model(const tw_pool *a, const tw_pool *b)
{
  return g_str_equal(a->model_name, b->model_name) && a->checkpoint == b->checkpoint &&
         a->weights == b->weights && a->attention == b->attention;
}

static gboolean has_model(const tw_scenario *scenario, const tw_pool *pool)
{
  for (int i = 0; i < scenario->n_pools; i++)
    if (same_model(&scenario->pools[i], pool))
      return TRUE;
  return FALSE;
}

int tw_world_weights_source(const tw_world *world, int site, int pool,
                            gboolean (*serves)(void *user, int site), void *user)
{
  int best = -1;
  gboolean best_serves = FALSE;
  double least_s = INFINITY;
  for (int i = 0; i < world->n_sites; i++) {
    double latency_s =
        tw_world_way(world, world->sites[i].region_index, world->sites[site].region_index)->latency_s;
    if (i == site || isinf(latency_s) ||
        !has_model(world->sites[i].scenario, &world->sites[site].scenario->pools[pool]))
      continue;
    gboolean does = serves(user, i);
    if (best >= 0 && (does != best_serves ? !does : latency_s >= least_s))
      continue;
    best = i;
    best_serves = does;
    least_s = latency_s;
  }
  return best;
}

static gboolean none_serves(void *user, int site)
{
  (void)user;
  (void)site;
  return FALSE;
}

static void check_weights(const tw_world *world, const xmlNode *root, tw_faults *faults)
{
  const xmlNode *node = tw_node_child(root, "site");
  for (int i = 0; i < world->n_sites; i++, node = tw_node_next(node, "site"))
    for (int k = 0; k < world->sites[i].scenario->n_pools; k++) {
      const tw_pool *pool = &world->sites[i].scenario->pools[k];
      if (pool->weights_from == TW_WEIGHTS_SITE &&
          tw_world_weights_source(world, i, k, none_serves, NULL) < 0)
        tw_node_fault(
            node, faults,
            "pool \"%s\" of site \"%s\" gets its weights from another site, but none that a <wan> joins to "
            "region \"%s\" has %s in the same formats; add a pool there, or a <wan>, or use "
            "weights-from=\"resident\"",
            pool->id, world->sites[i].name, world->sites[i].region, pool->model_name);
    }
}

/* A KV cache that moves is of use to the same model alone. */
static void check_kv(const tw_world *world, const xmlNode *root, tw_faults *faults)
{
  const tw_pool *first = tw_world_first(world)->scenario->pools;
  for (int i = 0; world->kv != TW_WORLD_KV_RECOMPUTE && i < world->n_sites; i++)
    for (int k = 0; k < world->sites[i].scenario->n_pools; k++) {
      const tw_pool *pool = &world->sites[i].scenario->pools[k];
      if (same_model(pool, first) && pool->kv == first->kv && pool->prefix_cache)
        continue;
      tw_node_fault(tw_node_child(root, "global-router"), faults,
                    "kv=\"%s\" moves KV caches between sites, but pool \"%s\" of site \"%s\" %s; give all "
                    "pools the same "
                    "model, kv and prefix-cache=\"true\", or write kv=\"recompute\"",
                    tw_world_kv_names[world->kv], pool->id, world->sites[i].name,
                    pool->prefix_cache ? "has another model, or other formats, than the first one"
                                       : "has no prefix cache");
      return;
    }
}

/* Rollouts belong to the job that asks for them: one site has it, and nothing between sites counts. */
static void check_rollouts(const tw_world *world, const xmlNode *root, tw_faults *faults)
{
  static const char *const between[] = {"users", "wan", "global-router"};
  if (tw_scenario_rollouts(tw_world_first(world)->scenario) == NULL)
    return;
  for (guint i = 0; i < G_N_ELEMENTS(between); i++)
    if (tw_node_child(root, between[i]) != NULL)
      tw_node_fault(
          tw_node_child(root, between[i]), faults,
          "<rollouts> begin at the site of the job that asks for them, and stay there; leave <%s> out",
          between[i]);
  const xmlNode *node = tw_node_child(root, "site");
  for (int i = 0; i < world->n_sites; i++, node = tw_node_next(node, "site"))
    if (world->sites[i].serves && &world->sites[i] != tw_world_first(world))
      tw_node_fault(node, faults,
                    "the <rollouts> are those of site \"%s\"; leave the pools and the job of kind rl of site "
                    "\"%s\" out",
                    tw_world_first(world)->name, world->sites[i].name);
}

void tw_world_check_pools(const tw_world *world, const xmlNode *root, tw_faults *faults)
{
  check_weights(world, root, faults);
  check_kv(world, root, faults);
  check_rollouts(world, root, faults);
}
