#include "sim/engine/batching.h"

#include <math.h>

static gboolean is_full(const tw_scheduler *s, gint64 tokens)
{
  return tokens % s->config.block_tokens == 0;
}

/* ---- A plan ---- */

/* Iterations from the one that is planned to the next in which prompts may be computed. */
static gint64 iterations_deferred(const tw_scheduler *s)
{
  gint64 interval = s->config.prefill_interval;
  return interval > 1 ? (interval - (s->iteration + s->ahead) % interval) % interval : 0;
}

gboolean tw_batching_defers(const tw_scheduler *s)
{
  return iterations_deferred(s) > 0 && !s->bound && s->running.length > s->partial;
}

void tw_batching_begin(tw_scheduler *s)
{
  tw_batching_drop(s->next.list);
  s->next.cached = s->next.from_host = s->next.from_store = 0;
  s->next.adapters = (tw_adapter_loads){0};
  s->one_by_one = FALSE;
  tw_batching_empty(s->joining);
  tw_batching_empty(s->leaving);
  s->preempted = s->evictable = FALSE;
  s->defers = tw_batching_defers(s);
  s->reserved = s->ahead ? tw_kv_need(&s->kv, s->decoding.count, 1) : 0;
}

void tw_batching_take_chunk(tw_scheduler *s, tw_sequence *sequence, gint64 tokens)
{
  tw_chunk chunk = {sequence, sequence->prefill_done, tokens,
                    sequence->prefill_done + tokens == sequence->prefill_target, FALSE};
  tw_batching_take(s, tw_kv_blocks(&s->kv, chunk.done + tokens) - tw_kv_blocks(&s->kv, chunk.done));
  sequence->prefill_done += tokens;
  if (!s->prefixes.radix)
    tw_batching_cache(s, sequence, sequence->prefill_done);
  g_array_append_val(s->next.list, chunk);
}

static gboolean splits(const tw_scheduler *s)
{
  return s->config.kind->chunked && !s->config.whole_prompts;
}

static gint64 chunk_tokens(const tw_scheduler *s, gint64 left, gint64 budget)
{
  gboolean short_chunks = splits(s) && !s->config.kind->whole_blocks && s->config.long_prefill_tokens > 0;
  gint64 most = short_chunks ? s->config.long_prefill_tokens : left;
  gint64 tokens = MIN(MIN(left, most), budget), block = s->config.block_tokens;
  return tokens < left && s->config.kind->whole_blocks ? tokens / block * block : tokens;
}

/* Sequences that decode in the iteration that is planned, and the blocks that plans have given to decodes
 * then. */
static gint64 next_decodes(const tw_scheduler *s, gint64 *reserved)
{
  const tw_decoding *d = &s->decoding;
  *reserved = tw_kv_need(&s->kv, d->count, s->ahead ? 2 : 1);
  if (!s->ahead)
    return d->sequences;
  gint64 decodes = d->sequences - tw_decoding_ending(d, 1);
  *reserved -= tw_decoding_ending_full(d, 1, s->config.block_tokens);
  for (guint i = 0; i < s->chunks.list->len; i++) {
    const tw_chunk *chunk = &g_array_index(s->chunks.list, tw_chunk, i);
    if (!chunk->completes || chunk->lost || s->config.hands_over || tw_sequence_left(chunk->sequence) == 1)
      continue;
    decodes++;
    *reserved += is_full(s, chunk->sequence->prefill_target);
  }
  return decodes;
}

/* The tokens that a running sequence computes next, 0 if it ends before or is left out; and the blocks that it wants for them. */
static gint64 next_tokens(const tw_scheduler *s, const tw_sequence *sequence, gint64 budget, gint64 *blocks)
{
  gint64 held = sequence->prefill_done, tokens = 1;
  if (tw_sequence_is_partial(sequence)) {
    tokens = s->defers ? 0 : chunk_tokens(s, sequence->prefill_target - held, budget);
  } else if (sequence->decoding) {
    held = tw_decoding_tokens(&s->decoding, sequence) + s->ahead;
    tokens = !s->ahead || sequence->finish.key > (double)(s->decoding.count + 1);
  } else if (!tw_sequence_is_aside(sequence)) {
    tokens = !s->config.hands_over && tw_sequence_left(sequence) > 1;
  }
  *blocks = tw_kv_blocks(&s->kv, held + tokens) - tw_kv_blocks(&s->kv, held);
  return tokens;
}

