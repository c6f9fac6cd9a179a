/* Routes: what they run over, and whether all hosts can reach each other. */
#include "platforms/reader/platform_reader.h"

static tw_zone_routes *routes_of(const tw_reader *reader, int zone)
{
  return g_ptr_array_index(reader->routes, zone);
}

static const char *zone_id(const tw_reader *reader, int zone)
{
  return g_array_index(reader->zones, tw_zone, zone).id;
}

/* The nearest right word among the keys of a table, as "; did you mean ...", or nothing. */
static char *hint_from(GHashTable *table, const char *word)
{
  guint n = 0;
  if (g_hash_table_size(table) > 10000) /* a search through so many would take longer than all the rest */
    return g_strdup("; declare it above");
  g_autofree const char **keys = (const char **)g_hash_table_get_keys_as_array(table, &n);
  const char *near = tw_nearest(word, keys);
  return near != NULL ? g_strdup_printf("; did you mean \"%s\"?", near) : g_strdup("; declare it above");
}

static tw_netpoint *find_point(tw_reader *reader, GHashTable *table, const xmlNode *node, const char *what,
                               const char *id, const char *kind)
{
  tw_netpoint *point = g_hash_table_lookup(table, id);
  GHashTable *other = table == reader->points ? reader->zone_points : reader->points;
  if (point == NULL && g_hash_table_contains(other, id)) {
    tw_node_fault(node, reader->faults, "%s of <%s>: \"%s\" is no %s; name a %s", what, node->name, id, kind,
                  kind);
  } else if (point == NULL) {
    g_autofree char *hint = hint_from(table, id);
    tw_node_fault(node, reader->faults, "%s of <%s>: no %s \"%s\"%s", what, node->name, kind, id, hint);
  }
  return point;
}

static void check_hop(tw_reader *reader, const xmlNode *node, const char *what, const char *id, int direction)
{
  static const char *const suffixes[] = {"", "_UP", "_DOWN"};
  g_autofree char *full = g_strconcat(id, suffixes[direction], NULL);
  gpointer found = g_hash_table_lookup(reader->link_ids, full);
  gpointer plain = g_hash_table_lookup(reader->link_ids, id);
  const tw_link *link =
      plain != NULL ? &g_array_index(reader->links, tw_link, GPOINTER_TO_INT(plain) - 1) : NULL;
  gboolean halves = link != NULL && link->duplex && g_str_equal(link->id, id);
  if (found != NULL && (direction != TW_DIRECTION_NONE || !halves))
    return;
  if (halves && g_str_equal(node->name, "host_link"))
    tw_node_fault(node, reader->faults, "%s of <%s>: \"%s\" is SPLITDUPLEX; write \"%s_UP\" or \"%s_DOWN\"",
                  what, node->name, id, id, id);
  else if (halves)
    tw_node_fault(node, reader->faults, "\"%s\" is SPLITDUPLEX; write direction=\"UP\" or direction=\"DOWN\"",
                  id);
  else if (plain != NULL)
    tw_node_fault(node, reader->faults, "\"%s\" is not SPLITDUPLEX; remove its direction", id);
  else {
    g_autofree char *hint = hint_from(reader->link_ids, id);
    tw_node_fault(node, reader->faults, "%s of <%s>: no link \"%s\"%s", what, node->name, id, hint);
  }
}

static gint64 pair_key(int from, int to)
{
  return ((gint64)from << 32) | (gint64)to;
}

static gboolean has_pair(const tw_zone_routes *routes, int from, int to)
{
  gint64 key = pair_key(from, to);
  return g_hash_table_contains(routes->pairs, &key);
}

static void add_edge(tw_zone_routes *routes, int from, int to)
{
  gint64 key = pair_key(from, to);
  tw_edge edge = {from, to};
  g_hash_table_add(routes->pairs, g_memdup2(&key, sizeof key));
  g_array_append_val(routes->edges, edge);
}

