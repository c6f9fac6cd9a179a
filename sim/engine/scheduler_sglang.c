/* The scheduler of SGLang (of 2026, about version 0.5.16): python/sglang/srt/managers/scheduler.py, its
 * schedule_policy.py (PrefillAdder), and retract_decode of schedule_batch.py.
 *
 *     plan:  prompts that fit, first a half-done one ──► a batch of prompts (decodes beside it, if mixed)
 *            none ──► who runs decodes; who has emitted least is retracted where KV is short
 *
 * A request is admitted if its prompt, its output and a guess of what the running ones will still emit fit.
 * The guess is a ratio of their outputs: it falls with each decode turn and rises with a retraction. The
 * first that does not fit closes the running batch (`full`), until somebody is seen to have left it.
 *
 * With overlap, a batch is planned as the one before it begins, without knowing who ends there: whoever does
 * is in the next one once more, for nothing. */
#include "sim/engine/sglang.h"

#include <math.h>

/* Constants of SGLang's source: the ratio at the start, its share below which it does not fall, the turns over which
 * it falls there, the tokens that a retraction grants each of those left, and those that a decode engine keeps
 * free for each sequence (num-reserved-decode-tokens). */
enum { DECAY_TURNS = 600, RETRACT_TOKENS = 20, DECODE_TOKENS = 512 };
#define FIRST_RATIO 0.7
#define LEAST_SHARE 0.14

static double first_ratio(const tw_scheduler *s)
{
  return MIN(FIRST_RATIO * s->config.conservativeness, 1);
}

void tw_sglang_reset(tw_scheduler *s)
{
  s->sglang = (tw_sglang){.ratio = first_ratio(s)};
  s->overshoot = (tw_batch){0};
  s->ended_since = 0;
  s->decodes_next = FALSE;
}

double tw_sglang_ratio(const tw_scheduler *s)
{
  double first = first_ratio(s), least = LEAST_SHARE * first;
  return MAX(s->sglang.ratio - (double)s->sglang.turns * (first - least) / DECAY_TURNS, least);
}

/* Output tokens of a sequence that are known, those of the iteration that runs not included. */
static gint64 known_outputs(const tw_scheduler *s, const tw_sequence *sequence)
{
  return sequence->emitted + (sequence->decoding ? s->decoding.count - sequence->joined : 0);
}

gint64 tw_sglang_most_outputs(const tw_scheduler *s, const tw_sequence *sequence)
{
  return s->config.hands_over ? 1 : tw_request_output_tokens(&sequence->request);
}

gint64 tw_sglang_outputs_left(const tw_scheduler *s, const tw_sequence *sequence)
{
  return CLAMP(tw_sglang_most_outputs(s, sequence) - known_outputs(s, sequence), 0, TW_SGLANG_MOST_COUNTED);
}

gint64 tw_sglang_living(const tw_scheduler *s)
{
  return s->config.hands_over ? 0 : (gint64)s->running.length - (s->sglang.chunked != NULL);
}

/* ---- KV ---- */

/* Pages that decodes of the iteration that runs take. */
static gint64 pages_running(const tw_scheduler *s)
{
  return s->ahead && s->decodes ? tw_kv_need(&s->kv, s->decoding.count, 1) : 0;
}

gint64 tw_sglang_pages_next(const tw_scheduler *s)
{
  gint64 pages = tw_kv_need(&s->kv, s->decoding.count, s->ahead && s->decodes ? 2 : 1) - pages_running(s);
  for (guint i = 0; s->ahead && i < s->chunks.list->len; i++) {
    const tw_chunk *chunk = &g_array_index(s->chunks.list, tw_chunk, i);
    if (chunk->completes && !chunk->lost)
      pages += chunk->sequence->prefill_target % s->config.block_tokens == 0;
  }
  for (guint i = 0; i < s->joining->len; i++)
    pages += ((tw_sequence *)s->joining->pdata[i])->prefill_target % s->config.block_tokens == 0;
  return pages;
}

