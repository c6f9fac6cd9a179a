#include "sim/prefix_cache.h"

struct tw_prefix_node {
  tw_prefix_node *parent;
  guint64 id;
  gint64 hash_tokens;
  gint64 depth;      /* nodes from the first of the prompt to this one */
  gint64 end_blocks; /* KV blocks that they complete */
  gint64 holders;
  guint64 chain; /* of ids, and when it was let go: for the tier below, if there is one */
  double let_go_s;
  tw_prefix_node *newest; /* below it, and in most cases the only one; NULL: none, or evicted */
  GList link;             /* among the idle */
};

static guint node_hash(gconstpointer key)
{
  const tw_prefix_node *node = key;
  guint64 mixed =
      (node->id ^ (guint64)GPOINTER_TO_SIZE(node->parent)) * G_GUINT64_CONSTANT(0x9e3779b97f4a7c15);
  return (guint)(mixed >> 32);
}

static gboolean node_equal(gconstpointer a, gconstpointer b)
{
  const tw_prefix_node *x = a, *y = b;
  return x->parent == y->parent && x->id == y->id && x->hash_tokens == y->hash_tokens;
}

static void node_free(gpointer node)
{
  g_slice_free(tw_prefix_node, node);
}

void tw_prefix_cache_init(tw_prefix_cache *cache, gint64 block_tokens)
{
  *cache = (tw_prefix_cache){.nodes = g_hash_table_new_full(node_hash, node_equal, node_free, NULL),
                             .block_tokens = block_tokens};
  g_queue_init(&cache->idle);
}

void tw_prefix_cache_clear(tw_prefix_cache *cache)
{
  g_clear_pointer(&cache->nodes, g_hash_table_unref);
}

gint64 tw_prefix_blocks(const tw_prefix_node *node)
{
  return node != NULL ? node->end_blocks : 0;
}

gint64 tw_prefix_depth(const tw_prefix_node *node)
{
  return node != NULL ? node->depth : 0;
}

static gint64 own_blocks(const tw_prefix_node *node)
{
  return node->end_blocks - tw_prefix_blocks(node->parent);
}

