/* Values that change with time, and what is refused of them. */
#include "tests/check.h"
#include "tests/sim/support.h"

static tw_stairs *load(const char *text, gboolean even, tw_faults *faults)
{
  g_autofree char *directory = test_directory();
  g_autofree char *path = g_build_filename(directory, "stairs.csv", NULL);
  assert_true(g_file_set_contents(path, text, -1, NULL));
  tw_stairs *stairs = tw_stairs_load(path, even, 0, 10, faults);
  test_remove(directory);
  return stairs;
}

static void refuse(const char *text, const char *what)
{
  g_autoptr(tw_faults) faults = tw_faults_new();
  g_autoptr(tw_stairs) stairs = load(text, TRUE, faults);
  assert_null(stairs);
  assert_int_equal(tw_faults_count(faults), 1);
  if (strstr(tw_faults_get(faults, 0), what) == NULL)
    fail_msg("%s does not say \"%s\"", tw_faults_get(faults, 0), what);
}

static void a_value_holds_until_the_next_and_an_even_stair_begins_again(void **state)
{
  (void)state;
  g_autoptr(tw_faults) faults = tw_faults_new();
  g_autoptr(tw_stairs) stairs = load("time_s,x\n0,1\n10,2\n20,3\n", TRUE, faults);
  assert_non_null(stairs);
  assert_near(tw_stairs_at(stairs, 0), 1, 0);
  assert_near(tw_stairs_at(stairs, 9.5), 1, 0);
  assert_near(tw_stairs_at(stairs, 10), 2, 0);
  assert_near(tw_stairs_at(stairs, 29), 3, 0);
  assert_near(tw_stairs_at(stairs, 30), 1, 0);
  assert_near(tw_stairs_next(stairs, 4), 10, 0);
  assert_near(tw_stairs_next(stairs, 25), 30, 0);
  assert_near(tw_stairs_min(stairs), 1, 0);
}

/* A clock that is 12 s ahead shows 12 as the other one shows 0; one that is 12 s behind shows 18 of the period before. */
static void a_clock_that_is_ahead_shows_later_values(void **state)
{
  (void)state;
  g_autoptr(tw_faults) faults = tw_faults_new();
  g_autoptr(tw_stairs) ahead = load("time_s,x\n0,1\n10,2\n20,3\n", TRUE, faults);
  g_autoptr(tw_stairs) behind = load("time_s,x\n0,1\n10,2\n20,3\n", TRUE, faults);
  tw_stairs_shift(ahead, 12);
  tw_stairs_shift(behind, -12);
  assert_near(tw_stairs_at(ahead, 0), 2, 0);
  assert_near(tw_stairs_next(ahead, 0), 8, 0);
  assert_near(tw_stairs_at(ahead, 18), 1, 0);
  assert_near(tw_stairs_at(behind, 0), 2, 0);
  assert_near(tw_stairs_next(behind, 0), 2, 0);
  assert_near(tw_stairs_at(behind, 12), 1, 0);
}

static void any_other_stair_keeps_its_last_value(void **state)
{
  (void)state;
  g_autoptr(tw_faults) faults = tw_faults_new();
  g_autoptr(tw_stairs) stairs = load("time_s,x\n0,1\n10,2\n90,3\n", FALSE, faults);
  assert_non_null(stairs);
  assert_near(tw_stairs_at(stairs, 1e6), 3, 0);
  assert_true(isinf(tw_stairs_next(stairs, 90)));
}

static void gaps_and_nonsense_are_refused_with_their_line(void **state)
{
  (void)state;
  refuse("time_s,x\n0,1\n10,\n20,3\n", ":3: has a gap");
  refuse("time_s,x\n0,1\n10,2\n30,3\n", ":4: the rows have a gap");
  refuse("time_s,x\n0,1\n10,-2\n20,3\n", ":3: \"-2\" is no value between 0 and 10");
  refuse("0,1\n10,2\n20,3\n", ":1: begins with a row instead of a header");
  refuse("time_s,x\n5,1\n", ":2: nothing is said before 5s");
  refuse("time_s,x\n0,1\n0,2\n", ":3: time 0 does not rise");
  refuse("time_s,x\n0.5,1\n", ":2: \"0.5\" is no time");
  refuse("time_s,x\n0,1,2\n", ":2: has 3 columns");
  refuse("time_s,x\n", "has no rows");
  refuse("", "has no rows");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_value_holds_until_the_next_and_an_even_stair_begins_again),
      cmocka_unit_test(a_clock_that_is_ahead_shows_later_values),
      cmocka_unit_test(any_other_stair_keeps_its_last_value),
      cmocka_unit_test(gaps_and_nonsense_are_refused_with_their_line),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
