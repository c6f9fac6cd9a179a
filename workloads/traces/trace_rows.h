/* The rows of a trace file, pass after pass, in the order of arrival or of the file: with what the options
 * say about rows that are out of order, broken, or of requests that failed, and a tally of them. */
#ifndef TW_WORKLOADS_TRACE_ROWS_H
#define TW_WORKLOADS_TRACE_ROWS_H

#include "workloads/formats/format.h"

typedef struct tw_trace_rows tw_trace_rows;

/* `format` NULL: told by the first row. `options` is borrowed. NULL with `error` set. */
tw_trace_rows *tw_trace_rows_open(const char *path, const tw_trace_format *format,
                                  const tw_trace_options *options, GError **error);
void tw_trace_rows_free(tw_trace_rows *rows);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tw_trace_rows, tw_trace_rows_free)

/* The next row, which the caller clears: none of a request that failed; times from 0 on that never decrease,
 * unless the rows are in the order of the file. FALSE at the end of the pass, or with `error` set. */
gboolean tw_trace_rows_next(tw_trace_rows *rows, tw_trace_row *row, GError **error);
/* Goes back to the first row. */
gboolean tw_trace_rows_rewind(tw_trace_rows *rows, GError **error);

/* Whether the rows come in the order of the file, the rows of a session together: in the modes that replay
 * sessions, where the format has them so. */
gboolean tw_trace_rows_by_session(const tw_trace_rows *rows);
const tw_trace_format *tw_trace_rows_format(const tw_trace_rows *rows);
tw_input *tw_trace_rows_input(const tw_trace_rows *rows);
double tw_trace_rows_progress(const tw_trace_rows *rows); /* share of the pass that was read, 0 to 1 */
const tw_trace_tally *tw_trace_rows_tally(const tw_trace_rows *rows);

/* Makes a row one that the simulator serves: pieces of unequal length become blocks of `block_tokens` (0: 16)
 * with ids of their content, and an output of no token one of one, with which a prefill ends. */
void tw_trace_row_simplify(tw_trace_row *row, gint32 block_tokens);

#endif
