/* Hosts and their devices, from <host> and <cluster>. */
#include "platforms/reader/platform_property.h"
#include "platforms/reader/platform_reader.h"

#include <math.h>

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

void tw_reader_profile(tw_reader *reader, const xmlNode *node, const char *attribute, const char *name,
                       gboolean of_link, int item)
{
  if (name == NULL || *name == '\0')
    return;
  tw_availability profile = {.of_link = of_link, .item = item};
  if (tw_availability_read(&profile, node, attribute, name, reader->faults))
    g_array_append_val(reader->profiles, profile);
  else
    tw_availability_clear(&profile);
}

static int falling(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x < y) - (x > y);
}

/* The clocks of a host with these speeds, of which those of 0 (SimGrid's, for the time in which a host boots) are none. */
static void set_clocks(tw_host *host, double *speeds, guint n)
{
  qsort(speeds, n, sizeof *speeds, falling);
  host->clocks = n > 1 ? g_new(double, n) : NULL;
  for (guint i = 1; i < n; i++)
    if (speeds[i] < speeds[i - 1] && speeds[i] > 0)
      host->clocks[host->n_clocks++] = speeds[i] / speeds[0];
}

/* A number that a property gives; `fallback` if it is absent. */
static double read_number(tw_reader *reader, const xmlNode *node, const char *name, double fallback,
                          double least, double most, const char *what)
{
  const xmlNode *prop = NULL;
  double value = fallback;
  g_autofree char *text = tw_property_get(node, name, &prop);
  if (text == NULL || (tw_number_parse(text, &value) && value >= least && value <= most))
    return value;
  tw_node_fault(prop, reader->faults, "%s of <%s>: \"%s\" is not %s", name, node->name, text, what);
  return fallback;
}

/* Reads how much of KV caches a host stores, and how fast. */
static void read_store(tw_reader *reader, const xmlNode *node, tw_host *host)
{
  static const char *const rate = "a rate; write bytes per second as a plain number, such as 12e9";
  host->kv_bytes = read_number(reader, node, "tw:kv_bytes", 0, 1, 1e18,
                               "a number of bytes; write a plain number, such as 1e12");
  host->medium = (tw_medium){
      .read_bytes_per_s = read_number(reader, node, "tw:kv_read_bandwidth", INFINITY, 1, 1e15, rate),
      .write_bytes_per_s = read_number(reader, node, "tw:kv_write_bandwidth", INFINITY, 1, 1e15, rate),
      .latency_s =
          read_number(reader, node, "tw:kv_latency", 0, 0, 10, "a time; write seconds, such as 80e-6"),
      .io_bytes = read_number(reader, node, "tw:kv_io_bytes", INFINITY, 1, 1e12,
                              "the size of an operation; write bytes, such as 131072"),
      .queue_depth = read_number(reader, node, "tw:kv_queue_depth", 32, 1, 1e6,
                                 "a number of operations; write one of at least 1, such as 32")};
  static const char *const needs_room[] = {"tw:kv_read_bandwidth", "tw:kv_write_bandwidth", "tw:kv_latency",
                                           "tw:kv_io_bytes", "tw:kv_queue_depth"};
  for (guint i = 0; host->kv_bytes == 0 && i < G_N_ELEMENTS(needs_room); i++) {
    const xmlNode *prop = NULL;
    g_autofree char *text = tw_property_get(node, needs_room[i], &prop);
    if (text != NULL)
      tw_node_fault(prop, reader->faults, "<%s> has %s but stores nothing; add the property tw:kv_bytes",
                    node->name, needs_room[i]);
  }
}

tw_host tw_reader_host(tw_reader *reader, const xmlNode *node, const char *speed, gint64 pstate)
{
  tw_host host = {0};
  g_auto(GStrv) speeds = g_strsplit(speed, ",", -1);
  g_autofree double *values = g_new0(double, g_strv_length(speeds) + 1);
  for (guint i = 0; speeds[i] != NULL; i++) {
    gboolean first = (gint64)i == pstate;
    values[i] = tw_reader_speed(node, "speed", g_strstrip(speeds[i]), first, reader->notes, reader->faults);
    if (first)
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
  tw_reader_note_watts(reader->notes, node, "come from the device (tw:device) and tw:overhead_w");
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
  read_store(reader, node, &host);
  return host;
}
