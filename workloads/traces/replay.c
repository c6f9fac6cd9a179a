#include "workloads/traces/replay.h"

#include "platforms/input/fault.h"
#include "workloads/stream/stream_kind.h"
#include "workloads/traces/copies.h"

#include <math.h>

struct tw_replay {
  tw_trace_rows *rows;
  tw_trace_options options;
  gint64 pass;
  gint64 emitted;                   /* requests that all passes have given */
  gint64 in_first_pass;             /* requests that the first pass emitted, */
  double first_s, last_s, period_s; /* their first and last time, and the distance of passes */
  double previous_s;                /* time in the trace of the line before */
  double window_s;                  /* time in the window of the request emitted last */
  gboolean past_window;
};

/* Says why, not that, a trace gave nothing to replay. */
static gboolean nothing_emitted(const tw_replay *trace, GError **error)
{
  const char *path = tw_replay_path(trace);
  if (trace->previous_s < 0) {
    const GPtrArray *reasons = tw_trace_rows_tally(trace->rows)->reasons;
    return tw_input_error_set(
        error, TW_INPUT_ERROR_VALUE, path, 0, "the trace has no requests%s%s; at least one is needed",
        reasons->len > 0 ? "; left out: " : "", reasons->len > 0 ? (char *)reasons->pdata[0] : "");
  }
  if (trace->past_window)
    return tw_input_error_set(error, TW_INPUT_ERROR_VALUE, path, 0,
                              "no request arrives from %g s to %g s; choose another start or duration",
                              trace->options.start_s, trace->options.start_s + trace->options.duration_s);
  return tw_input_error_set(error, TW_INPUT_ERROR_VALUE, path, 0,
                            "the last request arrives at %g s, before the start at %g s; choose an earlier "
                            "start",
                            trace->previous_s, trace->options.start_s);
}

static gboolean find_period(tw_replay *trace, GError **error)
{
  double span_s = trace->last_s - trace->first_s;
  if (isfinite(trace->options.duration_s))
    trace->period_s = trace->options.duration_s;
  else if (span_s > 0)
    trace->period_s = span_s + span_s / (double)(trace->in_first_pass - 1);
  else if (trace->options.mode == TW_REPLAY_LANES)
    trace->period_s = 0; /* sessions begin when others end */
  else
    return tw_input_error_set(error, TW_INPUT_ERROR_VALUE, tw_replay_path(trace), 0,
                              "all requests arrive at once, so that the trace has no length to repeat it "
                              "after; give a duration");
  return TRUE;
}

/* Goes back to the first row for another pass. */
static gboolean start_pass(tw_replay *trace, GError **error)
{
  trace->previous_s = -1;
  trace->past_window = FALSE;
  return tw_trace_rows_rewind(trace->rows, error);
}

/* Reads the next row inside the window. FALSE at the end of the pass, or with `error`. */
static gboolean next_in_pass(tw_replay *trace, tw_trace_row *row, GError **error)
{
  while (tw_trace_rows_next(trace->rows, row, error)) {
    trace->previous_s = row->request.arrival_s;
    trace->window_s = trace->previous_s - trace->options.start_s;
    if (trace->window_s >= trace->options.duration_s) {
      trace->past_window = TRUE;
      tw_trace_row_clear(row);
      if (tw_trace_rows_by_session(trace->rows))
        continue; /* another session may begin inside */
      return FALSE;
    }
    if (trace->window_s >= 0)
      return TRUE;
    tw_trace_row_clear(row);
  }
  return FALSE;
}

static gint32 scaled(gint32 tokens, double scale)
{
  double value = round(tokens * scale);
  return tokens == 0 ? 0 : (gint32)CLAMP(value, 1, TW_REQUEST_MAX_TOKENS);
}

