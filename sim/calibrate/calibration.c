#include "sim/calibrate/calibration.h"

#include "platforms/input/fault.h"
#include "sim/calibrate/bench.h"
#include "sim/site/factory.h"

#include <glib/gstdio.h>

#include <math.h>

const char *const tw_calibrated_names[TW_CALIBRATED] = {"request", "iteration", "compute"};
/* How far a server may well be from what ships, as a deviation of the logarithm. */
static const double deviations[TW_CALIBRATED] = {0.5, 0.5, 0.15};

enum { TTFT_MEAN, TTFT_P50, TTFT_P90, TPOT_MEAN, TPOT_P50, STATISTICS };
/* The objective of the fit: means of the logarithms of simulated over measured times, which move smoothly where quantiles
 * jump. */
enum { SHORT_TTFT, LONG_TTFT, TOKENS, ITERATIONS, TERMS };

typedef struct outcome {
  double statistics[STATISTICS], terms[TERMS];
} outcome;

typedef struct part {
  const GArray *requests;
  guint from, to;
  double measured[STATISTICS];
  gint64 middle;                   /* tokens of the prompt in the middle of the part */
  double first_s, start_s, last_s; /* starts of the first of all requests, and of the part's first and last */
  double iterations; /* iterations of the server between the part's first and last start; NAN: not told */
  char *directory, *scenario;
  const char *asynchronous; /* Value of the attribute of <scheduler>; NULL: as the engine's file says. */
} part;

/* ---- What was measured ---- */

