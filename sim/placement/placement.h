/* Placement: which accelerators each engine runs on. */
#ifndef TW_SIM_PLACEMENT_H
#define TW_SIM_PLACEMENT_H

#include "platforms/reader/platform_ports.h"

/* `pack` fills one NVLink domain after the other; `spread` takes the domain with the most free accelerators.
 * `rail` gives every group of an engine another domain, as far as there are enough, and in each the next free
 * place: so that its groups stand on the same rail of the fabric where all domains are alike. `explicit` goes
 * through the hosts in the order in which they are named. */
typedef enum {
  TW_PLACEMENT_PACK,
  TW_PLACEMENT_SPREAD,
  TW_PLACEMENT_RAIL,
  TW_PLACEMENT_EXPLICIT
} tw_placement_kind;
extern const char *const tw_placement_names[];

typedef struct tw_host_share {
  int host; /* index in platform->hosts */
  int accelerators;
  int port; /* endpoint of their flows (platform_ports.h), 0: the host itself */
} tw_host_share;

typedef struct tw_engine_place {
  int pool; /* index of its pool */
  int n_shares;
  tw_host_share *shares; /* owned */
  /* For each accelerator, the endpoint on its host of the flows of its data-parallel rank. Owned;
   * NULL: where those of the engine do. */
  int *rank_ports;
} tw_engine_place;
void tw_engine_place_clear(tw_engine_place *place);

/* The host of an engine's accelerator, counted from 0, and the endpoint of what is its rank's there. */
int tw_place_host(const tw_engine_place *place, gint64 accelerator);
int tw_place_endpoint(const tw_engine_place *place, gint64 accelerator);
static inline int tw_share_endpoint(const tw_host_share *share)
{
  return share->port > 0 ? share->port : share->host;
}

/* Gives an engine its ports: for its part of each host, and, where `rank` accelerators make a data-parallel
 * rank to which flows go by itself, for the part of each; 0: none do. */
void tw_place_add_ports(tw_engine_place *place, int rank, tw_ports *ports);

/* The request of one pool for places. */
typedef struct tw_placement_request {
  const char *pool;  /* its id, for messages */
  const char *hosts; /* glob of host names; explicit: names with blanks between, "NAME" for all free
                        accelerators of that host, "NAME:N" for N of them */
  tw_placement_kind kind;
  gint64 engines;
  /* Accelerators of each engine, of one device: all in one NVLink domain (or on one host outside of any) if one
   * has room, else over several. */
  gint64 accelerators;
  gint64 group; /* accelerators that stay together in a domain where that can be: tensor-parallel */
} tw_placement_request;

/* The accelerators of a platform that no engine has taken yet. */
typedef struct tw_free_accelerators tw_free_accelerators;
tw_free_accelerators *tw_free_accelerators_new(const tw_platform *platform);
void tw_free_accelerators_free(tw_free_accelerators *free);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tw_free_accelerators, tw_free_accelerators_free)

/* Places a pool's engines, appending `request->engines` tw_engine_place to `places`. Returns FALSE with a
 * fault at `node` that says what was asked and what the platform has left. */
gboolean tw_place(tw_free_accelerators *free, const tw_placement_request *request, int pool, GArray *places,
                  const xmlNode *node, tw_faults *faults);

#endif
