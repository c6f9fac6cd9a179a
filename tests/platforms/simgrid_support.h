/* The answers of SimGrid itself on a platform, asked in a child process because it aborts on what it
 * dislikes. */
#ifndef TW_TESTS_PLATFORMS_SIMGRID_SUPPORT_H
#define TW_TESTS_PLATFORMS_SIMGRID_SUPPORT_H

#include <glib.h>

/* One flow, started at time 0 with all others. */
typedef struct simgrid_flow {
  const char *src, *dst;
  double bytes;
  double seconds;   /* out: when it ended */
  double latency_s; /* out: of its route */
  char route[512];  /* out: the names of its links, with blanks between */
} simgrid_flow;

/* The numbers of things that SimGrid counted. */
typedef struct simgrid_counts {
  long hosts, links;
} simgrid_counts;

/* Whether SimGrid loads the file, starts, and finds a route between any two of its hosts (if there are at
 * most `max_hosts`). `counts` may be NULL. */
gboolean simgrid_accepts(const char *path, long max_hosts, simgrid_counts *counts);

/* Runs the flows, with the settings of our simulator: CM02, full duplex, latencies apart. Returns FALSE where
 * SimGrid aborts. */
gboolean simgrid_run_flows(const char *path, simgrid_flow *flows, int n);

#endif
