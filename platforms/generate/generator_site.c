#include "platforms/generate/generator_site.h"

#include <math.h>

/* Latency of the parts of the scale-out network: 3 us between two NICs on one leaf and 5 us over the spine,
 * the figure of aiconfigurator for InfiniBand between racks. */
static const double nic_latency_s = 1e-6, leaf_latency_s = 0.5e-6, up_latency_s = 1e-6;
/* Latencies over switches, by links: 3 us on one leaf of a fat tree, 5 us over two levels. */
static const double port_latency_s = 0.5e-6, hop_latency_s = 1e-6;

/* Beyond so many domains, the n^3 of Floyd at loading costs more than Dijkstra at each new pair. SimGrid 3.32
 * ends in a segmentation fault where Dijkstra has to cross a zone from one gateway to another, so that each
 * leaf is a zone of its own there, with one router. */
enum { MAX_FLOYD = 500 };

static void put_prop(FILE *out, int indent, const char *id, const char *value)
{
  g_autofree char *escaped = g_markup_escape_text(value, -1);
  fprintf(out, "%*s<prop id=\"%s\" value=\"%s\"/>\n", indent, "", id, escaped);
}

static void put_number(FILE *out, int indent, const char *id, double value)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];
  if (!isnan(value))
    put_prop(out, indent, id, g_ascii_formatd(text, sizeof text, "%.10g", value));
}

/* A link whose flows share it in each direction, or, if `wide`, one that only caps each flow: it stands for
 * more capacity than its users have together. `parts`: of how many equal ones it consists, where these are
 * not one of each accelerator; or 0. */
static void put_link_of(FILE *out, int indent, const char *id, tw_link_kind kind, int parts,
                        double bytes_per_s, double latency_s, gboolean wide, double watts)
{
  char bandwidth[G_ASCII_DTOSTR_BUF_SIZE], latency[G_ASCII_DTOSTR_BUF_SIZE];
  g_ascii_formatd(bandwidth, sizeof bandwidth, "%.10g", bytes_per_s / 1e9);
  g_ascii_formatd(latency, sizeof latency, "%.10g", latency_s * 1e6);
  fprintf(out, "%*s<link id=\"%s\" bandwidth=\"%sGBps\" latency=\"%sus\" sharing_policy=\"%s\">\n", indent,
          "", id, bandwidth, latency, wide ? "FATPIPE" : "SPLITDUPLEX");
  put_prop(out, indent + 2, "tw:kind", tw_link_kind_names[kind]);
  put_number(out, indent + 2, "tw:watts", watts);
  if (parts > 0)
    put_number(out, indent + 2, "tw:parts", parts);
  fprintf(out, "%*s</link>\n", indent, "");
}

static void put_link(FILE *out, int indent, const char *id, tw_link_kind kind, double bytes_per_s,
                     double latency_s, gboolean wide, double watts)
{
  put_link_of(out, indent, id, kind, 0, bytes_per_s, latency_s, wide, watts);
}

static char *host_id(const tw_generated_site *site, int domain, int host)
{
  if (site->hosts == 1)
    return g_strdup_printf("%s-%d", site->host_name, domain);
  return g_strdup_printf("%s-%d-%s-%d", site->domain_name, domain, site->host_name, host);
}

/* The NICs of a domain are shared out: a host has several, or several hosts share one. */
static char *nic_id(const tw_generated_site *site, int domain, int host)
{
  if (site->nics >= site->hosts) {
    g_autofree char *id = host_id(site, domain, host);
    return g_strconcat(id, "-nic", NULL);
  }
  return g_strdup_printf("%s-%d-nic-%d", site->domain_name, domain, host / (site->hosts / site->nics));
}

