/* How far a stream is: the larger share of its number and of its time, and 1 where no request will come. */
#include "platforms/input/data.h"
#include "tests/check.h"
#include "workloads/stream/class.h"
#include "workloads/stream/mix.h"

/* Requests of one token, a second apart. */
static tw_class every_second(gint64 limit, double duration_s)
{
  tw_class class = TW_CLASS_NONE;
  class.law = TW_ARRIVAL_FIXED;
  class.rate_per_s = 1;
  class.limit = limit;
  class.duration_s = duration_s;
  for (int i = 0; i < 3; i++)
    class.lengths[i] = (tw_length){.kind = TW_LENGTH_FIXED, .mean = i != 1, .max = 10};
  class.lengths[0].min = class.lengths[2].min = 1;
  return class;
}

static tw_stream *stream_of(const tw_class *class)
{
  g_autoptr(GError) error = NULL;
  if (!tw_class_check(class, &error))
    fail_msg("%s", error->message);
  return tw_class_stream(class, &(tw_generator_use){1, NAN, G_MININT64, 1}, INFINITY);
}

/* Takes the next request, and returns when it arrives. */
static double take(tw_stream *stream)
{
  tw_request request;
  assert_true(tw_stream_next(stream, &request, NULL));
  double arrival_s = request.arrival_s;
  tw_request_clear(&request);
  return arrival_s;
}

static void requests_that_arrive_anyway_are_counted_by_number_and_time(void **state)
{
  (void)state;
  tw_class four = every_second(4, NAN), in_8_s = every_second(G_MININT64, 8), both = every_second(4, 5);
  g_autoptr(tw_stream) number = stream_of(&four), time = stream_of(&in_8_s), larger = stream_of(&both);
  double first_s = take(number);
  assert_near(tw_stream_progress(number), 0.25, 0);
  take(number);
  assert_near(tw_stream_progress(number), 0.5, 0);
  assert_near(take(time), first_s, 0);
  assert_near(tw_stream_progress(time), first_s / 8, 1e-15);
  take(time);
  assert_near(tw_stream_progress(time), (first_s + 1) / 8, 1e-15);
  take(larger);
  assert_near(tw_stream_progress(larger), fmax(first_s / 5, 0.25), 1e-15);
  take(larger);
  assert_near(tw_stream_progress(larger), fmax((first_s + 1) / 5, 0.5), 1e-15);
}

/* A client that asks at 0 s, is answered 2 s later each time, and thinks for 1 s: it asks at 0, 3, 6, 9 s. */
static void clients_that_wait_are_counted_by_number_and_by_when_they_ask_next(void **state)
{
  (void)state;
  tw_class class = every_second(G_MININT64, 10);
  class.kind = TW_CLASS_CLOSED;
  class.concurrency = 1;
  class.sent = 8;
  class.think_s = 1;
  g_autoptr(tw_stream) stream = stream_of(&class);
  assert_near(tw_stream_progress(stream), 0, 0);
  for (int i = 0; i < 4; i++) {
    tw_request request;
    assert_true(tw_stream_next(stream, &request, NULL));
    assert_near(request.arrival_s, 3 * i, 0);
    assert_near(tw_stream_progress(stream), (i + 1) / 8.0, 0); /* it waits: its next question has no time */
    tw_stream_told(stream, &request, TRUE, request.arrival_s + 2);
    assert_near(tw_stream_progress(stream), i < 3 ? fmax((i + 1) / 8.0, 3 * (i + 1) / 10.0) : 1, 1e-15);
    tw_request_clear(&request);
  }
  assert_true(tw_stream_over(stream));
}

