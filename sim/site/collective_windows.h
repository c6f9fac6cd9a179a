/* Windows: what engines that span NVLink domains send over the fabric, an iteration at a time.
 *
 *     posted ──► one flow for each pair of hosts ──► all ended ──► latencies of the steps ──► resumed
 *                  ▲                                      │
 *                  └── part of the computation ◄──────────┘  where a window sends in slices
 *
 * Alone on the fabric, the sum is the same whatever the slices are; what others send meets a link that is as
 * busy all the time as the layers keep it, instead of a burst and silence. Where communication overlaps with
 * computation (two micro-batches in turn), slices follow each other without pause, and a window computes
 * meanwhile all but its last slice. */
#ifndef TW_SIM_COLLECTIVE_WINDOWS_H
#define TW_SIM_COLLECTIVE_WINDOWS_H

#include "sim/site/part.h"

typedef struct tw_collective_windows tw_collective_windows;

/* `resumed` is called, with what the engine computed meanwhile, between events, at now_s or, where the
 * network knows it ahead, before. All is borrowed.
 */
tw_collective_windows *tw_collective_windows_new(
    const tw_seat *seats, int n_engines, const tw_platform *platform, const tw_network *network,
    void (*resumed)(void *user, int engine, double now_s, double from_s, double computed_s), void *user);
void tw_collective_windows_free(tw_collective_windows *windows);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tw_collective_windows, tw_collective_windows_free)

/* Whether an engine leaves its domain. */
gboolean tw_collective_windows_spans(const tw_collective_windows *windows, int engine);

/* An engine begins an iteration that sends `wire` and computes for compute_s. Its flows start between events. */
void tw_collective_windows_post(tw_collective_windows *windows, int engine, const tw_fabric_bytes *wire,
                                double compute_s, double now_s);
/* An engine has failed: nothing of its window goes on. */
void tw_collective_windows_fail(tw_collective_windows *windows, int engine);

#endif
