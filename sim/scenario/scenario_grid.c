/* The <grid>: its table, and whether it can be. */
#include "sim/scenario/grid.h"
#include "sim/scenario/scenario.h"
#include "sim/scenario/site_power.h"

#include <math.h>

#define GRID(name) .offset = offsetof(tw_grid, name)

static const char *const battery_of_names[] = {"site", "accelerator", NULL};

static const tw_attribute battery_attributes[] = {
    {"of", TW_ATTR_CHOICE, .fallback = "site", .choices = battery_of_names, GRID(battery_of),
     .help = "whose power and capacity are given: one of the site, or one for each accelerator of the "
             "platform, such as "
             "capacitors in its power supply, which act together"},
    {"power", TW_ATTR_QUANTITY, TW_POWER, .max = 1e12, .positive = TRUE, GRID(power_w),
     .help = "at most, into it or out of it"},
    {"capacity", TW_ATTR_QUANTITY, TW_ENERGY, .max = 1e18, .positive = TRUE, GRID(capacity_j),
     .help = "energy that it holds"},
    {"efficiency", TW_ATTR_NUMBER, .fallback = "0.9", .positive = TRUE, .max = 1, GRID(efficiency),
     .help = "energy out of it over energy into it; half of the loss (by ratio) falls on either way. The "
             "default is an "
             "estimate"},
    {"charge", TW_ATTR_NUMBER, .fallback = "0.5", .max = 1, GRID(charge),
     .help = "share of the capacity that it holds at the start, and comes back to"},
    {"over", TW_ATTR_QUANTITY, TW_TIME, "10s", .max = 86400, .positive = TRUE, GRID(over_s),
     .help = "time over which it evens out the load: after a step, the draw from the grid goes to the new "
             "load in so long, "
             "and goes beyond it for as long, to fill the battery again"},
    {0}};
static const tw_element battery_element = {
    "battery", "takes what the load changes faster than the grid should see", battery_attributes, NULL, NULL};

#define RATE(key, field, text)                                                                               \
  {                                                                                                          \
    key, TW_ATTR_QUANTITY, TW_POWER, TW_ABSENT, .max = 1e9, .positive = TRUE, GRID(field), .help = text      \
  }
static const tw_attribute smoothing_attributes[] = {
    {"floor", TW_ATTR_NUMBER, .fallback = TW_ABSENT, .max = 1, GRID(floor),
     .help = "of power while computing and for `hold` after it, over the most that the device draws: what "
             "computing does "
             "not need is burnt"},
    {"hold", TW_ATTR_QUANTITY, TW_TIME, "10s", .max = 86400, GRID(hold_s),
     .help = "how long the floor holds after the last computation; the default is an estimate"},
    RATE("ramp-up", up_w_per_s,
         "of an accelerator's power in each second: computing is slower until it has what it needs"),
    RATE("ramp-down", down_w_per_s,
         "of an accelerator's power in each second: what computing does not need is burnt"),
    {0}};
static gboolean check_smoothing(const xmlNode *node, const void *target, tw_faults *faults)
{
  const tw_grid *grid = target;
  if (!isnan(grid->floor) || !isnan(grid->up_w_per_s) || !isnan(grid->down_w_per_s))
    return TRUE;
  tw_node_fault(node, faults,
                "<smoothing> smooths nothing; give it floor=\"...\", ramp-up=\"...\" or ramp-down=\"...\"");
  return FALSE;
}
static const tw_element smoothing_element = {"smoothing", "of the power of each accelerator of jobs",
                                             smoothing_attributes, NULL, check_smoothing};

static const tw_attribute grid_attributes[] = {
    {"period", TW_ATTR_QUANTITY, TW_TIME, "10ms", .min = 1e-3, .max = 1, GRID(period_s),
     .help = "whose mean power counts; a whole number of them make a second"},
    {"ramp", TW_ATTR_QUANTITY, TW_POWER, TW_ABSENT, .max = 1e12, .positive = TRUE, GRID(ramp_w_per_s),
     .help = "most by which the draw from the grid should change in a second, up or down: the battery holds "
             "it as long as "
             "it can"},
    {0}};
static gboolean check_grid(const xmlNode *node, const void *target, tw_faults *faults)
{
  const tw_grid *grid = target;
  double n = 1 / grid->period_s;
  if (fabs(n - round(n)) < 1e-6)
    return TRUE;
  tw_node_fault(node, faults,
                "period: no whole number of %g s makes a second; write 10ms, 20ms, 50ms or 100ms",
                grid->period_s);
  return FALSE;
}
static const tw_child grid_children[] = {{&battery_element, 0, 1}, {&smoothing_element, 0, 1}, {0}};
const tw_element tw_grid_element = {"grid", "what feeds the site, and what it bears", grid_attributes,
                                    grid_children, check_grid};

void tw_scenario_read_grid(tw_scenario *scenario, const xmlNode *root, tw_faults *faults)
{
  const xmlNode *node = tw_node_child(root, tw_grid_element.name);
  if (node == NULL)
    return;
  tw_grid *grid = scenario->grid = g_new0(tw_grid, 1);
  tw_schema_read(node, &tw_grid_element, grid);
  const xmlNode *battery = tw_node_child(node, battery_element.name),
                *smoothing = tw_node_child(node, smoothing_element.name);
  grid->battery = battery != NULL;
  grid->smoothing = smoothing != NULL;
  if (grid->battery)
    tw_schema_read(battery, &battery_element, grid);
  if (grid->smoothing)
    tw_schema_read(smoothing, &smoothing_element, grid);
  if (grid->smoothing && scenario->n_jobs == 0)
    tw_node_fault(smoothing, faults,
                  "the scenario has no <job> whose accelerators could be smoothed; add one, or leave it out");
  g_autoptr(tw_site_power) power = tw_site_power_new(scenario);
  if (power->missing != NULL)
    tw_node_fault(node, faults, "what the grid sees is not known: the platform lacks %s", power->missing);
}

static double rate(double w_per_s, double accelerators)
{
  return isnan(w_per_s) ? INFINITY : w_per_s * accelerators;
}

tw_smoothing *tw_grid_smoothing(const tw_grid *grid, const tw_site_job *job)
{
  if (grid == NULL || !grid->smoothing)
    return NULL;
  const tw_power_law *law = &job->plan.power;
  double n = (double)tw_site_job_accelerators(job),
         floor_w = isnan(grid->floor) ? 0 : grid->floor * law->max_w - law->idle_w;
  tw_smoothing *smoothing = g_new(tw_smoothing, 1);
  *smoothing = (tw_smoothing){fmax(0, floor_w) * n, rate(grid->up_w_per_s, n), rate(grid->down_w_per_s, n),
                              grid->hold_s};
  return smoothing;
}
