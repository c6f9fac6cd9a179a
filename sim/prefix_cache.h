/* The prefix cache of one rank: which leading blocks of prompts its KV cache still holds.
 *
 * A prompt names its blocks by hash ids, one for every `hash_tokens` tokens. Prompts that begin with equal
 * ids share the KV blocks of these:
 *
 *     [7]──[8]──[9]           prompts 7 8 9, 7 8 4 and 7 5: a tree of nodes, one for each leading list of
 * ids. \    └──[4]           A node owns the KV blocks that its tokens complete, and counts the sequences
 *        └─[5]                that hold it; whoever holds a node holds all above it.
 *
 * Nodes that nobody holds are idle. They stay, in the order in which they were let go, later blocks of a
 * prompt before earlier ones, and are evicted in that order when their KV blocks are wanted: idle blocks
 * count as free. So nothing but evict() needs to know how many blocks there are.
 *
 * A block that two sequences compute at once is kept once, as soon as the second has computed it. */
#ifndef TW_SIM_PREFIX_CACHE_H
#define TW_SIM_PREFIX_CACHE_H

#include "workloads/request.h"

typedef struct tw_prefix_node tw_prefix_node;

/* A node by itself: what a hash id of a prompt stands for, wherever its blocks are. */
typedef struct tw_prefix_piece {
  guint64 chain; /* of the ids up to it: equal for equal prefixes, in every cache of the same seed */
  gint64 depth;  /* how many these are */
  gint64 blocks; /* KV blocks that it completes */
} tw_prefix_piece;

typedef struct tw_prefix_cache {
  GHashTable *nodes;      /* by parent, id and hash_tokens */
  GQueue idle;            /* nodes that nobody holds, the next one to evict first */
  tw_prefix_node *newest; /* first block of a prompt, where most prompts begin alike; NULL: evicted */
  gint64 idle_blocks;
  gint64 block_tokens; /* of a KV block */

  /* Where evicted nodes go, with the instant at which they were let go; NULL: nowhere. */
  void (*spilled)(void *user, const tw_prefix_piece *piece, double let_go_s);
  void (*added)(void *user, guint64 chain); /* told of each new node, if `spilled` is set */
  void *user;
  guint64 seed;
  double now_s; /* kept up to date by the owner if `spilled` is set */
} tw_prefix_cache;

void tw_prefix_cache_init(tw_prefix_cache *cache, gint64 block_tokens);
void tw_prefix_cache_clear(tw_prefix_cache *cache);

/* What the cache holds of a prompt. */
typedef struct tw_prefix_hit {
  tw_prefix_node *node; /* the last one, NULL if there is none */
  gint64 tokens;        /* that need not be computed: whole hash blocks, in whole KV blocks */
  gint64 idle_blocks;   /* of them, blocks that nobody holds now */
} tw_prefix_hit;

/* The longest cached prefix, of at most prompt - 1 tokens: the last token is always computed. */
tw_prefix_hit tw_prefix_cache_find(const tw_prefix_cache *cache, const tw_request *request);

/* Holds a node and all above it for a sequence. Returns the KV blocks that nobody held before. */
gint64 tw_prefix_cache_hold(tw_prefix_cache *cache, tw_prefix_node *node);
/* Lets go of it: the node may be evicted from now on. Returns the KV blocks that nobody holds any more. */
gint64 tw_prefix_cache_release(tw_prefix_cache *cache, tw_prefix_node *node);

/* A sequence that holds `node` (NULL: none) has computed `tokens` tokens of its prompt and output: adds the
 * nodes that these complete, and holds them. Returns the last node that it now holds, NULL if it holds none,
 * and lowers `used_blocks` by the blocks that turned out to be there already and in use. */
tw_prefix_node *tw_prefix_cache_add(tw_prefix_cache *cache, const tw_request *request, tw_prefix_node *node,
                                    gint64 tokens, gint64 *used_blocks);

/* Evicts idle nodes until they take no more than `free_blocks`. */
void tw_prefix_cache_evict(tw_prefix_cache *cache, gint64 free_blocks);

/* The piece of a node; NULL: that of depth 0, before the first. Only where `spilled` is set. */
tw_prefix_piece tw_prefix_piece_of(const tw_prefix_cache *cache, const tw_prefix_node *node);
/* Goes on to the prompt's next piece. FALSE if there is none, or if it holds the prompt's last token. */
gboolean tw_prefix_piece_next(const tw_prefix_cache *cache, const tw_request *request,
                              tw_prefix_piece *piece);

/* KV blocks that a node and all above it own; 0 for NULL. And how many nodes these are. */
gint64 tw_prefix_blocks(const tw_prefix_node *node);
gint64 tw_prefix_depth(const tw_prefix_node *node);

/* For audits: asserts that the tree is sound and that `held` sequences times nodes are held. Returns the KV
 * blocks that are in use. */
gint64 tw_prefix_cache_audit(const tw_prefix_cache *cache, gint64 held);

#endif
