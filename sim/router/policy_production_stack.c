/* The routers of the vLLM production stack that look at prefixes. */
#include "sim/router/policy.h"

/* One of the engines that were sent the longest prefix, by chance; of all, if none was. */
static tw_choice prefix_aware(tw_router *router, const tw_router_question *question)
{
  const tw_candidates *candidates = question->candidates;
  if (question->from >= 0)
    return tw_policy_least(router, question);
  const gint64 *guessed = tw_policy_guess(router, question);
  gint64 longest = 0, equals = 0;
  for (int i = 0; i < candidates->n; i++)
    longest = MAX(longest, guessed[candidates->engines[i]]);
  for (int i = 0; i < candidates->n; i++)
    equals += guessed[candidates->engines[i]] == longest;
  guint64 left = tw_chance_below(&router->chance, (guint64)equals);
  for (int i = 0;; i++)
    if (guessed[candidates->engines[i]] == longest && left-- == 0)
      return (tw_choice){candidates->engines[i], -1, longest};
}

enum { STACK_INDEX_TOKENS };

static gboolean guesses(const tw_router *router)
{
  (void)router;
  return TRUE;
}

static double index_tokens(const tw_router *router)
{
  return router->parameters[STACK_INDEX_TOKENS];
}

const tw_router_policy tw_policy_production_stack_prefix = {
    .help = "The vLLM production stack's (commit 008a23b) prefixaware router "
            "(vllm_router/routers/routing_logic.py): by "
            "chance one "
            "of the engines that were sent the longest prefix, whatever their load. Left out: pieces of 128 "
            "characters. It forgets nothing; here what was used last is kept, to bound memory",
    .pick = prefix_aware,
    .parameters = {[STACK_INDEX_TOKENS] = {"index-tokens", 100e6, 0, 1e12,
                                           "that are remembered of an engine"}},
    .guesses = guesses,
    .index_tokens = index_tokens};

enum { THRESHOLD };

/* The engine that holds the longest prefix, if no more than the threshold is left; else as by the session. */
static tw_choice kv_aware(tw_router *router, const tw_router_question *question)
{
  extern const tw_router_policy tw_policy_session_affinity;
  tw_choice best = {.engine = -1, .rank = -1};
  if (question->from >= 0)
    return tw_policy_least(router, question);
  for (tw_rank_walk at = {0}; tw_rank_next(router, question, &at);) {
    if (tw_policy_bound(router, question, at.all) <= best.cached_tokens)
      continue;
    gint64 cached = tw_policy_cached(router, question, at.engine, at.rank);
    if (cached > best.cached_tokens)
      best = (tw_choice){at.engine, -1, cached};
  }
  double left = (double)(question->request->prompt_tokens - best.cached_tokens);
  return best.engine >= 0 && left <= router->parameters[THRESHOLD]
             ? best
             : tw_policy_session_affinity.pick(router, question);
}

const tw_router_policy tw_policy_production_stack_kv = {
    .help = "The vLLM production stack's (commit 008a23b) kvaware router "
            "(vllm_router/routers/routing_logic.py): the engine "
            "that "
            "holds the longest prefix, if at most threshold tokens are left to compute, else as "
            "session-affinity. "
            "Left out: which of several equal prefixes it takes, and that the sizes of caches are LMCache's",
    .pick = kv_aware,
    .looks = TRUE,
    .parameters = {[THRESHOLD] = {"threshold", 2000, 0, 1e9, "tokens"}},
    .rank_weight = 1e9};
