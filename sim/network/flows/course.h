/* Courses: how flows go that set out together and meet no others, where their rates change as some of them end.
 *
 *     stage 0: all flows ──the first have ended──► stage 1: the rest, which have their links to themselves ──► ...
 *
 * Within a stage links are shared max-min fairly, by progressive filling (Bertsekas and Gallager, Data Networks, 2nd
 * edition, section 6.5.2): the link that has least for each of its flows gives them that, the others share what those
 * leave. Flows that are a convoy (convoys.h) have one stage. */
#ifndef TW_SIM_COURSE_H
#define TW_SIM_COURSE_H

#include "sim/network/flows/convoys.h"

/* Seconds after which each of n flows has sent its bytes. FALSE where there are more stages than it is worth to follow. */
gboolean tw_course_find(const tw_convoy_links *links, const tw_convoy_flow *flows, int n, double *ends_s);
/* The bytes that each has left after so many seconds of that course. */
void tw_course_left(const tw_convoy_links *links, const tw_convoy_flow *flows, int n, double after_s,
                    double *left);

#endif
