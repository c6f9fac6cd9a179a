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
    const tw_load *of_engine = &router->seen_loads[at.engine], *of_rank = &router->seen_ranks[at.all];
    gboolean busier =
        engine != NULL && (of_engine->requests > engine->requests ||
                           (of_engine->requests == engine->requests && of_rank->requests >= rank->requests));
    gint64 tokens = tw_policy_bound(router, question, at.all);
    if (tokens < best.cached_tokens || (tokens == best.cached_tokens && busier))
      continue;
    tokens = tw_policy_cached(router, question, at.engine, at.rank);
    if (tokens < best.cached_tokens || (tokens == best.cached_tokens && busier))
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
    .looks = TRUE,
    .follows = TRUE};

/* The cost of a request at a rank, in seconds by straight lines through the engine's own step times
 * (tw_rates):
 *
 *     own    = prompt_s · t + pair_s · t · (cached + t/2)       to compute t = prompt − cached tokens
 *     ahead  = the same, of the prompts that wait or are computed there
 *     passes = ceil((t of own and ahead) / budget), at least 1
 *     T      = sequence_s · requests + context_s · their prompts' tokens: what decoding takes in an iteration
 *     room   = (share of its seats, or of its KV cache, that is lacking) · (iteration_s + T) · mean output
 *     TTFT   = room + ahead + own + passes · (iteration_s + T)
 *     token  = sequence_s + context_s · (prompt + output / 2): what each output token adds to T
 *     others = n · (own + output · max(T + token − T of the slowest rank, 0))
 *
 * where n requests decode in the engine: its prompt holds each of them up for `own`, as ranks step together,
 * and its output tokens make iterations longer where its rank is the slowest. The sum is what the request
 * adds to the waiting of all, its own included; the smallest wins, the first of several. It knows the length
 * of outputs, as least-tokens does, takes what hosts hold for cached, and leaves out what its blocks evict.
 */
static double prompt_s(const tw_rates *rates, double tokens, double pairs2)
{
  return rates->prompt_s * tokens + rates->pair_s * pairs2 / 2;
}

static double decode_s(const tw_rates *rates, const tw_load *rank)
{
  return rates->sequence_s * (double)rank->requests + rates->context_s * (double)rank->context;
}

/* The view of an engine that is the same for all of its ranks. */
typedef struct engine_view {
  const tw_rates *rates;
  double decodes, slowest_s;
} engine_view;

static engine_view view_engine(const tw_router *router, int engine)
{
  static const tw_rates none = {.budget_tokens = INFINITY, .seats = INFINITY, .kv_tokens = INFINITY};
  const tw_load *load = &router->seen_loads[engine];
  engine_view view = {router->rates != NULL ? &router->rates[engine] : &none,
                      (double)(load->requests - load->prompts), 0};
  for (int rank = router->first_rank[engine]; rank < router->first_rank[engine + 1]; rank++)
    view.slowest_s = fmax(view.slowest_s, decode_s(view.rates, &router->seen_ranks[rank]));
  return view;
}

/* Until there is room for one more: as many must end as are too many, and each that is there stays for its
 * output. */
static double room_s(const tw_rates *rates, const tw_load *rank, double tokens)
{
  double seats = ((double)rank->requests + 1 - rates->seats) / rates->seats;
  double kv = ((double)rank->tokens + tokens - rates->kv_tokens) / rates->kv_tokens;
  if (rank->requests == 0 || fmax(seats, kv) <= 0)
    return 0;
  double output = (double)(rank->tokens - rank->context) / (double)rank->requests;
  return fmax(seats, kv) * output * (rates->iteration_s + decode_s(rates, rank));
}

static double cost_s(const tw_router *router, const tw_request *request, const tw_rank_walk *at,
                     const engine_view *view, gint64 cached)
{
  const tw_rates *rates = view->rates;
  const tw_load *rank = &router->seen_ranks[at->all];
  double prompt = request->prompt_tokens, output = tw_request_output_tokens(request);
  double tokens = prompt - (double)cached, rank_s = decode_s(rates, rank);
  double own_s = router->prefix_weight * prompt_s(rates, tokens, tokens * (prompt + (double)cached));
  double ahead_s = prompt_s(rates, (double)rank->prompt_tokens, (double)rank->prompt_pairs);
  double passes = fmax(1, ceil((tokens + (double)rank->prompt_tokens) / rates->budget_tokens));
  double ttft_s =
      room_s(rates, rank, prompt + output) + ahead_s + own_s + passes * (rates->iteration_s + rank_s);
  double token_s = rates->sequence_s + rates->context_s * (prompt + output / 2);
  return ttft_s + view->decodes * (own_s + output * fmax(rank_s + token_s - view->slowest_s, 0));
}

static tw_choice prefix_and_load(tw_router *router, const tw_router_question *question)
{
  const tw_request *request = question->request;
  tw_choice best = {.engine = -1};
  engine_view view = {0};
  double least_s = INFINITY;
  for (tw_rank_walk at = {0}; tw_rank_next(router, question, &at);) {
    if (at.rank == 0)
      view = view_engine(router, at.engine);
    if (cost_s(router, request, &at, &view, tw_policy_bound(router, question, at.all)) >= least_s)
      continue;
    gint64 cached = tw_policy_cached(router, question, at.engine, at.rank);
    double here_s = cost_s(router, request, &at, &view, cached);
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
    .looks = TRUE,
    .follows = TRUE};
