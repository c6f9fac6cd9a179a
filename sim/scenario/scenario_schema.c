#include "sim/scenario/scenario.h"

/* Shorthands for rows of the tables. */
#define STRING(s, field, key, def, text)                                                                     \
  {                                                                                                          \
    key, TW_ATTR_STRING, .fallback = def, .offset = offsetof(s, field), .help = text                         \
  }
#define PATH(s, field, key, def, text)                                                                       \
  {                                                                                                          \
    key, TW_ATTR_PATH, .fallback = def, .offset = offsetof(s, field), .help = text                           \
  }
#define COUNT(s, field, key, def, most, text)                                                                \
  {                                                                                                          \
    key, TW_ATTR_INT, .fallback = def, .min = 1, .max = most, .offset = offsetof(s, field), .help = text     \
  }
#define NUMBER(s, field, key, def, low, high, text)                                                          \
  {                                                                                                          \
    key, TW_ATTR_NUMBER, .fallback = def, .min = low, .max = high, .offset = offsetof(s, field),             \
                         .help = text                                                                        \
  }
#define TIME(s, field, key, def, high, text)                                                                 \
  {                                                                                                          \
    key, TW_ATTR_QUANTITY, TW_TIME, def, .min = 0, .max = high, .offset = offsetof(s, field), .help = text   \
  }
#define CHOICE(s, field, key, def, words, text)                                                              \
  {                                                                                                          \
    key, TW_ATTR_CHOICE, .fallback = def, .choices = words, .offset = offsetof(s, field), .help = text       \
  }
#define FLAG(s, field, key, def, text)                                                                       \
  {                                                                                                          \
    key, TW_ATTR_BOOL, .fallback = def, .offset = offsetof(s, field), .help = text                           \
  }

/* Debug builds audit unless told not to. */
#ifdef TW_DEBUG
#define TW_AUDIT "true"
#else
#define TW_AUDIT "false"
#endif

#define YEARS_S (109500 * 86400.0) /* no run needs more than three centuries */

static const tw_attribute platform_attributes[] = {
    PATH(tw_scenario, platform_file, "file", NULL, "SimGrid platform XML"),
    {0},
};
const tw_element tw_platform_ref_element = {"platform", "the data centre that the scenario runs on",
                                            platform_attributes, NULL, NULL};

