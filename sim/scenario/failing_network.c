/* The components of the network that fail: NICs, links and switches. */
#include "sim/scenario/failures.h"

gboolean tw_failing_is_network(tw_failing_part part)
{
  return part == TW_PART_NIC || part == TW_PART_LINK || part == TW_PART_SWITCH;
}

/* The number of NICs that a link stands for; 0: none. */
static int nics_of(const tw_platform *platform, int link)
{
  const tw_link *l = &platform->links[link];
  int host = g_array_index(platform->wiring->host_of_link, int, link);
  if (l->kind != TW_LINK_NIC)
    return 0;
  return l->parts > 0 ? l->parts : host >= 0 ? MAX(platform->hosts[host].accelerators, 1) : 1;
}

/* NVLink is inside of what computes: no flow of the network crosses it. */
static gboolean fails_as_link(const tw_platform *platform, int link)
{
  return platform->links[link].kind != TW_LINK_NVLINK;
}

/* The number of components that a link has. */
static int components_of(const tw_platform *platform, tw_failing_part part, int link)
{
  return part == TW_PART_NIC ? nics_of(platform, link) : fails_as_link(platform, link);
}

int tw_failing_network_components(const tw_platform *platform, tw_failing_part part)
{
  int n = 0;
  if (part == TW_PART_SWITCH)
    return (int)platform->wiring->switches->len;
  for (int i = 0; i < platform->n_links; i++)
    n += components_of(platform, part, i);
  return n;
}

/* The link that has a component; its number there is left in `component`. */
static int link_of(const tw_platform *platform, tw_failing_part part, int *component)
{
  int link = 0;
  for (int n; *component >= (n = components_of(platform, part, link)); link++)
    *component -= n;
  return link;
}

static char *name_of(const tw_platform *platform, tw_failing_part part, int link, int number)
{
  const char *id = platform->links[link].id;
  return part == TW_PART_NIC ? g_strdup_printf("%s/%d", id, number) : g_strdup(id);
}

char *tw_failing_network_name(const tw_platform *platform, tw_failing_part part, int component)
{
  if (part == TW_PART_SWITCH)
    return g_strdup(platform->wiring->switches->pdata[component]);
  int link = link_of(platform, part, &component);
  return name_of(platform, part, link, component);
}

GPtrArray *tw_failing_network_names(const tw_platform *platform, tw_failing_part part)
{
  GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
  const GPtrArray *switches = platform->wiring->switches;
  for (guint i = 0; part == TW_PART_SWITCH && i < switches->len; i++)
    g_ptr_array_add(names, g_strdup(switches->pdata[i]));
  for (int i = 0; part != TW_PART_SWITCH && i < platform->n_links; i++)
    for (int k = 0; k < components_of(platform, part, i); k++)
      g_ptr_array_add(names, name_of(platform, part, i, k));
  return names;
}

GArray *tw_failing_links(const tw_platform *platform, tw_failing_part part, int component, double *share)
{
  *share = 1;
  if (part == TW_PART_SWITCH)
    return tw_wiring_links_of_switch(platform, component);
  GArray *links = g_array_new(FALSE, FALSE, sizeof(int));
  int link = link_of(platform, part, &component);
  *share = 1.0 / components_of(platform, part, link);
  g_array_append_val(links, link);
  return links;
}
