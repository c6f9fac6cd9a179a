/* Latencies: who stands at a percentile, and what the time went to. */
#include "analysis/explain/link_sums.h"
#include "analysis/explain/link_waits.h"
#include "analysis/explain/sections.h"
#include "analysis/explain/words.h"
#include "platforms/input/fault.h"

#include <math.h>
#include <stdlib.h>

static const char *const part_names[TW_LIFE_PART_COUNT] = {[TW_LIFE_FRONT_END] = "front end",
                                                           [TW_LIFE_ADMISSION] = "held by the router",
                                                           [TW_LIFE_QUEUE] = "queue",
                                                           [TW_LIFE_PREFILL] = "prefill",
                                                           [TW_LIFE_CHUNK_WAIT] = "between chunks",
                                                           [TW_LIFE_TRANSFER] = "transfer",
                                                           [TW_LIFE_DECODE_QUEUE] = "decode queue",
                                                           [TW_LIFE_DECODE] = "decode",
                                                           [TW_LIFE_PREEMPTED] = "preempted"};

const char *tw_section_part_name(tw_life_part part)
{
  return part_names[part];
}

/* ---- Why ---- */

/* Sums of one engine over some time; a request that met none has no sums. */
static gboolean engine_sums(const tw_explained *e, gint64 engine, double from_s, double to_s,
                            tw_engine_sums *sums, GError **error)
{
  *sums = (tw_engine_sums){0};
  if (engine < 0 || !(to_s > from_s))
    return TRUE;
  GArray *pools = tw_binding_read(e->directory, e->run, from_s, to_s, (int)engine, e->end_s, error);
  if (pools == NULL)
    return FALSE;
  for (guint i = 0; i < pools->len; i++)
    if (g_array_index(pools, tw_engine_sums, i).engine_s > 0)
      *sums = g_array_index(pools, tw_engine_sums, i);
  sums->id = NULL;
  g_array_unref(pools);
  return TRUE;
}

/* Whether a link is of a host of the engine. */
static gboolean is_of(const tw_explained *e, gint64 engine, const char *link)
{
  const json_t *of = json_array_get(json_object_get(e->run, "engines"), (size_t)engine);
  size_t i;
  json_t *host;
  json_array_foreach(json_object_get(of, "hosts"), i, host)
  {
    if (tw_link_is_of(link, json_string_value(host)))
      return TRUE;
  }
  return FALSE;
}

/* "over node-3-nic_UP, full for 71 % of it": the fullest link of the hosts of its engines, or of all. */
static char *transfer_way(const tw_explained *e, const tw_told *told, GError **error)
{
  double from_s = told->prompted_s, to_s = from_s + told->life_s[TW_LIFE_TRANSFER];
  g_autoptr(GArray) links = tw_link_sums_read(e->directory, e->run, from_s, to_s, e->end_s, error);
  if (links == NULL)
    return NULL;
  for (int own = 1; own >= 0; own--)
    for (guint i = 0; i < links->len; i++) {
      const tw_link_sums *link = &g_array_index(links, tw_link_sums, i);
      if (own && !is_of(e, told->prefill_engine, link->name) && !is_of(e, told->decode_engine, link->name))
        continue;
      g_autofree char *full = tw_words_share(link->full_s / (to_s - from_s)),
                      *used = tw_words_share(link->used_s / (to_s - from_s));
      return link->full_s > 0 ? g_strdup_printf(" over %s, full for %s of the time", link->name, full)
                              : g_strdup_printf(" over %s, %s used", link->name, used);
    }
  return g_strdup("");
}

/* Sums of the engine that decoded a request, for as long as it did. */
static gboolean decode_sums(const tw_explained *e, const tw_told *told, tw_engine_sums *sums, GError **error)
{
  gint64 engine = told->decode_engine >= 0 ? told->decode_engine : told->prefill_engine;
  return engine_sums(e, engine, told->first_token_s, told->end_s, sums, error);
}

/* Returns the reason of a part, as text that follows its name; empty if there is nothing to say. NULL with `error`
 * set on damage. */
