#include "sim/kv/offload.h"

#include <math.h>

const char *const tw_offload_write_names[] = {"back", "through", NULL};

const char *const *tw_offload_write_helps(void)
{
  static const char *const helps[] = {
      "what the accelerators evict goes down, at no cost, and what goes up again is taken out",
      "a copy of what a request leaves behind, written as it ends by the bandwidth of the host links, and on "
      "to the "
      "store over the network; what goes up again stays",
      NULL};
  return helps;
}

/* Hands on a piece that the hosts have no room for. */
static void spilled(void *user, const tw_kv_piece *piece)
{
  const tw_offload *offload = user;
  if (offload->spilled != NULL && offload->config.write == TW_OFFLOAD_BACK)
    offload->spilled(offload->user, offload->engine, piece, 1);
}

static tw_kv_tier *hosts_memory(tw_offload *offload)
{
  const tw_offload_config *config = &offload->config;
  return tw_kv_tier_new(&(tw_kv_tier_config){.capacity_bytes = config->host_bytes,
                                             .policy = config->policy,
                                             .admission = config->admission,
                                             .ttl_s = config->ttl_s,
                                             .spilled = spilled,
                                             .user = offload});
}

void tw_offload_init(tw_offload *offload, const tw_offload_config *config, int ranks)
{
  *offload = (tw_offload){.config = *config,
                          .batches = g_new0(tw_batch, (gsize)ranks),
                          .ranks = ranks,
                          .written_s = g_new0(double, (gsize)ranks)};
  offload->host = hosts_memory(offload);
}

void tw_offload_clear(tw_offload *offload)
{
  g_clear_pointer(&offload->host, tw_kv_tier_free);
  g_clear_pointer(&offload->batches, g_free);
  g_clear_pointer(&offload->written_s, g_free);
}

static tw_kv_piece piece_below(const tw_offload *offload, const tw_prefix_piece *piece, double used_s)
{
  return (tw_kv_piece){.chain = piece->chain,
                       .depth = piece->depth,
                       .bytes = (gint64)ceil(offload->config.block_bytes * (double)piece->blocks),
                       .used_s = used_s};
}

void tw_offload_empty(tw_offload *offload)
{
  tw_kv_tier_free(offload->host);
  offload->host = hosts_memory(offload);
  memset(offload->written_s, 0, (gsize)offload->ranks * sizeof *offload->written_s);
}

static void evicted(void *user, const tw_prefix_piece *piece, double let_go_s)
{
  const tw_offload *offload = user;
  tw_kv_piece down = piece_below(offload, piece, let_go_s);
  if (offload->config.write == TW_OFFLOAD_BACK)
    tw_kv_tier_put(offload->host, &down);
}

static void added(void *user, guint64 chain)
{
  const tw_offload *offload = user;
  if (offload->config.write == TW_OFFLOAD_BACK)
    tw_kv_tier_take(offload->host, chain);
  else
    tw_kv_tier_keep(offload->host, chain);
}

void tw_offload_attach(tw_offload *offload, tw_prefix_cache *cache)
{
  cache->spilled = evicted;
  cache->added = added;
  cache->user = offload;
  cache->seed = offload->config.seed;
}

void tw_offload_leave(tw_offload *offload, int rank, const tw_prefix_cache *cache, const tw_request *request,
                      gint64 tokens, double now_s)
{
  if (offload->config.write != TW_OFFLOAD_THROUGH || tokens < offload->config.least_tokens)
    return;
  tw_prefix_piece piece = {.chain = cache->seed};
  double *written_s = &offload->written_s[rank];
  g_autoptr(GArray) pieces = g_array_new(FALSE, FALSE, sizeof(tw_kv_piece));
  while (tw_prefix_piece_next(cache, request, tokens, &piece)) {
    tw_kv_piece down = piece_below(offload, &piece, now_s);
    down.ready_s = fmax(*written_s, now_s) + offload->config.write_block_s * (double)piece.blocks;
    if (tw_kv_tier_put(offload->host, &down))
      *written_s = down.ready_s;
    else
      down.ready_s = now_s;
    g_array_append_val(pieces, down);
  }
  if (offload->spilled != NULL && pieces->len > 0)
    offload->spilled(offload->user, offload->engine, &g_array_index(pieces, tw_kv_piece, 0), pieces->len);
}

/* How long the engine takes for `tokens` prompt tokens behind `done` others, with nothing beside them. */
static double prefill_s(const tw_offload *offload, gint64 done, gint64 tokens)
{
  tw_step_cost cost;
  for (int i = 0; i < offload->ranks; i++) /* the other ranks have no work, but may compute dummy batches */
    offload->batches[i] = (tw_batch){.next_full = G_MAXINT64};
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
                               const tw_request *request, const tw_prefix_hit *hit, double now_s)
{
  tw_offload_hit found = {0}, none = {0};
  tw_prefix_piece piece = tw_prefix_piece_of(cache, hit);
  gint64 blocks = 0, store_blocks = 0;
  while (tw_prefix_piece_next(cache, request, request->prompt_tokens - 1, &piece)) {
    const tw_kv_piece *here = tw_kv_tier_find(offload->host, piece.chain, now_s);
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
