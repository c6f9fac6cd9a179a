#include "tests/sim/naive.h"

#include "tests/sim/naive_adapters.h"
#include "tests/sim/naive_blocks.h"

typedef struct sequence {
  int id;
  const naive_request *request;
  tw_request asked;
  naive_outcome *outcome;
  naive_holdings blocks;
  gint64 emitted;
  gint64 computed;  /* tokens in KV, those of iterations that are planned or run included */
  gint64 in_flight; /* tokens that such iterations are to emit */
  gint64 scheduled; /* tokens in this plan */
  gboolean running;
  gboolean decodes; /* all but the token that it emitted last, or is to emit, is computed */
} sequence;

/* The part of a sequence that an iteration computes. */
typedef struct entry {
  sequence *s;
  gint64 done, tokens;
  gboolean decodes, samples;
  double load_s; /* for which the iteration waits: of its adapter */
} entry;

typedef struct rank {
  const naive_config *config;
  GQueue running, waiting; /* elements are sequence * */
  GQueue skipped;          /* likewise: who waits for an adapter, whom others have passed */
  gint64 inside;           /* number of sequences in all three */
  naive_pool pool;
  GArray *plan;       /* elements are entry */
  GArray *runs;       /* likewise: the batch before, which runs while another one is planned */
  gboolean preempted; /* the plan has preempted it */
  naive_adapters adapters;
  gboolean bound;  /* somebody waited behind the last plan that let prompts be computed */
  gboolean defers; /* the plan does not */
} rank;

static gint64 known(const sequence *s)
{
  return s->request->prompt + s->emitted;
}

static gint64 last_token(const sequence *s)
{
  return s->request->prompt + s->request->reasoning + s->request->answer;
}

static void look_whose_adapters_are_used(rank *r, gboolean all)
{
  naive_adapters_run_none(&r->adapters);
  for (GList *link = r->running.head; link != NULL; link = link->next)
    if (all || ((sequence *)link->data)->scheduled > 0)
      naive_adapters_run(&r->adapters, ((sequence *)link->data)->asked.class);
}

static gboolean somebody_decodes(const rank *r)
{
  for (GList *link = r->running.head; link != NULL; link = link->next)
    if (((sequence *)link->data)->decodes)
      return TRUE;
  return FALSE;
}

static gint64 at_most(const rank *r, gint64 tokens, gint64 budget)
{
  gint64 most = r->config->long_prefill_tokens, block = r->config->block_tokens;
  gint64 part = MIN(most > 0 && r->config->kind != NAIVE_TENSORRT_LLM ? MIN(tokens, most) : tokens, budget);
  return part < tokens && r->config->kind == NAIVE_TENSORRT_LLM ? part / block * block : part;
}

static gboolean allocate(rank *r, sequence *s, gint64 tokens)
{
  if (!naive_pool_allocate(&r->pool, &s->blocks, s->computed + tokens))
    return FALSE;
  if (r->config->prefix_cache)
    naive_pool_cache(&r->pool, &s->blocks, MIN(s->computed + tokens, known(s)));
  return TRUE;
}

static void schedule(rank *r, sequence *s, gint64 tokens)
{
  entry e = {s, s->computed, tokens, s->decodes, FALSE, 0};
  s->scheduled = tokens;
  g_array_append_val(r->plan, e);
}

static void unschedule(rank *r, sequence *s)
{
  s->scheduled = 0;
  for (guint i = r->plan->len; i-- > 0;)
    if (g_array_index(r->plan, entry, i).s == s)
      g_array_remove_index(r->plan, i);
}

static int by_priority(gconstpointer a, gconstpointer b, gpointer user)
{
  const sequence *x = a, *y = b;
  const rank *r = user;
  if (r->config->priorities && x->request->priority != y->request->priority)
    return x->request->priority < y->request->priority ? -1 : 1;
  return x->id - y->id;
}

