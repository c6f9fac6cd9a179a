/* Platforms that SimGrid reads and other people wrote: older names are translated into those of the tables, words
 * that do not count here are noted and taken out, and words that would be simulated wrongly are refused. The file
 * itself stays as it is: SimGrid loads all of it. */
#include "platforms/reader/platform_property.h"
#include "platforms/reader/platform_reader.h"

#include <libxml/tree.h>

typedef enum { NOTED, REFUSED } fate;

/* Elements and attributes that SimGrid reads and we do not. */
static const struct foreign {
  const char *name;
  fate what;
  const char *why;
} elements[] = {
    {"config", NOTED, "settings count in SimGrid, but for those of the network, which are ours"},
    {"disk", NOTED, "disks do not count here"},
    {"bypassRoute", NOTED, "SimGrid goes by it"},
    {"bypassZoneRoute", NOTED, "SimGrid goes by it"},
    {"bypassASroute", NOTED, "SimGrid goes by it"},
    {"trace", NOTED, "accelerators run at the rates of their device"},
    {"trace_connect", NOTED, "accelerators run at the rates of their device"},
    {"storage", REFUSED, "SimGrid has no storages since 3.27; use <disk>, or remove it"},
    {"storage_type", REFUSED, "SimGrid has no storages since 3.27; use <disk>, or remove it"},
    {"mount", REFUSED, "SimGrid has no storages since 3.27; use <disk>, or remove it"},
    {"process", REFUSED, "SimGrid ends where it does not know an actor's function; remove it"},
    {"actor", REFUSED, "SimGrid ends where it does not know an actor's function; remove it"},
    {"peer", REFUSED, "routes between <peer>s are latencies of coordinates; use <host> and <link>"},
    {"include", REFUSED, "files are not included; write the platform into one"},
    {"random", REFUSED, "numbers are not drawn; write them"},
};
static const struct foreign attributes[] = {
    {"latency_file", NOTED, "latencies are those at the start here"},
    {"availability_file", NOTED, "accelerators run at the rates of their device"},
    {"coordinates", NOTED, "distances do not count here"},
};

static const struct foreign *find(const struct foreign *rows, guint n, const char *name)
{
  for (guint i = 0; i < n; i++)
    if (g_str_equal(rows[i].name, name))
      return &rows[i];
  return NULL;
}

/* Each reason is told once, where it first counts. */
void tw_reader_note(GPtrArray *notes, const xmlNode *node, const char *format, ...)
{
  if (notes == NULL)
    return;
  va_list arguments;
  va_start(arguments, format);
  g_autofree char *text = g_strdup_vprintf(format, arguments);
  va_end(arguments);
  for (guint i = 0; i < notes->len; i++)
    if (g_str_has_suffix(notes->pdata[i], text))
      return;
  g_ptr_array_add(notes, g_strdup_printf("line %ld: %s", tw_node_line(node), text));
}

void tw_reader_note_watts(GPtrArray *notes, const xmlNode *node, const char *instead)
{
  static const char *const watts[] = {"wattage_per_state", "watt_per_state", "wattage_range",
                                      "watt_range",        "wattage_off",    "watt_off"};
  for (guint i = 0; i < G_N_ELEMENTS(watts); i++) {
    const xmlNode *at = NULL;
    g_autofree char *text = tw_property_get(node, watts[i], &at);
    if (text != NULL)
      tw_reader_note(notes, at, "%s does not count here: watts of <%s> %s", watts[i], node->name, instead);
  }
}

void tw_reader_note_unit(GPtrArray *notes, const xmlNode *node, const char *what, const char *unit)
{
  tw_reader_note(notes, node, "%s of <%s> without a unit is read as %s, as SimGrid does with a warning", what,
                 node->name, unit);
}

static char *get(const xmlNode *node, const char *name)
{
  xmlChar *value = xmlGetNoNsProp(node, (const xmlChar *)name);
  char *copy = g_strdup(value != NULL ? (const char *)value : "");
  xmlFree(value);
  return copy;
}

void tw_reader_check_profile(const xmlNode *node, const char *attribute, tw_faults *faults)
{
  g_autofree char *name = get(node, attribute), *path = tw_node_path(node, name);
  if (*name != '\0' && !g_file_test(path, G_FILE_TEST_IS_REGULAR))
    tw_node_fault(node, faults,
                  "%s of <%s>: there is no \"%s\" beside the platform, and SimGrid ends without it",
                  attribute, node->name, name);
}

/* SimGrid keeps profiles by the names of their files, and ends where a second element names one. */
static void check_profiles_differ(const xmlNode *node, GHashTable *users, tw_faults *faults)
{
  for (const xmlAttr *attribute = node->properties; attribute != NULL; attribute = attribute->next) {
    g_autofree char *name = get(node, (const char *)attribute->name);
    if (!g_str_has_suffix((const char *)attribute->name, "_file") || *name == '\0')
      continue;
    const xmlNode *before = g_hash_table_lookup(users, name);
    if (before != NULL)
      tw_node_fault(node, faults,
                    "%s of <%s>: SimGrid reads a profile once, and the <%s> of line %ld names \"%s\"; name a "
                    "copy of it",
                    (const char *)attribute->name, node->name, before->name, tw_node_line(before), name);
    else
      g_hash_table_insert(users, g_steal_pointer(&name), (gpointer)node);
  }
  for (const xmlNode *child = tw_node_child(node, NULL); child != NULL; child = tw_node_next(child, NULL))
    check_profiles_differ(child, users, faults);
}

void tw_reader_check_profiles(const xmlNode *root, tw_faults *faults)
{
  g_autoptr(GHashTable) users = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  check_profiles_differ(root, users, faults);
}

