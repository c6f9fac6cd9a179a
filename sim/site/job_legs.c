#include "sim/site/job_legs.h"

#include <math.h>

/* Joules of some work beyond idle, over all accelerators. */
static double dynamic_j(const tw_site_job *job, double flops, double bytes, double work_s)
{
  tw_step_cost cost = {
      .time_s = {work_s, 0}, .kernels_s = {work_s, 0}, .flops = {flops, 0}, .bytes = {bytes, 0}, .valid = 1};
  return tw_power_known(&job->plan.power) && work_s > 0 ? tw_power_dynamic(&job->plan.power, &cost).first : 0;
}

/* A leg of so many micro-batches and ends of steps, with the part of their traffic that goes on beside computation, or
 * the rest. */
static tw_leg leg_of(const tw_site_job *job, tw_leg_kind kind, double micro, double end, gboolean beside)
{
  const tw_training_cost *cost = &job->plan.cost;
  tw_leg leg = {.kind = kind};
  if (kind == TW_LEG_WORK) {
    leg.work_s = micro * cost->micro_s;
    leg.dynamic_j = micro * dynamic_j(job, cost->flops, cost->bytes, cost->micro_s);
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
static void add(GArray *legs, tw_leg leg, double paces)
{
  double sum = leg.work_s + leg.inside_s + leg.hops;
  for (int i = 0; i < TW_TRAINING_TRAFFICS; i++)
    sum += leg.bytes[i];
  leg.paces = paces;
  if (sum > 0)
    g_array_append_val(legs, leg);
}

GArray *tw_site_job_legs(const tw_site_job *job)
{
  const tw_training_cost *cost = &job->plan.cost;
  GArray *legs = g_array_new(FALSE, FALSE, sizeof(tw_leg));
  gint64 before = cost->micro_batches - 1, slices = MIN(job->slices, before);
  for (gint64 i = 0; i < slices; i++) {
    double micro = (double)before / (double)slices;
    add(legs, leg_of(job, TW_LEG_WORK, micro, 0, TRUE), micro);
    add(legs, leg_of(job, TW_LEG_WAIT, micro, 0, FALSE), micro);
  }
  double only = before == 0; /* the one micro-batch sets the pace */
  add(legs, leg_of(job, TW_LEG_WORK, 1, 1, TRUE), only);
  add(legs, leg_of(job, TW_LEG_WAIT, 1, 0, FALSE), only);
  add(legs, leg_of(job, TW_LEG_WAIT, 0, 1, FALSE), 0);
  add(legs, (tw_leg){.kind = TW_LEG_BUBBLE, .work_s = cost->bubble * (double)cost->micro_batches}, 0);
  double moved = cost->optimizer_bytes * (double)tw_site_job_accelerators(job);
  add(legs,
      (tw_leg){.kind = TW_LEG_OPTIMIZER,
               .work_s = cost->optimizer_s,
               .dynamic_j = dynamic_j(job, 0, moved, cost->optimizer_s)},
      0);
  return legs;
}
