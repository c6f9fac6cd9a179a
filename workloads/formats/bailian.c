/* Qwen-Bailian's usage traces (github.com/alibaba-edu/qwen-bailian-usagetraces-anon, 2026): JSON lines with
 * Mooncake's names, but seconds, and ids of 16 tokens. A row is a whole prompt; parent_chat_id (-1: none)
 * names the request whose answer it goes on from, which may lie before the file. The session is the tree of
 * these. */
#include "platforms/input/fault.h"
#include "workloads/formats/format.h"

static gboolean start_bailian(tw_trace_source *source, GError **error)
{
  (void)error;
  source->own = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free); /* root by chat */
  return TRUE;
}

static void stop_bailian(tw_trace_source *source)
{
  g_hash_table_unref(source->own);
}

static gboolean read_id(tw_trace_source *source, const tw_json *object, const char *key, gint64 *id,
                        GError **error)
{
  const tw_json *value = tw_json_get(object, key);
  if (value == NULL)
    return tw_trace_json_missing(source, object, key, error);
  if (value->kind != TW_JSON_NUMBER || !value->whole || fabs(value->number) > 9e15)
    return tw_json_fault(source->json, value, error, "\"%s\" is no whole number; one is needed", key);
  *id = (gint64)value->number;
  return TRUE;
}

static gboolean expand_bailian(tw_trace_source *source, const tw_json *object, GError **error)
{
  tw_trace_row *row = tw_trace_source_add(source);
  tw_request *request = &row->request;
  gint64 chat = 0, parent = 0;
  double unit_s = tw_trace_unit_s(source, 1);
  if (!read_id(source, object, "chat_id", &chat, error) ||
      !read_id(source, object, "parent_chat_id", &parent, error) ||
      !tw_trace_json_seconds(source, object, "timestamp", unit_s, NAN, &request->arrival_s, error) ||
      !tw_trace_json_tokens(source, object, "input_length", 1, -1, &request->prompt_tokens, error) ||
      !tw_trace_json_tokens(source, object, "output_length", 0, -1, &request->answer_tokens, error) ||
      !tw_trace_json_hashes(source, tw_json_get(object, "hash_ids"), tw_trace_block_tokens(source), row,
                            error) ||
      !tw_trace_class(source, tw_json_text(object, "type"), &request->class, error))
    return FALSE;
  const gint64 *root = parent >= 0 ? g_hash_table_lookup(source->own, &parent) : NULL;
  gint64 session = parent < 0 ? chat : root != NULL ? *root : parent;
  g_hash_table_insert(source->own, g_memdup2(&chat, sizeof chat), g_memdup2(&session, sizeof session));
  request->session = g_strdup_printf("%" G_GINT64_FORMAT, session);
  row->name = g_strdup_printf("%" G_GINT64_FORMAT, chat);
  row->linked = TRUE;
  if (root != NULL) {
    g_autofree char *name = g_strdup_printf("%" G_GINT64_FORMAT, parent);
    tw_trace_row_wait(row, name, FALSE, NAN);
  }
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
