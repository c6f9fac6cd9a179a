#include "analysis/show/timeline.h"

#include "analysis/log/json_text.h"
#include "analysis/log/log_reader.h"
#include "analysis/log/run_directory.h"
#include "analysis/show/timeline_file.h"
#include "platforms/input/fault.h"

#include <math.h>

enum {
  SITE = 1,
  REQUESTS = 2,
  FAILURES = 3,
  JOBS = 4,
  ENGINES = 10
}; /* processes; engine k is ENGINES + k */
enum { NO_TRACK, PREFILL_TRACK, DECODE_TRACK, PREEMPTION_TRACK, LOAD_TRACK };

/* A point of an arrow lies so far inside its slice, because a slice's end belongs to the next one. */
static const double inside_s = 1e-9;

/* How a kind of segment is drawn; transfers overlap each other, so that they are spans. */
static const struct {
  const char *kind;
  int track;
} segment_kinds[] = {
    {"prefill", PREFILL_TRACK}, {"decode", DECODE_TRACK}, {"preemption", PREEMPTION_TRACK},
    {"load", LOAD_TRACK},       {"transfer", NO_TRACK},   {"fetch", NO_TRACK},
};

enum { COUNTER_COLUMNS = 4 };
typedef struct counter {
  const char *table, *name;
  double scale;
  const char *columns[COUNTER_COLUMNS + 1];
} counter;

static const counter counters[] = {
    {"engines", "requests", 1, {"running", "waiting"}},
    {"engines", "KV cache used, %", 100, {"kv_used"}},
    {"engines", "busy, %", 100, {"busy"}},
    {"engines", "watts", 1, {"watts"}},
    {"site", "requests", 1, {"running", "waiting"}},
    {"site", "busy, %", 100, {"busy"}},
    {"site", "tokens/s", 1, {"prompt_tokens_per_s", "output_tokens_per_s"}},
    {"site", "watts", 1, {"accelerator_w", "host_w", "network_w", "overhead_w"}},
};

/* The columns that a request is shown with, where they have a value. */
static const char *const request_facts[] = {
    "session",           "state",         "reason",         "prompt_tokens", "cached_tokens",
    "reasoning_tokens",  "answer_tokens", "prefill_engine", "decode_engine", "preemptions",
    "recomputed_tokens", "kv_transfer_s", "joules",
};

/* The columns that a failure is shown with, likewise. */
static const char *const failure_facts[] = {
    "part",        "component",    "effect",  "speed",    "detected_s",
    "recovered_s", "accelerators", "engines", "requests", "lost_tokens",
};

/* A phase begins at its instant, and ends where the next one that is known begins. */
static const struct {
  const char *name, *begins;
} phases[] = {
    {"queue", "arrival_s"},       {"prefill", "first_scheduled_s"}, {"reasoning", "first_token_s"},
    {"answer", "first_answer_s"}, {NULL, "completion_s"},
};
enum { PHASES = G_N_ELEMENTS(phases) - 1 };

typedef struct drawing {
  const char *directory;
  const tw_timeline_options *options;
  json_t *run; /* run.json */
  tw_timeline_file *file;
  GHashTable *engines; /* the set of engines that have got their names */
  GPtrArray *jobs;     /* ids (char *) of jobs, each of which has a track */
  tw_timeline_tally tally;
} drawing;

/* ---- Tables ---- */

static tw_log_reader *open_table(const drawing *d, const char *table, double to_s, GError **error)
{
  tw_log_reader *reader = tw_log_reader_open(d->directory, table, error);
  if (reader != NULL)
    tw_log_reader_window(reader, d->options->from_s, to_s);
  return reader;
}

/* Positions of the named columns. */
static gboolean find_columns(const tw_log_reader *reader, const char *const *names, guint n, int *columns,
                             GError **error)
{
  for (guint i = 0; i < n; i++)
    if ((columns[i] = tw_log_reader_column(reader, names[i], error)) < 0)
      return FALSE;
  return TRUE;
}

static gboolean next_row(tw_log_reader *reader, GError **failure)
{
  return *failure == NULL && tw_log_reader_next(reader, failure);
}

