/* JSON of traces: numbers of 64 bits, documents of any layout, and faults with their place. */
#include "tests/workloads/given.h"
#include "workloads/input/json.h"

/* Numbers beyond 2^63, and beyond what doubles hold, are read to the last digit. */
static void whole_numbers_have_64_bits_without_a_sign(void **state)
{
  g_autofree char *path = given_text(
      state, "ids",
      "{\"ids\": [0, 9007199254740993, 18446744073709551615], \"n\": 18446744073709551615, \"m\": 10.0}\n");
  g_autoptr(tw_input) input = tw_input_open(path, NULL);
  g_autoptr(tw_json_reader) reader = tw_json_reader_new(input);
  const tw_json *object = tw_json_next(reader, NULL), *ids = tw_json_get(object, "ids");
  assert_int_equal(ids->kind, TW_JSON_WHOLES);
  assert_int_equal(ids->count, 3);
  assert_true(ids->ids[1] == G_GUINT64_CONSTANT(9007199254740993));
  assert_true(ids->ids[2] == G_MAXUINT64);
  assert_true(tw_json_get(object, "n")->count == G_MAXUINT64);
  assert_true(tw_json_get(object, "m")->whole && tw_json_get(object, "m")->count == 10);
}

/* Lines, objects over several lines, one behind the other, a byte order mark, and no newline at the end. */
static void documents_may_have_any_layout(void **state)
{
  g_autofree char *path = given_text(
      state, "layouts",
      "\xef\xbb\xbf{\"a\": 1}\r\n\n{\"a\":\n 2,\n \"b\": [\"}\", 1.5]}{\"a\": 3} {\"a\": Infinity}\n[4]");
  g_autoptr(tw_input) input = tw_input_open(path, NULL);
  g_autoptr(tw_json_reader) reader = tw_json_reader_new(input);
  g_autoptr(GError) error = NULL;
  for (int i = 1; i <= 3; i++) {
    double a;
    assert_true(tw_json_number(tw_json_next(reader, &error), "a", &a));
    assert_near(a, i, 0);
  }
  assert_true(isinf(tw_json_get(tw_json_next(reader, &error), "a")->number));
  assert_true(tw_json_next(reader, &error)->ids[0] == 4);
  assert_null(tw_json_next(reader, &error));
  assert_null(error);
}

static void keys_may_hold_the_dots_of_paths(void **state)
{
  g_autofree char *path = given_text(
      state, "paths",
      "{\"x\": {\"gen_ai.usage\": {\"in\": \"7\"}, \"gen_ai.usage.out\": 8}, \"t\": \"\\u00e9\\n\"}\n");
  g_autoptr(tw_input) input = tw_input_open(path, NULL);
  g_autoptr(tw_json_reader) reader = tw_json_reader_new(input);
  const tw_json *object = tw_json_next(reader, NULL);
  double in, out;
  assert_true(tw_json_number(object, "x.gen_ai.usage.in", &in) && in == 7);
  assert_true(tw_json_number(object, "x.gen_ai.usage.out", &out) && out == 8);
  assert_string_equal(tw_json_text(object, "t"), "\xc3\xa9\n");
  assert_null(tw_json_get(object, "x.gen_ai.usage.cached"));
}

static void faults_name_the_line_and_the_column(void **state)
{
  static const struct {
    const char *text, *message;
  } cases[] = {
      {"{\"a\": 1}\n{\"a\": }\n", "j:2: column 7, near '}': a value is expected; a JSON object is needed"},
      {"{\n\"a\": 1,\n\"b\" 2}\n",
       "j:3: column 5, near '2}': : is expected after a key; a JSON object is needed"},
      {"{\"a\": 01x}\n", "j:1: column 9, near 'x}': , or } is expected; a JSON object is needed"},
      {"{\"a\": \"\\q\"}\n",
       "j:1: column 8, near '\\q\"}': \\ is followed by what it cannot stand before; a JSON object is "
       "needed"},
      {"{} x\n", "j:1: text follows the JSON value; one JSON object a line is needed"},
  };
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autofree char *path = given_text(state, "j", cases[i].text);
    g_autoptr(tw_input) input = tw_input_open(path, NULL);
    g_autoptr(tw_json_reader) reader = tw_json_reader_new(input);
    g_autoptr(GError) error = NULL;
    while (tw_json_next(reader, &error) != NULL)
      ;
    assert_non_null(error);
    assert_string_equal(error->message + strlen(*state) + 1, cases[i].message);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(whole_numbers_have_64_bits_without_a_sign),
      cmocka_unit_test(documents_may_have_any_layout),
      cmocka_unit_test(keys_may_hold_the_dots_of_paths),
      cmocka_unit_test(faults_name_the_line_and_the_column),
  };
  return cmocka_run_group_tests(tests, given_directory, remove_directory);
}
