/* Declarations that the parts of the platform reader share; platform.h is what others use.
 *
 * SimGrid reads a platform once, from the first line to the last, and aborts at the first fault. We read the
 * same file in the same order and report all of them. A name exists from where it is declared, so that a
 * route over a link that comes later is a fault, as it is to SimGrid. */
#ifndef TW_PLATFORMS_PLATFORM_READER_H
#define TW_PLATFORMS_PLATFORM_READER_H

#include "platforms/reader/platform.h"

typedef enum { TW_NODE_HOST, TW_NODE_ROUTER, TW_NODE_ZONE } tw_node_kind;

/* An end of routes: a host, a router or a nested zone. */
typedef struct tw_netpoint {
  char *id;
  tw_node_kind kind;
  int zone;         /* the zone that holds it */
  int place;        /* its number among the netpoints of that zone */
  int number;       /* Number of a host or router among all of them. */
  int inner;        /* TW_NODE_ZONE: its index in zones */
  gboolean gateway; /* other zones come in through it */
  gboolean linked;  /* it is in a star zone and has a <host_link> */
  const xmlNode *node;
} tw_netpoint;

typedef enum {
  TW_ROUTING_NONE,
  TW_ROUTING_FULL,
  TW_ROUTING_FLOYD,
  TW_ROUTING_DIJKSTRA,
  TW_ROUTING_DIJKSTRA_CACHE,
  TW_ROUTING_STAR /* SimGrid's word is "Cluster" */
} tw_routing;
extern const char *const tw_routing_names[];

/* The routes of one zone. */
typedef struct tw_zone_routes {
  tw_routing routing;
  gboolean is_cluster; /* a <cluster>: its routes are SimGrid's own */
  const xmlNode *node;
  GPtrArray *points; /* tw_netpoint *, borrowed, by place */
  GArray *edges;     /* tw_edge, by place: from, to */
  GHashTable *pairs; /* the routes that the zone has, as from << 32 | to (owned gint64) */
} tw_zone_routes;

typedef struct tw_edge {
  int from, to;
} tw_edge;

typedef struct tw_reader {
  tw_faults *faults;
  GPtrArray *notes;                 /* char *, of the platform */
  GArray *zones, *hosts, *links;    /* tw_zone, tw_host, tw_link */
  GPtrArray *devices;               /* tw_device * */
  GPtrArray *racks;                 /* char * */
  GPtrArray *routes;                /* tw_zone_routes * by zone */
  GHashTable *points;               /* id -> tw_netpoint *, hosts and routers */
  GHashTable *zone_points;          /* id -> tw_netpoint *, zones */
  GHashTable *link_ids;             /* id -> index in links + 1; SPLITDUPLEX ones also as ID_UP, ID_DOWN */
  GPtrArray *switches;              /* char *: the names of routers */
  GArray *ways, *hops, *directions; /* Ways and their hops, which platform_wiring.c fills. */
  GHashTable *device_names;         /* name -> tw_device * borrowed, or NULL where it was refused already */
  tw_supply supply;
  tw_plane_properties planes;
  char *gap; /* tw_platform */
  gboolean profiled;
  GArray *profiles; /* tw_availability */
} tw_reader;

/* The tables of platform elements (platform_schema.c). */
extern const tw_element tw_xml_platform, tw_xml_zone, tw_xml_cluster, tw_xml_host, tw_xml_router, tw_xml_link,
    tw_xml_backbone, tw_xml_route, tw_xml_zone_route, tw_xml_host_link, tw_xml_link_ctn, tw_xml_prop;

typedef struct tw_xml_attributes {
  char *id, *value, *prefix, *suffix, *radical, *speed, *bw, *lat, *bb_bw, *bb_lat, *loopback_bw,
      *loopback_lat;
  char *limiter, *router_id, *topo_parameters, *version;
  char *src, *dst, *gw_src, *gw_dst, *up, *down, *bandwidth_file, *state_file, *speed_file;
  gint64 core, pstate;
  int routing, policy, bb_policy, topology, symmetrical, direction;
} tw_xml_attributes;

enum { TW_POLICY_SPLITDUPLEX, TW_POLICY_SHARED, TW_POLICY_FATPIPE };
enum { TW_TOPOLOGY_FLAT, TW_TOPOLOGY_TORUS, TW_TOPOLOGY_FAT_TREE, TW_TOPOLOGY_DRAGONFLY };
enum { TW_DIRECTION_NONE, TW_DIRECTION_UP, TW_DIRECTION_DOWN };

