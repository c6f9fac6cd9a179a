/* hgx, nvl72 and single: sites of NVLink domains, which differ in their options' names and defaults. */
#include "platforms/generator_kinds.h"
#include "platforms/generator_site.h"
#include "platforms/units.h"

#include <math.h>

/* Options of hgx and nvl72. */
enum { DEVICE, DOMAINS, SIZE, HOSTS, NICS, NIC_BANDWIDTH, OVERSUBSCRIPTION, POD, GROUP, OVERHEAD };

/* Defaults that stand for something else. */
#define USUAL    "usual"
#define ONE_EACH "one-each"
#define OWN      "own"

#define DEVICE_HELP "a device of the catalogue, or the path of a device file"
#define POWER_OPTIONS(X, place)                                                                              \
  X((place), "overhead", USUAL,                                                                              \
    "power of the rest of a node or rack at full load; usual: by the device's chassis")                      \
  X((place) + 1, "network", USUAL, "power of its share of the fabric")                                       \
  X((place) + 2, "pue", USUAL, "power usage effectiveness of the site")

#define HGX_OPTIONS(X)                                                                                       \
  X(DEVICE, "device", "h100-sxm", DEVICE_HELP)                                                               \
  X(DOMAINS, "nodes", "4", "number of nodes")                                                                \
  X(SIZE, "gpus-per-node", "8", "accelerators of a node, all on its NVLink")                                 \
  X(HOSTS, "hosts", "node", "what a host stands for: node, or gpu (slower to simulate)")                     \
  X(NICS, "nics", ONE_EACH, "NICs of a node; one-each: as many as accelerators")                             \
  X(NIC_BANDWIDTH, "nic-bandwidth", OWN, "of a NIC and direction, such as 400Gbit/s; own: the device's")     \
  X(OVERSUBSCRIPTION, "oversubscription", "1", "NIC bandwidth under a leaf over its bandwidth to the spine") \
  X(POD, "nodes-per-leaf", "32", "nodes on one set of leaf switches (a scalable unit)")                      \
  X(GROUP, "nodes-per-rack", "4", "nodes of a rack, for reports and power")                                  \
  POWER_OPTIONS(X, OVERHEAD)

#define NVL72_OPTIONS(X)                                                                                     \
  X(DEVICE, "device", "gb200", DEVICE_HELP)                                                                  \
  X(DOMAINS, "racks", "1", "number of racks, each one NVLink domain")                                        \
  X(SIZE, "domain-size", "72", "accelerators of a rack: 36, 72, 144 and so on")                              \
  X(HOSTS, "hosts", "tray",                                                                                  \
    "what a host stands for: tray (of four accelerators), or gpu (slower to simulate)")                      \
  X(NICS, "nics", ONE_EACH, "NICs of a tray of four accelerators; one-each: as many as accelerators")        \
  X(NIC_BANDWIDTH, "nic-bandwidth", OWN, "of a NIC and direction, such as 400Gbit/s; own: the device's")     \
  X(OVERSUBSCRIPTION, "oversubscription", "1", "NIC bandwidth under a leaf over its bandwidth to the spine") \
  X(POD, "racks-per-leaf", "1", "racks on one set of leaf switches")                                         \
  X(GROUP, "racks-per-row", "8", "racks of a row, for reports")                                              \
  POWER_OPTIONS(X, OVERHEAD)

enum { SINGLE_DEVICE, SINGLE_SIZE, SINGLE_HOSTS, SINGLE_OVERHEAD };
#define SINGLE_OPTIONS(X)                                                                                    \
  X(SINGLE_DEVICE, "device", "h100-sxm", DEVICE_HELP)                                                        \
  X(SINGLE_SIZE, "accelerators", "8", "accelerators of the node")                                            \
  X(SINGLE_HOSTS, "hosts", "node", "what a host stands for: node, or gpu (slower to simulate)")              \
  POWER_OPTIONS(X, SINGLE_OVERHEAD)

