#include "sim/router/policy.h"

#include <math.h>

/* A change of load that is seen later. */
typedef struct change {
  double seen_s;
  int engine, rank;
  tw_load by;
} change;

/* The record of a request whose prompt is counted. */
typedef struct sent {
  guint64 id;
  int engine;
  tw_choice choice;
  gboolean prompted;
} sent;

/* Metrics of all engines at an instant. */
typedef struct report {
  double now_s;
  tw_gauges engines[];
} report;

/* ---- Who has least ---- */

static tw_candidates *candidates_of(tw_router *router, int engine)
{
  return router->is_decode[engine] ? &router->decodes : &router->prompts;
}

static double load_of(const tw_router *router, int engine)
{
  const tw_load *load = &router->seen_loads[engine];
  return (double)(router->policy->by_tokens ? load->tokens : load->requests);
}

static void rank_engine(tw_router *router, int engine)
{
  tw_heap_push(&candidates_of(router, engine)->least, &router->by_load[engine], load_of(router, engine),
               (guint64)engine);
}

static void unrank_engine(tw_router *router, int engine)
{
  tw_heap_remove(&candidates_of(router, engine)->least, &router->by_load[engine]);
}

/* Moves an engine to its new place in the heap, after the load that is seen of it has changed. */
static void rerank_engine(tw_router *router, int engine)
{
  if (router->serves[engine])
    tw_heap_update(&candidates_of(router, engine)->least, &router->by_load[engine], load_of(router, engine));
}

/* ---- Life ---- */

static void init_index(tw_router *router)
{
  const tw_router_policy *policy = router->policy;
  if (policy->guesses != NULL && policy->guesses(router))
    router->index = tw_prefix_index_new(
        router->n_engines, policy->index_ttl_s != NULL ? policy->index_ttl_s(router) : INFINITY,
        policy->index_tokens != NULL ? policy->index_tokens(router) : INFINITY);
  if (router->delay_s > 0)
    router->fresh = tw_prefix_index_new(router->first_rank[router->n_engines], router->delay_s, INFINITY);
  if (policy->follows || router->fresh != NULL)
    router->sent = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, g_free);
}

void tw_router_init(tw_router *router, const tw_router_config *config)
{
  gsize n = (gsize)config->n_engines;
  *router = (tw_router){.policy = config->policy,
                        .n_engines = config->n_engines,
                        .first_rank = g_new0(int, n + 1),
                        .loads = g_new0(tw_load, n),
                        .serves = g_new(gboolean, n),
                        .is_decode = g_new0(gboolean, n),
                        .by_load = g_new0(tw_heap_node, n),
                        .prompts = {.engines = g_new(int, n), .all = g_new(int, n)},
                        .decodes = {.engines = g_new(int, n), .all = g_new(int, n)},
                        .chance = tw_chance_new(config->seed, "router"),
                        .prefix_weight = config->prefix_weight,
                        .delay_s = config->delay_s,
                        .guesses = g_new0(gint64, n),
                        .cold = g_new0(guint64, n)};
  g_autofree char *wrong = tw_router_read_parameters(config->policy, config->parameters, router->parameters);
  g_assert(wrong == NULL);
  for (int i = 0; i < config->n_engines; i++) {
    router->is_decode[i] = config->decodes != NULL && config->decodes[i];
    router->by_load[i].place = TW_HEAP_OUT;
    tw_candidates *candidates = candidates_of(router, i);
    candidates->engines[candidates->n++] = i;
    candidates->all[candidates->n_all++] = i;
    router->serves[i] = TRUE;
    router->first_rank[i + 1] = router->first_rank[i] + (config->ranks != NULL ? config->ranks[i] : 1);
  }
  gsize all = (gsize)router->first_rank[n];
  router->ranks = g_new0(tw_load, all);
  router->bound = g_new0(gint64, all);
  router->seen_loads = router->delay_s > 0 ? g_new0(tw_load, n) : router->loads;
  router->seen_ranks = router->delay_s > 0 ? g_new0(tw_load, all) : router->ranks;
  for (int i = 0; i < config->n_engines; i++)
    rank_engine(router, i);
  init_index(router);
}

