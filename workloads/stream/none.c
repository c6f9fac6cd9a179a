/* A stream without requests: of a site that computes jobs alone. */
#include "workloads/stream/stream_kind.h"

static gboolean next(tw_stream *stream, tw_request *request, GError **error)
{
  (void)stream, (void)request, (void)error;
  return FALSE;
}

static double progress(const tw_stream *stream)
{
  (void)stream;
  return 1;
}

static void free_stream(tw_stream *stream)
{
  g_free(stream);
}

static const tw_stream_kind none = {.next = next, .progress = progress, .free = free_stream};

tw_stream *tw_stream_none(void)
{
  tw_stream *stream = g_new0(tw_stream, 1);
  stream->kind = &none;
  return stream;
}