/* clang-format off */
const GOptionEntry tw_hgx_options[] = {HGX_OPTIONS(TW_GENERATOR_ENTRY) TW_GENERATOR_LAST_ENTRY};
const GOptionEntry tw_nvl72_options[] = {NVL72_OPTIONS(TW_GENERATOR_ENTRY) TW_GENERATOR_LAST_ENTRY};
const GOptionEntry tw_single_options[] = {SINGLE_OPTIONS(TW_GENERATOR_ENTRY) TW_GENERATOR_LAST_ENTRY};
const char *const tw_hgx_fallbacks[] = {HGX_OPTIONS(TW_GENERATOR_FALLBACK) NULL};
const char *const tw_nvl72_fallbacks[] = {NVL72_OPTIONS(TW_GENERATOR_FALLBACK) NULL};
const char *const tw_single_fallbacks[] = {SINGLE_OPTIONS(TW_GENERATOR_FALLBACK) NULL};
/* clang-format on */

/* One option and what was given for it. */
typedef struct given {
  const char *name, *text;
} given;

static given get(const GOptionEntry *options, const char *const *values, int place)
{
  return (given){options[place].long_name, values[place]};
}

static gboolean read_count(given option, gint64 max, int *count, GError **error)
{
  gint64 value = 0;
  if (!tw_integer_parse(option.text, &value) || value < 1 || value > max)
    return tw_input_error_set(error, TW_INPUT_ERROR_VALUE, NULL, 0,
                              "--%s: \"%s\" is not a count; write a whole number from 1 to %" G_GINT64_FORMAT,
                              option.name, option.text, max);
  *count = (int)value;
  return TRUE;
}

/* A quantity of at least `min`; the word for a default leaves the value as it is. */
static gboolean read_quantity(given option, const char *word, tw_dimension dimension, double min,
                              double *value, GError **error)
{
  g_autofree char *why = NULL;
  double read = 0;
  if (g_str_equal(option.text, word))
    return TRUE;
  if (!tw_quantity_parse(option.text, dimension, &read, &why))
    return tw_input_error_set(error, TW_INPUT_ERROR_VALUE, NULL, 0, "--%s: %s", option.name, why);
  if (read < min)
    return tw_input_error_set(error, TW_INPUT_ERROR_VALUE, NULL, 0, "--%s: \"%s\" is too small; write %s",
                              option.name, option.text, tw_dimension_help(dimension));
  *value = read;
  return TRUE;
}

static gboolean read_ratio(given option, const char *word, double *value, GError **error)
{
  double read = 0;
  if (g_str_equal(option.text, word))
    return TRUE;
  if (!tw_number_parse(option.text, &read) || read < 1 || read > 1e6)
    return tw_input_error_set(error, TW_INPUT_ERROR_VALUE, NULL, 0,
                              "--%s: \"%s\" is not a ratio; write a number of at least 1, such as 1.5",
                              option.name, option.text);
  *value = read;
  return TRUE;
}

/* Whether a host is the `group` ("node" or "tray") or one accelerator. */
static gboolean read_hosts(given option, const char *group, gboolean *by_gpu, GError **error)
{
  *by_gpu = g_str_equal(option.text, "gpu");
  if (*by_gpu || g_str_equal(option.text, group))
    return TRUE;
  return tw_input_error_set(error, TW_INPUT_ERROR_VALUE, NULL, 0, "--%s: \"%s\" is unknown; write %s or gpu",
                            option.name, option.text, group);
}

static tw_device *load_device(const char *name, GError **error)
{
  g_autoptr(tw_faults) faults = tw_faults_new();
  tw_device *device = tw_device_load(name, NULL, faults);
  if (device == NULL)
    tw_input_error_set(error, TW_INPUT_ERROR_VALUE, NULL, 0, "--device: %s", tw_faults_get(faults, 0));
  return device;
}

/* The comment at the head: the command again, and where the power comes from. An XML comment cannot hold
 * "--", and the command takes its options without them too. */
