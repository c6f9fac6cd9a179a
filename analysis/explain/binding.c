#include "analysis/explain/binding.h"

#include "analysis/explain/link_waits.h"
#include "analysis/log/log_reader.h"

#include <math.h>

const char *const tw_binding_words[] = {
#define X(name, word, help) word,
    TW_BINDINGS(X)
#undef X
};
const char *const tw_binding_helps[] = {
#define X(name, word, help) help,
    TW_BINDINGS(X)
#undef X
};
const char *const tw_waits_for_words[] = {"tokens of an iteration", "places in the batch", "KV blocks",
                                          "power"};

#define CLASS_COLUMN(X, NAME, word, help) X(time_##word)
#define COLUMNS(X)                                                                                           \
  X(start_s)                                                                                                 \
  X(engine)                                                                                                  \
  X(busy)                                                                                                    \
  X(running)                                                                                                 \
  X(waiting)                                                                                                 \
  X(kv_used)                                                                                                 \
  X(clock)                                                                                                   \
  X(joules)                                                                                                  \
  X(prompt_tokens)                                                                                           \
  X(output_tokens)                                                                                           \
  TW_TIME_CLASSES(CLASS_COLUMN, X)                                                                           \
  X(waiting_budget)                                                                                          \
  X(waiting_seats)                                                                                           \
  X(waiting_kv)                                                                                              \
  X(waiting_power)

TW_LOG_COLUMNS(COLUMNS)

static void clear_sums(void *sums)
{
  g_free(((tw_engine_sums *)sums)->id);
}

/* The pool of each engine, by the index of its id among those of the run; -1: none has it. The caller frees. */
static int *read_pools(const json_t *run, size_t *n_engines)
{
  const json_t *engines = json_object_get(run, "engines"), *pools = json_object_get(run, "pools");
  *n_engines = json_array_size(engines);
  int *of = g_new(int, MAX(*n_engines, 1));
  for (size_t e = 0; e < *n_engines; e++) {
    const char *id = json_string_value(json_object_get(json_array_get(engines, e), "pool"));
    of[e] = -1;
    for (size_t i = 0; i < json_array_size(pools) && of[e] < 0; i++)
      if (g_strcmp0(json_string_value(json_object_get(json_array_get(pools, i), "id")), id) == 0)
        of[e] = (int)i;
  }
  return of;
}

/* One interval of a pool. */
static tw_binding judge(const tw_engine_sums *s)
{
  static const tw_binding of[] = {TW_BINDS_COMPUTE, TW_BINDS_SEATS, TW_BINDS_KV, TW_BINDS_POWER};
  int most = 0;
  double known_s = 0;
  for (int i = 0; i < TW_FOR_COUNT; i++) {
    known_s += s->waiting_for_s[i];
    if (s->waiting_for_s[i] > s->waiting_for_s[most])
      most = i;
  }
  if (s->class_s[TW_TIME_FABRIC] > 0.5 * s->busy_s && s->busy_s > 0.5 * s->engine_s)
    return TW_BINDS_NETWORK;
  gboolean waits = known_s >= s->engine_s;
  /* Blocks of prompts are taken until their KV has been sent. */
  if (s->flows_s >= s->engine_s && s->engine_s > 0 && (!waits || of[most] == TW_BINDS_KV))
    return TW_BINDS_NETWORK;
  if (waits)
    return s->slow_s > 0.5 * s->engine_s ? TW_BINDS_POWER : of[most];
  return s->waiting_s >= 2 * s->engine_s && s->waiting_s > 0.1 * s->running_s ? TW_BINDS_UNSURE
                                                                              : TW_BINDS_NOTHING;
}

static void add_row(const tw_log_reader *reader, const columns *c, double length_s, tw_engine_sums *s)
{
#define NUMBER(name) tw_log_reader_amount(reader, c->name)
  int i = 0;
  s->engine_s += length_s;
  s->busy_s += NUMBER(busy) * length_s;
  s->running_s += NUMBER(running) * length_s;
  s->waiting_s += NUMBER(waiting) * length_s;
  s->kv_s += NUMBER(kv_used) * length_s;
  s->slow_s += NUMBER(clock) < 0.995 ? length_s : 0;
  s->joules += NUMBER(joules);
  s->prompt_tokens += NUMBER(prompt_tokens);
  s->output_tokens += NUMBER(output_tokens);
  s->most_running = fmax(s->most_running, NUMBER(running));
  s->most_kv = fmax(s->most_kv, NUMBER(kv_used));
#define X(to, NAME, word, help) s->class_s[i++] += NUMBER(time_##word) * length_s;
  TW_TIME_CLASSES(X, )
#undef X
  s->waiting_for_s[TW_FOR_BUDGET] += NUMBER(waiting_budget) * length_s;
  s->waiting_for_s[TW_FOR_SEATS] += NUMBER(waiting_seats) * length_s;
  s->waiting_for_s[TW_FOR_KV] += NUMBER(waiting_kv) * length_s;
  s->waiting_for_s[TW_FOR_POWER] += NUMBER(waiting_power) * length_s;
#undef NUMBER
}

