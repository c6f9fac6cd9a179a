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

/* Runs a disaggregated scenario of one engine a node, and sums what left and entered nodes over their NICs,
 * and what crossed the other links. */
typedef struct sums {
  double transfers, out, in, other;
} sums;

static sums sum_up(const char *scenario, const char *how)
{
  g_autofree char *directory = test_directory();
  g_autofree char *file = g_build_filename(TW_SOURCE_DIR, "sim/scenarios", scenario, NULL);
  g_autofree char *transfer = g_strconcat("//pool[@id='prefill']/@kv-transfer=", how, NULL);
  const char *arguments[] = {"run",
                             file,
                             "-o",
                             directory,
                             "--quiet",
                             "--set",
                             "//trace/@limit=2000",
                             "--set",
                             "//output/@segments=true",
                             "--set",
                             transfer,
                             NULL};
  g_free(test_program(arguments, 0, NULL));

  sums s = {0};
  g_auto(GStrv) kinds = words(directory, "segments", 1), links = words(directory, "links", 1);
  g_autoptr(GArray) moved = test_column(directory, "segments", "bytes");
  g_autoptr(GArray) carried = test_column(directory, "links", "bytes");
  g_autoptr(GArray) used = test_column(directory, "links", "utilization");
  for (guint i = 0; i < moved->len; i++)
    s.transfers += g_str_equal(kinds[i], "transfer") ? g_array_index(moved, double, i) : 0;
  for (guint i = 0; i < carried->len; i++) {
    double *sum = g_str_has_suffix(links[i], "-nic_UP")     ? &s.out
                  : g_str_has_suffix(links[i], "-nic_DOWN") ? &s.in
                                                            : &s.other;
    *sum += g_array_index(carried, double, i);
    assert_true(g_array_index(used, double, i) > 0 && g_array_index(used, double, i) <= 1 + 1e-6);
  }
  g_autofree char *path = g_build_filename(directory, "summary.json", NULL);
  json_t *summary = json_load_file(path, 0, NULL), *network = json_object_get(summary, "network");
  assert_true(s.transfers > 1e9);
  assert_near(json_number_value(json_object_get(network, "kv_bytes")), s.transfers, 1e-6 * s.transfers);
  assert_near(json_number_value(json_object_get(network, "bytes")), s.transfers, 1e-6 * s.transfers);
  json_decref(summary);
  test_remove(directory);
  return s;
}

/* Every transfer goes from one node to another: out by one NIC, in by the other; whole or in layers. */
static void the_bytes_of_links_are_those_of_the_transfers(void **state)
{
  (void)state;
  sums whole = sum_up("azure-conv-disaggregated.xml", "whole");
  sums layered = sum_up("azure-conv-disaggregated.xml", "layered");
  assert_near(whole.out, whole.transfers, 1e-6 * whole.transfers);
  assert_near(whole.in, whole.transfers, 1e-6 * whole.transfers);
  assert_near(layered.transfers, whole.transfers, 1e-6 * whole.transfers);
  assert_near(layered.out, whole.transfers, 1e-6 * whole.transfers);
  assert_near(layered.in, whole.transfers, 1e-6 * whole.transfers);
}

/* Prefill has the first two leaves and decode the others, so that every transfer crosses a spine: four links
 * between the NICs. */
static void on_a_fat_tree_every_link_of_the_route_carries_them(void **state)
{
  (void)state;
  sums s = sum_up("azure-conv-fat-tree.xml", "whole");
  assert_near(s.out, s.transfers, 1e-6 * s.transfers);
  assert_near(s.in, s.transfers, 1e-6 * s.transfers);
  assert_near(s.other, 4 * s.transfers, 4e-6 * s.transfers);
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
  /* Hosts and networks come with conversion and cooling, which energy.overhead_j is alone. */
  assert_true(number(energy, "phases", "beside_accelerators_j") >
              json_number_value(json_object_get(energy, "overhead_j")) +
                  json_number_value(json_object_get(energy, "host_j")));
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
      cmocka_unit_test(on_a_fat_tree_every_link_of_the_route_carries_them),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
