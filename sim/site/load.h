/* The time in which the load was on: from the end of warm-up and ramp to the last arrival.
 *
 * Rates over a whole run count the drain of its longest answers; over this time they do not. What had
 * happened by its start and by its end is marked as the run goes, exactly. */
#ifndef TW_SIM_LOAD_H
#define TW_SIM_LOAD_H

#include "sim/site/part.h"

/* What had happened by an instant, since the start of the run. */
typedef struct tw_load_mark {
  double time_s;
  double arrived;                      /* requests */
  double prompt_tokens, output_tokens; /* computed and emitted by engines */
  double busy_s;                       /* of accelerators, each counted */
  /* Up to the end of the last whole second before it: when that was, joules of the site, and dollars for
   * them. */
  double whole_s, site_j, usd;
} tw_load_mark;

typedef struct tw_load_time {
  tw_load_mark from, to;
} tw_load_time;

/* Of a run that ended at `end_s`: which is the end of the load where requests would have arrived still. */
tw_load_time tw_load_time_read(const tw_site *site, double end_s);

#endif
