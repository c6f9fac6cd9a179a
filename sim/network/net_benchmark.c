#include "sim/network/net_benchmark.h"

#include "platforms/input/fault.h"

#include <simgrid/actor.h>
#include <simgrid/engine.h>
#include <simgrid/host.h>

#include <math.h>

/* ---- Ranks ---- */

void tw_ranks_clear(tw_ranks *ranks)
{
  g_clear_pointer(&ranks->hosts, g_free);
  g_clear_pointer(&ranks->domains, g_free);
  g_clear_pointer(&ranks->endpoints, g_free);
  g_clear_pointer(&ranks->ports, tw_ports_free);
}

static gboolean has_accelerators(const tw_platform *platform)
{
  return tw_platform_accelerators(platform) > 0;
}

static int ranks_of(const tw_platform *platform, int host, gboolean accelerators)
{
  const tw_host *h = &platform->hosts[host];
  return !accelerators ? 1 : h->device != NULL ? h->accelerators : 0;
}

/* The NVLink domain or node of a host; a host outside of any is one of its own. */
static int domain_of(const tw_platform *platform, int host)
{
  int zone = tw_platform_domain(platform, host);
  return zone >= 0 ? zone : platform->n_zones + host;
}

int tw_ranks_most(const tw_platform *platform)
{
  return has_accelerators(platform) ? (int)tw_platform_accelerators(platform) : platform->n_hosts;
}

tw_ranks tw_ranks_place(const tw_platform *platform, int n, gboolean spread)
{
  gboolean accelerators = has_accelerators(platform);
  int n_domains = platform->n_zones + platform->n_hosts, left = n;
  g_autofree int *size = g_new0(int, (gsize)n_domains), *take = g_new0(int, (gsize)n_domains);
  for (int h = 0; h < platform->n_hosts; h++)
    size[domain_of(platform, h)] += ranks_of(platform, h, accelerators);
  /* Round after round, one rank of every domain that has any left; or as many as it has. */
  while (left > 0) {
    for (int d = 0; d < n_domains && left > 0; d++) {
      int more = MIN(left, MIN(size[d] - take[d], spread ? 1 : left));
      take[d] += more;
      left -= more;
    }
  }
  tw_ranks ranks = {.hosts = g_new0(int, (gsize)n),
                    .domains = g_new0(int, (gsize)n),
                    .endpoints = g_new(int, (gsize)n),
                    .ports = tw_ports_new(platform)};
  int rank = 0;
  for (int d = 0; d < n_domains; d++) {
    for (int h = 0; h < platform->n_hosts && take[d] > 0; h++) {
      if (domain_of(platform, h) != d)
        continue;
      for (int k = ranks_of(platform, h, accelerators); k > 0 && take[d] > 0; k--, take[d]--, rank++) {
        ranks.hosts[rank] = h;
        ranks.domains[rank] = d;
        ranks.endpoints[rank] = tw_ports_add(ranks.ports, h, 1);
      }
    }
  }
  const tw_device *device = platform->hosts[ranks.hosts[0]].device;
  ranks.group = (tw_group){n,
                           ranks.domains,
                           device != NULL ? (int)device->board_accelerators : n,
                           device != NULL ? (int)device->kernels[TW_KERNEL_IN_SWITCH].nics : 0,
                           FALSE,
                           0,
                           0};
  tw_planes_set_rails(platform, ranks.hosts[0], &ranks.group.rails, &ranks.group.on_rail);
  for (int i = 1; i < n; i++)
    ranks.group.meshed |= ranks.hosts[i] != ranks.hosts[i - 1] && ranks.domains[i] == ranks.domains[i - 1] &&
                          !tw_platform_switched(platform, ranks.hosts[i]);
  return ranks;
}

/* ---- Ways ---- */

static const tw_device *device_of(const tw_platform *platform, const tw_ranks *ranks)
{
  return platform->hosts[ranks->hosts[0]].device;
}

