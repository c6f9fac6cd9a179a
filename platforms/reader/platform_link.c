/* Links, from <link> and <backbone>. */
#include "platforms/reader/platform_property.h"
#include "platforms/reader/platform_reader.h"

#include <math.h>

static void add_link_id(tw_reader *reader, const char *id, const xmlNode *node)
{
  gpointer same = g_hash_table_lookup(reader->link_ids, id);
  if (same != NULL)
    tw_node_fault(node, reader->faults, "the link name \"%s\" is taken in line %ld; choose another", id,
                  g_array_index(reader->links, tw_link, GPOINTER_TO_INT(same) - 1).line);
  else
    g_hash_table_insert(reader->link_ids, g_strdup(id), GINT_TO_POINTER((int)reader->links->len + 1));
}

void tw_reader_link(tw_reader *reader, const xmlNode *node, int zone)
{
  tw_xml_attributes attributes = {.policy = TW_POLICY_SHARED};
  gboolean backbone = g_str_equal(node->name, "backbone");
  const tw_element *element = backbone ? &tw_xml_backbone : &tw_xml_link;
  tw_schema_read(node, element, &attributes);
  tw_property_check(node, TW_ON_LINK, reader->faults);
  tw_link link = {.id = g_strdup(attributes.id), .zone = zone, .line = tw_node_line(node)};
  link.kind = (tw_link_kind)tw_property_choice(node, "tw:kind", tw_link_kind_names, reader->faults);
  tw_reader_note_watts(reader->notes, node, "are told by tw:watts and tw:joules_per_byte");
  link.watts = tw_property_number(node, "tw:watts", NAN, 0, "a number of watts", reader->faults);
  link.joules_per_byte =
      tw_property_number(node, "tw:joules_per_byte", 0, 0, "a number of joules", reader->faults);
  link.bytes_per_s = tw_reader_bandwidth(node, "bandwidth", attributes.bw, reader->notes, reader->faults);
  link.latency_s = tw_reader_latency(node, "latency", attributes.lat, reader->notes, reader->faults);
  link.degraded =
      tw_property_number(node, "tw:degraded", 1, 1e-9, "a part above 0 and at most 1", reader->faults);
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
  link.parts = (int)tw_property_number(node, "tw:parts", 0, 1, "a count", reader->faults);
  add_link_id(reader, link.id, node);
  if (link.duplex) {
    g_autofree char *up = g_strconcat(link.id, "_UP", NULL), *down = g_strconcat(link.id, "_DOWN", NULL);
    add_link_id(reader, up, node);
    add_link_id(reader, down, node);
  }
  if (backbone && ((tw_zone_routes *)g_ptr_array_index(reader->routes, zone))->routing != TW_ROUTING_STAR)
    tw_node_fault(node, reader->faults,
                  "<backbone> counts only in a zone with routing=\"Cluster\"; write <link>");
  tw_reader_profile(reader, node, "state_file", attributes.state_file, TRUE, (int)reader->links->len);
  if (attributes.state_file != NULL && link.kind == TW_LINK_NVLINK)
    tw_node_fault(
        node, reader->faults,
        "state_file of <%s>: NVLink is inside of what computes, and does not fail alone; give it to the "
        "<host>",
        node->name);
  g_array_append_val(reader->links, link);
  tw_schema_clear(element, &attributes);
}
