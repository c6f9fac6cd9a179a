/* The timeline that `tokenworks trace` writes. */
#include "sim/log/log_writer.h"
#include "tests/program.h"

#define ALL_TABLES                                                                                           \
  ((1U << TW_LOG_REQUESTS) | (1U << TW_LOG_ENGINES) | (1U << TW_LOG_SITE) | (1U << TW_LOG_SEGMENTS) |        \
   (1U << TW_LOG_FAILURES))

static void add_segment(tw_log *log, int engine, const char *kind, double start_s, double end_s)
{
  tw_segment_row row = tw_segment_row_empty;
  row.engine = engine;
  row.kind = kind;
  row.start_s = start_s;
  row.end_s = end_s;
  row.requests = 1;
  row.tokens = 7;
  tw_log_segment(log, &row);
}

/* Prefill on engine 0 and decode on `decode`; -1: rejected on arrival. */
static void add_request(tw_log *log, int id, const char *session, double arrival_s, int decode)
{
  tw_request_row row = tw_request_row_empty;
  row.id = id;
  row.session = session;
  row.arrival_s = arrival_s;
  row.completion_s = decode < 0 ? arrival_s : arrival_s + 4;
  row.state = decode < 0 ? "rejected" : "completed";
  row.reason = decode < 0 ? "the prompt is too \"long\"" : NULL;
  row.prompt_tokens = 100;
  if (decode >= 0) {
    row.first_scheduled_s = arrival_s + 0.5;
    row.first_token_s = arrival_s + 1;
    row.first_answer_s = arrival_s + 3;
    row.prefill_engine = 0;
    row.decode_engine = decode;
  }
  tw_log_request(log, &row);
}

static void add_interval(tw_log *log, double start_s)
{
  tw_engine_row engine = tw_engine_row_empty;
  engine.start_s = start_s;
  engine.engine = 0;
  engine.running = 1.5;
  engine.waiting = 0;
  engine.kv_used = 0.25;
  tw_log_engine(log, &engine);
  tw_site_row site = tw_site_row_empty;
  site.start_s = start_s;
  site.running = 1.5;
  site.accelerator_w = 700.5;
  tw_log_site(log, &site);
}

/* Two engines. Request 0 stays on engine 0, request 1 moves to engine 1, request 2 is rejected:
 *
 *     engine 0   prefill 0.5-1, decode 1-4; prefill 10.5-11; preemption at 12
 *     engine 1   transfer 11-11.5, decode 11.5-14                                */
static int given_timeline(void **state)
{
  if (make_scratch(state) != 0)
    return 1;
  json_t *run = json_pack("{s:o, s:[{s:s}, {s:s}]}", TW_LOG_RUN_KEY, tw_log_describe(ALL_TABLES), "engines",
                          "pool", "prefill", "pool", "decode");
  char *text = json_dumps(run, 0);
  given_file(state, "run.json", text);
  free(text);
  json_decref(run);
  tw_log *log = tw_log_open(*state, ALL_TABLES, NULL);
  assert_non_null(log);
  add_segment(log, 0, "prefill", 0.5, 1);
  add_segment(log, 0, "decode", 1, 4);
  add_segment(log, 0, "prefill", 10.5, 11);
  add_segment(log, 1, "transfer", 11, 11.5);
  add_segment(log, 0, "preemption", 12, 12);
  add_segment(log, 1, "decode", 11.5, 14);
  tw_failure_row row = tw_failure_row_empty;
  row.start_s = 2;
  row.part = "switch";
  row.component = "spine";
  row.effect = "stop";
  row.repaired_s = 6;
  row.end_s = 8;
  tw_log_failure_row(log, &row);
  add_request(log, 0, "a", 0, 0);
  add_request(log, 2, "</script>\n\xff", 5, -1);
  add_request(log, 1, "b", 10, 1);
  for (int i = 0; i < 15; i++)
    add_interval(log, i);
  assert_true(tw_log_close(log, NULL));
  given_run(state, "bare", "<scenario/>", 1, "{}");
  return 0;
}

static void check_counts(void **state, const char *file, const char *counts)
{
  g_autofree char *path = g_build_filename(*state, file, NULL);
  char *argv[] = {(char *)"python3", (char *)TW_SOURCE_DIR "/tests/sim/timeline_check.py", path, NULL};
  g_autofree char *out = NULL, *err = NULL;
  assert_true(g_spawn_sync(NULL, argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &out, &err, NULL, NULL));
  assert_string_equal(err, "");
  assert_string_equal(g_strchomp(out), counts);
}

/* Spans: requests of 4, 4 and 1 (no phases), the transfer, and a failure with its repair. Arrows: s t f within engine 0, s f to
 * engine 1. Counters: of the engine requests and KV, of the site requests and watts, 15 times. Names: two for
 * the site, the requests, the failures and each engine, and two for each of an engine's four tracks. */
static void the_timeline_is_valid_to_a_parser_that_is_not_ours(void **state)
{
  expect(state, "trace $", 0, "trace.json.gz: 124 events of 6 segments and 3 requests", "");
  check_counts(state, "trace.json.gz", "C=60 M=26 X=4 b=14 e=14 f=2 i=1 s=2 t=1");
}

