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
        "arrivals arrival arrivaltime arrivedat arrivaltimestamp requestedat requesttimestamp "
        "receivedat submittedat startedat starttime starttimeunixnano start timestamp eventtime "
        "starttimestamp startts tstart begin begintime requestts submittime enqueuetime arrivalts loggedat "
        "logtime loggingtime requeststart inferencetime timegenerated realtimetimestamp timelocal "
        "eventtimestamp requestcreatedat "
        "createdat createtime created creationtime datetime time heure "
        "hora uhrzeit date ts t when epoch requesttime " /* the last is how long it took, in nginx's logs */
        "zeitstempel zeitpunkt zeit datum fecha tiempo horodatage",
    [TW_LOG_DATE] = "date day datum fecha data jour",
    [TW_LOG_PROMPT] =
        "prompttokens inputtokencount inputtokens prompttokencount numprompttokens numinputtokens inputusage "
        "requesttokens contexttokens promptlength inputlength promptlen inputlen tokensin intokens "
        "inputtoks prompttoks numprefilltokens tokensprompt usagedetailsinput prompt input isl in "
        "promptevalcount "
        "tokensevaluated",
    [TW_LOG_CACHE_READ] = "", /* see guess_cached */
    [TW_LOG_CACHE_WRITE] = "",
    [TW_LOG_OUTPUT] =
        "outputtokencount outputtokens completiontokens completiontokencount numoutputtokens outputusage "
        "numcompletiontokens generatedtokens generationtokens responsetokens outputlength "
        "completionlength outputlen completionlen tokensout outtokens outputtoks numdecodetokens "
        "tokenscompletion usagedetailsoutput completion output answer osl out evalcount tokenspredicted",
    [TW_LOG_ANSWER] = "answertokens answerlength candidatestokencount", /* Gemini counts thoughts apart */
    [TW_LOG_TOTAL] = "totaltokens totaltokencount tokenstotal totalusage usagedetailstotal",
    [TW_LOG_REASONING] =
        "reasoningtokens reasoningoutputtokens thinkingtokens thoughtstokencount tokensreasoning reasoning",
    [TW_LOG_SESSION] = "sessionid session conversationid chatid threadid userid clientid customerid user "
                       "client benutzer usuario "
                       "utilisateur",
    [TW_LOG_CLASS] = "class model modelname requestmodel modelid modelpermaslug modelversion aimodel "
                     "deployment modell modelo "
                     "modele",
    [TW_LOG_PRIORITY] = "priority",
    [TW_LOG_STATE] =
        ("status state statuscode httpstatus responsestatus responsestatuscode httpcode resultcode "
         "errortype errorcode error result success level estado"),
    [TW_LOG_REQUEST] = "requestid messageid generationid",
};

/* Words that stand for a role beside one that stands for tokens, "Eingabe Tokens". */
static const char *const spoken[TW_LOG_N_ROLES] = {
    [TW_LOG_PROMPT] =
        ("prompt prompts input inputs in request req context ctx prefill query sent eingabe entrada entree "
         "ingresso entr\u00e9e"),
    [TW_LOG_OUTPUT] = ("output outputs out completion completions response res answer generated generation "
                       "gen new resp decode "
                       "reply received ausgabe antwort salida saida sa\u00edda sortie uscita"),
};
static const char *const counted[] = {"token", "tokens", "tok", "toks", "tks", "jetons",
                                      "units", "length", "len", "size", NULL};
static const char *const noise[] = {"usage", "unix",  "n",   "num", "nb",      "number", "of",
                                    "total", "count", "cnt", "sum", "llm",     "utc",    "ms",
                                    "us",    "ns",    "s",   "sec", "seconds", "millis", "micros",
                                    "nanos", "de",    "en",  "di",  "da",      NULL};

/* Letters and digits of a name, in lower case. */
static char *plain(const char *name)
{
  GString *text = g_string_new(NULL);
  for (; *name != '\0'; name++)
    if (g_ascii_isalnum(*name))
      g_string_append_c(text, g_ascii_tolower(*name));
  return g_string_free(text, FALSE);
}

/* The name without how MongoDB and DynamoDB mark a value's type: "createdAt.$date", "tokens.N". */
static char *untyped(const char *name)
{
  const char *mark = strstr(name, ".$");
  gboolean letter = g_str_has_suffix(name, ".N") || g_str_has_suffix(name, ".S");
  return g_strndup(name,
                   mark != NULL && mark > name ? (gsize)(mark - name) : strlen(name) - (letter ? 2 : 0));
}

