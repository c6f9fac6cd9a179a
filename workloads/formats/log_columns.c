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
        "starttimestamp startts tstart begin begintime requestts submittime enqueuetime arrivalts loggedat "
        "logtime eventtimestamp requestcreatedat createdat createtime created creationtime datetime time "
        "date ts t when epoch "
        "zeitstempel zeitpunkt uhrzeit zeit datum fecha hora tiempo horodatage heure",
    [TW_LOG_DATE] = "date day datum fecha",
    [TW_LOG_PROMPT] =
        "prompttokens inputtokens prompttokencount inputtokencount numprompttokens numinputtokens "
        "requesttokens contexttokens promptlength inputlength promptlen inputlen tokensin intokens "
        "inputtoks prompttoks numprefilltokens tokensprompt prompt input isl in promptevalcount "
        "tokensevaluated",
    [TW_LOG_CACHE_READ] = "", /* see guess_cached */
    [TW_LOG_CACHE_WRITE] = "",
    [TW_LOG_OUTPUT] =
        "outputtokens completiontokens outputtokencount completiontokencount numoutputtokens "
        "numcompletiontokens generatedtokens generationtokens responsetokens outputlength "
        "completionlength outputlen completionlen tokensout outtokens outputtoks numdecodetokens "
        "tokenscompletion completion output answer osl out evalcount tokenspredicted",
    [TW_LOG_ANSWER] = "answertokens answerlength candidatestokencount", /* Gemini counts thoughts apart */
    [TW_LOG_TOTAL] = "totaltokens totaltokencount tokenstotal",
    [TW_LOG_REASONING] =
        "reasoningtokens reasoningoutputtokens thinkingtokens thoughtstokencount tokensreasoning reasoning",
    [TW_LOG_SESSION] =
        "sessionid session conversationid chatid threadid userid clientid customerid user client",
    [TW_LOG_CLASS] =
        "class model modelname requestmodel modelid modelpermaslug modelversion aimodel deployment",
    [TW_LOG_PRIORITY] = "priority",
    [TW_LOG_STATE] =
        ("status state statuscode httpstatus responsestatus responsestatuscode httpcode resultcode "
         "errortype errorcode error result success level"),
};

/* Words that stand for a role beside one that stands for tokens, "Eingabe Tokens". */
static const char *const spoken[TW_LOG_N_ROLES] = {
    [TW_LOG_PROMPT] =
        ("prompt prompts input inputs in request req context ctx prefill query sent eingabe entrada entree "
         "ingresso"),
    [TW_LOG_OUTPUT] = ("output outputs out completion completions response res answer generated generation "
                       "gen new resp decode "
                       "reply received ausgabe antwort salida saida sortie uscita"),
};
static const char *const counted[] = {"token", "tokens", "tok", "toks", "tks",
                                      "units", "length", "len", "size", NULL};
static const char *const noise[] = {"usage", "unix", "n",       "num",    "nb",     "number", "of", "total",
                                    "count", "cnt",  "sum",     "llm",    "utc",    "ms",     "us", "ns",
                                    "s",     "sec",  "seconds", "millis", "micros", "nanos",  NULL};

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

/* The words of a name in lower case: "promptTokens (count)" has three. */
static GStrv words_of(const char *name)
{
  GString *text = g_string_new(NULL);
  for (const char *c = name; *c != '\0'; c++) {
    if (c > name && g_ascii_isupper(*c) && g_ascii_islower(c[-1]))
      g_string_append_c(text, ' ');
    g_string_append_c(text, g_ascii_isalnum(*c) || (guchar)*c >= 0x80 ? g_ascii_tolower(*c) : ' ');
  }
  g_auto(GStrv) cut = g_strsplit(text->str, " ", -1);
  g_string_free(text, TRUE);
  GStrvBuilder *words = g_strv_builder_new();
  for (char **word = cut; *word != NULL; word++)
    if (**word != '\0')
      g_strv_builder_add(words, *word);
  GStrv list = g_strv_builder_end(words);
  g_strv_builder_unref(words);
  return list;
}

/* Whether the name without words that say nothing ("n_prompt", "Timestamp (ms)") is one of the role's, or a word of the
 * role stands beside "tokens". */
