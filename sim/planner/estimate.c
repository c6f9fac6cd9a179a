#include "sim/planner/estimate.h"

#include <math.h>

/* Returns the cost of an iteration of a pool's engine in which each rank decodes `seqs` sequences of `context`
 * tokens beside `prompt` tokens of prompts. */
static tw_step_cost iteration(const tw_pool *pool, double seqs, double context, double prompt)
{
  g_autofree tw_batch *ranks = g_new0(tw_batch, (gsize)pool->dp);
  const tw_context_caps *caps = &pool->model->caps;
  tw_batch rank = tw_batch_of_decodes(caps, (gint64)ceil(seqs), (gint64)MAX(context, 1));
  rank.next_full = G_MAXINT64;
  if (prompt >= 1)
    tw_batch_add_prompt(&rank, caps, 0, (gint64)prompt, FALSE);
  for (gint64 i = 0; i < pool->dp; i++)
    ranks[i] = rank;
  tw_step_cost cost;
  tw_step_model_cost(pool->plan.step_model, ranks, (int)pool->dp, &cost);
  return cost;
}

static double iteration_s(const tw_pool *pool, double seqs, double context, double prompt)
{
  return iteration(pool, seqs, context, prompt).time_s.first;
}

/* Output tokens per second of an engine that computes `prompt` prompt tokens for each of them, within a limit
 * of time per token (NAN: none). 0: one sequence is too many. */
static double rate(const tw_pool *pool, const tw_demand *demand, double prompt, double limit_s)
{
  double context = demand->prompt + demand->output / 2;
  double held = context + (double)(pool->plan.memory.sequence_blocks * pool->block_tokens);
  double room = (double)pool->plan.memory.kv_blocks * (double)pool->block_tokens / held;
  double low = 0, high = floor(MIN((double)pool->max_seqs, room));
  double most = iteration_s(pool, high, context, MIN(high * prompt, (double)pool->max_batched_tokens));
  if (high < 1)
    return 0;
  if (isnan(limit_s) || most <= limit_s)
    low = high;
  while (high - low > 1) {
    double seqs = floor((low + high) / 2);
    double time_s = iteration_s(pool, seqs, context, MIN(seqs * prompt, (double)pool->max_batched_tokens));
    *(time_s <= limit_s ? &low : &high) = seqs;
  }
  if (low < 1)
    return 0;
  /* A budget of prompt tokens that is too small for the prompts of so many sequences holds them up. */
  double held_up = MAX(low * prompt / (double)pool->max_batched_tokens, 1);
  double time_s = iteration_s(pool, low, context, MIN(low * prompt, (double)pool->max_batched_tokens));
  return low * (double)pool->dp / (time_s * held_up);
}

/* Prompt tokens per second of an engine that does nothing else. */
static double prefill_rate(const tw_pool *pool)
{
  double tokens = (double)pool->max_batched_tokens;
  return tokens * (double)pool->dp / iteration_s(pool, 0, 0, tokens);
}

/* Dynamic joules of an output token where an engine emits `tokens_per_s`: it holds as many sequences as come at that
 * rate, at least one. 0 where the power is not known. */
static double token_j(const tw_pool *pool, const tw_demand *demand, double prompt, double tokens_per_s)
{
  double context = demand->prompt + demand->output / 2, low = 1, high = (double)pool->max_seqs;
  while (high - low > 1) {
    double seqs = floor((low + high) / 2);
    double time_s = iteration_s(pool, seqs, context, MIN(seqs * prompt, (double)pool->max_batched_tokens));
    *(seqs * (double)pool->dp / time_s < tokens_per_s ? &low : &high) = seqs;
  }
  tw_step_cost cost = iteration(pool, low, context, MIN(low * prompt, (double)pool->max_batched_tokens));
  return tw_power_known(&pool->plan.power)
             ? tw_power_dynamic(&pool->plan.power, &cost).first / (low * (double)pool->dp)
             : 0;
}

/* Watts of a site's equipment without work, and with what its hosts add at full load. */
static double standing_w(const tw_design *design, double size)
{
  const tw_platform *platform = design->facts->platform;
  double least_w = (double)tw_platform_accelerators(platform) * design->facts->device->idle_w;
  for (int i = 0; i < platform->n_zones; i++)
    least_w += platform->zones[i].overhead_w;
  return least_w / (double)design->site->least * size;
}

