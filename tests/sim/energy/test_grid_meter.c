/* The battery between a site and its grid. */
#include "sim/energy/grid_meter.h"
#include "tests/check.h"
#include "workloads/draw/chance.h"

static tw_grid battery(double power_w, double capacity_j, double efficiency, double over_s)
{
  return (tw_grid){.period_s = 0.01,
                   .ramp_w_per_s = NAN,
                   .battery = TRUE,
                   .power_w = power_w,
                   .capacity_j = capacity_j,
                   .efficiency = efficiency,
                   .charge = 0.5,
                   .over_s = over_s};
}

/* drawn = load + lost + stored, to 1e-9. */
static void assert_balanced(const tw_grid_totals *t)
{
  assert_near(t->drawn_j, t->load_j + t->loss_j + t->stored_j - t->start_j, 1e-9 * t->drawn_j);
}

/* A step of 100 W through a battery of T = 10 s: the grid sees 100 (1 + (t/T − 1) exp(−t/T)) W, which is 100 W at T and 100
 * (1 + exp(−2)) W at 2 T; the battery gives at most 100 W · 10 s / e = 367.9 J, at T, and has them back in the end. */
static void a_step_reaches_the_grid_late_and_fills_the_battery_again(void **state)
{
  (void)state;
  tw_grid grid = battery(1e3, 1e4, 1, 10);
  tw_grid_meter meter;
  tw_grid_meter_init(&meter, &grid, 1);
  for (int i = 0; i < 100; i++)
    assert_near(tw_grid_meter_period(&meter, 50, 0.01), 50, 1e-12);
  for (int i = 1; i <= 20000; i++) {
    double drawn_w = tw_grid_meter_period(&meter, 150, 0.01), t = i * 0.01 / 10;
    assert_near(drawn_w, 50 + 100 * (1 + (t - 1) * exp(-t)), 0.15);
  }
  assert_near(meter.totals.most_j - meter.totals.least_j, 100 * 10 / exp(1), 0.5);
  assert_near(meter.totals.peak_w, 150 + 100 * exp(-2), 0.15);
  assert_near(meter.totals.stored_j, 5e3, 0.1);
  assert_balanced(&meter.totals);
}

/* 0 and 100 W in turns of half a second, evened out over much longer, at an efficiency of e: a draw of G with G − 0 going
 * in at half of the time and 100 − G out at the other, e G = 100 − G, so that G = 100 / (1 + e): of 0.81 55.25 W, which loses 5.25
 * W. The swing of what is stored is what goes in in half a second, 0.9 · 55.25 W · 0.5 s = 24.9 J. */
static void a_square_wave_leaves_the_grid_its_mean_and_the_loss(void **state)
{
  (void)state;
  tw_grid grid = battery(1e3, 1e4, 0.81, 30);
  tw_grid_meter meter;
  tw_grid_meter_init(&meter, &grid, 1);
  tw_grid_totals before = {0};
  for (int second = 0; second < 1200; second++) {
    if (second == 1000) {
      before = meter.totals;
      meter.totals.least_j = meter.totals.most_j = before.stored_j;
    }
    for (int i = 0; i < 100; i++)
      tw_grid_meter_period(&meter, i < 50 ? 0 : 100, 0.01);
    tw_grid_meter_second(&meter, second);
  }
  assert_near((meter.totals.loss_j - before.loss_j) / 200, 100 / 1.81 - 50, 0.02);
  assert_near((meter.totals.drawn_j - before.drawn_j) / 200, 100 / 1.81, 0.02);
  assert_near(meter.totals.most_j - meter.totals.least_j, 0.9 * 100 / 1.81 * 0.5, 0.5);
  assert_near(meter.totals.load_swing_w, 100, 1e-9);
  assert_balanced(&meter.totals);
}

/* What a battery has no power for reaches the grid: of 100 W it gives 30 W; and what it does not hold: 45 J of the 50 J
 * in it come out, as 10 % are lost on the way: 1.5 s at 30 W. */
static void a_battery_gives_what_it_can(void **state)
{
  (void)state;
  tw_grid grid = battery(30, 100, 0.81, 1e4);
  tw_grid_meter meter;
  tw_grid_meter_init(&meter, &grid, 1);
  tw_grid_meter_period(&meter, 0, 0.01);
  for (int i = 0; i < 150; i++)
    assert_near(tw_grid_meter_period(&meter, 100, 0.01), 70, 1e-9);
  for (int i = 0; i < 50; i++)
    assert_near(tw_grid_meter_period(&meter, 100, 0.01), 100, 1e-9);
  assert_near(meter.totals.loss_j, 5, 1e-9);
  assert_balanced(&meter.totals);
}

