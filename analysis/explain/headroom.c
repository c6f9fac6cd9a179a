#include "analysis/explain/headroom.h"

#include "analysis/log/run_directory.h"
#include "analysis/log/run_summary.h"

#include <math.h>

enum { PARTS = 10, LEAST_INTERVALS = 10 /* of a part */ };
#define LEAST_ESTIMATE 0.5  /* times the load; what is so far from it the closed form does not know */
#define UNSATURATED    0.95 /* share of the time that a pool must be so to have an estimate */

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

/* How many times as long iterations of a pool may take until a limit is passed, by the 99th percentiles of a class or
 * of all requests; INFINITY: no limit. TPOT and ITL are those of iterations that decode. TTFT has queues in it as well:
 * where it is passed already, there is no knowing what iterations would have to do with it, and this is NAN. */
static double slack_in(const json_t *summary, const char *prefix, const json_t *limits, const char *role)
{
  static const struct {
    const char *key, *not_of;
  } rows[] = {{"ttft_s", "decode"}, {"tpot_s", "prefill"}, {"itl_s", "prefill"}};
  double least = INFINITY;
  for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
    g_autofree char *metric = g_strdup_printf("%s%s.p99", prefix, rows[i].key);
    double slack = tw_section_number(limits, rows[i].key) / tw_run_summary_number(summary, metric);
    if (g_strcmp0(role, rows[i].not_of) == 0 || isnan(slack))
      continue;
    if (i == 0 && slack < 1)
      return NAN;
    least = fmin(least, slack);
  }
  return least;
}

typedef struct slack {
  const tw_explained *explained;
  const char *role;
  double least;
} slack;

static void lower_slack(void *user, const char *name, const char *prefix, const json_t *limits)
{
  slack *s = user;
  (void)name;
  double own = prefix != NULL ? slack_in(s->explained->summary, prefix, limits, s->role) : INFINITY;
  s->least = isnan(own) || isnan(s->least) ? NAN : fmin(s->least, own);
}

static double estimate(const tw_explained *e, const tw_engine_sums *sums)
{
  const json_t *pool = tw_section_pool(e, sums->id);
  double seats = tw_section_number(pool, "max_seqs") * tw_section_number(pool, "dp");
  slack s = {e, json_string_value(json_object_get(pool, "role")), INFINITY};
  tw_section_each_limits(e, lower_slack, &s);
  return isnan(s.least) ? NAN : tw_binding_headroom(sums, seats, 1, s.least);
}

/* Lowers the estimates to those of a part of the time. */
static gboolean lower(tw_explained *e, double from_s, double to_s, GError **error)
{
  g_autoptr(GArray) part = tw_binding_read(e->directory, e->run, from_s, to_s, -1, e->end_s, error);
  for (guint i = 0; part != NULL && i < part->len; i++)
    e->headrooms[i] = fmin(e->headrooms[i], estimate(e, &g_array_index(part, tw_engine_sums, i)));
  return part != NULL;
}

static gboolean is_known(const tw_explained *e, const tw_engine_sums *sums)
{
  double all_s = 0;
  for (int i = 0; i < TW_BINDING_COUNT; i++)
    all_s += sums->binds_s[i];
  return sums->binds_s[TW_BINDS_NOTHING] >= UNSATURATED * all_s &&
         !tw_run_json_has_table(e->run, tw_log_table_find("rl"));
}

/* Queues are full by the load alone; all else for which a request is rejected it would be at any load. */
static gboolean is_of_any_load(const char *reason)
{
  return reason != NULL && !g_str_has_suffix(reason, "queue is full");
}

gboolean tw_headroom_is_rejected(const tw_explained *e)
{
  const json_t *rejections = json_object_get(e->summary, "rejections"), *row;
  double rejected = 0, attained = tw_run_summary_number(e->summary, "slo.attainment");
  size_t i;
  json_array_foreach(rejections, i, row)
  {
    if (is_of_any_load(json_string_value(json_object_get(row, "reason"))))
      rejected += tw_section_number(row, "requests");
  }

  return attained < TW_SECTION_TARGET &&
         rejected > (1 - TW_SECTION_TARGET) * tw_run_summary_number(e->summary, "requests.arrived");
}

gboolean tw_headroom_read(tw_explained *e, GError **error)
{
  double from_s = fmax(e->from_s, 0), all_s = fmin(e->to_s, e->end_s) - from_s;
  double interval_s = tw_section_number(e->run, "interval_s");
  double whole = all_s / (LEAST_INTERVALS * interval_s);
  int parts = whole > 1 ? (int)fmin(whole, PARTS) : 1;
  e->headrooms = g_new0(double, MAX(e->pools->len, 1));
  for (guint i = 0; i < e->pools->len; i++)
    e->headrooms[i] = estimate(e, &g_array_index(e->pools, tw_engine_sums, i));
  for (int i = 0; i < parts && parts > 1; i++)
    if (!lower(e, from_s + i * all_s / parts, from_s + (i + 1) * all_s / parts, error))
      return FALSE;
  gboolean rejected = tw_headroom_is_rejected(e);
  for (guint i = 0; i < e->pools->len; i++)
    if (rejected || !is_known(e, &g_array_index(e->pools, tw_engine_sums, i)) ||
        e->headrooms[i] < LEAST_ESTIMATE)
      e->headrooms[i] = NAN;
  return TRUE;
}

const char *tw_headroom_load(const tw_explained *e)
{
  for (guint i = 0; i < e->pools->len; i++) {
    const tw_engine_sums *sums = &g_array_index(e->pools, tw_engine_sums, i);
    if (sums->engine_s > 0 && !is_known(e, sums))
      return "the load that saturated pools let through";
  }
  return "this load";
}

char *tw_headroom_enough(const tw_explained *e, guint pool)
{
  guint n = engines_of(e, g_array_index(e->pools, tw_engine_sums, pool).id),
        enough = (guint)fmin(ceil(n / fmax(e->headrooms[pool], 1)), n);
  return enough < n ? g_strdup_printf("; %u of its %u engines would serve %s", enough, n, tw_headroom_load(e))
                    : g_strdup("");
}
