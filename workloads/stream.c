#include "workloads/stream_kind.h"

gboolean tw_stream_next(tw_stream *stream, tw_request *request, GError **error)
{
  if (stream->ended || !stream->kind->next(stream, request, error)) {
    stream->ended = TRUE;
    return FALSE;
  }
  request->id = stream->next_id++;
  return TRUE;
}

double tw_stream_progress(const tw_stream *stream)
{
  return stream->ended ? 1 : stream->kind->progress(stream);
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
  if (stream != NULL)
    stream->kind->free(stream);
}
