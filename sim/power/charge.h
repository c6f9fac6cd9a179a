/* Charges: each sequence's share of the dynamic joules of the iterations that it was in.
 *
 * A sequence that decodes pays for its token and for the context that it attends to. Its context grows by a
 * token an iteration, so what it pays from joining at count q0 to leaving at q1 follows from three sums that
 * the rank keeps over its decode count, without touching the sequence in between:
 *
 *     tokens(q) = Σ s(i)      s: joules per sequence at count i
 *     context(q) = Σ c(i)     c: joules per token of context
 *     moment(q) = Σ c(i) · i
 *
 *     share = Δtokens + (C − q0) · Δcontext + Δmoment      C: tokens of its context at q0; Δ: from q0 to q1
 *
 * Within a segment s is a line and c is constant, so that the sums at any boundary follow from those at its
 * start: macro-steps and exact steps agree to the bit. Layers with an attention window count the context up
 * to the window; a sequence settles when it fills its window. */
#ifndef TW_SIM_CHARGE_H
#define TW_SIM_CHARGE_H

#include "sim/power/power.h"

/* The sums at one decode count. */
typedef struct tw_charge_sums {
  double tokens, context, moment;
} tw_charge_sums;

/* How a segment's dynamic joules fall on its sequences. */
typedef struct tw_charge_rates {
  tw_line per_seq;      /* joules of a decoding sequence in iteration j */
  double per_context;   /* joules of a token of its context */
  double per_prompt;    /* joules of a prompt token */
  double per_attended;  /* joules of a token that a prompt token attends to */
  double prefill_share; /* the part of prompt chunks in the iteration's dynamic joules */
} tw_charge_rates;

/* Splits the dynamic joules of a segment over the batches of the engine's ranks, in proportion to the FLOPs
 * and bytes that each sequence causes; `caps` and `uncapped_share` are the model's. All shares are >= 0, and sum to `joules` in each of the segment's iterations. */
tw_charge_rates tw_charge_split(const tw_power_law *law, const tw_step_cost *cost, tw_line joules,
                                const tw_batch *ranks, int n_ranks, const tw_context_caps *caps,
                                double uncapped_share);

/* The sums after `iterations` iterations of a segment that began with `start`, at `count` counted from the
 * origin of the moments. */
tw_charge_sums tw_charge_after(tw_charge_sums start, const tw_charge_rates *rates, gint64 count,
                               gint64 iterations);

/* Joules of a sequence between two states of the sums. Its context is `offset` more than the count; where bit i of
 * `reached` is set, it has reached cap i, and counts as that in what the cap holds for. */
double tw_charge_between(tw_charge_sums from, tw_charge_sums to, double offset, const tw_context_caps *caps,
                         double uncapped_share, guint reached);

#endif
