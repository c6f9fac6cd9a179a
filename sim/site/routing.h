/* Routing: the router of a site, and what it may know of the engines. */
#ifndef TW_SIM_ROUTING_H
#define TW_SIM_ROUTING_H

#include "sim/site/part.h"

typedef struct tw_routing {
  tw_router router;
  tw_rates *rates; /* the rates of each engine */
} tw_routing;

/* The site is borrowed. */
void tw_routing_init(tw_routing *routing, tw_site *site);
void tw_routing_clear(tw_routing *routing);

/* Straight lines through the step times of a pool's engines: decodes of 64 sequences against one, and of
 * contexts four times as long; a prompt chunk as large as may be, at the beginning and behind another 8,192
 * tokens. Rows of tw_rates are never negative. */
tw_rates tw_pool_rates(const tw_pool *pool);

#endif
