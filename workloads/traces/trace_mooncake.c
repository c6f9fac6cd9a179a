/* Mooncake's traces (github.com/kvcache-ai/Mooncake, FAST'25): one JSON object a line with the time in
 * milliseconds, lengths in tokens, and one hash id for every 512 tokens of the prompt. */
#include "platforms/input/fault.h"
#include "workloads/traces/trace.h"

#include <jansson.h>

enum { BLOCK_TOKENS = 512 };

static const char *const keys[] = {"timestamp", "input_length", "output_length", "hash_ids", NULL};

static void *open_mooncake(tw_input *input, GError **error)
{
  (void)error;
  return input;
}

static void close_mooncake(void *reader)
{
  (void)reader;
}

/* The number under `key`; NULL with `error` where there is none. */
static const json_t *number(const tw_input *input, const json_t *object, const char *key, GError **error)
{
  const json_t *value = json_object_get(object, key);
  if (json_is_number(value))
    return value;
  if (value != NULL) {
    tw_input_fault(input, error, "\"%s\" is not a number; write {\"%s\": 1, ...}", key, key);
    return NULL;
  }
  g_autoptr(GPtrArray) others = g_ptr_array_new();
  const char *other;
  json_t *ignored;
  json_object_foreach((json_t *)object, other, ignored) if (!g_strv_contains(keys, other))
      g_ptr_array_add(others, (char *)other);
  g_ptr_array_add(others, NULL);
  const char *near = tw_nearest(key, (const char *const *)others->pdata);
  g_autofree char *quoted = near != NULL ? tw_input_quote(near) : NULL;
  if (quoted != NULL)
    tw_input_fault(input, error, "\"%s\" is missing; is \"%s\" meant to be it?", key, quoted);
  else
    tw_input_fault(input, error, "\"%s\" is missing; every request needs it", key);
  return NULL;
}

static gboolean read_tokens(const tw_input *input, const json_t *object, const char *key, gint32 *tokens,
                            GError **error)
{
  const json_t *value = number(input, object, key, error);
  if (value == NULL)
    return FALSE;
  *tokens = (gint32)CLAMP(json_integer_value(value), 0, TW_REQUEST_MAX_TOKENS + 1);
  if (json_is_integer(value) && *tokens >= 1 && *tokens <= TW_REQUEST_MAX_TOKENS)
    return TRUE;
  return tw_input_fault(input, error, "\"%s\" is %.12g; a whole number from 1 to %d is needed", key,
                        json_number_value(value), TW_REQUEST_MAX_TOKENS);
}

static gboolean read_time(const tw_input *input, const json_t *object, double *time_s, GError **error)
{
  const json_t *value = number(input, object, "timestamp", error);
  if (value == NULL)
    return FALSE;
  *time_s = json_number_value(value) / 1000;
  if (*time_s >= 0 && *time_s <= TW_TRACE_MAX_S)
    return TRUE;
  return tw_input_fault(input, error,
                        "\"timestamp\" is %.12g; milliseconds since the start of the trace, from 0 to 1e12, "
                        "are needed",
                        json_number_value(value));
}

static gboolean read_hashes(const tw_input *input, const json_t *object, tw_request *request, GError **error)
{
  const json_t *ids = json_object_get(object, "hash_ids");
  if (ids == NULL || json_is_null(ids))
    return TRUE;
  gsize n = json_array_size(ids), blocks = ((gsize)request->prompt_tokens + BLOCK_TOKENS - 1) / BLOCK_TOKENS;
  if (!json_is_array(ids) || n > blocks)
    return tw_input_fault(input, error,
                          "\"hash_ids\" does not fit \"input_length\"; a list of at most %" G_GSIZE_FORMAT
                          " ids, one for %d tokens, is needed",
                          blocks, BLOCK_TOKENS);
  if (n == 0)
    return TRUE;
  g_autofree guint64 *hashes = g_new(guint64, n);
  for (gsize i = 0; i < n; i++) {
    const json_t *id = json_array_get(ids, i);
    if (!json_is_integer(id) || json_integer_value(id) < 0)
      return tw_input_fault(input, error,
                            "id %" G_GSIZE_FORMAT " of \"hash_ids\" is no whole number from 0 on", i + 1);
    hashes[i] = (guint64)json_integer_value(id);
  }
  request->hashes = g_steal_pointer(&hashes);
  request->n_hashes = (gint32)n;
  request->hash_tokens = BLOCK_TOKENS;
  return TRUE;
}

static gboolean read_mooncake(void *reader, tw_request *request, GError **error)
{
  tw_input *input = reader;
  char *line;
  gsize length;
  do
    if (!tw_input_line(input, &line, &length, error))
      return FALSE;
  while (length == 0);

  json_error_t syntax;
  json_t *object = json_loadb(line, length, JSON_REJECT_DUPLICATES, &syntax);
  if (object == NULL) {
    g_autofree char *quoted = tw_input_quote(syntax.text);
    return tw_input_fault(input, error, "%s (column %d); one JSON object a line is needed", quoted,
                          syntax.column);
  }
  *request = (tw_request){0};
  gboolean good = read_time(input, object, &request->arrival_s, error) &&
                  read_tokens(input, object, "input_length", &request->prompt_tokens, error) &&
                  read_tokens(input, object, "output_length", &request->answer_tokens, error) &&
                  read_hashes(input, object, request, error);
  json_decref(object);
  return good;
}

/* Milliseconds that are read as the same time again, where there are such, else as the one beside it. */
static void append_ms(GString *row, double time_s)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];
  static const char *const formats[] = {"%.0f", "%.3f", "%.6f", "%.17g"};
  for (guint i = 0; i < G_N_ELEMENTS(formats); i++) {
    g_ascii_formatd(text, sizeof text, formats[i], time_s * 1000);
    if (g_ascii_strtod(text, NULL) / 1000 == time_s)
      break;
  }
  g_string_append(row, text);
}

/* JSON's numbers have a sign: ids lose the highest bit. Ids of other than 512 tokens cannot be told. */
static guint write_mooncake(GString *row, const tw_request *request)
{
  gint32 n = request->hash_tokens == BLOCK_TOKENS ? tw_trace_prompt_hashes(request) : 0;
  g_string_append(row, "{\"timestamp\": ");
  append_ms(row, request->arrival_s);
  g_string_append_printf(row, ", \"input_length\": %d, \"output_length\": %d, \"hash_ids\": [",
                         request->prompt_tokens, tw_request_output_tokens(request));
  for (gint32 i = 0; i < n; i++)
    g_string_append_printf(row, "%s%" G_GUINT64_FORMAT, i > 0 ? ", " : "", request->hashes[i] & G_MAXINT64);
  g_string_append(row, "]}");
  return n > 0 ? TW_TRACE_HASHES : 0;
}

const tw_trace_format tw_trace_mooncake = {
    "mooncake",
    "Mooncake traces: JSON lines with timestamp, input_length, output_length, hash_ids",
    "\"input_length\"",
    open_mooncake,
    read_mooncake,
    close_mooncake,
    "",
    write_mooncake};
