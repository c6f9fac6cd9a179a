/* The rows of tw_scheduler_kinds: whose scheduler each is, and how it plans. */
#include "sim/engine/sglang.h"

/* One iteration of running sequences first, then of waiting ones: prompts in chunks beside decodes. */
static void plan_mixed(tw_scheduler *s, double now_s)
{
  tw_batching_begin(s);
  tw_batching_join_delivered(s);
  gint64 budget = tw_batching_run(s);
  if (s->preempted) {
    s->held_up = TW_WAIT_KV;
    return;
  }
  tw_batching_admit(s, budget, now_s);
  if (!s->defers)
    s->bound = s->waiting.n > s->waiting.passed;
}

/* Follows vLLM V1 (vllm/v1/core/sched/scheduler.py and kv_cache_manager.py in May 2026). Asynchronously
 * (async_scheduler.py, and step_with_batch_queue of vllm/v1/engine/core.py), two batches are in flight: as
 * one begins, the next one is planned. An empty one takes no time, so that where nothing runs two are
 * planned. */
static void plan_vllm(tw_scheduler *s, double now_s)
{
  if (s->config.asynchronous)
    tw_batching_start(s, TRUE);
  gboolean runs = s->config.asynchronous && tw_scheduler_runs(s), preempted = FALSE;
  s->ahead = FALSE;
  if (!runs) {
    plan_mixed(s, now_s);
    tw_batching_start(s, TRUE);
    preempted = s->preempted;
  }
  s->ahead = s->config.asynchronous && tw_scheduler_runs(s);
  if (s->ahead) {
    plan_mixed(s, now_s);
    s->preempted |= preempted;
  }
}

/* Prompts as soon as they fit, alone; else decodes. */
static void plan_prefill_first(tw_scheduler *s, double now_s)
{
  tw_batching_begin(s);
  tw_batching_join_delivered(s);
  gboolean admitted = tw_batching_admit(s, s->config.max_batched_tokens, now_s);
  if (!admitted)
    tw_batching_run(s);
  tw_batching_start(s, !admitted);
}

/* Prompts alone when the batch before has ended; else decodes. */
static void plan_static(tw_scheduler *s, double now_s)
{
  tw_batching_begin(s);
  tw_batching_join_delivered(s);
  gboolean admitted = s->running.length == 0 && tw_batching_admit(s, s->config.max_batched_tokens, now_s);
  if (!admitted && s->running.length > 0)
    s->held_up = TW_WAIT_SEATS;
  if (!admitted)
    tw_batching_run(s);
  tw_batching_start(s, !admitted);
}

/* Decodes, half-done prompts with what is left of the budget, and then new ones, whoever was preempted. */
static void plan_sarathi(tw_scheduler *s, double now_s)
{
  tw_batching_begin(s);
  tw_batching_join_delivered(s);
  gint64 budget = tw_batching_run(s);
  tw_batching_admit(s, budget, now_s);
  tw_batching_start(s, TRUE);
}

#define KINDS(X)                                                                                             \
  X("vllm",                                                                                                  \
    "vLLM V1 (of May 2026): running sequences first, then waiting ones, prompts in chunks beside decodes. "  \
    "Where prompts are handed over, decode engines ask for what their own prefix cache lacks (its "          \
    "NixlConnector). Left out: blocks of windowed layers in the prefix cache, whose KV is reserved for "     \
    "max-seqs windows; the prompt's last token, which is computed once more where it is decoded",            \
    .chunked = TRUE, .asynchronous = TRUE, .skips = TRUE, .reads_rest = TRUE, .plan = plan_vllm,             \
    .horizon = tw_batching_horizon, .block_tokens = 16, .reserve = TW_RESERVE_PROMPT)                        \
  X("prefill-first",                                                                                         \
    "vLLM V0 (up to 0.8, as in Vidur): whole prompts as soon as they fit, alone, their number times the "    \
    "longest of them being within max-batched-tokens, and 1 % of the blocks staying free beside others; "    \
    "else decodes. Left out: swapping, priorities of groups",                                                \
    .watermark = 0.01, .padded = TRUE, .plan = plan_prefill_first, .horizon = tw_batching_horizon,           \
    .block_tokens = 16, .reserve = TW_RESERVE_PROMPT)                                                        \
  X("static", "FasterTransformer: a batch is formed when the one before has ended; none joins it",           \
    .when_empty = TRUE, .plan = plan_static, .horizon = tw_batching_horizon, .block_tokens = 16,             \
    .reserve = TW_RESERVE_PROMPT)                                                                            \
  X("sglang",                                                                                                \
    "SGLang (of 2026, about 0.5.16), max-batched-tokens being its chunked-prefill-size and block-size its "  \
    "page-size: prompts alone, in chunks, as soon as they and what all are expected to emit fit; else "      \
    "decodes. Decode engines keep 512 tokens free for each sequence that they have been promised, and the "  \
    "KV of those that they retract in host memory. Left out: preemption by priority, HiCache, chunked "      \
    "prefill switched off, prefill delay and intervals; the time of such a copy, and a decode engine's "     \
    "look at the outputs allowed; who waits does not keep its prefix young but under lpm",                   \
    .chunked = TRUE, .asynchronous = TRUE, .radix = TRUE, .plan = tw_sglang_plan,                            \
    .horizon = tw_sglang_horizon, .kept = tw_sglang_kept, .closed = tw_sglang_closed, .block_tokens = 1)     \
  X("tensorrt-llm",                                                                                          \
    "TensorRT-LLM (of 2026, in-flight batching): decodes first, then prompts in the order of arrival, "      \
    "parts "                                                                                                 \
    "of them in whole blocks; who does not fit pauses the last one. Left out: draft tokens, the policy "     \
    "EQUAL_PROGRESS, reuse of parts of blocks; equal prompts find each other's blocks at once, where the "   \
    "second waits for the first there",                                                                      \
    .chunked = TRUE, .asynchronous = TRUE, .decodes_first = TRUE, .whole_blocks = TRUE, .plan = plan_vllm,   \
    .horizon = tw_batching_horizon, .block_tokens = 32, .reserve = TW_RESERVE_OUTPUT)                        \
  X("sarathi",                                                                                               \
    "Sarathi-Serve (OSDI '24): decodes first, then a half-done prompt and new ones with what they leave of " \
    "max-batched-tokens, and 1 % of the blocks staying free beside others. Left out: blocks of a prompt "    \
    "taken all at once",                                                                                     \
    .chunked = TRUE, .decodes_first = TRUE, .watermark = 0.01, .plan = plan_sarathi,                         \
    .horizon = tw_batching_horizon, .block_tokens = 16, .reserve = TW_RESERVE_PROMPT)

const tw_scheduler_kind tw_scheduler_kinds[] = {
#define X(...) {__VA_ARGS__},
    KINDS(X)
#undef X
};
const char *const tw_scheduler_kind_names[] = {
#define X(name, ...) name,
    KINDS(X)
#undef X
        NULL};

const char *const *tw_scheduler_kind_helps(void)
{
  static const char *const helps[] = {
#define X(name, help, ...) help,
      KINDS(X)
#undef X
          NULL};
  return helps;
}

const char *const tw_admission_reserve_names[] = {"chunk", "prompt", "output", NULL};
