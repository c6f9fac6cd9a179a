/* Courses, by hand: rates are those of max-min fair shares, and change as flows end. */
#include "sim/network/flows/course.h"
#include "tests/check.h"

/* Links 0 and 1 carry 10 bytes a second among their flows, link 2 carries 3 of each flow. */
static const double rates[] = {10, 10, 3};
static const gboolean shared[] = {TRUE, TRUE, FALSE};
static const tw_convoy_links links = {3, rates, shared};
static const int first[] = {0}, both[] = {0, 1}, second[] = {1}, capped[] = {0, 2};

/* On one link 10, 20 and 60 bytes have a third of 10 B/s each until 3 s, when 10 and 50 are left of the others; then half
 * until 5 s; and the last has 40 bytes left and the link to itself: 9 s. */
static void who_is_left_shares_what_the_others_leave(void **state)
{
  (void)state;
  const tw_convoy_flow flows[] = {{60, first, 1, 0}, {10, first, 1, 0}, {20, first, 1, 0}};
  double ends_s[3], left[3];
  assert_true(tw_course_find(&links, flows, 3, ends_s));
  assert_near(ends_s[1], 3, 1e-12);
  assert_near(ends_s[2], 5, 1e-12);
  assert_near(ends_s[0], 9, 1e-12);
  tw_course_left(&links, flows, 3, 4, left);
  assert_near(left[0], 45, 1e-12);
  assert_near(left[1], 0, 1e-12);
  assert_near(left[2], 5, 1e-12);
  tw_course_left(&links, flows, 3, 100, left);
  assert_near(left[0], 0, 1e-12);
}

/* Two flows over link 0 and one over both: 10/3 each there, which leaves 20/3 of link 1 to its other flow. That one's 20
 * bytes end at 3 s, as do the 10 bytes of one of link 0. The flow over both then has 5 of its 15 left at 5 B/s. */
static void a_flow_over_two_links_has_the_smaller_of_its_shares(void **state)
{
  (void)state;
  const tw_convoy_flow flows[] = {{15, both, 2, 0}, {10, first, 1, 0}, {30, first, 1, 0}, {20, second, 1, 0}};
  double ends_s[4];
  assert_true(tw_course_find(&links, flows, 4, ends_s));
  assert_near(ends_s[3], 3, 1e-12);
  assert_near(ends_s[1], 3, 1e-12);
  assert_near(ends_s[0], 4, 1e-12);
  /* 20 bytes left at 3 s, 15 at 4 s, and the link to itself. */
  assert_near(ends_s[2], 5.5, 1e-12);
}

/* A flow that may have 3 B/s at most leaves 7 to the other. */
static void a_link_that_limits_each_flow_leaves_the_rest_to_others(void **state)
{
  (void)state;
  const tw_convoy_flow flows[] = {{6, capped, 2, 0}, {24, first, 1, 0}};
  double ends_s[2];
  assert_true(tw_course_find(&links, flows, 2, ends_s));
  assert_near(ends_s[0], 2, 1e-12);
  assert_near(ends_s[1], 3, 1e-12);
}

static void flows_that_end_one_by_one_without_end_are_not_followed(void **state)
{
  (void)state;
  tw_convoy_flow flows[100];
  double ends_s[100];
  for (int i = 0; i < 100; i++)
    flows[i] = (tw_convoy_flow){i + 1, first, 1, 0};
  assert_false(tw_course_find(&links, flows, 100, ends_s));
  assert_true(tw_course_find(&links, flows, 60, ends_s));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(who_is_left_shares_what_the_others_leave),
      cmocka_unit_test(a_flow_over_two_links_has_the_smaller_of_its_shares),
      cmocka_unit_test(a_link_that_limits_each_flow_leaves_the_rest_to_others),
      cmocka_unit_test(flows_that_end_one_by_one_without_end_are_not_followed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
