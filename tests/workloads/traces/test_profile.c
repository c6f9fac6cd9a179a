#include "tests/check.h"
#include "workloads/stream/stream.h"
#include "workloads/traces/profile.h"

static void add(tw_profile *profile, double arrival_s, gint32 prompt, gint32 reasoning, gint32 answer)
{
  const tw_request request = {.arrival_s = arrival_s,
                              .prompt_tokens = prompt,
                              .reasoning_tokens = reasoning,
                              .answer_tokens = answer};
  tw_profile_add(profile, &request);
}

/* Arrivals at 10, 12, 18, 130 s: gaps 2, 6, 112 of mean 40 and variance (38² + 34² + 72²)/3. */
static void rates_and_gaps_are_those_of_the_arrivals(void **state)
{
  (void)state;
  g_autoptr(tw_profile) profile = tw_profile_new();
  const double arrivals[] = {10, 12, 18, 130};
  for (guint i = 0; i < G_N_ELEMENTS(arrivals); i++)
    add(profile, arrivals[i], 1, 0, 1);
  tw_profile_facts facts;
  tw_profile_read(profile, &facts);
  assert_int_equal(facts.requests, 4);
  assert_near(facts.first_s, 10, 0);
  assert_near(facts.last_s, 130, 0);
  assert_near(facts.rate_per_s, 3 / 120.0, 1e-15);
  assert_near(facts.gap_cv, sqrt((38 * 38 + 34 * 34 + 72 * 72) / 3.0) / 40, 1e-12);
  assert_int_equal(facts.peak_requests, 3); /* in the minute from 0 */
  assert_near(facts.peak_start_s, 0, 0);
}

static void a_burst_has_no_rate(void **state)
{
  (void)state;
  g_autoptr(tw_profile) profile = tw_profile_new();
  add(profile, 5, 1, 0, 1);
  tw_profile_facts facts;
  tw_profile_read(profile, &facts);
  assert_true(isnan(facts.rate_per_s) && isnan(facts.gap_cv));
  add(profile, 5, 1, 0, 1);
  tw_profile_read(profile, &facts);
  assert_true(isnan(facts.rate_per_s) && isnan(facts.gap_cv));
}

/* Prompts 1 to 100: half of them are at most 50, 90 at most 90, 99 at most 99. */
static void percentiles_are_the_smallest_values_that_cover_their_share(void **state)
{
  (void)state;
  g_autoptr(tw_profile) profile = tw_profile_new();
  for (int i = 1; i <= 100; i++)
    add(profile, i, i, i > 50 ? 10 : 0, 7);
  tw_profile_facts facts;
  tw_profile_read(profile, &facts);
  const tw_tokens_facts *prompt = &facts.tokens[TW_TOKENS_PROMPT];
  assert_int_equal(prompt->p50, 50);
  assert_int_equal(prompt->p90, 90);
  assert_int_equal(prompt->p99, 99);
  assert_int_equal(prompt->max, 100);
  assert_int_equal(prompt->sum, 5050);
  assert_near(prompt->mean, 50.5, 0);
  assert_int_equal(facts.tokens[TW_TOKENS_REASONING].p50, 0);
  assert_int_equal(facts.tokens[TW_TOKENS_REASONING].p90, 10);
  assert_int_equal(facts.tokens[TW_TOKENS_ANSWER].max, 7);
  assert_int_equal(facts.tokens[TW_TOKENS_OUTPUT].max, 17);
  assert_int_equal(facts.tokens[TW_TOKENS_OUTPUT].sum, 1200);
}

/* The second prompt shares two blocks of 16 with the first; the third has a new first block, so that its
 * second counts for nothing; the fourth is wholly known, and 40 tokens long. */
static void shared_prefixes_are_leading_blocks_seen_before(void **state)
{
  (void)state;
  g_autoptr(tw_profile) profile = tw_profile_new();
  guint64 hashes[][3] = {{1, 2, 3}, {1, 2, 4}, {5, 2, 6}, {1, 2, 3}};
  for (guint i = 0; i < G_N_ELEMENTS(hashes); i++) {
    const tw_request request = {
        .prompt_tokens = 40, .answer_tokens = 1, .n_hashes = 3, .hash_tokens = 16, .hashes = hashes[i]};
    tw_profile_add(profile, &request);
  }
  add(profile, 0, 100, 0, 1);
  tw_profile_facts facts;
  tw_profile_read(profile, &facts);
  assert_int_equal(facts.hashed_requests, 4);
  assert_int_equal(facts.sharing_requests, 2);
  assert_int_equal(facts.shared_prompt_tokens, 32 + 40);
}

static void sessions_are_counted_once(void **state)
{
  (void)state;
  g_autoptr(tw_profile) profile = tw_profile_new();
  char *const names[] = {(char *)"a", (char *)"b", (char *)"a", NULL};
  for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
    const tw_request request = {.prompt_tokens = 1, .answer_tokens = 1, .session = names[i]};
    tw_profile_add(profile, &request);
  }
  tw_profile_facts facts;
  tw_profile_read(profile, &facts);
  assert_int_equal(facts.sessions, 2);
}

