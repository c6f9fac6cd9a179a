/* What a user of `tokenworks explain` sees. */
#include "sim/log/log_writer.h"
#include "tests/program.h"

#define TABLES                                                                                               \
  ((1U << TW_LOG_REQUESTS) | (1U << TW_LOG_ENGINES) | (1U << TW_LOG_LINKS) | (1U << TW_LOG_FAILURES))

/* Ten intervals of a second. Engine 0 spends half of its time on reading weights and half on the host while four
 * requests wait for KV blocks; engine 1 idles. Each of a hundred requests queues for 3 s, computes its prompt for
 * 1 s, waits for its KV cache for 0.5 s, in which the link of engine 1's host is full, and decodes for 1.5 s. */
typedef struct given {
  double waiting_bytes; /* of the link */
  double waiting_kv;    /* requests at engine 0 */
  int intervals;
  double tpot_limit_s; /* 0: none */
  double linear
      [2]; /* shares of engine 0's time that it computes products for, up to the last tenth, and in it */
} given;

static const given usual = {.waiting_kv = 4, .intervals = 10};

static int given_logs_with(void **state, const given *g)
{
  if (make_scratch(state) != 0)
    return 1;
  json_t *run = json_pack("{s:o, s:f, s:s, s:{s:f}, s:[{s:s, s:i, s:i}], s:[{s:s, s:[s]}, {s:s, s:[s]}]}",
                          TW_LOG_RUN_KEY, tw_log_describe(TABLES), "interval_s", 1.0, "name", "tried", "slo",
                          "ttft_s", 2.0, "pools", "id", "serve", "max_seqs", 8, "dp", 1, "engines", "pool",
                          "serve", "hosts", "node-0", "pool", "serve", "hosts", "node-1");
  if (g->tpot_limit_s > 0)
    json_object_set_new(json_object_get(run, "slo"), "tpot_s", json_real(g->tpot_limit_s));
  char *text = json_dumps(run, 0);
  given_file(state, "run.json", text);
  free(text);
  json_decref(run);
  g_autofree char *summary = g_strdup_printf(
      "{\"simulated_s\": %d, \"requests\": {\"arrived\": 100, \"completed\": 100}, \"accelerators\": 16,"
      " \"failures\": {\"count\": 1, \"engine_stops\": 2, \"requests_hit\": 5, \"availability\": 0.7, "
      "\"goodput_lost\": 0.05},"
      " \"rejections\": [{\"reason\": \"the queue is full\", \"requests\": 3}],"
      " \"slo\": {\"attainment\": 0.25}, \"ttft_s\": {\"p99\": %g}, \"tpot_s\": {\"p99\": 0.5},"
      " \"network\": {\"flows\": 100, \"bytes\": 100e9, \"kv_bytes\": 100e9}}",
      g->intervals, g->linear[0] > 0 ? 1.0 : 4.0);
  given_file(state, "summary.json", summary);
  tw_log *log = tw_log_open(*state, TABLES, NULL);
  assert_non_null(log);
  for (int i = 0; i < g->intervals; i++) {
    for (int e = 0; e < 2; e++) {
      tw_engine_row engine = tw_engine_row_empty;
      engine.start_s = i;
      engine.engine = e;
      engine.busy = e == 0;
      engine.clock = 1;
      engine.waiting = engine.waiting_kv = e == 0 ? g->waiting_kv : 0;
      engine.time_linear = e == 0 ? g->linear[10 * i >= 9 * g->intervals] : 0;
      engine.time_weights = engine.time_host = e == 0 ? (1 - engine.time_linear) / 2 : 0;
      engine.time_idle = e == 0 ? 0 : 1;
      tw_log_engine(log, &engine);
    }
    tw_link_row link = tw_link_row_empty;
    link.start_s = i;
    link.link = "node-1-nic_DOWN";
    link.bytes = 1e9;
    link.utilization = link.active = link.full = g->linear[0] > 0 ? 0.1 : 0.5;
    link.waiting_bytes = g->waiting_bytes;
    tw_log_link(log, &link);
  }
  for (int i = 0; i < 100; i++) {
    tw_request_row request = tw_request_row_empty;
    request.id = i;
    request.arrival_s = i / 32.0; /* exact */
    request.first_scheduled_s = request.arrival_s + 3;
    request.first_token_s = request.first_answer_s = request.arrival_s + 4;
    request.completion_s = request.arrival_s + 6;
    request.prompt_tokens = 1000;
    request.cached_tokens = request.reasoning_tokens = request.preemptions = 0;
    request.answer_tokens = 5;
    request.prefill_engine = 0;
    request.decode_engine = 1;
    request.transfer_s = 0.5;
    request.state = "completed";
    tw_log_request(log, &request);
  }
  tw_failure_row failure = tw_failure_row_empty;
  failure.start_s = 2;
  failure.part = "host";
  failure.component = "node-1";
  failure.effect = "stop";
  failure.recovered_s = failure.end_s = 8;
  failure.accelerators = 8;
  failure.requests = 5;
  failure.lost_tokens = 100;
  tw_log_failure_row(log, &failure);
  assert_true(tw_log_close(log, NULL));
  return 0;
}

