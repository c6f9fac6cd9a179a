/* Policies of the global router, which picks the site of a request: rows of a table.
 *
 *     request of a user ──► sites that it may go to ──► the site of the lowest cost, by the policy's row
 *
 * Of sites of equal cost the nearest is picked, then the least loaded, then the one that comes first. */
#ifndef TW_SIM_SITE_POLICY_H
#define TW_SIM_SITE_POLICY_H

#include <glib.h>

/* The global router's view of a site when a request is sent. */
typedef struct tw_site_view {
  gboolean home;      /* The site is the home of the users who ask. */
  double latency_s;   /* One way from the users to the site. */
  double load;        /* Requests that were sent to it and have not ended, over its engines that serve. */
  double usd_per_kwh; /* Price of electricity there and then; INFINITY where the site has none. */
  double g_per_kwh;   /* Carbon intensity of electricity there and then; INFINITY where the site has none. */
  double hours_after_noon; /* Hours between its local time and noon, 0 to 12. */
} tw_site_view;

typedef struct tw_site_policy {
  const char *help;
  double (*cost)(const tw_site_view *site);
} tw_site_policy;

extern const tw_site_policy tw_site_policies[];
extern const char *const tw_site_policy_names[]; /* NULL-terminated, in the order of the rows */
const char *const *tw_site_policy_helps(void);   /* Help of the rows, NULL-terminated. */

/* The first of the `n` sites that the policy prefers, of those that are `allowed`; -1 where none is. */
int tw_site_policy_pick(const tw_site_policy *policy, const tw_site_view *sites, const gboolean *allowed,
                        int n);

#endif
