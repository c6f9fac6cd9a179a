/* The engine: small batches computed by hand. */
#include "tests/sim/engine/serve.h"

/* One request: the prompt of 10 tokens in one iteration, 0 to 1 s, which emits token 1; tokens 2 to 5 at 2,
 * 3, 4 and 5 s. */
static void one_request_emits_its_first_token_with_its_prompt(void **state)
{
  (void)state;
  static const naive_request requests[] = {{0, 10, 0, 5, 0}};
  served s = serve(&plain, requests, 1, FALSE);
  assert_near(s.outcomes[0].first_scheduled_s, 0, 0);
  assert_near(s.outcomes[0].first_token_s, 1, 0);
  assert_near(s.outcomes[0].first_answer_s, 1, 0);
  assert_near(s.outcomes[0].completion_s, 5, 0);
  assert_near((s.outcomes[0].completion_s - s.outcomes[0].first_token_s) / 4, 1, 0); /* TPOT */
  served_clear(&s);
}

/* 3 reasoning tokens at 1, 2 and 3 s; the first answer token is the fourth, at 4 s. */
static void the_first_answer_token_follows_the_last_reasoning_token(void **state)
{
  (void)state;
  static const naive_request requests[] = {{0, 10, 3, 2, 0}, {0, 10, 2, 0, 0}};
  served s = serve(&plain, requests, 2, FALSE);
  assert_near(s.outcomes[0].first_token_s, 1, 0);
  assert_near(s.outcomes[0].first_answer_s, 4, 0);
  assert_near(s.outcomes[0].completion_s, 5, 0);
  assert_true(isnan(s.outcomes[1].first_answer_s)); /* reasons, and never answers */
  served_clear(&s);
}

/* A budget of 10 tokens. A: 4 prompt tokens, and decodes from 1 s on. B: 16 tokens, of which the first
 * iteration has room for 6, the second, beside A's decode, for 9, and the third computes the last one, beside
 * A's decode and the first chunk of C: 8 of its 8 tokens fit in what is left. */
static void chunks_take_what_the_decodes_leave_of_the_budget(void **state)
{
  (void)state;
  naive_config config = plain;
  config.max_batched_tokens = 10;
  static const naive_request requests[] = {{0, 4, 0, 4, 0}, {0, 16, 0, 2, 0}, {0, 8, 0, 1, 0}};
  served s = serve(&config, requests, 3, FALSE);
  static const gint64 prefills[] = {10, 9, 9}, decodes[] = {0, 1, 1};
  for (guint i = 0; i < 3; i++) {
    assert_int_equal(g_array_index(s.iterations, naive_iteration, i).prefill_tokens, prefills[i]);
    assert_int_equal(g_array_index(s.iterations, naive_iteration, i).decode_seqs, decodes[i]);
  }
  assert_near(s.outcomes[0].first_token_s, 1, 0);
  assert_near(s.outcomes[1].first_scheduled_s, 0, 0);
  assert_near(s.outcomes[1].first_token_s, 3, 0);
  assert_near(s.outcomes[2].first_scheduled_s, 2, 0);
  assert_near(s.outcomes[2].completion_s, 3, 0);
  served_clear(&s);
}

/* 10 blocks of 4 tokens. A's 20 tokens take 5, and 6 from its second iteration on. B needs 6 blocks, and
 * waits until A ends at 8 s. C would fit at once, but nobody passes a request that waits. */
static void waiting_requests_are_admitted_in_the_order_of_arrival(void **state)
{
  (void)state;
  naive_config config = plain;
  config.kv_blocks = 10;
  static const naive_request requests[] = {{0, 20, 0, 8, 0}, {0.5, 24, 0, 2, 0}, {0.5, 2, 0, 1, 0}};
  served s = serve(&config, requests, 3, FALSE);
  assert_near(s.outcomes[0].completion_s, 8, 0);
  assert_near(s.outcomes[1].first_scheduled_s, 8, 0);
  assert_near(s.outcomes[2].first_scheduled_s, 8, 0);
  served_clear(&s);
}