/* NULL: the order of arrival. */
static GCompareDataFunc order_of(const rank *r)
{
  return r->config->priorities ? by_priority : NULL;
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
  naive_pool_free(&r->pool, &s->blocks);
  unschedule(r, s);
  r->preempted = TRUE;
  s->computed = 0;
  s->decodes = s->running = FALSE;
  s->outcome->preemptions++;
  if (r->config->priorities)
    g_queue_insert_sorted(&r->waiting, s, by_priority, r);
  else
    g_queue_push_head(&r->waiting, s);
}

/* TensorRT-LLM's micro batches and Sarathi's hold all decodes before any prompt. */
static gboolean decodes_first(const rank *r)
{
  return r->config->kind == NAIVE_TENSORRT_LLM || r->config->kind == NAIVE_SARATHI;
}

/* Gives the running sequences their tokens in admission order. Whoever gets no blocks has the last one (or
 * the lowest priority) preempted until it does; where it is itself the victim, nobody behind it is scheduled.
 * vLLM's index into the running goes back for victims that were scheduled alone: each other one before it makes the
 * next sequence be skipped. Returns what is left of the budget, or −1 if somebody was preempted. */
static gint64 give_tokens(rank *r)
{
  gint64 budget = r->config->max_batched_tokens;
  gboolean preempted = FALSE;
  GQueue order = G_QUEUE_INIT;
  for (int pass = 0; pass < 2; pass++)
    for (GList *link = r->running.head; link != NULL; link = link->next)
      if (decodes_first(r) ? ((sequence *)link->data)->decodes == (pass == 0) : pass == 0)
        g_queue_push_tail(&order, link->data);
  for (sequence *s; (s = g_queue_pop_head(&order)) != NULL && budget > 0;) {
    int skips = 0;
    /* The last token of the sequence is under way. */
    if (s->in_flight > 0 && s->computed + 2 - s->in_flight >= last_token(s))
      continue;
    gint64 tokens = at_most(r, known(s) + s->in_flight - s->computed, budget);
    if (tokens == 0 || (r->defers && !s->decodes))
      continue;
    while (!allocate(r, s, tokens)) {
      sequence *v = victim(r);
      budget += v->scheduled;
      skips +=
          r->config->kind == NAIVE_VLLM && v != s && v->scheduled == 0 && g_queue_find(&order, v) == NULL;
      preempt(r, v);
      g_queue_remove(&order, v);
      preempted = TRUE;
      if (v == s) {
        g_queue_clear(&order);
        return r->config->kind == NAIVE_SARATHI ? budget : -1;
      }
    }
    schedule(r, s, tokens);
    budget -= tokens;
    while (skips-- > 0)
      g_queue_pop_head(&order);
  }
  g_queue_clear(&order);
  return preempted && r->config->kind != NAIVE_SARATHI ? -1 : budget;
}

static gint64 schedule_running(rank *r)
{
  gint64 budget = give_tokens(r);
  look_whose_adapters_are_used(r, FALSE);
  return budget;
}

/* Blocks that a sequence holds as it ends. */
static gint64 final_blocks(const rank *r, const sequence *s)
{
  return (last_token(s) - 1 + r->config->block_tokens - 1) / r->config->block_tokens +
         r->config->sequence_blocks;
}

static gboolean fits_to_its_end(const rank *r, const sequence *s, double kept)
{
  gint64 blocks = final_blocks(r, s);
  for (GList *link = r->running.head; link != NULL; link = link->next)
    blocks += final_blocks(r, link->data);
  return !r->config->reserve_output || (double)blocks <= (double)r->config->kv_blocks - kept;
}

