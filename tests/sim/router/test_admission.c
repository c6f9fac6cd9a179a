/* Admission control: token buckets and deadlines, by hand. */
#include "sim/router/admission.h"
#include "tests/check.h"
#include "tests/sim/support.h"

/* A bucket of 2 that fills at one in 2 s. At 0 s two are let in and the third is not; at 1 s it holds 0.5, at
 * 2 s 1: one is let in; at 60 s no more than 2. */
static void a_bucket_lets_in_bursts_and_then_its_rate(void **state)
{
  (void)state;
  tw_admission_config config = {.rate_per_s = 0.5, .burst = 2};
  tw_admission *admission = tw_admission_new(&config);
  static const struct {
    double now_s;
    gboolean in;
  } requests[] = {{0, TRUE},    {0, TRUE},  {0, FALSE}, {1, FALSE}, {2, TRUE},
                  {3.9, FALSE}, {60, TRUE}, {60, TRUE}, {60, FALSE}};
  tw_request request = {.prompt_tokens = 500, .answer_tokens = 500};
  for (guint i = 0; i < G_N_ELEMENTS(requests); i++) {
    const char *why = tw_admission_refusal(admission, &request, requests[i].now_s);
    assert_int_equal(why == NULL, requests[i].in);
    if (why != NULL)
      assert_string_equal(why, "the token bucket is empty");
  }
  tw_admission_free(admission);
}

/* 1,000 tokens, 100 a second, for each client: A's 800 leave 200 for its next 300, which come a second later;
 * B has its own. More than the bucket holds is never let in. */
static void a_client_takes_from_its_own_bucket(void **state)
{
  (void)state;
  tw_admission_config config = {100, 1000, TW_TAKES_TOKENS, TW_BUCKET_CLIENT};
  tw_admission *admission = tw_admission_new(&config);
  tw_request big = {.prompt_tokens = 500, .reasoning_tokens = 100, .answer_tokens = 200, .session = "a"},
             small = {.prompt_tokens = 200, .answer_tokens = 100, .session = "a"}, other = big, huge = big;
  other.session = "b";
  huge.answer_tokens = 401;
  assert_null(tw_admission_refusal(admission, &big, 0));
  assert_non_null(tw_admission_refusal(admission, &small, 0.9));
  assert_null(tw_admission_refusal(admission, &other, 0.9));
  assert_null(tw_admission_refusal(admission, &small, 1));
  assert_string_equal(tw_admission_refusal(admission, &huge, 1000),
                      "it takes more than the token bucket holds");
  tw_admission_free(admission);
}

static void buckets_that_are_full_again_are_forgotten(void **state)
{
  (void)state;
  tw_admission_config config = {1, 10, TW_TAKES_REQUESTS, TW_BUCKET_CLIENT};
  tw_admission *admission = tw_admission_new(&config);
  for (int i = 0; i < 10000; i++) {
    g_autofree char *name = g_strdup_printf("client-%d", i);
    tw_request request = {.prompt_tokens = 1, .answer_tokens = 1, .session = name};
    assert_null(tw_admission_refusal(admission, &request, 0.1 * i)); /* ten are younger than a second */
    assert_true(tw_admission_buckets(admission) <= 64);
  }
  tw_admission_free(admission);
}

/* ---- In a factory ---- */

static const test_costs one_s = {1, 0, 0, 0, FALSE};

static char *column(const char *directory, const char *name)
{
  g_autoptr(GArray) values = test_column(directory, "requests", name);
  GString *text = g_string_new(NULL);
  for (guint i = 0; i < values->len; i++)
    g_string_append_printf(text, "%s%g", i > 0 ? " " : "", g_array_index(values, double, i));
  return g_string_free(text, FALSE);
}

/* One place, iterations of 1 s, and a deadline of 3 s. A (4 tokens) is served from 0 to 4 s. B comes at 1 s
 * and C at 2 s: B's deadline is at 4 s, at the very boundary at which A ends, and it is cancelled there; C
 * gets the place, and ends at 6 s. D comes at 3.5 s, could start at 6 s, and does: its deadline is at 6.5 s.
 * E's is at 7 s, while D runs. */
