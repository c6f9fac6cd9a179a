#include "sim/run/run.h"

#include "sim/network/link_recorder.h"
#include "sim/run/driver.h"
#include "sim/run/run_json.h"
#include "sim/run/summary.h"

#include <glib/gstdio.h>

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

/* CPU time that all threads of the process have taken. */
static double cpu_seconds(void)
{
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static gboolean write_json(const char *directory, const char *name, const json_t *value, GError **error)
{
  g_autofree char *path = g_build_filename(directory, name, NULL);
  char *text = json_dumps(value, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
  g_autofree char *line = g_strconcat(text, "\n", NULL);
  free(text); /* jansson's own */
  return g_file_set_contents(path, line, -1, error);
}

/* Makes the directory and locks it against other runs for as long as the descriptor is open: before anything
 * in it is looked at. Below zero with `error` set. */
static int lock_directory(const char *directory, GError **error)
{
  int lock =
      g_mkdir_with_parents(directory, 0777) == 0 ? open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
  if (lock < 0) {
    tw_input_error_set(error, TW_INPUT_ERROR_FILE, directory, 0, "cannot be made: %s", g_strerror(errno));
  } else if (flock(lock, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    tw_input_error_set(error, TW_INPUT_ERROR_FILE, directory, 0,
                       "another run is writing it; name another directory, or wait for the end of that run");
    close(lock);
    lock = -1;
  }
  return lock;
}

/* Sees that the directory holds no run, or that it may be overwritten. */
static gboolean prepare_directory(const tw_run_options *options, GError **error)
{
  g_autofree char *run = g_build_filename(options->directory, "run.json", NULL);
  g_autofree char *summary = g_build_filename(options->directory, "summary.json", NULL);
  if (g_file_test(run, G_FILE_TEST_EXISTS) && !options->force)
    return tw_input_error_set(error, TW_INPUT_ERROR_FILE, options->directory, 0,
                              "holds a run already; name another directory, or overwrite it with --force");
  g_unlink(summary); /* an older run's */
  return TRUE;
}

/* The things that a run consists of while it goes. */
typedef struct run {
  const tw_run_options *options;
  double until_s; /* when it is cut short; INFINITY: never */
  const tw_stream *stream;
  const tw_recorder *recorder;
  gboolean requests; /* there are any */
} run;

static gboolean go_on(void *user, double now_s)
{
  const run *r = user;
  const tw_request_totals *totals = tw_recorder_totals(r->recorder);
  double streamed = r->requests ? tw_stream_progress(r->stream) : 0;
  tw_progress progress = {now_s, fmax(streamed, now_s / r->until_s), 0};
  for (int i = 0; i < TW_ENDING_KINDS; i++)
    progress.ended += totals->endings[i];
  return tw_log_failure(tw_recorder_log(r->recorder)) == NULL &&
         (r->options->progress == NULL || r->options->progress(r->options->user, &progress));
}

static json_t *simulate(const tw_scenario *scenario, const tw_run_options *options, tw_stream *stream,
                        tw_log *log, GError **error)
{
  g_autoptr(tw_recorder) recorder = tw_recorder_new(scenario, log);
  g_autoptr(tw_driver) driver = tw_driver_new(scenario, error);
  if (driver == NULL)
    return NULL;
  tw_flows *flows = tw_driver_flows(driver);
  tw_network network = flows != NULL ? tw_flows_network(flows) : (tw_network){0};
  g_autoptr(tw_link_recorder) links =
      flows != NULL ? tw_link_recorder_new(flows, scenario->interval_s, log) : NULL;
  g_autoptr(tw_factory) factory = tw_factory_new(scenario, stream, recorder, &network);
  run r = {options, isnan(scenario->until_s) ? INFINITY : scenario->until_s, stream, recorder,
           scenario->n_pools > 0};
  tw_run_control control = {r.until_s, go_on, &r};
  go_on(&r, 0);
  gboolean sound = tw_factory_start(factory, error) && tw_driver_run(driver, factory, &control, error);
  g_autofree char *stuck = sound && !tw_driver_cut_short(driver) ? tw_factory_explain(factory) : NULL;
  double end_s = tw_factory_finish(factory, tw_driver_end_s(driver));
  if (links != NULL)
    tw_link_recorder_close(links, end_s);
  if (stuck != NULL)
    g_set_error(
        error, G_FILE_ERROR, G_FILE_ERROR_FAILED,
        "the run ended at %.9g s with requests inside although nothing is due any more: %s; this is a "
        "fault of the simulator: please report it with the scenario",
        end_s, stuck);
  if (!sound || stuck != NULL)
    return NULL;
  json_t *summary = tw_summary(scenario, factory, recorder, tw_driver_cut_short(driver));
  json_t *sent = links != NULL ? tw_link_recorder_summary(links) : NULL;
  if (sent != NULL)
    json_object_set_new(summary, "network", sent);
  tw_session_counts sessions;
  if (tw_stream_session_counts(stream, &sessions)) {
    json_t *told = json_pack("{sI sI sI}", "started", (json_int_t)sessions.started, "completed",
                             (json_int_t)sessions.completed, "broken", (json_int_t)sessions.broken);
    double n = (double)sessions.completed;
    if (sessions.makespan_s > 0)
      json_object_update_new(told, json_pack("{sf sf sf sf}", "makespan_mean_s", sessions.makespan_s / n,
                                             "makespan_max_s", sessions.longest_s, "in_model_mean_s",
                                             sessions.model_s / n, "away_mean_s", sessions.away_s / n));
    json_object_set_new(summary, "sessions", told);
  }
  json_object_set_new(summary, "events", json_integer((json_int_t)tw_driver_events(driver)));
  return summary;
}

static json_t *run_locked(const tw_scenario *scenario, const tw_run_options *options, tw_stream *stream,
                          GError **error)
{
  gint64 start_us = g_get_monotonic_time();
  guint tables = (1U << TW_LOG_REQUESTS) | (1U << TW_LOG_ENGINES) | (1U << TW_LOG_RACKS) |
                 (1U << TW_LOG_SITE) | (scenario->segments ? 1U << TW_LOG_SEGMENTS : 0) |
                 (tw_scenario_uses_network(scenario) ? 1U << TW_LOG_LINKS : 0) |
                 (scenario->failures != NULL ? 1U << TW_LOG_FAILURES : 0) |
                 (scenario->n_jobs > 0 ? 1U << TW_LOG_JOBS : 0);
  if (!prepare_directory(options, error))
    return NULL;
  json_t *description = tw_run_json(scenario, stream, tables);
  gboolean written = write_json(options->directory, "run.json", description, error);
  json_decref(description);
  tw_log *log = written ? tw_log_open(options->directory, tables, error) : NULL;
  if (log == NULL)
    return NULL;

  GError *problem = NULL;
  json_t *summary = simulate(scenario, options, stream, log, &problem);
  GError *log_problem = NULL;
  if (!tw_log_close(log, &log_problem) && problem == NULL)
    problem = g_steal_pointer(&log_problem);
  g_clear_error(&log_problem);
  if (problem == NULL) {
    json_object_set_new(summary, "wall_s", json_real((double)(g_get_monotonic_time() - start_us) * 1e-6));
    json_object_set_new(summary, "cpu_s", json_real(cpu_seconds()));
    description = tw_run_json(scenario, stream, tables);
    if (write_json(options->directory, "run.json", description, &problem))
      write_json(options->directory, "summary.json", summary, &problem);
    json_decref(description);
  }
  if (problem == NULL)
    return summary;
  json_decref(summary);
  g_propagate_error(error, problem);
  return NULL;
}

json_t *tw_run(const tw_scenario *scenario, const tw_run_options *options, GError **error)
{
  g_autoptr(tw_stream) stream = tw_scenario_stream(scenario, error);
  int lock = stream != NULL ? lock_directory(options->directory, error) : -1;
  if (lock < 0)
    return NULL;
  json_t *summary = run_locked(scenario, options, stream, error);
  close(lock);
  return summary;
}
