/* What binds a pool: the estimate of its headroom. */
#include "analysis/explain/binding.h"
#include "tests/check.h"

#include <math.h>

static void half_of_the_time_that_grows_leaves_half_of_the_load(void **state)
{
  (void)state;
  /* Busy all the time, half of it with what goes with the tokens, and TPOT may double: at k times the load an
   * iteration takes 0.5 / (1 - k / 2) times as long, which is 2 at k = 1.5. */
  tw_engine_sums sums = {
      .engine_s = 10, .busy_s = 10, .class_s = {[TW_TIME_WEIGHTS] = 5, [TW_TIME_LINEAR] = 5}};
  assert_near(tw_binding_headroom(&sums, INFINITY, 0.01, 0.02), 1.5, 1e-9);
  assert_near(tw_binding_headroom(&sums, INFINITY, NAN, NAN), 2, 1e-9); /* all of the time */
  /* Of batches of 4, with 8 places: k · 0.5 / (1 - k / 2) = 2 at k = 4 / 3. */
  sums.most_running = 4;
  assert_near(tw_binding_headroom(&sums, 8, NAN, NAN), 4.0 / 3, 1e-9);
  /* KV caches take 0.8 of a link: 1 / 0.8. */
  sums.links_used = 0.8;
  assert_near(tw_binding_headroom(&sums, 8, NAN, NAN), 1.25, 1e-9);
}

static void what_is_beyond_its_limit_has_to_shrink(void **state)
{
  (void)state;
  tw_engine_sums sums = {
      .engine_s = 10, .busy_s = 10, .class_s = {[TW_TIME_WEIGHTS] = 5, [TW_TIME_LINEAR] = 5}};
  /* TPOT is 1.25 times its limit: 0.5 / (1 - k / 2) = 0.8 at k = 0.75. */
  assert_near(tw_binding_headroom(&sums, INFINITY, 0.05, 0.04), 0.75, 1e-9);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(half_of_the_time_that_grows_leaves_half_of_the_load),
      cmocka_unit_test(what_is_beyond_its_limit_has_to_shrink),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