static int given_logs(void **state)
{
  return given_logs_with(state, &usual);
}

/* A flow has 1 GB: two of them wait at engine 1's host, and so one for each engine. */
static int given_full_links(void **state)
{
  given g = usual;
  g.waiting_bytes = 2e9;
  return given_logs_with(state, &g);
}

static int given_less_full_links(void **state)
{
  given g = usual;
  g.waiting_bytes = 1.9e9;
  return given_logs_with(state, &g);
}

static void a_percentile_is_the_parts_of_the_request_that_stands_there(void **state)
{
  expect(state, "explain $ -p ttft.p99", 0,
         "p99 TTFT 4 s (request 98): 3 s queue (for KV blocks at engine 0), 1 s prefill\n"
         "      the 100 from there up: 75 % queue, 25 % prefill\n",
         "");
}

static void a_transfer_names_the_fullest_link_of_its_engines(void **state)
{
  /* Full for half of each interval, and so of the half second. TPOT: 2 s over 4 tokens. */
  expect(state, "explain $ --request 10", 0,
         "TPOT 500 ms: 375 ms decode, 125 ms transfer over node-1-nic_DOWN, full for 50 % of the time", "");
}

static void the_verdict_says_what_was_missed_and_what_binds(void **state)
{
  expect(state, "explain $", 0,
         "It does not meet its SLO (TTFT 2 s) for 99 % of the requests: 25 % met it; at p99 TTFT is 4 s "
         "(most of it queue for KV blocks at engine 0).\n"
         "Pool serve is saturated by KV for 100 % of the time: KV blocks are short.\n",
         "");
}

static void the_verdict_says_why_requests_were_rejected(void **state)
{
  expect(state, "explain $", 0, " output tokens/s. 3 were rejected because the queue is full. ", "");
}

static void failures_are_told(void **state)
{
  expect(state, "explain $", 0,
         " 1 failure stopped engines 2 times, and requests lost theirs 5 times; engines were up for 70 % of "
         "their "
         "accelerators' time, "
         "and 5.0 % of all requests were hit and missed the SLO (those that were late because others were "
         "served "
         "first are not counted: a run without <failures> beside this one tells them).\n",
         "");
  expect(state, "explain $", 0,
         "Failures\n  host node-1 stopped at 2 s, for 6 s: 8 accelerators, 5 requests hit, 100 tokens lost\n",
         "");
}

static void blocks_are_short_where_caches_wait_for_links(void **state)
{
  expect(state, "explain $", 0, "Pool serve is saturated by network for 100 % of the time", "");
}

static void a_flow_that_waits_now_and_then_saturates_nothing(void **state)
{
  expect(state, "explain $", 0, "Pool serve is saturated by KV for 100 % of the time", "");
}

/* A job alone: steps for 6 s, half of them computing and half waiting for collectives, and a failure that stops it for 4 s
 * and takes three steps with it. */
