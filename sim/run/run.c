#include "sim/run/run.h"

#include "sim/network/link_recorder.h"
#include "sim/run/driver.h"
#include "sim/run/run_directory.h"
#include "sim/run/run_json.h"
#include "sim/run/summary.h"

#include <math.h>
#include <unistd.h>

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
  g_autoptr(tw_driver) driver = tw_driver_new(&scenario, 1, error);
  if (driver == NULL)
    return NULL;
  tw_flows *flows = tw_driver_flows(driver, 0);
  tw_network network = flows != NULL ? tw_flows_network(flows) : (tw_network){0};
  g_autoptr(tw_link_recorder) links =
      flows != NULL ? tw_link_recorder_new(flows, scenario->interval_s, log) : NULL;
  g_autoptr(tw_factory) factory = tw_factory_new(scenario, stream, recorder, &network);
  run r = {options, isnan(scenario->until_s) ? INFINITY : scenario->until_s, stream, recorder,
           scenario->n_pools > 0};
  tw_driven driven = tw_driven_factory(factory);
  tw_run_control control = {r.until_s, go_on, &r};
  go_on(&r, 0);
  gboolean sound = tw_factory_start(factory, error) && tw_driver_run(driver, &driven, &control, error);
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
  tw_summary_add_sessions(summary, stream);
  json_object_set_new(summary, "events", json_integer((json_int_t)tw_driver_events(driver)));
  return summary;
}

guint tw_run_tables(const tw_scenario *scenario)
{
  return (1U << TW_LOG_REQUESTS) | (1U << TW_LOG_ENGINES) | (1U << TW_LOG_RACKS) | (1U << TW_LOG_SITE) |
         (scenario->segments ? 1U << TW_LOG_SEGMENTS : 0) |
         (tw_scenario_uses_network(scenario) ? 1U << TW_LOG_LINKS : 0) |
         (scenario->failures != NULL ? 1U << TW_LOG_FAILURES : 0) |
         (scenario->n_jobs > 0 ? 1U << TW_LOG_JOBS : 0) | (scenario->grid != NULL ? TW_LOG_WITH_GRID : 0) |
         (tw_scenario_rollouts(scenario) != NULL ? 1U << TW_LOG_RL : 0);
}

static json_t *run_locked(const tw_scenario *scenario, const tw_run_options *options, tw_stream *stream,
                          GError **error)
{
  gint64 start_us = g_get_monotonic_time();
  guint tables = tw_run_tables(scenario);
  if (!tw_run_prepare_directory(options->directory, options->force, error))
    return NULL;
  json_t *description = tw_run_json(scenario, stream, tables);
  gboolean written = tw_run_write_json(options->directory, "run.json", description, error);
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
    json_object_set_new(summary, "cpu_s", json_real(tw_run_cpu_seconds()));
    description = tw_run_json(scenario, stream, tables);
    if (tw_run_write_json(options->directory, "run.json", description, &problem))
      tw_run_write_json(options->directory, "summary.json", summary, &problem);
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
  int lock = stream != NULL ? tw_run_lock_directory(options->directory, error) : -1;
  if (lock < 0)
    return NULL;
  json_t *summary = run_locked(scenario, options, stream, error);
  close(lock);
  return summary;
}
