/* Requests by class, by the time at which they came and by engine: which of them fared worse than the others, and why. */
#include "analysis/explain/engine_spread.h"
#include "analysis/explain/sections.h"
#include "analysis/explain/words.h"
#include "analysis/log/run_summary.h"
#include "sim/base/histogram.h"

#include <math.h>

enum {
  MOST_CLASSES = 32,
  MOST_SPANS = 24,
  LEAST_SPANS = 4,
  LEAST_REQUESTS = 20 /* of a span, for its percentiles */
};

/* The latencies that are told, and that late requests are asked about. */
static const tw_latency kinds[] = {TW_LATENCY_TTFT, TW_LATENCY_TPOT};
enum { KINDS = G_N_ELEMENTS(kinds) };

/* Limits by the kind of latency; NAN where there is none. */
typedef struct limits {
  double s[TW_LATENCY_KINDS];
} limits;

typedef struct group {
  char *name; /* of a class; NULL: a span */
  double from_s, to_s;
  limits asked;                 /* of a class */
  guint64 requests, met;        /* met: within the limits */
  guint64 unfinished, rejected; /* not ended when the run did; ended, and not completed */
  double tokens;                /* computed of prompts, and emitted */
  tw_histogram *latencies[KINDS];
  guint64 late[KINDS];                            /* requests beyond the limit */
  double late_parts_s[KINDS][TW_LIFE_PART_COUNT]; /* and what made up their latency */
} group;

typedef struct groups {
  const tw_explained *explained;
  GPtrArray *classes; /* Array of group. */
  GArray *spans;      /* Array of group. */
  double start_s, span_s;
  tw_engine_spread *engines;
  group all;
  limits common;
} groups;

static void start_group(group *g)
{
  for (guint k = 0; k < KINDS; k++)
    g->latencies[k] = tw_histogram_new();
}

static void clear_group(void *data)
{
  group *g = data;
  g_free(g->name);
  for (guint k = 0; k < KINDS; k++)
    tw_histogram_free(g->latencies[k]);
}

static void free_class(void *data)
{
  clear_group(data);
  g_free(data);
}

/* ---- Reading ---- */

static limits limits_of(const json_t *slo)
{
  limits l;
  for (int i = 0; i < TW_LATENCY_KINDS; i++)
    l.s[i] = tw_section_number(slo, tw_latencies[i].key);
  return l;
}

static gboolean asks(const limits *l)
{
  for (int i = 0; i < TW_LATENCY_KINDS; i++)
    if (!isnan(l->s[i]))
      return TRUE;
  return FALSE;
}

static limits limits_of_class(const groups *gs, const char *name)
{
  const json_t *own =
      json_object_get(json_object_get(json_object_get(gs->explained->run, "slo"), "classes"), name);
  return own != NULL ? limits_of(own) : gs->common;
}

/* The group of a class, which is made where it is new; NULL: of more classes than are told. */
static group *class_of(groups *gs, const char *name)
{
  for (guint i = 0; i < gs->classes->len; i++)
    if (g_str_equal(((group *)gs->classes->pdata[i])->name, name))
      return gs->classes->pdata[i];
  if (gs->classes->len > MOST_CLASSES)
    return NULL;
  group *g = g_new0(group, 1);
  start_group(g);
  g->name = g_strdup(name);
  g->asked = limits_of_class(gs, name);
  g_ptr_array_add(gs->classes, g);
  return g;
}

static void count(group *g, const limits *asked, const tw_told *told)
{
  gboolean met = told->completed;
  for (int i = 0; i < TW_LATENCY_KINDS; i++)
    met &= !(told->latencies_s[i] > asked->s[i]);
  g->requests++;
  g->met += met ? 1 : 0;
  g->unfinished += told->unfinished ? 1 : 0;
  g->rejected += told->completed || told->unfinished ? 0 : 1;
  g->tokens += (double)(told->prompt_tokens - MAX(told->cached_tokens, 0) + told->output_tokens);
  for (guint k = 0; k < KINDS; k++) {
    double latency_s = told->latencies_s[kinds[k]], parts_s[TW_LIFE_PART_COUNT];
    tw_histogram_add(g->latencies[k], latency_s);
    if (!(latency_s > asked->s[kinds[k]]))
      continue;
    tw_told_parts(told, kinds[k], parts_s);
    g->late[k]++;
    for (int i = 0; i < TW_LIFE_PART_COUNT; i++)
      g->late_parts_s[k][i] += parts_s[i];
  }
}

static gboolean add_request(void *user, const tw_told *told)
{
  groups *gs = user;
  group *g = *told->class != '\0' ? class_of(gs, told->class) : NULL;
  limits asked = g != NULL ? g->asked : limits_of_class(gs, told->class);
  if (g != NULL)
    count(g, &asked, told);
  count(&gs->all, &asked, told);
  tw_engine_spread_add(gs->engines, told);
  double at = (told->arrival_s - gs->start_s) / gs->span_s;
  if (at >= 0 && at < gs->spans->len)
    count(&g_array_index(gs->spans, group, (guint)at), &asked, told);
  return TRUE;
}

