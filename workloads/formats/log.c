/* Logs of one's own, as a format: what tw_log_guess makes of their columns, or --map says. Rows that are
 * empty or of requests that failed are left out and counted. */
#include "workloads/formats/log.h"

#include "platforms/input/fault.h"
#include "platforms/input/units.h"

typedef struct {
  tw_log_columns columns;
  tw_csv_column table[TW_LOG_N_COLUMNS + 1]; /* the columns, of a log in CSV */
  int place[TW_LOG_N_COLUMNS];               /* the column of each role in that table; -1: none */
  GPtrArray *names;                          /* owned texts */
  char delimiter;
  tw_log_time time;
  gboolean told_state;                   /* a note names a state that is not known */
  gboolean told_total;                   /* A note says that tokens are missing, */
  gboolean told_apart[TW_LOG_N_COLUMNS]; /* or that parts are larger than the whole, */
  gboolean told_repeat;                  /* or that rows repeat a request. */
  char *request;                         /* name of the request of the row before */
  const tw_json *object;                 /* the row, of a log in JSON */
  char *text[TW_LOG_N_COLUMNS];          /* the row's text for each role, "" if blank */
} own_log;

enum {
  LOOK_ROWS = 100,     /* rows at the beginning, one of which must hold an arrival and, in JSON, each field */
  MAX_STATE = 40,      /* bytes; longer ones are texts of answers */
  LOOK_DATES = 100000, /* rows, one of which must tell the day from the month, of dates such as 3/4/2026 */
};

static void stop_log(tw_trace_source *source)
{
  own_log *log = source->own;
  if (log == NULL)
    return;
  for (int role = 0; role < TW_LOG_N_COLUMNS; role++)
    g_free(log->text[role]);
  g_free(log->request);
  if (log->names != NULL)
    g_ptr_array_unref(log->names);
  g_free(log);
}

/* ---- Columns ---- */

static void tell_columns(tw_trace_source *source, const own_log *log)
{
  g_autoptr(GString) taken = g_string_new(NULL), left = g_string_new(NULL);
  for (int role = 0; role < TW_LOG_N_ROLES; role++)
    if (log->columns.of[role] != NULL)
      g_string_append_printf(taken, "%s%s=%s", taken->len > 0 ? "," : "", tw_log_role_names[role],
                             log->columns.of[role]);
  for (guint i = 0; i + 1 < log->names->len; i++) {
    gboolean used = FALSE;
    for (int role = 0; role < TW_LOG_N_COLUMNS; role++)
      used |= log->columns.of[role] == log->names->pdata[i];
    if (!used && left->len < 300)
      g_string_append_printf(left, "%s%s", left->len > 0 ? ", " : "", (char *)log->names->pdata[i]);
  }
  g_autofree char *quoted_taken = g_utf8_make_valid(taken->str, -1),
                  *quoted_left = g_utf8_make_valid(left->str, -1);
  tw_trace_note(source, "a log; taken as --map %s --time %s", quoted_taken, tw_log_time_names[log->time]);
  for (int role = TW_LOG_PROMPT_PARTS; role < TW_LOG_N_COLUMNS; role++)
    if (log->columns.of[role] != NULL) {
      g_autofree char *part = g_utf8_make_valid(log->columns.of[role], -1);
      tw_trace_note(source, "%s is added to %ss", part, role < TW_LOG_OUTPUT_PARTS ? "prompt" : "output");
    }
  if (left->len > 0)
    tw_trace_note(source, "columns that are not read: %s", quoted_left);
  const char *many = tw_log_many((const char *const *)log->names->pdata);
  if (many != NULL)
    tw_trace_note(source, "by the column '%s', rows may add up many requests; each is read as one", many);
}