static void add_ways(GArray *ways, const tw_method *method, gboolean asked, const tw_device *device,
                     double bytes)
{
  guint before = ways->len;
  for (int k = 0; k < TW_KERNEL_COUNT; k++) {
    tw_net_way way = {.method = method, .kernel = (tw_kernel)k, .bytes = bytes};
    if ((method->kernels >> k & 1) && tw_kernel_known(device, (tw_kernel)k))
      g_array_append_val(ways, way);
  }
  tw_net_way plain = {
      .method = method, .kernel = (tw_kernel)g_bit_nth_lsf(method->kernels, -1), .bytes = bytes};
  if (asked && ways->len == before)
    g_array_append_val(ways, plain);
}

GArray *tw_net_ways(const tw_platform *platform, const tw_pattern *pattern, tw_algorithm algorithm,
                    const tw_ranks *ranks, double bytes)
{
  GArray *ways = g_array_new(FALSE, FALSE, sizeof(tw_net_way));
  const tw_device *device = device_of(platform, ranks);
  for (const tw_method *method = pattern->methods; method->algorithm != TW_ALGORITHM_AUTO; method++) {
    gboolean asked = method->algorithm == algorithm;
    if ((asked || (algorithm == TW_ALGORITHM_AUTO && !method->custom)) &&
        tw_method_works(method, &ranks->group))
      add_ways(ways, method, asked, device, bytes);
  }
  return ways;
}

double tw_net_time_s(const tw_net_way *way, double bytes)
{
  return bytes / way->bytes * way->bytes_s + way->fixed_s;
}

/* ---- The closed form ---- */

typedef struct meter {
  const tw_platform *platform;
  const tw_ranks *ranks;
  tw_flows *flows;
  GArray *ways;
  const GArray *sizes;
  GPtrArray *chosen;
  double now_s; /* when the latest flow ended */
  GError *error;
} meter;

/* Transfers between accelerators of one host cross no link of SimGrid: they go at the device's own rate. */
static tw_route route_of(const meter *m, int from, int to)
{
  tw_network network = tw_flows_network(m->flows);
  const int *hosts = m->ranks->hosts;
  if (hosts[from] != hosts[to])
    return network.route(network.state, m->ranks->endpoints[from], m->ranks->endpoints[to]);
  const tw_device *device = m->platform->hosts[hosts[from]].device;
  return device == NULL ? (tw_route){0, INFINITY, 0}
                        : (tw_route){device->scale_up_latency_s, tw_device_pair_bytes_per_s(device), 0};
}

static gboolean is_inside(const meter *m, const tw_send *t)
{
  return m->ranks->domains[t->from] == m->ranks->domains[t->to];
}

/* Bytes on the wire for a byte of a transfer, inside domains and between them. */
typedef struct wire {
  double inside, outside;
} wire;

static wire wire_of(const meter *m, const tw_phase *phase, const tw_kernel_cost *kernel)
{
  tw_wire_load load = tw_phase_load(phase, &m->ranks->group);
  double own = load.inside > 0 ? kernel->own * phase->own / load.inside : 0;
  return (wire){(1 + own) / kernel->scale_up, 1 / kernel->scale_out};
}

/* The time that the busiest accelerator takes to send or receive inside its domain, at the rate of its
 * device: SimGrid does not know what stays in a host, which shares the accelerator's ports with what goes to
 * others. */
static double inside_domains_s(const meter *m, const tw_phase *phase, wire w)
{
  g_autofree double *sent_s = g_new0(double, (gsize)m->ranks->group.n);
  g_autofree double *got_s = g_new0(double, (gsize)m->ranks->group.n);
  double most_s = 0;
  gboolean inside_hosts = FALSE;
  for (guint i = 0; i < phase->transfers->len; i++) {
    const tw_send *t = &g_array_index(phase->transfers, tw_send, i);
    const tw_device *device = m->platform->hosts[m->ranks->hosts[t->from]].device;
    if (!is_inside(m, t) || device == NULL)
      continue;
    inside_hosts |= m->ranks->hosts[t->from] == m->ranks->hosts[t->to];
    tw_interconnect links =
        tw_links_among(tw_device_links(device), device, tw_group_largest_domain(&m->ranks->group));
    double takes_s = t->bytes * w.inside / links.bytes_per_s;
    most_s = fmax(most_s, fmax(sent_s[t->from] += takes_s, got_s[t->to] += takes_s));
  }
  return inside_hosts ? most_s : 0;
}

