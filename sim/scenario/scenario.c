#include "sim/scenario/scenario.h"

#include <math.h>

const char *const tw_pool_role_names[] = {"mixed", "prefill", "decode", NULL};
const char *const tw_kv_transfer_names[] = {"whole", "layered", NULL};

void tw_scenario_check_file(const char *path, const xmlNode *node, tw_faults *faults)
{
  if (path != NULL && !g_file_test(path, G_FILE_TEST_EXISTS))
    tw_node_fault(node, faults, "there is no file \"%s\"; paths are relative to the file that names them",
                  path);
}

/* The zone of routing="None" that a host lies in, or -1. */
static int unrouted_zone(const tw_platform *platform, int host)
{
  int zone = platform->hosts[host].zone;
  while (zone >= 0 && !platform->zones[zone].unrouted)
    zone = platform->zones[zone].parent;
  return zone;
}

/* Flows from host to host need routes. */
static void check_routes(const tw_scenario *scenario, const xmlNode *root, tw_faults *faults)
{
  const tw_platform *platform = scenario->platform;
  if (platform == NULL || !tw_scenario_uses_network(scenario))
    return;
  const xmlNode *node = tw_node_child(root, "pool");
  for (int i = 0, pool = 0; i < scenario->plan.n_engines; i++) {
    const tw_engine_place *place = &scenario->plan.engines[i];
    for (; pool < place->pool; pool++)
      node = tw_node_next(node, "pool");
    for (int k = 0; k < place->n_shares; k++) {
      int zone = unrouted_zone(platform, place->shares[k].host);
      if (zone < 0)
        continue;
      tw_node_fault(
          node, faults,
          "pool \"%s\" needs the network, but its host \"%s\" lies in zone \"%s\" of routing=\"None\", "
          "out of which no route leads; write routing=\"Full\" and <route>s",
          scenario->pools[place->pool].id, platform->hosts[place->shares[k].host].id,
          platform->zones[zone].id);
      return;
    }
  }
}

/* Pools of prefill and decode engines come together, and pass each other the same cache. */
static void check_roles(const tw_scenario *scenario, const xmlNode *root, tw_faults *faults)
{
  const tw_pool *of_role[3] = {NULL};
  const xmlNode *node = tw_node_child(root, "pool");
  for (int i = 0; i < scenario->n_pools; i++, node = tw_node_next(node, "pool")) {
    const tw_pool *pool = &scenario->pools[i];
    const tw_pool *other =
        of_role[TW_POOL_PREFILL] != NULL ? of_role[TW_POOL_PREFILL] : of_role[TW_POOL_DECODE];
    if (pool->kv_transfer == TW_KV_LAYERED && pool->role != TW_POOL_PREFILL)
      tw_node_fault(
          node, faults,
          "pool \"%s\" has kv-transfer=\"layered\", which counts in pools of role=\"prefill\" alone; "
          "move it there",
          pool->id);
    if (pool->role != TW_POOL_MIXED && other != NULL && !g_str_equal(other->model_name, pool->model_name))
      tw_node_fault(node, faults,
                    "pool \"%s\" has model \"%s\", and pool \"%s\" has \"%s\": engines that pass on a KV "
                    "cache need the same model",
                    pool->id, pool->model_name, other->id, other->model_name);
    else if (pool->role != TW_POOL_MIXED && other != NULL && other->kv != pool->kv)
      tw_node_fault(node, faults,
                    "pool \"%s\" has kv=\"%s\", and pool \"%s\" has kv=\"%s\": engines that pass on a KV "
                    "cache need the same format",
                    pool->id, tw_precision_names[pool->kv], other->id, tw_precision_names[other->kv]);
    of_role[pool->role] = pool;
  }
  const tw_pool *prefill = of_role[TW_POOL_PREFILL], *decode = of_role[TW_POOL_DECODE];
  if ((prefill == NULL) != (decode == NULL))
    tw_node_fault(tw_node_child(root, "pool"), faults,
                  "pool \"%s\" has role=\"%s\", but none has role=\"%s\"; add one",
                  prefill != NULL ? prefill->id : decode->id, prefill != NULL ? "prefill" : "decode",
                  prefill != NULL ? "decode" : "prefill");
}