/* Appends "name":value to an object that is being written, if the cell has a value. */
static void append_fact(GString *args, const tw_log_reader *reader, int column)
{
  const tw_column *about = &g_array_index(tw_log_reader_columns(reader), tw_column, column);
  const char *text = tw_log_reader_text(reader, column);
  if (*text == '\0' || (about->type != TW_COLUMN_TEXT && !isfinite(tw_log_reader_number(reader, column))))
    return;
  g_string_append(args, args->len > 1 ? "," : "");
  tw_json_text_append(args, about->name);
  g_string_append_c(args, ':');
  if (about->type == TW_COLUMN_TEXT)
    tw_json_text_append(args, text);
  else
    g_string_append(args, text);
}

/* ---- Engines ---- */

/* Names an engine when it is seen first; returns its process. */
static int engine_process(drawing *d, gint64 engine)
{
  int process = ENGINES + (int)engine;
  if (!g_hash_table_add(d->engines, GINT_TO_POINTER(process)))
    return process;
  const json_t *about = json_array_get(json_object_get(d->run, "engines"), (gsize)engine);
  const char *pool = json_string_value(json_object_get(about, "pool"));
  g_autofree char *name = pool != NULL ? g_strdup_printf("engine %d (%s)", (int)engine, pool)
                                       : g_strdup_printf("engine %d", (int)engine);
  tw_timeline_name_process(d->file, process, name);
  for (guint i = 0; i < G_N_ELEMENTS(segment_kinds); i++)
    if (segment_kinds[i].track != NO_TRACK)
      tw_timeline_name_track(d->file, (tw_track){process, segment_kinds[i].track}, segment_kinds[i].kind);
  return process;
}

static int track_of(const char *kind)
{
  for (guint i = 0; i < G_N_ELEMENTS(segment_kinds); i++)
    if (g_str_equal(segment_kinds[i].kind, kind))
      return segment_kinds[i].track;
  return NO_TRACK;
}

static void draw_segment(drawing *d, int process, const char *kind, double start_s, double end_s,
                         const char *args)
{
  tw_track track = {process, track_of(kind)};
  gint64 id = (gint64)d->tally.segments++;
  if (track.track == NO_TRACK)
    tw_timeline_span(d->file, process, "segment", id, kind, start_s, end_s, args);
  else if (end_s > start_s)
    tw_timeline_slice(d->file, track, kind, start_s, end_s, args);
  else
    tw_timeline_instant(d->file, track, kind, start_s, args);
}

static gboolean draw_segments(drawing *d, GError **error)
{
  enum { ENGINE, KIND, START, END, N_REQUESTS, TOKENS, BYTES, COLUMNS };
  static const char *const names[COLUMNS] = {"engine",   "kind",   "start_s", "end_s",
                                             "requests", "tokens", "bytes"};
  int columns[COLUMNS];
  g_autoptr(GString) args = g_string_new(NULL);
  GError *failure = NULL;
  /* Rows are found by their end: what ends after the window may have begun in it. */
  g_autoptr(tw_log_reader) reader = open_table(d, "segments", INFINITY, error);
  if (reader == NULL || !find_columns(reader, names, COLUMNS, columns, error))
    return FALSE;
  while (next_row(reader, &failure)) {
    gint64 engine = tw_log_reader_integer(reader, columns[ENGINE]);
    double start_s = tw_log_reader_number(reader, columns[START]);
    if (engine < 0 || engine > G_MAXINT - ENGINES || isnan(start_s) || start_s >= d->options->to_s)
      continue;
    g_string_assign(args, "{");
    for (int i = N_REQUESTS; i < COLUMNS; i++)
      append_fact(args, reader, columns[i]);
    g_string_append_c(args, '}');
    draw_segment(d, engine_process(d, engine), tw_log_reader_text(reader, columns[KIND]), start_s,
                 tw_log_reader_number(reader, columns[END]), args->str);
  }
  if (failure != NULL)
    g_propagate_error(error, failure);
  return failure == NULL;
}

/* ---- Requests ---- */

static gboolean is_wanted(const tw_timeline_options *options, gint64 id, const char *session)
{
  if (options->session != NULL && !g_str_equal(options->session, session))
    return FALSE;
  if (options->ids == NULL)
    return TRUE;
  for (guint i = 0; i < options->ids->len; i++) {
    const tw_id_range *range = &g_array_index(options->ids, tw_id_range, i);
    if (id >= range->first && id <= range->last)
      return TRUE;
  }
  return FALSE;
}

