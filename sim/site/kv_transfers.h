/* Transfers: the KV cache of a sequence on its way from its prefill engine to its decode engine.
 *
 *     handed over ──► blocks reserved at the decode engine ──► flows, one per pair of hosts ──► delivered
 *        (waits while there are none, first come first served)                  │ + latency of the route
 *          └──► waited too long: fails ──► the prefill engine frees its blocks ◄──┘
 *
 * Each accelerator of the decode engine takes its part of the cache, by layers of its stage and heads of its
 * rank, from one that has it; parts between the same two hosts are one flow. Accelerators of one host
 * exchange theirs at the device's scale-up rate.
 *
 * Layer by layer, a cache leaves while the iteration that completes its prompt computes it: blocks are
 * reserved as that iteration begins, all layers but the last go from the end of the first on, and then the
 * last one, at the end at the soonest. An iteration of T seconds over L layers, and a wire that alone takes W
 * seconds, then end at
 *
 *     start + max(T + W / L, T / L + W)
 *
 * as if every layer went on its own, one after the other. Where blocks are not free as the iteration begins,
 * the cache goes whole when they are. */
#ifndef TW_SIM_KV_TRANSFERS_H
#define TW_SIM_KV_TRANSFERS_H

#include "sim/site/part.h"

typedef struct tw_kv_transfers tw_kv_transfers;

typedef struct tw_kv_transfer_listener {
  /* The next event of an engine may have changed. */
  void (*moved)(void *user, int engine);
  /* A sequence's KV has come; it is about to be given to its decode engine. */
  void (*delivered)(void *user, const tw_sequence *sequence, int from, double bytes);
  /* A sequence has waited for its pool's kv_timeout_s; it is the listener's now. */
  void (*expired)(void *user, tw_sequence *sequence, double now_s);
  /* The decode engine of a complete prompt does not take it: gives it another one, if there is any. */
  void (*reassign)(void *user, tw_sequence *sequence, double now_s);
  void *user;
} tw_kv_transfer_listener;

/* All are borrowed. */
tw_kv_transfers *tw_kv_transfers_new(const tw_seat *seats, int n_engines, tw_engine *const *engines,
                                     const tw_network *network, const tw_kv_transfer_listener *listener);
void tw_kv_transfers_free(tw_kv_transfers *transfers);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tw_kv_transfers, tw_kv_transfers_free)

/* The iteration from start_s to end_s completes the prompt of a sequence, which stays its engine's: reserves blocks for it
 * at now_s <= start_s, and sends it layer by layer. */
void tw_kv_transfers_completing(tw_kv_transfers *transfers, tw_sequence *sequence, double now_s,
                                double start_s, double end_s);
/* A sequence leaves the engine that computed its prompt, for its decode_engine. Takes it over. */
void tw_kv_transfers_hand_over(tw_kv_transfers *transfers, tw_sequence *sequence, double now_s);
/* An engine has taken a step: blocks may be free again. */
void tw_kv_transfers_retry(tw_kv_transfers *transfers, int engine, double now_s);
/* An engine has failed. What was on its way from there, or waited to go, is lost: appended to `lost`, whose
 * owner the caller is. What was on its way to it is where it was computed, and waits. */
void tw_kv_transfers_fail(tw_kv_transfers *transfers, int engine, GPtrArray *lost, double now_s);
/* Sends what waits for an engine to others, as far as there are any. */
void tw_kv_transfers_reroute(tw_kv_transfers *transfers, int engine, double now_s);
/* Complete prompts that wait for blocks, of all engines. */
guint tw_kv_transfers_waiting(const tw_kv_transfers *transfers);
/* Starts the flows that events have asked for: between events. */
void tw_kv_transfers_start_flows(tw_kv_transfers *transfers);

/* The next delivery, or start of a flow; INFINITY if none is known. */
double tw_kv_transfers_due(const tw_kv_transfers *transfers);
void tw_kv_transfers_step(tw_kv_transfers *transfers); /* makes it */

/* Appends every sequence that is under way, for a run that is cut short; the caller owns them. */
void tw_kv_transfers_evict(tw_kv_transfers *transfers, GPtrArray *sequences);

/* How long the KV of `tokens` tokens would take between two engines, alone on its route. */
double tw_kv_transfers_estimate_s(tw_kv_transfers *transfers, int from, int to, gint64 tokens);

#endif
