#include "platforms/reader/platform_union.h"

#include <libxml/tree.h>

/* Attributes that name hosts, routers, links, zones or profiles. */
static const char *const naming[] = {"id",   "src",       "dst",    "gw_src", "gw_dst",  "up",
                                     "down", "router_id", "prefix", "trace",  "element", NULL};

static gboolean is(const xmlNode *node, const char *name)
{
  return g_str_equal(node->name, name);
}

static char *get(xmlNode *node, const char *name)
{
  xmlChar *text = xmlGetProp(node, BAD_CAST name);
  char *copy = g_strdup(text != NULL ? (const char *)text : "");
  xmlFree(text);
  return copy;
}

/* SimGrid makes the name of a cluster's router of other names; it is written here, before these change. */
static void name_router(xmlNode *cluster)
{
  g_autofree char *prefix = get(cluster, "prefix"), *id = get(cluster, "id"),
                  *suffix = get(cluster, "suffix"), *router = get(cluster, "router_id");
  g_autofree char *made = g_strconcat(prefix, id, "_router", suffix, NULL);
  if (*router == '\0')
    xmlSetProp(cluster, BAD_CAST "router_id", BAD_CAST made);
}

static void rename_all(xmlNode *node, const char *prefix)
{
  if (is(node, "prop"))
    return;
  if (is(node, "cluster"))
    name_router(node);
  for (guint i = 0; naming[i] != NULL; i++) {
    if (xmlHasProp(node, BAD_CAST naming[i]) == NULL)
      continue;
    g_autofree char *old = get(node, naming[i]);
    g_autofree char *name = g_strconcat(prefix, old, NULL);
    xmlSetProp(node, BAD_CAST naming[i], BAD_CAST name);
  }
  for (xmlNode *child = xmlFirstElementChild(node); child != NULL; child = xmlNextElementSibling(child))
    rename_all(child, prefix);
}

/* Adds what stands in a platform: its zone to the world, and what else there is behind that. */
static void add_platform(xmlNode *world, xmlNode *platform, const char *prefix)
{
  for (xmlNode *child = xmlFirstElementChild(platform); child != NULL; child = xmlNextElementSibling(child)) {
    if (is(child, "config"))
      continue;
    rename_all(child, prefix);
    xmlAddChild(is(child, "zone") || is(child, "AS") ? world : world->parent,
                xmlDocCopyNode(child, world->doc, 1));
  }
}

char *tw_union_prefix(int platform, int n)
{
  return n > 1 ? g_strdup_printf("%d:", platform) : g_strdup("");
}

char *tw_union_write(const tw_ports *const *ports, int n, GError **error)
{
  if (n == 1)
    return tw_ports_write(ports[0], error);
  xmlDoc *whole = xmlNewDoc(BAD_CAST "1.0");
  xmlCreateIntSubset(whole, BAD_CAST "platform", NULL, BAD_CAST "https://simgrid.org/simgrid.dtd");
  xmlNode *root = xmlNewDocNode(whole, NULL, BAD_CAST "platform", NULL);
  xmlDocSetRootElement(whole, root);
  xmlSetProp(root, BAD_CAST "version", BAD_CAST "4.1");
  xmlNode *world = xmlNewChild(root, NULL, BAD_CAST "zone", NULL);
  xmlSetProp(world, BAD_CAST "id", BAD_CAST "tokenworks-world");
  xmlSetProp(world, BAD_CAST "routing", BAD_CAST "Full");
  gboolean good = TRUE;
  for (int i = 0; good && i < n; i++) {
    g_autofree char *prefix = tw_union_prefix(i, n);
    xmlDoc *one = tw_ports_document(ports[i], error);
    good = one != NULL;
    if (good)
      add_platform(world, xmlDocGetRootElement(one), prefix);
    xmlFreeDoc(one);
  }
  char *copy = good ? tw_ports_write_document(whole, error) : NULL;
  xmlFreeDoc(whole);
  return copy;
}
