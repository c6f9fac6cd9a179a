/* The tables of SimGrid's platform format 4.1, as far as we read it, and what its own parser is strict about.
 */
#include "platforms/input/text_file.h"
#include "platforms/reader/platform_reader.h"

#include <math.h>

const char *const tw_routing_names[] = {"None",          "Full",    "Floyd", "Dijkstra",
                                        "DijkstraCache", "Cluster", NULL};
static const char *const policies[] = {"SPLITDUPLEX", "SHARED", "FATPIPE", NULL};
static const char *const cluster_policies[] = {"SPLITDUPLEX", "SHARED", "FATPIPE", "FULLDUPLEX", NULL};
static const char *const backbone_policies[] = {"SHARED", "FATPIPE", NULL};
static const char *const topologies[] = {"FLAT", "TORUS", "FAT_TREE", "DRAGONFLY", NULL};
static const char *const symmetries[] = {"YES", "NO", "yes", "no", NULL};
static const char *const directions[] = {"NONE", "UP", "DOWN", NULL};

#define STRING(attribute, field, text)                                                                       \
  {                                                                                                          \
    attribute, TW_ATTR_STRING, .offset = offsetof(tw_xml_attributes, field), .help = text                    \
  }
#define OPTIONAL(attribute, field, text)                                                                     \
  {                                                                                                          \
    attribute, TW_ATTR_STRING, .fallback = TW_ABSENT, .offset = offsetof(tw_xml_attributes, field),          \
                               .help = text                                                                  \
  }
#define MAY_BE_EMPTY(attribute, field, text)                                                                 \
  {                                                                                                          \
    attribute, TW_ATTR_STRING, .empty = TRUE, .offset = offsetof(tw_xml_attributes, field), .help = text     \
  }
#define CHOICE(attribute, words, otherwise, field, text)                                                     \
  {                                                                                                          \
    attribute, TW_ATTR_CHOICE, .fallback = otherwise, .choices = words,                                      \
                               .offset = offsetof(tw_xml_attributes, field), .help = text                    \
  }
#define CORES                                                                                                \
  {                                                                                                          \
    "core", TW_ATTR_INT, .fallback = "1", .min = 1, .max = 1e6, .offset = offsetof(tw_xml_attributes, core), \
                         .help = "cores of the CPU"                                                          \
  }

static const tw_attribute prop_attributes[] = {
    STRING("id", id, "name of the property"), MAY_BE_EMPTY("value", value, "its value"), {0}};
const tw_element tw_xml_prop = {"prop", "property; ours begin with tw:", prop_attributes, NULL, NULL};
static const tw_child props[] = {{&tw_xml_prop, 0, 0}, {NULL, 0, 0}};

static const tw_attribute host_attributes[] = {
    STRING("id", id, "name of the host"),
    STRING("speed", speed, "such as 1Gf; more than one for p-states"),
    CORES,
    {"pstate", TW_ATTR_INT, .fallback = "0", .min = 0, .max = 1000,
     .offset = offsetof(tw_xml_attributes, pstate), .help = "initial p-state"},
    OPTIONAL("state_file", state_file, "profile by which it stops and works again"),
    OPTIONAL("speed_file", speed_file, "profile of the part of their speed that its accelerators have"),
    {0}};
const tw_element tw_xml_host = {"host", "computer", host_attributes, props, NULL};

static const tw_attribute router_attributes[] = {STRING("id", id, "name of the router"), {0}};
const tw_element tw_xml_router = {"router", "end of routes that is no host", router_attributes, NULL, NULL};

static const tw_attribute link_attributes[] = {
    STRING("id", id, "name of the link"),
    STRING("bandwidth", bw, "such as 50GBps"),
    STRING("latency", lat, "such as 1us"),
    CHOICE("sharing_policy", policies, "SHARED", policy, "how flows share"),
    OPTIONAL("bandwidth_file", bandwidth_file, "profile by which SimGrid changes the bandwidth"),
    OPTIONAL("state_file", state_file, "profile by which it stops and works again"),
    {0}};
const tw_element tw_xml_link = {"link", "wire, or several seen as one", link_attributes, props, NULL};

static const tw_attribute backbone_attributes[] = {STRING("id", id, "name of the link"),
                                                   STRING("bandwidth", bw, "such as 50GBps"),
                                                   STRING("latency", lat, "such as 1us"),
                                                   {0}};
const tw_element tw_xml_backbone = {"backbone", "link in the middle of a star", backbone_attributes, NULL,
                                    NULL};

static const tw_attribute host_link_attributes[] = {STRING("id", id, "name of the host"),
                                                    STRING("up", up, "link away from it"),
                                                    STRING("down", down, "link towards it"),
                                                    {0}};
