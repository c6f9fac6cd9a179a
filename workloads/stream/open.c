#include "workloads/stream/open.h"

#include "workloads/stream/stream_kind.h"

#include <math.h>

typedef struct {
  tw_stream base;
  tw_open_options options;
  tw_population *population;
  double now_s;
  gint64 emitted;
  tw_chance prompt, reasoning, answer;
} open_loop;

static gboolean next_drawn(tw_stream *stream, tw_request *request, GError **error)
{
  (void)error;
  open_loop *source = (open_loop *)stream;
  const tw_open_options *options = &source->options;
  double due_s = tw_population_due(source->population);
  if (source->emitted == options->limit || isinf(due_s))
    return FALSE;
  const tw_population_client *client = tw_population_take(source->population, NULL);
  source->now_s = due_s;
  source->emitted++;
  *request = (tw_request){
      .arrival_s = due_s,
      .prompt_tokens = tw_length_draw_scaled(&options->prompt, &source->prompt, client->prompt_factor),
      .reasoning_tokens =
          tw_length_is_none(&options->reasoning)
              ? 0
              : tw_length_draw_scaled(&options->reasoning, &source->reasoning, client->output_factor),
      .answer_tokens = tw_length_draw_scaled(&options->answer, &source->answer, client->output_factor),
      .session = g_strdup(client->name),
  };
  return TRUE;
}

static double open_progress(const tw_stream *stream)
{
  const open_loop *source = (const open_loop *)stream;
  double by_number = (double)source->emitted / (double)source->options.limit;
  return MIN(MAX(by_number, source->now_s / source->options.duration_s), 1);
}

static void free_open(tw_stream *stream)
{
  tw_population_free(((open_loop *)stream)->population);
  g_free(stream);
}

static const tw_stream_kind open_kind = {.next = next_drawn, .progress = open_progress, .free = free_open};

static tw_chance chance_of(const tw_open_options *options, const char *quantity)
{
  g_autofree char *name = g_strdup_printf("%s %s", options->name, quantity);
  return tw_chance_new(options->seed, name);
}

tw_stream *tw_stream_open_loop(const tw_open_options *options)
{
  open_loop *source = g_new0(open_loop, 1);
  source->base.kind = &open_kind;
  source->options = *options;
  g_autofree char *gaps = g_strconcat(options->name, " arrival", NULL);
  source->population = tw_population_new(&options->population, &options->arrivals, options->scale,
                                         options->duration_s, options->seed, options->name, gaps);
  source->prompt = chance_of(options, "prompt");
  source->reasoning = chance_of(options, "reasoning");
  source->answer = chance_of(options, "answer");
  return &source->base;
}
