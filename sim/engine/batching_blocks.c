/* KV blocks of a batch, as sequences join it, leave it and are preempted. */
#include "sim/engine/batching.h"

#include <math.h>

void tw_batching_take(tw_scheduler *s, gint64 blocks)
{
  s->kv.used_blocks += blocks;
  tw_prefix_cache_evict(&s->prefixes, tw_kv_free(&s->kv) - s->reserved);
}

void tw_batching_cache(tw_scheduler *s, tw_sequence *sequence, gint64 tokens)
{
  if (s->config.prefix_cache)
    sequence->prefix = tw_prefix_cache_add(&s->prefixes, &sequence->request, sequence->ticket,
                                           sequence->prefix, tokens, &s->kv.used_blocks);
}

void tw_batching_free(tw_scheduler *s, tw_sequence *sequence, gint64 tokens)
{
  gint64 loose = tw_batching_blocks(s, tokens) - tw_prefix_blocks(&s->prefixes, sequence->prefix);
  tw_prefix_cache_free(&s->prefixes, loose);
  s->kv.used_blocks -= loose + tw_prefix_cache_release(&s->prefixes, sequence->prefix, sequence->ticket);
  sequence->prefix = NULL;
}

gint64 tw_batching_final_blocks(const tw_scheduler *s, const tw_sequence *sequence)
{
  /* The last token's key and value are never computed. */
  const tw_request *request = &sequence->request;
  gint64 output = s->config.hands_over ? sequence->resumed : tw_request_output_tokens(request) - 1;
  return tw_batching_blocks(s, request->prompt_tokens + output);
}

gboolean tw_batching_may_promise(const tw_scheduler *s, const tw_sequence *sequence, gint64 kept)
{
  return s->config.reserve != TW_RESERVE_OUTPUT ||
         s->promised + tw_batching_final_blocks(s, sequence) <= s->kv.total_blocks - kept;
}

gint64 tw_batching_reserved(const tw_scheduler *s, gint64 iterations)
{
  gint64 q = s->decoding.count;
  if ((iterations == 0 && s->since_plan == 0) || !s->decodes)
    return s->reserved;
  if (!s->ahead)
    return tw_kv_need(&s->kv, q, iterations + 1);
  if (s->config.kind->radix) /* It plans without knowing who ends. */
    return tw_kv_need(&s->kv, q, iterations + 2);
  /* A sequence that ends with the iteration before the planned one wants no block in it. */
  return tw_kv_need(&s->kv, q, iterations + 2) -
         tw_decoding_ending_full(&s->decoding, iterations + 1, s->config.block_tokens);
}

/* ---- Life in a batch ---- */

void tw_batching_join(tw_scheduler *s, tw_sequence *sequence)
{
  tw_kv_join(&s->kv, s->decoding.count, sequence->prefill_target);
  tw_decoding_join(&s->decoding, sequence);
  tw_waiting_decode(&s->waiting, sequence, 1, s->decoding.count);
}

void tw_batching_stop(tw_scheduler *s, tw_sequence *sequence)
{
  gint64 tokens = tw_decoding_tokens(&s->decoding, sequence);
  tw_decoding_leave(&s->decoding, sequence);
  tw_waiting_decode(&s->waiting, sequence, -1, s->decoding.count);
  tw_kv_leave(&s->kv, s->decoding.count, tokens);
  sequence->prefill_target = sequence->prefill_done = tokens;
}

void tw_batching_leave(tw_scheduler *s, tw_sequence *sequence)
{
  tw_batching_stop(s, sequence);
  tw_batching_cache(s, sequence, sequence->prefill_done);
}

/* The chunks of a sequence that is preempted: what is planned is not run, what runs is lost. Returns whether
 * one was planned. */
static gboolean lose_chunks(tw_scheduler *s, const tw_sequence *sequence)
{
  guint planned = s->next.list->len;
  for (guint i = planned; i-- > 0;)
    if (g_array_index(s->next.list, tw_chunk, i).sequence == sequence)
      g_array_remove_index(s->next.list, i);
  for (guint i = 0; s->ahead && i < s->chunks.list->len; i++) {
    tw_chunk *chunk = &g_array_index(s->chunks.list, tw_chunk, i);
    chunk->lost |= chunk->sequence == sequence;
  }
  return s->next.list->len < planned;
}

void tw_batching_set_back(tw_scheduler *s, tw_sequence *sequence)
{
  s->promised -= tw_batching_final_blocks(s, sequence);
  if (isnan(sequence->lost_s))
    sequence->lost_s = s->prefixes.now_s;
  sequence->preemptions++;
  s->preemptions++;
  s->preempted = TRUE;
  g_queue_unlink(&s->running, &sequence->link);
  (s->config.adapters.slots > 0 ? tw_waiting_push_front : tw_waiting_push)(&s->waiting, sequence,
                                                                           s->decoding.count);
}

void tw_batching_preempt(tw_scheduler *s, tw_sequence *sequence)
{
  gboolean decoded = sequence->decoding, aside = tw_sequence_is_aside(sequence),
           chunk = lose_chunks(s, sequence);
  /* It has blocks for the token of the iteration that runs, and for the one that is planned. */
  if (decoded)
    tw_batching_leave(s, sequence);
  gboolean token = sequence->planned > 0 && !chunk;
  gint64 computed = sequence->prefill_done, held = computed + (decoded && s->ahead) + token;
  /* A token that an iteration under way is to emit has no block that could be found. */
  gint64 known = held - (s->ahead && (decoded || (token && !aside)));
  gint64 more = tw_kv_blocks(&s->kv, held) - tw_kv_blocks(&s->kv, computed);
  s->kv.used_blocks += more;
  s->reserved -= more;
  tw_batching_cache(s, sequence, known);
  tw_prefix_cache_remember(&s->prefixes, sequence->prefix);
  tw_batching_free(s, sequence, held);
  if (decoded && s->ahead)
    g_ptr_array_add(s->lost, sequence);
  if (aside && !decoded)
    g_ptr_array_remove(s->aside, sequence);
  s->partial -= tw_sequence_is_partial(sequence);
  sequence->prefill_done = sequence->planned = 0;
  tw_batching_set_back(s, sequence);
}
