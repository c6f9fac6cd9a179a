#include "tests/validation/study.h"

#include "platforms/input/data.h"
#include "sim/steptime/software.h"
#include "tests/validation/evaluate.h"
#include "tests/validation/report.h"

#include <glib/gstdio.h>

#include <math.h>
#include <sys/wait.h>
#include <unistd.h>

/* Engines whose overheads are fitted, and the values that the fit starts from. */
static const char *const engines[] = {"vllm-0.12", "vllm", "sglang", "tensorrt-llm-1.0", "tensorrt-llm"};
static const fit_result start = {.value = {1e-3, 2e-5, 0.8, 0.93, 4.8e-4, 3.6e-4, 0.85}};
enum { FEWEST_CASES = 8 };

gboolean study_is_fitted_engine(const char *engine)
{
  for (guint e = 0; e < G_N_ELEMENTS(engines); e++)
    if (g_str_equal(engine, engines[e]))
      return TRUE;
  return FALSE;
}

gboolean study_same_cell(const validation_case *a, const validation_case *b)
{
  return g_str_equal(a->model, b->model) && g_str_equal(a->device, b->device) &&
         g_str_equal(a->engine, b->engine);
}

gboolean study_holds_out(const study_variant *variant, const validation_case *item)
{
  if (variant->cell != NULL)
    return study_same_cell(variant->cell, item);
  static const char *const names[] = {"set", "model", "device", "engine"};
  const char *const words[] = {item->set, item->model, item->device, item->engine};
  if (variant->held_out == NULL)
    return FALSE;
  for (guint k = 0; k < G_N_ELEMENTS(names); k++)
    if ((variant->name == NULL || g_str_equal(variant->name, names[k])) &&
        g_strcmp0(variant->held_out, words[k]) == 0)
      return TRUE;
  return FALSE;
}

/* ---- One variant ---- */

static gboolean any_first_token_tells(const GPtrArray *cases)
{
  gboolean any = FALSE;
  for (guint i = 0; i < cases->len; i++)
    any |= ((const validation_case *)cases->pdata[i])->ttft_tells;
  return any;
}

/* Takes what the engine's file says of eager execution, which only first tokens tell of. The bits of these
 * parameters. */
static guint take_eager(const char *engine, fit_result *result)
{
  tw_software software = {0};
  g_autoptr(tw_faults) faults = tw_faults_new();
  if (!tw_software_load(engine, NULL, &software, faults))
    g_error("%s", tw_faults_get(faults, 0));
  const double values[] = {software.eager_layer_s, software.eager_experts_s};
  tw_software_clear(&software);
  guint bits = 0;
  for (int p = 0; p < 2; p++) {
    result->value[FIT_EAGER + p] = values[p];
    bits |= 1U << (FIT_EAGER + p);
  }
  return bits;
}

/* `engine`: NULL: all. */
static gboolean fit_some(GPtrArray *cases, const study_variant *variant, const char *engine,
                         const char *scratch, fit_result *result)
{
  g_autoptr(GPtrArray) some = g_ptr_array_new();
  for (guint i = 0; i < cases->len; i++) {
    validation_case *item = cases->pdata[i];
    if (item->fitted && study_is_fitted_engine(item->engine) && !study_holds_out(variant, item) &&
        (engine == NULL || g_str_equal(item->engine, engine)))
      g_ptr_array_add(some, item);
  }
  *result = start;
  for (int p = 0; p < FIT_PARAMETERS; p++)
    if ((variant->without & (1U << p)) != 0)
      result->value[p] = fit_parameter_neutral[p];
  if (some->len < FEWEST_CASES)
    return FALSE;
  guint fixed = variant->without;
  if (engine != NULL && !any_first_token_tells(some))
    fixed |= take_eager(engine, result);
  fit_engine(some, scratch, fixed, 1, result);
  return TRUE;
}

