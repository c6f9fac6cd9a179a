/* Dynamo's request traces, dynamo.request.trace.v1 (github.com/ai-dynamo/dynamo): a row when a request ends,
 * with hash ids of 64 bits, and rows of tools, which are left to the gaps between requests. A session is the
 * tree of agents. */
#include "platforms/input/fault.h"
#include "workloads/formats/instant.h"

typedef struct {
  GHashTable *parents; /* by agent */
  GHashTable *first;   /* set of agents that were taken as the first of their session */
} agents;

static gboolean start_dynamo(tw_trace_source *source, GError **error)
{
  (void)error;
  agents *own = source->own = g_new(agents, 1);
  own->parents = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  own->first = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  return TRUE;
}

static void stop_dynamo(tw_trace_source *source)
{
  agents *own = source->own;
  g_hash_table_unref(own->parents);
  g_hash_table_unref(own->first);
  g_free(own);
}

/* The session is the first agent of the tree; an agent below it is named by the way to it. */
static void name_agent(tw_trace_source *source, const char *agent, const char *parent, tw_trace_row *row)
{
  enum { MOST_LEVELS = 32 };
  agents *own = source->own;
  if (parent != NULL && !g_hash_table_contains(own->parents, agent)) {
    g_hash_table_insert(own->parents, g_strdup(agent), g_strdup(parent));
    if (g_hash_table_contains(own->first, agent))
      tw_trace_note(source, "agents come before those that started them: their sessions are parted there");
  }
  GString *way = g_string_new(NULL);
  const char *at = agent, *above;
  for (int level = 0; level < MOST_LEVELS && (above = g_hash_table_lookup(own->parents, at)) != NULL;
       level++) {
    if (way->len > 0)
      g_string_prepend_c(way, '>');
    g_string_prepend(way, at);
    at = above;
  }
  if (!g_hash_table_contains(own->first, at))
    g_hash_table_add(own->first, g_strdup(at));
  row->request.session = g_strdup(at);
  row->agent = way->len > 0 ? g_strdup(way->str) : NULL;
  g_string_free(way, TRUE);
}

static gboolean expand_dynamo(tw_trace_source *source, const tw_json *document, GError **error)
{
  const tw_json *object = tw_json_has(document, "event.schema") ? tw_json_get(document, "event") : document;
  const char *type = tw_json_text(object, "event_type");
  if (type != NULL && !g_str_equal(type, "request_end"))
    return TRUE; /* the event of a tool, or of a text */
  const tw_json *said = tw_json_get(object, "request");
  if (said == NULL)
    return tw_trace_json_missing(source, object, "request", error);
  tw_trace_row *row = tw_trace_source_add(source);
  tw_request *request = &row->request;
  gint32 block = (gint32)source->reading->block_tokens, cached = -1;
  double total_s = 0;
  if (!tw_json_has(said, "request_received_ms")) {
    row->failure = "no time of arrival";
    return TRUE;
  }
  if (!tw_trace_json_arrival(source, said, "request_received_ms", 1000, &request->arrival_s, error) ||
      !tw_trace_json_tokens(source, said, "replay.input_length|input_tokens", 0, -1, &request->prompt_tokens,
                            error) ||
      !tw_trace_json_tokens(source, said, "output_tokens", 0, 0, &request->answer_tokens, error) ||
      !tw_trace_json_seconds(source, said, "total_time_ms", 1e-3, 0, &total_s, error) ||
      !tw_trace_class(source, tw_json_text(said, "model"), &request->class, error))
    return FALSE;
  if (request->prompt_tokens == 0) {
    row->failure = "a prompt of 0 tokens";
    return TRUE;
  }
  const tw_json *ids = tw_json_get(said, "replay.input_sequence_hashes");
  if (ids != NULL && block == 0 &&
      !tw_trace_json_tokens(source, said, "replay.trace_block_size", 1, -1, &block, error))
    return FALSE;
  if ((ids != NULL && !tw_trace_json_hashes(source, ids, block, row, error)) ||
      (tw_json_has(said, "cached_tokens") &&
       !tw_trace_json_tokens(source, said, "cached_tokens", 0, 0, &cached, error)))
    return FALSE;
  if (tw_json_has(said, "total_time_ms"))
    row->service_s = total_s;
  row->cached_tokens = cached;
  const tw_json *context = tw_json_get(object, "agent_context");
  const tw_json *agent = tw_trace_json_find(context, "session_id|trajectory_id|program_id"),
                *parent = tw_trace_json_find(context, "parent_session_id|parent_trajectory_id");
  if (agent != NULL && agent->text != NULL) /* a name, or a number */
    name_agent(source, agent->text, parent != NULL ? parent->text : NULL, row);
  return TRUE;
}

static const char *const fields[] = {
    "schema|event.schema", "event_type|event.event_type", "request|tool|event.request|event.tool|payload",
    "!usage|prompt_tokens|completion_tokens|input_tokens|output_tokens", NULL};

const tw_trace_format tw_trace_dynamo = {
    .name = "dynamo",
    .help =
        "Dynamo request traces (dynamo.request.trace.v1): a row when a request ends, agents, 64-bit hashes",
    .fields = fields,
    .sorts = TRUE,
    .skips = TRUE,
    .clock = TRUE,
    .links = TRUE,
    .start = start_dynamo,
    .stop = stop_dynamo,
    .expand = expand_dynamo,
};
