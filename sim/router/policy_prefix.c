/* Policies that look into prefix caches, and choose ranks. */
#include "sim/router/policy.h"

#include <math.h>

/* The longest prefix; the fewest requests where several are as long, of the engine first and then of the
 * rank. */
static tw_choice longest_prefix(tw_router *router, const tw_router_question *question)
{
  tw_choice best = {.engine = -1, .cached_tokens = -1};
  const tw_load *engine = NULL, *rank = NULL;
  for (tw_rank_walk at = {0}; tw_rank_next(router, question, &at);) {
    gint64 tokens = tw_policy_cached(router, question, at.engine, at.rank);
    const tw_load *of_engine = &router->seen_loads[at.engine], *of_rank = &router->seen_ranks[at.all];
    if (tokens < best.cached_tokens)
      continue;
    if (tokens == best.cached_tokens &&
        (of_engine->requests > engine->requests ||
         (of_engine->requests == engine->requests && of_rank->requests >= rank->requests)))
      continue;
    best = (tw_choice){at.engine, at.rank, tokens};
    engine = of_engine;
    rank = of_rank;
  }
  return best;
}

const tw_router_policy tw_policy_longest_prefix = {
    .help = "the engine and rank that hold the longest prefix of the prompt, in their cache or hosts",
    .pick = longest_prefix,
    .follows = TRUE};

/* What a request costs at a rank, in seconds by straight lines through the engine's own step times
 * (tw_rates):
 *
 *     own    = prompt_s · t + pair_s · t · (cached + t/2)       to compute t = prompt − cached tokens
 *     ahead  = the same, of the prompts that wait or are computed there
 *     passes = ceil((t of own and ahead) / budget), at least 1
 *     TTFT   = ahead + own + passes · (iteration_s + m · sequence_s)
 *     others = n · (own + output · (sequence_s + context_s · (prompt + output / 2)))
 *
 * where m requests decode at the rank and n in the engine: its prompt holds each of them up for `own`, and
 * each of its output tokens makes an iteration longer that all of them wait for. The sum is what the request
 * adds to the waiting of all, its own included; the smallest wins, the first of several. It knows the length
 * of the output, as least-tokens does, and takes what hosts hold for cached. */
static double prompt_s(const tw_rates *rates, double tokens, double pairs2)
{
  return rates->prompt_s * tokens + rates->pair_s * pairs2 / 2;
}

static double cost_s(const tw_router *router, const tw_request *request, const tw_rank_walk *at,
                     gint64 cached)
{
  static const tw_rates none = {.budget_tokens = INFINITY};
  const tw_rates *rates = router->rates != NULL ? &router->rates[at->engine] : &none;
  const tw_load *engine = &router->seen_loads[at->engine], *rank = &router->seen_ranks[at->all];
  double prompt = request->prompt_tokens, output = tw_request_output_tokens(request);
  double tokens = prompt - (double)cached, decodes = (double)(engine->requests - engine->prompts);
  double beside = (double)(rank->requests - rank->prompts);
  double own_s = router->prefix_weight * prompt_s(rates, tokens, tokens * (prompt + (double)cached));
  double ahead_s = prompt_s(rates, (double)rank->prompt_tokens, (double)rank->prompt_pairs);
  double passes = fmax(1, ceil((tokens + (double)rank->prompt_tokens) / rates->budget_tokens));
  double ttft_s = ahead_s + own_s + passes * (rates->iteration_s + beside * rates->sequence_s);
  double token_s = rates->sequence_s + rates->context_s * (prompt + output / 2);
  return ttft_s + decodes * (own_s + output * token_s);
}

static tw_choice prefix_and_load(tw_router *router, const tw_router_question *question)
{
  tw_choice best = {.engine = -1};
  double least_s = INFINITY;
  for (tw_rank_walk at = {0}; tw_rank_next(router, question, &at);) {
    /* One token at least is computed. */
    if (cost_s(router, question->request, &at, question->request->prompt_tokens - 1) >= least_s)
      continue;
    gint64 cached = tw_policy_cached(router, question, at.engine, at.rank);
    double here_s = cost_s(router, question->request, &at, cached);
    if (here_s >= least_s)
      continue;
    best = (tw_choice){at.engine, at.rank, cached};
    least_s = here_s;
  }
  return best;
}

const tw_router_policy tw_policy_prefix_and_load = {
    .help = "the engine and rank where the request adds least to the waiting of all: its time to first token "
            "there, "
            "and what it costs those that decode there, in seconds of that engine's step times",
    .pick = prefix_and_load,
    .follows = TRUE};
