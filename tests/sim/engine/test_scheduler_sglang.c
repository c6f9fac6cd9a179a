/* Kind sglang: small cases computed by hand, and random ones against a naive engine with SGLang's rules. */
#include "tests/sim/engine/random.h"

/* Iterations of 1 s, whatever they hold; pages of one token. */
static const naive_config alone_on_pages = {.kind = NAIVE_SGLANG,
                                            .prefix_cache = TRUE,
                                            .conservativeness = 1,
                                            .ranks = 1,
                                            .max_seqs = 100,
                                            .max_batched_tokens = 8192,
                                            .block_tokens = 1,
                                            .kv_blocks = 100000,
                                            .costs = {1, 0, 0, 0, FALSE}};

static void assert_times(const served *s, int request, double first_s, double last_s)
{
  assert_near(s->outcomes[request].first_token_s, first_s, 0);
  assert_near(s->outcomes[request].completion_s, last_s, 0);
}

/* A (100 tokens, 4 outputs) at 0, B (50, 3) at 1.5: its prompt runs alone from 2 to 3, and A waits. */
static void prompts_run_alone_and_first(void **state)
{
  (void)state;
  static const naive_request requests[] = {{0, 100, 0, 4, 0}, {1.5, 50, 0, 3, 0}};
  served s = serve(&alone_on_pages, requests, 2, FALSE);
  assert_times(&s, 0, 1, 5);
  assert_times(&s, 1, 3, 5);
  served_clear(&s);
}

/* With overlap the batch from 2 to 3 is planned at 1, before B has come: B's prompt runs from 3 to 4. A's last
 * token comes at 6 (at 1, 2, 3, 5... and 6: the batch from 4 to 5 is its fourth), B decodes from 4 to 6; each
 * is in the batch after its last, too: the device is busy until 7. */
static void overlap_plans_a_batch_ahead_and_overshoots(void **state)
{
  (void)state;
  naive_config config = alone_on_pages;
  config.asynchronous = TRUE;
  static const naive_request requests[] = {{0, 100, 0, 4, 0}, {1.5, 50, 0, 3, 0}};
  served s = serve(&config, requests, 2, FALSE);
  assert_times(&s, 0, 1, 5);
  assert_times(&s, 1, 4, 6);
  assert_near(s.usage.busy_s, 7, 0);
  assert_int_equal(s.usage.output_tokens, 7);
  served_clear(&s);
}

/* D (10, 8) at 0; A (600, 2) and B (100, 2) at 1.5; chunks of 256. Alone, A's chunks run from 2 to 4, its last
 * 88 tokens with B's 100 from 4 to 5: D gets tokens at 1, 2 and from 6 to 11. Mixed, D decodes beside 255,
 * 255 and 90 + 100 tokens, and ends at 8. */
static void mixed_chunks_let_decodes_go_on(void **state)
{
  (void)state;
  naive_config config = alone_on_pages;
  config.max_batched_tokens = 256;
  static const naive_request requests[] = {{0, 10, 0, 8, 0}, {1.5, 600, 0, 2, 0}, {1.5, 100, 0, 2, 0}};
  served apart = serve(&config, requests, 3, FALSE);
  assert_times(&apart, 0, 1, 11);
  assert_times(&apart, 1, 5, 6);
  assert_times(&apart, 2, 5, 6);
  config.mixed_chunk = TRUE;
  served mixed = serve(&config, requests, 3, FALSE);
  assert_times(&mixed, 0, 1, 8);
  assert_times(&mixed, 1, 5, 6);
  assert_times(&mixed, 2, 5, 6);
  served_clear(&apart);
  served_clear(&mixed);
}

/* 1,000 tokens of KV; A and B (200 tokens). At 0 A needs 200 + 300 + 1, and 499 are left, too few for B. At 1,
 * 800 - 0.7 * 299 = 590.7 are more than its 501: it runs from 1 to 2. With 400 outputs, 800 - 0.7 * 399 =
 * 520.7 are less than 601: it waits for the end of A, at 400, decodes one more batch alone (nothing: there is
 * nobody), and runs from then on. */
static void admission_counts_what_others_will_emit(void **state)
{
  (void)state;
  naive_config config = alone_on_pages;
  config.kv_blocks = 1000;
  naive_request requests[] = {{0, 200, 0, 300, 0}, {0, 200, 0, 300, 0}};
  served s = serve(&config, requests, 2, FALSE);
  assert_near(s.outcomes[1].first_scheduled_s, 1, 0);
  served_clear(&s);
  requests[0].answer = requests[1].answer = 400;
  s = serve(&config, requests, 2, FALSE);
  assert_near(s.outcomes[1].first_scheduled_s, s.outcomes[0].completion_s, 0);
  served_clear(&s);
}

/* Two slots; A (10, 3), B (10, 6), C (10, 2). A's end at 3 is seen by the decode batch from 3 to 4, so that C
 * runs from 4 to 5; with overlap by the one that is planned at 3 and runs from 4 to 5. */
static void a_place_is_free_one_decode_after_an_end(void **state)
{
  (void)state;
  naive_config config = alone_on_pages;
  config.max_seqs = 2;
  static const naive_request requests[] = {{0, 10, 0, 3, 0}, {0, 10, 0, 6, 0}, {0, 10, 0, 2, 0}};
  served s = serve(&config, requests, 3, FALSE);
  assert_times(&s, 0, 1, 3);
  assert_times(&s, 1, 1, 7);
  assert_times(&s, 2, 5, 6);
  served_clear(&s);
  config.asynchronous = TRUE;
  s = serve(&config, requests, 3, FALSE);
  assert_times(&s, 0, 1, 3);
  assert_times(&s, 1, 1, 7);
  assert_times(&s, 2, 6, 7);
  served_clear(&s);
}

