#include "sim/kv/prefix_cache.h"

#include "workloads/draw/chance.h"

/* The members that a search needs come first, in one line of the processor's cache. */
struct tw_prefix_node {
  tw_prefix_node *parent;
  guint64 first; /* the first of its ids */
  gint32 hash_tokens, children;
  gint64 n;     /* ids */
  gint64 depth; /* ids from the first of the prompt to its last */
  gint64 holders;
  tw_prefix_node *newest; /* the newest child, and in most cases the only one; NULL: none, or evicted */
  guint64 *ids;           /* room for n_max */
  guint64 *chains;        /* the chains of the ids, for the tier below; NULL if there is none */
  gint64 n_max;
  gint64 end_blocks; /* KV blocks that the ids up to the last one complete */
  double let_go_s;   /* when its last holder let go of it, for the tier below */
  GList link;        /* among the idle */
};

static guint node_hash(gconstpointer key)
{
  const tw_prefix_node *node = key;
  guint64 mixed =
      (node->first ^ (guint64)GPOINTER_TO_SIZE(node->parent)) * G_GUINT64_CONSTANT(0x9e3779b97f4a7c15);
  return (guint)(mixed >> 32);
}

static gboolean node_equal(gconstpointer a, gconstpointer b)
{
  const tw_prefix_node *x = a, *y = b;
  return x->parent == y->parent && x->first == y->first && x->hash_tokens == y->hash_tokens;
}

