/* The stream that draws Poisson arrivals with independent lengths. */
#include "platforms/fault.h"
#include "workloads/length.h"
#include "workloads/stream_kind.h"

#include <math.h>

typedef struct {
  tw_stream base;
  tw_poisson_options options;
  double now_s;
  gint64 emitted;
  tw_chance arrival, prompt, reasoning, answer;
} poisson;

static gboolean next_drawn(tw_stream *stream, tw_request *request, GError **error)
{
  (void)error;
  poisson *source = (poisson *)stream;
  const tw_poisson_options *options = &source->options;
  if (source->emitted == options->limit)
    return FALSE;
  source->now_s += tw_chance_exponential(&source->arrival) / options->rate_per_s;
  if (source->now_s >= options->duration_s)
    return FALSE;
  source->emitted++;
  *request = (tw_request){
      .arrival_s = source->now_s,
      .prompt_tokens = tw_length_draw(&options->prompt, &source->prompt),
      .reasoning_tokens =
          options->reasoning.mean > 0 ? tw_length_draw(&options->reasoning, &source->reasoning) : 0,
      .answer_tokens = tw_length_draw(&options->answer, &source->answer),
  };
  return TRUE;
}

static double poisson_progress(const tw_stream *stream)
{
  const poisson *source = (const poisson *)stream;
  double by_number = (double)source->emitted / (double)source->options.limit;
  return MIN(MAX(by_number, source->now_s / source->options.duration_s), 1);
}

static void free_poisson(tw_stream *stream)
{
  g_free(stream);
}

static const tw_stream_kind poisson_kind = {
    .next = next_drawn, .progress = poisson_progress, .free = free_poisson};

gboolean tw_poisson_check(const tw_poisson_options *options, GError **error)
{
  if (!(options->rate_per_s > 0 && isfinite(options->rate_per_s)))
    return tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0, "the rate is %g/s; one above 0 is needed",
                              options->rate_per_s);
  if (options->limit < 1 || !(options->duration_s > 0))
    return tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0,
                              "the limit or the duration is 0 or less; one above 0 is needed");
  if (options->limit == G_MAXINT64 && isinf(options->duration_s))
    return tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0,
                              "neither a limit nor a duration; one of them is needed");
  return tw_length_check("prompt", &options->prompt, 1, error) &&
         tw_length_check("reasoning", &options->reasoning, 0, error) &&
         tw_length_check("answer", &options->answer, 1, error);
}

tw_stream *tw_stream_poisson(const tw_poisson_options *options)
{
  g_assert(tw_poisson_check(options, NULL));
  poisson *source = g_new0(poisson, 1);
  source->base.kind = &poisson_kind;
  source->options = *options;
  source->arrival = tw_chance_new(options->seed, "poisson arrival");
  source->prompt = tw_chance_new(options->seed, "poisson prompt");
  source->reasoning = tw_chance_new(options->seed, "poisson reasoning");
  source->answer = tw_chance_new(options->seed, "poisson answer");
  return &source->base;
}
