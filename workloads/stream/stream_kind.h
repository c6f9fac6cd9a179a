/* A kind of stream: the row of functions that it must have, and the beginning of its struct. */
#ifndef TW_WORKLOADS_STREAM_KIND_H
#define TW_WORKLOADS_STREAM_KIND_H

#include "workloads/stream/sessions.h"

typedef struct tw_stream_kind {
  /* Does what tw_stream_next says; the id and the state after the end are the caller's business. */
  gboolean (*next)(tw_stream *stream, tw_request *request, GError **error);
  double (*progress)(const tw_stream *stream);
  const char *(*sha256)(const tw_stream *stream); /* NULL: never */
  const char *(*path)(const tw_stream *stream);   /* NULL: none */
  void (*free)(tw_stream *stream);
  /* Kinds that wait for answers have these two, and the others NULL: `due` tells when the next request
   * arrives, INFINITY while there is none; `told` does what tw_stream_told says. Their `next` is called only
   * when there is a request. */
  double (*due)(const tw_stream *stream);
  void (*told)(tw_stream *stream, const tw_request *request, gboolean completed, double now_s);
  /* Does what tw_stream_session_counts says; NULL: the stream is not one of sessions. */
  gboolean (*sessions)(const tw_stream *stream, tw_session_counts *counts);
  /* Does what tw_stream_tally says; NULL: there is none. */
  const tw_trace_tally *(*tally)(const tw_stream *stream);
} tw_stream_kind;

struct tw_stream {
  const tw_stream_kind *kind;
  guint64 next_id;
  gboolean ended;
  gboolean looked; /* the next request of a kind without `due` has been read ahead, into `ahead` */
  tw_request ahead;
};

#endif
