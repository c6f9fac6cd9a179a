/* Speculative decoding and multi-token prediction, in the mean.
 *
 * In every decode iteration a draft proposes k tokens for each sequence, and the model verifies them and
 * emits one of its own: with probability p that a draft token is accepted where those before it were, an
 * iteration emits
 *
 *     m = 1 + p + ... + p^k = (1 − p^(k+1)) / (1 − p)
 *
 * tokens of each sequence on average (Leviathan et al.: Fast Inference from Transformers via Speculative
 * Decoding, ICML 2023, equation 1). Its tokens are spread evenly over the iteration: what the engine takes
 * for an iteration is one token of each sequence, and lasts
 *
 *     (time to verify k + 1 tokens of each sequence + k · c · time of an iteration without drafts) / m
 *
 * where c is what a draft token costs beside such an iteration. Verifying multiplies the tokens of matrices,
 * attention and head; KV and weights are read once. So a request may join between two tokens of an iteration,
 * and blocks are taken for the tokens that are accepted. Iterations with prompt chunks go without drafts. */
#ifndef TW_SIM_SPECULATION_H
#define TW_SIM_SPECULATION_H

#include "sim/steptime/step_time.h"

typedef struct tw_speculation {
  gint64 draft_tokens; /* k; 0: none */
  double acceptance;   /* p */
  double draft_cost;   /* c */
} tw_speculation;

/* m: tokens of a sequence in an iteration. */
double tw_speculation_tokens(const tw_speculation *speculation);

/* Turns the cost of decodes without drafts into that of one token of each sequence. `ranks` are the batches
 * that it is the cost of, without prompt chunks; they are changed meanwhile. */
void tw_speculation_cost(const tw_speculation *speculation, const tw_step_model *model, tw_batch *ranks,
                         int n_ranks, tw_step_cost *cost);

#endif
