#include "workloads/input/json.h"

#include "platforms/input/fault.h"
#include "platforms/input/units.h"

#include <math.h>
#include <stdlib.h>

enum {
  CHUNK_BYTES = 256 * 1024,
  MAX_DEPTH = 64,                    /* of values in values */
  MAX_LINE = 256 * 1024 * 1024,      /* a session of an agent may be a line */
  MAX_DOCUMENT = 1024 * 1024 * 1024, /* over several lines */
};

struct tw_json_reader {
  tw_input *input;
  GPtrArray *chunks; /* of CHUNK_BYTES, which documents use again; larger ones go with their document */
  guint chunk;       /* in use */
  gsize used;
  GPtrArray *large;
  GString *joined;          /* a document of several lines */
  GArray *ids;              /* of the array that is being read */
  const char *begin, *rest; /* text of the document, and what follows it on its last line; NULL: nothing */
  long line;                /* of `begin` */
  gboolean started;

  /* While parsing. */
  const char *c, *problem, *problem_at;
  int depth;
};

tw_json_reader *tw_json_reader_new(tw_input *input)
{
  tw_json_reader *reader = g_new0(tw_json_reader, 1);
  reader->input = input;
  tw_input_set_max_line(input, MAX_LINE);
  reader->chunks = g_ptr_array_new_with_free_func(g_free);
  reader->large = g_ptr_array_new_with_free_func(g_free);
  reader->joined = g_string_new(NULL);
  reader->ids = g_array_new(FALSE, FALSE, sizeof(guint64));
  return reader;
}

void tw_json_reader_free(tw_json_reader *reader)
{
  if (reader == NULL)
    return;
  g_ptr_array_unref(reader->chunks);
  g_ptr_array_unref(reader->large);
  g_string_free(reader->joined, TRUE);
  g_array_free(reader->ids, TRUE);
  g_free(reader);
}

static void *allocate(tw_json_reader *reader, gsize bytes)
{
  bytes = (bytes + 15) & ~(gsize)15;
  if (bytes > CHUNK_BYTES / 4) {
    void *block = g_malloc(bytes);
    g_ptr_array_add(reader->large, block);
    return block;
  }
  if (reader->chunks->len == 0 || reader->used + bytes > CHUNK_BYTES) {
    reader->chunk = reader->chunks->len == 0 ? 0 : reader->chunk + 1;
    reader->used = 0;
    if (reader->chunk == reader->chunks->len)
      g_ptr_array_add(reader->chunks, g_malloc(CHUNK_BYTES));
  }
  void *block = (char *)reader->chunks->pdata[reader->chunk] + reader->used;
  reader->used += bytes;
  return block;
}

static void forget_document(tw_json_reader *reader)
{
  reader->chunk = 0;
  reader->used = 0;
  g_ptr_array_set_size(reader->large, 0);
}

static gboolean fail(tw_json_reader *reader, const char *at, const char *problem)
{
  if (reader->problem == NULL) {
    reader->problem = problem;
    reader->problem_at = at;
  }
  return FALSE;
}

static void skip_blanks(tw_json_reader *reader)
{
  while (*reader->c == ' ' || *reader->c == '\t' || *reader->c == '\r' || *reader->c == '\n')
    reader->c++;
}

/* ---- Values ---- */

static gboolean parse_value(tw_json_reader *reader, tw_json *value);

/* Four hexadecimal digits; -1 where there are fewer. */
static int hex4(const char *c)
{
  int value = 0;
  for (int i = 0; i < 4; i++) {
    if (!g_ascii_isxdigit(c[i]))
      return -1;
    value = value * 16 + g_ascii_xdigit_value(c[i]);
  }
  return value;
}

/* Undoes the escape at *c, behind its backslash. Returns the end of what was written, or NULL. */
static char *unescape(const char **c, char *to)
{
  static const char from[] = "\"\\/bfnrt", into[] = "\"\\/\b\f\n\r\t";
  const char *known = **c != '\0' ? strchr(from, **c) : NULL;
  if (known != NULL) {
    (*c)++;
    *to++ = into[known - from];
    return to;
  }
  if (**c != 'u')
    return NULL;
  int unit = hex4(*c + 1);
  if (unit <= 0)
    return NULL; /* NUL would end the text */
  *c += 5;
  gunichar code = (gunichar)unit;
  if (unit >= 0xd800 && unit < 0xdc00 && (*c)[0] == '\\' && (*c)[1] == 'u') {
    int low = hex4(*c + 2);
    if (low >= 0xdc00 && low < 0xe000) {
      code = 0x10000 + ((gunichar)(unit - 0xd800) << 10) + (gunichar)(low - 0xdc00);
      *c += 6;
    }
  }
  if (code >= 0xd800 && code < 0xe000)
    code = 0xfffd; /* half of a pair */
  return to + g_unichar_to_utf8(code, to);
}

