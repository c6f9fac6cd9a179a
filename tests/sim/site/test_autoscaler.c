/* Engines that park and wake: timelines by hand, and what must not be lost on the way. */
#include "tests/check.h"
#include "tests/sim/net_support.h"
#include "tests/sim/support.h"

#include <jansson.h>

/* 10 ms an iteration, whatever is in it: an output of n tokens takes n iterations, the prompt's included. */
static const test_costs ten_ms = {0.01, 0, 0, 0, FALSE};

static double cell(const char *directory, const char *table, const char *column, guint row)
{
  g_autoptr(GArray) values = test_column(directory, table, column);
  assert_true(row < values->len);
  return g_array_index(values, double, row);
}

/* ---- Policies ---- */

static gint64 wanted(const char *policy, double target, tw_scaling_view view)
{
  tw_scaling scaling = {.max = 10, .utilization = target, .queue = 2};
  while (!g_str_equal(tw_scaling_policy_names[scaling.policy], policy))
    scaling.policy++;
  return tw_scaling_wanted(&scaling, &view);
}

static void utilization_counts_requests_and_kv_caches(void **state)
{
  (void)state;
  /* 35 requests at 10 an engine are 3.5 full ones; at half of that, 7. Rounding does not ask for one more. */
  assert_int_equal(wanted("utilization", 0.5, (tw_scaling_view){.outstanding = 35, .capacity = 10}), 7);
  assert_int_equal(wanted("utilization", 0.7, (tw_scaling_view){.outstanding = 35, .capacity = 10}), 5);
  assert_int_equal(wanted("utilization", 0.7, (tw_scaling_view){.outstanding = 36, .capacity = 10}), 6);
  /* Few requests with long contexts: caches of two engines in use. */
  assert_int_equal(
      wanted("utilization", 0.5, (tw_scaling_view){.outstanding = 3, .capacity = 10, .kv_used = 2}), 4);
  assert_int_equal(wanted("utilization", 0.5, (tw_scaling_view){.outstanding = 900, .capacity = 10}), 10);
  assert_int_equal(wanted("utilization", 0.5, (tw_scaling_view){.capacity = 10}), 0);
}

static void a_line_asks_for_as_many_as_it_fills(void **state)
{
  (void)state;
  tw_scaling_view view = {.active = 2, .outstanding = 24, .waiting = 4, .capacity = 10};
  assert_int_equal(wanted("queue", 0.5, view), 2); /* two an engine may wait */
  view.waiting = 5;
  assert_int_equal(wanted("queue", 0.5, view), 3);
  view.waiting = 16; /* 12 too many fill two engines of 10 */
  assert_int_equal(wanted("queue", 0.5, view), 4);
  /* Nobody waits: one is left out if the other stays half full. */
  view.waiting = 0;
  view.outstanding = 6;
  assert_int_equal(wanted("queue", 0.5, view), 2);
  view.outstanding = 5;
  assert_int_equal(wanted("queue", 0.5, view), 1);
  /* With none active, the first that waits is enough. */
  assert_int_equal(wanted("queue", 0.5, (tw_scaling_view){.outstanding = 1, .waiting = 1, .capacity = 10}),
                   1);
}

/* ---- Timelines ---- */

/* Engines of ten requests and two gigabytes each, on hosts of their own, scaled every second for half of
 * their places to be taken. Weights come from a peer, in 2.00001 s; the software starts in 1 s. */
static tw_scenario *scaled(int engines)
{
  tw_scenario *scenario = test_scenario(engines, &ten_ms, 1000);
  test_scenario_power(scenario);
  scenario->platform->hosts = g_renew(tw_host, scenario->platform->hosts, (gsize)engines);
  scenario->platform->n_hosts = engines;
  for (int i = 0; i < engines; i++) {
    scenario->platform->hosts[i] = (tw_host){0};
    scenario->plan.engines[i].shares[0].host = i;
  }
  tw_pool *pool = &scenario->pools[0];
  pool->max_seqs = 10;
  pool->weights_from = TW_WEIGHTS_PEER;
  pool->plan.memory.weight_bytes = 2e9;
  pool->startup_s = 1;
  pool->scaling = (tw_scaling){.min = 1, .max = engines, .period_s = 1, .utilization = 0.5};
  return scenario;
}

