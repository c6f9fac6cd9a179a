#include "sim/net_meter.h"

#include <simgrid/actor.h>
#include <simgrid/engine.h>
#include <simgrid/host.h>
#include <simgrid/semaphore.h>

#include <math.h>

/* ---- Ranks ---- */

void tw_ranks_clear(tw_ranks *ranks)
{
  g_clear_pointer(&ranks->hosts, g_free);
  g_clear_pointer(&ranks->domains, g_free);
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
  tw_ranks ranks = {.hosts = g_new(int, (gsize)n), .domains = g_new(int, (gsize)n)};
  int rank = 0;
  for (int d = 0; d < n_domains; d++) {
    for (int h = 0; h < platform->n_hosts && take[d] > 0; h++) {
      if (domain_of(platform, h) != d)
        continue;
      for (int k = ranks_of(platform, h, accelerators); k > 0 && take[d] > 0; k--, take[d]--, rank++) {
        ranks.hosts[rank] = h;
        ranks.domains[rank] = d;
      }
    }
  }
  ranks.group = (tw_group){n, ranks.domains};
  return ranks;
}

/* ---- Measuring ---- */

typedef struct meter {
  const tw_platform *platform;
  const tw_plan *plan;
  const tw_ranks *ranks;
  tw_flows *flows;
  GArray *times;
  int under_way;
  sg_sem_t all_ended;
  GError *error;
} meter;

typedef struct meter_flow {
  tw_flow flow;
  meter *meter;
} meter_flow;

static void flow_ended(tw_flow *flow, double end_s)
{
  meter *m = ((meter_flow *)(void *)flow)->meter;
  (void)end_s;
  if (--m->under_way == 0)
    sg_sem_release(m->all_ended);
}

/* Transfers between accelerators of one host cross no link of SimGrid: they go at the device's own rate. */
static tw_route inside_host(const tw_platform *platform, int host)
{
  const tw_device *device = platform->hosts[host].device;
  return device == NULL ? (tw_route){0, INFINITY, 0}
                        : (tw_route){device->scale_up_latency_s, device->scale_up_bytes_per_s, 0};
}

/* Adds up what a host's busiest accelerator sends inside of it, and the longest latency; makes flows of what
 * goes from host to host. */
static gboolean prepare(meter *m, const tw_phase *phase, GArray *flows, tw_phase_time *time)
{
  tw_network network = tw_flows_network(m->flows);
  g_autofree double *inside_s = g_new0(double, (gsize)m->ranks->group.n);
  for (guint i = 0; i < phase->transfers->len; i++) {
    const tw_transfer *t = &g_array_index(phase->transfers, tw_transfer, i);
    int from = m->ranks->hosts[t->from], to = m->ranks->hosts[t->to];
    tw_route route = from == to ? inside_host(m->platform, from) : network.route(network.state, from, to);
    if (isinf(route.bytes_per_s) && from != to) {
      g_set_error(&m->error, TW_INPUT_ERROR, TW_INPUT_ERROR_VALUE,
                  "%s: no route leads from host \"%s\" to host \"%s\"", m->platform->path,
                  m->platform->hosts[from].id, m->platform->hosts[to].id);
      return FALSE;
    }
    time->latency_s = fmax(time->latency_s, phase->steps * route.latency_s);
    if (from == to) {
      inside_s[t->from] += t->bytes / route.bytes_per_s;
      time->bytes_s = fmax(time->bytes_s, inside_s[t->from]);
      continue;
    }
    meter_flow flow = {{.from = from, .to = to, .bytes = t->bytes, .ended = flow_ended}, m};
    g_array_append_val(flows, flow);
  }
  return TRUE;
}

static void run_meter(int argc, char **argv)
{
  (void)argc, (void)argv;
  meter *m = sg_actor_get_data(sg_actor_self());
  tw_network network = tw_flows_network(m->flows);
  for (guint p = 0; p < m->plan->phases->len; p++) {
    tw_phase_time time = {0};
    g_autoptr(GArray) flows = g_array_new(FALSE, FALSE, sizeof(meter_flow));
    if (!prepare(m, &g_array_index(m->plan->phases, tw_phase, p), flows, &time))
      return;
    double start_s = simgrid_get_clock();
    m->under_way = (int)flows->len;
    for (guint i = 0; i < flows->len; i++)
      network.start(network.state, &g_array_index(flows, meter_flow, i).flow, start_s);
    if (flows->len > 0)
      sg_sem_acquire(m->all_ended);
    time.bytes_s = fmax(time.bytes_s, simgrid_get_clock() - start_s);
    g_array_append_val(m->times, time);
  }
}

GArray *tw_net_measure(const tw_platform *platform, const tw_plan *plan, const tw_ranks *ranks,
                       GError **error)
{
  g_autoptr(tw_flows) flows = tw_flows_new(platform);
  meter m = {.platform = platform,
             .plan = plan,
             .ranks = ranks,
             .flows = flows,
             .times = g_array_new(FALSE, FALSE, sizeof(tw_phase_time)),
             .all_ended = sg_sem_init(0)};
  sg_actor_t actor = sg_actor_init("meter", sg_host_by_name(platform->hosts[0].id));
  sg_actor_set_data(actor, &m);
  sg_actor_start_(actor, run_meter, 0, NULL);
  simgrid_run();
  sg_sem_destroy(m.all_ended);
  if (m.error == NULL)
    return m.times;
  g_array_unref(m.times);
  g_propagate_error(error, m.error);
  return NULL;
}

double tw_net_time_s(const GArray *phases, double scale)
{
  double time_s = 0;
  for (guint i = 0; i < phases->len; i++) {
    const tw_phase_time *phase = &g_array_index(phases, tw_phase_time, i);
    time_s += scale * phase->bytes_s + phase->latency_s;
  }
  return time_s;
}
