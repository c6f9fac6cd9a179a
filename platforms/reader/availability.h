/* Profiles: what SimGrid's state_file of a <host> or <link>, and its speed_file of a <host>, say of what is left of
 * it over time. Their files are lines of a time in seconds, since the beginning, and a value that counts from then on:
 * of a state anything above 0 is on and all else off, of a speed it is a part of the full one. "LOOPAFTER d" (or
 * "PERIODICITY d", the older word) begins the file anew d seconds after its last line, with the times of its lines
 * counted from there, as SimGrid does (kernel/resource/profile/ProfileBuilder.cpp of 3.32). */
#ifndef TW_PLATFORMS_AVAILABILITY_H
#define TW_PLATFORMS_AVAILABILITY_H

#include "platforms/input/schema.h"

typedef struct tw_availability_change {
  double at_s;
  double left; /* the share that is left from then on: 0 nothing, 1 all */
} tw_availability_change;

typedef struct tw_availability {
  gboolean of_link; /* the profile of a link, else of a host */
  int item;         /* its index in the platform */
  char *file;
  GArray *changes; /* tw_availability_change, at least one, by time */
  double loop_s;   /* from the last change to where the file begins anew, NAN: it does not */
} tw_availability;

/* A stretch of time in which the same part of something, but not all of it, is left. */
typedef struct tw_availability_dip {
  double start_s, end_s; /* INFINITY: it lasts for ever */
  double left;
} tw_availability_dip;

/* The place of a reader in a profile; begins as {0}. */
typedef struct tw_availability_place {
  guint next;     /* change */
  double begun_s; /* when the file was begun, for the last time */
} tw_availability_place;

/* Reads the file of the attribute `attribute` (state_file or speed_file) of a node, beside the file of the node, into
 * `profile`. FALSE with faults, with its lines, where it is no such file: a line that is neither a time with a value nor
 * a loop, times that fall, a speed below or at 0 or above 1, a loop that takes no time, or no line at all. */
gboolean tw_availability_read(tw_availability *profile, const xmlNode *node, const char *attribute,
                              const char *name, tw_faults *faults);
void tw_availability_clear(tw_availability *profile);

/* The next dip of a profile. FALSE: there is none any more. Dips of no length are left out. */
gboolean tw_availability_next(const tw_availability *profile, tw_availability_place *place,
                              tw_availability_dip *dip);

#endif
