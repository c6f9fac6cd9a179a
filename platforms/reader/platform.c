#include "platforms/reader/platform.h"

#include "platforms/input/pair_hash.h"
#include "platforms/reader/platform_property.h"
#include "platforms/reader/platform_reader.h"

#include <math.h>

const char *const tw_zone_role_names[TW_ROLES + 1] = {"",        "site", "nvlink-domain", "node", "fabric",
                                                      "storage", NULL};
const char *const tw_link_kind_names[TW_LINK_KINDS + 1] = {"",      "nvlink", "nic",     "leaf",
                                                           "spine", "wan",    "storage", NULL};

tw_netpoint *tw_reader_add_point(tw_reader *reader, const char *id, tw_node_kind kind, int zone,
                                 const xmlNode *node)
{
  const tw_netpoint *same = g_hash_table_lookup(reader->points, id);
  if (same == NULL)
    same = g_hash_table_lookup(reader->zone_points, id);
  if (same != NULL) {
    tw_node_fault(node, reader->faults, "the name \"%s\" is taken by the <%s> of line %ld; choose another",
                  id, same->node->name, tw_node_line(same->node));
    return NULL;
  }
  tw_netpoint *point = g_new0(tw_netpoint, 1);
  point->id = g_strdup(id);
  point->kind = kind;
  point->zone = zone;
  point->node = node;
  point->number = (int)(kind == TW_NODE_HOST ? reader->hosts->len : reader->switches->len);
  if (kind == TW_NODE_ROUTER)
    g_ptr_array_add(reader->switches, g_strdup(id));
  if (zone >= 0) {
    GPtrArray *points = ((tw_zone_routes *)g_ptr_array_index(reader->routes, zone))->points;
    point->place = (int)points->len;
    g_ptr_array_add(points, point);
  }
  g_hash_table_insert(kind == TW_NODE_ZONE ? reader->zone_points : reader->points, point->id, point);
  return point;
}

static void point_free(gpointer data)
{
  tw_netpoint *point = data;
  g_free(point->id);
  g_free(point);
}

static void routes_free(gpointer data)
{
  tw_zone_routes *routes = data;
  g_ptr_array_unref(routes->points);
  g_array_unref(routes->edges);
  g_hash_table_destroy(routes->pairs);
  g_free(routes);
}

/* Reads the conversion and cooling that the site's power passes through; only the outermost zone may say it.
 * */
static void read_supply(tw_reader *reader, const xmlNode *node, gboolean outermost)
{
  guint before = tw_faults_added(reader->faults);
  g_autofree char *together = NULL;
  for (const char *const *name = tw_supply_properties; *name != NULL; name++) {
    const xmlNode *prop = NULL;
    g_autofree char *text = tw_property_get(node, *name, &prop), *why = NULL;
    if (text == NULL)
      continue;
    if (!outermost)
      tw_node_fault(prop, reader->faults, "%s belongs to the outermost zone; move it there", *name);
    else if (!tw_supply_set(&reader->supply, *name, text, &why))
      tw_node_fault(prop, reader->faults, "%s: %s", *name, why);
  }
  if (tw_faults_added(reader->faults) == before && !tw_supply_check(&reader->supply, &together))
    tw_node_fault(node, reader->faults, "%s", together);
}