static gboolean is_spoken(const char *name, tw_log_role role)
{
  const char *part = strrchr(name, '.');
  g_auto(GStrv) words = words_of(part != NULL ? part + 1 : name), all = g_strsplit(known[role], " ", -1),
                say = g_strsplit(spoken[role] != NULL ? spoken[role] : "", " ", -1);
  g_autoptr(GString) rest = g_string_new(NULL), bare = g_string_new(NULL);
  for (char **word = words; *word != NULL; word++) {
    if (g_strv_contains(noise, *word))
      continue;
    g_string_append(rest, *word);
    if (!g_strv_contains(counted, *word))
      g_string_append(bare, *word);
  }
  return g_strv_contains((const char *const *)all, rest->str) ||
         (bare->len > 0 && bare->len < rest->len && g_strv_contains((const char *const *)say, bare->str));
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
  for (int i = 0; names[i] != NULL; i++)
    if (is_spoken(names[i], role) && !is_taken(columns, names[i]))
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

/* One of output, answer and total is enough; a date is looked for beside a time. */
static gboolean is_needed(const tw_log_columns *columns, tw_log_role role)
{
  const char *arrival = columns->of[TW_LOG_ARRIVAL];
  gboolean ends = columns->of[TW_LOG_OUTPUT] != NULL || columns->of[TW_LOG_ANSWER] != NULL ||
                  columns->of[TW_LOG_TOTAL] != NULL;
  if (role == TW_LOG_DATE)
    return arrival != NULL && (is_called(arrival, "time") || is_called(arrival, "uhrzeit") ||
                               is_called(arrival, "zeit") || is_called(arrival, "hora"));
  return !ends || (role != TW_LOG_OUTPUT && role != TW_LOG_ANSWER && role != TW_LOG_TOTAL);
}

gboolean tw_log_guess(const char *const *names, const char *map, tw_log_columns *columns, GError **error)
{
  *columns = (tw_log_columns){0};
  g_auto(GStrv) parts = g_strsplit(map != NULL ? map : "", ",", -1);
  for (char **part = parts; *part != NULL; part++)
    if (**part != '\0' && !take_part(g_strstrip(*part), names, columns, error))
      return FALSE;
  gboolean prompt_is_said = columns->of[TW_LOG_PROMPT] != NULL;
  for (int role = 0; role < TW_LOG_N_ROLES; role++)
    if (columns->of[role] == NULL && is_needed(columns, (tw_log_role)role))
      columns->of[role] = find_known(names, (tw_log_role)role, columns);
  if (!prompt_is_said)
    guess_cached(names, columns);
  return TRUE;
}

gboolean tw_log_is_whole(const tw_log_columns *columns)
{
  return columns->of[TW_LOG_ARRIVAL] != NULL && columns->of[TW_LOG_PROMPT] != NULL &&
         (columns->of[TW_LOG_OUTPUT] != NULL || columns->of[TW_LOG_ANSWER] != NULL ||
          columns->of[TW_LOG_TOTAL] != NULL);
}

static void add_paths(GPtrArray *paths, const tw_json *object, const char *before)
{
  for (const tw_json *part = object->first; part != NULL; part = part->next) {
    char *path = g_strconcat(before, part->key, NULL);
    if (part->kind == TW_JSON_OBJECT) {
      g_autofree char *stem = g_strconcat(path, ".", NULL);
      add_paths(paths, part, stem);
      g_free(path);
    } else if (g_ptr_array_find_with_equal_func(paths, path, g_str_equal, NULL)) {
      g_free(path);
    } else {
      g_ptr_array_add(paths, path);
    }
  }
}

void tw_log_add_paths(GPtrArray *paths, const tw_json *object)
{
  if (object->kind == TW_JSON_OBJECT)
    add_paths(paths, object, "");
}

/* ---- Hints ---- */

/* The path of the first list of objects within an object, such as "hits.hits"; NULL: none. */
static char *list_within(const tw_json *object, int depth)
{
  for (const tw_json *part = object->first; part != NULL && depth > 0; part = part->next) {
    if (part->kind == TW_JSON_ARRAY && part->first != NULL && part->first->kind == TW_JSON_OBJECT)
      return g_strdup(part->key);
    g_autofree char *below = part->kind == TW_JSON_OBJECT ? list_within(part, depth - 1) : NULL;
    if (below != NULL)
      return g_strconcat(part->key, ".", below, NULL);
  }
  return NULL;
}

/* Why the document cannot be read as it is; NULL: that is not seen. */
static char *hint_of_document(const tw_json *document)
{
  const tw_json *first = document->first;
  g_autofree char *list = list_within(document, 4);
  if (list != NULL)
    return g_strdup_printf(
        "if the requests are in the list \"%s\", write it alone: jq -c '.%s[]' FILE > log.jsonl", list, list);
  for (const tw_json *part = first; part != NULL; part = part->next)
    if (part->kind == TW_JSON_STRING && *part->text == '{')
      return g_strdup_printf(
          "if \"%s\" is a JSON object in a text, unpack it: jq -c '.%s |= fromjson' FILE > log.jsonl",
          part->key, part->key);
  return NULL;
}

/* Whether a name is a number or a time, as where a table begins with its first row. */
static gboolean is_value(const char *name)
{
  double number;
  tw_instant instant;
  return tw_number_parse(name, &number) || tw_instant_parse(name, &instant);
}

char *tw_log_hint(const char *const *names, const tw_log_columns *columns, const tw_json *document)
{
  static const tw_log_role needed[] = {TW_LOG_ARRIVAL, TW_LOG_PROMPT, TW_LOG_OUTPUT};
  char *of_document =
      document != NULL && document->kind == TW_JSON_OBJECT ? hint_of_document(document) : NULL;
  if (of_document != NULL)
    return of_document;
  for (int i = 0; names[i] != NULL; i++)
    if (document == NULL && is_value(names[i]))
      return g_strdup_printf("'%s' is no name of a column; put a line of names before the rows, such as: sed "
                             "'1i arrival,prompt_tokens,output_tokens' FILE > log.csv",
                             names[i]);
  if (names[0] != NULL && names[1] == NULL && document == NULL && strchr(names[0], '=') != NULL)
    return g_strdup(
        "fields are written as name=value; write an object a line, such as by Miller: mlr --idkvp --ifs ' ' "
        "--ojsonl cat FILE > log.jsonl");
  if (names[0] != NULL && names[1] == NULL && document == NULL && strchr(names[0], ' ') != NULL)
    return g_strdup("its columns are parted by none of , ; | and tab; write commas, such as: tr -s ' ' ',' < "
                    "FILE > log.csv");
  g_autoptr(GString) missing = g_string_new(NULL), map = g_string_new(NULL);
  for (guint i = 0; i < G_N_ELEMENTS(needed); i++) {
    const char *role = tw_log_role_names[needed[i]];
    if (columns->of[needed[i]] != NULL || (needed[i] == TW_LOG_OUTPUT && !is_needed(columns, TW_LOG_OUTPUT)))
      continue;
    g_string_append_printf(missing, "%s%s%s", missing->len > 0 ? ", the " : "", role,
                           needed[i] == TW_LOG_ARRIVAL ? "" : " tokens");
    g_string_append_printf(map, "%s%s=COLUMN", map->len > 0 ? "," : "", role);
  }
  g_autofree char *all = g_strjoinv(", ", (char **)names), *quoted = tw_input_quote(all);
  return g_strdup_printf("which column holds the %s? say it with --map %s; there are %s", missing->str,
                         map->str, strlen(all) < 400 ? all : quoted);
}

/* ---- Times ---- */

const char *const tw_log_time_names[] = {"guess", "iso",     "epoch", "epoch-ms", "epoch-us", "epoch-ns",
                                         "excel", "seconds", "dmy",   "mdy",      NULL};

/* The unit at the end of a column's name ("ts_ms", "Time (us)"), as the kind of time that counts in it. */
static tw_log_time unit_of_name(const char *column)
{
  static const struct {
    const char *words;
    tw_log_time time;
  } units[] = {{" ms millis milliseconds msec ", TW_LOG_EPOCH_MS},
               {" us micros microseconds usec ", TW_LOG_EPOCH_US},
               {" ns nanos nanoseconds nsec nano ", TW_LOG_EPOCH_NS}};
  g_auto(GStrv) words = words_of(column);
  guint n = g_strv_length(words);
  g_autofree char *last = n > 0 ? g_strdup_printf(" %s ", words[n - 1]) : g_strdup("none");
  for (guint i = 0; i < G_N_ELEMENTS(units); i++)
    if (strstr(units[i].words, last) != NULL)
      return units[i].time;
  return TW_LOG_GUESS;
}

static tw_log_time guess_by_value(double value, const char *number)
{
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

tw_log_time tw_log_time_guess(const char *text, const char *column, gboolean *unclear)
{
  tw_instant instant = {0};
  *unclear = FALSE;
  if (tw_instant_parse(text, &instant))
    return TW_LOG_ISO;
  gboolean dmy = tw_instant_parse_slashes(text, FALSE, &instant);
  gboolean mdy = tw_instant_parse_slashes(text, TRUE, &instant);
  g_autofree char *upper = g_ascii_strup(text, -1);
  if (dmy != mdy)
    return dmy ? TW_LOG_DMY : TW_LOG_MDY;
  if (mdy && strchr(upper, 'M') != NULL) /* AM and PM */
    return TW_LOG_MDY;
  *unclear = mdy;
  g_autofree char *number = g_strdelimit(g_strdup(text), ",", '.');
  double value;
  if (!tw_number_parse(number, &value) || value < 0)
    return TW_LOG_GUESS;
  tw_log_time named = unit_of_name(column), guessed = guess_by_value(value, number);
  return named != TW_LOG_GUESS && (guessed == TW_LOG_SECONDS || guessed == TW_LOG_EXCEL) ? named : guessed;
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
  if (time == TW_LOG_DMY || time == TW_LOG_MDY)
    return tw_instant_parse_slashes(text, time == TW_LOG_MDY, instant);
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