static int given_a_job(void **state)
{
  enum { JOB_TABLES = 1U << TW_LOG_JOBS | 1U << TW_LOG_ENGINES };
  if (make_scratch(state) != 0)
    return 1;
  json_t *run = json_pack("{s:o, s:f, s:s, s:[], s:[]}", TW_LOG_RUN_KEY, tw_log_describe(JOB_TABLES),
                          "interval_s", 1.0, "name", "trained", "pools", "engines");
  char *text = json_dumps(run, 0);
  given_file(state, "run.json", text);
  free(text);
  json_decref(run);
  given_file(state, "summary.json",
             "{\"simulated_s\": 10, \"jobs\": [{\"id\": \"pre\", \"steps\": 9, \"step_s\": 1}]}");
  tw_log *log = tw_log_open(*state, JOB_TABLES, NULL);
  assert_non_null(log);
  tw_job_row row = tw_job_row_empty;
  row.job = "pre";
  row.kind = "steps";
  row.step = 0;
  row.steps = 6;
  row.start_s = 0;
  row.end_s = 6;
  row.compute = row.exposed = 0.5;
  tw_log_job(log, &row);
  row.kind = "stop";
  row.steps = 3;
  row.start_s = 6;
  row.end_s = 10;
  tw_log_job(log, &row);
  assert_true(tw_log_close(log, NULL));
  return 0;
}

static void a_job_tells_where_its_time_went(void **state)
{
  expect(state, "explain $", 0, "pre: 9 steps of 1 s (most of the time stopped by failures).\n", "");
  expect(
      state, "explain $", 0,
      "\nJobs, by their time\n  pre: 40 % stopped by failures, 30 % computing, 30 % waiting for collectives; "
      "failures stopped it once, with 3 steps lost, to be done again\n",
      "");
  /* Two seconds of the steps, and two of the stop. */
  expect(state, "explain $ --from 4 --to 8", 0,
         "  pre: 50 % stopped by failures, 25 % computing, 25 % waiting for collectives; failures stopped it "
         "once",
         "");
  g_auto(result) r = run_program(state, "explain $");
  assert_null(strstr(r.out, "no request was completed"));
}

/* Nothing waits, and TPOT of 0.5 s is beyond its limit. Of engine 0's time 40 % grow with its tokens: with none of them
 * it would take 0.6 of the time, 0.3 s. */
static int given_long_iterations(void **state)
{
  return given_logs_with(state, &(given){.intervals = 10, .tpot_limit_s = 0.4, .linear = {0.4, 0.4}});
}

static void long_iterations_ask_for_more_engines(void **state)
{
  expect(state, "explain $", 0, "; at p99 TPOT is 500 ms (most of it decode", "");
  expect(state, "explain $", 0,
         "Pool serve is unsaturated for 100 % of the time, but its iterations are too long for the limit of "
         "TPOT: "
         "fewer sequences for each engine, that is more engines, would shorten them",
         "");
}

static int given_iterations_long_in_themselves(void **state)
{
  return given_logs_with(state, &(given){.intervals = 10, .tpot_limit_s = 0.2, .linear = {0.4, 0.4}});
}

static void iterations_long_in_themselves_ask_for_faster_engines(void **state)
{
  expect(state, "explain $", 0,
         "too long for the limit of TPOT: they are so with few sequences as well, and engines of more or of "
         "faster "
         "accelerators would help",
         "");
}

/* Engine 0 computes products for a fifth of its time, and in the last tenth of it for half; engine 1 idles. TTFT may
 * become twice as long, and so iterations. In the mean over both engines these take b = 0.5, and g = 0.25 in the last
 * tenth: (b - g) / (b (1 - k g)) = 2 at k = 3. Of the run as a whole, g = 0.115, it would be k = 5.3. */
static int given_a_busy_hour(void **state)
{
  return given_logs_with(state, &(given){.intervals = 100, .linear = {0.2, 0.5}});
}

static void headroom_is_that_of_the_busiest_tenth(void **state)
{
  expect(state, "explain $", 0,
         "headroom, an estimate from its batches: 3 times this load; 1 of its 2 engines", "");
}

static void an_engine_tells_its_own_time(void **state)
{
  expect(state, "explain $ --engine 0", 0,
         "time of its accelerators: 50 % reading weights, 50 % launches and host", "");
  expect(state, "explain $ --engine 1", 0, "time of its accelerators: 100 % idle", "");
  expect(state, "explain $ --engine 2", 2, "", "has no engine 2; its engines are 0 to 1");
}

