/* The report of a run: the numbers on its page, and names that must not get out of their text. */
#include "tests/analysis/report/small_run.h"

/* Of 1, 2, 3, 4 s: the median is 2.5, the 90 % quantile lies at rank 0.9 · 3 = 2.7: 3.7 s; the 99 % one at
 * 2.97: 3.97 s. All arrived in the first window. */
static void latencies_over_time_are_exact_quantiles(void **state)
{
  (void)state;
  char *directory = new_small_run();
  json_t *data = new_data(directory);
  assert_near(packed(data, "latency.columns.ttft_s.p50", 0), 2.5, 1e-6);
  assert_near(packed(data, "latency.columns.ttft_s.p90", 0), 3.7, 1e-6);
  assert_near(packed(data, "latency.columns.ttft_s.p99", 0), 3.97, 1e-6);
  assert_near(packed(data, "latency.columns.ttft_s.max", 0), 4, 1e-6);
  assert_near(packed(data, "latency.columns.ttft_s.count", 0), 4, 0);
  assert_near(packed(data, "latency.columns.tpot_s.p50", 0), 0.5, 1e-6); /* 5 s for 10 gaps */
  json_decref(data);
  remove_directory(directory);
}

/* TTFTs of 1 and 2 s are within 2 s. 20 bins a decade: 1 s falls into bin 0, 4 s into floor(20 · 0.602) = 12.
 */
static void a_distribution_counts_what_is_within_the_slo(void **state)
{
  (void)state;
  char *directory = new_small_run();
  json_t *data = new_data(directory);
  assert_near(number(data, "distributions.ttft_s.n"), 4, 0);
  assert_near(number(data, "distributions.ttft_s.slo.within"), 2, 0);
  assert_near(number(data, "distributions.ttft_s.slo.limit_s"), 2, 0);
  assert_near(number(data, "distributions.ttft_s.first"), 0, 0);
  assert_near(number(data, "distributions.ttft_s.counts.12"), 1, 0);
  assert_int_equal(json_array_size(find(data, "distributions.ttft_s.counts")), 13);
  assert_null(find(data, "distributions.e2e_s.slo"));
  json_decref(data);
  remove_directory(directory);
}

static void the_slowest_requests_come_first(void **state)
{
  (void)state;
  char *directory = new_small_run();
  json_t *data = new_data(directory);
  assert_near(number(data, "slowest.ttft_s.0.id"), 3, 0);
  assert_near(number(data, "slowest.ttft_s.3.id"), 0, 0);
  assert_int_equal(json_array_size(find(data, "slowest.ttft_s")), 4); /* not the rejected one */
  assert_null(find(data, "slowest.ttft_s.0.joules"));                 /* has no value */
  json_decref(data);
  remove_directory(directory);
}

static void of_many_requests_the_twenty_slowest_are_kept(void **state)
{
  (void)state;
  char *directory = new_directory();
  describe_run(directory, 1U << TW_LOG_REQUESTS, "many", "rack");
  tw_log *log = open_log(directory, 1U << TW_LOG_REQUESTS);
  for (int i = 0; i < 500; i++) {
    tw_request_row row = request(i, 0, 1 + (i * 37) % 500); /* each of 1 ... 500 once */
    tw_log_request(log, &row);
  }
  close_log(log);
  json_t *data = new_data(directory);
  assert_int_equal(json_array_size(find(data, "slowest.e2e_s")), 20);
  for (int i = 0; i < 20; i++) {
    g_autofree char *path = g_strdup_printf("slowest.e2e_s.%d.completion_s", i);
    assert_near(number(data, path), 500 - i + 5, 1e-9);
  }
  json_decref(data);
  remove_directory(directory);
}

