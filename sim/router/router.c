#include "sim/router/router.h"

#include <math.h>

enum { NEAR_PERCENT = 10, NEAR_REQUESTS = 1 }; /* how much more load a nearer engine may have */
enum { LONGEST = 1000000000 };                 /* a token to compute weighs more than any load */

/* An engine that was chosen without a look into it. */
static tw_choice to_engine(int engine)
{
  return (tw_choice){engine, -1, 0};
}

static tw_choice round_robin(tw_router *router, tw_candidates *candidates, const tw_request *request,
                             int from)
{
  (void)router, (void)request, (void)from;
  int pick = candidates->next;
  candidates->next = pick + 1 == candidates->n ? 0 : pick + 1;
  return to_engine(candidates->engines[pick]);
}

static tw_choice uniform(tw_router *router, tw_candidates *candidates, const tw_request *request, int from)
{
  (void)request, (void)from;
  return to_engine(candidates->engines[tw_chance_below(&router->chance, (guint64)candidates->n)]);
}

static tw_choice least_requests(tw_router *router, tw_candidates *candidates, const tw_request *request,
                                int from)
{
  (void)request, (void)from;
  int best = candidates->engines[0];
  for (int i = 1; i < candidates->n; i++)
    if (router->loads[candidates->engines[i]].requests < router->loads[best].requests)
      best = candidates->engines[i];
  return to_engine(best);
}

static tw_choice least_tokens(tw_router *router, tw_candidates *candidates, const tw_request *request,
                              int from)
{
  (void)request, (void)from;
  int best = candidates->engines[0];
  for (int i = 1; i < candidates->n; i++)
    if (router->loads[candidates->engines[i]].tokens < router->loads[best].tokens)
      best = candidates->engines[i];
  return to_engine(best);
}

/* Two different engines by chance; the one with fewer requests (Mitzenmacher, IEEE TPDS 12(10), 2001). */
static tw_choice two_choices(tw_router *router, tw_candidates *candidates, const tw_request *request,
                             int from)
{
  (void)request, (void)from;
  guint64 n = (guint64)candidates->n, a = tw_chance_below(&router->chance, n);
  if (n == 1)
    return to_engine(candidates->engines[a]);
  guint64 b = tw_chance_below(&router->chance, n - 1);
  if (b >= a)
    b++;
  int first = candidates->engines[MIN(a, b)], second = candidates->engines[MAX(a, b)];
  return to_engine(router->loads[second].requests < router->loads[first].requests ? second : first);
}

/* Prompts go where the fewest requests are. Of the engines that decode with about as few, the one to which
 * the KV cache gets fastest. */
static tw_choice near_kv(tw_router *router, tw_candidates *candidates, const tw_request *request, int from)
{
  int best = least_requests(router, candidates, request, from).engine;
  if (from < 0)
    return to_engine(best);
  gint64 least = router->loads[best].requests, most = least + least * NEAR_PERCENT / 100 + NEAR_REQUESTS;
  double shortest_s = router->transfer_s(router->user, from, best, request->prompt_tokens);
  for (int i = 0; i < candidates->n; i++) {
    int engine = candidates->engines[i];
    if (router->loads[engine].requests > most)
      continue;
    double transfer_s = router->transfer_s(router->user, from, engine, request->prompt_tokens);
    if (transfer_s < shortest_s) {
      best = engine;
      shortest_s = transfer_s;
    }
  }
  return to_engine(best);
}

/* One engine for all requests of a session, whatever its load: where its prefix is, if anywhere. While that
 * engine does not serve, the next one that does stands in for it. */
static tw_choice session(tw_router *router, tw_candidates *candidates, const tw_request *request, int from)
{
  if (request->session == NULL)
    return least_requests(router, candidates, request, from);
  guint64 mixed = g_str_hash(request->session) * G_GUINT64_CONSTANT(0x9e3779b97f4a7c15);
  int home = (int)((mixed >> 32) % (guint64)candidates->n_all);
  while (!router->serves[candidates->all[home]])
    home = home + 1 == candidates->n_all ? 0 : home + 1;
  return to_engine(candidates->all[home]);
}

/* Engines that only decode have no prompts to save. */
static tw_choice look(const tw_router *router, int engine, const tw_request *request, int from)
{
  return router->look != NULL && from < 0 ? router->look(router->user, engine, request) : to_engine(engine);
}

/* The longest prefix, and the fewest requests where several are as long. */
static tw_choice longest_prefix(tw_router *router, tw_candidates *candidates, const tw_request *request,
                                int from)
{
  tw_choice best = {.engine = -1, .cached_tokens = -1};
  for (int i = 0; i < candidates->n; i++) {
    tw_choice choice = look(router, candidates->engines[i], request, from);
    if (choice.cached_tokens > best.cached_tokens ||
        (choice.cached_tokens == best.cached_tokens &&
         router->loads[choice.engine].requests < router->loads[best.engine].requests))
      best = choice;
  }
  return best;
}

/* Minimises weight · prompt to compute + load, as NVIDIA Dynamo's KV router does (its
 * docs/architecture/kv_cache_routing.md). The load here is the tokens of the requests that have not ended. */
