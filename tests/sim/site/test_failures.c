/* Failures: timelines by hand, queues and groups with known answers, and what must not depend on what. */
#include "sim/site/failures/failures.h"
#include "sim/site/failures/fault_source.h"
#include "tests/check.h"
#include "tests/sim/support.h"
#include "workloads/draw/chance.h"

/* Iterations of 1 s, whatever they hold. */
static const test_costs second = {1, 0, 0, 0, FALSE};

/* Engines of one accelerator each, all on one host, and a plan by which nothing takes time but repairs. */
static tw_scenario *site(int engines, const test_costs *costs)
{
  tw_scenario *scenario = test_scenario(engines, costs, 1000);
  scenario->platform->hosts[0].accelerators = engines;
  scenario->pools[0].id = (char *)"serve";
  scenario->platform->hosts[0].id = (char *)"host";
  scenario->pools[0].startup_s = 0;
  tw_failure_plan *plan = scenario->failures = g_new0(tw_failure_plan, 1);
  plan->retries = 3;
  plan->faults = g_array_new(FALSE, TRUE, sizeof(tw_fault));
  plan->traces = g_array_new(FALSE, TRUE, sizeof(tw_fault_trace));
  return scenario;
}

static void clear(tw_scenario *scenario)
{
  tw_failure_plan_free(scenario->failures);
  test_scenario_free(scenario);
}

/* A failure of what bears the name: at an instant (NAN: drawn, once in `mtbf_s`), repaired after repair_s. */
static tw_fault *add_fault(tw_scenario *scenario, tw_failing_part part, const char *names, double at_s,
                           double mtbf_s, double repair_s)
{
  tw_fault fault = {.part = part,
                    .names = (char *)names,
                    .at_s = at_s,
                    .mtbf_s = mtbf_s,
                    .shape = 1,
                    .repair_s = repair_s,
                    .speed = 0.5};
  g_array_append_val(scenario->failures->faults, fault);
  return &g_array_index(scenario->failures->faults, tw_fault, scenario->failures->faults->len - 1);
}

/* Copies what a run said of its failures. */
static void note(void *user, const tw_factory *factory)
{
  *(tw_failure_totals *)user = tw_failures_record(tw_factory_failures(factory), tw_factory_now(factory));
}

typedef struct ran {
  GArray *completion_s, *first_token_s, *answer_tokens, *retries, *lost_tokens;
  tw_failure_totals totals;
  guint64 endings[TW_ENDING_KINDS];
} ran;

static ran run(const tw_scenario *scenario, const char *trace)
{
  ran r;
  g_autofree char *directory = test_directory();
  g_autoptr(tw_recorder) recorder = test_run_watched(scenario, trace, directory, INFINITY, note, &r.totals);
  r.completion_s = test_column(directory, "requests", "completion_s");
  r.first_token_s = test_column(directory, "requests", "first_token_s");
  r.answer_tokens = test_column(directory, "requests", "answer_tokens");
  r.retries = test_column(directory, "requests", "retries");
  r.lost_tokens = test_column(directory, "requests", "lost_tokens");
  memcpy(r.endings, tw_recorder_totals(recorder)->endings, sizeof r.endings);
  test_remove(directory);
  return r;
}

static double at(const GArray *column, guint row)
{
  return g_array_index(column, double, row);
}

static void clear_run(ran *r)
{
  GArray *columns[] = {r->completion_s, r->first_token_s, r->answer_tokens, r->retries, r->lost_tokens};
  for (guint i = 0; i < G_N_ELEMENTS(columns); i++)
    g_array_unref(columns[i]);
}

/* Four processes that serve for 90 s and are repaired in 10 s on average fail ten times each in 1,000 s; the host breaks
 * once, at 500 s. */
