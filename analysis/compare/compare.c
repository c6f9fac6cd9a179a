#include "analysis/compare/compare.h"

#include "analysis/log/run_summary.h"
#include "platforms/input/fault.h"

#include <math.h>

const char *const tw_verdict_names[TW_VERDICTS] = {
    [TW_VERDICT_NONE] = "",         [TW_VERDICT_SAME] = "same",   [TW_VERDICT_CHANCE] = "chance",
    [TW_VERDICT_BETTER] = "better", [TW_VERDICT_WORSE] = "worse", [TW_VERDICT_OTHER] = "differs",
};

static void free_group(gpointer group)
{
  tw_run_group_free(group);
}

void tw_comparison_free(tw_comparison *comparison)
{
  if (comparison == NULL)
    return;
  g_ptr_array_unref(comparison->groups);
  g_ptr_array_unref(comparison->metrics);
  g_free(comparison);
}

static gboolean list_has(const GPtrArray *names, const char *name)
{
  return g_ptr_array_find_with_equal_func((GPtrArray *)names, name, g_str_equal, NULL);
}

/* The names of all numbers of all runs, known metrics first and in their order. */
static GPtrArray *list_metrics(const GPtrArray *groups)
{
  g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(g_free);
  for (guint g = 0; g < groups->len; g++) {
    const tw_run_group *group = groups->pdata[g];
    for (guint r = 0; r < group->summaries->len; r++) {
      g_autoptr(GPtrArray) names = tw_run_summary_names(group->summaries->pdata[r]);
      for (guint i = 0; i < names->len; i++)
        if (!list_has(found, names->pdata[i]))
          g_ptr_array_add(found, g_strdup(names->pdata[i]));
    }
  }
  GPtrArray *metrics = g_ptr_array_new_with_free_func(g_free);
  for (const tw_metric *metric = tw_metrics; metric->name != NULL; metric++)
    if (list_has(found, metric->name))
      g_ptr_array_add(metrics, g_strdup(metric->name));
  for (guint i = 0; i < found->len; i++)
    if (tw_metric_find(found->pdata[i]) == NULL)
      g_ptr_array_add(metrics, g_strdup(found->pdata[i]));
  return metrics;
}

tw_comparison *tw_comparison_read(char *const *paths, guint n, GError **error)
{
  g_autoptr(GPtrArray) groups = g_ptr_array_new_with_free_func(free_group);
  for (guint i = 0; i < n; i++) {
    tw_run_group *group = tw_run_group_read(paths[i], error);
    if (group == NULL)
      return NULL;
    g_ptr_array_add(groups, group);
  }
  tw_comparison *comparison = g_new0(tw_comparison, 1);
  comparison->metrics = list_metrics(groups);
  comparison->groups = g_steal_pointer(&groups);
  return comparison;
}

gboolean tw_comparison_knows(const tw_comparison *comparison, const char *metric, GError **error)
{
  if (list_has(comparison->metrics, metric))
    return TRUE;
  g_autoptr(GPtrArray) names = g_ptr_array_new();
  for (guint i = 0; i < comparison->metrics->len; i++)
    g_ptr_array_add(names, comparison->metrics->pdata[i]);
  g_ptr_array_add(names, NULL);
  const char *near = tw_nearest(metric, (const char *const *)names->pdata);
  if (near != NULL)
    return tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0,
                              "no run has a metric '%s'; did you mean '%s'?", metric, near);
  return tw_input_error_set(error, TW_INPUT_ERROR_USAGE, NULL, 0,
                            "no run has a metric '%s'; `tokenworks compare --all` lists those they have",
                            metric);
}

static tw_verdict judge(const tw_difference *d, tw_better better)
{
  if (isnan(d->difference))
    return TW_VERDICT_NONE;
  if (d->difference == 0 || fabs(d->relative) < TW_COMPARE_ROUNDING)
    return TW_VERDICT_SAME;
  if (d->p >= TW_COMPARE_ALPHA)
    return TW_VERDICT_CHANCE;
  if (better == TW_BETTER_NEITHER)
    return TW_VERDICT_OTHER;
  return (d->difference > 0) == (better == TW_BETTER_HIGHER) ? TW_VERDICT_BETTER : TW_VERDICT_WORSE;
}

/* More from each accelerator is no gain by itself where there are fewer of them, nor less a loss. */
static gboolean is_per_other_accelerators(const tw_comparison *comparison, const char *metric, guint group)
{
  double base = tw_run_group_sample(comparison->groups->pdata[0], "accelerators").mean,
         other = tw_run_group_sample(comparison->groups->pdata[group], "accelerators").mean;
  return g_str_has_suffix(metric, "_per_accelerator") && !isnan(base) && !isnan(other) && base != other;
}

tw_difference tw_comparison_get(const tw_comparison *comparison, const char *metric, guint group)
{
  tw_sample base = tw_run_group_sample(comparison->groups->pdata[0], metric);
  tw_difference d = {
      tw_run_group_sample(comparison->groups->pdata[group], metric), NAN, NAN, NAN, FALSE, TW_VERDICT_NONE};
  if (group == 0)
    return d;
  const tw_metric *known = tw_metric_find(metric);
  d.difference = d.value.mean - base.mean;
  d.relative = d.difference == 0 ? 0 : d.difference / fabs(base.mean);
  d.p = tw_welch_p(&base, &d.value);
  d.exact = !isnan(d.p) && base.variance == 0 && d.value.variance == 0;
  gboolean neutral = known == NULL || is_per_other_accelerators(comparison, metric, group);
  d.verdict = judge(&d, neutral ? TW_BETTER_NEITHER : known->better);
  return d;
}

gboolean tw_comparison_has_value(const tw_comparison *comparison, const char *metric)
{
  for (guint g = 0; g < comparison->groups->len; g++) {
    double mean = tw_run_group_sample(comparison->groups->pdata[g], metric).mean;
    if (!isnan(mean) && mean != 0)
      return TRUE;
  }
  return FALSE;
}

/* ---- Notes ---- */

#define LONG_DRAIN 0.1 /* share of the run */

/* "B gave 6.7 % fewer output tokens per second of the load"; nothing where that is not known. */
static void add_change_under_load(const tw_comparison *comparison, guint group, GString *text)
{
  tw_difference d = tw_comparison_get(comparison, "load.output_tokens_per_s", group);
  if (!isfinite(d.relative))
    return;
  g_string_append_printf(text, "%s %c gave %.1f %% %s output tokens per second than A",
                         text->len > 0 ? "," : "", 'A' + (int)(group % 26), 100 * fabs(d.relative),
                         d.relative < 0 ? "fewer" : "more");
}

static char *drain_note(const tw_comparison *comparison)
{
  double longest = 0;
  g_autoptr(GString) changes = g_string_new(NULL);
  for (guint g = 0; g < comparison->groups->len; g++) {
    longest = fmax(longest, tw_run_group_sample(comparison->groups->pdata[g], "load.drain_share").mean);
    if (g > 0)
      add_change_under_load(comparison, g, changes);
  }
  if (!(longest > LONG_DRAIN) || changes->len == 0)
    return NULL;
  return g_strdup_printf(
      "Up to %.0f %% of a run came after its last arrival, when the longest answers ended. Rates of "
      "the whole run (throughput.*) count that; while the load was on (load.*),%s.",
      100 * longest, changes->str);
}

GPtrArray *tw_comparison_notes(const tw_comparison *comparison)
{
  GPtrArray *notes = g_ptr_array_new_with_free_func(g_free);
  char *drain = drain_note(comparison);
  if (drain != NULL)
    g_ptr_array_add(notes, drain);
  return notes;
}