/* The last admitted sequence, or the last of the lowest priority. */
static tw_sequence *worst_running(const tw_scheduler *s)
{
  g_assert(s->running.tail != NULL); /* somebody runs who wants a block */
  tw_sequence *worst = s->running.tail->data;
  g_assert(worst != NULL);
  if (s->config.order != TW_ORDER_PRIORITY)
    return worst;
  for (GList *link = s->running.head; link != NULL; link = link->next) {
    tw_sequence *other = link->data;
    if (other->request.priority > worst->request.priority ||
        (other->request.priority == worst->request.priority && other->ticket > worst->ticket))
      worst = other;
  }
  return worst;
}

/* Lets sequences decode that begin to in the planned iteration, and takes out those that cease to. */
static void sort_out(tw_scheduler *s)
{
  for (GList *link = s->running.head; link != NULL; link = link->next) {
    tw_sequence *sequence = link->data;
    gint64 blocks;
    if (tw_sequence_is_partial(sequence))
      continue;
    if (tw_sequence_is_aside(sequence)) {
      if (sequence->planned > 0)
        g_ptr_array_add(s->joining, sequence);
    } else if (sequence->planned == 0 && next_tokens(s, sequence, 1, &blocks) > 0) {
      g_ptr_array_add(s->leaving, sequence);
    }
  }
}

/* Whether the running sequences are in this order: b somewhere behind a. */
static gboolean stands_before(const tw_sequence *a, GList *b)
{
  while (b != NULL && b->data != a)
    b = b->prev;
  return b != NULL;
}

/* Decodes alone and then half-done prompts, or all at once in the first of two passes. Sets `gone` where a
 * sequence has lost its own blocks. Returns what is left of the budget.
 *
 * vLLM walks by an index, which (until July 2026, issue 49097) goes back for a victim with tokens in this plan alone:
 * for one that was left out before, the sequence behind the one that wanted the blocks is left out, too. */
static gint64 run_pass(tw_scheduler *s, int pass, gint64 budget, gboolean *gone)
{
  gboolean apart = s->config.kind->decodes_first;
  gint64 skipped = 0;
  for (GList *link = s->running.head, *next; link != NULL && budget > 0 && !*gone; link = next) {
    tw_sequence *sequence = link->data;
    next = link->next;
    if (apart ? tw_sequence_is_partial(sequence) != pass : pass > 0)
      continue;
    if (skipped > 0) {
      skipped--;
      continue;
    }
    gint64 blocks, tokens = next_tokens(s, sequence, budget, &blocks);
    while (tokens > 0 && !*gone && blocks > tw_kv_free(&s->kv) - s->reserved) {
      tw_sequence *worst = worst_running(s);
      *gone = worst == sequence;
      budget += worst->planned;
      skipped += s->config.kind->skips && worst->planned == 0 && stands_before(worst, link->prev);
      tw_prefix_cache_evict(&s->prefixes, tw_kv_free(&s->kv) - s->reserved);
      tw_batching_preempt(s, worst);
    }
    next = *gone ? NULL : link->next;
    if (*gone || tokens == 0)
      continue;
    sequence->planned = tokens;
    budget -= tokens;
    if (tw_sequence_is_partial(sequence)) {
      tw_batching_take_chunk(s, sequence, tokens);
      s->partial -= !tw_sequence_is_partial(sequence);
    } else {
      s->reserved += blocks;
    }
  }
  return budget;
}

/* One running sequence after the other: where blocks are short, where some sit an iteration out, or where
 * several are in the middle of their prompts. */
static gint64 run_one_by_one(tw_scheduler *s)
{
  gint64 budget = s->config.max_batched_tokens;
  gboolean gone = FALSE;
  s->one_by_one = TRUE;
  for (GList *link = s->running.head; link != NULL; link = link->next)
    ((tw_sequence *)link->data)->planned = 0;
  for (int pass = 0; pass < 2 && !gone; pass++)
    budget = run_pass(s, pass, budget, &gone);
  sort_out(s);
  tw_prefix_cache_evict(&s->prefixes, tw_kv_free(&s->kv) - s->reserved);
  return budget;
}

static gint64 run_all(tw_scheduler *s)
{
  tw_sequence *last = s->running.tail != NULL ? s->running.tail->data : NULL;
  gboolean partial = last != NULL && tw_sequence_is_partial(last);
  gint64 reserved, decodes = next_decodes(s, &reserved), chunk = 0, blocks = 0;
  if (s->aside->len > 0 || s->partial > partial)
    return run_one_by_one(s);
  if (partial)
    chunk = next_tokens(s, last, s->config.max_batched_tokens - decodes, &blocks);
  if (reserved + blocks > tw_kv_free(&s->kv))
    return run_one_by_one(s);
  s->reserved = reserved;
  tw_batching_take(s, 0);
  if (chunk > 0) {
    tw_batching_take_chunk(s, last, chunk);
    s->partial -= !tw_sequence_is_partial(last);
  }
  return s->config.max_batched_tokens - decodes - chunk;
}

