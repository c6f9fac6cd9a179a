/* Offloading: what an engine keeps of its prefix cache in the memory of its hosts.
 *
 *     accelerators: prefix cache of each rank ──evicted──► memory of the hosts ──spilled──► shared store
 *                   ▲                                            │  ▲
 *                   └── loaded as a prompt is admitted ──────────┘  └── fetched as a request arrives
 * (fetches.h)
 *
 * A prompt whose first blocks the accelerators hold may go on with blocks that the hosts hold. They are
 * loaded where that takes less time than to compute them; they then skip prefill, and are taken out here.
 * Layers are loaded while earlier ones compute (as SGLang's HiCache does), so that an iteration takes as long
 * as the longer of the two. What is evicted goes down beside the computation, at no cost. */
#ifndef TW_SIM_OFFLOAD_H
#define TW_SIM_OFFLOAD_H

#include "sim/kv_tier.h"
#include "sim/prefix_cache.h"

typedef struct tw_offload_config {
  gint64 host_bytes;  /* memory of the engine's hosts for KV; 0: none */
  double block_bytes; /* of a KV block, over all accelerators of a rank, without copies */
  double block_s; /* that a block takes from the hosts to the accelerators, each of which takes its part */
  guint64 seed;   /* of chains: equal for engines whose KV is the same */
} tw_offload_config;

typedef struct tw_offload {
  tw_offload_config config;
  tw_kv_tier *host; /* NULL: no offloading */
  /* How long an engine takes for `tokens` prompt tokens behind `done` others, without anything beside them.
   */
  double (*prefill_s)(void *user, gint64 done, gint64 tokens);
  void *user;
} tw_offload;

/* What is worth loading of a prompt. */
typedef struct tw_offload_hit {
  gint64 depth;                /* of the last piece: hash ids of the prompt up to it */
  gint64 blocks, store_blocks; /* KV blocks; and of them, those that came from the store */
} tw_offload_hit;

/* Looks for the pieces behind those that the accelerators hold. */
tw_offload_hit tw_offload_find(const tw_offload *offload, const tw_prefix_cache *cache,
                               const tw_request *request, const tw_prefix_hit *hit);
/* Time that it saves to have `tokens` more of a prompt behind the `done` first ones. */
double tw_offload_saves_s(const tw_offload *offload, const tw_request *request, gint64 done, gint64 tokens);

/* The piece of `blocks` KV blocks for a tier. */
tw_kv_piece tw_offload_piece(const tw_offload *offload, const tw_prefix_piece *piece, double used_s);

#endif
