/* The rows of tw_scheduler_kinds: whose scheduler each is, and how it plans. */
#include "sim/engine/batching.h"

/* One iteration of running sequences first, then of waiting ones: prompts in chunks beside decodes. */
static void plan_mixed(tw_scheduler *s, double now_s)
{
  tw_batching_begin(s);
  tw_batching_join_delivered(s);
  gint64 budget = tw_batching_run(s);
  if (s->preempted)
    s->held_up = TW_WAIT_KV;
  else
    tw_batching_admit(s, budget, now_s);
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

/* vLLM's V0 kept 1 % of the blocks free at admission; V1 does not. */
#define KINDS(X)                                                                                             \
  X("vllm",                                                                                                  \
    "vLLM V1 (of May 2026): running sequences first, then waiting ones, prompts in chunks beside decodes",   \
    .chunked = TRUE, .asynchronous = TRUE, .plan = plan_vllm, .horizon = tw_batching_horizon)                \
  X("prefill-first", "Orca, vLLM V0: whole prompts as soon as they fit, alone; else decodes",                \
    .watermark = 0.01, .plan = plan_prefill_first, .horizon = tw_batching_horizon)                           \
  X("static", "a batch is formed when the one before has ended; none joins it", .when_empty = TRUE,          \
    .plan = plan_static, .horizon = tw_batching_horizon)

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
const char *const tw_admission_reserve_names[] = {"chunk", "prompt", "output", NULL};
