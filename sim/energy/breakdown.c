#include "sim/energy/breakdown.h"

#include <math.h>

/* Rows by their names, in the order of their first rack; racks without a row are one of no name. */
static void find_rows(tw_breakdown *breakdown, const tw_platform *platform, int *row_of)
{
  breakdown->rows = g_new0(tw_scope_energy, (gsize)platform->n_racks);
  for (int i = 0; i < platform->n_zones; i++) {
    const tw_zone *zone = &platform->zones[i];
    int row = 0;
    if (zone->rack_index < 0)
      continue;
    while (row < breakdown->n_rows && g_strcmp0(breakdown->rows[row].name, zone->row) != 0)
      row++;
    if (row == breakdown->n_rows)
      breakdown->rows[breakdown->n_rows++].name = zone->row;
    row_of[zone->rack_index] = row;
  }
}

static void add_usage(tw_scope_energy *scope, const tw_usage *usage, double part, double follows)
{
  scope->prefill_j += part * usage->prefill_j;
  scope->decode_j += part * usage->decode_j;
  scope->collective_j += part * usage->collective_j;
  scope->idle_j += part * usage->idle_j;
  if (follows > 0)
    scope->host_j += part * follows * (usage->prefill_j + usage->decode_j);
}

static void add_job(tw_scope_energy *scope, const tw_site_job_energy *job, double part, double follows)
{
  scope->training_j += part * job->dynamic_j;
  scope->idle_j += part * (job->joules - job->dynamic_j);
  if (follows > 0)
    scope->host_j += part * follows * job->dynamic_j;
}

static void add_standing(tw_scope_energy *scope, const tw_power_parts *parts, double end_s)
{
  scope->idle_j += parts->spare_w * end_s;
  scope->host_j += parts->host_w * end_s;
  scope->network_j += parts->network_w * end_s;
}

static void add_scope(tw_scope_energy *to, const tw_scope_energy *from)
{
  to->prefill_j += from->prefill_j;
  to->decode_j += from->decode_j;
  to->collective_j += from->collective_j;
  to->training_j += from->training_j;
  to->idle_j += from->idle_j;
  to->host_j += from->host_j;
  to->network_j += from->network_j;
}

/* Adds the part of an engine that stands on a host to its rack. */
static void add_part(tw_breakdown *breakdown, const tw_engine_part *part, const tw_usage *usage)
{
  if (part->rack < 0) {
    add_usage(&breakdown->elsewhere, usage, part->of_engine, 0);
    return;
  }
  add_usage(&breakdown->racks[part->rack], usage, part->of_engine, part->follows);
  /* Hosts' power that follows the engine from outside of its racks is all but this. */
  breakdown->elsewhere.host_j -= part->of_engine * part->follows * (usage->prefill_j + usage->decode_j);
}

/* Adds the jobs, whose parts stand behind those of the engines. */
static void add_jobs(tw_breakdown *breakdown, const tw_scenario *scenario, const tw_site_job_energy *jobs,
                     const tw_site_power *power)
{
  for (int i = 0; i < scenario->n_jobs; i++) {
    double follows = power->engine_follows[scenario->plan.n_engines + i];
    add_job(&breakdown->site, &jobs[i], 1, follows);
    breakdown->elsewhere.host_j += follows > 0 ? follows * jobs[i].dynamic_j : 0;
  }
  for (int k = 0; k < power->n_parts; k++) {
    const tw_engine_part *part = &power->parts[k];
    int job = part->engine - scenario->plan.n_engines;
    if (job < 0)
      continue;
    gboolean in_rack = part->rack >= 0;
    add_job(in_rack ? &breakdown->racks[part->rack] : &breakdown->elsewhere, &jobs[job], part->of_engine,
            in_rack ? part->follows : 0);
    if (in_rack)
      breakdown->elsewhere.host_j -= part->of_engine * part->follows * jobs[job].dynamic_j;
  }
}

tw_breakdown *tw_breakdown_new(const tw_scenario *scenario, tw_engine *const *engines,
                               const tw_site_job_energy *jobs, const tw_site_power *power, double end_s)
{
  const tw_platform *platform = scenario->platform;
  tw_breakdown *breakdown = g_new0(tw_breakdown, 1);
  g_autofree int *row_of = g_new0(int, (gsize)platform->n_racks);
  breakdown->pools = g_new0(tw_scope_energy, (gsize)scenario->n_pools);
  breakdown->racks = g_new0(tw_scope_energy, (gsize)platform->n_racks);
  find_rows(breakdown, platform, row_of);
  for (int i = 0, part = 0; i < scenario->plan.n_engines; i++) {
    tw_usage usage = tw_engine_total(engines[i], end_s);
    add_usage(&breakdown->site, &usage, 1, power->engine_follows[i]);
    add_usage(&breakdown->pools[scenario->plan.engines[i].pool], &usage, 1, 0);
    for (; part < power->n_parts && power->parts[part].engine == i; part++)
      add_part(breakdown, &power->parts[part], &usage);
    if (power->engine_follows[i] > 0)
      breakdown->elsewhere.host_j += power->engine_follows[i] * (usage.prefill_j + usage.decode_j);
  }
  for (int i = 0; i < scenario->n_pools; i++)
    breakdown->pools[i].name = scenario->pools[i].id;
  add_jobs(breakdown, scenario, jobs, power);
  add_standing(&breakdown->site, &power->site, end_s);
  add_standing(&breakdown->elsewhere, &power->elsewhere, end_s);
  for (int i = 0; i < platform->n_racks; i++) {
    breakdown->racks[i].name = platform->racks[i];
    add_standing(&breakdown->racks[i], &power->racks[i], end_s);
    add_scope(&breakdown->rows[row_of[i]], &breakdown->racks[i]);
  }
  return breakdown;
}

