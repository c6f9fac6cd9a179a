/* SGLang's scheduler with lists of requests, tokens in arrays and a radix naive_radix of them: the loops, batches and
 * rules of python/sglang/srt/managers/scheduler.py and schedule_policy.py (2026), step by step. */
#include "tests/sim/naive_sglang.h"

static gint64 pages_of(const engine *e, gint64 tokens)
{
  return (tokens + e->c->block_tokens - 1) / e->c->block_tokens;
}

static gint64 available(const engine *e)
{
  return (e->c->kv_blocks - e->private_pages - e->t.pages) * e->c->block_tokens;
}

static gint64 evictable(const engine *e)
{
  return e->t.idle_pages * e->c->block_tokens;
}

/* Gives a request KV for so many tokens more. */
static void allocate(engine *e, req *r, gint64 tokens)
{
  gint64 pages = pages_of(e, r->kv + tokens) - pages_of(e, r->kv);
  if (pages * e->c->block_tokens > available(e))
    naive_radix_evict(&e->t, pages - available(e) / e->c->block_tokens);
  r->kv += tokens;
  e->private_pages += pages;
  g_assert_cmpint(available(e), >=, 0);
}

/* Puts its first tokens into the tree, and holds them there; second copies are freed. */
static void cache(engine *e, req *r, gint64 tokens)
{
  gint64 matched;
  if (!e->c->prefix_cache)
    return;
  naive_node *end = naive_radix_insert(&e->t, r->tokens, tokens, &matched);
  gint64 whole = tokens / e->c->block_tokens * e->c->block_tokens;
  e->private_pages -= (whole - r->in_tree) / e->c->block_tokens;
  naive_radix_lock(&e->t, end, 1);
  naive_radix_lock(&e->t, r->last, -1);
  r->last = end;
  r->in_tree = whole;
}

static void release(engine *e, req *r)
{
  e->private_pages -= pages_of(e, r->kv) - r->in_tree / e->c->block_tokens;
  naive_radix_lock(&e->t, r->last, -1);
  r->last = &e->t.root;
  r->kv = r->in_tree = 0;
}

/* ---- Batches with prompts ---- */

static void drop_finished(GPtrArray *reqs)
{
  for (guint i = reqs->len; i-- > 0;)
    if (((req *)reqs->pdata[i])->finished)
      g_ptr_array_remove_index(reqs, i);
}

static batch *new_batch(mode m)
{
  batch *b = g_new0(batch, 1);
  b->mode = m;
  b->reqs = g_ptr_array_new();
  b->rows = g_array_new(FALSE, FALSE, sizeof(row));
  return b;
}

static void add_row(batch *b, req *r, gint64 tokens)
{
  row w = {r, r->kv - MAX(tokens, 1), tokens, r->retracted};
  g_array_append_val(b->rows, w);
}

/* The adder's sums. */
typedef struct adder {
  gint64 chunk, current;
  double total;
} adder;

static gint64 counted(const req *r)
{
  return MIN(MAX(limit(r) - r->outputs, 0), 4096);
}

static gint64 ceil_page(const engine *e, gint64 tokens)
{
  return pages_of(e, tokens) * e->c->block_tokens;
}

static void charge(const engine *e, adder *a, gint64 extend, gint64 output)
{
  a->chunk -= ceil_page(e, extend);
  a->current += ceil_page(e, extend) + e->c->block_tokens;
  a->total += (double)(ceil_page(e, extend) + e->c->block_tokens + output);
}

static gboolean is_waiting(const engine *e)
{
  return (!e->full && e->waiting.length > 0) || e->chunked != NULL;
}

