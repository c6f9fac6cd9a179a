/* The plan of a scenario, for people: what a run of it would use, before it runs.
 *
 * Defaults are spelled out, engines are placed, and of each pool it says where the memory of an accelerator
 * goes, what it draws, and what an iteration of a small, of a large and of a prompt's batch takes. */
#ifndef TW_SIM_PLAN_TEXT_H
#define TW_SIM_PLAN_TEXT_H

#include "sim/scenario/scenario.h"

/* The caller frees it. */
char *tw_scenario_plan_text(const tw_scenario *scenario);

#endif