static void who_waits_until_its_deadline_is_cancelled(void **state)
{
  (void)state;
  for (int exact = 0; exact < 2; exact++) {
    tw_scenario *scenario = test_scenario(1, &one_s, 1000);
    scenario->pools[0].max_seqs = 1;
    scenario->deadline_s = 3;
    scenario->exact_steps = exact;
    g_autofree char *directory = test_directory();
    g_autoptr(tw_recorder) recorder = test_run(scenario,
                                               "arrival_s,prompt_tokens,answer_tokens\n"
                                               "0,4,4\n1,4,1\n2,4,2\n3.5,4,2\n4,4,1\n",
                                               directory);
    g_autofree char *ids = column(directory, "id"), *ends = column(directory, "completion_s");
    assert_string_equal(ids, "1 0 2 4 3");
    assert_string_equal(ends, "4 4 6 7 8");
    assert_int_equal(tw_recorder_totals(recorder)->endings[TW_CANCELLED], 2);
    g_autofree char *table = test_table(directory, "requests");
    assert_non_null(strstr(table, ",cancelled,it waited until its deadline\n"));
    test_remove(directory);
    test_scenario_free(scenario);
  }
}

/* A bucket of one request that fills in 2 s: of five requests a second apart, the first, third and fifth get
 * in. A rejected one was never at an engine. */
static void what_the_bucket_refuses_is_rejected_with_the_reason(void **state)
{
  (void)state;
  tw_scenario *scenario = test_scenario(1, &one_s, 1000);
  scenario->admission = (tw_admission_config){.rate_per_s = 0.5, .burst = 1};
  g_autofree char *directory = test_directory();
  g_autoptr(tw_recorder) recorder = test_run(
      scenario, "arrival_s,prompt_tokens,answer_tokens\n0,4,1\n1,4,1\n2,4,1\n3,4,1\n4,4,1\n", directory);
  assert_int_equal(tw_recorder_totals(recorder)->endings[TW_REJECTED], 2);
  g_autofree char *ids = column(directory, "id");
  assert_string_equal(ids, "1 0 3 2 4"); /* at 1 s the second is turned away, and then the first ends */
  g_autofree char *table = test_table(directory, "requests");
  assert_non_null(strstr(table, ",rejected,the token bucket is empty\n"));
  test_remove(directory);
  test_scenario_free(scenario);
}

/* A sends 400 requests at once, B one a second, each of 100 prompt and 50 output tokens; the engine runs 4 at
 * a time. In the order of arrival, B waits for all of A's. With VTC, B waits no longer than until one of the
 * four ends. */
static double worst_wait_of_b(int order)
{
  tw_scenario *scenario = test_scenario(1, &(test_costs){0.01, 0, 0, 0, FALSE}, 1000);
  scenario->pools[0].max_seqs = 4;
  scenario->pools[0].order = order;
  GString *trace = g_string_new("arrival_s,session,prompt_tokens,answer_tokens\n");
  for (int i = 0; i < 400; i++)
    g_string_append(trace, "0,a,100,50\n");
  for (int i = 1; i <= 20; i++)
    g_string_append_printf(trace, "%d,b,100,50\n", i);
  g_autofree char *text = g_string_free(trace, FALSE);
  g_autofree char *directory = test_directory();
  g_autoptr(tw_recorder) recorder = test_run(scenario, text, directory);
  g_autoptr(GArray) ids = test_column(directory, "requests", "id"),
                    starts = test_column(directory, "requests", "first_scheduled_s"),
                    arrivals = test_column(directory, "requests", "arrival_s");
  double worst_s = 0;
  for (guint i = 0; i < ids->len; i++)
    if (g_array_index(ids, double, i) >= 400)
      worst_s = fmax(worst_s, g_array_index(starts, double, i) - g_array_index(arrivals, double, i));
  test_remove(directory);
  test_scenario_free(scenario);
  return worst_s;
}

static void a_client_that_floods_does_not_starve_the_others(void **state)
{
  (void)state;
  /* A's 400 in fours, 50 iterations each, 10 ms an iteration: 50 s. B's first, at 1 s, starts then. */
  assert_near(worst_wait_of_b(TW_ORDER_ARRIVAL), 49, 0.5);
  assert_true(worst_wait_of_b(TW_ORDER_FAIR) <= 0.5 + 1e-9);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_bucket_lets_in_bursts_and_then_its_rate),
      cmocka_unit_test(a_client_takes_from_its_own_bucket),
      cmocka_unit_test(buckets_that_are_full_again_are_forgotten),
      cmocka_unit_test(who_waits_until_its_deadline_is_cancelled),
      cmocka_unit_test(what_the_bucket_refuses_is_rejected_with_the_reason),
      cmocka_unit_test(a_client_that_floods_does_not_starve_the_others),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