const tw_element tw_xml_host_link = {"host_link", "arm of a star", host_link_attributes, NULL, NULL};

static const tw_attribute link_ctn_attributes[] = {
    STRING("id", id, "name of the link"),
    CHOICE("direction", directions, "NONE", direction, "way through a SPLITDUPLEX link"),
    {0}};
const tw_element tw_xml_link_ctn = {"link_ctn", "link of a route", link_ctn_attributes, NULL, NULL};
static const tw_child hops[] = {{&tw_xml_link_ctn, 1, 0}, {NULL, 0, 0}};

#define SYMMETRICAL CHOICE("symmetrical", symmetries, "YES", symmetrical, "whether it counts both ways")
static const tw_attribute route_attributes[] = {
    STRING("src", src, "host or router"), STRING("dst", dst, "host or router"), SYMMETRICAL, {0}};
const tw_element tw_xml_route = {"route", "links between two nodes of a zone", route_attributes, hops, NULL};
static const tw_attribute zone_route_attributes[] = {STRING("src", src, "nested zone"),
                                                     STRING("dst", dst, "nested zone"),
                                                     STRING("gw_src", gw_src, "host or router of src"),
                                                     STRING("gw_dst", gw_dst, "host or router of dst"),
                                                     SYMMETRICAL,
                                                     {0}};
const tw_element tw_xml_zone_route = {"zoneRoute", "links between two nested zones", zone_route_attributes,
                                      hops, NULL};

static const tw_attribute cluster_attributes[] = {
    STRING("id", id, "name of the cluster"),
    MAY_BE_EMPTY("prefix", prefix, "beginning of host names"),
    MAY_BE_EMPTY("suffix", suffix, "end of host names"),
    STRING("radical", radical, "numbers, such as 0-7"),
    STRING("speed", speed, "of each host"),
    CORES,
    STRING("bw", bw, "bandwidth of each link"),
    STRING("lat", lat, "latency of each link"),
    CHOICE("sharing_policy", cluster_policies, "SPLITDUPLEX", policy, "how flows share"),
    OPTIONAL("bb_bw", bb_bw, "bandwidth of the backbone"),
    OPTIONAL("bb_lat", bb_lat, "latency of the backbone"),
    CHOICE("bb_sharing_policy", backbone_policies, "SHARED", bb_policy, "of the backbone"),
    OPTIONAL("loopback_bw", loopback_bw, "bandwidth inside a host"),
    OPTIONAL("loopback_lat", loopback_lat, "latency inside a host"),
    OPTIONAL("limiter_link", limiter, "bandwidth that caps each host"),
    OPTIONAL("router_id", router_id, "name of the router"),
    CHOICE("topology", topologies, "FLAT", topology, "shape of the network"),
    OPTIONAL("topo_parameters", topo_parameters, "of the shape"),
    {0}};
const tw_element tw_xml_cluster = {"cluster", "hosts that are all alike", cluster_attributes, props, NULL};

static const tw_attribute zone_attributes[] = {
    STRING("id", id, "name of the zone"),
    CHOICE("routing", tw_routing_names, NULL, routing, "how routes are found"),
    {0}};
static const tw_child zone_children[] = {{&tw_xml_prop, 0, 0},
                                         {&tw_xml_zone, 0, 0},
                                         {&tw_xml_cluster, 0, 0},
                                         {&tw_xml_host, 0, 0},
                                         {&tw_xml_router, 0, 0},
                                         {&tw_xml_link, 0, 0},
                                         {&tw_xml_backbone, 0, 0},
                                         {&tw_xml_host_link, 0, 0},
                                         {&tw_xml_route, 0, 0},
                                         {&tw_xml_zone_route, 0, 0},
                                         {NULL, 0, 0}};
const tw_element tw_xml_zone = {"zone", "part of a site", zone_attributes, zone_children, NULL};

static const tw_attribute platform_attributes[] = {STRING("version", version, "4.1"), {0}};
static const tw_child platform_children[] = {{&tw_xml_zone, 0, 1}, {&tw_xml_cluster, 0, 1}, {NULL, 0, 0}};
const tw_element tw_xml_platform = {"platform", "file that SimGrid loads", platform_attributes,
                                    platform_children, NULL};

/* SimGrid's grammar of a zone: properties; then nested zones with links, then routes between zones; or hosts,
 * routers and links, then routes. */
