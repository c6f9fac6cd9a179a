/* The search for the best level that still holds: the smallest site that serves a load, or the largest load
 * that a site serves. Each level that is tried costs a run, so that steps double until one holds and one does
 * not, and then halve the gap between the two.
 *
 *     small is wanted   1 . . . [breaks at 6] . [holds at 9] . . . 64      next: 7 or 8
 *
 * It is right where holding is monotone: what serves a load at some size serves it at every larger one. */
#ifndef TW_SIM_BRACKET_H
#define TW_SIM_BRACKET_H

#include <glib.h>

typedef struct tw_bracket {
  gboolean wants_small; /* the smallest level is wanted; else the largest */
  gboolean whole;       /* levels are whole numbers */
  double least, most;   /* bounds of the levels, both of which may be tried */
  double tolerance;     /* ends where the two sides are nearer than this ratio, such as 1.05; whole: where
                           adjacent */
  double start;         /* the level to try first */
  double holds, breaks; /* the best level known to hold, the nearest to it known not to; NAN: none yet */
} tw_bracket;

/* Level to try next; NAN when nothing is left to learn: `holds` is the answer, NAN where no level holds. */
double tw_bracket_next(const tw_bracket *bracket);
/* Whether a level that was tried holds. */
void tw_bracket_tell(tw_bracket *bracket, double level, gboolean holds);

#endif
