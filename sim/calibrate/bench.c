#include "sim/calibrate/bench.h"

#include "platforms/input/fault.h"
#include "platforms/input/units.h"
#include "workloads/input/csv.h"

#include <jansson.h>

#include <math.h>
#include <string.h>

static double real_at(const json_t *array, size_t i)
{
  const json_t *value = json_array_get(array, i);
  return json_is_number(value) ? json_number_value(value) : NAN;
}

static void keep(GArray *requests, tw_bench_request r, double e2e_s)
{
  if (!(r.prompt_tokens > 0 && r.output_tokens > 0 && r.ttft_s > 0))
    return; /* failed */
  r.tpot_s =
      r.output_tokens > 1 && e2e_s > r.ttft_s ? (e2e_s - r.ttft_s) / (double)(r.output_tokens - 1) : NAN;
  g_array_append_val(requests, r);
}

/* Reads the results of `vllm bench` and of SGLang. `from`: seconds that lie behind the requests of files
 * and runs before. */
static gboolean read_arrays(const json_t *run, const char *path, double from_s, GArray *requests,
                            GError **error)
{
  static const char *const names[] = {"input_lens", "output_lens", "ttfts", "itls"};
  const json_t *arrays[G_N_ELEMENTS(names)];
  for (guint i = 0; i < G_N_ELEMENTS(names); i++)
    if (!json_is_array(arrays[i] = json_object_get(run, names[i])))
      return tw_input_error_set(
          error, TW_INPUT_ERROR_VALUE, path, 0,
          "there is no \"%s\"; write it with --save-detailed (vLLM) or --output-details "
          "(SGLang)",
          names[i]);
  const json_t *starts = json_object_get(run, "start_times");
  gint64 clients = MAX((gint64)json_integer_value(json_object_get(run, "max_concurrency")), 1);
  g_autofree double *free_s = g_new0(double, (gsize)clients);
  double first_s = json_array_size(starts) > 0 ? real_at(starts, 0) : 0;
  for (size_t i = 0; i < json_array_size(arrays[0]); i++) {
    double e2e_s = real_at(arrays[2], i);
    const json_t *gaps = json_array_get(arrays[3], i);
    for (size_t g = 0; g < json_array_size(gaps); g++)
      e2e_s += real_at(gaps, g);
    gint64 next = 0;
    for (gint64 c = 1; c < clients; c++)
      next = free_s[c] < free_s[next] ? c : next;
    double start_s = json_array_size(starts) > i ? real_at(starts, i) - first_s : free_s[next];
    free_s[next] = start_s + (isfinite(e2e_s) ? e2e_s : 0);
    keep(requests,
         (tw_bench_request){from_s + start_s, (gint64)real_at(arrays[0], i), (gint64)real_at(arrays[1], i),
                            real_at(arrays[2], i), NAN},
         e2e_s);
  }
  return TRUE;
}

static double value_of(const json_t *metrics, const char *name)
{
  const json_t *value = json_object_get(json_object_get(metrics, name), "value");
  return json_is_number(value) ? json_number_value(value) : NAN;
}

/* A request of AIPerf; its instants are nanoseconds since 1970, too long for doubles. */
static void read_aiperf(const json_t *line, gint64 *first_ns, GArray *requests)
{
  const json_t *metrics = json_object_get(line, "metrics");
  gint64 start_ns =
      json_integer_value(json_object_get(json_object_get(line, "metadata"), "request_start_ns"));
  *first_ns = *first_ns == 0 ? start_ns : MIN(*first_ns, start_ns);
  double prompt = value_of(metrics, "input_sequence_length"),
         output = value_of(metrics, "output_sequence_length");
  if (!(prompt > 0 && output > 0))
    return;
  keep(requests,
       (tw_bench_request){(double)(start_ns - *first_ns) * 1e-9, (gint64)prompt, (gint64)output,
                          value_of(metrics, "time_to_first_token") * 1e-3, NAN},
       value_of(metrics, "request_latency") * 1e-3);
}

static gboolean read_json(const char *path, const char *text, double from_s, GArray *requests, GError **error)
{
  g_autoptr(GString) plain = g_string_new(text);
  g_string_replace(plain, ": Infinity", ": null", 0); /* SGLang writes the bare word */
  const char *rest = plain->str;
  gint64 first_ns = 0;
  while (*rest != '\0') {
    json_error_t problem;
    json_t *value = json_loads(rest, JSON_DISABLE_EOF_CHECK, &problem);
    if (value == NULL)
      return tw_input_error_set(error, TW_INPUT_ERROR_VALUE, path, (guint)MAX(problem.line, 1), "%s",
                                problem.text);
    rest += problem.position;
    rest += strspn(rest, " \t\r\n");
    gboolean good = TRUE;
    if (json_object_get(value, "metrics") != NULL)
      read_aiperf(value, &first_ns, requests);
    else
      good = read_arrays(value, path, from_s, requests, error);
    json_decref(value);
    if (!good)
      return FALSE;
    for (guint i = 0; i < requests->len; i++)
      from_s = fmax(from_s, g_array_index(requests, tw_bench_request, i).start_s + 60);
  }
  return TRUE;
}

