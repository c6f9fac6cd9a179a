#include "platforms/reader/platform_property.h"

#include "platforms/reader/platform_reader.h"

/* Our properties, and on what they may stand. */
static const struct property {
  const char *name;
  int places;
} properties[] = {
    {"tw:device", TW_ON_HOST | TW_ON_CLUSTER},
    {"tw:accelerators", TW_ON_HOST | TW_ON_CLUSTER},
    {"tw:kv_bytes", TW_ON_HOST},
    {"tw:kv_read_bandwidth", TW_ON_HOST},
    {"tw:kv_write_bandwidth", TW_ON_HOST},
    {"tw:kv_latency", TW_ON_HOST},
    {"tw:kv_io_bytes", TW_ON_HOST},
    {"tw:kv_queue_depth", TW_ON_HOST},
    {"tw:role", TW_ON_ZONE | TW_ON_CLUSTER},
    {"tw:rack", TW_ON_ZONE | TW_ON_CLUSTER},
    {"tw:row", TW_ON_ZONE | TW_ON_CLUSTER},
    {"tw:overhead_w", TW_ON_ZONE | TW_ON_CLUSTER},
    {"tw:overhead_idle_w", TW_ON_ZONE | TW_ON_CLUSTER},
    {"tw:routing", TW_ON_ZONE},
    {"tw:rails", TW_ON_ZONE},
    {"tw:cross-rail", TW_ON_ZONE},
    {"tw:pue", TW_ON_ZONE | TW_ON_CLUSTER},
    {"tw:pue_load", TW_ON_ZONE | TW_ON_CLUSTER},
    {"tw:pue_per_degree", TW_ON_ZONE | TW_ON_CLUSTER},
    {"tw:psu_w", TW_ON_ZONE | TW_ON_CLUSTER},
    {"tw:psu_efficiency", TW_ON_ZONE | TW_ON_CLUSTER},
    {"tw:site_power_w", TW_ON_ZONE | TW_ON_CLUSTER},
    {"tw:kind", TW_ON_LINK},
    {"tw:watts", TW_ON_LINK},
    {"tw:joules_per_byte", TW_ON_LINK},
    {"tw:parts", TW_ON_LINK},
    {"tw:degraded", TW_ON_LINK},
    {"tw:link-kind", TW_ON_CLUSTER},
    {"tw:link-watts", TW_ON_CLUSTER},
};

char *tw_property_get(const xmlNode *node, const char *name, const xmlNode **where)
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

void tw_property_check(const xmlNode *node, int place, tw_faults *faults)
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

double tw_property_number(const xmlNode *node, const char *name, double absent, double min, const char *help,
                          tw_faults *faults)
{
  const xmlNode *prop = NULL;
  g_autofree char *text = tw_property_get(node, name, &prop);
  double value = absent;
  if (text != NULL && (!tw_number_parse(text, &value) || value < min || value > 1e12)) {
    tw_node_fault(prop, faults, "%s of <%s>: \"%s\" is not %s; write a plain number, such as %g", name,
                  node->name, text, help, min < 1 ? 100.0 : 1.2);
    return absent;
  }
  return value;
}

int tw_property_choice(const xmlNode *node, const char *name, const char *const *words, tw_faults *faults)
{
  const xmlNode *prop = NULL;
  g_autofree char *text = tw_property_get(node, name, &prop);
  if (text == NULL)
    return 0;
  for (int i = 1; words[i] != NULL; i++)
    if (g_str_equal(words[i], text))
      return i;
  g_autofree char *hint = tw_suggestion(text, words + 1);
  tw_node_fault(prop, faults, "%s of <%s>: \"%s\" is unknown; %s", name, node->name, text, hint);
  return 0;
}
