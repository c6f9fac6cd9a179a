/* Serves random requests with the engine and with a naive one (naive.h), and compares what became of them. */
#ifndef TW_TESTS_SIM_SERVED_H
#define TW_TESTS_SIM_SERVED_H

#include "tests/sim/naive.h"
#include "workloads/draw/chance.h"

/* Times are multiples of 2^-20 s, so that sums are exact, and instants must agree to the bit: coincidences of
 * arrivals and boundaries, too. */
#define SERVED_TICK (1.0 / 1048576)

/* What became of each request, as the engine told it. */
typedef struct served {
  naive_outcome *outcomes;
  GArray *iterations; /* of naive_iteration */
  GArray *order;      /* ids in the order of ending */
  gint64 preempted;
  tw_usage usage;
} served;

void served_clear(served *served);
/* A listener's `ended`, whose user is a served. */
void served_on_ended(void *user, int engine, tw_sequence *sequence, double now_s);

tw_engine_config served_engine_config(const naive_config *config, const tw_step_model *model, gboolean exact);
/* Has an engine serve the requests, in macro-steps or step by step. */
served serve(const naive_config *config, const naive_request *requests, int n, gboolean exact);

/* A whole number from `low` to `high`. */
gint64 served_between(tw_chance *chance, gint64 low, gint64 high);
/* Costs of iterations, and at most `most` requests with their ids, whose hashes the caller frees. Returns how
 * many. */
test_costs served_random_costs(tw_chance *chance);
int served_random_requests(tw_chance *chance, naive_request *requests, naive_ids *ids, int most);

/* Fails where the engine, in macro-steps and step by step, does not do what the naive one does. Returns the
 * naive outcomes, which the caller frees, and counts iterations. */
naive_outcome *served_as_naive(const naive_config *config, const naive_request *requests, int n, int seed,
                               gint64 *iterations);

#endif
