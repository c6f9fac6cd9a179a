/* The power of a site apart from its engines: accelerators that no engine uses, hosts, networks.
 *
 *     host     tw:overhead_w of sites, domains and nodes: CPUs, memory, fans, NICs; what of it follows the
 *              load does so by the dynamic power of the zone's accelerators:
 *                  idle + (full − idle) · Σ (power − idle power) / Σ (maximum − idle power)
 *              so that hosts draw a fixed number of joules for every dynamic joule of their accelerators
 *     network  tw:overhead_w of fabrics, and tw:watts of links: switches and transceivers of the fabric
 *
 * The platform says what it knows, and nothing is invented: a part that is unknown is NAN, and then so is the
 * site's energy. */
#ifndef TW_SIM_SITE_POWER_H
#define TW_SIM_SITE_POWER_H

#include "sim/scenario/scenario.h"

typedef struct tw_power_parts {
  double spare_w;           /* accelerators without an engine, idle */
  double host_w, network_w; /* host_w: while accelerators idle */
  double jobs_w;            /* the most that jobs draw, with the hosts that follow them */
} tw_power_parts;

/* The part of an engine, or of a job, that stands on one host. */
typedef struct tw_engine_part {
  int engine,
      rack; /* engine: jobs are counted behind the engines; rack: by index in platform->racks, -1: none */
  int accelerators;
  double of_engine; /* share of the engine's accelerators */
  double follows;   /* joules of the rack's hosts for a dynamic joule of these */
} tw_engine_part;

typedef struct tw_site_power {
  tw_power_parts site;      /* racks included */
  tw_power_parts *racks;    /* parts of each rack, by index in platform->racks */
  tw_power_parts elsewhere; /* the part of the site that stands in no rack */
  /* Joules that hosts draw beyond that for a dynamic joule of each engine and job, over all zones around it. */
  double *engine_follows;
  tw_engine_part *parts; /* parts of all engines, and of all jobs behind them, in their order */
  int n_parts;
  char *missing; /* for people: the reason why the site's energy is not known; NULL: it is known */
} tw_site_power;

tw_site_power *tw_site_power_new(const tw_scenario *scenario);
void tw_site_power_free(tw_site_power *power);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tw_site_power, tw_site_power_free)

#endif