static const tw_attribute trace_attributes[] = {
    PATH(tw_scenario, trace_file, "file", NULL, "the trace, plain or gzip"),
    CHOICE(tw_scenario, trace_format, "format", TW_ABSENT, tw_trace_format_names,
           "its format; found out from the first row if absent"),
    CHOICE(tw_scenario, trace.mode, "mode", "recorded", tw_replay_mode_names,
           "when its requests arrive: as recorded; or, within a session, when what they wait for has ended "
           "(sessions); or so with some sessions at a time, of which one begins when another ends (lanes)"),
    COUNT(tw_scenario, trace.lanes, "lanes", "1", 1e9, "sessions at a time in the mode of lanes"),
    {"warmup-sessions", TW_ATTR_INT, .fallback = "0", .min = 0, .max = 1e15,
     .offset = offsetof(tw_scenario, trace.warmup_sessions),
     .help = "sessions that begin first in the modes of sessions and lanes, and that statistics leave out"},
    {"most-gap", TW_ATTR_QUANTITY, TW_TIME, TW_ABSENT, .max = YEARS_S,
     .offset = offsetof(tw_scenario, trace.most_gap_s),
     .help = "cuts longer waits between the requests of a session, for tools and people, to this"},
    CHOICE(tw_scenario, trace.order, "order", "format", tw_rows_order_names,
           "what is done with rows out of the order of arrival; format: as its format promises"),
    CHOICE(tw_scenario, trace.broken, "broken", "format", tw_rows_broken_names,
           "what is done with broken rows and failed requests; run.json counts those left out"),
    {"block-size", TW_ATTR_INT, .fallback = "0", .min = 0, .max = TW_REQUEST_MAX_TOKENS,
     .offset = offsetof(tw_scenario, trace.reading.block_tokens),
     .help = "prompt tokens that one of its hash ids stands for; 0: as its format has it"},
    CHOICE(tw_scenario, trace.reading.time_unit, "time-unit", "format", tw_trace_unit_names,
           "of the times in a JSON trace"),
    CHOICE(tw_scenario, trace.reading.delta_context, "context", "whole", tw_trace_context_names,
           "mooncake with sessions: input_length is the whole prompt of a turn, or what it adds"),
    CHOICE(tw_scenario, trace.salt, "cache-salt", "none", tw_trace_salt_names,
           "requests that share prefixes with their like alone, as with a cache_salt of vLLM's or a "
           "tokenizer for each "
           "class or session; those without one share among themselves"),
    CHOICE(tw_scenario, trace.reading.nested_times, "nested-times", "auto", tw_trace_nested_names,
           "weka: what times of sub-agents count from"),
    {"rate-scale", TW_ATTR_NUMBER, .fallback = "1", .positive = TRUE, .max = 1e9,
     .offset = offsetof(tw_scenario, trace.rate_scale), .help = "2 replays the trace twice as fast"},
    TIME(tw_scenario, trace.start_s, "start", "0s", YEARS_S, "leaves out what the trace has before it"),
    {"duration", TW_ATTR_QUANTITY, TW_TIME, TW_ABSENT, .max = YEARS_S, .positive = TRUE,
     .offset = offsetof(tw_scenario, trace.duration_s),
     .help = "of the trace, from its start on; all if absent"},
    {"limit", TW_ATTR_INT, .fallback = TW_ABSENT, .min = 1, .max = 1e15,
     .offset = offsetof(tw_scenario, trace.limit), .help = "at most so many requests; all if absent"},
    COUNT(tw_scenario, trace.repeat, "repeat", "1", 1e9,
          "times that the trace is replayed, one after the other"),
    COUNT(tw_scenario, trace.copies, "copies", "1", 1e6,
          "lets so many users send each request, each a little later: more load in as much time, where a "
          "higher rate-scale would make peaks shorter"),
    TIME(tw_scenario, trace.spread_s, "spread", TW_ABSENT, YEARS_S,
         "each copy arrives so much later at most, drawn evenly by the seed; 1min if absent, none where "
         "there is one copy"),
    {"prompt-scale", TW_ATTR_NUMBER, .fallback = "1", .positive = TRUE, .max = 1e6,
     .offset = offsetof(tw_scenario, trace.prompt_scale),
     .help = "makes prompts so many times as long, and their shared blocks"},
    {"output-scale", TW_ATTR_NUMBER, .fallback = "1", .positive = TRUE, .max = 1e6,
     .offset = offsetof(tw_scenario, trace.output_scale), .help = "makes outputs so many times as long"},
    {"reasoning-budget", TW_ATTR_INT, .fallback = TW_ABSENT, .min = 0, .max = TW_REQUEST_MAX_TOKENS,
     .offset = offsetof(tw_scenario, trace.reasoning_budget),
     .help = "cuts longer reasoning short; the answer follows"},
    {0},
};
const tw_element tw_trace_element = {"trace", "requests from a file, replayed as it is read",
                                     trace_attributes, NULL, NULL};

static const tw_attribute generate_attributes[] = {
    STRING(tw_scenario, generator_name, "from", NULL,
           "a preset of workloads/presets, or the path of a generator file, which holds a /"),
    {"rate-scale", TW_ATTR_NUMBER, .fallback = "1", .positive = TRUE, .max = 1e9,
     .offset = offsetof(tw_scenario, use.rate_scale), .help = "2 lets twice as many arrive"},
    {"duration", TW_ATTR_QUANTITY, TW_TIME, TW_ABSENT, .max = YEARS_S, .positive = TRUE,
     .offset = offsetof(tw_scenario, use.duration_s), .help = "instead of the generator's"},
    {"requests", TW_ATTR_INT, .fallback = TW_ABSENT, .min = 1, .max = 1e15,
     .offset = offsetof(tw_scenario, use.limit), .help = "at most so many in all"},
    {0},
};
const tw_element tw_generate_element = {"generate",
                                        "classes of requests, drawn as a generator file (<generator>) says",
                                        generate_attributes, NULL, NULL};