static batch *plan_prompts(engine *e, double now_s)
{
  gint64 bs = e->running->len, slots = e->c->max_seqs - bs, page = e->c->block_tokens;
  if (!is_waiting(e))
    return NULL;
  if (slots <= 0 && e->chunked == NULL) {
    e->full = TRUE;
    return NULL;
  }
  naive_sglang_order(e);
  gint64 mixed = e->c->mixed_chunk ? bs : 0;
  adder a = {e->c->max_batched_tokens - mixed, mixed, (double)mixed};
  for (guint i = 0; i < e->running->len; i++)
    a.total += (double)counted(e->running->pdata[i]) * e->ratio;
  batch *b = new_batch(EXTEND);
  g_autoptr(GPtrArray) chosen = g_ptr_array_new();
  g_autoptr(GArray) extends = g_array_new(FALSE, FALSE, sizeof(gint64));
  if (e->chunked != NULL) {
    req *r = e->chunked;
    gint64 left = r->target - r->kv,
           most = MIN(a.chunk, (gint64)((double)(available(e) + evictable(e)) - a.total));
    gint64 n = MIN(left, most > 0 ? most : a.chunk);
    g_assert_cmpint(pages_of(e, r->kv + n) - pages_of(e, r->kv), <=, (available(e) + evictable(e)) / page);
    b->chunked = n < left ? r : NULL;
    charge(e, &a, n, n < left ? 0 : MIN(limit(r), 4096));
    g_ptr_array_add(chosen, r);
    g_array_append_val(extends, n);
  }
  while (e->waiting.length > 0) {
    req *r = g_queue_peek_head(&e->waiting);
    gint64 matched;
    if ((gint64)chosen->len >= slots)
      e->full = TRUE;
    if (e->full)
      break;
    naive_node *prefix = naive_sglang_find(e, r, &matched);
    gint64 known = r->request->prompt + r->outputs, extend = known - matched;
    naive_radix_lock(&e->t, prefix, 1);
    if ((double)(extend + counted(r) + page) >= (double)(available(e) + evictable(e)) - a.total) {
      naive_radix_lock(&e->t, prefix, -1);
      e->full = TRUE;
      break;
    }
    gint64 n = ceil_page(e, extend) <= a.chunk ? extend : a.chunk / page * page;
    if (n <= 0) {
      naive_radix_lock(&e->t, prefix, -1);
      break;
    }
    g_queue_pop_head(&e->waiting);
    r->last = prefix;
    r->kv = r->in_tree = matched;
    r->target = known;
    if (!r->scheduled) {
      r->scheduled = TRUE;
      r->outcome->first_scheduled_s = now_s;
      r->outcome->cached = matched;
    }
    b->chunked = n < extend ? r : b->chunked;
    charge(e, &a, n, n < extend ? 0 : MIN(limit(r), 4096));
    g_ptr_array_add(chosen, r);
    g_array_append_val(extends, n);
    gint64 left = available(e) + evictable(e);
    if ((double)left - a.total <= 0 || left - a.current <= 0) {
      e->full = TRUE;
      break;
    }
    if (a.chunk <= 0)
      break;
  }
  if (chosen->len == 0) {
    g_ptr_array_unref(b->reqs);
    g_array_unref(b->rows);
    g_free(b);
    return NULL;
  }
  for (guint i = 0; i < chosen->len; i++) {
    gint64 n = g_array_index(extends, gint64, i);
    allocate(e, chosen->pdata[i], n);
    add_row(b, chosen->pdata[i], n);
    g_ptr_array_add(b->reqs, chosen->pdata[i]);
  }
  e->chunked = b->chunked;
  if (!e->c->mixed_chunk)
    return b;
  drop_finished(e->running);
  if (e->running->len == 0)
    return b;
  b->mode = MIXED;
  for (guint i = 0; i < e->running->len; i++) {
    allocate(e, e->running->pdata[i], 1);
    add_row(b, e->running->pdata[i], 0);
    g_ptr_array_add(b->reqs, e->running->pdata[i]);
  }
  g_ptr_array_set_size(e->running, 0);
  return b;
}

/* ---- Decodes ---- */

static gint64 decode_pages(const engine *e)
{
  gint64 pages = 0;
  for (guint i = 0; i < e->running->len; i++)
    pages += ((req *)e->running->pdata[i])->kv % e->c->block_tokens == 0;
  return pages;
}

