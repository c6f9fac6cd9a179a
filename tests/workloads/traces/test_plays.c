/* Recorded sessions that wait for the answers of now. */
#include "tests/workloads/given.h"
#include "workloads/stream/sessions.h"
#include "workloads/traces/replay.h"

#define HEADER "arrival_s,prompt_tokens,answer_tokens,session,hash_tokens,hashes,request,after,agent\n"

/* A fork and a join: b and c wait for the end and for the start of a, d for both. Beside it, a second
 * session. */
#define TWO_SESSIONS                                                                                         \
  HEADER "5,100,10,s,16,1,a,,\n"                                                                             \
         "6,100,10,t,16,1,x,,\n"                                                                             \
         "9,100,10,s,16,1 2,b,a+2,\n"                                                                        \
         "10,100,10,s,,,c,a@start+0.5,helper\n"                                                              \
         "20,100,10,s,,,d,b+1 c+3,\n"

/* Replays with a server that takes `service_s` for every request: "when prompt session" of each. */
static char *play(void **state, const char *text, const tw_trace_options *options, double service_s,
                  tw_session_counts *counts)
{
  g_autofree char *path = given_text(state, "trace", text);
  g_autoptr(GError) error = NULL;
  g_autoptr(tw_stream) stream = tw_stream_open(path, NULL, options, &error);
  assert_non_null(stream);
  GString *all = g_string_new(NULL);
  GQueue under_way = G_QUEUE_INIT; /* in the order of sending, and so of ending */
  for (double due_s;;) {
    assert_true(tw_stream_due(stream, &due_s, &error));
    tw_request *first = g_queue_peek_head(&under_way);
    if (first != NULL && first->arrival_s + service_s <= due_s) {
      tw_stream_told(stream, first, TRUE, first->arrival_s + service_s);
      g_free(g_queue_pop_head(&under_way));
      continue;
    }
    tw_request request;
    if (!tw_stream_next(stream, &request, &error))
      break;
    g_string_append_printf(all, "%g %s", request.arrival_s, request.session);
    for (gint32 i = 0; i < request.n_hashes; i++)
      g_string_append_printf(all, " %s%" G_GUINT64_FORMAT, request.hashes[i] > 99 ? "other" : "",
                             request.hashes[i] > 99 ? 0 : request.hashes[i]);
    g_string_append_c(all, '\n');
    tw_request_clear(&request);
    g_queue_push_tail(&under_way, g_memdup2(&request, sizeof request));
  }
  if (error != NULL)
    g_string_append_printf(all, "%s", strstr(error->message, "requests of"));
  g_queue_clear_full(&under_way, g_free);
  if (counts != NULL)
    assert_true(tw_stream_session_counts(stream, counts));
  return g_string_free(all, FALSE);
}

/* a ends at 5 + 4 = 9: b at 11, c at 5.5; they end at 15 and 9.5: d at max(15 + 1, 9.5 + 3) = 16, and ends
 * at 20. */
static void turns_wait_for_the_ends_and_starts_of_now(void **state)
{
  tw_trace_options options = TW_TRACE_OPTIONS_DEFAULT;
  options.mode = TW_REPLAY_SESSIONS;
  tw_session_counts counts;
  g_autofree char *all = play(state, TWO_SESSIONS, &options, 4, &counts);
  assert_string_equal(all, "5 s 1\n5.5 s\n6 t 1\n11 s 1 2\n16 s\n");
  assert_int_equal(counts.completed, 2);
  /* s takes from 5 to 20, t from 6 to 10; requests 5 times 4 s; s is without any from 9.5 to 11 and from 15
   * to 16. */
  assert_near(counts.makespan_s, 15 + 4, 1e-9);
  assert_near(counts.longest_s, 15, 1e-9);
  assert_near(counts.model_s, 20, 1e-9);
  assert_near(counts.away_s, 2.5, 1e-9);
}

/* One session at a time: t begins when s ends, at 15. */
/* Of the two sessions above, the first warms up: sums are those of the other, which takes from 6 to 10. */
static void statistics_leave_out_sessions_that_warm_up(void **state)
{
  g_autofree char *path = given_text(state, "trace", TWO_SESSIONS);
  tw_trace_options options = TW_TRACE_OPTIONS_DEFAULT;
  options.mode = TW_REPLAY_SESSIONS;
  options.warmup_sessions = 1;
  tw_session_counts counts;
  g_free(play(state, TWO_SESSIONS, &options, 4, &counts));
  assert_int_equal(counts.completed, 2);
  assert_int_equal(counts.measured, 1);
  assert_near(counts.makespan_s, 4, 1e-9);
  assert_near(counts.longest_s, 4, 1e-9);
  g_autoptr(tw_stream) stream = tw_stream_open(path, NULL, &options, NULL);
  for (int i = 0; i < 3; i++) { /* at 5, 5.5 and 6 s: s, s and t */
    tw_request request;
    assert_true(tw_stream_next(stream, &request, NULL));
    assert_int_equal(request.warmup, i < 2);
    tw_request_clear(&request);
  }
}

