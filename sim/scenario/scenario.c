#include "sim/scenario/scenario.h"

#include "sim/placement/span.h"

#include <math.h>

const char *const tw_pool_role_names[] = {"mixed", "prefill", "decode", NULL};
const char *const tw_kv_transfer_names[] = {"whole", "layered", NULL};

/* A child element's attributes, or its defaults where it is absent. */
static const xmlNode *read_child(const xmlNode *parent, const tw_element *element, void *target)
{
  const xmlNode *node = tw_node_child(parent, element->name);
  tw_schema_read(node, element, target);
  return node;
}

void tw_scenario_check_file(const char *path, const xmlNode *node, tw_faults *faults)
{
  if (path != NULL && !g_file_test(path, G_FILE_TEST_EXISTS))
    tw_node_fault(node, faults, "there is no file \"%s\"; paths are relative to the file that names them",
                  path);
}

static gboolean divides(gint64 part, gint64 whole)
{
  return whole % part == 0;
}

/* The divisors of `whole` on both sides of `part`, to be used instead of it. */
static char *near_divisors(gint64 part, gint64 whole)
{
  gint64 below = MIN(part, whole), above = part;
  while (!divides(below, whole))
    below--;
  while (above < whole && !divides(above, whole))
    above++;
  return above > part && above <= whole
             ? g_strdup_printf("%" G_GINT64_FORMAT " or %" G_GINT64_FORMAT, below, above)
             : g_strdup_printf("%" G_GINT64_FORMAT, below);
}

static void check_divides(const char *name, gint64 part, gint64 whole, const char *parts, const char *of,
                          const xmlNode *node, tw_faults *faults)
{
  if (divides(part, whole))
    return;
  g_autofree char *divisors = near_divisors(part, whole);
  tw_node_fault(node, faults,
                "%s=\"%" G_GINT64_FORMAT "\" does not divide the %" G_GINT64_FORMAT " %s of %s; use %s", name,
                part, whole, parts, of, divisors);
}

/* Rules between the attributes of a pool, its model and its device. */
static void check_pool(const tw_pool *pool, const xmlNode *node, tw_faults *faults)
{
  const tw_model *model = pool->model;
  const tw_scheduler_kind *kind = &tw_scheduler_kinds[pool->scheduler];
  const xmlNode *at = tw_node_child(node, "scheduler") != NULL ? tw_node_child(node, "scheduler") : node;
  check_divides("tp", pool->tp, model->heads, "heads", model->label, node, faults);
  if (pool->pp > model->layers)
    tw_node_fault(node, faults,
                  "pp=\"%" G_GINT64_FORMAT
                  "\" has more stages than %s has layers; use at most %" G_GINT64_FORMAT,
                  pool->pp, model->label, model->layers);
  check_divides("ep", pool->ep, pool->tp * pool->dp, "accelerators (tp * dp)", "a stage", node, faults);
  if (pool->ep > 1 && model->experts == 0)
    tw_node_fault(node, faults, "ep=\"%" G_GINT64_FORMAT "\", but %s has no experts; leave ep out", pool->ep,
                  model->label);
  else if (pool->ep > 1)
    check_divides("ep", pool->ep, model->experts, "experts", model->label, node, faults);
  if (pool->max_batched_tokens < pool->max_seqs)
    tw_node_fault(at, faults,
                  "max-batched-tokens=\"%" G_GINT64_FORMAT "\" is less than max-seqs=\"%" G_GINT64_FORMAT
                  "\", so that not all could decode; raise it",
                  pool->max_batched_tokens, pool->max_seqs);
  if (!kind->chunked && pool->max_batched_tokens < pool->max_model_len)
    tw_node_fault(at, faults,
                  "kind=\"%s\" does not split prompts, so max-batched-tokens=\"%" G_GINT64_FORMAT
                  "\" must not be less than max-model-len=\"%" G_GINT64_FORMAT
                  "\"; raise the one or lower the other",
                  kind->name, pool->max_batched_tokens, pool->max_model_len);
  if (pool->max_model_len > model->max_positions)
    tw_node_fault(at, faults,
                  "max-model-len=\"%" G_GINT64_FORMAT "\" is more than the %" G_GINT64_FORMAT
                  " positions of %s; lower it",
                  pool->max_model_len, model->max_positions, model->label);
}

static void replace(double *value, double instead)
{
  if (!isnan(instead))
    *value = instead;
}

