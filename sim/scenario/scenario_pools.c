/* Pools: reads them, and checks what is written of each by itself, its model and its engine's file. */
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

static gboolean read_software(tw_pool *pool, const xmlNode *node, tw_faults *faults)
{
  tw_software *o = &pool->software;
  if (!tw_software_load(pool->engine, node, o, faults))
    return FALSE;
  replace(&o->iteration_s, pool->instead.iteration_s);
  replace(&o->per_seq_s, pool->instead.per_seq_s);
  replace(&o->launch, pool->instead.launch);
  replace(&o->compute, pool->instead.compute);
  replace(&o->fp8, pool->instead.fp8);
  replace(&o->experts, pool->instead.experts);
  replace(&o->logit_bytes, pool->instead.logit_bytes);
  replace(&o->eager_layer_s, pool->instead.eager_layer_s);
  replace(&o->eager_experts_s, pool->instead.eager_experts_s);
  replace(&o->sum_bytes, pool->instead.sum_bytes);
  if (pool->instead.graph_tokens >= 0)
    o->graph_tokens = pool->instead.graph_tokens;
  if (pool->instead.graph_step >= 0)
    o->graph_step = pool->instead.graph_step;
  o->fused_sums |= pool->instead.fused_sums;
  return TRUE;
}

/* The kind of batching: the scenario's, or its engine's. */
static gboolean choose_scheduler(tw_pool *pool, const xmlNode *node, tw_faults *faults)
{
  const xmlNode *at = tw_node_child(node, "scheduler") != NULL ? tw_node_child(node, "scheduler") : node;
  for (int kind = 0; pool->scheduler < 0 && tw_scheduler_kind_names[kind] != NULL; kind++)
    if (g_str_equal(tw_scheduler_kind_names[kind], pool->software.scheduler))
      pool->scheduler = kind;
  if (pool->scheduler < 0) {
    g_autofree char *hint = tw_suggestion(pool->software.scheduler, tw_scheduler_kind_names);
    tw_node_fault(at, faults, "scheduler=\"%s\" of the engine \"%s\" is no kind of <scheduler>; %s",
                  pool->software.scheduler, pool->engine, hint);
    return FALSE;
  }
  const tw_scheduler_kind *kind = &tw_scheduler_kinds[pool->scheduler];
  gint64 decodes = kind->radix && pool->mixed_chunk ? pool->max_seqs : 0; /* beside the prompts */
  if (pool->block_tokens == G_MININT64)
    pool->block_tokens = kind->block_tokens;
  if (pool->reserve < 0)
    pool->reserve = kind->reserve;
  if (isnan(pool->watermark))
    pool->watermark = kind->watermark;
  if (!pool->chunked_prefill && kind->radix)
    tw_node_fault(at, faults, "kind=\"%s\" always splits prompts here; leave chunked-prefill=\"false\" out",
                  kind->name);
  if (pool->order == TW_ORDER_PREFIX && !kind->radix)
    tw_node_fault(at, faults, "order=\"lpm\" is of kind=\"sglang\" alone, not of \"%s\"; use another one",
                  kind->name);
  if (kind->radix && tw_node_child(node, "kv-offload") != NULL)
    tw_node_fault(tw_node_child(node, "kv-offload"), faults,
                  "kind=\"%s\" does not offload here; leave <kv-offload> out, or use kind=\"vllm\"",
                  kind->name);
  if ((kind->radix || kind->whole_blocks) && pool->max_batched_tokens < pool->block_tokens + decodes)
    tw_node_fault(at, faults,
                  "max-batched-tokens=\"%" G_GINT64_FORMAT "\" leaves no block-size=\"%" G_GINT64_FORMAT
                  "\" tokens for a part of a prompt; raise it to %" G_GINT64_FORMAT,
                  pool->max_batched_tokens, pool->block_tokens, pool->block_tokens + decodes);
  return TRUE;
}

void tw_scenario_read_pools(tw_scenario *scenario, const xmlNode *root, tw_faults *faults)
{
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
    if (tw_node_child(n, tw_offload_element.name) != NULL)
      tw_schema_read_child(n, &tw_offload_element, pool);
    if (tw_node_child(n, tw_adapters_element.name) != NULL)
      tw_schema_read_child(n, &tw_adapters_element, pool);
    for (int k = 0; k < i; k++)
      if (g_str_equal(scenario->pools[k].id, pool->id))
        tw_node_fault(n, faults, "pool id \"%s\" is used twice; give each pool its own", pool->id);
    pool->model = tw_model_load(pool->model_name, n, faults);
    if (pool->model == NULL)
      continue;
    const xmlNode *step = tw_node_child(n, "step-time");
    if (!read_software(pool, step != NULL ? step : n, faults))
      continue;
    if (!choose_scheduler(pool, n, faults))
      continue;
    if (pool->max_model_len == G_MININT64)
      pool->max_model_len = pool->model->max_positions;
    check_pool(pool, n, faults);
    tw_scenario_read_speculation(pool, n, faults);
    if (tw_model_sequence_bytes(pool->model, 2, 1).state > 0 && pool->checkpoint_tokens == 0)
      pool->prefix_cache = FALSE;
    pool->sound = tw_faults_added(faults) == before;
  }
}
