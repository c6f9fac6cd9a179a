/* RAGPulse (github.com/flashserve/RAGPulse): requests of a retrieval service, whose prompts are put together
 * of parts. `hash_ids` holds lists of ids by kind of part; files beside the trace hold the lengths of the
 * ids. Ids are content, and their order in the prompt is that of the kinds. What is left of the prompt is its
 * own. */
#include "platforms/input/fault.h"
#include "workloads/formats/format.h"

static const struct {
  const char *list; /* name of the list in hash_ids */
  const char *file, *id;
} kinds[] = {{"sys_prompt", "1_sys_prompt.jsonl", "sys_prompt_id"},
             {"passages_ids", "2_passages.jsonl", "passage_id"},
             {"history", "3_history.jsonl", "history_id"},
             {"web_search", "5_web_search.jsonl", "web_search_id"},
             {"user_input", "4_user_input.jsonl", "user_input_id"}};

/* Reads the lengths of one kind of part. */
static gboolean read_lengths(tw_trace_source *source, guint kind, GHashTable *lengths, GError **error)
{
  g_autofree char *folder = g_path_get_dirname(tw_input_path(source->input));
  g_autofree char *plain = g_build_filename(folder, kinds[kind].file, NULL),
                  *gzip = g_strconcat(plain, ".gz", NULL);
  g_autoptr(tw_input) input = tw_input_open(g_file_test(plain, G_FILE_TEST_EXISTS) ? plain : gzip, NULL);
  if (input == NULL)
    return tw_input_error_set(
        error, TW_INPUT_ERROR_FILE, tw_input_path(source->input), 0,
        "%s is missing beside it: the lengths of \"%s\" ids stand there; keep RAGPulse's "
        "files together",
        kinds[kind].file, kinds[kind].list);
  g_autoptr(tw_json_reader) json = tw_json_reader_new(input);
  GError *problem = NULL;
  for (const tw_json *line; (line = tw_json_next(json, &problem)) != NULL;) {
    const tw_json *id = tw_json_get(line, kinds[kind].id), *tokens = tw_json_get(line, "token_length");
    if (id == NULL || !id->whole || tokens == NULL || !tokens->whole || tokens->count > TW_REQUEST_MAX_TOKENS)
      return tw_json_fault(json, line, error, "\"%s\" and \"token_length\" must be whole numbers",
                           kinds[kind].id);
    g_hash_table_insert(lengths, g_memdup2(&id->count, sizeof id->count),
                        GUINT_TO_POINTER((guint)tokens->count + 1));
  }
  if (problem != NULL)
    g_propagate_error(error, problem);
  return problem == NULL;
}

static gboolean start_ragpulse(tw_trace_source *source, GError **error)
{
  GHashTable *lengths = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
  source->own = lengths;
  for (guint i = 0; i < G_N_ELEMENTS(kinds); i++)
    if (!read_lengths(source, i, lengths, error))
      return FALSE;
  return TRUE;
}

static void stop_ragpulse(tw_trace_source *source)
{
  if (source->own != NULL)
    g_hash_table_unref(source->own);
}

/* Lays the parts end to end, as far as the prompt goes. */
static gboolean lay_parts(tw_trace_source *source, const tw_json *lists, tw_trace_row *row, GError **error)
{
  g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(guint64));
  g_autoptr(GArray) tokens = g_array_new(FALSE, FALSE, sizeof(gint32));
  gint32 left = row->request.prompt_tokens;
  for (guint kind = 0; kind < G_N_ELEMENTS(kinds); kind++) {
    const tw_json *list = tw_json_get(lists, kinds[kind].list);
    if (list != NULL && list->kind != TW_JSON_WHOLES && (list->kind != TW_JSON_ARRAY || list->count > 0))
      return tw_json_fault(source->json, list, error, "\"%s\" is no list of whole numbers", kinds[kind].list);
    for (guint64 i = 0; list != NULL && i < list->count; i++) {
      gpointer length = g_hash_table_lookup(source->own, &list->ids[i]);
      if (length == NULL)
        return tw_json_fault(source->json, list, error,
                             "\"%s\" names id %" G_GUINT64_FORMAT ", whose length is not in %s",
                             kinds[kind].list, list->ids[i], kinds[kind].file);
      gint32 part = MIN((gint32)GPOINTER_TO_UINT(length) - 1, left);
      if (part == 0)
        continue;
      left -= part;
      g_array_append_val(ids, list->ids[i]);
      g_array_append_val(tokens, part);
    }
  }
  row->request.n_hashes = (gint32)ids->len;
  if (ids->len > 0) {
    row->request.hashes = g_memdup2(ids->data, ids->len * sizeof(guint64));
    row->piece_tokens = g_memdup2(tokens->data, tokens->len * sizeof(gint32));
  }
  return TRUE;
}

static gboolean expand_ragpulse(tw_trace_source *source, const tw_json *object, GError **error)
{
  tw_trace_row *row = tw_trace_source_add(source);
  tw_request *request = &row->request;
  double unit_s = tw_trace_unit_s(source, 1);
  if (!tw_trace_json_seconds(source, object, "timestamp", unit_s, NAN, &request->arrival_s, error) ||
      !tw_trace_json_tokens(source, object, "input_length", 1, -1, &request->prompt_tokens, error) ||
      !tw_trace_json_tokens(source, object, "output_length", 0, -1, &request->answer_tokens, error) ||
      !lay_parts(source, tw_json_get(object, "hash_ids"), row, error))
    return FALSE;
  request->session = g_strdup(tw_json_text(object, "session_id"));
  return TRUE;
}

static const char *const fields[] = {"hash_ids.user_input|hash_ids.sys_prompt", "timestamp", "input_length",
                                     NULL};

const tw_trace_format tw_trace_ragpulse = {
    .name = "ragpulse",
    .help = "RAGPulse: 0_trace.jsonl, whose hash_ids name parts; their lengths stand in the files 1 to 5 "
            "beside it",
    .fields = fields,
    .block_tokens = 16,
    .sorts = TRUE,
    .links = TRUE,
    .start = start_ragpulse,
    .stop = stop_ragpulse,
    .expand = expand_ragpulse,
};
