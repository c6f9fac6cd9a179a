/* Reads the counts of a log, and says what is missing where it cannot be read as it is, and the command that mends it. */
#include "platforms/input/fault.h"
#include "platforms/input/units.h"
#include "workloads/formats/log.h"

const char *tw_log_in_command(const char *name)
{
  const char *c = name;
  while (g_ascii_isalnum(*c) || (*c != '\0' && strchr("_.- ", *c) != NULL))
    c++;
  return *c == '\0' && *name != '\0' ? name : "NAME";
}

/* Whether the fields of an object are those of a request. */
static gboolean is_request(const tw_json *object)
{
  g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
  tw_log_columns columns;
  tw_log_add_paths(names, object);
  g_ptr_array_add(names, NULL);
  return tw_log_guess((const char *const *)names->pdata, NULL, &columns, NULL) && tw_log_is_whole(&columns);
}

/* The path of the first list of objects, or of requests, within an object, such as "hits.hits"; NULL: none. */
static char *list_within(const tw_json *object, gboolean of_requests, int depth)
{
  for (const tw_json *part = object->first; part != NULL && depth > 0; part = part->next) {
    if (part->kind == TW_JSON_ARRAY && part->first != NULL && part->first->kind == TW_JSON_OBJECT &&
        (!of_requests || is_request(part->first)))
      return g_strdup(part->key);
    g_autofree char *below = part->kind == TW_JSON_OBJECT ? list_within(part, of_requests, depth - 1) : NULL;
    if (below != NULL)
      return g_strconcat(part->key, ".", below, NULL);
  }
  return NULL;
}

/* Why the document cannot be read as it is; NULL: that is not seen. */
static char *hint_of_document(const tw_json *document)
{
  const tw_json *first = document->first;
  const char *each = document->at > 0 ? ".[] | " : ""; /* an element of a list */
  g_autofree char *requests = list_within(document, TRUE, 4);
  g_autofree char *list = requests == NULL ? list_within(document, FALSE, 4) : g_steal_pointer(&requests);
  if (list != NULL)
    return g_strdup_printf(
        "if the requests are in the list \"%s\", write it alone: jq -c '%s.%s[]' FILE > log.jsonl", list,
        each, tw_log_in_command(list));
  for (const tw_json *part = first; part != NULL; part = part->next)
    if (part->kind == TW_JSON_STRING && *part->text == '{')
      return g_strdup_printf(
          "if \"%s\" is a JSON object in a text, unpack it: jq -c '%s.%s |= fromjson' FILE > log.jsonl",
          part->key, each, tw_log_in_command(part->key));
  return NULL;
}

/* Whether a name is a number or a time, as where a table begins with its first row. */
static gboolean is_value(const char *name)
{
  double number;
  tw_instant instant;
  return tw_number_parse(name, &number) || tw_instant_parse(name, &instant);
}

const char *tw_log_many(const char *const *names)
{
  static const char *const counts[] = {
      "num_model_requests", "num_requests",       "request_count", "requestcount",   "requests",
      "request count",      "number of requests", "n_requests",    "total_requests", NULL};
  for (int i = 0; names[i] != NULL; i++) {
    g_autofree char *name = g_ascii_strdown(names[i], -1);
    const char *end = strrchr(name, '.');
    if (strstr(name, "sum(") != NULL || strstr(name, "rate(") != NULL || strstr(name, "(sum)") != NULL ||
        g_strv_contains(counts, end != NULL ? end + 1 : name))
      return names[i];
  }
  return NULL;
}

char *tw_log_line_hint(const char *line)
{
  const char *object = strstr(line, "{\"");
  if (object == NULL || object == line || !g_str_has_suffix(line, "}"))
    return NULL;
  gboolean bracket = memchr(line, '[', (gsize)(object - line)) != NULL;
  return g_strdup_printf(
      "a JSON object stands behind other text; write it alone, with the time before it: sed -E "
      "'s/^%s[^{]*\\{/{\"time\":\"\\1\",/' FILE > log.jsonl",
      bracket ? "[^[]*\\[([^]]+)\\]" : "([0-9-]+[T ][0-9:.,]+Z?)");
}

