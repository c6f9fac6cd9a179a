#include "workloads/stream/mix.h"

#include "workloads/stream/stream_kind.h"

#include <math.h>

typedef struct mix {
  tw_stream base;
  tw_mix_member *members;
  double *due_s; /* when the next request of each member is due */
  int n;
  gint64 limit, emitted;
} mix;

/* Members can be few: their next arrivals are compared one by one. */
static int earliest(const mix *m)
{
  int at = 0;
  for (int i = 1; i < m->n; i++)
    if (m->due_s[i] < m->due_s[at])
      at = i;
  return at;
}

static double mix_due(const tw_stream *stream)
{
  const mix *m = (const mix *)stream;
  return m->emitted < m->limit ? m->due_s[earliest(m)] : INFINITY;
}

static void look(mix *m, int member)
{
  GError *error = NULL;
  tw_stream_due(m->members[member].stream, &m->due_s[member], &error);
  g_assert(error == NULL);
}

static gboolean next_mixed(tw_stream *stream, tw_request *request, GError **error)
{
  mix *m = (mix *)stream;
  int from = earliest(m);
  if (!tw_stream_next(m->members[from].stream, request, error))
    return FALSE;
  request->class = m->members[from].class;
  request->priority = m->members[from].priority;
  m->emitted++;
  look(m, from);
  return TRUE;
}

static void mix_told(tw_stream *stream, const tw_request *request, gboolean completed, double now_s)
{
  mix *m = (mix *)stream;
  int of = 0;
  while (m->members[of].class != request->class)
    of++;
  tw_stream_told(m->members[of].stream, request, completed, now_s);
  look(m, of);
}

/* The mix is as far as its slowest member. */
static double mix_progress(const tw_stream *stream)
{
  const mix *m = (const mix *)stream;
  double least = 1;
  for (int i = 0; i < m->n; i++)
    least = MIN(least, tw_stream_progress(m->members[i].stream));
  return MIN(1, MAX(least, (double)m->emitted / (double)m->limit));
}

static void free_mix(tw_stream *stream)
{
  mix *m = (mix *)stream;
  for (int i = 0; i < m->n; i++)
    tw_stream_free(m->members[i].stream);
  g_free(m->members);
  g_free(m->due_s);
  g_free(m);
}

static gboolean mix_sessions(const tw_stream *stream, tw_session_counts *counts)
{
  const mix *m = (const mix *)stream;
  gboolean any = FALSE;
  *counts = (tw_session_counts){0};
  for (int i = 0; i < m->n; i++) {
    tw_session_counts of_member;
    if (!tw_stream_session_counts(m->members[i].stream, &of_member))
      continue;
    any = TRUE;
    counts->started += of_member.started;
    counts->completed += of_member.completed;
    counts->broken += of_member.broken;
  }
  return any;
}

static const tw_stream_kind mix_kind = {.next = next_mixed,
                                        .progress = mix_progress,
                                        .free = free_mix,
                                        .due = mix_due,
                                        .told = mix_told,
                                        .sessions = mix_sessions};

/* A mix whose members all wait for nothing. */
static const tw_stream_kind open_kind = {
    .next = next_mixed, .progress = mix_progress, .free = free_mix, .due = mix_due};

tw_stream *tw_stream_mix(const tw_mix_member *members, int n, gint64 limit)
{
  g_assert(n >= 1);
  mix *m = g_new0(mix, 1);
  m->base.kind = &mix_kind;
  m->members = g_memdup2(members, (gsize)n * sizeof *members);
  m->due_s = g_new(double, (gsize)n);
  m->n = n;
  m->limit = limit;
  gboolean waits = FALSE;
  for (int i = 0; i < n; i++) {
    waits |= tw_stream_waits(members[i].stream);
    look(m, i);
  }
  if (!waits)
    m->base.kind = &open_kind;
  return &m->base;
}
