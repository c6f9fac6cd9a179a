/* BurstGPT (github.com/HPMLL/BurstGPT): seconds since midnight of the first day, lengths, and a type of log.
 * In the third file two columns stand between the others. A response of 0 tokens is a request that failed. */
#include "workloads/formats/format.h"

enum { TIMESTAMP, SESSION, ELAPSED, MODEL, REQUEST_TOKENS, RESPONSE_TOKENS, TOTAL_TOKENS, LOG_TYPE };

static const tw_csv_column columns[] = {
    {"Timestamp", FALSE},   {"Session ID", TRUE},      {"Elapsed time", TRUE},
    {"Model", TRUE},        {"Request tokens", FALSE}, {"Response tokens", FALSE},
    {"Total tokens", TRUE}, {"Log Type", TRUE},        {NULL, FALSE}};

static gboolean read_burstgpt(tw_trace_source *source, tw_trace_row *row, GError **error)
{
  tw_csv *csv = source->csv;
  tw_request *request = &row->request;
  const char *session = tw_csv_text(csv, SESSION);
  if (!tw_trace_seconds(csv, TIMESTAMP, &request->arrival_s, error) ||
      !tw_trace_tokens(csv, REQUEST_TOKENS, 0, -1, &request->prompt_tokens, error) ||
      !tw_trace_tokens(csv, RESPONSE_TOKENS, 0, -1, &request->answer_tokens, error) ||
      !tw_trace_class(source, tw_csv_text(csv, LOG_TYPE), &request->class, error))
    return FALSE;
  request->session = *session != '\0' ? g_strdup(session) : NULL;
  if (request->answer_tokens == 0)
    row->failure = "failed (0 response tokens)";
  else if (request->prompt_tokens == 0)
    row->failure = "a prompt of 0 tokens";
  return TRUE;
}

static const char *const fields[] = {"Timestamp", "Request tokens", "Response tokens", NULL};

const tw_trace_format tw_trace_burstgpt = {
    .name = "burstgpt",
    .help = "BurstGPT: Timestamp (s), Request tokens, Response tokens (0: failed), Log Type, Session ID",
    .fields = fields,
    .sorts = TRUE,
    .skips = TRUE,
    .columns = columns,
    .read = read_burstgpt,
};
