#include "analysis/log/log_print.h"

#include "analysis/log/json_text.h"
#include "platforms/input/fault.h"
#include "sim/log/log_cell.h"

/* Rows by which a table's column widths are found; longer cells that follow stand out. */
enum { ROWS_MEASURED = 200 };

typedef struct {
  const char *name;
  void (*begin)(tw_log_printer *printer);
  void (*row)(tw_log_printer *printer, const char *const *cells);
  void (*end)(tw_log_printer *printer);
} print_format;

struct tw_log_printer {
  const print_format *format;
  const GArray *columns; /* the columns to print (tw_column); borrowed */
  FILE *out;
  GString *line;   /* scratch */
  GPtrArray *rows; /* format "table": rows (char **) that wait until the widths are known; then NULL */
  glong *widths;   /* format "table": the widths of columns, in characters */
};

static const tw_column *column_of(const tw_log_printer *printer, guint i)
{
  return &g_array_index(printer->columns, tw_column, i);
}

static void print_line(tw_log_printer *printer)
{
  g_string_append_c(printer->line, '\n');
  fwrite(printer->line->str, 1, printer->line->len, printer->out);
  g_string_truncate(printer->line, 0);
}

/* ---- csv ---- */

static void append_csv(tw_log_printer *printer, guint i, const char *cell)
{
  gsize at = printer->line->len + (i > 0);
  if (i > 0)
    g_string_append_c(printer->line, ',');
  g_string_set_size(printer->line, at + tw_cell_text_bytes(cell));
  tw_cell_text(printer->line->str + at, cell);
}

static void begin_csv(tw_log_printer *printer)
{
  for (guint i = 0; i < printer->columns->len; i++)
    append_csv(printer, i, column_of(printer, i)->name);
  print_line(printer);
}

static void print_csv(tw_log_printer *printer, const char *const *cells)
{
  for (guint i = 0; i < printer->columns->len; i++)
    append_csv(printer, i, cells[i]);
  print_line(printer);
}

/* ---- jsonl ---- */

/* Whether a cell is a JSON number as it is: all cells of columns of numbers are, but for infinities. */
static gboolean is_json_number(const tw_column *column, const char *cell)
{
  return column->type != TW_COLUMN_TEXT && g_ascii_isdigit(cell[*cell == '-']);
}

static void print_json(tw_log_printer *printer, const char *const *cells)
{
  for (guint i = 0; i < printer->columns->len; i++) {
    const tw_column *column = column_of(printer, i);
    g_string_append(printer->line, i == 0 ? "{" : ", ");
    tw_json_text_append(printer->line, column->name);
    g_string_append(printer->line, ": ");
    if (*cells[i] == '\0')
      g_string_append(printer->line, "null");
    else if (is_json_number(column, cells[i]))
      g_string_append(printer->line, cells[i]);
    else
      tw_json_text_append(printer->line, cells[i]);
  }
  g_string_append_c(printer->line, '}');
  print_line(printer);
}

/* ---- table ---- */

static void append_padding(GString *line, glong n)
{
  for (; n > 0; n--)
    g_string_append_c(line, ' ');
}

/* Texts to the left, numbers to the right. */
static void print_aligned(tw_log_printer *printer, char **cells)
{
  guint n = printer->columns->len;
  for (guint i = 0; i < n; i++) {
    glong padding = printer->widths[i] - g_utf8_strlen(cells[i], -1);
    gboolean text = column_of(printer, i)->type == TW_COLUMN_TEXT;
    if (i > 0)
      g_string_append(printer->line, "  ");
    if (!text)
      append_padding(printer->line, padding);
    g_string_append(printer->line, cells[i]);
    if (text && i + 1 < n)
      append_padding(printer->line, padding);
  }
  print_line(printer);
}

static void begin_table(tw_log_printer *printer)
{
  guint n = printer->columns->len;
  char **titles = g_new0(char *, n + 1);
  for (guint i = 0; i < n; i++)
    titles[i] = g_strdup(column_of(printer, i)->name);
  printer->rows = g_ptr_array_new_with_free_func((GDestroyNotify)g_strfreev);
  g_ptr_array_add(printer->rows, titles);
  printer->widths = g_new0(glong, n);
}

static void end_table(tw_log_printer *printer)
{
  if (printer->rows == NULL)
    return;
  for (guint r = 0; r < printer->rows->len; r++)
    for (guint i = 0; i < printer->columns->len; i++) {
      glong width = g_utf8_strlen(((char **)printer->rows->pdata[r])[i], -1);
      printer->widths[i] = MAX(printer->widths[i], width);
    }
  for (guint r = 0; r < printer->rows->len; r++)
    print_aligned(printer, printer->rows->pdata[r]);
  g_clear_pointer(&printer->rows, g_ptr_array_unref);
}

static void print_table(tw_log_printer *printer, const char *const *cells)
{
  guint n = printer->columns->len;
  g_auto(GStrv) row = g_new0(char *, n + 1);
  for (guint i = 0; i < n; i++)
    row[i] = tw_masked(cells[i], ""); /* a terminal must not obey what a trace calls its sessions */
  if (printer->rows == NULL) {
    print_aligned(printer, row);
    return;
  }
  g_ptr_array_add(printer->rows, g_steal_pointer(&row));
  if (printer->rows->len > ROWS_MEASURED)
    end_table(printer);
}

/* ---- The formats ---- */

static void nothing(tw_log_printer *printer)
{
  (void)printer;
}

static const print_format formats[] = {
    {"csv", begin_csv, print_csv, nothing},
    {"jsonl", nothing, print_json, nothing},
    {"table", begin_table, print_table, end_table},
};

const char **tw_log_print_formats(void)
{
  const char **names = g_new0(const char *, G_N_ELEMENTS(formats) + 1);
  for (gsize i = 0; i < G_N_ELEMENTS(formats); i++)
    names[i] = formats[i].name;
  return names;
}

static const print_format *find_format(const char *name)
{
  for (gsize i = 0; i < G_N_ELEMENTS(formats); i++)
    if (g_str_equal(formats[i].name, name))
      return &formats[i];
  g_assert_not_reached();
}

tw_log_printer *tw_log_printer_new(const char *format, const GArray *columns, FILE *out)
{
  tw_log_printer *printer = g_new0(tw_log_printer, 1);
  printer->format = find_format(format);
  printer->columns = columns;
  printer->out = out;
  printer->line = g_string_new(NULL);
  printer->format->begin(printer);
  return printer;
}

void tw_log_printer_row(tw_log_printer *printer, const char *const *cells)
{
  printer->format->row(printer, cells);
}

void tw_log_printer_free(tw_log_printer *printer)
{
  if (printer == NULL)
    return;
  printer->format->end(printer);
  g_string_free(printer->line, TRUE);
  g_free(printer->widths);
  g_free(printer);
}
