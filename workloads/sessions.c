#include "workloads/sessions.h"

#include "platforms/fault.h"
#include "workloads/length.h"
#include "workloads/stream_kind.h"

#include <math.h>

/* One request of a session: a turn, in one of its branches and repetitions. */
typedef struct step {
  int turn;
  int first_branch; /* the step of the same repetition in the first branch, whose prompt it shares */
  int *after;
  int n_after;
} step;

/* What was drawn for it, and where it stands. */
typedef struct progress {
  gint32 prompt, reasoning, answer;
  int open; /* steps that it waits for */
} progress;

typedef struct session {
  char *name;
  guint64 serial;
  int left;      /* steps that have not ended */
  int under_way; /* steps that are asked, or will be without anything else */
  gboolean broken;
  progress steps[];
} session;

/* A step that is due. */
typedef struct appointment {
  double due_s;
  guint64 order; /* breaks ties */
  session *of;
  int step;
} appointment;

typedef struct turn_chance {
  tw_chance prompt, reasoning, answer;
} turn_chance;

typedef struct sessions {
  tw_stream base;
  tw_sessions_options options;
  tw_turn *turns;
  turn_chance *chances;
  tw_chance arrivals;
  step *steps;
  int n_steps;
  double start_s;          /* of the next session, INFINITY: none */
  GSequence *appointments; /* of appointment */
  guint64 order;
  GHashTable *live; /* sessions by name */
  GArray *pieces, *ids;
  tw_session_counts counts;
} sessions;

/* ---- Context: pieces of text, and the ids of its blocks ---- */

typedef enum { SYSTEM, PROMPT, REASONING, ANSWER } piece_kind;

/* Text that is the same wherever it stands. */
typedef struct piece {
  guint64 id;
  gint64 tokens;
} piece;