static void put_host(const tw_generated_site *site, int domain, int host, FILE *out)
{
  char speed[G_ASCII_DTOSTR_BUF_SIZE];
  g_autofree char *id = host_id(site, domain, host);
  g_ascii_formatd(speed, sizeof speed, "%.10g", site->device->flops[TW_BF16] * site->accelerators / 1e12);
  fprintf(out, "      <host id=\"%s\" speed=\"%sTf\">\n", id, speed);
  put_prop(out, 8, "tw:device", site->device_name);
  put_number(out, 8, "tw:accelerators", site->accelerators);
  fputs("      </host>\n", out);
}

static void put_domain_links(const tw_generated_site *site, int domain, FILE *out)
{
  double nvlink = site->device->scale_up_bytes_per_s * site->accelerators;
  /* A hop from host to host crosses two links. */
  double latency_s = site->device->scale_up_latency_s / 2;
  for (int host = 0; host < site->hosts; host++) {
    g_autofree char *id = host_id(site, domain, host);
    g_autofree char *link = g_strconcat(id, "-nvlink", NULL);
    if (site->hosts > 1 || site->accelerators > 1)
      put_link(out, 6, link, TW_LINK_NVLINK, nvlink, latency_s, FALSE, NAN);
  }
  if (site->domains == 1)
    return;
  int links = MIN(site->nics, site->hosts);
  double nic_latency = site->fabric != NULL ? port_latency_s
                       : site->hosts == 1   ? nic_latency_s + leaf_latency_s
                                            : nic_latency_s;
  for (int i = 0; i < links; i++) {
    g_autofree char *id = nic_id(site, domain, i * (site->hosts / links));
    int parts = site->nics / links;
    put_link_of(out, 6, id, TW_LINK_NIC, site->accelerators > 1 && parts != site->accelerators ? parts : 0,
                site->nic_bytes_per_s * site->nics / links, nic_latency, FALSE,
                site->hosts == 1 ? site->network_w : NAN);
  }
  if (site->hosts > 1) {
    g_autofree char *leaf = g_strdup_printf("%s-%d-leaf", site->domain_name, domain);
    put_link(out, 6, leaf, TW_LINK_LEAF, site->nic_bytes_per_s * site->nics,
             site->fabric != NULL ? 0 : leaf_latency_s, TRUE, site->network_w);
  }
}

static void put_domain_routes(const tw_generated_site *site, int domain, FILE *out)
{
  for (int host = 0; host < site->hosts; host++) {
    g_autofree char *id = host_id(site, domain, host), *nic = nic_id(site, domain, host);
    if (site->hosts > 1)
      fprintf(out,
              "      <route src=\"%s\" dst=\"%s-%d-nvswitch\"><link_ctn id=\"%s-nvlink\" "
              "direction=\"UP\"/></route>\n",
              id, site->domain_name, domain, id);
    if (site->hosts > 1 && site->domains > 1)
      fprintf(out,
              "      <route src=\"%s\" dst=\"%s-%d-net\"><link_ctn id=\"%s\" direction=\"UP\"/>"
              "<link_ctn id=\"%s-%d-leaf\"/></route>\n",
              id, site->domain_name, domain, nic, site->domain_name, domain);
    if (site->accelerators > 1) /* between accelerators of one host */
      fprintf(out,
              "      <route src=\"%s\" dst=\"%s\" symmetrical=\"NO\"><link_ctn id=\"%s-nvlink\" "
              "direction=\"UP\"/>"
              "<link_ctn id=\"%s-nvlink\" direction=\"DOWN\"/></route>\n",
              id, id, id, id);
  }
}

