#include "analysis/report/report_requests.h"

#include "analysis/log/log_reader.h"
#include "analysis/report/report_json.h"
#include "platforms/input/fault.h"
#include "sim/log/metric.h"

#include <math.h>
#include <stdlib.h>

enum { PER_DECADE = 20, SLOWEST = 20, SHOWN_REASONS = 20, MAX_WINDOWS = 150 };
#define SHORTEST_S 1e-6 /* latencies below share a bin */

/* Columns that latencies and totals are computed from. */
#define COLUMNS(X)                                                                                           \
  X(arrival_s)                                                                                               \
  X(first_scheduled_s)                                                                                       \
  X(first_token_s)                                                                                           \
  X(first_answer_s)                                                                                          \
  X(completion_s)                                                                                            \
  X(prompt_tokens)                                                                                           \
  X(cached_tokens)                                                                                           \
  X(recomputed_tokens)                                                                                       \
  X(reasoning_tokens)                                                                                        \
  X(answer_tokens)                                                                                           \
  X(longest_itl_s)                                                                                           \
  X(state)                                                                                                   \
  X(reason)
TW_LOG_COLUMNS(COLUMNS)

/* A completed request. */
typedef struct sample {
  double arrival_s;
  float latencies_s[TW_LATENCY_KINDS]; /* NAN where it has none; 24 bits are a ten-millionth */
} sample;

typedef struct slow_request {
  double latency_s;
  json_t *row;
} slow_request;

struct tw_report_requests {
  const json_t *run;
  columns columns;
  double end_s, last_s; /* End of the run, and of its last request. */
  GArray *samples;      /* by arrival, once all are read */
  GArray *slowest[TW_LATENCY_KINDS];
  GHashTable *endings; /* "state\nreason" -> count */
  json_t *states, *tokens;
};

static void clear_slow(void *slow)
{
  json_decref(((slow_request *)slow)->row);
}

void tw_report_requests_free(tw_report_requests *requests)
{
  if (requests == NULL)
    return;
  g_array_unref(requests->samples);
  for (int i = 0; i < TW_LATENCY_KINDS; i++)
    g_array_unref(requests->slowest[i]);
  g_hash_table_unref(requests->endings);
  json_decref(requests->states);
  json_decref(requests->tokens);
  g_free(requests);
}

/* ---- Reading ---- */

/* The row as an object of its columns that hold a value. */
static json_t *take_row(const tw_log_reader *reader)
{
  json_t *row = json_object();
  const GArray *all = tw_log_reader_columns(reader);
  for (int i = 0; i < (int)all->len; i++) {
    const tw_column *column = &g_array_index(all, tw_column, i);
    gint64 whole = column->type == TW_COLUMN_INTEGER ? tw_log_reader_integer(reader, i) : TW_LOG_NONE;
    if (whole != TW_LOG_NONE)
      json_object_set_new(row, column->name, json_integer(whole));
    else if (column->type == TW_COLUMN_TEXT && *tw_log_reader_text(reader, i) != '\0')
      json_object_set_new(row, column->name, tw_report_text(tw_log_reader_text(reader, i)));
    else if (column->type == TW_COLUMN_INSTANT || column->type == TW_COLUMN_REAL)
      tw_report_set_number(row, column->name, tw_log_reader_number(reader, i));
  }
  return row;
}

/* Keeps the row if it is among the slowest; of equals, those that ended first. */
static void keep_slowest(GArray *slowest, double latency_s, const tw_log_reader *reader)
{
  guint at = slowest->len;
  while (at > 0 && g_array_index(slowest, slow_request, at - 1).latency_s < latency_s)
    at--;
  if (at >= SLOWEST)
    return;
  slow_request slow = {latency_s, take_row(reader)};
  g_array_insert_val(slowest, at, slow);
  if (slowest->len > SLOWEST)
    g_array_set_size(slowest, SLOWEST);
}

static void count_to(json_t *object, const char *name, json_int_t by)
{
  json_object_set_new(object, name, json_integer(json_integer_value(json_object_get(object, name)) + by));
}

static void count_tokens(tw_report_requests *requests, const tw_log_reader *reader)
{
  const struct {
    const char *name;
    int column;
  } kinds[] = {
      {"prompt", requests->columns.prompt_tokens},         {"prompt_cached", requests->columns.cached_tokens},
      {"recomputed", requests->columns.recomputed_tokens}, {"reasoning", requests->columns.reasoning_tokens},
      {"answer", requests->columns.answer_tokens},         {"output", requests->columns.reasoning_tokens},
      {"output", requests->columns.answer_tokens}};
  for (guint i = 0; i < G_N_ELEMENTS(kinds); i++) {
    gint64 n = tw_log_reader_integer(reader, kinds[i].column);
    count_to(requests->tokens, kinds[i].name, n != TW_LOG_NONE ? n : 0);
  }
}