/* SplitMix64's finaliser. */
static guint64 mix(guint64 a, guint64 b)
{
  guint64 z = a + (b + 1) * G_GUINT64_CONSTANT(0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * G_GUINT64_CONSTANT(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * G_GUINT64_CONSTANT(0x94d049bb133111eb);
  return z ^ (z >> 31);
}

static void add_piece(sessions *source, piece_kind kind, guint64 serial, int at, gint64 tokens)
{
  piece p = {mix(mix(mix(source->options.seed, kind), serial), (guint64)at), tokens};
  if (tokens > 0)
    g_array_append_val(source->pieces, p);
}

static void add_output(sessions *source, const session *s, int at, gboolean reasoning)
{
  if (reasoning)
    add_piece(source, REASONING, s->serial, at, s->steps[at].reasoning);
  add_piece(source, ANSWER, s->serial, at, s->steps[at].answer);
}

/* Appends the prompt of a step. */
static void add_prompt(sessions *source, const session *s, int at)
{
  const step *what = &source->steps[at];
  if (what->n_after == 0 || source->turns[what->turn].fresh) {
    add_piece(source, SYSTEM, 0, 0, source->options.system_tokens);
  } else {
    add_prompt(source, s, what->after[0]);
    add_output(source, s, what->after[0], source->options.keeps_reasoning);
    for (int i = 1; i < what->n_after; i++)
      add_output(source, s, what->after[i], FALSE);
  }
  add_piece(source, PROMPT, s->serial, what->first_branch, s->steps[at].prompt);
}

/* The ids of the whole blocks of all pieces: each stands for all text up to its end. */
static void hash_pieces(sessions *source)
{
  gint64 size = source->options.hash_tokens, filled = 0;
  guint64 id = 0;
  g_array_set_size(source->ids, 0);
  for (guint i = 0; i < source->pieces->len; i++) {
    const piece *p = &g_array_index(source->pieces, piece, i);
    for (gint64 at = 0, tokens; at < p->tokens; at += tokens) {
      tokens = MIN(p->tokens - at, size - filled);
      id = mix(mix(mix(id, p->id), (guint64)at), (guint64)tokens);
      filled = (filled + tokens) % size;
      if (filled == 0)
        g_array_append_val(source->ids, id);
    }
  }
}

static gint64 sum_pieces(const sessions *source)
{
  gint64 tokens = 0;
  for (guint i = 0; i < source->pieces->len; i++)
    tokens += g_array_index(source->pieces, piece, i).tokens;
  return tokens;
}

static tw_request request_of(sessions *source, const session *s, const appointment *due)
{
  const progress *p = &s->steps[due->step];
  g_array_set_size(source->pieces, 0);
  add_prompt(source, s, due->step);
  /* What is longer than any request may be is refused by every engine. */
  gint64 prompt_tokens = MIN(sum_pieces(source), TW_REQUEST_MAX_TOKENS);
  tw_request request = {
      .arrival_s = due->due_s,
      .prompt_tokens = (gint32)prompt_tokens,
      .reasoning_tokens = p->reasoning,
      .answer_tokens = p->answer,
      .priority = source->options.priority,
      .session = g_strdup(s->name),
      .turn = due->step,
      .hash_tokens = source->options.hash_tokens,
  };
  add_output(source, s, due->step, TRUE);
  gint64 context_tokens = sum_pieces(source);
  if (prompt_tokens == TW_REQUEST_MAX_TOKENS || context_tokens < request.hash_tokens)
    return request;
  hash_pieces(source);
  request.context_tokens = (gint32)context_tokens;
  request.n_hashes = (gint32)source->ids->len;
  request.hashes = g_memdup2(source->ids->data, source->ids->len * sizeof(guint64));
  return request;
}

/* ---- The life of a session ---- */

static int by_time(gconstpointer a, gconstpointer b, gpointer unused)
{
  const appointment *x = a, *y = b;
  (void)unused;
  if (x->due_s != y->due_s)
    return x->due_s < y->due_s ? -1 : 1;
  return (x->order > y->order) - (x->order < y->order);
}

static void appoint(sessions *source, session *s, int at, double now_s)
{
  appointment *due = g_new(appointment, 1);
  *due = (appointment){now_s + source->turns[source->steps[at].turn].wait_s, source->order++, s, at};
  s->under_way++;
  g_sequence_insert_sorted(source->appointments, due, by_time, NULL);
}

static void draw(sessions *source, session *s)
{
  for (int i = 0; i < source->n_steps; i++) {
    const step *what = &source->steps[i];
    const tw_turn *turn = &source->turns[what->turn];
    turn_chance *chance = &source->chances[what->turn];
    progress *p = &s->steps[i];
    p->open = what->n_after;
    p->prompt = what->first_branch == i ? tw_length_draw(&turn->prompt, &chance->prompt)
                                        : s->steps[what->first_branch].prompt;
    p->reasoning = turn->reasoning.mean > 0 ? tw_length_draw(&turn->reasoning, &chance->reasoning) : 0;
    p->answer = tw_length_draw(&turn->answer, &chance->answer);
  }
}

static void draw_start(sessions *source)
{
  const tw_sessions_options *options = &source->options;
  source->start_s += tw_chance_exponential(&source->arrivals) / options->rate_per_s;
  if (source->start_s >= options->duration_s || source->counts.started >= (guint64)options->limit)
    source->start_s = INFINITY;
}

static void start_session(sessions *source)
{
  session *s = g_malloc0(sizeof(session) + (gsize)source->n_steps * sizeof(progress));
  s->serial = source->counts.started++;
  s->name = g_strdup_printf("session-%" G_GUINT64_FORMAT, s->serial);
  s->left = source->n_steps;
  g_hash_table_insert(source->live, s->name, s);
  draw(source, s);
  for (int i = 0; i < source->n_steps; i++)
    if (source->steps[i].n_after == 0)
      appoint(source, s, i, source->start_s);
  draw_start(source);
}

static const appointment *next_appointment(const sessions *source)
{
  GSequenceIter *first = g_sequence_get_begin_iter(source->appointments);
  return g_sequence_iter_is_end(first) ? NULL : g_sequence_get(first);
}

/* Sessions begin before the first request that is due. */
static void start_sessions(sessions *source)
{
  for (;;) {
    const appointment *next = next_appointment(source);
    if (isinf(source->start_s) || (next != NULL && next->due_s < source->start_s))
      return;
    start_session(source);
  }
}

static void end_session(sessions *source, session *s)
{
  if (!s->broken)
    source->counts.completed++;
  g_hash_table_remove(source->live, s->name);
}

static void free_session(gpointer pointer)
{
  session *s = pointer;
  g_free(s->name);
  g_free(s);
}

static void begin_followers(sessions *source, session *s, int ended, double now_s)
{
  for (int i = ended + 1; i < source->n_steps; i++)
    for (int k = 0; k < source->steps[i].n_after; k++)
      if (source->steps[i].after[k] == ended && --s->steps[i].open == 0)
        appoint(source, s, i, now_s);
}

static void sessions_told(tw_stream *stream, const tw_request *request, gboolean completed, double now_s)
{
  sessions *source = (sessions *)stream;
  session *s = g_hash_table_lookup(source->live, request->session);
  s->left--;
  s->under_way--;
  if (!completed && !s->broken) {
    s->broken = TRUE;
    source->counts.broken++;
  }
  if (!s->broken)
    begin_followers(source, s, request->turn, now_s);
  if (s->left == 0 || (s->broken && s->under_way == 0))
    end_session(source, s);
}

/* ---- The stream ---- */

static double sessions_due(const tw_stream *stream)
{
  const appointment *next = next_appointment((const sessions *)stream);
  return next != NULL ? next->due_s : INFINITY;
}

static gboolean next_sessions(tw_stream *stream, tw_request *request, GError **error)
{
  (void)error;
  sessions *source = (sessions *)stream;
  *request = request_of(source, next_appointment(source)->of, next_appointment(source));
  g_sequence_remove(g_sequence_get_begin_iter(source->appointments));
  start_sessions(source);
  return TRUE;
}

static double sessions_progress(const tw_stream *stream)
{
  const sessions *source = (const sessions *)stream;
  if (isinf(source->start_s))
    return 1;
  return MIN(1, MAX((double)source->counts.started / (double)source->options.limit,
                    source->start_s / source->options.duration_s));
}

static void free_sessions(tw_stream *stream)
{
  sessions *source = (sessions *)stream;
  for (int i = 0; i < source->n_steps; i++)
    g_free(source->steps[i].after);
  g_free(source->steps);
  g_free(source->turns);
  g_free(source->chances);
  g_sequence_free(source->appointments);
  g_hash_table_unref(source->live);
  g_array_unref(source->pieces);
  g_array_unref(source->ids);
  g_free(source);
}

static const tw_stream_kind sessions_kind = {.next = next_sessions,
                                             .progress = sessions_progress,
                                             .free = free_sessions,
                                             .due = sessions_due,
                                             .told = sessions_told};

gboolean tw_stream_session_counts(const tw_stream *stream, tw_session_counts *counts)
{
  if (stream->kind != &sessions_kind)
    return FALSE;
  *counts = ((const sessions *)stream)->counts;
  return TRUE;
}

/* ---- Construction ---- */

static gboolean check_turn(const tw_turn *turn, int index, GError **error)
{
  if (turn->repeat < 1 || turn->branches < 1)
    return tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0,
                              "turn '%s': repeat or branches is 0 or less; each must be above 0", turn->id);
  if (!(turn->wait_s >= 0 && isfinite(turn->wait_s)))
    return tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0,
                              "turn '%s': the wait must not be negative", turn->id);
  for (int i = 0; i < turn->n_after; i++)
    if (turn->after[i] < 0 || turn->after[i] >= index)
      return tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0,
                                "turn '%s' does not come after earlier turns", turn->id);
  return tw_length_check("prompt", &turn->prompt, 1, error) &&
         tw_length_check("reasoning", &turn->reasoning, 0, error) &&
         tw_length_check("answer", &turn->answer, 1, error);
}

