/* A naive engine: lists of sequences, every token of every iteration one by one, every block by itself.
 *
 * It follows vLLM's V1 scheduler of May 2026 step by step (vllm/v1/core/sched/scheduler.py and
 * async_scheduler.py, and the loop of vllm/v1/engine/core.py): there a sequence has tokens, of which some are
 * computed, and prefill, decode and recomputation are one and the same. The simulator's engine must do what
 * this one does. */
#ifndef TW_TESTS_SIM_NAIVE_H
#define TW_TESTS_SIM_NAIVE_H

#include "sim/engine/engine.h"
#include "tests/sim/support.h"

typedef enum {
  NAIVE_VLLM,
  NAIVE_PREFILL_FIRST,
  NAIVE_STATIC,
  NAIVE_SGLANG,
  NAIVE_TENSORRT_LLM,
  NAIVE_SARATHI
} naive_kind;

enum { NAIVE_ADAPTERS = 5 };

/* The hash ids of a request: see tw_request. */
typedef struct naive_ids {
  gint32 n_hashes, hash_tokens, context;
  guint64 *hashes;
} naive_ids;

typedef struct naive_config {
  naive_kind kind;
  gboolean priorities;
  gboolean asynchronous;
  gboolean prefix_cache;
  double watermark; /* for kinds whose software has none by itself */
  gboolean reserve_prompt;
  gboolean reserve_output; /* instead */
  /* Of kind sglang: decodes beside prompts, the factor of its guess, and a tw_waiting_order. */
  gboolean mixed_chunk;
  double conservativeness;
  int order;
  int ranks;
  gint64 finish_sync, prefill_interval; /* 0: ranks stop at once, and prompts are computed at any time */
  gint64 max_seqs, max_batched_tokens, block_tokens, kv_blocks;
  gint64 long_prefill_tokens; /* 0: any */
  gint64 window;
  gint64 sequence_blocks;      /* blocks that each sequence takes beside those of its tokens */
  tw_adapters_config adapters; /* slots = 0: none */
  gint64 checkpoint_blocks;    /* prefixes are found up to multiples of these; 0: any */
  test_costs costs;
  const naive_ids *ids; /* block ids of each request; NULL: none */
  const char *const *
      classes; /* adapter of each request, NULL or one of NAIVE_ADAPTERS letters, "a" and so on; NULL: none */
} naive_config;

typedef struct naive_request {
  double arrival_s;
  gint32 prompt, reasoning, answer, priority;
} naive_request;

typedef struct naive_outcome {
  int rank;
  double first_scheduled_s, first_token_s, first_answer_s, completion_s;
  gint64 preemptions, computed; /* prompt tokens, recomputed ones included */
  gint64 cached;                /* when it was first admitted */
  double longest_gap_s;         /* between two tokens; 0: it has but one */
  double last_token_s;
} naive_outcome;

/* One more token, the `emitted`-th. */
static inline void naive_emit(naive_outcome *outcome, gint64 emitted, double now_s)
{
  if (emitted > 1)
    outcome->longest_gap_s = fmax(outcome->longest_gap_s, now_s - outcome->last_token_s);
  outcome->last_token_s = now_s;
}

/* One iteration of one rank. */
typedef struct naive_iteration {
  double start_s, end_s;
  gint64 decode_seqs, decode_context, decode_windowed, prefill_seqs, prefill_tokens, prefill_context, sampled;
} naive_iteration;

/* A request as the engine gets it. The hashes stay the config's. */
tw_request naive_request_of(const naive_config *config, const naive_request *request, guint64 id);

/* Serves the requests, which arrive in their order, and returns what became of each. Appends every iteration
 * of every rank to `iterations`, of naive_iteration. The caller frees the outcomes. */
naive_outcome *naive_run(const naive_config *config, const naive_request *requests, int n,
                         GArray *iterations);

/* ... with the rules of SGLang (naive_sglang.c): one rank. naive_run calls it. */
naive_outcome *naive_run_sglang(const naive_config *config, const naive_request *requests, int n,
                                GArray *iterations);

#endif
