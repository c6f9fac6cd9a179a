#include "tests/validation/kernels/kernel_fit.h"

#include "tests/validation/quantile.h"

#include <gsl/gsl_multifit_nlinear.h>
#include <math.h>

/* The parameters of a class beside memory. */
enum { COMPUTE = 1, LAUNCH = 2, PER_TOKEN = 4, SOFTMAX = 8, COPIES = 16, PASSED = 32, BEYOND = 64 };
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
  tw_precision wider;          /* format that must not be faster */
  const tw_efficiency *limits; /* limits of the class, or NULL */
} problem;

/* Peak rate of a format; what the device cannot multiply in is expanded to bf16. */
static double peak_of(const tw_device *device, tw_precision precision)
{
  return device->flops[isfinite(device->flops[precision]) ? precision : TW_BF16];
}

/* A narrower format of the same kernels is no slower at any size: where the measurements say so, they hold
 * what a server does once for several kernels, or fuses, such as the quantization of rows. */
static void keep_monotone(const problem *p, tw_efficiency *e)
{
  if (p->limits == NULL)
    return;
  double faster = peak_of(p->device, p->precision) / peak_of(p->device, p->wider);
  double smaller = tw_precision_bytes(p->precision) / tw_precision_bytes(p->wider);
  e->compute_peak = fmax(e->compute_peak, fmin(1, p->limits->compute_peak / faster));
  e->memory = fmax(e->memory, p->limits->memory * smaller);
  e->launch_s = fmin(e->launch_s, p->limits->launch_s);
  e->per_token_s = fmin(e->per_token_s, p->limits->per_token_s);
  double read = e->memory / p->limits->memory;
  e->copy_bytes = fmin(e->copy_bytes, p->limits->copy_bytes * read);
  e->token_bytes = fmin(e->token_bytes, p->limits->token_bytes * read);
  double rate = faster * e->compute_peak / p->limits->compute_peak;
  e->softmax = fmin(e->softmax, p->limits->softmax * rate);
}

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

kernel_fit kernel_fit_run(const GArray *kernels, const tw_device *device, tw_op_class op,
                          tw_precision precision, tw_precision wider, const tw_efficiency *limits)
{
  int parameters = parameters_of[op];
  if (op == TW_OP_EXPERTS && g_array_index(kernels, kernel, 0).copied > 0)
    parameters = COMPUTE | LAUNCH | COPIES | PASSED;
  problem p = {kernels, device, op, parameters, precision, wider, limits};
  size_t unknowns = 1;
  for (int bit = COMPUTE; bit < BEYOND; bit *= 2)
    unknowns += (parameters & bit) != 0;
  gsl_multifit_nlinear_fdf function = {.f = residuals, .n = kernels->len, .p = unknowns, .params = &p};
  gsl_multifit_nlinear_parameters options = gsl_multifit_nlinear_default_parameters();
  gsl_multifit_nlinear_workspace *work =
      gsl_multifit_nlinear_alloc(gsl_multifit_nlinear_trust, &options, function.n, function.p);
  gsl_vector *start = gsl_vector_alloc(unknowns);
  gsl_vector_set_all(start, 0.8);
  if (op == TW_OP_ATTENTION_DECODE)
    gsl_vector_set(start, 1, -1); /* under the other roof, compute would not show */
  gsl_multifit_nlinear_init(start, &function, work);
  int info = 0;
  gsl_multifit_nlinear_driver(100, 1e-6, 1e-6, 1e-6, NULL, NULL, &info, work);
  kernel_fit fit = {.efficiency = efficiency_of(&p, gsl_multifit_nlinear_position(work)),
                    .kernels = kernels->len,
                    .shortest_s = INFINITY};
  gsl_vector_free(start);
  gsl_multifit_nlinear_free(work);

  g_autoptr(GArray) errors = g_array_new(FALSE, FALSE, sizeof(double));
  for (guint i = 0; i < kernels->len; i++) {
    const kernel *k = &g_array_index(kernels, kernel, i);
    double error = fabs(kernel_seconds(k, device, op, precision, &fit.efficiency) / k->seconds - 1);
    g_array_append_val(errors, error);
    fit.shortest_s = fmin(fit.shortest_s, k->seconds);
    fit.longest_s = fmax(fit.longest_s, k->seconds);
  }
  g_array_sort(errors, quantile_by_value);
  keep_monotone(&p, &fit.efficiency);
  fit.median = g_array_index(errors, double, errors->len / 2);
  fit.p90 = g_array_index(errors, double, errors->len * 9 / 10);
  return fit;
}