static char *reason_of(const tw_explained *e, const tw_told *told, tw_life_part part, GError **error)
{
  tw_engine_sums sums;
  if (part == TW_LIFE_QUEUE) {
    double to_s = isnan(told->first_scheduled_s) ? told->end_s : told->first_scheduled_s;
    if (!engine_sums(e, told->prefill_engine, told->arrival_s, to_s, &sums, error))
      return NULL;
    const char *waits = tw_section_waits(&sums);
    return waits != NULL
               ? g_strdup_printf(" (for %s at engine %" G_GINT64_FORMAT ")", waits, told->prefill_engine)
               : g_strdup(" (for the end of an iteration)");
  }
  if (part == TW_LIFE_TRANSFER && told->decode_engine != told->prefill_engine && told->decode_engine >= 0)
    return transfer_way(e, told, error);
  if (part == TW_LIFE_DECODE_QUEUE) {
    if (!engine_sums(e, told->decode_engine, told->prompted_s, told->end_s, &sums, error))
      return NULL;
    const char *waits = tw_section_waits(&sums);
    return waits != NULL ? g_strdup_printf(" (for %s)", waits) : g_strdup(" (for KV blocks or a place)");
  }
  if (part == TW_LIFE_DECODE) {
    if (!decode_sums(e, told, &sums, error))
      return NULL;
    g_autofree char *classes = tw_section_classes(&sums, FALSE, 0.01);
    return *classes != '\0' ? g_strdup_printf(" (%s)", classes) : g_strdup("");
  }
  if (part == TW_LIFE_PREEMPTED && told->preemptions <= 0)
    return g_strdup(" (as its engine failed)");
  if (part == TW_LIFE_PREEMPTED)
    return g_strdup_printf(told->preemptions == 1 ? " (once)" : " (%" G_GINT64_FORMAT " times)",
                           told->preemptions);
  return g_strdup("");
}

/* "3.2 s queue (for KV blocks), 0.6 s prefill": parts of at least 1 %, the largest first, with their reasons. */
static char *parts_text(const tw_explained *e, const tw_told *told, const double *parts_s, GError **error)
{
  GString *text = g_string_new(NULL);
  double sum_s = 0, above_s = INFINITY;
  guint64 said = 0;
  for (int i = 0; i < TW_LIFE_PART_COUNT; i++)
    sum_s += parts_s[i];
  for (int n = 0; n < TW_LIFE_PART_COUNT; n++) {
    int next = -1;
    for (int i = 0; i < TW_LIFE_PART_COUNT; i++)
      if (!(said >> i & 1) && parts_s[i] <= above_s && (next < 0 || parts_s[i] > parts_s[next]))
        next = i;
    if (next < 0 || parts_s[next] < 0.01 * sum_s || parts_s[next] <= 0)
      break;
    said |= G_GUINT64_CONSTANT(1) << next;
    g_autofree char *reason = reason_of(e, told, (tw_life_part)next, error);
    if (reason == NULL) {
      g_string_free(text, TRUE);
      return NULL;
    }
    g_autofree char *amount = tw_words_duration(parts_s[next]);
    g_string_append_printf(text, "%s%s %s%s", text->len > 0 ? ", " : "", amount, part_names[next], reason);
  }
  return g_string_free(text, FALSE);
}

static json_t *parts_json(const double *parts_s)
{
  json_t *object = json_object();
  for (int i = 0; i < TW_LIFE_PART_COUNT; i++)
    json_object_set_new(object, tw_life_parts[i].word, json_real(parts_s[i]));
  return object;
}

/* ---- Percentiles ---- */

typedef struct ranked {
  double latency_s;
  gint64 id;
} ranked;

/* A percentile that is told, by the request that stands there. */
typedef struct seek {
  tw_latency latency;
  double percent;
  ranked at;
  tw_told found;
  double tail_s[TW_LIFE_PART_COUNT]; /* Parts of this request and of those that took longer. */
  guint64 n_tail;
} seek;

