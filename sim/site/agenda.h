/* The agenda: the engines of a site by when they are due, and what they tell the other parts. */
#ifndef TW_SIM_AGENDA_H
#define TW_SIM_AGENDA_H

#include "sim/site/part.h"

typedef struct tw_agenda tw_agenda;

/* The next event of an engine may have changed: the agenda looks at it once the event under way is over. */
void tw_agenda_touch(tw_agenda *agenda, int engine);
/* The next event of every engine may have changed. */
void tw_agenda_touch_all(tw_agenda *agenda);
/* The flows of the window that an engine waits for have all ended. Call it between events. */
void tw_agenda_resume(tw_agenda *agenda, int engine, double now_s, double from_s, double computed_s);

#endif
