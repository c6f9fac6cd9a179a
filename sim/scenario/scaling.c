#include "sim/scenario/scaling.h"

#include <math.h>

#define SLACK 1e-9 /* error of a quotient that is whole but for its rounding */

/* The demand on the pool, in engines that are full. */
static double load(const tw_scaling_view *view)
{
  return fmax((double)view->outstanding / view->capacity, view->kv_used);
}

static gint64 utilization(const tw_scaling *scaling, const tw_scaling_view *view)
{
  return (gint64)ceil(load(view) / scaling->utilization - SLACK);
}

static gint64 queue(const tw_scaling *scaling, const tw_scaling_view *view)
{
  double excess = (double)view->waiting - scaling->queue * (double)view->active;
  if (excess > 0)
    return view->active + (gint64)ceil(excess / view->capacity);
  gboolean spare = view->waiting == 0 && load(view) <= scaling->utilization * (double)(view->active - 1);
  return view->active - spare;
}

static gint64 schedule(const tw_scaling *scaling, const tw_scaling_view *view)
{
  return (gint64)tw_stairs_at(scaling->schedule, view->now_s);
}

#define POLICIES(X)                                                                                          \
  X("utilization",                                                                                           \
    "as many as hold the pool's requests, and its KV caches, at the target share of what they can hold",     \
    utilization)                                                                                             \
  X("queue",                                                                                                 \
    "more where more requests wait than the target, one fewer where none waits and the rest stay below "     \
    "the target utilization",                                                                                \
    queue)                                                                                                   \
  X("schedule", "what a file says for the time of day", schedule)

const tw_scaling_policy tw_scaling_policies[] = {
#define X(...) {__VA_ARGS__},
    POLICIES(X)
#undef X
};
const char *const tw_scaling_policy_names[] = {
#define X(name, ...) name,
    POLICIES(X)
#undef X
        NULL};

gint64 tw_scaling_wanted(const tw_scaling *scaling, const tw_scaling_view *view)
{
  return CLAMP(tw_scaling_policies[scaling->policy].wanted(scaling, view), scaling->min, scaling->max);
}