static void assert_waits(const naive_config *config, const naive_request *requests, int n,
                         const double *expected_s)
{
  served s = serve(config, requests, n, FALSE);
  for (int i = 0; i < TW_WAIT_CAUSES; i++)
    assert_near(s.usage.waiting_for_s[i], expected_s[i], 1e-12);
  served_clear(&s);
}

/* As above, B and C wait from 0.5 s for the end of the iteration, and from 1 to 8 s for blocks. With one
 * place, the second of two waits until the first ends at 3 s; with a budget of a prompt, until the first's
 * is computed. */
static void who_waits_is_told_apart_by_what_for(void **state)
{
  (void)state;
  naive_config blocks = plain, seats = plain, budget = plain;
  blocks.kv_blocks = 10;
  seats.max_seqs = 1;
  budget.max_batched_tokens = 4;
  static const naive_request long_ones[] = {{0, 20, 0, 8, 0}, {0.5, 24, 0, 2, 0}, {0.5, 2, 0, 1, 0}};
  static const naive_request short_ones[] = {{0, 4, 0, 3, 0}, {0, 4, 0, 1, 0}};
  assert_waits(&blocks, long_ones, 3,
               (double[TW_WAIT_CAUSES]){[TW_WAIT_BOUNDARY] = 2 * 0.5, [TW_WAIT_KV] = 2 * 7});
  assert_waits(&seats, short_ones, 2, (double[TW_WAIT_CAUSES]){[TW_WAIT_SEATS] = 3});
  assert_waits(&budget, short_ones, 2, (double[TW_WAIT_CAUSES]){[TW_WAIT_BUDGET] = 1});
}

/* 6 blocks of 4 tokens. A and B start with 8 tokens in 2 blocks each, and both take a third at 2 s. The
 * iteration at 5 s wants a fourth for both: B, admitted last, is preempted with 5 tokens emitted, and A,
 * which ends at 7 s, goes on alone. B then has 8 + 5 = 13 tokens to compute again; that iteration, 7 to 8 s,
 * emits its sixth. C arrived at 1.5 s and found no block, though it would have fit at 5 s; it comes behind B.
 */
static void the_last_admitted_is_preempted_and_comes_first_again(void **state)
{
  (void)state;
  naive_config config = plain;
  config.kv_blocks = 6;
  static const naive_request requests[] = {{0, 8, 0, 7, 0}, {0, 8, 0, 7, 0}, {1.5, 8, 0, 1, 0}};
  served s = serve(&config, requests, 3, FALSE);
  assert_near(s.outcomes[0].completion_s, 7, 0);
  assert_int_equal(s.outcomes[0].preemptions, 0);
  assert_int_equal(s.outcomes[1].preemptions, 1);
  assert_int_equal(s.outcomes[1].computed, 8 + 13);
  assert_near(s.outcomes[1].first_token_s, 1, 0);
  assert_near(s.outcomes[1].completion_s, 9, 0);
  assert_near(s.outcomes[1].first_scheduled_s, 0, 0); /* the first time counts */
  assert_near(s.outcomes[2].first_scheduled_s, 7, 0);
  served_clear(&s);
}

/* 6 blocks of 4 tokens, and 8 tokens an iteration. A's 8 tokens are computed from 0 to 1 s, B's beside A's
 * decodes, 7 of them from 1 to 2 s. The iteration at 5 s is A's fifth decode, of its 13th token, and finds
 * all blocks taken: B, with 3 tokens emitted, gives up its three. A takes one; the other two would hold the 7
 * tokens of B that the budget has room for, but B comes back only at 6 s. */