static int by_value(gconstpointer a, gconstpointer b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double quantile(GArray *values, double q)
{
  g_array_sort(values, by_value);
  return values->len > 0 ? g_array_index(values, double, MIN((guint)(q * values->len), values->len - 1))
                         : NAN;
}

static double mean(const GArray *values)
{
  double sum = 0;
  for (guint i = 0; i < values->len; i++)
    sum += g_array_index(values, double, i);
  return values->len > 0 ? sum / values->len : NAN;
}

static double start_of(const part *p, guint i)
{
  return g_array_index(p->requests, tw_bench_request, i).start_s;
}

static void measure(part *p, const GArray *counters)
{
  g_autoptr(GArray) ttft = g_array_new(FALSE, FALSE, sizeof(double)),
                    tpot = g_array_new(FALSE, FALSE, sizeof(double)),
                    prompts = g_array_new(FALSE, FALSE, sizeof(double));
  for (guint i = p->from; i < p->to; i++) {
    const tw_bench_request *r = &g_array_index(p->requests, tw_bench_request, i);
    double prompt = (double)r->prompt_tokens;
    g_array_append_val(prompts, prompt);
    g_array_append_val(ttft, r->ttft_s);
    if (isfinite(r->tpot_s))
      g_array_append_val(tpot, r->tpot_s);
  }
  p->middle = (gint64)quantile(prompts, 0.5);
  p->first_s = start_of(p, 0);
  p->start_s = start_of(p, p->from);
  p->last_s = start_of(p, p->to - 1);
  p->iterations = counters == NULL
                      ? NAN
                      : tw_bench_iterations(counters, p->last_s) - tw_bench_iterations(counters, p->start_s);
  p->measured[TTFT_MEAN] = mean(ttft);
  p->measured[TTFT_P50] = quantile(ttft, 0.5);
  p->measured[TTFT_P90] = quantile(ttft, 0.9);
  p->measured[TPOT_MEAN] = mean(tpot);
  p->measured[TPOT_P50] = quantile(tpot, 0.5);
}

/* ---- What is simulated ---- */

static gboolean write_part(part *p, const tw_calibration_setup *s, GError **error)
{
  p->directory = g_dir_make_tmp("calibrate-XXXXXX", error);
  if (p->directory == NULL)
    return FALSE;
  g_autofree char *trace = g_build_filename(p->directory, "trace.csv", NULL),
                  *platform = g_build_filename(p->directory, "platform.xml", NULL);
  p->scenario = g_build_filename(p->directory, "scenario.xml", NULL);
  g_autoptr(GString) rows = g_string_new("arrival_s,prompt_tokens,answer_tokens\n");
  /* Earlier requests are simulated too, so that the server is as busy as it was, and left out of the statistics. */
  gint64 longest = 1;
  for (guint i = 0; i < p->to; i++) {
    const tw_bench_request *r = &g_array_index(p->requests, tw_bench_request, i);
    g_string_append_printf(rows, "%.9f,%" G_GINT64_FORMAT ",%" G_GINT64_FORMAT "\n", r->start_s - p->first_s,
                           r->prompt_tokens, r->output_tokens);
    longest = MAX(longest, r->prompt_tokens + r->output_tokens);
  }
  g_autofree char *device = g_markup_escape_text(s->device, -1), *model = g_markup_escape_text(s->model, -1),
                  *engine = g_markup_escape_text(s->engine, -1);
  g_autofree char *site = g_strdup_printf(
      "<?xml version='1.0'?>\n<!DOCTYPE platform SYSTEM \"https://simgrid.org/simgrid.dtd\">\n"
      "<platform version=\"4.1\"><zone id=\"node\" routing=\"Full\"><prop id=\"tw:role\" value=\"node\"/>"
      "<host id=\"host\" speed=\"1Gf\"><prop id=\"tw:device\" value=\"%s\"/><prop id=\"tw:accelerators\" "
      "value=\"%d\"/></host></zone></platform>\n",
      device, s->tp * s->dp);
  g_autofree char *text = g_strdup_printf(
      "<scenario name=\"calibrate\"><platform file=\"platform.xml\"/><workload><trace format=\"tokenworks\" "
      "file=\"trace.csv\"/></workload><pool id=\"serve\" model=\"%s\" tp=\"%d\" dp=\"%d\" ep=\"%d\" "
      "weights=\"%s\" "
      "kv=\"%s\"><scheduler max-seqs=\"%d\" max-batched-tokens=\"%d\" max-model-len=\"%" G_GINT64_FORMAT
      "\"/><step-time engine=\"%s\"/></pool><router/><output warmup=\"%.9fs\"/></scenario>\n",
      model, s->tp, s->dp, s->ep, s->weights, s->kv, s->max_seqs, s->max_batched_tokens, longest + 16, engine,
      p->start_s - p->first_s);
  return g_file_set_contents(trace, rows->str, -1, error) && g_file_set_contents(platform, site, -1, error) &&
         g_file_set_contents(p->scenario, text, -1, error);
}

static void part_clear(part *p)
{
  static const char *const files[] = {"trace.csv", "platform.xml", "scenario.xml"};
  for (guint i = 0; p->directory != NULL && i < G_N_ELEMENTS(files); i++) {
    g_autofree char *path = g_build_filename(p->directory, files[i], NULL);
    g_unlink(path);
  }
  if (p->directory != NULL)
    g_rmdir(p->directory);
  g_free(p->directory);
  g_free(p->scenario);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(part, part_clear)

/* Sums over the requests of a part, as they end. */
typedef struct comparison {
  const part *part;
  double sum[TERMS], n[TERMS];
} comparison;

static void add_ratio(comparison *c, int term, double simulated, double measured)
{
  if (!(simulated > 0 && measured > 0))
    return;
  c->sum[term] += log(simulated / measured);
  c->n[term]++;
}

static void compare(void *user, const tw_sequence *sequence, tw_ending ending, const char *reason,
                    double joules, double now_s)
{
  comparison *c = user;
  const tw_request *request = &sequence->request;
  (void)reason, (void)joules;
  if (ending != TW_COMPLETED || request->id < c->part->from)
    return;
  const tw_bench_request *measured = &g_array_index(c->part->requests, tw_bench_request, request->id);
  add_ratio(c, request->prompt_tokens <= c->part->middle ? SHORT_TTFT : LONG_TTFT,
            sequence->first_token_s - request->arrival_s, measured->ttft_s);
  if (measured->output_tokens > 1)
    add_ratio(c, TOKENS, (now_s - sequence->first_token_s) / (double)(measured->output_tokens - 1),
              measured->tpot_s);
}

/* `values` NULL: as shipped, which then are read into `shipped`. */
static gboolean simulate(const part *p, const double *values, outcome *result, tw_calibration *shipped,
                         GError **error)
{
  g_auto(GStrv) assignments = g_new0(char *, TW_CALIBRATED + 2);
  if (values != NULL) {
    assignments[0] = g_strdup_printf("//router/@frontend=%.9fs", values[0]);
    assignments[1] = g_strdup_printf("//step-time/@iteration=%.9fs", values[1]);
    assignments[2] = g_strdup_printf("//step-time/@compute=%.9f", fmin(1, values[2]));
    if (p->asynchronous != NULL)
      assignments[3] = g_strdup_printf("//scheduler/@asynchronous=%s", p->asynchronous);
  }
  g_autoptr(tw_faults) faults = tw_faults_new();
  g_autoptr(tw_scenario) scenario = tw_scenario_load(p->scenario, (const char *const *)assignments, faults);
  if (scenario == NULL)
    return tw_input_error_set(error, TW_INPUT_ERROR_VALUE, NULL, 0, "%s", tw_faults_get(faults, 0));
  if (shipped != NULL) {
    const tw_software *o = &scenario->pools[0].software;
    shipped->host_factor = scenario->pools[0].plan.device->host_factor;
    shipped->shipped[0] = o->request_s * shipped->host_factor;
    shipped->shipped[1] = o->iteration_s;
    shipped->shipped[2] = o->compute;
  }
  g_autoptr(tw_stream) stream = tw_scenario_stream(scenario, error);
  if (stream == NULL)
    return FALSE;
  g_autoptr(tw_recorder) recorder = tw_recorder_new(scenario, NULL);
  comparison c = {.part = p};
  tw_recorder_watch(recorder, compare, &c);
  g_autoptr(tw_factory) factory = tw_factory_new(scenario, stream, recorder, NULL);
  gboolean sound = tw_factory_start(factory, error);
  double before = NAN, after = NAN; /* iterations at the first and at the last start of the part */
  for (double next_s; sound && (tw_factory_next(factory, &next_s), isfinite(next_s));) {
    sound = tw_factory_advance(factory, next_s, error);
    double iterations = (double)tw_engine_iterations(tw_factory_engine(factory, 0));
    before = isnan(before) && next_s >= p->start_s - p->first_s ? iterations : before;
    after = isnan(after) && next_s >= p->last_s - p->first_s ? iterations : after;
  }
  if (!sound)
    return FALSE;
  tw_factory_finish(factory, INFINITY);
  const tw_histogram *ttft = tw_recorder_latency(recorder, TW_LATENCY_TTFT),
                     *tpot = tw_recorder_latency(recorder, TW_LATENCY_TPOT);
  /* More iterations are shorter ones. */
  add_ratio(&c, ITERATIONS, p->iterations, after - before);
  for (int i = 0; i < TERMS; i++)
    result->terms[i] = c.n[i] > 0 ? c.sum[i] / c.n[i] : 0;
  double *statistics = result->statistics;
  statistics[TTFT_MEAN] = tw_histogram_mean(ttft);
  statistics[TTFT_P50] = tw_histogram_quantile(ttft, 0.5);
  statistics[TTFT_P90] = tw_histogram_quantile(ttft, 0.9);
  statistics[TPOT_MEAN] = tw_histogram_mean(tpot);
  statistics[TPOT_P50] = tw_histogram_quantile(tpot, 0.5);
  return TRUE;
}

static double error_of(const part *p, const double *statistics)
{
  double sum = 0, n = 0;
  for (int i = 0; i < STATISTICS; i++)
    if (isfinite(p->measured[i])) {
      sum += fabs(statistics[i] / p->measured[i] - 1);
      n++;
    }
  return sum / n;
}

/* ---- The fit ---- */

/* Residuals, of the means and of the prior; what was not recorded is 0. */
static gboolean residuals(const part *p, const double *shipped, const double *x, double *r, GError **error)
{
  enum { SHARE = 40 }; /* a mean within 2.5 % weighs as much as a parameter a deviation away */
  double values[TW_CALIBRATED];
  outcome o;
  for (int i = 0; i < TW_CALIBRATED; i++)
    values[i] = shipped[i] * exp(x[i]);
  if (!simulate(p, values, &o, NULL, error))
    return FALSE;
  for (int i = 0; i < TERMS; i++)
    r[i] = SHARE * o.terms[i];
  for (int i = 0; i < TW_CALIBRATED; i++)
    r[TERMS + i] = x[i] / deviations[i];
  return TRUE;
}

/* Solves the normal equations of one step, by Gauss-Jordan; they are regular for the prior. */
static void solve(double jacobian[TERMS + TW_CALIBRATED][TW_CALIBRATED], const double *r, double *step)
{
  enum { N = TW_CALIBRATED };
  double m[N][N + 1] = {{0}};
  for (int a = 0; a < N; a++)
    for (int i = 0; i < TERMS + N; i++) {
      for (int b = 0; b < N; b++)
        m[a][b] += jacobian[i][a] * jacobian[i][b];
      m[a][N] -= jacobian[i][a] * r[i];
    }
  for (int p = 0; p < N; p++)
    for (int a = 0; a < N; a++)
      for (int b = N; a != p && b >= p; b--)
        m[a][b] -= m[a][p] / m[p][p] * m[p][b];
  for (int a = 0; a < N; a++)
    step[a] = m[a][N] / m[a][a];
}

static gboolean sum_of(const part *p, const double *shipped, const double *x, double *r, double *sum,
                       GError **error)
{
  if (!residuals(p, shipped, x, r, error))
    return FALSE;
  *sum = 0;
  for (int i = 0; i < TERMS + TW_CALIBRATED; i++)
    *sum += r[i] * r[i];
  return TRUE;
}

static gboolean fit(const part *p, const double *shipped, double *values, GError **error)
{
  enum { ROUNDS = 6, ALL = TERMS + TW_CALIBRATED };
  const double h = 0.1;
  double x[TW_CALIBRATED] = {0}, r[ALL], sum;
  if (!sum_of(p, shipped, x, r, &sum, error))
    return FALSE;
  for (int round = 0; round < ROUNDS; round++) {
    double jacobian[ALL][TW_CALIBRATED], step[TW_CALIBRATED], scale = 1;
    for (int a = 0; a < TW_CALIBRATED; a++) {
      double at[TW_CALIBRATED], moved[ALL];
      memcpy(at, x, sizeof at);
      at[a] += h;
      if (!residuals(p, shipped, at, moved, error))
        return FALSE;
      for (int i = 0; i < ALL; i++)
        jacobian[i][a] = (moved[i] - r[i]) / h;
    }
    solve(jacobian, r, step);
    /* A step that does not help is halved. */
    for (; scale > 0.1; scale /= 2) {
      double at[TW_CALIBRATED], moved[ALL], after;
      for (int a = 0; a < TW_CALIBRATED; a++)
        at[a] = x[a] + scale * CLAMP(step[a], -0.5, 0.5);
      if (!sum_of(p, shipped, at, moved, &after, error))
        return FALSE;
      if (after >= sum)
        continue;
      sum = after;
      memcpy(x, at, sizeof x);
      memcpy(r, moved, sizeof r);
      break;
    }
    if (scale <= 0.1)
      break;
  }
  for (int a = 0; a < TW_CALIBRATED; a++)
    values[a] = shipped[a] * exp(x[a]);
  values[2] = fmin(1, values[2]);
  return TRUE;
}

/* Fits with the engine's own scheduling, and with both kinds of it: a release may differ from the engine's file. */
static gboolean fit_schedules(part *first, tw_calibration *result, GError **error)
{
  static const char *const kinds[] = {"engine", "false", "true"};
  const double least = 0.01; /* a better fit by less is the noise of the requests */
  for (guint k = 0; k < G_N_ELEMENTS(kinds); k++) {
    double values[TW_CALIBRATED];
    outcome o;
    first->asynchronous = kinds[k];
    if (!fit(first, result->shipped, values, error) || !simulate(first, values, &o, NULL, error))
      return FALSE;
    double after = error_of(first, o.statistics);
    if (k > 0 && after > result->fitted_after - least)
      continue;
    result->fitted_after = after;
    result->asynchronous = kinds[k];
    memcpy(result->value, values, sizeof values);
  }
  first->asynchronous = result->asynchronous;
  return TRUE;
}

gboolean tw_calibrate(const tw_calibration_setup *setup, const GArray *requests, tw_calibration *result,
                      GError **error)
{
  enum { QUARTERS = 4, FEWEST = 8 };
  guint split = (guint)((double)requests->len * (1 - setup->held_out));
  if (split < FEWEST)
    return tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0,
                              "too few requests to fit: %u; measure %d or more, or hold out less", split,
                              FEWEST);
  g_auto(part) first = {.requests = requests, .to = split},
               rest = {.requests = requests, .from = split, .to = requests->len};
  outcome o = {0};
  measure(&first, setup->counters);
  *result = (tw_calibration){
      .fitted = split, .held_out = requests->len - split, .held_out_before = NAN, .held_out_after = NAN};
  if (!write_part(&first, setup, error) || !simulate(&first, NULL, &o, result, error))
    return FALSE;
  result->fitted_before = error_of(&first, o.statistics);
  if (!fit_schedules(&first, result, error))
    return FALSE;
  if (result->held_out > 0) {
    measure(&rest, setup->counters);
    if (!write_part(&rest, setup, error) || !simulate(&rest, NULL, &o, NULL, error))
      return FALSE;
    result->held_out_before = error_of(&rest, o.statistics);
    rest.asynchronous = result->asynchronous;
    if (!simulate(&rest, result->value, &o, NULL, error))
      return FALSE;
    result->held_out_after = error_of(&rest, o.statistics);
  }
  double squares[TW_CALIBRATED] = {0};
  for (guint q = 0; q < QUARTERS; q++) {
    g_auto(part) quarter = {.requests = requests,
                            .from = split * q / QUARTERS,
                            .to = split * (q + 1) / QUARTERS,
                            .asynchronous = result->asynchronous};
    double values[TW_CALIBRATED];
    measure(&quarter, setup->counters);
    if (!write_part(&quarter, setup, error) || !fit(&quarter, result->shipped, values, error))
      return FALSE;
    for (int a = 0; a < TW_CALIBRATED; a++)
      squares[a] += pow(values[a] - result->value[a], 2);
  }
  /* The deviation of a mean of four, times what 90 % of a normal law lie within. */
  for (int a = 0; a < TW_CALIBRATED; a++)
    result->interval[a] = 1.645 * sqrt(squares[a] / (QUARTERS - 1) / QUARTERS);
  return TRUE;
}