/* SplitMix64's finalizer, over the chain so far and an id. */
static guint64 chain_on(guint64 chain, guint64 id, gint64 hash_tokens)
{
  guint64 z = (chain ^ id) * G_GUINT64_CONSTANT(0x9e3779b97f4a7c15) + (guint64)hash_tokens;
  z = (z ^ (z >> 30)) * G_GUINT64_CONSTANT(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * G_GUINT64_CONSTANT(0x94d049bb133111eb);
  return z ^ (z >> 31);
}

tw_prefix_piece tw_prefix_piece_of(const tw_prefix_cache *cache, const tw_prefix_node *node)
{
  if (node == NULL)
    return (tw_prefix_piece){cache->seed, 0, 0};
  return (tw_prefix_piece){node->chain, node->depth, own_blocks(node)};
}

/* Whole hash blocks of a prompt that can be found: the last token is always computed. */
static gint64 findable(const tw_request *request)
{
  return request->n_hashes == 0 ? 0
                                : MIN(request->n_hashes, (request->prompt_tokens - 1) / request->hash_tokens);
}

gboolean tw_prefix_piece_next(const tw_prefix_cache *cache, const tw_request *request, tw_prefix_piece *piece)
{
  gint64 tokens = request->hash_tokens, depth = piece->depth;
  if (depth >= findable(request))
    return FALSE;
  piece->chain = chain_on(piece->chain, request->hashes[depth], tokens);
  piece->depth = depth + 1;
  piece->blocks = (depth + 1) * tokens / cache->block_tokens - depth * tokens / cache->block_tokens;
  return TRUE;
}

/* The node of a prompt below `parent`, as a key: it is not in the table. */
static tw_prefix_node child_of(const tw_prefix_cache *cache, const tw_request *request,
                               tw_prefix_node *parent)
{
  gint64 depth = tw_prefix_depth(parent) + 1;
  return (tw_prefix_node){.parent = parent,
                          .id = request->hashes[depth - 1],
                          .hash_tokens = request->hash_tokens,
                          .depth = depth,
                          .end_blocks = depth * request->hash_tokens / cache->block_tokens};
}

static tw_prefix_node **newest_below(tw_prefix_cache *cache, tw_prefix_node *parent)
{
  return parent != NULL ? &parent->newest : &cache->newest;
}

/* The node in the table that equals `key`, or NULL. Most nodes have one below them: that saves a look-up. */
static tw_prefix_node *look_up(const tw_prefix_cache *cache, const tw_prefix_node *key)
{
  tw_prefix_node *newest = key->parent != NULL ? key->parent->newest : cache->newest;
  if (newest != NULL && newest->id == key->id && newest->hash_tokens == key->hash_tokens)
    return newest;
  return g_hash_table_lookup(cache->nodes, key);
}

tw_prefix_hit tw_prefix_cache_find(const tw_prefix_cache *cache, const tw_request *request)
{
  tw_prefix_hit hit = {0};
  if (request->n_hashes == 0)
    return hit;
  gint64 most = findable(request);
  while (tw_prefix_depth(hit.node) < most) {
    tw_prefix_node key = child_of(cache, request, hit.node);
    tw_prefix_node *node = look_up(cache, &key);
    if (node == NULL)
      break;
    hit.node = node;
    if (node->holders == 0)
      hit.idle_blocks += own_blocks(node);
  }
  hit.tokens = tw_prefix_blocks(hit.node) * cache->block_tokens;
  return hit;
}

/* One sequence more holds the node itself. Returns the blocks that nobody held before. */
static gint64 hold_one(tw_prefix_cache *cache, tw_prefix_node *node)
{
  if (node->holders++ > 0)
    return 0;
  g_queue_unlink(&cache->idle, &node->link);
  cache->idle_blocks -= own_blocks(node);
  return own_blocks(node);
}

gint64 tw_prefix_cache_hold(tw_prefix_cache *cache, tw_prefix_node *node)
{
  gint64 blocks = 0;
  for (; node != NULL; node = node->parent)
    blocks += hold_one(cache, node);
  return blocks;
}

gint64 tw_prefix_cache_release(tw_prefix_cache *cache, tw_prefix_node *node)
{
  gint64 blocks = 0;
  for (; node != NULL; node = node->parent) {
    if (--node->holders > 0)
      continue;
    node->let_go_s = cache->now_s;
    g_queue_push_tail_link(&cache->idle, &node->link);
    blocks += own_blocks(node);
  }
  cache->idle_blocks += blocks;
  return blocks;
}

/* Nodes that own a block or lead to one that does, within the first `tokens` tokens of prompt and output. The
 * id of a block that these do not fill stands for less than a block. */
static gint64 nodes_within(const tw_prefix_cache *cache, const tw_request *request, gint64 tokens)
{
  gint64 named = MAX(request->prompt_tokens, request->context_tokens);
  gint64 whole = MIN(request->n_hashes, MIN(tokens, named) / request->hash_tokens);
  gint64 block_tokens = whole * request->hash_tokens / cache->block_tokens * cache->block_tokens;
  return (block_tokens + request->hash_tokens - 1) / request->hash_tokens;
}

tw_prefix_node *tw_prefix_cache_add(tw_prefix_cache *cache, const tw_request *request, tw_prefix_node *node,
                                    gint64 tokens, gint64 *used_blocks)
{
  if (request->n_hashes == 0)
    return node;
  gint64 last = nodes_within(cache, request, tokens);
  while (tw_prefix_depth(node) < last) {
    tw_prefix_node key = child_of(cache, request, node);
    node = look_up(cache, &key);
    if (node != NULL) {
      /* The sequence's own blocks go, in exchange for those of the node. */
      *used_blocks -= own_blocks(node) - hold_one(cache, node);
      continue;
    }
    node = g_slice_new(tw_prefix_node);
    *node = key;
    node->holders = 1;
    node->link.data = node;
    if (cache->spilled != NULL) {
      node->chain = chain_on(tw_prefix_piece_of(cache, node->parent).chain, node->id, node->hash_tokens);
      cache->added(cache->user, node->chain);
    }
    g_hash_table_add(cache->nodes, node);
    *newest_below(cache, node->parent) = node;
  }
  return node;
}

void tw_prefix_cache_evict(tw_prefix_cache *cache, gint64 free_blocks)
{
  /* The first idle node has nothing below it: what was below was let go, and evicted, before it. One that
   * owns no block is worth nothing by itself. */
  while (cache->idle.head != NULL) {
    tw_prefix_node *node = cache->idle.head->data;
    if (cache->idle_blocks <= free_blocks && own_blocks(node) > 0)
      break;
    g_queue_unlink(&cache->idle, &node->link);
    cache->idle_blocks -= own_blocks(node);
    if (*newest_below(cache, node->parent) == node)
      *newest_below(cache, node->parent) = NULL;
    if (cache->spilled != NULL) {
      tw_prefix_piece piece = tw_prefix_piece_of(cache, node);
      cache->spilled(cache->user, &piece, node->let_go_s);
    }
    g_hash_table_remove(cache->nodes, node);
  }
}

gint64 tw_prefix_cache_audit(const tw_prefix_cache *cache, gint64 held)
{
  gint64 holders = 0, used_blocks = 0, idle_blocks = 0;
  guint idle = 0;
  GHashTableIter nodes;
  gpointer key;
  g_hash_table_iter_init(&nodes, cache->nodes);
  while (g_hash_table_iter_next(&nodes, &key, NULL)) {
    const tw_prefix_node *node = key;
    g_assert(node->parent == NULL || node->parent->holders >= node->holders);
    holders += node->holders;
    idle += node->holders == 0;
    *(node->holders == 0 ? &idle_blocks : &used_blocks) += own_blocks(node);
  }
  g_assert(holders == held);
  g_assert(idle == cache->idle.length && idle_blocks == cache->idle_blocks);
  return used_blocks;
}
