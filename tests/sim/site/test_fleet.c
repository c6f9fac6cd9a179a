/* Engines that have yet to load their weights: closed forms, alone and with contention on SimGrid. */
#include "sim/site/fleet.h"
#include "tests/check.h"
#include "tests/sim/net_support.h"
#include "tests/sim/support.h"
#include "workloads/stream/stream.h"

#include <glib/gstdio.h>
#include <jansson.h>

/* 10 ms an iteration, 0.1 ms a prompt token. */
static const test_costs costs = {0.01, 0, 0, 1e-4, FALSE};

static const char one_request[] = "arrival_s,prompt_tokens,answer_tokens\n0,100,11\n";

static double cell(const char *directory, const char *table, const char *column, guint row)
{
  g_autoptr(GArray) values = test_column(directory, table, column);
  assert_true(row < values->len);
  return g_array_index(values, double, row);
}

/* Engines of two gigabytes that start cold, each on a host of its own, and a storage host that has
 * `test_route` to each: 10 us, 1 GB/s. The software starts in 3 s. */
static tw_scenario *cold(int engines, tw_weights_source from)
{
  tw_scenario *scenario = test_scenario(engines, &costs, 1000);
  tw_platform *platform = scenario->platform;
  platform->n_hosts = engines + 1;
  platform->hosts = g_renew(tw_host, platform->hosts, (gsize)engines + 1);
  platform->n_zones = 2;
  platform->zones = g_renew(tw_zone, platform->zones, 2);
  platform->zones[1] = platform->zones[0];
  platform->zones[1].role = TW_ROLE_STORAGE;
  for (int i = 0; i <= engines; i++)
    platform->hosts[i] = (tw_host){.zone = i == engines};
  for (int i = 0; i < engines; i++)
    scenario->plan.engines[i].shares[0].host = i;
  tw_pool *pool = &scenario->pools[0];
  pool->start = TW_START_COLD;
  pool->weights_from = from;
  pool->startup_s = 3;
  pool->plan.memory.weight_bytes = 2e9;
  return scenario;
}

static void a_cold_engine_serves_when_it_has_loaded_and_started(void **state)
{
  (void)state;
  tw_scenario *scenario = cold(1, TW_WEIGHTS_STORAGE);
  g_autofree char *directory = test_directory();
  g_autoptr(tw_recorder) recorder = test_run(scenario, one_request, directory);
  /* 2 GB at 1 GB/s, 10 us, and 3 s; then 10 ms and 100 times 0.1 ms for the prompt. */
  assert_near(cell(directory, "requests", "first_scheduled_s", 0), 5.00001, 1e-9);
  assert_near(cell(directory, "requests", "first_token_s", 0), 5.02001, 1e-9);
  /* The wait is queueing time, and the site has a request that waits. */
  assert_near(tw_histogram_mean(tw_recorder_latency(recorder, TW_LATENCY_QUEUE)), 5.00001, 1e-9);
  assert_near(cell(directory, "site", "waiting", 2), 1, 1e-6);
  assert_near(cell(directory, "site", "waiting", 5), 0.00001 / 0.12001, 1e-6);
  assert_near(cell(directory, "engines", "serving", 4), 0, 0);
  assert_near(cell(directory, "engines", "serving", 5), (5.12001 - 5.00001) / 0.12001, 1e-5);
  test_remove(directory);
  test_scenario_free(scenario);
}

static void resident_weights_need_no_load_but_the_software_has_to_start(void **state)
{
  (void)state;
  tw_scenario *scenario = cold(1, TW_WEIGHTS_RESIDENT);
  g_autofree char *directory = test_directory();
  g_autoptr(tw_recorder) recorder = test_run(scenario, one_request, directory);
  assert_near(cell(directory, "requests", "first_scheduled_s", 0), 3, 1e-9);
  test_remove(directory);
  test_scenario_free(scenario);
}

static void all_that_wait_go_to_the_first_engine_that_serves(void **state)
{
  (void)state;
  /* A warm pool would spread them. The second pool needs 4 s more. */
  tw_scenario *scenario = cold(2, TW_WEIGHTS_STORAGE);
  scenario->pools = g_renew(tw_pool, scenario->pools, 2);
  scenario->pools[1] = scenario->pools[0];
  scenario->pools[1].startup_s = 7;
  scenario->n_pools = 2;
  scenario->plan.engines[1].pool = 1;
  g_autofree char *directory = test_directory();
  g_autoptr(tw_recorder) recorder = test_run(
      scenario, "arrival_s,prompt_tokens,answer_tokens\n0,100,11\n1,100,11\n9.5,100,800\n9.5,100,11\n",
      directory);
  g_autoptr(GArray) engines = test_column(directory, "requests", "prefill_engine");
  assert_near(g_array_index(engines, double, 0), 0, 0);
  assert_near(g_array_index(engines, double, 1), 0, 0);
  /* In the order of ending: the short one went to the second engine, which serves from 9.00001 on. */
  assert_near(g_array_index(engines, double, 2), 1, 0);
  assert_near(g_array_index(engines, double, 3), 0, 0);
  test_remove(directory);
  test_scenario_free(scenario);
}

