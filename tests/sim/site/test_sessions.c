/* Sessions, from their turns to the engines and back: timelines and hits by hand. */
#include "tests/check.h"
#include "tests/sim/support.h"
#include "workloads/stream/sessions.h"

/* 10 ms an iteration, whatever is in it: an output of n tokens takes n iterations, the prefill included. */
static const test_costs ten_ms = {0.01, 0, 0, 0, FALSE};

static tw_length fixed(gint32 tokens)
{
  return (tw_length){.kind = TW_LENGTH_FIXED, .mean = tokens, .min = tokens, .max = tokens};
}

static tw_turn turn(const char *id, const int *after, int n_after, gint32 prompt, gint32 reasoning,
                    gint32 answer)
{
  return (tw_turn){.id = id,
                   .after = after,
                   .n_after = n_after,
                   .repeat = 1,
                   .branches = 1,
                   .prompt = fixed(prompt),
                   .reasoning = fixed(reasoning),
                   .answer = fixed(answer)};
}

static tw_sessions_options sessions_of(const tw_turn *turns, int n, gint64 limit)
{
  return (tw_sessions_options){.arrivals = {.rate_per_s = 1},
                               .population = {.clients = 1},
                               .scale = 1,
                               .limit = limit,
                               .duration_s = INFINITY,
                               .hash_tokens = 16,
                               .turns = turns,
                               .n_turns = n,
                               .seed = 1};
}

typedef struct result {
  GArray *arrivals, *ends, *prompts, *cached;
  tw_session_counts sessions;
  tw_request_totals totals;
} result;

static result run(const tw_scenario *scenario, const tw_sessions_options *options)
{
  g_autofree char *directory = test_directory();
  g_autoptr(GError) error = NULL;
  result r;
  if (!tw_sessions_check(options, &error))
    fail_msg("%s", error->message);
  g_autoptr(tw_stream) stream = tw_stream_sessions(options);
  g_autoptr(tw_recorder) recorder = test_run_stream(scenario, stream, directory, INFINITY);
  r.arrivals = test_column(directory, "requests", "arrival_s");
  r.ends = test_column(directory, "requests", "completion_s");
  r.prompts = test_column(directory, "requests", "prompt_tokens");
  r.cached = test_column(directory, "requests", "cached_tokens");
  assert_true(tw_stream_session_counts(stream, &r.sessions));
  r.totals = *tw_recorder_totals(recorder);
  test_remove(directory);
  return r;
}

static void clear(result *r)
{
  g_array_unref(r->arrivals);
  g_array_unref(r->ends);
  g_array_unref(r->prompts);
  g_array_unref(r->cached);
}

static double at(const GArray *values, guint i)
{
  return g_array_index(values, double, i);
}

static tw_scenario *cached_scenario(void)
{
  tw_scenario *scenario = test_scenario(1, &ten_ms, 4000);
  scenario->pools[0].prefix_cache = TRUE;
  scenario->pools[0].max_batched_tokens = 1 << 20;
  return scenario;
}

/* An agent: asked at s, it answers after 10 iterations, and three times waits 2 s for a tool and 5 iterations
 * for its answer. Prompts: 100, and each time the answer before and 40 new tokens more. */
static void sessions_need_an_end_and_at_least_one(void **state)
{
  (void)state;
  tw_turn turns[] = {turn("ask", NULL, 0, 100, 0, 10)};
  tw_sessions_options options = sessions_of(turns, 1, 1);
  assert_true(tw_sessions_check(&options, NULL));
  options.limit = 0;
  assert_false(tw_sessions_check(&options, NULL));
  options.limit = G_MAXINT64; /* for ever, and then for no time */
  assert_false(tw_sessions_check(&options, NULL));
  options.duration_s = 1;
  assert_true(tw_sessions_check(&options, NULL));
  options.duration_s = 0;
  assert_false(tw_sessions_check(&options, NULL));
}

