#include "sim/network/shipment.h"

#include <math.h>

static tw_shipment_flow *flow_of(const tw_shipment *shipment, int i)
{
  return &g_array_index(shipment->flows, tw_shipment_flow, i);
}

static int flows_of(const tw_shipment *shipment)
{
  return shipment->flows != NULL ? (int)shipment->flows->len : 0;
}

void tw_shipments_init(tw_shipments *all, const tw_network *network, void (*come)(tw_shipment *shipment))
{
  *all = (tw_shipments){.network = *network, .come = come != NULL ? come : tw_shipment_schedule};
  g_queue_init(&all->starting);
  g_queue_init(&all->empty);
  g_queue_init(&all->under_way);
}

void tw_shipments_clear(tw_shipments *all)
{
  g_assert(all->under_way.length == 0 && all->due.n == 0);
  g_queue_clear(&all->starting);
  g_queue_clear(&all->empty);
  tw_heap_clear(&all->starts);
  tw_heap_clear(&all->due);
}

void tw_shipment_init(tw_shipment *shipment, tw_shipments *all, double ready_s, guint64 tie)
{
  GArray *flows = shipment->flows; /* memory of the shipment that was here before serves again */
  if (flows != NULL)
    g_array_set_size(flows, 0);
  *shipment = (tw_shipment){.all = all,
                            .flows = flows,
                            .ready_s = ready_s,
                            .tie = tie,
                            .link = {.data = shipment},
                            .node = {.place = TW_HEAP_OUT}};
}

void tw_shipment_clear(tw_shipment *shipment)
{
  g_clear_pointer(&shipment->flows, g_array_unref);
}

/* Has a flow start at an instant that is not now. */
static void start_at(tw_shipment_flow *f, double start_s)
{
  f->flow.start_s = start_s;
  tw_heap_push(&f->shipment->all->starts, &f->node, start_s, f->shipment->tie);
}

static void start_soon(tw_shipment_flow *f)
{
  f->state = TW_FLOW_STARTS;
  g_queue_push_tail(&f->shipment->all->starting, f);
  f->shipment->all->flows++;
}

static void flow_ended(tw_flow *flow, double end_s)
{
  tw_shipment_flow *f = tw_container(flow, tw_shipment_flow, flow);
  tw_shipment *shipment = f->shipment;
  f->state = TW_FLOW_ENDED;
  shipment->ready_s = fmax(shipment->ready_s, end_s + f->latency_s);
  shipment->flows_left--;
  shipment->all->flows--;
  if (f->next >= 0)
    start_at(flow_of(shipment, f->next), fmax(flow_of(shipment, f->next)->flow.start_s, end_s));
  if (shipment->flows_left == 0)
    shipment->all->come(shipment);
}

int tw_shipment_add(tw_shipment *shipment, const tw_flow *flow, double latency_s, int after)
{
  tw_shipment_flow f = {.flow = *flow,
                        .shipment = shipment,
                        .latency_s = latency_s,
                        .next = -1,
                        .follows = after >= 0,
                        .node = {.place = TW_HEAP_OUT}};
  f.flow.ended = flow_ended;
  if (shipment->flows == NULL)
    shipment->flows = g_array_new(FALSE, FALSE, sizeof f);
  int number = flows_of(shipment);
  if (after >= 0)
    flow_of(shipment, after)->next = number;
  g_array_append_val(shipment->flows, f);
  return number;
}

tw_flow *tw_shipment_find(const tw_shipment *shipment, int from, int to)
{
  for (int i = 0; i < flows_of(shipment); i++)
    if (flow_of(shipment, i)->flow.from == from && flow_of(shipment, i)->flow.to == to)
      return &flow_of(shipment, i)->flow;
  return NULL;
}

double tw_shipment_bytes(const tw_shipment *shipment)
{
  double bytes = 0;
  for (int i = 0; i < flows_of(shipment); i++)
    bytes += flow_of(shipment, i)->flow.bytes;
  return bytes;
}

