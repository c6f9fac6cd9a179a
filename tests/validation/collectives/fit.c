#include "tests/validation/collectives/fit.h"

#include "tests/validation/collectives/predict.h"

#include <gsl/gsl_multimin.h>
#include <math.h>
#include <stdio.h>

/* A number of the device that is fitted: by its logarithm, between bounds. */
typedef struct parameter {
  gsize offset;
  double start, least, most;
} parameter;

#define OF(kernel, member) offsetof(tw_device, kernels[TW_KERNEL_##kernel].member)
#define LAUNCH(kernel, start)                                                                                \
  {                                                                                                          \
    OF(kernel, launch_s), start, 1e-7, 1e-3                                                                  \
  }
#define STEP(kernel, start)                                                                                  \
  {                                                                                                          \
    OF(kernel, step_s), start, 1e-9, 2e-5                                                                    \
  }
#define UP(kernel, start)                                                                                    \
  {                                                                                                          \
    OF(kernel, scale_up), start, 0.02, 0.98                                                                  \
  }
#define OUT(kernel, start)                                                                                   \
  {                                                                                                          \
    OF(kernel, scale_out), start, 0.3, 0.99                                                                  \
  }
#define OWN(kernel, start)                                                                                   \
  {                                                                                                          \
    OF(kernel, own), start, 0.01, 10                                                                         \
  }
#define TOKEN(kernel, start)                                                                                 \
  {                                                                                                          \
    OF(kernel, per_token_s), start, 1e-10, 1e-6                                                              \
  }
#define FABRIC(kernel, start)                                                                                \
  {                                                                                                          \
    OF(kernel, fabric_step_s), start, 1e-7, 1e-4                                                             \
  }

/* A group of numbers that are fitted together, on the rows of some operations. */
static const struct {
  const char *operations[4];
  parameter parameters[13];
  gsize copies[4][2]; /* from, to: numbers that are one and the same */
} groups[] = {
    {{"all-reduce", "all-gather", "reduce-scatter"},
     {{offsetof(tw_device, scale_up_latency_s), 0.8e-6, 1e-7, 5e-6},
      LAUNCH(LL, 5e-6),
      {OF(LL, scale_up), 0.25, 0.05, 0.5},
      OWN(LL, 0.4),
      {OF(LL128, launch_s), 8e-6, 2e-6, 3e-5},
      {OF(LL128, step_s), 0.4e-6, 1e-8, 3e-6},
      {OF(LL128, scale_up), 0.5, 0.1, 0.94},
      LAUNCH(SIMPLE, 20e-6),
      STEP(SIMPLE, 0.5e-6),
      UP(SIMPLE, 0.8),
      {OF(IN_SWITCH, launch_s), 30e-6, 1e-5, 1e-4},
      {OF(IN_SWITCH, scale_up), 0.6, 0.45, 0.8}},
     {{OF(LL, own), OF(LL128, own)}, {OF(LL, own), OF(SIMPLE, own)}}},
    {{"all-to-all"},
     {LAUNCH(PAIRS_LL, 6e-6), STEP(PAIRS_LL, 0.15e-6), UP(PAIRS_LL, 0.1), OWN(PAIRS_LL, 0.5),
      LAUNCH(PAIRS, 14e-6), UP(PAIRS, 0.7)},
     {{OF(PAIRS_LL, own), OF(PAIRS, own)}, {OF(PAIRS_LL, step_s), OF(PAIRS, step_s)}}},
    {{"custom all-reduce"},
     {LAUNCH(ONE_SHOT, 2e-6), STEP(ONE_SHOT, 0.1e-6), UP(ONE_SHOT, 0.6), LAUNCH(TWO_SHOT, 10e-6),
      STEP(TWO_SHOT, 0.1e-6), UP(TWO_SHOT, 0.5)},
     {{0}}},
#define EXPERTS(kernel, name)                                                                                \
  {                                                                                                          \
    {name},                                                                                                  \
        {LAUNCH(kernel, 12e-6), STEP(kernel, 0.3e-6), UP(kernel, 0.6), OWN(kernel, 0.3),                     \
         TOKEN(kernel, 2e-8)},                                                                               \
    {                                                                                                        \
      {                                                                                                      \
        0                                                                                                    \
      }                                                                                                      \
    }                                                                                                        \
  }
#define RDMA(kernel, name)                                                                                   \
  {                                                                                                          \
    {name}, {LAUNCH(kernel, 14e-6), UP(kernel, 0.5), OUT(kernel, 0.9), FABRIC(kernel, 5e-6)},                \
    {                                                                                                        \
      {                                                                                                      \
        0                                                                                                    \
      }                                                                                                      \
    }                                                                                                        \
  }
    RDMA(LL_DISPATCH, "ll-dispatch"),
    RDMA(LL_COMBINE, "ll-combine"),
    {{"dispatch"}, {LAUNCH(DISPATCH, 30e-6), UP(DISPATCH, 0.6)}, {{0}}},
    {{"combine"}, {LAUNCH(COMBINE, 50e-6), UP(COMBINE, 0.7)}, {{0}}},
    {{"internode-dispatch"},
     {LAUNCH(INTERNODE_DISPATCH, 25e-6), UP(INTERNODE_DISPATCH, 0.5), OUT(INTERNODE_DISPATCH, 0.87)},
     {{0}}},
    {{"internode-combine"},
     {LAUNCH(INTERNODE_COMBINE, 50e-6), UP(INTERNODE_COMBINE, 0.4), OUT(INTERNODE_COMBINE, 0.87)},
     {{0}}},
    EXPERTS(ONE_SIDED_DISPATCH, "one-sided-dispatch"),
    EXPERTS(ONE_SIDED_COMBINE, "one-sided-combine"),
    {{"two-sided-prepare"},
     {LAUNCH(TWO_SIDED_PREPARE, 10e-6), STEP(TWO_SIDED_PREPARE, 0.3e-6), TOKEN(TWO_SIDED_PREPARE, 7e-9),
      UP(TWO_SIDED_PREPARE, 0.9)},
     {{0}}},
    EXPERTS(TWO_SIDED_DISPATCH, "two-sided-dispatch"),
    EXPERTS(TWO_SIDED_COMBINE, "two-sided-combine"),
    EXPERTS(TWO_SIDED_LOW_COMBINE, "two-sided-low-combine"),
};

