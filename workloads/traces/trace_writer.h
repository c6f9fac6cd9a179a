/* Writing rows of traces; tw_trace_writer itself is declared with the streams. */
#ifndef TW_WORKLOADS_TRACE_WRITER_H
#define TW_WORKLOADS_TRACE_WRITER_H

#include "workloads/formats/format.h"

/* Opens a writer as tw_trace_writer_open does; `linked`: rows tell what requests wait for, where the format
 * can say that. */
tw_trace_writer *tw_trace_writer_open_linked(const char *path, const tw_trace_format *format, gboolean linked,
                                             GError **error);
/* Whether it writes what requests wait for, and pieces. */
gboolean tw_trace_writer_links(const tw_trace_writer *writer);
gboolean tw_trace_writer_add_row(tw_trace_writer *writer, const tw_trace_row *row, GError **error);

#endif
