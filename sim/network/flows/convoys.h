/* Convoys: flows that set out together, share links with no others, and go at rates that stay as they are until all of
 * them arrive at once.
 *
 * Links are shared max-min fairly: nobody can get more but from somebody who has as little or less. Rates are that
 * exactly if every flow has a bottleneck: a link that is full, and on which no flow is faster (Bertsekas and Gallager,
 * Data Networks, 2nd edition, section 6.5.2). So where rates in proportion to the bytes,
 *
 *     T = max over links of (bytes on the link / its bandwidth),   rate of a flow = its bytes / T,
 *
 * give each flow a bottleneck, all of them end after T, and no rate changes before. This needs no simulation. A flow
 * alone is a convoy always; all-to-alls, rings and trees over equal domains are. */
#ifndef TW_SIM_CONVOYS_H
#define TW_SIM_CONVOYS_H

#include <glib.h>

typedef struct tw_convoys tw_convoys;

/* `rates`: bytes/s of each link; `shared`: FALSE where a link limits each flow by itself. Both are copied. */
tw_convoys *tw_convoys_new(int n_links, const double *rates, const gboolean *shared);
void tw_convoys_free(tw_convoys *convoys);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tw_convoys, tw_convoys_free)

/* For flows that start from here on. */
void tw_convoys_set_rate(tw_convoys *convoys, int link, double bytes_per_s);

/* The links as they are now. Lent. */
typedef struct tw_convoy_links {
  int n;
  const double *rates;
  const gboolean *shared;
} tw_convoy_links;
tw_convoy_links tw_convoys_links(const tw_convoys *convoys);

typedef struct tw_convoy_flow {
  double bytes;
  const int *links;
  int n_links;
  int set; /* out: the set of flows that it shares links with, directly or through others; sets count from 0 */
} tw_convoy_flow;

/* Parts flows that start together into sets that share no links. Returns how many sets there are. */
int tw_convoys_part(tw_convoys *convoys, tw_convoy_flow *flows, int n);
/* Seconds that a set of the latest flows takes, NAN where some of its rates change before the last flow has ended: it
 * is no convoy. */
double tw_convoys_seconds(const tw_convoys *convoys, int set);

#endif
