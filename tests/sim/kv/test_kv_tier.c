/* A tier by hand: up to when a piece is found, and which pieces go where there is no room. */
#include "sim/kv/kv_tier.h"
#include "tests/check.h"

#include <math.h>

static void note(void *user, const tw_kv_piece *piece)
{
  g_array_append_val((GArray *)user, piece->chain);
}

static tw_kv_piece piece_of(guint64 chain, gint64 depth, gint64 bytes, double used_s)
{
  return (tw_kv_piece){.chain = chain, .depth = depth, .bytes = bytes, .used_s = used_s};
}

static gboolean put(tw_kv_tier *tier, guint64 chain, gint64 depth, gint64 bytes, double used_s)
{
  tw_kv_piece piece = piece_of(chain, depth, bytes, used_s);
  gboolean taken = tw_kv_tier_put(tier, &piece);
  tw_kv_tier_audit(tier);
  return taken;
}

/* Used at 1 s and kept for 2 s: at 3 s it is still there, and used then it need not be written again. A moment behind the
 * end of its time it cannot be found, and comes in anew. */
static void a_piece_is_found_to_the_end_of_its_time(void **state)
{
  (void)state;
  g_autoptr(tw_kv_tier) tier = tw_kv_tier_new(&(tw_kv_tier_config){.capacity_bytes = 100, .ttl_s = 2});
  assert_true(put(tier, 7, 1, 10, 1));
  assert_non_null(tw_kv_tier_find(tier, 7, 3));
  assert_null(tw_kv_tier_find(tier, 7, nextafter(3, 4)));
  assert_false(put(tier, 7, 1, 10, 3));
  assert_non_null(tw_kv_tier_find(tier, 7, 5));
  assert_true(put(tier, 7, 1, 10, nextafter(5, 6)));
  assert_int_equal(tw_kv_tier_bytes(tier), 10);
}

static void a_piece_without_a_limit_of_time_stays(void **state)
{
  (void)state;
  g_autoptr(tw_kv_tier) tier = tw_kv_tier_new(&(tw_kv_tier_config){.capacity_bytes = 100});
  assert_true(put(tier, 7, 1, 10, 1));
  assert_non_null(tw_kv_tier_find(tier, 7, 1e9));
}

static void a_piece_is_found_from_when_it_is_written(void **state)
{
  (void)state;
  g_autoptr(tw_kv_tier) tier = tw_kv_tier_new(&(tw_kv_tier_config){.capacity_bytes = 100});
  tw_kv_piece piece = piece_of(7, 1, 10, 1);
  piece.ready_s = INFINITY;
  assert_true(tw_kv_tier_put(tier, &piece));
  assert_null(tw_kv_tier_find(tier, 7, 100));
  tw_kv_tier_written(tier, 7, 4);
  tw_kv_tier_written(tier, 8, 4); /* not there: nothing happens */
  assert_null(tw_kv_tier_find(tier, 7, nextafter(4, 0)));
  assert_non_null(tw_kv_tier_find(tier, 7, 4));
  tw_kv_tier_written(tier, 7, 9); /* it has been written before */
  assert_non_null(tw_kv_tier_find(tier, 7, 4));
}

/* 30 bytes hold three pieces of 10 to the byte. A fourth, or one byte more, pushes out the piece that was used longest
 * ago; of those used at the same time the deepest. What was used earlier than is known changes nothing. */
static void a_full_tier_lets_the_oldest_and_deepest_go(void **state)
{
  (void)state;
  g_autoptr(GArray) gone = g_array_new(FALSE, FALSE, sizeof(guint64));
  g_autoptr(tw_kv_tier) tier =
      tw_kv_tier_new(&(tw_kv_tier_config){.capacity_bytes = 30, .spilled = note, .user = gone});
  put(tier, 1, 1, 10, 5);
  put(tier, 2, 2, 10, 5);
  put(tier, 3, 1, 10, 4);
  assert_int_equal(gone->len, 0);
  assert_false(put(tier, 3, 1, 10, 3));
  put(tier, 4, 1, 1, 6);
  assert_int_equal(gone->len, 1);
  assert_int_equal(g_array_index(gone, guint64, 0), 3);
  put(tier, 5, 1, 9, 6);
  assert_int_equal(gone->len, 1);
  put(tier, 6, 1, 1, 6);
  assert_int_equal(gone->len, 2);
  assert_int_equal(g_array_index(gone, guint64, 1), 2);
  assert_false(
      put(tier, 1, 1, 10, 7)); /* now it is the youngest: 4, 5 and 6 were used at 6 s, of the same depth */
  put(tier, 8, 1, 20, 8);
  assert_int_equal(gone->len, 5);
  assert_null(tw_kv_tier_find(tier, 5, 8));
  assert_non_null(tw_kv_tier_find(tier, 1, 8));
  put(tier, 9, 1, 31, 9); /* larger than the tier: it goes at once, and all others before it */
  assert_int_equal(tw_kv_tier_bytes(tier), 0);
  assert_int_equal(g_array_index(gone, guint64, gone->len - 1), 9);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_piece_is_found_to_the_end_of_its_time),
      cmocka_unit_test(a_piece_without_a_limit_of_time_stays),
      cmocka_unit_test(a_piece_is_found_from_when_it_is_written),
      cmocka_unit_test(a_full_tier_lets_the_oldest_and_deepest_go),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
