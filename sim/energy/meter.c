#include "sim/energy/meter.h"

#include <math.h>

#define JOULES_PER_KWH 3.6e6
#define SLIVER_S       1e-9 /* a part of a period that is shorter has no power of its own: rounding would tell it */

/* A row that waits for the end of a window. */
typedef struct waiting_row {
  tw_site_row row;
  double length_s;
  double accelerator_j, host_j, network_j, overhead_j;
  double window_j; /* joules of the equipment in the window under way */
  double grid_j;   /* drawn from the grid */
} waiting_row;

/* A part of the window under way, between two cuts. */
typedef struct slice {
  int period;
  guint row; /* by its number in `rows`; the current one stands behind them */
  double length_s, it_j;
} slice;

struct tw_meter {
  const tw_scenario *scenario;
  const tw_site_power *power;
  tw_log *log;
  gint64 window; /* the window under way, which begins at its number in seconds */
  double cut_s;
  tw_drawn drawn; /* joules up to the cut */
  double window_it_j;
  waiting_row current;
  GArray *rows; /* rows (waiting_row) that lack the window's overhead alone */
  tw_energy total;
  tw_energy whole; /* the part of the total up to the end of the last whole window */
  double whole_s;
  tw_meter_watcher *watcher; /* NULL: nobody watches */
  void *user;
  tw_grid_meter *grid; /* NULL: there is none, nor slices */
  int period, periods; /* the one under way in the window, and how many it has */
  GArray *slices;      /* elements: slice */
};

tw_meter *tw_meter_new(const tw_scenario *scenario, const tw_site_power *power, tw_log *log)
{
  tw_meter *meter = g_new0(tw_meter, 1);
  *meter = (tw_meter){.scenario = scenario,
                      .power = power,
                      .log = log,
                      .rows = g_array_new(FALSE, FALSE, sizeof(waiting_row)),
                      .total = {.peak_w = NAN, .peak_it_w = NAN, .ramps = tw_ramps_none()},
                      .slices = g_array_new(FALSE, FALSE, sizeof(slice))};
  if (scenario->grid != NULL) {
    meter->grid = g_new(tw_grid_meter, 1);
    tw_grid_meter_init(meter->grid, scenario->grid, (double)tw_platform_accelerators(scenario->platform));
    meter->periods = (int)lround(1 / scenario->grid->period_s);
  }
  return meter;
}

void tw_meter_free(tw_meter *meter)
{
  if (meter == NULL)
    return;
  g_array_unref(meter->rows);
  g_array_unref(meter->slices);
  g_free(meter->grid);
  g_free(meter);
}

void tw_meter_watch(tw_meter *meter, tw_meter_watcher *watcher, void *user)
{
  meter->watcher = watcher;
  meter->user = user;
}

static double window_end(const tw_meter *meter)
{
  return meter->power->missing == NULL ? (double)(meter->window + 1) : INFINITY;
}

double tw_meter_due(const tw_meter *meter)
{
  if (meter->grid == NULL || meter->period + 1 >= meter->periods)
    return window_end(meter);
  return (double)meter->window + (double)(meter->period + 1) / meter->periods;
}

static double watts(double joules, double length_s)
{
  return length_s > 0 ? joules / length_s : NAN;
}

static void write_row(tw_meter *meter, waiting_row *r)
{
  tw_site_row *row = &r->row;
  row->accelerator_w = watts(r->accelerator_j, r->length_s);
  row->host_w = watts(r->host_j, r->length_s);
  row->network_w = watts(r->network_j, r->length_s);
  row->overhead_w = watts(r->overhead_j, r->length_s);
  if (meter->grid != NULL)
    row->grid_w = watts(r->grid_j, r->length_s);
  if (meter->scenario->plan.price != NULL)
    row->price_usd_per_kwh = tw_stairs_at(meter->scenario->plan.price, row->start_s);
  if (meter->scenario->plan.carbon != NULL)
    row->carbon_g_per_kwh = tw_stairs_at(meter->scenario->plan.carbon, row->start_s);
  tw_log_site(meter->log, row);
}

static void write_rows(tw_meter *meter)
{
  for (guint i = 0; i < meter->rows->len; i++)
    write_row(meter, &g_array_index(meter->rows, waiting_row, i));
  g_array_set_size(meter->rows, 0);
}

static double rate(const tw_stairs *series, double time_s)
{
  return series != NULL ? tw_stairs_at(series, time_s) : NAN;
}

static waiting_row *row_at(tw_meter *meter, guint row)
{
  return row < meter->rows->len ? &g_array_index(meter->rows, waiting_row, row) : &meter->current;
}

/* Adds what the slices [from, to) of a period draw to the grid's meter, and returns it; a joule of equipment is `of_it`
 * joules of the site. */
static double draw_period(tw_meter *meter, guint from, guint to, double of_it)
{
  double it_j = 0, length_s = 0;
  for (guint i = from; i < to; i++) {
    it_j += g_array_index(meter->slices, slice, i).it_j;
    length_s += g_array_index(meter->slices, slice, i).length_s;
  }
  if (length_s < SLIVER_S)
    return of_it * it_j;
  double drawn_w = tw_grid_meter_period(meter->grid, of_it * it_j / length_s, length_s);
  for (guint i = from; i < to; i++) {
    const slice *s = &g_array_index(meter->slices, slice, i);
    waiting_row *row = row_at(meter, s->row);
    row->grid_j += drawn_w * s->length_s;
    if (meter->grid->grid.battery && s->length_s >= SLIVER_S)
      row->row.stored_j = meter->grid->totals.stored_j;
  }
  return drawn_w * length_s;
}