static void a_loop_of_tool_calls_waits_for_each(void **state)
{
  (void)state;
  static const int ask[] = {0};
  tw_turn turns[] = {turn("ask", NULL, 0, 100, 0, 10), turn("call", ask, 1, 40, 0, 5)};
  turns[1].repeat = 3;
  turns[1].wait_s = 2;
  tw_scenario *scenario = cached_scenario();
  tw_sessions_options options = sessions_of(turns, 2, 1);
  result r = run(scenario, &options);
  double s = at(r.arrivals, 0);
  assert_int_equal(r.arrivals->len, 4);
  assert_near(at(r.ends, 0), s + 0.1, 1e-9);
  for (guint i = 1; i < 4; i++) {
    assert_near(at(r.arrivals, i), s + 0.1 + 2 * i + 0.05 * (i - 1), 1e-9);
    assert_near(at(r.ends, i), s + 0.1 + (2 + 0.05) * i, 1e-9);
  }
  static const int prompts[] = {100, 150, 195, 240};
  /* Computed by then: prompt and output but for the last token, 109, 154 and 199 tokens: 6, 9 and 12 blocks.
   */
  static const int cached[] = {0, 96, 144, 192};
  for (guint i = 0; i < 4; i++) {
    assert_int_equal(at(r.prompts, i), prompts[i]);
    assert_int_equal(at(r.cached, i), cached[i]);
  }
  assert_int_equal(r.sessions.completed, 1);
  clear(&r);
  test_scenario_free(scenario);
}

/* Two branches of 10 and 30 iterations after one question of 5, and a join after the longer one. The join
 * reads the first branch's context and the other's answer. */
static void branches_run_at_once_and_a_join_waits_for_the_last(void **state)
{
  (void)state;
  static const int ask[] = {0}, both[] = {1, 2};
  tw_turn turns[] = {turn("ask", NULL, 0, 50, 0, 5), turn("short", ask, 1, 20, 0, 10),
                     turn("long", ask, 1, 20, 0, 30), turn("join", both, 2, 7, 0, 1)};
  turns[2].wait_s = 0.5;
  tw_scenario *scenario = cached_scenario();
  tw_sessions_options options = sessions_of(turns, 4, 1);
  result r = run(scenario, &options);
  double s = at(r.arrivals, 0);
  assert_near(at(r.arrivals, 1), s + 0.05, 1e-9);
  assert_near(at(r.ends, 1), s + 0.05 + 0.1, 1e-9);
  assert_near(at(r.arrivals, 2), s + 0.05 + 0.5, 1e-9);
  assert_near(at(r.ends, 2), s + 0.05 + 0.5 + 0.3, 1e-9);
  assert_near(at(r.arrivals, 3), at(r.ends, 2), 1e-9);
  assert_near(at(r.ends, 3), at(r.ends, 2) + 0.01, 1e-9);
  assert_int_equal(at(r.prompts, 3), 50 + 5 + 20 + 10 + 30 + 7);
  assert_int_equal(r.sessions.completed, 1);
  clear(&r);
  test_scenario_free(scenario);
}

/* Best of four: a question of 31 tokens behind an outline of 48 and 17. The four prompts of 96 are the same: the first
 * finds the 64 tokens that the outline left, in blocks of 16, and the others all of the first's but the last block,
 * which holds the last token; they run together. */
static void best_of_n_asks_one_prompt_many_times(void **state)
{
  (void)state;
  static const int outline[] = {0};
  tw_turn turns[] = {turn("outline", NULL, 0, 48, 0, 17), turn("draft", outline, 1, 31, 0, 20)};
  turns[1].branches = 4;
  tw_scenario *scenario = cached_scenario();
  tw_sessions_options options = sessions_of(turns, 2, 1);
  result r = run(scenario, &options);
  for (guint i = 1; i <= 4; i++) {
    assert_int_equal(at(r.prompts, i), 96);
    assert_int_equal(at(r.cached, i), i == 1 ? 64 : 80);
    assert_near(at(r.ends, i), at(r.arrivals, 0) + 0.17 + 0.2, 1e-9);
  }
  clear(&r);
  test_scenario_free(scenario);
}

/* 64 prompt, 32 reasoning, 17 answer tokens. Kept, reasoning and answer are found behind the prompt: 112
 * tokens. Left out, the answer moves to where the reasoning was, and has to be computed again: 64. */
static void reasoning_that_is_left_out_of_the_context_is_not_found_again(void **state)
{
  (void)state;
  static const int ask[] = {0};
  tw_turn turns[] = {turn("ask", NULL, 0, 64, 32, 17), turn("go on", ask, 1, 20, 0, 1)};
  for (int keeps = 0; keeps < 2; keeps++) {
    tw_scenario *scenario = cached_scenario();
    tw_sessions_options options = sessions_of(turns, 2, 1);
    options.keeps_reasoning = keeps;
    result r = run(scenario, &options);
    assert_int_equal(at(r.prompts, 1), 64 + 17 + 20 + (keeps ? 32 : 0));
    assert_int_equal(at(r.cached, 1), keeps ? 112 : 64);
    clear(&r);
    test_scenario_free(scenario);
  }
}

