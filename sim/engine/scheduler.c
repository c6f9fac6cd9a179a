#include "sim/engine/scheduler.h"

#include "sim/engine/sglang.h"

#include <math.h>

static void init_chunks(tw_chunks *chunks)
{
  *chunks = (tw_chunks){.list = g_array_new(FALSE, FALSE, sizeof(tw_chunk))};
}

void tw_scheduler_init(tw_scheduler *s, const tw_scheduler_config *config)
{
  *s = (tw_scheduler){.config = *config,
                      .aside = g_ptr_array_new(),
                      .joining = g_ptr_array_new(),
                      .leaving = g_ptr_array_new(),
                      .lost = g_ptr_array_new(),
                      .passed = g_ptr_array_new(),
                      .ended = g_ptr_array_new(),
                      .handed_over = g_ptr_array_new(),
                      .decoding = {.caps = config->caps, .uncapped_share = config->uncapped_share}};
  init_chunks(&s->chunks);
  init_chunks(&s->next);
  tw_kv_cache_init(&s->kv, config->kv_blocks, config->block_tokens);
  tw_waiting_init(&s->waiting, config->order);
  s->waiting.appends = config->kind->radix;
  tw_adapters_init(&s->adapters, &config->adapters);
  tw_prefix_cache_init(&s->prefixes, config->block_tokens, config->kv_blocks);
  s->prefixes.radix = config->kind->radix;
  s->prefixes.map = config->prefix_map;
  s->prefixes.place = config->prefix_place;
  g_queue_init(&s->running);
  tw_sglang_reset(s);
  if (config->gaps)
    tw_gaps_init(&s->decoding.gaps);
}

static tw_sequence *first_waiting(const tw_scheduler *s)
{
  return tw_waiting_first(&s->waiting, s->decoding.count);
}

void tw_scheduler_clear(tw_scheduler *s)
{
  for (GList *link = s->running.head, *next; link != NULL; link = next) {
    next = link->next;
    tw_sequence_free(link->data);
  }
  for (tw_sequence *sequence; (sequence = first_waiting(s)) != NULL;) {
    tw_waiting_take(&s->waiting, sequence);
    tw_sequence_free(sequence);
  }
  for (guint i = 0; i < s->delivered.n; i++)
    tw_sequence_free(tw_container(s->delivered.entries[i].node, tw_sequence, waiting));
  tw_waiting_clear(&s->waiting);
  tw_adapters_clear(&s->adapters);
  tw_heap_clear(&s->delivered);
  tw_decoding_clear(&s->decoding);
  tw_kv_cache_clear(&s->kv);
  tw_prefix_cache_clear(&s->prefixes);
  g_array_unref(s->chunks.list);
  g_array_unref(s->next.list);
  GPtrArray *arrays[] = {s->aside, s->joining, s->leaving, s->lost, s->passed, s->ended, s->handed_over};
  for (guint i = 0; i < G_N_ELEMENTS(arrays); i++)
    g_ptr_array_unref(arrays[i]);
}

const char *tw_scheduler_refusal(const tw_scheduler_config *config, const tw_request *request)
{
  gint64 tokens = (gint64)request->prompt_tokens + tw_request_output_tokens(request);
  if (tokens > config->max_model_len)
    return "prompt and output exceed max-model-len";
  /* The last token's key and value are never computed. */
  gint64 held = config->hands_over ? request->prompt_tokens : tokens - 1;
  if (config->kind->radix) /* radix kinds admit a prompt only if more than a page is left */
    held += 2 + config->block_tokens;
  if ((held + config->block_tokens - 1) / config->block_tokens + config->sequence_blocks > config->kv_blocks)
    return config->hands_over ? "the prompt exceeds the KV cache" : "prompt and output exceed the KV cache";
  return NULL;
}

/* ---- Between plans ---- */