static void what_is_not_there_is_refused(void **state)
{
  expect(state, "explain $ --request 100", 2, "", "has no request 100");
  expect(state, "explain $ -p ttft.99", 2, "", "\"ttft.99\" is no percentile; write ttft.p99");
  expect(state, "explain $ --from 5 --to 5", 2, "", "--to must be later than --from");
  expect(state, "explain", 2, "", "name one run directory");
  expect(state, "explain $ -o $/kept", 2, "", "--output keeps runs; write --what-if or --headroom beside it");
}

/* Five sessions of three requests wait twice for 8 s each; what is left of their time is served. */
static void sessions_wait_for_their_tools(void **state)
{
  given_file(
      state, "turns.xml",
      "<scenario name='turns'><platform file='" TW_SOURCE_DIR "/platforms/hgx-h100-1.xml'/><workload>"
      "<sessions rate='1/s' sessions='5'><turn id='call' wait='8s' repeat='3'><prompt mean='100'/>"
      "<answer mean='10'/></turn></sessions></workload><pool id='serve' model='llama-3.1-8b'/></scenario>");
  expect(state, "run $/turns.xml -o $/turns -q", 0, "", "");
  expect(state, "explain $/turns", 0, "on 1 of 8 accelerators, at ", "");
  expect(state, "explain $/turns", 0, "5 of several requests, 3 each in the mean, over 16.", "");
  expect(state, "explain $/turns", 0, ": 16 s waiting for tools and people, ", "");
  g_auto(result) r = run_program(state, "explain $/turns --request 14");
  assert_non_null(strstr(r.out, " waited 8 s for a tool or a person\n"));
  g_auto(result) first = run_program(state, "explain $/turns --request 0");
  assert_null(strstr(first.out, "for a tool or a person"));
}

/* A server with a rate of its own: one H100 node, of which half stands idle. */
static void a_run_is_run_again_with_one_thing_changed(void **state)
{
  g_autofree char *platform = g_build_filename(TW_SOURCE_DIR, "platforms/hgx-h100-4.xml", NULL);
  g_autofree char *scenario = g_strdup_printf(
      "<scenario name='tiny'><platform file='%s'/><workload><poisson rate='4/s' duration='20s'>"
      "<prompt law='lognormal' mean='500' sigma='0.5' max='4000'/><answer law='lognormal' mean='20' "
      "sigma='0.5' max='200'/></poisson></workload>"
      "<pool id='serve' model='llama-3.1-8b' replicas='1' tp='1'/><slo ttft='1s' tpot='40ms'/></scenario>",
      platform);
  given_file(state, "tiny.xml", scenario);
  expect(state, "run $/tiny.xml -o $/tiny -q --until 15s --set //pool/@kv=fp8", 0, "", "");
  expect(state, "explain $/tiny --headroom --what-if --seeds 2 -o $/again", 0,
         "× this load is served within the SLO", "//workload/poisson/@rate=8/s: the SLO is kept");
  g_auto(result) r = run_program(state, "explain $/tiny --what-if --seeds 2 -o $/again");
  assert_non_null(strstr(r.out, "a replica more of pool serve (2)"));
  assert_non_null(strstr(r.out, "weights in fp8 instead of bf16"));
  assert_null(strstr(r.out, "KV caches in fp8")); /* they are */
  assert_non_null(strstr(r.err, " runs, "));
  assert_non_null(strstr(r.out, "±"));
  assert_non_null(strstr(r.out, "The SLO is kept. Most energy saves: "));
  assert_non_null(strstr(r.out, "the scenario has no <cost> and no <price>"));
  /* The scenario was changed for the run: what is run again is as it was. */
  g_autofree char *again = g_build_filename(*state, "again", "scenario.xml", NULL);
  g_autofree char *text = NULL;
  assert_true(g_file_get_contents(again, &text, NULL, NULL));
  assert_non_null(strstr(text, "kv=\"fp8\""));
}

