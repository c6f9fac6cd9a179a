/* Calibration on a server whose times are known, and what benchmark tools write. */
#include "sim/calibrate/bench.h"
#include "sim/calibrate/calibration.h"
#include "tests/program.h"

#include <math.h>

static GArray *read_text(void **state, const char *text, GError **error)
{
  g_autofree char *path = g_build_filename(*state, "bench", NULL);
  assert_true(g_file_set_contents(path, text, -1, NULL));
  GArray *requests = g_array_new(FALSE, FALSE, sizeof(tw_bench_request));
  if (!tw_bench_read(path, requests, error)) {
    g_array_unref(requests);
    return NULL;
  }
  return requests;
}

/* Three of vLLM's four requests completed; the second has one token, and so no TPOT. The first takes 50 ms
 * and three gaps of 10, 10 and 20 ms: 13.3 ms a token. */
static void vllms_arrays_are_read_without_what_failed(void **state)
{
  g_autoptr(GArray) r =
      read_text(state,
                "{\"input_lens\": [512, 300, 90, 64], \"output_lens\": [4, 1, 0, 6], \"ttfts\": "
                "[0.05, 0.04, 0.0, 0.06], \"itls\": [[0.01, 0.01, 0.02], [], [], [0.02, 0.03]], "
                "\"start_times\": [100.0, 100.5, 101.0, 101.25]}",
                NULL);
  assert_non_null(r);
  assert_int_equal(r->len, 3);
  const tw_bench_request *all = (const tw_bench_request *)(const void *)r->data;
  assert_near(all[0].tpot_s, 0.04 / 3, 1e-12);
  assert_true(isnan(all[1].tpot_s));
  assert_near(all[2].start_s, 1.25, 1e-12);
  assert_int_equal(all[2].prompt_tokens, 64);
}

/* SGLang tells no instants: one client asks again as soon as its last request, of 30 ms, has ended. */
static void without_instants_clients_ask_one_after_the_other(void **state)
{
  g_autoptr(GArray) r =
      read_text(state,
                "{\"request_rate\": Infinity, \"max_concurrency\": 1, \"input_lens\": [64, 64], "
                "\"output_lens\": [3, 2], \"ttfts\": [0.02, 0.02], \"itls\": [[0.005, 0.005], [0.006]]}\n",
                NULL);
  assert_non_null(r);
  assert_int_equal(r->len, 2);
  assert_near(g_array_index(r, tw_bench_request, 1).start_s, 0.03, 1e-12);
}

static void a_file_without_details_says_what_to_write(void **state)
{
  g_autoptr(GError) error = NULL;
  assert_null(read_text(state, "{\"mean_ttft_ms\": 50.0}", &error));
  assert_non_null(strstr(error->message, "--save-detailed"));
}

static GArray *read_counters(void **state, const char *text, GError **error)
{
  g_autofree char *path = g_build_filename(*state, "counters.csv", NULL);
  assert_true(g_file_set_contents(path, text, -1, NULL));
  return tw_bench_read_counters(path, error);
}

/* Scrapes at 1 s and at 3 s: a quarter of the 40 iterations between them has run at 1.5 s. */
static void counters_are_straight_between_scrapes(void **state)
{
  g_autoptr(GArray) counters = read_counters(state, "t_s,running,iterations_total\n1,4,100\n3,5,140\n", NULL);
  assert_non_null(counters);
  assert_near(tw_bench_iterations(counters, 1.5), 110, 1e-9);
  assert_true(isnan(tw_bench_iterations(counters, 3.5)));
}

static void counters_that_fall_are_refused(void **state)
{
  g_autoptr(GError) error = NULL;
  assert_null(read_counters(state, "t_s,iterations_total\n1,100\n2,90\n", &error));
  assert_non_null(strstr(error->message, "counters.csv:3: t_s must rise from row to row"));
}

static int by_start(gconstpointer a, gconstpointer b)
{
  double x = ((const tw_bench_request *)a)->start_s, y = ((const tw_bench_request *)b)->start_s;
  return (x > y) - (x < y);
}

/* The counter of the iterations of a run, from its timeline: a stretch of decodes holds as many as each sequence gets
 * tokens, one of prompts alone holds one; prompts come before the decodes that share their iteration. */
static GArray *count_iterations(void **state)
{
  GArray *counters = g_array_new(FALSE, TRUE, sizeof(tw_bench_counter));
  g_array_set_size(counters, 1); /* none at the start */
  g_auto(result) rows =
      run_program(state, "log cat $/run segments --columns kind,start_s,end_s,requests,tokens");
  assert_int_equal(rows.code, 0);
  g_auto(GStrv) lines = g_strsplit(rows.out, "\n", -1);
  double total = 0, start_s = -1, alone = 0;
  for (char **line = lines + 1; *line != NULL && **line != '\0'; line++) {
    g_auto(GStrv) cells = g_strsplit(*line, ",", -1);
    double from_s = g_ascii_strtod(cells[1], NULL), iterations = 1;
    if (g_str_equal(cells[0], "decode"))
      iterations = g_ascii_strtod(cells[4], NULL) / g_ascii_strtod(cells[3], NULL);
    total += iterations - (from_s == start_s ? alone : 0);
    alone = iterations;
    start_s = from_s;
    tw_bench_counter next = {g_ascii_strtod(cells[2], NULL), total};
    if (counters->len > 0 && g_array_index(counters, tw_bench_counter, counters->len - 1).at_s == next.at_s)
      g_array_set_size(counters, counters->len - 1);
    g_array_append_val(counters, next);
  }
  return counters;
}