/* All sessions begin with the same 160 tokens: the first computes them, and the others find them. */
static void sessions_share_their_system_prompt(void **state)
{
  (void)state;
  tw_turn turns[] = {turn("ask", NULL, 0, 40, 0, 1)};
  tw_scenario *scenario = cached_scenario();
  tw_sessions_options options = sessions_of(turns, 1, 10);
  options.system_tokens = 160;
  result r = run(scenario, &options);
  assert_int_equal(r.totals.cached_tokens, 9 * 160);
  assert_int_equal(r.totals.prompt_tokens, 10 * 200);
  clear(&r);
  test_scenario_free(scenario);
}

/* The second turn is too long for the engine: what comes after it is never asked, and the session is counted
 * as broken off; its other branch goes on to its own end. */
static void a_rejected_turn_breaks_its_session_off(void **state)
{
  (void)state;
  static const int ask[] = {0}, second[] = {1};
  tw_turn turns[] = {turn("ask", NULL, 0, 50, 0, 5), turn("too long", ask, 1, 2000, 0, 1),
                     turn("never", second, 1, 1, 0, 1), turn("beside", ask, 1, 10, 0, 5)};
  tw_scenario *scenario = cached_scenario();
  scenario->pools[0].max_model_len = 1000;
  tw_sessions_options options = sessions_of(turns, 4, 3);
  result r = run(scenario, &options);
  assert_int_equal(r.sessions.started, 3);
  assert_int_equal(r.sessions.broken, 3);
  assert_int_equal(r.sessions.completed, 0);
  assert_int_equal(r.totals.arrived, 3 * 3);
  assert_int_equal(r.totals.endings[TW_REJECTED], 3);
  assert_int_equal(r.totals.endings[TW_COMPLETED], 6);
  clear(&r);
  test_scenario_free(scenario);
}

/* Draft and check: with a probability of 1 the check finds fault, twice at most, and both are made again,
 * behind what was there; then the last turn follows the last check. Each of 10 iterations but the check of 5
 * after 1 s. Prompts: 100; + 10 + 20; + 5 + 30 (the draft's own, once more); and so on. */
static void a_check_that_fails_sends_the_session_back(void **state)
{
  (void)state;
  static const int draft[] = {0}, check[] = {1};
  tw_turn turns[] = {turn("draft", NULL, 0, 100, 0, 10), turn("check", draft, 1, 20, 0, 5),
                     turn("end", check, 1, 7, 0, 1)};
  turns[1].wait_s = 1;
  turns[1].retry_from = 0;
  for (gint64 retries = 0; retries < 3; retries++) {
    turns[1].retries = retries;
    for (double retry = 0; retry < 2; retry++) {
      turns[1].retry = retry;
      tw_scenario *scenario = cached_scenario();
      tw_sessions_options options = sessions_of(turns, 3, 1);
      result r = run(scenario, &options);
      guint passes = 1 + (guint)(retry > 0 ? retries : 0), n = 2 * passes + 1;
      assert_int_equal(r.arrivals->len, n);
      double now_s = at(r.arrivals, 0);
      gint64 prompt = 0;
      for (guint pass = 0; pass < passes; pass++) {
        prompt += 100 + (pass > 0 ? 5 : 0);
        assert_near(at(r.arrivals, 2 * pass), now_s, 1e-9);
        assert_int_equal(at(r.prompts, 2 * pass), prompt);
        prompt += 10 + 20;
        assert_near(at(r.arrivals, 2 * pass + 1), now_s + 0.1 + 1, 1e-9);
        assert_int_equal(at(r.prompts, 2 * pass + 1), prompt);
        now_s += 0.1 + 1 + 0.05;
      }
      assert_near(at(r.arrivals, n - 1), now_s, 1e-9);
      assert_int_equal(at(r.prompts, n - 1), prompt + 5 + 7);
      assert_int_equal(r.sessions.completed, 1);
      clear(&r);
      test_scenario_free(scenario);
    }
  }
}

/* With a probability of 1/2 and at most 3 times: 1/2 + 2/4 + 3/8 + 4/8 = 1.875 checks a session on average,
 * with a variance of 1/2 + 4/4 + 9/8 + 16/8 - 1.875² = 1.109. */
static void checks_fail_as_often_as_they_are_said_to(void **state)
{
  (void)state;
  enum { SESSIONS = 2000 };
  tw_turn turns[] = {turn("try", NULL, 0, 10, 0, 1)};
  turns[0].retry = 0.5;
  turns[0].retries = 3;
  tw_scenario *scenario = cached_scenario();
  tw_sessions_options options = sessions_of(turns, 1, SESSIONS);
  result r = run(scenario, &options);
  assert_near(r.arrivals->len, 1.875 * SESSIONS, 5 * sqrt(1.109 * SESSIONS));
  assert_int_equal(r.sessions.completed, SESSIONS);
  clear(&r);
  test_scenario_free(scenario);
}