gint64 tw_sglang_free_pages(const tw_scheduler *s)
{
  return tw_kv_free(&s->kv) - s->reserved;
}

/* ---- What has become of the last batches ---- */

/* Sequences that have ended leave the batch that was planned last, if they are in it and their end is known; else
 * the running batch goes on counting them until it decodes. */
static void merge_last(tw_scheduler *s)
{
  tw_sglang *g = &s->sglang;
  gboolean mixed = g->last == TW_SGLANG_MIXED, extend = mixed || g->last == TW_SGLANG_EXTEND;
  gint64 dropped = mixed || (extend && !s->config.asynchronous) ? s->ended_since : 0;
  g->stale += s->ended_since - dropped;
  s->ended_since = 0;
  if (extend) {
    if (dropped > 0 || g->cut)
      g->full = FALSE;
    if (g->alone && g->members > dropped)
      g->full = FALSE; /* it becomes the running batch itself */
  }
  g->last = TW_SGLANG_NONE;
  g->cut = FALSE;
  if (s->config.hands_over) {
    g->stale = 0;
    g->full = FALSE;
  }
}

/* Blocks for the tokens that sequences may emit here: those that run, those whose KV is on its way or waits, and one
 * more. SGLang waits for ever where even one alone finds less; here it comes. */
gint64 tw_sglang_kept(const tw_scheduler *s)
{
  gint64 others = (gint64)s->running.length + s->held;
  return others > 0 ? tw_kv_blocks(&s->kv, DECODE_TOKENS * (others + 1)) : 0;
}

static gboolean has_seat(const tw_scheduler *s)
{
  return (gint64)s->running.length + s->sglang.stale < s->config.max_seqs;
}

/* What a decode engine has retracted it takes back from its host's memory, with nothing to compute. */
static void take_back(tw_scheduler *s, double now_s)
{
  for (tw_sequence *sequence; (sequence = tw_waiting_first(&s->waiting, s->decoding.count)) != NULL;) {
    gint64 tokens = tw_sequence_known(sequence) - 1; /* the last one's KV was never computed */
    gint64 blocks = tw_kv_blocks(&s->kv, tokens);
    s->held_up = has_seat(s) ? TW_WAIT_KV : TW_WAIT_SEATS;
    if (!has_seat(s) || blocks + s->config.sequence_blocks + tw_sglang_pages_next(s) + tw_sglang_kept(s) >
                            tw_sglang_free_pages(s))
      return;
    tw_batching_enter(s, sequence, &(tw_prefix_hit){0}, now_s);
    tw_batching_take(s, blocks);
    sequence->prefill_target = sequence->prefill_done = tokens;
    tw_batching_cache(s, sequence, tokens);
    tw_sequence_recover(sequence, now_s);
    g_ptr_array_add(s->joining, sequence);
  }
}

/* Sequences that have been delivered decode from the planned iteration on. */
static void join_delivered(tw_scheduler *s)
{
  for (tw_heap_node *node; (node = tw_heap_top(&s->delivered)) != NULL;) {
    tw_sequence *sequence = tw_container(node, tw_sequence, waiting);
    gint64 tokens = sequence->prefill_target;
    if (!has_seat(s) ||
        (tw_sglang_pages_next(s) + (tokens % s->config.block_tokens == 0) > tw_sglang_free_pages(s) &&
         s->running.length > 0))
      return;
    tw_heap_remove(&s->delivered, node);
    tw_batching_take_over(s, sequence);
    g_ptr_array_add(s->joining, sequence);
  }
}

void tw_sglang_renumber(tw_scheduler *s)
{
  for (GList *link = s->running.head; link != NULL; link = link->next)
    ((tw_sequence *)link->data)->place = s->admitted++;
}

/* ---- Decodes ---- */

/* Takes a sequence from the running batch: what it has emitted it keeps, but for the token that is under way,
 * and what it had inserted may still be found. */
