/* Agentic Mooncake (github.com/ai-dynamo/dynamo): requests of plays and what each depends on. Version 2
 * begins with a header, which says the size of blocks; version 1 has none, and waits for the end of others.
 */
#include "platforms/input/fault.h"
#include "workloads/formats/provider.h"

typedef struct {
  gint32 block_tokens;
  gboolean global;
  guint headers; /* files that lie one behind the other: their plays may have the same names */
  /* Both in version 1, by the name of a request: */
  GHashTable *ends;     /* a double: when it may have ended at the earliest */
  GHashTable *sessions; /* its session, which is that of the first request it goes back to */
  GHashTable *absent;   /* set of those that did not come before what waits for them */
} agentic;

static gboolean start_agentic(tw_trace_source *source, GError **error)
{
  (void)error;
  agentic *own = source->own = g_new0(agentic, 1);
  own->block_tokens = 512;
  own->ends = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  own->sessions = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  own->absent = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  return TRUE;
}

static void stop_agentic(tw_trace_source *source)
{
  g_hash_table_unref(((agentic *)source->own)->ends);
  g_hash_table_unref(((agentic *)source->own)->sessions);
  g_hash_table_unref(((agentic *)source->own)->absent);
  g_free(source->own);
}

static gboolean read_header(tw_trace_source *source, const tw_json *header, GError **error)
{
  agentic *own = source->own;
  const char *schema = tw_json_text(header, "schema");
  double version = 0;
  if (g_strcmp0(schema, "dynamo.agentic_mooncake") != 0 || !tw_json_number(header, "version", &version) ||
      version != 2)
    return tw_json_fault(source->json, header, error,
                         "the header must say \"schema\": \"dynamo.agentic_mooncake\", "
                         "\"version\": 2");
  own->headers++;
  own->global = g_strcmp0(tw_json_text(header, "hash_id_scope"), "global") == 0;
  return tw_trace_json_tokens(source, header, "block_size", 1, -1, &own->block_tokens, error);
}

static gboolean read_dependencies(tw_trace_source *source, const tw_json *object, tw_trace_row *row,
                                  GError **error)
{
  const tw_json *list = tw_json_get(object, "dependencies");
  for (const tw_json *d = list != NULL && list->kind == TW_JSON_ARRAY ? list->first : NULL; d != NULL;
       d = d->next) {
    const char *name = tw_json_text(d, "request_id"), *trigger = tw_json_text(d, "trigger");
    gboolean dispatch = g_strcmp0(trigger, "dispatch") == 0;
    double delay_s;
    if (name == NULL)
      return tw_trace_json_missing(source, d, "request_id", error);
    if (!dispatch && g_strcmp0(trigger, "completion") != 0)
      return tw_json_fault(source->json, d, error, "\"trigger\" is '%s'; dispatch or completion is needed",
                           trigger != NULL ? trigger : "");
    if (!tw_trace_json_seconds(source, d, "delay_ms", 1e-3, 0, &delay_s, error))
      return FALSE;
    tw_trace_row_wait(row, name, dispatch, delay_s);
  }
  return TRUE;
}

