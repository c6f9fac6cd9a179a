/* Smoothed power: what ramps and floors take, burn and slow down. */
#include "sim/power/smoothing.h"
#include "tests/check.h"
#include "workloads/draw/chance.h"

static tw_smooth_sums at(const tw_smooth_course *course, double after_s)
{
  return tw_smooth_sums_at(course, after_s);
}

/* 2 s of work at 100 W, as power rises from 0 by 50 W each second: 2 s of rising do half of 2 s of work, (100 − 0)² /
 * (2 · 100 · 50) = 1 s is lost, and the joules are those of the work. */
static void a_limit_on_rising_costs_the_time_of_a_triangle(void **state)
{
  (void)state;
  tw_smoothing smoothing = {0, 50, INFINITY, 0};
  tw_smooth_course course = tw_smooth_course_of(&smoothing, 0, 100, 2, 0);
  assert_near(course.work_s, 3, 1e-12);
  assert_near(at(&course, 1).watts, 50, 1e-12);
  assert_near(at(&course, 1).drawn_j, 25, 1e-12);
  assert_near(at(&course, 3).watts, 100, 1e-12); /* on the edge */
  assert_near(at(&course, 3.001).watts, 0, 1e-12);
  assert_near(at(&course, 10).drawn_j, 200, 1e-12);
  assert_near(at(&course, 10).burnt_j, 0, 1e-12);
}

/* Work that ends before its power is there: 25 W t² = 100 W · 0.25 s ends after 1 s, at 50 W. */
static void work_may_end_while_power_rises(void **state)
{
  (void)state;
  tw_smoothing smoothing = {0, 50, 25, 0};
  tw_smooth_course course = tw_smooth_course_of(&smoothing, 0, 100, 0.25, 0);
  assert_near(course.work_s, 1, 1e-12);
  assert_near(at(&course, 1).drawn_j, 25, 1e-12);
  /* Then 50 W fall by 25 W each second: 50 J are burnt in 2 s. */
  assert_near(at(&course, 2).watts, 25, 1e-12);
  assert_near(at(&course, 9).burnt_j, 50, 1e-12);
  assert_near(at(&course, 9).watts, 0, 1e-12);
}

/* 1 s at 100 W, a floor of 60 W held for 2 s: 120 J are burnt, and nothing is slowed down. */
static void a_floor_burns_what_nobody_needs(void **state)
{
  (void)state;
  tw_smoothing smoothing = {60, INFINITY, INFINITY, 2};
  tw_smooth_course course = tw_smooth_course_of(&smoothing, 0, 100, 1, 0);
  assert_near(course.work_s, 1, 1e-12);
  assert_near(at(&course, 2).watts, 60, 1e-12);
  assert_near(at(&course, 2).burnt_j, 60, 1e-12);
  assert_near(at(&course, 9).burnt_j, 120, 1e-12);
  assert_near(at(&course, 9).drawn_j, 220, 1e-12);
  /* Work of 40 W: the floor burns 20 W beside it, too. */
  course = tw_smooth_course_of(&smoothing, 0, 40, 1, 0);
  assert_near(at(&course, 1).burnt_j, 20, 1e-12);
  assert_near(at(&course, 9).burnt_j, 140, 1e-12);
  /* Without work the floor holds as long as it is told to. */
  course = tw_smooth_course_of(&smoothing, 60, 0, 0, 0.5);
  assert_near(at(&course, 9).burnt_j, 30, 1e-12);
}

/* From 100 W, work of 40 W for 1 s above a floor of 60 W, falling by 80 W each second: 80 W on average for 0.5 s, 60 W
 * for 0.5 s: 70 J, of which 40 J are used; the floor holds for 1 s, 60 J; then 0.75 s at 30 W on average, 22.5 J. */
static void power_falls_to_the_floor_beside_work(void **state)
{
  (void)state;
  tw_smoothing smoothing = {60, 10, 80, 1};
  tw_smooth_course course = tw_smooth_course_of(&smoothing, 100, 40, 1, 0);
  assert_near(course.work_s, 1, 1e-12);
  assert_near(at(&course, 1).drawn_j, 70, 1e-12);
  assert_near(at(&course, 1).burnt_j, 30, 1e-12);
  assert_near(at(&course, 9).drawn_j, 70 + 60 + 22.5, 1e-12);
}

/* Against small steps of time: power moves towards what it should be by what it may, and work goes on by the power that
 * it gets. */
static void courses_are_what_small_steps_say(void **state)
{
  (void)state;
  enum { ROUNDS = 200, STEPS = 20000 };
  tw_chance chance = tw_chance_new(7, "smoothing");
  for (int i = 0; i < ROUNDS; i++) {
    double up = 20 + 400 * tw_chance_uniform(&chance), down = 20 + 400 * tw_chance_uniform(&chance);
    tw_smoothing s = {150 * tw_chance_uniform(&chance), up, down, tw_chance_uniform(&chance)};
    double full_w = 20 + 100 * tw_chance_uniform(&chance), work_s = tw_chance_uniform(&chance);
    double w = 150 * tw_chance_uniform(&chance), step_s = 4.0 / STEPS;
    tw_smooth_course course = tw_smooth_course_of(&s, w, full_w, work_s, 0);
    double left_s = work_s, ended_s = 0, drawn_j = 0, used_j = 0;
    for (int k = 0; k < STEPS; k++) {
      gboolean works = left_s > 0, holds = works || k * step_s < ended_s + s.hold_s;
      double used_w = works ? fmin(w, full_w) : 0;
      drawn_j += w * step_s;
      used_j += used_w * step_s;
      left_s -= step_s * used_w / full_w;
      if (works)
        ended_s = (k + 1) * step_s;
      double to_w = works ? fmax(full_w, s.floor_w) : holds ? fmin(w, s.floor_w) : 0;
      w = to_w > w ? fmin(to_w, w + up * step_s) : fmax(to_w, w - down * step_s);
    }
    assert_near(course.work_s, ended_s, 2e-3);
    assert_near(at(&course, 4).drawn_j, drawn_j, 0.3);
    assert_near(at(&course, 4).burnt_j, drawn_j - used_j, 0.3);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(a_limit_on_rising_costs_the_time_of_a_triangle),
                                     cmocka_unit_test(work_may_end_while_power_rises),
                                     cmocka_unit_test(a_floor_burns_what_nobody_needs),
                                     cmocka_unit_test(power_falls_to_the_floor_beside_work),
                                     cmocka_unit_test(courses_are_what_small_steps_say)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
