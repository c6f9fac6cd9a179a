#include "workloads/stream/sessions.h"

#include "workloads/draw/length.h"
#include "workloads/stream/sessions_private.h"

#include <math.h>

/* ---- Context: pieces of text, and the ids of its blocks ---- */

typedef enum { SYSTEM, PROMPT, REASONING, ANSWER } piece_kind;

/* Text that is the same wherever it stands. */
typedef struct piece {
  guint64 id;
  gint64 tokens;
} piece;

/* An id that follows from two others. */
static guint64 mix(guint64 a, guint64 b)
{
  return tw_mix(a + (b + 1) * TW_MIX_STEP);
}

static void add_piece(tw_sessions *source, piece_kind kind, guint64 serial, int at, gint64 tokens)
{
  piece p = {mix(mix(mix(source->salt, kind), serial), (guint64)at), tokens};
  if (tokens > 0)
    g_array_append_val(source->pieces, p);
}

static void add_output(tw_sessions *source, const tw_session *s, int at, gboolean reasoning)
{
  if (reasoning)
    add_piece(source, REASONING, s->serial, at, s->steps[at].reasoning);
  add_piece(source, ANSWER, s->serial, at, s->steps[at].answer);
}

/* The step that was made in the place of one that may have been left out. */
static int made(const tw_sessions *source, const tw_session *s, int at)
{
  while (s->steps[at].skipped)
    at = source->steps[at].after[0];
  return at;
}

/* The step whose prompt this one's is: that of the first branch, if that goes so far. */
static int prompt_of(const tw_sessions *source, const tw_session *s, int at)
{
  int first = source->steps[at].first_branch;
  return s->steps[first].skipped ? at : first;
}

/* Appends the prompt of a step, given that of the one whose context it inherits. */
static void add_own(tw_sessions *source, const tw_session *s, int at)
{
  const tw_session_step *what = &source->steps[at];
  if (what->n_after == 0 || source->turns[what->turn].fresh) {
    add_piece(source, SYSTEM, 0, 0, source->options.system_tokens);
  } else {
    add_output(source, s, made(source, s, what->after[0]), source->options.keeps_reasoning);
    for (int i = 1; i < what->n_after; i++)
      add_output(source, s, made(source, s, what->after[i]), FALSE);
  }
  guint64 serial = what->n_after == 0 ? tw_rollouts_first(source->rollouts, s->serial) : s->serial;
  add_piece(source, PROMPT, serial, prompt_of(source, s, at), s->steps[at].prompt);
}

/* Appends the prompt of a step: all that it inherits, from the first turn on, and what is new. */
static void add_prompt(tw_sessions *source, const tw_session *s, int at)
{
  GArray *chain = source->chain;
  g_array_set_size(chain, 0);
  for (;;) {
    const tw_session_step *what = &source->steps[at];
    g_array_append_val(chain, at);
    if (what->n_after == 0 || source->turns[what->turn].fresh)
      break;
    at = made(source, s, what->after[0]);
  }
  for (guint i = chain->len; i-- > 0;)
    add_own(source, s, g_array_index(chain, int, i));
}

/* The ids of the whole blocks of all pieces: each stands for all text up to its end. */
static void hash_pieces(tw_sessions *source)
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

static gint64 sum_pieces(const tw_sessions *source)
{
  gint64 tokens = 0;
  for (guint i = 0; i < source->pieces->len; i++)
    tokens += g_array_index(source->pieces, piece, i).tokens;
  return tokens;
}

