#include "sim/network/link_recorder.h"

#include "sim/base/histogram.h"
#include "sim/network/bursts.h"
#include "sim/network/traffic.h"

#include <math.h>

struct tw_link_recorder {
  tw_flows *flows;
  tw_log *log;
  tw_traffic *traffic;
  double *rates; /* bytes/s of each link; INFINITY: it caps each flow by itself */
  tw_bursts *bursts;
  tw_histogram *slowdowns; /* Slowdowns of flows: their time over what they would have taken alone. */
  double bytes[TW_FLOW_KIND_COUNT];
  guint64 n_flows;
};

static void write_row(void *user, double start_s, double length_s, int link, double bytes)
{
  tw_link_recorder *recorder = user;
  tw_link_row row = tw_link_row_empty;
  row.start_s = start_s;
  row.link = tw_flows_link_name(recorder->flows, link);
  row.bytes = bytes;
  double rate = recorder->rates[link];
  if (isfinite(rate)) /* one that caps each flow by itself has nothing to fill up */
    row.utilization = fmin(bytes / (length_s * rate), 1);
  tw_burst_sums sums = tw_bursts_take(recorder->bursts, link, start_s + length_s);
  row.active = fmin(sums.active_s / length_s, 1);
  if (isfinite(rate)) {
    row.full = fmin(sums.full_s / length_s, 1);
    row.waiting_bytes = sums.waiting_byte_s / length_s;
  }
  tw_log_link(recorder->log, &row);
}

/* A volley has gone as one thing. */
static void volley_ended(tw_link_recorder *recorder, const tw_flow *flow, double end_s)
{
  const tw_volley *volley = flow->volley;
  double size = flow->bytes;
  recorder->bytes[flow->kind] += volley->bytes * size;
  recorder->n_flows += volley->flows->len;
  tw_traffic_add_loads(recorder->traffic, volley->loads, size, flow->start_s);
  for (guint i = 0; recorder->log != NULL && i < volley->loads->len; i++) {
    const tw_volley_load *load = &g_array_index(volley->loads, tw_volley_load, i);
    tw_bursts_join(recorder->bursts, load->link, load->bytes * size, flow->start_s,
                   flow->start_s + load->seconds * size, load->waiting_byte_s * size * size);
  }
  for (guint i = 0; i < volley->delays->len; i++) {
    const tw_volley_delay *delay = &g_array_index(volley->delays, tw_volley_delay, i);
    tw_histogram_add_times(recorder->slowdowns, delay->slowdown, delay->flows);
  }
  tw_traffic_settle(recorder->traffic, fmin(tw_flows_oldest_s(recorder->flows), end_s));
}

static void flow_ended(void *user, const tw_flow *flow, const int *links, int n_links, double end_s)
{
  tw_link_recorder *recorder = user;
  if (flow->volley != NULL) {
    volley_ended(recorder, flow, end_s);
    return;
  }
  recorder->bytes[flow->kind] += flow->bytes;
  recorder->n_flows++;
  tw_traffic_add(recorder->traffic, links, n_links, flow->bytes, flow->start_s, end_s);
  double alone_s = 0;
  for (int i = 0; i < n_links; i++)
    alone_s = fmax(alone_s, flow->bytes / tw_flows_link_bytes_per_s(recorder->flows, links[i]));
  for (int i = 0; recorder->log != NULL && i < n_links; i++)
    tw_bursts_add(recorder->bursts, links[i], flow->bytes, flow->start_s, end_s, alone_s);
  if (alone_s > 0)
    tw_histogram_add(recorder->slowdowns, fmax(1, (end_s - flow->start_s) / alone_s));
  tw_traffic_settle(recorder->traffic, fmin(tw_flows_oldest_s(recorder->flows), end_s));
}

tw_link_recorder *tw_link_recorder_new(tw_flows *flows, double interval_s, tw_log *log)
{
  tw_link_recorder *recorder = g_new0(tw_link_recorder, 1);
  recorder->flows = flows;
  recorder->log = log;
  int n = tw_flows_links(flows);
  recorder->rates = g_new(double, (gsize)n);
  for (int i = 0; i < n; i++)
    recorder->rates[i] = tw_flows_link_is_shared(flows, i) ? tw_flows_link_bytes_per_s(flows, i) : INFINITY;
  recorder->bursts = tw_bursts_new(n, recorder->rates);
  recorder->slowdowns = tw_histogram_new();
  recorder->traffic =
      tw_traffic_new(n, recorder->rates, interval_s, log != NULL ? write_row : NULL, recorder);
  tw_flows_watch(flows, flow_ended, recorder);
  return recorder;
}

void tw_link_recorder_free(tw_link_recorder *recorder)
{
  if (recorder == NULL)
    return;
  tw_flows_watch(recorder->flows, NULL, NULL);
  tw_traffic_free(recorder->traffic);
  tw_bursts_free(recorder->bursts);
  tw_histogram_free(recorder->slowdowns);
  g_free(recorder->rates);
  g_free(recorder);
}

void tw_link_recorder_close(tw_link_recorder *recorder, double end_s)
{
  tw_traffic_close(recorder->traffic, end_s);
}

json_t *tw_link_recorder_summary(const tw_link_recorder *recorder)
{
  if (recorder->n_flows == 0)
    return NULL;
  json_t *object = json_object();
  double bytes = 0, peak = 0;
  int peak_link = 0;
  for (int i = 0; i < TW_FLOW_KIND_COUNT; i++)
    bytes += recorder->bytes[i];
  json_object_set_new(object, "flows", json_integer((json_int_t)recorder->n_flows));
  json_object_set_new(object, "bytes", json_real(bytes));
  for (int i = 0; i < TW_FLOW_KIND_COUNT; i++) {
    if (i > TW_FLOW_WEIGHTS && recorder->bytes[i] == 0) /* Kinds of engines' flows are told in any case. */
      continue;
    g_autofree char *name = g_strdup_printf("%s_bytes", tw_flow_kind_names[i]);
    json_object_set_new(object, name, json_real(recorder->bytes[i]));
  }
  for (int i = 0; i < tw_flows_links(recorder->flows); i++) {
    double used = fmin(tw_traffic_link_peak(recorder->traffic, i) / recorder->rates[i], 1);
    if (used <= peak)
      continue;
    peak = used;
    peak_link = i;
  }
  json_object_set_new(object, "peak_link_utilization", json_real(peak));
  if (peak > 0)
    json_object_set_new(object, "peak_link", json_string(tw_flows_link_name(recorder->flows, peak_link)));
  json_object_set_new(object, "slowdown",
                      json_pack("{s:f, s:f, s:f}", "mean", tw_histogram_mean(recorder->slowdowns), "p99",
                                tw_histogram_quantile(recorder->slowdowns, 0.99), "max",
                                tw_histogram_max(recorder->slowdowns)));
  return object;
}
