/* The stream that plays recorded sessions again: what a request waited for then, it waits for now.
 *
 *     rows ─► session ─► requests that wait ──end or start of others + delay──► due ─► sent ─► told
 *
 * A session is read whole when it begins, and forgotten when its last request has ended. */
#include "platforms/input/fault.h"
#include "workloads/stream/stream_kind.h"
#include "workloads/traces/replay.h"
#include "workloads/traces/row_sorter.h"

typedef struct play play;

/* What another request waits for of this one. */
typedef struct {
  guint step;
  gboolean for_start;
  double delay_s;
} consequence;

typedef struct {
  tw_trace_row row;
  play *of;
  GArray *then; /* of consequence; NULL: none */
  guint unmet;  /* starts and ends that it still waits for */
  double ready_s, sent_s;
  guint64 order; /* among those that are due at once */
} step;

struct play {
  step *steps;
  guint n, ended, in_flight, due;
  gboolean broken;
  double first_s;          /* recorded arrival of its first request */
  double begin_s, quiet_s; /* since when no request is in flight */
  double model_s, away_s;  /* requests in flight, added up; time without any */
  guint64 ordinal;
};

typedef struct {
  tw_stream base;
  tw_replay *replay;
  gboolean lanes;
  gint32 block_tokens;

  tw_row_sorter *sorter; /* of rows that do not lie together; NULL: they do */
  guint64 rows, given;   /* in it, from it */
  tw_trace_row ahead;    /* the first row of the session after `next`, */
  guint64 ahead_group;
  gboolean has_ahead, opened;

  play *next; /* loaded, not begun; NULL: there is none */
  guint64 loaded, live;
  GSequence *due;        /* of step, by ready_s */
  GHashTable *under_way; /* step by id of its request */
  double now_s;
  GError *problem; /* that a later call reports */
  tw_session_counts counts;
} plays;

static void free_play(play *p)
{
  if (p == NULL)
    return;
  for (guint i = 0; i < p->n; i++) {
    tw_trace_row_clear(&p->steps[i].row);
    if (p->steps[i].then != NULL)
      g_array_unref(p->steps[i].then);
  }
  g_free(p->steps);
  g_free(p);
}

/* ---- Reading sessions ---- */