static void list_files(tw_scenario *scenario, const tw_document *document)
{
  GPtrArray *files = g_ptr_array_new();
  for (const char *const *file = tw_document_files(document); *file != NULL; file++)
    g_ptr_array_add(files, g_strdup(*file));
  g_ptr_array_add(files, g_strdup(scenario->platform_file));
  for (int i = 0; i < scenario->platform->n_devices; i++)
    g_ptr_array_add(files, g_strdup(scenario->platform->devices[i]->file));
  for (int i = 0; i < scenario->n_pools; i++) {
    g_ptr_array_add(files, g_strdup(scenario->pools[i].model->file));
    if (scenario->pools[i].table_file != NULL)
      g_ptr_array_add(files, g_strdup(scenario->pools[i].table_file));
    if (scenario->pools[i].scaling.file != NULL)
      g_ptr_array_add(files, g_strdup(scenario->pools[i].scaling.file));
  }
  for (int i = 0; i < scenario->n_jobs; i++)
    g_ptr_array_add(files, g_strdup(scenario->jobs[i].model->file));
  const char *const series[] = {scenario->caps.site_file, scenario->price_file, scenario->carbon_file,
                                scenario->weather_file};
  for (guint i = 0; i < G_N_ELEMENTS(series); i++)
    if (series[i] != NULL)
      g_ptr_array_add(files, g_strdup(series[i]));
  tw_failure_plan_files(scenario->failures, files);
  const char *const *drawn = scenario->generator != NULL ? tw_generator_files(scenario->generator) : NULL;
  for (; drawn != NULL && *drawn != NULL; drawn++)
    g_ptr_array_add(files, g_strdup(*drawn));
  g_ptr_array_add(files, NULL);
  scenario->files = (char **)g_ptr_array_free(files, FALSE);
}

tw_document *tw_scenario_document(const char *path, const char *const *assignments, tw_faults *faults)
{
  guint before = tw_faults_added(faults);
  g_autoptr(tw_document) document = tw_document_load(path, faults);
  if (document == NULL)
    return NULL;
  for (const char *const *a = assignments; a != NULL && *a != NULL; a++)
    tw_document_set(document, &tw_scenario_element, *a, faults);
  const xmlNode *root = tw_document_root(document);
  tw_schema_check(root, &tw_scenario_element, faults);
  if (g_str_equal(root->name, tw_scenario_element.name))
    tw_scenario_check_sites(root, faults);
  return tw_faults_added(faults) == before ? g_steal_pointer(&document) : NULL;
}

/* Leaves what one of the sites has and what all share; requests are none of its affairs where it has no engines. */
static void keep_site(tw_document *document, int site)
{
  static const char *const of_sites[] = {"site", "users", "wan", "global-router"};
  const xmlNode *kept = NULL, *root = tw_document_root(document);
  for (guint i = 0; i < G_N_ELEMENTS(of_sites); i++)
    for (const xmlNode *n = tw_node_child(root, of_sites[i]), *next; n != NULL; n = next) {
      next = tw_node_next(n, of_sites[i]);
      if (i == 0 && site-- == 0)
        kept = n;
      else
        tw_document_remove(document, n);
    }
  const xmlNode *workload = tw_node_child(root, tw_workload_element.name);
  if (workload != NULL && tw_node_child(kept, tw_pool_element.name) == NULL)
    tw_document_remove(document, workload);
  tw_document_unwrap(document, kept);
}

/* Notes accelerators that nothing is placed on. */
static void note_idle(const tw_scenario *scenario)
{
  long all = tw_platform_accelerators(scenario->platform),
       idle = all - tw_scenario_used_accelerators(scenario);
  if (idle > 0)
    g_ptr_array_add(
        scenario->notes,
        g_strdup_printf("%ld of the platform's %ld accelerators have neither an engine nor a job; they "
                        "idle, and count in watts and dollars",
                        idle, all));
}

/* The number of a site by which its chance differs from that of others: those that serve come first, so that requests are the
 * same wherever others stand that do not. */
static int chance_of(const xmlNode *root, int site)
{
  int place[2] = {0, 0}, serves = 0;
  for (const xmlNode *n = tw_node_child(root, "site"); n != NULL && site-- >= 0; n = tw_node_next(n, "site"))
    place[serves = tw_node_child(n, tw_pool_element.name) != NULL]++;
  return serves ? place[1] - 1 : place[0] - 1 + G_MAXUINT16;
}

/* Reads a scenario of one site from a document that was checked; `chance` is added to its seed, -1: it is alone. */
static tw_scenario *read_scenario(tw_document *document, int chance, double utc_offset_s, tw_faults *faults)
{
  guint before = tw_faults_added(faults);
  const xmlNode *root = tw_document_root(document);
  g_autoptr(tw_scenario) scenario = g_new0(tw_scenario, 1);
  scenario->utc_offset_s = utc_offset_s;
  scenario->notes = g_ptr_array_new_with_free_func(g_free);
  tw_schema_read(root, &tw_scenario_element, scenario);
  scenario->alone = chance < 0;
  scenario->seed += MAX(chance, 0); /* sites do not share their chance */
  tw_schema_read_child(root, &tw_platform_ref_element, scenario);
  tw_schema_read_child(root, &tw_router_element, scenario);
  tw_schema_read_child(root, &tw_admission_element, scenario);
  tw_schema_read_child(root, &tw_output_element, scenario);
  tw_scenario_read_workload(scenario, root, faults);
  tw_scenario_check_file(scenario->platform_file, tw_node_child(root, "platform"), faults);
  if (tw_faults_added(faults) == before)
    scenario->platform = tw_platform_load(scenario->platform_file, faults);
  for (guint i = 0; scenario->platform != NULL && i < scenario->platform->notes->len; i++)
    g_ptr_array_add(scenario->notes, g_strdup_printf("%s: %s", scenario->platform_file,
                                                     (char *)scenario->platform->notes->pdata[i]));
  tw_scenario_read_caps(scenario, root, faults);
  tw_scenario_read_failures(scenario, root);
  tw_scenario_read_pools(scenario, root, faults);
  tw_scenario_read_jobs(scenario, root, faults);
  tw_scenario_read_power(scenario, root);
  tw_scenario_plan_make(scenario, root, faults);
  check_roles(scenario, root, faults);
  check_routes(scenario, root, faults);
  if (tw_faults_added(faults) == before)
    tw_scenario_read_fleet(scenario, root, faults);
  if (tw_faults_added(faults) == before)
    tw_scenario_check_failures(scenario, root, faults);
  if (tw_faults_added(faults) == before)
    tw_scenario_read_grid(scenario, root, faults);
  if (tw_faults_added(faults) > before)
    return NULL;
  tw_scenario_plan_ports(scenario);
  note_idle(scenario);
  list_files(scenario, document);
  scenario->canonical = tw_document_canonical(document);
  const tw_element *const implied[] = {&tw_scheduler_element, &tw_step_time_element, &tw_router_element,
                                       &tw_output_element, NULL};
  scenario->resolved = tw_schema_resolve(root, &tw_scenario_element, implied);
  return g_steal_pointer(&scenario);
}

