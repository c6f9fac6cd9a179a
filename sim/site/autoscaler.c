/* The autoscaler: parks and wakes the engines of pools.
 *
 *     every period   a policy (scaling.h) says how many engines a pool wants
 *     up delay       more are woken when it wanted more all that time: the least of what it wanted counts
 *     down delay     fewer are left when it wanted fewer all that time: the most of what it wanted counts
 *
 * (Kubernetes' horizontal pod autoscaler calls these stabilization windows; the defaults are its own.)
 * Engines that drain are woken before those that are parked, which have to load and to start; the engine with
 * the fewest requests drains. */
#include "sim/site/dispatcher.h"
#include "sim/site/fleet.h"

#include <math.h>

#define SLACK_S 1e-9 /* times that were computed in two ways may differ by this much */

typedef struct advice {
  double time_s;
  gint64 wanted;
} advice;

/* A pool that is scaled. */
typedef struct scaled {
  int pool;
  int first, n;   /* its engines */
  gint64 period;  /* number of the period that ends next, from 1 */
  GArray *advice; /* array of advice, those of the longer of the two delays */
} scaled;

typedef struct tw_autoscaler {
  tw_site *site;
  GArray *pools; /* array of scaled */
} tw_autoscaler;

static const tw_scaling *scaling_of(const tw_autoscaler *autoscaler, const scaled *s)
{
  return &autoscaler->site->scenario->pools[s->pool].scaling;
}

static int count(const tw_autoscaler *autoscaler, const scaled *s, tw_engine_state state)
{
  int n = 0;
  for (int i = s->first; i < s->first + s->n; i++)
    n += tw_engine_get_state(autoscaler->site->engines[i]) == state;
  return n;
}

static gint64 active(const tw_autoscaler *autoscaler, const scaled *s)
{
  return count(autoscaler, s, TW_ENGINE_SERVES) + count(autoscaler, s, TW_ENGINE_LOADS);
}

static void free_autoscaler(void *part)
{
  tw_autoscaler *autoscaler = part;
  for (guint i = 0; i < autoscaler->pools->len; i++)
    g_array_unref(g_array_index(autoscaler->pools, scaled, i).advice);
  g_array_unref(autoscaler->pools);
  g_free(autoscaler);
}

/* Engines of a pool that serve or load as the run begins. */
static gint64 active_at_first(const tw_pool *pool, gint64 engines)
{
  return pool->start == TW_START_COLD ? MIN(engines, pool->scaling.min) : engines;
}

static void *new_autoscaler(tw_site *site)
{
  const tw_scenario *scenario = site->scenario;
  tw_autoscaler *autoscaler = g_new0(tw_autoscaler, 1);
  *autoscaler = (tw_autoscaler){site, g_array_new(FALSE, FALSE, sizeof(scaled))};
  for (int pool = 0, first = 0; pool < scenario->n_pools; pool++) {
    scaled s = {pool, first, 0, 1, NULL};
    while (first < site->n_engines && site->seats[first].pool == &scenario->pools[pool])
      first++;
    s.n = first - s.first;
    if (scenario->pools[pool].scaling.policy < 0)
      continue;
    s.advice = g_array_new(FALSE, FALSE, sizeof(advice));
    advice now = {0, active_at_first(&scenario->pools[pool], s.n)};
    g_array_append_val(s.advice, now);
    g_array_append_val(autoscaler->pools, s);
  }
  if (autoscaler->pools->len == 0)
    g_clear_pointer(&autoscaler, free_autoscaler);
  return autoscaler;
}

static double pool_due(const tw_autoscaler *autoscaler, const scaled *s)
{
  return (double)s->period * scaling_of(autoscaler, s)->period_s;
}

static double due(const void *part)
{
  const tw_autoscaler *autoscaler = part;
  double due_s = INFINITY;
  for (guint i = 0; i < autoscaler->pools->len; i++)
    due_s = fmin(due_s, pool_due(autoscaler, &g_array_index(autoscaler->pools, scaled, i)));
  return due_s;
}

