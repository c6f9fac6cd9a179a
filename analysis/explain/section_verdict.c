/* The verdict: what ran, whether it met its SLO and why not, what binds. */
#include "analysis/explain/headroom.h"
#include "analysis/explain/sections.h"
#include "analysis/explain/words.h"
#include "analysis/log/run_summary.h"

#include <math.h>

enum { MOST_LIMITS = 200 }; /* characters of limits in a sentence */
#define MUCH_SLOW 0.1       /* of the time, below the nominal clock */

static const char *const limit_keys[] = {"ttft_s", "tpot_s", "itl_s", "e2e_s"}, *const limit_names[] = {
                                                                                    "TTFT", "TPOT", "ITL",
                                                                                    "E2E"};

/* Adds "chat: TTFT 2 s, TPOT 50 ms", without the name for the limits of all requests. */
static void add_limits(const json_t *limits, const char *name, GString *text)
{
  gboolean begun = FALSE;
  for (guint i = 0; i < G_N_ELEMENTS(limit_keys); i++) {
    double limit_s = tw_section_number(limits, limit_keys[i]);
    g_autofree char *limit = tw_words_duration(limit_s);
    if (isnan(limit_s))
      continue;
    g_string_append(text, begun ? ", " : text->len > 0 ? "; " : "");
    g_string_append_printf(text, "%s%s%s %s", !begun && name != NULL ? name : "",
                           !begun && name != NULL ? ": " : "", limit_names[i], limit);
    begun = TRUE;
  }
}

/* Returns what most of a percentile's time went to, as tw_section_latencies found it; NULL: not told. */
static const char *mostly_of(const tw_explained *e, const char *metric)
{
  return json_string_value(
      json_object_get(json_object_get(json_object_get(e->json, "latencies"), metric), "mostly"));
}

/* Names the limits that a 99th percentile breaks: of all requests, or of those of a class, whose numbers have names that
 * begin with `prefix`. */
static void add_broken(const tw_explained *e, const json_t *limits, const char *name, const char *prefix,
                       GString *text)
{
  for (guint i = 0; i < G_N_ELEMENTS(limit_keys); i++) {
    g_autofree char *metric = g_strdup_printf("%s%s.p99", prefix, limit_keys[i]);
    double value_s = tw_run_summary_number(e->summary, metric);
    g_autofree char *value = tw_words_duration(value_s);
    const char *mostly = mostly_of(e, metric);
    if (!(value_s > tw_section_number(limits, limit_keys[i])))
      continue;
    g_string_append_printf(text, "%s%s%s%s is %s", text->len > 0 ? ", " : "", limit_names[i],
                           name != NULL ? " of " : "", name != NULL ? name : "", value);
    if (mostly != NULL)
      g_string_append_printf(text, " (most of it %s)", mostly);
  }
}

/* What the sentence on the SLO says of limits: those that requests have, and those that are broken. */
typedef struct said {
  const tw_explained *explained;
  GString *limits, *broken;
} said;

static void say_limits(void *user, const char *name, const char *prefix, const json_t *limits)
{
  said *s = user;
  add_limits(limits, name, s->limits);
  if (prefix != NULL)
    add_broken(s->explained, limits, name, prefix, s->broken);
}