static void the_failures_to_expect_are_counted(void **state)
{
  (void)state;
  tw_scenario *scenario = site(4, &second);
  add_fault(scenario, TW_PART_PROCESS, "serve/*", NAN, 90, 10);
  add_fault(scenario, TW_PART_HOST, "host", 500, NAN, 10);
  g_autoptr(tw_fault_source) source = tw_fault_source_new(scenario);
  assert_near(tw_fault_source_expected(source, 1000), 41, 1e-12);
  assert_near(tw_fault_source_expected(source, 499), 19.96, 1e-12);
  clear(scenario);
}

/* One engine. A request of 4 prompt tokens and 6 output tokens arrives at 0 and has its first token at 1 s, the second
 * at 2 s. At 2.5 s the software fails; that is known at 4.5 s, and the request goes back after half a second, at 5 s.
 * The engine is repaired at 3.5 s, and starts at 4.5 s, when it is known to be down, for 3 s: it serves from 7.5 s on.
 * The request waits until then, computes its 4 + 2 tokens by 8.5 s, which emits the third, and ends at 11.5 s. Lost are
 * 4 prompt tokens and 2 of output. Where answers are lost, it begins anew: six tokens from 8.5 to 13.5 s. */
static void requests_go_back_once_the_failure_is_known(void **state)
{
  (void)state;
  static const struct {
    int answers;
    double first_s, end_s;
    gint64 discarded;
  } cases[] = {{TW_ANSWERS_RESUMED, 1, 11.5, 0}, {TW_ANSWERS_LOST, 8.5, 13.5, 2}};
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    tw_scenario *scenario = site(1, &second);
    scenario->failures->answers = cases[i].answers;
    scenario->failures->backoff_s = 0.5;
    scenario->pools[0].startup_s = 3;
    add_fault(scenario, TW_PART_PROCESS, "serve/0", 2.5, NAN, 1)->detection_s = 2;
    ran r = run(scenario, "arrival_s,prompt_tokens,answer_tokens\n0,4,6\n");
    assert_near(at(r.first_token_s, 0), cases[i].first_s, 0);
    assert_near(at(r.completion_s, 0), cases[i].end_s, 0);
    assert_near(at(r.answer_tokens, 0), 6, 0);
    assert_near(at(r.retries, 0), 1, 0);
    assert_near(at(r.lost_tokens, 0), 6, 0);
    assert_int_equal(r.totals.discarded_tokens, cases[i].discarded);
    assert_near(r.totals.engine_down_s, 5, 1e-9);
    clear_run(&r);
    clear(scenario);
  }
}

/* Two engines. The second request is on engine 1, whose accelerator breaks at 2.5 s, known at once: engine 0 takes it
 * from 3 s on, at the boundary after, computes its 4 + 2 tokens, and it ends at 7 s as the first one does at 6 s. A
 * third one, that arrives at 10 s while engine 1 is down, goes to engine 0. */
static void another_engine_takes_what_one_has_lost(void **state)
{
  (void)state;
  tw_scenario *scenario = site(2, &second);
  add_fault(scenario, TW_PART_ACCELERATOR, "host/1", 2.5, NAN, 100);
  ran r = run(scenario, "arrival_s,prompt_tokens,answer_tokens\n0,4,6\n0,4,6\n10,4,1\n");
  assert_near(at(r.completion_s, 0), 6, 0);
  assert_near(at(r.completion_s, 1), 7, 0);
  assert_near(at(r.completion_s, 2), 11, 0);
  assert_near(at(r.retries, 1), 1, 0);
  clear_run(&r);
  clear(scenario);
}

/* One engine computes prompts and one decodes, each on a host of its own. */
static tw_scenario *site_apart(void)
{
  tw_scenario *scenario = site(2, &second);
  test_disaggregate(scenario, 1);
  scenario->pools[0].id = scenario->platform->hosts[0].id = (char *)"prefill";
  scenario->pools[1].id = scenario->platform->hosts[1].id = (char *)"decode";
  scenario->platform->hosts[0].accelerators = scenario->platform->hosts[1].accelerators = 64;
  return scenario;
}

