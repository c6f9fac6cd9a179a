/* The native format, which can say all that a request has; blank fields are what a request lacks. */
#include "platforms/input/fault.h"
#include "platforms/input/units.h"
#include "workloads/formats/format.h"

enum {
  ARRIVAL,
  PROMPT_TOKENS,
  REASONING_TOKENS,
  ANSWER_TOKENS,
  SESSION,
  PRIORITY,
  HASH_TOKENS,
  HASHES,
  CLASS,
  NAME,
  AFTER,
  AGENT,
  PIECES,
  SERVICE
};

static const tw_csv_column columns[] = {
    {"arrival_s", FALSE},     {"prompt_tokens", FALSE}, {"reasoning_tokens", TRUE},
    {"answer_tokens", FALSE}, {"session", TRUE},        {"priority", TRUE},
    {"hash_tokens", TRUE},    {"hashes", TRUE},         {"class", TRUE},
    {"request", TRUE},        {"after", TRUE},          {"agent", TRUE},
    {"pieces", TRUE},         {"service_s", TRUE},      {NULL, FALSE}};

typedef struct {
  GArray *hashes;  /* guint64: of the row that is being read, */
  GArray *pieces;  /* gint32: and their lengths */
  gboolean linked; /* there is a column that says what requests wait for */
} native;

static void stop_native(tw_trace_source *source)
{
  native *trace = source->own;
  if (trace == NULL)
    return;
  g_array_unref(trace->hashes);
  g_array_unref(trace->pieces);
  g_free(trace);
}

