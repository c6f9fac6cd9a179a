/* The prefix cache of one rank: which leading blocks of prompts its KV cache still holds.
 *
 * A prompt names its blocks by hash ids, one for every `hash_tokens` tokens. Prompts that begin with equal
 * ids share the KV blocks of these. The ids that are there form a radix tree (as in SGLang's RadixAttention,
 * Zheng et al., arXiv:2312.07104): a node is a run of ids that no other prompt has left half-way,
 *
 *     [7 8]──[9 3 5]          prompts 7 8 9 3 5, 7 8 4 and 6. A node owns the KV blocks that the tokens of
 *         └──[4]              its ids complete, and counts the sequences that hold it; whoever holds a
 *     [6]                     node holds all above it.
 *
 * A node is split where a prompt turns off or a sequence holds only its beginning, and grows at its end as
 * long as one sequence alone holds it. So the work for a prompt goes with the turnings on its way and not
 * with its blocks, but for comparing ids; a session that only ever adds to its context is one node.
 *
 * Nodes that nobody holds are idle. They stay, in the order in which they were let go, later blocks of a
 * prompt before earlier ones, and their ids are evicted in that order, from the end of a node, when their KV
 * blocks are wanted: idle blocks count as free. So nothing but evict() needs to know how many blocks there
 * are.
 *
 * A block that two sequences compute at once is kept once, as soon as the second has computed it. */
#ifndef TW_SIM_PREFIX_CACHE_H
#define TW_SIM_PREFIX_CACHE_H

#include "workloads/request.h"

typedef struct tw_prefix_node tw_prefix_node;

/* A piece: what a hash id of a prompt stands for, wherever its blocks are. */
typedef struct tw_prefix_piece {
  guint64 chain; /* hash of the ids up to it: equal for equal prefixes, in every cache of the same seed */
  gint64 depth;  /* how many these are */
  gint64 blocks; /* KV blocks that it completes */
} tw_prefix_piece;

typedef struct tw_prefix_cache {
  GHashTable *nodes;      /* the nodes by parent, first id and hash_tokens */
  GQueue idle;            /* nodes that nobody holds, the next one to evict first */
  tw_prefix_node *newest; /* beginning of prompts, and most begin alike; NULL: evicted */
  gint64 idle_blocks;
  gint64 block_tokens; /* tokens of a KV block */

  /* Gets evicted ids, with the instant at which they were let go; NULL: they are lost. */
  void (*spilled)(void *user, const tw_prefix_piece *piece, double let_go_s);
  void (*added)(void *user, guint64 chain); /* told of each new id, if `spilled` is set */
  void *user;
  guint64 seed;
  double now_s; /* kept up to date by the owner if `spilled` is set */
} tw_prefix_cache;

void tw_prefix_cache_init(tw_prefix_cache *cache, gint64 block_tokens);
void tw_prefix_cache_clear(tw_prefix_cache *cache);

/* The part of a prompt that the cache holds. */
typedef struct tw_prefix_hit {
  tw_prefix_node *node; /* the last one, NULL if there is none */
  gint64 depth;         /* hash ids up to the last one, which may be inside of the node */
  gint64 tokens;        /* tokens that need not be computed: whole hash blocks, in whole KV blocks */
  gint64 idle_blocks;   /* the blocks among them that nobody holds now */
} tw_prefix_hit;

/* The longest cached prefix, of at most prompt - 1 tokens: the last token is always computed. */
tw_prefix_hit tw_prefix_cache_find(const tw_prefix_cache *cache, const tw_request *request);

/* Holds what has just been found for a sequence. Returns the last node that it now holds, NULL if nothing was
 * found; hit->idle_blocks are blocks that nobody held before. */
tw_prefix_node *tw_prefix_cache_hold(tw_prefix_cache *cache, const tw_prefix_hit *hit);
/* Lets go of a node and all above it: they may be evicted from now on. Returns the KV blocks that nobody
 * holds any more. */
gint64 tw_prefix_cache_release(tw_prefix_cache *cache, tw_prefix_node *node);

/* A sequence that holds `node` (NULL: none) has computed `tokens` tokens of its prompt and output: adds the
 * ids that these complete, and holds them. Returns the last node that it now holds, NULL if it holds none,
 * and lowers `used_blocks` by the blocks that turned out to be there already and in use. */
tw_prefix_node *tw_prefix_cache_add(tw_prefix_cache *cache, const tw_request *request, tw_prefix_node *node,
                                    gint64 tokens, gint64 *used_blocks);

/* Evicts idle ids until they take no more than `free_blocks`. */
void tw_prefix_cache_evict(tw_prefix_cache *cache, gint64 free_blocks);

/* The last piece that was found; that of depth 0, before the first, if none was. Only where `spilled` is set.
 */
tw_prefix_piece tw_prefix_piece_of(const tw_prefix_cache *cache, const tw_prefix_hit *hit);
/* Goes on to the prompt's next piece. FALSE if there is none, or if it holds the prompt's last token. */
gboolean tw_prefix_piece_next(const tw_prefix_cache *cache, const tw_request *request,
                              tw_prefix_piece *piece);

/* KV blocks that a node and all above it own; 0 for NULL. And how many hash ids these have. */
gint64 tw_prefix_blocks(const tw_prefix_node *node);
gint64 tw_prefix_depth(const tw_prefix_node *node);

/* For audits: asserts that the tree is sound and that `held` sequences times ids are held. Returns the KV
 * blocks that are in use. */
gint64 tw_prefix_cache_audit(const tw_prefix_cache *cache, gint64 held);

#endif
