/* Mooncake's traces (github.com/kvcache-ai/Mooncake, FAST'25) and what others added: one JSON object a line
 * with the time in milliseconds, lengths in tokens, and one hash id for every 512 tokens of the prompt.
 * Dynamo and AIPerf know session_id, delay (before a turn, from the end of the one before), priority and
 * request_id besides.
 *
 * With sessions, input_length is the whole prompt (Dynamo) or what the turn adds to the history and its
 * answers (AIPerf with context "deltas_without_responses"); `context` of the reading says which. */
#include "platforms/input/fault.h"
#include "workloads/draw/chance.h"
#include "workloads/formats/format.h"

enum { BLOCK_TOKENS = 512 };
enum { LOOK_ROWS = 100 }; /* rows at the beginning, one of which names a session where there are any */

typedef struct {
  double arrival_s;      /* when the turn before arrived */
  gint64 context_tokens; /* its prompt and output, */
  GArray *ids;           /* guint64: and, where turns add to it, its pieces */
  GArray *tokens;        /* gint32: their lengths */
  guint64 turns;
} conversation;

static void free_conversation(gpointer p)
{
  conversation *c = p;
  g_array_unref(c->ids);
  g_array_unref(c->tokens);
  g_free(c);
}

/* Mooncake's own rows are in order; those of sessions, whose turns wait, need not be. */
static gboolean start_mooncake(tw_trace_source *source, GError **error)
{
  source->own = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_conversation);
  g_autoptr(tw_json_reader) first = tw_json_reader_new(source->input);
  const tw_json *object; /* a fault is told when it is read again */
  for (int i = 0; i < LOOK_ROWS && !source->sorts && (object = tw_json_next(first, NULL)) != NULL; i++)
    source->sorts = tw_json_has(object, "session_id");
  return tw_input_rewind(source->input, error);
}

static void stop_mooncake(tw_trace_source *source)
{
  g_hash_table_unref(source->own);
}

static conversation *conversation_of(tw_trace_source *source, const char *session)
{
  conversation *c = g_hash_table_lookup(source->own, session);
  if (c == NULL) {
    c = g_new0(conversation, 1);
    c->ids = g_array_new(FALSE, FALSE, sizeof(guint64));
    c->tokens = g_array_new(FALSE, FALSE, sizeof(gint32));
    g_hash_table_insert(source->own, g_strdup(session), c);
  }
  return c;
}

static gboolean read_priority(tw_trace_source *source, const tw_json *object, gint32 *priority,
                              GError **error)
{
  const tw_json *value = tw_trace_json_find(object, "priority|extra.nvext.priority");
  if (value == NULL)
    return TRUE;
  if (value->kind != TW_JSON_NUMBER || !value->whole || value->number < G_MININT32 ||
      value->number > G_MAXINT32)
    return tw_json_fault(source->json, value, error,
                         "\"priority\" is no whole number of 32 bits; one is needed");
  *priority = (gint32)value->number;
  tw_trace_note(
      source,
      "priorities are kept as they are written: here the lower is served first, in Dynamo the higher");
  return TRUE;
}

/* The first turn has a time; the others a delay behind the turn before, or a time of their own. */
static gboolean read_time(tw_trace_source *source, const tw_json *object, const conversation *before,
                          tw_trace_row *row, GError **error)
{
  double unit_s = tw_trace_unit_s(source, 1e-3);
  const tw_json *delay = tw_trace_json_find(object, "delay|delay_ms");
  gboolean later = before != NULL && before->turns > 0;
  if (delay != NULL && !later && delay->number != 0)
    return tw_json_fault(source->json, delay, error,
                         "\"delay\" is on the first turn of a session, which waits for nothing; give it a "
                         "\"timestamp\"");
  if (delay != NULL && later) {
    if (!tw_trace_json_seconds(source, object, "delay|delay_ms", unit_s, 0, &row->delay_s, error))
      return FALSE;
    row->request.arrival_s = before->arrival_s + row->delay_s;
  }
  if (tw_trace_json_find(object, "timestamp|created_time") != NULL || delay == NULL || !later) {
    if (!tw_trace_json_seconds(source, object, "created_time|timestamp", unit_s, NAN, &row->request.arrival_s,
                               error))
      return FALSE;
  }
  if (later && delay == NULL && row->request.arrival_s < before->arrival_s)
    return tw_json_fault(source->json, object, error,
                         "the turn arrives before the one above it of its session; turns are in order");
  return TRUE;
}