/* One request runs from 0 to 10 s, eight from 3.2 to 7.2, one from 7.5 to 9.5. */
static char *ups_and_downs(const char *more)
{
  GString *text = g_string_new("arrival_s,prompt_tokens,answer_tokens\n0,16,1000\n");
  for (int i = 0; i < 8; i++)
    g_string_append(text, "3.2,16,400\n");
  g_string_append_printf(text, "7.5,16,200\n%s", more);
  return g_string_free(text, FALSE);
}

static void note(void *user, const tw_factory *factory)
{
  *(tw_fleet_totals *)user = tw_fleet_record(tw_factory_fleet(factory));
}

static void engines_park_and_wake_with_the_load(void **state)
{
  (void)state;
  tw_scenario *scenario = scaled(2);
  g_autofree char *directory = test_directory(), *trace = ups_and_downs("");
  tw_fleet_totals totals;
  g_autoptr(tw_recorder) recorder = test_run_watched(scenario, trace, directory, INFINITY, note, &totals);
  /* At 1 s, one request needs one engine: the second parks at once, and sleeps at 10 W instead of 100.
   * At 4 s, nine need 1.8, and it wakes: loaded at 6.00001, it serves from 7.00001 on.
   * At 8 s, two need one. The engines have one each: the second drains until 9.5 and sleeps again. */
  static const double serving[] = {1, 0, 0, 0, 0, 0, 0, 0.99999, 0, 0};
  for (guint i = 0; i < G_N_ELEMENTS(serving); i++) {
    assert_near(cell(directory, "engines", "serving", 2 * i), 1, 0);
    assert_near(cell(directory, "engines", "serving", 2 * i + 1), serving[i], 1e-6);
    assert_near(cell(directory, "site", "serving", i), 1 + serving[i], 1e-6);
  }
  assert_near(cell(directory, "engines", "joules", 1), 100, 1e-6);
  assert_near(cell(directory, "engines", "joules", 7), 10, 1e-6);
  assert_near(cell(directory, "engines", "joules", 9), 100, 1e-6); /* it loads */
  assert_near(cell(directory, "engines", "busy", 19), 0.5, 1e-6);
  assert_int_equal(totals.wakes, 1);
  assert_int_equal(totals.loads, 1);
  assert_near(totals.load_s, 3.00001, 1e-9);
  assert_int_equal(tw_recorder_totals(recorder)->endings[TW_COMPLETED], 10);
  test_remove(directory);
  test_scenario_free(scenario);
}

static void an_engine_that_drains_is_woken_without_a_load(void **state)
{
  (void)state;
  tw_scenario *scenario = scaled(2);
  /* It drains from 8 s on; at 9 s twelve requests are there, and it serves on. */
  g_autofree char *directory = test_directory();
  g_autofree char *trace = ups_and_downs("8.5,16,80\n8.5,16,80\n8.5,16,80\n8.5,16,80\n8.5,16,80\n8.5,16,80\n"
                                         "8.5,16,80\n8.5,16,80\n8.5,16,80\n8.5,16,80\n9.2,16,10\n");
  tw_fleet_totals totals;
  g_autoptr(tw_recorder) recorder = test_run_watched(scenario, trace, directory, INFINITY, note, &totals);
  assert_near(cell(directory, "engines", "serving", 2 * 8 + 1), 0, 0);
  assert_near(cell(directory, "engines", "serving", 2 * 9 + 1), 1, 0);
  assert_int_equal(totals.wakes, 1);
  test_remove(directory);
  test_scenario_free(scenario);
}

static void all_engines_that_drain_are_woken_at_once_where_all_are_wanted(void **state)
{
  (void)state;
  tw_scenario *scenario = scaled(3);
  scenario->pools[0].weights_from = TW_WEIGHTS_RESIDENT;
  /* Each has one request until 20 s. At 1 s, three requests need one engine: two drain. At 2 s, fifteen need three. */
  GString *trace = g_string_new("arrival_s,prompt_tokens,answer_tokens\n0,16,2000\n0,16,2000\n0,16,2000\n");
  for (int i = 0; i < 12; i++)
    g_string_append(trace, "1.5,16,200\n");
  g_autofree char *directory = test_directory();
  tw_fleet_totals totals;
  g_autoptr(tw_recorder) recorder =
      test_run_watched(scenario, trace->str, directory, INFINITY, note, &totals);
  for (guint engine = 0; engine < 3; engine++) {
    assert_near(cell(directory, "engines", "serving", 3 * 1 + engine), engine == 0, 0);
    assert_near(cell(directory, "engines", "serving", 3 * 2 + engine), 1, 0);
  }
  assert_int_equal(totals.wakes, 0); /* none had parked */
  g_string_free(trace, TRUE);
  test_remove(directory);
  test_scenario_free(scenario);
}

