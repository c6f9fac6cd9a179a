#include "sim/site/jobs/job_legs.h"

#include <math.h>

/* The parts of legs. */
typedef struct builder {
  const tw_site_job *job;
  const tw_training_cost *cost; /* cost of a step */
  GArray *legs;
} builder;

/* A leg of so many micro-batches and ends of steps, with the part of their traffic that goes on beside computation, or
 * the rest. */
static tw_leg leg_of(const builder *b, tw_leg_kind kind, double micro, double end, gboolean beside)
{
  const tw_site_job *job = b->job;
  const tw_training_cost *cost = b->cost;
  tw_leg leg = {.kind = kind};
  if (kind == TW_LEG_WORK) {
    leg.work_s = micro * cost->micro_s;
    leg.dynamic_j = micro * tw_site_job_work_j(job, cost->flops, cost->bytes, cost->micro_s);
  }
  for (int i = 0; i < TW_TRAINING_TRAFFICS; i++) {
    const tw_training_sends *s = &cost->sends[i];
    double share = beside ? job->overlap[i] : 1 - job->overlap[i];
    leg.inside_s += share * (micro * s->micro_inside_s + end * s->step_inside_s);
    leg.hops += share * (micro * s->micro_hops + end * s->step_hops);
    leg.bytes[i] = share * (micro * s->micro_bytes + end * s->step_bytes);
  }
  return leg;
}

/* A leg that takes no time is left out. */
static void add(const builder *b, tw_leg leg, double paces)
{
  double sum = leg.work_s + leg.inside_s + leg.hops;
  for (int i = 0; i < TW_TRAINING_TRAFFICS; i++)
    sum += leg.bytes[i];
  leg.paces = paces;
  if (sum > 0)
    g_array_append_val(b->legs, leg);
}

/* Micro-batches whose ends are none of a step's. */
static void add_slices(const builder *b, double micro, gint64 slices)
{
  for (gint64 i = 0; i < slices; i++) {
    add(b, leg_of(b, TW_LEG_WORK, micro / (double)slices, 0, TRUE), micro / (double)slices);
    add(b, leg_of(b, TW_LEG_WAIT, micro / (double)slices, 0, FALSE), micro / (double)slices);
  }
}

static void add_bubble(const builder *b, double micro)
{
  add(b, (tw_leg){.kind = TW_LEG_BUBBLE, .work_s = micro}, 0);
}

static void add_step(const builder *b)
{
  const tw_site_job *job = b->job;
  const tw_training_cost *cost = b->cost;
  gint64 before = cost->micro_batches - 1;
  add_slices(b, (double)before, MIN(job->slices, before));
  double only = before == 0; /* the one micro-batch sets the pace */
  add(b, leg_of(b, TW_LEG_WORK, 1, 1, TRUE), only);
  add(b, leg_of(b, TW_LEG_WAIT, 1, 0, FALSE), only);
  add(b, leg_of(b, TW_LEG_WAIT, 0, 1, FALSE), 0);
  add_bubble(b, cost->bubble * (double)cost->micro_batches);
  double moved = cost->optimizer_bytes * (double)tw_site_job_accelerators(job);
  add(b,
      (tw_leg){.kind = TW_LEG_OPTIMIZER,
               .work_s = cost->optimizer_s,
               .dynamic_j = tw_site_job_work_j(job, 0, moved, cost->optimizer_s)},
      0);
}

GArray *tw_site_job_legs(const tw_site_job *job)
{
  builder b = {job, &job->plan.cost, g_array_new(FALSE, FALSE, sizeof(tw_leg))};
  add_step(&b);
  return b.legs;
}

GArray *tw_site_job_rl_legs(const tw_site_job *job, gint64 micro_batches)
{
  tw_training_cost cost = tw_training_cost_with(&job->plan.training, &job->plan.cost, micro_batches);
  builder b = {job, &cost, g_array_new(FALSE, FALSE, sizeof(tw_leg))};
  double passes = tw_training_passes(&job->plan.training),
         forward = (double)(job->rl.log_probs * job->rl.updates * micro_batches) / passes;
  if (forward > 0)
    add_slices(&b, forward, job->slices);
  add_bubble(&b, (double)job->rl.log_probs * cost.bubble * (double)micro_batches / passes);
  for (gint64 i = 0; i < job->rl.updates; i++)
    add_step(&b);
  return b.legs;
}

/* ---- Flows ---- */

#define ALIKE 1e-12 /* relative: proportions that differ by less are the same */

typedef struct leg_volley {
  double proportions[TW_TRAINING_TRAFFICS]; /* parts of one byte on the NIC of the busiest accelerator */
  tw_volley volley;
} leg_volley;

static void free_volley(gpointer pointer)
{
  tw_volley_clear(&((leg_volley *)pointer)->volley);
  g_free(pointer);
}

void tw_leg_flows_init(tw_leg_flows *flows, const tw_span *span)
{
  *flows = (tw_leg_flows){span, g_ptr_array_new_with_free_func(free_volley)};
}

void tw_leg_flows_clear(tw_leg_flows *flows)
{
  g_ptr_array_unref(flows->volleys);
}

static gboolean are_alike(const double *one, const double *other)
{
  for (int k = 0; k < TW_TRAINING_TRAFFICS; k++)
    if (fabs(one[k] - other[k]) > ALIKE)
      return FALSE;
  return TRUE;
}

static leg_volley *volley_of(tw_leg_flows *flows, const double *proportions)
{
  for (guint i = 0; i < flows->volleys->len; i++) {
    leg_volley *known = flows->volleys->pdata[i];
    if (are_alike(known->proportions, proportions))
      return known;
  }
  leg_volley *made = g_new0(leg_volley, 1);
  memcpy(made->proportions, proportions, sizeof made->proportions);
  tw_volley_init(&made->volley);
  for (int i = 0; i < flows->span->n_pairs; i++) {
    const tw_span_pair *pair = &flows->span->pairs[i];
    double bytes = 0;
    for (int k = 0; k < TW_TRAINING_TRAFFICS; k++)
      bytes += pair->bytes[k] * proportions[k];
    if (bytes > 0)
      tw_volley_add(&made->volley, pair->from, pair->to, pair->shift, bytes);
  }
  g_ptr_array_add(flows->volleys, made);
  return made;
}

tw_volley *tw_leg_flows_find(tw_leg_flows *flows, const tw_leg *leg, double *size)
{
  double proportions[TW_TRAINING_TRAFFICS];
  *size = 0;
  for (int k = 0; k < TW_TRAINING_TRAFFICS; k++)
    *size += leg->bytes[k];
  if (*size <= 0 || flows->span->n_pairs == 0)
    return NULL;
  for (int k = 0; k < TW_TRAINING_TRAFFICS; k++)
    proportions[k] = leg->bytes[k] / *size;
  leg_volley *found = volley_of(flows, proportions);
  return found->volley.flows->len > 0 ? &found->volley : NULL;
}
