#include "sim/network/flows/volley.h"

#include "sim/network/flows/course.h"

#include <math.h>

#define ALIKE 1e-12 /* relative: flows whose times differ by less end together */

void tw_volley_init(tw_volley *volley)
{
  *volley = (tw_volley){.flows = g_array_new(FALSE, FALSE, sizeof(tw_flow)),
                        .ends = g_array_new(FALSE, FALSE, sizeof(double)),
                        .loads = g_array_new(FALSE, FALSE, sizeof(tw_volley_load)),
                        .delays = g_array_new(FALSE, FALSE, sizeof(tw_volley_delay)),
                        .parts = g_array_new(FALSE, FALSE, sizeof(tw_volley_part))};
}

void tw_volley_clear(tw_volley *volley)
{
  g_array_unref(volley->flows);
  g_array_unref(volley->ends);
  g_array_unref(volley->loads);
  g_array_unref(volley->delays);
  g_array_unref(volley->parts);
}

void tw_volley_reset(tw_volley *volley)
{
  g_array_set_size(volley->flows, 0);
  volley->bytes = volley->joules = 0;
  volley->known = 0;
  volley->laid = FALSE;
}

void tw_volley_lay(tw_volley *volley, tw_routes *routes)
{
  if (volley->laid)
    return;
  volley->laid = TRUE;
  for (guint i = 0, n = volley->flows->len; i < n; i++) {
    tw_flow *flow = &g_array_index(volley->flows, tw_flow, i), lane = *flow;
    int lanes = tw_routes_lanes(routes, flow->from, flow->to);
    flow->bytes /= lanes;
    lane.bytes /= lanes;
    while (++lane.lane < lanes)
      g_array_append_val(volley->flows, lane);
  }
}

void tw_volley_add(tw_volley *volley, int from, int to, int shift, double bytes)
{
  tw_flow flow = {.from = from, .to = to, .shift = shift, .bytes = bytes};
  g_array_append_val(volley->flows, flow);
  volley->bytes += bytes;
}

/* The load of a link by flows that end at the same time as the latest. */
static tw_volley_load *load_of(tw_volley *volley, int link, double seconds, int *slot)
{
  if (*slot == 0 || g_array_index(volley->loads, tw_volley_load, *slot - 1).seconds != seconds) {
    tw_volley_load load = {link, seconds, 0, 0};
    g_array_append_val(volley->loads, load);
    *slot = (int)volley->loads->len;
  }
  return &g_array_index(volley->loads, tw_volley_load, *slot - 1);
}

/* Flows that follow one another are often delayed alike. */
static void count_delay(tw_volley *volley, double slowdown)
{
  GArray *delays = volley->delays;
  tw_volley_delay delay = {slowdown, 0};
  if (delays->len == 0 || g_array_index(delays, tw_volley_delay, delays->len - 1).slowdown != slowdown)
    g_array_append_val(delays, delay);
  g_array_index(delays, tw_volley_delay, delays->len - 1).flows++;
}

/* Counts a flow that takes so many seconds with the others. */
static void count(tw_volley *volley, const tw_flow *flow, double seconds, const tw_link_route *route,
                  const tw_link_table *links, int *slots)
{
  double alone_s = 0;
  for (int k = 0; k < route->n_links; k++)
    alone_s = fmax(alone_s, flow->bytes / links->rates[route->links[k]]);
  for (int k = 0; k < route->n_links; k++) {
    tw_volley_load *load = load_of(volley, route->links[k], seconds, &slots[route->links[k]]);
    load->bytes += flow->bytes;
    load->waiting_byte_s += flow->bytes * fmax(0, seconds - alone_s) / 2;
  }
  if (alone_s > 0)
    count_delay(volley, fmax(1, seconds / alone_s));
  volley->joules += flow->bytes * route->route.joules_per_byte;
}

/* Seconds that all flows of some sets take, NAN where not all take the same. */
static double seconds_of(const tw_convoys *convoys, int n_sets)
{
  double seconds = tw_convoys_seconds(convoys, 0);
  for (int k = 1; k < n_sets; k++)
    if (!(fabs(tw_convoys_seconds(convoys, k) - seconds) <= ALIKE * seconds))
      return NAN;
  return seconds;
}

/* The flows and their ways as convoys and courses see them. The caller frees the array. */
static tw_convoy_flow *ways_of(const tw_volley *volley, tw_routes *routes)
{
  tw_convoy_flow *flows = g_new(tw_convoy_flow, volley->flows->len);
  for (guint i = 0; i < volley->flows->len; i++) {
    const tw_flow *flow = &g_array_index(volley->flows, tw_flow, i);
    const tw_link_route *route = tw_routes_lane(routes, flow, 0);
    flows[i] = (tw_convoy_flow){flow->bytes, route->links, route->n_links, 0};
  }
  return flows;
}