/* Another length of prompt and output. Ids that the prompt has no tokens for any more are dropped. */
static void resize(tw_replay *trace, tw_trace_row *row)
{
  const tw_trace_options *options = &trace->options;
  tw_request *request = &row->request;
  gboolean empty = tw_request_output_tokens(request) == 0;
  if (options->prompt_scale != 1) { /* exactly as it was given, by default */
    if (row->piece_tokens != NULL)
      tw_trace_row_simplify(row, tw_replay_block_tokens(trace));
    request->prompt_tokens = scaled(request->prompt_tokens, options->prompt_scale);
    request->hash_tokens = scaled(request->hash_tokens, options->prompt_scale);
    if (request->n_hashes > 0) {
      g_assert(request->hash_tokens > 0);
      request->n_hashes = MIN(request->n_hashes, (request->prompt_tokens - 1) / request->hash_tokens + 1);
    }
  }
  request->reasoning_tokens = scaled(request->reasoning_tokens, options->output_scale);
  request->answer_tokens = scaled(request->answer_tokens, options->output_scale);
  if (request->reasoning_tokens > options->reasoning_budget)
    request->reasoning_tokens = (gint32)options->reasoning_budget;
  /* A budget of nothing leaves nothing of a request that only reasons. */
  if (tw_request_output_tokens(request) == 0 && !empty)
    request->answer_tokens = 1;
  if (empty)
    request->answer_tokens = 0;
}

/* The length of a text in a table, whose quotes are doubled there. */
static gsize bytes_of(const char *text)
{
  gsize n = 0;
  for (; text != NULL && *text != '\0'; text++)
    n += *text == '"' ? 2 : 1;
  return n;
}

static gboolean check_names(const tw_input *input, const tw_request *request, GError **error)
{
  gsize bytes = bytes_of(request->session) + bytes_of(request->class);
  return bytes <= TW_REQUEST_MAX_NAME_BYTES ||
         tw_input_fault(
             input, error,
             "the names of session and class take %" G_GSIZE_FORMAT
             " bytes; together they may take %d, so that the row of a request fits a block of its table",
             bytes, TW_REQUEST_MAX_NAME_BYTES);
}

gboolean tw_replay_next(tw_replay *trace, tw_trace_row *row, GError **error)
{
  GError *problem = NULL;
  tw_input *input = tw_trace_rows_input(trace->rows);
  if (trace->emitted == trace->options.limit)
    return tw_input_drain(input, error) && FALSE;
  while (!next_in_pass(trace, row, &problem)) {
    if (problem != NULL) {
      g_propagate_error(error, problem);
      return FALSE;
    }
    if (trace->emitted == 0)
      return nothing_emitted(trace, error);
    if (++trace->pass == trace->options.repeat)
      return tw_input_drain(input, error) && FALSE;
    if (trace->pass == 1 && (!find_period(trace, error) || !tw_input_drain(input, error)))
      return FALSE;
    if (!start_pass(trace, error))
      return FALSE;
  }
  if (trace->emitted == 0)
    trace->first_s = trace->last_s = trace->window_s;
  if (trace->pass == 0) {
    trace->last_s = MAX(trace->window_s, trace->last_s);
    trace->in_first_pass++;
  } else {
    /* A repeated prompt is another user's: it shares nothing with the passes before. */
    tw_copy_make_other(&row->request, trace->pass,
                       (guint64)trace->pass * G_GUINT64_CONSTANT(0x9e3779b97f4a7c15),
                       trace->options.mode != TW_REPLAY_RECORDED);
  }
  trace->emitted++;
  if (!check_names(input, &row->request, error)) {
    tw_trace_row_clear(row);
    return FALSE;
  }
  resize(trace, row);
  row->request.arrival_s =
      ((double)trace->pass * trace->period_s + trace->window_s) / trace->options.rate_scale;
  return TRUE;
}

double tw_replay_progress(const tw_replay *trace)
{
  double of_pass = tw_trace_rows_progress(trace->rows);
  if (isfinite(trace->options.duration_s))
    of_pass = MAX(of_pass, trace->window_s / trace->options.duration_s);
  double done = ((double)trace->pass + of_pass) / (double)trace->options.repeat;
  return MIN(MAX(done, (double)trace->emitted / (double)trace->options.limit), 1);
}

const char *tw_replay_sha256(const tw_replay *trace)
{
  return tw_input_sha256(tw_trace_rows_input(trace->rows));
}

const char *tw_replay_path(const tw_replay *trace)
{
  return tw_input_path(tw_trace_rows_input(trace->rows));
}

const tw_trace_rows *tw_replay_rows(const tw_replay *trace)
{
  return trace->rows;
}

const tw_trace_options *tw_replay_options(const tw_replay *trace)
{
  return &trace->options;
}

gint32 tw_replay_block_tokens(const tw_replay *trace)
{
  gint64 asked = trace->options.reading.block_tokens;
  return asked > 0 ? (gint32)asked : tw_trace_rows_format(trace->rows)->block_tokens;
}