static char *describe(const tw_generator *kind, const char *const *values, const tw_device *device)
{
  GString *text = g_string_new("Written by: tokenworks platform ");
  g_string_append(text, kind->name);
  for (int i = 0; kind->fallbacks[i] != NULL; i++)
    g_string_append_printf(text, " %s=%s", kind->options[i].long_name, values[i]);
  if (device->chassis.source != NULL) {
    g_autoptr(GRegex) blanks = g_regex_new("\\s+", 0, 0, NULL);
    g_autofree char *source = g_regex_replace_literal(blanks, device->chassis.source, -1, 0, " ", 0, NULL);
    g_string_append_printf(text, "\n     Usual power around the devices, and PUE: %s", source);
  }
  for (char *at = strstr(text->str, "--"); at != NULL; at = strstr(at, "--"))
    at[1] = '_'; /* in the path of a device */
  return g_string_free(text, FALSE);
}

/* Fills in the powers of a domain of `size` accelerators, from the usual chassis where none is asked for. */
static gboolean read_power(const GOptionEntry *options, const char *const *values, int place, int size,
                           tw_site *site, GError **error)
{
  const tw_chassis *chassis = &site->device->chassis;
  double share = chassis->accelerators > 0 ? (double)size / (double)chassis->accelerators : NAN;
  site->overhead_w = chassis->overhead_w * share;
  /* What is asked for instead of the usual has no idle power that is known. */
  site->overhead_idle_w = g_str_equal(values[place], USUAL) ? chassis->idle_w * share : NAN;
  site->psu_w = chassis->psu_w > 0 && chassis->psu_efficiency != NULL ? chassis->psu_w * share : NAN;
  site->psu_efficiency = chassis->psu_efficiency;
  site->network_w = chassis->network_w * share;
  site->pue = chassis->accelerators > 0 ? chassis->pue : NAN;
  return read_quantity(get(options, values, place), USUAL, TW_POWER, 0, &site->overhead_w, error) &&
         read_quantity(get(options, values, place + 1), USUAL, TW_POWER, 0, &site->network_w, error) &&
         read_ratio(get(options, values, place + 2), USUAL, &site->pue, error);
}

static gboolean check_site(const tw_site *site, const GOptionEntry *options, GError **error)
{
  if ((gint64)site->domains * site->hosts > 1000000)
    return tw_input_error_set(error, TW_INPUT_ERROR_VALUE, NULL, 0,
                              "--%s: more than a million hosts; write fewer, or larger hosts",
                              options[DOMAINS].long_name);
  if (site->domains == 1)
    return TRUE;
  if (isnan(site->nic_bytes_per_s))
    return tw_input_error_set(error, TW_INPUT_ERROR_VALUE, NULL, 0,
                              "--nic-bandwidth: %s has no NIC of its own; write one, such as 400Gbit/s",
                              site->device_name);
  if (site->nics % site->hosts != 0 && site->hosts % site->nics != 0)
    return tw_input_error_set(
        error, TW_INPUT_ERROR_VALUE, NULL, 0,
        "--nics: %d NICs cannot be shared out among %d hosts; write a divisor or a multiple", site->nics,
        site->hosts);
  return TRUE;
}

/* What hgx and nvl72 share. `group` accelerators make a tray or node, and --nics counts theirs. */
static gboolean read_site(const GOptionEntry *options, const char *const *values, int size, int group,
                          gboolean by_gpu, tw_site *site, GError **error)
{
  int nics = group;
  gboolean one_each = g_str_equal(values[NICS], ONE_EACH);
  site->device_name = values[DEVICE];
  site->nic_bytes_per_s = site->device->scale_out_bytes_per_s;
  site->oversubscription = 1;
  site->role = TW_ROLE_NVLINK_DOMAIN;
  if (!read_count(get(options, values, DOMAINS), 100000, &site->domains, error) ||
      (!one_each && !read_count(get(options, values, NICS), 1000, &nics, error)) ||
      !read_quantity(get(options, values, NIC_BANDWIDTH), OWN, TW_BANDWIDTH, 1, &site->nic_bytes_per_s,
                     error) ||
      !read_ratio(get(options, values, OVERSUBSCRIPTION), "", &site->oversubscription, error) ||
      !read_count(get(options, values, POD), 100000, &site->pod, error) ||
      !read_power(options, values, OVERHEAD, size, site, error))
    return FALSE;
  site->hosts = by_gpu ? size : size / group;
  site->accelerators = by_gpu ? 1 : group;
  site->nics = nics * (size / group);
  return check_site(site, options, error);
}

