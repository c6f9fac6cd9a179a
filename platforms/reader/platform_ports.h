/* Ports: accelerators of a host that send and receive by themselves.
 *
 * A host may stand for eight GPUs with eight NICs, of which SimGrid sees one link of eight times the rate. An
 * engine on one of them has one NIC:
 *
 *     node-0 ──────────────────────── node-0-nic (400 GB/s) ── leaf
 *     node-0/0 ── node-0-nic/0 (50 GB/s) ──┘
 *
 * A port is a host of SimGrid beside its host, with the same routes, each behind a link that is its share of
 * the host's own first link. The flows of one port share it, whatever else the host does. Ports are known
 * when engines are placed, so SimGrid loads a copy of the platform to which they were added.
 *
 * An endpoint is where a flow begins or ends: a host by its index in the platform, or a port behind the
 * hosts. */
#ifndef TW_PLATFORMS_PLATFORM_PORTS_H
#define TW_PLATFORMS_PLATFORM_PORTS_H

#include "platforms/reader/platform.h"

#include <libxml/tree.h>

typedef struct tw_port {
  int host, accelerators;
  int first;  /* the first of them, by its number on the host */
  char *name; /* "node-0/3" */
} tw_port;

typedef struct tw_ports {
  const tw_platform *platform;
  GArray *ports; /* Array of tw_port, in the order of their endpoints. */
  int *of_host;  /* how many each host has */
  int *taken;    /* accelerators of these, by host */
} tw_ports;

tw_ports *tw_ports_new(const tw_platform *platform); /* The platform is borrowed. */
void tw_ports_free(tw_ports *ports);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tw_ports, tw_ports_free)

/* The endpoint of so many accelerators of a host: a new port, or the host itself where they are all it has.
 */
int tw_ports_add(tw_ports *ports, int host, int accelerators);
/* The host of an endpoint. */
int tw_ports_host(const tw_ports *ports, int endpoint);
/* How many endpoints there are, and their names in SimGrid. A port of a host inside a <cluster>, to which
 * SimGrid lets nothing be added, does not exist there: its host stands for it. */
int tw_ports_count(const tw_ports *ports);
const char *tw_ports_name(const tw_ports *ports, int endpoint);

/* The NICs of an endpoint by their numbers on the platform (platform_planes.h), from `first` on; 0: it has none that are
 * told apart. */
int tw_ports_nics(const tw_ports *ports, int endpoint, int *first);

/* Writes what SimGrid is to load into a temporary file, which the caller removes and whose name it frees.
 * NULL without an error: the platform's own file will do. */
char *tw_ports_write(const tw_ports *ports, GError **error);

/* The two halves of that: the platform with its ports, which the caller frees, and a temporary file of a document. NULL with
 * `error` set. */
xmlDoc *tw_ports_document(const tw_ports *ports, GError **error);
char *tw_ports_write_document(xmlDoc *document, GError **error);

#endif
