/* A naive block pool: every KV block by itself, with what it holds, in a queue of those that are free.
 *
 * It follows vLLM's V1 (vllm/v1/core/block_pool.py and kv_cache_manager.py): blocks that nobody uses wait in
 * one queue, whatever they hold; a full block is known by a hash of all tokens up to its end, and several
 * blocks may have the same, of which the oldest is found. */
#ifndef TW_TESTS_SIM_NAIVE_BLOCKS_H
#define TW_TESTS_SIM_NAIVE_BLOCKS_H

#include "workloads/request.h"

typedef struct naive_block {
  guint64 hash; /* 0: not full, or not known */
  int users;
} naive_block;

typedef struct naive_pool {
  gint64 block_tokens;
  gint64 sequence_blocks; /* blocks that each sequence takes beside those of its tokens */
  naive_block *blocks;
  GQueue free;       /* numbers of blocks, + 1 */
  GHashTable *found; /* hash -> GQueue of numbers, + 1: the oldest first */
} naive_pool;

/* The blocks of a sequence. */
typedef struct naive_holdings {
  const tw_request *request;
  guint64 owner;  /* tells tokens without ids from those of others */
  GArray *blocks; /* elements are int */
  GArray *state;  /* the blocks beside those (int) */
  GArray *hashes; /* hashes of its full blocks, as far as they were asked for */
  gint64 known;   /* blocks that can be found */
} naive_holdings;

void naive_holdings_init(naive_holdings *holdings, const tw_request *request, guint64 owner);
void naive_holdings_clear(naive_holdings *holdings);

void naive_pool_init(naive_pool *pool, gint64 block_tokens, gint64 blocks, gint64 sequence_blocks);
void naive_pool_clear(naive_pool *pool);

/* How many leading blocks of a sequence, within its first `tokens` tokens, are there; and how many of them
 * are free. */
gint64 naive_pool_find(naive_pool *pool, const naive_holdings *holdings, gint64 tokens, gint64 *idle);
/* Takes the first `n` of these. */
void naive_pool_touch(naive_pool *pool, naive_holdings *holdings, gint64 n);
/* Takes free blocks until there are enough for `tokens` tokens and a state. FALSE if there are too few: then it takes
 * none. */
gboolean naive_pool_allocate(naive_pool *pool, naive_holdings *holdings, gint64 tokens);
/* The first `tokens` tokens are known. */
void naive_pool_cache(naive_pool *pool, naive_holdings *holdings, gint64 tokens);
/* Gives all back, the last one first. */
void naive_pool_free(naive_pool *pool, naive_holdings *holdings);

#endif
