/* Shipments: flows under way until the last has come, on a network whose flows end when a test says so. */
#include "sim/network/shipment.h"
#include "tests/check.h"

#include <math.h>

/* Flows under way, in the order of their start. */
typedef struct wire {
  GPtrArray *flows; /* elements are tw_flow * */
  int cancelled;
} wire;

static void start_flow(void *state, tw_flow *flow, double now_s)
{
  flow->start_s = now_s;
  g_ptr_array_add(((wire *)state)->flows, flow);
}

static void cancel_flow(void *state, tw_flow *flow)
{
  wire *w = state;
  w->cancelled++;
  assert_true(g_ptr_array_remove(w->flows, flow));
}

static void end_flow(wire *w, guint i, double end_s)
{
  tw_flow *flow = g_ptr_array_remove_index(w->flows, i);
  flow->ended(flow, end_s);
}

static tw_shipments open_shipments(wire *w, void (*come)(tw_shipment *shipment))
{
  *w = (wire){g_ptr_array_new(), 0};
  tw_network network = {.start = start_flow, .cancel = cancel_flow, .state = w};
  tw_shipments all;
  tw_shipments_init(&all, &network, come);
  return all;
}

static void close_shipments(tw_shipments *all, wire *w)
{
  tw_shipments_clear(all);
  g_ptr_array_unref(w->flows);
}

static void add(tw_shipment *shipment, double start_s, double latency_s, int after)
{
  tw_flow flow = {.from = 0, .to = 1, .bytes = 1, .start_s = start_s};
  tw_shipment_add(shipment, &flow, latency_s, after);
}

static void a_shipment_is_there_when_its_last_flow_and_latency_have_passed(void **state)
{
  (void)state;
  wire w;
  tw_shipments all = open_shipments(&w, NULL);
  tw_shipment shipment = {0};
  tw_shipment_init(&shipment, &all, 1, 0);
  add(&shipment, 1, 0.5, -1);
  add(&shipment, 1, 4, -1);
  tw_shipment_begin(&shipment, 1);
  assert_int_equal(w.flows->len, 0); /* it starts between events */
  tw_shipments_start_flows(&all);
  assert_int_equal(w.flows->len, 2);
  assert_int_equal(all.flows, 2);
  end_flow(&w, 1, 2); /* there at 6 */
  assert_true(isinf(tw_shipments_due(&all)));
  end_flow(&w, 0, 5); /* there at 5.5 */
  assert_int_equal(all.flows, 0);
  assert_near(tw_shipments_due(&all), 6, 0);
  assert_ptr_equal(tw_shipments_step(&all), &shipment);
  assert_true(isinf(tw_shipments_due(&all)));
  tw_shipment_clear(&shipment);
  close_shipments(&all, &w);
}

static void a_shipment_without_flows_comes_between_events(void **state)
{
  (void)state;
  wire w;
  tw_shipments all = open_shipments(&w, NULL);
  tw_shipment shipment = {0};
  tw_shipment_init(&shipment, &all, 3, 0);
  tw_shipment_begin(&shipment, 1);
  assert_true(isinf(tw_shipments_due(&all)));
  tw_shipments_start_flows(&all);
  assert_near(tw_shipments_due(&all), 3, 0);
  assert_ptr_equal(tw_shipments_step(&all), &shipment);
  tw_shipment_clear(&shipment);
  close_shipments(&all, &w);
}

/* One that nothing has to come for may be scheduled before anybody looks between events. */
static void a_shipment_that_was_scheduled_does_not_come_again(void **state)
{
  (void)state;
  wire w;
  tw_shipments all = open_shipments(&w, NULL);
  tw_shipment shipment = {0};
  tw_shipment_init(&shipment, &all, 3, 0);
  tw_shipment_begin(&shipment, 1);
  tw_shipment_schedule(&shipment);
  tw_shipments_start_flows(&all); /* it would call NULL */
  assert_near(tw_shipments_due(&all), 3, 0);
  assert_ptr_equal(tw_shipments_step(&all), &shipment);
  close_shipments(&all, &w);
}

/* The second flow starts at 4, or when the first has ended, whichever is later. */
static void a_flow_follows_on_another(void **state)
{
  (void)state;
  for (int late = 0; late < 2; late++) {
    wire w;
    tw_shipments all = open_shipments(&w, NULL);
    tw_shipment shipment = {0};
    tw_shipment_init(&shipment, &all, 0, 0);
    add(&shipment, 2, 0, -1);
    add(&shipment, 4, 0, 0);
    tw_shipment_begin(&shipment, 0);
    tw_shipments_start_flows(&all);
    assert_int_equal(w.flows->len, 0);
    assert_near(tw_shipments_due(&all), 2, 0);
    assert_null(tw_shipments_step(&all));
    tw_shipments_start_flows(&all);
    assert_int_equal(w.flows->len, 1);
    assert_true(isinf(tw_shipments_due(&all)));
    end_flow(&w, 0, late ? 7 : 3);
    assert_near(tw_shipments_due(&all), late ? 7 : 4, 0);
    assert_null(tw_shipments_step(&all));
    tw_shipments_start_flows(&all);
    end_flow(&w, 0, 9);
    assert_ptr_equal(tw_shipments_step(&all), &shipment);
    tw_shipment_clear(&shipment);
    close_shipments(&all, &w);
  }
}