static void put_domain(const tw_generated_site *site, int domain, FILE *out)
{
  int rack = domain / site->domains_per_rack;
  g_autofree char *rack_name = g_strdup_printf("rack-%d", rack);
  g_autofree char *row_name = g_strdup_printf("row-%d", rack / site->racks_per_row);
  fprintf(out, "    <zone id=\"%s-%d\" routing=\"%s\">\n", site->domain_name, domain,
          site->hosts > 1 ? "Floyd" : "Full");
  put_prop(out, 6, "tw:role", tw_zone_role_names[site->role]);
  put_prop(out, 6, "tw:rack", rack_name);
  put_prop(out, 6, "tw:row", row_name);
  put_number(out, 6, "tw:overhead_w", site->overhead_w);
  put_number(out, 6, "tw:overhead_idle_w", site->overhead_idle_w);
  for (int host = 0; host < site->hosts; host++)
    put_host(site, domain, host, out);
  if (site->hosts > 1)
    fprintf(out, "      <router id=\"%s-%d-nvswitch\"/>\n", site->domain_name, domain);
  if (site->hosts > 1 && site->domains > 1)
    fprintf(out, "      <router id=\"%s-%d-net\"/>\n", site->domain_name, domain);
  put_domain_links(site, domain, out);
  put_domain_routes(site, domain, out);
  fputs("    </zone>\n", out);
}

static int n_pods(const tw_generated_site *site)
{
  return (site->domains + site->pod - 1) / site->pod;
}

/* Whether switches of leaves and spine are told apart. */
static gboolean has_planes(const tw_generated_site *site)
{
  return site->planes.rails > 0;
}

/* One leaf needs no spine, unless rails meet there. */
static gboolean has_spine(const tw_generated_site *site)
{
  return n_pods(site) > 1 || has_planes(site);
}

/* The bandwidth of a pod's up-link; the last pod may be smaller. */
static double up_bytes_per_s(const tw_generated_site *site, int pod)
{
  int domains = MIN(site->pod, site->domains - pod * site->pod);
  return site->nic_bytes_per_s * site->nics * domains / site->oversubscription;
}

static void put_cluster(const tw_fabric *fabric, FILE *out)
{
  char bandwidth[G_ASCII_DTOSTR_BUF_SIZE], latency[G_ASCII_DTOSTR_BUF_SIZE];
  g_ascii_formatd(bandwidth, sizeof bandwidth, "%.10g", fabric->bytes_per_s / 1e9);
  g_ascii_formatd(latency, sizeof latency, "%.10g", hop_latency_s * 1e6);
  fprintf(
      out,
      "    <cluster id=\"fabric\" prefix=\"port-\" suffix=\"\" radical=\"0-%d\" speed=\"1f\" bw=\"%sGBps\" "
      "lat=\"%sus\" topology=\"%s\" topo_parameters=\"%s\">\n",
      fabric->ports - 1, bandwidth, latency, fabric->topology, fabric->parameters);
  put_prop(out, 6, "tw:role", "fabric");
  put_prop(out, 6, "tw:link-kind", tw_link_kind_names[TW_LINK_SPINE]);
  fputs("    </cluster>\n", out);
}

static void put_up_link(const tw_generated_site *site, const char *id, int pod, int indent, FILE *out)
{
  put_link_of(out, indent, id, TW_LINK_SPINE, site->planes.rails * site->planes.spines,
              up_bytes_per_s(site, pod), up_latency_s, FALSE, NAN);
}

/* A <cluster> has many gateways, and leaves no choice. */
static gboolean is_large(const tw_generated_site *site)
{
  return site->domains > MAX_FLOYD && site->fabric == NULL;
}

/* The zone that holds a pod's leaf. */
static char *leaf_zone_id(const tw_generated_site *site, int pod)
{
  return is_large(site) && site->pod > 1 ? g_strdup_printf("fabric-leaf-%d", pod) : g_strdup("fabric");
}

static void begin_fabric_zone(FILE *out, const char *id, const char *routing)
{
  fprintf(out, "    <zone id=\"%s\" routing=\"%s\">\n", id, routing);
  put_prop(out, 6, "tw:role", "fabric");
}

static void put_planes(const tw_generated_site *site, FILE *out)
{
  if (!has_planes(site))
    return;
  put_prop(out, 6, "tw:routing", site->planes.routing);
  put_number(out, 6, "tw:rails", site->planes.rails);
  put_prop(out, 6, "tw:cross-rail", site->planes.cross_rail);
}

