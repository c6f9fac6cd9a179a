/* Wiring: what the routes of a platform join, and which hosts are cut off where links do not carry anything.
 *
 *     node-0 ──(node-0-nic)── leaf-0 ──(leaf-0-up)── spine ──(leaf-1-up)── leaf-1 ──(node-9-nic)── node-9
 *     point       way         point       way        point       way       point       way        point
 *
 * A way is a route as the file declares it. It is open while all of its links carry something; hosts reach each other
 * over open ways. Inside a <cluster>, whose links are SimGrid's own, all do. NVLink joins accelerators, and brings no
 * requests. */
#ifndef TW_PLATFORMS_PLATFORM_WIRING_H
#define TW_PLATFORMS_PLATFORM_WIRING_H

#include <glib.h>

typedef struct tw_platform tw_platform;

/* Points are the hosts by their index, behind them the switches, and behind these one for the inside of each zone. */
typedef struct tw_way {
  int from, to;
  guint first_hop, n_hops;
} tw_way;

typedef struct tw_wiring {
  GPtrArray *switches; /* char *: the <router>s, in the order of the file */
  GArray *ways;        /* Array of tw_way. */
  /* Array of int: links by their index, those of one way after the other, from its start on. */
  GArray *hops;
  GArray *directions;   /* Array of int, by hop: 1 it goes UP, -1 DOWN, 0 the link has one direction. */
  GArray *host_of_link; /* Array of int: by link, the host from which it leads away; -1: it joins switches. */
  int entry; /* the point at which requests come in: the switch with the most ways to other switches */
} tw_wiring;

void tw_wiring_free(tw_wiring *wiring);

/* The links that end at a switch: an array of int, each once. The caller frees it. */
GArray *tw_wiring_links_of_switch(const tw_platform *platform, int number);

/* Finds the hosts that requests do not reach, though they would if all links carried something. `stopped`: by link; `cut`:
 * by host, is filled. */
void tw_wiring_find_cut(const tw_platform *platform, const gboolean *stopped, gboolean *cut);

#endif