gboolean tw_sessions_check(const tw_sessions_options *options, GError **error)
{
  gint64 steps = 0;
  if (!(options->rate_per_s > 0 && isfinite(options->rate_per_s)) || options->limit < 1 ||
      !(options->duration_s > 0))
    return tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0,
                              "rate, limit or duration is 0 or less; each must be above 0");
  if (options->limit == G_MAXINT64 && isinf(options->duration_s))
    return tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0,
                              "neither a limit nor a duration; one is needed");
  if (options->hash_tokens < 1 || options->system_tokens < 0 || options->n_turns < 1)
    return tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0,
                              "hash tokens, system tokens or turns are too few");
  for (int i = 0; i < options->n_turns; i++) {
    const tw_turn *turn = &options->turns[i];
    if (!check_turn(turn, i, error))
      return FALSE;
    steps += MIN(turn->repeat, TW_SESSIONS_MAX_STEPS) * MIN(turn->branches, TW_SESSIONS_MAX_STEPS);
  }
  if (steps > TW_SESSIONS_MAX_STEPS)
    return tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0,
                              "a session makes %" G_GINT64_FORMAT " requests; at most %d are possible", steps,
                              TW_SESSIONS_MAX_STEPS);
  return TRUE;
}

/* Lays the turns out as steps. What comes after a turn comes after the last step of each of its branches. */
static void lay_out(sessions *source)
{
  GArray *steps = g_array_new(FALSE, FALSE, sizeof(step));
  g_autofree int *first = g_new(int, (gsize)source->options.n_turns);
  for (int t = 0; t < source->options.n_turns; t++) {
    const tw_turn *turn = &source->turns[t];
    int repeat = (int)turn->repeat;
    first[t] = (int)steps->len;
    for (int i = 0; i < repeat * (int)turn->branches; i++) {
      g_autoptr(GArray) after = g_array_new(FALSE, FALSE, sizeof(int));
      int at = (int)steps->len, before = at - 1;
      if (i % repeat > 0)
        g_array_append_val(after, before);
      for (int a = 0; i % repeat == 0 && a < turn->n_after; a++) {
        const tw_turn *other = &source->turns[turn->after[a]];
        for (int b = 1; b <= (int)other->branches; b++) {
          int last = first[turn->after[a]] + b * (int)other->repeat - 1;
          g_array_append_val(after, last);
        }
      }
      step s = {t, first[t] + i % repeat, NULL, (int)after->len};
      s.after = (int *)(void *)g_array_free(g_steal_pointer(&after), FALSE);
      g_array_append_val(steps, s);
    }
  }
  source->n_steps = (int)steps->len;
  source->steps = (step *)(void *)g_array_free(steps, FALSE);
}

