/* The data sets: how the rows of each become cases. */
#include "platforms/input/units.h"
#include "tests/validation/case.h"
#include "tests/validation/table.h"

#include <math.h>
#include <string.h>

/* ---- Rows ---- */

static gboolean open_in(table *t, const char *directory, const char *file, const tw_csv_column *columns,
                        GError **error)
{
  g_autofree char *path = g_build_filename(directory, file, NULL);
  return table_open(t, path, columns, TRUE, error);
}

static int whole(table *t, int column)
{
  double value = table_number(t, column);
  return isnan(value) ? 0 : (int)value;
}

typedef struct word_pair {
  const char *theirs, *ours;
} word_pair;

static const word_pair models[] = {
    {"Qwen/Qwen3-32B", "qwen3-32b"},
    {"Qwen/Qwen3-30B-A3B-Instruct-2507", "qwen3-30b-a3b"},
    {"meta-llama/Llama-3.1-70B", "llama-3.1-70b"},
    {"meta-llama/Llama-3.1-70B-Instruct", "llama-3.1-70b"},
    {"meta-llama/Llama-3.1-8B-Instruct", "llama-3.1-8b"},
    {"Llama-3.3-70B", "llama-3.1-70b"}, /* the same shape */
    {"openai/gpt-oss-120b", "gpt-oss-120b"},
    {"gpt-oss-120b", "gpt-oss-120b"},
    {"gpt-oss-20b", "gpt-oss-20b"},
    {"DeepSeek-R1-0528", "deepseek-r1"},
    {"Qwen3-235B-A22B", "qwen3-235b-a22b"},
    {"llama2-70b", "llama-2-70b"},
    {"llama2-70b-99", "llama-2-70b"},
    {NULL, NULL},
};
static const word_pair devices[] = {{"h100_sxm", "h100-sxm"},
                                    {"h200_sxm", "h200-sxm"},
                                    {"H100", "h100-sxm"},
                                    {"H200", "h200-sxm"},
                                    {"B200", "b200-sxm"},
                                    {"NVIDIA H200-SXM-141GB", "h200-sxm"},
                                    {"NVIDIA B200-SXM-180GB", "b200-sxm"},
                                    {"a100-80gb", "a100-sxm"},
                                    {NULL, NULL}};

static const char *translate(const word_pair *pairs, const char *word)
{
  for (; pairs->theirs != NULL; pairs++)
    if (g_str_equal(pairs->theirs, word))
      return pairs->ours;
  return NULL;
}

/* ---- Scenarios ---- */

/* What the scenario of a case is made of. */
typedef struct setup {
  const char *model, *device, *engine;
  int tp, pp, dp, ep, replicas;
  const char *weights, *attention, *kv; /* attention: NULL: as weights */
  int max_seqs, max_batched, max_len;
  const char *memory; /* share for weights and KV cache; NULL: the server's default */
} setup;

