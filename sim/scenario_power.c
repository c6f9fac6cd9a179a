#include "sim/scenario.h"

#include <math.h>

/* ---- Tables ---- */

#define FIELD(name) .offset = offsetof(tw_scenario, name)

static const tw_attribute price_attributes[] = {
    {"usd-per-kwh", TW_ATTR_NUMBER, .fallback = TW_ABSENT, .max = 1e3, FIELD(price_usd_per_kwh),
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

const tw_element tw_price_element = {"price", "of electricity", price_attributes, NULL, check_price};
const tw_element tw_carbon_element = {"carbon", "intensity of electricity", carbon_attributes, NULL,
                                      check_carbon};
const tw_element tw_weather_element = {"weather", "outside the site, for cooling", weather_attributes, NULL,
                                       check_weather};
const tw_element tw_cost_element = {"cost", "capital and operation, electricity apart", cost_attributes, NULL,
                                    NULL};

/* ---- Reading ---- */

/* Reads an element that is a constant or a file; NULL where it is absent, or with faults. */
static tw_stairs *read_series(tw_scenario *scenario, const xmlNode *root, const tw_element *element,
                              double *constant, char **file, tw_faults *faults)
{
  const xmlNode *node = tw_node_child(root, element->name);
  *constant = NAN;
  if (node == NULL)
    return NULL;
  tw_schema_read(node, element, scenario);
  const tw_attribute *row = &element->attributes[0];
  return *file != NULL ? tw_stairs_load(*file, TRUE, row->min, row->max, faults)
                       : tw_stairs_constant(*constant);
}

void tw_scenario_read_power(tw_scenario *scenario, const xmlNode *root, tw_faults *faults)
{
  const xmlNode *cost = tw_node_child(root, tw_cost_element.name);
  scenario->price = read_series(scenario, root, &tw_price_element, &scenario->price_usd_per_kwh,
                                &scenario->price_file, faults);
  scenario->carbon = read_series(scenario, root, &tw_carbon_element, &scenario->carbon_g_per_kwh,
                                 &scenario->carbon_file, faults);
  scenario->weather =
      read_series(scenario, root, &tw_weather_element, &scenario->outside_c, &scenario->weather_file, faults);
  tw_schema_read(cost, &tw_cost_element, scenario);
  if (scenario->platform != NULL && scenario->platform->supply.per_degree > 0 && scenario->weather == NULL)
    tw_node_fault(root, faults,
                  "the platform's PUE depends on the outside temperature (tw:pue_per_degree), which "
                  "is not given; add <weather celsius=\"15\"/> or <weather file=\"...\"/>");
}

void tw_scenario_clear_power(tw_scenario *scenario)
{
  tw_stairs_free(scenario->price);
  tw_stairs_free(scenario->carbon);
  tw_stairs_free(scenario->weather);
  tw_schema_clear(&tw_price_element, scenario);
  tw_schema_clear(&tw_carbon_element, scenario);
  tw_schema_clear(&tw_weather_element, scenario);
}
