/* An inbox: the stream of a site's requests, which the exchange puts in as they are sent.
 *
 * Requests keep the number that the scenario's stream gave them. */
#ifndef TW_SIM_INBOX_H
#define TW_SIM_INBOX_H

#include "workloads/stream/stream.h"

/* `progress` says, for `user`, what tw_stream_progress does; below 1 more requests may come. */
tw_stream *tw_inbox_new(double (*progress)(void *user), void *user);
/* Puts in a request, which the inbox takes over; its arrival is not before any that was taken out. */
void tw_inbox_put(tw_stream *inbox, const tw_request *request);

#endif