void tw_router_clear(tw_router *router)
{
  if (router->seen_loads != router->loads) {
    g_free(router->seen_loads);
    g_free(router->seen_ranks);
  }
  g_clear_pointer(&router->first_rank, g_free);
  g_clear_pointer(&router->loads, g_free);
  g_clear_pointer(&router->ranks, g_free);
  g_clear_pointer(&router->serves, g_free);
  g_clear_pointer(&router->is_decode, g_free);
  g_clear_pointer(&router->by_load, g_free);
  tw_heap_clear(&router->prompts.least);
  tw_heap_clear(&router->decodes.least);
  g_clear_pointer(&router->guesses, g_free);
  g_clear_pointer(&router->cold, g_free);
  g_clear_pointer(&router->bound, g_free);
  g_clear_pointer(&router->prompts.engines, g_free);
  g_clear_pointer(&router->prompts.all, g_free);
  g_clear_pointer(&router->decodes.engines, g_free);
  g_clear_pointer(&router->decodes.all, g_free);
  g_clear_pointer(&router->sent, g_hash_table_unref);
  g_clear_pointer(&router->index, tw_prefix_index_free);
  g_clear_pointer(&router->fresh, tw_prefix_index_free);
  g_queue_clear_full(&router->news, g_free);
  g_queue_clear_full(&router->reports, g_free);
}

/* ---- Who serves ---- */

/* The place of an engine among those that serve, or where it would be. */
static int place_of(const tw_candidates *candidates, int engine)
{
  int place = 0;
  while (place < candidates->n && candidates->engines[place] < engine)
    place++;
  return place;
}

void tw_router_set_serves(tw_router *router, int engine, gboolean serves)
{
  if (router->serves[engine] == serves)
    return;
  tw_candidates *candidates = candidates_of(router, engine);
  int place = place_of(candidates, engine), *at = &candidates->engines[place];
  gsize behind = (gsize)(candidates->n - place);
  router->serves[engine] = serves;
  if (serves) {
    memmove(at + 1, at, behind * sizeof *at);
    *at = engine;
    candidates->n++;
    candidates->next += place < candidates->next;
    rank_engine(router, engine);
  } else {
    memmove(at, at + 1, (behind - 1) * sizeof *at);
    candidates->n--;
    candidates->next -= place < candidates->next;
    if (candidates->next >= candidates->n)
      candidates->next = 0;
    unrank_engine(router, engine);
  }
}

gboolean tw_router_ready(const tw_router *router)
{
  return router->prompts.n > 0 && (router->decodes.n_all == 0 || router->decodes.n > 0);
}

/* ---- Loads ---- */

static void add_load(tw_load *load, const tw_load *by)
{
  load->requests += by->requests;
  load->tokens += by->tokens;
  load->prompts += by->prompts;
  load->prompt_tokens += by->prompt_tokens;
  load->prompt_pairs += by->prompt_pairs;
  load->context += by->context;
}

static void apply(tw_router *router, tw_load *loads, tw_load *ranks, int engine, int rank, const tw_load *by)
{
  add_load(&loads[engine], by);
  if (rank >= 0)
    add_load(&ranks[router->first_rank[engine] + rank], by);
}

static void change_load(tw_router *router, int engine, int rank, const tw_load *by, double now_s)
{
  apply(router, router->loads, router->ranks, engine, rank, by);
  if (router->delay_s <= 0) {
    rerank_engine(router, engine);
    return;
  }
  change *c = g_new(change, 1);
  *c = (change){now_s + router->delay_s, engine, rank, *by};
  g_queue_push_tail(&router->news, c);
}

/* Brings what is seen up to date. */
static void see(tw_router *router, double now_s)
{
  for (change *c; (c = g_queue_peek_head(&router->news)) != NULL && c->seen_s <= now_s;) {
    apply(router, router->seen_loads, router->seen_ranks, c->engine, c->rank, &c->by);
    rerank_engine(router, c->engine);
    g_free(g_queue_pop_head(&router->news));
  }
}

static gint64 tokens_of(const tw_request *request)
{
  return (gint64)request->prompt_tokens + tw_request_output_tokens(request);
}

/* The load that a prompt adds until it is complete. */
static tw_load prompt_load(const tw_request *request, gint64 cached, int sign)
{
  gint64 tokens = request->prompt_tokens - cached;
  return (tw_load){.prompts = sign,
                   .prompt_tokens = sign * tokens,
                   .prompt_pairs = sign * tokens * (request->prompt_tokens + cached)};
}

/* From here on for `delay_s`, its ranks' new blocks are not seen; those of the first `skip` tokens are not
 * new. */
static void hide(tw_router *router, const sent *s, const tw_request *request, gint64 skip, double now_s)
{
  if (router->fresh == NULL || request->n_hashes == 0)
    return;
  int first = router->first_rank[s->engine], end = router->first_rank[s->engine + 1];
  for (int rank = first; rank < end; rank++)
    if (s->choice.rank < 0 || first + s->choice.rank == rank)
      tw_prefix_index_add(router->fresh, request, rank, skip, now_s);
}