/* Turns that add to what was there: the prompt is the context of the turn before and the ids of this one. */
static gboolean add_to_context(tw_trace_source *source, conversation *c, tw_trace_row *row, GError **error)
{
  tw_request *request = &row->request;
  gint64 prompt = c->context_tokens + request->prompt_tokens;
  if (prompt > TW_REQUEST_MAX_TOKENS)
    return tw_input_fault(source->input, error,
                          "the session's context outgrows %d tokens; with "
                          "--context=whole, \"input_length\" is all of it",
                          TW_REQUEST_MAX_TOKENS);
  for (gint32 i = 0; i < request->n_hashes; i++) {
    gint32 tokens = MIN(request->hash_tokens, request->prompt_tokens - i * request->hash_tokens);
    g_array_append_val(c->ids, request->hashes[i]);
    g_array_append_val(c->tokens, tokens);
  }
  /* The tokens of this turn that its ids do not stand for are its own. */
  guint64 own = tw_mix(g_str_hash(request->session) + ((guint64)c->turns << 33));
  gint64 named = (gint64)request->n_hashes * request->hash_tokens;
  gint32 rest = (gint32)MAX(request->prompt_tokens - named, 0), output = tw_request_output_tokens(request);
  guint64 answer = own ^ 1;
  if (rest > 0) {
    g_array_append_val(c->ids, own);
    g_array_append_val(c->tokens, rest);
  }
  g_free(request->hashes);
  request->hashes = g_memdup2(c->ids->data, c->ids->len * sizeof(guint64));
  row->piece_tokens = g_memdup2(c->tokens->data, c->tokens->len * sizeof(gint32));
  request->n_hashes = (gint32)c->ids->len;
  request->hash_tokens = 0;
  request->prompt_tokens = (gint32)prompt;
  if (output > 0) {
    g_array_append_val(c->ids, answer);
    g_array_append_val(c->tokens, output);
  }
  return TRUE;
}

static gboolean expand_mooncake(tw_trace_source *source, const tw_json *object, GError **error)
{
  tw_trace_row *row = tw_trace_source_add(source);
  tw_request *request = &row->request;
  const char *session = tw_json_text(object, "session_id");
  conversation *c = session != NULL ? conversation_of(source, session) : NULL;
  if (tw_json_has(object, "payload") || tw_json_has(object, "messages") || tw_json_has(object, "text_input"))
    return tw_json_fault(
        source->json, object, error,
        "the prompt is a text, without its length in tokens; count it with the model's tokenizer, "
        "and write \"input_length\"");
  if (!read_time(source, object, c, row, error) ||
      !tw_trace_json_tokens(source, object, "input_tokens|input_length", 1, -1, &request->prompt_tokens,
                            error) ||
      !tw_trace_json_tokens(source, object, "output_tokens|output_length", 0, -1, &request->answer_tokens,
                            error) ||
      !tw_trace_json_hashes(source, tw_json_get(object, "hash_ids"), tw_trace_block_tokens(source), row,
                            error) ||
      !read_priority(source, object, &request->priority, error) ||
      !tw_trace_class(source, tw_json_text(object, "policy_class"), &request->class, error))
    return FALSE;
  request->session = g_strdup(session);
  if (c == NULL && source->sorts) /* beside sessions, a request is one of its own */
    request->session = g_strdup_printf("request %" G_GUINT64_FORMAT, source->documents);
  if (c == NULL)
    return TRUE;
  const char *mode = tw_json_text(object, "context_mode");
  gboolean adds = mode != NULL ? g_str_has_prefix(mode, "delta") : source->reading->delta_context;
  if (mode == NULL && c->turns > 0)
    tw_trace_note(source, "%s (--context, or context=\"\", says otherwise)",
                  adds ? "\"input_length\" is taken as what a turn adds to its session"
                       : "\"input_length\" is taken as the whole prompt of a turn, its history included");
  if (adds && !add_to_context(source, c, row, error))
    return FALSE;
  c->turns++;
  c->arrival_s = request->arrival_s;
  c->context_tokens = (gint64)request->prompt_tokens + tw_request_output_tokens(request);
  return TRUE;
}

