#include "platforms/reader/platform_planes.h"

#include "platforms/input/schema.h"
#include "platforms/reader/platform.h"
#include "platforms/reader/platform_property.h"

#include <math.h>

enum { MOST_RAILS = 1024 };

const char *const tw_balance_names[] = {"", "ideal", "static", "hashed", "adaptive", NULL};
static const char *const crossings[] = {"", "nvlink", "spine", NULL};

void tw_planes_read(tw_plane_properties *asked, const xmlNode *zone, gboolean is_fabric, tw_faults *faults)
{
  static const char *const names[] = {"tw:routing", "tw:rails", "tw:cross-rail"};
  const xmlNode *first = NULL;
  for (guint i = 0; i < G_N_ELEMENTS(names); i++)
    g_free(tw_property_get(zone, names[i], first == NULL ? &first : NULL));
  if (first == NULL)
    return;
  if (!is_fabric)
    tw_node_fault(first, faults,
                  "tw:routing, tw:rails and tw:cross-rail belong to a zone with tw:role=\"fabric\"; "
                  "move them there");
  if (asked->line > 0)
    tw_node_fault(first, faults,
                  "the fabric of line %ld has tw:routing, tw:rails or tw:cross-rail already, which "
                  "count for the whole platform; keep those of one zone",
                  asked->line);
  double rails = tw_property_number(zone, "tw:rails", 1, 1, "a count of rails", faults);
  if (rails != floor(rails) || rails > MOST_RAILS)
    tw_node_fault(first, faults, "tw:rails of <zone>: %g is not a whole number up to %d; write such as 8",
                  rails, MOST_RAILS);
  int balance = tw_property_choice(zone, "tw:routing", tw_balance_names, faults);
  int crossing = tw_property_choice(zone, "tw:cross-rail", crossings, faults);
  *asked = (tw_plane_properties){(tw_balance)MAX(balance - 1, 0), (int)fmin(rails, MOST_RAILS), crossing == 2,
                                 tw_node_line(first)};
}

/* ---- NICs ---- */

static int *numbers_new(int n, int number)
{
  int *numbers = g_new(int, (gsize)n + 1);
  for (int i = 0; i < n; i++)
    numbers[i] = number;
  return numbers;
}

static int hop_of(const tw_platform *platform, const tw_way *way, guint k)
{
  return g_array_index(platform->wiring->hops, int, way->first_hop + k);
}

/* The links by which hosts reach the fabric. */
static void find_nic_links(const tw_platform *platform, tw_planes *planes)
{
  for (guint i = 0; i < platform->wiring->ways->len; i++) {
    const tw_way *way = &g_array_index(platform->wiring->ways, tw_way, i);
    if (way->n_hops == 0 || way->from == way->to)
      continue;
    const int ends[] = {way->from, way->to};
    for (guint k = 0; k < G_N_ELEMENTS(ends); k++) {
      int link = hop_of(platform, way, k == 0 ? 0 : way->n_hops - 1);
      if (ends[k] < platform->n_hosts && platform->links[link].kind == TW_LINK_NIC)
        planes->nic_link[ends[k]] = link;
    }
  }
}

static int nics_of(const tw_platform *platform, int host, int link)
{
  int accelerators = MAX(platform->hosts[host].accelerators, 1), parts = platform->links[link].parts;
  return parts > 0 ? MIN(parts, accelerators) : accelerators;
}

