/* The sequences of one rank that decode, followed by a count.
 *
 * Every decode iteration raises the count q by one, and each of these sequences by one token. So none of them
 * is touched iteration by iteration: the state of each follows from q and the count at which it joined, and
 * heaps tell the count at which the next of them ends, answers or reaches a cap on its context.
 *
 *     joined at q0 with T tokens in KV ──►  tokens(q) = T + q − q0,  joules(q) from sums over q (charge.h) */
#ifndef TW_SIM_DECODING_H
#define TW_SIM_DECODING_H

#include "sim/engine/gaps.h"

typedef struct tw_decoding {
  tw_context_caps caps; /* Windows of the model, and tokens that its attention chooses. */
  double uncapped_share;
  gint64 count; /* q: decode iterations so far */
  gint64 sequences;
  gint64 kv_tokens;               /* tokens in the cache that they hold */
  gint64 capped[TW_CONTEXT_CAPS]; /* the sums of their contexts under each cap */
  tw_heap finish, answer;
  tw_heap growing[TW_CONTEXT_CAPS]; /* Sequences whose context is still below the cap. */

  /* Charges (charge.h): the sums as the segment began, at decode count `charge_start`, its rates, and the
   * count from which the moments are taken. */
  tw_charge_sums sums;
  tw_charge_rates rates;
  gint64 charge_start, charge_origin;

  tw_gaps gaps;
} tw_decoding;

void tw_decoding_clear(tw_decoding *decoding);

/* A sequence whose prompt is in KV joins, or leaves with what it has emitted and been charged. */
void tw_decoding_join(tw_decoding *decoding, tw_sequence *sequence);
void tw_decoding_leave(tw_decoding *decoding, tw_sequence *sequence);

/* Tokens that a sequence holds in KV. */
gint64 tw_decoding_tokens(const tw_decoding *decoding, const tw_sequence *sequence);

/* Adds the decodes of the next iteration to a batch. */
void tw_decoding_batch(const tw_decoding *decoding, tw_batch *batch);
/* Iterations until the first of them ends; at least one must decode. */
gint64 tw_decoding_first_end(const tw_decoding *decoding);
/* Sequences that have ended after so many iterations; and of them, those all of whose blocks are full then.
 */
gint64 tw_decoding_ending(const tw_decoding *decoding, gint64 iterations);
gint64 tw_decoding_ending_full(const tw_decoding *decoding, gint64 iterations, gint64 block_tokens);

/* Carries out `iterations` more iterations of `segment`. Those that end by that stay, to be taken one by one:
 * the next of them, or NULL. */
void tw_decoding_advance(tw_decoding *decoding, const tw_segment *segment, gint64 iterations);
tw_sequence *tw_decoding_ended(const tw_decoding *decoding);

/* From here on, iterations are charged at these rates. `running` holds all that decode, as links of
 * tw_sequence, among others. */
void tw_decoding_charge(tw_decoding *decoding, const GQueue *running, const tw_charge_rates *rates);
/* Charges all that decode a part of the next iteration. */
void tw_decoding_charge_part(const tw_decoding *decoding, const GQueue *running, double part);
/* Joules of a prompt chunk of `tokens` tokens, behind `done` others. */
double tw_decoding_chunk_joules(const tw_decoding *decoding, gint64 done, gint64 tokens);
/* Joules of one token in the next iteration, that attends to `context` tokens. */
double tw_decoding_token_joules(const tw_decoding *decoding, gint64 context);

/* Recounts from `running` and asserts that it agrees. */
void tw_decoding_audit(const tw_decoding *decoding, const GQueue *running);

#endif