/* Puts one attribute into the text of an engine file. */
static void put_attribute(GString *text, const char *name, const char *value)
{
  g_autofree char *pattern = g_strdup_printf("(?<![\\w-])%s=\"[^\"]*\"", name),
                  *attribute = g_strdup_printf("%s=\"%s\"", name, value);
  g_autoptr(GRegex) regex = g_regex_new(pattern, 0, 0, NULL);
  if (g_regex_match(regex, text->str, 0, NULL)) {
    g_autofree char *changed = g_regex_replace_literal(regex, text->str, -1, 0, attribute, 0, NULL);
    g_string_assign(text, changed);
  } else {
    g_string_replace(text, " compute=", " \n compute=", 1);
    g_autofree char *before = g_strdup_printf(" %s compute=", attribute);
    g_string_replace(text, " \n compute=", before, 1);
  }
}

static void write_engine(const char *directory, const char *engine, GPtrArray *cases,
                         const fit_result *result, FILE *log)
{
  g_autofree char *path = g_strdup_printf("%s/%s.xml", directory, engine), *before = NULL;
  GError *error = NULL;
  if (!g_file_get_contents(path, &before, NULL, &error)) {
    fprintf(log, "%s\n", error->message);
    g_error_free(error);
    return;
  }
  g_autoptr(GString) text = g_string_new(before);
  for (int p = 0; p < FIT_PARAMETERS; p++) {
    gboolean share = fit_parameter_is_share(p);
    g_autofree char *value = g_strdup_printf(share ? "%.2f" : "%.0fus", result->value[p] * (share ? 1 : 1e6));
    put_attribute(text, fit_parameter_names[p], value);
  }
  g_autoptr(GString) models = g_string_new(NULL);
  for (guint i = 0; i < cases->len; i++) {
    const validation_case *item = cases->pdata[i];
    g_autofree char *name = g_strdup_printf("%s on %s", item->model, item->device);
    if (item->fitted && g_str_equal(item->engine, engine) && strstr(models->str, name) == NULL)
      g_string_append_printf(models, "%s%s", models->len > 0 ? ", " : "", name);
  }
  g_autofree char *source =
      g_strdup_printf("validate --fit: least squares on the logarithms of TPOT of %u closed-loop runs (%s), "
                      "and of TTFT where "
                      "lengths vary, with what the kernels were measured to take as prior knowledge; "
                      "residual: median error of "
                      "TPOT %.1f %%; request: recorded open-loop runs of vLLM 0.10 on H100",
                      result->cases, models->str, 100 * result->median_error);
  put_attribute(text, "source", source);
  if (!g_file_set_contents(path, text->str, -1, &error)) {
    fprintf(log, "%s\n", error->message);
    g_error_free(error);
  }
}

void study_fit(GPtrArray *cases, const study_variant *variant, const char *scratch, FILE *log,
               const char *directory)
{
  gboolean pooled = FALSE, any = FALSE;
  fit_result all;
  for (guint e = 0; e < G_N_ELEMENTS(engines); e++) {
    if (variant->cell != NULL && !g_str_equal(variant->cell->engine, engines[e]))
      continue;
    fit_result result;
    const char *from = "";
    if (!fit_some(cases, variant, engines[e], scratch, &result)) {
      if (!pooled)
        any = fit_some(cases, variant, NULL, scratch, &all);
      pooled = TRUE;
      if (!any) {
        if (log != NULL)
          fprintf(log, "%s: too few cases are left to fit; it stays as shipped\n", engines[e]);
        continue;
      }
      result = all;
      from = " (of all engines)";
    }
    if (log != NULL) {
      fprintf(log, "%s: %u cases%s, median error %.4f:", engines[e], result.cases, from, result.median_error);
      for (int p = 0; p < FIT_PARAMETERS; p++)
        fprintf(log, " %s=%.4g", fit_parameter_names[p], result.value[p]);
      fputc('\n', log);
      fflush(log);
      if (directory != NULL)
        write_engine(directory, engines[e], cases, &result, log);
    }
    for (guint i = 0; i < cases->len; i++) {
      validation_case *item = cases->pdata[i];
      if (!g_str_equal(item->engine, engines[e]))
        continue;
      g_strfreev(item->assignments);
      item->assignments = fit_assignments(&result);
    }
  }
}

