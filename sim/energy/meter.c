#include "sim/energy/meter.h"

#include <math.h>

#define JOULES_PER_KWH 3.6e6

/* A row that waits for the end of a window. */
typedef struct waiting_row {
  tw_site_row row;
  double length_s;
  double accelerator_j, host_j, network_j, overhead_j;
  double window_j; /* joules of the equipment in the window under way */
} waiting_row;

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
  double before_w, minute_w,
      minute_j; /* mean power of the window and of the minute before; joules of this minute */
};

tw_meter *tw_meter_new(const tw_scenario *scenario, const tw_site_power *power, tw_log *log)
{
  tw_meter *meter = g_new0(tw_meter, 1);
  *meter = (tw_meter){.scenario = scenario,
                      .power = power,
                      .log = log,
                      .rows = g_array_new(FALSE, FALSE, sizeof(waiting_row)),
                      .total = {.peak_w = NAN, .peak_it_w = NAN, .ramp_w_per_s = NAN, .ramp_w_per_min = NAN},
                      .before_w = NAN,
                      .minute_w = NAN};
  return meter;
}

void tw_meter_free(tw_meter *meter)
{
  if (meter == NULL)
    return;
  g_array_unref(meter->rows);
  g_free(meter);
}

double tw_meter_window_end(const tw_meter *meter)
{
  return meter->power->missing == NULL ? (double)(meter->window + 1) : INFINITY;
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

/* Follows how fast the site's power changes; `site_w`: of a whole window of a second. */
static void follow_ramps(tw_meter *meter, double site_w)
{
  enum { MINUTE = 60 };
  meter->total.ramp_w_per_s = fmax(meter->total.ramp_w_per_s, fabs(site_w - meter->before_w));
  meter->before_w = site_w;
  meter->minute_j += site_w;
  if ((meter->window + 1) % MINUTE != 0)
    return;
  double minute_w = meter->minute_j / MINUTE;
  meter->total.ramp_w_per_min = fmax(meter->total.ramp_w_per_min, fabs(minute_w - meter->minute_w));
  meter->minute_w = minute_w;
  meter->minute_j = 0;
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
  meter->total.overhead_j += site_j - meter->window_it_j;
  meter->total.usd += site_j / JOULES_PER_KWH * rate(scenario->plan.price, start_s);
  meter->total.grams += site_j / JOULES_PER_KWH * rate(scenario->plan.carbon, start_s);
  if (length_s >= 1) {
    follow_ramps(meter, site_w);
    meter->total.peak_w = fmax(meter->total.peak_w, site_w);
    meter->total.peak_it_w = fmax(meter->total.peak_it_w, it_w);
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
  meter->cut_s = now_s;
  meter->drawn = *drawn;
  if (now_s >= tw_meter_window_end(meter))
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

tw_energy tw_meter_whole(const tw_meter *meter, double *whole_s)
{
  *whole_s = meter->whole_s;
  return meter->whole;
}
