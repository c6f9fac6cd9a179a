#include "workloads/draw/population.h"

#include <math.h>

struct tw_population {
  tw_population_client *clients;
  int n;
  double end_s;
  int *heap; /* clients by (due_s, index): the first one is next */
};

/* ---- The heap ---- */

static gboolean is_before(const tw_population *p, int a, int b)
{
  const tw_population_client *x = &p->clients[a], *y = &p->clients[b];
  return x->due_s < y->due_s || (x->due_s == y->due_s && a < b);
}

static void sink(tw_population *p, int at)
{
  int client = p->heap[at];
  for (int child; (child = 2 * at + 1) < p->n; at = child) {
    if (child + 1 < p->n && is_before(p, p->heap[child + 1], p->heap[child]))
      child++;
    if (!is_before(p, p->heap[child], client))
      break;
    p->heap[at] = p->heap[child];
  }
  p->heap[at] = client;
}

/* ---- Construction ---- */

static tw_population *population_new(gint64 n, double end_s)
{
  tw_population *p = g_new0(tw_population, 1);
  p->n = (int)n;
  p->end_s = end_s;
  p->clients = g_new0(tw_population_client, (gsize)n);
  p->heap = g_new(int, (gsize)n);
  return p;
}

static void start(tw_population *p)
{
  for (int i = 0; i < p->n; i++) {
    p->clients[i].due_s = tw_arrivals_next(&p->clients[i].arrivals, p->end_s);
    p->heap[i] = i;
  }
  for (int i = p->n / 2; i >= 0; i--)
    sink(p, i);
}

/* Lognormal of mean 1. */
static double factor(tw_chance *chance, double sigma)
{
  return sigma > 0 ? exp(sigma * (tw_chance_normal(chance) - sigma / 2)) : 1;
}

tw_population *tw_population_new(const tw_population_options *options, const tw_arrival_options *arrivals,
                                 double scale, double end_s, guint64 seed, const char *name,
                                 const char *source)
{
  tw_population *p = population_new(options->clients, end_s);
  double sum = 0;
  for (int i = 0; i < p->n; i++)
    sum += pow(i + 1, -options->skew);
  for (int i = 0; i < p->n; i++) {
    tw_population_client *client = &p->clients[i];
    gboolean alone = p->n == 1;
    tw_arrival_options own = *arrivals;
    g_autofree char *gaps = alone ? g_strdup(source) : g_strdup_printf("%s %d", source, i + 1);
    g_autofree char *character = g_strconcat(gaps, " character", NULL);
    tw_chance chance = tw_chance_new(seed, character);
    client->name = alone ? NULL : g_strdup_printf("%s-%d", name, i + 1);
    client->prompt_factor = factor(&chance, options->length_sigma);
    client->output_factor = factor(&chance, options->length_sigma);
    double cv = own.cv * factor(&chance, options->cv_sigma);
    own.cv = CLAMP(cv, 0.05, 20);
    client->arrivals = tw_arrivals_new(&own, scale * pow(i + 1, -options->skew) / sum, seed, gaps);
  }
  start(p);
  return p;
}

tw_population *tw_population_of(const tw_arrival_options *arrivals, const char *const *names, int n,
                                double scale, double end_s, guint64 seed, const char *source)
{
  tw_population *p = population_new(n, end_s);
  for (int i = 0; i < n; i++) {
    g_autofree char *gaps = g_strdup_printf("%s %s", source, names[i]);
    p->clients[i] =
        (tw_population_client){.name = g_strdup(names[i]), .prompt_factor = 1, .output_factor = 1};
    p->clients[i].arrivals = tw_arrivals_new(&arrivals[i], scale, seed, gaps);
  }
  start(p);
  return p;
}

void tw_population_free(tw_population *p)
{
  if (p == NULL)
    return;
  for (int i = 0; i < p->n; i++)
    g_free(p->clients[i].name);
  g_free(p->clients);
  g_free(p->heap);
  g_free(p);
}

double tw_population_due(const tw_population *p)
{
  return p->clients[p->heap[0]].due_s;
}

const tw_population_client *tw_population_take(tw_population *p, int *index)
{
  tw_population_client *client = &p->clients[p->heap[0]];
  if (index != NULL)
    *index = p->heap[0];
  client->due_s = tw_arrivals_next(&client->arrivals, p->end_s);
  sink(p, 0);
  return client;
}