static void a_request_whose_deadline_passes_meanwhile_is_cancelled(void **state)
{
  (void)state;
  tw_scenario *scenario = cold(1, TW_WEIGHTS_STORAGE);
  scenario->deadline_s = 2;
  g_autoptr(tw_recorder) recorder =
      test_run(scenario, "arrival_s,prompt_tokens,answer_tokens\n0,100,11\n4,100,11\n", NULL);
  assert_int_equal(tw_recorder_totals(recorder)->endings[TW_CANCELLED], 1);
  assert_int_equal(tw_recorder_totals(recorder)->endings[TW_COMPLETED], 1);
  test_scenario_free(scenario);
}

static void the_line_at_the_router_may_be_limited(void **state)
{
  (void)state;
  tw_scenario *scenario = cold(1, TW_WEIGHTS_STORAGE);
  scenario->max_queue = 2;
  g_autoptr(tw_recorder) recorder = test_run(
      scenario, "arrival_s,prompt_tokens,answer_tokens\n0,100,11\n0,100,11\n0,100,11\n6,100,11\n", NULL);
  assert_int_equal(tw_recorder_totals(recorder)->endings[TW_REJECTED], 1);
  assert_int_equal(tw_recorder_totals(recorder)->endings[TW_COMPLETED], 3);
  test_scenario_free(scenario);
}

static void requests_that_wait_as_the_run_is_cut_short_are_counted(void **state)
{
  (void)state;
  tw_scenario *scenario = cold(1, TW_WEIGHTS_STORAGE);
  for (int k = 0; k < 2; k++) { /* during the load, and during the start of the software */
    g_autoptr(tw_recorder) recorder = test_run_until(scenario, one_request, NULL, k == 0 ? 1 : 3);
    assert_int_equal(tw_recorder_totals(recorder)->arrived, 1);
    assert_int_equal(tw_recorder_totals(recorder)->endings[TW_UNFINISHED], 1);
  }
  test_scenario_free(scenario);
}

static void clients_in_a_closed_loop_wait_for_the_load(void **state)
{
  (void)state;
  tw_scenario *scenario = cold(1, TW_WEIGHTS_STORAGE);
  tw_closed_options options = {.clients = 2,
                               .limit = 10,
                               .duration_s = INFINITY,
                               .prompt = {.kind = TW_LENGTH_FIXED, .mean = 100, .min = 100, .max = 100},
                               .reasoning = {.kind = TW_LENGTH_FIXED, .mean = 0, .min = 0, .max = 0},
                               .answer = {.kind = TW_LENGTH_FIXED, .mean = 11, .min = 11, .max = 11},
                               .seed = 1};
  g_autoptr(tw_stream) stream = tw_stream_closed(&options);
  g_autoptr(tw_recorder) recorder = test_run_stream(scenario, stream, NULL, INFINITY);
  assert_int_equal(tw_recorder_totals(recorder)->endings[TW_COMPLETED], 10);
  test_scenario_free(scenario);
}

/* ---- On SimGrid ---- */

/* Hosts of two H100s each, of which a model of 8 billion parameters in fp8 takes one or both; and a storage
 * host behind one link of 2 GB/s and 5 us. NICs have 50 GB/s and 1 us. */