gboolean tw_scheduler_submit(tw_scheduler *s, tw_sequence *sequence, gint64 iterations)
{
  sequence->passed = 0; /* nobody has passed it here, wherever it waited before */
  tw_waiting_push(&s->waiting, sequence, s->decoding.count + (s->decodes ? iterations : 0));
  if (s->config.kind->closed != NULL)
    return !s->config.kind->closed(s);
  if (s->config.prefill_interval > 1) /* whether somebody waits decides whether later ones are deferred */
    return TRUE;
  if (s->running.length >= s->config.max_seqs)
    return FALSE;
  /* The next one to admit changes as others decode, and those that wait for adapters let others pass. */
  if (s->config.order != TW_ORDER_FAIR && s->config.adapters.slots == 0 && first_waiting(s) != sequence)
    return FALSE;
  return s->running.length == 0 || !s->config.kind->when_empty;
}

void tw_scheduler_cancel(tw_scheduler *s, tw_sequence *sequence)
{
  tw_waiting_take(&s->waiting, sequence);
  tw_waiting_forget(&s->waiting, sequence);
}

void tw_scheduler_forget_prefixes(tw_scheduler *s)
{
  tw_prefix_cache_forget(&s->prefixes);
}

void tw_scheduler_evict_prefixes(tw_scheduler *s, gint64 iterations)
{
  tw_prefix_cache_evict(&s->prefixes, tw_kv_free(&s->kv) - tw_batching_reserved(s, iterations));
}

void tw_scheduler_charge(tw_scheduler *s, const tw_charge_rates *rates)
{
  tw_decoding_charge(&s->decoding, &s->running, rates);
}

/* Joules of the token that the iteration which runs computes for a sequence that was preempted. */
static double lost_joules(const tw_scheduler *s, const tw_sequence *sequence)
{
  return tw_decoding_token_joules(&s->decoding, tw_sequence_known(sequence));
}

void tw_scheduler_charge_part(tw_scheduler *s, double part)
{
  if (s->decodes)
    tw_decoding_charge_part(&s->decoding, &s->running, part);
  for (guint i = 0; i < s->lost->len; i++)
    ((tw_sequence *)s->lost->pdata[i])->joules += part * lost_joules(s, s->lost->pdata[i]);
  for (guint i = 0; i < s->chunks.list->len; i++) {
    const tw_chunk *chunk = &g_array_index(s->chunks.list, tw_chunk, i);
    chunk->sequence->joules += part * tw_decoding_chunk_joules(&s->decoding, chunk->done, chunk->tokens);
  }
}

gboolean tw_scheduler_plan(tw_scheduler *s, double now_s)
{
  s->prefixes.now_s = now_s;
  s->changed = FALSE;
  s->config.kind->plan(s, now_s);
  s->since_plan = 0;
  return s->changed || (s->preempted && !s->ahead);
}

gint64 tw_scheduler_horizon(const tw_scheduler *s)
{
  return s->config.kind->horizon(s);
}

/* ---- An iteration ends ---- */

static int by_ticket(gconstpointer a, gconstpointer b)
{
  const tw_sequence *x = *(tw_sequence *const *)a, *y = *(tw_sequence *const *)b;
  return (x->ticket > y->ticket) - (x->ticket < y->ticket);
}

static int by_place(gconstpointer a, gconstpointer b)
{
  const tw_sequence *x = *(tw_sequence *const *)a, *y = *(tw_sequence *const *)b;
  return (x->place > y->place) - (x->place < y->place);
}

/* A sequence has emitted a token apart from those that decode. */
static void emit(tw_scheduler *s, tw_sequence *sequence, double now_s)
{
  tw_gaps_emit(sequence, now_s);
  sequence->emitted++;
  tw_waiting_serve(&s->waiting, sequence, 0, 1);
  if (sequence->emitted == 1)
    sequence->first_token_s = now_s;
  if (sequence->emitted == sequence->request.reasoning_tokens + 1)
    sequence->first_answer_s = now_s;
}

static gboolean has_emitted_all(const tw_sequence *sequence)
{
  return tw_sequence_left(sequence) == 0;
}

/* One that was preempted has emitted its last token all the same. */
static void end_waiting(tw_scheduler *s, tw_sequence *sequence)
{
  tw_waiting_take(&s->waiting, sequence);
  tw_waiting_forget(&s->waiting, sequence);
  g_ptr_array_add(s->ended, sequence);
}

