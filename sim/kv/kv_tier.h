/* A tier of the KV cache below the accelerators': the memory of an engine's hosts, or a store that engines
 * share.
 *
 * It holds pieces: the KV blocks that one hash id of a prompt completes, named by the chain of ids up to it.
 * Those that were used last stay; what does not fit spills into the next tier, or is lost. A piece that goes
 * up again is taken out, so that capacities of tiers add up.
 *
 * Which pieces stay depends only on when each was used, never on the order in which they came: engines that
 * spill into one tier may be brought up to date one after the other, and in macro-steps. */
#ifndef TW_SIM_KV_TIER_H
#define TW_SIM_KV_TIER_H

#include "sim/base/heap.h"

typedef struct tw_kv_piece {
  guint64 chain;    /* hash of the ids, model and format: equal chains are equal KV */
  gint64 depth;     /* ids of the prompt up to this one: later pieces go before earlier ones */
  gint64 bytes;     /* 0 where the id completes no block */
  double used_s;    /* when the last sequence let go of it */
  gboolean fetched; /* it came up from the tier below */
} tw_kv_piece;

typedef struct tw_kv_tier tw_kv_tier;

/* Holds at most `capacity_bytes`. `spilled` (or NULL) gets every piece that does not fit. */
tw_kv_tier *tw_kv_tier_new(gint64 capacity_bytes, void (*spilled)(void *user, const tw_kv_piece *piece),
                           void *user);
void tw_kv_tier_free(tw_kv_tier *tier);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tw_kv_tier, tw_kv_tier_free)

/* Adds a piece, or, if it is there, renews the instant of its last use. */
void tw_kv_tier_put(tw_kv_tier *tier, const tw_kv_piece *piece);
/* The piece, borrowed until the tier changes; NULL if it is not there. */
const tw_kv_piece *tw_kv_tier_find(const tw_kv_tier *tier, guint64 chain);
/* Takes out a piece, if it is there. */
void tw_kv_tier_take(tw_kv_tier *tier, guint64 chain);

gint64 tw_kv_tier_bytes(const tw_kv_tier *tier); /* bytes that it holds now */
/* Recounts, and asserts that it holds no more than it can. */
void tw_kv_tier_audit(const tw_kv_tier *tier);

#endif
