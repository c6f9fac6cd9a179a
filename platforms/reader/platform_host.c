/* Hosts and their devices, from <host> and <cluster>. */
#include "platforms/reader/platform_property.h"
#include "platforms/reader/platform_reader.h"

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

void tw_reader_add_host(tw_reader *reader, const char *id, int zone, const tw_host *like, const xmlNode *node)
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

tw_host tw_reader_host(tw_reader *reader, const xmlNode *node, const char *speed, gint64 pstate)
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
  g_autofree char *device = tw_property_get(node, "tw:device", &device_prop);
  g_autofree char *count = tw_property_get(node, "tw:accelerators", &count_prop);
  gint64 accelerators = device != NULL ? 1 : 0;
  if (device != NULL)
    host.device = find_device(reader, device_prop, device);
  static const char *const watts[] = {"wattage_per_state", "watt_per_state", "wattage_range", "wattage_off",
                                      "watt_off"};
  for (guint i = 0; i < G_N_ELEMENTS(watts); i++) {
    const xmlNode *watts_prop = NULL;
    g_autofree char *text = tw_property_get(node, watts[i], &watts_prop);
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
  g_autofree char *store = tw_property_get(node, "tw:kv_bytes", &store_prop);
  if (store != NULL && (!tw_number_parse(store, &host.kv_bytes) || host.kv_bytes < 1 || host.kv_bytes > 1e18))
    tw_node_fault(store_prop, reader->faults,
                  "tw:kv_bytes of <%s>: \"%s\" is not a number of bytes; write a plain number, such as 1e12",
                  node->name, store);
  return host;
}
