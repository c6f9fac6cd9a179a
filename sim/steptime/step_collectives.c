#include "sim/steptime/step_collectives.h"

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