/* A trace that is replayed leaves nothing to chance: the run as it is is run with both seeds, each change once. */
static void what_no_seed_changes_is_changed_once(void **state)
{
  given_file(state, "told.csv", "arrival_s,prompt_tokens,answer_tokens\n0,500,20\n1,500,20\n2,500,20\n");
  given_file(state, "told.xml",
             "<scenario name='told'><platform file='" TW_SOURCE_DIR "/platforms/hgx-h100-1.xml'/><workload>"
             "<trace file='told.csv'/></workload><pool id='serve' model='llama-3.1-8b'/>"
             "<slo ttft='1s' tpot='40ms'/></scenario>");
  expect(state, "run $/told.xml -o $/told -q", 0, "", "");
  expect(state, "explain $/told --what-if --seeds 2 -o $/told-again", 0,
         "No seed changes this run: each change was run once.", "");
  g_autofree char *as_it_is = g_build_filename(*state, "told-again", "0-seed-2", NULL);
  g_autofree char *first = g_build_filename(*state, "told-again", "1-seed-1", NULL);
  g_autofree char *second = g_build_filename(*state, "told-again", "1-seed-2", NULL);
  assert_true(g_file_test(as_it_is, G_FILE_TEST_IS_DIR));
  assert_true(g_file_test(first, G_FILE_TEST_IS_DIR));
  assert_false(g_file_test(second, G_FILE_TEST_EXISTS));
}

/* The load of classes grows alike, but for that of clients that wait. Four requests a second of 20 tokens are little for a
 * node; what clients that wait alone would serve cannot grow. What was found goes with the run. */
static void the_load_of_classes_grows_alike(void **state)
{
#define CLASSES(more)                                                                                        \
  "<scenario name='classes'><platform file='" TW_SOURCE_DIR                                                  \
  "/platforms/hgx-h100-1.xml'/><workload><generator duration='4s'>" more                                     \
  "<class name='batch'><closed-loop concurrency='2' requests='20'/><prompt mean='100'/><answer mean='20'/>"  \
  "</class></generator></workload><pool id='serve' model='llama-3.1-8b'/><slo ttft='1s' tpot='40ms'/>"       \
  "</scenario>"
  given_file(
      state, "classes.xml",
      CLASSES("<class name='chat'><arrivals rate='4/s'/><prompt mean='500'/><answer mean='20'/></class>"));
  given_file(state, "waiting.xml", CLASSES(""));
  expect(state, "run $/classes.xml -o $/classes -q", 0, "", "");
  expect(state, "explain $/classes --headroom", 0,
         "  The clients of class batch wait for each answer, and were as many in each run.",
         "//workload/generator/@rate-scale=2: the SLO is kept");
  g_autofree char *found = g_build_filename(*state, "classes", "what-if.json", NULL);
  assert_true(g_file_test(found, G_FILE_TEST_EXISTS));
  expect(state, "run $/classes.xml -o $/classes -q --force", 0, "", "");
  assert_false(g_file_test(found, G_FILE_TEST_EXISTS));
  expect(state, "run $/waiting.xml -o $/waiting -q", 0, "", "");
  expect(state, "explain $/waiting --headroom", 2, "", "the workload has no rate that could grow");
}

/* What a site has that others have not is tried as well: a limit of power, and engines of two roles. */
static void limits_of_power_and_roles_are_tried(void **state)
{
  given_file(state, "told.csv", "arrival_s,prompt_tokens,answer_tokens\n0,500,20\n1,500,20\n");
  given_file(
      state, "roles.xml",
      "<scenario name='roles'><platform file='" TW_SOURCE_DIR "/platforms/hgx-h100-1.xml'/><workload>"
      "<trace file='told.csv'/></workload><pool id='pre' role='prefill' model='llama-3.1-8b' replicas='2'/>"
      "<pool id='dec' role='decode' model='llama-3.1-8b' replicas='2'/><power-cap site='9kW'/></scenario>");
  expect(state, "run $/roles.xml -o $/roles -q", 0, "", "");
  g_auto(result) r = run_program(state, "explain $/roles --what-if --seeds 1");
  assert_int_equal(r.code, 0);
  static const char *const tried[] = {
      "an engine of pool pre moved to pool dec", "an engine of pool dec moved to pool pre",
      "a tenth more power for the site", "twice the site and its power, and twice the engines on it"};
  for (guint i = 0; i < G_N_ELEMENTS(tried); i++)
    assert_non_null(strstr(r.out, tried[i]));
  assert_null(strstr(r.out, "cannot be run"));
}

