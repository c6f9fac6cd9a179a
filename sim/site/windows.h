/* Windows: what engines that span NVLink domains send over the fabric, a window of iterations at a time.
 *
 *     posted ──► one flow for each pair of hosts ──► all ended ──► latencies of the steps ──► resumed */
#ifndef TW_SIM_WINDOWS_H
#define TW_SIM_WINDOWS_H

#include "sim/site/part.h"

typedef struct tw_windows tw_windows;

/* `resumed` is called between events, at now_s or, where the network knows it ahead, before. All is borrowed.
 */
tw_windows *tw_windows_new(const tw_seat *seats, int n_engines, const tw_platform *platform,
                           const tw_network *network, void (*resumed)(void *user, int engine, double now_s),
                           void *user);
void tw_windows_free(tw_windows *windows);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tw_windows, tw_windows_free)

/* Whether an engine leaves its domain. */
gboolean tw_windows_spans(const tw_windows *windows, int engine);

/* An engine begins a window of iterations, each of which sends `wire`. Its flows start between events. */
void tw_windows_post(tw_windows *windows, int engine, const tw_wire *wire, gint64 iterations, double now_s);

#endif
