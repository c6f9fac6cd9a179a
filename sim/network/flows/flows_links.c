/* Flows over links that carry less than they did, or nothing. */
#include "sim/network/flows/flows_private.h"

#include <simgrid/engine.h>

static gboolean is_open(const tw_flows *flows, const tw_link_route *r)
{
  for (int k = 0; k < r->n_links; k++)
    if (flows->links->speeds[r->links[k]] == 0)
      return FALSE;
  return TRUE;
}

void tw_flows_take_from_simgrid(tw_flows *flows, trip *t)
{
  tw_carrier_cancel(flows->time->carrier, t->carried);
  tw_flows_leave_simgrid(flows, t);
}

/* SimGrid never gives a flow more than its slowest link had as it began: what is left of it begins anew. */
static void begin_anew(tw_flows *flows, trip *t)
{
  double left = tw_carrier_left(t->carried);
  t->gone_s += simgrid_get_clock() - t->begin_s;
  tw_flows_take_from_simgrid(flows, t);
  tw_flows_carry(flows, t, left / t->flow->bytes);
}

/* A flow waits until all of its links carry something. */
static void stall(tw_flows *flows, trip *t)
{
  if (t->carried != NULL)
    tw_flows_take_from_simgrid(flows, t);
  g_queue_unlink(&flows->under_way, &t->link);
  g_queue_push_tail_link(&flows->stalled, &t->link);
  t->stalled = TRUE;
}

/* Flows that have waited are sent again, from their first byte on. */
static void resume(tw_flows *flows)
{
  for (GList *link = flows->stalled.head, *next; link != NULL; link = next) {
    trip *t = link->data;
    next = link->next;
    if (!is_open(flows, t->route))
      continue;
    g_queue_unlink(&flows->stalled, link);
    t->stalled = FALSE;
    t->gone_s = 0;
    tw_flows_put_under_way(flows, t, flows->now_s);
  }
}

static gboolean crosses(const tw_link_route *r, const GArray *links)
{
  for (guint i = 0; i < links->len; i++)
    for (int k = 0; k < r->n_links; k++)
      if (r->links[k] == g_array_index(links, int, i))
        return TRUE;
  return FALSE;
}

void tw_flows_set_speed(void *state, const char *name, double speed, double now_s)
{
  tw_flows *flows = state;
  g_autoptr(GArray) links = tw_link_table_find_all(flows->links, name);
  flows->now_s = now_s;
  flows->state++;
  for (guint i = 0; i < links->len; i++) {
    int link = g_array_index(links, int, i);
    if (flows->on_link[link].convoy != NULL)
      tw_flows_break_up(flows, flows->on_link[link].convoy);
    tw_link_table_set_speed(flows->links, link, speed);
    tw_convoys_set_rate(flows->convoys, link, flows->links->rates[link] * speed);
  }
  for (GList *link = flows->under_way.head, *next; link != NULL; link = next) {
    trip *t = link->data;
    next = link->next;
    if (t->carried == NULL || !crosses(t->route, links))
      continue;
    if (speed == 0)
      stall(flows, t);
    else
      begin_anew(flows, t);
  }
  if (speed > 0 && flows->stalled.length > 0)
    resume(flows);
}

int tw_flows_stalled(const tw_flows *flows)
{
  return (int)flows->stalled.length;
}

void tw_flows_stall_those_without_way(tw_flows *flows)
{
  g_autoptr(GPtrArray) trips = g_ptr_array_new();
  for (guint i = 0; i < flows->starting->len; i++)
    tw_flows_add_single(flows, flows->starting->pdata[i], trips);
  g_ptr_array_set_size(flows->starting, 0);
  for (guint i = 0; i < trips->len; i++) {
    trip *t = trips->pdata[i];
    if (is_open(flows, t->route))
      g_ptr_array_add(flows->starting, t);
    else
      stall(flows, t);
  }
}
