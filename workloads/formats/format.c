#include "platforms/input/fault.h"
#include "platforms/input/units.h"
#include "workloads/formats/log.h"

#define X(format, name) &tw_trace_##format,
static const tw_trace_format *const formats[] = {TW_TRACE_FORMATS(X)};
#undef X

#define X(format, name) name,
const char *const tw_trace_format_names[] = {TW_TRACE_FORMATS(X) NULL};
#undef X
G_STATIC_ASSERT(G_N_ELEMENTS(formats) + 1 == G_N_ELEMENTS(tw_trace_format_names));

const char *const tw_trace_context_names[] = {"whole", "delta", NULL};
const char *const tw_trace_salt_names[] = {"none", "class", "session", NULL};
const char *const tw_trace_nested_names[] = {"auto", "relative", "absolute", NULL};
const char *const tw_trace_unit_names[] = {"format", "s", "ms", "us", "ns", NULL};
const double tw_trace_units_s[] = {0, 1, 1e-3, 1e-6, 1e-9};

const tw_trace_format *tw_trace_format_find(const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS(formats); i++)
    if (g_str_equal(formats[i]->name, name))
      return formats[i];
  return NULL;
}

/* ---- Telling formats apart ---- */

/* The first row of a file: the names of its columns, or a JSON document. */
typedef struct {
  char **columns; /* NULL: it is JSON */
  const tw_json *document;
} first_row;

static gboolean has_field(const first_row *row, const char *name)
{
  for (char **column = row->columns; column != NULL && *column != NULL; column++)
    if (g_ascii_strcasecmp(*column, name) == 0)
      return TRUE;
  return row->columns == NULL && tw_json_get(row->document, name) != NULL;
}

/* "a|b": either. */
static gboolean has_any(const first_row *row, const char *names)
{
  g_auto(GStrv) each = g_strsplit(names, "|", -1);
  for (char **name = each; *name != NULL; name++)
    if (has_field(row, *name))
      return TRUE;
  return FALSE;
}

/* The format of which the row has at least half of the fields: its reader then says what is missing. NULL:
 * none. */
static const tw_trace_format *nearly(const first_row *row)
{
  const tw_trace_format *best = NULL;
  guint most = 0;
  for (guint i = 0; i < G_N_ELEMENTS(formats); i++) {
    const tw_trace_format *format = formats[i];
    guint n = 0, found = 0;
    if (format->fields == NULL || (format->columns != NULL) != (row->columns != NULL))
      continue;
    for (const char *const *field = format->fields; *field != NULL; field++)
      if (**field != '!') {
        n++;
        found += has_any(row, *field) ? 1 : 0;
      } else if (has_any(row, *field + 1)) {
        found = 0;
        break;
      }
    if (2 * found >= n && found > most) {
      best = format;
      most = found;
    }
  }
  return best;
}

static gboolean is_of(const first_row *row, const tw_trace_format *format)
{
  if (format->fields == NULL || (format->columns != NULL) != (row->columns != NULL))
    return FALSE;
  for (const char *const *field = format->fields; *field != NULL; field++)
    if (**field == '!' ? has_any(row, *field + 1) : !has_any(row, *field))
      return FALSE;
  return TRUE;
}

/* The one format that has all fields of the row; NULL where none has, or with `error` where more than one has. */
static const tw_trace_format *exactly(const tw_input *input, const first_row *row, GError **error)
{
  const tw_trace_format *chosen = NULL;
  for (guint i = 0; i < G_N_ELEMENTS(formats); i++) {
    if (!is_of(row, formats[i]))
      continue;
    if (chosen != NULL) {
      tw_input_fault(input, error,
                     "the first row fits the formats %s and %s; say which with --format (format=\"%s\")",
                     chosen->name, formats[i]->name, chosen->name);
      return NULL;
    }
    chosen = formats[i];
  }
  return chosen;
}

