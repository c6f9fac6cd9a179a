/* The stream of clients that wait for their answers before they ask again. */
#include "platforms/input/fault.h"
#include "workloads/draw/length.h"
#include "workloads/stream/stream_kind.h"

#include <math.h>

typedef struct closed {
  tw_stream base;
  tw_closed_options options;
  gint64 sent;    /* requests */
  double ready_s; /* when the client program can send again */
  /* Instants at which clients ask, ascending, in a ring: first those of all clients that start. */
  double *asks_s;
  gint64 first, waiting;
  tw_chance prompt, reasoning, answer, jitter;
} closed;

static double *slot(const closed *source, gint64 i)
{
  return &source->asks_s[(source->first + i) % source->options.clients];
}

/* A client asks at that instant, or up to the jitter later; behind those that ask at the same one. */
static void add_ask(closed *source, double at_s)
{
  if (source->options.jitter_s > 0)
    at_s += source->options.jitter_s * tw_chance_uniform(&source->jitter);
  gint64 i = source->waiting++;
  for (; i > 0 && *slot(source, i - 1) > at_s; i--)
    *slot(source, i) = *slot(source, i - 1);
  *slot(source, i) = at_s;
}

static double closed_due(const tw_stream *stream)
{
  const closed *source = (const closed *)stream;
  double due_s = source->waiting > 0 ? fmax(*slot(source, 0), source->ready_s) : INFINITY;
  return source->sent < source->options.limit && due_s < source->options.duration_s ? due_s : INFINITY;
}

static void closed_told(tw_stream *stream, const tw_request *request, gboolean completed, double now_s)
{
  closed *source = (closed *)stream;
  (void)request, (void)completed;
  add_ask(source, now_s + source->options.think_s);
}

static gboolean next_closed(tw_stream *stream, tw_request *request, GError **error)
{
  (void)error;
  closed *source = (closed *)stream;
  const tw_closed_options *options = &source->options;
  *request = (tw_request){
      .arrival_s = closed_due(stream),
      .prompt_tokens = tw_length_draw(&options->prompt, &source->prompt),
      .reasoning_tokens = tw_length_is_none(&options->reasoning)
                              ? 0
                              : tw_length_draw(&options->reasoning, &source->reasoning),
      .answer_tokens = tw_length_draw(&options->answer, &source->answer),
  };
  request->warmup = source->sent < options->warmup;
  source->first = (source->first + 1) % options->clients;
  source->waiting--;
  source->sent++;
  source->ready_s = request->arrival_s + options->pace_s;
  return TRUE;
}

static double closed_progress(const tw_stream *stream)
{
  const closed *source = (const closed *)stream;
  double by_number = (double)source->sent / (double)source->options.limit;
  double due_s = closed_due(stream);
  return MIN(isfinite(due_s) ? MAX(by_number, due_s / source->options.duration_s) : by_number, 1);
}

static void free_closed(tw_stream *stream)
{
  g_free(((closed *)stream)->asks_s);
  g_free(stream);
}

static const tw_stream_kind closed_kind = {.next = next_closed,
                                           .progress = closed_progress,
                                           .free = free_closed,
                                           .due = closed_due,
                                           .told = closed_told};

gboolean tw_closed_check(const tw_closed_options *options, GError **error)
{
  if (options->clients < 1 || options->limit < 1 || !(options->duration_s > 0))
    return tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0,
                              "clients, limit or duration is 0 or less; each must be above 0");
  /* A duration alone would not end clients whose requests are all rejected at once. */
  if (options->limit == G_MAXINT64)
    return tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0, "no limit; one is needed");
  if (!(options->think_s >= 0 && isfinite(options->think_s) && options->ramp_s >= 0 &&
        isfinite(options->ramp_s) && options->pace_s >= 0 && isfinite(options->pace_s) &&
        options->jitter_s >= 0 && isfinite(options->jitter_s) && options->warmup >= 0))
    return tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0,
                              "think, ramp, pace, jitter and warmup must not be negative");
  if (options->warmup >= options->limit)
    return tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0,
                              "warmup leaves no request to measure; use less than all requests");
  return tw_length_check("prompt", &options->prompt, 1, error) &&
         tw_length_check("reasoning", &options->reasoning, 0, error) &&
         tw_length_check("answer", &options->answer, 1, error);
}

tw_stream *tw_stream_closed(const tw_closed_options *options)
{
  g_assert(tw_closed_check(options, NULL));
  closed *source = g_new0(closed, 1);
  source->base.kind = &closed_kind;
  source->options = *options;
  source->asks_s = g_new(double, (gsize)options->clients);
  source->prompt = tw_chance_new(options->seed, "closed prompt");
  source->reasoning = tw_chance_new(options->seed, "closed reasoning");
  source->answer = tw_chance_new(options->seed, "closed answer");
  source->jitter = tw_chance_new(options->seed, "closed jitter");
  for (gint64 i = 0; i < options->clients; i++)
    add_ask(source, options->ramp_s * (double)i / (double)options->clients);
  return &source->base;
}
