/* One run: a scenario replayed into a run directory. */
#ifndef TW_SIM_RUN_H
#define TW_SIM_RUN_H

#include "sim/run/progress.h"
#include "sim/scenario/world.h"

#include <jansson.h>

typedef struct tw_run_options {
  const char *directory;
  gboolean force; /* overwrite a run that is there */
  /* Told of the progress as the simulation begins, every few hundred events and some times a second; FALSE
   * ends the run cleanly. May be NULL. */
  gboolean (*progress)(void *user, const tw_progress *progress);
  void *user;
} tw_run_options;

/* Runs the scenario and writes the run directory: tables, run.json, summary.json. Returns the summary, which
 * the caller owns, or NULL with `error` set: TW_INPUT_ERROR for a broken trace (the tables are complete up to
 * there) or a directory that already holds a run. Once in a process. */
json_t *tw_run(const tw_scenario *scenario, const tw_run_options *options, GError **error);

/* Runs a scenario with several sites: DIRECTORY/NAME is the run directory of each site, and DIRECTORY has requests
 * as their users see them, sites over time, run.json, and the summary of all. A plain world is run by tw_run. */
json_t *tw_run_world(const tw_world *world, const tw_run_options *options, GError **error);

/* The tables that a run of the scenario writes, as bits 1 << tw_log_table_id. */
guint tw_run_tables(const tw_scenario *scenario);

#endif
