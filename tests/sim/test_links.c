/* links.csv.gz holds what the flows of a run put on each link: a run of the program, summed up by hand. */
#include "tests/check.h"
#include "tests/sim/net_support.h"
#include "tests/sim/support.h"

#include <jansson.h>

/* The cells of a text column. */
static char **words(const char *directory, const char *table, int column)
{
  g_autofree char *text = test_table(directory, table);
  g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
  GPtrArray *cells = g_ptr_array_new();
  for (int i = 1; lines[i] != NULL && *lines[i] != '\0'; i++) {
    g_auto(GStrv) row = g_strsplit(lines[i], ",", -1);
    g_ptr_array_add(cells, g_strdup(row[column]));
  }
  g_ptr_array_add(cells, NULL);
  return (char **)g_ptr_array_free(cells, FALSE);
}

static void the_bytes_of_links_are_those_of_the_transfers(void **state)
{
  (void)state;
  g_autofree char *directory = test_directory();
  const char *arguments[] = {"run",
                             TW_SOURCE_DIR "/sim/scenarios/azure-conv-disaggregated.xml",
                             "-o",
                             directory,
                             "--quiet",
                             "--set",
                             "//trace/@limit=2000",
                             "--set",
                             "//output/@segments=true",
                             NULL};
  g_free(test_program(arguments, 0, NULL));

  /* Every transfer goes from one node to another: out by one NIC, in by the other. */
  double transfers = 0, out = 0, in = 0;
  g_auto(GStrv) kinds = words(directory, "segments", 1), links = words(directory, "links", 1);
  g_autoptr(GArray) moved = test_column(directory, "segments", "bytes");
  g_autoptr(GArray) carried = test_column(directory, "links", "bytes");
  g_autoptr(GArray) used = test_column(directory, "links", "utilization");
  for (guint i = 0; i < moved->len; i++)
    transfers += g_str_equal(kinds[i], "transfer") ? g_array_index(moved, double, i) : 0;
  for (guint i = 0; i < carried->len; i++) {
    out += g_str_has_suffix(links[i], "-nic_UP") ? g_array_index(carried, double, i) : 0;
    in += g_str_has_suffix(links[i], "-nic_DOWN") ? g_array_index(carried, double, i) : 0;
    assert_true(g_array_index(used, double, i) > 0 && g_array_index(used, double, i) <= 1 + 1e-6);
  }
  assert_true(transfers > 1e9);
  assert_near(out, transfers, 1e-6 * transfers);
  assert_near(in, transfers, 1e-6 * transfers);

  g_autofree char *path = g_build_filename(directory, "summary.json", NULL);
  json_t *summary = json_load_file(path, 0, NULL), *network = json_object_get(summary, "network");
  assert_near(json_number_value(json_object_get(network, "kv_bytes")), transfers, 1e-6 * transfers);
  assert_near(json_number_value(json_object_get(network, "bytes")), transfers, 1e-6 * transfers);
  json_decref(summary);
  test_remove(directory);
}

int main(void)
{
  g_setenv("TW_PROGRAM", TW_PROGRAM, TRUE);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_bytes_of_links_are_those_of_the_transfers),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