/* Rows by session, sessions in the order of their first rows. A row without a session is one of its own. */
static gboolean group_rows(plays *s, GError **error)
{
  g_autoptr(GHashTable) groups = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  s->sorter = tw_row_sorter_new(TW_ROW_SORTER_BYTES);
  GError *problem = NULL;
  guint64 n_groups = 0;
  for (tw_trace_row row; problem == NULL && tw_replay_next(s->replay, &row, &problem);
       tw_trace_row_clear(&row)) {
    const char *session = row.request.session;
    guint64 *group = session != NULL ? g_hash_table_lookup(groups, session) : NULL, new_group = n_groups;
    if (group == NULL) {
      n_groups++;
      if (session != NULL)
        g_hash_table_insert(groups, g_strdup(session), g_memdup2(&new_group, sizeof new_group));
    }
    tw_row_sorter_add(s->sorter, &row, group != NULL ? *group : new_group, &problem);
    s->rows++;
  }
  if (problem != NULL) {
    g_propagate_error(error, problem);
    return FALSE;
  }
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

/* Seconds that `row` came after `other` had ended (or started), as recorded. */
static double recorded_gap(const plays *s, const tw_trace_row *other, const tw_trace_row *row,
                           gboolean for_start)
{
  double gap_s =
      (row->request.arrival_s - other->request.arrival_s) * tw_replay_options(s->replay)->rate_scale;
  if (!for_start && !isnan(other->service_s))
    gap_s -= other->service_s;
  return fmax(gap_s, 0);
}

static void add_wait(const plays *s, play *p, guint of, guint on, gboolean for_start, double delay_s)
{
  step *other = &p->steps[on];
  if (isnan(delay_s))
    delay_s = recorded_gap(s, &other->row, &p->steps[of].row, for_start);
  consequence then = {of, for_start, fmin(delay_s, tw_replay_options(s->replay)->most_gap_s)};
  if (other->then == NULL)
    other->then = g_array_new(FALSE, FALSE, sizeof then);
  g_array_append_val(other->then, then);
  p->steps[of].unmet++;
}

/* An agent of a session, whose rows say nothing of what they wait for. */
typedef struct {
  gint last;         /* step; -1: none yet */
  double last_end_s; /* as recorded */
  gboolean joined;   /* the one that started it has waited for its end since */
} agent_state;

static double recorded_end_s(const tw_trace_row *row)
{
  return row->request.arrival_s + (isnan(row->service_s) ? 0 : row->service_s);
}

static agent_state *agent_of(GHashTable *agents, const char *name)
{
  agent_state *state = g_hash_table_lookup(agents, name);
  if (state == NULL) {
    state = g_new(agent_state, 1);
    *state = (agent_state){-1, 0, TRUE};
    g_hash_table_insert(agents, g_strdup(name), state);
  }
  return state;
}

/* Waits for another row's end, or for its start where it had not ended when this one came. */
static void wait_as_recorded(const plays *s, play *p, guint of, guint on, double delay_s)
{
  const tw_trace_row *row = &p->steps[of].row, *other = &p->steps[on].row;
  gboolean overlaps = isnan(delay_s) && row->request.arrival_s < recorded_end_s(other);
  add_wait(s, p, of, on, overlaps, delay_s);
}

/* What the times of agents tell: a request follows the one before of its agent; the first one of an agent,
 * the request before of the agent that started it; and the first request of that one after an agent's end,
 * its last. */
static void infer_waits(const plays *s, play *p, GHashTable *agents, guint of)
{
  const tw_trace_row *row = &p->steps[of].row;
  const char *name = row->agent != NULL ? row->agent : "", *cut = strrchr(name, '>');
  g_autofree char *above = cut != NULL ? g_strndup(name, (gsize)(cut - name)) : g_strdup("");
  agent_state *own = agent_of(agents, name), *parent = row->agent != NULL ? agent_of(agents, above) : NULL;
  if (own->last >= 0)
    wait_as_recorded(s, p, of, (guint)own->last, row->delay_s);
  else if (parent != NULL && parent->last >= 0)
    wait_as_recorded(s, p, of, (guint)parent->last, NAN);
  GHashTableIter each;
  gpointer key, value;
  g_hash_table_iter_init(&each, agents);
  while (g_hash_table_iter_next(&each, &key, &value)) {
    agent_state *child = value;
    const char *child_name = key, *child_cut = strrchr(child_name, '>');
    gsize length = child_cut != NULL ? (gsize)(child_cut - child_name) : 0;
    gboolean is_child =
        *child_name != '\0' && strlen(name) == length && strncmp(child_name, name, length) == 0;
    if (!is_child || child->joined || child->last < 0 || child->last_end_s > row->request.arrival_s)
      continue;
    add_wait(s, p, of, (guint)child->last, FALSE, NAN);
    child->joined = TRUE;
  }
  own->last = (gint)of;
  own->last_end_s = recorded_end_s(row);
  own->joined = isnan(row->service_s);
}

/* Finds what each request waits for. What is not in the session, having been left out, nobody waits for. */
static void link_steps(const plays *s, play *p)
{
  g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);
  g_autoptr(GHashTable) agents = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  for (guint i = 0; i < p->n; i++)
    if (p->steps[i].row.name != NULL)
      g_hash_table_insert(names, p->steps[i].row.name, GUINT_TO_POINTER(i + 1));
  for (guint i = 0; i < p->n; i++) {
    const tw_trace_row *row = &p->steps[i].row;
    for (guint w = 0; w < row->n_waits; w++) {
      guint on = GPOINTER_TO_UINT(g_hash_table_lookup(names, row->waits[w].name));
      if (on > 0)
        add_wait(s, p, i, on - 1, row->waits[w].for_start, row->waits[w].delay_s);
    }
    if (!row->linked)
      infer_waits(s, p, agents, i);
  }
}

/* Whether every request can come to its turn. */
static gboolean has_no_circle(const play *p)
{
  g_autofree guint *unmet = g_new(guint, p->n), *ready = g_new(guint, p->n);
  guint n = 0, done = 0;
  for (guint i = 0; i < p->n; i++) {
    unmet[i] = p->steps[i].unmet;
    if (unmet[i] == 0)
      ready[n++] = i;
  }
  for (; done < n; done++) {
    const GArray *then = p->steps[ready[done]].then;
    for (guint t = 0; then != NULL && t < then->len; t++) {
      guint next = g_array_index(then, consequence, t).step;
      if (--unmet[next] == 0)
        ready[n++] = next;
    }
  }
  return done == p->n;
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
    if ((!tw_trace_rows_by_session(tw_replay_rows(s->replay)) && !group_rows(s, error)) ||
        !look_ahead(s, error))
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
  play *p = s->next = g_new0(play, 1);
  p->n = rows->len;
  p->ordinal = s->loaded++;
  p->steps = g_new0(step, p->n);
  for (guint i = 0; i < p->n; i++)
    p->steps[i] = (step){.row = g_array_index(rows, tw_trace_row, i), .of = p, .order = p->ordinal << 24 | i};
  p->first_s = p->steps[0].row.request.arrival_s;
  if (!good)
    return FALSE;
  link_steps(s, p);
  if (has_no_circle(p))
    return TRUE;
  g_autofree char *quoted = tw_input_quote(session != NULL ? session : "");
  return tw_input_error_set(error, TW_INPUT_ERROR_VALUE, tw_replay_path(s->replay), 0,
                            "requests of the session '%s' wait for each other in a circle", quoted);
}