void tw_shipment_begin(tw_shipment *shipment, double now_s)
{
  tw_shipments *all = shipment->all;
  shipment->flows_left = flows_of(shipment);
  g_queue_push_tail_link(&all->under_way, &shipment->link);
  if (shipment->flows_left == 0)
    g_queue_push_tail(&all->empty, shipment);
  for (int i = 0; i < shipment->flows_left; i++) {
    tw_shipment_flow *f = flow_of(shipment, i);
    if (f->follows)
      continue;
    if (f->flow.start_s > now_s)
      start_at(f, f->flow.start_s);
    else
      start_soon(f);
  }
}

void tw_shipment_schedule(tw_shipment *shipment)
{
  tw_shipments *all = shipment->all;
  g_queue_remove(&all->empty, shipment); /* it began after the last look at these */
  g_queue_unlink(&all->under_way, &shipment->link);
  tw_heap_push(&all->due, &shipment->node, shipment->ready_s, shipment->tie);
}

void tw_shipment_take(tw_shipment *shipment)
{
  g_queue_unlink(&shipment->all->under_way, &shipment->link);
}

void tw_shipment_cancel(tw_shipment *shipment)
{
  tw_shipments *all = shipment->all;
  for (int i = 0; i < flows_of(shipment); i++) {
    tw_shipment_flow *f = flow_of(shipment, i);
    if (tw_heap_node_in(&f->node))
      tw_heap_remove(&all->starts, &f->node);
    if (f->state == TW_FLOW_STARTS)
      g_queue_remove(&all->starting, f);
    if (f->state == TW_FLOW_UNDER_WAY)
      all->network.cancel(all->network.state, &f->flow);
    all->flows -= f->state == TW_FLOW_STARTS || f->state == TW_FLOW_UNDER_WAY;
    f->state = TW_FLOW_ENDED;
  }
  g_queue_remove(&all->empty, shipment);
  if (tw_heap_node_in(&shipment->node))
    tw_heap_remove(&all->due, &shipment->node);
  else
    tw_shipment_take(shipment);
}

void tw_shipments_start_flows(tw_shipments *all)
{
  for (tw_shipment *shipment; (shipment = g_queue_pop_head(&all->empty)) != NULL;)
    all->come(shipment);
  for (tw_shipment_flow *f; (f = g_queue_pop_head(&all->starting)) != NULL;) {
    f->state = TW_FLOW_UNDER_WAY;
    all->network.start(all->network.state, &f->flow, f->flow.start_s);
  }
}

static double key_of(const tw_heap *heap)
{
  tw_heap_node *top = tw_heap_top(heap);
  return top != NULL ? top->key : INFINITY;
}

double tw_shipments_due(const tw_shipments *all)
{
  return fmin(key_of(&all->starts), key_of(&all->due));
}

tw_shipment *tw_shipments_step(tw_shipments *all)
{
  tw_heap_node *start = tw_heap_top(&all->starts), *top = tw_heap_top(&all->due);
  if (start != NULL && start->key <= key_of(&all->due)) {
    tw_heap_remove(&all->starts, start);
    start_soon(tw_container(start, tw_shipment_flow, node));
    return NULL;
  }
  tw_heap_remove(&all->due, top);
  return tw_container(top, tw_shipment, node);
}

tw_shipment *tw_shipments_pop(tw_shipments *all)
{
  g_queue_clear(&all->starting);
  g_queue_clear(&all->empty);
  for (tw_heap_node *top; (top = tw_heap_top(&all->starts)) != NULL;)
    tw_heap_remove(&all->starts, top);
  all->flows = 0;
  GList *link = g_queue_pop_head_link(&all->under_way);
  if (link != NULL)
    return link->data;
  tw_heap_node *top = tw_heap_top(&all->due);
  if (top == NULL)
    return NULL;
  tw_heap_remove(&all->due, top);
  return tw_container(top, tw_shipment, node);
}