static void engines_park_when_fewer_were_wanted_for_the_whole_delay(void **state)
{
  (void)state;
  /* One is wanted from 1 s on. What was there at 0 s counts for three seconds: until 3 s. */
  tw_scenario *scenario = scaled(2);
  scenario->pools[0].scaling.down_delay_s = 3;
  g_autofree char *directory = test_directory();
  g_autoptr(tw_recorder) recorder =
      test_run(scenario, "arrival_s,prompt_tokens,answer_tokens\n0,16,1000\n", directory);
  assert_near(cell(directory, "engines", "serving", 2 * 3 + 1), 1, 0);
  assert_near(cell(directory, "engines", "serving", 2 * 4 + 1), 0, 0);
  test_remove(directory);
  test_scenario_free(scenario);
}

static void engines_wake_when_more_were_wanted_for_the_whole_delay(void **state)
{
  (void)state;
  /* It is parked at 1 s. Nine requests are there from 3.2 to 7.2 s: seen at 4, 5 and 6, which is two seconds
   * at 6. Resident weights, started at once. */
  for (int delay_s = 2; delay_s <= 4; delay_s += 2) {
    tw_scenario *scenario = scaled(2);
    scenario->pools[0].scaling.up_delay_s = delay_s;
    scenario->pools[0].weights_from = TW_WEIGHTS_RESIDENT;
    scenario->pools[0].startup_s = 0;
    g_autofree char *directory = test_directory(), *trace = ups_and_downs("");
    tw_fleet_totals totals;
    g_autoptr(tw_recorder) recorder = test_run_watched(scenario, trace, directory, INFINITY, note, &totals);
    assert_near(cell(directory, "engines", "serving", 2 * 5 + 1), 0, 0);
    assert_near(cell(directory, "engines", "serving", 2 * 6 + 1), delay_s == 2, 0);
    assert_int_equal(totals.wakes, delay_s == 2);
    test_remove(directory);
    test_scenario_free(scenario);
  }
}

static void a_parked_engine_with_resident_weights_does_not_sleep(void **state)
{
  (void)state;
  tw_scenario *scenario = scaled(2);
  scenario->pools[0].weights_from = TW_WEIGHTS_RESIDENT;
  g_autofree char *directory = test_directory();
  g_autoptr(tw_recorder) recorder =
      test_run(scenario, "arrival_s,prompt_tokens,answer_tokens\n0,16,500\n", directory);
  assert_near(cell(directory, "engines", "serving", 2 * 3 + 1), 0, 0);
  assert_near(cell(directory, "engines", "joules", 2 * 3 + 1), 100, 1e-6);
  test_remove(directory);
  test_scenario_free(scenario);
}

static void requests_wait_for_the_first_engine_where_all_are_parked(void **state)
{
  (void)state;
  tw_scenario *scenario = scaled(2);
  scenario->pools[0].scaling.min = 0;
  scenario->pools[0].weights_from = TW_WEIGHTS_RESIDENT;
  scenario->pools[0].startup_s = 3;
  g_autofree char *directory = test_directory();
  g_autoptr(tw_recorder) recorder =
      test_run(scenario, "arrival_s,prompt_tokens,answer_tokens\n0,16,10\n5.3,16,10\n", directory);
  /* Both park at 1 s. The second request is seen at 6 s, and waits until 9. */
  assert_near(cell(directory, "requests", "first_scheduled_s", 1), 9, 1e-9);
  assert_near(cell(directory, "site", "waiting", 5), 0.7, 1e-6);
  assert_near(cell(directory, "site", "waiting", 6), 1, 1e-6);
  assert_near(tw_histogram_max(tw_recorder_latency(recorder, TW_LATENCY_QUEUE)), 3.7, 1e-9);
  test_remove(directory);
  test_scenario_free(scenario);
}

/* ---- Nothing is lost ---- */

