/* The native format, which can say all that a request has; blank fields are what a request lacks. */
#include "platforms/input/fault.h"
#include "platforms/input/units.h"
#include "workloads/traces/trace.h"

enum {
  ARRIVAL,
  PROMPT_TOKENS,
  REASONING_TOKENS,
  ANSWER_TOKENS,
  SESSION,
  PRIORITY,
  HASH_TOKENS,
  HASHES,
  CLASS
};

static const tw_csv_column columns[] = {{"arrival_s", FALSE},
                                        {"prompt_tokens", FALSE},
                                        {"reasoning_tokens", TRUE},
                                        {"answer_tokens", FALSE},
                                        {"session", TRUE},
                                        {"priority", TRUE},
                                        {"hash_tokens", TRUE},
                                        {"hashes", TRUE},
                                        {"class", TRUE},
                                        {NULL, FALSE}};

typedef struct {
  tw_csv *csv;
  GArray *hashes;      /* of the row that is being read */
  GHashTable *classes; /* set of the interned names met so far */
} native;

static void close_native(void *reader)
{
  native *trace = reader;
  tw_csv_free(trace->csv);
  g_array_free(trace->hashes, TRUE);
  g_hash_table_unref(trace->classes);
  g_free(trace);
}

static void *open_native(tw_input *input, GError **error)
{
  tw_csv *csv = tw_csv_open(input, columns, error);
  if (csv == NULL)
    return NULL;
  native *trace = g_new0(native, 1);
  trace->csv = csv;
  trace->hashes = g_array_new(FALSE, FALSE, sizeof(guint64));
  trace->classes = g_hash_table_new(g_str_hash, g_str_equal);
  return trace;
}

static gboolean read_priority(const tw_csv *csv, gint32 *priority, GError **error)
{
  const char *text = tw_csv_text(csv, PRIORITY);
  gint64 value = 0;
  if (*text != '\0' && (!tw_integer_parse(text, &value) || value < G_MININT32 || value > G_MAXINT32)) {
    g_autofree char *quoted = tw_input_quote(text);
    return tw_input_fault(tw_csv_input(csv), error,
                          "priority is '%s'; a whole number of 32 bits is needed, lower is served first",
                          quoted);
  }
  *priority = (gint32)value;
  return TRUE;
}

/* Ids that blanks separate, unsigned and of 64 bits. */
static gboolean parse_hashes(native *trace, GError **error)
{
  char *c = tw_csv_text(trace->csv, HASHES);
  g_array_set_size(trace->hashes, 0);
  while (*c != '\0') {
    char *end = c;
    errno = 0;
    guint64 id = g_ascii_isdigit(*c) ? g_ascii_strtoull(c, &end, 10) : 0;
    if (end == c || errno == ERANGE || (*end != ' ' && *end != '\0')) {
      g_autofree char *quoted = tw_input_quote(c);
      return tw_input_fault(tw_csv_input(trace->csv), error,
                            "hashes hold '%s'; whole numbers from 0 on, separated by blanks, are needed",
                            quoted);
    }
    g_array_append_val(trace->hashes, id);
    for (c = end; *c == ' '; c++)
      ;
  }
  return TRUE;
}

static gboolean read_hashes(native *trace, tw_request *request, GError **error)
{
  if (!tw_trace_tokens(trace->csv, HASH_TOKENS, 1, 0, &request->hash_tokens, error) ||
      !parse_hashes(trace, error))
    return FALSE;
  guint n = trace->hashes->len;
  if (n == 0)
    return TRUE;
  if (request->hash_tokens == 0)
    return tw_input_fault(tw_csv_input(trace->csv), error,
                          "hashes without hash_tokens; say how many prompt tokens one id stands for");
  guint blocks = (guint)(request->prompt_tokens + request->hash_tokens - 1) / (guint)request->hash_tokens;
  if (n > blocks)
    return tw_input_fault(tw_csv_input(trace->csv), error,
                          "%u hashes of %d tokens for a prompt of %d; at most %u are needed", n,
                          request->hash_tokens, request->prompt_tokens, blocks);
  request->n_hashes = (gint32)n;
  request->hashes = g_memdup2(trace->hashes->data, n * sizeof(guint64));
  return TRUE;
}

static gboolean read_class(native *trace, const char **class, GError **error)
{
  const char *text = tw_csv_text(trace->csv, CLASS);
  *class = NULL;
  if (*text == '\0')
    return TRUE;
  *class = g_hash_table_lookup(trace->classes, text);
  if (*class != NULL)
    return TRUE;
  if (g_hash_table_size(trace->classes) == TW_REQUEST_MAX_CLASSES)
    return tw_input_fault(tw_csv_input(trace->csv), error,
                          "class is the %dth different one; at most %d classes are needed, sessions are "
                          "named in the column session",
                          TW_REQUEST_MAX_CLASSES + 1, TW_REQUEST_MAX_CLASSES);
  *class = g_intern_string(text);
  g_hash_table_insert(trace->classes, (char *)*class, (char *)*class);
  return TRUE;
}

static gboolean read_native(void *reader, tw_request *request, GError **error)
{
  native *trace = reader;
  tw_csv *csv = trace->csv;
  *request = (tw_request){0};
  if (!tw_csv_next(csv, error) || !tw_trace_seconds(csv, ARRIVAL, &request->arrival_s, error) ||
      !tw_trace_tokens(csv, PROMPT_TOKENS, 1, -1, &request->prompt_tokens, error) ||
      !tw_trace_tokens(csv, REASONING_TOKENS, 0, 0, &request->reasoning_tokens, error) ||
      !tw_trace_tokens(csv, ANSWER_TOKENS, 0, -1, &request->answer_tokens, error) ||
      !read_priority(csv, &request->priority, error) || !read_class(trace, &request->class, error))
    return FALSE;
  if (tw_request_output_tokens(request) == 0)
    return tw_input_fault(tw_csv_input(csv), error,
                          "reasoning_tokens and answer_tokens are both 0; an output of at least one token is "
                          "needed");
  if (!read_hashes(trace, request, error))
    return FALSE;
  const char *session = tw_csv_text(csv, SESSION);
  request->session = *session != '\0' ? g_strdup(session) : NULL;
  return TRUE;
}

static guint write_native(GString *row, const tw_request *request)
{
  gint32 n_hashes = tw_trace_prompt_hashes(request);
  tw_trace_append_number(row, request->arrival_s);
  g_string_append_printf(row, ",%d,%d,%d,", request->prompt_tokens, request->reasoning_tokens,
                         request->answer_tokens);
  tw_trace_append_text(row, request->session);
  g_string_append_c(row, ',');
  if (request->priority != 0)
    g_string_append_printf(row, "%d", request->priority);
  g_string_append_c(row, ',');
  if (n_hashes > 0)
    g_string_append_printf(row, "%d", request->hash_tokens);
  g_string_append_c(row, ',');
  for (gint32 i = 0; i < n_hashes; i++)
    g_string_append_printf(row, "%s%" G_GUINT64_FORMAT, i > 0 ? " " : "", request->hashes[i]);
  g_string_append_c(row, ',');
  tw_trace_append_text(row, request->class);
  return TW_TRACE_ALL;
}

const tw_trace_format tw_trace_native = {
    "tokenworks",
    "native: arrival_s, prompt_tokens, answer_tokens; optional: reasoning_tokens, session, priority, "
    "hash_tokens, hashes, class",
    "prompt_tokens",
    open_native,
    read_native,
    close_native,
    "arrival_s,prompt_tokens,reasoning_tokens,answer_tokens,session,priority,hash_tokens,hashes,class\n",
    write_native};
