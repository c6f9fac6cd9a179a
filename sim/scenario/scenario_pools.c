/* Pools: reads them, and plans what their engines run on: places, step times, memory, power and clocks. */
#include "sim/placement/span.h"
#include "sim/scenario/scenario.h"

#include <math.h>

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
    check_divides("ep", pool->ep, model->experts + pool->redundant_experts,
                  pool->redundant_experts > 0 ? "experts and redundant-experts" : "experts", model->label,
                  node, faults);
  if (pool->redundant_experts > 0 && pool->ep == 1)
    tw_node_fault(node, faults,
                  "redundant-experts=\"%" G_GINT64_FORMAT
                  "\" without groups of experts; leave it out or give ep",
                  pool->redundant_experts);
  if (pool->max_batched_tokens < pool->max_seqs)
    tw_node_fault(at, faults,
                  "max-batched-tokens=\"%" G_GINT64_FORMAT "\" is less than max-seqs=\"%" G_GINT64_FORMAT
                  "\", so that not all could decode; raise it",
                  pool->max_batched_tokens, pool->max_seqs);
  if (!(kind->chunked && pool->chunked_prefill) && pool->max_batched_tokens < pool->max_model_len)
    tw_node_fault(at, faults,
                  "kind=\"%s\" does not split prompts%s, so max-batched-tokens=\"%" G_GINT64_FORMAT
                  "\" must not be less than max-model-len=\"%" G_GINT64_FORMAT
                  "\"; raise the one or lower the other",
                  kind->name, kind->chunked ? " with chunked-prefill=\"false\"" : "",
                  pool->max_batched_tokens, pool->max_model_len);
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
  replace(&o->fp8, pool->instead.fp8);
  replace(&o->experts, pool->instead.experts);
  replace(&o->eager_layer_s, pool->instead.eager_layer_s);
  replace(&o->eager_experts_s, pool->instead.eager_experts_s);
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
      .parts = tw_checkpoint_get(pool->checkpoint),
      .overhead = pool->overhead,
      .interconnect = tw_device_links(pool->device),
      .expert_imbalance = pool->expert_imbalance,
      .redundant_experts = pool->redundant_experts,
      .two_batches = pool->collective_overlap,
      .table_file = pool->table_file,
      .checkpoint_tokens = pool->prefix_cache ? pool->checkpoint_tokens : 0,
  };
}

/* Formats that a device neither multiplies in nor expands. */
static void check_formats(const tw_pool *pool, const xmlNode *node, tw_faults *faults)
{
  const struct {
    const char *what;
    int precision;
    gboolean kv;
  } used[] = {
      {"weights", pool->weights, FALSE}, {"attention", pool->attention, FALSE}, {"kv", pool->kv, TRUE}};
  for (guint i = 0; i < G_N_ELEMENTS(used); i++) {
    tw_precision p = (tw_precision)used[i].precision;
    gboolean expands = used[i].kv ? p != TW_FP6 && p != TW_FP4 && p != TW_INT4 : p != TW_FP6;
    if (expands || !isnan(pool->device->flops[p]))
      continue;
    g_autoptr(GString) known = g_string_new(NULL);
    for (int k = 0; k < TW_PRECISIONS; k++)
      if (!isnan(pool->device->flops[k]))
        g_string_append_printf(known, "%s%s", known->len > 0 ? ", " : "", tw_precision_names[k]);
    tw_node_fault(node, faults, "%s in %s: %s has no such format, and nothing expands it; it has %s",
                  used[i].what, tw_precision_names[p], pool->device->label, known->str);
  }
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
  if (pool->device->status != TW_DEVICE_MEASURED)
    g_ptr_array_add(
        scenario->notes,
        g_strdup_printf("pool \"%s\": the numbers of %s are %s: few of its kernels or none were measured",
                        pool->id, pool->device->label,
                        pool->device->status == TW_DEVICE_PREVIEW ? "announced ones, or of samples"
                                                                  : "those of a data sheet"));
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
  check_formats(pool, node, faults);
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

void tw_scenario_read_pools(tw_scenario *scenario, const xmlNode *root, tw_free_accelerators *free,
                            tw_faults *faults)
{
  g_autoptr(GArray) places = g_array_new(FALSE, FALSE, sizeof(tw_engine_place));
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
    tw_schema_read_child(n, &tw_scheduler_element, pool);
    tw_scenario_check_file(pool->table_file, tw_schema_read_child(n, &tw_step_time_element, pool), faults);
    if (tw_node_child(n, tw_speculation_element.name) != NULL)
      tw_schema_read_child(n, &tw_speculation_element, pool);
    for (int k = 0; k < i; k++)
      if (g_str_equal(scenario->pools[k].id, pool->id))
        tw_node_fault(n, faults, "pool id \"%s\" is used twice; give each pool its own", pool->id);
    pool->model = tw_model_load(pool->model_name, n, faults);
    if (pool->model == NULL)
      continue;
    const xmlNode *step = tw_node_child(n, "step-time");
    if (!read_overhead(pool, step != NULL ? step : n, faults))
      continue;
    if (!tw_scenario_choose_scheduler(pool, n, faults))
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