static void take_attributes(xmlNode *node, GPtrArray *notes, tw_faults *faults)
{
  xmlAttr *next = NULL;
  for (xmlAttr *attribute = node->properties; attribute != NULL; attribute = next) {
    next = attribute->next;
    const struct foreign *row = find(attributes, G_N_ELEMENTS(attributes), (const char *)attribute->name);
    if (row == NULL && attribute->ns != NULL)
      tw_node_fault(node, faults, "SimGrid refuses the attribute %s:%s; remove it", attribute->ns->prefix,
                    attribute->name);
    if (row == NULL)
      continue;
    if (row->what == REFUSED)
      tw_node_fault(node, faults, "%s of <%s>: %s", row->name, node->name, row->why);
    else
      tw_reader_note(notes, node, "%s of <%s>: %s", row->name, node->name, row->why);
    if (row->what == NOTED && g_str_has_suffix(row->name, "_file"))
      tw_reader_check_profile(node, row->name, faults);
    xmlRemoveProp(attribute);
  }
}

static void set(xmlNode *node, const char *name, const char *value)
{
  xmlSetProp(node, (const xmlChar *)name, (const xmlChar *)value);
}

static xmlNode *behind(xmlNode *node, const char *name, const xmlNode *like)
{
  xmlNode *made = xmlNewNode(NULL, (const xmlChar *)name);
  made->line = like->line;
  made->_private = like->_private;
  return xmlAddNextSibling(node, made);
}

/* Refuses the routing of other versions and models of SimGrid; the schema's words alone would mislead. */
static void check_routing(xmlNode *node, tw_faults *faults)
{
  g_autofree char *routing = get(node, "routing");
  const char *why = NULL;
  if (g_str_equal(routing, "Star"))
    why =
        "SimGrid 3.32 does not know it in files (later ones do); write routing=\"Cluster\" with <host_link>s";
  else if (g_str_equal(routing, "Vivaldi"))
    why = "its routes are latencies of coordinates without links; write routing=\"Floyd\" with <link>s";
  else if (g_ascii_strcasecmp(routing, "WIFI") == 0)
    why = "links over the air are not simulated; write routing=\"Floyd\" with <link>s";
  if (why == NULL)
    return;
  tw_node_fault(node, faults, "routing=\"%s\" of <%s>: %s", routing, node->name, why);
  set(node, "routing", "Full");
}

/* A <cabinet> is hosts, each on a link of its own, in a zone with routing="Cluster". */
static void expand_cabinet(xmlNode *cabinet, GPtrArray *notes, tw_faults *faults)
{
  g_autofree char *prefix = get(cabinet, "prefix"), *suffix = get(cabinet, "suffix"),
                  *radical = get(cabinet, "radical"), *speed = get(cabinet, "speed"),
                  *bw = get(cabinet, "bw"), *lat = get(cabinet, "lat");
  tw_xml_attributes cluster = {
      .prefix = prefix, .suffix = suffix, .radical = radical, .speed = speed, .bw = bw, .lat = lat};
  g_auto(GStrv) names = tw_cluster_hosts(cabinet, &cluster, notes, faults);
  xmlNode *last = cabinet;
  for (char **name = names; *name != NULL; name++) {
    g_autofree char *link = g_strconcat("link_", *name, NULL), *up = g_strconcat(link, "_UP", NULL),
                    *down = g_strconcat(link, "_DOWN", NULL);
    xmlNode *host = behind(last, "host", cabinet), *wire = behind(host, "link", cabinet),
            *arm = behind(wire, "host_link", cabinet);
    set(host, "id", *name);
    set(host, "speed", speed);
    set(wire, "id", link);
    set(wire, "bandwidth", bw);
    set(wire, "latency", lat);
    set(wire, "sharing_policy", "SPLITDUPLEX");
    set(arm, "id", *name);
    set(arm, "up", up);
    set(arm, "down", down);
    last = arm;
  }
}

void tw_reader_translate(xmlNode *node, GPtrArray *notes, tw_faults *faults)
{
  if (node->nsDef != NULL)
    tw_node_fault(node, faults, "<%s> declares a namespace, which SimGrid refuses; remove its xmlns",
                  node->name);
  take_attributes(node, notes, faults);
  check_routing(node, faults);
  if (g_str_equal(node->name, "AS"))
    xmlNodeSetName(node, (const xmlChar *)"zone");
  else if (g_str_equal(node->name, "ASroute"))
    xmlNodeSetName(node, (const xmlChar *)"zoneRoute");
  for (xmlNode *child = node->children, *next; child != NULL; child = next) {
    next = child->next;
    if (child->type != XML_ELEMENT_NODE)
      continue;
    const struct foreign *row = find(elements, G_N_ELEMENTS(elements), (const char *)child->name);
    gboolean cabinet = g_str_equal(child->name, "cabinet");
    if (row == NULL && !cabinet) {
      tw_reader_translate(child, notes, faults);
      continue;
    }
    g_autofree char *kind = get(child, "kind");
    if (cabinet)
      expand_cabinet(child, notes, faults);
    else if (g_str_has_suffix(kind, "_AVAIL"))
      tw_node_fault(child, faults, "kind of <%s>: name a state_file of the <host> or <link> instead",
                    child->name);
    else if (g_str_equal(kind, "BANDWIDTH"))
      tw_node_fault(child, faults, "kind of <%s>: name a bandwidth_file of the <link> instead", child->name);
    else if (row->what == REFUSED)
      tw_node_fault(child, faults, "<%s>: %s", child->name, row->why);
    else
      tw_reader_note(notes, child, "<%s>: %s", child->name, row->why);
    xmlUnlinkNode(child);
    xmlFreeNode(child);
  }
}
