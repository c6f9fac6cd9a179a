/* A day drawn from ServeGen's tables of a DeepSeek-R1 service against these tables. */
#include "platforms/input/data.h"
#include "tests/workloads/given.h"
#include "workloads/input/csv.h"
#include "workloads/stream/servegen.h"

#include <glib/gstdio.h>

enum { WINDOW_S = 600, WINDOWS = 144, LONGEST = 1 << 18 };

static char *table(const char *name)
{
  g_autofree char *relative = g_strconcat("workloads/clients/", name, NULL);
  return tw_data_path(relative);
}

static tw_servegen *load(void)
{
  g_autoptr(tw_faults) faults = tw_faults_new();
  g_autofree char *arrivals = table("servegen-r1-arrivals.csv.gz"),
                  *lengths = table("servegen-r1-lengths.csv.gz");
  tw_servegen *tables = tw_servegen_load(arrivals, lengths, faults);
  assert_int_equal(tw_faults_count(faults), 0);
  return tables;
}

/* A drawn day: counts by window, and how many requests have so many tokens. */
typedef struct day {
  double requests, in_window[WINDOWS];
  double *input, *output;
  double reasoning, reasoning_share;
} day;

static day draw(const tw_servegen *tables, guint64 seed)
{
  day d = {.input = g_new0(double, LONGEST), .output = g_new0(double, LONGEST)};
  g_autoptr(tw_stream) stream = tw_stream_servegen(tables, "r1", 1, G_MAXINT64, INFINITY, seed);
  double before_s = 0;
  for (tw_request r; tw_stream_next(stream, &r, NULL); tw_request_clear(&r)) {
    assert_true(r.arrival_s >= before_s && r.arrival_s < 86400);
    before_s = r.arrival_s;
    gint32 output = tw_request_output_tokens(&r);
    d.requests++;
    d.in_window[(int)(r.arrival_s / WINDOW_S)]++;
    d.input[MIN(r.prompt_tokens, LONGEST - 1)]++;
    d.output[MIN(output, LONGEST - 1)]++;
    d.reasoning += r.reasoning_tokens;
    d.reasoning_share += (double)r.reasoning_tokens / output;
  }
  return d;
}

static void free_day(day *d)
{
  g_free(d->input);
  g_free(d->output);
}

/* The distribution of a field over the day that the tables say: each client's in each window of 6 h, weighted
 * by its requests there. Read here once more, without the code under test. */
static double *expected(const char *field, double *mean)
{
  enum { CLIENTS = 128, SPANS = 4 };
  static const tw_csv_column of_arrivals[] = {
      {"client_id", FALSE}, {"window_start_s", FALSE}, {"rate_rps", FALSE}, {NULL, FALSE}};
  static const tw_csv_column of_lengths[] = {{"client_id", FALSE}, {"window_start_s", FALSE},
                                             {"field", FALSE},     {"value", FALSE},
                                             {"prob", FALSE},      {NULL, FALSE}};
  static double weight[CLIENTS][SPANS];
  double *mass = g_new0(double, LONGEST), all = 0;
  memset(weight, 0, sizeof weight);
  g_autofree char *arrivals = table("servegen-r1-arrivals.csv.gz"),
                  *lengths = table("servegen-r1-lengths.csv.gz");
  g_autoptr(tw_input) rates = tw_input_open(arrivals, NULL);
  g_autoptr(tw_csv) rows = tw_csv_open(rates, of_arrivals, NULL);
  while (tw_csv_next(rows, NULL)) {
    double requests = g_ascii_strtod(tw_csv_text(rows, 2), NULL) * WINDOW_S;
    weight[g_ascii_strtoll(tw_csv_text(rows, 0), NULL, 10)]
          [g_ascii_strtoll(tw_csv_text(rows, 1), NULL, 10) / 21600] += requests;
    all += requests;
  }
  g_autoptr(tw_input) values = tw_input_open(lengths, NULL);
  g_autoptr(tw_csv) cells = tw_csv_open(values, of_lengths, NULL);
  *mean = 0;
  while (tw_csv_next(cells, NULL))
    if (g_str_equal(tw_csv_text(cells, 2), field)) {
      double value = g_ascii_strtod(tw_csv_text(cells, 3), NULL);
      double p = g_ascii_strtod(tw_csv_text(cells, 4), NULL) / all *
                 weight[g_ascii_strtoll(tw_csv_text(cells, 0), NULL, 10)]
                       [g_ascii_strtoll(tw_csv_text(cells, 1), NULL, 10) / 21600];
      mass[CLAMP((int)value, 1, LONGEST - 1)] += p;
      *mean += p * value;
    }
  return mass;
}

/* The largest distance between two distributions (Kolmogorov and Smirnov). */
static double distance(const double *drawn, double n, const double *wanted)
{
  double a = 0, b = 0, most = 0;
  for (int i = 0; i < LONGEST; i++) {
    a += drawn[i] / n;
    b += wanted[i];
    most = fmax(most, fabs(a - b));
  }
  return most;
}

