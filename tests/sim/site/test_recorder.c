/* The recorder: latencies, the measurement window, SLO attainment. */
#include "sim/site/recorder.h"
#include "tests/check.h"
#include "tests/sim/support.h"

static const test_costs second = {1, 0, 0, 0, FALSE};

static tw_scenario *scenario_new(void)
{
  return test_scenario(1, &second, 1000);
}

/* A request that arrived, was scheduled a second later, emitted its first token a second after that and, in
 * equal steps, the last at `end_s`. */
static void end_request(tw_recorder *recorder, const tw_request *request, double end_s, tw_ending ending)
{
  double arrival_s = request->arrival_s;
  gint32 output = request->answer_tokens;
  tw_sequence *sequence = tw_sequence_new(request);
  sequence->dispatched_s = sequence->routed_s = sequence->submitted_s = arrival_s;
  if (ending != TW_REJECTED) {
    sequence->first_scheduled_s = fmin(arrival_s + 1, end_s);
    sequence->first_token_s = sequence->first_answer_s = fmin(arrival_s + 2, end_s);
    sequence->prompt_s = sequence->first_token_s - sequence->first_scheduled_s;
    sequence->emitted = ending == TW_COMPLETED ? output : 1;
    sequence->longest_gap_s = output > 1 ? (end_s - sequence->first_token_s) / (output - 1) : NAN;
    sequence->prefilled_tokens = 10;
  }
  tw_recorder_arrived(recorder);
  tw_recorder_ended(recorder, sequence, ending, ending == TW_COMPLETED ? NULL : "for the test", end_s);
  tw_sequence_free(sequence);
}

static void end_of_class(tw_recorder *recorder, const char *class, double arrival_s, double end_s,
                         gint32 output, tw_ending ending)
{
  tw_request request = {.arrival_s = arrival_s, .prompt_tokens = 10, .answer_tokens = output, .class = class};
  end_request(recorder, &request, end_s, ending);
}

static void end(tw_recorder *recorder, double arrival_s, double end_s, gint32 output, tw_ending ending)
{
  end_of_class(recorder, NULL, arrival_s, end_s, output, ending);
}

static guint64 counted(const tw_recorder *recorder, tw_latency latency)
{
  return tw_histogram_count(tw_recorder_latency(recorder, latency));
}

static void latencies_are_measured_from_the_arrival(void **state)
{
  (void)state;
  tw_scenario *scenario = scenario_new();
  scenario->slo.itl_s = 3;
  g_autoptr(tw_recorder) recorder = tw_recorder_new(scenario, NULL);
  end(recorder, 10, 18, 4, TW_COMPLETED);
  tw_recorder_close(recorder, 20);
  static const double expected[] = {
      [TW_LATENCY_TTFT] = 2, [TW_LATENCY_TTFAT] = 2, [TW_LATENCY_TPOT] = 6.0 / 3,
      [TW_LATENCY_ITL] = 2,  [TW_LATENCY_E2E] = 8,   [TW_LATENCY_QUEUE] = 1};
  for (int i = 0; i < TW_LATENCY_KINDS; i++)
    assert_near(tw_histogram_mean(tw_recorder_latency(recorder, (tw_latency)i)), expected[i], 1e-12);
  test_scenario_free(scenario);
}

static void an_output_of_one_token_has_no_tpot(void **state)
{
  (void)state;
  tw_scenario *scenario = scenario_new();
  scenario->slo.tpot_s = 0.001;
  g_autoptr(tw_recorder) recorder = tw_recorder_new(scenario, NULL);
  end(recorder, 0, 2, 1, TW_COMPLETED);
  end(recorder, 0, 4, 2, TW_COMPLETED); /* 2 s for the second token: misses */
  tw_recorder_close(recorder, 5);
  assert_int_equal(counted(recorder, TW_LATENCY_TTFT), 2);
  assert_int_equal(counted(recorder, TW_LATENCY_TPOT), 1);
  assert_int_equal(tw_recorder_window(recorder)->good, 1);
  test_scenario_free(scenario);
}

/* A request that one engine prefills, and that another begins to decode at 5 s: the token after the first comes
 * 4 s behind the prompt, or 1 s behind what the client sees first. */
static void handed_over(tw_scenario *scenario, tw_recorder *recorder)
{
  tw_request request = {.prompt_tokens = 10, .answer_tokens = 3};
  tw_sequence *sequence = tw_sequence_new(&request);
  sequence->dispatched_s = sequence->routed_s = sequence->submitted_s = sequence->first_scheduled_s = 0;
  sequence->first_token_s = sequence->first_answer_s = sequence->prompt_s = 2;
  sequence->prefill_engine = 0;
  sequence->decode_engine = 0;
  sequence->transfer_start_s = 2;
  sequence->transfer_end_s = 3;
  sequence->decode_start_s = 5;
  sequence->emitted = 3;
  sequence->longest_gap_s = scenario->first_token == TW_FIRST_TOKEN_DECODE ? 1 : 4;
  tw_recorder_arrived(recorder);
  tw_recorder_ended(recorder, sequence, TW_COMPLETED, NULL, 7);
  tw_sequence_free(sequence);
}

