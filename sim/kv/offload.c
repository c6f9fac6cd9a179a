#include "sim/kv/offload.h"

#include <math.h>

/* Hands on a piece that the hosts have no room for. */
static void spilled(void *user, const tw_kv_piece *piece)
{
  const tw_offload *offload = user;
  if (offload->spilled != NULL)
    offload->spilled(offload->user, offload->engine, piece);
}

void tw_offload_init(tw_offload *offload, const tw_offload_config *config)
{
  *offload = (tw_offload){.config = *config, .host = tw_kv_tier_new(config->host_bytes, spilled, offload)};
}

void tw_offload_clear(tw_offload *offload)
{
  g_clear_pointer(&offload->host, tw_kv_tier_free);
  g_clear_pointer(&offload->batches, g_free);
}

void tw_offload_empty(tw_offload *offload)
{
  tw_kv_tier_free(offload->host);
  offload->host = tw_kv_tier_new(offload->config.host_bytes, spilled, offload);
}

static void evicted(void *user, const tw_prefix_piece *piece, double let_go_s)
{
  const tw_offload *offload = user;
  tw_kv_piece down = {.chain = piece->chain,
                      .depth = piece->depth,
                      .bytes = (gint64)ceil(offload->config.block_bytes * (double)piece->blocks),
                      .used_s = let_go_s};
  tw_kv_tier_put(offload->host, &down);
}

static void added(void *user, guint64 chain)
{
  tw_kv_tier_take(((tw_offload *)user)->host, chain);
}

void tw_offload_attach(tw_offload *offload, tw_prefix_cache *cache)
{
  cache->spilled = evicted;
  cache->added = added;
  cache->user = offload;
  cache->seed = offload->config.seed;
}

/* How long the engine takes for `tokens` prompt tokens behind `done` others, with nothing beside them. */
static double prefill_s(const tw_offload *offload, gint64 done, gint64 tokens)
{
  tw_step_cost cost;
  offload->batches[0] = (tw_batch){.next_full = G_MAXINT64};
  tw_batch_add_prompt(&offload->batches[0], &offload->caps, done, tokens, TRUE);
  tw_step_model_cost(offload->model, offload->batches, offload->ranks, &cost);
  return cost.time_s.first;
}

double tw_offload_saves_s(const tw_offload *offload, const tw_request *request, gint64 done, gint64 tokens)
{
  gint64 left = request->prompt_tokens - done;
  return prefill_s(offload, done, left) - prefill_s(offload, done + tokens, left - tokens);
}

tw_offload_hit tw_offload_find(const tw_offload *offload, const tw_prefix_cache *cache,
                               const tw_request *request, const tw_prefix_hit *hit)
{
  tw_offload_hit found = {0}, none = {0};
  tw_prefix_piece piece = tw_prefix_piece_of(cache, hit);
  gint64 blocks = 0, store_blocks = 0;
  while (tw_prefix_piece_next(cache, request, &piece)) {
    const tw_kv_piece *here = tw_kv_tier_find(offload->host, piece.chain);
    if (here == NULL)
      break;
    blocks += piece.blocks;
    store_blocks += here->fetched ? piece.blocks : 0;
    if (piece.blocks > 0)
      found = (tw_offload_hit){piece.depth, blocks, store_blocks};
  }
  if (found.blocks == 0)
    return none;
  double load_s = offload->config.block_s * (double)found.blocks;
  double saves_s = tw_offload_saves_s(offload, request, hit->tokens, found.blocks * cache->block_tokens);
  return load_s < saves_s ? found : none;
}
