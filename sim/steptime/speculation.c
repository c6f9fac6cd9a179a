#include "sim/steptime/speculation.h"

double tw_speculation_tokens(const tw_speculation *speculation)
{
  double tokens = 1;
  if (speculation->accepted != NULL) {
    for (gint64 i = 0; i < speculation->draft_tokens; i++)
      tokens += speculation->accepted[i];
    return tokens;
  }
  for (gint64 i = 0; i < speculation->draft_tokens; i++)
    tokens = 1 + speculation->acceptance * tokens;
  return tokens;
}

static void scale(tw_step_cost *cost, double factor)
{
  cost->time_s = tw_line_scale(cost->time_s, factor);
  cost->kernels_s = tw_line_scale(cost->kernels_s, factor);
  cost->flops = tw_line_scale(cost->flops, factor);
  cost->bytes = tw_line_scale(cost->bytes, factor);
  for (int c = 0; c < TW_ITERATION_CLASSES; c++)
    cost->classes[c] = tw_line_scale(cost->classes[c], factor);
  cost->collective_s *= factor;
  cost->wire.tensor *= factor;
  cost->wire.experts *= factor;
  cost->wire.stages *= factor;
  cost->wire.steps *= factor;
}

/* Adds what happens one after the other: all but the prompts' part and the bubble. */
static void add(tw_step_cost *sum, const tw_step_cost *cost)
{
  sum->time_s = tw_line_add(sum->time_s, cost->time_s);
  sum->kernels_s = tw_line_add(sum->kernels_s, cost->kernels_s);
  sum->flops = tw_line_add(sum->flops, cost->flops);
  sum->bytes = tw_line_add(sum->bytes, cost->bytes);
  for (int c = 0; c < TW_ITERATION_CLASSES; c++)
    sum->classes[c] = tw_line_add(sum->classes[c], cost->classes[c]);
  sum->collective_s += cost->collective_s;
  sum->wire.tensor += cost->wire.tensor;
  sum->wire.experts += cost->wire.experts;
  sum->wire.stages += cost->wire.stages;
  sum->wire.steps += cost->wire.steps;
  sum->valid = MIN(sum->valid, cost->valid);
}

static void verify_cost(const tw_step_model *model, gint64 drafted, tw_batch *ranks, int n_ranks,
                        tw_step_cost *cost)
{
  for (int i = 0; i < n_ranks; i++)
    ranks[i].drafted = drafted;
  tw_step_model_cost(model, ranks, n_ranks, cost);
  for (int i = 0; i < n_ranks; i++)
    ranks[i].drafted = 0;
}

/* Adds the cost of drafting; `plain` is the cost of an iteration without drafts. */
static void add_drafting(const tw_speculation *speculation, const tw_step_model *model, tw_step_cost *plain,
                         tw_batch *ranks, int n_ranks, tw_step_cost *cost)
{
  const tw_step_model *drafter = tw_step_model_drafter(model);
  if (drafter == NULL) {
    scale(plain, speculation->draft_cost * (double)speculation->draft_tokens);
    add(cost, plain);
    return;
  }
  tw_step_cost pass;
  verify_cost(drafter, speculation->draft_tokens, ranks, n_ranks, &pass);
  add(cost, &pass);
  tw_step_model_cost(drafter, ranks, n_ranks, &pass);
  scale(&pass, (double)(speculation->draft_tokens - 1));
  add(cost, &pass);
}

/* A drafter's pass over prompt chunks, and its part of what they cause. */
static void add_prompts(const tw_step_model *drafter, tw_batch *ranks, int n_ranks, tw_step_cost *cost)
{
  tw_step_cost pass;
  tw_step_model_cost(drafter, ranks, n_ranks, &pass);
  add(cost, &pass);
  cost->prefill.flops += pass.prefill.flops;
  cost->prefill.bytes += pass.prefill.bytes;
  cost->prefill_attention.flops += pass.prefill_attention.flops;
  cost->prefill_attention.bytes += pass.prefill_attention.bytes;
}

void tw_speculation_cost(const tw_speculation *speculation, const tw_step_model *model, tw_batch *ranks,
                         int n_ranks, tw_step_cost *cost)
{
  if (tw_batches_hold_prompts(ranks, n_ranks)) {
    if (tw_step_model_drafter(model) != NULL)
      add_prompts(tw_step_model_drafter(model), ranks, n_ranks, cost);
    return;
  }
  tw_step_cost plain = *cost;
  verify_cost(model, speculation->draft_tokens, ranks, n_ranks, cost);
  add_drafting(speculation, model, &plain, ranks, n_ranks, cost);
  scale(cost, 1 / tw_speculation_tokens(speculation));
}
