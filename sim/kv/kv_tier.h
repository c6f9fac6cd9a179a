/* A tier of the KV cache below the accelerators': the memory of an engine's hosts, or a store that engines
 * share.
 *
 * It holds pieces: the KV blocks that one hash id of a prompt completes, named by the chain of ids up to it.
 * A policy (a row of kv_policy.c) says which go where there is no room; they spill into the next tier, or are
 * lost. An admission says which are taken in at all.
 *
 * With the policy "lru" and the admission "all", which pieces stay depends only on when each was used, never on
 * the order in which they came: engines that spill into one tier may be brought up to date one after the other,
 * and in macro-steps. Any other tier must get its pieces in the order of time. */
#ifndef TW_SIM_KV_TIER_H
#define TW_SIM_KV_TIER_H

#include "sim/base/heap.h"
#include "sim/kv/kv_policy.h"

typedef struct tw_kv_piece {
  guint64 chain;    /* hash of the ids, model and format: equal chains are equal KV */
  gint64 depth;     /* ids of the prompt up to this one: later pieces go before earlier ones */
  gint64 bytes;     /* 0 where the id completes no block */
  double used_s;    /* when the last sequence let go of it */
  gboolean fetched; /* it came up from the tier below */
  double ready_s;   /* when it is written: it cannot be found before */
} tw_kv_piece;

typedef struct tw_kv_tier_config {
  gint64 capacity_bytes; /* it holds at most so much */
  int policy;            /* tw_kv_policy_names */
  int admission;         /* tw_kv_admission_names */
  double ttl_s;          /* a piece that was used longer ago cannot be found; 0: no limit */
  void (*spilled)(void *user, const tw_kv_piece *piece); /* gets what does not fit; NULL: it is lost */
  void *user;
} tw_kv_tier_config;

typedef struct tw_kv_tier tw_kv_tier;

tw_kv_tier *tw_kv_tier_new(const tw_kv_tier_config *config);
void tw_kv_tier_free(tw_kv_tier *tier);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tw_kv_tier, tw_kv_tier_free)

/* A piece was used: it is taken in, or, if it is there, the instant of its last use is renewed. TRUE if it was
 * not there and is taken in, so that it has to be written. One that was fetched is always taken in. */
gboolean tw_kv_tier_put(tw_kv_tier *tier, const tw_kv_piece *piece);
/* The piece, if it can be found at `now_s`; borrowed until the tier changes. NULL if not. */
const tw_kv_piece *tw_kv_tier_find(const tw_kv_tier *tier, guint64 chain, double now_s);
/* Ends the writing of a piece, whose end was not known before, if the piece is still there. */
void tw_kv_tier_written(tw_kv_tier *tier, guint64 chain, double now_s);
/* Takes out a piece, if it is there. */
void tw_kv_tier_take(tw_kv_tier *tier, guint64 chain);
/* A piece that came up from the tier below has been used: from now on it is one of this tier. */
void tw_kv_tier_keep(tw_kv_tier *tier, guint64 chain);

gint64 tw_kv_tier_bytes(const tw_kv_tier *tier); /* bytes that it holds now */
/* Recounts, and asserts that it holds no more than it can. */
void tw_kv_tier_audit(const tw_kv_tier *tier);

#endif
