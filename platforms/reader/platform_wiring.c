#include "platforms/reader/platform_wiring.h"

#include "platforms/reader/platform_reader.h"

/* A way between netpoints, as it is read. */
typedef struct read_way {
  const tw_netpoint *from, *to; /* NULL: the inside of `zone` */
  int zone;
  guint first_hop, n_hops;
} read_way;

GArray *tw_reader_ways_new(void)
{
  return g_array_new(FALSE, FALSE, sizeof(read_way));
}

void tw_reader_begin_way(tw_reader *reader, const tw_netpoint *from, const tw_netpoint *to, int zone)
{
  read_way way = {from, to, zone, reader->hops->len, 0};
  g_array_append_val(reader->ways, way);
}

void tw_reader_add_hop(tw_reader *reader, const char *link, int direction)
{
  int up = (direction == TW_DIRECTION_UP) - (direction == TW_DIRECTION_DOWN);
  int hop = GPOINTER_TO_INT(g_hash_table_lookup(reader->link_ids, link)) - 1;
  if (hop < 0 || reader->ways->len == 0)
    return;
  if (!g_str_equal(link, g_array_index(reader->links, tw_link, hop).id)) /* the name of one direction */
    up = g_str_has_suffix(link, "_UP") ? 1 : -1;
  g_array_append_val(reader->hops, hop);
  g_array_append_val(reader->directions, up);
  g_array_index(reader->ways, read_way, reader->ways->len - 1).n_hops++;
}

static int point_of(const tw_reader *reader, const tw_netpoint *point, int zone)
{
  int switches = (int)reader->hosts->len, insides = switches + (int)reader->switches->len;
  return point == NULL                 ? insides + zone
         : point->kind == TW_NODE_HOST ? point->number
                                       : switches + point->number;
}

/* All hosts and routers of a cluster reach its inside. */
static void join_cluster(const tw_reader *reader, int zone, GArray *ways)
{
  const GPtrArray *points = ((const tw_zone_routes *)g_ptr_array_index(reader->routes, zone))->points;
  for (guint i = 0; i < points->len; i++) {
    tw_way way = {point_of(reader, points->pdata[i], -1), point_of(reader, NULL, zone), 0, 0};
    g_array_append_val(ways, way);
  }
}

static int hop_of(const tw_wiring *wiring, const tw_way *way, guint k)
{
  return g_array_index(wiring->hops, int, way->first_hop + k);
}

/* The link by which a way leads to a point, -1: it does not, or over no link. */
static int link_at(const tw_wiring *wiring, const tw_way *way, int point)
{
  if (way->n_hops == 0 || (way->from != point && way->to != point) || way->from == way->to)
    return -1;
  return hop_of(wiring, way, way->from == point ? 0 : way->n_hops - 1);
}

/* Links lead away from the hosts at whose ends of ways they lie. */
static void find_hosts(tw_wiring *wiring, int n_hosts, guint n_links)
{
  int none = -1;
  for (guint i = 0; i < n_links; i++)
    g_array_append_val(wiring->host_of_link, none);
  for (guint i = 0; i < wiring->ways->len; i++) {
    const tw_way *way = &g_array_index(wiring->ways, tw_way, i);
    const int ends[] = {way->to, way->from};
    for (guint k = 0; k < G_N_ELEMENTS(ends); k++) {
      int link = ends[k] < n_hosts ? link_at(wiring, way, ends[k]) : -1;
      if (link >= 0)
        g_array_index(wiring->host_of_link, int, link) = ends[k];
    }
  }
}

/* The switch with the most ways to other switches, or, where no two are joined, with the most ways; the inside of a cluster
 * is one. */
static int find_entry(const tw_wiring *wiring, int n_hosts, int n_points)
{
  g_autofree gint64 *weights = g_new0(gint64, (gsize)n_points);
  int best = 0;
  for (guint i = 0; i < wiring->ways->len; i++) {
    const tw_way *way = &g_array_index(wiring->ways, tw_way, i);
    gint64 weight = way->from >= n_hosts && way->to >= n_hosts ? n_points : 1;
    weights[way->from] += way->from >= n_hosts ? weight : 0;
    weights[way->to] += way->to >= n_hosts ? weight : 0;
  }
  for (int i = 0; i < n_points; i++)
    best = weights[i] > weights[best] ? i : best;
  return best;
}

