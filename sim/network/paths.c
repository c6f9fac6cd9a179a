#include "sim/network/paths.h"

#include "platforms/input/pair_hash.h"
#include "sim/network/simgrid_start.h"

#include <simgrid/engine.h>
#include <simgrid/host.h>
#include <simgrid/link.h>
#include <xbt/dynar.h>

#include <math.h>

static const char *const directions[] = {"_UP", "_DOWN"};

static void free_path(gpointer pointer)
{
  tw_path *path = pointer;
  g_free(path->links);
  g_free(path);
}

static int by_name(gconstpointer a, gconstpointer b)
{
  return strcmp(sg_link_get_name(*(const sg_link_t *)a), sg_link_get_name(*(const sg_link_t *)b));
}

/* Joules of a byte on each of SimGrid's links, which has two-way links twice. */
static void find_joules(tw_paths *paths, const tw_platform *platform)
{
  g_autoptr(GHashTable) by_name = g_hash_table_new(g_str_hash, g_str_equal);
  paths->joules_per_byte = g_new0(double, (gsize)paths->n_links);
  for (int i = 0; i < platform->n_links; i++)
    g_hash_table_insert(by_name, platform->links[i].id, &platform->links[i]);
  for (int i = 0; i < paths->n_links; i++) {
    g_autofree char *name = g_strdup(sg_link_get_name(paths->links[i]));
    const tw_link *link = g_hash_table_lookup(by_name, name);
    for (guint k = 0; link == NULL && k < G_N_ELEMENTS(directions); k++)
      if (g_str_has_suffix(name, directions[k])) {
        name[strlen(name) - strlen(directions[k])] = '\0';
        link = g_hash_table_lookup(by_name, name);
        break;
      }
    if (link != NULL)
      paths->joules_per_byte[i] = link->joules_per_byte;
  }
}

/* SimGrid's hosts of all endpoints. */
static void find_hosts(tw_paths *paths, const tw_ports *ports)
{
  g_autoptr(GHashTable) hosts = tw_simgrid_hosts();
  paths->hosts = g_new0(sg_host_t, (gsize)tw_ports_count(ports));
  for (int i = 0; i < tw_ports_count(ports); i++) {
    paths->hosts[i] = g_hash_table_lookup(hosts, tw_ports_name(ports, i));
    if (paths->hosts[i] == NULL) /* a port of a host in a <cluster> */
      paths->hosts[i] = paths->hosts[tw_ports_host(ports, i)];
  }
}

static void find_links(tw_paths *paths)
{
  sg_link_t *links = sg_link_list();
  gsize n = (gsize)paths->n_links;
  paths->links = g_memdup2(links, n * sizeof *links);
  free(links); /* SimGrid allocates it with malloc */
  qsort(paths->links, n, sizeof *paths->links, by_name);
  paths->shared = g_new(gboolean, n);
  paths->bytes_per_s = g_new(double, n);
  for (int i = 0; i < paths->n_links; i++) {
    g_hash_table_insert(paths->link_index, paths->links[i], GINT_TO_POINTER(i + 1));
    paths->shared[i] = sg_link_is_shared(paths->links[i]) != 0;
    paths->bytes_per_s[i] = sg_link_get_bandwidth(paths->links[i]);
  }
}

tw_paths *tw_paths_new(const tw_ports *ports)
{
  tw_paths *paths = g_new0(tw_paths, 1);
  *paths = (tw_paths){.n_links = (int)sg_link_count(),
                      .link_index = g_hash_table_new(NULL, NULL),
                      .known = g_hash_table_new_full(tw_pair_hash, g_int64_equal, g_free, free_path)};
  find_hosts(paths, ports);
  find_links(paths);
  find_joules(paths, ports->platform);
  return paths;
}

void tw_paths_free(tw_paths *paths)
{
  g_hash_table_unref(paths->known);
  g_hash_table_unref(paths->link_index);
  g_free(paths->hosts);
  g_free(paths->links);
  g_free(paths->shared);
  g_free(paths->bytes_per_s);
  g_free(paths->joules_per_byte);
  g_free(paths);
}

const tw_path *tw_paths_find(tw_paths *paths, int from, int to)
{
  gint64 key = (gint64)from << 32 | to;
  tw_path *found = g_hash_table_lookup(paths->known, &key);
  if (found != NULL)
    return found;
  xbt_dynar_t links = xbt_dynar_new(sizeof(sg_link_t), NULL);
  sg_host_get_route(paths->hosts[from], paths->hosts[to], links);
  found = g_new0(tw_path, 1);
  found->from = paths->hosts[from];
  found->to = paths->hosts[to];
  found->n_links = (int)xbt_dynar_length(links);
  found->links = g_new(int, (gsize)found->n_links);
  found->route = (tw_route){0, INFINITY, 0};
  for (int i = 0; i < found->n_links; i++) {
    sg_link_t link = xbt_dynar_get_as(links, (unsigned)i, sg_link_t);
    found->links[i] = GPOINTER_TO_INT(g_hash_table_lookup(paths->link_index, link)) - 1;
    found->route.latency_s += sg_link_get_latency(link);
    found->route.joules_per_byte += paths->joules_per_byte[found->links[i]];
    found->route.bytes_per_s = fmin(found->route.bytes_per_s, sg_link_get_bandwidth(link));
  }
  xbt_dynar_free(&links);
  g_hash_table_insert(paths->known, g_memdup2(&key, sizeof key), found);
  return found;
}