static void add_route(tw_reader *reader, const xmlNode *node, tw_zone_routes *routes, const tw_netpoint *src,
                      const tw_netpoint *dst, gboolean symmetrical)
{
  gboolean taken = has_pair(routes, src->place, dst->place);
  /* SimGrid's Dijkstra cannot hold a route beside its own way back; the others say it exists already. */
  gboolean back = src != dst && symmetrical && has_pair(routes, dst->place, src->place);
  if (taken || back) {
    tw_node_fault(node, reader->faults,
                  "there is a route from \"%s\" to \"%s\" already; a route counts both ways unless it says "
                  "symmetrical=\"NO\"",
                  taken ? src->id : dst->id, taken ? dst->id : src->id);
    return;
  }
  add_edge(routes, src->place, dst->place);
  if (symmetrical && src != dst)
    add_edge(routes, dst->place, src->place);
}

/* SimGrid crashes or refuses these when it adds them. */
static gboolean accepts_route(tw_reader *reader, const xmlNode *node, const tw_zone_routes *routes,
                              const tw_netpoint *src, const tw_netpoint *dst, gboolean symmetrical)
{
  if (routes->routing == TW_ROUTING_NONE || routes->routing == TW_ROUTING_STAR) {
    tw_node_fault(node, reader->faults,
                  "a zone with routing=\"%s\" takes no routes; write routing=\"Floyd\"%s",
                  tw_routing_names[routes->routing],
                  routes->routing == TW_ROUTING_STAR ? ", or <host_link>s instead of routes" : "");
    return FALSE;
  }
  if (src == dst && (src->kind == TW_NODE_ZONE || (symmetrical && routes->routing != TW_ROUTING_FULL))) {
    tw_node_fault(node, reader->faults, "a route from \"%s\" to itself%s", src->id,
                  src->kind == TW_NODE_ZONE ? " is not possible between zones; remove it"
                                            : " needs symmetrical=\"NO\"");
    return FALSE;
  }
  return TRUE;
}

static tw_netpoint *find_gateway(tw_reader *reader, const xmlNode *node, const char *what, const char *id,
                                 const tw_netpoint *zone)
{
  tw_netpoint *gateway = find_point(reader, reader->points, node, what, id, "host or router");
  if (gateway == NULL || zone == NULL)
    return NULL;
  int at = gateway->zone;
  while (at >= 0 && at != zone->inner)
    at = g_array_index(reader->zones, tw_zone, at).parent;
  if (at < 0) {
    tw_node_fault(node, reader->faults,
                  "%s of <zoneRoute>: \"%s\" lies in \"%s\", not in \"%s\"; name a host or router "
                  "of \"%s\"",
                  what, id, zone_id(reader, gateway->zone), zone->id, zone->id);
    return NULL;
  }
  gateway->gateway = TRUE;
  return gateway;
}

static tw_netpoint *find_end(tw_reader *reader, const xmlNode *node, const char *what, const char *id,
                             int zone, gboolean between_zones)
{
  tw_netpoint *end = find_point(reader, between_zones ? reader->zone_points : reader->points, node, what, id,
                                between_zones ? "zone" : "host or router");
  if (end == NULL || end->zone == zone)
    return end;
  tw_node_fault(node, reader->faults,
                "%s of <%s>: \"%s\" does not lie in this zone; a route joins parts of its own zone", what,
                node->name, id);
  return NULL;
}

void tw_reader_route(tw_reader *reader, const xmlNode *node, int zone)
{
  gboolean between_zones = g_str_equal(node->name, "zoneRoute");
  const tw_element *element = between_zones ? &tw_xml_zone_route : &tw_xml_route;
  tw_xml_attributes route = {0};
  tw_schema_read(node, element, &route);

  tw_netpoint *src = find_end(reader, node, "src", route.src, zone, between_zones);
  tw_netpoint *dst = find_end(reader, node, "dst", route.dst, zone, between_zones);
  const tw_netpoint *from = src, *to = dst;
  gboolean good = src != NULL && dst != NULL;
  if (between_zones) {
    const tw_netpoint *gw_src = find_gateway(reader, node, "gw_src", route.gw_src, src);
    const tw_netpoint *gw_dst = find_gateway(reader, node, "gw_dst", route.gw_dst, dst);
    good = good && gw_src != NULL && gw_dst != NULL;
    from = gw_src, to = gw_dst;
  }
  if (good)
    tw_reader_begin_way(reader, from, to, zone);
  for (const xmlNode *hop = tw_node_child(node, "link_ctn"); hop != NULL;
       hop = tw_node_next(hop, "link_ctn")) {
    tw_xml_attributes link = {0};
    tw_schema_read(hop, &tw_xml_link_ctn, &link);
    check_hop(reader, hop, "id", link.id, link.direction);
    if (good)
      tw_reader_add_hop(reader, link.id, link.direction);
    tw_schema_clear(&tw_xml_link_ctn, &link);
  }
  gboolean symmetrical = route.symmetrical % 2 == 0;
  tw_zone_routes *routes = routes_of(reader, zone);
  if (good && accepts_route(reader, node, routes, src, dst, symmetrical))
    add_route(reader, node, routes, src, dst, symmetrical);
  tw_schema_clear(element, &route);
}

