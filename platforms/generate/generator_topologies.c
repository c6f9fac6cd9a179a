/* fat-tree, dragonfly and torus: NVLink domains on a fabric whose switches and routes are SimGrid's own. */
#include "platforms/generate/generator_kinds.h"
#include "platforms/generate/generator_options.h"

#include <math.h>

enum { DEVICE, SIZE, HOSTS, NICS, NIC_BANDWIDTH, LINK_BANDWIDTH, GROUP, OVERHEAD, SHAPE = OVERHEAD + 3 };

#define DOMAIN_OPTIONS(X)                                                                                    \
  X(DEVICE, "device", "h100-sxm", DEVICE_HELP)                                                               \
  X(SIZE, "domain-size", "8", "accelerators of an NVLink domain")                                            \
  X(HOSTS, "hosts", "domain",                                                                                \
    "what a host stands for: domain (all of it), tray (of four accelerators), or gpu (slowest to simulate)") \
  X(NICS, "nics", ONE_EACH, "NICs of a domain; one-each: as many as accelerators")                           \
  X(NIC_BANDWIDTH, "nic-bandwidth", OWN, NIC_BANDWIDTH_HELP)                                                 \
  X(LINK_BANDWIDTH, "link-bandwidth", OWN,                                                                   \
    "of a link of the fabric; own: that of a domain's NICs together, in a torus shared out to its links")    \
  X(GROUP, "domains-per-rack", "4", "domains of a rack, for reports and power")                              \
  POWER_OPTIONS(X, OVERHEAD)

enum { LEVELS = SHAPE, DOMAINS, PER_LEAF, LEAVES, OVERSUBSCRIPTION };
#define FAT_TREE_OPTIONS(X)                                                                                  \
  DOMAIN_OPTIONS(X)                                                                                          \
  X(LEVELS, "levels", "2", "levels of switches: 2 (leaf, spine), or 3 (leaf, aggregation, core)")            \
  X(DOMAINS, "domains", "16", "number of NVLink domains")                                                    \
  X(PER_LEAF, "domains-per-leaf", "8", "domains on one leaf switch")                                         \
  X(LEAVES, "leaves-per-pod", "4", "leaf switches of a pod, with 3 levels")                                  \
  X(OVERSUBSCRIPTION, "oversubscription", "1", "links of a leaf to its domains over those to its spines")

enum { GROUPS = SHAPE, CHASSIS, ROUTERS, PER_ROUTER, GLOBAL_LINKS, CHASSIS_LINKS, ROUTER_LINKS };
#define DRAGONFLY_OPTIONS(X)                                                                                 \
  DOMAIN_OPTIONS(X)                                                                                          \
  X(GROUPS, "groups", "4", "groups, at most as many as routers of a chassis")                                \
  X(CHASSIS, "chassis", "2", "chassis of a group")                                                           \
  X(ROUTERS, "routers", "4", "routers of a chassis")                                                         \
  X(PER_ROUTER, "domains-per-router", "1", "NVLink domains on one router")                                   \
  X(GLOBAL_LINKS, "global-links", "2", "links from a group to each other one, seen as one")                  \
  X(CHASSIS_LINKS, "chassis-links", "1", "links between two chassis of a group at each place")               \
  X(ROUTER_LINKS, "router-links", "1", "links between two routers of a chassis")

enum { DIMENSIONS = SHAPE };
#define TORUS_OPTIONS(X)                                                                                     \
  DOMAIN_OPTIONS(X)                                                                                          \
  X(DIMENSIONS, "dimensions", "4x4", "NVLink domains along each of two or three dimensions, such as 4x4x4")

/* clang-format off */
const GOptionEntry tw_fat_tree_options[] = {FAT_TREE_OPTIONS(TW_PLATFORM_GENERATOR_ENTRY) TW_PLATFORM_GENERATOR_LAST_ENTRY};
const GOptionEntry tw_dragonfly_options[] = {DRAGONFLY_OPTIONS(TW_PLATFORM_GENERATOR_ENTRY) TW_PLATFORM_GENERATOR_LAST_ENTRY};
const GOptionEntry tw_torus_options[] = {TORUS_OPTIONS(TW_PLATFORM_GENERATOR_ENTRY) TW_PLATFORM_GENERATOR_LAST_ENTRY};
const char *const tw_fat_tree_fallbacks[] = {FAT_TREE_OPTIONS(TW_PLATFORM_GENERATOR_FALLBACK) NULL};
const char *const tw_dragonfly_fallbacks[] = {DRAGONFLY_OPTIONS(TW_PLATFORM_GENERATOR_FALLBACK) NULL};
const char *const tw_torus_fallbacks[] = {TORUS_OPTIONS(TW_PLATFORM_GENERATOR_FALLBACK) NULL};
/* clang-format on */

enum { MAX_DOMAINS = 100000 };

