/* The table of a run in the terminal: a line for each part of the summary that is there, each number in
 * its unit. */
#include "sim/run/summary.h"
#include "tests/check.h"

static char *printed(const char *json)
{
  char *text = NULL;
  size_t length = 0;
  json_error_t error;
  json_t *summary = json_loads(json, 0, &error);
  if (summary == NULL)
    fail_msg("line %d of the summary: %s", error.line, error.text);
  FILE *out = open_memstream(&text, &length);
  tw_summary_print(summary, "runs/one", out);
  assert_int_equal(fclose(out), 0);
  json_decref(summary);
  return text;
}

/* The part that every run has: an hour of 200 requests, simulated in 2 s with 4 s of CPU time. */
#define LEAST                                                                                                \
  "'scenario': 'small', 'simulated_s': 3600, 'wall_s': 2, 'cpu_s': 4, 'tokens': {'prompt': 1000, 'output': " \
  "500}, 'requests': {'arrived': 200, 'completed': 200}"

static char *small_run(const char *more)
{
  g_autoptr(GString) json = g_string_new("{" LEAST);
  g_string_append_printf(json, "%s%s}", *more != '\0' ? ", " : "", more);
  g_string_replace(json, "'", "\"", 0);
  return printed(json->str);
}

static void assert_line(const char *more, const char *line)
{
  g_autofree char *text = small_run(more);
  if (strstr(text, line) == NULL)
    fail_msg("\"%s\" is not in\n%s", line, text);
}

static void assert_no_word(const char *more, const char *word)
{
  g_autofree char *text = small_run(more);
  if (strstr(text, word) != NULL)
    fail_msg("\"%s\" is in\n%s", word, text);
}

static void a_run_without_more_is_told_in_these_lines(void **state)
{
  (void)state;
  g_autofree char *text = small_run("");
  assert_string_equal(text, "small\n"
                            "\n"
                            "  simulated     3600 s in 2.00 s (50 requests per CPU second)\n"
                            "  requests         200 arrived, 200 completed\n"
                            "  tokens          1000 prompt, 500 output\n"
                            "\n"
                            "  latency         mean       p50       p90       p99       max\n"
                            "  queueing           -         -         -         -         -\n"
                            "  TTFT               -         -         -         -         -\n"
                            "  TPOT               -         -         -         -         -\n"
                            "  E2E                -         -         -         -         -\n"
                            "\n"
                            "  throughput  none: the measurement window is empty\n"
                            "\n"
                            "\n"
                            "  logs in runs/one\n");
}

/* Times are in the unit in which they are at least 1; from 10,000 s on, in hours. */
static void each_time_has_its_unit(void **state)
{
  (void)state;
  assert_line("'ttft_s': {'mean': 0, 'p50': 0.0005, 'p90': 0.001, 'p99': 0.25, 'max': 1}",
              "  TTFT               0    500 us      1 ms    250 ms       1 s\n");
  assert_line("'e2e_s': {'mean': 9999, 'p50': 10000, 'p90': 36000, 'p99': 72000, 'max': 90000}",
              "  E2E           9999 s    2.78 h      10 h      20 h      25 h\n");
  /* Time to the first answer token differs from TTFT where there is reasoning alone. */
  assert_no_word("'ttfat_s': {'mean': 2}", "TTFAT");
  assert_line("'ttfat_s': {'mean': 2}, 'tokens': {'prompt': 1000, 'output': 500, 'reasoning': 125}",
              "  TTFAT            2 s         -         -         -         -\n");
}

