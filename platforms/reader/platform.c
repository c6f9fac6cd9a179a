#include "platforms/reader/platform.h"

#include "platforms/reader/platform_reader.h"

#include <math.h>

const char *const tw_zone_role_names[TW_ROLES + 1] = {"",        "site", "nvlink-domain", "node", "fabric",
                                                      "storage", NULL};
const char *const tw_link_kind_names[TW_LINK_KINDS + 1] = {"",      "nvlink", "nic",     "leaf",
                                                           "spine", "wan",    "storage", NULL};

/* Our properties, and on what they may stand. */
enum { ON_HOST = 1, ON_ZONE = 2, ON_LINK = 4, ON_CLUSTER = 8 };
static const struct property {
  const char *name;
  int places;
} properties[] = {
    {"tw:device", ON_HOST | ON_CLUSTER},
    {"tw:accelerators", ON_HOST | ON_CLUSTER},
    {"tw:kv_bytes", ON_HOST},
    {"tw:role", ON_ZONE | ON_CLUSTER},
    {"tw:rack", ON_ZONE | ON_CLUSTER},
    {"tw:row", ON_ZONE | ON_CLUSTER},
    {"tw:overhead_w", ON_ZONE | ON_CLUSTER},
    {"tw:overhead_idle_w", ON_ZONE | ON_CLUSTER},
    {"tw:pue", ON_ZONE | ON_CLUSTER},
    {"tw:pue_load", ON_ZONE | ON_CLUSTER},
    {"tw:pue_per_degree", ON_ZONE | ON_CLUSTER},
    {"tw:psu_w", ON_ZONE | ON_CLUSTER},
    {"tw:psu_efficiency", ON_ZONE | ON_CLUSTER},
    {"tw:kind", ON_LINK},
    {"tw:watts", ON_LINK},
    {"tw:joules_per_byte", ON_LINK},
    {"tw:parts", ON_LINK},
    {"tw:degraded", ON_LINK},
    {"tw:link-kind", ON_CLUSTER},
    {"tw:link-watts", ON_CLUSTER},
};

/* The value of a property, or NULL; the caller frees it. `where`, if not NULL, gets its element. */
static char *prop_get(const xmlNode *node, const char *name, const xmlNode **where)
{
  char *value = NULL;
  for (const xmlNode *prop = tw_node_child(node, "prop"); prop != NULL; prop = tw_node_next(prop, "prop")) {
    tw_xml_attributes attributes = {0};
    tw_schema_read(prop, &tw_xml_prop, &attributes);
    if (g_str_equal(attributes.id, name)) {
      g_free(value);
      value = g_strdup(attributes.value);
      if (where != NULL)
        *where = prop;
    }
    tw_schema_clear(&tw_xml_prop, &attributes);
  }
  return value;
}

/* Names of ours must be known, in their place, and stand once. */
static void check_props(const xmlNode *node, int place, tw_faults *faults)
{
  g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  const char *allowed[G_N_ELEMENTS(properties) + 1] = {NULL};
  guint n = 0;
  for (guint i = 0; i < G_N_ELEMENTS(properties); i++)
    if (properties[i].places & place)
      allowed[n++] = properties[i].name;
  for (const xmlNode *prop = tw_node_child(node, "prop"); prop != NULL; prop = tw_node_next(prop, "prop")) {
    tw_xml_attributes attributes = {0};
    tw_schema_read(prop, &tw_xml_prop, &attributes);
    if (g_str_has_prefix(attributes.id, "tw:")) {
      if (!g_strv_contains(allowed, attributes.id)) {
        g_autofree char *hint = tw_suggestion(attributes.id, allowed);
        tw_node_fault(prop, faults, "<%s> has no property \"%s\"; %s", node->name, attributes.id, hint);
      } else if (!g_hash_table_add(seen, g_strdup(attributes.id))) {
        tw_node_fault(prop, faults, "property \"%s\" stands twice in <%s>; keep one", attributes.id,
                      node->name);
      }
    }
    tw_schema_clear(&tw_xml_prop, &attributes);
  }
}

/* A number without a unit (the property's name has it), or `absent`. */
static double prop_number(const xmlNode *node, const char *name, double absent, double min, const char *help,
                          tw_faults *faults)
{
  const xmlNode *prop = NULL;
  g_autofree char *text = prop_get(node, name, &prop);
  double value = absent;
  if (text != NULL && (!tw_number_parse(text, &value) || value < min || value > 1e12)) {
    tw_node_fault(prop, faults, "%s of <%s>: \"%s\" is not %s; write a plain number, such as %g", name,
                  node->name, text, help, min < 1 ? 100.0 : 1.2);
    return absent;
  }
  return value;
}

