/* Policies that look at loads alone, or at nothing. */
#include "sim/router/policy.h"

static tw_choice round_robin(tw_router *router, const tw_router_question *question)
{
  tw_candidates *candidates = question->candidates;
  int pick = candidates->next;
  (void)router;
  candidates->next = pick + 1 == candidates->n ? 0 : pick + 1;
  return tw_policy_engine(candidates->engines[pick]);
}

const tw_router_policy tw_policy_round_robin = {.help = "each engine in turn", .pick = round_robin};

static tw_choice uniform(tw_router *router, const tw_router_question *question)
{
  const tw_candidates *candidates = question->candidates;
  return tw_policy_engine(candidates->engines[tw_chance_below(&router->chance, (guint64)candidates->n)]);
}

const tw_router_policy tw_policy_random = {.help = "any engine with equal chance", .pick = uniform};

tw_choice tw_policy_least(tw_router *router, const tw_router_question *question)
{
  (void)router;
  return tw_policy_engine((int)tw_heap_top(&question->candidates->least)->tie);
}

const tw_router_policy tw_policy_least_outstanding = {
    .help = "the engine with the fewest requests that have not ended", .pick = tw_policy_least};

const tw_router_policy tw_policy_least_tokens = {
    .help = "the engine with the fewest prompt and output tokens of requests that have not ended",
    .pick = tw_policy_least,
    .by_tokens = TRUE};

/* Two different engines by chance; the one with fewer requests (Mitzenmacher, IEEE TPDS 12(10), 2001). */
static tw_choice two_choices(tw_router *router, const tw_router_question *question)
{
  const tw_candidates *candidates = question->candidates;
  guint64 n = (guint64)candidates->n, a = tw_chance_below(&router->chance, n);
  if (n == 1)
    return tw_policy_engine(candidates->engines[a]);
  guint64 b = tw_chance_below(&router->chance, n - 1);
  if (b >= a)
    b++;
  int first = candidates->engines[MIN(a, b)], second = candidates->engines[MAX(a, b)];
  return tw_policy_engine(router->seen_loads[second].requests < router->seen_loads[first].requests ? second
                                                                                                   : first);
}

const tw_router_policy tw_policy_two_choices = {
    .help = "of two engines drawn by chance, the one with fewer requests that have not ended",
    .pick = two_choices};
