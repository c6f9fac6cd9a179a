/* The links of SimGrid, those inside clusters included, in the order of their names: what each carries, and how much of
 * that is left where some of it has failed. */
#ifndef TW_SIM_LINK_TABLE_H
#define TW_SIM_LINK_TABLE_H

#include "platforms/reader/platform.h"

#include <simgrid/forward.h>

typedef struct tw_link_table {
  int n;
  sg_link_t *all;
  const char **names;      /* as the platform has them; SimGrid's, lent */
  double *rates;           /* bytes/s of each, sound */
  double *speeds;          /* the part of that which is left, 0: it carries nothing */
  gboolean *shared;        /* FALSE: it limits each flow by itself */
  double *joules_per_byte; /* dynamic joules */
  int n_stopped;           /* number of links that carry nothing */
  GHashTable *index;       /* sg_link_t -> index + 1 */
} tw_link_table;

/* SimGrid must have been started with this platform, whose names have the prefix there; it is borrowed. */
tw_link_table *tw_link_table_new(const tw_platform *platform, const char *prefix);
void tw_link_table_free(tw_link_table *table);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tw_link_table, tw_link_table_free)

int tw_link_table_find(const tw_link_table *table, sg_link_t link);
/* The link of that name, -1: there is none. */
int tw_link_table_find_name(const tw_link_table *table, const char *name);
/* Returns SimGrid's links for a link of the platform: both directions of it, and its shares for ports. An array of
 * int, which the caller frees. */
GArray *tw_link_table_find_all(const tw_link_table *table, const char *name);
/* Inside an actor, where flows are under way. */
void tw_link_table_set_speed(tw_link_table *table, int link, double speed);

#endif
