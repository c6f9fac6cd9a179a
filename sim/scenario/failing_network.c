/* The components of the network that fail: NICs, links and switches. */
#include "sim/scenario/failures.h"

gboolean tw_failing_is_network(tw_failing_part part)
{
  return part == TW_PART_NIC || part == TW_PART_LINK || part == TW_PART_SWITCH;
}

/* The number of NICs that a link stands for. */
static int nics_of(const tw_platform *platform, int link)
{
  int host = g_array_index(platform->wiring->host_of_link, int, link), parts = platform->links[link].parts;
  return parts > 0 ? parts : host >= 0 ? MAX(platform->hosts[host].accelerators, 1) : 1;
}

/* The number of components that a link has. NVLink is inside of what computes: no flow of the network crosses it. */
static int components_of(const tw_platform *platform, tw_failing_part part, int link)
{
  const tw_link *l = &platform->links[link];
  if (part == TW_PART_NIC)
    return l->kind == TW_LINK_NIC ? nics_of(platform, link) : 0;
  return l->kind == TW_LINK_NVLINK ? 0 : l->kind == TW_LINK_NIC ? 1 : MAX(l->parts, 1);
}

/* The number of equal switches that one stands for: as many as each of its links, where that is the same number. */
static int switches_of(const tw_platform *platform, const GArray *links)
{
  int n = links->len > 0 ? components_of(platform, TW_PART_LINK, g_array_index(links, int, 0)) : 1;
  for (guint i = 1; i < links->len; i++)
    if (components_of(platform, TW_PART_LINK, g_array_index(links, int, i)) != n)
      return 1;
  return MAX(n, 1);
}

/* The place of a component: all of a link or switch of the platform, or one of the equal ones that it stands for. */
typedef struct place {
  int item, lane, lanes;
} place;

/* The number of components of a link or switch of the platform. */
static int lanes_of(const tw_platform *platform, tw_failing_part part, int item)
{
  if (part != TW_PART_SWITCH)
    return components_of(platform, part, item);
  g_autoptr(GArray) links = tw_wiring_links_of_switch(platform, item);
  return switches_of(platform, links);
}

static int items_of(const tw_platform *platform, tw_failing_part part)
{
  return part == TW_PART_SWITCH ? (int)platform->wiring->switches->len : platform->n_links;
}

static place find_place(const tw_platform *platform, tw_failing_part part, int component)
{
  place p = {0, component, lanes_of(platform, part, 0)};
  while (p.lane >= p.lanes) {
    p.lane -= p.lanes;
    p.lanes = lanes_of(platform, part, ++p.item);
  }
  return p;
}

static char *name_of(const tw_platform *platform, tw_failing_part part, place p)
{
  const char *id =
      part == TW_PART_SWITCH ? platform->wiring->switches->pdata[p.item] : platform->links[p.item].id;
  return part == TW_PART_NIC || p.lanes > 1 ? g_strdup_printf("%s/%d", id, p.lane) : g_strdup(id);
}

int tw_failing_network_components(const tw_platform *platform, tw_failing_part part)
{
  int n = 0;
  for (int i = 0; i < items_of(platform, part); i++)
    n += lanes_of(platform, part, i);
  return n;
}

int tw_failing_components_of_link(const tw_platform *platform, int link, int *first)
{
  *first = 0;
  for (int i = 0; i < link; i++)
    *first += lanes_of(platform, TW_PART_LINK, i);
  return lanes_of(platform, TW_PART_LINK, link);
}

char *tw_failing_network_name(const tw_platform *platform, tw_failing_part part, int component)
{
  return name_of(platform, part, find_place(platform, part, component));
}

GPtrArray *tw_failing_network_names(const tw_platform *platform, tw_failing_part part)
{
  GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
  for (int i = 0; i < items_of(platform, part); i++) {
    place p = {i, 0, lanes_of(platform, part, i)};
    for (; p.lane < p.lanes; p.lane++)
      g_ptr_array_add(names, name_of(platform, part, p));
  }
  return names;
}

GArray *tw_failing_links(const tw_platform *platform, tw_failing_part part, int component, int *lane,
                         int *lanes)
{
  place p = find_place(platform, part, component);
  *lane = p.lane;
  *lanes = p.lanes;
  if (part == TW_PART_SWITCH)
    return tw_wiring_links_of_switch(platform, p.item);
  GArray *links = g_array_new(FALSE, FALSE, sizeof(int));
  g_array_append_val(links, p.item);
  return links;
}
