#include "sim/kv/prefix_map.h"
#include "sim/kv/prefix_node.h"

void tw_prefix_cache_init(tw_prefix_cache *cache, gint64 block_tokens, gint64 blocks)
{
  *cache = (tw_prefix_cache){.nodes = g_hash_table_new(tw_prefix_node_hash, tw_prefix_node_equal),
                             .all = G_QUEUE_INIT,
                             .idle = G_QUEUE_INIT,
                             .block_tokens = block_tokens,
                             .loose_blocks = blocks,
                             .loose_last = blocks};
}

gint64 tw_prefix_tokens(const tw_prefix_node *node)
{
  return node != NULL ? node->end : 0;
}

gint64 tw_prefix_blocks(const tw_prefix_cache *cache, const tw_prefix_node *node)
{
  return tw_prefix_tokens(node) / cache->block_tokens;
}

/* ---- Ids ---- */

/* KV blocks that the id at `depth` (from 1) completes. */
static gint64 piece_blocks(const tw_prefix_cache *cache, gint64 depth, gint64 hash_tokens)
{
  return depth * hash_tokens / cache->block_tokens - (depth - 1) * hash_tokens / cache->block_tokens;
}

static tw_prefix_piece piece_at(const tw_prefix_cache *cache, const tw_prefix_node *node, gint64 depth)
{
  return (tw_prefix_piece){node->chains[depth - 1 - tw_prefix_node_first_id(node)], depth,
                           piece_blocks(cache, depth, node->hash_tokens)};
}

tw_prefix_piece tw_prefix_piece_of(const tw_prefix_cache *cache, const tw_prefix_hit *hit)
{
  const tw_prefix_node *node = hit->node;
  while (node != NULL && node->hash_tokens == 0)
    node = node->parent;
  if (node == NULL)
    return (tw_prefix_piece){.chain = cache->seed};
  return piece_at(cache, node, tw_ceil_div(MIN(hit->tokens, node->end), node->hash_tokens));
}

/* Tokens of prompt and output that ids stand for. */
static gint64 named_tokens(const tw_request *request)
{
  gint64 known = MAX(request->prompt_tokens, request->context_tokens);
  return MIN((gint64)request->n_hashes * request->hash_tokens, known);
}

/* Returns how many of the first `tokens` tokens have ids that can be found: in whole blocks, or, with a tier below,
 * in whole ids that own a block or lead to one. */
static gint64 findable(const tw_prefix_cache *cache, const tw_request *request, gint64 tokens)
{
  gint64 named = MIN(tokens, named_tokens(request)), block = cache->block_tokens;
  if (cache->spilled == NULL || request->n_hashes == 0)
    return named / block * block;
  gint64 whole = named / request->hash_tokens * request->hash_tokens / block * block;
  return tw_ceil_div(whole, request->hash_tokens) * request->hash_tokens;
}

gboolean tw_prefix_piece_next(const tw_prefix_cache *cache, const tw_request *request, gint64 tokens,
                              tw_prefix_piece *piece)
{
  gint64 of_id = request->hash_tokens, depth = piece->depth;
  if (depth >= request->n_hashes || (depth + 1) * of_id > MIN(tokens, named_tokens(request)))
    return FALSE;
  piece->chain = tw_prefix_chain(piece->chain, request->hashes[depth], of_id);
  piece->depth = depth + 1;
  piece->blocks = piece_blocks(cache, depth + 1, of_id);
  return TRUE;
}

/* ---- The queue ---- */

static gint64 *first_loose(tw_prefix_cache *cache)
{
  tw_prefix_node *first = g_queue_peek_head(&cache->idle);
  return first != NULL ? &first->loose : &cache->loose_last;
}

/* In a radix cache, a node takes its place by its last access, and what is loose stays first. */
static void insert_by_access(tw_prefix_cache *cache, tw_prefix_node *node)
{
  gint64 loose = *first_loose(cache);
  GList *before = cache->idle.tail;
  while (before != NULL && ((tw_prefix_node *)before->data)->access > node->access)
    before = before->prev;
  *first_loose(cache) = 0;
  g_queue_insert_after_link(&cache->idle, before, &node->link);
  *first_loose(cache) = loose;
}

