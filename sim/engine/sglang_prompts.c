/* Batches with prompts of kind sglang: PrefillAdder and SchedulePolicy of SGLang's schedule_policy.py. */
#include "sim/engine/sglang.h"

/* Constants of SGLang's source: the most that may wait before prefixes are not looked for, and the prefix that is
 * worth waiting for. */
enum { MOST_SORTED = 128, FEW_TOKENS = 32 };

static gint64 whole_pages(const tw_scheduler *s, gint64 tokens)
{
  return tw_kv_blocks(&s->kv, tokens) * s->config.block_tokens;
}

/* ---- The waiting line ---- */

/* Tokens with which the prompts of two requests begin alike. */
static gint64 shared_tokens(const tw_request *a, const tw_request *b)
{
  gint64 n = 0, tokens = MIN(a->prompt_tokens, b->prompt_tokens);
  if (a->hash_tokens != b->hash_tokens)
    return 0;
  while (n < MIN(a->n_hashes, b->n_hashes) && a->hashes[n] == b->hashes[n])
    n++;
  return MIN(n * a->hash_tokens, tokens);
}

static gboolean resembles(const tw_sequence *sequence, const GPtrArray *others)
{
  for (guint i = 0; i < others->len; i++)
    if (shared_tokens(&sequence->request, &((tw_sequence *)others->pdata[i])->request) >= FEW_TOKENS)
      return TRUE;
  return FALSE;
}

static int by_found(gconstpointer a, gconstpointer b)
{
  const tw_sequence *x = *(tw_sequence *const *)a, *y = *(tw_sequence *const *)b;
  return (x->planned < y->planned) - (x->planned > y->planned);
}

/* Longest cached prefix first. Last come those of which little is cached, but that begin like another one. */
static void sort_by_prefix(tw_scheduler *s)
{
  g_autoptr(GPtrArray) line = tw_waiting_list(&s->waiting), others = g_ptr_array_new();
  for (guint i = 0; i < line->len; i++) {
    tw_sequence *sequence = line->pdata[i];
    tw_prefix_hit hit = tw_batching_cached(s, sequence, tw_sequence_known(sequence));
    tw_prefix_cache_touch(&s->prefixes, &hit);
    sequence->planned = hit.tokens;
    if (!s->config.prefix_cache || hit.tokens > FEW_TOKENS)
      continue;
    if (resembles(sequence, others))
      sequence->planned = -1;
    else
      g_ptr_array_add(others, sequence);
  }
  g_ptr_array_sort(line, by_found);
  for (guint i = 0; i < line->len; i++)
    ((tw_sequence *)line->pdata[i])->planned = 0;
  tw_waiting_reorder(&s->waiting, line);
}

/* ---- Prompts ---- */

/* The sums of one pass over the waiting line. */
typedef struct pass {
  gint64 slots;         /* sequences that the batch may have; at most that are in it: */
  GPtrArray *batch;     /* Elements are tw_sequence. */
  GArray *tokens;       /* Tokens that each of them computes. */
  gint64 chunk;         /* tokens that are left to it */
  double offset;        /* tokens promised: to the batch, and by the ratio to those that run */
  double taken;         /* tokens that the batch takes at once */
  gint64 pages;         /* Pages of the KV cache that it takes, with those of decodes beside it. */
  tw_sequence *chunked; /* in it, whose prompt it does not complete */
} pass;

static double tokens_free(const tw_scheduler *s)
{
  return (double)(tw_sglang_free_pages(s) * s->config.block_tokens);
}

static void charge(const tw_scheduler *s, pass *p, tw_sequence *sequence, gint64 tokens, gboolean cut)
{
  gint64 pages = whole_pages(s, tokens);
  p->chunk -= pages;
  p->pages +=
      tw_kv_blocks(&s->kv, sequence->prefill_done + tokens) - tw_kv_blocks(&s->kv, sequence->prefill_done);
  p->taken += (double)(pages + s->config.block_tokens);
  p->offset += (double)(pages + s->config.block_tokens);
  if (!cut)
    p->offset += (double)MIN(tw_sglang_most_outputs(s, sequence), TW_SGLANG_MOST_COUNTED);
  else
    p->chunked = sequence;
  g_ptr_array_add(p->batch, sequence);
  g_array_append_val(p->tokens, tokens);
}

/* The half-done prompt goes on, whatever has been promised; but, other than in SGLang, which ends then, by no
 * more than there is. */
static void go_on(const tw_scheduler *s, pass *p)
{
  tw_sequence *sequence = s->sglang.chunked;
  gint64 left = sequence->prefill_target - sequence->prefill_done;
  gint64 most = MIN(p->chunk, (gint64)(tokens_free(s) - p->offset));
  gint64 in_page = whole_pages(s, sequence->prefill_done) - sequence->prefill_done;
  gint64 room = in_page + (tw_sglang_free_pages(s) - p->pages) * s->config.block_tokens;
  gint64 tokens = MIN(MIN(left, most > 0 ? most : p->chunk), room);
  if (tokens > 0)
    charge(s, p, sequence, tokens, tokens < left);
}

