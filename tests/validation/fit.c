#include "tests/validation/fit.h"

#include "tests/validation/evaluate.h"
#include "tests/validation/quantile.h"

#include <gsl/gsl_multifit_nlinear.h>
#include <math.h>

const char *const fit_parameter_names[FIT_PARAMETERS] = {"iteration",   "per-seq",       "experts", "compute",
                                                         "eager-layer", "eager-experts", "fp8"};
static const double scales[FIT_PARAMETERS] = {1e-3, 1e-5, 1, 1, 1e-3, 1e-3, 1};
const double fit_parameter_neutral[FIT_PARAMETERS] = {0, 0, 1, 1, 0, 0, 1};
enum { EXPERTS = 2, COMPUTE, FP8 = 6 };

/* TTFT has no say where clients of equal lengths come back in steps of whole prompts, since it tells of the
 * client then, not of the engine. The time of a request comes from recorded open loops. */
static const struct {
  case_metric metric;
  double weight;
} targets[] = {{CASE_TPOT, 1}, {CASE_TTFT, 0.35}};
enum { TARGETS = G_N_ELEMENTS(targets) };

/* The knowledge before any row is seen, and how far an engine may well be from it, as a deviation of the
 * logarithm: kernels as they were measured, a millisecond and 20 us a sequence of software. Each counts as a
 * quarter of the rows do together, so that models of one engine that cannot tell two parameters apart do not
 * drive them to values that no other model bears out. */
static const struct {
  double value, deviation;
} prior[FIT_PARAMETERS] = {{1e-3, 0.25},  {2e-5, 0.25},  {0.8, 0.2}, {0.93, 0.1},
                           {4.8e-4, 0.5}, {3.6e-4, 0.7}, {0.85, 0.1}};
enum { ROUNDS = 4 };
#define ROW_ERROR 0.05 /* relative error of a row, whatever the parameters are */

typedef struct problem {
  GPtrArray *cases;
  const char *scratch;
  guint free[FIT_PARAMETERS], n_free; /* the result's values that the vector holds */
  fit_result *result, simulated;      /* simulated: the values that the cases' predictions belong to */
  double prior;                       /* weight */
} problem;

gboolean fit_parameter_is_share(int parameter)
{
  return parameter == COMPUTE || parameter == EXPERTS || parameter == FP8;
}

char **fit_assignments(const fit_result *result)
{
  GPtrArray *list = g_ptr_array_new();
  for (int p = 0; p < FIT_PARAMETERS; p++) {
    char text[G_ASCII_DTOSTR_BUF_SIZE];
    gboolean share = fit_parameter_is_share(p);
    g_ascii_dtostr(text, sizeof text, share ? result->value[p] : result->value[p] * 1e6);
    g_ptr_array_add(list,
                    g_strdup_printf("//step-time/@%s=%s%s", fit_parameter_names[p], text, share ? "" : "us"));
  }
  g_ptr_array_add(list, NULL);
  return (char **)g_ptr_array_free(list, FALSE);
}

/* Overheads are squares of the unknowns, and the compute share a logistic function, so that they stay in
 * their ranges; that of experts stays below 2. */
static double value_of(guint parameter, double x)
{
  if (parameter == COMPUTE || parameter == EXPERTS || parameter == FP8)
    return (parameter == EXPERTS ? 2 : 1) / (1 + exp(-x));
  return scales[parameter] * x * x;
}

static double unknown_of(guint parameter, double value)
{
  if (parameter == COMPUTE || parameter == EXPERTS || parameter == FP8) {
    value = CLAMP(parameter == EXPERTS ? value / 2 : value, 0.05, 0.97);
    return log(value / (1 - value));
  }
  return sqrt(fmax(value / scales[parameter], 0.01));
}

/* Grows like a square near 0 and like a line beyond 0.2: a few odd rows do not decide. */
static double soften(double r)
{
  const double scale = 0.2;
  double z = r / scale;
  return copysign(scale * sqrt(2 * (sqrt(1 + z * z) - 1)), r);
}

/* What times are lines in: seconds, and reciprocals of shares of speed. */
static double line_of(int parameter, double value)
{
  return fit_parameter_is_share(parameter) ? 1 / value : value;
}

static void simulate(validation_case *item, const char *scratch, const fit_result *values)
{
  g_auto(GStrv) assignments = fit_assignments(values);
  validation_run_here(item, scratch, assignments);
  if (item->failure != NULL)
    g_error("%s", item->failure);
}

