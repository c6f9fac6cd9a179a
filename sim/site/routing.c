#include "sim/site/routing.h"

#include "sim/kv/prefix_map.h"
#include "sim/site/kv_transfers.h"

#include <math.h>

/* Batches that the lines go through. */
enum { FEW = 1, MANY = 64, SHORT = 1024, LONG = 4096, BEHIND = 8192 };

static double step_s(const tw_pool *pool, const tw_batch *batch)
{
  g_autofree tw_batch *ranks = g_new(tw_batch, (gsize)pool->dp);
  for (gint64 i = 0; i < pool->dp; i++)
    ranks[i] = (tw_batch){.next_full = G_MAXINT64};
  ranks[0] = *batch;
  tw_step_cost cost;
  tw_step_model_cost(pool->plan.step_model, ranks, (int)pool->dp, &cost);
  return cost.time_s.first;
}

static double decode_s(const tw_pool *pool, gint64 sequences, gint64 context)
{
  tw_batch batch = tw_batch_of_decodes(&pool->model->caps, sequences, context);
  batch.next_full = G_MAXINT64;
  return step_s(pool, &batch);
}

static double chunk_s(const tw_pool *pool, gint64 done, gint64 tokens)
{
  tw_batch batch = {.next_full = G_MAXINT64};
  tw_batch_add_prompt(&batch, &pool->model->caps, done, tokens, TRUE);
  return step_s(pool, &batch);
}

tw_rates tw_pool_rates(const tw_pool *pool)
{
  tw_rates rates = {.budget_tokens = (double)pool->max_batched_tokens,
                    .seats = (double)pool->max_seqs,
                    .kv_tokens = (double)(pool->plan.memory.kv_blocks * pool->block_tokens)};
  double one_s = decode_s(pool, FEW, SHORT), many_s = decode_s(pool, MANY, SHORT);
  double tokens = rates.budget_tokens;
  rates.context_s = fmax(0, (decode_s(pool, MANY, LONG) - many_s) / (MANY * (LONG - SHORT)));
  rates.sequence_s = fmax(0, (many_s - one_s) / (MANY - FEW) - SHORT * rates.context_s);
  rates.iteration_s = fmax(0, one_s - rates.sequence_s - SHORT * rates.context_s);
  double first_s = chunk_s(pool, 0, pool->max_batched_tokens);
  double behind_s = chunk_s(pool, BEHIND, pool->max_batched_tokens);
  rates.pair_s = fmax(0, (behind_s - first_s) / (tokens * BEHIND));
  rates.prompt_s = fmax(0, (first_s - rates.iteration_s) / tokens - rates.pair_s * tokens / 2);
  return rates;
}

static double transfer_s(void *user, int from, int to, gint64 tokens)
{
  return tw_kv_transfers_estimate_s(((tw_site *)user)->transfers, from, to, tokens);
}

static gint64 cached_tokens(void *user, int engine, int rank, const tw_request *request, double now_s)
{
  return tw_engine_cached_tokens(((tw_site *)user)->engines[engine], rank, request, now_s);
}

static void bounds(void *user, const tw_request *request, gint64 *tokens)
{
  tw_prefix_map_bound(((tw_site *)user)->prefixes, request, tokens);
}

static tw_gauges metrics(void *user, int engine, double now_s)
{
  const tw_engine *of = ((tw_site *)user)->engines[engine];
  return (tw_gauges){tw_engine_waiting(of),
                     (double)tw_engine_kv_used(of, now_s) / (double)tw_engine_kv_blocks(of)};
}

void tw_routing_init(tw_routing *routing, tw_site *site)
{
  const tw_scenario *scenario = site->scenario;
  gsize n = (gsize)site->n_engines;
  g_autofree gboolean *decodes = g_new0(gboolean, n);
  g_autofree int *ranks = g_new0(int, n);
  g_autofree tw_rates *of_pools = g_new(tw_rates, (gsize)scenario->n_pools);
  routing->rates = g_new(tw_rates, n);
  for (int i = 0; i < scenario->n_pools; i++)
    of_pools[i] = tw_pool_rates(&scenario->pools[i]);
  for (gsize i = 0; i < n; i++) {
    const tw_pool *pool = site->seats[i].pool;
    decodes[i] = pool->role == TW_POOL_DECODE;
    ranks[i] = (int)pool->dp;
    routing->rates[i] = of_pools[pool - scenario->pools];
  }
  tw_router_init(&routing->router, &(tw_router_config){.policy = tw_router_policies[scenario->router],
                                                       .parameters = scenario->router_parameters,
                                                       .n_engines = site->n_engines,
                                                       .decodes = decodes,
                                                       .ranks = ranks,
                                                       .seed = (guint64)scenario->seed,
                                                       .delay_s = scenario->signal_delay_s,
                                                       .prefix_weight = scenario->prefix_weight});
  routing->router.transfer_s = transfer_s;
  routing->router.cached_tokens = cached_tokens;
  routing->router.bounds = site->prefixes != NULL ? bounds : NULL;
  routing->router.metrics = metrics;
  routing->router.rates = routing->rates;
  routing->router.user = site;
}

void tw_routing_clear(tw_routing *routing)
{
  tw_router_clear(&routing->router);
  g_clear_pointer(&routing->rates, g_free);
}
