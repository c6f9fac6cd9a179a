/* One pass over a trace file: tables row by row, JSON document by document. */
#include "platforms/input/fault.h"
#include "platforms/input/units.h"
#include "workloads/draw/chance.h"
#include "workloads/formats/format.h"

static void free_row(gpointer row)
{
  tw_trace_row_clear(row);
  g_free(row);
}

void tw_trace_source_close(tw_trace_source *source)
{
  if (source == NULL)
    return;
  if (source->format->stop != NULL)
    source->format->stop(source);
  g_queue_clear_full(&source->rows, free_row);
  tw_csv_free(source->csv);
  tw_json_reader_free(source->json);
  g_hash_table_unref(source->classes);
  g_ptr_array_unref(source->notes);
  g_free(source);
}

/* Whether one name is the other but for a letter or two that are left out, put in or wrong. */
static gboolean is_slip(const char *a, const char *b, int slips)
{
  while (*a != '\0' && *a == *b) {
    a++;
    b++;
  }
  if (*a == '\0' && *b == '\0')
    return TRUE;
  return slips > 0 &&
         ((*a != '\0' && is_slip(a + 1, b, slips - 1)) || (*b != '\0' && is_slip(a, b + 1, slips - 1)) ||
          (*a != '\0' && *b != '\0' && is_slip(a + 1, b + 1, slips - 1)));
}

/* Columns that nobody reads: one that is nearly the name of one that is missing is a slip, and would be lost.
 */
static gboolean check_unread(tw_trace_source *source, GError **error)
{
  const char *const *unread = tw_csv_unread(source->csv);
  g_autoptr(GString) list = g_string_new(NULL);
  for (int i = 0; unread[i] != NULL; i++) {
    const char *const *absent = tw_csv_absent(source->csv);
    const char *near = NULL;
    g_autofree char *quoted = tw_input_quote(unread[i]), *lower = g_ascii_strdown(unread[i], -1);
    for (int j = 0; absent[j] != NULL; j++) {
      g_autofree char *wanted = g_ascii_strdown(absent[j], -1);
      if (is_slip(lower, wanted, strlen(wanted) >= 8 ? 2 : 1))
        near = absent[j];
    }
    if (near != NULL)
      return tw_input_fault(source->input, error,
                            "the format %s has no column '%s'; is '%s' meant? (Rename or remove it.)",
                            source->format->name, quoted, near);
    g_string_append_printf(list, "%s%s", i > 0 ? ", " : "", quoted);
  }
  if (list->len > 0)
    tw_trace_note(source, "columns that are not read: %s", list->str);
  return TRUE;
}

tw_trace_source *tw_trace_source_open(const tw_trace_format *format, tw_input *input,
                                      const tw_trace_reading *reading, GPtrArray *notes, GError **error)
{
  tw_trace_source *source = g_new0(tw_trace_source, 1);
  source->format = format;
  source->sorts = format->sorts;
  source->input = input;
  source->reading = reading;
  source->classes = g_hash_table_new(g_str_hash, g_str_equal);
  source->notes = g_ptr_array_ref(notes);
  g_queue_init(&source->rows);
  gboolean good = TRUE;
  if (format->columns != NULL) {
    source->csv = tw_csv_open_delimited(input, format->columns, reading->delimiter, error);
    good = source->csv != NULL && check_unread(source, error);
  } else if (format->expand != NULL) {
    source->json = tw_json_reader_new(input);
  }
  if (good && (format->start == NULL || format->start(source, error)))
    return source;
  tw_trace_source_close(source);
  return NULL;
}

tw_trace_row *tw_trace_source_add(tw_trace_source *source)
{
  tw_trace_row *row = g_new(tw_trace_row, 1);
  *row = (tw_trace_row)TW_TRACE_ROW_EMPTY;
  g_queue_push_tail(&source->rows, row);
  return row;
}

gboolean tw_trace_source_next(tw_trace_source *source, tw_trace_row *row, GError **error)
{
  const tw_trace_format *format = source->format;
  if (format->read != NULL) {
    *row = (tw_trace_row)TW_TRACE_ROW_EMPTY;
    return (format->columns == NULL || tw_csv_next(source->csv, error)) && format->read(source, row, error);
  }
  while (source->rows.length == 0) {
    const tw_json *document = tw_json_next(source->json, error);
    if (document == NULL)
      return FALSE;
    source->documents++;
    GError *problem = NULL;
    if (!format->expand(source, document, &problem)) {
      g_queue_clear_full(&source->rows, free_row);
      g_propagate_error(error, problem);
      return FALSE;
    }
  }
  tw_trace_row *first = g_queue_pop_head(&source->rows);
  *row = *first;
  g_free(first);
  return TRUE;
}

gint32 tw_trace_block_tokens(const tw_trace_source *source)
{
  return source->reading->block_tokens > 0 ? (gint32)source->reading->block_tokens
                                           : source->format->block_tokens;
}

double tw_trace_unit_s(const tw_trace_source *source, double of_format_s)
{
  return source->reading->time_unit > 0 ? tw_trace_units_s[source->reading->time_unit] : of_format_s;
}

