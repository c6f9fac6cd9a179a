#include "sim/scenario/scenario.h"
#include "sim/scenario/site_power.h"

#include <math.h>

/* ---- Tables ---- */

#define FIELD(name) .offset = offsetof(tw_scenario, name)

#define CAP(key, field, text)                                                                                \
  {                                                                                                          \
    key, TW_ATTR_QUANTITY, TW_POWER, TW_ABSENT, .max = 1e12, .positive = TRUE, FIELD(caps.field),            \
                                                .help = text                                                 \
  }
static const char *const share_names[] = {"demand", "even", NULL};
static const tw_attribute caps_attributes[] = {
    CAP("accelerator", accelerator_w, "of each accelerator"),
    CAP("rack", rack_w, "of the equipment of each rack"),
    CAP("site", site_w, "of the whole site, conversion and cooling included"),
    {"site-file", TW_ATTR_PATH, .fallback = TW_ABSENT, FIELD(caps.site_file),
     .help = "instead, a cap that changes: CSV of a time in seconds and watts"},
    {"period", TW_ATTR_QUANTITY, TW_TIME, "1s", .min = 1e-3, .max = 3600, FIELD(caps.period_s),
     .help = "how often power is measured and shared out"},
    {"delay", TW_ATTR_QUANTITY, TW_TIME, "0s", .max = 3600, FIELD(caps.delay_s),
     .help = "from measuring to acting; not more than the period"},
    {"shares", TW_ATTR_CHOICE, .choices = share_names, .fallback = "demand", FIELD(caps.even),
     .help = "of accelerators in the cap of their rack or site: what they draw, measured every period, and "
             "the rest "
             "evenly; or the same for all at all times"},
    {"clock", TW_ATTR_NUMBER, .fallback = "1", .min = 0.05, .max = 1, FIELD(caps.clock),
     .help = "of all accelerators at most, over the nominal one, whatever they draw"},
    {"slowest-clock", TW_ATTR_NUMBER, .fallback = "0.3", .min = 0.05, .max = 1, FIELD(caps.slowest_clock),
     .help = "over the nominal one; faster ones are the p-states of the hosts, or steps of 0.05 where they "
             "have none"},
    {0}};
static const tw_attribute price_attributes[] = {
    {"usd-per-kwh", TW_ATTR_NUMBER, .fallback = TW_ABSENT, .min = -1e3, .max = 1e3, FIELD(price_usd_per_kwh),
     .help = "the same at all times"},
    {"file", TW_ATTR_PATH, .fallback = TW_ABSENT, FIELD(price_file),
     .help = "CSV of a time in seconds and USD per kWh, evenly spaced; begins again after its end"},
    {0}};
static const tw_attribute carbon_attributes[] = {
    {"g-per-kwh", TW_ATTR_NUMBER, .fallback = TW_ABSENT, .max = 1e5, FIELD(carbon_g_per_kwh),
     .help = "the same at all times"},
    {"file", TW_ATTR_PATH, .fallback = TW_ABSENT, FIELD(carbon_file),
     .help = "CSV of a time in seconds and grams of CO2 per kWh, evenly spaced; begins again after its end"},
    {0}};
static const tw_attribute weather_attributes[] = {
    {"celsius", TW_ATTR_NUMBER, .fallback = TW_ABSENT, .min = -90, .max = 70, FIELD(outside_c),
     .help = "outside, the same at all times"},
    {"file", TW_ATTR_PATH, .fallback = TW_ABSENT, FIELD(weather_file),
     .help = "CSV of a time in seconds and degrees Celsius, evenly spaced; begins again after its end"},
    {0}};
static const tw_attribute cost_attributes[] = {
    {"accelerator-hour", TW_ATTR_NUMBER, .fallback = TW_ABSENT, .max = 1e6, FIELD(accelerator_hour_usd),
     .help = "USD of an hour of one accelerator, electricity apart"},
    {"rack-hour", TW_ATTR_NUMBER, .fallback = TW_ABSENT, .max = 1e6, FIELD(rack_hour_usd),
     .help = "USD of an hour of one rack, electricity apart"},
    {"kv-tb-hour", TW_ATTR_NUMBER, .fallback = TW_ABSENT, .max = 1e6, FIELD(kv_tb_hour_usd),
     .help = "USD of an hour of 10^12 bytes that storage hosts have for KV (tw:kv_bytes), electricity apart"},
    {0}};

