#include "tests/sim/naive.h"

typedef struct sequence {
  int id;
  const naive_request *request;
  naive_outcome *outcome;
  gint64 emitted;
  gint64 computed; /* tokens in KV */
  gint64 blocks;
  gint64 scheduled; /* tokens in this iteration */
  gboolean decodes; /* all but the token that it emitted last is computed */
} sequence;

typedef struct rank {
  const naive_config *config;
  GQueue running, waiting; /* of sequence */
  gint64 free_blocks;
} rank;

static gint64 all_tokens(const sequence *s)
{
  return s->request->prompt + s->emitted;
}

static gint64 more_blocks(const rank *r, const sequence *s, gint64 tokens)
{
  gint64 size = r->config->block_tokens;
  return (s->computed + tokens + size - 1) / size - s->blocks;
}

static void schedule(rank *r, sequence *s, gint64 tokens, double now_s)
{
  gint64 blocks = more_blocks(r, s, tokens);
  g_assert(blocks <= r->free_blocks);
  r->free_blocks -= blocks;
  s->blocks += blocks;
  s->scheduled = tokens;
  if (isnan(s->outcome->first_scheduled_s))
    s->outcome->first_scheduled_s = now_s;
}

static int by_priority(gconstpointer a, gconstpointer b, gpointer user)
{
  const sequence *x = a, *y = b;
  const rank *r = user;
  if (r->config->priorities && x->request->priority != y->request->priority)
    return x->request->priority < y->request->priority ? -1 : 1;
  return x->id - y->id;
}

static sequence *victim(rank *r)
{
  sequence *worst = g_queue_peek_tail(&r->running);
  for (GList *link = r->running.head; r->config->priorities && link != NULL; link = link->next)
    if (by_priority(link->data, worst, r) > 0)
      worst = link->data;
  return worst;
}

static void preempt(rank *r, sequence *s)
{
  g_queue_remove(&r->running, s);
  r->free_blocks += s->blocks;
  s->blocks = s->computed = s->scheduled = 0;
  s->decodes = FALSE;
  s->outcome->preemptions++;
  if (r->config->priorities)
    g_queue_insert_sorted(&r->waiting, s, by_priority, r);
  else
    g_queue_push_head(&r->waiting, s);
}

/* Gives the running sequences their tokens in admission order. Whoever gets no blocks has the last one (or
 * the lowest priority) preempted until it does, or is itself the victim. Returns what is left of the budget,
 * or −1 if somebody was preempted. */
static gint64 schedule_running(rank *r, double now_s)
{
  gint64 budget = r->config->max_batched_tokens;
  gboolean preempted = FALSE;
  for (GList *link = r->running.head; link != NULL;) {
    sequence *s = link->data;
    gboolean itself = FALSE;
    gint64 tokens = MIN(all_tokens(s) - s->computed, budget);
    while (!itself && more_blocks(r, s, tokens) > r->free_blocks) {
      sequence *v = victim(r);
      itself = v == s;
      budget += v->scheduled;
      tokens = MIN(all_tokens(s) - s->computed, budget);
      if (itself)
        link = link->next;
      preempt(r, v);
      preempted = TRUE;
    }
    if (itself)
      continue;
    schedule(r, s, tokens, now_s);
    budget -= tokens;
    link = link->next;
  }
  return preempted ? -1 : budget;
}

/* Returns whether anybody was admitted. */
static gboolean admit(rank *r, gint64 budget, gboolean chunked, double watermark, double now_s)
{
  gboolean any = FALSE;
  while (budget > 0 && r->waiting.length > 0 && r->running.length < r->config->max_seqs) {
    sequence *s = g_queue_peek_head(&r->waiting);
    gint64 tokens = MIN(all_tokens(s), budget);
    double kept = r->running.length > 0 ? ceil(watermark * (double)r->config->kv_blocks) : 0;
    if ((!chunked && tokens < all_tokens(s)) ||
        (double)more_blocks(r, s, tokens) > (double)r->free_blocks - kept)
      break;
    g_queue_pop_head(&r->waiting);
    g_queue_push_tail(&r->running, s);
    schedule(r, s, tokens, now_s);
    budget -= tokens;
    any = TRUE;
  }
  return any;
}

static void plan(rank *r, double now_s)
{
  gint64 budget = r->config->max_batched_tokens;
  switch (r->config->kind) {
  case NAIVE_VLLM:
    budget = schedule_running(r, now_s);
    if (budget >= 0)
      admit(r, budget, TRUE, 0, now_s);
    break;
  case NAIVE_PREFILL_FIRST:
    if (!admit(r, budget, FALSE, 0.01, now_s))
      schedule_running(r, now_s);
    break;
  case NAIVE_STATIC:
    if (r->running.length > 0)
      schedule_running(r, now_s);
    else
      admit(r, budget, FALSE, 0, now_s);
    break;
  }
}

