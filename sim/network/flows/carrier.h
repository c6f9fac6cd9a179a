/* Flows that SimGrid carries, without an actor each. One actor starts them, sleeps until some have ended, and takes
 * these one by one.
 *
 * SimGrid's C interface can neither send between two hosts without waiting nor call a flow off, its C++ interface
 * can: carrier.cpp is the only source in that language. SimGrid has one route between two hosts; here a flow goes over the
 * links that it is given, as between two hosts in a zone whose routes are made for one flow after the other. */
#ifndef TW_SIM_CARRIER_H
#define TW_SIM_CARRIER_H

#include <glib.h>
#include <simgrid/forward.h>

G_BEGIN_DECLS

typedef struct tw_carrier tw_carrier;
typedef struct tw_carried tw_carried;

/* SimGrid must have been started: one carrier in a process. */
tw_carrier *tw_carrier_new(void);
void tw_carrier_free(tw_carrier *carrier); /* after SimGrid's last event */

/* Puts whole bytes on the way over some of `all` links, for `user`. Inside an actor, as is all below. */
tw_carried *tw_carrier_start(tw_carrier *carrier, const sg_link_t *all, const int *links, int n_links,
                             double bytes, void *user);
/* The bytes that one has still to send. */
double tw_carrier_left(const tw_carried *carried);
/* Takes off its links one that was not taken yet. */
void tw_carrier_cancel(tw_carrier *carrier, tw_carried *carried);
/* How many are on their way or have not been taken. */
int tw_carrier_count(const tw_carrier *carrier);
/* Sleeps for so long, INFINITY: without end. TRUE at once where some have ended and were not taken, and as soon as any
 * ends. */
gboolean tw_carrier_wait(tw_carrier *carrier, double wait_s);
/* The `user` of the next that has ended, NULL: there is none. */
void *tw_carrier_take(tw_carrier *carrier);

G_END_DECLS

#endif
