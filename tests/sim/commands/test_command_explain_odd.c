/* What `tokenworks explain` says of runs that are odd: of few requests, of none that was judged, with a warm-up. */
#include "sim/log/log_writer.h"
#include "tests/program.h"

#define TABLES ((1U << TW_LOG_REQUESTS) | (1U << TW_LOG_ENGINES) | (1U << TW_LOG_LINKS))

static void given_summary(void **state, const char *rest)
{
  g_autofree char *text = g_strdup_printf("{\"simulated_s\": 20, \"requests\": {\"arrived\": 3, "
                                          "\"completed\": 1}, \"accelerators\": 8, %s}",
                                          rest);
  given_file(state, "summary.json", text);
}

/* One request of the warm-up takes 9 s to its first token. Of those behind it, one thinks from 1 s after its arrival to 3 s,
 * and answers until 9 s, and one is rejected. A link is full for a two-hundredth of the time, and another, which never is,
 * carries 60 % of its bandwidth. */
static int given_few(void **state)
{
  if (make_scratch(state) != 0)
    return 1;
  json_t *run =
      json_pack("{s:o, s:f, s:f, s:s, s:{s:f}, s:[{s:s, s:i, s:i}], s:[{s:s, s:[s]}, {s:s, s:[s]}]}",
                TW_LOG_RUN_KEY, tw_log_describe(TABLES), "interval_s", 20.0, "warmup_s", 5.0, "name", "few",
                "slo", "ttft_s", 2.0, "pools", "id", "serve", "max_seqs", 8, "dp", 1, "engines", "pool",
                "serve", "hosts", "node-0", "pool", "serve", "hosts", "node-1");
  char *text = json_dumps(run, 0);
  given_file(state, "run.json", text);
  free(text);
  json_decref(run);
  given_summary(state, "\"slo\": {\"attainment\": 0.5}");
  tw_log *log = tw_log_open(*state, TABLES, NULL);
  assert_non_null(log);
  for (int e = 0; e < 2; e++) {
    tw_engine_row engine = tw_engine_row_empty;
    engine.start_s = 0;
    engine.engine = e;
    engine.clock = engine.time_idle = 1;
    tw_log_engine(log, &engine);
    tw_link_row link = tw_link_row_empty;
    link.start_s = 0;
    link.link = e == 0 ? "leaf-0_UP" : "leaf-1_UP";
    link.bytes = 1e9;
    link.full = e == 0 ? 0.005 : 0;
    link.utilization = link.active = e == 0 ? 0.005 : 0.6;
    tw_log_link(log, &link);
  }
  for (int i = 0; i < 3; i++) {
    tw_request_row row = tw_request_row_empty;
    row.id = i;
    row.arrival_s = i == 0 ? 0 : 6;
    row.prompt_tokens = 1000;
    row.cached_tokens = row.reasoning_tokens = row.preemptions = row.answer_tokens = 0;
    row.completion_s = row.arrival_s + (i == 0 ? 10 : 9);
    row.state = i == 2 ? "rejected" : "completed";
    if (i < 2) {
      row.first_scheduled_s = row.arrival_s;
      row.first_token_s = row.arrival_s + (i == 0 ? 9 : 1);
      row.first_answer_s = row.arrival_s + (i == 0 ? 9 : 3);
      row.reasoning_tokens = row.answer_tokens = 5;
      row.prefill_engine = row.decode_engine = 0;
      row.preempted_s = i == 0 ? 0.5 : 0;
    }
    tw_log_request(log, &row);
  }
  assert_true(tw_log_close(log, NULL));
  return 0;
}

/* A link is told by what it carried, however short the time for which another was full. */
static void a_link_that_is_much_used_is_told(void **state)
{
  g_auto(result) r = run_program(state, "explain $");
  assert_non_null(strstr(r.out, "leaf-1_UP: full for 0 % of the time, 60 % of its bandwidth used"));
  assert_null(strstr(r.out, "no link was full"));
}

/* One of three requests is rejected, as it is in each of these runs: engines that have nothing to do are no headroom. Two of
 * three hundred are within what an SLO for 99 % forgives. */
static void who_rejects_a_third_has_no_headroom(void **state)
{
  static const char wrong[] = "That alone is more than the SLO allows";
  given_summary(state, "\"slo\": {\"attainment\": 0.66, \"ttft_s\": 2}, \"ttft_s\": {\"p99\": 1}, "
                       "\"rejections\": [{\"requests\": 1, \"reason\": \"it is too long\"}]");
  g_auto(result) r = run_program(state, "explain $");
  assert_non_null(
      strstr(r.out, "1 was rejected because it is too long. That alone is more than the SLO allows"));
  assert_null(strstr(r.out, "headroom"));
  given_file(
      state, "summary.json",
      "{\"simulated_s\": 20, \"requests\": {\"arrived\": 300, \"completed\": 298}, \"accelerators\": 8, "
      "\"slo\": {\"attainment\": 0.98}, \"rejections\": [{\"requests\": 2, \"reason\": \"it is too "
      "long\"}]}");
  g_auto(result) few = run_program(state, "explain $");
  assert_non_null(strstr(few.out, "rejected because"));
  assert_null(strstr(few.out, wrong));
  given_summary(state, "\"slo\": {\"attainment\": 0.5}");
}