long tw_scenario_used_accelerators(const tw_scenario *scenario)
{
  long used = 0;
  for (int i = 0; i < scenario->plan.n_engines; i++)
    for (int s = 0; s < scenario->plan.engines[i].n_shares; s++)
      used += scenario->plan.engines[i].shares[s].accelerators;
  for (int i = 0; i < scenario->n_jobs; i++)
    if (!tw_site_job_shares(&scenario->jobs[i]))
      used += tw_site_job_accelerators(&scenario->jobs[i]) + scenario->jobs[i].spares;
  return used;
}

tw_scenario *tw_scenario_load(const char *path, const char *const *assignments, tw_faults *faults)
{
  g_autoptr(tw_document) document = tw_scenario_document(path, assignments, faults);
  const xmlNode *site = document != NULL ? tw_node_child(tw_document_root(document), "site") : NULL;
  if (site != NULL)
    tw_node_fault(
        site, faults,
        "a scenario with <site>s can be checked, run, swept and searched; anything else takes one without");
  return document != NULL && site == NULL ? read_scenario(document, -1, 0, faults) : NULL;
}

tw_scenario *tw_scenario_load_site(const char *path, const char *const *assignments, int site,
                                   double utc_offset_s, tw_faults *faults)
{
  g_autoptr(tw_document) document = tw_scenario_document(path, assignments, faults);
  if (document == NULL)
    return NULL;
  int chance = chance_of(tw_document_root(document), site);
  keep_site(document, site);
  return read_scenario(document, chance, utc_offset_s, faults);
}

void tw_scenario_free(tw_scenario *scenario)
{
  if (scenario == NULL)
    return;
  for (int i = 0; i < scenario->n_pools; i++) {
    tw_pool *pool = &scenario->pools[i];
    tw_pool_plan_clear(&pool->plan);
    tw_scenario_clear_speculation(pool);
    tw_model_free(pool->model);
    tw_schema_clear(&tw_pool_element, pool);
    tw_schema_clear(&tw_step_time_element, pool);
    tw_schema_clear(&tw_adapters_element, pool);
    tw_stairs_free(pool->scaling.schedule);
    tw_schema_clear(&tw_autoscaler_element, pool);
    tw_software_clear(&pool->software);
  }
  tw_scenario_clear_jobs(scenario);
  tw_failure_plan_free(scenario->failures);
  g_free(scenario->grid);
  tw_scenario_plan_clear(&scenario->plan);
  g_free(scenario->pools);
  tw_platform_free(scenario->platform);
  tw_schema_clear(&tw_scenario_element, scenario);
  tw_schema_clear(&tw_platform_ref_element, scenario);
  tw_schema_clear(&tw_router_element, scenario);
  tw_scenario_clear_power(scenario);
  tw_scenario_clear_workload(scenario);
  g_ptr_array_unref(scenario->notes);
  g_free(scenario->canonical);
  g_free(scenario->resolved);
  g_strfreev(scenario->files);
  g_free(scenario);
}

gboolean tw_scenario_uses_network(const tw_scenario *scenario)
{
  for (int i = 0; i < scenario->n_pools; i++)
    if (tw_pool_loads_weights(scenario, &scenario->pools[i]) || scenario->pools[i].store ||
        scenario->pools[i].role == TW_POOL_PREFILL || scenario->pools[i].plan.reach.tensor > 1 ||
        scenario->pools[i].plan.reach.experts > 1 || scenario->pools[i].plan.reach.stages)
      return TRUE;
  for (int i = 0; i < scenario->n_jobs; i++)
    if (tw_site_job_uses_network(&scenario->jobs[i]))
      return TRUE;
  return FALSE;
}
