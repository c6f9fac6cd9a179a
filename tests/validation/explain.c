#include "tests/validation/explain.h"

#include "workloads/input/csv.h"

#include <fnmatch.h>
#include <math.h>

const char *const explanation_causes[CAUSES] = {"measurement", "setting", "model"};

static void explanation_free(gpointer data)
{
  explanation *e = data;
  for (int k = 0; k < EXPLANATION_KEYS; k++)
    g_free(e->pattern[k]);
  g_free(e->text);
  g_free(e);
}

GPtrArray *explanations_read(const char *path, GError **error)
{
  enum { CAUSE = EXPLANATION_KEYS, TEXT };
  static const tw_csv_column columns[] = {{"set", FALSE},         {"model", FALSE},      {"device", FALSE},
                                          {"engine", FALSE},      {"shape", FALSE},      {"label", FALSE},
                                          {"metric", FALSE},      {"prediction", FALSE}, {"cause", FALSE},
                                          {"explanation", FALSE}, {NULL, FALSE}};
  g_autoptr(tw_input) input = tw_input_open(path, error);
  g_autoptr(tw_csv) csv = input != NULL ? tw_csv_open(input, columns, error) : NULL;
  if (csv == NULL)
    return NULL;
  g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(explanation_free);
  GError *problem = NULL;
  while (tw_csv_next(csv, &problem)) {
    explanation *e = g_new0(explanation, 1);
    g_ptr_array_add(list, e);
    for (int k = 0; k < EXPLANATION_KEYS; k++)
      e->pattern[k] = g_strdup(tw_csv_text(csv, k));
    e->text = g_strdup(tw_csv_text(csv, TEXT));
    const char *cause = tw_csv_text(csv, CAUSE);
    while (e->cause < CAUSES && !g_str_equal(cause, explanation_causes[e->cause]))
      e->cause++;
    if (e->cause == CAUSES) {
      tw_input_fault(input, error, "cause is \"%s\"; expected measurement, setting or model", cause);
      return NULL;
    }
    if (*e->text == '\0') {
      tw_input_fault(input, error, "the explanation is empty");
      return NULL;
    }
  }
  if (problem != NULL) {
    g_propagate_error(error, problem);
    return NULL;
  }
  return g_steal_pointer(&list);
}

const explanation *explanations_find(const GPtrArray *explanations, const validation_case *item, int metric,
                                     gboolean high)
{
  const char *const key[EXPLANATION_KEYS] = {item->set,
                                             item->model,
                                             item->device,
                                             item->engine,
                                             item->shape,
                                             item->label,
                                             case_metric_names[metric],
                                             high ? "high" : "low"};
  for (guint i = 0; i < explanations->len; i++) {
    const explanation *e = explanations->pdata[i];
    int k = 0;
    while (k < EXPLANATION_KEYS && fnmatch(e->pattern[k], key[k], 0) == 0)
      k++;
    if (k == EXPLANATION_KEYS)
      return e;
  }
  return NULL;
}

static gboolean inconsistent(const GPtrArray *explanations, const validation_case *item)
{
  for (int m = 0; m < CASE_METRICS; m++)
    for (int high = 0; high <= 1 && !isnan(item->measured[m]); high++) {
      const explanation *e = explanations_find(explanations, item, m, high);
      if (e != NULL && e->cause == CAUSE_MEASUREMENT)
        return TRUE;
    }
  return FALSE;
}

guint explanations_exclude(const GPtrArray *explanations, GPtrArray *cases)
{
  guint n = 0;
  for (guint i = 0; i < cases->len; i++) {
    validation_case *item = cases->pdata[i];
    if (item->fitted && inconsistent(explanations, item)) {
      item->fitted = FALSE;
      n++;
    }
  }
  return n;
}