/* Milliseconds that are read as the same time again, where there are such, else as the one beside it. */
static void append_ms(GString *line, double time_s)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];
  static const char *const formats[] = {"%.0f", "%.3f", "%.6f", "%.17g"};
  for (guint i = 0; i < G_N_ELEMENTS(formats); i++) {
    g_ascii_formatd(text, sizeof text, formats[i], time_s * 1000);
    if (g_ascii_strtod(text, NULL) / 1000 == time_s)
      break;
  }
  g_string_append(line, text);
}

static void append_json_text(GString *line, const char *key, const char *text)
{
  g_string_append_printf(line, ", \"%s\": \"", key);
  for (const char *c = text; *c != '\0'; c++)
    if (*c == '"' || *c == '\\')
      g_string_append_printf(line, "\\%c", *c);
    else if (g_ascii_iscntrl(*c))
      g_string_append_printf(line, "\\u%04x", (guint)*c);
    else
      g_string_append_c(line, *c);
  g_string_append_c(line, '"');
}

/* Ids of other than 512 tokens cannot be told. */
static guint write_mooncake(GString *line, const tw_trace_row *row, gboolean linked)
{
  const tw_request *request = &row->request;
  (void)linked;
  gint32 n = request->hash_tokens == BLOCK_TOKENS ? tw_trace_prompt_hashes(request) : 0;
  g_string_append(line, "{\"timestamp\": ");
  append_ms(line, request->arrival_s);
  g_string_append_printf(line, ", \"input_length\": %d, \"output_length\": %d, \"hash_ids\": [",
                         request->prompt_tokens, tw_request_output_tokens(request));
  for (gint32 i = 0; i < n; i++)
    g_string_append_printf(line, "%s%" G_GUINT64_FORMAT, i > 0 ? ", " : "", request->hashes[i]);
  g_string_append_c(line, ']');
  if (request->session != NULL)
    append_json_text(line, "session_id", request->session);
  if (request->priority != 0)
    g_string_append_printf(line, ", \"priority\": %d", request->priority);
  g_string_append_c(line, '}');
  return (n > 0 ? TW_TRACE_HASHES : 0) | TW_TRACE_SESSION | TW_TRACE_PRIORITY;
}

static const char *const fields[] = {
    "input_length|input_tokens", "output_length|output_tokens",
    "timestamp|created_time|delay|delay_ms|hash_ids|session_id",
    "!chat_id|parent_chat_id|schema|hash_ids.user_input|dependencies|wait_for|not_before_ms|"
    "newly_append_tokens|sub_requests|arrival_s",
    NULL};

const tw_trace_format tw_trace_mooncake = {
    .name = "mooncake",
    .help = "Mooncake traces: JSON lines with timestamp (ms), input_length, output_length, hash_ids; "
            "session_id, delay, "
            "priority",
    .fields = fields,
    .block_tokens = BLOCK_TOKENS,
    .links = TRUE,
    .start = start_mooncake,
    .stop = stop_mooncake,
    .expand = expand_mooncake,
    .header = "",
    .write = write_mooncake,
};