/* Reads what a host stands for: its share of a domain of `size` accelerators, and its name. */
static gboolean read_hosts(tw_option option, int size, tw_generated_site *site, GError **error)
{
  if (g_str_equal(option.text, "domain"))
    site->accelerators = size;
  else if (g_str_equal(option.text, "tray"))
    site->accelerators = TRAY;
  else if (g_str_equal(option.text, "gpu"))
    site->accelerators = 1;
  else
    return tw_input_error_set(error, TW_INPUT_ERROR_VALUE, NULL, 0,
                              "--%s: \"%s\" is unknown; write domain, tray or gpu", option.name, option.text);
  if (size % site->accelerators != 0)
    return tw_input_error_set(error, TW_INPUT_ERROR_VALUE, NULL, 0,
                              "--domain-size: %d accelerators are no whole trays of %d; write a multiple",
                              size, TRAY);
  site->hosts = size / site->accelerators;
  site->host_name = site->hosts == 1 ? "node" : site->accelerators == 1 ? "gpu" : "tray";
  return TRUE;
}

/* The DOMAIN_OPTIONS; the shape of the fabric is known by now. A domain has `links` of them. */
static gboolean read_site(const GOptionEntry *options, const char *const *values, int count_place, int links,
                          tw_generated_site *site, tw_fabric *fabric, GError **error)
{
  int size = 0;
  site->device_name = values[DEVICE];
  site->domain_name = "domain";
  site->role = TW_ROLE_NVLINK_DOMAIN;
  site->pod = 1;
  site->racks_per_row = 8;
  site->nic_bytes_per_s = site->device->scale_out_bytes_per_s;
  site->fabric = fabric;
  if (!tw_option_count(tw_option_get(options, values, SIZE), 10000, &size, error))
    return FALSE;
  site->nics = size;
  if (!read_hosts(tw_option_get(options, values, HOSTS), size, site, error) ||
      (!g_str_equal(values[NICS], ONE_EACH) &&
       !tw_option_count(tw_option_get(options, values, NICS), 10000, &site->nics, error)) ||
      !tw_option_quantity(tw_option_get(options, values, NIC_BANDWIDTH), OWN, TW_BANDWIDTH, 1,
                          &site->nic_bytes_per_s, error) ||
      !tw_option_count(tw_option_get(options, values, GROUP), MAX_DOMAINS, &site->domains_per_rack, error) ||
      !tw_option_power(options, values, OVERHEAD, size, site, error) ||
      !tw_option_check_site(site, options[count_place].long_name, error))
    return FALSE;
  fabric->bytes_per_s = site->nic_bytes_per_s * site->nics / links;
  return tw_option_quantity(tw_option_get(options, values, LINK_BANDWIDTH), OWN, TW_BANDWIDTH, 1,
                            &fabric->bytes_per_s, error);
}

/* The number of domains, of which a fabric needs two. */
static gboolean check_domains(gint64 domains, const char *option, const char *text, GError **error)
{
  if (domains >= 2 && domains <= MAX_DOMAINS)
    return TRUE;
  return tw_input_error_set(error, TW_INPUT_ERROR_VALUE, NULL, 0,
                            "--%s: \"%s\" makes %" G_GINT64_FORMAT " domains; a fabric has 2 to %d", option,
                            text, domains, MAX_DOMAINS);
}

/* SimGrid's parameters: levels; children, parents and parallel links of each level, from the leaves up. */
static char *tree_parameters(int levels, int per_leaf, int leaves, int leaves_per_pod, int spines)
{
  if (levels == 2)
    return g_strdup_printf("2;%d,%d;1,%d;1,1", per_leaf, leaves, spines);
  int pods = (leaves + leaves_per_pod - 1) / leaves_per_pod;
  return g_strdup_printf("3;%d,%d,%d;1,%d,%d;1,1,1", per_leaf, leaves_per_pod, pods, spines, leaves_per_pod);
}

