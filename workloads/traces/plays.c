/* The stream that plays recorded sessions again: what a request waited for then, it waits for now.
 *
 *     rows ─► session ─► requests that wait ──end or start of others + delay──► due ─► sent ─► told
 *
 * A session is read whole when it begins, and forgotten when its last request has ended. */
#include "platforms/input/fault.h"
#include "workloads/stream/stream_kind.h"
#include "workloads/traces/play.h"
#include "workloads/traces/replay.h"
#include "workloads/traces/row_sorter.h"

typedef struct {
  tw_stream base;
  tw_replay *replay;
  gboolean lanes;
  gint32 block_tokens;

  tw_row_sorter *sorter; /* sorts the rows of sessions that do not lie together; NULL: they do */
  guint64 rows, given;   /* in it, from it */
  tw_trace_row ahead;    /* the first row of the session after `next`, */
  guint64 ahead_group;
  gboolean has_ahead, opened;

  tw_play *next; /* loaded, not begun; NULL: there is none */
  guint64 loaded, live;
  GSequence *due;        /* steps in the order of ready_s */
  GHashTable *under_way; /* step by id of its request */
  double now_s;
  GError *problem; /* error that a later call reports */
  tw_session_counts counts;
} plays;

/* ---- Reading sessions ---- */

typedef struct {
  double start_s;
  guint64 group;
} session_start;

static int by_start(gconstpointer a, gconstpointer b)
{
  const session_start *x = a, *y = b;
  return (x->start_s > y->start_s) - (x->start_s < y->start_s);
}

static gboolean are_sorted(const GArray *starts)
{
  for (guint i = 1; i < starts->len; i++)
    if (g_array_index(starts, session_start, i).start_s < g_array_index(starts, session_start, i - 1).start_s)
      return FALSE;
  return TRUE;
}

/* Sorts the sessions, which lie in the order of the file, by the times at which they start. */
static gboolean sort_by_start(plays *s, GArray *starts, GError **error)
{
  if (are_sorted(starts))
    return TRUE;
  g_autofree guint64 *ranks = g_new(guint64, starts->len);
  g_array_sort(starts, by_start); /* GLib's sort of arrays is stable */
  for (guint i = 0; i < starts->len; i++)
    ranks[g_array_index(starts, session_start, i).group] = i;
  tw_row_sorter *as_read = s->sorter;
  GError *problem = NULL;
  guint64 group;
  s->sorter = tw_row_sorter_new(TW_ROW_SORTER_BYTES);
  if (tw_row_sorter_rewind(as_read, &problem))
    for (tw_trace_row row; problem == NULL && tw_row_sorter_next(as_read, &row, &group, &problem);
         tw_trace_row_clear(&row))
      tw_row_sorter_add(s->sorter, &row, ranks[group], &problem);
  tw_row_sorter_free(as_read);
  if (problem != NULL)
    g_propagate_error(error, problem);
  return problem == NULL;
}

/* Rows by session, sessions in the order of their starts, or, in lanes, of their first rows. A row without a session
 * is one of its own. */
static gboolean group_rows(plays *s, GError **error)
{
  g_autoptr(GHashTable) groups = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  g_autoptr(GArray) starts = g_array_new(FALSE, FALSE, sizeof(session_start));
  s->sorter = tw_row_sorter_new(TW_ROW_SORTER_BYTES);
  GError *problem = NULL;
  for (tw_trace_row row; problem == NULL && tw_replay_next(s->replay, &row, &problem);
       tw_trace_row_clear(&row)) {
    const char *session = row.request.session;
    guint64 *known = session != NULL ? g_hash_table_lookup(groups, session) : NULL,
            group = known != NULL ? *known : starts->len;
    session_start new = {row.request.arrival_s, group};
    if (known == NULL) {
      g_array_append_val(starts, new);
      if (session != NULL)
        g_hash_table_insert(groups, g_strdup(session), g_memdup2(&group, sizeof group));
    }
    session_start *of = &g_array_index(starts, session_start, group);
    of->start_s = fmin(of->start_s, row.request.arrival_s);
    tw_row_sorter_add(s->sorter, &row, group, &problem);
    s->rows++;
  }
  if (problem != NULL) {
    g_propagate_error(error, problem);
    return FALSE;
  }
  if (!s->lanes && !sort_by_start(s, starts, error))
    return FALSE;
  return tw_row_sorter_rewind(s->sorter, error);
}

