/* The factory as a whole: laws that every run obeys, overload, repeatability, runs that are cut short. */
#include "tests/check.h"
#include "tests/sim/support.h"
#include "workloads/draw/chance.h"

static const test_costs tenth = {0.1, 0, 0, 0, FALSE};

/* ---- Tables ---- */

/* A run and the tables that it wrote. */
typedef struct tables {
  char *directory;
  tw_recorder *recorder;
} tables;

static tables run_until(const tw_scenario *scenario, const char *trace, double until_s)
{
  tables t = {test_directory(), NULL};
  t.recorder = test_run_until(scenario, trace, t.directory, until_s);
  return t;
}

static void tables_clear(tables *t)
{
  test_remove(t->directory);
  g_free(t->directory);
  tw_recorder_free(t->recorder);
}

/* The sum of a column, empty cells left out. */
static double sum(const tables *t, const char *table, const char *column)
{
  g_autoptr(GArray) values = test_column(t->directory, table, column);
  double total = 0;
  for (guint i = 0; i < values->len; i++)
    total += isnan(g_array_index(values, double, i)) ? 0 : g_array_index(values, double, i);
  return total;
}

/* The integral of a gauge over a run that ended at `end_s`: intervals begin with start_s. */
static double integral(const tables *t, const char *table, const char *column, double interval_s,
                       double end_s)
{
  g_autoptr(GArray) starts = test_column(t->directory, table, "start_s");
  g_autoptr(GArray) values = test_column(t->directory, table, column);
  double total = 0;
  for (guint i = 0; i < values->len; i++) {
    double length_s = fmin(interval_s, end_s - g_array_index(starts, double, i));
    total += length_s > 0 ? g_array_index(values, double, i) * length_s : 0;
  }
  return total;
}

static double last_completion(const tables *t)
{
  g_autoptr(GArray) ends = test_column(t->directory, "requests", "completion_s");
  return g_array_index(ends, double, ends->len - 1);
}

/* ---- Laws of every run ---- */

static gint64 between(tw_chance *chance, gint64 low, gint64 high)
{
  return low + (gint64)tw_chance_below(chance, (guint64)(high - low + 1));
}

static char *random_trace(tw_chance *chance, int n)
{
  GString *text = g_string_new("arrival_s,prompt_tokens,reasoning_tokens,answer_tokens,priority\n");
  double t = 0, gap_s = 0.02 * (double)between(chance, 1, 20);
  for (int i = 0; i < n; i++) {
    t += gap_s * tw_chance_exponential(chance);
    g_string_append_printf(text, "%.9f,%d,%d,%d,%d\n", t, (int)between(chance, 1, 300),
                           (int)between(chance, 0, 40), (int)between(chance, 1, 60),
                           (int)between(chance, 0, 2));
  }
  return g_string_free(text, FALSE);
}

static tw_scenario *random_scenario(tw_chance *chance, const test_costs *costs)
{
  tw_scenario *scenario = test_scenario((int)between(chance, 1, 3), costs, between(chance, 24, 120));
  tw_pool *pool = &scenario->pools[0];
  pool->scheduler = (int)tw_chance_below(chance, 3);
  pool->order = (int)tw_chance_below(chance, 2);
  pool->dp = between(chance, 1, 2);
  pool->max_seqs = between(chance, 1, 30);
  pool->max_batched_tokens = tw_scheduler_kinds[pool->scheduler].chunked ? between(chance, 30, 200) : 512;
  pool->max_model_len = between(chance, 0, 1) ? 400 : 250; /* some requests are rejected */
  scenario->interval_s = 0.1 * (double)between(chance, 1, 40);
  return scenario;
}

/* Little: the integral of those that wait and run is the sum of the times that requests spent in the system.
 * Tables round gauges to 1e-6. Conservation: what engines computed is what requests got. */
