/* The waiting line of a rank: who is admitted next.
 *
 * Orders are rows of a table. `fair` is VTC, the virtual token counter (Sheng et al.: Fairness in Serving
 * Large Language Models, OSDI '24, algorithm 2): each client has a counter of what it was served, prompt
 * tokens as they are admitted and output tokens, which weigh twice, as they are emitted; the first request of
 * the client with the lowest counter is next. A client that comes back after a while starts no lower than
 * those that wait, so that nobody saves up.
 *
 * While sequences decode, the counters of their clients rise by the same amount in every iteration: a counter
 * is a line over the decode count, and tw_waiting_steady tells for how long the first stays the first. */
#ifndef TW_SIM_WAITING_H
#define TW_SIM_WAITING_H

#include "sim/engine/sequence.h"

typedef enum {
  TW_ORDER_ARRIVAL,
  TW_ORDER_PRIORITY,
  TW_ORDER_FAIR,
  TW_ORDER_PREFIX, /* SGLang's lpm: its scheduler sorts the line itself. */
  TW_ORDER_OUTPUT  /* SGLang's lof: the longest output first. */
} tw_waiting_order;
extern const char *const tw_waiting_order_names[];

typedef struct tw_waiting {
  int order; /* tw_waiting_order */
  guint n;
  tw_heap line;     /* By (priority, ticket). The order `fair` does not use it. */
  gboolean appends; /* A sequence that comes back stands behind all others, not by its ticket. */
  guint64 entered;  /* Number of sequences that took places of their own: came, came back or were passed. */
  guint passed;     /* Number of sequences in line that others have passed. */
  GHashTable *clients; /* By name, for the order `fair`; NULL otherwise. */
  GPtrArray *active;   /* Clients with sequences in line. */
  tw_client *last;     /* The client that left the line last. */
  guint sweep_at;      /* At so many clients, those that wait for nothing are forgotten. */
} tw_waiting;

void tw_waiting_init(tw_waiting *waiting, int order);
void tw_waiting_clear(tw_waiting *waiting); /* Does not free the sequences in it. */

/* Puts a sequence into the line at decode count `count`: one that is new, or that lost its place. */
void tw_waiting_push(tw_waiting *waiting, tw_sequence *sequence, gint64 count);
/* Puts a sequence that others have passed back into the line. As in vLLM since 0.18, whose scheduler keeps them in a
 * queue of their own (skipped_waiting), those come first, in the order in which they were first passed, and then those
 * that lost their places, the last of them first: in the order of arrival; other orders stay as they are. */
void tw_waiting_pass(tw_waiting *waiting, tw_sequence *sequence, gint64 count);
void tw_waiting_push_front(tw_waiting *waiting, tw_sequence *sequence, gint64 count);
/* The sequence that is to be admitted next, NULL if nobody waits. */
tw_sequence *tw_waiting_first(const tw_waiting *waiting, gint64 count);
/* Takes a sequence out of the line. */
void tw_waiting_take(tw_waiting *waiting, tw_sequence *sequence);
/* All waiting sequences in their order, as a new array, and the way to give them another order. Not for `fair`. */
GPtrArray *tw_waiting_list(const tw_waiting *waiting);
void tw_waiting_reorder(tw_waiting *waiting, const GPtrArray *sequences);
/* For how many iterations the first sequence stays the first, if all goes on; >= 1. */
gint64 tw_waiting_steady(const tw_waiting *waiting, gint64 count);

/* Counts what the client of a sequence is served: prompt and output tokens at once; or an output token for each
 * iteration from `count` on, by one sequence more (+1) or less (-1). Orders other than `fair` count nothing. */
void tw_waiting_serve(tw_waiting *waiting, tw_sequence *sequence, gint64 prompt, gint64 output);
void tw_waiting_decode(tw_waiting *waiting, tw_sequence *sequence, int change, gint64 count);
/* Forgets the client of a sequence that leaves the rank. */
void tw_waiting_forget(tw_waiting *waiting, tw_sequence *sequence);

#endif