/* Reads a row into `ahead`; none at the end. FALSE with `error`. */
static gboolean look_ahead(plays *s, GError **error)
{
  GError *problem = NULL;
  if (s->sorter != NULL) {
    s->has_ahead = tw_row_sorter_next(s->sorter, &s->ahead, &s->ahead_group, &problem);
    s->given += s->has_ahead ? 1 : 0;
  } else {
    s->has_ahead = tw_replay_next(s->replay, &s->ahead, &problem);
  }
  if (problem == NULL)
    return TRUE;
  g_propagate_error(error, problem);
  return FALSE;
}

static int by_arrival(gconstpointer a, gconstpointer b)
{
  const tw_trace_row *x = a, *y = b;
  return (x->request.arrival_s > y->request.arrival_s) - (x->request.arrival_s < y->request.arrival_s);
}

/* Whether the row ahead belongs to the session that is being read. */
static gboolean belongs(const plays *s, const char *session, guint64 group)
{
  if (!s->has_ahead)
    return FALSE;
  if (s->sorter != NULL)
    return s->ahead_group == group;
  return session != NULL && s->ahead.request.session != NULL &&
         g_str_equal(session, s->ahead.request.session);
}

/* Reads the next session into `next`. FALSE with `error`. */
static gboolean load_play(plays *s, GError **error)
{
  if (!s->opened) {
    s->opened = TRUE;
    gboolean as_they_lie = s->lanes && tw_trace_rows_by_session(tw_replay_rows(s->replay));
    if ((!as_they_lie && !group_rows(s, error)) || !look_ahead(s, error))
      return FALSE;
  }
  if (!s->has_ahead)
    return TRUE;
  g_autoptr(GArray) rows = g_array_new(FALSE, FALSE, sizeof(tw_trace_row));
  g_autofree char *session = g_strdup(s->ahead.request.session);
  guint64 group = s->ahead_group;
  gboolean good;
  do {
    g_array_append_val(rows, s->ahead);
    good = look_ahead(s, error);
  } while (good && belongs(s, session, group));
  g_array_sort(rows, by_arrival); /* GLib's sort of arrays is stable */
  const tw_trace_options *options = tw_replay_options(s->replay);
  s->next = tw_play_new(rows, s->loaded++, options->rate_scale, options->most_gap_s);
  if (!good)
    return FALSE;
  if (tw_play_has_no_circle(s->next))
    return TRUE;
  g_autofree char *quoted = tw_input_quote(session != NULL ? session : "");
  return tw_input_error_set(error, TW_INPUT_ERROR_VALUE, tw_replay_path(s->replay), 0,
                            "requests of the session '%s' wait for each other in a circle", quoted);
}

/* ---- Playing them ---- */

static int by_ready(gconstpointer a, gconstpointer b, gpointer unused)
{
  const tw_step *x = a, *y = b;
  (void)unused;
  if (x->ready_s != y->ready_s)
    return x->ready_s < y->ready_s ? -1 : 1;
  return (x->order > y->order) - (x->order < y->order);
}

static void make_due(plays *s, tw_step *one)
{
  g_sequence_insert_sorted(s->due, one, by_ready, NULL);
  one->of->due++;
}

/* Something that a step waits for has happened: it may begin at `ready_s` at the earliest. */
static void meet(plays *s, tw_step *one, double ready_s)
{
  one->ready_s = fmax(one->ready_s, ready_s);
  if (--one->unmet == 0)
    make_due(s, one);
}