static char *write_platform(const char *directory, int hosts, gboolean storage)
{
  GString *text = g_string_new("<?xml version=\"1.0\"?>\n"
                               "<!DOCTYPE platform SYSTEM \"https://simgrid.org/simgrid.dtd\">\n"
                               "<platform version=\"4.1\"><zone id=\"site\" routing=\"Floyd\">"
                               "<prop id=\"tw:role\" value=\"site\"/>\n"
                               "<zone id=\"fabric\" routing=\"Full\"><router id=\"switch\"/></zone>\n");
  for (int i = 0; i < hosts; i++)
    g_string_append_printf(text,
                           "<zone id=\"node-%d\" routing=\"Full\"><prop id=\"tw:role\" value=\"node\"/>"
                           "<host id=\"n%d\" speed=\"1Gf\"><prop id=\"tw:device\" value=\"h100-sxm\"/>"
                           "<prop id=\"tw:accelerators\" value=\"2\"/></host></zone>\n",
                           i, i);
  if (storage)
    g_string_append(text, "<zone id=\"store\" routing=\"Full\"><prop id=\"tw:role\" value=\"storage\"/>"
                          "<host id=\"s0\" speed=\"1Gf\"/></zone>\n"
                          "<link id=\"disk\" bandwidth=\"2GBps\" latency=\"5us\"/>\n");
  for (int i = 0; i < hosts; i++)
    g_string_append_printf(
        text, "<link id=\"nic-%d\" bandwidth=\"50GBps\" latency=\"1us\" sharing_policy=\"SPLITDUPLEX\"/>\n",
        i);
  for (int i = 0; i < hosts; i++)
    g_string_append_printf(text,
                           "<zoneRoute src=\"node-%d\" dst=\"fabric\" gw_src=\"n%d\" gw_dst=\"switch\">"
                           "<link_ctn id=\"nic-%d\" direction=\"UP\"/></zoneRoute>\n",
                           i, i, i);
  if (storage)
    g_string_append(text, "<zoneRoute src=\"store\" dst=\"fabric\" gw_src=\"s0\" gw_dst=\"switch\">"
                          "<link_ctn id=\"disk\"/></zoneRoute>\n");
  g_string_append(text, "</zone></platform>\n");
  char *path = g_build_filename(directory, "platform.xml", NULL);
  assert_true(g_file_set_contents(path, text->str, -1, NULL));
  g_string_free(text, TRUE);
  return path;
}

/* A scenario with a pool of those attributes; requests come 1 s apart, 30 of them. */
static char *write_scenario(const char *directory, const char *pools)
{
  g_autofree char *text = g_strdup_printf(
      "<?xml version=\"1.0\"?>\n<scenario name=\"cold\"><platform file=\"platform.xml\"/>"
      "<workload><poisson rate=\"1/s\" requests=\"30\"><prompt mean=\"200\"/><answer mean=\"50\"/></poisson>"
      "</workload>%s<output segments=\"true\" audit=\"true\"/></scenario>\n",
      pools);
  char *path = g_build_filename(directory, "scenario.xml", NULL);
  assert_true(g_file_set_contents(path, text, -1, NULL));
  return path;
}

/* Runs it into DIRECTORY/run, which the caller frees. */
static char *run(const char *directory, const char *scenario, const char *option)
{
  char *out = g_build_filename(directory, "run", NULL);
  const char *arguments[] = {
      "run", scenario, "-o", out, "--quiet", "--force", option != NULL ? "--set" : NULL, option, NULL};
  g_free(test_program(arguments, 0, NULL));
  return out;
}

/* Ends of the loads of a run, and the bytes of each. */
static GArray *loads(const char *run_directory, double *bytes)
{
  g_autofree char *text = test_table(run_directory, "segments");
  g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
  GArray *ends = g_array_new(FALSE, FALSE, sizeof(double));
  for (int i = 1; lines[i] != NULL && *lines[i] != '\0'; i++) {
    g_auto(GStrv) cells = g_strsplit(lines[i], ",", -1);
    if (!g_str_equal(cells[1], "load"))
      continue;
    double end_s = g_ascii_strtod(cells[3], NULL);
    *bytes = g_ascii_strtod(cells[6], NULL);
    g_array_append_val(ends, end_s);
  }
  return ends;
}

static double in_summary(const char *run_directory, const char *group, const char *name)
{
  g_autofree char *path = g_build_filename(run_directory, "summary.json", NULL);
  json_t *summary = json_load_file(path, 0, NULL);
  double value = json_number_value(json_object_get(json_object_get(summary, group), name));
  json_decref(summary);
  return value;
}

static void clear(const char *directory)
{
  g_autofree char *run_directory = g_build_filename(directory, "run", NULL);
  if (g_file_test(run_directory, G_FILE_TEST_IS_DIR))
    test_remove(run_directory);
  test_remove(directory);
}

