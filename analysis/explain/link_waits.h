/* Flows that wait at the links of each pool's hosts, interval by interval: bytes that waited there over those of a
 * mean flow. Of a host's links the one counts at which most wait, as what leaves by a NIC crosses several.
 *
 *     tw_link_waits *waits = tw_link_waits_open(directory, run, from_s, error);
 *     for each interval, in order: tw_link_waits_at(waits, start_s, length_s, flows, error); */
#ifndef TW_ANALYSIS_LINK_WAITS_H
#define TW_ANALYSIS_LINK_WAITS_H

#include <glib.h>
#include <jansson.h>

typedef struct tw_link_waits tw_link_waits;

/* For intervals that start at from_s or later. NULL with `error` set on damage; NULL without where no KV caches went
 * over a network whose links were logged. `run` is borrowed. */
tw_link_waits *tw_link_waits_open(const char *directory, const json_t *run, double from_s, GError **error);
void tw_link_waits_free(tw_link_waits *waits);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tw_link_waits, tw_link_waits_free)

/* Sets for each pool how many flows waited at its hosts, in the mean over the interval that starts at start_s, of which
 * length_s are asked for. FALSE with `error` set on damage. */
gboolean tw_link_waits_at(tw_link_waits *waits, double start_s, double length_s, double *flows,
                          GError **error);

/* The share of its bandwidth that the busiest link of a pool's hosts carried, in the mean over length_s, which the
 * intervals asked for come to; 0: none. */
double tw_link_waits_used(const tw_link_waits *waits, guint pool, double length_s);

/* Whether a link is one of a host: its name begins with that of the host. */
gboolean tw_link_is_of(const char *link, const char *host);

#endif