static void draw_phases(drawing *d, gint64 id, const double *instants_s, const char *args)
{
  g_autofree char *name = g_strdup_printf("request %" G_GINT64_FORMAT, id);
  tw_timeline_span_begin(d->file, REQUESTS, "request", id, name, instants_s[0], args);
  for (int i = 0; i < PHASES; i++) {
    int next = i + 1;
    while (next < PHASES && isnan(instants_s[next]))
      next++;
    if (instants_s[next] > instants_s[i])
      tw_timeline_span(d->file, REQUESTS, "request", id, phases[i].name, instants_s[i], instants_s[next],
                       NULL);
  }
  tw_timeline_span_end(d->file, REQUESTS, "request", id, name, instants_s[PHASES]);
}

/* Draws an arrow from the iteration that ends a prefill over the decode after it to the last token, where all of these
 * are drawn. The prefill of an engine that schedules ahead begins after the request was scheduled. */
static void draw_arrow(drawing *d, gint64 id, const double *instants_s, gint64 prefill, gint64 decode)
{
  double scheduled_s = instants_s[1], token_s = instants_s[2], end_s = instants_s[PHASES];
  if (prefill < 0 || decode < 0 || isnan(token_s) || !(end_s > token_s) || scheduled_s < d->options->from_s ||
      end_s >= d->options->to_s)
    return;
  tw_track from = {ENGINES + (int)prefill, PREFILL_TRACK}, to = {ENGINES + (int)decode, DECODE_TRACK};
  tw_timeline_arrow(d->file, from, TW_ARROW_START, id, token_s - inside_s);
  if (prefill == decode)
    tw_timeline_arrow(d->file, to, TW_ARROW_STEP, id, token_s + inside_s);
  tw_timeline_arrow(d->file, to, TW_ARROW_END, id, end_s - inside_s);
}

static gboolean draw_requests(drawing *d, GError **error)
{
  enum { ID, SESSION, STATE, PREFILL, DECODE, COLUMNS };
  static const char *const names[COLUMNS] = {"id", "session", "state", "prefill_engine", "decode_engine"};
  int columns[COLUMNS], begins[PHASES + 1], facts[G_N_ELEMENTS(request_facts)];
  g_autoptr(GString) args = g_string_new(NULL);
  GError *failure = NULL;
  g_autoptr(tw_log_reader) reader = open_table(d, "requests", INFINITY, error);
  if (reader == NULL || !find_columns(reader, names, COLUMNS, columns, error) ||
      !find_columns(reader, request_facts, G_N_ELEMENTS(request_facts), facts, error))
    return FALSE;
  for (int i = 0; i <= PHASES; i++)
    if ((begins[i] = tw_log_reader_column(reader, phases[i].begins, error)) < 0)
      return FALSE;
  while (next_row(reader, &failure)) {
    gint64 id = tw_log_reader_integer(reader, columns[ID]);
    double instants_s[PHASES + 1];
    for (int i = 0; i <= PHASES; i++)
      instants_s[i] = tw_log_reader_number(reader, begins[i]);
    if (!(instants_s[0] < d->options->to_s) ||
        !is_wanted(d->options, id, tw_log_reader_text(reader, columns[SESSION])))
      continue;
    d->tally.requests++;
    g_string_assign(args, "{");
    for (guint i = 0; i < G_N_ELEMENTS(facts); i++)
      append_fact(args, reader, facts[i]);
    g_string_append_c(args, '}');
    draw_phases(d, id, instants_s, args->str);
    if (g_str_equal(tw_log_reader_text(reader, columns[STATE]), "completed")) /* others have no last slice */
      draw_arrow(d, id, instants_s, tw_log_reader_integer(reader, columns[PREFILL]),
                 tw_log_reader_integer(reader, columns[DECODE]));
  }
  if (failure != NULL)
    g_propagate_error(error, failure);
  return failure == NULL;
}

/* ---- Failures ---- */

/* Draws a failure from where it began to where all was as before; inside, what is broken until it is repaired. */
static void draw_failure(drawing *d, gint64 id, const tw_log_reader *reader, const int *columns,
                         const char *args)
{
  enum { START, REPAIRED, END, PART, COMPONENT };
  double start_s = tw_log_reader_number(reader, columns[START]),
         end_s = tw_log_reader_number(reader, columns[END]),
         repaired_s = tw_log_reader_number(reader, columns[REPAIRED]);
  g_autofree char *name = g_strdup_printf("%s %s", tw_log_reader_text(reader, columns[PART]),
                                          tw_log_reader_text(reader, columns[COMPONENT]));
  tw_timeline_span_begin(d->file, FAILURES, "failure", id, name, start_s, args);
  tw_timeline_span(d->file, FAILURES, "failure", id, "broken", start_s,
                   isnan(repaired_s) ? end_s : repaired_s, NULL);
  tw_timeline_span_end(d->file, FAILURES, "failure", id, name, end_s);
}

