/* Distances of reuse: how much else was used since a block of a prompt was used last, and how long ago that was. A cache
 * that evicts what was used least recently finds a block if it holds as many tokens as lie between, so that the
 * distribution of distances is the share of hits by the size of the cache (Mattson et al., IBM Systems Journal 9, 1970).
 *
 *     used:    a b c a d b        b again: c, a and d lie between, a distance of four blocks with b itself
 *
 * Each block holds a place in a line of places; a sum over those behind it is a distance (a tree of partial sums,
 * P. Fenwick, Software: Practice and Experience 24, 1994). Places that are given up are taken out when they outnumber the
 * blocks: memory grows with the number of different blocks alone. */
#ifndef TW_WORKLOADS_REUSE_H
#define TW_WORKLOADS_REUSE_H

#include <glib.h>

typedef struct tw_reuse tw_reuse;

/* Shares of the reused tokens that come back within so many tokens, its own counted, and so many seconds: the upper ends
 * of intervals 1/16 wide. All 0 if none is. */
typedef struct tw_reuse_facts {
  double p50_tokens, p90_tokens, p99_tokens;
  double p50_s, p90_s, p99_s;
} tw_reuse_facts;

tw_reuse *tw_reuse_new(void);
void tw_reuse_free(tw_reuse *reuse);
/* Uses a block of so many tokens. Blocks of a prompt come last one first, as a cache gives up the end of a prompt before
 * its beginning. `hit`: it counts in the facts. Times do not go back. */
void tw_reuse_add(tw_reuse *reuse, guint64 block, gint64 tokens, double now_s, gboolean hit);
void tw_reuse_read(const tw_reuse *reuse, tw_reuse_facts *facts);

#endif