static void endings_are_counted_by_reason(void **state)
{
  (void)state;
  char *directory = new_small_run();
  json_t *data = new_data(directory);
  assert_int_equal(json_array_size(find(data, "endings")), 1);
  assert_string_equal(json_string_value(find(data, "endings.0.reason")), "too long");
  assert_near(number(data, "endings.0.count"), 1, 0);
  json_decref(data);
  remove_directory(directory);
}

/* At t = 3 s, engine 0 runs 4 requests and engine 1 runs 6. */
static void a_pool_takes_the_rows_of_its_engines(void **state)
{
  (void)state;
  char *directory = new_small_run();
  json_t *data = new_data(directory);
  assert_string_equal(json_string_value(find(data, "pools.1.id")), "two");
  assert_near(packed(data, "pools.0.series.columns.running.mean", 3), 4, 0);
  assert_near(packed(data, "pools.1.series.columns.running.mean", 3), 6, 0);
  assert_near(packed(data, "racks.columns.busy.mean", 3), 0.5, 0);
  assert_near(packed(data, "site.columns.arrived.mean", 3), 3, 0);
  json_decref(data);
  remove_directory(directory);
}

static void what_was_not_simulated_is_absent(void **state)
{
  (void)state;
  char *directory = new_small_run();
  json_t *data = new_data(directory);
  assert_non_null(find(data, "site.columns.running"));
  assert_null(find(data, "site.columns.accelerator_w"));
  assert_null(find(data, "site.columns.total_w"));
  assert_null(find(data, "racks.columns.host_w"));
  assert_true(json_is_null(find(data, "links")));
  assert_null(find(data, "run." TW_LOG_RUN_KEY)); /* the page does not need it */
  json_decref(data);
  remove_directory(directory);
}

/* 100 W for accelerators, 20 W for hosts, nothing known of the network. */
static void power_of_the_parts_is_summed_up_as_far_as_it_is_known(void **state)
{
  (void)state;
  char *directory = new_directory();
  guint tables = 1U << TW_LOG_REQUESTS | 1U << TW_LOG_SITE;
  describe_run(directory, tables, "watts", "rack");
  tw_log *log = open_log(directory, tables);
  tw_site_row row = tw_site_row_empty;
  row.start_s = 0;
  row.accelerator_w = 100;
  row.host_w = 20;
  tw_log_site(log, &row);
  close_log(log);
  json_t *data = new_data(directory);
  assert_near(packed(data, "site.columns.total_w.mean", 0), 120, 1e-6);
  assert_null(find(data, "site.columns.network_w"));
  json_decref(data);
  remove_directory(directory);
}

/* A run that was killed has tables, and they end where it was killed. */
static void without_a_summary_totals_come_from_the_tables(void **state)
{
  (void)state;
  char *directory = new_small_run();
  remove_file(directory, "summary.json");
  json_t *data = new_data(directory);
  assert_true(json_is_true(find(data, "recomputed")));
  assert_near(number(data, "summary.requests.arrived"), 5, 0);
  assert_near(number(data, "summary.requests.completed"), 4, 0);
  assert_near(number(data, "summary.requests.rejected"), 1, 0);
  assert_near(number(data, "summary.tokens.output"), 5 * 11, 0);
  assert_near(number(data, "summary.ttft_s.mean"), 2.5, 1e-6);
  assert_near(number(data, "summary.ttft_s.p99"), 3.97, 1e-6);
  json_decref(data);
  remove_directory(directory);
}

static void a_run_without_requests_has_a_report(void **state)
{
  (void)state;
  char *directory = new_directory();
  describe_run(directory, all_tables, "empty", "rack");
  close_log(open_log(directory, all_tables));
  GError *error = NULL;
  g_autofree char *page = tw_report_page(directory, &error);
  assert_null(error);
  assert_non_null(page);
  remove_directory(directory);
}

/* Whatever a trace calls its sessions and a scenario itself: the page has as many "<" that begin a script or
 * end one as it has without. */
static guint count(const char *text, const char *word)
{
  guint n = 0;
  for (const char *at = text; (at = strcasestr(at, word)) != NULL; at += strlen(word))
    n++;
  return n;
}