static gboolean read_overhead(tw_pool *pool, const xmlNode *node, tw_faults *faults)
{
  tw_overhead *o = &pool->overhead;
  if (!tw_overhead_load(pool->engine, node, o, faults))
    return FALSE;
  replace(&o->iteration_s, pool->instead.iteration_s);
  replace(&o->per_seq_s, pool->instead.per_seq_s);
  replace(&o->launch, pool->instead.launch);
  replace(&o->compute, pool->instead.compute);
  replace(&o->experts, pool->instead.experts);
  return TRUE;
}

static tw_step_setting step_setting(const tw_pool *pool)
{
  return (tw_step_setting){
      .model = pool->model,
      .device = pool->device,
      .parallelism = {(int)pool->tp, (int)pool->pp, (int)pool->dp, (int)pool->ep},
      .weights = (tw_precision)pool->weights,
      .kv = (tw_precision)pool->kv,
      .attention = (tw_precision)pool->attention,
      .overhead = pool->overhead,
      .interconnect = tw_device_links(pool->device),
      .expert_imbalance = pool->expert_imbalance,
      .table_file = pool->table_file,
      .checkpoint_tokens = pool->prefix_cache ? pool->checkpoint_tokens : 0,
  };
}

/* A state and its checkpoints fit together with the prefix cache. */
static void check_state(tw_pool *pool, const xmlNode *node, const xmlNode *scheduler, tw_faults *faults)
{
  const tw_memory *m = &pool->memory;
  gboolean state = tw_model_sequence_bytes(pool->model, 2, 1).state > 0;
  if (!state && pool->checkpoint_tokens > 0)
    tw_node_fault(scheduler, faults,
                  "state-checkpoint=\"%" G_GINT64_FORMAT
                  "\", but sequences of %s have no state beside their KV; leave it "
                  "out",
                  pool->checkpoint_tokens, pool->model->label);
  if (pool->checkpoint_tokens % pool->block_tokens != 0)
    tw_node_fault(scheduler, faults,
                  "state-checkpoint=\"%" G_GINT64_FORMAT "\" is no multiple of block-size=\"%" G_GINT64_FORMAT
                  "\"; use %" G_GINT64_FORMAT,
                  pool->checkpoint_tokens, pool->block_tokens,
                  (pool->checkpoint_tokens / pool->block_tokens + 1) * pool->block_tokens);
  if (state && tw_node_child(node, "kv-offload") != NULL)
    tw_node_fault(
        node, faults,
        "<kv-offload> keeps KV, but not the state that sequences of %s have beside it; leave it out",
        pool->model->label);
  if (state && pool->checkpoint_tokens == 0)
    pool->prefix_cache = FALSE;
  if (m->kv_blocks > 0 && m->sequence_blocks >= m->kv_blocks)
    tw_node_fault(node, faults,
                  "no sequence of %s fits: state and windows of each take %.4g GB of %.4g GB that are left "
                  "for KV; raise tp "
                  "or pp, or use smaller weights",
                  pool->model->label, m->sequence_bytes * 1e-9, m->kv_bytes * 1e-9);
}

static void check_memory(const tw_pool *pool, const xmlNode *node, tw_faults *faults)
{
  const tw_memory *m = &pool->memory;
  if (m->kv_blocks > 0)
    return;
  tw_node_fault(
      node, faults,
      "%s does not fit: of %.4g GB per %s, %.4g GB may be used, weights take %.4g GB, and activations and "
      "reserves %.4g GB, which leaves no block for the KV cache; raise tp or pp, or use smaller weights",
      pool->model->label, m->hbm_bytes * 1e-9, pool->device->label, m->usable_bytes * 1e-9,
      m->weight_bytes * 1e-9, (m->activation_bytes + m->reserved_bytes + m->window_bytes) * 1e-9);
}

/* The clocks that a power cap may choose from: those that the platform declares for a host of the pool as its
 * p-states, or steps of a twentieth below the nominal one. */
static void add_clocks(const tw_scenario *scenario, tw_pool *pool, const tw_host *host,
                       tw_step_setting setting, const xmlNode *node, tw_faults *faults)
{
  double slowest = scenario->caps.slowest_clock;
  int steps = slowest > 0 ? (int)((1 - slowest) * 20 + 1e-9) : 0,
      n = host->n_clocks > 0 ? host->n_clocks : steps;
  pool->clocks = g_new0(tw_clock, (gsize)n);
  for (int i = 0; i < n; i++) {
    double ratio = host->n_clocks > 0 ? host->clocks[i] : 1 - (i + 1) / 20.0;
    if (slowest <= 0 || ratio < slowest - 1e-9)
      break;
    tw_clock *clock = &pool->clocks[pool->n_clocks++];
    setting.throttle = 1 - ratio;
    clock->clock = ratio;
    clock->model = tw_step_model_new(tw_step_kind_get(pool->step_kind), &setting, node, faults);
    clock->power = tw_power_law_of(pool->device, (tw_precision)pool->weights, (int)pool->power.accelerators,
                                   clock->clock);
  }
}