static void retract(tw_scheduler *s, tw_sequence *sequence)
{
  gboolean in_flight = FALSE, decoded = sequence->decoding;
  if (decoded)
    tw_batching_stop(s, sequence);
  for (guint i = 0; s->ahead && i < s->chunks.list->len; i++) {
    tw_chunk *chunk = &g_array_index(s->chunks.list, tw_chunk, i);
    if (chunk->sequence != sequence)
      continue;
    in_flight |= chunk->completes;
    chunk->lost = TRUE;
  }
  g_ptr_array_remove(s->joining, sequence);
  if (decoded && s->ahead && s->decodes) {
    g_ptr_array_add(s->lost, sequence);
    in_flight = TRUE;
  }
  s->wasted += in_flight;
  tw_prefix_cache_remember(&s->prefixes, sequence->prefix);
  tw_batching_free(s, sequence, sequence->prefill_done);
  sequence->prefill_done = 0;
  tw_batching_set_back(s, sequence);
}

/* Compares by the order of keeping: the most outputs first, then the shortest prompt. */
static int by_outputs(gconstpointer a, gconstpointer b, gpointer user)
{
  const tw_sequence *x = *(tw_sequence *const *)a, *y = *(tw_sequence *const *)b;
  gint64 p = known_outputs(user, x), q = known_outputs(user, y);
  if (p != q)
    return p > q ? -1 : 1;
  return (x->request.prompt_tokens > y->request.prompt_tokens) -
         (x->request.prompt_tokens < y->request.prompt_tokens);
}

/* Sets sequences back while the KV cache does not hold the next tokens of all. SGLang gives up the last one if even
 * that does not fit; here a half-done prompt, or then it, waits again. */
static void retract_some(tw_scheduler *s)
{
  g_autoptr(GPtrArray) batch = g_ptr_array_new();
  gint64 outputs = 0, most = 0;
  for (GList *link = s->running.head; link != NULL; link = link->next)
    if (link->data != s->sglang.chunked)
      g_ptr_array_add(batch, link->data);
  g_ptr_array_sort_with_data(batch, by_outputs, s);
  do {
    if (batch->len == 1 && s->sglang.chunked != NULL) {
      retract(s, s->sglang.chunked);
      s->sglang.chunked = NULL;
      s->partial = 0;
      continue;
    }
    retract(s, g_ptr_array_steal_index(batch, batch->len - 1));
    s->reserved = pages_running(s);
    tw_batching_take(s, 0);
    tw_prefix_cache_empty(&s->prefixes, tw_kv_blocks(&s->kv, RETRACT_TOKENS * (gint64)batch->len));
  } while (batch->len > 0 && tw_sglang_pages_next(s) > tw_sglang_free_pages(s));
  for (guint i = 0; i < batch->len; i++) {
    tw_sequence *sequence = batch->pdata[i];
    g_queue_unlink(&s->running, &sequence->link);
    g_queue_push_tail_link(&s->running, &sequence->link);
    outputs += known_outputs(s, sequence);
    most += tw_sglang_most_outputs(s, sequence);
  }
  tw_sglang_renumber(s);
  double ratio = (double)(outputs + RETRACT_TOKENS * (gint64)batch->len) / (double)(most + 1);
  s->sglang.ratio = MIN(1, ratio);
  s->sglang.turns = 0;
}

static void plan_decodes(tw_scheduler *s)
{
  tw_sglang *g = &s->sglang;
  gboolean smaller = g->stale > 0;
  g->stale = 0;
  if (tw_sglang_living(s) == 0) {
    g->full = FALSE;
    return;
  }
  if (tw_sglang_pages_next(s) > tw_sglang_free_pages(s)) {
    retract_some(s);
    smaller = TRUE;
  } else {
    g->turns++;
  }
  if (smaller)
    g->full = FALSE;
  if (tw_sglang_living(s) == 0)
    return;
  s->reserved += tw_sglang_pages_next(s);
  tw_batching_take(s, 0);
  g->last = TW_SGLANG_DECODE;
  s->decodes_next = TRUE;
}

