#include "sim/commands/command_describe.h"

#include "analysis/show/plot.h"
#include "platforms/input/fault.h"

#include <math.h>
#include <stdio.h>

enum { WIDTH = 78, HEIGHT = 9, MINUTE_S = 60, FEWEST_MINUTES = 4 };

/* The rate over time: of each point, the lowest and the highest minute. */
static void print_picture(const tw_profile *profile)
{
  guint n_minutes;
  double start_s;
  const guint32 *minutes = tw_profile_minutes(profile, &n_minutes, &start_s);
  if (n_minutes < FEWEST_MINUTES)
    return;
  tw_plot plot = {WIDTH, HEIGHT, !g_get_charset(NULL), start_s, start_s + (double)n_minutes * MINUTE_S};
  guint n = MIN(tw_plot_points(&plot), n_minutes);
  g_autofree tw_plot_point *points = g_new(tw_plot_point, n);
  for (guint i = 0; i < n; i++) {
    guint from = (guint)((guint64)i * n_minutes / n), to = (guint)((guint64)(i + 1) * n_minutes / n);
    points[i] = (tw_plot_point){INFINITY, -INFINITY};
    for (guint m = from; m < to; m++) {
      double rate = (double)minutes[m] / MINUTE_S;
      points[i] = (tw_plot_point){fmin(points[i].low, rate), fmax(points[i].high, rate)};
    }
  }
  g_autofree char *text = tw_plot_draw(&plot, points, n);
  printf("\nrequests/s, by the minute\n%s", text);
}

static void print_sessions(const tw_profile_facts *facts)
{
  if (facts->sessions > 0)
    printf("sessions  %" G_GUINT64_FORMAT " or clients, of %.3g requests on average and %" G_GUINT64_FORMAT
           " at most\n",
           facts->sessions, (double)facts->session_requests / (double)facts->sessions, facts->most_turns);
}

static void print_classes(const tw_profile *profile)
{
  guint64 requests;
  if (tw_profile_classes(profile) == 1 && tw_profile_class(profile, 0, &requests) == NULL)
    return;
  for (guint i = 0; i < tw_profile_classes(profile); i++) {
    const char *name = tw_profile_class(profile, i, &requests);
    g_autofree char *masked = tw_masked(name != NULL ? name : "(none)", "");
    printf("%-9s %s: %" G_GUINT64_FORMAT " requests\n", i == 0 ? "classes" : "", masked, requests);
  }
}

