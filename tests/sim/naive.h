/* A naive engine: lists of sequences, every token of every iteration one by one, blocks counted per sequence.
 *
 * It follows vLLM's V1 scheduler step by step (vllm/v1/core/sched/scheduler.py, Scheduler.schedule): there a
 * sequence has tokens, of which some are computed, and prefill, decode and recomputation are one and the
 * same. The simulator's engine must do what this one does. */
#ifndef TW_TESTS_SIM_NAIVE_H
#define TW_TESTS_SIM_NAIVE_H

#include "sim/engine/engine.h"
#include "tests/sim/support.h"

typedef enum { NAIVE_VLLM, NAIVE_PREFILL_FIRST, NAIVE_STATIC } naive_kind;

typedef struct naive_config {
  naive_kind kind;
  gboolean priorities;
  int ranks;
  gint64 max_seqs, max_batched_tokens, block_tokens, kv_blocks;
  gint64 window;
  test_costs costs;
} naive_config;

typedef struct naive_request {
  double arrival_s;
  gint32 prompt, reasoning, answer, priority;
} naive_request;

typedef struct naive_outcome {
  int rank;
  double first_scheduled_s, first_token_s, first_answer_s, completion_s;
  gint64 preemptions, computed; /* prompt tokens, recomputed ones included */
} naive_outcome;

/* One iteration of one rank. */
typedef struct naive_iteration {
  double start_s, end_s;
  gint64 decode_seqs, decode_context, decode_windowed, prefill_seqs, prefill_tokens, prefill_context, sampled;
} naive_iteration;

/* Serves the requests, which arrive in their order, and returns what became of each. Appends every iteration
 * of every rank to `iterations`, of naive_iteration. The caller frees the outcomes. */
naive_outcome *naive_run(const naive_config *config, const naive_request *requests, int n,
                         GArray *iterations);

#endif
