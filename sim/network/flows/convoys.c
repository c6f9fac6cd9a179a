#include "sim/network/flows/convoys.h"

#include <math.h>

static const double tolerance = 1e-9; /* relative: rates closer than that are equal */

/* The load that the flows put on a link. */
typedef struct load {
  guint round;        /* the call that it stems from */
  int first;          /* the first flow on the link */
  double bytes, most; /* the sum, and the largest */
} load;

struct tw_convoys {
  int n_links;
  double *rates;
  gboolean *shared;
  load *loads; /* by link */
  guint round;
  /* Array of int: another flow of the same set, or the flow itself, which stands for the set. */
  GArray *parents;
  GArray *seconds; /* Array of double: seconds by set. */
};

tw_convoys *tw_convoys_new(int n_links, const double *rates, const gboolean *shared)
{
  tw_convoys *convoys = g_new(tw_convoys, 1);
  *convoys = (tw_convoys){.n_links = n_links,
                          .rates = g_memdup2(rates, (gsize)n_links * sizeof *rates),
                          .shared = g_memdup2(shared, (gsize)n_links * sizeof *shared),
                          .loads = g_new0(load, (gsize)n_links),
                          .parents = g_array_new(FALSE, FALSE, sizeof(int)),
                          .seconds = g_array_new(FALSE, FALSE, sizeof(double))};
  return convoys;
}

void tw_convoys_free(tw_convoys *convoys)
{
  if (convoys == NULL)
    return;
  g_free(convoys->rates);
  g_free(convoys->shared);
  g_free(convoys->loads);
  g_array_unref(convoys->parents);
  g_array_unref(convoys->seconds);
  g_free(convoys);
}

void tw_convoys_set_rate(tw_convoys *convoys, int link, double bytes_per_s)
{
  convoys->rates[link] = bytes_per_s;
}

tw_convoy_links tw_convoys_links(const tw_convoys *convoys)
{
  return (tw_convoy_links){convoys->n_links, convoys->rates, convoys->shared};
}

/* The flow that stands for the set of a flow; the way to it gets shorter. */
static int root_of(int *parents, int flow)
{
  while (parents[flow] != flow)
    flow = parents[flow] = parents[parents[flow]];
  return flow;
}

static void put_on_links(tw_convoys *convoys, const tw_convoy_flow *flow, int number, int *parents)
{
  for (int k = 0; k < flow->n_links; k++) {
    load *l = &convoys->loads[flow->links[k]];
    if (!convoys->shared[flow->links[k]])
      continue;
    if (l->round != convoys->round)
      *l = (load){convoys->round, number, 0, 0};
    else
      parents[root_of(parents, number)] = root_of(parents, l->first);
    l->bytes += flow->bytes;
    l->most = fmax(l->most, flow->bytes);
  }
}

/* Seconds that a link needs for what lies on it, or, where it limits each flow by itself, for one flow. */
static double link_s(const tw_convoys *convoys, int link, double bytes)
{
  return (convoys->shared[link] ? convoys->loads[link].bytes : bytes) / convoys->rates[link];
}

static gboolean has_bottleneck(const tw_convoys *convoys, const tw_convoy_flow *flow, double seconds)
{
  for (int k = 0; k < flow->n_links; k++) {
    int link = flow->links[k];
    gboolean full = link_s(convoys, link, flow->bytes) >= seconds * (1 - tolerance);
    if (full && (!convoys->shared[link] || flow->bytes >= convoys->loads[link].most * (1 - tolerance)))
      return TRUE;
  }
  return FALSE;
}

int tw_convoys_part(tw_convoys *convoys, tw_convoy_flow *flows, int n)
{
  convoys->round++;
  g_array_set_size(convoys->parents, (guint)n);
  g_array_set_size(convoys->seconds, 0);
  int *parents = (int *)(void *)convoys->parents->data;
  for (int i = 0; i < n; i++) {
    parents[i] = i;
    put_on_links(convoys, &flows[i], i, parents);
  }
  for (int i = 0; i < n; i++) {
    double none = 0;
    flows[i].set = -1;
    if (root_of(parents, i) != i)
      continue;
    flows[i].set = (int)convoys->seconds->len;
    g_array_append_val(convoys->seconds, none);
  }
  double *seconds = (double *)(void *)convoys->seconds->data;
  for (int i = 0; i < n; i++) {
    flows[i].set = flows[root_of(parents, i)].set;
    for (int k = 0; k < flows[i].n_links; k++)
      seconds[flows[i].set] = fmax(seconds[flows[i].set], link_s(convoys, flows[i].links[k], flows[i].bytes));
  }
  for (int i = 0; i < n; i++)
    if (!isnan(seconds[flows[i].set]) && !has_bottleneck(convoys, &flows[i], seconds[flows[i].set]))
      seconds[flows[i].set] = NAN;
  return (int)convoys->seconds->len;
}

double tw_convoys_seconds(const tw_convoys *convoys, int set)
{
  return g_array_index(convoys->seconds, double, set);
}
