/* Pools, links, energy and cost; and the verdict over all. */
#include "analysis/explain/link_sums.h"
#include "analysis/explain/sections.h"
#include "analysis/explain/words.h"
#include "analysis/log/run_directory.h"
#include "analysis/log/run_summary.h"

#include <math.h>

enum { SHOWN_LINKS = 8, TOLD_LINKS = 4000 };
#define LEAST_ESTIMATE 0.5 /* times the load; what is so far from it the closed form does not know */

static const char *const class_names[TW_TIME_CLASS_COUNT] = {
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
static const char *const class_words[] = {
#define X(to, name, word, help) #word,
    TW_TIME_CLASSES(X, )
#undef X
};

char *tw_section_classes(const tw_engine_sums *sums, gboolean with_idle)
{
  tw_part parts[TW_TIME_CLASS_COUNT];
  for (int i = 0; i < TW_TIME_CLASS_COUNT; i++)
    parts[i] = (tw_part){class_names[i], sums->class_s[i]};
  return tw_words_shares(parts, with_idle ? TW_TIME_CLASS_COUNT : TW_ITERATION_CLASSES, 0.01);
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

static const json_t *pool_json(const tw_explained *e, const char *id)
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

static double number_of(const json_t *object, const char *key)
{
  const json_t *value = json_object_get(object, key);
  return json_is_number(value) ? json_number_value(value) : NAN;
}

static guint engines_of(const tw_explained *e, const char *pool)
{
  guint n = 0;
  size_t i;
  json_t *engine;
  json_array_foreach(json_object_get(e->run, "engines"), i, engine)
  {
    n += g_strcmp0(json_string_value(json_object_get(engine, "pool")), pool) == 0;
  }
  return n;
}

/* "; 1 of its 4 engines would serve this load": where the headroom leaves some idle. The caller frees it. */
static char *enough_engines(const tw_explained *e, const tw_engine_sums *sums, double headroom)
{
  guint n = engines_of(e, sums->id), enough = (guint)fmin(ceil(n / fmax(headroom, 1)), n);
  return enough < n ? g_strdup_printf("; %u of its %u engines would serve this load", enough, n)
                    : g_strdup("");
}

/* By the closed form; NAN for pools that are saturated, where it does not know, and for rollouts, which take all that
 * serves them: fewer engines would make steps longer. */
static double headroom_of(const tw_explained *e, const tw_engine_sums *sums)
{
  const json_t *pool = pool_json(e, sums->id);
  double limit_s = number_of(json_object_get(e->run, "slo"), "tpot_s");
  double seats = number_of(pool, "max_seqs") * number_of(pool, "dp");
  double all_s = 0;
  for (int i = 0; i < TW_BINDING_COUNT; i++)
    all_s += sums->binds_s[i];
  if (sums->binds_s[TW_BINDS_NOTHING] < 0.95 * all_s ||
      tw_run_json_has_table(e->run, tw_log_table_find("rl")))
    return NAN;
  double headroom =
      tw_binding_headroom(sums, seats, tw_run_summary_number(e->summary, "tpot_s.p99"), limit_s);
  return headroom >= LEAST_ESTIMATE ? headroom : NAN;
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

static json_t *pool_numbers(const tw_engine_sums *sums, double headroom)
{
  json_t *binds = json_object(), *seconds = json_object(), *waits = json_object();
  static const char *const waits_words[] = {"budget", "seats", "kv", "power"};
  for (int i = 0; i < TW_BINDING_COUNT; i++)
    json_object_set_new(binds, tw_binding_words[i], json_real(sums->binds_s[i]));
  for (int i = 0; i < TW_TIME_CLASS_COUNT; i++)
    json_object_set_new(seconds, class_words[i], json_real(sums->class_s[i]));
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
  for (guint i = 0; i < e->pools->len; i++) {
    const tw_engine_sums *sums = &g_array_index(e->pools, tw_engine_sums, i);
    if (!(sums->engine_s > 0))
      continue;
    g_autofree char *title = e->options->engine >= 0
                                 ? g_strdup_printf("Engine %d of pool %s", e->options->engine, sums->id)
                                 : g_strdup_printf("Pool %s", sums->id);
    json_t *section = tw_section_add(e, title);
    double headroom = headroom_of(e, sums);
    g_autofree char *classes = tw_section_classes(sums, TRUE), *binds = binds_text(sums);
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
    if (isfinite(headroom) && e->options->engine < 0) {
      g_autofree char *times = tw_words_amount(headroom), *enough = enough_engines(e, sums, headroom);
      tw_section_say(
          section,
          "headroom, an estimate from its batches: %s times this load%s (`tokenworks explain --headroom` "
          "searches by runs)",
          times, enough);
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
  double from_s = fmax(e->options->from_s, 0), to_s = fmin(e->options->to_s, e->end_s);
  g_autoptr(GArray) links = tw_link_sums_read(e->directory, e->run, from_s, to_s, e->end_s, error);
  if (links == NULL)
    return FALSE;
  if (links->len == 0)
    return TRUE;
  json_t *section = tw_section_add(e, "Network");
  double slowdown = tw_run_summary_number(e->summary, "network.slowdown.mean");
  if (!isnan(slowdown)) {
    g_autofree char *mean = tw_words_amount(slowdown),
                    *p99 = tw_words_amount(tw_run_summary_number(e->summary, "network.slowdown.p99"));
    tw_section_say(section,
                   "a flow took %s times as long as it would have alone in the mean, %s times at p99", mean,
                   p99);
  }
  for (guint i = 0, said = 0; i < links->len && i < TOLD_LINKS; i++) {
    const tw_link_sums *link = &g_array_index(links, tw_link_sums, i);
    g_autofree char *full = tw_words_share(link->full_s / (to_s - from_s)),
                    *used = tw_words_share(link->used_s / (to_s - from_s)),
                    *rate = tw_words_amount(link->bytes * 8 / (to_s - from_s) / 1e9),
                    *bytes = tw_words_amount(link->bytes / 1e9);
    if ((said < 3 || (said < SHOWN_LINKS && link->full_s > 0)) && !is_part(links, link->name) && ++said > 0)
      tw_section_say(section, "%s: full for %s of the time, %s of its bandwidth used, %s GB at %s Gbit/s",
                     link->name, full, used, bytes, rate);
    json_array_append_new(json_object_get(e->json, "links"),
                          json_pack("{s:s, s:f, s:f, s:f}", "link", link->name, "bytes", link->bytes,
                                    "full_s", link->full_s, "used_s", link->used_s));
  }
  return TRUE;
}

/* ---- Energy and cost ---- */

static char *spent_shares(const tw_explained *e, const char *what)
{
  tw_part parts[TW_TIME_CLASS_COUNT + 2];
  for (int i = 0; i < TW_TIME_CLASS_COUNT; i++) {
    g_autofree char *name = g_strdup_printf("spent.%s.%s", what, class_words[i]);
    double amount = tw_run_summary_number(e->summary, name);
    parts[i] = (tw_part){class_names[i], isnan(amount) ? 0 : amount};
  }
  g_autofree char *beside = g_strdup_printf("spent.%s.beside", what),
                  *jobs = g_strdup_printf("spent.%s.jobs", what);
  double beside_amount = tw_run_summary_number(e->summary, beside),
         jobs_amount = tw_run_summary_number(e->summary, jobs);
  parts[TW_TIME_CLASS_COUNT] =
      (tw_part){"hosts, network, conversion and cooling", isnan(beside_amount) ? 0 : beside_amount};
  parts[TW_TIME_CLASS_COUNT + 1] = (tw_part){"jobs", isnan(jobs_amount) ? 0 : jobs_amount};
  return tw_words_shares(parts, TW_TIME_CLASS_COUNT + 2, 0.01);
}

/* "12.5 kWh, 3 J per output token"; the latter where any was emitted. */
static char *amount_of(double amount, const char *unit, double each, const char *each_unit)
{
  g_autofree char *all = tw_words_amount(amount), *one = tw_words_amount(each);
  return isnan(each) ? g_strdup_printf("%s %s", all, unit)
                     : g_strdup_printf("%s %s, %s %s", all, unit, one, each_unit);
}

void tw_section_costs(tw_explained *e)
{
  double joules = tw_run_summary_number(e->summary, "energy.site_j");
  double usd = tw_run_summary_number(e->summary, "cost.usd");
  if (isnan(joules) && isnan(usd))
    return;
  json_t *section = tw_section_add(e, isnan(usd) ? "Energy" : "Energy and cost");
  if (!isnan(joules)) {
    double each = tw_run_summary_number(e->summary, "energy.j_per_output_token");
    gboolean jobs = tw_run_summary_number(e->summary, "spent.joules.jobs") > 0;
    g_autofree char *shares = spent_shares(e, "joules"),
                    *said = amount_of(joules / 3.6e6, "kWh", each,
                                      jobs ? "J per output token without the share of jobs"
                                           : "J per output token");
    tw_section_say(section, "%s: %s", said, shares);
  }
  if (!isnan(usd)) {
    double each = tw_run_summary_number(e->summary, "cost.usd_per_million_output_tokens");
    double capital = tw_run_summary_number(e->summary, "cost.capital_usd");
    gboolean jobs = tw_run_summary_number(e->summary, "spent.usd.jobs") > 0;
    g_autofree char *shares = spent_shares(e, "usd"),
                    *said = amount_of(usd, isnan(capital) ? "USD of electricity alone" : "USD", each,
                                      jobs ? "per million output tokens without the share of jobs"
                                           : "per million output tokens");
    tw_section_say(section, "%s: %s", said, shares);
  }
}

/* ---- The verdict ---- */

static void add_limits(const json_t *slo, GString *text)
{
  static const char *const keys[] = {"ttft_s", "tpot_s", "itl_s", "e2e_s"}, *const names[] = {"TTFT", "TPOT",
                                                                                              "ITL", "E2E"};
  for (guint i = 0; i < G_N_ELEMENTS(keys); i++) {
    double limit_s = number_of(slo, keys[i]);
    g_autofree char *limit = tw_words_duration(limit_s);
    if (!isnan(limit_s))
      g_string_append_printf(text, "%s%s %s", text->len > 0 ? ", " : "", names[i], limit);
  }
}

/* Names the limits that the 99th percentile breaks. */
static char *broken(const tw_explained *e, const json_t *slo)
{
  static const char *const keys[] = {"ttft_s", "tpot_s", "itl_s", "e2e_s"}, *const names[] = {"TTFT", "TPOT",
                                                                                              "ITL", "E2E"};
  GString *text = g_string_new(NULL);
  for (guint i = 0; i < G_N_ELEMENTS(keys); i++) {
    g_autofree char *metric = g_strconcat(keys[i], ".p99", NULL);
    double value_s = tw_run_summary_number(e->summary, metric);
    g_autofree char *value = tw_words_duration(value_s);
    if (value_s > number_of(slo, keys[i]))
      g_string_append_printf(text, "%s%s is %s", text->len > 0 ? ", " : "", names[i], value);
  }
  return g_string_free(text, FALSE);
}

static char *slo_sentence(const tw_explained *e)
{
  const json_t *slo = json_object_get(e->run, "slo");
  double attained = tw_run_summary_number(e->summary, "slo.attainment");
  if (isnan(attained))
    return g_strdup("No SLO is asked for.");
  g_autoptr(GString) limits = g_string_new(NULL);
  add_limits(slo, limits);
  g_autofree char *share = g_strdup_printf("%.4g %%", 100 * attained), *why = broken(e, slo);
  const char *of = limits->len > 0 ? limits->str : "by class";
  double unjudged = tw_run_summary_number(e->summary, "slo.unjudged") /
                    tw_run_summary_number(e->summary, "requests.arrived");
  if (unjudged > 0.01) {
    g_autofree char *left = tw_words_share(unjudged),
                    *judged = tw_words_share(tw_run_summary_number(e->summary, "slo.attainment_judged"));
    return g_strdup_printf(
        "Of the requests %s met the SLO (%s), but %s had not ended when the run did: of those that "
        "had, %s met it%s%s.",
        share, of, left, judged, *why != '\0' ? "; at p99 " : "", why);
  }
  return g_strdup_printf("It %s its SLO (%s) for 99 %% of the requests: %s met it%s%s.",
                         attained >= 0.99 ? "meets" : "does not meet", of, share,
                         *why != '\0' ? "; at p99 " : "", why);
}

/* Returns the binding of a pool for most of the time that anything does, of at least a twentieth of the run. */
static tw_binding bound_by(const tw_engine_sums *sums, double all_s)
{
  tw_binding most = TW_BINDS_NOTHING;
  for (int b = TW_BINDS_COMPUTE; b < TW_BINDS_UNSURE; b++)
    if (sums->binds_s[b] >= 0.05 * all_s &&
        (most == TW_BINDS_NOTHING || sums->binds_s[b] > sums->binds_s[most]))
      most = (tw_binding)b;
  return most == TW_BINDS_NOTHING && sums->binds_s[TW_BINDS_UNSURE] > 0.5 * all_s ? TW_BINDS_UNSURE : most;
}

/* What a binding means. More places in batches make iterations longer: no help where TPOT is beyond its limit. */
static const char *meaning_of(const tw_explained *e, tw_binding binding)
{
  double limit_s = number_of(json_object_get(e->run, "slo"), "tpot_s");
  if (binding == TW_BINDS_SEATS && tw_run_summary_number(e->summary, "tpot_s.p99") > limit_s)
    return "places in batches (max-seqs) are short, and more of them would make TPOT longer, which is beyond "
           "its "
           "limit at p99 already: more engines would help, or faster ones";
  return tw_binding_helps[binding];
}

static void add_pool(const tw_explained *e, const tw_engine_sums *sums, GString *text)
{
  double all_s = 0, headroom = headroom_of(e, sums);
  double fabric = sums->busy_s > 0 ? sums->class_s[TW_TIME_FABRIC] / sums->busy_s : 0;
  for (int b = 0; b < TW_BINDING_COUNT; b++)
    all_s += sums->binds_s[b];
  tw_binding most = bound_by(sums, all_s);
  g_autofree char *share = tw_words_share(all_s > 0 ? sums->binds_s[most] / all_s : 0),
                  *times = tw_words_amount(headroom), *fabric_share = tw_words_share(fabric),
                  *enough = enough_engines(e, sums, headroom);
  g_string_append_printf(text, "%sPool %s is ", text->len > 0 ? " " : "", sums->id);
  if (most == TW_BINDS_NOTHING)
    g_string_append_printf(text, "unsaturated for %s of the time", share);
  else
    g_string_append_printf(text, "%s%s for %s of the time: %s",
                           most == TW_BINDS_UNSURE ? "" : "saturated by ", tw_binding_words[most], share,
                           meaning_of(e, most));
  if (fabric >= 0.1)
    g_string_append_printf(text, "; its iterations wait for %s of their time for collectives between domains",
                           fabric_share);
  if (isfinite(headroom) && headroom >= 1)
    g_string_append_printf(text, "; %s × headroom (estimate)%s", times, enough);
  else if (isfinite(headroom))
    g_string_append_printf(text, "; it would keep the SLO at %s × this load (estimate)", times);
  g_string_append_c(text, '.');
}

/* "3 were rejected because no engine may take them." for each reason. */
static void add_rejections(const tw_explained *e, GString *text)
{
  const json_t *rejections = json_object_get(e->summary, "rejections"), *row;
  size_t i;
  json_array_foreach(rejections, i, row)
  {
    g_autofree char *requests = tw_words_amount(number_of(row, "requests"));
    const char *reason = json_string_value(json_object_get(row, "reason"));
    g_string_append_printf(text, " %s were rejected because %s.", requests, reason != NULL ? reason : "?");
  }
}

/* "pre: 40 steps of 2.5 s, MFU 31 %, goodput 98 %." for each job. */
static void add_jobs(const tw_explained *e, GString *text)
{
  static const struct {
    const char *key, *before;
  } shares[] = {{"mfu", ", MFU "}, {"goodput", ", goodput "}};
  const json_t *jobs = json_object_get(e->summary, "jobs"), *job;
  size_t i;
  json_array_foreach(jobs, i, job)
  {
    g_autofree char *steps = tw_words_amount(number_of(job, "steps")),
                    *each = tw_words_duration(number_of(job, "step_s"));
    g_string_append_printf(text, "%s%s: %s steps", text->len > 0 ? " " : "",
                           json_string_value(json_object_get(job, "id")), steps);
    if (!isnan(number_of(job, "step_s")))
      g_string_append_printf(text, " of %s", each);
    for (guint k = 0; k < G_N_ELEMENTS(shares); k++) {
      g_autofree char *share = tw_words_share(number_of(job, shares[k].key));
      if (!isnan(number_of(job, shares[k].key)))
        g_string_append_printf(text, "%s%s", shares[k].before, share);
    }
    g_string_append_c(text, '.');
  }
}

/* The verdict on a run of jobs alone. */
static void tell_jobs(tw_explained *e)
{
  const char *name = json_string_value(json_object_get(e->run, "name"));
  g_autofree char *time = tw_words_duration(e->end_s),
                  *ran = g_strdup_printf("%s: %s of jobs.", name != NULL ? name : "", time),
                  *valid = g_utf8_make_valid(ran, -1);
  g_autoptr(GString) jobs = g_string_new(NULL);
  add_jobs(e, jobs);
  json_object_set_new(e->json, "verdict", json_pack("[s, s, s]", valid, jobs->str, ""));
}

/* "72", or "72 of 144" where some of the platform's accelerators belong to no engine and no job. The caller frees it. */
static char *used_accelerators(const tw_explained *e)
{
  double engines = tw_run_summary_number(e->summary, "accelerators"), used = engines,
         all = number_of(json_object_get(e->run, "platform"), "accelerators");
  const json_t *job;
  size_t i;
  json_array_foreach(json_object_get(e->summary, "jobs"), i, job)
  {
    used += number_of(job, "accelerators");
  }
  g_autofree char *few = tw_words_amount(engines), *many = tw_words_amount(all);
  return used < all ? g_strdup_printf("%s of %s", few, many) : g_steal_pointer(&few);
}

void tw_section_verdict(tw_explained *e)
{
  if (e->pools->len == 0 && json_array_size(json_object_get(e->summary, "jobs")) > 0) {
    tell_jobs(e);
    return;
  }
  double loaded = tw_run_summary_number(e->summary, "load.output_tokens_per_s");
  g_autofree char *arrived = tw_words_amount(tw_run_summary_number(e->summary, "requests.arrived")),
                  *completed = tw_words_amount(tw_run_summary_number(e->summary, "requests.completed")),
                  *tokens = tw_words_amount(
                      isnan(loaded) ? tw_run_summary_number(e->summary, "throughput.output_tokens_per_s")
                                    : loaded),
                  *time = tw_words_duration(e->end_s), *slo = slo_sentence(e), *used = used_accelerators(e);
  g_autoptr(GString) binds = g_string_new(NULL);
  for (guint i = 0; i < e->pools->len; i++)
    add_pool(e, &g_array_index(e->pools, tw_engine_sums, i), binds);
  add_jobs(e, binds);
  const char *name = json_string_value(json_object_get(e->run, "name"));
  g_autoptr(GString) ran = g_string_new(NULL);
  g_string_printf(
      ran,
      "%s: %s requests arrived in %s and %s were completed, on %s accelerators, at %s output tokens/s%s.",
      name != NULL ? name : "", arrived, time, completed, used, tokens,
      tw_run_summary_number(e->summary, "load.drain_share") > 0.01 ? " until the last arrival" : "");
  add_rejections(e, ran);
  tw_failures_sentence(e, ran);
  tw_sites_sentence(e, ran);
  g_autofree char *valid = g_utf8_make_valid(ran->str, -1);
  json_object_set_new(e->json, "verdict", json_pack("[s, s, s]", valid, slo, binds->str));
}
