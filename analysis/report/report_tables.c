#include "analysis/report/report_tables.h"

#include "analysis/log/log_reader.h"
#include "analysis/log/run_directory.h"
#include "analysis/log/series.h"
#include "analysis/report/report_json.h"
#include "platforms/input/fault.h"

#include <math.h>

/* The page is to stay below 3 MB: so many numbers of each kind at most, three of which (least, mean,
 * greatest) take 16 bytes. */
enum { SERIES_NUMBERS = 50000, FRAME_NUMBERS = 40000, MAX_BUCKETS = 4096, MAX_FRAMES = 360, MIN_FRAMES = 24 };
enum { SHOWN_LINKS = 24 };

/* A table by interval, and those of its columns that a series can show. */
typedef struct interval_table {
  tw_log_reader *reader;
  char *path; /* the table's file, for messages */
  double interval_s, end_s;
  int start, key; /* columns; key is what there is a row of per interval: engine, rack, link, or -1 */
  GArray *shown;  /* int; after them comes the total power, if there are parts to sum up */
  gboolean total;
} interval_table;

static const tw_column total_column = {"total_w", TW_COLUMN_REAL, 3, "W", "power of all parts"};

static void clear_table(interval_table *table)
{
  tw_log_reader_close(table->reader);
  g_free(table->path);
  if (table->shown != NULL)
    g_array_unref(table->shown);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(interval_table, clear_table)

static guint count_columns(const interval_table *table)
{
  return table->shown->len + (table->total ? 1 : 0);
}

static const tw_column *get_column(const interval_table *table, guint shown)
{
  if (shown == table->shown->len)
    return &total_column;
  int column = g_array_index(table->shown, int, shown);
  return &g_array_index(tw_log_reader_columns(table->reader), tw_column, column);
}

/* Whether a column is a part of the power of its row: what is drawn from the grid is the sum of parts again, and more. */
static gboolean is_part(const tw_column *column)
{
  return g_str_equal(column->unit, "W") && !g_str_equal(column->name, "grid_w");
}

/* Whether the run writes the table at all. */
static gboolean is_written(const json_t *run, const char *name)
{
  const tw_log_table *table = tw_log_table_find(name);
  return table != NULL && tw_run_json_has_table(run, table);
}

static gboolean open_table(interval_table *table, const char *directory, const json_t *run, const char *name,
                           const char *key, double end_s, GError **error)
{
  table->interval_s = tw_report_number(run, "interval_s");
  table->end_s = end_s;
  table->path = tw_log_table_path(directory, tw_log_table_find(name));
  if (!(table->interval_s > 0)) {
    tw_input_error_set(error, TW_INPUT_ERROR_VALUE, directory, 0,
                       "run.json does not say the interval of its tables (interval_s); run it again");
    return FALSE;
  }
  table->reader = tw_log_reader_open(directory, name, error);
  if (table->reader == NULL)
    return FALSE;
  table->start = tw_log_reader_column(table->reader, "start_s", error);
  table->key = key != NULL ? tw_log_reader_column(table->reader, key, error) : -1;
  if (table->start < 0 || (key != NULL && table->key < 0))
    return FALSE;
  table->shown = g_array_new(FALSE, FALSE, sizeof(int));
  const GArray *columns = tw_log_reader_columns(table->reader);
  int parts = 0;
  for (int i = 0; i < (int)columns->len; i++) {
    const tw_column *column = &g_array_index(columns, tw_column, i);
    parts += is_part(column) ? 1 : 0;
    gboolean number = column->type == TW_COLUMN_REAL || column->type == TW_COLUMN_INTEGER;
    if (number && i != table->key &&
        !g_str_equal(column->unit, "J")) /* joules are watts times the interval */
      g_array_append_val(table->shown, i);
  }
  table->total = parts > 1;
  return TRUE;
}

/* Goes to the next row and takes its values; whole numbers count what happened in the interval, and become
 * rates. FALSE at the end and on damage. */
static gboolean next_row(const interval_table *table, double *start_s, double *length_s, double *values,
                         GError **error)
{
  if (!tw_log_reader_next(table->reader, error))
    return FALSE;
  *start_s = tw_log_reader_number(table->reader, table->start);
  if (!(*start_s >= 0))
    return tw_input_error_set(error, TW_INPUT_ERROR_VALUE, table->path, 0,
                              "a row has no start; `tokenworks log verify` says what is damaged");
  *length_s = fmin(table->interval_s, table->end_s - *start_s);
  if (!(*length_s > 0))
    *length_s = table->interval_s;
  double total_w = NAN;
  for (guint i = 0; i < table->shown->len; i++) {
    const tw_column *column = get_column(table, i);
    double value = tw_log_reader_number(table->reader, g_array_index(table->shown, int, i));
    values[i] = column->type == TW_COLUMN_INTEGER ? value / *length_s : value;
    if (is_part(column) && !isnan(value))
      total_w = value + (isnan(total_w) ? 0 : total_w);
  }
  if (table->total)
    values[table->shown->len] = total_w;
  return TRUE;
}

/* ---- Groups of rows, a series each ---- */

typedef struct group {
  char *name;
  guint members; /* keys whose rows it takes: the engines of a pool */
  tw_series *series;
} group;

typedef struct groups {
  guint max_buckets;
  GPtrArray *all;     /* all groups (group), in the order in which they were added */
  GHashTable *by_key; /* text of the key column -> group */
  gboolean open;      /* an unknown key makes a group; else it is an error */
} groups;

static void free_group(group *g)
{
  g_free(g->name);
  tw_series_free(g->series);
  g_free(g);
}

static void clear_groups(groups *gs)
{
  g_ptr_array_unref(gs->all);
  g_hash_table_unref(gs->by_key);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(groups, clear_groups)

static groups make_groups(gboolean open)
{
  return (groups){.all = g_ptr_array_new_with_free_func((GDestroyNotify)free_group),
                  .by_key = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
                  .open = open};
}

static group *add_group(groups *gs, const char *name)
{
  group *g = g_new0(group, 1);
  g->name = g_strdup(name);
  g_ptr_array_add(gs->all, g);
  return g;
}

/* Lets the group take the rows of that key from now on. */
static void add_key(groups *gs, group *g, char *key)
{
  g->members++;
  g_hash_table_insert(gs->by_key, key, g);
}

static group *find_group(const interval_table *table, groups *gs, const char *key, GError **error)
{
  group *g = g_hash_table_lookup(gs->by_key, key);
  if (g == NULL && gs->open) {
    g = add_group(gs, key);
    add_key(gs, g, g_strdup(key));
  } else if (g == NULL) {
    tw_input_error_set(error, TW_INPUT_ERROR_VALUE, table->path, 0,
                       "has rows of '%s', of which run.json knows nothing", key);
  }
  return g;
}

static tw_series *get_series(const interval_table *table, const groups *gs, group *g)
{
  if (g->series == NULL)
    g->series = tw_series_new(count_columns(table), table->interval_s, gs->max_buckets);
  return g->series;
}

/* Reads the table to its end. All series then have the same buckets. */
static gboolean read_groups(const interval_table *table, groups *gs, GError **error)
{
  guint n = count_columns(table);
  g_autofree double *values = g_new(double, n);
  double start_s = 0, length_s = 0, last_s = 0;
  GError *problem = NULL;
  while (next_row(table, &start_s, &length_s, values, &problem)) {
    const char *key = table->key >= 0 ? tw_log_reader_text(table->reader, table->key) : "";
    group *g = find_group(table, gs, key, &problem);
    if (g == NULL)
      break;
    tw_series_add(get_series(table, gs, g), start_s, length_s, values);
    last_s = fmax(last_s, start_s);
  }
  if (problem != NULL) {
    g_propagate_error(error, problem);
    return FALSE;
  }
  for (guint i = 0; i < n; i++)
    values[i] = NAN;
  for (guint i = 0; i < gs->all->len; i++)
    tw_series_add(get_series(table, gs, gs->all->pdata[i]), last_s, 0, values);
  return TRUE;
}

/* ---- As JSON ---- */

typedef enum { MEAN, MEAN_OF_ALL_TIME, MIN, MAX } bucket_part;

static double get_part(const tw_series *series, guint column, guint b, bucket_part part, double end_s)
{
  tw_bucket bucket = tw_series_get(series, column, b);
  if (part == MIN || part == MAX)
    return part == MIN ? bucket.min : bucket.max;
  if (part == MEAN)
    return bucket.mean;
  double width_s = tw_series_width_s(series);
  return bucket.time_s > 0 ? bucket.mean * bucket.time_s / fmin(width_s, end_s - b * width_s) : 0;
}

/* The buckets of n groups, one group after the other. */
static json_t *pack(const interval_table *table, group *const *some, guint n, guint column, bucket_part part)
{
  guint length = tw_series_length(some[0]->series);
  g_autofree double *values = g_new(double, (gsize)length *n);
  for (guint i = 0; i < n; i++)
    for (guint b = 0; b < length; b++)
      values[i * length + b] = get_part(some[i]->series, column, b, part, table->end_s);
  return tw_report_floats(values, (gsize)length * n);
}

static gboolean any(group *const *some, guint n, guint column,
                    gboolean (*holds)(const tw_series *series, guint column))
{
  for (guint i = 0; i < n; i++)
    if (holds(some[i]->series, column))
      return TRUE;
  return FALSE;
}

/* {"width_s", "n", "columns"} of n groups. */
static json_t *describe_groups(const interval_table *table, group *const *some, guint n, bucket_part mean)
{
  json_t *columns = json_object();
  for (guint c = 0; c < count_columns(table) && n > 0; c++) {
    const tw_column *column = get_column(table, c);
    if (!any(some, n, c, tw_series_has))
      continue;
    json_t *described = json_pack("{s:s, s:s, s:b, s:o}", "unit", column->unit, "help", column->help, "per_s",
                                  column->type == TW_COLUMN_INTEGER, "mean", pack(table, some, n, c, mean));
    if (any(some, n, c, tw_series_spreads)) {
      json_object_set_new(described, "min", pack(table, some, n, c, MIN));
      json_object_set_new(described, "max", pack(table, some, n, c, MAX));
    }
    json_object_set_new(columns, column->name, described);
  }
  return json_pack("{s:f, s:i, s:o}", "width_s", n > 0 ? tw_series_width_s(some[0]->series) : 0.0, "n",
                   n > 0 ? (int)tw_series_length(some[0]->series) : 0, "columns", columns);
}

static json_t *describe_names(group *const *some, guint n)
{
  json_t *names = json_array();
  for (guint i = 0; i < n; i++)
    json_array_append_new(names, tw_report_text(some[i]->name));
  return names;
}

/* ---- The tables ---- */

json_t *tw_report_site(const char *directory, const json_t *run, double end_s, GError **error)
{
  g_auto(interval_table) table = {0};
  g_auto(groups) gs = make_groups(FALSE);
  add_key(&gs, add_group(&gs, "site"), g_strdup(""));
  if (!is_written(run, "site"))
    return json_null();
  if (!open_table(&table, directory, run, "site", NULL, end_s, error))
    return NULL;
  gs.max_buckets = MIN(MAX_BUCKETS, SERIES_NUMBERS / count_columns(&table));
  if (!read_groups(&table, &gs, error))
    return NULL;
  return describe_groups(&table, (group *const *)gs.all->pdata, 1, MEAN);
}

/* The pools of run.json, each of which takes the rows of its engines. */
static void add_pools(groups *gs, const json_t *run)
{
  size_t number;
  const json_t *engine;
  g_autoptr(GHashTable) pools = g_hash_table_new(g_str_hash, g_str_equal);
  json_array_foreach(json_object_get(run, "engines"), number, engine)
  {
    const char *id = json_string_value(json_object_get(engine, "pool"));
    group *pool = id != NULL ? g_hash_table_lookup(pools, id) : NULL;
    if (id != NULL && pool == NULL) {
      pool = add_group(gs, id);
      g_hash_table_insert(pools, pool->name, pool);
    }
    if (pool != NULL)
      add_key(gs, pool, g_strdup_printf("%zu", number));
  }
}

json_t *tw_report_pools(const char *directory, const json_t *run, double end_s, GError **error)
{
  g_auto(interval_table) table = {0};
  g_auto(groups) gs = make_groups(FALSE);
  if (!is_written(run, "engines"))
    return json_null();
  if (!open_table(&table, directory, run, "engines", "engine", end_s, error))
    return NULL;
  add_pools(&gs, run);
  guint share = SERIES_NUMBERS / count_columns(&table) / MAX(gs.all->len, 1);
  gs.max_buckets = CLAMP(share, MIN_FRAMES, MAX_BUCKETS);
  if (!read_groups(&table, &gs, error))
    return NULL;
  json_t *pools = json_array();
  for (guint i = 0; i < gs.all->len; i++) {
    group *pool = gs.all->pdata[i];
    json_array_append_new(pools,
                          json_pack("{s:o, s:i, s:o}", "id", tw_report_text(pool->name), "engines",
                                    (int)pool->members, "series", describe_groups(&table, &pool, 1, MEAN)));
  }
  return pools;
}

static const json_t *racks_of(const json_t *run)
{
  return json_object_get(json_object_get(run, "platform"), "racks");
}

/* The means of a table that has a row for each of `expected` names and interval, by those names. */
static json_t *read_named(const char *directory, const json_t *run, const char *name, const char *key,
                          gsize expected, bucket_part mean, double end_s, GError **error)
{
  g_auto(interval_table) table = {0};
  g_auto(groups) gs = make_groups(TRUE);
  if (!is_written(run, name))
    return json_null();
  if (!open_table(&table, directory, run, name, key, end_s, error))
    return NULL;
  guint share = FRAME_NUMBERS / count_columns(&table) / (guint)MAX(expected, 1);
  gs.max_buckets = CLAMP(share, MIN_FRAMES, MAX_FRAMES);
  if (!read_groups(&table, &gs, error))
    return NULL;
  group *const *named = (group *const *)gs.all->pdata;
  json_t *described = describe_groups(&table, named, gs.all->len, mean);
  json_object_set_new(described, "names", describe_names(named, gs.all->len));
  return described;
}

json_t *tw_report_racks(const char *directory, const json_t *run, double end_s, GError **error)
{
  return read_named(directory, run, "racks", "rack", json_array_size(racks_of(run)), MEAN, end_s, error);
}

json_t *tw_report_sites(const char *directory, const json_t *run, double end_s, GError **error)
{
  return read_named(directory, run, "sites", "site", json_array_size(json_object_get(run, "sites")), MEAN,
                    end_s, error);
}

json_t *tw_report_ways(const char *directory, const json_t *run, double end_s, GError **error)
{
  gsize n = json_array_size(json_object_get(run, "sites"));
  return read_named(directory, run, "wans", "way", n * n, MEAN_OF_ALL_TIME, end_s, error);
}

static double find_peak(const group *g, guint column)
{
  double peak = 0;
  for (guint b = 0; b < tw_series_length(g->series); b++)
    peak = fmax(peak, tw_series_get(g->series, column, b).max);
  return peak;
}

static int compare_peaks(const void *a, const void *b, void *column)
{
  double of_a = find_peak(*(group *const *)a, *(guint *)column);
  double of_b = find_peak(*(group *const *)b, *(guint *)column);
  return (of_a < of_b) - (of_a > of_b);
}

json_t *tw_report_links(const char *directory, const json_t *run, double end_s, GError **error)
{
  g_auto(interval_table) table = {0};
  g_auto(groups) gs = make_groups(TRUE);
  if (!is_written(run, "links"))
    return json_null();
  if (!open_table(&table, directory, run, "links", "link", end_s, error))
    return NULL;
  gs.max_buckets = MAX_FRAMES;
  if (!read_groups(&table, &gs, error))
    return NULL;
  guint order = 0;
  while (order + 1 < count_columns(&table) && !g_str_equal(get_column(&table, order)->name, "utilization"))
    order++;
  g_ptr_array_sort_with_data(gs.all, compare_peaks, &order);
  group *const *links = (group *const *)gs.all->pdata;
  guint n = MIN(gs.all->len, SHOWN_LINKS);
  json_t *described = describe_groups(&table, links, n, MEAN_OF_ALL_TIME);
  json_object_set_new(described, "names", describe_names(links, n));
  json_object_set_new(described, "count", json_integer((json_int_t)gs.all->len));
  return described;
}
