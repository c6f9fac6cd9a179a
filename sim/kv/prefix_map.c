#include "sim/kv/prefix_map.h"

#include "sim/kv/prefix_node.h"

/* A node of a cache. */
typedef struct entry {
  tw_prefix_node *node;
  gint64 end;
  int place;
} entry;

/* The nodes of all caches that begin behind the same ids with the same id. */
struct tw_prefix_group {
  guint64 chain;
  GArray *entries; /* elements are entry */
};

struct tw_prefix_map {
  GHashTable *groups; /* by chain */
};

tw_prefix_map *tw_prefix_map_new(void)
{
  tw_prefix_map *map = g_new(tw_prefix_map, 1);
  map->groups = g_hash_table_new(g_int64_hash, g_int64_equal); /* chains are mixed already */
  return map;
}

void tw_prefix_map_free(tw_prefix_map *map)
{
  if (map == NULL)
    return;
  g_assert(g_hash_table_size(map->groups) == 0);
  g_hash_table_unref(map->groups);
  g_free(map);
}

void tw_prefix_map_bound(const tw_prefix_map *map, const tw_request *request, gint64 *tokens)
{
  guint64 chain = 0;
  gint64 most = request->prompt_tokens - 1, of_id = request->hash_tokens, reached = 0;
  /* Whoever has a node that begins with an id has one that reaches up to there. */
  for (gint64 i = 0; i < request->n_hashes && i * of_id < most && i * of_id <= reached; i++) {
    chain = tw_prefix_chain(chain, request->hashes[i], of_id);
    const tw_prefix_group *group = g_hash_table_lookup(map->groups, &chain);
    for (guint k = 0; group != NULL && k < group->entries->len; k++) {
      const entry *e = &g_array_index(group->entries, entry, k);
      tokens[e->place] = MAX(tokens[e->place], MIN(e->end, most));
      reached = MAX(reached, e->end);
    }
  }
}

static void enter(const tw_prefix_cache *cache, tw_prefix_node *node, guint64 chain)
{
  tw_prefix_group *group = g_hash_table_lookup(cache->map->groups, &chain);
  if (group == NULL) {
    group = g_slice_new(tw_prefix_group);
    *group = (tw_prefix_group){chain, g_array_new(FALSE, FALSE, sizeof(entry))};
    g_hash_table_insert(cache->map->groups, &group->chain, group);
  }
  entry e = {node, node->end, cache->place};
  node->group = group;
  node->group_at = group->entries->len;
  g_array_append_val(group->entries, e);
}

void tw_prefix_map_enter(const tw_prefix_cache *cache, tw_prefix_node *node, const tw_request *request)
{
  guint64 chain = 0;
  if (cache->map == NULL)
    return;
  for (gint64 i = 0; i <= tw_prefix_node_first_id(node); i++)
    chain = tw_prefix_chain(chain, request->hashes[i], request->hash_tokens);
  enter(cache, node, chain);
}

void tw_prefix_map_end(const tw_prefix_node *node)
{
  if (node->group != NULL)
    g_array_index(node->group->entries, entry, node->group_at).end = node->end;
}

void tw_prefix_map_split(const tw_prefix_cache *cache, tw_prefix_node *node, tw_prefix_node *head,
                         gint64 gone)
{
  if (node->group == NULL)
    return;
  guint64 chain = node->group->chain;
  for (gint64 i = 1; i <= gone; i++)
    chain = tw_prefix_chain(chain, node->ids[i], node->hash_tokens);
  head->group = node->group;
  head->group_at = node->group_at;
  g_array_index(head->group->entries, entry, head->group_at).node = head;
  tw_prefix_map_end(head);
  enter(cache, node, chain);
}

void tw_prefix_map_leave(const tw_prefix_cache *cache, tw_prefix_node *node)
{
  tw_prefix_group *group = node->group;
  if (group == NULL)
    return;
  node->group = NULL;
  g_array_remove_index_fast(group->entries, node->group_at);
  if (node->group_at < group->entries->len)
    g_array_index(group->entries, entry, node->group_at).node->group_at = node->group_at;
  if (group->entries->len > 0)
    return;
  g_hash_table_remove(cache->map->groups, &group->chain);
  g_array_unref(group->entries);
  g_slice_free(tw_prefix_group, group);
}
