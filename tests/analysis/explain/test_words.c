/* Numbers as explanations say them. */
#include "analysis/explain/words.h"
#include "tests/check.h"

static void expect_text(char *said, const char *expected)
{
  assert_string_equal(said, expected);
  g_free(said);
}

/* What is rounded up carries into the thousands. */
static void amounts_carry(void **state)
{
  (void)state;
  expect_text(tw_words_amount(999.4), "999");
  expect_text(tw_words_amount(999.6), "1,000");
  expect_text(tw_words_amount(1999.6), "2,000");
  expect_text(tw_words_amount(19366), "19,366");
  expect_text(tw_words_amount(-1234), "-1,234");
  expect_text(tw_words_amount(999999.6), "1 million");
  expect_text(tw_words_amount(999999999), "1 billion");
}

static void what_falls_short_of_a_limit_is_not_rounded_up_to_it(void **state)
{
  (void)state;
  expect_text(tw_words_met(0.98999), "98.99 %");
  expect_text(tw_words_met(0.99), "99 %");
  expect_text(tw_words_met(0.99996), "99.99 %");
  expect_text(tw_words_met(1), "100 %");
  expect_text(tw_words_met(44.0 / 59), "74.58 %");
}

static void one_of_a_thing_is_no_plural(void **state)
{
  (void)state;
  expect_text(tw_words_count(0, "step"), "0 steps");
  expect_text(tw_words_count(1, "step"), "1 step");
  expect_text(tw_words_count(1200, "step"), "1,200 steps");
  expect_text(tw_words_duration(0), "0 s");
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(amounts_carry),
                                     cmocka_unit_test(what_falls_short_of_a_limit_is_not_rounded_up_to_it),
                                     cmocka_unit_test(one_of_a_thing_is_no_plural)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
