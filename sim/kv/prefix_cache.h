/* The KV blocks that nobody uses, and what they still hold: the free queue of one rank, and a tree that finds
 * blocks of prompts and outputs in it and in use.
 *
 * A prompt names its tokens by hash ids, one for every `hash_tokens` of them; the last one may stand for
 * fewer. Prompts that begin with equal ids begin with equal tokens, and share the whole KV blocks of these.
 * Known tokens form a radix tree (as in SGLang's RadixAttention, Zheng et al., arXiv:2312.07104): a node is a
 * run of tokens that no other prompt has left half-way, and owns the KV blocks that its tokens complete,
 *
 *     [7 8]─┬─[9 3 5]         prompts 7 8 9 3 5, 7 8 4 and 6. A node counts the sequences that hold it;
 *           └─[4]             whoever holds a node holds all above it.
 *     [6]
 *
 * What has no ids (outputs, and prompts without any) is a run of its own behind that, which only its sequence
 * can find: after it has been preempted.
 *
 * A node is split where a prompt turns off or a sequence holds only its beginning, and grows at its end as
 * long as one sequence alone holds it. So the work for a prompt goes with the turnings on its way and not
 * with its blocks; a session that only ever adds to its context is one node, and so is all that one sequence
 * emits.
 *
 * Blocks that nobody holds are free, and wait in one queue, as in vLLM's BlockPool: those let go first are
 * used first, later blocks of a sequence before earlier ones, whether anybody could find them or not. Blocks
 * without contents (`loose`) have their place in it, too: those never used at its head, and last blocks that
 * were not full where they were let go. So the queue is a list of nodes, each with the loose blocks before
 * it.
 *
 * A block that is computed again while another copy of it is there is kept twice: a `copy` is a node that
 * look-ups do not find, until what they find instead is evicted and it takes its place.
 *
 * A `radix` cache is SGLang's instead: what is inserted is a node of its own; of what is there already the
 * second copy is freed at once; free blocks without contents are used first, and then whole nodes that nobody
 * holds, those that were last looked up or inserted longest ago first (parents after their children). */
#ifndef TW_SIM_PREFIX_CACHE_H
#define TW_SIM_PREFIX_CACHE_H

#include "workloads/request.h"

typedef struct tw_prefix_node tw_prefix_node;
typedef struct tw_prefix_map tw_prefix_map;

/* A piece: what a hash id of a prompt stands for, wherever its blocks are. */
typedef struct tw_prefix_piece {
  guint64 chain; /* hash of the ids up to it: equal for equal prefixes, in every cache of the same seed */
  gint64 depth;  /* how many these are */
  gint64 blocks; /* KV blocks that it completes */
} tw_prefix_piece;

typedef struct tw_prefix_cache {
  GHashTable *nodes;      /* by parent, first id and hash_tokens */
  GQueue all;             /* nodes, and copies of them */
  GQueue idle;            /* nodes that nobody holds, the next one to evict first */
  tw_prefix_node *newest; /* beginning of prompts, and most begin alike; NULL: evicted */
  gint64 idle_blocks;
  gint64 loose_blocks,
      loose_last;      /* free blocks without contents; and of them, those behind all idle nodes */
  gint64 block_tokens; /* Tokens of a KV block. */
  gboolean radix;      /* set right after tw_prefix_cache_init */
  tw_prefix_map *map;  /* the map that knows what the cache may hold, and */
  int place;           /* its place there; set right after tw_prefix_cache_init, NULL: none */
  guint64 accesses;    /* Look-ups and insertions of a radix cache so far. */

  /* The tier below, which takes evicted ids with the instant at which they were let go, and lets only whole ids be
   * found and evicted. NULL: evicted ids go nowhere. */
  void (*spilled)(void *user, const tw_prefix_piece *piece, double let_go_s);
  void (*added)(void *user, guint64 chain); /* told of each new id, if `spilled` is set */
  void *user;
  guint64 seed;
  double now_s; /* kept up to date by the owner if `spilled` is set */
} tw_prefix_cache;

/* A cache of `blocks` blocks, all of them free. */
void tw_prefix_cache_init(tw_prefix_cache *cache, gint64 block_tokens, gint64 blocks);
void tw_prefix_cache_clear(tw_prefix_cache *cache);

