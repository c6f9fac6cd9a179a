/* Sequences that are handed over to another engine, and what both promise them. */
#include "tests/sim/engine/serve.h"

static void on_handed_over(void *user, int engine, tw_sequence *sequence, double now_s)
{
  (void)engine, (void)now_s;
  g_ptr_array_add(user, sequence);
}

static void free_sequence(gpointer sequence, gpointer user)
{
  (void)user;
  tw_sequence_free(sequence);
}

/* A sequence whose prompt another engine has computed, with its first token of 2 s before 0. */
static tw_sequence *handed_over(const tw_request *request)
{
  tw_sequence *sequence = tw_sequence_new(request);
  sequence->ticket = request->id;
  sequence->prefill_target = request->prompt_tokens;
  sequence->prefilled_tokens = request->prompt_tokens;
  sequence->emitted = 1;
  sequence->last_token_s = -2;
  return sequence;
}

/* Reserves blocks for a request and delivers its prompt's KV at 0. */
static void deliver(tw_engine *engine, guint64 id, gint32 prompt, gint32 output)
{
  tw_sequence *sequence =
      handed_over(&(tw_request){.id = id, .prompt_tokens = prompt, .answer_tokens = output});
  sequence->rank = tw_engine_reserve(engine, sequence, 0);
  assert_int_equal(sequence->rank, 0);
  tw_engine_deliver(engine, sequence, 0);
}

/* 4 blocks of 4 tokens, all of them taken by the delivered prompts of A and B, 8 tokens each. A joins the
 * empty batch and gets no block for its second token; the plan that preempts it admits nobody. The next one
 * lets B join in A's blocks: it emits tokens 2 and 3 at 1 and 2 s. Then A computes its 9 tokens again, which
 * emits its second at 3 s, and its last at 4 s. The client has waited for the second since the prompt was
 * complete, at -2 s, or, where it sees the first only then, since 0 s. */
static void serve_a_and_b(gboolean shows_later)
{
  naive_config config = plain;
  config.kv_blocks = 4;
  g_autoptr(tw_step_model) model = test_step_model(&config.costs);
  tw_engine_config engine = engine_config(&config, model, FALSE);
  engine.scheduler.shows_later = shows_later;
  served s = {.outcomes = g_new0(naive_outcome, 2), .order = g_array_new(FALSE, FALSE, sizeof(guint64))};
  tw_engine_listener listener = {.ended = on_ended, .user = &s};
  tw_engine *e = tw_engine_new(0, &engine, &listener);
  deliver(e, 0, 8, 3);
  deliver(e, 1, 8, 3);
  while (isfinite(tw_engine_due(e)))
    tw_engine_step(e);
  assert_near(s.outcomes[1].completion_s, 2, 0);
  assert_near(s.outcomes[0].completion_s, 4, 0);
  assert_int_equal(s.outcomes[0].preemptions, 1);
  assert_near(s.outcomes[0].longest_gap_s, shows_later ? 3 : 5, 0);
  assert_near(s.outcomes[1].longest_gap_s, shows_later ? 1 : 3, 0);
  tw_engine_free(e);
  g_free(s.outcomes);
  g_array_unref(s.order);
}

static void a_plan_that_preempts_the_only_sequence_is_followed_by_another(void **state)
{
  (void)state;
  serve_a_and_b(FALSE);
  serve_a_and_b(TRUE);
}

/* 4 blocks of 4 tokens, and sequences are promised all that they will ever hold. Where they are handed over,
 * that is their prompts: A and B, 8 tokens each, run at once, whatever they are to emit elsewhere. The blocks
 * stay promised until they are released: C is admitted then. */
static void who_is_handed_over_is_promised_blocks_for_its_prompt_alone(void **state)
{
  (void)state;
  naive_config config = plain;
  config.kv_blocks = 4;
  g_autoptr(tw_step_model) model = test_step_model(&config.costs);
  tw_engine_config engine = engine_config(&config, model, FALSE);
  engine.scheduler.hands_over = TRUE;
  engine.scheduler.reserve = TW_RESERVE_OUTPUT;
  g_autoptr(GPtrArray) gone = g_ptr_array_new();
  tw_engine_listener listener = {.handed_over = on_handed_over, .user = gone};
  tw_engine *e = tw_engine_new(0, &engine, &listener);
  for (int i = 0; i < 3; i++)
    submit(e, 0, 8, 100);
  while (isfinite(tw_engine_due(e)))
    tw_engine_step(e);
  assert_int_equal(gone->len, 2);
  tw_engine_release(e, 0, gone->pdata[0], 1);
  while (isfinite(tw_engine_due(e)))
    tw_engine_step(e);
  assert_int_equal(gone->len, 3);
  for (guint i = 1; i < 3; i++)
    tw_engine_release(e, 0, gone->pdata[i], 2);
  g_ptr_array_foreach(gone, free_sequence, NULL);
  tw_engine_free(e);
}