/* Engines of a pool share a step model: that of the one that reaches farthest. */
static void widen(tw_reach *reach, tw_reach other)
{
  reach->tensor = MAX(reach->tensor, other.tensor);
  reach->experts = MAX(reach->experts, other.experts);
  reach->stages |= other.stages;
  reach->meshed |= other.meshed;
}

static void note_reach(tw_scenario *scenario, const tw_pool *pool)
{
  if (pool->reach.tensor > 1)
    g_ptr_array_add(scenario->notes,
                    g_strdup_printf("pool \"%s\": tensor-parallel groups of tp=\"%" G_GINT64_FORMAT
                                    "\" lie in up to %d NVLink domains, and all-reduce over the fabric",
                                    pool->id, pool->tp, pool->reach.tensor));
}

/* The host whose p-states are those of the pool; all of its hosts must have the same. */
static const tw_host *clocked_host(const tw_scenario *scenario, const tw_pool *pool, const GArray *places,
                                   guint first, const xmlNode *node, tw_faults *faults)
{
  const tw_host *hosts = scenario->platform->hosts;
  const tw_host *host = &hosts[g_array_index(places, tw_engine_place, first).shares[0].host];
  for (guint i = first; i < places->len; i++) {
    const tw_host *other = &hosts[g_array_index(places, tw_engine_place, i).shares[0].host];
    if (other->n_clocks == host->n_clocks &&
        (host->n_clocks == 0 ||
         memcmp(other->clocks, host->clocks, (gsize)host->n_clocks * sizeof *host->clocks) == 0))
      continue;
    tw_node_fault(node, faults,
                  "pool \"%s\" would run on \"%s\" and \"%s\", whose p-states differ; narrow hosts=\"%s\"",
                  pool->id, host->id, other->id, pool->hosts);
    break;
  }
  return host;
}

/* Places a pool and completes it with what depends on its device. */
static void place_pool(tw_scenario *scenario, int index, const xmlNode *node, tw_free_accelerators *free,
                       GArray *places, tw_faults *faults)
{
  tw_pool *pool = &scenario->pools[index];
  const tw_platform *platform = scenario->platform;
  tw_placement_request request = {pool->id,
                                  pool->hosts,
                                  (tw_placement_kind)pool->placement,
                                  pool->replicas,
                                  pool->tp * pool->pp * pool->dp,
                                  pool->tp};
  guint first = places->len;
  if (!tw_place(free, &request, index, places, node, faults))
    return;
  for (guint i = first; i < places->len; i++) {
    const tw_device *device =
        platform->hosts[g_array_index(places, tw_engine_place, i).shares[0].host].device;
    if (pool->device != NULL && device != pool->device) {
      tw_node_fault(node, faults,
                    "pool \"%s\" would run on both %s and %s; narrow hosts=\"%s\" to one device", pool->id,
                    pool->device->label, device->label, pool->hosts);
      return;
    }
    pool->device = device;
  }
  tw_step_setting setting = step_setting(pool);
  for (guint i = first; i < places->len; i++)
    widen(&setting.reach,
          tw_span_reach(platform, &g_array_index(places, tw_engine_place, i), &setting.parallelism));
  pool->reach = setting.reach;
  note_reach(scenario, pool);
  pool->memory = tw_memory_plan(&setting, pool->memory_fraction, pool->max_batched_tokens, pool->max_seqs,
                                pool->block_tokens);
  check_memory(pool, node, faults);
  const xmlNode *scheduler = tw_node_child(node, "scheduler");
  check_state(pool, node, scheduler != NULL ? scheduler : node, faults);
  tw_scenario_read_offload(scenario, pool, node, faults);
  pool->step_model = tw_step_model_new(tw_step_kind_get(pool->step_kind), &setting, node, faults);
  pool->power = tw_power_law_of(pool->device, (tw_precision)pool->weights,
                                (int)(pool->tp * pool->pp * pool->dp), 1 - setting.throttle);
  /* A table tells times, but not the work that joules come from. */
  if (tw_step_kind_get(pool->step_kind) == &tw_step_table)
    pool->power.idle_w = pool->power.sleep_w = NAN;
  const tw_host *host = clocked_host(scenario, pool, places, first, node, faults);
  add_clocks(scenario, pool, host, setting, node, faults);
}