static validation_case *new_case(const validation_set *set, const setup *s, const char *workload)
{
  static const struct {
    const char *engine, *scheduler, *reserve, *memory;
  } servers[] = {{"vllm", "vllm", "prompt", "0.9"},
                 {"vllm-0.12", "vllm", "prompt", "0.9"},
                 {"sglang", "prefill-first", "prompt", "0.88"},
                 {"tensorrt-llm", "vllm", "output", "0.92"},
                 {"tensorrt-llm-1.0", "vllm", "output", "0.92"},
                 {"transformers", "static", "prompt", "0.95"}};
  guint which = 0;
  while (!g_str_equal(servers[which].engine, s->engine))
    which++;
  validation_case *item = g_new0(validation_case, 1);
  item->set = set->name;
  item->fitted = set->fitted;
  item->model = g_strdup(s->model);
  item->device = g_strdup(s->device);
  item->engine = g_strdup(s->engine);
  item->shape = s->dp > 1 ? g_strdup_printf("dp%d ep%d", s->dp, s->ep) : g_strdup_printf("tp%d", s->tp);
  item->scenario = g_string_new(NULL);
  for (int m = 0; m < CASE_METRICS; m++)
    item->measured[m] = item->predicted[m] = NAN;
  int accelerators = s->tp * s->pp * s->dp * s->replicas;
  g_autofree char *attention =
      s->attention != NULL ? g_strdup_printf(" attention-weights=\"%s\"", s->attention) : g_strdup("");
  g_string_append_printf(
      item->scenario,
      "<?xml version=\"1.0\"?>\n<scenario name=\"case\">\n  <platform file=\"%s-%d.xml\"/>\n"
      "  <workload>%s</workload>\n"
      "  <pool id=\"serve\" model=\"%s\" replicas=\"%d\" tp=\"%d\" pp=\"%d\" dp=\"%d\" ep=\"%d\" "
      "weights=\"%s\"%s kv=\"%s\" memory-fraction=\"%s\">\n"
      "    <scheduler kind=\"%s\" reserve=\"%s\" max-seqs=\"%d\" max-batched-tokens=\"%d\" "
      "max-model-len=\"%d\"/>\n"
      "    <step-time engine=\"%s\"/>\n  </pool>\n  <router/>\n</scenario>\n",
      s->device, accelerators, workload, s->model, s->replicas, s->tp, s->pp, s->dp, s->ep, s->weights,
      attention, s->kv, s->memory != NULL ? s->memory : servers[which].memory, servers[which].scheduler,
      servers[which].reserve, s->max_seqs, MAX(s->max_batched, s->max_seqs), s->max_len, s->engine);
  return item;
}

/* Benchmark tools keep `concurrency` requests under way, here for ten rounds, and need some time to send
 * each. Lengths are fixed, or `spread`: uniform from 80 to 100 % of the given ones, as in InferenceMAX, whose
 * mean and deviation a lognormal law takes over. */
static char *closed_loop(int concurrency, int rounds, int isl, int osl, gboolean spread)
{
  g_autofree char *law = g_strdup(spread ? "law=\"lognormal\" sigma=\"0.064\"" : "law=\"fixed\"");
  double share = spread ? 0.9 : 1;
  return g_strdup_printf(
      "<closed-loop concurrency=\"%d\" requests=\"%d\" pace=\"%dms\"><prompt %s mean=\"%.0f\" "
      "max=\"%d\"/><answer %s mean=\"%.0f\" max=\"%d\"/></closed-loop>",
      concurrency, concurrency * rounds, rounds > 1 ? 2 : 0, law, share * isl, isl, law, share * osl, osl);
}

/* ---- The data sets ---- */

/* Settings of servers that the data do not tell and that were inferred from them: see the notes below. */
static const struct inferred {
  const char *model, *engine;
  int tp;
  int prompts; /* whole prompts that fit into an iteration beside one token of each client; 0: not inferred */
  const char *memory; /* as in the setup */
} inferred[] = {
    {"qwen3-32b", "vllm-0.12", 0, 1, NULL},
    {"qwen3-32b", "tensorrt-llm-1.0", 0, 2, NULL},
    {"qwen3-32b", "sglang", 1, 0, "0.82"},
    {"gpt-oss-120b", "tensorrt-llm", 1, 0, "0.57"},
};
static const char silicon_note[] = "The token budget of the H100 servers is not recorded. Their TTFT is that "
                                   "of so and so many prompts whatever the "
                                   "prompt's length, so it is taken as concurrency + prompt (vLLM) and "
                                   "concurrency + 2 prompts (TensorRT-LLM 1.0). "
                                   "Nor is the KV cache: where requests queued, it is taken from how many "
                                   "ran (Little's law): about 6,500 tokens for "
                                   "SGLang on one H100, 500,000 for gpt-oss-120b with TensorRT-LLM on one "
                                   "H200. These were chosen after seeing TTFT.";

static void infer(setup *s, int isl, int concurrency)
{
  for (guint i = 0; i < G_N_ELEMENTS(inferred); i++) {
    const struct inferred *known = &inferred[i];
    if (!g_str_equal(known->model, s->model) || !g_str_equal(known->engine, s->engine) ||
        (known->tp != 0 && known->tp != s->tp))
      continue;
    if (known->prompts > 0)
      s->max_batched = known->prompts * isl + concurrency;
    if (known->memory != NULL)
      s->memory = known->memory;
  }
}

