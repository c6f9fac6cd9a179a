#include "sim/energy/grid_meter.h"

#include <math.h>

#define TOLERANCE 1e-9 /* relative: of ramps to the draw */

static void begin_second(tw_grid_meter *m)
{
  m->low_w = m->low_load_w = INFINITY;
  m->high_w = m->high_load_w = -INFINITY;
  m->second_j = 0;
}

void tw_grid_meter_init(tw_grid_meter *m, const tw_grid *grid, double accelerators)
{
  double units = grid->battery_of == TW_BATTERY_OF_ACCELERATORS ? accelerators : 1;
  *m = (tw_grid_meter){.grid = *grid, .mean_w = NAN, .drawn_w = NAN, .one_way = 1};
  if (grid->battery) {
    m->power_w = grid->power_w * units;
    m->capacity_j = grid->capacity_j * units;
    m->aim_j = grid->charge * m->capacity_j;
    m->one_way = sqrt(grid->efficiency);
  }
  m->totals = (tw_grid_totals){.stored_j = m->aim_j,
                               .least_j = m->aim_j,
                               .most_j = m->aim_j,
                               .start_j = m->aim_j,
                               .peak_w = NAN,
                               .load_swing_w = NAN,
                               .swing_w = NAN,
                               .ramps = tw_ramps_none()};
  begin_second(m);
}

/* The draw that the battery aims at. */
static double wanted_w(tw_grid_meter *m, double load_w, double length_s)
{
  const tw_grid *grid = &m->grid;
  if (isnan(m->mean_w))
    m->mean_w = m->drawn_w = load_w;
  m->mean_w += (load_w - m->mean_w) * -expm1(-length_s / grid->over_s);
  double draw_w = m->mean_w + (m->aim_j - m->totals.stored_j) / grid->over_s;
  if (!isnan(grid->ramp_w_per_s))
    draw_w =
        CLAMP(draw_w, m->drawn_w - grid->ramp_w_per_s * length_s, m->drawn_w + grid->ramp_w_per_s * length_s);
  return fmax(0, draw_w);
}

/* Lets the battery take `watts`, or give them where they are below 0, as far as it can. Returns what it takes. */
static double exchange(tw_grid_meter *m, double watts, double length_s)
{
  tw_grid_totals *t = &m->totals;
  double room_w = (m->capacity_j - t->stored_j) / (m->one_way * length_s),
         held_w = t->stored_j * m->one_way / length_s;
  double taken_w = CLAMP(watts, -fmin(m->power_w, fmax(0, held_w)), fmin(m->power_w, fmax(0, room_w)));
  double kept_w = taken_w > 0 ? taken_w * m->one_way : taken_w / m->one_way;
  t->stored_j = CLAMP(t->stored_j + kept_w * length_s, 0, m->capacity_j);
  t->loss_j += (taken_w - kept_w) * length_s;
  t->least_j = fmin(t->least_j, t->stored_j);
  t->most_j = fmax(t->most_j, t->stored_j);
  return taken_w;
}

static void note(tw_grid_meter *m, double load_w, double drawn_w, double length_s)
{
  tw_grid_totals *t = &m->totals;
  double most_w = m->grid.ramp_w_per_s * length_s + TOLERANCE * drawn_w;
  if (fabs(drawn_w - m->drawn_w) > most_w)
    t->exceeded_s += length_s;
  t->load_j += load_w * length_s;
  t->drawn_j += drawn_w * length_s;
  t->peak_w = fmax(t->peak_w, drawn_w);
  m->low_w = fmin(m->low_w, drawn_w);
  m->high_w = fmax(m->high_w, drawn_w);
  m->low_load_w = fmin(m->low_load_w, load_w);
  m->high_load_w = fmax(m->high_load_w, load_w);
  m->second_j += drawn_w * length_s;
}

double tw_grid_meter_period(tw_grid_meter *m, double load_w, double length_s)
{
  double drawn_w = load_w;
  if (m->grid.battery)
    drawn_w += exchange(m, wanted_w(m, load_w, length_s) - load_w, length_s);
  note(m, load_w, drawn_w, length_s);
  m->drawn_w = drawn_w;
  return drawn_w;
}

void tw_grid_meter_second(tw_grid_meter *m, gint64 second)
{
  tw_grid_totals *t = &m->totals;
  t->swing_w = fmax(t->swing_w, m->high_w - m->low_w);
  t->load_swing_w = fmax(t->load_swing_w, m->high_load_w - m->low_load_w);
  tw_ramps_follow(&t->ramps, second, m->second_j);
  begin_second(m);
}
