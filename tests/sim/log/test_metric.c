/* The table of a summary's numbers: what is written from it, and what is written about it. */
#include "sim/log/metric.h"
#include "tests/program.h"

#include <math.h>

static void every_metric_is_named_once_and_explained(void **state)
{
  (void)state;
  for (int i = 0; i < TW_METRIC_COUNT; i++) {
    assert_ptr_equal(tw_metric_find(tw_metrics[i].name), &tw_metrics[i]);
    assert_true(strlen(tw_metrics[i].help) > 0);
  }
  assert_null(tw_metrics[TW_METRIC_COUNT].name);
}

static void only_numbers_of_the_section_are_written_and_at_their_paths(void **state)
{
  (void)state;
  tw_metric_values v;
  tw_metric_values_clear(&v);
  v.of[TW_METRIC_ENERGY_SITE_J] = 2.5;
  v.of[TW_METRIC_ENERGY_PHASES_IDLE_J] = 1;
  v.of[TW_METRIC_ENGINES] = 4;
  json_t *summary = json_object();
  tw_metrics_write(&v, "energy", summary);
  tw_metrics_write(&v, "cost", summary); /* no metric of cost is known */
  tw_metrics_write(&v, "engine", summary);
  char *text = json_dumps(summary, JSON_COMPACT | JSON_SORT_KEYS);
  assert_string_equal(text, "{\"energy\":{\"phases\":{\"idle_j\":1.0},\"site_j\":2.5}}");
  free(text);
  tw_metrics_write(&v, "engines", summary);
  assert_int_equal(json_integer_value(json_object_get(summary, "engines")), 4);
  json_decref(summary);
}

static void latencies_are_differences_of_a_requests_times(void **state)
{
  (void)state;
  tw_request_times times = {10, 11, 13, 14, 19, 4, 3};
  assert_near(tw_latency_of(TW_LATENCY_QUEUE, &times), 1, 0);
  assert_near(tw_latency_of(TW_LATENCY_TTFT, &times), 3, 0);
  assert_near(tw_latency_of(TW_LATENCY_TTFAT, &times), 4, 0);
  assert_near(tw_latency_of(TW_LATENCY_TPOT, &times), 2, 0); /* three gaps in 6 s */
  assert_near(tw_latency_of(TW_LATENCY_ITL, &times), 3, 0);
  assert_near(tw_latency_of(TW_LATENCY_E2E, &times), 9, 0);
  times.output_tokens = 1;
  assert_true(isnan(tw_latency_of(TW_LATENCY_TPOT, &times)));
}

static void the_page_of_documentation_is_that_of_the_table(void **state)
{
  (void)state;
  g_autofree char *page = NULL, *written = tw_metrics_document();
  assert_true(g_file_get_contents(TW_SOURCE_DIR "/analysis/metrics.md", &page, NULL, NULL));
  assert_string_equal(page, written);
}

/* Pools and rows of the energy are named by the scenario and the platform, and classes by the trace. */
static gboolean is_of_the_scenario(const char *path)
{
  return g_str_has_prefix(path, "energy.pools") || g_str_has_prefix(path, "energy.rows") ||
         g_str_has_prefix(path, "classes");
}

static void expect_known(json_t *object, const char *prefix)
{
  const char *key;
  json_t *value;
  json_object_foreach(object, key, value)
  {
    g_autofree char *path = g_strconcat(prefix, key, NULL);
    g_autofree char *inside = g_strconcat(path, ".", NULL);
    if (is_of_the_scenario(path))
      continue;
    if (json_is_object(value))
      expect_known(value, inside);
    else if (json_is_number(value) && tw_metric_find(path) == NULL)
      fail_msg("summary.json has %s, which is no row of the table", path);
  }
}

/* With collectives and KV caches on the network, power, sessions, parked engines and host memory. */
static void a_summary_holds_no_number_that_the_table_lacks(void **state)
{
  static const char *const runs[] = {"azure-conv-disaggregated --until 5s",
                                     "mixed-classes-hgx-h100 --until 5s",
                                     "coding-agents-kv-tiers --until 10s", "reasoning-day-fleet --until 60s"};
  for (guint i = 0; i < G_N_ELEMENTS(runs); i++) {
    g_auto(GStrv) parts = g_strsplit(runs[i], " ", 2);
    g_autofree char *words =
        g_strdup_printf("run " TW_SOURCE_DIR "/sim/scenarios/%s.xml -q -o $/%u %s", parts[0], i, parts[1]);
    g_autofree char *path = g_strdup_printf("%s/%u/summary.json", (char *)*state, i);
    expect(state, words, 0, "", "");
    json_t *summary = json_load_file(path, 0, NULL);
    assert_non_null(summary);
    expect_known(summary, "");
    json_decref(summary);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_metric_is_named_once_and_explained),
      cmocka_unit_test(only_numbers_of_the_section_are_written_and_at_their_paths),
      cmocka_unit_test(latencies_are_differences_of_a_requests_times),
      cmocka_unit_test(the_page_of_documentation_is_that_of_the_table),
      cmocka_unit_test(a_summary_holds_no_number_that_the_table_lacks),
  };
  return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
