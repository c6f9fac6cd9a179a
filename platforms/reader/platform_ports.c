#include "platforms/reader/platform_ports.h"

#include "platforms/input/text_file.h"

#include <libxml/parser.h>

#include <math.h>
#include <unistd.h>

/* With so many zones, SimGrid's search for links by name takes longer than a copy. */
enum { MANY_ZONES = 64 };

static void clear_port(gpointer data)
{
  g_free(((tw_port *)data)->name);
}

tw_ports *tw_ports_new(const tw_platform *platform)
{
  tw_ports *ports = g_new0(tw_ports, 1);
  *ports = (tw_ports){platform, g_array_new(FALSE, FALSE, sizeof(tw_port)),
                      g_new0(int, (gsize)platform->n_hosts), g_new0(int, (gsize)platform->n_hosts)};
  g_array_set_clear_func(ports->ports, clear_port);
  return ports;
}

void tw_ports_free(tw_ports *ports)
{
  if (ports == NULL)
    return;
  g_array_unref(ports->ports);
  g_free(ports->of_host);
  g_free(ports->taken);
  g_free(ports);
}

int tw_ports_add(tw_ports *ports, int host, int accelerators)
{
  const tw_host *of = &ports->platform->hosts[host];
  if (accelerators >= of->accelerators)
    return host;
  int first = ports->taken[host] % of->accelerators;
  tw_port port = {host, accelerators, first + accelerators <= of->accelerators ? first : 0,
                  g_strdup_printf("%s/%d", of->id, ports->of_host[host]++)};
  ports->taken[host] += accelerators;
  g_array_append_val(ports->ports, port);
  return ports->platform->n_hosts + (int)ports->ports->len - 1;
}

static const tw_port *port_of(const tw_ports *ports, int endpoint)
{
  return &g_array_index(ports->ports, tw_port, endpoint - ports->platform->n_hosts);
}

int tw_ports_host(const tw_ports *ports, int endpoint)
{
  return endpoint < ports->platform->n_hosts ? endpoint : port_of(ports, endpoint)->host;
}

int tw_ports_count(const tw_ports *ports)
{
  return ports->platform->n_hosts + (int)ports->ports->len;
}

const char *tw_ports_name(const tw_ports *ports, int endpoint)
{
  return endpoint < ports->platform->n_hosts ? ports->platform->hosts[endpoint].id
                                             : port_of(ports, endpoint)->name;
}

int tw_ports_nics(const tw_ports *ports, int endpoint, int *first)
{
  const tw_planes *planes = ports->platform->planes;
  int host = tw_ports_host(ports, endpoint);
  if (planes == NULL || planes->first_nic[host] < 0)
    return 0;
  int all = MAX(ports->platform->hosts[host].accelerators, 1), nics = planes->parts[planes->nic_link[host]];
  gboolean whole = endpoint < ports->platform->n_hosts;
  int begin = whole ? 0 : port_of(ports, endpoint)->first;
  int end = whole ? all : begin + port_of(ports, endpoint)->accelerators;
  *first = planes->first_nic[host] + begin * nics / all;
  return (end * nics + all - 1) / all - begin * nics / all;
}

/* ---- The copy of the platform ---- */

typedef struct host_ports {
  xmlNode *node;    /* the host; NULL: inside a cluster */
  GPtrArray *ports; /* Pointers to const tw_port. */
  xmlNode *way_out; /* the hop over the host's link, where that lies outside of its zone */
} host_ports;

typedef struct platform_copy {
  const tw_ports *ports;
  GHashTable *links;  /* id -> const tw_link * */
  GHashTable *hosts;  /* id -> host_ports, of those that have any */
  GHashTable *shares; /* names of links that were declared */
} platform_copy;

static char *attribute(xmlNode *node, const char *name)
{
  return (char *)xmlGetProp(node, (const xmlChar *)name);
}

static void set(xmlNode *node, const char *name, const char *value)
{
  xmlSetProp(node, (const xmlChar *)name, (const xmlChar *)value);
}

