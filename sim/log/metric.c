#include "sim/log/metric.h"

#include <math.h>

const tw_latency_kind tw_latencies[TW_LATENCY_KINDS] = {
#define X(name, ...) [TW_LATENCY_##name] = {__VA_ARGS__},
    TW_LATENCIES(X)
#undef X
};

const char *const tw_better_names[] = {
    [TW_BETTER_NEITHER] = "neither", [TW_BETTER_LOWER] = "lower", [TW_BETTER_HIGHER] = "higher"};

const tw_metric tw_metrics[TW_METRIC_COUNT + 1] = {
#define COUNT(id, name, unit, better, headline, help)                                                        \
  [TW_METRIC_##id] = {name, unit, TW_BETTER_##better, headline, TRUE, help},
#define REAL(id, name, unit, better, headline, help)                                                         \
  [TW_METRIC_##id] = {name, unit, TW_BETTER_##better, headline, FALSE, help},
    TW_METRICS(COUNT, REAL)
#undef COUNT
#undef REAL
};

const tw_metric *tw_metric_find(const char *name)
{
  for (const tw_metric *metric = tw_metrics; metric->name != NULL; metric++)
    if (g_str_equal(metric->name, name))
      return metric;
  return NULL;
}

double tw_latency_of(tw_latency kind, const tw_request_times *times)
{
  switch (kind) {
  case TW_LATENCY_TTFT:
    return times->first_token_s - times->arrival_s;
  case TW_LATENCY_TTFAT:
    return times->first_answer_s - times->arrival_s;
  case TW_LATENCY_TPOT:
    return times->output_tokens > 1
               ? (times->completion_s - times->first_token_s) / (times->output_tokens - 1)
               : NAN;
  case TW_LATENCY_ITL:
    return times->longest_itl_s;
  case TW_LATENCY_E2E:
    return times->completion_s - times->arrival_s;
  case TW_LATENCY_QUEUE:
    return times->first_scheduled_s - times->arrival_s;
  case TW_LATENCY_KINDS:
    break;
  }
  g_assert_not_reached();
}

void tw_metric_values_clear(tw_metric_values *values)
{
  for (int i = 0; i < TW_METRIC_COUNT; i++)
    values->of[i] = NAN;
}

/* Sets the value at a path such as "energy.phases.idle_j"; objects on the way are made. */
static void set_at(json_t *object, const char *path, json_t *value)
{
  g_auto(GStrv) keys = g_strsplit(path, ".", -1);
  char **key = keys;
  for (; key[1] != NULL; key++) {
    json_t *inner = json_object_get(object, *key);
    if (inner == NULL) {
      inner = json_object();
      json_object_set_new(object, *key, inner);
    }
    object = inner;
  }
  json_object_set_new(object, *key, value);
}

void tw_metrics_write(const tw_metric_values *values, const char *section, json_t *summary)
{
  gsize length = strlen(section);
  for (int i = 0; i < TW_METRIC_COUNT; i++) {
    const tw_metric *metric = &tw_metrics[i];
    gboolean inside = g_str_has_prefix(metric->name, section) && strchr(".", metric->name[length]) != NULL;
    if (inside && isfinite(values->of[i]))
      set_at(summary, metric->name,
             metric->count ? json_integer((json_int_t)values->of[i]) : json_real(values->of[i]));
  }
}

char *tw_metrics_document(void)
{
  GString *page = g_string_new("# The numbers of summary.json\n\n"
                               "Written by `tokenworks compare --describe`. A path such as `ttft_s.p99` is "
                               "`ttft_s: {p99: ...}` in the file. What\n"
                               "was not simulated is absent, never zero.\n\n"
                               "| path | unit | better | what it is |\n|---|---|---|---|\n");
  for (const tw_metric *metric = tw_metrics; metric->name != NULL; metric++)
    g_string_append_printf(page, "| `%s` | %s | %s | %s |\n", metric->name, metric->unit,
                           metric->better == TW_BETTER_NEITHER ? "" : tw_better_names[metric->better],
                           metric->help);
  return g_string_free(page, FALSE);
}