static gboolean read_silicon(const validation_set *set, const char *directory, GPtrArray *cases,
                             GError **error)
{
  enum { MODEL, SYSTEM, BACKEND, VERSION, PRECISION, ISL, OSL, CONCURRENCY, TP, MOE_EP, GPUS, TTFT, TPOT };
  static const tw_csv_column columns[] = {
      {"model", FALSE},     {"system", FALSE}, {"backend", FALSE}, {"backend_version", FALSE},
      {"precision", FALSE}, {"isl", FALSE},    {"osl", FALSE},     {"concurrency", FALSE},
      {"tp", FALSE},        {"moe_ep", FALSE}, {"gpus", FALSE},    {"ttft_ms", FALSE},
      {"tpot_ms", FALSE},   {NULL, FALSE}};
  static const word_pair engines[] = {
      {"vllm", "vllm-0.12"}, {"sglang", "sglang"}, {"trtllm", "tensorrt-llm"}, {NULL, NULL}};
  table t;
  if (!open_in(&t, directory, set->file, columns, error))
    return FALSE;
  while (table_next(&t)) {
    int isl = whole(&t, ISL), osl = whole(&t, OSL), concurrency = whole(&t, CONCURRENCY);
    const char *precision = tw_csv_text(t.csv, PRECISION);
    gboolean fp4 = g_str_equal(precision, "fp4"), fp8 = g_str_equal(precision, "fp8");
    setup s = {.model = translate(models, tw_csv_text(t.csv, MODEL)),
               .device = translate(devices, tw_csv_text(t.csv, SYSTEM)),
               .engine = translate(engines, tw_csv_text(t.csv, BACKEND)),
               .tp = whole(&t, TP),
               .pp = 1,
               .dp = 1,
               .ep = MAX(whole(&t, MOE_EP), 1),
               .replicas = 1,
               .weights = fp4   ? "fp4"
                          : fp8 ? "fp8"
                                : "bf16",
               .attention = fp4 ? "bf16" : NULL,
               .kv = fp8 ? "fp8" : "bf16",
               .max_seqs = 1024,
               .max_batched = 8192,
               .max_len = isl + osl + 16};
    if (g_str_equal(tw_csv_text(t.csv, VERSION), "1.0.0rc3"))
      s.engine = "tensorrt-llm-1.0";
    /* All of gpt-oss-120b with vLLM is one sweep, of which some rows say 0.18: it schedules asynchronously.
     */
    if (g_str_equal(s.engine, "vllm-0.12") && g_str_equal(s.model, "gpt-oss-120b"))
      s.engine = "vllm";
    if (g_str_equal(s.engine, "sglang"))
      s.max_batched = MAX(s.max_batched, s.max_len);
    infer(&s, isl, concurrency);
    g_autofree char *workload = closed_loop(concurrency, 10, isl, osl, g_str_equal(s.device, "h200-sxm"));
    validation_case *item = new_case(set, &s, workload);
    item->label = g_strdup_printf("%s %d/%d c%d", s.weights, isl, osl, concurrency);
    item->measured[CASE_TTFT] = table_number(&t, TTFT) * 1e-3;
    item->measured[CASE_TPOT] = table_number(&t, TPOT) * 1e-3;
    g_ptr_array_add(cases, item);
  }
  return table_close(&t);
}

/* Offline: every sample at once. Prompt lengths are not in the results; the data set's mean is 294 tokens, at
 * most 1024 (MLPerf's OpenOrca samples). */
