/* Plans what the engines of each pool run on: places, memory, step times, power and clocks. */
#include "sim/placement/span.h"
#include "sim/scenario/scenario.h"

#include <math.h>

static tw_step_setting step_setting(const tw_pool *pool)
{
  return (tw_step_setting){
      .model = pool->model,
      .drafter = pool->drafter,
      .device = pool->plan.device,
      .parallelism = {(int)pool->tp, (int)pool->pp, (int)pool->dp, (int)pool->ep},
      .weights = (tw_precision)pool->weights,
      .kv = (tw_precision)pool->kv,
      .attention = (tw_precision)pool->attention,
      .parts = tw_checkpoint_get(pool->checkpoint),
      .software = pool->software,
      .interconnect = tw_device_links(pool->plan.device),
      .expert_imbalance = pool->expert_imbalance,
      .redundant_experts = pool->redundant_experts,
      .two_batches = pool->collective_overlap,
      .table_file = pool->table_file,
      .checkpoint_tokens = pool->prefix_cache ? pool->checkpoint_tokens : 0,
      .adapter_bytes = tw_scenario_adapter_bytes(pool),
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
    if (expands || !isnan(pool->plan.device->flops[p]))
      continue;
    g_autoptr(GString) known = g_string_new(NULL);
    for (int k = 0; k < TW_PRECISIONS; k++)
      if (!isnan(pool->plan.device->flops[k]))
        g_string_append_printf(known, "%s%s", known->len > 0 ? ", " : "", tw_precision_names[k]);
    tw_node_fault(node, faults, "%s in %s: %s has no such format, and nothing expands it; it has %s",
                  used[i].what, tw_precision_names[p], pool->plan.device->label, known->str);
  }
}

/* A state and its checkpoints fit together with the prefix cache. */
static void check_state(const tw_pool *pool, const xmlNode *node, const xmlNode *scheduler, tw_faults *faults)
{
  const tw_memory *m = &pool->plan.memory;
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
  if (m->kv_blocks > 0 && m->sequence_blocks >= m->kv_blocks)
    tw_node_fault(node, faults,
                  "no sequence of %s fits: state and windows of each take %.4g GB of %.4g GB that are left "
                  "for KV; raise tp "
                  "or pp, or use smaller weights",
                  pool->model->label, m->sequence_bytes * 1e-9, m->kv_bytes * 1e-9);
}

static void check_memory(const tw_pool *pool, const xmlNode *node, tw_faults *faults)
{
  const tw_memory *m = &pool->plan.memory;
  if (m->kv_blocks > 0)
    return;
  tw_node_fault(
      node, faults,
      "%s does not fit: of %.4g GB per %s, %.4g GB may be used, weights take %.4g GB, and activations and "
      "reserves %.4g GB, which leaves no block for the KV cache; raise tp or pp, or use smaller weights",
      pool->model->label, m->hbm_bytes * 1e-9, pool->plan.device->label, m->usable_bytes * 1e-9,
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
  pool->plan.clocks = g_new0(tw_clock, (gsize)n);
  for (int i = 0; i < n; i++) {
    double ratio = host->n_clocks > 0 ? host->clocks[i] : 1 - (i + 1) / 20.0;
    if (slowest <= 0 || ratio < slowest - 1e-9)
      break;
    if (ratio > scenario->caps.clock - 1e-9)
      continue;
    tw_clock *clock = &pool->plan.clocks[pool->plan.n_clocks++];
    setting.throttle = 1 - ratio;
    clock->clock = ratio;
    clock->model = tw_step_model_new(tw_step_kind_get(pool->step_kind), &setting, node, faults);
    clock->power = tw_power_law_of(pool->plan.device, (tw_precision)pool->weights,
                                   (int)pool->plan.power.accelerators, clock->clock);
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
  if (pool->plan.device->status != TW_DEVICE_MEASURED)
    g_ptr_array_add(
        scenario->notes,
        g_strdup_printf("pool \"%s\": the numbers of %s are %s: few of its kernels or none were measured",
                        pool->id, pool->plan.device->label,
                        pool->plan.device->status == TW_DEVICE_PREVIEW ? "announced ones, or of samples"
                                                                       : "those of a data sheet"));
  if (pool->plan.reach.tensor > 1)
    g_ptr_array_add(scenario->notes,
                    g_strdup_printf("pool \"%s\": tensor-parallel groups of tp=\"%" G_GINT64_FORMAT
                                    "\" lie in up to %d NVLink domains, and all-reduce over the fabric",
                                    pool->id, pool->tp, pool->plan.reach.tensor));
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
    if (pool->plan.device != NULL && device != pool->plan.device) {
      tw_node_fault(node, faults,
                    "pool \"%s\" would run on both %s and %s; narrow hosts=\"%s\" to one device", pool->id,
                    pool->plan.device->label, device->label, pool->hosts);
      return;
    }
    pool->plan.device = device;
  }
  tw_step_setting setting = step_setting(pool);
  setting.throttle = 1 - scenario->caps.clock;
  for (guint i = first; i < places->len; i++)
    widen(&setting.reach,
          tw_span_reach(platform, &g_array_index(places, tw_engine_place, i), &setting.parallelism));
  pool->plan.reach = setting.reach;
  note_reach(scenario, pool);
  pool->plan.memory = tw_memory_plan(&setting, pool->memory_fraction, pool->max_batched_tokens,
                                     pool->max_seqs, pool->block_tokens);
  check_formats(pool, node, faults);
  check_memory(pool, node, faults);
  const xmlNode *scheduler = tw_node_child(node, "scheduler");
  check_state(pool, node, scheduler != NULL ? scheduler : node, faults);
  tw_scenario_plan_offload(scenario, pool, node, faults);
  tw_scenario_plan_adapters(scenario, pool, node, faults);
  pool->plan.step_model = tw_step_model_new(tw_step_kind_get(pool->step_kind), &setting, node, faults);
  pool->plan.power = tw_power_law_of(pool->plan.device, (tw_precision)pool->weights,
                                     (int)(pool->tp * pool->pp * pool->dp), 1 - setting.throttle);
  /* A table tells times, but not the work that joules come from. */
  if (tw_step_kind_get(pool->step_kind) == &tw_step_table)
    pool->plan.power.idle_w = pool->plan.power.sleep_w = NAN;
  if (tw_step_kind_get(pool->step_kind) == &tw_step_table && setting.throttle > 0)
    tw_node_fault(
        node, faults,
        "pool \"%s\": a table of times holds for the clock at which it was measured; leave out clock in "
        "<power-cap>",
        pool->id);
  const tw_host *host = clocked_host(scenario, pool, places, first, node, faults);
  add_clocks(scenario, pool, host, setting, node, faults);
}

void tw_scenario_plan_pools(tw_scenario *scenario, const xmlNode *root, tw_faults *faults)
{
  g_autoptr(GArray) places = g_array_new(FALSE, FALSE, sizeof(tw_engine_place));
  g_autoptr(tw_free_accelerators) free =
      scenario->platform != NULL ? tw_free_accelerators_new(scenario->platform) : NULL;
  const xmlNode *node = tw_node_child(root, "pool");
  for (int i = 0; i < scenario->n_pools && free != NULL; i++, node = tw_node_next(node, "pool"))
    if (scenario->pools[i].sound)
      place_pool(scenario, i, node, free, places, faults);
  scenario->plan.n_engines = (int)places->len;
  scenario->plan.engines = (tw_engine_place *)(void *)g_array_free(g_steal_pointer(&places), FALSE);
  if (free != NULL)
    tw_scenario_plan_jobs(scenario, root, free, faults);
}
