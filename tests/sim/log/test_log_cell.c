#include "sim/log/log_cell.h"
#include "tests/check.h"

#include <float.h>

static const char *integer(gint64 value)
{
  static char text[TW_CELL_NUMBER_BYTES];
  *tw_cell_integer(text, value) = '\0';
  return text;
}

static const char *fixed(double value, int decimals)
{
  static char text[TW_CELL_NUMBER_BYTES];
  *tw_cell_fixed(text, value, decimals) = '\0';
  return text;
}

static const char *shortened(double value, int decimals)
{
  static char text[TW_CELL_NUMBER_BYTES];
  *tw_cell_short(text, value, decimals) = '\0';
  return text;
}

static const char *text(const char *value)
{
  static char cell[64];
  memset(cell, '?', sizeof cell);
  char *end = tw_cell_text(cell, value);
  assert_int_equal(end - cell, tw_cell_text_bytes(value));
  *end = '\0';
  return cell;
}

/* = + - @ begin a formula in spreadsheets; an apostrophe before keeps it a text. Signed numbers are no
 * formulas. */
static void what_a_spreadsheet_would_compute_stays_a_text(void **state)
{
  (void)state;
  assert_string_equal(text("=1+1"), "'=1+1");
  assert_string_equal(text("@SUM(A1)"), "'@SUM(A1)");
  assert_string_equal(text("-cmd|' /C calc'!A0"), "'-cmd|' /C calc'!A0");
  assert_string_equal(text("=A1,B1"), "\"'=A1,B1\"");
  assert_string_equal(text("'=1+1"), "''=1+1"); /* or it would be read as =1+1 */
  assert_string_equal(text("+"), "'+");
  assert_string_equal(text("-inf"), "'-inf"); /* a name to some of them */
  assert_string_equal(text("-12"), "-12");
  assert_string_equal(text("+3.5e3"), "+3.5e3");
  assert_string_equal(text("'tis"), "'tis");
  assert_string_equal(text("a=b"), "a=b");
}

static void integers_are_printed_as_printf_does(void **state)
{
  (void)state;
  assert_string_equal(integer(0), "0");
  assert_string_equal(integer(-1), "-1");
  assert_string_equal(integer(G_MAXINT64), "9223372036854775807");
  assert_string_equal(integer(G_MININT64), "-9223372036854775808");
  /* Around every power of ten and of two, where the count of digits changes. */
  for (gint64 power = 1; power <= G_MAXINT64 / 10; power *= 10)
    for (gint64 value = power - 1; value <= power + 1; value++) {
      g_autofree char *expected = g_strdup_printf("%" G_GINT64_FORMAT, value);
      assert_string_equal(integer(value), expected);
    }
  for (int bit = 0; bit < 63; bit++)
    for (gint64 value = (G_GINT64_CONSTANT(1) << bit) - 1; value <= G_GINT64_CONSTANT(1) << bit; value++) {
      g_autofree char *expected = g_strdup_printf("%" G_GINT64_FORMAT, -value);
      assert_string_equal(integer(-value), expected);
    }
}

static void assert_as_printf(double value)
{
  for (int decimals = 0; decimals <= 9; decimals++) {
    char expected[TW_CELL_NUMBER_BYTES];
    int n = snprintf(expected, sizeof expected, "%.*f", decimals, value);
    assert_string_equal(fixed(value, decimals), expected);
    if (decimals > 0) {
      while (expected[n - 1] == '0')
        n--;
      n -= expected[n - 1] == '.';
      expected[n] = '\0';
    }
    assert_string_equal(shortened(value, decimals), g_str_equal(expected, "-0") ? "0" : expected);
  }
}