static gboolean check_workload(const xmlNode *node, const void *target, tw_faults *faults)
{
  (void)target;
  const xmlNode *first = tw_node_child(node, NULL);
  if (first != NULL && tw_node_next(first, NULL) == NULL)
    return TRUE;
  tw_node_fault(node, faults,
                "<workload> must hold one source of requests: <trace>, <generate>, <generator>, <poisson>, "
                "<closed-loop>, <sessions> or <rollouts>");
  return FALSE;
}
const tw_child tw_workload_children[] = {{&tw_trace_element, 0, 1},     {&tw_poisson_element, 0, 1},
                                         {&tw_closed_element, 0, 1},    {&tw_sessions_element, 0, 1},
                                         {&tw_rollouts_element, 0, 1},  {&tw_generate_element, 0, 1},
                                         {&tw_generator_element, 0, 1}, {0}};
const tw_element tw_workload_element = {"workload", "where requests come from", NULL, tw_workload_children,
                                        check_workload};

const char *const tw_asynchronous_names[] = {"engine", "false", "true", NULL};

static const tw_attribute scheduler_attributes[] = {
    {"kind", TW_ATTR_CHOICE, .fallback = TW_ABSENT, .choices = tw_scheduler_kind_names,
     .choice_helps = tw_scheduler_kind_helps, .offset = offsetof(tw_pool, scheduler),
     .help = "how batches are formed; as the engine of the step time does if absent"},
    CHOICE(
        tw_pool, order, "order", "arrival", tw_waiting_order_names,
        "who is admitted first: fair gives clients equal shares; with priority, also who is preempted last; "
        "lof: the longest output; lpm (kind sglang): the longest cached prefix"),
    CHOICE(
        tw_pool, reserve, "reserve", TW_ABSENT, tw_admission_reserve_names,
        "what must be free in the KV cache to admit a request: its first chunk, its prompt (TensorRT-LLM's "
        "MAX_UTILIZATION), or all that it and the running ones will hold (its GUARANTEED_NO_EVICT); if "
        "absent "
        "output for kind tensorrt-llm, else prompt; kind sglang has a rule of its own"),
    {"watermark", TW_ATTR_NUMBER, .fallback = TW_ABSENT, .min = 0, .max = 0.99,
     .offset = offsetof(tw_pool, watermark),
     .help = "share of the KV blocks that stays free as a request is admitted beside others: vLLM's option "
             "of that "
             "name (of June 2026), and 0.01 in what kinds prefill-first and sarathi follow, which they have "
             "if absent; "
             "else 0"},
    FLAG(tw_pool, chunked_prefill, "chunked-prefill", "true",
         "kinds that split prompts: whether they may; else a prompt waits until all of it fits into an "
         "iteration"),
    CHOICE(tw_pool, asynchronous, "asynchronous", "engine", tw_asynchronous_names,
           "kinds vllm, tensorrt-llm and sglang: whether an iteration is planned while the one before it "
           "runs, so that who "
           "comes meanwhile is "
           "served an iteration later; engine: as the engine of the step time has it, if that is its kind"),
    CHOICE(tw_pool, rank_choice, "rank", "router", tw_rank_choice_names,
           "who chooses the data-parallel rank of a request: the router, where its policy looks at ranks, "
           "else the "
           "fewest sequences; vLLM's front end, by 4 * waiting + running; or they take turns, as SGLang's by "
           "default"),
    COUNT(tw_pool, prefill_interval, "prefill-interval", "1", 1e6,
          "iterations from one in which ranks may compute prompts beside decodes to the next: prompts of all "
          "ranks "
          "then slow the same iterations; where somebody still waits behind such a one, the next ones go on "
          "(vLLM's "
          "prefill-schedule-interval)"),
    FLAG(tw_pool, mixed_chunk, "mixed-chunk", "false",
         "kind sglang: running sequences decode beside prompts, as with its --enable-mixed-chunk"),
    NUMBER(tw_pool, conservativeness, "conservativeness", "1", 0, 10,
           "kind sglang: of its guess what running sequences will still emit (--schedule-conservativeness)"),
    {"long-prefill-token-threshold", TW_ATTR_INT, .fallback = "0", .max = 1e9,
     .offset = offsetof(tw_pool, long_prefill_tokens),
     .help = "kind vllm: most tokens of a prompt in an iteration, so that several go on beside each other; "
             "0: any"},
    COUNT(tw_pool, max_seqs, "max-seqs", "256", 1e6, "sequences that run at once, per data-parallel rank"),
    COUNT(tw_pool, max_batched_tokens, "max-batched-tokens", "8192", 1e8,
          "tokens of one iteration, per rank"),
    {"block-size", TW_ATTR_INT, .fallback = TW_ABSENT, .min = 1, .max = 65536,
     .offset = offsetof(tw_pool, block_tokens),
     .help = "tokens of a KV cache block; if absent as the software of that kind has it: vllm 16, "
             "tensorrt-llm 32, sglang 1"},
    {"max-model-len", TW_ATTR_INT, .fallback = TW_ABSENT, .min = 2, .max = 1e9,
     .offset = offsetof(tw_pool, max_model_len),
     .help = "prompt and output tokens together; what the model was made for if absent"},
    FLAG(tw_pool, prefix_cache, "prefix-cache", "true",
         "prompts that begin with the same hash ids share their KV blocks, as long as these are there"),
    {"state-checkpoint", TW_ATTR_INT, .fallback = "0", .max = 1e9,
     .offset = offsetof(tw_pool, checkpoint_tokens),
     .help = "of models with linear attention or mamba2: tokens between the states of a sequence that are "
             "kept beside its "
             "KV; a prefix is found up to the last of them; 0: none is kept, and no prefix is found"},
    {0},
};
const tw_element tw_scheduler_element = {"scheduler", "continuous batching of an engine",
                                         scheduler_attributes, NULL, NULL};

