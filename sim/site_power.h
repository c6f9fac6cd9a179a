/* What a site draws apart from its engines: accelerators that no engine uses, hosts, networks.
 *
 *     host     tw:overhead_w of sites, domains and nodes: CPUs, memory, fans, NICs
 *     network  tw:overhead_w of fabrics, and tw:watts of links: switches and transceivers of the fabric
 *
 * The platform says what it knows, and nothing is invented: a part that is unknown is NAN, and then so is the
 * site's energy. */
#ifndef TW_SIM_SITE_POWER_H
#define TW_SIM_SITE_POWER_H

#include "sim/scenario.h"

typedef struct tw_power_parts {
  double spare_w; /* accelerators without an engine, idle */
  double host_w, network_w;
} tw_power_parts;

typedef struct tw_site_power {
  tw_power_parts site;   /* racks included */
  tw_power_parts *racks; /* by index in platform->racks */
  char *missing;         /* what keeps the site's energy from being known, for people; NULL: nothing */
} tw_site_power;

tw_site_power *tw_site_power_new(const tw_scenario *scenario);
void tw_site_power_free(tw_site_power *power);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tw_site_power, tw_site_power_free)

#endif