/* With a limit of 3 s between tokens: missed where the client waits for the second, kept where for the first. */
static void the_first_token_is_seen_behind_the_prompt_or_before_the_decode(void **state)
{
  (void)state;
  static const double ttft_s[] = {2, 5}, tpot_s[] = {2.5, 1}, itl_s[] = {4, 1};
  for (int later = 0; later < 2; later++) {
    tw_scenario *scenario = scenario_new();
    scenario->slo.itl_s = 3;
    scenario->first_token = later;
    g_autoptr(tw_recorder) recorder = tw_recorder_new(scenario, NULL);
    handed_over(scenario, recorder);
    tw_recorder_close(recorder, 8);
    assert_near(tw_histogram_mean(tw_recorder_latency(recorder, TW_LATENCY_TTFT)), ttft_s[later], 1e-12);
    assert_near(tw_histogram_mean(tw_recorder_latency(recorder, TW_LATENCY_TTFAT)), ttft_s[later], 1e-12);
    assert_near(tw_histogram_mean(tw_recorder_latency(recorder, TW_LATENCY_TPOT)), tpot_s[later], 1e-12);
    assert_near(tw_histogram_mean(tw_recorder_latency(recorder, TW_LATENCY_ITL)), itl_s[later], 1e-12);
    assert_int_equal(tw_recorder_window(recorder)->good, later);
    test_scenario_free(scenario);
  }
}

static const tw_class_record *class_named(const tw_recorder *recorder, const char *name)
{
  for (guint i = 0; i < tw_recorder_classes(recorder); i++)
    if (tw_recorder_class(recorder, i)->name == name)
      return tw_recorder_class(recorder, i);
  return NULL;
}

/* E2E within 5 s for all but "batch", which may take 100 s. Of none: 4 s, in time, and 6 s, late, ended
 * before and after the first class was met. Of batch: 50 s, in time, and 200 s, late. */
static void classes_have_their_own_slo_and_statistics(void **state)
{
  (void)state;
  for (int drains = 0; drains < 2; drains++) {
    tw_scenario *scenario = scenario_new();
    tw_slo slo = {(char *)"batch", NAN, NAN, NAN, 100};
    scenario->slo.e2e_s = 5;
    scenario->drain_s = drains ? 1e-3 : 0;
    scenario->class_slos = g_array_new(FALSE, FALSE, sizeof(tw_slo));
    g_array_append_val(scenario->class_slos, slo);
    g_autoptr(tw_recorder) recorder = tw_recorder_new(scenario, NULL);
    const char *batch = g_intern_string("batch");
    end(recorder, 0, 4, 3, TW_COMPLETED);
    assert_int_equal(tw_recorder_classes(recorder), 0);
    end_of_class(recorder, batch, 0, 50, 3, TW_COMPLETED);
    end(recorder, 54, 60, 3, TW_COMPLETED);
    end_of_class(recorder, batch, 0, 200, 4, TW_COMPLETED);
    tw_recorder_close(recorder, 201);
    assert_int_equal(tw_recorder_window(recorder)->good, 2);
    assert_int_equal(tw_recorder_classes(recorder), 2);
    const tw_class_record *of_batch = class_named(recorder, batch), *others = class_named(recorder, NULL);
    assert_int_equal(of_batch->window.arrived, 2);
    assert_int_equal(of_batch->window.good, 1);
    assert_int_equal(of_batch->totals.arrived, 2);
    assert_int_equal(of_batch->totals.answer_tokens, 7);
    assert_near(tw_histogram_mean(of_batch->latencies[TW_LATENCY_E2E]), 125, 1e-9);
    assert_int_equal(others->window.arrived, 2);
    assert_int_equal(others->window.good, 1);
    assert_int_equal(others->totals.arrived, 2);
    assert_near(tw_histogram_mean(others->latencies[TW_LATENCY_E2E]), 5, 1e-9);
    g_array_unref(g_steal_pointer(&scenario->class_slos));
    test_scenario_free(scenario);
  }
}

/* Four arrive; one is in time, one late, one rejected, one unfinished: a quarter attains the SLO. */
static void requests_that_did_not_complete_miss_the_slo(void **state)
{
  (void)state;
  tw_scenario *scenario = scenario_new();
  scenario->slo.e2e_s = 5;
  g_autoptr(tw_recorder) recorder = tw_recorder_new(scenario, NULL);
  end(recorder, 0, 5, 3, TW_COMPLETED);
  end(recorder, 0, 5.1, 3, TW_COMPLETED);
  end(recorder, 1, 1, 3, TW_REJECTED);
  end(recorder, 2, 10, 3, TW_UNFINISHED);
  tw_recorder_close(recorder, 10);
  const tw_window *window = tw_recorder_window(recorder);
  const tw_request_totals *totals = tw_recorder_totals(recorder);
  assert_int_equal(window->arrived, 4);
  assert_int_equal(window->good, 1);
  assert_int_equal(window->completed, 2);
  assert_int_equal(counted(recorder, TW_LATENCY_E2E), 2);
  assert_int_equal(totals->arrived, 4);
  assert_int_equal(totals->endings[TW_COMPLETED], 2);
  assert_int_equal(totals->endings[TW_REJECTED], 1);
  assert_int_equal(totals->endings[TW_UNFINISHED], 1);
  const GArray *rejections = tw_recorder_rejections(recorder); /* without the unfinished one's reason */
  assert_int_equal(rejections->len, 1);
  assert_string_equal(g_array_index(rejections, tw_rejections, 0).reason, "for the test");
  assert_int_equal(g_array_index(rejections, tw_rejections, 0).requests, 1);
  assert_int_equal(totals->answer_tokens, 3 + 3 + 1);
  test_scenario_free(scenario);
}

