/* Nodes of the prefix cache: runs of tokens, and copies of their blocks. For prefix_cache.c alone. */
#ifndef TW_SIM_PREFIX_NODE_H
#define TW_SIM_PREFIX_NODE_H

#include "sim/kv/prefix_cache.h"

typedef struct tw_prefix_group tw_prefix_group;

/* The members that a search needs come first, in one line of the processor's cache. */
struct tw_prefix_node {
  tw_prefix_node *parent;
  guint64 first; /* id of its first token; where hash_tokens is 0, the owner */
  gint32 hash_tokens, children;
  gint64 end; /* tokens from the first one of the prompt to its last */
  gint64 holders;
  /* The newest child, and in most cases the only one; NULL: there is none, or it was evicted. */
  tw_prefix_node *newest;
  guint64 *ids;    /* room for ids_max */
  guint64 *chains; /* Chains of the ids up to each, for the tier below; NULL without one. */
  gint64 ids_max;
  gboolean listed; /* among cache->nodes */
  gint64 loose;    /* blocks without contents before it in the queue */
  double let_go_s; /* for the tier below, too */
  guint64 access;  /* The last look-up or insertion of a radix cache that passed the node, */
  /* Whether it was inserted together with the end of its parent, as tokens without ids. */
  gboolean goes_on;
  tw_prefix_group *group; /* its group in the map, NULL: none; */
  guint group_at;         /* its place in that group */
  GList link;             /* among the idle */
  GQueue copies;          /* Copies of the node, which are not found: the oldest first. */
  gint64 copies_held;
  tw_prefix_node *of; /* The node that this one is a copy of; NULL: it is found itself. */
  GList copy_link;    /* among the copies of that */
  GList all_link;     /* among all nodes and copies of the cache */
};

/* The key of cache->nodes. */
guint tw_prefix_node_hash(gconstpointer key);
gboolean tw_prefix_node_equal(gconstpointer a, gconstpointer b);

static inline gint64 tw_ceil_div(gint64 a, gint64 b)
{
  return (a + b - 1) / b;
}

static inline gboolean tw_prefix_node_idle(const tw_prefix_node *node)
{
  return node->holders == 0;
}

static inline gint64 tw_prefix_node_start(const tw_prefix_node *node)
{
  return tw_prefix_tokens(node->of != NULL ? node->of->parent : node->parent);
}

static inline gint64 tw_prefix_node_blocks(const tw_prefix_cache *cache, const tw_prefix_node *node)
{
  return node->end / cache->block_tokens - tw_prefix_node_start(node) / cache->block_tokens;
}

/* A node's ids are those of the prompt from the one that its first token has to the one that its last has:
 * their numbers. */
static inline gint64 tw_prefix_node_first_id(const tw_prefix_node *node)
{
  return tw_prefix_tokens(node->parent) / node->hash_tokens;
}

static inline gint64 tw_prefix_node_end_id(const tw_prefix_node *node)
{
  return tw_ceil_div(node->end, node->hash_tokens);
}

/* The chain of ids goes on. */
guint64 tw_prefix_chain(guint64 chain, guint64 id, gint64 hash_tokens);

/* The child of a node (NULL: the beginning) behind its last token, or NULL. */
tw_prefix_node *tw_prefix_node_child(const tw_prefix_cache *cache, tw_prefix_node *parent, guint64 first,
                                     gint32 hash_tokens);
/* A new one, for a sequence that alone holds it; as yet without tokens. Where `hash_tokens` is 0, it is not
 * found before it is listed. */
tw_prefix_node *tw_prefix_node_new(tw_prefix_cache *cache, tw_prefix_node *parent, guint64 first,
                                   gint32 hash_tokens);
void tw_prefix_node_list(tw_prefix_cache *cache, tw_prefix_node *node);
/* Forgets a node or copy that is not in the queue, and behind which nothing is. */
void tw_prefix_node_discard(tw_prefix_node *node);
/* Frees a node together with the whole cache. */
void tw_prefix_node_free(tw_prefix_cache *cache, tw_prefix_node *node);

/* Lengthens a node by a prompt's next tokens, up to `end`. */
void tw_prefix_node_append(tw_prefix_cache *cache, tw_prefix_node *node, const tw_request *request,
                           gint64 end);
/* Makes the beginning of a node up to `end` one by itself, which is returned. The node is what is left of it:
 * whoever held it goes on holding all of it, and what is idle keeps its place. The same for its copies. */
tw_prefix_node *tw_prefix_node_split(tw_prefix_cache *cache, tw_prefix_node *node, gint64 end);

/* A copy of a node, which `owner` holds. */
tw_prefix_node *tw_prefix_node_copy(tw_prefix_cache *cache, tw_prefix_node *node, guint64 owner);
/* The copy of a node that a sequence holds, or NULL: it holds the node itself. */
tw_prefix_node *tw_prefix_node_copy_of(const tw_prefix_node *node, guint64 owner);

#endif
