/* Offloading: what an engine keeps of its prefix cache in the memory of its hosts.
 *
 *     accelerators: prefix cache of each rank ──evicted──► memory of the hosts ──spilled──► shared store
 *                   ▲                                            │  ▲
 *                   └── loaded as a prompt is admitted ──────────┘  └── fetched as a request arrives
 *
 * A prompt whose first blocks the accelerators hold may go on with blocks that the hosts hold. They are
 * loaded where that takes less time than to compute them; they then skip prefill, and are taken out here.
 * Layers are loaded while earlier ones compute (as SGLang's HiCache does), so that an iteration takes as long
 * as the longer of the two. What is evicted goes down beside the computation, at no cost. */
#ifndef TW_SIM_OFFLOAD_H
#define TW_SIM_OFFLOAD_H

#include "sim/kv/kv_tier.h"
#include "sim/kv/prefix_cache.h"
#include "sim/steptime/step_time.h"

typedef struct tw_offload_config {
  gint64 host_bytes;  /* memory of the engine's hosts for KV; 0: none */
  double block_bytes; /* bytes of a KV block, over all accelerators of a rank, without copies */
  double block_s; /* seconds of a block from the hosts to the accelerators, each of which takes its part */
  guint64 seed;   /* seed of chains: equal for engines whose KV is the same */
} tw_offload_config;

typedef struct tw_offload {
  tw_offload_config config;
  tw_kv_tier *host; /* NULL: no offloading */

  /* The time of a prefill is estimated with the engine's step model, batches of its ranks to try, and the
   * caps of its model. */
  const tw_step_model *model;
  tw_batch *batches; /* owned */
  int ranks;
  tw_context_caps caps;

  /* Gets the pieces that the hosts have no room for; NULL: they are lost. */
  void (*spilled)(void *user, int engine, const tw_kv_piece *piece);
  void *user;
  int engine;
} tw_offload;

/* The hosts' memory; what else it needs is for the owner to set. */
void tw_offload_init(tw_offload *offload, const tw_offload_config *config);
void tw_offload_clear(tw_offload *offload);
/* The hosts lose what they hold. */
void tw_offload_empty(tw_offload *offload);
/* Lets the pieces that a rank evicts from its prefix cache go to the hosts; pieces that it has again are not
 * kept there. */
void tw_offload_attach(tw_offload *offload, tw_prefix_cache *cache);

/* The part of a prompt that is worth loading. */
typedef struct tw_offload_hit {
  gint64 depth;                /* depth of the last piece: hash ids of the prompt up to it */
  gint64 blocks, store_blocks; /* KV blocks; and of them, those that came from the store */
} tw_offload_hit;

/* Looks for the pieces behind those that the accelerators hold. */
tw_offload_hit tw_offload_find(const tw_offload *offload, const tw_prefix_cache *cache,
                               const tw_request *request, const tw_prefix_hit *hit);
/* Time that it saves to have `tokens` more of a prompt behind the `done` first ones. */
double tw_offload_saves_s(const tw_offload *offload, const tw_request *request, gint64 done, gint64 tokens);

#endif
