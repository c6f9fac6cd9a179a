#include "analysis/report/report_events.h"

#include "analysis/log/failure_rows.h"
#include "analysis/log/run_directory.h"
#include "analysis/report/report_json.h"

#include <math.h>

enum { MOST_ROWS = 500 };

static gint earliest_first(gconstpointer a, gconstpointer b)
{
  const tw_failure_row *x = a, *y = b;
  return (x->start_s > y->start_s) - (x->start_s < y->start_s);
}

static void set_time(json_t *described, const char *name, double at_s)
{
  if (isfinite(at_s))
    json_object_set_new(described, name, json_real(at_s));
}

static json_t *describe(const tw_failure_row *row)
{
  json_t *described =
      json_pack("{s:o, s:o, s:o, s:I, s:I}", "part", tw_report_text(row->part), "component",
                tw_report_text(row->component), "effect", tw_report_text(row->effect), "accelerators",
                (json_int_t)row->accelerators, "engines", (json_int_t)row->engines);
  set_time(described, "start_s", row->start_s);
  set_time(described, "detected_s", row->detected_s);
  set_time(described, "recovered_s", row->recovered_s);
  set_time(described, "repaired_s", row->repaired_s);
  set_time(described, "end_s", row->end_s);
  return described;
}

json_t *tw_report_failures(const char *directory, const json_t *run, GError **error)
{
  const tw_log_table *table = tw_log_table_find("failures");
  if (!tw_run_json_has_table(run, table))
    return json_null();
  g_autoptr(GArray) rows = tw_failure_rows_read(directory, run, error);
  if (rows == NULL)
    return NULL;
  int count = (int)rows->len;
  if (rows->len > MOST_ROWS)
    g_array_set_size(rows, MOST_ROWS);
  g_array_sort(rows, earliest_first);
  json_t *list = json_array();
  for (guint i = 0; i < rows->len; i++)
    json_array_append_new(list, describe(&g_array_index(rows, tw_failure_row, i)));
  return json_pack("{s:i, s:o}", "count", count, "rows", list);
}