static tw_scaling_view look(const tw_autoscaler *autoscaler, const scaled *s, gint64 held, double now_s)
{
  const tw_pool *pool = &autoscaler->site->scenario->pools[s->pool];
  tw_scaling_view view = {.now_s = now_s,
                          .active = active(autoscaler, s),
                          .outstanding = held,
                          .waiting = held,
                          .capacity = (double)(pool->max_seqs * pool->dp)};
  for (int i = s->first; i < s->first + s->n; i++) {
    const tw_engine *engine = autoscaler->site->engines[i];
    view.outstanding += tw_dispatcher_router(autoscaler->site->dispatcher)->loads[i].requests;
    view.waiting += tw_engine_waiting(engine);
    view.kv_used += (double)tw_engine_kv_used(engine, now_s) / (double)tw_engine_kv_blocks(engine);
  }
  return view;
}

/* How many are to be active, when what was wanted lately counts. */
static gint64 stabilize(const tw_scaling *scaling, scaled *s, gint64 now_active, gint64 wanted, double now_s)
{
  double up_s = now_s - scaling->up_delay_s - SLACK_S, down_s = now_s - scaling->down_delay_s - SLACK_S;
  gint64 up = wanted, down = wanted;
  guint old = 0;
  for (guint i = 0; i < s->advice->len; i++) {
    const advice *a = &g_array_index(s->advice, advice, i);
    if (a->time_s < fmin(up_s, down_s))
      old = i + 1;
    if (a->time_s >= up_s)
      up = MIN(up, a->wanted);
    if (a->time_s >= down_s)
      down = MAX(down, a->wanted);
  }
  advice last = {now_s, wanted};
  g_array_remove_range(s->advice, 0, old);
  g_array_append_val(s->advice, last);
  return now_active < up ? up : now_active > down ? down : now_active;
}

static gboolean wake_one(tw_autoscaler *autoscaler, const scaled *s, double now_s)
{
  int parked = -1;
  for (int i = s->first; i < s->first + s->n; i++) {
    tw_engine_state state = tw_engine_get_state(autoscaler->site->engines[i]);
    if (state == TW_ENGINE_DRAINS) {
      tw_fleet_wake(autoscaler->site->fleet, i, now_s);
      return TRUE;
    }
    if (state == TW_ENGINE_PARKED && parked < 0)
      parked = i;
  }
  if (parked >= 0)
    tw_fleet_wake(autoscaler->site->fleet, parked, now_s);
  return parked >= 0;
}

static void drain_one(tw_autoscaler *autoscaler, const scaled *s, double now_s)
{
  const tw_load *loads = tw_dispatcher_router(autoscaler->site->dispatcher)->loads;
  int best = -1;
  for (int i = s->first + s->n - 1; i >= s->first; i--)
    if (tw_engine_get_state(autoscaler->site->engines[i]) == TW_ENGINE_SERVES &&
        (best < 0 || loads[i].requests < loads[best].requests))
      best = i;
  tw_fleet_drain(autoscaler->site->fleet, best, now_s);
}

static void scale(tw_autoscaler *autoscaler, scaled *s, gint64 held, double now_s)
{
  const tw_scaling *scaling = scaling_of(autoscaler, s);
  tw_scaling_view view = look(autoscaler, s, held, now_s);
  gint64 wanted = stabilize(scaling, s, view.active, tw_scaling_wanted(scaling, &view), now_s);
  for (gint64 n = view.active; n < wanted && wake_one(autoscaler, s, now_s); n++)
    continue;
  /* Engines that load will serve, but do not yet, and are not drained. */
  for (int n = count(autoscaler, s, TW_ENGINE_SERVES); n > wanted; n--)
    drain_one(autoscaler, s, now_s);
}

static gboolean step(void *part, double now_s, GError **error)
{
  (void)error;
  tw_autoscaler *autoscaler = part;
  for (guint i = 0; i < autoscaler->pools->len; i++) {
    scaled *s = &g_array_index(autoscaler->pools, scaled, i);
    if (pool_due(autoscaler, s) > now_s)
      continue;
    s->period++;
    scale(autoscaler, s, tw_dispatcher_held(autoscaler->site->dispatcher), now_s);
  }
  return TRUE;
}

const tw_part_kind tw_autoscaler_part = {.name = "autoscaler",
                                         .life = TW_PART_FREES,
                                         .new = new_autoscaler,
                                         .due = due,
                                         .step = step,
                                         .free = free_autoscaler};