static void an_iteration_that_preempted_admits_nobody(void **state)
{
  (void)state;
  naive_config config = plain;
  config.kv_blocks = 6;
  config.max_batched_tokens = 8;
  static const naive_request requests[] = {{0, 8, 0, 9, 0}, {0, 8, 0, 7, 0}};
  static const gint64 prefills[] = {8, 7, 1, 0, 0, 0, 7}, decodes[] = {0, 1, 1, 2, 2, 1, 1};
  served s = serve(&config, requests, 2, TRUE);
  for (guint i = 0; i < G_N_ELEMENTS(prefills); i++) {
    assert_int_equal(g_array_index(s.iterations, naive_iteration, i).prefill_tokens, prefills[i]);
    assert_int_equal(g_array_index(s.iterations, naive_iteration, i).decode_seqs, decodes[i]);
  }
  assert_int_equal(s.preempted, 2); /* the other time at 7 s: 4 tokens are left, and no block for them */
  served_clear(&s);
}

/* As above, but A is the less urgent (a lower number is served first): A is preempted, though it was admitted
 * first. */
static void the_lowest_priority_is_preempted_and_the_highest_admitted_first(void **state)
{
  (void)state;
  naive_config config = plain;
  config.kv_blocks = 6;
  config.priorities = TRUE;
  static const naive_request requests[] = {
      {0, 8, 0, 7, 5}, {0, 8, 0, 7, 1}, {0.5, 8, 0, 1, 9}, {0.5, 8, 0, 1, 2}};
  served s = serve(&config, requests, 4, FALSE);
  assert_int_equal(s.outcomes[0].preemptions, 1);
  assert_int_equal(s.outcomes[1].preemptions, 0);
  assert_near(s.outcomes[1].completion_s, 7, 0);
  assert_true(s.outcomes[3].first_scheduled_s < s.outcomes[2].first_scheduled_s);
  served_clear(&s);
}

/* B arrives exactly as A's second iteration ends, at 2 s, and takes part in the third; C comes just after. */
static void an_arrival_on_a_boundary_joins_there(void **state)
{
  (void)state;
  static const naive_request requests[] = {{0, 4, 0, 9, 0}, {2, 4, 0, 9, 0}, {2.0000001, 4, 0, 9, 0}};
  served s = serve(&plain, requests, 3, FALSE);
  assert_near(s.outcomes[1].first_scheduled_s, 2, 0);
  assert_near(s.outcomes[2].first_scheduled_s, 3, 0);
  served_clear(&s);
}

/* Orca: B's prompt goes alone and stalls A, whose tokens come at 1, 2, 4 s and so on; vLLM would emit one
 * at 3.
 */
static void prefill_first_stalls_the_decodes(void **state)
{
  (void)state;
  naive_config config = plain;
  config.kind = NAIVE_PREFILL_FIRST;
  static const naive_request requests[] = {{0, 4, 0, 4, 0}, {1.5, 4, 0, 2, 0}};
  served s = serve(&config, requests, 2, FALSE);
  assert_near(s.outcomes[1].first_token_s, 3, 0);
  assert_near(s.outcomes[0].completion_s, 5, 0);
  assert_near(s.outcomes[1].completion_s, 4, 0);
  served_clear(&s);
}

/* B arrives while A's batch runs and is served when that has ended, at 4 s, together with C. */
static void a_static_batch_lets_nobody_join(void **state)
{
  (void)state;
  naive_config config = plain;
  config.kind = NAIVE_STATIC;
  static const naive_request requests[] = {{0, 4, 0, 4, 0}, {0.5, 4, 0, 2, 0}, {3, 4, 0, 1, 0}};
  served s = serve(&config, requests, 3, FALSE);
  assert_near(s.outcomes[1].first_scheduled_s, 4, 0);
  assert_near(s.outcomes[2].first_scheduled_s, 4, 0);
  assert_near(s.outcomes[1].completion_s, 6, 0);
  served_clear(&s);
}

/* A decodes until 100 s, and B would need all of the cache: its arrival has the engine look at the next
 * boundary, in vain. C, behind B, and D leave the engine asleep. */
