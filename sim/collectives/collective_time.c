#include "sim/collectives/collective_time.h"

#include <math.h>

#define BIT(name) (1U << TW_KERNEL_##name)

/* ---- Kernels ---- */

/* The kernel that stands for each use where the device file says nothing. */
static const struct {
  guint kernels;
  tw_kernel simplest;
} uses[] = {{BIT(LL) | BIT(LL128) | BIT(SIMPLE), TW_KERNEL_SIMPLE},
            {BIT(PAIRS_LL) | BIT(PAIRS), TW_KERNEL_PAIRS}};

static gboolean has_row(const tw_device *device, tw_kernel kernel)
{
  return device != NULL && device->kernels[kernel].scale_up > 0;
}

tw_kernel_cost tw_kernel_cost_of(const tw_device *device, tw_kernel kernel)
{
  if (has_row(device, kernel))
    return device->kernels[kernel];
  double efficiency = device != NULL && device->scale_up_efficiency > 0 ? device->scale_up_efficiency : 1;
  return (tw_kernel_cost){.scale_up = efficiency, .scale_out = 1};
}

gboolean tw_kernel_known(const tw_device *device, tw_kernel kernel)
{
  for (guint i = 0; i < G_N_ELEMENTS(uses); i++) {
    if (uses[i].simplest != kernel)
      continue;
    gboolean any = FALSE;
    for (int k = 0; k < TW_KERNEL_COUNT; k++)
      any |= (uses[i].kernels >> k & 1) && has_row(device, (tw_kernel)k);
    return !any || has_row(device, kernel);
  }
  return has_row(device, kernel);
}

tw_interconnect tw_device_links(const tw_device *device)
{
  return (tw_interconnect){device->scale_up_bytes_per_s, device->scale_up_latency_s,
                           device->scale_out_bytes_per_s, device->scale_out_latency_s};
}

tw_interconnect tw_links_among(tw_interconnect links, const tw_device *device, int n)
{
  if (device->scale_up_peers > 0)
    links.bytes_per_s *= fmin(1, (double)MAX(n - 1, 1) / (double)device->scale_up_peers);
  return links;
}

/* ---- Lines ---- */

static double outside_s(const tw_collective_cost *cost, const tw_interconnect *links, double amount)
{
  return links->fabric_bytes_per_s > 0 ? amount * cost->outside / links->fabric_bytes_per_s : 0;
}

double tw_collective_inside_s(const tw_collective_cost *cost, const tw_interconnect *links, double amount)
{
  double beside_s = cost->serial ? 0 : outside_s(cost, links, amount);
  double rest_s = amount * cost->inside_s - beside_s;
  return cost->fixed_s + MAX(rest_s, 0); /* fmax would be a call, for each kernel in each iteration */
}

double tw_collective_time_s(const tw_collective_cost *cost, const tw_interconnect *links, double amount)
{
  return tw_collective_inside_s(cost, links, amount) + outside_s(cost, links, amount) +
         cost->fabric_hops * links->fabric_latency_s;
}

const tw_collective_cost *tw_collective_fastest(const tw_collective_costs *costs,
                                                const tw_interconnect *links, double amount)
{
  const tw_collective_cost *fastest = NULL;
  double least_s = INFINITY;
  for (int i = 0; i < costs->n; i++) {
    double time_s = tw_collective_time_s(&costs->rows[i], links, amount);
    if (time_s >= least_s)
      continue;
    least_s = time_s;
    fastest = &costs->rows[i];
  }
  return fastest;
}

static void append(tw_collective_costs *costs, tw_collective_cost cost)
{
  g_assert(costs->n < TW_MOST_COSTS);
  costs->rows[costs->n++] = cost;
}

/* ---- Collectives ---- */