/* All of them are found in two readings of the log: the first ranks the requests, the second sums their parts. */
typedef struct seeks {
  seek *all;
  int n;
  GArray *ranks[TW_LATENCY_KINDS]; /* arrays of ranked; NULL: nobody asks for them */
} seeks;

static gboolean rank_one(void *user, const tw_told *told)
{
  seeks *s = user;
  for (int i = 0; i < TW_LATENCY_KINDS; i++)
    if (s->ranks[i] != NULL && !isnan(told->latencies_s[i]))
      g_array_append_val(s->ranks[i], ((ranked){told->latencies_s[i], told->id}));
  return TRUE;
}

static void find_one(seek *s, const tw_told *told)
{
  double latency_s = told->latencies_s[s->latency], parts_s[TW_LIFE_PART_COUNT];
  if (isnan(latency_s) || latency_s < s->at.latency_s)
    return;
  if (told->id == s->at.id)
    s->found = *told;
  tw_told_parts(told, s->latency, parts_s);
  s->n_tail++;
  for (int i = 0; i < TW_LIFE_PART_COUNT; i++)
    s->tail_s[i] += parts_s[i];
}

static gboolean find_all(void *user, const tw_told *told)
{
  seeks *s = user;
  for (int i = 0; i < s->n; i++)
    find_one(&s->all[i], told);
  return TRUE;
}

static int by_latency(gconstpointer a, gconstpointer b)
{
  const ranked *x = a, *y = b;
  return x->latency_s != y->latency_s ? (x->latency_s > y->latency_s) - (x->latency_s < y->latency_s)
                                      : (x->id > y->id) - (x->id < y->id);
}

static gboolean read_seeks(const tw_explained *e, seeks *s, GError **error)
{
  if (!tw_section_each_told(e, rank_one, s, error))
    return FALSE;
  for (int i = 0; i < TW_LATENCY_KINDS; i++)
    if (s->ranks[i] != NULL)
      g_array_sort(s->ranks[i], by_latency);
  for (int i = 0; i < s->n; i++) {
    seek *one = &s->all[i];
    const GArray *ranks = s->ranks[one->latency];
    guint rank = (guint)ceil(one->percent / 100 * ranks->len);
    one->at = ranks->len > 0 ? g_array_index(ranks, ranked, CLAMP(rank, 1, ranks->len) - 1)
                             : (ranked){INFINITY, -1};
  }
  return tw_section_each_told(e, find_all, s, error);
}

/* What most of the time at a percentile and beyond went to: "prefill", "decode: 60 % waiting for the slowest rank". NULL
 * with `error` set on damage. The caller frees it. */
static char *mostly(const tw_explained *e, const seek *s, GError **error)
{
  int most = 0;
  for (int i = 0; i < TW_LIFE_PART_COUNT; i++)
    if (s->tail_s[i] > s->tail_s[most])
      most = i;
  if (most != TW_LIFE_DECODE) {
    g_autofree char *reason = reason_of(e, &s->found, (tw_life_part)most, error);
    const char *plain = reason != NULL && g_str_has_prefix(reason, " (") ? reason + 2 : reason;
    return plain == NULL     ? NULL
           : plain == reason ? g_strconcat(part_names[most], reason, NULL)
                             : g_strdup_printf("%s %.*s", part_names[most], (int)strlen(plain) - 1, plain);
  }
  tw_engine_sums sums;
  if (!decode_sums(e, &s->found, &sums, error))
    return NULL;
  g_autofree char *classes = tw_section_classes(&sums, FALSE, 0.15);
  return g_strconcat(part_names[most], *classes != '\0' ? ": " : "", classes, NULL);
}

