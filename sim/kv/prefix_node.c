#include "sim/kv/prefix_node.h"

#include "sim/kv/prefix_map.h"
#include "workloads/draw/chance.h"

guint tw_prefix_node_hash(gconstpointer key)
{
  const tw_prefix_node *node = key;
  guint64 mixed =
      (node->first ^ (guint64)GPOINTER_TO_SIZE(node->parent)) * G_GUINT64_CONSTANT(0x9e3779b97f4a7c15);
  return (guint)(mixed >> 32);
}

gboolean tw_prefix_node_equal(gconstpointer a, gconstpointer b)
{
  const tw_prefix_node *x = a, *y = b;
  return x->parent == y->parent && x->first == y->first && x->hash_tokens == y->hash_tokens;
}

/* Mixes the chain so far with an id. */
guint64 tw_prefix_chain(guint64 chain, guint64 id, gint64 hash_tokens)
{
  return tw_mix((chain ^ id) * TW_MIX_STEP + (guint64)hash_tokens);
}

static tw_prefix_node **newest_below(tw_prefix_cache *cache, tw_prefix_node *parent)
{
  return parent != NULL ? &parent->newest : &cache->newest;
}

void tw_prefix_node_list(tw_prefix_cache *cache, tw_prefix_node *node)
{
  node->listed = TRUE;
  g_hash_table_add(cache->nodes, node);
}

static void unlist(tw_prefix_cache *cache, tw_prefix_node *node)
{
  if (node->listed)
    g_hash_table_remove(cache->nodes, node);
  node->listed = FALSE;
}

/* Most have one child: that saves a look-up. */
tw_prefix_node *tw_prefix_node_child(const tw_prefix_cache *cache, tw_prefix_node *parent, guint64 first,
                                     gint32 hash_tokens)
{
  tw_prefix_node *newest = parent != NULL ? parent->newest : cache->newest;
  tw_prefix_node key = {.parent = parent, .first = first, .hash_tokens = hash_tokens};
  if (newest != NULL && tw_prefix_node_equal(newest, &key))
    return newest;
  gboolean others = parent == NULL || parent->children > (newest != NULL);
  return others ? g_hash_table_lookup(cache->nodes, &key) : NULL;
}

static void enroll(tw_prefix_cache *cache, tw_prefix_node *node)
{
  node->link = node->copy_link = node->all_link = (GList){.data = node};
  g_queue_push_tail_link(&cache->all, &node->all_link);
}

void tw_prefix_node_discard(tw_prefix_node *node)
{
  g_free(node->ids);
  g_free(node->chains);
  g_slice_free(tw_prefix_node, node);
}

void tw_prefix_node_free(tw_prefix_cache *cache, tw_prefix_node *node)
{
  tw_prefix_node *parent = node->parent;
  if (node->of != NULL) {
    g_queue_unlink(&node->of->copies, &node->copy_link);
  } else {
    g_assert(node->children == 0 && node->copies.length == 0);
    if (*newest_below(cache, parent) == node)
      *newest_below(cache, parent) = NULL;
    if (parent != NULL)
      parent->children--;
    unlist(cache, node);
    tw_prefix_map_leave(cache, node);
  }
  g_queue_unlink(&cache->all, &node->all_link);
  tw_prefix_node_discard(node);
}

tw_prefix_node *tw_prefix_node_new(tw_prefix_cache *cache, tw_prefix_node *parent, guint64 first,
                                   gint32 hash_tokens)
{
  tw_prefix_node *child = g_slice_new(tw_prefix_node);
  *child = (tw_prefix_node){.parent = parent,
                            .first = first,
                            .hash_tokens = hash_tokens,
                            .end = tw_prefix_tokens(parent),
                            .holders = 1};
  enroll(cache, child);
  if (hash_tokens > 0) {
    tw_prefix_node_list(cache, child);
    *newest_below(cache, parent) = child;
  }
  if (parent != NULL)
    parent->children++;
  return child;
}

