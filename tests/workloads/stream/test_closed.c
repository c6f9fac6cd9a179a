/* Clients that wait for their answers. */
#include "tests/check.h"
#include "workloads/stream/stream.h"

static tw_closed_options options(gint64 clients, gint64 limit)
{
  return (tw_closed_options){.clients = clients,
                             .limit = limit,
                             .duration_s = INFINITY,
                             .prompt = {.kind = TW_LENGTH_FIXED, .mean = 100, .min = 1, .max = 1000},
                             .answer = {.kind = TW_LENGTH_FIXED, .mean = 10, .min = 1, .max = 1000}};
}

static double due(tw_stream *stream)
{
  double arrival_s;
  assert_true(tw_stream_due(stream, &arrival_s, NULL));
  return arrival_s;
}

static tw_request take(tw_stream *stream)
{
  tw_request request;
  assert_true(tw_stream_next(stream, &request, NULL));
  return request;
}

static void a_client_asks_again_when_its_answer_has_come_and_it_has_thought(void **state)
{
  (void)state;
  tw_closed_options one = options(1, 2);
  one.think_s = 0.5;
  g_autoptr(tw_stream) stream = tw_stream_closed(&one);
  assert_near(due(stream), 0, 0);
  tw_request request = take(stream);
  assert_true(isinf(due(stream)));
  assert_false(tw_stream_next(stream, &request, NULL)); /* none at present */
  tw_stream_told(stream, &request, TRUE, 3);
  assert_near(due(stream), 3.5, 0);
  request = take(stream);
  assert_near(request.arrival_s, 3.5, 0);
  assert_int_equal(request.id, 1);
  tw_stream_told(stream, &request, TRUE, 4);
  assert_true(isinf(due(stream))); /* the limit */
}

static void as_many_requests_are_under_way_as_there_are_clients(void **state)
{
  (void)state;
  tw_closed_options three = options(3, 7);
  g_autoptr(tw_stream) stream = tw_stream_closed(&three);
  tw_request request;
  for (int i = 0; i < 3; i++)
    request = take(stream);
  assert_true(isinf(due(stream)));
  int sent = 3;
  for (double now_s = 1; sent < 7; now_s++, sent++) {
    tw_stream_told(stream, &request, TRUE, now_s);
    assert_near(due(stream), now_s, 0);
    request = take(stream);
    assert_true(isinf(due(stream)));
  }
}

static void clients_start_evenly_over_the_ramp(void **state)
{
  (void)state;
  tw_closed_options four = options(4, 100);
  four.ramp_s = 2;
  g_autoptr(tw_stream) stream = tw_stream_closed(&four);
  for (int i = 0; i < 4; i++)
    assert_near(take(stream).arrival_s, 0.5 * i, 0);
}

static void an_answer_during_the_ramp_comes_in_between(void **state)
{
  (void)state;
  tw_closed_options two = options(2, 100);
  two.ramp_s = 2; /* starts at 0 and 1 s */
  g_autoptr(tw_stream) stream = tw_stream_closed(&two);
  tw_request first = take(stream);
  assert_near(due(stream), 1, 0);
  tw_stream_told(stream, &first, TRUE, 0.25);
  assert_near(take(stream).arrival_s, 0.25, 0);
  assert_near(take(stream).arrival_s, 1, 0);
}

static void nothing_is_sent_after_the_duration(void **state)
{
  (void)state;
  tw_closed_options timed = options(1, 100);
  timed.duration_s = 5;
  g_autoptr(tw_stream) stream = tw_stream_closed(&timed);
  tw_request request = take(stream);
  tw_stream_told(stream, &request, TRUE, 5);
  assert_true(isinf(due(stream)));
}

static void options_that_cannot_end_are_refused(void **state)
{
  (void)state;
  tw_closed_options endless = options(1, G_MAXINT64), nobody = options(0, 1), hasty = options(1, 1);
  hasty.think_s = -1;
  assert_false(tw_closed_check(&endless, NULL));
  assert_false(tw_closed_check(&nobody, NULL));
  assert_false(tw_closed_check(&hasty, NULL));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_client_asks_again_when_its_answer_has_come_and_it_has_thought),
      cmocka_unit_test(as_many_requests_are_under_way_as_there_are_clients),
      cmocka_unit_test(clients_start_evenly_over_the_ramp),
      cmocka_unit_test(an_answer_during_the_ramp_comes_in_between),
      cmocka_unit_test(nothing_is_sent_after_the_duration),
      cmocka_unit_test(options_that_cannot_end_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
