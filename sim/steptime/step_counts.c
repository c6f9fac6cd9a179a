#include "sim/steptime/step_counts.h"

tw_step_counts tw_step_count(const tw_batch *ranks, int n_ranks, gint64 idle_tokens)
{
  tw_step_counts counts = {0};
  for (int i = 0; i < n_ranks; i++) {
    const tw_batch *b = &ranks[i];
    gint64 tokens = tw_batch_tokens(b), idle = tw_batch_idle(b, idle_tokens);
    counts.tokens += tokens;
    counts.idle += idle;
    counts.prefill_tokens += b->prefill_tokens;
    counts.most_tokens = MAX(counts.most_tokens, tokens + idle);
    counts.most_seqs = MAX(counts.most_seqs, b->decode_seqs + b->prefill_seqs);
  }
  return counts;
}
