#include "sim/site/collective_windows.h"

#include "sim/network/flows/volley.h"
#include "sim/network/shipment.h"
#include "sim/placement/span.h"
#include "sim/site/agenda.h"

#include <math.h>

/* The window that an engine waits for. */
typedef struct window {
  tw_shipment shipment; /* its volley */
  tw_volley volley;     /* one flow for each pair of hosts, for one byte on the wire of an accelerator */
  tw_fabric_bytes proportions; /* Parts of one byte of the volley. */
  tw_collective_windows *windows;
  int engine;
  tw_span *span;
  double latency_s;     /* the longest of the routes; NAN until it is known */
  tw_fabric_bytes wire; /* the flows that it sends */
  double compute_s, start_s;
  int slices, sent; /* number of slices in which it sends, and of those that have come */
  gboolean overlaps;
  gboolean posted; /* The iteration is posted, and not resumed yet. */
} window;

struct tw_collective_windows {
  int n_engines;
  tw_network network;
  void (*resumed)(void *user, int engine, double now_s, double from_s, double computed_s);
  void *user;
  window *of_engine;
  tw_shipments shipments;
};

static void all_has_come(tw_shipment *shipment);

tw_collective_windows *tw_collective_windows_new(
    const tw_seat *seats, int n_engines, const tw_platform *platform, const tw_network *network,
    void (*resumed)(void *user, int engine, double now_s, double from_s, double computed_s), void *user)
{
  tw_collective_windows *windows = g_new0(tw_collective_windows, 1);
  *windows = (tw_collective_windows){.n_engines = n_engines,
                                     .network = *network,
                                     .resumed = resumed,
                                     .user = user,
                                     .of_engine = g_new0(window, (gsize)n_engines)};
  tw_shipments_init(&windows->shipments, network, all_has_come);
  for (int i = 0; i < n_engines; i++) {
    const tw_pool *pool = seats[i].pool;
    tw_parallelism parallel = {(int)pool->tp, (int)pool->pp, (int)pool->dp, (int)pool->ep};
    windows->of_engine[i] = (window){.windows = windows,
                                     .engine = i,
                                     .span = tw_span_new(platform, seats[i].place, &parallel),
                                     .latency_s = NAN,
                                     .slices = (int)pool->collective_slices,
                                     .overlaps = pool->collective_overlap};
    tw_volley_init(&windows->of_engine[i].volley);
  }
  return windows;
}

void tw_collective_windows_free(tw_collective_windows *windows)
{
  if (windows == NULL)
    return;
  while (tw_shipments_pop(&windows->shipments) != NULL)
    continue;
  tw_shipments_clear(&windows->shipments);
  for (int i = 0; i < windows->n_engines; i++) {
    tw_span_free(windows->of_engine[i].span);
    tw_shipment_clear(&windows->of_engine[i].shipment);
    tw_volley_clear(&windows->of_engine[i].volley);
  }
  g_free(windows->of_engine);
  g_free(windows);
}

gboolean tw_collective_windows_spans(const tw_collective_windows *windows, int engine)
{
  return windows->of_engine[engine].span->n_pairs > 0;
}

/* The longest latency among the routes between an engine's domains. */
static double longest_latency_s(const tw_collective_windows *windows, const tw_span *span)
{
  double longest_s = 0;
  for (int i = 0; i < span->n_pairs; i++) {
    tw_route route = windows->network.route(windows->network.state, span->pairs[i].from, span->pairs[i].to);
    longest_s = fmax(longest_s, route.latency_s);
  }
  return longest_s;
}

/* Bytes on the wire of an accelerator, in all. */
static double wire_bytes(const tw_fabric_bytes *wire)
{
  return wire->tensor + wire->experts + wire->stages;
}

