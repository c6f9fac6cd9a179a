/* Requests sampled with ServeGen (github.com/alibaba/ServeGen): output_tokens includes reasoning_tokens; the
 * client becomes the session. */
#include "workloads/traces/trace.h"

enum { ARRIVAL, CLIENT, INPUT_TOKENS, OUTPUT_TOKENS, REASONING_TOKENS };

static const tw_csv_column columns[] = {{"arrival_s", FALSE},       {"client_id", TRUE},
                                        {"input_tokens", FALSE},    {"output_tokens", FALSE},
                                        {"reasoning_tokens", TRUE}, {NULL, FALSE}};

static void *open_servegen(tw_input *input, GError **error)
{
  return tw_csv_open(input, columns, error);
}

static void close_servegen(void *reader)
{
  tw_csv_free(reader);
}

static gboolean read_servegen(void *reader, tw_request *request, GError **error)
{
  tw_csv *csv = reader;
  gint32 output;
  *request = (tw_request){0};
  if (!tw_csv_next(csv, error) || !tw_trace_seconds(csv, ARRIVAL, &request->arrival_s, error) ||
      !tw_trace_tokens(csv, INPUT_TOKENS, 1, -1, &request->prompt_tokens, error) ||
      !tw_trace_tokens(csv, OUTPUT_TOKENS, 1, -1, &output, error) ||
      !tw_trace_tokens(csv, REASONING_TOKENS, 0, 0, &request->reasoning_tokens, error))
    return FALSE;
  if (request->reasoning_tokens > output)
    return tw_input_fault(tw_csv_input(csv), error,
                          "reasoning_tokens is %d, more than output_tokens, %d, which includes them",
                          request->reasoning_tokens, output);
  request->answer_tokens = output - request->reasoning_tokens;
  const char *client = tw_csv_text(csv, CLIENT);
  request->session = *client != '\0' ? g_strdup(client) : NULL;
  return TRUE;
}

static guint write_servegen(GString *row, const tw_request *request)
{
  tw_trace_append_number(row, request->arrival_s);
  g_string_append_c(row, ',');
  tw_trace_append_text(row, request->session);
  g_string_append_printf(row, ",%d,%d,%d", request->prompt_tokens, tw_request_output_tokens(request),
                         request->reasoning_tokens);
  return TW_TRACE_SESSION | TW_TRACE_REASONING;
}

const tw_trace_format tw_trace_servegen = {
    "servegen",
    "ServeGen samples: arrival_s, client_id, input_tokens, output_tokens, reasoning_tokens",
    "input_tokens",
    open_servegen,
    read_servegen,
    close_servegen,
    "arrival_s,client_id,input_tokens,output_tokens,reasoning_tokens\n",
    write_servegen};
