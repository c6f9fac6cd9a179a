/* The choice of a site: which of them may take a request, which the policy prefers, and whether KV caches follow. */
#include "sim/router/site_policy.h"
#include "sim/world/exchange_private.h"

#include <math.h>

#define DAY_S  86400.0
#define HOUR_S 3600.0
#define NOON_H 12.0

const tw_wan *tw_exchange_way(const tw_exchange *exchange, int users, int site)
{
  const tw_users *who = &g_array_index(exchange->world->users, tw_users, users);
  return tw_world_way(exchange->world, who->region_index, exchange->world->sites[site].region_index);
}

gboolean tw_exchange_is_guest(const tw_exchange *exchange, int users, int site)
{
  return g_array_index(exchange->world->users, tw_users, users).region_index !=
         exchange->world->sites[site].region_index;
}

static double rate(const tw_stairs *series, double now_s)
{
  return series != NULL ? tw_stairs_at(series, now_s) : INFINITY;
}

static double hours_from_noon(double local_s)
{
  double into_s = fmod(local_s, DAY_S);
  return fabs((into_s < 0 ? into_s + DAY_S : into_s) / HOUR_S - NOON_H);
}

static tw_site_view view_of(const tw_exchange *exchange, int users, int site, double now_s)
{
  const tw_world_site *of = &exchange->world->sites[site];
  const office *at = &exchange->offices[site];
  int engines = tw_factory_serving(at->factory);
  return (tw_site_view){.home = g_array_index(exchange->world->users, tw_users, users).home_site == site,
                        .latency_s = tw_exchange_way(exchange, users, site)->latency_s,
                        .load = engines > 0 ? (double)at->in_flight / engines : INFINITY,
                        .usd_per_kwh = rate(of->scenario->plan.price, now_s),
                        .g_per_kwh = rate(of->scenario->plan.carbon, now_s),
                        .hours_after_noon = hours_from_noon(now_s + of->utc_offset_s)};
}

gboolean tw_exchange_may_go(const tw_exchange *exchange, int users, int site)
{
  gint64 most = exchange->world->sites[site].guests;
  return tw_world_allows(exchange->world, users, site) &&
         (most == G_MININT64 || !tw_exchange_is_guest(exchange, users, site) ||
          exchange->offices[site].guests < most);
}

/* Leaves those that hold, of those that are allowed, where any does. */
static gboolean keep(gboolean *allowed, const gboolean *holds, int n)
{
  gboolean any = FALSE;
  for (int i = 0; i < n; i++)
    any |= allowed[i] && holds[i];
  for (int i = 0; any && i < n; i++)
    allowed[i] &= holds[i];
  return any;
}

/* Leaves those that serve, and of these those that are not full; where none serves, those that will without a repair. */
static void narrow(const tw_exchange *exchange, const tw_site_view *views, gboolean *allowed)
{
  int n = exchange->world->n_sites;
  g_autofree gboolean *serves = g_new(gboolean, (gsize)n), *sound = g_new(gboolean, (gsize)n),
                      *free = g_new(gboolean, (gsize)n);
  for (int i = 0; i < n; i++) {
    serves[i] = isfinite(views[i].load);
    free[i] = !(views[i].load >= exchange->world->spill);
  }
  if (keep(allowed, serves, n)) {
    keep(allowed, free, n);
    return;
  }
  for (int i = 0; i < n; i++)
    sound[i] = tw_factory_is_sound(exchange->offices[i].factory);
  keep(allowed, sound, n);
}

int tw_exchange_last_site(const tw_exchange *exchange, const trip *t)
{
  const char *session = t->request.session;
  return exchange->sessions != NULL && session != NULL
             ? GPOINTER_TO_INT(g_hash_table_lookup(exchange->sessions, session)) - 1
             : -1;
}

int tw_exchange_choose(const tw_exchange *exchange, const trip *t, double now_s)
{
  const tw_world *world = exchange->world;
  g_autofree tw_site_view *views = g_new0(tw_site_view, (gsize)world->n_sites);
  g_autofree gboolean *allowed = g_new0(gboolean, (gsize)world->n_sites);
  for (int i = 0; i < world->n_sites; i++) {
    views[i] = view_of(exchange, t->users, i, now_s);
    allowed[i] = tw_exchange_may_go(exchange, t->users, i);
  }
  int last = world->sticky ? tw_exchange_last_site(exchange, t) : -1;
  if (last >= 0 && allowed[last] && isfinite(views[last].load))
    return last;
  narrow(exchange, views, allowed);
  return tw_site_policy_pick(&tw_site_policies[world->policy], views, allowed, world->n_sites);
}

gboolean tw_exchange_kv_goes(const tw_exchange *exchange, const trip *t, int site, double now_s,
                             gint64 *tokens, double *bytes)
{
  const tw_world *world = exchange->world;
  int last = tw_exchange_last_site(exchange, t);
  if (world->kv == TW_WORLD_KV_RECOMPUTE || last < 0 || last == site)
    return FALSE;
  int from = world->sites[last].region_index, to = world->sites[site].region_index;
  const tw_factory *here = exchange->offices[site].factory;
  double here_bytes;
  *tokens = tw_factory_prefix(exchange->offices[last].factory, &t->request, now_s, bytes);
  gint64 here_tokens = tw_factory_prefix(here, &t->request, now_s, &here_bytes);
  if (isinf(tw_world_way(world, from, to)->latency_s) || *tokens <= here_tokens)
    return FALSE;
  return world->kv == TW_WORLD_KV_MOVE ||
         tw_freight_estimate_s(exchange->freight, from, to, *bytes) <
             tw_factory_prefill_s(here, *tokens) - tw_factory_prefill_s(here, here_tokens);
}