static void count_ending(tw_report_requests *requests, const tw_log_reader *reader, const char *state)
{
  g_autofree char *key =
      g_strdup_printf("%s\n%s", state, tw_log_reader_text(reader, requests->columns.reason));
  guint count = GPOINTER_TO_UINT(g_hash_table_lookup(requests->endings, key)) + 1;
  g_hash_table_replace(requests->endings, g_steal_pointer(&key), GUINT_TO_POINTER(count));
}

static void add_completed(tw_report_requests *requests, const tw_log_reader *reader)
{
  const columns *c = &requests->columns;
  double arrival_s = tw_log_reader_number(reader, c->arrival_s);
  tw_request_times times = {.arrival_s = arrival_s,
                            .first_scheduled_s = tw_log_reader_number(reader, c->first_scheduled_s),
                            .first_token_s = tw_log_reader_number(reader, c->first_token_s),
                            .first_answer_s = tw_log_reader_number(reader, c->first_answer_s),
                            .completion_s = tw_log_reader_number(reader, c->completion_s),
                            .output_tokens = tw_log_reader_number(reader, c->reasoning_tokens) +
                                             tw_log_reader_number(reader, c->answer_tokens),
                            .longest_itl_s = tw_log_reader_number(reader, c->longest_itl_s)};
  sample s = {.arrival_s = arrival_s};
  for (int i = 0; i < TW_LATENCY_KINDS; i++) {
    double latency_s = tw_latency_of((tw_latency)i, &times);
    s.latencies_s[i] = (float)latency_s;
    if (!isnan(latency_s))
      keep_slowest(requests->slowest[i], latency_s, reader);
  }
  g_array_append_val(requests->samples, s);
}

static gboolean read_rows(tw_report_requests *requests, tw_log_reader *reader, const char *path,
                          GError **error)
{
  GError *problem = NULL;
  while (tw_log_reader_next(reader, &problem)) {
    const char *state = tw_log_reader_text(reader, requests->columns.state);
    double arrival_s = tw_log_reader_number(reader, requests->columns.arrival_s);
    double completion_s = tw_log_reader_number(reader, requests->columns.completion_s);
    if (!(arrival_s >= 0) || !(completion_s >= 0))
      return tw_input_error_set(
          error, TW_INPUT_ERROR_VALUE, path, 0,
          "a row has no arrival or no end; `tokenworks log verify` says what is damaged");
    count_to(requests->states, "arrived", 1);
    count_to(requests->states, state, 1);
    count_tokens(requests, reader);
    requests->last_s = fmax(requests->last_s, completion_s);
    if (g_str_equal(state, "completed"))
      add_completed(requests, reader);
    else
      count_ending(requests, reader, state);
  }
  if (problem == NULL)
    return TRUE;
  g_propagate_error(error, problem);
  return FALSE;
}

static int compare_arrivals(const void *a, const void *b)
{
  double of_a = ((const sample *)a)->arrival_s, of_b = ((const sample *)b)->arrival_s;
  return (of_a > of_b) - (of_a < of_b);
}

tw_report_requests *tw_report_requests_read(const char *directory, const json_t *run, double end_s,
                                            GError **error)
{
  g_autoptr(tw_log_reader) reader = tw_log_reader_open(directory, "requests", error);
  if (reader == NULL)
    return NULL;
  g_autofree char *path = tw_log_table_path(directory, tw_log_table_find("requests"));
  g_autoptr(tw_report_requests) requests = g_new0(tw_report_requests, 1);
  requests->run = run;
  requests->samples = g_array_new(FALSE, FALSE, sizeof(sample));
  for (int i = 0; i < TW_LATENCY_KINDS; i++) {
    requests->slowest[i] = g_array_new(FALSE, FALSE, sizeof(slow_request));
    g_array_set_clear_func(requests->slowest[i], clear_slow);
  }
  requests->endings = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  requests->states = json_object();
  requests->tokens = json_object();
  if (!find_columns(reader, &requests->columns, error) || !read_rows(requests, reader, path, error))
    return NULL;
  requests->end_s = isfinite(end_s) ? end_s : requests->last_s;
  g_array_sort(requests->samples, compare_arrivals);
  return g_steal_pointer(&requests);
}

double tw_report_requests_end(const tw_report_requests *requests)
{
  return requests->last_s;
}

/* ---- Statistics ---- */

static int compare_floats(const void *a, const void *b)
{
  float of_a = *(const float *)a, of_b = *(const float *)b;
  return (of_a > of_b) - (of_a < of_b);
}