static gboolean choose_columns(tw_trace_source *source, own_log *log, GError **error)
{
  g_assert(log->names != NULL); /* read_names has set it */
  const char *const *names = (const char *const *)log->names->pdata;
  if (!tw_log_guess(names, source->reading->map, &log->columns, error))
    return FALSE;
  if (tw_log_is_whole(&log->columns))
    return TRUE;
  g_autofree char *hint = tw_log_hint(names, &log->columns, log->object, log->delimiter);
  return tw_input_fault(source->input, error, "%s", hint);
}

/* ---- Rows ---- */

static char *json_field(const tw_json *object, const char *path)
{
  const tw_json *value = tw_json_get(object, path);
  if (value == NULL || value->kind == TW_JSON_NULL)
    return g_strdup("");
  if (value->kind == TW_JSON_STRING)
    return g_strdup(value->text);
  if (value->kind == TW_JSON_BOOL)
    return g_strdup(value->number != 0 ? "true" : "false");
  if (value->kind != TW_JSON_NUMBER)
    return g_strdup(value->count > 0 ? "(a value)" : "");
  if (value->whole && value->number >= 0)
    return g_strdup_printf("%" G_GUINT64_FORMAT, value->count);
  char text[G_ASCII_DTOSTR_BUF_SIZE];
  return g_strdup(g_ascii_formatd(text, sizeof text, "%.17g", value->number));
}

/* A field of a table; that of a spreadsheet may be no UTF-8. The caller frees it. */
static char *table_field(tw_trace_source *source, const char *text)
{
  if (g_utf8_validate(text, -1, NULL))
    return g_strdup(text);
  char *converted = g_convert_with_fallback(text, -1, "UTF-8", "WINDOWS-1252", "?", NULL, NULL, NULL);
  tw_trace_note(source, "texts that are no UTF-8 are taken as Windows-1252");
  return converted != NULL ? converted : g_utf8_make_valid(text, -1);
}

/* What programs write where there is no value. */
static gboolean is_blank(const char *text)
{
  static const char *const blanks[] = {"NULL", "null", "\\N", "NaN", "nan", "None",
                                       "none", "N/A",  "n/a", "-",   NULL};
  return g_strv_contains(blanks, text);
}

/* Puts the date before an arrival that is a time of day. */
static void join_date(own_log *log)
{
  char **arrival = &log->text[TW_LOG_ARRIVAL];
  gsize n = strspn(*arrival, "0123456789");
  if (log->columns.of[TW_LOG_DATE] == NULL || n < 1 || n > 2 || (*arrival)[n] != ':')
    return;
  char *joined = g_strconcat(log->text[TW_LOG_DATE], " ", *arrival, NULL);
  g_free(*arrival);
  *arrival = joined;
}

/* Reads the next row's texts. FALSE at the end, or with `error`. */
static gboolean next_row(tw_trace_source *source, GError **error)
{
  own_log *log = source->own;
  if (source->csv != NULL) {
    if (!tw_csv_next(source->csv, error))
      return FALSE;
  } else {
    log->object = tw_json_next(source->json, error);
    if (log->object == NULL)
      return FALSE;
  }
  for (int role = 0; role < TW_LOG_N_COLUMNS; role++) {
    g_free(log->text[role]);
    const char *path = log->columns.of[role];
    log->text[role] = source->csv == NULL && path != NULL ? json_field(log->object, path)
                      : source->csv != NULL && path != NULL
                          ? g_strstrip(table_field(source, tw_csv_text(source->csv, log->place[role])))
                          : g_strdup("");
    if (role != TW_LOG_STATE && is_blank(log->text[role]))
      *log->text[role] = '\0';
  }
  join_date(log);
  return TRUE;
}

static gboolean open_table(tw_trace_source *source, own_log *log, GError **error)
{
  int n = 0;
  for (int role = 0; role < TW_LOG_N_COLUMNS; role++) {
    log->place[role] = -1;
    if (log->columns.of[role] == NULL)
      continue;
    log->place[role] = n;
    log->table[n++] = (tw_csv_column){log->columns.of[role], FALSE};
  }
  log->table[n] = (tw_csv_column){NULL, FALSE};
  tw_csv_free(source->csv);
  source->csv = tw_csv_open_delimited(source->input, log->table, log->delimiter, error);
  return source->csv != NULL;
}