/* Slopes are taken over a tenth of each value that is known before. */
static void find_slopes(validation_case *item, const char *scratch)
{
  fit_result at = {{0}, 0, 0};
  for (int p = 0; p < FIT_PARAMETERS; p++)
    at.value[p] = prior[p].value;
  double before[TARGETS];
  simulate(item, scratch, &at);
  for (guint t = 0; t < TARGETS; t++)
    before[t] = item->predicted[targets[t].metric];
  item->slopes = g_new(double, TARGETS *FIT_PARAMETERS);
  for (int p = 0; p < FIT_PARAMETERS; p++) {
    double value = at.value[p], step = line_of(p, 0.9 * value) - line_of(p, value);
    at.value[p] = 0.9 * value;
    simulate(item, scratch, &at);
    at.value[p] = value;
    for (guint t = 0; t < TARGETS; t++)
      item->slopes[t * FIT_PARAMETERS + (guint)p] = (item->predicted[targets[t].metric] - before[t]) / step;
  }
}

void fit_prepare(GPtrArray *cases, const char *scratch)
{
  for (guint i = 0; i < cases->len; i++) {
    validation_case *item = cases->pdata[i];
    if (item->slopes == NULL)
      find_slopes(item, scratch);
  }
}

/* The time of a target at other values than those that were simulated. */
static double time_of(const problem *p, const validation_case *item, guint target)
{
  double time = item->predicted[targets[target].metric];
  for (guint i = 0; i < p->n_free; i++) {
    int parameter = (int)p->free[i];
    double moved =
        line_of(parameter, p->result->value[parameter]) - line_of(parameter, p->simulated.value[parameter]);
    time += item->slopes[target * FIT_PARAMETERS + (guint)parameter] * moved;
  }
  return fmax(time, 1e-6);
}

static int residuals(const gsl_vector *x, void *user, gsl_vector *f)
{
  problem *p = user;
  for (guint i = 0; i < p->n_free; i++)
    p->result->value[p->free[i]] = value_of(p->free[i], gsl_vector_get(x, i));
  for (guint i = 0; i < p->cases->len; i++) {
    const validation_case *item = p->cases->pdata[i];
    for (guint t = 0; t < TARGETS; t++) {
      double ratio = time_of(p, item, t) / item->measured[targets[t].metric];
      gboolean tells = targets[t].metric != CASE_TTFT || item->ttft_tells;
      gsl_vector_set(f, i * TARGETS + t, ratio > 0 && tells ? targets[t].weight * soften(log(ratio)) : 0);
    }
  }
  for (guint i = 0; i < p->n_free; i++) {
    double ratio = p->result->value[p->free[i]] / prior[p->free[i]].value;
    gsl_vector_set(f, p->cases->len * TARGETS + i,
                   p->prior * ROW_ERROR * sqrt(p->cases->len / 4.0) * log(ratio) /
                       prior[p->free[i]].deviation);
  }
  return GSL_SUCCESS;
}

static void simulate_all(problem *p)
{
  for (guint i = 0; i < p->cases->len; i++)
    simulate(p->cases->pdata[i], p->scratch, p->result);
  p->simulated = *p->result;
}

void fit_engine(GPtrArray *cases, const char *scratch, guint fixed, double prior_weight, fit_result *result)
{
  problem p = {.cases = cases, .scratch = scratch, .result = result, .prior = prior_weight};
  for (guint i = 0; i < FIT_PARAMETERS; i++)
    if ((fixed & (1U << i)) == 0)
      p.free[p.n_free++] = i;
  gsl_multifit_nlinear_fdf function = {
      .f = residuals, .n = cases->len * TARGETS + p.n_free, .p = p.n_free, .params = &p};
  gsl_multifit_nlinear_parameters options = gsl_multifit_nlinear_default_parameters();
  gsl_multifit_nlinear_workspace *work =
      gsl_multifit_nlinear_alloc(gsl_multifit_nlinear_trust, &options, function.n, function.p);
  gsl_vector *start = gsl_vector_alloc(p.n_free);
  gsl_vector *last = gsl_vector_alloc(function.n);
  fit_prepare(cases, scratch);
  simulate_all(&p);
  for (int round = 0; round < ROUNDS; round++) {
    for (guint i = 0; i < p.n_free; i++)
      gsl_vector_set(start, i, unknown_of(p.free[i], result->value[p.free[i]]));
    gsl_multifit_nlinear_init(start, &function, work);
    int info = 0;
    gsl_multifit_nlinear_driver(50, 1e-4, 1e-4, 1e-4, NULL, NULL, &info, work);
    /* The last evaluation was not necessarily the best. */
    residuals(gsl_multifit_nlinear_position(work), &p, last);
    simulate_all(&p);
  }
  gsl_vector_free(last);
  gsl_vector_free(start);
  gsl_multifit_nlinear_free(work);

  g_autoptr(GArray) errors = g_array_new(FALSE, FALSE, sizeof(double));
  for (guint i = 0; i < cases->len; i++) {
    const validation_case *item = cases->pdata[i];
    double error = fabs(item->predicted[CASE_TPOT] / item->measured[CASE_TPOT] - 1);
    g_array_append_val(errors, error);
  }
  result->median_error = quantile_of(errors, 0.5);
  result->cases = cases->len;
}