static void check_order(const xmlNode *zone, tw_faults *faults)
{
  static const char *const outer[] = {"zone", "cluster", "link", "backbone", NULL};
  static const char *const inner[] = {"host", "router", "link", "backbone", "host_link", NULL};
  const xmlNode *first = tw_node_child(zone, NULL);
  while (first != NULL && g_str_equal(first->name, "prop"))
    first = tw_node_next(first, NULL);
  if (first == NULL)
    return;
  gboolean nests = g_str_equal(first->name, "zone") || g_str_equal(first->name, "cluster");
  const char *const *parts = nests ? outer : inner;
  const char *route = nests ? "zoneRoute" : "route";
  gboolean routes = FALSE;
  for (const xmlNode *node = first; node != NULL; node = tw_node_next(node, NULL)) {
    const char *name = (const char *)node->name;
    gboolean other_route = g_str_equal(name, nests ? "route" : "zoneRoute");
    if (g_str_equal(name, route))
      routes = TRUE;
    else if (g_str_equal(name, "prop"))
      tw_node_fault(node, faults, "<prop> stands too late; properties come first in a zone");
    else if (nests && (g_strv_contains(inner, name) || other_route) && !g_strv_contains(outer, name))
      tw_node_fault(node, faults, "<%s> cannot stand beside nested zones; put it into a zone of its own",
                    name);
    else if (!nests && (g_str_equal(name, "zone") || g_str_equal(name, "cluster")))
      tw_node_fault(node, faults, "<%s> cannot follow <%s>; nested zones come first and hold the hosts", name,
                    first->name);
    else if (!nests && other_route)
      tw_node_fault(node, faults, "<%s> needs nested zones in this zone; between hosts write <route>", name);
    else if (routes && g_strv_contains(parts, name))
      tw_node_fault(node, faults, "<%s> stands too late; routes come last in a zone", name);
  }
}

static void check_orders(const xmlNode *node, tw_faults *faults)
{
  for (const xmlNode *zone = tw_node_child(node, "zone"); zone != NULL; zone = tw_node_next(zone, "zone")) {
    check_order(zone, faults);
    check_orders(zone, faults);
  }
}

/* SimGrid's parser knows few forms of what comes before <platform>. */
static void check_prolog(const char *path, tw_faults *faults)
{
  static const char pattern[] =
      "\\A\\s*(<\\?xml\\s+version\\s*=\\s*(\"[^\"]*\"|'[^']*')(\\s+encoding\\s*=\\s*(\"[^\"]*\"|'[^']*'))?\\?"
      ">)?"
      "(\\s|<!--.*?-->)*<!DOCTYPE\\s+platform\\s+SYSTEM\\s+"
      "([\"'])(https://simgrid\\.org/simgrid\\.dtd|http://simgrid\\.gforge\\.inria\\.fr/simgrid/"
      "simgrid\\.dtd)\\6\\s*>";
  gsize length = 0;
  g_autofree char *text = tw_text_file_read(path, G_MAXUINT, &length, NULL);
  if (text == NULL)
    return; /* it was read a moment ago; whoever reads it next will say so */
  g_autoptr(GRegex) regex = g_regex_new(pattern, G_REGEX_DOTALL, 0, NULL);
  if (!g_regex_match(regex, text, 0, NULL))
    tw_faults_add(faults, path, 1,
                  "SimGrid refuses the beginning of this file; write <?xml version=\"1.0\"?> and "
                  "<!DOCTYPE platform SYSTEM \"https://simgrid.org/simgrid.dtd\">");
  const char *cdata = strstr(text, "<![CDATA[");
  if (cdata != NULL) {
    long line = 1;
    for (const char *at = text; at < cdata; at++)
      line += *at == '\n';
    tw_faults_add(faults, path, line, "SimGrid refuses CDATA sections; remove it");
  }
}

void tw_reader_check_document(tw_document *document, const char *path, GPtrArray *notes, tw_faults *faults)
{
  const xmlNode *root = tw_document_root(document);
  check_prolog(path, faults);
  if (tw_document_files(document)[1] != NULL) {
    tw_faults_add(faults, path, 0, "SimGrid cannot include files; write the platform into one");
    return;
  }
  tw_reader_check_profiles(root, faults);
  tw_reader_translate((xmlNode *)root, notes, faults);
  if (tw_schema_check(root, &tw_xml_platform, faults)) {
    tw_xml_attributes platform = {0};
    tw_schema_read(root, &tw_xml_platform, &platform);
    if (!g_str_equal(platform.version, "4.1") && !g_str_equal(platform.version, "4"))
      tw_node_fault(root, faults, "version of <platform>: \"%s\" is not 4.1; write version=\"4.1\"",
                    platform.version);
    tw_schema_clear(&tw_xml_platform, &platform);
    const xmlNode *zone = tw_node_child(root, NULL);
    if (zone == NULL || tw_node_next(zone, NULL) != NULL)
      tw_node_fault(root, faults, "<platform> needs exactly one outermost <zone> or <cluster>");
  }
  check_orders(root, faults);
}

