#include "sim/steptime/step_collectives.h"

#include <math.h>

tw_collective_costs tw_group_costs(const tw_step_setting *setting, const char *pattern, int n, int domains)
{
  if (n < 2)
    return (tw_collective_costs){.n = 0};
  g_autofree int *domain = g_new(int, (gsize)n);
  for (int i = 0; i < n; i++)
    domain[i] = (int)((gint64)i * domains / n);
  tw_group group = {n,
                    domain,
                    (int)setting->device->board_accelerators,
                    (int)setting->device->kernels[TW_KERNEL_IN_SWITCH].nics,
                    setting->reach.meshed,
                    0,
                    0};
  tw_interconnect links = tw_links_among(setting->interconnect, setting->device, n / MAX(domains, 1));
  return tw_collective_costs_of(tw_pattern_find(pattern), &group, TRUE, setting->device, &links);
}

double tw_crossing_s(const tw_interconnect *links, const tw_collective_costs *costs, double amount,
                     double times, double *crossing, double *steps)
{
  const tw_collective_cost *fastest = tw_collective_fastest(costs, links, amount);
  if (fastest == NULL)
    return 0;
  *crossing += times * amount * fastest->outside;
  *steps += times * fastest->fabric_hops;
  return tw_collective_inside_s(fastest, links, amount);
}

tw_sums tw_sums_of(const tw_step_setting *setting, double layers, double n, int domains)
{
  const tw_model *model = setting->model;
  tw_sums sums = {.n = n,
                  .behind_attention = fmin(layers, n),
                  .bytes = (double)model->hidden * setting->software.sum_bytes};
  if (!setting->software.fused_sums || domains > 1 || model->n_groups > 0)
    return sums;
  /* The output has as many parameters as the queries, or, of latents, as the values of all heads ask for. */
  double values =
      (double)(model->heads * (model->attention == TW_ATTENTION_MLA ? model->v_head_dim : model->head_dim));
  sums.output_share =
      values * (double)model->hidden * (double)model->layers / tw_model_projection_params(model);
  sums.down_share = model->experts > 0 ? 0 : 1.0 / 3; /* beside gate and up */
  return sums;
}

double tw_sums_s(const tw_sums *sums, const tw_interconnect *links, const tw_collective_costs *costs,
                 double tokens, double projections_s, double mlps_s, double *crossing, double *steps)
{
  double each_s = tw_crossing_s(links, costs, tokens * sums->bytes, sums->n, crossing, steps);
  double hidden_s = fmin(sums->behind_attention * each_s, sums->output_share * projections_s) +
                    fmin((sums->n - sums->behind_attention) * each_s, sums->down_share * mlps_s);
  return sums->n * each_s - hidden_s;
}