static char *page_with_names(const char *name)
{
  char *directory = new_directory();
  describe_run(directory, all_tables, name, name);
  tw_log *log = open_log(directory, all_tables);
  tw_request_row row = request(0, 0, 1);
  row.session = name;
  tw_log_request(log, &row);
  row.state = "rejected";
  row.reason = name;
  tw_log_request(log, &row);
  tw_rack_row rack = tw_rack_row_empty;
  rack.start_s = 0;
  rack.rack = name;
  rack.busy = 1;
  tw_log_rack(log, &rack);
  close_log(log);
  GError *error = NULL;
  char *page = tw_report_page(directory, &error);
  assert_null(error);
  remove_directory(directory);
  return page;
}

static void no_name_gets_out_of_the_text_that_it_is(void **state)
{
  (void)state;
  g_autofree char *harmless = page_with_names("harmless");
  static const char *const names[] = {"<script>alert(1)</script>",
                                      "</script><img src=x onerror=alert(1)>",
                                      "<!--<script>",
                                      "</title><script>",
                                      "{{data}}",
                                      "]]>&lt;"};
  for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
    g_autofree char *page = page_with_names(names[i]);
    assert_int_equal(count(page, "<script"), count(harmless, "<script"));
    assert_int_equal(count(page, "</script"), count(harmless, "</script"));
    assert_int_equal(count(page, "<!--"), count(harmless, "<!--"));
    assert_int_equal(count(page, "<img"), count(harmless, "<img"));
    assert_int_equal(count(page, "</title"), count(harmless, "</title"));
  }
}

static void a_name_that_is_not_utf8_is_shown_as_far_as_it_is(void **state)
{
  (void)state;
  char *directory = new_directory();
  describe_run(directory, 1U << TW_LOG_REQUESTS, "latin", "rack");
  tw_log *log = open_log(directory, 1U << TW_LOG_REQUESTS);
  tw_request_row row = request(0, 0, 1);
  row.session = "caf\xe9";
  tw_log_request(log, &row);
  close_log(log);
  json_t *data = new_data(directory);
  assert_string_equal(json_string_value(find(data, "slowest.e2e_s.0.session")), "caf\xef\xbf\xbd");
  json_decref(data);
  remove_directory(directory);
}

static void the_page_asks_for_nothing_from_outside(void **state)
{
  (void)state;
  char *directory = new_small_run();
  GError *error = NULL;
  g_autofree char *page = tw_report_page(directory, &error);
  assert_null(error);
  assert_int_equal(count(page, " src="), 0);
  assert_int_equal(count(page, "<link"), 0);
  assert_int_equal(count(page, "@import"), 0);
  assert_int_equal(count(page, "{{"), 0);
  assert_non_null(strstr(page, "default-src 'none'"));
  remove_directory(directory);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(latencies_over_time_are_exact_quantiles),
      cmocka_unit_test(a_distribution_counts_what_is_within_the_slo),
      cmocka_unit_test(the_slowest_requests_come_first),
      cmocka_unit_test(of_many_requests_the_twenty_slowest_are_kept),
      cmocka_unit_test(endings_are_counted_by_reason),
      cmocka_unit_test(a_pool_takes_the_rows_of_its_engines),
      cmocka_unit_test(what_was_not_simulated_is_absent),
      cmocka_unit_test(power_of_the_parts_is_summed_up_as_far_as_it_is_known),
      cmocka_unit_test(without_a_summary_totals_come_from_the_tables),
      cmocka_unit_test(a_run_without_requests_has_a_report),
      cmocka_unit_test(no_name_gets_out_of_the_text_that_it_is),
      cmocka_unit_test(a_name_that_is_not_utf8_is_shown_as_far_as_it_is),
      cmocka_unit_test(the_page_asks_for_nothing_from_outside),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