static void push_idle(tw_prefix_cache *cache, tw_prefix_node *node)
{
  node->let_go_s = cache->now_s;
  cache->idle_blocks += tw_prefix_node_blocks(cache, node);
  if (cache->radix) {
    insert_by_access(cache, node);
    return;
  }
  node->loose = cache->loose_last;
  cache->loose_last = 0;
  g_queue_push_tail_link(&cache->idle, &node->link);
}

/* The loose blocks before a node go before what follows. */
static void unlink_idle(tw_prefix_cache *cache, tw_prefix_node *node)
{
  GList *next = node->link.next;
  *(next != NULL ? &((tw_prefix_node *)next->data)->loose : &cache->loose_last) += node->loose;
  node->loose = 0;
  cache->idle_blocks -= tw_prefix_node_blocks(cache, node);
  g_queue_unlink(&cache->idle, &node->link);
}

void tw_prefix_cache_free(tw_prefix_cache *cache, gint64 blocks)
{
  cache->loose_blocks += blocks;
  *(cache->radix ? first_loose(cache) : &cache->loose_last) += blocks;
}

/* A look-up or an insertion has come by a node and all above it. */
static void note_access(tw_prefix_cache *cache, tw_prefix_node *node)
{
  cache->accesses++;
  for (; node != NULL; node = node->parent)
    node->access = cache->accesses;
}

void tw_prefix_cache_touch(tw_prefix_cache *cache, tw_prefix_hit *hit)
{
  if (hit->node == NULL)
    return;
  hit->node = tw_prefix_node_split(cache, hit->node, hit->end);
  note_access(cache, hit->node);
  for (tw_prefix_node *node = hit->node; node != NULL && tw_prefix_node_idle(node); node = node->parent) {
    unlink_idle(cache, node);
    push_idle(cache, node);
  }
}

/* ---- Finding ---- */

static tw_prefix_node *named_child(const tw_prefix_cache *cache, const tw_request *request,
                                   tw_prefix_node *parent)
{
  return tw_prefix_node_child(cache, parent, request->hashes[tw_prefix_tokens(parent) / request->hash_tokens],
                              request->hash_tokens);
}

/* Up to which token, at most `most`, a node lies on the prompt's way. Its first id does. */
static gint64 shared_end(const tw_prefix_node *node, const tw_request *request, gint64 most)
{
  gint64 end = MIN(node->end, most), start = tw_prefix_node_first_id(node);
  gint64 n = 1, ids = tw_ceil_div(end, node->hash_tokens) - start;
  const guint64 *theirs = &request->hashes[start];
  while (n < ids && node->ids[n] == theirs[n])
    n++;
  return MIN(end, (start + n) * node->hash_tokens);
}

/* Goes on down a child, to `end`. */
static void enter(const tw_prefix_cache *cache, tw_prefix_hit *hit, tw_prefix_node *child, gint64 end)
{
  gint64 blocks = end / cache->block_tokens;
  if (tw_prefix_node_idle(child))
    hit->idle_blocks += blocks - hit->tokens / cache->block_tokens;
  hit->node = child;
  hit->end = end;
  hit->tokens = blocks * cache->block_tokens;
}

/* Finds what the cache holds of a request. Tokens without ids are found where they are those of `owner`;
 * NULL: nobody's. */
static tw_prefix_hit find(const tw_prefix_cache *cache, const tw_request *request, gint64 tokens,
                          const guint64 *owner)
{
  tw_prefix_hit at = {0}, hit = {0};
  gint64 most = findable(cache, request, tokens - 1), named = findable(cache, request, G_MAXINT64);
  while (at.end < most && at.end == tw_prefix_tokens(at.node)) {
    tw_prefix_node *child = named_child(cache, request, at.node);
    if (child == NULL)
      break;
    enter(cache, &at, child, shared_end(child, request, most));
    if (at.tokens > hit.tokens) /* a node is of no use where it owns no block */
      hit = at;
  }
  gint64 last = (tokens - 1) / cache->block_tokens * cache->block_tokens;
  while (owner != NULL && at.end >= named && at.end < last && at.end == tw_prefix_tokens(at.node)) {
    tw_prefix_node *child = tw_prefix_node_child(cache, at.node, *owner, 0);
    if (child == NULL)
      break;
    enter(cache, &at, child, MIN(child->end, last));
    hit = at;
  }
  if (cache->spilled == NULL)
    hit.end = hit.tokens;
  return hit;
}