/* The values of one latency among n samples, sorted. */
static GArray *collect(const sample *samples, guint n, tw_latency kind)
{
  GArray *values = g_array_new(FALSE, FALSE, sizeof(float));
  for (guint i = 0; i < n; i++)
    if (!isnan(samples[i].latencies_s[kind]))
      g_array_append_val(values, samples[i].latencies_s[kind]);
  g_array_sort(values, compare_floats);
  return values;
}

/* Definition 7 of Hyndman and Fan, as in summary.json. */
static double quantile(const GArray *sorted, double q)
{
  if (sorted->len == 0)
    return NAN;
  double h = q * (sorted->len - 1), below = floor(h);
  double low = g_array_index(sorted, float, (guint)below);
  double high = g_array_index(sorted, float, MIN((guint)below + 1, sorted->len - 1));
  return low + (h - below) * (high - low);
}

/* The samples whose requests arrived in [from_s, to_s), which lie side by side. */
static const sample *find_samples(const tw_report_requests *requests, double from_s, double to_s, guint *n)
{
  const GArray *all = requests->samples;
  guint bounds[2];
  for (int i = 0; i < 2; i++) {
    guint low = 0, high = all->len;
    while (low < high) {
      guint middle = low + (high - low) / 2;
      if (g_array_index(all, sample, middle).arrival_s < (i == 0 ? from_s : to_s))
        low = middle + 1;
      else
        high = middle;
    }
    bounds[i] = low;
  }
  *n = bounds[1] - MIN(bounds[0], bounds[1]);
  return &g_array_index(all, sample, bounds[0]);
}

/* The samples of the measurement window: those whose requests arrived after the warm-up and before the drain,
 * which cuts off its own first instant. */
static const sample *find_measured(const tw_report_requests *requests, guint *n)
{
  double warmup_s = tw_report_number(requests->run, "warmup_s");
  double drain_s = tw_report_number(requests->run, "drain_s");
  double to_s = drain_s > 0 ? requests->end_s - drain_s : INFINITY;
  return find_samples(requests, warmup_s > 0 ? warmup_s : 0, to_s, n);
}

/* A round width of which MAX_WINDOWS cover the run. */
static double choose_width(double end_s)
{
  static const double widths_s[] = {0.001, 0.01, 0.1, 1,   2,   5,    10,   15,  30,
                                    60,    120,  300, 600, 900, 1800, 3600, 7200};
  double width_s = widths_s[0];
  for (guint i = 1; i < G_N_ELEMENTS(widths_s) && width_s * MAX_WINDOWS < end_s; i++)
    width_s = widths_s[i];
  while (width_s * MAX_WINDOWS < end_s)
    width_s *= 2;
  return width_s;
}

json_t *tw_report_latency(const tw_report_requests *requests)
{
  static const struct {
    const char *name;
    double q;
  } quantiles[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"max", 1}};
  enum { QUANTILES = G_N_ELEMENTS(quantiles), PARTS };
  double width_s = choose_width(requests->end_s);
  guint n = (guint)floor(requests->end_s / width_s) + 1;
  json_t *described = json_object();
  g_autofree double *values = g_new(double, (gsize)n *PARTS);
  for (int kind = 0; kind < TW_LATENCY_KINDS; kind++) {
    for (guint w = 0; w < n; w++) {
      guint n_samples;
      const sample *samples = find_samples(requests, w * width_s, (w + 1) * width_s, &n_samples);
      g_autoptr(GArray) sorted = collect(samples, n_samples, (tw_latency)kind);
      for (guint i = 0; i < QUANTILES; i++)
        values[i * n + w] = quantile(sorted, quantiles[i].q);
      values[QUANTILES * n + w] = sorted->len;
    }
    json_t *column = json_object();
    for (guint i = 0; i < QUANTILES; i++)
      json_object_set_new(column, quantiles[i].name, tw_report_floats(&values[i * n], n));
    json_object_set_new(column, "count", tw_report_floats(&values[QUANTILES * n], n));
    json_object_set_new(described, tw_latencies[kind].key, column);
  }
  return json_pack("{s:f, s:i, s:o}", "width_s", width_s, "n", (int)n, "columns", described);
}

static int find_bin(float value_s)
{
  return (int)floor(log10((double)value_s) * PER_DECADE);
}