void tw_trace_note(tw_trace_source *source, const char *format, ...)
{
  va_list arguments;
  va_start(arguments, format);
  g_autofree char *bytes = g_strdup_vprintf(format, arguments);
  va_end(arguments);
  char *note = g_utf8_make_valid(bytes, -1); /* names of columns may be any bytes */
  if (g_ptr_array_find_with_equal_func(source->notes, note, g_str_equal, NULL))
    g_free(note);
  else
    g_ptr_array_add(source->notes, note);
}

/* ---- Values that several formats share ---- */

gboolean tw_trace_class(tw_trace_source *source, const char *text, const char **class, GError **error)
{
  *class = NULL;
  if (text == NULL || *text == '\0')
    return TRUE;
  *class = g_hash_table_lookup(source->classes, text);
  if (*class != NULL)
    return TRUE;
  if (g_hash_table_size(source->classes) == TW_REQUEST_MAX_CLASSES)
    return tw_input_fault(source->input, error,
                          "class is the %dth different one; at most %d classes are needed, sessions are "
                          "named in the column session",
                          TW_REQUEST_MAX_CLASSES + 1, TW_REQUEST_MAX_CLASSES);
  *class = g_intern_string(text);
  g_hash_table_insert(source->classes, (char *)*class, (char *)*class);
  return TRUE;
}

guint64 tw_trace_text_key(const char *text)
{
  guint64 key = G_GUINT64_CONSTANT(0xcbf29ce484222325); /* FNV-1a */
  for (; *text != '\0'; text++)
    key = (key ^ (guchar)*text) * G_GUINT64_CONSTANT(0x100000001b3);
  return tw_mix(key);
}

void tw_trace_own_hashes(tw_request *request, guint64 play)
{
  guint64 key = tw_mix(play + 1);
  for (gint32 i = 0; i < request->n_hashes; i++)
    request->hashes[i] = tw_mix(request->hashes[i] ^ key);
}

const tw_json *tw_trace_json_find(const tw_json *object, const char *path)
{
  char name[128];
  for (const char *bar; path != NULL; path = bar) {
    bar = strchr(path, '|');
    gsize length = bar != NULL ? (gsize)(bar++ - path) : strlen(path);
    g_assert(length < sizeof name);
    memcpy(name, path, length);
    name[length] = '\0';
    const tw_json *value = tw_json_get(object, name);
    if (value != NULL && value->kind != TW_JSON_NULL)
      return value;
  }
  return NULL;
}

static const char *last_name(const char *path)
{
  const char *bar = strrchr(path, '|');
  return bar != NULL ? bar + 1 : path;
}

/* The path of a value, or of several its own name. */
static const char *found_name(const tw_json *value, const char *path)
{
  return strchr(path, '|') != NULL && value->key != NULL ? value->key : path;
}

gboolean tw_trace_json_missing(const tw_trace_source *source, const tw_json *object, const char *path,
                               GError **error)
{
  const char *name = last_name(path), *leaf = strrchr(name, '.');
  g_autoptr(GPtrArray) keys = g_ptr_array_new();
  for (const tw_json *part = object != NULL && object->kind == TW_JSON_OBJECT ? object->first : NULL;
       part != NULL; part = part->next)
    if (!g_str_equal(part->key, "timestamp"))
      g_ptr_array_add(keys, (char *)part->key);
  g_ptr_array_add(keys, NULL);
  const char *near = leaf == NULL ? tw_nearest(name, (const char *const *)keys->pdata) : NULL;
  if (near != NULL && !g_str_equal(near, name)) {
    g_autofree char *quoted = tw_input_quote(near);
    return tw_json_fault(source->json, object, error, "\"%s\" is missing; is \"%s\" meant to be it?", name,
                         quoted);
  }
  return tw_json_fault(source->json, object, error, "\"%s\" is missing; every request needs it", name);
}

/* A number that may be written as a text. FALSE with `error`: it is none. */
static gboolean take_number(const tw_trace_source *source, const tw_json *value, const char *name,
                            double *number, gboolean *whole, GError **error)
{
  if (value->kind == TW_JSON_NUMBER) {
    *number = value->number;
    *whole = value->whole;
    return TRUE;
  }
  if (value->kind == TW_JSON_STRING && tw_number_parse(value->text, number)) {
    *whole = floor(*number) == *number;
    return TRUE;
  }
  return tw_json_fault(source->json, value, error, "\"%s\" is not a number; write {\"%s\": 1, ...}", name,
                       name);
}

