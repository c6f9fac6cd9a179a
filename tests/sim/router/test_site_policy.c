#include "sim/router/site_policy.h"
#include "tests/check.h"

#include <math.h>

/* Three sites that differ in everything: the first is near, the second is home and cheap, the third is clean, idle and
 * in the sun. */
static const tw_site_view sites[] = {
    {FALSE, 0.01, 5, 0.3, 300, 6}, {TRUE, 0.05, 9, 0.1, 200, 3}, {FALSE, 0.09, 1, 0.2, 100, 0}};

static int pick(const char *name, const tw_site_view *views, gboolean first, gboolean second, gboolean third)
{
  const gboolean allowed[] = {first, second, third};
  int row = 0;
  while (!g_str_equal(tw_site_policy_names[row], name))
    row++;
  return tw_site_policy_pick(&tw_site_policies[row], views, allowed, 3);
}

static void each_policy_picks_the_site_that_it_is_named_after(void **state)
{
  (void)state;
  static const struct {
    const char *name;
    int site;
  } cases[] = {{"home-first", 1}, {"nearest", 0},      {"cheapest", 1},
               {"greenest", 2},   {"least-loaded", 2}, {"follow-the-sun", 2}};
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++)
    assert_int_equal(pick(cases[i].name, sites, TRUE, TRUE, TRUE), cases[i].site);
  assert_null(tw_site_policy_names[G_N_ELEMENTS(cases)]);
}

static void a_site_that_is_not_allowed_is_not_picked(void **state)
{
  (void)state;
  assert_int_equal(pick("home-first", sites, TRUE, FALSE, TRUE), 0); /* not home: the nearest */
  assert_int_equal(pick("least-loaded", sites, TRUE, TRUE, FALSE), 0);
  assert_int_equal(pick("nearest", sites, FALSE, FALSE, FALSE), -1);
}

static void of_equal_sites_the_nearest_then_the_least_loaded_then_the_first_is_picked(void **state)
{
  (void)state;
  tw_site_view views[] = {sites[0], sites[0], sites[0]};
  assert_int_equal(pick("cheapest", views, TRUE, TRUE, TRUE), 0);
  views[2].load = 4;
  assert_int_equal(pick("cheapest", views, TRUE, TRUE, TRUE), 2);
  views[1].latency_s = 0.009;
  assert_int_equal(pick("cheapest", views, TRUE, TRUE, TRUE), 1);
  for (int i = 0; i < 3; i++)
    views[i].usd_per_kwh = INFINITY; /* no site has a price */
  assert_int_equal(pick("cheapest", views, TRUE, TRUE, TRUE), 1);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_policy_picks_the_site_that_it_is_named_after),
      cmocka_unit_test(a_site_that_is_not_allowed_is_not_picked),
      cmocka_unit_test(of_equal_sites_the_nearest_then_the_least_loaded_then_the_first_is_picked),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