/* 1,383,669 requests are what the rates add up to. Clients' gaps are burstier than Poisson: with cv² of about
 * 9 the deviation of the sum is 3 sqrt(N) = 3,500; without rescaling there would be 28 % too many. */
static void as_many_requests_arrive_as_the_rates_say(void **state)
{
  (void)state;
  g_autoptr(tw_servegen) tables = load();
  assert_int_equal(tw_servegen_clients(tables), 73);
  assert_near(tw_servegen_span_s(tables), 86400, 0);
  assert_near(tw_servegen_requests(tables), 1383669, 1);
  day d = draw(tables, 1);
  assert_near(d.requests, 1383669, 0.01 * 1383669);
  /* Every window of 10 minutes has some 2,600 to 25,500 requests of bursty clients. */
  double off = 0;
  for (int w = 0; w < WINDOWS; w++) {
    double rate = tw_servegen_rate(tables, w * WINDOW_S) * WINDOW_S;
    assert_near(d.in_window[w], rate, 0.35 * rate);
    off += fabs(d.in_window[w] - rate) / rate / WINDOWS;
  }
  assert_true(off < 0.05);
  /* Lengths are the tables' mixtures. The critical distance at 0.1 % would be 1.95 / sqrt(N) = 0.0017 if the
   * shares of clients were fixed; they vary by about 1 %. */
  double mean;
  g_autofree double *input = expected("input_tokens", &mean), *output = expected("output_tokens", &mean);
  assert_true(distance(d.input, d.requests, input) < 0.006);
  assert_true(distance(d.output, d.requests, output) < 0.006);
  g_autofree double *ratio = expected("reason_ratio", &mean);
  assert_near(d.reasoning_share / d.requests, mean, 0.005);
  free_day(&d);
}

/* One client of rate 2/s whose gaps have the shape 0.25, so the cv 2, for an hour: so do the drawn ones. The
 * second hour is silent. */
static void gaps_have_the_shape_of_the_tables(void **state)
{
  g_autofree char *arrivals = given_text(state, "arrivals.csv",
                                         "client_id,window_start_s,rate_rps,cv,pattern,param1,param2\n"
                                         "a,0,2,2,Gamma,0.25,99\n"
                                         "a,36000,0,0,,0,0\n");
  g_autofree char *lengths = given_text(state, "lengths.csv",
                                        "client_id,window_start_s,field,value,prob\n"
                                        "a,0,input_tokens,7,1\na,0,output_tokens,10,1\n"
                                        "a,0,reason_ratio,0.25,1\n"
                                        "a,18000,input_tokens,8,1\na,18000,output_tokens,20,1\n");
  g_autoptr(tw_faults) faults = tw_faults_new();
  g_autoptr(tw_servegen) tables = tw_servegen_load(arrivals, lengths, faults);
  assert_non_null(tables);
  g_autoptr(tw_stream) stream = tw_stream_servegen(tables, "x", 1, G_MAXINT64, INFINITY, 1);
  double n = 0, sum = 0, squares = 0, before_s = 0;
  for (tw_request r; tw_stream_next(stream, &r, NULL); tw_request_clear(&r), n++) {
    double gap = r.arrival_s - before_s;
    before_s = r.arrival_s;
    sum += gap;
    squares += gap * gap;
    assert_string_equal(r.session, "a");
    assert_int_equal(r.prompt_tokens, r.arrival_s < 18000 ? 7 : 8);
    assert_int_equal(r.reasoning_tokens, r.arrival_s < 18000 ? 3 : 0); /* 2.5, rounded */
    assert_int_equal(tw_request_output_tokens(&r), r.arrival_s < 18000 ? 10 : 20);
  }
  assert_true(before_s < 36000);
  assert_near(n, 72000, 5 * 2 * sqrt(72000));
  assert_near(sqrt(squares / n - (sum / n) * (sum / n)) / (sum / n), 2, 0.1);
}

static void tables_that_do_not_fit_are_refused(void **state)
{
#define ARRIVALS "client_id,window_start_s,rate_rps,pattern,param1\n"
#define LENGTHS  "client_id,window_start_s,field,value,prob\n"
  static const struct {
    const char *arrivals, *lengths, *fault;
  } cases[] = {
      {ARRIVALS "a,0,1,Gamma,1\n", LENGTHS "b,0,input_tokens,1,1\nb,0,output_tokens,1,1\n",
       ": client 'a' has arrivals and no lengths; add its distributions"},
      {ARRIVALS "a,0,1,Gamma,0\n", LENGTHS,
       "arrivals.csv:2: param1 is '0'; a number from 0.001 to 1000 is needed"},
      {ARRIVALS "a,0,1,Gama,1\n", LENGTHS,
       "arrivals.csv:2: pattern is 'Gama'; Gamma, Weibull or nothing is needed"},
      {ARRIVALS "a,600,1,,\na,0,1,,\n", LENGTHS,
       "arrivals.csv:3: window_start_s does not rise for client 'a'; sort the rows by client and time"},
      {ARRIVALS "a,0,1,,\n", LENGTHS "a,0,input_tokens,1,0\na,0,output_tokens,1,1\n",
       "lengths.csv: the distribution of input_tokens of client 'a' from 0 s on has no mass; give it rows "
       "with "
       "prob above 0"},
      {ARRIVALS "a,0,1,,\n", LENGTHS "a,0,input_token,1,1\n",
       "lengths.csv:2: field is 'input_token'; did you mean \"input_tokens\"?"},
      {ARRIVALS "a,0,0,,\n", LENGTHS, "arrivals.csv: nothing ever arrives; give a window a rate above 0"},
  };
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autofree char *arrivals = given_text(state, "arrivals.csv", cases[i].arrivals);
    g_autofree char *lengths = given_text(state, "lengths.csv", cases[i].lengths);
    g_autoptr(tw_faults) faults = tw_faults_new();
    assert_null(tw_servegen_load(arrivals, lengths, faults));
    if (tw_faults_count(faults) != 1)
      fail_msg("%s and %s", tw_faults_get(faults, 0), tw_faults_get(faults, 1));
    if (!g_str_has_suffix(tw_faults_get(faults, 0), cases[i].fault))
      fail_msg("%s", tw_faults_get(faults, 0));
  }
}