static const char *parse_text(tw_json_reader *reader)
{
  const char *start = ++reader->c, *end = start;
  gboolean escapes = FALSE;
  for (; *end != '"'; end++) {
    if (*end == '\0') {
      fail(reader, end, "the text is not closed by \"");
      return NULL;
    }
    if (*end == '\\') {
      escapes = TRUE;
      if (*++end == '\0') {
        fail(reader, end, "the text is not closed by \"");
        return NULL;
      }
    }
  }
  gsize length = (gsize)(end - start);
  char *text = allocate(reader, length + 1), *to = text;
  if (!escapes) {
    memcpy(text, start, length);
    to += length;
  }
  for (const char *c = start; escapes && c < end;) {
    if (*c != '\\') {
      *to++ = *c++;
      continue;
    }
    c++;
    char *behind = unescape(&c, to);
    if (behind == NULL) {
      fail(reader, c - 1, "\\ is followed by what it cannot stand before");
      return NULL;
    }
    to = behind;
  }
  *to = '\0';
  reader->c = end + 1;
  return text;
}

/* A decimal number whose digits fit the mantissa, over a power of ten that is exact, takes one correctly
 * rounded division (Clinger, PLDI 1990); others the library. */
static gboolean parse_number(tw_json_reader *reader, tw_json *value)
{
  static const double powers[] = {1,   1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                  1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
  const char *start = reader->c, *c = start;
  gboolean negative = *c == '-', overflow = FALSE;
  guint64 digits = 0;
  guint n = 0, decimals = 0;
  c += negative;
  for (; g_ascii_isdigit(*c); c++, n++)
    overflow |= __builtin_mul_overflow(digits, 10, &digits) ||
                __builtin_add_overflow(digits, (guint64)(*c - '0'), &digits);
  if (n == 0)
    return fail(reader, start, "a value is expected");
  gboolean plain = *c != '.' && *c != 'e' && *c != 'E';
  guint64 whole = digits;
  if (*c == '.') {
    for (c++; g_ascii_isdigit(*c); c++, decimals++)
      if (n + decimals < 16)
        digits = digits * 10 + (guint64)(*c - '0');
    if (decimals == 0)
      return fail(reader, c, "a digit is expected after the point");
  }
  gboolean exponent = *c == 'e' || *c == 'E';
  if (exponent) {
    c++;
    if (*c == '+' || *c == '-')
      c++;
    if (!g_ascii_isdigit(*c))
      return fail(reader, c, "a digit is expected in the exponent");
    while (g_ascii_isdigit(*c))
      c++;
  }
  value->kind = TW_JSON_NUMBER;
  if (plain && !overflow)
    value->number = (double)whole;
  else if (!exponent && n + decimals <= 15)
    value->number = (double)digits / powers[decimals];
  else
    value->number = fabs(g_ascii_strtod(start, NULL));
  value->whole = (plain && !overflow) || (value->number < 0x1p53 && floor(value->number) == value->number);
  value->count = plain && !overflow ? whole : value->whole ? (guint64)value->number : 0;
  if (negative) {
    value->number = -value->number;
    if (value->count > 0)
      value->count = 0;
  }
  reader->c = c;
  return TRUE;
}

/* What of an array is whole numbers from 0 on, without a fraction, goes into `ids`. TRUE: all of it was. */
static gboolean parse_wholes(tw_json_reader *reader)
{
  g_array_set_size(reader->ids, 0);
  const char *c = reader->c;
  for (;;) {
    while (*c == ' ' || *c == '\n' || *c == '\r' || *c == '\t')
      c++;
    const char *start = c;
    guint64 id = 0;
    for (; g_ascii_isdigit(*c); c++)
      if (c - start < 19)
        id = id * 10 + (guint64)(*c - '0');
      else if (__builtin_mul_overflow(id, 10, &id) || __builtin_add_overflow(id, (guint64)(*c - '0'), &id))
        return FALSE;
    if (c == start)
      return FALSE;
    while (*c == ' ' || *c == '\n' || *c == '\r' || *c == '\t')
      c++;
    if (*c != ',' && *c != ']')
      return FALSE;
    g_array_append_val(reader->ids, id);
    if (*c++ == ']') {
      reader->c = c;
      return TRUE;
    }
  }
}

/* The parts between brackets; `close` ends them. */
static gboolean parse_parts(tw_json_reader *reader, tw_json *value, char close)
{
  tw_json *last = NULL;
  value->first = NULL;
  value->count = 0;
  reader->c++;
  skip_blanks(reader);
  if (*reader->c == close) {
    reader->c++;
    return TRUE;
  }
  for (;;) {
    tw_json *part = allocate(reader, sizeof *part);
    *part = (tw_json){0};
    skip_blanks(reader);
    if (close == '}') {
      const char *key_at = reader->c;
      if (*reader->c != '"')
        return fail(reader, reader->c, "a key in \"...\" is expected");
      part->key = parse_text(reader);
      if (part->key == NULL)
        return FALSE;
      for (const tw_json *other = value->first; other != NULL; other = other->next)
        if (g_str_equal(other->key, part->key))
          return fail(reader, key_at, "a key of the object is there twice");
      skip_blanks(reader);
      if (*reader->c != ':')
        return fail(reader, reader->c, ": is expected after a key");
      reader->c++;
    }
    if (!parse_value(reader, part))
      return FALSE;
    if (last != NULL)
      last->next = part;
    else
      value->first = part;
    last = part;
    value->count++;
    skip_blanks(reader);
    if (*reader->c == close) {
      reader->c++;
      return TRUE;
    }
    if (*reader->c != ',')
      return fail(reader, reader->c, close == '}' ? ", or } is expected" : ", or ] is expected");
    reader->c++;
  }
}

static gboolean parse_array(tw_json_reader *reader, tw_json *value)
{
  const char *start = reader->c++;
  if (parse_wholes(reader)) {
    value->kind = TW_JSON_WHOLES;
    value->count = reader->ids->len;
    guint64 *ids = allocate(reader, value->count * sizeof *ids);
    memcpy(ids, reader->ids->data, value->count * sizeof *ids);
    value->ids = ids;
    return TRUE;
  }
  reader->c = start;
  value->kind = TW_JSON_ARRAY;
  return parse_parts(reader, value, ']');
}

static gboolean parse_word(tw_json_reader *reader, tw_json *value)
{
  static const struct {
    const char *word;
    tw_json_kind kind;
    double number;
  } words[] = {{"null", TW_JSON_NULL, 0},
               {"true", TW_JSON_BOOL, 1},
               {"false", TW_JSON_BOOL, 0},
               {"NaN", TW_JSON_NUMBER, NAN},
               {"Infinity", TW_JSON_NUMBER, INFINITY},
               {"-Infinity", TW_JSON_NUMBER, -INFINITY}};
  for (guint i = 0; i < G_N_ELEMENTS(words); i++)
    if (g_str_has_prefix(reader->c, words[i].word)) {
      value->kind = words[i].kind;
      value->number = words[i].number;
      reader->c += strlen(words[i].word);
      return TRUE;
    }
  return fail(reader, reader->c, "a value is expected");
}

static gboolean parse_value(tw_json_reader *reader, tw_json *value)
{
  skip_blanks(reader);
  value->at = (gsize)(reader->c - reader->begin);
  char c = *reader->c;
  if (g_ascii_isdigit(c) || (c == '-' && g_ascii_isdigit(reader->c[1])))
    return parse_number(reader, value);
  if (c == '"') {
    value->kind = TW_JSON_STRING;
    value->text = parse_text(reader);
    return value->text != NULL;
  }
  if (c != '{' && c != '[')
    return parse_word(reader, value);
  if (++reader->depth > MAX_DEPTH)
    return fail(reader, reader->c, "values lie in values more than 64 deep");
  value->kind = TW_JSON_OBJECT;
  gboolean good = c == '{' ? parse_parts(reader, value, '}') : parse_array(reader, value);
  reader->depth--;
  return good;
}

/* ---- Documents ---- */

/* Where a document stands: brackets that are open, and whether a text is. */
typedef struct {
  gint64 open;
  gboolean in_text;
} nesting;

static void follow(nesting *state, const char *c)
{
  for (; *c != '\0'; c++) {
    if (state->in_text) {
      if (*c == '\\' && c[1] != '\0')
        c++;
      else if (*c == '"')
        state->in_text = FALSE;
    } else if (*c == '"') {
      state->in_text = TRUE;
    } else {
      state->open += (*c == '{' || *c == '[') - (*c == '}' || *c == ']');
    }
  }
}

/* Appends lines until the document that begins at `begin` is whole, or the file ends. */
static gboolean join_lines(tw_json_reader *reader, GError **error)
{
  nesting state = {0};
  GString *text = g_string_new(reader->begin);
  follow(&state, text->str);
  GError *problem = NULL;
  char *line;
  gsize length;
  while (state.open > 0 && text->len < MAX_DOCUMENT &&
         tw_input_line(reader->input, &line, &length, &problem)) {
    g_string_append_c(text, '\n');
    g_string_append_len(text, line, (gssize)length);
    follow(&state, line);
  }
  g_string_free(reader->joined, TRUE);
  reader->joined = text;
  reader->begin = text->str;
  if (problem != NULL)
    g_propagate_error(error, problem);
  return problem == NULL;
}

/* The text in which the next document begins. FALSE at the end, or with `error`. */
static gboolean find_document(tw_json_reader *reader, GError **error)
{
  static const char byte_order_mark[] = "\xef\xbb\xbf";
  if (reader->rest != NULL) { /* on the line of the one before */
    reader->begin = reader->rest;
    return TRUE;
  }
  char *line;
  gsize length;
  do {
    if (!tw_input_line(reader->input, &line, &length, error))
      return FALSE;
    reader->line = tw_input_line_number(reader->input);
    if (!reader->started && g_str_has_prefix(line, byte_order_mark))
      line += strlen(byte_order_mark);
    reader->started = TRUE;
    while (g_ascii_isspace(*line))
      line++;
  } while (*line == '\0');
  reader->begin = line;
  return TRUE;
}

static long line_of(const tw_json_reader *reader, const char *at)
{
  long line = reader->line;
  for (const char *c = reader->begin; c < at; c++)
    line += *c == '\n';
  return line;
}

static tw_json *parse_document(tw_json_reader *reader)
{
  forget_document(reader);
  reader->c = reader->begin;
  reader->problem = NULL;
  reader->depth = 0;
  tw_json *value = allocate(reader, sizeof *value);
  *value = (tw_json){0};
  return parse_value(reader, value) ? value : NULL;
}

const tw_json *tw_json_next(tw_json_reader *reader, GError **error)
{
  if (!find_document(reader, error))
    return NULL;
  reader->rest = NULL;
  tw_json *value = parse_document(reader);
  if (value == NULL && *reader->problem_at == '\0' && (*reader->begin == '{' || *reader->begin == '[')) {
    if (!join_lines(reader, error))
      return NULL;
    value = parse_document(reader);
  }
  if (value == NULL) {
    const char *start = reader->problem_at;
    while (start > reader->begin && start[-1] != '\n')
      start--;
    g_autofree char *near = g_strndup(reader->problem_at, 20);
    g_autofree char *quoted = tw_input_quote(near);
    tw_input_error_set(error, TW_INPUT_ERROR_VALUE, tw_input_path(reader->input),
                       line_of(reader, reader->problem_at),
                       "column %td, near '%s': %s; a JSON object is needed", reader->problem_at - start + 1,
                       *quoted != '\0' ? quoted : "the end", reader->problem);
    return NULL;
  }
  while (*reader->c == ' ' || *reader->c == '\t' || *reader->c == '\r')
    reader->c++;
  if (*reader->c == '{' || *reader->c == '[')
    reader->rest = reader->c;
  else if (*reader->c != '\0') {
    tw_json_fault(reader, NULL, error, "text follows the JSON value; one JSON object a line is needed");
    return NULL;
  }
  return value;
}

gboolean tw_json_fault(const tw_json_reader *reader, const tw_json *value, GError **error, const char *format,
                       ...)
{
  va_list arguments;
  va_start(arguments, format);
  g_autofree char *bytes = g_strdup_vprintf(format, arguments);
  va_end(arguments);
  g_autofree char *message = g_utf8_make_valid(bytes, -1); /* names of columns may be any bytes */
  return tw_input_error_set(error, TW_INPUT_ERROR_VALUE, tw_input_path(reader->input),
                            line_of(reader, reader->begin + (value != NULL ? value->at : 0)), "%s", message);
}

/* ---- Paths ---- */

const tw_json *tw_json_get(const tw_json *object, const char *path)
{
  if (object == NULL || object->kind != TW_JSON_OBJECT)
    return NULL;
  for (const tw_json *part = object->first; part != NULL; part = part->next) {
    gsize length = strlen(part->key);
    if (strncmp(path, part->key, length) != 0)
      continue;
    if (path[length] == '\0')
      return part;
    const tw_json *below = path[length] == '.' ? tw_json_get(part, path + length + 1) : NULL;
    if (below != NULL)
      return below;
  }
  return NULL;
}

gboolean tw_json_has(const tw_json *object, const char *path)
{
  const tw_json *value = tw_json_get(object, path);
  return value != NULL && value->kind != TW_JSON_NULL;
}

const char *tw_json_text(const tw_json *object, const char *path)
{
  const tw_json *value = tw_json_get(object, path);
  return value != NULL && value->kind == TW_JSON_STRING ? value->text : NULL;
}

gboolean tw_json_number(const tw_json *object, const char *path, double *number)
{
  const tw_json *value = tw_json_get(object, path);
  if (value == NULL)
    return FALSE;
  if (value->kind == TW_JSON_STRING)
    return tw_number_parse(value->text, number);
  *number = value->number;
  return value->kind == TW_JSON_NUMBER;
}