static void add_sums(tw_engine_sums *to, const tw_engine_sums *s)
{
  to->engine_s += s->engine_s;
  to->busy_s += s->busy_s;
  to->running_s += s->running_s;
  to->waiting_s += s->waiting_s;
  to->kv_s += s->kv_s;
  to->slow_s += s->slow_s;
  to->flows_s += s->flows_s;
  to->joules += s->joules;
  to->prompt_tokens += s->prompt_tokens;
  to->output_tokens += s->output_tokens;
  to->most_running = fmax(to->most_running, s->most_running);
  to->most_kv = fmax(to->most_kv, s->most_kv);
  for (int i = 0; i < TW_TIME_CLASS_COUNT; i++)
    to->class_s[i] += s->class_s[i];
  for (int i = 0; i < TW_FOR_COUNT; i++)
    to->waiting_for_s[i] += s->waiting_for_s[i];
}

/* The intervals of a run, and who is told of each pool's. */
typedef struct walk {
  GArray *pools;         /* sums so far, and of the interval under way: */
  tw_engine_sums *under; /* Sums of each pool. */
  tw_link_waits *links;  /* NULL: nothing is known of links */
  double *flows;         /* that wait at the links of each pool in the interval under way */
  double start_s, length_s;
  void (*each)(void *user, int pool, const tw_engine_sums *interval, tw_binding binds, double start_s,
               double length_s);
  void *user;
} walk;

static gboolean end_interval(walk *w, GError **error)
{
  memset(w->flows, 0, w->pools->len * sizeof *w->flows);
  if (w->links != NULL && !isnan(w->start_s) &&
      !tw_link_waits_at(w->links, w->start_s, w->length_s, w->flows, error))
    return FALSE;
  gboolean network = FALSE;
  for (guint p = 0; p < w->pools->len; p++) {
    w->under[p].flows_s = w->flows[p] * w->length_s;
    network |= judge(&w->under[p]) == TW_BINDS_NETWORK;
  }
  for (guint p = 0; p < w->pools->len; p++) {
    tw_engine_sums *sums = &g_array_index(w->pools, tw_engine_sums, p), *under = &w->under[p];
    if (under->engine_s > 0) {
      tw_binding binds = judge(under);
      /* Blocks of prompts are taken until their KV has been sent, to links of other pools that are full. */
      if (binds == TW_BINDS_KV && network)
        binds = TW_BINDS_NETWORK;
      sums->binds_s[binds] += w->length_s;
      add_sums(sums, under);
      if (w->each != NULL)
        w->each(w->user, (int)p, under, binds, w->start_s, w->length_s);
    }
    *under = (tw_engine_sums){0};
  }
  return TRUE;
}

static gboolean read_rows(walk *w, tw_log_reader *reader, const columns *c, const json_t *run, double from_s,
                          double to_s, int engine, double end_s, GError **error)
{
  double interval_s = json_number_value(json_object_get(run, "interval_s"));
  size_t n_engines;
  g_autofree int *pools = read_pools(run, &n_engines);
  GError *problem = NULL;
  tw_log_reader_window(reader, from_s - interval_s, to_s);
  while (tw_log_reader_next(reader, &problem)) {
    double start_s = tw_log_reader_number(reader, c->start_s);
    double length_s = fmin(fmin(start_s + interval_s, end_s), to_s) - fmax(start_s, from_s);
    gint64 number = tw_log_reader_integer(reader, c->engine);
    int pool = number >= 0 && (size_t)number < n_engines ? pools[number] : -1;
    if (length_s <= 0 || pool < 0 || (engine >= 0 && number != engine))
      continue;
    if (start_s != w->start_s && !end_interval(w, error))
      return FALSE;
    w->start_s = start_s;
    w->length_s = length_s;
    add_row(reader, c, length_s, &w->under[pool]);
  }
  if (problem == NULL)
    return end_interval(w, error);
  g_propagate_error(error, problem);
  return FALSE;
}

static gboolean walk_through(walk *w, const char *directory, const json_t *run, double from_s, double to_s,
                             int engine, double end_s, GError **error)
{
  g_autoptr(tw_log_reader) reader = tw_log_reader_open(directory, "engines", error);
  columns c = {0};
  if (reader == NULL || !find_columns(reader, &c, error))
    return FALSE;
  const json_t *pools = json_object_get(run, "pools");
  g_array_set_clear_func(w->pools, clear_sums);
  for (size_t i = 0; i < json_array_size(pools); i++) {
    const json_t *id = json_object_get(json_array_get(pools, i), "id");
    g_array_append_val(w->pools, ((tw_engine_sums){.id = g_strdup(json_string_value(id))}));
  }
  w->start_s = NAN;
  GError *problem = NULL;
  g_autoptr(tw_link_waits) links = tw_link_waits_open(directory, run, from_s, &problem);
  if (problem != NULL) {
    g_propagate_error(error, problem);
    return FALSE;
  }
  g_autofree double *flows = g_new0(double, MAX(w->pools->len, 1));
  w->under = g_new0(tw_engine_sums, MAX(w->pools->len, 1));
  w->links = engine < 0 ? links : NULL;
  w->flows = flows;
  gboolean sound = read_rows(w, reader, &c, run, from_s, to_s, engine, end_s, error);
  double length_s = fmin(to_s, end_s) - fmax(from_s, 0);
  for (guint p = 0; sound && w->links != NULL && p < w->pools->len; p++)
    g_array_index(w->pools, tw_engine_sums, p).links_used = tw_link_waits_used(links, p, length_s);
  g_clear_pointer(&w->under, g_free);
  return sound;
}

