/* KV that comes from other engines and goes to them. */
#include "sim/engine/batching.h"

gboolean tw_scheduler_reserve(tw_scheduler *s, const tw_request *request, gint64 iterations)
{
  gint64 blocks = tw_batching_blocks(s, request->prompt_tokens);
  gint64 taken = tw_kv_need(&s->kv, s->decoding.count, iterations + (s->ahead ? 3 : 2));
  if (s->waiting.n > 0 || !tw_batching_may_promise(s, request, 0) ||
      blocks > tw_kv_free(&s->kv) - MAX(taken, s->reserved))
    return FALSE;
  s->promised += tw_batching_final_blocks(s, request);
  s->held++;
  s->held_blocks += blocks;
  s->held_promised += tw_batching_final_blocks(s, request);
  s->kv.used_blocks += blocks;
  return TRUE;
}

void tw_batching_end_hold(tw_scheduler *s, const tw_request *request, gint64 blocks)
{
  s->held--;
  s->held_blocks -= blocks;
  s->held_promised -= tw_batching_final_blocks(s, request);
}

void tw_scheduler_unreserve(tw_scheduler *s, const tw_request *request)
{
  gint64 blocks = tw_batching_blocks(s, request->prompt_tokens);
  tw_batching_end_hold(s, request, blocks);
  s->promised -= tw_batching_final_blocks(s, request);
  s->kv.used_blocks -= blocks;
}

void tw_scheduler_release(tw_scheduler *s, tw_sequence *sequence, gint64 iterations, double now_s)
{
  gint64 tokens = sequence->request.prompt_tokens;
  s->prefixes.now_s = now_s;
  tw_scheduler_evict_prefixes(s, iterations);
  tw_batching_end_hold(s, &sequence->request,
                       tw_batching_blocks(s, tokens) - tw_prefix_blocks(&s->prefixes, sequence->prefix));
  s->held_tokens -= tw_prefix_tokens(sequence->prefix);
  s->promised -= tw_batching_final_blocks(s, &sequence->request);
  tw_batching_free(s, sequence, tokens);
}

gboolean tw_scheduler_deliver(tw_scheduler *s, tw_sequence *sequence)
{
  tw_heap_push(&s->delivered, &sequence->waiting, 0, sequence->ticket);
  if (s->running.length >= s->config.max_seqs)
    return FALSE;
  return s->running.length == 0 || !s->config.kind->when_empty;
}
