#include "sim/engine/scheduler.h"

#include <math.h>

/* vLLM's V0 kept 1 % of the blocks free at admission; V1 does not. */
#define KINDS(X)                                                                                             \
  X("vllm", "vLLM V1: running sequences first, then waiting ones, prompts in chunks beside decodes", TRUE,   \
    TRUE, FALSE, 0)                                                                                          \
  X("prefill-first", "Orca, vLLM V0: whole prompts as soon as they fit, alone; else decodes", FALSE, FALSE,  \
    FALSE, 0.01)                                                                                             \
  X("static", "a batch is formed when the one before has ended; none joins it", FALSE, FALSE, TRUE, 0)

const tw_scheduler_kind tw_scheduler_kinds[] = {
#define X(...) {__VA_ARGS__},
    KINDS(X)
#undef X
};
const char *const tw_scheduler_kind_names[] = {
#define X(name, ...) name,
    KINDS(X)
#undef X
        NULL};
const char *const tw_admission_reserve_names[] = {"chunk", "prompt", "output", NULL};

void tw_scheduler_init(tw_scheduler *s, const tw_scheduler_config *config)
{
  *s = (tw_scheduler){.config = *config,
                      .chunks = g_ptr_array_new(),
                      .ended = g_ptr_array_new(),
                      .handed_over = g_ptr_array_new(),
                      .decoding = {.window = config->window, .full_share = config->full_share}};
  tw_kv_cache_init(&s->kv, config->kv_blocks, config->block_tokens);
  tw_waiting_init(&s->waiting, config->order);
  tw_prefix_cache_init(&s->prefixes, config->block_tokens);
  g_queue_init(&s->running);
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
    tw_sequence_free(tw_container(s->delivered.nodes[i], tw_sequence, waiting));
  tw_waiting_clear(&s->waiting);
  tw_heap_clear(&s->delivered);
  tw_decoding_clear(&s->decoding);
  tw_kv_cache_clear(&s->kv);
  tw_prefix_cache_clear(&s->prefixes);
  g_ptr_array_unref(s->chunks);
  g_ptr_array_unref(s->ended);
  g_ptr_array_unref(s->handed_over);
}

/* Tokens that a sequence holds as it leaves: the last token's key and value are never computed. */
static gint64 final_tokens(const tw_scheduler_config *config, const tw_request *request)
{
  return (gint64)request->prompt_tokens + (config->hands_over ? 0 : tw_request_output_tokens(request) - 1);
}

const char *tw_scheduler_refusal(const tw_scheduler_config *config, const tw_request *request)
{
  gint64 tokens = (gint64)request->prompt_tokens + tw_request_output_tokens(request);
  if (tokens > config->max_model_len)
    return "prompt and output exceed max-model-len";
  gint64 held = final_tokens(config, request);
  if ((held + config->block_tokens - 1) / config->block_tokens > config->kv_blocks)
    return config->hands_over ? "the prompt exceeds the KV cache" : "prompt and output exceed the KV cache";
  return NULL;
}

static gint64 final_blocks(const tw_scheduler *s, const tw_request *request)
{
  return tw_kv_blocks(&s->kv, final_tokens(&s->config, request));
}

/* Whether a request may be promised all blocks that it will ever hold, beside `kept` others. */
static gboolean may_promise(const tw_scheduler *s, const tw_request *request, gint64 kept)
{
  return s->config.reserve != TW_RESERVE_OUTPUT ||
         s->promised + final_blocks(s, request) <= s->kv.total_blocks - kept;
}

/* ---- KV blocks ---- */

/* The first `tokens` tokens of a sequence are computed: others may use them from now on. */
static void cache_prefix(tw_scheduler *s, tw_sequence *sequence, gint64 tokens)
{
  if (s->config.prefix_cache)
    sequence->prefix =
        tw_prefix_cache_add(&s->prefixes, &sequence->request, sequence->prefix, tokens, &s->kv.used_blocks);
}

/* Frees the blocks of a sequence that holds `tokens` tokens. */
static void free_kv(tw_scheduler *s, tw_sequence *sequence, gint64 tokens)
{
  s->kv.used_blocks -= tw_kv_blocks(&s->kv, tokens) - tw_prefix_blocks(sequence->prefix);
  s->kv.used_blocks -= tw_prefix_cache_release(&s->prefixes, sequence->prefix);
  sequence->prefix = NULL;
}