void tw_describe_print(const tw_profile *profile)
{
  tw_profile_facts facts;
  tw_profile_read(profile, &facts);
  double span_s = facts.last_s - facts.first_s;
  const tw_tokens_facts *output = &facts.tokens[TW_TOKENS_OUTPUT];
  printf("requests  %" G_GUINT64_FORMAT " in %.1f s\n", facts.requests, span_s);
  if (span_s > 0)
    printf("rate      %.4g/s; %" G_GUINT64_FORMAT " in the busiest minute, from %.0f s on\n"
           "gaps      coefficient of variation %.3g\n",
           facts.rate_per_s, facts.peak_requests, facts.peak_start_s, facts.gap_cv);
  if (!isnan(facts.dispersion))
    printf("minutes   index of dispersion of their counts %.3g\n", facts.dispersion);
  print_sessions(&facts);
  print_classes(profile);
  if (facts.hashed_requests > 0)
    printf("prefixes  shared with earlier requests by %.1f %% of requests and %.1f %% of prompt tokens\n",
           100 * (double)facts.sharing_requests / (double)facts.requests,
           100 * (double)facts.shared_prompt_tokens / (double)facts.tokens[TW_TOKENS_PROMPT].sum);
  if (facts.hit_tokens > 0 && facts.block_tokens > 0)
    printf("hits      %" G_GUINT64_FORMAT
           " tokens (%.1f %%) in whole blocks of %d, with an endless cache of prompts\n",
           facts.hit_tokens, 100 * (double)facts.hit_tokens / (double)facts.tokens[TW_TOKENS_PROMPT].sum,
           facts.block_tokens);
  if (facts.reuse.p50_tokens > 0)
    printf("reuse     half of them within %.3g million tokens of other prompts and %.3g s, 90 %% within %.3g "
           "million "
           "and %.3g s, 99 %% within %.3g million and %.3g s\n",
           facts.reuse.p50_tokens * 1e-6, facts.reuse.p50_s, facts.reuse.p90_tokens * 1e-6, facts.reuse.p90_s,
           facts.reuse.p99_tokens * 1e-6, facts.reuse.p99_s);
  if (facts.recorded_requests > 0)
    printf("recorded  %" G_GUINT64_FORMAT " tokens (%.1f %%) found by the recorded server's own cache\n",
           facts.recorded_cached_tokens,
           100 * (double)facts.recorded_cached_tokens / (double)facts.tokens[TW_TOKENS_PROMPT].sum);
  if (facts.agents > facts.sessions)
    printf("agents    %" G_GUINT64_FORMAT " in these sessions, sub-agents among them\n", facts.agents);
  if (facts.waits > 0)
    printf("waits     %" G_GUINT64_FORMAT
           " for tools and people: mean %.3g s, median %.3g s, p90 %.3g s, longest %.3g s\n",
           facts.waits, facts.wait_mean_s, facts.wait_p50_s, facts.wait_p90_s, facts.wait_max_s);
  if (facts.most_fan_out > 1)
    printf("fan-out   at most %" G_GUINT64_FORMAT " requests wait for one\n", facts.most_fan_out);
  if (!isnan(facts.in_flight_mean))
    printf("in flight %.3g requests on average at the recorded server, %" G_GUINT64_FORMAT " at most\n",
           facts.in_flight_mean, facts.most_in_flight);
  if (facts.zero_outputs > 0)
    printf("prefills  %" G_GUINT64_FORMAT " requests have no output\n", facts.zero_outputs);
  if (facts.reasoning_requests > 0)
    printf("reasoning in %.1f %% of requests, %.1f %% of the output\n",
           100 * (double)facts.reasoning_requests / (double)facts.requests,
           100 * (double)facts.tokens[TW_TOKENS_REASONING].sum / (double)output->sum);
  printf("\n%-9s %10s %9s %9s %9s %9s %14s\n", "tokens", "mean", "p50", "p90", "p99", "max", "sum");
  for (int i = 0; i < TW_TOKENS_KINDS; i++) {
    const tw_tokens_facts *tokens = &facts.tokens[i];
    printf("%-9s %10.1f %9d %9d %9d %9d %14" G_GUINT64_FORMAT "\n", tw_tokens_names[i], tokens->mean,
           tokens->p50, tokens->p90, tokens->p99, tokens->max, tokens->sum);
  }
  print_picture(profile);
}

static void set_real(json_t *object, const char *name, double value)
{
  if (isfinite(value))
    json_object_set_new(object, name, json_real(value));
}

static void set_count(json_t *object, const char *name, guint64 value)
{
  json_object_set_new(object, name, json_integer((json_int_t)value));
}

static json_t *describe_tokens(const tw_tokens_facts *facts)
{
  json_t *object = json_object();
  set_real(object, "mean", facts->mean);
  set_count(object, "p50", (guint64)facts->p50);
  set_count(object, "p90", (guint64)facts->p90);
  set_count(object, "p99", (guint64)facts->p99);
  set_count(object, "max", (guint64)facts->max);
  set_count(object, "sum", facts->sum);
  return object;
}

static json_t *describe_minutes(const tw_profile *profile)
{
  guint n;
  double start_s;
  const guint32 *minutes = tw_profile_minutes(profile, &n, &start_s);
  json_t *object = json_object(), *requests = json_array();
  for (guint i = 0; i < n; i++)
    json_array_append_new(requests, json_integer(minutes[i]));
  set_real(object, "start_s", start_s);
  json_object_set_new(object, "requests", requests);
  return object;
}