tw_prefix_hit tw_prefix_cache_find(const tw_prefix_cache *cache, const tw_request *request)
{
  return request->n_hashes > 0 ? find(cache, request, request->prompt_tokens, NULL) : (tw_prefix_hit){0};
}

tw_prefix_hit tw_prefix_cache_find_own(const tw_prefix_cache *cache, const tw_request *request, guint64 owner,
                                       gint64 tokens)
{
  return find(cache, request, tokens, &owner);
}

/* ---- Holding ---- */

/* One sequence more holds the node itself. */
static void hold_one(tw_prefix_cache *cache, tw_prefix_node *node)
{
  if (tw_prefix_node_idle(node))
    unlink_idle(cache, node);
  node->holders++;
}

tw_prefix_node *tw_prefix_cache_hold(tw_prefix_cache *cache, const tw_prefix_hit *hit)
{
  if (hit->node == NULL)
    return NULL;
  tw_prefix_node *last = tw_prefix_node_split(cache, hit->node, hit->end);
  if (cache->radix)
    note_access(cache, last);
  for (tw_prefix_node *node = last; node != NULL; node = node->parent)
    hold_one(cache, node);
  return last;
}

gint64 tw_prefix_cache_release(tw_prefix_cache *cache, tw_prefix_node *node, guint64 owner)
{
  gint64 before = cache->idle_blocks;
  for (; node != NULL; node = node->parent) {
    tw_prefix_node *copy = tw_prefix_node_copy_of(node, owner), *held = copy != NULL ? copy : node;
    node->copies_held -= copy != NULL;
    if (--held->holders == 0)
      push_idle(cache, held);
  }
  return cache->idle_blocks - before;
}

void tw_prefix_cache_remember(tw_prefix_cache *cache, tw_prefix_node *node)
{
  for (; node != NULL && node->hash_tokens == 0; node = node->parent)
    if (!node->listed)
      tw_prefix_node_list(cache, node);
}

/* Whether the sequence that holds a node alone may lengthen it: nobody else has it, or another copy of it. */
static gboolean may_grow(const tw_prefix_cache *cache, const tw_prefix_node *node, gint32 hash_tokens)
{
  return !cache->radix && node != NULL && node->hash_tokens == hash_tokens && node->holders == 1 &&
         node->children == 0 && node->copies.length == 0;
}

/* The sequence has computed what a node holds, up to `end`: a second copy, if that is any block. */
static tw_prefix_node *hold_copy(tw_prefix_cache *cache, tw_prefix_node *node, gint64 end, guint64 owner,
                                 gint64 *used)
{
  node = tw_prefix_node_split(cache, node, end);
  gint64 blocks = tw_prefix_node_blocks(cache, node);
  if (cache->radix) {
    *used -= tw_prefix_node_idle(node) ? 0 : blocks;
    hold_one(cache, node);
    tw_prefix_cache_free(cache, blocks);
  } else if (blocks == 0)
    hold_one(cache, node);
  else
    tw_prefix_node_copy(cache, node, owner);
  return node;
}

