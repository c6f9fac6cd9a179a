#include "sim/network/traffic.h"

#include <math.h>

/* What one interval's links have carried so far: link -> bytes. */
typedef struct bucket {
  double *bytes; /* of each link; NULL until something is carried */
} bucket;

struct tw_traffic {
  int n_links;
  double interval_s;
  tw_traffic_sink *sink;
  void *user;
  gint64 first;    /* interval of the oldest bucket */
  GArray *buckets; /* of bucket */
  double *totals, *peaks;
};

tw_traffic *tw_traffic_new(int n_links, double interval_s, tw_traffic_sink *sink, void *user)
{
  tw_traffic *traffic = g_new0(tw_traffic, 1);
  *traffic = (tw_traffic){.n_links = n_links,
                          .interval_s = interval_s,
                          .sink = sink,
                          .user = user,
                          .buckets = g_array_new(FALSE, TRUE, sizeof(bucket)),
                          .totals = g_new0(double, (gsize)n_links),
                          .peaks = g_new0(double, (gsize)n_links)};
  return traffic;
}

void tw_traffic_free(tw_traffic *traffic)
{
  if (traffic == NULL)
    return;
  for (guint i = 0; i < traffic->buckets->len; i++)
    g_free(g_array_index(traffic->buckets, bucket, i).bytes);
  g_array_unref(traffic->buckets);
  g_free(traffic->totals);
  g_free(traffic->peaks);
  g_free(traffic);
}

static double *bytes_of(tw_traffic *traffic, gint64 interval)
{
  guint i = (guint)(interval - traffic->first);
  if (i >= traffic->buckets->len)
    g_array_set_size(traffic->buckets, i + 1);
  bucket *b = &g_array_index(traffic->buckets, bucket, i);
  if (b->bytes == NULL)
    b->bytes = g_new0(double, (gsize)traffic->n_links);
  return b->bytes;
}

void tw_traffic_add(tw_traffic *traffic, const int *links, int n_links, double bytes, double start_s,
                    double end_s)
{
  for (int i = 0; i < n_links; i++)
    traffic->totals[links[i]] += bytes;
  /* The last part is what is left, so that the parts sum to the whole. */
  double left = bytes, at_s = start_s;
  gint64 interval = MAX((gint64)floor(start_s / traffic->interval_s), traffic->first);
  for (; left > 0; interval++) {
    double edge_s = (double)(interval + 1) * traffic->interval_s;
    double part = edge_s >= end_s ? left : MIN(left, bytes * (edge_s - at_s) / (end_s - start_s));
    double *carried = bytes_of(traffic, interval);
    for (int i = 0; i < n_links; i++)
      carried[links[i]] += part;
    left -= part;
    at_s = edge_s;
  }
}

static void hand_out(tw_traffic *traffic, gint64 interval, double *bytes, double length_s)
{
  for (int i = 0; i < traffic->n_links && bytes != NULL; i++) {
    if (bytes[i] <= 0)
      continue;
    traffic->peaks[i] = MAX(traffic->peaks[i], bytes[i] / length_s);
    if (traffic->sink != NULL)
      traffic->sink(traffic->user, (double)interval * traffic->interval_s, length_s, i, bytes[i]);
  }
  g_free(bytes);
}

void tw_traffic_settle(tw_traffic *traffic, double time_s)
{
  gint64 until = (gint64)floor(time_s / traffic->interval_s);
  guint n = (guint)CLAMP(until - traffic->first, 0, (gint64)traffic->buckets->len);
  for (guint i = 0; i < n; i++)
    hand_out(traffic, traffic->first + i, g_array_index(traffic->buckets, bucket, i).bytes,
             traffic->interval_s);
  if (n > 0)
    g_array_remove_range(traffic->buckets, 0, n);
  traffic->first = MAX(traffic->first, until);
}

void tw_traffic_close(tw_traffic *traffic, double end_s)
{
  tw_traffic_settle(traffic, end_s);
  for (guint i = 0; i < traffic->buckets->len; i++) {
    double length_s = end_s - (double)(traffic->first + i) * traffic->interval_s;
    double *bytes = g_array_index(traffic->buckets, bucket, i).bytes;
    hand_out(traffic, traffic->first + i, bytes, length_s > 0 ? length_s : traffic->interval_s);
  }
  g_array_set_size(traffic->buckets, 0);
}

double tw_traffic_link_bytes(const tw_traffic *traffic, int link)
{
  return traffic->totals[link];
}

double tw_traffic_link_peak(const tw_traffic *traffic, int link)
{
  return traffic->peaks[link];
}
