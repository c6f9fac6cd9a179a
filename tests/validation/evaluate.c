#include "tests/validation/evaluate.h"

#include "analysis/log/log_reader.h"
#include "sim/base/histogram.h"
#include "sim/site/factory.h"

#include <glib/gstdio.h>
#include <jansson.h>

#include <math.h>
#include <sys/wait.h>
#include <unistd.h>

void validation_write_platforms(GPtrArray *cases, const char *scratch)
{
  for (guint i = 0; i < cases->len; i++) {
    const validation_case *item = cases->pdata[i];
    g_autofree char *name = validation_platform_name(item->device, item->accelerators);
    g_autofree char *path = g_build_filename(scratch, name, NULL);
    g_autofree char *text = validation_platform(item->device, item->accelerators);
    GError *error = NULL;
    if (!g_file_test(path, G_FILE_TEST_EXISTS) && !g_file_set_contents(path, text, -1, &error))
      g_error("%s", error->message);
  }
}

static char *write_scenario(const validation_case *item, const char *scratch, guint index)
{
  char *path = g_strdup_printf("%s/case-%u.xml", scratch, index);
  FILE *file = fopen(path, "we");
  g_autoptr(GString) scenario = g_string_new(item->scenario->str);
  if (item->trace != NULL) {
    g_autofree char *trace = g_strdup_printf("%s/case-%u.csv", scratch, index);
    g_string_replace(scenario, "@trace@", trace, 0);
    if (!g_file_set_contents(trace, item->trace, -1, NULL))
      g_error("%s: cannot be written", trace);
  }
  if (file == NULL || fputs(scenario->str, file) < 0 || fclose(file) != 0)
    g_error("%s: cannot be written", path);
  return path;
}

/* Benchmarks of closed loops publish the throughput that their means make, without the start and the end of a run. */
static void derive_throughput(validation_case *item)
{
  if (item->clients > 0)
    item->predicted[CASE_THROUGHPUT] =
        item->clients * item->answer /
        (item->predicted[CASE_TTFT] + (item->answer - 1) * item->predicted[CASE_TPOT]) / item->accelerators;
}

/* ---- Inside this process ---- */

void validation_run_here(validation_case *item, const char *scratch, char **assignments)
{
  g_autofree char *path = write_scenario(item, scratch, 0);
  g_autoptr(tw_faults) faults = tw_faults_new();
  g_autoptr(tw_scenario) scenario = tw_scenario_load(path, (const char *const *)assignments, faults);
  g_clear_pointer(&item->failure, g_free);
  for (int m = 0; m < CASE_METRICS; m++)
    item->predicted[m] = NAN;
  if (scenario == NULL) {
    item->failure = g_strdup(tw_faults_get(faults, 0));
    return;
  }
  g_autoptr(tw_stream) stream = tw_scenario_stream(scenario, NULL);
  g_autoptr(tw_recorder) recorder = tw_recorder_new(scenario, NULL);
  g_autoptr(tw_factory) factory = tw_factory_new(scenario, stream, recorder, NULL);
  gboolean sound = tw_factory_start(factory, NULL);
  for (double next_s; sound && (tw_factory_next(factory, &next_s), isfinite(next_s));)
    sound = tw_factory_advance(factory, next_s, NULL);
  tw_factory_finish(factory, INFINITY);
  double iterations = 0, outside = 0;
  for (int e = 0; e < tw_factory_engines(factory); e++) {
    const tw_engine *engine = tw_factory_engine(factory, e);
    iterations += (double)tw_engine_iterations(engine);
    outside += tw_engine_extrapolated(engine) * (double)tw_engine_iterations(engine);
  }
  item->outside = iterations > 0 ? outside / iterations : 0;
  const tw_window *window = tw_recorder_window(recorder);
  const tw_histogram *ttft = tw_recorder_latency(recorder, TW_LATENCY_TTFT),
                     *tpot = tw_recorder_latency(recorder, TW_LATENCY_TPOT);
  item->predicted[CASE_TTFT] = tw_histogram_mean(ttft);
  item->predicted[CASE_TTFT_P50] = tw_histogram_quantile(ttft, 0.5);
  item->predicted[CASE_TTFT_P99] = tw_histogram_quantile(ttft, 0.99);
  item->predicted[CASE_TPOT] = tw_histogram_mean(tpot);
  item->predicted[CASE_TPOT_P50] = tw_histogram_quantile(tpot, 0.5);
  item->predicted[CASE_TPOT_P99] = tw_histogram_quantile(tpot, 0.99);
  item->predicted[CASE_E2E] = tw_histogram_mean(tw_recorder_latency(recorder, TW_LATENCY_E2E));
  item->predicted[CASE_THROUGHPUT] =
      (double)window->output_tokens / window->length_s / (double)tw_platform_accelerators(scenario->platform);
  derive_throughput(item);
}