/* The shortest round length of which at most MOST_SPANS make up a time. */
static double round_span(double length_s)
{
  static const double round_s[] = {1,     2,     5,     10,    20,        30,        60,
                                   120,   300,   600,   1200,  1800,      3600,      7200,
                                   14400, 21600, 43200, 86400, 2 * 86400, 7 * 86400, 28 * 86400};
  for (guint i = 0; i < G_N_ELEMENTS(round_s); i++)
    if (length_s <= MOST_SPANS * round_s[i])
      return round_s[i];
  return length_s / MOST_SPANS;
}

/* The spans of the load, from a round time on. */
static void cut_spans(groups *gs)
{
  const json_t *summary = gs->explained->summary;
  double from_s = fmax(tw_run_summary_number(summary, "load.start_s"), gs->explained->options->from_s),
         to_s = fmin(tw_run_summary_number(summary, "load.end_s"), gs->explained->options->to_s);
  gs->span_s = round_span(to_s - from_s);
  gs->start_s = floor(from_s / gs->span_s) * gs->span_s;
  double n = ceil((to_s - gs->start_s) / gs->span_s);
  for (int i = 0; n >= LEAST_SPANS && i < n; i++) {
    group g = {.from_s = gs->start_s + i * gs->span_s, .to_s = gs->start_s + (i + 1) * gs->span_s};
    start_group(&g);
    g_array_append_val(gs->spans, g);
  }
}

/* ---- Saying ---- */

/* Of those that had ended with the run. */
static double met_share(const group *g)
{
  return (double)g->met / (double)MAX(g->requests - g->unfinished, 1);
}

static char *met_text(const group *g)
{
  return tw_words_met(met_share(g));
}

static double p99_of(const group *g, guint kind)
{
  return tw_histogram_quantile(g->latencies[kind], 0.99);
}

/* "; p99 TTFT 518 ms (limit 500 ms), TPOT 61 ms; the 164 too late for TTFT spent it: 93 % queue, 5 % prefill". */
static char *latencies_text(const group *g, const limits *asked)
{
  GString *text = g_string_new(NULL);
  for (guint k = 0; k < KINDS; k++) {
    g_autofree char *value = tw_words_duration(p99_of(g, k)), *limit = tw_words_duration(asked->s[kinds[k]]);
    if (isnan(p99_of(g, k)))
      continue;
    g_string_append_printf(text, "%s%s %s", text->len > 0 ? ", " : "; p99 ", tw_latencies[kinds[k]].label,
                           value);
    if (!isnan(asked->s[kinds[k]]))
      g_string_append_printf(text, " (limit %s)", limit);
  }
  g_autofree char *rejected = tw_words_amount((double)g->rejected),
                  *unfinished = tw_words_amount((double)g->unfinished);
  if (g->rejected > 0)
    g_string_append_printf(text, "; rejected or lost: %s", rejected);
  if (g->unfinished > 0)
    g_string_append_printf(text, "; %s had not ended with the run", unfinished);
  for (guint k = 0; k < KINDS; k++) {
    tw_part parts[TW_LIFE_PART_COUNT];
    for (int i = 0; i < TW_LIFE_PART_COUNT; i++)
      parts[i] = (tw_part){tw_section_part_name((tw_life_part)i), g->late_parts_s[k][i]};
    g_autofree char *late = tw_words_amount((double)g->late[k]),
                    *shares = tw_words_shares(parts, TW_LIFE_PART_COUNT, 0.05);
    if (g->late[k] > 0)
      g_string_append_printf(text, "; %s too late for %s: %s", late, tw_latencies[kinds[k]].label, shares);
  }
  return g_string_free(text, FALSE);
}

static json_t *numbers_of(const group *g)
{
  json_t *object = json_pack("{s:I, s:I, s:I}", "requests", (json_int_t)g->requests, "met",
                             (json_int_t)g->met, "unfinished", (json_int_t)g->unfinished);
  for (guint k = 0; k < KINDS; k++) {
    g_autofree char *key = g_strconcat(tw_latencies[kinds[k]].key, ".p99", NULL);
    if (!isnan(p99_of(g, k)))
      json_object_set_new(object, key, json_real(p99_of(g, k)));
  }
  return object;
}

static gint by_attainment(gconstpointer a, gconstpointer b)
{
  const group *x = *(group *const *)a, *y = *(group *const *)b;
  double p = asks(&x->asked) ? met_share(x) : 2, q = asks(&y->asked) ? met_share(y) : 2;
  return (p > q) - (p < q);
}

static void say_classes(tw_explained *e, groups *gs)
{
  if (gs->classes->len < (e->options->class != NULL ? 1 : 2) || gs->classes->len > MOST_CLASSES)
    return;
  json_t *section = tw_section_add(e, "Classes"), *numbers = json_object();
  g_ptr_array_sort(gs->classes, by_attainment);
  for (guint i = 0; i < gs->classes->len; i++) {
    const group *g = gs->classes->pdata[i];
    g_autofree char *requests = tw_words_amount((double)g->requests), *met = met_text(g),
                    *latencies = latencies_text(g, &g->asked);
    tw_section_say(section, "%s: %s requests, %s%s%s", g->name, requests, asks(&g->asked) ? met : "no limit",
                   asks(&g->asked) ? " met their limits" : "", latencies);
    json_object_set_new(numbers, g->name, numbers_of(g));
  }
  json_object_set_new(e->json, "classes", numbers);
}