static tw_choice prefix_and_load(tw_router *router, tw_candidates *candidates, const tw_request *request,
                                 int from)
{
  tw_choice best = {.engine = -1};
  double least = INFINITY;
  for (int i = 0; i < candidates->n; i++) {
    int engine = candidates->engines[i];
    double load = (double)router->loads[engine].tokens;
    if (router->prefix_weight + load >= least) /* one token at least is computed */
      continue;
    tw_choice choice = look(router, engine, request, from);
    double cost = router->prefix_weight * (double)(request->prompt_tokens - choice.cached_tokens) + load;
    if (cost < least) {
      best = choice;
      least = cost;
    }
  }
  return best;
}

#define POLICIES(X)                                                                                          \
  X("round-robin", "each engine in turn", round_robin, 0)                                                    \
  X("random", "any engine with equal chance", uniform, 0)                                                    \
  X("least-outstanding", "the engine with the fewest requests that have not ended", least_requests, 0)       \
  X("least-tokens", "the engine with the fewest prompt and output tokens of such requests", least_tokens, 0) \
  X("two-choices", "of two engines drawn by chance, the one with fewer such requests", two_choices, 0)       \
  X("kv-transfer-aware",                                                                                     \
    "as least-outstanding; of the engines that decode with about as few, the nearest to the prompt's KV",    \
    near_kv, 0)                                                                                              \
  X("session-affinity", "the same engine for all requests of a session; as least-outstanding without one",   \
    session, LONGEST)                                                                                        \
  X("longest-prefix", "the engine that has the longest prefix of the prompt, in its cache or hosts",         \
    longest_prefix, LONGEST)                                                                                 \
  X("prefix-and-load",                                                                                       \
    "the least sum of prompt tokens to compute, times prefix-weight, and the tokens of such requests",       \
    prefix_and_load, 1)

const tw_router_policy tw_router_policies[] = {
#define X(...) {__VA_ARGS__},
    POLICIES(X)
#undef X
};
const char *const tw_router_policy_names[] = {
#define X(name, ...) name,
    POLICIES(X)
#undef X
        NULL};

void tw_router_init(tw_router *router, const tw_router_policy *policy, const gboolean *decodes, int n_engines,
                    guint64 seed)
{
  gsize n = (gsize)n_engines;
  *router = (tw_router){.policy = policy,
                        .loads = g_new0(tw_load, n),
                        .serves = g_new(gboolean, n),
                        .prompts = {.engines = g_new(int, n), .all = g_new(int, n)},
                        .decodes = {.engines = g_new(int, n), .all = g_new(int, n)},
                        .chance = tw_chance_new(seed, "router"),
                        .prefix_weight = 1};
  for (int i = 0; i < n_engines; i++) {
    tw_candidates *candidates = decodes != NULL && decodes[i] ? &router->decodes : &router->prompts;
    candidates->engines[candidates->n++] = i;
    candidates->all[candidates->n_all++] = i;
    router->serves[i] = TRUE;
  }
}

/* The place of an engine among those that serve, or where it would be. */
static int place_of(const tw_candidates *candidates, int engine)
{
  int place = 0;
  while (place < candidates->n && candidates->engines[place] < engine)
    place++;
  return place;
}

static tw_candidates *candidates_of(tw_router *router, int engine)
{
  for (int i = 0; i < router->decodes.n_all; i++)
    if (router->decodes.all[i] == engine)
      return &router->decodes;
  return &router->prompts;
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
  } else {
    memmove(at, at + 1, (behind - 1) * sizeof *at);
    candidates->n--;
    candidates->next -= place < candidates->next;
    if (candidates->next >= candidates->n)
      candidates->next = 0;
  }
}

gboolean tw_router_ready(const tw_router *router)
{
  return router->prompts.n > 0 && (router->decodes.n_all == 0 || router->decodes.n > 0);
}

void tw_router_clear(tw_router *router)
{
  g_clear_pointer(&router->loads, g_free);
  g_clear_pointer(&router->serves, g_free);
  g_clear_pointer(&router->prompts.engines, g_free);
  g_clear_pointer(&router->prompts.all, g_free);
  g_clear_pointer(&router->decodes.engines, g_free);
  g_clear_pointer(&router->decodes.all, g_free);
}

static gint64 tokens_of(const tw_request *request)
{
  return (gint64)request->prompt_tokens + tw_request_output_tokens(request);
}

static tw_choice assign(tw_router *router, tw_candidates *candidates, const tw_request *request, int from)
{
  tw_choice choice = router->policy->pick(router, candidates, request, from);
  router->loads[choice.engine].requests++;
  router->loads[choice.engine].tokens += tokens_of(request);
  return choice;
}

tw_choice tw_router_assign(tw_router *router, const tw_request *request)
{
  return assign(router, &router->prompts, request, -1);
}

int tw_router_assign_decode(tw_router *router, const tw_request *request, int from)
{
  return assign(router, &router->decodes, request, from).engine;
}

void tw_router_release(tw_router *router, int engine, const tw_request *request)
{
  router->loads[engine].requests--;
  router->loads[engine].tokens -= tokens_of(request);
}
