/* llm-d's router: scores from 0 to 1, weighted and summed. */
#include "sim/router/policy.h"

#include <math.h>

enum { PREFIX_WEIGHT, QUEUE_WEIGHT, KV_WEIGHT, COLD_WEIGHT, PRECISE, INDEX_TOKENS, MATCH_TOKENS };

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

/* The share of the prompt that an engine holds, of its part that is looked at. */
static double prefix_score(const tw_router *router, const tw_router_question *question, double tokens)
{
  double prompt = question->request->prompt_tokens;
  return tokens /
         (router->parameters[PRECISE] == 0 ? fmin(prompt, router->parameters[MATCH_TOKENS]) : prompt);
}

/* The score of a prompt of which nobody holds anything: 1 where such a prompt was sent longest ago, or never,
 * falling to 0 where the last one was. */
static double cold_score(const tw_router *router, const tw_candidates *candidates, int place)
{
  const guint64 *sent = router->cold;
  int before = 0, engine = candidates->engines[place];
  for (int i = 0; i < candidates->n; i++) {
    guint64 other = sent[candidates->engines[i]];
    before += other < sent[engine] || (other == sent[engine] && i < place);
  }
  return candidates->n > 1 ? 1 - (double)before / (candidates->n - 1) : 1;
}

/* What is asked of the engines for a request. */
typedef struct answers {
  double *tokens;           /* of the prompt, by candidates */
  const tw_gauges *metrics; /* by engines */
  double least, most;       /* requests that wait at one of them */
  gboolean cold;            /* nobody holds anything of the prompt */
} answers;

static answers ask(tw_router *router, const tw_router_question *question)
{
  const tw_candidates *candidates = question->candidates;
  answers a = {g_new0(double, (gsize)candidates->n), tw_policy_metrics(router, question), INFINITY, -INFINITY,
               TRUE};
  find_prefixes(router, question, a.tokens);
  for (int i = 0; i < candidates->n; i++) {
    double waiting = (double)a.metrics[candidates->engines[i]].waiting;
    a.least = fmin(a.least, waiting);
    a.most = fmax(a.most, waiting);
    a.cold &= a.tokens[i] == 0;
  }
  return a;
}

static double score(const tw_router *router, const tw_router_question *question, const answers *a, int place)
{
  const tw_gauges *m = &a->metrics[question->candidates->engines[place]];
  double queue = a->most > a->least ? (a->most - (double)m->waiting) / (a->most - a->least) : 1;
  double sum = router->parameters[PREFIX_WEIGHT] * prefix_score(router, question, a->tokens[place]) +
               router->parameters[QUEUE_WEIGHT] * queue + router->parameters[KV_WEIGHT] * (1 - m->kv_share);
  if (a->cold && router->parameters[COLD_WEIGHT] > 0)
    sum += router->parameters[COLD_WEIGHT] * cold_score(router, question->candidates, place);
  return sum;
}

static tw_choice llm_d(tw_router *router, const tw_router_question *question)
{
  const tw_candidates *candidates = question->candidates;
  if (question->from >= 0)
    return tw_policy_least(router, question);
  answers a = ask(router, question);
  double best = -INFINITY;
  guint64 equals = 0;
  tw_choice choice = tw_policy_engine(-1);
  for (int i = 0; i < candidates->n; i++) {
    double here = score(router, question, &a, i);
    equals = here > best ? 1 : equals + (here == best);
    if (here > best || (here == best && tw_chance_below(&router->chance, equals) == 0))
      choice = (tw_choice){candidates->engines[i], -1, (gint64)a.tokens[i]};
    best = fmax(best, here);
  }
  if (a.cold)
    router->cold[choice.engine] = ++router->colds;
  g_free(a.tokens);
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
        "llm-d's router 0.9 (llm-d-router, commit 0b59e4e; before, llm-d-inference-scheduler), by its "
        "scorers "
        "and the weights of its own defaults: the highest weighted sum of which share of the prompt an "
        "engine "
        "holds, how few requests wait there, how much of its KV cache is free and, with the cold-weight of 2 "
        "of "
        "its guide optimized-baseline, how long ago a prompt was sent there of which nobody held anything; "
        "equal ones by chance. Left out: filters, the scorers of LoRA and of sessions, that tokens are "
        "estimated, that guesses are as many as the KV cache holds where an engine tells its size, and that "
        "metrics are polled (see signal-delay)",
    .pick = llm_d,
    .looks = TRUE,
    .parameters = {[PREFIX_WEIGHT] = {"prefix-weight", 3, 0, 1e6, "of the prefix"},
                   [QUEUE_WEIGHT] = {"queue-weight", 2, 0, 1e6, "of the requests that wait"},
                   [KV_WEIGHT] = {"kv-weight", 2, 0, 1e6, "of the free KV cache"},
                   [COLD_WEIGHT] = {"cold-weight", 0, 0, 1e6, "of prompts that nobody holds anything of"},
                   [PRECISE] = {"precise", 0, 0, 1, "1: engines tell what they hold; 0: it is guessed"},
                   [INDEX_TOKENS] = {"index-tokens", 2000000, 0, 1e12,
                                     "that an engine is guessed to hold: 31,250 blocks of 64"},
                   [MATCH_TOKENS] = {"match-tokens", 131072, 1, 1e12, "of a prompt that guesses look at"}},
    .guesses = guesses,
    .index_tokens = index_tokens};