static int prop_choice(const xmlNode *node, const char *name, const char *const *words, tw_faults *faults)
{
  const xmlNode *prop = NULL;
  g_autofree char *text = prop_get(node, name, &prop);
  if (text == NULL)
    return 0;
  for (int i = 1; words[i] != NULL; i++)
    if (g_str_equal(words[i], text))
      return i;
  g_autofree char *hint = tw_suggestion(text, words + 1);
  tw_node_fault(prop, faults, "%s of <%s>: \"%s\" is unknown; %s", name, node->name, text, hint);
  return 0;
}

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

/* Every device is loaded once, and an unknown one reported where it first stands. */
static const tw_device *find_device(tw_reader *reader, const xmlNode *node, const char *name)
{
  gpointer known = NULL;
  if (g_hash_table_lookup_extended(reader->device_names, name, NULL, &known))
    return known;
  tw_device *device = tw_device_load(name, node, reader->faults);
  if (device != NULL)
    g_ptr_array_add(reader->devices, device);
  g_hash_table_insert(reader->device_names, g_strdup(name), device);
  return device;
}

static void add_host(tw_reader *reader, const char *id, int zone, const tw_host *like, const xmlNode *node)
{
  if (tw_reader_add_point(reader, id, TW_NODE_HOST, zone, node) == NULL)
    return;
  tw_host host = *like;
  host.id = g_strdup(id);
  host.clocks = g_memdup2(like->clocks, (gsize)like->n_clocks * sizeof *like->clocks);
  host.zone = zone;
  host.line = tw_node_line(node);
  g_array_append_val(reader->hosts, host);
}

static int falling(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x < y) - (x > y);
}

/* The clocks of a host with these speeds. */
static void set_clocks(tw_host *host, double *speeds, guint n)
{
  qsort(speeds, n, sizeof *speeds, falling);
  host->clocks = n > 1 ? g_new(double, n) : NULL;
  for (guint i = 1; i < n; i++)
    if (speeds[i] < speeds[i - 1])
      host->clocks[host->n_clocks++] = speeds[i] / speeds[0];
}

/* Reads what the hosts of a <host> or <cluster> have in common. The caller frees its clocks. */
static tw_host read_host(tw_reader *reader, const xmlNode *node, const char *speed, gint64 pstate)
{
  tw_host host = {0};
  g_auto(GStrv) speeds = g_strsplit(speed, ",", -1);
  g_autofree double *values = g_new0(double, g_strv_length(speeds) + 1);
  for (guint i = 0; speeds[i] != NULL; i++) {
    values[i] = tw_reader_speed(node, "speed", g_strstrip(speeds[i]), reader->notes, reader->faults);
    if ((gint64)i == pstate)
      host.speed_flops = values[i];
  }
  set_clocks(&host, values, g_strv_length(speeds));
  if (pstate >= (gint64)g_strv_length(speeds))
    tw_node_fault(node, reader->faults,
                  "pstate of <%s>: %" G_GINT64_FORMAT " is beyond its %u speeds; write 0 to %u", node->name,
                  pstate, g_strv_length(speeds), g_strv_length(speeds) - 1);

  const xmlNode *device_prop = NULL, *count_prop = NULL;
  g_autofree char *device = prop_get(node, "tw:device", &device_prop);
  g_autofree char *count = prop_get(node, "tw:accelerators", &count_prop);
  gint64 accelerators = device != NULL ? 1 : 0;
  if (device != NULL)
    host.device = find_device(reader, device_prop, device);
  static const char *const watts[] = {"wattage_per_state", "watt_per_state", "wattage_range", "wattage_off",
                                      "watt_off"};
  for (guint i = 0; i < G_N_ELEMENTS(watts); i++) {
    const xmlNode *watts_prop = NULL;
    g_autofree char *text = prop_get(node, watts[i], &watts_prop);
    if (text != NULL)
      tw_reader_note(reader->notes, watts_prop,
                     "%s does not count here: watts come from the device (tw:device) and tw:overhead_w",
                     watts[i]);
  }
  if (device != NULL && pstate > 0)
    tw_reader_note(reader->notes, node,
                   "pstate of <%s> does not count here: accelerators begin at their full clock, and a "
                   "<power-cap> slows them",
                   node->name);
  if (count != NULL && device == NULL)
    tw_node_fault(count_prop, reader->faults,
                  "<%s> has accelerators but no device; add the property tw:device", node->name);
  if (count != NULL && (!tw_integer_parse(count, &accelerators) || accelerators < 1 || accelerators > 100000))
    tw_node_fault(count_prop, reader->faults,
                  "tw:accelerators of <%s>: \"%s\" is not a count; write a whole number of at least 1",
                  node->name, count);
  host.accelerators = (int)accelerators;
  const xmlNode *store_prop = NULL;
  g_autofree char *store = prop_get(node, "tw:kv_bytes", &store_prop);
  if (store != NULL && (!tw_number_parse(store, &host.kv_bytes) || host.kv_bytes < 1 || host.kv_bytes > 1e18))
    tw_node_fault(store_prop, reader->faults,
                  "tw:kv_bytes of <%s>: \"%s\" is not a number of bytes; write a plain number, such as 1e12",
                  node->name, store);
  return host;
}