/* ---- Playing them ---- */

static int by_ready(gconstpointer a, gconstpointer b, gpointer unused)
{
  const step *x = a, *y = b;
  (void)unused;
  if (x->ready_s != y->ready_s)
    return x->ready_s < y->ready_s ? -1 : 1;
  return (x->order > y->order) - (x->order < y->order);
}

static void make_due(plays *s, step *one)
{
  g_sequence_insert_sorted(s->due, one, by_ready, NULL);
  one->of->due++;
}

/* Something that a step waits for has happened: it may begin at `ready_s` at the earliest. */
static void meet(plays *s, step *one, double ready_s)
{
  one->ready_s = fmax(one->ready_s, ready_s);
  if (--one->unmet == 0)
    make_due(s, one);
}

static void follow(plays *s, step *one, gboolean for_start, double now_s)
{
  for (guint i = 0; one->then != NULL && i < one->then->len; i++) {
    const consequence *then = &g_array_index(one->then, consequence, i);
    if (then->for_start == for_start)
      meet(s, &one->of->steps[then->step], now_s + then->delay_s);
  }
}

static void load_next(plays *s)
{
  s->next = NULL;
  if (s->problem == NULL && !load_play(s, &s->problem)) {
    free_play(s->next);
    s->next = NULL;
  }
}

static void begin(plays *s, double now_s)
{
  play *p = s->next;
  p->begin_s = p->quiet_s = now_s;
  s->live++;
  s->counts.started++;
  for (guint i = 0; i < p->n; i++) {
    step *one = &p->steps[i];
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
  return g_sequence_iter_is_end(first) ? INFINITY : ((const step *)g_sequence_get(first))->ready_s;
}

static double plays_due(const tw_stream *stream)
{
  const plays *s = (const plays *)stream;
  if (s->problem != NULL)
    return s->now_s;
  double due_s = first_due_s(s);
  return s->next != NULL && !s->lanes ? fmin(due_s, s->next->first_s) : due_s;
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
  step *one = g_sequence_get(first);
  play *p = one->of;
  g_sequence_remove(first);
  p->due--;
  if (p->in_flight++ == 0)
    p->away_s += one->ready_s - p->quiet_s;
  one->sent_s = s->now_s = one->ready_s;
  tw_trace_row_simplify(&one->row, s->block_tokens);
  *request = one->row.request;
  request->arrival_s = one->ready_s;
  one->row.request.hashes = NULL;
  one->row.request.session = NULL;
  guint64 *id = g_new(guint64, 1);
  *id = s->base.next_id;
  g_hash_table_insert(s->under_way, id, one);
  follow(s, one, TRUE, one->ready_s);
  return TRUE;
}

/* Takes what is due of a broken session out. */
static void drop_due(plays *s, const play *p)
{
  for (GSequenceIter *at = g_sequence_get_begin_iter(s->due); !g_sequence_iter_is_end(at);) {
    GSequenceIter *next = g_sequence_iter_next(at);
    if (((const step *)g_sequence_get(at))->of == p)
      g_sequence_remove(at);
    at = next;
  }
}

static void end_play(plays *s, play *p, double now_s)
{
  s->counts.completed += p->broken ? 0 : 1;
  s->counts.broken += p->broken ? 1 : 0;
  if (!p->broken) {
    s->counts.makespan_s += now_s - p->begin_s;
    s->counts.longest_s = fmax(s->counts.longest_s, now_s - p->begin_s);
    s->counts.model_s += p->model_s;
    s->counts.away_s += p->away_s;
  }
  s->live--;
  free_play(p);
  fill_lanes(s, now_s);
}

static void plays_told(tw_stream *stream, const tw_request *request, gboolean completed, double now_s)
{
  plays *s = (plays *)stream;
  step *one = g_hash_table_lookup(s->under_way, &request->id);
  if (one == NULL)
    return;
  play *p = one->of;
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
    g_hash_table_add(live, ((step *)g_sequence_get(at))->of);
  g_hash_table_iter_init(&each, s->under_way);
  while (g_hash_table_iter_next(&each, NULL, &one))
    g_hash_table_add(live, ((step *)one)->of);
  g_hash_table_iter_init(&each, live);
  while (g_hash_table_iter_next(&each, &one, NULL))
    free_play(one);
  free_play(s->next);
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
