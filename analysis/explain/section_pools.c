/* Pools and links. */
#include "analysis/explain/headroom.h"
#include "analysis/explain/link_sums.h"
#include "analysis/explain/sections.h"
#include "analysis/explain/words.h"
#include "analysis/log/run_directory.h"
#include "analysis/log/run_summary.h"

#include <math.h>

enum { SHOWN_LINKS = 8, TOLD_LINKS = 4000 };
#define LITTLE 0.01 /* share of the time that a link is full, or of its bandwidth, that is not worth a line */
#define HARDLY 1.005 /* times as long as alone, which is as long */

const char *const tw_section_class_names[TW_TIME_CLASS_COUNT] = {
    [TW_TIME_WEIGHTS] = "reading weights",
    [TW_TIME_KV] = "reading KV",
    [TW_TIME_LINEAR] = "products",
    [TW_TIME_ATTENTION] = "attention",
    [TW_TIME_EXPERTS] = "experts",
    [TW_TIME_SCALE_UP] = "collectives in NVLink domains",
    [TW_TIME_FABRIC] = "collectives between domains",
    [TW_TIME_HOST] = "launches and host",
    [TW_TIME_LOADS] = "loading KV and adapters",
    [TW_TIME_SLOWEST] = "waiting for the slowest rank",
    [TW_TIME_BUBBLE] = "pipeline bubble",
    [TW_TIME_MEASURED] = "measured iterations",
    [TW_TIME_IDLE] = "idle"};
const char *const tw_section_class_words[TW_TIME_CLASS_COUNT] = {
#define X(to, name, word, help) #word,
    TW_TIME_CLASSES(X, )
#undef X
};

double tw_section_number(const json_t *object, const char *key)
{
  const json_t *value = json_object_get(object, key);
  return json_is_number(value) ? json_number_value(value) : NAN;
}

/* A run of a single class has no numbers of its own for it: those of all requests are its. */
void tw_section_each_limits(const tw_explained *e,
                            void (*each)(void *user, const char *name, const char *prefix,
                                         const json_t *limits),
                            void *user)
{
  json_t *slo = json_object_get(e->run, "slo"), *classes = json_object_get(slo, "classes"), *limits;
  const char *name;
  each(user, NULL, "", slo);
  json_object_foreach(classes, name, limits)
  {
    gboolean told = json_object_get(json_object_get(e->summary, "classes"), name) != NULL;
    g_autofree char *prefix = g_strdup_printf("classes.%s.", name);
    each(user, name, told ? prefix : json_object_size(classes) == 1 ? "" : NULL, limits);
  }
}

const json_t *tw_section_pool(const tw_explained *e, const char *id)
{
  size_t i;
  json_t *pool;
  json_array_foreach(json_object_get(e->run, "pools"), i, pool)
  {
    if (g_strcmp0(json_string_value(json_object_get(pool, "id")), id) == 0)
      return pool;
  }
  return NULL;
}

char *tw_section_classes(const tw_engine_sums *sums, gboolean with_idle, double least)
{
  tw_part parts[TW_TIME_CLASS_COUNT];
  for (int i = 0; i < TW_TIME_CLASS_COUNT; i++)
    parts[i] = (tw_part){tw_section_class_names[i], sums->class_s[i]};
  return tw_words_shares(parts, with_idle ? TW_TIME_CLASS_COUNT : TW_ITERATION_CLASSES, least);
}

const char *tw_section_waits(const tw_engine_sums *sums)
{
  int most = 0;
  double known_s = 0;
  for (int i = 0; i < TW_FOR_COUNT; i++) {
    known_s += sums->waiting_for_s[i];
    if (sums->waiting_for_s[i] > sums->waiting_for_s[most])
      most = i;
  }
  return known_s > 0.5 * sums->waiting_s ? tw_waits_for_words[most] : NULL;
}

