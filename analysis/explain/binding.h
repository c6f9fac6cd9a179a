/* The limits that bind the pools of a run: how its engines spent an interval, why requests waited, and what that says.
 *
 * A pool is saturated in an interval where, in the mean over its engines, at least one request waited for
 * something that a boundary of iterations does not bring: it is what most of them waited for. Where engines
 * wait most of their busy time for collectives of the fabric it is the network, and so where KV caches are sent and, in
 * the mean over the engines, at least one flow waits at the links of their hosts. That an engine is busy says nothing: it is so with one request. */
#ifndef TW_ANALYSIS_BINDING_H
#define TW_ANALYSIS_BINDING_H

#include "sim/base/time_class.h"

#include <glib.h>
#include <jansson.h>

#define TW_BINDINGS(X)                                                                                       \
  X(NOTHING, "unsaturated", "requests wait for iterations to end only")                                      \
  X(COMPUTE, "compute", "prompts and decodes fill the tokens of iterations")                                 \
  X(KV, "KV", "KV blocks are short")                                                                         \
  X(SEATS, "seats", "places in batches (max-seqs) are short")                                                \
  X(NETWORK, "network", "collectives or KV caches wait for links")                                           \
  X(POWER, "power", "a limit of power slows engines down or keeps requests out")                             \
  X(ADMISSION, "admission", "requests are held because no engine serves")                                    \
  X(UNSURE, "unsure", "requests wait, and the logs do not say what for")
typedef enum {
#define X(name, word, help) TW_BINDS_##name,
  TW_BINDINGS(X)
#undef X
      TW_BINDING_COUNT
} tw_binding;
extern const char *const tw_binding_words[], *const tw_binding_helps[];

typedef enum { TW_FOR_BUDGET, TW_FOR_SEATS, TW_FOR_KV, TW_FOR_POWER, TW_FOR_COUNT } tw_waits_for;
extern const char *const tw_waits_for_words[];

/* Sums over engines and time. */
typedef struct tw_engine_sums {
  char *id; /* Name of the pool. */
  double engine_s, busy_s, class_s[TW_TIME_CLASS_COUNT];
  double running_s, waiting_s, waiting_for_s[TW_FOR_COUNT], kv_s, slow_s; /* slow_s: clock below nominal */
  double
      flows_s; /* of flows that waited at links of its hosts; only of pools as a whole, as is what follows */
  double links_used; /* share of its bandwidth that the busiest of these links carried; 0: not known */
  double prompt_tokens, output_tokens, joules;
  double most_running, most_kv;     /* The most of an engine in an interval. */
  double binds_s[TW_BINDING_COUNT]; /* seconds of the run that the pool was so */
} tw_engine_sums;

/* The pools of a run in [from_s, to_s), or the one engine alone (-1: all), which ended at end_s. Free it with
 * g_array_unref. NULL with TW_INPUT_ERROR on damage. */
GArray *tw_binding_read(const char *directory, const json_t *run, double from_s, double to_s, int engine,
                        double end_s, GError **error);

/* Returns the bindings of a pool in [from_s, to_s) by intervals: [{"pool", "binds": word, "from_s", "to_s"}],
 * neighbours that agree joined, at most so many: the longest. */
json_t *tw_binding_spans(const char *directory, const json_t *run, double end_s, guint most, GError **error);

/* Seconds of the iterations that grow with the tokens in them: products, attention, experts, KV and, to be careful,
 * collectives. */
double tw_binding_growing_s(const tw_engine_sums *sums);

/* An estimate of the factor by which the load of a pool may grow, in closed form, for a limit of TPOT (NAN: none) of
 * which tpot_s is used, and `seats` places in a batch; who wants to know searches. Of the time, iterations take b,
 * and g goes with the tokens (tw_binding_growing_s). At k times the load that takes k · g, and the rest of the
 * iterations share what is left:
 *
 *     iteration  τ(k) / τ(1) = (b − g) / (b (1 − k g))      at most limit / tpot, and finite
 *     batch      k · τ(k) / τ(1)                            at most 1 / (share of KV in use), seats / running
 *     links      k                                          at most 1 / (share of bandwidth in use), where KV is sent */
double tw_binding_headroom(const tw_engine_sums *sums, double seats, double tpot_s, double limit_s);

#endif