void tw_breakdown_free(tw_breakdown *breakdown)
{
  if (breakdown == NULL)
    return;
  g_free(breakdown->pools);
  g_free(breakdown->racks);
  g_free(breakdown->rows);
  g_free(breakdown);
}

static gboolean agrees(double parts, double whole, double of)
{
  return isnan(parts) || isnan(whole) || fabs(parts - whole) <= 1e-9 * fmax(fabs(of), fabs(whole)) + 1e-9;
}

void tw_breakdown_audit(const tw_breakdown *breakdown, const tw_scenario *scenario, const tw_energy *metered)
{
  const tw_scope_energy *site = &breakdown->site;
  tw_scope_energy rows = breakdown->elsewhere, pools = {0};
  double accelerator_j = tw_scope_accelerator_j(site), it_j = accelerator_j + site->host_j + site->network_j;
  for (int i = 0; i < breakdown->n_rows; i++)
    add_scope(&rows, &breakdown->rows[i]);
  for (int i = 0; i < scenario->n_pools; i++)
    add_scope(&pools, &breakdown->pools[i]);
  g_assert(agrees(accelerator_j, metered->accelerator_j, it_j));
  g_assert(agrees(site->host_j, metered->host_j, it_j));
  g_assert(
      agrees(site->network_j + breakdown->transfer_j + breakdown->collective_j, metered->network_j, it_j));
  g_assert(agrees(tw_scope_accelerator_j(&rows), accelerator_j, it_j));
  g_assert(agrees(rows.host_j, site->host_j, it_j));
  g_assert(agrees(rows.network_j, site->network_j, it_j));
  g_assert(agrees(pools.prefill_j + pools.decode_j + pools.collective_j,
                  site->prefill_j + site->decode_j + site->collective_j, it_j));
}

static void set_joules(json_t *object, const char *name, double joules)
{
  if (isfinite(joules))
    json_object_set_new(object, name, json_real(joules));
}

static json_t *scope(const tw_scope_energy *s, gboolean equipment)
{
  json_t *object = json_object();
  set_joules(object, "accelerator_j", tw_scope_accelerator_j(s));
  if (equipment) {
    set_joules(object, "host_j", s->host_j);
    set_joules(object, "network_j", s->network_j);
  }
  set_joules(object, "prefill_j", s->prefill_j);
  set_joules(object, "decode_j", s->decode_j);
  set_joules(object, "collective_j", s->collective_j);
  if (s->training_j > 0)
    set_joules(object, "training_j", s->training_j);
  set_joules(object, "idle_j", s->idle_j);
  return object;
}

void tw_breakdown_measure(const tw_breakdown *breakdown, const tw_energy *metered, tw_metric_values *v)
{
  const tw_scope_energy *site = &breakdown->site;
  if (!isfinite(tw_scope_accelerator_j(site)))
    return;
  v->of[TW_METRIC_ENERGY_PHASES_PREFILL_J] = site->prefill_j;
  v->of[TW_METRIC_ENERGY_PHASES_DECODE_J] = site->decode_j;
  if (site->training_j > 0)
    v->of[TW_METRIC_ENERGY_PHASES_TRAINING_J] = site->training_j;
  v->of[TW_METRIC_ENERGY_PHASES_COLLECTIVE_J] = site->collective_j + breakdown->collective_j;
  v->of[TW_METRIC_ENERGY_PHASES_TRANSFER_J] = breakdown->transfer_j;
  v->of[TW_METRIC_ENERGY_PHASES_IDLE_J] = site->idle_j;
  v->of[TW_METRIC_ENERGY_PHASES_BESIDE_ACCELERATORS_J] = site->host_j + site->network_j + metered->overhead_j;
}

void tw_breakdown_describe(const tw_breakdown *breakdown, const tw_scenario *scenario, json_t *energy)
{
  if (!isfinite(tw_scope_accelerator_j(&breakdown->site)))
    return;
  json_t *pools = json_object(), *rows = json_object();
  for (int i = 0; i < scenario->n_pools; i++)
    json_object_set_new(pools, breakdown->pools[i].name, scope(&breakdown->pools[i], FALSE));
  for (int i = 0; i < breakdown->n_rows; i++)
    json_object_set_new(rows, breakdown->rows[i].name != NULL ? breakdown->rows[i].name : "",
                        scope(&breakdown->rows[i], TRUE));
  const tw_scope_energy *rest = &breakdown->elsewhere;
  if (tw_scope_accelerator_j(rest) + rest->host_j + rest->network_j > 0)
    json_object_set_new(rows, "elsewhere", scope(rest, TRUE));
  json_object_set_new(energy, "pools", pools);
  json_object_set_new(energy, "rows", rows);
}