static void write_site(tw_site *site, const char *kind, const char *const *values, FILE *out)
{
  g_autofree char *comment = describe(tw_generator_find(kind, NULL), values, site->device);
  site->comment = comment;
  tw_site_write(site, out);
}

gboolean tw_hgx_write(FILE *out, const char *const *values, GError **error)
{
  const GOptionEntry *options = tw_hgx_options;
  g_autoptr(tw_device) device = load_device(values[DEVICE], error);
  tw_site site = {.device = device, .domain_name = "hgx", .racks_per_row = 8};
  int size = 0;
  gboolean by_gpu = FALSE;
  if (device == NULL || !read_count(get(options, values, SIZE), 1000, &size, error) ||
      !read_hosts(get(options, values, HOSTS), "node", &by_gpu, error) ||
      !read_site(options, values, size, size, by_gpu, &site, error) ||
      !read_count(get(options, values, GROUP), 100000, &site.domains_per_rack, error))
    return FALSE;
  site.host_name = by_gpu ? "gpu" : "node";
  write_site(&site, "hgx", values, out);
  return TRUE;
}

gboolean tw_nvl72_write(FILE *out, const char *const *values, GError **error)
{
  enum { TRAY = 4 };
  const GOptionEntry *options = tw_nvl72_options;
  g_autoptr(tw_device) device = load_device(values[DEVICE], error);
  tw_site site = {.device = device, .domain_name = "rack", .domains_per_rack = 1};
  int size = 0;
  gboolean by_gpu = FALSE;
  if (device == NULL || !read_count(get(options, values, SIZE), 10000, &size, error) ||
      !read_hosts(get(options, values, HOSTS), "tray", &by_gpu, error))
    return FALSE;
  if (size % TRAY != 0)
    return tw_input_error_set(error, TW_INPUT_ERROR_VALUE, NULL, 0,
                              "--domain-size: %d accelerators are no whole trays of %d; write a multiple",
                              size, TRAY);
  if (!read_site(options, values, size, TRAY, by_gpu, &site, error) ||
      !read_count(get(options, values, GROUP), 100000, &site.racks_per_row, error))
    return FALSE;
  site.host_name = by_gpu ? "gpu" : "tray";
  write_site(&site, "nvl72", values, out);
  return TRUE;
}

gboolean tw_single_write(FILE *out, const char *const *values, GError **error)
{
  const GOptionEntry *options = tw_single_options;
  g_autoptr(tw_device) device = load_device(values[SINGLE_DEVICE], error);
  tw_site site = {.device = device,
                  .device_name = values[SINGLE_DEVICE],
                  .domain_name = "domain",
                  .role = TW_ROLE_NODE,
                  .domains = 1,
                  .pod = 1,
                  .domains_per_rack = 1,
                  .racks_per_row = 1};
  int size = 0;
  gboolean by_gpu = FALSE;
  if (device == NULL || !read_count(get(options, values, SINGLE_SIZE), 1000, &size, error) ||
      !read_hosts(get(options, values, SINGLE_HOSTS), "node", &by_gpu, error) ||
      !read_power(options, values, SINGLE_OVERHEAD, size, &site, error))
    return FALSE;
  site.hosts = by_gpu ? size : 1;
  site.accelerators = by_gpu ? 1 : size;
  site.nics = site.hosts;
  site.host_name = by_gpu && size > 1 ? "gpu" : "node";
  write_site(&site, "single", values, out);
  return TRUE;
}
