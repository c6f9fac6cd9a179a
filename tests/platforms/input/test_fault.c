/* Faults, their texts, and the nearest word. */
#include "platforms/input/fault.h"
#include "tests/check.h"

static void a_fault_names_file_and_line(void **state)
{
  (void)state;
  g_autoptr(tw_faults) faults = tw_faults_new();
  tw_faults_add(faults, "a.xml", 12, "speed is %d; write a positive number", -1);
  tw_faults_add(faults, "a.xml", 0, "is empty");
  tw_faults_add(faults, NULL, 3, "no file");
  assert_int_equal(tw_faults_count(faults), 3);
  assert_string_equal(tw_faults_get(faults, 0), "a.xml:12: speed is -1; write a positive number");
  assert_string_equal(tw_faults_get(faults, 1), "a.xml: is empty");
  assert_string_equal(tw_faults_get(faults, 2), "no file");
}

static void equal_faults_are_kept_once(void **state)
{
  (void)state;
  g_autoptr(tw_faults) faults = tw_faults_new();
  for (int i = 0; i < 3; i++)
    tw_faults_add(faults, "a.xml", 1, "the same");
  tw_faults_add(faults, "a.xml", 2, "the same");
  assert_int_equal(tw_faults_count(faults), 2);
  assert_int_equal(tw_faults_added(faults), 4);
}

static void an_input_error_reads_like_a_fault(void **state)
{
  (void)state;
  g_autoptr(GError) error = NULL;
  assert_false(tw_input_error_set(&error, TW_INPUT_ERROR_VALUE, "t.csv", 7, "%s tokens", "zero"));
  assert_true(g_error_matches(error, TW_INPUT_ERROR, TW_INPUT_ERROR_VALUE));
  assert_string_equal(error->message, "t.csv:7: zero tokens");
}

/* ESC begins what a terminal obeys, and so does U+009B, one character of UTF-8's. */
static void a_terminal_obeys_no_text_of_a_stranger(void **state)
{
  (void)state;
  g_autofree char *masked = tw_masked("a\033[2J\xc2\x9b"
                                      "31m\xff\n\xc3\xa9",
                                      "");
  assert_string_equal(masked, "a?[2J?31m\xef\xbf\xbd?\xc3\xa9");
  g_autoptr(tw_faults) faults = tw_faults_new();
  tw_faults_add(faults, "a.csv", 1, "\"%s\" is no class\nwrite a word", "\033]0;x\007");
  assert_string_equal(tw_faults_get(faults, 0), "a.csv:1: \"?]0;x?\" is no class\nwrite a word");
}

static void the_nearest_word_is_what_was_meant(void **state)
{
  (void)state;
  const char *const words[] = {"replicas", "hosts", "memory-fraction", "tp", "kv", NULL};
  assert_string_equal(tw_nearest("replica", words), "replicas");
  assert_string_equal(tw_nearest("Replicas", words), "replicas"); /* case is no edit */
  assert_string_equal(tw_nearest("hsots", words), "hosts");       /* a swap is one edit */
  assert_string_equal(tw_nearest("memory_fractoin", words), "memory-fraction");
  assert_string_equal(tw_nearest("t", words), "tp");
  assert_string_equal(tw_nearest("mem", words), "memory-fraction"); /* a beginning */
  const char *const models[] = {"llama-2-70b", "llama-3.1-70b", "llama-3.1-8b", NULL};
  assert_string_equal(tw_nearest("llama3-70b", models), "llama-3.1-70b"); /* another digit is another model */
  const char *const units[] = {"B", "kB", "MB", "GB", NULL};
  assert_string_equal(tw_nearest("G", units), "GB"); /* the unit that was begun, and not another letter */
  const char *const precisions[] = {"fp8", "fp4", "int8", NULL};
  assert_null(tw_nearest("int4", precisions)); /* half the bits are no misspelling */
}

static void a_word_far_from_all_has_no_nearest(void **state)
{
  (void)state;
  const char *const words[] = {"replicas", "hosts", NULL};
  assert_null(tw_nearest("colour", words));
  assert_null(tw_nearest("", words));
  g_autofree char *huge = g_strnfill(10000000, 'r');
  assert_null(tw_nearest(huge, words));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_fault_names_file_and_line),
      cmocka_unit_test(equal_faults_are_kept_once),
      cmocka_unit_test(an_input_error_reads_like_a_fault),
      cmocka_unit_test(a_terminal_obeys_no_text_of_a_stranger),
      cmocka_unit_test(the_nearest_word_is_what_was_meant),
      cmocka_unit_test(a_word_far_from_all_has_no_nearest),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
