#include "sim/network/link_recorder.h"
#include "sim/run/driver.h"
#include "sim/run/power_sum.h"
#include "sim/run/run.h"
#include "sim/run/run_directory.h"
#include "sim/run/run_json.h"
#include "sim/run/summary.h"
#include "sim/world/exchange.h"

#include <math.h>
#include <unistd.h>

/* A site while the run goes. */
typedef struct branch {
  const tw_world_site *site;
  char *directory;
  guint tables;
  tw_log *log;
  tw_recorder *recorder;
  tw_factory *factory;
  tw_link_recorder *links; /* NULL: it puts nothing on a network */
  GQueue rows; /* Queue of tw_site_row: those of intervals that another site has not written yet. */
} branch;

typedef struct world_run {
  const tw_world *world;
  const tw_run_options *options;
  const tw_scenario *common; /* of which what is shared is read */
  double until_s;            /* INFINITY: never */
  tw_stream *stream;
  tw_log *log;
  tw_recorder *recorder;
  tw_exchange *exchange;
  tw_power_sum *power;
  branch *branches;
} world_run;

enum { WORLD_TABLES = (1U << TW_LOG_REQUESTS) | (1U << TW_LOG_SITES) | (1U << TW_LOG_WANS) };

/* ---- The table of sites ---- */

static void log_sites_row(tw_log *log, const char *name, const tw_site_row *of)
{
  tw_sites_row row = tw_sites_row_empty;
  row.start_s = of->start_s;
  row.site = name;
  row.running = of->running;
  row.waiting = of->waiting;
  row.arrived = of->arrived;
  row.completed = of->completed;
  row.busy = of->busy;
  row.output_tokens_per_s = of->output_tokens_per_s;
  row.site_w = of->accelerator_w + of->host_w + of->network_w + of->overhead_w;
  row.price_usd_per_kwh = of->price_usd_per_kwh;
  row.carbon_g_per_kwh = of->carbon_g_per_kwh;
  tw_log_sites(log, &row);
}

/* Writes the rows of the intervals that all sites have. */
static void write_sites(world_run *run)
{
  for (;;) {
    for (int i = 0; i < run->world->n_sites; i++)
      if (g_queue_is_empty(&run->branches[i].rows))
        return;
    for (int i = 0; i < run->world->n_sites; i++) {
      g_autofree tw_site_row *row = g_queue_pop_head(&run->branches[i].rows);
      log_sites_row(run->log, run->branches[i].site->name, row);
    }
  }
}

static void see_row(void *user, const tw_site_row *row)
{
  g_queue_push_tail(&((branch *)user)->rows, g_memdup2(row, sizeof *row));
}

/* ---- What is driven: the factories, and the exchange between them ---- */

static double next(void *state, double *drives_s)
{
  const world_run *run = state;
  double first_s = tw_exchange_due(run->exchange, drives_s);
  for (int i = 0; i < run->world->n_sites; i++) {
    double driven_s;
    first_s = fmin(first_s, tw_factory_next(run->branches[i].factory, &driven_s));
    *drives_s = fmin(*drives_s, driven_s);
  }
  return first_s;
}

static gboolean waits_for_flows(void *state)
{
  const world_run *run = state;
  for (int i = 0; i < run->world->n_sites; i++)
    if (tw_factory_waits_for_flows(run->branches[i].factory))
      return TRUE;
  return FALSE;
}

static gboolean look(void *state, double until_s)
{
  world_run *run = state;
  gboolean any = FALSE;
  for (int i = 0; i < run->world->n_sites; i++)
    any |= tw_factory_look(run->branches[i].factory, until_s);
  write_sites(run);
  return any;
}

/* At equal times the exchange acts first, then the sites in their order. */
static gboolean step(void *state, GError **error)
{
  world_run *run = state;
  double now_s = tw_exchange_due(run->exchange, NULL);
  tw_factory *first = NULL;
  for (int i = 0; i < run->world->n_sites; i++) {
    double due_s = tw_factory_next(run->branches[i].factory, NULL);
    if (due_s >= now_s)
      continue;
    now_s = due_s;
    first = run->branches[i].factory;
  }
  return first != NULL ? tw_factory_step(first, error) : tw_exchange_step(run->exchange, error);
}

static gboolean go_on(void *user, double now_s)
{
  const world_run *run = user;
  const tw_request_totals *totals = tw_recorder_totals(run->recorder);
  double streamed = run->common->n_pools > 0 ? tw_stream_progress(run->stream) : 0;
  tw_progress progress = {now_s, fmax(streamed, now_s / run->until_s), 0};
  for (int i = 0; i < TW_ENDING_KINDS; i++)
    progress.ended += totals->endings[i];
  gboolean sound = tw_log_failure(run->log) == NULL;
  for (int i = 0; i < run->world->n_sites; i++)
    sound = sound && tw_log_failure(run->branches[i].log) == NULL;
  return sound && (run->options->progress == NULL || run->options->progress(run->options->user, &progress));
}