/* Returns whether anybody was admitted. */
static gboolean admit(rank *r, gint64 budget, gboolean chunked, double watermark)
{
  gboolean any = FALSE, padded = r->config->kind == NAIVE_PREFILL_FIRST;
  gint64 n = 0, longest = 0;
  GQueue skipped = G_QUEUE_INIT;
  look_whose_adapters_are_used(r, padded || r->config->kind ==
                                                NAIVE_STATIC); /* these admit before the others run */
  while (budget > 0 && r->waiting.length + r->skipped.length > 0 && r->running.length < r->config->max_seqs) {
    GQueue *queue = naive_next_queue(&r->skipped, &r->waiting, order_of(r), r);
    sequence *s = queue->head->data;
    if (naive_adapters_must_wait(&r->adapters, s->asked.class)) {
      g_queue_push_tail(&skipped, g_queue_pop_head(queue));
      continue;
    }
    gint64 size = r->config->block_tokens, idle = 0, hits = 0;
    if (r->config->prefix_cache)
      hits = naive_pool_find(&r->pool, &s->blocks, known(s) - 1, &idle);
    if (r->config->checkpoint_blocks > 0 && hits % r->config->checkpoint_blocks > 0)
      hits =
          naive_pool_find(&r->pool, &s->blocks, (hits - hits % r->config->checkpoint_blocks) * size, &idle);
    gint64 left = known(s) - hits * size, tokens = at_most(r, left, budget);
    if (r->defers && left > 1)
      break;
    gint64 wanted = r->config->reserve_prompt ? left : tokens;
    double kept = r->running.length > 0 ? floor(watermark * (double)r->config->kv_blocks) : 0;
    n++;
    longest = MAX(longest, left);
    if ((!chunked && tokens < left) || tokens == 0 || !fits_to_its_end(r, s, kept) ||
        (padded && n * longest > r->config->max_batched_tokens) ||
        (double)((wanted + size - 1) / size + idle + r->config->sequence_blocks) >
            (double)r->pool.free.length - kept)
      break;
    g_queue_pop_head(queue);
    g_queue_push_tail(&r->running, s);
    s->running = TRUE;
    double load_s = naive_adapters_load(&r->adapters, s->asked.class);
    naive_pool_touch(&r->pool, &s->blocks, hits);
    s->computed = hits * size;
    if (s->outcome->cached < 0)
      s->outcome->cached = s->computed;
    g_assert_true(allocate(r, s, tokens));
    schedule(r, s, tokens);
    g_array_index(r->plan, entry, r->plan->len - 1).load_s = load_s;
    budget -= tokens;
    any = TRUE;
  }
  naive_put_back(&r->skipped, &skipped, order_of(r), r);
  return any;
}

/* Fills the rank's plan, of the iteration with this number. Returns whether it preempted. */
static gboolean plan(rank *r, gint64 number, double now_s)
{
  gint64 budget = r->config->max_batched_tokens;
  g_array_set_size(r->plan, 0);
  r->defers = r->config->prefill_interval > 1 && number % r->config->prefill_interval != 0 && !r->bound &&
              somebody_decodes(r);
  r->preempted = FALSE;
  switch (r->config->kind) {
  case NAIVE_SARATHI:
    budget = schedule_running(r);
    admit(r, budget, TRUE, 0.01);
    break;
  case NAIVE_TENSORRT_LLM:
  case NAIVE_VLLM:
    budget = schedule_running(r);
    if (budget >= 0)
      admit(r, budget, TRUE, r->config->watermark);
    if (budget >= 0 && !r->defers)
      r->bound = r->waiting.length > 0;
    break;
  case NAIVE_PREFILL_FIRST:
    if (!admit(r, budget, FALSE, 0.01))
      budget = schedule_running(r);
    break;
  case NAIVE_SGLANG: /* has a loop of its own */
    g_assert_not_reached();
  case NAIVE_STATIC:
    if (r->running.length > 0)
      budget = schedule_running(r);
    else
      admit(r, budget, FALSE, 0);
    break;
  }
  for (guint i = 0; i < r->plan->len; i++) {
    entry *e = &g_array_index(r->plan, entry, i);
    e->samples = e->done + e->tokens == known(e->s) + e->s->in_flight;
    e->s->computed += e->tokens;
    e->s->in_flight += e->samples;
    e->s->decodes |= e->samples;
    e->s->scheduled = 0;
    if (isnan(e->s->outcome->first_scheduled_s))
      e->s->outcome->first_scheduled_s = now_s;
  }
  return r->preempted;
}