static void hand_over(tw_scheduler *s, tw_sequence *sequence)
{
  s->held++;
  s->held_blocks +=
      tw_batching_blocks(s, sequence->prefill_done) - tw_prefix_blocks(&s->prefixes, sequence->prefix);
  s->held_tokens += tw_prefix_tokens(sequence->prefix);
  s->held_promised += tw_batching_final_blocks(s, sequence);
  g_queue_unlink(&s->running, &sequence->link);
  tw_waiting_forget(&s->waiting, sequence);
  g_ptr_array_add(s->handed_over, sequence);
}

/* The KV of a sequence's context is whole again, or was lost while its token was computed. */
static void end_loss(tw_sequence *sequence, gboolean lost, double now_s)
{
  if (lost)
    sequence->lost_s = now_s;
  else
    tw_sequence_recover(sequence, now_s);
}

/* A prompt that is complete has emitted a token at the end of the iteration, which began at start_s. */
static void finish_chunk(tw_scheduler *s, const tw_chunk *chunk, double start_s, double now_s)
{
  tw_sequence *sequence = chunk->sequence;
  if (sequence->emitted == 0)
    sequence->prompt_s += now_s - start_s;
  sequence->joules += tw_decoding_chunk_joules(&s->decoding, chunk->done, chunk->tokens);
  sequence->prefilled_tokens += chunk->tokens;
  if (!chunk->completes || (chunk->lost && s->config.kind->radix))
    return;
  end_loss(sequence, chunk->lost, now_s);
  emit(s, sequence, now_s);
  if (s->config.kind->radix && !has_emitted_all(sequence))
    tw_batching_cache(s, sequence, sequence->prefill_done);
  if (chunk->lost && has_emitted_all(sequence))
    end_waiting(s, sequence);
  else if (has_emitted_all(sequence))
    g_ptr_array_add(s->ended, sequence);
  else if (s->config.hands_over && !chunk->lost)
    hand_over(s, sequence);
  else if (!chunk->lost)
    tw_batching_join(s, sequence);
}

/* Adds a decode with so much context to what the caps of the model leave of it. */
static void add_capped(tw_batch *batch, const tw_context_caps *caps, gint64 context)
{
  for (int i = 0; i < caps->n; i++)
    *(i == 0 ? &batch->decode_windowed : &batch->further[i - 1].decode) += MIN(context, caps->tokens[i]);
}

/* Lets prompts find the tokens of a sequence that has ended, with its last token if that is in the batch that is
 * planned already. */
static void insert_whole(tw_scheduler *s, tw_sequence *sequence)
{
  gint64 tokens = sequence->prefill_done + 1,
         more = tw_kv_blocks(&s->kv, tokens) - tw_kv_blocks(&s->kv, tokens - 1);
  s->ended_since++;
  if (s->ahead && s->decodes_next) {
    s->overshoot.decode_seqs++;
    s->overshoot.decode_context += tokens;
    add_capped(&s->overshoot, &s->config.caps, tokens);
    s->kv.used_blocks += more;
    s->reserved -= more;
    sequence->prefill_done = tokens;
  }
  tw_batching_cache(s, sequence, sequence->prefill_done);
}

/* Frees the blocks of ended sequences in the order in which they were admitted, as vLLM does. */
static void let_go(tw_scheduler *s)
{
  if (s->ended->len > 1)
    g_ptr_array_sort(s->ended, by_place);
  for (guint i = 0; i < s->ended->len; i++) {
    tw_sequence *sequence = s->ended->pdata[i];
    if (sequence->prefill_done == 0) /* it was preempted */
      continue;
    if (s->config.kind->radix)
      insert_whole(s, sequence);
    tw_batching_free(s, sequence, sequence->prefill_done);
    s->promised -= tw_batching_final_blocks(s, sequence);
    g_queue_unlink(&s->running, &sequence->link);
    tw_waiting_forget(&s->waiting, sequence);
  }
  if (s->ended->len > 1)
    g_ptr_array_sort(s->ended, by_ticket);
}