void tw_reader_host_link(tw_reader *reader, const xmlNode *node, int zone)
{
  tw_xml_attributes arm = {0};
  tw_schema_read(node, &tw_xml_host_link, &arm);
  if (routes_of(reader, zone)->routing != TW_ROUTING_STAR)
    tw_node_fault(node, reader->faults,
                  "<host_link> counts only in a zone with routing=\"Cluster\"; write <route>");
  tw_netpoint *host = find_end(reader, node, "id", arm.id, zone, FALSE);
  if (host != NULL && host->kind != TW_NODE_HOST)
    tw_node_fault(node, reader->faults, "id of <host_link>: \"%s\" is not a host; name a host", arm.id);
  else if (host != NULL && host->linked)
    tw_node_fault(node, reader->faults, "\"%s\" has a <host_link> already; keep one", arm.id);
  else if (host != NULL)
    host->linked = TRUE;
  if (host != NULL) {
    tw_reader_begin_way(reader, host, NULL, zone);
    tw_reader_add_hop(reader, arm.up, TW_DIRECTION_NONE);
    tw_reader_add_hop(reader, arm.down, TW_DIRECTION_NONE);
  }
  check_hop(reader, node, "up", arm.up, TW_DIRECTION_NONE);
  check_hop(reader, node, "down", arm.down, TW_DIRECTION_NONE);
  tw_schema_clear(&tw_xml_host_link, &arm);
}

/* Whether a netpoint must be reachable: hosts, ways in from other zones, and nested zones with hosts. */
static gboolean must_reach(const tw_reader *reader, const tw_netpoint *point)
{
  if (point->kind != TW_NODE_ZONE)
    return point->kind == TW_NODE_HOST || point->gateway;
  const GPtrArray *points = routes_of(reader, point->inner)->points;
  for (guint i = 0; i < points->len; i++)
    if (((const tw_netpoint *)g_ptr_array_index(points, i))->kind == TW_NODE_HOST)
      return TRUE;
  return FALSE;
}

static void report_gap(tw_reader *reader, int zone, const tw_netpoint *from, const tw_netpoint *to)
{
  const tw_zone_routes *routes = routes_of(reader, zone);
  tw_node_fault(routes->node, reader->faults, "zone \"%s\" has no route from \"%s\" to \"%s\"; %s",
                zone_id(reader, zone), from->id, to->id,
                routes->routing == TW_ROUTING_NONE
                    ? "routing=\"None\" leads nowhere; write routing=\"Full\" and <route>s"
                : routes->routing == TW_ROUTING_FULL
                    ? "routing=\"Full\" needs one for every pair, routing=\"Floyd\" finds ways over several"
                : from->kind == TW_NODE_ZONE ? "add <zoneRoute>s"
                                             : "add <route>s");
}

/* Full routing: SimGrid loads it without some routes as well. That is noted where there are no accelerators, and whoever
 * needs the network says so (tw_platform.gap). */
static void report_missing(tw_reader *reader, int zone, const tw_netpoint *from, const tw_netpoint *to)
{
  if (reader->devices->len > 0) {
    report_gap(reader, zone, from, to);
    return;
  }
  if (reader->gap != NULL)
    return;
  const xmlNode *node = routes_of(reader, zone)->node;
  reader->gap = g_strdup_printf("zone \"%s\" has no route from \"%s\" to \"%s\"", zone_id(reader, zone),
                                from->id, to->id);
  tw_reader_note(reader->notes, node, "%s: nothing that uses the network runs on it", reader->gap);
}