static gboolean read_mlperf(const validation_set *set, const char *directory, GPtrArray *cases,
                            GError **error)
{
  enum { SUBMITTER, MODEL, ACCELERATOR, COUNT, WEIGHTS, SAMPLES, TOKENS };
  static const tw_csv_column columns[] = {
      {"submitter", FALSE},    {"model", FALSE},         {"accelerator", FALSE},  {"accel_per_node", FALSE},
      {"weight_dtype", FALSE}, {"samples_per_s", FALSE}, {"tokens_per_s", FALSE}, {NULL, FALSE}};
  table t;
  if (!open_in(&t, directory, set->file, columns, error))
    return FALSE;
  while (table_next(&t)) {
    const char *model = translate(models, tw_csv_text(t.csv, MODEL));
    if (model == NULL) /* the 99.9 rows repeat the 99 ones */
      continue;
    double tokens = table_number(&t, TOKENS), answer = tokens / table_number(&t, SAMPLES);
    setup s = {.model = model,
               .device = translate(devices, tw_csv_text(t.csv, ACCELERATOR)),
               .engine = "tensorrt-llm",
               .tp = 1,
               .pp = 1,
               .dp = 1,
               .ep = 1,
               .replicas = whole(&t, COUNT),
               .weights = tw_csv_text(t.csv, WEIGHTS),
               .kv = "fp8",
               .max_seqs = 2048,
               .max_batched = 3584,
               .max_len = 2048};
    g_autofree char *workload = g_strdup_printf(
        "<closed-loop concurrency=\"24576\" requests=\"24576\"><prompt law=\"lognormal\" mean=\"294\" "
        "sigma=\"0.8\" max=\"1024\"/><answer law=\"lognormal\" mean=\"%.1f\" sigma=\"0.7\" "
        "max=\"1024\"/></closed-loop>",
        answer);
    validation_case *item = new_case(set, &s, workload);
    item->label = g_strdup(tw_csv_text(t.csv, SUBMITTER));
    item->measured[CASE_THROUGHPUT] = tokens / s.replicas;
    g_ptr_array_add(cases, item);
  }
  return table_close(&t);
}

static gboolean read_saturation(const validation_set *set, const char *directory, GPtrArray *cases,
                                GError **error)
{
  enum { MODEL, GPU, PARALLEL, PRECISION, ISL, OSL, TOKENS };
  static const tw_csv_column columns[] = {{"model", FALSE},
                                          {"gpu", FALSE},
                                          {"parallel", FALSE},
                                          {"precision", FALSE},
                                          {"isl", FALSE},
                                          {"osl", FALSE},
                                          {"output_tok_s_per_gpu", FALSE},
                                          {NULL, FALSE}};
  enum { REQUESTS = 3000 };
  table t;
  if (!open_in(&t, directory, set->file, columns, error))
    return FALSE;
  while (table_next(&t)) {
    const char *model = translate(models, tw_csv_text(t.csv, MODEL)),
               *parallel = tw_csv_text(t.csv, PARALLEL);
    if (model == NULL)
      continue; /* Llama 4 is not in the catalogue */
    int isl = whole(&t, ISL), osl = whole(&t, OSL);
    gboolean mxfp4 = g_str_has_prefix(model, "gpt-oss"), ranks = g_str_has_prefix(parallel, "DEP");
    int n = (int)g_ascii_strtoll(parallel + (ranks ? 3 : 2), NULL, 10);
    setup s = {.model = model,
               .device = translate(devices, tw_csv_text(t.csv, GPU)),
               .engine = "tensorrt-llm",
               .tp = ranks ? 1 : n,
               .pp = 1,
               .dp = ranks ? n : 1,
               .ep = ranks ? n : 1,
               .replicas = 1,
               .weights = mxfp4 ? "fp4" : "fp8",
               .attention = mxfp4 ? "bf16" : NULL,
               .kv = mxfp4 ? "bf16" : "fp8",
               .max_seqs = 1024,
               .max_batched = 8192,
               .max_len = isl + osl + 16};
    infer(&s, isl, REQUESTS);
    g_autofree char *workload = closed_loop(REQUESTS, 1, isl, osl, FALSE);
    validation_case *item = new_case(set, &s, workload);
    item->label = g_strdup_printf("%d/%d", isl, osl);
    item->measured[CASE_THROUGHPUT] = table_number(&t, TOKENS);
    g_ptr_array_add(cases, item);
  }
  return table_close(&t);
}

