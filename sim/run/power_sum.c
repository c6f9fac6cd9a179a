#include "sim/run/power_sum.h"

#include <math.h>

/* A second, as far as sites have told of it. */
typedef struct second {
  double site_w, it_w;
  int told;
} second;

typedef struct teller {
  tw_power_sum *sum;
  guint next; /* the second that it tells of next, counted from the first that waits */
} teller;

struct tw_power_sum {
  int n;
  teller *tellers;
  GArray *waiting; /* elements: second */
  double peak_w, peak_it_w;
};

tw_power_sum *tw_power_sum_new(int n_sites)
{
  tw_power_sum *sum = g_new(tw_power_sum, 1);
  *sum = (tw_power_sum){n_sites, g_new0(teller, (gsize)n_sites), g_array_new(FALSE, TRUE, sizeof(second)),
                        NAN, NAN};
  for (int i = 0; i < n_sites; i++)
    sum->tellers[i].sum = sum;
  return sum;
}

void tw_power_sum_free(tw_power_sum *sum)
{
  if (sum == NULL)
    return;
  g_free(sum->tellers);
  g_array_unref(sum->waiting);
  g_free(sum);
}

void *tw_power_sum_site(tw_power_sum *sum, int site)
{
  return &sum->tellers[site];
}

void tw_power_sum_add(void *user, double site_w, double it_w)
{
  teller *t = user;
  tw_power_sum *sum = t->sum;
  if (t->next == sum->waiting->len)
    g_array_set_size(sum->waiting, t->next + 1);
  second *at = &g_array_index(sum->waiting, second, t->next++);
  *at = (second){at->site_w + site_w, at->it_w + it_w, at->told + 1};
  if (at->told < sum->n)
    return;
  /* It is the first that waits: every site tells of its seconds in their order. */
  sum->peak_w = fmax(sum->peak_w, at->site_w);
  sum->peak_it_w = fmax(sum->peak_it_w, at->it_w);
  g_array_remove_index(sum->waiting, 0);
  for (int i = 0; i < sum->n; i++)
    sum->tellers[i].next--;
}

double tw_power_sum_peak_w(const tw_power_sum *sum)
{
  return sum->peak_w;
}

double tw_power_sum_peak_it_w(const tw_power_sum *sum)
{
  return sum->peak_it_w;
}
