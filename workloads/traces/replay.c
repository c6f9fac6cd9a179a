/* The stream that reads a trace: order, window, scale and repetition.
 *
 *     trace   |----- start -----[======= duration =======)-----|
 *     run                       [= pass 0 =)[= pass 1 =) ...     at 1 / rate_scale
 */
#include "platforms/input/fault.h"
#include "workloads/stream/stream_kind.h"
#include "workloads/traces/trace.h"

#include <math.h>

typedef struct {
  tw_stream base;
  tw_input *input;
  const tw_trace_format *format;
  void *reader;
  tw_trace_options options;
  gint64 pass;
  gint64 emitted;                   /* in all passes */
  gint64 in_first_pass;             /* requests that the first pass emitted, */
  double first_s, last_s, period_s; /* their first and last time, and the distance of passes */
  double previous_s;                /* time in the trace of the line before */
  double window_s;                  /* time in the window of the request emitted last */
  gboolean past_window;
} replay;

/* Says why, not that, a trace gave nothing to replay. */
static gboolean nothing_emitted(const replay *trace, GError **error)
{
  const char *path = tw_input_path(trace->input);
  if (trace->previous_s < 0)
    return tw_input_error_set(error, TW_INPUT_ERROR_VALUE, path, 0,
                              "the trace has no requests; at least one is needed");
  if (trace->past_window)
    return tw_input_error_set(error, TW_INPUT_ERROR_VALUE, path, 0,
                              "no request arrives from %g s to %g s; choose another start or duration",
                              trace->options.start_s, trace->options.start_s + trace->options.duration_s);
  return tw_input_error_set(error, TW_INPUT_ERROR_VALUE, path, 0,
                            "the last request arrives at %g s, before the start at %g s; choose an earlier "
                            "start",
                            trace->previous_s, trace->options.start_s);
}

static gboolean find_period(replay *trace, GError **error)
{
  double span_s = trace->last_s - trace->first_s;
  if (isfinite(trace->options.duration_s))
    trace->period_s = trace->options.duration_s;
  else if (span_s > 0)
    trace->period_s = span_s + span_s / (double)(trace->in_first_pass - 1);
  else
    return tw_input_error_set(error, TW_INPUT_ERROR_VALUE, tw_input_path(trace->input), 0,
                              "all requests arrive at once, so that the trace has no length to repeat it "
                              "after; give a duration");
  return TRUE;
}

/* Goes back to the first line of the file for another pass. */
static gboolean start_pass(replay *trace, GError **error)
{
  if (trace->pass > 0 && !tw_input_rewind(trace->input, error))
    return FALSE;
  if (trace->reader != NULL)
    trace->format->close(trace->reader);
  trace->reader = trace->format->open(trace->input, error);
  trace->previous_s = -1;
  trace->past_window = FALSE;
  return trace->reader != NULL;
}

/* Reads the next request inside the window. FALSE at the end of the pass, or with `error`. */
static gboolean next_in_pass(replay *trace, tw_request *request, GError **error)
{
  while (trace->format->read(trace->reader, request, error)) {
    double time_s = request->arrival_s;
    if (time_s < MAX(trace->previous_s, 0)) {
      tw_request_clear(request);
      return tw_input_fault(
          trace->input, error,
          "arrives at %.9g s, before the request above it at %.9g s; a trace is in the order "
          "of arrival",
          time_s, trace->previous_s);
    }
    trace->previous_s = time_s;
    trace->window_s = time_s - trace->options.start_s;
    if (trace->window_s >= trace->options.duration_s) {
      trace->past_window = TRUE;
      tw_request_clear(request);
      return FALSE;
    }
    if (trace->window_s >= 0)
      return TRUE;
    tw_request_clear(request);
  }
  return FALSE;
}

/* A repeated prompt is another user's: it shares nothing with the passes before. */
static void rename_hashes(tw_request *request, gint64 pass)
{
  if (request->hashes == NULL)
    return;
  guint64 mask = (guint64)pass * G_GUINT64_CONSTANT(0x9e3779b97f4a7c15);
  for (gint32 i = 0; i < request->n_hashes; i++)
    request->hashes[i] ^= mask;
}

static gint32 scaled(gint32 tokens, double scale)
{
  double value = round(tokens * scale);
  return tokens == 0 ? 0 : (gint32)CLAMP(value, 1, TW_REQUEST_MAX_TOKENS);
}