static void little_and_conservation_hold_on_random_runs(void **state)
{
  (void)state;
  guint64 recomputed = 0, rejected = 0;
  for (guint64 seed = 0; seed < 60; seed++) {
    tw_chance chance = tw_chance_new(seed, "factory");
    enum { N = 150 };
    g_autofree char *trace = random_trace(&chance, N);
    test_costs costs = {0.02, 1e-3 * tw_chance_uniform(&chance), 1e-6 * tw_chance_uniform(&chance), 1e-5,
                        FALSE};
    tw_scenario *scenario = random_scenario(&chance, &costs);
    tables t = run_until(scenario, trace, INFINITY);
    double end_s = last_completion(&t), interval_s = scenario->interval_s;
    double in_system = sum(&t, "requests", "completion_s") - sum(&t, "requests", "arrival_s");
    double rows = end_s / interval_s + 1,
           rounding = 1e-6 * interval_s * rows * scenario->plan.n_engines + 1e-6;

    double engines = integral(&t, "engines", "running", interval_s, end_s) +
                     integral(&t, "engines", "waiting", interval_s, end_s);
    double site = integral(&t, "site", "running", interval_s, end_s) +
                  integral(&t, "site", "waiting", interval_s, end_s);
    assert_near(engines, in_system, rounding);
    assert_near(site, in_system, rounding);

    const tw_request_totals *totals = tw_recorder_totals(t.recorder);
    g_autoptr(GArray) ids = test_column(t.directory, "requests", "id");
    g_autoptr(GArray) prompts = test_column(t.directory, "requests", "prompt_tokens");
    g_autoptr(GArray) scheduled = test_column(t.directory, "requests", "first_scheduled_s");
    gboolean seen[N] = {FALSE};
    double prompt = 0;
    assert_int_equal(ids->len, N);
    for (guint i = 0; i < N; i++) {
      int id = (int)g_array_index(ids, double, i);
      assert_false(seen[id]);
      seen[id] = TRUE;
      prompt += isnan(g_array_index(scheduled, double, i)) ? 0 : g_array_index(prompts, double, i);
    }
    assert_near(sum(&t, "engines", "prompt_tokens"), prompt + sum(&t, "requests", "recomputed_tokens"), 0);
    assert_near(sum(&t, "engines", "output_tokens"),
                sum(&t, "requests", "reasoning_tokens") + sum(&t, "requests", "answer_tokens"), 0);
    assert_near(sum(&t, "requests", "reasoning_tokens"), (double)totals->reasoning_tokens, 0);
    assert_near(sum(&t, "requests", "answer_tokens"), (double)totals->answer_tokens, 0);
    assert_near(sum(&t, "requests", "recomputed_tokens"), (double)totals->recomputed_tokens, 0);
    assert_near(sum(&t, "requests", "prompt_tokens"), (double)totals->prompt_tokens, 0);
    assert_near(sum(&t, "site", "arrived"), N, 0);
    assert_near(sum(&t, "site", "completed"), (double)totals->endings[TW_COMPLETED], 0);
    assert_near(sum(&t, "site", "rejected"), (double)totals->endings[TW_REJECTED], 0);
    assert_int_equal(totals->arrived, N);
    assert_int_equal(totals->endings[TW_COMPLETED] + totals->endings[TW_REJECTED], N);
    recomputed += totals->recomputed_tokens;
    rejected += totals->endings[TW_REJECTED];
    tables_clear(&t);
    test_scenario_free(scenario);
  }
  assert_true(recomputed > 10000);
  assert_true(rejected > 100);
}

/* ---- Overload ---- */

/* One at a time, 1 s each (10 tokens of 0.1 s), three arrivals in 2 s: after t seconds 1.5 t have arrived and
 * t were served. The 300th arrives at 199.3 s, and the last ends at 300 s. */
static void at_one_and_a_half_times_capacity_the_queue_grows_by_half(void **state)
{
  (void)state;
  GString *trace = g_string_new("arrival_s,prompt_tokens,answer_tokens\n");
  for (int i = 0; i < 300; i++)
    g_string_append_printf(trace, "%.9f,5,10\n", i / 1.5);
  tw_scenario *scenario = test_scenario(1, &tenth, 1000);
  scenario->pools[0].max_seqs = 1;
  tables t = run_until(scenario, trace->str, INFINITY);
  g_autoptr(GArray) waiting = test_column(t.directory, "site", "waiting");
  for (int k = 0; k < 199; k++)
    assert_near(g_array_index(waiting, double, k), (k + 0.5) * 0.5, 1);
  for (int k = 201; k < 299; k++)
    assert_near(g_array_index(waiting, double, k), 300 - (k + 0.5), 1);
  assert_near(last_completion(&t), 300, 1e-6);
  assert_int_equal(tw_recorder_totals(t.recorder)->endings[TW_COMPLETED], 300);
  tables_clear(&t);
  test_scenario_free(scenario);
  g_string_free(trace, TRUE);
}

