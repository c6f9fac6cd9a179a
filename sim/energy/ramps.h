/* The largest changes of power, from the mean of one second to that of the next, and from one minute to the next. */
#ifndef TW_SIM_RAMPS_H
#define TW_SIM_RAMPS_H

#include <glib.h>

typedef struct tw_ramps {
  double w_per_s, w_per_min;           /* NAN in a time too short for any */
  double before_w, minute_w, minute_j; /* means of the second and minute before; joules of this minute */
} tw_ramps;

tw_ramps tw_ramps_none(void);
/* The mean over a whole second, by its number from 0 on. */
void tw_ramps_follow(tw_ramps *ramps, gint64 second, double watts);

#endif