/* Whether flows find their ways as they start. */
static gboolean chooses(const tw_volley *volley, const tw_routes *routes)
{
  for (guint i = 0; i < volley->flows->len; i++) {
    const tw_flow *flow = &g_array_index(volley->flows, tw_flow, i);
    if (tw_routes_choices(routes, flow->from, flow->to) > 1)
      return TRUE;
  }
  return FALSE;
}

/* Finds when the flows end that are no convoy. Returns the latest, NAN where that is not known. */
static double follow(tw_volley *volley, const tw_convoys *convoys, const tw_convoy_flow *flows)
{
  tw_convoy_links links = tw_convoys_links(convoys);
  double last_s = 0;
  g_array_set_size(volley->ends, volley->flows->len);
  double *ends_s = (double *)(void *)volley->ends->data;
  if (!tw_course_find(&links, flows, (int)volley->flows->len, ends_s)) {
    g_array_set_size(volley->ends, 0);
    return NAN;
  }
  for (guint i = 0; i < volley->ends->len; i++)
    last_s = fmax(last_s, ends_s[i]);
  return last_s;
}

/* Numbers of flows, by their ends, and then by themselves. */
static int by_end(gconstpointer a, gconstpointer b, gpointer ends)
{
  int one = *(const int *)a, other = *(const int *)b;
  double one_s = ((const double *)ends)[one], other_s = ((const double *)ends)[other];
  return one_s != other_s ? (one_s > other_s) - (one_s < other_s) : (one > other) - (one < other);
}

static void count_all(tw_volley *volley, tw_routes *routes, const tw_link_table *links, int *slots)
{
  guint n = volley->flows->len;
  const double *ends_s = volley->ends->len > 0 ? (const double *)(const void *)volley->ends->data : NULL;
  g_autofree int *order = g_new(int, n);
  for (guint i = 0; i < n; i++)
    order[i] = (int)i;
  if (ends_s != NULL)
    g_qsort_with_data(order, (gint)n, sizeof *order, by_end, (gpointer)ends_s);
  for (guint i = 0; i < n; i++) {
    const tw_flow *flow = &g_array_index(volley->flows, tw_flow, order[i]);
    count(volley, flow, ends_s != NULL ? ends_s[order[i]] : volley->seconds, tw_routes_lane(routes, flow, 0),
          links, slots);
  }
  for (guint i = 0; i < volley->loads->len; i++)
    slots[g_array_index(volley->loads, tw_volley_load, i).link] = 0;
}

void tw_volley_know(tw_volley *volley, tw_routes *routes, const tw_link_table *links, tw_convoys *convoys,
                    int *slots)
{
  guint n = volley->flows->len;
  g_array_set_size(volley->loads, 0);
  g_array_set_size(volley->delays, 0);
  g_array_set_size(volley->ends, 0);
  volley->joules = 0;
  volley->seconds = NAN;
  if (chooses(volley, routes))
    return;
  g_autofree tw_convoy_flow *flows = ways_of(volley, routes);
  volley->seconds = seconds_of(convoys, tw_convoys_part(convoys, flows, (int)n));
  if (isnan(volley->seconds))
    volley->seconds = follow(volley, convoys, flows);
  if (!isnan(volley->seconds))
    count_all(volley, routes, links, slots);
}

double *tw_volley_left(const tw_volley *volley, tw_routes *routes, const tw_convoys *convoys, double after_s)
{
  g_autofree tw_convoy_flow *flows = ways_of(volley, routes);
  tw_convoy_links links = tw_convoys_links(convoys);
  double *left = g_new(double, volley->flows->len);
  tw_course_left(&links, flows, (int)volley->flows->len, after_s, left);
  return left;
}

static void part_ended(tw_flow *flow, double end_s)
{
  tw_volley *volley = ((tw_volley_part *)(void *)flow)->volley;
  if (--volley->left == 0)
    volley->whole->ended(volley->whole, end_s);
}

void tw_volley_split(tw_volley *volley, tw_flow *whole)
{
  volley->whole = whole;
  volley->left = volley->flows->len;
  g_array_set_size(volley->parts, volley->left);
  for (guint i = 0; i < volley->left; i++) {
    tw_volley_part *part = &g_array_index(volley->parts, tw_volley_part, i);
    *part = (tw_volley_part){g_array_index(volley->flows, tw_flow, i), volley};
    part->flow.bytes *= whole->bytes;
    part->flow.kind = whole->kind;
    part->flow.start_s = whole->start_s;
    part->flow.ended = part_ended;
  }
}