static void an_engine_drains_while_caches_are_on_their_way_to_it(void **state)
{
  (void)state;
  /* Each decode engine is given a request, whose cache takes 0.1 s from 0.01 on. At 0.05 s one engine would
   * do: the last one drains, decodes what comes, and parks. */
  tw_scenario *scenario = scaled(3);
  test_disaggregate(scenario, 1);
  scenario->pools[0].scaling.policy = -1;
  scenario->pools[1].scaling.period_s = 0.05;
  scenario->pools[1].scaling.utilization = 1;
  g_autofree char *directory = test_directory();
  g_autoptr(tw_recorder) recorder = test_run(
      scenario, "arrival_s,prompt_tokens,answer_tokens\n0,100,50\n0,100,50\n1,100,50\n1,100,50\n", directory);
  g_autoptr(GArray) engines = test_column(directory, "requests", "decode_engine");
  double sum = 0;
  for (guint i = 0; i < engines->len; i++)
    sum += g_array_index(engines, double, i);
  assert_int_equal(engines->len, 4);
  assert_near(sum, 2 + 1 + 1 + 1, 0); /* one request at the second engine */
  assert_near(cell(directory, "engines", "serving", 2), 0.05, 1e-6);
  assert_near(cell(directory, "engines", "output_tokens", 2), 49, 0);
  assert_int_equal(tw_recorder_totals(recorder)->endings[TW_COMPLETED], 4);
  test_remove(directory);
  test_scenario_free(scenario);
}

static void prefill_engines_park_when_their_caches_have_left(void **state)
{
  (void)state;
  tw_scenario *scenario = scaled(3);
  test_disaggregate(scenario, 2);
  scenario->pools[1].scaling.policy = -1;
  scenario->pools[0].scaling.period_s = 0.05;
  scenario->pools[0].scaling.utilization = 1;
  g_autofree char *directory = test_directory();
  g_autoptr(tw_recorder) recorder = test_run(
      scenario, "arrival_s,prompt_tokens,answer_tokens\n0,100,50\n0,100,50\n1,100,50\n1,100,50\n", directory);
  assert_near(cell(directory, "engines", "serving", 1), 0.05, 1e-6);
  assert_int_equal(tw_recorder_totals(recorder)->endings[TW_COMPLETED], 4);
  test_remove(directory);
  test_scenario_free(scenario);
}

static void clients_in_a_closed_loop_come_back_to_parked_engines(void **state)
{
  (void)state;
  tw_scenario *scenario = scaled(2);
  scenario->pools[0].scaling.min = 0;
  scenario->pools[0].weights_from = TW_WEIGHTS_RESIDENT;
  tw_closed_options options = {.clients = 3,
                               .limit = 12,
                               .duration_s = INFINITY,
                               .think_s = 5,
                               .prompt = {TW_LENGTH_FIXED, 100, 0, 100, 100},
                               .reasoning = {TW_LENGTH_FIXED, 0, 0, 0, 0},
                               .answer = {TW_LENGTH_FIXED, 11, 0, 11, 11},
                               .seed = 1};
  g_autoptr(tw_stream) stream = tw_stream_closed(&options);
  g_autoptr(tw_recorder) recorder = test_run_stream(scenario, stream, NULL, INFINITY);
  assert_int_equal(tw_recorder_totals(recorder)->endings[TW_COMPLETED], 12);
  /* All but the first three find nobody: up to a second until that is seen, and one until it has started. */
  assert_true(tw_histogram_max(tw_recorder_latency(recorder, TW_LATENCY_QUEUE)) >= 1);
  test_scenario_free(scenario);
}

static void a_run_may_end_while_engines_drain_or_load(void **state)
{
  (void)state;
  tw_scenario *scenario = scaled(2);
  g_autofree char *trace = ups_and_downs("");
  /* Loading at 5 s, with nine requests inside; starting at 6.5; draining at 9.2, with two. */
  static const double ends_s[] = {5, 6.5, 9.2};
  static const guint64 inside[] = {9, 9, 2};
  for (guint i = 0; i < G_N_ELEMENTS(ends_s); i++) {
    g_autoptr(tw_recorder) recorder = test_run_until(scenario, trace, NULL, ends_s[i]);
    assert_int_equal(tw_recorder_totals(recorder)->endings[TW_UNFINISHED], inside[i]);
    assert_int_equal(tw_recorder_totals(recorder)->arrived,
                     inside[i] + tw_recorder_totals(recorder)->endings[TW_COMPLETED]);
  }
  test_scenario_free(scenario);
}