/* A prompt of 4 tokens is complete at 1 s, and its 4 MB would be there at 1.00401 s. At 1.002 s the engine that has them fails,
 * which is not known as the run is cut short at 2 s: the request has spent 2 ms on the transfer, and then lacks its cache. */
static void a_request_that_has_lost_its_cache_waits_for_nothing_else(void **state)
{
  (void)state;
  const char *const parts[] = {"transfer_s", "decode_queue_s", "preempted_s"};
  const double expected_s[] = {0.002, 0, 0.998};
  tw_scenario *scenario = site_apart();
  add_fault(scenario, TW_PART_PROCESS, "prefill/0", 1.002, NAN, 0.5)->detection_s = 10;
  g_autofree char *directory = test_directory();
  tw_recorder_free(test_run_until(scenario, "arrival_s,prompt_tokens,answer_tokens\n0,4,3\n", directory, 2));
  for (guint i = 0; i < G_N_ELEMENTS(parts); i++) {
    g_autoptr(GArray) column = test_column(directory, "requests", parts[i]);
    assert_near(at(column, 0), expected_s[i], 1e-6);
  }
  test_remove(directory);
  clear(scenario);
}

/* As above, but each engine has one block, enough for a request. The first request has its second token at 2.00401 s. The
 * decode engine fails at 2.5 s, and nothing is routed until it is repaired at 3 s. The prompt with two tokens that is computed
 * until 4 s emits the last one: no block of the decode engine is kept from the second request, which takes 3.00401 s. */
static void a_prompt_that_emits_the_last_token_sends_nothing(void **state)
{
  (void)state;
  for (int layered = 0; layered < 2; layered++) {
    tw_scenario *scenario = site_apart();
    scenario->pools[0].kv_transfer = layered ? TW_KV_LAYERED : TW_KV_WHOLE;
    scenario->pools[0].plan.memory.kv_blocks = scenario->pools[1].plan.memory.kv_blocks = 1;
    add_fault(scenario, TW_PART_PROCESS, "decode/0", 2.5, NAN, 0.5);
    ran r = run(scenario, "arrival_s,prompt_tokens,answer_tokens\n0,4,3\n10,4,3\n");
    assert_near(at(r.completion_s, 0), 4, 0);
    assert_near(at(r.completion_s, 1), 13.00401, 1e-9);
    assert_int_equal(r.endings[TW_COMPLETED], 2);
    clear_run(&r);
    clear(scenario);
  }
}

/* An engine that fails every time: three retries, and the request has failed. */
static void a_request_is_sent_again_so_often_and_no_more(void **state)
{
  (void)state;
  tw_scenario *scenario = site(1, &second);
  scenario->failures->retries = 1;
  add_fault(scenario, TW_PART_PROCESS, "*", 0.5, NAN, 1);
  add_fault(scenario, TW_PART_PROCESS, "*", 2.5, NAN, 1);
  ran r = run(scenario, "arrival_s,prompt_tokens,answer_tokens\n0,4,6\n8,4,1\n");
  assert_int_equal(r.endings[TW_FAILED], 1);
  assert_int_equal(r.endings[TW_COMPLETED], 1);
  assert_near(at(r.retries, 0), 1, 0);
  assert_int_equal(r.totals.failed, 1);
  clear_run(&r);
  clear(scenario);
}

/* Half the speed from 2.5 to 6.5 s: the iteration under way ends at 3 s, two of 2 s follow, and the repair counts from
 * the boundary at 7 s on. Six tokens come at 1, 2, 3, 5, 7 and 8 s. */
static void an_engine_that_limps_takes_longer_from_the_next_iteration_on(void **state)
{
  (void)state;
  tw_scenario *scenario = site(1, &second);
  add_fault(scenario, TW_PART_ACCELERATOR, "*", 2.5, NAN, 4)->effect = TW_EFFECT_LIMP;
  ran r = run(scenario, "arrival_s,prompt_tokens,answer_tokens\n0,4,6\n");
  assert_near(at(r.completion_s, 0), 8, 0);
  assert_near(at(r.retries, 0), 0, 0);
  assert_int_equal(r.totals.limps, 1);
  clear_run(&r);
  clear(scenario);
}