static void a_cancelled_shipment_leaves_the_links_wherever_it_is(void **state)
{
  (void)state;
  wire w;
  tw_shipments all = open_shipments(&w, NULL);
  tw_shipment shipment = {0}, other = {0};
  tw_shipment_init(&other, &all, 0, 1);
  add(&other, 0, 0, -1);
  tw_shipment_begin(&other, 0);
  for (int stage = 0; stage < 5; stage++) {
    tw_shipment_init(&shipment, &all, 0, 0);
    add(&shipment, 0, 0, -1);
    add(&shipment, 8, 0, -1);
    add(&shipment, 0, 0, 0);
    tw_shipment_begin(&shipment, 0);
    if (stage > 0)
      tw_shipments_start_flows(&all); /* the first is under way, the second is to start, the third follows */
    if (stage > 1)
      end_flow(&w, w.flows->len - 1, 1); /* the third is to start */
    while (stage > 2 && isfinite(tw_shipments_due(&all)))
      assert_null(tw_shipments_step(&all));
    if (stage > 2)
      tw_shipments_start_flows(&all); /* two under way */
    while (stage > 3 && w.flows->len > 1)
      end_flow(&w, 1, 9); /* it is due */
    w.cancelled = 0;
    tw_shipment_cancel(&shipment);
    assert_int_equal(w.cancelled, stage == 1 ? 1 : stage == 3 ? 2 : 0);
    assert_true(isinf(tw_shipments_due(&all)));
    assert_int_equal(all.flows, 1); /* the other's */
    assert_int_equal(all.starts.n, 0);
  }
  end_flow(&w, 0, 10);
  assert_ptr_equal(tw_shipments_step(&all), &other);
  tw_shipment_clear(&shipment);
  tw_shipment_clear(&other);
  close_shipments(&all, &w);
}

static void take_at_once(tw_shipment *shipment)
{
  tw_shipment_take(shipment);
}

static void whoever_ships_may_take_what_has_come(void **state)
{
  (void)state;
  wire w;
  tw_shipments all = open_shipments(&w, take_at_once);
  tw_shipment shipment = {0};
  for (int i = 0; i < 2; i++) { /* the same shipment may go again */
    tw_shipment_init(&shipment, &all, 0, 0);
    add(&shipment, 0, 1, -1);
    tw_shipment_begin(&shipment, 0);
    tw_shipments_start_flows(&all);
    end_flow(&w, 0, 2);
    assert_near(shipment.ready_s, 3, 0);
    assert_null(tw_shipments_pop(&all));
  }
  tw_shipment_clear(&shipment);
  close_shipments(&all, &w);
}

static void a_run_that_ends_takes_out_those_under_way_before_those_that_are_due(void **state)
{
  (void)state;
  wire w;
  tw_shipments all = open_shipments(&w, NULL);
  tw_shipment shipments[3] = {{0}, {0}, {0}};
  for (int i = 0; i < 3; i++) {
    tw_shipment_init(&shipments[i], &all, 0, (guint64)i);
    add(&shipments[i], 0, 0, -1);
    tw_shipment_begin(&shipments[i], 0);
  }
  tw_shipments_start_flows(&all);
  end_flow(&w, 0, 1);
  assert_ptr_equal(tw_shipments_pop(&all), &shipments[1]);
  assert_ptr_equal(tw_shipments_pop(&all), &shipments[2]);
  assert_ptr_equal(tw_shipments_pop(&all), &shipments[0]);
  assert_null(tw_shipments_pop(&all));
  assert_int_equal(all.flows, 0);
  for (int i = 0; i < 3; i++)
    tw_shipment_clear(&shipments[i]);
  close_shipments(&all, &w);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_shipment_is_there_when_its_last_flow_and_latency_have_passed),
      cmocka_unit_test(a_shipment_without_flows_comes_between_events),
      cmocka_unit_test(a_shipment_that_was_scheduled_does_not_come_again),
      cmocka_unit_test(a_flow_follows_on_another),
      cmocka_unit_test(a_cancelled_shipment_leaves_the_links_wherever_it_is),
      cmocka_unit_test(whoever_ships_may_take_what_has_come),
      cmocka_unit_test(a_run_that_ends_takes_out_those_under_way_before_those_that_are_due),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