static gboolean number(const tw_csv *csv, int column, double *value, GError **error)
{
  const char *text = tw_csv_text(csv, column);
  *value = NAN;
  return *text == '\0' || tw_number_parse(text, value) ||
         tw_input_fault(tw_csv_input(csv), error, "%s is \"%s\"; expected a number", tw_csv_name(csv, column),
                        text);
}

static gboolean read_csv(const char *path, double from_s, GArray *requests, GError **error)
{
  static const tw_csv_column columns[] = {{"start_s", FALSE},       {"prompt_tokens", FALSE},
                                          {"output_tokens", FALSE}, {"ttft_ms", FALSE},
                                          {"e2e_ms", TRUE},         {NULL, FALSE}};
  g_autoptr(tw_input) input = tw_input_open(path, error);
  g_autoptr(tw_csv) csv = input != NULL ? tw_csv_open(input, columns, error) : NULL;
  if (csv == NULL)
    return FALSE;
  GError *problem = NULL;
  while (tw_csv_next(csv, &problem)) {
    double v[5];
    for (int c = 0; c < 5; c++)
      if (!number(csv, c, &v[c], error))
        return FALSE;
    keep(requests, (tw_bench_request){from_s + v[0], (gint64)v[1], (gint64)v[2], v[3] * 1e-3, NAN},
         v[4] * 1e-3);
  }
  if (problem != NULL)
    g_propagate_error(error, problem);
  return problem == NULL;
}

/* Appends a scrape; TRUE without doing so where a number is missing. */
static gboolean add_scrape(const tw_csv *csv, GArray *counters, GError **error)
{
  tw_bench_counter next;
  if (!number(csv, 0, &next.at_s, error) || !number(csv, 1, &next.iterations, error))
    return FALSE;
  const tw_bench_counter *last =
      counters->len > 0 ? &g_array_index(counters, tw_bench_counter, counters->len - 1) : NULL;
  if (last != NULL && !(next.at_s > last->at_s && next.iterations >= last->iterations))
    return tw_input_fault(
        tw_csv_input(csv), error,
        "t_s must rise from row to row, and iterations_total not fall; it is a counter of one "
        "run of the server");
  g_array_append_val(counters, next);
  return TRUE;
}

GArray *tw_bench_read_counters(const char *path, GError **error)
{
  static const tw_csv_column columns[] = {{"t_s", FALSE}, {"iterations_total", FALSE}, {NULL, FALSE}};
  g_autoptr(tw_input) input = tw_input_open(path, error);
  g_autoptr(tw_csv) csv = input != NULL ? tw_csv_open(input, columns, error) : NULL;
  if (csv == NULL)
    return NULL;
  g_autoptr(GArray) counters = g_array_new(FALSE, FALSE, sizeof(tw_bench_counter));
  GError *problem = NULL;
  while (tw_csv_next(csv, &problem))
    if (!add_scrape(csv, counters, error))
      return NULL;
  if (problem != NULL) {
    g_propagate_error(error, problem);
    return NULL;
  }
  return g_steal_pointer(&counters);
}

double tw_bench_iterations(const GArray *counters, double at_s)
{
  for (guint i = 1; i < counters->len; i++) {
    const tw_bench_counter *a = &g_array_index(counters, tw_bench_counter, i - 1), *b = a + 1;
    if (at_s >= a->at_s && at_s <= b->at_s)
      return a->iterations + (b->iterations - a->iterations) * (at_s - a->at_s) / (b->at_s - a->at_s);
  }
  return NAN;
}

gboolean tw_bench_read(const char *path, GArray *requests, GError **error)
{
  g_autofree char *text = NULL;
  double from_s = 0; /* a minute behind those before */
  for (guint i = 0; i < requests->len; i++)
    from_s = fmax(from_s, g_array_index(requests, tw_bench_request, i).start_s + 60);
  if (!g_file_get_contents(path, &text, NULL, error))
    return FALSE;
  const char *start = text + strspn(text, " \t\r\n");
  guint before = requests->len;
  if (!(*start == '{' ? read_json(path, start, from_s, requests, error)
                      : read_csv(path, from_s, requests, error)))
    return FALSE;
  return requests->len > before ||
         tw_input_error_set(error, TW_INPUT_ERROR_VALUE, path, 0, "holds no request that completed");
}
