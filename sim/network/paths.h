/* Paths: the links that lie between two endpoints, as SimGrid knows them. */
#ifndef TW_SIM_PATHS_H
#define TW_SIM_PATHS_H

#include "platforms/reader/platform_ports.h"
#include "sim/network/network.h"

#include <simgrid/forward.h>

typedef struct tw_path {
  tw_route route;
  int n_links;
  int *links;         /* by their numbers in tw_paths */
  sg_host_t from, to; /* SimGrid carries over these links what goes between these hosts */
} tw_path;

typedef struct tw_paths {
  sg_host_t *hosts; /* the host of each endpoint */
  int n_links;      /* all links of SimGrid, those inside clusters included, in the order of their names: */
  sg_link_t *links;
  gboolean *shared;        /* whether flows share each link, or it limits each by itself */
  double *bytes_per_s;     /* of each, as the run begins */
  double *joules_per_byte; /* dynamic joules of each */
  GHashTable *link_index;  /* sg_link_t -> number + 1 */
  GHashTable *known;       /* paths by their ends, from << 32 | to */
} tw_paths;

/* SimGrid must have been started with these ports, which are borrowed. */
tw_paths *tw_paths_new(const tw_ports *ports);
void tw_paths_free(tw_paths *paths);

/* The path between endpoints of two different hosts. Lent. */
const tw_path *tw_paths_find(tw_paths *paths, int from, int to);

#endif
