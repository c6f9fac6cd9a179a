/* Fetches: prefixes on their way from the shared store to the memory of an engine's hosts, and copies on their way down.
 *
 *     request for an engine --> what do its accelerators and hosts hold, and the store behind that?
 *            worth it? flows from the storage hosts --> in the hosts' memory --> the request is queued
 *     request has ended, write="through" --> what has the store not? flows to the storage hosts --> it can be found
 *
 * The store is what the hosts of the platform's `storage` zones have room for (tw:kv_bytes), as one: each
 * piece lies on all of them in equal parts, on their media (tw_medium). It takes what the memory of the engines' hosts
 * has no room for, beside everything else and at no cost, or what requests leave behind, by flows over the network
 * (offload.h). A request waits for a fetch where that, and to load the pieces from the hosts' memory, takes less time
 * than to compute them. */
#ifndef TW_SIM_FETCHES_H
#define TW_SIM_FETCHES_H

#include "sim/site/part.h"

typedef struct tw_fetches tw_fetches;

/* Whether a pool has the store. */
gboolean tw_fetches_needed(const tw_scenario *scenario);

/* Pieces go to the store: tw_offload.spilled. */
void tw_fetches_spilled(tw_fetches *fetches, int engine, const tw_kv_piece *pieces, guint n);

/* A sequence is to be queued at an engine. TRUE if it waits for a fetch first: then it is taken over. */
gboolean tw_fetches_begin(tw_fetches *fetches, tw_sequence *sequence, int engine, double now_s);
/* A host of the site cannot be reached, or can be again; each time is counted. While one that stores caches cannot, all
 * that was on its way up or down is given up: requests go on without. */
void tw_fetches_set_reachable(tw_fetches *fetches, int host, gboolean reachable, double now_s);
/* An engine has failed: takes out every sequence that waits for a fetch to it, and appends it to
 * `lost`; what was on its way from it is lost. */
void tw_fetches_fail(tw_fetches *fetches, int engine, GPtrArray *lost);

#endif