static const tw_attribute step_time_attributes[] = {
    CHOICE(tw_pool, step_kind, "model", "roofline", tw_step_kind_names,
           "how the time of an iteration is computed"),
    PATH(tw_pool, table_file, "file", TW_ABSENT, "table: CSV of measured step times"),
    NUMBER(tw_pool, expert_imbalance, "expert-imbalance", "1", 1, 1e3,
           "experts: load of the busiest rank over the mean"),
    STRING(tw_pool, engine, "engine", "vllm",
           "roofline: the serving software, a file of sim/engines, or its path"),
    TIME(tw_pool, instead.iteration_s, "iteration", TW_ABSENT, 1,
         "instead of the engine's: of each iteration"),
    TIME(tw_pool, instead.per_seq_s, "per-seq", TW_ABSENT, 1, "instead of the engine's: of each sequence"),
    {"launch", TW_ATTR_NUMBER, .fallback = TW_ABSENT, .max = 100, .offset = offsetof(tw_pool, instead.launch),
     .help = "instead of the engine's: share of the kernels' launch times"},
    {"compute", TW_ATTR_NUMBER, .fallback = TW_ABSENT, .positive = TRUE, .max = 1,
     .offset = offsetof(tw_pool, instead.compute),
     .help = "instead of the engine's: share of the kernels' FLOP rate"},
    {"fp8", TW_ATTR_NUMBER, .fallback = TW_ABSENT, .positive = TRUE, .max = 1,
     .offset = offsetof(tw_pool, instead.fp8),
     .help = "instead of the engine's: share of that in products in FP8"},
    {"experts", TW_ATTR_NUMBER, .fallback = TW_ABSENT, .positive = TRUE, .max = 2,
     .offset = offsetof(tw_pool, instead.experts),
     .help = "instead of the engine's: share of the speed of the kernels for experts"},
    {"logit-bytes", TW_ATTR_NUMBER, .fallback = TW_ABSENT, .max = 1e4,
     .offset = offsetof(tw_pool, instead.logit_bytes),
     .help =
         "instead of the engine's: HBM traffic for each logit that a token is drawn from; 256 where vLLM's "
         "own sampler sorts them for top-p or top-k"},
    TIME(tw_pool, instead.eager_layer_s, "eager-layer", TW_ABSENT, 1,
         "instead of the engine's: that the host takes to launch a layer without CUDA graphs"),
    TIME(tw_pool, instead.eager_experts_s, "eager-experts", TW_ABSENT, 1,
         "instead of the engine's: the same, more for a layer with experts"),
    {"graph-tokens", TW_ATTR_INT, .fallback = TW_ABSENT, .min = 0, .max = 65536,
     .offset = offsetof(tw_pool, instead.graph_tokens),
     .help = "instead of the engine's: largest batch that CUDA graphs are captured for"},
    {"graph-step", TW_ATTR_INT, .fallback = TW_ABSENT, .min = 0, .max = 65536,
     .offset = offsetof(tw_pool, instead.graph_step),
     .help = "instead of the engine's: from one captured size to the next, above 512; 0: powers of two"},
    {"sum-bytes", TW_ATTR_NUMBER, .fallback = TW_ABSENT, .positive = TRUE, .max = 4,
     .offset = offsetof(tw_pool, instead.sum_bytes),
     .help = "instead of the engine's: bytes of a number in all-reduces of tensor parallelism"},
    {"fused-sums", TW_ATTR_BOOL, .fallback = "false", .offset = offsetof(tw_pool, instead.fused_sums),
     .help = "whether products send their sums while they compute them, even if the engine's do not"},
    {0},
};
const tw_element tw_step_time_element = {"step-time", "the time of an iteration", step_time_attributes, NULL,
                                         NULL};