GArray *tw_binding_read(const char *directory, const json_t *run, double from_s, double to_s, int engine,
                        double end_s, GError **error)
{
  walk w = {.pools = g_array_new(FALSE, TRUE, sizeof(tw_engine_sums))};
  if (walk_through(&w, directory, run, from_s, to_s, engine, end_s, error))
    return w.pools;
  g_array_unref(w.pools);
  return NULL;
}

/* ---- Spans ---- */

typedef struct span {
  int pool;
  tw_binding binds;
  double from_s, to_s;
} span;

static void add_span(void *user, int pool, const tw_engine_sums *interval, tw_binding binds, double start_s,
                     double length_s)
{
  GArray *spans = user;
  (void)interval;
  for (guint i = spans->len; i-- > 0;) {
    span *last = &g_array_index(spans, span, i);
    if (last->pool != pool)
      continue;
    if (last->binds != binds || last->to_s < start_s - 1e-9)
      break;
    last->to_s = start_s + length_s;
    return;
  }
  g_array_append_val(spans, ((span){pool, binds, start_s, start_s + length_s}));
}

static int longest_first(gconstpointer a, gconstpointer b)
{
  const span *x = a, *y = b;
  double d = (y->to_s - y->from_s) - (x->to_s - x->from_s);
  return d != 0 ? (d > 0) - (d < 0) : (x->from_s > y->from_s) - (x->from_s < y->from_s);
}

static int earliest_first(gconstpointer a, gconstpointer b)
{
  const span *x = a, *y = b;
  return x->pool != y->pool ? x->pool - y->pool : (x->from_s > y->from_s) - (x->from_s < y->from_s);
}

json_t *tw_binding_spans(const char *directory, const json_t *run, double end_s, guint most, GError **error)
{
  g_autoptr(GArray) spans = g_array_new(FALSE, FALSE, sizeof(span)),
                    pools = g_array_new(FALSE, TRUE, sizeof(tw_engine_sums));
  walk w = {.pools = pools, .each = add_span, .user = spans};
  if (!walk_through(&w, directory, run, -INFINITY, INFINITY, -1, end_s, error))
    return NULL;
  g_array_sort(spans, longest_first);
  if (spans->len > most)
    g_array_set_size(spans, most);
  g_array_sort(spans, earliest_first);
  json_t *list = json_array();
  for (guint i = 0; i < spans->len; i++) {
    const span *s = &g_array_index(spans, span, i);
    json_array_append_new(list, json_pack("{s:s, s:s, s:f, s:f}", "pool",
                                          g_array_index(pools, tw_engine_sums, s->pool).id, "binds",
                                          tw_binding_words[s->binds], "from_s", s->from_s, "to_s", s->to_s));
  }
  return list;
}

/* ---- Headroom ---- */

double tw_binding_growing_s(const tw_engine_sums *s)
{
  static const tw_time_class growing[] = {TW_TIME_KV,      TW_TIME_LINEAR,   TW_TIME_ATTENTION,
                                          TW_TIME_EXPERTS, TW_TIME_SCALE_UP, TW_TIME_FABRIC};
  double grows_s = 0;
  for (guint i = 0; i < G_N_ELEMENTS(growing); i++)
    grows_s += s->class_s[growing[i]];
  return grows_s;
}

double tw_binding_headroom(const tw_engine_sums *s, double seats, double tpot_s, double limit_s)
{
  double g = tw_binding_growing_s(s) / s->engine_s, b = s->busy_s / s->engine_s, low = 0, high = 1 / g;
  if (!(s->engine_s > 0 && g > 0 && b > g))
    return NAN;
  if (s->links_used > 0)
    high = fmin(high, 1 / s->links_used);
  double longest = limit_s / tpot_s; /* NAN: no limit */
  for (int i = 0; i < 60; i++) {
    double k = (low + high) / 2, longer = (b - g) / (b * (1 - k * g)), batch = k * fmax(longer, 1);
    gboolean fits = !(longer > longest) && !(batch * s->most_kv > 1) && !(batch * s->most_running > seats);
    *(fits ? &low : &high) = k;
  }
  return low;
}
