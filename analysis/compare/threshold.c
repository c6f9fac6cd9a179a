#include "analysis/compare/threshold.h"

#include "platforms/input/fault.h"
#include "platforms/input/units.h"

#include <math.h>

void tw_threshold_free(tw_threshold *threshold)
{
  if (threshold == NULL)
    return;
  g_free(threshold->text);
  g_free(threshold->metric);
  g_free(threshold);
}

/* Reads the word behind the operator: [+|-]NUMBER[%|unit of time]. */
static gboolean parse_limit(tw_threshold *threshold, const char *word)
{
  threshold->against_baseline = *word == '+' || *word == '-';
  threshold->percent = g_str_has_suffix(word, "%");
  if (!threshold->percent)
    return tw_number_parse(word, &threshold->limit) ||
           tw_quantity_parse(word, TW_TIME, &threshold->limit, NULL);
  g_autofree char *number = g_strstrip(g_strndup(word, strlen(word) - 1));
  if (!threshold->against_baseline || !tw_number_parse(number, &threshold->limit))
    return FALSE;
  threshold->limit /= 100;
  return TRUE;
}

tw_threshold *tw_threshold_parse(const char *text, GError **error)
{
  g_autoptr(tw_threshold) threshold = g_new0(tw_threshold, 1);
  gsize at = strcspn(text, "<>");
  threshold->text = g_strdup(text);
  threshold->metric = g_strstrip(g_strndup(text, at));
  threshold->above = text[at] == '>';
  threshold->or_equal = text[at] != '\0' && text[at + 1] == '=';
  g_autofree char *limit =
      g_strstrip(g_strdup(text[at] == '\0' ? "" : text + at + (threshold->or_equal ? 2 : 1)));
  if (*threshold->metric != '\0' && text[at] != '\0' && parse_limit(threshold, limit))
    return g_steal_pointer(&threshold);
  tw_input_error_set(
      error, TW_INPUT_ERROR_USAGE, NULL, 0,
      "'%s' is no condition; write METRIC, then > >= < or <=, then +5%% or -5%% (against the first "
      "run), +0.1 (likewise, in the metric's unit) or 2s (whatever the first run has)",
      text);
  return NULL;
}

gboolean tw_threshold_holds(const tw_threshold *threshold, const tw_comparison *comparison, guint group,
                            char **why)
{
  const char *label = ((const tw_run_group *)comparison->groups->pdata[group])->label;
  tw_difference d = tw_comparison_get(comparison, threshold->metric, group);
  double value = !threshold->against_baseline ? d.value.mean : threshold->percent ? d.relative : d.difference;
  *why = NULL;
  if (isnan(value)) {
    *why = g_strdup_printf("%s: %s has no such value to compare", threshold->text,
                           isnan(d.value.mean) ? label : "the first run");
    return TRUE;
  }
  if (!(threshold->above ? value > threshold->limit : value < threshold->limit) &&
      !(threshold->or_equal && value == threshold->limit))
    return FALSE;
  if (threshold->percent)
    *why = g_strdup_printf("%s: %s has %+.4g %%", threshold->text, label, 100 * value);
  else
    *why = g_strdup_printf(threshold->against_baseline ? "%s: %s has %+.6g" : "%s: %s has %.6g",
                           threshold->text, label, value);
  return TRUE;
}
