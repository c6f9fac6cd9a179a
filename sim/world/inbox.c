#include "sim/world/inbox.h"

#include "sim/base/heap.h"
#include "workloads/stream/stream_kind.h"

typedef struct letter {
  tw_request request;
  tw_heap_node node; /* by arrival, then number */
} letter;

typedef struct inbox {
  tw_stream stream;
  tw_heap letters;
  double (*progress)(void *user);
  void *user;
} inbox;

static letter *take(inbox *box)
{
  tw_heap_node *node = tw_heap_top(&box->letters);
  tw_heap_remove(&box->letters, node);
  return tw_container(node, letter, node);
}

static gboolean next(tw_stream *stream, tw_request *request, GError **error)
{
  (void)error;
  letter *taken = take((inbox *)stream);
  *request = taken->request;
  stream->next_id = request->id; /* The id that tw_stream_next gives the request. */
  g_free(taken);
  return TRUE;
}

static double due(const tw_stream *stream)
{
  const tw_heap_node *node = tw_heap_top(&((const inbox *)stream)->letters);
  return node != NULL ? node->key : INFINITY;
}

static double progress(const tw_stream *stream)
{
  const inbox *box = (const inbox *)stream;
  return box->progress(box->user);
}

static void free_inbox(tw_stream *stream)
{
  inbox *box = (inbox *)stream;
  while (box->letters.n > 0) {
    letter *left = take(box);
    tw_request_clear(&left->request);
    g_free(left);
  }
  tw_heap_clear(&box->letters);
  g_free(box);
}

static const tw_stream_kind inbox_kind = {.next = next, .progress = progress, .due = due, .free = free_inbox};

tw_stream *tw_inbox_new(double (*of)(void *user), void *user)
{
  inbox *box = g_new0(inbox, 1);
  *box = (inbox){.stream = {.kind = &inbox_kind}, .progress = of, .user = user};
  return &box->stream;
}

void tw_inbox_put(tw_stream *stream, const tw_request *request)
{
  letter *put = g_new(letter, 1);
  *put = (letter){*request, {.place = TW_HEAP_OUT}};
  tw_heap_push(&((inbox *)stream)->letters, &put->node, request->arrival_s, request->id);
}
