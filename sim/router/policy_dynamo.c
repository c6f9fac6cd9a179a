/* NVIDIA Dynamo's KV router. */
#include "sim/router/policy.h"

#include <math.h>

enum { OVERLAP_WEIGHT, TEMPERATURE, KV_EVENTS, TTL, BLOCK_TOKENS };

/* Blocks of the prompts that a rank would have to compute, times the weight, and blocks of the requests that
 * are there, with this one. */
static double cost(const tw_router *router, const tw_request *request, const tw_load *load, gint64 cached)
{
  double block = router->parameters[BLOCK_TOKENS];
  double prefill = (double)(load->prompt_tokens + request->prompt_tokens - cached) / block;
  return router->parameters[OVERLAP_WEIGHT] * prefill +
         ceil((double)(load->context + request->prompt_tokens) / block);
}

/* Draws an engine by softmax over the costs, scaled to lie from 0 to 1 and negative: exp(−cost /
 * temperature). */
static guint draw(tw_router *router, const double *costs, guint n, double least, double most)
{
  double temperature = router->parameters[TEMPERATURE], span = most > least ? most - least : 1, sum = 0;
  for (guint i = 0; i < n; i++)
    sum += exp(-(costs[i] - least) / span / temperature);
  double left = tw_chance_uniform(&router->chance) * sum;
  for (guint i = 0; i + 1 < n; i++)
    if ((left -= exp(-(costs[i] - least) / span / temperature)) < 0)
      return i;
  return n - 1;
}

static tw_choice dynamo(tw_router *router, const tw_router_question *question)
{
  if (question->from >= 0)
    return tw_policy_least(router, question);
  gboolean guess = router->parameters[KV_EVENTS] == 0;
  const gint64 *guessed = guess ? tw_policy_guess(router, question) : NULL;
  guint n = 0, best = 0;
  guint64 equals = 0;
  gsize all = (gsize)router->first_rank[router->n_engines];
  g_autofree double *costs = g_new(double, all);
  g_autofree tw_choice *choices = g_new(tw_choice, all);
  double least = INFINITY, most = -INFINITY;
  for (tw_rank_walk at = {0}; tw_rank_next(router, question, &at); n++) {
    gint64 cached = guess ? guessed[at.engine] : tw_policy_cached(router, question, at.engine, at.rank);
    choices[n] = (tw_choice){at.engine, at.rank, cached};
    costs[n] = cost(router, question->request, &router->seen_ranks[at.all], cached);
    equals = costs[n] < least ? 1 : equals + (costs[n] == least);
    if (costs[n] < least || (costs[n] == least && tw_chance_below(&router->chance, equals) == 0))
      best = n;
    least = fmin(least, costs[n]);
    most = fmax(most, costs[n]);
  }
  return choices[router->parameters[TEMPERATURE] > 0 ? draw(router, costs, n, least, most) : best];
}

static gboolean guesses(const tw_router *router)
{
  return router->parameters[KV_EVENTS] == 0;
}

static double ttl_s(const tw_router *router)
{
  return router->parameters[TTL];
}

const tw_router_policy tw_policy_dynamo_kv = {
    .help = "NVIDIA Dynamo 1.2's KV router (docs, routing concepts; lib/kv-router selector.rs): the engine "
            "and rank "
            "with the least sum of blocks to compute, of this prompt and of those before it, times "
            "overlap-weight, "
            "and of blocks of requests there; equal ones by chance. Later versions call the weight "
            "prefill_load_scale. "
            "Left out: that blocks which requests share count once, "
            "queueing in the "
            "router, cache tiers, and that guesses tell ranks apart",
    .pick = dynamo,
    .looks = TRUE,
    .parameters = {[OVERLAP_WEIGHT] = {"overlap-weight", 1, 0, 1e6, "of blocks to compute"},
                   [TEMPERATURE] = {"temperature", 0, 0, 1e6,
                                    "of a softmax over the costs; 0 takes the least"},
                   [KV_EVENTS] = {"kv-events", 1, 0, 1, "1: engines tell what they hold; 0: it is guessed"},
                   [TTL] = {"ttl", 120, 0, 1e9, "seconds that a guess is believed"},
                   [BLOCK_TOKENS] = {"block-tokens", 16, 1, 1e6, "of a KV block"}},
    .follows = TRUE,
    .guesses = guesses,
    .index_ttl_s = ttl_s};