/* The part of a sequence that the cache holds. */
typedef struct tw_prefix_hit {
  tw_prefix_node *node; /* the last one, NULL if there is none */
  gint64 end;           /* its tokens, and those above it, up to there, which may be inside of it */
  gint64 tokens;        /* Tokens that need not be computed: the whole KV blocks among them. */
  gint64 idle_blocks;   /* Blocks of these tokens that nobody holds now. */
} tw_prefix_hit;

/* The longest cached prefix, of at most prompt - 1 tokens: the last token is always computed. */
tw_prefix_hit tw_prefix_cache_find(const tw_prefix_cache *cache, const tw_request *request);
/* Finds a sequence that has had `tokens` tokens of prompt and output, and at most one token less than these. `owner`
 * names it among all sequences of the cache. */
tw_prefix_hit tw_prefix_cache_find_own(const tw_prefix_cache *cache, const tw_request *request, guint64 owner,
                                       gint64 tokens);

/* Holds what has just been found for a sequence. Returns the last node that it now holds, NULL if nothing was
 * found; hit->idle_blocks are blocks that nobody held before. */
tw_prefix_node *tw_prefix_cache_hold(tw_prefix_cache *cache, const tw_prefix_hit *hit);
/* In a radix cache, what has been found is as young as what was inserted last, though nobody holds it. */
void tw_prefix_cache_touch(tw_prefix_cache *cache, tw_prefix_hit *hit);
/* A sequence lets go of the last node that it holds and of all above it: their blocks are free. Returns how
 * many these are. */
gint64 tw_prefix_cache_release(tw_prefix_cache *cache, tw_prefix_node *node, guint64 owner);
/* Frees blocks without contents. */
void tw_prefix_cache_free(tw_prefix_cache *cache, gint64 blocks);
/* Lets a sequence that is preempted find its tokens without ids again; called before it lets go. */
void tw_prefix_cache_remember(tw_prefix_cache *cache, tw_prefix_node *node);

/* A sequence that holds `node` (NULL: none) has blocks for `tokens` tokens of its prompt and output, whose
 * contents are known: those that are full can be found from now on. Returns the last node that it now holds,
 * NULL if none. A radix cache frees second copies: `*used` falls by the blocks that are in use no more.
 */
tw_prefix_node *tw_prefix_cache_add(tw_prefix_cache *cache, const tw_request *request, guint64 owner,
                                    tw_prefix_node *node, gint64 tokens, gint64 *used);

/* Free blocks that are used before anything that might be found. */
gint64 tw_prefix_cache_loose(const tw_prefix_cache *cache);
/* Forgets all that nobody holds. */
void tw_prefix_cache_forget(tw_prefix_cache *cache);
/* Evicts what nobody holds until so many blocks have no contents, if it comes to that. */
void tw_prefix_cache_empty(tw_prefix_cache *cache, gint64 blocks);
/* Takes blocks from the head of the queue until `free_blocks` are left in it. */
void tw_prefix_cache_evict(tw_prefix_cache *cache, gint64 free_blocks);

/* The last piece that was found; that of depth 0, before the first, if none was. Only where `spilled` is set.
 */
tw_prefix_piece tw_prefix_piece_of(const tw_prefix_cache *cache, const tw_prefix_hit *hit);
/* Goes on to the next piece of a prompt and its output. FALSE if there is none, or if it is not whole among the first
 * `tokens` tokens. */
gboolean tw_prefix_piece_next(const tw_prefix_cache *cache, const tw_request *request, gint64 tokens,
                              tw_prefix_piece *piece);

/* Tokens, and KV blocks, of a node and all above it; 0 for NULL. */
gint64 tw_prefix_tokens(const tw_prefix_node *node);
gint64 tw_prefix_blocks(const tw_prefix_cache *cache, const tw_prefix_node *node);

/* For audits: asserts that the tree and the queue are sound and that `held` tokens are held, each counted for
 * every sequence that holds it. Returns the KV blocks that are in use. */
gint64 tw_prefix_cache_audit(const tw_prefix_cache *cache, gint64 held);

#endif