/* Opens a zone for a <zone> or <cluster>: its properties, and the names that it inherits. */
static int open_zone(tw_reader *reader, const xmlNode *node, const char *id, int parent, int place)
{
  tw_property_check(node, place, reader->faults);
  tw_zone zone = {.id = g_strdup(id), .parent = parent, .line = tw_node_line(node), .rack_index = -1};
  const tw_zone *outer = parent >= 0 ? &g_array_index(reader->zones, tw_zone, parent) : NULL;
  zone.role = (tw_zone_role)tw_property_choice(node, "tw:role", tw_zone_role_names, reader->faults);
  zone.rack = tw_property_get(node, "tw:rack", NULL);
  zone.row = tw_property_get(node, "tw:row", NULL);
  if (zone.rack == NULL && outer != NULL)
    zone.rack = g_strdup(outer->rack);
  if (zone.row == NULL && outer != NULL)
    zone.row = g_strdup(outer->row);
  if (zone.rack == NULL && (zone.role == TW_ROLE_NVLINK_DOMAIN || zone.role == TW_ROLE_NODE))
    zone.rack = g_strdup(id);
  zone.overhead_w = tw_property_number(node, "tw:overhead_w", 0, 0, "a number of watts", reader->faults);
  double idle_w =
      tw_property_number(node, "tw:overhead_idle_w", zone.overhead_w, 0, "a number of watts", reader->faults);
  zone.following_w = zone.overhead_w - idle_w;
  if (zone.following_w < 0)
    tw_node_fault(node, reader->faults,
                  "tw:overhead_idle_w is above tw:overhead_w, the power at full load; write less");
  zone.link_kind = TW_LINK_NONE;
  zone.link_watts = NAN;
  if (zone.role == TW_ROLE_SITE && outer != NULL)
    tw_node_fault(node, reader->faults,
                  "tw:role=\"site\" belongs to the outermost zone; choose another role");
  read_supply(reader, node, outer == NULL);
  tw_planes_read(&reader->planes, node, zone.role == TW_ROLE_FABRIC, reader->faults);

  tw_zone_routes *routes = g_new0(tw_zone_routes, 1);
  routes->node = node;
  routes->points = g_ptr_array_new();
  routes->edges = g_array_new(FALSE, FALSE, sizeof(tw_edge));
  routes->pairs = g_hash_table_new_full(tw_pair_hash, g_int64_equal, g_free, NULL);
  int index = (int)reader->zones->len;
  g_array_append_val(reader->zones, zone);
  g_ptr_array_add(reader->routes, routes);
  tw_netpoint *point = tw_reader_add_point(reader, id, TW_NODE_ZONE, parent, node);
  if (point != NULL)
    point->inner = index;
  return index;
}

static void read_cluster(tw_reader *reader, const xmlNode *node, int parent)
{
  tw_xml_attributes cluster = {0};
  tw_schema_read(node, &tw_xml_cluster, &cluster);
  int index = open_zone(reader, node, cluster.id, parent, TW_ON_CLUSTER);
  ((tw_zone_routes *)g_ptr_array_index(reader->routes, index))->is_cluster = TRUE;
  tw_zone *zone = &g_array_index(reader->zones, tw_zone, index);
  zone->link_kind =
      (tw_link_kind)tw_property_choice(node, "tw:link-kind", tw_link_kind_names, reader->faults);
  zone->switched = TRUE;
  zone->link_watts = tw_property_number(node, "tw:link-watts", NAN, 0, "a number of watts", reader->faults);

  tw_host like = tw_reader_host(reader, node, cluster.speed, 0);
  g_auto(GStrv) names = tw_cluster_hosts(node, &cluster, reader->notes, reader->faults);
  guint before = tw_faults_added(reader->faults);
  for (char **name = names; *name != NULL && tw_faults_added(reader->faults) == before; name++)
    /* One message is enough: where one name is taken, the next would be too. */
    tw_reader_add_host(reader, *name, index, &like, node);
  g_free(like.clocks);
  g_autofree char *router = tw_cluster_router(&cluster);
  if (router != NULL)
    tw_reader_add_point(reader, router, TW_NODE_ROUTER, index, node);
  tw_schema_clear(&tw_xml_cluster, &cluster);
}

static void read_zone(tw_reader *reader, const xmlNode *node, int parent, int depth)
{
  tw_xml_attributes attributes = {0};
  tw_schema_read(node, &tw_xml_zone, &attributes);
  int zone = open_zone(reader, node, attributes.id, parent, TW_ON_ZONE);
  ((tw_zone_routes *)g_ptr_array_index(reader->routes, zone))->routing = (tw_routing)attributes.routing;
  g_array_index(reader->zones, tw_zone, zone).unrouted = (tw_routing)attributes.routing == TW_ROUTING_NONE;
  g_array_index(reader->zones, tw_zone, zone).switched = (tw_routing)attributes.routing == TW_ROUTING_STAR;
  tw_schema_clear(&tw_xml_zone, &attributes);

  for (const xmlNode *child = tw_node_child(node, NULL); child != NULL; child = tw_node_next(child, NULL)) {
    const char *name = (const char *)child->name;
    if ((g_str_equal(name, "zone") || g_str_equal(name, "cluster")) && depth == 2)
      tw_reader_note(reader->notes, child,
                     "zones are nested more than two deep, which SimGrid before 4.1 may route wrongly");
    if (g_str_equal(name, "zone")) {
      read_zone(reader, child, zone, depth + 1);
    } else if (g_str_equal(name, "cluster")) {
      read_cluster(reader, child, zone);
    } else if (g_str_equal(name, "host")) {
      tw_xml_attributes host = {0};
      tw_schema_read(child, &tw_xml_host, &host);
      tw_property_check(child, TW_ON_HOST, reader->faults);
      tw_host like = tw_reader_host(reader, child, host.speed, host.pstate);
      tw_reader_add_host(reader, host.id, zone, &like, child);
      tw_reader_profile(reader, child, "state_file", host.state_file, FALSE, (int)reader->hosts->len - 1);
      tw_reader_profile(reader, child, "speed_file", host.speed_file, FALSE, (int)reader->hosts->len - 1);
      g_free(like.clocks);
      tw_schema_clear(&tw_xml_host, &host);
    } else if (g_str_equal(name, "router")) {
      tw_xml_attributes router = {0};
      tw_schema_read(child, &tw_xml_router, &router);
      tw_reader_add_point(reader, router.id, TW_NODE_ROUTER, zone, child);
      g_array_index(reader->zones, tw_zone, zone).switched = TRUE;
      tw_schema_clear(&tw_xml_router, &router);
    } else if (g_str_equal(name, "link") || g_str_equal(name, "backbone")) {
      tw_reader_link(reader, child, zone);
    } else if (g_str_equal(name, "host_link")) {
      tw_reader_host_link(reader, child, zone);
    } else if (g_str_equal(name, "route") || g_str_equal(name, "zoneRoute")) {
      tw_reader_route(reader, child, zone);
    }
  }
}