static void take_blocks(tw_scheduler *s, gint64 blocks)
{
  s->kv.used_blocks += blocks;
  tw_prefix_cache_evict(&s->prefixes, tw_kv_free(&s->kv));
}

void tw_scheduler_forget_prefixes(tw_scheduler *s)
{
  tw_prefix_cache_evict(&s->prefixes, 0);
}

void tw_scheduler_evict_prefixes(tw_scheduler *s, gint64 iterations)
{
  tw_prefix_cache_evict(&s->prefixes, s->kv.total_blocks - tw_scheduler_kv_used(s, iterations));
}

/* ---- Decodes ---- */

void tw_scheduler_charge(tw_scheduler *s, const tw_charge_rates *rates)
{
  tw_decoding_charge(&s->decoding, &s->running, rates);
}

void tw_scheduler_charge_part(tw_scheduler *s, double part)
{
  if (s->decodes)
    tw_decoding_charge_part(&s->decoding, &s->running, part);
  for (guint i = 0; i < s->chunks->len; i++) {
    tw_sequence *sequence = s->chunks->pdata[i];
    sequence->joules += part * tw_decoding_chunk_joules(&s->decoding, sequence);
  }
}

static void join_decoding(tw_scheduler *s, tw_sequence *sequence)
{
  tw_kv_join(&s->kv, s->decoding.count, sequence->prefill_target);
  tw_decoding_join(&s->decoding, sequence);
  tw_waiting_decode(&s->waiting, sequence, 1, s->decoding.count);
}

static void leave_decoding(tw_scheduler *s, tw_sequence *sequence)
{
  gint64 tokens = tw_decoding_tokens(&s->decoding, sequence);
  tw_decoding_leave(&s->decoding, sequence);
  tw_waiting_decode(&s->waiting, sequence, -1, s->decoding.count);
  tw_kv_leave(&s->kv, s->decoding.count, tokens);
  cache_prefix(s, sequence, tokens);
  free_kv(s, sequence, tokens);
}

/* ---- Waiting and preemption ---- */

gboolean tw_scheduler_submit(tw_scheduler *s, tw_sequence *sequence, gint64 iterations)
{
  tw_waiting_push(&s->waiting, sequence, s->decoding.count + (s->decodes ? iterations : 0));
  if (s->running.length >= s->config.max_seqs)
    return FALSE;
  /* Who is next changes as others decode. */
  if (s->config.order != TW_ORDER_FAIR && first_waiting(s) != sequence)
    return FALSE;
  return s->running.length == 0 || !s->config.kind->when_empty;
}

void tw_scheduler_cancel(tw_scheduler *s, tw_sequence *sequence)
{
  tw_waiting_take(&s->waiting, sequence);
  tw_waiting_forget(&s->waiting, sequence);
}

