#include "sim/router/policy.h"

/* A token to compute weighs more than any load. */
#define RANK_WEIGHT 1e9

/* One engine for all requests of a session, whatever its load: where its prefix is, if anywhere. While that
 * engine does not serve, the next one that does stands in for it. */
static tw_choice home_of_session(tw_router *router, const tw_router_question *question)
{
  const tw_candidates *candidates = question->candidates;
  if (question->request->session == NULL)
    return tw_policy_least(router, question);
  guint64 mixed = g_str_hash(question->request->session) * G_GUINT64_CONSTANT(0x9e3779b97f4a7c15);
  int home = (int)((mixed >> 32) % (guint64)candidates->n_all);
  while (!router->serves[candidates->all[home]])
    home = home + 1 == candidates->n_all ? 0 : home + 1;
  return tw_policy_engine(candidates->all[home]);
}

const tw_router_policy tw_policy_session_affinity = {
    .help =
        "the same engine for all requests of a session, and of its ranks the one with the longest prefix; as "
        "least-outstanding without a session. What the session router of the vLLM production stack does "
        "(commit 008a23b) but for the hash, and for requests without a session: these go to the engine with "
        "the "
        "fewest "
        "requests a second there",
    .pick = home_of_session,
    .rank_weight = RANK_WEIGHT};