static void read_pools(tw_scenario *scenario, const xmlNode *root, tw_faults *faults)
{
  g_autoptr(GArray) places = g_array_new(FALSE, FALSE, sizeof(tw_engine_place));
  g_autoptr(tw_free_accelerators) free =
      scenario->platform != NULL ? tw_free_accelerators_new(scenario->platform) : NULL;
  for (const xmlNode *n = tw_node_child(root, "pool"); n != NULL; n = tw_node_next(n, "pool"))
    scenario->n_pools++;
  scenario->pools = g_new0(tw_pool, (gsize)scenario->n_pools);
  int i = 0;
  for (const xmlNode *n = tw_node_child(root, "pool"); n != NULL; n = tw_node_next(n, "pool"), i++) {
    tw_pool *pool = &scenario->pools[i];
    guint before = tw_faults_added(faults);
    tw_schema_read(n, &tw_pool_element, pool);
    const tw_checkpoint *checkpoint = tw_checkpoint_get(pool->checkpoint);
    pool->weights = (int)checkpoint->weights;
    pool->attention = pool->attention >= 0 ? pool->attention : (int)checkpoint->attention;
    read_child(n, &tw_scheduler_element, pool);
    tw_scenario_check_file(pool->table_file, read_child(n, &tw_step_time_element, pool), faults);
    if (tw_node_child(n, tw_speculation_element.name) != NULL)
      read_child(n, &tw_speculation_element, pool);
    for (int k = 0; k < i; k++)
      if (g_str_equal(scenario->pools[k].id, pool->id))
        tw_node_fault(n, faults, "pool id \"%s\" is used twice; give each pool its own", pool->id);
    pool->model = tw_model_load(pool->model_name, n, faults);
    if (pool->model == NULL)
      continue;
    const xmlNode *step = tw_node_child(n, "step-time");
    if (!read_overhead(pool, step != NULL ? step : n, faults))
      continue;
    if (pool->max_model_len == G_MININT64)
      pool->max_model_len = pool->model->max_positions;
    check_pool(pool, n, faults);
    if (free != NULL && tw_faults_added(faults) == before)
      place_pool(scenario, i, n, free, places, faults);
  }
  scenario->n_engines = (int)places->len;
  scenario->engines = (tw_engine_place *)(void *)g_array_free(g_steal_pointer(&places), FALSE);
}

/* The zone of routing="None" that a host lies in, or -1. */
static int unrouted_zone(const tw_platform *platform, int host)
{
  int zone = platform->hosts[host].zone;
  while (zone >= 0 && !platform->zones[zone].unrouted)
    zone = platform->zones[zone].parent;
  return zone;
}

