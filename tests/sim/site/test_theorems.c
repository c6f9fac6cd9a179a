/* Queues with known answers: a one-sequence engine is a single server, first come first served. */
#include "tests/check.h"
#include "tests/sim/support.h"
#include "workloads/draw/chance.h"

enum { REQUESTS = 200000, WARMUP = 20000, BATCHES = 30 };

/* One-token prompts and one iteration of 1 s · tokens a token: a request of n output tokens is served for n
 * iterations of `step_s`, the first of them its prefill. */
static const double step_s = 1e-3;
static const test_costs server = {1e-3, 0, 0, 0, FALSE};

/* Waiting times of requests in the order of their arrival. */
static GArray *waiting_times(double rate_per_s, gboolean exponential, double mean_tokens)
{
  GString *trace = g_string_new("arrival_s,prompt_tokens,answer_tokens\n");
  tw_chance gaps = tw_chance_new(7, "gaps"), lengths = tw_chance_new(7, "lengths");
  double t = 0;
  for (int i = 0; i < REQUESTS; i++) {
    t += tw_chance_exponential(&gaps) / rate_per_s;
    /* Rounding up makes the length geometric: with many steps a request, all but exponential. */
    double tokens = exponential ? ceil(mean_tokens * tw_chance_exponential(&lengths)) : mean_tokens;
    g_string_append_printf(trace, "%.9f,1,%.0f\n", t, fmax(tokens, 1));
  }
  tw_scenario *scenario = test_scenario(1, &server, 1 << 20);
  scenario->pools[0].max_seqs = 1;
  scenario->audit = FALSE;
  g_autofree char *directory = test_directory();
  g_autoptr(tw_recorder) recorder = test_run(scenario, trace->str, directory);
  assert_int_equal(tw_recorder_totals(recorder)->endings[TW_COMPLETED], REQUESTS);
  GArray *waits = test_column(directory, "requests", "first_scheduled_s");
  g_autoptr(GArray) arrivals = test_column(directory, "requests", "arrival_s");
  for (guint i = 0; i < waits->len; i++)
    g_array_index(waits, double, i) -= g_array_index(arrivals, double, i);
  test_remove(directory);
  test_scenario_free(scenario);
  g_string_free(trace, TRUE);
  return waits;
}

/* Asserts that the mean wait lies within the 99.9 % confidence interval of batch means (Student's t, 29
 * degrees). */
static void assert_mean_wait(double rate_per_s, gboolean exponential, double mean_tokens, double expected_s)
{
  g_autoptr(GArray) waits = waiting_times(rate_per_s, exponential, mean_tokens);
  double means[BATCHES] = {0}, mean = 0, square = 0;
  guint size = (REQUESTS - WARMUP) / BATCHES;
  for (int b = 0; b < BATCHES; b++) {
    for (guint i = 0; i < size; i++)
      means[b] += g_array_index(waits, double, WARMUP + (guint)b * size + i) / size;
    mean += means[b] / BATCHES;
  }
  for (int b = 0; b < BATCHES; b++)
    square += (means[b] - mean) * (means[b] - mean) / (BATCHES - 1);
  double half_width = 3.659 * sqrt(square / BATCHES);
  print_message("load %.2f: mean wait %.6f s, expected %.6f +- %.6f\n", rate_per_s * mean_tokens * step_s,
                mean, expected_s, half_width);
  assert_near(mean, expected_s, half_width);
  assert_true(half_width < expected_s / 2);
}

static const double loads[] = {0.5, 0.8, 0.95};

/* Pollaczek and Khinchine: W = rate · E[S²] / (2 (1 − load)); fixed service S: W = load · S / (2 (1 − load)).
 */
static void waits_for_fixed_service_are_those_of_m_d_1(void **state)
{
  (void)state;
  double service_s = 100 * step_s;
  for (guint i = 0; i < G_N_ELEMENTS(loads); i++)
    assert_mean_wait(loads[i] / service_s, FALSE, 100, loads[i] * service_s / (2 * (1 - loads[i])));
}

/* Lengths of ceil(m X) steps, X exponential, are geometric with p = 1 − exp(−1/m): E[N] = 1/p, E[N²] = (2 −
 * p)/p². */
static void waits_for_exponential_service_are_those_of_m_m_1(void **state)
{
  (void)state;
  double m = 100, p = -expm1(-1 / m), mean = 1 / p * step_s, square = (2 - p) / (p * p) * step_s * step_s;
  for (guint i = 0; i < G_N_ELEMENTS(loads); i++) {
    double rate = loads[i] / mean;
    assert_mean_wait(rate, TRUE, m, rate * square / (2 * (1 - loads[i])));
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(waits_for_fixed_service_are_those_of_m_d_1),
      cmocka_unit_test(waits_for_exponential_service_are_those_of_m_m_1),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