static gboolean has_texts(const first_row *row)
{
  static const char *const names[] = {"payload", "messages", "text_input", "text"};
  for (guint i = 0; row->columns == NULL && i < G_N_ELEMENTS(names); i++) {
    const tw_json *text = tw_json_get(row->document, names[i]);
    if (text != NULL && (text->kind == TW_JSON_STRING || text->first != NULL))
      return TRUE;
  }
  return FALSE;
}

/* The format of a row that none has exactly, with the `names` of its fields, which a table parts by `delimiter`: a log of
 * one's own, or what it nearly is. NULL with `error`. */
static const tw_trace_format *otherwise(const tw_input *input, const first_row *row, const char *const *names,
                                        char delimiter, GError **error)
{
  tw_log_columns columns;
  if (tw_log_guess(names, NULL, &columns, NULL) && tw_log_is_whole(&columns))
    return &tw_trace_log;
  if (has_texts(row)) {
    tw_input_fault(input, error,
                   "prompts are texts, without their lengths in tokens; count them with the model's "
                   "tokenizer, and write input_length and output_length");
    return NULL;
  }
  const tw_json *first = row->document != NULL ? row->document->first : NULL;
  if (first != NULL && tw_json_get(first, "0") != NULL) {
    tw_input_fault(
        input, error,
        "the document holds column after column; an object a line is needed (pandas: orient='records', "
        "lines=True)");
    return NULL;
  }
  gboolean lengths = columns.of[TW_LOG_PROMPT] != NULL &&
                     (columns.of[TW_LOG_OUTPUT] != NULL || columns.of[TW_LOG_ANSWER] != NULL);
  const tw_trace_format *near = lengths ? NULL : nearly(row);
  if (near != NULL)
    return near;
  g_autofree char *hint = tw_log_hint(names, &columns, row->document, delimiter);
  tw_input_fault(input, error,
                 "the first line is that of no trace format (`tokenworks workload convert --help` lists "
                 "them); as a log of "
                 "your own: %s",
                 hint);
  return NULL;
}

enum { LOOK_ROWS = 100 };

/* Where a column of the first row holds a JSON object as text: how it is unpacked. NULL: none does. */
static char *hint_of_packed(const char *line, char **names, char delimiter)
{
  gsize column = 0;
  const char *object = strstr(line, "\"{");
  gboolean quoted = FALSE;
  for (const char *c = line; object != NULL && c < object; c++) {
    quoted ^= *c == '"';
    column += !quoted && *c == delimiter ? 1 : 0;
  }
  if (object == NULL || column >= g_strv_length(names))
    return NULL;
  return g_strdup_printf(
      "column '%s' holds JSON objects as text; unpack them, such as by Miller: mlr --icsv --ifs '%c' "
      "--ojsonl json-parse -f '%s' FILE > log.jsonl",
      names[column], delimiter, tw_log_in_command(names[column]));
}

/* Which line from this one on names the columns of a log, as below a title; 0: none. */
static long names_below(tw_input *input, char *line)
{
  int i = 0;
  do {
    g_autoptr(GPtrArray) names = tw_csv_names(line, tw_csv_delimiter(line));
    tw_log_columns columns;
    if (names != NULL && tw_log_guess((const char *const *)names->pdata, NULL, &columns, NULL) &&
        tw_log_is_whole(&columns))
      return tw_input_line_number(input);
  } while (++i < LOOK_ROWS && tw_csv_header(input, &line, NULL));
  return 0;
}

/* What the rows below a first line that names no columns tell, with `problem` where they tell nothing. Takes `problem`. */
static gboolean refuse_table(tw_input *input, char **names, char delimiter, GError *problem, GError **error)
{
  g_auto(GStrv) kept = g_strdupv(names); /* their line goes */
  char *line;
  gboolean next = tw_csv_header(input, &line, NULL);
  g_autofree char *packed = next ? hint_of_packed(line, kept, delimiter) : NULL;
  long below = next && packed == NULL ? names_below(input, line) : 0;
  if (packed == NULL && below == 0) {
    g_propagate_error(error, problem);
    return FALSE;
  }
  g_error_free(problem);
  if (packed != NULL)
    return tw_input_fault(input, error, "%s", packed);
  return tw_input_fault(
      input, error,
      "the names of the columns stand in this line; leave out those above: tail -n +%ld FILE > log.csv",
      below);
}

