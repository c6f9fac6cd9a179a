#include "tests/validation/report.h"

#include "platforms/input/fault.h"
#include "sim/steptime/checkpoint.h"
#include "tests/validation/quantile.h"
#include "workloads/models/model.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* NAN where there is nothing to compare. */
static double error_of(const validation_case *item, int metric)
{
  return fabs(item->predicted[metric] / item->measured[metric] - 1);
}

double report_error(GPtrArray *cases, int metric, double quantile, report_filter some, const void *user,
                    guint *n)
{
  g_autoptr(GArray) errors = g_array_new(FALSE, FALSE, sizeof(double));
  for (guint i = 0; i < cases->len; i++) {
    const validation_case *item = cases->pdata[i];
    double error = error_of(item, metric);
    if (!isnan(error) && (some == NULL || some(item, user)))
      g_array_append_val(errors, error);
  }
  if (n != NULL)
    *n = errors->len;
  return quantile_of(errors, quantile);
}

/* A row of a table: all cases of one word, fitted or not. */
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
  guint high = 0, failed = 0, extrapolated = 0;
  for (guint i = 0; i < cases->len; i++) {
    const validation_case *item = cases->pdata[i];
    if (!g_str_equal(key(item), word) || item->fitted != fitted || isnan(item->measured[metric]))
      continue;
    double error = error_of(item, metric);
    if (isnan(error)) {
      failed += item->failure != NULL;
      continue;
    }
    extrapolated += item->outside > 0.5;
    high += item->predicted[metric] > item->measured[metric];
    g_array_append_val(errors, error);
  }
  if (errors->len == 0 && failed == 0)
    return;
  guint n = errors->len;
  if (n > 0)
    g_string_append_printf(text, "| %s | %s | %s | %u | %.1f %% | %.1f %% | %.1f %% | %.0f %% | %u | %u |\n",
                           word, case_metric_names[metric], fitted ? "fitted" : "predicted", n,
                           100 * quantile_of(errors, 0.5), 100 * quantile_of(errors, 0.9),
                           100 * quantile_of(errors, 1), 100.0 * high / n, extrapolated, failed);
}

