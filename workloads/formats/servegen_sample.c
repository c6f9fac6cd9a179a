/* Requests sampled with ServeGen (github.com/alibaba/ServeGen): output_tokens includes reasoning_tokens; the
 * client becomes the session. */
#include "workloads/formats/format.h"

enum { ARRIVAL, CLIENT, INPUT_TOKENS, OUTPUT_TOKENS, REASONING_TOKENS };

static const tw_csv_column columns[] = {{"arrival_s", FALSE},       {"client_id", TRUE},
                                        {"input_tokens", FALSE},    {"output_tokens", FALSE},
                                        {"reasoning_tokens", TRUE}, {NULL, FALSE}};

static gboolean read_servegen(tw_trace_source *source, tw_trace_row *row, GError **error)
{
  tw_csv *csv = source->csv;
  tw_request *request = &row->request;
  gint32 output;
  if (!tw_trace_seconds(csv, ARRIVAL, &request->arrival_s, error) ||
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

static guint write_servegen(GString *line, const tw_trace_row *row, gboolean linked)
{
  const tw_request *request = &row->request;
  (void)linked;
  tw_trace_append_number(line, request->arrival_s);
  g_string_append_c(line, ',');
  tw_trace_append_text(line, request->session);
  g_string_append_printf(line, ",%d,%d,%d", request->prompt_tokens, tw_request_output_tokens(request),
                         request->reasoning_tokens);
  return TW_TRACE_SESSION | TW_TRACE_REASONING;
}

static const char *const fields[] = {"arrival_s", "input_tokens", "output_tokens", NULL};

const tw_trace_format tw_trace_servegen = {
    .name = "servegen",
    .help = "ServeGen samples: arrival_s, client_id, input_tokens, output_tokens, reasoning_tokens",
    .fields = fields,
    .columns = columns,
    .read = read_servegen,
    .header = "arrival_s,client_id,input_tokens,output_tokens,reasoning_tokens\n",
    .write = write_servegen,
};