/* "row \"row-0\"", or that it is in none. The caller frees it. */
static char *row_of(const tw_zone *zone)
{
  return zone->row != NULL ? g_strdup_printf("row \"%s\"", zone->row) : g_strdup("no row");
}

/* All zones of a rack stand in the row of the first of them. */
static void check_row(const tw_reader *reader, const tw_zone *zone, const tw_zone *first, const char *path)
{
  if (g_strcmp0(first->row, zone->row) == 0)
    return;
  g_autofree char *row = row_of(zone), *of_first = row_of(first);
  tw_faults_add(reader->faults, path, zone->line,
                "zone \"%s\" of rack \"%s\" is in %s, but zone \"%s\" of the same rack in %s; a rack stands "
                "in one row, "
                "so give both the same tw:row",
                zone->id, zone->rack, row, first->id, of_first);
}

/* The racks, in the order of first use. */
static void number_racks(tw_reader *reader, const char *path)
{
  g_autoptr(GHashTable) first_zones = g_hash_table_new(g_str_hash, g_str_equal);
  for (guint i = 0; i < reader->zones->len; i++) {
    tw_zone *zone = &g_array_index(reader->zones, tw_zone, i);
    if (zone->rack == NULL)
      continue;
    const tw_zone *first = g_hash_table_lookup(first_zones, zone->rack);
    if (first == NULL) {
      first = zone;
      g_hash_table_insert(first_zones, zone->rack, zone);
      zone->rack_index = (int)reader->racks->len;
      g_ptr_array_add(reader->racks, g_strdup(zone->rack));
    }
    zone->rack_index = first->rack_index;
    check_row(reader, zone, first, path);
  }
}

static void clear_profile(gpointer profile)
{
  tw_availability_clear(profile);
}

/* Hands what was read over to a platform. */
static tw_platform *freeze(tw_reader *reader, const char *path)
{
  tw_platform *platform = g_new0(tw_platform, 1);
  g_autofree char *file = g_path_get_basename(path);
  platform->path = g_strdup(path);
  platform->name = g_str_has_suffix(file, ".xml") ? g_strndup(file, strlen(file) - 4) : g_strdup(file);
  platform->n_zones = (int)reader->zones->len;
  platform->n_hosts = (int)reader->hosts->len;
  platform->n_links = (int)reader->links->len;
  platform->n_devices = (int)reader->devices->len;
  platform->n_racks = (int)reader->racks->len;
  platform->zones = (tw_zone *)(void *)g_array_free(reader->zones, FALSE);
  platform->hosts = (tw_host *)(void *)g_array_free(reader->hosts, FALSE);
  platform->links = (tw_link *)(void *)g_array_free(reader->links, FALSE);
  platform->devices = (tw_device **)g_ptr_array_free(reader->devices, FALSE);
  platform->racks = (char **)g_ptr_array_free(reader->racks, FALSE);
  platform->supply = reader->supply;
  platform->profiled = reader->profiled;
  platform->gap = reader->gap;
  platform->profiles = reader->profiles;
  return platform;
}

