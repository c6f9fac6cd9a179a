/* Time, which passes on all networks of a run at once. */
#include "sim/network/flows/flows_private.h"

#include <simgrid/engine.h>

#include <math.h>

tw_simgrid_time *tw_simgrid_time_join(const tw_flows *beside, gboolean profiled)
{
  tw_simgrid_time *time = beside != NULL ? beside->time : g_new0(tw_simgrid_time, 1);
  if (beside == NULL)
    time->carrier = tw_carrier_new();
  time->profiled |= profiled;
  time->users++;
  return time;
}

void tw_simgrid_time_leave(tw_simgrid_time *time)
{
  if (--time->users > 0)
    return;
  tw_carrier_free(time->carrier);
  g_free(time);
}

static void end_carried(const tw_simgrid_time *time)
{
  double clock_s = simgrid_get_clock();
  for (trip *t; (t = tw_carrier_take(time->carrier)) != NULL;) {
    tw_flows_leave_simgrid(t->of, t);
    tw_flows_end_trip(t->of, t, t->flow->start_s + t->gone_s + (clock_s - t->begin_s));
  }
}

/* The time has come for all networks; returns the one of which a convoy ends first, NULL: none has any. */
static tw_flows *come(tw_flows *const *all, int n, double now_s)
{
  tw_flows *first = NULL;
  for (int i = 0; i < n; i++) {
    const tw_heap_node *top = tw_heap_top(&all[i]->ends);
    all[i]->now_s = now_s;
    if (top != NULL && (first == NULL || top->key < tw_heap_top(&first->ends)->key))
      first = all[i];
  }
  return first;
}

gboolean tw_flows_wait(tw_flows *const *all, int n, double until_s)
{
  tw_simgrid_time *time = all[0]->time;
  double next_s = until_s;
  for (int i = 0; i < n; i++) {
    tw_flows_set_out(all[i]);
    const tw_heap_node *top = tw_heap_top(&all[i]->ends);
    next_s = top != NULL ? fmin(top->key, next_s) : next_s;
  }
  if (tw_carrier_count(time->carrier) > 0 &&
      tw_carrier_wait(time->carrier, next_s - (simgrid_get_clock() + time->offset_s))) {
    come(all, n, simgrid_get_clock() + time->offset_s);
    end_carried(time);
    return FALSE;
  }
  tw_flows *first = come(all, n, next_s);
  if (first == NULL || tw_heap_top(&first->ends)->key > until_s)
    return TRUE;
  tw_flows_end_convoy(first, tw_container(tw_heap_top(&first->ends), convoy, node));
  return FALSE;
}