/* ---- What results depend on ---- */

static void equal_seeds_give_equal_tables_to_the_byte(void **state)
{
  (void)state;
  tw_chance chance = tw_chance_new(1, "factory");
  g_autofree char *trace = random_trace(&chance, 100);
  tw_scenario *scenario = test_scenario(4, &tenth, 200);
  test_route_by(scenario, "random");
  char *texts[3] = {NULL};
  static const gint64 seeds[] = {7, 7, 8};
  for (int i = 0; i < 3; i++) {
    scenario->seed = seeds[i];
    tables t = run_until(scenario, trace, INFINITY);
    g_autofree char *requests = test_table(t.directory, "requests"),
                    *engines = test_table(t.directory, "engines"), *site = test_table(t.directory, "site");
    texts[i] = g_strconcat(requests, engines, site, NULL);
    tables_clear(&t);
  }
  assert_string_equal(texts[0], texts[1]);
  assert_string_not_equal(texts[0], texts[2]);
  for (int i = 0; i < 3; i++)
    g_free(texts[i]);
  test_scenario_free(scenario);
}

static void the_interval_changes_no_result(void **state)
{
  (void)state;
  static const double intervals_s[] = {1, 0.037, 1000};
  tw_chance chance = tw_chance_new(2, "factory");
  g_autofree char *trace = random_trace(&chance, 150), *first = NULL;
  test_costs costs = {0.02, 1e-3, 1e-6, 1e-5, FALSE};
  tw_scenario *scenario = test_scenario(2, &costs, 60);
  double tokens = 0;
  for (int i = 0; i < 3; i++) {
    scenario->interval_s = intervals_s[i];
    tables t = run_until(scenario, trace, INFINITY);
    char *requests = test_table(t.directory, "requests");
    double now = sum(&t, "engines", "prompt_tokens") + sum(&t, "engines", "output_tokens");
    if (i == 0) {
      first = requests;
      tokens = now;
    } else {
      assert_string_equal(requests, first);
      assert_near(now, tokens, 0);
      g_free(requests);
    }
    tables_clear(&t);
  }
  test_scenario_free(scenario);
}

/* Tokens count when they are emitted: at 0.1, 0.2, ... 1.0 s, the last one in the interval that begins there.
 */
static void a_token_on_the_edge_counts_in_the_interval_that_begins(void **state)
{
  (void)state;
  static const test_costs quarter = {0.25, 0, 0, 0, FALSE};
  tw_scenario *scenario = test_scenario(1, &quarter, 100);
  tables t = run_until(scenario, "arrival_s,prompt_tokens,answer_tokens\n0,5,8\n", INFINITY);
  g_autoptr(GArray) output = test_column(t.directory, "engines", "output_tokens");
  g_autoptr(GArray) busy = test_column(t.directory, "engines", "busy");
  assert_int_equal(output->len, 3); /* the last one is empty but for the end itself */
  assert_near(g_array_index(output, double, 0), 3, 0);
  assert_near(g_array_index(output, double, 1), 4, 0);
  assert_near(g_array_index(output, double, 2), 1, 0);
  assert_near(g_array_index(busy, double, 0), 1, 0);
  tables_clear(&t);
  test_scenario_free(scenario);
}

/* Boundaries at 0.25, 0.5, ... 1 s, where B arrives: dispatches come before engines at equal times. */
static void an_arrival_on_a_boundary_joins_there(void **state)
{
  (void)state;
  static const test_costs quarter = {0.25, 0, 0, 0, FALSE};
  for (int exact = 0; exact < 2; exact++) {
    tw_scenario *scenario = test_scenario(1, &quarter, 100);
    scenario->exact_steps = exact;
    tables t = run_until(scenario, "arrival_s,prompt_tokens,answer_tokens\n0,5,9\n1,5,9\n", INFINITY);
    g_autoptr(GArray) scheduled = test_column(t.directory, "requests", "first_scheduled_s");
    assert_near(g_array_index(scheduled, double, 1), 1, 0);
    tables_clear(&t);
    test_scenario_free(scenario);
  }
}