tw_collective_cost tw_plan_cost(const tw_plan *plan, double bytes, const tw_group *group,
                                const tw_kernel_cost *kernel, const tw_interconnect *links)
{
  tw_collective_cost cost = {.serial = plan->phases->len > 1};
  for (guint i = 0; i < plan->phases->len; i++) {
    const tw_phase *phase = &g_array_index(plan->phases, tw_phase, i);
    tw_wire_load load = tw_phase_load(phase, group);
    cost.fixed_s += kernel->launch_s + phase->messages * kernel->step_s + phase->hops * links->latency_s +
                    phase->fabric_hops * kernel->fabric_step_s;
    cost.fabric_hops += phase->fabric_hops;
    double inside = (load.inside + kernel->own * phase->own) / bytes;
    cost.inside_s += inside / (kernel->scale_up * links->bytes_per_s);
    cost.outside += load.outside / bytes / kernel->scale_out;
  }
  return cost;
}

tw_collective_costs tw_collective_costs_of(const tw_pattern *pattern, const tw_group *group, gboolean custom,
                                           const tw_device *device, const tw_interconnect *links)
{
  tw_collective_costs costs = {.n = 0};
  for (const tw_method *method = pattern->methods; method->algorithm != TW_ALGORITHM_AUTO; method++) {
    if (!tw_method_works(method, group) || (method->custom && !custom))
      continue;
    g_auto(tw_plan) plan = tw_method_plan(method, group, 1);
    for (int k = 0; k < TW_KERNEL_COUNT; k++) {
      if (!(method->kernels >> k & 1) || !tw_kernel_known(device, (tw_kernel)k))
        continue;
      tw_kernel_cost kernel = tw_kernel_cost_of(device, (tw_kernel)k);
      tw_collective_cost cost = tw_plan_cost(&plan, 1, group, &kernel, links);
      cost.algorithm = method->algorithm;
      cost.kernel = (tw_kernel)k;
      append(&costs, cost);
    }
  }
  return costs;
}

/* ---- Experts ---- */

double tw_distinct(double places, double picks)
{
  return places > 1 ? -places * expm1(picks * log1p(-1 / places)) : 1;
}

/* How a kernel copies a token that goes to several experts. */
typedef enum { FOR_EACH_EXPERT, FOR_EACH_RANK, FOR_EACH_DOMAIN } copying;

static copying copying_of(tw_kernel kernel)
{
  switch (kernel) {
  case TW_KERNEL_LL_DISPATCH:
  case TW_KERNEL_LL_COMBINE:
    return FOR_EACH_EXPERT;
  case TW_KERNEL_INTERNODE_DISPATCH:
  case TW_KERNEL_INTERNODE_COMBINE:
    return FOR_EACH_DOMAIN;
  default:
    return FOR_EACH_RANK;
  }
}

static gboolean goes_back(tw_kernel kernel)
{
  return kernel == TW_KERNEL_LL_COMBINE || kernel == TW_KERNEL_COMBINE ||
         kernel == TW_KERNEL_INTERNODE_COMBINE || kernel == TW_KERNEL_ONE_SIDED_COMBINE ||
         kernel == TW_KERNEL_TWO_SIDED_COMBINE || kernel == TW_KERNEL_TWO_SIDED_LOW_COMBINE;
}

tw_collective_cost tw_expert_cost(const tw_expert_traffic *traffic, tw_kernel which, const tw_device *device,
                                  const tw_interconnect *links)
{
  tw_kernel_cost kernel = tw_kernel_cost_of(device, which);
  double n = traffic->ranks, domains = traffic->domains, size = n / domains, k = traffic->experts_per_token;
  double reached = traffic->most_domains > 0 ? fmin(traffic->most_domains, domains) : domains;
  double ranks = traffic->balanced ? fmin(k, reached * size) : tw_distinct(reached * size, k);
  double bytes = goes_back(which)                       ? traffic->combine_bytes
                 : which == TW_KERNEL_TWO_SIDED_PREPARE ? 0
                                                        : traffic->dispatch_bytes;
  double inside = 0, outside = 0;
  switch (copying_of(which)) {
  case FOR_EACH_EXPERT:
    inside = k * (size - 1) / n + kernel.own;
    outside = k * (n - size) / n;
    break;
  case FOR_EACH_RANK:
    inside = ranks * (size - 1) / n + kernel.own;
    outside = ranks * (n - size) / n;
    break;
  case FOR_EACH_DOMAIN: /* bytes that come by a NIC go on inside the domain */
    inside = ranks * (n - 1) / n + kernel.own;
    outside = tw_distinct(reached, k) * (domains - 1) / domains;
  }
  return (tw_collective_cost){
      .algorithm = TW_ALGORITHM_PAIRS,
      .kernel = which,
      .fixed_s = kernel.launch_s + kernel.step_s * ranks * (n - 1) / n + kernel.peer_s * (n - size) +
                 (domains > 1 ? kernel.fabric_step_s : links->latency_s),
      .fabric_hops = domains > 1 ? 1 : 0,
      .inside_s = fmax(kernel.per_token_s, bytes * inside / (kernel.scale_up * links->bytes_per_s)),
      .outside = bytes * outside / kernel.scale_out,
  };
}

