#include "tests/validation/kernels/kernel_fit.h"

#include "tests/validation/quantile.h"

#include <gsl/gsl_multifit_nlinear.h>
#include <math.h>

/* The parameters of a class beside memory. */
enum {
  COMPUTE = 1,
  LAUNCH = 2,
  PER_TOKEN = 4,
  SOFTMAX = 8,
  COPIES = 16,
  PASSED = 32,
  CHAIN = 64,
  PER_EXPERT = 128,
  NEAR = 256,    /* two of them */
  ROUTING = 512, /* two of them */
  BEYOND = 1024
};
static const int parameters_of[TW_OP_CLASSES] = {
    [TW_OP_LINEAR] = COMPUTE | LAUNCH,
    [TW_OP_EXPERTS] = COMPUTE | LAUNCH | PER_TOKEN,
    [TW_OP_ATTENTION_PREFILL] = COMPUTE | LAUNCH | SOFTMAX,
    [TW_OP_ATTENTION_DECODE] = COMPUTE | LAUNCH,
    [TW_OP_HEAD] = COMPUTE | LAUNCH,
    [TW_OP_ACTIVATIONS] = LAUNCH,
};

typedef struct problem {
  const GArray *kernels;
  const tw_device *device;
  tw_op_class op;
  int parameters;
  tw_precision precision;
} problem;

/* Shares are logistic functions of the unknowns, times are squares, so that they stay in their ranges. */
static tw_efficiency efficiency_of(const problem *p, const gsl_vector *x)
{
  int parameters = p->parameters;
  tw_efficiency e = {.compute_peak = 1, .memory = 1 / (1 + exp(-gsl_vector_get(x, 0)))};
  size_t next = 1;
  if ((parameters & COMPUTE) != 0)
    e.compute_peak = 1 / (1 + exp(-gsl_vector_get(x, next++)));
  if ((parameters & LAUNCH) != 0)
    e.launch_s = 1e-5 * pow(gsl_vector_get(x, next++), 2);
  if ((parameters & PER_TOKEN) != 0)
    e.per_token_s = 1e-8 * pow(gsl_vector_get(x, next++), 2);
  if ((parameters & SOFTMAX) != 0)
    e.softmax = 64 * pow(gsl_vector_get(x, next++), 2);
  if ((parameters & COPIES) != 0)
    e.copy_bytes = 10 * pow(gsl_vector_get(x, next++), 2);
  if ((parameters & PASSED) != 0)
    e.token_bytes = 10 * pow(gsl_vector_get(x, next++), 2);
  if ((parameters & CHAIN) != 0)
    e.chain_s = 1e-9 * pow(gsl_vector_get(x, next++), 2);
  if ((parameters & PER_EXPERT) != 0)
    e.per_expert_s = 1e-7 * pow(gsl_vector_get(x, next++), 2);
  if ((parameters & NEAR) != 0) {
    e.near_memory = e.memory / (1 + exp(-gsl_vector_get(x, next++)));
    e.ramp_s = 1e-5 * pow(gsl_vector_get(x, next++), 2);
  }
  if ((parameters & ROUTING) != 0) {
    e.routing_s = 1e-5 * pow(gsl_vector_get(x, next++), 2);
    e.routing_tokens = 100 * pow(gsl_vector_get(x, next++), 2);
  }
  return e;
}

/* Grows like a square near 0 and like a line beyond 0.1: odd kernels do not decide. */
static double soften(double r)
{
  const double scale = 0.1;
  double z = r / scale;
  return copysign(scale * sqrt(2 * (sqrt(1 + z * z) - 1)), r);
}

static int residuals(const gsl_vector *x, void *user, gsl_vector *f)
{
  const problem *p = user;
  tw_efficiency e = efficiency_of(p, x);
  for (guint i = 0; i < p->kernels->len; i++) {
    const kernel *k = &g_array_index(p->kernels, kernel, i);
    gsl_vector_set(f, i, soften(log(kernel_seconds(k, p->device, p->op, p->precision, &e) / k->seconds)));
  }
  return GSL_SUCCESS;
}

void kernel_fit_judge(kernel_fit *fit, const GArray *kernels, const tw_device *device, tw_op_class op,
                      tw_precision precision)
{
  g_autoptr(GArray) errors = g_array_new(FALSE, FALSE, sizeof(double));
  fit->kernels = kernels->len;
  fit->shortest_s = INFINITY;
  for (guint i = 0; i < kernels->len; i++) {
    const kernel *k = &g_array_index(kernels, kernel, i);
    double error = fabs(kernel_seconds(k, device, op, precision, &fit->efficiency) / k->seconds - 1);
    g_array_append_val(errors, error);
    fit->shortest_s = fmin(fit->shortest_s, k->seconds);
    fit->longest_s = fmax(fit->longest_s, k->seconds);
  }
  g_array_sort(errors, quantile_by_value);
  fit->median = g_array_index(errors, double, errors->len / 2);
  fit->p90 = g_array_index(errors, double, errors->len * 9 / 10);
}

kernel_fit kernel_fit_run(const GArray *kernels, const tw_device *device, tw_op_class op,
                          tw_precision precision, gboolean routing)
{
  const kernel *one = &g_array_index(kernels, kernel, 0);
  int parameters = parameters_of[op];
  if (one->depth > 0) /* known of each kernel */
    parameters |= CHAIN | (op == TW_OP_LINEAR ? PASSED : op == TW_OP_ATTENTION_DECODE ? NEAR : 0);
  if (one->copied > 0)
    parameters = COMPUTE | LAUNCH | COPIES | PASSED | CHAIN | PER_EXPERT | (routing ? ROUTING : 0);
  problem p = {kernels, device, op, parameters, precision};
  size_t unknowns = 1;
  for (int bit = COMPUTE; bit < BEYOND; bit *= 2)
    unknowns += (parameters & bit) == 0 ? 0 : bit == NEAR || bit == ROUTING ? 2 : 1;
  gsl_multifit_nlinear_fdf function = {.f = residuals, .n = kernels->len, .p = unknowns, .params = &p};
  gsl_multifit_nlinear_parameters options = gsl_multifit_nlinear_default_parameters();
  gsl_multifit_nlinear_workspace *work =
      gsl_multifit_nlinear_alloc(gsl_multifit_nlinear_trust, &options, function.n, function.p);
  gsl_vector *start = gsl_vector_alloc(unknowns);
  gsl_vector_set_all(start, 0.8);
  if (op == TW_OP_ATTENTION_DECODE)
    gsl_vector_set(start, 1, -1); /* under the other roof, compute would not show */
  if ((parameters & NEAR) != 0) { /* and where all bytes are near, nothing of the others */
    gsl_vector_set(start, 0, 2);
    gsl_vector_set(start, unknowns - 2, 0);
    gsl_vector_set(start, unknowns - 1, 1);
  }
  gsl_multifit_nlinear_init(start, &function, work);
  int info = 0;
  gsl_multifit_nlinear_driver(100, 1e-6, 1e-6, 1e-6, NULL, NULL, &info, work);
  kernel_fit fit = {.efficiency = efficiency_of(&p, gsl_multifit_nlinear_position(work))};
  gsl_vector_free(start);
  gsl_multifit_nlinear_free(work);
  if (fit.efficiency.near_memory > 0.99 * fit.efficiency.memory) /* there is no ramp */
    fit.efficiency.near_memory = fit.efficiency.ramp_s = 0;

  kernel_fit_judge(&fit, kernels, device, op, precision);
  return fit;
}
