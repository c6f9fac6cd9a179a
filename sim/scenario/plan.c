#include "sim/scenario/plan.h"

#include "sim/scenario/scenario.h"

#include <math.h>

/* KV caches go from and to a rank; collectives and weights to all of an engine. */
void tw_scenario_plan_ports(tw_scenario *scenario)
{
  scenario->plan.ports = tw_ports_new(scenario->platform);
  for (int i = 0; i < scenario->plan.n_engines && tw_scenario_uses_network(scenario); i++) {
    const tw_pool *pool = &scenario->pools[scenario->plan.engines[i].pool];
    tw_place_add_ports(&scenario->plan.engines[i],
                       pool->role != TW_POOL_MIXED ? (int)(pool->tp * pool->pp) : 0, scenario->plan.ports);
  }
  for (int i = 0; i < scenario->n_jobs && tw_scenario_uses_network(scenario); i++)
    tw_place_add_ports(&scenario->jobs[i].plan.place, 0, scenario->plan.ports);
}

/* Before a request is routed, it is not known which engine will take it. */
static double slowest_frontend_s(const tw_scenario *scenario)
{
  double slowest_s = 0;
  for (int i = 0; i < scenario->n_pools; i++)
    if (scenario->pools[i].plan.device != NULL) /* else it has faults */
      slowest_s =
          MAX(slowest_s, scenario->pools[i].software.request_s * scenario->pools[i].plan.device->host_factor);
  return slowest_s;
}

void tw_scenario_plan_make(tw_scenario *scenario, const xmlNode *root, tw_faults *faults)
{
  tw_scenario_plan_pools(scenario, root, faults);
  scenario->plan.frontend_s =
      isnan(scenario->frontend_s) ? slowest_frontend_s(scenario) : scenario->frontend_s;
  tw_scenario_plan_power(scenario, root, faults);
}

void tw_pool_plan_clear(tw_pool_plan *plan)
{
  tw_step_model_free(plan->step_model);
  for (int i = 0; i < plan->n_clocks; i++)
    tw_step_model_free(plan->clocks[i].model);
  g_free(plan->clocks);
}

void tw_scenario_plan_clear(tw_scenario_plan *plan)
{
  for (int i = 0; i < plan->n_engines; i++)
    tw_engine_place_clear(&plan->engines[i]);
  g_free(plan->engines);
  tw_ports_free(plan->ports);
  tw_stairs_free(plan->site_cap);
  tw_stairs_free(plan->price);
  tw_stairs_free(plan->carbon);
  tw_stairs_free(plan->weather);
}