gboolean tw_fat_tree_write(FILE *out, const char *const *values, GError **error)
{
  const GOptionEntry *options = tw_fat_tree_options;
  g_autoptr(tw_device) device = tw_option_device(values[DEVICE], error);
  tw_generated_site site = {.device = device};
  int levels = 0, per_leaf = 0, leaves_per_pod = 0, ratio = 0;
  if (device == NULL || !tw_option_count(tw_option_get(options, values, LEVELS), 3, &levels, error) ||
      !tw_option_count(tw_option_get(options, values, DOMAINS), MAX_DOMAINS, &site.domains, error) ||
      !check_domains(site.domains, "domains", values[DOMAINS], error) ||
      !tw_option_count(tw_option_get(options, values, PER_LEAF), 1000, &per_leaf, error) ||
      !tw_option_count(tw_option_get(options, values, LEAVES), 1000, &leaves_per_pod, error) ||
      !tw_option_count(tw_option_get(options, values, OVERSUBSCRIPTION), 1000, &ratio, error))
    return FALSE;
  if (levels == 1)
    return tw_input_error_set(error, TW_INPUT_ERROR_VALUE, NULL, 0,
                              "--levels: \"1\" is no tree; write 2 or 3");
  if (per_leaf % ratio != 0)
    return tw_input_error_set(error, TW_INPUT_ERROR_VALUE, NULL, 0,
                              "--oversubscription: %d does not divide the %d domains of a leaf; write a "
                              "divisor",
                              ratio, per_leaf);
  int leaves = (site.domains + per_leaf - 1) / per_leaf;
  if (levels == 3) /* whole pods */
    leaves = (leaves + leaves_per_pod - 1) / leaves_per_pod * leaves_per_pod;
  g_autofree char *parameters = tree_parameters(levels, per_leaf, leaves, leaves_per_pod, per_leaf / ratio);
  tw_fabric fabric = {.topology = "FAT_TREE", .parameters = parameters, .ports = leaves * per_leaf};
  if (!read_site(options, values, DOMAINS, 1, &site, &fabric, error))
    return FALSE;
  tw_option_write_site(&site, "fat-tree", values, out);
  return TRUE;
}

gboolean tw_dragonfly_write(FILE *out, const char *const *values, GError **error)
{
  const GOptionEntry *options = tw_dragonfly_options;
  g_autoptr(tw_device) device = tw_option_device(values[DEVICE], error);
  tw_generated_site site = {.device = device};
  int shape[ROUTER_LINKS + 1] = {0};
  if (device == NULL)
    return FALSE;
  for (int place = GROUPS; place <= ROUTER_LINKS; place++)
    if (!tw_option_count(tw_option_get(options, values, place), 1000, &shape[place], error))
      return FALSE;
  if (shape[GROUPS] > shape[ROUTERS])
    return tw_input_error_set(error, TW_INPUT_ERROR_VALUE, NULL, 0,
                              "--groups: %d groups need as many routers in a chassis, each to lead to one of "
                              "them; write at most --routers=%d",
                              shape[GROUPS], shape[ROUTERS]);
  gint64 domains = (gint64)shape[GROUPS] * shape[CHASSIS] * shape[ROUTERS];
  if (domains <= MAX_DOMAINS)
    domains *= shape[PER_ROUTER];
  if (!check_domains(domains, "groups", values[GROUPS], error))
    return FALSE;
  site.domains = (int)domains;
  g_autofree char *parameters =
      g_strdup_printf("%d,%d;%d,%d;%d,%d;%d", shape[GROUPS], shape[GLOBAL_LINKS], shape[CHASSIS],
                      shape[CHASSIS_LINKS], shape[ROUTERS], shape[ROUTER_LINKS], shape[PER_ROUTER]);
  tw_fabric fabric = {.topology = "DRAGONFLY", .parameters = parameters, .ports = site.domains};
  if (!read_site(options, values, GROUPS, 1, &site, &fabric, error))
    return FALSE;
  tw_option_write_site(&site, "dragonfly", values, out);
  return TRUE;
}

/* "4x4" or "4x4x4": their number, or 0, and their product. */
static int read_dimensions(const char *text, gint64 *domains)
{
  g_auto(GStrv) words = g_strsplit(text, "x", -1);
  int n = (int)g_strv_length(words);
  *domains = 1;
  for (int i = 0; i < n; i++) {
    gint64 size = 0;
    if (!tw_integer_parse(words[i], &size) || size < 2 || size > 1000)
      return 0;
    *domains *= size;
  }
  return n;
}

gboolean tw_torus_write(FILE *out, const char *const *values, GError **error)
{
  const GOptionEntry *options = tw_torus_options;
  g_autoptr(tw_device) device = tw_option_device(values[DEVICE], error);
  tw_generated_site site = {.device = device};
  gint64 domains = 0;
  if (device == NULL)
    return FALSE;
  int n = read_dimensions(values[DIMENSIONS], &domains);
  if (n < 2 || n > 3)
    return tw_input_error_set(error, TW_INPUT_ERROR_VALUE, NULL, 0,
                              "--dimensions: \"%s\" are not two or three sizes from 2 to 1000; write such as "
                              "4x4x4",
                              values[DIMENSIONS]);
  if (!check_domains(domains, "dimensions", values[DIMENSIONS], error))
    return FALSE;
  site.domains = (int)domains;
  g_autofree char *parameters = g_strdelimit(g_strdup(values[DIMENSIONS]), "x", ',');
  tw_fabric fabric = {.topology = "TORUS", .parameters = parameters, .ports = site.domains};
  if (!read_site(options, values, DIMENSIONS, 2 * n, &site, &fabric, error))
    return FALSE;
  tw_option_write_site(&site, "torus", values, out);
  return TRUE;
}