static tw_chance chance_of(const sessions *source, const char *turn, const char *quantity)
{
  g_autofree char *name = g_strdup_printf("sessions %s %s", turn, quantity);
  return tw_chance_new(source->options.seed, name);
}

tw_stream *tw_stream_sessions(const tw_sessions_options *options)
{
  g_assert(tw_sessions_check(options, NULL));
  sessions *source = g_new0(sessions, 1);
  gsize n = (gsize)options->n_turns;
  source->base.kind = &sessions_kind;
  source->options = *options;
  source->turns = g_memdup2(options->turns, n * sizeof(tw_turn));
  source->chances = g_new(turn_chance, n);
  for (gsize i = 0; i < n; i++) {
    const char *id = options->turns[i].id;
    source->chances[i] = (turn_chance){chance_of(source, id, "prompt"), chance_of(source, id, "reasoning"),
                                       chance_of(source, id, "answer")};
  }
  source->arrivals = tw_chance_new(options->seed, "sessions arrivals");
  source->appointments = g_sequence_new(g_free);
  source->live = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, free_session);
  source->pieces = g_array_new(FALSE, FALSE, sizeof(piece));
  source->ids = g_array_new(FALSE, FALSE, sizeof(guint64));
  lay_out(source);
  draw_start(source);
  start_sessions(source);
  return &source->base;
}