/* A unit of SimGrid and its worth in ours. */
typedef struct unit {
  const char *text;
  double factor;
} unit;

static const unit speed_units[] = {{"f", 1},     {"flops", 1}, {"kf", 1e3},  {"Mf", 1e6}, {"Gf", 1e9},
                                   {"Tf", 1e12}, {"Pf", 1e15}, {"Ef", 1e18}, {NULL, 0}};
static const unit bandwidth_prefixes[] = {
    {"", 1},     {"k", 1e3},     {"M", 1e6},        {"G", 1e9},           {"T", 1e12},
    {"P", 1e15}, {"Ki", 1024.0}, {"Mi", 1048576.0}, {"Gi", 1073741824.0}, {"Ti", 1099511627776.0},
    {NULL, 0}};
static const unit time_units[] = {{"ps", 1e-12}, {"ns", 1e-9}, {"us", 1e-6}, {"ms", 1e-3},  {"s", 1},
                                  {"m", 60},     {"h", 3600},  {"d", 86400}, {"w", 604800}, {NULL, 0}};

/* Splits "1.5Gf" into its number and its unit, the letters at the end. */
static gboolean split(const char *text, double *number, const char **unit_text)
{
  size_t length = strlen(text);
  while (length > 0 && g_ascii_isalpha(text[length - 1]))
    length--;
  *unit_text = text + length;
  g_autofree char *digits = g_strndup(text, length);
  return tw_number_parse(digits, number);
}

/* `alone`: the unit of a number without; zero needs none. */
static double read_quantity(const xmlNode *node, const char *what, const char *text, const unit *units,
                            const char *alone, const char *help, GPtrArray *notes, tw_faults *faults)
{
  double number = NAN;
  const char *word = NULL;
  if (!split(text, &number, &word)) {
    tw_node_fault(node, faults, "%s of <%s>: \"%s\" is not a number with a unit; write %s", what, node->name,
                  text, help);
    return NAN;
  }
  for (const unit *u = units; u->text != NULL; u++)
    if (g_str_equal(u->text, word))
      return number * u->factor;
  if (*word != '\0') {
    tw_node_fault(node, faults, "%s of <%s>: SimGrid does not know the unit of \"%s\"; write %s", what,
                  node->name, text, help);
    return NAN;
  }
  if (number != 0)
    tw_reader_note_unit(notes, node, what, alone);
  return number;
}

static double refuse_range(const xmlNode *node, const char *what, const char *text, const char *right,
                           tw_faults *faults)
{
  tw_node_fault(node, faults, "%s of <%s>: \"%s\" is out of range; write %s", what, node->name, text, right);
  return NAN;
}

double tw_reader_speed(const xmlNode *node, const char *what, const char *text, gboolean positive,
                       GPtrArray *notes, tw_faults *faults)
{
  double value = read_quantity(node, what, text, speed_units, "f", "a speed, such as 1Gf", notes, faults);
  if (value < 0 || (positive && value == 0) || isinf(value))
    return refuse_range(node, what, text, "a speed above zero", faults);
  return value;
}

double tw_reader_bandwidth(const xmlNode *node, const char *what, const char *text, GPtrArray *notes,
                           tw_faults *faults)
{
  unit units[2 * G_N_ELEMENTS(bandwidth_prefixes)] = {{NULL, 0}};
  char words[2 * G_N_ELEMENTS(bandwidth_prefixes)][8];
  int n = 0;
  for (const unit *prefix = bandwidth_prefixes; prefix->text != NULL; prefix++)
    for (int bits = 0; bits < 2; bits++, n++) {
      g_snprintf(words[n], sizeof words[n], "%s%s", prefix->text, bits ? "bps" : "Bps");
      units[n] = (unit){words[n], prefix->factor / (bits ? 8 : 1)};
    }
  double value =
      read_quantity(node, what, text, units, "Bps", "a bandwidth, such as 50GBps or 400Gbps", notes, faults);
  if (value <= 0 || isinf(value))
    return refuse_range(node, what, text, "a bandwidth above zero", faults);
  return value;
}

double tw_reader_latency(const xmlNode *node, const char *what, const char *text, GPtrArray *notes,
                         tw_faults *faults)
{
  double value = read_quantity(node, what, text, time_units, "s", "a latency, such as 1us", notes, faults);
  if (value < 0 || value > 1e9)
    return refuse_range(node, what, text, "a latency from zero to 1e9s", faults);
  return value;
}