void tw_replay_free(tw_replay *trace)
{
  if (trace == NULL)
    return;
  tw_trace_rows_free(trace->rows);
  g_free(trace);
}

static gboolean check_options(const tw_trace_options *options, GError **error)
{
  const struct {
    gboolean good;
    const char *what;
  } rules[] = {
      {options->rate_scale > 0 && isfinite(options->rate_scale), "rate-scale must be a number above 0"},
      {options->start_s >= 0 && isfinite(options->start_s), "start must be a time from 0 s on"},
      {options->duration_s > 0, "duration must be a time above 0 s"},
      {options->limit >= 1, "limit must be at least 1 request"},
      {options->repeat >= 1, "repeat must be at least 1"},
      {options->prompt_scale > 0 && isfinite(options->prompt_scale), "prompt-scale must be a number above 0"},
      {options->output_scale > 0 && isfinite(options->output_scale), "output-scale must be a number above 0"},
      {options->reasoning_budget >= 0, "reasoning-budget must not be negative"},
      {options->reading.block_tokens >= 0 && options->reading.block_tokens <= TW_REQUEST_MAX_TOKENS,
       "block-size must be a number of tokens from 1 on"},
      {options->lanes >= 1, "lanes must be at least 1"},
      {options->most_gap_s >= 0, "most-gap must not be negative"},
      {options->copies >= 1, "copies must be at least 1"},
      {options->spread_s >= 0 && isfinite(options->spread_s), "spread must be a time from 0 s on"},
  };
  for (guint i = 0; i < G_N_ELEMENTS(rules); i++)
    if (!rules[i].good)
      return tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0, "%s", rules[i].what);
  return TRUE;
}

tw_replay *tw_replay_open(const char *path, const tw_trace_format *format, const tw_trace_options *options,
                          GError **error)
{
  if (!check_options(options, error))
    return NULL;
  tw_replay *trace = g_new0(tw_replay, 1);
  trace->options = *options;
  trace->previous_s = -1;
  trace->rows = tw_trace_rows_open(path, format, &trace->options, error);
  if (trace->rows != NULL)
    return trace;
  tw_replay_free(trace);
  return NULL;
}

/* ---- As a stream of requests whose times are those of the trace ---- */

typedef struct {
  tw_stream base;
  tw_replay *replay;
  gint32 block_tokens;
} recorded;

static gboolean next_recorded(tw_stream *stream, tw_request *request, GError **error)
{
  recorded *of = (recorded *)stream;
  tw_trace_row row;
  if (!tw_replay_next(of->replay, &row, error))
    return FALSE;
  tw_trace_row_simplify(&row, of->block_tokens);
  *request = row.request;
  row.request.hashes = NULL;
  row.request.session = NULL;
  tw_trace_row_clear(&row);
  return TRUE;
}

static double recorded_progress(const tw_stream *stream)
{
  return tw_replay_progress(((const recorded *)stream)->replay);
}

static const char *recorded_sha256(const tw_stream *stream)
{
  return tw_replay_sha256(((const recorded *)stream)->replay);
}

static const char *recorded_path(const tw_stream *stream)
{
  return tw_replay_path(((const recorded *)stream)->replay);
}

static const tw_trace_tally *recorded_tally(const tw_stream *stream)
{
  return tw_trace_rows_tally(tw_replay_rows(((const recorded *)stream)->replay));
}

static void free_recorded(tw_stream *stream)
{
  tw_replay_free(((recorded *)stream)->replay);
  g_free(stream);
}

static const tw_stream_kind recorded_kind = {.next = next_recorded,
                                             .progress = recorded_progress,
                                             .sha256 = recorded_sha256,
                                             .path = recorded_path,
                                             .tally = recorded_tally,
                                             .free = free_recorded};

tw_stream *tw_stream_open(const char *path, const tw_trace_format *format, const tw_trace_options *options,
                          GError **error)
{
  tw_replay *replay = tw_replay_open(path, format, options, error);
  if (replay == NULL)
    return NULL;
  if (options->mode != TW_REPLAY_RECORDED)
    return tw_stream_plays(replay);
  recorded *of = g_new0(recorded, 1);
  of->base.kind = &recorded_kind;
  of->replay = replay;
  of->block_tokens = tw_replay_block_tokens(replay);
  return options->copies > 1 || options->spread_s > 0 ? tw_stream_copies(&of->base, options) : &of->base;
}