static tw_request request_of(tw_sessions *source, const tw_session *s, const tw_appointment *due)
{
  const tw_session_progress *p = &s->steps[due->step];
  g_array_set_size(source->pieces, 0);
  add_prompt(source, s, due->step);
  /* A prompt that is longer than any request may be is refused by every engine. */
  gint64 prompt_tokens = MIN(sum_pieces(source), TW_REQUEST_MAX_TOKENS);
  tw_request request = {
      .arrival_s = fmax(due->due_s, source->resumed_s),
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
  const tw_appointment *x = a, *y = b;
  (void)unused;
  if (x->due_s != y->due_s)
    return x->due_s < y->due_s ? -1 : 1;
  return (x->order > y->order) - (x->order < y->order);
}

static void appoint(tw_sessions *source, tw_session *s, int at, double now_s)
{
  tw_appointment *due = g_new(tw_appointment, 1);
  *due = (tw_appointment){now_s + s->steps[at].wait_s, source->order++, s, at};
  s->under_way++;
  g_sequence_insert_sorted(source->appointments, due, by_time, NULL);
}

/* Draws which steps are made: branches draw how often they repeat, loops how often they go back. */
static void draw_path(tw_sessions *source, tw_session *s)
{
  gint64 repeats = 0;
  int passes = 0, of_loop = -1;
  for (int i = 0; i < source->n_steps; i++) {
    const tw_session_step *what = &source->steps[i];
    const tw_turn *turn = &source->turns[what->turn];
    tw_turn_chance *chance = &source->chances[what->turn];
    if (what->loop != of_loop) {
      of_loop = what->loop;
      gint64 most = of_loop >= 0 ? source->turns[of_loop].retries : 0;
      for (passes = 0; passes < most &&
                       tw_chance_uniform(&source->chances[of_loop].retry) < source->turns[of_loop].retry;)
        passes++;
    }
    gboolean within = what->loop < 0 || what->pass <= passes;
    if (what->repetition == 0 && within)
      repeats =
          tw_length_is_none(&turn->repeats) ? turn->repeat : tw_length_draw(&turn->repeats, &chance->repeats);
    s->steps[i].skipped = !within || what->repetition >= repeats;
  }
}

/* The prompt of a step: of rollouts, the first of a group draws those by which sessions begin. */
static gint32 draw_prompt(tw_sessions *source, const tw_session *s, int at,
                          const tw_population_client *client)
{
  const tw_session_step *what = &source->steps[at];
  gboolean of_group = source->rollouts != NULL && what->n_after == 0;
  if (of_group && tw_rollouts_first(source->rollouts, s->serial) < s->serial)
    return *tw_rollouts_prompt(source->rollouts, at);
  gint32 tokens = tw_length_draw_scaled(&source->turns[what->turn].prompt,
                                        &source->chances[what->turn].prompt, client->prompt_factor);
  if (of_group)
    *tw_rollouts_prompt(source->rollouts, at) = tokens;
  return tokens;
}

static void draw(tw_sessions *source, tw_session *s, const tw_population_client *client)
{
  draw_path(source, s);
  for (int i = 0; i < source->n_steps; i++) {
    const tw_session_step *what = &source->steps[i];
    const tw_turn *turn = &source->turns[what->turn];
    tw_turn_chance *chance = &source->chances[what->turn];
    tw_session_progress *p = &s->steps[i];
    p->open = what->n_after;
    if (p->skipped)
      continue;
    p->prompt = prompt_of(source, s, i) == i ? draw_prompt(source, s, i, client)
                                             : s->steps[what->first_branch].prompt;
    if (!tw_length_is_none(&turn->reasoning))
      p->reasoning = tw_length_draw_scaled(&turn->reasoning, &chance->reasoning, client->output_factor);
    p->answer = tw_length_draw_scaled(&turn->answer, &chance->answer, client->output_factor);
    p->wait_s = tw_law_draw((tw_length_kind)turn->wait_law, turn->wait_s, turn->wait_sigma, &chance->wait);
  }
}

static void look_for_start(tw_sessions *source)
{
  source->start_s = source->rollouts == NULL && source->counts.started < (guint64)source->options.limit
                        ? tw_population_due(source->population)
                        : INFINITY;
}

void tw_sessions_start(tw_sessions *source)
{
  const char *name = source->options.name != NULL ? source->options.name : "session";
  tw_session *s = g_malloc0(sizeof(tw_session) + (gsize)source->n_steps * sizeof(tw_session_progress));
  static const tw_population_client only = {.prompt_factor = 1, .output_factor = 1};
  const tw_population_client *client =
      source->rollouts != NULL ? &only : tw_population_take(source->population, NULL);
  s->serial = source->counts.started++;
  s->name = client->name != NULL ? g_strdup_printf("%s.%" G_GUINT64_FORMAT, client->name, s->serial)
                                 : g_strdup_printf("%s-%" G_GUINT64_FORMAT, name, s->serial);
  s->left = source->n_steps;
  g_hash_table_insert(source->live, s->name, s);
  draw(source, s, client);
  for (int i = 0; i < source->n_steps; i++)
    if (source->steps[i].n_after == 0 && !s->steps[i].skipped)
      appoint(source, s, i, source->start_s);
  look_for_start(source);
}

static const tw_appointment *next_appointment(const tw_sessions *source)
{
  GSequenceIter *first = g_sequence_get_begin_iter(source->appointments);
  return g_sequence_iter_is_end(first) ? NULL : g_sequence_get(first);
}

/* Sessions begin before the first request that is due. */
static void start_sessions(tw_sessions *source)
{
  for (;;) {
    const tw_appointment *next = next_appointment(source);
    if (isinf(source->start_s) || (next != NULL && next->due_s < source->start_s))
      return;
    tw_sessions_start(source);
  }
}

static void end_session(tw_sessions *source, tw_session *s)
{
  if (!s->broken)
    source->counts.completed++;
  if (source->rollouts != NULL)
    tw_rollouts_told(source->rollouts, s);
  g_hash_table_remove(source->live, s->name);
}

static void free_session(gpointer pointer)
{
  tw_session *s = pointer;
  g_free(s->name);
  g_free(s);
}

/* Steps that wait for nothing more begin, or are passed over with what comes after them. */
static void begin_followers(tw_sessions *source, tw_session *s, int ended, double now_s)
{
  gboolean *passed = source->passed;
  passed[ended] = TRUE;
  for (int i = ended + 1; i < source->n_steps; i++) {
    passed[i] = FALSE;
    for (int k = 0; k < source->steps[i].n_after; k++) {
      int before = source->steps[i].after[k];
      if (before < ended || !passed[before] || --s->steps[i].open > 0)
        continue;
      passed[i] = s->steps[i].skipped;
      if (s->steps[i].skipped)
        s->left--;
      else
        appoint(source, s, i, now_s);
    }
  }
}

/* Counts a turn that was completed. */
static void count_turn(const tw_sessions *source, tw_session *s, int at)
{
  const tw_session_progress *p = &s->steps[at];
  s->tokens += source->steps[at].n_after == 0 ? source->options.system_tokens : 0;
  s->tokens += (prompt_of(source, s, at) == at ? p->prompt : 0) + p->reasoning + p->answer;
  s->output_tokens += p->reasoning + p->answer;
}

static void sessions_told(tw_stream *stream, const tw_request *request, gboolean completed, double now_s)
{
  tw_sessions *source = (tw_sessions *)stream;
  tw_session *s = g_hash_table_lookup(source->live, request->session);
  if (s == NULL)
    return; /* it was dropped */
  s->left--;
  s->under_way--;
  if (completed)
    count_turn(source, s, request->turn);
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
  const tw_sessions *source = (const tw_sessions *)stream;
  const tw_appointment *next = next_appointment(source);
  if (next == NULL || tw_rollouts_are_held(source->rollouts))
    return INFINITY;
  return fmax(next->due_s, source->resumed_s);
}

static gboolean next_sessions(tw_stream *stream, tw_request *request, GError **error)
{
  (void)error;
  tw_sessions *source = (tw_sessions *)stream;
  *request = request_of(source, next_appointment(source)->of, next_appointment(source));
  g_sequence_remove(g_sequence_get_begin_iter(source->appointments));
  start_sessions(source);
  return TRUE;
}

static double sessions_progress(const tw_stream *stream)
{
  const tw_sessions *source = (const tw_sessions *)stream;
  if (source->rollouts != NULL)
    return tw_rollouts_are_over(source->rollouts);
  if (isinf(source->start_s))
    return 1;
  return MIN(1, MAX((double)source->counts.started / (double)source->options.limit,
                    source->start_s / source->options.duration_s));
}

static void free_sessions(tw_stream *stream)
{
  tw_sessions *source = (tw_sessions *)stream;
  tw_session_steps_free(source->steps, source->n_steps);
  g_free(source->turns);
  g_free(source->chances);
  g_sequence_free(source->appointments);
  g_hash_table_unref(source->live);
  tw_population_free(source->population);
  tw_rollouts_free(source->rollouts);
  g_free(source->passed);
  g_array_unref(source->chain);
  g_array_unref(source->pieces);
  g_array_unref(source->ids);
  g_free(source);
}

static gboolean count_sessions(const tw_stream *stream, tw_session_counts *counts)
{
  *counts = ((const tw_sessions *)stream)->counts;
  return TRUE;
}

static const tw_stream_kind sessions_kind = {.next = next_sessions,
                                             .progress = sessions_progress,
                                             .free = free_sessions,
                                             .due = sessions_due,
                                             .told = sessions_told,
                                             .sessions = count_sessions};

/* ---- Construction ---- */

static tw_chance chance_of(const tw_sessions *source, const char *turn, const char *quantity)
{
  const char *class = source->options.name != NULL ? source->options.name : "sessions";
  g_autofree char *name = g_strdup_printf("%s %s %s", class, turn, quantity);
  return tw_chance_new(source->options.seed, name);
}

tw_stream *tw_stream_sessions(const tw_sessions_options *options)
{
  g_assert(tw_sessions_check(options, NULL));
  tw_sessions *source = g_new0(tw_sessions, 1);
  gsize n = (gsize)options->n_turns;
  source->base.kind = &sessions_kind;
  source->options = *options;
  source->turns = g_memdup2(options->turns, n * sizeof(tw_turn));
  source->chances = g_new(tw_turn_chance, n);
  for (gsize i = 0; i < n; i++) {
    const char *id = options->turns[i].id;
    source->chances[i] = (tw_turn_chance){
        .prompt = chance_of(source, id, "prompt"),
        .reasoning = chance_of(source, id, "reasoning"),
        .answer = chance_of(source, id, "answer"),
        .repeats = chance_of(source, id, "repeats"),
        .retry = chance_of(source, id, "retry"),
        .wait = chance_of(source, id, "wait"),
    };
  }
  const char *name = options->name != NULL ? options->name : "sessions";
  g_autofree char *gaps = g_strconcat(name, " arrivals", NULL);
  if (options->samples == 0)
    source->population = tw_population_new(&options->population, &options->arrivals, options->scale,
                                           options->duration_s, options->seed, name, gaps);
  source->salt = options->name != NULL ? tw_chance_new(options->seed, options->name).state : options->seed;
  source->chain = g_array_new(FALSE, FALSE, sizeof(int));
  source->appointments = g_sequence_new(g_free);
  source->live = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, free_session);
  source->pieces = g_array_new(FALSE, FALSE, sizeof(piece));
  source->ids = g_array_new(FALSE, FALSE, sizeof(guint64));
  source->steps = tw_session_steps_new(options, &source->n_steps);
  source->passed = g_new0(gboolean, (gsize)source->n_steps);
  if (options->samples > 0)
    source->rollouts = tw_rollouts_new(options->samples, source->n_steps);
  look_for_start(source);
  start_sessions(source);
  return &source->base;
}

gboolean tw_stream_has_rollouts(const tw_stream *stream)
{
  return stream->kind == &sessions_kind && ((const tw_sessions *)stream)->rollouts != NULL;
}
