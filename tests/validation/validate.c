/* Compares predictions with measurements: `validate --help`.
 *
 *     validate --data DIR                              every row through the program, as tables
 *     validate --data DIR --fit --here                 the same with overheads that are fitted anew
 *     validate --data DIR --hold-out model=qwen3-32b   what the fit is worth for a model that it has not seen
 *     validate --data DIR --ablate                     what each parameter is worth
 *
 * RESULTS.md and the table in README.md here are written by `validate --data DIR -m RESULTS.md --readme
 * README.md`, STUDIES.md by `validate --data DIR
 * --leave-one-out --ablate -m STUDIES.md`. */
#include "tests/validation/evaluate.h"
#include "tests/validation/explain.h"
#include "tests/validation/own_rows.h"
#include "tests/validation/report.h"
#include "tests/validation/study.h"
#include "tests/validation/timeline.h"

#include <glib/gstdio.h>

#include <math.h>

typedef struct options {
  char *data, *rows, *markdown, *readme, *engines, *errors, *own, **sets, **only, **hold_out, **without;
  gboolean here, fit, cells, leave_one_out, ablate;
  int stride, jobs;
} options;

static void options_clear(options *o)
{
  g_free(o->data);
  g_free(o->rows);
  g_free(o->markdown);
  g_free(o->readme);
  g_free(o->engines);
  g_free(o->errors);
  g_free(o->own);
  g_strfreev(o->sets);
  g_strfreev(o->only);
  g_strfreev(o->hold_out);
  g_strfreev(o->without);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(options, options_clear)

static GPtrArray *read_cases(const options *o, GString *skipped)
{
  GPtrArray *cases = g_ptr_array_new_with_free_func((GDestroyNotify)validation_case_free);
  for (const validation_set *set = validation_sets; set->name != NULL; set++) {
    if (o->own != NULL && o->data == NULL)
      break; /* only the user's own */
    if (o->only != NULL && !g_strv_contains((const char *const *)o->only, set->name))
      continue;
    const char *directory = set->shipped ? TW_SOURCE_DIR "/tests/validation/data" : o->data;
    g_autofree char *path = directory != NULL ? g_build_filename(directory, set->file, NULL) : NULL;
    GError *error = NULL;
    if (directory == NULL) {
      g_string_append_printf(skipped, "- %s: %s is not shipped; give its directory with --data DIR\n",
                             set->name, set->file);
    } else if (g_file_test(directory, G_FILE_TEST_IS_DIR) && !g_file_test(path, G_FILE_TEST_EXISTS)) {
      g_string_append_printf(skipped, "- %s: %s does not hold %s\n", set->name, directory, set->file);
    } else if (!set->read(set, directory, cases, &error)) {
      fprintf(stderr, "%s\n", error->message);
      exit(2);
    }
  }
  GError *error = NULL;
  if (o->own != NULL && !own_rows_read(o->own, cases, &error)) {
    fprintf(stderr, "%s\n", error->message);
    exit(2);
  }
  return cases;
}

/* "KEY=WORD" or "WORD". */
static study_variant variant_of(char *text)
{
  char *equals = strchr(text, '=');
  if (equals == NULL)
    return (study_variant){.held_out = text};
  *equals = '\0';
  return (study_variant){.name = text, .held_out = equals + 1};
}

/* The tables of --hold-out, --leave-one-out and --ablate; NULL with a message where a word means nothing. */
static GString *study(const options *o, GPtrArray *cases, const char *scratch)
{
  g_autoptr(GArray) list =
      o->leave_one_out ? study_leave_one_out(cases) : g_array_new(FALSE, FALSE, sizeof(study_variant));
  for (char **text = o->hold_out; text != NULL && *text != NULL; text++) {
    study_variant variant = variant_of(*text);
    gboolean any = FALSE;
    for (guint i = 0; i < cases->len && !any; i++)
      any = study_holds_out(&variant, cases->pdata[i]);
    if (!any) {
      fprintf(stderr,
              "--hold-out: no row has the %s \"%s\"; give model=, device=, engine= or set= and its name\n",
              variant.name != NULL ? variant.name : "name", variant.held_out);
      return NULL;
    }
    g_array_append_val(list, variant);
  }
  GString *text = g_string_new(NULL);
  if (list->len > 0) {
    g_autoptr(GString) table =
        study_hold_out(cases, (const study_variant *)(const void *)list->data, list->len, scratch, o->jobs);
    g_string_append_printf(text, "%s\n", table->str);
  }
  if (o->ablate) {
    g_autoptr(GString) table = study_ablate(cases, scratch, o->jobs);
    g_string_append(text, table->str);
  }
  return text;
}

static guint parameters_of(char **words)
{
  guint bits = 0;
  for (guint p = 0; words != NULL && p < FIT_PARAMETERS; p++)
    if (g_strv_contains((const char *const *)words, fit_parameter_names[p]))
      bits |= 1U << p;
  return bits;
}

/* The timeline of the recorded run; NULL where it did not run. */
static GString *timeline_of(const options *o, GPtrArray *cases, const char *scratch)
{
  guint i = 0;
  while (i < cases->len && !g_str_equal(((const validation_case *)cases->pdata[i])->set, "vllm-run"))
    i++;
  if (i == cases->len || ((const validation_case *)cases->pdata[i])->failure != NULL)
    return NULL;
  g_autofree char *run = validation_run_directory(scratch, i);
  g_autofree char *gauges =
      o->data != NULL ? g_build_filename(o->data, "RTXPRO6000_Llama-3.1-8B_timeseries.csv", NULL) : NULL;
  gboolean there = gauges != NULL && g_file_test(gauges, G_FILE_TEST_EXISTS);
  GError *error = NULL;
  GString *text = timeline_compare(TW_SOURCE_DIR "/tests/validation/data/vllm-rtx-pro-6000-llama-3.1-8b.csv",
                                   there ? gauges : NULL, run, &error);
  if (text == NULL) {
    text = g_string_new(NULL);
    g_string_printf(text, "\nThe recorded run cannot be compared: %s\n", error->message);
    g_error_free(error);
  }
  return text;
}

static int put(const options *o, const GString *text)
{
  GError *error = NULL;
  if (o->markdown == NULL)
    fputs(text->str, stdout);
  else if (!g_file_set_contents(o->markdown, text->str, -1, &error)) {
    fprintf(stderr, "%s\n", error->message);
    g_error_free(error);
    return 1;
  }
  return 0;
}

int main(int argc, char **argv)
{
  g_auto(options) o = {.stride = 3, .jobs = 2};
  const GOptionEntry entries[] = {
      {"data", 'd', 0, G_OPTION_ARG_FILENAME, &o.data, "Directory with the data sets that do not ship",
       "DIR"},
      {"own", 0, 0, G_OPTION_ARG_FILENAME, &o.own,
       "Rows of your own servers (columns: tests/validation/own_rows.h), never fitted; without --data alone",
       "FILE"},
      {"rows", 'r', 0, G_OPTION_ARG_FILENAME, &o.rows, "Write every row to this CSV file", "FILE"},
      {"markdown", 'm', 0, G_OPTION_ARG_FILENAME, &o.markdown,
       "Write the tables to this file, not to the terminal", "FILE"},
      {"readme", 0, 0, G_OPTION_ARG_FILENAME, &o.readme,
       "Put a short table of what was predicted between the accuracy marks of this file", "FILE"},
      {"set", 0, 0, G_OPTION_ARG_STRING_ARRAY, &o.sets, "Change every scenario, as tokenworks run --set",
       "XPATH=VALUE"},
      {"only", 0, 0, G_OPTION_ARG_STRING_ARRAY, &o.only, "Only this data set", "NAME"},
      {"here", 0, 0, G_OPTION_ARG_NONE, &o.here, "Simulate inside this process, not through the program",
       NULL},
      {"fit", 0, 0, G_OPTION_ARG_NONE, &o.fit, "Fit the engines' overheads anew, instead of those that ship",
       NULL},
      {"cells", 0, 0, G_OPTION_ARG_NONE, &o.cells,
       "Predict every row by a fit that has not seen its model on its device with its engine", NULL},
      {"engines", 0, 0, G_OPTION_ARG_FILENAME, &o.engines,
       "With --fit: write what was fitted into the engine files of this directory", "DIR"},
      {"errors", 0, 0, G_OPTION_ARG_FILENAME, &o.errors,
       "With --cells: write what runs are told to expect, sim/validated/rows.xml", "FILE"},
      {"hold-out", 0, 0, G_OPTION_ARG_STRING_ARRAY, &o.hold_out,
       "Print how rows are predicted with and without being fitted to: model=NAME, device=, engine=, set=",
       "KEY=NAME"},
      {"leave-one-out", 0, 0, G_OPTION_ARG_NONE, &o.leave_one_out,
       "The same for every model, device, engine and data set in turn", NULL},
      {"ablate", 0, 0, G_OPTION_ARG_NONE, &o.ablate,
       "Print how much worse the fit predicts without each of its parameters", NULL},
      {"without", 0, 0, G_OPTION_ARG_STRING_ARRAY, &o.without, "Fit without this parameter", "NAME"},
      {"jobs", 'j', 0, G_OPTION_ARG_INT, &o.jobs, "Processes at a time (2)", "N"},
      {"stride", 0, 0, G_OPTION_ARG_INT, &o.stride, "Fit on every N-th case (3)", "N"},
      {NULL, 0, 0, 0, NULL, NULL, NULL}};
  g_autoptr(GOptionContext) context = g_option_context_new("- compare predictions with measurements");
  g_option_context_add_main_entries(context, entries, NULL);
  g_autoptr(GError) error = NULL;
  if (!g_option_context_parse(context, &argc, &argv, &error) || o.stride < 1 || o.jobs < 1) {
    fprintf(stderr, "%s\n", error != NULL ? error->message : "--stride and --jobs must be 1 or more");
    return 2;
  }
  g_autoptr(GString) skipped = g_string_new(NULL);
  g_autoptr(GPtrArray) cases = read_cases(&o, skipped);
  const char *set = NULL;
  for (guint i = 0, nth = 0; i < cases->len; i++, nth++) {
    validation_case *item = cases->pdata[i];
    nth = item->set == set ? nth : 0;
    set = item->set;
    item->fitted &= nth % (guint)o.stride == 0;
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
  validation_write_platforms(cases, scratch);
  if (o.hold_out != NULL || o.leave_one_out || o.ablate) {
    g_autoptr(GString) text = study(&o, cases, scratch);
    validation_remove(scratch);
    return text != NULL ? put(&o, text) : 2;
  }
  if (o.fit) {
    const study_variant variant = {.without = parameters_of(o.without)};
    study_fit(cases, &variant, scratch, stdout, o.engines);
  }
  if (o.cells) {
    g_autofree double *seen = study_shipped(cases, scratch);
    if (!study_cells(cases, scratch, o.jobs))
      fputs("--cells: a fit has not ended\n", stderr);
    if (o.errors != NULL && !report_errors(cases, seen, o.errors, &error)) {
      fprintf(stderr, "%s\n", error->message);
      return 1;
    }
  } else if (o.here)
    for (guint i = 0; i < cases->len; i++)
      validation_run_here(cases->pdata[i], scratch, ((validation_case *)cases->pdata[i])->assignments);
  else
    validation_run_all(cases, TW_PROGRAM, scratch, o.jobs);
  g_autoptr(GString) timeline = o.here || o.cells ? NULL : timeline_of(&o, cases, scratch);
  validation_remove(scratch);

  if (o.rows != NULL && !report_rows(cases, o.rows))
    return 1;
  if (o.readme != NULL && !report_into(cases, o.readme, &error)) {
    fprintf(stderr, "%s\n", error->message);
    return 1;
  }
  g_autoptr(GString) text = report_tables(cases, skipped->str, explanations);
  if (timeline != NULL)
    g_string_append(text, timeline->str);
  return put(&o, text);
}