/* Goes to the first row. */
static gboolean open_rows(tw_trace_source *source, gboolean table, GError **error)
{
  if (!tw_input_rewind(source->input, error))
    return FALSE;
  if (table)
    return open_table(source, source->own, error);
  tw_json_reader_free(source->json);
  source->json = tw_json_reader_new(source->input);
  return TRUE;
}

/* A time that does not say how times are written; `line` is where it stands. */
typedef struct {
  char *text;
  long line;
} wrong_time;

static void keep_time(const tw_trace_source *source, const char *text, wrong_time *first)
{
  if (first->text == NULL)
    *first = (wrong_time){g_strdup(text), tw_input_line_number(source->input)};
}

/* Frees `wrong`. */
static gboolean refuse_time(const tw_trace_source *source, wrong_time wrong, const char *right,
                            GError **error)
{
  const own_log *log = source->own;
  g_autofree char *text = wrong.text, *quoted = tw_input_quote(text);
  return tw_input_error_set(error, TW_INPUT_ERROR_VALUE, tw_input_path(source->input), wrong.line,
                            "%s is '%s'; %s", log->columns.of[TW_LOG_ARRIVAL], quoted, right);
}

/* Finds how times are written by the first row that has one: units or types may stand under the names. */
static gboolean find_time(tw_trace_source *source, GError **error)
{
  own_log *log = source->own;
  GError *problem = NULL;
  wrong_time unclear = {0}, none = {0};
  log->time = (tw_log_time)source->reading->log_time;
  for (int row = 0; log->time == TW_LOG_GUESS && row < (unclear.text != NULL ? LOOK_DATES : LOOK_ROWS) &&
                    next_row(source, &problem);
       row++) {
    const char *text = log->text[TW_LOG_ARRIVAL];
    gboolean is_unclear;
    if (*text == '\0')
      continue;
    log->time = tw_log_time_guess(text, log->columns.of[TW_LOG_ARRIVAL], &is_unclear);
    if (log->time == TW_LOG_GUESS)
      keep_time(source, text, is_unclear ? &unclear : &none);
  }
  g_clear_error(&problem); /* it is told when the row is read again */
  if (log->time == TW_LOG_GUESS && unclear.text != NULL) {
    g_free(none.text);
    return refuse_time(source, unclear,
                       "is its day first, or its month? say it with --time dmy or --time mdy", error);
  }
  g_free(unclear.text);
  if (log->time == TW_LOG_GUESS && none.text != NULL)
    return refuse_time(source, none, tw_log_time_needed(none.text), error);
  g_free(none.text);
  if (log->time == TW_LOG_GUESS)
    log->time = TW_LOG_SECONDS;
  return TRUE;
}

/* Reads the fields of the first documents: those of requests that failed may lack what others have. */
static gboolean read_fields(tw_trace_source *source, own_log *log, GError **error)
{
  if (!tw_input_rewind(source->input, error))
    return FALSE;
  source->json = tw_json_reader_new(source->input);
  log->object = tw_json_next(source->json, error);
  if (log->object == NULL)
    return FALSE;
  for (int row = 0; log->object != NULL; row++) {
    tw_log_add_paths(log->names, log->object);
    log->object = row < LOOK_ROWS ? tw_json_next(source->json, NULL) : NULL;
  }
  g_ptr_array_add(log->names, NULL);
  if (!tw_input_rewind(source->input, error))
    return FALSE;
  tw_json_reader_free(source->json);
  source->json = tw_json_reader_new(source->input);
  log->object = tw_json_next(source->json, error); /* for hints */
  return log->object != NULL;
}