gboolean tw_scheduler_advance(tw_scheduler *s, const tw_segment *segment, gint64 iterations)
{
  double start_s = tw_segment_boundary(segment, segment->done);
  double now_s = tw_segment_boundary(segment, segment->done + iterations);
  gint64 blocks = s->decodes ? tw_kv_need(&s->kv, s->decoding.count, iterations) : 0;
  gboolean changed = s->chunks.list->len + s->lost->len > 0 || s->wasted > 0,
           learns_late = s->config.kind->radix;
  s->prefixes.now_s = now_s;
  s->reserved = tw_batching_reserved(s, iterations - 1);
  tw_batching_take(s, 0);
  s->kv.used_blocks += blocks;
  s->reserved -= blocks;
  for (guint i = 0; i < s->lost->len; i++)
    ((tw_sequence *)s->lost->pdata[i])->joules += lost_joules(s, s->lost->pdata[i]);
  if (s->decodes) {
    s->since_plan += iterations;
    tw_decoding_advance(&s->decoding, segment, iterations);
    for (tw_sequence *sequence; (sequence = tw_decoding_ended(&s->decoding)) != NULL;) {
      (learns_late ? tw_batching_stop : tw_batching_leave)(s, sequence);
      g_ptr_array_add(s->ended, sequence);
    }
  }
  for (guint i = 0; i < s->lost->len && !learns_late; i++) {
    tw_sequence *sequence = s->lost->pdata[i];
    end_loss(sequence, TRUE, now_s);
    emit(s, sequence, now_s);
    if (has_emitted_all(sequence))
      end_waiting(s, sequence);
  }
  tw_batching_empty(s->lost);
  for (guint i = 0; i < s->chunks.list->len; i++)
    finish_chunk(s, &g_array_index(s->chunks.list, tw_chunk, i), start_s, now_s);
  tw_batching_drop(s->chunks.list);
  changed |= s->ended->len > 0;
  let_go(s);
  return changed;
}

/* Takes out every sequence that is queued, runs or has been delivered. */
static void take_all(tw_scheduler *s, GPtrArray *sequences)
{
  s->ahead = FALSE;
  while (s->running.length > 0) {
    tw_sequence *sequence = s->running.tail->data;
    double lost_s = sequence->lost_s;
    sequence->planned = 0;
    tw_batching_preempt(s, sequence);
    sequence->lost_s = lost_s;
    sequence->preemptions--;
    s->preemptions--;
  }
  tw_batching_empty(s->joining);
  tw_sglang_reset(s);
  for (tw_heap_node *node; (node = tw_heap_top(&s->delivered)) != NULL;) {
    tw_sequence *sequence = tw_container(node, tw_sequence, waiting);
    tw_heap_remove(&s->delivered, node);
    sequence->decode_prefix = NULL;
    g_ptr_array_add(sequences, sequence);
  }
  while (s->waiting.n > 0) {
    tw_sequence *sequence = first_waiting(s);
    tw_waiting_take(&s->waiting, sequence);
    tw_waiting_forget(&s->waiting, sequence);
    g_ptr_array_add(sequences, sequence);
  }
}

void tw_scheduler_fail(tw_scheduler *s, GPtrArray *sequences)
{
  take_all(s, sequences);
  tw_scheduler_config config = s->config;
  guint64 preemptions = s->preemptions;
  tw_scheduler_clear(s);
  tw_scheduler_init(s, &config);
  s->preemptions = preemptions;
}

void tw_scheduler_audit(const tw_scheduler *s)
{
  gint64 used = s->held_blocks, found = s->held_tokens, promised = s->held_promised, partial = 0;
  for (GList *link = s->running.head; link != NULL; link = link->next) {
    const tw_sequence *sequence = link->data;
    gint64 held = sequence->decoding ? tw_decoding_tokens(&s->decoding, sequence) : sequence->prefill_done;
    used += tw_batching_blocks(s, held) - tw_prefix_blocks(&s->prefixes, sequence->prefix);
    found += tw_prefix_tokens(sequence->prefix);
    promised += tw_batching_final_blocks(s, sequence);
    partial += !sequence->decoding && sequence->prefill_done < sequence->prefill_target;
  }
  tw_decoding_audit(&s->decoding, &s->running);
  used += tw_prefix_cache_audit(&s->prefixes, found);
  g_assert(used == s->kv.used_blocks && promised == s->promised && partial == s->partial);
  g_assert(s->prefixes.idle_blocks + s->prefixes.loose_blocks == tw_kv_free(&s->kv) - s->reserved);
  g_assert(s->decoding.sequences == s->kv.sequences);
  g_assert(s->running.length <= s->config.max_seqs);
}
