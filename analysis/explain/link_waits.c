#include "analysis/explain/link_waits.h"

#include "analysis/log/log_reader.h"
#include "analysis/log/run_directory.h"
#include "analysis/log/run_summary.h"

#include <math.h>

#define COLUMNS(X)                                                                                           \
  X(start_s)                                                                                                 \
  X(link)                                                                                                    \
  X(utilization)                                                                                             \
  X(waiting_bytes)

TW_LOG_COLUMNS(COLUMNS)

typedef struct link_host {
  const char *name; /* borrowed from the run */
  GArray *pools;    /* array of guint: those that have engines there */
  double bytes;     /* that wait in the interval under way, at the link where most do */
} link_host;

typedef struct host_link {
  int host;      /* -1: of none */
  double used_s; /* time at its bandwidth that its bytes make up */
} host_link;

struct tw_link_waits {
  tw_log_reader *reader;
  columns c;
  GArray *hosts;     /* array of link_host */
  GHashTable *links; /* host_link by name */
  gboolean pending;  /* whether the reader stands at a row that is not counted yet */
  double flow_bytes; /* of a mean flow */
  double interval_s;
};

gboolean tw_link_is_of(const char *link, const char *host)
{
  return g_str_has_prefix(link, host) && !g_ascii_isalnum(link[strlen(host)]);
}

static void clear_host(void *data)
{
  g_array_unref(((link_host *)data)->pools);
}

static link_host *host_of(GArray *hosts, GHashTable *places, const char *name)
{
  gpointer place;
  if (!g_hash_table_lookup_extended(places, name, NULL, &place)) {
    place = GUINT_TO_POINTER(hosts->len);
    g_hash_table_insert(places, (gpointer)name, place);
    g_array_append_val(hosts, ((link_host){name, g_array_new(FALSE, FALSE, sizeof(guint)), 0}));
  }
  return &g_array_index(hosts, link_host, GPOINTER_TO_UINT(place));
}

static void add_pool(GArray *pools, guint pool)
{
  for (guint i = 0; i < pools->len; i++)
    if (g_array_index(pools, guint, i) == pool)
      return;
  g_array_append_val(pools, pool);
}

/* The hosts of the run's engines, with the pools that these belong to. */
static GArray *read_hosts(const json_t *run)
{
  GArray *hosts = g_array_new(FALSE, FALSE, sizeof(link_host));
  g_autoptr(GHashTable) places = g_hash_table_new(g_str_hash, g_str_equal);
  const json_t *pools = json_object_get(run, "pools"), *engine, *name;
  size_t i, k;
  g_array_set_clear_func(hosts, clear_host);
  json_array_foreach(json_object_get(run, "engines"), i, engine)
  {
    const json_t *id = json_object_get(engine, "pool");
    size_t pool = 0;
    while (pool < json_array_size(pools) &&
           !json_equal(json_object_get(json_array_get(pools, pool), "id"), id))
      pool++;
    json_array_foreach(json_object_get(engine, "hosts"), k, name)
    {
      add_pool(host_of(hosts, places, json_string_value(name))->pools, (guint)pool);
    }
  }
  return hosts;
}

/* Bytes of a mean flow of a run that sent KV caches; NAN: it sent none. */
static double mean_flow(const char *directory)
{
  json_t *summary = tw_run_summary_read(directory, NULL);
  double bytes = NAN;
  if (summary != NULL && tw_run_summary_number(summary, "network.kv_bytes") > 0)
    bytes = tw_run_summary_number(summary, "network.bytes") / tw_run_summary_number(summary, "network.flows");
  json_decref(summary);
  return bytes;
}

tw_link_waits *tw_link_waits_open(const char *directory, const json_t *run, double from_s, GError **error)
{
  double flow_bytes = mean_flow(directory);
  if (!(flow_bytes > 0) || !tw_run_json_has_table(run, tw_log_table_find("links")))
    return NULL;
  g_autoptr(tw_link_waits) waits = g_new0(tw_link_waits, 1);
  waits->flow_bytes = flow_bytes;
  waits->interval_s = json_number_value(json_object_get(run, "interval_s"));
  waits->hosts = read_hosts(run);
  waits->links = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  waits->reader = tw_log_reader_open(directory, "links", error);
  if (waits->reader == NULL || !find_columns(waits->reader, &waits->c, error))
    return NULL;
  tw_log_reader_window(waits->reader, from_s - waits->interval_s, INFINITY);
  return g_steal_pointer(&waits);
}

void tw_link_waits_free(tw_link_waits *waits)
{
  if (waits == NULL)
    return;
  if (waits->reader != NULL)
    tw_log_reader_close(waits->reader);
  g_array_unref(waits->hosts);
  g_hash_table_unref(waits->links);
  g_free(waits);
}

static host_link *link_of(tw_link_waits *waits, const char *name)
{
  host_link *known = g_hash_table_lookup(waits->links, name);
  if (known != NULL)
    return known;
  known = g_new0(host_link, 1);
  known->host = -1;
  for (guint i = 0; i < waits->hosts->len && known->host < 0; i++)
    if (tw_link_is_of(name, g_array_index(waits->hosts, link_host, i).name))
      known->host = (int)i;
  g_hash_table_insert(waits->links, g_strdup(name), known);
  return known;
}

/* Counts the row at which the reader stands. */
static void count(tw_link_waits *waits, double length_s)
{
  host_link *of = link_of(waits, tw_log_reader_text(waits->reader, waits->c.link));
  if (of->host < 0)
    return;
  link_host *h = &g_array_index(waits->hosts, link_host, of->host);
  h->bytes = fmax(h->bytes, tw_log_reader_amount(waits->reader, waits->c.waiting_bytes));
  of->used_s += tw_log_reader_amount(waits->reader, waits->c.utilization) * length_s;
}

gboolean tw_link_waits_at(tw_link_waits *waits, double start_s, double length_s, double *flows,
                          GError **error)
{
  GError *problem = NULL;
  double near_s = 1e-6 * waits->interval_s;
  for (guint i = 0; i < waits->hosts->len; i++)
    g_array_index(waits->hosts, link_host, i).bytes = 0;
  while (waits->pending || tw_log_reader_next(waits->reader, &problem)) {
    double row_s = tw_log_reader_number(waits->reader, waits->c.start_s);
    waits->pending = row_s > start_s + near_s;
    if (waits->pending)
      break;
    if (row_s >= start_s - near_s)
      count(waits, length_s);
  }
  if (problem != NULL) {
    g_propagate_error(error, problem);
    return FALSE;
  }
  for (guint i = 0; i < waits->hosts->len; i++) {
    const link_host *h = &g_array_index(waits->hosts, link_host, i);
    for (guint k = 0; k < h->pools->len; k++)
      flows[g_array_index(h->pools, guint, k)] += h->bytes / waits->flow_bytes;
  }
  return TRUE;
}

double tw_link_waits_used(const tw_link_waits *waits, guint pool, double length_s)
{
  GHashTableIter each;
  gpointer value;
  double most_s = 0;
  g_hash_table_iter_init(&each, waits->links);
  while (g_hash_table_iter_next(&each, NULL, &value)) {
    const host_link *l = value;
    const GArray *pools = l->host >= 0 ? g_array_index(waits->hosts, link_host, l->host).pools : NULL;
    for (guint k = 0; pools != NULL && k < pools->len; k++)
      if (g_array_index(pools, guint, k) == pool)
        most_s = fmax(most_s, l->used_s);
  }
  return length_s > 0 ? most_s / length_s : 0;
}