static gboolean decodes_fit(engine *e)
{
  gint64 short_of = decode_pages(e) - available(e) / e->c->block_tokens;
  naive_radix_evict(&e->t, short_of);
  return decode_pages(e) * e->c->block_tokens <= available(e);
}

static int by_outputs(gconstpointer a, gconstpointer b)
{
  const req *x = *(req *const *)a, *y = *(req *const *)b;
  if (x->outputs != y->outputs)
    return x->outputs > y->outputs ? -1 : 1;
  return (x->request->prompt > y->request->prompt) - (x->request->prompt < y->request->prompt);
}

static void retract(engine *e)
{
  gint64 done = 0, most = 0;
  g_ptr_array_sort(e->running, by_outputs);
  do {
    req *r = g_ptr_array_steal_index(e->running, e->running->len - 1);
    release(e, r);
    r->retracted++;
    r->outcome->preemptions++;
    g_queue_push_tail(&e->waiting, r);
    naive_radix_evict(&e->t, pages_of(e, 20 * (gint64)e->running->len) - available(e) / e->c->block_tokens);
  } while (e->running->len > 1 && !decodes_fit(e));
  for (guint i = 0; i < e->running->len; i++) {
    done += ((req *)e->running->pdata[i])->outputs;
    most += limit(e->running->pdata[i]);
  }
  e->ratio = MIN(1, (double)(done + 20 * (gint64)e->running->len) / (double)(most + 1));
}

static batch *plan_decodes(engine *e)
{
  guint before = e->running->len;
  if (before == 0)
    return NULL;
  drop_finished(e->running);
  if (e->running->len == 0) {
    e->full = FALSE;
    return NULL;
  }
  if (!decodes_fit(e)) {
    g_assert_cmpint(e->running->len, >, 1);
    retract(e);
  } else
    e->ratio = MAX(e->ratio - (e->first - e->least) / 600, e->least);
  if (e->running->len < before)
    e->full = FALSE;
  batch *b = new_batch(DECODE);
  for (guint i = 0; i < e->running->len; i++) {
    allocate(e, e->running->pdata[i], 1);
    add_row(b, e->running->pdata[i], 0);
  }
  return b;
}

/* ---- The loops ---- */

static batch *next_batch(engine *e, double now_s)
{
  if (e->chunked != NULL)
    cache(e, e->chunked, e->chunked->kv);
  if (e->last != NULL && e->last->mode != DECODE) {
    GPtrArray *reqs = e->last->reqs;
    guint before = reqs->len;
    if (e->last->chunked != NULL)
      g_ptr_array_remove(reqs, e->last->chunked);
    drop_finished(reqs);
    if (reqs->len < before)
      e->full = FALSE;
    if (reqs->len > 0 && e->running->len == 0)
      e->full = FALSE;
    for (guint i = 0; i < reqs->len; i++)
      g_ptr_array_add(e->running, reqs->pdata[i]);
  }
  batch *b = plan_prompts(e, now_s);
  return b != NULL ? b : plan_decodes(e);
}

/* The device computes a batch as soon as it is free. */
static void launch(engine *e, batch *b, double now_s)
{
  const test_costs *costs = &e->c->costs;
  naive_iteration it = {.start_s = fmax(now_s, e->device_s)};
  for (guint i = 0; i < b->rows->len; i++) {
    const row *w = &g_array_index(b->rows, row, i);
    if (w->tokens == 0) {
      it.decode_seqs++;
      it.decode_context += w->done + 1;
      it.decode_windowed += MIN(w->done + 1, e->c->window);
      it.sampled++;
      continue;
    }
    it.prefill_seqs++;
    it.sampled += w->r != b->chunked;
    for (gint64 t = 1; t <= w->tokens; t++) {
      it.prefill_tokens++;
      it.prefill_context += w->done + t;
    }
  }
  double context = (double)(costs->windowed ? it.decode_windowed : it.decode_context);
  b->end_s = e->device_s = it.end_s =
      it.start_s + costs->fixed_s + costs->per_seq_s * (double)it.decode_seqs +
      costs->per_context_s * context + costs->per_prompt_s * (double)it.prefill_tokens;
  g_array_append_val(e->iterations, it);
}

