#include "workloads/stream/stream_kind.h"

#include <math.h>

gboolean tw_stream_next(tw_stream *stream, tw_request *request, GError **error)
{
  if (stream->kind->due != NULL && isinf(stream->kind->due(stream)))
    return FALSE;
  if (stream->looked) {
    *request = stream->ahead;
    stream->looked = FALSE;
  } else if (stream->ended || !stream->kind->next(stream, request, error)) {
    stream->ended = TRUE;
    return FALSE;
  }
  request->id = stream->next_id++;
  return TRUE;
}

gboolean tw_stream_over(const tw_stream *stream)
{
  if (stream->kind->due != NULL)
    return isinf(stream->kind->due(stream)) && stream->kind->progress(stream) >= 1;
  return stream->ended && !stream->looked;
}

gboolean tw_stream_due(tw_stream *stream, double *arrival_s, GError **error)
{
  *arrival_s = INFINITY;
  if (stream->kind->due != NULL) {
    *arrival_s = stream->kind->due(stream);
    return TRUE;
  }
  if (!stream->looked && !stream->ended) {
    GError *problem = NULL;
    stream->looked = stream->kind->next(stream, &stream->ahead, &problem);
    stream->ended = !stream->looked;
    if (problem != NULL) {
      g_propagate_error(error, problem);
      return FALSE;
    }
  }
  if (stream->looked)
    *arrival_s = stream->ahead.arrival_s;
  return TRUE;
}

void tw_stream_told(tw_stream *stream, const tw_request *request, gboolean completed, double now_s)
{
  if (stream->kind->told != NULL)
    stream->kind->told(stream, request, completed, now_s);
}

double tw_stream_progress(const tw_stream *stream)
{
  return stream->ended && !stream->looked ? 1 : stream->kind->progress(stream);
}

gboolean tw_stream_waits(const tw_stream *stream)
{
  return stream->kind->told != NULL;
}

gboolean tw_stream_session_counts(const tw_stream *stream, tw_session_counts *counts)
{
  return stream->kind->sessions != NULL && stream->kind->sessions(stream, counts);
}

const tw_trace_tally *tw_stream_tally(const tw_stream *stream)
{
  return stream->kind->tally != NULL ? stream->kind->tally(stream) : NULL;
}

const char *tw_stream_sha256(const tw_stream *stream)
{
  return stream->kind->sha256 != NULL ? stream->kind->sha256(stream) : NULL;
}

const char *tw_stream_path(const tw_stream *stream)
{
  return stream->kind->path != NULL ? stream->kind->path(stream) : NULL;
}

void tw_stream_free(tw_stream *stream)
{
  if (stream == NULL)
    return;
  if (stream->looked)
    tw_request_clear(&stream->ahead);
  stream->kind->free(stream);
}