/* A server that takes 30 ms for a request and 4 ms for an iteration, where what ships takes 6.5 and 0.75 ms.
 */
static void a_servers_times_are_found_and_what_was_held_out_is_predicted(void **state)
{
  static const char platform[] = "<?xml version='1.0'?><!DOCTYPE platform SYSTEM "
                                 "\"https://simgrid.org/simgrid.dtd\"><platform version=\"4.1\">"
                                 "<zone id=\"node\" routing=\"Full\"><prop id=\"tw:role\" "
                                 "value=\"node\"/><host id=\"h\" speed=\"1Gf\"><prop "
                                 "id=\"tw:device\" value=\"h100-sxm\"/><prop id=\"tw:accelerators\" "
                                 "value=\"1\"/></host></zone></platform>";
  static const char scenario[] =
      "<scenario name=\"slow\"><platform file=\"platform.xml\"/><workload><poisson rate=\"4/s\" "
      "requests=\"120\"><prompt "
      "law=\"lognormal\" mean=\"300\" sigma=\"1\" max=\"4000\"/><answer law=\"lognormal\" mean=\"150\" "
      "sigma=\"0.7\" "
      "max=\"1000\"/></poisson></workload><pool id=\"serve\" model=\"qwen3-8b\" weights=\"bf16\" "
      "kv=\"bf16\"><step-time "
      "engine=\"vllm\" iteration=\"4ms\"/></pool><router frontend=\"30ms\"/></scenario>";
  g_autofree char *platform_path = g_build_filename(*state, "platform.xml", NULL),
                  *scenario_path = g_build_filename(*state, "scenario.xml", NULL);
  assert_true(g_file_set_contents(platform_path, platform, -1, NULL));
  assert_true(g_file_set_contents(scenario_path, scenario, -1, NULL));
  expect(state, "run $/scenario.xml -o $/run --force --quiet --segments", 0, "", "");
  g_auto(result) rows = run_program(state, "log cat $/run requests");
  assert_int_equal(rows.code, 0);
  g_autoptr(GArray) requests = g_array_new(FALSE, FALSE, sizeof(tw_bench_request));
  g_auto(GStrv) lines = g_strsplit(rows.out, "\n", -1);
  g_auto(GStrv) names = g_strsplit(lines[0], ",", -1);
  enum { ARRIVAL, FIRST, LAST, PROMPT, ANSWER, COLUMNS };
  static const char *const wanted[] = {"arrival_s", "first_token_s", "completion_s", "prompt_tokens",
                                       "answer_tokens"};
  for (char **line = lines + 1; *line != NULL && **line != '\0'; line++) {
    g_auto(GStrv) cells = g_strsplit(*line, ",", -1);
    double v[COLUMNS];
    for (int w = 0; w < COLUMNS; w++)
      for (guint c = 0; names[c] != NULL; c++)
        if (g_str_equal(names[c], wanted[w]))
          v[w] = g_ascii_strtod(cells[c], NULL);
    tw_bench_request r = {v[ARRIVAL], (gint64)v[PROMPT], (gint64)v[ANSWER], v[FIRST] - v[ARRIVAL], NAN};
    if (v[ANSWER] > 1)
      r.tpot_s = (v[LAST] - v[FIRST]) / (v[ANSWER] - 1);
    g_array_append_val(requests, r);
  }
  assert_int_equal(requests->len, 120);
  g_array_sort(requests, by_start);
  tw_calibration_setup setup = {.model = "qwen3-8b",
                                .device = "h100-sxm",
                                .engine = "vllm",
                                .weights = "bf16",
                                .kv = "bf16",
                                .tp = 1,
                                .dp = 1,
                                .ep = 1,
                                .max_seqs = 256,
                                .max_batched_tokens = 8192,
                                .held_out = 0.5};
  tw_calibration c;
  g_autoptr(GError) error = NULL;
  if (!tw_calibrate(&setup, requests, &c, &error))
    fail_msg("%s", error->message);
  assert_near(c.value[0], 30e-3, 6e-3);
  assert_near(c.value[1], 4e-3, 0.8e-3);
  assert_true(c.held_out_after < c.held_out_before / 2);

  /* Without TPOT, the server's counters tell of its iterations. */
  g_autoptr(GArray) counters = count_iterations(state);
  for (guint i = 0; i < requests->len; i++)
    g_array_index(requests, tw_bench_request, i).tpot_s = NAN;
  setup.counters = counters;
  if (!tw_calibrate(&setup, requests, &c, &error))
    fail_msg("%s", error->message);
  assert_near(c.value[1], 4e-3, 0.8e-3);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(vllms_arrays_are_read_without_what_failed),
      cmocka_unit_test(without_instants_clients_ask_one_after_the_other),
      cmocka_unit_test(a_file_without_details_says_what_to_write),
      cmocka_unit_test(counters_are_straight_between_scrapes),
      cmocka_unit_test(counters_that_fall_are_refused),
      cmocka_unit_test(a_servers_times_are_found_and_what_was_held_out_is_predicted),
  };
  return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