/* Admits the first waiting one. Returns FALSE if it does not fit, and `full` if that is for want of KV. */
static gboolean admit_one(tw_scheduler *s, pass *p, tw_sequence *sequence, double now_s)
{
  gint64 page = s->config.block_tokens, target = tw_sequence_known(sequence);
  tw_prefix_hit hit = tw_batching_cached(s, sequence, target);
  tw_prefix_cache_touch(&s->prefixes, &hit);
  gint64 brought = tw_batching_brought(s, sequence, hit.tokens);
  gint64 extend = target - hit.tokens - brought * page;
  double need = (double)(extend + tw_sglang_outputs_left(s, sequence) + page);
  if (need >=
      tokens_free(s) - (double)((hit.idle_blocks + brought + s->config.sequence_blocks) * page) - p->offset) {
    s->sglang.full = TRUE;
    s->held_up = TW_WAIT_KV;
    return FALSE;
  }
  gint64 tokens = whole_pages(s, extend) <= p->chunk ? extend : p->chunk / page * page;
  gint64 pages = tw_kv_blocks(&s->kv, tokens) + hit.idle_blocks + brought +
                 s->config.sequence_blocks; /* SGLang does not look, and may end */
  if (tokens <= 0 || pages > tw_sglang_free_pages(s) - p->pages)
    return FALSE;
  tw_batching_enter(s, sequence, &hit, now_s);
  if (brought > 0)
    tw_batching_bring(s, sequence, brought);
  charge(s, p, sequence, tokens, tokens < extend);
  if (tokens_free(s) - p->offset <= 0 || tokens_free(s) - p->taken <= 0) {
    s->sglang.full = TRUE;
    s->held_up = TW_WAIT_KV;
    return FALSE;
  }
  s->held_up = TW_WAIT_BUDGET;
  return p->chunk > 0;
}

static void admit(tw_scheduler *s, pass *p, double now_s)
{
  for (;;) {
    tw_sequence *sequence = tw_waiting_first(&s->waiting, s->decoding.count);
    if (sequence == NULL || tw_batching_defers(s))
      return;
    if (s->paused && s->running.length > 0) {
      s->held_up = TW_WAIT_POWER;
      return;
    }
    if ((gint64)p->batch->len >= p->slots) {
      s->sglang.full = TRUE;
      s->held_up = TW_WAIT_SEATS;
      return;
    }
    if (s->sglang.full || !admit_one(s, p, sequence, now_s))
      return;
  }
}

/* Tokens promised to the running batch: one each, if it decodes beside the prompts, and the guess. */
static void promise(const tw_scheduler *s, pass *p, gint64 mixed)
{
  double ratio = tw_sglang_ratio(s);
  p->offset = p->taken = (double)mixed;
  for (GList *link = s->running.head; link != NULL && !s->config.hands_over; link = link->next)
    if (link->data != s->sglang.chunked)
      p->offset += (double)tw_sglang_outputs_left(s, link->data) * ratio;
}

/* Takes what a pass has chosen. */
static void take_batch(tw_scheduler *s, const pass *p)
{
  tw_sglang *g = &s->sglang;
  for (guint i = 0; i < p->batch->len; i++)
    tw_batching_take_chunk(s, p->batch->pdata[i], g_array_index(p->tokens, gint64, i));
  gint64 running = tw_sglang_living(s) - (gint64)p->batch->len + (g->chunked != NULL);
  gboolean mixed = s->config.mixed_chunk && running > 0;
  if (s->config.mixed_chunk)
    g->stale = 0;
  if (mixed) {
    s->reserved += tw_sglang_pages_next(s);
    for (guint i = p->batch->len; i-- > 0;) { /* prompts stand before the decodes in it */
      tw_sequence *sequence = p->batch->pdata[i];
      g_queue_unlink(&s->running, &sequence->link);
      g_queue_push_head_link(&s->running, &sequence->link);
    }
    tw_sglang_renumber(s);
  }
  g->chunked = p->chunked;
  g->cut = p->chunked != NULL;
  s->partial = p->chunked != NULL;
  g->last = mixed ? TW_SGLANG_MIXED : TW_SGLANG_EXTEND;
  g->members = (gint64)p->batch->len - g->cut + (mixed ? running : 0);
  g->alone = mixed || running + g->stale == 0;
  s->decodes_next = mixed;
}

gboolean tw_sglang_plan_prompts(tw_scheduler *s, double now_s)
{
  tw_sglang *g = &s->sglang;
  gint64 running = tw_sglang_living(s) + g->stale;
  if ((g->full || s->waiting.n == 0) && g->chunked == NULL)
    return FALSE;
  gint64 slots = s->config.max_seqs - (s->config.hands_over ? (gint64)s->running.length : running);
  if (slots <= 0 && g->chunked == NULL) {
    g->full = !s->config.hands_over;
    s->held_up = TW_WAIT_SEATS;
    return FALSE;
  }
  if (s->config.order == TW_ORDER_PREFIX && s->waiting.n <= MOST_SORTED)
    sort_by_prefix(s);
  gint64 mixed = s->config.mixed_chunk ? running : 0;
  pass p = {.slots = slots,
            .batch = g_ptr_array_new(),
            .tokens = g_array_new(FALSE, FALSE, sizeof(gint64)),
            .chunk = s->config.max_batched_tokens - mixed,
            .pages = mixed > 0 ? tw_sglang_pages_next(s) : 0};
  promise(s, &p, mixed);
  if (g->chunked != NULL)
    go_on(s, &p);
  if (g->chunked == NULL || p.batch->len > 0)
    admit(s, &p, now_s);
  gboolean any = p.batch->len > 0;
  if (any)
    take_batch(s, &p);
  g_ptr_array_unref(p.batch);
  g_array_unref(p.tokens);
  return any;
}
