/* The bracket finds what trying every level finds, with few of them tried. */
#include "sim/planner/bracket.h"
#include "tests/check.h"

#include <math.h>

/* Follows a bracket whose levels hold from `limit` on (small wanted) or up to it; returns how many were
 * tried. */
static int follow(tw_bracket *bracket, double limit)
{
  int tried = 0;
  for (double level; !isnan(level = tw_bracket_next(bracket)); tried++) {
    assert_true(level >= bracket->least && level <= bracket->most && tried < 100);
    tw_bracket_tell(bracket, level, bracket->wants_small ? level >= limit : level <= limit);
  }
  return tried;
}

static void every_smallest_size_is_found_from_every_start(void **state)
{
  (void)state;
  for (int limit = 1; limit <= 40; limit++)
    for (int start = 1; start <= 40; start++) {
      tw_bracket bracket = {TRUE, TRUE, 1, 40, 1, start, NAN, NAN};
      /* Doubling takes at most log2(40) steps, halving the gap as many. */
      assert_in_range(follow(&bracket, limit), 1, 12);
      assert_true(bracket.holds == limit);
    }
}

static void a_good_guess_needs_two_runs(void **state)
{
  (void)state;
  tw_bracket bracket = {TRUE, TRUE, 1, 64, 1, 8, NAN, NAN};
  /* 8 holds, 4 does not, 6 does not, 7 does not. */
  assert_int_equal(follow(&bracket, 8), 4);
  tw_bracket least = {TRUE, TRUE, 3, 64, 1, 3, NAN, NAN};
  assert_int_equal(follow(&least, 1), 1); /* nothing is smaller */
  assert_true(least.holds == 3);
}

static void where_nothing_holds_the_largest_was_tried(void **state)
{
  (void)state;
  tw_bracket bracket = {TRUE, TRUE, 1, 40, 1, 3, NAN, NAN};
  follow(&bracket, 41);
  assert_true(isnan(bracket.holds));
  assert_true(bracket.breaks == 40);
}

static void the_largest_load_is_found_to_the_tolerance(void **state)
{
  (void)state;
  for (double limit = 0.01; limit < 100; limit *= 1.37) {
    tw_bracket bracket = {FALSE, FALSE, 1e-3, 1e3, 1.05, 1, NAN, NAN};
    assert_in_range(follow(&bracket, limit), 2, 14);
    assert_true(bracket.holds <= limit && bracket.breaks > limit && bracket.breaks / bracket.holds <= 1.05);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_smallest_size_is_found_from_every_start),
      cmocka_unit_test(a_good_guess_needs_two_runs),
      cmocka_unit_test(where_nothing_holds_the_largest_was_tried),
      cmocka_unit_test(the_largest_load_is_found_to_the_tolerance),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
