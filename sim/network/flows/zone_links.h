/* The links of a zone of SimGrid, those of zones and clusters in it included: its C interface lists them all, or none. */
#ifndef TW_SIM_ZONE_LINKS_H
#define TW_SIM_ZONE_LINKS_H

#include <glib.h>
#include <simgrid/forward.h>

G_BEGIN_DECLS

/* The caller frees the array of n links. */
sg_link_t *tw_zone_links(const char *zone, gsize *n);

G_END_DECLS

#endif