/* ---- The run ---- */

/* Ends all sites at once, and what is between them. */
static void finish(world_run *run, double end_s)
{
  if (!isfinite(end_s)) { /* The last answer may have been on its way to its users. */
    end_s = tw_exchange_ended(run->exchange);
    for (int i = 0; i < run->world->n_sites; i++)
      end_s = fmax(end_s, tw_factory_ended(run->branches[i].factory));
  }
  for (int i = 0; i < run->world->n_sites; i++) {
    tw_factory_finish(run->branches[i].factory, end_s);
    if (run->branches[i].links != NULL)
      tw_link_recorder_close(run->branches[i].links, tw_factory_now(run->branches[i].factory));
  }
  tw_exchange_close(run->exchange, end_s);
  tw_recorder_close(run->recorder, end_s);
  write_sites(run);
}

static char *explain(const world_run *run)
{
  for (int i = 0; i < run->world->n_sites; i++) {
    g_autofree char *why = tw_factory_explain(run->branches[i].factory);
    if (why != NULL)
      return g_strdup_printf("at site \"%s\", %s", run->branches[i].site->name, why);
  }
  return NULL;
}

static json_t *summarize(const world_run *run, const tw_driver *driver, json_t **of_sites)
{
  int n = run->world->n_sites;
  gboolean partial = tw_driver_cut_short(driver);
  g_autofree tw_factory **factories = g_new(tw_factory *, (gsize)n);
  g_autofree tw_recorder **recorders = g_new(tw_recorder *, (gsize)n);
  for (int i = 0; i < n; i++) {
    factories[i] = run->branches[i].factory;
    recorders[i] = run->branches[i].recorder;
    of_sites[i] = tw_summary(run->branches[i].site->scenario, factories[i], recorders[i], partial);
    json_t *sent = run->branches[i].links != NULL ? tw_link_recorder_summary(run->branches[i].links) : NULL;
    if (sent != NULL)
      json_object_set_new(of_sites[i], "network", sent);
  }
  json_t *summary = tw_summary_of_sites(run->world, factories, recorders, run->exchange, run->power,
                                        run->recorder, partial);
  tw_summary_add_sessions(summary, run->stream);
  json_object_set_new(summary, "events", json_integer((json_int_t)tw_driver_events(driver)));
  return summary;
}

/* Makes the factory of a site, on its own network. */
static void open_factory(world_run *run, int i, tw_flows *flows)
{
  branch *b = &run->branches[i];
  tw_network network = flows != NULL ? tw_flows_network(flows) : (tw_network){0};
  b->links = flows != NULL ? tw_link_recorder_new(flows, run->common->interval_s, b->log) : NULL;
  b->factory = tw_factory_new(b->site->scenario, tw_exchange_inbox(run->exchange, i), b->recorder, &network);
  tw_exchange_join(run->exchange, i, b->factory, b->recorder);
  tw_factory_watch_power(b->factory, tw_power_sum_add, tw_power_sum_site(run->power, i));
}

static tw_driver *new_driver(const world_run *run, GError **error)
{
  g_autofree const tw_scenario **scenarios = g_new(const tw_scenario *, (gsize)run->world->n_sites);
  for (int i = 0; i < run->world->n_sites; i++)
    scenarios[i] = run->branches[i].site->scenario;
  return tw_driver_new(scenarios, run->world->n_sites, error);
}

static json_t *simulate_with(world_run *run, tw_driver *driver, json_t **of_sites, GError **error)
{
  for (int i = 0; i < run->world->n_sites; i++)
    open_factory(run, i, tw_driver_flows(driver, i));
  tw_driven driven = {next, waits_for_flows, look, step, run};
  tw_run_control control = {run->until_s, go_on, run};
  go_on(run, 0);
  gboolean sound = tw_exchange_start(run->exchange, error) && tw_driver_run(driver, &driven, &control, error);
  g_autofree char *stuck = sound && !tw_driver_cut_short(driver) ? explain(run) : NULL;
  finish(run, tw_driver_end_s(driver));
  if (stuck != NULL)
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED,
                "the run ended with requests inside although nothing is due any more: %s; this is a fault of "
                "the simulator: please report it with the scenario",
                stuck);
  return sound && stuck == NULL ? summarize(run, driver, of_sites) : NULL;
}

static json_t *simulate(world_run *run, json_t **of_sites, GError **error)
{
  g_autoptr(tw_driver) driver = new_driver(run, error);
  json_t *summary = driver != NULL ? simulate_with(run, driver, of_sites, error) : NULL;
  for (int i = 0; i < run->world->n_sites; i++) /* before the flows that they watch */
    tw_link_recorder_free(run->branches[i].links);
  return summary;
}