static void follow(plays *s, tw_step *one, gboolean for_start, double now_s)
{
  for (guint i = 0; one->then != NULL && i < one->then->len; i++) {
    const tw_consequence *then = &g_array_index(one->then, tw_consequence, i);
    if (then->for_start == for_start)
      meet(s, &one->of->steps[then->step], now_s + then->delay_s);
  }
}

static void load_next(plays *s)
{
  s->next = NULL;
  if (s->problem == NULL && !load_play(s, &s->problem)) {
    tw_play_free(s->next);
    s->next = NULL;
  }
}

static void begin(plays *s, double now_s)
{
  tw_play *p = s->next;
  p->begin_s = p->quiet_s = now_s;
  s->live++;
  s->counts.started++;
  for (guint i = 0; i < p->n; i++) {
    tw_step *one = &p->steps[i];
    one->ready_s = now_s + (isnan(one->row.floor_s) ? 0 : one->row.floor_s);
    if (one->unmet > 0)
      continue;
    double offset_s = one->row.request.arrival_s - p->first_s;
    if (isnan(one->row.floor_s))
      one->ready_s += s->lanes ? fmin(offset_s, tw_replay_options(s->replay)->most_gap_s) : offset_s;
    make_due(s, one);
  }
  load_next(s);
}

static void fill_lanes(plays *s, double now_s)
{
  while (s->lanes && s->next != NULL && s->live < (guint64)tw_replay_options(s->replay)->lanes)
    begin(s, now_s);
}

static double first_due_s(const plays *s)
{
  GSequenceIter *first = g_sequence_get_begin_iter(s->due);
  return g_sequence_iter_is_end(first) ? INFINITY : ((const tw_step *)g_sequence_get(first))->ready_s;
}

static double plays_due(const tw_stream *stream)
{
  const plays *s = (const plays *)stream;
  if (s->problem != NULL)
    return s->now_s;
  double due_s = first_due_s(s);
  return s->next != NULL && !s->lanes ? fmin(due_s, s->next->first_s) : due_s;
}

static gboolean warms_up(const plays *s, const tw_play *p)
{
  return p->ordinal < (guint64)tw_replay_options(s->replay)->warmup_sessions;
}

static gboolean next_played(tw_stream *stream, tw_request *request, GError **error)
{
  plays *s = (plays *)stream;
  while (s->problem == NULL && !s->lanes && s->next != NULL && s->next->first_s <= first_due_s(s))
    begin(s, s->next->first_s);
  if (s->problem != NULL) {
    g_propagate_error(error, g_steal_pointer(&s->problem));
    s->base.ended = TRUE;
    return FALSE;
  }
  GSequenceIter *first = g_sequence_get_begin_iter(s->due);
  tw_step *one = g_sequence_get(first);
  tw_play *p = one->of;
  g_sequence_remove(first);
  p->due--;
  if (p->in_flight++ == 0)
    p->away_s += one->ready_s - p->quiet_s;
  one->sent_s = s->now_s = one->ready_s;
  tw_trace_row_simplify(&one->row, s->block_tokens);
  *request = one->row.request;
  request->arrival_s = one->ready_s;
  request->warmup = warms_up(s, p);
  one->row.request.hashes = NULL;
  one->row.request.session = NULL;
  guint64 *id = g_new(guint64, 1);
  *id = s->base.next_id;
  g_hash_table_insert(s->under_way, id, one);
  follow(s, one, TRUE, one->ready_s);
  return TRUE;
}

/* Takes what is due of a broken session out. */
static void drop_due(plays *s, const tw_play *p)
{
  for (GSequenceIter *at = g_sequence_get_begin_iter(s->due); !g_sequence_iter_is_end(at);) {
    GSequenceIter *next = g_sequence_iter_next(at);
    if (((const tw_step *)g_sequence_get(at))->of == p)
      g_sequence_remove(at);
    at = next;
  }
}

