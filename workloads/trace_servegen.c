/* Requests sampled with ServeGen (github.com/alibaba/ServeGen): output_tokens includes reasoning_tokens; the
 * client becomes the session. */
#include "workloads/csv.h"
#include "workloads/trace.h"

enum { ARRIVAL, CLIENT, INPUT_TOKENS, OUTPUT_TOKENS, REASONING_TOKENS };

static const tw_csv_column columns[] = {{"arrival_s", FALSE},       {"client_id", TRUE},
                                        {"input_tokens", FALSE},    {"output_tokens", FALSE},
                                        {"reasoning_tokens", TRUE}, {NULL, FALSE}};

typedef struct {
  tw_input *input;
  tw_csv *csv;
} servegen;

static void close_servegen(void *reader)
{
  servegen *trace = reader;
  tw_csv_free(trace->csv);
  g_free(trace);
}

static void *open_servegen(tw_input *input, GError **error)
{
  tw_csv *csv = tw_csv_open(input, columns, error);
  if (csv == NULL)
    return NULL;
  servegen *trace = g_new0(servegen, 1);
  trace->input = input;
  trace->csv = csv;
  return trace;
}

static gboolean tokens(const servegen *trace, int column, gint32 min, gint32 fallback, gint32 *value,
                       GError **error)
{
  return tw_trace_tokens(trace->input, columns[column].name, tw_csv_text(trace->csv, column), min, fallback,
                         value, error);
}

static gboolean read_servegen(void *reader, tw_request *request, GError **error)
{
  servegen *trace = reader;
  gint32 output;
  *request = (tw_request){0};
  if (!tw_csv_next(trace->csv, error) ||
      !tw_trace_seconds(trace->input, "arrival_s", tw_csv_text(trace->csv, ARRIVAL), &request->arrival_s,
                        error) ||
      !tokens(trace, INPUT_TOKENS, 1, -1, &request->prompt_tokens, error) ||
      !tokens(trace, OUTPUT_TOKENS, 1, -1, &output, error) ||
      !tokens(trace, REASONING_TOKENS, 0, 0, &request->reasoning_tokens, error))
    return FALSE;
  if (request->reasoning_tokens > output)
    return tw_input_fault(trace->input, error,
                          "reasoning_tokens is %d, more than output_tokens, %d, which includes them",
                          request->reasoning_tokens, output);
  request->answer_tokens = output - request->reasoning_tokens;
  const char *client = tw_csv_text(trace->csv, CLIENT);
  request->session = *client != '\0' ? g_strdup(client) : NULL;
  return TRUE;
}

const tw_trace_format tw_trace_servegen = {
    "servegen",     "ServeGen samples: arrival_s, client_id, input_tokens, output_tokens, reasoning_tokens",
    "input_tokens", open_servegen,
    read_servegen,  close_servegen};