/* What goes from host to host needs routes. */
static void check_routes(const tw_scenario *scenario, const xmlNode *root, tw_faults *faults)
{
  const tw_platform *platform = scenario->platform;
  if (platform == NULL || !tw_scenario_uses_network(scenario))
    return;
  const xmlNode *node = tw_node_child(root, "pool");
  for (int i = 0, pool = 0; i < scenario->n_engines; i++) {
    const tw_engine_place *place = &scenario->engines[i];
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

/* KV caches go from and to a rank; collectives and weights to all of an engine. */
static void add_ports(tw_scenario *scenario)
{
  scenario->ports = tw_ports_new(scenario->platform);
  for (int i = 0; i < scenario->n_engines && tw_scenario_uses_network(scenario); i++) {
    const tw_pool *pool = &scenario->pools[scenario->engines[i].pool];
    tw_place_add_ports(&scenario->engines[i], pool->role != TW_POOL_MIXED ? (int)(pool->tp * pool->pp) : 0,
                       scenario->ports);
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

/* Before a request is routed, it is not known which engine will take it. */
static double slowest_frontend_s(const tw_scenario *scenario)
{
  double slowest_s = 0;
  for (int i = 0; i < scenario->n_pools; i++)
    if (scenario->pools[i].device != NULL) /* else it has faults */
      slowest_s =
          MAX(slowest_s, scenario->pools[i].overhead.request_s * scenario->pools[i].device->host_factor);
  return slowest_s;
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
  const char *const series[] = {scenario->caps.site_file, scenario->price_file, scenario->carbon_file,
                                scenario->weather_file};
  for (guint i = 0; i < G_N_ELEMENTS(series); i++)
    if (series[i] != NULL)
      g_ptr_array_add(files, g_strdup(series[i]));
  const char *const *drawn = scenario->generator != NULL ? tw_generator_files(scenario->generator) : NULL;
  for (; drawn != NULL && *drawn != NULL; drawn++)
    g_ptr_array_add(files, g_strdup(*drawn));
  g_ptr_array_add(files, NULL);
  scenario->files = (char **)g_ptr_array_free(files, FALSE);
}

tw_scenario *tw_scenario_load(const char *path, const char *const *assignments, tw_faults *faults)
{
  guint before = tw_faults_added(faults);
  g_autoptr(tw_document) document = tw_document_load(path, faults);
  if (document == NULL)
    return NULL;
  for (const char *const *a = assignments; a != NULL && *a != NULL; a++)
    tw_document_set(document, &tw_scenario_element, *a, faults);
  const xmlNode *root = tw_document_root(document);
  if (!tw_schema_check(root, &tw_scenario_element, faults) || tw_faults_added(faults) > before)
    return NULL;

  g_autoptr(tw_scenario) scenario = g_new0(tw_scenario, 1);
  scenario->notes = g_ptr_array_new_with_free_func(g_free);
  tw_schema_read(root, &tw_scenario_element, scenario);
  read_child(root, &tw_platform_ref_element, scenario);
  read_child(root, &tw_router_element, scenario);
  read_child(root, &tw_admission_element, scenario);
  read_child(root, &tw_output_element, scenario);
  tw_scenario_read_workload(scenario, root, faults);
  tw_scenario_check_file(scenario->platform_file, tw_node_child(root, "platform"), faults);
  if (tw_faults_added(faults) == before)
    scenario->platform = tw_platform_load(scenario->platform_file, faults);
  for (guint i = 0; scenario->platform != NULL && i < scenario->platform->notes->len; i++)
    g_ptr_array_add(scenario->notes, g_strdup_printf("%s: %s", scenario->platform_file,
                                                     (char *)scenario->platform->notes->pdata[i]));
  tw_scenario_read_caps(scenario, root, faults);
  read_pools(scenario, root, faults);
  if (isnan(scenario->frontend_s))
    scenario->frontend_s = slowest_frontend_s(scenario);
  tw_scenario_read_power(scenario, root, faults);
  check_roles(scenario, root, faults);
  check_routes(scenario, root, faults);
  if (tw_faults_added(faults) == before)
    tw_scenario_read_fleet(scenario, root, faults);
  if (tw_faults_added(faults) > before)
    return NULL;
  add_ports(scenario);
  list_files(scenario, document);
  scenario->canonical = tw_document_canonical(document);
  const tw_element *const implied[] = {&tw_scheduler_element, &tw_step_time_element, &tw_router_element,
                                       &tw_output_element, NULL};
  scenario->resolved = tw_schema_resolve(root, &tw_scenario_element, implied);
  return g_steal_pointer(&scenario);
}

void tw_scenario_free(tw_scenario *scenario)
{
  if (scenario == NULL)
    return;
  for (int i = 0; i < scenario->n_engines; i++)
    tw_engine_place_clear(&scenario->engines[i]);
  for (int i = 0; i < scenario->n_pools; i++) {
    tw_pool *pool = &scenario->pools[i];
    tw_step_model_free(pool->step_model);
    for (int k = 0; k < pool->n_clocks; k++)
      tw_step_model_free(pool->clocks[k].model);
    g_free(pool->clocks);
    tw_model_free(pool->model);
    tw_schema_clear(&tw_pool_element, pool);
    tw_schema_clear(&tw_step_time_element, pool);
    tw_stairs_free(pool->scaling.schedule);
    tw_schema_clear(&tw_autoscaler_element, pool);
    tw_overhead_clear(&pool->overhead);
  }
  g_free(scenario->engines);
  g_free(scenario->pools);
  tw_ports_free(scenario->ports);
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
    if (tw_pool_loads_weights(&scenario->pools[i]) || scenario->pools[i].store ||
        scenario->pools[i].role == TW_POOL_PREFILL || scenario->pools[i].reach.tensor > 1 ||
        scenario->pools[i].reach.experts > 1 || scenario->pools[i].reach.stages)
      return TRUE;
  return FALSE;
}
