#include "sim/planner/demand.h"

#include "workloads/traces/profile.h"

#include <math.h>

/* The attribute that says how much arrives, and its unit, by the element that is the source of requests. */
struct tw_demand_source {
  const char *amount, *unit; /* amount: NULL where there is no such attribute */
  const char *element;
};
static const tw_demand_source from_trace = {"//workload/trace/@rate-scale", "", "//workload/trace"},
                              generated = {"//workload/generate/@rate-scale", "", "//workload/generate"},
                              written = {NULL, "", "//workload/generator"},
                              poisson = {"//workload/poisson/@rate", "/s", "//workload/poisson"},
                              sessions = {"//workload/sessions/@rate", "/s", "//workload/sessions"},
                              closed = {"//workload/closed-loop/@concurrency", "", "//workload/closed-loop"};

static const tw_demand_source *source_of(const tw_scenario *scenario, const tw_class *only)
{
  if (scenario->trace_file != NULL)
    return &from_trace;
  if (only == NULL || only->name != NULL)
    return strstr(scenario->canonical, "<generate ") != NULL ? &generated : &written;
  return only->kind == TW_CLASS_CLOSED ? &closed : only->kind == TW_CLASS_SESSIONS ? &sessions : &poisson;
}

/* The value of that attribute. */
static double amount_of(const tw_demand_source *source, const tw_scenario *scenario, const tw_class *only)
{
  return source == &from_trace  ? scenario->trace.rate_scale
         : source == &generated ? scenario->use.rate_scale
         : source == &written   ? 1
         : source == &closed    ? (double)only->concurrency
                                : only->rate_per_s;
}

gboolean tw_demand_read(const tw_scenario *scenario, tw_demand *demand, GError **error)
{
  /* All replays of a trace are alike: the first tells of all, in the memory that it takes. */
  tw_scenario once = *scenario;
  once.trace.repeat = 1;
  gint64 repeat = scenario->trace_file != NULL ? scenario->trace.repeat : 1;
  g_autoptr(tw_stream) stream = tw_scenario_stream(&once, error);
  g_autoptr(tw_profile) profile = tw_profile_new();
  g_autoptr(GError) problem = NULL;
  tw_request request;
  if (stream == NULL)
    return FALSE;
  while (tw_stream_next(stream, &request, &problem)) {
    tw_profile_add(profile, &request);
    if (tw_stream_waits(stream))
      tw_stream_told(stream, &request, TRUE, request.arrival_s);
    tw_request_clear(&request);
  }
  if (problem != NULL) {
    g_propagate_error(error, g_steal_pointer(&problem));
    return FALSE;
  }
  tw_profile_facts facts;
  tw_profile_read(profile, &facts);
  double span_s = facts.last_s - facts.first_s;
  /* Less than a minute: the mean is all there is. */
  double rate_per_s =
      span_s > 60 ? (double)facts.peak_requests / 60 : (double)facts.requests / MAX(span_s, 1);
  const tw_class *only = tw_scenario_only_class(scenario);
  const tw_demand_source *source = source_of(scenario, only);
  *demand = (tw_demand){.source = source,
                        .amount = amount_of(source, scenario, only),
                        .requests = facts.requests * (guint64)repeat,
                        .repeat = repeat,
                        .start_s = source == &from_trace ? scenario->trace.start_s : 0,
                        .span_s = span_s * (double)repeat,
                        .rate_per_s = rate_per_s,
                        .peak_s = span_s > 60 ? facts.peak_start_s : facts.first_s,
                        .prompt = facts.tokens[TW_TOKENS_PROMPT].mean,
                        .output = facts.tokens[TW_TOKENS_OUTPUT].mean,
                        .cached = (double)facts.shared_prompt_tokens /
                                  (double)MAX(facts.tokens[TW_TOKENS_PROMPT].sum, 1),
                        .median_prompt = facts.tokens[TW_TOKENS_PROMPT].p50,
                        .clients = source == &closed ? only->concurrency : 0};
  return TRUE;
}

static char *assignment(const char *path, double value, const char *unit)
{
  char digits[G_ASCII_DTOSTR_BUF_SIZE];
  return g_strconcat(path, "=", g_ascii_formatd(digits, sizeof digits, "%.12g", value), unit, NULL);
}

gboolean tw_demand_is_replayed(const tw_demand *demand)
{
  return demand->source == &from_trace;
}

gboolean tw_demand_scales(const tw_demand *demand)
{
  return demand->source->amount != NULL;
}

char **tw_demand_scaled(const tw_demand *demand, double factor)
{
  char **list = g_new0(char *, 2);
  double amount = demand->amount * factor;
  if (demand->source == &closed)
    amount = MAX(round(amount), 1);
  g_assert(factor == 1 || tw_demand_scales(demand));
  if (factor != 1)
    list[0] = assignment(demand->source->amount, amount, demand->source->unit);
  return list;
}

/* Adds to `list` what leaves `length_s` seconds of one replay of a trace, around its busiest minute. A trace
 * counts in its own time, which passes `scale` times as fast as the run's. */
static void cut_trace(const tw_demand *demand, double factor, double length_s, GStrvBuilder *list)
{
  double scale = demand->amount * factor, replay_s = demand->span_s / (double)demand->repeat / factor;
  double middle_s = fmod(demand->peak_s + 30, demand->span_s / (double)demand->repeat) / factor;
  double start_s = CLAMP(middle_s - length_s * 2 / 3, 0, replay_s - length_s);
  g_autofree char *length = assignment("//workload/trace/@duration", length_s * scale, "s");
  g_autofree char *from = assignment("//workload/trace/@start", demand->start_s + start_s * scale, "s");
  g_strv_builder_add(list, length);
  g_strv_builder_add(list, from);
}

char **tw_demand_slice(const tw_demand *demand, double factor, double length_s)
{
  gboolean trace = demand->source == &from_trace;
  double span_s = trace ? demand->span_s / factor : demand->span_s;
  double replays = ceil(length_s / span_s * (double)demand->repeat);
  if (length_s >= span_s || (demand->repeat > 1 && replays >= (double)demand->repeat))
    return NULL;
  g_autoptr(GStrvBuilder) list = g_strv_builder_new();
  if (demand->repeat > 1) {
    g_autofree char *repeat = assignment("//workload/trace/@repeat", replays, "");
    g_strv_builder_add(list, repeat);
  }
  if (replays > 1)
    length_s = replays * span_s / (double)demand->repeat; /* whole replays */
  else if (trace)
    cut_trace(demand, factor, length_s, list);
  g_autofree char *warmup = assignment("/scenario/output/@warmup", length_s / 3, "s");
  g_strv_builder_add(list, warmup);
  if (!trace) {
    g_autofree char *duration = g_strconcat(demand->source->element, "/@duration", NULL);
    g_autofree char *length = assignment(duration, length_s, "s");
    g_strv_builder_add(list, length);
  }
  return g_strv_builder_end(list);
}