/* Counts what an iteration computes, token by token, and how long that takes. */
static double measure(const rank *r, const GArray *batch, naive_iteration *it)
{
  const test_costs *costs = &r->config->costs;
  for (guint i = 0; i < batch->len; i++) {
    const entry *e = &g_array_index(batch, entry, i);
    it->sampled += e->samples;
    if (e->decodes) {
      it->decode_seqs++;
      it->decode_context += e->done + 1;
      it->decode_windowed += MIN(e->done + 1, r->config->window);
      continue;
    }
    it->prefill_seqs++;
    for (gint64 t = 1; t <= e->tokens; t++) {
      it->prefill_tokens++;
      it->prefill_context += e->done + t;
    }
  }
  double context = (double)(costs->windowed ? it->decode_windowed : it->decode_context);
  if (batch->len == 0)
    return 0;
  return costs->fixed_s + costs->per_seq_s * (double)it->decode_seqs + costs->per_context_s * context +
         costs->per_prompt_s * (double)it->prefill_tokens;
}

/* How long what an iteration computes waits for adapters. */
static double loads(const GArray *batch)
{
  double sum_s = 0;
  for (guint i = 0; i < batch->len; i++)
    sum_s += g_array_index(batch, entry, i).load_s;
  return sum_s;
}

static void end_iteration(rank *r, const GArray *batch, double now_s)
{
  for (guint i = 0; i < batch->len; i++) {
    const entry *e = &g_array_index(batch, entry, i);
    sequence *s = e->s;
    s->outcome->computed += e->decodes ? 0 : e->tokens;
    if (!e->samples)
      continue;
    s->emitted++;
    s->in_flight--;
    naive_emit(s->outcome, s->emitted, now_s);
    if (s->running && r->config->prefix_cache)
      naive_pool_cache(&r->pool, &s->blocks, s->computed - s->in_flight);
    if (s->emitted == 1)
      s->outcome->first_token_s = now_s;
    if (s->emitted == s->request->reasoning + 1)
      s->outcome->first_answer_s = now_s;
    if (known(s) < last_token(s))
      continue;
    r->inside--;
    s->outcome->completion_s = now_s;
    naive_pool_free(&r->pool, &s->blocks);
    g_queue_remove(s->running ? &r->running : &r->waiting, s);
    g_queue_remove(&r->skipped, s);
    naive_holdings_clear(&s->blocks);
    g_free(s);
  }
}

static void arrive(rank *ranks, int id, const naive_request *request, naive_outcome *outcome)
{
  rank *best = &ranks[0];
  for (int i = 1; i < ranks[0].config->ranks; i++)
    if (ranks[i].inside < best->inside)
      best = &ranks[i];
  best->inside++;
  sequence *s = g_new0(sequence, 1);
  *s = (sequence){.id = id, .request = request, .outcome = outcome};
  s->asked = naive_request_of(ranks[0].config, request, (guint64)id);
  naive_holdings_init(&s->blocks, &s->asked, (guint64)id + 1);
  *outcome = (naive_outcome){(int)(best - ranks), NAN, NAN, NAN, NAN, 0, 0, -1, 0, NAN};
  if (best->config->priorities)
    g_queue_insert_sorted(&best->waiting, s, by_priority, best);
  else
    g_queue_push_tail(&best->waiting, s);
}

/* The requests that are still to come. */
typedef struct arrivals {
  const naive_request *requests;
  naive_outcome *outcomes;
  int n, next;
} arrivals;

static void arrive_until(rank *ranks, arrivals *a, double now_s)
{
  for (; a->next < a->n && a->requests[a->next].arrival_s <= now_s; a->next++)
    arrive(ranks, a->next, &a->requests[a->next], &a->outcomes[a->next]);
}

/* Whether a rank has still to find out that nobody has any work left. */
static gboolean goes_on(const naive_config *config, gint64 number)
{
  return config->finish_sync > 0 && number % config->finish_sync > 0;
}

