/* TraceLab (github.com/uw-syfi/TraceLab, 2026): a round of a coding agent a line. A round is sent at its
 * latest user message or tool result. prefix_tokens is what the provider's cache found; there are no hash
 * ids. */
#include "platforms/input/fault.h"
#include "workloads/formats/instant.h"
#include "workloads/formats/provider.h"

static gboolean start_tracelab(tw_trace_source *source, GError **error)
{
  (void)error;
  source->own = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, tw_provider_session_free);
  return TRUE;
}

static void stop_tracelab(tw_trace_source *source)
{
  g_hash_table_unref(source->own);
}

/* When the round was sent and how long it took; a failure where no event tells. */
static gboolean read_events(tw_trace_source *source, const tw_json *round, tw_trace_row *row, GError **error)
{
  const tw_json *events = tw_json_get(round, "timing_events");
  gboolean sent = FALSE, answered = FALSE;
  tw_instant submission = {0}, end = {0}, instant;
  for (const tw_json *e = events != NULL && events->kind == TW_JSON_ARRAY ? events->first : NULL; e != NULL;
       e = e->next) {
    const char *type = tw_json_text(e, "event_type");
    if (type == NULL || !tw_json_has(e, "timestamp"))
      continue;
    if (!tw_trace_json_instant(source, e, "timestamp", 1000, &instant, error))
      return FALSE;
    gboolean in = g_str_equal(type, "user_message") || g_str_equal(type, "tool_result");
    tw_instant *latest = in ? &submission : &end;
    gboolean *known = in ? &sent : &answered;
    if (!*known || tw_instant_between(*latest, instant) > 0)
      *latest = instant;
    *known = TRUE;
  }
  if (!sent) {
    row->failure = "no event that tells when it was sent";
    return TRUE;
  }
  if (answered)
    row->service_s = fmax(tw_instant_between(submission, end), 0);
  return tw_trace_since_first(source, submission, "timestamp", "of this round", &row->request.arrival_s,
                              error);
}

static gboolean expand_tracelab(tw_trace_source *source, const tw_json *round, GError **error)
{
  tw_trace_row *row = tw_trace_source_add(source);
  tw_request *request = &row->request;
  const char *name = tw_json_text(round, "session_id");
  gint32 output, prefix = 0, reasoning = 0;
  if (name == NULL)
    return tw_trace_json_missing(source, round, "session_id", error);
  if (!tw_trace_json_tokens(source, round, "input_tokens_total", 0, -1, &request->prompt_tokens, error) ||
      !tw_trace_json_tokens(source, round, "output_tokens", 0, -1, &output, error) ||
      !tw_trace_json_tokens(source, round, "prefix_tokens", 0, 0, &prefix, error) ||
      !tw_trace_json_tokens(source, round, "reasoning_output_tokens", 0, 0, &reasoning, error) ||
      !tw_trace_class(source, tw_json_text(round, "model"), &request->class, error) ||
      !read_events(source, round, row, error))
    return FALSE;
  request->session = g_strdup(name);
  request->reasoning_tokens = MIN(reasoning, output);
  request->answer_tokens = output - request->reasoning_tokens;
  if (request->prompt_tokens == 0)
    row->failure = "a prompt of 0 tokens";
  if (row->failure != NULL)
    return TRUE;
  tw_provider_session *session = g_hash_table_lookup(source->own, name);
  if (session == NULL) {
    session = tw_provider_session_new(name);
    g_hash_table_insert(source->own, g_strdup(name), session);
  }
  row->cached_tokens = MIN(prefix, request->prompt_tokens);
  tw_provider_hashes(source, session, row);
  return TRUE;
}

static const char *const fields[] = {"input_tokens_total", "timing_events", "round_index|prefix_tokens",
                                     NULL};

const tw_trace_format tw_trace_tracelab = {
    .name = "tracelab",
    .help =
        "TraceLab: a round of a coding agent a line, with timing_events, prefix_tokens, newly_append_tokens",
    .fields = fields,
    .block_tokens = 64,
    .sorts = TRUE,
    .skips = TRUE,
    .clock = TRUE,
    .links = TRUE,
    .start = start_tracelab,
    .stop = stop_tracelab,
    .expand = expand_tracelab,
};
