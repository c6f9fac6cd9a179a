/* `tokenworks net`: collectives take the time that their formulas give. */
#include "tests/check.h"
#include "tests/sim/net_support.h"

#include <glib/gstdio.h>

/* Microseconds of the last line of a measurement. */
static double time_us(const test_site *site, const char *pattern, int ranks, double bytes,
                      const char *algorithm)
{
  g_autofree char *path = test_site_write(site), *n = g_strdup_printf("%d", ranks),
                  *size = g_strdup_printf("%.0f", bytes);
  const char *arguments[] = {"net", path, "--csv", "-p", pattern, "-n", n, "-s", size, "-a", algorithm, NULL};
  g_autofree char *out = test_program(arguments, 0, NULL);
  g_unlink(path);
  const char *row = strchr(out, '\n') + 1;
  return g_ascii_strtod(strchr(row, ',') + 1, NULL);
}

/* In the site of the tests a step costs 1 us inside a domain (two NVLink hops) and 7 us between domains. */
static void an_all_reduce_costs_what_the_ring_formula_says(void **state)
{
  (void)state;
  test_site site = {1, 8, 400, NULL};
  for (int n = 2; n <= 8; n++) {
    /* 2(n−1)/n · S/B + 2(n−1) · α */
    double bytes = 900e6, expected = 2.0 * (n - 1) / n * bytes / 900e9 * 1e6 + 2 * (n - 1) * 1;
    assert_near(time_us(&site, "all-reduce", n, bytes, "ring"), expected, 1e-2);
    assert_near(time_us(&site, "all-gather", n, bytes, "ring"), expected / 2, 1e-2);
    assert_near(time_us(&site, "reduce-scatter", n, bytes, "ring"), expected / 2, 1e-2);
  }
}

static void the_switch_reduces_in_two_steps(void **state)
{
  (void)state;
  test_site site = {1, 8, 400, NULL};
  /* S · 9/8 over 900 GB/s, and two steps of 1 us. */
  assert_near(time_us(&site, "all-reduce", 8, 800e6, "in-switch"), 1000 + 2, 1e-2);
}

static void the_method_is_named_once_and_says_what_connects_domains(void **state)
{
  (void)state;
  static const struct {
    test_site site;
    const char *algorithm, *ending;
  } rows[] = {{{1, 8, 400, NULL}, "in-switch", "  in-switch\n"},
              {{2, 4, 200, NULL}, "in-switch", "  in-switch with trees between domains\n"},
              {{2, 4, 200, NULL}, "ring", "  ring, "}};
  for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
    g_autofree char *path = test_site_write(&rows[i].site);
    const char *arguments[] = {"net", path, "-p", "all-reduce", "-s", "1MB", "-a", rows[i].algorithm, NULL};
    g_autofree char *out = test_program(arguments, 0, NULL);
    g_unlink(path);
    assert_non_null(strstr(out, rows[i].ending));
  }
}

static void over_domains_all_nics_work_at_once(void **state)
{
  (void)state;
  test_site site = {2, 4, 200, NULL};
  /* Reduce-scatter: 3/4 · 0.8 GB / 900 GB/s = 666.667 us + 3 us, and the same for the all-gather; between
   * them each rail: 2 · 1/2 · 0.2 GB / 50 GB/s = 4,000 us + 2 · 7 us. */
  assert_near(time_us(&site, "all-reduce", 8, 800e6, "two-level"), 2 * (2000.0 / 3 + 3) + 4014, 1e-2);
  /* A ring crosses twice, a quarter by each NIC: 2 · 7/8 · 0.2 GB / 50 GB/s; of its 14 steps 2 are of 7 us.
   */
  assert_near(time_us(&site, "all-reduce", 8, 800e6, "ring"), 7000 + 2 * 7 + 12 * 1, 1e-2);
  /* Between two domains a tree passes the data once in each direction: 0.2 GB / 50 GB/s. It is 3 steps deep
   * in a domain, and one between them. */
  assert_near(time_us(&site, "all-reduce", 8, 800e6, "tree"), 4000 + 2 * (3 * 1 + 7), 1e-2);
}

static void the_automatic_choice_is_the_fastest(void **state)
{
  (void)state;
  static const char *const algorithms[] = {"ring",
                                           "tree"}; /* NCCL has no all-reduce in two levels of rings */
  static const test_site sites[] = {{1, 8, 400, "h100-sxm"}, {2, 4, 200, NULL}, {3, 4, 20, "gb200"}};
  static const double sizes[] = {1e3, 1e6, 1e9};
  for (guint s = 0; s < G_N_ELEMENTS(sites); s++) {
    int n = sites[s].domains * sites[s].gpus;
    for (guint i = 0; i < G_N_ELEMENTS(sizes); i++) {
      double automatic = time_us(&sites[s], "all-reduce", n, sizes[i], "auto");
      for (guint a = 0; a < G_N_ELEMENTS(algorithms); a++)
        assert_true(automatic <= time_us(&sites[s], "all-reduce", n, sizes[i], algorithms[a]) * (1 + 1e-9));
    }
  }
}

