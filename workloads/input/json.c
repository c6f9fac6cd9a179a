#include "platforms/input/fault.h"
#include "platforms/input/units.h"
#include "workloads/input/json_parse.h"

enum {
  MAX_LINE = 256 * 1024 * 1024,      /* a session of an agent may be a line */
  MAX_DOCUMENT = 1024 * 1024 * 1024, /* over several lines */
};

struct tw_json_reader {
  tw_input *input;
  tw_json_parser parser;
  GString *joined;          /* a document of several lines */
  const char *begin, *rest; /* text of the document, and what follows it on its last line; NULL: nothing */
  long line;                /* line of `begin` */
  tw_json element;          /* Element of a list: the document that was given last, */
  const tw_json *next;      /* The value behind it; NULL: none. */
  gboolean started;
};

tw_json_reader *tw_json_reader_new(tw_input *input)
{
  tw_json_reader *reader = g_new0(tw_json_reader, 1);
  reader->input = input;
  tw_input_set_max_line(input, MAX_LINE);
  tw_json_parser_init(&reader->parser);
  reader->joined = g_string_new(NULL);
  return reader;
}

void tw_json_reader_free(tw_json_reader *reader)
{
  if (reader == NULL)
    return;
  tw_json_parser_clear(&reader->parser);
  g_string_free(reader->joined, TRUE);
  g_free(reader);
}

/* ---- Documents ---- */

/* The state within a document: brackets that are open, and whether a text is. */
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

/* The next element of a list is a document by itself. */
static const tw_json *give_element(tw_json_reader *reader)
{
  reader->element = *reader->next;
  reader->next = reader->element.next;
  reader->element.next = NULL;
  return &reader->element;
}

const tw_json *tw_json_next(tw_json_reader *reader, GError **error)
{
  if (reader->next != NULL)
    return give_element(reader);
  reader->element.at = 0;
  if (!find_document(reader, error))
    return NULL;
  tw_json_parser *parser = &reader->parser;
  reader->rest = NULL;
  const tw_json *value = tw_json_parse(parser, reader->begin);
  if (value == NULL && *parser->problem_at == '\0' && (*reader->begin == '{' || *reader->begin == '[')) {
    if (!join_lines(reader, error))
      return NULL;
    value = tw_json_parse(parser, reader->begin);
  }
  if (value == NULL) {
    const char *start = parser->problem_at;
    while (start > reader->begin && start[-1] != '\n')
      start--;
    g_autofree char *near = g_strndup(parser->problem_at, 20);
    g_autofree char *quoted = tw_input_quote(near);
    tw_input_error_set(error, TW_INPUT_ERROR_VALUE, tw_input_path(reader->input),
                       line_of(reader, parser->problem_at),
                       "column %td, near '%s': %s; a JSON object is needed", parser->problem_at - start + 1,
                       *quoted != '\0' ? quoted : "the end", parser->problem);
    return NULL;
  }
  while (*parser->c == ' ' || *parser->c == '\t' || *parser->c == '\r')
    parser->c++;
  if (*parser->c == '{' || *parser->c == '[')
    reader->rest = parser->c;
  else if (*parser->c != '\0') {
    tw_json_fault(reader, NULL, error,
                  *parser->c == ','
                      ? "a comma follows the JSON value; one object a line is needed, such as by: sed "
                        "'s/,[[:space:]]*$//' FILE > log.jsonl"
                      : "text follows the JSON value; one JSON object a line is needed");
    return NULL;
  }
  if (value->kind != TW_JSON_ARRAY || value->first == NULL || value->first->kind != TW_JSON_OBJECT)
    return value;
  reader->next = value->first;
  return give_element(reader);
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
                            line_of(reader, reader->begin + (value != NULL ? value->at : reader->element.at)),
                            "%s", message);
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
  return value != NULL ? value->text : NULL;
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