static void put_leaf_links(const tw_generated_site *site, int pod, FILE *out)
{
  g_autofree char *up = g_strdup_printf("leaf-%d-up", pod), *inside = g_strdup_printf("leaf-%d-switch", pod);
  if (has_spine(site))
    put_up_link(site, up, pod, 6, out);
  if (site->hosts > 1)
    put_link(out, 6, inside, TW_LINK_LEAF, site->nic_bytes_per_s * site->nics, 0, TRUE, NAN);
}

/* Leaves, each in a zone of its own, and the spine in another. */
static void put_leaf_zones(const tw_generated_site *site, FILE *out)
{
  int pods = n_pods(site);
  for (int pod = 0; pod < pods; pod++) {
    g_autofree char *zone = leaf_zone_id(site, pod);
    begin_fabric_zone(out, zone, "Full");
    fprintf(out, "      <router id=\"leaf-%d\"/>\n", pod);
    put_leaf_links(site, pod, out);
    fputs("    </zone>\n", out);
  }
  if (!has_spine(site))
    return;
  begin_fabric_zone(out, "fabric", "Full");
  put_planes(site, out);
  fputs("      <router id=\"spine\"/>\n    </zone>\n", out);
}

/* The ways between leaves and spine, where they are zones. */
static void put_leaf_zone_routes(const tw_generated_site *site, FILE *out)
{
  for (int pod = 0; has_spine(site) && pod < n_pods(site); pod++)
    fprintf(out,
            "    <zoneRoute src=\"fabric-leaf-%d\" dst=\"fabric\" gw_src=\"leaf-%d\" gw_dst=\"spine\">"
            "<link_ctn id=\"leaf-%d-up\" direction=\"UP\"/></zoneRoute>\n",
            pod, pod, pod);
}

/* Leaves and spine in one zone. A pod of one domain needs no leaf: its up-link starts at the domain. */
static void put_fabric(const tw_generated_site *site, FILE *out)
{
  gboolean leaves = site->pod > 1;
  int pods = n_pods(site);
  begin_fabric_zone(out, "fabric", leaves && has_spine(site) ? "Floyd" : "Full");
  put_planes(site, out);
  for (int pod = 0; leaves && pod < pods; pod++)
    fprintf(out, "      <router id=\"leaf-%d\"/>\n", pod);
  if (!leaves || has_spine(site))
    fputs("      <router id=\"spine\"/>\n", out);
  for (int pod = 0; leaves && pod < pods; pod++)
    put_leaf_links(site, pod, out);
  for (int pod = 0; leaves && has_spine(site) && pod < pods; pod++)
    fprintf(
        out,
        "      <route src=\"leaf-%d\" dst=\"spine\"><link_ctn id=\"leaf-%d-up\" direction=\"UP\"/></route>\n",
        pod, pod);
  fputs("    </zone>\n", out);
}

/* The way from a domain to its port, to its leaf, or to the spine where it has none. */
static void put_zone_route(const tw_generated_site *site, int domain, FILE *out)
{
  int pod = domain / site->pod;
  g_autofree char *gateway =
      site->hosts == 1 ? host_id(site, domain, 0) : g_strdup_printf("%s-%d-net", site->domain_name, domain);
  g_autofree char *leaf = site->fabric != NULL ? g_strdup_printf("port-%d", domain)
                          : site->pod > 1      ? g_strdup_printf("leaf-%d", pod)
                                               : g_strdup("spine");
  g_autofree char *zone = leaf_zone_id(site, pod);
  fprintf(out, "    <zoneRoute src=\"%s-%d\" dst=\"%s\" gw_src=\"%s\" gw_dst=\"%s\">", site->domain_name,
          domain, zone, gateway, leaf);
  if (site->hosts == 1)
    fprintf(out, "<link_ctn id=\"%s-nic\" direction=\"UP\"/>", gateway);
  if (site->fabric != NULL && site->hosts > 1)
    fputs("<link_ctn id=\"ports\"/>", out);
  else if (site->fabric == NULL && site->pod == 1)
    fprintf(out, "<link_ctn id=\"%s-%d-up\" direction=\"UP\"/>", site->domain_name, domain);
  else if (site->fabric == NULL && site->hosts > 1)
    fprintf(out, "<link_ctn id=\"leaf-%d-switch\"/>", pod);
  fputs("</zoneRoute>\n", out);
}

