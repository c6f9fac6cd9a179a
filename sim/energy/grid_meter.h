/* The meter at the grid: what a site draws, given its load, period by period, with a battery between the two.
 *
 *     draw from the grid = load + what goes into the battery
 *
 * The battery lets the grid see the mean M of the load over a time T (an exponential mean), and a correction that brings
 * it back to the charge E that it is to hold:
 *
 *     M' = (load − M) / T,     draw = M + (E − stored) / T
 *
 * so that a step D of the load, without loss, reaches the grid as D (1 + (t/T − 1) exp(−t/T)): it is met at t = T, is
 * exceeded by 13.5 % (exp(−2)) at 2 T, and takes at most D·T/e out of the battery. A load that goes up and down within a
 * time much shorter than T leaves the grid its mean. The draw then is held within the ramp limit of the one before, and
 * within what the battery can give and take: its power, what it holds, and what it has room for. What it cannot is seen by
 * the grid, and counted. Charging and discharging lose alike: each keeps the square root of the efficiency. */
#ifndef TW_SIM_GRID_METER_H
#define TW_SIM_GRID_METER_H

#include "sim/energy/ramps.h"
#include "sim/scenario/grid.h"

typedef struct tw_grid_totals {
  double load_j, drawn_j; /* drawn_j = load_j + loss_j + stored_j − what was stored at the start */
  double loss_j;          /* in the battery */
  double stored_j, least_j, most_j; /* in the battery: now, and the least and most so far */
  double start_j;                   /* charge at the start */
  double exceeded_s;                /* time in which the draw changed faster than the limit */
  double peak_w;                    /* highest draw over a period */
  /* The largest differences between periods of one second: of the load, and of the draw. */
  double load_swing_w, swing_w;
  tw_ramps ramps; /* ramps of the draw */
} tw_grid_totals;

typedef struct tw_grid_meter {
  tw_grid grid;
  double power_w, capacity_j, aim_j, one_way; /* the battery; one_way: its efficiency in one direction */
  double mean_w, drawn_w;                     /* NAN: before the first period */
  double low_w, high_w, low_load_w, high_load_w, second_j; /* bounds and energy of the second under way */
  tw_grid_totals totals;
} tw_grid_meter;

/* For a site of so many accelerators. */
void tw_grid_meter_init(tw_grid_meter *meter, const tw_grid *grid, double accelerators);
/* A period of some length with this load on average: returns the draw from the grid, which is not below 0. */
double tw_grid_meter_period(tw_grid_meter *meter, double load_w, double length_s);
/* The second of that number ends with the last period. */
void tw_grid_meter_second(tw_grid_meter *meter, gint64 second);

#endif
