/* KV that comes from other engines and goes to them. */
#include "sim/engine/batching.h"

#include <math.h>

gboolean tw_scheduler_reserve(tw_scheduler *s, const tw_sequence *sequence, gint64 iterations)
{
  gint64 blocks = tw_batching_blocks(s, tw_sequence_prompt(sequence));
  gint64 taken = tw_kv_need(&s->kv, s->decoding.count, iterations + (s->ahead ? 3 : 2));
  if (s->waiting.n > 0 || s->sglang.chunked != NULL || !tw_batching_may_promise(s, sequence, 0) ||
      blocks > tw_kv_free(&s->kv) - MAX(taken, s->reserved))
    return FALSE;
  s->promised += tw_batching_final_blocks(s, sequence);
  s->held++;
  s->held_blocks += blocks;
  s->held_promised += tw_batching_final_blocks(s, sequence);
  s->kv.used_blocks += blocks;
  return TRUE;
}

void tw_batching_end_hold(tw_scheduler *s, const tw_sequence *sequence, gint64 blocks)
{
  s->held--;
  s->held_blocks -= blocks;
  s->held_promised -= tw_batching_final_blocks(s, sequence);
}

void tw_batching_take_over(tw_scheduler *s, tw_sequence *sequence)
{
  gint64 tokens = sequence->prefill_target;
  tw_batching_end_hold(s, sequence, tw_batching_blocks(s, tokens));
  sequence->prefill_done = tokens;
  if (sequence->resumed == 0 || isnan(sequence->decode_start_s))
    sequence->decode_start_s = s->prefixes.now_s;
  if (s->config.shows_later && sequence->emitted == 1)
    sequence->last_token_s = s->prefixes.now_s;
  sequence->place = s->admitted++;
  g_queue_push_tail_link(&s->running, &sequence->link);
  tw_batching_cache(s, sequence, tokens);
}

void tw_scheduler_unreserve(tw_scheduler *s, const tw_sequence *sequence)
{
  gint64 blocks = tw_batching_blocks(s, tw_sequence_prompt(sequence));
  tw_batching_end_hold(s, sequence, blocks);
  s->promised -= tw_batching_final_blocks(s, sequence);
  s->kv.used_blocks -= blocks;
}

void tw_scheduler_release(tw_scheduler *s, tw_sequence *sequence, gint64 iterations, double now_s)
{
  gint64 tokens = tw_sequence_prompt(sequence);
  s->prefixes.now_s = now_s;
  tw_scheduler_evict_prefixes(s, iterations);
  tw_batching_end_hold(s, sequence,
                       tw_batching_blocks(s, tokens) - tw_prefix_blocks(&s->prefixes, sequence->prefix));
  s->held_tokens -= tw_prefix_tokens(sequence->prefix);
  s->promised -= tw_batching_final_blocks(s, sequence);
  tw_batching_free(s, sequence, tokens);
}

void tw_scheduler_withdraw(tw_scheduler *s, const tw_sequence *sequence, gint64 iterations, double now_s)
{
  s->prefixes.now_s = now_s;
  tw_scheduler_evict_prefixes(s, iterations);
  tw_scheduler_unreserve(s, sequence);
  tw_prefix_cache_free(&s->prefixes, tw_kv_blocks(&s->kv, tw_sequence_prompt(sequence)));
}

gboolean tw_scheduler_deliver(tw_scheduler *s, tw_sequence *sequence)
{
  tw_heap_push(&s->delivered, &sequence->waiting, 0, sequence->ticket);
  if (s->running.length >= s->config.max_seqs)
    return FALSE;
  return s->running.length == 0 || !s->config.kind->when_empty;
}