static void an_arrival_that_cannot_join_wakes_nobody(void **state)
{
  (void)state;
  naive_config config = plain;
  config.kv_blocks = 30;
  config.max_batched_tokens = 200; /* B's prompt would go whole */
  g_autoptr(tw_step_model) model = test_step_model(&config.costs);
  tw_engine_config engine = engine_config(&config, model, FALSE);
  tw_engine_listener listener = {0};
  tw_engine *e = tw_engine_new(0, &engine, &listener);
  submit(e, 0, 4, 100);
  tw_engine_step(e); /* idle, to the prompt */
  tw_engine_step(e); /* the prompt, to the decodes */
  assert_near(tw_engine_due(e), 100, 0);
  submit(e, 10.5, 119, 1);
  assert_near(tw_engine_due(e), 11, 0);
  tw_engine_step(e);
  assert_near(tw_engine_due(e), 100, 0);
  submit(e, 20.5, 4, 1);
  submit(e, 30, 4, 1);
  assert_near(tw_engine_due(e), 100, 0);
  assert_int_equal(tw_engine_steps(e), 3);
  tw_engine_free(e);
}

/* Asynchronously. A comes at 0 s: its prompt takes the first second, and the iteration after that is planned
 * at once, so that B, which comes at 0.5 s, is in the third, from 2 to 3 s. A emits tokens at 1, 2 and 3 s.
 * It keeps its place until 3 s is planned for: with max-seqs 2, C, which comes with B, is planned as A ends,
 * and computed from 4 s on, beside B's last token; synchronously from 3 s on. */
static void ahead_of_time_whoever_comes_joins_an_iteration_later(void **state)
{
  (void)state;
  naive_config config = plain;
  config.max_seqs = 2;
  static const naive_request requests[] = {{0, 10, 0, 3, 0}, {0.5, 10, 0, 3, 0}, {0.5, 10, 0, 1, 0}};
  static const double first_s[2][3] = {{1, 2, 4}, {1, 3, 5}};
  for (int ahead = 0; ahead < 2; ahead++) {
    config.asynchronous = ahead;
    served s = serve(&config, requests, 3, FALSE);
    for (int i = 0; i < 3; i++)
      assert_near(s.outcomes[i].first_token_s, first_s[ahead][i], 0);
    assert_near(s.outcomes[0].completion_s, 3, 0);
    served_clear(&s);
  }
}

/* 6 blocks of 4 tokens, as in the test before: B is preempted with 8 + 5 tokens, of which 12 are in KV, in
 * three blocks. A's next token takes one of these, the last; the other two are found as B resumes at 7 s, and
 * 5 tokens are computed. */
static void a_preempted_sequence_finds_its_own_blocks(void **state)
{
  (void)state;
  naive_config config = plain;
  config.kv_blocks = 6;
  config.prefix_cache = TRUE;
  static const naive_request requests[] = {{0, 8, 0, 7, 0}, {0, 8, 0, 7, 0}};
  served s = serve(&config, requests, 2, FALSE);
  assert_int_equal(s.outcomes[1].preemptions, 1);
  assert_int_equal(s.outcomes[1].computed, 8 + 5);
  assert_int_equal(s.outcomes[1].cached, 0);
  served_clear(&s);
}

/* Eight equal prompts of 33 tokens at once, with blocks of 4: the first computes all, the others one token
 * each. */
static void equal_prompts_of_one_iteration_are_computed_once(void **state)
{
  (void)state;
  naive_config config = plain;
  config.prefix_cache = TRUE;
  guint64 hashes[] = {7, 8};
  naive_request requests[8];
  naive_ids ids[8];
  for (int i = 0; i < 8; i++) {
    requests[i] = (naive_request){0, 33, 0, 2, 0};
    ids[i] = (naive_ids){2, 16, 0, hashes};
  }
  config.ids = ids;
  served s = serve(&config, requests, 8, FALSE);
  assert_int_equal(g_array_index(s.iterations, naive_iteration, 0).prefill_tokens, 33 + 7);
  served_clear(&s);
}

/* The first turn has a prompt of 6 tokens and emits 7, of which 6 get into KV: 12 tokens, three blocks of 4.
 * The second begins with all 13, and finds these. */