/* Checks the document as a whole before anything is read from it: prolog, elements, attributes, their order.
 * Parts that SimGrid knows and we do not are noted or reported, and removed. */
void tw_reader_check_document(tw_document *document, const char *path, GPtrArray *notes, tw_faults *faults);

/* Translates a node and what it holds into the words of the tables (platform_foreign.c). */
void tw_reader_translate(xmlNode *node, GPtrArray *notes, tw_faults *faults);
/* Tells what counts otherwise than its writer may think, each reason once; `notes` may be NULL. */
void tw_reader_note(GPtrArray *notes, const xmlNode *node, const char *format, ...) G_GNUC_PRINTF(3, 4);
/* A fault where the profile that an attribute names is not in the folder of the platform. */
void tw_reader_check_profile(const xmlNode *node, const char *attribute, tw_faults *faults);
/* Reads the profile that an attribute names, if there is one, of host or link number `item` (platform_host.c). */
void tw_reader_profile(tw_reader *reader, const xmlNode *node, const char *attribute, const char *name,
                       gboolean of_link, int item);
/* Two elements name the same profile. */
void tw_reader_check_profiles(const xmlNode *root, tw_faults *faults);
/* Notes that watts in SimGrid's own properties of a node do not count, and where watts come from instead. */
void tw_reader_note_watts(GPtrArray *notes, const xmlNode *node, const char *instead);
/* Notes that a number stands without a unit; `notes` may be NULL. */
void tw_reader_note_unit(GPtrArray *notes, const xmlNode *node, const char *what, const char *unit);

/* Numbers as SimGrid writes them: "1.5Gf", "50GBps" or "400Gbps", "2us". Faults name the attribute `what` of
 * `node`; the value is then NAN. A speed may be 0 unless it is to be `positive`. */
double tw_reader_speed(const xmlNode *node, const char *what, const char *text, gboolean positive,
                       GPtrArray *notes, tw_faults *faults);
double tw_reader_bandwidth(const xmlNode *node, const char *what, const char *text, GPtrArray *notes,
                           tw_faults *faults);
double tw_reader_latency(const xmlNode *node, const char *what, const char *text, GPtrArray *notes,
                         tw_faults *faults);

/* Adds a netpoint, or a fault where its name is taken. */
tw_netpoint *tw_reader_add_point(tw_reader *reader, const char *id, tw_node_kind kind, int zone,
                                 const xmlNode *node);

/* Reads what the hosts of a <host> or <cluster> have in common (platform_host.c). The caller frees its
 * clocks. */
tw_host tw_reader_host(tw_reader *reader, const xmlNode *node, const char *speed, gint64 pstate);
/* Adds a host that is like that, or a fault where its name is taken. */
void tw_reader_add_host(tw_reader *reader, const char *id, int zone, const tw_host *like,
                        const xmlNode *node);

/* Reads one <link> or <backbone> of a zone (platform_link.c). */
void tw_reader_link(tw_reader *reader, const xmlNode *node, int zone);

/* The names of a cluster's hosts and of its router (NULL where it has none), or a fault. */
char **tw_cluster_hosts(const xmlNode *node, const tw_xml_attributes *cluster, GPtrArray *notes,
                        tw_faults *faults);
char *tw_cluster_router(const tw_xml_attributes *cluster);

/* Routes (platform_route.c): reads one <route>, <zoneRoute> or <host_link>; at the end, checks that what must
 * reach each other does. */
void tw_reader_route(tw_reader *reader, const xmlNode *node, int zone);
void tw_reader_host_link(tw_reader *reader, const xmlNode *node, int zone);
void tw_reader_check_reach(tw_reader *reader);

/* Wiring (platform_wiring.c): the ways that are to be read; a way between two netpoints, NULL: the inside of `zone`; then each of its links, by their
 * names, with the direction that the file says (TW_DIRECTION_UP ...). */
GArray *tw_reader_ways_new(void);
void tw_reader_begin_way(tw_reader *reader, const tw_netpoint *from, const tw_netpoint *to, int zone);
void tw_reader_add_hop(tw_reader *reader, const char *link, int direction);
/* All ways that were read. */
tw_wiring *tw_reader_wire(tw_reader *reader);

#endif
