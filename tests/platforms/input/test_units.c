/* Quantities with units. */
#include "platforms/input/units.h"
#include "tests/check.h"

#include <float.h>
#include <locale.h>
#include <math.h>

static void assert_reads(const char *text, tw_dimension dimension, double expected)
{
  double value = NAN;
  g_autofree char *why = NULL;
  if (!tw_quantity_parse(text, dimension, &value, &why))
    fail_msg("%s", why);
  if (value != expected)
    fail_msg("%s reads as %.17g, not %.17g", text, value, expected);
}

static void assert_refused(const char *text, tw_dimension dimension, const char *expected)
{
  double value = 0;
  g_autofree char *why = NULL;
  assert_false(tw_quantity_parse(text, dimension, &value, &why));
  assert_string_equal(why, expected);
  assert_false(tw_quantity_parse(text, dimension, &value, NULL));
}

static void quantities_are_read_in_their_base_units(void **state)
{
  (void)state;
  assert_reads("2s", TW_TIME, 2);
  assert_reads("50ms", TW_TIME, 50 * 1e-3);
  assert_reads("1.5 h", TW_TIME, 5400);
  assert_reads("-3us", TW_TIME, -3 * 1e-6);
  assert_reads("1e3s", TW_TIME, 1000);
  assert_reads("2d", TW_TIME, 172800);
  assert_reads("80GB", TW_BYTES, 80e9);
  assert_reads("80GiB", TW_BYTES, 80.0 * (1 << 30));
  assert_reads("3.35TB/s", TW_BANDWIDTH, 3.35e12);
  assert_reads("50GBps", TW_BANDWIDTH, 50e9);
  assert_reads("400Gbps", TW_BANDWIDTH, 50e9); /* 8 bits a byte */
  assert_reads("400Gbit/s", TW_BANDWIDTH, 50e9);
  assert_reads("989.4TFLOP/s", TW_FLOP_RATE, 989.4e12);
  assert_reads("1Gf", TW_FLOP_RATE, 1e9);
  assert_reads("700W", TW_POWER, 700);
  assert_reads("0.7kW", TW_POWER, 700);
  assert_reads("1kWh", TW_ENERGY, 3.6e6);
  assert_reads("60/min", TW_RATE, 1);
}

static void a_bare_number_is_refused(void **state)
{
  (void)state;
  assert_refused("50", TW_TIME, "\"50\" has no unit; write a time, such as 50ms");
  assert_refused("80", TW_BYTES, "\"80\" has no unit; write a size, such as 80GB");
}

static void an_unknown_unit_names_the_nearest(void **state)
{
  (void)state;
  assert_refused("5sec", TW_TIME, "\"5sec\" has the unknown unit \"sec\"; write a time, such as 50ms");
  assert_refused("5mss", TW_TIME, "\"5mss\" has the unknown unit \"mss\"; did you mean \"ms\"?");
  assert_refused("80gb", TW_BYTES, "\"80gb\" has the unknown unit \"gb\"; did you mean \"GB\"?");
  assert_refused("5m", TW_TIME, "\"5m\" could mean minutes or milliseconds; write \"min\" or \"ms\"");
  assert_refused("5GB/h", TW_BANDWIDTH, "\"5GB/h\" has the unknown unit \"GB/h\"; did you mean \"GB/s\"?");
}

static void what_is_not_a_decimal_number_is_refused(void **state)
{
  (void)state;
  const char *const texts[] = {"",     " ",      "s",    "inf s", "nans", "0x10s", "1..2s",
                               "1,5s", "1e999s", "--1s", "+s",    ".s",   "1s2",   NULL};
  for (const char *const *text = texts; *text != NULL; text++) {
    double value = 0;
    g_autofree char *why = NULL;
    assert_false(tw_quantity_parse(*text, TW_TIME, &value, &why));
    assert_non_null(why);
  }
}

static void plain_numbers_are_read_whole_and_finite(void **state)
{
  (void)state;
  double number = 0;
  assert_true(tw_number_parse("-1.5e3", &number));
  assert_true(number == -1500);
  assert_true(tw_number_parse(".5", &number) && number == 0.5);
  for (const char *const *text =
           (const char *const[]){"", "1 ", "1x", "inf", "nan", "0x1", "1e999", "e5", NULL};
       *text != NULL; text++)
    assert_false(tw_number_parse(*text, &number));

  gint64 integer = 0;
  assert_true(tw_integer_parse("-9223372036854775808", &integer) && integer == G_MININT64);
  for (const char *const *text =
           (const char *const[]){"", "-", "1.0", "1e3", " 1", "9223372036854775808", NULL};
       *text != NULL; text++)
    assert_false(tw_integer_parse(*text, &integer));
}

static void numbers_do_not_depend_on_the_locale(void **state)
{
  (void)state;
  /* Where this locale is not installed, the test shows nothing, and harms nothing. */
  setlocale(LC_ALL, "de_DE.UTF-8");
  assert_reads("1.5s", TW_TIME, 1.5);
  g_autofree char *text = tw_quantity_format(1.5, TW_TIME);
  assert_string_equal(text, "1.5s");
  setlocale(LC_ALL, "C");
}

static void quantities_are_written_short(void **state)
{
  (void)state;
  static const struct {
    double value;
    tw_dimension dimension;
    const char *text;
  } rows[] = {{1.5e-3, TW_TIME, "1.5ms"},
              {0.1, TW_TIME, "100ms"},
              {7200, TW_TIME, "2h"},
              {90, TW_TIME, "90s"},
              {0, TW_TIME, "0s"},
              {1e-12, TW_TIME, "1e-12s"},
              {80e9, TW_BYTES, "80GB"},
              {1024, TW_BYTES, "1KiB"},
              {3.35e12, TW_BANDWIDTH, "3.35TB/s"},
              {989.4e12, TW_FLOP_RATE, "989.4TFLOP/s"},
              {700, TW_POWER, "700W"},
              {1000, TW_POWER, "1kW"},
              {3.6e6, TW_ENERGY, "3.6MJ"},
              {10, TW_RATE, "10/s"},
              {-50e9, TW_BANDWIDTH, "-50GB/s"}};
  for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
    g_autofree char *text = tw_quantity_format(rows[i].value, rows[i].dimension);
    assert_string_equal(text, rows[i].text);
  }
}

static void what_is_written_reads_back_the_same(void **state)
{
  (void)state;
  g_autoptr(GRand) chance = g_rand_new_with_seed(1);
  for (int i = 0; i < 20000; i++) {
    tw_dimension dimension = (tw_dimension)(i % TW_DIMENSIONS);
    double value = pow(10, g_rand_double_range(chance, -13, 18));
    if (i % 3 == 0)
      value = ceil(value);
    g_autofree char *text = tw_quantity_format(value, dimension);
    double back = 0;
    assert_true(tw_quantity_parse(text, dimension, &back, NULL));
    assert_true(fabs(back - value) <= 4 * DBL_EPSILON * value);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(quantities_are_read_in_their_base_units),
      cmocka_unit_test(a_bare_number_is_refused),
      cmocka_unit_test(an_unknown_unit_names_the_nearest),
      cmocka_unit_test(what_is_not_a_decimal_number_is_refused),
      cmocka_unit_test(plain_numbers_are_read_whole_and_finite),
      cmocka_unit_test(numbers_do_not_depend_on_the_locale),
      cmocka_unit_test(quantities_are_written_short),
      cmocka_unit_test(what_is_written_reads_back_the_same),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