/* "unsaturated 98 %, KV 2 %". */
static char *binds_text(const tw_engine_sums *sums)
{
  static const char *const saturated[] = {
#define X(name, word, help) "saturated by " word,
      TW_BINDINGS(X)
#undef X
  };
  tw_part parts[TW_BINDING_COUNT];
  for (int i = 0; i < TW_BINDING_COUNT; i++)
    parts[i] = (tw_part){i == TW_BINDS_NOTHING || i == TW_BINDS_UNSURE ? tw_binding_words[i] : saturated[i],
                         sums->binds_s[i]};
  return tw_words_shares(parts, TW_BINDING_COUNT, 0.001);
}

/* ", until the last arrival at 2.2 min", where the drain behind it is left out. The caller frees it. */
static char *until_when(const tw_explained *e)
{
  g_autofree char *at = tw_words_duration(e->to_s);
  return e->loaded ? g_strdup_printf(", until the last arrival at %s", at) : g_strdup("");
}

static json_t *pool_numbers(const tw_engine_sums *sums, double headroom)
{
  json_t *binds = json_object(), *seconds = json_object(), *waits = json_object();
  static const char *const waits_words[] = {"budget", "seats", "kv", "power"};
  for (int i = 0; i < TW_BINDING_COUNT; i++)
    json_object_set_new(binds, tw_binding_words[i], json_real(sums->binds_s[i]));
  for (int i = 0; i < TW_TIME_CLASS_COUNT; i++)
    json_object_set_new(seconds, tw_section_class_words[i], json_real(sums->class_s[i]));
  for (int i = 0; i < TW_FOR_COUNT; i++)
    json_object_set_new(waits, waits_words[i], json_real(sums->waiting_for_s[i]));
  json_t *pool = json_pack("{s:s, s:o, s:o, s:o}", "id", sums->id, "binds_s", binds, "engine_seconds",
                           seconds, "waiting_s", waits);
  if (isfinite(headroom))
    json_object_set_new(pool, "headroom_estimate", json_real(headroom));
  return pool;
}

void tw_section_pools(tw_explained *e)
{
  g_autofree char *until = until_when(e);
  for (guint i = 0; i < e->pools->len; i++) {
    const tw_engine_sums *sums = &g_array_index(e->pools, tw_engine_sums, i);
    if (!(sums->engine_s > 0))
      continue;
    g_autofree char *title = e->options->engine >= 0
                                 ? g_strdup_printf("Engine %d of pool %s", e->options->engine, sums->id)
                                 : g_strdup_printf("Pool %s%s", sums->id, until);
    json_t *section = tw_section_add(e, title);
    double headroom = e->headrooms != NULL ? e->headrooms[i] : NAN;
    g_autofree char *classes = tw_section_classes(sums, TRUE, 0.01), *binds = binds_text(sums);
    g_autofree char *kv = tw_words_share(sums->kv_s / sums->engine_s),
                    *most_kv = tw_words_share(sums->most_kv),
                    *running = tw_words_amount(sums->running_s / sums->engine_s),
                    *most = tw_words_amount(sums->most_running),
                    *waiting = tw_words_amount(sums->waiting_s / sums->engine_s),
                    *busy = tw_words_share(sums->busy_s / sums->engine_s);
    const char *waits = tw_section_waits(sums);
    tw_section_say(section, "what binds, by time: %s", binds);
    tw_section_say(section, "time of its accelerators: %s", classes);
    tw_section_say(
        section,
        "an engine ran iterations for %s of the time, with %s sequences in the mean (%s at most) and "
        "%s of its KV blocks (%s at most)",
        busy, running, most, kv, most_kv);
    tw_section_say(section, "%s waited at an engine in the mean%s%s", waiting,
                   waits != NULL ? ", most for " : "", waits != NULL ? waits : "");
    if (sums->slow_s > 0) {
      g_autofree char *slow = tw_words_share(sums->slow_s / sums->engine_s);
      tw_section_say(section, "clocks were below the nominal one for %s of the time", slow);
    }
    if (isfinite(headroom)) {
      g_autofree char *times = tw_words_amount(headroom), *enough = tw_headroom_enough(e, i);
      tw_section_say(section,
                     "headroom, an estimate from its batches: %s times %s%s (`tokenworks explain --headroom` "
                     "searches by runs)",
                     times, tw_headroom_load(e), enough);
    }
    json_array_append_new(json_object_get(e->json, "pools"), pool_numbers(sums, headroom));
  }
}

