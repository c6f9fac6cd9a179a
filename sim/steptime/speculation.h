/* Speculative decoding and multi-token prediction, in the mean.
 *
 * In every decode iteration a draft proposes k tokens for each sequence, and the model verifies them and
 * emits one of its own: with probability p that a draft token is accepted where those before it were, an
 * iteration emits
 *
 *     m = 1 + p + ... + p^k = (1 − p^(k+1)) / (1 − p)
 *
 * tokens of each sequence on average (Leviathan et al.: Fast Inference from Transformers via Speculative
 * Decoding, ICML 2023, equation 1), or, where the share a_i of iterations that accept draft token i was measured,
 * m = 1 + a_1 + ... + a_k (what vLLM counts as spec_decode_num_accepted_tokens_per_pos over num_drafts). Its tokens
 * are spread evenly over the iteration: what the engine takes for an iteration is one token of each sequence, and lasts
 *
 *     (time to verify k + 1 tokens of each sequence + time to draft) / m
 *
 * Verifying multiplies the tokens of matrices, attention and head; KV and weights are read once. Drafting takes
 * k · c · the time of an iteration without drafts, or, where the drafter is a model (tw_step_setting.drafter), one pass
 * of it over the tokens that the model verifies and k − 1 over one token of each sequence. So a request may join between
 * two tokens of an iteration, and blocks are taken for the tokens that are accepted. Iterations with prompt chunks go
 * without drafts; but a drafter that is a model passes over their tokens, too, which fills its KV cache. */
#ifndef TW_SIM_SPECULATION_H
#define TW_SIM_SPECULATION_H

#include "sim/steptime/step_time.h"

enum { TW_MOST_DRAFT_TOKENS = 64 };

typedef struct tw_speculation {
  gint64 draft_tokens;    /* k; 0: none */
  double acceptance;      /* p; NAN where the shares are given */
  double draft_cost;      /* c */
  const double *accepted; /* a_1 ... a_k, borrowed; NULL: p tells them */
} tw_speculation;

/* m: tokens of a sequence in an iteration. */
double tw_speculation_tokens(const tw_speculation *speculation);

/* Turns the cost of an iteration without drafts into that of one token of each sequence; or adds a drafter's pass, if
 * the batches hold prompt chunks. `ranks` are the batches that it is the cost of; they are changed meanwhile. */
void tw_speculation_cost(const tw_speculation *speculation, const tw_step_model *model, tw_batch *ranks,
                         int n_ranks, tw_step_cost *cost);

#endif