/* One engine of four accelerators. One breaks at 2.5 s; after a pause of 1.5 s the engine goes on with three, and takes
 * 4/3 s an iteration from 4 s on: the request computes its 6 tokens by 5 1/3 s, and three more follow. */
static void a_group_that_shrinks_goes_on_slower(void **state)
{
  (void)state;
  tw_scenario *scenario = site(1, &second);
  scenario->failures->recovery = TW_RECOVERY_SHRINK;
  scenario->failures->pause_s = 1.5;
  scenario->platform->hosts[0].accelerators = scenario->plan.engines[0].shares[0].accelerators = 4;
  add_fault(scenario, TW_PART_ACCELERATOR, "host/2", 2.5, NAN, 1000);
  ran r = run(scenario, "arrival_s,prompt_tokens,answer_tokens\n0,4,6\n");
  assert_near(at(r.completion_s, 0), 4 + 4 * 4 / 3.0, 1e-9);
  clear_run(&r);
  clear(scenario);
}

/* Two engines, of which one stands by: nothing goes there until the other one fails at 2.5 s. Two seconds later it
 * serves; the request computes its 6 tokens from 4.5 s on and ends at 8.5 s. What failed stands by when it is
 * repaired. */
static void an_engine_that_stands_by_takes_the_place_of_another(void **state)
{
  (void)state;
  tw_scenario *scenario = site(2, &second);
  scenario->failures->recovery = TW_RECOVERY_STANDBY;
  scenario->failures->standby = 1;
  scenario->failures->promotion_s = 2;
  add_fault(scenario, TW_PART_PROCESS, "serve/0", 2.5, NAN, 1);
  ran r = run(scenario, "arrival_s,prompt_tokens,answer_tokens\n0,4,6\n0,4,2\n20,4,1\n");
  assert_near(at(r.completion_s, 0), 2, 0); /* the shorter one, beside the other on engine 0 */
  assert_near(at(r.completion_s, 1), 8.5, 0);
  assert_near(at(r.completion_s, 2), 21, 0);
  clear_run(&r);
  clear(scenario);
}

/* ---- Known answers ---- */

enum { BATCHES = 30 };

/* Poisson arrivals, and services of `mean` iterations on average: fills `arrivals`; the trace is the caller's. */
static GString *queue_trace(int requests, double rate, double mean, GArray *arrivals)
{
  GString *trace = g_string_new("arrival_s,prompt_tokens,answer_tokens\n");
  tw_chance gaps = tw_chance_new(11, "gaps"), lengths = tw_chance_new(11, "lengths");
  double t = 0;
  for (int i = 0; i < requests; i++) {
    t += tw_chance_exponential(&gaps) / rate;
    g_array_append_val(arrivals, t);
    g_string_append_printf(trace, "%.9f,1,%.0f\n", t, fmax(1, ceil(mean * tw_chance_exponential(&lengths))));
  }
  return trace;
}

/* Runs the trace on an engine that serves so many at once, and compares the mean time in the system. What arrives and ends
 * in each of 30 batches tells how far off chance may be: 3.659 deviations are one run of a thousand. */
static void expect_sojourn(tw_scenario *scenario, int servers, const char *trace, const GArray *arrivals,
                           double expected_s)
{
  scenario->pools[0].max_seqs = servers;
  scenario->audit = FALSE;
  scenario->failures->retries = 1000;
  ran r = run(scenario, trace);
  assert_int_equal(r.endings[TW_COMPLETED], arrivals->len);
  double means[BATCHES] = {0}, all = 0, deviation = 0;
  guint size = arrivals->len / BATCHES;
  for (guint i = 0; i < size * BATCHES;
       i++) /* ends in the order of time: their sum is that of the requests */
    means[i / size] += (at(r.completion_s, i) - at(arrivals, i)) / size;
  for (int b = 0; b < BATCHES; b++)
    all += means[b] / BATCHES;
  for (int b = 0; b < BATCHES; b++)
    deviation += (means[b] - all) * (means[b] - all) / (BATCHES - 1);
  double half_width = 3.659 * sqrt(deviation / BATCHES);
  print_message("mean time in the system %.5f s, expected %.5f +- %.5f\n", all, expected_s, half_width);
  assert_near(all, expected_s, half_width);
  assert_true(half_width < expected_s / 4);
  clear_run(&r);
}