static tw_choice assign(tw_router *router, const tw_router_question *question)
{
  const tw_request *request = question->request;
  see(router, question->now_s);
  if (router->bounds != NULL && question->from < 0) {
    memset(router->bound, 0, (gsize)router->first_rank[router->n_engines] * sizeof *router->bound);
    router->bounds(router->user, request, router->bound);
  }
  tw_choice choice = router->policy->pick(router, question);
  g_assert(choice.rank < 0 || router->sent != NULL);
  tw_load by = {.requests = 1, .tokens = tokens_of(request), .context = request->prompt_tokens};
  change_load(router, choice.engine, choice.rank, &by, question->now_s);
  if (router->index != NULL && question->from < 0)
    tw_prefix_index_add(router->index, request, choice.engine, 0, question->now_s);
  if (router->sent == NULL || question->from >= 0)
    return choice;
  sent *s = g_new(sent, 1);
  *s = (sent){request->id, choice.engine, choice, FALSE};
  g_hash_table_insert(router->sent, &s->id, s);
  tw_load prompt = prompt_load(request, choice.cached_tokens, 1);
  change_load(router, choice.engine, choice.rank, &prompt, question->now_s);
  hide(router, s, request, choice.cached_tokens, question->now_s);
  return choice;
}

tw_choice tw_router_assign(tw_router *router, const tw_request *request, double now_s)
{
  return assign(router, &(tw_router_question){&router->prompts, request, -1, now_s});
}

int tw_router_assign_decode(tw_router *router, const tw_request *request, int from, double now_s)
{
  return assign(router, &(tw_router_question){&router->decodes, request, from, now_s}).engine;
}

static sent *find_sent(const tw_router *router, int engine, const tw_request *request)
{
  sent *s = router->sent != NULL ? g_hash_table_lookup(router->sent, &request->id) : NULL;
  return s != NULL && s->engine == engine ? s : NULL;
}

void tw_router_prompted(tw_router *router, int engine, const tw_request *request, double now_s)
{
  sent *s = find_sent(router, engine, request);
  if (s == NULL || s->prompted)
    return;
  s->prompted = TRUE;
  tw_load by = prompt_load(request, s->choice.cached_tokens, -1);
  change_load(router, engine, s->choice.rank, &by, now_s);
  hide(router, s, request, s->choice.cached_tokens, now_s);
}

void tw_router_release(tw_router *router, int engine, const tw_request *request, double now_s)
{
  sent *s = find_sent(router, engine, request);
  tw_load by = {.requests = -1, .tokens = -tokens_of(request), .context = -(gint64)request->prompt_tokens};
  if (s != NULL && !s->prompted) {
    tw_load prompt = prompt_load(request, s->choice.cached_tokens, -1);
    add_load(&by, &prompt);
  }
  change_load(router, engine, s != NULL ? s->choice.rank : -1, &by, now_s);
  if (s == NULL)
    return;
  if (s->prompted)
    hide(router, s, request, request->prompt_tokens, now_s);
  g_hash_table_remove(router->sent, &request->id);
}

/* ---- What policies know ---- */

tw_choice tw_policy_engine(int engine)
{
  return (tw_choice){engine, -1, 0};
}

gint64 tw_policy_cached(const tw_router *router, const tw_router_question *question, int engine, int rank)
{
  int all = router->first_rank[engine] + rank;
  if (router->cached_tokens == NULL || question->from >= 0 || tw_policy_bound(router, question, all) == 0)
    return 0;
  gint64 tokens = router->cached_tokens(router->user, engine, rank, question->request, question->now_s);
  if (router->fresh == NULL || tokens == 0)
    return tokens;
  return MIN(tokens, tw_prefix_index_first(router->fresh, question->request, all, 0, question->now_s));
}

const gint64 *tw_policy_guess(tw_router *router, const tw_router_question *question)
{
  tw_prefix_index_match(router->index, question->request, G_MAXINT64, question->now_s, router->guesses);
  return router->guesses;
}

const tw_gauges *tw_policy_metrics(tw_router *router, const tw_router_question *question)
{
  report *now = g_malloc0(sizeof *now + (gsize)router->n_engines * sizeof *now->engines);
  now->now_s = question->now_s;
  for (int i = 0; router->metrics != NULL && i < router->n_engines; i++)
    now->engines[i] = router->metrics(router->user, i, question->now_s);
  g_queue_push_tail(&router->reports, now);
  /* The last one that is old enough; as the run begins, the first of all. */
  while (router->reports.length > 1) {
    const report *second = router->reports.head->next->data;
    if (second->now_s + router->delay_s > question->now_s)
      break;
    g_free(g_queue_pop_head(&router->reports));
  }
  return ((const report *)router->reports.head->data)->engines;
}
