#include "sim/site/windows.h"

#include "sim/placement/span.h"

#include <math.h>

typedef struct window window;

typedef struct window_flow {
  tw_flow flow;
  window *window;
} window_flow;

/* Of one engine: the flows of the window that it waits for. */
struct window {
  tw_windows *windows;
  int engine;
  tw_span *span;
  window_flow *flows; /* of each pair of hosts */
  double latency_s;   /* the longest of their routes; NAN until it is known */
  int left;           /* flows under way */
  double steps;       /* of the window */
  double ended_s;
};

struct tw_windows {
  const tw_scenario *scenario;
  tw_network network;
  void (*resumed)(void *user, int engine, double now_s);
  void *user;
  window *of_engine;
  GQueue starting; /* of window_flow */
  int under_way;
};

tw_windows *tw_windows_new(const tw_scenario *scenario, const tw_network *network,
                           void (*resumed)(void *user, int engine, double now_s), void *user)
{
  gsize n = (gsize)scenario->n_engines;
  tw_windows *windows = g_new0(tw_windows, 1);
  *windows = (tw_windows){scenario, *network, resumed, user, g_new0(window, n), G_QUEUE_INIT, 0};
  for (int i = 0; i < scenario->n_engines; i++) {
    const tw_pool *pool = &scenario->pools[scenario->engines[i].pool];
    tw_parallelism parallel = {(int)pool->tp, (int)pool->pp, (int)pool->dp, (int)pool->ep};
    tw_span *span = tw_span_new(scenario->platform, &scenario->engines[i], &parallel);
    windows->of_engine[i] = (window){
        .windows = windows,
        .engine = i,
        .span = span,
        .flows = g_new0(window_flow, (gsize)span->n_pairs),
        .latency_s = NAN,
    };
  }
  return windows;
}

void tw_windows_free(tw_windows *windows)
{
  if (windows == NULL)
    return;
  g_queue_clear(&windows->starting);
  for (int i = 0; i < windows->scenario->n_engines; i++) {
    tw_span_free(windows->of_engine[i].span);
    g_free(windows->of_engine[i].flows);
  }
  g_free(windows->of_engine);
  g_free(windows);
}

gboolean tw_windows_spans(const tw_windows *windows, int engine)
{
  return windows->of_engine[engine].span->n_pairs > 0;
}

static void flow_ended(tw_flow *flow, double end_s)
{
  window *w = ((window_flow *)(void *)flow)->window;
  w->ended_s = fmax(w->ended_s, end_s);
  if (--w->left > 0)
    return;
  w->windows->under_way--;
  w->windows->resumed(w->windows->user, w->engine, w->ended_s + w->steps * w->latency_s);
}

/* The longest latency among the routes between an engine's domains. */
static double longest_latency_s(const tw_windows *windows, const tw_span *span)
{
  double longest_s = 0;
  for (int i = 0; i < span->n_pairs; i++) {
    tw_route route = windows->network.route(windows->network.state, span->pairs[i].from, span->pairs[i].to);
    longest_s = fmax(longest_s, route.latency_s);
  }
  return longest_s;
}

void tw_windows_post(tw_windows *windows, int engine, const tw_wire *wire, gint64 iterations, double now_s)
{
  window *w = &windows->of_engine[engine];
  if (isnan(w->latency_s))
    w->latency_s = longest_latency_s(windows, w->span);
  w->steps = wire->steps * (double)iterations;
  w->ended_s = now_s;
  windows->under_way++;
  for (int i = 0; i < w->span->n_pairs; i++) {
    const tw_span_pair *pair = &w->span->pairs[i];
    double bytes = tw_span_bytes(pair, wire) * (double)iterations;
    if (bytes <= 0)
      continue;
    w->flows[i] = (window_flow){{.from = pair->from,
                                 .to = pair->to,
                                 .bytes = bytes,
                                 .kind = TW_FLOW_COLLECTIVE,
                                 .start_s = now_s,
                                 .ended = flow_ended},
                                w};
    w->left++;
    g_queue_push_tail(&windows->starting, &w->flows[i]);
  }
  g_assert(w->left > 0);
}

void tw_windows_start_flows(tw_windows *windows)
{
  for (window_flow *f; (f = g_queue_pop_head(&windows->starting)) != NULL;)
    windows->network.start(windows->network.state, &f->flow, f->flow.start_s);
}

int tw_windows_under_way(const tw_windows *windows)
{
  return windows->under_way;
}
