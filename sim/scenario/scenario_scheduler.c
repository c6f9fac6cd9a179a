/* The kind of batching of a pool: the scenario's, or its engine's. */
#include "sim/scenario/scenario.h"

#include <math.h>

gboolean tw_scenario_choose_scheduler(tw_pool *pool, const xmlNode *node, tw_faults *faults)
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
