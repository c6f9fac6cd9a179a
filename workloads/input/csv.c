#include "workloads/input/csv.h"

#include "platforms/input/fault.h"

struct tw_csv {
  tw_input *input;
  const tw_csv_column *columns;
  int n_file_columns;
  int wanted[TW_CSV_MAX_COLUMNS];       /* each column of the file has its index in `columns`, or -1 */
  char *fields[TW_CSV_MAX_COLUMNS + 1]; /* the fields of the row; the last takes what nobody wants */
  char nothing[1];                      /* the text of absent columns */
  char delimiter;
  GString *joined;            /* a row of several lines */
  GPtrArray *unread, *absent; /* names: owned; of `columns` */
};

/* Ends a quoted field that starts behind `from`, undoing doubled quotes in place. Returns what follows the
 * closing quote, or NULL where there is none. */
static char *unquote(char *from)
{
  char *to = from;
  for (; *from != '\0'; from++) {
    if (*from == '"') {
      if (from[1] != '"') {
        *to = '\0';
        return from + 1;
      }
      from++;
    }
    *to++ = *from;
  }
  return NULL;
}

/* Cuts the field that starts at *text out of the line, in place; *text becomes the start of the next one, or
 * NULL after the last. Returns NULL where the quotes are wrong. */
static char *cut_field(char **text, char delimiter)
{
  char *field = *text;
  while (*field == ' ' || (*field == '\t' && delimiter != '\t'))
    field++;
  char *end = field;
  if (*field == '"') {
    end = unquote(++field);
    if (end == NULL)
      return NULL;
    while (*end == ' ' || (*end == '\t' && delimiter != '\t'))
      end++;
    if (*end != delimiter && *end != '\0')
      return NULL;
    *text = *end == delimiter ? end + 1 : NULL;
    return field;
  }
  while (*end != delimiter && *end != '\0')
    end++;
  *text = *end == delimiter ? end + 1 : NULL;
  *end = '\0';
  while (end > field && (end[-1] == ' ' || end[-1] == '\t'))
    *--end = '\0';
  return field;
}

static const char wrong_quotes[] =
    "the quotes of a field do not end it; write \"...\" with \"\" for a quote inside, then a comma";

static gboolean quotes_wrong(const tw_csv *csv, GError **error)
{
  return tw_input_fault(csv->input, error, "%s", wrong_quotes);
}

/* The next line that is not blank. */
static gboolean next_line(tw_input *input, char **line, GError **error)
{
  gsize length;
  do
    if (!tw_input_line(input, line, &length, error))
      return FALSE;
  while (length == 0);
  return TRUE;
}

/* Whether the line is a rule, "-----+-----", or says how many rows there were, "(8 rows)" and "8 rows in set (0.01 sec)":
 * psql and MySQL draw these. */
static gboolean is_drawn(const char *line)
{
  gsize digits = strspn(line + (*line == '('), "0123456789");
  if (digits > 0)
    return *line == '(' ? g_str_has_suffix(line, " rows)") || g_str_has_suffix(line, " row)")
                        : g_str_has_prefix(line + digits, " row") && strstr(line, " in set (") != NULL;
  return strspn(line, "-+| :") == strlen(line) && strstr(line, "---") != NULL;
}

gboolean tw_csv_header(tw_input *input, char **line, GError **error)
{
  static const char byte_order_mark[] = "\xef\xbb\xbf";
  do {
    if (!next_line(input, line, error))
      return FALSE;
    if (tw_input_line_number(input) == 1 && g_str_has_prefix(*line, byte_order_mark))
      *line += strlen(byte_order_mark);
    if (g_str_has_prefix(*line, "# HELP ") || g_str_has_prefix(*line, "# TYPE "))
      return tw_input_fault(
          input, error,
          "metrics of Prometheus are totals since a server started, not requests; a log of its "
          "requests, or spans, are needed");
  } while (**line == '\0' || g_str_has_prefix(*line, "# ") || g_str_has_prefix(*line, "#TYPE ") ||
           g_str_has_prefix(*line, "sep=") || is_drawn(*line));
  return TRUE;
}