tw_prefix_node *tw_prefix_cache_add(tw_prefix_cache *cache, const tw_request *request, guint64 owner,
                                    tw_prefix_node *node, gint64 tokens, gint64 *used)
{
  gint64 named = findable(cache, request, tokens), last = tokens / cache->block_tokens * cache->block_tokens;
  gboolean goes_on = FALSE;
  while (tw_prefix_tokens(node) < named) {
    tw_prefix_node *child = named_child(cache, request, node);
    if (child != NULL) {
      node = hold_copy(cache, child, shared_end(child, request, named), owner, used);
      continue;
    }
    if (!may_grow(cache, node, request->hash_tokens)) {
      node = tw_prefix_node_new(cache, node, request->hashes[tw_prefix_tokens(node) / request->hash_tokens],
                                request->hash_tokens);
      tw_prefix_map_enter(cache, node, request);
    }
    goes_on = cache->radix;
    tw_prefix_node_append(cache, node, request, named);
  }
  /* Tokens without ids come behind all that have some. */
  while (named == findable(cache, request, G_MAXINT64) && tw_prefix_tokens(node) < last) {
    tw_prefix_node *child = tw_prefix_node_child(cache, node, owner, 0);
    if (child != NULL) {
      node = hold_copy(cache, child, MIN(child->end, last), owner, used);
      continue;
    }
    if (!may_grow(cache, node, 0) || node->first != owner)
      node = tw_prefix_node_new(cache, node, owner, 0);
    node->end = last;
    node->goes_on = goes_on;
  }
  if (cache->radix)
    note_access(cache, node);
  return node;
}

/* ---- Evicting ---- */

/* Tells the tier below which whole ids of a node go from `end` on. */
static void spill(tw_prefix_cache *cache, const tw_prefix_node *node, gint64 end)
{
  if (cache->spilled == NULL || node->hash_tokens == 0 || node->of != NULL)
    return;
  for (gint64 depth = tw_prefix_node_end_id(node);
       depth > MAX(end / node->hash_tokens, tw_prefix_node_first_id(node)); depth--) {
    tw_prefix_piece piece = piece_at(cache, node, depth);
    cache->spilled(cache->user, &piece, node->let_go_s);
  }
}

/* The blocks of an idle node are used, and its oldest copy takes its place. */
static void replace(tw_prefix_cache *cache, tw_prefix_node *node)
{
  tw_prefix_node *copy = node->copies.head->data;
  unlink_idle(cache, node);
  node->holders = copy->holders;
  node->copies_held -= copy->holders;
  if (tw_prefix_node_idle(copy)) {
    node->let_go_s = copy->let_go_s;
    node->loose = copy->loose;
    g_queue_insert_before_link(&cache->idle, &copy->link, &node->link);
    g_queue_unlink(&cache->idle, &copy->link);
  }
  tw_prefix_node_free(cache, copy);
}

/* Returns where an idle node ends once `blocks` of its blocks are used: they go from its end. */
static gint64 end_without(const tw_prefix_cache *cache, const tw_prefix_node *node, gint64 blocks)
{
  gint64 end = (node->end / cache->block_tokens - blocks) * cache->block_tokens;
  if (cache->spilled != NULL && node->hash_tokens > 0) {
    /* Whole ids go, until they free as much: one may own no block, or lead to none. */
    gint64 most = (end + cache->block_tokens - 1) / node->hash_tokens * node->hash_tokens;
    end =
        tw_ceil_div(most / cache->block_tokens * cache->block_tokens, node->hash_tokens) * node->hash_tokens;
  }
  return end / cache->block_tokens > tw_prefix_node_start(node) / cache->block_tokens
             ? end
             : tw_prefix_node_start(node);
}

/* Returns where the longest copy of a node ends that does not reach to its end. */
static gint64 shorter_copy(const tw_prefix_node *node)
{
  gint64 end = 0;
  for (GList *link = node->copies.head; link != NULL; link = link->next) {
    const tw_prefix_node *copy = link->data;
    end = copy->end < node->end ? MAX(end, copy->end) : end;
  }
  return end;
}

/* Uses blocks of the first idle node: as many as are wanted, fewer where a copy of it ends before, or more
 * where whole ids go. */