/* Gives every case a copy of its engine's file in which nothing overlaps. */
static void take_overlap_away(GPtrArray *cases, const char *scratch)
{
  for (guint i = 0; i < cases->len; i++) {
    validation_case *item = cases->pdata[i];
    g_autofree char *file = g_strconcat("sim/engines/", item->engine, ".xml", NULL);
    g_autofree char *path = tw_data_path(file), *text = NULL, *copy = NULL;
    if (!g_file_get_contents(path, &text, NULL, NULL))
      continue;
    g_autoptr(GString) without = g_string_new(text);
    g_string_replace(without, "overlap=\"true\"", "overlap=\"false\"", 0);
    copy = g_strdup_printf("%s/%s.xml", scratch, item->engine);
    g_file_set_contents(copy, without->str, -1, NULL);
    g_autofree char *named = g_strdup_printf("engine=\"%s\"", item->engine),
                    *placed = g_strdup_printf("engine=\"./%s.xml\"", item->engine);
    g_string_replace(item->scenario, named, placed, 0);
  }
}

/* Predicts the cases that a variant holds out, or all where it holds out no cell; those whose middle counts through
 * the program, which writes what happens when. */
static void predict(GPtrArray *cases, const study_variant *variant, const char *scratch)
{
  g_autoptr(GPtrArray) steady = g_ptr_array_new();
  for (guint i = 0; i < cases->len; i++) {
    validation_case *item = cases->pdata[i];
    if (variant->cell != NULL && !study_holds_out(variant, item))
      continue;
    if (item->steady)
      g_ptr_array_add(steady, item);
    else
      validation_run_here(item, scratch, item->assignments);
  }
  validation_run_all(steady, TW_PROGRAM, scratch, 1);
}

static gboolean run_one(GPtrArray *cases, const study_variant *variant, const char *scratch)
{
  validation_write_platforms(cases, scratch);
  if (variant->no_overlap)
    take_overlap_away(cases, scratch);
  study_fit(cases, variant, scratch, NULL, NULL);
  g_autofree char *path = g_build_filename(scratch, "predicted", NULL);
  FILE *out = fopen(path, "we");
  gboolean good = out != NULL;
  predict(cases, variant, scratch);
  for (guint i = 0; good && i < cases->len; i++) {
    const validation_case *item = cases->pdata[i];
    good = fwrite(item->predicted, sizeof item->predicted, 1, out) == 1;
  }
  return out != NULL && fclose(out) == 0 && good;
}

/* Simulates what all fits share, in this process, which they are forked from. */
static void prepare(GPtrArray *cases, const char *scratch)
{
  g_autoptr(GPtrArray) some = g_ptr_array_new();
  for (guint i = 0; i < cases->len; i++) {
    const validation_case *item = cases->pdata[i];
    if (item->fitted && study_is_fitted_engine(item->engine))
      g_ptr_array_add(some, cases->pdata[i]);
  }
  fit_prepare(some, scratch);
}

gboolean study_run(GPtrArray *cases, const study_variant *variants, guint n, const char *scratch, int jobs,
                   double **predicted)
{
  gboolean good = TRUE;
  prepare(cases, scratch);
  fflush(NULL);
  for (guint v = 0, running = 0; v < n || running > 0;) {
    if (v < n && running < (guint)jobs) {
      g_autofree char *directory = g_strdup_printf("%s/variant-%u", scratch, v);
      g_mkdir_with_parents(directory, 0700);
      pid_t child = fork();
      if (child == 0)
        _exit(run_one(cases, &variants[v], directory) ? 0 : 1);
      good &= child > 0;
      running += child > 0;
      v++;
      continue;
    }
    int status = 0;
    good &= wait(&status) > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    running--;
  }
  for (guint v = 0; v < n; v++) {
    g_autofree char *path = g_strdup_printf("%s/variant-%u/predicted", scratch, v);
    char *bytes = NULL;
    gsize length = 0;
    good &= g_file_get_contents(path, &bytes, &length, NULL) &&
            length == cases->len * CASE_METRICS * sizeof(double);
    predicted[v] = (double *)(void *)bytes;
  }
  return good;
}

/* ---- Tables ---- */

static void take(GPtrArray *cases, const double *predicted)
{
  for (guint i = 0; i < cases->len; i++) {
    validation_case *item = cases->pdata[i];
    for (int m = 0; m < CASE_METRICS; m++)
      item->predicted[m] = predicted[i * CASE_METRICS + (guint)m];
  }
}

static gboolean is_held_out(const validation_case *item, const void *user)
{
  return study_is_fitted_engine(item->engine) && study_holds_out(user, item);
}

