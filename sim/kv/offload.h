/* Offloading: what an engine keeps of its prefix cache in the memory of its hosts. It goes down in one of two ways.
 *
 * TW_OFFLOAD_BACK: what the accelerators evict goes down, beside the computation and at no cost; what goes up again
 * is taken out, so that capacities of tiers add up.
 *
 *     accelerators: prefix cache of each rank --evicted--> memory of the hosts --spilled--> shared store
 *                   ^                                            |  ^
 *                   +-- loaded as a prompt is admitted ----------+  +-- fetched as a request arrives
 *
 * TW_OFFLOAD_THROUGH: all that a request leaves behind is copied down as it ends, as SGLang's HiCache does by default
 * (write_through) and LMCache: one copy after the other, by the bandwidth of the rank's host links, and on to the
 * store over the network. A copy can be found once it is written, and stays where it is when it goes up. A tier's
 * policy and admission decide what is kept.
 *
 * A prompt whose first blocks the accelerators hold may go on with blocks that the hosts hold. They are loaded where
 * that takes less time than to compute them; they then skip prefill. Layers are loaded while earlier ones compute (as
 * HiCache does, too), so that an iteration takes as long as the longer of the two. Host links carry both directions at
 * once: loads and copies do not slow each other. */
#ifndef TW_SIM_OFFLOAD_H
#define TW_SIM_OFFLOAD_H

#include "sim/kv/kv_tier.h"
#include "sim/kv/prefix_cache.h"
#include "sim/steptime/step_time.h"

typedef enum { TW_OFFLOAD_BACK, TW_OFFLOAD_THROUGH } tw_offload_write_mode;
extern const char *const tw_offload_write_names[]; /* "back", "through" */
const char *const *tw_offload_write_helps(void);

typedef struct tw_offload_config {
  gint64 host_bytes;  /* memory of the engine's hosts for KV; 0: none */
  double block_bytes; /* bytes of a KV block, over all accelerators of a rank, without copies */
  double block_s; /* seconds of a block from the hosts to the accelerators, each of which takes its part */
  guint64 seed;   /* seed of chains: equal for engines whose KV is the same */
  int write;      /* tw_offload_write_mode */
  double write_block_s; /* seconds of a block from the accelerators to the hosts, likewise */
  gint64 least_tokens;  /* TW_OFFLOAD_THROUGH: requests with fewer tokens leave nothing */
  /* Policy and admission of the hosts' memory: tw_kv_policy_names, tw_kv_admission_names. */
  int policy, admission;
  double ttl_s; /* pieces that were used longer ago are gone; 0: none are */
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
  double *written_s; /* for each rank, when its last copy is written. Owned */

  /* Gets what goes to the store, NULL: it is lost. TW_OFFLOAD_BACK: the pieces that the hosts have no room for, one
   * by one. TW_OFFLOAD_THROUGH: those that a request has left, in the order of its prompt; each can be copied on from
   * its ready_s. */
  void (*spilled)(void *user, int engine, const tw_kv_piece *pieces, guint n);
  void *user;
  int engine;
} tw_offload;

/* The hosts' memory, for an engine of `ranks` ranks; what else it needs is for the owner to set. */
void tw_offload_init(tw_offload *offload, const tw_offload_config *config, int ranks);
void tw_offload_clear(tw_offload *offload);
/* The hosts lose what they hold. */
void tw_offload_empty(tw_offload *offload);
/* Lets a rank's prefix cache tell what it evicts and what it has again. */
void tw_offload_attach(tw_offload *offload, tw_prefix_cache *cache);

/* The part of a prompt that is worth loading. */
typedef struct tw_offload_hit {
  gint64 depth;                /* depth of the last piece: hash ids of the prompt up to it */
  gint64 blocks, store_blocks; /* KV blocks; and of them, those that came from the store */
} tw_offload_hit;

/* Looks for the pieces behind those that the accelerators hold, as they are at `now_s`. */
tw_offload_hit tw_offload_find(const tw_offload *offload, const tw_prefix_cache *cache,
                               const tw_request *request, const tw_prefix_hit *hit, double now_s);
/* TW_OFFLOAD_THROUGH: a request has left `rank`, which has computed the KV of its first `tokens` tokens of prompt and
 * output: copies what is not below yet. Does nothing otherwise. */
void tw_offload_leave(tw_offload *offload, int rank, const tw_prefix_cache *cache, const tw_request *request,
                      gint64 tokens, double now_s);
/* Time that it saves to have `tokens` more of a prompt behind the `done` first ones. */
double tw_offload_saves_s(const tw_offload *offload, const tw_request *request, gint64 done, gint64 tokens);

#endif