/* Whether a column's name, or the end of it behind a dot or another mark, is `word`. */
static gboolean is_called(const char *name, const char *word)
{
  g_autofree char *bare = untyped(name);
  for (const char *part = bare; part != NULL; part = strpbrk(part, "./:@")) {
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
  g_autofree char *plain_name = untyped(name);
  const char *part = strrchr(plain_name, '.');
  g_auto(GStrv) words = words_of(part != NULL ? part + 1 : plain_name),
                all = g_strsplit(known[role], " ", -1),
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
  for (int role = 0; role < TW_LOG_N_COLUMNS; role++)
    if (columns->of[role] == name)
      return TRUE;
  return FALSE;
}

/* Whether the name is one of an object that adds up what came before, "info.total_token_usage.input_tokens". */
static gboolean is_sum(const char *name)
{
  const char *total = strstr(name, "total_"), *end = strrchr(name, '.');
  return total != NULL && end != NULL && total < end;
}

/* The only one of which the last words are the role's, "upstream_http_x_prompt_tokens"; NULL: none, or several. */
static const char *find_ending(const char *const *names, tw_log_role role, const tw_log_columns *columns)
{
  static const char *const ends[][2] = {[TW_LOG_PROMPT] = {"prompttokens", "inputtokens"},
                                        [TW_LOG_OUTPUT] = {"completiontokens", "outputtokens"}};
  static const char *const others[] = {"cache", "max", "avg", "mean"};
  const char *found = NULL;
  for (int i = 0; names[i] != NULL; i++) {
    g_autofree char *name = plain(names[i]);
    gboolean fits = g_str_has_suffix(name, ends[role][0]) || g_str_has_suffix(name, ends[role][1]);
    for (guint j = 0; j < G_N_ELEMENTS(others); j++)
      fits &= strstr(name, others[j]) == NULL;
    if (!fits || is_taken(columns, names[i]))
      continue;
    if (found != NULL)
      return NULL;
    found = names[i];
  }
  return found;
}

static const char *find_known(const char *const *names, tw_log_role role, const tw_log_columns *columns)
{
  g_auto(GStrv) words = g_strsplit(known[role], " ", -1);
  for (gboolean sums = FALSE; sums <= TRUE; sums++) {
    for (char **word = words; *word != NULL; word++)
      for (int i = 0; names[i] != NULL; i++)
        if (is_called(names[i], *word) && !is_taken(columns, names[i]) && is_sum(names[i]) == sums)
          return names[i];
    for (int i = 0; names[i] != NULL; i++)
      if (is_spoken(names[i], role) && !is_taken(columns, names[i]) && is_sum(names[i]) == sums)
        return names[i];
  }
  return role == TW_LOG_PROMPT || role == TW_LOG_OUTPUT ? find_ending(names, role, columns) : NULL;
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

/* Whether two names are of one object. */
static gboolean is_beside(const char *a, const char *b)
{
  const char *a_end = strrchr(a, '.'), *b_end = strrchr(b, '.');
  gsize a_length = a_end != NULL ? (gsize)(a_end - a) : 0, b_length = b_end != NULL ? (gsize)(b_end - b) : 0;
  return a_length == b_length && strncmp(a, b, a_length) == 0;
}

/* The input_tokens of Anthropic and of Bedrock leave out what the cache read and wrote, which have names of their own; the
 * counts of others, and `cache_read.input_tokens` of OpenTelemetry, are parts of the prompt. */
static void guess_cached(const char *const *names, tw_log_columns *columns)
{
  static const char *const words[][2] = {
      [TW_LOG_CACHE_READ] = {"cachereadinputtoken", "cachereadinputtoken"},
      [TW_LOG_CACHE_WRITE] = {"cachecreationinputtoken", "cachewriteinputtoken"}};
  const char *prompt = columns->of[TW_LOG_PROMPT];
  if (prompt == NULL)
    return;
  g_autofree char *plain_prompt = plain(prompt);
  gboolean anthropic = strstr(plain_prompt, "inputtoken") != NULL;
  for (int role = TW_LOG_CACHE_READ; role <= TW_LOG_CACHE_WRITE; role++)
    for (int i = 0; anthropic && names[i] != NULL; i++) {
      g_autofree char *name = plain(names[i]);
      if ((strstr(name, words[role][0]) != NULL || strstr(name, words[role][1]) != NULL) &&
          strstr(name, "genai") == NULL &&
          (columns->of[role] == NULL ||
           (is_beside(names[i], prompt) && !is_beside(columns->of[role], prompt))))
        columns->of[role] = names[i];
    }
}

/* Puts a column into the first free place from `first` to before `end`. */
static void put(tw_log_columns *columns, int first, int end, const char *name)
{
  while (first < end && columns->of[first] != NULL)
    first++;
  if (first < end)
    columns->of[first] = name;
}

/* Langfuse's usageDetails part the tokens: "input" leaves out those of "input_cached_tokens" and of whatever else has
 * "input" in its name, and "output" likewise. */
static void guess_parts(const char *const *names, tw_log_columns *columns)
{
  const char *prompt = columns->of[TW_LOG_PROMPT], *output = columns->of[TW_LOG_OUTPUT];
  if (prompt == NULL || output == NULL || strchr(prompt, '.') == NULL ||
      !is_called(prompt, "usagedetailsinput") || !is_beside(prompt, output))
    return;
  for (int i = 0; names[i] != NULL; i++) {
    g_autofree char *part = plain(strrchr(names[i], '.') != NULL ? strrchr(names[i], '.') : names[i]);
    if (!is_beside(names[i], prompt) || is_taken(columns, names[i]))
      continue;
    if (strstr(part, "input") != NULL)
      put(columns, TW_LOG_PROMPT_PARTS, TW_LOG_OUTPUT_PARTS, names[i]);
    else if (strstr(part, "outputreasoning") != NULL && columns->of[TW_LOG_REASONING] == NULL) {
      columns->of[TW_LOG_REASONING] = names[i];
      columns->of[TW_LOG_ANSWER] = output;
      columns->of[TW_LOG_OUTPUT] = NULL;
    } else if (strstr(part, "output") != NULL)
      put(columns, TW_LOG_OUTPUT_PARTS, TW_LOG_N_COLUMNS, names[i]);
  }
}

/* Tokens that a cache held and that most count within the prompt. Version 5 of
 * Vercel's AI SDK hands on Anthropic's, whose input leaves them out. */
static void guess_held(const char *const *names, tw_log_columns *columns)
{
  static const char *const words[] = {"cachedinputtokens",  "inputcachedtokens",    "cachedprompttokens",
                                      "promptcachedtokens", "cachereadinputtokens", "cacheread"};
  const char *prompt = columns->of[TW_LOG_PROMPT];
  for (guint word = 0; word < G_N_ELEMENTS(words); word++)
    for (int i = 0; prompt != NULL && columns->of[TW_LOG_CACHE_READ] == NULL && names[i] != NULL; i++)
      if (is_beside(names[i], prompt) && is_called(names[i], words[word]) && !is_taken(columns, names[i]))
        put(columns, TW_LOG_CACHED, TW_LOG_CACHED + 1, names[i]);
}

/* Whether a column may hold times without their day. */
static gboolean is_time_of_day(const char *column)
{
  static const char *const ends[] = {"time", "zeit", "hora", "heure"};
  g_autofree char *name = plain(column);
  for (guint i = 0; i < G_N_ELEMENTS(ends); i++)
    if (g_str_has_suffix(name, ends[i]))
      return TRUE;
  return FALSE;
}

/* One of output and answer is enough; a date is looked for beside a time. */
static gboolean is_needed(const tw_log_columns *columns, tw_log_role role)
{
  const char *arrival = columns->of[TW_LOG_ARRIVAL];
  gboolean ends = columns->of[TW_LOG_OUTPUT] != NULL || columns->of[TW_LOG_ANSWER] != NULL ||
                  columns->of[TW_LOG_TOTAL] != NULL;
  if (role == TW_LOG_DATE)
    return arrival != NULL && is_time_of_day(arrival);
  return !ends || (role != TW_LOG_OUTPUT && role != TW_LOG_ANSWER);
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
  if (!prompt_is_said) {
    guess_cached(names, columns);
    guess_parts(names, columns);
    guess_held(names, columns);
  }
  const char *total = columns->of[TW_LOG_TOTAL], *prompt = columns->of[TW_LOG_PROMPT];
  if (total != NULL && prompt != NULL && !is_beside(total, prompt) &&
      (columns->of[TW_LOG_OUTPUT] != NULL || columns->of[TW_LOG_ANSWER] != NULL))
    columns->of[TW_LOG_TOTAL] = NULL; /* it may be another total */
  return TRUE;
}

gboolean tw_log_tells_output(const tw_log_columns *columns)
{
  return columns->of[TW_LOG_OUTPUT] != NULL || columns->of[TW_LOG_ANSWER] != NULL ||
         columns->of[TW_LOG_TOTAL] != NULL;
}

gboolean tw_log_is_whole(const tw_log_columns *columns)
{
  return columns->of[TW_LOG_ARRIVAL] != NULL && columns->of[TW_LOG_PROMPT] != NULL &&
         tw_log_tells_output(columns);
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

/* Whether a spreadsheet wrote a number by its first digits, "1.7803E+12". */
static gboolean is_rounded(const char *text)
{
  const char *exponent = strstr(text, "E+");
  return exponent != NULL && exponent - text <= 8;
}

const char *tw_log_time_needed(const char *text)
{
  return is_rounded(text)
             ? "a spreadsheet rounded it; format the column as a number without decimals, and export it again"
             : "a time such as 2026-06-01T08:00:00.1Z, or a count of seconds, is needed (--map "
               "arrival=COLUMN names "
               "another column, --time how it is written)";
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
  if (!tw_number_parse(number, &value) || value < 0 || is_rounded(number))
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