json_t *tw_describe_json(const tw_profile *profile)
{
  tw_profile_facts facts;
  tw_profile_read(profile, &facts);
  json_t *object = json_object(), *tokens = json_object(), *classes = json_object();
  const tw_tokens_facts *all = facts.tokens;
  set_count(object, "requests", facts.requests);
  set_real(object, "first_s", facts.first_s);
  set_real(object, "last_s", facts.last_s);
  set_real(object, "rate_per_s", facts.rate_per_s);
  set_count(object, "peak_minute_requests", facts.peak_requests);
  set_real(object, "peak_minute_start_s", facts.peak_start_s);
  set_real(object, "gap_cv", facts.gap_cv);
  set_real(object, "minute_dispersion", facts.dispersion);
  set_count(object, "sessions", facts.sessions);
  if (facts.sessions > 0) {
    set_real(object, "turns_per_session", (double)facts.session_requests / (double)facts.sessions);
    set_count(object, "most_turns", facts.most_turns);
  }
  set_real(object, "reasoning_share",
           (double)all[TW_TOKENS_REASONING].sum / (double)all[TW_TOKENS_OUTPUT].sum);
  if (facts.hashed_requests > 0) {
    set_real(object, "sharing_requests_share", (double)facts.sharing_requests / (double)facts.requests);
    set_real(object, "prefix_hit_rate",
             (double)facts.shared_prompt_tokens / (double)all[TW_TOKENS_PROMPT].sum);
  }
  if (facts.hashed_requests > 0) {
    set_count(object, "shared_prompt_tokens", facts.shared_prompt_tokens);
    set_count(object, "hit_tokens", facts.hit_tokens);
    if (facts.block_tokens > 0)
      set_count(object, "block_tokens", (guint64)facts.block_tokens);
    set_real(object, "reuse_p50_tokens", facts.reuse.p50_tokens);
    set_real(object, "reuse_p90_tokens", facts.reuse.p90_tokens);
    set_real(object, "reuse_p99_tokens", facts.reuse.p99_tokens);
    set_real(object, "reuse_p50_s", facts.reuse.p50_s);
    set_real(object, "reuse_p90_s", facts.reuse.p90_s);
    set_real(object, "reuse_p99_s", facts.reuse.p99_s);
  }
  if (facts.recorded_requests > 0)
    set_count(object, "recorded_cached_tokens", facts.recorded_cached_tokens);
  set_count(object, "zero_outputs", facts.zero_outputs);
  set_count(object, "agents", facts.agents);
  set_count(object, "waits", facts.waits);
  set_real(object, "wait_mean_s", facts.wait_mean_s);
  set_real(object, "wait_p50_s", facts.wait_p50_s);
  set_real(object, "wait_p90_s", facts.wait_p90_s);
  set_real(object, "wait_max_s", facts.wait_max_s);
  set_count(object, "most_fan_out", facts.most_fan_out);
  set_real(object, "in_flight_mean", facts.in_flight_mean);
  if (!isnan(facts.in_flight_mean))
    set_count(object, "most_in_flight", facts.most_in_flight);
  for (int i = 0; i < TW_TOKENS_KINDS; i++)
    json_object_set_new(tokens, tw_tokens_names[i], describe_tokens(&all[i]));
  json_object_set_new(object, "tokens", tokens);
  for (guint i = 0; i < tw_profile_classes(profile); i++) {
    guint64 requests;
    const char *name = tw_profile_class(profile, i, &requests);
    g_autofree char *valid = g_utf8_make_valid(name != NULL ? name : "", -1);
    set_count(classes, valid, requests);
  }
  json_object_set_new(object, "classes", classes);
  json_object_set_new(object, "minutes", describe_minutes(profile));
  return object;
}
