/* Knobs: one change of a scenario each, which might help. */
#ifndef TW_SIM_KNOB_H
#define TW_SIM_KNOB_H

#include "sim/scenario/scenario.h"

typedef struct tw_knob {
  char *name;         /* "a replica more of pool serve" */
  char **assignments; /* "XPATH=VALUE", NULL-terminated */
} tw_knob;

/* The knobs that a scenario has; changed platforms are written into `output`. An array of tw_knob. NULL with `error`
 * set where one cannot be written. */
GArray *tw_knobs_of(const tw_scenario *scenario, const char *output, GError **error);

#endif