static void process(engine *e, batch *b)
{
  for (guint i = 0; i < b->rows->len; i++) {
    const row *w = &g_array_index(b->rows, row, i);
    req *r = w->r;
    r->outcome->computed += w->tokens;
    if (r->finished || r->retracted != w->retracted || (w->tokens > 0 && r == b->chunked))
      continue;
    r->outputs++;
    naive_emit(r->outcome, r->outputs, b->end_s);
    if (r->outputs == 1)
      r->outcome->first_token_s = b->end_s;
    if (r->outputs == r->request->reasoning + 1)
      r->outcome->first_answer_s = b->end_s;
    r->finished = r->outputs == limit(r);
    if (r->finished || w->tokens > 0)
      cache(e, r, r->finished ? r->kv : r->target);
    if (r->finished) {
      r->outcome->completion_s = b->end_s;
      release(e, r);
    }
  }
}

static void end_batch(batch *b)
{
  if (b == NULL)
    return;
  g_ptr_array_unref(b->reqs);
  g_array_unref(b->rows);
  g_free(b);
}

static guint64 token(const tw_request *r, gint64 at)
{
  gint64 known = MAX(r->prompt_tokens, r->context_tokens);
  if (r->n_hashes > 0 && at < MIN((gint64)r->n_hashes * r->hash_tokens, known))
    return (r->hashes[at / r->hash_tokens] << 20) + (guint64)(at % r->hash_tokens);
  return ((r->id + 1) << 44) + (guint64)at;
}

static gboolean nothing_left(const engine *e)
{
  return e->waiting.length == 0 && e->running->len == 0 && e->chunked == NULL && e->last == NULL;
}

naive_outcome *naive_run_sglang(const naive_config *c, const naive_request *requests, int n,
                                GArray *iterations)
{
  naive_outcome *outcomes = g_new0(naive_outcome, (gsize)n);
  g_autofree req *reqs = g_new0(req, (gsize)n);
  engine e = {.c = c, .running = g_ptr_array_new(), .iterations = iterations};
  e.t = (naive_radix){.root = {.children = g_ptr_array_new(), .locks = 1}, .page = c->block_tokens};
  e.ratio = e.first = MIN(0.7 * c->conservativeness, 1);
  e.least = 0.14 * e.first;
  g_queue_init(&e.waiting);
  int next = 0, idle_turns = 0;
  for (double now_s = 0;;) {
    for (; next < n && requests[next].arrival_s <= now_s; next++) {
      req *r = &reqs[next];
      *r = (req){.request = &requests[next], .outcome = &outcomes[next], .last = &e.t.root};
      r->asked = naive_request_of(c, r->request, (guint64)next);
      r->tokens = g_new(guint64, (gsize)(r->request->prompt + limit(r)));
      for (gint64 t = 0; t < r->request->prompt + limit(r); t++)
        r->tokens[t] = token(&r->asked, t);
      outcomes[next] = (naive_outcome){0, NAN, NAN, NAN, NAN, 0, 0, -1, 0, NAN};
      g_queue_push_tail(&e.waiting, r);
    }
    batch *b = next_batch(&e, now_s), *before = e.last;
    if (b != NULL)
      launch(&e, b, now_s);
    e.last = b;
    if (!c->asynchronous && b != NULL) {
      now_s = b->end_s;
      process(&e, b);
    } else if (c->asynchronous && before != NULL) {
      now_s = before->end_s;
      process(&e, before);
    }
    end_batch(before);
    idle_turns = b == NULL && before == NULL ? idle_turns + 1 : 0;
    if (nothing_left(&e)) {
      e.ratio = e.first;
      if (next == n)
        break;
      now_s = fmax(now_s, requests[next].arrival_s);
    }
    g_assert_cmpint(idle_turns, <, 9);
  }
  naive_radix_clear(&e.t.root);
  g_ptr_array_unref(e.t.root.children);
  g_ptr_array_unref(e.running);
  for (int i = 0; i < n; i++)
    g_free(reqs[i].tokens);
  return outcomes;
}