/* Two branches of a drawn number of calls, which a join waits for: exponential of mean 3, rounded, from 1
 * to 6. P(k) = e^-((k - 1/2)/3) - e^-((k + 1/2)/3), the ends taking what is beyond: a mean of 1 + sum over k
 * = 2..6 of e^-((k - 1/2)/3) = 2.8111 and, from the same sum, a variance of 3.3. */
static void turns_repeat_as_often_as_is_drawn(void **state)
{
  (void)state;
  enum { SESSIONS = 2000 };
  static const int ask[] = {0}, call[] = {1};
  double mean = 1;
  for (int k = 2; k <= 6; k++)
    mean += exp(-(k - 0.5) / 3);
  tw_turn turns[] = {turn("ask", NULL, 0, 10, 0, 1), turn("call", ask, 1, 10, 0, 2),
                     turn("join", call, 1, 10, 0, 1)};
  turns[1].branches = 2;
  turns[1].repeats = (tw_length){.kind = TW_LENGTH_EXPONENTIAL, .mean = 3, .min = 1, .max = 6};
  tw_scenario *scenario = cached_scenario();
  tw_sessions_options options = sessions_of(turns, 3, SESSIONS);
  result r = run(scenario, &options);
  assert_near(r.arrivals->len, 2 * SESSIONS + 2 * SESSIONS * mean, 5 * sqrt(2 * SESSIONS * 3.3));
  assert_int_equal(r.sessions.completed, SESSIONS);
  /* Calls of the first branch are in the join's context, and the last answer of the other: 10 + 1 + 12 k + 2
   * + 10.
   */
  guint joins = 0;
  for (guint i = 0; i < r.prompts->len; i++)
    joins += ((gint64)at(r.prompts, i) - 23) % 12 == 0 && at(r.prompts, i) >= 35;
  assert_int_equal(joins, SESSIONS);
  clear(&r);
  test_scenario_free(scenario);
}

/* A budget cuts the reasoning short; the answer follows all the same. */
static void a_budget_cuts_reasoning_short(void **state)
{
  (void)state;
  tw_turn turns[] = {turn("ask", NULL, 0, 10, 0, 30)};
  turns[0].reasoning = (tw_length){.kind = TW_LENGTH_EXPONENTIAL, .mean = 1000, .max = 50};
  tw_scenario *scenario = cached_scenario();
  tw_sessions_options options = sessions_of(turns, 1, 100);
  result r = run(scenario, &options);
  assert_int_equal(r.totals.answer_tokens, 100 * 30);
  assert_in_range(r.totals.reasoning_tokens, 100 * 40, 100 * 50);
  clear(&r);
  test_scenario_free(scenario);
}

/* 900 turns, one behind the other, do not take more stack than ten. */
static void sessions_may_be_very_long(void **state)
{
  (void)state;
  static const int ask[] = {0};
  tw_turn turns[] = {turn("ask", NULL, 0, 1, 0, 1), turn("call", ask, 1, 1, 0, 1)};
  turns[1].repeat = 900;
  tw_sessions_options options = sessions_of(turns, 2, 1);
  g_autoptr(tw_stream) stream = tw_stream_sessions(&options);
  tw_request request;
  gint32 last = 0;
  while (tw_stream_next(stream, &request, NULL)) {
    last = request.prompt_tokens;
    tw_stream_told(stream, &request, TRUE, request.arrival_s);
    tw_request_clear(&request);
  }
  assert_int_equal(last, 901 + 900);
}

static char *table_of(tw_scenario *scenario, tw_stream *stream)
{
  g_autofree char *directory = test_directory();
  tw_recorder_free(test_run_stream(scenario, stream, directory, INFINITY));
  char *table = test_table(directory, "requests");
  test_remove(directory);
  return table;
}

