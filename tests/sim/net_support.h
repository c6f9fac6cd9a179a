/* Platforms for tests of the network, and flows on them. SimGrid runs once in a process, so each run has a
 * child of its own. */
#ifndef TW_TESTS_SIM_NET_SUPPORT_H
#define TW_TESTS_SIM_NET_SUPPORT_H

#include <glib.h>

/* Domains of GPUs: NVLink inside at 900 GB/s and 1 us, a NIC of 50 GB/s and 2 us each, one up-link a domain
 * of `up_gb_per_s` and 1 us, and a spine of 1 us that never limits. Hosts are "a0", "a1", ..., "b0", ... */
typedef struct test_site {
  int domains, gpus;
  double up_gb_per_s;
  const char *device; /* device of the GPUs; NULL: hosts have none */
} test_site;

/* Writes the platform into a file of its own, which the caller removes and whose name it frees. */
char *test_site_write(const test_site *site);

typedef struct test_flow {
  int from, to; /* hosts in the order of the platform */
  double bytes, start_s;
  double cancel_s; /* when it is called off: its end is NAN then; 0: never */
  int volley;      /* flows of the same number go as one volley, as the first of them does; 0: by itself */
} test_flow;

/* Runs flows on a platform; sets the end of each. Fails the test where SimGrid does not come through. */
void test_flows(const char *platform, const test_flow *flows, int n, double *ends_s);
/* From at_s on, a link carries a part of its bandwidth. */
typedef struct test_change {
  double at_s;
  const char *link;
  double speed;
} test_change;

/* The same while links change, in the order of time. */
void test_flows_over_changing_links(const char *platform, const test_flow *flows, int n,
                                    const test_change *changes, int n_changes, double *ends_s);
/* The same by SimGrid alone, each flow sent by an actor of its own: what it says is right. */
void test_flows_of_simgrid(const char *platform, const test_flow *flows, int n, double *ends_s);

/* Standard output of `tokenworks ARGUMENTS...`, which must end with `code`; NULL-terminated. The caller frees
 * it. `errors`: standard error, or NULL. */
char *test_program(const char *const *arguments, int code, char **errors);

#endif