/* ---- Through the program ---- */

static double figure(const json_t *summary, const char *group, const char *name)
{
  const json_t *value = json_object_get(json_object_get(summary, group), name);
  return json_is_number(value) ? json_number_value(value) : NAN;
}

/* Mean watts and tokens/s of an accelerator, and joules of an output token, between two instants, from the run's
 * engines. */
static void read_between(validation_case *item, const char *directory, double from_s, double to_s)
{
  g_autoptr(tw_log_reader) reader = tw_log_reader_open(directory, "engines", NULL);
  if (reader == NULL)
    return;
  int start = tw_log_reader_column(reader, "start_s", NULL),
      joules = tw_log_reader_column(reader, "joules", NULL),
      tokens = tw_log_reader_column(reader, "output_tokens", NULL);
  double sum = 0, emitted = 0, first_s = INFINITY, last_s = 0;
  while (tw_log_reader_next(reader, NULL)) {
    double at_s = tw_log_reader_number(reader, start);
    if (at_s < from_s || at_s + 1 > to_s)
      continue;
    sum += tw_log_reader_number(reader, joules);
    emitted += tw_log_reader_number(reader, tokens);
    first_s = fmin(first_s, at_s);
    last_s = fmax(last_s, at_s + 1);
  }
  item->predicted[CASE_WATTS] = sum / (last_s - first_s) / item->accelerators;
  item->predicted[CASE_THROUGHPUT] = emitted / (last_s - first_s) / item->accelerators;
  item->predicted[CASE_JOULES] = sum / emitted;
}

/* The median gap between two tokens that end between two instants, from the run's timeline: all sequences that decode
 * in an iteration wait as long as it takes. */
static void read_gaps(validation_case *item, const char *directory, double from_s, double to_s)
{
  g_autoptr(tw_log_reader) reader = tw_log_reader_open(directory, "segments", NULL);
  if (reader == NULL)
    return;
  int kind = tw_log_reader_column(reader, "kind", NULL),
      start = tw_log_reader_column(reader, "start_s", NULL),
      end = tw_log_reader_column(reader, "end_s", NULL),
      requests = tw_log_reader_column(reader, "requests", NULL),
      tokens = tw_log_reader_column(reader, "tokens", NULL);
  g_autoptr(tw_histogram) gaps = tw_histogram_new();
  while (tw_log_reader_next(reader, NULL)) {
    double start_s = tw_log_reader_number(reader, start), end_s = tw_log_reader_number(reader, end);
    gint64 emitted = tw_log_reader_integer(reader, tokens);
    if (emitted > 0 && start_s >= from_s && end_s <= to_s &&
        g_str_equal(tw_log_reader_text(reader, kind), "decode"))
      tw_histogram_add_times(
          gaps, (end_s - start_s) * (double)tw_log_reader_integer(reader, requests) / (double)emitted,
          (guint64)emitted);
  }
  item->predicted[CASE_GAP_P50] = tw_histogram_quantile(gaps, 0.5);
}