static void an_all_to_all_over_two_racks_is_bound_by_the_up_link(void **state)
{
  (void)state;
  /* Each of 4 ranks of a rack sends 4/8 of 0.8 GB to the other rack: 1.6 GB in all. Without oversubscription
   * the NIC takes 0.4 / 50 s, with 4:1 the up-link 1.6 / 50 s. */
  test_site open = {2, 4, 200, NULL}, narrow = {2, 4, 50, NULL};
  assert_near(time_us(&open, "all-to-all", 8, 800e6, "auto"), 8000 + 7, 1e-2);
  assert_near(time_us(&narrow, "all-to-all", 8, 800e6, "auto"), 32000 + 7, 1e-2);
}

static void a_large_all_to_all_carries_what_its_pairs_would(void **state)
{
  (void)state;
  /* 96 ranks are more than 1,024 pairs, so that flows are aggregated. A NIC carries 72/96 of 96 MB: at
   * 50 GB/s that is 1,440 us, and the up-link of 24 NICs is as wide as they. */
  test_site site = {4, 24, 24 * 50, NULL};
  assert_near(time_us(&site, "all-to-all", 96, 96e6, "auto"), 1440 + 7, 1e-1);
}

static void other_patterns_are_bound_by_their_bottleneck(void **state)
{
  (void)state;
  test_site site = {2, 4, 100, NULL};
  /* Permutation: 4 · 0.5 GB over an up-link of 100 GB/s. Incast: 7/8 of 0.8 GB; four of its parts come in
   * by the NIC of rank 0, 0.4 / 50 s. Broadcast: the chain crosses the fabric once, 0.5 / 50 s, in 7 us,
   * after 6 steps inside the domains. */
  assert_near(time_us(&site, "permutation", 8, 500e6, "auto"), 20000 + 7, 1e-2);
  assert_near(time_us(&site, "incast", 8, 800e6, "auto"), 8000 + 7, 1e-2);
  assert_near(time_us(&site, "broadcast", 8, 500e6, "ring"), 10000 + 7 + 6, 1e-2);
}

static void bad_usage_names_what_would_be_right(void **state)
{
  (void)state;
  static const struct {
    const char *arguments[8], *says;
  } cases[] = {
      {{"-p", "all-reduc"}, "did you mean \"all-reduce\""},
      {{"-s", "1GB"}, "name a pattern"},
      {{"-p", "all-reduce", "-n", "9"}, "the platform has 8"},
      {{"-p", "all-reduce", "-n", "1"}, "at least 2"},
      {{"-p", "all-reduce", "-s", "1GB:1MB"}, "write it last"},
      {{"-p", "all-reduce", "-s", "5s"}, "--size"},
      {{"-p", "all-to-all", "-a", "ring"}, "leave it out"},
      {{"-p", "all-reduce", "-a", "one-shot"}, "one NVLink domain"},
      {{"-p", "all-reduce", "-a", "two-level", "-n", "7"}, "use ring"},
      {{"-p", "all-reduce", "-a", "rings"}, "did you mean \"ring\""},
  };
  test_site site = {2, 4, 200, NULL};
  g_autofree char *path = test_site_write(&site);
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    const char *arguments[12] = {"net", path};
    for (int k = 0; k < 8 && cases[i].arguments[k] != NULL; k++)
      arguments[2 + k] = cases[i].arguments[k];
    g_autofree char *errors = NULL, *out = test_program(arguments, 2, &errors);
    assert_non_null(strstr(errors, cases[i].says));
  }
  g_unlink(path);
}

int main(void)
{
  g_setenv("TW_PROGRAM", TW_PROGRAM, TRUE);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_all_reduce_costs_what_the_ring_formula_says),
      cmocka_unit_test(the_switch_reduces_in_two_steps),
      cmocka_unit_test(the_method_is_named_once_and_says_what_connects_domains),
      cmocka_unit_test(over_domains_all_nics_work_at_once),
      cmocka_unit_test(the_automatic_choice_is_the_fastest),
      cmocka_unit_test(an_all_to_all_over_two_racks_is_bound_by_the_up_link),
      cmocka_unit_test(a_large_all_to_all_carries_what_its_pairs_would),
      cmocka_unit_test(other_patterns_are_bound_by_their_bottleneck),
      cmocka_unit_test(bad_usage_names_what_would_be_right),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