static const tw_attribute pool_attributes[] = {
    STRING(tw_pool, id, "id", NULL, "name of the pool"),
    STRING(tw_pool, model_name, "model", NULL, "a model of the catalogue, or the path of a model file"),
    CHOICE(tw_pool, role, "role", "mixed", tw_pool_role_names,
           "prompts and decodes, or one of them: the KV cache then goes over the network"),
    CHOICE(
        tw_pool, kv_transfer, "kv-transfer", "whole", tw_kv_transfer_names,
        "of a prefill pool: a prompt's KV cache is sent when the prompt is complete; or layer by layer, from "
        "the iteration on that completes it, where the decode engine has blocks for it by then"),
    TIME(tw_pool, kv_timeout_s, "kv-timeout", "480s", YEARS_S,
         "of a prefill pool: a prompt that has waited so long for KV blocks where it is to decode loses its "
         "own, and "
         "the request fails; as VLLM_NIXL_ABORT_REQUEST_TIMEOUT of vLLM with kv_load_failure_policy fail, "
         "both by "
         "default"),
    COUNT(tw_pool, replicas, "replicas", "1", 1e6, "engines of the pool"),
    COUNT(tw_pool, tp, "tp", "1", 1e5, "tensor parallelism"),
    COUNT(tw_pool, pp, "pp", "1", 1e5, "pipeline parallelism: stages"),
    COUNT(tw_pool, dp, "dp", "1", 1e5, "attention data parallelism: ranks of an engine that step together"),
    COUNT(tw_pool, ep, "ep", "1", 1e5, "expert parallelism: groups that divide the experts, within tp * dp"),
    {"redundant-experts", TW_ATTR_INT, .fallback = "0", .max = 1e5,
     .offset = offsetof(tw_pool, redundant_experts),
     .help =
         "second copies of busy experts, which ep divides with the others (EPLB); their weights take memory"},
    CHOICE(tw_pool, checkpoint, "weights", "bf16", tw_checkpoint_names,
           "kind of checkpoint: number formats of the weights, part by part"),
    CHOICE(tw_pool, attention, "attention-weights", TW_ABSENT, tw_precision_names,
           "number format of the attention projections; that of the checkpoint if absent"),
    CHOICE(tw_pool, kv, "kv", "bf16", tw_precision_names, "number format of the KV cache"),
    {"memory-fraction", TW_ATTR_NUMBER, .fallback = "0.9", .max = 1, .positive = TRUE,
     .offset = offsetof(tw_pool, memory_fraction), .help = "share of the HBM that an engine may use"},
    STRING(
        tw_pool, hosts, "hosts", "*",
        "hosts that the pool may use: a pattern with * and ?; with placement=\"explicit\" their names in the "
        "order in which engines take them, NAME or NAME:ACCELERATORS"),
    CHOICE(
        tw_pool, placement, "placement", "pack", tw_placement_names,
        "pack: one NVLink domain after the other; spread: the domain with the most free accelerators; rail: "
        "the tensor-parallel groups of an engine at the same place of one domain each; explicit: as hosts "
        "names them"),
    COUNT(tw_pool, collective_slices, "collective-slices", "4", 1000,
          "in how many slices an engine that leaves its NVLink domain sends what the collectives of an "
          "iteration do, "
          "computing in between; 1: in one burst before it computes"),
    FLAG(tw_pool, collective_overlap, "collective-overlap", "false",
         "whether slices go while the others are computed, as two micro-batches in turn do"),
    CHOICE(tw_pool, start, "start", "warm", tw_start_names,
           "whether its engines serve as the run begins, or have yet to load their weights and to start "
           "(with an "
           "autoscaler: its least number of them)"),
    CHOICE(tw_pool, weights_from, "weights-from", "resident", tw_weights_source_names,
           "where engines that start get their weights: they have them, or over the network from a zone of "
           "role storage, or from an engine of the pool that serves (from storage where none does), or once "
           "from "
           "another site that has the model, over the <wan>, and from the memory of hosts from then on"),
    TIME(tw_pool, startup_s, "startup", "60s", 86400,
         "what the serving software takes to start once the weights are there: processes, compilation, CUDA "
         "graphs; the default is an estimate, not measured"),
    {0},
};
static const tw_child pool_children[] = {{&tw_scheduler_element, 0, 1},
                                         {&tw_step_time_element, 0, 1},
                                         {&tw_offload_element, 0, 1},
                                         {&tw_autoscaler_element, 0, 1},
                                         {&tw_speculation_element, 0, 1},
                                         {&tw_adapters_element, 0, 1},
                                         {0}};
