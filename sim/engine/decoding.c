#include "sim/engine/decoding.h"

void tw_decoding_clear(tw_decoding *d)
{
  tw_heap_clear(&d->finish);
  tw_heap_clear(&d->answer);
  for (int i = 0; i < TW_CONTEXT_CAPS; i++)
    tw_heap_clear(&d->growing[i]);
  tw_gaps_clear(&d->gaps);
}

gint64 tw_decoding_tokens(const tw_decoding *d, const tw_sequence *sequence)
{
  return sequence->prefill_target + d->count - sequence->joined;
}

/* The context of the next token of a sequence that holds so many in KV, under cap i. */
static gint64 capped(const tw_decoding *d, int i, gint64 kv_tokens)
{
  return MIN(kv_tokens + 1, d->caps.tokens[i]);
}

/* ---- Charges ---- */

/* Moments are taken from a count so near that no digits are lost. */
#define CHARGE_SPAN 65536

static tw_charge_sums sums_after(const tw_decoding *d, gint64 iterations)
{
  return tw_charge_after(d->sums, &d->rates, d->charge_start - d->charge_origin,
                         d->count - d->charge_start + iterations);
}

static double charge_between(const tw_decoding *d, const tw_sequence *sequence, tw_charge_sums from,
                             tw_charge_sums to)
{
  double offset = (double)(sequence->prefill_target + 1 - (sequence->joined - d->charge_origin));
  guint reached = 0;
  for (int i = 0; i < d->caps.n; i++)
    reached |= tw_heap_node_in(&sequence->cap_reached[i]) ? 0 : 1U << i;
  return tw_charge_between(from, to, offset, &d->caps, d->uncapped_share, reached);
}

/* Charges a decoding sequence for its iterations up to now. */
static void charge_decodes(const tw_decoding *d, tw_sequence *sequence)
{
  tw_charge_sums now = sums_after(d, 0);
  sequence->joules += charge_between(d, sequence, sequence->charged, now);
  sequence->charged = now;
}

double tw_decoding_chunk_joules(const tw_decoding *d, gint64 behind, gint64 tokens)
{
  double done = (double)behind, n = (double)tokens;
  return d->rates.per_prompt * n + d->rates.per_attended * (n * done + n * (n + 1) / 2);
}

double tw_decoding_token_joules(const tw_decoding *d, gint64 context)
{
  tw_charge_sums from = sums_after(d, 0), to = sums_after(d, 1);
  double weighed = d->uncapped_share * (double)context;
  for (int i = 0; i < d->caps.n; i++)
    weighed += d->caps.share[i] * (double)MIN(context, d->caps.tokens[i]);
  return to.tokens - from.tokens + (to.context - from.context) * weighed;
}

void tw_decoding_charge(tw_decoding *d, const GQueue *running, const tw_charge_rates *rates)
{
  if (d->count - d->charge_origin < CHARGE_SPAN) {
    d->sums = sums_after(d, 0);
  } else {
    for (GList *link = running->head; link != NULL; link = link->next) {
      tw_sequence *sequence = link->data;
      if (sequence->decoding)
        charge_decodes(d, sequence);
      sequence->charged = (tw_charge_sums){0};
    }
    d->sums = (tw_charge_sums){0};
    d->charge_origin = d->count;
  }
  d->charge_start = d->count;
  d->rates = *rates;
}

void tw_decoding_charge_part(const tw_decoding *d, const GQueue *running, double part)
{
  for (GList *link = running->head; link != NULL; link = link->next) {
    tw_sequence *sequence = link->data;
    if (sequence->decoding)
      sequence->joules += part * charge_between(d, sequence, sums_after(d, 0), sums_after(d, 1));
  }
}

/* ---- Life ---- */

void tw_decoding_join(tw_decoding *d, tw_sequence *sequence)
{
  const tw_request *request = &sequence->request;
  gint64 tokens = sequence->prefill_target, left = tw_request_output_tokens(request) - sequence->emitted;
  sequence->decoding = TRUE;
  sequence->joined = d->count;
  sequence->charged = sums_after(d, 0);
  tw_gaps_join(&d->gaps, sequence);
  d->sequences++;
  d->kv_tokens += tokens;
  tw_heap_push(&d->finish, &sequence->finish, (double)(d->count + left), sequence->place);
  if (sequence->emitted <= request->reasoning_tokens && request->answer_tokens > 0)
    tw_heap_push(&d->answer, &sequence->answer,
                 (double)(d->count + request->reasoning_tokens + 1 - sequence->emitted), sequence->ticket);
  for (int i = 0; i < d->caps.n; i++) {
    gint64 cap = d->caps.tokens[i];
    d->capped[i] += capped(d, i, tokens);
    if (tokens + 1 < cap)
      tw_heap_push(&d->growing[i], &sequence->cap_reached[i], (double)(d->count + cap - tokens - 1),
                   sequence->ticket);
  }
}

