/* Clusters: hosts by number, and the sizes of their topologies. */
#include "platforms/reader/platform_reader.h"

enum { MAX_HOSTS = 1000000 };

static gboolean parse_count(const char *text, gint64 *count)
{
  return tw_integer_parse(text, count) && *count >= 0 && *count <= G_MAXINT;
}

/* Appends the numbers of one part of a radical, "3" or "0-7". */
static gboolean expand_part(const char *part, const tw_xml_attributes *cluster, GPtrArray *names)
{
  g_auto(GStrv) ends = g_strsplit(part, "-", -1);
  gint64 first = 0, last = 0;
  guint n_ends = g_strv_length(ends);
  if (n_ends < 1 || n_ends > 2 || !parse_count(ends[0], &first) || !parse_count(ends[n_ends - 1], &last) ||
      last < first || last - first >= MAX_HOSTS - names->len)
    return FALSE;
  for (gint64 i = first; i <= last; i++)
    g_ptr_array_add(names, g_strdup_printf("%s%" G_GINT64_FORMAT "%s", cluster->prefix, i, cluster->suffix));
  return TRUE;
}

/* The numbers of "4,4" or "2", all at least 1. */
static GArray *parse_list(const char *text)
{
  g_autoptr(GArray) list = g_array_new(FALSE, FALSE, sizeof(gint64));
  g_auto(GStrv) words = g_strsplit(text, ",", -1);
  for (char **word = words; *word != NULL; word++) {
    gint64 number = 0;
    if (!parse_count(*word, &number) || number < 1 || number > MAX_HOSTS)
      return NULL;
    g_array_append_val(list, number);
  }
  return g_steal_pointer(&list);
}

static gint64 product(const GArray *list)
{
  gint64 result = 1;
  for (guint i = 0; i < list->len && result <= MAX_HOSTS; i++)
    result *= g_array_index(list, gint64, i);
  return result;
}

/* "4,4,4": hosts along each dimension. */
static gint64 torus_hosts(char **parts)
{
  g_autoptr(GArray) sizes = g_strv_length(parts) == 1 ? parse_list(parts[0]) : NULL;
  return sizes != NULL && sizes->len > 0 ? product(sizes) : 0;
}

/* "levels; children per level; parents per level; links per level". */
static gint64 fat_tree_hosts(char **parts)
{
  gint64 levels = 0;
  if (g_strv_length(parts) != 4 || !parse_count(parts[0], &levels) || levels < 1)
    return 0;
  for (int i = 2; i < 4; i++) {
    g_autoptr(GArray) list = parse_list(parts[i]);
    if (list == NULL || list->len != levels)
      return 0;
  }
  g_autoptr(GArray) children = parse_list(parts[1]);
  return children != NULL && children->len == levels ? product(children) : 0;
}

/* "groups,links; chassis,links; routers,links; hosts". SimGrid's routes leave a group over the
 * router of its first chassis that has the number of the other group, so that it crashes on more groups than
 * routers in a chassis. */
static gint64 dragonfly_hosts(char **parts)
{
  if (g_strv_length(parts) != 4)
    return 0;
  gint64 hosts = 1, groups = 0;
  for (int i = 0; i < 4; i++) {
    g_autoptr(GArray) list = parse_list(parts[i]);
    if (list == NULL || list->len != (i < 3 ? 2 : 1) || hosts > MAX_HOSTS)
      return 0;
    if (i == 0)
      groups = g_array_index(list, gint64, 0);
    else if (i == 2 && groups > g_array_index(list, gint64, 0))
      return 0;
    hosts *= g_array_index(list, gint64, 0);
  }
  return hosts;
}

static const struct topology {
  gint64 (*hosts)(char **parts); /* 0: the parameters are no such topology; NULL: takes none */
  const char *example;
} topologies[] = {
    [TW_TOPOLOGY_FLAT] = {NULL, NULL},
    [TW_TOPOLOGY_TORUS] = {torus_hosts, "4,4,4 for 4 x 4 x 4 hosts"},
    [TW_TOPOLOGY_FAT_TREE] = {fat_tree_hosts, "2;4,4;1,2;1,2 for levels;children;parents;links"},
    [TW_TOPOLOGY_DRAGONFLY] = {dragonfly_hosts,
                               "3,4;4,3;5,1;2 for groups,links;chassis,links;routers,links;hosts, no "
                               "more groups than routers of a chassis"},
};