/* A run of 100 s, of which 20 s at the start and 30 s at the end do not count: [20, 70). */
static void the_window_cuts_arrivals_at_both_ends(void **state)
{
  (void)state;
  tw_scenario *scenario = scenario_new();
  scenario->warmup_s = 20;
  scenario->drain_s = 30;
  g_autoptr(tw_recorder) recorder = tw_recorder_new(scenario, NULL);
  end(recorder, 5, 15, 2, TW_COMPLETED);  /* before the window */
  end(recorder, 19, 30, 2, TW_COMPLETED); /* throughput only: it arrived too early for the latencies */
  end(recorder, 20, 40, 2, TW_COMPLETED);
  end(recorder, 69, 99, 2, TW_COMPLETED);  /* latencies only */
  end(recorder, 70, 100, 2, TW_COMPLETED); /* behind it */
  tw_recorder_close(recorder, 100);
  const tw_window *window = tw_recorder_window(recorder);
  assert_near(window->length_s, 50, 0);
  assert_int_equal(window->arrived, 2);
  assert_int_equal(counted(recorder, TW_LATENCY_TTFT), 2);
  assert_int_equal(window->completed, 2);
  assert_int_equal(window->output_tokens, 4);
  assert_int_equal(window->prompt_tokens, 20);
  test_scenario_free(scenario);
}

/* Requests that warm up are left out, and the window begins as the first of the others arrives, whichever ends first. */
static void a_window_begins_behind_the_warm_up(void **state)
{
  (void)state;
  tw_scenario *scenario = scenario_new();
  scenario->trace.warmup_sessions = 1;
  g_autoptr(tw_recorder) recorder = tw_recorder_new(scenario, NULL);
  end_request(recorder, &(tw_request){.prompt_tokens = 10, .answer_tokens = 2, .warmup = TRUE}, 15,
              TW_COMPLETED);
  end(recorder, 30, 60, 2, TW_COMPLETED);
  end(recorder, 20, 70, 2, TW_COMPLETED);
  tw_recorder_close(recorder, 100);
  const tw_window *window = tw_recorder_window(recorder);
  assert_near(window->length_s, 80, 0);
  assert_int_equal(window->completed, 2);
  assert_int_equal(counted(recorder, TW_LATENCY_TTFT), 2);
  test_scenario_free(scenario);
}

/* A burst of 100 requests at 0 s is served one a second. A window of the first 10 s sees 10 of them complete,
 * though all arrived in it. */
static void throughput_is_what_ended_in_the_window(void **state)
{
  (void)state;
  tw_scenario *scenario = scenario_new();
  scenario->drain_s = 90;
  g_autoptr(tw_recorder) recorder = tw_recorder_new(scenario, NULL);
  for (int i = 1; i <= 100; i++)
    end(recorder, 0, i, 1, TW_COMPLETED);
  tw_recorder_close(recorder, 100);
  const tw_window *window = tw_recorder_window(recorder);
  assert_int_equal(window->completed, 10);
  assert_int_equal(window->arrived, 100);
  test_scenario_free(scenario);
}

/* Tokens that were computed more than once, and emitted tokens that came back as prompt. */
static void recomputed_tokens_are_what_prefill_did_beyond_the_prompt(void **state)
{
  (void)state;
  tw_request request = {.prompt_tokens = 100, .answer_tokens = 10};
  tw_sequence *sequence = tw_sequence_new(&request);
  sequence->prefilled_tokens = 40;
  assert_int_equal(tw_sequence_recomputed(sequence), 0);
  sequence->prefilled_tokens = 40 + 100 + 107;
  assert_int_equal(tw_sequence_recomputed(sequence), 147);
  sequence->cached_tokens = 32;
  assert_int_equal(tw_sequence_recomputed(sequence), 179);
  tw_sequence_free(sequence);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(latencies_are_measured_from_the_arrival),
      cmocka_unit_test(an_output_of_one_token_has_no_tpot),
      cmocka_unit_test(the_first_token_is_seen_behind_the_prompt_or_before_the_decode),
      cmocka_unit_test(classes_have_their_own_slo_and_statistics),
      cmocka_unit_test(requests_that_did_not_complete_miss_the_slo),
      cmocka_unit_test(the_window_cuts_arrivals_at_both_ends),
      cmocka_unit_test(a_window_begins_behind_the_warm_up),
      cmocka_unit_test(throughput_is_what_ended_in_the_window),
      cmocka_unit_test(recomputed_tokens_are_what_prefill_did_beyond_the_prompt),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
