/* Formats of trace files: what a row of tw_trace_formats must do, and the checks that all of them share.
 *
 * A reader turns the lines of one pass over a file into requests whose arrival_s is the time in the trace.
 * Order, ids, windows, scaling and repetition are the stream's business (replay.c). */
#ifndef TW_WORKLOADS_TRACE_H
#define TW_WORKLOADS_TRACE_H

#include "workloads/input/csv.h"
#include "workloads/stream/stream.h"

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
  const char *header; /* first line of a file that is written; "" if there is none */
  /* Appends a request as a line, without its end. Returns the parts (tw_trace_part) that the line holds. */
  guint (*write)(GString *row, const tw_request *request);
};

/* What not every format can say of a request. */
#define TW_TRACE_PARTS(X)                                                                                    \
  X(REASONING, "reasoning, apart from the answer")                                                           \
  X(SESSION, "session or client")                                                                            \
  X(PRIORITY, "priority")                                                                                    \
  X(HASHES, "hash ids")                                                                                      \
  X(CLASS, "class")

enum {
#define X(part, name) TW_TRACE_BIT_##part,
  TW_TRACE_PARTS(X)
#undef X
};
typedef enum {
#define X(part, name) TW_TRACE_##part = 1 << TW_TRACE_BIT_##part,
  TW_TRACE_PARTS(X)
#undef X
} tw_trace_part;
#define TW_TRACE_ALL G_MAXUINT

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

/* For writers: the shortest decimal that reads back as the same number; a field of CSV, quoted where it must
 * be, nothing for NULL; and how many hash ids are those of the prompt: traces do not name blocks of outputs.
 */
void tw_trace_append_number(GString *row, double value);
void tw_trace_append_text(GString *row, const char *text);
gint32 tw_trace_prompt_hashes(const tw_request *request);

#endif
