#include "sim/network/bursts.h"

#include <math.h>

#define FULL 0.95

typedef struct burst {
  double start_s, end_s, bytes, waiting_byte_s;
} burst;

struct tw_bursts {
  int n_links;
  double *rates;
  GArray **of_link; /* By link, an array of burst by time; NULL: none yet. */
};

tw_bursts *tw_bursts_new(int n_links, const double *rates)
{
  tw_bursts *bursts = g_new(tw_bursts, 1);
  *bursts = (tw_bursts){.n_links = n_links,
                        .rates = g_memdup2(rates, (gsize)n_links * sizeof *rates),
                        .of_link = g_new0(GArray *, (gsize)n_links)};
  return bursts;
}

void tw_bursts_free(tw_bursts *bursts)
{
  if (bursts == NULL)
    return;
  for (int i = 0; i < bursts->n_links; i++)
    if (bursts->of_link[i] != NULL)
      g_array_unref(bursts->of_link[i]);
  g_free(bursts->of_link);
  g_free(bursts->rates);
  g_free(bursts);
}

void tw_bursts_add(tw_bursts *bursts, int link, double bytes, double start_s, double end_s, double alone_s)
{
  tw_bursts_join(bursts, link, bytes, start_s, end_s, bytes * fmax(0, end_s - start_s - alone_s) / 2);
}

void tw_bursts_join(tw_bursts *bursts, int link, double bytes, double start_s, double end_s,
                    double waiting_byte_s)
{
  GArray **list = &bursts->of_link[link];
  if (*list == NULL)
    *list = g_array_new(FALSE, FALSE, sizeof(burst));
  burst joined = {start_s, end_s, bytes, waiting_byte_s};
  while ((*list)->len > 0) {
    const burst *last = &g_array_index(*list, burst, (*list)->len - 1);
    if (last->end_s <= start_s)
      break;
    joined = (burst){fmin(last->start_s, joined.start_s), fmax(last->end_s, joined.end_s),
                     last->bytes + joined.bytes, last->waiting_byte_s + joined.waiting_byte_s};
    g_array_set_size(*list, (*list)->len - 1);
  }
  g_array_append_val(*list, joined);
}

tw_burst_sums tw_bursts_take(tw_bursts *bursts, int link, double edge_s)
{
  tw_burst_sums sums = {0};
  GArray *list = bursts->of_link[link];
  guint n = 0;
  for (; list != NULL && n < list->len; n++) {
    burst *b = &g_array_index(list, burst, n);
    double length_s = b->end_s - b->start_s, until_s = fmin(b->end_s, edge_s);
    if (b->start_s >= edge_s)
      break;
    double part = (until_s - b->start_s) / length_s;
    sums.active_s += part * length_s;
    if (b->bytes >= FULL * bursts->rates[link] * length_s) {
      sums.full_s += part * length_s;
      sums.waiting_byte_s += part * b->waiting_byte_s;
    }
    if (b->end_s > edge_s) {
      *b = (burst){edge_s, b->end_s, (1 - part) * b->bytes, (1 - part) * b->waiting_byte_s};
      break;
    }
  }
  if (n > 0)
    g_array_remove_range(list, 0, n);
  return sums;
}
