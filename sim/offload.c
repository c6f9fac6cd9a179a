#include "sim/offload.h"

#include <math.h>

double tw_offload_saves_s(const tw_offload *offload, const tw_request *request, gint64 done, gint64 tokens)
{
  gint64 left = request->prompt_tokens - done;
  return offload->prefill_s(offload->user, done, left) -
         offload->prefill_s(offload->user, done + tokens, left - tokens);
}

tw_offload_hit tw_offload_find(const tw_offload *offload, const tw_prefix_cache *cache,
                               const tw_request *request, const tw_prefix_hit *hit)
{
  tw_offload_hit found = {0}, none = {0};
  tw_prefix_piece piece = tw_prefix_piece_of(cache, hit->node);
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

tw_kv_piece tw_offload_piece(const tw_offload *offload, const tw_prefix_piece *piece, double used_s)
{
  return (tw_kv_piece){.chain = piece->chain,
                       .depth = piece->depth,
                       .bytes = (gint64)ceil(offload->config.block_bytes * (double)piece->blocks),
                       .used_s = used_s};
}