/* Adds what the window draws to the grid's meter, and returns it: `of_it` joules of the site for each of its equipment;
 * `whole`: it was a second. */
static double draw_window(tw_meter *meter, double of_it, gboolean whole)
{
  double drawn_j = 0;
  for (guint from = 0, to; from < meter->slices->len; from = to) {
    int period = g_array_index(meter->slices, slice, from).period;
    for (to = from; to < meter->slices->len && g_array_index(meter->slices, slice, to).period == period; to++)
      continue;
    drawn_j += draw_period(meter, from, to, of_it);
  }
  if (whole)
    tw_grid_meter_second(meter->grid, meter->window);
  g_array_set_size(meter->slices, 0);
  meter->period = 0;
  return drawn_j;
}

/* The window has ended at the last cut: what its load adds. */
static void end_window(tw_meter *meter)
{
  const tw_scenario *scenario = meter->scenario;
  double start_s = (double)meter->window, length_s = meter->cut_s - start_s;
  if (length_s <= 0)
    return;
  double it_w = meter->window_it_j / length_s;
  double site_w = tw_supply_site_w(&scenario->platform->supply, it_w, rate(scenario->plan.weather, start_s));
  double site_j = site_w * length_s, added = site_w / it_w - 1;
  double drawn_j = meter->grid != NULL ? draw_window(meter, site_w / it_w, length_s >= 1) : site_j;
  meter->total.overhead_j += site_j - meter->window_it_j;
  meter->total.usd += drawn_j / JOULES_PER_KWH * rate(scenario->plan.price, start_s);
  meter->total.grams += drawn_j / JOULES_PER_KWH * rate(scenario->plan.carbon, start_s);
  if (length_s >= 1) {
    tw_ramps_follow(&meter->total.ramps, meter->window, site_w);
    meter->total.peak_w = fmax(meter->total.peak_w, site_w);
    meter->total.peak_it_w = fmax(meter->total.peak_it_w, it_w);
    if (meter->watcher != NULL)
      meter->watcher(meter->user, site_w, it_w);
  }
  for (guint i = 0; i < meter->rows->len; i++) {
    waiting_row *row = &g_array_index(meter->rows, waiting_row, i);
    row->overhead_j += added * row->window_j;
  }
  meter->current.overhead_j += added * meter->current.window_j;
  meter->current.window_j = meter->window_it_j = 0;
  meter->window++;
  if (length_s >= 1) {
    meter->whole = meter->total;
    meter->whole_s = (double)meter->window;
  }
  write_rows(meter);
}

void tw_meter_cut(tw_meter *meter, double now_s, const tw_drawn *drawn)
{
  const tw_power_parts *parts = &meter->power->site;
  double span_s = now_s - meter->cut_s;
  double accelerator_j = drawn->engines_j - meter->drawn.engines_j + parts->spare_w * span_s;
  accelerator_j += drawn->jobs_j - meter->drawn.jobs_j;
  double host_j = drawn->following_j - meter->drawn.following_j + parts->host_w * span_s;
  double network_j = drawn->flows_j - meter->drawn.flows_j + parts->network_w * span_s;
  double it_j = accelerator_j + host_j + network_j;
  waiting_row *current = &meter->current;
  current->accelerator_j += accelerator_j;
  current->host_j += host_j;
  current->network_j += network_j;
  current->window_j += it_j;
  meter->window_it_j += it_j;
  meter->total.accelerator_j += accelerator_j;
  meter->total.host_j += host_j;
  meter->total.network_j += network_j;
  if (meter->grid != NULL) {
    slice s = {meter->period, meter->rows->len, span_s, it_j};
    g_array_append_val(meter->slices, s);
    meter->period += now_s >= tw_meter_due(meter) ? 1 : 0;
  }
  meter->cut_s = now_s;
  meter->drawn = *drawn;
  if (now_s >= window_end(meter))
    end_window(meter);
}

void tw_meter_row(tw_meter *meter, const tw_site_row *row, double length_s)
{
  waiting_row *current = &meter->current;
  current->row = *row;
  current->length_s = length_s;
  if (meter->power->missing != NULL)
    current->overhead_j = NAN;
  g_array_append_val(meter->rows, *current);
  *current = (waiting_row){.overhead_j = 0};
  /* Nothing of the row lies in the window under way. */
  if (meter->power->missing != NULL || meter->cut_s <= (double)meter->window)
    write_rows(meter);
}

void tw_meter_close(tw_meter *meter)
{
  if (meter->power->missing == NULL)
    end_window(meter);
  else
    meter->total.overhead_j = meter->total.usd = meter->total.grams = NAN;
  write_rows(meter);
}

tw_energy tw_meter_total(const tw_meter *meter)
{
  return meter->total;
}

const tw_grid_totals *tw_meter_grid(const tw_meter *meter)
{
  return meter->grid != NULL ? &meter->grid->totals : NULL;
}

tw_energy tw_meter_whole(const tw_meter *meter, double *whole_s)
{
  *whole_s = meter->whole_s;
  return meter->whole;
}