static void add_error(GString *text, GPtrArray *cases, int metric, report_filter some, const void *user)
{
  g_string_append_printf(text, " | %.1f %%, %.1f %%",
                         100 * report_error(cases, metric, 0.5, some, user, NULL),
                         100 * report_error(cases, metric, 0.9, some, user, NULL));
}

static const case_metric shown[] = {CASE_TPOT, CASE_TTFT, CASE_THROUGHPUT};

static const char *name_of(const study_variant *variant)
{
  return variant->name != NULL ? variant->name : "rows of";
}

double *study_shipped(GPtrArray *cases, const char *scratch)
{
  double *predicted = g_new(double, cases->len *CASE_METRICS);
  predict(cases, &(study_variant){.name = "none"}, scratch);
  for (guint i = 0; i < cases->len; i++) {
    const validation_case *item = cases->pdata[i];
    for (int m = 0; m < CASE_METRICS; m++)
      predicted[i * CASE_METRICS + (guint)m] = item->predicted[m];
  }
  return predicted;
}

GString *study_hold_out(GPtrArray *cases, const study_variant *variants, guint n, const char *scratch,
                        int jobs)
{
  g_autofree study_variant *list = g_new0(study_variant, n + 1); /* the first holds nothing out */
  for (guint v = 0; v < n; v++)
    list[v + 1] = variants[v];
  g_autofree double **predicted = g_new0(double *, n + 1);
  GString *text = g_string_new("### Held out of the fit\n\nMedian and 90th percentile of the error of the "
                               "rows that are held out: with the "
                               "overheads that ship, fitted on every third row, and fitted without any of "
                               "them. An engine that is held out "
                               "takes what all other engines together are fitted to.\n\n| held out | metric "
                               "| rows | shipped | fitted with "
                               "them | fitted without them |\n|---|---|---:|---:|---:|---:|\n");
  g_autofree double *now = study_shipped(cases, scratch);
  if (!study_run(cases, list, n + 1, scratch, jobs, predicted))
    g_string_append(text, "\nfailed: a fit has not ended\n");
  else
    for (guint v = 1; v <= n; v++)
      for (guint s = 0; s < G_N_ELEMENTS(shown); s++) {
        guint rows = 0;
        take(cases, now);
        report_error(cases, (int)shown[s], 0.5, is_held_out, &list[v], &rows);
        if (rows == 0)
          continue;
        g_string_append_printf(text, "| %s %s | %s | %u", name_of(&list[v]), list[v].held_out,
                               case_metric_names[shown[s]], rows);
        add_error(text, cases, (int)shown[s], is_held_out, &list[v]);
        take(cases, predicted[0]);
        add_error(text, cases, (int)shown[s], is_held_out, &list[v]);
        take(cases, predicted[v]);
        add_error(text, cases, (int)shown[s], is_held_out, &list[v]);
        g_string_append(text, " |\n");
      }
  for (guint v = 0; v <= n; v++)
    g_free(predicted[v]);
  return text;
}

/* The variants that hold out each cell in turn. */
static GArray *variants_by_cell(GPtrArray *cases)
{
  GArray *list = g_array_new(FALSE, FALSE, sizeof(study_variant));
  for (guint i = 0; i < cases->len; i++) {
    const validation_case *item = cases->pdata[i];
    gboolean known = !item->fitted || !study_is_fitted_engine(item->engine);
    for (guint v = 0; v < list->len && !known; v++)
      known = study_same_cell(g_array_index(list, study_variant, v).cell, item);
    if (!known)
      g_array_append_val(list, ((study_variant){.cell = item}));
  }
  return list;
}

/* Gives each case the prediction of the variant, among `n` from `variants` on, that holds its cell out; others that of the
 * variant that holds nothing out, or none. */
static void take_unseen(GPtrArray *cases, const study_variant *variants, guint n, double **predicted)
{
  for (guint i = 0; i < cases->len; i++) {
    validation_case *item = cases->pdata[i];
    guint v = 0;
    while (v < n && (variants[v].cell == NULL || !study_holds_out(&variants[v], item)))
      v++;
    if (v == n && variants[0].cell == NULL)
      v = 0;
    for (guint m = 0; m < CASE_METRICS; m++)
      item->predicted[m] = v < n ? predicted[v][i * CASE_METRICS + m] : NAN;
  }
}