static gboolean say_percentile(tw_explained *e, json_t *section, const seek *s, GError **error)
{
  const char *label = tw_latencies[s->latency].label;
  double parts_s[TW_LIFE_PART_COUNT];
  tw_part shares[TW_LIFE_PART_COUNT];
  tw_told_parts(&s->found, s->latency, parts_s);
  g_autofree char *parts = parts_text(e, &s->found, parts_s, error);
  g_autofree char *most = parts != NULL ? mostly(e, s, error) : NULL;
  if (most == NULL)
    return FALSE;
  for (int i = 0; i < TW_LIFE_PART_COUNT; i++)
    shares[i] = (tw_part){part_names[i], s->tail_s[i]};
  g_autofree char *value = tw_words_duration(s->at.latency_s),
                  *tail = tw_words_shares(shares, TW_LIFE_PART_COUNT, 0.01);
  tw_section_say(section, "p%g %s %s (request %" G_GINT64_FORMAT "): %s", s->percent, label, value, s->at.id,
                 parts);
  if (s->n_tail > 1)
    tw_section_say(section, "    the %" G_GUINT64_FORMAT " from there up: %s", s->n_tail, tail);
  json_t *latencies = json_object_get(e->json, "latencies");
  if (latencies == NULL) {
    latencies = json_object();
    json_object_set_new(e->json, "latencies", latencies);
  }
  g_autofree char *key = g_strdup_printf("%s.p%g", tw_latencies[s->latency].key, s->percent);
  json_object_set_new(latencies, key,
                      json_pack("{s:f, s:I, s:s, s:o}", "value_s", s->at.latency_s, "request",
                                (json_int_t)s->at.id, "mostly", most, "parts_s", parts_json(parts_s)));
  return TRUE;
}

static gboolean say_percentiles(tw_explained *e, json_t *section, seek *all, int n, GError **error)
{
  seeks s = {.all = all, .n = n};
  gboolean good;
  for (int i = 0; i < n; i++)
    if (s.ranks[all[i].latency] == NULL)
      s.ranks[all[i].latency] = g_array_new(FALSE, FALSE, sizeof(ranked));
  good = read_seeks(e, &s, error);
  if (good && s.ranks[all[0].latency]->len == 0)
    tw_section_say(section, "no request was completed");
  for (int i = 0; good && i < n; i++)
    if (s.ranks[all[i].latency]->len > 0)
      good = say_percentile(e, section, &all[i], error);
  for (int i = 0; i < TW_LATENCY_KINDS; i++)
    if (s.ranks[i] != NULL)
      g_array_unref(s.ranks[i]);
  return good;
}

/* "ttft.p99", "ttft_s.p99". */
static gboolean read_percentile(const char *text, tw_latency *latency, double *percent, GError **error)
{
  const char *dot = strrchr(text, '.');
  for (int i = 0; dot != NULL && dot[1] == 'p' && i < TW_LATENCY_KINDS; i++) {
    g_autofree char *name = g_strndup(text, (gsize)(dot - text)), *end = NULL;
    g_autofree char *full = g_strconcat(name, "_s", NULL);
    double value = g_ascii_strtod(dot + 2, &end);
    gboolean known = g_str_equal(tw_latencies[i].key, name) || g_str_equal(tw_latencies[i].key, full);
    gboolean whole = end != dot + 2 && *end == '\0';
    end = NULL;
    if (!known || !whole || i == TW_LATENCY_ITL /* a gap is no sum of parts of a life */ ||
        !(value > 0 && value <= 100))
      continue;
    *latency = (tw_latency)i;
    *percent = value;
    return TRUE;
  }
  return tw_input_error_set(
      error, TW_INPUT_ERROR_USAGE, NULL, 0,
      "\"%s\" is no percentile; write ttft.p99, tpot.p50, e2e.p99, queue.p90 or ttfat.p99", text);
}

gboolean tw_section_latencies(tw_explained *e, GError **error)
{
  if (e->options->percentile != NULL) {
    seek asked = {0};
    return read_percentile(e->options->percentile, &asked.latency, &asked.percent, error) &&
           say_percentiles(e, tw_section_add(e, "Latency"), &asked, 1, error);
  }
  seek usual[] = {{.latency = TW_LATENCY_TTFT, .percent = 50},
                  {.latency = TW_LATENCY_TTFT, .percent = 99},
                  {.latency = TW_LATENCY_TPOT, .percent = 99},
                  {.latency = TW_LATENCY_E2E, .percent = 99}};
  return say_percentiles(e, tw_section_add(e, "Latencies"), usual, G_N_ELEMENTS(usual), error);
}