/* One session begins ahead of the request that is due first; so one more has begun than was asked. */
static void sessions_are_counted_by_how_many_began_and_when_the_next_does(void **state)
{
  (void)state;
  tw_turn turn = {.id = "ask",
                  .repeat = 1,
                  .branches = 1,
                  .prompt = {.kind = TW_LENGTH_FIXED, .mean = 1, .min = 1, .max = 1},
                  .answer = {.kind = TW_LENGTH_FIXED, .mean = 1, .min = 1, .max = 1}};
  tw_class class = every_second(4, NAN);
  class.kind = TW_CLASS_SESSIONS;
  class.hash_tokens = 16;
  class.turns = &turn;
  class.n_turns = 1;
  g_autoptr(tw_stream) number = stream_of(&class);
  assert_near(tw_stream_progress(number), 0.25, 0);
  take(number);
  assert_near(tw_stream_progress(number), 0.5, 0);
  take(number), take(number);
  assert_near(tw_stream_progress(number), 1, 0);
  class.limit = G_MININT64;
  class.duration_s = 10;
  g_autoptr(tw_stream) time = stream_of(&class);
  double first_s = take(time); /* the second session has begun; the third begins 2 s after the first */
  assert_near(tw_stream_progress(time), (first_s + 2) / 10, 1e-15);
}

static void a_measured_service_is_counted_by_number_and_time(void **state)
{
  (void)state;
  g_autoptr(tw_faults) faults = tw_faults_new();
  g_autofree char *arrivals = tw_data_path("workloads/clients/servegen-r1-arrivals.csv.gz"),
                  *lengths = tw_data_path("workloads/clients/servegen-r1-lengths.csv.gz");
  tw_servegen *tables = tw_servegen_load(arrivals, lengths, faults);
  assert_non_null(tables);
  tw_stream *ten = tw_stream_servegen(tables, "r1", 1, 10, INFINITY, 1),
            *in_100_s = tw_stream_servegen(tables, "r1", 1, G_MAXINT64, 100, 1);
  take(ten), take(ten), take(ten);
  assert_near(tw_stream_progress(ten), 0.3, 0);
  double arrival_s = 0;
  for (int i = 0; i < 20; i++)
    arrival_s = take(in_100_s);
  assert_near(tw_stream_progress(in_100_s), arrival_s / 100, 1e-15);
  tw_stream_free(ten);
  tw_stream_free(in_100_s);
  tw_servegen_free(tables);
}

/* Requests of both classes come in turn: after two of each, one is half through, the other a quarter. */
static void a_mix_is_as_far_as_its_slowest_class_or_its_number(void **state)
{
  (void)state;
  for (gint64 limit = 5; limit <= 100; limit += 95) {
    tw_class four = every_second(4, NAN), eight = every_second(8, NAN);
    tw_mix_member members[] = {{stream_of(&four), g_intern_static_string("a"), 0},
                               {stream_of(&eight), g_intern_static_string("b"), 0}};
    g_autoptr(tw_stream) mix = tw_stream_mix(members, 2, limit);
    take(mix), take(mix), take(mix), take(mix);
    /* The mix looks one request of each class ahead. */
    double slowest = fmin(tw_stream_progress(members[0].stream), tw_stream_progress(members[1].stream));
    assert_in_range((int)(slowest * 8), 2, 3);
    assert_near(tw_stream_progress(mix), limit == 5 ? 0.8 : slowest, 0);
  }
}

static void nothing_is_over_as_it_begins(void **state)
{
  (void)state;
  g_autoptr(tw_stream) none = tw_stream_none();
  tw_request request;
  assert_false(tw_stream_next(none, &request, NULL));
  assert_near(tw_stream_progress(none), 1, 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(requests_that_arrive_anyway_are_counted_by_number_and_time),
      cmocka_unit_test(clients_that_wait_are_counted_by_number_and_by_when_they_ask_next),
      cmocka_unit_test(sessions_are_counted_by_how_many_began_and_when_the_next_does),
      cmocka_unit_test(a_measured_service_is_counted_by_number_and_time),
      cmocka_unit_test(nothing_is_over_as_it_begins),
      cmocka_unit_test(a_mix_is_as_far_as_its_slowest_class_or_its_number),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