static double from_bits(guint64 bits)
{
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static void numbers_of_all_magnitudes_are_rounded_as_printf_does(void **state)
{
  (void)state;
  g_autoptr(GRand) chance = g_rand_new_with_seed(1);
  for (int i = 0; i < 20000; i++) {
    guint64 bits = (guint64)g_rand_int(chance) << 32 | g_rand_int(chance);
    double value = from_bits(bits);
    if (isfinite(value))
      assert_as_printf(value);
    /* Numbers as a run holds them: times, powers, fractions. */
    assert_as_printf(ldexp(g_rand_double(chance), g_rand_int_range(chance, -40, 66)));
    assert_as_printf(-g_rand_double(chance) * 1e5);
  }
}

static void halves_go_to_the_even_digit(void **state)
{
  (void)state;
  /* These are halves exactly, in binary too. */
  assert_string_equal(fixed(0.5, 0), "0");
  assert_string_equal(fixed(1.5, 0), "2");
  assert_string_equal(fixed(2.5, 0), "2");
  assert_string_equal(fixed(0.125, 2), "0.12");
  assert_string_equal(fixed(0.375, 2), "0.38");
  assert_string_equal(fixed(-0.375, 2), "-0.38");
  /* k / 2^10 has ten decimals, the last of them a 5: a half of nine decimals. */
  for (int k = -4097; k < 4098; k += 2)
    assert_as_printf(k / 1024.0);
  /* Just beside the half. */
  assert_string_equal(fixed(nextafter(0.125, 0), 2), "0.12");
  assert_string_equal(fixed(nextafter(0.125, 1), 2), "0.13");
}

static void a_carry_reaches_the_whole_part(void **state)
{
  (void)state;
  assert_string_equal(fixed(0.9999999996, 9), "1.000000000");
  assert_string_equal(fixed(99.9999999999, 9), "100.000000000");
  assert_string_equal(shortened(9.9996, 3), "10");
}

static void the_edges_of_doubles_are_rounded_as_printf_does(void **state)
{
  (void)state;
  static const double edges[] = {0.0,     -0.0,    DBL_MIN,  4.9e-324, 0x1p-31,   0x1p-32,
                                 0x1p-33, 0x1p52,  0x1p53,   0x1p62,   0x1p63,    0x1p64,
                                 1e22,    DBL_MAX, -DBL_MAX, 5e-10,    4.9999e-10};
  for (gsize i = 0; i < G_N_ELEMENTS(edges); i++) {
    assert_as_printf(edges[i]);
    assert_as_printf(nextafter(edges[i], INFINITY));
    assert_as_printf(nextafter(edges[i], -INFINITY) + 0.0);
  }
}

static void what_is_not_a_number_leaves_the_cell_empty(void **state)
{
  (void)state;
  assert_string_equal(fixed(NAN, 9), "");
  assert_string_equal(shortened(NAN, 3), "");
  assert_string_equal(fixed(INFINITY, 9), "inf");
  assert_string_equal(shortened(-INFINITY, 9), "-inf");
}

static void trailing_zeros_are_dropped_from_reals(void **state)
{
  (void)state;
  assert_string_equal(shortened(1.5, 6), "1.5");
  assert_string_equal(shortened(100, 6), "100");
  assert_string_equal(shortened(0.000001, 6), "0.000001");
  assert_string_equal(shortened(-0.0000001, 6), "0");
  assert_string_equal(fixed(1.5, 9), "1.500000000");
}

static void texts_are_quoted_where_csv_asks_for_it(void **state)
{
  (void)state;
  assert_string_equal(text(NULL), "");
  assert_string_equal(text(""), "");
  assert_string_equal(text("completed"), "completed");
  assert_string_equal(text("a,b"), "\"a,b\"");
  assert_string_equal(text("say \"no\""), "\"say \"\"no\"\"\"");
  assert_string_equal(text("two\nlines"), "\"two\nlines\"");
  assert_string_equal(text("two\rlines"), "\"two\rlines\"");
  assert_string_equal(text("grün"), "grün");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_a_spreadsheet_would_compute_stays_a_text),
      cmocka_unit_test(integers_are_printed_as_printf_does),
      cmocka_unit_test(numbers_of_all_magnitudes_are_rounded_as_printf_does),
      cmocka_unit_test(halves_go_to_the_even_digit),
      cmocka_unit_test(a_carry_reaches_the_whole_part),
      cmocka_unit_test(the_edges_of_doubles_are_rounded_as_printf_does),
      cmocka_unit_test(what_is_not_a_number_leaves_the_cell_empty),
      cmocka_unit_test(trailing_zeros_are_dropped_from_reals),
      cmocka_unit_test(texts_are_quoted_where_csv_asks_for_it),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