/* Either a constant or a file. */
static gboolean check_one(const xmlNode *node, const char *constant, tw_faults *faults)
{
  gboolean has_constant = xmlHasProp(node, BAD_CAST constant) != NULL;
  if (has_constant != (xmlHasProp(node, BAD_CAST "file") != NULL))
    return TRUE;
  tw_node_fault(node, faults, "give <%s> either %s=\"...\" or file=\"...\"", (const char *)node->name,
                constant);
  return FALSE;
}

static gboolean check_price(const xmlNode *node, const void *target, tw_faults *faults)
{
  (void)target;
  return check_one(node, price_attributes[0].name, faults);
}

static gboolean check_carbon(const xmlNode *node, const void *target, tw_faults *faults)
{
  (void)target;
  return check_one(node, carbon_attributes[0].name, faults);
}

static gboolean check_weather(const xmlNode *node, const void *target, tw_faults *faults)
{
  (void)target;
  return check_one(node, weather_attributes[0].name, faults);
}

static gboolean check_caps(const xmlNode *node, const void *target, tw_faults *faults)
{
  const tw_scenario *scenario = target;
  const tw_caps *caps = &scenario->caps;
  if (caps->delay_s > caps->period_s)
    tw_node_fault(node, faults,
                  "delay must not be more than period; write a longer period or a shorter delay");
  else if (caps->clock < caps->slowest_clock)
    tw_node_fault(node, faults, "clock is below slowest-clock; write slowest-clock=\"%g\" or less beside it",
                  caps->clock);
  else
    return TRUE;
  return FALSE;
}

const tw_element tw_caps_element = {"power-cap", "limits on power, held by slower clocks", caps_attributes,
                                    NULL, check_caps};
const tw_element tw_price_element = {"price", "of electricity", price_attributes, NULL, check_price};
const tw_element tw_carbon_element = {"carbon", "intensity of electricity", carbon_attributes, NULL,
                                      check_carbon};
const tw_element tw_weather_element = {"weather", "outside the site, for cooling", weather_attributes, NULL,
                                       check_weather};
const tw_element tw_cost_element = {"cost", "capital and operation, electricity apart", cost_attributes, NULL,
                                    NULL};

/* ---- Reading ---- */

/* Reads an element that is a constant or a file. */
static void read_series(tw_scenario *scenario, const xmlNode *root, const tw_element *element,
                        double *constant)
{
  const xmlNode *node = tw_node_child(root, element->name);
  *constant = NAN;
  if (node != NULL)
    tw_schema_read(node, element, scenario);
}

void tw_scenario_read_power(tw_scenario *scenario, const xmlNode *root)
{
  read_series(scenario, root, &tw_price_element, &scenario->price_usd_per_kwh);
  read_series(scenario, root, &tw_carbon_element, &scenario->carbon_g_per_kwh);
  read_series(scenario, root, &tw_weather_element, &scenario->outside_c);
  tw_schema_read(tw_node_child(root, tw_cost_element.name), &tw_cost_element, scenario);
}

/* Whether power is limited, and not the clock alone. */
static gboolean caps_power(const tw_caps *caps)
{
  return caps->site_file != NULL || !isnan(caps->site_w) || !isnan(caps->accelerator_w) ||
         !isnan(caps->rack_w);
}

void tw_scenario_read_caps(tw_scenario *scenario, const xmlNode *root, tw_faults *faults)
{
  const xmlNode *node = tw_node_child(root, tw_caps_element.name);
  tw_caps *caps = &scenario->caps;
  caps->accelerator_w = caps->rack_w = caps->site_w = NAN;
  caps->clock = 1;
  if (node == NULL)
    return;
  tw_schema_read(node, &tw_caps_element, scenario);
  if (caps->site_file != NULL && !isnan(caps->site_w))
    tw_node_fault(node, faults, "the site has two caps; give either site=\"...\" or site-file=\"...\"");
  else if (!caps_power(caps) && caps->clock == 1)
    tw_node_fault(node, faults,
                  "<power-cap> caps nothing; give it accelerator=\"...\", rack=\"...\", site=\"...\" or "
                  "clock=\"...\"");
}