static gboolean read_names(tw_trace_source *source, own_log *log, gboolean *table, GError **error)
{
  char *line;
  tw_input_set_max_line(source->input, 256 * 1024 * 1024);
  if (!tw_csv_header(source->input, &line, error))
    return (error == NULL || *error == NULL) &&
           tw_input_error_set(error, TW_INPUT_ERROR_SYNTAX, tw_input_path(source->input), 0,
                              "the file is empty");
  *table = line[strspn(line, " \t")] != '{' && *line != '[';
  log->names = g_ptr_array_new_with_free_func(g_free);
  if (!*table)
    return read_fields(source, log, error);
  log->delimiter = source->reading->delimiter != 0 ? source->reading->delimiter : tw_csv_delimiter(line);
  g_autoptr(GPtrArray) cut = tw_csv_names(line, log->delimiter);
  if (cut == NULL)
    return tw_input_fault(source->input, error, "the quotes of a column's name do not end it");
  for (guint i = 0; i < cut->len; i++)
    g_ptr_array_add(log->names, g_strdup(cut->pdata[i]));
  return TRUE;
}

static gboolean start_log(tw_trace_source *source, GError **error)
{
  own_log *log = source->own = g_new0(own_log, 1);
  gboolean table = FALSE;
  if (!read_names(source, log, &table, error) || !choose_columns(source, log, error) ||
      !open_rows(source, table, error) || !find_time(source, error))
    return FALSE;
  tell_columns(source, log);
  return open_rows(source, table, error);
}

/* Whether a state, or an error, says that the request did not succeed. Words that are not known are no failures, and a
 * note names them. */
static gboolean says_failed(tw_trace_source *source, const char *column, const char *text)
{
  static const char *const good[] = {
      "ok",       "success",    "succeeded", "successful",    "completed", "complete", "done", "true",
      "finished", "stop",       "length",    "tool_calls",    "end_turn",  "unset",    "info", "default",
      "debug",    "max_tokens", "tool_use",  "stop_sequence", "normal",    NULL};
  static const char *const none[] = {"",  "null", "none", "nan", "false", "0",
                                     "-", "no",   "n/a",  "\\n", "ok",    NULL};
  static const char *const bad[] = {"fail",   "error",    "cancel",  "abort",      "timeout",  "timed",
                                    "reject", "refus",    "denied",  "invalid",    "exceed",   "exception",
                                    "kill",   "drop",     "throttl", "rate_limit", "false",    "unavail",
                                    "lost",   "critical", "expired", "disconnect", "interrupt"};
  g_autofree char *word = g_ascii_strdown(text, -1), *name = g_ascii_strdown(column, -1);
  if (strstr(name, "error") != NULL)
    return !g_strv_contains(none, word);
  double code;
  if (tw_number_parse(word, &code))
    return !((code >= 200 && code < 300) || code == 1 || code == 0);
  for (guint i = 0; i < G_N_ELEMENTS(bad) && strlen(word) <= MAX_STATE; i++)
    if (strstr(word, bad[i]) != NULL)
      return TRUE;
  own_log *log = source->own;
  if (!log->told_state && !g_strv_contains(none, word) && !g_strv_contains(good, word)) {
    g_autofree char *quoted = tw_input_quote(text);
    tw_trace_note(source, "%s '%s', and others that are not known, are taken as no failure", column, quoted);
    log->told_state = TRUE;
  }
  return FALSE;
}

static const char *reason(const char *what, const char *column)
{
  g_autofree char *bytes = g_strdup_printf("%s (%s)", what, column), *text = g_utf8_make_valid(bytes, -1);
  return g_intern_string(text);
}

/* Adds the columns from `first` to before `end` to a count; sets the row's failure where one is no number. */
static void add_columns(const own_log *log, int first, int end, gint32 *count, tw_trace_row *row)
{
  for (int role = first; role < end && row->failure == NULL; role++) {
    gint32 tokens = 0;
    if (*log->text[role] != '\0' && (!tw_log_tokens_parse(log->text[role], log->delimiter, &tokens) ||
                                     tokens > TW_REQUEST_MAX_TOKENS - *count))
      row->failure = reason("no whole number of tokens", log->columns.of[role]);
    else
      *count += tokens;
  }
}