typedef struct problem {
  guint group, n;
  GArray *rows; /* rows of the group */
  tw_device *device;
} problem;

static double *value(tw_device *device, gsize offset)
{
  return (double *)(void *)((char *)device + offset);
}

static double loss(const gsl_vector *x, void *user)
{
  problem *p = user;
  double beyond = 0;
  for (guint i = 0; i < p->n; i++) {
    const parameter *q = &groups[p->group].parameters[i];
    double wanted = exp(gsl_vector_get(x, i)), kept = CLAMP(wanted, q->least, q->most);
    *value(p->device, q->offset) = kept;
    beyond += fabs(log(wanted / kept));
  }
  for (guint i = 0; i < 4 && groups[p->group].copies[i][1] > 0; i++)
    *value(p->device, groups[p->group].copies[i][1]) = *value(p->device, groups[p->group].copies[i][0]);
  predict(p->rows, p->device);
  double sum = 0, weights = 0;
  for (guint i = 0; i < p->rows->len; i++) {
    const measured_row *row = &g_array_index(p->rows, measured_row, i);
    double weight = row->bytes >= FIT_LEAST_BYTES ? 1 : 1.0 / 3;
    weight *= row->weight;
    sum += weight * fabs(log(row->predicted_s / row->measured_s));
    weights += weight;
  }
  return sum / weights + beyond;
}

/* From where the values are; `size` of the first simplex, in logarithms. */
static void search(problem *p, double size)
{
  gsl_vector *x = gsl_vector_alloc(p->n), *steps = gsl_vector_alloc(p->n);
  for (guint i = 0; i < p->n; i++)
    gsl_vector_set(x, i, log(*value(p->device, groups[p->group].parameters[i].offset)));
  gsl_vector_set_all(steps, size);
  gsl_multimin_function f = {loss, p->n, p};
  gsl_multimin_fminimizer *minimizer =
      gsl_multimin_fminimizer_alloc(gsl_multimin_fminimizer_nmsimplex2, p->n);
  gsl_multimin_fminimizer_set(minimizer, &f, x, steps);
  for (int i = 0; i < 3000 && gsl_multimin_fminimizer_size(minimizer) > 1e-4; i++)
    if (gsl_multimin_fminimizer_iterate(minimizer) != 0)
      break;
  loss(gsl_multimin_fminimizer_x(minimizer), p);
  gsl_multimin_fminimizer_free(minimizer);
  gsl_vector_free(x);
  gsl_vector_free(steps);
}

static gboolean belongs(const measured_row *row, guint group, const tw_device *device, int without)
{
  gboolean any = FALSE;
  for (guint i = 0; i < 4 && groups[group].operations[i] != NULL; i++)
    any |= g_str_equal(groups[group].operations[i], row->operation);
  return any && row->fitted && row->ranks != without && g_str_equal(row->device, device->name);
}

void fit(GArray *rows, tw_device *device, int without)
{
  for (int k = 0; k < TW_KERNEL_COUNT; k++)
    if (device->kernels[k].scale_out == 0)
      device->kernels[k].scale_out = 1;
  for (guint g = 0; g < G_N_ELEMENTS(groups); g++) {
    problem p = {.group = g, .rows = g_array_new(FALSE, FALSE, sizeof(measured_row)), .device = device};
    while (p.n < G_N_ELEMENTS(groups[g].parameters) && groups[g].parameters[p.n].offset > 0)
      p.n++;
    for (guint i = 0; i < rows->len; i++)
      if (belongs(&g_array_index(rows, measured_row, i), g, device, without))
        g_array_append_val(p.rows, g_array_index(rows, measured_row, i));
    for (guint i = 0; i < p.n && p.rows->len > 0; i++)
      *value(device, groups[g].parameters[i].offset) = groups[g].parameters[i].start;
    for (int round = 0; round < 3 && p.rows->len > 0; round++)
      search(&p, round == 0 ? 0.4 : 0.15);
    g_array_unref(p.rows);
  }
}

void fit_print(const tw_device *device)
{
  printf("  <scale-up latency=\"%.3gus\"/>\n", device->scale_up_latency_s * 1e6);
  for (int k = 0; k < TW_KERNEL_COUNT; k++) {
    const tw_kernel_cost *c = &device->kernels[k];
    if (c->scale_up <= 0)
      continue;
    printf("  <collective kernel=\"%s\" launch=\"%.3gus\"", tw_kernel_names[k], c->launch_s * 1e6);
    if (c->step_s > 1e-8)
      printf(" step=\"%.2gus\"", c->step_s * 1e6);
    if (c->fabric_step_s > 0)
      printf(" fabric-step=\"%.3gus\"", c->fabric_step_s * 1e6);
    printf(" scale-up=\"%.3g\"", c->scale_up);
    if (c->scale_out < 1)
      printf(" scale-out=\"%.3g\"", c->scale_out);
    if (c->own > 0.01)
      printf(" own=\"%.2g\"", c->own);
    if (c->per_token_s > 2e-10)
      printf(" per-token=\"%.3gns\"", c->per_token_s * 1e9);
    printf("/>\n");
  }
}