/* The time that the busiest link of the platform takes for what goes from host to host. */
static double links_s(const meter *m, const tw_phase *phase, wire w)
{
  g_autofree double *carried = g_new0(double, (gsize)tw_flows_links(m->flows));
  double most_s = 0;
  for (guint i = 0; i < phase->transfers->len; i++) {
    const tw_send *t = &g_array_index(phase->transfers, tw_send, i);
    const int *hosts = m->ranks->hosts, *endpoints = m->ranks->endpoints, *links = NULL;
    int n = 0;
    if (hosts[t->from] != hosts[t->to])
      links = tw_flows_route_links(m->flows, endpoints[t->from], endpoints[t->to], &n);
    double bytes = t->bytes * (is_inside(m, t) ? w.inside : w.outside);
    for (int k = 0; k < n; k++) {
      double *on_link = &carried[links[k]];
      *on_link = tw_flows_link_is_shared(m->flows, links[k]) ? *on_link + bytes : fmax(*on_link, bytes);
      most_s = fmax(most_s, *on_link / tw_flows_link_bytes_per_s(m->flows, links[k]));
    }
  }
  return most_s;
}

/* Launch, and the longest latencies, as often as they follow each other. */
static double fixed_s(const meter *m, const tw_phase *phase, const tw_kernel_cost *kernel)
{
  double inside_s = 0, outside_s = 0;
  for (guint i = 0; i < phase->transfers->len; i++) {
    const tw_send *t = &g_array_index(phase->transfers, tw_send, i);
    double latency_s = route_of(m, t->from, t->to).latency_s;
    double *longest_s = is_inside(m, t) ? &inside_s : &outside_s;
    *longest_s = fmax(*longest_s, latency_s);
  }
  return kernel->launch_s + phase->messages * kernel->step_s + phase->hops * inside_s +
         phase->fabric_hops * (outside_s + kernel->fabric_step_s);
}

static gboolean check_routes(const meter *m, const tw_phase *phase, GError **error)
{
  for (guint i = 0; i < phase->transfers->len; i++) {
    const tw_send *t = &g_array_index(phase->transfers, tw_send, i);
    int from = m->ranks->hosts[t->from], to = m->ranks->hosts[t->to];
    if (from != to && isinf(route_of(m, t->from, t->to).bytes_per_s))
      return tw_input_error_set(error, TW_INPUT_ERROR_VALUE, NULL, 0,
                                "%s: no route leads from host \"%s\" to host \"%s\"", m->platform->path,
                                m->platform->hosts[from].id, m->platform->hosts[to].id);
  }
  return TRUE;
}

/* The closed form of a way. */
static gboolean estimate(const meter *m, tw_net_way *way, GError **error)
{
  tw_kernel_cost kernel = tw_kernel_cost_of(device_of(m->platform, m->ranks), way->kernel);
  g_auto(tw_plan) plan = tw_method_plan(way->method, &m->ranks->group, way->bytes);
  for (guint p = 0; p < plan.phases->len; p++) {
    const tw_phase *phase = &g_array_index(plan.phases, tw_phase, p);
    if (!check_routes(m, phase, error))
      return FALSE;
    wire w = wire_of(m, phase, &kernel);
    way->closed_s += fmax(inside_domains_s(m, phase, w), links_s(m, phase, w));
    way->fixed_s += fixed_s(m, phase, &kernel);
  }
  return TRUE;
}

static tw_net_way *fastest(const meter *m, double bytes)
{
  tw_net_way *best = NULL;
  double least_s = INFINITY;
  for (guint i = 0; i < m->ways->len; i++) {
    tw_net_way *way = &g_array_index(m->ways, tw_net_way, i);
    double time_s = bytes / way->bytes * way->closed_s + way->fixed_s;
    if (time_s < least_s)
      best = way;
    least_s = fmin(least_s, time_s);
  }
  return best;
}