/* Engine 0 serves A until 5 s, and engine 1 B until 1.5 s, so that C, at 3 s, goes there. */
static void loads_are_released_when_requests_end(void **state)
{
  (void)state;
  tw_scenario *scenario = test_scenario(2, &tenth, 100);
  tables t = run_until(scenario, "arrival_s,prompt_tokens,answer_tokens\n0,5,50\n1,5,5\n3,5,5\n", INFINITY);
  g_autoptr(GArray) engines = test_column(t.directory, "requests", "decode_engine");
  g_autoptr(GArray) ids = test_column(t.directory, "requests", "id");
  static const double expected[] = {0, 1, 1};
  for (guint i = 0; i < 3; i++)
    assert_near(g_array_index(engines, double, i), expected[(int)g_array_index(ids, double, i)], 0);
  tables_clear(&t);
  test_scenario_free(scenario);
}

/* ---- The front end ---- */

/* 1 ms a prompt token: A takes 1 s, and B, which arrived after it, overtakes it. */
static void the_front_end_takes_time_for_each_prompt_token(void **state)
{
  (void)state;
  tw_scenario *scenario = test_scenario(1, &tenth, 1000);
  scenario->plan.frontend_s = 0.5;
  scenario->frontend_per_token_s = 1e-3;
  tables t = run_until(scenario, "arrival_s,prompt_tokens,answer_tokens\n0,1000,1\n0.2,100,1\n", INFINITY);
  g_autoptr(GArray) ids = test_column(t.directory, "requests", "id");
  g_autoptr(GArray) scheduled = test_column(t.directory, "requests", "first_scheduled_s");
  assert_near(g_array_index(ids, double, 0), 1, 0);
  assert_near(g_array_index(scheduled, double, 0), 0.8, 1e-9);
  assert_near(g_array_index(scheduled, double, 1), 1.5, 1e-9);
  /* Queueing and TTFT count from the arrival. */
  assert_near(tw_histogram_max(tw_recorder_latency(t.recorder, TW_LATENCY_TTFT)), 1.6, 1e-9);
  tables_clear(&t);
  test_scenario_free(scenario);
}

/* ---- Runs that are cut short ---- */

/* Arrivals at 0, 1, 2, ... with 20 tokens each, one at a time in 2 s: by 10 s five have completed, one has
 * just begun, and 11 have arrived. */
static void a_run_that_is_cut_short_accounts_for_everybody(void **state)
{
  (void)state;
  GString *trace = g_string_new("arrival_s,prompt_tokens,answer_tokens\n");
  for (int i = 0; i < 40; i++)
    g_string_append_printf(trace, "%d,5,20\n", i);
  for (int frontend = 0; frontend < 2; frontend++) {
    tw_scenario *scenario = test_scenario(1, &tenth, 1000);
    scenario->pools[0].max_seqs = 1;
    scenario->plan.frontend_s = frontend * 2.5;
    tables t = run_until(scenario, trace->str, 10);
    const tw_request_totals *totals = tw_recorder_totals(t.recorder);
    guint64 completed = frontend == 0 ? 5 : 3; /* the first begins at 2.5 s */
    assert_int_equal(totals->arrived, 11);
    assert_int_equal(totals->endings[TW_COMPLETED], completed);
    assert_int_equal(totals->endings[TW_UNFINISHED], 11 - completed);
    assert_near(sum(&t, "requests", "answer_tokens"), sum(&t, "engines", "output_tokens"), 0);
    assert_near(sum(&t, "site", "arrived"), 11, 0);
    tables_clear(&t);
    test_scenario_free(scenario);
  }
  g_string_free(trace, TRUE);
}

/* What a run that is cut short completes is what the whole run does until then, to the byte; what is left has
 * emitted what the engines say. */
