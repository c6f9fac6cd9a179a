/* Capital: dollars that a site costs by the hour, whether it works or not (`<cost>`). Electricity is billed by the
 * meter (meter.h). */
#ifndef TW_SIM_CAPITAL_H
#define TW_SIM_CAPITAL_H

#include "sim/scenario/scenario.h"

/* Dollars of all accelerators, of all racks and of the bytes for KV on storage hosts, over span_s. NAN: the scenario
 * gives no price by the hour. */
double tw_capital_usd(const tw_scenario *scenario, double span_s);

#endif
