#include "tests/validation/report.h"

#include <math.h>
#include <stdio.h>

static int by_value(gconstpointer a, gconstpointer b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* NAN where there is nothing to compare. */
static double error_of(const validation_case *item, int metric)
{
  return fabs(item->predicted[metric] / item->measured[metric] - 1);
}

/* What a row of a table stands for: all cases of one word, fitted or not. */
typedef const char *(*key_of)(const validation_case *item);
static const char *set_of(const validation_case *item)
{
  return item->set;
}
static const char *device_of(const validation_case *item)
{
  return item->device;
}
static const char *model_of(const validation_case *item)
{
  return item->model;
}
static const char *engine_of(const validation_case *item)
{
  return item->engine;
}

static void add_line(GString *text, GPtrArray *cases, key_of key, const char *word, gboolean fitted,
                     int metric)
{
  g_autoptr(GArray) errors = g_array_new(FALSE, FALSE, sizeof(double));
  guint high = 0, failed = 0;
  for (guint i = 0; i < cases->len; i++) {
    const validation_case *item = cases->pdata[i];
    if (!g_str_equal(key(item), word) || item->fitted != fitted || isnan(item->measured[metric]))
      continue;
    double error = error_of(item, metric);
    if (isnan(error)) {
      failed += item->failure != NULL;
      continue;
    }
    high += item->predicted[metric] > item->measured[metric];
    g_array_append_val(errors, error);
  }
  if (errors->len == 0 && failed == 0)
    return;
  g_array_sort(errors, by_value);
  const double *e = (const double *)(const void *)errors->data;
  guint n = errors->len;
  if (n > 0)
    g_string_append_printf(text, "| %s | %s | %s | %u | %.1f %% | %.1f %% | %.1f %% | %.0f %% | %u |\n", word,
                           case_metric_names[metric], fitted ? "fitted" : "predicted", n, 100 * e[n / 2],
                           100 * e[MIN(n * 9 / 10, n - 1)], 100 * e[n - 1], 100.0 * high / n, failed);
}

static void add_table(GString *text, GPtrArray *cases, const char *title, key_of key)
{
  g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
  g_string_append_printf(
      text,
      "\n### By %s\n\n| %s | metric | rows were | rows | median | 90th percentile | worst | too "
      "high | failed |\n|---|---|---|---:|---:|---:|---:|---:|---:|\n",
      title, title);
  for (guint i = 0; i < cases->len; i++) {
    const char *word = key(cases->pdata[i]);
    if (!g_hash_table_add(seen, (char *)word))
      continue;
    for (int fitted = 1; fitted >= 0; fitted--)
      for (int m = 0; m < CASE_METRICS; m++)
        add_line(text, cases, key, word, fitted, m);
  }
}

/* Rows off by more than half, counted by what they have in common. */
static void add_worst(GString *text, GPtrArray *cases)
{
  g_autoptr(GHashTable) groups = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr(GPtrArray) order = g_ptr_array_new();
  for (guint i = 0; i < cases->len; i++) {
    const validation_case *item = cases->pdata[i];
    for (int m = 0; m < CASE_METRICS; m++) {
      if (!(error_of(item, m) > 0.5))
        continue;
      char *group = g_strdup_printf("| %s | %s | %s | %s | %s | %s | %s", item->set, item->model,
                                    item->device, item->engine, item->shape, case_metric_names[m],
                                    item->predicted[m] > item->measured[m] ? "high" : "low");
      guint n = GPOINTER_TO_UINT(g_hash_table_lookup(groups, group));
      if (n == 0)
        g_ptr_array_add(order, group);
      g_hash_table_insert(groups, n == 0 ? group : g_strdup(group), GUINT_TO_POINTER(n + 1));
      if (n > 0)
        g_free(group);
    }
  }
  g_string_append(text,
                  "\n### Rows off by more than 50 %\n\n| set | model | device | engine | shape | metric | "
                  "prediction is | rows |\n|---|---|---|---|---|---|---|---:|\n");
  for (guint i = 0; i < order->len; i++)
    g_string_append_printf(text, "%s | %u |\n", (const char *)order->pdata[i],
                           GPOINTER_TO_UINT(g_hash_table_lookup(groups, order->pdata[i])));
}

GString *report_tables(GPtrArray *cases, const char *skipped)
{
  GString *text =
      g_string_new("# Predicted against measured\n\nWritten by `validate`. An error is |predicted / "
                   "measured − 1|; \"too high\" is the share of rows whose prediction is above the "
                   "measurement.\n");
  if (*skipped != '\0')
    g_string_append_printf(text, "\nSkipped:\n\n%s", skipped);
  add_table(text, cases, "data set", set_of);
  add_table(text, cases, "device", device_of);
  add_table(text, cases, "model", model_of);
  add_table(text, cases, "engine", engine_of);
  add_worst(text, cases);
  return text;
}

gboolean report_rows(GPtrArray *cases, const char *path)
{
  FILE *out = fopen(path, "we");
  if (out == NULL) {
    fprintf(stderr, "%s: cannot be written\n", path);
    return FALSE;
  }
  fputs("set,model,device,engine,shape,label,fitted,metric,measured,predicted,outside,failure\n", out);
  for (guint i = 0; i < cases->len; i++) {
    const validation_case *c = cases->pdata[i];
    g_autofree char *failure = g_strdup(c->failure != NULL ? c->failure : "");
    g_strdelimit(failure, "\"\n", ' ');
    for (int m = 0; m < CASE_METRICS; m++)
      if (!isnan(c->measured[m]))
        fprintf(out, "%s,%s,%s,%s,%s,%s,%d,%s,%.6g,%.6g,%.3f,\"%s\"\n", c->set, c->model, c->device,
                c->engine, c->shape, c->label, c->fitted, case_metric_names[m], c->measured[m],
                c->predicted[m], c->outside, failure);
  }
  return fclose(out) == 0;
}
