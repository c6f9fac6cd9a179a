/* Small factories for tests: one pool on one host, with a step time that a test can compute by hand. */
#ifndef TW_TESTS_SIM_SUPPORT_H
#define TW_TESTS_SIM_SUPPORT_H

#include "sim/site/factory.h"

/* An iteration of n decoding sequences that attend to C tokens, beside T prompt tokens, takes
 * fixed + per_seq · n + per_context · C + per_prompt · T seconds; C counts at most `window` tokens of each
 * sequence if that is not 0. With data-parallel ranks, the slowest counts.
 *
 * Its work: a FLOP for each token, a byte for each token of context, and one byte of weights a rank. */
typedef struct test_costs {
  double fixed_s, per_seq_s, per_context_s, per_prompt_s;
  gboolean windowed;
} test_costs;

/* `costs` is borrowed. */
tw_step_model *test_step_model(const test_costs *costs);

/* A scenario of `engines` engines, with the defaults of the XML; change what the test is about before use.
 * The model of the pool is empty but for its window. Free it with test_scenario_free. */
tw_scenario *test_scenario(int engines, const test_costs *costs, gint64 kv_blocks);
void test_scenario_free(tw_scenario *scenario);

/* Gives the site of a scenario power data: each engine is one accelerator that idles at 100 W and draws at
 * most 700 W, a joule for a FLOP and a joule for a byte; hosts draw 50 W, the network 30 W, the PUE is 1.25.
 */
void test_scenario_power(tw_scenario *scenario);
/* Chooses a router by the name of its row. */
void test_route_by(tw_scenario *scenario, const char *policy);
/* Makes the first engines a prefill pool and the others a decode pool of the same kind, each engine on a host
 * of its own. A token's KV takes a megabyte, and every pair of hosts has test_route to itself. */
void test_disaggregate(tw_scenario *scenario, int prefill_engines);
/* Adds a host that stores `bytes` of KV, and has all pools that offload use it; after test_disaggregate. */
void test_store(tw_scenario *scenario, double bytes);
extern const tw_route test_route; /* 10 us, 1 GB/s: a millisecond a token */

/* Runs a scenario to its end without SimGrid, as a plain loop over its events, logging into `directory`
 * (NULL: no logs), and returns its recorder. `trace_text` is a trace in the native format. */
tw_recorder *test_run(const tw_scenario *scenario, const char *trace_text, const char *directory);
/* Runs a trace that is cut short at `until_s`; or any stream, to its end where that is INFINITY. */
tw_recorder *test_run_until(const tw_scenario *scenario, const char *trace_text, const char *directory,
                            double until_s);
tw_recorder *test_run_stream(const tw_scenario *scenario, tw_stream *stream, const char *directory,
                             double until_s);
/* The requests of a trace in the project's own format. */
tw_stream *test_stream(const char *trace_text);

/* Runs a stream, and lets `after` see the factory when it is finished. */
tw_recorder *test_run_watched(const tw_scenario *scenario, const char *trace_text, const char *directory,
                              double until_s, void (*after)(void *user, const tw_factory *factory),
                              void *user);

/* The text of a table that test_run wrote; and one of its columns as doubles, NAN where a cell is empty. The
 * caller frees them. */
char *test_table(const char *directory, const char *table);
GArray *test_column(const char *directory, const char *table, const char *column);

/* A fresh directory below the system's temporary one; test_remove deletes it with all files in it. */
char *test_directory(void);
void test_remove(const char *directory);

#endif
