/* KV blocks counted by phase, against a twin that keeps the tokens of every sequence. */
#include "sim/kv/kv_cache.h"
#include "tests/check.h"
#include "workloads/draw/chance.h"

enum { SEQUENCES = 40, ROUNDS = 300 };

/* Blocks that the sequences gain over j iterations, one by one. */
static gint64 naive_need(const gint64 *tokens, int n, gint64 block_tokens, gint64 j)
{
  gint64 need = 0;
  for (int i = 0; i < n; i++)
    for (gint64 t = tokens[i]; t < tokens[i] + j; t++)
      need += t % block_tokens == 0;
  return need;
}

static void needs_and_room_are_those_of_counting_every_token(void **state)
{
  (void)state;
  tw_chance chance = tw_chance_new(1, "kv");
  for (int round = 0; round < ROUNDS; round++) {
    static const gint64 sizes[] = {1, 2, 3, 16, 64};
    gint64 block_tokens = sizes[tw_chance_below(&chance, G_N_ELEMENTS(sizes))];
    gint64 tokens[SEQUENCES], q = (gint64)tw_chance_below(&chance, 1000);
    int n = 0;
    tw_kv_cache kv;
    tw_kv_cache_init(&kv, 2000, block_tokens);
    for (int k = 0; k < 60; k++) {
      gint64 run = (gint64)tw_chance_below(&chance, 40);
      if (n < SEQUENCES && tw_chance_below(&chance, 3) > 0) {
        tokens[n] = 1 + (gint64)tw_chance_below(&chance, 100);
        tw_kv_join(&kv, q, tokens[n++]);
      } else if (n > 0) {
        int gone = (int)tw_chance_below(&chance, (guint64)n);
        tw_kv_leave(&kv, q, tokens[gone]);
        tokens[gone] = tokens[--n];
      }
      assert_int_equal(tw_kv_need(&kv, q, run), naive_need(tokens, n, block_tokens, run));

      kv.used_blocks = 2000 - (gint64)tw_chance_below(&chance, 200);
      gint64 room = tw_kv_room(&kv, q, tw_kv_free(&kv));
      if (n == 0) {
        assert_true(room == G_MAXINT64);
      } else {
        assert_true(naive_need(tokens, n, block_tokens, room) <= tw_kv_free(&kv));
        assert_true(naive_need(tokens, n, block_tokens, room + 1) > tw_kv_free(&kv));
      }
      q += run;
      for (int i = 0; i < n; i++)
        tokens[i] += run;
    }
    tw_kv_cache_clear(&kv);
  }
}

/* With blocks of 16: 16 tokens fill their block, 17 need a second. */
static void a_block_is_taken_when_the_one_before_is_full(void **state)
{
  (void)state;
  tw_kv_cache kv;
  tw_kv_cache_init(&kv, 4, 16);
  assert_int_equal(tw_kv_blocks(&kv, 16), 1);
  assert_int_equal(tw_kv_blocks(&kv, 17), 2);
  kv.used_blocks = 1;
  tw_kv_join(&kv, 5, 15);
  assert_int_equal(tw_kv_need(&kv, 5, 1), 0);          /* 16 tokens fit */
  assert_int_equal(tw_kv_need(&kv, 5, 2), 1);          /* 17 do not */
  assert_int_equal(tw_kv_room(&kv, 5, 3), 1 + 3 * 16); /* 64 tokens, in the four blocks there are */
  tw_kv_cache_clear(&kv);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(needs_and_room_are_those_of_counting_every_token),
      cmocka_unit_test(a_block_is_taken_when_the_one_before_is_full),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
