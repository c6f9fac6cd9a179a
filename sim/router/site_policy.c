#include "sim/router/site_policy.h"

static double not_home(const tw_site_view *site)
{
  return site->home ? 0 : 1;
}

static double distance(const tw_site_view *site)
{
  return site->latency_s;
}

static double price(const tw_site_view *site)
{
  return site->usd_per_kwh;
}

static double carbon(const tw_site_view *site)
{
  return site->g_per_kwh;
}

static double load(const tw_site_view *site)
{
  return site->load;
}

static double away_from_noon(const tw_site_view *site)
{
  return site->hours_after_noon;
}

#define POLICIES(X)                                                                                          \
  X("home-first", not_home, "the home of the users, then the nearest")                                       \
  X("nearest", distance, "the site of the least latency, then the least loaded")                             \
  X("cheapest", price, "the site whose electricity costs least at present")                                  \
  X("greenest", carbon, "the site whose electricity emits least at present")                                 \
  X("least-loaded", load, "the site with the fewest requests in flight for each engine that serves")         \
  X("follow-the-sun", away_from_noon, "the site whose local time is nearest to noon")

const tw_site_policy tw_site_policies[] = {
#define X(name, cost, help) {help, cost},
    POLICIES(X)
#undef X
};
const char *const tw_site_policy_names[] = {
#define X(name, cost, help) name,
    POLICIES(X)
#undef X
        NULL};

const char *const *tw_site_policy_helps(void)
{
  static const char *const helps[] = {
#define X(name, cost, help) help,
      POLICIES(X)
#undef X
          NULL};
  return helps;
}

/* Below zero where `a` is preferred. */
static int compare(const tw_site_policy *policy, const tw_site_view *a, const tw_site_view *b)
{
  const double pairs[][2] = {
      {policy->cost(a), policy->cost(b)}, {a->latency_s, b->latency_s}, {a->load, b->load}};
  for (guint i = 0; i < G_N_ELEMENTS(pairs); i++)
    if (pairs[i][0] != pairs[i][1])
      return pairs[i][0] < pairs[i][1] ? -1 : 1;
  return 0;
}

int tw_site_policy_pick(const tw_site_policy *policy, const tw_site_view *sites, const gboolean *allowed,
                        int n)
{
  int best = -1;
  for (int i = 0; i < n; i++)
    if (allowed[i] && (best < 0 || compare(policy, &sites[i], &sites[best]) < 0))
      best = i;
  return best;
}
