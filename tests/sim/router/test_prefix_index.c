/* The index of prefixes that a router remembers. */
#include "sim/router/prefix_index.h"
#include "tests/check.h"
#include "workloads/draw/chance.h"

#include <math.h>

static tw_request prompt(guint64 *hashes, gint32 n)
{
  return (tw_request){
      .prompt_tokens = 16 * n, .answer_tokens = 1, .hash_tokens = 16, .n_hashes = n, .hashes = hashes};
}

/* Engine 0 was sent 1 2 3, and engine 1 1 2 4: of 1 2 3 5 engine 0 has 48 tokens and engine 1 32; of 2 3
 * neither has any, as its blocks follow on others. */
static void only_whole_beginnings_match(void **state)
{
  (void)state;
  tw_prefix_index *index = tw_prefix_index_new(3, INFINITY, INFINITY);
  tw_request a = prompt((guint64[]){1, 2, 3}, 3), b = prompt((guint64[]){1, 2, 4}, 3),
             c = prompt((guint64[]){1, 2, 3, 5}, 4), d = prompt((guint64[]){2, 3}, 2);
  gint64 tokens[3];
  tw_prefix_index_add(index, &a, 0, 0, 0);
  tw_prefix_index_add(index, &b, 1, 0, 1);
  assert_int_equal(tw_prefix_index_match(index, &c, G_MAXINT64, 1, tokens), 48);
  assert_int_equal(tokens[0], 48);
  assert_int_equal(tokens[1], 32);
  assert_int_equal(tokens[2], 0);
  assert_int_equal(tw_prefix_index_match(index, &d, G_MAXINT64, 1, tokens), 0);
  assert_int_equal(tw_prefix_index_match(index, &c, 40, 1, tokens), 40);
  tw_prefix_index_free(index);
}

/* Believed for 10 s: at 5 s the second block is used again, so that the first is forgotten at 10 s, and with
 * it the prompt; the second is there by itself till 15 s. */
static void blocks_are_forgotten_after_their_time(void **state)
{
  (void)state;
  tw_prefix_index *index = tw_prefix_index_new(1, 10, INFINITY);
  tw_request a = prompt((guint64[]){1, 2}, 2);
  gint64 tokens;
  tw_prefix_index_add(index, &a, 0, 0, 0);
  tw_prefix_index_add(index, &a, 0, 16, 5);
  assert_int_equal(tw_prefix_index_match(index, &a, G_MAXINT64, 9.9, &tokens), 32);
  assert_int_equal(tw_prefix_index_match(index, &a, G_MAXINT64, 10, &tokens), 0);
  assert_int_equal(tw_prefix_index_first(index, &a, 0, 0, 10), 16);
  assert_true(tw_prefix_index_first(index, &a, 0, 0, 15) == G_MAXINT64);
  tw_prefix_index_free(index);
}

/* Room for three blocks: the third prompt pushes out the one that was used last before the others. */
static void the_blocks_used_last_are_kept(void **state)
{
  (void)state;
  tw_prefix_index *index = tw_prefix_index_new(1, INFINITY, 48);
  tw_request a = prompt((guint64[]){1}, 1), b = prompt((guint64[]){2}, 1), c = prompt((guint64[]){3}, 1),
             d = prompt((guint64[]){4}, 1);
  gint64 tokens;
  tw_prefix_index_add(index, &a, 0, 0, 0);
  tw_prefix_index_add(index, &b, 0, 0, 1);
  tw_prefix_index_add(index, &c, 0, 0, 2);
  tw_prefix_index_add(index, &a, 0, 0, 3);
  tw_prefix_index_add(index, &d, 0, 0, 4);
  assert_int_equal(tw_prefix_index_tokens(index, 0), 48);
  assert_int_equal(tw_prefix_index_match(index, &a, G_MAXINT64, 4, &tokens), 16);
  assert_int_equal(tw_prefix_index_match(index, &b, G_MAXINT64, 4, &tokens), 0);
  tw_prefix_index_free(index);
}

/* Against a list of all that was ever sent, on random prompts over few ids. */
static void it_agrees_with_a_list_of_all_that_was_sent(void **state)
{
  (void)state;
  enum { SENT = 400, ENGINES = 4, LONGEST = 6 };
  static guint64 ids[SENT][LONGEST];
  static int lengths[SENT], engines[SENT];
  tw_chance chance = tw_chance_new(1, "index");
  tw_prefix_index *index = tw_prefix_index_new(ENGINES, INFINITY, INFINITY);
  for (int i = 0; i < SENT; i++) {
    gint64 tokens[ENGINES], expected[ENGINES] = {0};
    lengths[i] = 1 + (int)tw_chance_below(&chance, LONGEST);
    engines[i] = (int)tw_chance_below(&chance, ENGINES);
    for (int k = 0; k < lengths[i]; k++)
      ids[i][k] = tw_chance_below(&chance, 3);
    for (int j = 0; j < i; j++) {
      int same = 0;
      while (same < MIN(lengths[i], lengths[j]) && ids[i][same] == ids[j][same])
        same++;
      expected[engines[j]] = MAX(expected[engines[j]], 16 * same);
    }
    tw_request request = prompt(ids[i], lengths[i]);
    tw_prefix_index_match(index, &request, G_MAXINT64, i, tokens);
    assert_memory_equal(tokens, expected, sizeof tokens);
    tw_prefix_index_add(index, &request, engines[i], 0, i);
  }
  tw_prefix_index_free(index);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(only_whole_beginnings_match),
      cmocka_unit_test(blocks_are_forgotten_after_their_time),
      cmocka_unit_test(the_blocks_used_last_are_kept),
      cmocka_unit_test(it_agrees_with_a_list_of_all_that_was_sent),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