static void requests_and_tokens_are_counted_by_what_became_of_them(void **state)
{
  (void)state;
  assert_line("'requests': {'arrived': 10, 'completed': 6, 'rejected': 3, 'unfinished': 1}",
              "  requests          10 arrived, 6 completed, 3 rejected, 1 unfinished\n");
  assert_line(
      "'rejections': [{'reason': 'the queue is full', 'requests': 2}, {'reason': 'too long', "
      "'requests': 1}]",
      "\n  rejected           2 because the queue is full\n  rejected           1 because too long\n");
  assert_line("'sessions': {'started': 9, 'completed': 7, 'broken': 2}",
              "\n  sessions           9 started, 7 completed, 2 broken off\n");
  assert_line("'tokens': {'prompt': 1000, 'output': 500, 'reasoning': 125}",
              ", 500 output (25 % reasoning)\n");
  assert_line(
      "'tokens': {'prompt': 1000, 'output': 500, 'prompt_cached': 400, 'prompt_cached_host': 100, "
      "'prompt_cached_store': 0}",
      "\n  cached           400 prompt tokens (40.0 %), of them 25.0 % in the memory of hosts and 0.0 % "
      "in the store\n");
  assert_no_word("'tokens': {'prompt': 1000, 'output': 500, 'prompt_cached': 400, 'prompt_cached_host': 0, "
                 "'prompt_cached_store': 0}",
                 "of them");
  assert_line("'preemptions': 3, 'tokens': {'prompt': 1000, 'output': 500, 'recomputed': 40}",
              "\n  preempted          3 times, 40 tokens computed again\n");
  assert_no_word("'preemptions': 0, 'tokens': {'prompt': 1000, 'output': 500, 'prompt_cached': 0, "
                 "'reasoning': 0}",
                 "preempted");
  assert_line("'partial': true", "small (cut short)\n");
  assert_no_word("'partial': false", "cut short");
}

static void rates_and_shares_are_told_in_per_cent(void **state)
{
  (void)state;
  assert_line("'throughput': {'requests_per_s': 2, 'output_tokens_per_s': 400, "
              "'output_tokens_per_s_per_accelerator': 50}",
              "\n  throughput  2 requests/s, 400 output tokens/s (50 per accelerator)\n");
  assert_line("'slo': {'attainment': 0.875, 'goodput_requests_per_s': 1.75}",
              "  SLO         87.50 % of requests attain it, goodput 1.75 requests/s\n");
  assert_line("'slo': {'attainment': 0.5, 'attainment_judged': 0.75, 'unjudged': 4}",
              "              75.00 % of those that ended; 4 were unfinished when the run ended, and count as "
              "missed\n");
  assert_no_word("'slo': {'attainment': 0.5, 'attainment_judged': 0.5, 'unjudged': 0}", "of those");
  assert_line(
      "'utilization': {'accelerator_busy': 0.5, 'mfu': 0.25, 'mbu': 0.125, 'kv_used': 0.0625}",
      "  utilization 50.0 % of accelerator time in iterations, MFU 25.0 %, MBU 12.5 %, KV cache 6.2 % "
      "used\n");
  /* Measured step times know no FLOPs. */
  assert_line("'utilization': {'accelerator_busy': 0.5, 'kv_used': 0.5}",
              "  utilization 50.0 % of accelerator time in iterations, KV cache 50.0 % used\n");
  assert_line("'network': {'bytes': 85294e9, 'peak_link': 'up', 'peak_link_utilization': 0.75}",
              "  network     85290 GB sent, busiest link up at 75.00 % of its bandwidth\n");
  assert_line("'network': {'bytes': 2.5e9, 'peak_link': 'up', 'peak_link_utilization': 0.75}",
              "  network     2.5 GB sent, busiest link up at 75.00 % of its bandwidth\n");
}

static void jobs_are_told_with_what_of_the_energy_they_took(void **state)
{
  (void)state;
  assert_line("'jobs': [{'id': 'pre', 'steps': 0}]", "  job         pre: no step ended\n");
  assert_line(
      "'jobs': [{'id': 'pre', 'steps': 2, 'step_s': 4, 'tokens_per_s': 500, 'mfu': 0.5, 'goodput': 1}]",
      "  job         pre: 2 steps of 4 s, 500 tokens/s, MFU 50.0 %, goodput 100.0 %\n");
  assert_line(
      "'energy': {'site_j': 200, 'average_w': 2000}, 'spent': {'joules': {'jobs': 50, 'beside': 100}}",
      "  of jobs     50 % of the energy, with their part of hosts and cooling; tokens do not bear it\n");
}

/* The drain is told where it is more than a tenth of the run. */
static void a_long_drain_is_told_with_the_rates_before_it(void **state)
{
  (void)state;
#define RATES "'output_tokens_per_s': 40, 'accelerator_busy': 0.9"
  assert_line(
      "'load': {'drain_share': 0.2, " RATES "}",
      "  load        20 % of the run came after the last arrival; until then 40 output tokens/s, 90.0 % "
      "of accelerator time in iterations\n");
  assert_line("'load': {'drain_share': 0.2, 'average_w': 2000, 'j_per_output_token': 50, " RATES "}",
              "40 output tokens/s, 2 kW, 50 J per output token, 90.0 %");
  assert_no_word("'load': {'drain_share': 0.1, " RATES "}", "last arrival");
  assert_no_word("'load': {'drain_share': 0.2}", "last arrival");
}

