/* SimGrid's start, with the settings that make its network ours. */
#ifndef TW_SIM_SIMGRID_START_H
#define TW_SIM_SIMGRID_START_H

#include "platforms/reader/platform_ports.h"

/* Starts SimGrid with our network model and loads n platforms and their ports (platform_union.h), or, for n = 0, where
 * nothing crosses a wire, a platform of one host on which actors may live: once in a process. FALSE with `error` set
 * where a file for it cannot be written. */
gboolean tw_simgrid_start(const tw_ports *const *ports, int n, GError **error);

/* Returns the objects that SimGrid has loaded whose names have a prefix, by the rest of these: hosts (sg_host_t) and links
 * (sg_link_t). Its own look-ups walk all zones, and throw at an unknown name. The caller frees the table, in which names and
 * values are SimGrid's. */
GHashTable *tw_simgrid_hosts(const char *prefix);
GHashTable *tw_simgrid_links(const char *prefix);

#endif
