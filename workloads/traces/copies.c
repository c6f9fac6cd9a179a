#include "workloads/traces/copies.h"

#include "platforms/input/fault.h"
#include "workloads/draw/chance.h"
#include "workloads/stream/stream_kind.h"

#include <string.h>

typedef struct copies {
  tw_stream base;
  tw_stream *of;
  gint64 copies;
  double spread_s;
  tw_chance shifts;
  GSequence *waiting; /* tw_request, by arrival */
  double front_s;     /* Arrival of the last request of `of`: what comes yet is no earlier. */
  gboolean all_read;
} copies;

static gint by_arrival(gconstpointer a, gconstpointer b, gpointer unused)
{
  const tw_request *x = a, *y = b;
  (void)unused;
  return (x->arrival_s > y->arrival_s) - (x->arrival_s < y->arrival_s);
}

static void free_request(gpointer request)
{
  tw_request_clear(request);
  g_free(request);
}

void tw_copy_make_other(tw_request *request, gint64 number, guint64 mask, gboolean renames)
{
  if (renames && request->session != NULL) {
    char *name = g_strdup_printf("%s#%" G_GINT64_FORMAT, request->session, number + 1);
    g_free(request->session);
    request->session = name;
  }
  for (gint32 i = 0; i < request->n_hashes; i++)
    request->hashes[i] ^= mask;
}

/* Another user's request of the same lengths. FALSE with `error`: its name becomes too long. */
static gboolean rename_copy(tw_request *request, gint64 number, GError **error)
{
  enum { DIGITS = 24 };
  if (request->session != NULL && strlen(request->session) > TW_REQUEST_MAX_NAME_BYTES / 2 - DIGITS)
    return tw_input_error_set(
        error, TW_INPUT_ERROR_VALUE, NULL, 0,
        "the name of a session is too long to be told apart from its copies; write names of at "
        "most %d bytes",
        TW_REQUEST_MAX_NAME_BYTES / 2 - DIGITS);
  tw_copy_make_other(request, number, (guint64)number * G_GUINT64_CONSTANT(0xbf58476d1ce4e5b9), TRUE);
  return TRUE;
}

/* Reads the next request of the trace, and puts its copies where they belong. */
static gboolean read_one(copies *of, GError **error)
{
  GError *problem = NULL;
  tw_request read;
  if (!tw_stream_next(of->of, &read, &problem)) {
    of->all_read = TRUE;
    if (problem != NULL)
      g_propagate_error(error, problem);
    return problem == NULL;
  }
  gboolean good = TRUE;
  of->front_s = read.arrival_s;
  for (gint64 i = 0; good && i < of->copies; i++) {
    tw_request *copy = g_memdup2(&read, sizeof read);
    copy->hashes = g_memdup2(read.hashes, (gsize)read.n_hashes * sizeof *read.hashes);
    copy->session = g_strdup(read.session);
    copy->arrival_s += of->spread_s * tw_chance_uniform(&of->shifts);
    g_sequence_insert_sorted(of->waiting, copy, by_arrival, NULL);
    good = i == 0 || rename_copy(copy, i, error);
  }
  tw_request_clear(&read);
  return good;
}

static gboolean next(tw_stream *stream, tw_request *request, GError **error)
{
  copies *of = (copies *)stream;
  for (;;) {
    GSequenceIter *first = g_sequence_get_begin_iter(of->waiting);
    gboolean some = !g_sequence_iter_is_end(first);
    tw_request *earliest = some ? g_sequence_get(first) : NULL;
    if (some && (of->all_read || earliest->arrival_s <= of->front_s)) {
      *request = *earliest;
      earliest->hashes = NULL;
      earliest->session = NULL;
      g_sequence_remove(first);
      return TRUE;
    }
    if (of->all_read || !read_one(of, error))
      return FALSE;
  }
}

static double progress(const tw_stream *stream)
{
  return tw_stream_progress(((const copies *)stream)->of);
}

static const char *sha256(const tw_stream *stream)
{
  return tw_stream_sha256(((const copies *)stream)->of);
}

static const char *path(const tw_stream *stream)
{
  return tw_stream_path(((const copies *)stream)->of);
}

static const tw_trace_tally *tally(const tw_stream *stream)
{
  return tw_stream_tally(((const copies *)stream)->of);
}

static void free_copies(tw_stream *stream)
{
  copies *of = (copies *)stream;
  tw_stream_free(of->of);
  g_sequence_free(of->waiting);
  g_free(of);
}

static const tw_stream_kind kind = {
    .next = next, .progress = progress, .sha256 = sha256, .path = path, .tally = tally, .free = free_copies};

tw_stream *tw_stream_copies(tw_stream *of, const tw_trace_options *options)
{
  copies *stream = g_new0(copies, 1);
  stream->base.kind = &kind;
  stream->of = of;
  stream->copies = options->copies;
  stream->spread_s = options->spread_s;
  stream->shifts = tw_chance_new(options->seed, "copies");
  stream->waiting = g_sequence_new(free_request);
  return &stream->base;
}
