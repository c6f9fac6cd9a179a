#include "sim/scenario/site_power.h"

#include <math.h>

/* The rack of a zone, or what stands in none. */
static tw_power_parts *rack_of(tw_site_power *power, const tw_zone *zone)
{
  return zone->rack_index >= 0 ? &power->racks[zone->rack_index] : &power->elsewhere;
}

static void add_missing(GString *missing, const char *what)
{
  g_string_append_printf(missing, "%s%s", missing->len > 0 ? ", " : "", what);
}

/* Accelerators of each host that no engine uses. */
static int *spare_accelerators(const tw_scenario *scenario)
{
  const tw_platform *platform = scenario->platform;
  int *spare = g_new(int, (gsize)platform->n_hosts);
  for (int i = 0; i < platform->n_hosts; i++)
    spare[i] = platform->hosts[i].device != NULL ? platform->hosts[i].accelerators : 0;
  for (int i = 0; i < scenario->plan.n_engines + scenario->n_jobs; i++) {
    const tw_engine_place *place = tw_scenario_place(scenario, i);
    gboolean shares =
        i >= scenario->plan.n_engines && tw_site_job_shares(&scenario->jobs[i - scenario->plan.n_engines]);
    for (int k = 0; k < place->n_shares && !shares; k++)
      spare[place->shares[k].host] -= place->shares[k].accelerators;
  }
  return spare;
}

static void add_accelerators(tw_site_power *power, const tw_scenario *scenario, GString *missing)
{
  const tw_platform *platform = scenario->platform;
  g_autofree int *spare = spare_accelerators(scenario);
  for (int i = 0; i < platform->n_hosts; i++) {
    const tw_host *host = &platform->hosts[i];
    double watts = spare[i] > 0 ? spare[i] * host->device->idle_w : 0;
    power->site.spare_w += watts;
    rack_of(power, &platform->zones[host->zone])->spare_w += watts;
  }
  for (int i = 0; i < scenario->n_pools; i++)
    if (!tw_power_known(&scenario->pools[i].plan.power)) {
      g_autofree char *text =
          g_strdup_printf("power of the accelerators of pool \"%s\"", scenario->pools[i].id);
      add_missing(missing, text);
    }
  for (int i = 0; i < scenario->n_jobs; i++)
    if (!tw_power_known(&scenario->jobs[i].plan.power)) {
      g_autofree char *text =
          g_strdup_printf("power of the accelerators of job \"%s\"", scenario->jobs[i].id);
      add_missing(missing, text);
    }
  if (isnan(power->site.spare_w))
    add_missing(missing, "idle power of accelerators without an engine");
}

/* Returns what zones draw at full load, apart from fabrics. */
static double add_zones(tw_site_power *power, const tw_platform *platform)
{
  double full_w = 0;
  for (int i = 0; i < platform->n_zones; i++) {
    const tw_zone *zone = &platform->zones[i];
    tw_power_parts *rack = rack_of(power, zone);
    gboolean network = zone->role == TW_ROLE_FABRIC;
    double idle_w = zone->overhead_w - zone->following_w;
    *(network ? &power->site.network_w : &power->site.host_w) += idle_w;
    *(network ? &rack->network_w : &rack->host_w) += idle_w;
    full_w += network ? 0 : zone->overhead_w;
  }
  for (int i = 0; i < platform->n_links; i++) {
    const tw_link *link = &platform->links[i];
    double watts = isnan(link->watts) ? 0 : link->watts;
    power->site.network_w += watts;
    rack_of(power, &platform->zones[link->zone])->network_w += watts;
  }
  for (int i = 0; i < platform->n_hosts; i++) {
    const tw_zone *zone = &platform->zones[platform->hosts[i].zone];
    double watts = isnan(zone->link_watts) ? 0 : zone->link_watts;
    power->site.network_w += watts;
    rack_of(power, zone)->network_w += watts;
  }
  return full_w;
}

/* Dynamic watts of all accelerators in each zone when they draw their maximum; NAN where one's are unknown.
 */
static double *most_dynamic(const tw_platform *platform)
{
  double *most_w = g_new0(double, (gsize)platform->n_zones);
  for (int i = 0; i < platform->n_hosts; i++) {
    const tw_host *host = &platform->hosts[i];
    if (host->device != NULL)
      for (int zone = host->zone; zone >= 0; zone = platform->zones[zone].parent)
        most_w[zone] += host->accelerators * (host->device->max_w - host->device->idle_w);
  }
  return most_w;
}

/* Adds the parts of an engine; `site` and `rack` tell of each host what follows its accelerators. */
static void add_engine(tw_site_power *power, const tw_scenario *scenario, int engine, const double *site,
                       const double *rack)
{
  const tw_platform *platform = scenario->platform;
  const tw_engine_place *place = tw_scenario_place(scenario, engine);
  int accelerators = 0;
  for (int k = 0; k < place->n_shares; k++) {
    power->engine_follows[engine] += place->shares[k].accelerators * site[place->shares[k].host];
    accelerators += place->shares[k].accelerators;
  }
  power->engine_follows[engine] /= accelerators;
  for (int k = 0; k < place->n_shares; k++) {
    int host = place->shares[k].host, of_share = place->shares[k].accelerators;
    power->parts[power->n_parts++] =
        (tw_engine_part){engine, platform->zones[platform->hosts[host].zone].rack_index, of_share,
                         (double)of_share / accelerators, rack[host]};
  }
}