/* What the iteration computes, token by token, and how long that takes. */
static double measure(const rank *r, naive_iteration *it)
{
  const test_costs *costs = &r->config->costs;
  for (GList *link = r->running.head; link != NULL; link = link->next) {
    const sequence *s = link->data;
    if (s->scheduled == 0)
      continue;
    it->sampled += s->computed + s->scheduled == all_tokens(s);
    if (s->decodes) {
      it->decode_seqs++;
      it->decode_context += s->computed + 1;
      it->decode_windowed += MIN(s->computed + 1, r->config->window);
      continue;
    }
    it->prefill_seqs++;
    for (gint64 t = 1; t <= s->scheduled; t++) {
      it->prefill_tokens++;
      it->prefill_context += s->computed + t;
    }
  }
  double context = (double)(costs->windowed ? it->decode_windowed : it->decode_context);
  if (it->decode_seqs + it->prefill_seqs == 0)
    return 0;
  return costs->fixed_s + costs->per_seq_s * (double)it->decode_seqs + costs->per_context_s * context +
         costs->per_prompt_s * (double)it->prefill_tokens;
}

static void end_iteration(rank *r, double now_s)
{
  for (GList *link = r->running.head, *next; link != NULL; link = next) {
    sequence *s = link->data;
    const naive_request *request = s->request;
    gint64 tokens = s->scheduled;
    next = link->next;
    if (tokens == 0)
      continue;
    s->outcome->computed += s->decodes ? 0 : tokens;
    s->computed += tokens;
    s->scheduled = 0;
    if (s->computed < all_tokens(s))
      continue;
    s->decodes = TRUE;
    s->emitted++;
    if (s->emitted == 1)
      s->outcome->first_token_s = now_s;
    if (s->emitted == request->reasoning + 1)
      s->outcome->first_answer_s = now_s;
    if (s->emitted < request->reasoning + request->answer)
      continue;
    s->outcome->completion_s = now_s;
    r->free_blocks += s->blocks;
    g_queue_delete_link(&r->running, link);
    g_free(s);
  }
}

static void arrive(rank *ranks, int n_ranks, int id, const naive_request *request, naive_outcome *outcome)
{
  rank *best = &ranks[0];
  for (int i = 1; i < n_ranks; i++)
    if (ranks[i].running.length + ranks[i].waiting.length < best->running.length + best->waiting.length)
      best = &ranks[i];
  sequence *s = g_new0(sequence, 1);
  *s = (sequence){.id = id, .request = request, .outcome = outcome};
  *outcome = (naive_outcome){(int)(best - ranks), NAN, NAN, NAN, NAN, 0, 0};
  g_queue_insert_sorted(&best->waiting, s, by_priority, best);
}

naive_outcome *naive_run(const naive_config *config, const naive_request *requests, int n, GArray *iterations)
{
  g_autofree rank *ranks = g_new0(rank, (gsize)config->ranks);
  naive_outcome *outcomes = g_new0(naive_outcome, (gsize)n);
  double now_s = 0;
  for (int i = 0; i < config->ranks; i++)
    ranks[i] = (rank){config, G_QUEUE_INIT, G_QUEUE_INIT, config->kv_blocks};
  for (int next = 0;;) {
    double length_s = 0;
    guint first = iterations->len;
    for (int i = 0; i < config->ranks; i++) {
      naive_iteration it = {.start_s = now_s};
      plan(&ranks[i], now_s);
      length_s = fmax(length_s, measure(&ranks[i], &it));
      if (it.decode_seqs + it.prefill_seqs > 0)
        g_array_append_val(iterations, it);
    }
    if (iterations->len == first) { /* nothing to do until somebody arrives */
      if (next == n)
        return outcomes;
      now_s = requests[next].arrival_s;
      for (; next < n && requests[next].arrival_s == now_s; next++)
        arrive(ranks, config->ranks, next, &requests[next], &outcomes[next]);
      continue;
    }
    now_s += length_s;
    for (guint i = first; i < iterations->len; i++)
      g_array_index(iterations, naive_iteration, i).end_s = now_s;
    for (; next < n && requests[next].arrival_s <= now_s; next++)
      arrive(ranks, config->ranks, next, &requests[next], &outcomes[next]);
    for (int i = 0; i < config->ranks; i++)
      end_iteration(&ranks[i], now_s);
  }
}