const tw_element tw_pool_element = {"pool", "engines of one kind", pool_attributes, pool_children, NULL};

static const tw_attribute router_attributes[] = {
    {"policy", TW_ATTR_CHOICE, .fallback = "least-outstanding", .choices = tw_router_policy_names,
     .choice_helps = tw_router_policy_helps, .offset = offsetof(tw_scenario, router),
     .help = "how an engine is picked"},
    STRING(tw_scenario, router_parameters, "parameters", TW_ABSENT,
           "of the policy, as NAME=VALUE NAME=VALUE ...; what it has is said with it"),
    TIME(tw_scenario, signal_delay_s, "signal-delay", "0s", 3600,
         "how late the router knows of loads, of what engines report and of blocks that are new in their "
         "caches; "
         "what it remembers of its own decisions it knows at once, and what is evicted"),
    TIME(tw_scenario, frontend_s, "frontend", TW_ABSENT, 3600,
         "time of the HTTP front end for each request; what the engine's software takes if absent"),
    TIME(tw_scenario, frontend_per_token_s, "frontend-per-token", "0s", 1,
         "and for each of its prompt tokens"),
    NUMBER(tw_scenario, prefix_weight, "prefix-weight", "1", 0, 1e6,
           "prefix-and-load: of the seconds that computing the prompt takes"),
    {"max-queue", TW_ATTR_INT, .fallback = TW_ABSENT, .min = 1, .max = 1e9,
     .offset = offsetof(tw_scenario, max_queue),
     .help = "requests that may wait at an engine; further ones are rejected. Any number if absent"},
    {0},
};
static gboolean check_router(const xmlNode *node, const void *target, tw_faults *faults)
{
  const tw_scenario *scenario = target;
  double values[TW_ROUTER_MOST_PARAMETERS];
  g_autofree char *wrong =
      tw_router_read_parameters(tw_router_policies[scenario->router], scenario->router_parameters, values);
  if (wrong == NULL)
    return TRUE;
  tw_node_fault(node, faults, "parameters of policy=\"%s\": %s", tw_router_policy_names[scenario->router],
                wrong);
  return FALSE;
}

const tw_element tw_router_element = {"router", "sends each request to an engine", router_attributes, NULL,
                                      check_router};

