#include "analysis/compare/compare_print.h"

#include "analysis/log/log_print.h"

#include <math.h>

static const tw_run_group *group_of(const tw_comparison *comparison, guint g)
{
  return comparison->groups->pdata[g];
}

/* ---- The table ---- */

enum { FIXED_COLUMNS = 3 }; /* metric, unit, and the baseline's value */

/* A cell of a table: a text and how wide its column is; rows are printed when all widths are known. */
typedef struct grid {
  guint columns;
  GPtrArray *cells; /* the texts of all cells (char *), row by row */
} grid;

static void add_cell(grid *table, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void add_cell(grid *table, const char *format, ...)
{
  va_list arguments;
  va_start(arguments, format);
  g_ptr_array_add(table->cells, g_strdup_vprintf(format, arguments));
  va_end(arguments);
}

/* Large numbers in full, others with five digits. */
static void add_number(grid *table, double value, gboolean with_sign)
{
  if (isnan(value))
    add_cell(table, "-");
  else if (fabs(value) >= 1e5 && fabs(value) < 1e15)
    add_cell(table, with_sign ? "%+.0f" : "%.0f", value);
  else
    add_cell(table, with_sign && value != 0 ? "%+.5g" : "%.5g", value);
}

/* Two blanks between columns; name and unit are left-aligned, as the last column of each group is. */
static void print_grid(const grid *table, guint stride, FILE *out)
{
  g_autofree int *widths = g_new0(int, table->columns);
  for (guint i = 0; i < table->cells->len; i++) {
    int *width = &widths[i % table->columns];
    *width = MAX(*width, (int)g_utf8_strlen(table->cells->pdata[i], -1));
  }
  g_autoptr(GString) line = g_string_new(NULL);
  for (guint i = 0; i < table->cells->len; i++) {
    guint column = i % table->columns;
    const char *cell = table->cells->pdata[i];
    int blanks = widths[column] - (int)g_utf8_strlen(cell, -1);
    gboolean left =
        column < FIXED_COLUMNS - 1 || (column >= FIXED_COLUMNS && (column - FIXED_COLUMNS + 1) % stride == 0);
    g_string_append_printf(line, "%s%*s%s%*s", column > 0 ? "  " : "", left ? 0 : blanks, "", cell,
                           left ? blanks : 0, "");
    if (column + 1 < table->columns)
      continue;
    fprintf(out, "%s\n", g_strchomp(line->str));
    g_string_truncate(line, 0);
  }
}

static gboolean has_seeds(const tw_comparison *comparison)
{
  for (guint g = 1; g < comparison->groups->len; g++)
    if (group_of(comparison, g)->summaries->len > 1 && group_of(comparison, 0)->summaries->len > 1)
      return TRUE;
  return FALSE;
}

static void print_legend(const tw_comparison *comparison, FILE *out)
{
  for (guint g = 0; g < comparison->groups->len; g++) {
    const tw_run_group *group = group_of(comparison, g);
    fprintf(out, "%c  %s", 'A' + (int)(g % 26), group->label);
    if (group->summaries->len > 1)
      fprintf(out, " (means of %u runs)", group->summaries->len);
    if (group->partial > 0)
      fprintf(out, " (%s cut short)", group->summaries->len == 1 ? "was" : "some were");
    fputc('\n', out);
  }
  fputc('\n', out);
}

void tw_compare_print_table(const tw_comparison *comparison, const GPtrArray *metrics, FILE *out)
{
  gboolean seeds = has_seeds(comparison);
  guint n = comparison->groups->len, stride = seeds ? 5 : 4;
  g_autoptr(GPtrArray) cells = g_ptr_array_new_with_free_func(g_free);
  grid table = {FIXED_COLUMNS + (n - 1) * stride, cells};
  gboolean exact = FALSE;

  print_legend(comparison, out);
  g_autoptr(GPtrArray) notes = tw_comparison_notes(comparison);
  for (guint i = 0; i < notes->len; i++)
    fprintf(out, "%s\n\n", (const char *)notes->pdata[i]);
  add_cell(&table, "metric");
  add_cell(&table, "unit");
  add_cell(&table, "A");
  for (guint g = 1; g < n; g++) {
    char letter = (char)('A' + (int)(g % 26));
    add_cell(&table, "%c", letter);
    add_cell(&table, "%c-A", letter);
    add_cell(&table, "%%");
    if (seeds)
      add_cell(&table, "p");
    add_cell(&table, "%s", "");
  }
  for (guint m = 0; m < metrics->len; m++) {
    const char *name = metrics->pdata[m];
    const tw_metric *known = tw_metric_find(name);
    add_cell(&table, "%s", name);
    add_cell(&table, "%s", known != NULL ? known->unit : "");
    add_number(&table, tw_comparison_get(comparison, name, 0).value.mean, FALSE);
    for (guint g = 1; g < n; g++) {
      tw_difference d = tw_comparison_get(comparison, name, g);
      add_number(&table, d.value.mean, FALSE);
      add_number(&table, d.difference, TRUE);
      if (isfinite(d.relative))
        add_cell(&table, d.relative == 0 ? "0.0" : "%+.1f", 100 * d.relative);
      else
        add_cell(&table, "-");
      exact |= d.exact && d.verdict != TW_VERDICT_SAME;
      if (seeds && isnan(d.p))
        add_cell(&table, "-");
      else if (seeds && d.exact)
        add_cell(&table, "exact");
      else if (seeds)
        add_cell(&table, d.p < 5e-4 ? "<0.001" : "%.3f", d.p);
      add_cell(&table, "%s", tw_verdict_names[d.verdict]);
    }
  }
  print_grid(&table, stride, out);
  if (seeds)
    fprintf(out, "\np is Welch's: from %g on, chance explains the difference.%s\n", TW_COMPARE_ALPHA,
            exact ? " Exact: no seed changes the value, so the difference is none of chance." : "");
  else if (n > 1)
    fputs("\nOne run each: the differences are exact for these inputs and seeds; runs of several seeds would "
          "tell them "
          "from chance.\n",
          out);
}

/* ---- CSV ---- */

static void add_real(GPtrArray *cells, double value)
{
  char digits[G_ASCII_DTOSTR_BUF_SIZE];
  g_ptr_array_add(cells, g_strdup(isnan(value) ? "" : g_ascii_dtostr(digits, sizeof digits, value)));
}

static void print_csv_row(tw_log_printer *printer, const tw_comparison *comparison, const char *metric,
                          guint g)
{
  g_autoptr(GPtrArray) cells = g_ptr_array_new_with_free_func(g_free);
  const tw_metric *known = tw_metric_find(metric);
  tw_difference d = tw_comparison_get(comparison, metric, g);
  g_ptr_array_add(cells, g_strdup(metric));
  g_ptr_array_add(cells, g_strdup(known != NULL ? known->unit : ""));
  g_ptr_array_add(cells, g_strdup(known != NULL ? tw_better_names[known->better] : ""));
  g_ptr_array_add(cells, g_strdup(group_of(comparison, g)->label));
  g_ptr_array_add(cells, g_strdup_printf("%u", d.value.n));
  const double numbers[] = {d.value.mean, sqrt(d.value.variance), d.difference, d.relative, d.p};
  for (guint i = 0; i < G_N_ELEMENTS(numbers); i++)
    add_real(cells, numbers[i]);
  g_ptr_array_add(cells, g_strdup(tw_verdict_names[d.verdict]));
  tw_log_printer_row(printer, (const char *const *)cells->pdata);
}

void tw_compare_print_csv(const tw_comparison *comparison, const GPtrArray *metrics, FILE *out)
{
  static const tw_column columns[] = {
      {"metric", TW_COLUMN_TEXT, 0, "", ""},   {"unit", TW_COLUMN_TEXT, 0, "", ""},
      {"better", TW_COLUMN_TEXT, 0, "", ""},   {"group", TW_COLUMN_TEXT, 0, "", ""},
      {"runs", TW_COLUMN_INTEGER, 0, "", ""},  {"mean", TW_COLUMN_REAL, 0, "", ""},
      {"sd", TW_COLUMN_REAL, 0, "", ""},       {"difference", TW_COLUMN_REAL, 0, "", ""},
      {"relative", TW_COLUMN_REAL, 0, "", ""}, {"p", TW_COLUMN_REAL, 0, "", ""},
      {"verdict", TW_COLUMN_TEXT, 0, "", ""},
  };
  g_autoptr(GArray) titles = g_array_new(FALSE, FALSE, sizeof(tw_column));
  g_array_append_vals(titles, columns, G_N_ELEMENTS(columns));
  g_autoptr(tw_log_printer) printer = tw_log_printer_new("csv", titles, out);
  for (guint m = 0; m < metrics->len; m++)
    for (guint g = 0; g < comparison->groups->len; g++)
      print_csv_row(printer, comparison, metrics->pdata[m], g);
}

/* ---- JSON ---- */

static void set_real(json_t *object, const char *name, double value)
{
  if (isfinite(value))
    json_object_set_new(object, name, json_real(value));
}

static json_t *describe_difference(const tw_difference *d)
{
  json_t *object = json_pack("{s:i}", "runs", (int)d->value.n);
  set_real(object, "mean", d->value.mean);
  set_real(object, "sd", sqrt(d->value.variance));
  set_real(object, "difference", d->difference);
  set_real(object, "relative", d->relative);
  set_real(object, "p", d->p);
  if (d->verdict != TW_VERDICT_NONE)
    json_object_set_new(object, "verdict", json_string(tw_verdict_names[d->verdict]));
  return object;
}

json_t *tw_compare_json(const tw_comparison *comparison, const GPtrArray *metrics)
{
  json_t *groups = json_array(), *rows = json_array(), *told = json_array();
  g_autoptr(GPtrArray) notes = tw_comparison_notes(comparison);
  for (guint i = 0; i < notes->len; i++)
    json_array_append_new(told, json_string(notes->pdata[i]));
  for (guint g = 0; g < comparison->groups->len; g++) {
    const tw_run_group *group = group_of(comparison, g);
    json_array_append_new(groups, json_pack("{s:s, s:i, s:i}", "label", group->label, "runs",
                                            (int)group->summaries->len, "partial", (int)group->partial));
  }
  for (guint m = 0; m < metrics->len; m++) {
    const tw_metric *known = tw_metric_find(metrics->pdata[m]);
    json_t *row = json_pack("{s:s}", "name", metrics->pdata[m]), *values = json_array();
    if (known != NULL) {
      json_object_set_new(row, "unit", json_string(known->unit));
      json_object_set_new(row, "better", json_string(tw_better_names[known->better]));
    }
    for (guint g = 0; g < comparison->groups->len; g++) {
      tw_difference d = tw_comparison_get(comparison, metrics->pdata[m], g);
      json_array_append_new(values, describe_difference(&d));
    }
    json_object_set_new(row, "groups", values);
    json_array_append_new(rows, row);
  }
  return json_pack("{s:o, s:o, s:o}", "groups", groups, "notes", told, "metrics", rows);
}
