/* The parts that a policy of the router is made of. A new policy is a file policy_NAME.c with a
 * tw_router_policy in it, and a row in policies.c. Policies look at seen_loads and seen_ranks, never at the
 * loads themselves. */
#ifndef TW_SIM_ROUTER_POLICY_H
#define TW_SIM_ROUTER_POLICY_H

#include "sim/router/router.h"

typedef struct tw_router_parameter {
  const char *name; /* NULL ends the list */
  double fallback, least, most;
  const char *help;
} tw_router_parameter;

/* The question that a policy decides: the engine and rank for one request. */
typedef struct tw_router_question {
  tw_candidates *candidates;
  const tw_request *request;
  int from; /* the engine that computes the prompt, where one that decodes is picked; else -1 */
  double now_s;
} tw_router_question;

struct tw_router_policy {
  const char *help; /* the version of the software that it follows, and what it leaves out */
  tw_choice (*pick)(tw_router *router, const tw_router_question *question);
  tw_router_parameter parameters[TW_ROUTER_MOST_PARAMETERS + 1];
  double rank_weight; /* see tw_router_rank_weight */
  gboolean by_tokens; /* the load that it looks for the least of is tokens instead of requests */
  gboolean looks;     /* it asks what the ranks' prefix caches hold */
  gboolean
      follows; /* it chooses ranks, or looks at the prompts of loads: each request is followed to its end */
  /* Whether it keeps an index of what was sent where; NULL: never. And how long a guess is believed, and how
   * many tokens an engine is believed to hold; NULL: no limit. */
  gboolean (*guesses)(const tw_router *router);
  double (*index_ttl_s)(const tw_router *router);
  double (*index_tokens)(const tw_router *router);
};

/* An engine without a rank. */
tw_choice tw_policy_engine(int engine);

/* The engine with the least load, by which the policy ranks them; the first of several. */
tw_choice tw_policy_least(tw_router *router, const tw_router_question *question);

/* Leading tokens of the prompt that a rank is known to hold. 0 for engines that only decode: they have no
 * prompts to save. */
gint64 tw_policy_cached(const tw_router *router, const tw_router_question *question, int engine, int rank);

/* The most tokens that tw_policy_cached may say of a rank, by its place among all: at no cost. */
static inline gint64 tw_policy_bound(const tw_router *router, const tw_router_question *question, int all)
{
  return router->bounds != NULL ? router->bound[all] : question->request->prompt_tokens - 1;
}

/* Leading tokens of the prompt that each engine is guessed to hold, by index of engines; borrowed until the
 * next call. */
const gint64 *tw_policy_guess(tw_router *router, const tw_router_question *question);

/* Metrics of all engines, by index; borrowed until the next call. */
const tw_gauges *tw_policy_metrics(tw_router *router, const tw_router_question *question);

/* Walks over the ranks of all candidates:
 *     for (tw_rank_walk at = {0}; tw_rank_next(router, question, &at);) ... at.engine, at.rank, at.all */
typedef struct tw_rank_walk {
  int engine, rank; /* rank of that engine, */
  int all;          /* its place among all ranks */
  int place, next;  /* index of the candidate; its rank that comes next */
} tw_rank_walk;

static inline gboolean tw_rank_next(const tw_router *router, const tw_router_question *question,
                                    tw_rank_walk *at)
{
  const tw_candidates *candidates = question->candidates;
  if (at->place >= candidates->n)
    return FALSE;
  at->engine = candidates->engines[at->place];
  at->rank = at->next++;
  at->all = router->first_rank[at->engine] + at->rank;
  if (at->all + 1 == router->first_rank[at->engine + 1]) {
    at->place++;
    at->next = 0;
  }
  return TRUE;
}

#endif