/* Decode ITL at fixed batch sizes; prompts are chat questions of unknown length, taken as 200 tokens. */
static gboolean read_ml_energy(const validation_set *set, const char *directory, GPtrArray *cases,
                               GError **error)
{
  enum { MODEL, GPU, TP, EP, GPUS, BATCH, OUTPUT, WATTS, ITL };
  static const tw_csv_column columns[] = {{"model", FALSE},
                                          {"gpu", FALSE},
                                          {"tp", FALSE},
                                          {"ep", FALSE},
                                          {"num_gpus", FALSE},
                                          {"max_num_seqs", FALSE},
                                          {"avg_output_len", FALSE},
                                          {"avg_power_w_all_gpus", FALSE},
                                          {"median_itl_ms", FALSE},
                                          {NULL, FALSE}};
  table t;
  if (!open_in(&t, directory, set->file, columns, error))
    return FALSE;
  while (table_next(&t)) {
    int batch = whole(&t, BATCH), gpus = whole(&t, GPUS), tp = whole(&t, TP), ep = MAX(whole(&t, EP), 1);
    setup s = {.model = translate(models, tw_csv_text(t.csv, MODEL)),
               .device = translate(devices, tw_csv_text(t.csv, GPU)),
               .engine = "vllm-0.12",
               .tp = tp,
               .pp = 1,
               .dp = gpus / tp,
               .ep = ep,
               .replicas = 1,
               .weights = "bf16",
               .kv = "bf16",
               .max_seqs = MAX(batch / (gpus / tp), 1),
               .max_batched = 8192,
               .max_len = 16384};
    g_autofree char *workload = g_strdup_printf(
        "<closed-loop concurrency=\"%d\" requests=\"%d\"><prompt law=\"exponential\" mean=\"200\" "
        "max=\"4000\"/><answer law=\"exponential\" mean=\"%.0f\" max=\"8000\"/></closed-loop>",
        batch, MAX(batch * 4, 100), table_number(&t, OUTPUT));
    validation_case *item = new_case(set, &s, workload);
    item->label = g_strdup_printf("batch %d", batch);
    item->measured[CASE_TPOT] = table_number(&t, ITL) * 1e-3;
    item->measured[CASE_WATTS] = table_number(&t, WATTS) / gpus;
    g_ptr_array_add(cases, item);
  }
  return table_close(&t);
}

/* One batch of equal requests, from its prompts to its last token, with the software of 2023. */
static gboolean read_splitwise(const validation_set *set, const char *directory, GPtrArray *cases,
                               GError **error)
{
  enum { MODEL, HARDWARE, TP, PROMPT, BATCH, TOKENS, PROMPT_MS, TOKEN_MS };
  static const tw_csv_column columns[] = {
      {"model", FALSE},       {"hardware", FALSE},   {"tensor_parallel", FALSE},
      {"prompt_size", FALSE}, {"batch_size", FALSE}, {"token_size", FALSE},
      {"prompt_time", FALSE}, {"token_time", FALSE}, {NULL, FALSE}};
  table t;
  if (!open_in(&t, directory, set->file, columns, error))
    return FALSE;
  g_autofree char *last = NULL;
  while (table_next(&t)) {
    const char *model = translate(models, tw_csv_text(t.csv, MODEL));
    const char *device = translate(devices, tw_csv_text(t.csv, HARDWARE));
    if (model == NULL || device == NULL)
      continue; /* BLOOM is not in the catalogue */
    int prompt = whole(&t, PROMPT), batch = whole(&t, BATCH), tokens = whole(&t, TOKENS);
    setup s = {.model = model,
               .device = device,
               .engine = "transformers",
               .tp = whole(&t, TP),
               .pp = 1,
               .dp = 1,
               .ep = 1,
               .replicas = 1,
               .weights = "bf16",
               .kv = "bf16",
               .max_seqs = batch,
               .max_batched = MAX(batch * prompt, 16384),
               .max_len = 4096};
    s.max_len = MIN(prompt + tokens, 4096);
    if (prompt + tokens > 4096)
      continue; /* beyond the model's positions */
    g_autofree char *workload = closed_loop(batch, 1, prompt, tokens, FALSE);
    validation_case *item = new_case(set, &s, workload);
    item->label = g_strdup_printf("%d/%d b%d", prompt, tokens, batch);
    g_autofree char *key = g_strconcat(item->label, item->shape, NULL);
    if (g_strcmp0(key, last) == 0) { /* the first of several repetitions stands for them */
      validation_case_free(item);
      continue;
    }
    g_free(last);
    last = g_steal_pointer(&key);
    item->measured[CASE_TTFT] = table_number(&t, PROMPT_MS) * 1e-3;
    item->measured[CASE_TPOT] = table_number(&t, TOKEN_MS) * 1e-3;
    g_ptr_array_add(cases, item);
  }
  return table_close(&t);
}