static void evict_from(tw_prefix_cache *cache, tw_prefix_node *node, gint64 wanted)
{
  gint64 before = tw_prefix_node_blocks(cache, node), start = tw_prefix_node_start(node);
  gint64 end = cache->radix ? start : end_without(cache, node, MIN(wanted, before));
  if (node->copies.length > 0) {
    end = MAX(end, shorter_copy(node));
    if (end > start)
      tw_prefix_node_split(cache, node, end);
    end = start;
  }
  if (node->copies.length > 0) {
    replace(cache, node);
    return;
  }
  spill(cache, node, end);
  if (end <= start) {
    tw_prefix_node *parent = node->goes_on ? node->parent : NULL;
    gboolean both = parent != NULL && parent->children == 1 && parent->access == node->access;
    unlink_idle(cache, node);
    tw_prefix_node_free(cache, node);
    if (both)
      evict_from(cache, parent, wanted);
  } else {
    node->end = end;
    tw_prefix_map_end(node);
    cache->idle_blocks -= before - tw_prefix_node_blocks(cache, node);
  }
}

void tw_prefix_cache_evict(tw_prefix_cache *cache, gint64 free_blocks)
{
  for (gint64 wanted; (wanted = cache->idle_blocks + cache->loose_blocks - free_blocks) > 0;) {
    tw_prefix_node *node = g_queue_peek_head(&cache->idle);
    gint64 *loose = first_loose(cache), taken = MIN(wanted, *loose);
    *loose -= taken;
    cache->loose_blocks -= taken;
    if (wanted <= taken || node == NULL)
      return;
    gint64 before = cache->idle_blocks;
    evict_from(cache, node, wanted - taken);
    /* Whole ids may be more than is wanted: the rest comes next. */
    gint64 spare = before - cache->idle_blocks - (wanted - taken);
    if (spare > 0) {
      *first_loose(cache) += spare;
      cache->loose_blocks += spare;
      return;
    }
  }
}

gint64 tw_prefix_cache_loose(const tw_prefix_cache *cache)
{
  return *first_loose((tw_prefix_cache *)cache);
}

void tw_prefix_cache_empty(tw_prefix_cache *cache, gint64 blocks)
{
  gint64 more = MIN(blocks - cache->loose_blocks, cache->idle_blocks);
  if (more <= 0)
    return;
  gint64 all = cache->idle_blocks + cache->loose_blocks;
  tw_prefix_cache_evict(cache, all - cache->loose_blocks - more);
  tw_prefix_cache_free(cache, all - cache->idle_blocks - cache->loose_blocks);
}

void tw_prefix_cache_forget(tw_prefix_cache *cache)
{
  gint64 blocks = cache->idle_blocks + cache->loose_blocks;
  tw_prefix_cache_evict(cache, 0);
  tw_prefix_cache_free(cache, blocks);
}

void tw_prefix_cache_clear(tw_prefix_cache *cache)
{
  g_clear_pointer(&cache->nodes, g_hash_table_unref);
  for (GList *link; (link = g_queue_pop_head_link(&cache->all)) != NULL;) {
    tw_prefix_map_leave(cache, link->data);
    tw_prefix_node_discard(link->data);
  }
}

gint64 tw_prefix_cache_audit(const tw_prefix_cache *cache, gint64 held)
{
  gint64 holds = 0, used_blocks = 0, idle_blocks = 0, loose_blocks = cache->loose_last;
  guint idle = 0;
  for (GList *link = cache->all.head; link != NULL; link = link->next) {
    const tw_prefix_node *node = link->data;
    const tw_prefix_node *parent = node->of != NULL ? node->of->parent : node->parent;
    gint64 n = node->end - tw_prefix_node_start(node), blocks = tw_prefix_node_blocks(cache, node),
           copies = 0;
    g_assert(n > 0 && (node->of == NULL || node->end <= node->of->end));
    g_assert(parent == NULL || parent->children > 0);
    for (GList *c = node->copies.head; c != NULL; c = c->next)
      copies += ((tw_prefix_node *)c->data)->holders;
    g_assert(copies == node->copies_held);
    holds += node->holders * n;
    idle += tw_prefix_node_idle(node) ? 1 : 0;
    *(tw_prefix_node_idle(node) ? &idle_blocks : &used_blocks) += blocks;
    loose_blocks += node->loose;
    g_assert(node->loose == 0 || tw_prefix_node_idle(node));
  }
  g_assert(holds == held);
  g_assert(idle == cache->idle.length && idle_blocks == cache->idle_blocks);
  g_assert(loose_blocks == cache->loose_blocks);
  return used_blocks;
}
