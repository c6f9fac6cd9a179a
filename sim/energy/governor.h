/* The governor: holds caps on the power of racks and of the site by limiting the power of each accelerator.
 *
 *     every period   measures each engine's watts, and shares out what the caps leave
 *     a delay later  limits that fall take effect; a device holds its own by its clock, at every new batch
 *     then           as soon as the iterations are over that began before, the others rise
 *
 * The limit L of a group is where the engines' demands, each cut off at L, add up to what is left for them:
 * who asks for less leaves the rest to the others. An engine that was slowed down asks for more than it got;
 * any other asks for the most that it drew lately. What is left over is shared evenly; with even shares,
 * everything is. Limits of a group never add up to more than its cap, and those of an earlier time have gone
 * before others rise; a cap that falls is kept to from the period before. So no interval exceeds a cap, but
 * where the slowest clock draws more than the limit, or where a batch's draw grows as it goes on.
 *
 * Jobs are not slowed down. What they draw at most is left for them at all times, and counts as drawn. */
#ifndef TW_SIM_GOVERNOR_H
#define TW_SIM_GOVERNOR_H

#include "sim/engine/engine.h"
#include "sim/scenario/site_power.h"

typedef struct tw_governor tw_governor;

/* How well the caps were held: averages over periods that exceeded one. */
typedef struct tw_cap_record {
  double max_overshoot_w; /* 0: never */
  double longest_over_s;  /* periods in a row */
} tw_cap_record;

/* NULL where the scenario caps neither racks nor site nor accelerators. All are borrowed. */
tw_governor *tw_governor_new(const tw_scenario *scenario, const tw_site_power *power,
                             tw_engine *const *engines);
void tw_governor_free(tw_governor *governor);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tw_governor, tw_governor_free)

/* When it acts next. */
double tw_governor_due(const tw_governor *governor);
/* Acts. Engines may be due at other times then. */
void tw_governor_step(tw_governor *governor);

tw_cap_record tw_governor_record(const tw_governor *governor);

/* Watts that a site may draw as equipment so that it draws `site_w` in all. */
double tw_governor_equipment_w(const tw_supply *supply, double site_w, double outside_c);
/* The limit L with Σ weight_i · min(L, demand_i) = budget; INFINITY where the demands fit. */
double tw_governor_level(const double *demands, const double *weights, int n, double budget);

#endif