static void a_run_that_is_cut_short_is_the_beginning_of_the_whole(void **state)
{
  (void)state;
  tw_chance chance = tw_chance_new(3, "factory");
  g_autofree char *trace = random_trace(&chance, 150);
  test_costs costs = {0.02, 1e-3, 1e-6, 1e-5, FALSE};
  tw_scenario *scenario = test_scenario(2, &costs, 60);
  tables whole = run_until(scenario, trace, INFINITY);
  g_autofree char *all = test_table(whole.directory, "requests");
  for (int k = 1; k < 12; k++) {
    tables t = run_until(scenario, trace, 0.77 * k);
    const tw_request_totals *totals = tw_recorder_totals(t.recorder);
    g_autofree char *rows = test_table(t.directory, "requests");
    g_auto(GStrv) lines = g_strsplit(rows, "\n", -1);
    for (guint i = 0; i <= totals->endings[TW_COMPLETED]; i++) { /* the header, too */
      g_autofree char *line = g_strconcat(lines[i], "\n", NULL);
      assert_non_null(strstr(all, line));
    }
    assert_int_equal(g_strv_length(lines), 2 + totals->arrived);
    assert_int_equal(totals->endings[TW_COMPLETED] + totals->endings[TW_UNFINISHED], totals->arrived);
    assert_near(sum(&t, "engines", "output_tokens"),
                sum(&t, "requests", "reasoning_tokens") + sum(&t, "requests", "answer_tokens"), 0);
    tables_clear(&t);
  }
  tables_clear(&whole);
  test_scenario_free(scenario);
}

/* One sequence at a time, for 100 ms each: the second request waits, and the queue of one is full for the
 * third; the fourth comes when the second runs. */
static void requests_beyond_the_longest_queue_are_rejected(void **state)
{
  (void)state;
  static const test_costs ten_ms = {0.01, 0, 0, 0, FALSE};
  tw_scenario *scenario = test_scenario(1, &ten_ms, 1000);
  scenario->pools[0].max_seqs = 1;
  scenario->max_queue = 1;
  g_autofree char *directory = test_directory();
  g_autoptr(tw_recorder) recorder =
      test_run(scenario, "arrival_s,prompt_tokens,answer_tokens\n0,1,10\n0.01,1,10\n0.02,1,10\n0.11,1,10\n",
               directory);
  const tw_request_totals *totals = tw_recorder_totals(recorder);
  assert_int_equal(totals->endings[TW_COMPLETED], 3);
  assert_int_equal(totals->endings[TW_REJECTED], 1);
  g_autofree char *table = test_table(directory, "requests");
  assert_non_null(strstr(table, "rejected,the engine's queue is full\n"));
  test_remove(directory);
  test_scenario_free(scenario);
}

static void a_watermark_does_not_keep_out_who_is_alone(void **state)
{
  (void)state;
  /* vLLM V0 leaves a hundredth of the blocks free while others run. Alone, 1,600 tokens take all 100 of them. */
  static const test_costs costs = {0.01, 0, 0, 0, FALSE};
  tw_scenario *scenario = test_scenario(1, &costs, 100);
  while (!g_str_equal(tw_scheduler_kinds[scenario->pools[0].scheduler].name, "prefill-first"))
    scenario->pools[0].scheduler++;
  scenario->pools[0].watermark = 0.01;
  g_autoptr(tw_recorder) recorder =
      test_run(scenario, "arrival_s,prompt_tokens,answer_tokens\n0,1599,2\n", NULL);
  assert_int_equal(tw_recorder_totals(recorder)->endings[TW_COMPLETED], 1);
  test_scenario_free(scenario);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(little_and_conservation_hold_on_random_runs),
      cmocka_unit_test(at_one_and_a_half_times_capacity_the_queue_grows_by_half),
      cmocka_unit_test(equal_seeds_give_equal_tables_to_the_byte),
      cmocka_unit_test(the_interval_changes_no_result),
      cmocka_unit_test(a_token_on_the_edge_counts_in_the_interval_that_begins),
      cmocka_unit_test(an_arrival_on_a_boundary_joins_there),
      cmocka_unit_test(loads_are_released_when_requests_end),
      cmocka_unit_test(the_front_end_takes_time_for_each_prompt_token),
      cmocka_unit_test(a_run_that_is_cut_short_accounts_for_everybody),
      cmocka_unit_test(a_run_that_is_cut_short_is_the_beginning_of_the_whole),
      cmocka_unit_test(requests_beyond_the_longest_queue_are_rejected),
      cmocka_unit_test(a_watermark_does_not_keep_out_who_is_alone),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
