/* The time in which the load was on: from the end of warm-up and ramp to the last arrival.
 *
 * Rates over a whole run count the drain of its longest answers; over this time they do not. What had
 * happened by its start and by its end is marked as the run goes, exactly. */
#ifndef TW_SIM_LOAD_H
#define TW_SIM_LOAD_H

#include "sim/site/part.h"

/* The totals from the start of the run to an instant. */
typedef struct tw_load_mark {
  double time_s;
  double arrived;                      /* requests */
  double prompt_tokens, output_tokens; /* computed and emitted by engines */
  double busy_s;                       /* seconds in which accelerators were busy, each counted */
  /* Up to the end of the last whole second before it: when that was, joules of the site, and dollars for
   * them. */
  double whole_s, site_j, usd;
} tw_load_mark;

typedef struct tw_load_time {
  tw_load_mark from, to;
} tw_load_time;

/* Reads the marks at both ends of the load, in a run that ended at `end_s`; this is also the end of the load
 * where requests would have arrived still. */
tw_load_time tw_load_time_read(const tw_site *site, double end_s);

#endif