/* Minutes of 9 (the first, not whole), 2, 4, 6 and 1 (the last): those in between have the mean 4 and the
 * variance 8/3. Two sessions of 20 and 2 requests, two classes. */
static void minutes_sessions_and_classes_are_counted(void **state)
{
  (void)state;
  static const int in_minute[] = {9, 2, 4, 6, 1};
  g_autoptr(tw_profile) profile = tw_profile_new();
  const char *chat = g_intern_string("chat");
  int n = 0;
  for (int m = 0; m < 5; m++)
    for (int i = 0; i < in_minute[m]; i++, n++) {
      const tw_request request = {.arrival_s = 60 * (m + 1) + i,
                                  .prompt_tokens = 1,
                                  .answer_tokens = 1,
                                  .reasoning_tokens = n % 2,
                                  .session = (char *)(n < 20 ? "a" : "b"),
                                  .class = n < 3 ? NULL : chat};
      tw_profile_add(profile, &request);
    }
  tw_profile_facts facts;
  tw_profile_read(profile, &facts);
  assert_near(facts.dispersion, 8.0 / 3 / 4, 1e-12);
  assert_int_equal(facts.peak_requests, 9);
  assert_near(facts.peak_start_s, 60, 0);
  assert_int_equal(facts.session_requests, 22);
  assert_int_equal(facts.most_turns, 20);
  assert_int_equal(facts.reasoning_requests, 11);
  guint64 requests;
  assert_int_equal(tw_profile_classes(profile), 2);
  assert_null(tw_profile_class(profile, 0, &requests));
  assert_int_equal(requests, 3);
  assert_string_equal(tw_profile_class(profile, 1, &requests), "chat");
  assert_int_equal(requests, 19);
}

/* As pandas gives them: mean, sorted values at rank ceil(share · n), diff().std(ddof=0) / diff().mean(), and
 * (arrival // 60).value_counts().max(). */
static void the_azure_hour_looks_as_pandas_sees_it(void **state)
{
  (void)state;
  const tw_trace_options options = TW_TRACE_OPTIONS_DEFAULT;
  g_autoptr(tw_stream) stream =
      tw_stream_open(TW_SOURCE_DIR "/workloads/traces/azure-conv-2023.csv.gz", NULL, &options, NULL);
  g_autoptr(tw_profile) profile = tw_profile_new();
  tw_request request;
  while (tw_stream_next(stream, &request, NULL)) {
    tw_profile_add(profile, &request);
    tw_request_clear(&request);
  }
  tw_profile_facts facts;
  tw_profile_read(profile, &facts);
  assert_near(facts.tokens[TW_TOKENS_PROMPT].mean, 1154.697408, 1e-6);
  assert_int_equal(facts.tokens[TW_TOKENS_PROMPT].p50, 1020);
  assert_int_equal(facts.tokens[TW_TOKENS_PROMPT].p90, 2735);
  assert_int_equal(facts.tokens[TW_TOKENS_PROMPT].p99, 4142);
  assert_near(facts.tokens[TW_TOKENS_ANSWER].mean, 211.125942, 1e-6);
  assert_int_equal(facts.tokens[TW_TOKENS_ANSWER].p50, 129);
  assert_near(facts.gap_cv, 1.094169982, 1e-6);
  assert_int_equal(facts.peak_requests, 507);
}

/* Of the first, half have at most 10 tokens, and all at most 30; of the second, none and a third. */
static void distances_are_those_of_kolmogorov_and_smirnov(void **state)
{
  (void)state;
  static const gint32 first[] = {10, 30}, second[] = {20, 40, 40};
  g_autoptr(tw_profile) a = tw_profile_new(), b = tw_profile_new();
  for (guint i = 0; i < G_N_ELEMENTS(first); i++)
    tw_profile_add(a, &(tw_request){.arrival_s = i, .prompt_tokens = first[i], .answer_tokens = 1});
  for (guint i = 0; i < G_N_ELEMENTS(second); i++)
    tw_profile_add(b, &(tw_request){.arrival_s = i, .prompt_tokens = second[i], .answer_tokens = 1});
  assert_near(tw_profile_distance(a, b, TW_TOKENS_PROMPT), 1 - 1 / 3.0, 1e-12);
  assert_near(tw_profile_distance(a, b, TW_TOKENS_ANSWER), 0, 1e-12);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(distances_are_those_of_kolmogorov_and_smirnov),
      cmocka_unit_test(rates_and_gaps_are_those_of_the_arrivals),
      cmocka_unit_test(a_burst_has_no_rate),
      cmocka_unit_test(percentiles_are_the_smallest_values_that_cover_their_share),
      cmocka_unit_test(shared_prefixes_are_leading_blocks_seen_before),
      cmocka_unit_test(sessions_are_counted_once),
      cmocka_unit_test(minutes_sessions_and_classes_are_counted),
      cmocka_unit_test(the_azure_hour_looks_as_pandas_sees_it),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