/* Whether a quoted field is open at the end of the line; `open`: one is at its begin. */
static gboolean is_open(const char *line, char delimiter, gboolean open)
{
  if (!open && strchr(line, '"') == NULL)
    return FALSE;
  for (const char *c = line; c != NULL; c = strchr(c, delimiter), c = c != NULL ? c + 1 : NULL) {
    while (!open && (*c == ' ' || (*c == '\t' && delimiter != '\t')))
      c++;
    if (!open && *c != '"')
      continue;
    c = strchr(c + (open ? 0 : 1), '"');
    while (c != NULL && c[1] == '"') /* a doubled quote is text */
      c = strchr(c + 2, '"');
    if (c == NULL)
      return TRUE;
    open = FALSE;
  }
  return FALSE;
}

enum { MAX_ROW = 16 * 1024 * 1024 }; /* bytes of a row over several lines */

/* The text of the next row. FALSE at the end, or with `error` set: a quote that nothing ends takes the rest of the file,
 * so that no reading goes on behind it. */
static gboolean next_row(tw_csv *csv, char **row, GError **error)
{
  do
    if (!next_line(csv->input, row, error))
      return FALSE;
  while (is_drawn(*row));
  if (!is_open(*row, csv->delimiter, FALSE))
    return TRUE;
  long begin = tw_input_line_number(csv->input);
  g_string_assign(csv->joined, *row);
  char *line = NULL;
  gsize length = 0;
  while (csv->joined->len < MAX_ROW && tw_input_line(csv->input, &line, &length, error)) {
    g_string_append_c(csv->joined, '\n');
    g_string_append_len(csv->joined, line, (gssize)length);
    if (!is_open(line, csv->delimiter, TRUE)) {
      *row = csv->joined->str;
      return TRUE;
    }
  }
  return (error == NULL || *error == NULL) &&
         tw_input_error_set(error, TW_INPUT_ERROR_SYNTAX, tw_input_path(csv->input), begin, "%s",
                            wrong_quotes);
}

/* The column of that name, or else of that name in letters of another case. */
static int find_column(const tw_csv_column *columns, const char *name)
{
  int alike = -1;
  for (int i = 0; columns[i].name != NULL; i++) {
    if (g_str_equal(columns[i].name, name))
      return i;
    if (g_ascii_strcasecmp(columns[i].name, name) == 0)
      alike = i;
  }
  return alike;
}

static gboolean read_header(tw_csv *csv, char *line, GError **error)
{
  while (line != NULL) {
    char *name = cut_field(&line, csv->delimiter);
    if (name == NULL)
      return quotes_wrong(csv, error);
    if (csv->n_file_columns == TW_CSV_MAX_COLUMNS)
      return tw_input_fault(csv->input, error, "more than %d columns; at most so many are read",
                            TW_CSV_MAX_COLUMNS);
    int column = find_column(csv->columns, name);
    for (int i = 0; i < csv->n_file_columns && column >= 0; i++)
      if (csv->wanted[i] == column)
        return tw_input_fault(csv->input, error, "column '%s' appears twice; rename or remove one", name);
    csv->wanted[csv->n_file_columns++] = column;
    if (column < 0)
      g_ptr_array_add(csv->unread, g_strdup(name));
  }
  g_ptr_array_add(csv->unread, NULL);
  return TRUE;
}

/* Collects the columns that the header lacks, and reports the first required one. */
static gboolean check_missing(const tw_csv *csv, GError **error)
{
  for (int i = 0; csv->columns[i].name != NULL; i++) {
    gboolean found = FALSE;
    for (int j = 0; j < csv->n_file_columns; j++)
      found |= csv->wanted[j] == i;
    if (!found)
      g_ptr_array_add(csv->absent, (char *)csv->columns[i].name);
    if (found || csv->columns[i].optional)
      continue;
    const char *near = tw_nearest(csv->columns[i].name, tw_csv_unread(csv));
    g_autofree char *quoted = near != NULL ? tw_input_quote(near) : NULL;
    if (quoted != NULL)
      return tw_input_fault(csv->input, error, "column '%s' is missing; is '%s' meant to be it?",
                            csv->columns[i].name, quoted);
    g_autoptr(GString) all = g_string_new(NULL);
    for (int j = 0; csv->columns[j].name != NULL; j++)
      if (!csv->columns[j].optional)
        g_string_append_printf(all, "%s%s", all->len > 0 ? ", " : "", csv->columns[j].name);
    return tw_input_fault(csv->input, error, "column '%s' is missing; the header line must name %s",
                          csv->columns[i].name, all->str);
  }
  g_ptr_array_add(csv->absent, NULL);
  return TRUE;
}