/* Reads the conversion and cooling that the site's power passes through, which only the outermost zone may
 * say. */
static void read_supply(tw_reader *reader, const xmlNode *node, gboolean outermost)
{
  guint before = tw_faults_added(reader->faults);
  g_autofree char *together = NULL;
  for (const char *const *name = tw_supply_properties; *name != NULL; name++) {
    const xmlNode *prop = NULL;
    g_autofree char *text = prop_get(node, *name, &prop), *why = NULL;
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
  check_props(node, place, reader->faults);
  tw_zone zone = {.id = g_strdup(id), .parent = parent, .line = tw_node_line(node), .rack_index = -1};
  const tw_zone *outer = parent >= 0 ? &g_array_index(reader->zones, tw_zone, parent) : NULL;
  zone.role = (tw_zone_role)prop_choice(node, "tw:role", tw_zone_role_names, reader->faults);
  zone.rack = prop_get(node, "tw:rack", NULL);
  zone.row = prop_get(node, "tw:row", NULL);
  if (zone.rack == NULL && outer != NULL)
    zone.rack = g_strdup(outer->rack);
  if (zone.row == NULL && outer != NULL)
    zone.row = g_strdup(outer->row);
  if (zone.rack == NULL && (zone.role == TW_ROLE_NVLINK_DOMAIN || zone.role == TW_ROLE_NODE))
    zone.rack = g_strdup(id);
  zone.overhead_w = prop_number(node, "tw:overhead_w", 0, 0, "a number of watts", reader->faults);
  double idle_w =
      prop_number(node, "tw:overhead_idle_w", zone.overhead_w, 0, "a number of watts", reader->faults);
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

  tw_zone_routes *routes = g_new0(tw_zone_routes, 1);
  routes->node = node;
  routes->points = g_ptr_array_new();
  routes->edges = g_array_new(FALSE, FALSE, sizeof(tw_edge));
  routes->pairs = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
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
  int index = open_zone(reader, node, cluster.id, parent, ON_CLUSTER);
  ((tw_zone_routes *)g_ptr_array_index(reader->routes, index))->is_cluster = TRUE;
  tw_zone *zone = &g_array_index(reader->zones, tw_zone, index);
  zone->link_kind = (tw_link_kind)prop_choice(node, "tw:link-kind", tw_link_kind_names, reader->faults);
  zone->switched = TRUE;
  zone->link_watts = prop_number(node, "tw:link-watts", NAN, 0, "a number of watts", reader->faults);

  tw_host like = read_host(reader, node, cluster.speed, 0);
  g_auto(GStrv) names = tw_cluster_hosts(node, &cluster, reader->notes, reader->faults);
  guint before = tw_faults_added(reader->faults);
  for (char **name = names; *name != NULL && tw_faults_added(reader->faults) == before; name++)
    /* One message is enough: where one name is taken, the next would be too. */
    add_host(reader, *name, index, &like, node);
  g_free(like.clocks);
  g_autofree char *router = tw_cluster_router(&cluster);
  if (router != NULL)
    tw_reader_add_point(reader, router, TW_NODE_ROUTER, index, node);
  tw_schema_clear(&tw_xml_cluster, &cluster);
}

static void add_link_id(tw_reader *reader, const char *id, const xmlNode *node)
{
  gpointer same = g_hash_table_lookup(reader->link_ids, id);
  if (same != NULL)
    tw_node_fault(node, reader->faults, "the link name \"%s\" is taken in line %ld; choose another", id,
                  g_array_index(reader->links, tw_link, GPOINTER_TO_INT(same) - 1).line);
  else
    g_hash_table_insert(reader->link_ids, g_strdup(id), GINT_TO_POINTER((int)reader->links->len + 1));
}

static void read_link(tw_reader *reader, const xmlNode *node, int zone)
{
  tw_xml_attributes attributes = {.policy = TW_POLICY_SHARED};
  gboolean backbone = g_str_equal(node->name, "backbone");
  const tw_element *element = backbone ? &tw_xml_backbone : &tw_xml_link;
  tw_schema_read(node, element, &attributes);
  check_props(node, ON_LINK, reader->faults);
  tw_link link = {.id = g_strdup(attributes.id), .zone = zone, .line = tw_node_line(node)};
  link.kind = (tw_link_kind)prop_choice(node, "tw:kind", tw_link_kind_names, reader->faults);
  link.watts = prop_number(node, "tw:watts", NAN, 0, "a number of watts", reader->faults);
  link.joules_per_byte = prop_number(node, "tw:joules_per_byte", 0, 0, "a number of joules", reader->faults);
  link.bytes_per_s = tw_reader_bandwidth(node, "bandwidth", attributes.bw, reader->notes, reader->faults);
  link.latency_s = tw_reader_latency(node, "latency", attributes.lat, reader->notes, reader->faults);
  link.degraded = prop_number(node, "tw:degraded", 1, 1e-9, "a part above 0 and at most 1", reader->faults);
  if (link.degraded > 1)
    tw_node_fault(node, reader->faults,
                  "tw:degraded of <%s>: %g is more than the link has; write a part, such as 0.5", node->name,
                  link.degraded);
  link.bytes_per_s *= link.degraded;
  if (attributes.bandwidth_file != NULL) {
    tw_reader_check_profile(node, "bandwidth_file", reader->faults);
    tw_reader_note(reader->notes, node,
                   "bandwidth_file of <%s>: flows go by it; links.csv, closed forms and routers by "
                   "the bandwidth of the file",
                   node->name);
    reader->profiled = TRUE;
  }
  link.duplex = attributes.policy == TW_POLICY_SPLITDUPLEX;
  link.wide = attributes.policy == TW_POLICY_FATPIPE;
  link.parts = (int)prop_number(node, "tw:parts", 0, 1, "a count", reader->faults);
  add_link_id(reader, link.id, node);
  if (link.duplex) {
    g_autofree char *up = g_strconcat(link.id, "_UP", NULL), *down = g_strconcat(link.id, "_DOWN", NULL);
    add_link_id(reader, up, node);
    add_link_id(reader, down, node);
  }
  if (backbone && ((tw_zone_routes *)g_ptr_array_index(reader->routes, zone))->routing != TW_ROUTING_STAR)
    tw_node_fault(node, reader->faults,
                  "<backbone> counts only in a zone with routing=\"Cluster\"; write <link>");
  g_array_append_val(reader->links, link);
  tw_schema_clear(element, &attributes);
}

static void read_zone(tw_reader *reader, const xmlNode *node, int parent, int depth)
{
  tw_xml_attributes attributes = {0};
  tw_schema_read(node, &tw_xml_zone, &attributes);
  int zone = open_zone(reader, node, attributes.id, parent, ON_ZONE);
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
      check_props(child, ON_HOST, reader->faults);
      tw_host like = read_host(reader, child, host.speed, host.pstate);
      add_host(reader, host.id, zone, &like, child);
      g_free(like.clocks);
      tw_schema_clear(&tw_xml_host, &host);
    } else if (g_str_equal(name, "router")) {
      tw_xml_attributes router = {0};
      tw_schema_read(child, &tw_xml_router, &router);
      tw_reader_add_point(reader, router.id, TW_NODE_ROUTER, zone, child);
      g_array_index(reader->zones, tw_zone, zone).switched = TRUE;
      tw_schema_clear(&tw_xml_router, &router);
    } else if (g_str_equal(name, "link") || g_str_equal(name, "backbone")) {
      read_link(reader, child, zone);
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
static void check_row(const tw_reader *reader, const tw_zone *zone, const char *path)
{
  const tw_zone *first = &g_array_index(reader->zones, tw_zone, 0);
  while (g_strcmp0(first->rack, zone->rack) != 0)
    first++;
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
  g_autoptr(GHashTable) numbers = g_hash_table_new(g_str_hash, g_str_equal);
  for (guint i = 0; i < reader->zones->len; i++) {
    tw_zone *zone = &g_array_index(reader->zones, tw_zone, i);
    if (zone->rack == NULL)
      continue;
    gpointer number = NULL;
    if (!g_hash_table_lookup_extended(numbers, zone->rack, NULL, &number)) {
      number = GINT_TO_POINTER((int)reader->racks->len);
      g_hash_table_insert(numbers, zone->rack, number);
      g_ptr_array_add(reader->racks, g_strdup(zone->rack));
    }
    zone->rack_index = GPOINTER_TO_INT(number);
    check_row(reader, zone, path);
  }
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

  g_ptr_array_unref(reader.routes);
  g_hash_table_destroy(reader.points);
  g_hash_table_destroy(reader.zone_points);
  g_hash_table_destroy(reader.link_ids);
  g_hash_table_destroy(reader.device_names);
  g_autoptr(tw_platform) platform = freeze(&reader, path);
  platform->notes = g_steal_pointer(&notes);
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
  g_free(platform->zones);
  g_free(platform->hosts);
  g_free(platform->links);
  g_free(platform->devices);
  g_free(platform->racks);
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