/* Everything of this run comes at once: no load is on for any time, and what counts is the run as a whole. */
static void a_batch_has_the_rates_of_its_whole_run(void **state)
{
  given_file(state, "batch.csv", "arrival_s,prompt_tokens,answer_tokens\n0,500,50\n0,500,50\n");
  given_file(state, "batch.xml",
             "<scenario name='batch'><platform file='" TW_SOURCE_DIR "/platforms/hgx-h100-1.xml'/><workload>"
             "<trace file='batch.csv'/></workload><pool id='serve' model='llama-3.1-8b'/></scenario>");
  g_auto(result) r = run_program(state, "run $/batch.xml -o $/batch");
  assert_null(strstr(r.out, "until then"));
  g_auto(result) told = run_program(state, "explain $/batch");
  assert_non_null(strstr(told.out, "batch: 2 requests arrived and 2 were completed in "));
  assert_null(strstr(told.out, "until the last arrival"));
  assert_null(strstr(told.out, " at 0 output"));
}

/* Ten minutes of Azure's conversations on four nodes, of which accelerators are busy for 95 % of the time: that says
 * nothing, as one node serves them all as well. So the headroom is at least three times what is served on top of it. */
static void a_site_that_is_busy_may_have_three_times_its_load_to_spare(void **state)
{
#define TEN_MINUTES                                                                                          \
  "run " TW_SOURCE_DIR "/sim/scenarios/azure-conv-hgx-h100.xml -q --set //trace/@duration=10min -o $/"
  expect(state, TEN_MINUTES "four", 0, "", "");
  expect(state, TEN_MINUTES "one --set //pool/@replicas=1", 0, "", "");
  expect(state, "explain $/one", 0,
         "It meets its SLO (TTFT 2 s, TPOT 50 ms) for 99 % of the requests: 100 % met it.", "");
  g_auto(result) r = run_program(state, "explain $/four");
  const char *estimate = strstr(r.out, "an estimate from its batches: ");
  assert_non_null(estimate);
  assert_in_range((gint64)g_ascii_strtod(estimate + strlen("an estimate from its batches: "), NULL), 4, 12);
  assert_non_null(strstr(r.out, "headroom (estimate); 1 of its 4 engines would serve this load."));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_percentile_is_the_parts_of_the_request_that_stands_there),
      cmocka_unit_test(a_transfer_names_the_fullest_link_of_its_engines),
      cmocka_unit_test(the_verdict_says_what_was_missed_and_what_binds),
      cmocka_unit_test(the_verdict_says_why_requests_were_rejected),
      cmocka_unit_test(failures_are_told),
      cmocka_unit_test(an_engine_tells_its_own_time),
      cmocka_unit_test(what_is_not_there_is_refused),
      cmocka_unit_test(sessions_wait_for_their_tools),
      cmocka_unit_test(a_run_is_run_again_with_one_thing_changed),
      cmocka_unit_test(what_no_seed_changes_is_changed_once),
      cmocka_unit_test(the_load_of_classes_grows_alike),
      cmocka_unit_test(limits_of_power_and_roles_are_tried),
      cmocka_unit_test(a_batch_has_the_rates_of_its_whole_run),
      cmocka_unit_test(a_site_that_is_busy_may_have_three_times_its_load_to_spare),
  };
  const struct CMUnitTest jobs[] = {cmocka_unit_test(a_job_tells_where_its_time_went)};
  const struct CMUnitTest longer[] = {cmocka_unit_test(long_iterations_ask_for_more_engines)};
  const struct CMUnitTest longest[] = {
      cmocka_unit_test(iterations_long_in_themselves_ask_for_faster_engines)};
  const struct CMUnitTest busiest[] = {cmocka_unit_test(headroom_is_that_of_the_busiest_tenth)};
  const struct CMUnitTest full[] = {cmocka_unit_test(blocks_are_short_where_caches_wait_for_links)};
  const struct CMUnitTest less[] = {cmocka_unit_test(a_flow_that_waits_now_and_then_saturates_nothing)};
  return cmocka_run_group_tests(tests, given_logs, remove_scratch) +
         cmocka_run_group_tests(full, given_full_links, remove_scratch) +
         cmocka_run_group_tests(less, given_less_full_links, remove_scratch) +
         cmocka_run_group_tests(jobs, given_a_job, remove_scratch) +
         cmocka_run_group_tests(longer, given_long_iterations, remove_scratch) +
         cmocka_run_group_tests(longest, given_iterations_long_in_themselves, remove_scratch) +
         cmocka_run_group_tests(busiest, given_a_busy_hour, remove_scratch);
}
