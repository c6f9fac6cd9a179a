/* Qwen-Bailian's usage traces (github.com/alibaba-edu/qwen-bailian-usagetraces-anon, 2026): JSON lines with
 * Mooncake's names, but seconds, and ids of 16 tokens. A row is a whole prompt; parent_chat_id (-1: none)
 * names the request whose answer it goes on from, which may lie before the file. The session is the tree of
 * these. */
#include "platforms/input/fault.h"
#include "workloads/formats/format.h"

typedef struct {
  GHashTable *roots;  /* by chat */
  GHashTable *absent; /* set of parents that did not come before their children */
} chats;

static gboolean start_bailian(tw_trace_source *source, GError **error)
{
  (void)error;
  chats *own = source->own = g_new(chats, 1);
  own->roots = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  own->absent = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  return TRUE;
}

static void stop_bailian(tw_trace_source *source)
{
  chats *own = source->own;
  g_hash_table_unref(own->roots);
  g_hash_table_unref(own->absent);
  g_free(own);
}

static gboolean expand_bailian(tw_trace_source *source, const tw_json *object, GError **error)
{
  tw_trace_row *row = tw_trace_source_add(source);
  tw_request *request = &row->request;
  const char *chat = tw_json_text(object, "chat_id"), *parent = tw_json_text(object, "parent_chat_id");
  double unit_s = tw_trace_unit_s(source, 1);
  if (chat == NULL)
    return tw_trace_json_missing(source, object, "chat_id", error);
  if (!tw_trace_json_seconds(source, object, "timestamp", unit_s, NAN, &request->arrival_s, error) ||
      !tw_trace_json_tokens(source, object, "input_length", 1, -1, &request->prompt_tokens, error) ||
      !tw_trace_json_tokens(source, object, "output_length", 0, -1, &request->answer_tokens, error) ||
      !tw_trace_json_hashes(source, tw_json_get(object, "hash_ids"), tw_trace_block_tokens(source), row,
                            error) ||
      !tw_trace_class(source, tw_json_text(object, "type"), &request->class, error))
    return FALSE;
  if (parent != NULL && *parent == '-')
    parent = NULL;
  chats *own = source->own;
  const char *root = parent != NULL ? g_hash_table_lookup(own->roots, parent) : NULL;
  const char *session = parent == NULL ? chat : root != NULL ? root : parent;
  request->session = g_strdup(session);
  if (g_hash_table_contains(own->absent, chat) && !g_str_equal(session, chat))
    tw_trace_note(source, "requests come before those that they go on from: their sessions are parted there");
  if (parent != NULL && root == NULL)
    g_hash_table_add(own->absent, g_strdup(parent));
  g_hash_table_insert(own->roots, g_strdup(chat), g_strdup(session));
  row->name = g_strdup(chat);
  row->linked = TRUE;
  if (root != NULL)
    tw_trace_row_wait(row, parent, FALSE, NAN);
  return TRUE;
}

static const char *const fields[] = {"chat_id", "parent_chat_id", "timestamp", "input_length", NULL};

const tw_trace_format tw_trace_bailian = {
    .name = "bailian",
    .help =
        "Qwen-Bailian traces: JSON lines with chat_id, parent_chat_id, timestamp (s), hash_ids of 16 tokens",
    .fields = fields,
    .block_tokens = 16,
    .sorts = TRUE,
    .links = TRUE,
    .start = start_bailian,
    .stop = stop_bailian,
    .expand = expand_bailian,
};