static char *slo_sentence(const tw_explained *e)
{
  double attained = tw_run_summary_number(e->summary, "slo.attainment");
  g_autoptr(GString) limits = g_string_new(NULL), broken = g_string_new(NULL);
  tw_section_each_limits(e, say_limits, &(said){e, limits, broken});
  if (isnan(attained))
    return limits->len > 0 ? g_strdup_printf("No request was judged by the SLO (%s).", limits->str)
                           : g_strdup("No SLO is asked for.");
  g_autofree char *share = tw_words_met(attained);
  const char *of = limits->len > MOST_LIMITS || limits->len == 0 ? "by class" : limits->str,
             *why = broken->str;
  double unjudged = tw_run_summary_number(e->summary, "slo.unjudged") /
                    tw_run_summary_number(e->summary, "requests.arrived");
  if (unjudged > 0.01) {
    g_autofree char *left = tw_words_share(unjudged),
                    *judged = tw_words_met(tw_run_summary_number(e->summary, "slo.attainment_judged"));
    if (unjudged >= 1)
      return g_strdup_printf("No request had ended when the run did, so that none met the SLO (%s).", of);
    return g_strdup_printf(
        "Of the requests %s met the SLO (%s), but %s had not ended when the run did: of those that "
        "had, %s met it%s%s.",
        share, of, left, judged, *why != '\0' ? "; at p99 " : "", why);
  }
  return g_strdup_printf("It %s its SLO (%s) for 99 %% of the requests: %s met it%s%s.",
                         attained >= TW_SECTION_TARGET ? "meets" : "does not meet", of, share,
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

typedef struct over {
  const tw_explained *explained;
  double most;
} over;

static void raise_over(void *user, const char *name, const char *prefix, const json_t *limits)
{
  over *o = user;
  (void)name;
  g_autofree char *metric = g_strconcat(prefix != NULL ? prefix : "", "tpot_s.p99", NULL);
  if (prefix != NULL)
    o->most = fmax(o->most, tw_run_summary_number(o->explained->summary, metric) /
                                tw_section_number(limits, "tpot_s"));
}

/* How many times its limit TPOT is at p99, the most of a class; 0: no limit. */
static double over_tpot(const tw_explained *e)
{
  over o = {e, 0};
  tw_section_each_limits(e, raise_over, &o);
  return o.most;
}

/* What a binding means. More places in batches make iterations longer: no help where TPOT is beyond its limit. */
static const char *meaning_of(const tw_explained *e, tw_binding binding)
{
  if (binding == TW_BINDS_SEATS && over_tpot(e) > 1)
    return "places in batches (max-seqs) are short, and more of them would make TPOT longer, which is beyond "
           "its limit at p99 already: more engines would help, or faster ones";
  return tw_binding_helps[binding];
}

/* Whatever is short at a pool, TPOT may be too long because iterations are. What grows with the tokens in them is shared
 * among more engines; what does not, is not. */
static void add_long_iterations(const tw_explained *e, const tw_engine_sums *sums, const char *joint,
                                GString *text)
{
  double longer = over_tpot(e), met = tw_run_summary_number(e->summary, "slo.attainment");
  const char *role = json_string_value(json_object_get(tw_section_pool(e, sums->id), "role"));
  if (!(longer > 1) || !(met < TW_SECTION_TARGET) || g_strcmp0(role, "prefill") == 0 || !(sums->busy_s > 0))
    return;
  double alone = 1 - (tw_binding_growing_s(sums) + sums->class_s[TW_TIME_SLOWEST]) / sums->busy_s;
  g_string_append_printf(text, ", %s its iterations are too long for the limit of TPOT: %s", joint,
                         alone * longer < 1
                             ? "fewer sequences for each engine, that is more engines, would shorten them"
                             : "they are so with few sequences as well, and engines of more or of faster "
                               "accelerators would help");
}

static void add_binding(const tw_explained *e, const tw_engine_sums *sums, GString *text)
{
  double all_s = 0;
  for (int b = 0; b < TW_BINDING_COUNT; b++)
    all_s += sums->binds_s[b];
  tw_binding most = bound_by(sums, all_s);
  g_autofree char *share = tw_words_share(all_s > 0 ? sums->binds_s[most] / all_s : 0);
  if (most == TW_BINDS_NOTHING) {
    g_string_append_printf(text, "unsaturated for %s of the time", share);
    add_long_iterations(e, sums, "but", text);
  } else {
    g_string_append_printf(text, "%s%s for %s of the time: %s",
                           most == TW_BINDS_UNSURE ? "" : "saturated by ", tw_binding_words[most], share,
                           meaning_of(e, most));
    if (most != TW_BINDS_SEATS)
      add_long_iterations(e, sums, "and", text);
  }
  g_autofree char *slow = tw_words_share(sums->slow_s / sums->engine_s);
  if (most != TW_BINDS_POWER && sums->slow_s > MUCH_SLOW * sums->engine_s)
    g_string_append_printf(text, "; its clocks were below the nominal one for %s of the time", slow);
}

static void add_pool(const tw_explained *e, guint i, GString *text)
{
  const tw_engine_sums *sums = &g_array_index(e->pools, tw_engine_sums, i);
  double headroom = e->headrooms[i];
  double fabric = sums->busy_s > 0 ? sums->class_s[TW_TIME_FABRIC] / sums->busy_s : 0;
  g_autofree char *times = tw_words_amount(headroom), *fabric_share = tw_words_share(fabric),
                  *enough = tw_headroom_enough(e, i);
  g_string_append_printf(text, "%sPool %s is ", text->len > 0 ? " " : "", sums->id);
  add_binding(e, sums, text);
  if (fabric >= 0.1)
    g_string_append_printf(text, "; its iterations wait for %s of their time for collectives between domains",
                           fabric_share);
  if (isfinite(headroom) && headroom >= 1)
    g_string_append_printf(text, "; %s × headroom (estimate)%s", times, enough);
  else if (isfinite(headroom))
    g_string_append_printf(text, "; it would keep the SLO at %s × %s (estimate)", times, tw_headroom_load(e));
  g_string_append_c(text, '.');
}

/* "3 were rejected because no engine may take them." for each reason. */
static void add_rejections(const tw_explained *e, GString *text)
{
  const json_t *rejections = json_object_get(e->summary, "rejections"), *row;
  size_t i;
  json_array_foreach(rejections, i, row)
  {
    double n = tw_section_number(row, "requests");
    g_autofree char *requests = tw_words_amount(n);
    const char *reason = json_string_value(json_object_get(row, "reason"));
    g_string_append_printf(text, " %s %s rejected because %s.", requests, n == 1 ? "was" : "were",
                           reason != NULL ? reason : "?");
  }
  if (tw_headroom_is_rejected(e))
    g_string_append(text, " That alone is more than the SLO allows, at any load.");
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
    g_autofree char *steps = tw_words_count(tw_section_number(job, "steps"), "step"),
                    *each = tw_words_duration(tw_section_number(job, "step_s"));
    g_string_append_printf(text, "%s%s: %s", text->len > 0 ? " " : "",
                           json_string_value(json_object_get(job, "id")), steps);
    const json_t *told =
        json_object_get(json_object_get(e->json, "jobs"), json_string_value(json_object_get(job, "id")));
    const char *mostly = json_string_value(json_object_get(told, "mostly"));
    if (!isnan(tw_section_number(job, "step_s")))
      g_string_append_printf(text, " of %s", each);
    if (mostly != NULL)
      g_string_append_printf(text, " (most of the time %s)", mostly);
    for (guint k = 0; k < G_N_ELEMENTS(shares); k++) {
      g_autofree char *share = tw_words_share(tw_section_number(job, shares[k].key));
      if (!isnan(tw_section_number(job, shares[k].key)))
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
         all = tw_section_number(json_object_get(e->run, "platform"), "accelerators");
  const json_t *job;
  size_t i;
  json_array_foreach(json_object_get(e->summary, "jobs"), i, job)
  {
    used += tw_section_number(job, "accelerators");
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
  const char *rate = e->loaded ? "load.output_tokens_per_s" : "throughput.output_tokens_per_s";
  double n_completed = tw_run_summary_number(e->summary, "requests.completed");
  g_autofree char *arrived = tw_words_count(tw_run_summary_number(e->summary, "requests.arrived"), "request"),
                  *completed = tw_words_amount(n_completed),
                  *tokens = tw_words_amount(tw_run_summary_number(e->summary, rate)),
                  *time = tw_words_duration(e->end_s), *slo = slo_sentence(e), *used = used_accelerators(e);
  g_autoptr(GString) binds = g_string_new(NULL);
  for (guint i = 0; i < e->pools->len; i++)
    add_pool(e, i, binds);
  add_jobs(e, binds);
  const char *name = json_string_value(json_object_get(e->run, "name"));
  g_autoptr(GString) ran = g_string_new(NULL);
  g_string_printf(ran,
                  "%s: %s arrived and %s %s completed in %s, on %s accelerators, at %s output tokens/s%s.",
                  name != NULL ? name : "", arrived, completed, n_completed == 1 ? "was" : "were", time, used,
                  tokens, e->loaded ? " until the last arrival" : "");
  add_rejections(e, ran);
  tw_failures_sentence(e, ran);
  tw_sites_sentence(e, ran);
  g_autofree char *valid = g_utf8_make_valid(ran->str, -1);
  json_object_set_new(e->json, "verdict", json_pack("[s, s, s]", valid, slo, binds->str));
}