static void the_next_turn_finds_the_output_of_the_one_before(void **state)
{
  (void)state;
  naive_config config = plain;
  config.prefix_cache = TRUE;
  guint64 hashes[] = {1, 2, 3, 4, 5, 6, 7};
  static const naive_request requests[] = {{0, 6, 0, 7, 0}, {10, 14, 0, 1, 0}};
  const naive_ids ids[] = {{7, 2, 13, hashes}, {7, 2, 0, hashes}};
  config.ids = ids;
  served s = serve(&config, requests, 2, FALSE);
  assert_int_equal(s.outcomes[1].cached, 12);
  assert_int_equal(s.outcomes[1].computed, 2);
  served_clear(&s);
}

/* Chunks of at most 4 tokens: the prompts of A and B go on beside each other. */
static void long_prompts_share_the_budget(void **state)
{
  (void)state;
  naive_config config = plain;
  config.long_prefill_tokens = 4;
  static const naive_request requests[] = {{0, 12, 0, 1, 0}, {0, 8, 0, 1, 0}};
  served s = serve(&config, requests, 2, FALSE);
  assert_int_equal(g_array_index(s.iterations, naive_iteration, 0).prefill_tokens, 8);
  assert_near(s.outcomes[1].completion_s, 2, 0);
  assert_near(s.outcomes[0].completion_s, 3, 0);
  served_clear(&s);
}

/* 1,001 tokens with three drafts that are all accepted: the prompt's iteration, and 250 of four tokens each.
 */
static void iterations_under_speculation_emit_several_tokens(void **state)
{
  (void)state;
  g_autoptr(tw_step_model) model = test_step_model(&plain.costs);
  naive_config config = plain;
  tw_engine_config engine = engine_config(&config, model, FALSE);
  engine.speculation = (tw_speculation){3, 1, 0, NULL};
  served s = {.outcomes = g_new0(naive_outcome, 1), .order = g_array_new(FALSE, FALSE, sizeof(guint64))};
  tw_engine_listener listener = {.ended = on_ended, .user = &s};
  tw_engine *e = tw_engine_new(0, &engine, &listener);
  tw_sequence *sequence = tw_sequence_new(&(tw_request){.prompt_tokens = 4, .answer_tokens = 1001});
  tw_engine_submit(e, sequence, 0);
  while (isfinite(tw_engine_due(e)))
    tw_engine_step(e);
  assert_int_equal(tw_engine_iterations(e), 251);
  tw_engine_free(e);
  g_free(s.outcomes);
  g_array_unref(s.order);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(one_request_emits_its_first_token_with_its_prompt),
      cmocka_unit_test(the_first_answer_token_follows_the_last_reasoning_token),
      cmocka_unit_test(chunks_take_what_the_decodes_leave_of_the_budget),
      cmocka_unit_test(waiting_requests_are_admitted_in_the_order_of_arrival),
      cmocka_unit_test(who_waits_is_told_apart_by_what_for),
      cmocka_unit_test(the_last_admitted_is_preempted_and_comes_first_again),
      cmocka_unit_test(an_iteration_that_preempted_admits_nobody),
      cmocka_unit_test(the_lowest_priority_is_preempted_and_the_highest_admitted_first),
      cmocka_unit_test(an_arrival_on_a_boundary_joins_there),
      cmocka_unit_test(prefill_first_stalls_the_decodes),
      cmocka_unit_test(a_static_batch_lets_nobody_join),
      cmocka_unit_test(an_arrival_that_cannot_join_wakes_nobody),
      cmocka_unit_test(ahead_of_time_whoever_comes_joins_an_iteration_later),
      cmocka_unit_test(a_preempted_sequence_finds_its_own_blocks),
      cmocka_unit_test(equal_prompts_of_one_iteration_are_computed_once),
      cmocka_unit_test(the_next_turn_finds_the_output_of_the_one_before),
      cmocka_unit_test(long_prompts_share_the_budget),
      cmocka_unit_test(iterations_under_speculation_emit_several_tokens),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
