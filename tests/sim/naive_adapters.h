/* Adapters of one rank of the naive engine: flags and the count at which each was used last. */
#ifndef TW_TESTS_SIM_NAIVE_ADAPTERS_H
#define TW_TESTS_SIM_NAIVE_ADAPTERS_H

#include "tests/sim/naive.h"

typedef struct naive_adapter {
  gboolean loaded, held, runs;
  gint64 used; /* by the count of all uses */
} naive_adapter;

typedef struct naive_adapters {
  const tw_adapters_config *config;
  naive_adapter of[NAIVE_ADAPTERS];
  gint64 uses;
} naive_adapters;

/* The running classes, one after the other; at first none. */
void naive_adapters_run_none(naive_adapters *adapters);
void naive_adapters_run(naive_adapters *adapters, const char *class);
/* Whether a sequence has to wait until another adapter is used no more. */
gboolean naive_adapters_must_wait(const naive_adapters *adapters, const char *class);
/* Loads the adapter of a sequence that is admitted. Returns how long that takes. */
double naive_adapters_load(naive_adapters *adapters, const char *class);

/* Those who wait for an adapter are in a queue of their own: the queue whose first comes next, by an order (NULL: that of
 * arrival, where those come first). */
GQueue *naive_next_queue(GQueue *skipped, GQueue *waiting, GCompareDataFunc order, gpointer user);
/* Those that a plan has passed go before those that others have. */
void naive_put_back(GQueue *skipped, GQueue *passed, GCompareDataFunc order, gpointer user);

#endif