/* M/M/1 with breakdowns of rate f at any time, and repairs of D seconds, after which service resumes (Avi-Itzhak and
 * Naor 1963; Gaver 1962). A service of S takes C = S + its repairs: E[C] = E[S] (1 + f D), E[C²] = E[S²] (1 + f D)² +
 * E[S] f D². Pollaczek and Khinchine give E[C] + λ E[C²] / (2 (1 − λ E[C])), and who finds the server idle and broken
 * waits for the rest of its repair: f D² / (2 (1 + f D)) more. Services are 100 iterations of a millisecond on
 * average; a breakdown loses the part of one. */
static void sojourns_with_breakdowns_are_those_of_m_m_1(void **state)
{
  (void)state;
  static const test_costs server = {1e-3, 0, 0, 0, FALSE};
  double m = 100, p = -expm1(-1 / m), mean = 1e-3 / p, square = 1e-6 * (2 - p) / (p * p);
  double rate = 4, f = 0.2, d = 0.5, a = 1 + f * d;
  double c = mean * a, c2 = square * a * a + mean * f * d * d;
  double expected_s = c + rate * c2 / (2 * (1 - rate * c)) + f * d * d / (2 * a);
  g_autoptr(GArray) arrivals = g_array_new(FALSE, FALSE, sizeof(double));
  GString *trace = queue_trace(60000, rate, m, arrivals);
  tw_scenario *scenario = site(1, &server);
  add_fault(scenario, TW_PART_PROCESS, "*", NAN, 1 / f, d);
  expect_sojourn(scenario, 1, trace->str, arrivals, expected_s);
  clear(scenario);
  g_string_free(trace, TRUE);
}

/* Mean number in a system of c servers that break down together, with rate f, and are repaired with rate r: a Markov chain
 * of the number in it and whether the servers are up. Its levels are taken out from the top: with A0 = λ to the next level,
 * A2 = min(n, c) μ to the one below where servers are up, and A1 within, U_n = A1_n + A0 (−U_{n+1})⁻¹ A2_{n+1}, of which
 * π_0 U_0 = 0 and π_{n+1} = π_n A0 (−U_{n+1})⁻¹. Two states make a level: 0 is up, 1 is down. */
static double mean_in_system(int c, double rate, double service, double f, double r)
{
  enum { LEVELS = 2000 };
  static double to_next[LEVELS + 1][2][2]; /* A0 (−U_n)⁻¹ */
  double u[2][2] = {{0}};
  for (int n = LEVELS; n >= 0; n--) {
    double ends = MIN(n, c) * service, arrives = n < LEVELS ? rate : 0, ends_above = MIN(n + 1, c) * service;
    u[0][0] = -(arrives + f + ends), u[0][1] = f, u[1][0] = r, u[1][1] = -(arrives + r);
    for (int i = 0; i < 2 && n < LEVELS; i++)
      u[i][0] += to_next[n + 1][i][0] * ends_above;
    double determinant = u[0][0] * u[1][1] - u[0][1] * u[1][0];
    if (n == 0)
      break;
    to_next[n][0][0] = -rate * u[1][1] / determinant, to_next[n][0][1] = rate * u[0][1] / determinant;
    to_next[n][1][0] = rate * u[1][0] / determinant, to_next[n][1][1] = -rate * u[0][0] / determinant;
  }
  double up = u[1][0], down = -u[0][0], sum = up + down, weighted = 0;
  for (int n = 1; n <= LEVELS; n++) {
    double next_up = up * to_next[n][0][0] + down * to_next[n][1][0];
    down = up * to_next[n][0][1] + down * to_next[n][1][1];
    up = next_up;
    sum += up + down;
    weighted += n * (up + down);
  }
  return weighted / sum;
}