/* 200 tokens of KV, A, B and C (20, 60), a guess of 0.3 * 0.7: A and B at 0, C at 1. At 48 two tokens are free
 * for three: C, with 47 outputs, is retracted; A and B end at 61, and then C computes 47 of its 67 tokens
 * again and ends at 74; with overlap 46 of 66, from 62 on, and it ends at 76. */
static void who_has_emitted_least_is_retracted(void **state)
{
  (void)state;
  naive_config config = alone_on_pages;
  config.kv_blocks = 200;
  config.conservativeness = 0.3;
  static const naive_request requests[] = {{0, 20, 0, 60, 0}, {0, 20, 0, 60, 0}, {0, 20, 0, 60, 0}};
  served s = serve(&config, requests, 3, FALSE);
  assert_times(&s, 0, 1, 61);
  assert_times(&s, 2, 2, 74);
  assert_int_equal(s.outcomes[2].preemptions, 1);
  assert_int_equal(s.outcomes[2].computed, 20 + 47);
  served_clear(&s);
  config.asynchronous = TRUE;
  s = serve(&config, requests, 3, FALSE);
  assert_times(&s, 2, 2, 76);
  assert_int_equal(s.outcomes[2].computed, 20 + 46);
  served_clear(&s);
}

/* A and B have the same prompt of 1,000 tokens, D another; 2,000 tokens a batch. As they come, A and B are
 * computed both, and D after them. By longest prefix, B waits for A, and finds 999 tokens; with overlap A is
 * not in the tree yet, and B is computed whole. */
static void longest_prefix_first_lets_equal_prompts_wait(void **state)
{
  (void)state;
  naive_config config = alone_on_pages;
  config.max_batched_tokens = 2000;
  static const naive_request requests[] = {{0, 1000, 0, 2, 0}, {0, 1000, 0, 2, 0}, {0, 1000, 0, 2, 0}};
  guint64 same[] = {7}, other[] = {8};
  naive_ids ids[] = {{1, 1000, 0, same}, {1, 1000, 0, same}, {1, 1000, 0, other}};
  config.ids = ids;
  served s = serve(&config, requests, 3, FALSE);
  assert_near(s.outcomes[1].first_token_s, 1, 0);
  assert_near(s.outcomes[2].first_token_s, 2, 0);
  assert_int_equal(s.outcomes[1].computed, 1000);
  served_clear(&s);
  config.order = TW_ORDER_PREFIX;
  s = serve(&config, requests, 3, FALSE);
  assert_near(s.outcomes[1].first_token_s, 2, 0);
  assert_near(s.outcomes[2].first_token_s, 1, 0);
  assert_int_equal(s.outcomes[1].computed, 1);
  served_clear(&s);
  config.asynchronous = TRUE;
  s = serve(&config, requests, 3, FALSE);
  assert_int_equal(s.outcomes[1].computed, 1000);
  served_clear(&s);
}

static void iterations_and_instants_are_those_of_the_naive_engine(void **state)
{
  (void)state;
  enum { SCENARIOS = 1000, MOST = 60 };
  gint64 preemptions = 0, iterations = 0, cached = 0, ahead = 0;
  for (int seed = 0; seed < SCENARIOS; seed++) {
    tw_chance chance = tw_chance_new((guint64)seed, "sglang");
    naive_config config = alone_on_pages;
    static const int orders[] = {TW_ORDER_ARRIVAL, TW_ORDER_PREFIX, TW_ORDER_OUTPUT};
    config.priorities = tw_chance_below(&chance, 6) == 0;
    config.order = orders[tw_chance_below(&chance, 3)];
    config.asynchronous = tw_chance_below(&chance, 2) == 0;
    config.mixed_chunk = tw_chance_below(&chance, 3) == 0;
    config.prefix_cache = tw_chance_below(&chance, 4) > 0;
    config.conservativeness = 0.1 + tw_chance_uniform(&chance);
    config.max_seqs = between(&chance, 1, 24);
    config.block_tokens = config.mixed_chunk || tw_chance_below(&chance, 2) ? 1 : between(&chance, 2, 20);
    config.window = between(&chance, 1, 60);
    config.max_batched_tokens = MAX(config.max_seqs + config.block_tokens, between(&chance, 40, 400));
    /* The longest request has 300 tokens: from room for just one, to plenty. */
    config.kv_blocks =
        304 / config.block_tokens + 3 + between(&chance, 0, tw_chance_below(&chance, 2) ? 20 : 500);
    config.costs = random_costs(&chance);
    naive_request requests[MOST];
    naive_ids ids[MOST];
    int n = random_requests(&chance, requests, ids, MOST);
    config.ids = ids;
    g_autofree naive_outcome *expected = as_naive(&config, requests, n, seed, &iterations);
    for (int i = 0; i < n; i++) {
      preemptions += expected[i].preemptions;
      cached += expected[i].cached;
      ahead += config.asynchronous * expected[i].preemptions;
      g_free(ids[i].hashes);
    }
  }
  /* The scenarios exercise what they are meant to. */
  assert_true(preemptions > 400 && ahead > 150);
  assert_true(cached > 100000);
  assert_true(iterations > 100000);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(prompts_run_alone_and_first),
      cmocka_unit_test(overlap_plans_a_batch_ahead_and_overshoots),
      cmocka_unit_test(mixed_chunks_let_decodes_go_on),
      cmocka_unit_test(admission_counts_what_others_will_emit),
      cmocka_unit_test(a_place_is_free_one_decode_after_an_end),
      cmocka_unit_test(who_has_emitted_least_is_retracted),
      cmocka_unit_test(longest_prefix_first_lets_equal_prompts_wait),
      cmocka_unit_test(iterations_and_instants_are_those_of_the_naive_engine),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