tw_wiring *tw_reader_wire(tw_reader *reader)
{
  tw_wiring *wiring = g_new(tw_wiring, 1);
  GArray *ways = g_array_new(FALSE, FALSE, sizeof(tw_way));
  for (guint i = 0; i < reader->ways->len; i++) {
    const read_way *read = &g_array_index(reader->ways, read_way, i);
    tw_way way = {point_of(reader, read->from, read->zone), point_of(reader, read->to, read->zone),
                  read->first_hop, read->n_hops};
    g_array_append_val(ways, way);
  }
  for (guint zone = 0; zone < reader->zones->len; zone++)
    if (((const tw_zone_routes *)g_ptr_array_index(reader->routes, zone))->is_cluster)
      join_cluster(reader, (int)zone, ways);
  *wiring = (tw_wiring){g_ptr_array_ref(reader->switches),
                        ways,
                        g_array_ref(reader->hops),
                        g_array_ref(reader->directions),
                        g_array_new(FALSE, FALSE, sizeof(int)),
                        0};
  int n_hosts = (int)reader->hosts->len;
  find_hosts(wiring, n_hosts, reader->links->len);
  wiring->entry = find_entry(wiring, n_hosts, n_hosts + (int)(reader->switches->len + reader->zones->len));
  return wiring;
}

void tw_wiring_free(tw_wiring *wiring)
{
  if (wiring == NULL)
    return;
  g_ptr_array_unref(wiring->switches);
  g_array_unref(wiring->ways);
  g_array_unref(wiring->hops);
  g_array_unref(wiring->directions);
  g_array_unref(wiring->host_of_link);
  g_free(wiring);
}

GArray *tw_wiring_links_of_switch(const tw_platform *platform, int number)
{
  const tw_wiring *wiring = platform->wiring;
  GArray *links = g_array_new(FALSE, FALSE, sizeof(int));
  g_autofree gboolean *known = g_new0(gboolean, (gsize)platform->n_links + 1);
  for (guint i = 0; i < wiring->ways->len; i++) {
    int link = link_at(wiring, &g_array_index(wiring->ways, tw_way, i), platform->n_hosts + number);
    if (link >= 0 && !known[link])
      g_array_append_val(links, link);
    if (link >= 0)
      known[link] = TRUE;
  }
  return links;
}

/* ---- Who reaches whom ---- */

/* The point that stands for all that reach a point; the way to it gets shorter. */
static int root_of(int *parents, int point)
{
  while (parents[point] != point)
    point = parents[point] = parents[parents[point]];
  return point;
}

/* Requests come over the fabric: what NVLink joins counts as far as it is on the fabric itself. */
static gboolean is_open(const tw_platform *platform, const tw_way *way, const gboolean *stopped)
{
  for (guint k = 0; k < way->n_hops; k++) {
    int link = hop_of(platform->wiring, way, k);
    if (platform->links[link].kind == TW_LINK_NVLINK || (stopped != NULL && stopped[link]))
      return FALSE;
  }
  return TRUE;
}

/* By point, the one that stands for all that reach it. */
static int *join(const tw_platform *platform, const gboolean *stopped)
{
  const tw_wiring *wiring = platform->wiring;
  int n = platform->n_hosts + (int)wiring->switches->len + platform->n_zones;
  int *parents = g_new0(int, (gsize)n);
  for (int i = 0; i < n; i++)
    parents[i] = i;
  for (guint i = 0; i < wiring->ways->len; i++) {
    const tw_way *way = &g_array_index(wiring->ways, tw_way, i);
    if (is_open(platform, way, stopped))
      parents[root_of(parents, way->from)] = root_of(parents, way->to);
  }
  for (int i = 0; i < n; i++)
    parents[i] = root_of(parents, i);
  return parents;
}

void tw_wiring_find_cut(const tw_platform *platform, const gboolean *stopped, gboolean *cut)
{
  int entry = platform->wiring->entry;
  g_autofree int *whole = join(platform, NULL), *roots = join(platform, stopped);
  for (int i = 0; i < platform->n_hosts; i++)
    cut[i] = whole[i] == whole[entry] && roots[i] != roots[entry];
}