/* M/M/3 with breakdowns of all three, as sequences of one engine have them: by Little's law. Without breakdowns the chain
 * is Erlang's: with 3 servers and a load of 2 four ninths wait, for 1/μ, so that 2 + 4/9 · 2 are in the system. Who comes
 * while others are served waits for the end of an iteration, half a millisecond of 150. */
static void sojourns_with_breakdowns_are_those_of_m_m_c(void **state)
{
  (void)state;
  static const test_costs server = {1e-3, 0, 0, 0, FALSE};
  assert_near(mean_in_system(3, 2, 1, 0, 1), 2 + 8.0 / 9, 1e-9);
  double m = 100, mean = 1e-3 / -expm1(-1 / m), rate = 18, f = 0.2, r = 4;
  g_autoptr(GArray) arrivals = g_array_new(FALSE, FALSE, sizeof(double));
  GString *trace = queue_trace(40000, rate, m, arrivals);
  tw_scenario *scenario = site(1, &server);
  tw_chance lives = tw_chance_new(11, "lives"), repairs = tw_chance_new(11, "repairs");
  for (double t = 0; t < at(arrivals, arrivals->len - 1);) {
    double repair_s = tw_chance_exponential(&repairs) / r;
    t += tw_chance_exponential(&lives) / f;
    add_fault(scenario, TW_PART_PROCESS, "*", t, NAN, repair_s);
    t += repair_s;
  }
  expect_sojourn(scenario, 3, trace->str, arrivals, mean_in_system(3, rate, 1 / mean, f, r) / rate + 0.5e-3);
  clear(scenario);
  g_string_free(trace, TRUE);
}

/* A group of n accelerators, each broken a share p of the time, is up while at most `spares` of n + spares are broken:
 * (1 − p)^n without spares, a binomial sum with them. A request an hour keeps the run going. */
static void groups_are_available_as_binomials_say(void **state)
{
  (void)state;
  static const struct {
    int n, spares;
  } cases[] = {{8, 0}, {64, 0}, {8, 1}, {64, 4}};
  double mtbf_s = 99 * 3600.0, repair_s = 3600, p = repair_s / (mtbf_s + repair_s);
  GString *trace = g_string_new("arrival_s,prompt_tokens,answer_tokens\n");
  for (int i = 0; i < 40000; i++)
    g_string_append_printf(trace, "%d,4,1\n", 3600 * i);
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    int n = cases[i].n, all = n + cases[i].spares;
    tw_scenario *scenario = site(1, &second);
    scenario->audit = FALSE;
    scenario->interval_s = 1e6;
    scenario->failures->recovery = TW_RECOVERY_SPARES;
    scenario->platform->hosts[0].accelerators = all;
    scenario->plan.engines[0].shares[0].accelerators = n;
    add_fault(scenario, TW_PART_ACCELERATOR, "*", NAN, mtbf_s, repair_s);
    ran r = run(scenario, trace->str);
    double expected = 0, choose = 1;
    for (int k = 0; k <= cases[i].spares; choose *= (double)(all - k) / (k + 1), k++)
      expected += choose * pow(p, k) * pow(1 - p, all - k);
    double measured = 1 - r.totals.accelerator_down_s / r.totals.accelerator_s;
    print_message("%d accelerators and %d spares: available %.5f of the time, expected %.5f\n", n,
                  cases[i].spares, measured, expected);
    /* 40,000 hours hold 400 lives of each accelerator: of the unavailable time, a tenth is more than four deviations. */
    assert_near(1 - measured, 1 - expected, 0.1 * (1 - expected) + 2e-4);
    clear_run(&r);
    clear(scenario);
  }
  g_string_free(trace, TRUE);
}