/* A server's own record of one run: the trace is replayed, and the means over its requests compared. */
static gboolean read_vllm_run(const validation_set *set, const char *directory, GPtrArray *cases,
                              GError **error)
{
  enum { ARRIVAL, ANSWER, FIRST, LAST };
  static const tw_csv_column columns[] = {{"arrival_s", FALSE},
                                          {"answer_tokens", FALSE},
                                          {"first_token_s", FALSE},
                                          {"last_token_s", FALSE},
                                          {NULL, FALSE}};
  static const setup s = {"llama-3.1-8b", "rtx-pro-6000", "vllm", 1,   1,    1,      1,   1,
                          "bf16",         NULL,           "bf16", 128, 2048, 131072, NULL};
  table t;
  if (!open_in(&t, directory, set->file, columns, error))
    return FALSE;
  g_autofree char *workload =
      g_strdup_printf("<trace format=\"tokenworks\" file=\"%s/%s\"/>", directory, set->file);
  validation_case *item = new_case(set, &s, workload);
  item->label = g_strdup("300 requests");
  double n = 0, ttft = 0, tpot = 0, e2e = 0;
  for (; table_next(&t); n++) {
    double arrival = table_number(&t, ARRIVAL), first = table_number(&t, FIRST),
           last = table_number(&t, LAST);
    ttft += first - arrival;
    tpot += (last - first) / (table_number(&t, ANSWER) - 1);
    e2e += last - arrival;
  }
  item->measured[CASE_TTFT] = ttft / n;
  item->measured[CASE_TPOT] = tpot / n;
  item->measured[CASE_E2E] = e2e / n;
  g_ptr_array_add(cases, item);
  return table_close(&t);
}

static const char ml_energy_note[] = "Measured is the median gap between tokens; the lengths of the prompts "
                                     "are not recorded and taken as 200 tokens in "
                                     "the mean. Weights are BF16.";
static const char mlperf_note[] =
    "The lengths of the prompts are not recorded and taken as those of OpenOrca (294 tokens in the mean).";
static const char saturation_note[] =
    "3,000 requests at once. The KV cache of gpt-oss-120b is that inferred from the closed-loop runs.";

const validation_set validation_sets[] = {
    {"silicon", "silicon_agg.csv", "closed-loop runs of vLLM, SGLang and TensorRT-LLM", FALSE, TRUE,
     silicon_note, read_silicon},
    {"ml.energy", "ml_energy.csv", "ML.ENERGY leaderboard: vLLM at fixed batch sizes", FALSE, FALSE,
     ml_energy_note, read_ml_energy},
    {"mlperf", "mlperf_runs.csv", "MLPerf Inference v5.1, Llama-2-70B offline", FALSE, FALSE, mlperf_note,
     read_mlperf},
    {"saturation", "trtllm_max_throughput.csv", "TensorRT-LLM's performance overview", FALSE, FALSE,
     saturation_note, read_saturation},
    {"vllm-run", "vllm-rtx-pro-6000-llama-3.1-8b.csv", "a vLLM 0.19 server's record, LLMServingSim (MIT)",
     TRUE, FALSE, NULL, read_vllm_run},
    {"splitwise", "splitwise_perf_model.csv", "Splitwise's A100 measurements (MIT)", TRUE, TRUE, NULL,
     read_splitwise},
    {NULL, NULL, NULL, FALSE, FALSE, NULL, NULL},
};
