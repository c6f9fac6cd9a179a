/* How much more load pools would serve: an estimate, without runs.
 *
 * The load of a day is not even, and an SLO is kept or missed in its busiest part. So the closed form
 * (tw_binding_headroom) is asked of each tenth of the time in which the load was on, and the least counts. */
#ifndef TW_ANALYSIS_HEADROOM_H
#define TW_ANALYSIS_HEADROOM_H

#include "analysis/explain/sections.h"

/* Whether so many requests were rejected, which would be so at any load, that the SLO is missed by these alone. */
gboolean tw_headroom_is_rejected(const tw_explained *e);

/* Sets e->headrooms, a factor of the load for each pool of e->pools; NAN where none is known: of pools that are
 * saturated, whose growth the closed form does not know, of rollouts, which take all that serves them, and where too many requests
 * are rejected. FALSE with
 * `error` set on damage. */
gboolean tw_headroom_read(tw_explained *e, GError **error);

/* What headrooms are factors of: "this load", or, where another pool is saturated, what that lets through. */
const char *tw_headroom_load(const tw_explained *e);

/* "; 1 of its 4 engines would serve this load": where the headroom leaves some idle. The caller frees it. */
char *tw_headroom_enough(const tw_explained *e, guint pool);

#endif
