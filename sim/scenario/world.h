/* The world: the sites of a scenario, where its users live, and the ways between.
 *
 *     <scenario> <workload/> <site name= region=> <platform/> <pool/> ... </site> <site/> <users/> <wan/> <global-router/>
 *
 * Each site is a scenario of its own: what stands in its <site> and what all share (workload, SLOs, output). A
 * scenario without <site> is a plain world: one site, which is the scenario itself. */
#ifndef TW_SIM_WORLD_H
#define TW_SIM_WORLD_H

#include "sim/scenario/scenario.h"

typedef struct tw_world_site {
  char *name, *region;
  double utc_offset_s;        /* its clock less that of the scenario, which is UTC */
  double latitude, longitude; /* In degrees; NAN: not told. */
  gint64 guests;         /* most requests of users of other regions in flight there; G_MININT64: any number */
  tw_scenario *scenario; /* Owned. */
  int region_index;      /* in the world's regions */
  gboolean serves;       /* it has pools; else jobs alone, and no request goes there */
} tw_world_site;

/* The requests of a class, as a source of load. */
typedef struct tw_users {
  char *class;    /* Class of traffic; NULL: all that no other row names. */
  char *region;   /* Region in which the users live. */
  char *home;     /* name of the site that serves them first; NULL: the nearest */
  gboolean stays; /* their requests do not leave the region */
  int region_index, home_site;
} tw_users;

/* The way between two regions, each direction alike. */
typedef struct tw_wan {
  char *from, *to;
  double latency_s;   /* one way */
  double bytes_per_s; /* INFINITY: not a limit */
} tw_wan;

/* What becomes of a session's KV cache, of which the site that served it last has the prefix of the next prompt, where
 * that prompt goes to another site. */
typedef enum {
  TW_WORLD_KV_RECOMPUTE, /* It stays, and the prompt is computed anew. */
  TW_WORLD_KV_MOVE,      /* It follows the prompt over the <wan>. */
  TW_WORLD_KV_QUICKER    /* It does where that takes less time than to compute it there. */
} tw_world_kv;
extern const char *const tw_world_kv_names[];

typedef struct tw_world {
  char *name;
  gboolean plain; /* the scenario has no <site> */
  tw_world_site *sites;
  int n_sites;
  GArray *users; /* Array of tw_users; a row without a class is there, and comes last. */
  GArray *wans;  /* Array of tw_wan, as they are written. */
  int n_regions;
  char **regions; /* names of the regions of sites and users */
  tw_wan *ways; /* from each region to each other: n_regions * n_regions; latency_s INFINITY: there is none */

  int policy;      /* index in tw_site_policies */
  double spill;    /* load from which on a site is full: requests in flight for each engine; NAN: never */
  gboolean sticky; /* a session stays where it was served last */
  double bytes_per_token; /* Bytes of each token of a prompt on its way. */
  int kv;                 /* A tw_world_kv. */

  char *canonical, *resolved;
  char **files;
} tw_world;

/* Reads a scenario with all its sites, as tw_scenario_load does one of a single site. */
tw_world *tw_world_load(const char *path, const char *const *assignments, tw_faults *faults);
void tw_world_free(tw_world *world);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tw_world, tw_world_free)

/* The first site that serves requests, or else the first: what all sites share is read of its scenario. */
const tw_world_site *tw_world_first(const tw_world *world);
/* The users who ask for requests of a class (NULL: of none): an index in `users`. */
int tw_world_users_of(const tw_world *world, const char *class);
/* Whether requests of these users may go to a site: it serves, is reached from their region, and in it where they stay. */
gboolean tw_world_allows(const tw_world *world, int users, int site);
/* The site that sends another one the weights of its pool of that number: it has a pool of the same model and formats, and
 * is joined to it; of several the nearest for which `serves` says, for `user`, that one of its engines serves, or where
 * there is none, the nearest (its storage has them). -1: none has the model. */
int tw_world_weights_source(const tw_world *world, int site, int pool,
                            gboolean (*serves)(void *user, int site), void *user);
/* Finds what pools of several sites ask of each other that is not there; `root` is the <scenario>. */
void tw_world_check_pools(const tw_world *world, const xmlNode *root, tw_faults *faults);
/* The way from a region to another. */
const tw_wan *tw_world_way(const tw_world *world, int from, int to);

#endif