static void add_joules(void *user, const tw_factory *factory)
{
  tw_energy *energy = user;
  *energy = tw_factory_energy(factory);
  double joules = 0;
  for (int i = 0; i < tw_factory_engines(factory); i++) {
    tw_usage usage = tw_engine_total(tw_factory_engine(factory, i), tw_factory_now(factory));
    joules += usage.prefill_j + usage.decode_j + usage.idle_j;
  }
  assert_near(joules, energy->accelerator_j, 1e-9 * joules);
}

static void joules_add_up_with_parked_engines_under_a_cap(void **state)
{
  (void)state;
  double site_j[2];
  for (int capped = 0; capped < 2; capped++) {
    tw_scenario *scenario = scaled(3);
    g_autofree char *directory = test_directory(), *trace = ups_and_downs("");
    scenario->caps.period_s = 0.7;
    scenario->plan.site_cap = capped ? tw_stairs_constant(700) : NULL;
    tw_energy energy;
    g_autoptr(tw_recorder) recorder =
        test_run_watched(scenario, trace, directory, INFINITY, add_joules, &energy);
    assert_int_equal(tw_recorder_totals(recorder)->endings[TW_COMPLETED], 10);
    site_j[capped] = energy.accelerator_j;
    /* The rows of the engines are the same joules once more. */
    g_autoptr(GArray) rows = test_column(directory, "engines", "joules");
    double sum = 0;
    for (guint i = 0; i < rows->len; i++)
      sum += g_array_index(rows, double, i);
    assert_near(sum, energy.accelerator_j, 1e-6 * rows->len);
    test_remove(directory);
    tw_stairs_free(scenario->plan.site_cap);
    test_scenario_free(scenario);
  }
  assert_true(site_j[0] > 0 && site_j[1] > 0);
}

static void a_parked_engine_forgets_its_prefixes(void **state)
{
  (void)state;
  static const char trace[] = "arrival_s,prompt_tokens,answer_tokens,hash_tokens,hashes\n"
                              "0,64,10,16,1 2 3 4\n0.5,64,10,16,1 2 3 4\n5.3,64,10,16,1 2 3 4\n";
  for (int resident = 0; resident < 2; resident++) {
    tw_scenario *scenario = scaled(1);
    scenario->pools[0].prefix_cache = TRUE;
    scenario->pools[0].scaling.min = 0;
    scenario->pools[0].weights_from = resident ? TW_WEIGHTS_RESIDENT : TW_WEIGHTS_STORAGE;
    if (!resident) { /* the storage host */
      scenario->platform->hosts = g_renew(tw_host, scenario->platform->hosts, 2);
      scenario->platform->zones = g_renew(tw_zone, scenario->platform->zones, 2);
      scenario->platform->hosts[1] = (tw_host){.zone = 1};
      scenario->platform->zones[1] = (tw_zone){.role = TW_ROLE_STORAGE, .rack_index = -1, .parent = -1};
      scenario->platform->n_hosts = scenario->platform->n_zones = 2;
    }
    g_autofree char *directory = test_directory();
    g_autoptr(tw_recorder) recorder = test_run(scenario, trace, directory);
    assert_near(cell(directory, "requests", "cached_tokens", 1), 48, 0);
    assert_near(cell(directory, "requests", "cached_tokens", 2), resident ? 48 : 0, 0);
    test_remove(directory);
    test_scenario_free(scenario);
  }
}

/* ---- On SimGrid ---- */

