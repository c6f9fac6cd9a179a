#include "analysis/explain/link_sums.h"

#include "analysis/log/log_reader.h"
#include "analysis/log/run_directory.h"

#include <math.h>

static void clear_link(void *link)
{
  g_free(((tw_link_sums *)link)->name);
}

static int fullest_first(gconstpointer a, gconstpointer b)
{
  const tw_link_sums *x = a, *y = b;
  if (x->full_s != y->full_s)
    return x->full_s < y->full_s ? 1 : -1;
  return x->used_s != y->used_s ? (x->used_s < y->used_s ? 1 : -1) : g_strcmp0(x->name, y->name);
}

static tw_link_sums *link_of(GArray *links, GHashTable *places, const char *name)
{
  gpointer place;
  if (!g_hash_table_lookup_extended(places, name, NULL, &place)) {
    place = GUINT_TO_POINTER(links->len);
    g_hash_table_insert(places, g_strdup(name), place);
    g_array_append_val(links, ((tw_link_sums){.name = g_strdup(name)}));
  }
  return &g_array_index(links, tw_link_sums, GPOINTER_TO_UINT(place));
}

static gboolean read_rows(GArray *links, tw_log_reader *reader, double interval_s, double from_s, double to_s,
                          double end_s, GError **error)
{
  g_autoptr(GHashTable) places = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  int start = tw_log_reader_column(reader, "start_s", error),
      name = tw_log_reader_column(reader, "link", error);
  int bytes = tw_log_reader_column(reader, "bytes", error);
  int utilization = tw_log_reader_column(reader, "utilization", error);
  int full = tw_log_reader_column(reader, "full", error);
  GError *problem = NULL;
  if (start < 0 || name < 0 || bytes < 0 || utilization < 0 || full < 0)
    return FALSE;
  tw_log_reader_window(reader, from_s - interval_s, to_s);
  while (tw_log_reader_next(reader, &problem)) {
    double start_s = tw_log_reader_number(reader, start), used = tw_log_reader_number(reader, utilization);
    double whole_s = fmin(interval_s, end_s - start_s);
    double length_s = fmin(start_s + whole_s, to_s) - fmax(start_s, from_s);
    if (length_s <= 0 || isnan(used))
      continue;
    tw_link_sums *link = link_of(links, places, tw_log_reader_text(reader, name));
    link->bytes += tw_log_reader_number(reader, bytes) * length_s / whole_s;
    link->used_s += used * length_s;
    link->full_s += tw_log_reader_number(reader, full) * length_s;
    link->peak = fmax(link->peak, used);
  }
  if (problem == NULL)
    return TRUE;
  g_propagate_error(error, problem);
  return FALSE;
}

GArray *tw_link_sums_read(const char *directory, const json_t *run, double from_s, double to_s, double end_s,
                          GError **error)
{
  GArray *links = g_array_new(FALSE, FALSE, sizeof(tw_link_sums));
  double interval_s = json_number_value(json_object_get(run, "interval_s"));
  g_array_set_clear_func(links, clear_link);
  if (!tw_run_json_has_table(run, tw_log_table_find("links")))
    return links;
  g_autoptr(tw_log_reader) reader = tw_log_reader_open(directory, "links", error);
  if (reader == NULL || !read_rows(links, reader, interval_s, from_s, to_s, end_s, error)) {
    g_array_unref(links);
    return NULL;
  }
  g_array_sort(links, fullest_first);
  return links;
}