/* Sessions of one turn, written down as a trace and replayed, give the same table. */
static void sessions_of_one_turn_are_open_loop_requests(void **state)
{
  (void)state;
  tw_turn turns[] = {turn("ask", NULL, 0, 40, 3, 30)};
  turns[0].prompt = (tw_length){.kind = TW_LENGTH_LOGNORMAL, .mean = 100, .sigma = 1, .min = 1, .max = 1000};
  tw_scenario *scenario = cached_scenario();
  tw_sessions_options options = sessions_of(turns, 1, 50);
  options.arrivals.rate_per_s = 10;
  options.hash_tokens = 1 << 16; /* longer than any context: traces name no blocks of outputs */
  GError *error = NULL;
  g_autofree char *directory = test_directory();
  g_autofree char *path = g_build_filename(directory, "trace.csv", NULL);
  tw_trace_writer *writer = tw_trace_writer_open(path, NULL, &error);
  g_autoptr(tw_stream) written = tw_stream_sessions(&options);
  for (tw_request request; tw_stream_next(written, &request, NULL); tw_request_clear(&request))
    assert_true(tw_trace_writer_add(writer, &request, &error));
  assert_true(tw_trace_writer_close(writer, &error));
  tw_trace_options all = TW_TRACE_OPTIONS_DEFAULT;
  g_autoptr(tw_stream) open = tw_stream_open(path, NULL, &all, &error);
  g_autoptr(tw_stream) closed = tw_stream_sessions(&options);
  g_autofree char *of_open = table_of(scenario, open), *of_closed = table_of(scenario, closed);
  assert_string_equal(of_open, of_closed);
  test_remove(directory);
  test_scenario_free(scenario);
}

static void macro_steps_equal_exact_steps_with_sessions(void **state)
{
  (void)state;
  static const test_costs costs = {0.003, 1e-4, 1e-6, 1e-5, FALSE};
  static const int first[] = {0}, second[] = {1}, third[] = {2, 0};
  for (guint64 seed = 0; seed < 20; seed++) {
    tw_turn turns[] = {turn("ask", NULL, 0, 1, 0, 1), turn("call", first, 1, 1, 0, 1),
                       turn("draft", second, 1, 1, 0, 1), turn("choose", third, 2, 1, 0, 1)};
    for (guint i = 0; i < G_N_ELEMENTS(turns); i++) {
      turns[i].prompt = (tw_length){.kind = TW_LENGTH_EXPONENTIAL, .mean = 40, .min = 1, .max = 80};
      turns[i].reasoning = (tw_length){.kind = TW_LENGTH_EXPONENTIAL, .mean = 20, .min = 0, .max = 60};
      turns[i].answer = (tw_length){.kind = TW_LENGTH_EXPONENTIAL, .mean = 20, .min = 1, .max = 60};
      turns[i].wait_s = seed % 2 == 0 ? 0 : 0.01 * i;
    }
    turns[1].repeat = 3;
    if (seed % 4 == 1)
      turns[1].repeats = (tw_length){.kind = TW_LENGTH_EXPONENTIAL, .mean = 2, .min = 1, .max = 4};
    turns[1].retry = seed % 5 == 0 ? 0.3 : 0;
    turns[1].retry_from = 1;
    turns[1].retries = seed % 5 == 0 ? 2 : 0;
    turns[2].branches = 3;
    tw_sessions_options options = sessions_of(turns, 4, 60);
    options.arrivals.rate_per_s = 20;
    options.seed = seed;
    options.keeps_reasoning = seed % 3 == 0;
    options.system_tokens = 50;
    /* 1,100 tokens in all at the most, and a cache that holds little more. */
    tw_scenario *scenario = test_scenario(2, &costs, 80 + 10 * (gint64)seed);
    scenario->pools[0].prefix_cache = TRUE;
    test_route_by(scenario, "prefix-and-load");
    char *tables[2];
    for (int exact = 0; exact < 2; exact++) {
      scenario->exact_steps = exact;
      g_autoptr(tw_stream) stream = tw_stream_sessions(&options);
      tables[exact] = table_of(scenario, stream);
    }
    assert_string_equal(tables[0], tables[1]);
    g_free(tables[0]);
    g_free(tables[1]);
    test_scenario_free(scenario);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sessions_need_an_end_and_at_least_one),
      cmocka_unit_test(a_loop_of_tool_calls_waits_for_each),
      cmocka_unit_test(branches_run_at_once_and_a_join_waits_for_the_last),
      cmocka_unit_test(best_of_n_asks_one_prompt_many_times),
      cmocka_unit_test(reasoning_that_is_left_out_of_the_context_is_not_found_again),
      cmocka_unit_test(sessions_share_their_system_prompt),
      cmocka_unit_test(a_rejected_turn_breaks_its_session_off),
      cmocka_unit_test(a_check_that_fails_sends_the_session_back),
      cmocka_unit_test(checks_fail_as_often_as_they_are_said_to),
      cmocka_unit_test(turns_repeat_as_often_as_is_drawn),
      cmocka_unit_test(a_budget_cuts_reasoning_short),
      cmocka_unit_test(sessions_may_be_very_long),
      cmocka_unit_test(sessions_of_one_turn_are_open_loop_requests),
      cmocka_unit_test(macro_steps_equal_exact_steps_with_sessions),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
