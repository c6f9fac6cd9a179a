/* The dispatcher: takes requests from the stream to engines, and counts them there until they end.
 *
 *     stream ─► front end ─► admission ─► router ─► [fetch] ─► engine ─► ended: recorded, and the stream is told
 *                                └ rejected  └ held while no engine serves, cancelled at their deadline */
#ifndef TW_SIM_DISPATCHER_H
#define TW_SIM_DISPATCHER_H

#include "sim/site/part.h"

typedef struct tw_dispatcher tw_dispatcher;

/* Looks for the first request. FALSE with `error` set where the stream has none to give. */
gboolean tw_dispatcher_start(tw_dispatcher *dispatcher, GError **error);

/* A sequence has emitted its last token on an engine. Takes it over. */
void tw_dispatcher_completed(tw_dispatcher *dispatcher, int engine, tw_sequence *sequence, double now_s);
/* An engine has computed the prompt of a sequence. */
void tw_dispatcher_prompted(tw_dispatcher *dispatcher, int engine, const tw_sequence *sequence, double now_s);
/* A sequence has left the engine that computed its prompt. */
void tw_dispatcher_left(tw_dispatcher *dispatcher, const tw_sequence *sequence, int engine);
/* A sequence has what it waited for in the memory of its engine's hosts. Takes it over. */
void tw_dispatcher_fetched(tw_dispatcher *dispatcher, tw_sequence *sequence, int engine, double now_s);

/* Requests may, or may not, be sent to an engine from now on. */
void tw_dispatcher_set_serves(tw_dispatcher *dispatcher, int engine, gboolean serves);
const tw_router *tw_dispatcher_router(const tw_dispatcher *dispatcher);
/* Whether no request is expected from the stream: see tw_stream_over. */
gboolean tw_dispatcher_is_idle(const tw_dispatcher *dispatcher);
/* Requests that wait for an engine that serves. */
guint tw_dispatcher_held(const tw_dispatcher *dispatcher);
/* Returns the number of the requests that are held, of those that failures have and send again, and of prompts that
 * wait for an engine which is down: the run goes on for them. */
guint tw_dispatcher_waits(const tw_dispatcher *dispatcher);

/* A sequence is with the failures from now on, or is not any more. */
void tw_dispatcher_away(tw_dispatcher *dispatcher, tw_sequence *sequence, gboolean away);
/* Takes a sequence off the router's counts of the engines that have or had it. */
void tw_dispatcher_lost(tw_dispatcher *dispatcher, tw_sequence *sequence, double now_s);
/* Sends a sequence that was lost to an engine again, or keeps it until one serves; takes it over. */
void tw_dispatcher_retry(tw_dispatcher *dispatcher, tw_sequence *sequence, double now_s);
/* A sequence has failed for good. Takes it over. */
void tw_dispatcher_failed(tw_dispatcher *dispatcher, tw_sequence *sequence, const char *reason, double now_s);
/* Gives a sequence whose decode engine does not serve another one, if there is any. */
void tw_dispatcher_reassign(tw_dispatcher *dispatcher, tw_sequence *sequence, double now_s);

/* Engines stand still: they hand back what they have, with the tokens that it has emitted, and lose their KV caches; that
 * and what arrives is held until the dispatcher resumes. Returns how many requests engines had. Only where neither KV
 * caches nor prefixes are on their way between engines. */
gint64 tw_dispatcher_interrupt(tw_dispatcher *dispatcher, double now_s);
void tw_dispatcher_resume(tw_dispatcher *dispatcher);
/* Cancels all requests that are held, that failures have, and those in the front end. */
void tw_dispatcher_drop(tw_dispatcher *dispatcher, const char *reason, double now_s);

/* The run ends: appends the requests that are in the front end, which have arrived. */
void tw_dispatcher_close(tw_dispatcher *dispatcher, GPtrArray *sequences, double end_s);

#endif