static gboolean draw_failures(drawing *d, GError **error)
{
  static const char *const names[] = {"start_s", "repaired_s", "end_s", "part", "component"};
  int columns[G_N_ELEMENTS(names)], facts[G_N_ELEMENTS(failure_facts)];
  g_autoptr(GString) args = g_string_new(NULL);
  GError *failure = NULL;
  if (!tw_run_json_has_table(d->run, &tw_log_tables[TW_LOG_FAILURES]))
    return TRUE;
  g_autoptr(tw_log_reader) reader = open_table(d, "failures", INFINITY, error);
  if (reader == NULL || !find_columns(reader, names, G_N_ELEMENTS(names), columns, error) ||
      !find_columns(reader, failure_facts, G_N_ELEMENTS(failure_facts), facts, error))
    return FALSE;
  tw_timeline_name_process(d->file, FAILURES, "failures");
  for (gint64 id = 0; next_row(reader, &failure); id++) {
    if (!(tw_log_reader_number(reader, columns[0]) < d->options->to_s))
      continue;
    g_string_assign(args, "{");
    for (guint i = 0; i < G_N_ELEMENTS(facts); i++)
      append_fact(args, reader, facts[i]);
    g_string_append_c(args, '}');
    draw_failure(d, id, reader, columns, args->str);
  }
  if (failure != NULL)
    g_propagate_error(error, failure);
  return failure == NULL;
}

/* ---- Jobs ---- */

/* The track of a job, which is named when it is seen first. */
static tw_track job_track(drawing *d, const char *id)
{
  guint i = 0;
  if (!g_ptr_array_find_with_equal_func(d->jobs, id, g_str_equal, &i)) {
    i = d->jobs->len;
    g_ptr_array_add(d->jobs, g_strdup(id));
    tw_timeline_name_track(d->file, (tw_track){JOBS, (int)i + 1}, id);
  }
  return (tw_track){JOBS, (int)i + 1};
}

/* Draws the steps of jobs, and what stopped them, from one of their tables; with all that it says of them. */
static gboolean draw_jobs(drawing *d, const char *name, GError **error)
{
  enum { START, END, JOB, STEP, COLUMNS };
  static const char *const names[COLUMNS] = {"start_s", "end_s", "job", "step"};
  const tw_log_table *table = tw_log_table_find(name);
  int columns[COLUMNS];
  g_autoptr(GString) args = g_string_new(NULL);
  GError *failure = NULL;
  if (table == NULL || !tw_run_json_has_table(d->run, table))
    return TRUE;
  g_autoptr(tw_log_reader) reader = open_table(d, name, INFINITY, error);
  if (reader == NULL || !find_columns(reader, names, COLUMNS, columns, error))
    return FALSE;
  tw_timeline_name_process(d->file, JOBS, "jobs");
  int kind = tw_log_reader_column(reader, "kind", NULL);
  while (next_row(reader, &failure)) {
    double start_s = tw_log_reader_number(reader, columns[START]),
           end_s = tw_log_reader_number(reader, columns[END]);
    if (!(start_s < d->options->to_s) || !(end_s > start_s))
      continue;
    gboolean stops = kind >= 0 && g_str_equal(tw_log_reader_text(reader, kind), "stop");
    g_autofree char *slice =
        stops ? g_strdup("stop") : g_strdup_printf("step %s", tw_log_reader_text(reader, columns[STEP]));
    g_string_assign(args, "{");
    for (int i = 0; i < (int)tw_log_reader_columns(reader)->len; i++)
      append_fact(args, reader, i);
    g_string_append_c(args, '}');
    tw_track track = job_track(d, tw_log_reader_text(reader, columns[JOB]));
    tw_timeline_slice(d->file, track, slice, start_s, end_s, args->str);
  }
  if (failure != NULL)
    g_propagate_error(error, failure);
  return failure == NULL;
}

/* ---- Counters ---- */

