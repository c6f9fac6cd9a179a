/* Clients that wait for their answers, from the stream to the engines and back. */
#include "tests/check.h"
#include "tests/sim/support.h"

/* Prompts of one token, answers of 10: ten iterations of 10 ms, the first of them the prefill. */
static tw_closed_options clients(gint64 n, gint64 requests)
{
  return (tw_closed_options){.clients = n,
                             .limit = requests,
                             .duration_s = INFINITY,
                             .prompt = {.kind = TW_LENGTH_FIXED, .mean = 1, .min = 1, .max = 1},
                             .answer = {.kind = TW_LENGTH_FIXED, .mean = 10, .min = 1, .max = 10},
                             .seed = 1};
}
static const test_costs ten_ms = {0.01, 0, 0, 0, FALSE};

static GArray *run(const tw_scenario *scenario, const tw_closed_options *options, const char *column)
{
  g_autofree char *directory = test_directory();
  g_autoptr(tw_stream) stream = tw_stream_closed(options);
  g_autoptr(tw_recorder) recorder = test_run_stream(scenario, stream, directory, INFINITY);
  assert_int_equal(tw_recorder_totals(recorder)->arrived, options->limit);
  GArray *values = test_column(directory, "requests", column);
  test_remove(directory);
  return values;
}

/* A client's k-th request starts when the one before it has ended: at k · (10 · 10 ms + think). */
static void each_request_of_a_client_follows_the_one_before(void **state)
{
  (void)state;
  tw_scenario *scenario = test_scenario(1, &ten_ms, 1000);
  tw_closed_options one = clients(1, 20);
  one.think_s = 0.05;
  g_autoptr(GArray) arrivals = run(scenario, &one, "arrival_s");
  for (guint k = 0; k < 20; k++)
    assert_near(g_array_index(arrivals, double, k), k * 0.15, 1e-9);
  test_scenario_free(scenario);
}

/* The answer ends on an iteration's boundary, and the client's next request joins right there: four clients
 * on an engine keep their pace, and five rounds take 5 · 10 iterations. */
static void a_request_joins_on_the_boundary_that_ended_the_one_before(void **state)
{
  (void)state;
  tw_scenario *scenario = test_scenario(1, &ten_ms, 1000);
  tw_closed_options four = clients(4, 20);
  g_autoptr(GArray) ends = run(scenario, &four, "completion_s");
  assert_near(g_array_index(ends, double, 19), 0.5, 1e-9);
  test_scenario_free(scenario);
}

/* What no engine can serve ends at once: the client goes on, and the run ends. */
static void rejected_requests_are_answers_too(void **state)
{
  (void)state;
  tw_scenario *scenario = test_scenario(1, &ten_ms, 1000);
  scenario->pools[0].max_model_len = 5;
  tw_closed_options two = clients(2, 10);
  g_autoptr(GArray) arrivals = run(scenario, &two, "arrival_s");
  assert_int_equal(arrivals->len, 10);
  test_scenario_free(scenario);
}

static char *requests_table(tw_scenario *scenario, const tw_closed_options *options, gboolean exact)
{
  scenario->exact_steps = exact;
  g_autofree char *directory = test_directory();
  g_autoptr(tw_stream) stream = tw_stream_closed(options);
  g_autoptr(tw_recorder) recorder = test_run_stream(scenario, stream, directory, INFINITY);
  char *table = test_table(directory, "requests");
  test_remove(directory);
  return table;
}

static void macro_steps_equal_exact_steps_with_waiting_clients(void **state)
{
  (void)state;
  static const test_costs costs = {0.003, 1e-4, 1e-6, 1e-5, FALSE};
  for (guint64 seed = 0; seed < 20; seed++) {
    tw_scenario *scenario = test_scenario(3, &costs, 80);
    tw_closed_options options = {.clients = 20 + (gint64)seed,
                                 .limit = 400,
                                 .duration_s = INFINITY,
                                 .think_s = seed % 3 == 0 ? 0 : 0.01,
                                 .prompt = {.kind = TW_LENGTH_EXPONENTIAL, .mean = 200, .min = 1, .max = 600},
                                 .answer = {.kind = TW_LENGTH_EXPONENTIAL, .mean = 60, .min = 1, .max = 400},
                                 .seed = seed};
    g_autofree char *macro = requests_table(scenario, &options, FALSE);
    g_autofree char *single = requests_table(scenario, &options, TRUE);
    assert_string_equal(macro, single);
    test_scenario_free(scenario);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_request_of_a_client_follows_the_one_before),
      cmocka_unit_test(a_request_joins_on_the_boundary_that_ended_the_one_before),
      cmocka_unit_test(rejected_requests_are_answers_too),
      cmocka_unit_test(macro_steps_equal_exact_steps_with_waiting_clients),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
