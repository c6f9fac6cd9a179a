#include "sim/network/flows/branches.h"

/* Links between a point and the one that it hangs on. */
typedef struct branch {
  int parent; /* -1: it is a root */
  int depth;
  int *up, *down; /* links on the way there, and back */
  int n;
} branch;

struct tw_branches {
  branch *of; /* by point (platform_wiring.h) */
  int n;
};

/* Counts the ways of each point to others; one that is, or touches, the inside of a cluster has as good as two. */
static int *count_ways(const tw_platform *platform, int n)
{
  const GArray *ways = platform->wiring->ways;
  int *counts = g_new0(int, (gsize)n), insides = n - platform->n_zones;
  for (guint i = 0; i < ways->len; i++) {
    const tw_way *way = &g_array_index(ways, tw_way, i);
    int weight = way->from == way->to ? 0 : way->from >= insides || way->to >= insides ? 2 : 1;
    counts[way->from] += weight;
    counts[way->to] += weight;
  }
  return counts;
}

/* SimGrid's link for a hop of a way that is taken as the file says, or turned round. */
static int link_of(const tw_platform *platform, const tw_link_table *links, guint hop, gboolean turned)
{
  const tw_wiring *wiring = platform->wiring;
  const tw_link *link = &platform->links[g_array_index(wiring->hops, int, hop)];
  int up = g_array_index(wiring->directions, int, hop) * (turned ? -1 : 1);
  g_autofree char *name = g_strconcat(link->id, up > 0 ? "_UP" : up < 0 ? "_DOWN" : NULL, NULL);
  return tw_link_table_find_name(links, name);
}

/* Those of a whole way; NULL: SimGrid does not have one of them. */
static int *links_of(const tw_platform *platform, const tw_link_table *links, const tw_way *way,
                     gboolean turned)
{
  g_autofree int *found = g_new(int, way->n_hops + 1);
  for (guint k = 0; k < way->n_hops; k++) {
    found[k] = link_of(platform, links, way->first_hop + (turned ? way->n_hops - 1 - k : k), turned);
    if (found[k] < 0)
      return NULL;
  }
  return g_steal_pointer(&found);
}

/* Ways by point: those of point i are the ones from starts[i] on. */
typedef struct way_index {
  int *starts, *ways;
} way_index;

static way_index index_ways(const tw_platform *platform, int n)
{
  const GArray *ways = platform->wiring->ways;
  way_index found = {g_new0(int, (gsize)n + 2), g_new(int, 2 * (gsize)ways->len + 1)};
  for (guint i = 0; i < ways->len; i++) {
    found.starts[g_array_index(ways, tw_way, i).from + 2]++;
    found.starts[g_array_index(ways, tw_way, i).to + 2]++;
  }
  for (int i = 2; i < n + 2; i++)
    found.starts[i] += found.starts[i - 1];
  for (guint i = 0; i < ways->len; i++) {
    found.ways[found.starts[g_array_index(ways, tw_way, i).from + 1]++] = (int)i;
    found.ways[found.starts[g_array_index(ways, tw_way, i).to + 1]++] = (int)i;
  }
  return found;
}

static gboolean leads_back(const tw_platform *platform, int number)
{
  const tw_way *way = &g_array_index(platform->wiring->ways, tw_way, number);
  return way->from == way->to;
}

/* Takes points with a single way off the rest, one after the other; what is left are roots. */
static void take_off(tw_branches *branches, const tw_platform *platform, const tw_link_table *links)
{
  g_autofree int *counts = count_ways(platform, branches->n), *order = g_new(int, (gsize)branches->n);
  g_autofree gboolean *gone = g_new0(gboolean, platform->wiring->ways->len + 1);
  way_index of = index_ways(platform, branches->n);
  int n = 0;
  for (int i = 0; i < branches->n; i++)
    if (counts[i] == 1)
      order[n++] = i;
  for (int next = 0; next < n; next++) {
    int point = order[next], k = of.starts[point];
    while (k < of.starts[point + 1] && (gone[of.ways[k]] || leads_back(platform, of.ways[k])))
      k++;
    if (k == of.starts[point + 1]) /* the others have gone: it is the root of these */
      continue;
    const tw_way *way = &g_array_index(platform->wiring->ways, tw_way, of.ways[k]);
    gboolean turned = way->from != point;
    branch *b = &branches->of[point];
    b->up = links_of(platform, links, way, turned);
    b->down = links_of(platform, links, way, !turned);
    if (b->up == NULL || b->down == NULL)
      continue;
    gone[of.ways[k]] = TRUE;
    b->n = (int)way->n_hops;
    b->parent = turned ? way->from : way->to;
    if (--counts[b->parent] == 1)
      order[n++] = b->parent;
  }
  while (n-- > 0)
    if (branches->of[order[n]].parent >= 0)
      branches->of[order[n]].depth = branches->of[branches->of[order[n]].parent].depth + 1;
  g_free(of.starts);
  g_free(of.ways);
}

static gboolean lies_deep(const tw_platform *platform)
{
  for (int i = 0; i < platform->n_zones; i++)
    if (platform->zones[i].parent > 0)
      return TRUE;
  return FALSE;
}

tw_branches *tw_branches_new(const tw_platform *platform, const tw_link_table *links)
{
  if (platform->wiring == NULL || lies_deep(platform))
    return NULL;
  tw_branches *branches = g_new(tw_branches, 1);
  branches->n = platform->n_hosts + (int)platform->wiring->switches->len + platform->n_zones;
  branches->of = g_new0(branch, (gsize)branches->n);
  for (int i = 0; i < branches->n; i++)
    branches->of[i].parent = -1;
  take_off(branches, platform, links);
  return branches;
}

void tw_branches_free(tw_branches *branches)
{
  if (branches == NULL)
    return;
  for (int i = 0; i < branches->n; i++) {
    g_free(branches->of[i].up);
    g_free(branches->of[i].down);
  }
  g_free(branches->of);
  g_free(branches);
}

/* The point where the ways of two meet, -1: nowhere. */
static int meet(const tw_branches *branches, int one, int other)
{
  while (one != other && one >= 0 && other >= 0)
    if (branches->of[one].depth >= branches->of[other].depth)
      one = branches->of[one].parent;
    else
      other = branches->of[other].parent;
  return one == other ? one : -1;
}

/* Adds the links from a point down to one of its branches. */
static void go_down(const tw_branches *branches, int from, int to, GArray *links)
{
  if (from == to)
    return;
  const branch *b = &branches->of[to];
  go_down(branches, from, b->parent, links);
  g_array_append_vals(links, b->down, (guint)b->n);
}

gboolean tw_branches_route(const tw_branches *branches, int from, int to, GArray *links)
{
  int top = meet(branches, from, to);
  if (top < 0)
    return FALSE;
  for (int at = from; at != top; at = branches->of[at].parent)
    g_array_append_vals(links, branches->of[at].up, (guint)branches->of[at].n);
  go_down(branches, top, to, links);
  return TRUE;
}