/* Makes the volley anew where the kinds of collectives send in other proportions than before. */
static void set_proportions(window *w)
{
  double bytes = wire_bytes(&w->wire);
  tw_fabric_bytes now = {w->wire.tensor / bytes, w->wire.experts / bytes, w->wire.stages / bytes, 0};
  const tw_fabric_bytes *before = &w->proportions;
  if (now.tensor == before->tensor && now.experts == before->experts && now.stages == before->stages)
    return;
  w->proportions = now;
  tw_volley_reset(&w->volley);
  for (int i = 0; i < w->span->n_pairs; i++) {
    const tw_span_pair *pair = &w->span->pairs[i];
    double of_pair = tw_span_bytes(pair, &now);
    if (of_pair > 0)
      tw_volley_add(&w->volley, pair->from, pair->to, pair->shift, of_pair);
  }
}

static void post_slice(window *w, double now_s)
{
  tw_shipment_init(&w->shipment, &w->windows->shipments, now_s, (guint64)w->engine);
  tw_flow flow = {.bytes = wire_bytes(&w->wire) / w->slices,
                  .volley = &w->volley,
                  .kind = TW_FLOW_COLLECTIVE,
                  .start_s = now_s};
  if (w->volley.flows->len > 0)
    tw_shipment_add(&w->shipment, &flow, 0, -1);
  tw_shipment_begin(&w->shipment, now_s);
}

static void all_has_come(tw_shipment *shipment)
{
  window *w = tw_container(shipment, window, shipment);
  double slice_s = w->compute_s / w->slices;
  if (++w->sent < w->slices) {
    shipment->ready_s += w->overlaps ? 0 : slice_s;
    tw_shipment_schedule(shipment);
    return;
  }
  tw_shipment_take(shipment); /* nothing is due: the engine spends the latencies */
  w->posted = FALSE;
  double computed_s = slice_s * (w->slices - 1);
  if (w->overlaps)
    computed_s = fmin(computed_s, shipment->ready_s - w->start_s);
  w->windows->resumed(w->windows->user, w->engine, shipment->ready_s,
                      shipment->ready_s + w->wire.steps * w->latency_s, computed_s);
}

void tw_collective_windows_post(tw_collective_windows *windows, int engine, const tw_fabric_bytes *wire,
                                double compute_s, double now_s)
{
  window *w = &windows->of_engine[engine];
  if (isnan(w->latency_s))
    w->latency_s = longest_latency_s(windows, w->span);
  w->wire = *wire;
  set_proportions(w);
  w->compute_s = compute_s;
  w->start_s = now_s;
  w->sent = 0;
  w->posted = TRUE;
  post_slice(w, now_s);
}

void tw_collective_windows_fail(tw_collective_windows *windows, int engine)
{
  window *w = &windows->of_engine[engine];
  if (w->posted)
    tw_shipment_cancel(&w->shipment);
  w->posted = FALSE;
}

/* ---- The part ---- */

static void window_resumed(void *user, int engine, double now_s, double from_s, double computed_s)
{
  tw_agenda_resume(((tw_site *)user)->agenda, engine, now_s, from_s, computed_s);
}

static void *new_part(tw_site *site)
{
  if (tw_scenario_uses_network(site->scenario))
    site->windows = tw_collective_windows_new(site->seats, site->n_engines, site->scenario->platform,
                                              &site->network, window_resumed, site);
  return site->windows;
}

/* Engines act when their windows have come; in between, a slice follows on another. */
static double due(const void *part)
{
  return tw_shipments_due(&((const tw_collective_windows *)part)->shipments);
}

static gboolean step(void *part, double now_s, GError **error)
{
  (void)error;
  tw_shipment *shipment = tw_shipments_step(&((tw_collective_windows *)part)->shipments);
  if (shipment != NULL)
    post_slice(tw_container(shipment, window, shipment), now_s);
  return TRUE;
}

static void start_flows(void *part)
{
  tw_shipments_start_flows(&((tw_collective_windows *)part)->shipments);
}

static int under_way(const void *part)
{
  return ((const tw_collective_windows *)part)->shipments.flows;
}

static void free_part(void *part)
{
  tw_collective_windows_free(part);
}

const tw_part_kind tw_collective_windows_part = {.name = "windows",
                                                 .new = new_part,
                                                 .due = due,
                                                 .step = step,
                                                 .start_flows = start_flows,
                                                 .under_way = under_way,
                                                 .free = free_part};
