/* GitHub Copilot's coding agents, 2026 (github.com/Azure/AzurePublicDataset): a session a line, of turns of a
 * person, of calls and batches of tools. Calls may overlap. There are no hash ids, only what the provider's
 * cache found. */
#include "platforms/input/fault.h"
#include "workloads/draw/chance.h"
#include "workloads/formats/instant.h"
#include "workloads/formats/provider.h"

static gboolean read_call(tw_trace_source *source, const tw_json *call, tw_trace_row *row, GError **error)
{
  tw_request *request = &row->request;
  double duration_s = 0;
  if (!tw_json_has(call, "timestamp"))
    row->failure = "no timestamp";
  else if (!tw_json_has(call, "tokens.prompt") || !tw_json_has(call, "tokens.completion"))
    row->failure = "no token counts";
  if (row->failure != NULL)
    return TRUE;
  gint32 cached = 0;
  if (!tw_trace_json_arrival(source, call, "timestamp", 1000, &request->arrival_s, error) ||
      !tw_trace_json_tokens(source, call, "tokens.prompt", 0, -1, &request->prompt_tokens, error) ||
      !tw_trace_json_tokens(source, call, "tokens.completion", 0, -1, &request->answer_tokens, error) ||
      !tw_trace_json_tokens(source, call, "tokens.cached", 0, 0, &cached, error) ||
      !tw_trace_json_seconds(source, call, "duration_ms", 1e-3, 0, &duration_s, error) ||
      !tw_trace_class(source, tw_json_text(call, "model"), &request->class, error))
    return FALSE;
  if (request->prompt_tokens == 0)
    row->failure = "a prompt of 0 tokens";
  if (tw_json_has(call, "duration_ms"))
    row->service_s = duration_s;
  row->cached_tokens = MIN(cached, request->prompt_tokens);
  return TRUE;
}

static gboolean expand_copilot(tw_trace_source *source, const tw_json *object, GError **error)
{
  const char *name = tw_json_text(object, "session_id");
  const tw_json *turns = tw_json_get(object, "turns");
  if (name == NULL)
    return tw_trace_json_missing(source, object, "session_id", error);
  if (turns == NULL)
    return tw_trace_json_missing(source, object, "turns", error);
  if (turns->kind != TW_JSON_ARRAY && turns->kind != TW_JSON_NULL)
    return tw_json_fault(source->json, turns, error, "\"turns\" is no list");
  tw_provider_session *session = tw_provider_session_new(name);
  session->key = tw_mix(session->key + source->documents); /* it may go on in the file of another day */
  gboolean good = TRUE;
  for (const tw_json *turn = turns->first; /* none of null */ good && turn != NULL; turn = turn->next) {
    const tw_json *calls = tw_json_get(turn, "llm_calls");
    for (const tw_json *call = calls != NULL && calls->kind == TW_JSON_ARRAY ? calls->first : NULL;
         good && call != NULL; call = call->next) {
      tw_trace_row *row = tw_trace_source_add(source);
      row->request.session = g_strdup(name);
      good = read_call(source, call, row, error);
      if (good && row->failure == NULL)
        tw_provider_hashes(source, session, row);
    }
  }
  tw_provider_session_free(session);
  return good;
}

static const char *const fields[] = {"session_id", "turns", "!timestamp|usage|prompt_tokens|input_tokens",
                                     NULL};

const tw_trace_format tw_trace_copilot = {
    .name = "copilot",
    .help = "GitHub Copilot coding agents 2026: a session a line, with turns, calls and the tokens cached",
    .fields = fields,
    .block_tokens = 64,
    .sorts = TRUE,
    .skips = TRUE,
    .clock = TRUE,
    .links = TRUE,
    .expand = expand_copilot,
};