/* Numbers the NICs, domain by domain; several hosts may share some. */
static void number_nics(const tw_platform *platform, tw_planes *planes, tw_faults *faults)
{
  g_autofree int *first_of_link = numbers_new(platform->n_links, -1);
  g_autoptr(GArray) hosts = g_array_new(FALSE, FALSE, sizeof(int));
  int rails = planes->asked.rails, begin = 0, domain = -1;
  for (int h = 0; h <= platform->n_hosts; h++) {
    int next = h < platform->n_hosts ? tw_platform_domain(platform, h) : -1;
    int nics = (int)hosts->len - begin;
    if (next != domain && nics % rails != 0)
      tw_faults_add(faults, platform->path, planes->asked.line,
                    "tw:rails: the %d NICs of zone \"%s\" are not a multiple of %d rails; write a divisor",
                    nics, platform->zones[MAX(domain, 0)].id, rails);
    if (next != domain)
      begin = (int)hosts->len;
    domain = next;
    int link = h < platform->n_hosts && next >= 0 ? planes->nic_link[h] : -1;
    if (link < 0)
      continue;
    if (first_of_link[link] < 0) {
      first_of_link[link] = (int)hosts->len;
      planes->parts[link] = nics_of(platform, h, link);
      for (int k = 0; k < planes->parts[link]; k++)
        g_array_append_val(hosts, h);
    }
    planes->first_nic[h] = first_of_link[link];
  }
  planes->n_nics = (int)hosts->len;
  planes->host_of_nic = (int *)(void *)g_array_free(g_steal_pointer(&hosts), FALSE);
  if (planes->n_nics == 0)
    tw_faults_add(
        faults, platform->path, planes->asked.line,
        "tw:routing and tw:rails need hosts in domains whose links have tw:kind=\"nic\"; there are none");
}

/* ---- Links to the spine ---- */

static void split_links_to_spine(const tw_platform *platform, tw_planes *planes, tw_faults *faults)
{
  int rails = planes->asked.rails, parts = 0;
  for (int i = 0; i < platform->n_links; i++) {
    const tw_link *link = &platform->links[i];
    if (link->kind != TW_LINK_SPINE)
      continue;
    int own = link->parts > 0 ? link->parts : rails;
    if (own % rails != 0 || (parts > 0 && own != parts))
      tw_faults_add(
          faults, platform->path, link->line,
          "tw:parts of <link>: %d links to the spine; write a multiple of the %d rails, the same for all "
          "links to the spine",
          own, rails);
    parts = own;
    planes->parts[i] = planes->asked.balance == TW_BALANCE_IDEAL ? rails : own;
  }
  planes->spines = planes->asked.balance == TW_BALANCE_IDEAL ? 1 : MAX(parts / rails, 1);
  if (parts == 0 && (planes->asked.balance != TW_BALANCE_IDEAL || planes->asked.over_spine))
    tw_faults_add(
        faults, platform->path, planes->asked.line,
        "tw:routing needs links of tw:kind=\"spine\", whose tw:parts says of how many they consist; there "
        "are none");
}

/* The link of a way that leads to the spine, -1: none does; -2: the way is inside a domain. */
static int up_link_of(const tw_platform *platform, const tw_way *way)
{
  for (guint k = 0; k < way->n_hops; k++) {
    int link = hop_of(platform, way, k);
    if (platform->links[link].kind == TW_LINK_SPINE || platform->links[link].kind == TW_LINK_NVLINK)
      return platform->links[link].kind == TW_LINK_SPINE ? link : -2;
  }
  return -1;
}

/* Hosts have the up-link of the switch that they reach without one. */
static void find_up_links(const tw_platform *platform, tw_planes *planes)
{
  const GArray *ways = platform->wiring->ways;
  int n = platform->n_hosts + (int)platform->wiring->switches->len + platform->n_zones;
  g_autofree int *up = numbers_new(n, -1);
  for (guint i = 0; i < ways->len; i++) {
    const tw_way *way = &g_array_index(ways, tw_way, i);
    int link = up_link_of(platform, way);
    if (link >= 0)
      up[way->from] = up[way->to] = link; /* the spine's own links do not count: nothing else hangs on it */
  }
  for (gboolean more = TRUE;
       more;) { /* as often as switches follow one another below a leaf: once or twice */
    more = FALSE;
    for (guint i = 0; i < ways->len; i++) {
      const tw_way *way = &g_array_index(ways, tw_way, i);
      if ((up[way->from] < 0) == (up[way->to] < 0) || up_link_of(platform, way) != -1)
        continue;
      up[way->from] = up[way->to] = MAX(up[way->from], up[way->to]);
      more = TRUE;
    }
  }
  for (int h = 0; h < platform->n_hosts; h++)
    planes->up[h] = up[h];
}