static void add_table(GString *text, GPtrArray *cases, const char *title, key_of key)
{
  g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
  g_string_append_printf(
      text,
      "\n### By %s\n\n| %s | metric | rows were | rows | median | 90th percentile | worst | too "
      "high | extrapolated | failed |\n|---|---|---|---:|---:|---:|---:|---:|---:|---:|\n",
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

/* Rows off by more than half that have an explanation and the rest of their keys in common. */
typedef struct group {
  const validation_case *first;
  const explanation *why;
  int metric;
  double least, most; /* predicted / measured */
  guint rows;
} group;

static group *group_of(GArray *groups, const validation_case *item, int metric, const explanation *why)
{
  for (guint i = 0; i < groups->len; i++) {
    group *g = &g_array_index(groups, group, i);
    if (g->metric == metric && g->why == why && why != NULL && g_str_equal(g->first->set, item->set) &&
        g_str_equal(g->first->model, item->model) && g_str_equal(g->first->device, item->device) &&
        g_str_equal(g->first->engine, item->engine) && g_str_equal(g->first->shape, item->shape))
      return g;
  }
  group fresh = {.first = item, .why = why, .metric = metric, .least = INFINITY, .most = -INFINITY};
  g_array_append_val(groups, fresh);
  return &g_array_index(groups, group, groups->len - 1);
}

static void add_worst(GString *text, GPtrArray *cases, const GPtrArray *explanations)
{
  g_autoptr(GArray) groups = g_array_new(FALSE, FALSE, sizeof(group));
  g_autoptr(GHashTable) used = g_hash_table_new(NULL, NULL);
  guint rows = 0, unexplained = 0;
  for (guint i = 0; i < cases->len; i++) {
    const validation_case *item = cases->pdata[i];
    for (int m = 0; m < CASE_METRICS; m++) {
      if (!(error_of(item, m) > 0.5))
        continue;
      const explanation *why =
          explanations_find(explanations, item, m, item->predicted[m] > item->measured[m]);
      group *g = group_of(groups, item, m, why);
      double ratio = item->predicted[m] / item->measured[m];
      g->least = MIN(g->least, ratio);
      g->most = MAX(g->most, ratio);
      g->rows++;
      rows++;
      unexplained += why == NULL;
      g_hash_table_add(used, (void *)why);
    }
  }
  g_string_append_printf(
      text,
      "\n### Rows off by more than 50 %%\n\n%u rows, %u of them unexplained. The cause is "
      "the measurement (it contradicts others or physics), an unrecorded setting of the server "
      "or its client, or the model.\n\n| set | model | device | engine | shape | metric | rows | "
      "predicted / measured | cause | explanation |\n|---|---|---|---|---|---|---:|---|---|---|\n",
      rows, unexplained);
  for (int explained = 1; explained >= 0; explained--)
    for (guint i = 0; i < groups->len; i++) {
      const group *g = &g_array_index(groups, group, i);
      if ((g->why != NULL) != explained)
        continue;
      g_string_append_printf(text, "| %s | %s | %s | %s | %s | %s | %u | %.2f", g->first->set,
                             g->first->model, g->first->device, g->first->engine, g->first->shape,
                             case_metric_names[g->metric], g->rows, g->least);
      if (g->rows > 1)
        g_string_append_printf(text, " to %.2f", g->most);
      if (explained)
        g_string_append_printf(text, " | %s | %s |\n", explanation_causes[g->why->cause], g->why->text);
      else
        g_string_append_printf(text, " | unexplained | %s |\n", g->first->label);
    }
  for (guint i = 0; i < explanations->len; i++) {
    const explanation *e = explanations->pdata[i];
    if (!g_hash_table_contains(used, e) && e->cause != CAUSE_MEASUREMENT)
      g_string_append_printf(text, "\nNo row needs this explanation: %s, %s, %s: %s\n", e->pattern[0],
                             e->pattern[1], e->pattern[3], e->text);
  }
}

static void add_notes(GString *text)
{
  g_string_append(text, "\n### What the data do not tell, and is assumed\n\n");
  for (const validation_set *set = validation_sets; set->name != NULL; set++)
    if (set->note != NULL)
      g_string_append_printf(text, "- %s: %s\n", set->name, set->note);
}

/* Why rows have no prediction: what the program said without the place of our scenario, once for each. */
static void add_failures(GString *text, GPtrArray *cases)
{
  g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  for (guint i = 0; i < cases->len; i++) {
    const validation_case *item = cases->pdata[i];
    const char *why = item->failure != NULL ? strstr(item->failure, ": ") : NULL;
    why = why != NULL ? why + 2 : item->failure;
    if (why == NULL || !g_hash_table_add(seen, g_strdup(why)))
      continue;
    if (g_hash_table_size(seen) == 1)
      g_string_append(text, "\n### Rows without a prediction\n\n");
    g_string_append_printf(text, "- %s, %s on %s with %s, %s: %s%s", item->set, item->model, item->device,
                           item->engine, item->label, why, g_str_has_suffix(why, "\n") ? "" : "\n");
  }
}

GString *report_tables(GPtrArray *cases, const char *skipped, const GPtrArray *explanations)
{
  GString *text = g_string_new(
      "# Predicted against measured\n\nWritten by `validate`. An error is |predicted / measured − 1|; \"too "
      "high\" is "
      "the share of rows whose prediction is above the measurement; \"extrapolated\" are rows most of whose "
      "iterations lie outside of what the engine's overheads were fitted on.\n");
  if (*skipped != '\0')
    g_string_append_printf(text, "\nSkipped:\n\n%s", skipped);
  add_failures(text, cases);
  add_table(text, cases, "data set", set_of);
  add_table(text, cases, "device", device_of);
  add_table(text, cases, "model", model_of);
  add_table(text, cases, "engine", engine_of);
  add_worst(text, cases, explanations);
  add_notes(text);
  return text;
}

typedef struct of_set {
  const char *set;
  gboolean extrapolated; /* only these */
} of_set;

static gboolean is_predicted_in(const validation_case *item, const void *user)
{
  const of_set *wanted = user;
  return !item->fitted && g_str_equal(item->set, wanted->set) &&
         (!wanted->extrapolated || item->outside > 0.5);
}

gboolean report_into(GPtrArray *cases, const char *path, GError **error)
{
  static const char first[] = "<!-- accuracy -->\n", last[] = "<!-- /accuracy -->";
  g_autofree char *text = NULL;
  if (!g_file_get_contents(path, &text, NULL, error))
    return FALSE;
  char *from = strstr(text, first), *to = from != NULL ? strstr(from, last) : NULL;
  if (to == NULL) {
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "%s: lacks the line %s and after it %s", path,
                "<!-- accuracy -->", last);
    return FALSE;
  }
  g_autoptr(GString) out = g_string_new_len(text, from - text);
  g_string_append_printf(
      out,
      "%s| rows that were not fitted | metric | rows | median error | 90th percentile | worst | "
      "extrapolated |\n|---|---|---:|---:|---:|---:|---:|\n",
      first);
  for (const validation_set *set = validation_sets; set->name != NULL; set++)
    for (int m = 0; m < CASE_METRICS; m++) {
      guint rows = 0, extrapolated = 0;
      const of_set all = {set->name, FALSE}, beyond = {set->name, TRUE};
      double median = report_error(cases, m, 0.5, is_predicted_in, &all, &rows);
      report_error(cases, m, 0.5, is_predicted_in, &beyond, &extrapolated);
      if (rows > 0)
        g_string_append_printf(out, "| %s | %s | %u | %.1f %% | %.1f %% | %.1f %% | %u |\n", set->source,
                               case_metric_names[m], rows, 100 * median,
                               100 * report_error(cases, m, 0.9, is_predicted_in, &all, NULL),
                               100 * report_error(cases, m, 1, is_predicted_in, &all, NULL), extrapolated);
    }
  g_string_append(out, to);
  return g_file_set_contents(path, out->str, -1, error);
}

static gboolean same_group(const validation_case *a, const validation_case *b)
{
  return g_str_equal(a->model, b->model) && g_str_equal(a->device, b->device) &&
         g_str_equal(a->engine, b->engine) && a->tp == b->tp && a->dp == b->dp && a->ep == b->ep &&
         g_strcmp0(a->weights, b->weights) == 0;
}

static double quantile(GArray *errors, double q)
{
  g_array_sort(errors, quantile_by_value);
  return g_array_index(errors, double, MIN((guint)(q * errors->len), errors->len - 1));
}

static const char *format_of(const char *kind)
{
  for (int i = 0; tw_checkpoint_names[i] != NULL; i++)
    if (g_str_equal(tw_checkpoint_names[i], kind))
      return tw_precision_names[tw_checkpoint_get(i)->weights];
  return kind;
}

gboolean report_errors(GPtrArray *cases, const double *seen, const char *path, GError **error)
{
  enum { FEWEST = 4 };
  static const case_metric metrics[] = {CASE_TPOT, CASE_TTFT, CASE_THROUGHPUT};
  g_autoptr(GString) text =
      g_string_new("<?xml version=\"1.0\"?>\n<!-- Written by validate - -cells - -errors; our own "
                   "errors on measured runs. -->\n<validated>\n");
  for (guint m = 0; m < G_N_ELEMENTS(metrics); m++)
    for (guint i = 0; i < cases->len; i++) {
      const validation_case *item = cases->pdata[i];
      gboolean first = item->weights != NULL;
      for (guint j = 0; j < i && first; j++)
        first = !same_group(cases->pdata[j], item);
      g_autoptr(GArray) of_seen = g_array_new(FALSE, FALSE, sizeof(double)),
                        unseen = g_array_new(FALSE, FALSE, sizeof(double));
      for (guint j = i; j < cases->len && first; j++) {
        const validation_case *other = cases->pdata[j];
        double e = error_of(other, metrics[m]),
               s = fabs(seen[j * CASE_METRICS + metrics[m]] / other->measured[metrics[m]] - 1);
        if (!same_group(other, item) || isnan(e) || isnan(s))
          continue;
        g_array_append_val(unseen, e);
        g_array_append_val(of_seen, s);
      }
      g_autoptr(tw_faults) faults = tw_faults_new();
      g_autoptr(tw_model) model = unseen->len >= FEWEST ? tw_model_load(item->model, NULL, faults) : NULL;
      if (model == NULL)
        continue;
      const char *kind = model->attention == TW_ATTENTION_MLA ? "latent"
                         : model->experts > 0                 ? "experts"
                                                              : "dense";
      g_string_append_printf(
          text,
          "  <rows metric=\"%s\" engine=\"%s\" device=\"%s\" model=\"%s\" kind=\"%s\" "
          "weights=\"%s\" params=\"%.4g\" tp=\"%d\" dp=\"%d\" ep=\"%d\" rows=\"%u\"\n        "
          "seen-median=\"%.3f\" seen-p90=\"%.3f\" unseen-median=\"%.3f\" unseen-p90=\"%.3f\"/>\n",
          case_metric_names[metrics[m]], item->engine, item->device, item->model, kind,
          format_of(item->weights), tw_model_params(model) * 1e-9, item->tp, item->dp, item->ep, unseen->len,
          quantile(of_seen, 0.5), quantile(of_seen, 0.9), quantile(unseen, 0.5), quantile(unseen, 0.9));
    }
  g_string_append(text, "</validated>\n");
  return g_file_set_contents(path, text->str, -1, error);
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
