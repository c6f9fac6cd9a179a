/* Replay of a trace: which part of it, when, and how often. */
#include "platforms/input/fault.h"
#include "tests/workloads/given.h"
#include "workloads/stream/stream.h"

/* Four requests, prompts 1 to 4, at 10, 11, 13 and 16 s. */
static const char four[] = "arrival_s,prompt_tokens,answer_tokens\n10,1,1\n11,2,1\n13,3,1\n16,4,1\n";

/* "prompt@arrival ..." of a trace, or the message of its error behind them. */
static char *replay(void **state, const char *text, tw_trace_options options)
{
  g_autofree char *path = given_text(state, "trace", text);
  g_autoptr(GError) error = NULL;
  g_autoptr(tw_stream) stream = tw_stream_open(path, NULL, &options, &error);
  GString *all = g_string_new(NULL);
  tw_request request;
  for (guint64 n = 0; stream != NULL && tw_stream_next(stream, &request, &error); n++) {
    assert_int_equal(request.id, n);
    g_string_append_printf(all, "%d@%g ", request.prompt_tokens, request.arrival_s);
    tw_request_clear(&request);
  }
  if (error != NULL) {
    assert_true(error->domain == TW_INPUT_ERROR);
    const char *message = error->message;
    g_string_append(all, g_str_has_prefix(message, *state) ? message + strlen(*state) + 1 : message);
  }
  return g_string_free(all, FALSE);
}

#define check(state, text, expected, ...)                                                                    \
  do {                                                                                                       \
    tw_trace_options options = TW_TRACE_OPTIONS_DEFAULT;                                                     \
    __VA_ARGS__;                                                                                             \
    g_autofree char *all = replay(state, text, options);                                                     \
    assert_string_equal(all, expected);                                                                      \
  } while (0)

/* Equal prompts: of two classes, of one session in both, and of none. */
static const char equal[] =
    "arrival_s,prompt_tokens,answer_tokens,session,hash_tokens,hashes,class\n"
    "0,32,1,a,16,1 2,x\n1,32,1,b,16,1 2,x\n2,32,1,a,16,1 2,y\n3,32,1,,16,1 2,\n4,32,1,,16,1 2,\n";

/* For each request the number of the first one whose prompt begins like its. */
static void assert_likes(void **state, int salt, const int likes[5])
{
  g_autofree char *path = given_text(state, "trace", equal);
  tw_trace_options options = TW_TRACE_OPTIONS_DEFAULT;
  options.salt = salt;
  g_autoptr(tw_stream) stream = tw_stream_open(path, NULL, &options, NULL);
  guint64 firsts[5];
  for (int i = 0; i < 5; i++) {
    tw_request request;
    assert_true(tw_stream_next(stream, &request, NULL));
    assert_int_equal(request.n_hashes, 2);
    assert_true(request.hashes[0] != request.hashes[1]);
    firsts[i] = request.hashes[0];
    tw_request_clear(&request);
    int first = 0;
    while (firsts[first] != firsts[i])
      first++;
    assert_int_equal(first, likes[i]);
  }
}

static void prompts_of_different_salts_share_nothing(void **state)
{
  assert_likes(state, TW_SALT_NONE, (int[]){0, 0, 0, 0, 0});
  assert_likes(state, TW_SALT_CLASS, (int[]){0, 0, 2, 3, 3});
  assert_likes(state, TW_SALT_SESSION, (int[]){0, 1, 0, 3, 3});
}

static void a_trace_keeps_its_own_time(void **state)
{
  check(state, four, "1@10 2@11 3@13 4@16 ", (void)options);
}

static void rate_scale_divides_all_times(void **state)
{
  check(state, four, "1@5 2@5.5 3@6.5 4@8 ", options.rate_scale = 2);
  check(state, four, "1@40 2@44 3@52 4@64 ", options.rate_scale = 0.25);
}

static void a_window_holds_its_start_and_not_its_end(void **state)
{
  check(state, four, "2@0 3@2 4@5 ", options.start_s = 11);
  check(state, four, "1@10 2@11 ", options.duration_s = 13);
  check(state, four, "2@0 3@2 ", options.start_s = 11, options.duration_s = 5);
  check(state, four, "2@0 3@1 ", options.start_s = 11, options.duration_s = 5, options.rate_scale = 2);
}

static void a_limit_counts_requests_of_all_repetitions(void **state)
{
  check(state, four, "1@10 2@11 ", options.limit = 2);
  /* Three gaps in 6 s: the next pass comes 6 + 2 s after this one. */
  check(state, four, "1@10 2@11 3@13 4@16 1@18 ", options.limit = 5, options.repeat = 3);
}

static void repetitions_follow_after_the_span_and_one_mean_gap(void **state)
{
  check(state, four, "1@10 2@11 3@13 4@16 1@18 2@19 3@21 4@24 1@26 2@27 3@29 4@32 ", options.repeat = 3);
  check(state, four, "1@5 2@5.5 3@6.5 4@8 1@9 2@9.5 3@10.5 4@12 ", options.repeat = 2,
        options.rate_scale = 2);
}