/* "1.8 × the requests and 2.1 × the tokens of a mean span". */
static char *load_text(const groups *gs, const group *g)
{
  double n = gs->spans->len;
  g_autofree char *requests = tw_words_amount(n * (double)g->requests / (double)gs->all.requests),
                  *tokens = tw_words_amount(n * g->tokens / gs->all.tokens);
  return g_strdup_printf("%s × the requests and %s × the tokens of the mean", requests, tokens);
}

static void say_span(json_t *section, const groups *gs, const group *g, const char *what)
{
  limits none = limits_of(NULL);
  g_autofree char *from = tw_words_duration(g->from_s), *to = tw_words_duration(g->to_s),
                  *length = tw_words_duration(gs->span_s), *load = load_text(gs, g), *met = met_text(g),
                  *of_all = met_text(&gs->all), *latencies = latencies_text(g, &none);
  g_autofree char *kept = isnan(tw_run_summary_number(gs->explained->summary, "slo.attainment"))
                              ? g_strdup("")
                              : g_strdup_printf("; %s met their limits, %s of all", met, of_all);
  tw_section_say(section, "%s of %u spans of %s, %s to %s: %s%s%s", what, gs->spans->len, length, from, to,
                 load, kept, latencies);
}

/* Whether requests fared worse in a span: a larger share missed its limits, or, of equals, the longest TTFT was longer. */
static gboolean is_worse(const group *g, const group *than)
{
  double by = met_share(than) - met_share(g);
  return by != 0 ? by > 0 : p99_of(g, 0) > p99_of(than, 0);
}

static const group *worst_of(const groups *gs)
{
  const group *worst = NULL;
  for (guint i = 0; i < gs->spans->len; i++) {
    const group *g = &g_array_index(gs->spans, group, i);
    if (g->requests - g->unfinished >= LEAST_REQUESTS && (worst == NULL || is_worse(g, worst)))
      worst = g;
  }
  return worst;
}

static void say_spans(tw_explained *e, const groups *gs)
{
  const group *worst = worst_of(gs), *busiest = worst;
  if (worst == NULL)
    return;
  json_t *section = tw_section_add(e, "Over time, by arrival"), *numbers = json_array();
  for (guint i = 0; i < gs->spans->len; i++) {
    const group *g = &g_array_index(gs->spans, group, i);
    json_t *span = numbers_of(g);
    json_object_set_new(span, "from_s", json_real(g->from_s));
    json_object_set_new(span, "to_s", json_real(g->to_s));
    json_array_append_new(numbers, span);
    if (g->tokens > busiest->tokens)
      busiest = g;
  }
  say_span(section, gs, worst, busiest == worst ? "the worst, and the busiest," : "the worst");
  if (busiest != worst)
    say_span(section, gs, busiest, "the busiest");
  g_autofree char *class = e->options->class != NULL ? g_shell_quote(e->options->class) : NULL;
  tw_section_say(section, "`tokenworks explain %s%s%s --from %.0f --to %.0f` tells more of the worst",
                 e->directory, class != NULL ? " --class " : "", class != NULL ? class : "", worst->from_s,
                 worst->to_s);
  json_object_set_new(e->json, "spans", numbers);
}

static void say_engines(tw_explained *e, const groups *gs)
{
  for (guint i = 0; i < e->pools->len && e->options->class == NULL; i++) {
    const char *id = g_array_index(e->pools, tw_engine_sums, i).id;
    g_autoptr(GPtrArray) lines = tw_engine_spread_lines(gs->engines, id);
    g_autofree char *title = g_strdup_printf("Engines of pool %s", id);
    json_t *section = lines->len > 0 ? tw_section_add(e, title) : NULL;
    for (guint k = 0; k < lines->len; k++)
      tw_section_say(section, "%s", (const char *)lines->pdata[k]);
  }
}

gboolean tw_section_groups(tw_explained *e, GError **error)
{
  groups gs = {.explained = e,
               .classes = g_ptr_array_new_with_free_func(free_class),
               .spans = g_array_new(FALSE, FALSE, sizeof(group)),
               .common = limits_of(json_object_get(e->run, "slo"))};
  g_array_set_clear_func(gs.spans, clear_group);
  gs.engines = tw_engine_spread_new(e->run);
  start_group(&gs.all);
  cut_spans(&gs);
  gboolean done = tw_section_each_told(e, add_request, &gs, error);
  if (done) {
    say_classes(e, &gs);
    say_spans(e, &gs);
    say_engines(e, &gs);
  }
  clear_group(&gs.all);
  tw_engine_spread_free(gs.engines);
  g_array_unref(gs.spans);
  g_ptr_array_unref(gs.classes);
  return done;
}