static const tw_pool *pool_of(const tw_scenario *scenario, tw_pool_role role)
{
  for (int i = 0; i < scenario->n_pools; i++)
    if (scenario->pools[i].role == (int)role)
      return &scenario->pools[i];
  return NULL;
}

static gboolean has_class_slos(const tw_scenario *scenario)
{
  return scenario->class_slos != NULL && scenario->class_slos->len > 0;
}

/* Notes what one request alone on the site sees, and tells of a limit that it does not keep. */
static char *hopeless(tw_design *design, const tw_scenario *scenario, const tw_demand *demand)
{
  const tw_pool *mixed = pool_of(scenario, TW_POOL_MIXED);
  const tw_pool *decode = mixed != NULL ? mixed : pool_of(scenario, TW_POOL_DECODE);
  const tw_pool *prefill = mixed != NULL ? mixed : pool_of(scenario, TW_POOL_PREFILL);
  double prompt = MIN((double)demand->median_prompt, (double)prefill->max_batched_tokens);
  double first_s = design->alone_ttft_s = iteration_s(prefill, 0, 0, prompt);
  double limit_s = !has_class_slos(scenario) ? scenario->slo.tpot_s : NAN;
  double token_s = design->alone_tpot_s = iteration_s(decode, 1, demand->prompt, 0);
  if (token_s > limit_s && decode->speculation.draft_tokens == 0)
    return g_strdup_printf("one sequence alone takes too long: %.3g ms for a token; the limit is %.3g ms",
                           1e3 * token_s, 1e3 * limit_s);
  limit_s = !has_class_slos(scenario) ? scenario->slo.ttft_s : NAN;
  if (demand->cached == 0 && first_s > limit_s)
    return g_strdup_printf("a prompt alone takes too long: %.3g s for %.0f tokens; the limit is %.3g s",
                           first_s, prompt, limit_s);
  return NULL;
}

void tw_estimate(tw_design *design, const tw_scenario *scenario, const tw_demand *demand, double factor,
                 gboolean by_power)
{
  const tw_pool *mixed = pool_of(scenario, TW_POOL_MIXED);
  design->dropped = hopeless(design, scenario, demand);
  if (design->dropped != NULL)
    return;
  double prompt = demand->prompt * (1 - demand->cached) / MAX(demand->output, 1);
  double limit_s = scenario->slo.tpot_s, tokens_per_s = demand->rate_per_s * factor * demand->output, engines;
  if (mixed != NULL) {
    double engine = rate(mixed, demand, prompt, limit_s);
    engines = engine > 0 ? tokens_per_s / engine : INFINITY;
    if (demand->clients > 0)
      engines = (double)demand->clients * factor / (double)(mixed->max_seqs * mixed->dp);
  } else {
    const tw_pool *prefill = pool_of(scenario, TW_POOL_PREFILL), *decode = pool_of(scenario, TW_POOL_DECODE);
    double share = (double)design->prefill / (design->prefill + design->decode);
    double engine = rate(decode, demand, 0, limit_s);
    double decodes = engine > 0 ? tokens_per_s / engine : INFINITY;
    engines = MAX(tokens_per_s * prompt / prefill_rate(prefill) / share, decodes / (1 - share));
  }
  if (!isfinite(engines)) {
    design->dropped =
        g_strdup("no batch of requests of mean length fits into the KV cache and the limit of TPOT");
    return;
  }
  double size = tw_design_least(design);
  double per_unit = (double)design->facts->unit / tw_design_engine(design);
  size = MAX(size, floor(engines / MAX(per_unit, 1e-9)));
  while ((double)tw_design_engines(design, size) < engines)
    size++;
  design->estimate_size = size;
  design->estimate_score = tw_design_accelerators(design, MAX(engines / MAX(per_unit, 1e-9), 1e-9));
  if (!by_power)
    return;
  double built = (double)tw_design_engines(design, size);
  double token = mixed != NULL ? token_j(mixed, demand, prompt, tokens_per_s / built)
                               : token_j(pool_of(scenario, TW_POOL_DECODE), demand, 0, tokens_per_s / built);
  double watts = standing_w(design, size) + tokens_per_s * token;
  if (isfinite(watts))
    design->estimate_score = watts;
}