static void lanes_begin_a_session_when_another_ends(void **state)
{
  tw_trace_options options = TW_TRACE_OPTIONS_DEFAULT;
  options.mode = TW_REPLAY_LANES;
  g_autofree char *all = play(state, TWO_SESSIONS, &options, 4, NULL);
  assert_string_equal(all, "0 s 1\n0.5 s\n6 s 1 2\n11 s\n15 t 1\n");
}

/* Waits of 2 and 3 s are cut to 1: d follows b's end at 9 + 1 and c's at 4.5 + 1. */
static void long_waits_can_be_cut(void **state)
{
  tw_trace_options options = TW_TRACE_OPTIONS_DEFAULT;
  options.mode = TW_REPLAY_LANES;
  options.most_gap_s = 1;
  g_autofree char *all = play(state, TWO_SESSIONS, &options, 4, NULL);
  assert_string_equal(all, "0 s 1\n0.5 s\n5 s 1 2\n10 s\n14 t 1\n");
}

/* The second pass is of other sessions, whose prompts share nothing with those of the first. */
static void a_copy_finds_nothing_of_the_first(void **state)
{
  tw_trace_options options = TW_TRACE_OPTIONS_DEFAULT;
  options.mode = TW_REPLAY_LANES;
  options.repeat = 2;
  g_autofree char *all = play(state, HEADER "0,100,10,s,16,1,a,,\n", &options, 4, NULL);
  assert_string_equal(all, "0 s 1\n4 s#2 other0\n");
}

/* Rows that name nothing follow each other: the recorded gaps are 3 s behind an end at 1 + 2, and 1 s. A
 * sub-agent begins half a second behind the start of the request that was under way then, and is waited for.
 */
static void agents_wait_as_their_times_say(void **state)
{
  tw_trace_options options = TW_TRACE_OPTIONS_DEFAULT;
  options.mode = TW_REPLAY_SESSIONS;
  const char *text = "arrival_s,prompt_tokens,answer_tokens,session,after,agent,service_s\n"
                     "1,10,1,s,^,,2\n"
                     "1.5,10,1,s,^,helper,3\n" /* ends at 4.5 */
                     "6,10,1,s,^,,1\n";
  g_autofree char *all = play(state, text, &options, 10, NULL);
  /* The helper ends at 11.5: the third request comes 6 - 4.5 = 1.5 s later, later than 11 + 3. */
  assert_string_equal(all, "1 s\n1.5 s\n14 s\n");
}

/* Weka's plays need not lie in the order in which they start; the first request of `late` even stands below one that waits
 * for it. In lanes they are played as they lie, at once from the start: the first one's times count from its earliest. */
static void sessions_begin_in_the_order_of_their_starts(void **state)
{
  tw_trace_options options = TW_TRACE_OPTIONS_DEFAULT;
  const char *text =
      "{\"id\":\"late\",\"models\":[],\"block_size\":64,\"requests\":[{\"t\":5,\"in\":9,\"out\":9},"
      "{\"t\":3,\"in\":9,\"out\":9}]}\n"
      "{\"id\":\"early\",\"models\":[],\"block_size\":64,\"requests\":[{\"t\":1,\"in\":9,\"out\":9}]}\n";
  options.mode = TW_REPLAY_SESSIONS;
  g_autofree char *by_start = play(state, text, &options, 1, NULL);
  assert_string_equal(by_start, "1 early\n5 late\n5 late\n");
  options.mode = TW_REPLAY_LANES;
  options.lanes = 2;
  g_autofree char *in_lanes = play(state, text, &options, 1, NULL);
  assert_string_equal(in_lanes, "0 early\n2 late\n2 late\n");
}

static void requests_that_wait_in_a_circle_are_a_fault(void **state)
{
  tw_trace_options options = TW_TRACE_OPTIONS_DEFAULT;
  options.mode = TW_REPLAY_LANES;
  g_autofree char *all = play(state, HEADER "0,1,1,s,,,a,b,\n1,1,1,s,,,b,a,\n", &options, 1, NULL);
  assert_string_equal(all, "requests of the session 's' wait for each other in a circle");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(turns_wait_for_the_ends_and_starts_of_now),
      cmocka_unit_test(statistics_leave_out_sessions_that_warm_up),
      cmocka_unit_test(lanes_begin_a_session_when_another_ends),
      cmocka_unit_test(long_waits_can_be_cut),
      cmocka_unit_test(a_copy_finds_nothing_of_the_first),
      cmocka_unit_test(agents_wait_as_their_times_say),
      cmocka_unit_test(sessions_begin_in_the_order_of_their_starts),
      cmocka_unit_test(requests_that_wait_in_a_circle_are_a_fault),
  };
  return cmocka_run_group_tests(tests, given_directory, remove_directory);
}
