#include "analysis/explain/engine_spread.h"

#include "analysis/explain/words.h"

#include <math.h>

#define FAR 1.25 /* times what the others have */
enum { LEAST_EACH = 20 /* requests of an engine in the mean, so that chance does not make it stand out */ };

typedef enum { REQUESTS, PROMPT_TOKENS, OUTPUT_TOKENS, TTFT, TPOT, MEASURES } measure;
static const struct {
  const char *name,
      *odd; /* of an engine that has more or less of it than others; NULL: a latency of its requests */
} kinds[MEASURES] = {[REQUESTS] = {"requests", "was sent"},
                     [PROMPT_TOKENS] = {"prompt tokens", "computed"},
                     [OUTPUT_TOKENS] = {"output tokens", "emitted"},
                     [TTFT] = {"TTFT", NULL},
                     [TPOT] = {"TPOT", NULL}};

typedef struct engine {
  double sums[MEASURES];
  double decoded, paced; /* requests whose tokens it emitted, and of them those that have a TPOT */
} engine;

struct tw_engine_spread {
  const json_t *run;
  engine *engines;
  gint64 n;
};

tw_engine_spread *tw_engine_spread_new(const json_t *run)
{
  tw_engine_spread *spread = g_new0(tw_engine_spread, 1);
  spread->run = run;
  spread->n = (gint64)json_array_size(json_object_get(run, "engines"));
  spread->engines = g_new0(engine, (gsize)MAX(spread->n, 1));
  return spread;
}

void tw_engine_spread_free(tw_engine_spread *spread)
{
  if (spread == NULL)
    return;
  g_free(spread->engines);
  g_free(spread);
}

void tw_engine_spread_add(tw_engine_spread *spread, const tw_told *told)
{
  gint64 first = told->prefill_engine, last = told->decode_engine >= 0 ? told->decode_engine : first;
  if (!told->completed || first < 0 || first >= spread->n || last >= spread->n)
    return;
  double *sent = spread->engines[first].sums, *decoded = spread->engines[last].sums;
  sent[REQUESTS]++;
  sent[PROMPT_TOKENS] += (double)(told->prompt_tokens - MAX(told->cached_tokens, 0));
  sent[TTFT] += told->latencies_s[TW_LATENCY_TTFT];
  decoded[OUTPUT_TOKENS] += (double)told->output_tokens;
  spread->engines[last].decoded++;
  if (isnan(told->latencies_s[TW_LATENCY_TPOT]))
    return;
  decoded[TPOT] += told->latencies_s[TW_LATENCY_TPOT];
  spread->engines[last].paced++;
}

/* Latencies are means, of requests enough. */
static double value_of(const engine *e, measure m)
{
  double n = m == TTFT ? e->sums[REQUESTS] : e->paced;
  if (m != TTFT && m != TPOT)
    return e->sums[m];
  return n >= LEAST_EACH ? e->sums[m] / n : NAN;
}

/* A measure over the engines of a pool that have it. */
typedef struct range {
  double least, most, sum, requests; /* requests: of which it is a measure */
  gint64 at_least, at_most;
  guint n;
} range;

static gboolean is_of(const tw_engine_spread *spread, gint64 i, const char *pool)
{
  const json_t *row = json_array_get(json_object_get(spread->run, "engines"), (size_t)i);
  return g_strcmp0(json_string_value(json_object_get(row, "pool")), pool) == 0;
}

static range range_of(const tw_engine_spread *spread, const char *pool, measure m)
{
  range r = {.least = INFINITY, .most = -INFINITY, .at_least = -1, .at_most = -1};
  for (gint64 i = 0; i < spread->n; i++) {
    double value = value_of(&spread->engines[i], m);
    if (!is_of(spread, i, pool) || isnan(value))
      continue;
    r.n++;
    r.sum += value;
    r.requests += m == OUTPUT_TOKENS ? spread->engines[i].decoded : spread->engines[i].sums[REQUESTS];
    if (value < r.least)
      r.at_least = i;
    if (value > r.most)
      r.at_most = i;
    r.least = fmin(r.least, value);
    r.most = fmax(r.most, value);
  }
  return r;
}

/* What an engine has over the mean of the others. */
static double over_others(const range *r, double value)
{
  double others = (r->sum - value) / (r->n - 1);
  return others > 0 ? value / others : INFINITY;
}

/* An engine that is far from the others. */
typedef struct odd {
  gint64 engine;
  double times, far; /* what it has over the mean of the others; the larger of that and its inverse */
  measure of;
} odd;

/* The engine that is farthest from the others in a measure: more of any, or, in what is sent to it, less. */
static odd odd_of(const range *r, measure m)
{
  double more = over_others(r, r->most), less = over_others(r, r->least);
  if (kinds[m].odd == NULL || more * less >= 1)
    return (odd){r->at_most, more, more, m};
  return (odd){r->at_least, less, less > 0 ? 1 / less : INFINITY, m};
}

static void add_odd(GPtrArray *lines, const odd *o)
{
  g_autofree char *times = tw_words_amount(o->times);
  if (!(o->far >= FAR) || isinf(o->times))
    return;
  g_ptr_array_add(
      lines, kinds[o->of].odd != NULL
                 ? g_strdup_printf("engine %" G_GINT64_FORMAT " stands out: it %s %s × the %s of the others",
                                   o->engine, kinds[o->of].odd, times, kinds[o->of].name)
                 : g_strdup_printf("engine %" G_GINT64_FORMAT
                                   " stands out: the %s of its requests is %s × that of the others",
                                   o->engine, kinds[o->of].name, times));
}

GPtrArray *tw_engine_spread_lines(const tw_engine_spread *spread, const char *pool)
{
  GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);
  g_autoptr(GString) text = g_string_new(NULL);
  odd sent = {-1, 0, 0, REQUESTS}, late[] = {sent, sent};
  for (int m = 0; m < MEASURES; m++) {
    range r = range_of(spread, pool, (measure)m);
    double mean = r.sum / MAX(r.n, 1);
    g_autofree char *least = tw_words_amount(r.least / mean), *most = tw_words_amount(r.most / mean);
    if (r.n < 2 || !(mean > 0) || (kinds[m].odd != NULL && r.requests < LEAST_EACH * r.n))
      continue;
    g_string_append_printf(text, "%s%s %s to %s ×", text->len > 0 ? ", " : "", kinds[m].name, least, most);
    odd one = odd_of(&r, (measure)m), *as = kinds[m].odd != NULL ? &sent : &late[m == TPOT];
    if (one.far > as->far)
      *as = one;
  }
  if (text->len > 0)
    g_ptr_array_add(lines, g_strdup_printf("its engines beside their mean: %s", text->str));
  add_odd(lines, &sent);
  for (guint i = 0; i < G_N_ELEMENTS(late); i++)
    add_odd(lines, &late[i]);
  return lines;
}
