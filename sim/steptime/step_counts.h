/* Counts of what the ranks of an engine compute in an iteration, with the dummy batches of those that have no work. */
#ifndef TW_SIM_STEP_COUNTS_H
#define TW_SIM_STEP_COUNTS_H

#include "sim/steptime/step_time.h"

typedef struct tw_step_counts {
  gint64 tokens;         /* tokens that sequences compute, drafts included */
  gint64 idle;           /* tokens of dummy batches */
  gint64 prefill_tokens; /* those of prompts among the tokens of sequences */
  gint64 most_tokens;    /* the most tokens of a rank, those of a dummy batch included */
  gint64 most_seqs;      /* the most sequences of a rank */
} tw_step_counts;

/* Tokens that the sequences of a rank compute. */
static inline gint64 tw_batch_tokens(const tw_batch *batch)
{
  return batch->decode_seqs * (1 + batch->drafted) + batch->prefill_tokens;
}

/* Tokens of a rank's dummy batch, which has as many drafts as a sequence that decodes: `idle_tokens` where it has no
 * work, else none. */
static inline gint64 tw_batch_idle(const tw_batch *batch, gint64 idle_tokens)
{
  return tw_batch_tokens(batch) == 0 ? idle_tokens * (1 + batch->drafted) : 0;
}

tw_step_counts tw_step_count(const tw_batch *ranks, int n_ranks, gint64 idle_tokens);

#endif