static gboolean is(const xmlNode *node, const char *name)
{
  return node->type == XML_ELEMENT_NODE && g_str_equal(node->name, name);
}

static xmlNode *first_hop(xmlNode *route)
{
  xmlNode *hop = route->children;
  while (hop != NULL && !is(hop, "link_ctn"))
    hop = hop->next;
  return hop;
}

static xmlNode *last_hop(xmlNode *route)
{
  xmlNode *hop = route->last;
  while (hop != NULL && !is(hop, "link_ctn"))
    hop = hop->prev;
  return hop;
}

/* The link that an attribute names, by itself or by one of its directions; NULL where it is a cluster's. */
static const tw_link *named_link(const platform_copy *c, xmlNode *node, const char *name)
{
  static const char *const directions[] = {"_UP", "_DOWN"};
  char *text = attribute(node, name);
  g_autofree char *id = g_strdup(text != NULL ? text : "");
  xmlFree(text);
  const tw_link *link = g_hash_table_lookup(c->links, id);
  for (guint i = 0; link == NULL && i < G_N_ELEMENTS(directions); i++) {
    if (!g_str_has_suffix(id, directions[i]))
      continue;
    g_autofree char *stem = g_strndup(id, strlen(id) - strlen(directions[i]));
    link = g_hash_table_lookup(c->links, stem);
  }
  return link;
}

static const tw_link *link_of(const platform_copy *c, xmlNode *hop)
{
  return hop != NULL ? named_link(c, hop, "id") : NULL;
}

/* Returns the part of its host's link that a port may use: that of its accelerators, and one whole NIC at least. A
 * link that caps each flow by itself caps those of ports alike. */
static double share_bytes_per_s(const platform_copy *c, const tw_link *link, const tw_port *port)
{
  int all = c->ports->platform->hosts[port->host].accelerators;
  int parts = link->parts > 0 ? MIN(link->parts, all) : all;
  return link->wide ? link->bytes_per_s
                    : link->bytes_per_s * fmax((double)port->accelerators / all, 1.0 / parts);
}

/* The name of a port's share of a link, which is declared beside its host unless it was already. */
static char *share_of(platform_copy *c, const tw_link *link, const tw_port *port, xmlNode *host)
{
  char *name = g_strconcat(link->id, strrchr(port->name, '/'), NULL);
  if (!g_hash_table_add(c->shares, g_strdup(name)))
    return name;
  char bandwidth[G_ASCII_DTOSTR_BUF_SIZE];
  g_ascii_dtostr(bandwidth, sizeof bandwidth, share_bytes_per_s(c, link, port));
  g_autofree char *quantity = g_strconcat(bandwidth, "Bps", NULL);
  xmlNode *node = xmlNewNode(NULL, (const xmlChar *)"link");
  set(node, "id", name);
  set(node, "bandwidth", quantity);
  set(node, "latency", "0s");
  set(node, "sharing_policy", link->wide ? "FATPIPE" : link->duplex ? "SPLITDUPLEX" : "SHARED");
  xmlAddNextSibling(host, node);
  return name;
}

/* A hop over a port's share of the link of `hop`, "UP" away from the host; NULL where there is no such link.
 */
static xmlNode *share_hop(platform_copy *c, xmlNode *hop, const tw_port *port, xmlNode *host,
                          const char *direction)
{
  const tw_link *link = link_of(c, hop);
  if (link == NULL)
    return NULL;
  g_autofree char *name = share_of(c, link, port, host);
  xmlNode *share = xmlNewNode(NULL, (const xmlChar *)"link_ctn");
  set(share, "id", name);
  if (link->duplex)
    set(share, "direction", direction);
  return share;
}

typedef struct end {
  const tw_port *port; /* NULL: the host itself */
  xmlNode *host;       /* its element */
} end;

static void append_ports(const platform_copy *c, xmlNode *node, const char *name, GArray *ends)
{
  char *id = attribute(node, name);
  const host_ports *found = id != NULL ? g_hash_table_lookup(c->hosts, id) : NULL;
  for (guint i = 0; found != NULL && i < found->ports->len; i++)
    g_array_append_val(ends, ((end){found->ports->pdata[i], found->node}));
  xmlFree(id);
}

