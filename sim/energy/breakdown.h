/* The energy of a run by pool, rack and row, and by the purpose that it was drawn for.
 *
 *     site = Σ rows + elsewhere + flows + conversion and cooling       rows = Σ their racks
 *          = prefill + decode + training + collective + transfer + idle + beside accelerators
 *
 * Collective: what accelerators draw while iterations wait for their collectives, and links for carrying
 * them. Transfer: what links draw for KV caches and weights. Idle: what accelerators draw anyway, with those
 * that no engine uses. Beside the accelerators: hosts, the standing power of networks, conversion and
 * cooling. In a run with audits the parts are held against what the meter integrated: they must agree to
 * 1e-9. */
#ifndef TW_SIM_BREAKDOWN_H
#define TW_SIM_BREAKDOWN_H

#include "sim/energy/meter.h"
#include "sim/engine/engine.h"
#include "sim/log/metric.h"

#include <jansson.h>

/* Joules. */
typedef struct tw_scope_energy {
  const char *name;                                             /* borrowed */
  double prefill_j, decode_j, collective_j, training_j, idle_j; /* joules of accelerators */
  double host_j, network_j;                                     /* without what flows cost their links */
} tw_scope_energy;

/* Joules that the accelerators of a job have drawn since the start of the run: in all, beyond idle, and of these beyond
 * what computing needed. */
typedef struct tw_site_job_energy {
  double joules, dynamic_j, burnt_j;
} tw_site_job_energy;

typedef struct tw_breakdown {
  tw_scope_energy site, elsewhere; /* elsewhere: the part of the site that stands in no rack */
  tw_scope_energy *pools;          /* pools of the scenario, with their accelerators alone */
  tw_scope_energy *racks, *rows;   /* racks, in the platform's order, and rows of racks */
  int n_rows;
  double transfer_j, collective_j; /* energy of links that carry flows */
} tw_breakdown;

/* The breakdown of a run that ended at `end_s`; `jobs` in the order of the scenario. A part that the platform does not
 * tell is NAN. */
tw_breakdown *tw_breakdown_new(const tw_scenario *scenario, tw_engine *const *engines,
                               const tw_site_job_energy *jobs, const tw_site_power *power, double end_s);
void tw_breakdown_free(tw_breakdown *breakdown);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tw_breakdown, tw_breakdown_free)

static inline double tw_scope_accelerator_j(const tw_scope_energy *scope)
{
  return scope->prefill_j + scope->decode_j + scope->collective_j + scope->training_j + scope->idle_j;
}

/* Asserts that the parts sum to the whole at every scope, and to what was metered. */
void tw_breakdown_audit(const tw_breakdown *breakdown, const tw_scenario *scenario, const tw_energy *metered);

/* Sets the energy of the phases. */
void tw_breakdown_measure(const tw_breakdown *breakdown, const tw_energy *metered, tw_metric_values *values);
/* Adds "pools" and "rows" to summary.energy. */
void tw_breakdown_describe(const tw_breakdown *breakdown, const tw_scenario *scenario, json_t *energy);

#endif