/* Adds a part of a count that is larger than the count, and thus apart from it; tells the first. */
static void add_apart(tw_trace_source *source, int role, const char *map, gint32 part, gint32 *count)
{
  own_log *log = source->own;
  if (part <= *count || part > TW_REQUEST_MAX_TOKENS - *count)
    return;
  if (!log->told_apart[role])
    tw_trace_note(source,
                  "%s is %d beside %d, first in line %ld: where it is the larger it is counted apart, and is "
                  "added; if it is apart in all rows, say --map %s",
                  log->columns.of[role], part, *count, tw_input_line_number(source->input), map);
  log->told_apart[role] = TRUE;
  *count += part;
}

/* Adds what a provider's cache read and wrote, and other parts, to the prompt. */
static void add_to_prompt(tw_trace_source *source, tw_trace_row *row)
{
  const own_log *log = source->own;
  gint32 *prompt = &row->request.prompt_tokens, cached;
  add_columns(log, TW_LOG_CACHE_READ, TW_LOG_CACHE_WRITE + 1, prompt, row);
  add_columns(log, TW_LOG_PROMPT_PARTS, TW_LOG_OUTPUT_PARTS, prompt, row);
  if (row->failure == NULL && tw_log_tokens_parse(log->text[TW_LOG_CACHED], log->delimiter, &cached))
    add_apart(source, TW_LOG_CACHED, "cache-read=COLUMN", cached, prompt);
}

/* Fields of tokens; sets the row's failure where they cannot be replayed. */
static void read_lengths(tw_trace_source *source, tw_trace_row *row)
{
  const own_log *log = source->own;
  gint32 reasoning = 0, output = 0;
  const tw_log_role ends = log->columns.of[TW_LOG_OUTPUT] != NULL   ? TW_LOG_OUTPUT
                           : log->columns.of[TW_LOG_ANSWER] != NULL ? TW_LOG_ANSWER
                                                                    : TW_LOG_TOTAL;
  const struct {
    tw_log_role role;
    gint32 *tokens;
  } fields[] = {
      {TW_LOG_PROMPT, &row->request.prompt_tokens}, {ends, &output}, {TW_LOG_REASONING, &reasoning}};
  for (guint i = 0; i < G_N_ELEMENTS(fields) && row->failure == NULL; i++) {
    const char *text = log->text[fields[i].role], *column = log->columns.of[fields[i].role];
    if (*text == '\0' && fields[i].role == TW_LOG_REASONING)
      continue;
    if (*text == '\0')
      row->failure = reason("empty", column);
    else if (!tw_log_tokens_parse(text, log->delimiter, fields[i].tokens))
      row->failure = reason("no whole number of tokens", column);
  }
  if (row->failure == NULL)
    add_to_prompt(source, row);
  add_columns(log, TW_LOG_OUTPUT_PARTS, TW_LOG_N_COLUMNS, &output, row);
  if (row->failure == NULL && row->request.prompt_tokens == 0)
    row->failure = reason("a prompt of 0 tokens", log->columns.of[TW_LOG_PROMPT]);
  if (row->failure == NULL && ends == TW_LOG_TOTAL && output < row->request.prompt_tokens)
    row->failure = reason("a total below the prompt", log->columns.of[TW_LOG_TOTAL]);
  output -= ends == TW_LOG_TOTAL && row->failure == NULL ? row->request.prompt_tokens : 0;
  if (row->failure == NULL && ends == TW_LOG_OUTPUT)
    add_apart(source, TW_LOG_REASONING, "answer=COLUMN,reasoning=COLUMN", reasoning, &output);
  if (row->failure == NULL && ends != TW_LOG_ANSWER && reasoning > output)
    row->failure = reason("more reasoning than output", log->columns.of[TW_LOG_REASONING]);
  row->request.reasoning_tokens = reasoning;
  row->request.answer_tokens = ends != TW_LOG_ANSWER ? output - reasoning : output;
}

