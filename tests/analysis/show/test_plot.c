#include "analysis/show/plot.h"
#include "tests/check.h"

#define DRAW(plot, ...)                                                                                      \
  tw_plot_draw(plot, (const tw_plot_point[]){__VA_ARGS__},                                                   \
               sizeof((const tw_plot_point[]){__VA_ARGS__}) / sizeof(tw_plot_point))
#define SPARK(plot, ...)                                                                                     \
  tw_plot_spark(plot, (const tw_plot_point[]){__VA_ARGS__},                                                  \
                sizeof((const tw_plot_point[]){__VA_ARGS__}) / sizeof(tw_plot_point))

/* Eight columns of three rows: 0, 1 and 2, of a range up to 2. The line reaches from a column's lowest to its
 * highest value, and on to its neighbour's. */
static void a_rise_is_drawn_from_the_bottom_to_the_top(void **state)
{
  (void)state;
  const tw_plot plot = {18, 5, TRUE, 0, 60};
  g_autofree char *text = DRAW(&plot, {0, 0}, {0, 0}, {1, 1}, {1, 1}, {2, 2}, {2, 2}, {2, 2}, {NAN, NAN});
  assert_string_equal(text, "       2 +    ***\n"
                            "         |  **\n"
                            "       0 +**\n"
                            "         +--------\n"
                            "          0s to 60s\n");
}

/* One peak among thousand points is as high in eight columns. */
static void a_single_peak_is_not_lost(void **state)
{
  (void)state;
  const tw_plot plot = {18, 5, TRUE, 0, 60};
  tw_plot_point points[1000] = {{0, 0}};
  points[700].high = 2; /* column 700 * 8 / 1000 = 5 */
  g_autofree char *text = tw_plot_draw(&plot, points, 1000);
  assert_true(g_str_has_prefix(text, "       2 +     *\n         |     *\n       0 +********\n"));
}

/* Sixteen dots by eight: the lowest row of dots is the lower half of a character's last row (bits 0x40,
 * 0x80), the highest its first (0x01, 0x08). */
static void braille_has_two_by_four_dots_a_character(void **state)
{
  (void)state;
  const tw_plot plot = {18, 4, FALSE, 0, 60};
  g_autofree char *text = DRAW(&plot, {0, 0}, {1, 1});
  assert_true(g_str_has_prefix(text, "       1 ┤    ⡏⠉⠉⠉\n       0 ┤⣀⣀⣀⣀⠇\n"
                                     "         └────────\n"));
}

/* Values below zero pull the axis down. */
static void the_axis_holds_zero_and_every_value(void **state)
{
  (void)state;
  const tw_plot plot = {18, 4, TRUE, 0, 60};
  g_autofree char *below = DRAW(&plot, {-3, -3}), *nothing = DRAW(&plot, {NAN, NAN}),
                  *zero = DRAW(&plot, {0, 0});
  assert_true(g_str_has_prefix(below, "       0 +\n      -5 +********\n") ||
              g_str_has_prefix(below, "       0 +********\n      -5 +\n"));
  assert_true(g_str_has_prefix(nothing, "       1 +\n       0 +\n"));
  assert_true(g_str_has_prefix(zero, "       1 +\n       0 +********\n"));
}

static void a_sparkline_has_a_character_per_column(void **state)
{
  (void)state;
  const tw_plot blocks = {4, 0, FALSE, 0, 0}, letters = {4, 0, TRUE, 0, 0};
  g_autofree char *a = SPARK(&blocks, {0, 0}, {0, 1}, {7, 7}, {NAN, NAN});
  g_autofree char *b = SPARK(&letters, {0, 0}, {0, 1}, {7, 7}, {NAN, NAN});
  assert_string_equal(a, "▁▂█ ");
  assert_string_equal(b, "_.# ");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_rise_is_drawn_from_the_bottom_to_the_top),
      cmocka_unit_test(a_single_peak_is_not_lost),
      cmocka_unit_test(braille_has_two_by_four_dots_a_character),
      cmocka_unit_test(the_axis_holds_zero_and_every_value),
      cmocka_unit_test(a_sparkline_has_a_character_per_column),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
