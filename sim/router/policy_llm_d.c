/* llm-d's inference scheduler: scores from 0 to 1, weighted and summed. */
#include "sim/router/policy.h"

#include <math.h>

enum { PREFIX_WEIGHT, QUEUE_WEIGHT, KV_WEIGHT, PRECISE, INDEX_TOKENS, MATCH_TOKENS };

typedef struct range {
  double least, most;
} range;

static void widen(range *r, double value)
{
  r->least = fmin(r->least, value);
  r->most = fmax(r->most, value);
}

/* Tokens of the prompt at each engine. Precise: as engines tell; else as guessed, of its first tokens. */
static void find_prefixes(tw_router *router, const tw_router_question *question, double *tokens)
{
  const tw_candidates *candidates = question->candidates;
  if (router->parameters[PRECISE] == 0) {
    const gint64 *guessed = tw_policy_guess(router, question);
    for (int i = 0; i < candidates->n; i++)
      tokens[i] = fmin((double)guessed[candidates->engines[i]], router->parameters[MATCH_TOKENS]);
    return;
  }
  for (int i = 0; i < candidates->n; i++) {
    int engine = candidates->engines[i];
    for (int rank = 0; router->first_rank[engine] + rank < router->first_rank[engine + 1]; rank++)
      tokens[i] = fmax(tokens[i], (double)tw_policy_cached(router, question, engine, rank));
  }
}

/* Precise scores lie between the least and the most of those that hold anything; guessed ones are shares of
 * the prompt that is looked at. */
static double prefix_score(const tw_router *router, const tw_router_question *question, double tokens,
                           range held)
{
  if (router->parameters[PRECISE] == 0)
    return tokens / fmin(question->request->prompt_tokens, router->parameters[MATCH_TOKENS]);
  if (tokens == 0)
    return 0;
  return held.most > held.least ? (tokens - held.least) / (held.most - held.least) : 1;
}

static tw_choice llm_d(tw_router *router, const tw_router_question *question)
{
  const tw_candidates *candidates = question->candidates;
  if (question->from >= 0)
    return tw_policy_least_requests(router, question);
  g_autofree double *tokens = g_new0(double, (gsize)candidates->n);
  const tw_gauges *metrics = tw_policy_metrics(router, question);
  range held = {INFINITY, -INFINITY}, waiting = held;
  find_prefixes(router, question, tokens);
  for (int i = 0; i < candidates->n; i++) {
    if (tokens[i] > 0)
      widen(&held, tokens[i]);
    widen(&waiting, (double)metrics[candidates->engines[i]].waiting);
  }
  double best = -INFINITY;
  guint64 equals = 0;
  tw_choice choice = tw_policy_engine(-1);
  for (int i = 0; i < candidates->n; i++) {
    const tw_gauges *m = &metrics[candidates->engines[i]];
    double queue = waiting.most > waiting.least
                       ? (waiting.most - (double)m->waiting) / (waiting.most - waiting.least)
                       : 1;
    double score = router->parameters[PREFIX_WEIGHT] * prefix_score(router, question, tokens[i], held) +
                   router->parameters[QUEUE_WEIGHT] * queue +
                   router->parameters[KV_WEIGHT] * (1 - m->kv_share);
    equals = score > best ? 1 : equals + (score == best);
    if (score > best || (score == best && tw_chance_below(&router->chance, equals) == 0))
      choice = (tw_choice){candidates->engines[i], -1, (gint64)tokens[i]};
    best = fmax(best, score);
  }
  return choice;
}

static gboolean guesses(const tw_router *router)
{
  return router->parameters[PRECISE] == 0;
}

static double index_tokens(const tw_router *router)
{
  return router->parameters[INDEX_TOKENS];
}

const tw_router_policy tw_policy_llm_d = {
    .help =
        "llm-d's inference scheduler (commit 057d2c7) on the Gateway API Inference Extension (00913f9), by "
        "their scorers: the highest "
        "weighted sum of how much of the prompt an engine holds, how few requests wait there and how much of "
        "its "
        "KV cache is free; equal ones by chance. Left out: filters, the scorers of LoRA and of sessions, "
        "that "
        "prompts are cut by characters, and that metrics are polled (see signal-delay)",
    .pick = llm_d,
    .looks = TRUE,
    .parameters = {[PREFIX_WEIGHT] = {"prefix-weight", 3, 0, 1e6, "of the prefix"},
                   [QUEUE_WEIGHT] = {"queue-weight", 2, 0, 1e6, "of the requests that wait"},
                   [KV_WEIGHT] = {"kv-weight", 2, 0, 1e6, "of the free KV cache"},
                   [PRECISE] = {"precise", 0, 0, 1, "1: engines tell what they hold; 0: it is guessed"},
                   [INDEX_TOKENS] = {"index-tokens", 500000, 0, 1e12,
                                     "that an engine is guessed to hold: 31,250 blocks of 16"},
                   [MATCH_TOKENS] = {"match-tokens", 4096, 1, 1e12,
                                     "of a prompt that guesses look at: 256 blocks of 16"}},
    .guesses = guesses,
    .index_tokens = index_tokens};
