/* The meter of the site: joules by part, dollars and grams, over a whole run and for every row of the site's
 * table.
 *
 *     cuts    0 ─────┼────────┼─────┼──┼──── ...   ends of windows and of rows
 *     windows |      1 s      |     1 s    |       conversion and cooling (PUE), price, peak
 *     rows    |   0.7 s  |   0.7 s  |              what is logged
 *
 * The factory cuts time at the end of every window of one second and of every row. What conversion and
 * cooling add depends on the load, not in proportion: it is computed from a window's average load, whatever
 * the rows are, and falls on the rows by their joules in it. So rows are written when their last window has
 * ended. Prices, carbon intensity and temperature change on whole seconds.
 *
 * Where the scenario has a <grid>, time is cut at the end of each of its periods, too. What the site draws from the grid
 * is known as a window ends, when the load of its periods is; dollars and grams are for that. */
#ifndef TW_SIM_METER_H
#define TW_SIM_METER_H

#include "sim/energy/grid_meter.h"
#include "sim/log/log_writer.h"
#include "sim/scenario/site_power.h"

typedef struct tw_meter tw_meter;

typedef struct tw_energy {
  double accelerator_j, host_j, network_j,
      overhead_j;    /* NAN where unknown; overhead: conversion and cooling */
  double usd, grams; /* cost and emissions of electricity; NAN where the scenario has no price or intensity */
  tw_ramps ramps;    /* ramps of the site's power */
  double peak_w, peak_it_w; /* the highest means over whole windows; NAN in a run without one */
} tw_energy;

/* `log` may be NULL. All are borrowed. */
tw_meter *tw_meter_new(const tw_scenario *scenario, const tw_site_power *power, tw_log *log);
void tw_meter_free(tw_meter *meter);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tw_meter, tw_meter_free)

/* When the window or period under way ends; INFINITY where nothing needs them. */
double tw_meter_due(const tw_meter *meter);

/* Joules since the start of the run: those of the accelerators of engines and of jobs, those of hosts beyond their
 * draw without load, and those of links for the flows that they carried. */
typedef struct tw_drawn {
  double engines_j, jobs_j, following_j, flows_j;
} tw_drawn;
/* Has `watcher` see the mean power of the site and of its equipment over every whole window, NULL: nobody. */
typedef void tw_meter_watcher(void *user, double site_w, double it_w);
void tw_meter_watch(tw_meter *meter, tw_meter_watcher *watcher, void *user);

/* Counts the joules up to now_s, which is at most tw_meter_due. */
void tw_meter_cut(tw_meter *meter, double now_s, const tw_drawn *drawn);
/* The row that ends at the last cut: completes and writes it, now or later. */
void tw_meter_row(tw_meter *meter, const tw_site_row *row, double length_s);
/* The run ended at the last cut: writes what is left. */
void tw_meter_close(tw_meter *meter);

tw_energy tw_meter_total(const tw_meter *meter);
/* The draw that the grid has seen up to the end of the last window; NULL without a <grid>. */
const tw_grid_totals *tw_meter_grid(const tw_meter *meter);
/* Up to the end of the last whole second, which `whole_s` gets; 0 where nothing needs windows. */
tw_energy tw_meter_whole(const tw_meter *meter, double *whole_s);

#endif
