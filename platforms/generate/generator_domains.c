/* hgx, nvl72 and single: sites of NVLink domains, which differ in their options' names and defaults. */
#include "platforms/generate/generator_kinds.h"
#include "platforms/generate/generator_options.h"

/* Options of hgx and nvl72. */
enum {
  DEVICE,
  DOMAINS,
  SIZE,
  HOSTS,
  NICS,
  NIC_BANDWIDTH,
  OVERSUBSCRIPTION,
  POD,
  GROUP,
  STORAGE,
  KV_STORE,
  OVERHEAD,
  SITE_POWER = OVERHEAD + 3,
  PLANES = SITE_POWER + 2
};

#define NONE "none"
#define STORAGE_HELP                                                                                         \
  "a storage system on the fabric, by its bandwidth, such as 100GB/s; its power is not counted"

#define KV_STORE_HELP                                                                                        \
  "prefixes that the storage system can hold for engines, such as 20TB (kv-offload, store)"

#define NODE_OPTIONS(X, usual)                                                                               \
  X(DEVICE, "device", usual, DEVICE_HELP)                                                                    \
  X(DOMAINS, "nodes", "4", "number of nodes")                                                                \
  X(SIZE, "gpus-per-node", "8", "accelerators of a node, all on its NVLink")                                 \
  X(HOSTS, "hosts", "node", "what a host stands for: node, or gpu (slower to simulate)")                     \
  X(NICS, "nics", ONE_EACH, "NICs of a node; one-each: as many as accelerators")                             \
  X(NIC_BANDWIDTH, "nic-bandwidth", OWN, NIC_BANDWIDTH_HELP)                                                 \
  X(OVERSUBSCRIPTION, "oversubscription", "1", "NIC bandwidth under a leaf over its bandwidth to the spine") \
  X(POD, "nodes-per-leaf", "32", "nodes on one set of leaf switches (a scalable unit)")                      \
  X(GROUP, "nodes-per-rack", "4", "nodes of a rack, for reports and power")                                  \
  X(STORAGE, "storage", NONE, STORAGE_HELP)                                                                  \
  X(KV_STORE, "kv-store", NONE, KV_STORE_HELP)                                                               \
  POWER_OPTIONS(X, OVERHEAD)                                                                                 \
  SITE_POWER_OPTIONS(X, SITE_POWER)                                                                          \
  PLANE_OPTIONS(X, PLANES)

#define RACK_OPTIONS(X, usual)                                                                               \
  X(DEVICE, "device", usual, DEVICE_HELP)                                                                    \
  X(DOMAINS, "racks", "1", "number of racks, each one NVLink domain")                                        \
  X(SIZE, "domain-size", "72", "accelerators of a rack: 36, 72, 144 and so on")                              \
  X(HOSTS, "hosts", "tray",                                                                                  \
    "what a host stands for: tray (of four accelerators), or gpu (slower to simulate)")                      \
  X(NICS, "nics", ONE_EACH, "NICs of a tray of four accelerators; one-each: as many as accelerators")        \
  X(NIC_BANDWIDTH, "nic-bandwidth", OWN, NIC_BANDWIDTH_HELP)                                                 \
  X(OVERSUBSCRIPTION, "oversubscription", "1", "NIC bandwidth under a leaf over its bandwidth to the spine") \
  X(POD, "racks-per-leaf", "1", "racks on one set of leaf switches")                                         \
  X(GROUP, "racks-per-row", "8", "racks of a row, for reports")                                              \
  X(STORAGE, "storage", NONE, STORAGE_HELP)                                                                  \
  X(KV_STORE, "kv-store", NONE, KV_STORE_HELP)                                                               \
  POWER_OPTIONS(X, OVERHEAD)                                                                                 \
  SITE_POWER_OPTIONS(X, SITE_POWER)                                                                          \
  PLANE_OPTIONS(X, PLANES)

enum { SINGLE_DEVICE, SINGLE_SIZE, SINGLE_HOSTS, SINGLE_OVERHEAD };
#define SINGLE_OPTIONS(X)                                                                                    \
  X(SINGLE_DEVICE, "device", "h100-sxm", DEVICE_HELP)                                                        \
  X(SINGLE_SIZE, "accelerators", "8", "accelerators of the node")                                            \
  X(SINGLE_HOSTS, "hosts", "node", "what a host stands for: node, or gpu (slower to simulate)")              \
  POWER_OPTIONS(X, SINGLE_OVERHEAD)