/* The last admitted sequence, or the last of the lowest priority. */
static tw_sequence *worst_running(const tw_scheduler *s)
{
  tw_sequence *worst = s->running.tail->data;
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

/* Frees the blocks of a running sequence; it keeps its tokens and waits, before those that arrived after it.
 */
static void preempt(tw_scheduler *s, tw_sequence *sequence)
{
  if (sequence->decoding) {
    leave_decoding(s, sequence);
  } else {
    free_kv(s, sequence, sequence->prefill_done + sequence->chunk);
  }
  sequence->prefill_done = sequence->chunk = 0;
  s->promised -= final_blocks(s, &sequence->request);
  sequence->preemptions++;
  s->preemptions++;
  s->preempted = TRUE;
  g_queue_unlink(&s->running, &sequence->link);
  tw_waiting_push(&s->waiting, sequence, s->decoding.count);
}

/* The running sequence in the middle of its prompt, or NULL. */
static tw_sequence *partial_prompt(const tw_scheduler *s)
{
  tw_sequence *last = s->running.tail != NULL ? s->running.tail->data : NULL;
  return last != NULL && !last->decoding ? last : NULL;
}

/* ---- KV that comes and goes ---- */

gboolean tw_scheduler_reserve(tw_scheduler *s, const tw_request *request, gint64 iterations)
{
  gint64 blocks = tw_kv_blocks(&s->kv, request->prompt_tokens);
  if (s->waiting.n > 0 || !may_promise(s, request, 0) ||
      blocks > tw_kv_free(&s->kv) - tw_kv_need(&s->kv, s->decoding.count, iterations + 1))
    return FALSE;
  s->promised += final_blocks(s, request);
  s->held++;
  s->held_blocks += blocks;
  s->held_promised += final_blocks(s, request);
  s->kv.used_blocks += blocks;
  return TRUE;
}

/* A sequence that holds `blocks` blocks without running does so no more. */
static void end_hold(tw_scheduler *s, const tw_request *request, gint64 blocks)
{
  s->held--;
  s->held_blocks -= blocks;
  s->held_promised -= final_blocks(s, request);
}

void tw_scheduler_unreserve(tw_scheduler *s, const tw_request *request)
{
  gint64 blocks = tw_kv_blocks(&s->kv, request->prompt_tokens);
  end_hold(s, request, blocks);
  s->promised -= final_blocks(s, request);
  s->kv.used_blocks -= blocks;
}

void tw_scheduler_release(tw_scheduler *s, tw_sequence *sequence, gint64 iterations, double now_s)
{
  gint64 tokens = sequence->request.prompt_tokens;
  s->prefixes.now_s = now_s;
  tw_scheduler_evict_prefixes(s, iterations);
  end_hold(s, &sequence->request, tw_kv_blocks(&s->kv, tokens) - tw_prefix_blocks(sequence->prefix));
  s->held_prefixes -= tw_prefix_depth(sequence->prefix);
  s->promised -= final_blocks(s, &sequence->request);
  free_kv(s, sequence, tokens);
}

gboolean tw_scheduler_deliver(tw_scheduler *s, tw_sequence *sequence)
{
  tw_heap_push(&s->delivered, &sequence->waiting, 0, sequence->ticket);
  if (s->running.length >= s->config.max_seqs)
    return FALSE;
  return s->running.length == 0 || !s->config.kind->when_empty;
}

/* Delivered sequences start to decode while there is room for their next tokens. The first of an empty batch
 * joins even so: it may lose its blocks, which lets the next ones join. */
static gboolean join_delivered(tw_scheduler *s)
{
  gboolean any = FALSE;
  if (partial_prompt(s) != NULL || (s->config.kind->when_empty && s->running.length > 0))
    return FALSE; /* a partial prompt stays the last */
  for (tw_heap_node *node; (node = tw_heap_top(&s->delivered)) != NULL; any = TRUE) {
    tw_sequence *sequence = tw_container(node, tw_sequence, waiting);
    gint64 tokens = sequence->prefill_target;
    gint64 need = tw_kv_need(&s->kv, s->decoding.count, 1) + (tokens % s->config.block_tokens == 0);
    if (s->running.length >= s->config.max_seqs || (need > tw_kv_free(&s->kv) && s->running.length > 0))
      break;
    tw_heap_remove(&s->delivered, node);
    end_hold(s, &sequence->request, tw_kv_blocks(&s->kv, tokens)); /* they are its own from here on */
    g_queue_push_tail_link(&s->running, &sequence->link);
    join_decoding(s, sequence);
  }
  return any;
}

/* ---- One iteration ---- */

static gint64 chunk_blocks(const tw_scheduler *s, const tw_sequence *sequence, gint64 chunk)
{
  return tw_kv_blocks(&s->kv, sequence->prefill_done + chunk) - tw_kv_blocks(&s->kv, sequence->prefill_done);
}

static void take_chunk(tw_scheduler *s, tw_sequence *sequence, gint64 chunk)
{
  take_blocks(s, chunk_blocks(s, sequence, chunk));
  sequence->chunk = chunk;
  g_ptr_array_add(s->chunks, sequence);
  tw_batch_add_chunk(&s->batch, sequence->prefill_done, chunk, s->config.window,
                     sequence->prefill_done + chunk == sequence->prefill_target);
}

/* Decodes, and the rest of a prompt, in admission order: whoever gets no block takes it from the last.
 * Dropping the last until the needs of all that are left fit comes to the same as asking them one by one. */
static gint64 plan_running(tw_scheduler *s)
{
  for (;;) {
    tw_sequence *partial = partial_prompt(s);
    gint64 chunk = 0, need = tw_kv_need(&s->kv, s->decoding.count, 1);
    if (partial != NULL) {
      chunk = MIN(partial->prefill_target - partial->prefill_done,
                  s->config.max_batched_tokens - s->decoding.sequences);
      need += chunk_blocks(s, partial, chunk);
    }
    if (need <= tw_kv_free(&s->kv)) {
      if (chunk > 0)
        take_chunk(s, partial, chunk);
      return s->config.max_batched_tokens - s->decoding.sequences - chunk;
    }
    preempt(s, worst_running(s));
  }
}

/* What a sequence finds of its prompt. One that was preempted computes its prompt again: once is enough for
 * the log, and what vLLM counts. */
static tw_prefix_hit cached_prefix(const tw_scheduler *s, const tw_sequence *sequence)
{
  gboolean first = s->config.prefix_cache && isnan(sequence->first_scheduled_s);
  return first ? tw_prefix_cache_find(&s->prefixes, &sequence->request) : (tw_prefix_hit){0};
}

static void use_prefix(tw_scheduler *s, tw_sequence *sequence, const tw_prefix_hit *hit)
{
  sequence->prefix = tw_prefix_cache_hold(&s->prefixes, hit);
  take_blocks(s, hit->idle_blocks);
  sequence->prefill_done = hit->tokens;
  if (hit->node == NULL)
    return;
  sequence->cached_tokens = hit->tokens;
  s->cached += hit->tokens;
}

/* What it finds below the accelerators' memory, behind what they hold. */
static tw_offload_hit offloaded_prefix(const tw_scheduler *s, const tw_sequence *sequence,
                                       const tw_prefix_hit *hit)
{
  gboolean first = s->config.offload != NULL && isnan(sequence->first_scheduled_s);
  return first ? tw_offload_find(s->config.offload, &s->prefixes, &sequence->request, hit)
               : (tw_offload_hit){0};
}

static void load_prefix(tw_scheduler *s, tw_sequence *sequence, const tw_offload_hit *hit)
{
  gint64 tokens = hit->blocks * s->config.block_tokens, store = hit->store_blocks * s->config.block_tokens;
  cache_prefix(s, sequence, hit->depth * sequence->request.hash_tokens); /* taken out below */
  take_blocks(s, hit->blocks);                                           /* before others go down */
  sequence->prefill_done += tokens;
  sequence->cached_tokens += tokens;
  sequence->host_tokens = tokens - store;
  sequence->store_tokens = store;
  s->cached += tokens;
  s->from_host += tokens - store;
  s->from_store += store;
}

/* Admits waiting sequences within a budget of tokens. `reserved` blocks are the decoding sequences' own. */
static gboolean admit(tw_scheduler *s, gint64 budget, gint64 reserved, double now_s)
{
  const tw_scheduler_config *config = &s->config;
  gboolean any = FALSE;
  for (tw_sequence *sequence; budget > 0 && s->running.length < config->max_seqs; any = TRUE) {
    sequence = first_waiting(s);
    if (sequence == NULL || (s->paused && s->running.length > 0))
      break;
    gint64 target = sequence->request.prompt_tokens + sequence->emitted;
    tw_prefix_hit hit = cached_prefix(s, sequence);
    tw_offload_hit below = offloaded_prefix(s, sequence, &hit);
    gint64 left = target - hit.tokens - below.blocks * config->block_tokens, chunk = MIN(left, budget);
    gint64 kept =
        s->running.length > 0 ? (gint64)ceil(config->kind->watermark * (double)s->kv.total_blocks) : 0;
    if (chunk < left && !config->kind->chunked)
      break;
    if (!may_promise(s, &sequence->request, kept))
      break;
    gint64 needed = config->reserve == TW_RESERVE_PROMPT ? left : chunk;
    if (tw_kv_blocks(&s->kv, needed) + hit.idle_blocks + below.blocks >
        tw_kv_free(&s->kv) - reserved - kept) {
      /* Where the budget cuts the chunk, fewer hits may need fewer blocks at once. */
      s->evictable =
          below.blocks > 0 || (hit.idle_blocks > 0 && left + hit.idle_blocks * config->block_tokens > budget);
      break;
    }
    s->promised += final_blocks(s, &sequence->request);
    tw_waiting_take(&s->waiting, sequence);
    use_prefix(s, sequence, &hit);
    if (below.blocks > 0)
      load_prefix(s, sequence, &below);
    g_queue_push_tail_link(&s->running, &sequence->link);
    if (isnan(sequence->first_scheduled_s)) {
      sequence->first_scheduled_s = now_s;
      tw_waiting_serve(&s->waiting, sequence, sequence->request.prompt_tokens, 0);
    }
    sequence->prefill_target = target;
    take_chunk(s, sequence, chunk);
    budget -= chunk;
  }
  return any;
}

gboolean tw_scheduler_plan(tw_scheduler *s, double now_s)
{
  const tw_scheduler_kind *kind = s->config.kind;
  gboolean had_decodes = s->decodes;
  g_ptr_array_set_size(s->chunks, 0);
  s->batch = (tw_batch){.next_full = G_MAXINT64};
  s->preempted = s->evictable = FALSE;
  s->cached = s->from_host = s->from_store = 0;
  s->prefixes.now_s = now_s;

  gboolean joined = join_delivered(s);
  if (kind->mixed) {
    gint64 budget = plan_running(s);
    if (!s->preempted)
      admit(s, budget, tw_kv_need(&s->kv, s->decoding.count, 1), now_s);
    s->decodes = s->decoding.sequences > 0;
  } else {
    gboolean may_admit = !kind->when_empty || s->running.length == 0;
    gboolean admitted = may_admit && admit(s, s->config.max_batched_tokens, 0, now_s);
    s->decodes = !admitted && s->decoding.sequences > 0;
    if (s->decodes)
      plan_running(s);
    s->decodes = !admitted && s->decoding.sequences > 0;
  }
  if (s->decodes)
    tw_decoding_batch(&s->decoding, &s->batch);
  return s->chunks->len > 0 || s->preempted || joined || s->decodes != had_decodes;
}

gint64 tw_scheduler_horizon(const tw_scheduler *s)
{
  if (s->chunks->len > 0 || (s->preempted && s->waiting.n > 0))
    return 1;
  if (!s->decodes)
    return G_MAXINT64;
  gint64 first_end = tw_decoding_first_end(&s->decoding);
  gint64 blocks = tw_kv_free(&s->kv), room = tw_kv_room(&s->kv, s->decoding.count, blocks);
  if (s->evictable) {
    gint64 before_eviction = tw_kv_room(&s->kv, s->decoding.count, blocks - s->prefixes.idle_blocks);
    room = CLAMP(before_eviction, 1, room);
  }
  gint64 horizon = MIN(first_end, room);
  if (s->config.order == TW_ORDER_FAIR && s->running.length < s->config.max_seqs)
    horizon = MIN(horizon, tw_waiting_steady(&s->waiting, s->decoding.count));
  return horizon;
}

static int by_ticket(gconstpointer a, gconstpointer b)
{
  const tw_sequence *x = *(tw_sequence *const *)a, *y = *(tw_sequence *const *)b;
  return (x->ticket > y->ticket) - (x->ticket < y->ticket);
}

static void end_sequence(tw_scheduler *s, tw_sequence *sequence)
{
  s->promised -= final_blocks(s, &sequence->request);
  g_queue_unlink(&s->running, &sequence->link);
  tw_waiting_forget(&s->waiting, sequence);
  g_ptr_array_add(s->ended, sequence);
}

static void advance_decodes(tw_scheduler *s, const tw_segment *segment, gint64 iterations)
{
  take_blocks(s, tw_kv_need(&s->kv, s->decoding.count, iterations));
  tw_decoding_advance(&s->decoding, segment, iterations);
  for (tw_sequence *sequence; (sequence = tw_decoding_ended(&s->decoding)) != NULL;) {
    leave_decoding(s, sequence);
    end_sequence(s, sequence);
  }
}

/* A prompt that is complete has emitted a token at the end of the iteration. */
static void finish_chunk(tw_scheduler *s, tw_sequence *sequence, double now_s)
{
  const tw_request *request = &sequence->request;
  sequence->joules += tw_decoding_chunk_joules(&s->decoding, sequence);
  sequence->prefill_done += sequence->chunk;
  sequence->prefilled_tokens += sequence->chunk;
  sequence->chunk = 0;
  cache_prefix(s, sequence, sequence->prefill_done);
  if (sequence->prefill_done < sequence->prefill_target)
    return;
  sequence->emitted++;
  tw_waiting_serve(&s->waiting, sequence, 0, 1);
  if (sequence->emitted == 1)
    sequence->first_token_s = now_s;
  if (sequence->emitted == request->reasoning_tokens + 1)
    sequence->first_answer_s = now_s;
  if (sequence->emitted == tw_request_output_tokens(request)) {
    free_kv(s, sequence, sequence->prefill_done);
    end_sequence(s, sequence);
  } else if (s->config.hands_over) {
    s->held++;
    s->held_blocks += tw_kv_blocks(&s->kv, sequence->prefill_done) - tw_prefix_blocks(sequence->prefix);
    s->held_prefixes += tw_prefix_depth(sequence->prefix);
    s->held_promised += final_blocks(s, &sequence->request);
    g_queue_unlink(&s->running, &sequence->link);
    tw_waiting_forget(&s->waiting, sequence);
    g_ptr_array_add(s->handed_over, sequence);
  } else {
    join_decoding(s, sequence);
  }
}

gboolean tw_scheduler_advance(tw_scheduler *s, const tw_segment *segment, gint64 iterations)
{
  gboolean had_chunks = s->chunks->len > 0;
  double now_s = tw_segment_boundary(segment, segment->done + iterations);
  s->prefixes.now_s = now_s;
  if (s->decodes)
    advance_decodes(s, segment, iterations);
  for (guint i = 0; i < s->chunks->len; i++)
    finish_chunk(s, s->chunks->pdata[i], now_s);
  g_ptr_array_set_size(s->chunks, 0);
  if (s->ended->len > 1)
    g_ptr_array_sort(s->ended, by_ticket);
  return had_chunks || s->ended->len > 0;
}

void tw_scheduler_evict(tw_scheduler *s, GPtrArray *sequences)
{
  while (s->running.length > 0) {
    tw_sequence *sequence = s->running.tail->data;
    preempt(s, sequence);
    sequence->preemptions--;
    s->preemptions--;
  }
  for (tw_heap_node *node; (node = tw_heap_top(&s->delivered)) != NULL;) {
    tw_heap_remove(&s->delivered, node);
    g_ptr_array_add(sequences, tw_container(node, tw_sequence, waiting));
  }
  while (s->waiting.n > 0) {
    tw_sequence *sequence = first_waiting(s);
    tw_waiting_take(&s->waiting, sequence);
    tw_waiting_forget(&s->waiting, sequence);
    g_ptr_array_add(sequences, sequence);
  }
}

void tw_scheduler_audit(const tw_scheduler *s)
{
  gint64 used = s->held_blocks, prefixes = s->held_prefixes, promised = s->held_promised;
  for (GList *link = s->running.head; link != NULL; link = link->next) {
    const tw_sequence *sequence = link->data;
    gint64 held = sequence->decoding ? tw_decoding_tokens(&s->decoding, sequence)
                                     : sequence->prefill_done + sequence->chunk;
    used += tw_kv_blocks(&s->kv, held) - tw_prefix_blocks(sequence->prefix);
    prefixes += tw_prefix_depth(sequence->prefix);
    promised += final_blocks(s, &sequence->request);
    g_assert(sequence->decoding || link == s->running.tail || sequence->chunk > 0);
  }
  tw_decoding_audit(&s->decoding, &s->running);
  used += tw_prefix_cache_audit(&s->prefixes, prefixes);
  g_assert(used == s->kv.used_blocks && used + s->prefixes.idle_blocks <= s->kv.total_blocks);
  g_assert(s->decoding.sequences == s->kv.sequences && promised == s->promised);
  g_assert(s->running.length <= s->config.max_seqs);
}
