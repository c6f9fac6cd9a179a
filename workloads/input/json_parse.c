#include "workloads/input/json_parse.h"

#include <math.h>
#include <stdlib.h>

enum {
  CHUNK_BYTES = 256 * 1024,
  MAX_DEPTH = 64, /* deepest nesting of values */
};

void tw_json_parser_init(tw_json_parser *parser)
{
  *parser = (tw_json_parser){.chunks = g_ptr_array_new_with_free_func(g_free),
                             .large = g_ptr_array_new_with_free_func(g_free),
                             .ids = g_array_new(FALSE, FALSE, sizeof(guint64))};
}

void tw_json_parser_clear(tw_json_parser *parser)
{
  g_ptr_array_unref(parser->chunks);
  g_ptr_array_unref(parser->large);
  g_array_free(parser->ids, TRUE);
}

static void *allocate(tw_json_parser *parser, gsize bytes)
{
  bytes = (bytes + 15) & ~(gsize)15;
  if (bytes > CHUNK_BYTES / 4) {
    void *block = g_malloc(bytes);
    g_ptr_array_add(parser->large, block);
    return block;
  }
  if (parser->chunks->len == 0 || parser->used + bytes > CHUNK_BYTES) {
    parser->chunk = parser->chunks->len == 0 ? 0 : parser->chunk + 1;
    parser->used = 0;
    if (parser->chunk == parser->chunks->len)
      g_ptr_array_add(parser->chunks, g_malloc(CHUNK_BYTES));
  }
  void *block = (char *)parser->chunks->pdata[parser->chunk] + parser->used;
  parser->used += bytes;
  return block;
}

/* The memory of the document before is used again. */
static void forget_document(tw_json_parser *parser)
{
  parser->chunk = 0;
  parser->used = 0;
  g_ptr_array_set_size(parser->large, 0);
}

static const char *copy_text(tw_json_parser *parser, const char *start, const char *end)
{
  gsize length = (gsize)(end - start);
  char *text = allocate(parser, length + 1);
  memcpy(text, start, length);
  text[length] = '\0';
  return text;
}

static gboolean fail(tw_json_parser *parser, const char *at, const char *problem)
{
  if (parser->problem == NULL) {
    parser->problem = problem;
    parser->problem_at = at;
  }
  return FALSE;
}

static void skip_blanks(tw_json_parser *parser)
{
  while (*parser->c == ' ' || *parser->c == '\t' || *parser->c == '\r' || *parser->c == '\n')
    parser->c++;
}

/* ---- Values ---- */

static gboolean parse_value(tw_json_parser *parser, tw_json *value);

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

static const char *parse_text(tw_json_parser *parser)
{
  const char *start = ++parser->c, *end = start;
  gboolean escapes = FALSE;
  for (; *end != '"'; end++) {
    if (*end == '\0') {
      fail(parser, end, "the text is not closed by \"");
      return NULL;
    }
    if (*end == '\\') {
      escapes = TRUE;
      if (*++end == '\0') {
        fail(parser, end, "the text is not closed by \"");
        return NULL;
      }
    }
  }
  gsize length = (gsize)(end - start);
  char *text = allocate(parser, length + 1), *to = text;
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
      fail(parser, c - 1, "\\ is followed by what it cannot stand before");
      return NULL;
    }
    to = behind;
  }
  *to = '\0';
  parser->c = end + 1;
  return text;
}

/* A decimal number whose digits fit the mantissa, over a power of ten that is exact, takes one correctly
 * rounded division (Clinger, PLDI 1990); others the library. */
static gboolean parse_number(tw_json_parser *parser, tw_json *value)
{
  static const double powers[] = {1,   1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                  1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
  const char *start = parser->c, *c = start;
  gboolean negative = *c == '-', overflow = FALSE;
  guint64 digits = 0;
  guint n = 0, decimals = 0;
  c += negative;
  for (; g_ascii_isdigit(*c); c++, n++)
    overflow |= __builtin_mul_overflow(digits, 10, &digits) ||
                __builtin_add_overflow(digits, (guint64)(*c - '0'), &digits);
  if (n == 0)
    return fail(parser, start, "a value is expected");
  gboolean plain = *c != '.' && *c != 'e' && *c != 'E';
  guint64 whole = digits;
  if (*c == '.') {
    for (c++; g_ascii_isdigit(*c); c++, decimals++)
      if (n + decimals < 16)
        digits = digits * 10 + (guint64)(*c - '0');
    if (decimals == 0)
      return fail(parser, c, "a digit is expected after the point");
  }
  gboolean exponent = *c == 'e' || *c == 'E';
  if (exponent) {
    c++;
    if (*c == '+' || *c == '-')
      c++;
    if (!g_ascii_isdigit(*c))
      return fail(parser, c, "a digit is expected in the exponent");
    while (g_ascii_isdigit(*c))
      c++;
  }
  value->kind = TW_JSON_NUMBER;
  if (value->key != NULL)
    value->text = copy_text(parser, start, c);
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
  parser->c = c;
  return TRUE;
}

/* The place for the `n`-th whole number of an array. */
static inline guint64 *id_place(tw_json_parser *parser, gsize n)
{
  if (n == parser->ids->len)
    g_array_set_size(parser->ids, MAX(64, 2 * parser->ids->len));
  return (guint64 *)(void *)parser->ids->data + n;
}

/* Reads an array of `n` whole numbers from 0 on into `ids`, as far as it holds such. TRUE: all of them were. */
static gboolean parse_wholes(tw_json_parser *parser, gsize *n)
{
  *n = 0;
  const char *c = parser->c;
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
    *id_place(parser, (*n)++) = id;
    if (*c++ == ']') {
      parser->c = c;
      return TRUE;
    }
  }
}