/* Version 1: roots have a timestamp, the others follow the latest end. */
static gboolean read_waits(tw_trace_source *source, const tw_json *object, tw_trace_row *row, GError **error)
{
  agentic *own = source->own;
  const tw_json *list = tw_json_get(object, "wait_for");
  double delay_s, tool_s, earliest_s = 0;
  if (!tw_trace_json_seconds(source, object, "delay_ms|delay", 1e-3, 0, &delay_s, error) ||
      !tw_trace_json_seconds(source, object, "tool_wait_ms", 1e-3, 0, &tool_s, error))
    return FALSE;
  for (const tw_json *name = list != NULL && list->kind == TW_JSON_ARRAY ? list->first : NULL; name != NULL;
       name = name->next) {
    if (name->text == NULL)
      return tw_json_fault(source->json, name, error, "\"wait_for\" holds what is no name");
    tw_trace_row_wait(row, name->text, FALSE, delay_s + tool_s);
    const double *end_s = g_hash_table_lookup(own->ends, name->text);
    earliest_s = fmax(earliest_s, end_s != NULL ? *end_s : 0);
  }
  double arrival_s = earliest_s + delay_s + tool_s;
  if (!tw_trace_json_seconds(source, object, "timestamp", 1e-3, row->n_waits > 0 ? arrival_s : NAN,
                             &arrival_s, error))
    return FALSE;
  row->request.arrival_s = arrival_s;
  const char *root = row->n_waits > 0 ? g_hash_table_lookup(own->sessions, row->waits[0].name) : NULL;
  if (g_hash_table_contains(own->absent, row->name))
    tw_trace_note(source, "requests come before those that they wait for: their sessions are parted there");
  if (row->n_waits > 0 && root == NULL)
    g_hash_table_add(own->absent, g_strdup(row->waits[0].name));
  if (root != NULL) { /* a request of another agent may be waited for: they are of one session */
    row->agent = g_strcmp0(root, row->request.session) != 0 ? g_steal_pointer(&row->request.session) : NULL;
    g_free(row->request.session);
    row->request.session = g_strdup(root);
  }
  g_hash_table_insert(own->sessions, g_strdup(row->name), g_strdup(row->request.session));
  g_hash_table_insert(own->ends, g_strdup(row->name), g_memdup2(&arrival_s, sizeof arrival_s));
  return TRUE;
}

static gboolean expand_agentic(tw_trace_source *source, const tw_json *object, GError **error)
{
  agentic *own = source->own;
  if (tw_json_has(object, "schema"))
    return read_header(source, object, error);
  tw_trace_row *row = tw_trace_source_add(source);
  tw_request *request = &row->request;
  const char *name = tw_json_text(object, "request_id"), *play = tw_json_text(object, "play_id"),
             *session = tw_json_text(object, "session_id");
  gint32 block =
      source->reading->block_tokens > 0 ? (gint32)source->reading->block_tokens : own->block_tokens;
  double service_s;
  if (name == NULL)
    return tw_trace_json_missing(source, object, "request_id", error);
  row->name = g_strdup(name);
  row->linked = TRUE;
  request->session = play != NULL && own->headers > 1 ? g_strdup_printf("%s (%u)", play, own->headers)
                                                      : g_strdup(play != NULL      ? play
                                                                 : session != NULL ? session
                                                                                   : name);
  row->agent = play != NULL ? g_strdup(session) : NULL;
  if (play != NULL || tw_json_has(object, "not_before_ms")) {
    if (!tw_trace_json_seconds(source, object, "not_before_ms", 1e-3, 0, &request->arrival_s, error) ||
        !read_dependencies(source, object, row, error))
      return FALSE;
    row->floor_s = request->arrival_s;
  } else if (!read_waits(source, object, row, error)) {
    return FALSE;
  }
  if (!tw_trace_json_tokens(source, object, "input_tokens|input_length", 1, -1, &request->prompt_tokens,
                            error) ||
      !tw_trace_json_tokens(source, object, "output_tokens|output_length", 0, -1, &request->answer_tokens,
                            error) ||
      !tw_trace_json_hashes(source, tw_json_get(object, "hash_ids"), block, row, error) ||
      !tw_trace_json_seconds(source, object, "recorded_api_time_ms", 1e-3, 0, &service_s, error) ||
      !tw_trace_class(source, tw_json_text(object, "model"), &request->class, error))
    return FALSE;
  if (tw_json_has(object, "recorded_api_time_ms"))
    row->service_s = service_s;
  if (play != NULL && !own->global)
    tw_trace_own_hashes(request, tw_trace_text_key(request->session));
  return TRUE;
}

static const char *const fields[] = {"block_size|not_before_ms|wait_for|tool_wait_ms|dependencies",
                                     "schema|version|request_id", "!requests|event_type", NULL};

const tw_trace_format tw_trace_agentic_mooncake = {
    .name = "agentic-mooncake",
    .help = "Agentic Mooncake of Dynamo, versions 1 and 2: requests of plays with what each depends on",
    .fields = fields,
    .sorts = TRUE,
    .links = TRUE,
    .start = start_agentic,
    .stop = stop_agentic,
    .expand = expand_agentic,
};