/* A cap that idle equipment and the jobs exceed can never be held. */
static void check_idle(const tw_scenario *scenario, const xmlNode *node, tw_faults *faults)
{
  const tw_caps *caps = &scenario->caps;
  const tw_platform *platform = scenario->platform;
  g_autoptr(tw_site_power) power = tw_site_power_new(scenario);
  if (power->missing != NULL) {
    tw_node_fault(node, faults, "power cannot be capped because it is not known: the platform lacks %s",
                  power->missing);
    return;
  }
  const char *drawn = scenario->n_jobs > 0 ? "when its engines are idle" : "when idle";
  double site_w = power->site.spare_w + power->site.host_w + power->site.network_w + power->site.jobs_w;
  g_autofree double *rack_w = g_new0(double, (gsize)platform->n_racks);
  for (int i = 0; i < platform->n_racks; i++)
    rack_w[i] =
        power->racks[i].spare_w + power->racks[i].host_w + power->racks[i].network_w + power->racks[i].jobs_w;
  for (int i = 0; i < scenario->plan.n_engines; i++) {
    const tw_pool *pool = &scenario->pools[scenario->plan.engines[i].pool];
    int rack = platform->zones[platform->hosts[scenario->plan.engines[i].shares[0].host].zone].rack_index;
    double idle_w = pool->plan.power.idle_w * pool->plan.power.accelerators;
    site_w += idle_w;
    if (rack >= 0)
      rack_w[rack] += idle_w;
    if (caps->accelerator_w <= pool->plan.power.idle_w)
      tw_node_fault(node, faults, "accelerator: %s draws %g W when idle; write a higher cap",
                    pool->plan.device->label, pool->plan.power.idle_w);
  }
  for (int i = 0; i < platform->n_racks; i++)
    if (caps->rack_w <= rack_w[i])
      tw_node_fault(node, faults, "rack: \"%s\" draws %.0f W %s; write a higher cap", platform->racks[i],
                    rack_w[i], drawn);
  double outside_c = scenario->plan.weather != NULL ? tw_stairs_at(scenario->plan.weather, 0) : NAN;
  double idle_w = tw_supply_site_w(&platform->supply, site_w, outside_c);
  if (scenario->plan.site_cap != NULL && tw_stairs_min(scenario->plan.site_cap) <= idle_w)
    tw_node_fault(node, faults, "site: it draws %.0f W %s; write a higher cap than %.0f W", idle_w, drawn,
                  tw_stairs_min(scenario->plan.site_cap));
}

/* The series of a price, of carbon or of weather over time; NULL where it is not given, or with faults. */
static tw_stairs *plan_series(const tw_scenario *scenario, const tw_element *element, double constant,
                              const char *file, tw_faults *faults)
{
  const tw_attribute *row = &element->attributes[0];
  if (file == NULL)
    return isnan(constant) ? NULL : tw_stairs_constant(constant);
  tw_stairs *series = tw_stairs_load(file, TRUE, row->min, row->max, faults);
  if (series != NULL)
    tw_stairs_shift(series, scenario->utc_offset_s);
  return series;
}

static tw_stairs *plan_site_cap(const tw_caps *caps, tw_faults *faults)
{
  if (caps->site_file != NULL)
    return tw_stairs_load(caps->site_file, FALSE, 1, 1e12, faults);
  return isnan(caps->site_w) ? NULL : tw_stairs_constant(caps->site_w);
}

void tw_scenario_plan_power(tw_scenario *scenario, const xmlNode *root, tw_faults *faults)
{
  tw_scenario_plan *plan = &scenario->plan;
  plan->site_cap = plan_site_cap(&scenario->caps, faults);
  plan->price =
      plan_series(scenario, &tw_price_element, scenario->price_usd_per_kwh, scenario->price_file, faults);
  plan->carbon =
      plan_series(scenario, &tw_carbon_element, scenario->carbon_g_per_kwh, scenario->carbon_file, faults);
  plan->weather =
      plan_series(scenario, &tw_weather_element, scenario->outside_c, scenario->weather_file, faults);
  const xmlNode *caps = tw_node_child(root, tw_caps_element.name);
  if (caps != NULL && caps_power(&scenario->caps) && tw_faults_count(faults) == 0)
    check_idle(scenario, caps, faults);
  if (scenario->platform != NULL && scenario->platform->supply.per_degree > 0 &&
      scenario->plan.weather == NULL)
    tw_node_fault(root, faults,
                  "the platform's PUE depends on the outside temperature (tw:pue_per_degree), which "
                  "is not given; add <weather celsius=\"15\"/> or <weather file=\"...\"/>");
}

void tw_scenario_clear_power(tw_scenario *scenario)
{
  tw_schema_clear(&tw_caps_element, scenario);
  tw_schema_clear(&tw_price_element, scenario);
  tw_schema_clear(&tw_carbon_element, scenario);
  tw_schema_clear(&tw_weather_element, scenario);
}