static void end_play(plays *s, tw_play *p, double now_s)
{
  s->counts.completed += p->broken ? 0 : 1;
  s->counts.broken += p->broken ? 1 : 0;
  if (!p->broken && !warms_up(s, p)) {
    s->counts.measured++;
    s->counts.makespan_s += now_s - p->begin_s;
    s->counts.longest_s = fmax(s->counts.longest_s, now_s - p->begin_s);
    s->counts.model_s += p->model_s;
    s->counts.away_s += p->away_s;
  }
  s->live--;
  tw_play_free(p);
  fill_lanes(s, now_s);
}

static void plays_told(tw_stream *stream, const tw_request *request, gboolean completed, double now_s)
{
  plays *s = (plays *)stream;
  tw_step *one = g_hash_table_lookup(s->under_way, &request->id);
  if (one == NULL)
    return;
  tw_play *p = one->of;
  g_hash_table_remove(s->under_way, &request->id);
  s->now_s = fmax(s->now_s, now_s);
  p->model_s += now_s - one->sent_s;
  p->ended++;
  if (--p->in_flight == 0)
    p->quiet_s = now_s;
  if (!completed && !p->broken) {
    p->broken = TRUE;
    drop_due(s, p);
    p->due = 0;
  }
  if (!p->broken)
    follow(s, one, FALSE, now_s);
  if (p->in_flight == 0 && (p->broken || p->ended == p->n))
    end_play(s, p, now_s);
}

static double plays_progress(const tw_stream *stream)
{
  const plays *s = (const plays *)stream;
  return s->sorter != NULL ? (double)s->given / (double)MAX(s->rows, 1) : tw_replay_progress(s->replay);
}

static const char *plays_sha256(const tw_stream *stream)
{
  return tw_replay_sha256(((const plays *)stream)->replay);
}

static const char *plays_path(const tw_stream *stream)
{
  return tw_replay_path(((const plays *)stream)->replay);
}

static const tw_trace_tally *plays_tally(const tw_stream *stream)
{
  return tw_trace_rows_tally(tw_replay_rows(((const plays *)stream)->replay));
}

static gboolean plays_counts(const tw_stream *stream, tw_session_counts *counts)
{
  *counts = ((const plays *)stream)->counts;
  return TRUE;
}

static void free_plays(tw_stream *stream)
{
  plays *s = (plays *)stream;
  g_autoptr(GHashTable) live = g_hash_table_new(NULL, NULL); /* sessions that have not ended */
  GHashTableIter each;
  gpointer one;
  for (GSequenceIter *at = g_sequence_get_begin_iter(s->due); !g_sequence_iter_is_end(at);
       at = g_sequence_iter_next(at))
    g_hash_table_add(live, ((tw_step *)g_sequence_get(at))->of);
  g_hash_table_iter_init(&each, s->under_way);
  while (g_hash_table_iter_next(&each, NULL, &one))
    g_hash_table_add(live, ((tw_step *)one)->of);
  g_hash_table_iter_init(&each, live);
  while (g_hash_table_iter_next(&each, &one, NULL))
    tw_play_free(one);
  tw_play_free(s->next);
  if (s->has_ahead)
    tw_trace_row_clear(&s->ahead);
  g_sequence_free(s->due);
  g_hash_table_unref(s->under_way);
  tw_row_sorter_free(s->sorter);
  tw_replay_free(s->replay);
  g_clear_error(&s->problem);
  g_free(s);
}

static const tw_stream_kind plays_kind = {.next = next_played,
                                          .progress = plays_progress,
                                          .sha256 = plays_sha256,
                                          .path = plays_path,
                                          .tally = plays_tally,
                                          .sessions = plays_counts,
                                          .due = plays_due,
                                          .told = plays_told,
                                          .free = free_plays};

tw_stream *tw_stream_plays(tw_replay *replay)
{
  plays *s = g_new0(plays, 1);
  s->base.kind = &plays_kind;
  s->replay = replay;
  s->lanes = tw_replay_options(replay)->mode == TW_REPLAY_LANES;
  s->block_tokens = tw_replay_block_tokens(replay);
  s->due = g_sequence_new(NULL);
  s->under_way = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
  load_next(s);
  fill_lanes(s, 0);
  return &s->base;
}
