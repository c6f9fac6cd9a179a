/* Smoothing: accelerators whose power does not jump, as devices may be told to.
 *
 *     watts      full ┌────────┐            computing begins: power rises by up_w_per_s, and what is computed meanwhile
 *                    /│        │\           is slower by as much as power lacks
 *     floor ────────/ │        │ \───────┐  it ends: power falls by down_w_per_s to the floor, which is held for hold_s
 *                     │        │          \ after that it falls to idle
 *                     work, stretched
 *
 * What is drawn beyond what computing needs is burnt. Work whose full power is f, at a power of p <= f, goes on at p/f of
 * its speed: a joule does the same work at any clock (slower clocks do a little more in truth). From p to f that costs
 * (f − p)² / (2 f up) seconds. All watts here are beyond idle. */
#ifndef TW_SIM_SMOOTHING_H
#define TW_SIM_SMOOTHING_H

#include <glib.h>

typedef struct tw_smoothing {
  double floor_w;                  /* least power while it holds; 0: none */
  double up_w_per_s, down_w_per_s; /* INFINITY: at once */
  double hold_s;                   /* how long the floor holds after the last computation */
} tw_smoothing;

/* A stretch of time in which power is a line. */
typedef struct tw_smooth_piece {
  double length_s, start_w, w_per_s;
  double used_w; /* the part that computing needs; NAN: all of it */
} tw_smooth_piece;

enum { TW_SMOOTH_PIECES = 8 };
/* The course of power from an instant on, until something else is computed. */
typedef struct tw_smooth_course {
  tw_smooth_piece pieces[TW_SMOOTH_PIECES]; /* the last goes on without end */
  int n;
  double work_s;    /* how long the work takes, 0 without work */
  double release_s; /* until when, from the start, the floor holds */
} tw_smooth_course;

/* The course from a power of `from_w` on, with work that takes work_s at full_w (0, 0: none); without work the floor
 * holds for another `held_s`. */
tw_smooth_course tw_smooth_course_of(const tw_smoothing *smoothing, double from_w, double full_w,
                                     double work_s, double held_s);

/* The energy drawn, and the part of it burnt, in the first after_s; and the power then. */
typedef struct tw_smooth_sums {
  double drawn_j, burnt_j, watts;
} tw_smooth_sums;
tw_smooth_sums tw_smooth_sums_at(const tw_smooth_course *course, double after_s);

#endif