char *tw_log_hint(const char *const *names, const tw_log_columns *columns, const tw_json *document,
                  char delimiter)
{
  static const tw_log_role needed[] = {TW_LOG_ARRIVAL, TW_LOG_PROMPT, TW_LOG_OUTPUT};
  char *of_document =
      document != NULL && document->kind == TW_JSON_OBJECT ? hint_of_document(document) : NULL;
  if (of_document != NULL)
    return of_document;
  if (document == NULL && names[0] != NULL && *names[0] == '<')
    return g_strdup("this is HTML or XML; export a table (CSV) or JSON lines");
  const char *many = tw_log_many(names);
  if (many != NULL)
    return g_strdup_printf("by its column '%s', a row adds up many requests; export a row per request", many);
  for (int i = 0; names[i] != NULL; i++)
    if (document == NULL && is_value(names[i])) {
      char part[] = {delimiter, '\0'};
      const char *mark = delimiter == '\t' ? "\\t" : part;
      return g_strdup_printf("'%s' is no name of a column; put a line of names before the rows, such as: sed "
                             "'1i arrival%sprompt_tokens%soutput_tokens' FILE > log.csv",
                             names[i], mark, mark);
    }
  g_autofree char *line = g_strjoinv(" ", (char **)names);
  if (document == NULL && strchr(line, '[') != NULL && strchr(line, '=') != NULL)
    return g_strdup(
        "by its bracketed time it is the log of a web server; write an object a line, such as by Miller: sed "
        "-E "
        "'s/\\[([^] ]+) ([^]]+)\\]/time=\\1\\2/' FILE | mlr --idkvp --ifs ' ' --ojsonl cat > log.jsonl");
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
    if (columns->of[needed[i]] != NULL || (needed[i] == TW_LOG_OUTPUT && tw_log_tells_output(columns)))
      continue;
    g_string_append_printf(missing, "%s%s%s", missing->len > 0 ? ", the " : "", role,
                           needed[i] == TW_LOG_ARRIVAL ? "" : " tokens");
    g_string_append_printf(map, "%s%s=COLUMN", map->len > 0 ? "," : "", role);
  }
  g_autofree char *all = g_strjoinv(", ", (char **)names), *quoted = tw_input_quote(all);
  return g_strdup_printf(
      "which column holds the %s? say it with --map %s (of `tokenworks workload convert`); there are %s",
      missing->str, map->str, strlen(all) < 400 ? all : quoted);
}

/* Takes marks out that part a number into groups of three digits, "1,234,567". Without effect where groups are others. */
static void join_thousands(char *number, char mark)
{
  const char *c = strchr(number, mark);
  if (c == NULL || c == number)
    return;
  for (; *c == mark; c += 4)
    if (!g_ascii_isdigit(c[1]) || !g_ascii_isdigit(c[2]) || !g_ascii_isdigit(c[3]) ||
        (c[4] != mark && c[4] != '\0' && c[4] != '.' && c[4] != ','))
      return;
  char *to = number;
  for (c = number; *c != '\0'; c++)
    if (*c != mark)
      *to++ = *c;
  *to = '\0';
}

gboolean tw_log_tokens_parse(const char *text, char delimiter, gint32 *tokens)
{
  g_auto(GStrv) narrow = g_strsplit(text, "\xe2\x80\xaf", -1); /* narrow and plain blanks that do not break */
  g_autofree char *joined = g_strjoinv(" ", narrow);
  g_auto(GStrv) plain = g_strsplit(joined, "\xc2\xa0", -1);
  g_autofree char *number = g_strjoinv(" ", plain);
  double value;
  join_thousands(number, ',');
  join_thousands(number, ' ');
  join_thousands(number, '\'');
  if (delimiter == ';')
    join_thousands(number, '.');
  char *comma = strchr(number, ',');
  if (comma != NULL && delimiter != ',')
    *comma = '.';
  if (!tw_number_parse(number, &value) || floor(value) != value || value < 0 || value > TW_REQUEST_MAX_TOKENS)
    return FALSE;
  *tokens = (gint32)value;
  return TRUE;
}