/* A step of 100 W at 20 W each second: the grid follows on a line for 5 s and further, until the battery has back what it
 * gave, which is at least the triangle 100 · 5 / 2 = 250 J. Without a battery the step is seen, for one period. */
static void a_ramp_limit_is_held_by_the_battery_or_exceeded(void **state)
{
  (void)state;
  tw_grid grid = battery(1e3, 1e4, 1, 1);
  grid.ramp_w_per_s = 20;
  tw_grid_meter meter;
  tw_grid_meter_init(&meter, &grid, 1);
  tw_grid_meter_period(&meter, 50, 0.01);
  for (int i = 1; i <= 500; i++)
    assert_near(tw_grid_meter_period(&meter, 150, 0.01), 50 + 0.2 * i, 1e-9);
  assert_near(5e3 - meter.totals.stored_j, 250, 1);
  for (int i = 0; i < 10000; i++)
    tw_grid_meter_period(&meter, 150, 0.01);
  assert_near(meter.totals.exceeded_s, 0, 0);
  assert_near(meter.totals.stored_j, 5e3, 1);
  assert_balanced(&meter.totals);
  grid.battery = FALSE;
  tw_grid_meter_init(&meter, &grid, 1);
  tw_grid_meter_period(&meter, 50, 0.01);
  assert_near(tw_grid_meter_period(&meter, 150, 0.01), 150, 0);
  tw_grid_meter_period(&meter, 150, 0.01);
  assert_near(meter.totals.exceeded_s, 0.01, 1e-12);
}

/* Capacitors of each of 72 accelerators are one battery. */
static void batteries_of_accelerators_act_together(void **state)
{
  (void)state;
  tw_grid grid = battery(300, 65, 1, 1);
  grid.battery_of = TW_BATTERY_OF_ACCELERATORS;
  tw_grid_meter meter;
  tw_grid_meter_init(&meter, &grid, 72);
  assert_near(meter.capacity_j, 72 * 65, 1e-9);
  assert_near(meter.power_w, 72 * 300, 1e-9);
}

static void whatever_the_load_nothing_is_lost_from_the_balance(void **state)
{
  (void)state;
  tw_chance chance = tw_chance_new(3, "grid");
  for (int round = 0; round < 100; round++) {
    tw_grid grid = battery(1 + 200 * tw_chance_uniform(&chance), 1 + 300 * tw_chance_uniform(&chance),
                           0.5 + 0.5 * tw_chance_uniform(&chance), 0.1 + 20 * tw_chance_uniform(&chance));
    if (round % 2 == 0)
      grid.ramp_w_per_s = 1 + 500 * tw_chance_uniform(&chance);
    tw_grid_meter meter;
    tw_grid_meter_init(&meter, &grid, 1);
    double load_w = 0;
    for (int i = 0; i < 2000; i++) {
      if (tw_chance_below(&chance, 20) == 0)
        load_w = 300 * tw_chance_uniform(&chance);
      assert_true(tw_grid_meter_period(&meter, load_w, 0.01) >= 0);
      assert_true(meter.totals.stored_j >= 0 && meter.totals.stored_j <= meter.capacity_j);
    }
    assert_true(meter.totals.loss_j >= 0);
    assert_balanced(&meter.totals);
  }
}

/* Means of 10, 30 and 25 W; minutes of which the second is 60 W higher. */
static void ramps_are_the_largest_changes_of_means(void **state)
{
  (void)state;
  tw_ramps ramps = tw_ramps_none();
  tw_ramps_follow(&ramps, 0, 10);
  assert_true(isnan(ramps.w_per_s));
  tw_ramps_follow(&ramps, 1, 30);
  tw_ramps_follow(&ramps, 2, 25);
  assert_near(ramps.w_per_s, 20, 0);
  assert_true(isnan(ramps.w_per_min));
  ramps = tw_ramps_none();
  for (int i = 0; i < 120; i++)
    tw_ramps_follow(&ramps, i, i < 60 ? 100 : 160);
  assert_near(ramps.w_per_min, 60, 1e-9);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_step_reaches_the_grid_late_and_fills_the_battery_again),
      cmocka_unit_test(a_square_wave_leaves_the_grid_its_mean_and_the_loss),
      cmocka_unit_test(a_battery_gives_what_it_can),
      cmocka_unit_test(a_ramp_limit_is_held_by_the_battery_or_exceeded),
      cmocka_unit_test(batteries_of_accelerators_act_together),
      cmocka_unit_test(whatever_the_load_nothing_is_lost_from_the_balance),
      cmocka_unit_test(ramps_are_the_largest_changes_of_means)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
