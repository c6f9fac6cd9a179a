/* A trace of several times as many users: every request several times, each copy a little later. */
#ifndef TW_WORKLOADS_COPIES_H
#define TW_WORKLOADS_COPIES_H

#include "workloads/stream/stream.h"

/* Makes a request that of the user with the `number` (0: the first) of those who send the trace: `mask`, which differs by user,
 * keeps its prompt from sharing prefixes with theirs, and `renames` tells its session apart by name. */
void tw_copy_make_other(tw_request *request, gint64 number, guint64 mask, gboolean renames);

/* Gives each request of `of`, whose arrivals must not fall, `options->copies` times, in the order of arrival. Each
 * arrives later by a time that is drawn evenly below `options->spread_s` (seconds of the run), so that peaks stay as long
 * as they were, where a higher rate_scale makes them shorter. The copies but the first are other users': their
 * sessions have other names, and their prompts share prefixes with the same copy of other requests alone. Takes `of`.
 * What arrives within the spread is held in memory. */
tw_stream *tw_stream_copies(tw_stream *of, const tw_trace_options *options);

#endif