/* Repeats a route for the ports of its ends, the share of each in front. */
static void repeat_route(platform_copy *c, xmlNode *route)
{
  char *src = attribute(route, "src"), *dst = attribute(route, "dst");
  gboolean inside = g_strcmp0(src, dst) == 0;
  xmlFree(src), xmlFree(dst);
  if (inside)
    return;
  end itself = {NULL, NULL};
  g_autoptr(GArray) sources = g_array_new(FALSE, FALSE, sizeof(end));
  g_autoptr(GArray) targets = g_array_new(FALSE, FALSE, sizeof(end));
  g_array_append_val(sources, itself);
  g_array_append_val(targets, itself);
  append_ports(c, route, "src", sources);
  append_ports(c, route, "dst", targets);
  for (guint i = 0; i < sources->len; i++)
    for (guint j = i == 0 ? 1 : 0; j < targets->len; j++) {
      end from = g_array_index(sources, end, i), to = g_array_index(targets, end, j);
      xmlNode *again = xmlCopyNode(route, 1), *first = first_hop(again), *last = last_hop(again);
      xmlNode *up = from.port != NULL ? share_hop(c, first, from.port, from.host, "UP") : NULL;
      xmlNode *down = to.port != NULL ? share_hop(c, last, to.port, to.host, "DOWN") : NULL;
      if (up != NULL)
        xmlAddPrevSibling(first, up);
      if (down != NULL)
        xmlAddNextSibling(last, down);
      if (from.port != NULL)
        set(again, "src", from.port->name);
      if (to.port != NULL)
        set(again, "dst", to.port->name);
      xmlAddNextSibling(route, again);
    }
}

/* In a star, ports have arms of their own, which are their shares of the host's. */
static void repeat_arm(platform_copy *c, xmlNode *arm)
{
  g_autoptr(GArray) ends = g_array_new(FALSE, FALSE, sizeof(end));
  append_ports(c, arm, "id", ends);
  for (guint i = 0; i < ends->len; i++) {
    end at = g_array_index(ends, end, i);
    xmlNode *again = xmlCopyNode(arm, 1);
    set(again, "id", at.port->name);
    static const char *const ways[] = {"up", "down"}, *const suffixes[] = {"_UP", "_DOWN"};
    for (guint k = 0; k < G_N_ELEMENTS(ways); k++) {
      const tw_link *link = named_link(c, arm, ways[k]);
      if (link == NULL)
        continue;
      g_autofree char *share = share_of(c, link, at.port, at.host);
      g_autofree char *half = g_strconcat(share, link->duplex ? suffixes[k] : NULL, NULL);
      set(again, ways[k], half);
    }
    xmlAddNextSibling(arm, again);
  }
}

/* Notes the link of the gateway that an attribute of a route names. If a host is its zone's way out, its link lies
 * outside: the widest of those that routes between zones begin with there. */
static void note_way_out(platform_copy *c, xmlNode *route, const char *name, xmlNode *hop)
{
  char *id = attribute(route, name);
  host_ports *of = id != NULL ? g_hash_table_lookup(c->hosts, id) : NULL;
  xmlFree(id);
  if (of == NULL || of->node == NULL || of->node->parent->parent != route->parent)
    return;
  const tw_link *link = link_of(c, hop), *most = link_of(c, of->way_out);
  if (link != NULL && (most == NULL || link->bytes_per_s > most->bytes_per_s))
    of->way_out = hop;
}

static void find_ways_out(platform_copy *c, xmlNode *zone)
{
  for (xmlNode *child = zone->children; child != NULL; child = child->next) {
    if (is(child, "zone") || is(child, "AS"))
      find_ways_out(c, child);
    if (!is(child, "zoneRoute") && !is(child, "ASroute"))
      continue;
    note_way_out(c, child, "gw_src", first_hop(child));
    note_way_out(c, child, "gw_dst", last_hop(child));
  }
}