/* The parts between brackets; `close` ends them. */
static gboolean parse_parts(tw_json_parser *parser, tw_json *value, char close)
{
  tw_json *last = NULL;
  value->first = NULL;
  value->count = 0;
  parser->c++;
  skip_blanks(parser);
  if (*parser->c == close) {
    parser->c++;
    return TRUE;
  }
  for (;;) {
    tw_json *part = allocate(parser, sizeof *part);
    *part = (tw_json){0};
    skip_blanks(parser);
    if (close == '}') {
      const char *key_at = parser->c;
      if (*parser->c != '"')
        return fail(parser, parser->c, "a key in \"...\" is expected");
      part->key = parse_text(parser);
      if (part->key == NULL)
        return FALSE;
      for (const tw_json *other = value->first; other != NULL; other = other->next)
        if (g_str_equal(other->key, part->key))
          return fail(parser, key_at, "a key of the object is there twice");
      skip_blanks(parser);
      if (*parser->c != ':')
        return fail(parser, parser->c, ": is expected after a key");
      parser->c++;
    }
    if (!parse_value(parser, part))
      return FALSE;
    if (last != NULL)
      last->next = part;
    else
      value->first = part;
    last = part;
    value->count++;
    skip_blanks(parser);
    if (*parser->c == close) {
      parser->c++;
      return TRUE;
    }
    if (*parser->c != ',')
      return fail(parser, parser->c, close == '}' ? ", or } is expected" : ", or ] is expected");
    parser->c++;
  }
}

/* An array of numbers that are whole, though some are written as 10.0, is one of whole numbers. */
static void unite_wholes(tw_json_parser *parser, tw_json *array)
{
  for (const tw_json *part = array->first; part != NULL; part = part->next)
    if (part->kind != TW_JSON_NUMBER || !part->whole || part->number < 0)
      return;
  guint64 *ids = allocate(parser, array->count * sizeof *ids), n = 0;
  for (const tw_json *part = array->first; part != NULL; part = part->next)
    ids[n++] = part->count;
  *array = (tw_json){.kind = TW_JSON_WHOLES, .count = n, .ids = ids, .at = array->at, .key = array->key};
}

static gboolean parse_array(tw_json_parser *parser, tw_json *value)
{
  const char *start = parser->c++;
  gsize n;
  if (parse_wholes(parser, &n)) {
    value->kind = TW_JSON_WHOLES;
    value->count = n;
    guint64 *ids = allocate(parser, value->count * sizeof *ids);
    memcpy(ids, parser->ids->data, value->count * sizeof *ids);
    value->ids = ids;
    return TRUE;
  }
  parser->c = start;
  value->kind = TW_JSON_ARRAY;
  if (!parse_parts(parser, value, ']'))
    return FALSE;
  if (value->count > 0)
    unite_wholes(parser, value);
  return TRUE;
}

static gboolean parse_word(tw_json_parser *parser, tw_json *value)
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
    if (g_str_has_prefix(parser->c, words[i].word)) {
      value->kind = words[i].kind;
      value->number = words[i].number;
      parser->c += strlen(words[i].word);
      return TRUE;
    }
  return fail(parser, parser->c, "a value is expected");
}

static gboolean parse_value(tw_json_parser *parser, tw_json *value)
{
  skip_blanks(parser);
  value->at = (gsize)(parser->c - parser->begin);
  char c = *parser->c;
  if (g_ascii_isdigit(c) || (c == '-' && g_ascii_isdigit(parser->c[1])))
    return parse_number(parser, value);
  if (c == '"') {
    value->kind = TW_JSON_STRING;
    value->text = parse_text(parser);
    return value->text != NULL;
  }
  if (c != '{' && c != '[')
    return parse_word(parser, value);
  if (++parser->depth > MAX_DEPTH)
    return fail(parser, parser->c, "values lie in values more than 64 deep");
  value->kind = TW_JSON_OBJECT;
  gboolean good = c == '{' ? parse_parts(parser, value, '}') : parse_array(parser, value);
  parser->depth--;
  return good;
}

const tw_json *tw_json_parse(tw_json_parser *parser, const char *text)
{
  forget_document(parser);
  parser->begin = parser->c = text;
  parser->problem = NULL;
  parser->depth = 0;
  tw_json *value = allocate(parser, sizeof *value);
  *value = (tw_json){0};
  return parse_value(parser, value) ? value : NULL;
}