/* Whether the plan has tokens of a running sequence. */
static gboolean is_scheduled(const tw_scheduler *s, const tw_sequence *sequence)
{
  gint64 blocks;
  if (s->one_by_one)
    return sequence->planned > 0;
  for (guint i = 0; i < s->next.list->len; i++)
    if (g_array_index(s->next.list, tw_chunk, i).sequence == sequence)
      return TRUE;
  return !tw_sequence_is_partial(sequence) && next_tokens(s, sequence, 1, &blocks) > 0;
}

/* Finds out whose adapters the plan uses. */
static void note_adapters(tw_scheduler *s)
{
  if (s->config.adapters.slots == 0)
    return;
  tw_adapters_run_none(&s->adapters);
  for (const GList *link = s->running.head; link != NULL; link = link->next)
    if (is_scheduled(s, link->data))
      tw_adapters_run(&s->adapters, &((const tw_sequence *)link->data)->request);
}

gint64 tw_batching_run(tw_scheduler *s)
{
  gint64 budget = run_all(s);
  note_adapters(s);
  return budget;
}

void tw_batching_join_delivered(tw_scheduler *s)
{
  if (s->delivered.n == 0 || s->partial > 0 || (s->config.kind->when_empty && s->running.length > 0))
    return;
  gint64 reserved;
  next_decodes(s, &reserved);
  for (tw_heap_node *node; (node = tw_heap_top(&s->delivered)) != NULL;) {
    tw_sequence *sequence = tw_container(node, tw_sequence, waiting);
    gint64 tokens = sequence->prefill_target;
    /* The first of an empty batch joins even where its next token has no block: it may lose its own, which
     * lets the next ones join. */
    reserved += is_full(s, tokens);
    if (s->running.length >= s->config.max_seqs || (reserved > tw_kv_free(&s->kv) && s->running.length > 0))
      break;
    tw_heap_remove(&s->delivered, node);
    tw_batching_take_over(s, sequence);
    if (s->ahead) {
      g_ptr_array_add(s->aside, sequence);
    } else {
      tw_batching_join(s, sequence);
      s->changed = TRUE;
    }
  }
}

/* ---- Admission ---- */

tw_prefix_hit tw_batching_cached(const tw_scheduler *s, const tw_sequence *sequence, gint64 tokens)
{
  if (!s->config.prefix_cache)
    return (tw_prefix_hit){0};
  tw_prefix_hit hit = sequence->preemptions == 0 ? tw_prefix_cache_find(&s->prefixes, &sequence->request)
                                                 : tw_prefix_cache_find_own(&s->prefixes, &sequence->request,
                                                                            sequence->ticket, tokens);
  gint64 between = s->config.checkpoint_tokens, behind = between > 0 ? hit.tokens % between : 0;
  if (behind == 0)
    return hit;
  return hit.tokens == behind ? (tw_prefix_hit){0}
                              : tw_prefix_cache_find_own(&s->prefixes, &sequence->request, sequence->ticket,
                                                         hit.tokens - behind + 1);
}

void tw_batching_enter(tw_scheduler *s, tw_sequence *sequence, const tw_prefix_hit *hit, double now_s)
{
  s->promised += tw_batching_final_blocks(s, sequence);
  tw_waiting_take(&s->waiting, sequence);
  sequence->prefix = tw_prefix_cache_hold(&s->prefixes, hit);
  tw_batching_take(s, hit->idle_blocks);
  g_queue_push_tail_link(&s->running, &sequence->link);
  sequence->prefill_done = hit->tokens;
  sequence->prefill_target = tw_sequence_known(sequence);
  sequence->place = s->admitted++;
  sequence->passed = 0;
  if (s->config.sequence_blocks > 0)
    tw_batching_take(s, s->config.sequence_blocks);
  if (isnan(sequence->first_scheduled_s))
    sequence->first_scheduled_s = now_s;
  if (sequence->admitted)
    return;
  sequence->admitted = TRUE;
  tw_waiting_serve(&s->waiting, sequence, sequence->request.prompt_tokens, 0);
  /* What an attempt before this one has emitted, and this one finds, is no part of the prompt. */
  sequence->cached_tokens = MIN(hit->tokens, sequence->request.prompt_tokens);
  s->next.cached += sequence->cached_tokens;
}