static const tw_trace_format *detect_table(tw_input *input, char *line, GError **error)
{
  g_autofree char *before_object = tw_log_line_hint(line);
  char delimiter = tw_csv_delimiter(line);
  g_autoptr(GPtrArray) names = tw_csv_names(line, delimiter);
  if (before_object != NULL || names == NULL) {
    tw_input_fault(input, error, "%s",
                   before_object != NULL ? before_object : "the quotes of a column's name do not end it");
    return NULL;
  }
  first_row row = {(char **)names->pdata, NULL};
  GError *problem = NULL;
  const tw_trace_format *format = exactly(input, &row, &problem);
  if (problem != NULL)
    g_propagate_error(error, problem);
  if (format != NULL || problem != NULL)
    return format;
  format = otherwise(input, &row, (const char *const *)names->pdata, delimiter, &problem);
  if (problem != NULL)
    refuse_table(input, (char **)names->pdata, delimiter, problem, error);
  return format;
}

/* By the fields of the first documents together: the first may be of a request that failed. */
static const tw_trace_format *detect_log(tw_input *input, GError **error)
{
  g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
  for (gboolean again = FALSE;; again = TRUE) {
    if (!tw_input_rewind(input, error))
      return NULL;
    g_autoptr(tw_json_reader) json = tw_json_reader_new(input);
    first_row row = {NULL, tw_json_next(json, error)};
    if (row.document == NULL)
      return NULL;
    if (again)
      return otherwise(input, &row, (const char *const *)names->pdata, 0, error);
    const tw_json *document = row.document;
    for (int i = 0; i < LOOK_ROWS && document != NULL; i++, document = tw_json_next(json, NULL))
      tw_log_add_paths(names, document);
    g_ptr_array_add(names, NULL);
  }
}

/* Whether a row with Mooncake's fields but no hash ids may be of one's own log: its tokens have the names that Dynamo's rows
 * with hash ids have, or its time is a date or one since 1970. */
static gboolean may_be_log(const first_row *row)
{
  const tw_json *time = tw_json_get(row->document, "timestamp");
  double number = 0;
  if (time != NULL && time->kind == TW_JSON_NUMBER)
    number = time->number;
  else if (time != NULL && time->kind == TW_JSON_STRING && !tw_number_parse(time->text, &number))
    number = INFINITY;
  return time != NULL && (has_field(row, "input_tokens") || number >= 1e9);
}

/* Of rows that have Mooncake's fields, the first of which is `row`: those of agentic Mooncake's first version that wait for
 * nothing look like them, and so do logs. */
static const tw_trace_format *look_at_mooncake(tw_input *input, tw_json_reader *json, const first_row *row,
                                               GError **error)
{
  gboolean log = may_be_log(row);
  first_row later = *row;
  for (int i = 0; i < LOOK_ROWS && later.document != NULL; i++) {
    if (has_any(&later, "wait_for|dependencies"))
      return &tw_trace_agentic_mooncake;
    log &= !has_any(&later, "hash_ids|delay|delay_ms");
    later.document = tw_json_next(json, NULL);
  }
  return log ? detect_log(input, error) : &tw_trace_mooncake;
}

static const tw_trace_format *detect_json(tw_input *input, GError **error)
{
  if (!tw_input_rewind(input, error))
    return NULL;
  g_autoptr(tw_json_reader) json = tw_json_reader_new(input);
  first_row row = {NULL, tw_json_next(json, error)};
  if (row.document == NULL)
    return NULL;
  GError *problem = NULL;
  const tw_trace_format *format = exactly(input, &row, &problem);
  if (problem != NULL)
    g_propagate_error(error, problem);
  if (format == NULL)
    return problem != NULL ? NULL : detect_log(input, error);
  return format == &tw_trace_mooncake ? look_at_mooncake(input, json, &row, error) : format;
}