/* Whether a link is one of several that make up another which is listed: "node-0-nic/1_UP" of "node-0-nic_UP". */
static gboolean is_part(const GArray *links, const char *name)
{
  const char *slash = strrchr(name, '/'), *end = slash != NULL ? strrchr(slash, '_') : NULL;
  if (end == NULL)
    return FALSE;
  g_autofree char *whole = g_strdup_printf("%.*s%s", (int)(slash - name), name, end);
  for (guint i = 0; i < links->len; i++)
    if (g_str_equal(g_array_index(links, tw_link_sums, i).name, whole))
      return TRUE;
  return FALSE;
}

gboolean tw_section_links(tw_explained *e, GError **error)
{
  double from_s = fmax(e->from_s, 0), to_s = fmin(e->to_s, e->end_s);
  g_autoptr(GArray) links = tw_link_sums_read(e->directory, e->run, from_s, to_s, e->end_s, error);
  if (links == NULL)
    return FALSE;
  if (links->len == 0)
    return TRUE;
  g_autofree char *until = until_when(e), *title = g_strconcat("Network", until, NULL);
  json_t *section = tw_section_add(e, title);
  double slowdown = tw_run_summary_number(e->summary, "network.slowdown.mean"),
         slowdown_p99 = tw_run_summary_number(e->summary, "network.slowdown.p99");
  if (slowdown < HARDLY && slowdown_p99 < HARDLY) {
    tw_section_say(section, "flows took as long as they would have alone");
  } else if (!isnan(slowdown)) {
    g_autofree char *mean = tw_words_amount(slowdown), *p99 = tw_words_amount(slowdown_p99);
    tw_section_say(section,
                   "a flow took %s times as long as it would have alone in the mean, %s times at p99", mean,
                   p99);
  }
  guint said = 0;
  const tw_link_sums *busiest = &g_array_index(links, tw_link_sums, 0);
  for (guint i = 0; i < links->len && i < TOLD_LINKS; i++) {
    const tw_link_sums *link = &g_array_index(links, tw_link_sums, i);
    g_autofree char *full = tw_words_share(link->full_s / (to_s - from_s)),
                    *used = tw_words_share(link->used_s / (to_s - from_s)),
                    *rate = tw_words_amount(link->bytes * 8 / (to_s - from_s) / 1e9),
                    *bytes = tw_words_amount(link->bytes / 1e9);
    gboolean matters = link->full_s > LITTLE * (to_s - from_s) || link->used_s > LITTLE * (to_s - from_s);
    if (said < SHOWN_LINKS && matters && !is_part(links, link->name)) {
      tw_section_say(section, "%s: full for %s of the time, %s of its bandwidth used, %s GB at %s Gbit/s",
                     link->name, full, used, bytes, rate);
      said++;
    }
    if (link->used_s > busiest->used_s)
      busiest = link;
    json_array_append_new(json_object_get(e->json, "links"),
                          json_pack("{s:s, s:f, s:f, s:f}", "link", link->name, "bytes", link->bytes,
                                    "full_s", link->full_s, "used_s", link->used_s));
  }
  if (said == 0) {
    g_autofree char *used = tw_words_share(busiest->used_s / (to_s - from_s)),
                    *bytes = tw_words_amount(busiest->bytes / 1e9);
    tw_section_say(section,
                   "no link was full or much used; the busiest, %s, carried %s of its bandwidth, %s GB",
                   busiest->name, used, bytes);
  }
  return TRUE;
}
