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

static double number(const json_t *object, const char *group, const char *name)
{
  return json_number_value(json_object_get(json_object_get(object, group), name));
}

/* NICs that draw 0.2 nJ for a byte: each transfer crosses two. */
static void links_draw_joules_for_what_they_carry(void **state)
{
  (void)state;
  static const char nic[] = "<prop id=\"tw:kind\" value=\"nic\"/>";
  g_autofree char *directory = test_directory();
  g_autofree char *path = g_build_filename(directory, "platform.xml", NULL),
                  *set = g_strconcat("//platform/@file=", path, NULL),
                  *run = g_build_filename(directory, "run", NULL),
                  *summary_path = g_build_filename(run, "summary.json", NULL), *text = NULL;
  assert_true(g_file_get_contents(TW_SOURCE_DIR "/platforms/hgx-h100-32.xml", &text, NULL, NULL));
  g_auto(GStrv) parts = g_strsplit(text, nic, -1);
  assert_int_equal(g_strv_length(parts), 33);
  g_autofree char *joined = g_strjoinv(
      "<prop id=\"tw:kind\" value=\"nic\"/><prop id=\"tw:joules_per_byte\" value=\"2e-10\"/>", parts);
  assert_true(g_file_set_contents(path, joined, -1, NULL));
  const char *arguments[] = {"run",
                             TW_SOURCE_DIR "/sim/scenarios/azure-conv-disaggregated.xml",
                             "-o",
                             run,
                             "--quiet",
                             "--set",
                             "//trace/@limit=500",
                             "--set",
                             set,
                             NULL};
  g_free(test_program(arguments, 0, NULL));
  json_t *summary = json_load_file(summary_path, 0, NULL), *energy = json_object_get(summary, "energy");
  double bytes = number(summary, "network", "kv_bytes"),
         end_s = json_number_value(json_object_get(summary, "simulated_s"));
  assert_true(bytes > 1e9);
  assert_near(number(energy, "phases", "transfer_j"), 2 * 2e-10 * bytes, 1e-9 * bytes * 4e-10);
  /* The share of 32 nodes of the fabric, 405 W each, and those joules. */
  assert_near(number(summary, "energy", "network_j"), 32 * 405 * end_s + 4e-10 * bytes, 1e-6);
  double sum = 0;
  const char *name;
  json_t *value;
  json_object_foreach(json_object_get(energy, "phases"), name, value) sum += json_number_value(value);
  double site_j = number(summary, "energy", "site_j");
  assert_near(sum, site_j, 1e-9 * site_j);
  json_decref(summary);
  test_remove(directory);
}

int main(void)
{
  g_setenv("TW_PROGRAM", TW_PROGRAM, TRUE);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_bytes_of_links_are_those_of_the_transfers),
      cmocka_unit_test(links_draw_joules_for_what_they_carry),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