/* The engine stands on the first accelerator of host b, behind two idle ones of host a, which are in no domain with it.
 * That accelerator breaks at 2.5 s for ten seconds, with two of six tokens told. A second accelerator of b stands in at
 * once: 4 + 2 tokens are computed again by 3.5 s, and the sixth token comes at 6.5 s. Without one the engine waits for the
 * repair, and ends ten seconds later: those of a do not help. */
static void a_spare_stands_in_within_its_domain_alone(void **state)
{
  (void)state;
  for (int spares = 0; spares <= 1; spares++) {
    tw_scenario *scenario = site(1, &second);
    tw_platform *platform = scenario->platform;
    platform->hosts = g_renew(tw_host, platform->hosts, 2);
    platform->n_hosts = 2;
    platform->hosts[0].accelerators = 2;
    platform->hosts[1] = platform->hosts[0];
    platform->hosts[1].id = (char *)"b";
    platform->hosts[1].accelerators = 1 + spares;
    scenario->plan.engines[0].shares[0].host = 1;
    scenario->failures->recovery = TW_RECOVERY_SPARES;
    add_fault(scenario, TW_PART_ACCELERATOR, "b/0", 2.5, NAN, 10);
    ran r = run(scenario, "arrival_s,prompt_tokens,answer_tokens\n0,4,6\n");
    assert_near(at(r.completion_s, 0), spares == 1 ? 6.5 : 16.5, 0);
    clear_run(&r);
    clear(scenario);
  }
}

/* ---- Independence ---- */

/* When the accelerators of a host break in the first 30,000 s; `also` adds failures of the host itself. */
static char *story(gboolean also, int accelerators)
{
  tw_scenario *scenario = site(1, &second);
  scenario->platform->hosts[0].accelerators = accelerators;
  scenario->failures->recovery = TW_RECOVERY_RESTART;
  if (also)
    add_fault(scenario, TW_PART_HOST, "*", NAN, 700, 10);
  add_fault(scenario, TW_PART_ACCELERATOR, "*", NAN, 1000, 10)->law = TW_FAULT_WEIBULL;
  GString *text = g_string_new(NULL);
  g_autoptr(tw_fault_source) source = tw_fault_source_new(scenario);
  while (tw_fault_source_due(source) < 30000) {
    tw_breakage what = tw_fault_source_next(source);
    if (what.part == TW_PART_ACCELERATOR && what.component < 2)
      g_string_append_printf(text, "%d %.9f\n", what.component, what.start_s);
    tw_fault_source_repaired(source, what.drawn, what.repaired_s);
  }
  clear(scenario);
  return g_string_free(text, FALSE);
}

static void components_break_independently_of_each_other(void **state)
{
  (void)state;
  g_autofree char *alone = story(FALSE, 2), *with_host = story(TRUE, 2), *with_others = story(FALSE, 8);
  assert_string_equal(alone, with_host);
  assert_string_equal(alone, with_others);
  assert_true(strlen(alone) > 100);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_failures_to_expect_are_counted),
      cmocka_unit_test(requests_go_back_once_the_failure_is_known),
      cmocka_unit_test(another_engine_takes_what_one_has_lost),
      cmocka_unit_test(a_request_that_has_lost_its_cache_waits_for_nothing_else),
      cmocka_unit_test(a_prompt_that_emits_the_last_token_sends_nothing),
      cmocka_unit_test(a_request_is_sent_again_so_often_and_no_more),
      cmocka_unit_test(an_engine_that_limps_takes_longer_from_the_next_iteration_on),
      cmocka_unit_test(a_group_that_shrinks_goes_on_slower),
      cmocka_unit_test(an_engine_that_stands_by_takes_the_place_of_another),
      cmocka_unit_test(sojourns_with_breakdowns_are_those_of_m_m_1),
      cmocka_unit_test(sojourns_with_breakdowns_are_those_of_m_m_c),
      cmocka_unit_test(groups_are_available_as_binomials_say),
      cmocka_unit_test(a_spare_stands_in_within_its_domain_alone),
      cmocka_unit_test(components_break_independently_of_each_other),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