/* The arrival of somebody who comes to ranks that have stopped: FALSE if nobody does. */
static gboolean wait(rank *ranks, arrivals *a, double *now_s)
{
  if (a->next == a->n)
    return FALSE;
  *now_s = a->requests[a->next].arrival_s;
  arrive_until(ranks, a, *now_s);
  return TRUE;
}

static void run_what_is_planned(rank *r)
{
  g_array_set_size(r->runs, 0);
  g_array_append_vals(r->runs, r->plan->data, r->plan->len);
  g_array_set_size(r->plan, 0);
}

/* Plans for the ranks that do not run anything yet. Returns whether anybody runs, or has only preempted. */
static void fill(rank *ranks, gint64 number, double now_s, gboolean *any, gboolean *preempted)
{
  *any = *preempted = FALSE;
  for (int i = 0; i < ranks[0].config->ranks; i++) {
    if (ranks[i].runs->len == 0) {
      *preempted |= plan(&ranks[i], number, now_s);
      run_what_is_planned(&ranks[i]);
    }
    *any |= ranks[i].runs->len > 0;
  }
}

/* All ranks compute and end an iteration at once. Asynchronously, the next one is planned while it runs; an empty one
 * takes no time, but for dummy batches. */
static void run(rank *ranks, arrivals *a, GArray *iterations)
{
  const naive_config *config = ranks[0].config;
  double now_s = 0;
  for (gint64 number = 0;;) {
    gboolean any, preempted;
    guint first = iterations->len;
    double length_s = 0, loads_s = 0;
    fill(ranks, number, now_s, &any, &preempted);
    if (!any && preempted)
      continue;
    if (!any && !goes_on(config, number)) {
      if (!wait(ranks, a, &now_s))
        return;
      continue;
    }
    for (int i = 0; i < config->ranks; i++) {
      naive_iteration it = {.start_s = now_s};
      length_s = fmax(length_s, any ? measure(&ranks[i], ranks[i].runs, &it) : config->costs.fixed_s);
      loads_s = fmax(loads_s, loads(ranks[i].runs)); /* ranks begin to compute together */
      if (ranks[i].runs->len > 0)
        g_array_append_val(iterations, it);
      if (config->asynchronous && ranks[i].runs->len > 0)
        plan(&ranks[i], number + 1, now_s);
    }
    number++;
    now_s += loads_s + length_s;
    for (guint i = first; i < iterations->len; i++)
      g_array_index(iterations, naive_iteration, i).end_s = now_s;
    arrive_until(ranks, a, now_s);
    for (int i = 0; i < config->ranks; i++) {
      end_iteration(&ranks[i], ranks[i].runs, now_s);
      run_what_is_planned(&ranks[i]);
    }
  }
}

naive_outcome *naive_run(const naive_config *config, const naive_request *requests, int n, GArray *iterations)
{
  if (config->kind == NAIVE_SGLANG)
    return naive_run_sglang(config, requests, n, iterations);
  g_autofree rank *ranks = g_new0(rank, (gsize)config->ranks);
  arrivals a = {requests, g_new0(naive_outcome, (gsize)n), n, 0};
  for (int i = 0; i < config->ranks; i++) {
    ranks[i] = (rank){.config = config,
                      .running = G_QUEUE_INIT,
                      .waiting = G_QUEUE_INIT,
                      .skipped = G_QUEUE_INIT,
                      .adapters = {.config = &config->adapters},
                      .plan = g_array_new(FALSE, FALSE, sizeof(entry)),
                      .runs = g_array_new(FALSE, FALSE, sizeof(entry))};
    naive_pool_init(&ranks[i].pool, config->block_tokens, config->kv_blocks, config->sequence_blocks);
  }
  run(ranks, &a, iterations);
  for (int i = 0; i < config->ranks; i++) {
    g_array_unref(ranks[i].plan);
    g_array_unref(ranks[i].runs);
    naive_pool_clear(&ranks[i].pool);
  }
  return a.outcomes;
}