tw_planes *tw_planes_new(const tw_platform *platform, const tw_plane_properties *asked, tw_faults *faults)
{
  if (asked->line == 0 || (asked->rails == 1 && asked->balance == TW_BALANCE_IDEAL))
    return NULL;
  tw_planes *planes = g_new0(tw_planes, 1);
  *planes = (tw_planes){.asked = *asked,
                        .nic_link = numbers_new(platform->n_hosts, -1),
                        .first_nic = numbers_new(platform->n_hosts, -1),
                        .up = numbers_new(platform->n_hosts, -1),
                        .parts = numbers_new(platform->n_links, 0)};
  find_nic_links(platform, planes);
  number_nics(platform, planes, faults);
  split_links_to_spine(platform, planes, faults);
  find_up_links(platform, planes);
  if (platform->profiled)
    tw_faults_add(
        faults, platform->path, asked->line,
        "tw:routing and tw:rails part links, which cannot have a bandwidth_file then; remove one of both");
  return planes;
}

void tw_planes_free(tw_planes *planes)
{
  if (planes == NULL)
    return;
  g_free(planes->host_of_nic);
  g_free(planes->nic_link);
  g_free(planes->first_nic);
  g_free(planes->up);
  g_free(planes->parts);
  g_free(planes);
}

void tw_planes_set_rails(const tw_platform *platform, int host, int *rails, int *on_rail)
{
  const tw_planes *planes = platform->planes;
  *rails = planes != NULL ? planes->asked.rails : 0;
  *on_rail = 0;
  if (planes == NULL || !planes->asked.over_spine || planes->asked.rails == 1 || planes->nic_link[host] < 0)
    return;
  int link = planes->nic_link[host], accelerators = 0;
  for (int h = host; h < platform->n_hosts && planes->nic_link[h] == link; h++)
    accelerators += platform->hosts[h].accelerators;
  *on_rail = MAX(1, accelerators / planes->parts[link]);
}

/* ---- The copy that SimGrid loads ---- */

char *tw_planes_part_name(const tw_platform *platform, int link, int part)
{
  const tw_planes *planes = platform->planes;
  const char *id = platform->links[link].id;
  if (platform->links[link].kind == TW_LINK_NIC)
    return g_strdup_printf("%s/nic-%d", id, part);
  if (planes->asked.rails == 1)
    return g_strdup_printf("%s/spine-%d", id, part);
  return planes->spines == 1
             ? g_strdup_printf("%s/rail-%d", id, part)
             : g_strdup_printf("%s/rail-%d-spine-%d", id, part / planes->spines, part % planes->spines);
}

static void add_parts(const tw_platform *platform, int link, xmlNode *node)
{
  int parts = platform->planes->parts[link];
  char bandwidth[G_ASCII_DTOSTR_BUF_SIZE];
  g_ascii_dtostr(bandwidth, sizeof bandwidth,
                 platform->links[link].bytes_per_s / (platform->links[link].wide ? 1 : parts));
  g_autofree char *quantity = g_strconcat(bandwidth, "Bps", NULL);
  for (int part = 0; part < parts; part++) {
    g_autofree char *name = tw_planes_part_name(platform, link, part);
    xmlNode *copy = xmlCopyNode(node, 2);
    xmlSetProp(copy, (const xmlChar *)"id", (const xmlChar *)name);
    xmlSetProp(copy, (const xmlChar *)"bandwidth", (const xmlChar *)quantity);
    xmlAddNextSibling(node, copy);
  }
}

static void add_links(const tw_platform *platform, GHashTable *split, xmlNode *zone)
{
  for (xmlNode *child = zone->children, *next; child != NULL; child = next) {
    next = child->next;
    if (child->type != XML_ELEMENT_NODE)
      continue;
    add_links(platform, split, child);
    if (!g_str_equal(child->name, "link"))
      continue;
    xmlChar *id = xmlGetProp(child, (const xmlChar *)"id");
    int link = GPOINTER_TO_INT(g_hash_table_lookup(split, id != NULL ? (const char *)id : "")) - 1;
    xmlFree(id);
    if (link >= 0)
      add_parts(platform, link, child);
  }
}

void tw_planes_add_links(const tw_platform *platform, xmlNode *root)
{
  g_autoptr(GHashTable) split = g_hash_table_new(g_str_hash, g_str_equal);
  for (int i = 0; i < platform->n_links; i++)
    if (platform->planes->parts[i] > 1)
      g_hash_table_insert(split, platform->links[i].id, GINT_TO_POINTER(i + 1));
  add_links(platform, split, root);
}