static void energy_cost_and_fleet_have_their_lines(void **state)
{
  (void)state;
  assert_line("'energy': {'missing': 'PUE (tw:pue of the site)'}",
              "  energy      of the site unknown: the platform lacks PUE (tw:pue of the site)\n");
  assert_line("'energy': {'j_per_output_token': 3, 'average_w': 4000, 'peak_w': 5000, "
              "'output_tokens_per_s_per_mw': 6}",
              "  energy      3 J per output token, 4 kW on average, 5 kW at peak, 6 tokens/s per MW\n");
  assert_no_word("'energy': {'average_w': 4000}", "power cap");
  assert_line("'energy': {'cap_overshoot_w': 1500, 'cap_exceeded_s': 2, 'clock': 0.75}",
              "  power cap   exceeded by at most 1.5 kW, for at most 2 s at a time; mean clock 0.75\n");
  assert_line("'energy': {'average_w': 4000, 'output_tokens_per_s_per_mw': 0}",
              "  energy      4 kW on average, 0 tokens/s per MW\n");
  assert_line("'cost': {'usd': 12, 'capital_usd': 8, 'usd_per_million_output_tokens': 3}",
              "  cost        12 USD, 3 USD per million output tokens\n");
  assert_line(
      "'cost': {'usd': 12, 'usd_per_million_output_tokens': 3}",
      "  cost        12 USD, 3 USD per million output tokens: electricity alone, as no <cost> says what "
      "accelerators or racks cost\n");
  assert_line("'carbon': {'g': 2500, 'g_per_million_output_tokens': 7}",
              "  carbon      2.5 kg CO2, 7 g per million output tokens\n");
  assert_line("'fleet': {'serving_engine_hours': 4, 'wakes': 3}", "  fleet       engine-hours: 4 serving, ");
  assert_line("'fleet': {'serving_engine_hours': 4, 'wakes': 3}", ", woken 3 times\n");
}

static void what_did_not_happen_is_told_so(void **state)
{
  (void)state;
  assert_line("'energy': {'cap_overshoot_w': 0, 'cap_exceeded_s': 0, 'clock': 0.75}",
              "  power cap   never exceeded; mean clock 0.75\n");
  assert_line(
      "'engines': 2, 'failures': {'count': 1, 'expected': 0.25, 'engine_stops': 1, 'requests_hit': 3, "
      "'availability': 0.5}",
      "  failures    1 (0.25 expected), which stopped engines 1 time and hit 3 requests; 50 % of accelerator "
      "time available\n");
}

static void failures_are_told_with_whom_they_hit(void **state)
{
  (void)state;
  assert_line("'engines': 2, 'failures': {'count': 3, 'expected': 2.5, 'engine_stops': 2, 'requests_hit': 7, "
              "'availability': 0.875}",
              "  failures    3 (2.5 expected), which stopped engines 2 times and hit 7 requests; 87.5 % of "
              "accelerator time "
              "available\n");
  /* Jobs alone have no engines that stop or are busy. */
  assert_line(
      "'engines': 0, 'utilization': {'accelerator_busy': 0}, 'failures': {'count': 3, 'expected': 2.5}",
      "\n  failures    3 (2.5 expected)\n");
  assert_no_word("'engines': 0, 'utilization': {'accelerator_busy': 0}", "utilization");
}

/* A run of jobs alone has no requests: it has neither latencies nor a throughput. */
static void a_run_without_requests_tells_no_latencies(void **state)
{
  (void)state;
  g_autofree char *text = printed("{\"scenario\": \"jobs\", \"simulated_s\": 1, \"wall_s\": 1, \"cpu_s\": 1, "
                                  "\"engines\": 0, \"tokens\": {\"prompt\": 0, \"output\": 0}, "
                                  "\"requests\": {\"arrived\": 0, \"completed\": 0}}");
  assert_string_equal(text, "jobs\n"
                            "\n"
                            "  simulated        1 s in 1.00 s (0 requests per CPU second)\n"
                            "  requests           0 arrived\n"
                            "  tokens             0 prompt, 0 output\n"
                            "\n"
                            "\n"
                            "  logs in runs/one\n");
}