/* ---- One request ---- */

/* The request that is asked for; its id before it is found. */
typedef struct wanted {
  gint64 id;
  gboolean found;
  tw_told told;
  char *session;
  double before_s; /* when the request of its session before it ended; -INFINITY: none did */
} wanted;

static gboolean stop_at(void *user, const tw_told *told)
{
  wanted *w = user;
  w->found = told->id == w->id;
  if (w->found) {
    w->told = *told;
    w->session = g_strdup(told->session);
  }
  return !w->found;
}

static gboolean look_before(void *user, const tw_told *told)
{
  wanted *w = user;
  if (told->end_s <= w->told.arrival_s && g_str_equal(told->session, w->session))
    w->before_s = fmax(w->before_s, told->end_s);
  return TRUE;
}

/* How long the session waited for a tool or a person before the request. */
static gboolean say_tool_wait(const tw_explained *e, json_t *section, wanted *w, GError **error)
{
  if (*w->session == '\0')
    return TRUE;
  w->before_s = -INFINITY;
  if (!tw_told_each(e->directory, -INFINITY, INFINITY, look_before, w, error))
    return FALSE;
  g_autofree char *wait = tw_words_duration(w->told.arrival_s - w->before_s);
  if (isfinite(w->before_s))
    tw_section_say(section, "before it, session %s waited %s for a tool or a person", w->session, wait);
  return TRUE;
}

gboolean tw_section_request(tw_explained *e, GError **error)
{
  wanted w = {.id = e->options->request};
  if (!tw_told_each(e->directory, -INFINITY, INFINITY, stop_at, &w, error))
    return FALSE;
  if (!w.found)
    return tw_input_error_set(error, TW_INPUT_ERROR_VALUE, NULL, 0,
                              "%s has no request %" G_GINT64_FORMAT "; see `tokenworks log cat %s requests`",
                              e->directory, w.id, e->directory);
  const tw_told *told = &w.told;
  g_autofree char *title = g_strdup_printf("Request %" G_GINT64_FORMAT, told->id);
  json_t *section = tw_section_add(e, title);
  g_autofree char *parts = parts_text(e, told, told->life_s, error);
  if (parts == NULL)
    return FALSE;
  g_autofree char *e2e = tw_words_duration(told->end_s - told->arrival_s),
                  *prompt = tw_words_amount((double)told->prompt_tokens),
                  *cached = tw_words_amount((double)told->cached_tokens),
                  *output = tw_words_amount((double)told->output_tokens);
  tw_section_say(section, "arrived at %.3f s, %s tokens of prompt (%s found in caches), %s emitted, %s",
                 told->arrival_s, prompt, cached, output, told->completed ? "completed" : "not completed");
  gboolean said = say_tool_wait(e, section, &w, error);
  g_free(w.session);
  if (!said)
    return FALSE;
  tw_section_say(section, "E2E %s: %s", e2e, parts);
  for (int i = 0; i < TW_LATENCY_KINDS; i++) {
    double parts_s[TW_LIFE_PART_COUNT];
    if (i == TW_LATENCY_E2E || i == TW_LATENCY_TTFAT || i == TW_LATENCY_ITL || isnan(told->latencies_s[i]))
      continue;
    tw_told_parts(told, (tw_latency)i, parts_s);
    g_autofree char *value = tw_words_duration(told->latencies_s[i]),
                    *of = parts_text(e, told, parts_s, error);
    if (of == NULL)
      return FALSE;
    tw_section_say(section, "%s %s: %s", tw_latencies[i].label, value, of);
  }
  json_object_set_new(e->json, "request",
                      json_pack("{s:I, s:f, s:f, s:o}", "id", (json_int_t)told->id, "arrival_s",
                                told->arrival_s, "e2e_s", told->end_s - told->arrival_s, "parts_s",
                                parts_json(told->life_s)));
  return TRUE;
}
