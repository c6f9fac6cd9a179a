/* The longest gap between two tokens of each sequence that decodes in a rank, without touching any of them from
 * iteration to iteration.
 *
 *     iteration   q      q+1     q+2          all that decode have the same gap, but those that have joined since:
 *     gap        9 ms   30 ms   10 ms         theirs begins with their own last token
 *
 * Of the iterations after a count the longest is the first entry behind it in a list whose gaps fall: an entry
 * that is no longer than a later one is never the longest again. */
#ifndef TW_SIM_GAPS_H
#define TW_SIM_GAPS_H

#include "sim/engine/segment.h"
#include "sim/engine/sequence.h"

typedef struct tw_gaps {
  GArray *longest;  /* entries with rising counts and falling gaps; NULL: gaps are not asked for */
  GPtrArray *fresh; /* sequences that have joined since the last iteration */
  double last_s;    /* when that ended */
} tw_gaps;

void tw_gaps_init(tw_gaps *gaps);
void tw_gaps_clear(tw_gaps *gaps);

/* A sequence begins to decode; its last_token_s is set. */
void tw_gaps_join(tw_gaps *gaps, tw_sequence *sequence);
/* `iterations` more iterations of a segment give a token to each that decodes, behind decode count `count`. */
void tw_gaps_advance(tw_gaps *gaps, gint64 count, const tw_segment *segment, gint64 iterations);
/* One that joined at count `joined` leaves, at count `count`. */
void tw_gaps_leave(tw_gaps *gaps, tw_sequence *sequence, gint64 joined, gint64 count);

/* A sequence gets a token apart from those that decode, or a first one. */
void tw_gaps_emit(tw_sequence *sequence, double now_s);

#endif
