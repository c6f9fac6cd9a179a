#include "sim/steptime/speculation.h"

double tw_speculation_tokens(const tw_speculation *speculation)
{
  double tokens = 1;
  for (gint64 i = 0; i < speculation->draft_tokens; i++)
    tokens = 1 + speculation->acceptance * tokens;
  return tokens;
}

static tw_line token_of(tw_line verify, tw_line plain, double drafts, double tokens)
{
  return tw_line_scale(tw_line_add(verify, tw_line_scale(plain, drafts)), 1 / tokens);
}

void tw_speculation_cost(const tw_speculation *speculation, const tw_step_model *model, tw_batch *ranks,
                         int n_ranks, tw_step_cost *cost)
{
  tw_step_cost plain = *cost;
  double tokens = tw_speculation_tokens(speculation);
  double drafts = speculation->draft_cost * (double)speculation->draft_tokens;
  for (int i = 0; i < n_ranks; i++)
    ranks[i].drafted = speculation->draft_tokens;
  tw_step_model_cost(model, ranks, n_ranks, cost);
  for (int i = 0; i < n_ranks; i++)
    ranks[i].drafted = 0;
  cost->time_s = token_of(cost->time_s, plain.time_s, drafts, tokens);
  cost->kernels_s = token_of(cost->kernels_s, plain.kernels_s, drafts, tokens);
  cost->flops = token_of(cost->flops, plain.flops, drafts, tokens);
  cost->bytes = token_of(cost->bytes, plain.bytes, drafts, tokens);
  for (int c = 0; c < TW_ITERATION_CLASSES; c++)
    cost->classes[c] = token_of(cost->classes[c], plain.classes[c], drafts, tokens);
  cost->wire.tensor = (cost->wire.tensor + drafts * plain.wire.tensor) / tokens;
  cost->wire.experts = (cost->wire.experts + drafts * plain.wire.experts) / tokens;
  cost->wire.stages = (cost->wire.stages + drafts * plain.wire.stages) / tokens;
  cost->wire.steps = (cost->wire.steps + drafts * plain.wire.steps) / tokens;
  cost->valid = MIN(cost->valid, plain.valid);
}