/* ---- Measuring ---- */

typedef struct meter_flow {
  tw_flow flow;
  meter *meter;
} meter_flow;

static void flow_ended(tw_flow *flow, double end_s)
{
  meter *m = ((meter_flow *)(void *)flow)->meter;
  m->now_s = fmax(m->now_s, end_s);
}

static double run_phase(meter *m, const tw_phase *phase, wire w)
{
  tw_network network = tw_flows_network(m->flows);
  g_autoptr(GArray) flows = g_array_new(FALSE, FALSE, sizeof(meter_flow));
  for (guint i = 0; i < phase->transfers->len; i++) {
    const tw_send *t = &g_array_index(phase->transfers, tw_send, i);
    const int *hosts = m->ranks->hosts, *endpoints = m->ranks->endpoints;
    double bytes = t->bytes * (is_inside(m, t) ? w.inside : w.outside);
    meter_flow flow = {
        {.from = endpoints[t->from], .to = endpoints[t->to], .bytes = bytes, .ended = flow_ended}, m};
    if (hosts[t->from] != hosts[t->to])
      g_array_append_val(flows, flow);
  }
  double start_s = m->now_s;
  for (guint i = 0; i < flows->len; i++)
    network.start(network.state, &g_array_index(flows, meter_flow, i).flow, start_s);
  while (tw_flows_under_way(m->flows) > 0)
    tw_flows_wait(&m->flows, 1, INFINITY);
  return fmax(inside_domains_s(m, phase, w), m->now_s - start_s);
}

enum { MOST_FLOWS = 1 << 17 }; /* a phase of more is not simulated: its busiest link says when it ends */

static void simulate(meter *m, tw_net_way *way)
{
  tw_kernel_cost kernel = tw_kernel_cost_of(device_of(m->platform, m->ranks), way->kernel);
  g_auto(tw_plan) plan = tw_method_plan(way->method, &m->ranks->group, way->bytes);
  for (guint p = 0; p < plan.phases->len; p++) {
    const tw_phase *phase = &g_array_index(plan.phases, tw_phase, p);
    wire w = wire_of(m, phase, &kernel);
    gboolean many = phase->transfers->len > MOST_FLOWS;
    way->bytes_s += many ? fmax(inside_domains_s(m, phase, w), links_s(m, phase, w)) : run_phase(m, phase, w);
    way->by_busiest_link |= many;
  }
  way->simulated = TRUE;
}

static void run_meter(int argc, char **argv)
{
  (void)argc, (void)argv;
  meter *m = sg_actor_get_data(sg_actor_self());
  for (guint i = 0; i < m->ways->len; i++)
    if (!estimate(m, &g_array_index(m->ways, tw_net_way, i), &m->error))
      return;
  for (guint i = 0; i < m->sizes->len; i++) {
    tw_net_way *way = fastest(m, g_array_index(m->sizes, double, i));
    if (!way->simulated)
      simulate(m, way);
    g_ptr_array_add(m->chosen, way);
  }
}

GPtrArray *tw_net_measure(const tw_platform *platform, const tw_ranks *ranks, GArray *ways,
                          const GArray *sizes, GError **error)
{
  g_autoptr(tw_flows) flows = tw_flows_new(ranks->ports);
  meter m = {.platform = platform,
             .ranks = ranks,
             .flows = flows,
             .ways = ways,
             .sizes = sizes,
             .chosen = g_ptr_array_new()};
  sg_actor_t actor = sg_actor_init("meter", sg_host_by_name(platform->hosts[0].id));
  sg_actor_set_data(actor, &m);
  sg_actor_start_(actor, run_meter, 0, NULL);
  simgrid_run();
  if (m.error == NULL)
    return m.chosen;
  g_ptr_array_unref(m.chosen);
  g_propagate_error(error, m.error);
  return NULL;
}