/* Another length of prompt and output. Ids that the prompt has no tokens for any more are dropped. */
static void resize(tw_request *request, const tw_trace_options *options)
{
  if (options->prompt_scale != 1) { /* exactly as it was given, by default */
    request->prompt_tokens = scaled(request->prompt_tokens, options->prompt_scale);
    request->hash_tokens = scaled(request->hash_tokens, options->prompt_scale);
    if (request->n_hashes > 0)
      request->n_hashes = MIN(request->n_hashes, (request->prompt_tokens - 1) / request->hash_tokens + 1);
  }
  request->reasoning_tokens = scaled(request->reasoning_tokens, options->output_scale);
  request->answer_tokens = scaled(request->answer_tokens, options->output_scale);
  if (request->reasoning_tokens > options->reasoning_budget)
    request->reasoning_tokens = (gint32)options->reasoning_budget;
  /* A budget of nothing leaves nothing of a request that only reasons. */
  if (tw_request_output_tokens(request) == 0)
    request->answer_tokens = 1;
}

static gboolean next_replayed(tw_stream *stream, tw_request *request, GError **error)
{
  replay *trace = (replay *)stream;
  GError *problem = NULL;
  if (trace->emitted == trace->options.limit)
    return tw_input_drain(trace->input, error) && FALSE;
  while (!next_in_pass(trace, request, &problem)) {
    if (problem != NULL) {
      g_propagate_error(error, problem);
      return FALSE;
    }
    if (trace->emitted == 0)
      return nothing_emitted(trace, error);
    if (++trace->pass == trace->options.repeat)
      return tw_input_drain(trace->input, error) && FALSE;
    if (trace->pass == 1 && (!find_period(trace, error) || !tw_input_drain(trace->input, error)))
      return FALSE;
    if (!start_pass(trace, error))
      return FALSE;
  }
  if (trace->emitted == 0)
    trace->first_s = trace->window_s;
  if (trace->pass == 0) {
    trace->last_s = trace->window_s;
    trace->in_first_pass++;
  } else {
    rename_hashes(request, trace->pass);
  }
  trace->emitted++;
  resize(request, &trace->options);
  request->arrival_s = ((double)trace->pass * trace->period_s + trace->window_s) / trace->options.rate_scale;
  return TRUE;
}

static double replay_progress(const tw_stream *stream)
{
  const replay *trace = (const replay *)stream;
  double of_pass = tw_input_progress(trace->input);
  if (isfinite(trace->options.duration_s))
    of_pass = MAX(of_pass, trace->window_s / trace->options.duration_s);
  double done = ((double)trace->pass + of_pass) / (double)trace->options.repeat;
  return MIN(MAX(done, (double)trace->emitted / (double)trace->options.limit), 1);
}

static const char *replay_sha256(const tw_stream *stream)
{
  return tw_input_sha256(((const replay *)stream)->input);
}

static const char *replay_path(const tw_stream *stream)
{
  return tw_input_path(((const replay *)stream)->input);
}

static void free_replay(tw_stream *stream)
{
  replay *trace = (replay *)stream;
  if (trace->reader != NULL)
    trace->format->close(trace->reader);
  tw_input_free(trace->input);
  g_free(trace);
}

static const tw_stream_kind replay_kind = {.next = next_replayed,
                                           .progress = replay_progress,
                                           .sha256 = replay_sha256,
                                           .path = replay_path,
                                           .free = free_replay};

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
  };
  for (guint i = 0; i < G_N_ELEMENTS(rules); i++)
    if (!rules[i].good)
      return tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0, "%s", rules[i].what);
  return TRUE;
}

tw_stream *tw_stream_open(const char *path, const tw_trace_format *format, const tw_trace_options *options,
                          GError **error)
{
  if (!check_options(options, error))
    return NULL;
  tw_input *input = tw_input_open(path, error);
  if (input == NULL)
    return NULL;
  replay *trace = g_new0(replay, 1);
  trace->base.kind = &replay_kind;
  trace->input = input;
  trace->options = *options;
  trace->format = format != NULL ? format : tw_trace_detect(input, error);
  if (trace->format == NULL || !start_pass(trace, error)) {
    free_replay(&trace->base);
    return NULL;
  }
  return &trace->base;
}
