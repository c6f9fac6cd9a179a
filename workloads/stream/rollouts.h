/* Rollouts: sessions that begin when a trainer asks for them, in groups of samples of one prompt.
 *
 *     begin(groups) ──► each: `samples` sessions with one prompt ──► all of them have ended ──► taken, oldest first
 *                             held: no turn begins              └──► dropped: whatever it still had is forgotten
 *
 * All turns that begin a session begin with the group's prompt: as long, and with the ids of its blocks, so that samples
 * find it in the cache. Everything else is drawn by each. */
#ifndef TW_WORKLOADS_ROLLOUTS_H
#define TW_WORKLOADS_ROLLOUTS_H

#include "workloads/stream/stream.h"

/* Sums over the sessions of groups. A turn that was not completed counts nothing, nor do those after it. */
typedef struct tw_rollout_sums {
  gint64 rollouts;      /* those of which any turn was completed */
  gint64 tokens;        /* prompts, as far as turns add them, and outputs */
  gint64 output_tokens; /* sum over all turns */
  gint64 longest;       /* most output tokens of a session */
} tw_rollout_sums;

/* Whether a stream is one of rollouts, which the calls below take. */
gboolean tw_stream_has_rollouts(const tw_stream *stream);

/* Begins groups at now_s, behind those that have begun. */
void tw_rollouts_begin(tw_stream *stream, gint64 groups, double now_s);
/* Groups that have begun and not ended; and those that have ended and are still to be taken. */
gint64 tw_rollouts_open(const tw_stream *stream);
gint64 tw_rollouts_ended(const tw_stream *stream);
/* Takes the groups that ended first; there must be as many. */
tw_rollout_sums tw_rollouts_take(tw_stream *stream, gint64 groups);

/* Nothing arrives until they are released; what was due meanwhile arrives then. */
void tw_rollouts_hold(tw_stream *stream);
void tw_rollouts_release(tw_stream *stream, double now_s);
/* Forgets every group that was not taken. How their requests end does not matter any more. */
void tw_rollouts_drop(tw_stream *stream);
/* No group will begin any more: once those that have are over, so is the stream. */
void tw_rollouts_close(tw_stream *stream);

#endif
