/* Sorts rows of a trace by group, arrival and place, in bounded memory: what does not fit goes to temporary
 * files, sorted pieces of which are merged as rows are read.
 *
 *     rows ─► memory ─full─► sorted file ┐
 *                    └─────► sorted file ┴─► merge ─► rows */
#ifndef TW_WORKLOADS_ROW_SORTER_H
#define TW_WORKLOADS_ROW_SORTER_H

#include "workloads/formats/row.h"

typedef struct tw_row_sorter tw_row_sorter;

enum { TW_ROW_SORTER_BYTES = 64 * 1024 * 1024 }; /* bytes of rows that are kept in memory, by default */

tw_row_sorter *tw_row_sorter_new(gsize memory_bytes);
void tw_row_sorter_free(tw_row_sorter *sorter);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tw_row_sorter, tw_row_sorter_free)

/* Copies a row, which stays the caller's. FALSE with `error` where the temporary directory has no room. */
gboolean tw_row_sorter_add(tw_row_sorter *sorter, const tw_trace_row *row, guint64 group, GError **error);

/* Goes to the first row; none can be added afterwards. */
gboolean tw_row_sorter_rewind(tw_row_sorter *sorter, GError **error);
/* The next row, which the caller clears, and its group. FALSE at the end, or with `error` set. */
gboolean tw_row_sorter_next(tw_row_sorter *sorter, tw_trace_row *row, guint64 *group, GError **error);

#endif
