/* The rows of a trace as options choose and change them: window, scale, lengths, repetition.
 *
 *     trace   |----- start -----[======= duration =======)-----|
 *     replay                    [= pass 0 =)[= pass 1 =) ...     at 1 / rate_scale */
#ifndef TW_WORKLOADS_REPLAY_H
#define TW_WORKLOADS_REPLAY_H

#include "workloads/traces/trace_rows.h"

typedef struct tw_replay tw_replay;

/* Opens a trace as tw_stream_open does. `options` are copied. */
tw_replay *tw_replay_open(const char *path, const tw_trace_format *format, const tw_trace_options *options,
                          GError **error);
void tw_replay_free(tw_replay *replay);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tw_replay, tw_replay_free)

/* The next row as the trace has it: its output may be 0 tokens, its hash ids pieces. The caller clears it.
 * FALSE at the end, or with `error` set. */
gboolean tw_replay_next(tw_replay *replay, tw_trace_row *row, GError **error);

/* Tokens of a block, for tw_trace_row_simplify. */
gint32 tw_replay_block_tokens(const tw_replay *replay);
const tw_trace_options *tw_replay_options(const tw_replay *replay);
const tw_trace_rows *tw_replay_rows(const tw_replay *replay);
double tw_replay_progress(const tw_replay *replay);
const char *tw_replay_sha256(const tw_replay *replay);
const char *tw_replay_path(const tw_replay *replay);

/* The stream of a replay whose mode is "sessions" or "lanes" (plays.c); it owns the replay from now on. */
tw_stream *tw_stream_plays(tw_replay *replay);

#endif