static void engines_are_named_for_their_pools(void **state)
{
  expect(state, "trace $ -o -", 0, "\"name\":\"process_name\",\"args\":{\"name\":\"engine 1 (decode)\"}", "");
}

static void failures_last_until_all_is_as_before(void **state)
{
  expect(state, "trace $ -o -", 0, "\"name\":\"switch spine\",\"cat\":\"failure\",\"id\":", "");
}

static void instants_are_exact_to_the_nanosecond(void **state)
{
  expect(state, "trace $ -o -", 0,
         "{\"ph\":\"X\",\"pid\":10,\"tid\":1,\"name\":\"prefill\",\"ts\":500000.000,\"dur\":500000.000,"
         "\"args\":{\"requests\":1,\"tokens\":7}}",
         "");
}

static void hostile_names_are_escaped(void **state)
{
  expect(state, "trace $ -o -", 0,
         "\"session\":\"</script>\\n\xef\xbf\xbd\",\"state\":\"rejected\",\"reason\":\"the prompt is too "
         "\\\"long\\\"\"",
         "");
}

/* From 11.2 on: the transfer, the preemption and the decode of engine 1, request 1, and the intervals 12 to
 * 14 (start_s >= 11.2). Its arrow began before. */
static void a_window_keeps_what_went_on_in_it(void **state)
{
  expect(state, "trace $ --from 11.2s -o $/window.json.gz", 0, "of 3 segments and 1 requests", "");
  check_counts(state, "window.json.gz", "C=12 M=26 X=1 b=6 e=6 i=1");
  expect(state, "trace $ --to 4 -o $/early.json.gz", 0, "of 2 segments and 1 requests", "");
}

static void a_filter_keeps_some_requests(void **state)
{
  expect(state, "trace $ -r 1-2 -o -", 0, "request 1", "");
  g_auto(result) by_id = run_program(state, "trace $ -r 0,2-5 -o -");
  assert_non_null(strstr(by_id.out, "\"request 0\""));
  assert_null(strstr(by_id.out, "\"request 1\""));
  assert_non_null(strstr(by_id.out, "\"request 2\""));
  g_auto(result) by_session = run_program(state, "trace $ --session b -o -");
  assert_null(strstr(by_session.out, "\"request 0\""));
  assert_non_null(strstr(by_session.out, "\"request 1\""));
}

static void a_run_without_segments_says_how_to_get_them(void **state)
{
  expect(state, "trace $/bare", 2, "", "`tokenworks run --segments`");
}

static void a_damaged_table_leaves_no_timeline(void **state)
{
  g_autofree char *table = g_build_filename(*state, "segments.csv.gz", NULL);
  g_autofree char *cut = g_build_filename(*state, "cut.json.gz", NULL);
  g_autofree char *bytes = NULL;
  gsize n;
  assert_true(g_file_get_contents(table, &bytes, &n, NULL));
  assert_true(g_file_set_contents(table, bytes, (gssize)n - 40, NULL));
  expect(state, "trace $ -o $/cut.json.gz", 2, "", "segments.csv.gz");
  assert_false(g_file_test(cut, G_FILE_TEST_EXISTS));
  assert_true(g_file_set_contents(table, bytes, (gssize)n, NULL));
}

static void bad_usage_ends_with_two_and_says_what_is_right(void **state)
{
  static const struct {
    const char *words, *message;
  } examples[] = {
      {"trace", "name one run directory"},
      {"trace $/none", "no run directory"},
      {"trace $ --from 5q", "--from 5q: "},
      {"trace $ --from 5s --to 5s", "--to must be later than --from"},
      {"trace $ -r 5-4", "'5-4' is neither an id nor a range"},
      {"trace $ -r x", "'x' is neither an id nor a range of ids such as 100-120"},
      {"trace $ --request 5", "did you mean --requests?"},
  };
  for (guint i = 0; i < G_N_ELEMENTS(examples); i++)
    expect(state, examples[i].words, 2, "", examples[i].message);
  expect(state, "trace $ -o $/no/such/folder.json.gz", 1, "",
         "folder.json.gz: cannot be written: No such file");
  expect(state, "trace $ -o /dev/full", 1, "", "/dev/full: cannot be written");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_timeline_is_valid_to_a_parser_that_is_not_ours),
      cmocka_unit_test(engines_are_named_for_their_pools),
      cmocka_unit_test(failures_last_until_all_is_as_before),
      cmocka_unit_test(instants_are_exact_to_the_nanosecond),
      cmocka_unit_test(hostile_names_are_escaped),
      cmocka_unit_test(a_window_keeps_what_went_on_in_it),
      cmocka_unit_test(a_filter_keeps_some_requests),
      cmocka_unit_test(a_run_without_segments_says_how_to_get_them),
      cmocka_unit_test(a_damaged_table_leaves_no_timeline),
      cmocka_unit_test(bad_usage_ends_with_two_and_says_what_is_right),
  };
  return cmocka_run_group_tests(tests, given_timeline, remove_scratch);
}