/* The part of a sequence's prompt that lies below the accelerators' memory, behind what they hold. */
static tw_offload_hit offloaded_prefix(const tw_scheduler *s, const tw_sequence *sequence,
                                       const tw_prefix_hit *hit, double now_s)
{
  gboolean first = s->config.offload != NULL && !sequence->admitted;
  return first ? tw_offload_find(s->config.offload, &s->prefixes, &sequence->request, hit, now_s)
               : (tw_offload_hit){0};
}

static void load_prefix(tw_scheduler *s, tw_sequence *sequence, const tw_offload_hit *hit)
{
  gint64 tokens = hit->blocks * s->config.block_tokens, store = hit->store_blocks * s->config.block_tokens;
  tw_batching_cache(s, sequence, hit->depth * sequence->request.hash_tokens); /* taken out below */
  tw_batching_take(s, hit->blocks);                                           /* before others go down */
  sequence->prefill_done += tokens;
  sequence->cached_tokens += tokens;
  sequence->host_tokens = tokens - store;
  sequence->store_tokens = store;
  s->next.cached += tokens;
  s->next.from_host += tokens - store;
  s->next.from_store += store;
}

gint64 tw_batching_brought(const tw_scheduler *s, const tw_sequence *sequence, gint64 here)
{
  if (sequence->admitted || sequence->request.brought_tokens == 0)
    return 0;
  gint64 tokens = MIN(sequence->request.brought_tokens, sequence->request.prompt_tokens - 1);
  if (s->config.checkpoint_tokens > 0)
    tokens -= tokens % s->config.checkpoint_tokens;
  return MAX(tokens / s->config.block_tokens - here / s->config.block_tokens, 0);
}

void tw_batching_bring(tw_scheduler *s, tw_sequence *sequence, gint64 blocks)
{
  gint64 tokens = blocks * s->config.block_tokens;
  tw_batching_take(s, blocks);
  sequence->prefill_done += tokens;
  sequence->cached_tokens += tokens;
  sequence->brought_tokens = tokens;
  s->next.cached += tokens;
}

/* Admits those who wait; who waits for an adapter is set aside, in s->passed. */
static gboolean admit(tw_scheduler *s, gint64 budget, double now_s)
{
  const tw_scheduler_config *config = &s->config;
  gboolean any = FALSE;
  gint64 n = 0, longest = 0;
  for (tw_sequence *sequence; budget > 0 && s->running.length < config->max_seqs;) {
    sequence = tw_waiting_first(&s->waiting, s->decoding.count);
    s->held_up = sequence == NULL ? TW_WAIT_BOUNDARY : TW_WAIT_POWER;
    if (sequence == NULL)
      return any;
    if (s->paused && s->running.length > 0)
      return any;
    if (config->adapters.slots > 0 && !tw_adapters_admit(&s->adapters, &sequence->request)) {
      tw_waiting_take(&s->waiting, sequence);
      g_ptr_array_add(s->passed, sequence);
      continue;
    }
    gint64 target = tw_sequence_known(sequence);
    tw_prefix_hit hit = tw_batching_cached(s, sequence, target);
    tw_offload_hit below = offloaded_prefix(s, sequence, &hit, now_s);
    gint64 here = hit.tokens + below.blocks * config->block_tokens;
    gint64 brought = tw_batching_brought(s, sequence, here);
    gint64 left = target - here - brought * config->block_tokens;
    if (left > 1 && s->defers) { /* a single token is as good as a decode */
      s->held_up = TW_WAIT_BOUNDARY;
      return any;
    }
    gint64 chunk = chunk_tokens(s, left, budget);
    gint64 kept = s->running.length > 0 ? (gint64)(config->watermark * (double)s->kv.total_blocks) : 0;
    gboolean too_long = config->kind->padded && ++n * MAX(longest, left) > config->max_batched_tokens;
    s->held_up = TW_WAIT_BUDGET;
    if (chunk == 0 || (chunk < left && !splits(s)) || too_long)
      return any;
    longest = MAX(longest, left);
    s->held_up = TW_WAIT_KV;
    if (!tw_batching_may_promise(s, sequence, kept))
      return any;
    gint64 needed = config->reserve == TW_RESERVE_PROMPT ? left : chunk;
    if (tw_batching_blocks(s, needed) + hit.idle_blocks + below.blocks + brought >
        tw_kv_free(&s->kv) - s->reserved - kept) {
      /* A chunk that the budget cuts may need fewer blocks at once with fewer hits. */
      s->evictable = below.blocks + brought > 0 ||
                     (hit.idle_blocks > 0 && left + hit.idle_blocks * config->block_tokens > chunk);
      return any;
    }
    tw_batching_enter(s, sequence, &hit, now_s);
    if (config->adapters.slots > 0)
      tw_adapters_load(&s->adapters, &sequence->request, &s->next.adapters);
    if (below.blocks > 0)
      load_prefix(s, sequence, &below);
    if (brought > 0)
      tw_batching_bring(s, sequence, brought);
    tw_batching_take_chunk(s, sequence, chunk);
    s->partial += tw_sequence_is_partial(sequence);
    budget -= chunk;
    any = TRUE;
  }
  s->held_up = s->running.length >= config->max_seqs ? TW_WAIT_SEATS
               : s->waiting.n > 0                    ? TW_WAIT_BUDGET
                                                     : TW_WAIT_BOUNDARY;
  return any;
}