/* Draws one interval of a counter; a column without values makes no graph. */
static void draw_counter(drawing *d, const counter *c, const tw_log_reader *reader, const int *columns,
                         int process, double start_s)
{
  char digits[G_ASCII_DTOSTR_BUF_SIZE];
  g_autoptr(GString) args = g_string_new("{");
  for (int i = 0; c->columns[i] != NULL; i++) {
    double value = tw_log_reader_number(reader, columns[i]) * c->scale;
    if (isfinite(value))
      g_string_append_printf(args, "%s\"%s\":%s", args->len > 1 ? "," : "", c->columns[i],
                             g_ascii_formatd(digits, sizeof digits, "%.7g", value));
  }
  g_string_append_c(args, '}');
  if (args->len > 2)
    tw_timeline_counter(d->file, process, c->name, start_s, args->str);
}

static gboolean draw_counters(drawing *d, const char *table, const char *key, GError **error)
{
  int columns[G_N_ELEMENTS(counters)][COUNTER_COLUMNS] = {0};
  GError *failure = NULL;
  if (!tw_run_json_has_table(d->run, tw_log_table_find(table)))
    return TRUE;
  g_autoptr(tw_log_reader) reader = open_table(d, table, d->options->to_s, error);
  int start = reader != NULL ? tw_log_reader_column(reader, "start_s", error) : -1;
  int owner = start >= 0 && key != NULL ? tw_log_reader_column(reader, key, error) : 0;
  if (start < 0 || owner < 0)
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS(counters); i++)
    if (g_str_equal(counters[i].table, table) &&
        !find_columns(reader, counters[i].columns, g_strv_length((char **)counters[i].columns), columns[i],
                      error))
      return FALSE;
  while (next_row(reader, &failure)) {
    gint64 engine = key != NULL ? tw_log_reader_integer(reader, owner) : 0;
    if (engine < 0 || engine > G_MAXINT - ENGINES)
      continue;
    int process = key != NULL ? engine_process(d, engine) : SITE;
    double start_s = tw_log_reader_number(reader, start);
    for (guint i = 0; i < G_N_ELEMENTS(counters); i++)
      if (g_str_equal(counters[i].table, table))
        draw_counter(d, &counters[i], reader, columns[i], process, start_s);
  }
  if (failure != NULL)
    g_propagate_error(error, failure);
  return failure == NULL;
}

/* ---- The whole ---- */

static gboolean draw(drawing *d, GError **error)
{
  tw_timeline_name_process(d->file, SITE, "site");
  tw_timeline_name_process(d->file, REQUESTS, "requests");
  return (!tw_run_json_has_table(d->run, &tw_log_tables[TW_LOG_SEGMENTS]) || draw_segments(d, error)) &&
         draw_requests(d, error) && draw_failures(d, error) && draw_jobs(d, "jobs", error) &&
         draw_jobs(d, "rl", error) && draw_counters(d, "engines", "engine", error) &&
         draw_counters(d, "site", NULL, error);
}

gboolean tw_timeline_write(const char *directory, const tw_timeline_options *options, const char *path,
                           tw_timeline_tally *tally, GError **error)
{
  drawing d = {.directory = directory, .options = options, .run = tw_run_json_read(directory, error)};
  if (d.run == NULL)
    return FALSE;
  if (!tw_run_json_has_table(d.run, &tw_log_tables[TW_LOG_SEGMENTS]) &&
      !tw_run_json_has_table(d.run, &tw_log_tables[TW_LOG_JOBS])) {
    json_decref(d.run);
    return tw_input_error_set(error, TW_INPUT_ERROR_FILE, directory, 0,
                              "this run wrote no segments, of which a timeline is drawn; run it again with "
                              "`tokenworks run --segments`");
  }
  d.file = tw_timeline_file_open(path, error);
  gboolean good = d.file != NULL;
  if (good) {
    d.engines = g_hash_table_new(NULL, NULL);
    d.jobs = g_ptr_array_new_with_free_func(g_free);
    good = draw(&d, error);
    d.tally.events = tw_timeline_file_events(d.file);
    g_hash_table_unref(d.engines);
    g_ptr_array_unref(d.jobs);
    if (good)
      good = tw_timeline_file_close(d.file, error);
    else
      tw_timeline_file_discard(d.file);
  }
  json_decref(d.run);
  *tally = d.tally;
  return good;
}