static const tw_attribute admission_attributes[] = {
    {"rate", TW_ATTR_QUANTITY, TW_RATE, TW_ABSENT, .max = 1e12, .positive = TRUE,
     .offset = offsetof(tw_scenario, admission.rate_per_s),
     .help = "at which the token bucket fills; without a bucket, all are let in"},
    {"burst", TW_ATTR_NUMBER, .fallback = TW_ABSENT, .max = 1e15, .positive = TRUE,
     .offset = offsetof(tw_scenario, admission.burst), .help = "what the bucket holds at most"},
    CHOICE(tw_scenario, admission.takes, "takes", "requests", tw_admission_takes_names,
           "what a request takes from the bucket: one, or its prompt and output tokens"),
    CHOICE(tw_scenario, admission.scope, "bucket", "site", tw_admission_scope_names,
           "one bucket for all, or one for each client (session)"),
    {"deadline", TW_ATTR_QUANTITY, TW_TIME, TW_ABSENT, .max = YEARS_S, .positive = TRUE,
     .offset = offsetof(tw_scenario, deadline_s),
     .help = "a request that has waited so long without being scheduled is cancelled"},
    {0},
};
static gboolean check_admission(const xmlNode *node, const void *target, tw_faults *faults)
{
  gboolean has_rate = xmlHasProp(node, BAD_CAST "rate") != NULL;
  gboolean has_burst = xmlHasProp(node, BAD_CAST "burst") != NULL;
  (void)target;
  if (has_rate == has_burst)
    return TRUE;
  tw_node_fault(node, faults, "a token bucket needs both rate=\"...\" and burst=\"...\"; add %s",
                has_rate ? "burst" : "rate");
  return FALSE;
}
const tw_element tw_admission_element = {"admission", "which requests are let in, and for how long they wait",
                                         admission_attributes, NULL, check_admission};

static const tw_attribute slo_attributes[] = {
    STRING(tw_slo, class, "class", TW_ABSENT,
           "class of traffic that it holds for; if absent, for all that have none of their own"),
    TIME(tw_slo, ttft_s, "ttft", TW_ABSENT, YEARS_S, "longest time to first token"),
    TIME(tw_slo, tpot_s, "tpot", TW_ABSENT, YEARS_S, "longest time per output token"),
    TIME(tw_slo, itl_s, "itl", TW_ABSENT, YEARS_S,
         "longest time between two tokens of a request, that from the first to the second included (those of "
         "one pass with drafts count as evenly spread)"),
    TIME(tw_slo, e2e_s, "e2e", TW_ABSENT, YEARS_S, "longest time to the last token"),
    {0},
};
const tw_element tw_slo_element = {"slo", "what a request must meet to count as goodput", slo_attributes,
                                   NULL, NULL};

static const tw_attribute output_attributes[] = {
    {"interval", TW_ATTR_QUANTITY, TW_TIME, "1s", .min = 1e-3, .max = YEARS_S,
     .offset = offsetof(tw_scenario, interval_s), .help = "length of the rows of engines, racks and site"},
    {"segments", TW_ATTR_BOOL, .fallback = "false", .offset = offsetof(tw_scenario, segments),
     .help = "also write segments.csv.gz, of which timelines are drawn", .option = "run --segments"},
    FLAG(tw_scenario, exact_steps, "exact-steps", "false",
         "one event per iteration, at which every decision is taken anew: slow, with the same results"),
    FLAG(tw_scenario, audit, "audit", TW_AUDIT, "check every invariant after every event: slow"),
    {"warmup", TW_ATTR_QUANTITY, TW_TIME, "0s", .max = YEARS_S, .offset = offsetof(tw_scenario, warmup_s),
     .help = "statistics leave out requests that arrive before it", .option = "run --warmup"},
    {"drain", TW_ATTR_QUANTITY, TW_TIME, "0s", .max = YEARS_S, .offset = offsetof(tw_scenario, drain_s),
     .help = "and those that arrive in so long a time before the end", .option = "run --drain"},
    CHOICE(
        tw_scenario, first_token, "first-token", "prefill", tw_first_token_names,
        "when clients see the first token of a prompt that one pool computes for another: as it is complete "
        "(prefill), or as the engine that decodes begins with it (decode: proxies that ask the first pool "
        "for "
        "one token and drop it, as the examples of vLLM do)"),
    {"until", TW_ATTR_QUANTITY, TW_TIME, TW_ABSENT, .max = YEARS_S, .offset = offsetof(tw_scenario, until_s),
     .help = "the run is cut short at this simulated time", .option = "run --until"},
    {0},
};
const tw_element tw_output_element = {"output", "what is written and measured", output_attributes, NULL,
                                      NULL};

