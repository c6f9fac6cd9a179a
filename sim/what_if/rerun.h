/* The scenario of a run that is there, to be run again. */
#ifndef TW_SIM_RERUN_H
#define TW_SIM_RERUN_H

#include "sim/scenario/scenario.h"

#include <jansson.h>

typedef struct tw_rerun {
  json_t *run;           /* run.json */
  char *path;            /* Path of a scenario file that equals the scenario of the run. */
  tw_scenario *scenario; /* read from it */
} tw_rerun;

/* Opens the run in `directory`. A scenario that was changed for the run, or whose file has changed since, is written
 * to `output`/scenario.xml with whole paths. FALSE with `error` set if its inputs are gone. */
gboolean tw_rerun_open(const char *directory, const char *output, tw_rerun *rerun, GError **error);
void tw_rerun_clear(tw_rerun *rerun);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(tw_rerun, tw_rerun_clear)

#endif