tw_platform *tw_platform_load(const char *path, tw_faults *faults)
{
  guint before = tw_faults_added(faults);
  g_autoptr(tw_document) document = tw_document_load(path, faults);
  if (document == NULL)
    return NULL;
  g_autoptr(GPtrArray) notes = g_ptr_array_new_with_free_func(g_free);
  tw_reader_check_document(document, path, notes, faults);
  if (tw_faults_added(faults) > before) /* attributes may be missing: reading on would be guessing */
    return NULL;

  tw_reader reader = {.faults = faults, .notes = notes};
  reader.zones = g_array_new(FALSE, FALSE, sizeof(tw_zone));
  reader.hosts = g_array_new(FALSE, FALSE, sizeof(tw_host));
  reader.links = g_array_new(FALSE, FALSE, sizeof(tw_link));
  reader.devices = g_ptr_array_new();
  reader.racks = g_ptr_array_new();
  reader.profiles = g_array_new(FALSE, TRUE, sizeof(tw_availability));
  g_array_set_clear_func(reader.profiles, clear_profile);
  reader.switches = g_ptr_array_new_with_free_func(g_free);
  reader.ways = tw_reader_ways_new();
  reader.hops = g_array_new(FALSE, FALSE, sizeof(int));
  reader.directions = g_array_new(FALSE, FALSE, sizeof(int));
  reader.routes = g_ptr_array_new_with_free_func(routes_free);
  reader.points = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, point_free);
  reader.zone_points = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, point_free);
  reader.link_ids = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  reader.device_names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

  const xmlNode *outermost = tw_node_child(tw_document_root(document), NULL);
  if (g_str_equal(outermost->name, "zone"))
    read_zone(&reader, outermost, -1, 1);
  else
    read_cluster(&reader, outermost, -1);
  if (tw_faults_added(faults) == before)
    tw_reader_check_reach(&reader);
  number_racks(&reader, path);
  tw_wiring *wiring = tw_reader_wire(&reader);

  g_array_unref(reader.ways);
  g_array_unref(reader.hops);
  g_array_unref(reader.directions);
  g_ptr_array_unref(reader.switches);
  g_ptr_array_unref(reader.routes);
  g_hash_table_destroy(reader.points);
  g_hash_table_destroy(reader.zone_points);
  g_hash_table_destroy(reader.link_ids);
  g_hash_table_destroy(reader.device_names);
  g_autoptr(tw_platform) platform = freeze(&reader, path);
  platform->notes = g_steal_pointer(&notes);
  platform->wiring = wiring;
  if (tw_faults_added(faults) == before)
    platform->planes = tw_planes_new(platform, &reader.planes, faults);
  return tw_faults_added(faults) == before ? g_steal_pointer(&platform) : NULL;
}

void tw_platform_free(tw_platform *platform)
{
  if (platform == NULL)
    return;
  for (int i = 0; i < platform->n_zones; i++) {
    g_free(platform->zones[i].id);
    g_free(platform->zones[i].rack);
    g_free(platform->zones[i].row);
  }
  for (int i = 0; i < platform->n_hosts; i++) {
    g_free(platform->hosts[i].id);
    g_free(platform->hosts[i].clocks);
  }
  for (int i = 0; i < platform->n_links; i++)
    g_free(platform->links[i].id);
  for (int i = 0; i < platform->n_devices; i++)
    tw_device_free(platform->devices[i]);
  for (int i = 0; i < platform->n_racks; i++)
    g_free(platform->racks[i]);
  if (platform->notes != NULL)
    g_ptr_array_unref(platform->notes);
  if (platform->profiles != NULL)
    g_array_unref(platform->profiles);
  tw_wiring_free(platform->wiring);
  tw_planes_free(platform->planes);
  g_free(platform->zones);
  g_free(platform->hosts);
  g_free(platform->links);
  g_free(platform->devices);
  g_free(platform->racks);
  g_free(platform->gap);
  g_free(platform->path);
  g_free(platform->name);
  g_free(platform);
}

int tw_platform_domain(const tw_platform *platform, int host)
{
  int zone = platform->hosts[host].zone;
  while (zone >= 0 && platform->zones[zone].role != TW_ROLE_NVLINK_DOMAIN &&
         platform->zones[zone].role != TW_ROLE_NODE)
    zone = platform->zones[zone].parent;
  return zone;
}

gboolean tw_platform_switched(const tw_platform *platform, int host)
{
  int zone = tw_platform_domain(platform, host);
  return zone < 0 || platform->zones[zone].switched;
}

long tw_platform_accelerators(const tw_platform *platform)
{
  long count = 0;
  for (int i = 0; i < platform->n_hosts; i++)
    count += platform->hosts[i].accelerators;
  return count;
}
