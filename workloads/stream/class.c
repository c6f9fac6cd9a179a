#include "workloads/stream/class.h"

#include "platforms/input/fault.h"
#include "workloads/stream/open.h"

#include <math.h>

static tw_arrival_options arrivals_of(const tw_class *c)
{
  return (tw_arrival_options){.law = (tw_arrival_law)c->law,
                              .rate_per_s = c->rate_per_s,
                              .cv = c->cv,
                              .rates = c->rates,
                              .swing = c->swing,
                              .peak_s = c->peak_s,
                              .burst_factor = c->burst_factor,
                              .burst_s = c->burst_s,
                              .calm_s = c->calm_s};
}

static tw_population_options population_of(const tw_class *c)
{
  return (tw_population_options){c->clients, c->skew, c->length_sigma, c->cv_sigma};
}

static tw_sessions_options sessions_of(const tw_class *c)
{
  return (tw_sessions_options){.name = c->name,
                               .arrivals = arrivals_of(c),
                               .population = population_of(c),
                               .scale = 1,
                               .limit = 1,
                               .duration_s = INFINITY,
                               .system_tokens = c->system_tokens,
                               .keeps_reasoning = c->keeps_reasoning,
                               .hash_tokens = (gint32)c->hash_tokens,
                               .priority = (gint32)c->priority,
                               .samples = c->kind == TW_CLASS_ROLLOUTS ? c->samples : 0,
                               .turns = c->turns,
                               .n_turns = c->n_turns};
}

static tw_closed_options closed_of(const tw_class *c)
{
  return (tw_closed_options){.clients = c->concurrency,
                             .limit = MIN(c->sent, tw_limit_or_most(c->limit)),
                             .duration_s = INFINITY,
                             .think_s = c->think_s,
                             .ramp_s = c->ramp_s,
                             .pace_s = c->pace_s,
                             .jitter_s = c->jitter_s,
                             .warmup = c->warmup,
                             .prompt = c->lengths[0],
                             .reasoning = c->lengths[1],
                             .answer = c->lengths[2]};
}

static gboolean check_open(const tw_class *c, GError **error)
{
  tw_arrival_options arrivals = arrivals_of(c);
  g_autofree char *why = tw_arrival_check(&arrivals);
  if (why != NULL)
    return tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0, "%s", why);
  if (tw_limit_or_most(c->limit) < 1 || c->duration_s <= 0)
    return tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0,
                              "the limit or the duration is 0 or less; one above 0 is needed");
  return tw_length_check("prompt", &c->lengths[0], 1, error) &&
         tw_length_check("reasoning", &c->lengths[1], 0, error) &&
         tw_length_check("answer", &c->lengths[2], 1, error);
}

gboolean tw_class_check(const tw_class *c, GError **error)
{
  if (c->kind == TW_CLASS_OPEN)
    return check_open(c, error);
  if (c->kind == TW_CLASS_CLOSED) {
    tw_closed_options options = closed_of(c);
    return tw_closed_check(&options, error);
  }
  tw_sessions_options options = sessions_of(c);
  return c->kind == TW_CLASS_SERVEGEN || tw_sessions_check(&options, error);
}

gboolean tw_class_ends(const tw_class *c)
{
  return c->limit != G_MININT64 || !isnan(c->duration_s) || c->kind == TW_CLASS_CLOSED ||
         c->kind == TW_CLASS_SERVEGEN || c->kind == TW_CLASS_ROLLOUTS;
}

gint64 tw_limit_or_most(gint64 limit)
{
  return limit == G_MININT64 ? G_MAXINT64 : limit;
}

static tw_stream *open_stream(const tw_class *c, const tw_generator_use *use, double end_s)
{
  tw_open_options options = {.name = c->name != NULL ? c->name : "poisson",
                             .arrivals = arrivals_of(c),
                             .population = population_of(c),
                             .scale = use->rate_scale,
                             .limit = tw_limit_or_most(c->limit),
                             .duration_s = end_s,
                             .prompt = c->lengths[0],
                             .reasoning = c->lengths[1],
                             .answer = c->lengths[2],
                             .seed = use->seed};
  return tw_stream_open_loop(&options);
}

static tw_stream *closed_stream(const tw_class *c, const tw_generator_use *use, double end_s)
{
  tw_closed_options options = closed_of(c);
  options.duration_s = end_s;
  options.seed = c->name != NULL ? use->seed ^ g_str_hash(c->name) : use->seed;
  return tw_stream_closed(&options);
}

static tw_stream *session_stream(const tw_class *c, const tw_generator_use *use, double end_s)
{
  tw_sessions_options options = sessions_of(c);
  options.scale = use->rate_scale;
  options.limit = c->limit == G_MININT64 && isinf(end_s) ? G_MAXINT64 - 1 : tw_limit_or_most(c->limit);
  options.duration_s = end_s;
  options.seed = use->seed;
  return tw_stream_sessions(&options);
}

tw_stream *tw_class_stream(const tw_class *c, const tw_generator_use *use, double end_s)
{
  if (!isnan(c->duration_s))
    end_s = fmin(end_s, c->duration_s);
  return c->kind == TW_CLASS_SESSIONS || c->kind == TW_CLASS_ROLLOUTS ? session_stream(c, use, end_s)
         : c->kind == TW_CLASS_CLOSED                                 ? closed_stream(c, use, end_s)
         : c->kind == TW_CLASS_SERVEGEN ? tw_stream_servegen(c->servegen, c->name, use->rate_scale,
                                                             tw_limit_or_most(c->limit), end_s, use->seed)
                                        : open_stream(c, use, end_s);
}
