#include "sim/router/policy.h"

enum { NEAR_PERCENT = 10, NEAR_REQUESTS = 1 }; /* how much more load a nearer engine may have */

/* Prompts go where the fewest requests are. Of the engines that decode with about as few, the one to which
 * the KV cache gets fastest. */
static tw_choice near_kv(tw_router *router, const tw_router_question *question)
{
  const tw_candidates *candidates = question->candidates;
  gint64 prompt = question->request->prompt_tokens;
  int best = tw_policy_least(router, question).engine;
  if (question->from < 0)
    return tw_policy_engine(best);
  gint64 least = router->seen_loads[best].requests, most = least + least * NEAR_PERCENT / 100 + NEAR_REQUESTS;
  double shortest_s = router->transfer_s(router->user, question->from, best, prompt);
  for (int i = 0; i < candidates->n; i++) {
    int engine = candidates->engines[i];
    if (router->seen_loads[engine].requests > most)
      continue;
    double transfer_s = router->transfer_s(router->user, question->from, engine, prompt);
    if (transfer_s < shortest_s) {
      best = engine;
      shortest_s = transfer_s;
    }
  }
  return tw_policy_engine(best);
}

const tw_router_policy tw_policy_kv_transfer_aware = {
    .help =
        "as least-outstanding; of the engines that decode with about as few, the nearest to the prompt's KV",
    .pick = near_kv};
