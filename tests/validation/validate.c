/* Compares predictions with measurements: `validate --help`.
 *
 *     validate --data DIR                          every row through the program, tables to RESULTS.md
 *     validate --data DIR --fit --hold-out h200-sxm --here
 *                                                  fits the engines anew without a device, and predicts it */
#include "tests/validation/evaluate.h"
#include "tests/validation/explain.h"
#include "tests/validation/fit.h"
#include "tests/validation/report.h"

#include <glib/gstdio.h>

#include <math.h>

/* Engines whose overheads are fitted, with the values that the fit starts from. */
static const char *const engines[] = {"vllm-0.12", "sglang", "tensorrt-llm-1.0", "tensorrt-llm"};
static const fit_result start = {.value = {1.5e-3, 3e-5, 3e-5, 3e-2, 0.95}};

typedef struct options {
  char *data, *rows, *markdown, **sets, **hold_out, **without;
  gboolean here, fit;
  int stride;
} options;

static GPtrArray *read_cases(const options *o, GString *skipped)
{
  GPtrArray *cases = g_ptr_array_new_with_free_func((GDestroyNotify)validation_case_free);
  for (const validation_set *set = validation_sets; set->name != NULL; set++) {
    const char *directory = set->shipped ? TW_SOURCE_DIR "/tests/validation/data" : o->data;
    GError *error = NULL;
    if (directory == NULL) {
      g_string_append_printf(skipped, "- %s: %s is not shipped; give its directory with --data DIR\n",
                             set->name, set->file);
    } else if (!set->read(set, directory, cases, &error)) {
      fprintf(stderr, "%s\n", error->message);
      exit(2);
    }
  }
  return cases;
}

static gboolean listed(char **words, const validation_case *item)
{
  const char *const *list = (const char *const *)words;
  return list != NULL && (g_strv_contains(list, item->set) || g_strv_contains(list, item->model) ||
                          g_strv_contains(list, item->device));
}

/* Fits one engine to its cases that are not held out, and gives the assignments to all of its cases. */
static void fit_one(const options *o, const char *engine, GPtrArray *cases, const char *scratch)
{
  g_autoptr(GPtrArray) some = g_ptr_array_new();
  for (guint i = 0; i < cases->len; i++) {
    validation_case *item = cases->pdata[i];
    if (item->fitted && g_str_equal(item->engine, engine))
      g_ptr_array_add(some, item);
  }
  fit_result result = start;
  guint fixed = 0;
  for (int p = 0; o->without != NULL && p < FIT_PARAMETERS; p++)
    if (g_strv_contains((const char *const *)o->without, fit_parameter_names[p])) {
      fixed |= 1U << p;
      result.value[p] = fit_parameter_neutral[p];
    }
  if (some->len < 8) {
    printf("%s: too few cases are left to fit; it stays as shipped\n", engine);
    return;
  }
  fit_engine(some, scratch, fixed, &result);
  printf("%s: %u cases, median error %.4f:", engine, result.cases, result.median_error);
  for (int p = 0; p < FIT_PARAMETERS; p++)
    printf(" %s=%.4g", fit_parameter_names[p], result.value[p]);
  printf("\n");
  fflush(stdout);
  for (guint i = 0; i < cases->len; i++) {
    validation_case *item = cases->pdata[i];
    if (g_str_equal(item->engine, engine))
      item->assignments = fit_assignments(&result);
  }
}

int main(int argc, char **argv)
{
  options o = {.stride = 3};
  const GOptionEntry entries[] = {
      {"data", 'd', 0, G_OPTION_ARG_FILENAME, &o.data, "Directory with the data sets that do not ship",
       "DIR"},
      {"rows", 'r', 0, G_OPTION_ARG_FILENAME, &o.rows, "Write every row to this CSV file", "FILE"},
      {"markdown", 'm', 0, G_OPTION_ARG_FILENAME, &o.markdown,
       "Write the tables to this file, not to the terminal", "FILE"},
      {"set", 0, 0, G_OPTION_ARG_STRING_ARRAY, &o.sets, "Change every scenario, as tokenworks run --set",
       "XPATH=VALUE"},
      {"here", 0, 0, G_OPTION_ARG_NONE, &o.here, "Simulate inside this process, not through the program",
       NULL},
      {"fit", 0, 0, G_OPTION_ARG_NONE, &o.fit, "Fit the engines' overheads anew, instead of those that ship",
       NULL},
      {"hold-out", 0, 0, G_OPTION_ARG_STRING_ARRAY, &o.hold_out,
       "Do not fit on this model, device or data set", "NAME"},
      {"without", 0, 0, G_OPTION_ARG_STRING_ARRAY, &o.without, "Fit without this parameter", "NAME"},
      {"stride", 0, 0, G_OPTION_ARG_INT, &o.stride, "Fit on every N-th case (3)", "N"},
      {NULL, 0, 0, 0, NULL, NULL, NULL}};
  g_autoptr(GOptionContext) context = g_option_context_new("- compare predictions with measurements");
  g_option_context_add_main_entries(context, entries, NULL);
  GError *error = NULL;
  if (!g_option_context_parse(context, &argc, &argv, &error) || o.stride < 1) {
    fprintf(stderr, "%s\n", error != NULL ? error->message : "--stride must be 1 or more");
    return 2;
  }
  g_autoptr(GString) skipped = g_string_new(NULL);
  g_autoptr(GPtrArray) cases = read_cases(&o, skipped);
  for (guint i = 0; i < cases->len; i++) {
    validation_case *item = cases->pdata[i];
    item->fitted &= !listed(o.hold_out, item) && i % (guint)o.stride == 0;
    if (o.sets != NULL)
      item->assignments = g_strdupv(o.sets);
  }
  g_autoptr(GPtrArray) explanations =
      explanations_read(TW_SOURCE_DIR "/tests/validation/explanations.csv", &error);
  if (explanations == NULL) {
    fprintf(stderr, "%s\n", error->message);
    return 2;
  }
  explanations_exclude(explanations, cases);
  g_autofree char *scratch = g_dir_make_tmp("validate-XXXXXX", &error);
  if (scratch == NULL) {
    fprintf(stderr, "%s\n", error->message);
    return 1;
  }
  validation_write_platforms(scratch);
  for (guint e = 0; o.fit && e < G_N_ELEMENTS(engines); e++)
    fit_one(&o, engines[e], cases, scratch);
  if (o.here)
    for (guint i = 0; i < cases->len; i++)
      validation_run_here(cases->pdata[i], scratch, ((validation_case *)cases->pdata[i])->assignments);
  else
    validation_run_all(cases, TW_PROGRAM, scratch, 2);
  validation_remove(scratch);

  if (o.rows != NULL && !report_rows(cases, o.rows))
    return 1;
  g_autoptr(GString) text = report_tables(cases, skipped->str, explanations);
  if (o.markdown == NULL)
    fputs(text->str, stdout);
  else if (!g_file_set_contents(o.markdown, text->str, -1, &error)) {
    fprintf(stderr, "%s\n", error->message);
    return 1;
  }
  g_free(o.data);
  g_free(o.rows);
  g_free(o.markdown);
  g_strfreev(o.sets);
  g_strfreev(o.hold_out);
  g_strfreev(o.without);
  return 0;
}