static void latencies_are_those_behind_the_warm_up(void **state)
{
  expect(state, "explain $", 0, "p99 TTFT 1 s (request 1)", "");
  expect(state, "explain $ --from 0", 0, "p99 TTFT 9 s (request 0)", "");
}

/* The answer is decoded for six of the eight seconds. */
static void the_time_to_an_answer_has_no_part_behind_it(void **state)
{
  expect(state, "explain $ -p ttfat.p99", 0, "p99 TTFAT 3 s (request 1): 2 s decode, 1 s prefill\n", "");
}

/* One request says nothing about the engine that another one was not sent to. */
static void no_engine_stands_out_of_few_requests(void **state)
{
  g_auto(result) r = run_program(state, "explain $");
  assert_null(strstr(r.out, "stands out"));
}

/* It lost its blocks to no other request. */
static void what_an_engine_lost_was_not_preempted_by_others(void **state)
{
  expect(state, "explain $ --request 0", 0, "500 ms preempted (as its engine failed)", "");
}

static void one_request_is_no_plural(void **state)
{
  given_summary(state, "\"slo\": {\"attainment\": 0.5}, \"rejections\": [{\"reason\": \"the queue is full\", "
                       "\"requests\": 1}]");
  expect(state, "explain $", 0, "few: 3 requests arrived and 1 was completed in 20 s", "");
  expect(state, "explain $", 0, " 1 was rejected because the queue is full.\n", "");
}

static void what_was_not_judged_is_not_told_as_a_share(void **state)
{
  given_summary(state, "\"slo\": {\"attainment\": 0, \"unjudged\": 3}");
  expect(state, "explain $", 0,
         "\nNo request had ended when the run did, so that none met the SLO (TTFT 2 s).\n", "");
  given_summary(state, "\"slo\": {\"unjudged\": 0}");
  expect(state, "explain $", 0, "\nNo request was judged by the SLO (TTFT 2 s).\n", "");
}

/* Where nothing may fail in this time by chance, other seeds would not help. */
static void nothing_failed_where_nothing_could(void **state)
{
  given_summary(state, "\"slo\": {\"attainment\": 1}, \"failures\": {\"count\": 0, \"expected\": 0}");
  expect(state, "explain $", 0, " Nothing failed in this time.\n", "");
  given_summary(state, "\"slo\": {\"attainment\": 1}, \"failures\": {\"count\": 0, \"expected\": 0.0001}");
  expect(state, "explain $", 0, " in which the mean number of failures is 0.0001", "");
}

/* Three requests of each of forty classes, one of which may take 10 s to its first token and takes 5. */
static int given_many_classes(void **state)
{
  enum { OF_CLASSES = 1U << TW_LOG_REQUESTS | 1U << TW_LOG_ENGINES };
  if (make_scratch(state) != 0)
    return 1;
  json_t *run = json_pack("{s:o, s:f, s:s, s:{s:f, s:{s:{s:f}}}, s:[], s:[]}", TW_LOG_RUN_KEY,
                          tw_log_describe(OF_CLASSES), "interval_s", 1.0, "name", "many", "slo", "ttft_s",
                          2.0, "classes", "class-0", "ttft_s", 10.0, "pools", "engines");
  char *text = json_dumps(run, 0);
  given_file(state, "run.json", text);
  free(text);
  json_decref(run);
  given_summary(state, "\"load\": {\"start_s\": 0, \"end_s\": 3.9667}, \"slo\": {\"attainment\": 1}");
  tw_log *log = tw_log_open(*state, OF_CLASSES, NULL);
  assert_non_null(log);
  for (int i = 0; i < 120; i++) {
    g_autofree char *class = g_strdup_printf("class-%d", i % 40);
    tw_request_row row = tw_request_row_empty;
    row.id = i;
    row.class = class;
    row.arrival_s = row.first_scheduled_s = i / 30.0;
    row.first_token_s = row.first_answer_s = row.arrival_s + (i % 40 == 0 ? 5 : 1);
    row.completion_s = row.first_token_s + 4;
    row.prompt_tokens = 1000;
    row.cached_tokens = row.reasoning_tokens = row.preemptions = 0;
    row.answer_tokens = 5;
    row.state = "completed";
    tw_log_request(log, &row);
  }
  assert_true(tw_log_close(log, NULL));
  return 0;
}

/* More classes than are told have limits of their own all the same. */
static void requests_of_many_classes_are_judged_by_their_own_limits(void **state)
{
  expect(state, "explain $", 0, "100 % met their limits, 100 % of all", "");
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(a_link_that_is_much_used_is_told),
                                     cmocka_unit_test(who_rejects_a_third_has_no_headroom),
                                     cmocka_unit_test(latencies_are_those_behind_the_warm_up),
                                     cmocka_unit_test(the_time_to_an_answer_has_no_part_behind_it),
                                     cmocka_unit_test(no_engine_stands_out_of_few_requests),
                                     cmocka_unit_test(what_an_engine_lost_was_not_preempted_by_others),
                                     cmocka_unit_test(one_request_is_no_plural),
                                     cmocka_unit_test(what_was_not_judged_is_not_told_as_a_share),
                                     cmocka_unit_test(nothing_failed_where_nothing_could)};
  const struct CMUnitTest many[] = {
      cmocka_unit_test(requests_of_many_classes_are_judged_by_their_own_limits)};
  return cmocka_run_group_tests(tests, given_few, remove_scratch) +
         cmocka_run_group_tests(many, given_many_classes, remove_scratch);
}
