#include "sim/network/traffic.h"

#include <math.h>

/* The bytes that each link has carried so far in one interval. */
typedef struct bucket {
  double *bytes; /* bytes of each link; NULL until something is carried */
} bucket;

struct tw_traffic {
  int n_links;
  double *rates; /* bytes per second of each link */
  double interval_s;
  tw_traffic_sink *sink;
  void *user;
  gint64 first;    /* interval of the oldest bucket */
  GArray *buckets; /* array of bucket, by interval */
  double *totals, *peaks;
};

tw_traffic *tw_traffic_new(int n_links, const double *rates, double interval_s, tw_traffic_sink *sink,
                           void *user)
{
  tw_traffic *traffic = g_new0(tw_traffic, 1);
  *traffic = (tw_traffic){.n_links = n_links,
                          .rates = g_memdup2(rates, (gsize)n_links * sizeof *rates),
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
  g_free(traffic->rates);
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

/* An interval as far as a flow lies in it. */
typedef struct part {
  gint64 interval;
  double length_s;
} part;

static GArray *parts_of(const tw_traffic *traffic, double start_s, double end_s)
{
  GArray *parts = g_array_new(FALSE, FALSE, sizeof(part));
  gint64 interval = MAX((gint64)floor(start_s / traffic->interval_s), traffic->first);
  double at_s = fmin(fmax(start_s, (double)interval * traffic->interval_s), end_s);
  do {
    double edge_s = fmin((double)(interval + 1) * traffic->interval_s, end_s);
    part p = {interval++, fmax(edge_s - at_s, 0)};
    g_array_append_val(parts, p);
    at_s = edge_s;
  } while (at_s < end_s);
  return parts;
}

/* Pours bytes into the intervals, each of which takes what comes at `rate`, or, if `full`, all that it has
 * room for. Returns the bytes that are left. */
static double pour(tw_traffic *traffic, const GArray *parts, int link, double bytes, double rate,
                   gboolean full)
{
  double left = bytes;
  for (guint i = 0; i < parts->len && left > 0; i++) {
    const part *p = &g_array_index(parts, part, i);
    double *carried = &bytes_of(traffic, p->interval)[link];
    double room =
        fmin(traffic->rates[link] * traffic->interval_s - *carried, traffic->rates[link] * p->length_s);
    double some = fmin(left, full ? fmax(room, 0) : fmin(rate * p->length_s, fmax(room, 0)));
    *carried += some;
    left -= some;
  }
  return left;
}

static void add(tw_traffic *traffic, const GArray *parts, int link, double bytes, double length_s)
{
  traffic->totals[link] += bytes;
  double left = length_s > 0 ? pour(traffic, parts, link, bytes, bytes / length_s, FALSE) : bytes;
  if (left > 0)
    left = pour(traffic, parts, link, left, 0, TRUE);
  /* Bytes that fit nowhere (rounding, or flows spread otherwise than they went) stand in the last interval,
   * so that the parts sum to the whole. */
  bytes_of(traffic, g_array_index(parts, part, parts->len - 1).interval)[link] += left;
}

void tw_traffic_add(tw_traffic *traffic, const int *links, int n_links, double bytes, double start_s,
                    double end_s)
{
  g_autoptr(GArray) parts = parts_of(traffic, start_s, end_s);
  for (int i = 0; i < n_links; i++)
    add(traffic, parts, links[i], bytes, end_s - start_s);
}

void tw_traffic_add_loads(tw_traffic *traffic, const GArray *loads, double size, double start_s)
{
  g_autoptr(GArray) parts = NULL;
  double end_s = NAN; /* that of the load before */
  for (guint i = 0; i < loads->len; i++) {
    const tw_volley_load *load = &g_array_index(loads, tw_volley_load, i);
    double loads_end_s = start_s + load->seconds * size;
    if (parts == NULL || loads_end_s != end_s) {
      g_clear_pointer(&parts, g_array_unref);
      parts = parts_of(traffic, start_s, loads_end_s);
      end_s = loads_end_s;
    }
    add(traffic, parts, load->link, load->bytes * size, end_s - start_s);
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
