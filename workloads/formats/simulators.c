/* Inputs and results of other simulators: Vidur, Splitwise-sim and LLMServingSim. */
#include "platforms/input/fault.h"
#include "platforms/input/units.h"
#include "workloads/draw/chance.h"
#include "workloads/formats/provider.h"

/* ---- Vidur (github.com/microsoft/vidur): seconds, lengths ---- */

enum { ARRIVED_AT, PREFILL_TOKENS, DECODE_TOKENS };
static const tw_csv_column vidur_columns[] = {
    {"arrived_at", FALSE}, {"num_prefill_tokens", FALSE}, {"num_decode_tokens", FALSE}, {NULL, FALSE}};

/* Vidur cuts counts to whole numbers, and to 1 at least. */
static gboolean read_count(const tw_csv *csv, int column, gint32 *tokens, GError **error)
{
  double count;
  if (!tw_number_parse(tw_csv_text(csv, column), &count) || !(count >= 0 && count <= TW_REQUEST_MAX_TOKENS))
    return tw_trace_tokens(csv, column, 1, -1, tokens, error);
  *tokens = (gint32)fmax(count, 1);
  return TRUE;
}

static gboolean read_vidur(tw_trace_source *source, tw_trace_row *row, GError **error)
{
  return tw_trace_seconds(source->csv, ARRIVED_AT, &row->request.arrival_s, error) &&
         read_count(source->csv, PREFILL_TOKENS, &row->request.prompt_tokens, error) &&
         read_count(source->csv, DECODE_TOKENS, &row->request.answer_tokens, error);
}

static const char *const vidur_fields[] = {"arrived_at", "num_prefill_tokens", "num_decode_tokens", NULL};
const tw_trace_format tw_trace_vidur = {
    .name = "vidur",
    .help = "Vidur: arrived_at (s), num_prefill_tokens, num_decode_tokens",
    .fields = vidur_fields,
    .sorts = TRUE,
    .columns = vidur_columns,
    .read = read_vidur,
};

/* ---- Splitwise-sim (github.com/Mutinifni/splitwise-sim): requests of type 2 are those of language models
 * ---- */

enum { TYPE, APPLICATION, ARRIVAL, PROMPT_SIZE, TOKEN_SIZE };
static const tw_csv_column splitwise_columns[] = {
    {"request_type", TRUE}, {"application_id", TRUE}, {"arrival_timestamp", FALSE}, {"prompt_size", FALSE},
    {"token_size", FALSE},  {"request_id", TRUE},     {"batch_size", TRUE},         {NULL, FALSE}};

static gboolean read_splitwise(tw_trace_source *source, tw_trace_row *row, GError **error)
{
  const char *type = tw_csv_text(source->csv, TYPE), *application = tw_csv_text(source->csv, APPLICATION);
  double number;
  if (*type != '\0' && !(tw_number_parse(type, &number) && number == 2)) {
    row->failure = "of another type than 2, language models";
    return TRUE;
  }
  return tw_trace_seconds(source->csv, ARRIVAL, &row->request.arrival_s, error) &&
         tw_trace_tokens(source->csv, PROMPT_SIZE, 1, -1, &row->request.prompt_tokens, error) &&
         tw_trace_tokens(source->csv, TOKEN_SIZE, 0, -1, &row->request.answer_tokens, error) &&
         tw_trace_class(source, application, &row->request.class, error);
}

static const char *const splitwise_fields[] = {"arrival_timestamp", "prompt_size", "token_size", NULL};
const tw_trace_format tw_trace_splitwise = {
    .name = "splitwise-sim",
    .help = "Splitwise-sim: arrival_timestamp (s), prompt_size, token_size, application_id",
    .fields = splitwise_fields,
    .sorts = TRUE,
    .skips = TRUE,
    .columns = splitwise_columns,
    .read = read_splitwise,
};

/* ---- LLMServingSim (github.com/casys-kaist/LLMServingSim) ---- */

/* Token ids, cut into blocks: the id of a block is that of its tokens. */
static void hash_tokens(const tw_json *ids, gint32 block_tokens, tw_request *request)
{
  if (ids == NULL || ids->kind != TW_JSON_WHOLES)
    return;
  gint32 n = MIN((gint32)MIN(ids->count, TW_REQUEST_MAX_TOKENS), request->prompt_tokens) / block_tokens;
  if (n == 0)
    return;
  request->hashes = g_new(guint64, (gsize)n);
  request->n_hashes = n;
  request->hash_tokens = block_tokens;
  for (gint32 b = 0; b < n; b++) {
    guint64 id = (guint64)block_tokens;
    for (gint32 i = 0; i < block_tokens; i++)
      id = tw_mix(id ^ tw_mix(ids->ids[b * block_tokens + i] + 1));
    request->hashes[b] = id;
  }
}