static void reinforcement_learning_tells_who_waits_for_whom(void **state)
{
  (void)state;
  assert_line(
      "'rl': {'steps_per_hour': 12, 'tokens_per_step': 4000, 'trainer_idle': 0.25, 'rollout_idle': 0.125, "
      "'j_per_token': 3}",
      "  rl          12 steps an hour of 4000 tokens; the trainer waits 25.0 %, engines 12.5 % of it; 3 "
      "J/token\n");
}

/* What a site does not know, such as the price of its electricity, is a dash. */
static void sites_have_a_row_each_and_what_went_between_them(void **state)
{
  (void)state;
  assert_line(
      "'world': {'wan_mean_s': 0.25, 'guests': 4, 'moved': 3, 'refused': 2}, 'sites': {'one': {'region': "
      "'here', "
      "'requests': {'completed': 5}, 'utilization': {'accelerator_busy': 0.5}, 'energy': {'average_w': "
      "3000}, "
      "'cost': {'usd': 7}, 'carbon': {'g': 2000}}, 'two': {'region': 'there', 'requests': {'completed': 6}, "
      "'utilization': {'accelerator_busy': 0.25}}}",
      "  site                 region         completed        busy        kW         USD      kg CO2\n"
      "  one                  here                   5      50.0 %         3           7           2\n"
      "  two                  there                  6      25.0 %         -           -           -\n"
      "  on the way  4 requests served outside the region of their users, 3 moved, 2 refused; mean 250 ms "
      "there "
      "and back\n");
}

static void classes_have_a_row_each(void **state)
{
  (void)state;
  assert_line(
      "'classes': {'': {'requests': {'arrived': 2}}, 'agents': {'requests': {'arrived': 3}, 'ttft_s': "
      "{'p50': 1, 'p99': 2}, 'tpot_s': {'p50': 0.01}, 'e2e_s': {'p50': 3, 'p99': 4}, 'slo': "
      "{'attainment': 0.5}}}",
      "  class                  requests  TTFT p50       p99  TPOT p50   E2E p50       p99       SLO\n"
      "  (none)                        2         -         -         -         -         -         -\n"
      "  agents                        3       1 s       2 s     10 ms       3 s       4 s   50.00 %\n");
  assert_line("'classes': {'a-name-of-more-than-twenty': {'requests': {'arrived': 1}}}",
              "\n  a-name-of-more-than-          1 ");
}

static void errors_to_expect_are_told_by_pool_and_metric(void **state)
{
  (void)state;
  assert_line(
      "'expected_error': [{'pool': 'p', 'metric': 'TPOT', 'median': 0.1, 'p90': 0.25, 'grade': 'known', "
      "'rows': 12, 'nearest': 'x'}, {'pool': 'q', 'metric': 'TTFT', 'median': 0.2, 'p90': 0.5, 'grade': "
      "'near', 'rows': 3, 'nearest': 'y'}]",
      "  expected    p: TPOT ± 10 % in the median, 9 of 10 within 25 % (known: 12 rows, nearest x)\n"
      "              q: TTFT ± 20 % in the median, 9 of 10 within 50 % (near: 3 rows, nearest y)\n");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_run_without_more_is_told_in_these_lines),
      cmocka_unit_test(each_time_has_its_unit),
      cmocka_unit_test(requests_and_tokens_are_counted_by_what_became_of_them),
      cmocka_unit_test(rates_and_shares_are_told_in_per_cent),
      cmocka_unit_test(jobs_are_told_with_what_of_the_energy_they_took),
      cmocka_unit_test(a_long_drain_is_told_with_the_rates_before_it),
      cmocka_unit_test(energy_cost_and_fleet_have_their_lines),
      cmocka_unit_test(what_did_not_happen_is_told_so),
      cmocka_unit_test(failures_are_told_with_whom_they_hit),
      cmocka_unit_test(a_run_without_requests_tells_no_latencies),
      cmocka_unit_test(reinforcement_learning_tells_who_waits_for_whom),
      cmocka_unit_test(sites_have_a_row_each_and_what_went_between_them),
      cmocka_unit_test(classes_have_a_row_each),
      cmocka_unit_test(errors_to_expect_are_told_by_pool_and_metric),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