void tw_decoding_leave(tw_decoding *d, tw_sequence *sequence)
{
  gint64 tokens = tw_decoding_tokens(d, sequence);
  charge_decodes(d, sequence);
  tw_gaps_leave(&d->gaps, sequence, sequence->joined, d->count);
  sequence->emitted += (gint32)(d->count - sequence->joined);
  sequence->decoding = FALSE;
  d->sequences--;
  d->kv_tokens -= tokens;
  for (int i = 0; i < d->caps.n; i++) {
    d->capped[i] -= capped(d, i, tokens);
    if (tw_heap_node_in(&sequence->cap_reached[i]))
      tw_heap_remove(&d->growing[i], &sequence->cap_reached[i]);
  }
  if (tw_heap_node_in(&sequence->finish))
    tw_heap_remove(&d->finish, &sequence->finish);
  if (tw_heap_node_in(&sequence->answer))
    tw_heap_remove(&d->answer, &sequence->answer);
}

void tw_decoding_batch(const tw_decoding *d, tw_batch *batch)
{
  batch->decode_seqs = d->sequences;
  batch->decode_context = d->kv_tokens + d->sequences;
  batch->decode_windowed = d->capped[0];
  batch->decode_growing = d->growing[0].n;
  batch->sampled += d->sequences;
  for (int i = 0; i < d->caps.n; i++) {
    if (i > 0) {
      batch->further[i - 1].decode = d->capped[i];
      batch->further[i - 1].growing = d->growing[i].n;
    }
    if (d->growing[i].n > 0)
      batch->next_full = MIN(batch->next_full, (gint64)tw_heap_first(&d->growing[i]) - d->count);
  }
}

/* Counts the sequences that end at `end` in the part of the heap below a node: who ends first is above who
 * ends later. */
static gint64 ending(const tw_heap *finish, guint node, double end,
                     gint64 (*weigh)(const tw_sequence *, gint64), gint64 argument)
{
  if (node >= finish->n || finish->entries[node].key > end)
    return 0;
  const tw_sequence *sequence = tw_container(finish->entries[node].node, tw_sequence, finish);
  return weigh(sequence, argument) + ending(finish, 2 * node + 1, end, weigh, argument) +
         ending(finish, 2 * node + 2, end, weigh, argument);
}

static gint64 one(const tw_sequence *sequence, gint64 argument)
{
  (void)sequence, (void)argument;
  return 1;
}

/* Whether the blocks of a sequence are full where it ends. */
static gint64 ends_full(const tw_sequence *sequence, gint64 block_tokens)
{
  gint64 tokens = (gint64)sequence->request.prompt_tokens + tw_request_output_tokens(&sequence->request) - 1;
  return tokens % block_tokens == 0;
}

gint64 tw_decoding_ending(const tw_decoding *d, gint64 iterations)
{
  return ending(&d->finish, 0, (double)(d->count + iterations), one, 0);
}

gint64 tw_decoding_ending_full(const tw_decoding *d, gint64 iterations, gint64 block_tokens)
{
  return ending(&d->finish, 0, (double)(d->count + iterations), ends_full, block_tokens);
}

gint64 tw_decoding_first_end(const tw_decoding *d)
{
  return (gint64)tw_heap_first(&d->finish) - d->count;
}

void tw_decoding_advance(tw_decoding *d, const tw_segment *segment, gint64 iterations)
{
  gint64 before = d->count;
  tw_gaps_advance(&d->gaps, before, segment, iterations);
  d->kv_tokens += d->sequences * iterations;
  d->count += iterations;
  for (int i = 0; i < d->caps.n; i++) {
    d->capped[i] += (gint64)d->growing[i].n * iterations;
    while (tw_heap_first(&d->growing[i]) <= (double)d->count) {
      tw_heap_node *top = tw_heap_top(&d->growing[i]);
      /* The step model did not stop at the cap: only iterations below it count. */
      d->capped[i] -= d->count - (gint64)top->key;
      charge_decodes(d, tw_container(top - i, tw_sequence, cap_reached));
      tw_heap_remove(&d->growing[i], top);
    }
  }
  while (tw_heap_first(&d->answer) <= (double)d->count) {
    tw_heap_node *top = tw_heap_top(&d->answer);
    tw_heap_remove(&d->answer, top);
    tw_container(top, tw_sequence, answer)->first_answer_s =
        tw_segment_boundary(segment, segment->done + (gint64)top->key - before);
  }
}

tw_sequence *tw_decoding_ended(const tw_decoding *d)
{
  gboolean any = tw_heap_first(&d->finish) <= (double)d->count;
  return any ? tw_container(tw_heap_top(&d->finish), tw_sequence, finish) : NULL;
}

void tw_decoding_audit(const tw_decoding *d, const GQueue *running)
{
  gint64 sequences = 0, tokens = 0, sums[TW_CONTEXT_CAPS] = {0};
  for (GList *link = running->head; link != NULL; link = link->next) {
    const tw_sequence *sequence = link->data;
    if (!sequence->decoding)
      continue;
    gint64 held = tw_decoding_tokens(d, sequence), emitted = sequence->emitted + d->count - sequence->joined;
    g_assert(held == sequence->request.prompt_tokens + emitted - 1);
    g_assert(sequence->finish.key ==
             (double)(d->count + tw_request_output_tokens(&sequence->request) - emitted));
    sequences++;
    tokens += held;
    for (int i = 0; i < d->caps.n; i++)
      sums[i] += capped(d, i, held);
  }
  g_assert(sequences == d->sequences && tokens == d->kv_tokens);
  for (int i = 0; i < d->caps.n; i++)
    g_assert(sums[i] == d->capped[i]);
}
