/* The search for shipped files. */
#include "platforms/input/data.h"
#include "tests/check.h"

static void an_uninstalled_program_finds_the_source_tree(void **state)
{
  (void)state;
  g_unsetenv("TOKENWORKS_DATA");
  g_autofree char *path = tw_data_path("platforms/CMakeLists.txt");
  assert_true(g_file_test(path, G_FILE_TEST_IS_REGULAR));
}

static void the_environment_names_another_place(void **state)
{
  (void)state;
  g_setenv("TOKENWORKS_DATA", "/elsewhere", TRUE);
  g_autofree char *path = tw_data_path("platforms/a.xml");
  assert_string_equal(path, "/elsewhere/platforms/a.xml");
  g_unsetenv("TOKENWORKS_DATA");
}

static void a_list_is_sorted_and_without_endings(void **state)
{
  (void)state;
  g_autoptr(GError) error = NULL;
  g_autofree char *root = g_dir_make_tmp("tw-data-XXXXXX", &error);
  const char *const files[] = {"b.xml", "a.xml", "c.txt", ".hidden.xml", NULL};
  for (const char *const *file = files; *file != NULL; file++) {
    g_autofree char *path = g_build_filename(root, *file, NULL);
    assert_true(g_file_set_contents(path, "", 0, &error));
  }
  g_setenv("TOKENWORKS_DATA", root, TRUE);
  g_auto(GStrv) names = tw_data_list(".", ".xml");
  g_auto(GStrv) none = tw_data_list("missing", ".xml");
  g_unsetenv("TOKENWORKS_DATA");
  assert_int_equal(g_strv_length(names), 2);
  assert_string_equal(names[0], "a");
  assert_string_equal(names[1], "b");
  assert_int_equal(g_strv_length(none), 0);

  for (const char *const *file = files; *file != NULL; file++) {
    g_autofree char *path = g_build_filename(root, *file, NULL);
    assert_int_equal(remove(path), 0);
  }
  assert_int_equal(remove(root), 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_uninstalled_program_finds_the_source_tree),
      cmocka_unit_test(the_environment_names_another_place),
      cmocka_unit_test(a_list_is_sorted_and_without_endings),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