/* Full routing: every pair needs its own route. Reports the first gap. */
static void check_full(tw_reader *reader, int zone, const GPtrArray *ends)
{
  const tw_zone_routes *routes = routes_of(reader, zone);
  for (guint i = 0; i < ends->len; i++)
    for (guint j = 0; j < ends->len; j++) {
      const tw_netpoint *from = g_ptr_array_index(ends, i), *to = g_ptr_array_index(ends, j);
      if (i != j && !has_pair(routes, from->place, to->place)) {
        report_missing(reader, zone, from, to);
        return;
      }
    }
}

/* Places that can be reached from `start`, over edges as they are or turned round. */
static gboolean *reachable(const tw_zone_routes *routes, int start, gboolean backwards)
{
  guint n = routes->points->len;
  /* Edges sorted by where they begin: counts, then offsets into one array. */
  g_autofree guint *offsets = g_new0(guint, n + 1);
  g_autofree int *targets = g_new(int, routes->edges->len + 1);
  for (guint i = 0; i < routes->edges->len; i++) {
    const tw_edge *edge = &g_array_index(routes->edges, tw_edge, i);
    offsets[backwards ? edge->to : edge->from]++;
  }
  for (guint i = 0, sum = 0; i <= n; i++) {
    guint count = offsets[i];
    offsets[i] = sum;
    sum += count;
  }
  g_autofree guint *next = g_memdup2(offsets, (n + 1) * sizeof *offsets);
  for (guint i = 0; i < routes->edges->len; i++) {
    const tw_edge *edge = &g_array_index(routes->edges, tw_edge, i);
    targets[next[backwards ? edge->to : edge->from]++] = backwards ? edge->from : edge->to;
  }

  gboolean *seen = g_new0(gboolean, n);
  g_autofree int *queue = g_new(int, n);
  guint head = 0, tail = 0;
  seen[start] = TRUE;
  queue[tail++] = start;
  while (head < tail) {
    int at = queue[head++];
    for (guint i = offsets[at]; i < offsets[at + 1]; i++)
      if (!seen[targets[i]]) {
        seen[targets[i]] = TRUE;
        queue[tail++] = targets[i];
      }
  }
  return seen;
}

static void check_paths(tw_reader *reader, int zone, const GPtrArray *ends)
{
  const tw_zone_routes *routes = routes_of(reader, zone);
  const tw_netpoint *first = g_ptr_array_index(ends, 0);
  g_autofree gboolean *there = reachable(routes, first->place, FALSE);
  g_autofree gboolean *back = reachable(routes, first->place, TRUE);
  for (guint i = 1; i < ends->len; i++) {
    const tw_netpoint *end = g_ptr_array_index(ends, i);
    if (!there[end->place])
      report_gap(reader, zone, first, end);
    else if (!back[end->place])
      report_gap(reader, zone, end, first);
  }
}

static void check_star(tw_reader *reader, int zone, const GPtrArray *ends)
{
  for (guint i = 0; i < ends->len; i++) {
    const tw_netpoint *end = g_ptr_array_index(ends, i);
    if (end->kind == TW_NODE_ZONE && i > 0)
      report_gap(reader, zone, g_ptr_array_index(ends, 0), end);
    else if (end->kind == TW_NODE_HOST && !end->linked)
      tw_node_fault(end->node, reader->faults,
                    "host \"%s\" hangs on no link; add a <host_link id=\"%s\" .../>", end->id, end->id);
  }
}

void tw_reader_check_reach(tw_reader *reader)
{
  for (guint zone = 0; zone < reader->zones->len; zone++) {
    const tw_zone_routes *routes = routes_of(reader, (int)zone);
    if (routes->is_cluster)
      continue;
    g_autoptr(GPtrArray) ends = g_ptr_array_new();
    for (guint i = 0; i < routes->points->len; i++)
      if (must_reach(reader, g_ptr_array_index(routes->points, i)))
        g_ptr_array_add(ends, g_ptr_array_index(routes->points, i));
    if (routes->routing == TW_ROUTING_NONE && ends->len > 1)
      report_gap(reader, (int)zone, g_ptr_array_index(ends, 0), g_ptr_array_index(ends, 1));
    else if (routes->routing == TW_ROUTING_NONE)
      continue;
    else if (routes->routing == TW_ROUTING_STAR)
      check_star(reader, (int)zone, ends);
    else if (ends->len > 1 && routes->routing == TW_ROUTING_FULL)
      check_full(reader, (int)zone, ends);
    else if (ends->len > 1)
      check_paths(reader, (int)zone, ends);
  }
}
