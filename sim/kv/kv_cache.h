/* KV cache of one rank: blocks of a fixed number of tokens, allocated as tokens come.
 *
 * Decoding sequences gain a token each in every decode iteration, so each needs a new block once in
 * block_tokens iterations, always at the same phase of the rank's decode count q. Counting sequences by phase
 * tells the blocks that any number of iterations will take without looking at a sequence:
 *
 *     phase[p] = sequences whose blocks are full when q mod block_tokens = p
 *     need(q, j) = (j / block_tokens) · sequences + phase[q] + ... + phase[q + j mod block_tokens − 1]
 */
#ifndef TW_SIM_KV_CACHE_H
#define TW_SIM_KV_CACHE_H

#include <glib.h>

typedef struct tw_kv_cache {
  gint64 total_blocks, used_blocks;
  gint64 block_tokens;
  gint64 sequences; /* sequences that decode */
  gint64 *phase;
} tw_kv_cache;

void tw_kv_cache_init(tw_kv_cache *kv, gint64 total_blocks, gint64 block_tokens);
void tw_kv_cache_clear(tw_kv_cache *kv);

static inline gint64 tw_kv_blocks(const tw_kv_cache *kv, gint64 tokens)
{
  return (tokens + kv->block_tokens - 1) / kv->block_tokens;
}

static inline gint64 tw_kv_free(const tw_kv_cache *kv)
{
  return kv->total_blocks - kv->used_blocks;
}

/* A sequence that holds `tokens` tokens starts or stops decoding at decode count q; its blocks stay its own.
 */
void tw_kv_join(tw_kv_cache *kv, gint64 q, gint64 tokens);
void tw_kv_leave(tw_kv_cache *kv, gint64 q, gint64 tokens);

/* Blocks that the decoding sequences take in the next j iterations. */
gint64 tw_kv_need(const tw_kv_cache *kv, gint64 q, gint64 j);
/* How many iterations `blocks` more blocks last; G_MAXINT64 where nothing decodes. */
gint64 tw_kv_room(const tw_kv_cache *kv, gint64 q, gint64 blocks);

#endif
