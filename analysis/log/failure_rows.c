#include "analysis/log/failure_rows.h"

#include "analysis/log/log_reader.h"
#include "analysis/log/run_directory.h"

/* The columns that are read; all others stay empty. */
#define COLUMNS(INTEGER, NUMBER, TEXT)                                                                       \
  TEXT(part)                                                                                                 \
  TEXT(component)                                                                                            \
  TEXT(effect)                                                                                               \
  NUMBER(start_s)                                                                                            \
  NUMBER(detected_s)                                                                                         \
  NUMBER(recovered_s)                                                                                        \
  NUMBER(repaired_s)                                                                                         \
  NUMBER(end_s)                                                                                              \
  INTEGER(accelerators)                                                                                      \
  INTEGER(engines)                                                                                           \
  INTEGER(requests)                                                                                          \
  INTEGER(lost_tokens)
#define NAMES(X)           COLUMNS(X, X, X)
#define READ_INTEGER(name) row.name = tw_log_reader_integer(reader, at->name);
#define READ_NUMBER(name)  row.name = tw_log_reader_number(reader, at->name);
#define READ_TEXT(name)    row.name = g_strdup(tw_log_reader_text(reader, at->name));
TW_LOG_COLUMNS(NAMES)

static tw_failure_row read_row(const tw_log_reader *reader, const columns *at)
{
  tw_failure_row row = tw_failure_row_empty;
  COLUMNS(READ_INTEGER, READ_NUMBER, READ_TEXT)
  return row;
}

static void clear_row(gpointer data)
{
  tw_failure_row *row = data;
  g_free((gpointer)row->part);
  g_free((gpointer)row->component);
  g_free((gpointer)row->effect);
}

static gint by_cost(gconstpointer a, gconstpointer b)
{
  const tw_failure_row *x = a, *y = b;
  double p = (x->end_s - x->start_s) * (double)x->accelerators,
         q = (y->end_s - y->start_s) * (double)y->accelerators;
  if (p != q)
    return p < q ? 1 : -1;
  return (x->start_s > y->start_s) - (x->start_s < y->start_s);
}

GArray *tw_failure_rows_read(const char *directory, const json_t *run, GError **error)
{
  g_autoptr(GArray) rows = g_array_new(FALSE, FALSE, sizeof(tw_failure_row));
  g_array_set_clear_func(rows, clear_row);
  if (!tw_run_json_has_table(run, tw_log_table_find("failures")))
    return g_steal_pointer(&rows);
  columns at;
  GError *problem = NULL;
  g_autoptr(tw_log_reader) reader = tw_log_reader_open(directory, "failures", error);
  if (reader == NULL || !find_columns(reader, &at, error))
    return NULL;
  while (tw_log_reader_next(reader, &problem)) {
    tw_failure_row row = read_row(reader, &at);
    g_array_append_val(rows, row);
  }
  if (problem != NULL) {
    g_propagate_error(error, problem);
    return NULL;
  }
  g_array_sort(rows, by_cost);
  return g_steal_pointer(&rows);
}
