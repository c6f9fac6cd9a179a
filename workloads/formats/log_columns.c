/* Finds out by names and first values which role each column of a log has, and how its times are written. */
#include "platforms/input/fault.h"
#include "platforms/input/units.h"
#include "workloads/formats/log.h"

const char *const tw_log_role_names[] = {
#define X(role, name) name,
    TW_LOG_ROLES(X)
#undef X
        NULL};

/* Names of columns by role, letters and digits alone, the likeliest first. */
static const char *const known[TW_LOG_N_ROLES] = {
    [TW_LOG_ARRIVAL] =
        "arrivals arrival arrivaltime arrivedat arrivaltimestamp requesttime requestedat requesttimestamp "
        "receivedat submittedat startedat starttime starttimeunixnano start timestamp eventtime "
        "createdat created creationtime datetime time date ts",
    [TW_LOG_PROMPT] =
        "prompttokens inputtokens prompttokencount inputtokencount numprompttokens numinputtokens "
        "requesttokens contexttokens promptlength inputlength promptlen inputlen tokensin intokens "
        "inputtoks prompttoks numprefilltokens tokensprompt prompt input isl in",
    [TW_LOG_CACHE_READ] = "", /* see guess_cached */
    [TW_LOG_CACHE_WRITE] = "",
    [TW_LOG_OUTPUT] =
        "outputtokens completiontokens outputtokencount completiontokencount numoutputtokens "
        "numcompletiontokens generatedtokens generationtokens responsetokens outputlength "
        "completionlength outputlen completionlen tokensout outtokens outputtoks numdecodetokens "
        "tokenscompletion candidatestokencount completion output answer osl out",
    [TW_LOG_ANSWER] = "answertokens answerlength",
    [TW_LOG_REASONING] = "reasoningtokens reasoningoutputtokens thinkingtokens thoughtstokencount reasoning",
    [TW_LOG_SESSION] = "sessionid session conversationid chatid threadid userid clientid user client",
    [TW_LOG_CLASS] = "class model modelname requestmodel modelid deployment",
    [TW_LOG_PRIORITY] = "priority",
    [TW_LOG_STATE] = "status state statuscode httpstatus responsestatus errortype error result success",
};

/* Letters and digits of a name, in lower case. */
static char *plain(const char *name)
{
  GString *text = g_string_new(NULL);
  for (; *name != '\0'; name++)
    if (g_ascii_isalnum(*name))
      g_string_append_c(text, g_ascii_tolower(*name));
  return g_string_free(text, FALSE);
}

/* Whether a column's name, or the end of it behind a dot or another mark, is `word`. */
static gboolean is_called(const char *name, const char *word)
{
  for (const char *part = name; part != NULL; part = strpbrk(part, "./:@")) {
    part += strspn(part, "./:@");
    g_autofree char *text = plain(part);
    if (g_str_equal(text, word))
      return TRUE;
    if (*part == '\0')
      break;
  }
  return FALSE;
}

static gboolean is_taken(const tw_log_columns *columns, const char *name)
{
  for (int role = 0; role < TW_LOG_N_ROLES; role++)
    if (columns->of[role] == name)
      return TRUE;
  return FALSE;
}

static const char *find_known(const char *const *names, tw_log_role role, const tw_log_columns *columns)
{
  g_auto(GStrv) words = g_strsplit(known[role], " ", -1);
  for (char **word = words; *word != NULL; word++)
    for (int i = 0; names[i] != NULL; i++)
      if (is_called(names[i], *word) && !is_taken(columns, names[i]))
        return names[i];
  return NULL;
}

/* One part of a map, "prompt=input_tokens". */
static gboolean take_part(const char *part, const char *const *names, tw_log_columns *columns, GError **error)
{
  const char *equals = strchr(part, '=');
  g_autofree char *key = g_strndup(part, equals != NULL ? (gsize)(equals - part) : strlen(part));
  int role = 0;
  while (role < TW_LOG_N_ROLES && !g_str_equal(tw_log_role_names[role], key))
    role++;
  if (equals == NULL || role == TW_LOG_N_ROLES) {
    g_autofree char *right = tw_suggestion(key, tw_log_role_names), *quoted = tw_input_quote(part);
    return tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0,
                              "--map: '%s'; write ROLE=COLUMN, such as prompt=input_tokens (%s)", quoted,
                              right);
  }
  for (int i = 0; names[i] != NULL; i++)
    if (g_str_equal(names[i], equals + 1)) {
      columns->of[role] = names[i];
      return TRUE;
    }
  g_autofree char *right = tw_suggestion(equals + 1, names), *quoted = tw_input_quote(equals + 1);
  return tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0, "--map: no column is called '%s'; %s",
                            quoted, right);
}

/* Anthropic's input_tokens leave out what its cache read and wrote, which have names of their own; the counts of others,
 * and `cache_read.input_tokens` of OpenTelemetry, are parts of the prompt. */
static void guess_cached(const char *const *names, tw_log_columns *columns)
{
  static const char *const words[] = {
      [TW_LOG_CACHE_READ] = "cache_read_input_tokens", [TW_LOG_CACHE_WRITE] = "cache_creation_input_tokens"};
  const char *prompt = columns->of[TW_LOG_PROMPT];
  gboolean anthropic = prompt != NULL && g_str_has_suffix(prompt, "input_tokens");
  for (int role = TW_LOG_CACHE_READ; role <= TW_LOG_CACHE_WRITE; role++)
    for (int i = 0; anthropic && names[i] != NULL && columns->of[role] == NULL; i++)
      if (g_str_has_suffix(names[i], words[role]) && strstr(names[i], "gen_ai") == NULL)
        columns->of[role] = names[i];
}

