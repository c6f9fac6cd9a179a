/* The medium of a storage host, as transfers use it: each direction serves them one after the other (tw_medium has the
 * law). */
#ifndef TW_SIM_MEDIUM_H
#define TW_SIM_MEDIUM_H

#include "platforms/reader/platform.h"

typedef enum { TW_MEDIUM_READ, TW_MEDIUM_WRITE } tw_medium_direction;

typedef struct tw_medium_use {
  const tw_medium *medium; /* borrowed */
  double free_s[2];        /* by direction, when all that was asked for so far is done */
} tw_medium_use;

/* Seconds of a transfer that has the medium to itself. */
double tw_medium_alone_s(const tw_medium *medium, tw_medium_direction direction, double bytes);
/* A transfer is asked for at now_s, after all others. Returns when it is done. */
double tw_medium_serve(tw_medium_use *use, tw_medium_direction direction, double bytes, double now_s);

#endif
