/* The plan of a scenario: what runs. A scenario holds what is written, in it and in the files that it names, with the
 * defaults of what is left out. The plan holds what follows from that on the platform, and nobody wrote it: a value
 * that is read as `scenario->plan.` or `pool->plan.` is derived.
 *
 *     scenario.xml, platform, models ...   --tw_scenario_load------>   tw_scenario, tw_pool
 *     tw_scenario                          --tw_scenario_plan_make->   tw_scenario_plan, tw_pool_plan */
#ifndef TW_SIM_PLAN_H
#define TW_SIM_PLAN_H

#include "platforms/input/stairs.h"
#include "platforms/reader/platform.h"
#include "sim/engine/engine.h"
#include "sim/placement/placement.h"
#include "sim/power/power.h"
#include "sim/scenario/failures.h"
#include "sim/steptime/memory.h"

typedef struct tw_pool tw_pool;

/* The plan of the engines of a pool: they are all alike. */
typedef struct tw_pool_plan {
  const tw_device *device;     /* The accelerator of the hosts; the platform owns it. */
  tw_reach reach;              /* How many NVLink domains the groups of an engine span, at most. */
  tw_memory memory;            /* The use of an accelerator's HBM, and the KV blocks that it leaves. */
  tw_offload_config offload;   /* KV below the accelerators, with bytes and seconds of a block. */
  tw_adapters_config adapters; /* slots = 0: there are none. */
  tw_step_model *step_model;   /* Owned. */
  tw_power_law power;          /* Watts of one engine's accelerators. */
  tw_clock *clocks;            /* Slower clocks, falling, where power is capped. Owned. */
  int n_clocks;
} tw_pool_plan;

/* The plan of all that runs besides the pools. */
typedef struct tw_scenario_plan {
  tw_engine_place *engines; /* Every engine of every pool, and where it stands. Owned. */
  int n_engines;
  tw_ports *ports;                     /* The endpoints of the engines in the network. Owned. */
  double frontend_s;                   /* Seconds before a request can be queued, of HTTP and tokenizer. */
  tw_stairs *site_cap;                 /* Watts; NULL: the site is not capped. Owned. */
  tw_stairs *price, *carbon, *weather; /* USD and grams per kWh, degrees Celsius; NULL: not given. Owned. */
} tw_scenario_plan;

/* Plans a scenario that was read from `root`, as far as it was read without a fault: places the engines of each
 * pool, and derives memory, step times, power and series. Adds the faults that it finds, and notes. */
void tw_scenario_plan_make(tw_scenario *scenario, const xmlNode *root, tw_faults *faults);
/* Gives the engines their endpoints, once the whole scenario was found sound. */
void tw_scenario_plan_ports(tw_scenario *scenario);
void tw_scenario_plan_clear(tw_scenario_plan *plan);
void tw_pool_plan_clear(tw_pool_plan *plan);

/* Plans the pools (plan_pools.c), the KV that a pool offloads and its adapters (scenario_offload.c), and caps, prices and
 * weather (scenario_power.c). */
void tw_scenario_plan_pools(tw_scenario *scenario, const xmlNode *root, tw_faults *faults);
void tw_scenario_plan_offload(const tw_scenario *scenario, tw_pool *pool, const xmlNode *pool_node,
                              tw_faults *faults);
void tw_scenario_plan_adapters(tw_scenario *scenario, tw_pool *pool, const xmlNode *pool_node,
                               tw_faults *faults);
void tw_scenario_plan_power(tw_scenario *scenario, const xmlNode *root, tw_faults *faults);

#endif
