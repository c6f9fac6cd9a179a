#include "sim/steptime/step_kernels.h"

#include "sim/steptime/step_classes.h"

#include <math.h>

/* Weights in a precision that the device cannot multiply in are expanded to bf16 on the fly: only their bytes
 * shrink. */
static tw_precision computed_in(const tw_device *device, tw_precision weights)
{
  return isfinite(device->flops[weights]) ? weights : TW_BF16;
}

/* Weights that are expanded, and those of which the rows have no such format, keep kernels from their peak. */
static double peak_of(const tw_step_setting *setting, const tw_efficiency *e, tw_precision stored)
{
  gboolean mixed = computed_in(setting->device, stored) != stored ||
                   (setting->parts != NULL && setting->parts->mixed && stored == setting->parts->weights);
  return mixed && e->mixed_peak > 0 ? e->mixed_peak : e->compute_peak;
}

static tw_kernels kernels_by(const tw_step_setting *setting, tw_op_class class, tw_precision stored,
                             const tw_efficiency *e)
{
  const tw_device *device = setting->device;
  const tw_software *o = &setting->software;
  double reached = o->compute * (class == TW_OP_LINEAR && stored == TW_FP8 && o->fp8 > 0 ? o->fp8 : 1);
  double rate = device->flops[computed_in(device, stored)] * reached * (1 - setting->throttle);
  /* Experts in a 4-bit format that the device multiplies in run on its vendor's kernels, as measured; all
   * others on the engine's own. */
  gboolean own = class == TW_OP_EXPERTS && !(stored == TW_FP4 && isfinite(device->flops[TW_FP4]));
  double share = own && o->experts > 0 ? o->experts : 1;
  return (tw_kernels){.flops_per_s = rate * peak_of(setting, e, stored) * share,
                      .bytes_per_s = device->hbm_bytes_per_s * e->memory * share,
                      .launch_s = e->launch_s * o->launch,
                      .per_token_s = e->per_token_s / share,
                      .copy_bytes = e->copy_bytes,
                      .token_bytes = e->token_bytes,
                      .chain_s = e->chain_s / share,
                      .per_expert_s = e->per_expert_s / share,
                      .routing_s = e->routing_s / share,
                      .routing_tokens = e->routing_tokens,
                      .near_bytes_per_s = device->hbm_bytes_per_s * e->near_memory,
                      .ramp_s = e->ramp_s};
}

/* Weights that are expanded run on the kernels of bf16. */
tw_kernels tw_kernels_of(const tw_step_setting *setting, tw_op_class class, tw_precision stored)
{
  const tw_device *device = setting->device;
  return kernels_by(setting, class, stored, &device->efficiency[class][computed_in(device, stored)]);
}

gboolean tw_kernels_alternative(const tw_step_setting *setting, tw_precision stored, tw_kernels *kernels)
{
  const tw_efficiency *e = &setting->device->alternative[computed_in(setting->device, stored)];
  *kernels = kernels_by(setting, TW_OP_EXPERTS, stored, e);
  return e->memory > 0;
}

double tw_product_s(const tw_kernels *k, double launches, double flops, double bytes, double depth)
{
  return launches * k->launch_s +
         tw_roof(flops / k->flops_per_s, bytes / k->bytes_per_s + k->chain_s * depth);
}

double tw_dense_s(const tw_kernels *k, double launches, double flops, double bytes, double depth,
                  tw_step_cost *cost)
{
  double time_s = tw_product_s(k, launches, flops, bytes, depth);
  tw_classes_product(cost, TW_TIME_LINEAR, flops / k->flops_per_s, bytes / k->bytes_per_s,
                     time_s - launches * k->launch_s);
  return time_s;
}

tw_line tw_kv_s(const tw_kernels *k, double layers, tw_line bytes, gint64 *valid)
{
  tw_line much = tw_line_scale(bytes, 1 / k->bytes_per_s);
  if (k->near_bytes_per_s == 0)
    return much;
  much.first += layers * k->ramp_s;
  return tw_line_min(much, tw_line_scale(bytes, 1 / k->near_bytes_per_s), valid);
}