static void repetitions_of_a_window_follow_at_its_duration(void **state)
{
  check(state, four, "2@0 3@2 2@5 3@7 ", options.start_s = 11, options.duration_s = 5, options.repeat = 2);
}

static void nothing_to_replay_is_an_error(void **state)
{
  check(state, "arrival_s,prompt_tokens,answer_tokens\n",
        "trace: the trace has no requests; at least one is needed", (void)options);
  check(state, four,
        "trace: the last request arrives at 16 s, before the start at 17 s; choose an earlier start",
        options.start_s = 17);
  check(state, four, "trace: no request arrives from 14 s to 15 s; choose another start or duration",
        options.start_s = 14, options.duration_s = 1);
}

static void a_trace_without_length_is_repeated_only_at_a_duration(void **state)
{
  const char *burst = "arrival_s,prompt_tokens,answer_tokens\n3,1,1\n3,2,1\n";
  check(state, burst,
        "1@3 2@3 trace: all requests arrive at once, so that the trace has no length to repeat it after; "
        "give a "
        "duration",
        options.repeat = 2);
  check(state, burst, "1@3 2@3 1@13 2@13 ", options.repeat = 2, options.duration_s = 10);
}

static void options_out_of_range_are_refused(void **state)
{
  check(state, four, "rate-scale must be a number above 0", options.rate_scale = 0);
  check(state, four, "rate-scale must be a number above 0", options.rate_scale = -1);
  check(state, four, "rate-scale must be a number above 0", options.rate_scale = NAN);
  check(state, four, "rate-scale must be a number above 0", options.rate_scale = INFINITY);
  check(state, four, "start must be a time from 0 s on", options.start_s = -1);
  check(state, four, "duration must be a time above 0 s", options.duration_s = 0);
  check(state, four, "limit must be at least 1 request", options.limit = 0);
  check(state, four, "repeat must be at least 1", options.repeat = 0);
}

/* Prompts 1 and 2 share a prefix within a repetition, and with nothing of another one. */
static void repeated_prompts_share_no_prefix_with_those_before(void **state)
{
  g_autofree char *path = given_text(state, "hashed",
                                     "arrival_s,prompt_tokens,answer_tokens,hash_tokens,hashes\n"
                                     "0,32,1,16,5 6\n1,32,1,16,5 7\n");
  tw_trace_options options = TW_TRACE_OPTIONS_DEFAULT;
  options.repeat = 3;
  g_autoptr(tw_stream) stream = tw_stream_open(path, NULL, &options, NULL);
  g_autoptr(GHashTable) seen = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
  tw_request request;
  guint64 shared[2] = {0};
  for (int i = 0; tw_stream_next(stream, &request, NULL); i++) {
    shared[i % 2] = request.hashes[0];
    for (int j = 0; j < 2; j++)
      g_hash_table_add(seen, g_memdup2(&request.hashes[j], sizeof(guint64)));
    if (i % 2 == 1)
      assert_int_equal(shared[0], shared[1]);
    tw_request_clear(&request);
  }
  assert_int_equal(g_hash_table_size(seen), 9); /* 3 repetitions of blocks 5, 6 and 7 */
}

/* Three passes equal the trace of one pass, laid end to end by hand. */
static void a_repeated_file_is_streamed_again_from_gzip(void **state)
{
  (void)state;
  g_autofree char *path = g_build_filename(TW_SOURCE_DIR, "workloads/traces/servegen-r1-2000.csv.gz", NULL);
  tw_trace_options once = TW_TRACE_OPTIONS_DEFAULT, thrice = TW_TRACE_OPTIONS_DEFAULT;
  thrice.repeat = 3;
  g_autoptr(tw_stream) repeated = tw_stream_open(path, NULL, &thrice, NULL);
  tw_request request = {0}, other = {0};
  double progress = 0;
  /* 2,000 requests from 0 to 134.012 s. */
  const double period_s = 134.012 + 134.012 / 1999;
  for (int pass = 0; pass < 3; pass++) {
    g_autoptr(tw_stream) single = tw_stream_open(path, NULL, &once, NULL);
    while (tw_stream_next(single, &request, NULL)) {
      assert_true(tw_stream_next(repeated, &other, NULL));
      assert_near(other.arrival_s, request.arrival_s + pass * period_s, 1e-9);
      assert_int_equal(other.prompt_tokens, request.prompt_tokens);
      assert_int_equal(other.answer_tokens, request.answer_tokens);
      assert_string_equal(other.session, request.session);
      assert_true(tw_stream_progress(repeated) >= progress);
      progress = tw_stream_progress(repeated);
      tw_request_clear(&request);
      tw_request_clear(&other);
    }
    assert_near(progress, (pass + 1) / 3.0, 0.01);
  }
  assert_false(tw_stream_next(repeated, &other, NULL));
  assert_near(tw_stream_progress(repeated), 1, 0);
}