/* Ports of a gateway reach it over their share of its way out. */
static void add_ways_out(platform_copy *c, const char *id, const host_ports *of)
{
  for (guint i = 0; of->way_out != NULL && i < of->ports->len; i++) {
    const tw_port *port = of->ports->pdata[i];
    xmlNode *route = xmlNewChild(of->node->parent, NULL, (const xmlChar *)"route", NULL);
    set(route, "src", port->name);
    set(route, "dst", id);
    xmlAddChild(route, share_hop(c, of->way_out, port, of->node, "UP"));
  }
}

/* Repeats the routes of a zone and of those in it. */
static void repeat_routes(platform_copy *c, xmlNode *zone)
{
  /* Added elements stand behind those that they repeat, and are passed over. */
  for (xmlNode *child = zone->children, *next; child != NULL; child = next) {
    next = child->next;
    if (is(child, "zone") || is(child, "AS"))
      repeat_routes(c, child);
    else if (is(child, "route"))
      repeat_route(c, child);
    else if (is(child, "host_link"))
      repeat_arm(c, child);
  }
}

/* Finds the elements of the hosts that have ports, and adds these behind them. */
static void add_hosts(platform_copy *c, xmlNode *zone)
{
  for (xmlNode *child = zone->children, *next; child != NULL; child = next) {
    next = child->next;
    if (is(child, "zone") || is(child, "AS"))
      add_hosts(c, child);
    if (!is(child, "host"))
      continue;
    char *id = attribute(child, "id");
    host_ports *found = g_hash_table_lookup(c->hosts, id);
    xmlFree(id);
    if (found == NULL)
      continue;
    found->node = child;
    for (guint i = 0; i < found->ports->len; i++) {
      xmlNode *node = xmlNewNode(NULL, (const xmlChar *)"host");
      set(node, "id", ((const tw_port *)found->ports->pdata[i])->name);
      set(node, "speed", "1f");
      xmlAddNextSibling(child, node);
    }
  }
}

/* SimGrid looks for profiles beside the file, and this is another one. What fails by a state_file does so by our own
 * account: SimGrid would end what runs there. */
static void anchor_profiles(xmlNode *node, const char *folder)
{
  xmlUnsetProp(node, (const xmlChar *)"state_file");
  for (xmlAttr *a = node->properties; a != NULL; a = a->next) {
    if (!g_str_has_suffix((const char *)a->name, "_file"))
      continue;
    g_autofree char *name = g_strdup((const char *)a->name);
    char *file = attribute(node, name);
    g_autofree char *path = g_path_is_absolute(file) ? g_strdup(file) : g_build_filename(folder, file, NULL);
    if (*file != '\0')
      xmlNodeSetContent((xmlNode *)(void *)a, (const xmlChar *)path);
    xmlFree(file);
  }
  for (xmlNode *child = node->children; child != NULL; child = child->next)
    if (child->type == XML_ELEMENT_NODE)
      anchor_profiles(child, folder);
}

/* Moves the links of a zone and of those in it. */
static void move_links(xmlNode *zone, xmlNode *to)
{
  for (xmlNode *child = zone->children, *next; child != NULL; child = next) {
    next = child->next;
    if (child == to)
      continue;
    if (is(child, "zone") || is(child, "AS")) {
      move_links(child, to);
    } else if (is(child, "link")) {
      xmlUnlinkNode(child);
      xmlAddChild(to, child);
    }
  }
}

/* Declares all links in a zone of their own before the others: SimGrid finds the links of a route by name, in one zone
 * after the other. */
static void gather_links(xmlNode *root)
{
  xmlNode *site = xmlFirstElementChild(root);
  while (site != NULL && !is(site, "zone") && !is(site, "AS"))
    site = xmlNextElementSibling(site);
  xmlNode *first = site != NULL ? xmlFirstElementChild(site) : NULL;
  while (first != NULL && is(first, "prop"))
    first = xmlNextElementSibling(first);
  if (first == NULL || (!is(first, "zone") && !is(first, "AS")))
    return;
  xmlNode *links = xmlNewNode(NULL, first->name);
  set(links, "id", "tokenworks-links");
  set(links, "routing", "Full");
  xmlAddPrevSibling(first, links);
  move_links(site, links);
}