static json_t *describe_distribution(const GArray *sorted, double limit_s)
{
  guint zeros = 0, within = 0;
  while (zeros < sorted->len && g_array_index(sorted, float, zeros) < (float)SHORTEST_S)
    zeros++;
  json_t *counts = json_array();
  int first = zeros < sorted->len ? find_bin(g_array_index(sorted, float, zeros)) : 0;
  for (guint i = zeros; i < sorted->len; i++) {
    size_t bin = (size_t)(find_bin(g_array_index(sorted, float, i)) - first);
    while (json_array_size(counts) <= bin)
      json_array_append_new(counts, json_integer(0));
    json_t *count = json_array_get(counts, bin);
    json_integer_set(count, json_integer_value(count) + 1);
  }
  json_t *described = json_pack("{s:i, s:i, s:i, s:i, s:o}", "n", (int)sorted->len, "zeros", (int)zeros,
                                "per_decade", PER_DECADE, "first", first, "counts", counts);
  if (isnan(limit_s))
    return described;
  while (within < sorted->len && g_array_index(sorted, float, within) <= (float)limit_s)
    within++;
  json_object_set_new(described, "slo", json_pack("{s:f, s:i}", "limit_s", limit_s, "within", (int)within));
  return described;
}

json_t *tw_report_distributions(const tw_report_requests *requests)
{
  const json_t *slo = json_object_get(requests->run, "slo");
  json_t *described = json_object();
  guint n;
  const sample *samples = find_measured(requests, &n);
  for (int kind = 0; kind < TW_LATENCY_KINDS; kind++) {
    g_autoptr(GArray) sorted = collect(samples, n, (tw_latency)kind);
    if (sorted->len > 0)
      json_object_set_new(described, tw_latencies[kind].key,
                          describe_distribution(sorted, tw_report_number(slo, tw_latencies[kind].key)));
  }
  return described;
}

/* ---- Single requests, endings, totals ---- */

json_t *tw_report_slowest(const tw_report_requests *requests)
{
  json_t *slowest = json_object();
  for (int kind = 0; kind < TW_LATENCY_KINDS; kind++) {
    json_t *rows = json_array();
    for (guint i = 0; i < requests->slowest[kind]->len; i++)
      json_array_append(rows, g_array_index(requests->slowest[kind], slow_request, i).row);
    if (json_array_size(rows) > 0)
      json_object_set(slowest, tw_latencies[kind].key, rows);
    json_decref(rows);
  }
  return slowest;
}

static int compare_counts(const void *a, const void *b, void *endings)
{
  guint of_a = GPOINTER_TO_UINT(g_hash_table_lookup(endings, *(char *const *)a));
  guint of_b = GPOINTER_TO_UINT(g_hash_table_lookup(endings, *(char *const *)b));
  return of_a != of_b ? (of_a < of_b) - (of_a > of_b) : strcmp(*(char *const *)a, *(char *const *)b);
}

json_t *tw_report_endings(const tw_report_requests *requests)
{
  json_t *described = json_array();
  g_autoptr(GPtrArray) keys = g_ptr_array_new();
  GHashTableIter all;
  void *key;
  g_hash_table_iter_init(&all, requests->endings);
  while (g_hash_table_iter_next(&all, &key, NULL))
    g_ptr_array_add(keys, key);
  g_ptr_array_sort_with_data(keys, compare_counts, requests->endings);
  for (guint i = 0; i < MIN(keys->len, SHOWN_REASONS); i++) {
    g_auto(GStrv) parts = g_strsplit(keys->pdata[i], "\n", 2);
    guint count = GPOINTER_TO_UINT(g_hash_table_lookup(requests->endings, keys->pdata[i]));
    json_array_append_new(described, json_pack("{s:o, s:o, s:i}", "state", tw_report_text(parts[0]), "reason",
                                               tw_report_text(parts[1]), "count", (int)count));
  }
  return described;
}

static json_t *describe_latency(const GArray *sorted)
{
  static const struct {
    const char *name;
    double q;
  } quantiles[] = {{"p50", 0.5}, {"p90", 0.9}, {"p95", 0.95}, {"p99", 0.99}, {"max", 1}};
  json_t *described = json_object();
  double sum = 0;
  for (guint i = 0; i < sorted->len; i++)
    sum += g_array_index(sorted, float, i);
  tw_report_set_number(described, "mean", sum / sorted->len);
  for (guint i = 0; i < G_N_ELEMENTS(quantiles); i++)
    tw_report_set_number(described, quantiles[i].name, quantile(sorted, quantiles[i].q));
  return described;
}

json_t *tw_report_totals(const tw_report_requests *requests)
{
  json_t *totals = json_pack("{s:f, s:O, s:O}", "simulated_s", requests->end_s, "requests", requests->states,
                             "tokens", requests->tokens);
  guint n;
  const sample *samples = find_measured(requests, &n);
  for (int kind = 0; kind < TW_LATENCY_KINDS; kind++) {
    g_autoptr(GArray) sorted = collect(samples, n, (tw_latency)kind);
    json_object_set_new(totals, tw_latencies[kind].key, describe_latency(sorted));
  }
  return totals;
}