/* Kernels that work together: there, and back; `prepares` for the first. */
static const struct {
  tw_kernel first, last;
  gboolean one_domain, several_domains;
} families[] = {{TW_KERNEL_LL_DISPATCH, TW_KERNEL_LL_COMBINE, TRUE, TRUE},
                {TW_KERNEL_DISPATCH, TW_KERNEL_COMBINE, TRUE, FALSE},
                {TW_KERNEL_INTERNODE_DISPATCH, TW_KERNEL_INTERNODE_COMBINE, FALSE, TRUE},
                {TW_KERNEL_ONE_SIDED_DISPATCH, TW_KERNEL_ONE_SIDED_COMBINE, TRUE, FALSE},
                {TW_KERNEL_TWO_SIDED_PREPARE, TW_KERNEL_TWO_SIDED_COMBINE, TRUE, FALSE}};

static void add_cost(tw_collective_cost *sum, tw_collective_cost cost)
{
  sum->fixed_s += cost.fixed_s;
  sum->fabric_hops += cost.fabric_hops;
  sum->inside_s += cost.inside_s;
  sum->outside += cost.outside;
}

/* Sends from rank to rank, a copy for each expert, as many ranks as there are at most. */
static tw_collective_cost by_pairs(const tw_expert_traffic *traffic, const tw_device *device,
                                   const tw_interconnect *links)
{
  tw_kernel_cost kernel = tw_kernel_cost_of(device, TW_KERNEL_PAIRS);
  double n = traffic->ranks, size = n / traffic->domains;
  double bytes = fmin(traffic->experts_per_token, n) * (traffic->dispatch_bytes + traffic->combine_bytes);
  gboolean across = traffic->domains > 1;
  return (tw_collective_cost){
      .algorithm = TW_ALGORITHM_PAIRS,
      .kernel = TW_KERNEL_PAIRS,
      .fixed_s = 2 * (kernel.launch_s + kernel.step_s * (n - 1) +
                      (across ? kernel.fabric_step_s : links->latency_s)),
      .fabric_hops = across ? 2 : 0,
      .inside_s = bytes * fmax(size - 1 + kernel.own, 0) / n / (kernel.scale_up * links->bytes_per_s),
      .outside = bytes * (n - size) / n / kernel.scale_out,
  };
}

tw_collective_costs tw_expert_costs_of(const tw_expert_traffic *traffic, const tw_device *device,
                                       const tw_interconnect *links, gboolean decodes)
{
  tw_collective_costs costs = {.n = 0};
  gboolean across = traffic->domains > 1;
  guint n =
      decodes && has_row(device, TW_KERNEL_LL_DISPATCH) ? 1 : G_N_ELEMENTS(families); /* the first are they */
  for (guint i = 0; i < n; i++) {
    if (!(across ? families[i].several_domains : families[i].one_domain) ||
        !has_row(device, families[i].first))
      continue;
    tw_collective_cost sum = tw_expert_cost(traffic, families[i].first, device, links);
    for (int k = (int)families[i].first + 1; k <= (int)families[i].last; k++)
      add_cost(&sum, tw_expert_cost(traffic, (tw_kernel)k, device, links));
    append(&costs, sum);
  }
  if (costs.n == 0)
    append(&costs, by_pairs(traffic, device, links));
  return costs;
}