static void free_host_ports(gpointer data)
{
  host_ports *of = data;
  g_ptr_array_unref(of->ports);
  g_free(of);
}

static void add_ports(const tw_ports *ports, xmlNode *root)
{
  const tw_platform *platform = ports->platform;
  platform_copy c = {ports, g_hash_table_new(g_str_hash, g_str_equal),
                     g_hash_table_new_full(g_str_hash, g_str_equal, NULL, free_host_ports),
                     g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL)};
  for (int i = 0; i < platform->n_links; i++)
    g_hash_table_insert(c.links, platform->links[i].id, (gpointer)&platform->links[i]);
  for (guint i = 0; i < ports->ports->len; i++) {
    tw_port *port = &g_array_index(ports->ports, tw_port, i);
    char *host = platform->hosts[port->host].id;
    host_ports *of = g_hash_table_lookup(c.hosts, host);
    if (of == NULL) {
      of = g_new0(host_ports, 1);
      of->ports = g_ptr_array_new();
      g_hash_table_insert(c.hosts, host, of);
    }
    g_ptr_array_add(of->ports, port);
  }
  add_hosts(&c, root);
  repeat_routes(&c, root);
  find_ways_out(&c, root);
  GHashTableIter iterator;
  gpointer id, of;
  g_hash_table_iter_init(&iterator, c.hosts);
  while (g_hash_table_iter_next(&iterator, &id, &of))
    if (((host_ports *)of)->node != NULL)
      add_ways_out(&c, id, of);
  g_hash_table_unref(c.links);
  g_hash_table_unref(c.hosts);
  g_hash_table_unref(c.shares);
}

xmlDoc *tw_ports_document(const tw_ports *ports, GError **error)
{
  const char *path = ports->platform->path;
  gsize bytes = 0;
  g_autofree char *read = tw_text_file_read(path, G_MAXINT, &bytes, NULL);
  xmlDoc *document = read != NULL ? xmlReadMemory(read, (int)bytes, path, NULL,
                                                  XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING)
                                  : NULL;
  if (document == NULL) {
    tw_input_error_set(error, TW_INPUT_ERROR_FILE, path, 0, "has changed since it was read; start again");
    return NULL;
  }
  g_autofree char *whole = g_canonicalize_filename(path, NULL), *folder = g_path_get_dirname(whole);
  anchor_profiles(xmlDocGetRootElement(document), folder);
  add_ports(ports, xmlDocGetRootElement(document));
  if (ports->platform->planes != NULL)
    tw_planes_add_links(ports->platform, xmlDocGetRootElement(document));
  gather_links(xmlDocGetRootElement(document));
  return document;
}

char *tw_ports_write_document(xmlDoc *document, GError **error)
{
  xmlChar *text = NULL;
  int length = 0;
  xmlDocDumpMemory(document, &text, &length);
  char *copy = NULL;
  int fd = g_file_open_tmp("tokenworks-platform-XXXXXX.xml", &copy, error);
  gboolean good = fd >= 0 && g_file_set_contents(copy, (const char *)text, length, error);
  xmlFree(text);
  if (fd >= 0)
    close(fd);
  if (!good)
    g_clear_pointer(&copy, g_free);
  return copy;
}

char *tw_ports_write(const tw_ports *ports, GError **error)
{
  const tw_platform *platform = ports->platform;
  if (ports->ports->len == 0 && platform->n_zones < MANY_ZONES && platform->planes == NULL &&
      !g_str_has_suffix(platform->path, ".gz") &&
      (platform->profiles == NULL || platform->profiles->len == 0))
    return NULL;
  xmlDoc *document = tw_ports_document(ports, error);
  char *copy = document != NULL ? tw_ports_write_document(document, error) : NULL;
  xmlFreeDoc(document);
  return copy;
}