static const tw_trace_format *detect(tw_input *input, GError **error)
{
  char *line;
  GError *problem = NULL;
  tw_input_set_max_line(input, 256 * 1024 * 1024);
  if (!tw_csv_header(input, &line, &problem)) {
    if (problem != NULL)
      g_propagate_error(error, problem);
    else
      tw_input_error_set(error, TW_INPUT_ERROR_SYNTAX, tw_input_path(input), 0,
                         "the file is empty; a trace of requests is needed");
    return NULL;
  }
  line += strspn(line, " \t");
  return *line == '{' || *line == '[' ? detect_json(input, error) : detect_table(input, line, error);
}

const tw_trace_format *tw_trace_detect(tw_input *input, GError **error)
{
  const tw_trace_format *format = detect(input, error);
  return format != NULL && tw_input_rewind(input, error) ? format : NULL;
}

const tw_trace_format *tw_trace_format_detect(const char *path)
{
  g_autoptr(tw_input) input = tw_input_open(path, NULL);
  return input != NULL ? tw_trace_detect(input, NULL) : NULL;
}

const char *tw_trace_format_name(const tw_trace_format *format)
{
  return format->name;
}

const char *tw_trace_format_help(const tw_trace_format *format)
{
  return format->help;
}

gboolean tw_trace_tokens(const tw_csv *csv, int column, gint32 min, gint32 fallback, gint32 *tokens,
                         GError **error)
{
  const char *text = tw_csv_text(csv, column);
  if (*text == '\0' && fallback >= 0) {
    *tokens = fallback;
    return TRUE;
  }
  gint32 value = 0;
  const char *c = text;
  for (; g_ascii_isdigit(*c) && value <= TW_REQUEST_MAX_TOKENS; c++)
    value = value * 10 + (*c - '0');
  if (c > text && *c == '.' && c[1 + strspn(c + 1, "0")] == '\0')
    c += strlen(c); /* 10.0 is whole */
  if (c > text && *c == '\0' && value >= min && value <= TW_REQUEST_MAX_TOKENS) {
    *tokens = value;
    return TRUE;
  }
  g_autofree char *quoted = tw_input_quote(text);
  return tw_input_fault(tw_csv_input(csv), error, "%s is '%s'; a whole number from %d to %d is needed",
                        tw_csv_name(csv, column), quoted, min, TW_REQUEST_MAX_TOKENS);
}

/* A decimal number whose digits fit the mantissa, over a power of ten that is exact: one correctly rounded
 * division (Clinger, How to Read Floating Point Numbers Accurately, PLDI 1990). FALSE: not so simple. */
static gboolean parse_short_decimal(const char *text, double *value)
{
  static const double powers[] = {1,   1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                  1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
  guint64 digits = 0;
  guint n = 0, decimals = 0;
  const char *c = text;
  for (; g_ascii_isdigit(*c); c++, n++)
    digits = digits * 10 + (guint64)(*c - '0');
  if (n > 0 && *c == '.')
    for (c++; g_ascii_isdigit(*c); c++, n++, decimals++)
      digits = digits * 10 + (guint64)(*c - '0');
  if (n == 0 || n > 15 || *c != '\0')
    return FALSE;
  *value = (double)digits / powers[decimals];
  return TRUE;
}

gboolean tw_trace_seconds(const tw_csv *csv, int column, double *seconds, GError **error)
{
  const char *text = tw_csv_text(csv, column);
  if ((parse_short_decimal(text, seconds) || tw_number_parse(text, seconds)) && *seconds >= 0 &&
      *seconds <= TW_TRACE_MAX_S)
    return TRUE;
  tw_instant date;
  g_autofree char *quoted = tw_input_quote(text);
  return tw_input_fault(tw_csv_input(csv), error,
                        "%s is '%s'; seconds since the start of the trace, from 0 to 1e9, are needed%s",
                        tw_csv_name(csv, column), quoted,
                        tw_instant_parse(text, &date) ? "; a log of your own is read with --format=log" : "");
}