/* Delivered sequences, too, are promised all: of 4 blocks of 4 tokens, one of 4 + 9 tokens takes all. */
static void what_is_delivered_is_promised_its_output(void **state)
{
  (void)state;
  naive_config config = plain;
  config.kv_blocks = 4;
  g_autoptr(tw_step_model) model = test_step_model(&config.costs);
  tw_engine_config engine = engine_config(&config, model, FALSE);
  engine.scheduler.reserve = TW_RESERVE_OUTPUT;
  tw_engine_listener listener = {0};
  tw_engine *e = tw_engine_new(0, &engine, &listener);
  tw_sequence all = {.request = {.prompt_tokens = 4, .answer_tokens = 10}},
              little = {.request = {.prompt_tokens = 4, .answer_tokens = 2}};
  assert_int_equal(tw_engine_reserve(e, &all, 0), 0);
  assert_int_equal(tw_engine_reserve(e, &little, 0), -1);
  tw_engine_free(e);
}

/* Where sequences are handed over, the KV cache has to hold their prompts alone: 4 blocks of 4 tokens. */
static void a_prompt_is_refused_where_it_does_not_fit_whatever_follows_it(void **state)
{
  (void)state;
  naive_config config = plain;
  config.kv_blocks = 4;
  g_autoptr(tw_step_model) model = test_step_model(&config.costs);
  tw_engine_config engine = engine_config(&config, model, FALSE);
  engine.scheduler.hands_over = TRUE;
  tw_engine *e = tw_engine_new(0, &engine, &(tw_engine_listener){0});
  assert_null(tw_engine_refusal(e, &(tw_request){.prompt_tokens = 16, .answer_tokens = 50}));
  assert_string_equal(tw_engine_refusal(e, &(tw_request){.prompt_tokens = 17, .answer_tokens = 1}),
                      "the prompt exceeds the KV cache");
  tw_engine_free(e);
}

/* B is delivered while A's iteration runs, and waits for its end; an engine that is freed then frees it, too (the
 * sanitizers see whether it does). */
static void a_delivered_sequence_waits_for_the_end_of_the_iteration(void **state)
{
  (void)state;
  naive_config config = plain;
  g_autoptr(tw_step_model) model = test_step_model(&config.costs);
  tw_engine_config engine = engine_config(&config, model, FALSE);
  tw_engine *e = tw_engine_new(0, &engine, &(tw_engine_listener){0});
  deliver(e, 0, 4, 9);
  tw_engine_step(e);
  assert_int_equal(tw_engine_waiting(e), 0);
  deliver(e, 1, 4, 9);
  assert_int_equal(tw_engine_waiting(e), 1);
  tw_engine_free(e);
  tw_sequence_free(NULL);
}

/* A prompt of 10 tokens, two for each id, and four tokens of an answer. */
static tw_sequence *of_five_ids(guint64 id)
{
  static const guint64 ids[] = {7, 8, 9, 3, 5};
  return handed_over(&(tw_request){.id = id,
                                   .prompt_tokens = 10,
                                   .answer_tokens = 4,
                                   .hash_tokens = 2,
                                   .n_hashes = G_N_ELEMENTS(ids),
                                   .hashes = g_memdup2(ids, sizeof ids)});
}

/* A decodes in three of five blocks of 4 tokens, from 0 to 3 s, as the KV of B with an equal prompt is about to come. vLLM
 * finds two of A's blocks and asks for the last two tokens alone, again after it was not to come, and B decodes from 1 to 4
 * s. Sarathi wants three blocks and finds two. */
static void what_a_decode_engine_holds_of_a_prompt_is_not_sent_again(void **state)
{
  (void)state;
  for (int kind = 0; kind < 2; kind++) {
    naive_config config = plain;
    config.kind = kind == 0 ? NAIVE_VLLM : NAIVE_SARATHI;
    config.kv_blocks = 5;
    config.prefix_cache = TRUE;
    g_autoptr(tw_step_model) model = test_step_model(&config.costs);
    tw_engine_config engine = engine_config(&config, model, FALSE);
    served s = {.outcomes = g_new0(naive_outcome, 2), .order = g_array_new(FALSE, FALSE, sizeof(guint64))};
    tw_engine *e = tw_engine_new(0, &engine, &(tw_engine_listener){.ended = on_ended, .user = &s});
    tw_sequence *a = of_five_ids(0), *b = of_five_ids(1);
    a->rank = tw_engine_reserve(e, a, 0);
    assert_int_equal(a->decode_cached, 0);
    tw_engine_deliver(e, a, 0);
    tw_engine_step(e);
    b->rank = tw_engine_reserve(e, b, 0.5);
    assert_int_equal(b->rank, kind == 0 ? 0 : -1);
    if (kind == 0) {
      assert_int_equal(b->decode_cached, 8);
      tw_engine_withdraw(e, 0, b, 0.5);
      b->rank = tw_engine_reserve(e, b, 0.5);
      assert_int_equal(b->decode_cached, 8);
      tw_engine_deliver(e, b, 0.5);
    } else {
      tw_sequence_free(b);
    }
    while (isfinite(tw_engine_due(e)))
      tw_engine_step(e);
    assert_near(s.outcomes[0].completion_s, 3, 0);
    assert_near(s.outcomes[1].completion_s, kind == 0 ? 4 : 0, 0);
    tw_engine_free(e);
    g_free(s.outcomes);
    g_array_unref(s.order);
  }
}

