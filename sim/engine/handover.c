/* KV that comes from other engines and goes to them. */
#include "sim/engine/batching.h"

#include <math.h>

/* What the cache holds of the prompt of a sequence whose KV is to come. */
static tw_prefix_hit found_here(const tw_scheduler *s, const tw_sequence *sequence)
{
  return s->config.kind->reads_rest ? tw_batching_cached(s, sequence, tw_sequence_prompt(sequence))
                                    : (tw_prefix_hit){0};
}

gboolean tw_scheduler_has_room(tw_scheduler *s, const tw_sequence *sequence, gint64 iterations)
{
  tw_scheduler_evict_prefixes(s, iterations);
  tw_prefix_hit hit = found_here(s, sequence);
  gint64 blocks = tw_batching_blocks(s, tw_sequence_prompt(sequence)) - hit.tokens / s->config.block_tokens;
  gint64 taken = tw_kv_need(&s->kv, s->decoding.count, iterations + (s->ahead ? 3 : 2));
  gint64 kept = s->config.kind->kept != NULL ? s->config.kind->kept(s) : 0;
  return s->waiting.n == 0 && s->sglang.chunked == NULL && tw_batching_may_promise(s, sequence, 0) &&
         blocks + hit.idle_blocks <= tw_kv_free(&s->kv) - MAX(taken, s->reserved) - kept;
}

/* Blocks that are reserved for a sequence beside those found in the cache. */
static gint64 fresh_blocks(const tw_scheduler *s, const tw_sequence *sequence)
{
  return tw_batching_blocks(s, tw_sequence_prompt(sequence)) -
         tw_prefix_blocks(&s->prefixes, sequence->decode_prefix);
}

void tw_scheduler_reserve(tw_scheduler *s, tw_sequence *sequence)
{
  tw_prefix_hit hit = found_here(s, sequence);
  sequence->decode_prefix = tw_prefix_cache_hold(&s->prefixes, &hit);
  sequence->decode_cached = hit.tokens;
  gint64 blocks = fresh_blocks(s, sequence);
  s->promised += tw_batching_final_blocks(s, sequence);
  s->held++;
  s->held_blocks += blocks;
  s->held_tokens += tw_prefix_tokens(sequence->decode_prefix);
  s->held_promised += tw_batching_final_blocks(s, sequence);
  s->kv.used_blocks += blocks + hit.idle_blocks;
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
  tw_batching_end_hold(s, sequence, fresh_blocks(s, sequence));
  s->held_tokens -= tw_prefix_tokens(sequence->decode_prefix);
  sequence->prefix = sequence->decode_prefix;
  sequence->decode_prefix = NULL;
  sequence->prefill_done = tokens;
  if (sequence->resumed == 0 || isnan(sequence->decode_start_s)) {
    sequence->decode_start_s = s->prefixes.now_s;
    sequence->queued_preempted_s = sequence->preempted_s;
  }
  if (s->config.shows_later && sequence->emitted == 1)
    sequence->last_token_s = s->prefixes.now_s;
  sequence->place = s->admitted++;
  g_queue_push_tail_link(&s->running, &sequence->link);
  tw_batching_cache(s, sequence, tokens);
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

void tw_scheduler_withdraw(tw_scheduler *s, tw_sequence *sequence, gint64 iterations, double now_s)
{
  gint64 blocks = fresh_blocks(s, sequence);
  s->prefixes.now_s = now_s;
  tw_scheduler_evict_prefixes(s, iterations);
  tw_batching_end_hold(s, sequence, blocks);
  s->held_tokens -= tw_prefix_tokens(sequence->decode_prefix);
  s->promised -= tw_batching_final_blocks(s, sequence);
  tw_prefix_cache_free(&s->prefixes, blocks);
  s->kv.used_blocks -=
      blocks + tw_prefix_cache_release(&s->prefixes, sequence->decode_prefix, sequence->ticket);
  sequence->decode_prefix = NULL;
}

gboolean tw_scheduler_deliver(tw_scheduler *s, tw_sequence *sequence)
{
  tw_heap_push(&s->delivered, &sequence->waiting, 0, sequence->ticket);
  if (s->running.length >= s->config.max_seqs)
    return FALSE;
  return s->running.length == 0 || !s->config.kind->when_empty;
}
