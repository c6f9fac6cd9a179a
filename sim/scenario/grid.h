/* The <grid>: what the supply of a site bears, and what stands between it and the load.
 *
 *     accelerators ──► hosts, conversion, cooling ──► battery ──► grid
 *      smoothing        the site's load                ramp limit
 *
 * Smoothing is of each accelerator of a job by itself (sim/power/smoothing.h): it costs throughput where power rises, and
 * burns energy where it falls. The battery and the limit of ramps are the site's (sim/energy/grid_meter.h): they cost
 * what is lost in the battery. */
#ifndef TW_SIM_SCENARIO_GRID_H
#define TW_SIM_SCENARIO_GRID_H

#include "platforms/input/schema.h"
#include "sim/power/smoothing.h"

typedef struct tw_scenario tw_scenario;
struct tw_site_job;

typedef enum { TW_BATTERY_OF_SITE, TW_BATTERY_OF_ACCELERATORS } tw_battery_of;

typedef struct tw_grid {
  double period_s;             /* the site's power is a mean over this period: 1/n seconds */
  double ramp_w_per_s;         /* NAN: it may change at any rate */
  gboolean battery, smoothing; /* Whether there is one. */
  int battery_of;              /* tw_battery_of: the parts that the next two numbers are of */
  double power_w, capacity_j;
  double efficiency; /* round trip: charging, then discharging */
  double charge;     /* share of its capacity that it begins with, and returns to */
  double over_s;     /* time over which it evens out the load */
  double floor; /* least power of an accelerator of a job, over the most that its device draws; NAN: none */
  double up_w_per_s, down_w_per_s; /* ramps of an accelerator of a job; NAN: at once */
  double hold_s;
} tw_grid;

/* Reads the <grid> of a scenario that is read and planned without a fault. */
void tw_scenario_read_grid(tw_scenario *scenario, const xmlNode *root, tw_faults *faults);

/* How all accelerators of a job together are smoothed, NULL: they are not. The caller frees it. */
tw_smoothing *tw_grid_smoothing(const tw_grid *grid, const struct tw_site_job *job);

extern const tw_element tw_grid_element;

#endif
