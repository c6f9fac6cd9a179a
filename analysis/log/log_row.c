#include "analysis/log/log_row.h"

#include "sim/log/log_cell.h"

#include <math.h>

static void clear_column(gpointer data)
{
  g_free((char *)((tw_column *)data)->name);
}

GArray *tw_row_columns(const tw_log_table *table, const char *header)
{
  GArray *columns = g_array_new(FALSE, FALSE, sizeof(tw_column));
  g_auto(GStrv) names = g_strsplit(header, ",", -1);
  g_array_set_clear_func(columns, clear_column);
  for (char **name = names; *name != NULL; name++) {
    tw_column column = {.type = TW_COLUMN_TEXT, .unit = "", .help = ""};
    for (int i = 0; i < table->n_columns; i++)
      if (g_str_equal(table->columns[i].name, *name))
        column = table->columns[i];
    column.name = g_strdup(*name);
    g_array_append_val(columns, column);
  }
  return columns;
}

int tw_row_column_find(const GArray *columns, const char *name)
{
  for (guint i = 0; i < columns->len; i++)
    if (g_str_equal(g_array_index(columns, tw_column, i).name, name))
      return (int)i;
  return -1;
}

/* Takes the quotes off the cell whose first quote is at `from`; returns what follows its last one, or NULL.
 */
static char *unquote(char *from)
{
  char *to = from;
  for (from++; *from != '\0'; from++) {
    if (*from == '"' && *++from != '"') {
      *to = '\0';
      return from;
    }
    *to++ = *from;
  }
  return NULL;
}

char *tw_row_split(char *text, char **cells, guint n, const char **fault)
{
  for (guint i = 0; i < n; i++) {
    char *end;
    cells[i] = text;
    if (*text == '"') {
      end = unquote(text);
    } else {
      end = text;
      while (*end != ',' && *end != '\n' && *end != '\0')
        end++;
    }
    if (end == NULL || *end == '\0') {
      *fault = end == NULL ? "a quote is not closed" : "its line does not end";
      return NULL;
    }
    if (*end != (i + 1 < n ? ',' : '\n')) {
      *fault = *end == '\n'  ? "it has too few cells"
               : *end == ',' ? "it has too many cells"
                             : "text follows a closing quote";
      return NULL;
    }
    *end = '\0';
    if (*cells[i] == '\'' && tw_cell_is_guarded(cells[i] + 1))
      cells[i]++;
    text = end + 1;
  }
  return text;
}

/* A decimal number of so few digits that the division of two doubles that hold it exactly rounds correctly
 * (Clinger 1990); FALSE if it is anything else. */
static gboolean parse_short_decimal(const char *text, double *value)
{
  static const double powers_of_ten[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9};
  gboolean negative = *text == '-';
  guint64 digits = 0;
  gsize decimals = 0;
  const char *start = text += negative;

  for (; g_ascii_isdigit(*text) && text - start < 18; text++)
    digits = digits * 10 + (guint64)(*text - '0');
  if (text > start && *text == '.')
    for (text++; g_ascii_isdigit(*text) && text - start < 18; text++, decimals++)
      digits = digits * 10 + (guint64)(*text - '0');
  if (text == start || *text != '\0' || decimals >= G_N_ELEMENTS(powers_of_ten) ||
      digits > G_GUINT64_CONSTANT(1) << 53)
    return FALSE;
  *value = (double)digits / powers_of_ten[decimals];
  *value = negative ? -*value : *value;
  return TRUE;
}

double tw_cell_number(const char *cell)
{
  double value;
  char *end;
  if (*cell == '\0')
    return NAN;
  if (parse_short_decimal(cell, &value))
    return value;
  value = g_ascii_strtod(cell, &end);
  return *end == '\0' ? value : NAN;
}

gint64 tw_cell_whole_number(const char *cell)
{
  char *end;
  gint64 value = g_ascii_strtoll(cell, &end, 10);
  return end != cell && *end == '\0' ? value : TW_LOG_NONE;
}

gboolean tw_cell_fits(const char *cell, tw_column_type type)
{
  if (*cell == '\0' || type == TW_COLUMN_TEXT)
    return TRUE;
  return type == TW_COLUMN_INTEGER ? tw_cell_whole_number(cell) != TW_LOG_NONE : !isnan(tw_cell_number(cell));
}