/* SimGrid 3.32 sends what comes down a switch by the first of parallel cables, so that they do not add up. */
static void note_cables(const xmlNode *node, char **parts, GPtrArray *notes)
{
  g_autoptr(GArray) cables = g_strv_length(parts) == 4 ? parse_list(parts[3]) : NULL;
  for (guint i = 0; cables != NULL && i < cables->len; i++)
    if (g_array_index(cables, gint64, i) > 1)
      tw_reader_note(
          notes, node,
          "a FAT_TREE with several cables to a switch: SimGrid 3.32 uses the first of them down, which "
          "gives the bandwidth of one; write more switches, or cables of more bandwidth");
}

static void check_topology(const xmlNode *node, const tw_xml_attributes *cluster, guint n_names,
                           GPtrArray *notes, tw_faults *faults)
{
  const struct topology *topology = &topologies[cluster->topology];
  if (topology->hosts == NULL)
    return;
  const char *text = cluster->topo_parameters != NULL ? cluster->topo_parameters : "";
  g_auto(GStrv) parts = g_strsplit(text, ";", -1);
  gint64 hosts = topology->hosts(parts);
  if (cluster->topology == TW_TOPOLOGY_FAT_TREE)
    note_cables(node, parts, notes);
  if (hosts == 0)
    tw_node_fault(node, faults,
                  "topo_parameters of <cluster>: \"%s\" does not describe the topology; write %s", text,
                  topology->example);
  else if (hosts != n_names)
    tw_node_fault(node, faults,
                  "topo_parameters of <cluster>: \"%s\" has %" G_GINT64_FORMAT
                  " hosts, radical=\"%s\" has %u; make them equal",
                  text, hosts, cluster->radical, n_names);
}

static void check_numbers(const xmlNode *node, const tw_xml_attributes *cluster, GPtrArray *notes,
                          tw_faults *faults)
{
  tw_reader_bandwidth(node, "bw", cluster->bw, notes, faults);
  tw_reader_latency(node, "lat", cluster->lat, notes, faults);
  if (cluster->bb_bw != NULL)
    tw_reader_bandwidth(node, "bb_bw", cluster->bb_bw, notes, faults);
  if (cluster->bb_lat != NULL)
    tw_reader_latency(node, "bb_lat", cluster->bb_lat, notes, faults);
  if (cluster->loopback_bw != NULL)
    tw_reader_bandwidth(node, "loopback_bw", cluster->loopback_bw, notes, faults);
  if (cluster->loopback_lat != NULL)
    tw_reader_latency(node, "loopback_lat", cluster->loopback_lat, notes, faults);
  if (cluster->limiter != NULL)
    tw_reader_bandwidth(node, "limiter_link", cluster->limiter, notes, faults);
}

char **tw_cluster_hosts(const xmlNode *node, const tw_xml_attributes *cluster, GPtrArray *notes,
                        tw_faults *faults)
{
  GPtrArray *names = g_ptr_array_new();
  g_auto(GStrv) parts = g_strsplit(cluster->radical, ",", -1);
  check_numbers(node, cluster, notes, faults);
  for (char **part = parts; *part != NULL; part++)
    if (!expand_part(*part, cluster, names)) {
      tw_node_fault(
          node, faults,
          "radical of <cluster>: \"%s\" is not a list of numbers of at most %d hosts; write such as 0-7,9",
          cluster->radical, MAX_HOSTS);
      break;
    }
  check_topology(node, cluster, names->len, notes, faults);
  g_ptr_array_add(names, NULL);
  return (char **)g_ptr_array_free(names, FALSE);
}

char *tw_cluster_router(const tw_xml_attributes *cluster)
{
  if (cluster->topology != TW_TOPOLOGY_FLAT)
    return NULL;
  if (cluster->router_id != NULL)
    return g_strdup(cluster->router_id);
  return g_strdup_printf("%s%s_router%s", cluster->prefix, cluster->id, cluster->suffix);
}