static void a_stream_that_ends_early_still_has_the_checksum_of_its_file(void **state)
{
  g_autofree char *path = given_text(state, "trace", four);
  g_autofree char *sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, four, -1);
  tw_trace_options limited = TW_TRACE_OPTIONS_DEFAULT, windowed = TW_TRACE_OPTIONS_DEFAULT;
  limited.limit = 1;
  windowed.duration_s = 11;
  windowed.repeat = 2;
  const tw_trace_options *const both[] = {&limited, &windowed};
  for (int i = 0; i < 2; i++) {
    g_autoptr(tw_stream) stream = tw_stream_open(path, NULL, both[i], NULL);
    tw_request request;
    assert_null(tw_stream_sha256(stream));
    assert_string_equal(tw_stream_path(stream), path);
    while (tw_stream_next(stream, &request, NULL))
      tw_request_clear(&request);
    assert_string_equal(tw_stream_sha256(stream), sum);
  }
}

static void an_ended_stream_stays_ended(void **state)
{
  g_autofree char *path =
      given_text(state, "trace", "arrival_s,prompt_tokens,answer_tokens\n1,1,1\n2,0,1\n3,1,1\n");
  const tw_trace_options options = TW_TRACE_OPTIONS_DEFAULT;
  g_autoptr(tw_stream) stream = tw_stream_open(path, NULL, &options, NULL);
  g_autoptr(GError) first = NULL, second = NULL;
  tw_request request;
  assert_true(tw_stream_next(stream, &request, NULL));
  assert_false(tw_stream_next(stream, &request, &first));
  assert_non_null(first);
  assert_false(tw_stream_next(stream, &request, &second));
  assert_null(second);
}

/* Prompts half as long and outputs twice: 100 and 31 tokens are 50 and 16, in blocks of 8 instead of 16.
 * Reasoning of 2 · 30 is cut to 40. */
static void lengths_can_be_scaled_and_reasoning_cut(void **state)
{
  g_autofree char *path =
      given_text(state, "lengths.csv",
                 "arrival_s,prompt_tokens,reasoning_tokens,answer_tokens,hash_tokens,hashes\n"
                 "0,100,30,5,16,1 2 3 4 5 6 7\n1,31,10,0,16,1 9\n2,1,0,1,,\n3,1,9,0,,\n");
  tw_trace_options options = TW_TRACE_OPTIONS_DEFAULT;
  options.prompt_scale = 0.5;
  options.output_scale = 2;
  options.reasoning_budget = 40;
  static const gint32 expected[][5] = {
      {50, 40, 10, 8, 7}, {16, 20, 0, 8, 2}, {1, 0, 2, 0, 0}, {1, 18, 0, 0, 0}};
  for (int pass = 0; pass < 2; pass++) {
    g_autoptr(tw_stream) stream = tw_stream_open(path, NULL, &options, NULL);
    tw_request r;
    for (guint i = 0; i < G_N_ELEMENTS(expected); i++) {
      assert_true(tw_stream_next(stream, &r, NULL));
      assert_int_equal(r.prompt_tokens, expected[i][0]);
      assert_int_equal(r.reasoning_tokens, pass == 0 ? expected[i][1] : 0);
      assert_int_equal(r.answer_tokens, pass == 0 || expected[i][2] > 0 ? expected[i][2] : 1);
      assert_int_equal(r.hash_tokens, expected[i][3]);
      assert_int_equal(r.n_hashes, expected[i][4]);
      tw_request_clear(&r);
    }
    options.reasoning_budget = 0; /* a request that only reasons answers with one token then */
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(prompts_of_different_salts_share_nothing),
      cmocka_unit_test(a_trace_keeps_its_own_time),
      cmocka_unit_test(rate_scale_divides_all_times),
      cmocka_unit_test(a_window_holds_its_start_and_not_its_end),
      cmocka_unit_test(a_limit_counts_requests_of_all_repetitions),
      cmocka_unit_test(repetitions_follow_after_the_span_and_one_mean_gap),
      cmocka_unit_test(repetitions_of_a_window_follow_at_its_duration),
      cmocka_unit_test(nothing_to_replay_is_an_error),
      cmocka_unit_test(a_trace_without_length_is_repeated_only_at_a_duration),
      cmocka_unit_test(options_out_of_range_are_refused),
      cmocka_unit_test(repeated_prompts_share_no_prefix_with_those_before),
      cmocka_unit_test(a_repeated_file_is_streamed_again_from_gzip),
      cmocka_unit_test(a_stream_that_ends_early_still_has_the_checksum_of_its_file),
      cmocka_unit_test(an_ended_stream_stays_ended),
      cmocka_unit_test(lengths_can_be_scaled_and_reasoning_cut),
  };
  return cmocka_run_group_tests(tests, given_directory, remove_directory);
}
