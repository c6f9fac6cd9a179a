/* The output of `tokenworks show`, as a user sees it. */
#include "sim/log/log_writer.h"
#include "tests/program.h"

#define TABLES ((1U << TW_LOG_REQUESTS) | (1U << TW_LOG_ENGINES) | (1U << TW_LOG_SITE))

/* A hundred intervals of a second. The site runs 5 requests, 40 in the interval at 70; engine e runs e + 1; a
 * request ends at the end of each interval i, i milliseconds after its arrival. */
static int given_series(void **state)
{
  if (make_scratch(state) != 0)
    return 1;
  json_t *run = json_pack("{s:o, s:f}", TW_LOG_RUN_KEY, tw_log_describe(TABLES), "interval_s", 1.0);
  char *text = json_dumps(run, 0);
  given_file(state, "run.json", text);
  free(text);
  json_decref(run);
  tw_log *log = tw_log_open(*state, TABLES, NULL);
  assert_non_null(log);
  for (int i = 0; i < 100; i++) {
    tw_site_row site = tw_site_row_empty;
    site.start_s = i;
    site.running = i == 70 ? 40 : 5;
    site.arrived = 3;
    tw_log_site(log, &site);
    for (int e = 0; e < 2; e++) {
      tw_engine_row engine = tw_engine_row_empty;
      engine.start_s = i;
      engine.engine = e;
      engine.running = e + 1;
      tw_log_engine(log, &engine);
    }
    tw_request_row request = tw_request_row_empty;
    request.id = i;
    request.completion_s = i + 0.999;
    request.arrival_s = request.completion_s - 0.001 * i;
    request.state = "completed";
    tw_log_request(log, &request);
  }
  assert_true(tw_log_close(log, NULL));
  g_setenv("LC_ALL", "C", TRUE); /* so that what is drawn is ASCII */
  g_setenv("COLUMNS", "50", TRUE);
  return 0;
}

/* 40 columns of 2.5 intervals: the peak at 70 is column 28, on top of the two characters of ten columns of
 * frame. */
static void a_plot_has_its_peak_where_it_was(void **state)
{
  expect(state, "show $ running --height 5", 0,
         "site.running: requests in batches, averaged over the interval, in requests\n"
         "      50 +                            *\n"
         "         |                            *\n"
         "       0 +****************************************\n"
         "         +----------------------------------------\n"
         "          0s                 50s              100s\n"
         "min 5, mean 5.35, max 40\n",
         "");
}

static void a_plot_is_as_wide_as_it_is_asked_to_be(void **state)
{
  static const int widths[] = {20, 33, 80, 200};
  for (guint i = 0; i < G_N_ELEMENTS(widths); i++) {
    g_autofree char *words = g_strdup_printf("show $ running -w %d", widths[i]);
    g_autofree char *line = g_strnfill((gsize)widths[i] - 10, '-');
    g_autofree char *axis = g_strdup_printf("+%s\n", line);
    expect(state, words, 0, axis, "");
  }
}

static void a_utf8_terminal_gets_braille(void **state)
{
  g_setenv("LC_ALL", "C.UTF-8", TRUE);
  expect(state, "show $ running", 0, "⠉⠉⠉", "");
  expect(state, "show $ running --ascii", 0, "****", "");
  g_setenv("LC_ALL", "C", TRUE);
}

static void without_a_metric_every_series_is_a_line(void **state)
{
  expect(state, "show $", 0, "\nrunning                        5      5.35        40 requests    .....#..",
         "");
  expect(state, "show $", 0, "\narrived                        3         3         3 requests/s  ########",
         "");
  g_auto(result) r = run_program(state, "show $");
  assert_null(strstr(r.out, "watts")); /* watts were not simulated */
}

/* Engines 0 and 1 run 1 and 2. */
static void an_engine_can_be_picked(void **state)
{
  expect(state, "show $ engines.running", 0,
         "min 1, mean 1.5, max 2; extremes are of single ones of 2 engines", "");
  expect(state, "show $ running --engine 1", 0, "engines.running of 1:", "");
  expect(state, "show $ running --engine 1", 0, "min 2, mean 2, max 2\n", "");
}

static void a_window_cuts_the_series(void **state)
{
  expect(state, "show $ running --from 70s --to 71s", 0, "min 40, mean 40, max 40\n", "");
  expect(state, "show $ running --to 70", 0, "min 5, mean 5, max 5\n", "");
}

/* Latencies from 0 to 99 ms. */
static void latencies_of_requests_are_metrics_too(void **state)
{
  expect(state, "show $ e2e_s", 0, "requests.e2e_s: time to the last token", "");
  expect(state, "show $ e2e_s --from 50", 0, "min 0.05, mean 0.0745, max 0.099\n", "");
}

static void bad_usage_ends_with_two_and_says_what_is_right(void **state)
{
  static const struct {
    const char *words, *message;
  } examples[] = {
      {"show", "name a run directory"},
      {"show $/none", "no run directory"},
      {"show $ runing", "no metric is called 'runing'; did you mean 'running'?"},
      {"show $ engines.wats", "did you mean 'engines.watts'?"},
      {"show $ site.xyzzyxyzzy", "--list"},
      {"show $ racks.busy", "racks.busy is a column of the table 'racks', which this run did not write"},
      {"show $ watts", "engines.watts has no value: the run did not simulate it"},
      {"show $ running --engine 7", "no rows of the engine '7' then; it has 0, 1"},
      {"show $ running --from 500", "the table 'site' has no rows then"},
      {"show $ running --from 5 --to 4", "--to must be later than --from"},
      {"show $ running --engine 1 --rack a", "choose one of --engine, --rack, --link and --job"},
      {"show $ running -w 3", "--width is 20 to 1000"},
      {"show $ running waiting", "name one run directory and one metric"},
  };
  for (guint i = 0; i < G_N_ELEMENTS(examples); i++)
    expect(state, examples[i].words, 2, "", examples[i].message);
}

static void every_metric_is_listed(void **state)
{
  expect(state, "show --list", 0, "site.running\n", "");
  expect(state, "show --list", 0, "requests.ttft_s\n", "");
  g_auto(result) r = run_program(state, "show --list");
  assert_null(strstr(r.out, "requests.id"));
  assert_null(strstr(r.out, "engines.engine"));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_plot_has_its_peak_where_it_was),
      cmocka_unit_test(a_plot_is_as_wide_as_it_is_asked_to_be),
      cmocka_unit_test(a_utf8_terminal_gets_braille),
      cmocka_unit_test(without_a_metric_every_series_is_a_line),
      cmocka_unit_test(an_engine_can_be_picked),
      cmocka_unit_test(a_window_cuts_the_series),
      cmocka_unit_test(latencies_of_requests_are_metrics_too),
      cmocka_unit_test(bad_usage_ends_with_two_and_says_what_is_right),
      cmocka_unit_test(every_metric_is_listed),
  };
  return cmocka_run_group_tests(tests, given_series, remove_scratch);
}