gboolean tw_log_guess(const char *const *names, const char *map, tw_log_columns *columns, GError **error)
{
  *columns = (tw_log_columns){0};
  g_auto(GStrv) parts = g_strsplit(map != NULL ? map : "", ",", -1);
  for (char **part = parts; *part != NULL; part++)
    if (**part != '\0' && !take_part(g_strstrip(*part), names, columns, error))
      return FALSE;
  gboolean prompt_is_said = columns->of[TW_LOG_PROMPT] != NULL;
  for (int role = 0; role < TW_LOG_N_ROLES; role++) {
    gboolean other = (role == TW_LOG_OUTPUT && columns->of[TW_LOG_ANSWER] != NULL) ||
                     (role == TW_LOG_ANSWER && columns->of[TW_LOG_OUTPUT] != NULL);
    if (columns->of[role] == NULL && !other)
      columns->of[role] = find_known(names, (tw_log_role)role, columns);
  }
  if (!prompt_is_said)
    guess_cached(names, columns);
  return TRUE;
}

gboolean tw_log_is_whole(const tw_log_columns *columns)
{
  return columns->of[TW_LOG_ARRIVAL] != NULL && columns->of[TW_LOG_PROMPT] != NULL &&
         (columns->of[TW_LOG_OUTPUT] != NULL || columns->of[TW_LOG_ANSWER] != NULL);
}

static void add_paths(GPtrArray *paths, const tw_json *object, const char *before)
{
  for (const tw_json *part = object->first; part != NULL; part = part->next) {
    char *path = g_strconcat(before, part->key, NULL);
    if (part->kind == TW_JSON_OBJECT) {
      g_autofree char *stem = g_strconcat(path, ".", NULL);
      add_paths(paths, part, stem);
      g_free(path);
    } else {
      g_ptr_array_add(paths, path);
    }
  }
}

GPtrArray *tw_log_paths(const tw_json *object)
{
  GPtrArray *paths = g_ptr_array_new_with_free_func(g_free);
  if (object->kind == TW_JSON_OBJECT)
    add_paths(paths, object, "");
  g_ptr_array_add(paths, NULL);
  return paths;
}

/* ---- Times ---- */

const char *const tw_log_time_names[] = {"guess",    "iso",   "epoch",   "epoch-ms", "epoch-us",
                                         "epoch-ns", "excel", "seconds", NULL};

tw_log_time tw_log_time_guess(const char *text)
{
  tw_instant instant = {0};
  if (tw_instant_parse(text, &instant))
    return TW_LOG_ISO;
  g_autofree char *number = g_strdelimit(g_strdup(text), ",", '.');
  double value;
  if (!tw_number_parse(number, &value) || value < 0)
    return TW_LOG_GUESS;
  if (value >= 1e17)
    return TW_LOG_EPOCH_NS;
  if (value >= 1e14)
    return TW_LOG_EPOCH_US;
  if (value >= 1e11)
    return TW_LOG_EPOCH_MS;
  if (value >= 3e8) /* 1979 */
    return TW_LOG_EPOCH;
  const char *point = strchr(number, '.');
  return value >= 30000 && value < 80000 && point != NULL && strlen(point) > 4 ? TW_LOG_EXCEL
                                                                               : TW_LOG_SECONDS;
}

/* "1700157346.680590" of units of which a second has `per_s`, to the nanosecond. */
static gboolean parse_count(const char *text, guint64 per_s, char delimiter, tw_instant *instant)
{
  char *end;
  errno = 0;
  if (!g_ascii_isdigit(*text))
    return FALSE;
  guint64 whole = g_ascii_strtoull(text, &end, 10), fraction = 0, unit = 1000000000;
  if (*end == '.' || (*end == ',' && delimiter != ','))
    for (end++; g_ascii_isdigit(*end); end++)
      if (unit > 1)
        fraction += (guint64)(*end - '0') * (unit /= 10);
  double rough;
  if (*end == '\0' && errno == 0) {
    *instant = tw_instant_of(whole, per_s);
    instant->ns += (gint64)(fraction / per_s);
    return instant->s < 100000000000;
  }
  if (!tw_number_parse(text, &rough) || rough < 0 || rough / (double)per_s > 1e11) /* 1.7e9 */
    return FALSE;
  *instant = tw_instant_of_s(rough / (double)per_s);
  return TRUE;
}

gboolean tw_log_time_parse(const char *text, tw_log_time time, char delimiter, tw_instant *instant)
{
  static const guint64 per_s[] = {[TW_LOG_EPOCH] = 1,
                                  [TW_LOG_EPOCH_MS] = 1000,
                                  [TW_LOG_EPOCH_US] = 1000000,
                                  [TW_LOG_EPOCH_NS] = 1000000000,
                                  [TW_LOG_SECONDS] = 1};
  if (time == TW_LOG_ISO)
    return tw_instant_parse(text, instant);
  if (time != TW_LOG_EXCEL)
    return parse_count(text, per_s[time], delimiter, instant);
  g_autofree char *number = g_strdup(text);
  double days;
  if (delimiter != ',')
    g_strdelimit(number, ",", '.');
  if (!tw_number_parse(number, &days) || days < 0 || days > 3e6)
    return FALSE;
  *instant =
      tw_instant_of_s(round((days - 25569) * 86400 * 1e6) / 1e6); /* 25,569 days to 1970; a cell has 1 µs */
  return TRUE;
}
