/* Formats of trace files: what a row of tw_trace_formats must do, and the checks that all of them share.
 *
 * A reader turns the lines of one pass over a file into requests whose arrival_s is the time in the trace.
 * Order, ids, windows, scaling and repetition are the stream's business (replay.c). */
#ifndef TW_WORKLOADS_TRACE_H
#define TW_WORKLOADS_TRACE_H

#include "workloads/csv.h"
#include "workloads/stream.h"

struct tw_trace_format {
  const char *name;
  const char *help;      /* one line */
  const char *signature; /* what only the first line of such a file holds */
  /* A reader of one pass; reads the header if there is one. NULL with `error` set. */
  void *(*open)(tw_input *input, GError **error);
  /* The next request, id aside. FALSE at the end, or with `error` set and nothing left for the caller to
   * free. */
  gboolean (*read)(void *reader, tw_request *request, GError **error);
  void (*close)(void *reader);
};

extern const tw_trace_format tw_trace_azure, tw_trace_mooncake, tw_trace_servegen, tw_trace_native;

/* The format whose signature the first line holds; rewinds. NULL with `error` set where there is none. */
const tw_trace_format *tw_trace_detect(tw_input *input, GError **error);

/* The latest time in a trace: 31 years; more is a time of day in disguise. */
#define TW_TRACE_MAX_S 1e9

/* Fields of a row as numbers. Each sets its value, or reports at the line, under the name of the column, what
 * is out of range. A blank field of tokens takes `fallback`, unless that is negative: then it is a fault too.
 */
gboolean tw_trace_tokens(const tw_csv *csv, int column, gint32 min, gint32 fallback, gint32 *tokens,
                         GError **error);
gboolean tw_trace_seconds(const tw_csv *csv, int column, double *seconds, GError **error);

#endif
