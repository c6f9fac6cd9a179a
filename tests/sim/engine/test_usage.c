/* The usage of an engine, and which requests it refuses. */
#include "tests/sim/engine/serve.h"

/* 4 blocks of 4 tokens. The last token's key and value are never computed: 8 + 9 tokens take 16 places. */
/* Ten blocks of 4 tokens hold 40. The last of 41 tokens is never computed; SGLang wants room for a page of
 * 4 tokens and 2 more besides: 35 tokens fit, 36 never do. */
static void what_fits_depends_on_the_room_that_an_engine_keeps(void **state)
{
  (void)state;
  for (int i = 0; tw_scheduler_kind_names[i] != NULL; i++) {
    tw_scheduler_config config = {
        .kind = &tw_scheduler_kinds[i], .max_model_len = 1000, .block_tokens = 4, .kv_blocks = 10};
    gint32 most = config.kind->radix ? 35 : 41;
    assert_null(
        tw_scheduler_refusal(&config, &(tw_request){.prompt_tokens = 30, .answer_tokens = most - 30}));
    assert_non_null(
        tw_scheduler_refusal(&config, &(tw_request){.prompt_tokens = 30, .answer_tokens = most - 29}));
  }
}

/* An engine that has done nothing has extrapolated nothing. */
static void the_extrapolated_share_is_of_the_iterations(void **state)
{
  (void)state;
  naive_config config = plain;
  g_autoptr(tw_step_model) model = test_step_model(&config.costs);
  tw_engine_config engine = engine_config(&config, model, FALSE);
  tw_engine *e = tw_engine_new(0, &engine, &(tw_engine_listener){0});
  assert_near(tw_engine_extrapolated(e), 0, 0);
  tw_engine_free(e);
}

static void what_can_never_fit_is_refused(void **state)
{
  (void)state;
  naive_config config = plain;
  config.kv_blocks = 4;
  g_autoptr(tw_step_model) model = test_step_model(&config.costs);
  tw_engine_config engine = engine_config(&config, model, FALSE);
  engine.scheduler.max_model_len = 17;
  tw_engine_listener listener = {0};
  tw_engine *e = tw_engine_new(0, &engine, &listener);
  assert_null(tw_engine_refusal(e, &(tw_request){.prompt_tokens = 8, .answer_tokens = 9}));
  assert_string_equal(tw_engine_refusal(e, &(tw_request){.prompt_tokens = 8, .answer_tokens = 10}),
                      "prompt and output exceed max-model-len");
  tw_engine_free(e);
  engine.scheduler.max_model_len = 100;
  e = tw_engine_new(0, &engine, &listener);
  assert_string_equal(tw_engine_refusal(e, &(tw_request){.prompt_tokens = 8, .answer_tokens = 10}),
                      "prompt and output exceed the KV cache");
  tw_engine_free(e);

  static const naive_request requests[] = {{0, 8, 0, 9, 0}};
  served s = serve(&config, requests, 1, FALSE);
  assert_near(s.outcomes[0].completion_s, 9, 0);
  served_clear(&s);
}

/* Usage of one request of 10 prompt tokens and 5 output tokens, 0 to 5 s, waiting for none of it. */
static void usage_counts_what_was_computed(void **state)
{
  (void)state;
  static const naive_request requests[] = {{2, 10, 0, 5, 0}};
  served s = serve(&plain, requests, 1, FALSE);
  assert_near(s.usage.busy_s, 5, 0);
  assert_near(s.usage.running_s, 5, 0);
  assert_near(s.usage.waiting_s, 0, 0);
  assert_int_equal(s.usage.prompt_tokens, 10);
  assert_int_equal(s.usage.output_tokens, 5);
  served_clear(&s);
}

/* Blocks of 4 tokens: 3 hold the prompt of 10 for its second, and the decodes grow to 16 tokens, 4 blocks, in
 * six: straight from 3 to 4 in one macro-step; one by one at 11, 12, 13, ... 16 tokens 3, 3, 4, 4, 4 and 4,
 * each averaged with the one before. */
static void blocks_in_use_are_averaged_between_the_steps(void **state)
{
  (void)state;
  static const naive_request requests[] = {{0, 10, 0, 7, 0}};
  served macro = serve(&plain, requests, 1, FALSE), exact = serve(&plain, requests, 1, TRUE);
  assert_near(macro.usage.kv_block_s, 3 + 6 * 3.5, 0);
  assert_near(exact.usage.kv_block_s, 3 + 3 + 3 + 3.5 + 4 + 4 + 4, 0);
  served_clear(&macro);
  served_clear(&exact);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_can_never_fit_is_refused),
      cmocka_unit_test(what_fits_depends_on_the_room_that_an_engine_keeps),
      cmocka_unit_test(the_extrapolated_share_is_of_the_iterations),
      cmocka_unit_test(usage_counts_what_was_computed),
      cmocka_unit_test(blocks_in_use_are_averaged_between_the_steps),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