/* clang-format off */
const GOptionEntry tw_hgx_options[] = {NODE_OPTIONS(TW_PLATFORM_GENERATOR_ENTRY, "h100-sxm") TW_PLATFORM_GENERATOR_LAST_ENTRY};
const GOptionEntry tw_mi3xx_options[] = {NODE_OPTIONS(TW_PLATFORM_GENERATOR_ENTRY, "mi355x") TW_PLATFORM_GENERATOR_LAST_ENTRY};
const GOptionEntry tw_nvl72_options[] = {RACK_OPTIONS(TW_PLATFORM_GENERATOR_ENTRY, "gb200") TW_PLATFORM_GENERATOR_LAST_ENTRY};
const GOptionEntry tw_vera_rubin_options[] = {RACK_OPTIONS(TW_PLATFORM_GENERATOR_ENTRY, "vr200") TW_PLATFORM_GENERATOR_LAST_ENTRY};
const GOptionEntry tw_single_options[] = {SINGLE_OPTIONS(TW_PLATFORM_GENERATOR_ENTRY) TW_PLATFORM_GENERATOR_LAST_ENTRY};
const char *const tw_hgx_fallbacks[] = {NODE_OPTIONS(TW_PLATFORM_GENERATOR_FALLBACK, "h100-sxm") NULL};
const char *const tw_mi3xx_fallbacks[] = {NODE_OPTIONS(TW_PLATFORM_GENERATOR_FALLBACK, "mi355x") NULL};
const char *const tw_nvl72_fallbacks[] = {RACK_OPTIONS(TW_PLATFORM_GENERATOR_FALLBACK, "gb200") NULL};
const char *const tw_vera_rubin_fallbacks[] = {RACK_OPTIONS(TW_PLATFORM_GENERATOR_FALLBACK, "vr200") NULL};
const char *const tw_single_fallbacks[] = {SINGLE_OPTIONS(TW_PLATFORM_GENERATOR_FALLBACK) NULL};
/* clang-format on */

/* Whether a host is the `group` ("node" or "tray") or one accelerator. */
static gboolean read_hosts(tw_option option, const char *group, gboolean *by_gpu, GError **error)
{
  *by_gpu = g_str_equal(option.text, "gpu");
  if (*by_gpu || g_str_equal(option.text, group))
    return TRUE;
  return tw_input_error_set(error, TW_INPUT_ERROR_VALUE, NULL, 0, "--%s: \"%s\" is unknown; write %s or gpu",
                            option.name, option.text, group);
}

/* Reads the options that hgx and nvl72 share. `group` accelerators make a tray or node, and --nics counts
 * theirs. */
static gboolean read_site(const GOptionEntry *options, const char *const *values, int size, int group,
                          gboolean by_gpu, tw_generated_site *site, GError **error)
{
  int nics = group;
  gboolean one_each = g_str_equal(values[NICS], ONE_EACH);
  const char *const *fallbacks = options == tw_hgx_options ? tw_hgx_fallbacks : tw_nvl72_fallbacks;
  site->device_name = values[DEVICE];
  site->nic_bytes_per_s = site->device->scale_out_bytes_per_s;
  site->oversubscription = 1;
  site->role = TW_ROLE_NVLINK_DOMAIN;
  if (!tw_option_count(tw_option_get(options, values, DOMAINS), 100000, &site->domains, error) ||
      (!one_each && !tw_option_count(tw_option_get(options, values, NICS), 1000, &nics, error)) ||
      !tw_option_quantity(tw_option_get(options, values, NIC_BANDWIDTH), OWN, TW_BANDWIDTH, 1,
                          &site->nic_bytes_per_s, error) ||
      !tw_option_ratio(tw_option_get(options, values, OVERSUBSCRIPTION), "", &site->oversubscription,
                       error) ||
      !tw_option_count(tw_option_get(options, values, POD), 100000, &site->pod, error) ||
      !tw_option_quantity(tw_option_get(options, values, STORAGE), NONE, TW_BANDWIDTH, 1,
                          &site->storage_bytes_per_s, error) ||
      !tw_option_quantity(tw_option_get(options, values, KV_STORE), NONE, TW_BYTES, 1, &site->kv_bytes,
                          error) ||
      !tw_option_power(options, values, OVERHEAD, size, site, error) ||
      !tw_option_site_power(options, values, SITE_POWER, DOMAINS, values[DOMAINS] != fallbacks[DOMAINS], size,
                            site, error))
    return FALSE;
  site->hosts = by_gpu ? size : size / group;
  site->accelerators = by_gpu ? 1 : group;
  site->nics = nics * (size / group);
  if (site->kv_bytes > 0 && site->storage_bytes_per_s == 0)
    return tw_input_error_set(error, TW_INPUT_ERROR_VALUE, NULL, 0,
                              "--kv-store: there is no storage system to hold it; write --storage, such as "
                              "--storage=100GB/s");
  if (site->storage_bytes_per_s > 0 && site->domains == 1)
    return tw_input_error_set(error, TW_INPUT_ERROR_VALUE, NULL, 0,
                              "--storage: there is no fabric for it; write --%s of at least 2",
                              options[DOMAINS].long_name);
  return tw_option_check_site(site, options[DOMAINS].long_name, error) &&
         tw_option_planes(options, values, PLANES, site, error);
}

