#include "sim/router.h"

static int round_robin(tw_router *router, const tw_request *request)
{
  (void)request;
  int pick = router->next;
  router->next = pick + 1 == router->n_engines ? 0 : pick + 1;
  return pick;
}

static int uniform(tw_router *router, const tw_request *request)
{
  (void)request;
  return (int)tw_chance_below(&router->chance, (guint64)router->n_engines);
}

static int least_requests(tw_router *router, const tw_request *request)
{
  (void)request;
  int best = 0;
  for (int i = 1; i < router->n_engines; i++)
    if (router->loads[i].requests < router->loads[best].requests)
      best = i;
  return best;
}

static int least_tokens(tw_router *router, const tw_request *request)
{
  (void)request;
  int best = 0;
  for (int i = 1; i < router->n_engines; i++)
    if (router->loads[i].tokens < router->loads[best].tokens)
      best = i;
  return best;
}

/* Two different engines by chance; the one with fewer requests (Mitzenmacher, IEEE TPDS 12(10), 2001). */
static int two_choices(tw_router *router, const tw_request *request)
{
  int a = uniform(router, request);
  if (router->n_engines == 1)
    return a;
  int b = (int)tw_chance_below(&router->chance, (guint64)router->n_engines - 1);
  if (b >= a)
    b++;
  gint64 difference = router->loads[a].requests - router->loads[b].requests;
  return difference < 0 || (difference == 0 && a < b) ? a : b;
}

#define POLICIES(X)                                                                                          \
  X("round-robin", "each engine in turn", round_robin)                                                       \
  X("random", "any engine with equal chance", uniform)                                                       \
  X("least-outstanding", "the engine with the fewest requests that have not ended", least_requests)          \
  X("least-tokens", "the engine with the fewest prompt and output tokens of such requests", least_tokens)    \
  X("two-choices", "of two engines drawn by chance, the one with fewer such requests", two_choices)

const tw_router_policy tw_router_policies[] = {
#define X(...) {__VA_ARGS__},
    POLICIES(X)
#undef X
};
const char *const tw_router_policy_names[] = {
#define X(name, ...) name,
    POLICIES(X)
#undef X
        NULL};

void tw_router_init(tw_router *router, const tw_router_policy *policy, int n_engines, guint64 seed)
{
  *router =
      (tw_router){policy, g_new0(tw_load, (gsize)n_engines), n_engines, 0, tw_chance_new(seed, "router")};
}

void tw_router_clear(tw_router *router)
{
  g_clear_pointer(&router->loads, g_free);
}

static gint64 tokens_of(const tw_request *request)
{
  return (gint64)request->prompt_tokens + tw_request_output_tokens(request);
}

int tw_router_assign(tw_router *router, const tw_request *request)
{
  int engine = router->policy->pick(router, request);
  router->loads[engine].requests++;
  router->loads[engine].tokens += tokens_of(request);
  return engine;
}

void tw_router_release(tw_router *router, int engine, const tw_request *request)
{
  router->loads[engine].requests--;
  router->loads[engine].tokens -= tokens_of(request);
}