/* ---- A plan ---- */

static void plan_batch(tw_scheduler *s, double now_s)
{
  tw_batching_drop(s->next.list);
  s->next.cached = s->next.from_host = s->next.from_store = 0;
  s->decodes_next = FALSE;
  s->reserved = pages_running(s);
  tw_batching_take(s, 0);
  if (s->sglang.chunked != NULL)
    tw_batching_cache(s, s->sglang.chunked, s->sglang.chunked->prefill_done);
  merge_last(s);
  if (s->config.takes_over)
    take_back(s, now_s);
  join_delivered(s);
  if (s->config.takes_over || !tw_sglang_plan_prompts(s, now_s))
    plan_decodes(s);
  tw_batching_take(s, 0);
}

/* Starts the planned iteration, and with it the sequences of whose end the plan did not know. */
static void start(tw_scheduler *s)
{
  gboolean decodes = s->decodes_next;
  tw_batching_start(s, decodes);
  s->decodes_next = FALSE;
  if (decodes && s->overshoot.decode_seqs > 0) {
    s->batch.decode_seqs += s->overshoot.decode_seqs;
    s->batch.sampled += s->overshoot.decode_seqs;
    s->batch.decode_context += s->overshoot.decode_context;
    s->batch.decode_windowed += s->overshoot.decode_windowed;
    for (gsize i = 0; i < G_N_ELEMENTS(s->batch.further); i++)
      s->batch.further[i].decode += s->overshoot.further[i].decode;
    s->wasted = s->overshoot.decode_seqs;
    s->changed = TRUE;
  }
  s->overshoot = (tw_batch){0};
}

void tw_sglang_plan(tw_scheduler *s, double now_s)
{
  gboolean overlap = s->config.asynchronous;
  s->sglang.turns += MAX(s->since_plan - 1, 0); /* one of them was planned */
  s->preempted = s->evictable = FALSE;
  if (!s->sglang.full)
    s->held_up = TW_WAIT_BOUNDARY;
  if (overlap)
    start(s);
  s->ahead = FALSE;
  for (int turn = 0; turn < 3 && !(overlap && tw_scheduler_runs(s)); turn++) {
    plan_batch(s,
               now_s); /* a turn without a batch may open the running batch: the next one follows at once */
    gboolean any = s->next.list->len > 0 || s->decodes_next;
    if (!any && turn < 2 && s->waiting.n + s->delivered.n > 0)
      continue;
    start(s);
    break;
  }
  s->ahead = overlap && tw_scheduler_runs(s);
  if (s->ahead)
    plan_batch(s, now_s);
  if (s->running.length + s->waiting.n == 0 && s->wasted == 0) {
    s->sglang.ratio = first_ratio(s);
    s->sglang.turns = 0;
  }
}

gboolean tw_sglang_closed(const tw_scheduler *s)
{
  return s->sglang.full;
}

gint64 tw_sglang_horizon(const tw_scheduler *s)
{
  const tw_sglang *g = &s->sglang;
  if (s->chunks.list->len + s->next.list->len + s->lost->len + s->joining->len > 0 || s->wasted > 0 ||
      s->preempted || g->chunked != NULL || s->decodes != (s->ahead ? s->decodes_next : s->decodes))
    return 1;
  if (s->delivered.n > 0 && s->running.length < s->config.max_seqs)
    return 1;
  if (!s->decodes)
    return G_MAXINT64;
  if (s->waiting.n > 0 && !g->full && !s->paused && !s->config.takes_over)
    return 1;
  gint64 q = s->decoding.count, room = tw_kv_room(&s->kv, q, tw_kv_free(&s->kv)) - s->ahead;
  return MIN(tw_decoding_first_end(&s->decoding), MAX(room, 1));
}