/* 0.5/s and 0.02/s for 600 s each; the second window of lengths is empty. */
static void a_folder_of_servegens_own_files_is_read(void **state)
{
  (void)state;
  static const char folder[] = TW_SOURCE_DIR "/tests/workloads/formats/samples/servegen";
  g_autoptr(tw_faults) faults = tw_faults_new();
  g_autoptr(tw_servegen) tables = tw_servegen_load(folder, NULL, faults);
  assert_int_equal(tw_faults_count(faults), 0);
  assert_int_equal(tw_servegen_clients(tables), 1);
  assert_near(tw_servegen_span_s(tables), 1800, 0);
  assert_near(tw_servegen_requests(tables), 312, 1e-9);
  assert_near(tw_servegen_rate(tables, 1300), 0.02, 0);
  g_autoptr(tw_stream) stream = tw_stream_servegen(tables, "own", 1, G_MAXINT64, INFINITY, 1);
  int long_prompts = 0, requests = 0;
  for (tw_request r; tw_stream_next(stream, &r, NULL); tw_request_clear(&r), requests++) {
    assert_true(r.prompt_tokens == 10 || r.prompt_tokens == 20);
    assert_int_equal(tw_request_output_tokens(&r), 5);
    assert_string_equal(r.session, "0");
    long_prompts += r.prompt_tokens == 20;
  }
  assert_near((double)long_prompts / requests, 0.75, 0.1); /* four standard deviations of 300 */
}

static void a_folder_without_clients_or_with_broken_ones_is_a_fault(void **state)
{
  (void)state;
  static const struct {
    const char *trace, *dataset, *message;
  } cases[] = {
      {NULL, NULL, ": no chunk-N-trace.csv lies there"},
      {"0,0.5,1\n", "{}", "chunk-7-trace.csv:1: '0,0.5,1' is no window of arrivals"},
      {"0,0.5,1,Pareto,1,1\n", "{}", "chunk-7-trace.csv:1: '0,0.5,1,Pareto,1,1' is no window of arrivals"},
      {"0,0.5,1,,,\n", NULL, "chunk-7-dataset.json"},
      {"0,0.5,1,,,\n", "[]", "chunk-7-dataset.json"},
      {"0,0.5,1,,,\n", "{\"0\": {\"input_tokens\": \"{5: }\", \"output_tokens\": \"{5: 1}\"}}",
       "chunk-7-dataset.json:1: input_tokens holds '5: }'"},
      {"0,0.5,1,,,\n", "{\"0\": {\"input_tokens\": \"{}\", \"output_tokens\": \"{}\"}}",
       ": client '7' has arrivals and no lengths"}};
  g_autofree char *folder = g_dir_make_tmp("tw-servegen-XXXXXX", NULL),
                  *trace = g_build_filename(folder, "chunk-7-trace.csv", NULL),
                  *dataset = g_build_filename(folder, "chunk-7-dataset.json", NULL);
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    if (cases[i].trace != NULL)
      assert_true(g_file_set_contents(trace, cases[i].trace, -1, NULL));
    if (cases[i].dataset != NULL)
      assert_true(g_file_set_contents(dataset, cases[i].dataset, -1, NULL));
    g_autoptr(tw_faults) faults = tw_faults_new();
    assert_null(tw_servegen_load(folder, NULL, faults));
    if (strstr(tw_faults_get(faults, 0), cases[i].message) == NULL)
      fail_msg("%s: not '%s'", tw_faults_get(faults, 0), cases[i].message);
    g_unlink(trace);
    g_unlink(dataset);
  }
  g_rmdir(folder);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_folder_of_servegens_own_files_is_read),
      cmocka_unit_test(a_folder_without_clients_or_with_broken_ones_is_a_fault),
      cmocka_unit_test(as_many_requests_arrive_as_the_rates_say),
      cmocka_unit_test(gaps_have_the_shape_of_the_tables),
      cmocka_unit_test(tables_that_do_not_fit_are_refused),
  };
  return cmocka_run_group_tests(tests, given_directory, remove_directory);
}