/* A storage system, seen as one host behind one link. */
static void put_storage(const tw_generated_site *site, FILE *out)
{
  fputs("    <zone id=\"storage\" routing=\"Full\">\n", out);
  put_prop(out, 6, "tw:role", tw_zone_role_names[TW_ROLE_STORAGE]);
  if (site->kv_bytes > 0) {
    fputs("      <host id=\"storage-0\" speed=\"1Gf\">\n", out);
    put_number(out, 8, "tw:kv_bytes", site->kv_bytes);
    fputs("      </host>\n    </zone>\n", out);
  } else {
    fputs("      <host id=\"storage-0\" speed=\"1Gf\"/>\n    </zone>\n", out);
  }
}

void tw_site_write(const tw_generated_site *site, FILE *out)
{
  fprintf(out, "<?xml version=\"1.0\"?>\n<!-- %s -->\n", site->comment);
  fputs("<!DOCTYPE platform SYSTEM \"https://simgrid.org/simgrid.dtd\">\n<platform version=\"4.1\">\n", out);
  fprintf(out, "  <zone id=\"site\" routing=\"%s\">\n",
          site->domains == 1 ? "Full"
          : is_large(site)   ? "DijkstraCache"
                             : "Floyd");
  put_prop(out, 4, "tw:role", "site");
  put_number(out, 4, "tw:pue", site->pue);
  if (site->site_w > 0)
    put_number(out, 4, "tw:site_power_w", site->site_w);
  if (!isnan(site->psu_w)) {
    put_number(out, 4, "tw:psu_w", site->psu_w * site->domains);
    put_prop(out, 4, "tw:psu_efficiency", site->psu_efficiency);
  }
  if (site->domains > 1 && site->fabric != NULL)
    put_cluster(site->fabric, out);
  else if (is_large(site) && site->pod > 1)
    put_leaf_zones(site, out);
  else if (site->domains > 1)
    put_fabric(site, out);
  for (int domain = 0; domain < site->domains; domain++)
    put_domain(site, domain, out);
  if (site->storage_bytes_per_s > 0) {
    put_storage(site, out);
    put_link(out, 4, "storage-0-nic", TW_LINK_STORAGE, site->storage_bytes_per_s, nic_latency_s, FALSE, NAN);
  }
  /* A route between zones needs a link; the domain's own has this bandwidth too. */
  if (site->domains > 1 && site->fabric != NULL && site->hosts > 1)
    put_link(out, 4, "ports", TW_LINK_LEAF, site->nic_bytes_per_s * site->nics, 0, TRUE, NAN);
  gboolean ups = site->domains > 1 && site->fabric == NULL && site->pod == 1;
  for (int domain = 0; ups && domain < site->domains; domain++) {
    g_autofree char *up = g_strdup_printf("%s-%d-up", site->domain_name, domain);
    put_up_link(site, up, domain, 4, out);
  }
  for (int domain = 0; site->domains > 1 && domain < site->domains; domain++)
    put_zone_route(site, domain, out);
  if (is_large(site) && site->pod > 1)
    put_leaf_zone_routes(site, out);
  g_autofree char *storage_zone = leaf_zone_id(site, 0);
  if (site->storage_bytes_per_s > 0)
    fprintf(out,
            "    <zoneRoute src=\"storage\" dst=\"%s\" gw_src=\"storage-0\" gw_dst=\"%s\">"
            "<link_ctn id=\"storage-0-nic\" direction=\"UP\"/></zoneRoute>\n",
            storage_zone, site->pod > 1 ? "leaf-0" : "spine");
  fputs("  </zone>\n</platform>\n", out);
}