static void n_engines_that_load_from_one_store_take_n_times_as_long(void **state)
{
  (void)state;
  for (int n = 1; n <= 4; n *= 2) {
    g_autofree char *directory = test_directory(), *platform = write_platform(directory, n, TRUE);
    g_autofree char *pool = g_strdup_printf(
        "<pool id=\"p\" model=\"llama-3.1-8b\" replicas=\"%d\" tp=\"2\" weights=\"fp8\" start=\"cold\" "
        "weights-from=\"storage\" startup=\"7s\"/>",
        n);
    g_autofree char *scenario = write_scenario(directory, pool), *out = run(directory, scenario, NULL);
    double bytes = 0;
    g_autoptr(GArray) ends = loads(out, &bytes);
    assert_int_equal(ends->len, n);
    assert_true(bytes > 8e9 && bytes < 10e9); /* 8 billion parameters of a byte, some of two */
    /* n loads share 2 GB/s; a route of 5 us and 1 us; the software. */
    for (int i = 0; i < n; i++)
      assert_near(g_array_index(ends, double, i), n * bytes / 2e9 + 6e-6 + 7, 1e-6);
    assert_near(in_summary(out, "network", "weights_bytes"), n * bytes, 1);
    assert_near(in_summary(out, "network", "bytes"), n * bytes, 1);
    assert_near(in_summary(out, "requests", "completed"), 30, 0);
    clear(directory);
  }
}

static void exact_steps_load_alike(void **state)
{
  (void)state;
  g_autofree char *directory = test_directory(), *platform = write_platform(directory, 2, TRUE);
  g_autofree char *scenario =
      write_scenario(directory, "<pool id=\"p\" model=\"llama-3.1-8b\" replicas=\"2\" weights=\"fp8\" "
                                "start=\"cold\" weights-from=\"storage\" startup=\"2s\"/>");
  char *tables[2];
  for (int exact = 0; exact < 2; exact++) {
    g_autofree char *out =
        run(directory, scenario, exact ? "//output/@exact-steps=true" : "//output/@exact-steps=false");
    tables[exact] = test_table(out, "requests");
  }
  assert_string_equal(tables[0], tables[1]);
  g_free(tables[0]);
  g_free(tables[1]);
  clear(directory);
}

static void faults_say_where_weights_could_come_from(void **state)
{
  (void)state;
  static const char *const sources[] = {"storage", "peer"};
  for (guint i = 0; i < G_N_ELEMENTS(sources); i++) {
    g_autofree char *directory = test_directory(), *platform = write_platform(directory, 2, FALSE);
    g_autofree char *pool = g_strdup_printf(
        "<pool id=\"p\" model=\"llama-3.1-8b\" start=\"cold\" weights-from=\"%s\"/>", sources[i]);
    g_autofree char *scenario = write_scenario(directory, pool);
    const char *arguments[] = {"check", scenario, NULL};
    char *errors = NULL;
    g_free(test_program(arguments, 2, &errors));
    g_autofree char *expected = g_strdup_printf("scenario.xml:2: weights-from=\"%s\"", sources[i]);
    assert_non_null(strstr(errors, expected));
    assert_non_null(strstr(errors, "role storage"));
    g_free(errors);
    clear(directory);
  }
}

static void a_schedule_must_want_an_engine_at_some_time(void **state)
{
  (void)state;
  g_autofree char *directory = test_directory(), *platform = write_platform(directory, 2, FALSE);
  g_autofree char *schedule = g_build_filename(directory, "schedule.csv", NULL);
  assert_true(g_file_set_contents(schedule, "time_s,engines\n0,0\n3600,0\n", -1, NULL));
  g_autofree char *scenario = write_scenario(
      directory, "<pool id=\"p\" model=\"llama-3.1-8b\"><autoscaler policy=\"schedule\" min=\"0\" "
                 "file=\"schedule.csv\"/></pool>");
  const char *arguments[] = {"check", scenario, NULL};
  char *errors = NULL;
  g_free(test_program(arguments, 2, &errors));
  assert_non_null(strstr(errors, "scenario.xml:2: the schedule never wants an engine"));
  g_free(errors);
  clear(directory);
}

int main(void)
{
  g_setenv("TW_PROGRAM", TW_PROGRAM, TRUE);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_cold_engine_serves_when_it_has_loaded_and_started),
      cmocka_unit_test(resident_weights_need_no_load_but_the_software_has_to_start),
      cmocka_unit_test(all_that_wait_go_to_the_first_engine_that_serves),
      cmocka_unit_test(a_request_whose_deadline_passes_meanwhile_is_cancelled),
      cmocka_unit_test(the_line_at_the_router_may_be_limited),
      cmocka_unit_test(requests_that_wait_as_the_run_is_cut_short_are_counted),
      cmocka_unit_test(clients_in_a_closed_loop_wait_for_the_load),
      cmocka_unit_test(n_engines_that_load_from_one_store_take_n_times_as_long),
      cmocka_unit_test(exact_steps_load_alike),
      cmocka_unit_test(faults_say_where_weights_could_come_from),
      cmocka_unit_test(a_schedule_must_want_an_engine_at_some_time),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