static void read_summary(validation_case *item, const char *directory)
{
  g_autofree char *path = g_build_filename(directory, "summary.json", NULL);
  json_error_t problem;
  json_t *summary = json_load_file(path, 0, &problem);
  if (summary == NULL) {
    item->failure = g_strdup(problem.text);
    return;
  }
  double accelerators = json_number_value(json_object_get(summary, "accelerators"));
  item->predicted[CASE_TTFT] = figure(summary, "ttft_s", "mean");
  item->predicted[CASE_TTFT_P50] = figure(summary, "ttft_s", "p50");
  item->predicted[CASE_TTFT_P99] = figure(summary, "ttft_s", "p99");
  item->predicted[CASE_TPOT] = figure(summary, "tpot_s", "mean");
  item->predicted[CASE_TPOT_P50] = figure(summary, "tpot_s", "p50");
  item->predicted[CASE_TPOT_P99] = figure(summary, "tpot_s", "p99");
  item->predicted[CASE_E2E] = figure(summary, "e2e_s", "mean");
  item->predicted[CASE_THROUGHPUT] = figure(summary, "throughput", "output_tokens_per_s_per_accelerator");
  item->predicted[CASE_WATTS] = figure(summary, "energy", "accelerator_j") /
                                json_number_value(json_object_get(summary, "simulated_s")) / accelerators;
  double length_s = json_number_value(json_object_get(summary, "simulated_s"));
  item->predicted[CASE_JOULES] =
      figure(summary, "energy", "accelerator_j") / figure(summary, "tokens", "output");
  if (item->to_s > 0)
    read_between(item, directory, item->from_s, item->to_s);
  else if (item->steady && length_s > 10)
    read_between(item, directory, 0.2 * length_s, 0.6 * length_s);
  if (item->steady)
    read_gaps(item, directory, 0.2 * length_s, 0.6 * length_s);
  derive_throughput(item);
  const json_t *outside = json_object_get(summary, "extrapolated_iterations");
  item->outside = json_is_number(outside) ? json_number_value(outside) : 0;
  json_decref(summary);
}

static pid_t start(const char *program, const char *scenario, const char *directory, const char *log,
                   char **assignments)
{
  g_autoptr(GPtrArray) argv = g_ptr_array_new();
  const char *const fixed[] = {program, "run", scenario, "-o", directory, "--force", "--quiet"};
  for (guint i = 0; i < G_N_ELEMENTS(fixed); i++)
    g_ptr_array_add(argv, (char *)fixed[i]);
  for (; assignments != NULL && *assignments != NULL; assignments++) {
    g_ptr_array_add(argv, (char *)"--set");
    g_ptr_array_add(argv, *assignments);
  }
  g_ptr_array_add(argv, NULL);
  pid_t child = fork();
  if (child == 0) {
    if (freopen(log, "w", stderr) == NULL)
      _exit(1);
    execv(program, (char **)argv->pdata);
    _exit(127);
  }
  return child;
}

char *validation_run_directory(const char *scratch, guint index)
{
  return g_strdup_printf("%s/run-%u", scratch, index);
}

void validation_run_all(GPtrArray *cases, const char *program, const char *scratch, int jobs)
{
  g_autofree pid_t *children = g_new0(pid_t, (gsize)jobs);
  g_autofree guint *running = g_new0(guint, (gsize)jobs);
  guint next = 0, ended = 0;
  while (ended < cases->len) {
    for (int j = 0; j < jobs && next < cases->len; j++)
      if (children[j] == 0) {
        g_autofree char *scenario = write_scenario(cases->pdata[next], scratch, next);
        g_autofree char *directory = validation_run_directory(scratch, next);
        g_autofree char *log = g_strdup_printf("%s/log-%u", scratch, next);
        children[j] =
            start(program, scenario, directory, log, ((validation_case *)cases->pdata[next])->assignments);
        running[j] = next++;
      }
    int status = 0;
    pid_t child = wait(&status);
    for (int j = 0; j < jobs; j++) {
      if (children[j] != child)
        continue;
      validation_case *item = cases->pdata[running[j]];
      g_autofree char *directory = validation_run_directory(scratch, running[j]);
      g_autofree char *log = g_strdup_printf("%s/log-%u", scratch, running[j]);
      g_clear_pointer(&item->failure, g_free);
      if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        read_summary(item, directory);
      else if (!g_file_get_contents(log, &item->failure, NULL, NULL))
        item->failure = g_strdup("failed");
      children[j] = 0;
      ended++;
    }
  }
}

void validation_remove(const char *scratch)
{
  g_autoptr(GDir) directory = g_dir_open(scratch, 0, NULL);
  for (const char *name; directory != NULL && (name = g_dir_read_name(directory)) != NULL;) {
    g_autofree char *path = g_build_filename(scratch, name, NULL);
    if (g_file_test(path, G_FILE_TEST_IS_DIR))
      validation_remove(path);
    else
      g_unlink(path);
  }
  g_rmdir(scratch);
}
