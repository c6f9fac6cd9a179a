/* Distances of reuse against a naive list, and by hand. */
#include "tests/check.h"
#include "workloads/draw/chance.h"
#include "workloads/traces/reuse.h"

#include <math.h>

static int by_value(gconstpointer a, gconstpointer b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* The upper end of the interval, a sixteenth of an octave wide, that a distance lies in. */
static double end_of(double distance)
{
  return distance > 1 ? exp2(ceil(16 * log2(distance)) / 16) : 1;
}

/* a b c a d b, blocks of 10 tokens: b comes back 30 tokens after it, c, a and d, 40 with itself; a after b and c: 30. */
static void a_distance_is_what_was_used_since(void **state)
{
  (void)state;
  tw_reuse *reuse = tw_reuse_new();
  const guint64 used[] = {1, 2, 3, 1, 4, 2};
  for (int i = 0; i < 6; i++)
    tw_reuse_add(reuse, used[i], 10, i, i == 5);
  tw_reuse_facts facts;
  tw_reuse_read(reuse, &facts);
  assert_near(facts.p50_tokens, end_of(40), 1e-9); /* only the last was to count */
  assert_near(facts.p99_s, end_of(4), 1e-9);
  tw_reuse_free(reuse);
}

/* 20,000 uses of 500 blocks of different lengths, some of them much more often used: places are given up many times. */
static void distances_agree_with_a_list_that_is_walked(void **state)
{
  (void)state;
  enum { USES = 20000, BLOCKS = 500 };
  tw_reuse *reuse = tw_reuse_new();
  tw_chance chance = tw_chance_new(3, "reuse");
  int order[BLOCKS], n = 0; /* the last used first */
  g_autoptr(GArray) distances = g_array_new(FALSE, FALSE, sizeof(double));
  for (int use = 0; use < USES; use++) {
    int block = (int)tw_chance_below(&chance, 1 + tw_chance_below(&chance, BLOCKS)), at = 0;
    double distance = 0;
    for (at = 0; at < n && order[at] != block; at++)
      distance += 16 * (1 + order[at] % 3);
    distance += 16 * (1 + block % 3);
    for (int copy = 0; at < n && copy < 1 + block % 3; copy++) /* weighed by its tokens */
      g_array_append_val(distances, distance);
    n += at == n;
    memmove(order + 1, order, (gsize)at * sizeof *order);
    order[0] = block;
    tw_reuse_add(reuse, (guint64)block, 16 * (1 + block % 3), use, TRUE);
  }
  g_array_sort(distances, by_value);
  tw_reuse_facts facts;
  tw_reuse_read(reuse, &facts);
  const double shares[] = {0.5, 0.9, 0.99}, found[] = {facts.p50_tokens, facts.p90_tokens, facts.p99_tokens};
  for (int i = 0; i < 3; i++) {
    guint rank = (guint)ceil(shares[i] * distances->len) - 1;
    assert_near(found[i], end_of(g_array_index(distances, double, rank)), 1e-6);
  }
  tw_reuse_free(reuse);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_distance_is_what_was_used_since),
      cmocka_unit_test(distances_agree_with_a_list_that_is_walked),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