/* Kind sglang keeps 512 tokens free for each sequence that a decode engine has been promised, pages being single tokens. A,
 * with a prompt of 10, comes alone; B, with one of 8, wants 8 + 2 x 512 of what A's prompt and next two tokens leave. */
static void a_decode_engine_of_kind_sglang_keeps_room_for_what_sequences_emit(void **state)
{
  (void)state;
  const int wanted = 10 + 8 + 2 + 2 * 512;
  for (int missing = 0; missing < 2; missing++) {
    naive_config config = plain;
    config.kind = NAIVE_SGLANG;
    config.block_tokens = 1;
    config.kv_blocks = wanted - missing;
    g_autoptr(tw_step_model) model = test_step_model(&config.costs);
    tw_engine_config engine = engine_config(&config, model, FALSE);
    engine.scheduler.takes_over = TRUE;
    tw_engine *e = tw_engine_new(0, &engine, &(tw_engine_listener){0});
    tw_sequence b = {.request = {.prompt_tokens = 8, .answer_tokens = 9}};
    deliver(e, 0, 10, 9);
    tw_engine_step(e);
    assert_int_equal(tw_engine_reserve(e, &b, 0), missing > 0 ? -1 : 0);
    tw_engine_free(e);
  }
}

/* 1050 tokens of KV cache hold prompts of 10 and 8 tokens and what each of the two emits in 516 s. A, with the longer prompt,
 * is retracted then and goes to the host's memory. Its 526 tokens, one of B's and 2 x 512 do not fit again before B
 * has emitted its 999 others, at 999 s; then A emits the 483 that it lacks, and nothing is computed again. */
static void what_a_decode_engine_of_kind_sglang_retracts_comes_back_as_it_was(void **state)
{
  (void)state;
  for (int exact = 0; exact < 2; exact++) {
    naive_config config = plain;
    config.kind = NAIVE_SGLANG;
    config.block_tokens = 1;
    config.kv_blocks = 1050;
    g_autoptr(tw_step_model) model = test_step_model(&config.costs);
    tw_engine_config engine = engine_config(&config, model, exact);
    engine.scheduler.takes_over = TRUE;
    served s = {.outcomes = g_new0(naive_outcome, 2), .order = g_array_new(FALSE, FALSE, sizeof(guint64))};
    tw_engine *e = tw_engine_new(0, &engine, &(tw_engine_listener){.ended = on_ended, .user = &s});
    deliver(e, 0, 10, 1000);
    deliver(e, 1, 8, 1000);
    while (isfinite(tw_engine_due(e)))
      tw_engine_step(e);
    assert_near(s.outcomes[1].completion_s, 999, 0);
    assert_near(s.outcomes[0].completion_s, 999 + 483, 0);
    assert_int_equal(s.outcomes[0].preemptions, 1);
    assert_int_equal(s.outcomes[1].preemptions, 0);
    assert_int_equal(s.outcomes[0].computed, 10); /* by the engine that it came from */
    assert_near(s.outcomes[0].longest_gap_s, 999 - 516 + 1, 0);
    tw_engine_free(e);
    g_free(s.outcomes);
    g_array_unref(s.order);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_plan_that_preempts_the_only_sequence_is_followed_by_another),
      cmocka_unit_test(a_prompt_is_refused_where_it_does_not_fit_whatever_follows_it),
      cmocka_unit_test(a_delivered_sequence_waits_for_the_end_of_the_iteration),
      cmocka_unit_test(who_is_handed_over_is_promised_blocks_for_its_prompt_alone),
      cmocka_unit_test(what_is_delivered_is_promised_its_output),
      cmocka_unit_test(what_a_decode_engine_holds_of_a_prompt_is_not_sent_again),
      cmocka_unit_test(a_decode_engine_of_kind_sglang_keeps_room_for_what_sequences_emit),
      cmocka_unit_test(what_a_decode_engine_of_kind_sglang_retracts_comes_back_as_it_was),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