static gboolean write_nodes(FILE *out, const GOptionEntry *options, const char *kind,
                            const char *const *values, GError **error)
{
  g_autoptr(tw_device) device = tw_option_device(values[DEVICE], error);
  tw_generated_site site = {.device = device, .domain_name = kind, .racks_per_row = 8};
  int size = 0;
  gboolean by_gpu = FALSE;
  if (device == NULL || !tw_option_count(tw_option_get(options, values, SIZE), 1000, &size, error) ||
      !read_hosts(tw_option_get(options, values, HOSTS), "node", &by_gpu, error) ||
      !read_site(options, values, size, size, by_gpu, &site, error) ||
      !tw_option_count(tw_option_get(options, values, GROUP), 100000, &site.domains_per_rack, error))
    return FALSE;
  if (by_gpu && device->scale_up_peers > 0)
    return tw_input_error_set(
        error, TW_INPUT_ERROR_VALUE, NULL, 0,
        "--hosts: accelerators of %s have links of their own to each other, which a switch of hosts "
        "would sum; write node",
        device->label);
  site.host_name = by_gpu ? "gpu" : "node";
  tw_option_write_site(&site, kind, values, out);
  return TRUE;
}

gboolean tw_hgx_write(FILE *out, const char *const *values, GError **error)
{
  return write_nodes(out, tw_hgx_options, "hgx", values, error);
}

gboolean tw_mi3xx_write(FILE *out, const char *const *values, GError **error)
{
  return write_nodes(out, tw_mi3xx_options, "mi3xx", values, error);
}

static gboolean write_racks(FILE *out, const GOptionEntry *options, const char *kind,
                            const char *const *values, GError **error)
{
  g_autoptr(tw_device) device = tw_option_device(values[DEVICE], error);
  tw_generated_site site = {.device = device, .domain_name = "rack", .domains_per_rack = 1};
  int size = 0;
  gboolean by_gpu = FALSE;
  if (device == NULL || !tw_option_count(tw_option_get(options, values, SIZE), 10000, &size, error) ||
      !read_hosts(tw_option_get(options, values, HOSTS), "tray", &by_gpu, error))
    return FALSE;
  if (size % TRAY != 0)
    return tw_input_error_set(error, TW_INPUT_ERROR_VALUE, NULL, 0,
                              "--domain-size: %d accelerators are no whole trays of %d; write a multiple",
                              size, TRAY);
  if (!read_site(options, values, size, TRAY, by_gpu, &site, error) ||
      !tw_option_count(tw_option_get(options, values, GROUP), 100000, &site.racks_per_row, error))
    return FALSE;
  site.host_name = by_gpu ? "gpu" : "tray";
  tw_option_write_site(&site, kind, values, out);
  return TRUE;
}

gboolean tw_nvl72_write(FILE *out, const char *const *values, GError **error)
{
  return write_racks(out, tw_nvl72_options, "nvl72", values, error);
}

gboolean tw_vera_rubin_write(FILE *out, const char *const *values, GError **error)
{
  return write_racks(out, tw_vera_rubin_options, "vera-rubin", values, error);
}

gboolean tw_single_write(FILE *out, const char *const *values, GError **error)
{
  const GOptionEntry *options = tw_single_options;
  g_autoptr(tw_device) device = tw_option_device(values[SINGLE_DEVICE], error);
  tw_generated_site site = {.device = device,
                            .device_name = values[SINGLE_DEVICE],
                            .domain_name = "domain",
                            .role = TW_ROLE_NODE,
                            .domains = 1,
                            .pod = 1,
                            .domains_per_rack = 1,
                            .racks_per_row = 1};
  int size = 0;
  gboolean by_gpu = FALSE;
  if (device == NULL || !tw_option_count(tw_option_get(options, values, SINGLE_SIZE), 1000, &size, error) ||
      !read_hosts(tw_option_get(options, values, SINGLE_HOSTS), "node", &by_gpu, error) ||
      !tw_option_power(options, values, SINGLE_OVERHEAD, size, &site, error))
    return FALSE;
  site.hosts = by_gpu ? size : 1;
  site.accelerators = by_gpu ? 1 : size;
  site.nics = site.hosts;
  site.host_name = by_gpu && size > 1 ? "gpu" : "node";
  tw_option_write_site(&site, "single", values, out);
  return TRUE;
}
