/* Results of AIPerf, profile_export.jsonl (github.com/ai-dynamo/aiperf): a request a line, in the order of
 * ending. */
#include "workloads/formats/instant.h"

/* A metric's value; a list, or none, is not there. */
static gboolean has_metric(const tw_json *metrics, const char *path)
{
  const tw_json *value = tw_json_get(metrics, path);
  return value != NULL && value->kind == TW_JSON_NUMBER;
}

static gboolean expand_aiperf(tw_trace_source *source, const tw_json *object, GError **error)
{
  tw_trace_row *row = tw_trace_source_add(source);
  tw_request *request = &row->request;
  const tw_json *metadata = tw_json_get(object, "metadata"), *metrics = tw_json_get(object, "metrics"),
                *cancelled = tw_json_get(metadata, "was_cancelled");
  const char *phase = tw_json_text(metadata, "benchmark_phase");
  gint32 output = 0, answer;
  double service_s = 0;
  if (tw_json_has(object, "error") || (cancelled != NULL && cancelled->number != 0))
    row->failure = "failed or cancelled";
  else if (phase != NULL && !g_str_equal(phase, "profiling"))
    row->failure = "of the warm-up";
  else if (!has_metric(metrics, "input_sequence_length.value") ||
           !has_metric(metrics, "output_sequence_length.value"))
    row->failure = "no lengths";
  if (row->failure != NULL)
    return TRUE;
  if (!tw_trace_json_arrival(source, metadata, "request_start_ns", 1000000000, &request->arrival_s, error) ||
      !tw_trace_json_tokens(source, metrics, "input_sequence_length.value", 1, -1, &request->prompt_tokens,
                            error) ||
      !tw_trace_json_tokens(source, metrics, "output_sequence_length.value", 0, -1, &output, error))
    return FALSE;
  answer = output;
  if ((has_metric(metrics, "output_token_count.value") &&
       !tw_trace_json_tokens(source, metrics, "output_token_count.value", 0, -1, &answer, error)) ||
      (has_metric(metrics, "request_latency.value") &&
       !tw_trace_json_seconds(source, metrics, "request_latency.value", 1e-3, 0, &service_s, error)))
    return FALSE;
  if (has_metric(metrics, "request_latency.value"))
    row->service_s = service_s;
  request->answer_tokens = MIN(answer, output);
  request->reasoning_tokens = output - request->answer_tokens;
  const char *session = tw_json_text(metadata, "x_correlation_id");
  request->session = g_strdup(session != NULL ? session : tw_json_text(metadata, "conversation_id"));
  return TRUE;
}

static const char *const fields[] = {"metadata.request_start_ns", "metrics|error", NULL};

const tw_trace_format tw_trace_aiperf = {
    .name = "aiperf",
    .help = "AIPerf's results, profile_export.jsonl: the requests that were sent, at their times",
    .fields = fields,
    .sorts = TRUE,
    .skips = TRUE,
    .clock = TRUE,
    .expand = expand_aiperf,
};