static gboolean add_call(tw_trace_source *source, const tw_json *object, const char *session,
                         double arrival_s, double delay_s, GError **error)
{
  tw_trace_row *row = tw_trace_source_add(source);
  row->request.arrival_s = arrival_s;
  row->request.session = g_strdup(session);
  row->delay_s = delay_s;
  if (!tw_trace_json_tokens(source, object, "input_toks", 1, -1, &row->request.prompt_tokens, error) ||
      !tw_trace_json_tokens(source, object, "output_toks", 0, -1, &row->request.answer_tokens, error))
    return FALSE;
  hash_tokens(tw_json_get(object, "input_tok_ids"), tw_trace_block_tokens(source), &row->request);
  return TRUE;
}

/* A request, or a session whose calls wait for the one before and its tool. */
static gboolean expand_llmservingsim(tw_trace_source *source, const tw_json *object, GError **error)
{
  double arrival_s, tool_s = NAN;
  if (!tw_trace_json_seconds(source, object, "arrival_time_ns", 1e-9, NAN, &arrival_s, error))
    return FALSE;
  const char *name = tw_json_text(object, "session_id");
  g_autofree char *own = g_strdup_printf("%s%s%" G_GUINT64_FORMAT, name != NULL ? name : "request",
                                         name != NULL ? " " : " ", source->documents);
  const char *session = name != NULL && !g_hash_table_contains(source->own, name) ? name : own;
  g_hash_table_add(source->own, g_strdup(session));
  const tw_json *calls = tw_json_get(object, "sub_requests");
  if (calls == NULL)
    return add_call(source, object, session, arrival_s, NAN, error);
  for (const tw_json *call = calls->kind == TW_JSON_ARRAY ? calls->first : NULL; call != NULL;
       call = call->next) {
    arrival_s += isnan(tool_s) ? 0 : tool_s;
    if (!add_call(source, call, session, arrival_s, tool_s, error) ||
        !tw_trace_json_seconds(source, call, "tool_duration_ns", 1e-9, 0, &tool_s, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean start_llmservingsim(tw_trace_source *source, GError **error)
{
  (void)error;
  source->own = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL); /* names of sessions */
  return TRUE;
}

static void stop_llmservingsim(tw_trace_source *source)
{
  g_hash_table_unref(source->own);
}

static const char *const llmservingsim_fields[] = {"arrival_time_ns", "input_toks|sub_requests", NULL};
const tw_trace_format tw_trace_llmservingsim = {
    .name = "llmservingsim",
    .help = "LLMServingSim: JSON lines with arrival_time_ns, input_toks, output_toks, or sub_requests of a "
            "session",
    .fields = llmservingsim_fields,
    .block_tokens = 16,
    .sorts = TRUE,
    .links = TRUE,
    .start = start_llmservingsim,
    .stop = stop_llmservingsim,
    .expand = expand_llmservingsim,
};

enum { MODEL, INPUT, OUTPUT, ARRIVAL_NS, LATENCY_NS };
static const tw_csv_column result_columns[] = {
    {"model", TRUE},      {"input", FALSE},   {"output", FALSE},
    {"arrival", FALSE},   {"latency", TRUE},  {"instance id", TRUE},
    {"request id", TRUE}, {"end_time", TRUE}, {"queuing_delay", TRUE},
    {"TTFT", TRUE},       {"TPOT", TRUE},     {"ITL", TRUE},
    {NULL, FALSE}};

static gboolean read_result(tw_trace_source *source, tw_trace_row *row, GError **error)
{
  static const struct {
    int column;
    double most_ns;
  } times[] = {{ARRIVAL_NS, 1e18}, {LATENCY_NS, 1e18}};
  double values_s[2] = {0, NAN};
  for (int i = 0; i < 2; i++) {
    const char *text = tw_csv_text(source->csv, times[i].column);
    char *end;
    double ns = g_ascii_strtod(text, &end);
    if (*text == '\0' && i == 1)
      continue;
    if (*end != '\0' || *text == '\0' || !(ns >= 0 && ns <= times[i].most_ns)) {
      g_autofree char *quoted = tw_input_quote(text);
      return tw_input_fault(source->input, error, "%s is '%s'; nanoseconds are needed",
                            tw_csv_name(source->csv, times[i].column), quoted);
    }
    values_s[i] = ns / 1e9;
  }
  row->request.arrival_s = values_s[0];
  row->service_s = values_s[1];
  return tw_trace_tokens(source->csv, INPUT, 1, -1, &row->request.prompt_tokens, error) &&
         tw_trace_tokens(source->csv, OUTPUT, 0, -1, &row->request.answer_tokens, error) &&
         tw_trace_class(source, tw_csv_text(source->csv, MODEL), &row->request.class, error);
}

static const char *const result_fields[] = {"input", "output", "arrival", "queuing_delay", NULL};
const tw_trace_format tw_trace_llmservingsim_results = {
    .name = "llmservingsim-results",
    .help = "LLMServingSim's results: arrival (ns), input, output",
    .fields = result_fields,
    .sorts = TRUE,
    .columns = result_columns,
    .read = read_result,
};