void tw_prefix_node_append(tw_prefix_cache *cache, tw_prefix_node *node, const tw_request *request,
                           gint64 end)
{
  gint64 start = tw_prefix_node_first_id(node),
         from = node->end > tw_prefix_tokens(node->parent) ? tw_prefix_node_end_id(node) : start;
  gint64 n = tw_ceil_div(end, node->hash_tokens) - start;
  if (n > node->ids_max) {
    node->ids_max = node->ids_max == 0 ? n : n * 3 / 2;
    node->ids = g_renew(guint64, node->ids, (gsize)node->ids_max);
    if (cache->spilled != NULL)
      node->chains = g_renew(guint64, node->chains, (gsize)node->ids_max);
  }
  for (gint64 i = from; i < start + n; i++)
    node->ids[i - start] = request->hashes[i];
  for (gint64 i = from; i < start + n && cache->spilled != NULL; i++) {
    const tw_prefix_node *before = i > start ? node : node->parent;
    guint64 chain = before != NULL ? before->chains[i - 1 - tw_prefix_node_first_id(before)] : cache->seed;
    node->chains[i - start] = tw_prefix_chain(chain, request->hashes[i], node->hash_tokens);
    cache->added(cache->user, node->chains[i - start]);
  }
  node->end = end;
  tw_prefix_map_end(node);
}

tw_prefix_node *tw_prefix_node_copy(tw_prefix_cache *cache, tw_prefix_node *node, guint64 owner)
{
  tw_prefix_node *copy = g_slice_new(tw_prefix_node);
  *copy = (tw_prefix_node){
      .of = node, .first = owner, .hash_tokens = node->hash_tokens, .end = node->end, .holders = 1};
  enroll(cache, copy);
  g_queue_push_tail_link(&node->copies, &copy->copy_link);
  node->copies_held++;
  return copy;
}

tw_prefix_node *tw_prefix_node_copy_of(const tw_prefix_node *node, guint64 owner)
{
  gint64 held = node->copies_held;
  for (GList *link = node->copies.tail; held > 0; link = link->prev) {
    tw_prefix_node *copy = link->data;
    held -= copy->holders;
    if (copy->holders > 0 && copy->first == owner)
      return copy;
  }
  return NULL;
}

/* Makes the copies of `node` those of its beginning `head`, too. */
static void split_copies(tw_prefix_cache *cache, tw_prefix_node *node, tw_prefix_node *head)
{
  for (GList *link = node->copies.head, *next; link != NULL; link = next) {
    tw_prefix_node *copy = link->data;
    next = link->next;
    if (copy->end > head->end) {
      tw_prefix_node *beginning = tw_prefix_node_copy(cache, head, copy->first);
      beginning->let_go_s = copy->let_go_s;
      if (tw_prefix_node_idle(copy)) {
        beginning->holders = 0;
        head->copies_held--;
        g_queue_insert_after_link(&cache->idle, &copy->link, &beginning->link);
      }
    } else {
      g_queue_unlink(&node->copies, link);
      node->copies_held -= copy->holders;
      g_queue_push_tail_link(&head->copies, link);
      head->copies_held += copy->holders;
      copy->of = head;
    }
  }
}

tw_prefix_node *tw_prefix_node_split(tw_prefix_cache *cache, tw_prefix_node *node, gint64 end)
{
  if (end == node->end)
    return node;
  tw_prefix_node *head = g_slice_new(tw_prefix_node);
  gint64 hash_tokens = node->hash_tokens, start = hash_tokens > 0 ? tw_prefix_node_first_id(node) : 0;
  gboolean listed = node->listed;
  unlist(cache, node);
  *head = *node;
  head->end = end;
  head->children = 1;
  head->newest = hash_tokens > 0 ? node : NULL;
  enroll(cache, head);
  head->loose = 0;
  head->copies_held = 0;
  g_queue_init(&head->copies);
  if (hash_tokens > 0) {
    gint64 n = tw_prefix_node_end_id(node) - start, kept = tw_ceil_div(end, hash_tokens) - start,
           gone = end / hash_tokens - start;
    head->ids = g_memdup2(node->ids, (gsize)kept * sizeof *node->ids);
    head->chains = node->chains != NULL ? g_memdup2(node->chains, (gsize)kept * sizeof *node->chains) : NULL;
    head->ids_max = kept;
    tw_prefix_map_split(cache, node, head, gone);
    memmove(node->ids, &node->ids[gone], (gsize)(n - gone) * sizeof *node->ids);
    if (node->chains != NULL)
      memmove(node->chains, &node->chains[gone], (gsize)(n - gone) * sizeof *node->chains);
    node->first = node->ids[0];
  }
  if (tw_prefix_node_idle(node))
    g_queue_insert_after_link(&cache->idle, &node->link, &head->link);
  node->parent = head;
  node->goes_on = FALSE;
  if (listed) {
    tw_prefix_node_list(cache, head);
    tw_prefix_node_list(cache, node);
  }
  if (*newest_below(cache, head->parent) == node)
    *newest_below(cache, head->parent) = head;
  split_copies(cache, node, head);
  return head;
}