gboolean tw_batching_admit(tw_scheduler *s, gint64 budget, double now_s)
{
  note_adapters(s);
  gboolean any = admit(s, budget, now_s);
  for (guint i = 0; i < s->passed->len; i++)
    tw_waiting_pass(&s->waiting, s->passed->pdata[i], s->decoding.count);
  if (s->passed->len > 0 && s->held_up == TW_WAIT_BOUNDARY)
    s->held_up = TW_WAIT_SEATS;
  tw_batching_empty(s->passed);
  return any;
}

/* ---- What was planned runs ---- */

void tw_batching_start(tw_scheduler *s, gboolean decodes)
{
  tw_chunks chunks = s->chunks;
  s->chunks = s->next;
  s->next = chunks;
  tw_batching_drop(s->next.list);
  for (guint i = 0; i < s->leaving->len; i++) {
    tw_batching_leave(s, s->leaving->pdata[i]);
    g_ptr_array_add(s->aside, s->leaving->pdata[i]);
  }
  for (guint i = 0; i < s->joining->len; i++) {
    g_ptr_array_remove(s->aside, s->joining->pdata[i]);
    tw_batching_join(s, s->joining->pdata[i]);
  }
  gboolean decode = decodes && s->decoding.sequences > 0;
  s->changed |= s->leaving->len + s->joining->len + s->chunks.list->len > 0 || decode != s->decodes;
  s->decodes = decode;
  tw_batching_empty(s->joining);
  tw_batching_empty(s->leaving);
  s->batch = (tw_batch){.next_full = G_MAXINT64};
  s->wasted = 0;
  for (guint i = 0; i < s->chunks.list->len; i++) {
    const tw_chunk *chunk = &g_array_index(s->chunks.list, tw_chunk, i);
    tw_batch_add_prompt(&s->batch, &s->config.caps, chunk->done, chunk->tokens, chunk->completes);
  }
  if (s->decodes)
    tw_decoding_batch(&s->decoding, &s->batch);
}

/* For how many iterations decodes find free blocks, or `most`, if these are no more. */
static gint64 iterations_with_room(const tw_scheduler *s, gint64 most)
{
  const tw_kv_cache *kv = &s->kv;
  gint64 each = most / kv->block_tokens + 1; /* blocks that a sequence takes in these iterations, at most */
  return kv->sequences * each <= tw_kv_free(kv) ? most : tw_kv_room(kv, s->decoding.count, tw_kv_free(kv));
}

gint64 tw_batching_horizon(const tw_scheduler *s)
{
  if (s->chunks.list->len + s->next.list->len > 0 || s->lost->len + s->aside->len > 0 ||
      s->joining->len + s->leaving->len > 0 || (s->preempted && s->waiting.n > 0))
    return 1;
  if (!s->decodes)
    return G_MAXINT64;
  gint64 first_end = tw_decoding_first_end(&s->decoding), q = s->decoding.count;
  if (s->ahead && s->waiting.passed > 0 &&
      first_end > 1) /* the plan of its last iteration knows of its end */
    first_end--;
  gint64 room = iterations_with_room(s, first_end + s->ahead) - s->ahead;
  /* Pieces that one hopes to find below may become too old at any time. */
  if (s->evictable && s->config.offload != NULL && s->config.offload->config.ttl_s > 0)
    return 1;
  if (s->evictable)
    room = MIN(room, tw_kv_room(&s->kv, q, s->reserved + tw_prefix_cache_loose(&s->prefixes)) - s->ahead);
  gint64 horizon = MIN(first_end, MAX(room, 1));
  if (s->config.prefill_interval > 1 && s->waiting.n + (guint)s->partial > 0)
    horizon = MIN(horizon, iterations_deferred(s) > 0 ? iterations_deferred(s) : s->config.prefill_interval);
  if (s->config.order == TW_ORDER_FAIR && s->running.length < s->config.max_seqs)
    horizon = MIN(horizon, tw_waiting_steady(&s->waiting, q));
  return horizon;
}