static void add_following(tw_site_power *power, const tw_scenario *scenario, GString *missing)
{
  const tw_platform *platform = scenario->platform;
  g_autofree double *most_w = most_dynamic(platform),
                    *site_follows = g_new0(double, (gsize)platform->n_hosts),
                    *rack_follows = g_new0(double, (gsize)platform->n_hosts);
  gboolean unknown = FALSE;
  for (int i = 0; i < platform->n_hosts; i++) {
    int rack = platform->zones[platform->hosts[i].zone].rack_index;
    for (int at = platform->hosts[i].zone; at >= 0; at = platform->zones[at].parent) {
      const tw_zone *zone = &platform->zones[at];
      if (zone->following_w <= 0 || platform->hosts[i].device == NULL)
        continue;
      unknown |= !(most_w[at] > 0);
      site_follows[i] += zone->following_w / most_w[at];
      rack_follows[i] += zone->rack_index == rack ? zone->following_w / most_w[at] : 0;
    }
  }
  int n = 0;
  for (int i = 0; i < scenario->plan.n_engines + scenario->n_jobs; i++)
    n += tw_scenario_place(scenario, i)->n_shares;
  power->parts = g_new0(tw_engine_part, (gsize)n);
  for (int i = 0; i < scenario->plan.n_engines + scenario->n_jobs; i++)
    add_engine(power, scenario, i, site_follows, rack_follows);
  if (unknown)
    add_missing(missing, "idle power of the accelerators that the hosts' power follows");
}

/* Adds the most that each job draws to the racks where its parts stand. */
static void add_jobs(tw_site_power *power, const tw_scenario *scenario)
{
  for (int i = 0; i < power->n_parts; i++) {
    const tw_engine_part *part = &power->parts[i];
    int number = part->engine - scenario->plan.n_engines;
    if (number < 0)
      continue;
    const tw_site_job *job = &scenario->jobs[number];
    g_autofree tw_smoothing *smoothing = tw_grid_smoothing(scenario->grid, job);
    double idle_w = tw_site_job_shares(job) ? 0 : job->plan.power.idle_w * job->plan.power.accelerators,
           dynamic_w = fmax(tw_site_job_most_w(job), smoothing != NULL ? smoothing->floor_w : 0);
    power->site.jobs_w += part->of_engine * (idle_w + (1 + power->engine_follows[part->engine]) * dynamic_w);
    tw_power_parts *parts = part->rack >= 0 ? &power->racks[part->rack] : &power->elsewhere;
    parts->jobs_w += part->of_engine * (idle_w + (1 + part->follows) * dynamic_w);
  }
}

/* Whether there are links that leave the nodes; what is inside belongs to the nodes' overhead. */
static gboolean has_fabric(const tw_platform *platform)
{
  for (int i = 0; i < platform->n_links; i++)
    if (platform->links[i].kind > TW_LINK_NVLINK)
      return TRUE;
  return FALSE;
}

tw_site_power *tw_site_power_new(const tw_scenario *scenario)
{
  const tw_platform *platform = scenario->platform;
  g_autoptr(GString) missing = g_string_new(NULL);
  tw_site_power *power = g_new0(tw_site_power, 1);
  power->racks = g_new0(tw_power_parts, (gsize)platform->n_racks);
  add_accelerators(power, scenario, missing);
  power->engine_follows = g_new0(double, (gsize)(scenario->plan.n_engines + scenario->n_jobs));
  gboolean silent_hosts = add_zones(power, platform) <= 0;
  add_following(power, scenario, missing);
  add_jobs(power, scenario);
  if (silent_hosts)
    add_missing(missing, "power of the hosts (tw:overhead_w of a zone)");
  gboolean silent_network = power->site.network_w <= 0 && has_fabric(platform);
  if (silent_network)
    add_missing(missing, "power of the network (tw:watts of a link, tw:overhead_w of a fabric)");
  if (platform->supply.pue.n == 0)
    add_missing(missing, "PUE (tw:pue of the site)");
  /* A part that the platform does not tell is unknown, not zero. */
  for (int i = 0; i < platform->n_racks; i++) {
    if (silent_hosts)
      power->racks[i].host_w = NAN;
    if (silent_network)
      power->racks[i].network_w = NAN;
  }
  if (silent_hosts)
    power->site.host_w = power->elsewhere.host_w = NAN;
  if (silent_network)
    power->site.network_w = power->elsewhere.network_w = NAN;
  if (missing->len > 0)
    power->missing = g_strdup(missing->str);
  return power;
}

void tw_site_power_free(tw_site_power *power)
{
  if (power == NULL)
    return;
  g_free(power->racks);
  g_free(power->engine_follows);
  g_free(power->parts);
  g_free(power->missing);
  g_free(power);
}
