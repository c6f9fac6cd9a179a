/* SGLang's cache-aware router. */
#include "sim/router/policy.h"

enum { CACHE_THRESHOLD, BALANCE_ABS, BALANCE_REL, TREE_TOKENS };

/* The engine that was sent the least that is remembered. */
static int smallest(const tw_router *router, const tw_candidates *candidates)
{
  int best = candidates->engines[0];
  for (int i = 1; i < candidates->n; i++)
    if (tw_prefix_index_tokens(router->index, candidates->engines[i]) <
        tw_prefix_index_tokens(router->index, best))
      best = candidates->engines[i];
  return best;
}

static tw_choice cache_aware(tw_router *router, const tw_router_question *question)
{
  const tw_candidates *candidates = question->candidates;
  tw_choice least = tw_policy_least(router, question);
  if (question->from >= 0)
    return least;
  gint64 fewest = router->seen_loads[least.engine].requests, most = fewest;
  for (int i = 0; i < candidates->n; i++)
    most = MAX(most, router->seen_loads[candidates->engines[i]].requests);
  const gint64 *guessed = tw_policy_guess(router, question);
  if ((double)(most - fewest) > router->parameters[BALANCE_ABS] &&
      (double)most > router->parameters[BALANCE_REL] * (double)fewest)
    return (tw_choice){least.engine, -1, guessed[least.engine]};
  int best = candidates->engines[0];
  for (int i = 1; i < candidates->n; i++)
    if (guessed[candidates->engines[i]] > guessed[best])
      best = candidates->engines[i];
  if ((double)guessed[best] <= router->parameters[CACHE_THRESHOLD] * question->request->prompt_tokens)
    best = smallest(router, candidates);
  return (tw_choice){best, -1, guessed[best]};
}

static gboolean guesses(const tw_router *router)
{
  (void)router;
  return TRUE;
}

static double index_tokens(const tw_router *router)
{
  return router->parameters[TREE_TOKENS];
}

const tw_router_policy tw_policy_sglang_cache_aware = {
    .help = "SGLang router's cache_aware policy (commit 026f853, sgl-router/src/policies/cache_aware.rs; the "
            "defaults are its command line's): the fewest "
            "requests if "
            "loads differ by more than balance-abs and by more than balance-rel times; else the engine that "
            "was sent "
            "the longest prefix, if that is more than cache-threshold of the prompt, else the one that was "
            "sent the "
            "least. Left out: characters instead of tokens, that the tree is cut every two minutes only, and "
            "which "
            "of several equal prefixes it takes",
    .pick = cache_aware,
    .parameters = {[CACHE_THRESHOLD] = {"cache-threshold", 0.3, 0, 1, "share of the prompt"},
                   [BALANCE_ABS] = {"balance-abs", 64, 0, 1e9, "requests"},
                   [BALANCE_REL] = {"balance-rel", 1.5, 1, 1e9, "times"},
                   [TREE_TOKENS] = {"tree-tokens", 16777216, 0, 1e12,
                                    "that are remembered of an engine: 67,108,864 characters"}},
    .guesses = guesses,
    .index_tokens = index_tokens};