/* Four nodes of which one serves until 100 s, and then all: three copy the weights of the first. */
static void peers_share_the_network_card_of_the_one_that_serves(void **state)
{
  (void)state;
  g_autofree char *directory = test_directory(), *out = g_build_filename(directory, "run", NULL);
  g_autofree char *schedule = g_build_filename(directory, "schedule.csv", NULL);
  g_autofree char *path = g_build_filename(directory, "scenario.xml", NULL);
  assert_true(g_file_set_contents(schedule, "time_s,engines\n0,1\n100,4\n", -1, NULL));
  g_autofree char *text = g_strdup_printf(
      "<?xml version=\"1.0\"?>\n<scenario name=\"peers\">"
      "<platform file=\"%s/platforms/hgx-h100-4.xml\"/>"
      "<workload><poisson rate=\"0.5/s\" requests=\"90\"><prompt mean=\"200\"/><answer "
      "mean=\"50\"/></poisson>"
      "</workload><pool id=\"p\" model=\"llama-3.1-8b\" replicas=\"4\" tp=\"8\" weights=\"fp8\" "
      "weights-from=\"peer\" startup=\"7s\"><autoscaler policy=\"schedule\" file=\"schedule.csv\" "
      "period=\"10s\" down-delay=\"0s\"/></pool><output segments=\"true\" audit=\"true\"/></scenario>\n",
      TW_SOURCE_DIR);
  assert_true(g_file_set_contents(path, text, -1, NULL));
  const char *arguments[] = {"run", path, "-o", out, "--quiet", NULL};
  g_free(test_program(arguments, 0, NULL));

  g_autofree char *segments = test_table(out, "segments");
  g_auto(GStrv) lines = g_strsplit(segments, "\n", -1);
  int loads = 0;
  for (int i = 1; lines[i] != NULL && *lines[i] != '\0'; i++) {
    g_auto(GStrv) cells = g_strsplit(lines[i], ",", -1);
    if (!g_str_equal(cells[1], "load"))
      continue;
    double start_s = g_ascii_strtod(cells[2], NULL), end_s = g_ascii_strtod(cells[3], NULL),
           bytes = g_ascii_strtod(cells[6], NULL);
    loads++;
    /* Three copies leave by the eight NICs of a node, 400 GB/s, and cross two of them, 1.5 us each. */
    assert_near(start_s, 100, 1e-9);
    assert_true(bytes > 8e9);
    assert_near(end_s, 100 + 3 * bytes / 400e9 + 3e-6 + 7, 1e-6);
  }
  assert_int_equal(loads, 3);
  g_autofree char *summary_path = g_build_filename(out, "summary.json", NULL);
  json_t *summary = json_load_file(summary_path, 0, NULL), *fleet = json_object_get(summary, "fleet");
  assert_int_equal(json_integer_value(json_object_get(fleet, "wakes")), 3);
  assert_int_equal(json_integer_value(json_object_get(json_object_get(summary, "requests"), "completed")),
                   90);
  double hours = 0;
  for (int s = 0; s < TW_ENGINE_STATE_COUNT; s++) {
    g_autofree char *name = g_strdup_printf("%s_engine_hours", tw_engine_state_names[s]);
    hours += json_number_value(json_object_get(fleet, name));
  }
  assert_near(hours, 4 * json_number_value(json_object_get(summary, "simulated_s")) / 3600, 1e-9);
  json_decref(summary);
  test_remove(out);
  test_remove(directory);
}

int main(void)
{
  g_setenv("TW_PROGRAM", TW_PROGRAM, TRUE);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(utilization_counts_requests_and_kv_caches),
      cmocka_unit_test(a_line_asks_for_as_many_as_it_fills),
      cmocka_unit_test(engines_park_and_wake_with_the_load),
      cmocka_unit_test(an_engine_that_drains_is_woken_without_a_load),
      cmocka_unit_test(all_engines_that_drain_are_woken_at_once_where_all_are_wanted),
      cmocka_unit_test(engines_park_when_fewer_were_wanted_for_the_whole_delay),
      cmocka_unit_test(engines_wake_when_more_were_wanted_for_the_whole_delay),
      cmocka_unit_test(a_parked_engine_with_resident_weights_does_not_sleep),
      cmocka_unit_test(requests_wait_for_the_first_engine_where_all_are_parked),
      cmocka_unit_test(an_engine_drains_while_caches_are_on_their_way_to_it),
      cmocka_unit_test(prefill_engines_park_when_their_caches_have_left),
      cmocka_unit_test(clients_in_a_closed_loop_come_back_to_parked_engines),
      cmocka_unit_test(a_run_may_end_while_engines_drain_or_load),
      cmocka_unit_test(joules_add_up_with_parked_engines_under_a_cap),
      cmocka_unit_test(a_parked_engine_forgets_its_prefixes),
      cmocka_unit_test(peers_share_the_network_card_of_the_one_that_serves),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