static gboolean start_native(tw_trace_source *source, GError **error)
{
  (void)error;
  native *trace = source->own = g_new0(native, 1);
  trace->hashes = g_array_new(FALSE, FALSE, sizeof(guint64));
  trace->pieces = g_array_new(FALSE, FALSE, sizeof(gint32));
  trace->linked = !g_strv_contains(tw_csv_absent(source->csv), "after");
  return TRUE;
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

/* Ids that blanks separate, unsigned and of 64 bits; where they are pieces, each with its length: "7:120
 * 9:33". */
static gboolean parse_hashes(tw_trace_source *source, int column, GError **error)
{
  native *trace = source->own;
  char *c = tw_csv_text(source->csv, column);
  g_array_set_size(trace->hashes, 0);
  g_array_set_size(trace->pieces, 0);
  while (*c != '\0') {
    char *end = c;
    errno = 0;
    guint64 id = g_ascii_isdigit(*c) ? g_ascii_strtoull(c, &end, 10) : 0, tokens = 1;
    gboolean good = end > c && errno != ERANGE;
    if (good && column == PIECES) {
      char *length = end + 1;
      good = *end == ':' && g_ascii_isdigit(*length);
      tokens = good ? g_ascii_strtoull(length, &end, 10) : 0;
    }
    if (!good || tokens < 1 || tokens > TW_REQUEST_MAX_TOKENS || (*end != ' ' && *end != '\0')) {
      g_autofree char *quoted = tw_input_quote(c);
      return tw_input_fault(source->input, error,
                            "%s hold '%s'; %s from 0 on, separated by blanks, are needed",
                            tw_csv_name(source->csv, column), quoted,
                            column == PIECES ? "ids and their tokens, such as 7:120," : "whole numbers");
    }
    gint32 length = (gint32)tokens;
    g_array_append_val(trace->hashes, id);
    g_array_append_val(trace->pieces, length);
    for (c = end; *c == ' '; c++)
      ;
  }
  return TRUE;
}

static gboolean read_hashes(tw_trace_source *source, tw_request *request, GError **error)
{
  const native *trace = source->own;
  if (!tw_trace_tokens(source->csv, HASH_TOKENS, 1, 0, &request->hash_tokens, error) ||
      !parse_hashes(source, HASHES, error))
    return FALSE;
  guint n = trace->hashes->len;
  if (n == 0)
    return TRUE;
  if (request->hash_tokens == 0)
    return tw_input_fault(source->input, error,
                          "hashes without hash_tokens; say how many prompt tokens one id stands for");
  guint blocks = (guint)(request->prompt_tokens + request->hash_tokens - 1) / (guint)request->hash_tokens;
  if (n > blocks)
    return tw_input_fault(source->input, error,
                          "%u hashes of %d tokens for a prompt of %d; at most %u are needed", n,
                          request->hash_tokens, request->prompt_tokens, blocks);
  request->n_hashes = (gint32)n;
  request->hashes = g_memdup2(trace->hashes->data, n * sizeof(guint64));
  return TRUE;
}

static gboolean read_pieces(tw_trace_source *source, tw_trace_row *row, GError **error)
{
  const native *trace = source->own;
  tw_request *request = &row->request;
  if (*tw_csv_text(source->csv, PIECES) == '\0')
    return TRUE;
  if (request->n_hashes > 0)
    return tw_input_fault(source->input, error, "hashes and pieces are both there; one of them is needed");
  if (!parse_hashes(source, PIECES, error))
    return FALSE;
  gint64 sum = 0;
  for (guint i = 0; i < trace->pieces->len; i++)
    sum += g_array_index(trace->pieces, gint32, i);
  if (sum > request->prompt_tokens)
    return tw_input_fault(source->input, error, "pieces of %" G_GINT64_FORMAT " tokens for a prompt of %d",
                          sum, request->prompt_tokens);
  guint n = trace->hashes->len;
  request->n_hashes = (gint32)n;
  request->hash_tokens = 0;
  request->hashes = g_memdup2(trace->hashes->data, n * sizeof(guint64));
  row->piece_tokens = g_memdup2(trace->pieces->data, n * sizeof(gint32));
  return TRUE;
}

/* One of what a request waits for: NAME, NAME@start, each with +SECONDS. ^ is the row before of the session.
 */
static gboolean parse_wait(tw_trace_row *row, char *text)
{
  char *plus = strchr(text, '+'), *at;
  double delay_s = NAN;
  if (plus != NULL) {
    *plus = '\0';
    if (!tw_number_parse(plus + 1, &delay_s) || !(delay_s >= 0 && delay_s <= TW_TRACE_MAX_S))
      return FALSE;
  }
  at = strchr(text, '@');
  if (at != NULL && !g_str_equal(at, "@start"))
    return FALSE;
  if (at != NULL)
    *at = '\0';
  if (g_str_equal(text, "^")) {
    row->linked = FALSE;
    row->delay_s = delay_s;
    return at == NULL && row->n_waits == 0;
  }
  if (g_str_equal(text, "~")) {
    row->floor_s = delay_s;
    return at == NULL && !isnan(delay_s);
  }
  g_autofree char *name = g_uri_unescape_string(text, NULL);
  if (name == NULL || *name == '\0')
    return FALSE;
  tw_trace_row_wait(row, name, at != NULL, delay_s);
  return TRUE;
}

static gboolean read_waits(tw_trace_source *source, tw_trace_row *row, GError **error)
{
  const native *trace = source->own;
  const char *name = tw_csv_text(source->csv, NAME), *agent = tw_csv_text(source->csv, AGENT);
  row->name = *name != '\0' ? g_strdup(name) : NULL;
  row->agent = *agent != '\0' ? g_strdup(agent) : NULL;
  row->linked = trace->linked;
  if (*tw_csv_text(source->csv, SERVICE) != '\0' &&
      !tw_trace_seconds(source->csv, SERVICE, &row->service_s, error))
    return FALSE;
  g_auto(GStrv) waits = g_strsplit(tw_csv_text(source->csv, AFTER), " ", -1);
  for (char **wait = waits; *wait != NULL; wait++) {
    g_autofree char *quoted = tw_input_quote(*wait);
    if (**wait != '\0' && !parse_wait(row, *wait))
      return tw_input_fault(
          source->input, error,
          "after holds '%s'; the names of requests, each with @start or nothing for its end and "
          "+SECONDS, are needed",
          quoted);
  }
  if (row->n_waits > 0 && !row->linked)
    return tw_input_fault(source->input, error, "after names ^ beside others; ^ must stand alone");
  return TRUE;
}

static gboolean read_native(tw_trace_source *source, tw_trace_row *row, GError **error)
{
  tw_csv *csv = source->csv;
  tw_request *request = &row->request;
  if (!tw_trace_seconds(csv, ARRIVAL, &request->arrival_s, error) ||
      !tw_trace_tokens(csv, PROMPT_TOKENS, 1, -1, &request->prompt_tokens, error) ||
      !tw_trace_tokens(csv, REASONING_TOKENS, 0, 0, &request->reasoning_tokens, error) ||
      !tw_trace_tokens(csv, ANSWER_TOKENS, 0, -1, &request->answer_tokens, error) ||
      !read_priority(csv, &request->priority, error) ||
      !tw_trace_class(source, tw_csv_text(csv, CLASS), &request->class, error))
    return FALSE;
  if (!read_hashes(source, request, error) || !read_pieces(source, row, error) ||
      !read_waits(source, row, error)) {
    tw_trace_row_clear(row);
    return FALSE;
  }
  const char *session = tw_csv_text(csv, SESSION);
  request->session = *session != '\0' ? g_strdup(session) : NULL;
  return TRUE;
}

static void append_waits(GString *line, const tw_trace_row *row)
{
  g_autoptr(GString) waits = g_string_new(NULL);
  for (guint i = 0; i < row->n_waits; i++) {
    g_autofree char *name = g_uri_escape_string(row->waits[i].name, ":/()", TRUE);
    g_string_append_printf(waits, "%s%s%s", i > 0 ? " " : "", name, row->waits[i].for_start ? "@start" : "");
    if (!isnan(row->waits[i].delay_s)) {
      g_string_append_c(waits, '+');
      tw_trace_append_number(waits, row->waits[i].delay_s);
    }
  }
  if (!row->linked && row->request.session != NULL) {
    g_string_append_c(waits, '^');
    if (!isnan(row->delay_s)) {
      g_string_append_c(waits, '+');
      tw_trace_append_number(waits, row->delay_s);
    }
  }
  if (!isnan(row->floor_s)) {
    g_string_append(waits, waits->len > 0 ? " ~+" : "~+");
    tw_trace_append_number(waits, row->floor_s);
  }
  tw_trace_append_text(line, waits->str);
}

static guint write_native(GString *line, const tw_trace_row *row, gboolean linked)
{
  const tw_request *request = &row->request;
  gint32 n_hashes = row->piece_tokens == NULL ? tw_trace_prompt_hashes(request) : 0;
  tw_trace_append_number(line, request->arrival_s);
  g_string_append_printf(line, ",%d,%d,%d,", request->prompt_tokens, request->reasoning_tokens,
                         request->answer_tokens);
  tw_trace_append_text(line, request->session);
  g_string_append_c(line, ',');
  if (request->priority != 0)
    g_string_append_printf(line, "%d", request->priority);
  g_string_append_c(line, ',');
  if (n_hashes > 0)
    g_string_append_printf(line, "%d", request->hash_tokens);
  g_string_append_c(line, ',');
  for (gint32 i = 0; i < n_hashes; i++)
    g_string_append_printf(line, "%s%" G_GUINT64_FORMAT, i > 0 ? " " : "", request->hashes[i]);
  g_string_append_c(line, ',');
  tw_trace_append_text(line, request->class);
  if (!linked)
    return row->piece_tokens == NULL ? TW_TRACE_ALL & ~(guint)TW_TRACE_WAITS
                                     : TW_TRACE_ALL & ~(guint)(TW_TRACE_WAITS | TW_TRACE_HASHES);
  g_string_append_c(line, ',');
  tw_trace_append_text(line, row->name);
  g_string_append_c(line, ',');
  append_waits(line, row);
  g_string_append_c(line, ',');
  tw_trace_append_text(line, row->agent);
  g_string_append_c(line, ',');
  for (gint32 i = 0; row->piece_tokens != NULL && i < request->n_hashes; i++)
    g_string_append_printf(line, "%s%" G_GUINT64_FORMAT ":%d", i > 0 ? " " : "", request->hashes[i],
                           row->piece_tokens[i]);
  g_string_append_c(line, ',');
  if (!isnan(row->service_s))
    tw_trace_append_number(line, row->service_s);
  return TW_TRACE_ALL;
}

static const char *const fields[] = {"arrival_s", "prompt_tokens", "answer_tokens", NULL};

#define HEADER                                                                                               \
  "arrival_s,prompt_tokens,reasoning_tokens,answer_tokens,session,priority,hash_tokens,hashes,class"

const tw_trace_format tw_trace_native = {
    .name = "tokenworks",
    .help = "native: arrival_s, prompt_tokens, answer_tokens; optional: reasoning_tokens, session, priority, "
            "hash_tokens, hashes, class; request, after, agent, pieces, service_s",
    .fields = fields,
    .start = start_native,
    .stop = stop_native,
    .columns = columns,
    .read = read_native,
    .header = HEADER "\n",
    .header_linked = HEADER ",request,after,agent,pieces,service_s\n",
    .write = write_native,
};