/* A total that is not the sum of what was read tells that a column was missed. */
static void check_total(tw_trace_source *source, const tw_trace_row *row)
{
  own_log *log = source->own;
  const char *column = log->columns.of[TW_LOG_TOTAL];
  gint32 total = 0, sum = row->request.prompt_tokens + tw_request_output_tokens(&row->request);
  if (log->told_total || *log->text[TW_LOG_TOTAL] == '\0' ||
      !tw_log_tokens_parse(log->text[TW_LOG_TOTAL], log->delimiter, &total) || total == sum)
    return;
  log->told_total = TRUE;
  tw_trace_note(
      source,
      "%s is %d where prompt and output are %d tokens; if others are counted apart, name their columns: "
      "--map cache-read=COLUMN,cache-write=COLUMN, or answer=COLUMN,reasoning=COLUMN",
      column, total, sum);
}

/* A row per part of an answer would count a request several times. */
static void check_repeat(tw_trace_source *source)
{
  own_log *log = source->own;
  const char *request = log->text[TW_LOG_REQUEST], *column = log->columns.of[TW_LOG_REQUEST];
  if (!log->told_repeat && *request != '\0' && g_strcmp0(request, log->request) == 0) {
    log->told_repeat = TRUE;
    tw_trace_note(
        source,
        "rows say the %s of the row above again, first in line %ld; if they are parts of one answer, keep "
        "the last of each%s%s%s",
        column, tw_input_line_number(source->input), source->csv == NULL ? ": jq -sc 'group_by(." : "",
        source->csv == NULL ? tw_log_in_command(column) : "",
        source->csv == NULL ? ") | map(last) | .[]' FILE > log.jsonl" : "");
  }
  g_free(log->request);
  log->request = g_strdup(request);
}

static gboolean read_log(tw_trace_source *source, tw_trace_row *row, GError **error)
{
  own_log *log = source->own;
  tw_instant instant = {0};
  if (!next_row(source, error))
    return FALSE;
  const char *arrival = log->text[TW_LOG_ARRIVAL], *state = log->columns.of[TW_LOG_STATE];
  gint64 priority = 0;
  if (*arrival == '\0')
    row->failure = reason("empty", log->columns.of[TW_LOG_ARRIVAL]);
  else if (!tw_log_time_parse(arrival, log->time, log->delimiter, &instant))
    row->failure = reason("no time of the kind of the first", log->columns.of[TW_LOG_ARRIVAL]);
  else if (state != NULL && says_failed(source, state, log->text[TW_LOG_STATE]))
    row->failure = reason("failed", state);
  if (row->failure == NULL)
    read_lengths(source, row);
  if (row->failure != NULL)
    return TRUE;
  check_total(source, row);
  check_repeat(source);
  if (*log->text[TW_LOG_PRIORITY] != '\0' && tw_integer_parse(log->text[TW_LOG_PRIORITY], &priority))
    row->request.priority = (gint32)CLAMP(priority, G_MININT32, G_MAXINT32);
  if (!tw_trace_class(source, log->text[TW_LOG_CLASS], &row->request.class, error) ||
      !tw_trace_since_first(source, instant, log->columns.of[TW_LOG_ARRIVAL], arrival,
                            &row->request.arrival_s, error))
    return FALSE;
  row->request.session = *log->text[TW_LOG_SESSION] != '\0' ? g_strdup(log->text[TW_LOG_SESSION]) : NULL;
  return TRUE;
}

const tw_trace_format tw_trace_log = {
    .name = "log",
    .help = "a log of your own: CSV or JSON lines with a time, prompt and output tokens; columns are "
            "guessed, or --map "
            "says them",
    .sorts = TRUE,
    .skips = TRUE,
    .clock = TRUE,
    .start = start_log,
    .stop = stop_log,
    .read = read_log,
};