static const tw_attribute scenario_attributes[] = {
    STRING(tw_scenario, name, "name", NULL, "name of the scenario"),
    STRING(tw_scenario, description, "description", "", "what it shows"),
    {"seed", TW_ATTR_INT, .fallback = "1", .min = 0, .max = 9e15, .offset = offsetof(tw_scenario, seed),
     .help = "of every stream of chance"},
    {0},
};
static const tw_child scenario_children[] = {
    {&tw_workload_element, 0, 1},      TW_SITE_CHILDREN(0, 0),     {&tw_slo_element, 0, 0},
    {&tw_site_element, 0, 0},          {&tw_users_element, 0, 0},  {&tw_wan_element, 0, 0},
    {&tw_global_router_element, 0, 1}, {&tw_output_element, 0, 1}, {0},
};

const tw_element tw_scenario_element = {"scenario", "what is simulated", scenario_attributes,
                                        scenario_children, NULL};

/* Whether the scenario or one of its sites has a child of that name. */
static gboolean has(const xmlNode *root, const char *name)
{
  gboolean any = tw_node_child(root, name) != NULL;
  for (const xmlNode *site = tw_node_child(root, "site"); site != NULL; site = tw_node_next(site, "site"))
    any |= tw_node_child(site, name) != NULL;
  return any;
}

/* A site without engines has jobs. */
static void check_purpose(const xmlNode *site, tw_faults *faults)
{
  if (tw_node_child(site, tw_pool_element.name) == NULL &&
      tw_node_child(site, tw_site_job_element.name) == NULL)
    tw_node_fault(site, faults, "<site> has neither a <pool> nor a <job>; add one of them");
}

void tw_scenario_check_sites(const xmlNode *node, tw_faults *faults)
{
  static const tw_child here[] = {TW_SITE_CHILDREN(1, 1), {0}};
  static const tw_element *const between[] = {&tw_users_element, &tw_wan_element, &tw_global_router_element};
  gboolean sites = tw_node_child(node, tw_site_element.name) != NULL,
           jobs = has(node, tw_site_job_element.name), engines = has(node, tw_pool_element.name),
           requests = tw_node_child(node, tw_workload_element.name) != NULL;
  /* Jobs need no requests, and without these no engines; nothing else goes without. */
  if (!requests && (engines || !jobs))
    tw_node_fault(node, faults, "<scenario> lacks a <workload>: %s", tw_workload_element.help);
  if (sites && requests && !engines)
    tw_node_fault(node, faults,
                  "no <site> has a <pool> that serves the <workload>; add one, or leave this out");
  for (const tw_child *row = here; row->element != NULL; row++) {
    const xmlNode *child = tw_node_child(node, row->element->name);
    if (sites && child != NULL)
      tw_node_fault(child, faults, "with <site>s, <%s> stands in each of them; move it there",
                    row->element->name);
    else if (!sites && child == NULL && row->min > 0 &&
             (row->element != &tw_pool_element || requests || !jobs))
      tw_node_fault(node, faults, "<scenario> lacks a <%s>: %s", row->element->name, row->element->help);
  }
  for (const xmlNode *site = tw_node_child(node, "site"); site != NULL; site = tw_node_next(site, "site"))
    check_purpose(site, faults);
  for (guint i = 0; i < G_N_ELEMENTS(between) && !sites; i++) {
    const xmlNode *child = tw_node_child(node, between[i]->name);
    if (child != NULL)
      tw_node_fault(child, faults,
                    "without <site>s there is nothing between them; leave it out, or add a <site>");
  }
}
