/* Results of benchmark programs: `vllm bench serve --save-detailed`, of which an object holds a run, its
 * requests in lists in the order of sending; inference-perf's per_request_lifecycle_metrics.json, a list of
 * requests; and SGLang's, which do not say when requests were sent. */
#include "platforms/input/fault.h"
#include "workloads/formats/instant.h"

/* The i-th number of a list, NAN where there is none. */
static double number_at(const tw_json *list, guint64 i)
{
  if (list == NULL || i >= list->count)
    return NAN;
  if (list->kind == TW_JSON_WHOLES)
    return (double)list->ids[i];
  if (list->kind != TW_JSON_ARRAY)
    return NAN;
  const tw_json *part = list->first;
  for (; i > 0; i--)
    part = part->next;
  return part->kind == TW_JSON_NUMBER ? part->number : NAN;
}

/* Lists as numbers, so that each is walked once. */
static GArray *numbers(const tw_json *list)
{
  GArray *all = g_array_new(FALSE, FALSE, sizeof(double));
  const tw_json *part = list != NULL && list->kind == TW_JSON_ARRAY ? list->first : NULL;
  for (guint64 i = 0; list != NULL && i < list->count; i++) {
    double value = list->kind == TW_JSON_WHOLES                   ? number_at(list, i)
                   : part != NULL && part->kind == TW_JSON_NUMBER ? part->number
                                                                  : NAN;
    part = part != NULL ? part->next : NULL;
    g_array_append_val(all, value);
  }
  return all;
}

static gboolean is_length(double value, double min)
{
  return value >= min && value <= TW_REQUEST_MAX_TOKENS && floor(value) == value;
}

static gboolean expand_vllm_bench(tw_trace_source *source, const tw_json *object, GError **error)
{
  g_autoptr(GArray) inputs = numbers(tw_json_get(object, "input_lens")),
                    outputs = numbers(tw_json_get(object, "output_lens")),
                    starts = numbers(tw_json_get(object, "start_times")),
                    ttfts = numbers(tw_json_get(object, "ttfts"));
  const tw_json *errors = tw_json_get(object, "errors"), *itls = tw_json_get(object, "itls");
  if (starts->len == 0 || starts->len != inputs->len || outputs->len != inputs->len)
    return tw_json_fault(
        source->json, object, error,
        "\"input_lens\", \"output_lens\" and \"start_times\" must be lists of equal length: run the "
        "benchmark with --save-detailed, in a version that writes start_times");
  const tw_json *e = errors != NULL && errors->kind == TW_JSON_ARRAY ? errors->first : NULL,
                *gaps = itls != NULL && itls->kind == TW_JSON_ARRAY ? itls->first : NULL;
  for (guint i = 0; i < inputs->len; i++) {
    tw_trace_row *row = tw_trace_source_add(source);
    double input = g_array_index(inputs, double, i), output = g_array_index(outputs, double, i),
           start_s = g_array_index(starts, double, i);
    gboolean failed = e != NULL && e->kind == TW_JSON_STRING && *e->text != '\0';
    if (failed || output == 0)
      row->failure = "failed";
    else if (!is_length(input, 1) || !is_length(output, 1) || !(start_s >= 0 && start_s < 1e11))
      row->failure = "no length or time";
    if (row->failure == NULL) {
      row->request.prompt_tokens = (gint32)input;
      row->request.answer_tokens = (gint32)output;
      g_autoptr(GArray) itl = numbers(gaps);
      row->service_s = i < ttfts->len ? g_array_index(ttfts, double, i) : 0;
      for (guint g = 0; g < itl->len; g++)
        row->service_s += g_array_index(itl, double, g);
      if (!tw_trace_since_first(source, tw_instant_of_s(start_s), "start_times", "of this request",
                                &row->request.arrival_s, error))
        return FALSE;
    }
    e = e != NULL ? e->next : NULL;
    gaps = gaps != NULL ? gaps->next : NULL;
  }
  return TRUE;
}

static gboolean expand_inference_perf(tw_trace_source *source, const tw_json *object, GError **error)
{
  static const char prompt[] = "info.request_metrics.text.input_tokens|info.input_tokens",
                    output[] = "info.response_metrics.output_tokens|info.output_tokens";
  tw_trace_row *row = tw_trace_source_add(source);
  tw_request *request = &row->request;
  double start_s, end_s;
  if (tw_json_has(object, "error"))
    row->failure = "failed";
  else if (tw_trace_json_find(object, prompt) == NULL || tw_trace_json_find(object, output) == NULL)
    row->failure = "no lengths";
  if (row->failure != NULL)
    return TRUE;
  if (!tw_trace_json_arrival(source, object, "start_time", 1, &request->arrival_s, error) ||
      !tw_trace_json_tokens(source, object, prompt, 1, -1, &request->prompt_tokens, error) ||
      !tw_trace_json_tokens(source, object, output, 0, -1, &request->answer_tokens, error))
    return FALSE;
  if (tw_json_number(object, "start_time", &start_s) && tw_json_number(object, "end_time", &end_s))
    row->service_s = fmax(end_s - start_s, 0);
  return TRUE;
}

static const char *const vllm_fields[] = {"start_times|endpoint_type|tokenizer_id",
                                          "input_lens|total_input_tokens", "completed", "!tag|dataset_name",
                                          NULL};
const tw_trace_format tw_trace_vllm_bench = {
    .name = "vllm-bench",
    .help = "results of vllm bench serve --save-detailed: the requests that were sent, at their times",
    .fields = vllm_fields,
    .sorts = TRUE,
    .skips = TRUE,
    .clock = TRUE,
    .expand = expand_vllm_bench,
};

static const char *const sglang_fields[] = {"tag|dataset_name|sharegpt_output_len", "completed",
                                            "total_input_tokens", NULL};
const tw_trace_format tw_trace_sglang_bench = {
    .name = "sglang-bench",
    .help = "results of SGLang's benchmark: refused, as they do not say when requests were sent",
    .fields = sglang_fields,
    .no_trace = "results of SGLang's benchmark: they say no times at which requests were sent, so that they "
                "are no trace; "
                "vllm bench serve --save-detailed, AIPerf and inference-perf write such",
    .expand = expand_vllm_bench,
};

static const char *const inference_perf_fields[] = {"start_time", "end_time", "info",
                                                    "request|response|error", NULL};
const tw_trace_format tw_trace_inference_perf = {
    .name = "inference-perf",
    .help =
        "inference-perf's per_request_lifecycle_metrics.json: the requests that were sent, at their times",
    .fields = inference_perf_fields,
    .sorts = TRUE,
    .skips = TRUE,
    .clock = TRUE,
    .expand = expand_inference_perf,
};
