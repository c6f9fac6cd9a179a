/* Pairs of whole numbers spread over a hash table. */
#include "platforms/input/pair_hash.h"
#include "tests/check.h"

static void pairs_of_many_with_many_hardly_share_a_value(void **state)
{
  (void)state;
  /* 512 · 512 pairs are four for each of 65,536 values of the upper half; by chance none would have 30. */
  enum { N = 512 };
  g_autofree int *pairs_of = g_new0(int, 65536);
  int most = 0;
  for (gint64 from = 0; from < N; from++)
    for (gint64 to = 0; to < N; to++) {
      gint64 pair = from << 32 | to;
      most = MAX(most, ++pairs_of[tw_pair_hash(&pair) >> 16]);
    }
  assert_true(most < 30);
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(pairs_of_many_with_many_hardly_share_a_value)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