static gboolean is_unseen(const validation_case *item, const void *user)
{
  (void)user;
  return study_is_fitted_engine(item->engine);
}

GString *study_ablate(GPtrArray *cases, const char *scratch, int jobs)
{
  study_variant without[FIT_PARAMETERS + 2] = {{.name = "none"}};
  guint n = 1;
  for (guint p = 0; p < FIT_PARAMETERS; p++)
    without[n++] = (study_variant){.name = fit_parameter_names[p], .without = 1U << p};
  without[n++] = (study_variant){.name = "overlap", .no_overlap = TRUE};
  g_autoptr(GArray) cells = variants_by_cell(cases), list = g_array_new(FALSE, FALSE, sizeof(study_variant));
  for (guint w = 0; w < n; w++)
    for (guint c = 0; c < cells->len; c++) {
      study_variant variant = without[w];
      variant.cell = g_array_index(cells, study_variant, c).cell;
      g_array_append_val(list, variant);
    }
  const study_variant *variants = (const study_variant *)(const void *)list->data;
  g_autofree double **predicted = g_new0(double *, list->len);
  GString *text = g_string_new(
      "### Without a parameter\n\nEach named parameter of the engines is taken away in turn and the others "
      "are fitted "
      "anew. Median and 90th percentile of the error of all rows, each predicted by a fit that has not seen "
      "its "
      "model on its device with its engine.\n\n| without |");
  for (guint s = 0; s < G_N_ELEMENTS(shown); s++)
    g_string_append_printf(text, " %s |", case_metric_names[shown[s]]);
  g_string_append(text, "\n|---|---:|---:|---:|\n");
  if (!study_run(cases, variants, list->len, scratch, jobs, predicted))
    g_string_append(text, "\nfailed: a fit has not ended\n");
  else
    for (guint w = 0; w < n; w++) {
      take_unseen(cases, variants + w * cells->len, cells->len, predicted + w * cells->len);
      g_string_append_printf(text, "| %s", without[w].name);
      for (guint s = 0; s < G_N_ELEMENTS(shown); s++)
        add_error(text, cases, (int)shown[s], is_unseen, NULL);
      g_string_append(text, " |\n");
    }
  for (guint v = 0; v < list->len; v++)
    g_free(predicted[v]);
  return text;
}

gboolean study_cells(GPtrArray *cases, const char *scratch, int jobs)
{
  g_autoptr(GArray) list = variants_by_cell(cases);
  g_array_prepend_val(list, ((study_variant){.name = "none"}));
  const study_variant *variants = (const study_variant *)(const void *)list->data;
  g_autofree double **predicted = g_new0(double *, list->len);
  gboolean good = study_run(cases, variants, list->len, scratch, jobs, predicted);
  if (good)
    take_unseen(cases, variants, list->len, predicted);
  for (guint i = 0; good && i < cases->len; i++)
    ((validation_case *)cases->pdata[i])->fitted = FALSE;
  for (guint v = 0; v < list->len; v++)
    g_free(predicted[v]);
  return good;
}

/* Whether rows of fitted engines are left. */
static gboolean leaves_any(GPtrArray *cases, const study_variant *variant)
{
  for (guint i = 0; i < cases->len; i++) {
    const validation_case *item = cases->pdata[i];
    if (item->fitted && study_is_fitted_engine(item->engine) && !study_holds_out(variant, item))
      return TRUE;
  }
  return FALSE;
}

GArray *study_leave_one_out(GPtrArray *cases)
{
  static const char *const names[] = {"model", "device", "engine", "set"};
  GArray *list = g_array_new(FALSE, FALSE, sizeof(study_variant));
  for (guint k = 0; k < G_N_ELEMENTS(names); k++) {
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < cases->len; i++) {
      const validation_case *item = cases->pdata[i];
      const char *const words[] = {item->model, item->device, item->engine, item->set};
      if (!item->fitted || !study_is_fitted_engine(item->engine) || !g_hash_table_add(seen, (char *)words[k]))
        continue;
      study_variant variant = {.name = names[k], .held_out = words[k]};
      if (leaves_any(cases, &variant))
        g_array_append_val(list, variant);
    }
  }
  return list;
}