static gboolean write_description(const world_run *run, GError **error)
{
  json_t *description = tw_run_json_of_world(run->world, run->stream, WORLD_TABLES);
  gboolean good = tw_run_write_json(run->options->directory, "run.json", description, error);
  json_decref(description);
  for (int i = 0; good && i < run->world->n_sites; i++) {
    const branch *b = &run->branches[i];
    description = tw_run_json(b->site->scenario, tw_exchange_inbox(run->exchange, i), b->tables);
    json_object_set_new(description, "site", json_string(b->site->name));
    good = tw_run_write_json(b->directory, "run.json", description, error);
    json_decref(description);
  }
  return good;
}

static gboolean open_branches(world_run *run, GError **error)
{
  for (int i = 0; i < run->world->n_sites; i++) {
    branch *b = &run->branches[i];
    b->site = &run->world->sites[i];
    b->directory = g_build_filename(run->options->directory, b->site->name, NULL);
    b->tables = tw_run_tables(b->site->scenario);
    g_queue_init(&b->rows);
    if (g_mkdir_with_parents(b->directory, 0777) != 0)
      return tw_input_error_set(error, TW_INPUT_ERROR_FILE, b->directory, 0, "cannot be made");
    if (!tw_run_prepare_directory(b->directory, run->options->force, error))
      return FALSE;
    b->log = tw_log_open(b->directory, b->tables, error);
    if (b->log == NULL)
      return FALSE;
    tw_log_watch_site(b->log, see_row, b);
    b->recorder = tw_recorder_new(b->site->scenario, b->log);
  }
  return TRUE;
}

/* Closes a log; keeps the first problem. */
static void close_log(tw_log *log, GError **problem)
{
  g_autoptr(GError) another = NULL;
  if (log != NULL && !tw_log_close(log, &another) && *problem == NULL)
    *problem = g_steal_pointer(&another);
}

static void close_branches(world_run *run, GError **problem)
{
  for (int i = 0; i < run->world->n_sites; i++) {
    branch *b = &run->branches[i];
    tw_factory_free(b->factory);
    tw_recorder_free(b->recorder);
    close_log(b->log, problem);
    g_queue_clear_full(&b->rows, g_free);
  }
}

static void write_summaries(const world_run *run, const json_t *summary, json_t *const *of_sites,
                            GError **error)
{
  gboolean good = write_description(run, error);
  for (int i = 0; good && i < run->world->n_sites; i++)
    good = tw_run_write_json(run->branches[i].directory, "summary.json", of_sites[i], error);
  if (good)
    tw_run_write_json(run->options->directory, "summary.json", summary, error);
}

static void time_summary(json_t *summary, gint64 start_us)
{
  json_object_set_new(summary, "wall_s", json_real((double)(g_get_monotonic_time() - start_us) * 1e-6));
  json_object_set_new(summary, "cpu_s", json_real(tw_run_cpu_seconds()));
}

static json_t *run_locked(world_run *run, GError **error)
{
  gint64 start_us = g_get_monotonic_time();
  int n = run->world->n_sites;
  g_autofree json_t **of_sites = g_new0(json_t *, (gsize)n);
  GError *problem = NULL;
  json_t *summary = NULL;
  run->branches = g_new0(branch, (gsize)n);
  if (tw_run_prepare_directory(run->options->directory, run->options->force, &problem) &&
      open_branches(run, &problem) &&
      (run->log = tw_log_open(run->options->directory, WORLD_TABLES, &problem)) != NULL) {
    run->recorder = tw_recorder_new(run->common, run->log);
    run->exchange = tw_exchange_new(run->world, run->stream, run->recorder);
    run->power = tw_power_sum_new(n);
    if (write_description(run, &problem))
      summary = simulate(run, of_sites, &problem);
  }
  close_branches(run, &problem);
  tw_recorder_free(run->recorder);
  close_log(run->log, &problem);
  if (problem == NULL) {
    time_summary(summary, start_us);
    for (int i = 0; i < n; i++)
      time_summary(of_sites[i], start_us);
    write_summaries(run, summary, of_sites, &problem);
  }
  tw_exchange_free(run->exchange);
  tw_power_sum_free(run->power);
  for (int i = 0; i < n; i++) {
    g_free(run->branches[i].directory);
    json_decref(of_sites[i]);
  }
  g_free(run->branches);
  if (problem == NULL)
    return summary;
  json_decref(summary);
  g_propagate_error(error, problem);
  return NULL;
}

json_t *tw_run_world(const tw_world *world, const tw_run_options *options, GError **error)
{
  const tw_scenario *common = tw_world_first(world)->scenario;
  if (world->plain)
    return tw_run(common, options, error);
  g_autoptr(tw_stream) stream = tw_scenario_stream(common, error);
  int lock = stream != NULL ? tw_run_lock_directory(options->directory, error) : -1;
  if (lock < 0)
    return NULL;
  world_run run = {.world = world,
                   .options = options,
                   .common = common,
                   .until_s = isnan(common->until_s) ? INFINITY : common->until_s,
                   .stream = stream};
  json_t *summary = run_locked(&run, error);
  close(lock);
  return summary;
}
