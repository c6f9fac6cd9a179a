/* A platform: racks, NVLink domains, networks and their power, read from a file that SimGrid loads as it is.
 *
 *     site (zone, tw:role="site", tw:pue)
 *      ├─ node-0 (zone or cluster, tw:role="nvlink-domain" or "node", tw:rack, tw:row)
 *      │    └─ hosts: one GPU each, or a node or tray with several (tw:accelerators)
 *      ├─ fabric (zone, tw:role="fabric")
 *      └─ storage (zone, tw:role="storage")
 *
 * What is read here is what the engines, reports and the power meter need: zones, hosts, links and their
 * properties. Routing is SimGrid's. The struct is frozen once it is read. */
#ifndef TW_PLATFORMS_PLATFORM_H
#define TW_PLATFORMS_PLATFORM_H

#include "platforms/reader/availability.h"
#include "platforms/reader/device.h"
#include "platforms/reader/platform_planes.h"
#include "platforms/reader/platform_wiring.h"
#include "platforms/reader/supply.h"

typedef enum {
  TW_ROLE_NONE,
  TW_ROLE_SITE,
  TW_ROLE_NVLINK_DOMAIN,
  TW_ROLE_NODE,
  TW_ROLE_FABRIC,
  TW_ROLE_STORAGE,
  TW_ROLES
} tw_zone_role;
extern const char *const tw_zone_role_names[TW_ROLES + 1]; /* "", "site", "nvlink-domain", ... */

typedef enum {
  TW_LINK_NONE,
  TW_LINK_NVLINK,
  TW_LINK_NIC,
  TW_LINK_LEAF,
  TW_LINK_SPINE,
  TW_LINK_WAN,
  TW_LINK_STORAGE,
  TW_LINK_KINDS
} tw_link_kind;
extern const char *const tw_link_kind_names[TW_LINK_KINDS + 1];

typedef struct tw_zone {
  char *id;
  int parent; /* index in zones, -1 for the outermost */
  tw_zone_role role;
  char *rack,
      *row; /* names, inherited by nested zones; the zone's own id where a domain or node names no rack */
  int rack_index;    /* index in platform->racks, or -1 */
  double overhead_w; /* tw:overhead_w, 0 if absent: drawn when its accelerators draw their maximum */
  /* The part of overhead_w that is not drawn while they idle (tw:overhead_idle_w): it follows the power of the
   * accelerators, in proportion between idle and maximum; 0: none does. */
  double following_w;
  gboolean switched;      /* it has a router, by which its hosts reach each other */
  gboolean unrouted;      /* routing="None": no route leads between its parts, or out of it */
  tw_link_kind link_kind; /* Kind of each link inside a <cluster> (tw:link-kind), else TW_LINK_NONE. */
  double link_watts;      /* Watts of each of these links (tw:link-watts), NAN if absent. */
  long line;
} tw_zone;

/* The medium of a storage host: what it takes to read and to write KV there, beside the network. As many operations of
 * io_bytes as queue_depth are under way at a time, each for latency_s, so that one transfer alone gets at most
 * queue_depth * io_bytes / latency_s (Little's law), and all together no more than the bandwidth. */
typedef struct tw_medium {
  double read_bytes_per_s, write_bytes_per_s; /* INFINITY: as fast as the network */
  double latency_s, io_bytes, queue_depth;    /* io_bytes INFINITY: one transfer alone gets all */
} tw_medium;

typedef struct tw_host {
  char *id;
  int zone;                /* index in zones */
  const tw_device *device; /* borrowed from the platform; NULL for hosts without accelerators */
  int accelerators;
  double speed_flops; /* SimGrid's own speed of the host */
  /* SimGrid's p-states: its other speeds over the fastest, falling; NULL: it has one speed. */
  double *clocks;
  int n_clocks;
  long line;
  double kv_bytes;  /* tw:kv_bytes: what it stores of KV caches that engines share; 0: nothing */
  tw_medium medium; /* tw:kv_*, of those that store something */
} tw_host;

typedef struct tw_link {
  char *id;
  tw_link_kind kind;
  /* Bandwidth and latency of the link; of a degraded one, what is left of them. */
  double bytes_per_s, latency_s;
  double degraded;        /* tw:degraded: part of the bandwidth that the file says; 1: all */
  double watts;           /* tw:watts, NAN if absent: drawn always */
  double joules_per_byte; /* tw:joules_per_byte, 0 if absent: beside that, for what it carries */
  gboolean duplex;        /* SPLITDUPLEX: SimGrid has it twice, as ID_UP and ID_DOWN */
  gboolean wide;          /* FATPIPE: it caps each flow, and none shares it */
  int parts; /* tw:parts: equal NICs, or links to spine switches, that it stands for; 0: one NIC of each accelerator of
              * its host */
  int zone;
  long line;
} tw_link;

struct tw_platform {
  char *path;
  char *name;          /* file name without its ending */
  tw_zone *zones;      /* outermost first */
  tw_host *hosts;      /* the hosts in the order of the file, those of clusters one by one */
  tw_link *links;      /* explicit <link>s and <backbone>s; the links inside a <cluster> are SimGrid's own */
  tw_device **devices; /* every device that a host names, once */
  char **racks;        /* names in the order of first use */
  int n_zones, n_hosts, n_links, n_devices, n_racks;
  tw_supply supply;  /* Power supply of the site. */
  gboolean profiled; /* the bandwidth of a link changes with time (bandwidth_file) */
  char *gap;         /* the first route that is missing, where no host has accelerators; NULL: none */
  GArray *profiles;  /* tw_availability of hosts and links, by state_file and speed_file; NULL: none */
  GPtrArray *notes;  /* char *: what is read otherwise than a user may think, with its line */
  tw_wiring *wiring; /* NULL in platforms that were not read */
  tw_planes *planes; /* NULL: routes are as the file declares them */
};

/* Reads and checks a platform whole. NULL with faults where anything is wrong: what SimGrid would abort on,
 * at loading or at the first transfer (unknown elements and attributes, their order, units, names used twice,
 * routes over unknown hosts or links, gateways outside their zone, accelerators without a route between them), zones
 * nested more than two deep, unknown devices and roles, and what SimGrid can read but we do not. */
tw_platform *tw_platform_load(const char *path, tw_faults *faults);
void tw_platform_free(tw_platform *platform);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tw_platform, tw_platform_free)

/* Index of the innermost zone around a host whose role is nvlink-domain or node: accelerators of one such
 * zone reach each other over the scale-up network. -1 if there is none. */
int tw_platform_domain(const tw_platform *platform, int host);
/* Whether hosts of its domain reach each other over a switch (a router, or a <cluster>'s own), instead of
 * links from each to each; a host outside of any domain is its own. */
gboolean tw_platform_switched(const tw_platform *platform, int host);
/* Accelerators of all hosts. */
long tw_platform_accelerators(const tw_platform *platform);

#endif
