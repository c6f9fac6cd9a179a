#include "sim/power/charge.h"

#include <math.h>

tw_charge_rates tw_charge_split(const tw_power_law *law, const tw_step_cost *cost, tw_line joules,
                                const tw_batch *ranks, int n_ranks, const tw_context_caps *caps,
                                double uncapped_share)
{
  double seqs = 0, context = 0, growing = 0, prompt = 0, attended = 0;
  for (int i = 0; i < n_ranks; i++) {
    const tw_batch *b = &ranks[i];
    seqs += (double)b->decode_seqs;
    context += uncapped_share * (double)b->decode_context;
    growing += uncapped_share * (double)b->decode_seqs;
    for (int k = 0; k < caps->n; k++) {
      tw_capped capped = tw_batch_capped(b, k);
      context += caps->share[k] * (double)capped.decode;
      growing += caps->share[k] * (double)capped.growing;
    }
    prompt += (double)b->prefill_tokens;
    attended += b->prefill_context;
  }
  double asked = tw_power_of_work(law, cost->flops.first, cost->bytes.first);
  double prefill = tw_power_of_work(law, cost->prefill.flops, cost->prefill.bytes);
  double attention = tw_power_of_work(law, cost->prefill_attention.flops, cost->prefill_attention.bytes);
  double paid = asked > 0 ? joules.first / asked : 0; /* joules for each that is asked for */

  tw_charge_rates rates = {.prefill_share = prompt > 0 && seqs == 0     ? 1
                                            : prompt == 0 || asked <= 0 ? 0
                                                                        : prefill / asked};
  if (prompt > 0) {
    double share = prefill > 0 ? attention / prefill : 0, total = rates.prefill_share * joules.first;
    rates.per_attended = share * total / attended;
    rates.per_prompt = (1 - share) * total / prompt;
  }
  if (seqs == 0)
    return rates;
  /* The context pays what it asks for, but no more than the joules grow by: then what is left for the tokens
   * themselves is positive in every iteration, also where the device's limit holds the sum down. */
  if (growing > 0) {
    double asked_growth = tw_power_of_work(law, cost->flops.growth, cost->bytes.growth);
    rates.per_context = fmax(0, fmin(paid * asked_growth, joules.growth) / growing);
  }
  double decode = (1 - rates.prefill_share) * joules.first;
  rates.per_seq = (tw_line){fmax(0, decode - rates.per_context * context) / seqs,
                            (joules.growth - rates.per_context * growing) / seqs};
  return rates;
}

tw_charge_sums tw_charge_after(tw_charge_sums start, const tw_charge_rates *rates, gint64 count,
                               gint64 iterations)
{
  double n = (double)iterations, q = (double)count;
  return (tw_charge_sums){
      start.tokens + tw_line_sum(rates->per_seq, iterations),
      start.context + rates->per_context * n,
      start.moment + rates->per_context * (n * q + n * (n - 1) / 2),
  };
}

double tw_charge_between(tw_charge_sums from, tw_charge_sums to, double offset, const tw_context_caps *caps,
                         double uncapped_share, guint reached)
{
  double context = to.context - from.context;
  double whole = offset * context + (to.moment - from.moment);
  double share = to.tokens - from.tokens + uncapped_share * whole;
  for (int k = 0; k < caps->n; k++)
    share += caps->share[k] * (reached >> k & 1 ? (double)caps->tokens[k] * context : whole);
  return share;
}