tw_csv *tw_csv_open(tw_input *input, const tw_csv_column *columns, GError **error)
{
  return tw_csv_open_delimited(input, columns, ',', error);
}

tw_csv *tw_csv_open_delimited(tw_input *input, const tw_csv_column *columns, char delimiter, GError **error)
{
  g_autoptr(GError) problem = NULL;
  char *line;
  if (!tw_csv_header(input, &line, &problem)) {
    if (problem != NULL)
      g_propagate_error(error, g_steal_pointer(&problem));
    else
      tw_input_error_set(error, TW_INPUT_ERROR_SYNTAX, tw_input_path(input), 0,
                         "the file is empty; a header line that names the columns is needed");
    return NULL;
  }
  g_autoptr(tw_csv) csv = g_new0(tw_csv, 1);
  csv->delimiter = delimiter != '\0' ? delimiter : tw_csv_delimiter(line);
  csv->joined = g_string_new(NULL);
  csv->unread = g_ptr_array_new_with_free_func(g_free);
  csv->absent = g_ptr_array_new();
  csv->input = input;
  csv->columns = columns;
  for (int i = 0; i <= TW_CSV_MAX_COLUMNS; i++)
    csv->fields[i] = csv->nothing;
  if (!read_header(csv, line, error) || !check_missing(csv, error))
    return NULL;
  return g_steal_pointer(&csv);
}

void tw_csv_free(tw_csv *csv)
{
  if (csv == NULL)
    return;
  g_string_free(csv->joined, TRUE);
  g_ptr_array_unref(csv->unread);
  g_ptr_array_unref(csv->absent);
  g_free(csv);
}

const char *const *tw_csv_unread(const tw_csv *csv)
{
  return (const char *const *)csv->unread->pdata;
}

const char *const *tw_csv_absent(const tw_csv *csv)
{
  return (const char *const *)csv->absent->pdata;
}

char tw_csv_delimiter(const char *header)
{
  char best = ',';
  guint most = 0;
  for (const char *candidate = ",;\t|"; *candidate != '\0'; candidate++) {
    guint n = 0;
    gboolean quoted = FALSE;
    for (const char *c = header; *c != '\0'; c++) {
      quoted ^= *c == '"';
      n += !quoted && *c == *candidate ? 1 : 0;
    }
    if (n > most) {
      most = n;
      best = *candidate;
    }
  }
  return best;
}

GPtrArray *tw_csv_names(char *line, char delimiter)
{
  g_autoptr(GPtrArray) names = g_ptr_array_new();
  while (line != NULL) {
    char *name = cut_field(&line, delimiter);
    if (name == NULL)
      return NULL;
    g_ptr_array_add(names, name);
  }
  g_ptr_array_add(names, NULL);
  return g_steal_pointer(&names);
}

gboolean tw_csv_next(tw_csv *csv, GError **error)
{
  char *line;
  if (!next_row(csv, &line, error))
    return FALSE;
  int n = 0;
  while (line != NULL && n < csv->n_file_columns) {
    char *field = cut_field(&line, csv->delimiter);
    if (field == NULL)
      return quotes_wrong(csv, error);
    int column = csv->wanted[n++];
    csv->fields[column >= 0 ? column : TW_CSV_MAX_COLUMNS] = field;
  }
  if (n < csv->n_file_columns)
    return tw_input_fault(csv->input, error, "the row ends after %d of the header's %d columns", n,
                          csv->n_file_columns);
  if (line != NULL && *line != '\0') /* a delimiter may end rows */
    return tw_input_fault(csv->input, error, "the row has more fields than the header's %d columns", n);
  return TRUE;
}

char *tw_csv_text(const tw_csv *csv, int column)
{
  return csv->fields[column];
}

const char *tw_csv_name(const tw_csv *csv, int column)
{
  return csv->columns[column].name;
}

const tw_input *tw_csv_input(const tw_csv *csv)
{
  return csv->input;
}