gboolean tw_trace_json_tokens(tw_trace_source *source, const tw_json *object, const char *path, gint32 min,
                              gint32 fallback, gint32 *tokens, GError **error)
{
  const tw_json *value = tw_trace_json_find(object, path);
  double number = 0;
  gboolean whole = FALSE;
  if (value == NULL && fallback >= 0) {
    *tokens = fallback;
    return TRUE;
  }
  if (value == NULL)
    return tw_trace_json_missing(source, object, path, error);
  if (!take_number(source, value, found_name(value, path), &number, &whole, error))
    return FALSE;
  if (!whole || !(number >= min && number <= TW_REQUEST_MAX_TOKENS))
    return tw_json_fault(source->json, value, error,
                         "\"%s\" is %.12g; a whole number from %d to %d is needed", found_name(value, path),
                         number, min, TW_REQUEST_MAX_TOKENS);
  *tokens = (gint32)number;
  return TRUE;
}

gboolean tw_trace_json_seconds(tw_trace_source *source, const tw_json *object, const char *path,
                               double unit_s, double fallback_s, double *seconds, GError **error)
{
  const tw_json *value = tw_trace_json_find(object, path);
  double number = 0;
  gboolean whole = FALSE;
  if (value == NULL && !isnan(fallback_s)) {
    *seconds = fallback_s;
    return TRUE;
  }
  if (value == NULL)
    return tw_trace_json_missing(source, object, path, error);
  if (!take_number(source, value, found_name(value, path), &number, &whole, error))
    return FALSE;
  *seconds = unit_s < 1 ? number / round(1 / unit_s) : number * unit_s;
  if (*seconds >= 0 && *seconds <= TW_TRACE_MAX_S)
    return TRUE;
  const char *unit = unit_s == 1 ? "seconds" : unit_s == 1e-3 ? "milliseconds" : "times";
  return tw_json_fault(source->json, value, error,
                       "\"%s\" is %.12g; %s since the start of the trace, from 0 to %g, are needed",
                       found_name(value, path), number, unit, TW_TRACE_MAX_S / unit_s);
}

/* The id that a text stands for: the number that it is, as programs write whose numbers have but 53 bits, or else its
 * key. */
static guint64 id_of_text(const char *text)
{
  char *end;
  guint64 id = g_ascii_strtoull(text, &end, 10);
  return g_ascii_isdigit(*text) && *end == '\0' ? id : tw_trace_text_key(text);
}

gboolean tw_trace_json_hashes(tw_trace_source *source, const tw_json *ids, gint32 block_tokens,
                              tw_trace_row *row, GError **error)
{
  if (ids == NULL || ids->kind == TW_JSON_NULL || (ids->kind == TW_JSON_ARRAY && ids->count == 0))
    return TRUE;
  const char *name = ids->key != NULL ? ids->key : "hash_ids";
  gint32 prompt = row->request.prompt_tokens;
  guint64 blocks = ((guint64)prompt + (guint64)block_tokens - 1) / (guint64)block_tokens;
  if ((ids->kind != TW_JSON_WHOLES && ids->kind != TW_JSON_ARRAY) || ids->count > blocks)
    return tw_json_fault(source->json, ids, error,
                         "\"%s\" does not fit a prompt of %d tokens; a list of at most %" G_GUINT64_FORMAT
                         " ids, one for %d tokens, is needed (--block-size says another number)",
                         name, prompt, blocks, block_tokens);
  guint64 *hashes = g_new(guint64, ids->count);
  row->request.hashes = hashes;
  row->request.n_hashes = (gint32)ids->count;
  row->request.hash_tokens = block_tokens;
  if (ids->kind == TW_JSON_WHOLES) {
    memcpy(hashes, ids->ids, ids->count * sizeof *hashes);
    return TRUE;
  }
  gsize i = 0;
  for (const tw_json *id = ids->first; id != NULL; id = id->next, i++) {
    if (id->kind == TW_JSON_STRING) {
      hashes[i] = id_of_text(id->text);
      continue;
    }
    if (id->kind != TW_JSON_NUMBER || !id->whole || id->number < 0)
      return tw_json_fault(source->json, id, error,
                           "id %" G_GSIZE_FORMAT " of \"%s\" is no whole number from 0 to 2^64 - 1", i + 1,
                           name);
    hashes[i] = id->count;
  }
  return TRUE;
}

/* ---- Parts of lines that the written formats share ---- */

void tw_trace_append_number(GString *row, double value)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];
  static const char *const formats[] = {"%.9g", "%.15g", "%.16g", "%.17g"};
  for (guint i = 0; i < G_N_ELEMENTS(formats); i++) {
    g_ascii_formatd(text, sizeof text, formats[i], value);
    if (g_ascii_strtod(text, NULL) == value)
      break;
  }
  g_string_append(row, text);
}

void tw_trace_append_text(GString *row, const char *text)
{
  if (text == NULL)
    return;
  if (strpbrk(text, "\", \t\r\n") == NULL) {
    g_string_append(row, text);
    return;
  }
  g_string_append_c(row, '"');
  for (const char *c = text; *c != '\0'; c++) {
    if (*c == '"')
      g_string_append_c(row, '"');
    g_string_append_c(row, *c);
  }
  g_string_append_c(row, '"');
}

gint32 tw_trace_prompt_hashes(const tw_request *request)
{
  return request->context_tokens > 0 ? MIN(request->n_hashes, request->prompt_tokens / request->hash_tokens)
                                     : request->n_hashes;
}