static void node_free(gpointer user)
{
  tw_prefix_node *node = user;
  g_free(node->ids);
  g_free(node->chains);
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

/* KV blocks that the first `depth` ids complete. */
static gint64 blocks_of(const tw_prefix_cache *cache, gint64 depth, gint64 hash_tokens)
{
  return depth * hash_tokens / cache->block_tokens;
}

/* The chain that goes on with an id. */
static guint64 chain_on(guint64 chain, guint64 id, gint64 hash_tokens)
{
  return tw_mix((chain ^ id) * TW_MIX_STEP + (guint64)hash_tokens);
}

/* The piece of the id at `depth`, which is one of the node's. */
static tw_prefix_piece piece_at(const tw_prefix_cache *cache, const tw_prefix_node *node, gint64 depth)
{
  return (tw_prefix_piece){node->chains[depth - tw_prefix_depth(node->parent) - 1], depth,
                           blocks_of(cache, depth, node->hash_tokens) -
                               blocks_of(cache, depth - 1, node->hash_tokens)};
}

tw_prefix_piece tw_prefix_piece_of(const tw_prefix_cache *cache, const tw_prefix_hit *hit)
{
  return hit->node != NULL ? piece_at(cache, hit->node, hit->depth) : (tw_prefix_piece){.chain = cache->seed};
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
  piece->blocks = blocks_of(cache, depth + 1, tokens) - blocks_of(cache, depth, tokens);
  return TRUE;
}

static tw_prefix_node **newest_below(tw_prefix_cache *cache, tw_prefix_node *parent)
{
  return parent != NULL ? &parent->newest : &cache->newest;
}

/* The child of a node (NULL: the beginning) on the prompt's way, or NULL. Most have one child: that saves a
 * look-up. */
static tw_prefix_node *child_of(const tw_prefix_cache *cache, const tw_request *request,
                                tw_prefix_node *parent)
{
  tw_prefix_node *newest = parent != NULL ? parent->newest : cache->newest;
  tw_prefix_node key = {.parent = parent,
                        .first = request->hashes[tw_prefix_depth(parent)],
                        .hash_tokens = request->hash_tokens};
  if (newest != NULL && node_equal(newest, &key))
    return newest;
  gboolean others = parent == NULL || parent->children > (newest != NULL);
  return others ? g_hash_table_lookup(cache->nodes, &key) : NULL;
}

/* How many of the node's ids lie on the prompt's way, within its first `most` ids. The first one does. */
static gint64 shared_ids(const tw_prefix_node *node, const tw_request *request, gint64 most)
{
  gint64 start = tw_prefix_depth(node->parent), end = MIN(node->n, most - start), n = 1;
  const guint64 *ids = &request->hashes[start];
  while (n < end && node->ids[n] == ids[n])
    n++;
  return n;
}

tw_prefix_hit tw_prefix_cache_find(const tw_prefix_cache *cache, const tw_request *request)
{
  tw_prefix_hit hit = {0};
  gint64 most = findable(request), blocks = 0;
  while (hit.depth < most && hit.depth == tw_prefix_depth(hit.node)) {
    tw_prefix_node *node = child_of(cache, request, hit.node);
    if (node == NULL)
      break;
    gint64 before = blocks;
    hit.node = node;
    hit.depth += shared_ids(node, request, most);
    blocks = blocks_of(cache, hit.depth, node->hash_tokens);
    if (node->holders == 0)
      hit.idle_blocks += blocks - before;
  }
  hit.tokens = blocks * cache->block_tokens;
  return hit;
}

/* A child of a node (NULL: the beginning) for a sequence that alone holds it, on the prompt's way; as yet
 * without ids. */
static tw_prefix_node *new_child(tw_prefix_cache *cache, const tw_request *request, tw_prefix_node *parent)
{
  tw_prefix_node *child = g_slice_new(tw_prefix_node);
  gint64 depth = tw_prefix_depth(parent);
  *child = (tw_prefix_node){.parent = parent,
                            .first = request->hashes[depth],
                            .hash_tokens = request->hash_tokens,
                            .depth = depth,
                            .holders = 1};
  child->link.data = child;
  g_hash_table_add(cache->nodes, child);
  *newest_below(cache, parent) = child;
  if (parent != NULL)
    parent->children++;
  return child;
}

/* Adds `n` ids of a prompt, which are not there, to the end of a node. */
static void append(tw_prefix_cache *cache, tw_prefix_node *node, const guint64 *ids, gint64 n)
{
  if (node->n + n > node->n_max) {
    node->n_max = node->n_max == 0 ? n : (node->n + n) * 3 / 2;
    node->ids = g_renew(guint64, node->ids, (gsize)node->n_max);
    if (cache->spilled != NULL)
      node->chains = g_renew(guint64, node->chains, (gsize)node->n_max);
  }
  memcpy(&node->ids[node->n], ids, (gsize)n * sizeof *ids);
  if (cache->spilled != NULL) {
    const tw_prefix_node *last = node->n > 0 ? node : node->parent;
    guint64 chain = last != NULL ? last->chains[last->n - 1] : cache->seed;
    for (gint64 i = node->n; i < node->n + n; i++) {
      node->chains[i] = chain = chain_on(chain, node->ids[i], node->hash_tokens);
      cache->added(cache->user, chain);
    }
  }
  node->n += n;
  node->depth += n;
  node->end_blocks = blocks_of(cache, node->depth, node->hash_tokens);
}

/* Shortens a node to its first `n` ids. */
static void cut(tw_prefix_cache *cache, tw_prefix_node *node, gint64 n)
{
  node->depth -= node->n - n;
  node->n = n;
  node->end_blocks = blocks_of(cache, node->depth, node->hash_tokens);
}

/* Makes the first `n` ids of a node one by itself, which is returned. The node is what is left of it: whoever
 * held it goes on holding all of it, and what is idle keeps its place. */
static tw_prefix_node *split(tw_prefix_cache *cache, tw_prefix_node *node, gint64 n)
{
  if (n == node->n)
    return node;
  tw_prefix_node *head = g_slice_new(tw_prefix_node);
  g_hash_table_steal(cache->nodes, node);
  *head = *node;
  head->ids = g_memdup2(node->ids, (gsize)n * sizeof *node->ids);
  head->chains = node->chains != NULL ? g_memdup2(node->chains, (gsize)n * sizeof *node->chains) : NULL;
  head->n_max = n;
  head->children = 1;
  head->newest = node;
  head->link = (GList){.data = head};
  cut(cache, head, n);
  if (head->holders == 0)
    g_queue_insert_after_link(&cache->idle, &node->link, &head->link);
  node->parent = head;
  node->first = node->ids[n];
  node->n -= n;
  memmove(node->ids, &node->ids[n], (gsize)node->n * sizeof *node->ids);
  if (node->chains != NULL)
    memmove(node->chains, &node->chains[n], (gsize)node->n * sizeof *node->chains);
  g_hash_table_add(cache->nodes, head);
  g_hash_table_add(cache->nodes, node);
  if (*newest_below(cache, head->parent) == node)
    *newest_below(cache, head->parent) = head;
  return head;
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

tw_prefix_node *tw_prefix_cache_hold(tw_prefix_cache *cache, const tw_prefix_hit *hit)
{
  if (hit->node == NULL)
    return NULL;
  tw_prefix_node *last = split(cache, hit->node, hit->depth - tw_prefix_depth(hit->node->parent));
  for (tw_prefix_node *node = last; node != NULL; node = node->parent)
    hold_one(cache, node);
  return last;
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

/* Ids that own a block or lead to one that does, within the first `tokens` tokens of prompt and output. The
 * id of a block that these do not fill stands for less than a block. */
static gint64 ids_within(const tw_prefix_cache *cache, const tw_request *request, gint64 tokens)
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
  gint64 last = ids_within(cache, request, tokens), depth;
  while ((depth = tw_prefix_depth(node)) < last) {
    tw_prefix_node *child = child_of(cache, request, node);
    if (child != NULL) {
      /* The sequence's own blocks go, in exchange for those of the node. */
      node = split(cache, child, shared_ids(child, request, last));
      *used_blocks -= own_blocks(node) - hold_one(cache, node);
      continue;
    }
    if (node == NULL || node->holders > 1 || node->children > 0)
      node = new_child(cache, request, node);
    append(cache, node, &request->hashes[depth], last - depth);
  }
  return node;
}

/* How many ids of an idle node stay if, from its end, ids go until `blocks` KV blocks are free, and all that
 * then own none: these are worth nothing by themselves. */
static gint64 kept_ids(const tw_prefix_cache *cache, const tw_prefix_node *node, gint64 blocks)
{
  gint64 stay = node->end_blocks - blocks, start = tw_prefix_depth(node->parent);
  gint64 most = ((stay + 1) * cache->block_tokens - 1) / node->hash_tokens; /* ids with at most so many */
  stay = blocks_of(cache, MIN(most, node->depth), node->hash_tokens);
  gint64 depth = (stay * cache->block_tokens + node->hash_tokens - 1) / node->hash_tokens;
  return MAX(depth - start, 0);
}

/* Forgets the ids of an idle node but for its first `n`. */
static void evict_ids(tw_prefix_cache *cache, tw_prefix_node *node, gint64 n)
{
  gint64 before = node->end_blocks, start = tw_prefix_depth(node->parent);
  for (gint64 depth = node->depth; cache->spilled != NULL && depth > start + n; depth--) {
    tw_prefix_piece piece = piece_at(cache, node, depth);
    cache->spilled(cache->user, &piece, node->let_go_s);
  }
  cut(cache, node, n);
  cache->idle_blocks -= before - node->end_blocks;
}

void tw_prefix_cache_evict(tw_prefix_cache *cache, gint64 free_blocks)
{
  /* The first idle node has nothing below it: what was below was let go, and evicted, before it. */
  for (GList *first; (first = cache->idle.head) != NULL;) {
    tw_prefix_node *node = first->data, *parent = node->parent;
    gint64 n = kept_ids(cache, node, MAX(cache->idle_blocks - free_blocks, 0));
    if (n < node->n)
      evict_ids(cache, node, n);
    if (n > 0)
      break;
    g_queue_unlink(&cache->idle, first);
    if (*newest_below(cache, parent) == node)
      *newest_below(cache, parent) = NULL;
    if (parent != NULL)
      parent->children--;
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
    g_assert(node->n > 0 && node->depth == tw_prefix_depth(node->parent) + node->n);
    g_assert(node->end_blocks == blocks_of(cache, node->depth, node->hash_tokens));
    g_assert(node->parent == NULL || (node->parent->holders >= node->holders && node->parent->children > 0));
    holders += node->holders * node->n;
    idle += node->holders == 0;
    *(node->holders == 0 ? &idle_blocks : &used_blocks) += own_blocks(node);
  }
  g_assert(holders == held);
  g_assert(idle == cache->idle.length && idle_blocks == cache->idle_blocks);
  return used_blocks;
}
