/* Conversion and cooling, and the power that they add to a site. */
#include "platforms/reader/supply.h"
#include "tests/check.h"

static void set(tw_supply *supply, const char *name, const char *text)
{
  g_autofree char *why = NULL;
  if (!tw_supply_set(supply, name, text, &why))
    fail_msg("%s: %s", name, why);
}

static void refuse(const char *name, const char *text, const char *what)
{
  tw_supply supply = {.psu_w = 1};
  g_autofree char *why = NULL;
  if (tw_supply_set(&supply, name, text, &why) && tw_supply_check(&supply, &why))
    fail_msg("%s=\"%s\" was taken", name, text);
  if (strstr(why, what) == NULL)
    fail_msg("\"%s\" does not say \"%s\"", why, what);
}

static void the_site_draws_its_equipment_over_efficiency_times_pue(void **state)
{
  (void)state;
  tw_supply supply = {0};
  set(&supply, "tw:pue", "1.3");
  assert_near(tw_supply_site_w(&supply, 1000, NAN), 1300, 1e-9);
  set(&supply, "tw:psu_w", "10000");
  set(&supply, "tw:psu_efficiency", "0.1:0.9 0.5:0.96 1:0.94");
  assert_near(tw_supply_site_w(&supply, 1000, NAN), 1.3 * 1000 / 0.9, 1e-9);
  /* Load 0.3 lies halfway between 0.1 and 0.5. */
  assert_near(tw_supply_site_w(&supply, 3000, NAN), 1.3 * 3000 / 0.93, 1e-9);
  assert_near(tw_supply_site_w(&supply, 20000, NAN), 1.3 * 20000 / 0.94, 1e-9);
}

static void cooling_follows_the_load_and_the_weather(void **state)
{
  (void)state;
  tw_supply supply = {0};
  set(&supply, "tw:psu_w", "10000");
  set(&supply, "tw:pue_load", "0:1.6 1:1.2");
  set(&supply, "tw:pue_per_degree", "0.01 above 18");
  assert_near(tw_supply_site_w(&supply, 5000, 10), 5000 * 1.4, 1e-9);
  assert_near(tw_supply_site_w(&supply, 5000, 28), 5000 * 1.5, 1e-9);
}

static void nonsense_is_refused(void **state)
{
  (void)state;
  refuse("tw:pue", "0.9", "no PUE");
  refuse("tw:pue", "much", "no PUE");
  refuse("tw:psu_w", "-5", "greater than 0");
  refuse("tw:psu_w", "5kW", "no power");
  refuse("tw:psu_efficiency", "0.5:0.9 0.2:0.8", "load 0.2 does not rise");
  refuse("tw:psu_efficiency", "0.5:0.9 0.5:0.8", "does not rise");
  refuse("tw:psu_efficiency", "0.5:1.1", "not between");
  refuse("tw:psu_efficiency", "2:0.9", "not between 0 and 1");
  refuse("tw:psu_efficiency", "half", "not a point");
  refuse("tw:psu_efficiency", "", "no point");
  /* 0.5 / 0.5 = 1 goes in at half load, 0.55 / 0.95 = 0.58 at more. */
  refuse("tw:psu_efficiency", "0.5:0.5 0.55:0.95", "less goes in");
  refuse("tw:pue_per_degree", "0.01", "no rise");
  refuse("tw:pue_per_degree", "0.01 above 18", "tw:pue, which is missing");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_site_draws_its_equipment_over_efficiency_times_pue),
      cmocka_unit_test(cooling_follows_the_load_and_the_weather),
      cmocka_unit_test(nonsense_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
