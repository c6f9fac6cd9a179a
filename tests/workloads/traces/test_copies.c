/* Each request of a trace sent by several users, a little later by each. */
#include "tests/workloads/given.h"
#include "workloads/stream/stream.h"

/* Two sessions whose prompts share a block, and a request of no session that shares nothing. */
static const char three[] = "arrival_s,prompt_tokens,answer_tokens,session,hash_tokens,hashes\n"
                            "10,32,1,a,16,1 2\n14,48,1,b,16,1 3 4\n40,16,1,,16,9\n";

enum { MOST = 64 };

/* Reads all requests, whose names and ids the caller clears. */
static int read_all(void **state, const tw_trace_options *options, tw_request *requests)
{
  g_autofree char *path = given_text(state, "trace", three);
  g_autoptr(tw_stream) stream = tw_stream_open(path, NULL, options, NULL);
  int n = 0;
  assert_non_null(stream);
  for (; tw_stream_next(stream, &requests[n], NULL); n++) {
    assert_int_equal(requests[n].id, n);
    assert_true(n == 0 || requests[n].arrival_s >= requests[n - 1].arrival_s);
  }
  assert_near(tw_stream_progress(stream), 1, 0);
  return n;
}

static void clear_all(tw_request *requests, int n)
{
  while (n-- > 0)
    tw_request_clear(&requests[n]);
}

/* Of five copies within ten seconds each of the three requests is there five times, from its instant (half of it at twice the
 * rate) to less than ten seconds later, at least one of them more than half of that. */
static void each_request_comes_from_so_many_users(void **state)
{
  tw_trace_options options = TW_TRACE_OPTIONS_DEFAULT;
  options.copies = 5;
  options.spread_s = 10;
  options.rate_scale = 2;
  tw_request all[MOST];
  assert_int_equal(read_all(state, &options, all), 15);
  int of[3] = {0};
  double latest_s = 0;
  for (int i = 0; i < 15; i++) {
    int which = all[i].prompt_tokens == 32 ? 0 : all[i].prompt_tokens == 48 ? 1 : 2;
    const double from_s[] = {5, 7, 20};
    assert_true(all[i].arrival_s >= from_s[which] && all[i].arrival_s < from_s[which] + 10);
    latest_s = MAX(latest_s, all[i].arrival_s - from_s[which]);
    of[which]++;
  }
  assert_true(of[0] == 5 && of[1] == 5 && of[2] == 5 && latest_s > 5);
  clear_all(all, 15);
}

/* A copy's prompts share their first block with those of the same copy alone, and its sessions have names of their own;
 * those of the first are the trace's. */
static void copies_share_prefixes_with_their_like_alone(void **state)
{
  tw_trace_options options = TW_TRACE_OPTIONS_DEFAULT;
  options.copies = 4;
  options.spread_s = 1;
  tw_request all[MOST];
  assert_int_equal(read_all(state, &options, all), 12);
  for (int i = 0; i < 12; i++)
    for (int k = 0; k < i && all[i].session != NULL; k++) {
      if (all[k].session == NULL)
        continue;
      gboolean like = g_strcmp0(strchr(all[i].session, '#'), strchr(all[k].session, '#')) == 0;
      assert_int_equal(like, all[i].hashes[0] == all[k].hashes[0]);
      assert_string_not_equal(all[i].session, all[k].session);
      if (like && strchr(all[i].session, '#') == NULL)
        assert_true(all[i].hashes[0] == 1);
    }
  clear_all(all, 12);
}

/* A spread alone moves requests, by the seed; without one, and with one copy, a trace is as it was. */
static void a_spread_alone_lets_seeds_count(void **state)
{
  tw_trace_options options[4] = {TW_TRACE_OPTIONS_DEFAULT, TW_TRACE_OPTIONS_DEFAULT, TW_TRACE_OPTIONS_DEFAULT,
                                 TW_TRACE_OPTIONS_DEFAULT};
  tw_request all[4][MOST];
  options[1].spread_s = options[2].spread_s = options[3].spread_s = 2;
  options[3].seed = 1;
  for (int i = 0; i < 4; i++)
    assert_int_equal(read_all(state, &options[i], all[i]), 3);
  for (int r = 0; r < 3; r++) {
    assert_near(all[0][r].arrival_s, r == 0 ? 10 : r == 1 ? 14 : 40, 0);
    assert_near(all[1][r].arrival_s, all[2][r].arrival_s, 0);
    assert_true(all[1][r].arrival_s != all[3][r].arrival_s);
    assert_true(all[1][r].arrival_s != all[0][r].arrival_s);
  }
  for (int i = 0; i < 4; i++)
    clear_all(all[i], 3);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_request_comes_from_so_many_users),
      cmocka_unit_test(copies_share_prefixes_with_their_like_alone),
      cmocka_unit_test(a_spread_alone_lets_seeds_count),
  };
  return cmocka_run_group_tests(tests, given_directory, remove_directory);
}
